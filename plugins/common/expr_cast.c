/* Casts: typed constants, and the changes of type that mean the same everywhere. */
#include "daytext.h"
#include "expr_part.h"
#include "pgtext.h"

static bool is_one_of(const char *word, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(word, *words) == 0)
            return true;
    return false;
}

static enum expr_class class_of_type(const char *type)
{
    static const char *const texts[] = {
        "text", "character varying", "varchar", "bpchar", "name", "citext", NULL};
    static const char *const ints[] = {"integer",  "int",  "int4",   "bigint",   "int8",
                                       "smallint", "int2", "signed", "unsigned", "signed integer",
                                       NULL};
    static const char *const decimals[] = {"numeric", "decimal", NULL};
    static const char *const doubles[] = {"double precision", "real",   "float4",
                                          "float8",           "double", NULL};
    static const char *const days[] = {"date", "timestamp", "datetime", "timestamp()", NULL};

    if (is_one_of(type, texts))
        return EXPR_TEXT;
    if (is_one_of(type, ints))
        return EXPR_INT;
    if (is_one_of(type, decimals))
        return EXPR_DECIMAL;
    if (is_one_of(type, doubles))
        return EXPR_DOUBLE;
    if (is_one_of(type, days))
        return EXPR_DAY;
    if (strcmp(type, "boolean") == 0 || strcmp(type, "bool") == 0)
        return EXPR_BOOL;
    if (strcmp(type, "time") == 0)
        return EXPR_TIME;
    if (strcmp(type, "uuid") == 0)
        return EXPR_UUID;
    if (strcmp(type, "json") == 0 || strcmp(type, "jsonb") == 0)
        return EXPR_JSON;
    return EXPR_OTHER;
}

/* '{a,b}'::text[] is a JSON array where there are no others. */
static bool array_literal(struct parser *p, const struct node *node, struct piece *out)
{
    const char *type = node->text, *text = node->first->text, *why;
    enum expr_class class = class_of_type(strncmp(type, "integer[", 8) == 0   ? "integer"
                                          : strncmp(type, "bigint[", 7) == 0  ? "bigint"
                                          : strncmp(type, "numeric[", 8) == 0 ? "numeric"
                                          : strncmp(type, "boolean[", 8) == 0 ? "boolean"
                                                                              : "text");
    uint32_t element = class == EXPR_INT       ? RNL_T_INT
                       : class == EXPR_DECIMAL ? RNL_T_DECIMAL
                       : class == EXPR_BOOL    ? RNL_T_BOOL
                                               : RNL_T_TEXT;
    struct buf json = {0};
    bool good = pgtext_array_json(text, strlen(text), element, &json, &why) && buf_text(&json);

    if (good)
        expr_literal(&out->sql, p->scope->to, json.ptr);
    buf_free(&json);
    out->class = EXPR_JSON;
    out->literal = out->some = true;
    return good || expr_fail(p, "it holds an array that can't be read");
}

static bool number_literal(struct parser *p, const char *text, enum expr_class class,
                           struct piece *out)
{
    if (!json_is_number(text, strlen(text)) ||
        (class == EXPR_INT && (strpbrk(text, ".eE") || strlen(text) > 19)))
        return expr_fail(p, "it holds a number in a form that is not known");
    if (*text == '-')
        buf_printf(&out->sql, "(%s)", text);
    else
        buf_puts(&out->sql, text);
    out->class = class;
    out->some = true;
    return true;
}

static bool bool_literal(struct parser *p, const char *text, struct piece *out)
{
    bool yes = strcmp(text, "t") == 0 || strcmp(text, "true") == 0;

    if (!yes && strcmp(text, "f") != 0 && strcmp(text, "false") != 0)
        return expr_fail(p, "it holds a truth value in a form that is not known");
    buf_puts(&out->sql, yes ? "true" : "false");
    out->class = EXPR_BOOL;
    out->some = true;
    return true;
}

static bool day_literal(struct parser *p, const char *text, const char *type, enum expr_class class,
                        struct piece *out)
{
    struct rnl_value value;
    uint16_t kind = class == EXPR_TIME          ? RNL_T_TIME
                    : strcmp(type, "date") == 0 ? RNL_T_DATE
                                                : RNL_T_TIMESTAMP;

