/*
 * What a table has become: its new form out of what the stream tells and the server says.
 *
 * What the server says of the table now may be later than the place in the stream. So names and
 * types are the stream's; the rest (defaults, indexes, constraints) is now's where the columns are
 * the same, else the earlier form's. What would refuse rows (NOT NULL, unique indexes, foreign
 * keys, checks) is taken from the table as it is now only once all rows from before have come
 * (settled): until then rows may come that it doesn't hold for. What holds no more is let go of
 * at once.
 */
#include "newform.h"

#include "element.h"

#include <runnel/host.h>

#include <stdio.h>
#include <stdlib.h>

struct maker {
    const struct newform_parts *parts;
    struct arena *arena;
    struct newform *out;
    const struct rnl_table *base; /* that indexes and constraints are taken from */
    const struct form *base_form;
    struct rnl_column *columns;
    uint32_t ncolumns;
    struct form_column *known; /* of columns */
    bool *keys;                /* of columns */
    bool moved;                /* a column of base is gone, or has another name */
};

/* A column of a table's form, and what the table says of it: which it may leave out. */
struct known {
    const struct form_column *form;
    const struct rnl_column *column;
};

static struct known column_like(const struct rnl_table *table, const struct form *form,
                                const struct form_column *like)
{
    struct known known = {.form = like->number ? form_numbered(form, like->number)
                                               : form_named(form, like->name)};

    for (uint32_t i = 0; known.form && i < table->ncolumns; i++)
        if (strcmp(COLUMN(table, i)->name, known.form->name) == 0)
            known.column = COLUMN(table, i);
    return known;
}

static bool typed(const struct known *known, const struct form_column *told)
{
    return known->column && strcmp(known->form->native, told->native) == 0;
}

/*
 * A column of another number has this one's name, and is gone: by their names they would be taken
 * for one. The old one goes first, the new one comes with the next alteration.
 */
static bool takes_name(const struct newform_parts *parts, const struct form_column *told)
{
    const struct form_column *other = form_named(parts->was_form, told->name);

    return other && other->number && told->number && other->number != told->number &&
           !form_numbered(parts->told, other->number);
}

/* A column that wasn't there: rows from before have what it was added with, or NULL. */
static void fill_new(struct maker *m, struct rnl_column *column, const struct rnl_column *now)
{
    const struct newform_parts *parts = m->parts;
    const char *missing = NULL;
    bool same;

    if (column->flags & RNL_COLUMN_GENERATED)
        return;
    if (column->flags & RNL_COLUMN_IDENTITY || (now && now->flags & RNL_COLUMN_IDENTITY)) {
        m->out->load = m->out->load || parts->rewritten;
        return;
    }
    for (uint32_t i = 0; now && parts->missing && i < parts->now->ncolumns; i++)
        if (COLUMN(parts->now, i) == now)
            missing = parts->missing[i];
    /* a rewrite takes away what it was added with: by a default, or one that came later */
    if (now && parts->rewritten && !missing && now->default_kind != RNL_DEFAULT_NONE &&
        now->default_kind != RNL_DEFAULT_NULL)
        m->out->load = true;
    if (!(column->flags & RNL_COLUMN_NULLABLE) && !(missing && parts->settled)) {
        column->flags |= RNL_COLUMN_NULLABLE;
        m->out->rough = true;
    }
    same = missing ? column->default_kind == RNL_DEFAULT_LITERAL &&
                         strcmp(column->default_text, missing) == 0
                   : column->default_kind == RNL_DEFAULT_NONE ||
                         column->default_kind == RNL_DEFAULT_NULL;
    if (same)
        return;
    column->default_kind = missing ? RNL_DEFAULT_LITERAL : RNL_DEFAULT_NONE;
    column->default_text = missing;
    m->out->rough = true;
}

/* A transaction that is read again has rows from before the column: the target's default is what
 * they have in it. */
static void keep_old(struct rnl_column *column, const struct rnl_column *was)
{
    column->flags |= was->flags & RNL_COLUMN_NULLABLE;
    column->default_kind = was->default_kind;
    column->default_text = was->default_text;
}

/*
 * Rows written anew for another type may have got what USING computes, which is told nowhere; a
 * type that takes the bytes as they stand is given without writing them.
 */
static bool is_remade(const struct newform_parts *parts, const struct known *was,
                      const struct form_column *told)
{
    return parts->rewritten && was->column && !typed(was, told);
}

