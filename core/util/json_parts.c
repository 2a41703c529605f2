/* Large JSON made and read piece by piece. */
#include "json_parts.h"

#include <stdlib.h>
#include <string.h>

static bool make_room(struct json_text *text, size_t len)
{
    size_t room = text->room ? text->room : 4096;
    char *ptr;

    if (len < text->room - text->len)
        return true;
    while (room - text->len <= len)
        room += room / 2;
    ptr = realloc(text->ptr, room);
    if (!ptr)
        return false;
    text->ptr = ptr;
    text->room = room;
    return true;
}

void json_text_add(struct json_text *text, const char *piece, size_t len)
{
    if (text->failed)
        return;
    if (!make_room(text, len)) {
        text->failed = true;
        return;
    }
    memcpy(text->ptr + text->len, piece, len);
    text->len += len;
}

static void add_comma(struct json_text *text)
{
    if (text->len && !strchr("{[:", text->ptr[text->len - 1]))
        json_text_add(text, ",", 1);
}

void json_text_value(struct json_text *text, json_t *value)
{
    char *piece = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;

    add_comma(text);
    if (piece)
        json_text_add(text, piece, strlen(piece));
    else
        text->failed = true;
    free(piece);
    json_decref(value);
}

void json_text_key(struct json_text *text, const char *key)
{
    add_comma(text);
    json_text_add(text, "\"", 1);
    json_text_add(text, key, strlen(key));
    json_text_add(text, "\":", 2);
}

char *json_text_end(struct json_text *text)
{
    char *ptr;

    json_text_add(text, "", 1);
    ptr = text->failed ? NULL : realloc(text->ptr, text->len);
    if (!ptr)
        free(text->ptr);
    *text = (struct json_text){0};
    return ptr;
}

static void skip_blanks(struct json_walk *walk)
{
    while (walk->at < walk->end && strchr(" \t\r\n", *walk->at) && *walk->at)
        walk->at++;
}

static bool take(struct json_walk *walk, char c)
{
    skip_blanks(walk);
    if (walk->at == walk->end || *walk->at != c)
        return false;
    walk->at++;
    return true;
}

struct json_walk json_walk(const char *text, size_t len, char open)
{
    struct json_walk walk = {.at = text, .end = text + len, .close = open == '{' ? '}' : ']'};

    walk.broken = !take(&walk, open);
    return walk;
}

/* Behind the string that begins here; NULL: it has no end. */
static const char *string_end(const char *at, const char *end)
{
    for (at++; at < end && *at != '"'; at++)
        if (*at == '\\' && at + 1 < end)
            at++;
    return at < end ? at + 1 : NULL;
}

/* Behind the value that begins here: brackets are counted, the rest is the parser's. */
static const char *value_end(const char *at, const char *end)
{
    size_t depth = 0;

    while (at && at < end) {
        if (*at == '"') {
            at = string_end(at, end);
            continue;
        }
        if (!depth && strchr(",]}", *at) && *at)
            return at;
        if (*at == '{' || *at == '[')
            depth++;
        else if (*at == '}' || *at == ']')
            depth--;
        at++;
    }
    return NULL; /* within an object or an array something must follow */
}

static bool take_key(struct json_walk *walk, struct json_part *part)
{
    const char *behind;

    skip_blanks(walk);
    if (walk->at == walk->end || *walk->at != '"')
        return false;
    behind = string_end(walk->at, walk->end);
    if (!behind)
        return false;
    part->key = walk->at + 1;
    part->key_len = (size_t)(behind - walk->at) - 2;
    walk->at = behind;
    return take(walk, ':');
}

bool json_walk_next(struct json_walk *walk, struct json_part *part)
{
    const char *behind;

    *part = (struct json_part){0};
    if (walk->broken || !walk->close)
        return false;
    if (take(walk, walk->close)) {
        walk->close = '\0';
        return false;
    }
    if ((walk->begun && !take(walk, ',')) || (walk->close == '}' && !take_key(walk, part)))
        goto broken;
    walk->begun = true;
    skip_blanks(walk);
    behind = value_end(walk->at, walk->end);
    if (!behind || behind == walk->at)
        goto broken;
    part->text = walk->at;
    part->len = (size_t)(behind - walk->at);
    walk->at = behind;
    return true;
broken:
    walk->broken = true;
    return false;
}

bool json_walk_end(const struct json_walk *walk)
{
    struct json_walk rest = *walk;

    skip_blanks(&rest);
    return !walk->broken && !walk->close && rest.at == rest.end;
}

bool json_part_is(const struct json_part *part, const char *key)
{
    return part->key && strlen(key) == part->key_len && memcmp(part->key, key, part->key_len) == 0;
}

json_t *json_part_load(const struct json_part *part)
{
    return json_loadb(part->text, part->len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
}
