/*
 * What the rules of a pipeline make of a table: columns that are left out and what hangs
 * on them, names in the target, masks.
 */
#include "catalog_part.h"

#include "expression.h"
#include "finding.h"

#include <stdlib.h>

void catalog_find(const struct rnl_catalog *catalog, const struct rnl_table *table,
                  const char *object, const char *code, const char *fmt, ...)
{
    char text[600];
    struct rnl_finding finding = {
        .size = sizeof(finding),
        .severity = RNL_WARNING,
        .code = code,
        .schema = table->schema,
        .table = table->name,
        .object = object,
        .text = text,
        .count = -1,
    };
    va_list ap;

    if (!catalog->findings)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    findings_add(catalog->findings, &finding);
}

/* Column names differ by case in PostgreSQL alone. */
bool catalog_same_name(const struct rnl_table *table, const char *a, const char *b)
{
    return table->dialect && strcmp(table->dialect, "postgres") == 0 ? strcmp(a, b) == 0
                                                                     : strcasecmp(a, b) == 0;
}

uint32_t catalog_column(const struct rnl_table *table, const char *name)
{
    for (uint32_t i = 0; i < table->ncolumns; i++)
        if (catalog_same_name(table, table->columns[i].name, name))
            return i;
    return CATALOG_NONE;
}

/* --- names that rules give must be there ---------------------------------------------- */

size_t rule_names(const struct table_rule *rule)
{
    return (size_t)rule->ncolumns + rule->nrenames + rule->nmasks;
}

const char *rule_name_at(const struct table_rule *rule, size_t i)
{
    if (i < rule->ncolumns)
        return rule->columns[i];
    i -= rule->ncolumns;
    return i < rule->nrenames ? rule->renames[i].from : rule->masks[i - rule->nrenames].column;
}

int rule_unknown_column(const struct table_rule *rule, const char *where, const char *column,
                        struct rnl_error *err)
{
    rnl_fail(err, RNL_E_CONFIG, "selection.unknown_column", "%s%s%s has no column \"%s\"",
             rule->at ? rule->at : "", rule->at ? ": " : "", where, column);
    rnl_hint(err, "look at the names with a client of that database");
    return err->status;
}

/* A rule for one table must be right about it; one for many, about one of them at least. */
static int note_names(struct rnl_catalog *catalog, size_t index, const struct rnl_table *table,
                      struct rnl_error *err)
{
    const struct table_rule *rule = &catalog->details[index];
    char where[300];

    if (rule_names(rule) == 0)
        return RNL_OK;
    if (!catalog->used)
        catalog->used = arena_alloc(&catalog->arena, catalog->ndetails * sizeof(bool *));
    if (catalog->used && !catalog->used[index])
        catalog->used[index] = arena_alloc(&catalog->arena, rule_names(rule));
    if (!catalog->used || !catalog->used[index])
        return catalog_no_memory(err);
    snprintf(where, sizeof(where), "table %s.%s", table->schema, table->name);
    for (size_t i = 0; i < rule_names(rule); i++) {
        if (catalog_column(table, rule_name_at(rule, i)) != CATALOG_NONE)
            catalog->used[index][i] = true;
        else if (!rule_is_pattern(rule))
            return rule_unknown_column(rule, where, rule_name_at(rule, i), err);
    }
    return RNL_OK;
}

/* --- columns left out ------------------------------------------------------------------ */

/* What a table loses: where its columns go, and the names of those that go nowhere. */
struct cut {
    struct rnl_catalog *catalog;
    struct rnl_table *table;
    uint32_t *to; /* new index of each column, or CATALOG_NONE */
    uint32_t kept;
};

static bool is_listed(const struct rnl_table *table, const struct table_rule *rule,
                      const char *column)
{
    for (uint32_t i = 0; i < rule->ncolumns; i++)
        if (catalog_same_name(table, rule->columns[i], column))
            return true;
    return false;
}

/* The name of a column that is left out and that the text needs; NULL: none. */
static const char *lost_in(const struct cut *cut, const char *text)
{
    for (uint32_t i = 0; text && *text && i < cut->table->ncolumns; i++)
        if (cut->to[i] == CATALOG_NONE &&
            expression_names(cut->table->dialect, text, cut->table->columns[i].name))
            return cut->table->columns[i].name;
    return NULL;
}

