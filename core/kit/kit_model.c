/* Random changes of a few tables, and the rows that they should leave. */
#include "kit_model.h"

#include <stdio.h>

enum { C_ID, C_WORD, C_OTHER, C_BYTES, C_NUMBER, C_AMOUNT, C_MOMENT };
_Static_assert(C_MOMENT + 1 == MODEL_COLUMNS, "one for each column");

#define COMMON_COLUMNS                                                                  \
    {.name = "other",                                                                   \
     .native = "bigint",                                                                \
     .type = RNL_T_INT,                                                                 \
     .width = 8,                                                                        \
     .flags = RNL_COLUMN_NULLABLE},                                                     \
        {.name = "bytes",                                                               \
         .native = "varbinary(20)",                                                     \
         .type = RNL_T_BYTES,                                                           \
         .length = 20,                                                                  \
         .flags = RNL_COLUMN_NULLABLE},                                                 \
        {.name = "number",                                                              \
         .native = "double",                                                            \
         .type = RNL_T_DOUBLE,                                                          \
         .flags = RNL_COLUMN_NULLABLE},                                                 \
        {.name = "amount",                                                              \
         .native = "decimal(20,6)",                                                     \
         .type = RNL_T_DECIMAL,                                                         \
         .precision = 20,                                                               \
         .scale = 6,                                                                    \
         .flags = RNL_COLUMN_NULLABLE},                                                 \
    {                                                                                   \
        .name = "moment", .native = "datetime(6)", .type = RNL_T_TIMESTAMP, .scale = 6, \
        .flags = RNL_COLUMN_NULLABLE                                                    \
    }
#define ID(key)                                                                         \
    {                                                                                   \
        .name = "id", .native = "bigint", .type = RNL_T_INT, .width = 8, .flags = (key) \
    }
#define WORD(key)                                                                                  \
    {                                                                                              \
        .name = "word", .native = "varchar(60)", .charset = "utf8mb4", .collation = "utf8mb4_bin", \
        .type = RNL_T_TEXT, .length = 60, .flags = (key)                                           \
    }

static const struct rnl_column plain[] = {ID(RNL_COLUMN_KEY), WORD(RNL_COLUMN_NULLABLE),
                                          COMMON_COLUMNS};
static const struct rnl_column words[] = {ID(RNL_COLUMN_KEY), WORD(RNL_COLUMN_KEY), COMMON_COLUMNS};
static const struct rnl_column bare[] = {ID(0), WORD(RNL_COLUMN_NULLABLE), COMMON_COLUMNS};

static const struct rnl_index_part by_id = {.column = C_ID};
static const struct rnl_index_part by_word[] = {{.column = C_WORD}, {.column = C_ID}};
static const struct rnl_index_part other_part = {.column = C_OTHER};
#define PRIMARY(keys, count)                                   \
    {                                                          \
        .name = "PRIMARY", .parts = (keys), .nparts = (count), \
        .flags = RNL_INDEX_PRIMARY | RNL_INDEX_UNIQUE          \
    }
static const struct rnl_index id_keys[] = {
    PRIMARY(&by_id, 1),
    {.name = "other", .parts = &other_part, .nparts = 1, .flags = RNL_INDEX_UNIQUE}};
static const struct rnl_index word_key = PRIMARY(by_word, 2);

static const uint32_t child_columns[] = {C_OTHER};
static const char *const parent_columns[] = {"id"};
static const struct rnl_foreign_key parent = {.name = "runnel_kit_parent",
                                              .ref_schema = "runnel_kit",
                                              .ref_table = "runnel_kit_keyed",
                                              .columns = child_columns,
                                              .ref_columns = parent_columns,
                                              .ncolumns = 1,
                                              .on_delete = RNL_ACTION_CASCADE,
                                              .on_update = RNL_ACTION_CASCADE};

static const struct {
    const char *name;
    const struct rnl_column *columns;
    const struct rnl_index *indexes;
    uint32_t nindexes, nforeign_keys;
} tables[MODEL_TABLES] = {
    [MODEL_KEYED] = {"runnel_kit_keyed", plain, id_keys, 1, 0},
    [MODEL_WORDS] = {"runnel_kit_words", words, &word_key, 1, 0},
    [MODEL_CHILD] = {"runnel_kit_child", plain, id_keys, 1, 1},
    [MODEL_BARE] = {"runnel_kit_bare", bare, NULL, 0, 0},
    [MODEL_UNIQUE] = {"runnel_kit_unique", plain, id_keys, 2, 0},
};

