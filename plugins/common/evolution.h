/* What two forms of a table, as the source describes them, have in common and what not. */
#ifndef COMMON_EVOLUTION_H
#define COMMON_EVOLUTION_H

#include <runnel/host.h>
#include <stdbool.h>

/* What is another in the later form; flags */
enum evolved {
    EVOLVED_NAME = 1 << 0,
    EVOLVED_TYPE = 1 << 1, /* all that decides how values stand: width, labels, collation, … */
    EVOLVED_NULLABLE = 1 << 2,
    EVOLVED_DEFAULT = 1 << 3,
    EVOLVED_COMMENT = 1 << 4,
    EVOLVED_IDENTITY = 1 << 5,
    EVOLVED_GENERATED = 1 << 6,
    EVOLVED_TOUCHED = 1 << 7,
    EVOLVED_VISIBLE = 1 << 8,
    EVOLVED_MEANING = 1 << 9, /* of indexes, keys, checks, partitions: any of what they say */
};

/* The same thing in both forms, or UINT32_MAX where one hasn't got it. */
struct evolution_pair {
    uint32_t from, to;
    uint32_t changes; /* enum evolved */
};

/* Those of the later form in its order, then those that are gone in the order of the earlier. */
struct evolution_list {
    struct evolution_pair *pairs;
    uint32_t count;
};

struct evolution {
    struct evolution_list columns, indexes, foreign_keys, checks, partitions;
    bool moved;     /* another schema or name */
    bool comment;   /* another comment of the table */
    bool layout;    /* partitioned otherwise, or said to be stored otherwise */
    bool reordered; /* columns that both have stand in another order */
};

/* false: out of memory. Freed with evolution_free() in any case. */
bool evolution_compare(struct evolution *e, const struct rnl_table *from,
                       const struct rnl_table *to, const struct rnl_rename *renamed,
                       uint32_t nrenamed);
void evolution_free(struct evolution *e);

/* Whether the pair's thing is there in one form alone, or means something else in the other. */
static inline bool evolution_is_new(const struct evolution_pair *pair)
{
    return pair->from == UINT32_MAX;
}
static inline bool evolution_is_gone(const struct evolution_pair *pair)
{
    return pair->to == UINT32_MAX;
}
/* Made anew where the target can't alter it in place: gone, changed; or new, changed. */
static inline bool evolution_drops(const struct evolution_pair *pair)
{
    return evolution_is_gone(pair) || (!evolution_is_new(pair) && pair->changes & EVOLVED_MEANING);
}
static inline bool evolution_makes(const struct evolution_pair *pair)
{
    return evolution_is_new(pair) || (!evolution_is_gone(pair) && pair->changes & EVOLVED_MEANING);
}

/* The same number for the same two forms: what was done once is known by it. */
uint64_t evolution_digest(const struct rnl_table *from, const struct rnl_table *to,
                          const struct rnl_rename *renamed, uint32_t nrenamed);

/*
 * Whether rows that stand already could get other values by a default of the target than they got
 * in the source: the moment, numbers, chance.
 */
bool evolution_default_varies(const struct rnl_column *column);

/* Whether every value of the one stands in the other as it is: no more than room is added. */
bool evolution_widens(const struct rnl_column *from, const struct rnl_column *to);

#endif
