/* Values into the file, and back out of it as the catalog has them. */
#include "sink.h"

#include "daytext.h"
#include "pgtext.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>

int error_row(sqlite3 *db, int rc, const struct bound_table *table, struct rnl_error *err)
{
    const char *message = sqlite3_errmsg(db), *point = strrchr(message, '.');
    char doing[IDENT_ROOM + 400], said[300];
    int status;

    snprintf(said, sizeof(said), "%.290s", message);
    if (rc != SQLITE_MISMATCH && (rc & 0xff) == SQLITE_CONSTRAINT && point && point[1])
        snprintf(doing, sizeof(doing), "write a row of \"%.250s\", column \"%.250s\"", table->name,
                 said + (point - message) + 1);
    else
        snprintf(doing, sizeof(doing), "write a row of \"%.250s\"", table->name);
    status = error_sqlite(db, rc, doing, err);
    return status;
}

static int refuse(const struct bound_table *table, uint32_t column, const char *why,
                  struct rnl_error *err)
{
    return rnl_fail(err, RNL_E_DATA, "sink.value", "a value of %s.%s, column \"%s\" %s",
                    table->source->schema, table->source->name, table->columns[column].source->name,
                    why);
}

/* --- literals ------------------------------------------------------------------------ */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* x'00ff' */
static bool bind_blob_literal(const char *text, size_t len, sqlite3_stmt *stmt, int at,
                              struct buf *scratch)
{
    buf_clear(scratch);
    if (len < 3 || len % 2 == 0 || text[1] != '\'' || text[len - 1] != '\'')
        return false;
    for (size_t i = 2; i + 1 < len; i += 2) {
        int high = hex_digit(text[i]), low = hex_digit(text[i + 1]);

        if (high < 0 || low < 0)
            return false;
        buf_byte(scratch, (char)(high * 16 + low));
    }
    return sqlite3_bind_blob64(stmt, at, scratch->len ? scratch->ptr : "", scratch->len,
                               SQLITE_TRANSIENT) == SQLITE_OK;
}

/* 'it''s' */
static bool bind_text_literal(const char *text, size_t len, sqlite3_stmt *stmt, int at,
                              struct buf *scratch)
{
    buf_clear(scratch);
    if (len < 2 || text[len - 1] != '\'')
        return false;
    for (size_t i = 1; i + 1 < len; i++) {
        if (text[i] == '\'' && (i + 2 >= len || text[++i] != '\''))
            return false;
        buf_byte(scratch, text[i]);
    }
    return sqlite3_bind_text64(stmt, at, scratch->len ? scratch->ptr : "", scratch->len,
                               SQLITE_TRANSIENT, SQLITE_UTF8) == SQLITE_OK;
}

/* A number as its text: INTEGER if it can be one. */
static bool bind_number(const char *text, size_t len, sqlite3_stmt *stmt, int at)
{
    char copy[400], *end;
    long long whole;
    double real;

    if (len == 0 || len >= sizeof(copy) || isspace((unsigned char)*text))
        return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    errno = 0;
    whole = strtoll(copy, &end, 10);
    if (!*end && errno == 0)
        return sqlite3_bind_int64(stmt, at, whole) == SQLITE_OK;
    real = strtod(copy, &end);
    return !*end && !isnan(real) && sqlite3_bind_double(stmt, at, real) == SQLITE_OK;
}

static bool bind_literal(const struct rnl_value *value, sqlite3_stmt *stmt, int at,
                         struct buf *scratch)
{
    const char *text = value->ptr;

    if (value->len == 0)
        return false;
    if (*text == '\'')
        return bind_text_literal(text, value->len, stmt, at, scratch);
    if (*text == 'x' || *text == 'X')
        return bind_blob_literal(text, value->len, stmt, at, scratch);
    return bind_number(text, value->len, stmt, at);
}

/* --- into the file -------------------------------------------------------------------- */

static bool bind_text(const struct rnl_value *value, sqlite3_stmt *stmt, int at)
{
    return sqlite3_bind_text64(stmt, at, value->len ? value->ptr : "", value->len, SQLITE_STATIC,
                               SQLITE_UTF8) == SQLITE_OK;
}

static bool bind_bytes(const struct rnl_value *value, sqlite3_stmt *stmt, int at)
{
    return sqlite3_bind_blob64(stmt, at, value->len ? value->ptr : "", value->len, SQLITE_STATIC) ==
           SQLITE_OK;
}

/* As many digits of a second as the column has, or as the value needs. */
static int digits_of(const struct rnl_column *column, const struct rnl_value *value)
{
    static const int64_t units[] = {1000000, 100000, 10000, 1000, 100, 10, 1};

    if (value->type == RNL_T_DATE || value->flags & RNL_V_ZERO_DATE || column->scale >= 6)
        return column->scale > 6 ? 6 : column->scale;
    return value->i % units[column->scale] == 0 ? column->scale : -1;
}

static bool bind_day(const struct rnl_column *column, const struct rnl_value *value,
                     sqlite3_stmt *stmt, int at)
{
    char text[CALENDAR_TEXT];
    size_t len = day_print(DAY_ISO, value, digits_of(column, value), text);

    return len > 0 && sqlite3_bind_text(stmt, at, text, (int)len, SQLITE_TRANSIENT) == SQLITE_OK;
}

static void uuid_print(const uint8_t *bytes, char text[37])
{
    static const char digits[] = "0123456789abcdef";
    char *to = text;

    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *to++ = '-';
        *to++ = digits[bytes[i] >> 4];
        *to++ = digits[bytes[i] & 15];
    }
    *to = '\0';
}

