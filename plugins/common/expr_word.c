/* Parts of an expression that begin with a word: columns, calls, CASE; and casts behind a part. */
#include "expr_part.h"

#include <ctype.h>
#include <strings.h>

static struct node *parse_case(struct parser *p)
{
    struct node *node = expr_node(p, NODE_CASE, NULL), *operand = NULL, *when, *then;

    if (node && !expr_is_keyword(p, "when") && !(operand = expr_parse(p)))
        return NULL;
    while (node && expr_is_keyword(p, "when")) {
        if (!expr_next(p) || !(when = expr_parse(p)) || !expr_expect_keyword(p, "then") ||
            !(then = expr_parse(p)))
            return NULL;
        if (operand) { /* CASE x WHEN y is CASE WHEN x = y */
            struct node *equal = expr_node(p, NODE_BINARY, "="),
                        *copy = expr_node(p, NODE_NULL, "");

            if (!equal || !copy)
                return NULL;
            *copy = *operand;
            copy->next = NULL;
            node_append(equal, copy);
            node_append(equal, when);
            when = equal;
        }
        node_append(node, when);
        node_append(node, then);
    }
    if (node && expr_is_keyword(p, "else")) {
        if (!node->first || !expr_next(p) || !(then = expr_parse(p)))
            return NULL;
        node_append(node, then);
    }
    return node && node->first && expr_expect_keyword(p, "end") ? node : NULL;
}

/* A type: words, a modifier, time zones, []; without its modifier and in small letters. */
static const char *parse_type(struct parser *p)
{
    static const char *const more[] = {"varying", "precision", "unsigned", "charset", NULL};
    struct buf type = {0};
    const char *copy;
    bool good = true;

    while (good && (p->token.kind == TOKEN_NAME || p->token.kind == TOKEN_QUOTED)) {
        bool again = false;

        for (const char *c = p->token.text; *c; c++)
            buf_byte(&type, (char)tolower((unsigned char)*c));
        good = expr_next(p);
        if (good && expr_is_sign(p, ".")) {
            buf_byte(&type, '.');
            good = expr_next(p);
            continue;
        }
        for (int i = 0; more[i]; i++)
            again = again || expr_is_keyword(p, more[i]);
        if (!again)
            break;
        buf_byte(&type, ' ');
        if (expr_is_keyword(p, "charset"))
            good = expr_fail(p, "it casts to a charset");
    }
    if (good && type.len && expr_is_sign(p, "(")) {
        buf_puts(&type, "()"); /* cut to a length or precision */
        while (good && !expr_is_sign(p, ")"))
            good = expr_next(p) &&
                   (p->token.kind == TOKEN_NUMBER || expr_is_sign(p, ",") || expr_is_sign(p, ")"));
        good = good && expr_next(p);
    }
    if (good && (expr_is_keyword(p, "with") || expr_is_keyword(p, "without"))) {
        if (expr_is_keyword(p, "with"))
            buf_puts(&type, "tz");
        good = expr_next(p) && expr_expect_keyword(p, "time") && expr_expect_keyword(p, "zone");
    }
    while (good && expr_is_sign(p, "[")) {
        buf_puts(&type, "[]");
        good = expr_next(p) && expr_expect_sign(p, "]");
    }
    copy = good && type.len && buf_text(&type) ? arena_strdup(&p->arena, type.ptr) : NULL;
    buf_free(&type);
    if (!copy)
        expr_fail(p, "it casts to a type that is not known");
    return copy;
}

static struct node *cast(struct parser *p, struct node *part)
{
    const char *type = part ? parse_type(p) : NULL;
    struct node *node = type ? expr_node(p, NODE_CAST, type) : NULL;

    if (node)
        node->first = part;
    return node;
}

struct node *expr_parse_casts(struct parser *p, struct node *node)
{
    while (node && p->scope->from == EXPR_POSTGRES && expr_is_sign(p, "::"))
        node = expr_next(p) ? cast(p, node) : NULL;
    return node;
}

/* CAST(x AS type) */
static struct node *parse_cast(struct parser *p)
{
    struct node *part = expr_next(p) ? expr_parse(p) : NULL;
    struct node *node = part && expr_expect_keyword(p, "as") ? cast(p, part) : NULL;

    return node && expr_expect_sign(p, ")") ? node : NULL;
}

static struct node *parse_array(struct parser *p)
{
    struct node *node = expr_next(p) ? expr_node(p, NODE_ARRAY, NULL) : NULL, *item;

