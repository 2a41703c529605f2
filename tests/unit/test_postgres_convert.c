/* Values into PostgreSQL's binary fields and back, and the policies before that. */
#include "convert.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct pg_config plain;

#define TEXTS(t, x)                                   \
    {                                                 \
        .type = (t), .len = sizeof(x) - 1, .ptr = (x) \
    }
#define NUMBER(t, x)          \
    {                         \
        .type = (t), .i = (x) \
    }

/* What goes in comes back as the same value of the source's type. */
static void check_back(enum pg_kind kind, const struct rnl_value *value)
{
    const struct rnl_column source = {.name = "c", .type = value->type};
    const struct bound_column column = {.source = &source, .kind = kind, .element = 25};
    struct buf field = {0}, scratch = {0};
    struct decoded decoded;
    struct rnl_value back;
    const char *why = "";
    uint32_t len;

    if (!encode_field(&field, &plain, &column, value, &why))
        fail_msg("kind %d: %s", (int)kind, why);
    memcpy(&len, field.ptr, 4);
    len = __builtin_bswap32(len);
    assert_int_equal(len, field.len - 4);
    assert_true(decode_field(&plain, &column, (const uint8_t *)field.ptr + 4, (int32_t)len,
                             &scratch, &decoded));
    back = decode_settle(&decoded, &scratch);
    assert_int_equal(back.type, value->type);
    assert_int_equal(back.len, value->len);
    if (value->len)
        assert_memory_equal(back.ptr, value->ptr, value->len);
    else if (value->type < RNL_T_DECIMAL ||
             (value->type >= RNL_T_DATE && value->type <= RNL_T_TIMESTAMPTZ))
        assert_int_equal(back.i, value->i);
    /* a field that was cut off is refused, never read beyond its end */
    for (uint32_t cut = 1; cut < len && kind != PG_TEXT && kind != PG_BYTEA && kind != PG_JSON &&
                           kind != PG_JSONB && kind != PG_GEOMETRY;
         cut++) {
        buf_clear(&scratch);
        assert_false(decode_field(&plain, &column, (const uint8_t *)field.ptr + 4, (int32_t)cut,
                                  &scratch, &decoded));
    }
    buf_free(&field);
    buf_free(&scratch);
}

