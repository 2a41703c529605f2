/* What the target remembers of each pipeline, in the tables runnel_*. */
#include "sink.h"

#include <inttypes.h>

#define STATE_FORMAT 1 /* of the tables below */
#define LOCK_WAIT_S 5  /* a run that was just killed may hold its lock for a moment more */

/* Keys are compared by their bytes; an id of a step may be long, so that its hash is the key. */
#define STATE_OPTIONS                                                                          \
    ") ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin" \
    " COMMENT = 'How far pipelines of Runnel have come; may be dropped when none is to be "    \
    "resumed'"

static const struct {
    const char *name, *columns;
} tables[] = {
    {"pipelines", "name VARCHAR(255) NOT NULL PRIMARY KEY, format INT NOT NULL,"
                  " created DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP, plan LONGBLOB NOT NULL"},
    {"units", "pipeline VARCHAR(255) NOT NULL, unit BIGINT UNSIGNED NOT NULL,"
              " done BOOLEAN NOT NULL, `rows` BIGINT NOT NULL, position LONGBLOB NOT NULL,"
              " PRIMARY KEY (pipeline, unit)"},
    {"lanes", "pipeline VARCHAR(255) NOT NULL, lane BIGINT UNSIGNED NOT NULL,"
              " number BIGINT UNSIGNED NOT NULL, epoch BIGINT UNSIGNED NOT NULL,"
              " PRIMARY KEY (pipeline, lane)"},
    {"steps", "pipeline VARCHAR(255) NOT NULL, hash BINARY(32) NOT NULL, id LONGTEXT NOT NULL,"
              " finished DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,"
              " PRIMARY KEY (pipeline, hash)"},
    {"dead_letters",
     "id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, pipeline VARCHAR(255) NOT NULL,"
     " lane BIGINT UNSIGNED NOT NULL, schema_name VARCHAR(255) NOT NULL,"
     " table_name VARCHAR(255) NOT NULL, row_key LONGTEXT NOT NULL, column_name VARCHAR(255)"
     " NOT NULL, code VARCHAR(80) NOT NULL, reason LONGTEXT NOT NULL, at_us BIGINT NOT NULL,"
     " row_bytes LONGBLOB NULL, KEY pipeline (pipeline, id)"},
};
#define NTABLES (sizeof(tables) / sizeof(tables[0]))

void state_table(const struct my_sink *sink, struct text *sql, const char *what)
{
    char name[40];

    snprintf(name, sizeof(name), "runnel_%s", what);
    text_name(sql, sink->state_database);
    text_add(sql, ".");
    text_name(sql, name);
}

static int run(struct conn *conn, struct text *sql, struct rnl_error *err)
{
    int status = sql->failed ? error_memory(err) : conn_run(conn, sql->ptr, err);

    sql->len = 0;
    return status;
}

int state_exists(struct my_sink *sink, bool *found, struct rnl_error *err)
{
    struct text sql = {0};
    char *value = NULL;
    int status;

    text_add(&sql, "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = ");
    text_quoted(&sql, sink->state_database);
    text_add(&sql, " AND TABLE_NAME IN (");
    for (size_t i = 0; i < NTABLES; i++)
        text_printf(&sql, "%s'runnel_%s'", i ? ", " : "", tables[i].name);
    text_add(&sql, ")");
    status = sql.failed ? error_memory(err) : conn_value(sink->control, sql.ptr, 0, &value, err);
    text_free(&sql);
    *found = value && strtoul(value, NULL, 10) == NTABLES;
    free(value);
    return status;
}

static int state_prepare(struct my_sink *sink, struct rnl_error *err)
{
    struct text sql = {0};
    bool found;
    int status = state_exists(sink, &found, err);

    if (status || found)
        return status;
    if (strcmp(sink->state_database, sink->server.database) != 0) {
        text_add(&sql, "CREATE DATABASE IF NOT EXISTS ");
        text_name(&sql, sink->state_database);
        status = run(sink->control, &sql, err);
    }
    for (size_t i = 0; !status && i < NTABLES; i++) {
        text_add(&sql, "CREATE TABLE IF NOT EXISTS ");
        state_table(sink, &sql, tables[i].name);
        text_printf(&sql, " (%s%s", tables[i].columns, STATE_OPTIONS);
        status = run(sink->control, &sql, err);
    }
    text_free(&sql);
    return status;
}

