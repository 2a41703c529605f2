/* Errors as problem documents: one form for all, whoever refused. */
#include "problem.h"

#include <string.h>

/* Codes whose status isn't that of their class. */
static const struct {
    const char *code;
    int status;
} statuses[] = {
    {"node.no_pipeline", 404}, {"api.no_connection", 404},  {"key.none", 404},
    {"api.no_resource", 404},  {"remote.not_running", 503}, {"remote.lost", 503},
    {"node.draining", 503},    {"node.drained", 409},       {"node.role_missing", 409},
    {"api.exists", 409},       {"api.in_use", 409},         {"api.running", 409},
    {"api.transition", 409},   {"api.changed", 412},        {"api.no_match", 428},
    {"api.forbidden", 403},    {"api.busy", 503},           {"api.timeout", 504},
    {"pipeline_busy", 409},    {"state.full", 507},         {"state.corrupt", 503},
    {"store.full", 507},       {"store.corrupt", 503},
};

const char *status_reason(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 201:
        return "Created";
    case 202:
        return "Accepted";
    case 204:
        return "No Content";
    case 304:
        return "Not Modified";
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 406:
        return "Not Acceptable";
    case 408:
        return "Request Timeout";
    case 409:
        return "Conflict";
    case 412:
        return "Precondition Failed";
    case 413:
        return "Content Too Large";
    case 414:
        return "URI Too Long";
    case 415:
        return "Unsupported Media Type";
    case 417:
        return "Expectation Failed";
    case 421:
        return "Misdirected Request";
    case 422:
        return "Unprocessable Content";
    case 428:
        return "Precondition Required";
    case 429:
        return "Too Many Requests";
    case 431:
        return "Request Header Fields Too Large";
    case 500:
        return "Internal Server Error";
    case 501:
        return "Not Implemented";
    case 502:
        return "Bad Gateway";
    case 503:
        return "Service Unavailable";
    case 504:
        return "Gateway Timeout";
    case 507:
        return "Insufficient Storage";
    default:
        return "Error";
    }
}

void problem_reply_with(struct http_request *request, int status, const char *code,
                        const char *detail, const char *hint, json_t *more)
{
    struct http_reply *reply = &request->reply;
    json_t *o =
        json_pack("{s:s+,s:s,s:i,s:s,s:s,s:s,s:s,s:b}", "type", "urn:runnel:problem:", code,
                  "title", status_reason(status), "status", status, "detail", detail, "instance",
                  request->uri ? request->uri : "", "code", code, "request_id", request->id,
                  "retryable", status == 503 || status == 429 || status == 504);

    if (o && hint && *hint)
        json_object_set_new(o, "hint", json_string(hint));
    if (o && more)
        json_object_update(o, more);
    json_decref(more);
    reply->status = status;
    reply->type = "application/problem+json";
    reply->body = o ? json_dumps(o, JSON_COMPACT) : NULL;
    reply->length = reply->body ? strlen(reply->body) : 0;
    json_decref(o);
}

void problem_reply(struct http_request *request, int status, const char *code, const char *detail,
                   const char *hint)
{
    problem_reply_with(request, status, code, detail, hint, NULL);
}

static int status_of(const struct rnl_error *err)
{
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
        if (strcmp(statuses[i].code, err->code) == 0)
            return statuses[i].status;
    switch (err->status) {
    case RNL_E_CONFIG:
    case RNL_E_DATA:
        return 422;
    case RNL_E_RETRY:
        return 502;
    default:
        return 500;
    }
}

void problem_of(struct http_request *request, const struct rnl_error *err)
{
    problem_reply(request, status_of(err), err->code, err->text, err->hint);
}
