/* Values of a row as those of the column's type. */
#include "source.h"

#include "daytext.h"

#include <math.h>

/* "1.25e-07" into digits and an exponent, and these into "0.000000125". */
bool decimal_print(struct buf *out, double value)
{
    char text[DOUBLE_TEXT], digits[DOUBLE_TEXT];
    size_t len, count = 0;
    long exponent = 0, point;
    const char *at = text;

    if (!isfinite(value))
        return false;
    len = double_print(value, false, text);
    text[len] = '\0';
    if (*at == '-') {
        buf_byte(out, '-');
        at++;
    }
    point = -1;
    for (; *at; at++) {
        if (*at == '.')
            point = (long)count;
        else if (*at == 'e' || *at == 'E') {
            exponent = strtol(at + 1, NULL, 10);
            break;
        } else
            digits[count++] = *at;
    }
    point = (point < 0 ? (long)count : point) + exponent; /* digits before the point */
    while (count > 1 && (long)count > point && digits[count - 1] == '0')
        count--;
    if (point <= 0)
        buf_byte(out, '0');
    for (long i = 0; i < point; i++)
        buf_byte(out, i < (long)count ? digits[i] : '0');
    if ((long)count <= point || (count == 1 && digits[0] == '0'))
        return !out->failed;
    buf_byte(out, '.');
    for (long i = point; i < 0; i++)
        buf_byte(out, '0');
    buf_add(out, digits + (point > 0 ? point : 0), count - (size_t)(point > 0 ? point : 0));
    return !out->failed;
}

static int misfit(const struct rnl_column *column, const char *what, struct rnl_error *err)
{
    rnl_fail(err, RNL_E_DATA, "sqlite.changed",
             "column \"%s\" holds %s, which it didn't when the table was described", column->name,
             what);
    rnl_hint(err, "the file was written to meanwhile: begin again with --restart");
    return err->status;
}

static int hex_digit(char byte)
{
    return byte >= 'a' ? byte - 'a' + 10 : byte - '0';
}

static int uuid_read(const char *text, int len, struct buf *scratch,
                     const struct rnl_column *column, struct rnl_error *err)
{
    int digits = 0;
    char byte = 0;

    if (len != 36)
        return misfit(column, "a text that is no UUID", err);
    for (int i = 0; i < len; i++) {
        if (text[i] == '-')
            continue;
        if ((text[i] < '0' || text[i] > '9') && (text[i] < 'a' || text[i] > 'f'))
            return misfit(column, "a text that is no UUID", err);
        byte = (char)(byte * 16 + hex_digit(text[i]));
        if (digits++ % 2)
            buf_byte(scratch, byte);
    }
    return digits == 32 ? RNL_OK : misfit(column, "a text that is no UUID", err);
}

/* A value as SQL spells it: it tells 1 from '1' and from x'31'. */
static void literal_print(sqlite3_stmt *stmt, int at, struct buf *out)
{
    static const char hex[] = "0123456789abcdef";
    const unsigned char *bytes;
    char text[DOUBLE_TEXT];
    int len;

    switch (sqlite3_column_type(stmt, at)) {
    case SQLITE_INTEGER:
        buf_printf(out, "%lld", (long long)sqlite3_column_int64(stmt, at));
        return;
    case SQLITE_FLOAT: {
        double value = sqlite3_column_double(stmt, at);
        size_t size;

        if (isinf(value)) {
            buf_puts(out, value > 0 ? "9e999" : "-9e999");
            return;
        }
        size = double_print(value, false, text);
        buf_add(out, text, size);
        if (!memchr(text, '.', size) && !memchr(text, 'e', size))
            buf_puts(out, ".0"); /* else it would be an integer */
        return;
    }
    case SQLITE_BLOB:
        bytes = sqlite3_column_blob(stmt, at);
        len = sqlite3_column_bytes(stmt, at);
        buf_puts(out, "x'");
        for (int i = 0; i < len; i++) {
            buf_byte(out, hex[bytes[i] >> 4]);
            buf_byte(out, hex[bytes[i] & 15]);
        }
        buf_byte(out, '\'');
        return;
    default: {
        const char *plain = sq_text(stmt, at);

        len = sqlite3_column_bytes(stmt, at);
        buf_byte(out, '\'');
        for (int i = 0; i < len; i++) {
            if (plain[i] == '\'')
                buf_byte(out, '\'');
            buf_byte(out, plain[i]);
        }
        buf_byte(out, '\'');
    }
    }
}

