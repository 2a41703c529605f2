/* The postgres plugin: what it offers, and its options. */
#include "link_options.h"
#include "postgres.h"

#include <stdlib.h>

extern const struct rnl_plugin source_plugin; /* source/source.c */

#define CONNECTION RNL_O_CONNECTION
#define AT(member) offsetof(struct pg_config, member)

static const struct rnl_option options[] = {
    LINK_OPTIONS(pg_config, "database to write into"),
    {"schema", NULL, "schema for all tables; else public (several source schemas keep their names)",
     NULL, RNL_O_STRING, CONNECTION, AT(schema), 0, 0},
    {"tinyint1", "auto", "tinyint(1): auto is boolean when all values are 0 or 1, else smallint",
     "auto|bool|int", RNL_O_ENUM, 0, AT(tinyint1), 0, 0},
    {"ubigint", "auto",
     "bigint unsigned: auto is bigint for keys whose values fit, else numeric(20,0)",
     "auto|numeric|bigint", RNL_O_ENUM, 0, AT(ubigint), 0, 0},
    {"time", "auto", "time: auto is time when all values are times of a day, else interval",
     "auto|time|interval|text", RNL_O_ENUM, 0, AT(time), 0, 0},
    {"enum", "check", "enum: text with a CHECK, a type of its own, or plain text",
     "check|native|text", RNL_O_ENUM, 0, AT(enums), 0, 0},
    {"set", "array", "set: text[], or text with commas", "array|text", RNL_O_ENUM, 0, AT(sets), 0,
     0},
    {"json", "auto", "json: auto is jsonb when jsonb keeps all values, else json",
     "auto|json|jsonb", RNL_O_ENUM, 0, AT(json), 0, 0},
    {"binary16", "bytea", "binary(16): bytea, uuid, or uuid whose time parts were swapped",
     "bytea|uuid|uuid_swap", RNL_O_ENUM, 0, AT(binary16), 0, 0},
    {"geometry", "auto", "geometry: auto is PostGIS where installed, else bytea with WKB",
     "auto|postgis|bytea", RNL_O_ENUM, 0, AT(geometry), 0, 0},
    {"zero_date", "minus_infinity", "what 0000-00-00 becomes", "minus_infinity|null|epoch|error",
     RNL_O_ENUM, 0, AT(zero_date), 0, 0},
    {"partial_date", "error", "what dates like 2020-02-00 become",
     "error|null|first_day|minus_infinity", RNL_O_ENUM, 0, AT(partial_date), 0, 0},
    {"nul", "error", "what happens to zero bytes in text", "error|strip|replace|bytea", RNL_O_ENUM,
     0, AT(nul), 0, 0},
    {"case", "keep", "names: as they are, or in lower case", "keep|lower", RNL_O_ENUM, 0,
     AT(name_case), 0, 0},
    {"collation", "plain",
     "keys that take 'a' and 'A' for one: plain tells them apart, ci keeps them one by ICU",
     "plain|ci", RNL_O_ENUM, 0, AT(collation), 0, 0},
    {"on_update", "trigger", "ON UPDATE CURRENT_TIMESTAMP: a trigger, or only reported",
     "trigger|report", RNL_O_ENUM, 0, AT(on_update), 0, 0},
    {"index_memory", "64M", "maintenance_work_mem of the server while it builds an index", NULL,
     RNL_O_SIZE, 0, AT(index_memory), 1 << 20, 1LL << 40},
    {"analyze", "true",
     "ANALYZE each table at the end: until then the server plans without numbers", NULL, RNL_O_BOOL,
     0, AT(analyze), 0, 0},
    {"lock_timeout", "30s", "how long a change of structure may wait for a lock", NULL,
     RNL_O_DURATION, 0, AT(lock_timeout_ms), 0, 86400000},
};

/* Where an extension keeps its types; NULL when it is not installed. */
static char *extension_schema(const PGresult *result, const char *name)
{
    for (int i = 0; i < PQntuples(result); i++)
        if (strcmp(PQgetvalue(result, i, 0), name) == 0)
            return strdup(PQgetvalue(result, i, 1));
    return NULL;
}

