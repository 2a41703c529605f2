/* Tests of plugins/mysql/source/binlog*.c: logs captured from servers, and what a log mustn't be.
 */
#include "binlog_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <zlib.h>

static const char *const fixtures[] = {"mysql_types", "mysql_events", "mysql_images",
                                       "mariadb_types", "mariadb_events"};
#define NFIXTURES (sizeof(fixtures) / sizeof(fixtures[0]))

/* What the decoder makes of a log, to be freed; or its error. */
static char *decoded(const char *name, const char *bytes, size_t len, struct rnl_error *err)
{
    struct rnl_catalog *catalog = catalog_read(name);
    struct binlog *log = binlog_new();
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    int status;

    assert_non_null(catalog);
    assert_non_null(log);
    status = log_print(out, log, bytes, len, catalog, err);
    fclose(out);
    binlog_free(log);
    catalog_free(catalog);
    if (status) {
        free(text);
        return NULL;
    }
    return text;
}

static void lines_equal(const char *name, const char *got, const char *want)
{
    int line = 1;

    while (*got || *want) {
        size_t got_len = strcspn(got, "\n"), want_len = strcspn(want, "\n");

        if (got_len != want_len || memcmp(got, want, got_len) != 0)
            fail_msg("%s.txt:%d\n  got  %.*s\n  want %.*s", name, line, (int)got_len, got,
                     (int)want_len, want);
        got += got_len + (got[got_len] != 0);
        want += want_len + (want[want_len] != 0);
        line++;
    }
}

static void fixture_check(const char *name, const char *bytes, size_t len)
{
    struct rnl_error err = RNL_ERROR_INIT;
    char *got = decoded(name, bytes, len, &err), *want;
    size_t want_len;

    if (!got)
        fail_msg("%s: %s: %s", name, err.code, err.text);
    want = file_read(name, ".txt", &want_len);
    assert_non_null(want);
    lines_equal(name, got, want);
    free(got);
    free(want);
}

static void captured_logs(void **state)
{
    (void)state;
    for (size_t i = 0; i < NFIXTURES; i++) {
        size_t len;
        char *bytes = file_read(fixtures[i], ".binlog", &len);

        assert_non_null(bytes);
        fixture_check(fixtures[i], bytes, len);
        free(bytes);
    }
}

/* What changed in a value that the log hasn't got. */
static void parts_without_base(void **state)
{
    struct rnl_error err = RNL_ERROR_INIT;
    size_t len;
    char *bytes = file_read("mysql_partial", ".binlog", &len);

    (void)state;
    assert_non_null(bytes);
    assert_null(decoded("mysql_partial", bytes, len, &err));
    assert_int_equal(err.status, RNL_E_CONFIG);
    assert_string_equal(err.code, "source.json_partial");
    assert_non_null(strstr(err.text, "column j"));
    free(bytes);
}

static void length_set(char *event, uint32_t len)
{
    memcpy(event + 9, &len, 4);
}

/* binlog_checksum = NONE: the format description alone keeps its four bytes. */
static size_t checksums_strip(char *log, size_t len)
{
    size_t to = 4;

    for (size_t at = 4, size; (size = event_at(log, len, at)); at += size) {
        size_t kept = log[at + 4] == 15 ? size : size - 4;

        memmove(log + to, log + at, size);
        if (kept == size)
            log[to + size - 5] = 0;
        length_set(log + to, (uint32_t)kept);
        to += kept;
    }
    return to;
}

static void without_checksums(void **state)
{
    (void)state;
    for (size_t i = 0; i < NFIXTURES; i++) {
        size_t len;
        char *bytes = file_read(fixtures[i], ".binlog", &len);

        assert_non_null(bytes);
        len = checksums_strip(bytes, len);
        fixture_check(fixtures[i], bytes, len);
        free(bytes);
    }
}