/* Locks of the server have one namespace and 64 characters: a hash of all that tells them apart. */
void lock_name_add(const struct my_sink *sink, struct text *sql, const char *pipeline)
{
    text_add(sql, "CONCAT('runnel:', LEFT(SHA2(CONCAT_WS(CHAR(0), ");
    text_quoted(sql, sink->state_database);
    text_add(sql, ", ");
    text_quoted(sql, pipeline);
    text_add(sql, "), 256), 50))");
}

static int pipeline_lock(struct my_sink *sink, struct conn *conn, const char *pipeline,
                         struct rnl_error *err)
{
    struct text sql = {0};
    char *value = NULL;
    bool locked;
    int status;

    text_add(&sql, "SELECT GET_LOCK(");
    lock_name_add(sink, &sql, pipeline);
    text_printf(&sql, ", %d)", LOCK_WAIT_S);
    status = sql.failed ? error_memory(err) : conn_value(conn, sql.ptr, 0, &value, err);
    text_free(&sql);
    locked = value && strcmp(value, "1") == 0;
    free(value);
    if (status || locked)
        return status;
    rnl_fail(err, RNL_E_CONFIG, "sink.pipeline_busy",
             "another run of the pipeline %s writes to this target", pipeline);
    rnl_hint(err, "wait until it ends, or stop it");
    return err->status;
}

/*
 * From the first write on, this process is the pipeline's only one. A session's lock
 * on a connection of its own: the server frees it when we are gone.
 */
int state_own(struct my_sink *sink, const char *pipeline, struct rnl_error *err)
{
    struct conn *conn;
    bool owned;
    int status;

    pthread_mutex_lock(&sink->lock);
    owned = sink->owned && strcmp(sink->owned, pipeline) == 0;
    pthread_mutex_unlock(&sink->lock);
    if (owned)
        return RNL_OK;
    status = conn_open(&sink->server, &conn, err);
    if (status)
        return status;
    lost_end(conn); /* after a cut network the server may hold our own last attempt's lock */
    status = pipeline_lock(sink, conn, pipeline, err);

    pthread_mutex_lock(&sink->lock);
    if (!sink->owned && !status) {
        sink->owned = strdup(pipeline);
        sink->owner = conn;
        conn = NULL;
    } else if (sink->owned) {
        status = RNL_OK; /* another lane of ours was faster */
    }
    pthread_mutex_unlock(&sink->lock);
    conn_close(conn);
    return status;
}

/*
 * The lock is a session's: if its connection breaks, another process may take it while
 * our lanes go on. So whoever claims raises the epoch in a row that no lane uses, and
 * commits of a lower epoch are refused on every lane from then on. The row is locked
 * by commits under way: what they are for is in the target when this returns.
 */
int sink_claim(void *self, const char *pipeline, struct rnl_error *err)
{
    struct my_sink *sink = self;
    struct text sql = {0};
    bool found = false;
    int status = state_own(sink, pipeline, err);

    if (!status)
        status = state_exists(sink, &found, err);
    if (status || !found)
        return status;
    text_add(&sql, "INSERT INTO ");
    state_table(sink, &sql, "lanes");
    text_add(&sql, " (pipeline, lane, number, epoch) SELECT name, " FENCE_LANE ", 0,"
                   " 1 + (SELECT COALESCE(MAX(l.epoch), 0) FROM ");
    state_table(sink, &sql, "lanes");
    text_add(&sql, " l WHERE l.pipeline = ");
    text_quoted(&sql, pipeline);
    text_add(&sql, ") FROM ");
    state_table(sink, &sql, "pipelines");
    text_add(&sql, " WHERE name = ");
    text_quoted(&sql, pipeline);
    text_add(&sql, " ON DUPLICATE KEY UPDATE epoch = VALUES(epoch)");
    status = run(sink->control, &sql, err);
    text_free(&sql);
    return status;
}

/* Runs "SELECT columns FROM runnel_what WHERE key = pipeline". */
static int recall_query(struct my_sink *sink, const char *columns, const char *what,
                        const char *key, const char *pipeline, MYSQL_RES **result,
                        struct rnl_error *err)
{
    struct text sql = {0};
    int status;

