/* Tables that the kit changes at random: what their rows should be after each change. */
#ifndef KIT_MODEL_H
#define KIT_MODEL_H

#include "../catalog.h"

enum model_table {
    MODEL_KEYED,  /* by id */
    MODEL_WORDS,  /* by a text and id */
    MODEL_CHILD,  /* by id; its other refers to MODEL_KEYED, and goes and moves with its row */
    MODEL_BARE,   /* no key */
    MODEL_UNIQUE, /* by id; its other tells rows apart too */
    MODEL_TABLES
};
enum { MODEL_COLUMNS = 7, MODEL_ROWS = 60 /* of a table, at most */ };

/* What a row's values are made of. */
struct model_row {
    bool used;
    int64_t id;
    int64_t other;                 /* 0: NULL */
    uint32_t seeds[MODEL_COLUMNS]; /* of the other columns, and of the word of MODEL_WORDS */
};

/* One change, as it is told. */
struct model_change {
    uint32_t table;
    uint16_t op;
    struct model_row before, after;
    bool has_before, whole_before, whole_after;
};

struct model {
    uint64_t random;
    struct model_row rows[MODEL_TABLES][MODEL_ROWS];
    int64_t next_id;
};

/* Adds the tables to the catalog. */
int model_describe(struct rnl_catalog *catalog, struct rnl_error *err);

/* One change of a table below `tables`, done to the model. */
void model_change(struct model *model, uint32_t tables, struct model_change *change);
uint32_t model_random(struct model *model, uint32_t below);

/* Values of rows; what they point to lies in text. */
struct model_values {
    struct rnl_value after[MODEL_COLUMNS], before[MODEL_COLUMNS];
    char text[2][4][80];
};
/* The change as a row for a bundle; borrowed from values. */
struct rnl_row model_row_of(const struct model_change *change, struct model_values *values);
/* A row of the model as one that is there. */
struct rnl_row model_stands(uint32_t table, const struct model_row *row,
                            struct model_values *values);

#endif
