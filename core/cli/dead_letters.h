/* What the commands on rows set aside share: the pipeline's sink, and a walk over its letters. */
#ifndef CLI_DEAD_LETTERS_H
#define CLI_DEAD_LETTERS_H

#include "../inspect.h"
#include "../letter.h"
#include "cli.h"
#include "job.h"

struct letters_job {
    struct job job;
    struct inspection inspection; /* of the sink alone */
    uint64_t *ids;                /* those named on the command line, if any */
    size_t nids;
};

/*
 * Words: SOURCE TARGET or PIPELINE, and then ids of letters. The caller closes it, also after
 * a failure.
 */
int letters_open(struct letters_job *job, const struct cli_args *args, struct rnl_error *err);
void letters_close(struct letters_job *job);

/* Another value than RNL_OK ends the walk. */
typedef int letters_call(void *arg, const struct rnl_letter *letter, struct rnl_error *err);

/*
 * Each letter behind after that stands there when the walk begins, with its bytes, or just those
 * of the ids given: "dead_letters.unknown" for an id that isn't there.
 */
int letters_walk(struct letters_job *job, uint64_t after, letters_call *call, void *arg,
                 struct rnl_error *err);
/* One page behind after, without bytes. The caller frees it. */
int letters_page(struct letters_job *job, uint64_t after, uint32_t limit,
                 struct rnl_letters **letters, struct rnl_error *err);

/* The moment of a letter, "2026-11-22 20:35:18Z"; into buf, which is returned. */
const char *letter_time(const struct rnl_letter *letter, char *buf, size_t size);

/* Its words, and with_row its values by column; *out is the caller's (json_t). */
int letter_json(const struct letters_job *job, const struct rnl_letter *letter, bool with_row,
                void **out, struct rnl_error *err);

#endif
