/* Expressions into trees: a descent by precedence, as far as the three dialects agree on it. */
#include "expr_part.h"

#define MAX_DEPTH 64
#define MAX_NODES 1000

struct node *expr_node(struct parser *p, enum node_kind kind, const char *text)
{
    struct node *node = ++p->nodes > MAX_NODES ? NULL : arena_alloc(&p->arena, sizeof(*node));

    if (!node) {
        expr_fail(p, p->nodes > MAX_NODES ? "it is too long" : "out of memory");
        return NULL;
    }
    node->kind = kind;
    node->text = text;
    return node;
}

void node_append(struct node *parent, struct node *part)
{
    struct node **link = &parent->first;

    while (*link)
        link = &(*link)->next;
    *link = part;
}

static struct node *pair(struct parser *p, enum node_kind kind, const char *text, struct node *left,
                         struct node *right)
{
    struct node *node = left && right ? expr_node(p, kind, text) : NULL;

    if (node) {
        node_append(node, left);
        node_append(node, right);
    }
    return node;
}

static struct node *over(struct parser *p, enum node_kind kind, const char *text, struct node *part)
{
    struct node *node = part ? expr_node(p, kind, text) : NULL;

    if (node)
        node->first = part;
    return node;
}

static struct node *parse_primary(struct parser *p)
{
    struct node *node = NULL;

    switch (p->token.kind) {
    case TOKEN_NUMBER:
    case TOKEN_TEXT:
        node = expr_node(p, p->token.kind == TOKEN_TEXT ? NODE_TEXT : NODE_NUMBER, p->token.text);
        return node && expr_next(p) ? node : NULL;
    case TOKEN_NAME:
    case TOKEN_QUOTED:
        return expr_parse_word(p);
    case TOKEN_SIGN:
        if (expr_is_sign(p, "(") && expr_next(p) && (node = expr_parse(p)) != NULL)
            return expr_expect_sign(p, ")") ? node : NULL;
        break;
    case TOKEN_END:
        break;
    }
    expr_fail(p, "its form is not known");
    return NULL;
}

static struct node *parse_unary(struct parser *p)
{
    struct node *node = NULL;

    if (++p->depth > MAX_DEPTH) {
        expr_fail(p, "it is nested too deep");
        return NULL;
    }
    if (expr_is_sign(p, "-"))
        node = expr_next(p) ? over(p, NODE_NEGATE, NULL, parse_unary(p)) : NULL;
    else if (expr_is_sign(p, "+"))
        node = expr_next(p) ? parse_unary(p) : NULL;
    else if (expr_is_sign(p, "!") && p->scope->from == EXPR_MYSQL)
        node = expr_next(p) ? over(p, NODE_NOT, NULL, parse_unary(p)) : NULL;
    else
        node = expr_parse_casts(p, parse_primary(p));
    p->depth--;
    return node;
}

static const char *any_sign(const struct parser *p, const char *const *signs)
{
    for (; *signs; signs++)
        if (expr_is_sign(p, *signs) || expr_is_keyword(p, *signs))
            return *signs;
    return NULL;
}

/* Operators of one level, from the left. */
static struct node *parse_chain(struct parser *p, const char *const *signs,
                                struct node *(*part)(struct parser *))
{
    struct node *left = part(p);
    const char *sign;

    while (left && (sign = any_sign(p, signs)) != NULL)
        left = expr_next(p)
                   ? pair(p, NODE_BINARY, strcmp(sign, "mod") == 0 ? "%" : sign, left, part(p))
                   : NULL;
    return left;
}

static const char *const concat_signs[] = {"||", NULL};

/* SQLite joins texts before it multiplies, PostgreSQL after it has added. */
static struct node *parse_factor(struct parser *p)
{
    return p->scope->from == EXPR_SQLITE ? parse_chain(p, concat_signs, parse_unary)
                                         : parse_unary(p);
}

static struct node *parse_product(struct parser *p)
{
    static const char *const mysql[] = {"*", "/", "%", "div", "mod", NULL};
    static const char *const others[] = {"*", "/", "%", NULL};

    return parse_chain(p, p->scope->from == EXPR_MYSQL ? mysql : others, parse_factor);
}

static struct node *parse_plain_sum(struct parser *p)
{
    static const char *const signs[] = {"+", "-", NULL};

    return parse_chain(p, signs, parse_product);
}

static struct node *parse_sum(struct parser *p)
{
    return p->scope->from == EXPR_POSTGRES ? parse_chain(p, concat_signs, parse_plain_sum)
                                           : parse_plain_sum(p);
}

static struct node *parse_in(struct parser *p, struct node *left)
{
    struct node *node = over(p, NODE_IN, NULL, left);

    if (!node || !expr_next(p) || !expr_expect_sign(p, "("))
        return NULL;
    for (;;) {
        struct node *item = expr_parse(p);

        if (!item)
            return NULL;
        node_append(node, item);
        if (expr_is_sign(p, ")"))
            return expr_next(p) ? node : NULL;
        if (!expr_expect_sign(p, ","))
            return NULL;
    }
}

static struct node *parse_between(struct parser *p, struct node *left)
{
    struct node *node = over(p, NODE_BETWEEN, NULL, left), *low, *high;

    if (!node || !expr_next(p) || !(low = parse_sum(p)) || !expr_expect_keyword(p, "and") ||
        !(high = parse_sum(p)))
        return NULL;
    node_append(node, low);
    node_append(node, high);
    return node;
}

static struct node *negate(struct node *node, bool negated)
{
    if (node)
        node->negated = node->negated != negated;
    return node;
}

/* IS [NOT] NULL, TRUE, FALSE, DISTINCT FROM; SQLite: IS of anything */
static struct node *parse_is(struct parser *p, struct node *left)
{
    static const char *const words[] = {"null", "true", "false", NULL};
    bool negated = false;
    const char *word;

