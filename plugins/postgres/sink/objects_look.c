/* What of types, sequences and extensions stands in the target already, and whether it is the same.
 */
#include "native.h"

#include <inttypes.h>
#include <stdlib.h>

static const char *verb_of(uint32_t kind)
{
    switch (kind) {
    case RNL_OBJECT_EXTENSION:
        return "EXTENSION";
    case RNL_OBJECT_DOMAIN:
        return "DOMAIN";
    case RNL_OBJECT_SEQUENCE:
        return "SEQUENCE";
    default:
        return "TYPE";
    }
}

static void tell(const struct mapper *m, const struct map_object *object,
                 enum rnl_severity severity, const char *code, const char *table,
                 const char *column, const char *text)
{
    const struct rnl_finding finding = {
        .size = sizeof(finding),
        .severity = severity,
        .code = code,
        .schema = object->source->schema,
        .table = table,
        .object = column ? column : object->source->name,
        .text = text,
        .count = -1,
    };

    if (!m->quiet && !m->evolves)
        m->sink->server.host->finding(m->sink->server.ctx, &finding);
}

/* ---- looking ------------------------------------------------------------------------- */

/*
 * What tells one type or sequence from another, as the server itself has it. A type that
 * stands there is compared with one made from the definition, for a moment, in pg_temp.
 */
static const char signature_sql[] =
    "SELECT concat_ws('|', t.typtype, t.typbasetype::regtype, t.typtypmod, t.typnotnull,"
    " t.typdefault, t.typcollation,"
    " (SELECT string_agg(quote_literal(e.enumlabel), ',' ORDER BY e.enumsortorder)"
    "  FROM pg_enum e WHERE e.enumtypid = t.oid),"
    " (SELECT string_agg(concat_ws(' ', quote_ident(a.attname),"
    "   format_type(a.atttypid, a.atttypmod), a.attcollation), ',' ORDER BY a.attnum)"
    "  FROM pg_attribute a WHERE a.attrelid = t.typrelid AND NOT a.attisdropped),"
    " (SELECT string_agg(pg_get_constraintdef(k.oid), ',' ORDER BY 1)"
    "  FROM pg_constraint k WHERE k.contypid = t.oid),"
    " (SELECT concat_ws(' ', r.rngsubtype::regtype, r.rngcollation, r.rngsubopc)"
    "  FROM pg_range r WHERE r.rngtypid = t.oid))"
    " FROM pg_type t WHERE t.typname = $1 AND t.typnamespace ="
    " (SELECT oid FROM pg_namespace WHERE nspname = $2 OR (oid = pg_my_temp_schema() AND $2 = ''))"
    " UNION ALL SELECT concat_ws('|', s.seqtypid::regtype, s.seqincrement, s.seqmax, s.seqmin,"
    " s.seqstart, s.seqcycle)"
    " FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid WHERE c.relname = $1"
    " AND c.relnamespace ="
    " (SELECT oid FROM pg_namespace WHERE nspname = $2 OR (oid = pg_my_temp_schema() AND $2 = ''))";

static int signature(struct mapper *m, const char *schema, const char *name, char **out)
{
    const char *params[] = {name, schema};
    PGresult *result;
    int status =
        conn_query(m->sink->control, signature_sql, 2, params, "look at a type", &result, m->err);

    *out = NULL;
    if (status != RNL_OK)
        return status;
    if (PQntuples(result) > 0) {
        *out = strdup(PQgetvalue(result, 0, 0));
        status = *out ? RNL_OK : error_memory(m->err);
    }
    PQclear(result);
    return status;
}

/* In a transaction that is rolled back: the same definition gives the same signature. */
static int compare(struct mapper *m, const struct map_object *object)
{
    struct buf sql = {0};
    char *wanted = NULL, *found = NULL;
    int status;

    buf_printf(&sql, "BEGIN; CREATE %s pg_temp.", object->verb);
    buf_name(&sql, object->name);
    status = object_definition(m, object->source, &sql);
    if (status == RNL_OK)
        status = buf_text(&sql) ? conn_exec(m->sink->control, sql.ptr, "compare a type", m->err)
                                : error_memory(m->err);
    if (status == RNL_OK)
        status = signature(m, "", object->name, &wanted);
    PQclear(PQexec(m->sink->control->pg, "ROLLBACK"));
    if (status == RNL_OK)
        status = signature(m, object->schema, object->name, &found);
    if (status == RNL_OK && (!wanted || !found || strcmp(wanted, found) != 0)) {
        status = rnl_fail(m->err, RNL_E_CONFIG, "sink.object_differs",
                          "%s stands in the target already, but not as the source has it: %s%s",
                          object->qualified, object->verb,
                          object->source->definition ? object->source->definition : "");
        rnl_hint(m->err, "drop or rename it, or use another schema");
    }
    free(wanted);
    free(found);
    buf_free(&sql);
    return status;
}

