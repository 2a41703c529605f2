/*
 * What foreign keys of the source did to other tables, as statements: servers other than
 * PostgreSQL and MySQL 9.6 don't log it, and the target's own keys may not do it: they aren't made
 * yet, aren't wanted, or aren't looked at.
 */
#ifndef COMMON_CASCADE_H
#define COMMON_CASCADE_H

#include "buf.h"

#include <runnel/host.h>

/* A foreign key that changes rows of its own table, child, with those of another. */
struct cascade_key {
    const struct cascade_key *next; /* of the same parent */
    uint32_t child;                 /* index in the catalog */
    const struct rnl_foreign_key *key;
    const uint32_t *parent_columns; /* as many as key has */
};

/* Those of a catalog, which must outlive it; read only once made. */
struct cascade_map {
    struct cascade_key **of; /* by the parent's index; NULL: none act on its rows */
    bool *moves;             /* by the child's: whether a key gives its rows other values */
    uint32_t count;
    void **memory;
    size_t nmemory;
};

/* Which value of the row stands in a statement. */
struct cascade_value {
    uint32_t column;
    bool fresh; /* what the row gets; else what it had */
};

/* How a sink says and does it. arg is the sink's own. */
struct cascade_sink {
    void *arg;
    void (*table)(void *arg, uint32_t table, struct buf *sql);
    void (*column)(void *arg, uint32_t table, uint32_t column, struct buf *sql);
    /* Parameter number, from 1: "?", or "$1::bigint"; its value is of a column of that table. */
    void (*mark)(void *arg, uint32_t table, uint32_t column, uint32_t number, struct buf *sql);
    /* Runs it; *rows: that it found. */
    int (*run)(void *arg, struct buf *sql, const struct cascade_value *values, uint32_t count,
               uint64_t *rows, struct rnl_error *err);
    /* Nothing but counts comes back from statements, so that whether rows are there is asked by an
     * UPDATE that changes nothing; and a table that refers to itself wants another form. */
    bool of_mysql;
};

/* false: out of memory. */
bool cascade_map_make(struct cascade_map *map, const struct rnl_host *host,
                      const struct rnl_catalog *catalog);
void cascade_map_free(struct cascade_map *map);

/* Whether there are rows of other tables that depend on a table's. */
static inline bool cascade_has(const struct cascade_map *map, uint32_t table)
{
    return table < map->count && map->of[table];
}
/* Whether some depend on columns that may change while its key, of these columns, stays. */
bool cascade_beyond(const struct cascade_map *map, uint32_t table, const uint32_t *key,
                    uint32_t nkey);
/* Whether a row's values, and with them its key, may change with those of another table's row. */
static inline bool cascade_moves(const struct cascade_map *map, uint32_t table)
{
    return table < map->count && map->moves[table];
}

/* Whether this change of a row sets others off. */
bool cascade_starts(const struct cascade_map *map, const struct rnl_row *row);
/*
 * Does to other tables what the change does to them, before it is done itself. key: the columns
 * that tell the parent's rows apart, for what the row doesn't hold.
 */
int cascade_run(const struct cascade_map *map, const struct cascade_sink *sink,
                const struct rnl_row *row, const uint32_t *key, uint32_t nkey,
                struct rnl_error *err);

/* Whether two values are the same, byte for byte. */
bool cascade_same(const struct rnl_value *a, const struct rnl_value *b);

#endif
