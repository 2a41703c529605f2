/* One call: its route, its key, its fields, its handler, its reply; the same steps for all. */
#include "again.h"
#include "guard.h"

#include "../history.h"
#include "../loop.h"
#include "../store.h"
#include "../util/log.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { JSON_DEPTH = 32, PAGE_PRESET = 50 };

/* --- fields ----------------------------------------------------------------------------------- */

const char *call_query(const struct call *call, const char *name)
{
    return target_field(&call->request->target, name);
}

int64_t call_query_number(const struct call *call, const char *name, int64_t preset)
{
    const char *value = call_query(call, name);

    return value ? strtoll(value, NULL, 10) : preset;
}

const char *call_text(const struct call *call, const char *name)
{
    return json_string_value(json_object_get(call->body, name));
}

int64_t call_number(const struct call *call, const char *name, int64_t preset)
{
    const json_t *value = json_object_get(call->body, name);

    return json_is_integer(value) ? json_integer_value(value) : preset;
}

bool call_flag(const struct call *call, const char *name)
{
    return json_is_true(json_object_get(call->body, name));
}

/* --- what it brings --------------------------------------------------------------------------- */

static int depth_of(const char *text, size_t length)
{
    int depth = 0, deepest = 0;
    bool quoted = false;

    for (size_t i = 0; i < length; i++) {
        if (quoted && text[i] == '\\')
            i++;
        else if (text[i] == '"')
            quoted = !quoted;
        else if (!quoted && (text[i] == '{' || text[i] == '['))
            deepest = ++depth > deepest ? depth : deepest;
        else if (!quoted && (text[i] == '}' || text[i] == ']'))
            depth--;
    }
    return deepest;
}

static bool is_json(const char *type)
{
    static const char *const known[] = {"application/json", "application/merge-patch+json"};
    size_t len = type ? strcspn(type, "; ") : 0;

    for (size_t i = 0; i < 2; i++)
        if (len == strlen(known[i]) && strncasecmp(type, known[i], len) == 0)
            return true;
    return false;
}

static bool takes_body(const struct route *route)
{
    return route->body || (route->flags & ROUTE_ANY_BODY);
}

static bool read_body(struct call *call)
{
    struct http_request *request = call->request;
    json_error_t why;
    char text[300];

    if (request->length == 0) {
        call->body = json_object();
        return true;
    }
    if (!takes_body(call->route)) {
        problem_reply(request, 400, "request.body", "this request takes no body", "");
        return false;
    }
    if (!is_json(request->content_type)) {
        problem_reply(request, 415, "request.media_type", "the body isn't said to be JSON",
                      "Content-Type: application/json");
        return false;
    }
    if (depth_of(request->body, request->length) > JSON_DEPTH) {
        problem_reply(request, 400, "request.json", "the body is nested too deep", "");
        return false;
    }
    call->body = json_loadb(request->body, request->length, JSON_REJECT_DUPLICATES, &why);
    if (json_is_object(call->body))
        return true;
    snprintf(text, sizeof(text), "line %d, column %d: %s", call->body ? 1 : why.line,
             call->body ? 1 : why.column, call->body ? "the body isn't an object" : why.text);
    problem_reply(request, 400, "request.json", text, "");
    return false;
}

static bool refuse_field(struct call *call, const char *where, const char *which, const char *wrong)
{
    char text[400];
    bool unknown = strncmp(wrong, "is no field", 11) == 0;

    snprintf(text, sizeof(text), "%s %.200s %s", where, which, wrong);
    problem_reply_with(call->request, 400, unknown ? "request.unknown_field" : "request.field",
                       text, "GET /api/v1/openapi.json tells the fields of each request",
                       json_pack("{s:s}", "field", which));
    return false;
}

static bool check_fields(struct call *call)
{
    const char *which = "", *wrong = route_check_query(call->route, &call->request->target, &which);

    if (wrong)
        return refuse_field(call, "the query's", which, wrong);
    wrong = route_check_body(call->route, call->body, &which);
    return !wrong || refuse_field(call, "the body's", which, wrong);
}