static const char *lost_of_index(const struct cut *cut, const struct rnl_index *index)
{
    const char *lost = lost_in(cut, index->where);

    if (!lost && index->flags & RNL_INDEX_EXCLUDE)
        lost = lost_in(cut, index->options);
    for (uint32_t p = 0; !lost && p < index->nparts; p++) {
        if (index->parts[p].expression)
            lost = lost_in(cut, index->parts[p].expression);
        else if (cut->to[index->parts[p].column] == CATALOG_NONE)
            lost = cut->table->columns[index->parts[p].column].name;
    }
    return lost;
}

static void cut_indexes(const struct cut *cut)
{
    struct rnl_table *table = cut->table;
    struct rnl_index *indexes = CATALOG_OWN(struct rnl_index, table->indexes);
    uint32_t kept = 0;

    for (uint32_t i = 0; i < table->nindexes; i++) {
        struct rnl_index *index = &indexes[i];
        struct rnl_index_part *parts = CATALOG_OWN(struct rnl_index_part, index->parts);
        uint32_t *include = CATALOG_OWN(uint32_t, index->include), included = 0;
        const char *lost = lost_of_index(cut, index);

        if (lost) {
            catalog_find(cut->catalog, table, index->name, "selection.index",
                         "the index is not made: it needs column %s, which is left out", lost);
            continue;
        }
        for (uint32_t p = 0; p < index->nparts; p++)
            if (!parts[p].expression)
                parts[p].column = cut->to[parts[p].column];
        for (uint32_t c = 0; c < index->ninclude; c++)
            if (cut->to[include[c]] != CATALOG_NONE)
                include[included++] = cut->to[include[c]];
        index->ninclude = included;
        indexes[kept++] = *index;
    }
    table->nindexes = kept;
}

static void cut_foreign_keys(const struct cut *cut)
{
    struct rnl_table *table = cut->table;
    struct rnl_foreign_key *keys = CATALOG_OWN(struct rnl_foreign_key, table->foreign_keys);
    uint32_t kept = 0;

    for (uint32_t i = 0; i < table->nforeign_keys; i++) {
        uint32_t *columns = CATALOG_OWN(uint32_t, keys[i].columns);
        const char *lost = NULL;

        for (uint32_t c = 0; !lost && c < keys[i].ncolumns; c++)
            if (cut->to[columns[c]] == CATALOG_NONE)
                lost = table->columns[columns[c]].name;
        if (lost) {
            catalog_find(cut->catalog, table, keys[i].name, "selection.foreign_key",
                         "the foreign key is not made: it needs column %s, which is left out",
                         lost);
            continue;
        }
        for (uint32_t c = 0; c < keys[i].ncolumns; c++)
            columns[c] = cut->to[columns[c]];
        keys[kept++] = keys[i];
    }
    table->nforeign_keys = kept;
}

static void cut_checks(const struct cut *cut)
{
    struct rnl_table *table = cut->table;
    struct rnl_check *checks = CATALOG_OWN(struct rnl_check, table->checks);
    uint32_t kept = 0;

    for (uint32_t i = 0; i < table->nchecks; i++) {
        const char *lost = lost_in(cut, checks[i].expression);

        if (lost)
            catalog_find(cut->catalog, table, checks[i].name, "selection.check",
                         "the check is not made: it needs column %s, which is left out", lost);
        else
            checks[kept++] = checks[i];
    }
    table->nchecks = kept;
}

static void make_plain(const struct rnl_catalog *catalog, const struct rnl_table *table,
                       struct rnl_column *column, const char *why)
{
    catalog_find(catalog, table, column->name, "selection.generated",
                 "a plain column with the values of today, no more computed: %s", why);
    column->flags &= ~(uint32_t)(RNL_COLUMN_GENERATED | RNL_COLUMN_VIRTUAL);
    column->generated = NULL;
}