int model_describe(struct rnl_catalog *catalog, struct rnl_error *err)
{
    int status = RNL_OK;

    for (uint32_t i = 0; status == RNL_OK && i < MODEL_TABLES; i++) {
        const struct rnl_table table = {.size = sizeof(table),
                                        .schema = "runnel_kit",
                                        .name = tables[i].name,
                                        .dialect = "mysql",
                                        .columns = tables[i].columns,
                                        .ncolumns = MODEL_COLUMNS,
                                        .column_size = sizeof(struct rnl_column),
                                        .indexes = tables[i].indexes,
                                        .nindexes = tables[i].nindexes,
                                        .index_size = sizeof(struct rnl_index),
                                        .foreign_keys = &parent,
                                        .nforeign_keys = tables[i].nforeign_keys,
                                        .foreign_key_size = sizeof(parent),
                                        .rows = MODEL_ROWS,
                                        .bytes = 1000};

        status = catalog_add(catalog, &table, err);
    }
    return status;
}

/* --- values ------------------------------------------------------------------------- */

static struct rnl_value pointed(uint16_t type, const char *text, size_t len)
{
    return (struct rnl_value){.type = type, .len = (uint32_t)len, .ptr = text};
}

static void make_word(uint32_t seed, char *text, size_t size)
{
    static const char *const tails[] = {"", " ", "\\", "'\"`", "\xc3\xa9", "\n\t"};

    snprintf(text, size, "%s%u%s", seed & 1 ? "Word" : "word", seed / 12 % 7, tails[seed / 2 % 6]);
}

/* NULL now and then, where that may be. */
static void make_values(uint32_t table, const struct model_row *row, struct rnl_value *values,
                        char text[4][80])
{
    const struct rnl_value null = {.type = RNL_T_NULL};
    const uint32_t *seeds = row->seeds;

    values[C_ID] = (struct rnl_value){.type = RNL_T_INT, .i = row->id};
    make_word(seeds[C_WORD], text[0], sizeof(text[0]));
    values[C_WORD] = pointed(RNL_T_TEXT, text[0], strlen(text[0]));
    values[C_OTHER] = row->other ? (struct rnl_value){.type = RNL_T_INT, .i = row->other} : null;
    memcpy(text[1], &seeds[C_BYTES], 4);
    values[C_BYTES] = pointed(RNL_T_BYTES, text[1], seeds[C_BYTES] % 5);
    values[C_NUMBER] = (struct rnl_value){.type = RNL_T_DOUBLE, .d = (double)seeds[C_NUMBER] / 3};
    snprintf(text[2], sizeof(text[2]), "%s%u.%06u", seeds[C_AMOUNT] & 1 ? "-" : "",
             seeds[C_AMOUNT] / 1000 + 1, seeds[C_AMOUNT] % 1000000);
    values[C_AMOUNT] = pointed(RNL_T_DECIMAL, text[2], strlen(text[2]));
    values[C_MOMENT] =
        (struct rnl_value){.type = RNL_T_TIMESTAMP, .i = (int64_t)seeds[C_MOMENT] * 1000003};
    for (uint32_t i = table == MODEL_WORDS ? C_BYTES : C_WORD; i < MODEL_COLUMNS; i++)
        if (i != C_OTHER && seeds[i] % 11 == 0)
            values[i] = null;
}

static bool in_key(uint32_t table, uint32_t column)
{
    return column == C_ID || (table == MODEL_WORDS && column == C_WORD);
}

struct rnl_row model_row_of(const struct model_change *change, struct model_values *values)
{
    const struct rnl_value unchanged = {.type = RNL_T_UNCHANGED};
    struct rnl_row row = {
        .size = sizeof(row), .table = change->table, .op = change->op, .nvalues = MODEL_COLUMNS};

    if (change->op == RNL_TRUNCATE) {
        row.nvalues = 0;
        return row;
    }
    make_values(change->table, &change->after, values->after, values->text[0]);
    make_values(change->table, &change->before, values->before, values->text[1]);
    for (uint32_t i = 0; i < MODEL_COLUMNS; i++) {
        bool same = change->before.seeds[i] == change->after.seeds[i];

        if (i == C_ID)
            same = change->before.id == change->after.id;
        if (i == C_OTHER)
            same = change->before.other == change->after.other;
        if (!change->whole_after && same && (change->has_before || !in_key(change->table, i)))
            values->after[i] = unchanged;
        if (!change->whole_before && !in_key(change->table, i))
            values->before[i] = unchanged;
    }
    if (change->op != RNL_DELETE)
        row.after = values->after;
    if (change->op != RNL_INSERT && change->has_before)
        row.before = values->before;
    return row;
}

struct rnl_row model_stands(uint32_t table, const struct model_row *row,
                            struct model_values *values)
{
    const struct model_change insert = {
        .table = table, .op = RNL_INSERT, .after = *row, .whole_after = true};

    return model_row_of(&insert, values);
}

/* --- changes -------------------------------------------------------------------------- */

uint32_t model_random(struct model *model, uint32_t below)
{
    model->random = model->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(model->random >> 33) % below;
}

