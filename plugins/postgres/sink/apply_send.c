/* Sends statements with arrays of values to the server: as many as there are in one round trip. */
#include "apply.h"

#include <inttypes.h>
#include <stdlib.h>

#define TEXT_OID 25
#define FIELDS_KEPT (4 << 20) /* what one large row took is given back */

/*
 * Of the session, as text: our own triggers (ddl_touch.c) stand aside, and rows are found by their
 * keys' indexes, however many there are: a plan that was made while a table was empty would
 * read all of it for each row later.
 */
static const char settings_sql[] =
    "SELECT set_config('runnel.repair', 'on', false), set_config('enable_hashjoin', 'off', false),"
    " set_config('enable_mergejoin', 'off', false), set_config('enable_seqscan', 'off', false)";

/* Without such an index each row would read all of the table: then once for all of a statement. */
static const char unindexed_sql[] =
    "SELECT set_config('runnel.repair', 'on', false), set_config('enable_hashjoin', 'on', false),"
    " set_config('enable_seqscan', 'on', false)";

static const char *settings_of(const struct apply *a)
{
    return a->unindexed ? unindexed_sql : settings_sql;
}

int apply_settings(struct pg_writer *w, struct rnl_error *err)
{
    int status = writer_begin(w, err);

    if (status != RNL_OK || w->apply->settled)
        return status;
    status = conn_exec(w->conn, settings_of(w->apply), "begin to apply changes", err);
    w->apply->settled = status == RNL_OK;
    return status;
}

/* ---- values ----------------------------------------------------------------------------- */

const struct rnl_value *apply_value(struct pg_writer *w, const struct bound_table *table,
                                    const struct rnl_row *row, uint32_t column,
                                    const struct rnl_value *value, struct rnl_value *changed,
                                    bool count, struct rnl_error *err)
{
    const struct bound_column *bound = &table->columns[column];
    const char *why = "can't be written";

    switch (policy_apply(w->sink->config, bound->kind, value, changed, &w->scratch, &why)) {
    case POLICY_REFUSED:
        refuse_value(table, row, column, why, err);
        return NULL;
    case POLICY_CHANGED:
        if (count && !w->apply->again && changes_add(w, table, column, value, err) != RNL_OK)
            return NULL;
        return changed;
    default:
        return value;
    }
}

static bool add_text(struct pg_writer *w, const struct bound_column *column,
                     const struct rnl_value *value, const char **why)
{
    struct buf *fields = &w->apply->fields;

    if (value->type == RNL_T_NULL) {
        buf_be32(fields, UINT32_MAX);
        return true;
    }
    if (value->type >= RNL_T_COUNT || !encode_accepts(value->type, column->kind)) {
        *why = "is of a type that the target's column doesn't take";
        return false;
    }
    buf_clear(&w->field);
    if (!text_of_value(&w->field, w->sink->config, column, value, why))
        return false;
    if (memchr(w->field.ptr ? w->field.ptr : "", '\0', w->field.len)) {
        *why = "holds a zero byte, which PostgreSQL's text can't";
        return false;
    }
    buf_be32(fields, (uint32_t)w->field.len);
    buf_add(fields, w->field.ptr ? w->field.ptr : "", w->field.len);
    fields->failed = fields->failed || w->field.failed;
    return true;
}

static int add_element(struct pg_writer *w, const struct apply_run *run,
                       const struct apply_param *param, const struct rnl_row *row,
                       struct rnl_error *err)
{
    static const struct rnl_value null = {.type = RNL_T_NULL};
    const struct bound_column *column = &run->table->columns[param->column];
    const struct rnl_value *value =
        param->key ? changeset_key(row, param->column) : &row->after[param->column];
    const char *why = "can't be written";
    struct rnl_value changed;

    if (!value || value->type == RNL_T_UNCHANGED)
        value = &null;
    value = apply_value(w, run->table, row, param->column, value, &changed, !param->key, err);
    if (!value)
        return err->status;
    if (param->text ? !add_text(w, column, value, &why)
                    : !encode_field(&w->apply->fields, w->sink->config, column, value, &why))
        return refuse_value(run->table, row, param->column, why, err);
    return RNL_OK;
}

