/* Values and rows as a person reads them, on one line and bounded; and what names a row. */
#ifndef ROW_TEXT_H
#define ROW_TEXT_H

#include <runnel/schema.h>
#include <stdbool.h>

/*
 * Into buf, terminated, which is returned. Dates as ISO 8601; bytes as hex; control
 * characters escaped; what is too long ends with "…", on a whole character.
 */
const char *value_text(const struct rnl_value *value, char *buf, size_t size);

/* "id=7" or "a=1, b=x", of these columns of a row. */
const char *key_text(const struct rnl_table *table, const struct rnl_value *values,
                     const uint32_t *columns, uint32_t ncolumns, char *buf, size_t size);

/*
 * The columns that name a row: those of the primary key, else of the first unique
 * index on whole columns without NULLs. columns has room for all of the table's.
 * 0: rows have no name.
 */
uint32_t table_key(const struct rnl_table *table, uint32_t *columns);
bool table_is_keyed(const struct rnl_table *table);

#endif
