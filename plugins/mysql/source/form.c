/* The form of a table as statements of the log make it out of the form before; no connection. */
#include "form.h"

#include <strings.h>

#define MOST 4200 /* columns, indexes, keys: more than any server allows */

const char *form_text(struct form *form, const void *text, size_t len)
{
    const char *copy = pool_copy(&form->pool, text, len);

    if (!copy)
        form->failed = true;
    return copy;
}

/* "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin" */
static const char *storage_word(struct form *form, const char *name)
{
    const char *at = form->table.storage ? strcasestr(form->table.storage, name) : NULL;

    if (!at)
        return NULL;
    at += strlen(name);
    return form_text(form, at, strcspn(at, " "));
}

static void columns_copy(struct form *form)
{
    for (uint32_t i = 0; i < form->before->ncolumns && !form->failed; i++) {
        struct form_column *column = form_column_add(form, form->before->columns[i].name);

        if (!column)
            return;
        column->is = form->before->columns[i];
        column->was = i;
    }
}

static void indexes_copy(struct form *form)
{
    for (uint32_t i = 0; i < form->before->nindexes && !form->failed; i++) {
        const struct rnl_index *from = &form->before->indexes[i];
        struct rnl_index *index = form_index_add(form);

        if (!index)
            return;
        *index = *from;
        index->parts = NULL;
        index->nparts = 0;
        for (uint32_t p = 0; p < from->nparts; p++)
            form_part_add(form, index, from->parts[p].column, from->parts[p].prefix,
                          from->parts[p].descending, from->parts[p].expression);
    }
}

static void keys_copy(struct form *form)
{
    for (uint32_t i = 0; i < form->before->nforeign_keys && !form->failed; i++) {
        const struct rnl_foreign_key *from = &form->before->foreign_keys[i];
        struct rnl_foreign_key *key = form_key_add(form);

        if (!key)
            return;
        *key = *from;
        key->columns = (const uint32_t *)(const void *)form_text(
            form, from->columns, from->ncolumns * sizeof(*from->columns));
    }
    for (uint32_t i = 0; i < form->before->nchecks && !form->failed; i++) {
        struct rnl_check *check = form_check_add(form);

        if (check)
            *check = form->before->checks[i];
    }
}

void form_begin(struct form *form, const struct rnl_table *before)
{
    form->before = before;
    form->table = (struct rnl_table){.dialect = "mysql", .rows = -1, .bytes = -1};
    if (!before)
        return;
    form->table = *before;
    form->table.nindexes = form->table.ncolumns = form->table.nforeign_keys = 0;
    form->table.nchecks = 0;
    columns_copy(form);
    indexes_copy(form);
    keys_copy(form);
    form->charset = storage_word(form, "DEFAULT CHARSET=");
    form->collation = storage_word(form, "COLLATE=");
}

/* --- columns ------------------------------------------------------------------------------ */

struct form_column *form_column_before(struct form *form, const char *name)
{
    for (uint32_t i = 0; i < form->table.ncolumns; i++) {
        uint32_t was = form->columns[i].was;

        if (was != FORM_NONE && strcasecmp(form->before->columns[was].name, name) == 0)
            return &form->columns[i];
    }
    return NULL;
}

struct form_column *form_column_now(struct form *form, const char *name)
{
    for (uint32_t i = 0; i < form->table.ncolumns; i++)
        if (strcasecmp(form->columns[i].is.name, name) == 0)
            return &form->columns[i];
    return NULL;
}

struct form_column *form_column_add(struct form *form, const char *name)
{
    struct form_column *columns;

    if (form->table.ncolumns >= MOST)
        form->strange = true;
    columns = form->strange ? NULL
                            : items_grow(&form->pool, form->columns, &form->table.ncolumns,
                                         &form->columns_size, sizeof(*columns));
    if (!columns) {
        form->failed = form->failed || !form->strange;
        return NULL;
    }
    form->columns = columns;
    columns += form->table.ncolumns - 1;
    *columns = (struct form_column){.id = form->next_id++, .was = FORM_NONE};
    columns->is.name = form_text(form, name, strlen(name));
    return columns->is.name ? columns : NULL;
}

void form_column_drop(struct form *form, struct form_column *column)
{
    size_t behind = (size_t)(form->columns + form->table.ncolumns - column - 1);

    memmove(column, column + 1, behind * sizeof(*column));
    form->table.ncolumns--;
}

