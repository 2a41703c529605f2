/* Does one step of structure and remembers it, in one transaction. */
#include "sink.h"

static int step_done(sqlite3 *db, const char *pipeline, const char *id, bool *done,
                     struct rnl_error *err)
{
    sqlite3_stmt *stmt;
    int status = sq_prepare(db, "SELECT 1 FROM runnel_step WHERE pipeline = ? AND id = ?",
                            "look whether a step is done", &stmt, err);

    if (status != RNL_OK)
        return status;
    sqlite3_bind_text(stmt, 1, pipeline, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 2, id, -1, SQLITE_STATIC);
    status = sq_step(stmt, "look whether a step is done", err);
    *done = status == RNL_OK;
    sqlite3_finalize(stmt);
    return status < 0 ? status : RNL_OK;
}

static int step_remember(sqlite3 *db, const char *pipeline, const char *id, struct rnl_error *err)
{
    sqlite3_stmt *stmt;
    int status = sq_prepare(db, "INSERT OR IGNORE INTO runnel_step (pipeline, id) VALUES (?, ?)",
                            "remember a step", &stmt, err);

    if (status != RNL_OK)
        return status;
    sqlite3_bind_text(stmt, 1, pipeline, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 2, id, -1, SQLITE_STATIC);
    status = sq_step(stmt, "remember a step", err);
    sqlite3_finalize(stmt);
    return status == RNL_DONE ? RNL_OK : status;
}

static void tell(const struct writer *w, const struct rnl_step *step, const char *code,
                 int64_t count, const char *example, const char *text)
{
    struct rnl_finding finding = {
        .size = sizeof(finding),
        .severity = RNL_WARNING,
        .code = code,
        .text = text,
        .example = example,
        .count = count,
    };

    if (step->table < w->sink->ntables) {
        finding.schema = w->sink->tables[step->table].source->schema;
        finding.table = w->sink->tables[step->table].source->name;
    } else {
        finding.object = step->id;
    }
    w->sink->host->finding(w->sink->ctx, &finding);
}

/* PRAGMA foreign_key_check: a row of the answer for each row without a parent. */
static int check_orphans(struct writer *w, const struct rnl_step *step, struct rnl_error *err)
{
    char example[400] = "";
    sqlite3_stmt *stmt;
    int64_t count = 0;
    int status = sq_prepare(w->sink->write, step->text, step->id, &stmt, err);

    if (status != RNL_OK)
        return status;
    while ((status = sq_step(stmt, step->id, err)) == RNL_OK)
        if (count++ == 0)
            snprintf(example, sizeof(example), "rowid=%s, parent %.300s", sq_text(stmt, 1),
                     sq_text(stmt, 2));
    sqlite3_finalize(stmt);
    if (count > 0 && status == RNL_DONE)
        tell(w, step, "fk.orphans", count, example,
             "rows refer to a parent that is not there: the foreign key binds new rows only");
    return status == RNL_DONE ? RNL_OK : status;
}

/* PRAGMA quick_check with checks in force: "CHECK constraint failed in t", or "ok". */
static int check_checks(struct writer *w, const struct rnl_step *step, struct rnl_error *err)
{
    char example[400] = "";
    sqlite3_stmt *stmt;
    int64_t count = 0;
    int status;

    sqlite3_exec(w->sink->write, "PRAGMA ignore_check_constraints = OFF", NULL, NULL, NULL);
    status = sq_prepare(w->sink->write, step->text, step->id, &stmt, err);
    if (status == RNL_OK) {
        while ((status = sq_step(stmt, step->id, err)) == RNL_OK)
            if (strcmp(sq_text(stmt, 0), "ok") != 0 && count++ == 0)
                snprintf(example, sizeof(example), "%.390s", sq_text(stmt, 0));
        sqlite3_finalize(stmt);
    }
    sqlite3_exec(w->sink->write, "PRAGMA ignore_check_constraints = ON", NULL, NULL, NULL);
    w->sink->checking = false;
    if (count > 0 && status == RNL_DONE)
        tell(w, step, "check.violated", count, example,
             "rows of the source break a check: it binds new rows only");
    return status == RNL_DONE ? RNL_OK : status;
}

/* A table that follows one of the source, and can't. */
static int alter_failed(sqlite3 *db, struct rnl_error *err)
{
    char words[sizeof(err->text)];
    int rc = sqlite3_errcode(db) & 0xff;

    sqlite3_exec(db, "PRAGMA legacy_alter_table = OFF", NULL, NULL, NULL);
    if (rc != SQLITE_ERROR && rc != SQLITE_CONSTRAINT && rc != SQLITE_MISMATCH)
        return err->status;
    snprintf(words, sizeof(words), "%s", err->text);
    rnl_fail(err, RNL_E_CONFIG, "sink.cant_evolve",
             "the source altered a table, and the target's can't follow: %.600s", words);
    rnl_hint(err, "alter the target's table by hand and go on, go on with ddl = \"ignore\", or "
                  "load this table anew");
    return RNL_E_CONFIG;
}

static int step_run(struct writer *w, const struct rnl_step *step, struct rnl_error *err)
{
    char doing[300];
    int status;

    if (step->phase == RNL_PHASE_VALIDATE)
        return check_orphans(w, step, err);
    if (step->phase == RNL_PHASE_CHECKS)
        return check_checks(w, step, err);
    snprintf(doing, sizeof(doing), "do the step \"%.250s\"", step->id);
    status = sq_run(w->sink->write, step->text, doing, err);
    if (step->phase > RNL_PHASE_TABLES && step->phase < RNL_PHASE_KEYS) /* see evolve.h */
        return status == RNL_OK ? status : alter_failed(w->sink->write, err);
    /* keys that the source's rows break, as it compares otherwise: they are what they are */
    if (status == RNL_E_DATA)
        err->status = status = RNL_E_CONFIG;
    return status;
}

int sink_writer_step(void *writer, const char *pipeline, const struct rnl_step *step,
                     struct rnl_error *err)
{
    struct writer *w = writer;
    struct rnl_error ignored = RNL_ERROR_INIT;
    bool done = false;
    int status = writer_begin(w, err);

    if (status == RNL_OK)
        status = step_done(w->sink->write, pipeline, step->id, &done, err);
    if (status == RNL_OK && !done) {
        statements_forget(w->sink);
        status = step_run(w, step, err);
    }
    if (status == RNL_OK && !done)
        status = step_remember(w->sink->write, pipeline, step->id, err);
    if (status == RNL_OK)
        status = sq_run(w->sink->write, "COMMIT", "commit a step", err);
    if (status != RNL_OK) {
        sink_writer_rollback(w, &ignored);
        return status;
    }
    writer_end(w);
    return RNL_OK;
}
