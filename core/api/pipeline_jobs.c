/* What is done with a pipeline by the operator's commands: plan, check, verify, its tables, rows
 * that stand aside. */
#include "resources.h"

#include "../cli/node_view.h"

#include <stdlib.h>
#include <string.h>

#define COMMAND_MS 120000
#define TABLES_MS 70000

enum { WORDS_MOST = 1100 };

/* A command's words, gathered; texts are borrowed. */
struct words {
    const char *items[WORDS_MOST];
    size_t count;
    json_t *entry;
    char (*numbers)[24];
};

static void add(struct words *words, const char *word)
{
    if (words->count + 1 < WORDS_MOST)
        words->items[words->count++] = word;
}

/*
 * "plan" becomes plan … FILE --pipeline NAME, or plan … NAME where the main configuration has it.
 * Options are added behind it: no text from outside stands where one could.
 */
static int begin(struct call *call, struct words *words, const char *command, const char *second,
                 struct rnl_error *err)
{
    const char *file;

    *words = (struct words){.entry = pipeline_entry(call, err)};
    if (!words->entry)
        return err->status;
    file = json_string_value(json_object_get(words->entry, "file"));
    add(words, command);
    if (second)
        add(words, second);
    add(words, file ? file : call->params[0]);
    if (file) {
        add(words, "--pipeline");
        add(words, call->params[0]);
    }
    return RNL_OK;
}

static void end(struct words *words)
{
    json_decref(words->entry);
    free(words->numbers);
}

static int run(struct call *call, struct words *words, int timeout_ms, struct rnl_error *err)
{
    int status = command_run(call->api, words->items, timeout_ms, &call->answer, NULL, err);

    end(words);
    return status;
}

static int run_plainly(struct call *call, const char *command, struct rnl_error *err)
{
    struct words words;

    if (begin(call, &words, command, NULL, err) != RNL_OK)
        return err->status;
    return run(call, &words, COMMAND_MS, err);
}

int pipelines_plan(struct call *call, struct rnl_error *err)
{
    return run_plainly(call, "plan", err);
}

int pipelines_check(struct call *call, struct rnl_error *err)
{
    return run_plainly(call, "check", err);
}

/* What can't be undone names the pipeline once more. */
static int confirmed(const struct call *call, struct rnl_error *err)
{
    if (strcmp(call_text(call, "confirm"), call->params[0]) == 0)
        return RNL_OK;
    rnl_fail(err, RNL_E_CONFIG, "api.confirm", "confirm isn't the pipeline's name");
    rnl_hint(err, "what is done by this can't be undone: write its name there");
    return err->status;
}

int pipelines_reset(struct call *call, struct rnl_error *err)
{
    struct words words;

    if (confirmed(call, err) != RNL_OK || begin(call, &words, "pipelines", "reset", err) != RNL_OK)
        return err->status;
    if (pipeline_alive(words.entry)) {
        end(&words);
        rnl_fail(err, RNL_E_CONFIG, "api.running", "pipeline %s runs", call->params[0]);
        rnl_hint(err, "stop it first");
        return err->status;
    }
    add(&words, "--yes");
    return run(call, &words, COMMAND_MS, err);
}

/* --- jobs ------------------------------------------------------------------------------------- */

static int begin_job(struct call *call, const char *action, struct words *words,
                     struct rnl_error *err)
{
    call->answer = jobs_begin(call->api->jobs, action, call->params[0], words->items, err);
    end(words);
    if (!call->answer)
        return err->status;
    if (asprintf(&call->request->reply.location, "/api/v1/jobs/%s",
                 view_text(call->answer, "job")) < 0)
        call->request->reply.location = NULL;
    return RNL_OK;
}

int pipelines_verify(struct call *call, struct rnl_error *err)
{
    const json_t *tables = json_object_get(call->body, "tables"), *table;
    struct words words;
    size_t i;

    if (begin(call, &words, "verify", NULL, err) != RNL_OK)
        return err->status;
    if (call_flag(call, "repair") && !(call->key.scopes & SCOPE_WRITE)) {
        end(&words);
        problem_reply(call->request, 403, "key.scope", "to repair needs the scope \"write\"", "");
        return RNL_E_CONFIG;
    }
    if (call_flag(call, "repair"))
        add(&words, "--repair");
    json_array_foreach(tables, i, table)
    {
        if (i < 500) {
            add(&words, "--tables");
            add(&words, json_string_value(table));
        }
    }
    return begin_job(call, "verify", &words, err);
}

int pipelines_cutover(struct call *call, struct rnl_error *err)
{
    struct words words;

    if (confirmed(call, err) != RNL_OK || begin(call, &words, "cutover", NULL, err) != RNL_OK)
        return err->status;
    add(&words, "--yes");
    return begin_job(call, "cutover", &words, err);
}

