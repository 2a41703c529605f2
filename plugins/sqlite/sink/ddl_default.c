/* Defaults of columns: literals as rows would have them, and the expressions that are known. */
#include "daytext.h"
#include "map.h"
#include "pgtext.h"

#include <ctype.h>
#include <math.h>

static bool is_number_text(const char *text)
{
    char *end;

    if (!*text || isspace((unsigned char)*text) || strspn(text, "+-.0123456789eE") != strlen(text))
        return false;
    strtod(text, &end);
    return !*end;
}

/* b'101' and plain digits as the text of a BITS column */
static bool add_bits(const struct rnl_column *column, const char *text, struct buf *sql)
{
    size_t len;

    if ((text[0] == 'b' || text[0] == 'B') && text[1] == '\'')
        text += 2;
    len = strspn(text, "01");
    if (len == 0 || (text[len] && strcmp(text + len, "'") != 0) || len > column->length)
        return false;
    buf_byte(sql, '\'');
    for (size_t i = len; i < column->length; i++)
        buf_byte(sql, '0');
    buf_add(sql, text, len);
    buf_byte(sql, '\'');
    return true;
}

static bool add_day(const struct rnl_column *column, const char *text, struct buf *sql)
{
    char day[CALENDAR_TEXT];
    struct rnl_value value = {0};

    if (!day_parse(column->type, text, strlen(text), &value) ||
        day_print(DAY_ISO, &value, column->scale, day) == 0)
        return false;
    expr_literal(sql, EXPR_SQLITE, day);
    return true;
}

static bool add_blob(const char *text, struct buf *sql)
{
    buf_puts(sql, "x'");
    for (; *text; text++)
        buf_printf(sql, "%02x", (unsigned)(unsigned char)*text);
    buf_byte(sql, '\'');
    return true;
}

/* An array or the like, in PostgreSQL's text form. */
static bool add_json(const struct rnl_column *column, const char *text, struct buf *sql)
{
    struct buf json = {0};
    const char *why;
    bool good = pgtext_json(column, text, strlen(text), &json, &why) && buf_text(&json);

    if (good)
        expr_literal(sql, EXPR_SQLITE, json.ptr);
    buf_free(&json);
    return good;
}

static bool add_literal(const struct rnl_column *column, const struct map_column *map,
                        struct buf *sql)
{
    const char *text = column->default_text;

    if (text && map->form == FORM_JSON)
        return add_json(column, text, sql);
    if (!text || map->form == FORM_UUID_BLOB || map->form == FORM_LITERAL)
        return false;
    switch (column->type) {
    case RNL_T_BOOL:
        if (strcasecmp(text, "true") == 0 || strcasecmp(text, "false") == 0)
            text = (*text | 0x20) == 't' ? "1" : "0";
        /* fall through */
    case RNL_T_INT:
    case RNL_T_UINT:
    case RNL_T_FLOAT:
    case RNL_T_DOUBLE:
        if (!is_number_text(text))
            return false;
        buf_puts(sql, text);
        return true;
    case RNL_T_DECIMAL:
        if (!is_number_text(text))
            return false;
        break;
    case RNL_T_BITS:
        return add_bits(column, text, sql);
    case RNL_T_DATE:
    case RNL_T_TIME:
    case RNL_T_TIMESTAMP:
    case RNL_T_TIMESTAMPTZ:
        return add_day(column, text, sql);
    case RNL_T_BYTES:
        return add_blob(text, sql);
    case RNL_T_TEXT:
    case RNL_T_JSON:
    case RNL_T_INET:
    case RNL_T_UUID:
    case RNL_T_INTERVAL:
    case RNL_T_NATIVE:
        break;
    default:
        return false;
    }
    expr_literal(sql, EXPR_SQLITE, text);
    return true;
}

