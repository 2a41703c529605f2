/* Facts of single values: what a mapping to another database must know of them. */
#ifndef FACT_H
#define FACT_H

#include "json_canon.h"

#include <runnel/schema.h>

#define FACT_COUNT 18 /* bits of enum rnl_fact in use */

/* Facts that are a measure: nothing is odd about a column that has them. */
#define FACTS_MEASURED ((uint32_t)RNL_FACT_DIGITS | RNL_FACT_LENGTH)

/* What types are chosen by where a sink doesn't say. */
#define FACTS_PRESET                                                                               \
    ((uint32_t)RNL_FACT_NOT_BOOL | RNL_FACT_ABOVE_INT64 | RNL_FACT_TIME_BEYOND_DAY |               \
     RNL_FACT_JSON_NUL | RNL_FACT_JSON_DUPLICATES | RNL_FACT_JSON_NUMBER | RNL_FACT_JSON_INVALID | \
     RNL_FACT_JSON_SURROGATE)

/* Facts that values of this column can have at all, without measures. */
uint32_t column_facts(const struct rnl_table *table, uint32_t column);
/*
 * Those of them that matter to a choice of types, and measures: integers above 2^63 and
 * lengths only of columns that keys or indexes hold.
 */
uint32_t column_decisions(const struct rnl_table *table, uint32_t column);

/* Facts of one value, among those wanted. json is the caller's, for its memory alone. */
uint32_t value_facts(const struct rnl_column *column, const struct rnl_value *value,
                     uint32_t wanted, struct json_canon *json);

/* The most of a column: see max_length, max_digits and max_scale in schema.h. */
struct measure {
    uint32_t length;
    uint16_t digits, scale;
};
void measure_value(struct measure *measure, const struct rnl_value *value, uint32_t wanted);
void measure_add(struct measure *sum, const struct measure *part);

const char *fact_name(uint32_t bit); /* "not_bool", "zero_date", …; NULL: no such bit */
const char *fact_text(uint32_t bit); /* "holds dates that are zero (0000-00-00)" */

bool utf8_is_valid(const void *text, size_t len);

#endif
