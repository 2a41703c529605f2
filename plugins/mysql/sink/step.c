/* Does one step of structure and remembers it. */
#include "data.h"

#include <stdlib.h>
#include <string.h>

enum {
    ERROR_TABLE_EXISTS = 1050,
    ERROR_NO_SUCH_KEY = 1091,
    ERROR_KEY_EXISTS = 1061,
    ERROR_ROW_SIZE = 1118,
    ERROR_DUPLICATE_FOREIGN_KEY = 1826,
    ERROR_DUPLICATE_KEY = 1062,
    ERROR_SYNTAX = 1064,
    ERROR_PARTITION_FIRST = 1479,
    ERROR_PARTITION_LAST = 1528,
    ERROR_FOREIGN_KEY = 1215,
    ERROR_KEY_TOO_LONG = 1071,
    ERROR_EXPRESSION_FIRST = 3753, /* what an index of an expression may not be */
    ERROR_EXPRESSION_LAST = 3763,
};

/* Why two tables can't be bound by a foreign key: types, collations, no key at the other end. */
static const unsigned foreign_key_errors[] = {1005, 1215, 1822, 3780, 6125};

/*
 * A change of structure commits by itself, so that a step and its memory are two
 * transactions: one that was done when we were killed is done again. What then stands
 * already is what the step wanted: map() saw before the run that it didn't.
 */

static void hash_add(struct text *sql, const struct rnl_step *step)
{
    text_add(sql, "UNHEX(SHA2(");
    text_quoted(sql, step->id);
    text_add(sql, ", 256))");
}

static int step_done(struct my_writer *w, const char *pipeline, const struct rnl_step *step,
                     bool *done, struct rnl_error *err)
{
    struct text sql = {0};
    char *value = NULL;
    int status;

    text_add(&sql, "SELECT 1 FROM ");
    state_table(w->sink, &sql, "steps");
    text_add(&sql, " WHERE pipeline = ");
    text_quoted(&sql, pipeline);
    text_add(&sql, " AND hash = ");
    hash_add(&sql, step);
    status = sql.failed ? error_memory(err) : conn_value(w->conn, sql.ptr, 0, &value, err);
    text_free(&sql);
    *done = value != NULL;
    free(value);
    return status;
}

static int step_remember(struct my_writer *w, const char *pipeline, const struct rnl_step *step,
                         struct rnl_error *err)
{
    struct text sql = {0};
    int status;

    text_add(&sql, "INSERT IGNORE INTO ");
    state_table(w->sink, &sql, "steps");
    text_add(&sql, " (pipeline, hash, id) VALUES (");
    text_quoted(&sql, pipeline);
    text_add(&sql, ", ");
    hash_add(&sql, step);
    text_add(&sql, ", ");
    text_quoted(&sql, step->id);
    text_add(&sql, ")");
    status = sql.failed ? error_memory(err) : conn_run(w->conn, sql.ptr, err);
    text_free(&sql);
    return status;
}

static void tell(struct my_writer *w, const struct rnl_step *step, const char *code, int64_t count,
                 const char *example, const char *policy, const char *text)
{
    const char *object = strrchr(step->id, ' ');
    struct rnl_finding finding = {
        .size = sizeof(finding),
        .severity = RNL_WARNING,
        .code = code,
        .object = object ? object + 1 : step->id,
        .text = text,
        .policy = policy,
        .example = example && *example ? example : NULL,
        .count = count,
    };

    if (step->table < w->sink->ntables) {
        finding.schema = w->sink->tables[step->table].source->schema;
        finding.table = w->sink->tables[step->table].source->name;
    }
    w->sink->host->finding(w->sink->ctx, &finding);
}

/* The end of the statement that begins at sql: a semicolon outside of quotes, or the text's end. */
static const char *statement_end(const char *sql)
{
    char quote = 0;

    for (; *sql; sql++) {
        if (quote) {
            if (*sql == '\\' && quote == '\'' && sql[1])
                sql++;
            else if (*sql == quote)
                quote = 0;
        } else if (*sql == '\'' || *sql == '`' || *sql == '"') {
            quote = *sql;
        } else if (*sql == ';') {
            return sql;
        }
    }
    return sql;
}

