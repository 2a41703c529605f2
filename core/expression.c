/*
 * Identifiers in expressions of a dialect. Only tokens are told apart, no grammar: what
 * a word means is taken from its neighbours, and where these don't say, nobody guesses.
 */
#include "expression.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum token_kind { TOKEN_END, TOKEN_WORD, TOKEN_QUOTED, TOKEN_STRING, TOKEN_OTHER };

struct token {
    enum token_kind kind;
    const char *at;
    size_t len;
};

struct reader {
    const char *at;
    bool mysql, postgres;
};

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

/* Behind the quote that ends what at begins with; a doubled one stands for itself. */
static const char *quoted_end(const char *at, char quote, bool escapes)
{
    for (at++; *at; at++) {
        if ((escapes && *at == '\\' && at[1]) || (*at == quote && at[1] == quote))
            at++;
        else if (*at == quote)
            return at + 1;
    }
    return at;
}

/* $tag$ … $tag$; NULL: it isn't one. */
static const char *dollar_end(const char *at)
{
    const char *tag = at + 1, *end;
    size_t len;
    char mark[80];

    while (is_word(*tag) && *tag != '$')
        tag++;
    len = (size_t)(tag - at) + 1;
    if (*tag != '$' || isdigit((unsigned char)at[1]) || len >= sizeof(mark))
        return NULL;
    snprintf(mark, sizeof(mark), "%.*s", (int)len, at);
    end = strstr(at + len, mark);
    return end ? end + len : NULL;
}

static const char *skip_blanks(const char *at)
{
    for (;;) {
        const char *end;

        while (isspace((unsigned char)*at))
            at++;
        if (at[0] == '/' && at[1] == '*') {
            end = strstr(at + 2, "*/");
            at = end ? end + 2 : at + strlen(at);
        } else if (at[0] == '-' && at[1] == '-') {
            at += strcspn(at, "\n");
        } else {
            return at;
        }
    }
}

static struct token next_token(struct reader *reader)
{
    const char *at = skip_blanks(reader->at), *end;
    struct token token = {TOKEN_OTHER, at, 1};
    bool escaped = reader->postgres && (at[0] == 'E' || at[0] == 'e') && at[1] == '\'';

    if (*at == '\0') {
        token.kind = TOKEN_END;
        token.len = 0;
    } else if (*at == '\'' || escaped) {
        token.kind = TOKEN_STRING;
        end = quoted_end(at + escaped, '\'', escaped || reader->mysql);
        token.len = (size_t)(end - at);
    } else if (*at == '"' || *at == '`') {
        bool is_string = *at == '"' && reader->mysql;

        token.kind = is_string ? TOKEN_STRING : TOKEN_QUOTED;
        token.len = (size_t)(quoted_end(at, *at, is_string) - at);
    } else if (*at == '[' && !reader->mysql && !reader->postgres) {
        end = strchr(at, ']');
        token.kind = TOKEN_QUOTED;
        token.len = end ? (size_t)(end - at) + 1 : strlen(at);
    } else if (*at == '$' && reader->postgres && (end = dollar_end(at))) {
        token.kind = TOKEN_STRING;
        token.len = (size_t)(end - at);
    } else if (is_word(*at)) {
        token.kind = isdigit((unsigned char)*at) ? TOKEN_OTHER : TOKEN_WORD;
        for (token.len = 0; is_word(at[token.len]);)
            token.len++;
    } else if (at[0] == ':' && at[1] == ':') {
        token.len = 2;
    }
    reader->at = at + token.len;
    return token;
}

static struct reader reader_of(const char *dialect, const char *text)
{
    return (struct reader){
        .at = text,
        .mysql = dialect && strcmp(dialect, "mysql") == 0,
        .postgres = dialect && strcmp(dialect, "postgres") == 0,
    };
}

/* The name that an identifier spells; malloc'd. */
static char *name_of(const struct token *token)
{
    char *name = malloc(token->len + 1), *to = name;

    if (!name)
        abort();
    if (token->kind == TOKEN_WORD) {
        memcpy(name, token->at, token->len);
        name[token->len] = '\0';
        return name;
    }
    for (size_t i = 1; i + 1 < token->len; i++) {
        *to++ = token->at[i];
        if (token->at[i] == token->at[0] && token->at[i] != '[')
            i++; /* doubled */
    }
    *to = '\0';
    return name;
}

static bool is_text(const struct token *token, const char *text)
{
    return token->len == strlen(text) && strncasecmp(token->at, text, token->len) == 0;
}

