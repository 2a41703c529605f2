/* Functions that mean the very same in two dialects, and how each of them spells them. */
#include "expr_part.h"

#include <strings.h>

#define MAX_ARGS 16

enum form {
    FORM_ABS,
    FORM_COALESCE,
    FORM_NULLIF,
    FORM_CASE,   /* lower, upper */
    FORM_CHARS,  /* a text's length in characters */
    FORM_BYTES,  /* in bytes */
    FORM_LENGTH, /* of PostgreSQL: of a text in characters, of bytes in bytes */
    FORM_PLAIN,  /* texts alone, spelled alike: reverse, replace */
    FORM_MD5,
    FORM_TRIM,
    FORM_LEFT,
    FORM_RIGHT,
    FORM_SUBSTR,
    FORM_CONCAT, /* NULL when one is */
    FORM_JOIN,   /* PostgreSQL's concat: NULL is nothing */
    FORM_IF,
    FORM_EXTREME, /* greatest, least */
    FORM_ROUND,   /* round, floor, ceil of decimals */
    FORM_MOD,
    FORM_DAY_PART, /* name is the part */
    FORM_EXTRACT,  /* the part is the first argument */
    FORM_NOW,
    FORM_TODAY,
    FORM_UUID,
    FORM_JSON_VALID,
};

#define IN_MYSQL (1u << EXPR_MYSQL)
#define IN_POSTGRES (1u << EXPR_POSTGRES)
#define IN_SQLITE (1u << EXPR_SQLITE)
#define IN_ALL (IN_MYSQL | IN_POSTGRES | IN_SQLITE)

