/* Texts of information_schema taken apart: labels, defaults. No connection is needed here. */
#include "parse.h"

#include <ctype.h>
#include <strings.h>

/* What a backslash and this letter stand for in a literal. */
static char unescaped(char letter)
{
    switch (letter) {
    case '0':
        return '\0';
    case 'n':
        return '\n';
    case 't':
        return '\t';
    case 'r':
        return '\r';
    case 'b':
        return '\b';
    case 'Z':
        return 26;
    default:
        return letter;
    }
}

/*
 * Reads a literal that starts with a quote into the pool (terminated); *end is
 * behind its closing quote. NULL: not closed, or out of memory.
 */
static char *literal_read(struct pool *pool, const char *text, bool escapes, size_t *len,
                          const char **end)
{
    char *out = pool_alloc(pool, strlen(text) + 1);
    const char *at = text + 1;

    if (!out)
        return NULL;
    for (*len = 0; *at; at++) {
        if (*at == '\'') {
            if (at[1] != '\'') {
                *end = at + 1;
                out[*len] = '\0';
                return out;
            }
            at++;
        } else if (escapes && *at == '\\' && at[1]) {
            out[(*len)++] = unescaped(*++at);
            continue;
        }
        out[(*len)++] = *at;
    }
    return NULL;
}

int labels_parse(struct pool *pool, const char *column_type, const char *const **labels,
                 uint32_t *count)
{
    const char *at = strchr(column_type, '(');
    /* each label takes two quotes at least */
    const char **list = at ? pool_alloc(pool, (strlen(at) / 2 + 1) * sizeof(*list)) : NULL;
    size_t len;

    *count = 0;
    if (!list)
        return -1;
    do {
        const char *label;

        if (*++at != '\'')
            return -1;
        /* the server shows labels with '' for a quote and \\ for a backslash */
        label = literal_read(pool, at, true, &len, &at);
        if (!label)
            return -1;
        list[(*count)++] = label;
    } while (*at == ',');
    *labels = list;
    return *at == ')' ? 0 : -1;
}

const char *expression_plain(struct pool *pool, const char *text)
{
    char *out = pool_alloc(pool, strlen(text) + 1);
    size_t len = 0;

    if (!out)
        return NULL;
    for (; *text; text++) {
        if (*text == '\\' && text[1])
            out[len++] = unescaped(*++text);
        else
            out[len++] = *text;
    }
    return out;
}

static bool is_number(const char *text)
{
    const char *at = text + (*text == '-' || *text == '+');
    bool digits = false;

    for (; isdigit((unsigned char)*at) || *at == '.'; at++)
        digits = digits || *at != '.';
    if (digits && (*at == 'e' || *at == 'E')) {
        at += 1 + (at[1] == '-' || at[1] == '+');
        digits = isdigit((unsigned char)*at);
        while (isdigit((unsigned char)*at))
            at++;
    }
    return digits && !*at;
}

/* CURRENT_TIMESTAMP, current_timestamp(), CURRENT_TIMESTAMP(3) */
static bool is_now(const char *text)
{
    static const char word[] = "current_timestamp";
    const char *at = text + sizeof(word) - 1;

    if (strncasecmp(text, word, sizeof(word) - 1) != 0)
        return false;
    if (!*at)
        return true;
    if (*at++ != '(')
        return false;
    while (isdigit((unsigned char)*at))
        at++;
    return at[0] == ')' && !at[1];
}

/* b'101' as the digits alone */
static const char *bits_read(struct pool *pool, const char *text)
{
    size_t len = strlen(text);

    if (len < 3 || text[0] != 'b' || text[1] != '\'' || text[len - 1] != '\'' ||
        strspn(text + 2, "01") != len - 3)
        return NULL;
    return pool_copy(pool, text + 2, len - 3);
}

/* No server has BINARY columns longer than 255 bytes; whoever says so is not believed. */
static size_t fixed_length(const struct default_input *input)
{
    return input->length <= 255 ? (size_t)input->length : 0;
}

static const char *bytes_expression(struct pool *pool, const char *bytes, size_t len, size_t fixed)
{
    static const char digits[] = "0123456789abcdef";
    size_t full = len < fixed ? fixed : len;
    char *out = pool_alloc(pool, 2 * full + 4);
    char *to = out;

    if (!out)
        return NULL;
    *to++ = 'x';
    *to++ = '\'';
    for (size_t i = 0; i < full; i++) {
        unsigned char byte = i < len ? (unsigned char)bytes[i] : 0;

        *to++ = digits[byte >> 4];
        *to++ = digits[byte & 15];
    }
    *to = '\'';
    return out;
}

