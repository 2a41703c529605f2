/* A table of the target that follows one of the source: what is known while its steps are made. */
#ifndef POSTGRES_EVOLVE_H
#define POSTGRES_EVOLVE_H

#include "bind.h"
#include "evolve_task.h"
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
    struct mapper was, is;
    struct evolve_task task;
    struct idents leaving;
    PGresult *columns; /* those that stand: what found looks at */
    struct found found;
    PGresult *indexes;    /* and indexes: see evolve_parts.c */
    const char *standing; /* the table, as it is called now; quoted */
    bool has_rows;
    struct buf sql;    /* of PHASE_ALTER */
    struct buf behind; /* of it too: what names the table as it is called in the end */
};

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
/* Whether the target's table is of this pipeline; and drops a foreign key of one, in e->sql. */
bool evolve_has_table(const struct evolve *e, const char *schema, const char *name);
void evolve_drop_key(struct evolve *e, const char *schema, const char *table, const char *name);
/* Names that follow the table's, into e->sql. */
int evolve_names(struct evolve *e);
/* Partitions, into e->sql. */
int evolve_partitions(struct evolve *e);
/* The steps of map() for foreign keys and checks that are new, or all of them. */
int evolve_constraints(struct evolve *e);
/* The steps of map() for what is new. */
int evolve_makes(struct evolve *e);

#endif
