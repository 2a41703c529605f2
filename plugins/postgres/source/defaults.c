/* Reads expressions as the server writes them: what is a plain value, what is the moment. */
#include "defaults.h"

#include <strings.h>

/* Behind a quoted text: what stands there; NULL: it doesn't end. Its value goes to out. */
static const char *quoted_skip(const char *at, struct buf *out)
{
    for (at++; *at; at++) {
        if (*at == '\'' && at[1] != '\'')
            return at + 1;
        if (*at == '\'')
            at++;
        buf_byte(out, *at);
    }
    return NULL;
}

/* Casts alone: "::character varying(10)[]", "::public.\"Mood\"". */
static bool casts_only(const char *at)
{
    while (*at == ':') {
        if (strncmp(at, "::", 2) != 0)
            return false;
        at += 2;
        while (*at && *at != ':') {
            if (*at == '"') {
                at = strchr(at + 1, '"');
                if (!at)
                    return false;
            } else if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789"
                               "$ .,()[]",
                               *at) &&
                       (unsigned char)*at < 0x80) {
                return false;
            }
            at++;
        }
    }
    return *at == '\0';
}

/* A number, in parentheses when it is negative, with casts. */
static bool number_parse(const char *text, struct buf *out)
{
    bool parentheses = *text == '(';
    size_t digits;

    text += parentheses;
    if (*text == '-')
        buf_byte(out, *text++);
    digits = strspn(text, "0123456789.");
    if (!digits)
        return false;
    buf_add(out, text, digits);
    text += digits;
    if (*text == 'e' || *text == 'E')
        return false;
    if (parentheses && *text++ != ')')
        return false;
    return casts_only(text);
}

static bool is_moment(const char *text, enum rnl_type type)
{
    static const char *const words[] = {
        "now()",          "transaction_timestamp()",  "CURRENT_TIMESTAMP",
        "LOCALTIMESTAMP", "('now'::text)::timestamp", "pg_catalog.now()"};

    if (type != RNL_T_TIMESTAMP && type != RNL_T_TIMESTAMPTZ)
        return false;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        size_t len = strlen(words[i]);

        if (strncasecmp(text, words[i], len) != 0)
            continue;
        text += len;
        if (*text == '(')
            text += strcspn(text, ")") + 1;
        return casts_only(text);
    }
    return false;
}

/* Texts of a type that is written as such: others would mean what their type's input makes of
 * them at the time. */
static bool literal_parse(const char *text, enum rnl_type type, struct buf *out)
{
    if (type == RNL_T_BOOL && (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)) {
        buf_puts(out, text);
        return true;
    }
    if (type == RNL_T_BITS && (*text == 'B' || *text == 'b'))
        text++;
    if (*text == '\'') {
        text = quoted_skip(text, out);
        return text && casts_only(text);
    }
    if (type == RNL_T_INT || type == RNL_T_UINT || type == RNL_T_DECIMAL || type == RNL_T_FLOAT ||
        type == RNL_T_DOUBLE)
        return number_parse(text, out);
    return false;
}

enum rnl_default default_parse(const char *expression, enum rnl_type type, struct buf *scratch)
{
    buf_clear(scratch);
    if (strncmp(expression, "NULL", 4) == 0 && casts_only(expression + 4))
        return RNL_DEFAULT_NULL;
    if (is_moment(expression, type))
        return RNL_DEFAULT_NOW;
    if (literal_parse(expression, type, scratch))
        return RNL_DEFAULT_LITERAL;
    return RNL_DEFAULT_EXPRESSION;
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '$' || (unsigned char)c >= 0x80;
}

void check_spell(struct buf *out, const char *expression, const char *column)
{
    const char *at = expression;

    while (*at) {
        size_t len = 0;

        if (*at == '\'' || *at == '"') {
            const char *end = strchr(at + 1, *at);

            len = end ? (size_t)(end - at) + 1 : strlen(at);
        } else {
            while (is_word(at[len]))
                len++;
        }
        if (len == 5 && strncmp(at, "VALUE", 5) == 0)
            buf_name(out, column);
        else
            buf_add(out, at, len ? len : 1);
        at += len ? len : 1;
    }
}