/* --- who may ---------------------------------------------------------------------------------- */

static bool refuse_key(struct call *call, const struct rnl_error *err)
{
    struct http_request *request = call->request;

    if (strcmp(err->code, "key.rate") == 0) {
        problem_of(request, err);
        request->reply.status = 429;
        request->reply.retry_after_s = 1;
    } else if (strncmp(err->code, "key.", 4) == 0)
        problem_reply(request, 401, err->code, err->text, err->hint);
    else
        problem_of(request, err);
    return false;
}

static bool authenticate(struct call *call)
{
    struct http_request *request = call->request;
    struct rnl_error err = RNL_ERROR_INIT;

    if (call->route->flags & ROUTE_PUBLIC)
        return true;
    if (!request->key) {
        problem_reply(request, 401, "key.missing", "the request has no key",
                      "X-API-Key: KEY or Authorization: Bearer KEY; runnel keys create makes one");
        return false;
    }
    if (keys_check(call->api->store, request->key, &call->key, &err) == RNL_OK)
        return true;
    if (strcmp(err.code, "key.unknown") == 0 && guard_is_out(request->client)) {
        problem_reply(request, 429, "key.guessing", "too many wrong keys came from this address",
                      "right ones are heard; wrong ones again within a minute");
        request->reply.retry_after_s = 60;
        return false;
    }
    if (strcmp(err.code, "key.unknown") == 0)
        guard_note(request->client);
    return refuse_key(call, &err);
}

static bool authorise(struct call *call)
{
    const struct route *route = call->route;
    char text[200];

    if (route->flags & (ROUTE_PUBLIC | ROUTE_ALL_KEYS))
        return true;
    if (!(call->key.scopes & route->scope)) {
        snprintf(text, sizeof(text), "the key's scopes don't hold \"%s\", which this needs",
                 scope_word(route->scope));
        problem_reply(call->request, 403, "key.scope", text, "");
        return false;
    }
    if ((route->flags & ROUTE_PIPELINE) && !key_may_pipeline(&call->key, call->params[0])) {
        problem_reply(call->request, 403, "key.pipeline", "the key is limited to other pipelines",
                      "");
        return false;
    }
    if ((route->flags & ROUTE_WHOLE) && call->key.pipelines) {
        problem_reply(call->request, 403, "key.pipeline",
                      "the key is limited to some pipelines, and this concerns all", "");
        return false;
    }
    return true;
}

/* --- its answer ------------------------------------------------------------------------------- */

int call_page(struct call *call, json_t *items, const char *by, struct rnl_error *err)
{
    int64_t limit = call_query_number(call, "limit", PAGE_PRESET);
    const char *cursor = call_query(call, "cursor"), *name;
    json_t *page = json_array(), *item;
    size_t i, first = 0, count = json_array_size(items);
    bool more;

    json_array_foreach(items, i, item)
    {
        name = json_string_value(json_object_get(item, by));
        if (cursor && name && strcmp(name, cursor) <= 0)
            first = i + 1;
    }
    for (i = first; i < count && i < first + (size_t)limit; i++)
        json_array_append(page, json_array_get(items, i));
    more = i < count;
    name = more ? json_string_value(json_object_get(json_array_get(items, i - 1), by)) : NULL;
    call->answer =
        json_pack("{s:o,s:s?,s:I}", "items", page, "next_cursor", name, "total", (json_int_t)count);
    json_decref(items);
    return call->answer ? RNL_OK : rnl_fail(err, RNL_E_FATAL, "memory", "out of memory");
}

