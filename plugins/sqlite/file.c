/* Opens the file, and keeps track of the connections on it. */
#include "sqlite.h"

#include <errno.h>
#include <unistd.h>

void base_init(struct sq_base *base, const struct rnl_ctx *ctx, const struct sq_link *link)
{
    *base = (struct sq_base){.ctx = ctx, .link = link};
    pthread_mutex_init(&base->lock, NULL);
}

void base_free(struct sq_base *base)
{
    free(base->open);
    pthread_mutex_destroy(&base->lock);
}

static int remember(struct sq_base *base, sqlite3 *db, struct rnl_error *err)
{
    int status = RNL_OK;

    pthread_mutex_lock(&base->lock);
    if (base->nopen == base->room) {
        uint32_t room = base->room ? base->room * 2 : 16;
        sqlite3 **open = realloc(base->open, room * sizeof(sqlite3 *));

        if (open) {
            base->open = open;
            base->room = room;
        } else
            status = error_memory(err);
    }
    if (status == RNL_OK) {
        base->open[base->nopen++] = db;
        if (base->interrupted)
            status = error_sqlite(NULL, SQLITE_INTERRUPT, "open the file", err);
    }
    pthread_mutex_unlock(&base->lock);
    return status;
}

static bool is_interrupted(struct sq_base *base)
{
    bool interrupted;

    pthread_mutex_lock(&base->lock);
    interrupted = base->interrupted;
    pthread_mutex_unlock(&base->lock);
    return interrupted;
}

/* Called by the library from time to time within a statement: other than 0 breaks it off. */
static int on_progress(void *arg)
{
    return is_interrupted(arg);
}

/* Waits for who holds the file, as sqlite3_busy_timeout() does, and can be interrupted. */
static int on_busy(void *arg, int times)
{
    struct sq_base *base = arg;
    int64_t waited_ms = (int64_t)times * 10;

    if (waited_ms >= base->link->busy_timeout_ms || is_interrupted(base))
        return 0;
    sqlite3_sleep(10);
    return 1;
}

void base_busy(struct sq_base *base, sqlite3 *db)
{
    sqlite3_busy_handler(db, on_busy, base);
}

int base_open(struct sq_base *base, bool writing, sqlite3 **out, struct rnl_error *err)
{
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_PRIVATECACHE;
    const char *path = base->link->path;
    char doing[600];
    sqlite3 *db = NULL;
    int rc, status;

    snprintf(doing, sizeof(doing), "open the file %s", path);
    flags |= writing ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
    if (!writing && access(path, R_OK) != 0) {
        rnl_fail(err, RNL_E_CONFIG, "sqlite.cant_open", "the file %s can't be read: %s", path,
                 strerror(errno));
        rnl_hint(err, "a URL has three slashes before an absolute path: sqlite:///var/lib/app.db");
        return err->status;
    }
    rc = sqlite3_open_v2(path, &db, flags, NULL);
    if (rc != SQLITE_OK) {
        status = error_sqlite(db, rc, doing, err);
        sqlite3_close_v2(db);
        return status;
    }
    base_busy(base, db);
    sqlite3_progress_handler(db, 10000, on_progress, base);
    sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    status = remember(base, db, err);
    if (status == RNL_OK)
        status = sq_run(db, "SELECT count(*) FROM sqlite_schema", doing, err);
    if (status != RNL_OK) {
        base_close(base, db);
        return status;
    }
    *out = db;
    return RNL_OK;
}

void base_close(struct sq_base *base, sqlite3 *db)
{
    pthread_mutex_lock(&base->lock);
    for (uint32_t i = 0; db && i < base->nopen; i++)
        if (base->open[i] == db)
            base->open[i] = base->open[--base->nopen];
    pthread_mutex_unlock(&base->lock);
    sqlite3_close_v2(db);
}

void base_rest(sqlite3 *db)
{
    sqlite3_exec(db, "PRAGMA writable_schema = RESET", NULL, NULL, NULL);
    sqlite3_db_release_memory(db);
}

int64_t base_schema_bytes(sqlite3 *db)
{
    int now = 0, most = 0;

    return sqlite3_db_status(db, SQLITE_DBSTATUS_SCHEMA_USED, &now, &most, 0) == SQLITE_OK ? now
                                                                                           : 0;
}

void base_interrupt(struct sq_base *base)
{
    pthread_mutex_lock(&base->lock);
    base->interrupted = true;
    for (uint32_t i = 0; i < base->nopen; i++)
        sqlite3_interrupt(base->open[i]);
    pthread_mutex_unlock(&base->lock);
}

int sq_run(sqlite3 *db, const char *sql, const char *doing, struct rnl_error *err)
{
    int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);

    return rc == SQLITE_OK ? RNL_OK : error_sqlite(db, rc, doing, err);
}

int sq_prepare(sqlite3 *db, const char *sql, const char *doing, sqlite3_stmt **stmt,
               struct rnl_error *err)
{
    int rc = sqlite3_prepare_v2(db, sql, -1, stmt, NULL);

    return rc == SQLITE_OK ? RNL_OK : error_sqlite(db, rc, doing, err);
}

int sq_step(sqlite3_stmt *stmt, const char *doing, struct rnl_error *err)
{
    int rc = sqlite3_step(stmt);

    if (rc == SQLITE_ROW)
        return RNL_OK;
    return rc == SQLITE_DONE ? RNL_DONE : error_sqlite(sqlite3_db_handle(stmt), rc, doing, err);
}

int sq_number(sqlite3 *db, const char *sql, int64_t *number, struct rnl_error *err)
{
    sqlite3_stmt *stmt;
    int status = sq_prepare(db, sql, sql, &stmt, err);

    *number = 0;
    if (status != RNL_OK)
        return status;
    status = sq_step(stmt, sql, err);
    if (status == RNL_OK)
        *number = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return status < 0 ? status : RNL_OK;
}

const char *sq_text(sqlite3_stmt *stmt, int column)
{
    const unsigned char *text = sqlite3_column_text(stmt, column);

    return text ? (const char *)text : "";
}