static const struct function {
    const char *name, *target;
    unsigned in; /* dialects of the source that have it by this name */
    enum form form;
    size_t min, max;
} functions[] = {
    {"abs", "abs", IN_ALL, FORM_ABS, 1, 1},
    {"coalesce", "coalesce", IN_ALL, FORM_COALESCE, 1, 16},
    {"ifnull", "coalesce", IN_MYSQL | IN_SQLITE, FORM_COALESCE, 2, 2},
    {"nvl", "coalesce", IN_MYSQL, FORM_COALESCE, 2, 2},
    {"nullif", "nullif", IN_ALL, FORM_NULLIF, 2, 2},
    {"lower", "lower", IN_ALL, FORM_CASE, 1, 1},
    {"lcase", "lower", IN_MYSQL, FORM_CASE, 1, 1},
    {"upper", "upper", IN_ALL, FORM_CASE, 1, 1},
    {"ucase", "upper", IN_MYSQL, FORM_CASE, 1, 1},
    {"char_length", "", IN_MYSQL | IN_POSTGRES, FORM_CHARS, 1, 1},
    {"character_length", "", IN_MYSQL | IN_POSTGRES, FORM_CHARS, 1, 1},
    {"length", "", IN_POSTGRES | IN_SQLITE, FORM_LENGTH, 1, 1},
    {"length", "", IN_MYSQL, FORM_BYTES, 1, 1},
    {"octet_length", "", IN_ALL, FORM_BYTES, 1, 1},
    {"reverse", "reverse", IN_MYSQL | IN_POSTGRES, FORM_PLAIN, 1, 1},
    {"replace", "replace", IN_ALL, FORM_PLAIN, 3, 3},
    {"md5", "md5", IN_MYSQL | IN_POSTGRES, FORM_MD5, 1, 1},
    {"trim", "trim", IN_ALL, FORM_TRIM, 1, 1},
    {"btrim", "trim", IN_POSTGRES, FORM_TRIM, 1, 1},
    {"ltrim", "ltrim", IN_ALL, FORM_TRIM, 1, 1},
    {"rtrim", "rtrim", IN_ALL, FORM_TRIM, 1, 1},
    {"left", "left", IN_MYSQL | IN_POSTGRES, FORM_LEFT, 2, 2},
    {"right", "right", IN_MYSQL | IN_POSTGRES, FORM_RIGHT, 2, 2},
    {"substr", "substr", IN_ALL, FORM_SUBSTR, 2, 3},
    {"substring", "substr", IN_ALL, FORM_SUBSTR, 2, 3},
    {"concat", "", IN_MYSQL, FORM_CONCAT, 1, 16},
    {"concat", "", IN_POSTGRES | IN_SQLITE, FORM_JOIN, 1, 16},
    {"if", "", IN_MYSQL, FORM_IF, 3, 3},
    {"iif", "", IN_SQLITE, FORM_IF, 3, 3},
    {"greatest", "greatest", IN_MYSQL | IN_POSTGRES, FORM_EXTREME, 2, 16},
    {"least", "least", IN_MYSQL | IN_POSTGRES, FORM_EXTREME, 2, 16},
    {"max", "greatest", IN_SQLITE, FORM_EXTREME, 2, 16},
    {"min", "least", IN_SQLITE, FORM_EXTREME, 2, 16},
    {"round", "round", IN_MYSQL | IN_POSTGRES, FORM_ROUND, 1, 2},
    {"floor", "floor", IN_MYSQL | IN_POSTGRES, FORM_ROUND, 1, 1},
    {"ceil", "ceiling", IN_MYSQL | IN_POSTGRES, FORM_ROUND, 1, 1},
    {"ceiling", "ceiling", IN_MYSQL | IN_POSTGRES, FORM_ROUND, 1, 1},
    {"mod", "", IN_MYSQL | IN_POSTGRES, FORM_MOD, 2, 2},
    {"year", "year", IN_MYSQL, FORM_DAY_PART, 1, 1},
    {"month", "month", IN_MYSQL, FORM_DAY_PART, 1, 1},
    {"day", "day", IN_MYSQL, FORM_DAY_PART, 1, 1},
    {"dayofmonth", "day", IN_MYSQL, FORM_DAY_PART, 1, 1},
    {"extract", "", IN_MYSQL | IN_POSTGRES, FORM_EXTRACT, 2, 2},
    {"date_part", "", IN_POSTGRES, FORM_EXTRACT, 2, 2},
    {"now", "", IN_MYSQL | IN_POSTGRES, FORM_NOW, 0, 1},
    {"current_timestamp", "", IN_ALL, FORM_NOW, 0, 1},
    {"localtimestamp", "", IN_MYSQL | IN_POSTGRES, FORM_NOW, 0, 1},
    {"transaction_timestamp", "", IN_POSTGRES, FORM_NOW, 0, 0},
    {"statement_timestamp", "", IN_POSTGRES, FORM_NOW, 0, 0},
    {"clock_timestamp", "", IN_POSTGRES, FORM_NOW, 0, 0},
    {"datetime", "", IN_SQLITE, FORM_NOW, 1, 1},
    {"curdate", "", IN_MYSQL, FORM_TODAY, 0, 0},
    {"current_date", "", IN_ALL, FORM_TODAY, 0, 0},
    {"date", "", IN_SQLITE, FORM_TODAY, 1, 1},
    {"gen_random_uuid", "", IN_POSTGRES, FORM_UUID, 0, 0},
    {"uuid_generate_v4", "", IN_POSTGRES, FORM_UUID, 0, 0},
    {"uuid", "", IN_MYSQL, FORM_UUID, 0, 0},
    {"json_valid", "json_valid", IN_MYSQL | IN_SQLITE, FORM_JSON_VALID, 1, 1},
};

/* What is at hand while one call is written. */
struct call {
    const struct function *function;
    struct piece args[MAX_ARGS];
    size_t count;
};

static void emit_call(struct call *c, const char *name, struct piece *out)
{
    buf_puts(&out->sql, name);
    buf_byte(&out->sql, '(');
    for (size_t i = 0; i < c->count; i++)
        piece_append(out, i ? ", " : "", &c->args[i]);
    buf_byte(&out->sql, ')');
}

static bool lacks(struct parser *p, enum expr_dialect dialect)
{
    return p->scope->to == dialect &&
           !expr_fail(p, "it uses a function that has no exact counterpart");
}

static bool all_texts(struct parser *p, const struct call *c, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (c->args[i].class != EXPR_TEXT)
            return expr_fail(p, "a function gets what is no text");
    return true;
}

/* Spelled alike, of texts alone; what it gives compares as its first argument does. */
static bool emit_texts(struct parser *p, struct call *c, struct piece *out)
{
    if (!all_texts(p, c, c->count))
        return false;
    emit_call(c, c->function->target, out);
    out->class = EXPR_TEXT;
    out->bytewise = c->args[0].bytewise;
    return true;
}

