/*
 * A catalog made of another one and of tables that were altered since: what stays keeps its names
 * in the target, its mask and what was found out of its data.
 */
#include "catalog_part.h"

#include "alteration.h"

#include <stdlib.h>

struct altering {
    struct rnl_catalog *is;
    const struct rnl_catalog *was;
    const struct alterations *altered;
    struct table_move *moves; /* one for each alteration */
    struct rnl_error *err;
};

/* What a column of the new form was called before; NULL: there was none such. */
static const char *earlier_name(const struct rnl_alteration *alteration, const char *name)
{
    for (uint32_t i = 0; i < alteration->nrenamed; i++)
        if (strcmp(alteration->renamed[i].to, name) == 0)
            return alteration->renamed[i].from;
    for (uint32_t i = 0; i < alteration->nrenamed; i++)
        if (strcmp(alteration->renamed[i].from, name) == 0)
            return NULL; /* went on under another name: this one is new */
    return name;
}

static bool same_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

/* Types were chosen by what stood in the columns: the same words lead to the same types. */
static void keep_facts(struct rnl_table *table, const struct rnl_table *earlier,
                       const struct rnl_alteration *alteration)
{
    for (uint32_t i = 0; i < table->ncolumns; i++) {
        struct rnl_column *c = CATALOG_OWN(struct rnl_column, &table->columns[i]);
        const char *name = earlier_name(alteration, c->name);
        uint32_t at = name ? catalog_column(earlier, name) : CATALOG_NONE;
        const struct rnl_column *old = at == CATALOG_NONE ? NULL : &earlier->columns[at];

        if (!old || old->type != c->type || !same_text(old->native, c->native))
            continue;
        c->facts = old->facts;
        c->facts_known = old->facts_known;
        c->max_length = old->max_length;
        c->max_digits = old->max_digits;
        c->max_scale = old->max_scale;
    }
}

static void keep_earlier(struct altering *a, uint32_t at, const struct rnl_alteration *alteration)
{
    const struct rnl_table *earlier = a->was->tables[alteration->index];

    keep_facts(a->is->tables[at], a->was->tables[alteration->index], alteration);
    a->is->extras[at].join = join_copy(&a->is->arena, &a->was->extras[alteration->index].join);
    if (strcmp(a->is->tables[at]->name, earlier->name) != 0 ||
        strcmp(a->is->tables[at]->schema, earlier->schema) != 0)
        a->is->extras[at].join.number = 0; /* under another name its steps are none of before */
}

/* Puts the new form of a table behind those that are there. */
static int add_form(struct altering *a, const struct rnl_alteration *alteration, uint32_t *at)
{
    const struct rnl_table *form = alteration->table;
    uint32_t count = a->is->count;

    *at = CATALOG_NONE;
    if (!form || !catalog_wanted(a->is, form->schema, form->name))
        return RNL_OK;
    if (catalog_add(a->is, form, a->err) != RNL_OK)
        return a->err->status;
    *at = count;
    if (alteration->index < a->was->count)
        keep_earlier(a, count, alteration);
    return RNL_OK;
}

/* The last that was told of a table counts. */
static uint32_t alteration_of(const struct alterations *altered, uint32_t index)
{
    for (uint32_t i = alterations_count(altered); i-- > 0;)
        if (alterations_at(altered, i)->index == index)
            return i;
    return CATALOG_NONE;
}

static int carry_tables(struct altering *a)
{
    for (uint32_t t = 0; t < a->was->count; t++) {
        uint32_t at = alteration_of(a->altered, t);
        int status;

        if (at == CATALOG_NONE)
            status = catalog_copy(a->is, a->was, t, a->err);
        else
            status = add_form(a, alterations_at(a->altered, at), &a->moves[at].to);
        if (status != RNL_OK)
            return status;
        if (at != CATALOG_NONE)
            a->moves[at].from = t;
    }
    for (uint32_t i = 0; i < alterations_count(a->altered); i++)
        if (alterations_at(a->altered, i)->index >= a->was->count &&
            add_form(a, alterations_at(a->altered, i), &a->moves[i].to) != RNL_OK)
            return a->err->status;
    for (uint32_t i = 0; i < a->was->nobjects; i++)
        if (catalog_object_add(a->is, a->was->objects[i], a->err) != RNL_OK)
            return a->err->status;
    return RNL_OK;
}

/* Servers take a foreign key along when what it points to gets another name. */
static void rename_ends(struct altering *a, const struct rnl_table *was, const struct rnl_table *is,
                        const struct rnl_alteration *alteration)
{
    for (uint32_t t = 0; t < a->is->count; t++) {
        struct rnl_table *table = a->is->tables[t];

        for (uint32_t k = 0; k < table->nforeign_keys; k++) {
            struct rnl_foreign_key *key =
                CATALOG_OWN(struct rnl_foreign_key, &table->foreign_keys[k]);
            const char **names = CATALOG_OWN(const char *, key->ref_columns);

            if (strcmp(key->ref_table, was->name) != 0 || strcmp(key->ref_schema, was->schema) != 0)
                continue;
            key->ref_schema = is->schema;
            key->ref_table = is->name;
            for (uint32_t c = 0; c < key->ncolumns; c++)
                for (uint32_t r = 0; r < alteration->nrenamed; r++)
                    if (strcmp(names[c], alteration->renamed[r].from) == 0) {
                        names[c] = arena_text(&a->is->arena, alteration->renamed[r].to);
                        break;
                    }
        }
    }
}

static void carry_keys(struct altering *a)
{
    for (uint32_t i = 0; i < alterations_count(a->altered); i++) {
        const struct table_move *move = &a->moves[i];

        if (move->from != CATALOG_NONE && move->to != CATALOG_NONE)
            rename_ends(a, a->was->tables[move->from], a->is->tables[move->to],
                        alterations_at(a->altered, i));
    }
    catalog_settle_keys(a->is);
}

int catalog_alter(const struct rnl_catalog *was, const struct alterations *altered,
                  const struct table_rule *rules, size_t nrules, struct rnl_catalog **is,
                  struct table_move *moves, struct rnl_error *err)
{
    struct altering a = {
        .is = catalog_new(), .was = was, .altered = altered, .moves = moves, .err = err};

    if (!a.is)
        return catalog_no_memory(err);
    catalog_select(a.is, rules, nrules);
    for (uint32_t i = 0; i < alterations_count(altered); i++)
        moves[i] = (struct table_move){CATALOG_NONE, CATALOG_NONE};
    if (carry_tables(&a) != RNL_OK) {
        catalog_free(a.is);
        return err->status;
    }
    carry_keys(&a);
    *is = a.is;
    return RNL_OK;
}

uint32_t catalog_moved(const struct rnl_catalog *was, const struct rnl_catalog *is,
                       const struct table_move *moves, uint32_t nmoves, uint32_t index)
{
    uint32_t gone = 0;

    for (uint32_t i = 0; i < nmoves; i++)
        if (moves[i].from == index)
            return moves[i].to;
    for (uint32_t i = 0; i < nmoves; i++)
        gone += moves[i].from < index && moves[i].to == CATALOG_NONE;
    return index < was->count && index - gone < is->count ? index - gone : CATALOG_NONE;
}
