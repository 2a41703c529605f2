/* What a sink hands the host about a table: findings, and steps. */
#ifndef COMMON_TELL_H
#define COMMON_TELL_H

#include "arena.h"
#include "buf.h"

#include <runnel/host.h>
#include <stdarg.h>

/* The finding about the table, with the text; what else it says is filled in. */
void tell_finding(const struct rnl_host *host, const struct rnl_ctx *ctx,
                  const struct rnl_table *table, const struct rnl_finding *finding, const char *fmt,
                  ...) RNL_PRINTF(5, 6);
void tell_finding_of(const struct rnl_host *host, const struct rnl_ctx *ctx,
                     const struct rnl_table *table, const struct rnl_finding *finding,
                     const char *fmt, va_list ap) RNL_PRINTF(5, 0);
/* Adds the step as "what schema.table object"; text is emptied. object may be NULL. */
int tell_step(const struct rnl_host *host, struct rnl_steps *steps, const struct rnl_table *table,
              struct rnl_step *step, const char *what, const char *object, struct buf *text,
              struct rnl_error *err);

/* Of each sequence that numbers no column, where the target has none: the others live on in their
 * columns' own counters. */
void tell_sequences(const struct rnl_host *host, const struct rnl_ctx *ctx,
                    const struct rnl_catalog *catalog);
/* Out of memory. */
int tell_memory(struct rnl_error *err);

/* A step that evolve keeps for itself, until it knows whether it is needed. */
struct kept_step {
    struct kept_step *next;
    enum rnl_phase phase;
    const char *what, *object, *text; /* object may be NULL */
};

/* Start with zeros; a kept_steps isn't moved once it holds one. */
struct kept_steps {
    struct arena arena;
    struct kept_step *first, **end;
};
/* text is emptied. */
int kept_add(struct kept_steps *kept, enum rnl_phase phase, const char *what, const char *object,
             struct buf *text, struct rnl_error *err);
void kept_free(struct kept_steps *kept);

#endif