/* An array of one dimension, in its binary form. */
static int add_array(struct pg_writer *w, const struct apply_run *run,
                     const struct apply_param *param, struct rnl_error *err)
{
    struct buf *fields = &w->apply->fields;
    int status = RNL_OK;

    buf_be32(fields, 1); /* dimensions */
    buf_be32(fields, 1); /* there may be NULLs */
    buf_be32(fields, param->text ? TEXT_OID : run->table->columns[param->column].type);
    buf_be32(fields, run->count);
    buf_be32(fields, 1); /* index of the first */
    for (uint32_t i = 0; status == RNL_OK && i < run->count; i++)
        status = add_element(w, run, param, run->rows[i], err);
    return status;
}

static bool room_for(struct apply *a, uint32_t count)
{
    if (count <= a->params_room)
        return true;
    a->offsets = realloc(a->offsets, (count + (size_t)1) * sizeof(*a->offsets));
    a->values = realloc(a->values, count * sizeof(*a->values));
    a->lengths = realloc(a->lengths, count * sizeof(*a->lengths));
    a->formats = realloc(a->formats, count * sizeof(*a->formats));
    a->types = realloc(a->types, count * sizeof(*a->types));
    a->params_room = a->offsets && a->values && a->lengths && a->formats && a->types ? count : 0;
    return a->params_room > 0;
}

static int add_arrays(struct pg_writer *w, const struct apply_run *run, struct rnl_error *err)
{
    const struct apply_statement *st = run->statement;
    struct apply *a = w->apply;
    int status = RNL_OK;

    buf_clear(&a->fields);
    if (!room_for(a, st->nparams))
        return error_memory(err);
    for (uint32_t i = 0; status == RNL_OK && i < st->nparams; i++) {
        a->offsets[i] = a->fields.len;
        status = add_array(w, run, &st->params[i], err);
    }
    a->offsets[st->nparams] = a->fields.len;
    if (status != RNL_OK)
        return status;
    if (a->fields.failed || a->fields.len > INT32_MAX)
        return error_memory(err);
    for (uint32_t i = 0; i < st->nparams; i++) {
        a->values[i] = a->fields.ptr + a->offsets[i];
        a->lengths[i] = (int)(a->offsets[i + 1] - a->offsets[i]);
        a->formats[i] = 1;
    }
    return RNL_OK;
}

/* ---- statements ------------------------------------------------------------------------- */

static void name_of(const struct apply *a, const struct apply_statement *st, char *name,
                    size_t size)
{
    snprintf(name, size, "runnel_c%u", (unsigned)(st - a->statements));
}

static bool is_key_name(const struct bound_table *table, const char *name)
{
    for (uint32_t i = 0; i < table->nkey; i++)
        if (strcmp(table->columns[table->key[i]].name, name) == 0)
            return true;
    return false;
}

/* Whether an index leads to rows by their key: a target that was made by others may have none. */
static int check_index(struct pg_writer *w, const struct apply_statement *st, struct rnl_error *err)
{
    static const char sql[] =
        "SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid"
        " AND a.attnum = i.indkey[0] WHERE i.indrelid = $1::regclass AND i.indisvalid"
        " AND i.indpred IS NULL";
    const char *params[] = {st->table->qualified};
    bool found = st->table->nkey == 0 || st->kind == APPLY_INSERT || w->apply->unindexed;
    PGresult *result;
    int status;

    if (found)
        return RNL_OK;
    status = conn_query(w->conn, sql, 1, params, "look at indexes", &result, err);
    if (status != RNL_OK)
        return status;
    for (int i = 0; !found && i < PQntuples(result); i++)
        found = is_key_name(st->table, PQgetvalue(result, i, 0));
    PQclear(result);
    if (found)
        return RNL_OK;
    rnl_warn(w->sink->ctx,
             "the table %s has no index on its key: each set of changes reads all of it",
             st->table->qualified);
    w->apply->unindexed = true;
    w->apply->settled = false;
    return RNL_OK;
}

