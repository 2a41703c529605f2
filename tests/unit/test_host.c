/* The functions lent to plugins: the table is complete, and contexts lead to what is theirs. */
#include "host.h"

#include "finding.h"
#include "names.h"
#include "util/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void no_function_is_missing(void **state)
{
    const char *at = (const char *)&host_functions;

    (void)state;
    assert_int_equal(host_functions.size, sizeof(host_functions));
    for (size_t i = offsetof(struct rnl_host, log); i < sizeof(host_functions);
         i += sizeof(void *)) {
        void *function;

        memcpy(&function, at + i, sizeof(function));
        assert_non_null(function);
    }
}

static void context_knows_its_own(void **state)
{
    struct findings *findings = findings_new();
    atomic_bool stopping = false;
    struct host_ctx host;
    int config = 0;

    (void)state;
    host_ctx_init(&host, "shop/source", &config, findings, &stopping);
    assert_ptr_equal(host.ctx.host, &host_functions);
    assert_ptr_equal(host.ctx.config, &config);
    assert_string_equal(host.ctx.name, "shop/source");
    assert_false(host.ctx.host->stopping(&host.ctx));
    atomic_store(&stopping, true);
    assert_true(host.ctx.host->stopping(&host.ctx));
    host.ctx.host->finding(&host.ctx, &(struct rnl_finding){.size = sizeof(struct rnl_finding),
                                                            .severity = RNL_NOTE,
                                                            .code = "a.b",
                                                            .text = "c",
                                                            .count = -1});
    assert_int_equal(findings_count(findings, RNL_NOTE), 1);
    findings_free(findings);
}

static void context_without_extras_works(void **state)
{
    char name[300];
    struct host_ctx host;

    (void)state;
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    host_ctx_init(&host, name, NULL, NULL, NULL);
    assert_int_equal(strlen(host.ctx.name), sizeof(host.name) - 1); /* cut, and terminated */
    assert_false(host.ctx.host->stopping(&host.ctx));
    host.ctx.host->finding(&host.ctx, &(struct rnl_finding){.code = "a", .text = "b"});
    host.ctx.host->count(&host.ctx, "rows", 3);
}

static void names_and_services_are_copied(void **state)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct rnl_services services = {0};
    struct rnl_names names = {0};
    char text[] = "shop#password";

    (void)state;
    assert_int_equal(host_functions.name_add(&names, text, &err), RNL_OK);
    assert_int_equal(host_functions.name_add(&names, "b", &err), RNL_OK);
    text[0] = 'X';
    assert_int_equal(names.count, 2);
    assert_string_equal(names.items[0], "shop#password");
    names_clear(&names);
    assert_int_equal(names.count, 0);
    assert_int_equal(
        host_functions.service_add(
            &services,
            &(struct rnl_service){
                .size = sizeof(struct rnl_service), .port = 80, .name = "n", .address = "::1"},
            &err),
        RNL_OK);
    assert_int_equal(services.items[0].port, 80);
    assert_string_equal(services.items[0].id, "");
    services_clear(&services);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_function_is_missing),
        cmocka_unit_test(context_knows_its_own),
        cmocka_unit_test(context_without_extras_works),
        cmocka_unit_test(names_and_services_are_copied),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