/* The best that is known of a column which the stream tells. */
static void column_make(struct maker *m, uint32_t index)
{
    const struct newform_parts *parts = m->parts;
    const struct form_column *told = &parts->told->columns[index], *earlier;
    struct known now = {.form = NULL}, was = column_like(parts->was, parts->was_form, told);
    struct rnl_column *column = &m->columns[m->ncolumns];

    if (parts->now)
        now = column_like(parts->now, parts->now_form, told);
    *column = typed(&now, told)   ? *now.column
              : typed(&was, told) ? *was.column
                                  : parts->made[index];
    column->name = told->name;
    column->number = told->number;
    column->flags &= ~(uint32_t)RNL_COLUMN_KEY;
    earlier = was.form;
    m->out->remade = m->out->remade || is_remade(parts, &was, told);
    if (!earlier)
        fill_new(m, column, now.column);
    else if (!parts->settled && was.column)
        keep_old(column, was.column);
    if (earlier && strcmp(earlier->name, told->name) != 0)
        m->out->renamed[m->out->nrenamed++] =
            (struct rnl_rename){.from = earlier->name, .to = told->name};
    m->known[m->ncolumns] = *told;
    m->keys[m->ncolumns++] = parts->keys && parts->keys[index];
}

/* Generated columns aren't told: those of base stay, among the others by their numbers. */
static void generated_add(struct maker *m, const struct form_column *left_out)
{
    const struct rnl_column *column = column_like(m->base, m->base_form, left_out).column;
    uint32_t at = m->ncolumns;

    if (!column || !left_out->generated || form_named(m->parts->told, left_out->name) ||
        (left_out->number && form_numbered(m->parts->told, left_out->number)))
        return;
    for (; at > 0 && m->known[at - 1].number > left_out->number; at--) {
        m->columns[at] = m->columns[at - 1];
        m->known[at] = m->known[at - 1];
        m->keys[at] = m->keys[at - 1];
    }
    m->columns[at] = *column;
    m->known[at] = *left_out;
    m->keys[at] = false;
    m->ncolumns++;
}

/* Where base's column is in the new form; UINT32_MAX: nowhere. */
static uint32_t moved_to(const struct maker *m, uint32_t index)
{
    const struct form_column *known = form_named(m->base_form, COLUMN(m->base, index)->name);

    for (uint32_t i = 0; i < m->ncolumns; i++)
        if (known && known->number ? m->known[i].number == known->number
                                   : strcmp(m->columns[i].name, COLUMN(m->base, index)->name) == 0)
            return i;
    return UINT32_MAX;
}

static const struct rnl_index *index_named(const struct rnl_table *table, const char *name)
{
    for (uint32_t i = 0; i < table->nindexes; i++)
        if (strcmp(INDEX(table, i)->name, name) == 0)
            return INDEX(table, i);
    return NULL;
}

/* What refuses rows may come only when all from before it have. */
static bool is_early(const struct maker *m, bool strict, bool stood)
{
    if (!strict || stood || m->parts->settled)
        return false;
    m->out->rough = true;
    return true;
}

/* 0: made; 1: it can't stand on the columns that there are; -1: out of memory */
static int index_copy(struct maker *m, const struct rnl_index *from, struct rnl_index *to)
{
    struct rnl_index_part *parts =
        arena_memdup(m->arena, from->parts, from->nparts * sizeof(*parts));
    uint32_t *include = arena_memdup(m->arena, from->include, from->ninclude * sizeof(*include));

    if (!parts || !include)
        return -1;
    *to = *from;
    to->parts = parts;
    to->include = include;
    if (m->moved && (from->where || from->flags & RNL_INDEX_EXCLUDE))
        return 1;
    for (uint32_t i = 0; i < from->nparts; i++) {
        if (parts[i].expression && m->moved)
            return 1;
        if (!parts[i].expression && (parts[i].column = moved_to(m, parts[i].column)) == UINT32_MAX)
            return 1;
    }
    for (uint32_t i = 0; i < from->ninclude; i++)
        if ((include[i] = moved_to(m, include[i])) == UINT32_MAX)
            return 1;
    return 0;
}

/* Whether the stream's key is this index: then it stands already. */
static bool is_told(const struct maker *m, const struct rnl_index *index)
{
    uint32_t keys = 0;

    if (!m->parts->keys || m->parts->identity != 'd')
        return false;
    for (uint32_t i = 0; i < m->ncolumns; i++)
        keys += m->keys[i];
    for (uint32_t i = 0; i < index->nparts; i++)
        if (index->parts[i].expression || !m->keys[index->parts[i].column])
            return false;
    return keys == index->nparts;
}

