/* Tables of the target's own dialect: types, defaults and the rest as the source has them. */
#include "native.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>

/* ---- expressions ----------------------------------------------------------------------- */

/* One name, quoted or not, at *at; false: none is there. */
static bool take_name(const char **at, char *out, size_t size)
{
    const char *c = *at;
    size_t len = 0;
    bool quoted = *c == '"';

    if (!quoted && !isalpha((unsigned char)*c) && *c != '_' && (unsigned char)*c < 0x80)
        return false;
    for (c += quoted; *c; c++) {
        if (quoted && *c == '"') {
            if (c[1] != '"')
                break;
            c++;
        } else if (!quoted && !isalnum((unsigned char)*c) && *c != '_' && *c != '$' &&
                   (unsigned char)*c < 0x80) {
            break;
        }
        if (len + 1 < size)
            out[len++] = *c;
    }
    out[len] = '\0';
    if (quoted && *c != '"')
        return false;
    *at = c + quoted;
    return true;
}

/* schema.name at *at, which is moved behind it. */
static bool take_qualified(const char **at, char *schema, char *name, size_t size)
{
    const char *c = *at;

    if (!take_name(&c, schema, size) || *c != '.')
        return false;
    c++;
    if (!take_name(&c, name, size))
        return false;
    *at = c;
    return true;
}

/* A text in quotes, with its quotes: where it ends. */
static const char *behind_literal(const char *at)
{
    for (at++; *at; at++)
        if (*at == '\'' && *++at != '\'')
            return at;
    return at;
}

/* One that moved to another schema with its table: known by its name, if there is just one. */
static const struct map_object *find_moved(const struct mapper *m, const char *name)
{
    const struct map_object *found = NULL;

    for (uint32_t i = 0; i < m->nobjects; i++) {
        const struct map_object *object = &m->objects[i];

        if (object->owner == UINT32_MAX || strcmp(object->source->name, name) != 0)
            continue;
        if (found)
            return NULL;
        found = object;
    }
    return found;
}

/* 'schema.name'::regclass, as in nextval(): the name of the sequence in the target. */
static bool add_regclass(const struct mapper *m, const char *at, const char *end, struct buf *out)
{
    char schema[256], name[256], text[600];
    const struct map_object *object;
    const char *inside = text;
    size_t len = 0;

    if (strncmp(end, "::regclass", 10) != 0)
        return false;
    for (const char *c = at + 1; c < end - 1 && len + 1 < sizeof(text); c++) {
        text[len++] = *c;
        c += *c == '\'';
    }
    text[len] = '\0';
    if (!take_qualified(&inside, schema, name, sizeof(schema)) || *inside)
        return false;
    object = object_find(m, schema, name);
    if (!object)
        object = find_moved(m, name);
    if (!object)
        return false;
    buf_literal(out, object->qualified);
    return true;
}

/* A function that was somebody's own at the source: is it in the target, by that name? */
static bool knows_function(const struct mapper *m, const char *schema, const char *name)
{
    if (strcmp(schema, "pg_catalog") == 0 || strcmp(schema, "information_schema") == 0 ||
        object_exists(m, 'p', schema, name))
        return true;
    for (uint32_t i = 0; i < m->nobjects; i++) /* one that is to be made may bring it */
        if (m->objects[i].source->kind == RNL_OBJECT_EXTENSION && !m->objects[i].exists &&
            strcmp(m->objects[i].schema, schema) == 0)
            return true;
    return false;
}

bool native_expression(const struct mapper *m, const char *text, struct buf *out, const char **why)
{
    size_t start = out->len;
    char schema[256], name[256];

    for (const char *at = text; *at;) {
        const char *from = at, *end;

        if (*at == '\'') {
            end = behind_literal(at);
            if (!add_regclass(m, at, end, out))
                buf_add(out, at, (size_t)(end - at));
            at = end;
        } else if (take_qualified(&at, schema, name, sizeof(schema))) {
            const struct map_object *object = object_find(m, schema, name);

            if (*at == '(' && !object && !knows_function(m, schema, name)) {
                *why = "it calls a function that the target doesn't have";
                out->len = start;
                return false;
            }
            if (object)
                buf_puts(out, object->qualified);
            else
                buf_add(out, from, (size_t)(at - from));
        } else if (take_name(&at, name, sizeof(name))) {
            buf_add(out, from, (size_t)(at - from));
        } else {
            buf_byte(out, *at++);
        }
    }
    return true;
}

/* ---- types ----------------------------------------------------------------------------- */

