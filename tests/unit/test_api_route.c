/* The route table: that it is whole, what it finds, what fields it takes. */
#include "api/route.h"
#include "keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct target target;
static const char *params[ROUTE_PARAMS], *allow, *which;

static const struct route *find(enum http_method method, const char *uri)
{
    assert_null(target_parse(uri, &target));
    return route_find(method, &target, params, &allow);
}

/* Nothing is open that isn't meant to be, and each is a thing of its own. */
static void the_table_is_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < nroutes; i++) {
        const struct route *route = &routes[i];

        assert_non_null(route->handle);
        assert_true(route->ok >= 200 && route->ok < 300);
        if (route->flags & ROUTE_PUBLIC)
            assert_true(strcmp(route->path, "/healthz") == 0 ||
                        strcmp(route->path, "/readyz") == 0 ||
                        strcmp(route->path, "/api/v1/openapi.json") == 0);
        else if (!(route->flags & ROUTE_ALL_KEYS))
            assert_true(*scope_name(route->scope));
        if (strstr(route->path, "{pipeline}"))
            assert_true(route->flags & ROUTE_PIPELINE);
        if (route->method != HTTP_METHOD_GET)
            assert_true(!(route->scope & (SCOPE_READ | SCOPE_METRICS)) && route->scope);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(routes[j].id, route->id);
            assert_true(routes[j].method != route->method ||
                        strcmp(routes[j].path, route->path) != 0);
        }
    }
}

static void routes_are_found(void **state)
{
    (void)state;
    assert_string_equal(find(HTTP_METHOD_GET, "/api/v1/pipelines")->id, "list_pipelines");
    assert_string_equal(find(HTTP_METHOD_HEAD, "/healthz")->id, "health");
    assert_string_equal(find(HTTP_METHOD_POST, "/api/v1/pipelines/a%20b/start")->id,
                        "start_pipeline");
    assert_string_equal(params[0], "a b");
    assert_string_equal(find(HTTP_METHOD_GET, "/api/v1/keys/self")->id, "show_own_key");
    assert_null(find(HTTP_METHOD_GET, "/api/v1"));
    assert_null(allow);
    assert_null(find(HTTP_METHOD_GET, "/api/v1/pipelines/a/b/c"));
    assert_null(find(HTTP_METHOD_PUT, "/api/v1/pipelines"));
    assert_string_equal(allow, "GET, HEAD, POST");
}

static void queries_are_checked(void **state)
{
    const struct route *route = find(HTTP_METHOD_GET, "/api/v1/pipelines?limit=5&mode=cdc");

    (void)state;
    assert_null(route_check_query(route, &target, &which));
    find(HTTP_METHOD_GET, "/api/v1/pipelines?limits=5");
    assert_non_null(route_check_query(route, &target, &which));
    assert_string_equal(which, "limits");
    find(HTTP_METHOD_GET, "/api/v1/pipelines?limit=501");
    assert_non_null(route_check_query(route, &target, &which));
    find(HTTP_METHOD_GET, "/api/v1/pipelines?limit=5x");
    assert_non_null(route_check_query(route, &target, &which));
    find(HTTP_METHOD_GET, "/api/v1/pipelines?mode=cd");
    assert_non_null(route_check_query(route, &target, &which));
}

static const char *check(const struct route *route, const char *json)
{
    json_t *body = json_loads(json, 0, NULL);
    const char *wrong = route_check_body(route, body, &which);
    static char name[100];

    snprintf(name, sizeof(name), "%s", which ? which : "");
    which = name;
    json_decref(body);
    return wrong;
}

static void bodies_are_checked(void **state)
{
    const struct route *route = find(HTTP_METHOD_POST, "/api/v1/keys");

    (void)state;
    assert_null(check(route, "{\"name\":\"a\",\"scopes\":[\"read\"]}"));
    assert_non_null(check(route, "{\"name\":\"a\"}"));
    assert_string_equal(which, "scopes");
    assert_non_null(check(route, "{\"name\":\"a\",\"scopes\":[\"reed\"]}"));
    assert_non_null(check(route, "{\"name\":\"a\",\"scopes\":\"read\"}"));
    assert_non_null(check(route, "{\"name\":7,\"scopes\":[\"read\"]}"));
    assert_non_null(check(route, "{\"name\":\"\",\"scopes\":[\"read\"]}"));
    assert_non_null(check(route, "{\"name\":\"a\",\"scopes\":[\"read\"],\"rate_per_s\":0}"));
    assert_non_null(check(route, "{\"name\":\"a\",\"scopes\":[\"read\"],\"x\":1}"));
    assert_string_equal(which, "x");
    route = find(HTTP_METHOD_POST, "/api/v1/pipelines/p/dead-letters/replay");
    assert_null(check(route, "{\"confirm\":\"p\",\"numbers\":[1,2]}"));
    assert_non_null(check(route, "{\"confirm\":\"p\",\"numbers\":[\"1\"]}"));
    route = find(HTTP_METHOD_POST, "/api/v1/pipelines/p/start");
    assert_non_null(check(route, "{\"x\":1}"));
}

/* The document has each route, and no other. */
static void the_document_is_the_table(void **state)
{
    json_t *document = openapi_document(), *paths, *path, *operation;
    const char *name, *method;
    size_t count = 0;

    (void)state;
    assert_non_null(document);
    paths = json_object_get(document, "paths");
    json_object_foreach(paths, name, path)
    {
        json_object_foreach(path, method, operation)
        {
            count++;
            assert_non_null(json_object_get(operation, "operationId"));
        }
    }
    assert_int_equal(count, nroutes);
    json_decref(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_whole),        cmocka_unit_test(routes_are_found),
        cmocka_unit_test(queries_are_checked),       cmocka_unit_test(bodies_are_checked),
        cmocka_unit_test(the_document_is_the_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