static bool index_fits(const struct maker *m, const struct rnl_index *index)
{
    const struct rnl_index *stood = index_named(m->parts->was, index->name);
    bool primary = index->flags & RNL_INDEX_PRIMARY;

    if (primary && m->parts->keys && m->parts->identity == 'd')
        return m->parts->settled || is_told(m, index);
    return !is_early(m, index->flags & (RNL_INDEX_UNIQUE | RNL_INDEX_EXCLUDE),
                     stood && stood->flags & RNL_INDEX_UNIQUE && index->flags & RNL_INDEX_UNIQUE);
}

/* The stream's rows are found by this key, whatever else is known of it. */
static bool key_make(struct maker *m, struct rnl_index *list, uint32_t *count)
{
    struct rnl_index_part *parts = arena_alloc(m->arena, m->ncolumns * sizeof(*parts) + 1);
    size_t len = strlen(m->out->table.name) + 6;
    char *name = arena_alloc(m->arena, len);
    uint32_t nparts = 0;

    for (uint32_t i = 0; i < *count; i++)
        if (list[i].flags & RNL_INDEX_PRIMARY)
            return true;
    if (!parts || !name)
        return false;
    if (m->parts->identity != 'd')
        return true;
    for (uint32_t i = 0; i < m->ncolumns; i++)
        if (m->keys[i]) {
            parts[nparts++].column = i;
            m->columns[i].flags |= RNL_COLUMN_KEY;
            m->columns[i].flags &= ~(uint32_t)RNL_COLUMN_NULLABLE;
        }
    if (!nparts)
        return true;
    snprintf(name, len, "%s_pkey", m->out->table.name);
    list[(*count)++] = (struct rnl_index){
        .name = name,
        .flags = RNL_INDEX_PRIMARY | RNL_INDEX_UNIQUE | RNL_INDEX_CONSTRAINT,
        .method = "btree",
        .parts = parts,
        .nparts = nparts,
    };
    m->out->rough = true;
    return true;
}

static bool indexes_make(struct maker *m)
{
    struct rnl_index *list = arena_alloc(m->arena, (m->base->nindexes + 1ul) * sizeof(*list));
    uint32_t count = 0;

    for (uint32_t i = 0; list && i < m->base->nindexes; i++) {
        int made = index_copy(m, INDEX(m->base, i), &list[count]);

        if (made < 0)
            return false;
        if (made || !index_fits(m, &list[count]))
            continue;
        for (uint32_t p = 0; list[count].flags & RNL_INDEX_PRIMARY && p < list[count].nparts; p++) {
            m->columns[list[count].parts[p].column].flags |= RNL_COLUMN_KEY;
            m->columns[list[count].parts[p].column].flags &= ~(uint32_t)RNL_COLUMN_NULLABLE;
        }
        count++;
    }
    if (list && !key_make(m, list, &count))
        return false;
    m->out->table.indexes = list;
    m->out->table.nindexes = count;
    m->out->table.index_size = sizeof(*list);
    return list;
}

static bool key_stood(const struct rnl_table *was, const char *name)
{
    for (uint32_t i = 0; i < was->nforeign_keys; i++)
        if (strcmp(FOREIGN_KEY(was, i)->name, name) == 0)
            return true;
    return false;
}

static bool keys_make(struct maker *m)
{
    struct rnl_foreign_key *list = arena_alloc(m->arena, m->base->nforeign_keys * sizeof(*list));
    uint32_t count = 0;

    for (uint32_t i = 0; list && i < m->base->nforeign_keys; i++) {
        const struct rnl_foreign_key *from = FOREIGN_KEY(m->base, i);
        uint32_t *columns =
            arena_memdup(m->arena, from->columns, from->ncolumns * sizeof(*columns));
        bool whole = true;

        if (!columns)
            return false;
        for (uint32_t c = 0; c < from->ncolumns; c++) {
            columns[c] = moved_to(m, columns[c]);
            whole = whole && columns[c] != UINT32_MAX;
        }
        if (!whole || is_early(m, true, key_stood(m->parts->was, from->name)))
            continue;
        list[count] = *from;
        list[count++].columns = columns;
    }
    m->out->table.foreign_keys = list;
    m->out->table.nforeign_keys = count;
    m->out->table.foreign_key_size = sizeof(*list);
    return list;
}

static bool check_stood(const struct rnl_table *was, const struct rnl_check *check)
{
    for (uint32_t i = 0; i < was->nchecks; i++)
        if (strcmp(CHECK(was, i)->name, check->name) == 0 &&
            strcmp(CHECK(was, i)->expression, check->expression) == 0)
            return true;
    return false;
}

