/* What stands beside tables and is made before them: schemas, extensions, types, sequences. */
#include "native.h"

#include <inttypes.h>
#include <stdlib.h>

static int compare_names(const struct rnl_object *object, const char *schema, const char *name)
{
    int order = strcmp(object->name, name);

    return order ? order : strcmp(object->schema ? object->schema : "", schema ? schema : "");
}

/* Extensions have a namespace of their own: they come last. */
static int by_name(const void *a, const void *b)
{
    const struct rnl_object *left = (*(const struct map_object *const *)a)->source;
    const struct rnl_object *right = (*(const struct map_object *const *)b)->source;
    bool x = left->kind == RNL_OBJECT_EXTENSION, y = right->kind == RNL_OBJECT_EXTENSION;

    return x != y ? (int)x - (int)y : compare_names(left, right->schema, right->name);
}

const struct map_object *object_find(const struct mapper *m, const char *schema, const char *name)
{
    uint32_t low = 0, high = m->nnamed;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = compare_names(m->named[middle]->source, schema, name);

        if (order == 0)
            return m->named[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* Objects by name, and sequences by the tables that they number: there may be very many. */
int objects_index(struct mapper *m)
{
    m->named = arena_alloc(&m->arena, sizeof(*m->named) * (m->nobjects + 1));
    if (!m->named)
        return error_memory(m->err);
    for (uint32_t i = 0; i < m->nobjects; i++) {
        struct map_object *object = &m->objects[i];
        const struct rnl_object *source = object->source;

        m->named[i] = object;
        m->nnamed += source->kind != RNL_OBJECT_EXTENSION;
        object->owner = UINT32_MAX;
        if (source->kind == RNL_OBJECT_SEQUENCE && source->owner_table && source->owner_column)
            object->owner =
                mapper_find(m, source->owner_schema ? source->owner_schema : source->schema,
                            source->owner_table);
        if (object->owner == UINT32_MAX)
            continue;
        object->next_owned = m->tables[object->owner].owned;
        m->tables[object->owner].owned = object;
    }
    qsort(m->named, m->nobjects, sizeof(struct map_object *), by_name);
    return RNL_OK;
}

const struct map_object *object_of_column(const struct mapper *m, uint32_t t, uint32_t column)
{
    const char *name = COLUMN(mapper_table(m, t), column)->name;

    for (const struct map_object *o = m->tables[t].owned; o; o = o->next_owned)
        if (strcmp(o->source->owner_column, name) == 0)
            return o;
    return NULL;
}

void objects_own(const struct mapper *m, uint32_t t, struct buf *sql)
{
    const struct rnl_table *table = mapper_table(m, t);

    for (const struct map_object *o = m->tables[t].owned; o; o = o->next_owned)
        for (uint32_t i = 0; i < table->ncolumns; i++) {
            if (strcmp(COLUMN(table, i)->name, o->source->owner_column) != 0)
                continue;
            buf_printf(sql, ";\nALTER SEQUENCE %s OWNED BY %s.", o->qualified,
                       m->tables[t].qualified);
            buf_name(sql, m->tables[t].columns[i].name);
        }
}

static void add_value(const struct mapper *m, const struct map_object *object, struct buf *sql)
{
    bool stands = object->exists && !object->drops;

    ddl_setval(sql, object->qualified, object->source->value,
               stands && m->job->write_mode != RNL_TRUNCATE_AND_LOAD);
}

void objects_own_values(const struct mapper *m, uint32_t t, struct buf *sql)
{
    for (const struct map_object *o = m->tables[t].owned; o; o = o->next_owned) {
        add_value(m, o, sql);
        buf_puts(sql, ";\n");
    }
}

/* ---- steps ----------------------------------------------------------------------------- */

int object_definition(const struct mapper *m, const struct rnl_object *source, struct buf *sql)
{
    const char *definition = source->definition ? source->definition : "", *why;

    if (source->kind == RNL_OBJECT_ENUM || source->kind == RNL_OBJECT_COMPOSITE ||
        source->kind == RNL_OBJECT_DOMAIN)
        buf_puts(sql, " AS ");
    else
        buf_byte(sql, ' ');
    if (source->kind == RNL_OBJECT_ENUM)
        buf_puts(sql, "ENUM ");
    if (!native_expression(m, definition, sql, &why))
        buf_puts(sql, definition);
    return sql->failed ? error_memory(m->err) : RNL_OK;
}

void object_step_id(const struct map_object *object, struct buf *id)
{
    buf_clear(id);
    buf_printf(id, "object %s.%s", object->source->schema ? object->source->schema : "",
               object->source->name);
}

static int add_step(const struct mapper *m, enum rnl_phase phase, const char *id, struct buf *sql)
{
    struct rnl_step step = {
        .size = sizeof(step), .phase = phase, .table = UINT32_MAX, .id = id, .text = buf_text(sql)};
    int status = id && step.text ? m->sink->server.host->step_add(m->steps, &step, m->err)
                                 : error_memory(m->err);

    buf_clear(sql);
    return status;
}

static int schema_step(struct mapper *m, const char *schema)
{
    struct buf sql = {0}, id = {0};
    int status = RNL_OK;

    if (object_exists(m, 'n', "", schema) && !m->resuming)
        return RNL_OK;
    buf_printf(&id, "schema %s", schema);
    if (!buf_text(&id) || idents_has(&m->relations, id.ptr))
        goto free_texts; /* told already */
    buf_puts(&sql, "CREATE SCHEMA IF NOT EXISTS ");
    buf_name(&sql, schema);
    status = idents_take(&m->relations, id.ptr) ? add_step(m, RNL_PHASE_TYPES, id.ptr, &sql)
                                                : error_memory(m->err);
free_texts:
    buf_free(&sql);
    buf_free(&id);
    return status;
}

/* Tables first, as they hold what is of these types; then these, the last made first. */
static int drop_step(struct mapper *m)
{
    struct buf sql = {0};
    bool any = false;
    int status = RNL_OK;

    for (uint32_t i = 0; i < m->nobjects; i++)
        any = any || m->objects[i].drops;
    if (any) {
        for (uint32_t t = 0; t < m->ntables; t++)
            if (m->tables[t].exists && target_drops(m, t))
                buf_printf(&sql, "DROP TABLE IF EXISTS %s CASCADE;\n", m->tables[t].qualified);
        for (uint32_t i = m->nobjects; i-- > 0;)
            if (m->objects[i].drops)
                buf_printf(&sql, "DROP %s IF EXISTS %s;\n", m->objects[i].verb,
                           m->objects[i].qualified);
        status = add_step(m, RNL_PHASE_TYPES, "drop objects", &sql);
    }
    buf_free(&sql);
    return status;
}

static void add_comment(const struct map_object *object, struct buf *sql)
{
    const char *comment = object->source->comment;

    if (!comment || !*comment)
        return;
    buf_printf(sql, ";\nCOMMENT ON %s ", object->verb);
    if (object->source->kind == RNL_OBJECT_EXTENSION)
        buf_name(sql, object->source->name);
    else
        buf_puts(sql, object->qualified);
    buf_puts(sql, " IS ");
    buf_literal(sql, comment);
}

/* Of an enum that stands: rows that are loaded anew may have labels that came since. */
static int labels_step(struct mapper *m, const struct map_object *object)
{
    const struct rnl_object *source = object->source;
    struct buf sql = {0}, id = {0};
    int status = labels_complete(m, object, &sql);

    if (status == RNL_OK && sql.len) {
        buf_printf(&id, "labels %s.%s: %s", source->schema, source->name,
                   buf_text(&sql) ? sql.ptr : "");
        status = add_step(m, RNL_PHASE_TYPES, buf_text(&id), &sql);
    }
    buf_free(&sql);
    buf_free(&id);
    return status;
}

static int object_step(struct mapper *m, const struct map_object *object)
{
    struct buf sql = {0}, id = {0};
    int status = schema_step(m, object->schema);

    if (status != RNL_OK || (object->exists && !object->drops && !m->resuming))
        return status;
    if (object->exists && !object->drops && object->source->kind == RNL_OBJECT_ENUM)
        return labels_step(m, object);
    object_step_id(object, &id);
    if (object->source->kind == RNL_OBJECT_EXTENSION) {
        buf_puts(&sql, "CREATE EXTENSION IF NOT EXISTS ");
        buf_name(&sql, object->source->name);
        buf_puts(&sql, " SCHEMA ");
        buf_name(&sql, object->schema);
    } else {
        buf_printf(&sql, "CREATE %s %s", object->verb, object->qualified);
        status = object_definition(m, object->source, &sql);
        if (m->job->structure & RNL_WITH_COMMENTS)
            add_comment(object, &sql);
    }
    /* on a resumed run it may have stood there before: then there was no such step */
    if (status == RNL_OK && !(m->resuming && object->exists))
        status = add_step(m, RNL_PHASE_TYPES, buf_text(&id), &sql);
    buf_free(&sql);
    buf_free(&id);
    return status;
}

/* Collations that types.c chose, in the schemas of the tables. */
static int collation_step(struct mapper *m, const char *schema, const char *name)
{
    bool accents = strcmp(name, "runnel_ci") == 0;
    struct buf sql = {0}, id = {0};
    int status = RNL_OK;

    buf_printf(&id, "collation %s.%s", schema, name);
    if (buf_text(&id) && !idents_has(&m->relations, id.ptr)) {
        buf_puts(&sql, "CREATE COLLATION IF NOT EXISTS ");
        buf_qualified(&sql, schema, name);
        buf_printf(&sql, " (provider = icu, locale = 'und-u-ks-level%d', deterministic = false)",
                   accents ? 2 : 1);
        status = idents_take(&m->relations, id.ptr) ? add_step(m, RNL_PHASE_TYPES, id.ptr, &sql)
                                                    : error_memory(m->err);
    }
    buf_free(&sql);
    buf_free(&id);
    return status;
}

static int collations_steps(struct mapper *m, uint32_t t)
{
    int status = RNL_OK;

    for (uint32_t i = 0; status == RNL_OK && i < mapper_table(m, t)->ncolumns; i++)
        if (m->tables[t].columns[i].collation)
            status = collation_step(m, m->tables[t].schema, m->tables[t].columns[i].collation);
    return status;
}

int objects_steps(struct mapper *m)
{
    int status = drop_step(m);

    for (uint32_t i = 0; status == RNL_OK && i < m->nobjects; i++)
        status = object_step(m, &m->objects[i]);
    for (uint32_t t = 0; status == RNL_OK && t < m->ntables; t++) {
        status = schema_step(m, m->tables[t].schema);
        if (status == RNL_OK)
            status = collations_steps(m, t);
        for (uint32_t i = 0; status == RNL_OK && i < mapper_table(m, t)->npartitions; i++)
            if (m->tables[t].partitions)
                status = schema_step(m, m->tables[t].partitions[i].schema);
    }
    return status;
}

int objects_steps_of(struct mapper *m, uint32_t t)
{
    int status = RNL_OK;

    for (uint32_t i = 0; status == RNL_OK && i < m->nobjects; i++)
        if (!m->objects[i].exists)
            status = object_step(m, &m->objects[i]);
    if (status == RNL_OK && !object_exists(m, 'n', "", m->tables[t].schema))
        status = schema_step(m, m->tables[t].schema);
    return status == RNL_OK ? collations_steps(m, t) : status;
}

int objects_values(struct mapper *m)
{
    struct buf sql = {0}, id = {0};
    int status = RNL_OK;

    for (uint32_t i = 0; status == RNL_OK && i < m->nobjects; i++) {
        const struct map_object *object = &m->objects[i];

        if (object->source->kind != RNL_OBJECT_SEQUENCE || object->owner != UINT32_MAX)
            continue;
        buf_clear(&id);
        buf_printf(&id, "sequence %s.%s", object->source->schema, object->source->name);
        add_value(m, object, &sql);
        status = add_step(m, RNL_PHASE_VALUES, buf_text(&id), &sql);
    }
    buf_free(&sql);
    buf_free(&id);
    return status;
}
