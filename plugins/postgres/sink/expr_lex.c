/* The words of an expression of MySQL, one after the other. */
#include "expr_part.h"

#include <strings.h>

bool expr_fail(struct parser *p, const char *why)
{
    if (!p->why)
        p->why = why;
    return false;
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '$' || (unsigned char)c >= 0x80;
}

static bool push(struct parser *p, size_t *len, char c)
{
    if (*len + 1 >= sizeof(p->token.text))
        return expr_fail(p, "it holds a text that is too long");
    p->token.text[(*len)++] = c;
    p->token.text[*len] = '\0';
    return true;
}

static char unescape(char c)
{
    switch (c) {
    case 'n':
        return '\n';
    case 't':
        return '\t';
    case 'r':
        return '\r';
    default:
        return c;
    }
}

static bool read_quoted(struct parser *p, char quote)
{
    size_t len = 0;

    p->token.text[0] = '\0';
    for (p->at++; *p->at; p->at++) {
        char c = *p->at;

        if (c == quote) {
            if (p->at[1] != quote) {
                p->at++;
                return true;
            }
            p->at++;
        } else if (c == '\\' && quote != '`') {
            c = unescape(*++p->at);
            if (!c || c == '0' || c == '%')
                return expr_fail(p, "it holds an escape that PostgreSQL lacks");
        }
        if (!push(p, &len, c))
            return false;
    }
    return expr_fail(p, "a quote is not closed");
}

static bool read_word(struct parser *p)
{
    bool number = *p->at >= '0' && *p->at <= '9';
    size_t len = 0;

    p->token.kind = number ? TOKEN_NUMBER : TOKEN_NAME;
    while (number ? ((*p->at >= '0' && *p->at <= '9') || *p->at == '.') : is_word(*p->at))
        if (!push(p, &len, *p->at++))
            return false;
    if (number && is_word(*p->at))
        return expr_fail(p, "it holds a number in a form that is not known");
    return true;
}

static bool read_sign(struct parser *p)
{
    static const char *const signs[] = {"<=>", "<=", ">=", "<>", "!=", "||", "&&",
                                        "->>", "->", "+",  "-",  "*",  "/",  "%",
                                        "=",   "<",  ">",  "(",  ")",  ",",  "!"};

    p->token.kind = TOKEN_SIGN;
    for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
        size_t len = strlen(signs[i]);

        if (strncmp(p->at, signs[i], len) == 0) {
            memcpy(p->token.text, signs[i], len + 1);
            p->at += len;
            return true;
        }
    }
    return expr_fail(p, "it holds a sign that is not known");
}

bool expr_next(struct parser *p)
{
    while (*p->at == ' ' || *p->at == '\n' || *p->at == '\t' || *p->at == '\r')
        p->at++;
    p->token.text[0] = '\0';
    if (!*p->at) {
        p->token.kind = TOKEN_END;
        return true;
    }
    if (*p->at == '`') {
        p->token.kind = TOKEN_QUOTED;
        return read_quoted(p, '`');
    }
    if (*p->at == '\'' || *p->at == '"') {
        p->token.kind = TOKEN_TEXT;
        return read_quoted(p, *p->at);
    }
    if (!is_word(*p->at))
        return read_sign(p);
    if (!read_word(p))
        return false;
    /* a charset's introducer: _utf8mb4'abc' */
    if (p->token.text[0] == '_' && *p->at == '\'') {
        if (strncasecmp(p->token.text, "_utf8", 5) != 0 &&
            strcasecmp(p->token.text, "_latin1") != 0 && strcasecmp(p->token.text, "_ascii") != 0)
            return expr_fail(p, "it holds a text in a foreign charset");
        p->token.kind = TOKEN_TEXT;
        return read_quoted(p, '\'');
    }
    return true;
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
