/* Tests of plugins/mysql/source/row.c and calendar.c. */
#include "calendar.h"
#include "row.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <mysql.h>
#include <stdlib.h>

/* A row of one column: the head, no NULL, then these bytes; in memory of just that size. */
static int decode(const struct rnl_column *column, unsigned wire_type, unsigned wire_flags,
                  const void *bytes, size_t len, struct rnl_value *value, struct scratch *scratch)
{
    static unsigned char *packet;
    struct field field;
    int status;

    free(packet);
    packet = malloc(2 + len);
    assert_non_null(packet);
    packet[0] = packet[1] = 0;
    memcpy(packet + 2, bytes, len);
    assert_int_equal(field_set(&field, column, wire_type, wire_flags), 0);
    status = row_decode(&field, 1, packet, 2 + len, value, scratch);
    return status;
}

#define BYTES(text) (text), sizeof(text) - 1

static void integers(void **state)
{
    struct rnl_column column = {.type = RNL_T_INT};
    struct scratch scratch = {0};
    struct rnl_value value;

    (void)state;
    assert_int_equal(decode(&column, MYSQL_TYPE_TINY, 0, BYTES("\x80"), &value, &scratch), 0);
    assert_int_equal(value.i, -128);
    assert_int_equal(decode(&column, MYSQL_TYPE_SHORT, 0, BYTES("\xff\xff"), &value, &scratch), 0);
    assert_int_equal(value.i, -1);
    assert_int_equal(
        decode(&column, MYSQL_TYPE_INT24, 0, BYTES("\x00\x00\x80\xff"), &value, &scratch), 0);
    assert_int_equal(value.i, -8388608);
    assert_int_equal(
        decode(&column, MYSQL_TYPE_YEAR, UNSIGNED_FLAG, BYTES("\x6b\x08"), &value, &scratch), 0);
    assert_int_equal(value.i, 2155);
    column.type = RNL_T_UINT;
    assert_int_equal(decode(&column, MYSQL_TYPE_LONGLONG, UNSIGNED_FLAG,
                            BYTES("\xff\xff\xff\xff\xff\xff\xff\xff"), &value, &scratch),
                     0);
    assert_true(value.u == UINT64_MAX);
    assert_int_equal(value.type, RNL_T_UINT);
    /* cut off, and too long */
    assert_int_equal(
        decode(&column, MYSQL_TYPE_LONG, UNSIGNED_FLAG, BYTES("\1\2\3"), &value, &scratch), -1);
    assert_int_equal(
        decode(&column, MYSQL_TYPE_LONG, UNSIGNED_FLAG, BYTES("\1\2\3\4\5"), &value, &scratch), -1);
}

static void a_column_of_another_type_is_refused(void **state)
{
    struct rnl_column column = {.type = RNL_T_INT};
    struct field field;

    (void)state;
    assert_int_equal(field_set(&field, &column, MYSQL_TYPE_LONG, UNSIGNED_FLAG), -1);
    assert_int_equal(field_set(&field, &column, MYSQL_TYPE_VAR_STRING, 0), -1);
    column.type = RNL_T_TEXT;
    assert_int_equal(field_set(&field, &column, MYSQL_TYPE_LONG, 0), -1);
    column.type = RNL_T_TIMESTAMP;
    assert_int_equal(field_set(&field, &column, MYSQL_TYPE_TIMESTAMP, 0), -1);
}

static void dates(void **state)
{
    struct rnl_column column = {.type = RNL_T_DATE};
    struct scratch scratch = {0};
    struct rnl_value value;

    (void)state;
    assert_int_equal(decode(&column, MYSQL_TYPE_DATE, 0, BYTES("\4\xb2\x07\1\1"), &value, &scratch),
                     0);
    assert_int_equal(value.i, 0);
    assert_int_equal(value.flags, 0);
    assert_int_equal(decode(&column, MYSQL_TYPE_DATE, 0, BYTES("\0"), &value, &scratch), 0);
    assert_int_equal(value.flags, RNL_V_ZERO_DATE);
    assert_int_equal(value.i, 0);
    /* 2020-02-00 and 2021-02-29 */
    assert_int_equal(decode(&column, MYSQL_TYPE_DATE, 0, BYTES("\4\xe4\x07\2\0"), &value, &scratch),
                     0);
    assert_int_equal(value.flags, RNL_V_ZERO_DATE);
    assert_int_equal(value.i, 20200200);
    assert_int_equal(
        decode(&column, MYSQL_TYPE_DATE, 0, BYTES("\4\xe5\x07\2\x1d"), &value, &scratch), 0);
    assert_int_equal(value.flags, RNL_V_ZERO_DATE);
    assert_int_equal(
        decode(&column, MYSQL_TYPE_DATE, 0, BYTES("\4\xe4\x07\x0d\1"), &value, &scratch), -1);
    assert_int_equal(
        decode(&column, MYSQL_TYPE_DATE, 0, BYTES("\5\xe4\x07\1\1\0"), &value, &scratch), -1);
    assert_int_equal(decode(&column, MYSQL_TYPE_DATE, 0, BYTES("\4\xe4\x07\1"), &value, &scratch),
                     -1);
    column.type = RNL_T_TIMESTAMP;
    /* 9999-12-31 23:59:59.999999 */
    assert_int_equal(decode(&column, MYSQL_TYPE_DATETIME, 0,
                            BYTES("\x0b\x0f\x27\x0c\x1f\x17\x3b\x3b\x3f\x42\x0f\0"), &value,
                            &scratch),
                     0);
    assert_int_equal(value.i, INT64_C(253402300799999999));
}

