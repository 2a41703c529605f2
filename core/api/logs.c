/* /logs: what the node and its workers say. */
#include "resources.h"

#include "../node.h"
#include "../remote.h"
#include "../util/clock.h"

#include <time.h>

#define ASK_MS 10000
#define LOOK_MS 250

/* Waiting takes a thread: so many may, and the others are answered at once. */
enum { WAITING_MOST = 3 };

static atomic_int waiting;

static int ask(struct call *call, const char *pipeline, struct rnl_error *err)
{
    json_t *request = json_pack(
        "{s:I,s:I,s:s*,s:s*,s:s*}", "after", (json_int_t)call_query_number(call, "after", 0),
        "limit", (json_int_t)call_query_number(call, "limit", 100), "level",
        call_query(call, "level"), "text", call_query(call, "q"), "pipeline", pipeline);

    json_decref(call->answer);
    call->answer = NULL;
    return remote_ask(NODE_SOCKET, "logs", request, ASK_MS, &call->answer, err);
}

static bool is_empty(const struct call *call)
{
    return json_array_size(json_object_get(call->answer, "items")) == 0;
}

static int look(struct call *call, const char *pipeline, struct rnl_error *err)
{
    int64_t until_ms = clock_ms() + call_query_number(call, "wait_s", 0) * 1000;
    bool may_wait = atomic_fetch_add(&waiting, 1) < WAITING_MOST;
    int status = ask(call, pipeline, err);

    while (may_wait && status == RNL_OK && is_empty(call) && clock_ms() < until_ms &&
           !atomic_load(&call->api->ending)) {
        nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000L}, NULL);
        status = ask(call, pipeline, err);
    }
    atomic_fetch_sub(&waiting, 1);
    return status;
}

int logs_list(struct call *call, struct rnl_error *err)
{
    return look(call, NULL, err);
}

int logs_list_of(struct call *call, struct rnl_error *err)
{
    return look(call, call->params[0], err);
}
