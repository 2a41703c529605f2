/* Patterns: LIKE, GLOB and regular expressions, where case and special signs mean the same. */
#include "expr_part.h"

#include <ctype.h>

/* The sides of a pattern: a text, and a constant in the source's spelling. */
struct match {
    struct piece left;
    const char *pattern;
    bool negated;
};

static void emit(struct parser *p, struct match *m, const char *sign, const char *pattern,
                 struct piece *out)
{
    piece_append(out, m->negated ? "(NOT (" : "(", &m->left);
    buf_printf(&out->sql, " %s ", sign);
    expr_literal(&out->sql, p->scope->to, pattern);
    buf_puts(&out->sql, m->negated ? "))" : ")");
    out->class = EXPR_BOOL;
}

/* A pattern of LIKE as GLOB has it. false: it holds an escape. */
static bool glob_of_like(const char *pattern, struct buf *out)
{
    for (; *pattern; pattern++) {
        if (*pattern == '\\')
            return false;
        if (*pattern == '%' || *pattern == '_')
            buf_byte(out, *pattern == '%' ? '*' : '?');
        else if (strchr("*?[", *pattern))
            buf_printf(out, "[%c]", *pattern);
        else
            buf_byte(out, *pattern);
    }
    return buf_text(out) != NULL;
}

static bool like_of_glob(const char *pattern, struct buf *out)
{
    for (; *pattern; pattern++) {
        if (*pattern == '[' || *pattern == '\\')
            return false;
        if (*pattern == '*' || *pattern == '?')
            buf_byte(out, *pattern == '*' ? '%' : '_');
        else if (*pattern == '%' || *pattern == '_')
            buf_printf(out, "\\%c", *pattern);
        else
            buf_byte(out, *pattern);
    }
    return buf_text(out) != NULL;
}

static bool has_letters(const char *text)
{
    for (; *text; text++)
        if (isalpha((unsigned char)*text))
            return true;
    return false;
}

/* SQLite's LIKE minds no case of A-Z and knows no escape; the others' go by the collation. */
static bool match_like(struct parser *p, struct match *m, struct piece *out)
{
    struct buf glob = {0};
    bool good;

    if (p->scope->from == p->scope->to) {
        emit(p, m, "LIKE", m->pattern, out);
        return true;
    }
    if (p->scope->from == EXPR_SQLITE) {
        if (has_letters(m->pattern) || strchr(m->pattern, '\\') || !m->left.bytewise)
            return expr_fail(p, "it matches a pattern without minding case");
        emit(p, m, "LIKE", m->pattern, out);
        return true;
    }
    if (!m->left.bytewise)
        return expr_fail(p, "it matches a pattern, which collations do differently");
    if (p->scope->to != EXPR_SQLITE) {
        emit(p, m, "LIKE", m->pattern, out);
        return true;
    }
    good = glob_of_like(m->pattern, &glob);
    if (good)
        emit(p, m, "GLOB", glob.ptr, out);
    buf_free(&glob);
    return good || expr_fail(p, "it matches a pattern that the target has not");
}

static bool match_glob(struct parser *p, struct match *m, struct piece *out)
{
    struct buf like = {0};
    bool good =
        p->scope->to == EXPR_SQLITE || (m->left.bytewise && like_of_glob(m->pattern, &like));

    if (good && p->scope->to == EXPR_SQLITE)
        emit(p, m, "GLOB", m->pattern, out);
    else if (good)
        emit(p, m, "LIKE", like.ptr, out);
    buf_free(&like);
    return good || expr_fail(p, "it matches a pattern that the target has not");
}

/*
 * Only what every kind of regular expression reads alike: letters, digits, [a-z0-9] and the
 * like, + * ? {n}, ( ) |, ^ in front, $ at the end, which others let stand before a last
 * line end: \z is there what $ is in PostgreSQL.
 */
static bool plain_regexp(const char *pattern, struct buf *out)
{
    bool class = false;

    for (const char *c = pattern; *c; c++) {
        if (isalnum((unsigned char)*c) || strchr(" _@,:;=<>~!#%&/'\"", *c) ||
            (!class && strchr("+*?{}()|", *c)) ||
            (class && *c == '-' && isalnum((unsigned char)c[1]))) {
            if (*c == '(' && c[1] == '?')
                return false;
            buf_byte(out, *c);
        } else if (*c == '[' && !class && c[1] != ']' && c[1] != '^') {
            class = true;
            buf_byte(out, *c);
        } else if (*c == ']' && class) {
            class = false;
            buf_byte(out, *c);
        } else if (*c == '^' && c == pattern) {
            buf_byte(out, *c);
        } else if (*c == '$' && !c[1]) {
            buf_puts(out, "\\z");
        } else if (*c == '\\' && c[1] && strchr(".-+*?()[]{}|^$/", c[1])) {
            buf_byte(out, *c);
            buf_byte(out, *++c);
        } else {
            return false;
        }
    }
    return !class && buf_text(out) != NULL;
}

static bool match_regexp(struct parser *p, struct match *m, struct piece *out)
{
    struct buf pattern = {0};
    bool good;

    if (p->scope->from == p->scope->to) {
        emit(p, m, p->scope->to == EXPR_POSTGRES ? "~" : "REGEXP", m->pattern, out);
        return true;
    }
    good = p->scope->from == EXPR_POSTGRES && p->scope->to == EXPR_MYSQL && m->left.bytewise &&
           strncmp(m->pattern, "***", 3) != 0 && plain_regexp(m->pattern, &pattern);
    if (good)
        emit(p, m, "REGEXP", pattern.ptr, out);
    buf_free(&pattern);
    return good || expr_fail(p, "it matches a regular expression, which servers read differently");
}

bool expr_emit_match(struct parser *p, const struct node *node, struct piece *out)
{
    struct match m = {.negated = node->negated};
    const struct node *right = node->first->next;
    bool good;

    while (right->kind == NODE_CAST && right->first->kind == NODE_TEXT)
        right = right->first;
    if (right->kind != NODE_TEXT)
        return expr_fail(p, "it matches a pattern that is not constant");
    m.pattern = right->text;
    good = expr_emit(p, node->first, &m.left);
    if (good && m.left.class != EXPR_TEXT)
        good = expr_fail(p, "it matches what is no text");
    if (good)
        good = strcmp(node->text, "like") == 0   ? match_like(p, &m, out)
               : strcmp(node->text, "glob") == 0 ? match_glob(p, &m, out)
                                                 : match_regexp(p, &m, out);
    buf_free(&m.left.sql);
    return good;
}
