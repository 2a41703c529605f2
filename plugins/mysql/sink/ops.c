/* The mysql sink's life from open to close, and the table of what it can do. */
#include "data.h"

static int server_look(struct my_sink *sink, struct rnl_error *err)
{
    char *value = NULL;
    int status = conn_value(sink->control, "SELECT @@global.max_allowed_packet", 0, &value, err);

    sink->max_packet = value ? (size_t)strtoull(value, NULL, 10) : 0;
    if (sink->max_packet < 1 << 16)
        sink->max_packet = 1 << 16;
    free(value);
    value = NULL;
    if (!status)
        status =
            conn_value(sink->control, "SELECT @@global.lower_case_table_names", 0, &value, err);
    if (status)
        return status;
    sink->fold_names = value && strcmp(value, "0") != 0;
    sink->lower_names = value && strcmp(value, "1") == 0;
    free(value);
    return RNL_OK;
}

static void sink_close(void *self)
{
    struct my_sink *sink = self;

    if (!sink)
        return;
    conn_close(sink->owner);
    conn_close(sink->control);
    cascade_map_free(&sink->cascades);
    pool_free(&sink->bound_pool);
    pthread_mutex_destroy(&sink->lock);
    server_free(&sink->server);
    free(sink->state_database);
    free(sink->owned);
    free(sink);
}

static int sink_open(const struct rnl_ctx *ctx, void **self, struct rnl_error *err)
{
    const struct sink_config *config = ctx->config;
    struct my_sink *sink = NULL;
    const char *state;
    int status = library_check(err);

    if (status)
        return status;
    sink = calloc(1, sizeof(*sink));
    if (!sink)
        return error_memory(err);
    sink->ctx = ctx;
    sink->host = ctx->host;
    sink->config = config;
    pthread_mutex_init(&sink->lock, NULL);
    server_init(&sink->server, ctx, &config->link, sink_session_set);
    status = conn_open(&sink->server, &sink->control, err);
    if (!status)
        status = server_learn(&sink->server, sink->control, err);
    if (!status)
        status = server_look(sink, err);
    if (!status) {
        state = config->state_database && *config->state_database ? config->state_database
                                                                  : sink->server.database;
        sink->state_database = strdup(state);
        status = sink->state_database ? RNL_OK : error_memory(err);
    }
    if (status) {
        sink_close(sink);
        return status;
    }
    *self = sink;
    return RNL_OK;
}

static void sink_interrupt(void *self)
{
    conns_interrupt(&((struct my_sink *)self)->server);
}

/* What types are chosen by: only where a policy, or the lack of a type, leaves it open. */
static uint32_t sink_facts(void *self)
{
    const struct my_sink *sink = self;
    uint32_t facts =
        RNL_FACT_DIGITS | RNL_FACT_LENGTH | RNL_FACT_NOT_FINITE | RNL_FACT_BEYOND_RANGE;

    if (sink->config->json == JSON_AUTO)
        facts |= RNL_FACT_JSON_INVALID;
    if (sink->config->json == JSON_AUTO && !sink->server.mariadb)
        facts |= RNL_FACT_JSON_DUPLICATES | RNL_FACT_JSON_NUMBER | RNL_FACT_JSON_DIGITS |
                 RNL_FACT_JSON_SURROGATE;
    return facts;
}

const struct rnl_sink_ops sink_ops = {
    .size = sizeof(sink_ops),
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
    .read_anew = sink_read_anew,
    .evolve = sink_evolve,
    .reads_keys = sink_reads_keys,
};
