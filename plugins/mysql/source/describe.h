/* A description under construction: what the files that describe tables share. */
#ifndef MYSQL_DESCRIBE_H
#define MYSQL_DESCRIBE_H

#include "pool.h"
#include "source.h"

/* The parts of a table as they are collected; lists grow in the pool. */
struct draft {
    struct rnl_table table;
    const char *engine;
    const char *created;
    bool settled;
    uint64_t definition;
    struct rnl_column *columns;
    struct rnl_index *indexes;
    struct rnl_foreign_key *foreign_keys;
    struct rnl_check *checks;
    uint32_t columns_size, indexes_size, foreign_keys_size, checks_size;
};

/* The wanted tables, sorted by name. */
struct drafts {
    struct source *source;
    struct pool pool;
    struct draft *items;
    size_t count, size;
    struct draft *last;  /* of drafts_find: rows of one table come together */
    const char *only;    /* the one table to be described; NULL: all */
    bool asking;         /* drafts_query() only asks ahead */
    struct ahead *ahead; /* see ahead.c */
};

/* NULL: not wanted. */
struct draft *drafts_find(struct drafts *drafts, const char *table);
/* A new last item, zeroed, of a list that grows by doubling; NULL: out of memory. */
void *items_grow(struct pool *pool, void *list, uint32_t *count, uint32_t *size, size_t item);
int column_find(const struct draft *draft, const char *name); /* -1: none */

/* " WHERE column = 'database'" behind sql */
void where_database(struct drafts *drafts, struct text *sql, const char *column);
/* ahead.c: the control thread asks, and takes or forgets what it asked. */
void ahead_ask(struct drafts *drafts, const char *sql);
/* The whole answer, the caller's; NULL: it was not asked, or got none. */
MYSQL_RES *ahead_take(struct drafts *drafts, const char *sql);
void ahead_forget(struct drafts *drafts);

/* Runs sql and frees it; what row_fn returns other than 0 is out of memory. */
typedef int draft_row_fn(struct drafts *drafts, MYSQL_ROW row);
int drafts_query(struct drafts *drafts, struct text *sql, draft_row_fn *row_fn,
                 struct rnl_error *err);

/* query.c: what the operator wants read in the place of tables */
int queries_describe(struct source *source, struct rnl_catalog *catalog, struct rnl_error *err);

/* partitions.c. storage_set: -1: out of memory */
int storage_set(struct drafts *drafts, struct draft *draft, const char *engine, const char *options,
                const char *collation);
int partitions_describe(struct drafts *drafts, struct rnl_error *err);

/*
 * One table as it stands now; *table is NULL when there is none. drafts: zeroed but for the source,
 * whose control connection is used; the table lives as long as its pool, items are malloc'd.
 */
int table_describe(struct drafts *drafts, const char *name, const struct rnl_table **table,
                   struct rnl_error *err);

/* Columns of a row that tells of a column, behind its table's name. */
enum column_field {
    C_TABLE,
    C_NAME, /* from here to C_GENERATED: definition_columns */
    C_NATIVE,
    C_NULLABLE,
    C_CHARSET,
    C_COLLATION,
    C_DEFAULT,
    C_EXTRA,
    C_GENERATED,
    C_TYPE,
    C_LENGTH,
    C_PRECISION,
    C_SCALE,
    C_FRACTION,
    C_COMMENT,
    C_SRID,
    C_FIELDS
};
/* column: zeroed. -1: out of memory, or labels of no known form */
int column_fill(struct pool *pool, bool mariadb, MYSQL_ROW row, struct rnl_column *column);
/* What a load keeps of itself in a target. */
bool table_is_own(const char *name);
int columns_describe(struct drafts *drafts, struct rnl_error *err);
int keys_describe(struct drafts *drafts, struct rnl_error *err);
/* After columns: a MariaDB json_valid check makes its column JSON. */
int checks_describe(struct drafts *drafts, struct rnl_error *err);

#endif
