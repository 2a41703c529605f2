/* The statements that do what a source's foreign keys did: see cascade.h. */
#include "cascade.h"

#include "element.h"

#include <stdlib.h>

#define LEVELS_MAX 15 /* as deep as the servers themselves go */
#define VALUES_MAX 64 /* columns that a foreign key has, twice */

/* A table whose rows are changed because those of the level above are. */
struct level {
    const struct level *up; /* NULL: the row itself stands above */
    const struct cascade_key *by;
    uint32_t depth;
};

/* One change, and the statement that is made for it. */
struct doing {
    const struct cascade_map *map;
    const struct cascade_sink *sink;
    const struct rnl_row *row;
    const struct rnl_value *had; /* the row's values before */
    const uint32_t *key;
    uint32_t nkey;
    struct buf sql;
    struct cascade_value values[VALUES_MAX];
    uint32_t nvalues;
};

static bool acts(unsigned action)
{
    return action == RNL_ACTION_CASCADE || action == RNL_ACTION_SET_NULL ||
           action == RNL_ACTION_SET_DEFAULT;
}

static unsigned action_of(const struct doing *doing, const struct cascade_key *by)
{
    return doing->row->op == RNL_DELETE ? by->key->on_delete : by->key->on_update;
}

bool cascade_same(const struct rnl_value *a, const struct rnl_value *b)
{
    bool by_pointer = a->type == RNL_T_DECIMAL || a->type == RNL_T_TEXT || a->type == RNL_T_BYTES ||
                      a->type >= RNL_T_INTERVAL;

    if (a->type != b->type || a->flags != b->flags)
        return false;
    if (a->type == RNL_T_NULL || a->type == RNL_T_UNCHANGED)
        return true;
    if (!by_pointer)
        return a->u == b->u;
    return a->len == b->len && (a->len == 0 || memcmp(a->ptr, b->ptr, a->len) == 0);
}

/* --- which rows ----------------------------------------------------------------- */

static void table_add(struct doing *doing, uint32_t table)
{
    doing->sink->table(doing->sink->arg, table, &doing->sql);
}

static void column_add(struct doing *doing, uint32_t table, uint32_t column)
{
    doing->sink->column(doing->sink->arg, table, column, &doing->sql);
}

static void value_add(struct doing *doing, uint32_t column, bool fresh)
{
    if (doing->nvalues == VALUES_MAX) {
        doing->sql.failed = true;
        return;
    }
    doing->values[doing->nvalues++] = (struct cascade_value){column, fresh};
    doing->sink->mark(doing->sink->arg, doing->row->table, column, doing->nvalues, &doing->sql);
}

static bool is_known(const struct doing *doing, const struct cascade_key *by)
{
    for (uint32_t i = 0; i < by->key->ncolumns; i++)
        if (doing->had[by->parent_columns[i]].type == RNL_T_UNCHANGED)
            return false;
    return true;
}

/* " WHERE" and the row itself, by its key. */
static void row_where(struct doing *doing)
{
    for (uint32_t i = 0; i < doing->nkey; i++) {
        buf_puts(&doing->sql, i ? " AND " : " WHERE ");
        column_add(doing, doing->row->table, doing->key[i]);
        buf_puts(&doing->sql, " = ");
        value_add(doing, doing->key[i], false);
    }
}

static void columns_add(struct doing *doing, uint32_t table, const uint32_t *columns,
                        uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        buf_puts(&doing->sql, i ? ", " : "");
        column_add(doing, table, columns[i]);
    }
}

/*
 * " WHERE" and which rows of the level's table. For MySQL the SELECT is a table of its own, or it
 * would not be taken where a table refers to itself; SQLite's parser goes less deep with it.
 */
static void level_where(struct doing *doing, const struct level *level)
{
    const struct cascade_key *by = level->by;
    uint32_t parent = level->up ? level->up->by->child : doing->row->table;
    bool wrapped = doing->sink->of_mysql;

    if (!level->up && is_known(doing, by)) {
        for (uint32_t i = 0; i < by->key->ncolumns; i++) {
            buf_puts(&doing->sql, i ? " AND " : " WHERE ");
            column_add(doing, by->child, by->key->columns[i]);
            buf_puts(&doing->sql, " = ");
            value_add(doing, by->parent_columns[i], false);
        }
        return;
    }
    buf_puts(&doing->sql, " WHERE (");
    columns_add(doing, by->child, by->key->columns, by->key->ncolumns);
    buf_puts(&doing->sql, wrapped ? ") IN (SELECT * FROM (SELECT DISTINCT " : ") IN (SELECT ");
    columns_add(doing, parent, by->parent_columns, by->key->ncolumns);
    buf_puts(&doing->sql, " FROM ");
    table_add(doing, parent);
    if (level->up)
        level_where(doing, level->up);
    else
        row_where(doing);
    buf_puts(&doing->sql, wrapped ? ") AS parents)" : ")");
}

/* --- what is done to them ---------------------------------------------------------- */