    text_printf(&sql, "SELECT %s FROM ", columns);
    state_table(sink, &sql, what);
    text_printf(&sql, " WHERE %s = ", key);
    text_quoted(&sql, pipeline);
    text_add(&sql, " ORDER BY 1");
    status = sql.failed ? error_memory(err) : conn_query(sink->control, sql.ptr, result, err);
    text_free(&sql);
    return status;
}

/* The rest of a result, and what became of it. */
static int recall_end(struct my_sink *sink, MYSQL_RES *result, int status, struct rnl_error *err)
{
    struct rnl_error ignored = RNL_ERROR_INIT;
    int end = conn_finish(sink->control, result, "read what the target remembers",
                          status < 0 ? &ignored : err);

    return status < 0 ? status : end ? end : status;
}

static int recall_plan(struct my_sink *sink, const char *pipeline, struct rnl_memory *memory,
                       struct rnl_error *err)
{
    MYSQL_RES *result;
    MYSQL_ROW row;
    int status = recall_query(sink, "format, plan", "pipelines", "name", pipeline, &result, err);

    if (status)
        return status;
    row = mysql_fetch_row(result);
    if (!row) {
        status = RNL_DONE;
    } else if (strtol(row[0], NULL, 10) != STATE_FORMAT) {
        status = rnl_fail(err, RNL_E_CONFIG, "sink.state_format",
                          "the target remembers pipeline %s in format %s, this Runnel knows %d",
                          pipeline, row[0], STATE_FORMAT);
        rnl_hint(err, "use the Runnel that began this run, or start over with --restart");
    } else {
        status = sink->host->memory_plan(
            memory, (struct rnl_slice){row[1], mysql_fetch_lengths(result)[1]}, err);
    }
    while (row && mysql_fetch_row(result))
        ;
    return recall_end(sink, result, status, err);
}

static int recall_units(struct my_sink *sink, const char *pipeline, struct rnl_memory *memory,
                        struct rnl_error *err)
{
    MYSQL_RES *result;
    MYSQL_ROW row;
    int status = recall_query(sink, "unit, done, `rows`, position", "units", "pipeline", pipeline,
                              &result, err);

    if (status)
        return status;
    while ((row = mysql_fetch_row(result)))
        if (!status)
            status = sink->host->memory_unit(
                memory, (uint32_t)strtoul(row[0], NULL, 10), row[1][0] != '0',
                strtoll(row[2], NULL, 10),
                (struct rnl_slice){row[3], mysql_fetch_lengths(result)[3]}, err);
    return recall_end(sink, result, status, err);
}

static int recall_lanes(struct my_sink *sink, const char *pipeline, struct rnl_memory *memory,
                        struct rnl_error *err)
{
    MYSQL_RES *result;
    MYSQL_ROW row;
    int status =
        recall_query(sink, "lane, number, epoch", "lanes", "pipeline", pipeline, &result, err);

    if (status)
        return status;
    /* the row that claims raise is there from the start, so that commits can lock it */
    while ((row = mysql_fetch_row(result)))
        if (!status && (strcmp(row[0], FENCE_LANE) != 0 || strcmp(row[2], "0") != 0))
            status = sink->host->memory_lane(memory, (uint32_t)strtoul(row[0], NULL, 10),
                                             strtoull(row[1], NULL, 10), strtoull(row[2], NULL, 10),
                                             err);
    return recall_end(sink, result, status, err);
}

static int recall_steps(struct my_sink *sink, const char *pipeline, struct rnl_memory *memory,
                        struct rnl_error *err)
{
    MYSQL_RES *result;
    MYSQL_ROW row;
    int status = recall_query(sink, "id", "steps", "pipeline", pipeline, &result, err);

    if (status)
        return status;
    while ((row = mysql_fetch_row(result)))
        if (!status)
            status = sink->host->memory_step(memory, row[0], err);
    return recall_end(sink, result, status, err);
}

int sink_recall(void *self, const char *pipeline, struct rnl_memory *memory, struct rnl_error *err)
{
    struct my_sink *sink = self;
    bool found;
    int status = state_exists(sink, &found, err);

    if (status)
        return status;
    if (!found)
        return RNL_DONE;
    status = recall_plan(sink, pipeline, memory, err);
    if (!status)
        status = recall_units(sink, pipeline, memory, err);
    if (!status)
        status = recall_lanes(sink, pipeline, memory, err);
    if (!status)
        status = recall_steps(sink, pipeline, memory, err);
    return status;
}