/* A row that is there, or a place for one; NULL: all are taken, or none is. */
static struct model_row *pick(struct model *model, uint32_t table, bool used)
{
    uint32_t from = model_random(model, MODEL_ROWS);

    for (uint32_t i = 0; i < MODEL_ROWS; i++) {
        struct model_row *row = &model->rows[table][(from + i) % MODEL_ROWS];

        if (row->used == used)
            return row;
    }
    return NULL;
}

static bool taken(const struct model *model, uint32_t table, bool by_other, int64_t number)
{
    for (uint32_t i = 0; i < MODEL_ROWS; i++) {
        const struct model_row *row = &model->rows[table][i];

        if (row->used && (by_other ? row->other : row->id) == number)
            return true;
    }
    return false;
}

/* Ids come back, so that keys are deleted and inserted again; a table without a key has twins. */
static int64_t pick_id(struct model *model, uint32_t table)
{
    int64_t id = model_random(model, 2 * MODEL_ROWS) + 1;

    while (table != MODEL_BARE && taken(model, table, false, id))
        id = id % (2 * MODEL_ROWS) + 1;
    return table == MODEL_BARE ? id % 9 : id;
}

static int64_t pick_other(struct model *model, uint32_t table)
{
    int64_t other = model_random(model, 2 * MODEL_ROWS) + 1;
    const struct model_row *row;

    if (model_random(model, 8) == 0)
        return 0;
    switch (table) {
    case MODEL_CHILD:
        row = pick(model, MODEL_KEYED, true);
        return row ? row->id : 0;
    case MODEL_UNIQUE:
        while (taken(model, table, true, other))
            other = other % (2 * MODEL_ROWS) + 1;
        return other;
    default:
        return other;
    }
}

static void fill(struct model *model, uint32_t table, struct model_row *row)
{
    row->used = true;
    row->id = pick_id(model, table);
    row->other = pick_other(model, table);
    for (uint32_t i = 0; i < MODEL_COLUMNS; i++)
        row->seeds[i] = model_random(model, table == MODEL_BARE ? 3 : 1000000000);
}

/* What the child's foreign key does, of which no change tells. */
static void cascade(struct model *model, int64_t from, int64_t to)
{
    for (uint32_t i = 0; i < MODEL_ROWS; i++) {
        struct model_row *child = &model->rows[MODEL_CHILD][i];

        if (!child->used || child->other != from)
            continue;
        child->used = to != 0;
        child->other = to;
    }
}

static void insert(struct model *model, struct model_change *change)
{
    struct model_row *row = pick(model, change->table, false);
    const struct model_row *twin = pick(model, change->table, true);

    change->op = RNL_INSERT;
    if (change->table == MODEL_BARE && twin && model_random(model, 2))
        *row = *twin;
    else
        fill(model, change->table, row);
    change->after = change->before = *row;
    change->whole_after = true;
}

static void update(struct model *model, struct model_change *change, struct model_row *row)
{
    uint32_t table = change->table;
    bool moves = model_random(model, 10) == 0;

    change->op = RNL_UPDATE;
    change->before = *row;
    if (moves)
        row->id = pick_id(model, table);
    if (model_random(model, 2) == 0)
        row->other = pick_other(model, table);
    for (uint32_t i = 0; i < MODEL_COLUMNS; i++)
        if (model_random(model, 3) == 0 && (moves || !in_key(table, i)))
            row->seeds[i] = model_random(model, table == MODEL_BARE ? 3 : 1000000000);
    change->after = *row;
    change->has_before = moves || table == MODEL_BARE || model_random(model, 2);
    change->whole_before = table == MODEL_BARE || model_random(model, 2);
    change->whole_after = model_random(model, 3) != 0;
    if (table == MODEL_KEYED && moves && row->id != change->before.id)
        cascade(model, change->before.id, row->id);
}

static void delete_row(struct model *model, struct model_change *change, struct model_row *row)
{
    change->op = RNL_DELETE;
    change->before = change->after = *row;
    change->has_before = true;
    change->whole_before = change->table == MODEL_BARE || model_random(model, 2);
    row->used = false;
    if (change->table == MODEL_KEYED)
        cascade(model, row->id, 0);
}

void model_change(struct model *model, uint32_t below, struct model_change *change)
{
    uint32_t what = model_random(model, 100);
    struct model_row *row;

    *change = (struct model_change){.table = model_random(model, below)};
    row = pick(model, change->table, true);
    if (what == 0 && change->table == MODEL_WORDS) {
        change->op = RNL_TRUNCATE;
        memset(model->rows[change->table], 0, sizeof(model->rows[change->table]));
    } else if (row && (what < 25 || !pick(model, change->table, false))) {
        delete_row(model, change, row);
    } else if (row && what < 65) {
        update(model, change, row);
    } else {
        insert(model, change);
    }
}
