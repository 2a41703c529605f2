/* Rows of changes, gathered by table and kind and coalesced by key, so that a server gets few
 * statements for them. */
#ifndef COMMON_CHANGESET_H
#define COMMON_CHANGESET_H

#include "arena.h"

#include <runnel/host.h>
#include <stdbool.h>

/* What is to be known of a table; the sink's own, stands as long as rows of it are gathered. */
struct changeset_table {
    uint32_t ncolumns;
    const uint32_t *key; /* columns that tell its rows apart; nkey 0: none do */
    uint32_t nkey;
    uint32_t rank;        /* above those of the tables that its foreign keys point to */
    bool delete_cascades; /* the target may change other rows with one that is deleted */
    bool update_cascades; /* … or updated, without a change of its key */
};

/*
 * Net changes of one kind: RNL_DELETE, RNL_UPDATE or RNL_INSERT. A row's values are merged
 * of all that was gathered for its key: after of an insert or update has RNL_T_UNCHANGED only
 * where none of them set it, and rows of one group set the same columns. To find a row's key:
 * changeset_key().
 */
struct changeset_group {
    uint32_t table;
    uint16_t op;
    uint16_t reserved;
    uint32_t count;
    const struct rnl_row *const *rows;
    const struct changeset_table *of;
};

enum changeset_result {
    CHANGESET_ADDED = 0,
    CHANGESET_FLUSH, /* it can't stand beside what is gathered: apply and clear that, add again */
    CHANGESET_ALONE, /* never gathered: apply and clear the others, then do this row by itself */
};

struct changeset_entry;
struct changeset_net;

/*
 * Start with zeros. Rows are copied but not the bytes that their values point to: these
 * stand until changeset_clear().
 */
struct changeset {
    struct arena arena;
    struct rnl_row *rows; /* as they came: nrows of them, in their order */
    uint32_t nrows, rows_room;
    /* ---- its own ------------------------------------------------------------ */
    struct changeset_entry *entries; /* by key */
    uint32_t nentries, entries_room;
    uint32_t *slots; /* index in entries + 1, by hash; 0: free */
    uint32_t nslots; /* a power of two */
    size_t nvalues;
    bool erased;    /* a row was deleted that others may go with: only deletes may follow */
    bool only_dels; /* nothing but deletes */
    struct changeset_net *nets;
    const struct rnl_row **pointers;
    struct changeset_group *groups;
    uint32_t nets_room, groups_room;
};

/*
 * An enum changeset_result, or RNL_E_*. Keys are the same when their bytes are. Finer than
 * the target's "=" that does no harm: of keys that the target holds equal at most one stands at a
 * time, so that all but one of them end deleted, and deletes come first.
 *
 * Alone are: TRUNCATE, an update that changes its key, an update or delete without a key.
 */
int changeset_add(struct changeset *set, const struct changeset_table *table,
                  const struct rnl_row *row, struct rnl_error *err);
/*
 * What is gathered, in the order to apply it: deletes of all tables (children first), then by
 * table (parents first) updates and inserts. Rows that are in each other's way all the same (two
 * that swap a unique value, a child that leaves a parent before that is deleted) make the server
 * refuse; then set->rows one by one are right.
 */
int changeset_groups(struct changeset *set, const struct changeset_group **groups, uint32_t *count,
                     struct rnl_error *err);
void changeset_clear(struct changeset *set);
void changeset_free(struct changeset *set);

/* The value of a key's column that the row is found by; NULL: the source didn't send it. */
const struct rnl_value *changeset_key(const struct rnl_row *row, uint32_t column);
/* Whether an update gives its row another key. */
bool changeset_moves(const struct changeset_table *table, const struct rnl_row *row);
/* Whether all columns are there, so that the row could be inserted. */
bool changeset_complete(const struct rnl_row *row);
bool changeset_same(const struct rnl_value *a, const struct rnl_value *b);

#endif
