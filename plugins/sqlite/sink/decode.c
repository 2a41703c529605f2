/* Values out of the file as the catalog has them, and what should be there for a source's value. */
#include "sink.h"

#include "daytext.h"
#include "pgtext.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>

/* Text that is made goes behind what stands in scratch. */
static void made(struct buf *scratch, size_t start, size_t *offset, struct rnl_value *out)
{
    *offset = start;
    out->len = (uint32_t)(scratch->len - start);
}

/* As it is in the file: that it doesn't fit is seen by comparing. */
static void decode_plain(sqlite3_stmt *stmt, int at, struct rnl_value *out)
{
    switch (sqlite3_column_type(stmt, at)) {
    case SQLITE_INTEGER:
        *out = (struct rnl_value){.type = RNL_T_INT, .i = sqlite3_column_int64(stmt, at)};
        return;
    case SQLITE_FLOAT:
        *out = (struct rnl_value){.type = RNL_T_DOUBLE, .d = sqlite3_column_double(stmt, at)};
        return;
    case SQLITE_NULL:
        *out = (struct rnl_value){.type = RNL_T_NULL};
        return;
    default:
        *out = (struct rnl_value){
            .type = sqlite3_column_type(stmt, at) == SQLITE_TEXT ? RNL_T_TEXT : RNL_T_BYTES};
        out->ptr = sqlite3_column_blob(stmt, at);
        out->len = (uint32_t)sqlite3_column_bytes(stmt, at);
        if (!out->ptr)
            out->ptr = "";
    }
}

static bool parse_unsigned(const char *text, size_t len, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < len; i++)
        if (text[i] < '0' || text[i] > '9' || __builtin_mul_overflow(*out, 10u, out) ||
            __builtin_add_overflow(*out, (uint64_t)(text[i] - '0'), out))
            return false;
    return len > 0;
}

