/* Tests of plugins/mysql/source/position.c and spool.c. */
#include "position.h"
#include "spool.h"

#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#define A "3e11fa47-71ca-11e1-9e33-c80aa9429562"
#define MYSQL "{\"flavour\": \"mysql\", \"server_uuid\": \"s\", \"gtid\": \""
#define MARIA "{\"flavour\": \"mariadb\", \"server_uuid\": \"s\", \"gtid\": \""

static int parse(struct position *position, const char *text)
{
    return position_parse(position, (struct rnl_slice){text, strlen(text)});
}

static void bytes_are_read_and_written(void **state)
{
    static const char open_two[] =
        MYSQL A ":1-7\", \"xa\": [{\"id\": \"X'61',X'',1\", \"at\": \"" A ":5\"}, "
                "{\"id\": \"X'62',X'',1\"}], \"exact\": false}";
    static const char open_maria[] =
        MARIA "0-1-5,7-2-9\", \"from\": \"0-1-3\", \"xa\": [{\"id\": \"X'61',X'',1\", "
              "\"at\": \"0-1-4\"}], \"exact\": false}";
    static const char odd[] =
        "{\"flavour\": \"mysql\", \"server_uuid\": \"a\\\\\\\"b\\u0001\", \"gtid\": null, "
        "\"file\": \"b.000001\", \"pos\": \"4\", \"exact\": false}";
    static const char *const same[] = {
        MYSQL "\", \"exact\": false}",
        MYSQL A ":1-7:abc:1\", \"exact\": true}",
        MYSQL A ":1-7\", \"file\": \"b.000001\", \"pos\": \"4294967300\", \"exact\": false}",
        open_two,
        open_maria,
        odd,
    };

    (void)state;
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        struct position position;
        struct text out = {0};

        assert_int_equal(parse(&position, same[i]), 0);
        position_write(&position, &out);
        assert_string_equal(out.ptr, same[i]);
        text_free(&out);
        position_free(&position);
    }
}

/* What earlier versions wrote of a load that nobody followed. */
static void older_bytes_are_read(void **state)
{
    struct position position;

    (void)state;
    assert_int_equal(parse(&position, "{\"flavour\": \"mariadb\", \"server_uuid\": null, \"gtid\": "
                                      "\"0-1-5\", \"file\": \"b.000001\", \"pos\": \"77\", "
                                      "\"exact\": true}"),
                     0);
    assert_true(position.mariadb && position.exact && position.gtids);
    assert_int_equal(position.pos, 77);
    position_free(&position);
}

static void foreign_bytes_are_refused(void **state)
{
    static const char *const broken[] = {
        "",
        "{",
        "{}",
        "[]",
        "{\"flavour\": \"oracle\", \"gtid\": \"\"}",
        MYSQL "x\", \"exact\": false}",
        MYSQL "\", \"exact\": maybe}",
        MYSQL "\", \"exact\": false} ",
        MYSQL "\", \"more\": \"\"}",
        MYSQL "\", \"pos\": \"x\"}",
        MYSQL "\", \"xa\": []}",
        MYSQL "\", \"xa\": [{}]}",
        MYSQL "\", \"xa\": [{\"at\": \"\"}]}",
        MYSQL "\", \"xa\": [{\"id\": \"a\", \"id\": \"b\"}]}",
        MYSQL "\\u00zz\"}",
        MYSQL "\\u0000\"}",
        "{\"flavour\": \"mysql\", \"gtid\": null, \"exact\": false}",
        "0/1234",
    };
    static const char whole[] = MARIA "0-1-5\", \"xa\": [{\"id\": \"a\"}], \"exact\": false}";

    (void)state;
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        struct position position;

        assert_int_equal(parse(&position, broken[i]), -1);
    }
    for (size_t len = 0; len < strlen(whole); len++) {
        struct position position;
        char *cut = malloc(len + 1);

        assert_non_null(cut);
        memcpy(cut, whole, len);
        assert_int_equal(position_parse(&position, (struct rnl_slice){cut, len}), -1);
        free(cut);
    }
}

static bool reached(const char *at, const char *goal)
{
    struct position a, b;
    bool is;

    assert_int_equal(parse(&a, at), 0);
    assert_int_equal(parse(&b, goal), 0);
    is = position_reached(&a, &b);
    position_free(&a);
    position_free(&b);
    return is;
}

