/* Parts of an expression: what they yield, and the other forms that they can take. */
#include "expr_part.h"

bool node_is_number(const struct node *n)
{
    return n->class == EXPR_INT || n->class == EXPR_DECIMAL;
}

/* Rewrites a node as before || sql || after. */
void node_wrap(struct node *n, const char *before, const char *after)
{
    struct buf sql = {0};

    buf_puts(&sql, before);
    buf_add(&sql, n->sql.ptr, n->sql.len);
    buf_puts(&sql, after);
    buf_free(&n->sql);
    n->sql = sql;
}

bool node_as_bool(struct parser *p, struct node *n)
{
    if (n->class == EXPR_NULL || n->class == EXPR_BOOL)
        return true;
    if (!node_is_number(n))
        return expr_fail(p, "it takes something for true that PostgreSQL doesn't");
    node_wrap(n, "(", " <> 0)");
    n->class = EXPR_BOOL;
    return true;
}

/* MySQL computes whole numbers with 64 bits. */
bool node_as_number(struct parser *p, struct node *n)
{
    if (n->class == EXPR_BOOL) {
        node_wrap(n, "(", ")::int");
        n->class = EXPR_INT;
    }
    if (!node_is_number(n) && n->class != EXPR_NULL)
        return expr_fail(p, "it computes with something that is no number");
    if (n->class == EXPR_INT)
        node_wrap(n, "(", ")::bigint");
    return true;
}

bool node_as_text(struct parser *p, struct node *n)
{
    if (n->class == EXPR_TEXT || n->class == EXPR_NULL)
        return true;
    if (!node_is_number(n))
        return expr_fail(p, "it makes text of something that PostgreSQL prints otherwise");
    node_wrap(n, "(", ")::text");
    n->class = EXPR_TEXT;
    return true;
}

/* Gives all arguments one class that a column can have. */
bool node_unify(struct parser *p, struct node *args, size_t count, enum expr_class *class)
{
    *class = EXPR_NULL;
    for (size_t i = 0; i < count; i++) {
        if (args[i].class == EXPR_NULL || args[i].class == *class)
            continue;
        if (*class == EXPR_NULL)
            *class = args[i].class;
        else if ((*class == EXPR_INT || *class == EXPR_DECIMAL) && node_is_number(&args[i]))
            *class = EXPR_DECIMAL;
        else
            return expr_fail(p, "it mixes types that PostgreSQL keeps apart");
    }
    return true;
}