    if (!expr_next(p))
        return NULL;
    if (expr_is_keyword(p, "not")) {
        negated = true;
        if (!expr_next(p))
            return NULL;
    }
    if ((word = any_sign(p, words)) != NULL)
        return expr_next(p) ? negate(over(p, NODE_IS, word, left), negated) : NULL;
    if (expr_is_keyword(p, "distinct"))
        return expr_next(p) && expr_expect_keyword(p, "from")
                   ? negate(pair(p, NODE_BINARY, "same", left, parse_sum(p)), !negated)
                   : NULL;
    if (p->scope->from == EXPR_SQLITE)
        return negate(pair(p, NODE_BINARY, "same", left, parse_sum(p)), negated);
    expr_fail(p, "its form is not known");
    return NULL;
}

/* = ANY (ARRAY[…]) is IN, <> ALL (ARRAY[…]) is NOT IN. */
static struct node *parse_any(struct parser *p, const char *sign, struct node *left)
{
    bool any = expr_is_keyword(p, "any");
    struct node *node = over(p, NODE_IN, NULL, left), *list;

    if (!node || strcmp(sign, any ? "=" : "<>") != 0 || !expr_next(p) || !expr_expect_sign(p, "("))
        return NULL;
    list = expr_parse(p);
    while (list && list->kind == NODE_CAST)
        list = list->first;
    if (!list || list->kind != NODE_ARRAY || !list->first || !expr_expect_sign(p, ")"))
        return NULL;
    node_append(node, list->first);
    return negate(node, !any);
}

static struct node *parse_comparison(struct parser *p, const char *sign, struct node *left)
{
    struct node *node;

    if (!expr_next(p))
        return NULL;
    if (p->scope->from == EXPR_POSTGRES &&
        (expr_is_keyword(p, "any") || expr_is_keyword(p, "all"))) {
        node = parse_any(p, sign, left);
        if (!node)
            expr_fail(p, "it compares with a list in a form that is not known");
        return node;
    }
    return pair(p, NODE_BINARY, sign, left, parse_sum(p));
}

static const char *comparison(const struct parser *p)
{
    static const char *const signs[] = {"=", "<>", "<", "<=", ">", ">=", NULL};
    const char *sign = any_sign(p, signs);

    if (expr_is_sign(p, "!="))
        return "<>";
    if (expr_is_sign(p, "==") && p->scope->from == EXPR_SQLITE)
        return "=";
    if (expr_is_sign(p, "<=>") && p->scope->from == EXPR_MYSQL)
        return "same";
    return sign;
}

/* The sign or word of a pattern; PostgreSQL prints LIKE as ~~. */
static const char *match(const struct parser *p, bool *negated)
{
    bool postgres = p->scope->from == EXPR_POSTGRES;

    if (expr_is_keyword(p, "like"))
        return "like";
    if (expr_is_keyword(p, "glob") && p->scope->from == EXPR_SQLITE)
        return "glob";
    if (p->scope->from == EXPR_MYSQL &&
        (expr_is_keyword(p, "regexp") || expr_is_keyword(p, "rlike")))
        return "regexp";
    if (postgres && (expr_is_sign(p, "!~~") || expr_is_sign(p, "!~")))
        *negated = !*negated;
    if (postgres && (expr_is_sign(p, "~~") || expr_is_sign(p, "!~~")))
        return "like";
    if (postgres && (expr_is_sign(p, "~") || expr_is_sign(p, "!~")))
        return "regexp";
    return NULL;
}

/* What stands behind a sum, once: the dialects don't agree on two of these in a row. */
static struct node *parse_compare(struct parser *p)
{
    struct node *left = parse_sum(p);
    bool negated = false;
    const char *sign;

    if (!left)
        return NULL;
    if (expr_is_keyword(p, "is"))
        return parse_is(p, left);
    if (expr_is_keyword(p, "not")) {
        negated = true;
        if (!expr_next(p))
            return NULL;
    }
    if (expr_is_keyword(p, "in"))
        return negate(parse_in(p, left), negated);
    if (expr_is_keyword(p, "between"))
        return negate(parse_between(p, left), negated);
    if ((sign = match(p, &negated)) != NULL)
        return expr_next(p) ? negate(pair(p, NODE_MATCH, sign, left, parse_sum(p)), negated) : NULL;
    if (negated) {
        expr_fail(p, "its form is not known");
        return NULL;
    }
    sign = comparison(p);
    return sign ? parse_comparison(p, sign, left) : left;
}

static struct node *parse_not(struct parser *p)
{
    struct node *node;

    if (!expr_is_keyword(p, "not"))
        return parse_compare(p);
    if (++p->depth > MAX_DEPTH) {
        expr_fail(p, "it is nested too deep");
        return NULL;
    }
    node = expr_next(p) ? over(p, NODE_NOT, NULL, parse_not(p)) : NULL;
    p->depth--;
    return node;
}

static struct node *parse_and(struct parser *p)
{
    static const char *const signs[] = {"and", NULL};
    static const char *const mysql[] = {"and", "&&", NULL};
    struct node *left = parse_not(p);

    while (left && any_sign(p, p->scope->from == EXPR_MYSQL ? mysql : signs))
        left = expr_next(p) ? pair(p, NODE_BINARY, "and", left, parse_not(p)) : NULL;
    return left;
}

struct node *expr_parse(struct parser *p)
{
    static const char *const signs[] = {"or", NULL};
    struct node *node;

    if (++p->depth > MAX_DEPTH) {
        expr_fail(p, "it is nested too deep");
        return NULL;
    }
    node = parse_chain(p, signs, parse_and);
    p->depth--;
    return node;
}