/* The same content has the same tag: polling costs no more than that. */
static void put_tag(struct call *call)
{
    struct http_request *request = call->request;
    struct http_reply *reply = &request->reply;
    uint64_t print = 1469598103934665603u;

    if (call->route->method != HTTP_METHOD_GET || reply->status != 200 || reply->etag)
        return;
    for (size_t i = 0; i < reply->length; i++)
        print = (print ^ (uint8_t)reply->body[i]) * 1099511628211u;
    if (asprintf(&reply->etag, "\"%016llx\"", (unsigned long long)print) < 0)
        reply->etag = NULL;
    if (!reply->etag || !request->if_none_match ||
        (strcmp(request->if_none_match, "*") != 0 && !strstr(request->if_none_match, reply->etag)))
        return;
    reply->status = 304;
    free(reply->body);
    reply->body = NULL;
    reply->length = 0;
}

static void answer(struct call *call)
{
    struct http_reply *reply = &call->request->reply;

    reply->status = call->status ? call->status : call->route->ok;
    if (call->route->flags & ROUTE_TEXT) {
        const char *text = json_string_value(call->answer);

        reply->type = "text/plain; version=0.0.4; charset=utf-8";
        reply->body = text ? strdup(text) : NULL;
    } else if (call->answer) {
        reply->type = "application/json";
        reply->body = json_dumps(call->answer, JSON_COMPACT);
    }
    reply->length = reply->body ? strlen(reply->body) : 0;
    put_tag(call);
}

/* Who has asked for it, once it is done. That it can't be written down undoes nothing. */
static void note_done(struct call *call)
{
    const char *about = call->params[0] ? call->params[0] : call_text(call, "name");
    struct rnl_error err = RNL_ERROR_INIT;
    char who[100];

    if (call->route->method == HTTP_METHOD_GET)
        return;
    snprintf(who, sizeof(who), "key %s (%s)", call->key.id, call->key.name);
    if (history_event(call->api->store, who, call->route->id, about, call->request->id, &err) !=
        RNL_OK)
        log_error("api", &err);
}

/* Once, however often it is asked for. */
static void handle(struct call *call)
{
    struct rnl_error err = RNL_ERROR_INIT;
    enum again again = again_begin(call, &err);
    bool done;

    if (again == AGAIN_FAILED)
        problem_of(call->request, &err);
    if (again != AGAIN_NO)
        return;
    done = call->route->handle(call, &err) == RNL_OK;
    if (done) {
        note_done(call);
        answer(call);
    } else if (!call->request->reply.status) /* it may have said it in its own way */
        problem_of(call->request, &err);
    again_end(call, done);
}

void call_run(struct call *call)
{
    if (authenticate(call) && authorise(call) && read_body(call) && check_fields(call))
        handle(call);
}

/* --- its way ---------------------------------------------------------------------------------- */

static void send(void *arg)
{
    struct call *call = arg;

    atomic_fetch_add(&call->api->answered, 1);
    if (call->request->reply.status >= 400)
        atomic_fetch_add(&call->api->refused, 1);
    key_clear(&call->key);
    json_decref(call->body);
    json_decref(call->answer);
    http_send(call->request);
    free(call);
}

static void work(void *arg)
{
    struct call *call = arg;

    call_run(call);
    loop_post(call->api->loop, send, call);
}

static void refuse(struct http_request *request, const char *allow)
{
    if (allow) {
        problem_reply(request, 405, "request.method", "that method has no meaning there", "");
        request->reply.allow = allow;
    } else
        problem_reply(request, 404, "api.no_resource", "there is nothing of that name",
                      "GET /api/v1/openapi.json lists what there is");
    http_send(request);
}

void call_begin(void *arg, struct http_request *request)
{
    struct api *api = arg;
    const char *params[ROUTE_PARAMS] = {NULL}, *allow;
    const struct route *route = route_find(request->method, &request->target, params, &allow);
    struct call *call;

    if (!route) {
        refuse(request, allow);
        return;
    }
    call = calloc(1, sizeof(*call));
    if (!call)
        abort();
    *call = (struct call){.api = api, .request = request, .route = route};
    memcpy(call->params, params, sizeof(params));
    if (crew_do(api->crew, work, call))
        return;
    problem_reply(request, 503, "api.busy", "too many requests are under way", "");
    request->reply.retry_after_s = 1;
    send(call);
}