/* Whose column of the row the level's column gets its value from; -1: it keeps its own. */
static int64_t origin_column(const struct level *level, uint32_t index)
{
    const struct rnl_foreign_key *up;

    if (!level->up)
        return level->by->parent_columns[index];
    up = level->up->by->key;
    for (uint32_t i = 0; i < up->ncolumns; i++)
        if (up->columns[i] == level->by->parent_columns[index])
            return origin_column(level->up, i);
    return -1;
}

static void level_set(struct doing *doing, const struct level *level, unsigned action)
{
    const struct cascade_key *by = level->by;
    const char *joint = " SET ";

    for (uint32_t i = 0; i < by->key->ncolumns; i++) {
        int64_t from = action == RNL_ACTION_CASCADE ? origin_column(level, i) : 0;

        if (from < 0)
            continue;
        buf_puts(&doing->sql, joint);
        joint = ", ";
        column_add(doing, by->child, by->key->columns[i]);
        buf_puts(&doing->sql, action == RNL_ACTION_CASCADE    ? " = "
                              : action == RNL_ACTION_SET_NULL ? " = NULL"
                                                              : " = DEFAULT");
        if (action == RNL_ACTION_CASCADE)
            value_add(doing, (uint32_t)from, doing->row->after[from].type != RNL_T_UNCHANGED);
    }
}

static void level_begin(struct doing *doing, const char *verb, uint32_t table)
{
    buf_clear(&doing->sql);
    doing->nvalues = 0;
    buf_puts(&doing->sql, verb);
    table_add(doing, table);
}

static int level_run(struct doing *doing, const struct level *level, const char *end,
                     uint64_t *rows, struct rnl_error *err)
{
    level_where(doing, level);
    buf_puts(&doing->sql, end);
    if (!buf_text(&doing->sql))
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for a statement");
    return doing->sink->run(doing->sink->arg, &doing->sql, doing->values, doing->nvalues, rows,
                            err);
}

static int level_found(struct doing *doing, const struct level *level, bool *found,
                       struct rnl_error *err)
{
    uint32_t child = level->by->child, column = level->by->key->columns[0];
    uint64_t rows = 0;
    int status;

    if (doing->sink->of_mysql) {
        level_begin(doing, "UPDATE ", child);
        buf_puts(&doing->sql, " SET ");
        column_add(doing, child, column);
        buf_puts(&doing->sql, " = ");
        column_add(doing, child, column);
    } else {
        level_begin(doing, "SELECT 1 FROM ", child);
    }
    status = level_run(doing, level, " LIMIT 1", &rows, err);
    *found = rows > 0;
    return status;
}

static int level_do(struct doing *doing, const struct level *level, struct rnl_error *err);

/* First those who depend on the rows that are changed: they are found by them. */
static int levels_below(struct doing *doing, const struct level *level, struct rnl_error *err)
{
    const struct cascade_key *by = doing->map->of[level->by->child];
    bool found = false;
    int status = RNL_OK;

    if (!by || level->depth == LEVELS_MAX)
        return RNL_OK;
    status = level_found(doing, level, &found, err);
    for (; status == RNL_OK && found && by; by = by->next) {
        const struct level below = {level, by, level->depth + 1};
        bool moves = doing->row->op == RNL_DELETE;

        for (uint32_t i = 0; i < by->key->ncolumns; i++)
            moves = moves || origin_column(&below, i) >= 0;
        if (moves)
            status = level_do(doing, &below, err);
    }
    return status;
}

static int level_do(struct doing *doing, const struct level *level, struct rnl_error *err)
{
    unsigned action = action_of(doing, level->by);
    uint64_t rows;
    int status = RNL_OK;

    if (!acts(action))
        return RNL_OK;
    if (action == RNL_ACTION_CASCADE)
        status = levels_below(doing, level, err);
    if (status != RNL_OK)
        return status;
    if (action == RNL_ACTION_CASCADE && doing->row->op == RNL_DELETE) {
        level_begin(doing, "DELETE FROM ", level->by->child);
    } else {
        level_begin(doing, "UPDATE ", level->by->child);
        level_set(doing, level, action);
    }
    return level_run(doing, level, "", &rows, err);
}

/* --- the row ---------------------------------------------------------------------------- */

static bool changes_columns(const struct rnl_row *row, const struct cascade_key *by)
{
    for (uint32_t i = 0; i < by->key->ncolumns; i++) {
        uint32_t column = by->parent_columns[i];

        if (row->after[column].type != RNL_T_UNCHANGED &&
            !cascade_same(&row->before[column], &row->after[column]))
            return true;
    }
    return false;
}

bool cascade_beyond(const struct cascade_map *map, uint32_t table, const uint32_t *key,
                    uint32_t nkey)
{
    for (const struct cascade_key *by = cascade_has(map, table) ? map->of[table] : NULL; by;
         by = by->next)
        for (uint32_t i = 0; acts(by->key->on_update) && i < by->key->ncolumns; i++) {
            bool found = false;

            for (uint32_t k = 0; k < nkey; k++)
                found = found || key[k] == by->parent_columns[i];
            if (!found)
                return true;
        }
    return false;
}