/* Any bit turned on the way is seen. */
static void turned_bits(void **state)
{
    size_t len, event = 4;
    char *bytes = file_read("mysql_images", ".binlog", &len);

    (void)state;
    assert_non_null(bytes);
    for (size_t at = 4 + 19; at < len; at += 7) {
        struct rnl_error err = RNL_ERROR_INIT;
        char *got;

        while (event + event_at(bytes, len, event) <= at)
            event += event_at(bytes, len, event);
        if (at - event >= 9 && at - event < 13) /* the length: told by the packet as well */
            continue;
        bytes[at] ^= (char)(1 << at % 8);
        got = decoded("mysql_images", bytes, len, &err);
        if (got)
            fail_msg("byte %zu was turned, and nobody saw it", at);
        assert_true(strcmp(err.code, "source.log_checksum") == 0 ||
                    strncmp(err.code, "source.log_", 11) == 0);
        bytes[at] ^= (char)(1 << at % 8);
    }
    free(bytes);
}

/* Without checksums a log may say anything: it must be an error or a row, never more. */
static void hostile_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < NFIXTURES; i++) {
        size_t len, step = 11 + i;
        char *bytes = file_read(fixtures[i], ".binlog", &len);

        assert_non_null(bytes);
        len = checksums_strip(bytes, len);
        for (size_t at = 200; at < len; at += step) {
            struct rnl_error err = RNL_ERROR_INIT;
            char kept = bytes[at];

            bytes[at] = (char)(at % 3 ? 0xff : kept ^ 0x81);
            free(decoded(fixtures[i], bytes, len, &err));
            bytes[at] = kept;
        }
        free(bytes);
    }
}

/* A made event, with its checksum left out: the decoder hasn't been told of any. */
static int made_feed(struct binlog *log, uint8_t type, uint16_t flags, const void *body, size_t len,
                     struct binlog_event *event, struct rnl_error *err)
{
    static char *bytes;
    int status;

    free(bytes);
    bytes = calloc(1, 19 + len);
    assert_non_null(bytes);
    bytes[4] = (char)type;
    length_set(bytes, (uint32_t)(19 + len));
    memcpy(bytes + 17, &flags, 2);
    if (len)
        memcpy(bytes + 19, body, len);
    status = binlog_feed(log, bytes, 19 + len, err);
    return status ? status : binlog_next(log, event, err);
}
#define MADE(type, body) made_feed(log, type, 0, body, sizeof(body) - 1, &event, &err)

static void unknown_events(void **state)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct binlog *log = binlog_new();
    struct binlog_event event;

    (void)state;
    assert_int_equal(made_feed(log, 250, 0x80, "", 0, &event, &err), RNL_DONE);
    assert_int_equal(made_feed(log, 250, 0, "", 0, &event, &err), RNL_E_CONFIG);
    assert_string_equal(err.code, "source.log_event_unknown");
    assert_non_null(strstr(err.text, "250"));
    assert_int_equal(MADE(26, "\1\0\4lost"), RNL_E_CONFIG);
    assert_string_equal(err.code, "source.log_incident");
    assert_non_null(strstr(err.text, "lost"));
    assert_int_equal(MADE(26, "\1\0\xff"), RNL_E_CONFIG);
    /* of those that stand before a statement nothing is told */
    assert_int_equal(MADE(5, "\1\1\0\0\0\0\0\0\0"), RNL_DONE);
    assert_int_equal(MADE(160, "update a set b = 1"), RNL_DONE);
    binlog_free(log);
}

static void places(void **state)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct binlog *log = binlog_new();
    struct binlog_event event;
    char rotate[19 + 8 + 10 + 4] = {0};
    uint32_t sum;

    (void)state;
    /* the one that a server makes up at the start, with and without a checksum */
    rotate[4] = 4;
    rotate[19] = 4;
    memcpy(rotate + 27, "log.000007", 10);
    length_set(rotate, sizeof(rotate));
    sum = (uint32_t)crc32(0, (const unsigned char *)rotate, sizeof(rotate) - 4);
    memcpy(rotate + sizeof(rotate) - 4, &sum, 4);
    assert_int_equal(binlog_feed(log, rotate, sizeof(rotate), &err), RNL_OK);
    assert_int_equal(binlog_next(log, &event, &err), RNL_OK);
    assert_int_equal(event.kind, BINLOG_ROTATE);
    assert_int_equal(event.place.file.len, 10);
    assert_int_equal(MADE(4, "\4\0\0\0\0\0\0\0log.000007"), RNL_OK);
    assert_int_equal(event.place.file.len, 10);
    assert_memory_equal(event.place.file.ptr, "log.000007", 10);
    assert_int_equal(event.place.position, 4);

    assert_int_equal(MADE(27, "log.000008"), RNL_OK);
    assert_int_equal(event.kind, BINLOG_HEARTBEAT);
    assert_int_equal(event.place.file.len, 10);
    assert_int_equal(MADE(41, "\1\3log\2\3\xfc\x34\x12\0"), RNL_OK);
    assert_int_equal(event.place.position, 0x1234);
    assert_int_equal(MADE(41, "\1\xfe"), RNL_E_CONFIG);
    assert_int_equal(MADE(4, "\4\0"), RNL_E_CONFIG);
    binlog_free(log);
}

