/* Messages of PostgreSQL's logical replication: what they say, and bytes that are none. */
#include "pgoutput.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define EPOCH_2000_US INT64_C(946684800000000)

#define MESSAGE(text) (const uint8_t *)(text), sizeof(text) - 1

/* Numbers as they stand in messages. */
#define LSN_1 "\0\0\0\0\1\0\0\1"
#define LSN_2 "\0\0\0\0\1\0\0\2"
#define TIME_1 "\0\0\0\0\0\0\0\5"
#define XID_7 "\0\0\0\7"
#define OID_9 "\0\0\0\11"

static const struct {
    const char *bytes;
    size_t len;
} samples[] = {
#define SAMPLE(text)             \
    {                            \
        (text), sizeof(text) - 1 \
    }
    SAMPLE("B" LSN_1 TIME_1 XID_7),
    SAMPLE("C\0" LSN_1 LSN_2 TIME_1),
    SAMPLE("O" LSN_1 "origin\0"),
    SAMPLE("R" OID_9 "public\0t\0d\0\2\1id\0\0\0\0\27\377\377\377\377\0v\0\0\0\0\31\0\0\0\4"),
    SAMPLE("Y" OID_9 "public\0mood\0"),
    SAMPLE("I" OID_9 "N\0\2t\0\0\0\0011n"),
    SAMPLE("U" OID_9 "K\0\2t\0\0\0\0011nN\0\2t\0\0\0\0012u"),
    SAMPLE("U" OID_9 "N\0\1b\0\0\0\2\1\2"),
    SAMPLE("D" OID_9 "O\0\2nt\0\0\0\2ab"),
    SAMPLE("T\0\0\0\2\3" OID_9 OID_9),
    SAMPLE("M\1" LSN_1 "prefix\0\0\0\0\3abc"),
    SAMPLE("S" XID_7 "\1"),
    SAMPLE("A" XID_7 XID_7),
    SAMPLE("c" XID_7 "\0" LSN_1 LSN_2 TIME_1),
    SAMPLE("b" LSN_1 LSN_2 TIME_1 XID_7 "gid\0"),
    SAMPLE("P\0" LSN_1 LSN_2 TIME_1 XID_7 "gid\0"),
    SAMPLE("K\0" LSN_1 LSN_2 TIME_1 XID_7 "gid\0"),
    SAMPLE("r\0" LSN_1 LSN_2 TIME_1 TIME_1 XID_7 "gid\0"),
    SAMPLE("p\0" LSN_1 LSN_2 TIME_1 XID_7 "gid\0"),
    SAMPLE("E"),
};

static void read_good(struct pgoutput *p, const uint8_t *bytes, size_t len,
                      struct pgoutput_message *message)
{
    assert_int_equal(pgoutput_read(p, bytes, len, message), PGOUTPUT_OK);
}

static void test_transaction(void **state)
{
    struct pgoutput p = {0};
    struct pgoutput_message m;

    (void)state;
    read_good(&p, MESSAGE("B" LSN_1 TIME_1 XID_7), &m);
    assert_int_equal(m.lsn, 0x1000001);
    assert_int_equal(m.xid, 7);
    assert_int_equal(m.time_us, EPOCH_2000_US + 5);
    read_good(&p, MESSAGE("C\0" LSN_1 LSN_2 TIME_1), &m);
    assert_int_equal(m.lsn, 0x1000001);
    assert_int_equal(m.end_lsn, 0x1000002);
    pgoutput_free(&p);
}

static void test_relation(void **state)
{
    struct pgoutput p = {0};
    struct pgoutput_message m;

    (void)state;
    read_good(&p, (const uint8_t *)samples[3].bytes, samples[3].len, &m);
    assert_int_equal(m.relation, 9);
    assert_string_equal(m.schema, "public");
    assert_string_equal(m.name, "t");
    assert_int_equal(m.identity, 'd');
    assert_int_equal(m.ncolumns, 2);
    assert_true(m.columns[0].key);
    assert_string_equal(m.columns[0].name, "id");
    assert_int_equal(m.columns[0].type, 23);
    assert_int_equal(m.columns[0].modifier, -1);
    assert_false(m.columns[1].key);
    assert_int_equal(m.columns[1].modifier, 4);
    pgoutput_free(&p);
}

