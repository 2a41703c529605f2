/* Settings: who ranks before whom, where each comes from, and which word was meant. */
#include "settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct origin in_file = {.kind = ORIGIN_FILE, .line = 3, .file = "a.cfg"};
static const struct origin in_flag = {.kind = ORIGIN_FLAG, .file = "--lanes"};
static const struct origin in_environment = {.kind = ORIGIN_ENVIRONMENT, .file = "RUNNEL_LANES"};

static void higher_rank_wins(void **state)
{
    struct settings set = {0};

    (void)state;
    settings_set(&set, "lanes", SETTING_INT, "2", &in_environment);
    settings_set(&set, "lanes", SETTING_INT, "1", &in_file);
    assert_string_equal(settings_find(&set, "lanes")->text, "2");
    settings_set(&set, "lanes", SETTING_INT, "3", &in_flag);
    assert_string_equal(settings_find(&set, "lanes")->text, "3");
    settings_set(&set, "lanes", SETTING_INT, "4", &in_environment);
    assert_string_equal(settings_find(&set, "lanes")->text, "3");
    settings_set(&set, "lanes", SETTING_INT, "5", &in_flag);
    assert_string_equal(settings_find(&set, "lanes")->text, "5");
    assert_int_equal(set.count, 1);
    settings_clear(&set);
    assert_null(set.items);
}

static void merge_copies_texts_and_lists(void **state)
{
    char one[] = "a", two[] = "b";
    char *items[] = {one, two, NULL};
    struct settings from = {0}, to = {0};

    (void)state;
    settings_set_list(&from, "list", items, &in_file);
    settings_set(&from, "text", SETTING_TEXT, "x", &in_file);
    settings_set(&to, "text", SETTING_TEXT, "y", &in_flag);
    settings_merge(&to, &from);
    settings_clear(&from);
    assert_string_equal(settings_find(&to, "list")->items[1], "b");
    assert_null(settings_find(&to, "list")->items[2]);
    assert_string_equal(settings_find(&to, "text")->text, "y");
    assert_string_equal(settings_find(&to, "list")->origin.file, "a.cfg");
    assert_null(settings_find(&to, "other"));
    settings_clear(&to);
}

static void origins_read_well(void **state)
{
    const struct origin url = {.kind = ORIGIN_URL}, preset = {.kind = ORIGIN_PRESET};
    char buf[40];

    (void)state;
    assert_string_equal(origin_text(&in_file, buf, sizeof(buf)), "a.cfg:3");
    assert_string_equal(origin_text(&in_flag, buf, sizeof(buf)), "--lanes");
    assert_string_equal(origin_text(&in_environment, buf, sizeof(buf)), "RUNNEL_LANES");
    assert_string_equal(origin_text(&url, buf, sizeof(buf)), "the URL");
    assert_string_equal(origin_text(&preset, buf, sizeof(buf)), "preset");
    assert_string_equal(origin_text(&in_file, buf, 4), "a.c");
}

static void nearest_is_near(void **state)
{
    static const char *const words[] = {"host", "port", "database", "connect_timeout", "tls.mode"};

    (void)state;
    assert_string_equal(nearest_word("hots", words, 5), "host");
    assert_string_equal(nearest_word("databse", words, 5), "database");
    assert_string_equal(nearest_word("connect-timeout", words, 5), "connect_timeout");
    assert_string_equal(nearest_word("data", words, 5), "database");
    assert_string_equal(nearest_word("TLS.MODE", words, 5), "tls.mode");
    assert_null(nearest_word("elephant", words, 5));
    assert_null(nearest_word("", words, 5));
    assert_null(nearest_word("x", words, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(higher_rank_wins),
        cmocka_unit_test(merge_copies_texts_and_lists),
        cmocka_unit_test(origins_read_well),
        cmocka_unit_test(nearest_is_near),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
