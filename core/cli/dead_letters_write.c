/* runnel dead-letters replay and discard: rows that were set aside go in after all, or never. */
#include "../replay.h"
#include "dead_letters.h"

#include <inttypes.h>
#include <stdlib.h>

struct work {
    struct replay replay;
    uint64_t discarded;
};

static int replay_one(void *arg, const struct rnl_letter *letter, struct rnl_error *err)
{
    struct work *work = arg;
    uint64_t left = work->replay.left;
    int status = replay_letter(&work->replay, letter, err);

    if (status == RNL_OK && work->replay.left > left && !cli_json()) {
        fprintf(stderr, "letter %" PRIu64 " stays: ", letter->id);
        cli_print_safe(stderr, work->replay.last.text);
        fputc('\n', stderr);
    }
    return status;
}

static int discard_one(void *arg, const struct rnl_letter *letter, struct rnl_error *err)
{
    struct work *work = arg;
    int status = replay_discard(&work->replay, letter->id, err);

    if (status == RNL_OK)
        work->discarded++;
    return status == RNL_DONE ? RNL_OK : status;
}

/* Nobody loads meanwhile, and where rows are to go in the tables are as they are now. */
static int prepare(struct letters_job *job, bool binding, struct rnl_error *err)
{
    struct inspection *inspection = &job->inspection;
    const struct rnl_sink_ops *sink = &inspection->sink.plugin->sink;

    if (!inspection->catalog) {
        rnl_fail(err, RNL_E_CONFIG, "dead_letters.no_run",
                 "the target remembers no run of pipeline %s", job->job.pipeline->name);
        rnl_hint(err, "name the pipeline as the run did: the same URLs, or --name");
        return err->status;
    }
    if (sink->claim && sink->claim(inspection->sink.self, job->job.pipeline->name, err) != RNL_OK)
        return err->status;
    return binding ? inspect_bind(inspection, err) : RNL_OK;
}

static int go_over(struct letters_job *job, letters_call *call, struct work *work,
                   struct rnl_error *err)
{
    struct inspection *inspection = &job->inspection;
    int status = prepare(job, call == replay_one, err);

    if (status != RNL_OK)
        return status;
    work->replay = (struct replay){.sink = inspection->sink.plugin,
                                   .self = inspection->sink.self,
                                   .pipeline = job->job.pipeline->name,
                                   .catalog = inspection->catalog};
    status = replay_open(&work->replay, err);
    if (status == RNL_OK)
        status = letters_walk(job, 0, call, work, err);
    replay_close(&work->replay);
    return status;
}

/* Numbers or --all: neither may be meant by accident. */
static int check_choice(const struct letters_job *job, const struct cli_args *args,
                        struct rnl_error *err)
{
    if ((job->nids > 0) != cli_flag(args, "all"))
        return RNL_OK;
    return rnl_fail(err, RNL_E_CONFIG, "usage.letter",
                    job->nids ? "numbers of letters, or --all: not both"
                              : "numbers of letters are wanted, or --all");
}

static int replay_run(const struct cli_args *args)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct work work = {0};
    struct letters_job job;
    int code = EXIT_DONE;

    if (letters_open(&job, args, &err) != RNL_OK || check_choice(&job, args, &err) != RNL_OK ||
        go_over(&job, replay_one, &work, &err) != RNL_OK)
        code = cli_fail(&err);
    else if (work.replay.left)
        code = EXIT_DIFFERENT;
    if (code == EXIT_DONE || code == EXIT_DIFFERENT)
        printf(cli_json() ? "{\"replayed\":%" PRIu64 ",\"left\":%" PRIu64 "}\n"
                          : "%" PRIu64 " rows are in the target now, %" PRIu64
                            " of those asked for stay aside\n",
               work.replay.done, work.replay.left);
    letters_close(&job);
    return code;
}

static bool may_discard(const struct letters_job *job, const struct cli_args *args,
                        struct rnl_error *err)
{
    char question[160];

    if (job->nids)
        snprintf(question, sizeof(question), "Discard %zu rows that were set aside, for good?",
                 job->nids);
    else
        snprintf(question, sizeof(question), "Discard all rows that were set aside, for good?");
    if (cli_confirm(args, question))
        return true;
    rnl_fail(err, RNL_E_CONFIG, "usage.confirm", "nothing is discarded: say --yes to do so");
    return false;
}

static int discard_run(const struct cli_args *args)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct work work = {0};
    struct letters_job job;
    int code = EXIT_DONE;

    if (letters_open(&job, args, &err) != RNL_OK || check_choice(&job, args, &err) != RNL_OK ||
        !may_discard(&job, args, &err) || go_over(&job, discard_one, &work, &err) != RNL_OK)
        code = cli_fail(&err);
    else
        printf(cli_json() ? "{\"discarded\":%" PRIu64 "}\n" : "%" PRIu64 " discarded\n",
               work.discarded);
    letters_close(&job);
    return code;
}

static const struct cli_option options[] = {
    {"all", 0, CLI_FLAG, CLI_ARGV, NULL, "all that stand aside now"},
    NAMING_OPTIONS,
};

extern const struct cli_command dead_letters_replay_command, dead_letters_discard_command;

const struct cli_command dead_letters_replay_command = {
    .name = "dead-letters replay",
    .args = "SOURCE TARGET NUMBER... | PIPELINE NUMBER...",
    .summary = "Put rows that were set aside into the target",
    .help = "First mend what they don't fit: widen the column, drop the constraint. Each row goes\n"
            "in and out of the store in one transaction; one that still doesn't fit stays, with\n"
            "the new reason.\n\n"
            "Exit codes: 0 all of them are in, 4 some stay aside.",
    .options = options,
    .noptions = sizeof(options) / sizeof(options[0]),
    .min_words = 1,
    .max_words = -1,
    .run = replay_run,
};

const struct cli_command dead_letters_discard_command = {
    .name = "dead-letters discard",
    .args = "SOURCE TARGET NUMBER... | PIPELINE NUMBER...",
    .summary = "Drop rows that were set aside, for good",
    .options = options,
    .noptions = sizeof(options) / sizeof(options[0]),
    .min_words = 1,
    .max_words = -1,
    .run = discard_run,
};
