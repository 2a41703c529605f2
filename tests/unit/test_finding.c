/* Findings: kept once, sorted by weight, safe to print. */
#include "finding.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

static void add(struct findings *findings, uint32_t severity, const char *code, const char *table,
                int64_t count)
{
    findings_add(findings, &(struct rnl_finding){.size = sizeof(struct rnl_finding),
                                                 .severity = severity,
                                                 .code = code,
                                                 .schema = "shop",
                                                 .table = table,
                                                 .text = "text",
                                                 .count = count});
}

static void same_is_kept_once(void **state)
{
    struct findings *findings = findings_new();

    (void)state;
    add(findings, RNL_NOTE, "type.set", "b", -1);
    add(findings, RNL_WARNING, "data.nul", "b", 2);
    add(findings, RNL_WARNING, "data.nul", "b", 3);
    add(findings, RNL_WARNING, "data.nul", "a", 1);
    assert_int_equal(findings_count(findings, RNL_NOTE), 3);
    assert_int_equal(findings_count(findings, RNL_WARNING), 2);
    assert_string_equal(findings_at(findings, 0)->table, "a");
    assert_int_equal(findings_at(findings, 1)->count, 5);
    assert_string_equal(findings_at(findings, 2)->code, "type.set");
    assert_null(findings_at(findings, 3));
    findings_free(findings);
}

static void control_characters_are_spelled_out(void **state)
{
    struct findings *findings = findings_new();
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);

    (void)state;
    add(findings, RNL_WARNING, "object.view", "evil\x1b[2J\nname", -1);
    findings_print(findings, to);
    fclose(to);
    assert_non_null(strstr(text, "evil\\x1b[2J\\x0aname"));
    assert_null(strchr(text, '\x1b'));
    free(text);
    findings_free(findings);
}

static void survives_json(void **state)
{
    struct findings *findings = findings_new(), *back = findings_new();
    char *text;

    (void)state;
    add(findings, RNL_BLOCKER, "x.y", "t", 7);
    text = findings_to_json(findings);
    assert_int_equal(findings_from_json(back, text, strlen(text)), 0);
    assert_int_equal(findings_at(back, 0)->count, 7);
    assert_int_equal(findings_at(back, 0)->severity, RNL_BLOCKER);
    assert_string_equal(findings_at(back, 0)->table, "t");
    assert_int_equal(findings_from_json(back, "{", 1), -1);
    free(text);
    findings_free(findings);
    findings_free(back);
}

static void data_gets_its_policy(void **state)
{
    static const struct {
        const char *code, *object, *policy;
    } given[] = {{"data.zero_date", "born", NULL},
                 {"data.partial_date", "born", NULL},
                 {"value.date", "born", "zero_date=null"},
                 {"value.part", "born", "partial_date=first"},
                 {"data.nul", "note", NULL},
                 {"type.nul", "note", "text=bytea"},
                 {"data.nul", "other", NULL}};
    struct findings *findings = findings_new();
    const struct rnl_finding *f;
    int joined = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++)
        findings_add(findings, &(struct rnl_finding){.size = sizeof(struct rnl_finding),
                                                     .severity = RNL_NOTE,
                                                     .code = given[i].code,
                                                     .table = "t",
                                                     .object = given[i].object,
                                                     .policy = given[i].policy,
                                                     .count = -1});
    findings_join_policies(findings);
    for (size_t i = 0; (f = findings_at(findings, i)); i++) {
        if (strncmp(f->code, "data.", 5) != 0 || !f->policy)
            continue;
        joined++;
        assert_string_equal(f->policy, strcmp(f->object, "note") == 0 ? "text=bytea"
                                       : strcmp(f->code, "data.zero_date") == 0
                                           ? "zero_date=null"
                                           : "partial_date=first");
    }
    assert_int_equal(joined, 3);
    findings_free(findings);
}

static void counted_by_table(void **state)
{
    struct findings *findings = findings_new();
    char name[20];

    (void)state;
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof(name), "t%d", i % 100);
        findings_add(findings, &(struct rnl_finding){.size = sizeof(struct rnl_finding),
                                                     .severity = i < 200 ? RNL_WARNING : RNL_NOTE,
                                                     .code = i < 100 ? "a" : "b",
                                                     .schema = "s",
                                                     .table = name,
                                                     .count = -1});
    }
    assert_int_equal(findings_of(findings, RNL_WARNING, "s", "t7"), 2);
    assert_int_equal(findings_of(findings, RNL_NOTE, "s", "t7"), 3);
    assert_int_equal(findings_of(findings, RNL_WARNING, "s", "t100"), 0);
    assert_int_equal(findings_of(findings, RNL_WARNING, "", "t7"), 0);
    findings_free(findings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counted_by_table),  cmocka_unit_test(data_gets_its_policy),
        cmocka_unit_test(same_is_kept_once), cmocka_unit_test(control_characters_are_spelled_out),
        cmocka_unit_test(survives_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
