/* A table of the file that follows one of the source: what is known while its steps are made. */
#ifndef SQLITE_EVOLVE_H
#define SQLITE_EVOLVE_H

#include "evolution.h"
#include "map.h"

/* phases of steps: behind the tables that are made, before what map() makes of them */
enum {
    PHASE_ALTER = 15,  /* all of the table, in one transaction */
    PHASE_RENAME = 17, /* a table whose new name was another's */
};

/* All that one call of sink_evolve() works with; control thread. */
struct evolve {
    struct sink *sink;
    struct rnl_job job; /* nothing is dropped or emptied by its policies */
    struct rnl_steps *steps;
    struct rnl_error *err;
    struct mapper was, is;
    uint32_t from, to; /* UINT32_MAX: not there */
    struct evolution e;
    const struct rnl_rename *renamed;
    uint32_t nrenamed;
    struct idents topics;
    struct idents columns; /* that stand */
    struct idents leaving; /* indexes that are dropped */
    const char *standing;  /* the table, as it is called now */
    bool has_rows;
    bool done; /* PHASE_ALTER was done, by a run that was cut off */
    char mark[700];
    struct buf sql; /* of PHASE_ALTER */
};

static inline const struct rnl_table *evolve_was(const struct evolve *e)
{
    return mapper_table(&e->was, e->from);
}
static inline const struct rnl_table *evolve_is(const struct evolve *e)
{
    return mapper_table(&e->is, e->to);
}

/* Fills err with sink.cant_evolve: the table, the object in it (or NULL), why. */
int evolve_refuse(const struct evolve *e, const char *object, const char *fmt, ...)
    RNL_PRINTF(3, 4);
void evolve_tell(const struct evolve *e, const char *code, const char *object, const char *text);
/* Adds a step "what schema.table …"; text is emptied. */
int evolve_step(struct evolve *e, int phase, const char *what, const char *object,
                struct buf *text);

/* evolve_table.c: which columns stand, and what is done to the table, into e->sql: by statements
 * that alter it, or made anew */
int evolve_look(struct evolve *e);
int evolve_table(struct evolve *e);
/* Indexes that go, into e->sql; and steps for those that come. */
int evolve_drop_indexes(struct evolve *e);
int evolve_make_indexes(struct evolve *e);

#endif