static int look_at_server(struct pg_sink *sink, struct rnl_error *err)
{
    PGresult *result;
    int status = conn_query(sink->control,
                            "SELECT e.extname, n.nspname FROM pg_extension e"
                            " JOIN pg_namespace n ON n.oid = e.extnamespace"
                            " UNION ALL SELECT '', encode(cash_send(1::numeric::money), 'hex')",
                            0, NULL, "look at extensions", &result, err);

    if (status != RNL_OK)
        return status;
    for (int i = 0; i < PQntuples(result); i++)
        if (!*PQgetvalue(result, i, 0))
            for (unsigned long long unit = strtoull(PQgetvalue(result, i, 1), NULL, 16); unit >= 10;
                 unit /= 10)
                sink->money_digits++;
    sink->server.version = PQserverVersion(sink->control->pg);
    sink->postgis_schema = extension_schema(result, "postgis");
    sink->vector_schema = extension_schema(result, "vector");
    PQclear(result);
    return RNL_OK;
}

static void sink_close(void *self)
{
    struct pg_sink *sink = self;

    if (!sink)
        return;
    conn_close(sink->viewer);
    conn_close(sink->owner);
    conn_close(sink->control);
    arena_free(&sink->bound_arena);
    cascade_map_free(&sink->cascades);
    server_destroy(&sink->server);
    pthread_mutex_destroy(&sink->view_lock);
    free(sink->owned);
    free(sink->postgis_schema);
    free(sink->vector_schema);
    free(sink);
}

static int sink_open(const struct rnl_ctx *ctx, void **self, struct rnl_error *err)
{
    struct pg_sink *sink = calloc(1, sizeof(*sink));
    int status;

    if (!sink)
        return error_memory(err);
    sink->ctx = ctx;
    sink->host = ctx->host;
    sink->config = ctx->config;
    server_init(&sink->server, ctx, &sink->config->link);
    pthread_mutex_init(&sink->view_lock, NULL);
    status = conn_open(&sink->server, &sink->control, err);
    if (status == RNL_OK)
        status = look_at_server(sink, err);
    if (status != RNL_OK) {
        sink_close(sink);
        return status;
    }
    *self = sink;
    return RNL_OK;
}

static void sink_interrupt(void *self)
{
    server_interrupt(&((struct pg_sink *)self)->server);
}

/* What types.c asks of the data: only where a policy leaves it open. */
static uint32_t sink_facts(void *self)
{
    const struct pg_config *config = ((struct pg_sink *)self)->config;
    uint32_t facts = 0;

    if (config->tinyint1 == TINYINT1_AUTO)
        facts |= RNL_FACT_NOT_BOOL;
    if (config->ubigint == UBIGINT_AUTO)
        facts |= RNL_FACT_ABOVE_INT64;
    if (config->time == TIME_AUTO)
        facts |= RNL_FACT_TIME_BEYOND_DAY;
    if (config->json == JSON_AUTO)
        facts |= RNL_FACT_JSON_NUL | RNL_FACT_JSON_DUPLICATES | RNL_FACT_JSON_NUMBER |
                 RNL_FACT_JSON_SURROGATE | RNL_FACT_JSON_INVALID;
    if (config->nul == NUL_BYTEA)
        facts |= RNL_FACT_NUL;
    return facts;
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
    .writer_open = writer_open,
    .writer_close = writer_close,
    .writer_apply = writer_apply,
    .writer_commit = writer_commit,
    .writer_rollback = writer_rollback,
    .writer_step = writer_step,
    .read_plan = sink_read_plan,
    .writer_expect = writer_expect,
    .writer_read_open = writer_read_open,
    .writer_read_next = writer_read_next,
    .writer_read_close = writer_read_close,
    .writer_remove = writer_remove,
    .interrupt = sink_interrupt,
    .facts = sink_facts,
    .claim = sink_claim,
    .oust = sink_oust,
    .writer_savepoint = writer_savepoint,
    .writer_release = writer_release,
    .writer_undo = writer_undo,
    .writer_letter = writer_letter,
    .writer_letter_remove = writer_letter_remove,
    .letters = sink_letters,
    .evolve = sink_evolve,
    .read_anew = sink_read_anew,
    .reads_keys = sink_reads_keys,
};

static const struct rnl_plugin plugin = {
    .size = sizeof(plugin),
    .kind = RNL_SINK,
    .name = "postgres",
    .summary = "Writes PostgreSQL 10 and later by binary COPY, and reads it back for proof",
    .schemes = "postgres,postgresql",
    .options = RNL_OPTIONS(options, struct pg_config),
    .sink = &ops,
};

RNL_MODULE("postgres", "0.1.0", "Apache-2.0", &source_plugin, &plugin);
