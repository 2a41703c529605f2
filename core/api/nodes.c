/* /nodes and /plugins: what the operator's commands tell of them. */
#include "resources.h"

#include "../cli/node_view.h"

#include <string.h>

#define COMMAND_MS 30000
#define DRAIN_MS 120000

/* All of them at once: they are few. */
static int answer_all(struct call *call, json_t *items, struct rnl_error *err)
{
    call->answer = json_pack("{s:o,s:n,s:I}", "items", items, "next_cursor", "total",
                             (json_int_t)json_array_size(items));
    return call->answer ? RNL_OK : rnl_fail(err, RNL_E_FATAL, "memory", "out of memory");
}

static int run(struct call *call, const char *const *words, int timeout_ms, json_t **answer,
               struct rnl_error *err)
{
    return command_run(call->api, words, timeout_ms, answer, NULL, err);
}

int nodes_list(struct call *call, struct rnl_error *err)
{
    static const char *const words[] = {"nodes", NULL};
    json_t *all;

    if (run(call, words, COMMAND_MS, &all, err) != RNL_OK)
        return err->status;
    return answer_all(call, all, err);
}

static int drain(struct call *call, const char *word, struct rnl_error *err)
{
    const char *const words[] = {"nodes", word, "--", call->params[0], NULL};

    view_forget(call->api->view);
    return run(call, words, DRAIN_MS, &call->answer, err);
}

int nodes_drain(struct call *call, struct rnl_error *err)
{
    return drain(call, "drain", err);
}

int nodes_undrain(struct call *call, struct rnl_error *err)
{
    return drain(call, "undrain", err);
}

/* --- plugins ---------------------------------------------------------------------------------- */

int plugins_list(struct call *call, struct rnl_error *err)
{
    static const char *const words[] = {"plugins", NULL};
    const char *kind = call_query(call, "kind");
    json_t *all, *items = json_array(), *one;
    size_t i;

    if (run(call, words, COMMAND_MS, &all, err) != RNL_OK) {
        json_decref(items);
        return err->status;
    }
    json_array_foreach(json_object_get(all, "plugins"), i, one)
    {
        if (!kind || strcmp(kind, view_text(one, "kind")) == 0)
            json_array_append(items, one);
    }
    json_decref(all);
    return answer_all(call, items, err);
}

int plugins_show(struct call *call, struct rnl_error *err)
{
    const char *const words[] = {"plugins", "help", "--", call->params[0], NULL};

    return run(call, words, COMMAND_MS, &call->answer, err);
}
