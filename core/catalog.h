/* The tables of a run, as the source described them and the operator wants them. */
#ifndef CATALOG_H
#define CATALOG_H

#include "selection.h"

#include <runnel/host.h>

/* struct rnl_catalog is this module's own. Not changed any more once lanes run. */
struct rnl_catalog *catalog_new(void);
void catalog_free(struct rnl_catalog *catalog);

/*
 * Which tables are wanted, and what of them; borrowed while tables are added. Of
 * catalog_details() what of them alone: a verification goes by the rules of the run.
 */
void catalog_select(struct rnl_catalog *catalog, const struct table_rule *rules, size_t count);
void catalog_details(struct rnl_catalog *catalog, const struct table_rule *rules, size_t count);
bool catalog_wanted(const struct rnl_catalog *catalog, const char *schema, const char *name);
/* Who is told what goes with the columns that are left out, renamed or masked; may be NULL. */
struct findings;
void catalog_tell(struct rnl_catalog *catalog, struct findings *findings);
/* The rules' queries, for the source to describe; before describe. */
int catalog_ask(struct rnl_catalog *catalog, struct rnl_error *err);

/* Deep copy; stamps sizes, and applies the rules. */
int catalog_add(struct rnl_catalog *catalog, const struct rnl_table *table, struct rnl_error *err);
/*
 * All tables are described: drops what hangs on columns that other tables have no more,
 * and refuses rules that fit nothing, or give two tables one name.
 */
int catalog_settle(struct rnl_catalog *catalog, struct rnl_error *err);
/* A table of one catalog, with its names and its mask, into another. */
int catalog_copy(struct rnl_catalog *to, const struct rnl_catalog *from, uint32_t index,
                 struct rnl_error *err);
/*
 * The catalog as a sink sees it: with the names that tables and columns have in the
 * target. Of the catalog itself when none differs; else made once, and freed with it.
 * Never NULL: without memory the program ends. Tables and columns keep their indexes.
 */
struct rnl_catalog *catalog_view(struct rnl_catalog *catalog);
/* From names in the target to those of the source, where the catalog's view knows the table. */
void catalog_source_names(struct rnl_catalog *catalog, const char **schema, const char **table,
                          const char **object);
/* Whether the table has another name in the target: "sales.orders2" into buf. */
bool catalog_renamed(struct rnl_catalog *catalog, uint32_t index, char *buf, size_t size);

/* A table's index in one catalog and in that which follows it; UINT32_MAX: it isn't there. */
struct table_move {
    uint32_t from, to;
};
/*
 * A catalog (*is, the caller's) made of this one and of what was altered since, by the rules. moves
 * has room for one each: where an alteration's table was and is. One that the rules don't want
 * any more is gone. Tables that stay are in the order they were, and the new ones behind them.
 */
struct alterations;
int catalog_alter(const struct rnl_catalog *was, const struct alterations *altered,
                  const struct table_rule *rules, size_t nrules, struct rnl_catalog **is,
                  struct table_move *moves, struct rnl_error *err);
/* Where a table of the one is in the other; UINT32_MAX: nowhere. */
uint32_t catalog_moved(const struct rnl_catalog *was, const struct rnl_catalog *is,
                       const struct table_move *moves, uint32_t nmoves, uint32_t index);
/* How a table came into a pipeline that ran already: catalog_join.c. Kept as JSON. */
struct catalog_join {
    uint32_t number;    /* of the time that tables joined; 0: it has been there from the start */
    bool open;          /* not complete: rows or structure are yet to come */
    bool again;         /* it had been there before, and is loaded anew */
    bool waits;         /* loaded beside the stream: its changes have not been applied at all yet */
    const char *start;  /* changes count from there; NULL: see struct rnl_start */
    const char *since;  /* of one that waits: where the stream stood when it joined */
    const char *passed; /* changes up to there are in the target; NULL: as the place of all says */
    uint64_t letters;   /* of its letters those with an id up to this one go */
};
const struct catalog_join *catalog_joined(const struct rnl_catalog *catalog, uint32_t index);
/* Copies. */
int catalog_join(struct rnl_catalog *catalog, uint32_t index, const struct catalog_join *join,
                 struct rnl_error *err);