static enum pg_kind kind_of_column(const struct rnl_column *c)
{
    switch ((enum rnl_type)c->type) {
    case RNL_T_BOOL:
        return PG_BOOL;
    case RNL_T_INT:
        return c->width <= 2 ? PG_INT2 : c->width <= 4 ? PG_INT4 : PG_INT8;
    case RNL_T_UINT:
        return PG_OID;
    case RNL_T_FLOAT:
        return PG_FLOAT4;
    case RNL_T_DOUBLE:
        return PG_FLOAT8;
    case RNL_T_DECIMAL:
        return PG_NUMERIC;
    case RNL_T_TEXT:
        return c->flags & RNL_COLUMN_FIXED ? PG_BPCHAR : PG_TEXT;
    case RNL_T_BYTES:
        return PG_BYTEA;
    case RNL_T_DATE:
        return PG_DATE;
    case RNL_T_TIME:
        return PG_TIME;
    case RNL_T_TIMESTAMP:
        return PG_TIMESTAMP;
    case RNL_T_TIMESTAMPTZ:
        return PG_TIMESTAMPTZ;
    case RNL_T_INTERVAL:
        return PG_INTERVAL;
    case RNL_T_UUID:
        return PG_UUID;
    case RNL_T_JSON:
        return PG_JSON;
    case RNL_T_BITS:
        return PG_BIT;
    default:
        return PG_NATIVE;
    }
}

/* What stands in brackets at the end: "(Point,4326)" and "[]". */
static const char *modifier_of(const char *native)
{
    bool quoted = false;

    for (; native && *native; native++) {
        quoted = quoted != (*native == '"');
        if (!quoted && (*native == '(' || *native == '['))
            return native;
    }
    return "";
}

/* An extension's type lives where the extension does in the target. */
static const char *schema_of_extension_type(const struct mapper *m, const struct rnl_column *c)
{
    for (const struct ext_type *type = m->ext_types; type; type = type->next)
        if (strcmp(type->name, c->type_name) == 0)
            return type->schema;
    return c->type_schema;
}

int native_type(struct mapper *m, uint32_t t, uint32_t index, struct map_column *map)
{
    const struct rnl_column *c = COLUMN(mapper_table(m, t), index);
    const struct map_object *object = NULL;
    struct buf type = {0};
    bool lacking;

    map->kind = kind_of_column(c);
    if (c->type_name && c->type_schema)
        object = object_find(m, c->type_schema, c->type_name);
    if (object)
        buf_puts(&type, object->qualified);
    else if (c->type_name && c->type_schema)
        buf_qualified(&type, schema_of_extension_type(m, c), c->type_name);
    else
        buf_puts(&type, c->native);
    if (c->type_name && c->type_schema && !(c->flags & RNL_COLUMN_DOMAIN))
        buf_puts(&type, modifier_of(c->native));
    map->type = buf_text(&type) ? arena_strdup(&m->arena, type.ptr) : NULL;
    buf_free(&type);
    if (!map->type)
        return error_memory(m->err);
    lacking = !c->type_name && idents_has(&m->lacking, c->native);
    if (lacking) {
        map_find(m, t, RNL_WARNING, "type.native", c->name, NULL,
                 "PostgreSQL %d has no type %s: its text is kept", m->sink->server.version / 10000,
                 c->native);
        map->kind = PG_TEXT;
        map->type = "text";
    }
    return RNL_OK;
}

/* Built-in types that the source has and an older target lacks. */
int native_look_types(struct mapper *m)
{
    struct buf names = {0};
    struct idents seen = {0};
    PGresult *result = NULL;
    const char *params[1];
    int status = RNL_OK;

    for (uint32_t t = 0; t < m->ntables; t++) {
        const struct rnl_table *table = mapper_table(m, t);

        for (uint32_t i = 0; table_is_native(table) && i < table->ncolumns; i++) {
            const struct rnl_column *c = COLUMN(table, i);

            if (c->type_name || !c->native || idents_has(&seen, c->native))
                continue;
            buf_array_text(&names, c->native);
            if (!idents_take(&seen, c->native))
                names.failed = true;
        }
    }
    if (names.len) {
        buf_byte(&names, '}');
        params[0] = buf_text(&names);
        status = params[0]
                     ? conn_query(m->sink->control,
                                  "SELECT n FROM unnest($1::text[]) n WHERE to_regtype(n) IS NULL",
                                  1, params, "look for types", &result, m->err)
                     : error_memory(m->err);
    }
    for (int i = 0; status == RNL_OK && result && i < PQntuples(result); i++)
        if (!idents_take(&m->lacking, PQgetvalue(result, i, 0)))
            status = error_memory(m->err);
    PQclear(result);
    idents_free(&seen);
    buf_free(&names);
    return status;
}