static void transactions(void **state)
{
    char gtid[42 + 17], xid[13 + 200] = {0};
    struct rnl_error err = RNL_ERROR_INIT;
    struct binlog *log = binlog_new();
    struct binlog_event event;

    (void)state;
    /* tagged: uuid of 1 to 16, number 300, tag ab, time 5, length 70000 */
    assert_int_equal(MADE(42, "\2\0\0\0\0\2\2\4\6\x8\xa\xc\xe\x10\x12\x14\x16\x18\x1a\x1c\x1e\x20"
                              "\4\x61\x09\6\4ab\xc\xa\x10\x83\x8b\x08"),
                     RNL_OK);
    assert_int_equal(event.kind, BINLOG_GTID);
    assert_int_equal(event.gtid.uuid[15], 16);
    assert_int_equal(event.gtid.number, 300);
    assert_int_equal(event.gtid.tag.len, 2);
    assert_memory_equal(event.gtid.tag.ptr, "ab", 2);
    assert_int_equal(event.gtid.committed_us, 5);
    assert_int_equal(event.gtid.length, 70000);
    /* a field that isn't known: fine where the server says that it may be passed over */
    assert_int_equal(MADE(42, "\2\0\4\4\x60\x50"), RNL_OK);
    assert_int_equal(MADE(42, "\2\0\x60\4\x60\x50"), RNL_E_CONFIG);
    assert_int_equal(MADE(42, "\2\0\0\6\xfe"), RNL_E_CONFIG);
    assert_int_equal(MADE(42, "\2"), RNL_E_CONFIG);
    /* an old server's, without times */
    assert_int_equal(MADE(34, "\0\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17\20\7\0\0\0\0\0\0\0"),
                     RNL_OK);
    assert_int_equal(event.gtid.flags, BINLOG_GTID_ANONYMOUS);
    assert_int_equal(event.gtid.number, 7);
    assert_int_equal(MADE(33, "\0\1\2"), RNL_E_CONFIG);
    /* with the times of its commit here and, an hour before, on the server that it is from */
    memset(gtid, 0, sizeof(gtid));
    gtid[25] = 2;
    memcpy(gtid + 42, "\7\0\0\0\0\0\x80\5\0\0\0\0\0\0\xfc\0\1", 17);
    assert_int_equal(made_feed(log, 33, 0, gtid, sizeof(gtid), &event, &err), RNL_OK);
    assert_int_equal(event.gtid.committed_us, 5);
    assert_int_equal(event.gtid.length, 256);
    assert_int_equal(MADE(162, "\5\0\0\0\0\0\0\0\2\0\0\0\1\0\0\0\0\0\0"), RNL_OK);
    assert_int_equal(event.mariadb_gtid.sequence, 5);
    assert_int_equal(event.mariadb_gtid.domain, 2);
    assert_int_equal(event.mariadb_gtid.flags, BINLOG_MARIADB_STANDALONE);
    assert_int_equal(MADE(38, "\0\1\0\0\0\2\0\0\0\1\0\0\0abc"), RNL_OK);
    assert_string_equal(event.xa.id, "X'6162',X'63',1");
    memcpy(xid, "\0\1\0\0\0\x41\0\0\0\x41", 10);
    assert_int_equal(made_feed(log, 38, 0, xid, sizeof(xid), &event, &err), RNL_E_CONFIG);
    assert_int_equal(MADE(38, "\0\1\0\0\0\x7f\0\0\0\x7f\0\0\0abc"), RNL_E_CONFIG);
    binlog_free(log);
}