static int prepare(struct pg_writer *w, struct apply_statement *st, struct rnl_error *err)
{
    struct apply *a = w->apply;
    char name[24], drop[48], doing[256];
    struct buf sql = {0};
    PGresult *result;
    int status = RNL_OK;

    if (st->prepared)
        return RNL_OK;
    name_of(a, st, name, sizeof(name));
    snprintf(drop, sizeof(drop), "DEALLOCATE %s", name);
    status = check_index(w, st, err);
    if (status == RNL_OK && a->named[st - a->statements])
        status = conn_exec(w->conn, drop, "forget a statement", err);
    if (status != RNL_OK)
        return status;
    a->named[st - a->statements] = false;
    if (!statement_text(&sql, st) || !room_for(a, st->nparams)) {
        buf_free(&sql);
        return error_memory(err);
    }
    for (uint32_t i = 0; i < st->nparams; i++)
        a->types[i] = st->params[i].type;
    snprintf(doing, sizeof(doing), "prepare to change rows of %.200s", st->table->qualified);
    result = PQprepare(w->conn->pg, name, sql.ptr, (int)st->nparams, a->types);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        status = error_result(w->conn, result, doing, err);
    PQclear(result);
    buf_free(&sql);
    st->prepared = status == RNL_OK;
    a->named[st - a->statements] = status == RNL_OK;
    return status;
}

int run_send(struct pg_writer *w, const struct apply_run *run, struct rnl_error *err)
{
    struct apply *a = w->apply;
    char name[24];
    int status = add_arrays(w, run, err);

    if (status != RNL_OK)
        return status;
    name_of(a, run->statement, name, sizeof(name));
    if (!PQsendQueryPrepared(w->conn->pg, name, (int)run->statement->nparams, a->values, a->lengths,
                             a->formats, 0))
        return error_result(w->conn, NULL, "send changes", err);
    return RNL_OK;
}

static int send_plain(struct pg_writer *w, const char *sql, struct rnl_error *err)
{
    if (!PQsendQueryParams(w->conn->pg, sql, 0, NULL, NULL, NULL, NULL, 0))
        return error_result(w->conn, NULL, "send changes", err);
    return RNL_OK;
}

/* ---- answers ------------------------------------------------------------------------------ */

void run_describe(const struct apply_run *run, char *doing, size_t size)
{
    static const char *const verbs[] = {"delete", "update", "update", "insert", "insert"};
    struct buf words = {0};

    if (!run) {
        snprintf(doing, size, "begin to apply changes");
    } else if (run->count == 1) {
        row_words(&words, run->table, run->rows[0]);
        snprintf(doing, size, "%s the row with %.200s in %.200s", verbs[run->kind],
                 buf_text(&words) ? words.ptr : "", run->table->qualified);
    } else {
        snprintf(doing, size, "%s %u rows of %.200s", verbs[run->kind], run->count,
                 run->table->qualified);
    }
    buf_free(&words);
}

/* The answer to one statement; the first failure counts. */
static int take_result(struct pg_writer *w, struct apply_run *run, int status,
                       struct rnl_error *err)
{
    PGresult *result = PQgetResult(w->conn->pg);
    ExecStatusType state = PQresultStatus(result);

    if (status == RNL_OK && state != PGRES_COMMAND_OK && state != PGRES_TUPLES_OK) {
        char doing[512];

        run_describe(run, doing, sizeof(doing));
        status = error_result(w->conn, result, doing, err);
    } else if (run && result) {
        run->found = strtoull(PQcmdTuples(result), NULL, 10);
    }
    PQclear(result);
    while (result && PQstatus(w->conn->pg) == CONNECTION_OK && (result = PQgetResult(w->conn->pg)))
        PQclear(result);
    return status;
}

