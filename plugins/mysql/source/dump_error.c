/* Why a server ended its log: errors 1236 and 4052 by their words. */
#include "dump.h"

#define LOG_READ_FAILED 1236
#define DUPLICATE_READER 4052
#define NOT_ALLOWED 1227
#define FILE_NOT_FOUND 29 /* MariaDB's, where it looks for a GTID */

struct reason {
    const char *words; /* a part of the server's */
    int status;
    const char *code, *hint;
};

static const char purged_hint[] =
    "the changes in between can't be had any more: load again with --restart, and keep the log "
    "for longer (binlog_expire_logs_seconds)";
static const char ahead_hint[] =
    "the server was restored, reset, or is another than before: point the connection at the "
    "right one, or load again with --restart";
static const char duplicate_hint[] =
    "each reader of a server needs a server_id of its own: is the pipeline running twice?";

static const char missing_hint[] =
    "a file that SHOW BINARY LOGS lists can't be opened by the server: put it back (from a "
    "backup, say), or load again with --restart";

/* The first that fits counts. */
static const struct reason reasons[] = {
    {"same server_uuid/server_id", RNL_E_CONFIG, "mysql.reader_duplicate", duplicate_hint},
    {"same server_id", RNL_E_CONFIG, "mysql.reader_duplicate", duplicate_hint},
    {"purged", RNL_E_CONFIG, "mysql.log_purged", purged_hint},
    {"Could not find first log file", RNL_E_CONFIG, "mysql.log_purged", purged_hint},
    {"Could not open log file", RNL_E_CONFIG, "mysql.log_missing", missing_hint},
    {"more GTIDs than", RNL_E_CONFIG, "mysql.reader_ahead", ahead_hint},
    {"not in the master's binlog", RNL_E_CONFIG, "mysql.reader_ahead", ahead_hint},
    {"position > file size", RNL_E_CONFIG, "mysql.reader_ahead", ahead_hint},
    {"impossible position", RNL_E_CONFIG, "mysql.reader_ahead", ahead_hint},
    {"exceeded max_allowed_packet", RNL_E_CONFIG, "mysql.log_position",
     "raise max_allowed_packet of the server; if that doesn't help, the position is none of its "
     "log: load again with --restart"},
    {"event read from binlog did not pass", RNL_E_CONFIG, "mysql.log_corrupt",
     "the server's log is damaged there: load again with --restart"},
};

int dump_error(struct conn *conn, struct rnl_error *err)
{
    static const char what[] = "reading the server's log";
    unsigned number = mysql_errno(conn->mysql);
    const char *words = mysql_error(conn->mysql);
    int status = error_set(conn, err, what);

    if (number == NOT_ALLOWED)
        rnl_hint(err, "GRANT REPLICATION SLAVE ON *.* TO this user");
    if (number == FILE_NOT_FOUND) {
        status =
            rnl_fail(err, RNL_E_CONFIG, "mysql.log_missing", "%s: %s (%u)", what, words, number);
        rnl_hint(err, "%s", missing_hint);
    }
    if (number == DUPLICATE_READER) {
        status = rnl_fail(err, RNL_E_CONFIG, "mysql.reader_duplicate", "%s: %s (%u)", what, words,
                          number);
        rnl_hint(err, "%s", duplicate_hint);
    }
    if (number != LOG_READ_FAILED)
        return status;
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (strstr(words, reasons[i].words)) {
            rnl_fail(err, reasons[i].status, reasons[i].code, "%s: %s (%u)", what, words, number);
            rnl_hint(err, "%s", reasons[i].hint);
            return err->status;
        }
    return rnl_fail(err, RNL_E_RETRY, "mysql.1236", "%s: %s (%u)", what, words, number);
}
