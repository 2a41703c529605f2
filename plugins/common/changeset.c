/* Gathers rows of changes by table and kind, coalesced by key. */
#include "changeset.h"

#include <stdlib.h>
#include <string.h>

enum {
    MAX_ROWS = 1024,
    MAX_VALUES = 1 << 17, /* 2 MiB of them: wide rows fill a set sooner */
};

/* What is to become of the rows with one key. */
struct changeset_entry {
    const struct changeset_table *table;
    uint64_t hash;
    const struct rnl_row *key; /* one of them */
    const struct rnl_row *del; /* to be deleted first; NULL: none */
    struct rnl_row net;        /* then this; op 0: nothing */
    struct rnl_value *merged;  /* after of net where that is our own; NULL: a row's as it came */
};

/* One row of a group, with what it is sorted by. */
struct changeset_net {
    const struct rnl_row *row;
    const struct changeset_table *table;
    uint64_t mask; /* hash of the columns set */
    uint32_t order;
};

static int no_memory(struct rnl_error *err)
{
    return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for changes that are gathered");
}

/* ---- values and keys -------------------------------------------------------------- */

static bool is_in_place(const struct rnl_value *value)
{
    switch (value->type) {
    case RNL_T_BOOL:
    case RNL_T_INT:
    case RNL_T_UINT:
    case RNL_T_FLOAT:
    case RNL_T_DOUBLE:
    case RNL_T_DATE:
    case RNL_T_TIME:
    case RNL_T_TIMESTAMP:
    case RNL_T_TIMESTAMPTZ:
        return true;
    default:
        return false;
    }
}

static bool is_empty(const struct rnl_value *value)
{
    return value->type == RNL_T_NULL || value->type == RNL_T_UNCHANGED;
}

bool changeset_same(const struct rnl_value *a, const struct rnl_value *b)
{
    if (a->type != b->type || a->flags != b->flags)
        return false;
    if (is_empty(a))
        return true;
    if (is_in_place(a))
        return a->u == b->u;
    return a->len == b->len && (a->len == 0 || memcmp(a->ptr, b->ptr, a->len) == 0);
}

static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

static uint64_t hash_value(uint64_t hash, const struct rnl_value *value)
{
    const unsigned char *at = value->ptr;
    uint64_t word = 0;

    hash = mix(hash, (uint64_t)value->type << 16 | value->flags);
    if (is_empty(value))
        return hash;
    if (is_in_place(value))
        return mix(hash, value->u);
    for (uint32_t i = 0; i < value->len; i++) {
        word = word << 8 | at[i];
        if (i % 8 == 7) {
            hash = mix(hash, word);
            word = 0;
        }
    }
    return mix(mix(hash, word), value->len);
}

const struct rnl_value *changeset_key(const struct rnl_row *row, uint32_t column)
{
    if (row->before && row->before[column].type != RNL_T_UNCHANGED)
        return &row->before[column];
    if (row->after && row->after[column].type != RNL_T_UNCHANGED)
        return &row->after[column];
    return NULL;
}

bool changeset_moves(const struct changeset_table *table, const struct rnl_row *row)
{
    if (!row->before || !row->after)
        return false;
    for (uint32_t i = 0; i < table->nkey; i++) {
        const struct rnl_value *before = &row->before[table->key[i]];
        const struct rnl_value *after = &row->after[table->key[i]];

        if (before->type != RNL_T_UNCHANGED && after->type != RNL_T_UNCHANGED &&
            !changeset_same(before, after))
            return true;
    }
    return false;
}

bool changeset_complete(const struct rnl_row *row)
{
    for (uint32_t i = 0; i < row->nvalues; i++)
        if (row->after[i].type == RNL_T_UNCHANGED)
            return false;
    return true;
}

static uint64_t hash_key(const struct changeset_table *table, const struct rnl_row *row)
{
    uint64_t hash = mix(1, row->table);

    for (uint32_t i = 0; i < table->nkey; i++)
        hash = hash_value(hash, changeset_key(row, table->key[i]));
    return hash;
}

