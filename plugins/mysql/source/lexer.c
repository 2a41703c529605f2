/* Words, names, texts and signs of a statement, as MySQL and MariaDB read them. */
#include "lexer.h"

#include <string.h>
#include <strings.h>

static size_t left(const struct lexer *in)
{
    return (size_t)(in->end - in->at);
}

static bool starts(const struct lexer *in, const char *with)
{
    size_t len = strlen(with);

    return left(in) >= len && memcmp(in->at, with, len) == 0;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static void skip_behind(struct lexer *in, const char *mark)
{
    while (in->at < in->end && !starts(in, mark))
        in->at++;
    in->at = left(in) >= strlen(mark) ? in->at + strlen(mark) : in->end;
}

/* A comment that begins with an exclamation mark is code: only its frame is passed over. */
static void code_comment_enter(struct lexer *in)
{
    skip_behind(in, "!");
    while (in->at < in->end && *in->at >= '0' && *in->at <= '9')
        in->at++;
}

static bool is_line_comment(const struct lexer *in)
{
    return *in->at == '#' || (starts(in, "--") && (left(in) == 2 || is_space(in->at[2])));
}

static void blanks_skip(struct lexer *in)
{
    while (in->at < in->end) {
        if (is_space(*in->at))
            in->at++;
        else if (starts(in, "/*!") || starts(in, "/*M!"))
            code_comment_enter(in);
        else if (starts(in, "/*")) {
            in->at += 2;
            skip_behind(in, "*/");
        } else if (starts(in, "*/"))
            in->at += 2; /* of a comment that is code */
        else if (is_line_comment(in))
            skip_behind(in, "\n");
        else
            return;
    }
}

static void word_add(struct lexer *in, size_t *len, char c)
{
    if (*len + 1 < sizeof(in->word))
        in->word[(*len)++] = c;
    in->word[*len] = '\0';
}

static void quoted_read(struct lexer *in, char quote, bool escapes)
{
    size_t len = 0;

    in->word[0] = '\0';
    for (in->at++; in->at < in->end; in->at++) {
        if (*in->at == '\\' && escapes && left(in) > 1)
            in->at++;
        else if (*in->at == quote) {
            if (left(in) < 2 || in->at[1] != quote)
                break;
            in->at++;
        }
        word_add(in, &len, *in->at);
    }
    if (in->at < in->end)
        in->at++;
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '$' || (unsigned char)c >= 0x80;
}

void lexer_next(struct lexer *in)
{
    bool escapes = !in->no_escapes;
    size_t len = 0;

    blanks_skip(in);
    in->from = in->at;
    in->word[0] = '\0';
    if (in->at == in->end) {
        in->kind = TOKEN_END;
    } else if (*in->at == '`' || (*in->at == '"' && in->ansi_quotes)) {
        in->kind = TOKEN_NAME;
        quoted_read(in, *in->at, false);
    } else if (*in->at == '\'' || *in->at == '"') {
        in->kind = TOKEN_TEXT;
        quoted_read(in, *in->at, escapes);
    } else if (is_word(*in->at)) {
        in->kind = TOKEN_WORD;
        for (; in->at < in->end && is_word(*in->at); in->at++)
            word_add(in, &len, *in->at);
    } else {
        in->kind = TOKEN_SIGN;
        in->sign = *in->at++;
    }
}

bool lexer_is(const struct lexer *in, const char *word)
{
    return in->kind == TOKEN_WORD && strcasecmp(in->word, word) == 0;
}

bool lexer_is_any(const struct lexer *in, const char *const *words)
{
    for (; *words; words++)
        if (lexer_is(in, *words))
            return true;
    return false;
}

bool lexer_is_sign(const struct lexer *in, char sign)
{
    return in->kind == TOKEN_SIGN && in->sign == sign;
}

bool lexer_take(struct lexer *in, const char *word)
{
    if (!lexer_is(in, word))
        return false;
    lexer_next(in);
    return true;
}

bool lexer_take_sign(struct lexer *in, char sign)
{
    if (!lexer_is_sign(in, sign))
        return false;
    lexer_next(in);
    return true;
}

bool lexer_is_name(const struct lexer *in)
{
    return in->kind == TOKEN_WORD || in->kind == TOKEN_NAME;
}

struct rnl_slice lexer_group(struct lexer *in)
{
    struct rnl_slice inner = {in->at, 0};
    unsigned depth = 0;

    for (; in->kind != TOKEN_END; lexer_next(in)) {
        if (lexer_is_sign(in, '('))
            depth++;
        else if (lexer_is_sign(in, ')') && --depth == 0)
            break;
    }
    inner.len = (size_t)(in->from - (const char *)inner.ptr);
    lexer_next(in);
    return inner;
}

void lexer_skip_item(struct lexer *in)
{
    while (in->kind != TOKEN_END && !lexer_is_sign(in, ',') && !lexer_is_sign(in, ')')) {
        if (lexer_is_sign(in, '('))
            lexer_group(in);
        else
            lexer_next(in);
    }
}

/* What a backslash and this letter stand for. */
static char letter_meant(char letter)
{
    switch (letter) {
    case '0':
        return '\0';
    case 'b':
        return '\b';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case 'Z':
        return 26;
    default:
        return letter;
    }
}

size_t lexer_text(const struct lexer *in, char *out)
{
    const char *at = in->from, *end = in->at;
    char quote = *at++;
    size_t len = 0;

    for (; at < end; at++) {
        if (*at == '\\' && !in->no_escapes && at + 1 < end) {
            at++;
            if (*at == '%' || *at == '_')
                out[len++] = '\\';
            out[len++] = letter_meant(*at);
            continue;
        }
        if (*at == quote && (at + 1 == end || at[1] != quote))
            break;
        at += *at == quote;
        out[len++] = *at;
    }
    out[len] = '\0';
    return len;
}
