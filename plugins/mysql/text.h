/* Text that grows: SQL is built in it, and this is the only place that quotes. */
#ifndef MYSQL_TEXT_H
#define MYSQL_TEXT_H

#include <runnel/host.h>
#include <stdbool.h>

/* failed: memory ran out; the text is then incomplete, and must not be used. */
struct text {
    char *ptr; /* terminated, NULL while empty */
    size_t len, size;
    bool failed;
};

void text_add(struct text *text, const char *piece);
void text_bytes(struct text *text, const void *bytes, size_t len);
RNL_PRINTF(2, 3) void text_printf(struct text *text, const char *fmt, ...);
void text_name(struct text *text, const char *name);             /* `name` */
void text_quoted(struct text *text, const char *value);          /* 'value' */
void text_hex(struct text *text, const void *bytes, size_t len); /* x'00ff' */
void text_json(struct text *text, const char *value);            /* "value" */
void text_number(struct text *text, uint64_t number);            /* in decimal */
void text_free(struct text *text);

#endif
