/* Defaults of columns: literals by the target's type, and the expressions that are known. */
#include "translate.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

static bool is_integer_text(const char *text)
{
    if (*text == '-' || *text == '+')
        text++;
    return *text && strspn(text, "0123456789") == strlen(text);
}

static bool is_decimal_text(const char *text)
{
    size_t whole, fraction = 0;

    if (*text == '-' || *text == '+')
        text++;
    whole = strspn(text, "0123456789");
    text += whole;
    if (*text == '.') {
        fraction = strspn(++text, "0123456789");
        text += fraction;
    }
    return whole + fraction > 0 && !*text;
}

static bool is_float_text(const char *text)
{
    char *end;

    strtod(text, &end);
    return end != text && !*end && !isspace((unsigned char)*text);
}

/* b'101', 0x05, 5 or 101 (as bits) into "101"; false: none of these. */
static bool bits_of_default(const char *text, uint32_t length, char *out, size_t size)
{
    unsigned long long number;
    char *end;

    if ((text[0] == 'b' || text[0] == 'B') && text[1] == '\'') {
        size_t len = strspn(text + 2, "01");

        if (text[2 + len] != '\'' || len == 0 || len > length || len >= size)
            return false;
        memset(out, '0', length);
        memcpy(out + length - len, text + 2, len);
        out[length] = '\0';
        return true;
    }
    if (strlen(text) == length && strspn(text, "01") == length) {
        memcpy(out, text, length + 1);
        return true;
    }
    number = strtoull(text, &end, 0);
    if (!*text || *end)
        return false;
    for (uint32_t i = 0; i < length; i++)
        out[i] = length - i <= 64 && number >> (length - 1 - i) & 1 ? '1' : '0';
    out[length] = '\0';
    return true;
}

static bool add_bits(const struct rnl_column *column, enum pg_kind kind, const char *text,
                     struct buf *sql)
{
    char bits[128];

    if (column->type != RNL_T_BITS) { /* a boolean made of an integer */
        if (strcmp(text, "0") != 0 && strcmp(text, "1") != 0)
            return false;
        buf_puts(sql, *text == '1' ? "true" : "false");
        return true;
    }
    if (column->length == 0 || column->length >= sizeof(bits) ||
        !bits_of_default(text, column->length, bits, sizeof(bits)))
        return false;
    if (kind == PG_BOOL)
        buf_puts(sql, bits[0] == '1' ? "true" : "false");
    else
        buf_printf(sql, "B'%s'", bits);
    return true;
}

static bool is_real_day(const char *text)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year, month, day, limit;

    /* NOLINTNEXTLINE(cert-err34-c): so few digits can't overflow */
    if (sscanf(text, "%4d-%2d-%2d", &year, &month, &day) != 3 || year < 1 || month < 1 ||
        month > 12)
        return false;
    limit = days[month - 1];
    if (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0))
        limit = 29;
    return day >= 1 && day <= limit && strspn(text, "0123456789-: .") == strlen(text);
}

static bool add_day(const struct mapper *m, enum pg_kind kind, const char *text, struct buf *sql)
{
    if (is_real_day(text)) {
        buf_printf(sql, "'%s%s'", text, kind == PG_TIMESTAMPTZ ? "+00" : "");
        return true;
    }
    if (strncmp(text, "0000-00-00", 10) != 0)
        return false;
    switch (m->sink->config->zero_date) {
    case ZERO_MINUS_INFINITY:
        buf_puts(sql, "'-infinity'");
        return true;
    case ZERO_EPOCH:
        buf_puts(sql, kind == PG_TIMESTAMPTZ ? "'1970-01-01 00:00:00+00'" : "'1970-01-01'");
        return true;
    default:
        return false;
    }
}

static bool add_array(const char *text, struct buf *sql)
{
    buf_puts(sql, "ARRAY[");
    while (*text) {
        size_t len = strcspn(text, ",");

        buf_literal_bytes(sql, text, len);
        text += len;
        if (*text == ',') {
            buf_puts(sql, ", ");
            text++;
        }
    }
    buf_puts(sql, "]::text[]");
    return true;
}

static bool add_bytes(const char *text, struct buf *sql)
{
    buf_puts(sql, "'\\x");
    for (; *text; text++)
        buf_printf(sql, "%02x", (unsigned char)*text);
    buf_puts(sql, "'::bytea");
    return true;
}

static bool is_clock_text(const char *text)
{
    return *text && strspn(text, "0123456789:.-") == strlen(text);
}

static bool add_literal(const struct mapper *m, const struct rnl_column *column,
                        const struct map_column *map, struct buf *sql)
{
    const char *text = column->default_text;

    if (!text)
        return false;
    switch (map->kind) {
    case PG_BOOL:
    case PG_BIT:
    case PG_VARBIT:
        return add_bits(column, map->kind, text, sql);
    case PG_INT2:
    case PG_INT4:
    case PG_INT8:
        if (!is_integer_text(text))
            return false;
        break;
    case PG_NUMERIC:
        if (!is_decimal_text(text))
            return false;
        break;
    case PG_FLOAT4:
    case PG_FLOAT8:
        if (!is_float_text(text))
            return false;
        break;
    case PG_DATE:
    case PG_TIMESTAMP:
    case PG_TIMESTAMPTZ:
        return add_day(m, map->kind, text, sql);
    case PG_TIME:
    case PG_INTERVAL:
        if (!is_clock_text(text))
            return false;
        break;
    case PG_BYTEA:
        return column->type == RNL_T_GEOMETRY ? false : add_bytes(text, sql);
    case PG_TEXT_ARRAY:
        return add_array(text, sql);
    case PG_TEXT:
    case PG_INET:
    case PG_JSON:
    case PG_JSONB:
        break;
    default:
        return false;
    }
    buf_literal(sql, text);
    return true;
}

