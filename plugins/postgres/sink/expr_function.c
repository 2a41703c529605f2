/* Functions of MySQL that PostgreSQL has with the very same meaning. */
#include "expr_part.h"

#include <strings.h>

/* Arguments up to the closing parenthesis, at most max. */
static bool parse_args(struct parser *p, struct node *args, size_t max, size_t *count)
{
    *count = 0;
    if (expr_is_sign(p, ")"))
        return expr_next(p);
    for (;;) {
        if (*count == max)
            return expr_fail(p, "it has too many arguments");
        if (!expr_parse(p, &args[(*count)++]))
            return false;
        if (expr_is_sign(p, ")"))
            return expr_next(p);
        if (!expr_expect_sign(p, ","))
            return false;
    }
}

enum function_form {
    FORM_TEXT,        /* all arguments text, gives text */
    FORM_TEXT_NUMBER, /* one text, gives a whole number */
    FORM_NUMBER,      /* one number, gives its class */
    FORM_SAME,        /* arguments of one class, gives it */
    FORM_CUT,         /* text and whole numbers from 0 on, gives text */
    FORM_DAY_PART,    /* a date or time, gives a whole number */
    FORM_CONCAT,
    FORM_IF,
};

static const struct function {
    const char *name, *target;
    enum function_form form;
    size_t min, max;
} functions[] = {
    {"lower", "lower", FORM_TEXT, 1, 1},
    {"lcase", "lower", FORM_TEXT, 1, 1},
    {"upper", "upper", FORM_TEXT, 1, 1},
    {"ucase", "upper", FORM_TEXT, 1, 1},
    {"reverse", "reverse", FORM_TEXT, 1, 1},
    {"replace", "replace", FORM_TEXT, 3, 3},
    {"md5", "md5", FORM_TEXT, 1, 1},
    {"char_length", "char_length", FORM_TEXT_NUMBER, 1, 1},
    {"character_length", "char_length", FORM_TEXT_NUMBER, 1, 1},
    {"length", "octet_length", FORM_TEXT_NUMBER, 1, 1},
    {"octet_length", "octet_length", FORM_TEXT_NUMBER, 1, 1},
    {"abs", "abs", FORM_NUMBER, 1, 1},
    {"coalesce", "coalesce", FORM_SAME, 1, 16},
    {"ifnull", "coalesce", FORM_SAME, 2, 2},
    {"left", "left", FORM_CUT, 2, 2},
    {"right", "right", FORM_CUT, 2, 2},
    {"substr", "substr", FORM_CUT, 2, 3},
    {"substring", "substr", FORM_CUT, 2, 3},
    {"year", "year", FORM_DAY_PART, 1, 1},
    {"month", "month", FORM_DAY_PART, 1, 1},
    {"day", "day", FORM_DAY_PART, 1, 1},
    {"dayofmonth", "day", FORM_DAY_PART, 1, 1},
    {"concat", "", FORM_CONCAT, 1, 16},
    {"if", "", FORM_IF, 3, 3},
};

static void emit_call(struct node *out, const char *name, struct node *args, size_t count)
{
    buf_printf(&out->sql, "%s(", name);
    for (size_t i = 0; i < count; i++) {
        buf_puts(&out->sql, i ? ", " : "");
        buf_add(&out->sql, args[i].sql.ptr, args[i].sql.len);
    }
    buf_byte(&out->sql, ')');
}

static bool emit_concat(struct parser *p, struct node *args, size_t count, struct node *out)
{
    buf_byte(&out->sql, '(');
    for (size_t i = 0; i < count; i++) {
        if (!node_as_text(p, &args[i]))
            return false;
        buf_puts(&out->sql, i ? " || " : "");
        buf_add(&out->sql, args[i].sql.ptr, args[i].sql.len);
        buf_puts(&out->sql, args[i].literal ? "::text" : "");
    }
    buf_byte(&out->sql, ')');
    out->class = EXPR_TEXT;
    return true;
}

static bool emit_if(struct parser *p, struct node *args, struct node *out)
{
    if (!node_as_bool(p, &args[0]) || !node_unify(p, args + 1, 2, &out->class))
        return false;
    buf_printf(&out->sql, "CASE WHEN %.*s THEN %.*s ELSE %.*s END", (int)args[0].sql.len,
               args[0].sql.ptr, (int)args[1].sql.len, args[1].sql.ptr, (int)args[2].sql.len,
               args[2].sql.ptr);
    return true;
}

/* Only digits: MySQL and PostgreSQL differ over what lies before the first character. */
static bool is_plain_count(const struct node *n, bool from_one)
{
    const char *text = n->sql.ptr;

    if (n->class != EXPR_INT || n->sql.len == 0 || (from_one && n->sql.len == 1 && *text == '0'))
        return false;
    for (size_t i = 0; i < n->sql.len; i++)
        if (text[i] < '0' || text[i] > '9')
            return false;
    return true;
}

static bool emit_function(struct parser *p, const struct function *f, struct node *args,
                          size_t count, struct node *out)
{
    switch (f->form) {
    case FORM_TEXT:
    case FORM_TEXT_NUMBER:
        for (size_t i = 0; i < count; i++)
            if (args[i].class != EXPR_TEXT)
                return expr_fail(p, "a function gets what is no text");
        out->class = f->form == FORM_TEXT ? EXPR_TEXT : EXPR_INT;
        break;
    case FORM_NUMBER:
        if (!node_as_number(p, &args[0]))
            return false;
        out->class = args[0].class;
        break;
    case FORM_SAME:
        if (!node_unify(p, args, count, &out->class))
            return false;
        break;
    case FORM_CUT:
        if (args[0].class != EXPR_TEXT)
            return expr_fail(p, "a function gets what is no text");
        for (size_t i = 1; i < count; i++)
            if (!is_plain_count(&args[i], strcmp(f->target, "substr") == 0 && i == 1))
                return expr_fail(p, "a text is cut at a place that is no plain number");
        out->class = EXPR_TEXT;
        break;
    case FORM_DAY_PART:
        if (args[0].class != EXPR_DAY)
            return expr_fail(p, "a function gets what is no date");
        buf_printf(&out->sql, "date_part('%s', %.*s)::int", f->target, (int)args[0].sql.len,
                   args[0].sql.ptr);
        out->class = EXPR_INT;
        return true;
    case FORM_CONCAT:
        return emit_concat(p, args, count, out);
    case FORM_IF:
        return emit_if(p, args, out);
    }
    emit_call(out, f->target, args, count);
    return true;
}

/* They go by the collation, or by the bytes of a charset that the target doesn't have. */
static bool is_inexact(const char *target)
{
    static const char *const names[] = {"lower", "upper", "md5", "octet_length"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(names[i], target) == 0)
            return true;
    return false;
}

bool expr_function(struct parser *p, const char *name, struct node *out)
{
    const struct function *f = NULL;
    struct node args[16] = {0};
    size_t count = 0;
    bool good;

    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
        if (strcasecmp(functions[i].name, name) == 0)
            f = &functions[i];
    if (!f || (p->scope->exact && is_inexact(f->target)))
        return expr_fail(p, "it uses a function that has no exact counterpart");
    good = expr_next(p) && parse_args(p, args, f->max, &count);
    if (good && count < f->min)
        good = expr_fail(p, "a function lacks arguments");
    good = good && emit_function(p, f, args, count, out);
    for (size_t i = 0; i < sizeof(args) / sizeof(args[0]); i++)
        buf_free(&args[i].sql);
    return good;
}
