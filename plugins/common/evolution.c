/* What two forms of a table, as the source describes them, have in common and what not. */
#include "evolution.h"

#include "element.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct comparison {
    const struct rnl_table *from, *to;
    const struct rnl_rename *renamed;
    uint32_t nrenamed;
    struct evolution *e;
};

static bool same(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

/* ---- columns --------------------------------------------------------------------------- */

/* What the column of the later form was called; NULL: nothing. */
static const char *earlier_name(const struct comparison *c, const char *name)
{
    for (uint32_t i = 0; i < c->nrenamed; i++)
        if (strcmp(c->renamed[i].to, name) == 0)
            return c->renamed[i].from;
    for (uint32_t i = 0; i < c->nrenamed; i++)
        if (strcmp(c->renamed[i].from, name) == 0)
            return NULL; /* goes on under another name: this one is new */
    return name;
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

static bool mentions(const char *text, const char *name)
{
    size_t len = strlen(name);

    for (const char *at = text; len && (at = strcasestr(at, name)); at++)
        if ((at == text || !is_word(at[-1])) && !is_word(at[len]))
            return true;
    return false;
}

/* A text over columns says the same: one that has another's name now isn't what it was. */
static bool same_over(const struct comparison *c, const char *a, const char *b)
{
    for (uint32_t i = 0; b && i < c->nrenamed; i++)
        if (mentions(b, c->renamed[i].to))
            return false;
    return same(a, b);
}

static uint32_t column_named(const struct rnl_table *table, const char *name)
{
    for (uint32_t i = 0; i < table->ncolumns; i++)
        if (strcmp(COLUMN(table, i)->name, name) == 0)
            return i;
    if (table->dialect && strcmp(table->dialect, "postgres") == 0)
        return UINT32_MAX;
    for (uint32_t i = 0; i < table->ncolumns; i++)
        if (strcasecmp(COLUMN(table, i)->name, name) == 0)
            return i;
    return UINT32_MAX;
}

static bool same_labels(const struct rnl_column *a, const struct rnl_column *b)
{
    if (a->nlabels != b->nlabels)
        return false;
    for (uint32_t i = 0; i < a->nlabels; i++)
        if (!same(a->labels[i], b->labels[i]))
            return false;
    return true;
}

static bool same_type(const struct rnl_column *a, const struct rnl_column *b)
{
    const uint32_t kinds = RNL_COLUMN_ENUM | RNL_COLUMN_SET | RNL_COLUMN_FIXED |
                           RNL_COLUMN_BOOLISH | RNL_COLUMN_ARRAY | RNL_COLUMN_COMPOSITE |
                           RNL_COLUMN_MAP | RNL_COLUMN_DOMAIN;

    return a->type == b->type && a->width == b->width && a->length == b->length &&
           a->precision == b->precision && a->scale == b->scale && a->srid == b->srid &&
           a->element == b->element && (a->flags & kinds) == (b->flags & kinds) &&
           same(a->native, b->native) && same(a->charset, b->charset) &&
           same(a->collation, b->collation) && same(a->type_schema, b->type_schema) &&
           same(a->type_name, b->type_name) && same(a->storage, b->storage) && same_labels(a, b);
}

static bool same_default(const struct rnl_column *a, const struct rnl_column *b)
{
    if (a->default_kind == RNL_DEFAULT_NONE || a->default_kind == RNL_DEFAULT_NULL)
        return b->default_kind == RNL_DEFAULT_NONE || b->default_kind == RNL_DEFAULT_NULL;
    return a->default_kind == b->default_kind && same(a->default_text, b->default_text);
}

static uint32_t column_changes(const struct comparison *c, const struct rnl_column *a,
                               const struct rnl_column *b)
{
    const uint32_t identity = RNL_COLUMN_IDENTITY | RNL_COLUMN_ALWAYS;
    const uint32_t generated = RNL_COLUMN_GENERATED | RNL_COLUMN_VIRTUAL;
    uint32_t other = a->flags ^ b->flags, changes = 0;

    changes |= same(a->name, b->name) ? 0 : EVOLVED_NAME;
    changes |= same_type(a, b) ? 0 : EVOLVED_TYPE;
    changes |= other & RNL_COLUMN_NULLABLE ? EVOLVED_NULLABLE : 0;
    changes |= same_default(a, b) ? 0 : EVOLVED_DEFAULT;
    changes |= same(a->comment, b->comment) ? 0 : EVOLVED_COMMENT;
    changes |= other & identity || a->increment != b->increment ? EVOLVED_IDENTITY : 0;
    changes |=
        other & generated || !same_over(c, a->generated, b->generated) ? EVOLVED_GENERATED : 0;
    changes |= other & RNL_COLUMN_TOUCHED ? EVOLVED_TOUCHED : 0;
    changes |= other & RNL_COLUMN_INVISIBLE ? EVOLVED_VISIBLE : 0;
    return changes;
}

static bool list_make(struct evolution_list *list, uint32_t from, uint32_t to)
{
    list->pairs = calloc((size_t)from + to + 1, sizeof(*list->pairs));
    return list->pairs != NULL;
}

static bool list_has(const struct evolution_list *list, uint32_t from)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (list->pairs[i].from == from)
            return true;
    return false;
}

static void list_add(struct evolution_list *list, uint32_t from, uint32_t to, uint32_t changes)
{
    list->pairs[list->count++] = (struct evolution_pair){from, to, changes};
}

static void list_end(struct evolution_list *list, uint32_t from)
{
    for (uint32_t i = 0; i < from; i++)
        if (!list_has(list, i))
            list_add(list, i, UINT32_MAX, 0);
}

static void compare_columns(const struct comparison *c)
{
    struct evolution_list *list = &c->e->columns;
    uint32_t last = 0;

    for (uint32_t i = 0; i < c->to->ncolumns; i++) {
        const struct rnl_column *column = COLUMN(c->to, i);
        const char *name = earlier_name(c, column->name);
        uint32_t at = name ? column_named(c->from, name) : UINT32_MAX;

        if (at == UINT32_MAX || list_has(list, at)) {
            list_add(list, UINT32_MAX, i, 0);
            continue;
        }
        c->e->reordered = c->e->reordered || at < last;
        last = at;
        list_add(list, at, i, column_changes(c, COLUMN(c->from, at), column));
    }
    list_end(list, c->from->ncolumns);
}

/* The columns at both ends are one column. */
static bool same_column(const struct comparison *c, uint32_t from, uint32_t to)
{
    return to < c->to->ncolumns && c->e->columns.pairs[to].from == from;
}

/* ---- indexes and constraints ----------------------------------------------------------- */

static const char *option_of(const struct rnl_index *index, uint32_t part)
{
    return index->part_options ? index->part_options[part] : NULL;
}

static bool same_index(const struct comparison *c, const struct rnl_index *a,
                       const struct rnl_index *b)
{
    if (a->nparts != b->nparts || a->flags != b->flags || a->ninclude != b->ninclude ||
        !same_over(c, a->where, b->where) || !same(a->method, b->method) ||
        !same(a->options, b->options) || !same(a->comment, b->comment))
        return false;
    for (uint32_t i = 0; i < a->nparts; i++) {
        const struct rnl_index_part *p = &a->parts[i], *q = &b->parts[i];

        if (!p->expression != !q->expression || p->prefix != q->prefix ||
            p->descending != q->descending || !same(option_of(a, i), option_of(b, i)))
            return false;
        if (p->expression ? !same_over(c, p->expression, q->expression)
                          : !same_column(c, p->column, q->column))
            return false;
    }
    for (uint32_t i = 0; i < a->ninclude; i++)
        if (!same_column(c, a->include[i], b->include[i]))
            return false;
    return true;
}

static void compare_indexes(const struct comparison *c)
{
    struct evolution_list *list = &c->e->indexes;

    for (uint32_t i = 0; i < c->to->nindexes; i++) {
        const struct rnl_index *index = INDEX(c->to, i);
        uint32_t at = UINT32_MAX;

        for (uint32_t k = 0; k < c->from->nindexes; k++) {
            const struct rnl_index *other = INDEX(c->from, k);
            bool primary = index->flags & other->flags & RNL_INDEX_PRIMARY;

            if ((primary || same(index->name, other->name)) && !list_has(list, k))
                at = k;
        }
        list_add(list, at, i,
                 at != UINT32_MAX && !same_index(c, INDEX(c->from, at), index) ? EVOLVED_MEANING
                                                                               : 0);
    }
    list_end(list, c->from->nindexes);
}

/* The table that a key points to; a table that points to itself does so under any name. */
static bool same_parent(const struct comparison *c, const struct rnl_foreign_key *a,
                        const struct rnl_foreign_key *b)
{
    bool own = same(a->ref_table, c->from->name) && same(a->ref_schema, c->from->schema) &&
               same(b->ref_table, c->to->name) && same(b->ref_schema, c->to->schema);

    return own || (same(a->ref_table, b->ref_table) && same(a->ref_schema, b->ref_schema));
}

static bool same_key(const struct comparison *c, const struct rnl_foreign_key *a,
                     const struct rnl_foreign_key *b)
{
    if (a->ncolumns != b->ncolumns || a->on_delete != b->on_delete ||
        a->on_update != b->on_update || a->flags != b->flags || !same_parent(c, a, b))
        return false;
    for (uint32_t i = 0; i < a->ncolumns; i++)
        if (!same_column(c, a->columns[i], b->columns[i]) ||
            (!same(a->ref_columns[i], b->ref_columns[i]) && same(a->ref_table, b->ref_table) &&
             !same(a->ref_table, c->from->name)))
            return false;
    return true;
}

static void compare_foreign_keys(const struct comparison *c)
{
    struct evolution_list *list = &c->e->foreign_keys;

    for (uint32_t i = 0; i < c->to->nforeign_keys; i++) {
        const struct rnl_foreign_key *key = FOREIGN_KEY(c->to, i);
        uint32_t at = UINT32_MAX;

        for (uint32_t k = 0; k < c->from->nforeign_keys && at == UINT32_MAX; k++)
            if (same(key->name, FOREIGN_KEY(c->from, k)->name) && !list_has(list, k))
                at = k;
        list_add(list, at, i,
                 at != UINT32_MAX && !same_key(c, FOREIGN_KEY(c->from, at), key) ? EVOLVED_MEANING
                                                                                 : 0);
    }
    list_end(list, c->from->nforeign_keys);
}

static bool is_named(const struct rnl_check *check)
{
    return check->name && *check->name;
}

static void compare_checks(const struct comparison *c)
{
    struct evolution_list *list = &c->e->checks;

    for (uint32_t i = 0; i < c->to->nchecks; i++) {
        const struct rnl_check *check = CHECK(c->to, i), *other;
        uint32_t at = UINT32_MAX;

        for (uint32_t k = 0; k < c->from->nchecks && at == UINT32_MAX; k++) {
            other = CHECK(c->from, k);
            if (is_named(check) == is_named(other) && !list_has(list, k) &&
                (is_named(check) ? same(check->name, other->name)
                                 : same(check->expression, other->expression)))
                at = k;
        }
        other = at == UINT32_MAX ? NULL : CHECK(c->from, at);
        list_add(list, at, i,
                 other && (!same_over(c, other->expression, check->expression) ||
                           check->enforced != other->enforced || check->of_type != other->of_type)
                     ? EVOLVED_MEANING
                     : 0);
    }
    list_end(list, c->from->nchecks);
}

static void compare_partitions(const struct comparison *c)
{
    struct evolution_list *list = &c->e->partitions;

    for (uint32_t i = 0; i < c->to->npartitions; i++) {
        const struct rnl_partition *part = PARTITION(c->to, i), *other;
        uint32_t at = UINT32_MAX;

        for (uint32_t k = 0; k < c->from->npartitions && at == UINT32_MAX; k++) {
            other = PARTITION(c->from, k);
            if (same(part->name, other->name) && same(part->schema, other->schema) &&
                !list_has(list, k))
                at = k;
        }
        other = at == UINT32_MAX ? NULL : PARTITION(c->from, at);
        list_add(list, at, i,
                 other && (!same(part->bounds, other->bounds) ||
                           !same(part->parent, other->parent) ||
                           !same(part->partition_by, other->partition_by))
                     ? EVOLVED_MEANING
                     : 0);
    }
    list_end(list, c->from->npartitions);
}

bool evolution_compare(struct evolution *e, const struct rnl_table *from,
                       const struct rnl_table *to, const struct rnl_rename *renamed,
                       uint32_t nrenamed)
{
    const struct comparison c = {from, to, renamed, nrenamed, e};

    memset(e, 0, sizeof(*e));
    if (!list_make(&e->columns, from->ncolumns, to->ncolumns) ||
        !list_make(&e->indexes, from->nindexes, to->nindexes) ||
        !list_make(&e->foreign_keys, from->nforeign_keys, to->nforeign_keys) ||
        !list_make(&e->checks, from->nchecks, to->nchecks) ||
        !list_make(&e->partitions, from->npartitions, to->npartitions))
        return false;
    e->moved = !same(from->schema, to->schema) || !same(from->name, to->name);
    e->comment = !same(from->comment, to->comment);
    e->layout = (from->flags ^ to->flags) & RNL_TABLE_PARTITIONED ||
                !same(from->partition_by, to->partition_by) || !same(from->storage, to->storage);
    compare_columns(&c);
    compare_indexes(&c);
    compare_foreign_keys(&c);
    compare_checks(&c);
    compare_partitions(&c);
    return true;
}

void evolution_free(struct evolution *e)
{
    free(e->columns.pairs);
    free(e->indexes.pairs);
    free(e->foreign_keys.pairs);
    free(e->checks.pairs);
    free(e->partitions.pairs);
    memset(e, 0, sizeof(*e));
}

/* ---- what is to be known of them ------------------------------------------------------- */

bool evolution_default_varies(const struct rnl_column *column)
{
    static const char *const words[] = {"now",     "current_", "local", "clock_",    "statement_",
                                        "random",  "rand(",    "uuid",  "nextval",   "sysdate",
                                        "curdate", "curtime",  "utc_",  "timeofday", "txid"};
    char lower[256];
    size_t len = 0;

    if (column->flags & RNL_COLUMN_GENERATED)
        return false;
    if (column->flags & RNL_COLUMN_IDENTITY || column->default_kind == RNL_DEFAULT_NOW)
        return true;
    if (column->default_kind != RNL_DEFAULT_EXPRESSION || !column->default_text)
        return false;
    for (const char *at = column->default_text; *at && len + 1 < sizeof(lower); at++)
        lower[len++] = (char)tolower((unsigned char)*at);
    lower[len] = '\0';
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strstr(lower, words[i]))
            return true;
    return column->default_text[0] && len + 1 >= sizeof(lower); /* too long to tell */
}