/* A table that the step of an earlier process made: nothing was written into it yet. */
static int exists_check(struct my_writer *w, const char *sql, struct rnl_error *err)
{
    struct rnl_error asked = RNL_ERROR_INIT;
    const char *name = strchr(sql, '`'), *end = name ? strstr(name, " (") : NULL;
    struct text look = {0};
    char *value = NULL;
    int status;

    if (!end)
        return err->status;
    text_add(&look, "SELECT 1 FROM ");
    text_bytes(&look, name, (size_t)(end - name));
    text_add(&look, " LIMIT 1");
    status = look.failed ? RNL_E_FATAL : conn_value(w->conn, look.ptr, 0, &value, &asked);
    text_free(&look);
    if (status || value) {
        free(value);
        return err->status;
    }
    return RNL_OK;
}

/* A row that may be too long when all its columns are full: the server shall wait and see. */
static int run_leniently(struct my_writer *w, const char *sql, struct rnl_error *err)
{
    struct rnl_error ignored = RNL_ERROR_INIT;
    int status;

    if (conn_run(w->conn, "SET SESSION innodb_strict_mode = OFF", &ignored))
        return err->status;
    status = conn_run(w->conn, sql, err);
    (void)conn_run(w->conn, "SET SESSION innodb_strict_mode = ON", &ignored);
    return status;
}

/* Partitions that the other flavour spells otherwise, or lacks: the table is made without. */
static int run_unpartitioned(struct my_writer *w, const struct rnl_step *step, const char *sql,
                             struct rnl_error *err)
{
    struct rnl_error again = RNL_ERROR_INIT;
    const char *clause = strstr(sql, "\nPARTITION BY ");
    char *plain = clause ? strndup(sql, (size_t)(clause - sql)) : NULL;
    int status = plain ? conn_run(w->conn, plain, &again) : err->status;

    free(plain);
    if (status)
        return err->status;
    tell(w, step, "table.partitions", -1, err->text, NULL,
         "the server refuses these partitions: the table is one plain table");
    return RNL_OK;
}

static int statement_failed(struct my_writer *w, const struct rnl_step *step, const char *sql,
                            struct rnl_error *err)
{
    unsigned number = mysql_errno(w->conn->mysql);

    if (number == ERROR_SYNTAX ||
        (number >= ERROR_PARTITION_FIRST && number <= ERROR_PARTITION_LAST))
        return strncmp(sql, "CREATE TABLE", 12) == 0 ? run_unpartitioned(w, step, sql, err)
                                                     : err->status;
    if (number >= ERROR_EXPRESSION_FIRST && number <= ERROR_EXPRESSION_LAST)
        number = ERROR_KEY_TOO_LONG;
    for (size_t i = 0; i < sizeof(foreign_key_errors) / sizeof(foreign_key_errors[0]); i++)
        if (number == foreign_key_errors[i])
            number = ERROR_FOREIGN_KEY;
    switch (number) {
    case ERROR_TABLE_EXISTS:
        return strncmp(sql, "CREATE TABLE", 12) == 0 ? exists_check(w, sql, err) : err->status;
    case ERROR_ROW_SIZE:
        if (strncmp(sql, "CREATE TABLE", 12) != 0)
            return err->status;
        return run_leniently(w, sql, err);
    case ERROR_KEY_EXISTS:
    case ERROR_DUPLICATE_FOREIGN_KEY:
        return step->phase > RNL_PHASE_TABLES ? RNL_OK : err->status;
    case ERROR_NO_SUCH_KEY: /* dropped already, by a process that was cut off */
        return strstr(sql, " DROP FOREIGN KEY ") ? RNL_OK : err->status;
    case ERROR_KEY_TOO_LONG:
    case ERROR_FOREIGN_KEY:
        if (step->phase == RNL_PHASE_FOREIGN_KEYS) {
            if (strstr(err->text, "errno: 121")) /* MariaDB: it stands already */
                return RNL_OK;
            tell(w, step, "fk.refused", -1, err->text, NULL,
                 "the server refuses this foreign key, so that it was left out");
            return RNL_OK;
        }
        if (step->phase != RNL_PHASE_INDEXES)
            return err->status;
        tell(w, step, "index.refused", -1, err->text, NULL,
             "the server refuses this index, so that it was left out");
        return RNL_OK;
    case ERROR_DUPLICATE_KEY:
        rnl_hint(err, "two values of the source are one for the target: see its option collation");
        return err->status;
    default:
        return err->status;
    }
}

/* A table that follows one of the source: see evolve.h. */
static bool alters(const struct rnl_step *step)
{
    return step->phase > RNL_PHASE_TABLES && step->phase < RNL_PHASE_KEYS;
}

