/* What commands ask of a node: how its pipelines fare, and what is wanted of them from now on. */
#include "node_part.h"

#include "logbook.h"
#include "settings.h"
#include "util/clock.h"
#include "util/log.h"
#include "wishes.h"

#include <string.h>
#include <unistd.h>

enum { LOGS_MOST = 1000, LEVEL_MOST_S = 86400 };

/* What is told of a worker, of one pipeline: of the worst of several. */
static void put_worst(json_t *o, json_t *worker)
{
    static const char *const names[] = {"pid",        "alive_ms",   "progress",
                                        "exit_code",  "signal",     "failure",
                                        "last_words", "crash_loop", "next_ms"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        json_t *value = json_object_get(worker, names[i]);

        if (value)
            json_object_set(o, names[i], value);
    }
}

/* By its roles this node can't run it: wanted so all the same, that is a failure. */
static void put_unfit(json_t *o, const struct entry *entry)
{
    struct rnl_error err = RNL_ERROR_INIT;

    if (entry->want != WANT_STOPPED && entry_check_roles(entry, &err) != RNL_OK)
        json_object_set_new(
            o, "failure",
            json_pack("{s:s,s:s,s:s}", "text", err.text, "code", err.code, "hint", err.hint));
}

static json_t *entry_json(const struct entry *entry)
{
    const struct worker *worst;
    enum supervised_state state = entry_state(entry, &worst);
    json_t *workers = json_array(), *o;
    uint32_t restarts = 0;
    bool edited = false;

    for (uint32_t i = 0; i < entry->nworkers; i++) {
        const struct worker *worker = &entry->workers[i];
        json_t *its = worker_json(worker);

        json_array_append_new(workers, its);
        restarts += worker->now.restarts;
        edited = edited || (worker->child && worker->print_running != entry->print);
    }
    o = json_pack("{s:s,s:s,s:s,s:s?,s:s?,s:s?,s:i,s:b,s:b}", "pipeline", entry->name, "state",
                  supervised_word(state), "wanted", wanted_word(entry->want), "mode", entry->mode,
                  "file", entry->file, "transport", entry->transport, "restarts", (int)restarts,
                  "configured", entry->listed, "edited", edited);
    if (worst)
        put_worst(o, json_array_get(workers, (size_t)(worst - entry->workers)));
    else
        put_unfit(o, entry);
    json_object_set_new(o, "workers", workers);
    return o;
}

static bool any_alive(const struct node *node)
{
    for (const struct entry *entry = node->entries; entry; entry = entry->next)
        if (entry_alive(entry))
            return true;
    return false;
}

static json_t *registry_json(const struct node *node)
{
    const json_t *configured = json_object_get(node->listed, "node");
    const char *plugin = json_string_value(json_object_get(configured, "registry"));
    char text[200];
    bool away = wishes_away(node->wishes, text, sizeof(text));

    return json_pack("{s:s,s:b,s:s}", "plugin", plugin ? plugin : "local", "away", away, "text",
                     text);
}

static json_t *node_json(const struct node *node)
{
    bool alive = any_alive(node);
    json_t *o =
        json_pack("{s:s,s:i,s:s,s:s?,s:I,s:b,s:b,s:s,s:o}", "node", node->name, "pid",
                  (int)getpid(), "state_dir", node->state_dir, "pipelines_dir", node->pipelines_dir,
                  "alive_ms", (json_int_t)(clock_ms() - node->started_ms), "draining",
                  node->ending || (node->drained && alive), "drained", node->drained && !alive,
                  "version", RUNNEL_VERSION, "roles", roles_json(node->roles));
    json_t *all = json_array();

    for (const struct entry *entry = node->entries; entry; entry = entry->next)
        json_array_append_new(all, entry_json(entry));
    json_object_set_new(o, "pipelines", all);
    if (node->wishes)
        json_object_set_new(o, "registry", registry_json(node));
    json_object_set_new(o, "api", node_api_json(node));
    if (node->refused)
        json_object_set(o, "refused", node->refused);
    return o;
}