static bool sets_off(const struct rnl_row *row, const struct cascade_key *by)
{
    if (row->op == RNL_DELETE)
        return row->before && acts(by->key->on_delete);
    return row->op == RNL_UPDATE && row->before && row->after && acts(by->key->on_update) &&
           changes_columns(row, by);
}

bool cascade_starts(const struct cascade_map *map, const struct rnl_row *row)
{
    if (row->table >= map->count)
        return false;
    for (const struct cascade_key *by = map->of[row->table]; by; by = by->next)
        if (sets_off(row, by))
            return true;
    return false;
}

int cascade_run(const struct cascade_map *map, const struct cascade_sink *sink,
                const struct rnl_row *row, const uint32_t *key, uint32_t nkey,
                struct rnl_error *err)
{
    struct doing doing = {
        .map = map, .sink = sink, .row = row, .had = row->before, .key = key, .nkey = nkey};
    int status = RNL_OK;

    if (row->table >= map->count)
        return RNL_OK;
    for (const struct cascade_key *by = map->of[row->table]; status == RNL_OK && by;
         by = by->next) {
        const struct level level = {NULL, by, 1};

        /* without its values and without a key, the row's own is the only one that is known */
        if (sets_off(row, by) && (nkey || is_known(&doing, by)))
            status = level_do(&doing, &level, err);
    }
    buf_free(&doing.sql);
    return status;
}

/* --- which there are ----------------------------------------------------------------------- */

struct named {
    const struct rnl_table *table;
    uint32_t index;
};

static int by_name(const void *a, const void *b)
{
    const struct named *one = a, *two = b;
    int order = strcmp(one->table->schema, two->table->schema);

    return order ? order : strcmp(one->table->name, two->table->name);
}

static void *memory_take(struct cascade_map *map, size_t size)
{
    void **memory = realloc(map->memory, (map->nmemory + 1) * sizeof(*memory));

    if (!memory)
        return NULL;
    map->memory = memory;
    map->memory[map->nmemory] = calloc(1, size);
    return map->memory[map->nmemory] ? map->memory[map->nmemory++] : NULL;
}

/* Adds the key, if its columns are there. */
static bool key_add(struct cascade_map *map, const struct named *parent, uint32_t child,
                    const struct rnl_foreign_key *key)
{
    struct cascade_key *made = memory_take(map, sizeof(*made));
    uint32_t *columns = memory_take(map, (key->ncolumns + (size_t)1) * sizeof(*columns));

    if (!made || !columns)
        return false;
    for (uint32_t i = 0; i < key->ncolumns; i++) {
        const struct rnl_table *table = parent->table;

        while (columns[i] < table->ncolumns &&
               strcmp(COLUMN(table, columns[i])->name, key->ref_columns[i]) != 0)
            columns[i]++;
        if (columns[i] == table->ncolumns)
            return true;
    }
    *made = (struct cascade_key){map->of[parent->index], child, key, columns};
    map->of[parent->index] = made;
    map->moves[child] = map->moves[child] || acts(key->on_update);
    return true;
}

static bool is_untold(const struct rnl_table *child, const struct rnl_foreign_key *key)
{
    return strcmp(child->dialect ? child->dialect : "", "postgres") != 0 && key->ref_table &&
           key->ncolumns > 0 && key->ncolumns < VALUES_MAX / 2 &&
           (acts(key->on_delete) || acts(key->on_update));
}

static bool table_keys_add(struct cascade_map *map, const struct named *names,
                           const struct rnl_table *child, uint32_t index)
{
    for (uint32_t i = 0; i < child->nforeign_keys; i++) {
        const struct rnl_foreign_key *key = FOREIGN_KEY(child, i);
        const struct rnl_table wanted = {
            .schema = key->ref_schema ? key->ref_schema : child->schema, .name = key->ref_table};
        const struct named sought = {.table = &wanted}, *found;

        if (!is_untold(child, key))
            continue;
        found = bsearch(&sought, names, map->count, sizeof(*names), by_name);
        if (found && !key_add(map, found, index, key))
            return false;
    }
    return true;
}

bool cascade_map_make(struct cascade_map *map, const struct rnl_host *host,
                      const struct rnl_catalog *catalog)
{
    uint32_t count = host->table_count(catalog);
    struct named *names = calloc(count + (size_t)1, sizeof(*names));
    bool good;

    cascade_map_free(map);
    map->of = calloc(count + (size_t)1, sizeof(*map->of));
    map->moves = calloc(count + (size_t)1, sizeof(*map->moves));
    good = names && map->of && map->moves;
    map->count = good ? count : 0;
    for (uint32_t i = 0; good && i < count; i++)
        names[i] = (struct named){host->table_at(catalog, i), i};
    if (good)
        qsort(names, count, sizeof(*names), by_name);
    for (uint32_t i = 0; good && i < count; i++)
        good = table_keys_add(map, names, host->table_at(catalog, i), i);
    free(names);
    return good;
}

void cascade_map_free(struct cascade_map *map)
{
    for (size_t i = 0; i < map->nmemory; i++)
        free(map->memory[i]);
    free(map->memory);
    free(map->of);
    free(map->moves);
    *map = (struct cascade_map){0};
}
