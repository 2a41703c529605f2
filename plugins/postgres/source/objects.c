/* What tables need beside themselves: extensions, and types of their own. */
#include "describe.h"

static int object_add(struct describer *d, uint32_t kind, const char *schema, const char *name,
                      const char *comment, const char *definition, struct rnl_error *err)
{
    struct rnl_object object = {
        .size = sizeof(object),
        .kind = kind,
        .schema = schema,
        .name = name,
        .comment = comment,
        .dialect = "postgres",
        .definition = definition,
    };

    return d->source->server.host->object_add(d->catalog, &object, err);
}

/* By indexes (operator classes), defaults, checks and generated columns (functions) of tables. */
static const char used_sql[] =
    "SELECT COALESCE(i.indrelid, e.adrelid, k.conrelid), x.extname, n.nspname"
    " FROM pg_catalog.pg_depend d"
    " JOIN pg_catalog.pg_depend m ON m.classid = d.refclassid AND m.objid = d.refobjid"
    "  AND m.deptype = 'e' AND m.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass"
    " JOIN pg_catalog.pg_extension x ON x.oid = m.refobjid"
    " JOIN pg_catalog.pg_namespace n ON n.oid = x.extnamespace"
    " LEFT JOIN pg_catalog.pg_index i ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass"
    "  AND i.indexrelid = d.objid"
    " LEFT JOIN pg_catalog.pg_attrdef e ON e.oid = d.objid"
    "  AND d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass"
    " LEFT JOIN pg_catalog.pg_constraint k ON k.oid = d.objid"
    "  AND d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass"
    " WHERE COALESCE(i.indrelid, e.adrelid, k.conrelid) IS NOT NULL"
    " ORDER BY x.oid";

struct names {
    const char **items;
    size_t count;
};

static bool names_have(const struct names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->items[i], name) == 0)
            return true;
    return false;
}

static int extension_add(struct describer *d, struct names *done, const char *name,
                         const char *schema, struct rnl_error *err)
{
    const char **items;

    if (names_have(done, name) || strcmp(name, "plpgsql") == 0)
        return RNL_OK;
    items = realloc(done->items, (done->count + 1) * sizeof(*items));
    if (!items)
        return error_memory(err);
    done->items = items;
    items[done->count++] = arena_strdup(&d->arena, name);
    if (!items[done->count - 1])
        return error_memory(err);
    return object_add(d, RNL_OBJECT_EXTENSION, schema, name, NULL, "", err);
}

/* Where an extension lives: its types may stand in other schemas. */
static int type_extensions(struct describer *d, struct names *done, struct rnl_error *err)
{
    PGresult *result;
    int status = conn_query(d->source->control,
                            "SELECT x.extname, n.nspname FROM pg_catalog.pg_extension x"
                            " JOIN pg_catalog.pg_namespace n ON n.oid = x.extnamespace"
                            " ORDER BY x.oid",
                            0, NULL, "list extensions", &result, err);

    for (int i = 0; status == RNL_OK && i < PQntuples(result); i++)
        for (size_t t = 0; status == RNL_OK && t < d->types.count; t++)
            if (d->types.items[t].extension &&
                strcmp(d->types.items[t].extension, PQgetvalue(result, i, 0)) == 0)
                status =
                    extension_add(d, done, PQgetvalue(result, i, 0), PQgetvalue(result, i, 1), err);
    PQclear(result);
    return status;
}

static int used_extensions(struct describer *d, struct names *done, struct rnl_error *err)
{
    PGresult *result;
    int status = conn_query(d->source->control, used_sql, 0, NULL, "list extensions", &result, err);

    for (int i = 0; status == RNL_OK && i < PQntuples(result); i++)
        if (wanted_has(d, cell_oid(result, i, 0)))
            status =
                extension_add(d, done, PQgetvalue(result, i, 1), PQgetvalue(result, i, 2), err);
    PQclear(result);
    return status;
}

static struct type_info *type_of(struct describer *d, Oid oid)
{
    for (size_t i = 0; i < d->types.count; i++)
        if (d->types.items[i].oid == oid)
            return &d->types.items[i];
    return NULL;
}

/* What a type is made of comes before it; added stops at types that need themselves. */
static int type_add(struct describer *d, struct type_info *type, unsigned depth,
                    struct rnl_error *err)
{
    static const struct {
        char kind;
        uint32_t object;
    } kinds[] = {{'e', RNL_OBJECT_ENUM},
                 {'c', RNL_OBJECT_COMPOSITE},
                 {'d', RNL_OBJECT_DOMAIN},
                 {'r', RNL_OBJECT_TYPE}};
    int status = RNL_OK;

    if (type->added || type->built_in || type->extension || depth > 64)
        return RNL_OK;
    type->added = true;
    for (uint32_t i = 0; status == RNL_OK && i < type->nneeds; i++) {
        struct type_info *need = type_of(d, type->needs[i]);

        if (need)
            status = type_add(d, need, depth + 1, err);
    }
    for (size_t i = 0; status == RNL_OK && i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (type->kind == kinds[i].kind && type->definition)
            return object_add(d, kinds[i].object, type->schema, type->name, type->comment,
                              type->definition, err);
    /* arrays and multiranges come with their elements and ranges */
    if (status == RNL_OK && type->kind == 'b' && !type->element)
        source_find(d->source, RNL_WARNING, "object.type", type->schema, NULL, type->name,
                    "A type written in C is not carried over: the target needs it, or takes its "
                    "values as text");
    if (status == RNL_OK && type->kind == 'c')
        source_find(d->source, RNL_WARNING, "object.type", type->schema, NULL, type->name,
                    "The row type of a table is used as a column's type: the target needs that "
                    "table before, or takes its values as text");
    return status;
}

int objects_add(struct describer *d, struct rnl_error *err)
{
    struct names done = {0};
    int status = type_extensions(d, &done, err);

    if (status == RNL_OK && d->nwanted)
        status = used_extensions(d, &done, err);
    for (size_t i = 0; status == RNL_OK && i < d->types.count; i++)
        status = type_add(d, &d->types.items[i], 0, err);
    free(done.items);
    return status;
}