#define END(file, pos) "\", \"file\": \"" file "\", \"pos\": \"" pos "\", \"exact\": false}"
#define PLAIN "\", \"exact\": false}"
#define BY_FILE "{\"flavour\": \"mysql\", \"server_uuid\": \"s\", \"gtid\": null, \"file\": \""

static void reaching_a_goal(void **state)
{
    (void)state;
    assert_true(reached(MYSQL A ":1-7" PLAIN, MYSQL A ":1-7" PLAIN));
    assert_false(reached(MYSQL A ":1-6" PLAIN, MYSQL A ":1-7" PLAIN));
    assert_false(reached(MYSQL A ":1-7" PLAIN, MARIA "0-1-5" PLAIN));
    /* the log's end counts too, on the same server: see position_reached() */
    assert_false(reached(MYSQL A ":1-7" PLAIN, MYSQL A ":1-7" END("b.000002", "100")));
    assert_false(
        reached(MYSQL A ":1-7" END("b.000002", "99"), MYSQL A ":1-7" END("b.000002", "100")));
    assert_true(
        reached(MYSQL A ":1-7" END("b.000002", "100"), MYSQL A ":1-7" END("b.000002", "100")));
    assert_true(
        reached(MYSQL A ":1-7" END("b.000003", "4"), MYSQL A ":1-7" END("b.000002", "100")));
    assert_true(reached("{\"flavour\": \"mysql\", \"server_uuid\": \"other\", \"gtid\": \"" A
                        ":1-7" END("b.000001", "4"),
                        MYSQL A ":1-7" END("b.000002", "100")));
    assert_true(reached(MARIA "0-1-5,1-1-1" PLAIN, MARIA "0-2-5" PLAIN));
    assert_false(reached(MARIA "0-1-5" PLAIN, MARIA "0-1-5,1-1-1" PLAIN));
    assert_true(reached(BY_FILE "b.1000000\", \"pos\": \"4\"}", BY_FILE "b.999999\", \"pos\": "
                                                                        "\"9\"}"));
    assert_false(
        reached(BY_FILE "b.000002\", \"pos\": \"4\"}", BY_FILE "b.000002\", \"pos\": \"9\"}"));
}

/* Rows beyond what memory takes come back from the file as they were, in their order. */
static void rows_wait_and_come_back(void **state)
{
    enum { ROWS = 3000 };
    struct spool *spool = spool_new();
    struct rnl_error err = RNL_ERROR_INIT;
    struct rnl_value before[3], after[3];
    struct rnl_row row;
    char text[300];

    (void)state;
    assert_non_null(spool);
    memset(text, 'x', sizeof(text));
    for (int64_t i = 0; i < ROWS; i++) {
        struct rnl_value values[3] = {
            {.type = RNL_T_INT, .i = i},
            {.type = RNL_T_TEXT, .len = (uint32_t)(i % 300), .ptr = text},
            {.type = i % 2 ? RNL_T_UNCHANGED : RNL_T_NULL},
        };

        row = (struct rnl_row){.size = sizeof(row),
                               .table = (uint32_t)i,
                               .op = (uint16_t)(1 + i % 3),
                               .nvalues = 3,
                               .before = i % 3 == 0 ? NULL : values,
                               .after = i % 3 == 2 ? NULL : values};
        assert_int_equal(spool_add(spool, &row, &err), RNL_OK);
    }
    for (int64_t i = 0; i < ROWS; i++) {
        const struct rnl_value *values;

        assert_int_equal(spool_next(spool, &row, before, after, &err), RNL_OK);
        assert_int_equal(row.table, i);
        assert_int_equal(row.op, 1 + i % 3);
        assert_int_equal(row.before == NULL, i % 3 == 0);
        assert_int_equal(row.after == NULL, i % 3 == 2);
        values = row.after ? row.after : row.before;
        assert_int_equal(values[0].i, i);
        assert_int_equal(values[1].len, i % 300);
        assert_memory_equal(values[1].ptr, text, values[1].len);
        assert_int_equal(values[2].type, i % 2 ? RNL_T_UNCHANGED : RNL_T_NULL);
    }
    assert_int_equal(spool_next(spool, &row, before, after, &err), RNL_DONE);
    spool_free(spool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_read_and_written), cmocka_unit_test(older_bytes_are_read),
        cmocka_unit_test(foreign_bytes_are_refused),  cmocka_unit_test(reaching_a_goal),
        cmocka_unit_test(rows_wait_and_come_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