/* ---- columns --------------------------------------------------------------------------- */

void native_default(struct mapper *m, uint32_t t, const struct rnl_column *c, struct buf *sql)
{
    size_t start = sql->len;
    const char *why;

    if (c->default_kind == RNL_DEFAULT_NONE || c->default_kind == RNL_DEFAULT_NULL)
        return;
    buf_puts(sql, " DEFAULT ");
    if (c->default_kind == RNL_DEFAULT_LITERAL && c->default_text) {
        buf_literal(sql, c->default_text);
        return;
    }
    if (c->default_kind == RNL_DEFAULT_NOW && (!c->default_text || !*c->default_text)) {
        buf_puts(sql, "now()");
        return;
    }
    if ((c->default_kind == RNL_DEFAULT_EXPRESSION || c->default_kind == RNL_DEFAULT_NOW) &&
        c->default_text && native_expression(m, c->default_text, sql, &why))
        return;
    sql->len = start;
    if (c->default_kind == RNL_DEFAULT_EXPRESSION)
        map_find(m, t, RNL_WARNING, "column.default", c->name, NULL,
                 "its default is not carried over: %s (%.300s)", why,
                 c->default_text ? c->default_text : "");
}

static bool add_generated(struct mapper *m, uint32_t t, const struct rnl_column *c,
                          struct map_column *map, struct buf *sql)
{
    const char *why = "its expression is not known";
    struct buf text = {0};
    bool is_virtual = c->flags & RNL_COLUMN_VIRTUAL;
    bool good = c->generated && native_expression(m, c->generated, &text, &why);

    if (m->sink->server.version < 120000) {
        why = "PostgreSQL before 12 has none";
        good = false;
    }
    if (good && buf_text(&text)) {
        map->generated = arena_strdup(&m->arena, text.ptr);
        buf_printf(sql, " GENERATED ALWAYS AS (%s) %s", text.ptr,
                   is_virtual && m->sink->server.version >= 180000 ? "VIRTUAL" : "STORED");
        if (is_virtual && m->sink->server.version < 180000)
            map_find(m, t, RNL_NOTE, "column.generated", c->name, NULL,
                     "the virtual column is stored in the target");
    } else {
        map_find(m, t, RNL_WARNING, "column.generated", c->name, NULL,
                 "becomes a plain column with the source's values: %s (%.300s)", why,
                 c->generated ? c->generated : "");
    }
    buf_free(&text);
    return good;
}

void native_column(struct mapper *m, uint32_t t, uint32_t index, struct buf *sql)
{
    const struct rnl_column *c = COLUMN(mapper_table(m, t), index);
    struct map_column *map = &m->tables[t].columns[index];
    bool serial = (c->flags & RNL_COLUMN_IDENTITY) && c->default_kind == RNL_DEFAULT_EXPRESSION &&
                  object_of_column(m, t, index);

    if (c->collation && *c->collation)
        buf_printf(sql, " COLLATE %s", c->collation);
    if (c->flags & RNL_COLUMN_GENERATED) {
        add_generated(m, t, c, map, sql);
    } else if ((c->flags & RNL_COLUMN_IDENTITY) && !serial) {
        map->identity = true;
        buf_puts(sql, c->flags & RNL_COLUMN_ALWAYS ? " GENERATED ALWAYS AS IDENTITY"
                                                   : " GENERATED BY DEFAULT AS IDENTITY");
        if (c->increment && c->increment != 1)
            buf_printf(sql, " (INCREMENT BY %" PRId64 ")", c->increment);
    }
}

/* ---- tables ---------------------------------------------------------------------------- */

const char *native_persistence(const struct rnl_table *table)
{
    return table_is_native(table) && table->storage && strstr(table->storage, "UNLOGGED")
               ? " UNLOGGED"
               : "";
}

bool native_partitioned(const struct mapper *m, const struct rnl_table *table)
{
    return table_is_native(table) && (table->flags & RNL_TABLE_PARTITIONED) &&
           table->partition_by && m->sink->server.version >= 110000;
}

