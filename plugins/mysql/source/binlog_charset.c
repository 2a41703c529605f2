/* Text of the server's character sets as UTF-8. */
#include "binlog_part.h"

#include <errno.h>

static const struct charset charsets[] = {
    {.name = "utf8mb4", .way = CHARSET_BYTES},
    {.name = "utf8mb3", .way = CHARSET_BYTES},
    {.name = "utf8", .way = CHARSET_BYTES},
    {.name = "ascii", .way = CHARSET_BYTES},
    {.name = "binary", .way = CHARSET_BYTES},
    {.name = "latin1", .way = CHARSET_TABLE, .table = CHARSET_LATIN1_TABLE},
    {.name = "armscii8", .way = CHARSET_TABLE, .table = CHARSET_ARMSCII8},
    {.name = "cp1250", .way = CHARSET_TABLE, .table = CHARSET_CP1250},
    {.name = "cp1251", .way = CHARSET_TABLE, .table = CHARSET_CP1251},
    {.name = "cp1256", .way = CHARSET_TABLE, .table = CHARSET_CP1256},
    {.name = "cp1257", .way = CHARSET_TABLE, .table = CHARSET_CP1257},
    {.name = "cp850", .way = CHARSET_TABLE, .table = CHARSET_CP850},
    {.name = "cp852", .way = CHARSET_TABLE, .table = CHARSET_CP852},
    {.name = "cp866", .way = CHARSET_TABLE, .table = CHARSET_CP866},
    {.name = "dec8", .way = CHARSET_TABLE, .table = CHARSET_DEC8},
    {.name = "geostd8", .way = CHARSET_TABLE, .table = CHARSET_GEOSTD8},
    {.name = "greek", .way = CHARSET_TABLE, .table = CHARSET_GREEK},
    {.name = "hebrew", .way = CHARSET_TABLE, .table = CHARSET_HEBREW},
    {.name = "hp8", .way = CHARSET_TABLE, .table = CHARSET_HP8},
    {.name = "keybcs2", .way = CHARSET_TABLE, .table = CHARSET_KEYBCS2},
    {.name = "koi8r", .way = CHARSET_TABLE, .table = CHARSET_KOI8R},
    {.name = "koi8u", .way = CHARSET_TABLE, .table = CHARSET_KOI8U},
    {.name = "latin2", .way = CHARSET_TABLE, .table = CHARSET_LATIN2},
    {.name = "latin5", .way = CHARSET_TABLE, .table = CHARSET_LATIN5},
    {.name = "latin7", .way = CHARSET_TABLE, .table = CHARSET_LATIN7},
    {.name = "macce", .way = CHARSET_TABLE, .table = CHARSET_MACCE},
    {.name = "macroman", .way = CHARSET_TABLE, .table = CHARSET_MACROMAN},
    {.name = "swe7", .way = CHARSET_TABLE, .table = CHARSET_SWE7},
    {.name = "tis620", .way = CHARSET_TABLE, .table = CHARSET_TIS620},
    {.name = "ucs2", .way = CHARSET_WIDE, .unit = 2},
    {.name = "utf16", .way = CHARSET_WIDE, .unit = 2},
    {.name = "utf16le", .way = CHARSET_WIDE, .unit = 2, .is_little = 1},
    {.name = "utf32", .way = CHARSET_WIDE, .unit = 4},
    {.name = "gbk", .way = CHARSET_ICONV, .iconv_name = "GBK"},
    {.name = "gb2312", .way = CHARSET_ICONV, .iconv_name = "EUC-CN"},
    {.name = "gb18030", .way = CHARSET_ICONV, .iconv_name = "GB18030"},
    {.name = "cp932", .way = CHARSET_ICONV, .iconv_name = "CP932"},
    {.name = "euckr", .way = CHARSET_ICONV, .iconv_name = "CP949"},
    {.name = "eucjpms", .way = CHARSET_ICONV, .iconv_name = "EUC-JP-MS"},
    {.name = "big5",
     .way = CHARSET_ICONV,
     .iconv_name = "CP950",
     .others = charset_big5_others,
     .nothers = CHARSET_BIG5_OTHERS},
    {.name = "sjis",
     .way = CHARSET_ICONV,
     .iconv_name = "CP932",
     .others = charset_sjis_others,
     .nothers = CHARSET_SJIS_OTHERS},
    {.name = "ujis",
     .way = CHARSET_ICONV,
     .iconv_name = "EUC-JP-MS",
     .others = charset_ujis_others,
     .nothers = CHARSET_UJIS_OTHERS},
};

const struct charset *charset_find(const char *name)
{
    for (size_t i = 0; i < sizeof(charsets) / sizeof(charsets[0]); i++)
        if (strcmp(charsets[i].name, name) == 0)
            return &charsets[i];
    return NULL;
}

static char *utf8_write(char *to, uint32_t code)
{
    if (code < 0x80) {
        *to++ = (char)code;
    } else if (code < 0x800) {
        *to++ = (char)(0xc0 | code >> 6);
        *to++ = (char)(0x80 | (code & 63));
    } else if (code < 0x10000) {
        *to++ = (char)(0xe0 | code >> 12);
        *to++ = (char)(0x80 | (code >> 6 & 63));
        *to++ = (char)(0x80 | (code & 63));
    } else {
        *to++ = (char)(0xf0 | code >> 18);
        *to++ = (char)(0x80 | (code >> 12 & 63));
        *to++ = (char)(0x80 | (code >> 6 & 63));
        *to++ = (char)(0x80 | (code & 63));
    }
    return to;
}