static bool same_key(const struct changeset_table *table, const struct rnl_row *a,
                     const struct rnl_row *b)
{
    if (a->table != b->table)
        return false;
    for (uint32_t i = 0; i < table->nkey; i++)
        if (!changeset_same(changeset_key(a, table->key[i]), changeset_key(b, table->key[i])))
            return false;
    return true;
}

/* ---- room ----------------------------------------------------------------------------- */

static bool grow(void *items, uint32_t *room, uint32_t needed, size_t size)
{
    uint32_t more = *room ? *room : 64;
    void *old, *grown;

    memcpy(&old, items, sizeof(old));
    if (needed <= *room)
        return true;
    while (more < needed)
        more *= 2;
    grown = realloc(old, more * size);
    if (!grown)
        return false;
    memcpy(items, &grown, sizeof(grown));
    *room = more;
    return true;
}

/* All that the sets will ever point into stands still while rows are added. */
static int prepare(struct changeset *set, struct rnl_error *err)
{
    if (set->rows)
        return RNL_OK;
    set->nslots = 4 * MAX_ROWS;
    if (!grow(&set->rows, &set->rows_room, MAX_ROWS, sizeof(*set->rows)) ||
        !grow(&set->entries, &set->entries_room, MAX_ROWS, sizeof(*set->entries)))
        return no_memory(err);
    set->slots = calloc(set->nslots, sizeof(*set->slots));
    set->only_dels = true;
    return set->slots ? RNL_OK : no_memory(err);
}

static struct changeset_entry *find(struct changeset *set, const struct changeset_table *table,
                                    const struct rnl_row *row, uint64_t hash, uint32_t *slot)
{
    uint32_t at = (uint32_t)hash & (set->nslots - 1);

    for (; set->slots[at]; at = (at + 1) & (set->nslots - 1)) {
        struct changeset_entry *entry = &set->entries[set->slots[at] - 1];

        if (entry->hash == hash && entry->table == table && same_key(table, entry->key, row))
            return entry;
    }
    *slot = at;
    return NULL;
}

/* The row as it is to be kept: its values are copied, what they point to is not. */
static struct rnl_row *keep_row(struct changeset *set, const struct rnl_row *row)
{
    size_t bytes = row->nvalues * sizeof(struct rnl_value);
    struct rnl_row *kept = &set->rows[set->nrows];

    *kept = *row;
    kept->size = sizeof(*kept);
    if (row->after && !(kept->after = arena_memdup(&set->arena, row->after, bytes)))
        return NULL;
    if (row->before && !(kept->before = arena_memdup(&set->arena, row->before, bytes)))
        return NULL;
    set->nvalues += ((size_t)(row->after != NULL) + (row->before != NULL)) * row->nvalues;
    set->nrows++;
    return kept;
}

/* ---- one row more ------------------------------------------------------------------------ */

/* A row that can't be what it says, or lacks its key. */
static int check_row(const struct changeset_table *table, const struct rnl_row *row,
                     struct rnl_error *err)
{
    bool after = row->op == RNL_INSERT || row->op == RNL_UPDATE;
    bool keyed = table->nkey > 0;

    if (row->op == RNL_TRUNCATE)
        return RNL_OK;
    if (row->nvalues != table->ncolumns || (after && !row->after) ||
        (row->op == RNL_DELETE && !row->before) || (!after && row->op != RNL_DELETE))
        return rnl_fail(err, RNL_E_DATA, "sink.row",
                        "a change of table %u (operation %u) has %u values, its table %u columns",
                        row->table, row->op, row->nvalues, table->ncolumns);
    for (uint32_t i = 0; keyed && i < table->nkey; i++)
        if (!changeset_key(row, table->key[i]))
            return rnl_fail(err, RNL_E_DATA, "sink.row",
                            "a change of table %u (operation %u) comes without its key", row->table,
                            row->op);
    return RNL_OK;
}