/* Kinds as in struct rnl_object: types, sequences, extensions; and what an earlier run made. */
static const char existing_sql[] =
    "SELECT 'n', '', nspname FROM pg_namespace"
    " UNION ALL SELECT 'x', '', extname FROM pg_extension"
    " UNION ALL SELECT 'e', n.nspname, t.typname FROM pg_type t"
    " JOIN pg_namespace n ON n.oid = t.typnamespace JOIN pg_depend d ON d.objid = t.oid"
    "  AND d.classid = 'pg_type'::regclass AND d.deptype = 'e'"
    " UNION ALL SELECT 't', n.nspname, t.typname FROM pg_type t"
    " JOIN pg_namespace n ON n.oid = t.typnamespace"
    " WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')"
    "  AND t.typelem = 0 AND (t.typrelid = 0 OR t.typtype = 'c' AND EXISTS"
    "   (SELECT 1 FROM pg_class c WHERE c.oid = t.typrelid AND c.relkind = 'c'))"
    " UNION ALL SELECT 't', n.nspname, c.relname FROM pg_class c"
    " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'S'"
    " UNION ALL SELECT 'p', n.nspname, p.proname FROM pg_proc p"
    " JOIN pg_namespace n ON n.oid = p.pronamespace"
    " WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')";

bool object_exists(const struct mapper *m, char kind, const char *schema, const char *name)
{
    struct buf key = {0};
    bool found;

    buf_byte(&key, kind);
    buf_qualified(&key, schema, name);
    found = buf_text(&key) && idents_has(&m->standing, key.ptr);
    buf_free(&key);
    return found;
}

static int remember_standing(struct mapper *m, const PGresult *result)
{
    struct buf key = {0};
    int status = RNL_OK;

    for (int i = 0; status == RNL_OK && i < PQntuples(result); i++) {
        char kind = PQgetvalue(result, i, 0)[0];

        buf_clear(&key);
        buf_byte(&key, kind);
        buf_qualified(&key, PQgetvalue(result, i, 1), PQgetvalue(result, i, 2));
        if (!buf_text(&key) || !idents_take(&m->standing, key.ptr))
            status = error_memory(m->err);
        if (status == RNL_OK && kind == 'e') {
            struct ext_type *type = arena_alloc(&m->arena, sizeof(*type));

            if (!type)
                return error_memory(m->err);
            type->schema = arena_strdup(&m->arena, PQgetvalue(result, i, 1));
            type->name = arena_strdup(&m->arena, PQgetvalue(result, i, 2));
            type->next = m->ext_types;
            m->ext_types = type;
        }
    }
    buf_free(&key);
    return status;
}

static int look_around(struct mapper *m)
{
    PGresult *result;
    int status =
        conn_query(m->sink->control, existing_sql, 0, NULL, "look at types", &result, m->err);

    if (status == RNL_OK)
        status = remember_standing(m, result);
    PQclear(result);
    return status;
}

/* The ids of steps that an earlier run of the pipeline did, for what it may drop. */
static int look_back(struct mapper *m)
{
    const char *params[] = {m->job->pipeline ? m->job->pipeline : ""};
    PGresult *result = NULL;
    int status;

    if (m->job->schema_policy != RNL_DROP_AND_RECREATE || m->nobjects == 0)
        return RNL_OK;
    status =
        conn_query(m->sink->control, "SELECT pg_catalog.to_regclass('runnel.step') IS NOT NULL", 0,
                   NULL, "look for an earlier run", &result, m->err);
    if (status == RNL_OK && PQgetvalue(result, 0, 0)[0] == 't') {
        PQclear(result);
        status = conn_query(m->sink->control,
                            "SELECT 's', '', id FROM runnel.step WHERE pipeline = $1"
                            " AND id LIKE 'object %'",
                            1, params, "look for an earlier run", &result, m->err);
        if (status == RNL_OK)
            status = remember_standing(m, result);
    }
    PQclear(result);
    return status;
}

static int look_object(struct mapper *m, struct map_object *object, struct buf *id)
{
    if (object->source->kind == RNL_OBJECT_EXTENSION) {
        object->exists = object_exists(m, 'x', "", object->source->name);
        return RNL_OK;
    }
    object->exists = object_exists(m, 't', object->schema, object->name);
    object_step_id(object, id);
    if (!buf_text(id))
        return error_memory(m->err);
    if (!object->exists)
        return RNL_OK;
    object->drops = m->job->schema_policy == RNL_DROP_AND_RECREATE && !m->resuming &&
                    object_exists(m, 's', "", id->ptr);
    /* one that a resumed run made itself is remembered, and as it was then */
    return object->drops || m->resuming ? RNL_OK : compare(m, object);
}

