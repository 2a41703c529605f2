/* Finding a request's route, and checking its fields against what the route declares. */
#include "route.h"

#include "../keys.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The next segment of a template; false: there is none. */
static bool next_segment(const char **at, const char **segment, size_t *len)
{
    if (**at != '/')
        return false;
    *segment = *at + 1;
    *len = strcspn(*segment, "/");
    *at = *segment + *len;
    return true;
}

static bool path_fits(const char *template, const struct target *target, const char **params)
{
    const char *at = template, *segment;
    size_t i = 0, nparams = 0, len;

    while (next_segment(&at, &segment, &len)) {
        if (i == target->nsegments)
            return false;
        if (*segment == '{')
            params[nparams++] = target->segments[i];
        else if (strlen(target->segments[i]) != len ||
                 strncmp(segment, target->segments[i], len) != 0)
            return false;
        i++;
    }
    return i == target->nsegments;
}

/* The methods of a path, as an Allow header lists them; valid until this thread asks again. */
static const char *allowed(unsigned methods)
{
    static _Thread_local char text[80];
    static const enum http_method all[] = {HTTP_METHOD_GET, HTTP_METHOD_HEAD,  HTTP_METHOD_POST,
                                           HTTP_METHOD_PUT, HTTP_METHOD_PATCH, HTTP_METHOD_DELETE};
    int len = 0;

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (methods & (1u << all[i]))
            len += snprintf(text + len, sizeof(text) - (size_t)len, "%s%s", len ? ", " : "",
                            http_method_word(all[i]));
    return len ? text : NULL;
}

const struct route *route_find(enum http_method method, const struct target *target,
                               const char **params, const char **allow)
{
    enum http_method asked = method == HTTP_METHOD_HEAD ? HTTP_METHOD_GET : method;
    unsigned methods = 0;

    *allow = NULL;
    for (size_t i = 0; i < nroutes; i++) {
        const char *its[ROUTE_PARAMS] = {NULL};

        if (!path_fits(routes[i].path, target, its))
            continue;
        if (routes[i].method == asked) {
            memcpy(params, its, sizeof(its));
            return &routes[i];
        }
        methods |= 1u << routes[i].method;
        if (routes[i].method == HTTP_METHOD_GET)
            methods |= 1u << HTTP_METHOD_HEAD;
    }
    *allow = allowed(methods);
    return NULL;
}

/* --- fields ----------------------------------------------------------------------------------- */

static const struct field *field_find(const struct field *fields, const char *name)
{
    for (; fields && fields->name; fields++)
        if (strcmp(fields->name, name) == 0)
            return fields;
    return NULL;
}

static bool is_choice(const char *choices, const char *text)
{
    size_t len = strlen(text);

    while (choices && *choices) {
        size_t one = strcspn(choices, "|");

        if (one == len && strncmp(choices, text, len) == 0)
            return true;
        choices += one + (choices[one] == '|');
    }
    return false;
}

static const char *check_text(const struct field *field, const char *text)
{
    if (field->choices && !is_choice(field->choices, text))
        return "is none of the words that can stand there";
    if (field->most > 0 && strlen(text) > (size_t)field->most)
        return "is too long";
    return strlen(text) < (size_t)field->least ? "is too short" : NULL;
}

static const char *check_number(const struct field *field, int64_t number)
{
    bool bounded = field->least != 0 || field->most != 0;

    return bounded && (number < field->least || number > field->most) ? "is out of range" : NULL;
}

static const char *check_asked(const struct field *field, const char *value)
{
    char *end;
    int64_t number;

    switch (field->type) {
    case FIELD_TEXT:
        return check_text(field, value);
    case FIELD_NUMBER:
        errno = 0;
        number = strtoll(value, &end, 10);
        return *end || end == value || errno ? "isn't a whole number" : check_number(field, number);
    case FIELD_FLAG:
        return strcmp(value, "true") == 0 || strcmp(value, "false") == 0 ? NULL
                                                                         : "is true or false";
    default:
        return "can't stand in a query";
    }
}

static const char *missing(const struct field *fields, const struct target *target,
                           const json_t *body, const char **which)
{
    for (; fields && fields->name; fields++) {
        *which = fields->name;
        if (fields->required &&
            (target ? !target_field(target, fields->name) : !json_object_get(body, fields->name)))
            return "is missing";
    }
    return NULL;
}

const char *route_check_query(const struct route *route, const struct target *target,
                              const char **which)
{
    for (size_t i = 0; i < target->nfields; i++) {
        const struct field *field = field_find(route->query, target->fields[i].name);
        const char *wrong =
            field ? check_asked(field, target->fields[i].value) : "is no field of this query";

        *which = target->fields[i].name;
        if (wrong)
            return wrong;
    }
    return missing(route->query, target, NULL, which);
}

static const char *check_value(const struct field *field, const json_t *value)
{
    const json_t *item;
    size_t i;

    switch (field->type) {
    case FIELD_TEXT:
        return json_is_string(value) ? check_text(field, json_string_value(value)) : "isn't a text";
    case FIELD_NUMBER:
        return json_is_integer(value) ? check_number(field, json_integer_value(value))
                                      : "isn't a whole number";
    case FIELD_FLAG:
        return json_is_boolean(value) ? NULL : "is true or false";
    case FIELD_NUMBERS:
        if (!json_is_array(value) || json_array_size(value) > 1000)
            return "isn't a list of at most 1000 numbers";
        json_array_foreach(value, i, item)
        {
            if (!json_is_integer(item))
                return "isn't a list of at most 1000 numbers";
        }
        return NULL;
    case FIELD_TEXTS:
        if (!json_is_array(value))
            return "isn't a list of texts";
        json_array_foreach(value, i, item)
        {
            if (!json_is_string(item))
                return "isn't a list of texts";
            if (field->choices && !is_choice(field->choices, json_string_value(item)))
                return "holds a word that can't stand there";
        }
        return NULL;
    }
    return "is of no known type";
}

const char *route_check_body(const struct route *route, const json_t *body, const char **which)
{
    const char *name;
    json_t *value;

    if (route->flags & ROUTE_ANY_BODY)
        return NULL;
    json_object_foreach((json_t *)(uintptr_t)body, name, value)
    {
        const struct field *field = field_find(route->body, name);
        const char *wrong = field ? check_value(field, value) : "is no field of this request";

        *which = name;
        if (wrong)
            return wrong;
    }
    return missing(route->body, NULL, body, which);
}

const char *scope_word(unsigned scope)
{
    switch (scope) {
    case SCOPE_READ:
        return "read";
    case SCOPE_OPERATE:
        return "operate";
    case SCOPE_WRITE:
        return "write";
    case SCOPE_ADMIN:
        return "admin";
    case SCOPE_METRICS:
        return "metrics";
    case SCOPE_DATA:
        return "data";
    default:
        return "";
    }
}
