/* runnel dead-letters list, show and export: rows that were set aside, as people and programs read
 * them. */
#include "../bundle.h"
#include "../replay.h"
#include "../row_text.h"
#include "../util/columns.h"
#include "dead_letters.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

enum { PAGE = 100, MOST = 100000, WIDE = 65536 };

static void print_letter(const struct rnl_letter *letter)
{
    char table[200], key[200], column[160], at[32], name[320];

    snprintf(name, sizeof(name), "%s%s%s", letter->schema, *letter->schema ? "." : "",
             letter->table);
    printf("%8" PRIu64 "  %s  %s  %s  %s  ", letter->id, letter_time(letter, at, sizeof(at)),
           columns_padded(name, 24, table, sizeof(table)),
           columns_padded(*letter->key ? letter->key : "-", 20, key, sizeof(key)),
           columns_padded(*letter->column ? letter->column : "-", 14, column, sizeof(column)));
    columns_put(letter->reason, stdout);
    fputs(" [", stdout);
    columns_put(letter->code, stdout);
    fputs("]\n", stdout);
}

static int print_page_json(const struct letters_job *job, const struct rnl_letters *letters,
                           uint32_t count, bool more, struct rnl_error *err)
{
    json_t *list = json_array(), *o;

    for (uint32_t i = 0; i < count; i++) {
        void *letter;

        if (letter_json(job, letters_at(letters, i), false, &letter, err) != RNL_OK) {
            json_decref(list);
            return err->status;
        }
        json_array_append_new(list, letter);
    }
    o = json_pack("{s:s,s:o,s:b}", "pipeline", job->job.pipeline->name, "letters", list, "more",
                  more);
    json_dumpf(o, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(o);
    return RNL_OK;
}

static int list(struct letters_job *job, const struct cli_args *args, struct rnl_error *err)
{
    int64_t limit = cli_int(args, "limit", PAGE), after = cli_int(args, "after", 0);
    struct rnl_letters *letters;
    uint32_t count;
    bool more;
    int status;

    if (limit < 1 || limit > MOST || after < 0)
        return rnl_fail(err, RNL_E_CONFIG, "usage.limit",
                        "--limit: 1 to %d are possible; --after: a letter's number", MOST);
    status = letters_page(job, (uint64_t)after, (uint32_t)limit + 1, &letters, err);
    if (status != RNL_OK)
        return status;
    more = letters_count(letters) > limit;
    count = more ? (uint32_t)limit : letters_count(letters);
    if (cli_json()) {
        status = print_page_json(job, letters, count, more, err);
    } else {
        if (count)
            printf("%8s  %-20s  %-24s  %-20s  %-14s  %s\n", "number", "when", "table", "key",
                   "column", "reason");
        else
            puts("no rows stand aside");
        for (uint32_t i = 0; i < count; i++)
            print_letter(letters_at(letters, i));
        if (more)
            printf("there are more: --after %" PRIu64 "\n", letters_at(letters, count - 1)->id);
    }
    letters_free(letters);
    return status;
}

static int show_row(const struct letters_job *job, const struct rnl_letter *letter,
                    struct rnl_error *err)
{
    const struct rnl_table *table;
    struct rnl_bundle *bundle;
    struct rnl_row row;
    char *text = malloc(WIDE);
    int status;

    if (!text)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for a value");
    status = letter_decode(job->inspection.catalog, letter, &bundle, &row, &table, err);
    if (status == RNL_OK) {
        if (row.op == RNL_UPDATE || row.op == RNL_DELETE)
            printf("  (%s)\n", row.op == RNL_UPDATE ? "an update" : "a delete");
        for (uint32_t i = 0; i < table->ncolumns; i++) {
            fputs("  ", stdout);
            columns_put(table->columns[i].name, stdout);
            fputs(" = ", stdout);
            cli_print_safe(stdout, value_text(&row.after[i], text, WIDE));
            putchar('\n');
        }
        bundle_free(bundle);
    }
    free(text);
    return status;
}

static int show_one(void *arg, const struct rnl_letter *letter, struct rnl_error *err)
{
    const struct letters_job *job = arg;
    void *o;

    if (cli_json()) {
        if (letter_json(job, letter, true, &o, err) != RNL_OK)
            return err->status;
        json_dumpf(o, stdout, JSON_INDENT(2));
        putchar('\n');
        json_decref(o);
        return RNL_OK;
    }
    print_letter(letter);
    if (letter->row.len)
        return show_row(job, letter, err);
    puts("  its values were not kept");
    return RNL_OK;
}

static int show(struct letters_job *job, const struct cli_args *args, struct rnl_error *err)
{
    (void)args;
    if (job->nids == 0)
        return rnl_fail(err, RNL_E_CONFIG, "usage.letter", "the number of a letter is wanted");
    return letters_walk(job, 0, show_one, job, err);
}

struct export
{
    struct letters_job *job;
    FILE *to;
};

static int export_one(void *arg, const struct rnl_letter *letter, struct rnl_error *err)
{
    struct export *export = arg;
    void *o;
    int failed;

    if (letter_json(export->job, letter, true, &o, err) != RNL_OK)
        return err->status;
    failed = json_dumpf(o, export->to, JSON_COMPACT) != 0 || fputc('\n', export->to) == EOF;
    json_decref(o);
    return failed ? rnl_fail(err, RNL_E_FATAL, "dead_letters.write", "cannot write: %s",
                             strerror(errno))
                  : RNL_OK;
}

/* Values of a database are nobody else's: the file is the user's own, and never one that is there.
 */
static FILE *create(const char *path, struct rnl_error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;

    if (!file) {
        rnl_fail(err, RNL_E_CONFIG, "dead_letters.write", "cannot create %s: %s", path,
                 strerror(errno));
        if (fd >= 0)
            close(fd);
    }
    return file;
}

static int export_all(struct letters_job *job, const struct cli_args *args, struct rnl_error *err)
{
    const char *path = cli_text(args, "output", NULL);
    struct export export = {.job = job, .to = path ? create(path, err) : stdout};
    int status;

    if (!export.to)
        return err->status;
    status = letters_walk(job, 0, export_one, &export, err);
    if (fflush(export.to) != 0 && status == RNL_OK)
        status =
            rnl_fail(err, RNL_E_FATAL, "dead_letters.write", "cannot write: %s", strerror(errno));
    if (path && fclose(export.to) != 0 && status == RNL_OK)
        status =
            rnl_fail(err, RNL_E_FATAL, "dead_letters.write", "cannot write: %s", strerror(errno));
    return status;
}

static int run(const struct cli_args *args,
               int (*work)(struct letters_job *job, const struct cli_args *args,
                           struct rnl_error *err))
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct letters_job job;
    int code = EXIT_DONE;

    if (letters_open(&job, args, &err) != RNL_OK || work(&job, args, &err) != RNL_OK)
        code = cli_fail(&err);
    letters_close(&job);
    return code;
}