/* What is said through the API stands in its own record already. */
static void note(struct node *node, const json_t *request, const char *what, const char *about)
{
    if (!json_object_get(request, "who"))
        recorder_event(node->recorder, "local", what, about, NULL);
}

static bool parse_level(const json_t *request, enum rnl_level *level, struct rnl_error *err)
{
    const char *word = json_string_value(json_object_get(request, "level"));

    if (log_level_parse(word, level))
        return true;
    rnl_fail(err, RNL_E_CONFIG, "remote.request", "\"%s\" is no level", word ? word : "");
    rnl_hint(err, "debug, info, warn or error");
    return false;
}

static json_t *logs(struct node *node, const json_t *request, struct rnl_error *err)
{
    struct logbook_query query = {
        .after = json_integer_value(json_object_get(request, "after")),
        .limit = (int)json_integer_value(json_object_get(request, "limit")),
        .level = RNL_LOG_DEBUG,
        .pipeline = json_string_value(json_object_get(request, "pipeline")),
        .text = json_string_value(json_object_get(request, "text")),
    };

    if (json_object_get(request, "level") && !parse_level(request, &query.level, err))
        return NULL;
    if (query.limit >= 1 && query.limit <= LOGS_MOST)
        return logbook_look(node->logbook, &query);
    rnl_fail(err, RNL_E_CONFIG, "remote.request", "from 1 to %d log records can be had at once",
             LOGS_MOST);
    return NULL;
}

static json_t *set_level(struct node *node, const json_t *request, struct rnl_error *err)
{
    int64_t seconds = json_integer_value(json_object_get(request, "seconds"));
    enum rnl_level level;

    if (!parse_level(request, &level, err))
        return NULL;
    if (seconds < 0 || seconds > LEVEL_MOST_S) {
        rnl_fail(err, RNL_E_CONFIG, "remote.request", "another level may hold for a day at most");
        return NULL;
    }
    note(node, request, "set_log_level", log_level_word(level));
    node_log_level(node, level, seconds * 1000);
    return json_pack("{s:s,s:I}", "level", log_level_word(log_level()), "seconds",
                     (json_int_t)seconds);
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

static const char *action_of(const json_t *request)
{
    const char *word = json_string_value(json_object_get(request, "want"));

    if (strcmp(word, "running") == 0)
        return json_is_true(json_object_get(request, "again")) ? "restart_pipeline"
                                                               : "start_pipeline";
    return strcmp(word, "paused") == 0 ? "pause_pipeline" : "stop_pipeline";
}

static int want(struct entry *entry, const json_t *request, struct rnl_error *err)
{
    const char *word = json_string_value(json_object_get(request, "want"));
    enum wanted want;

    if (!wanted_parse(word, &want))
        return rnl_fail(err, RNL_E_CONFIG, "remote.request", "a pipeline can't be wanted \"%s\"",
                        word ? word : "");
    if (entry_want(entry, want, json_is_true(json_object_get(request, "again")), err) != RNL_OK)
        return err->status;
    note(entry->node, request, action_of(request), entry->name);
    return RNL_OK;
}

static json_t *drain(struct node *node, bool drained, struct rnl_error *err)
{
    if (node_drain(node, drained, err) != RNL_OK)
        return NULL;
    node_say_drained(node, drained);
    return node_json(node);
}

json_t *node_answer(void *arg, const char *word, const json_t *request, struct rnl_error *err)
{
    struct node *node = arg;
    struct entry *entry;

    if (strcmp(word, "status") == 0)
        return node_json(node);
    if (strcmp(word, "logs") == 0)
        return logs(node, request, err);
    if (strcmp(word, "log-level") == 0)
        return set_level(node, request, err);
    if (strcmp(word, "reload") == 0) {
        node_list_begin(node);
        return node_json(node);
    }
    if (strcmp(word, "drain") == 0 || strcmp(word, "undrain") == 0) {
        note(node, request, *word == 'd' ? "drain_node" : "undrain_node", node->name);
        return drain(node, *word == 'd', err);
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