void form_column_move(struct form *form, struct form_column *column, const char *after)
{
    struct form_column *behind = after ? form_column_now(form, after) : NULL;
    struct form_column moved = *column;
    uint32_t at;

    if (after && !behind) {
        form->repeated = true;
        return;
    }
    if (behind == column)
        return;
    at = behind ? (uint32_t)(behind - form->columns) + 1 : 0;
    if (behind && behind > column)
        at--;
    form_column_drop(form, column);
    memmove(form->columns + at + 1, form->columns + at,
            (form->table.ncolumns - at) * sizeof(*column));
    form->columns[at] = moved;
    form->table.ncolumns++;
}

/* --- indexes, keys, checks ---------------------------------------------------------------- */

struct rnl_index *form_index_find(struct form *form, const char *name)
{
    for (uint32_t i = 0; i < form->table.nindexes; i++)
        if (strcasecmp(form->indexes[i].name, name) == 0)
            return &form->indexes[i];
    return NULL;
}

struct rnl_index *form_index_add(struct form *form)
{
    struct rnl_index *list;

    if (form->table.nindexes >= MOST)
        form->strange = true;
    list = form->strange ? NULL
                         : items_grow(&form->pool, form->indexes, &form->table.nindexes,
                                      &form->indexes_size, sizeof(*list));
    if (!list) {
        form->failed = form->failed || !form->strange;
        return NULL;
    }
    form->indexes = list;
    list += form->table.nindexes - 1;
    *list = (struct rnl_index){.name = ""};
    return list;
}

void form_index_drop(struct form *form, const struct rnl_index *index)
{
    size_t at = (size_t)(index - form->indexes);

    memmove(form->indexes + at, form->indexes + at + 1,
            (form->table.nindexes - at - 1) * sizeof(*index));
    form->table.nindexes--;
}

void form_part_add(struct form *form, struct rnl_index *index, uint32_t column, uint32_t prefix,
                   bool descending, const char *expression)
{
    enum { PARTS_MOST = 32 };
    struct rnl_index_part *parts;

    if (!index->parts)
        index->parts = pool_alloc(&form->pool, PARTS_MOST * sizeof(*index->parts));
    if (!index->parts) {
        form->failed = true;
        return;
    }
    if (index->nparts == PARTS_MOST) {
        form->strange = true;
        return;
    }
    /* ours, from the pool: const for those who read the table */
    memcpy(&parts, &index->parts, sizeof(parts));
    parts[index->nparts++] = (struct rnl_index_part){
        .expression = expression, .column = column, .prefix = prefix, .descending = descending};
}

struct rnl_foreign_key *form_key_find(struct form *form, const char *name)
{
    for (uint32_t i = 0; i < form->table.nforeign_keys; i++)
        if (strcasecmp(form->keys[i].name, name) == 0)
            return &form->keys[i];
    return NULL;
}

struct rnl_foreign_key *form_key_add(struct form *form)
{
    struct rnl_foreign_key *list;

    if (form->table.nforeign_keys >= MOST)
        form->strange = true;
    list = form->strange ? NULL
                         : items_grow(&form->pool, form->keys, &form->table.nforeign_keys,
                                      &form->keys_size, sizeof(*list));
    if (!list) {
        form->failed = form->failed || !form->strange;
        return NULL;
    }
    form->keys = list;
    list += form->table.nforeign_keys - 1;
    *list = (struct rnl_foreign_key){.name = ""};
    return list;
}

void form_key_drop(struct form *form, const struct rnl_foreign_key *key)
{
    size_t at = (size_t)(key - form->keys);

    memmove(form->keys + at, form->keys + at + 1,
            (form->table.nforeign_keys - at - 1) * sizeof(*key));
    form->table.nforeign_keys--;
}

struct rnl_check *form_check_find(struct form *form, const char *name)
{
    for (uint32_t i = 0; i < form->table.nchecks; i++)
        if (strcasecmp(form->checks[i].name, name) == 0)
            return &form->checks[i];
    return NULL;
}

struct rnl_check *form_check_add(struct form *form)
{
    struct rnl_check *list;

    if (form->table.nchecks >= MOST)
        form->strange = true;
    list = form->strange ? NULL
                         : items_grow(&form->pool, form->checks, &form->table.nchecks,
                                      &form->checks_size, sizeof(*list));
    if (!list) {
        form->failed = form->failed || !form->strange;
        return NULL;
    }
    form->checks = list;
    list += form->table.nchecks - 1;
    *list = (struct rnl_check){.name = "", .expression = ""};
    return list;
}

void form_check_drop(struct form *form, const struct rnl_check *check)
{
    size_t at = (size_t)(check - form->checks);

    memmove(form->checks + at, form->checks + at + 1,
            (form->table.nchecks - at - 1) * sizeof(*check));
    form->table.nchecks--;
}

