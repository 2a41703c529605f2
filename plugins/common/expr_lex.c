/* The words of an expression, one after the other, as each dialect spells them. */
#include "expr_part.h"

#include <strings.h>

#define MAX_TEXT 4096

bool expr_fail(struct parser *p, const char *why)
{
    if (!p->why)
        p->why = why;
    return false;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' ||
           c == '$' || (unsigned char)c >= 0x80;
}

static bool keep(struct parser *p, enum token_kind kind, struct buf *text)
{
    const char *whole = buf_text(text);
    const char *copy = whole ? arena_strdup(&p->arena, whole) : NULL;

    buf_free(text);
    if (!copy)
        return expr_fail(p, "out of memory");
    p->token.kind = kind;
    p->token.text = copy;
    return true;
}

/* Behind a backslash; 0: what the other dialects can't spell. */
static char unescape(char c)
{
    switch (c) {
    case 'n':
        return '\n';
    case 't':
        return '\t';
    case 'r':
        return '\r';
    case '\'':
    case '"':
    case '\\':
        return c;
    default:
        return '\0';
    }
}

/* at stands on the opening quote. A doubled one stands for itself. */
static bool read_quoted(struct parser *p, enum token_kind kind, char quote, bool escapes)
{
    struct buf text = {0};

    for (p->at++; *p->at && text.len < MAX_TEXT; p->at++) {
        char c = *p->at;

        if (c == quote) {
            if (p->at[1] != quote || quote == ']') {
                p->at++;
                return keep(p, kind, &text);
            }
            p->at++;
        } else if (c == '\\' && escapes) {
            /* MySQL keeps the backslash of \% and \_ : a pattern's own */
            if (p->scope->from == EXPR_MYSQL && (p->at[1] == '%' || p->at[1] == '_')) {
                buf_byte(&text, c);
                c = *++p->at;
            } else if ((c = unescape(*++p->at)) == '\0') {
                break;
            }
        }
        buf_byte(&text, c);
    }
    expr_fail(p, text.len >= MAX_TEXT ? "it holds a text that is too long"
                 : *p->at             ? "it holds an escape that is not known"
                                      : "a quote is not closed");
    buf_free(&text);
    return false;
}

static bool read_number(struct parser *p)
{
    struct buf text = {0};

    while (is_digit(*p->at) || *p->at == '.')
        buf_byte(&text, *p->at++);
    if ((*p->at == 'e' || *p->at == 'E') &&
        (is_digit(p->at[1]) || ((p->at[1] == '-' || p->at[1] == '+') && is_digit(p->at[2])))) {
        buf_byte(&text, *p->at++);
        buf_byte(&text, *p->at++);
        while (is_digit(*p->at))
            buf_byte(&text, *p->at++);
    }
    if (is_word(*p->at) || *p->at == '.' || text.len > 128) {
        buf_free(&text);
        return expr_fail(p, "it holds a number in a form that is not known");
    }
    return keep(p, TOKEN_NUMBER, &text);
}

static bool read_word(struct parser *p)
{
    struct buf text = {0};

    while (is_word(*p->at) && text.len < MAX_TEXT)
        buf_byte(&text, *p->at++);
    return keep(p, TOKEN_NAME, &text);
}

static bool read_sign(struct parser *p)
{
    static const char *const signs[] = {"!~~*", "~~*", "!~~", "!~*", "<=>", "->>", "#>>",
                                        "~~",   "~*",  "!~",  "::",  "<=",  ">=",  "<>",
                                        "!=",   "||",  "&&",  "==",  "->",  "+",   "-",
                                        "*",    "/",   "%",   "=",   "<",   ">",   "(",
                                        ")",    ",",   "!",   "~",   "[",   "]",   "."};

    for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
        if (strncmp(p->at, signs[i], strlen(signs[i])) == 0) {
            p->token.kind = TOKEN_SIGN;
            p->token.text = signs[i];
            p->at += strlen(signs[i]);
            return true;
        }
    return expr_fail(p, "it holds a sign that is not known");
}

/* MySQL's charset before a text, PostgreSQL's E'': they change how it is read. */
static bool read_introduced(struct parser *p)
{
    const char *word = p->token.text;

    if (*p->at != '\'')
        return true;
    if (p->scope->from == EXPR_POSTGRES && strcasecmp(word, "e") == 0)
        return read_quoted(p, TOKEN_TEXT, '\'', true);
    if (p->scope->from == EXPR_MYSQL &&
        (strncasecmp(word, "_utf8", 5) == 0 || strcasecmp(word, "_latin1") == 0 ||
         strcasecmp(word, "_ascii") == 0)) {
        bool good = read_quoted(p, TOKEN_TEXT, '\'', true);

        for (const char *c = p->token.text; good && strcasecmp(word, "_latin1") == 0 && *c; c++)
            if ((unsigned char)*c >= 0x80)
                return expr_fail(p, "it holds a text in a foreign charset");
        return good;
    }
    return expr_fail(p, "it holds a text in a form that is not known");
}

static bool read_quotes(struct parser *p)
{
    enum expr_dialect from = p->scope->from;

    if (*p->at == '\'')
        return read_quoted(p, TOKEN_TEXT, '\'', from == EXPR_MYSQL);
    if (*p->at == '"')
        return read_quoted(p, from == EXPR_MYSQL ? TOKEN_TEXT : TOKEN_QUOTED, '"',
                           from == EXPR_MYSQL);
    return read_quoted(p, TOKEN_QUOTED, *p->at == '[' ? ']' : '`', false);
}

bool expr_next(struct parser *p)
{
    enum expr_dialect from = p->scope->from;

    while (*p->at == ' ' || *p->at == '\n' || *p->at == '\t' || *p->at == '\r')
        p->at++;
    if (!*p->at) {
        p->token.kind = TOKEN_END;
        p->token.text = "";
        return true;
    }
    if (*p->at == '\'' || *p->at == '"' || (*p->at == '`' && from != EXPR_POSTGRES) ||
        (*p->at == '[' && from == EXPR_SQLITE))
        return read_quotes(p);
    /* a sign of one dialect begins a comment in another: refused rather than guessed */
    if ((p->at[0] == '-' && p->at[1] == '-') || (p->at[0] == '/' && p->at[1] == '*'))
        return expr_fail(p, "it holds a comment");
    if (is_digit(*p->at) || (*p->at == '.' && is_digit(p->at[1])))
        return read_number(p);
    if (!is_word(*p->at))
        return read_sign(p);
    return read_word(p) && read_introduced(p);
}

bool expr_is_sign(const struct parser *p, const char *sign)
{
    return p->token.kind == TOKEN_SIGN && strcmp(p->token.text, sign) == 0;
}

bool expr_is_keyword(const struct parser *p, const char *word)
{
    return p->token.kind == TOKEN_NAME && strcasecmp(p->token.text, word) == 0;
}

bool expr_expect_sign(struct parser *p, const char *sign)
{
    return expr_is_sign(p, sign) ? expr_next(p) : expr_fail(p, "its form is not known");
}

bool expr_expect_keyword(struct parser *p, const char *word)
{
    return expr_is_keyword(p, word) ? expr_next(p) : expr_fail(p, "its form is not known");
}
