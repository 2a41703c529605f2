/*
 * Translates expressions of MySQL and MariaDB into PostgreSQL's: those that mean exactly
 * the same. A recursive descent by precedence that writes the translation as it reads.
 */
#include "expr_part.h"

#include <strings.h>

#define MAX_DEPTH 64

static void join(struct node *left, const char *sign, struct node *right, enum expr_class class)
{
    node_wrap(left, "(", "");
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
            return expr_fail(p, "it reads another generated column");
        buf_name(&out->sql, scope->map->columns[i].name);
        out->class = class_of_kind(scope->map->columns[i].kind);
        if (scope->map->columns[i].enum_type)
            node_wrap(out, "", "::text");
        if (column->flags & RNL_COLUMN_SET)
            out->class = EXPR_OTHER;
        return true;
    }
    return expr_fail(p, "it reads something that is no column of the table");
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
    bool good = expr_parse(p, &when) && node_as_bool(p, &when) && expr_expect_keyword(p, "then") &&
                expr_parse(p, &then[0]);

    if (good) {
        then[1].class = *class;
        good = node_unify(p, then, 2, class);
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
    if (!expr_is_keyword(p, "when"))
        return expr_fail(p, "its form of CASE is not known");
    while (good && expr_is_keyword(p, "when"))
        good = expr_next(p) && parse_case_arm(p, out, &class);
    if (good && expr_is_keyword(p, "else")) {
        good = expr_next(p) && expr_parse(p, &otherwise[0]);
        otherwise[1].class = class;
        good = good && node_unify(p, otherwise, 2, &class);
        append_part(out, " ELSE ", &otherwise[0]);
    }
    buf_puts(&out->sql, " END");
    out->class = class;
    buf_free(&otherwise[0].sql);
    return good && expr_expect_keyword(p, "end");
}

static bool parse_word(struct parser *p, struct node *out)
{
    char name[sizeof(p->token.text)];
    bool quoted = p->token.kind == TOKEN_QUOTED;

    memcpy(name, p->token.text, sizeof(name));
    if (!expr_next(p))
        return false;
    if (!quoted && expr_is_sign(p, "("))
        return expr_function(p, name, out);
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
        return expr_next(p);
    case TOKEN_TEXT:
        out->class = EXPR_TEXT;
        out->literal = true;
        buf_literal(&out->sql, p->token.text);
        return expr_next(p);
    case TOKEN_NAME:
    case TOKEN_QUOTED:
        return parse_word(p, out);
    case TOKEN_SIGN:
        if (expr_is_sign(p, "("))
            return expr_next(p) && expr_parse(p, out) && expr_expect_sign(p, ")");
        break;
    case TOKEN_END:
        break;
    }
    return expr_fail(p, "its form is not known");
}

static bool parse_unary(struct parser *p, struct node *out)
{
    bool good;

    if (++p->depth > MAX_DEPTH)
        return expr_fail(p, "it is nested too deep");
    if (expr_is_sign(p, "-")) {
        good = expr_next(p) && parse_unary(p, out) && node_as_number(p, out);
        if (good)
            node_wrap(out, "(- ", ")");
    } else if (expr_is_sign(p, "!")) {
        good = expr_next(p) && parse_unary(p, out) && node_as_bool(p, out);
        if (good)
            node_wrap(out, "(NOT ", ")");
    } else {
        good = parse_primary(p, out);
    }
    p->depth--;
    return good;
}

static bool join_numbers(struct parser *p, struct node *left, const char *sign, struct node *right)
{
    enum expr_class class;

    if (!node_as_number(p, left) || !node_as_number(p, right))
        return false;
    class = left->class == EXPR_INT && right->class == EXPR_INT ? EXPR_INT : EXPR_DECIMAL;
    join(left, sign, right, class);
    return true;
}

static bool parse_product(struct parser *p, struct node *out)
{
    bool good = parse_unary(p, out);

    if (good && (expr_is_sign(p, "/") || expr_is_sign(p, "%") || expr_is_keyword(p, "div") ||
                 expr_is_keyword(p, "mod")))
        return expr_fail(p, "it divides: rounding and division by zero differ");
    while (good && expr_is_sign(p, "*")) {
        struct node right = {0};

        good = expr_next(p) && parse_unary(p, &right) && join_numbers(p, out, "*", &right);
        buf_free(&right.sql);
        if (good && (expr_is_sign(p, "/") || expr_is_sign(p, "%")))
            good = expr_fail(p, "it divides: rounding and division by zero differ");
    }
    return good;
}

