/* Labels of enums that were altered in the source. */
#include "evolve.h"

#include <stdlib.h>

/* Labels in their order; texts are borrowed. */
struct labels {
    const char *const *text;
    uint32_t count;
};

/* Whether the earlier ones are there in the same order: then others are only added. */
static bool holds(const struct labels *now, const struct labels *earlier)
{
    uint32_t at = 0;

    for (uint32_t i = 0; i < now->count && at < earlier->count; i++)
        at += strcmp(now->text[i], earlier->text[at]) == 0;
    return at == earlier->count;
}

static bool has(const struct labels *labels, const char *text)
{
    for (uint32_t i = 0; i < labels->count; i++)
        if (strcmp(labels->text[i], text) == 0)
            return true;
    return false;
}

/* "ALTER TYPE … ADD VALUE …" for the label at a place; PostgreSQL takes one at a time. */
static void add_label(struct buf *sql, const char *type, const struct labels *earlier,
                      const struct labels *now, uint32_t i)
{
    buf_printf(sql, "ALTER TYPE %s ADD VALUE IF NOT EXISTS ", type);
    buf_literal(sql, now->text[i]);
    if (i > 0) {
        buf_puts(sql, " AFTER ");
        buf_literal(sql, now->text[i - 1]);
    } else if (earlier->count) {
        buf_puts(sql, " BEFORE ");
        buf_literal(sql, earlier->text[0]);
    }
}

static int add_labels(struct evolve *e, const char *type, const char *object,
                      const struct labels *earlier, const struct labels *now)
{
    int status = RNL_OK;

    for (uint32_t i = 0; status == RNL_OK && i < now->count; i++) {
        struct buf sql = {0};

        if (has(earlier, now->text[i]))
            continue;
        add_label(&sql, type, earlier, now, i);
        status = evolve_step(&e->task, PHASE_LABELS, "label", object, &sql);
        buf_free(&sql);
    }
    return status;
}

/* The column's values go over to a new type of the same name. */
static void remake_type(struct evolve *e, uint32_t column, const char *standing)
{
    const struct map_column *is = &e->is.tables[e->task.to].columns[column];

    buf_printf(&e->sql, "ALTER TABLE %s ALTER COLUMN ", e->standing);
    buf_name(&e->sql, is->name);
    buf_puts(&e->sql, " DROP DEFAULT;\n");
    buf_printf(&e->sql, "ALTER TABLE %s ALTER COLUMN ", e->standing);
    buf_name(&e->sql, is->name);
    buf_printf(&e->sql, " TYPE text;\nDROP TYPE IF EXISTS %s;\n", standing);
    ddl_enum_type(&e->is, e->task.to, column, &e->sql);
    buf_printf(&e->sql, ";\nALTER TABLE %s ALTER COLUMN ", e->standing);
    buf_name(&e->sql, is->name);
    buf_printf(&e->sql, " TYPE %s USING ", is->enum_type);
    buf_name(&e->sql, is->name);
    buf_printf(&e->sql, "::%s;\n", is->enum_type);
}

/* Within its schema; false: it would leave that. */
static bool rename_type(struct evolve *e, const char *from, const char *to)
{
    const char *a = strstr(from, "\".\""), *b = strstr(to, "\".\"");

    if (!a || !b || a - from != b - to || strncmp(from, to, (size_t)(a - from)) != 0)
        return false;
    buf_printf(&e->sql, "ALTER TYPE %s RENAME TO %s;\n", from, b + 2);
    return true;
}

/* What stands in the column's type before the brackets of arrays. */
static char *element_type(const struct map_column *column)
{
    size_t len = strlen(column->type);

    while (len > 2 && strcmp(column->type + len - 2, "[]") == 0)
        len -= 2;
    return strndup(column->type, len);
}

