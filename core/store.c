/* The state database: opened, brought to this version's form, its errors told. */
#include "store.h"

#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_NAME "runnel.db"
#define BUSY_MS 5000

struct store {
    pthread_mutex_t lock;
    sqlite3 *db;
    char path[4096];
};

/* Each brings the database from the version that is its place here to the next; none is ever
 * changed. */
static const char *const steps[] = {
    "create table keys (id text primary key, name text not null, hash blob not null,"
    " old_hash blob, old_until_s integer, scopes integer not null, pipelines text,"
    " rate_per_s integer not null default 0, created_s integer not null, expires_s integer,"
    " used_s integer, revoked_s integer) strict, without rowid",
    "create table runs (id integer primary key, pipeline text not null, role text not null,"
    " mode text, began_s integer not null, seen_s integer not null, ended_s integer,"
    " outcome text not null, exit_code integer, rows integer not null default 0,"
    " changes integer not null default 0, bytes integer not null default 0,"
    " set_aside integer not null default 0, error_code text, error_text text) strict;"
    "create index runs_of on runs (pipeline, id);"
    "create table events (id integer primary key, at_ms integer not null, who text not null,"
    " what text not null, about text, detail text) strict;"
    "create index events_of on events (about, id);"
    "create table usage (day text not null, pipeline text not null, rows integer not null,"
    " changes integer not null, bytes integer not null, seconds integer not null,"
    " primary key (day, pipeline)) strict, without rowid",
    "create table replies (key_id text not null, word text not null, print text not null,"
    " at_s integer not null, status integer, type text, body text, location text,"
    " primary key (key_id, word)) strict, without rowid;"
    "create index replies_by_age on replies (at_s)",
};
enum { VERSION = sizeof(steps) / sizeof(steps[0]) };

sqlite3 *store_enter(struct store *store)
{
    pthread_mutex_lock(&store->lock);
    return store->db;
}

void store_leave(struct store *store)
{
    pthread_mutex_unlock(&store->lock);
}

int store_fail(struct store *store, const char *doing, struct rnl_error *err)
{
    const char *why = store->db ? sqlite3_errmsg(store->db) : "out of memory";

    switch (store->db ? sqlite3_errcode(store->db) & 0xff : SQLITE_NOMEM) {
    case SQLITE_FULL:
        rnl_fail(err, RNL_E_RETRY, "store.full", "%s: %s: %s", doing, store->path, why);
        rnl_hint(err, "the disk is full; what runs goes on");
        break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        rnl_fail(err, RNL_E_RETRY, "store.busy", "%s: %s: %s", doing, store->path, why);
        rnl_hint(err, "another process holds it; try again");
        break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        rnl_fail(err, RNL_E_CONFIG, "store.corrupt", "%s: %s is damaged: %s", doing, store->path,
                 why);
        rnl_hint(err, "put a copy back, or move it away: keys and history begin anew then, "
                      "pipelines and their progress don't stand in it");
        break;
    default:
        rnl_fail(err, RNL_E_CONFIG, "store.folder", "%s: %s: %s", doing, store->path, why);
        rnl_hint(err, "the folder must be this user's, with room and writable");
    }
    return err->status;
}

static int run(struct store *store, const char *sql, const char *doing, struct rnl_error *err)
{
    return sqlite3_exec(store->db, sql, NULL, NULL, NULL) == SQLITE_OK
               ? RNL_OK
               : store_fail(store, doing, err);
}

static int version_of(struct store *store, int *version, struct rnl_error *err)
{
    sqlite3_stmt *ask;
    int status = RNL_OK;

    if (sqlite3_prepare_v2(store->db, "pragma user_version", -1, &ask, NULL) != SQLITE_OK ||
        sqlite3_step(ask) != SQLITE_ROW)
        status = store_fail(store, "opening the state", err);
    else
        *version = sqlite3_column_int(ask, 0);
    sqlite3_finalize(ask);
    return status;
}

/* All that is missing, or nothing of it. */
static int migrate(struct store *store, struct rnl_error *err)
{
    char set[64];
    int version = 0;

    if (run(store, "begin immediate", "opening the state", err) != RNL_OK ||
        version_of(store, &version, err) != RNL_OK)
        return err->status;
    for (; version < VERSION; version++)
        if (run(store, steps[version], "bringing the state to this version's form", err) != RNL_OK)
            return err->status;
    if (version > VERSION) {
        rnl_fail(err, RNL_E_CONFIG, "store.newer", "%s was made by a later version of runnel",
                 store->path);
        rnl_hint(err, "run that version, or move the file away");
        return err->status;
    }
    snprintf(set, sizeof(set), "pragma user_version = %d; commit", version);
    return run(store, set, "opening the state", err);
}