static bool stands_alone(const struct changeset_table *table, const struct rnl_row *row)
{
    if (row->op == RNL_TRUNCATE)
        return true;
    if (table->nkey == 0)
        return row->op != RNL_INSERT;
    return row->op == RNL_UPDATE && (table->update_cascades || changeset_moves(table, row));
}

/* Whether the row's key leaves it no place among what is gathered. */
static bool clashes(const struct changeset_entry *entry, const struct rnl_row *row)
{
    if (!entry)
        return false;
    switch (row->op) {
    case RNL_INSERT:
        return entry->net.op != 0; /* a row is there: the server is to say so */
    case RNL_UPDATE:
        return entry->net.op == 0; /* it was deleted: the server is to say so */
    default:
        return false;
    }
}

/* Cascades of the target reach rows that others of the set may be about. */
static bool must_flush(const struct changeset *set, const struct changeset_table *table,
                       const struct rnl_row *row)
{
    if (set->nrows == 0)
        return false;
    if (set->nrows >= MAX_ROWS || set->nvalues + 2u * row->nvalues > MAX_VALUES)
        return true;
    if (row->op == RNL_DELETE)
        return table->delete_cascades && !set->only_dels;
    return set->erased;
}

static int merge_update(struct changeset *set, struct changeset_entry *entry,
                        const struct rnl_row *row, struct rnl_error *err)
{
    if (!entry->merged) {
        entry->merged =
            arena_memdup(&set->arena, entry->net.after, row->nvalues * sizeof(struct rnl_value));
        if (!entry->merged)
            return no_memory(err);
        set->nvalues += row->nvalues;
        entry->net.after = entry->merged;
    }
    for (uint32_t i = 0; i < row->nvalues; i++)
        if (row->after[i].type != RNL_T_UNCHANGED)
            entry->merged[i] = row->after[i];
    return CHANGESET_ADDED;
}

static int merge(struct changeset *set, struct changeset_entry *entry, const struct rnl_row *row,
                 struct rnl_error *err)
{
    if (row->op == RNL_UPDATE && entry->net.op != 0)
        return merge_update(set, entry, row, err);
    entry->merged = NULL;
    if (row->op == RNL_DELETE) {
        if (!entry->del)
            entry->del = row;
        entry->net = (struct rnl_row){0};
        return CHANGESET_ADDED;
    }
    entry->net = *row;
    return CHANGESET_ADDED;
}

int changeset_add(struct changeset *set, const struct changeset_table *table,
                  const struct rnl_row *row, struct rnl_error *err)
{
    struct changeset_entry *entry = NULL;
    const struct rnl_row *kept;
    uint64_t hash = 0;
    uint32_t slot = 0;
    int status = check_row(table, row, err);

    if (status == RNL_OK)
        status = prepare(set, err);
    if (status != RNL_OK)
        return status;
    if (stands_alone(table, row))
        return CHANGESET_ALONE;
    if (must_flush(set, table, row))
        return CHANGESET_FLUSH;
    if (table->nkey) {
        hash = hash_key(table, row);
        entry = find(set, table, row, hash, &slot);
    }
    if (clashes(entry, row))
        return CHANGESET_FLUSH;
    kept = keep_row(set, row);
    if (!kept)
        return no_memory(err);
    set->only_dels = set->only_dels && row->op == RNL_DELETE;
    set->erased = set->erased || (row->op == RNL_DELETE && table->delete_cascades);
    if (!entry) {
        entry = &set->entries[set->nentries++];
        *entry = (struct changeset_entry){.table = table, .hash = hash, .key = kept};
        if (table->nkey)
            set->slots[slot] = set->nentries;
    }
    return merge(set, entry, kept, err);
}

/* ---- groups --------------------------------------------------------------------------------- */

static uint64_t hash_mask(const struct rnl_row *row)
{
    uint64_t hash = 1, word = 0;

    for (uint32_t i = 0; row->after && i < row->nvalues; i++) {
        word = word << 1 | (row->after[i].type != RNL_T_UNCHANGED);
        if (i % 64 == 63)
            hash = mix(hash, word);
    }
    return mix(hash, word);
}

