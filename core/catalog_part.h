/* What the parts of the catalog share: catalog*.c.
 */
#ifndef CATALOG_PART_H
#define CATALOG_PART_H

#include "catalog.h"
#include "mask.h"
#include "util/arena.h"

#include <jansson.h>

/* What stands beside a table. All in the catalog's arena, but for the mask. */
struct catalog_extra {
    /* names in the target; NULL: those of the source */
    const char *schema, *name;
    const char **columns; /* each of them NULL: as in the source; NULL: all */
    bool placed;          /* the operator chose the schema */
    bool flat;            /* partitions hang on a column that is left out */
    bool masked;          /* mask is wanted: without one no row may be read */
    uint16_t left_out;    /* of changes: 1 << enum rnl_op each; not kept as JSON */
    struct catalog_join join;
    struct mask *mask; /* counted: see mask_hold() */
};

struct rnl_catalog {
    struct arena arena; /* holds all that the tables point to */
    struct rnl_table **tables;
    struct catalog_extra *extras; /* as tables */
    uint32_t count, room;
    const struct table_rule *rules; /* which tables are wanted */
    size_t nrules;
    const struct table_rule *details; /* and what of them */
    size_t ndetails;
    bool **used; /* of each detail rule: which of its columns, renames and masks were met */
    struct findings *findings;
    struct rnl_object **objects;
    uint32_t nobjects;
    struct rnl_query **queries;
    uint32_t nqueries;
    bool no_truncate;  /* of changes: a table that is emptied ends the run */
    uint32_t *by_name; /* indexes of the tables, sorted by schema and name; NULL: to be made */
    struct rnl_catalog *view; /* for a sink; NULL: not made, or this is it */
};

/* Copies all that the table points to into the arena; stamps sizes. */
bool catalog_copy_parts(struct arena *arena, struct rnl_table *copy);
/* Applies the rules to a copy: column list, names, masks. catalog_choose.c */
int catalog_choose(struct rnl_catalog *catalog, struct rnl_table *table,
                   struct catalog_extra *extra, struct rnl_error *err);
RNL_PRINTF(5, 6)
void catalog_find(const struct rnl_catalog *catalog, const struct rnl_table *table,
                  const char *object, const char *code, const char *fmt, ...);
/* The columns, indexes and so on of a table that catalog_add made: they are ours to change. */
#define CATALOG_OWN(type, pointer) ((type *)(uintptr_t)(pointer))
#define CATALOG_NONE UINT32_MAX
/* The column of this name, or CATALOG_NONE. */
uint32_t catalog_column(const struct rnl_table *table, const char *name);
/* The columns that a rule names: its list, its renames, its masks. */
size_t rule_names(const struct table_rule *rule);
const char *rule_name_at(const struct table_rule *rule, size_t i);
int rule_unknown_column(const struct table_rule *rule, const char *where, const char *column,
                        struct rnl_error *err);
bool catalog_same_name(const struct rnl_table *table, const char *a, const char *b);
int catalog_no_memory(struct rnl_error *err);
/* Drops foreign keys whose other end lacks what they point to. */
void catalog_settle_keys(struct rnl_catalog *catalog);

/* Of how a table joined a pipeline that ran: catalog_join.c. */
#define JOIN_FLAGS (uint32_t)(RNL_TABLE_JOINS | RNL_TABLE_JOINS_NOW | RNL_TABLE_AGAIN)
/* Its texts are copied. */
struct catalog_join join_copy(struct arena *arena, const struct catalog_join *join);
json_t *join_to_json(const struct catalog_join *join);
void join_from_json(struct arena *arena, const json_t *o, struct catalog_join *join);

#endif