/* Values are kept: a column computed of one that is left out becomes plain. */
static void cut_columns(const struct cut *cut)
{
    struct rnl_table *table = cut->table;
    struct rnl_column *columns = CATALOG_OWN(struct rnl_column, table->columns);

    for (uint32_t i = 0; i < table->ncolumns; i++) {
        const char *lost = cut->to[i] == CATALOG_NONE ? NULL : lost_in(cut, columns[i].generated);
        char why[200];

        if (cut->to[i] == CATALOG_NONE)
            continue;
        if (lost) {
            snprintf(why, sizeof(why), "it needs column %s, which is left out", lost);
            make_plain(cut->catalog, table, &columns[i], why);
        }
        lost = columns[i].default_kind == RNL_DEFAULT_EXPRESSION
                   ? lost_in(cut, columns[i].default_text)
                   : NULL;
        if (!lost)
            continue;
        catalog_find(cut->catalog, table, columns[i].name, "selection.default",
                     "the default is left out: it needs column %s", lost);
        columns[i].default_kind = RNL_DEFAULT_NONE;
        columns[i].default_text = NULL;
    }
    for (uint32_t i = 0; i < table->ncolumns; i++)
        if (cut->to[i] != CATALOG_NONE)
            columns[cut->to[i]] = columns[i];
    table->ncolumns = cut->kept;
}

static int choose_columns(struct rnl_catalog *catalog, struct rnl_table *table,
                          struct catalog_extra *extra, const struct table_rule *rule,
                          struct rnl_error *err)
{
    struct cut cut = {.catalog = catalog, .table = table};
    const char *at = rule->at ? rule->at : "";

    cut.to = arena_alloc(&catalog->arena, table->ncolumns * sizeof(*cut.to) + 1);
    if (!cut.to)
        return catalog_no_memory(err);
    for (uint32_t i = 0; i < table->ncolumns; i++) {
        bool kept = is_listed(table, rule, table->columns[i].name) != rule->columns_exclude;

        if (!kept && table->columns[i].flags & RNL_COLUMN_KEY) {
            rnl_fail(err, RNL_E_CONFIG, "selection.key_column",
                     "%s: column \"%s\" of %s.%s can't be left out: it is part of the primary key",
                     at, table->columns[i].name, table->schema, table->name);
            rnl_hint(err, "name it among the columns, or mask it");
            return err->status;
        }
        cut.to[i] = kept ? cut.kept++ : CATALOG_NONE;
    }
    if (cut.kept == 0)
        return rnl_fail(err, RNL_E_CONFIG, "selection.no_columns", "%s: no column of %s.%s is left",
                        at, table->schema, table->name);
    if (cut.kept == table->ncolumns)
        return RNL_OK;
    if (table->flags & RNL_TABLE_PARTITIONED && lost_in(&cut, table->partition_by)) {
        catalog_find(catalog, table, NULL, "selection.partitions",
                     "one table without partitions: they go by column %s, which is left out",
                     lost_in(&cut, table->partition_by));
        extra->flat = true;
    }
    cut_indexes(&cut);
    cut_foreign_keys(&cut);
    cut_checks(&cut);
    cut_columns(&cut);
    return RNL_OK;
}

/* --- names in the target ---------------------------------------------------------------- */

/* pattern with the name in the place of its *; NULL: out of memory. */
static const char *fill_pattern(struct arena *arena, const char *pattern, const char *name)
{
    const char *star = strchr(pattern, '*');
    char *filled;

    if (!star)
        return arena_strdup(arena, pattern);
    filled = arena_alloc(arena, strlen(pattern) + strlen(name) + 1);
    if (filled)
        sprintf(filled, "%.*s%s%s", (int)(star - pattern), pattern, name, star + 1);
    return filled;
}

static int choose_target(struct rnl_catalog *catalog, const struct rnl_table *table,
                         struct catalog_extra *extra, const struct table_rule *rule,
                         struct rnl_error *err)
{
    char buf[600];
    const char *schema, *name;

    selection_split(rule->target, buf, sizeof(buf), &schema, &name);
    if (*schema && strcmp(schema, "*") != 0) {
        extra->schema = fill_pattern(&catalog->arena, schema, table->schema);
        extra->placed = true;
        if (!extra->schema)
            return catalog_no_memory(err);
    }
    extra->name = fill_pattern(&catalog->arena, name, table->name);
    return extra->name ? RNL_OK : catalog_no_memory(err);
}

