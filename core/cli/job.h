/* What a command is about: a pipeline, named or made of two URLs, with its secrets at hand. */
#ifndef JOB_H
#define JOB_H

#include "../config.h"
#include "cli.h"

struct secret_resolver;

struct job {
    const struct pipeline_config *pipeline;
    struct secret_resolver *resolver;
    /* what stands behind it, to be freed */
    struct config *config;        /* of a file; or NULL */
    struct pipeline_config *made; /* of two URLs; or NULL */
};

/* Options that all such commands take: tables, lanes, policies. */
#define JOB_OPTIONS                                                                                \
    {"tables",  't',                                                                               \
     CLI_TEXT,  CLI_REPEAT,                                                                        \
     "PATTERN", "only these tables: NAME or SCHEMA.NAME, with * and ?, parted by commas"},         \
        {"exclude", 0, CLI_TEXT, CLI_REPEAT, "PATTERN", "not these tables"},                       \
        {"where",                                                                                  \
         0,                                                                                        \
         CLI_TEXT,                                                                                 \
         CLI_REPEAT,                                                                               \
         "TABLE=FILTER",                                                                           \
         "only these rows of a table, in the source's SQL: --where 'orders=id > 1000'"},           \
        {"target",                                                                                 \
         0,                                                                                        \
         CLI_TEXT,                                                                                 \
         CLI_REPEAT,                                                                               \
         "TABLE=NAME",                                                                             \
         "a table's name in the target: --target orders=sales.orders2, --target 'crm.*=sales.*'"}, \
        {"lanes", 'l', CLI_INT,                                                                    \
         0,       "N", "threads on each side, 1 to 64 (preset: one for each processor, 2 to 4)"},  \
        {"set",                                                                                    \
         's',                                                                                      \
         CLI_TEXT,                                                                                 \
         CLI_REPEAT,                                                                               \
         "NAME=VALUE",                                                                             \
         "an option of the source or the sink, a policy for example: --set zero_date=null"},       \
        {"name", 0,      CLI_TEXT,                                                                 \
         0,      "NAME", "of two URLs: the pipeline's name in the target (preset: made of both)"}, \
    {                                                                                              \
        "pipeline", 0, CLI_TEXT, 0, "NAME", "of a file with several pipelines: this one"           \
    }

/* How a pipeline is named, and the options of its sink: of commands on what a run has left. */
#define NAMING_OPTIONS                                                                             \
    {"set", 's', CLI_TEXT, CLI_REPEAT, "NAME=VALUE", "an option of the source or the sink"},       \
        {"name", 0,      CLI_TEXT,                                                                 \
         0,      "NAME", "of two URLs: the pipeline's name in the target (preset: made of both)"}, \
    {                                                                                              \
        "pipeline", 0, CLI_TEXT, 0, "NAME", "of a file with several pipelines: this one"           \
    }

/* What becomes of changes that don't fit, or aren't of rows: job_apply_changes(). */
#define CHANGE_OPTIONS                                                                               \
    {"ddl",                                                                                          \
     0,                                                                                              \
     CLI_TEXT,                                                                                       \
     0,                                                                                              \
     "WORD",                                                                                         \
     "a table that is followed is altered in the source: evolve (preset: the target follows), "      \
     "ignore, or stop"},                                                                             \
        {"truncate",                                                                                 \
         0,                                                                                          \
         CLI_TEXT,                                                                                   \
         0,                                                                                          \
         "WORD",                                                                                     \
         "a table that is followed is emptied by TRUNCATE: apply (preset), ignore, or stop"},        \
        {"on-error",                                                                                 \
         0,                                                                                          \
         CLI_TEXT,                                                                                   \
         0,                                                                                          \
         "WORD",                                                                                     \
         "a row that doesn't fit: stop (preset), or set_aside and go on (runnel dead-letters)"},     \
        {"error-limit", 0,                                                                           \
         CLI_INT,       0,                                                                           \
         "N",           "stop when more rows than these stand aside (preset: 1000; 0: any number)"}, \
    {                                                                                                \
        "no-keep-rows", 0, CLI_FLAG, 0, NULL,                                                        \
            "keep no values of rows that are set aside, only their keys: they can't be replayed"     \
    }

/* What becomes of tables and rows that stand in the target: of those that map tables. */
#define POLICY_OPTIONS                                                                        \
    {"schema-policy",                                                                         \
     0,                                                                                       \
     CLI_TEXT,                                                                                \
     0,                                                                                       \
     "WORD",                                                                                  \
     "create_missing_only (preset), fail_if_exists, validate_existing or drop_and_recreate"}, \
    {                                                                                         \
        "write-mode", 0, CLI_TEXT, 0, "WORD",                                                 \
            "fail_if_not_empty (preset), append, truncate_and_load or upsert"                 \
    }

/*
 * args->words: SOURCE TARGET as URLs, or one word: the name of a pipeline of the
 * configuration, or a file that holds one (with several in it, --pipeline says which).
 * Passwords that are given nowhere else are looked for, or asked for.
 */
int job_open(struct job *job, const struct cli_args *args, struct rnl_error *err);
void job_close(struct job *job);
/* Of CHANGE_OPTIONS what was said. */
int job_apply_changes(struct pipeline_config *config, const struct cli_args *args,
                      struct rnl_error *err);

#endif
