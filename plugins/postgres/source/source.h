/* What the files of the postgres source share: its connections, its view, what it knows of tables.
 */
#ifndef POSTGRES_SOURCE_H
#define POSTGRES_SOURCE_H

#include "arena.h"
#include "buf.h"
#include "element.h"
#include "position.h"
#include "server.h"

#include <stdlib.h>

enum keyless_policy { KEYLESS_REFUSE, KEYLESS_INSERT_ONLY };

/* Filled by the host from the table in source.c. */
struct source_config {
    struct pg_link link;
    const char *publication, *slot; /* NULL: of the pipeline's own */
    int32_t keyless;
    int64_t slot_timeout_ms;
};

/*
 * What is read alone: a table, or a partition that has none itself. Known beside the
 * catalog; sorted by root, then by name.
 */
struct leaf {
    const char *root_schema, *root; /* the table that it is part of, or the table itself */
    const char *schema, *name;
    Oid oid, root_oid;
    Oid file;         /* of its rows: another one after TRUNCATE or a rewrite */
    int64_t rows;     /* by the server's statistics; -1 when unknown */
    int64_t bytes;    /* with what lies out of line */
    int64_t pages;    /* of its own */
    bool heap;        /* has pages that can be read by range */
    bool readable;    /* SELECT is granted, and no row security stands before it */
    bool is_root;     /* a table without partitions */
    atomic_bool same; /* no row has moved since an interrupted run: looked at by the lanes */
};

/* A column of a table, as it was described. */
struct seen {
    Oid table;
    uint32_t number;
    Oid type;
    int modifier;
};

/* One lane's connection, used by its thread alone. */
struct lane {
    struct pg_conn *conn;
    bool inside;    /* in a transaction that sees the snapshot */
    uint32_t locks; /* tables read in it: each leaves locks behind */
    bool ordered;   /* in it rows come in the order of keys */
};

struct pg_source {
    struct pg_server server;
    struct pg_conn *control; /* of the control thread */
    struct pg_conn *keeper;  /* its transaction keeps the snapshot; it does nothing else */
    char snapshot[64];
    struct lane *lanes;
    uint32_t nlanes;
    char position[POSITION_TEXT]; /* of the view */
    char end[POSITION_TEXT];      /* what log_end() lent last */
    struct follow *follow;        /* follow.h; NULL: changes aren't followed */
    uint64_t number;              /* of this use of the source: at random */
    bool quiet;                   /* one for looking at a table beside: it reports nothing */

    struct arena arena; /* of leaves; made by describe, read only afterwards */
    struct leaf *leaves;
    size_t nleaves, room;
    struct seen *seen; /* by table and number; made and read like leaves */
    size_t nseen, seen_room;
};

extern const struct rnl_plugin source_plugin;

/* A field of a result: NULL for NULL. */
static inline const char *cell(const PGresult *result, int row, int column)
{
    return PQgetisnull(result, row, column) ? NULL : PQgetvalue(result, row, column);
}

static inline bool cell_true(const PGresult *result, int row, int column)
{
    return PQgetvalue(result, row, column)[0] == 't';
}

static inline int64_t cell_number(const PGresult *result, int row, int column)
{
    return strtoll(PQgetvalue(result, row, column), NULL, 10);
}

static inline Oid cell_oid(const PGresult *result, int row, int column)
{
    return (Oid)strtoul(PQgetvalue(result, row, column), NULL, 10);
}

/* describe.c */
extern const char tables_where_sql[]; /* which of c (pg_class) and n (pg_namespace) are tables */
int source_describe(void *self, struct rnl_catalog *catalog, struct rnl_error *err);
/* leaves.c: those of a table, *count of them; NULL: it isn't known */
const struct leaf *leaves_of(const struct pg_source *source, const char *schema, const char *name,
                             size_t *count);
const struct leaf *leaf_find(const struct pg_source *source, const struct rnl_table *table,
                             const char *schema, const char *name);
void leaves_forget(struct pg_source *source);
/* same.c: columns are added in any order, and sorted then; -1: out of memory */
int seen_add(struct pg_source *source, const struct seen *column);
void seen_sort(struct pg_source *source);
void seen_forget(struct pg_source *source);

/* report.c, checks.c */
int source_report(struct pg_source *source, const struct rnl_catalog *catalog,
                  struct rnl_error *err);
int source_check(void *self, const struct rnl_catalog *catalog, struct rnl_error *err);
void source_find(struct pg_source *source, uint32_t severity, const char *code, const char *schema,
                 const char *table, const char *object, const char *text);

/* snapshot.c */
int source_snapshot(void *self, uint32_t *lanes, struct rnl_slice *position, struct rnl_error *err);
void source_leave(struct pg_source *source);
/* The lane has a connection whose transaction sees the snapshot. */
int lane_enter(struct pg_source *source, struct lane *lane, struct rnl_error *err);
void lane_disconnect(struct lane *lane);

/* Whether rows are told apart in a run that follows changes: see struct rnl_start. */
bool table_is_keyless(const struct rnl_table *table);

/* plan.c */
/* By their numbers. */
bool source_same_table(void *self, const struct rnl_table *a, const struct rnl_table *b);
bool source_reads_keys(void *self, const struct rnl_catalog *catalog, uint32_t table,
                       const uint32_t *key, uint32_t nkey);
int source_plan(void *self, const struct rnl_catalog *catalog, uint32_t table, int64_t chunk_bytes,
                struct rnl_plan *plan, struct rnl_error *err);

/* What all cursors begin with: how they are read and closed. */
struct reading {
    int (*read)(void *cursor, struct rnl_bundle *out, int timeout_ms, struct rnl_error *err);
    void (*close)(void *cursor);
};

/* cursor.c */
int source_cursor_open(void *self, const struct rnl_catalog *catalog, uint32_t lane,
                       const struct rnl_unit *unit, void **cursor, struct rnl_error *err);
int chunk_read(void *cursor, struct rnl_bundle *out, int timeout_ms, struct rnl_error *err);

#endif
