/* What Vault says: JSON of anybody who listens on its port, taken apart with bounds. */
#include "vault.h"

#include <stdlib.h>

#define MOST_SECONDS 3.2e9 /* a hundred years */

int reply_read(struct reply *reply, const char *body, size_t len)
{
    json_error_t unused;

    reply->root = json_loadb(body, len, JSON_REJECT_DUPLICATES, &unused);
    if (json_is_object(reply->root))
        return 0;
    reply_free(reply);
    return -1;
}

/* Depth is bounded by that of jansson's parser. */
void json_wipe(json_t *value)
{
    const char *key;
    json_t *item;
    size_t i;

    if (json_is_object(value)) {
        json_object_foreach(value, key, item) json_wipe(item);
    } else if (json_is_array(value)) {
        json_array_foreach(value, i, item) json_wipe(item);
    } else if (json_is_string(value)) {
        char *text;
        const char *const lent = json_string_value(value);

        memcpy(&text, &lent, sizeof(text)); /* its owner gives it up */
        explicit_bzero(text, json_string_length(value));
    }
}

void reply_free(struct reply *reply)
{
    json_wipe(reply->root);
    json_decref(reply->root);
    reply->root = NULL;
}

void reply_words(const struct reply *reply, char *words, size_t size)
{
    const json_t *errors = json_object_get(reply->root, "errors"), *item;
    size_t i, n = 0;

    words[0] = '\0';
    json_array_foreach(errors, i, item)
    {
        const char *text = json_string_value(item);

        if (text && n + 1 < size)
            n += (size_t)snprintf(words + n, size - n, "%s%s", n ? "; " : "", text);
    }
    for (char *at = words; *at; at++) /* on one line */
        if ((unsigned char)*at < ' ')
            *at = ' ';
}

int64_t reply_ms(const json_t *object, const char *key)
{
    double seconds = json_number_value(json_object_get(object, key));

    return seconds > 0 && seconds <= MOST_SECONDS ? (int64_t)(seconds * 1000) : 0;
}

/* What a reference can mean: text, or what has one text only; malloc'd, NULL: nothing. */
static char *text_of(const json_t *value)
{
    if (json_is_string(value))
        return strdup(json_string_value(value));
    if (json_is_number(value) || json_is_boolean(value))
        return json_dumps(value, JSON_ENCODE_ANY);
    return NULL;
}

static void text_free(char *text)
{
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
}

static size_t packed_bytes(json_t *object)
{
    size_t bytes = 0;
    const char *key;
    json_t *value;

    json_object_foreach(object, key, value) bytes +=
        strlen(key) + 2 + (json_is_string(value) ? json_string_length(value) : 40);
    return bytes;
}

bool fields_pack(json_t *object, struct pages *out)
{
    const char *key;
    json_t *value;

    if (!pages_make(out, packed_bytes(object)))
        return false;
    json_object_foreach(object, key, value)
    {
        char *text = text_of(value);
        size_t key_len = strlen(key) + 1, len = text ? strlen(text) + 1 : 0;

        if (text && key_len + len <= out->mapped - out->length) {
            memcpy(out->bytes + out->length, key, key_len);
            memcpy(out->bytes + out->length + key_len, text, len);
            out->length += key_len + len;
        }
        text_free(text);
    }
    return true;
}

/* The name at *at, its value in *value; NULL: no more. */
static const char *next_field(const struct pages *fields, size_t *at, const char **value)
{
    const char *name = (const char *)fields->bytes + *at;

    if (*at >= fields->length)
        return NULL;
    *value = name + strlen(name) + 1;
    *at += strlen(name) + strlen(*value) + 2;
    return name;
}

const char *fields_find(const struct pages *fields, const char *name)
{
    const char *value, *at_name, *first = NULL;
    size_t count = 0;

    for (size_t at = 0; (at_name = next_field(fields, &at, &value)) != NULL; count++) {
        if (strcmp(at_name, *name ? name : "value") == 0)
            return value;
        if (!first)
            first = value;
    }
    return !*name && count == 1 ? first : NULL;
}

void fields_names(const struct pages *fields, char *out, size_t size)
{
    const char *value, *name;
    size_t n = 0;

    out[0] = '\0';
    for (size_t at = 0; (name = next_field(fields, &at, &value)) != NULL && n + 1 < size;)
        n += (size_t)snprintf(out + n, size - n, "%s%.60s", n ? ", " : "", name);
    for (; *out; out++)
        if ((unsigned char)*out < ' ')
            *out = ' ';
}