static bool emit_length(struct parser *p, struct call *c, bool characters, struct piece *out)
{
    static const char *const spelled[] = {"char_length", "char_length", "length"};
    static const char *const bytes[] = {"octet_length", "octet_length", "length"};
    enum expr_dialect to = p->scope->to;
    bool text = c->args[0].class == EXPR_TEXT;

    if (!text && (characters || c->args[0].class != EXPR_BYTES))
        return expr_fail(p, "a function gets what is no text");
    if (!characters && text && p->scope->exact && p->scope->from == EXPR_MYSQL)
        return expr_fail(p, "it counts the bytes of a charset that the target doesn't have");
    if (!characters && text && to == EXPR_SQLITE)
        piece_wrap(&c->args[0], "CAST(", " AS blob)");
    emit_call(c, (characters ? spelled : bytes)[to], out);
    out->class = EXPR_INT;
    return true;
}

static bool emit_cut(struct parser *p, struct call *c, struct piece *out)
{
    enum form form = c->function->form;
    bool sqlite = p->scope->to == EXPR_SQLITE;

    if (!all_texts(p, c, 1))
        return false;
    for (size_t i = 1; i < c->count; i++)
        if (!piece_is_count(&c->args[i], i == 1 && (form != FORM_LEFT || sqlite)))
            return expr_fail(p, "a text is cut at a place that is no plain number");
    if (sqlite && form == FORM_RIGHT)
        piece_wrap(&c->args[1], "-", "");
    if (sqlite && form == FORM_LEFT)
        piece_wrap(&c->args[1], "1, ", "");
    emit_call(c, sqlite ? "substr" : c->function->target, out);
    out->class = EXPR_TEXT;
    out->bytewise = c->args[0].bytewise;
    return true;
}

static bool emit_concat(struct parser *p, struct call *c, struct piece *out)
{
    enum expr_dialect to = p->scope->to;

    out->bytewise = true;
    buf_puts(&out->sql, to == EXPR_MYSQL ? "concat(" : "(");
    for (size_t i = 0; i < c->count; i++) {
        struct piece *arg = &c->args[i];

        if (!piece_as_text(p, arg))
            return false;
        if (c->function->form == FORM_JOIN && !arg->literal && !arg->some)
            piece_wrap(arg, "coalesce(", ", '')");
        piece_append(out, i == 0 ? "" : to == EXPR_MYSQL ? ", " : " || ", arg);
        if (to == EXPR_POSTGRES && arg->literal)
            buf_puts(&out->sql, "::text");
        out->bytewise = out->bytewise && (arg->bytewise || arg->literal);
    }
    buf_byte(&out->sql, ')');
    out->class = EXPR_TEXT;
    return true;
}

static bool emit_if(struct parser *p, struct call *c, struct piece *out)
{
    if (!piece_as_bool(p, &c->args[0]) || !piece_unify(p, c->args + 1, 2, &out->class))
        return false;
    piece_append(out, "CASE WHEN ", &c->args[0]);
    piece_append(out, " THEN ", &c->args[1]);
    piece_append(out, " ELSE ", &c->args[2]);
    buf_puts(&out->sql, " END");
    out->bytewise =
        (c->args[1].bytewise || c->args[1].literal) && (c->args[2].bytewise || c->args[2].literal);
    return true;
}

/* One of the arguments, as it is. */
static bool emit_choice(struct parser *p, struct call *c, struct piece *out)
{
    bool null = c->function->form == FORM_NULLIF;

    if (!piece_unify(p, c->args, c->count, &out->class) ||
        (null && !expr_may_compare(p, "=", &c->args[0], &c->args[1])))
        return false;
    emit_call(c, c->function->target, out);
    out->bytewise = true;
    for (size_t i = 0; i < c->count; i++) {
        out->bytewise = out->bytewise && (c->args[i].bytewise || c->args[i].literal);
        out->some = out->some || (!null && c->args[i].some);
    }
    return true;
}

/* PostgreSQL leaves NULLs out, the others yield NULL; SQLite calls it max and min. */
static bool emit_extreme(struct parser *p, struct call *c, struct piece *out)
{
    bool differ = (p->scope->from == EXPR_POSTGRES) != (p->scope->to == EXPR_POSTGRES);
    bool greatest = c->function->target[0] == 'g';

    if (!piece_unify(p, c->args, c->count, &out->class))
        return false;
    if (out->class != EXPR_INT && out->class != EXPR_DECIMAL)
        return expr_fail(p, "it compares what is no number");
    out->some = true;
    for (size_t i = 0; i < c->count; i++)
        out->some = out->some && c->args[i].some;
    if (differ && !out->some)
        return expr_fail(p, "it finds the greatest or least where NULL means another thing");
    emit_call(c, p->scope->to != EXPR_SQLITE ? c->function->target : greatest ? "max" : "min", out);
    return true;
}