static bool may_see(const struct call *call, const json_t *job)
{
    return key_may_pipeline(&call->key, view_text(job, "pipeline"));
}

int jobs_list(struct call *call, struct rnl_error *err)
{
    json_t *all = jobs_json(call->api->jobs, NULL), *items = json_array(), *job;
    size_t i;

    for (i = json_array_size(all); i > 0; i--) { /* in order of id: of time */
        job = json_array_get(all, i - 1);
        if (may_see(call, job))
            json_array_append(items, job);
    }
    json_decref(all);
    return call_page(call, items, "job", err);
}

int jobs_show(struct call *call, struct rnl_error *err)
{
    json_t *all = jobs_json(call->api->jobs, call->params[0]), *job = json_array_get(all, 0);

    if (job && may_see(call, job))
        call->answer = json_incref(job);
    json_decref(all);
    return call->answer ? RNL_OK
                        : rnl_fail(err, RNL_E_CONFIG, "api.no_resource", "there is no job \"%s\"",
                                   call->params[0]);
}

/* --- tables ----------------------------------------------------------------------------------- */

int pipelines_tables(struct call *call, struct rnl_error *err)
{
    const char *const words[] = {"tables", "list", "--", call->params[0], NULL};
    json_t *entry = pipeline_entry(call, err);

    json_decref(entry);
    return entry ? command_run(call->api, words, TABLES_MS, &call->answer, NULL, err) : err->status;
}

static int ask_tables(struct call *call, const char *word, struct rnl_error *err)
{
    const json_t *tables = json_object_get(call->body, "tables"), *table;
    struct words words = {.entry = pipeline_entry(call, err)};
    size_t i;

    if (!words.entry)
        return err->status;
    add(&words, "tables");
    add(&words, word);
    add(&words, "--");
    add(&words, call->params[0]);
    json_array_foreach(tables, i, table)
    {
        add(&words, json_string_value(table));
    }
    return run(call, &words, TABLES_MS, err);
}

int pipelines_table_add(struct call *call, struct rnl_error *err)
{
    return ask_tables(call, "add", err);
}

int pipelines_table_reload(struct call *call, struct rnl_error *err)
{
    return ask_tables(call, "reload", err);
}

/* --- rows that stand aside -------------------------------------------------------------------- */

int pipelines_dead_letters(struct call *call, struct rnl_error *err)
{
    const char *after = call_query(call, "after"), *limit = call_query(call, "limit");
    struct words words;

    if (begin(call, &words, "dead-letters", "list", err) != RNL_OK)
        return err->status;
    if (after) {
        add(&words, "--after");
        add(&words, after);
    }
    add(&words, "--limit");
    add(&words, limit ? limit : "50");
    return run(call, &words, COMMAND_MS, err);
}

int pipelines_dead_letter(struct call *call, struct rnl_error *err)
{
    const char *number = call->params[1];
    struct words words;

    if (!*number || strspn(number, "0123456789") != strlen(number) || strlen(number) > 18)
        return rnl_fail(err, RNL_E_CONFIG, "api.no_resource", "there is no letter \"%.40s\"",
                        number);
    if (begin(call, &words, "dead-letters", "show", err) != RNL_OK)
        return err->status;
    add(&words, number);
    return run(call, &words, COMMAND_MS, err);
}

static int settle(struct call *call, const char *word, struct rnl_error *err)
{
    const json_t *numbers = json_object_get(call->body, "numbers"), *number;
    bool all = call_flag(call, "all");
    struct words words;
    size_t i;

    if (confirmed(call, err) != RNL_OK)
        return err->status;
    if (all == (json_array_size(numbers) > 0))
        return rnl_fail(err, RNL_E_CONFIG, "api.choose", "name either numbers, or all");
    if (begin(call, &words, "dead-letters", word, err) != RNL_OK)
        return err->status;
    words.numbers = calloc(json_array_size(numbers) + 1, sizeof(*words.numbers));
    json_array_foreach(numbers, i, number)
    {
        snprintf(words.numbers[i], sizeof(words.numbers[i]), "%lld",
                 (long long)json_integer_value(number));
        add(&words, words.numbers[i]);
    }
    add(&words, "--yes");
    if (all)
        add(&words, "--all");
    return run(call, &words, COMMAND_MS, err);
}

int pipelines_replay(struct call *call, struct rnl_error *err)
{
    return settle(call, "replay", err);
}

int pipelines_discard(struct call *call, struct rnl_error *err)
{
    return settle(call, "discard", err);
}