static int take_sync(struct pg_writer *w, int status, struct rnl_error *err)
{
    PGresult *result = NULL;

    while (PQstatus(w->conn->pg) == CONNECTION_OK) {
        result = PQgetResult(w->conn->pg);
        if (PQresultStatus(result) == PGRES_PIPELINE_SYNC)
            break;
        PQclear(result);
        result = NULL; /* the connection may end here */
    }
    if (status == RNL_OK && !result)
        status = error_result(w->conn, NULL, "apply changes", err);
    PQclear(result);
    return status;
}

int before_send(struct pg_writer *w, bool savepoint, uint32_t *count, struct rnl_error *err)
{
    struct apply *a = w->apply;
    int status = RNL_OK;

    *count = 0;
    if (w->mode == WRITER_IDLE) {
        w->mode = WRITER_WRITING;
        status = send_plain(w, "BEGIN", err);
        ++*count;
    }
    if (status == RNL_OK && !a->settled) {
        status = send_plain(w, settings_of(a), err);
        ++*count;
    }
    if (status == RNL_OK && savepoint && a->savepoint) {
        status = send_plain(w, "RELEASE SAVEPOINT runnel_set", err);
        ++*count;
    }
    if (status == RNL_OK && savepoint) {
        status = send_plain(w, "SAVEPOINT runnel_set", err);
        ++*count;
    }
    return status;
}

/* Each row that must be there was found. */
static int check_found(const struct apply_run *runs, uint32_t count, struct rnl_error *err)
{
    for (uint32_t i = 0; i < count; i++)
        if (runs[i].must && runs[i].found != runs[i].count)
            return apply_missing(runs[i].table, runs[i].rows[0], err);
    return RNL_OK;
}

/* In a pipeline, which is over when this returns. */
static int exchange(struct pg_writer *w, struct apply_run *runs, uint32_t count, bool savepoint,
                    struct rnl_error *err)
{
    uint32_t before, sent = 0;
    int status = before_send(w, savepoint, &before, err);
    struct rnl_error later = RNL_ERROR_INIT;
    int answer = RNL_OK;

    while (status == RNL_OK && sent < count) {
        status = run_send(w, &runs[sent], err);
        sent += status == RNL_OK;
    }
    if (PQstatus(w->conn->pg) != CONNECTION_OK || !PQpipelineSync(w->conn->pg))
        return status != RNL_OK ? status : error_result(w->conn, NULL, "send changes", err);
    for (uint32_t i = 0; i < before; i++)
        answer = take_result(w, NULL, answer, &later);
    if (answer == RNL_OK) {
        w->apply->settled = true;
        w->apply->savepoint = w->apply->savepoint || savepoint;
    }
    for (uint32_t i = 0; i < sent; i++)
        answer = take_result(w, &runs[i], answer, &later);
    answer = take_sync(w, answer, &later);
    /* a value that can't be sent is no more of a reason than what the server says */
    if (answer != RNL_OK) {
        *err = later;
        status = answer;
    }
    return status;
}

int run_prepare(struct pg_writer *w, struct apply_run *run, struct rnl_error *err)
{
    run->found = 0;
    run->statement = statement_find(w->apply, run);
    return run->statement ? prepare(w, run->statement, err) : error_memory(err);
}

int runs_send(struct pg_writer *w, struct apply_run *runs, uint32_t count, bool savepoint,
              struct rnl_error *err)
{
    int status = RNL_OK;

    for (uint32_t i = 0; status == RNL_OK && i < count; i++)
        status = run_prepare(w, &runs[i], err);
    if (status != RNL_OK)
        return status;
    if (!PQenterPipelineMode(w->conn->pg))
        return error_result(w->conn, NULL, "apply changes", err);
    status = exchange(w, runs, count, savepoint, err);
    if (w->apply->fields.room > FIELDS_KEPT)
        buf_free(&w->apply->fields);
    if (PQstatus(w->conn->pg) == CONNECTION_OK && !PQexitPipelineMode(w->conn->pg) &&
        status == RNL_OK)
        status = error_result(w->conn, NULL, "apply changes", err);
    return status == RNL_OK ? check_found(runs, count, err) : status;
}