static bool is_ascii(const uint8_t *at, size_t len)
{
    uint8_t high = 0;

    for (size_t i = 0; i < len; i++)
        high |= at[i];
    return high < 0x80;
}

/* Swedish letters in the place of brackets. */
static uint32_t swe7_code(uint8_t byte)
{
    static const char at[] = "@[\\]^`{|}~";
    static const uint8_t codes[] = {0xc9, 0xc4, 0xd6, 0xc5, 0xdc, 0xe9, 0xe4, 0xf6, 0xe5, 0xfc};
    const char *found = byte ? strchr(at, byte) : NULL;

    return found ? codes[found - at] : byte < 0x7f ? byte : 0;
}

static int table_decode(const struct charset *charset, const uint8_t *at, size_t len, char **to)
{
    const uint16_t *high = charset_tables[charset->table];

    for (size_t i = 0; i < len; i++) {
        uint32_t code = at[i] < 0x80 ? at[i] : high[at[i] - 0x80];

        if (charset->table == CHARSET_SWE7)
            code = swe7_code(at[i]);
        if (!code && at[i])
            return OUTCOME_CHARSET;
        *to = utf8_write(*to, code);
    }
    return OUTCOME_OK;
}

static uint32_t unit_load(const struct charset *charset, const uint8_t *at)
{
    return (uint32_t)(charset->is_little ? little_load(at, charset->unit)
                                         : big_load(at, charset->unit));
}

static int wide_decode(const struct charset *charset, const uint8_t *at, size_t len, char **to)
{
    if (len % charset->unit)
        return OUTCOME_CHARSET;
    for (size_t i = 0; i < len; i += charset->unit) {
        uint32_t code = unit_load(charset, at + i), low;

        if (code >= 0xd800 && code < 0xdc00 && charset->unit == 2 && len - i >= 4) {
            low = unit_load(charset, at + i + 2);
            if (low >= 0xdc00 && low < 0xe000) {
                code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
                i += 2;
            }
        }
        if ((code >= 0xd800 && code < 0xe000) || code > 0x10ffff)
            return OUTCOME_CHARSET;
        *to = utf8_write(*to, code);
    }
    return OUTCOME_OK;
}

/* Of the charsets that have others: how many bytes the character has, and its bytes as a number. */
static size_t other_length(const struct charset *charset, const uint8_t *at, size_t left,
                           uint32_t *bytes)
{
    size_t len = *at < 0x80 ? 1 : 2;

    if (charset->others == charset_sjis_others && *at >= 0xa0 && *at < 0xe0)
        len = 1;
    if (charset->others == charset_ujis_others && *at == 0x8f)
        len = 3;
    if (len > left)
        len = left;
    *bytes = (uint32_t)big_load(at, len);
    return len;
}

static uint32_t other_find(const struct charset *charset, uint32_t bytes)
{
    size_t low = 0, high = charset->nothers;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (charset->others[middle].bytes == bytes)
            return charset->others[middle].code;
        if (charset->others[middle].bytes < bytes)
            low = middle + 1;
        else
            high = middle;
    }
    return 0;
}

static int run_decode(iconv_t cd, const uint8_t *at, size_t len, char **to, size_t *room)
{
    char *in = (char *)(uintptr_t)at;

    iconv(cd, NULL, NULL, NULL, NULL);
    if (len && (iconv(cd, &in, &len, to, room) == (size_t)-1 || len))
        return OUTCOME_CHARSET;
    return OUTCOME_OK;
}

/* Runs of what iconv takes as the server does, and the others between them. */
static int iconv_decode(const struct charset *charset, iconv_t cd, const uint8_t *at, size_t len,
                        char **to, size_t room)
{
    size_t begun = 0, i = 0, size;
    char *before;

    while (charset->others && i < len) {
        uint32_t bytes, code;

        size = other_length(charset, at + i, len - i, &bytes);
        code = size > 1 ? other_find(charset, bytes) : 0;
        if (code) {
            if (run_decode(cd, at + begun, i - begun, to, &room))
                return OUTCOME_CHARSET;
            before = *to;
            *to = utf8_write(*to, code);
            room -= (size_t)(*to - before);
            begun = i + size;
        }
        i += size;
    }
    return run_decode(cd, at + begun, len - begun, to, &room);
}

int charset_decode(const struct charset *charset, iconv_t cd, struct rnl_value *value,
                   struct pile *pile)
{
    const uint8_t *at = value->ptr;
    /* a byte gives 3 at the most, 2 of UTF-16 likewise, 4 of UTF-32 give 4 */
    size_t room = (size_t)value->len * 3 + 8;
    char *out, *to;
    int status;

    if (charset->way != CHARSET_WIDE && charset->table != CHARSET_SWE7 && is_ascii(at, value->len))
        return OUTCOME_OK;
    out = to = pile_take(pile, room);
    if (!out)
        return OUTCOME_NO_MEMORY;
    if (charset->way == CHARSET_TABLE)
        status = table_decode(charset, at, value->len, &to);
    else if (charset->way == CHARSET_WIDE)
        status = wide_decode(charset, at, value->len, &to);
    else
        status = iconv_decode(charset, cd, at, value->len, &to, room);
    if (!status && (size_t)(to - out) > UINT32_MAX)
        status = OUTCOME_BAD;
    value->ptr = out;
    value->len = (uint32_t)(to - out);
    return status;
}