static bool checks_make(struct maker *m)
{
    struct rnl_check *list = arena_alloc(m->arena, m->base->nchecks * sizeof(*list));
    uint32_t count = 0;

    for (uint32_t i = 0; list && i < m->base->nchecks; i++) {
        const struct rnl_check *from = CHECK(m->base, i);

        if (!m->moved && !is_early(m, true, check_stood(m->parts->was, from)))
            list[count++] = *from;
    }
    m->out->table.checks = list;
    m->out->table.nchecks = count;
    m->out->table.check_size = sizeof(*list);
    return list;
}

static bool has_partition(const struct rnl_table *table, const struct rnl_partition *wanted)
{
    for (uint32_t i = 0; i < table->npartitions; i++)
        if (strcmp(PARTITION(table, i)->name, wanted->name) == 0 &&
            strcmp(PARTITION(table, i)->schema, wanted->schema) == 0)
            return true;
    return false;
}

/* Rows may come for any that was, and any that is. */
static bool partitions_make(struct maker *m)
{
    const struct rnl_table *was = m->parts->was, *now = m->parts->now;
    struct rnl_partition *list;
    uint32_t count = 0;

    if (m->parts->settled || !now)
        return true;
    list = arena_alloc(m->arena, (was->npartitions + (size_t)now->npartitions) * sizeof(*list));
    for (uint32_t i = 0; list && i < was->npartitions; i++)
        list[count++] = *PARTITION(was, i);
    for (uint32_t i = 0; list && i < now->npartitions; i++)
        if (!has_partition(was, PARTITION(now, i)))
            list[count++] = *PARTITION(now, i);
    m->out->table.partitions = list;
    m->out->table.npartitions = count;
    m->out->table.partition_size = sizeof(*list);
    return list;
}

static bool room_make(struct maker *m, size_t room)
{
    m->columns = arena_alloc(m->arena, room * sizeof(*m->columns));
    m->known = m->out->known = arena_alloc(m->arena, room * sizeof(*m->known));
    m->keys = arena_alloc(m->arena, room * sizeof(*m->keys));
    m->out->renamed = arena_alloc(m->arena, room * sizeof(*m->out->renamed));
    return m->columns && m->known && m->keys && m->out->renamed;
}

static void columns_make(struct maker *m)
{
    const struct newform_parts *parts = m->parts;

    for (uint32_t i = 0; i < parts->told->ncolumns; i++) {
        if (takes_name(parts, &parts->told->columns[i]))
            m->out->rough = true;
        else
            column_make(m, i);
    }
    for (uint32_t i = 0; i < m->base_form->ncolumns; i++)
        generated_add(m, &m->base_form->columns[i]);
    for (uint32_t i = 0; i < m->base->ncolumns; i++) {
        uint32_t at = moved_to(m, i);

        m->moved = m->moved || at == UINT32_MAX ||
                   strcmp(m->columns[at].name, COLUMN(m->base, i)->name) != 0;
    }
}

/*
 * A column that came and got another name while nobody looked, or one that went while another
 * came: nobody can tell any more, and the rows have one's values or the other's.
 */
static bool is_ambiguous(const struct newform_parts *parts)
{
    bool stranger = false, other = false;

    for (uint32_t i = 0; parts->now && i < parts->told->ncolumns; i++) {
        const struct form_column *told = &parts->told->columns[i];

        stranger = stranger || (!form_numbered(parts->was_form, told->number) &&
                                !form_named(parts->was_form, told->name) &&
                                !form_named(parts->now_form, told->name));
    }
    for (uint32_t i = 0; stranger && i < parts->now_form->ncolumns; i++) {
        const struct form_column *now = &parts->now_form->columns[i];

        other = other || (!now->generated && !form_numbered(parts->was_form, now->number) &&
                          !form_named(parts->told, now->name));
    }
    return stranger && other;
}

bool newform_make(const struct newform_parts *parts, struct arena *arena, struct newform *out)
{
    struct maker m = {.parts = parts, .arena = arena, .out = out};
    bool agrees = parts->now && form_is(parts->now_form, parts->told, true);

    *out =
        (struct newform){.rough = !parts->settled, .agrees = agrees, .load = is_ambiguous(parts)};
    m.base = agrees ? parts->now : parts->was;
    m.base_form = agrees ? parts->now_form : parts->was_form;
    if (!room_make(&m, parts->told->ncolumns + (size_t)m.base_form->ncolumns + 1))
        return false;
    out->table = *m.base;
    columns_make(&m);
    out->table.columns = m.columns;
    out->table.ncolumns = m.ncolumns;
    out->table.column_size = sizeof(*m.columns);
    return indexes_make(&m) && keys_make(&m) && checks_make(&m) && partitions_make(&m);
}
