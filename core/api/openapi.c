/* The OpenAPI 3.1 document: made of the route table, so that the two can't differ. */
#include "resources.h"

#include <string.h>

static json_t *type_of(const struct field *field)
{
    static const char *const types[] = {[FIELD_TEXT] = "string",
                                        [FIELD_NUMBER] = "integer",
                                        [FIELD_FLAG] = "boolean",
                                        [FIELD_TEXTS] = "array",
                                        [FIELD_NUMBERS] = "array"};
    json_t *o = json_pack("{s:s,s:s}", "type", types[field->type], "description", field->help);
    bool bounded = field->least != 0 || field->most != 0;
    json_t *at = o;

    if (field->type == FIELD_TEXTS || field->type == FIELD_NUMBERS) {
        at = json_pack("{s:s}", "type", field->type == FIELD_TEXTS ? "string" : "integer");
        json_object_set_new(o, "items", at);
    }
    if (field->choices) {
        json_t *choices = json_array();

        for (const char *word = field->choices; *word;) {
            size_t len = strcspn(word, "|");

            json_array_append_new(choices, json_stringn(word, len));
            word += len + (word[len] == '|');
        }
        json_object_set_new(at, "enum", choices);
    }
    if (bounded && field->type == FIELD_NUMBER) {
        json_object_set_new(o, "minimum", json_integer(field->least));
        json_object_set_new(o, "maximum", json_integer(field->most));
    }
    if (field->type == FIELD_TEXT && field->most > 0) {
        json_object_set_new(o, "minLength", json_integer(field->least));
        json_object_set_new(o, "maxLength", json_integer(field->most));
    }
    return o;
}

static void put_params(json_t *params, const char *path)
{
    for (const char *at = path; (at = strchr(at, '{')) != NULL; at++) {
        size_t len = strcspn(at + 1, "}");

        json_array_append_new(params,
                              json_pack("{s:s%,s:s,s:b,s:{s:s}}", "name", at + 1, len, "in", "path",
                                        "required", true, "schema", "type", "string"));
    }
}

static json_t *params_of(const struct route *route)
{
    json_t *params = json_array();

    put_params(params, route->path);
    for (const struct field *field = route->query; field && field->name; field++)
        json_array_append_new(params,
                              json_pack("{s:s,s:s,s:b,s:o}", "name", field->name, "in", "query",
                                        "required", field->required, "schema", type_of(field)));
    return params;
}

static json_t *body_schema(const struct route *route)
{
    json_t *fields = json_object(), *required = json_array();

    if (route->flags & ROUTE_ANY_BODY) {
        json_decref(fields);
        json_decref(required);
        return json_pack("{s:s}", "type", "object");
    }
    for (const struct field *field = route->body; field->name; field++) {
        json_object_set_new(fields, field->name, type_of(field));
        if (field->required)
            json_array_append_new(required, json_string(field->name));
    }
    return json_pack("{s:s,s:o,s:o,s:b}", "type", "object", "properties", fields, "required",
                     required, "additionalProperties", false);
}

static json_t *body_of(const struct route *route)
{
    const char *type =
        route->method == HTTP_METHOD_PATCH ? "application/merge-patch+json" : "application/json";
    bool required = (route->flags & ROUTE_ANY_BODY) != 0;

    for (const struct field *field = route->body; field && field->name; field++)
        required = required || field->required;
    return json_pack("{s:b,s:{s:{s:o}}}", "required", required, "content", type, "schema",
                     body_schema(route));
}

static json_t *reference(const char *name)
{
    return json_pack("{s:s+}", "$ref", "#/components/schemas/", name);
}

static json_t *reply_schema(const struct route *route)
{
    bool list = route->query || route->method == HTTP_METHOD_GET;

    if (!route->reply)
        return json_pack("{s:s}", "type", "object");
    if (!list || strchr(route->path, '}') || strcmp(route->reply, "ready") == 0 ||
        strcmp(route->id, "show_own_key") == 0)
        return reference(route->reply);
    return json_pack("{s:s,s:[ss],s:{s:{s:s,s:o},s:{s:[ss]},s:{s:s}}}", "type", "object",
                     "required", "items", "total", "properties", "items", "type", "array", "items",
                     reference(route->reply), "next_cursor", "type", "string", "null", "total",
                     "type", "integer");
}

