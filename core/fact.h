/* Facts of single values: what a mapping to another database must know of them. */
#ifndef FACT_H
#define FACT_H

#include "json_canon.h"

#include <runnel/schema.h>

#define FACT_COUNT 14 /* bits of enum rnl_fact in use */

/* Facts that values of this column can have at all. */
uint32_t column_facts(const struct rnl_column *column);
/* Those of them by which types are chosen: see CHECK_DECISIONS in check.h. */
uint32_t column_decisions(const struct rnl_table *table, uint32_t column);

/* Facts of one value, among those wanted. json is the caller's, for its memory alone. */
uint32_t value_facts(const struct rnl_column *column, const struct rnl_value *value,
                     uint32_t wanted, struct json_canon *json);

const char *fact_name(uint32_t bit); /* "not_bool", "zero_date", …; NULL: no such bit */
const char *fact_text(uint32_t bit); /* "holds dates that are zero (0000-00-00)" */

bool utf8_is_valid(const void *text, size_t len);

#endif
