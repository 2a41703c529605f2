/* A table of the file that follows one of the source: what is known while its steps are made. */
#ifndef SQLITE_EVOLVE_H
#define SQLITE_EVOLVE_H

#include "evolve_task.h"
#include "map.h"

/* phases of steps: behind the tables that are made, before what map() makes of them */
enum {
    PHASE_ALTER = 15,  /* all of the table, in one transaction */
    PHASE_RENAME = 17, /* a table whose new name was another's */
};

/* All that one call of sink_evolve() works with; control thread. */
struct evolve {
    struct sink *sink;
    struct mapper was, is;
    struct evolve_task task;
    struct idents columns; /* that stand */
    struct idents leaving; /* indexes that are dropped */
    const char *standing;  /* the table, as it is called now */
    bool has_rows;
    struct buf sql; /* of PHASE_ALTER */
};

/* evolve_table.c: which columns stand, and what is done to the table, into e->sql: by statements
 * that alter it, or made anew */
int evolve_look(struct evolve *e);
int evolve_table(struct evolve *e);
/* Indexes that go, into e->sql; and steps for those that come. */
int evolve_drop_indexes(struct evolve *e);
int evolve_make_indexes(struct evolve *e);

#endif
