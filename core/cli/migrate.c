/* runnel migrate SOURCE TARGET and runnel run PIPELINE: what moves a database. */
#include "../child.h"
#include "foreground.h"
#include "job.h"

#include "../config_block.h"
#include "../config_run.h"
#include "../options.h"

#include <inttypes.h>
#include <stdlib.h>

static void apply_structure(struct pipeline_config *config, const struct cli_args *args)
{
    if (cli_flag(args, "no-indexes")) /* a foreign key needs the key that it points to */
        config->structure &= ~(uint32_t)(RNL_WITH_INDEXES | RNL_WITH_FOREIGN_KEYS);
    if (cli_flag(args, "no-foreign-keys"))
        config->structure &= ~(uint32_t)RNL_WITH_FOREIGN_KEYS;
    if (cli_flag(args, "no-checks"))
        config->structure &= ~(uint32_t)RNL_WITH_CHECKS;
}

static int apply_sizes(struct pipeline_config *config, const struct cli_args *args,
                       struct rnl_error *err)
{
    int64_t rows = cli_int(args, "bundle-rows", config->bundle_rows);
    const char *chunk = cli_text(args, "chunk-size", NULL);
    const char *commit = cli_text(args, "commit-size", NULL);

    if (rows < 10 || rows > 1000)
        return rnl_fail(err, RNL_E_CONFIG, "usage.bundle_rows",
                        "--bundle-rows: 10 to 1000 are possible");
    config->bundle_rows = (uint32_t)rows;
    if (chunk && (parse_size(chunk, &config->chunk_bytes) != 0 || config->chunk_bytes < 64 << 10))
        return rnl_fail(err, RNL_E_CONFIG, "usage.chunk_size",
                        "--chunk-size %s: a size of 64k or more is wanted", chunk);
    if (commit && (parse_size(commit, &config->commit_bytes) != 0 ||
                   config->commit_bytes < 64 << 10 || config->commit_bytes > 1 << 30))
        return rnl_fail(err, RNL_E_CONFIG, "usage.commit_size",
                        "--commit-size %s: a size between 64k and 1G is wanted", commit);
    return RNL_OK;
}

static int apply_change_lanes(struct pipeline_config *config, const struct cli_args *args,
                              struct rnl_error *err)
{
    int64_t lanes = cli_int(args, "change-lanes", config->change_lanes);

    if (lanes < 1 || lanes > 64)
        return rnl_fail(err, RNL_E_CONFIG, "usage.lanes", "--change-lanes: 1 to 64 are possible");
    config->change_lanes = (uint32_t)lanes;
    return RNL_OK;
}

static int number(const struct cli_args *args, const char *option, int64_t most, int64_t *value,
                  struct rnl_error *err)
{
    int64_t said = cli_int(args, option, *value);

    if (said < 0 || said > most)
        return rnl_fail(err, RNL_E_CONFIG, "usage.number",
                        "--%s: 0 to %" PRId64 " are possible (0: none)", option, most);
    *value = said;
    return RNL_OK;
}

static int memory(const struct cli_args *args, const char *option, int64_t least, int64_t most,
                  int64_t *value, struct rnl_error *err)
{
    const char *text = cli_text(args, option, NULL);
    int64_t bytes;

    if (!text)
        return RNL_OK;
    if (parse_size(text, &bytes) != 0 || bytes < least || bytes > most)
        return rnl_fail(err, RNL_E_CONFIG, "usage.memory",
                        "--%s %s: a size from %" PRId64 "M to %" PRId64 "M is wanted", option, text,
                        least >> 20, most >> 20);
    *value = bytes;
    return RNL_OK;
}

/* How long it may take, how much it may read, how patient it is, how much memory it has. */
static int apply_limits(struct pipeline_config *config, const struct cli_args *args,
                        struct rnl_error *err)
{
    if (number(args, "limit-events", INT64_MAX, &config->limit_events, err) != RNL_OK ||
        number(args, "limit-seconds", INT32_MAX, &config->limit_seconds, err) != RNL_OK ||
        number(args, "retry-seconds", 7 * 24 * 3600, &config->retry.seconds, err) != RNL_OK ||
        memory(args, "memory", MEMORY_LEAST, INT64_C(1) << 40, &config->memory_bytes, err) !=
            RNL_OK)
        return err->status;
    return memory(args, "max-row", 1 << 20, INT32_MAX, &config->row_bytes, err);
}

static int apply_all(struct pipeline_config *config, const struct cli_args *args,
                     struct rnl_error *err)
{
    apply_structure(config, args);
    if (apply_sizes(config, args, err) != RNL_OK || job_apply_changes(config, args, err) != RNL_OK)
        return err->status;
    if (cli_flag(args, "follow"))
        config->mode = cli_flag(args, "changes-only") ? MODE_CDC : MODE_REPLICATE;
    else if (cli_flag(args, "changes-only"))
        return rnl_fail(err, RNL_E_CONFIG, "usage.changes_only",
                        "--changes-only goes with --follow: no rows are loaded then, and changes "
                        "are applied from now on");
    config->drain = cli_flag(args, "drain");
    if (apply_limits(config, args, err) != RNL_OK ||
        apply_change_lanes(config, args, err) != RNL_OK)
        return err->status;
    return config_runnable(config, err);
}