static int hex_value(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse_uuid(const char *text, size_t len, struct buf *scratch)
{
    int digits = 0, high = 0;

    if (len != 36)
        return false;
    for (size_t i = 0; i < len; i++) {
        int digit = hex_value(text[i]);

        if (text[i] == '-')
            continue;
        if (digit < 0)
            return false;
        if (digits++ % 2)
            buf_byte(scratch, (char)(high * 16 + digit));
        high = digit;
    }
    return digits == 32;
}

static void decode_text(const struct rnl_column *column, struct buf *scratch, size_t *offset,
                        struct rnl_value *out)
{
    struct rnl_value value = {.type = column->type};
    size_t start = scratch->len;
    uint64_t number;

    switch (column->type) {
    case RNL_T_UINT:
        if (parse_unsigned(out->ptr, out->len, &number))
            *out = (struct rnl_value){.type = RNL_T_UINT, .u = number};
        return;
    case RNL_T_FLOAT:
    case RNL_T_DOUBLE:
        if (out->len == 3 && memcmp(out->ptr, "NaN", 3) == 0)
            *out = (struct rnl_value){.type = column->type, .d = NAN};
        return;
    case RNL_T_DATE:
    case RNL_T_TIME:
    case RNL_T_TIMESTAMP:
    case RNL_T_TIMESTAMPTZ:
        if (day_parse(column->type, out->ptr, out->len, &value))
            *out = value;
        return;
    case RNL_T_UUID:
        if (parse_uuid(out->ptr, out->len, scratch)) {
            out->type = RNL_T_UUID;
            made(scratch, start, offset, out);
        } else {
            scratch->len = start;
        }
        return;
    case RNL_T_TEXT:
    case RNL_T_DECIMAL:
    case RNL_T_INTERVAL:
    case RNL_T_JSON:
    case RNL_T_BITS:
    case RNL_T_INET:
    case RNL_T_NATIVE:
        out->type = column->type;
        return;
    default:
        return;
    }
}

/* The digits of a number: of INTEGER and REAL alike where they stand for a decimal. */
static void print_number(const struct rnl_value *value, struct buf *scratch)
{
    char text[DOUBLE_TEXT];
    size_t len;

    if (value->type == RNL_T_INT) {
        buf_printf(scratch, "%" PRId64, value->i);
        return;
    }
    len = double_print(value->d, false, text);
    buf_add(scratch, text, len);
}

/* A literal of SQLite, as its source spells them. */
static void print_literal(const struct rnl_value *value, struct buf *scratch)
{
    static const char hex[] = "0123456789abcdef";
    const unsigned char *bytes = value->ptr;
    size_t start = scratch->len;

    if (value->type == RNL_T_DOUBLE && isinf(value->d)) {
        buf_puts(scratch, value->d > 0 ? "9e999" : "-9e999");
    } else if (value->type == RNL_T_INT || value->type == RNL_T_DOUBLE) {
        print_number(value, scratch);
        if (value->type == RNL_T_DOUBLE && !scratch->failed &&
            !memchr(scratch->ptr + start, '.', scratch->len - start) &&
            !memchr(scratch->ptr + start, 'e', scratch->len - start))
            buf_puts(scratch, ".0");
    } else if (value->type == RNL_T_BYTES) {
        buf_puts(scratch, "x'");
        for (uint32_t i = 0; i < value->len; i++) {
            buf_byte(scratch, hex[bytes[i] >> 4]);
            buf_byte(scratch, hex[bytes[i] & 15]);
        }
        buf_byte(scratch, '\'');
    } else {
        buf_byte(scratch, '\'');
        for (uint32_t i = 0; i < value->len; i++) {
            if (bytes[i] == '\'')
                buf_byte(scratch, '\'');
            buf_byte(scratch, (char)bytes[i]);
        }
        buf_byte(scratch, '\'');
    }
}

static void decode_number(const struct bound_column *bound, struct buf *scratch, size_t *offset,
                          struct rnl_value *out)
{
    uint16_t type = bound->source->type;
    bool whole = out->type == RNL_T_INT;
    size_t start = scratch->len;

    switch (type) {
    case RNL_T_BOOL:
        if (whole && (out->i == 0 || out->i == 1))
            out->type = RNL_T_BOOL;
        return;
    case RNL_T_UINT:
        if (whole && out->i >= 0)
            out->type = RNL_T_UINT;
        return;
    case RNL_T_FLOAT:
    case RNL_T_DOUBLE:
        if (whole)
            out->d = (double)out->i;
        out->type = type;
        return;
    case RNL_T_DECIMAL:
    case RNL_T_TEXT: /* a table that stood there may have made numbers of texts */
        print_number(out, scratch);
        *out = (struct rnl_value){.type = type};
        made(scratch, start, offset, out);
        return;
    default:
        return;
    }
}

void value_decode(const struct bound_table *table, uint32_t column, sqlite3_stmt *stmt, int at,
                  struct buf *scratch, size_t *offset, struct rnl_value *out)
{
    const struct bound_column *bound = &table->columns[column];
    size_t start = scratch->len;

    *offset = SIZE_MAX;
    decode_plain(stmt, at, out);
    if (out->type == RNL_T_NULL)
        return;
    if (bound->form == FORM_LITERAL) {
        print_literal(out, scratch);
        *out = (struct rnl_value){.type = RNL_T_NATIVE};
        made(scratch, start, offset, out);
    } else if (bound->form == FORM_JSON && out->type == RNL_T_TEXT) {
        out->type = RNL_T_JSON;
    } else if (out->type == RNL_T_TEXT) {
        decode_text(bound->source, scratch, offset, out);
    } else if (out->type == RNL_T_INT || out->type == RNL_T_DOUBLE) {
        decode_number(bound, scratch, offset, out);
    } else if (bound->source->type == RNL_T_GEOMETRY || bound->source->type == RNL_T_VECTOR ||
               (bound->source->type == RNL_T_UUID && out->len == 16)) {
        out->type = bound->source->type;
    }
}

static int expect_json(const struct bound_table *table, uint32_t column,
                       const struct rnl_value *value, struct buf *scratch, size_t *offset,
                       struct rnl_value *out, struct rnl_error *err)
{
    const struct rnl_column *source = table->columns[column].source;
    size_t start = scratch->len;
    const char *why = "can't be written";

    if (!pgtext_json(source, value->ptr, value->len, scratch, &why))
        return rnl_fail(err, RNL_E_DATA, "sink.value", "a value of %s.%s, column \"%s\" %s",
                        table->source->schema, table->source->name, source->name, why);
    *out = (struct rnl_value){.type = RNL_T_JSON};
    made(scratch, start, offset, out);
    return RNL_OK;
}

/* A decimal that went through REAL: numeric=real. */
static void expect_real(const struct rnl_value *value, struct buf *scratch, size_t *offset,
                        struct rnl_value *out)
{
    size_t start = scratch->len;
    char text[400], *end;
    struct rnl_value real = {.type = RNL_T_DOUBLE};

    if (value->len >= sizeof(text))
        return;
    memcpy(text, value->ptr, value->len);
    text[value->len] = '\0';
    errno = 0;
    real.i = strtoll(text, &end, 10);
    if (!*end && errno == 0)
        return; /* INTEGER holds it */
    real.d = strtod(text, &end);
    if (*end || isnan(real.d))
        return; /* stands as text */
    print_number(&real, scratch);
    made(scratch, start, offset, out);
}

int value_expect(const struct sink *sink, const struct bound_table *table, uint32_t column,
                 const struct rnl_value *value, struct buf *scratch, size_t *offset,
                 struct rnl_value *out, struct rnl_error *err)
{
    const struct bound_column *bound = &table->columns[column];

    *offset = SIZE_MAX;
    *out = *value;
    switch (value->type) {
    case RNL_T_NATIVE:
        if (bound->form == FORM_JSON)
            return expect_json(table, column, value, scratch, offset, out, err);
        return RNL_OK;
    case RNL_T_DECIMAL:
        if (bound->form == FORM_REAL || bound->form == FORM_NUMBER)
            expect_real(value, scratch, offset, out);
        return RNL_OK;
    case RNL_T_FLOAT:
    case RNL_T_DOUBLE:
        if (value->d == 0 && !bound->keeps_zero)
            out->d = 0;
        if (!isnan(value->d))
            return RNL_OK;
        if (sink->config->nonfinite == NONFINITE_ERROR)
            return rnl_fail(err, RNL_E_DATA, "sink.value",
                            "a value of %s.%s, column \"%s\" is NaN, and nonfinite = \"error\"",
                            table->source->schema, table->source->name, bound->source->name);
        if (sink->config->nonfinite == NONFINITE_NULL)
            out->type = RNL_T_NULL;
        return RNL_OK;
    default:
        return RNL_OK;
    }
}