bool expression_names(const char *dialect, const char *text, const char *column)
{
    struct reader reader = reader_of(dialect, text ? text : "");
    struct token token = next_token(&reader);

    while (token.kind != TOKEN_END) {
        struct token next = next_token(&reader);

        if (token.kind == TOKEN_QUOTED || (token.kind == TOKEN_WORD && !is_text(&next, "("))) {
            char *name = name_of(&token);
            bool same = strcasecmp(name, column) == 0;

            free(name);
            if (same)
                return true;
        }
        token = next;
    }
    return false;
}

/* Words of the language that a column may be called too: unquoted they may be either. */
static bool is_ambiguous(const struct token *token)
{
    static const char *const words[] = {
        "all",         "and",          "any",     "array",       "as",           "at",
        "between",     "bigint",       "bit",     "bool",        "boolean",      "bytea",
        "case",        "cast",         "century", "char",        "collate",      "date",
        "datetime",    "day",          "decade",  "decimal",     "default",      "double",
        "dow",         "doy",          "else",    "end",         "epoch",        "false",
        "for",         "from",         "hour",    "ilike",       "in",           "int",
        "integer",     "interval",     "is",      "isodow",      "isoyear",      "json",
        "jsonb",       "like",         "local",   "microsecond", "microseconds", "millennium",
        "millisecond", "milliseconds", "minute",  "month",       "name",         "not",
        "null",        "numeric",      "or",      "overlaps",    "precision",    "quarter",
        "real",        "row",          "second",  "similar",     "smallint",     "some",
        "symmetric",   "text",         "then",    "time",        "timestamp",    "timestamptz",
        "timezone",    "to",           "true",    "unknown",     "using",        "uuid",
        "value",       "varchar",      "week",    "when",        "with",         "without",
        "year",        "zone",         "signed",  "unsigned",    "binary",       "character",
        "current",     "distinct",     "div",     "mod",         "regexp",       "rlike",
        "xor",         "glob",         "match",   "escape",      "isnull",       "notnull",
        "range",       "list",         "hash",    "key",         "columns",      "where",
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (is_text(token, words[i]))
            return true;
    return false;
}

static void put_quoted(FILE *to, const char *name, char quote)
{
    fputc(quote, to);
    for (; *name; name++) {
        if (*name == quote)
            fputc(quote, to);
        fputc(*name, to);
    }
    fputc(quote, to);
}

/*
 * What an identifier between two tokens is: a column, something else (a function, a type,
 * a collation), or nobody knows.
 */
enum meaning { IS_COLUMN, IS_OTHER, IS_UNKNOWN };

static enum meaning meaning_of(const struct token *before, const struct token *token,
                               const struct token *after)
{
    if (is_text(before, ".") || is_text(after, "."))
        return IS_UNKNOWN; /* of a table, a schema, a composite */
    if (is_text(before, "::") || is_text(before, "collate"))
        return IS_OTHER;
    if (is_text(after, "("))
        return token->kind == TOKEN_WORD ? IS_OTHER : IS_UNKNOWN;
    if (after->kind == TOKEN_STRING)
        return IS_UNKNOWN; /* date '…', _utf8mb4'…' */
    return token->kind == TOKEN_WORD && is_ambiguous(token) ? IS_UNKNOWN : IS_COLUMN;
}

char *expression_rename(const char *dialect, const char *text,
                        const char *(*name)(void *arg, const char *column), void *arg)
{
    struct reader reader = reader_of(dialect, text);
    struct token before = {TOKEN_OTHER, "", 0}, token = next_token(&reader);
    const char *written = text;
    bool proved = true;
    char *out = NULL;
    size_t size;
    FILE *to = open_memstream(&out, &size);

    if (!to)
        abort();
    while (token.kind != TOKEN_END) {
        struct token after = next_token(&reader);

        if (token.kind == TOKEN_WORD || token.kind == TOKEN_QUOTED) {
            char *old = name_of(&token);
            const char *renamed = name(arg, old);
            enum meaning meaning = renamed ? meaning_of(&before, &token, &after) : IS_OTHER;

            free(old);
            proved = proved && meaning != IS_UNKNOWN;
            if (meaning == IS_COLUMN) {
                fwrite(written, 1, (size_t)(token.at - written), to);
                put_quoted(to, renamed, reader.mysql ? '`' : '"');
                written = token.at + token.len;
            }
        }
        before = token;
        token = after;
    }
    fputs(written, to);
    if (fclose(to) != 0)
        abort();
    if (proved)
        return out;
    free(out);
    return NULL;
}