static json_t *success_of(const struct route *route)
{
    if (route->ok == 204)
        return json_pack("{s:s}", "description", "done");
    if (route->flags & ROUTE_TEXT)
        return json_pack("{s:s,s:{s:{s:{s:s}}}}", "description", "text", "content", "text/plain",
                         "schema", "type", "string");
    return json_pack("{s:s,s:{s:{s:o}}}", "description", route->summary, "content",
                     "application/json", "schema", reply_schema(route));
}

static json_t *replies_of(const struct route *route)
{
    json_t *replies = json_object();
    char status[12];

    snprintf(status, sizeof(status), "%d", route->ok);
    json_object_set_new(replies, status, success_of(route));
    json_object_set_new(replies, "default",
                        json_pack("{s:s}", "$ref", "#/components/responses/problem"));
    return replies;
}

static json_t *operation_of(const struct route *route)
{
    json_t *o = json_pack("{s:s,s:s,s:o,s:o}", "operationId", route->id, "summary", route->summary,
                          "parameters", params_of(route), "responses", replies_of(route));

    if (route->scope)
        json_object_set_new(
            o, "description",
            json_sprintf("Needs a key with the scope %s.", scope_word(route->scope)));
    if (route->flags & ROUTE_PUBLIC)
        json_object_set_new(o, "security", json_array());
    if (route->body || (route->flags & ROUTE_ANY_BODY))
        json_object_set_new(o, "requestBody", body_of(route));
    return o;
}

static const char *word_of(enum http_method method)
{
    switch (method) {
    case HTTP_METHOD_GET:
        return "get";
    case HTTP_METHOD_POST:
        return "post";
    case HTTP_METHOD_PUT:
        return "put";
    case HTTP_METHOD_PATCH:
        return "patch";
    case HTTP_METHOD_DELETE:
        return "delete";
    default:
        return "";
    }
}

static json_t *paths(void)
{
    json_t *all = json_object();

    for (size_t i = 0; i < nroutes; i++) {
        json_t *path = json_object_get(all, routes[i].path);

        if (!path) {
            path = json_object();
            json_object_set_new(all, routes[i].path, path);
        }
        json_object_set_new(path, word_of(routes[i].method), operation_of(&routes[i]));
    }
    return all;
}

