/* What the files of the mysql source share: its settings, its connections, what it knows of tables.
 */
#ifndef MYSQL_SOURCE_H
#define MYSQL_SOURCE_H

#include "server.h"

/* Filled by the host from the option table in plugin.c. */
struct mysql_config {
    struct mysql_link link;
};

/* What plan and cursor must know of a table beside the catalog; sorted by name. */
struct table_info {
    char *name;
    uint64_t definition; /* hash of its columns, see definition_add() */
    char created[20];    /* CREATE_TIME */
    bool settled;        /* any ALTER since would show in created */
    bool clustered;      /* InnoDB: a read in the order of its key is a plain scan */
};

struct source {
    const struct rnl_ctx *ctx;
    struct my_server server;
    struct conn *control;
    bool binlog; /* the server writes one */
    struct conn **lanes;
    uint32_t nlanes;
    struct table_info *tables;
    size_t ntables;
    char *position; /* JSON text, see snapshot.c */
};

/* session.c */
int source_session_set(struct conn *conn, struct rnl_error *err);

/* describe.c, objects.c, checks.c */
int source_describe(void *self, struct rnl_catalog *catalog, struct rnl_error *err);
int objects_report(struct source *source, const struct rnl_catalog *catalog, struct rnl_error *err);
int source_check(void *self, const struct rnl_catalog *catalog, struct rnl_error *err);

/* definition.c: has a table changed since it was described? */
void definition_add(uint64_t *hash, const char *text);
int definition_check(struct source *source, struct conn *conn, const struct rnl_table *table,
                     struct rnl_error *err);
extern const char definition_columns[];
const struct table_info *table_info_find(const struct source *source, const char *name);
void table_infos_free(struct source *source);

/* snapshot.c */
int source_snapshot(void *self, uint32_t *lanes, struct rnl_slice *position, struct rnl_error *err);
void lanes_close(struct source *source);

/* ranges.c */
int source_plan(void *self, const struct rnl_catalog *catalog, uint32_t table, int64_t chunk_bytes,
                struct rnl_plan *plan, struct rnl_error *err);

/* query.c: a query in the place of a table's name */
void query_from(struct text *sql, const char *query);

/* cursor.c */
int source_cursor_open(void *self, const struct rnl_catalog *catalog, uint32_t lane,
                       const struct rnl_unit *unit, void **cursor, struct rnl_error *err);
int source_cursor_read(void *cursor, struct rnl_bundle *out, int timeout_ms, struct rnl_error *err);
void source_cursor_close(void *cursor);

#endif