    while (node && !expr_is_sign(p, "]")) {
        if ((node->first && !expr_expect_sign(p, ",")) || !(item = expr_parse(p)))
            return NULL;
        node_append(node, item);
    }
    return node && expr_next(p) ? node : NULL;
}

/* EXTRACT(year FROM x): the field becomes a text in the first place. */
static struct node *parse_extract(struct parser *p, struct node *call)
{
    struct node *field, *part;

    if (!expr_next(p) || (p->token.kind != TOKEN_NAME && p->token.kind != TOKEN_TEXT) ||
        !(field = expr_node(p, NODE_TEXT, p->token.text)) || !expr_next(p) ||
        !expr_expect_keyword(p, "from") || !(part = expr_parse(p)))
        return NULL;
    node_append(call, field);
    node_append(call, part);
    return expr_expect_sign(p, ")") ? call : NULL;
}

/* Arguments; SUBSTRING(x FROM 1 FOR 2) and TRIM(BOTH FROM x) have words in the commas' place. */
static struct node *parse_call(struct parser *p, const char *name)
{
    struct node *call = expr_node(p, NODE_CALL, name), *part;

    if (!call || strcasecmp(name, "cast") == 0)
        return call ? parse_cast(p) : NULL;
    if (strcasecmp(name, "extract") == 0)
        return parse_extract(p, call);
    if (!expr_next(p))
        return NULL;
    if (strcasecmp(name, "trim") == 0 && expr_is_keyword(p, "both"))
        if (!expr_next(p) || !expr_expect_keyword(p, "from"))
            return NULL;
    if (expr_is_sign(p, ")"))
        return expr_next(p) ? call : NULL;
    for (;;) {
        if (!(part = expr_parse(p)))
            return NULL;
        node_append(call, part);
        if (expr_is_sign(p, ")"))
            return expr_next(p) ? call : NULL;
        if (strncasecmp(name, "substr", 6) == 0 &&
            (expr_is_keyword(p, "from") || expr_is_keyword(p, "for"))) {
            if (expr_is_keyword(p, "for") && !call->first->next)
                return NULL;
            if (!expr_next(p))
                return NULL;
        } else if (!expr_expect_sign(p, ",")) {
            return NULL;
        }
    }
}

/* Words that are calls without parentheses. */
static bool is_moment(const char *name)
{
    static const char *const names[] = {"current_timestamp", "current_date", "localtimestamp",
                                        NULL};

    for (int i = 0; names[i]; i++)
        if (strcasecmp(names[i], name) == 0)
            return true;
    return false;
}

static struct node *parse_plain(struct parser *p, const char *name)
{
    if (strcasecmp(name, "null") == 0)
        return expr_node(p, NODE_NULL, name);
    if (strcasecmp(name, "true") == 0)
        return expr_node(p, NODE_BOOL, "true");
    if (strcasecmp(name, "false") == 0)
        return expr_node(p, NODE_BOOL, "false");
    if (strcasecmp(name, "case") == 0)
        return parse_case(p);
    if (is_moment(name))
        return expr_node(p, NODE_CALL, name);
    return expr_node(p, NODE_COLUMN, name);
}

static bool is_typed_literal(const struct parser *p, const char *name)
{
    return p->token.kind == TOKEN_TEXT && p->scope->from != EXPR_SQLITE &&
           (strcasecmp(name, "date") == 0 || strcasecmp(name, "timestamp") == 0);
}

static struct node *reject(struct parser *p)
{
    expr_fail(p, "its form is not known");
    return NULL;
}

struct node *expr_parse_word(struct parser *p)
{
    const char *name = p->token.text;
    bool quoted = p->token.kind == TOKEN_QUOTED;
    struct node *node = NULL;

    if (!expr_next(p))
        return NULL;
    if (expr_is_sign(p, "."))
        return reject(p);
    /* PostgreSQL prints "left"(x, 2) */
    if ((!quoted || p->scope->from == EXPR_POSTGRES) && expr_is_sign(p, "(")) {
        node = parse_call(p, name);
    } else if (!quoted && strcasecmp(name, "array") == 0 && expr_is_sign(p, "[")) {
        node = parse_array(p);
    } else if (!quoted && is_typed_literal(p, name)) { /* DATE '2020-01-01' */
        struct node *text = expr_node(p, NODE_TEXT, p->token.text);

        node = text && expr_next(p) ? expr_node(p, NODE_CAST, name) : NULL;
        if (node)
            node->first = text;
    } else {
        node = quoted ? expr_node(p, NODE_COLUMN, name) : parse_plain(p, name);
        if (node)
            node->quoted = quoted;
    }
    return node ? node : reject(p);
}
