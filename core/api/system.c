/* /healthz, /readyz, /metrics, and what the server says of itself. */
#include "resources.h"

#include "../cli/node_view.h"
#include "../metrics.h"
#include "../node.h"
#include "../remote.h"
#include "../util/clock.h"

#include <runnel/abi.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DOCTOR_MS 60000

static int say(struct call *call, const char *text)
{
    call->answer = json_string(text);
    return RNL_OK;
}

/* That the loop and the threads turn: nothing else is asked. */
int health_live(struct call *call, struct rnl_error *err)
{
    (void)err;
    if (!call->api->ending)
        return say(call, "ok\n");
    call->status = 503;
    return say(call, "draining\n");
}

/* A pipeline that fares badly is told, and no reason to send requests elsewhere. */
int health_ready(struct call *call, struct rnl_error *err)
{
    json_t *node = view_node(call->api->view, err), *entry, *bad = json_array();
    size_t i;

    json_array_foreach(json_object_get(node, "pipelines"), i, entry)
    {
        const char *state = view_text(entry, "state");

        if (strcmp(state, "failed") == 0 || strcmp(state, "degraded") == 0)
            json_array_append_new(bad, json_integer((json_int_t)i));
    }
    call->status = node && !call->api->ending ? 200 : 503;
    call->answer = json_pack("{s:b,s:s,s:i}", "ready", call->status == 200, "reason",
                             call->status == 200 ? ""
                             : call->api->ending ? "the node is about to end"
                                                 : "the node doesn't answer",
                             "pipelines_in_trouble", (int)json_array_size(bad));
    json_decref(bad);
    json_decref(node);
    return RNL_OK;
}

static void time_text(char *buf, size_t size)
{
    struct timespec now;
    struct tm utc;
    char seconds[40];

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(buf, size, "%s.%03ldZ", seconds, now.tv_nsec / 1000000);
}

int system_info(struct call *call, struct rnl_error *err)
{
    char now[64];

    (void)err;
    time_text(now, sizeof(now));
    call->answer =
        json_pack("{s:s,s:o,s:s,s:I,s:{s:i,s:i}}", "version", RUNNEL_VERSION, "abi",
                  json_sprintf("%u.%u", RNL_ABI_MAJOR, RNL_ABI_MINOR), "server_time", now,
                  "alive_ms", (json_int_t)(clock_ms() - call->api->started_ms), "limits",
                  "body_bytes", HTTP_BODY_MOST, "header_bytes", HTTP_HEADERS_MOST);
    return RNL_OK;
}

int system_openapi(struct call *call, struct rnl_error *err)
{
    call->answer = openapi_document();
    return call->answer ? RNL_OK : rnl_fail(err, RNL_E_FATAL, "memory", "out of memory");
}

static json_t *own(const char *type, const char *help, double value)
{
    return json_pack("{s:s,s:s,s:f}", "type", type, "help", help, "value", value);
}

int system_metrics(struct call *call, struct rnl_error *err)
{
    json_t *node = view_node(call->api->view, err), *of_api;
    char *text;

    if (!node)
        return err->status;
    of_api = json_pack("{s:o,s:o}", "runnel_api_requests_total",
                       own("counter", "Requests that the API has answered",
                           (double)atomic_load(&call->api->answered)),
                       "runnel_api_refused_total",
                       own("counter", "Of those: with a status of 400 and above",
                           (double)atomic_load(&call->api->refused)));
    text = metrics_text(node, of_api);
    if (text)
        call->answer = json_string(text);
    free(text);
    json_decref(of_api);
    json_decref(node);
    return call->answer ? RNL_OK : rnl_fail(err, RNL_E_FATAL, "memory", "out of memory");
}

/* What runnel doctor finds. */
int system_status(struct call *call, struct rnl_error *err)
{
    static const char *const words[] = {"doctor", NULL};
    json_t *found, *node;

    if (command_run(call->api, words, DOCTOR_MS, &found, NULL, err) != RNL_OK)
        return err->status;
    node = view_node(call->api->view, err);
    json_object_del(node, "pipelines");
    call->answer = json_pack("{s:o,s:o?}", "checks", found, "node", node);
    return RNL_OK;
}

int system_log_level(struct call *call, struct rnl_error *err)
{
    json_t *request = json_pack("{s:s,s:I,s:s}", "level", call_text(call, "level"), "seconds",
                                (json_int_t)call_number(call, "seconds", 600), "who", call->key.id);

    if (remote_ask(NODE_SOCKET, "log-level", request, 10000, &call->answer, err) != RNL_OK)
        return err->status;
    api_log_level(call->api, call_text(call, "level"), call_number(call, "seconds", 600));
    return RNL_OK;
}

int system_reload(struct call *call, struct rnl_error *err)
{
    json_t *answer;

    if (remote_ask(NODE_SOCKET, "reload", NULL, 10000, &answer, err) != RNL_OK)
        return err->status;
    json_decref(answer);
    view_forget(call->api->view);
    call->answer = json_pack("{s:b}", "reloading", true);
    return RNL_OK;
}
