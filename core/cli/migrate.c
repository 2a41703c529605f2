/* runnel migrate SOURCE TARGET and runnel run PIPELINE: what moves a database. */
#include "foreground.h"
#include "job.h"

#include "../options.h"

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

static int run(const struct cli_args *args)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct pipeline_config *config;
    struct job job;
    int code;

    if (job_open(&job, args, &err) != RNL_OK)
        return cli_fail(&err);
    memcpy(&config, &job.pipeline, sizeof(struct pipeline_config *)); /* the job's own */
    apply_structure(config, args);
    if (apply_sizes(config, args, &err) != RNL_OK)
        code = cli_fail(&err);
    else
        code = foreground_run(job.pipeline, job.resolver, args);
    job_close(&job);
    return code;
}

static const struct cli_option options[] = {
    JOB_OPTIONS,
    {"restart", 0, CLI_FLAG, 0, NULL,
     "forget the earlier run of this pipeline, drop its tables and load anew; asks first"},
    POLICY_OPTIONS,
    {"no-indexes", 0, CLI_FLAG, 0, NULL, "make no keys and indexes (and so no foreign keys)"},
    {"no-foreign-keys", 0, CLI_FLAG, 0, NULL, "make no foreign keys"},
    {"no-checks", 0, CLI_FLAG, 0, NULL, "make no check constraints"},
    {"bundle-rows", 0, CLI_INT, 0, "N", "rows of a bundle, 10 to 1000 (preset: 500)"},
    {"chunk-size", 0, CLI_SIZE, 0, "SIZE", "of the pieces that tables are cut into (preset: 64M)"},
    {"commit-size", 0, CLI_SIZE, 0, "SIZE",
     "of what a lane commits at once: what a crash makes it read again (preset: 32M)"},
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
            "Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 environment, 130\n"
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