static void statements(void **state)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct binlog *log = binlog_new();
    struct binlog_event event;

    (void)state;
    assert_int_equal(MADE(2, "\7\0\0\0\0\0\0\0\2\3\0\x0e\0\0\0\0\0\0\1\4\0\0\0\0\0\0\0db\0drop it"),
                     RNL_OK);
    assert_int_equal(event.query.sql_mode, BINLOG_SQL_MODE_ANSI_QUOTES);
    assert_int_equal(event.query.thread, 7);
    assert_int_equal(event.query.error, 3);
    assert_memory_equal(event.query.schema.ptr, "db", event.query.schema.len);
    assert_int_equal(event.query.text.len, 7);
    assert_memory_equal(event.query.text.ptr, "drop it", 7);
    assert_int_equal(MADE(2, "\7\0\0\0\0\0\0\0\xff\3\0\0\0db"), RNL_E_CONFIG);
    assert_int_equal(MADE(2, "\7\0\0\0\0\0\0\0\2\3\0\xff\xff"), RNL_E_CONFIG);
    /* compressed, of a size that it can't have */
    assert_int_equal(MADE(165, "\7\0\0\0\0\0\0\0\0\0\0\0\0\0\x84\x3f\xff\xff\xffxx"), RNL_E_CONFIG);
    assert_int_equal(MADE(165, "\7\0\0\0\0\0\0\0\0\0\0\0\0\0\x81\5xxxxx"), RNL_E_CONFIG);
    binlog_free(log);
}

static void payloads(void **state)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct binlog *log = binlog_new();
    struct binlog_event event;
    char inner[80] = {0};

    (void)state;
    /* plain: an XID, which stands in a payload */
    memcpy(inner, "\2\3\xfc\xff\0\0", 6);
    inner[5 + 1 + 4] = 16;
    inner[5 + 1 + 9] = 27;
    inner[5 + 1 + 19] = 9;
    assert_int_equal(made_feed(log, 40, 0, inner, 6 + 27, &event, &err), RNL_OK);
    assert_int_equal(event.kind, BINLOG_XID);
    assert_int_equal(event.xid, 9);
    assert_true(event.in_payload);
    assert_int_equal(binlog_next(log, &event, &err), RNL_DONE);
    /* a payload in it */
    inner[5 + 1 + 4] = 40;
    assert_int_equal(made_feed(log, 40, 0, inner, 6 + 27, &event, &err), RNL_E_CONFIG);
    binlog_reset(log);
    /* cut off, longer than it says, no zstd, a way that isn't known */
    inner[5 + 1 + 4] = 16;
    assert_int_equal(made_feed(log, 40, 0, inner, 6 + 20, &event, &err), RNL_E_CONFIG);
    binlog_reset(log);
    assert_int_equal(MADE(40, "\1\1\x1b\3\1\x1b\2\1\0\0xxxx"), RNL_E_CONFIG);
    assert_int_equal(MADE(40, "\1\1\4\3\1\x1b\2\1\0\0xxxx"), RNL_E_CONFIG);
    binlog_reset(log);
    assert_int_equal(MADE(40, "\1\1\4\3\1\x1b\2\1\7\0xxxx"), RNL_E_CONFIG);
    assert_int_equal(MADE(40, "\1\1\4\2\1\0\0xxxx"), RNL_E_CONFIG);
    assert_int_equal(MADE(40, "\1\xfd"), RNL_E_CONFIG);
    binlog_free(log);
}

/* A table shop.t of one column, and a row of it. */
static int table_feed(struct binlog *log, uint8_t type, const char *meta, size_t meta_len,
                      struct rnl_error *err)
{
    char body[64] = "\7\0\0\0\0\0\1\0\4shop\0\1t\0\1";
    struct binlog_event event;
    size_t len = 18;

    body[len++] = (char)type;
    body[len++] = (char)meta_len;
    memcpy(body + len, meta, meta_len);
    len += meta_len;
    body[len++] = 0;
    return made_feed(log, 19, 0, body, len, &event, err);
}

static int fit(const struct rnl_column *column, uint8_t type, const char *meta, size_t meta_len,
               struct binlog **kept, struct rnl_error *err)
{
    static struct rnl_table table = {.schema = "shop", .name = "t", .ncolumns = 1};
    struct binlog *log = binlog_new();
    struct binlog_event event;
    int status;

