/*
 * Translates expressions of MySQL and MariaDB into PostgreSQL's: those that mean exactly
 * the same. A recursive descent by precedence that writes the translation as it reads.
 */
#include "expr.h"

#include <stdlib.h>
#include <strings.h>

#define MAX_DEPTH 64

enum token_kind { TOKEN_END, TOKEN_NAME, TOKEN_QUOTED, TOKEN_TEXT, TOKEN_NUMBER, TOKEN_SIGN };

struct token {
    enum token_kind kind;
    char text[512]; /* a name or text without its quotes, the sign, the number */
};

struct parser {
    const struct expr_scope *scope;
    const char *at;
    struct token token;
    const char *why;
    int depth;
};

struct node {
    struct buf sql;
    enum expr_class class;
    bool literal; /* a constant text: it takes the other side's type */
};

static bool fail(struct parser *p, const char *why)
{
    if (!p->why)
        p->why = why;
    return false;
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '$' || (unsigned char)c >= 0x80;
}

static bool push(struct parser *p, size_t *len, char c)
{
    if (*len + 1 >= sizeof(p->token.text))
        return fail(p, "it holds a text that is too long");
    p->token.text[(*len)++] = c;
    p->token.text[*len] = '\0';
    return true;
}

static char unescape(char c)
{
    switch (c) {
    case 'n':
        return '\n';
    case 't':
        return '\t';
    case 'r':
        return '\r';
    default:
        return c;
    }
}

static bool read_quoted(struct parser *p, char quote)
{
    size_t len = 0;

    p->token.text[0] = '\0';
    for (p->at++; *p->at; p->at++) {
        char c = *p->at;

        if (c == quote) {
            if (p->at[1] != quote) {
                p->at++;
                return true;
            }
            p->at++;
        } else if (c == '\\' && quote != '`') {
            c = unescape(*++p->at);
            if (!c || c == '0' || c == '%')
                return fail(p, "it holds an escape that PostgreSQL lacks");
        }
        if (!push(p, &len, c))
            return false;
    }
    return fail(p, "a quote is not closed");
}

static bool read_word(struct parser *p)
{
    bool number = *p->at >= '0' && *p->at <= '9';
    size_t len = 0;

    p->token.kind = number ? TOKEN_NUMBER : TOKEN_NAME;
    while (number ? ((*p->at >= '0' && *p->at <= '9') || *p->at == '.') : is_word(*p->at))
        if (!push(p, &len, *p->at++))
            return false;
    if (number && is_word(*p->at))
        return fail(p, "it holds a number in a form that is not known");
    return true;
}

static bool read_sign(struct parser *p)
{
    static const char *const signs[] = {"<=>", "<=", ">=", "<>", "!=", "||", "&&",
                                        "->>", "->", "+",  "-",  "*",  "/",  "%",
                                        "=",   "<",  ">",  "(",  ")",  ",",  "!"};

    p->token.kind = TOKEN_SIGN;
    for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
        size_t len = strlen(signs[i]);

        if (strncmp(p->at, signs[i], len) == 0) {
            memcpy(p->token.text, signs[i], len + 1);
            p->at += len;
            return true;
        }
    }
    return fail(p, "it holds a sign that is not known");
}

static bool next(struct parser *p)
{
    while (*p->at == ' ' || *p->at == '\n' || *p->at == '\t' || *p->at == '\r')
        p->at++;
    p->token.text[0] = '\0';
    if (!*p->at) {
        p->token.kind = TOKEN_END;
        return true;
    }
    if (*p->at == '`') {
        p->token.kind = TOKEN_QUOTED;
        return read_quoted(p, '`');
    }
    if (*p->at == '\'' || *p->at == '"') {
        p->token.kind = TOKEN_TEXT;
        return read_quoted(p, *p->at);
    }
    if (!is_word(*p->at))
        return read_sign(p);
    if (!read_word(p))
        return false;
    /* a charset's introducer: _utf8mb4'abc' */
    if (p->token.text[0] == '_' && *p->at == '\'') {
        if (strncasecmp(p->token.text, "_utf8", 5) != 0 &&
            strcasecmp(p->token.text, "_latin1") != 0 && strcasecmp(p->token.text, "_ascii") != 0)
            return fail(p, "it holds a text in a foreign charset");
        p->token.kind = TOKEN_TEXT;
        return read_quoted(p, '\'');
    }
    return true;
}

static bool is_sign(const struct parser *p, const char *sign)
{
    return p->token.kind == TOKEN_SIGN && strcmp(p->token.text, sign) == 0;
}

