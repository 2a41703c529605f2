/* What the files of the expression translator share: see expr.c. */
#ifndef POSTGRES_EXPR_PART_H
#define POSTGRES_EXPR_PART_H

#include "expr.h"

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
/* expr_lex.c. The first reason counts; always false. */
bool expr_fail(struct parser *p, const char *why);
bool expr_next(struct parser *p);
bool expr_is_sign(const struct parser *p, const char *sign);
bool expr_is_keyword(const struct parser *p, const char *word);
bool expr_expect_sign(struct parser *p, const char *sign);
bool expr_expect_keyword(struct parser *p, const char *word);

/* expr_node.c: what a part of the expression yields, and how it is turned into something else. */
bool node_is_number(const struct node *n);
void node_wrap(struct node *n, const char *before, const char *after);
bool node_as_bool(struct parser *p, struct node *n);
bool node_as_number(struct parser *p, struct node *n);
bool node_as_text(struct parser *p, struct node *n);
bool node_unify(struct parser *p, struct node *args, size_t count, enum expr_class *class);

/* expr_function.c: a call of name, whose parenthesis is the token at hand. */
bool expr_function(struct parser *p, const char *name, struct node *out);

/* expr.c: a whole expression, up to what can't belong to it. */
bool expr_parse(struct parser *p, struct node *out);

#endif