static int alter_failed(const char *sql, struct rnl_error *err, unsigned number)
{
    char words[sizeof(err->text)];

    if (number == ERROR_NO_SUCH_KEY && strstr(sql, " DROP FOREIGN KEY "))
        return RNL_OK;
    if (err->status != RNL_E_DATA && err->status != RNL_E_CONFIG)
        return err->status;
    snprintf(words, sizeof(words), "%s", err->text);
    rnl_fail(err, RNL_E_CONFIG, "sink.cant_evolve",
             "the source altered a table, and the target's can't follow: %.600s", words);
    rnl_hint(err, "alter the target's table by hand and go on, go on with ddl = \"ignore\", or "
                  "load this table anew");
    return RNL_E_CONFIG;
}

static int step_statements(struct my_writer *w, const struct rnl_step *step, struct rnl_error *err)
{
    const char *at = step->text;
    int status = RNL_OK;

    while (!status && *at) {
        const char *end = statement_end(at);
        char *sql = strndup(at, (size_t)(end - at));

        if (!sql)
            return error_memory(err);
        status = conn_run(w->conn, sql, err);
        if (status && alters(step)) {
            status = alter_failed(sql, err, mysql_errno(w->conn->mysql));
        } else if (status) {
            char words[sizeof(err->text)];

            snprintf(words, sizeof(words), "%s", err->text);
            snprintf(err->text, sizeof(err->text), "can't do the step \"%.200s\": %.480s", step->id,
                     words);
            status = statement_failed(w, step, sql, err);
        }
        free(sql);
        at = end + (*end == ';');
        at += strspn(at, " \n");
    }
    return status;
}

/*
 * Rows without a parent: counted and shown by example. The key was added without a look
 * at rows, so that it stays or goes by the policy.
 */
static int step_validate(struct my_writer *w, const struct rnl_step *step, struct rnl_error *err)
{
    const char *end = statement_end(step->text), *drop = strstr(end, "ALTER TABLE");
    bool keep = w->sink->config->orphans == ORPHANS_KEEP || !drop; /* not ours to drop */
    char *question = strndup(step->text, (size_t)(end - step->text)), *example = NULL;
    int64_t count = 0;
    MYSQL_RES *result;
    MYSQL_ROW row;
    int status = question ? conn_query(w->conn, question, &result, err) : error_memory(err);

    free(question);
    if (status)
        return status;
    row = mysql_fetch_row(result);
    if (row) {
        count = row[0] ? strtoll(row[0], NULL, 10) : 0;
        example = row[1] ? strdup(row[1]) : NULL;
        while (mysql_fetch_row(result))
            ;
    }
    status = conn_finish(w->conn, result, "look for rows without a parent", err);
    if (!status && count && !keep) {
        status = conn_run(w->conn, drop, err);
        if (status && mysql_errno(w->conn->mysql) == ERROR_NO_SUCH_KEY)
            status = RNL_OK;
    }
    if (!status && count)
        tell(w, step, "fk.orphans", count, example,
             !drop  ? NULL
             : keep ? "orphans=keep"
                    : "orphans=report",
             keep ? "rows refer to a parent that is not there: the foreign key binds new rows only"
                  : "rows refer to a parent that is not there: the foreign key was left out");
    free(example);
    return status;
}

static int step_run(struct my_writer *w, const struct rnl_step *step, struct rnl_error *err)
{
    char sql[120];
    int status;

    snprintf(sql, sizeof(sql), "SET SESSION lock_wait_timeout = %lld",
             (long long)(w->sink->config->lock_timeout_ms + 999) / 1000);
    status = conn_run(w->conn, sql, err);
    if (status)
        return status;
    return step->phase == RNL_PHASE_VALIDATE ? step_validate(w, step, err)
                                             : step_statements(w, step, err);
}

/* That a plain table was made is seen by the table itself: a resumed run doesn't ask for it. */
static bool needs_memory(const struct my_writer *w, const struct rnl_step *step)
{
    return step->phase != RNL_PHASE_TABLES || !w->sink->tables_plain;
}

int writer_step(void *writer, const char *pipeline, const struct rnl_step *step,
                struct rnl_error *err)
{
    struct my_writer *w = writer;
    bool done = false;
    int status = state_own(w->sink, pipeline, err);

    if (!status)
        status = writer_rollback(w, err);
    if (!status && needs_memory(w, step))
        status = step_done(w, pipeline, step, &done, err);
    if (!status && !done)
        status = step_run(w, step, err);
    if (!status && !done && needs_memory(w, step))
        status = step_remember(w, pipeline, step, err);
    if (!status && step->phase >= RNL_PHASE_TABLES && step->phase < RNL_PHASE_KEYS)
        read_forget_view(w->sink);
    return status;
}
