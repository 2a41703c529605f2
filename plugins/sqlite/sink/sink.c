/* The sqlite sink: its options, its life from open to close, and the claim on the file. */
#include "sink.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#define AT(member) offsetof(struct sink_config, member)
#define CLAIM_TRIES \
    100 /* of 50 ms: a process that was just killed may hold the lock a moment more */

static const struct rnl_option options[] = {
    LINK_OPTIONS(struct sink_config, "The file to write; it is made when it isn't there"),
    {"journal", "wal", "How the file is written during a run: write-ahead log or rollback journal",
     "wal|rollback", RNL_O_ENUM, 0, AT(journal), 0, 0},
    {"cache", "8M", "Pages of the file that are kept in memory while it is written", NULL,
     RNL_O_SIZE, 0, AT(cache), 1 << 20, 1LL << 36},
    {"numeric", "text", "decimal: text, which keeps all digits, or real, which keeps 15",
     "text|real", RNL_O_ENUM, 0, AT(numeric), 0, 0},
    {"uuid", "text", "uuid: text of 36 characters, or a blob of 16 bytes", "text|blob", RNL_O_ENUM,
     0, AT(uuid), 0, 0},
    {"enum", "check", "enum: text with a CHECK, or plain text", "check|text", RNL_O_ENUM, 0,
     AT(enums), 0, 0},
    {"lengths", "ignore", "varchar(n): SQLite has no lengths; check makes a CHECK of them",
     "ignore|check", RNL_O_ENUM, 0, AT(lengths), 0, 0},
    {"nonfinite", "text", "NaN, which SQLite's REAL lacks: the text NaN, NULL, or an error",
     "text|null|error", RNL_O_ENUM, 0, AT(nonfinite), 0, 0},
    {"schemas", "auto",
     "Schemas: auto puts main, public and a source's only one into plain names, others before them",
     "auto|prefix|ignore", RNL_O_ENUM, 0, AT(schemas), 0, 0},
};

static int open_control(struct sink *sink, struct rnl_error *err)
{
    const char *path = sink->config->link.path;
    int rc;

    sink->missing = access(path, F_OK) != 0 && errno == ENOENT;
    if (!sink->missing)
        return base_open(&sink->base, false, &sink->control, err);
    /* who only looks makes no file */
    rc = sqlite3_open_v2(":memory:", &sink->control, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                         NULL);
    return rc == SQLITE_OK ? RNL_OK
                           : error_sqlite(sink->control, rc, "open an empty database", err);
}

