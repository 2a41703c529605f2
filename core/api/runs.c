/* /runs, /events, /usage: what has happened. */
#include "resources.h"

#include "../history.h"

#include <string.h>

/* The latest come first: a page goes on below the last number of the one before. */
static int answer(struct call *call, json_t *all, const char *id, struct rnl_error *err)
{
    size_t count = json_array_size(all), limit = (size_t)call_query_number(call, "limit", 50);
    const json_t *last = json_object_get(json_array_get(all, count - 1), id);

    if (!all)
        return err->status;
    call->answer = json_pack("{s:o,s:o}", "items", all, "next_cursor",
                             id && count > 0 && count == limit
                                 ? json_sprintf("%lld", (long long)json_integer_value(last))
                                 : json_null());
    return call->answer ? RNL_OK : rnl_fail(err, RNL_E_FATAL, "memory", "out of memory");
}

static int limit_of(const struct call *call)
{
    return (int)call_query_number(call, "limit", 50);
}

static int64_t before_of(const struct call *call)
{
    return call_query_number(call, "cursor", 0);
}

static int runs(struct call *call, const char *pipeline, struct rnl_error *err)
{
    return answer(call,
                  history_runs(call->api->store, pipeline, before_of(call), limit_of(call), err),
                  "run", err);
}

int runs_list(struct call *call, struct rnl_error *err)
{
    return runs(call, call_query(call, "pipeline"), err);
}

int runs_list_of(struct call *call, struct rnl_error *err)
{
    return runs(call, call->params[0], err);
}

int events_list(struct call *call, struct rnl_error *err)
{
    return answer(call,
                  history_events(call->api->store, call_query(call, "about"), before_of(call),
                                 limit_of(call), err),
                  "event", err);
}

int usage_list(struct call *call, struct rnl_error *err)
{
    const char *by = call_query(call, "by");

    return answer(call,
                  history_usage(call->api->store, call_query(call, "pipeline"),
                                by && strcmp(by, "month") == 0, limit_of(call), err),
                  NULL, err);
}
