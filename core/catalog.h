/* The tables of a run, as the source described them. */
#ifndef CATALOG_H
#define CATALOG_H

#include <runnel/host.h>

/* struct rnl_catalog is this module's own. Not changed any more once lanes run. */
struct rnl_catalog *catalog_new(void);
void catalog_free(struct rnl_catalog *catalog);

/* Which tables are wanted; a pattern is "schema.table" or "table", with * and ?. */
struct table_rule {
    const char *name;  /* the pattern */
    const char *where; /* row filter, or NULL */
    bool exclude;
};
void catalog_select(struct rnl_catalog *catalog, const struct table_rule *rules, size_t count);
bool catalog_wanted(const struct rnl_catalog *catalog, const char *schema, const char *name);

/* Deep copy; stamps sizes and the filter of the rule that matched. */
int catalog_add(struct rnl_catalog *catalog, const struct rnl_table *table, struct rnl_error *err);
uint32_t catalog_count(const struct rnl_catalog *catalog);
const struct rnl_table *catalog_at(const struct rnl_catalog *catalog, uint32_t index);
/* What stands beside the tables, in the order added; copies. */
int catalog_object_add(struct rnl_catalog *catalog, const struct rnl_object *object,
                       struct rnl_error *err);
uint32_t catalog_object_count(const struct rnl_catalog *catalog);
const struct rnl_object *catalog_object_at(const struct rnl_catalog *catalog, uint32_t index);
/* Queries that the source is to describe beside tables; copies, before describe. */
int catalog_query_add(struct rnl_catalog *catalog, const struct rnl_query *query,
                      struct rnl_error *err);
uint32_t catalog_query_count(const struct rnl_catalog *catalog);
const struct rnl_query *catalog_query_at(const struct rnl_catalog *catalog, uint32_t index);
/* Sets bits of facts_known, and of facts. */
void catalog_know(struct rnl_catalog *catalog, uint32_t table, uint32_t column, uint32_t known,
                  uint32_t facts);
/* What was measured of a column: see max_length, max_digits and max_scale. */
struct measure;
void catalog_measure(struct rnl_catalog *catalog, uint32_t table, uint32_t column,
                     const struct measure *measure);

/* Marks what other, an earlier run's, doesn't have: RNL_TABLE_NOT_OURS. */
void catalog_mark_others(struct rnl_catalog *catalog, const struct rnl_catalog *other);

/* As JSON text (malloc'd), and back: what crosses a transport and is kept for a resume. */
char *catalog_to_json(const struct rnl_catalog *catalog);
int catalog_from_json(const char *text, size_t len, struct rnl_catalog **catalog,
                      struct rnl_error *err);
/* Of all that matters for rows (names, types, keys), not of estimates. */
uint64_t catalog_fingerprint(const struct rnl_catalog *catalog);

#endif
