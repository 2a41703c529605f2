/* /pipelines: how they fare, and what is wanted of them. */
#include "resources.h"

#include "../cli/node_view.h"
#include "../node.h"
#include "../remote.h"

#include <stdlib.h>
#include <string.h>

#define ASK_MS 10000

/* What an operator may do with it as it is now: clients need not know the states. */
static const struct {
    const char *state;
    const char *actions[6];
} allowed[] = {
    {"stopped", {"start", "update", "reset", "delete"}},
    {"finished", {"start", "restart", "update", "reset", "delete"}},
    {"failed", {"start", "restart", "stop", "update", "reset", "delete"}},
    {"running", {"pause", "stop", "restart", "update"}},
    {"degraded", {"pause", "stop", "restart", "update"}},
    {"starting", {"pause", "stop", "restart", "update"}},
    {"waiting", {"pause", "stop", "restart", "update"}},
    {"paused", {"resume", "stop", "restart", "update"}},
    {"stopping", {"start", "update"}},
};

bool pipeline_alive(const json_t *entry)
{
    const json_t *worker;
    size_t i;

    json_array_foreach(json_object_get(entry, "workers"), i, worker)
    {
        if (json_object_get(worker, "pid"))
            return true;
    }
    return strcmp(view_text(entry, "state"), "waiting") == 0;
}

json_t *pipeline_actions(const json_t *entry)
{
    const char *state = view_text(entry, "state");
    json_t *actions = json_array();

    if (strcmp(state, "degraded") == 0 && !pipeline_alive(entry))
        state = "finished";
    for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
        for (size_t j = 0; strcmp(allowed[i].state, state) == 0 && j < 6 && allowed[i].actions[j];
             j++)
            json_array_append_new(actions, json_string(allowed[i].actions[j]));
    return actions;
}

static void put_actions(json_t *entry)
{
    json_object_set_new(entry, "allowed_actions", pipeline_actions(entry));
}

static json_t *find(json_t *node, const char *name)
{
    json_t *entry;
    size_t i;

    json_array_foreach(json_object_get(node, "pipelines"), i, entry)
    {
        if (strcmp(view_text(entry, "pipeline"), name) == 0)
            return entry;
    }
    return NULL;
}

json_t *pipeline_entry(struct call *call, struct rnl_error *err)
{
    json_t *node = view_node(call->api->view, err), *entry = NULL;

    if (!node)
        return NULL;
    entry = json_incref(find(node, call->params[0]));
    json_decref(node);
    if (!entry)
        rnl_fail(err, RNL_E_CONFIG, "node.no_pipeline", "the node has no pipeline \"%s\"",
                 call->params[0]);
    else
        put_actions(entry);
    return entry;
}

/* --- list and show ---------------------------------------------------------------------------- */

static bool is_wanted(const struct call *call, const json_t *entry)
{
    const char *state = call_query(call, "state"), *mode = call_query(call, "mode");
    const char *text = call_query(call, "q"), *name = view_text(entry, "pipeline");

    return key_may_pipeline(&call->key, name) &&
           (!state || strcmp(state, view_text(entry, "state")) == 0) &&
           (!mode || strcmp(mode, view_text(entry, "mode")) == 0) && (!text || strstr(name, text));
}

static int by_name(const void *a, const void *b)
{
    return strcmp(view_text(*(json_t *const *)a, "pipeline"),
                  view_text(*(json_t *const *)b, "pipeline"));
}

/* In order of name, whatever order they are configured in: a cursor is a name. */
static json_t *sorted(json_t *items)
{
    size_t count = json_array_size(items);
    json_t **all = calloc(count + 1, sizeof(json_t *)), *out = json_array();

    for (size_t i = 0; all && i < count; i++)
        all[i] = json_array_get(items, i);
    if (all)
        qsort(all, count, sizeof(json_t *), by_name);
    for (size_t i = 0; all && i < count; i++)
        json_array_append(out, all[i]);
    free(all);
    json_decref(items);
    return out;
}

int pipelines_list(struct call *call, struct rnl_error *err)
{
    json_t *node = view_node(call->api->view, err), *items, *entry;
    size_t i;

    if (!node)
        return err->status;
    items = json_array();
    json_array_foreach(json_object_get(node, "pipelines"), i, entry)
    {
        if (!is_wanted(call, entry))
            continue;
        put_actions(entry);
        json_array_append(items, entry);
    }
    json_decref(node);
    return call_page(call, sorted(items), "pipeline", err);
}

int pipelines_status(struct call *call, struct rnl_error *err)
{
    call->answer = pipeline_entry(call, err);
    return call->answer ? RNL_OK : err->status;
}

/* --- what is wanted --------------------------------------------------------------------------- */

static bool may_now(const json_t *entry, const char *action)
{
    const json_t *actions = json_object_get(entry, "allowed_actions"), *item;
    size_t i;

    json_array_foreach(actions, i, item)
    {
        if (strcmp(json_string_value(item), action) == 0)
            return true;
    }
    return false;
}

/* What is so already is no mistake: asking twice does it once. */
static bool is_so(const json_t *entry, const char *want)
{
    const char *state = view_text(entry, "state");

    if (strcmp(view_text(entry, "wanted"), want) != 0)
        return false;
    return strcmp(want, "running") != 0 || pipeline_alive(entry) || strcmp(state, "running") == 0;
}

static int refuse(struct call *call, json_t *entry, const char *action)
{
    char text[200];

    snprintf(text, sizeof(text), "pipeline %s is %s: %s has no meaning now", call->params[0],
             view_text(entry, "state"), action);
    problem_reply_with(call->request, 409, "api.transition", text, "allowed_actions tells what has",
                       json_pack("{s:O,s:s}", "allowed_actions",
                                 json_object_get(entry, "allowed_actions"), "state",
                                 view_text(entry, "state")));
    json_decref(entry);
    return RNL_E_CONFIG;
}

static int ask(struct call *call, const char *want, bool again, struct rnl_error *err)
{
    json_t *request = json_pack("{s:s,s:s,s:b,s:s}", "pipeline", call->params[0], "want", want,
                                "again", again, "who", call->key.id);

    if (remote_ask(NODE_SOCKET, "want", request, ASK_MS, &call->answer, err) != RNL_OK)
        return err->status;
    view_forget(call->api->view);
    node_view_ask(call->answer);
    put_actions(call->answer);
    return RNL_OK;
}

static int act(struct call *call, const char *action, const char *want, struct rnl_error *err)
{
    bool again = strcmp(action, "restart") == 0;
    json_t *entry;

    view_forget(call->api->view);
    entry = pipeline_entry(call, err);
    if (!entry)
        return err->status;
    if (!may_now(entry, action) && !is_so(entry, want))
        return refuse(call, entry, action);
    json_decref(entry);
    return ask(call, want, again, err);
}

int pipelines_start(struct call *call, struct rnl_error *err)
{
    return act(call, "start", "running", err);
}

int pipelines_stop(struct call *call, struct rnl_error *err)
{
    return act(call, "stop", "stopped", err);
}

int pipelines_pause(struct call *call, struct rnl_error *err)
{
    return act(call, "pause", "paused", err);
}

int pipelines_resume(struct call *call, struct rnl_error *err)
{
    return act(call, "resume", "running", err);
}

int pipelines_restart(struct call *call, struct rnl_error *err)
{
    return act(call, "restart", "running", err);
}