static bool is_keyword(const struct parser *p, const char *word)
{
    return p->token.kind == TOKEN_NAME && strcasecmp(p->token.text, word) == 0;
}

static bool expect_sign(struct parser *p, const char *sign)
{
    return is_sign(p, sign) ? next(p) : fail(p, "its form is not known");
}

static bool expect_keyword(struct parser *p, const char *word)
{
    return is_keyword(p, word) ? next(p) : fail(p, "its form is not known");
}

static bool parse_or(struct parser *p, struct node *out);

static bool is_number(const struct node *n)
{
    return n->class == EXPR_INT || n->class == EXPR_DECIMAL;
}

/* Rewrites a node as before || sql || after. */
static void wrap(struct node *n, const char *before, const char *after)
{
    struct buf sql = {0};

    buf_puts(&sql, before);
    buf_add(&sql, n->sql.ptr, n->sql.len);
    buf_puts(&sql, after);
    buf_free(&n->sql);
    n->sql = sql;
}

static bool as_bool(struct parser *p, struct node *n)
{
    if (n->class == EXPR_NULL || n->class == EXPR_BOOL)
        return true;
    if (!is_number(n))
        return fail(p, "it takes something for true that PostgreSQL doesn't");
    wrap(n, "(", " <> 0)");
    n->class = EXPR_BOOL;
    return true;
}

/* MySQL computes whole numbers with 64 bits. */
static bool as_number(struct parser *p, struct node *n)
{
    if (n->class == EXPR_BOOL) {
        wrap(n, "(", ")::int");
        n->class = EXPR_INT;
    }
    if (!is_number(n) && n->class != EXPR_NULL)
        return fail(p, "it computes with something that is no number");
    if (n->class == EXPR_INT)
        wrap(n, "(", ")::bigint");
    return true;
}

static bool as_text(struct parser *p, struct node *n)
{
    if (n->class == EXPR_TEXT || n->class == EXPR_NULL)
        return true;
    if (!is_number(n))
        return fail(p, "it makes text of something that PostgreSQL prints otherwise");
    wrap(n, "(", ")::text");
    n->class = EXPR_TEXT;
    return true;
}

static void join(struct node *left, const char *sign, struct node *right, enum expr_class class)
{
    wrap(left, "(", "");
    buf_printf(&left->sql, " %s ", sign);
    buf_add(&left->sql, right->sql.ptr, right->sql.len);
    buf_byte(&left->sql, ')');
    left->class = class;
    left->literal = false;
}

static enum expr_class class_of_kind(enum pg_kind kind)
{
    switch (kind) {
    case PG_BOOL:
        return EXPR_BOOL;
    case PG_INT2:
    case PG_INT4:
    case PG_INT8:
        return EXPR_INT;
    case PG_NUMERIC:
        return EXPR_DECIMAL;
    case PG_TEXT:
        return EXPR_TEXT;
    case PG_DATE:
    case PG_TIMESTAMP:
        return EXPR_DAY;
    default:
        return EXPR_OTHER;
    }
}

static bool parse_column(struct parser *p, const char *name, struct node *out)
{
    const struct expr_scope *scope = p->scope;

    for (uint32_t i = 0; scope->table && i < scope->table->ncolumns; i++) {
        const struct rnl_column *column = COLUMN(scope->table, i);

        if (strcasecmp(column->name, name) != 0)
            continue;
        if (scope->exact && (column->flags & RNL_COLUMN_GENERATED))
            return fail(p, "it reads another generated column");
        buf_name(&out->sql, scope->map->columns[i].name);
        out->class = class_of_kind(scope->map->columns[i].kind);
        if (scope->map->columns[i].enum_type)
            wrap(out, "", "::text");
        if (column->flags & RNL_COLUMN_SET)
            out->class = EXPR_OTHER;
        return true;
    }
    return fail(p, "it reads something that is no column of the table");
}

/* Arguments up to the closing parenthesis, at most max. */
static bool parse_args(struct parser *p, struct node *args, size_t max, size_t *count)
{
    *count = 0;
    if (is_sign(p, ")"))
        return next(p);
    for (;;) {
        if (*count == max)
            return fail(p, "it has too many arguments");
        if (!parse_or(p, &args[(*count)++]))
            return false;
        if (is_sign(p, ")"))
            return next(p);
        if (!expect_sign(p, ","))
            return false;
    }
}