    if (!day_parse(kind, text, strlen(text), &value) || (value.flags & RNL_V_ZERO_DATE) ||
        (kind != RNL_T_TIME && (value.i == INT64_MIN || value.i == INT64_MAX)))
        return expr_fail(p, "it holds a day that other servers don't have");
    expr_literal(&out->sql, p->scope->to, text);
    if (p->scope->to == EXPR_POSTGRES)
        buf_puts(&out->sql, kind == RNL_T_TIME   ? "::time"
                            : kind == RNL_T_DATE ? "::date"
                                                 : "::timestamp");
    else if (p->scope->to == EXPR_MYSQL)
        piece_wrap(out,
                   kind == RNL_T_TIME   ? "TIME "
                   : kind == RNL_T_DATE ? "DATE "
                                        : "TIMESTAMP ",
                   "");
    out->class = class;
    out->some = true;
    return true;
}

/* 'text'::type */
static bool typed_literal(struct parser *p, const struct node *node, struct piece *out)
{
    const char *text = node->first->text, *type = node->text;
    enum expr_class class = class_of_type(type);
    size_t len = strlen(type);

    if (p->scope->to != EXPR_POSTGRES && len > 2 && strcmp(type + len - 2, "[]") == 0)
        return array_literal(p, node, out);
    switch (class) {
    case EXPR_INT:
    case EXPR_DECIMAL:
    case EXPR_DOUBLE:
        return number_literal(p, text, class, out);
    case EXPR_BOOL:
        return bool_literal(p, text, out);
    case EXPR_DAY:
    case EXPR_TIME:
        return day_literal(p, text, type, class, out);
    case EXPR_OTHER:
        /* of an enum, or of what becomes text: only as a default, or beside a text */
        if (strchr(type, '(') || strchr(type, '[') || strncmp(type, "bit", 3) == 0 ||
            strcmp(type, "bytea") == 0 || strcmp(type, "interval") == 0 ||
            strncmp(type, "timestamp", 9) == 0 || strncmp(type, "time", 4) == 0)
            return expr_fail(p, "it holds a constant of a type that the target lacks");
        class = EXPR_TEXT;
        break;
    default:
        break;
    }
    expr_literal(&out->sql, p->scope->to, text);
    out->class = class;
    out->literal = out->some = true;
    return true;
}

static bool to_date(struct parser *p, struct piece *out)
{
    if (p->scope->to == EXPR_SQLITE)
        piece_wrap(out, "date(", ")");
    else
        piece_wrap(out, "CAST(", " AS date)");
    return true;
}

/* numeric to integer rounds half away from zero in MySQL and PostgreSQL, SQLite cuts. */
static bool to_int(struct parser *p, const char *type, struct piece *out)
{
    bool by_sqlite = p->scope->from == EXPR_SQLITE || p->scope->to == EXPR_SQLITE;

    if (out->class == EXPR_INT || out->class == EXPR_NULL)
        return strncmp(type, "unsigned", 8) != 0 || expr_fail(p, "it casts to unsigned");
    if (out->class == EXPR_BOOL) {
        if (p->scope->to == EXPR_POSTGRES)
            piece_wrap(out, "(", ")::int");
        out->class = EXPR_INT;
        return true;
    }
    if (out->class != EXPR_DECIMAL || by_sqlite || strncmp(type, "unsigned", 8) == 0)
        return expr_fail(p, "it casts what other servers cast otherwise");
    if (p->scope->to == EXPR_MYSQL)
        piece_wrap(out, "CAST(", " AS signed)");
    else
        piece_wrap(out, "(", ")::bigint");
    out->class = EXPR_INT;
    return true;
}

bool expr_emit_cast(struct parser *p, const struct node *node, struct piece *out)
{
    const char *type = node->text;
    enum expr_class class = class_of_type(type);

    if (node->first->kind == NODE_TEXT && p->scope->from != EXPR_SQLITE)
        return typed_literal(p, node, out);
    if (!expr_emit(p, node->first, out))
        return false;
    if (strcmp(type, "char") == 0 && p->scope->from == EXPR_MYSQL)
        class = EXPR_TEXT;
    if (class == EXPR_TEXT)
        return piece_as_text(p, out);
    if (class == EXPR_INT)
        return to_int(p, type, out);
    if (class == EXPR_DECIMAL && p->scope->from == EXPR_POSTGRES &&
        (out->class == EXPR_INT || out->class == EXPR_DECIMAL)) {
        out->class = EXPR_DECIMAL;
        return true;
    }
    if (class == EXPR_DOUBLE && p->scope->from == EXPR_POSTGRES && piece_is_number(out) &&
        node->first->kind == NODE_NUMBER) {
        out->class = EXPR_DOUBLE;
        return true;
    }
    if (strcmp(type, "date") == 0 && out->class == EXPR_DAY)
        return to_date(p, out);
    if (class == out->class && (class == EXPR_BOOL || class == EXPR_DOUBLE))
        return true;
    return expr_fail(p, "it casts what other servers cast otherwise");
}