/* A type of the source that is PostgreSQL itself, seen by a column of it. */
static int native_labels(struct evolve *e, const struct evolution_pair *at)
{
    const struct rnl_column *from = COLUMN(e->task.was, at->from);
    const struct rnl_column *to = COLUMN(e->task.is, at->to);
    const struct labels earlier = {from->labels, from->nlabels}, now = {to->labels, to->nlabels};
    char *type;
    int status;

    if (!from->nlabels || !to->type_name || !from->type_name ||
        strcmp(to->type_name, from->type_name) != 0 ||
        to->flags & (RNL_COLUMN_COMPOSITE | RNL_COLUMN_DOMAIN) ||
        (now.count == earlier.count && holds(&now, &earlier)))
        return RNL_OK;
    if (!holds(&now, &earlier) || e->sink->server.version < 120000)
        return evolve_refuse(&e->task, to->name,
                             "labels of its type were taken away, renamed or reordered, or the "
                             "target is PostgreSQL before 12");
    type = element_type(&e->is.tables[e->task.to].columns[at->to]);
    status = type ? add_labels(e, type, to->name, &earlier, &now) : error_memory(e->task.err);
    free(type);
    return status;
}

int evolve_labels(struct evolve *e, uint32_t pair, bool *remade)
{
    const struct evolution_pair *at = &e->task.diff.columns.pairs[pair];
    const struct rnl_column *from = COLUMN(e->task.was, at->from);
    const struct rnl_column *to = COLUMN(e->task.is, at->to);
    const struct map_column *was = &e->was.tables[e->task.from].columns[at->from];
    const struct map_column *is = &e->is.tables[e->task.to].columns[at->to];
    const struct labels earlier = {from->labels, from->nlabels}, now = {to->labels, to->nlabels};
    bool same_name = was->enum_type && is->enum_type && strcmp(was->enum_type, is->enum_type) == 0;
    bool same_labels = holds(&now, &earlier) && now.count == earlier.count;

    if (table_is_native(e->task.is))
        return native_labels(e, at);
    if (!was->enum_type && is->enum_type) {
        buf_printf(&e->sql, "DROP TYPE IF EXISTS %s;\n", is->enum_type); /* of a time before */
        ddl_enum_type(&e->is, e->task.to, at->to, &e->sql);
        buf_puts(&e->sql, ";\n");
        return RNL_OK;
    }
    if (!was->enum_type || !is->enum_type || (same_name && same_labels))
        return RNL_OK;
    if (same_name && holds(&now, &earlier) && e->sink->server.version >= 120000) {
        *remade = false;
        return add_labels(e, is->enum_type, to->name, &earlier, &now);
    }
    if (same_labels && rename_type(e, was->enum_type, is->enum_type))
        return RNL_OK;
    *remade = true;
    remake_type(e, at->to, was->enum_type);
    return RNL_OK;
}

/* ---- types of the source that is PostgreSQL itself --------------------------------------- */

/* "('a', 'it''s')" into labels; memory is from malloc, the texts lie behind the pointers. */
static bool parse(const char *definition, struct labels *labels, char **memory)
{
    size_t len = strlen(definition);
    const char **texts;
    char *out;

    *memory = malloc((len + 1) * (sizeof(char *) + 1));
    if (!*memory)
        return false;
    texts = (const char **)(void *)*memory;
    out = *memory + (len + 1) * sizeof(char *);
    *labels = (struct labels){texts, 0};
    for (const char *at = strchr(definition, '\''); at; at = strchr(at, '\'')) {
        texts[labels->count++] = out;
        for (at++; *at && (*at != '\'' || at[1] == '\''); at++) {
            at += *at == '\'';
            *out++ = *at;
        }
        *out++ = '\0';
        at += *at == '\'';
    }
    return true;
}

/* The labels that stand, in their order; memory as of parse(). */
static bool standing(const PGresult *result, struct labels *labels, char **memory)
{
    uint32_t count = (uint32_t)PQntuples(result);
    const char **texts = calloc(count + 1ul, sizeof(*texts));

    *memory = (char *)texts;
    *labels = (struct labels){texts, count};
    for (uint32_t i = 0; texts && i < count; i++)
        texts[i] = PQgetvalue(result, (int)i, 0);
    return texts != NULL;
}

