/* A table of the target that follows one of the source: what is known while its steps are made. */
#ifndef POSTGRES_EVOLVE_H
#define POSTGRES_EVOLVE_H

#include "bind.h"
#include "evolution.h"
#include "native.h"

/* phases of steps: behind the tables that are made, before what map() makes of them */
enum {
    PHASE_LABELS = 12, /* of enums: they can't be used in the transaction that adds them */
    PHASE_ALTER = 15,  /* all of the table, in one transaction */
    PHASE_RENAME = 17, /* a table whose new name was another's */
};

/* All that one call of sink_evolve() works with; control thread. */
struct evolve {
    struct pg_sink *sink;
    struct rnl_job job; /* nothing is dropped or emptied by its policies */
    struct rnl_steps *steps;
    struct rnl_error *err;
    struct mapper was, is;
    uint32_t from, to; /* UINT32_MAX: not there */
    struct evolution e;
    const struct rnl_rename *renamed;
    uint32_t nrenamed;
    struct idents topics, leaving;
    PGresult *columns; /* those that stand: what found looks at */
    struct found found;
    PGresult *indexes;    /* and indexes: see evolve_parts.c */
    const char *standing; /* the table, as it is called now; quoted */
    bool has_rows;
    bool done; /* PHASE_ALTER was done, by a run that was cut off */
    char mark[700];
    struct buf sql;    /* of PHASE_ALTER */
    struct buf behind; /* of it too: what names the table as it is called in the end */
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

/* evolve_columns.c: what is done to columns, into e->sql */
int evolve_columns(struct evolve *e);
/* evolve_labels.c: labels of enums: steps, or into e->sql */
int evolve_labels(struct evolve *e, uint32_t pair, bool *remade);
int evolve_objects(struct evolve *e);
/* The type of a new column, into e->sql, where the source made it since and the target lacks it. */
void evolve_new_type(struct evolve *e, uint32_t column);

/* evolve_parts.c: which indexes stand; what goes before columns, into e->sql */
int evolve_look(struct evolve *e);
int evolve_drops(struct evolve *e);
/* Names that follow the table's, into e->sql. */
int evolve_names(struct evolve *e);
/* Partitions, into e->sql. */
int evolve_partitions(struct evolve *e);
/* The steps of map() for foreign keys and checks that are new, or all of them. */
int evolve_constraints(struct evolve *e);
/* The steps of map() for what is new. */
int evolve_makes(struct evolve *e);

#endif
