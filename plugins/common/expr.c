/* Translates expressions between dialects: see expr.h. */
#include "expr_part.h"

bool expr_dialect_of(const char *name, enum expr_dialect *out)
{
    static const char *const names[] = {"mysql", "postgres", "sqlite"};

    for (size_t i = 0; name && i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(names[i], name) == 0) {
            *out = (enum expr_dialect)i;
            return true;
        }
    return false;
}

void expr_name(struct buf *out, enum expr_dialect dialect, const char *name)
{
    if (dialect != EXPR_MYSQL) {
        buf_name(out, name);
        return;
    }
    buf_byte(out, '`');
    for (; *name; name++) {
        if (*name == '`')
            buf_byte(out, '`');
        buf_byte(out, *name);
    }
    buf_byte(out, '`');
}

/* Without NO_BACKSLASH_ESCAPES, which a connection that uses this switches off. */
static void mysql_literal(struct buf *out, const char *text)
{
    buf_byte(out, '\'');
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\')
            buf_byte(out, *text);
        buf_byte(out, *text);
    }
    buf_byte(out, '\'');
}

static void sqlite_literal(struct buf *out, const char *text)
{
    buf_byte(out, '\'');
    for (; *text; text++) {
        if (*text == '\'')
            buf_byte(out, '\'');
        buf_byte(out, *text);
    }
    buf_byte(out, '\'');
}

void expr_literal(struct buf *out, enum expr_dialect dialect, const char *text)
{
    if (dialect == EXPR_MYSQL)
        mysql_literal(out, text);
    else if (dialect == EXPR_SQLITE)
        sqlite_literal(out, text);
    else
        buf_literal(out, text);
}

bool expr_translate(const struct expr_scope *scope, const char *text, struct buf *out,
                    enum expr_class *yields, const char **why)
{
    struct parser p = {.scope = scope, .at = text};
    struct piece piece = {0};
    struct node *tree = expr_next(&p) ? expr_parse(&p) : NULL;
    bool good = tree || expr_fail(&p, "its form is not known");

    if (good && p.token.kind != TOKEN_END)
        good = expr_fail(&p, "its form is not known");
    good = good && expr_emit(&p, tree, &piece);
    if (good && !buf_text(&piece.sql))
        good = expr_fail(&p, "out of memory");
    if (good)
        buf_add(out, piece.sql.ptr, piece.sql.len);
    *yields = good ? piece.class : EXPR_OTHER;
    *why = p.why ? p.why : "";
    buf_free(&piece.sql);
    arena_free(&p.arena);
    return good;
}