/* Gives all arguments one class that a column can have. */
static bool unify(struct parser *p, struct node *args, size_t count, enum expr_class *class)
{
    *class = EXPR_NULL;
    for (size_t i = 0; i < count; i++) {
        if (args[i].class == EXPR_NULL || args[i].class == *class)
            continue;
        if (*class == EXPR_NULL)
            *class = args[i].class;
        else if ((*class == EXPR_INT || *class == EXPR_DECIMAL) && is_number(&args[i]))
            *class = EXPR_DECIMAL;
        else
            return fail(p, "it mixes types that PostgreSQL keeps apart");
    }
    return true;
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
        if (!as_text(p, &args[i]))
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
    if (!as_bool(p, &args[0]) || !unify(p, args + 1, 2, &out->class))
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
                return fail(p, "a function gets what is no text");
        out->class = f->form == FORM_TEXT ? EXPR_TEXT : EXPR_INT;
        break;
    case FORM_NUMBER:
        if (!as_number(p, &args[0]))
            return false;
        out->class = args[0].class;
        break;
    case FORM_SAME:
        if (!unify(p, args, count, &out->class))
            return false;
        break;
    case FORM_CUT:
        if (args[0].class != EXPR_TEXT)
            return fail(p, "a function gets what is no text");
        for (size_t i = 1; i < count; i++)
            if (!is_plain_count(&args[i], strcmp(f->target, "substr") == 0 && i == 1))
                return fail(p, "a text is cut at a place that is no plain number");
        out->class = EXPR_TEXT;
        break;
    case FORM_DAY_PART:
        if (args[0].class != EXPR_DAY)
            return fail(p, "a function gets what is no date");
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

static bool parse_function(struct parser *p, const char *name, struct node *out)
{
    const struct function *f = NULL;
    struct node args[16] = {0};
    size_t count = 0;
    bool good;

    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
        if (strcasecmp(functions[i].name, name) == 0)
            f = &functions[i];
    if (!f)
        return fail(p, "it uses a function that has no exact counterpart");
    good = next(p) && parse_args(p, args, f->max, &count);
    if (good && count < f->min)
        good = fail(p, "a function lacks arguments");
    good = good && emit_function(p, f, args, count, out);
    for (size_t i = 0; i < sizeof(args) / sizeof(args[0]); i++)
        buf_free(&args[i].sql);
    return good;
}

/* Takes the parts into out: the caller frees nothing of n. */
static void append_part(struct node *out, const char *before, struct node *n)
{
    buf_puts(&out->sql, before);
    buf_add(&out->sql, n->sql.ptr, n->sql.len);
}

static bool parse_case_arm(struct parser *p, struct node *out, enum expr_class *class)
{
    struct node when = {0}, then[2] = {0};
    bool good = parse_or(p, &when) && as_bool(p, &when) && expect_keyword(p, "then") &&
                parse_or(p, &then[0]);

    if (good) {
        then[1].class = *class;
        good = unify(p, then, 2, class);
        append_part(out, " WHEN ", &when);
        append_part(out, " THEN ", &then[0]);
    }
    buf_free(&when.sql);
    buf_free(&then[0].sql);
    return good;
}

/* CASE WHEN a THEN b … [ELSE c] END; the form with a value behind CASE is not done. */
static bool parse_case(struct parser *p, struct node *out)
{
    struct node otherwise[2] = {0};
    enum expr_class class = EXPR_NULL;
    bool good = true;

    buf_puts(&out->sql, "CASE");
    if (!is_keyword(p, "when"))
        return fail(p, "its form of CASE is not known");
    while (good && is_keyword(p, "when"))
        good = next(p) && parse_case_arm(p, out, &class);
    if (good && is_keyword(p, "else")) {
        good = next(p) && parse_or(p, &otherwise[0]);
        otherwise[1].class = class;
        good = good && unify(p, otherwise, 2, &class);
        append_part(out, " ELSE ", &otherwise[0]);
    }
    buf_puts(&out->sql, " END");
    out->class = class;
    buf_free(&otherwise[0].sql);
    return good && expect_keyword(p, "end");
}

static bool parse_word(struct parser *p, struct node *out)
{
    char name[sizeof(p->token.text)];
    bool quoted = p->token.kind == TOKEN_QUOTED;

    memcpy(name, p->token.text, sizeof(name));
    if (!next(p))
        return false;
    if (!quoted && is_sign(p, "("))
        return parse_function(p, name, out);
    if (!quoted && strcasecmp(name, "null") == 0) {
        buf_puts(&out->sql, "NULL");
        out->class = EXPR_NULL;
        return true;
    }
    if (!quoted && (strcasecmp(name, "true") == 0 || strcasecmp(name, "false") == 0)) {
        buf_puts(&out->sql, strcasecmp(name, "true") == 0 ? "true" : "false");
        out->class = EXPR_BOOL;
        return true;
    }
    if (!quoted && strcasecmp(name, "case") == 0)
        return parse_case(p, out);
    return parse_column(p, name, out);
}

static bool parse_primary(struct parser *p, struct node *out)
{
    switch (p->token.kind) {
    case TOKEN_NUMBER:
        out->class = strchr(p->token.text, '.') ? EXPR_DECIMAL : EXPR_INT;
        buf_puts(&out->sql, p->token.text);
        return next(p);
    case TOKEN_TEXT:
        out->class = EXPR_TEXT;
        out->literal = true;
        buf_literal(&out->sql, p->token.text);
        return next(p);
    case TOKEN_NAME:
    case TOKEN_QUOTED:
        return parse_word(p, out);
    case TOKEN_SIGN:
        if (is_sign(p, "("))
            return next(p) && parse_or(p, out) && expect_sign(p, ")");
        break;
    case TOKEN_END:
        break;
    }
    return fail(p, "its form is not known");
}

static bool parse_unary(struct parser *p, struct node *out)
{
    bool good;

    if (++p->depth > MAX_DEPTH)
        return fail(p, "it is nested too deep");
    if (is_sign(p, "-")) {
        good = next(p) && parse_unary(p, out) && as_number(p, out);
        if (good)
            wrap(out, "(- ", ")");
    } else if (is_sign(p, "!")) {
        good = next(p) && parse_unary(p, out) && as_bool(p, out);
        if (good)
            wrap(out, "(NOT ", ")");
    } else {
        good = parse_primary(p, out);
    }
    p->depth--;
    return good;
}

static bool join_numbers(struct parser *p, struct node *left, const char *sign, struct node *right)
{
    enum expr_class class;

    if (!as_number(p, left) || !as_number(p, right))
        return false;
    class = left->class == EXPR_INT && right->class == EXPR_INT ? EXPR_INT : EXPR_DECIMAL;
    join(left, sign, right, class);
    return true;
}

static bool parse_product(struct parser *p, struct node *out)
{
    bool good = parse_unary(p, out);

    if (good &&
        (is_sign(p, "/") || is_sign(p, "%") || is_keyword(p, "div") || is_keyword(p, "mod")))
        return fail(p, "it divides: rounding and division by zero differ");
    while (good && is_sign(p, "*")) {
        struct node right = {0};

        good = next(p) && parse_unary(p, &right) && join_numbers(p, out, "*", &right);
        buf_free(&right.sql);
        if (good && (is_sign(p, "/") || is_sign(p, "%")))
            good = fail(p, "it divides: rounding and division by zero differ");
    }
    return good;
}

static bool parse_sum(struct parser *p, struct node *out)
{
    bool good = parse_product(p, out);

    while (good && (is_sign(p, "+") || is_sign(p, "-"))) {
        const char *sign = is_sign(p, "+") ? "+" : "-";
        struct node right = {0};

        good = next(p) && parse_product(p, &right) && join_numbers(p, out, sign, &right);
        buf_free(&right.sql);
    }
    return good;
}

/* Texts compare by collation in MySQL: never the same as here, where the value must be exact. */
static bool may_compare(struct parser *p, struct node *left, struct node *right)
{
    if (left->class == EXPR_NULL || right->class == EXPR_NULL)
        return true;
    if (left->class == EXPR_TEXT && right->class == EXPR_TEXT)
        return p->scope->exact ? fail(p, "it compares texts, which the collations do differently")
                               : true;
    if (left->class == EXPR_DAY && (right->class == EXPR_DAY || right->literal))
        return true;
    if (left->class == EXPR_BOOL && right->class == EXPR_INT)
        return as_number(p, left);
    if (right->class == EXPR_BOOL && left->class == EXPR_INT)
        return as_number(p, right);
    if ((is_number(left) && is_number(right)) ||
        (left->class == EXPR_BOOL && right->class == EXPR_BOOL))
        return true;
    return fail(p, "it compares what PostgreSQL keeps apart");
}

static bool parse_in(struct parser *p, struct node *out)
{
    struct node list = {0};
    bool good = next(p) && expect_sign(p, "("), first = true;

    while (good) {
        struct node item = {0};

        good = parse_or(p, &item) && may_compare(p, out, &item);
        append_part(&list, first ? "" : ", ", &item);
        buf_free(&item.sql);
        first = false;
        if (good && is_sign(p, ")")) {
            good = next(p);
            break;
        }
        good = good && expect_sign(p, ",");
    }
    wrap(out, "(", " IN (");
    append_part(out, "", &list);
    buf_puts(&out->sql, "))");
    buf_free(&list.sql);
    out->class = EXPR_BOOL;
    return good;
}

static bool parse_between(struct parser *p, struct node *out)
{
    struct node low = {0}, high = {0};
    bool good = next(p) && parse_sum(p, &low) && expect_keyword(p, "and") && parse_sum(p, &high) &&
                may_compare(p, out, &low) && may_compare(p, out, &high);

    if (good) {
        wrap(out, "(", " BETWEEN ");
        append_part(out, "", &low);
        append_part(out, " AND ", &high);
        buf_byte(&out->sql, ')');
        out->class = EXPR_BOOL;
    }
    buf_free(&low.sql);
    buf_free(&high.sql);
    return good;
}

static bool parse_is(struct parser *p, struct node *out)
{
    bool negated = false;

    if (!next(p))
        return false;
    if (is_keyword(p, "not")) {
        negated = true;
        if (!next(p))
            return false;
    }
    if (!expect_keyword(p, "null"))
        return false;
    wrap(out, "(", negated ? " IS NOT NULL)" : " IS NULL)");
    out->class = EXPR_BOOL;
    return true;
}

static const char *comparison(const struct parser *p)
{
    static const char *const signs[] = {"=", "<>", "<", "<=", ">", ">="};

    for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
        if (is_sign(p, signs[i]))
            return signs[i];
    return is_sign(p, "!=") ? "<>" : NULL;
}

static bool parse_compare(struct parser *p, struct node *out)
{
    const char *sign;
    bool good = parse_sum(p, out), negated = false;

    if (good && is_keyword(p, "is"))
        return parse_is(p, out);
    if (good && is_keyword(p, "not")) {
        negated = true;
        good = next(p);
    }
    if (good && (is_keyword(p, "in") || is_keyword(p, "between"))) {
        good = is_keyword(p, "in") ? parse_in(p, out) : parse_between(p, out);
        if (good && negated)
            wrap(out, "(NOT ", ")");
        return good;
    }
    if (good && negated)
        return fail(p, "its form is not known");
    while (good && (sign = comparison(p)) != NULL) {
        struct node right = {0};

        good = next(p) && parse_sum(p, &right) && may_compare(p, out, &right);
        if (good)
            join(out, sign, &right, EXPR_BOOL);
        buf_free(&right.sql);
    }
    return good;
}

static bool parse_not(struct parser *p, struct node *out)
{
    bool good;

    if (!is_keyword(p, "not"))
        return parse_compare(p, out);
    if (++p->depth > MAX_DEPTH)
        return fail(p, "it is nested too deep");
    good = next(p) && parse_not(p, out) && as_bool(p, out);
    if (good)
        wrap(out, "(NOT ", ")");
    p->depth--;
    return good;
}

static bool parse_and(struct parser *p, struct node *out)
{
    bool good = parse_not(p, out);

    while (good && (is_keyword(p, "and") || is_sign(p, "&&"))) {
        struct node right = {0};

        good = next(p) && parse_not(p, &right) && as_bool(p, out) && as_bool(p, &right);
        if (good)
            join(out, "AND", &right, EXPR_BOOL);
        buf_free(&right.sql);
    }
    return good;
}

static bool parse_or(struct parser *p, struct node *out)
{
    bool good;

    if (++p->depth > MAX_DEPTH)
        return fail(p, "it is nested too deep");
    good = parse_and(p, out);
    while (good && is_keyword(p, "or")) {
        struct node right = {0};

        good = next(p) && parse_and(p, &right) && as_bool(p, out) && as_bool(p, &right);
        if (good)
            join(out, "OR", &right, EXPR_BOOL);
        buf_free(&right.sql);
    }
    p->depth--;
    return good;
}

bool expr_translate(const struct expr_scope *scope, const char *text, struct buf *out,
                    enum expr_class *yields, const char **why)
{
    struct parser p = {.scope = scope, .at = text};
    struct node node = {0};
    bool good = next(&p) && parse_or(&p, &node);

    if (good && p.token.kind != TOKEN_END)
        good = fail(&p, "its form is not known");
    if (good && !buf_text(&node.sql))
        good = fail(&p, "out of memory");
    if (good) {
        buf_add(out, node.sql.ptr, node.sql.len);
        *yields = node.class;
    }
    *why = p.why ? p.why : "";
    buf_free(&node.sql);
    return good;
}