static void test_rows(void **state)
{
    struct pgoutput p = {0};
    struct pgoutput_message m;

    (void)state;
    read_good(&p, (const uint8_t *)samples[6].bytes, samples[6].len, &m);
    assert_int_equal(m.old_kind, 'K');
    assert_int_equal(m.nold, 2);
    assert_int_equal(m.old_row[0].kind, 't');
    assert_memory_equal(m.old_row[0].bytes, "1", 1);
    assert_int_equal(m.old_row[1].kind, 'n');
    assert_memory_equal(m.new_row[0].bytes, "2", 1);
    assert_int_equal(m.new_row[1].kind, 'u');
    read_good(&p, (const uint8_t *)samples[8].bytes, samples[8].len, &m);
    assert_int_equal(m.old_kind, 'O');
    assert_int_equal(m.nnew, 0);
    assert_int_equal(m.old_row[1].len, 2);
    read_good(&p, (const uint8_t *)samples[9].bytes, samples[9].len, &m);
    assert_int_equal(m.nrelations, 2);
    assert_int_equal(m.flags, 3);
    assert_int_equal(m.relations[1], 9);
    pgoutput_free(&p);
}

/* In a streamed part each message has its transaction's number in front. */
static void test_streamed(void **state)
{
    struct pgoutput p = {0};
    struct pgoutput_message m;

    (void)state;
    read_good(&p, MESSAGE("S" XID_7 "\1"), &m);
    assert_int_equal(m.flags, 1);
    read_good(&p, MESSAGE("I" XID_7 OID_9 "N\0\1n"), &m);
    assert_int_equal(m.xid, 7);
    assert_int_equal(m.relation, 9);
    read_good(&p, MESSAGE("E"), &m);
    read_good(&p, MESSAGE("I" OID_9 "N\0\1n"), &m);
    assert_int_equal(m.xid, 0);
    read_good(&p, MESSAGE("A" XID_7 OID_9 LSN_1 TIME_1), &m);
    assert_int_equal(m.subxid, 9);
    assert_int_equal(m.lsn, 0x1000001);
    pgoutput_free(&p);
}

/* Each message, cut anywhere or with a byte too many, is none. */
static void test_broken(void **state)
{
    struct pgoutput_message m;

    (void)state;
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        for (size_t len = 0; len <= samples[i].len + 1; len++) {
            struct pgoutput p = {0};
            uint8_t *copy = calloc(1, len + 1);
            bool whole = len == samples[i].len;

            memcpy(copy, samples[i].bytes, len < samples[i].len ? len : samples[i].len);
            if ((pgoutput_read(&p, copy, len, &m) == PGOUTPUT_OK) != whole)
                fail_msg("%c with %zu of %zu bytes", samples[i].bytes[0], len, samples[i].len);
            free(copy);
            pgoutput_free(&p);
        }
        assert_non_null(pgoutput_name(samples[i].bytes[0]));
    }
}

static void test_refused(void **state)
{
    struct pgoutput p = {0};
    struct pgoutput_message m;

    (void)state;
    assert_int_equal(pgoutput_read(&p, MESSAGE("Z" LSN_1), &m), PGOUTPUT_UNKNOWN);
    assert_null(pgoutput_name('Z'));
    assert_int_equal(pgoutput_read(&p, MESSAGE("I" OID_9 "N\0\1x"), &m), PGOUTPUT_BAD);
    assert_int_equal(pgoutput_read(&p, MESSAGE("I" OID_9 "K\0\1n"), &m), PGOUTPUT_BAD);
    assert_int_equal(pgoutput_read(&p, MESSAGE("I" OID_9 "N\377\377n"), &m), PGOUTPUT_BAD);
    assert_int_equal(pgoutput_read(&p, MESSAGE("I" OID_9 "N\0\1t\377\377\377\377x"), &m),
                     PGOUTPUT_BAD);
    assert_int_equal(pgoutput_read(&p, MESSAGE("T\377\377\377\377\0" OID_9), &m), PGOUTPUT_BAD);
    pgoutput_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transaction), cmocka_unit_test(test_relation),
        cmocka_unit_test(test_rows),        cmocka_unit_test(test_streamed),
        cmocka_unit_test(test_broken),      cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