static void times(void **state)
{
    struct rnl_column column = {.type = RNL_T_TIME};
    struct scratch scratch = {0};
    struct rnl_value value;

    (void)state;
    assert_int_equal(decode(&column, MYSQL_TYPE_TIME, 0, BYTES("\0"), &value, &scratch), 0);
    assert_int_equal(value.i, 0);
    /* -838:59:59.999999 */
    assert_int_equal(decode(&column, MYSQL_TYPE_TIME, 0,
                            BYTES("\x0c\1\x22\0\0\0\x16\x3b\x3b\x3f\x42\x0f\0"), &value, &scratch),
                     0);
    assert_int_equal(value.i, INT64_C(-3020399999999));
    assert_int_equal(decode(&column, MYSQL_TYPE_TIME, 0, BYTES("\x08\0\xff\xff\xff\xff\0\0\0"),
                            &value, &scratch),
                     -1);
}

static void assert_bytes(const struct rnl_value *value, const char *bytes, size_t len)
{
    assert_int_equal(value->len, len);
    assert_memory_equal(value->ptr, bytes, len);
}

static void texts_and_bytes(void **state)
{
    struct rnl_column column = {.type = RNL_T_TEXT, .charset = "latin1"};
    struct scratch scratch = {0};
    struct rnl_value value;
    char lengthy[4 + 9000];

    (void)state;
    assert_int_equal(decode(&column, MYSQL_TYPE_VAR_STRING, 0,
                            BYTES("\5"
                                  "\x80 \xff\x81z"),
                            &value, &scratch),
                     0);
    assert_bytes(&value, BYTES("€ ÿ\xc2\x81z"));
    /* longer than what scratch holds in place */
    memset(lengthy, 0x80, sizeof(lengthy));
    memcpy(lengthy, "\xfd\x28\x23\0", 4);
    assert_int_equal(
        decode(&column, MYSQL_TYPE_VAR_STRING, 0, lengthy, sizeof(lengthy), &value, &scratch), 0);
    assert_int_equal(value.len, 27000);
    scratch_reset(&scratch);
    column.charset = "utf8mb4";
    assert_int_equal(decode(&column, MYSQL_TYPE_BLOB, 0, BYTES("\xfc\3\0abc"), &value, &scratch),
                     0);
    assert_bytes(&value, BYTES("abc"));
    /* lengths that lie */
    assert_int_equal(decode(&column, MYSQL_TYPE_BLOB, 0, BYTES("\4abc"), &value, &scratch), -1);
    assert_int_equal(decode(&column, MYSQL_TYPE_BLOB, 0, BYTES("\xfc\3"), &value, &scratch), -1);
    assert_int_equal(decode(&column, MYSQL_TYPE_BLOB, 0, BYTES("\xff"), &value, &scratch), -1);
    assert_int_equal(decode(&column, MYSQL_TYPE_BLOB, 0,
                            BYTES("\xfe\xff\xff\xff\xff\xff\xff\xff\xff"), &value, &scratch),
                     -1);
    column = (struct rnl_column){.type = RNL_T_BYTES, .flags = RNL_COLUMN_FIXED, .length = 4};
    assert_int_equal(decode(&column, MYSQL_TYPE_STRING, 0, BYTES("\2ab"), &value, &scratch), 0);
    assert_bytes(&value, BYTES("ab\0\0"));
}