static int choose_renames(struct rnl_catalog *catalog, const struct rnl_table *table,
                          struct catalog_extra *extra, const struct table_rule *rule,
                          struct rnl_error *err)
{
    if (rule->nrenames && !extra->columns) {
        extra->columns = arena_alloc(&catalog->arena, table->ncolumns * sizeof(char *) + 1);
        if (!extra->columns)
            return catalog_no_memory(err);
    }
    for (uint32_t i = 0; i < rule->nrenames; i++) {
        uint32_t column = catalog_column(table, rule->renames[i].from);

        if (column == CATALOG_NONE)
            continue; /* left out, or of another table */
        extra->columns[column] = arena_strdup(&catalog->arena, rule->renames[i].to);
        if (!extra->columns[column])
            return catalog_no_memory(err);
    }
    return RNL_OK;
}

static const char *target_name(const struct rnl_table *table, const struct catalog_extra *extra,
                               uint32_t column)
{
    const char *name = extra->columns ? extra->columns[column] : NULL;

    return name ? name : table->columns[column].name;
}

static int check_renames(const struct rnl_table *table, const struct catalog_extra *extra,
                         struct rnl_error *err)
{
    for (uint32_t i = 0; extra->columns && i < table->ncolumns; i++)
        for (uint32_t j = 0; extra->columns[i] && j < table->ncolumns; j++)
            if (i != j && strcmp(extra->columns[i], target_name(table, extra, j)) == 0)
                return rnl_fail(err, RNL_E_CONFIG, "selection.same_name",
                                "two columns of %s.%s would be called \"%s\" in the target",
                                table->schema, table->name, extra->columns[i]);
    return RNL_OK;
}

/* --- masks ------------------------------------------------------------------------------- */

static int choose_masks(const struct rnl_table *table, struct catalog_extra *extra,
                        const struct table_rule *rule, struct rnl_error *err)
{
    for (uint32_t i = 0; i < rule->nmasks; i++) {
        uint32_t column = catalog_column(table, rule->masks[i].column);
        struct rnl_error why = RNL_ERROR_INIT;

        if (column == CATALOG_NONE)
            continue;
        if (!extra->mask && !(extra->mask = mask_new()))
            return catalog_no_memory(err);
        extra->masked = true;
        if (mask_add(extra->mask, table, column, &rule->masks[i], &why) == RNL_OK)
            continue;
        rnl_fail(err, why.status, why.code, "%s%s%s", rule->at ? rule->at : "",
                 rule->at ? ": " : "", why.text);
        rnl_hint(err, "%s", why.hint);
        return err->status;
    }
    return RNL_OK;
}

/* A value computed of a masked one would tell it. */
static int mask_generated(struct rnl_catalog *catalog, struct rnl_table *table,
                          const struct catalog_extra *extra, struct rnl_error *err)
{
    struct rnl_column *columns = CATALOG_OWN(struct rnl_column, table->columns);

    for (uint32_t i = 0; i < table->ncolumns; i++) {
        if (!(columns[i].flags & RNL_COLUMN_GENERATED))
            continue;
        if (mask_of(extra->mask, i)) {
            make_plain(catalog, table, &columns[i], "its values are masked");
            continue;
        }
        for (uint32_t c = 0; c < table->ncolumns; c++) {
            if (!mask_of(extra->mask, c) ||
                !expression_names(table->dialect, columns[i].generated, columns[c].name))
                continue;
            rnl_fail(err, RNL_E_CONFIG, "mask.generated",
                     "column \"%s\" of %s.%s is computed of \"%s\", which is masked: it would "
                     "tell what the mask hides",
                     columns[i].name, table->schema, table->name, columns[c].name);
            rnl_hint(err, "leave it out (exclude_columns), or mask it too");
            return err->status;
        }
    }
    return RNL_OK;
}

static void mask_checks(struct rnl_catalog *catalog, struct rnl_table *table,
                        const struct catalog_extra *extra)
{
    struct rnl_check *checks = CATALOG_OWN(struct rnl_check, table->checks);
    uint32_t kept = 0;

    for (uint32_t i = 0; i < table->nchecks; i++) {
        const char *masked = NULL;

        for (uint32_t c = 0; !masked && c < table->ncolumns; c++)
            if (mask_of(extra->mask, c) &&
                expression_names(table->dialect, checks[i].expression, table->columns[c].name))
                masked = table->columns[c].name;
        if (masked)
            catalog_find(catalog, table, checks[i].name, "mask.check",
                         "the check is not made: column %s is masked", masked);
        else
            checks[kept++] = checks[i];
    }
    table->nchecks = kept;
}

/* --- all of a table ------------------------------------------------------------------------ */