/* RNL_TABLE_JOINS and the like, as the tables' joins say; NOW for those of this number. */
void catalog_join_flags(struct rnl_catalog *catalog, uint32_t now);
void catalog_join_unflag(struct rnl_catalog *catalog);
/* Whether any table waits. */
bool catalog_waits(const struct rnl_catalog *catalog);
/* All that joined are complete. */
void catalog_join_close(struct rnl_catalog *catalog);
/*
 * A catalog (*is, the caller's) of this one's tables in their order, but as `described` has them
 * where again[index] says so, and behind them those of `described` that add[index] says; with the
 * objects of both.
 */
int catalog_extend(const struct rnl_catalog *was, struct rnl_catalog *described, const bool *again,
                   const bool *add, struct rnl_catalog **is, struct rnl_error *err);
/* What was found out of the data of a table's copy. */
void catalog_take_facts(struct rnl_catalog *catalog, uint32_t index, const struct rnl_catalog *from,
                        uint32_t at);
/* Whether a table has the same columns, as far as rows go, in both: see catalog_fingerprint(). */
bool catalog_same_form(const struct rnl_catalog *a, uint32_t index, const struct rnl_catalog *b,
                       uint32_t at);

/* The numbers that identities and sequences give next, by names, from another description. */
void catalog_take_values(struct rnl_catalog *catalog, const struct rnl_catalog *fresh);
/* Masks of the tables again, after catalog_from_json(), which keeps no salts. */
int catalog_arm(struct rnl_catalog *catalog, const struct table_rule *rules, size_t count,
                struct rnl_error *err);
/*
 * The operations that rules, and also for all tables (1 << enum rnl_op each), leave out of changes:
 * see catalog_leaves_out(). true: there are some.
 */
bool catalog_filter(struct rnl_catalog *catalog, const struct table_rule *rules, size_t count,
                    uint16_t also);
/* Of changes: a TRUNCATE is refused from now on. */
void catalog_refuse_truncate(struct rnl_catalog *catalog);
int catalog_check_change(const struct rnl_catalog *catalog, uint32_t index, uint16_t op,
                         struct rnl_error *err);
/* Whether a change of this kind isn't wanted. */
bool catalog_leaves_out(const struct rnl_catalog *catalog, uint32_t index, uint16_t op);
/* The table's mask into *mask, or NULL; fails when it has one that wasn't armed. */
struct mask;
int catalog_mask(const struct rnl_catalog *catalog, uint32_t index, const struct mask **mask,
                 struct rnl_error *err);
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

/* UINT32_MAX: none such. */
uint32_t catalog_index(struct rnl_catalog *catalog, const char *schema, const char *name);
/* Marks what other, an earlier run's, doesn't have in the target: RNL_TABLE_NOT_OURS. */
void catalog_mark_others(struct rnl_catalog *catalog, struct rnl_catalog *other);
/* The same of one; UINT32_MAX: none. */
void catalog_mark_other(struct rnl_catalog *catalog, uint32_t index);
/* The places of masked tables in a form that may be kept, and back: see mask_seal(). */
struct rnl_plan;
int catalog_seal_plan(const struct rnl_catalog *catalog, struct rnl_plan *plan,
                      struct rnl_error *err);
int catalog_open_plan(const struct rnl_catalog *catalog, struct rnl_plan *plan,
                      struct rnl_error *err);

/* As JSON text (malloc'd), and back: what crosses a transport and is kept for a resume. */
char *catalog_to_json(const struct rnl_catalog *catalog);
int catalog_from_json(const char *text, size_t len, struct rnl_catalog **catalog,
                      struct rnl_error *err);
/* Of all that matters for rows (names, types, keys), not of estimates. */
uint64_t catalog_fingerprint(const struct rnl_catalog *catalog);

#endif
