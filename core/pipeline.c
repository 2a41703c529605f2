/* A pipeline at work: starts both roles, and says how it ended. */
#include "pipeline.h"

#include "reader.h"
#include "writer.h"

#include <stdlib.h>

struct pipeline {
    struct run run;
    pthread_t reader, writer;
    bool reader_started, writer_started;
    bool complete; /* set by the writer's thread */
    atomic_int roles;
    void (*ended)(void *arg);
    void *arg;
};

struct pipeline *pipeline_new(const struct pipeline_config *config,
                              struct secret_resolver *resolver)
{
    struct pipeline *pipeline = calloc(1, sizeof(*pipeline));

    if (!pipeline)
        return NULL;
    pipeline->run.config = config;
    pipeline->run.resolver = resolver;
    pipeline->run.findings = findings_new();
    pipeline->run.progress = progress_new();
    run_init(&pipeline->run);
    if (!pipeline->run.findings || !pipeline->run.progress) {
        pipeline_free(pipeline);
        return NULL;
    }
    return pipeline;
}

void pipeline_free(struct pipeline *pipeline)
{
    if (!pipeline)
        return;
    findings_free(pipeline->run.findings);
    progress_free(pipeline->run.progress);
    run_destroy(&pipeline->run);
    free(pipeline);
}

void pipeline_restart(struct pipeline *pipeline)
{
    pipeline->run.restart = true;
}

static void role_ended(struct pipeline *pipeline)
{
    if (atomic_fetch_sub(&pipeline->roles, 1) == 1)
        pipeline->ended(pipeline->arg);
}

static void *reader_main(void *arg)
{
    struct pipeline *pipeline = arg;

    reader_run(&pipeline->run);
    role_ended(pipeline);
    return NULL;
}

static void *writer_main(void *arg)
{
    struct pipeline *pipeline = arg;

    writer_run(&pipeline->run, &pipeline->complete);
    role_ended(pipeline);
    return NULL;
}

int pipeline_start(struct pipeline *pipeline, void (*ended)(void *arg), void *arg,
                   struct rnl_error *err)
{
    pipeline->ended = ended;
    pipeline->arg = arg;
    atomic_store(&pipeline->roles, 2);
    pipeline->writer_started = pthread_create(&pipeline->writer, NULL, writer_main, pipeline) == 0;
    if (!pipeline->writer_started)
        return rnl_fail(err, RNL_E_FATAL, "thread", "the writer's thread can't be started");
    pipeline->reader_started = pthread_create(&pipeline->reader, NULL, reader_main, pipeline) == 0;
    if (!pipeline->reader_started) {
        rnl_fail(err, RNL_E_FATAL, "thread", "the reader's thread can't be started");
        run_fail(&pipeline->run, err);
        role_ended(pipeline); /* the writer ends by itself, and then the pipeline has */
    }
    return RNL_OK;
}

void pipeline_stop(struct pipeline *pipeline, bool hard)
{
    run_stop(&pipeline->run, hard);
}

enum pipeline_state pipeline_wait(struct pipeline *pipeline, struct rnl_error *err)
{
    if (pipeline->writer_started)
        pthread_join(pipeline->writer, NULL);
    if (pipeline->reader_started)
        pthread_join(pipeline->reader, NULL);
    pipeline->writer_started = pipeline->reader_started = false;
    if (atomic_load(&pipeline->run.failed)) {
        *err = pipeline->run.error;
        return PIPELINE_FAILED;
    }
    return pipeline->complete || pipeline_was_done(pipeline) ? PIPELINE_FINISHED : PIPELINE_STOPPED;
}

bool pipeline_was_done(struct pipeline *pipeline)
{
    return atomic_load(&pipeline->run.done_before);
}

struct progress *pipeline_progress(struct pipeline *pipeline)
{
    return pipeline->run.progress;
}

struct findings *pipeline_findings(struct pipeline *pipeline)
{
    return pipeline->run.findings;
}