static int number_read(sqlite3_stmt *stmt, int at, const struct rnl_column *column,
                       struct buf *scratch, struct rnl_value *out, struct rnl_error *err)
{
    int kind = sqlite3_column_type(stmt, at);

    if (kind == SQLITE_TEXT || kind == SQLITE_BLOB)
        return misfit(column, "a value that is no number", err);
    out->type = column->type;
    switch (column->type) {
    case RNL_T_BOOL:
    case RNL_T_INT:
        if (kind != SQLITE_INTEGER)
            return misfit(column, "a number that is no integer", err);
        out->i = sqlite3_column_int64(stmt, at);
        return RNL_OK;
    case RNL_T_DOUBLE:
        out->d = sqlite3_column_double(stmt, at);
        return RNL_OK;
    default:
        if (kind == SQLITE_INTEGER)
            buf_printf(scratch, "%lld", (long long)sqlite3_column_int64(stmt, at));
        else if (!decimal_print(scratch, sqlite3_column_double(stmt, at)))
            return misfit(column, "an infinite number", err);
        return RNL_OK;
    }
}

int value_read(sqlite3_stmt *stmt, int at, const struct rnl_column *column, struct buf *scratch,
               struct rnl_value *out, size_t *offset, struct rnl_error *err)
{
    int kind = sqlite3_column_type(stmt, at);
    int status = RNL_OK;

    *offset = SIZE_MAX; /* nothing stands in scratch */
    *out = (struct rnl_value){.type = column->type};
    if (kind == SQLITE_NULL) {
        out->type = RNL_T_NULL;
        return RNL_OK;
    }
    switch (column->type) {
    case RNL_T_TEXT:
    case RNL_T_JSON:
        if (kind == SQLITE_BLOB)
            return misfit(column, "a blob", err);
        out->ptr = sq_text(stmt, at);
        out->len = (uint32_t)sqlite3_column_bytes(stmt, at);
        return RNL_OK;
    case RNL_T_BYTES:
        if (kind != SQLITE_BLOB)
            return misfit(column, "a value that is no blob", err);
        out->ptr = sqlite3_column_blob(stmt, at);
        out->len = (uint32_t)sqlite3_column_bytes(stmt, at);
        if (!out->ptr)
            out->ptr = "";
        return RNL_OK;
    case RNL_T_DATE:
    case RNL_T_TIME:
    case RNL_T_TIMESTAMP:
        if (kind != SQLITE_TEXT || !day_parse(column->type, sq_text(stmt, at),
                                              (size_t)sqlite3_column_bytes(stmt, at), out))
            return misfit(column, "a text that is no date or time", err);
        return RNL_OK;
    default:
        break;
    }
    *offset = scratch->len;
    if (column->type == RNL_T_UUID)
        status = uuid_read(sq_text(stmt, at), sqlite3_column_bytes(stmt, at), scratch, column, err);
    else if (column->type == RNL_T_NATIVE)
        literal_print(stmt, at, scratch);
    else
        status = number_read(stmt, at, column, scratch, out, err);
    if (status == RNL_OK && scratch->failed)
        status = error_memory(err);
    if (scratch->len == *offset)
        *offset = SIZE_MAX;
    else
        out->len = (uint32_t)(scratch->len - *offset);
    return status;
}