static bool emit_round(struct parser *p, struct call *c, struct piece *out)
{
    if (lacks(p, EXPR_SQLITE))
        return false;
    if (c->args[0].class != EXPR_DECIMAL || (c->count == 2 && !piece_is_count(&c->args[1], false)))
        return expr_fail(p, "it rounds what other servers round otherwise");
    emit_call(c, c->function->target, out);
    out->class = EXPR_DECIMAL;
    return true;
}

static bool emit_mod(struct parser *p, struct call *c, struct piece *out)
{
    if (c->args[0].class != EXPR_INT || !piece_is_count(&c->args[1], true))
        return expr_fail(p, "it divides: rounding and division by zero differ");
    if (!piece_as_number(p, &c->args[0]) || !piece_as_number(p, &c->args[1]))
        return false;
    piece_append(out, "(", &c->args[0]);
    piece_append(out, " % ", &c->args[1]);
    buf_byte(&out->sql, ')');
    out->class = EXPR_INT;
    return true;
}

/* Parts that don't depend on a zone or a fraction. */
static const char *part_of(const struct node *node)
{
    static const char *const names[] = {"year", "month", "day", NULL};

    for (int i = 0; node->kind == NODE_TEXT && names[i]; i++)
        if (strcasecmp(names[i], node->text) == 0)
            return names[i];
    return NULL;
}

static bool emit_day_part(struct parser *p, const char *part, struct piece *day, struct piece *out)
{
    if (!part || day->class != EXPR_DAY)
        return expr_fail(p, "a function gets what is no date");
    if (p->scope->to == EXPR_SQLITE)
        return expr_fail(p, "SQLite has no dates of its own");
    if (p->scope->to == EXPR_POSTGRES)
        buf_printf(&out->sql, "date_part('%s', ", part);
    else
        buf_printf(&out->sql, "%s(", part);
    piece_append(out, "", day);
    buf_puts(&out->sql, p->scope->to == EXPR_POSTGRES ? ")::int" : ")");
    out->class = EXPR_INT;
    return true;
}

/* Only as a default: a constraint that depends on the moment is refused by most servers. */
static bool emit_moment(struct parser *p, const struct call *c, const struct node *node,
                        struct piece *out)
{
    static const char *const now[] = {"current_timestamp(6)", "LOCALTIMESTAMP",
                                      "CURRENT_TIMESTAMP"};
    static const char *const today[] = {"curdate()", "CURRENT_DATE", "CURRENT_DATE"};
    bool sqlite = p->scope->from == EXPR_SQLITE && node->first;

    if (p->scope->table || p->scope->exact)
        return expr_fail(p, "it depends on the moment");
    if (sqlite && (node->first->kind != NODE_TEXT || strcmp(node->first->text, "now") != 0))
        return expr_fail(p, "it uses a function that has no exact counterpart");
    buf_puts(&out->sql, (c->function->form == FORM_NOW ? now : today)[p->scope->to]);
    out->class = EXPR_DAY;
    out->some = true;
    return true;
}

static bool emit_uuid(struct parser *p, struct piece *out)
{
    static const char sqlite[] =
        "(lower(hex(randomblob(4))) || '-' || lower(hex(randomblob(2))) || '-4' || "
        "substr(lower(hex(randomblob(2))), 2) || '-' || substr('89ab', 1 + (random() & 3), 1) || "
        "substr(lower(hex(randomblob(2))), 2) || '-' || lower(hex(randomblob(6))))";

    if (p->scope->table || p->scope->exact)
        return expr_fail(p, "it is another one each time");
    if (p->scope->to == EXPR_POSTGRES && p->scope->version && p->scope->version < 130000)
        return expr_fail(p, "the target is older than PostgreSQL 13");
    buf_puts(&out->sql, p->scope->to == EXPR_SQLITE     ? sqlite
                        : p->scope->to == EXPR_POSTGRES ? "gen_random_uuid()"
                                                        : "uuid()");
    out->class = p->scope->to == EXPR_SQLITE ? EXPR_TEXT : EXPR_UUID;
    out->some = true;
    return true;
}