static bool same_kind(const struct rnl_column *from, const struct rnl_column *to)
{
    const uint32_t kinds = RNL_COLUMN_ENUM | RNL_COLUMN_SET | RNL_COLUMN_FIXED | RNL_COLUMN_ARRAY |
                           RNL_COLUMN_COMPOSITE | RNL_COLUMN_MAP | RNL_COLUMN_DOMAIN;

    return ((from->flags ^ to->flags) & kinds) == 0 && from->element == to->element &&
           same(from->type_name, to->type_name) && same(from->type_schema, to->type_schema);
}

bool evolution_widens(const struct rnl_column *from, const struct rnl_column *to)
{
    if (!same_kind(from, to))
        return false;
    if (from->type == RNL_T_UINT && to->type == RNL_T_INT)
        return to->width > from->width;
    if (from->type == RNL_T_FLOAT && to->type == RNL_T_DOUBLE)
        return false; /* 0.1 becomes 0.100000001490116 */
    if (from->type != to->type)
        return from->type == RNL_T_BOOL && (to->type == RNL_T_INT || to->type == RNL_T_UINT);
    switch (from->type) {
    case RNL_T_INT:
    case RNL_T_UINT:
        return to->width >= from->width;
    case RNL_T_TEXT:
    case RNL_T_BYTES:
        return to->length == 0 || (from->length && to->length >= from->length);
    case RNL_T_DECIMAL:
        return to->precision == 0 || (from->precision && to->scale >= from->scale &&
                                      to->precision - to->scale >= from->precision - from->scale);
    case RNL_T_TIME:
    case RNL_T_TIMESTAMP:
    case RNL_T_TIMESTAMPTZ:
        return to->scale >= from->scale;
    case RNL_T_BITS:
        return to->length == from->length;
    case RNL_T_NATIVE:
        return same(from->native, to->native);
    default:
        return true;
    }
}
