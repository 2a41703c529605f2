/* Tests of plugins/mysql/source/binlog_json.c and binlog_json_diff.c. */
#include "binlog_part.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#define BYTES(text) (const uint8_t *)(text), sizeof(text) - 1

/* The text in memory that lives until the next call; NULL: refused. */
static const char *text_of(const uint8_t *bytes, size_t len)
{
    static struct pile pile;
    static char kept[8192];
    struct pile_text text = {.pile = &pile, .limit = len * 8 + 64};
    uint8_t *copy = malloc(len + 1);
    int status;

    assert_non_null(copy);
    copy = realloc(copy, len ? len : 1);
    if (len)
        memcpy(copy, bytes, len);
    status = json_text((struct span){copy, copy + len}, &text);
    assert_true(text.len < sizeof(kept));
    if (!status) {
        memcpy(kept, text.ptr, text.len);
        kept[text.len] = '\0';
    }
    free(copy);
    pile_free(&pile);
    return status ? NULL : kept;
}

static void values(void **state)
{
    (void)state;
    assert_string_equal(text_of(BYTES("")), "null");
    assert_string_equal(text_of(BYTES("\4\1")), "true");
    assert_string_equal(text_of(BYTES("\5\xff\xff")), "-1");
    assert_string_equal(text_of(BYTES("\x8\xff\xff\xff\xff")), "4294967295");
    assert_string_equal(text_of(BYTES("\xb\0\0\0\0\0\0\xf8\x3f")), "1.5");
    assert_string_equal(text_of(BYTES("\xb\0\0\0\0\0\0\0\x80")), "-0.0");
    assert_string_equal(text_of(BYTES("\xc\3a\"\n")), "\"a\\\"\\n\"");
    assert_string_equal(text_of(BYTES("\xf\xf\1\xff")), "\"base64:type15:/w==\"");
    assert_string_equal(text_of(BYTES("\xf\xf6\4\3\2\x81\x32")), "1.50");
    /* {"a": [1, null]} */
    assert_string_equal(text_of(BYTES("\0\1\0\x16\0\xb\0\1\0\2\xc\0a\2\0\xa\0\5\1\0\4\0\0")),
                        "{\"a\": [1, null]}");
    assert_string_equal(text_of(BYTES("\2\0\0\4\0")), "[]");
    assert_string_equal(text_of(BYTES("\1\0\0\0\0\x8\0\0\0")), "{}");
}

static void refused(void **state)
{
    (void)state;
    assert_null(text_of(BYTES("\4\3")));                    /* no such literal */
    assert_null(text_of(BYTES("\7\0\0\0")));                /* cut off */
    assert_null(text_of(BYTES("\xd")));                     /* no such type */
    assert_null(text_of(BYTES("\xb\0\0\0\0\0\0\xf0\x7f"))); /* infinity */
    assert_null(text_of(BYTES("\xc\x9"
                              "abc")));
    assert_null(text_of(BYTES("\xc\x80\x80\x80\x80\x80\1")));
    assert_null(text_of(BYTES("\xf\xa\4abcd"))); /* a date has 8 bytes */
    assert_null(text_of(BYTES("\xf\xf6\2\3\7")));
    assert_null(text_of(BYTES("\2\1\0\4\0")));                  /* more than its size holds */
    assert_null(text_of(BYTES("\2\1\0\x7f\0\5\1\0")));          /* larger than what there is */
    assert_null(text_of(BYTES("\2\1\0\7\0\xc\x7f\0")));         /* beyond its end */
    assert_null(text_of(BYTES("\0\1\0\xb\0\xb\0\x9\0\4\0\0"))); /* a key beyond its end */
}

