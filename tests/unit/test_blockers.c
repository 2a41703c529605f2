/* What stands in the way of a run: who decides on it, and what a look that fails is worth. */
#include "blockers.h"

#include "finding.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* What a plugin's look does. */
struct look {
    struct session *session;
    uint32_t severity; /* of what it finds; 0: nothing */
    const char *policy;
    int status; /* how it ends */
    uint32_t asked;
};

static int look_at(void *arg, struct rnl_error *err)
{
    struct look *look = arg;

    look->asked++;
    if (look->severity)
        findings_add(look->session->host.findings,
                     &(struct rnl_finding){.size = sizeof(struct rnl_finding),
                                           .severity = look->severity,
                                           .code = "toy.found",
                                           .schema = "shop",
                                           .table = "orders",
                                           .object = "day",
                                           .policy = look->policy,
                                           .text = "text",
                                           .count = 1});
    return look->status == RNL_OK ? RNL_OK
                                  : rnl_fail(err, look->status, "toy.failed", "it can't be seen");
}

/* What was told is counted in *told. */
static int ask(struct look *look, const struct pipeline_config *config, size_t *told,
               struct rnl_error *err)
{
    struct findings *mine = findings_new(), *others = findings_new();
    struct session session = {.host.findings = others};
    int status;

    *err = (struct rnl_error)RNL_ERROR_INIT;
    look->session = &session;
    status = blockers_ask(&session, look_at, look, mine, config, err);
    assert_int_equal(look->asked, 1);
    assert_ptr_equal(session.host.findings, others);
    assert_int_equal(findings_count(others, RNL_NOTE), 0);
    *told = findings_count(mine, RNL_NOTE);
    findings_free(mine);
    findings_free(others);
    return status;
}

/* The run itself meets what stops it; an outage and a lack of memory stop it at once. */
static void a_look_that_fails_is_no_blocker(void **state)
{
    static const int passed_over[] = {RNL_E_CONFIG, RNL_E_DATA};
    static const int told_on[] = {RNL_E_RETRY, RNL_E_FATAL};
    const struct pipeline_config config = {.on_error = ON_ERROR_STOP};
    struct rnl_error err;
    size_t told;

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct look look = {.status = passed_over[i]};

        assert_int_equal(ask(&look, &config, &told, &err), RNL_OK);
        assert_int_equal(err.status, RNL_OK);
        assert_string_equal(err.code, "");
        look = (struct look){.status = told_on[i]};
        assert_int_equal(ask(&look, &config, &told, &err), told_on[i]);
        assert_string_equal(err.code, "toy.failed");
    }
}

/* What a look has found before it failed stands in the way all the same. */
static void what_was_found_before_counts(void **state)
{
    const struct pipeline_config config = {.on_error = ON_ERROR_STOP};
    struct look look = {.severity = RNL_BLOCKER, .status = RNL_E_CONFIG};
    struct rnl_error err;
    size_t told;

    (void)state;
    assert_int_equal(ask(&look, &config, &told, &err), RNL_E_CONFIG);
    assert_string_equal(err.code, "run.blocked");
    assert_int_equal(told, 1);
    look = (struct look){.severity = RNL_WARNING};
    assert_int_equal(ask(&look, &config, &told, &err), RNL_OK);
    assert_int_equal(told, 0); /* a run tells of blockers only */
}

/* Rows that a policy refuses are the operator's own choice where they are set aside, or masked. */
static void the_operator_has_decided(void **state)
{
    char column[] = "DAY";
    struct rule_mask mask = {.column = column};
    struct table_rule rule = {.masks = &mask, .nmasks = 1};
    struct pipeline_config config = {.on_error = ON_ERROR_STOP};
    struct look look = {.severity = RNL_BLOCKER, .policy = "zero_date=error"};
    struct rnl_error err;
    size_t told;

    (void)state;
    assert_int_equal(ask(&look, &config, &told, &err), RNL_E_CONFIG);
    config.on_error = ON_ERROR_SET_ASIDE;
    look.asked = 0;
    assert_int_equal(ask(&look, &config, &told, &err), RNL_OK);
    assert_int_equal(told, 1);
    config.on_error = ON_ERROR_STOP;
    config.tables = &rule;
    config.ntables = 1;
    look.asked = 0;
    assert_int_equal(ask(&look, &config, &told, &err), RNL_OK);
    config.on_error = ON_ERROR_SET_ASIDE;
    look = (struct look){.severity = RNL_BLOCKER, .policy = "zero_date=keep"};
    assert_int_equal(ask(&look, &config, &told, &err), RNL_E_CONFIG); /* it isn't of single rows */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_look_that_fails_is_no_blocker),
        cmocka_unit_test(what_was_found_before_counts),
        cmocka_unit_test(the_operator_has_decided),
    };

    return cmocka_run_group_tests_name("blockers", tests, NULL, NULL);
}