/* The row that claims raise and commits lock: from the first run on. */
static int fence_make(struct my_sink *sink, const char *pipeline, struct rnl_error *err)
{
    struct text sql = {0};
    int status;

    text_add(&sql, "INSERT IGNORE INTO ");
    state_table(sink, &sql, "lanes");
    text_add(&sql, " (pipeline, lane, number, epoch) VALUES (");
    text_quoted(&sql, pipeline);
    text_add(&sql, ", " FENCE_LANE ", 0, 0)");
    status = run(sink->control, &sql, err);
    text_free(&sql);
    return status;
}

/* A plan of 10 000 tables may be larger than a packet: it goes in pieces, unseen until all is
 * there. */
static int plan_store(struct my_sink *sink, const char *pipeline, struct rnl_slice plan,
                      struct rnl_error *err)
{
    size_t piece = sink->max_packet / 4, at = 0;
    struct text sql = {0};
    int status;

    text_add(&sql, "INSERT INTO ");
    state_table(sink, &sql, "pipelines");
    text_printf(&sql, " (name, format, plan) VALUES (");
    text_quoted(&sql, pipeline);
    text_printf(&sql, ", %d, '') ON DUPLICATE KEY UPDATE format = VALUES(format), plan = ''",
                STATE_FORMAT);
    status = run(sink->control, &sql, err);
    while (!status && at < plan.len) {
        size_t len = plan.len - at < piece ? plan.len - at : piece;

        text_add(&sql, "UPDATE ");
        state_table(sink, &sql, "pipelines");
        text_add(&sql, " SET plan = CONCAT(plan, ");
        text_hex(&sql, (const char *)plan.ptr + at, len);
        text_add(&sql, ") WHERE name = ");
        text_quoted(&sql, pipeline);
        status = run(sink->control, &sql, err);
        at += len;
    }
    text_free(&sql);
    return status;
}

int sink_record(void *self, const char *pipeline, struct rnl_slice plan, struct rnl_error *err)
{
    struct my_sink *sink = self;
    struct rnl_error ignored = RNL_ERROR_INIT;
    int status = RNL_OK;

    if (plan.len > sink->max_packet)
        return rnl_fail(err, RNL_E_CONFIG, "sink.plan_size",
                        "the plan of pipeline %s has %zu bytes, max_allowed_packet is %zu",
                        pipeline, plan.len, sink->max_packet);
    status = state_prepare(sink, err);
    if (!status)
        status = state_own(sink, pipeline, err);
    if (!status)
        status = conn_run(sink->control, "START TRANSACTION READ WRITE", err);
    if (status)
        return status;
    status = plan_store(sink, pipeline, plan, err);
    if (!status)
        status = fence_make(sink, pipeline, err);
    if (!status)
        return conn_run(sink->control, "COMMIT", err);
    (void)conn_run(sink->control, "ROLLBACK", &ignored);
    return status;
}

static const struct {
    const char *what, *key;
} forgotten[] = {{"pipelines", "name"},
                 {"units", "pipeline"},
                 {"lanes", "pipeline"},
                 {"steps", "pipeline"},
                 {"dead_letters", "pipeline"}};

int sink_forget(void *self, const char *pipeline, struct rnl_error *err)
{
    struct my_sink *sink = self;
    struct rnl_error ignored = RNL_ERROR_INIT;
    struct text sql = {0};
    bool found;
    int status = state_exists(sink, &found, err);

    if (status || !found)
        return status;
    status = state_own(sink, pipeline, err);
    if (!status)
        status = conn_run(sink->control, "START TRANSACTION READ WRITE", err);
    if (status)
        return status;
    for (size_t i = 0; !status && i < sizeof(forgotten) / sizeof(forgotten[0]); i++) {
        text_add(&sql, "DELETE FROM ");
        state_table(sink, &sql, forgotten[i].what);
        text_printf(&sql, " WHERE %s = ", forgotten[i].key);
        text_quoted(&sql, pipeline);
        status = run(sink->control, &sql, err);
    }
    text_free(&sql);
    if (!status)
        return conn_run(sink->control, "COMMIT", err);
    (void)conn_run(sink->control, "ROLLBACK", &ignored);
    return status;
}
