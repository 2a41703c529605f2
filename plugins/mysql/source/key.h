/* The key by which a table is read in order, and places in that order: in bytes, and in SQL. */
#ifndef MYSQL_KEY_H
#define MYSQL_KEY_H

#include "text.h"
#include <runnel/schema.h>

#define KEY_COLUMNS_MAX 32

/* An index that is unique and has no NULLs, of columns that compare as they sort. */
struct key {
    const char *index; /* its name; NULL: the table has no such key */
    uint32_t ncolumns;
    uint32_t columns[KEY_COLUMNS_MAX]; /* in the table */
};

void key_choose(const struct rnl_table *table, struct key *key);

/*
 * A place as bytes: values of the first count columns of the key, in its order. -1: it
 * can't be told.
 */
int place_encode(struct text *out, const struct rnl_value *values, uint32_t count);

enum place_side { PLACE_BEHIND, PLACE_FROM, PLACE_BEFORE };

/*
 * Adds the condition that a row's key is behind, at or behind, or before the place; a
 * place of the first columns alone is only for the last two.
 * The bytes come from outside: -1 when they are no place of this key.
 */
int place_condition(struct text *sql, const struct rnl_table *table, const struct key *key,
                    struct rnl_slice place, enum place_side side);

/* A value as SQL has it, and a comparison of a column with it. -1: it can't be written. */
int literal_add(struct text *sql, const struct rnl_column *column, const struct rnl_value *value);
int compare_add(struct text *sql, const struct rnl_column *column, const char *operator,
                const struct rnl_value * value);

/* The key's values as a condition a person can use: `a` = 1 AND `b` = 2. -1: it can't be told. */
int place_describe(struct text *out, const struct rnl_table *table, const struct key *key,
                   const struct rnl_value *values);

/* How a character column's bytes reach us. */
enum charset_kind {
    CHARSET_AS_IS,  /* UTF-8 or a part of it */
    CHARSET_LATIN1, /* cp1252, converted here: see row.c */
    CHARSET_SERVER, /* converted by the server */
};
enum charset_kind charset_kind(const struct rnl_column *column);

#endif