static void other_forms(void **state)
{
    struct rnl_column column = {.type = RNL_T_BITS, .length = 12};
    struct scratch scratch = {0};
    struct rnl_value value;

    (void)state;
    assert_int_equal(decode(&column, MYSQL_TYPE_BIT, 0, BYTES("\2\x0a\xaa"), &value, &scratch), 0);
    assert_bytes(&value, BYTES("101010101010"));
    column = (struct rnl_column){.type = RNL_T_DECIMAL};
    assert_int_equal(decode(&column, MYSQL_TYPE_NEWDECIMAL, 0,
                            BYTES("\7"
                                  "000.125"),
                            &value, &scratch),
                     0);
    assert_bytes(&value, BYTES("0.125"));
    assert_int_equal(decode(&column, MYSQL_TYPE_NEWDECIMAL, 0, BYTES("\5-0.50"), &value, &scratch),
                     0);
    assert_bytes(&value, BYTES("-0.50"));
    column = (struct rnl_column){.type = RNL_T_UUID};
    assert_int_equal(decode(&column, MYSQL_TYPE_STRING, 0,
                            BYTES("\x24"
                                  "00112233-4455-6677-8899-aabbccddeeff"),
                            &value, &scratch),
                     0);
    assert_bytes(&value, BYTES("\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff"));
    assert_int_equal(decode(&column, MYSQL_TYPE_STRING, 0, BYTES("\4abcd"), &value, &scratch), -1);
    column = (struct rnl_column){.type = RNL_T_FLOAT};
    assert_int_equal(
        decode(&column, MYSQL_TYPE_FLOAT, 0, BYTES("\x39\xb4\x96\x49"), &value, &scratch), 0);
    assert_true(value.d == 1234567.125);
}

static void nulls(void **state)
{
    static const struct field fields[3] = {
        {.form = FIELD_INT, .width = 1, .is_signed = 1, .type = RNL_T_INT},
        {.form = FIELD_BYTES, .type = RNL_T_TEXT},
        {.form = FIELD_INT, .width = 1, .is_signed = 1, .type = RNL_T_INT},
    };
    struct scratch scratch = {0};
    struct rnl_value values[3];

    (void)state;
    assert_int_equal(
        row_decode(fields, 3, (const unsigned char *)"\0\x08\7\x09", 4, values, &scratch), 0);
    assert_int_equal(values[0].i, 7);
    assert_int_equal(values[1].type, RNL_T_NULL);
    assert_int_equal(values[2].i, 9);
    assert_int_equal(row_decode(fields, 3, (const unsigned char *)"\0", 1, values, &scratch), -1);
    assert_int_equal(row_decode(fields, 3, (const unsigned char *)"\1\x1c", 2, values, &scratch),
                     -1);
}

static void days_go_back_and_forth(void **state)
{
    unsigned year, month, day;

    (void)state;
    assert_int_equal(date_days(1970, 1, 1), 0);
    assert_int_equal(date_days(2000, 3, 1), 11017);
    assert_int_equal(date_days(9999, 12, 31), 2932896);
    for (int64_t days = -719528; days <= 2932896; days += 13) {
        days_date(days, &year, &month, &day);
        assert_true(date_exists(year, month, day));
        assert_int_equal(date_days(year, month, day), days);
    }
}

static void moments_are_written(void **state)
{
    struct rnl_value value = {.type = RNL_T_TIMESTAMP, .i = -1};
    char buf[CALENDAR_TEXT];

    (void)state;
    assert_string_equal(calendar_text(&value, buf), "1969-12-31 23:59:59.999999");
    value = (struct rnl_value){.type = RNL_T_TIME, .i = INT64_C(-3020399999999)};
    assert_string_equal(calendar_text(&value, buf), "-838:59:59.999999");
    value = (struct rnl_value){.type = RNL_T_DATE, .i = 20200200, .flags = RNL_V_ZERO_DATE};
    assert_string_equal(calendar_text(&value, buf), "2020-02-00");
    value = (struct rnl_value){.type = RNL_T_TIME, .i = INT64_MIN};
    assert_non_null(calendar_text(&value, buf)); /* any number is written safely */
    value = (struct rnl_value){.type = RNL_T_TIMESTAMP, .i = INT64_MIN};
    assert_null(calendar_text(&value, buf));
    value = (struct rnl_value){.type = RNL_T_DATE, .i = INT64_MAX};
    assert_null(calendar_text(&value, buf));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers),
        cmocka_unit_test(a_column_of_another_type_is_refused),
        cmocka_unit_test(dates),
        cmocka_unit_test(times),
        cmocka_unit_test(texts_and_bytes),
        cmocka_unit_test(other_forms),
        cmocka_unit_test(nulls),
        cmocka_unit_test(days_go_back_and_forth),
        cmocka_unit_test(moments_are_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