static int set_up(struct store *store, struct rnl_error *err)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;

    if (sqlite3_open_v2(store->path, &store->db, flags, NULL) != SQLITE_OK)
        return store_fail(store, "opening the state", err);
    chmod(store->path, 0600);
    sqlite3_extended_result_codes(store->db, 1);
    sqlite3_busy_timeout(store->db, BUSY_MS);
    if (run(store,
            "pragma journal_mode = wal; pragma synchronous = full; pragma trusted_schema = 0",
            "opening the state", err) != RNL_OK)
        return err->status;
    return migrate(store, err);
}

/* Of this user alone, as is what stands in it. */
static int make_folder(const char *path, struct rnl_error *err)
{
    char part[4096];
    size_t len = strlen(path);

    if (len >= sizeof(part))
        return rnl_fail(err, RNL_E_CONFIG, "store.folder", "the state folder's path is too long");
    for (size_t at = 1; at <= len; at++) {
        if (path[at] != '/' && path[at] != '\0')
            continue;
        snprintf(part, sizeof(part), "%.*s", (int)at, path);
        if (mkdir(part, 0700) != 0 && errno != EEXIST)
            return rnl_fail(err, RNL_E_CONFIG, "store.folder",
                            "the state folder %s can't be made: %s", path, strerror(errno));
    }
    return RNL_OK;
}

int store_open(const char *state_dir, struct store **store, struct rnl_error *err)
{
    struct store *fresh;
    mode_t mask;
    int status;

    *store = NULL;
    if (make_folder(state_dir, err) != RNL_OK)
        return err->status;
    fresh = calloc(1, sizeof(*fresh));
    if (!fresh)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory");
    pthread_mutex_init(&fresh->lock, NULL);
    snprintf(fresh->path, sizeof(fresh->path), "%s/" FILE_NAME, state_dir);
    mask = umask(0077);
    status = set_up(fresh, err);
    umask(mask);
    if (status == RNL_OK)
        *store = fresh;
    else
        store_close(fresh);
    return status;
}

void store_close(struct store *store)
{
    if (!store)
        return;
    sqlite3_close(store->db);
    pthread_mutex_destroy(&store->lock);
    free(store);
}

/* --- statements ------------------------------------------------------------------------------- */

void sql_begin(struct sql *sql, struct store *store, const char *text, struct rnl_error *err)
{
    sqlite3 *db = store_enter(store);

    *sql = (struct sql){.store = store, .err = err};
    if (sqlite3_prepare_v2(db, text, -1, &sql->statement, NULL) != SQLITE_OK)
        sql->status = store_fail(store, "the state", err);
}

void sql_text(struct sql *sql, const char *text)
{
    sql->at++;
    if (sql->statement && text)
        sqlite3_bind_text(sql->statement, sql->at, text, -1, SQLITE_TRANSIENT);
}

void sql_number(struct sql *sql, int64_t number)
{
    sql->at++;
    if (sql->statement)
        sqlite3_bind_int64(sql->statement, sql->at, number);
}

bool sql_row(struct sql *sql)
{
    int step;

    if (!sql->statement || sql->status != RNL_OK)
        return false;
    step = sqlite3_step(sql->statement);
    if (step == SQLITE_ROW)
        return true;
    if (step != SQLITE_DONE)
        sql->status = store_fail(sql->store, "the state", sql->err);
    sqlite3_finalize(sql->statement);
    sql->statement = NULL;
    return false;
}

const char *sql_text_at(const struct sql *sql, int column)
{
    const char *text = (const char *)sqlite3_column_text(sql->statement, column);

    return text ? text : "";
}

int64_t sql_number_at(const struct sql *sql, int column)
{
    return sqlite3_column_int64(sql->statement, column);
}

bool sql_null_at(const struct sql *sql, int column)
{
    return sqlite3_column_type(sql->statement, column) == SQLITE_NULL;
}

int sql_end(struct sql *sql, int64_t *changed)
{
    while (sql_row(sql))
        ;
    if (changed)
        *changed = sqlite3_changes(sql->store->db);
    store_leave(sql->store);
    return sql->status;
}
