/* Large JSON made and read piece by piece: its whole as objects would take ten times the text. */
#ifndef JSON_PARTS_H
#define JSON_PARTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Text that grows. After a failure it stays empty, and says so at the end. */
struct json_text {
    char *ptr;
    size_t len, room;
    bool failed;
};

void json_text_add(struct json_text *text, const char *piece, size_t len);
/* Adds the value in compact form, and a comma before it where one is due; drops the reference. */
void json_text_value(struct json_text *text, json_t *value);
/* Adds `"key":` with a comma before it where one is due. */
void json_text_key(struct json_text *text, const char *key);
/* malloc'd, the caller's; NULL: memory is out. */
char *json_text_end(struct json_text *text);

/* Goes through an object or an array. What is not looked into is not checked either. */
struct json_walk {
    const char *at, *end;
    char close;
    bool begun, broken;
};

/* One element: its text, and within an object its key (of JSON as it stands, without quotes). */
struct json_part {
    const char *key, *text;
    size_t key_len, len;
};

/* open: '{' or '['; json_walk_end() tells later when it isn't that. */
struct json_walk json_walk(const char *text, size_t len, char open);
/* false: that was the last, or the text is broken. */
bool json_walk_next(struct json_walk *walk, struct json_part *part);
/* Whether it went up to a proper end with nothing behind it. */
bool json_walk_end(const struct json_walk *walk);
bool json_part_is(const struct json_part *part, const char *key);
/* The part's value, checked; NULL when it is no JSON. */
json_t *json_part_load(const struct json_part *part);

#endif
