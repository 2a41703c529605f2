/* The text of a fixed mask as a value of a column's type. */
#ifndef MASK_VALUE_H
#define MASK_VALUE_H

#include <runnel/schema.h>

/*
 * NULL: done, with bytes that the value points to in *bytes (malloc'd, or NULL). Else why
 * not, as the end of "column x …".
 */
const char *mask_value_parse(const struct rnl_column *column, const char *text,
                             struct rnl_value *value, void **bytes);

#endif