/* Arrays in arrays that are the same bytes: small, and without end when written out. */
static void bounded(void **state)
{
    uint8_t bytes[1 + 60 * 10 + 4];
    uint8_t self[] = {2, 1, 0, 7, 0, 2, 0, 0};
    size_t at = 1;

    (void)state;
    /* it holds itself */
    assert_null(text_of(self, sizeof(self)));
    /* 60 levels, each of the next one twice: 2^60 values */
    bytes[0] = 2;
    for (int i = 0; i < 60; i++, at += 10) {
        size_t size = sizeof(bytes) - at;

        memcpy(bytes + at,
               (uint8_t[]){2, 0, (uint8_t)size, (uint8_t)(size >> 8), 2, 10, 0, 2, 10, 0}, 10);
    }
    memcpy(bytes + at, (uint8_t[]){0, 0, 4, 0}, 4);
    assert_null(text_of(bytes, sizeof(bytes)));
}

static const char *applied(const uint8_t *old, size_t old_len, const uint8_t *diffs, size_t len)
{
    static struct pile pile;
    static char kept[8192];
    struct rnl_value value;
    int status = json_apply((struct span){old, old + old_len}, (struct span){diffs, diffs + len},
                            &pile, &value);

    if (!status) {
        assert_true(value.len < sizeof(kept));
        memcpy(kept, value.ptr, value.len);
        kept[value.len] = '\0';
    }
    pile_free(&pile);
    return status ? NULL : kept;
}

/* {"a": [1, null]} */
#define OLD BYTES("\0\1\0\x16\0\xb\0\1\0\2\xc\0a\2\0\xa\0\5\1\0\4\0\0")

static void differences(void **state)
{
    (void)state;
    assert_string_equal(applied(OLD, BYTES("")), "{\"a\": [1, null]}");
    assert_string_equal(applied(OLD, BYTES("\0\6$.a[0]\3\5\7\0")), "{\"a\": [7, null]}");
    assert_string_equal(applied(OLD, BYTES("\1\6$.a[1]\2\4\1")), "{\"a\": [1, true, null]}");
    assert_string_equal(applied(OLD, BYTES("\1\6$.a[2]\2\4\1")), "{\"a\": [1, null, true]}");
    assert_string_equal(applied(OLD, BYTES("\1\6$.a[9]\2\4\1")), "{\"a\": [1, null, true]}");
    assert_string_equal(applied(OLD, BYTES("\2\6$.a[0]")), "{\"a\": [null]}");
    assert_string_equal(applied(OLD, BYTES("\2\3$.a")), "{}");
    assert_string_equal(applied(OLD, BYTES("\1\3$.b\2\4\1")), "{\"a\": [1, null], \"b\": true}");
    /* members stand by length, then by bytes */
    assert_string_equal(applied(OLD, BYTES("\1\4$.bb\2\4\1\1\3$.A\2\4\2\1\4$.\"\"\2\4\0")),
                        "{\"\": null, \"A\": false, \"a\": [1, null], \"bb\": true}");
    assert_string_equal(applied(OLD, BYTES("\1\xa$.\"x\\\"\\n.\"\2\4\1")),
                        "{\"a\": [1, null], \"x\\\"\\n.\": true}");
    assert_string_equal(applied(OLD, BYTES("\0\1$\2\4\1")), "true");
    assert_string_equal(applied(BYTES(""), BYTES("\0\1$\2\4\1")), "true");
}