static int name_object(struct mapper *m, struct map_object *object)
{
    const struct rnl_object *source = object->source;
    bool lower = m->sink->config->name_case == CASE_LOWER;
    struct buf text = {0};
    int status = RNL_OK;

    object->verb = verb_of(source->kind);
    ident_schema(m->sink, m->keeps_schemas, source->schema ? source->schema : "public",
                 object->schema);
    ident_fit(source->name, lower && source->kind != RNL_OBJECT_EXTENSION, object->name);
    buf_qualified(&text, object->schema, object->name);
    if (source->kind != RNL_OBJECT_EXTENSION && buf_text(&text) &&
        idents_has(&m->relations, text.ptr)) { /* several schemas were made one */
        char whole[512];

        snprintf(whole, sizeof(whole), "%.250s.%.250s", source->schema, source->name);
        ident_fit_hashed(source->name, whole, object->name);
        buf_clear(&text);
        buf_qualified(&text, object->schema, object->name);
    }
    object->qualified = buf_text(&text) ? arena_strdup(&m->arena, text.ptr) : NULL;
    if (!object->qualified ||
        (source->kind != RNL_OBJECT_EXTENSION && !idents_take(&m->relations, object->qualified)))
        status = error_memory(m->err);
    buf_free(&text);
    return status;
}

static int collect(struct mapper *m)
{
    const struct rnl_host *host = m->sink->server.host;
    uint32_t count = RNL_HAS(host, object_at) ? host->object_count(m->catalog) : 0;
    int status = RNL_OK;

    m->objects = arena_alloc(&m->arena, sizeof(*m->objects) * (count + 1));
    if (!m->objects)
        return error_memory(m->err);
    for (uint32_t i = 0; status == RNL_OK && i < count; i++) {
        const struct rnl_object *source = host->object_at(m->catalog, i);

        if (!source->dialect || strcmp(source->dialect, "postgres") != 0) {
            const struct map_object foreign = {.source = source};

            tell(m, &foreign, RNL_WARNING, "object.skipped", NULL, NULL,
                 "is of another database's kind and not carried over");
            continue;
        }
        m->objects[m->nobjects].source = source;
        status = name_object(m, &m->objects[m->nobjects++]);
    }
    return status;
}

/* Columns that need an extension which can't be had here. */
static void tell_lacking(struct mapper *m, const struct map_object *object, const char *text)
{
    bool any = false;

    for (uint32_t t = 0; t < m->ntables; t++) {
        const struct rnl_table *table = mapper_table(m, t);

        for (uint32_t i = 0; i < table->ncolumns; i++) {
            const struct rnl_column *column = COLUMN(table, i);

            if (!column->type_name || !column->type_schema || !object->source->schema ||
                strcmp(column->type_schema, object->source->schema) != 0 ||
                object_find(m, column->type_schema, column->type_name))
                continue;
            map_find(m, t, RNL_BLOCKER, "object.extension", column->name, NULL,
                     "needs the extension %s: %s", object->source->name, text);
            any = true;
        }
    }
    if (!any)
        tell(m, object, RNL_WARNING, "object.extension", NULL, NULL, text);
}

static int check_extension(struct mapper *m, const struct map_object *object)
{
    const char *params[] = {object->source->name};
    bool trusts = m->sink->server.version >= 130000;
    PGresult *result;
    int status =
        conn_query(m->sink->control,
                   trusts ? "SELECT v.trusted OR NOT v.superuser OR (SELECT rolsuper FROM pg_roles"
                            " WHERE rolname = current_user) FROM pg_available_extension_versions v"
                            " JOIN pg_available_extensions e ON e.name = v.name"
                            " AND e.default_version = v.version WHERE v.name = $1"
                          : "SELECT NOT v.superuser OR (SELECT rolsuper FROM pg_roles"
                            " WHERE rolname = current_user) FROM pg_available_extension_versions v"
                            " JOIN pg_available_extensions e ON e.name = v.name"
                            " AND e.default_version = v.version WHERE v.name = $1",
                   1, params, "look at extensions", &result, m->err);

    if (status != RNL_OK)
        return status;
    if (PQntuples(result) == 0)
        tell_lacking(m, object, "it is not available on the target server: install its package");
    else if (PQgetvalue(result, 0, 0)[0] != 't')
        tell_lacking(m, object,
                     "only a superuser may install it in the target database: let one do so");
    PQclear(result);
    return RNL_OK;
}

int objects_look(struct mapper *m)
{
    struct buf id = {0};
    int status = look_around(m);

    if (status == RNL_OK)
        status = collect(m);
    if (status == RNL_OK)
        status = objects_index(m);
    if (status == RNL_OK)
        status = look_back(m);
    for (uint32_t i = 0; status == RNL_OK && i < m->nobjects; i++) {
        status = look_object(m, &m->objects[i], &id);
        if (status == RNL_OK && m->objects[i].source->kind == RNL_OBJECT_EXTENSION &&
            !m->objects[i].exists)
            status = check_extension(m, &m->objects[i]);
    }
    buf_free(&id);
    return status;
}