static bool parse_sum(struct parser *p, struct node *out)
{
    bool good = parse_product(p, out);

    while (good && (expr_is_sign(p, "+") || expr_is_sign(p, "-"))) {
        const char *sign = expr_is_sign(p, "+") ? "+" : "-";
        struct node right = {0};

        good = expr_next(p) && parse_product(p, &right) && join_numbers(p, out, sign, &right);
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
        return p->scope->exact
                   ? expr_fail(p, "it compares texts, which the collations do differently")
                   : true;
    if (left->class == EXPR_DAY && (right->class == EXPR_DAY || right->literal))
        return true;
    if (left->class == EXPR_BOOL && right->class == EXPR_INT)
        return node_as_number(p, left);
    if (right->class == EXPR_BOOL && left->class == EXPR_INT)
        return node_as_number(p, right);
    if ((node_is_number(left) && node_is_number(right)) ||
        (left->class == EXPR_BOOL && right->class == EXPR_BOOL))
        return true;
    return expr_fail(p, "it compares what PostgreSQL keeps apart");
}

static bool parse_in(struct parser *p, struct node *out)
{
    struct node list = {0};
    bool good = expr_next(p) && expr_expect_sign(p, "("), first = true;

    while (good) {
        struct node item = {0};

        good = expr_parse(p, &item) && may_compare(p, out, &item);
        append_part(&list, first ? "" : ", ", &item);
        buf_free(&item.sql);
        first = false;
        if (good && expr_is_sign(p, ")")) {
            good = expr_next(p);
            break;
        }
        good = good && expr_expect_sign(p, ",");
    }
    node_wrap(out, "(", " IN (");
    append_part(out, "", &list);
    buf_puts(&out->sql, "))");
    buf_free(&list.sql);
    out->class = EXPR_BOOL;
    return good;
}

static bool parse_between(struct parser *p, struct node *out)
{
    struct node low = {0}, high = {0};
    bool good = expr_next(p) && parse_sum(p, &low) && expr_expect_keyword(p, "and") &&
                parse_sum(p, &high) && may_compare(p, out, &low) && may_compare(p, out, &high);

    if (good) {
        node_wrap(out, "(", " BETWEEN ");
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

    if (!expr_next(p))
        return false;
    if (expr_is_keyword(p, "not")) {
        negated = true;
        if (!expr_next(p))
            return false;
    }
    if (!expr_expect_keyword(p, "null"))
        return false;
    node_wrap(out, "(", negated ? " IS NOT NULL)" : " IS NULL)");
    out->class = EXPR_BOOL;
    return true;
}

static const char *comparison(const struct parser *p)
{
    static const char *const signs[] = {"=", "<>", "<", "<=", ">", ">="};

    for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
        if (expr_is_sign(p, signs[i]))
            return signs[i];
    return expr_is_sign(p, "!=") ? "<>" : NULL;
}

static bool parse_compare(struct parser *p, struct node *out)
{
    const char *sign;
    bool good = parse_sum(p, out), negated = false;

    if (good && expr_is_keyword(p, "is"))
        return parse_is(p, out);
    if (good && expr_is_keyword(p, "not")) {
        negated = true;
        good = expr_next(p);
    }
    if (good && (expr_is_keyword(p, "in") || expr_is_keyword(p, "between"))) {
        good = expr_is_keyword(p, "in") ? parse_in(p, out) : parse_between(p, out);
        if (good && negated)
            node_wrap(out, "(NOT ", ")");
        return good;
    }
    if (good && negated)
        return expr_fail(p, "its form is not known");
    while (good && (sign = comparison(p)) != NULL) {
        struct node right = {0};

        good = expr_next(p) && parse_sum(p, &right) && may_compare(p, out, &right);
        if (good)
            join(out, sign, &right, EXPR_BOOL);
        buf_free(&right.sql);
    }
    return good;
}

static bool parse_not(struct parser *p, struct node *out)
{
    bool good;

    if (!expr_is_keyword(p, "not"))
        return parse_compare(p, out);
    if (++p->depth > MAX_DEPTH)
        return expr_fail(p, "it is nested too deep");
    good = expr_next(p) && parse_not(p, out) && node_as_bool(p, out);
    if (good)
        node_wrap(out, "(NOT ", ")");
    p->depth--;
    return good;
}

static bool parse_and(struct parser *p, struct node *out)
{
    bool good = parse_not(p, out);

    while (good && (expr_is_keyword(p, "and") || expr_is_sign(p, "&&"))) {
        struct node right = {0};

        good =
            expr_next(p) && parse_not(p, &right) && node_as_bool(p, out) && node_as_bool(p, &right);
        if (good)
            join(out, "AND", &right, EXPR_BOOL);
        buf_free(&right.sql);
    }
    return good;
}

bool expr_parse(struct parser *p, struct node *out)
{
    bool good;

    if (++p->depth > MAX_DEPTH)
        return expr_fail(p, "it is nested too deep");
    good = parse_and(p, out);
    while (good && expr_is_keyword(p, "or")) {
        struct node right = {0};

        good =
            expr_next(p) && parse_and(p, &right) && node_as_bool(p, out) && node_as_bool(p, &right);
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
    bool good = expr_next(&p) && expr_parse(&p, &node);

    if (good && p.token.kind != TOKEN_END)
        good = expr_fail(&p, "its form is not known");
    if (good && !buf_text(&node.sql))
        good = expr_fail(&p, "out of memory");
    if (good) {
        buf_add(out, node.sql.ptr, node.sql.len);
        *yields = node.class;
    }
    *why = p.why ? p.why : "";
    buf_free(&node.sql);
    return good;
}