int catalog_choose(struct rnl_catalog *catalog, struct rnl_table *table,
                   struct catalog_extra *extra, struct rnl_error *err)
{
    struct table_choice choice;
    bool is_query = table->query != NULL;
    int status = RNL_OK;

    selection_choose(catalog->details, catalog->ndetails, table->schema, table->name, is_query,
                     &choice);
    if (choice.where && !is_query)
        table->where = arena_strdup(&catalog->arena, choice.where->where);
    for (size_t i = 0; status == RNL_OK && i < catalog->ndetails; i++)
        if (rule_fits(&catalog->details[i], table->schema, table->name, is_query))
            status = note_names(catalog, i, table, err);
    if (status == RNL_OK && choice.columns)
        status = choose_columns(catalog, table, extra, choice.columns, err);
    if (status == RNL_OK && choice.target)
        status = choose_target(catalog, table, extra, choice.target, err);
    for (size_t i = 0; status == RNL_OK && i < catalog->ndetails; i++) {
        const struct table_rule *rule = &catalog->details[i];

        if (rule->exclude || !rule_fits(rule, table->schema, table->name, is_query))
            continue;
        status = choose_renames(catalog, table, extra, rule, err);
        if (status == RNL_OK)
            status = choose_masks(table, extra, rule, err);
    }
    if (status == RNL_OK)
        status = check_renames(table, extra, err);
    if (status == RNL_OK && extra->mask) {
        mask_checks(catalog, table, extra);
        status = mask_generated(catalog, table, extra, err);
    }
    return status;
}

int catalog_arm(struct rnl_catalog *catalog, const struct table_rule *rules, size_t count,
                struct rnl_error *err)
{
    for (uint32_t t = 0; t < catalog->count; t++) {
        const struct rnl_table *table = catalog->tables[t];
        struct catalog_extra *extra = &catalog->extras[t];

        for (size_t i = 0; extra->masked && i < count; i++)
            if (!rules[i].exclude &&
                rule_fits(&rules[i], table->schema, table->name, table->query != NULL) &&
                choose_masks(table, extra, &rules[i], err) != RNL_OK)
                return err->status;
    }
    return RNL_OK;
}

bool catalog_filter(struct rnl_catalog *catalog, const struct table_rule *rules, size_t count,
                    uint16_t also)
{
    bool any = false;

    for (uint32_t t = 0; t < catalog->count; t++) {
        const struct rnl_table *table = catalog->tables[t];
        struct table_choice choice;

        selection_choose(rules, count, table->schema, table->name, table->query != NULL, &choice);
        catalog->extras[t].left_out =
            (uint16_t)(also | (choice.operations ? choice.operations->left_out : 0));
        any = any || catalog->extras[t].left_out;
    }
    return any;
}

void catalog_refuse_truncate(struct rnl_catalog *catalog)
{
    catalog->no_truncate = true;
}

int catalog_check_change(const struct rnl_catalog *catalog, uint32_t index, uint16_t op,
                         struct rnl_error *err)
{
    if (op != RNL_TRUNCATE || !catalog->no_truncate || index >= catalog->count)
        return RNL_OK;
    rnl_fail(err, RNL_E_CONFIG, "source.truncated",
             "the table %s.%s was emptied by TRUNCATE, and truncate = stop was asked for",
             catalog->tables[index]->schema, catalog->tables[index]->name);
    rnl_hint(err, "go on with --truncate apply (the target's table is emptied too), or ignore (it "
                  "keeps its rows)");
    return err->status;
}

bool catalog_leaves_out(const struct rnl_catalog *catalog, uint32_t index, uint16_t op)
{
    return index < catalog->count && op < 16 && (catalog->extras[index].left_out >> op & 1);
}

int catalog_mask(const struct rnl_catalog *catalog, uint32_t index, const struct mask **mask,
                 struct rnl_error *err)
{
    const struct catalog_extra *extra = &catalog->extras[index];

    *mask = extra->mask;
    if (extra->masked && (!extra->mask || mask_is_empty(extra->mask)))
        return rnl_fail(err, RNL_E_FATAL, "mask.not_armed",
                        "columns of %s.%s are to be masked, and the masks are not at hand: no row "
                        "is read",
                        catalog->tables[index]->schema, catalog->tables[index]->name);
    return RNL_OK;
}