static void test_round_trip(void **state)
{
    static const float floats[] = {1.5f, -2, 0};
    static const struct {
        enum pg_kind kind;
        struct rnl_value value;
    } cases[] = {
        {PG_BOOL, NUMBER(RNL_T_INT, 1)},
        {PG_BOOL, TEXTS(RNL_T_BITS, "1")},
        {PG_INT2, NUMBER(RNL_T_INT, INT16_MIN)},
        {PG_INT4, NUMBER(RNL_T_INT, INT32_MIN)},
        {PG_INT8, NUMBER(RNL_T_INT, INT64_MIN)},
        {PG_INT8, NUMBER(RNL_T_UINT, INT64_MAX)},
        {PG_NUMERIC, {.type = RNL_T_UINT, .u = UINT64_MAX}},
        {PG_NUMERIC, NUMBER(RNL_T_INT, INT64_MIN + 1)},
        {PG_NUMERIC, TEXTS(RNL_T_DECIMAL, "-123456789.987654321")},
        {PG_FLOAT4, {.type = RNL_T_FLOAT, .d = 1234567.125}},
        {PG_FLOAT8, {.type = RNL_T_DOUBLE, .d = -0.1}},
        {PG_TEXT, TEXTS(RNL_T_TEXT, "\xf0\x9f\x98\x80")},
        {PG_TEXT, NUMBER(RNL_T_TIME, -3020399999999)},
        {PG_BYTEA, TEXTS(RNL_T_BYTES, "\0\xff")},
        {PG_DATE, NUMBER(RNL_T_DATE, -354285)},
        {PG_DATE, NUMBER(RNL_T_DATE, INT64_MIN)},
        {PG_DATE, NUMBER(RNL_T_DATE, INT64_MAX)},
        {PG_TIME, NUMBER(RNL_T_TIME, DAY_US - 1)},
        {PG_INTERVAL, NUMBER(RNL_T_TIME, -3020399999999)},
        {PG_INTERVAL, TEXTS(RNL_T_INTERVAL, "P1Y2M3DT4H5M6.7S")},
        {PG_TIMESTAMP, NUMBER(RNL_T_TIMESTAMP, -30610224000000000)},
        {PG_TIMESTAMPTZ, NUMBER(RNL_T_TIMESTAMPTZ, INT64_MAX)},
        {PG_UUID, TEXTS(RNL_T_UUID, "0123456789abcdef")},
        {PG_JSON, TEXTS(RNL_T_JSON, "{}")},
        {PG_JSONB, TEXTS(RNL_T_JSON, "[1]")},
        {PG_BIT, TEXTS(RNL_T_BITS, "100000001")},
        {PG_INET, TEXTS(RNL_T_INET, "255.0.255.1")},
        {PG_INET, TEXTS(RNL_T_INET, "2001:db8::ff00:42:8329")},
        {PG_TEXT_ARRAY, TEXTS(RNL_T_TEXT, "a,b,it's \"c\"")},
        {PG_TEXT_ARRAY, TEXTS(RNL_T_TEXT, "")},
        {PG_FLOAT4_ARRAY, {.type = RNL_T_VECTOR, .len = 12, .ptr = floats}},
        {PG_VECTOR, {.type = RNL_T_VECTOR, .len = 12, .ptr = floats}},
        {PG_BYTEA, TEXTS(RNL_T_GEOMETRY, "\0\0\0\0\1\1\0\0\0"
                                         "0123456789abcdef")},
        {PG_GEOMETRY, TEXTS(RNL_T_GEOMETRY, "\xe6\x10\0\0\1\1\0\0\0"
                                            "0123456789abcdef")},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        check_back(cases[i].kind, &cases[i].value);
}

static void refuse(enum pg_kind kind, const struct rnl_value *value)
{
    const struct rnl_column source = {.name = "c", .type = value->type};
    const struct bound_column column = {.source = &source, .kind = kind};
    struct buf field = {0};
    const char *why = NULL;

    assert_false(encode_field(&field, &plain, &column, value, &why));
    assert_non_null(why);
    buf_free(&field);
}

static void test_refusals(void **state)
{
    static const struct {
        enum pg_kind kind;
        struct rnl_value value;
    } cases[] = {
        {PG_BOOL, NUMBER(RNL_T_INT, 2)},
        {PG_BOOL, NUMBER(RNL_T_INT, -1)},
        {PG_INT2, NUMBER(RNL_T_INT, 32768)},
        {PG_INT4, NUMBER(RNL_T_UINT, 4294967295)},
        {PG_INT8, {.type = RNL_T_UINT, .u = UINT64_MAX}},
        {PG_TIME, NUMBER(RNL_T_TIME, -1)},
        {PG_TIME, NUMBER(RNL_T_TIME, DAY_US + 1)},
        {PG_DATE, NUMBER(RNL_T_DATE, INT64_MAX - 1)},
        {PG_UUID, TEXTS(RNL_T_BYTES, "short")},
        {PG_NUMERIC, TEXTS(RNL_T_DECIMAL, "1e5")},
        {PG_INET, TEXTS(RNL_T_INET, "1.2.3")},
        {PG_BIT, TEXTS(RNL_T_BITS, "012")},
        {PG_GEOMETRY, TEXTS(RNL_T_GEOMETRY, "\0\0\0\0\1")},
        {PG_INT4, TEXTS(RNL_T_TEXT, "5")},
        {PG_FLOAT4, {.type = RNL_T_DOUBLE, .d = 1}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        refuse(cases[i].kind, &cases[i].value);
}

static enum policy_result apply(const struct pg_config *config, struct rnl_value value,
                                struct rnl_value *out, struct buf *scratch)
{
    const char *why;

    return policy_apply(config, PG_TEXT, &value, out, scratch, &why);
}

/* The first and the last day of PostgreSQL's calendar, and the day behind it. */
static void test_calendar_ends(void **state)
{
    const struct rnl_column source = {.name = "d", .type = RNL_T_DATE};
    const struct bound_column column = {.source = &source, .kind = PG_DATE, .nullable = true};
    struct rnl_value value = {.type = RNL_T_DATE};
    struct pg_config config = {0};
    const char *why;
    struct buf field = {0};

    (void)state;
    value.i = days_from_civil(5874897, 12, 31);
    assert_true(encode_field(&field, &config, &column, &value, &why));
    value.i = days_from_civil(-4713, 11, 24);
    assert_true(encode_field(&field, &config, &column, &value, &why));
    value.i = days_from_civil(5874898, 1, 1);
    assert_false(encode_field(&field, &config, &column, &value, &why));
    buf_free(&field);
}

static void test_dates(void **state)
{
    const struct rnl_value zero = {.type = RNL_T_TIMESTAMP, .flags = RNL_V_ZERO_DATE};
    const struct rnl_value partial = {.type = RNL_T_DATE, .flags = RNL_V_ZERO_DATE, .i = 20200200};
    struct pg_config config = {0};
    struct buf scratch = {0};
    struct rnl_value out;

    (void)state;
    assert_int_equal(apply(&config, zero, &out, &scratch), POLICY_CHANGED);
    assert_true(out.i == INT64_MIN && out.flags == 0);
    assert_int_equal(apply(&config, partial, &out, &scratch), POLICY_REFUSED);
    config.zero_date = ZERO_NULL;
    config.partial_date = PARTIAL_FIRST_DAY;
    assert_int_equal(apply(&config, zero, &out, &scratch), POLICY_CHANGED);
    assert_int_equal(out.type, RNL_T_NULL);
    assert_int_equal(apply(&config, partial, &out, &scratch), POLICY_CHANGED);
    assert_int_equal(out.i, 18293); /* 2020-02-01 */
    config.zero_date = ZERO_EPOCH;
    assert_int_equal(apply(&config, zero, &out, &scratch), POLICY_CHANGED);
    assert_true(out.type == RNL_T_TIMESTAMP && out.i == 0);
    config.zero_date = ZERO_ERROR;
    assert_int_equal(apply(&config, zero, &out, &scratch), POLICY_REFUSED);
    assert_int_equal(days_from_civil(1970, 1, 1), 0);
    assert_int_equal(days_from_civil(2000, 3, 1), 11017);
    assert_int_equal(days_from_civil(1, 1, 1), -719162);
    buf_free(&scratch);
}

static void test_nul(void **state)
{
    const struct rnl_value text = TEXTS(RNL_T_TEXT, "a\0b\0");
    struct pg_config config = {0};
    struct buf scratch = {0};
    struct rnl_value out;

    (void)state;
    assert_int_equal(apply(&config, text, &out, &scratch), POLICY_REFUSED);
    config.nul = NUL_STRIP;
    assert_int_equal(apply(&config, text, &out, &scratch), POLICY_CHANGED);
    assert_int_equal(out.len, 2);
    assert_memory_equal(out.ptr, "ab", 2);
    config.nul = NUL_REPLACE;
    assert_int_equal(apply(&config, text, &out, &scratch), POLICY_CHANGED);
    assert_int_equal(out.len, 8);
    assert_memory_equal(out.ptr,
                        "a\xef\xbf\xbd"
                        "b\xef\xbf\xbd",
                        8);
    buf_free(&scratch);
}

/* UUID_TO_BIN(x, 1) put the time's parts in another order; both ways know it. */
static void test_uuid_swap(void **state)
{
    const struct pg_config config = {.binary16 = BINARY16_UUID_SWAP};
    const struct rnl_column source = {.name = "c", .type = RNL_T_BYTES};
    const struct bound_column column = {.source = &source, .kind = PG_UUID};
    const struct rnl_value value = TEXTS(RNL_T_BYTES, "ghefabcdijklmnop");
    struct buf field = {0}, scratch = {0};
    struct decoded decoded;
    const char *why;

    (void)state;
    assert_true(encode_field(&field, &config, &column, &value, &why));
    assert_memory_equal(field.ptr + 4, "abcdefghijklmnop", 16);
    assert_true(
        decode_field(&config, &column, (const uint8_t *)field.ptr + 4, 16, &scratch, &decoded));
    assert_memory_equal(decode_settle(&decoded, &scratch).ptr, "ghefabcdijklmnop", 16);
    buf_free(&field);
    buf_free(&scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_dates),      cmocka_unit_test(test_calendar_ends),
        cmocka_unit_test(test_nul),        cmocka_unit_test(test_uuid_swap),
    };

    return cmocka_run_group_tests_name("postgres convert", tests, NULL, NULL);
}
