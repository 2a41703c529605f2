/* Defaults: values and expressions that mean the same in the target. */
#include "map.h"
#include "pgtext.h"

#include <strings.h>

static void tell_dropped(const struct mapper *m, uint32_t t, const struct rnl_column *column,
                         const char *why)
{
    map_find(m, t, RNL_WARNING, "column.default", column->name, NULL,
             "loses its default (%.200s): %s", column->default_text ? column->default_text : "",
             why);
}

/* MySQL takes a default of long types in the form of an expression alone. */
static bool wants_brackets(const struct mapper *m, const struct map_column *to)
{
    return !m->sink->server.mariadb && to->shape != SHAPE_FIXED && to->shape != SHAPE_CHARS &&
           to->shape != SHAPE_BYTES;
}

static bool is_digits(const char *text, const char *others)
{
    if (!*text)
        return false;
    for (; *text; text++)
        if ((*text < '0' || *text > '9') && !strchr(others, *text))
            return false;
    return true;
}

/* PostgreSQL's '\x00ff' */
static bool bytes_literal(const char *text, struct buf *sql)
{
    if (text[0] != '\\' || text[1] != 'x')
        return false;
    buf_printf(sql, "x'%s'", text + 2);
    return strspn(text + 2, "0123456789abcdefABCDEF") == strlen(text + 2);
}

static bool moment_literal(const struct rnl_column *column, const char *text, struct buf *sql)
{
    char plain[40];
    size_t len = strcspn(text, "+");

    if (len >= sizeof(plain) || strspn(text, "0123456789-:. ") != len)
        return false;
    snprintf(plain, sizeof(plain), "%.*s", (int)len, text);
    if (text[len] && (column->type != RNL_T_TIMESTAMPTZ || !is_digits(text + len + 1, ":") ||
                      strspn(text + len + 1, "0:") != strlen(text + len + 1)))
        return false; /* of another zone than UTC */
    sql_literal(sql, plain);
    return true;
}

static bool bool_literal(const char *text, struct buf *sql)
{
    static const char *const yes[] = {"true", "t", "1", "yes", "on"};
    static const char *const no[] = {"false", "f", "0", "no", "off"};

    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
        if (strcasecmp(text, yes[i]) == 0)
            buf_byte(sql, '1');
        else if (strcasecmp(text, no[i]) == 0)
            buf_byte(sql, '0');
        else
            continue;
        return true;
    }
    return false;
}

/* Arrays and their like as the JSON that their rows become. */
static bool native_literal(const struct rnl_column *column, const struct map_column *to,
                           const char *text, struct buf *sql)
{
    struct buf json = {0};
    const char *why;
    bool good = to->shape != SHAPE_GEOMETRY;

    if (good && to->shape == SHAPE_JSON) {
        good = pgtext_json(column, text, strlen(text), &json, &why) && buf_text(&json);
        text = json.ptr;
    }
    if (good)
        sql_literal(sql, text);
    buf_free(&json);
    return good;
}

/* A value's text as the target's column takes it; false: it has no such value. */
static bool add_literal(const struct mapper *m, uint32_t t, const struct rnl_column *column,
                        const struct map_column *to, struct buf *sql)
{
    const char *text = column->default_text ? column->default_text : "";

    if (column->type == RNL_T_BITS && to->shape == SHAPE_FIXED) {
        buf_printf(sql, "b'%s'", text);
        return strspn(text, "01") == strlen(text);
    }
    if (m->tables[t].same) {
        sql_literal(sql, text);
        return true;
    }
    switch (column->type) {
    case RNL_T_BOOL:
        return bool_literal(text, sql);
    case RNL_T_INT:
    case RNL_T_UINT:
    case RNL_T_FLOAT:
    case RNL_T_DOUBLE:
    case RNL_T_DECIMAL:
        sql_literal(sql, text);
        return is_digits(text, "-+.eE");
    case RNL_T_BYTES:
        return bytes_literal(text, sql);
    case RNL_T_DATE:
    case RNL_T_TIME:
    case RNL_T_TIMESTAMP:
    case RNL_T_TIMESTAMPTZ:
        return moment_literal(column, text, sql);
    case RNL_T_TEXT:
    case RNL_T_JSON:
    case RNL_T_INET:
        sql_literal(sql, text);
        return true;
    case RNL_T_UUID:
        sql_literal(sql, text);
        return m->sink->config->uuid != UUID_BINARY16;
    case RNL_T_BITS:
        sql_literal(sql, text);
        return strspn(text, "01") == strlen(text);
    case RNL_T_NATIVE:
        return native_literal(column, to, text, sql);
    default:
        return false;
    }
}

static void add_now(struct mapper *m, uint32_t t, const struct rnl_column *column, struct buf *sql)
{
    uint32_t digits = column->scale > 6 ? 6 : column->scale;

    if (column->type == RNL_T_TIMESTAMP || column->type == RNL_T_TIMESTAMPTZ) {
        buf_puts(sql, " DEFAULT CURRENT_TIMESTAMP");
        if (digits)
            buf_printf(sql, "(%u)", digits);
        if (column->type == RNL_T_TIMESTAMPTZ && !m->tables[t].same &&
            m->sink->config->timestamptz == TIMESTAMPTZ_DATETIME)
            map_find(m, t, RNL_NOTE, "column.now", column->name, "timestamptz=datetime",
                     "its default is the time of the session's zone: let writers use UTC");
    } else if (column->type == RNL_T_DATE) {
        buf_puts(sql, m->sink->server.mariadb ? " DEFAULT CURDATE()" : " DEFAULT (CURDATE())");
    } else if (column->type == RNL_T_TIME) {
        buf_puts(sql, m->sink->server.mariadb ? " DEFAULT CURTIME(6)" : " DEFAULT (CURTIME(6))");
    } else {
        tell_dropped(m, t, column, "it is a moment, and the column holds none");
    }
}

static void add_translated(struct mapper *m, uint32_t t, const struct rnl_column *column,
                           struct buf *sql)
{
    enum expr_class yields;
    struct buf text = {0};
    const char *why;

    if (!m->sink->server.mariadb && m->sink->server.version < 80013)
        tell_dropped(m, t, column, "the server takes no expressions there");
    else if (!map_expression(m, t, column->default_text, false, &text, &yields, &why))
        tell_dropped(m, t, column, why);
    else
        buf_printf(sql, " DEFAULT (%s)", buf_text(&text) ? text.ptr : "");
    buf_free(&text);
}

void ddl_default(struct mapper *m, uint32_t t, uint32_t index, struct buf *sql)
{
    const struct rnl_column *column = COLUMN(mapper_table(m, t), index);
    const struct map_column *to = &m->tables[t].columns[index];
    struct buf text = {0};
    bool brackets = wants_brackets(m, to);

    switch (column->default_kind) {
    case RNL_DEFAULT_NULL:
        if (column->flags & RNL_COLUMN_NULLABLE)
            buf_puts(sql, " DEFAULT NULL");
        break;
    case RNL_DEFAULT_LITERAL:
        if (add_literal(m, t, column, to, &text) && buf_text(&text))
            buf_printf(sql, brackets ? " DEFAULT (%s)" : " DEFAULT %s", text.ptr);
        else
            tell_dropped(m, t, column, "the target can't spell this value");
        break;
    case RNL_DEFAULT_NOW:
        add_now(m, t, column, sql);
        break;
    case RNL_DEFAULT_EXPRESSION:
        if (column->default_text)
            add_translated(m, t, column, sql);
        break;
    default:
        break;
    }
    buf_free(&text);
}