    table.columns = column;
    assert_int_equal(table_feed(log, type, meta, meta_len, err), RNL_DONE);
    assert_int_equal(made_feed(log, 30, 0, "\7\0\0\0\0\0\1\0\2\0\1\1", 12, &event, err), RNL_OK);
    assert_int_equal(event.kind, BINLOG_ROWS);
    assert_string_equal(event.rows.table->schema, "shop");
    assert_string_equal(event.rows.table->name, "t");
    assert_int_equal(binlog_row(log, NULL, NULL, err), RNL_E_FATAL); /* not fitted */
    status = binlog_table_fit(event.rows.table, &table, err);
    assert_int_equal(event.rows.table->fitted, !status);
    if (kept)
        *kept = log;
    else
        binlog_free(log);
    return status;
}

static void altered_tables(void **state)
{
    struct rnl_column column = {.name = "c", .type = RNL_T_INT, .width = 4};
    struct rnl_error err = RNL_ERROR_INIT;

    (void)state;
    assert_int_equal(fit(&column, 3, "", 0, NULL, &err), RNL_OK);
    assert_int_equal(fit(&column, 8, "", 0, NULL, &err), RNL_E_CONFIG);
    assert_string_equal(err.code, "source.table_altered");
    assert_non_null(strstr(err.text, "shop.t"));
    assert_int_equal(fit(&column, 15, "\x10\0", 2, NULL, &err), RNL_E_CONFIG);
    column = (struct rnl_column){.name = "c", .type = RNL_T_DECIMAL, .precision = 10, .scale = 2};
    assert_int_equal(fit(&column, 246, "\xa\2", 2, NULL, &err), RNL_OK);
    assert_int_equal(fit(&column, 246, "\xa\3", 2, NULL, &err), RNL_E_CONFIG);
    column = (struct rnl_column){.name = "c", .type = RNL_T_TIMESTAMP, .scale = 3};
    assert_int_equal(fit(&column, 18, "\3", 1, NULL, &err), RNL_OK);
    assert_int_equal(fit(&column, 18, "\0", 1, NULL, &err), RNL_E_CONFIG);
    assert_int_equal(fit(&column, 18, "\7", 1, NULL, &err), RNL_E_CONFIG);
    column =
        (struct rnl_column){.name = "c", .type = RNL_T_TEXT, .charset = "utf8mb4", .length = 9};
    assert_int_equal(fit(&column, 15, "\x24\0", 2, NULL, &err), RNL_OK);
    assert_int_equal(fit(&column, 15, "\x8\0", 2, NULL, &err), RNL_E_CONFIG);
    column.charset = "klingon";
    assert_int_equal(fit(&column, 15, "\x24\0", 2, NULL, &err), RNL_E_CONFIG);
    assert_string_equal(err.code, "source.charset_unknown");
    assert_non_null(strstr(err.text, "klingon"));
    /* a type that isn't known */
    assert_int_equal(fit(&column, 99, "", 0, NULL, &err), RNL_E_CONFIG);
    assert_string_equal(err.code, "source.log_type_unknown");
}