static int run(const struct cli_args *args)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct pipeline_config *config;
    struct job job;
    int code;

    if (job_open(&job, args, &err) != RNL_OK)
        return cli_fail(&err);
    memcpy(&config, &job.pipeline, sizeof(struct pipeline_config *)); /* the job's own */
    if (apply_all(config, args, &err) != RNL_OK)
        code = cli_fail(&err);
    else
        code = foreground_run(job.pipeline, job.resolver, args);
    job_close(&job);
    return code;
}

/* The same, but for a node, and gone with it. */
static int run_as_worker(const struct cli_args *args)
{
    struct rnl_error err = RNL_ERROR_INIT;

    return child_tie(&err) == RNL_OK ? run(args) : cli_fail(&err);
}

static const struct cli_option options[] = {
    JOB_OPTIONS,
    {"restart", 0, CLI_FLAG, 0, NULL,
     "forget the earlier run of this pipeline, drop the tables that it made and load anew; asks "
     "first"},
    {"discard-aside", 0, CLI_FLAG, 0, NULL,
     "with --restart: also forget the rows that the earlier run set aside"},
    {"reload", 0, CLI_TEXT, CLI_REPEAT, "TABLE",
     "with --follow: load this table of the pipeline anew: drop it in the target first"},
    POLICY_OPTIONS,
    {"no-indexes", 0, CLI_FLAG, 0, NULL, "make no keys and indexes (and so no foreign keys)"},
    {"no-foreign-keys", 0, CLI_FLAG, 0, NULL, "make no foreign keys"},
    {"no-checks", 0, CLI_FLAG, 0, NULL, "make no check constraints"},
    {"follow", 'f', CLI_FLAG, 0, NULL,
     "then follow the source: apply its changes as they are committed, until told to stop"},
    {"changes-only", 0, CLI_FLAG, 0, NULL,
     "with --follow: load no rows, the target has them; changes from now on"},
    {"drain", 0, CLI_FLAG, 0, NULL,
     "with --follow: end where the source's log ends when changes begin to be read"},
    {"change-lanes", 0, CLI_INT, 0, "N",
     "with --follow: lanes for changes, each row on that of its key (preset: 1, in the order of "
     "commits; see docs/how-to/follow.md for what more of them give up)"},
    CHANGE_OPTIONS,
    {"role", 0, CLI_TEXT, 0, "ROLE",
     "reader or writer: do this alone, the other is done by another process, over a transport "
     "such as nats (preset: both)"},
    {"bundle-rows", 0, CLI_INT, 0, "N", "rows of a bundle, 10 to 1000 (preset: 500)"},
    {"chunk-size", 0, CLI_SIZE, 0, "SIZE", "of the pieces that tables are cut into (preset: 32M)"},
    {"commit-size", 0, CLI_SIZE, 0, "SIZE",
     "of what a lane commits at once: what a crash makes it read again (preset: 32M)"},
    {"retry-seconds", 0, CLI_INT, 0, "N",
     "when a server goes away, try again until so long nothing has moved (preset: 600; 0: never)"},
    {"limit-events", 0, CLI_INT, 0, "N",
     "stop in order after so many rows; the next run goes on (preset: 0, none)"},
    {"limit-seconds", 0, CLI_INT, 0, "N",
     "stop in order after so long; the next run goes on (preset: 0, none)"},
    {"memory", 0, CLI_SIZE, 0, "SIZE", "to stay below, with rows up to 1M (preset: 64M)"},
    {"max-row", 0, CLI_SIZE, 0, "SIZE", "refuse rows larger than this (preset: 128M)"},
};

#define COUNT (sizeof(options) / sizeof(options[0]))

const struct cli_command migrate_command = {
    .name = "migrate",
    .args = "SOURCE TARGET",
    .summary = "Move a whole database: structure, rows, indexes, constraints",
    .help = "SOURCE and TARGET are URLs, such as mysql://user@host/shop and\n"
            "postgres://user@host/shop. Rows are read from one consistent snapshot in parallel\n"
            "lanes. When it is cut off, by whatever, the same command goes on where it stood.\n"
            "Then prove the copy: runnel verify SOURCE TARGET\n\n"
            "Exit codes: 0 done (or a limit was reached: it says so), 1 failed, 2 usage or\n"
            "configuration, 3 environment, 4 done but for rows that stand aside, 130\n"
            "interrupted (the first signal commits what is on its way, the second stops at once).",
    .options = options,
    .noptions = COUNT,
    .min_words = 2,
    .max_words = 2,
    .run = run,
};

const struct cli_command run_command = {
    .name = "run",
    .args = "PIPELINE",
    .summary = "Run a pipeline of a configuration file in the foreground",
    .help = "PIPELINE is a file that declares one, or the name of one in the configuration.",
    .options = options,
    .noptions = COUNT,
    .min_words = 1,
    .max_words = 1,
    .run = run,
};

const struct cli_command worker_command = {
    .name = "worker",
    .args = "PIPELINE",
    .summary = "Run a pipeline for a node, which starts this",
    .options = options,
    .noptions = COUNT,
    .min_words = 1,
    .max_words = 1,
    .run = run_as_worker,
    .hidden = true,
};
