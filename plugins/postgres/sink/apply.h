/* What the files that apply changes share: statements for many rows at once, and for one. */
#ifndef POSTGRES_APPLY_H
#define POSTGRES_APPLY_H

#include "convert.h"

enum apply_kind {
    APPLY_DELETE,
    APPLY_UPDATE,
    APPLY_MOVE, /* an update that gives its row another key */
    APPLY_INSERT,
    APPLY_ABSENT, /* an insert of rows whose keys aren't there */
};

/* What the error of a statement that is sure says, where it missed a row. */
#define APPLY_NO_ROW "runnel.row_missing "

/* One array that a statement takes: a value of each row. */
struct apply_param {
    uint32_t column;
    bool key;  /* what the row is found by; else what it gets */
    bool text; /* as texts, cast by the server; else in the type's binary form */
    Oid type;  /* of the array */
};

/* A prepared statement for rows of one table that set the same columns. */
struct apply_statement {
    const struct bound_table *table;
    enum apply_kind kind;
    bool *sets; /* by column; ncolumns of them */
    struct apply_param *params;
    uint32_t nparams;
    bool sure; /* it fails where it doesn't find a row of each key */
    bool prepared;
    uint64_t used; /* when, counted in statements */
};

/* A statement and the rows that it is to be run with. */
struct apply_run {
    enum apply_kind kind;
    const struct bound_table *table;
    const struct rnl_row *const *rows;
    uint32_t count;
    bool must; /* each row is to be found */
    bool sure; /* ... and the server sees to that, as nobody looks at the answer before a COMMIT */
    struct apply_statement *statement;
    uint64_t found; /* how many were */
};

/* What was sent without waiting for its answer: see apply_pending.c. */
struct apply_pending {
    bool open;                /* the connection is in a pipeline that wasn't synced */
    uint32_t before;          /* statements ahead of the row's own */
    char doing[512];          /* with the row */
    struct rnl_error missing; /* what to say if the row isn't there; OK: it needn't be */
};

enum { APPLY_STATEMENTS = 256, APPLY_AT_ONCE = 64 };

struct apply {
    struct changeset set;
    struct apply_statement statements[APPLY_STATEMENTS];
    uint32_t nstatements;
    bool named[APPLY_STATEMENTS]; /* the server knows one by the name of this place */
    uint64_t clock;
    bool *sets; /* of the statement that is looked for; room for the widest table */
    uint32_t sets_room;
    struct apply_run *runs;
    uint32_t nruns, runs_room;
    struct buf fields; /* of one statement's parameters */
    size_t *offsets;   /* where each begins there, and behind the last one where it ends */
    const char **values;
    int *lengths, *formats;
    Oid *types;
    uint32_t params_room;
    uint32_t *truncated; /* tables to be emptied */
    uint32_t ntruncated, truncated_room;
    bool replay;
    bool unindexed; /* a table lacks an index on its key */
    bool settled;   /* the session has its settings */
    bool savepoint; /* runnel_set stands in it */
    bool again;     /* rows are gone over once more: policies were counted before */
    struct apply_pending pending;
};

/* apply_bind.c: refuses a row that lacks what the target can't compute; for a table that computes
 */
int apply_computed(const struct bound_table *table, const struct rnl_row *row,
                   struct rnl_error *err);

/* apply_sql.c: a statement of the cache, not yet prepared if it is new; NULL: out of memory */
struct apply_statement *statement_find(struct apply *a, const struct apply_run *run);
bool statement_text(struct buf *sql, const struct apply_statement *st);
void statements_free(struct apply *a);
/* Types without a binary array: as text, cast by the server. */
bool goes_as_text(const struct bound_column *column);
void add_table(struct buf *sql, const struct bound_table *table);
void add_equals(struct buf *sql, const struct bound_column *column);

/*
 * apply_send.c: runs them all in one round trip, behind a savepoint if so asked. RNL_E_DATA: the
 * rows don't go together (or don't fit); the transaction needs to go back to the savepoint.
 */
int runs_send(struct pg_writer *w, struct apply_run *runs, uint32_t count, bool savepoint,
              struct rnl_error *err);
/* Sends a run's values to its statement, which is prepared; in a pipeline. */
int run_send(struct pg_writer *w, const struct apply_run *run, struct rnl_error *err);
int run_prepare(struct pg_writer *w, struct apply_run *run, struct rnl_error *err);
/* What goes before the rows, as far as it is due; *count: how many statements. */
int before_send(struct pg_writer *w, bool savepoint, uint32_t *count, struct rnl_error *err);
void run_describe(const struct apply_run *run, char *doing, size_t size);
/* The value as the policies have it, counted where they changed it; NULL: err says why not. */
const struct rnl_value *apply_value(struct pg_writer *w, const struct bound_table *table,
                                    const struct rnl_row *row, uint32_t column,
                                    const struct rnl_value *value, struct rnl_value *changed,
                                    bool count, struct rnl_error *err);
/* Begins the transaction, if none is open, and makes it ready for changes. */
int apply_settings(struct pg_writer *w, struct rnl_error *err);

/*
 * apply_pending.c: a row that is all of a transaction goes to the server together with the
 * COMMIT. *sent: it will; else nothing was done.
 */
int pending_send(struct pg_writer *w, bool *sent, struct rnl_error *err);

/* apply_one.c: a row by itself, when others are about it or it is none to be gathered */
int apply_one(struct pg_writer *w, const struct bound_table *table, const struct rnl_row *row,
              struct rnl_error *err);
/* Rows of other tables that the source changed with this one, and doesn't tell of. */
int apply_cascades(struct pg_writer *w, const struct bound_table *table, const struct rnl_row *row,
                   struct rnl_error *err);
int apply_missing(const struct bound_table *table, const struct rnl_row *row,
                  struct rnl_error *err);
/* What a group does, as runs: appended. */
int apply_runs_of(struct pg_writer *w, const struct changeset_group *group, struct rnl_error *err);

/* apply_scalar.c: statements with single values */
struct scalars {
    struct buf sql, fields;
    size_t *offsets;
    Oid *types;
    int *formats;
    uint32_t count, room;
};
/* The next parameter; as: the type that it is cast to, or NULL: just what it is. */
int scalars_add(struct pg_writer *w, struct scalars *s, const struct bound_table *table,
                const struct rnl_row *row, uint32_t column, const struct rnl_value *value,
                const char *as, struct rnl_error *err);
int scalars_run(struct pg_writer *w, struct scalars *s, const char *doing, uint64_t *rows,
                struct rnl_error *err);
void scalars_free(struct scalars *s);

/* apply_keyless.c: an update or delete of one of the rows that are equal to before */
int apply_keyless(struct pg_writer *w, const struct bound_table *table, const struct rnl_row *row,
                  uint64_t *found, struct rnl_error *err);

#endif
