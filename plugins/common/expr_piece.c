/* Pieces of a translation: what they yield, and the other forms that they can take. */
#include "expr_part.h"

bool piece_is_number(const struct piece *piece)
{
    return piece->class == EXPR_INT || piece->class == EXPR_DECIMAL || piece->class == EXPR_DOUBLE;
}

/* Rewrites a piece as before || sql || after. */
void piece_wrap(struct piece *piece, const char *before, const char *after)
{
    struct buf sql = {0};

    buf_puts(&sql, before);
    buf_add(&sql, piece->sql.ptr, piece->sql.len);
    buf_puts(&sql, after);
    sql.failed = sql.failed || piece->sql.failed;
    buf_free(&piece->sql);
    piece->sql = sql;
}

void piece_append(struct piece *out, const char *before, const struct piece *piece)
{
    buf_puts(&out->sql, before);
    buf_add(&out->sql, piece->sql.ptr, piece->sql.len);
    out->sql.failed = out->sql.failed || piece->sql.failed;
}

/* Only PostgreSQL keeps truth apart from numbers. */
bool piece_as_bool(struct parser *p, struct piece *piece)
{
    if (piece->class == EXPR_NULL || piece->class == EXPR_BOOL)
        return true;
    if (piece->class != EXPR_INT && piece->class != EXPR_DECIMAL)
        return expr_fail(p, "it takes something for true that is no truth value elsewhere");
    if (p->scope->from == EXPR_POSTGRES && p->scope->to != EXPR_POSTGRES) {
        piece->class = EXPR_BOOL; /* a boolean column that the target has as a number */
        return true;
    }
    piece_wrap(piece, "(", " <> 0)");
    piece->class = EXPR_BOOL;
    return true;
}

/* MySQL and SQLite compute whole numbers with 64 bits, so PostgreSQL has to as well. */
bool piece_as_number(struct parser *p, struct piece *piece)
{
    bool postgres = p->scope->to == EXPR_POSTGRES;

    if (piece->class == EXPR_BOOL) {
        if (p->scope->from == EXPR_POSTGRES)
            return expr_fail(p, "it computes with a truth value");
        if (postgres)
            piece_wrap(piece, "(", ")::int");
        piece->class = EXPR_INT;
    }
    if (piece->class == EXPR_NULL)
        return true;
    if (piece->class == EXPR_DOUBLE)
        return !p->scope->exact || expr_fail(p, "it computes with floating point numbers");
    if (piece->class == EXPR_DECIMAL && p->scope->to == EXPR_SQLITE && p->scope->exact)
        return expr_fail(p, "SQLite has no exact decimal numbers");
    if (!piece_is_number(piece))
        return expr_fail(p, "it computes with something that is no number");
    if (piece->class == EXPR_INT && postgres && p->scope->from != EXPR_POSTGRES)
        piece_wrap(piece, "(", ")::bigint");
    return true;
}

bool piece_as_text(struct parser *p, struct piece *piece)
{
    enum expr_dialect to = p->scope->to;

    if (piece->class == EXPR_TEXT || piece->class == EXPR_NULL)
        return true;
    if (piece->class != EXPR_INT &&
        !(piece->class == EXPR_DECIMAL && p->scope->from == EXPR_MYSQL && to == EXPR_POSTGRES))
        return expr_fail(p, "it makes text of something that the target prints otherwise");
    if (to == EXPR_POSTGRES)
        piece_wrap(piece, "(", ")::text");
    else
        piece_wrap(piece, "CAST(", to == EXPR_MYSQL ? " AS char)" : " AS text)");
    piece->class = EXPR_TEXT;
    piece->bytewise = true;
    return true;
}

bool piece_unify(struct parser *p, const struct piece *pieces, size_t count, enum expr_class *class)
{
    *class = EXPR_NULL;
    for (size_t i = 0; i < count; i++) {
        if (pieces[i].class == EXPR_NULL || pieces[i].class == *class)
            continue;
        if (*class == EXPR_NULL)
            *class = pieces[i].class;
        else if ((*class == EXPR_INT || *class == EXPR_DECIMAL) &&
                 (pieces[i].class == EXPR_INT || pieces[i].class == EXPR_DECIMAL))
            *class = EXPR_DECIMAL;
        else
            return expr_fail(p, "it mixes types that are kept apart elsewhere");
    }
    return true;
}

bool piece_is_count(const struct piece *piece, bool above_zero)
{
    const char *text = piece->sql.ptr;

    if (piece->class != EXPR_INT || piece->sql.len == 0 || piece->sql.len > 9 ||
        (above_zero && *text == '0'))
        return false;
    for (size_t i = 0; i < piece->sql.len; i++)
        if (text[i] < '0' || text[i] > '9')
            return false;
    return true;
}