static bool same_mask(const struct rnl_row *a, const struct rnl_row *b)
{
    for (uint32_t i = 0; a->after && i < a->nvalues; i++)
        if ((a->after[i].type == RNL_T_UNCHANGED) != (b->after[i].type == RNL_T_UNCHANGED))
            return false;
    return true;
}

static int compare(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int compare_nets(const void *left, const void *right)
{
    const struct changeset_net *a = left, *b = right;
    bool a_del = a->row->op == RNL_DELETE, b_del = b->row->op == RNL_DELETE;
    int order;

    if (a_del != b_del)
        return a_del ? -1 : 1;
    order =
        a_del ? compare(b->table->rank, a->table->rank) : compare(a->table->rank, b->table->rank);
    if (!order)
        order = compare(a->row->table, b->row->table);
    if (!order) /* RNL_UPDATE before RNL_INSERT */
        order = compare(b->row->op, a->row->op);
    if (!order)
        order = compare(a->mask, b->mask);
    return order ? order : compare(a->order, b->order);
}

static void add_net(struct changeset *set, uint32_t *count, const struct changeset_table *table,
                    const struct rnl_row *row)
{
    bool masked = row->op != RNL_DELETE;

    set->nets[*count] = (struct changeset_net){row, table, masked ? hash_mask(row) : 0, *count};
    ++*count;
}

static uint32_t list_nets(struct changeset *set)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < set->nentries; i++) {
        const struct changeset_entry *entry = &set->entries[i];

        if (entry->del)
            add_net(set, &count, entry->table, entry->del);
        if (entry->net.op)
            add_net(set, &count, entry->table, &entry->net);
    }
    return count;
}

static bool same_group(const struct changeset_net *a, const struct changeset_net *b)
{
    return a->row->table == b->row->table && a->row->op == b->row->op && a->mask == b->mask &&
           (a->row->op == RNL_DELETE || same_mask(a->row, b->row));
}

int changeset_groups(struct changeset *set, const struct changeset_group **groups, uint32_t *count,
                     struct rnl_error *err)
{
    uint32_t nnets, ngroups = 0, pointers_room = set->nets_room;

    if (!grow(&set->pointers, &pointers_room, 2 * set->nentries, sizeof(struct rnl_row *)) ||
        !grow(&set->nets, &set->nets_room, 2 * set->nentries, sizeof(*set->nets)) ||
        !grow(&set->groups, &set->groups_room, 2 * set->nentries, sizeof(*set->groups)))
        return no_memory(err);
    nnets = list_nets(set);
    if (nnets)
        qsort(set->nets, nnets, sizeof(*set->nets), compare_nets);
    for (uint32_t i = 0; i < nnets; i++) {
        const struct changeset_net *net = &set->nets[i];

        set->pointers[i] = net->row;
        if (i > 0 && same_group(&set->nets[i - 1], net)) {
            set->groups[ngroups - 1].count++;
            continue;
        }
        set->groups[ngroups++] = (struct changeset_group){.table = net->row->table,
                                                          .op = net->row->op,
                                                          .count = 1,
                                                          .rows = &set->pointers[i],
                                                          .of = net->table};
    }
    *groups = set->groups;
    *count = ngroups;
    return RNL_OK;
}

void changeset_clear(struct changeset *set)
{
    for (uint32_t i = 0; i < set->nentries; i++) {
        uint32_t at = (uint32_t)set->entries[i].hash & (set->nslots - 1);

        /* slots that stand behind one that is free were never reached past it */
        for (; set->slots[at]; at = (at + 1) & (set->nslots - 1))
            set->slots[at] = 0;
    }
    arena_free(&set->arena);
    set->nrows = 0;
    set->nentries = 0;
    set->nvalues = 0;
    set->erased = false;
    set->only_dels = true;
}

void changeset_free(struct changeset *set)
{
    arena_free(&set->arena);
    free(set->rows);
    free(set->entries);
    free(set->slots);
    free(set->nets);
    free(set->pointers);
    free(set->groups);
    *set = (struct changeset){0};
}