/* Now as a row would have it: UTC, with the fraction that the column has. */
static bool add_now(const struct rnl_column *column, struct buf *sql)
{
    const char *digits = column->scale == 0 ? "%S" : "%f";
    const char *more = column->scale > 3 ? " || '000'" : "";

    switch (column->type) {
    case RNL_T_DATE:
        buf_puts(sql, "CURRENT_DATE");
        return true;
    case RNL_T_TIME:
        buf_printf(sql, "(strftime('%%H:%%M:%s', 'now')%s)", digits, more);
        return true;
    case RNL_T_TIMESTAMP:
        if (column->scale == 0)
            buf_puts(sql, "CURRENT_TIMESTAMP");
        else
            buf_printf(sql, "(strftime('%%Y-%%m-%%d %%H:%%M:%s', 'now')%s)", digits, more);
        return true;
    case RNL_T_TIMESTAMPTZ:
        buf_printf(sql, "(strftime('%%Y-%%m-%%d %%H:%%M:%s', 'now')%s || '+00:00')", digits, more);
        return true;
    default:
        return false;
    }
}

static bool fits(const struct rnl_column *column, enum expr_class class)
{
    switch (class) {
    case EXPR_NULL:
        return true;
    case EXPR_BOOL:
    case EXPR_INT:
        return column->type == RNL_T_BOOL || column->type == RNL_T_INT ||
               column->type == RNL_T_UINT || column->type == RNL_T_DOUBLE;
    case EXPR_DOUBLE:
        return column->type == RNL_T_DOUBLE || column->type == RNL_T_FLOAT;
    case EXPR_TEXT:
        return column->type == RNL_T_TEXT;
    case EXPR_UUID:
        return column->type == RNL_T_UUID || column->type == RNL_T_TEXT;
    case EXPR_BYTES:
        return column->type == RNL_T_BYTES;
    case EXPR_JSON:
        return column->type == RNL_T_JSON;
    case EXPR_DAY:
        return column->type == RNL_T_DATE;
    default:
        return false;
    }
}

/* x'616263', as MySQL writes the default of a binary column. */
static bool add_hex(const struct rnl_column *column, struct buf *sql)
{
    const char *text = column->default_text;
    size_t len;

    if (column->type != RNL_T_BYTES || !text || (text[0] | 0x20) != 'x' || text[1] != '\'')
        return false;
    len = strspn(text + 2, "0123456789abcdefABCDEF");
    if (len % 2 || strcmp(text + 2 + len, "'") != 0)
        return false;
    buf_puts(sql, text);
    return true;
}

static bool add_expression(const struct mapper *m, uint32_t t, uint32_t index, struct buf *sql)
{
    const struct rnl_column *column = COLUMN(mapper_table(m, t), index);
    bool same = m->tables[t].same;
    enum expr_class class;
    const char *why;

    if (add_hex(column, sql))
        return true;
    buf_byte(sql, '(');
    if (!map_expression(m, t, column->default_text, false, false, sql, &class, &why) ||
        (!same && (!fits(column, class) || m->tables[t].columns[index].form != FORM_PLAIN)))
        return false;
    buf_byte(sql, ')');
    return true;
}

/* A number that the library gives is no default: serial of PostgreSQL. */
static bool is_numbered(const struct rnl_column *column)
{
    return (column->flags & RNL_COLUMN_IDENTITY) && column->default_text &&
           strncasecmp(column->default_text, "nextval(", 8) == 0;
}

void ddl_default(struct mapper *m, uint32_t t, uint32_t index, struct buf *sql)
{
    const struct rnl_column *column = COLUMN(mapper_table(m, t), index);
    size_t start = sql->len;
    bool good = true;

    buf_puts(sql, " DEFAULT ");
    switch ((enum rnl_default)column->default_kind) {
    case RNL_DEFAULT_NONE:
    case RNL_DEFAULT_NULL:
        sql->len = start;
        return;
    case RNL_DEFAULT_LITERAL:
        good = add_literal(column, &m->tables[t].columns[index], sql);
        break;
    case RNL_DEFAULT_NOW:
        good = add_now(column, sql);
        break;
    case RNL_DEFAULT_EXPRESSION:
        good = !is_numbered(column) && add_expression(m, t, index, sql);
        break;
    }
    if (good)
        return;
    sql->len = start;
    if (!is_numbered(column))
        map_find(m, t, RNL_WARNING, "column.default", column->name, NULL,
                 "its default is not carried over: %.300s",
                 column->default_text ? column->default_text : "current_timestamp");
}