static bool add_now(const struct rnl_column *column, const struct map_column *map, struct buf *sql)
{
    unsigned digits = column->scale > 6 ? 6 : column->scale;

    switch (map->kind) {
    case PG_TIMESTAMPTZ:
        buf_printf(sql, "CURRENT_TIMESTAMP(%u)", digits);
        return true;
    case PG_TIMESTAMP:
        buf_printf(sql, "LOCALTIMESTAMP(%u)", digits);
        return true;
    case PG_DATE:
        buf_puts(sql, "CURRENT_DATE");
        return true;
    case PG_TIME:
        buf_printf(sql, "LOCALTIME(%u)", digits);
        return true;
    default:
        return false;
    }
}

/* SQLite's CURRENT_TIMESTAMP is a text, of UTC. */
static bool add_utc_text(const struct rnl_table *table, const struct map_column *map,
                         struct buf *sql)
{
    if (map->kind != PG_TEXT || !table->dialect || strcmp(table->dialect, "sqlite") != 0)
        return false;
    buf_puts(sql, "to_char(CURRENT_TIMESTAMP AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')");
    return true;
}

/* x'616263', as MySQL writes the default of a binary column. */
static bool add_hex(const char *text, enum pg_kind kind, struct buf *sql)
{
    size_t len;

    if (kind != PG_BYTEA || (text[0] != 'x' && text[0] != 'X') || text[1] != '\'')
        return false;
    len = strspn(text + 2, "0123456789abcdefABCDEF");
    if (len % 2 || strcmp(text + 2 + len, "'") != 0)
        return false;
    buf_puts(sql, "'\\x");
    buf_add(sql, text + 2, len);
    buf_puts(sql, "'::bytea");
    return true;
}

/* The function calls that stand alone as a default; all else goes to expr.c. */
static bool add_known_call(const struct mapper *m, const struct rnl_column *column,
                           const struct map_column *map, struct buf *sql)
{
    char flat[64];
    size_t len = 0;

    for (const char *c = column->default_text; *c; c++) {
        if (*c == ' ' || len + 1 >= sizeof(flat))
            continue;
        flat[len++] = (char)tolower((unsigned char)*c);
    }
    flat[len] = '\0';
    if ((strcmp(flat, "uuid()") == 0 || strcmp(flat, "(uuid())") == 0) &&
        m->sink->server.version >= 130000 && (map->kind == PG_TEXT || map->kind == PG_UUID)) {
        buf_printf(sql, "gen_random_uuid()%s", map->kind == PG_TEXT ? "::text" : "");
        return true;
    }
    if (strncmp(flat, "now(", 4) == 0 || strncmp(flat, "current_timestamp", 17) == 0)
        return add_now(column, map, sql);
    if (strcmp(flat, "curdate()") == 0 || strcmp(flat, "(curdate())") == 0 ||
        strcmp(flat, "current_date") == 0 || strcmp(flat, "current_date()") == 0)
        return map->kind == PG_DATE && add_now(column, map, sql);
    return false;
}

static bool add_expression(const struct mapper *m, uint32_t t, const struct rnl_column *column,
                           const struct map_column *map, struct buf *sql)
{
    enum expr_class class;
    const char *why;
    size_t start;
    bool fits;

    if (!column->default_text)
        return false;
    if (add_known_call(m, column, map, sql) || add_hex(column->default_text, map->kind, sql))
        return true;
    start = sql->len;
    buf_byte(sql, '(');
    fits = translate(m, t, TRANSLATE_DEFAULT, column->default_text, sql, &class, &why);
    if (fits)
        fits = class == EXPR_NULL || (class == EXPR_BOOL && map->kind == PG_BOOL) ||
               (class == EXPR_TEXT && map->kind == PG_TEXT) ||
               ((class == EXPR_INT || class == EXPR_DECIMAL) &&
                (map->kind == PG_INT2 || map->kind == PG_INT4 || map->kind == PG_INT8 ||
                 map->kind == PG_NUMERIC || map->kind == PG_FLOAT8 || map->kind == PG_FLOAT4));
    buf_byte(sql, ')');
    if (!fits)
        sql->len = start;
    return fits;
}

void ddl_default(struct mapper *m, uint32_t t, uint32_t index, struct buf *sql)
{
    const struct rnl_table *table = mapper_table(m, t);
    const struct rnl_column *column = COLUMN(table, index);
    const struct map_column *map = &m->tables[t].columns[index];
    size_t start = sql->len;
    bool good = true;

    buf_puts(sql, " DEFAULT ");
    switch ((enum rnl_default)column->default_kind) {
    case RNL_DEFAULT_NONE:
    case RNL_DEFAULT_NULL:
        sql->len = start;
        return;
    case RNL_DEFAULT_LITERAL:
        good = add_literal(m, column, map, sql);
        break;
    case RNL_DEFAULT_NOW:
        good = add_now(column, map, sql) || add_utc_text(table, map, sql);
        break;
    case RNL_DEFAULT_EXPRESSION:
        good = add_expression(m, t, column, map, sql);
        break;
    }
    if (good)
        return;
    sql->len = start;
    map_find(m, t, RNL_WARNING, "column.default", column->name, NULL,
             "its default is not carried over: %.300s",
             column->default_text ? column->default_text : "current_timestamp");
}