/* --- the end ------------------------------------------------------------------------------ */

static uint32_t place_of(const struct form *form, uint32_t id)
{
    for (uint32_t i = 0; i < form->table.ncolumns; i++)
        if (form->columns[i].id == id)
            return i;
    return FORM_NONE;
}

/* Servers take a column that is dropped out of indexes. */
static void index_close(struct form *form, struct rnl_index *index)
{
    struct rnl_index_part *parts;
    uint32_t kept = 0;

    memcpy(&parts, &index->parts, sizeof(parts));
    for (uint32_t i = 0; i < index->nparts; i++) {
        uint32_t at = parts[i].expression ? 0 : place_of(form, parts[i].column);

        if (at == FORM_NONE)
            continue;
        parts[kept] = parts[i];
        parts[kept++].column = at;
    }
    index->nparts = kept;
}

static bool key_close(struct form *form, struct rnl_foreign_key *key)
{
    uint32_t *columns;

    memcpy(&columns, &key->columns, sizeof(columns));
    for (uint32_t i = 0; i < key->ncolumns; i++) {
        columns[i] = place_of(form, columns[i]);
        if (columns[i] == FORM_NONE)
            return false;
    }
    return true;
}

/* Columns of the primary key say so, and hold no NULL. */
static void primary_mark(struct form *form, struct rnl_column *columns)
{
    for (uint32_t i = 0; i < form->table.ncolumns; i++)
        columns[i].flags &= ~(uint32_t)RNL_COLUMN_KEY;
    for (uint32_t i = 0; i < form->table.nindexes; i++) {
        const struct rnl_index *index = &form->indexes[i];

        for (uint32_t p = 0; index->flags & RNL_INDEX_PRIMARY && p < index->nparts; p++) {
            struct rnl_column *column = &columns[index->parts[p].column];

            column->flags |= RNL_COLUMN_KEY;
            column->flags &= ~(uint32_t)RNL_COLUMN_NULLABLE;
            if (column->default_kind == RNL_DEFAULT_NULL)
                column->default_kind = RNL_DEFAULT_NONE;
        }
    }
}

/* Two columns of one name: what was added stood there before. */
static void names_check(struct form *form)
{
    for (uint32_t i = 0; i < form->table.ncolumns && !form->repeated; i++)
        form->repeated = form_column_now(form, form->columns[i].is.name) != &form->columns[i];
    form->strange = form->strange || !form->table.ncolumns;
}

/* Columns that took each other's names: who meets the statement again can't tell. */
static void swaps_find(struct form *form)
{
    for (uint32_t i = 0; i < form->table.ncolumns; i++) {
        const struct form_column *at = &form->columns[i];
        uint32_t steps = 0;

        while (at && at->was != FORM_NONE && steps++ < 16) {
            const struct form_column *next = form_column_before(form, at->is.name);

            if (next == at)
                break;
            form->load = form->load || next == &form->columns[i];
            at = next;
        }
    }
}

static void lists_set(struct form *form, struct rnl_column *columns)
{
    struct rnl_table *table = &form->table;

    table->size = sizeof(*table);
    table->columns = columns;
    table->indexes = form->indexes;
    table->foreign_keys = form->keys;
    table->checks = form->checks;
    table->column_size = sizeof(struct rnl_column);
    table->index_size = sizeof(struct rnl_index);
    table->foreign_key_size = sizeof(struct rnl_foreign_key);
    table->check_size = sizeof(struct rnl_check);
}

void form_close(struct form *form)
{
    struct rnl_table *table = &form->table;
    struct rnl_column *columns;

    names_check(form);
    if (!form->repeated && !form->strange)
        swaps_find(form);
    columns = pool_alloc(&form->pool, (table->ncolumns + 1) * sizeof(*columns));
    form->failed = form->failed || !columns;
    if (form->failed || form->repeated || form->strange)
        return;
    for (uint32_t i = table->nindexes; i-- > 0;) {
        index_close(form, &form->indexes[i]);
        if (!form->indexes[i].nparts)
            form_index_drop(form, &form->indexes[i]);
    }
    for (uint32_t i = table->nforeign_keys; i-- > 0;)
        if (!key_close(form, &form->keys[i]))
            form_key_drop(form, &form->keys[i]);
    for (uint32_t i = 0; i < table->ncolumns; i++)
        columns[i] = form->columns[i].is;
    primary_mark(form, columns);
    for (uint32_t i = 0; i < table->ncolumns; i++)
        form->columns[i].is = columns[i];
    lists_set(form, columns);
}

void form_free(struct form *form)
{
    pool_free(&form->pool);
    pool_free(&form->shown);
}
