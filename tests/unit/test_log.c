/* The log: whole lines, nothing in them that steers a terminal, levels, threads, the hook. */
#include "util/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int kept_stderr;
static FILE *taken;
static char text[1 << 20];

static void take_stderr(void)
{
    taken = tmpfile();
    assert_non_null(taken);
    fflush(stderr);
    kept_stderr = dup(STDERR_FILENO);
    assert_true(dup2(fileno(taken), STDERR_FILENO) >= 0);
}

/* What was written since; terminated. */
static const char *give_back(void)
{
    size_t len;

    fflush(stderr);
    dup2(kept_stderr, STDERR_FILENO);
    close(kept_stderr);
    rewind(taken);
    len = fread(text, 1, sizeof(text) - 1, taken);
    text[len] = '\0';
    fclose(taken);
    return text;
}

static void setup(enum rnl_level level, bool json)
{
    log_setup(&(struct log_settings){.level = level, .json = json});
}

static void levels_are_kept_apart(void **state)
{
    (void)state;
    setup(RNL_LOG_WARN, false);
    take_stderr();
    log_write(RNL_LOG_INFO, "reader", "not shown");
    log_write(RNL_LOG_WARN, "shop/source", "slow by %d s", 7);
    give_back();
    assert_null(strstr(text, "not shown"));
    assert_non_null(strstr(text, "Z warn  shop/source: slow by 7 s\n"));
}

static void the_journal_gets_priorities(void **state)
{
    struct stat is;
    char named[60];

    (void)state;
    log_setup(&(struct log_settings){.level = RNL_LOG_DEBUG, .journal = true});
    take_stderr();
    log_write(RNL_LOG_DEBUG, "a", "one");
    log_write(RNL_LOG_INFO, "a", "two");
    log_write(RNL_LOG_WARN, "a", "three\nlines");
    log_write(RNL_LOG_ERROR, "a", "four");
    assert_int_equal(fstat(STDERR_FILENO, &is), 0);
    snprintf(named, sizeof(named), "%llu:%llu", (unsigned long long)is.st_dev,
             (unsigned long long)is.st_ino);
    setenv("JOURNAL_STREAM", named, 1);
    assert_true(log_is_journal());
    give_back();
    assert_string_equal(text, "<7>a: one\n<6>a: two\n<4>a: three\\x0alines\n<3>a: four\n");
    setenv("JOURNAL_STREAM", "1:1", 1);
    assert_false(log_is_journal());
    unsetenv("JOURNAL_STREAM");
    assert_false(log_is_journal());
}

static void control_characters_are_spelled_out(void **state)
{
    (void)state;
    setup(RNL_LOG_INFO, false);
    take_stderr();
    log_write(RNL_LOG_INFO, "a\nb", "%s",
              "x\033[2Jy\r\nz\x7f\xc2\x9b!\xc3\xa9 \xff\xc3 \xed\xa0\x80");
    give_back();
    assert_non_null(strstr(text, "a\\x0ab: x\\x1b[2Jy\\x0d\\x0az\\x7f\\u009b!\xc3\xa9 \\xff\\xc3 "
                                 "\\xed\\xa0\\x80\n"));
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1); /* one line */
}

static void json_lines_are_json(void **state)
{
    json_t *line;

    (void)state;
    setup(RNL_LOG_DEBUG, true);
    take_stderr();
    log_write(RNL_LOG_DEBUG, "shop/sink", "say \"%s\" \xff\n", "caf\xc3\xa9");
    give_back();
    line = json_loads(text, 0, NULL);
    assert_non_null(line);
    assert_string_equal(json_string_value(json_object_get(line, "level")), "debug");
    assert_string_equal(json_string_value(json_object_get(line, "component")), "shop/sink");
    assert_string_equal(json_string_value(json_object_get(line, "text")),
                        "say \"caf\xc3\xa9\" \\xff\\x0a");
    json_decref(line);
}

static void errors_are_whole(void **state)
{
    struct rnl_error err = RNL_ERROR_INIT;

    (void)state;
    setup(RNL_LOG_ERROR, false);
    rnl_fail(&err, RNL_E_CONFIG, "mysql.access_denied", "no entry");
    rnl_hint(&err, "check the password");
    take_stderr();
    log_error("shop/source", &err);
    give_back();
    assert_non_null(
        strstr(text, "shop/source: no entry [mysql.access_denied]; check the password\n"));
}

static void *write_many(void *arg)
{
    char body[300];

    memset(body, *(const char *)arg, sizeof(body) - 1);
    body[sizeof(body) - 1] = '\0';
    for (int i = 0; i < 200; i++)
        log_write(RNL_LOG_INFO, "t", "%s", body);
    return NULL;
}

static void lines_of_threads_stay_whole(void **state)
{
    char letters[] = "abcd";
    pthread_t threads[4];
    size_t lines = 0;

    (void)state;
    setup(RNL_LOG_INFO, false);
    take_stderr();
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_many, &letters[i]), 0);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    give_back();
    for (char *save = NULL, *line = strtok_r(text, "\n", &save); line;
         line = strtok_r(NULL, "\n", &save)) {
        const char *body = strstr(line, "t: ");

        assert_non_null(body);
        assert_int_equal(strspn(body + 3, (char[]){body[3], '\0'}), 299);
        assert_int_equal(strlen(body + 3), 299);
        lines++;
    }
    assert_int_equal(lines, 800);
}

static void note_before(void *arg)
{
    strcat(arg, "(");
}

static void note_after(void *arg)
{
    strcat(arg, ")");
}

static void hook_stands_around_lines(void **state)
{
    char notes[20] = "";

    (void)state;
    setup(RNL_LOG_INFO, false);
    log_set_hook(note_before, note_after, notes);
    take_stderr();
    log_write(RNL_LOG_DEBUG, "x", "below the level: nothing to step aside for");
    log_write(RNL_LOG_INFO, "x", "one");
    log_write(RNL_LOG_INFO, "x", "two");
    give_back();
    log_set_hook(NULL, NULL, NULL);
    assert_string_equal(notes, "()()");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_are_kept_apart),
        cmocka_unit_test(the_journal_gets_priorities),
        cmocka_unit_test(control_characters_are_spelled_out),
        cmocka_unit_test(json_lines_are_json),
        cmocka_unit_test(errors_are_whole),
        cmocka_unit_test(lines_of_threads_stay_whole),
        cmocka_unit_test(hook_stands_around_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
