/* Whether two descriptions of a table mean the same, and what is taken of the one that says more.
 */
#include "form.h"

#include <strings.h>

static bool same_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

/* Texts of which one may be unknown. */
static bool may_be_same(const char *a, const char *b)
{
    if (!a || !*a || !b || !*b)
        return true;
    /* utf8 is another word for utf8mb3 */
    if (strncasecmp(a, "utf8mb3", 7) == 0 && strncasecmp(b, "utf8mb", 6) != 0)
        return strncasecmp(b, "utf8", 4) == 0 && strcasecmp(a + 7, b + 4) == 0;
    if (strncasecmp(b, "utf8mb3", 7) == 0 && strncasecmp(a, "utf8mb", 6) != 0)
        return may_be_same(b, a);
    return strcasecmp(a, b) == 0;
}

static bool labels_same(const struct rnl_column *a, const struct rnl_column *b)
{
    if (a->nlabels != b->nlabels)
        return false;
    for (uint32_t i = 0; i < a->nlabels; i++)
        if (strcmp(a->labels[i], b->labels[i]) != 0)
            return false;
    return true;
}

/* The type alone: what values a column can hold. */
static bool type_same(const struct rnl_column *a, const struct rnl_column *b)
{
    const uint32_t flags = RNL_COLUMN_ENUM | RNL_COLUMN_SET | RNL_COLUMN_FIXED |
                           RNL_COLUMN_GENERATED | RNL_COLUMN_BOOLISH;

    if (a->type != b->type || a->width != b->width || a->length != b->length ||
        a->precision != b->precision || a->scale != b->scale || a->srid != b->srid ||
        (a->flags & flags) != (b->flags & flags))
        return false;
    if (a->type == RNL_T_NATIVE && !may_be_same(a->native, b->native))
        return false;
    return labels_same(a, b) && may_be_same(a->charset, b->charset);
}

static bool default_same(const struct rnl_column *a, const struct rnl_column *b)
{
    /* no default of a column that holds NULL is NULL */
    unsigned a_kind = a->default_kind == RNL_DEFAULT_NULL ? RNL_DEFAULT_NONE : a->default_kind;
    unsigned b_kind = b->default_kind == RNL_DEFAULT_NULL ? RNL_DEFAULT_NONE : b->default_kind;

    return a_kind == b_kind && same_text(a->default_text, b->default_text);
}

static bool column_same(const struct rnl_column *a, const struct rnl_column *b)
{
    const uint32_t flags = RNL_COLUMN_NULLABLE | RNL_COLUMN_KEY | RNL_COLUMN_VIRTUAL |
                           RNL_COLUMN_IDENTITY | RNL_COLUMN_TOUCHED | RNL_COLUMN_INVISIBLE;

    return strcmp(a->name, b->name) == 0 && type_same(a, b) &&
           (a->flags & flags) == (b->flags & flags) && default_same(a, b) &&
           same_text(a->generated, b->generated) && same_text(a->comment, b->comment) &&
           may_be_same(a->collation, b->collation);
}

static bool part_same(const struct rnl_table *a_table, const struct rnl_index_part *a,
                      const struct rnl_table *b_table, const struct rnl_index_part *b)
{
    if (!a->expression != !b->expression || a->prefix != b->prefix)
        return false;
    return a->expression ||
           strcmp(a_table->columns[a->column].name, b_table->columns[b->column].name) == 0;
}

static bool index_same(const struct rnl_table *a_table, const struct rnl_index *a,
                       const struct rnl_table *b_table, const struct rnl_index *b)
{
    const uint32_t flags =
        RNL_INDEX_PRIMARY | RNL_INDEX_UNIQUE | RNL_INDEX_FULLTEXT | RNL_INDEX_SPATIAL;

    if (strcasecmp(a->name, b->name) != 0 || a->nparts != b->nparts ||
        (a->flags & flags) != (b->flags & flags))
        return false;
    for (uint32_t i = 0; i < a->nparts; i++)
        if (!part_same(a_table, &a->parts[i], b_table, &b->parts[i]))
            return false;
    return true;
}

static bool key_same(const struct rnl_table *a_table, const struct rnl_foreign_key *a,
                     const struct rnl_table *b_table, const struct rnl_foreign_key *b)
{
    if (strcasecmp(a->name, b->name) != 0 || a->ncolumns != b->ncolumns ||
        strcasecmp(a->ref_table, b->ref_table) != 0)
        return false;
    for (uint32_t i = 0; i < a->ncolumns; i++)
        if (strcmp(a_table->columns[a->columns[i]].name, b_table->columns[b->columns[i]].name) !=
                0 ||
            strcasecmp(a->ref_columns[i], b->ref_columns[i]) != 0)
            return false;
    return true;
}

static const struct rnl_index *index_in(const struct rnl_table *table, const struct rnl_table *of,
                                        const struct rnl_index *index)
{
    for (uint32_t i = 0; i < table->nindexes; i++)
        if (index_same(table, &table->indexes[i], of, index))
            return &table->indexes[i];
    return NULL;
}