static void differences_refused(void **state)
{
    (void)state;
    assert_null(applied(OLD, BYTES("\3\3$.a")));                /* no such operation */
    assert_null(applied(OLD, BYTES("\0\3$.b\2\4\1")));          /* isn't there */
    assert_null(applied(OLD, BYTES("\2\6$.a[5]")));             /* isn't there */
    assert_null(applied(OLD, BYTES("\1\3$.a\2\4\1")));          /* is there */
    assert_null(applied(OLD, BYTES("\1\5$.b.c\2\4\1")));        /* has no parent */
    assert_null(applied(OLD, BYTES("\0\4$[0]\2\4\1")));         /* no array */
    assert_null(applied(OLD, BYTES("\0\5$.a.x\2\4\1")));        /* no object */
    assert_null(applied(OLD, BYTES("\2\1$")));                  /* nothing would be left */
    assert_null(applied(OLD, BYTES("\0\2.a\2\4\1")));           /* no path */
    assert_null(applied(OLD, BYTES("\0\5$.a[x\2\4\1")));        /* no index */
    assert_null(applied(OLD, BYTES("\0\4$.\"a\2\4\1")));        /* not closed */
    assert_null(applied(OLD, BYTES("\0\5$.a[0")));              /* cut off */
    assert_null(applied(OLD, BYTES("\0\6$.a[0]\2\4")));         /* cut off */
    assert_null(applied(OLD, BYTES("\0\6$.a[0]\2\4\x9")));      /* no such value */
    assert_null(applied(BYTES("\2\1\0\7\0\2\0\0"), BYTES(""))); /* holds itself */
}

static int decode(const char *charset, const void *bytes, size_t len, char *text)
{
    static struct pile pile;
    const struct charset *found = charset_find(charset);
    struct rnl_value value = {.type = RNL_T_TEXT, .ptr = bytes, .len = (uint32_t)len};
    iconv_t cd = NULL;
    int status;

    assert_non_null(found);
    if (found->way == CHARSET_ICONV)
        cd = iconv_open("UTF-8", found->iconv_name);
    status = charset_decode(found, cd, &value, &pile);
    if (found->way == CHARSET_ICONV)
        iconv_close(cd);
    if (!status) {
        memcpy(text, value.ptr, value.len);
        text[value.len] = '\0';
    }
    pile_free(&pile);
    return status;
}

static void charsets(void **state)
{
    char text[100];

    (void)state;
    assert_int_equal(decode("latin1", "a\x80\xff", 3, text), 0);
    assert_string_equal(text, "a€ÿ");
    assert_int_equal(decode("utf16", "\0a\xd8\x3d\xde\x00", 6, text), 0);
    assert_string_equal(text, "a😀");
    assert_int_equal(decode("utf16le", "a\0\x3d\xd8\x00\xde", 6, text), 0);
    assert_string_equal(text, "a😀");
    assert_int_equal(decode("utf32", "\0\1\xf6\0", 4, text), 0);
    assert_string_equal(text, "😀");
    assert_int_equal(decode("swe7", "[\\]a", 4, text), 0);
    assert_string_equal(text, "ÄÖÅa");
    assert_int_equal(decode("sjis", "\x81\x60\x81\x5f\xb1", 5, text), 0);
    assert_string_equal(text, "〜\\ｱ");
    assert_int_equal(decode("ujis",
                            "\xa1\xc1\x8f\xa2\xb7"
                            "a",
                            6, text),
                     0);
    assert_string_equal(text, "〜~a");
    assert_int_equal(decode("gbk", "\xba\xba", 2, text), 0);
    assert_string_equal(text, "汉");
    /* what they don't have */
    assert_int_equal(decode("utf16", "\xdc\0", 2, text), OUTCOME_CHARSET);
    assert_int_equal(decode("utf16", "\xd8\0\0a", 4, text), OUTCOME_CHARSET);
    assert_int_equal(decode("utf16", "\0a\0", 3, text), OUTCOME_CHARSET);
    assert_int_equal(decode("utf32", "\0\x11\0\0", 4, text), OUTCOME_CHARSET);
    assert_int_equal(decode("cp1257", "\xa1", 1, text), OUTCOME_CHARSET);
    assert_int_equal(decode("gbk", "\xba", 1, text), OUTCOME_CHARSET);
    assert_int_equal(decode("sjis", "\x81", 1, text), OUTCOME_CHARSET);
    assert_null(charset_find("klingon"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),
        cmocka_unit_test(refused),
        cmocka_unit_test(bounded),
        cmocka_unit_test(differences),
        cmocka_unit_test(differences_refused),
        cmocka_unit_test(charsets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
