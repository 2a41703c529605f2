/* A description under construction: what the files that describe tables share. */
#ifndef POSTGRES_DESCRIBE_H
#define POSTGRES_DESCRIBE_H

#include "form.h"
#include "source.h"
#include "types.h"

/* The parts of a table as they are collected; lists grow in the batch's arena. */
struct draft {
    Oid oid;
    bool partitioned;
    struct rnl_table table;
    struct rnl_column *columns;
    struct form form; /* its columns stand beside the table's */
    struct rnl_index *indexes;
    struct rnl_foreign_key *foreign_keys;
    struct rnl_check *checks;
    struct rnl_partition *partitions;
    uint32_t columns_room, form_room, indexes_room, foreign_keys_room, checks_room, partitions_room;
};

/* A table that the operator wants. */
struct wanted {
    Oid oid;
    const char *schema, *name;
};

struct sequence {
    Oid oid;
    Oid table; /* that it belongs to; 0: to none */
    int attribute;
    bool identity; /* made by GENERATED … AS IDENTITY: no object of its own */
    bool needed;
    bool readable;
    bool known; /* next was read */
    int64_t next, increment, start;
    const char *schema, *name, *comment, *definition;
    const char *column; /* that it belongs to */
};

struct describer {
    struct pg_source *source;
    struct rnl_catalog *catalog;
    struct arena arena;    /* of all of it */
    struct arena batch;    /* of the tables under way */
    struct wanted *wanted; /* in the order of their names */
    size_t nwanted;
    Oid *oids;            /* of wanted, sorted */
    struct draft *drafts; /* of the tables under way, sorted by oid */
    size_t ndrafts;
    struct draft *last; /* of draft_find: rows of one table come together */
    struct types types;
    struct sequence *sequences; /* sorted by what they belong to, once all are known */
    size_t nsequences;
};

/* A row of a query; what it returns other than 0 is out of memory. */
typedef int describe_row_fn(struct describer *d, const PGresult *result, int row);
/* Runs sql with one parameter (NULL: none), an array of oids as text. */
int describe_query(struct describer *d, const char *sql, const char *oids, const char *doing,
                   describe_row_fn *row_fn, struct rnl_error *err);
/* As text: '{1,2,3}'; the caller's. NULL: out of memory. */
char *oids_text(const Oid *oids, size_t count);
bool wanted_has(const struct describer *d, Oid table);
const struct wanted *wanted_find(const struct describer *d, Oid table);
struct draft *draft_find(struct describer *d, Oid table);
int draft_column(const struct draft *draft, int attribute); /* -1: none */
/* A new last item, zeroed, of a list that grows by doubling; NULL: out of memory. */
void *items_grow(struct arena *arena, void *list, uint32_t *count, uint32_t *room, size_t item);
/* In the batch's arena; NULL stays NULL. */
const char *batch_text(struct describer *d, const char *text);

/* columns.c, indexes.c, constraints.c, partitions.c: of the tables under way */
int columns_describe(struct describer *d, const char *oids, struct rnl_error *err);
int indexes_describe(struct describer *d, const char *oids, struct rnl_error *err);
int constraints_describe(struct describer *d, const char *oids, struct rnl_error *err);
int partitions_describe(struct describer *d, const char *oids, struct rnl_error *err);

/* One table alone, without a catalog: it is d->drafts[0]; d, zeroed but for source, is the caller's
 * to free. */
int table_describe(struct describer *d, Oid oid, const char *schema, const char *name,
                   struct rnl_error *err);
void describer_free(struct describer *d);

/* leaves.c: of all wanted tables */
int leaves_describe(struct describer *d, struct rnl_error *err);
/* sequences.c: before tables; and objects, once tables are known */
int sequences_describe(struct describer *d, struct rnl_error *err);
int sequences_add(struct describer *d, struct rnl_error *err);
const struct sequence *sequence_of(const struct describer *d, Oid table, int attribute);
/* objects.c: extensions and types */
int objects_add(struct describer *d, struct rnl_error *err);
/* query.c */
int queries_describe(struct describer *d, struct rnl_error *err);

#endif
