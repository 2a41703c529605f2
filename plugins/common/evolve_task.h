/* One alteration of a table that a target is to follow, as far as any target sees it alike. */
#ifndef COMMON_EVOLVE_TASK_H
#define COMMON_EVOLVE_TASK_H

#include "buf.h"
#include "evolution.h"
#include "ident.h"

#include <runnel/plugin.h>

#define EVOLVE_ID 700 /* of what is noted as done; two names of 300 bytes, and words */

/* What the target calls tables; the mappers are the sink's. */
struct evolve_names {
    const void *was, *is; /* mappers of both catalogs */
    /* as messages name it; the same text: the same table */
    const char *(*called)(const void *mapper, uint32_t table);
    /* by the source's names; UINT32_MAX: this run doesn't carry it */
    uint32_t (*find)(const void *mapper, const char *schema, const char *name);
};

/* Control thread. The host, catalogs and steps are the caller's. */
struct evolve_task {
    const struct rnl_host *host;
    const struct rnl_ctx *ctx;
    struct rnl_job job; /* nothing is dropped or emptied by its policies */
    const struct rnl_catalog *before, *after;
    uint32_t from, to;                /* UINT32_MAX: not there */
    const struct rnl_table *was, *is; /* or NULL */
    const struct rnl_rename *renamed;
    uint32_t nrenamed;
    struct rnl_steps *steps;
    struct rnl_error *err;
    struct evolve_names names; /* the sink's to set, before it refuses anything */
    struct evolution diff;     /* of was and is; filled where both are there */
    struct idents topics;      /* what of the table findings are about */
    char mark[EVOLVE_ID];      /* stands with what is done, once this is */
    bool done;                 /* it is there: a run was cut off behind it */
};

/* false: the target's tables are the operator's, and bind() says what is amiss. */
bool evolve_is_ours(const struct rnl_job *job);
/* The task of a table; the caller fills in the rest down to names. Freed by evolve_end(). */
struct evolve_task evolve_begin(const struct rnl_host *host, const struct rnl_job *job,
                                const struct rnl_catalog *was, uint32_t from,
                                const struct rnl_catalog *is, uint32_t to);
void evolve_end(struct evolve_task *task);
/* Fills diff, topics and mark. */
int evolve_compare(struct evolve_task *task);

/* Fills err with sink.cant_evolve: the table, the object in it (or NULL), why. */
int evolve_refuse(const struct evolve_task *task, const char *object, const char *fmt, ...)
    RNL_PRINTF(3, 4);
/* A warning about the table. */
void evolve_tell(const struct evolve_task *task, const char *code, const char *object,
                 const char *text);
/* Adds a step "what schema.table object"; text is emptied. object may be NULL. */
int evolve_step(struct evolve_task *task, int phase, const char *what, const char *object,
                struct buf *text);

/* "what schema.table": what a step is noted by. */
void evolve_id(const char *what, const struct rnl_table *table, char out[EVOLVE_ID]);
/* What the marks of the table begin with. */
void evolve_id_of_marks(const struct rnl_table *table, char out[EVOLVE_ID]);
/* Refuses where a table that nobody altered would be called otherwise from now on. */
int evolve_check_others(const struct evolve_task *task);
/* Whether the name that the table is to have is left by another with this alteration. */
bool evolve_name_is_left(const struct evolve_task *task);

#endif