static void close_write(struct sink *sink)
{
    if (!sink->write)
        return;
    statements_forget(sink);
    if (sink->restore_journal) { /* works even when interrupted: others are closed already */
        sqlite3_progress_handler(sink->write, 0, NULL, NULL);
        sqlite3_exec(sink->write, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
    }
    base_close(&sink->base, sink->write);
    sink->write = NULL;
}

static void sink_close(void *self)
{
    struct sink *sink = self;

    if (!sink)
        return;
    base_close(&sink->base, sink->control);
    close_write(sink);
    /* last: a file descriptor that is closed takes the library's locks on the file along */
    if (sink->lock_fd >= 0)
        close(sink->lock_fd);
    cascade_map_free(&sink->cascades);
    arena_free(&sink->arena);
    turn_free(&sink->turn);
    base_free(&sink->base);
    free(sink->owned);
    free(sink);
}

static int sink_open(const struct rnl_ctx *ctx, void **self, struct rnl_error *err)
{
    struct sink *sink = calloc(1, sizeof(*sink));
    int status;

    if (!sink)
        return error_memory(err);
    sink->ctx = ctx;
    sink->host = ctx->host;
    sink->config = ctx->config;
    sink->lock_fd = -1;
    base_init(&sink->base, ctx, &sink->config->link);
    turn_init(&sink->turn);
    status = open_control(sink, err);
    if (status != RNL_OK) {
        sink_close(sink);
        return status;
    }
    *self = sink;
    return RNL_OK;
}

/* A lock beside those of the library: gone with the process, however that ends. */
static int lock_file(struct sink *sink, struct rnl_error *err)
{
    const char *path = sink->config->link.path;

    if (sink->lock_fd >= 0)
        return RNL_OK;
    sink->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (sink->lock_fd < 0) {
        rnl_fail(err, errno == ENOSPC ? RNL_E_RETRY : RNL_E_CONFIG, "sqlite.cant_open",
                 "the file %s can't be written: %s", path, strerror(errno));
        rnl_hint(err, "look at the path, and at the rights on the file and its folder");
        return err->status;
    }
    for (int i = 0; i < CLAIM_TRIES && !atomic_load(&sink->interrupted); i++) {
        if (flock(sink->lock_fd, LOCK_EX | LOCK_NB) == 0)
            return RNL_OK;
        if (errno != EWOULDBLOCK && errno != EINTR)
            break;
        usleep(50000);
    }
    if (atomic_load(&sink->interrupted))
        return error_interrupted(err);
    rnl_fail(err, RNL_E_CONFIG, "sink.pipeline_busy", "another run writes into the file %s", path);
    rnl_hint(err, "wait until it ends, or stop it: a file takes one run at a time");
    return err->status;
}

/* Whether the file is in WAL mode now. */
static int is_wal(sqlite3 *db, bool *wal, struct rnl_error *err)
{
    sqlite3_stmt *stmt;
    int status = sq_prepare(db, "PRAGMA journal_mode", "look at the journal", &stmt, err);

    if (status == RNL_OK) {
        status = sq_step(stmt, "look at the journal", err);
        *wal = status == RNL_OK && strcmp(sq_text(stmt, 0), "wal") == 0;
        sqlite3_finalize(stmt);
    }
    return status;
}

/* WAL mode can't be begun while anybody reads: a repair, which reads itself, does without. */
static int enter_wal(struct sink *sink, bool *wal, struct rnl_error *err)
{
    bool was = false;
    int status = is_wal(sink->write, &was, err);

    *wal = was;
    if (status != RNL_OK || was || sink->config->journal != JOURNAL_WAL)
        return status;
    sqlite3_busy_timeout(sink->write, 0);
    status = sq_run(sink->write, "PRAGMA journal_mode = WAL", "begin to write in WAL mode", err);
    base_busy(&sink->base, sink->write);
    if (status == RNL_E_RETRY)
        return RNL_OK;
    sink->restore_journal = *wal = status == RNL_OK;
    return status;
}

int disk_wait(struct sink *sink, bool on, struct rnl_error *err)
{
    if (!sink->wal)
        return RNL_OK; /* each commit does */
    return sq_run(sink->write, on ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL",
                  "choose whether to wait for the disk", err);
}

/*
 * Rows and checkpoint are in one file and one transaction, so that a power cut takes both
 * or none: synchronous = NORMAL is enough for a log, but where a source is told to forget;
 * a rollback journal needs FULL.
 */
static int set_up(struct sink *sink, struct rnl_error *err)
{
    char sql[300];
    int status = enter_wal(sink, &sink->wal, err);

    if (status != RNL_OK)
        return status;
    snprintf(sql, sizeof(sql),
             "PRAGMA synchronous = %s; PRAGMA cache_size = -%lld; PRAGMA foreign_keys = OFF;"
             " PRAGMA ignore_check_constraints = ON; PRAGMA threads = 2;",
             sink->wal ? "NORMAL" : "FULL", (long long)(sink->config->cache >> 10));
    /* rows come as the source has them: nothing in the file may change them */
    sqlite3_db_config(sink->write, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    return sq_run(sink->write, sql, "set up the file for writing", err);
}

/* The empty stand-in gives way to the file, which stands now. */
static int reopen_control(struct sink *sink, struct rnl_error *err)
{
    sqlite3 *fresh;
    int status = base_open(&sink->base, false, &fresh, err);

    if (status != RNL_OK)
        return status;
    base_close(&sink->base, sink->control);
    sink->control = fresh;
    sink->missing = false;
    return RNL_OK;
}

int sink_own(struct sink *sink, const char *pipeline, struct rnl_error *err)
{
    int status = RNL_OK;

    if (!sink->write) {
        status = lock_file(sink, err);
        if (status == RNL_OK)
            status = base_open(&sink->base, true, &sink->write, err);
        if (status == RNL_OK)
            status = set_up(sink, err);
        if (status == RNL_OK && sink->missing)
            status = reopen_control(sink, err);
        if (status != RNL_OK) {
            base_close(&sink->base, sink->write);
            sink->write = NULL;
            return status;
        }
    }
    if (pipeline && (!sink->owned || strcmp(sink->owned, pipeline) != 0)) {
        free(sink->owned);
        sink->owned = strdup(pipeline);
        if (!sink->owned)
            status = error_memory(err);
    }
    return status;
}

static int sink_claim(void *self, const char *pipeline, struct rnl_error *err)
{
    return sink_own(self, pipeline, err);
}

static void sink_interrupt(void *self)
{
    struct sink *sink = self;

    atomic_store(&sink->interrupted, true);
    base_interrupt(&sink->base);
}

/* What types.c asks of the data: whether an unsigned key fits INTEGER, whether NaN become NULL. */
static uint32_t sink_facts(void *self)
{
    const struct sink *sink = self;

    return RNL_FACT_ABOVE_INT64 |
           (sink->config->nonfinite == NONFINITE_NULL ? (uint32_t)RNL_FACT_NOT_FINITE
                                                      : (uint32_t)0);
}

static const struct rnl_sink_ops ops = {
    .size = sizeof(ops),
    .open = sink_open,
    .close = sink_close,
    .check = sink_check,
    .map = sink_map,
    .recall = sink_recall,
    .record = sink_record,
    .forget = sink_forget,
    .bind = sink_bind,
    .writer_open = sink_writer_open,
    .writer_close = sink_writer_close,
    .writer_apply = sink_writer_apply,
    .writer_commit = sink_writer_commit,
    .writer_rollback = sink_writer_rollback,
    .writer_step = sink_writer_step,
    .read_plan = sink_read_plan,
    .writer_expect = sink_expect,
    .writer_read_open = sink_read_open,
    .writer_read_next = sink_read_next,
    .writer_read_close = sink_read_close,
    .writer_remove = sink_writer_remove,
    .interrupt = sink_interrupt,
    .facts = sink_facts,
    .claim = sink_claim,
    .writer_savepoint = sink_writer_savepoint,
    .writer_release = sink_writer_release,
    .writer_undo = sink_writer_undo,
    .writer_letter = sink_writer_letter,
    .writer_letter_remove = sink_writer_letter_remove,
    .letters = sink_letters,
    .evolve = sink_evolve,
};

const struct rnl_plugin sqlite_sink = {
    .size = sizeof(sqlite_sink),
    .kind = RNL_SINK,
    .name = "sqlite",
    .summary = "Writes a file of SQLite 3.37 and later, and reads it back for proof",
    .schemes = "sqlite,sqlite3",
    .options = RNL_OPTIONS(options, struct sink_config),
    .sink = &ops,
};
