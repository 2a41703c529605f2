/* A table of the target that follows one of the source: what is known while its steps are made. */
#ifndef MYSQL_EVOLVE_H
#define MYSQL_EVOLVE_H

#include "evolve_task.h"
#include "map.h"

/* phases of steps: behind the tables that are made, before what map() makes of them */
enum {
    PHASE_RELEASE = 13, /* foreign keys that hold what is altered */
    PHASE_ALTER = 15,   /* all of the table, in one statement */
    PHASE_RENAME = 17,  /* what has a name for a moment, as its own was another's */
    PHASE_PARTITIONS = 19,
};

/* All that one call of sink_evolve() works with; control thread. */
struct evolve {
    struct my_sink *sink;
    struct mapper was, is;
    struct evolve_task task;
    struct idents columns;       /* that stand */
    struct idents constraints;   /* that stand: "f`table`name" a foreign key, "c…" a check */
    struct idents leaving;       /* of these: what is dropped; and "i name" of indexes */
    struct table_name *standing; /* the table, as it is called now */
    bool *crossing; /* of each column of the later form: it has a name for a moment; or NULL */
    bool has_rows;
    struct buf clauses; /* of PHASE_ALTER */
    struct buf later;   /* of PHASE_RENAME: clauses */
};

/* What stands between clauses: adds a comma when there are some. */
struct buf *evolve_clause(struct buf *clauses);

/* evolve_columns.c: clauses for columns */
int evolve_columns(struct evolve *e);
/* Columns that have such a name now: a run was cut off. Clauses go to later; *any: there are. */
int evolve_finish_columns(struct evolve *e, bool *any);

/* evolve_parts.c: what stands */
int evolve_look(struct evolve *e);
/* Steps and clauses for what goes before columns, and for what comes with them, or after those
 * that have a name for a moment. */
int evolve_drops(struct evolve *e);
int evolve_adds(struct evolve *e);
/* Steps for indexes with a statement of their own, foreign keys and partitions. */
int evolve_makes(struct evolve *e);
/* The foreign keys of a table, those that don't stand. */
int evolve_foreign_keys(struct evolve *e);

#endif