/* A value's bytes as the default: text if it can stand in a C string. */
static int value_set(struct pool *pool, const struct default_input *input, const char *bytes,
                     size_t len, uint16_t *kind, const char **text)
{
    if (input->type == RNL_T_BYTES || strlen(bytes) != len) {
        *kind = RNL_DEFAULT_EXPRESSION;
        *text = bytes_expression(pool, bytes, len, fixed_length(input));
    } else {
        *kind = RNL_DEFAULT_LITERAL;
        *text = bytes;
    }
    return *text ? 0 : -1;
}

/* 0x6162 of a binary column, as MySQL shows it */
static const char *hex_default(struct pool *pool, const struct default_input *input)
{
    const char *text = input->text;
    size_t len = strlen(text), wanted = 2 * fixed_length(input);
    char *out;

    if (input->type != RNL_T_BYTES || strncmp(text, "0x", 2) != 0 || len % 2 ||
        strspn(text + 2, "0123456789abcdefABCDEF") != len - 2)
        return NULL;
    len -= 2;
    if (wanted < len)
        wanted = len;
    out = pool_alloc(pool, wanted + 4);
    if (!out)
        return NULL;
    out[0] = 'x';
    out[1] = '\'';
    memset(out + 2, '0', wanted);
    for (size_t i = 0; i < len; i++)
        out[2 + i] = text[2 + i];
    out[2 + wanted] = '\'';
    return out;
}

/* 'x', or with MySQL's introducer _utf8mb4'x', and nothing behind it */
static int quoted_default(struct pool *pool, const struct default_input *input, const char *source,
                          uint16_t *kind, const char **text)
{
    const char *at = source, *end, *value;
    size_t len;

    if (strncmp(at, "_utf8mb4'", 9) == 0)
        at += 8;
    if (*at != '\'')
        return 1;
    value = literal_read(pool, at, true, &len, &end);
    if (!value)
        return -1;
    return *end ? 1 : value_set(pool, input, value, len, kind, text);
}

static int expression_default(struct pool *pool, const struct default_input *input, uint16_t *kind,
                              const char **text)
{
    const char *source =
        input->mariadb ? pool_text(pool, input->text) : expression_plain(pool, input->text);
    int done;

    if (!source)
        return -1;
    done = quoted_default(pool, input, source, kind, text);
    if (done <= 0)
        return done;
    *kind = RNL_DEFAULT_EXPRESSION;
    *text = source;
    if (is_now(source)) {
        *kind = RNL_DEFAULT_NOW;
        *text = NULL;
    } else if (is_number(source)) {
        *kind = RNL_DEFAULT_LITERAL;
    } else if (strcasecmp(source, "NULL") == 0) {
        *kind = RNL_DEFAULT_NULL;
        *text = NULL;
    }
    return 0;
}

int default_parse(struct pool *pool, const struct default_input *input, uint16_t *kind,
                  const char **text)
{
    bool generated = strcasestr(input->extra, "DEFAULT_GENERATED") != NULL;
    bool moment = input->type == RNL_T_TIMESTAMP || input->type == RNL_T_TIMESTAMPTZ;

    *kind = RNL_DEFAULT_NONE;
    *text = NULL;
    if (!input->text)
        return 0;
    if (input->type == RNL_T_BITS && (*text = bits_read(pool, input->text)) != NULL) {
        *kind = RNL_DEFAULT_LITERAL;
        return 0;
    }
    if (input->mariadb || generated || (moment && is_now(input->text)))
        return expression_default(pool, input, kind, text);
    *text = hex_default(pool, input);
    if (*text) {
        *kind = RNL_DEFAULT_EXPRESSION;
        return 0;
    }
    *text = pool_text(pool, input->text);
    return *text ? value_set(pool, input, *text, strlen(*text), kind, text) : -1;
}

bool is_json_check(const char *clause, const char *column)
{
    static const char start[] = "json_valid(`";

    if (strncasecmp(clause, start, sizeof(start) - 1) != 0)
        return false;
    clause += sizeof(start) - 1;
    for (; *column; column++, clause++) {
        if (*clause != *column)
            return false;
        if (*column == '`' && *++clause != '`')
            return false;
    }
    return strcmp(clause, "`)") == 0;
}
