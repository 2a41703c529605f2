/* The end of following, on the writer's side: the source's numbers, and a pipeline that is done. */
#include "catalog.h"
#include "writer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

/* Steps that give identities and sequences their numbers, under ids of their own: done each time.
 */
static int renew_steps(struct writer *writer, struct rnl_error *err)
{
    struct rnl_steps *all = writer->steps;

    writer->steps = steps_new();
    if (!writer->steps) {
        writer->steps = all;
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for steps");
    }
    err->status = RNL_OK;
    for (uint32_t i = 0; i < steps_count(all); i++) {
        struct rnl_step step = *steps_at(all, i);
        char id[600];

        if (step.phase != RNL_PHASE_VALUES)
            continue;
        snprintf(id, sizeof(id), "%.500s @ %" PRIu64, step.id, writer->epoch);
        step.id = id;
        if (steps_add(writer->steps, &step, err) != RNL_OK)
            break;
    }
    steps_free(all);
    return err->status;
}

/* The reader has told how far the source's identities and sequences are. */
static int set_values(struct writer *writer, struct rnl_error *err)
{
    struct control word;
    struct rnl_job job;
    int status = control_await(writer->run, writer->ear, CONTROL_VALUES, &word, err);

    if (status == RNL_DONE)
        return RNL_AGAIN;
    if (status == RNL_OK)
        status = catalog_from_json(word.record ? word.record : "",
                                   word.record ? strlen(word.record) : 0, &writer->fresh, err);
    control_clear(&word);
    if (status != RNL_OK)
        return status;
    steps_free(writer->steps);
    writer->steps = steps_new();
    writer_fill_job(writer, true, &job);
    status = writer->sink.plugin->sink.map(writer->sink.self, &job,
                                           session_view(&writer->sink, writer->fresh), true,
                                           writer->steps, err);
    if (status == RNL_OK)
        status = renew_steps(writer, err);
    progress_phase(writer->run->progress, PHASE_FINISHING);
    return status == RNL_OK ? writer_structure(writer, RNL_PHASE_VALUES, RNL_PHASE_VALUES, err)
                            : status;
}

/* All up to the goal is applied; in a cutover the pipeline is done by that. */
int writer_end_drained(struct writer *writer, struct rnl_error *err)
{
    int status = set_values(writer, err);

    if (status != RNL_OK || !writer->run->config->cutover)
        return status;
    writer->record.state = RECORD_DONE;
    writer->record.ended_s = (int64_t)time(NULL);
    status = writer_store_record(writer, err);
    if (status != RNL_OK)
        return status;
    return control_send(writer->ear, &(struct control){.type = CONTROL_ENDED}, err);
}
