/* What the files of the sqlite source share. */
#ifndef SQLITE_SOURCE_H
#define SQLITE_SOURCE_H

#include "../sqlite.h"
#include "arena.h"

enum dates_policy { DATES_AUTO, DATES_TEXT, DATES_ANY };
enum booleans_policy { BOOLEANS_AUTO, BOOLEANS_INT };

struct source_config {
    struct sq_link link;
    int32_t dates, booleans;
};

enum { KEY_COLUMNS_MAX = 32 };

/* How the rows of a table can be told apart and put in order; sorted by name. */
struct table_info {
    const char *name;
    const char *rowid;      /* a name under which the rowid can be had; NULL: none, or no rowid */
    const char *const *key; /* columns of the primary key of a table WITHOUT ROWID */
    uint32_t nkey;
    int64_t rows, bytes;
};

struct source {
    struct sq_base base;
    const struct source_config *config;
    sqlite3 *control;
    sqlite3 **lanes;
    uint32_t nlanes;
    int64_t schema_version; /* raised by VACUUM too, which gives rows other rowids */
    char *position;
    struct arena arena; /* of infos */
    struct table_info *infos;
    uint32_t ninfos;
};

const struct table_info *info_find(const struct source *source, const char *table);

/* describe.c */
int source_describe(void *self, struct rnl_catalog *catalog, struct rnl_error *err);

/* One table while it is described; all of its parts live in the arena. */
struct draft {
    struct source *source;
    struct arena arena;
    struct rnl_table table;
    struct rnl_column *columns;
    uint32_t ncolumns;
    struct rnl_index *indexes;
    uint32_t nindexes;
    struct rnl_foreign_key *foreign_keys;
    uint32_t nforeign_keys;
    struct rnl_check *checks;
    uint32_t nchecks;
    const char *from; /* what stands behind FROM */
    bool strict, without_rowid, autoincrement;
    int64_t rows, bytes;
};
/* indexes.c: after the columns */
int indexes_describe(struct draft *draft, struct rnl_error *err);
int foreign_keys_describe(struct draft *draft, struct rnl_error *err);
int draft_column(const struct draft *draft, const char *name); /* -1: none */

/* create.c: what only the text of CREATE TABLE and CREATE INDEX says */
bool create_table_read(struct draft *draft, const char *sql);
/* Flags (RNL_FOREIGN_KEY_*) of the foreign key declared as number `index`. */
uint32_t create_foreign_key_flags(const char *sql, uint32_t index);
/* The text of part `index` of CREATE INDEX … (a, b) WHERE …, and of its condition; NULL: none. */
char *create_index_part(struct arena *arena, const char *sql, uint32_t index);
char *create_index_where(struct arena *arena, const char *sql);

/* affinity.c: reads all values, and decides the type of each column by what they are */
int affinity_decide(struct draft *draft, struct rnl_error *err);

/* value.c: a value of the statement's row as one of the column's type */
int value_read(sqlite3_stmt *stmt, int at, const struct rnl_column *column, struct buf *scratch,
               struct rnl_value *out, size_t *offset, struct rnl_error *err);
/* A number that is exact as a decimal: its digits, without an exponent. */
bool decimal_print(struct buf *out, double value);

/* plan.c, cursor.c */
int source_plan(void *self, const struct rnl_catalog *catalog, uint32_t table, int64_t chunk_bytes,
                struct rnl_plan *plan, struct rnl_error *err);
int source_cursor_open(void *self, const struct rnl_catalog *catalog, uint32_t lane,
                       const struct rnl_unit *unit, void **cursor, struct rnl_error *err);
int source_cursor_read(void *cursor, struct rnl_bundle *out, int timeout_ms, struct rnl_error *err);
void source_cursor_close(void *cursor);

/* key.c: where in a table a unit begins, ends, or goes on: the key's values as bytes. */
void key_put(struct buf *out, const struct source *source, sqlite3_stmt *stmt, int first,
             uint32_t count);
/* Binds them to the parameters from `first` on. */
int key_bind(const struct source *source, struct rnl_slice key, sqlite3_stmt *stmt, int first,
             uint32_t count, const char *table, struct rnl_error *err);
/* "rowid" or "a", "b": quoted names, joined */
void key_names(struct buf *sql, const struct table_info *info);
uint32_t key_count(const struct table_info *info); /* 0: the table can't be cut */

#endif
