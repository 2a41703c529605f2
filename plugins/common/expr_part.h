/* What the files of the expression translator share: words, tree, pieces of the translation. */
#ifndef COMMON_EXPR_PART_H
#define COMMON_EXPR_PART_H

#include "arena.h"
#include "expr.h"

enum token_kind { TOKEN_END, TOKEN_NAME, TOKEN_QUOTED, TOKEN_TEXT, TOKEN_NUMBER, TOKEN_SIGN };

struct token {
    enum token_kind kind;
    const char *text; /* a name or text without its quotes, the sign, the number; in the arena */
};

enum node_kind {
    NODE_NULL,
    NODE_BOOL,   /* text: "true" or "false" */
    NODE_NUMBER, /* text as it was spelled */
    NODE_TEXT,
    NODE_COLUMN, /* quoted tells whether the name was */
    NODE_NEGATE,
    NODE_NOT,
    NODE_BINARY, /* text: + - * / div % || = <> < <= > >= and or same */
    NODE_IN,     /* the left side, then the list */
    NODE_BETWEEN,
    NODE_IS,   /* text: null, true, false */
    NODE_CASE, /* conditions and values in turn, then perhaps what else */
    NODE_CALL,
    NODE_CAST,  /* text: the type */
    NODE_MATCH, /* text: like, glob, regexp */
    NODE_ARRAY,
};

struct node {
    enum node_kind kind;
    bool negated, quoted;
    const char *text;
    struct node *first, *next; /* its parts, and its neighbour among those of its parent */
};

struct parser {
    const struct expr_scope *scope;
    struct arena arena;
    const char *at;
    struct token token;
    const char *why;
    int depth, nodes;
};

/* One part of the translation. */
struct piece {
    struct buf sql;
    enum expr_class class;
    bool literal;  /* a constant text: it takes the other side's type */
    bool bytewise; /* TEXT: told apart by its bytes, in the source as in the target */
    bool some;     /* never NULL */
};

/* expr_lex.c. The first reason counts; always false. */
bool expr_fail(struct parser *p, const char *why);
bool expr_next(struct parser *p);
bool expr_is_sign(const struct parser *p, const char *sign);
bool expr_is_keyword(const struct parser *p, const char *word);
bool expr_expect_sign(struct parser *p, const char *sign);
bool expr_expect_keyword(struct parser *p, const char *word);

/* expr_parse.c: NULL when it is none, or of no form that is known */
struct node *expr_parse(struct parser *p);
struct node *expr_node(struct parser *p, enum node_kind kind, const char *text);
void node_append(struct node *parent, struct node *part);

/* expr_word.c: what begins with a word, or stands behind a part */
struct node *expr_parse_word(struct parser *p);
struct node *expr_parse_casts(struct parser *p, struct node *node);

/* expr_emit.c */
bool expr_emit(struct parser *p, const struct node *node, struct piece *out);
bool expr_may_compare(struct parser *p, const char *sign, struct piece *left, struct piece *right);

/* expr_piece.c: the other forms that a piece can take */
bool piece_is_number(const struct piece *piece);
void piece_wrap(struct piece *piece, const char *before, const char *after);
void piece_append(struct piece *out, const char *before, const struct piece *piece);
bool piece_as_bool(struct parser *p, struct piece *piece);
bool piece_as_number(struct parser *p, struct piece *piece);
bool piece_as_text(struct parser *p, struct piece *piece);
/* The one class that a column of all of them can have. */
bool piece_unify(struct parser *p, const struct piece *pieces, size_t count,
                 enum expr_class *class);
/* Only digits, and not zero when above_zero. */
bool piece_is_count(const struct piece *piece, bool above_zero);

/* expr_call.c, expr_cast.c, expr_match.c */
bool expr_emit_call(struct parser *p, const struct node *node, struct piece *out);
bool expr_emit_cast(struct parser *p, const struct node *node, struct piece *out);
bool expr_emit_match(struct parser *p, const struct node *node, struct piece *out);

#endif
