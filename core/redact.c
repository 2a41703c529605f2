/* Looks for the places where people and libraries write secrets, and puts stars there. */
#include "redact.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

static const char *const words[] = {"password", "passwd",        "passphrase",   "pwd",
                                    "secret",   "token",         "api_key",      "apikey",
                                    "nkey",     "identified by", "authorization"};

/* The part from start on, len bytes long, becomes stars; gives where the text goes on. */
static char *hide(char *start, size_t len)
{
    size_t stars = len < 3 ? len : 3;

    memset(start, '*', stars);
    memmove(start + stars, start + len, strlen(start + len) + 1);
    return start + stars;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Up to the quote that it begins with, else up to what can stand in no plain value. */
static size_t value_length(const char *at, char quote)
{
    return quote ? strcspn(at, quote == '"' ? "\"" : "'") : strcspn(at, " \t,;&)}]\"'");
}

/* Behind the word: a border, and the value; NULL: none follows. "Bearer x" is all of it. */
static char *value_of(char *at, bool needs_border, char *quote)
{
    bool border = false;

    if (*at == '"' || *at == '\'') /* of {"password": "x"} */
        at++;
    while (is_blank(*at))
        at++;
    while (*at == '=' || *at == ':' || is_blank(*at))
        border = *at++ != ' ' || border;
    *quote = '\0';
    if (*at == '"' || *at == '\'')
        *quote = *at++;
    if (strncasecmp(at, "bearer ", 7) == 0 || strncasecmp(at, "basic ", 6) == 0)
        at = strchr(at, ' ') + 1;
    return *at && (border || !needs_border || *quote) ? at : NULL;
}

static void hide_values(char *text, const char *word)
{
    size_t len = strlen(word);
    char quote, *at = text;

    while ((at = strcasestr(at, word)) != NULL) {
        char *value = value_of(at + len, strchr(word, ' ') == NULL, &quote);

        at += len;
        if (value)
            at = hide(value, value_length(value, quote));
    }
}

/* scheme://user:password@host: an @ may stand in the password, and a / too. */
static void hide_in_urls(char *text)
{
    char *at = text;

    while ((at = strstr(at, "://")) != NULL) {
        size_t len = strcspn(at += 3, " \t\"'<>");
        char *last = memrchr(at, '@', len), *colon = memchr(at, ':', len);

        if (last && colon && colon < last)
            at = hide(colon + 1, (size_t)(last - colon - 1));
    }
}

void redact(char *text)
{
    hide_in_urls(text);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        hide_values(text, words[i]);
}
