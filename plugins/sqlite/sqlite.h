/* What source and sink share of SQLite: files, statements, errors. */
#ifndef SQLITE_H
#define SQLITE_H

#include "buf.h"
#include "element.h"

#include <pthread.h>
#include <runnel/plugin.h>
#include <sqlite3.h>
#include <stdlib.h>

/* Options that both have: which file, and how long to wait for who holds it. */
struct sq_link {
    const char *path;
    int64_t busy_timeout_ms;
};

/* The items of an option table for a struct whose member link is the one above. */
#define LINK_OPTIONS(config, path_help)                                                          \
    {"path",                                                                                     \
     NULL,                                                                                       \
     path_help,                                                                                  \
     NULL,                                                                                       \
     RNL_O_FILE,                                                                                 \
     RNL_O_CONNECTION | RNL_O_REQUIRED,                                                          \
     offsetof(config, link) + offsetof(struct sq_link, path),                                    \
     0,                                                                                          \
     0},                                                                                         \
    {                                                                                            \
        "busy_timeout", "30s", "How long to wait for another process that holds the file", NULL, \
            RNL_O_DURATION, RNL_O_CONNECTION,                                                    \
            offsetof(config, link) + offsetof(struct sq_link, busy_timeout_ms), 0, 3600000       \
    }

/* One file that several connections are open on; interrupt() reaches them all. */
struct sq_base {
    const struct rnl_ctx *ctx;
    const struct sq_link *link;
    pthread_mutex_t lock; /* guards what follows */
    sqlite3 **open;
    uint32_t nopen, room;
    bool interrupted;
};

/* file.c */
void base_init(struct sq_base *base, const struct rnl_ctx *ctx, const struct sq_link *link);
void base_free(struct sq_base *base);
/* Opens the file: for reading alone, or for writing (it is created when missing). */
int base_open(struct sq_base *base, bool writing, sqlite3 **db, struct rnl_error *err);
void base_close(struct sq_base *base, sqlite3 *db); /* NULL is fine */
/*
 * Of a connection that isn't needed for a while: gives back its pages and what it knows of the
 * tables, which it learns again when it has to. With thousands of tables that is most of it.
 */
void base_rest(sqlite3 *db);
/* Bytes that a connection keeps of the file's tables: each has its own. */
int64_t base_schema_bytes(sqlite3 *db);
/* The connection waits for who holds the file, by the option busy_timeout: so base_open leaves it.
 */
void base_busy(struct sq_base *base, sqlite3 *db);
/* All that runs, and all from now on, fails with RNL_E_RETRY. Any thread. */
void base_interrupt(struct sq_base *base);

/* Statements that give no rows, one or several; doing: "create the table t". */
int sq_run(sqlite3 *db, const char *sql, const char *doing, struct rnl_error *err);
int sq_prepare(sqlite3 *db, const char *sql, const char *doing, sqlite3_stmt **stmt,
               struct rnl_error *err);
/* RNL_OK: a row; RNL_DONE; or an error. */
int sq_step(sqlite3_stmt *stmt, const char *doing, struct rnl_error *err);
/* The first column of the first row as a number; 0 when there is none. */
int sq_number(sqlite3 *db, const char *sql, int64_t *number, struct rnl_error *err);
/* A column's text, "" for NULL; lent until the next step. */
const char *sq_text(sqlite3_stmt *stmt, int column);

/* error.c: rc is a result code of the library. */
int error_sqlite(sqlite3 *db, int rc, const char *doing, struct rnl_error *err);
int error_memory(struct rnl_error *err);

extern const struct rnl_plugin sqlite_source;

#endif