/* 40 MB, and a length beyond the event's end. */
static void large_rows(void **state)
{
    struct rnl_column column = {.name = "c", .type = RNL_T_BYTES};
    struct rnl_error err = RNL_ERROR_INIT;
    struct rnl_value value;
    struct binlog_event event;
    struct binlog *log;
    uint32_t size = 40u << 20;
    char *body = malloc(17 + size);

    (void)state;
    assert_non_null(body);
    assert_int_equal(fit(&column, 252, "\4", 1, &log, &err), RNL_OK);
    memcpy(body, "\7\0\0\0\0\0\1\0\2\0\1\1\0", 13);
    memcpy(body + 13, &size, 4);
    memset(body + 17, 'x', size);
    assert_int_equal(made_feed(log, 30, 0, body, 17 + size, &event, &err), RNL_OK);
    assert_int_equal(binlog_row(log, NULL, &value, &err), RNL_OK);
    assert_int_equal(value.type, RNL_T_BYTES);
    assert_int_equal(value.len, size);
    assert_int_equal(binlog_row(log, NULL, &value, &err), RNL_DONE);
    assert_int_equal(binlog_row(log, NULL, &value, &err), RNL_DONE);
    assert_int_equal(made_feed(log, 30, 0, body, 16 + size, &event, &err), RNL_OK);
    assert_int_equal(binlog_row(log, NULL, &value, &err), RNL_E_CONFIG);
    assert_non_null(strstr(err.text, "cut off"));
    /* of a table that nobody named, with more columns than it has, and with none */
    body[0] = 8;
    assert_int_equal(made_feed(log, 30, 0, body, 30, &event, &err), RNL_E_CONFIG);
    assert_int_equal(made_feed(log, 30, 0, "\7\0\0\0\0\0\1\0\2\0\2\3", 12, &event, &err),
                     RNL_E_CONFIG);
    assert_int_equal(made_feed(log, 30, 0, "\7\0\0\0\0\0\1\0\2\0\1\0xx", 14, &event, &err), RNL_OK);
    assert_int_equal(binlog_row(log, NULL, &value, &err), RNL_E_CONFIG);
    /* a row of nothing but defaults has no bytes */
    assert_int_equal(made_feed(log, 30, 0, "\7\0\0\0\0\0\1\0\2\0\1\0", 12, &event, &err), RNL_OK);
    assert_int_equal(binlog_row(log, NULL, &value, &err), RNL_OK);
    assert_int_equal(value.type, RNL_T_UNCHANGED);
    assert_int_equal(binlog_row(log, NULL, &value, &err), RNL_DONE);
    binlog_free(log);
    free(body);
}

/* What is known of a table stays while its map stays as it is, and not beyond. */
static void tables_kept(void **state)
{
    struct rnl_column column = {.name = "c", .type = RNL_T_INT, .width = 4};
    struct rnl_error err = RNL_ERROR_INIT;
    struct binlog_event event;
    struct binlog *log;

    (void)state;
    assert_int_equal(fit(&column, 3, "", 0, &log, &err), RNL_OK);
    assert_int_equal(table_feed(log, 3, "", 0, &err), RNL_DONE);
    assert_int_equal(made_feed(log, 30, 0, "\7\0\0\0\0\0\1\0\2\0\1\1", 12, &event, &err), RNL_OK);
    assert_true(event.rows.table->fitted);
    assert_int_equal(table_feed(log, 8, "", 0, &err), RNL_DONE);
    assert_int_equal(made_feed(log, 30, 0, "\7\0\0\0\0\0\1\0\2\0\1\1", 12, &event, &err), RNL_OK);
    assert_false(event.rows.table->fitted);
    binlog_reset(log);
    assert_int_equal(made_feed(log, 30, 0, "\7\0\0\0\0\0\1\0\2\0\1\1", 12, &event, &err),
                     RNL_E_CONFIG);
    /* an event that only ends its statement */
    assert_int_equal(made_feed(log, 30, 0, "\xff\xff\xff\0\0\0\1\0\2\0\0", 11, &event, &err),
                     RNL_DONE);
    binlog_free(log);
}

static void short_packets(void **state)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct binlog *log = binlog_new();

    (void)state;
    assert_int_equal(binlog_feed(log, "abc", 3, &err), RNL_E_CONFIG);
    assert_int_equal(binlog_feed(log,
                                 "0123\x10"
                                 "67890123456789",
                                 19, &err),
                     RNL_E_CONFIG);
    assert_int_equal(binlog_feed(log,
                                 "0123\x0f"
                                 "5678\x14\0\0\0"
                                 "34567890",
                                 20, &err),
                     RNL_E_CONFIG);
    binlog_free(log);
    binlog_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(captured_logs),  cmocka_unit_test(without_checksums),
        cmocka_unit_test(turned_bits),    cmocka_unit_test(hostile_bytes),
        cmocka_unit_test(unknown_events), cmocka_unit_test(places),
        cmocka_unit_test(transactions),   cmocka_unit_test(statements),
        cmocka_unit_test(payloads),       cmocka_unit_test(altered_tables),
        cmocka_unit_test(large_rows),     cmocka_unit_test(tables_kept),
        cmocka_unit_test(short_packets),  cmocka_unit_test(parts_without_base),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
