/* The library's result codes in the host's words. */
#include "sqlite.h"

int error_memory(struct rnl_error *err)
{
    return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for SQLite");
}

static const char *hint_of(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return "another process holds the file: end it, or wait longer with busy_timeout";
    case SQLITE_FULL:
        return "make room on the disk that holds the file";
    case SQLITE_CORRUPT:
        return "look at the file with: sqlite3 FILE 'PRAGMA integrity_check'";
    case SQLITE_NOTADB:
        return "is this the file of an SQLite database, and is it not encrypted?";
    case SQLITE_CANTOPEN:
        return "look at the path, the rights on it and on its folder (a database in WAL mode "
               "needs its -shm file beside it)";
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return "the file and its folder must be writable by this user";
    default:
        return "";
    }
}

static int status_of(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_INTERRUPT:
    case SQLITE_PROTOCOL:
        return RNL_E_RETRY;
    case SQLITE_CONSTRAINT:
    case SQLITE_TOOBIG:
    case SQLITE_MISMATCH:
    case SQLITE_RANGE:
        return RNL_E_DATA;
    case SQLITE_NOMEM:
    case SQLITE_MISUSE:
    case SQLITE_INTERNAL:
        return RNL_E_FATAL;
    default:
        return RNL_E_CONFIG;
    }
}

int error_sqlite(sqlite3 *db, int rc, const char *doing, struct rnl_error *err)
{
    char code[40];

    if ((rc & 0xff) == SQLITE_INTERRUPT)
        return rnl_fail(err, RNL_E_RETRY, "sqlite.interrupted", "%s: interrupted", doing);
    snprintf(code, sizeof(code), "sqlite.%d", rc);
    rnl_fail(err, status_of(rc), code, "%s: %s", doing,
             db ? sqlite3_errmsg(db) : sqlite3_errstr(rc));
    rnl_hint(err, "%s", hint_of(rc));
    return err->status;
}