static bool emit_json_valid(struct parser *p, struct call *c, struct piece *out)
{
    if (c->args[0].class != EXPR_TEXT && c->args[0].class != EXPR_JSON)
        return expr_fail(p, "a function gets what is no text");
    if (p->scope->to == EXPR_POSTGRES) {
        if (c->args[0].class != EXPR_JSON)
            return expr_fail(p, "it uses a function that has no exact counterpart");
        piece_append(out, "(", &c->args[0]);
        buf_puts(&out->sql, " IS NULL OR true)");
    } else {
        emit_call(c, "json_valid", out);
    }
    out->class = EXPR_BOOL;
    return true;
}

/* They go by the collation, or by the bytes of a charset. */
static bool is_inexact(const struct parser *p, enum form form)
{
    return form == FORM_CASE || (form == FORM_MD5 && p->scope->from == EXPR_MYSQL);
}

static bool emit_function(struct parser *p, const struct node *node, struct call *c,
                          struct piece *out)
{
    switch (c->function->form) {
    case FORM_ABS:
        if (!piece_as_number(p, &c->args[0]))
            return false;
        emit_call(c, "abs", out);
        out->class = c->args[0].class;
        return true;
    case FORM_COALESCE:
    case FORM_NULLIF:
        return emit_choice(p, c, out);
    case FORM_CASE:
    case FORM_TRIM:
        return emit_texts(p, c, out);
    case FORM_PLAIN:
        return !(c->count == 1 && lacks(p, EXPR_SQLITE)) && emit_texts(p, c, out);
    case FORM_MD5:
        /* MySQL 9 has thrown it out */
        if (p->scope->to == EXPR_MYSQL && !p->scope->mariadb && p->scope->version >= 90000)
            return !lacks(p, EXPR_MYSQL);
        return !lacks(p, EXPR_SQLITE) && emit_texts(p, c, out);
    case FORM_CHARS:
        return emit_length(p, c, true, out);
    case FORM_BYTES:
        return emit_length(p, c, false, out);
    case FORM_LENGTH:
        return emit_length(p, c, c->args[0].class != EXPR_BYTES, out);
    case FORM_LEFT:
    case FORM_RIGHT:
    case FORM_SUBSTR:
        return emit_cut(p, c, out);
    case FORM_CONCAT:
    case FORM_JOIN:
        return emit_concat(p, c, out);
    case FORM_IF:
        return emit_if(p, c, out);
    case FORM_EXTREME:
        return emit_extreme(p, c, out);
    case FORM_ROUND:
        return emit_round(p, c, out);
    case FORM_MOD:
        return emit_mod(p, c, out);
    case FORM_DAY_PART:
        return emit_day_part(p, c->function->target, &c->args[0], out);
    case FORM_EXTRACT:
        return emit_day_part(p, part_of(node->first), &c->args[1], out);
    case FORM_NOW:
    case FORM_TODAY:
        return emit_moment(p, c, node, out);
    case FORM_UUID:
        return emit_uuid(p, out);
    case FORM_JSON_VALID:
        return emit_json_valid(p, c, out);
    }
    return false;
}

static bool emit_args(struct parser *p, const struct node *node, struct call *c)
{
    for (const struct node *n = node->first; n; n = n->next) {
        if (c->count == c->function->max)
            return expr_fail(p, "it has too many arguments");
        if (!expr_emit(p, n, &c->args[c->count++]))
            return false;
    }
    return c->count >= c->function->min || expr_fail(p, "a function lacks arguments");
}

bool expr_emit_call(struct parser *p, const struct node *node, struct piece *out)
{
    struct call call = {0};
    bool good;

    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
        if ((functions[i].in & (1u << p->scope->from)) &&
            strcasecmp(functions[i].name, node->text) == 0)
            call.function = &functions[i];
    if (!call.function || (p->scope->exact && is_inexact(p, call.function->form)))
        return expr_fail(p, "it uses a function that has no exact counterpart");
    good = emit_args(p, node, &call) && emit_function(p, node, &call, out);
    for (size_t i = 0; i < MAX_ARGS; i++)
        buf_free(&call.args[i].sql);
    return good;
}
