/* Expressions of a source's table in the words of the target, with the names of its columns. */
#include "translate.h"

#include <strings.h>

static enum expr_class class_of_kind(enum pg_kind kind)
{
    switch (kind) {
    case PG_BOOL:
        return EXPR_BOOL;
    case PG_INT2:
    case PG_INT4:
    case PG_INT8:
        return EXPR_INT;
    case PG_NUMERIC:
        return EXPR_DECIMAL;
    case PG_FLOAT4:
    case PG_FLOAT8:
        return EXPR_DOUBLE;
    case PG_TEXT:
        return EXPR_TEXT;
    case PG_BYTEA:
        return EXPR_BYTES;
    case PG_DATE:
    case PG_TIMESTAMP:
        return EXPR_DAY;
    case PG_TIMESTAMPTZ:
        return EXPR_MOMENT;
    case PG_TIME:
        return EXPR_TIME;
    case PG_UUID:
        return EXPR_UUID;
    case PG_JSON:
    case PG_JSONB:
        return EXPR_JSON;
    default:
        return EXPR_OTHER;
    }
}

static bool column_of(void *arg, uint32_t index, struct expr_column *out)
{
    const struct map_table *map = arg;
    const struct map_column *column = &map->columns[index];

    out->name = column->name;
    out->cast = column->enum_type ? "::text" : NULL;
    out->class = class_of_kind(column->kind);
    out->bytewise = out->class == EXPR_TEXT && strcasecmp(column->type, "citext") != 0;
    return true;
}

bool translate(const struct mapper *m, uint32_t table, enum translate_use use, const char *text,
               struct buf *out, enum expr_class *class, const char **why)
{
    const struct rnl_table *source = mapper_table(m, table);
    struct expr_scope scope = {
        .to = EXPR_POSTGRES,
        .table = use == TRANSLATE_DEFAULT ? NULL : source,
        .column = column_of,
        .arg = &m->tables[table],
        .exact = use == TRANSLATE_ROW,
        .version = (unsigned)m->sink->server.version,
    };

    *class = EXPR_OTHER;
    if (!expr_dialect_of(source->dialect, &scope.from)) {
        *why = "its expression is of another dialect";
        return false;
    }
    return expr_translate(&scope, text, out, class, why);
}