/* Of what is answered, the members that clients may rely on; there may be more. */
static const char schemas[] =
    "{\"pipeline\":{\"type\":\"object\",\"required\":[\"pipeline\",\"state\",\"wanted\",\"mode\","
    "\"allowed_actions\"],\"properties\":{\"pipeline\":{\"type\":\"string\"},\"state\":{\"type\":"
    "\"string\",\"enum\":[\"stopped\",\"starting\",\"running\",\"degraded\",\"waiting\",\"paused\","
    "\"stopping\",\"finished\",\"failed\"]},\"wanted\":{\"type\":\"string\",\"enum\":[\"stopped\","
    "\"running\",\"paused\"]},\"mode\":{\"type\":\"string\",\"enum\":[\"convert\",\"cdc\","
    "\"replicate\"]},\"allowed_actions\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}}}},"
    "\"configured\":{\"type\":\"object\",\"required\":[\"name\",\"config\"],\"properties\":{"
    "\"name\":{\"type\":\"string\"},\"config\":{\"type\":\"object\"}}},"
    "\"connection\":{\"type\":\"object\",\"required\":[\"name\",\"plugin\"],\"properties\":{"
    "\"name\":{\"type\":\"string\"},\"plugin\":{\"type\":\"string\"}}},"
    "\"node\":{\"type\":\"object\",\"required\":[\"node\"],\"properties\":{\"node\":{\"type\":"
    "\"string\"}}},"
    "\"plugin\":{\"type\":\"object\",\"required\":[\"kind\",\"name\",\"version\"],\"properties\":{"
    "\"kind\":{\"type\":\"string\"},\"name\":{\"type\":\"string\"},\"version\":{\"type\":"
    "\"string\"}}},"
    "\"job\":{\"type\":\"object\",\"required\":[\"job\",\"action\",\"state\"],\"properties\":{"
    "\"job\":{\"type\":\"string\"},\"action\":{\"type\":\"string\"},\"state\":{\"type\":\"string\","
    "\"enum\":[\"running\",\"done\",\"failed\"]}}},"
    "\"run\":{\"type\":\"object\",\"required\":[\"run\",\"pipeline\",\"outcome\",\"began\"],"
    "\"properties\":{\"run\":{\"type\":\"integer\"},\"pipeline\":{\"type\":\"string\"},"
    "\"outcome\":{\"type\":\"string\"},\"began\":{\"type\":\"string\"}}},"
    "\"event\":{\"type\":\"object\",\"required\":[\"event\",\"at\",\"who\",\"what\"],"
    "\"properties\":{\"event\":{\"type\":\"integer\"},\"at\":{\"type\":\"string\"},\"who\":{"
    "\"type\":\"string\"},\"what\":{\"type\":\"string\"}}},"
    "\"usage\":{\"type\":\"object\",\"required\":[\"period\",\"pipeline\",\"rows\",\"changes\","
    "\"bytes\",\"seconds\"],\"properties\":{\"period\":{\"type\":\"string\"},\"pipeline\":{"
    "\"type\":\"string\"},\"rows\":{\"type\":\"integer\"}}},"
    "\"key\":{\"type\":\"object\",\"required\":[\"id\",\"name\",\"scopes\"],\"properties\":{\"id\":"
    "{\"type\":\"string\"},\"name\":{\"type\":\"string\"},\"scopes\":{\"type\":\"array\",\"items\":"
    "{\"type\":\"string\"}}}},"
    "\"ready\":{\"type\":\"object\",\"required\":[\"ready\",\"reason\"],\"properties\":{\"ready\":{"
    "\"type\":\"boolean\"},\"reason\":{\"type\":\"string\"}}},"
    "\"problem\":{\"type\":\"object\",\"required\":[\"type\",\"title\",\"status\",\"detail\","
    "\"instance\",\"code\",\"request_id\",\"retryable\"],\"properties\":{\"type\":{\"type\":"
    "\"string\"},\"title\":{\"type\":\"string\"},\"status\":{\"type\":\"integer\"},\"detail\":{"
    "\"type\":\"string\"},\"instance\":{\"type\":\"string\"},\"code\":{\"type\":\"string\"},"
    "\"hint\":{\"type\":\"string\"},\"request_id\":{\"type\":\"string\"},\"retryable\":{\"type\":"
    "\"boolean\"}}}}";

static json_t *components(void)
{
    json_t *problem = json_pack("{s:s,s:{s:{s:o}}}", "description", "refused, or failed", "content",
                                "application/problem+json", "schema", reference("problem"));

    return json_pack("{s:o,s:{s:o},s:{s:{s:s,s:s,s:s},s:{s:s,s:s}}}", "schemas",
                     json_loads(schemas, 0, NULL), "responses", "problem", problem,
                     "securitySchemes", "key", "type", "apiKey", "in", "header", "name",
                     "X-API-Key", "bearer", "type", "http", "scheme", "bearer");
}

json_t *openapi_document(void)
{
    return json_pack("{s:s,s:{s:s,s:s,s:{s:s,s:s}},s:[{s:[]},{s:[]}],s:o,s:o}", "openapi", "3.1.0",
                     "info", "title", "Runnel", "version", RUNNEL_VERSION, "license", "name",
                     "Apache-2.0", "identifier", "Apache-2.0", "security", "key", "bearer", "paths",
                     paths(), "components", components());
}
