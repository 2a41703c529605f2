/* What the files of the mysql source share: its settings, its connections, what it knows of tables.
 */
#ifndef MYSQL_SOURCE_H
#define MYSQL_SOURCE_H

#include "server.h"

#include <stdatomic.h>

/* Filled by the host from the option table in plugin.c. */
struct mysql_config {
    struct mysql_link link;
    int64_t server_id; /* 0: made up */
};

/* What plan and cursor must know of a table beside the catalog; sorted by name. */
struct table_info {
    char *name;
    uint64_t definition; /* hash of its columns, see definition_add() */
    char created[20];    /* CREATE_TIME */
    bool settled;        /* any ALTER since would show in created */
    bool clustered;      /* InnoDB: a read in the order of its key is a plain scan */
};

struct parked; /* changes_park.c */

struct source {
    const struct rnl_ctx *ctx;
    struct my_server server;
    struct conn *control;
    bool binlog; /* the server writes one */
    struct conn **lanes;
    uint32_t nlanes;
    struct table_info *tables;
    size_t ntables;
    char *position; /* JSON text, see position.h */

    /* of following changes, from follow on */
    bool following;
    bool resuming;
    bool gtids;      /* positions are told by GTIDs */
    bool names_fold; /* names of tables are one whatever their case */
    char **keyless;  /* tables without a key: read whole, in an exact view */
    size_t nkeyless;
    char **lane_positions; /* where each lane's own view stands exactly; NULL: nowhere */
    uint32_t server_id;    /* ours, as the server counts its readers */
    char reader_uuid[40];
    char server_uuid[64];
    char *log_end;                   /* lent by source_log_end */
    _Atomic(struct parked *) parked; /* what a cursor of changes left for the next; or NULL */
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

/* follow.c: what following needs is there, and what it is told by */
int source_follow(void *self, const char *pipeline, const struct rnl_catalog *catalog,
                  bool resuming, struct rnl_error *err);
int source_unfollow(void *self, const char *pipeline, struct rnl_error *err);
void follow_free(struct source *source);
bool table_has_key(const struct rnl_table *table); /* that names each row */

/* log.c: the end of the log, and how far from it one is */
int source_log_end(void *self, struct rnl_slice *position, struct rnl_error *err);
bool source_log_reached(void *self, struct rnl_slice position, struct rnl_slice goal);
int source_log_state(void *self, struct rnl_slice position, struct rnl_log_state *state,
                     struct rnl_error *err);
bool source_reads_keys(void *self, const struct rnl_catalog *catalog, uint32_t table,
                       const uint32_t *key, uint32_t nkey);
const char *log_status_query(const struct source *source); /* file, position, filters */
int source_identity(struct source *source, struct conn *conn, struct rnl_error *err);

/* changes.c: a cursor of changes */
int changes_open(struct source *source, const struct rnl_catalog *catalog,
                 const struct rnl_unit *unit, void **cursor, struct rnl_error *err);
int changes_read(void *cursor, struct rnl_bundle *out, int timeout_ms, struct rnl_error *err);
void changes_close(void *cursor);

/* changes_park.c */
void parked_free(struct source *source);

/* cursor.c. The first member of any cursor says which. */
enum cursor_kind { CURSOR_ROWS = 1, CURSOR_CHANGES };
int source_cursor_open(void *self, const struct rnl_catalog *catalog, uint32_t lane,
                       const struct rnl_unit *unit, void **cursor, struct rnl_error *err);
int source_cursor_read(void *cursor, struct rnl_bundle *out, int timeout_ms, struct rnl_error *err);
void source_cursor_close(void *cursor);

#endif
