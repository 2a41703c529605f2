/* What the files of the mysql source share: its settings, its connections, what it knows of tables.
 */
#ifndef MYSQL_SOURCE_H
#define MYSQL_SOURCE_H

#include <mysql.h>
#include <pthread.h>
#include <runnel/plugin.h>
#include <stdlib.h>

#include "text.h"

enum tls_mode { TLS_AUTO, TLS_OFF, TLS_REQUIRE, TLS_VERIFY_CA, TLS_VERIFY_FULL };
#define TLS_WORDS "auto|off|require|verify-ca|verify-full"

/* Filled by the host from the option table in plugin.c. */
struct mysql_config {
    const char *host, *socket, *database, *user;
    int64_t port;
    const struct rnl_secret *password;
    int32_t tls_mode;
    const char *tls_ca, *tls_cert, *tls_key, *tls_fingerprint;
    const char *server_public_key;
    int64_t connect_timeout_ms, read_timeout_ms;
};

/* One connection, used by one thread at a time. */
struct conn {
    MYSQL *mysql;
    struct source *source;
    struct conn *next; /* in source->conns, under source->lock */
    int fd;            /* our own copy of the socket: after an error the library closes its one */
};

/* What plan and cursor must know of a table beside the catalog; sorted by name. */
struct table_info {
    char *name;
    uint64_t definition; /* hash of its columns, see definition_add() */
    char created[20];    /* CREATE_TIME */
    bool clustered;      /* InnoDB: a read in the order of its key is a plain scan */
};

struct source {
    const struct rnl_ctx *ctx;
    const struct mysql_config *config;
    struct conn *control;
    char *database; /* as the server spells it */
    bool mariadb;
    unsigned version; /* 80036, 101119 */
    bool binlog;      /* the server writes one */
    struct conn **lanes;
    uint32_t nlanes;
    struct table_info *tables;
    size_t ntables;
    char *position; /* JSON text, see snapshot.c */

    pthread_mutex_t lock; /* of the two below: interrupt comes from any thread */
    struct conn *conns;
    bool interrupted;
};

/* conn.c: open and close from the thread that uses it */
int conn_open(struct source *source, struct conn **conn, struct rnl_error *err);
void conn_close(struct conn *conn);
void conns_interrupt(struct source *source);
/* Runs one statement without a result. */
int conn_run(struct conn *conn, const char *sql, struct rnl_error *err);
/* Runs one statement; its rows are read as they come: mysql_fetch_row(), mysql_free_result(). */
int conn_query(struct conn *conn, const char *sql, MYSQL_RES **result, struct rnl_error *err);
/* The column of the first row, malloc'd; *value is NULL when there is none. */
int conn_value(struct conn *conn, const char *sql, unsigned column, char **value,
               struct rnl_error *err);
/* After mysql_fetch_row() gave NULL: whether that was the end, or an error. */
int conn_finish(struct conn *conn, MYSQL_RES *result, const char *what, struct rnl_error *err);

/* error.c: a server's or the library's error number in the host's words */
int error_set(struct conn *conn, struct rnl_error *err, const char *what);
int error_connect(const struct source *source, MYSQL *mysql, struct rnl_error *err);
int error_memory(struct rnl_error *err);

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

/* cursor.c */
int source_cursor_open(void *self, const struct rnl_catalog *catalog, uint32_t lane,
                       const struct rnl_unit *unit, void **cursor, struct rnl_error *err);
int source_cursor_read(void *cursor, struct rnl_bundle *out, int timeout_ms, struct rnl_error *err);
void source_cursor_close(void *cursor);

#endif
