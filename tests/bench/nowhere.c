/*
 * A sink for benchmarks of reading: looks at each value, and drops it. Tells on its standard error
 * when a row of the table "marker" comes, with the time.
 */
#include <runnel/plugin.h>

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct sink {
    const struct rnl_ctx *ctx;
    uint32_t marker;
};

struct writer {
    struct sink *sink;
    uint64_t rows, sum;
};

static int sink_open(const struct rnl_ctx *ctx, void **self, struct rnl_error *err)
{
    struct sink *sink = calloc(1, sizeof(*sink));

    if (!sink)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory");
    sink->ctx = ctx;
    *self = sink;
    return RNL_OK;
}

static void sink_close(void *self)
{
    free(self);
}

static int sink_map(void *self, const struct rnl_job *job, const struct rnl_catalog *catalog,
                    bool resuming, struct rnl_steps *steps, struct rnl_error *err)
{
    const struct rnl_host *host = ((struct sink *)self)->ctx->host;

    (void)job;
    (void)resuming;
    for (uint32_t i = 0; i < host->table_count(catalog); i++) {
        char id[32];
        const struct rnl_step step = {.size = sizeof(step),
                                      .phase = RNL_PHASE_KEYS,
                                      .table = i,
                                      .id = id,
                                      .text = "do it",
                                      .flags = RNL_STEP_KEY};

        snprintf(id, sizeof(id), "key of %u", i);
        if (host->step_add(steps, &step, err) != RNL_OK)
            return err->status;
    }
    return RNL_OK;
}

static int sink_recall(void *self, const char *pipeline, struct rnl_memory *memory,
                       struct rnl_error *err)
{
    (void)self;
    (void)pipeline;
    (void)memory;
    (void)err;
    return RNL_DONE;
}

static int sink_record(void *self, const char *pipeline, struct rnl_slice plan,
                       struct rnl_error *err)
{
    (void)self;
    (void)pipeline;
    (void)plan;
    (void)err;
    return RNL_OK;
}

static int sink_forget(void *self, const char *pipeline, struct rnl_error *err)
{
    (void)self;
    (void)pipeline;
    (void)err;
    return RNL_OK;
}

static int sink_bind(void *self, const struct rnl_job *job, const struct rnl_catalog *catalog,
                     struct rnl_error *err)
{
    struct sink *sink = self;
    const struct rnl_host *host = sink->ctx->host;

    (void)job;
    (void)err;
    for (uint32_t i = 0; i < host->table_count(catalog); i++)
        if (strcmp(host->table_at(catalog, i)->name, "marker") == 0)
            sink->marker = i;
    return RNL_OK;
}

static int writer_open(void *self, uint32_t lane, void **out, struct rnl_error *err)
{
    struct writer *writer = calloc(1, sizeof(*writer));

    (void)lane;
    if (!writer)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory");
    writer->sink = self;
    *out = writer;
    return RNL_OK;
}

static void writer_close(void *writer)
{
    free(writer);
}

static void look_at(struct writer *writer, const struct rnl_value *values, uint16_t count)
{
    for (uint16_t i = 0; values && i < count; i++) {
        const struct rnl_value *value = &values[i];

        writer->sum += value->type;
        for (uint32_t b = 0; value->type >= RNL_T_TEXT && b < value->len; b++)
            writer->sum += ((const unsigned char *)value->ptr)[b];
    }
}

static void tell(const struct writer *writer)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    fprintf(stderr, "marker %lld.%09ld rows %llu sum %llu\n", (long long)now.tv_sec, now.tv_nsec,
            (unsigned long long)writer->rows, (unsigned long long)writer->sum);
}

static int writer_apply(void *self, struct rnl_bundle *in, struct rnl_error *err)
{
    struct writer *writer = self;
    const struct rnl_host *host = writer->sink->ctx->host;
    struct rnl_row row = {.size = sizeof(row)};
    int status;

    while ((status = host->bundle_next(in, &row, err)) == RNL_OK) {
        writer->rows++;
        look_at(writer, row.before, row.nvalues);
        look_at(writer, row.after, row.nvalues);
        if (row.table == writer->sink->marker)
            tell(writer);
    }
    return status == RNL_DONE ? RNL_OK : status;
}

static int writer_commit(void *writer, const struct rnl_checkpoint *checkpoint,
                         struct rnl_error *err)
{
    (void)writer;
    (void)checkpoint;
    (void)err;
    return RNL_OK;
}

static int writer_rollback(void *writer, struct rnl_error *err)
{
    (void)writer;
    (void)err;
    return RNL_OK;
}

static int writer_step(void *writer, const char *pipeline, const struct rnl_step *step,
                       struct rnl_error *err)
{
    (void)writer;
    (void)pipeline;
    (void)step;
    (void)err;
    return RNL_OK;
}

static void sink_interrupt(void *self)
{
    (void)self; /* nothing blocks */
}

static const struct rnl_sink_ops ops = {
    .size = sizeof(ops),
    .open = sink_open,
    .close = sink_close,
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
    .interrupt = sink_interrupt,
};

struct config {
    const char *host; /* of the URL, which must have one */
};

static const struct rnl_option options[] = {
    {
        .name = "host",
        .help = "Any word.",
        .type = RNL_O_STRING,
        .flags = RNL_O_CONNECTION,
        .offset = offsetof(struct config, host),
    },
};

static const struct rnl_plugin nowhere = {
    .size = sizeof(nowhere),
    .kind = RNL_SINK,
    .name = "nowhere",
    .summary = "drops what it is given, to measure how fast it comes",
    .schemes = "nowhere",
    .options = RNL_OPTIONS(options, struct config),
    .sink = &ops,
};

RNL_MODULE("nowhere", "1.0", "Apache-2.0", &nowhere);