static const struct rnl_foreign_key *key_in(const struct rnl_table *table,
                                            const struct rnl_table *of,
                                            const struct rnl_foreign_key *key)
{
    for (uint32_t i = 0; i < table->nforeign_keys; i++)
        if (key_same(table, &table->foreign_keys[i], of, key))
            return &table->foreign_keys[i];
    return NULL;
}

static const struct rnl_check *check_in(const struct rnl_table *table, const char *name)
{
    for (uint32_t i = 0; i < table->nchecks; i++)
        if (strcasecmp(table->checks[i].name, name) == 0)
            return &table->checks[i];
    return NULL;
}

bool form_is(const struct rnl_table *a, const struct rnl_table *b)
{
    if (strcmp(a->name, b->name) != 0 || a->ncolumns != b->ncolumns || a->nindexes != b->nindexes ||
        a->nforeign_keys != b->nforeign_keys || a->nchecks != b->nchecks ||
        a->npartitions != b->npartitions)
        return false;
    for (uint32_t i = 0; i < a->ncolumns; i++)
        if (!column_same(&a->columns[i], &b->columns[i]))
            return false;
    for (uint32_t i = 0; i < a->nindexes; i++) {
        const struct rnl_index *found = index_in(b, a, &a->indexes[i]);

        if (!found || (found->flags ^ a->indexes[i].flags) & RNL_INDEX_INVISIBLE)
            return false;
    }
    for (uint32_t i = 0; i < a->nforeign_keys; i++)
        if (!key_in(b, a, &a->foreign_keys[i]))
            return false;
    for (uint32_t i = 0; i < a->nchecks; i++)
        if (!check_in(b, a->checks[i].name))
            return false;
    for (uint32_t i = 0; i < a->npartitions; i++)
        if (!same_text(a->partitions[i].name, b->partitions[i].name) ||
            !same_text(a->partitions[i].bounds, b->partitions[i].bounds))
            return false;
    return same_text(a->partition_by, b->partition_by) && same_text(a->comment, b->comment);
}

/* The server's spelling of a default is taken; not another one that was set since. */
static bool default_agrees(const struct rnl_column *was, const struct rnl_column *shown)
{
    char *was_end, *shown_end;
    double a, b;

    if (default_same(was, shown) || was->default_kind == RNL_DEFAULT_EXPRESSION)
        return true;
    if (was->default_kind != shown->default_kind || was->default_kind != RNL_DEFAULT_LITERAL)
        return false;
    a = strtod(was->default_text, &was_end);
    b = strtod(shown->default_text, &shown_end);
    return !*was_end && !*shown_end && !(a < b) && !(a > b);
}

/* What the server shows of a column that the statement defined, when it is that still. */
static void column_refine(struct form *form, uint32_t at, const struct rnl_table *now)
{
    struct form_column *column = &form->columns[at];
    struct rnl_column *columns;

    memcpy(&columns, &form->table.columns, sizeof(columns));
    for (uint32_t i = 0; i < now->ncolumns; i++) {
        const struct rnl_column *shown = &now->columns[i];
        uint32_t differ = shown->flags ^ column->is.flags, kept;
        struct rnl_column was;

        if (strcasecmp(shown->name, column->is.name) != 0)
            continue;
        if (column->unknown)
            differ = 0;
        else if (!type_same(shown, &column->is))
            continue;
        /* old servers make a TIMESTAMP what it doesn't say */
        if (differ & RNL_COLUMN_NULLABLE && column->is.type != RNL_T_TIMESTAMPTZ)
            continue;
        if (differ & (RNL_COLUMN_IDENTITY | RNL_COLUMN_VIRTUAL))
            continue;
        kept = column->is.flags & RNL_COLUMN_KEY;
        was = column->is;
        column->is = *shown;
        column->is.name = was.name;
        column->is.flags = (shown->flags & ~(uint32_t)RNL_COLUMN_KEY) | kept;
        if (!default_agrees(&was, shown)) {
            column->is.default_kind = was.default_kind;
            column->is.default_text = was.default_text;
        }
        columns[at] = column->is;
    }
}

static void index_refine(struct form *form, struct rnl_index *index, const struct rnl_table *now)
{
    const struct rnl_index *shown = index_in(now, &form->table, index);

    if (!shown)
        return;
    index->flags = shown->flags;
    index->method = shown->method;
    index->options = shown->options;
}

void form_refine(struct form *form, const struct rnl_table *now)
{
    struct rnl_table *table = &form->table;

    for (uint32_t i = 0; i < table->ncolumns; i++)
        if (form->columns[i].told)
            column_refine(form, i, now);
    for (uint32_t i = 0; i < table->nindexes; i++)
        index_refine(form, &form->indexes[i], now);
    for (uint32_t i = 0; i < table->nchecks; i++) {
        const struct rnl_check *shown = check_in(now, form->checks[i].name);

        if (shown)
            form->checks[i] = *shown;
    }
    if (form->cut) {
        table->partition_by = now->partition_by;
        table->partitions = now->partitions;
        table->npartitions = now->npartitions;
        table->partition_size = now->partition_size;
        table->flags = now->flags;
    }
    if (!table->storage)
        table->storage = now->storage;
}
