/* Masks: columns whose values are replaced before rows leave the process that reads them. */
#ifndef MASK_H
#define MASK_H

#include "selection.h"

enum { MASK_SALT_LEAST = 16, MASK_PRINT_SIZE = 17 };

/* Tells two salts apart without telling them: 16 hex digits in buf, which is returned. */
const char *mask_print(const struct rnl_secret *salt, char *buf);

/* The masks of one table's columns: not changed once rows are read. */
struct mask;
struct mask *mask_new(void); /* held once; NULL: out of memory */
struct mask *mask_hold(struct mask *mask);
void mask_release(struct mask *mask); /* both: control thread; NULL is fine */
/* Refuses what can't be: a text that is no value of the column's type, a hash that has no room. */
int mask_add(struct mask *mask, const struct rnl_table *table, uint32_t column,
             const struct rule_mask *rule, struct rnl_error *err);
bool mask_is_empty(const struct mask *mask);
const struct rule_mask *mask_of(const struct mask *mask, uint32_t column); /* or NULL */
/* Whether equal values of the two columns are equal behind their masks. */
bool mask_same(const struct mask *mask, const struct rnl_table *table, uint32_t column,
               const struct mask *other, const struct rnl_table *other_table,
               uint32_t other_column);

/*
 * Places in a table may hold values of key columns, and are kept in the target: those of a
 * table whose mask has a salt are written with a keystream of it. out is malloc'd, and the
 * caller's; the same call with open gives the place back.
 */
bool mask_seals(const struct mask *mask);
int mask_seal(const struct mask *mask, struct rnl_slice place, struct rnl_slice *out,
              struct rnl_error *err);
int mask_open(const struct mask *mask, struct rnl_slice sealed, struct rnl_slice *out,
              struct rnl_error *err);
/* A copy of the place, sealed where the mask (or NULL) seals. */
int mask_place(const struct mask *mask, struct rnl_slice place, struct rnl_slice *out,
               struct rnl_error *err);

/* A thread's means to apply one: kept while a bundle is filled. */
struct masker;
struct masker *masker_new(void);
void masker_free(struct masker *masker);
/* The row's values behind the mask; borrowed until the next call. columns: of the unit, or NULL. */
int masker_apply(struct masker *masker, const struct mask *mask, const uint32_t *columns,
                 const struct rnl_value *values, uint32_t count, const struct rnl_value **out,
                 struct rnl_error *err);

#endif