/* Once: the number is the same, its sign is not. */
static void tell_zero(struct sink *sink, const struct bound_table *table, uint32_t column)
{
    struct rnl_finding finding = {
        .size = sizeof(finding),
        .severity = RNL_NOTE,
        .code = "type.negative_zero",
        .schema = table->source->schema,
        .table = table->source->name,
        .object = table->columns[column].source->name,
        .text = "-0 becomes 0: SQLite's REAL keeps no sign of a zero (told of the first one alone)",
        .count = -1,
    };

    if (!atomic_exchange(&sink->zero_told, true))
        sink->host->finding(sink->ctx, &finding);
}

static int bind_double(struct sink *sink, const struct bound_table *table, uint32_t column,
                       const struct rnl_value *value, sqlite3_stmt *stmt, int at,
                       struct rnl_error *err)
{
    if (!isnan(value->d)) {
        if (value->d == 0 && signbit(value->d) && !table->columns[column].keeps_zero)
            tell_zero(sink, table, column);
        sqlite3_bind_double(stmt, at, value->d);
        return RNL_OK;
    }
    switch ((enum nonfinite_policy)sink->config->nonfinite) {
    case NONFINITE_TEXT:
        sqlite3_bind_text(stmt, at, "NaN", 3, SQLITE_STATIC);
        return RNL_OK;
    case NONFINITE_NULL:
        sqlite3_bind_null(stmt, at);
        return RNL_OK;
    default:
        return refuse(table, column, "is NaN, and nonfinite = \"error\"", err);
    }
}

/* Texts of 2^63 and more: INTEGER has no room for them, and REAL would round them. */
static bool bind_unsigned(const struct rnl_value *value, sqlite3_stmt *stmt, int at)
{
    char text[24];

    if (value->u <= INT64_MAX)
        return sqlite3_bind_int64(stmt, at, (int64_t)value->u) == SQLITE_OK;
    snprintf(text, sizeof(text), "%" PRIu64, value->u);
    return sqlite3_bind_text(stmt, at, text, -1, SQLITE_TRANSIENT) == SQLITE_OK;
}

static int bind_native(const struct bound_table *table, uint32_t column,
                       const struct rnl_value *value, sqlite3_stmt *stmt, int at,
                       struct buf *scratch, struct rnl_error *err)
{
    const struct bound_column *bound = &table->columns[column];
    const char *why = "can't be written";

    if (bound->form == FORM_LITERAL)
        return bind_literal(value, stmt, at, scratch)
                   ? RNL_OK
                   : refuse(table, column, "is no literal of SQLite", err);
    if (bound->form != FORM_JSON)
        return bind_text(value, stmt, at) ? RNL_OK : refuse(table, column, why, err);
    buf_clear(scratch);
    if (!pgtext_json(bound->source, value->ptr, value->len, scratch, &why))
        return refuse(table, column, why, err);
    return sqlite3_bind_text64(stmt, at, buf_text(scratch) ? scratch->ptr : "", scratch->len,
                               SQLITE_TRANSIENT, SQLITE_UTF8) == SQLITE_OK
               ? RNL_OK
               : error_memory(err);
}

static bool bind_uuid(const struct bound_column *bound, const struct rnl_value *value,
                      sqlite3_stmt *stmt, int at)
{
    char text[37];

    if (value->len != 16)
        return false;
    if (bound->form == FORM_UUID_BLOB)
        return bind_bytes(value, stmt, at);
    uuid_print(value->ptr, text);
    return sqlite3_bind_text(stmt, at, text, 36, SQLITE_TRANSIENT) == SQLITE_OK;
}

int value_bind(struct sink *sink, const struct bound_table *table, uint32_t column,
               const struct rnl_value *value, sqlite3_stmt *stmt, int at, struct buf *scratch,
               struct rnl_error *err)
{
    const struct bound_column *bound = &table->columns[column];
    bool good = false;

    switch ((enum rnl_type)value->type) {
    case RNL_T_NULL:
        good = sqlite3_bind_null(stmt, at) == SQLITE_OK;
        break;
    case RNL_T_BOOL:
    case RNL_T_INT:
        good = sqlite3_bind_int64(stmt, at, value->i) == SQLITE_OK;
        break;
    case RNL_T_UINT:
        good = bind_unsigned(value, stmt, at);
        break;
    case RNL_T_FLOAT:
    case RNL_T_DOUBLE:
        return bind_double(sink, table, column, value, stmt, at, err);
    case RNL_T_DECIMAL:
        if (bound->form == FORM_REAL || bound->form == FORM_NUMBER)
            good = bind_number(value->ptr, value->len, stmt, at);
        good = good || bind_text(value, stmt, at);
        break;
    case RNL_T_BYTES:
    case RNL_T_GEOMETRY:
    case RNL_T_VECTOR:
        good = bind_bytes(value, stmt, at);
        break;
    case RNL_T_DATE:
    case RNL_T_TIME:
    case RNL_T_TIMESTAMP:
    case RNL_T_TIMESTAMPTZ:
        good = bind_day(bound->source, value, stmt, at);
        break;
    case RNL_T_UUID:
        good = bind_uuid(bound, value, stmt, at);
        break;
    case RNL_T_NATIVE:
        return bind_native(table, column, value, stmt, at, scratch, err);
    case RNL_T_TEXT:
    case RNL_T_INTERVAL:
    case RNL_T_JSON:
    case RNL_T_BITS:
    case RNL_T_INET:
        good = bind_text(value, stmt, at);
        break;
    default:
        break;
    }
    return good ? RNL_OK : refuse(table, column, "can't be written", err);
}
