/* What commands ask of a node: how its pipelines fare, and what is wanted of them from now on. */
#include "node_part.h"

#include "settings.h"
#include "util/clock.h"

#include <string.h>
#include <unistd.h>

static json_t *words_of(const struct entry *entry)
{
    json_t *words = json_array();

    for (int i = 0; i < LAST_WORDS; i++)
        if (entry->last_words[i])
            json_array_append_new(words, json_string(entry->last_words[i]));
    return words;
}

static void put_end(json_t *o, const struct entry *entry)
{
    const struct supervised *now = &entry->now;

    if (entry->ended) {
        json_object_set_new(o, "exit_code", json_integer(entry->end.code));
        json_object_set_new(o, "signal", json_integer(entry->end.signal));
    }
    if (entry->error)
        json_object_set(o, "failure", entry->error);
    if (now->state == SUPERVISED_FAILED || now->state == SUPERVISED_WAITING)
        json_object_set_new(o, "last_words", words_of(entry));
    if (now->looping)
        json_object_set_new(o, "crash_loop", json_true());
    if (now->state == SUPERVISED_WAITING)
        json_object_set_new(o, "next_ms", json_integer(now->due_ms - clock_ms()));
}

static json_t *entry_json(const struct entry *entry)
{
    const struct supervised *now = &entry->now;
    json_t *o =
        json_pack("{s:s,s:s,s:s,s:s?,s:s?,s:i,s:b,s:b}", "pipeline", entry->name, "state",
                  supervised_word(now->state), "wanted", wanted_word(now->want), "mode",
                  entry->mode, "file", entry->file, "restarts", (int)now->restarts, "configured",
                  entry->listed, "edited", entry->child && entry->print != entry->print_running);

    if (entry->child) {
        json_object_set_new(o, "pid", json_integer(child_pid(entry->child)));
        json_object_set_new(o, "alive_ms", json_integer(clock_ms() - now->began_ms));
    }
    if (entry->progress)
        json_object_set(o, "progress", entry->progress);
    put_end(o, entry);
    return o;
}

static json_t *node_json(const struct node *node)
{
    json_t *o =
        json_pack("{s:s,s:i,s:s,s:s?,s:I,s:b,s:s}", "node", node->name, "pid", (int)getpid(),
                  "state_dir", node->state_dir, "pipelines_dir", node->pipelines_dir, "alive_ms",
                  (json_int_t)(clock_ms() - node->started_ms), "draining", node->draining,
                  "version", RUNNEL_VERSION);
    json_t *all = json_array();

    for (const struct entry *entry = node->entries; entry; entry = entry->next)
        json_array_append_new(all, entry_json(entry));
    json_object_set_new(o, "pipelines", all);
    if (node->refused)
        json_object_set(o, "refused", node->refused);
    return o;
}

static struct entry *entry_asked(struct node *node, const json_t *request, struct rnl_error *err)
{
    const char *name = json_string_value(json_object_get(request, "pipeline")), *names[256], *near;
    struct entry *found = node_entry(node, name);
    size_t count = 0;

    if (found)
        return found;
    for (struct entry *entry = node->entries; entry && count < 256; entry = entry->next)
        names[count++] = entry->name;
    near = name ? nearest_word(name, names, count) : NULL;
    rnl_fail(err, RNL_E_CONFIG, "node.no_pipeline", "the node has no pipeline \"%s\"",
             name ? name : "");
    if (near)
        rnl_hint(err, "did you mean %s?", near);
    else
        rnl_hint(err, "runnel pipelines list shows those that it has");
    return NULL;
}

/* First on disk: what was answered holds through whatever comes. */
static int want(struct entry *entry, const json_t *request, struct rnl_error *err)
{
    const char *word = json_string_value(json_object_get(request, "want"));
    bool again = json_is_true(json_object_get(request, "again"));
    enum wanted want;

    if (!wanted_parse(word, &want))
        return rnl_fail(err, RNL_E_CONFIG, "remote.request", "a pipeline can't be wanted \"%s\"",
                        word ? word : "");
    if (want != WANT_STOPPED && !entry->listed)
        return rnl_fail(err, RNL_E_CONFIG, "node.no_pipeline",
                        "pipeline %s isn't configured any more", entry->name);
    if (entry->node->draining)
        return rnl_fail(err, RNL_E_RETRY, "node.draining", "the node is about to end");
    if (desired_set(entry->node->desired, entry->name, want, err) != RNL_OK)
        return err->status;
    if (again)
        supervised_restart(&entry->now);
    else
        supervised_want(&entry->now, want);
    worker_step(entry);
    return RNL_OK;
}

json_t *node_answer(void *arg, const char *word, const json_t *request, struct rnl_error *err)
{
    struct node *node = arg;
    struct entry *entry;

    if (strcmp(word, "status") == 0)
        return node_json(node);
    if (strcmp(word, "reload") == 0) {
        node_list_begin(node);
        return node_json(node);
    }
    if (strcmp(word, "show") != 0 && strcmp(word, "want") != 0) {
        rnl_fail(err, RNL_E_CONFIG, "remote.request", "\"%s\" is nothing that a node understands",
                 word);
        return NULL;
    }
    entry = entry_asked(node, request, err);
    if (!entry || (strcmp(word, "want") == 0 && want(entry, request, err) != RNL_OK))
        return NULL;
    return entry_json(entry);
}