static int list_run(const struct cli_args *args)
{
    return run(args, list);
}

static int show_run(const struct cli_args *args)
{
    return run(args, show);
}

static int export_run(const struct cli_args *args)
{
    return run(args, export_all);
}

static const struct cli_option list_options[] = {
    {"limit", 0, CLI_INT, 0, "N", "so many at most (preset: 100)"},
    {"after", 0, CLI_INT, 0, "NUMBER", "those behind this one"},
    NAMING_OPTIONS,
};
static const struct cli_option show_options[] = {NAMING_OPTIONS};
static const struct cli_option export_options[] = {
    {"output", 'o', CLI_TEXT, 0, "FILE", "into this new file instead of standard output"},
    NAMING_OPTIONS,
};

extern const struct cli_command dead_letters_list_command, dead_letters_show_command,
    dead_letters_export_command;

const struct cli_command dead_letters_list_command = {
    .name = "dead-letters list",
    .args = "SOURCE TARGET | PIPELINE",
    .summary = "List the rows that didn't fit and were set aside",
    .help = "A run with --on-error set_aside keeps them in the target, in the place of the rows.\n"
            "The source is not asked.",
    .options = list_options,
    .noptions = sizeof(list_options) / sizeof(list_options[0]),
    .min_words = 1,
    .max_words = 2,
    .run = list_run,
};

const struct cli_command dead_letters_show_command = {
    .name = "dead-letters show",
    .args = "SOURCE TARGET NUMBER... | PIPELINE NUMBER...",
    .summary = "Show the values of rows that were set aside",
    .options = show_options,
    .noptions = sizeof(show_options) / sizeof(show_options[0]),
    .min_words = 2,
    .max_words = -1,
    .run = show_run,
};

const struct cli_command dead_letters_export_command = {
    .name = "dead-letters export",
    .args = "SOURCE TARGET [NUMBER...] | PIPELINE [NUMBER...]",
    .summary = "Write the rows that were set aside as JSON lines",
    .help = "One object a line: number, table, key, column, code, reason, and the row's values\n"
            "by column as text (bytes as 0x…).",
    .options = export_options,
    .noptions = sizeof(export_options) / sizeof(export_options[0]),
    .min_words = 1,
    .max_words = -1,
    .run = export_run,
};