static void add_storage(struct mapper *m, uint32_t t, uint32_t index, struct buf *sql)
{
    const struct rnl_column *c = COLUMN(mapper_table(m, t), index);
    const char *at = c->storage;

    while (at && *at) {
        size_t word = strcspn(at, " "), value;
        const char *next = at + word + (at[word] == ' ');

        value = strcspn(next, " ");
        if (strncmp(at, "COMPRESSION", word) != 0 || m->sink->server.version >= 140000) {
            buf_printf(sql, ";\nALTER TABLE %s ALTER COLUMN ", m->tables[t].qualified);
            buf_name(sql, m->tables[t].columns[index].name);
            buf_printf(sql, " SET %.*s %.*s", (int)word, at, (int)value, next);
        }
        at = next + value + (next[value] == ' ');
    }
}

static const char *parent_of(const struct mapper *m, uint32_t t, const struct rnl_partition *part)
{
    const struct rnl_table *table = mapper_table(m, t);

    for (uint32_t i = 0; part->parent && i < table->npartitions; i++)
        if (strcmp(PARTITION(table, i)->name, part->parent) == 0)
            return m->tables[t].partitions[i].qualified;
    return m->tables[t].qualified;
}

/* Partitions, parents first: as the source gives them. */
void native_partition(const struct mapper *m, uint32_t t, uint32_t index, struct buf *sql)
{
    const struct rnl_table *table = mapper_table(m, t);
    const struct rnl_partition *part = PARTITION(table, index);
    const char *why;

    buf_printf(sql, "CREATE%s TABLE %s PARTITION OF %s ", native_persistence(table),
               m->tables[t].partitions[index].qualified, parent_of(m, t, part));
    if (!native_expression(m, part->bounds ? part->bounds : "DEFAULT", sql, &why))
        buf_puts(sql, part->bounds);
    if (part->partition_by)
        buf_printf(sql, " PARTITION BY %s", part->partition_by);
}

int native_name_partitions(struct mapper *m, uint32_t t)
{
    const struct rnl_table *table = mapper_table(m, t);
    struct map_table *map = &m->tables[t];
    struct buf text = {0};

    if (!native_partitioned(m, table) || table->npartitions == 0)
        return RNL_OK;
    map->partitions = arena_alloc(&m->arena, sizeof(*map->partitions) * table->npartitions);
    if (!map->partitions)
        return error_memory(m->err);
    for (uint32_t i = 0; i < table->npartitions; i++) {
        const struct rnl_partition *part = PARTITION(table, i);
        struct map_partition *to = &map->partitions[i];
        char whole[512];

        ident_schema(m->sink, m->keeps_schemas, part->schema ? part->schema : table->schema,
                     to->schema);
        ident_fit(part->name, m->sink->config->name_case == CASE_LOWER, to->name);
        buf_clear(&text);
        buf_qualified(&text, to->schema, to->name);
        if (buf_text(&text) && idents_has(&m->relations, text.ptr)) {
            snprintf(whole, sizeof(whole), "%.250s.%.250s", part->schema, part->name);
            ident_fit_hashed(part->name, whole, to->name);
            buf_clear(&text);
            buf_qualified(&text, to->schema, to->name);
        }
        to->qualified = buf_text(&text) ? arena_strdup(&m->arena, text.ptr) : NULL;
        if (!to->qualified || !idents_take(&m->relations, to->qualified)) {
            buf_free(&text);
            return error_memory(m->err);
        }
    }
    buf_free(&text);
    return RNL_OK;
}

int native_tail(struct mapper *m, uint32_t t, struct buf *sql)
{
    const struct rnl_table *table = mapper_table(m, t);
    const char *with = table->storage ? strstr(table->storage, "WITH (") : NULL;
    const char *why;
    int status = RNL_OK;

    if (native_partitioned(m, table)) {
        buf_puts(sql, " PARTITION BY ");
        if (!native_expression(m, table->partition_by, sql, &why))
            buf_puts(sql, table->partition_by);
    } else if (table->flags & RNL_TABLE_PARTITIONED) {
        map_find(m, t, RNL_WARNING, "table.partitions", NULL, NULL,
                 "is partitioned; PostgreSQL before 11 can't do it so: one plain table");
    }
    if (with && !native_partitioned(m, table))
        buf_printf(sql, " %s", with);
    for (uint32_t i = 0; native_partitioned(m, table) && i < table->npartitions; i++) {
        buf_puts(sql, ";\n");
        native_partition(m, t, i, sql);
    }
    for (uint32_t i = 0; status == RNL_OK && i < table->ncolumns; i++)
        add_storage(m, t, i, sql);
    objects_own(m, t, sql);
    return status;
}
