/* The parts of MySQL's binary form of JSON. */
#ifndef MYSQL_BINLOG_JSON_H
#define MYSQL_BINLOG_JSON_H

#include "binlog_part.h"

/* Types; an odd object or array is large: its numbers have 4 bytes, not 2. */
enum {
    JSON_OBJECT = 0,
    JSON_OBJECT_LARGE = 1,
    JSON_ARRAY = 2,
    JSON_ARRAY_LARGE = 3,
    JSON_LITERAL = 4,
    JSON_INT16 = 5,
    JSON_UINT16 = 6,
    JSON_INT32 = 7,
    JSON_UINT32 = 8,
    JSON_INT64 = 9,
    JSON_UINT64 = 10,
    JSON_DOUBLE = 11,
    JSON_STRING = 12,
    JSON_OPAQUE = 15,
};

/* An object or array: keys and values are found by offsets from its base. */
struct json_list {
    bool is_object;
    uint8_t width; /* bytes of an offset */
    uint64_t count;
    const uint8_t *base, *end, *keys, *values;
};

/* All: 0, or -1 when the bytes are no such thing. */
int json_list_open(uint8_t type, struct span in, struct json_list *list);
int json_list_key(const struct json_list *list, uint64_t index, struct span *key);
int json_list_value(const struct json_list *list, uint64_t index, uint8_t *type,
                    struct span *value);
int json_varint(struct span *in, uint64_t *value);

bool json_is_inline(uint8_t type, unsigned width);
int json_scalar(uint8_t type, struct span in, struct pile_text *out);
void json_quote(struct pile_text *out, const uint8_t *at, size_t len);
void json_double(struct pile_text *out, double number);

#endif