/* A column of the type may know of labels that came since the type was described. */
static void take_later(const struct mapper *m, const struct rnl_object *type, struct labels *now)
{
    for (uint32_t t = 0; t < m->ntables; t++) {
        const struct rnl_table *table = mapper_table(m, t);

        for (uint32_t i = 0; i < table->ncolumns; i++) {
            const struct rnl_column *c = COLUMN(table, i);

            if (c->nlabels > now->count && c->type_name && strcmp(c->type_name, type->name) == 0 &&
                (!c->type_schema || !type->schema || strcmp(c->type_schema, type->schema) == 0) &&
                !(c->flags & (RNL_COLUMN_COMPOSITE | RNL_COLUMN_DOMAIN)))
                *now = (struct labels){c->labels, c->nlabels};
        }
    }
}

int labels_complete(struct mapper *m, const struct map_object *object, struct buf *sql)
{
    const char *params[] = {object->qualified};
    struct labels earlier = {0}, now = {0};
    char *a = NULL, *b = NULL;
    PGresult *result = NULL;
    int status;

    if (m->sink->server.version < 120000 || !object->source->definition)
        return RNL_OK;
    status = conn_query(m->sink->control,
                        "SELECT enumlabel FROM pg_enum WHERE enumtypid = $1::regtype"
                        " ORDER BY enumsortorder",
                        1, params, "look at labels", &result, m->err);
    if (status == RNL_OK &&
        (!standing(result, &earlier, &a) || !parse(object->source->definition, &now, &b)))
        status = error_memory(m->err);
    if (status == RNL_OK)
        take_later(m, object->source, &now);
    for (uint32_t i = 0; status == RNL_OK && holds(&now, &earlier) && i < now.count; i++) {
        if (has(&earlier, now.text[i]))
            continue;
        buf_puts(sql, sql->len ? ";\n" : "");
        add_label(sql, object->qualified, &earlier, &now, i);
    }
    PQclear(result);
    free(a);
    free(b);
    return status;
}

static int follow_enum(struct evolve *e, const struct map_object *was, const struct map_object *is)
{
    struct labels earlier = {0}, now = {0};
    char *a = NULL, *b = NULL;
    int status = RNL_OK;

    if (!parse(was->source->definition, &earlier, &a) || !parse(is->source->definition, &now, &b))
        status = error_memory(e->task.err);
    else if (holds(&now, &earlier) && e->sink->server.version >= 120000)
        status = add_labels(e, is->qualified, is->source->name, &earlier, &now);
    else
        status = evolve_refuse(&e->task, is->qualified,
                               "labels of the type were taken away or reordered");
    free(a);
    free(b);
    return status;
}

void evolve_new_type(struct evolve *e, uint32_t column)
{
    const struct rnl_column *c = COLUMN(e->task.is, column);
    const char *schema = c->type_schema ? c->type_schema : "";
    char *type;

    if (!table_is_native(e->task.is) || !c->type_name || !c->nlabels ||
        c->flags & (RNL_COLUMN_COMPOSITE | RNL_COLUMN_DOMAIN) ||
        object_find(&e->is, schema, c->type_name) ||
        object_exists(&e->is, 't', schema, c->type_name))
        return;
    type = element_type(&e->is.tables[e->task.to].columns[column]);
    buf_printf(&e->sql, "CREATE TYPE %s AS ENUM (", type ? type : "");
    for (uint32_t i = 0; i < c->nlabels; i++) {
        buf_puts(&e->sql, i ? ", " : "");
        buf_literal(&e->sql, c->labels[i]);
    }
    buf_puts(&e->sql, ");\n");
    free(type);
}

int evolve_objects(struct evolve *e)
{
    int status = RNL_OK;

    for (uint32_t i = 0; status == RNL_OK && i < e->is.nobjects; i++) {
        const struct map_object *is = &e->is.objects[i];
        const struct map_object *was = object_find(&e->was, is->source->schema, is->source->name);

        if (is->source->kind != RNL_OBJECT_ENUM || !was || !was->source->definition ||
            !is->source->definition || !is->exists ||
            strcmp(was->source->definition, is->source->definition) == 0)
            continue;
        status = follow_enum(e, was, is);
    }
    return status == RNL_OK ? objects_steps_of(&e->is, e->task.to) : status;
}
