/* Which type each column gets, and how its values stand in the file. */
#include "map.h"

#include <ctype.h>
#include <strings.h>

enum column_form column_form(const struct sink_config *config, const struct rnl_table *table,
                             const struct rnl_column *column)
{
    bool same = table->dialect && strcmp(table->dialect, "sqlite") == 0;

    if (same)
        return column->type == RNL_T_NATIVE    ? FORM_LITERAL
               : column->type == RNL_T_DECIMAL ? FORM_NUMBER
                                               : FORM_PLAIN;
    switch (column->type) {
    case RNL_T_DECIMAL:
        return config->numeric == NUMERIC_REAL ? FORM_REAL : FORM_PLAIN;
    case RNL_T_UUID:
        return config->uuid == UUID_BLOB ? FORM_UUID_BLOB : FORM_PLAIN;
    case RNL_T_NATIVE:
        return column->flags & (RNL_COLUMN_ARRAY | RNL_COLUMN_COMPOSITE | RNL_COLUMN_MAP)
                   ? FORM_JSON
                   : FORM_PLAIN;
    default:
        return FORM_PLAIN;
    }
}

/* ANY keeps what one class can't hold: each value stands as what it is. */
static const char *unsigned_type(const struct rnl_column *column)
{
    bool fits =
        column->facts_known & RNL_FACT_ABOVE_INT64 && !(column->facts & RNL_FACT_ABOVE_INT64);

    return column->width < 8 || fits ? "INTEGER" : "ANY";
}

static const char *float_type(const struct mapper *m, const struct rnl_table *table,
                              const struct rnl_column *column)
{
    bool mysql = table->dialect && strcmp(table->dialect, "mysql") == 0;
    bool finite =
        column->facts_known & RNL_FACT_NOT_FINITE && !(column->facts & RNL_FACT_NOT_FINITE);

    return mysql || finite || m->sink->config->nonfinite != NONFINITE_TEXT ? "REAL" : "ANY";
}

static const char *type_of(const struct mapper *m, const struct rnl_table *table,
                           const struct rnl_column *column, enum column_form form)
{
    switch (column->type) {
    case RNL_T_BOOL:
    case RNL_T_INT:
        return "INTEGER";
    case RNL_T_UINT:
        return unsigned_type(column);
    case RNL_T_FLOAT:
    case RNL_T_DOUBLE:
        return float_type(m, table, column);
    case RNL_T_DECIMAL:
        /* NaN stands as text beside numbers */
        return form == FORM_REAL ? "ANY" : "TEXT";
    case RNL_T_BYTES:
    case RNL_T_GEOMETRY:
    case RNL_T_VECTOR:
        return "BLOB";
    case RNL_T_UUID:
        return form == FORM_UUID_BLOB ? "BLOB" : "TEXT";
    default:
        return "TEXT";
    }
}

/* The source's word for a type, where it can stand in a statement as it is. */
static bool is_plain_type(const char *native)
{
    for (const char *c = native; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr(" _(),.+-", *c))
            return false;
    return strstr(native, "--") == NULL;
}

/* A file's own type, verbatim. */
static const char *own_type(struct mapper *m, const struct rnl_column *column)
{
    struct buf text = {0};
    const char *copy;

    if (!column->native || is_plain_type(column->native))
        return column->native ? arena_strdup(&m->arena, column->native) : "";
    buf_name(&text, column->native);
    copy = buf_text(&text) ? arena_strdup(&m->arena, text.ptr) : NULL;
    buf_free(&text);
    return copy;
}

static void tell_policies(const struct mapper *m, uint32_t t, const struct rnl_column *column,
                          enum column_form form)
{
    if (form == FORM_REAL)
        map_find(m, t, RNL_WARNING, "type.decimal", column->name, "numeric=real",
                 "decimals become REAL, which keeps about 15 digits");
    else if (form == FORM_JSON)
        map_find(m, t, RNL_NOTE, "type.json", column->name, NULL, "becomes JSON text (%.100s)",
                 column->native ? column->native : "");
    if ((column->type == RNL_T_DOUBLE || column->type == RNL_T_FLOAT) &&
        m->sink->config->nonfinite == NONFINITE_NULL && column->facts & RNL_FACT_NOT_FINITE)
        map_find(m, t, RNL_WARNING, "type.not_finite", column->name, "nonfinite=null",
                 "NaN becomes NULL");
}

static int decide_table(struct mapper *m, uint32_t t)
{
    const struct rnl_table *table = mapper_table(m, t);
    struct map_table *map = &m->tables[t];
    const struct rnl_index *primary = ddl_primary_of(m, t);

    for (uint32_t i = 0; i < table->ncolumns; i++) {
        const struct rnl_column *column = COLUMN(table, i);
        struct map_column *to = &map->columns[i];

        to->form = column_form(m->sink->config, table, column);
        to->type = map->same ? own_type(m, column) : type_of(m, table, column, to->form);
        if (!to->type)
            return error_memory(m->err);
        tell_policies(m, t, column, to->form);
        /* a key of one INTEGER is the rowid itself */
        to->rowid = primary && primary->nparts == 1 && primary->parts[0].column == i &&
                    !primary->parts[0].descending && strcasecmp(to->type, "INTEGER") == 0 &&
                    column->type != RNL_T_BOOL &&
                    !(table->storage && strstr(table->storage, "WITHOUT ROWID"));
        to->autoincrement =
            to->rowid &&
            (map->same ? column->storage && strstr(column->storage, "AUTOINCREMENT") != NULL
                       : (column->flags & RNL_COLUMN_IDENTITY) != 0);
        if ((column->flags & RNL_COLUMN_IDENTITY) && !to->rowid)
            map_find(m, t, RNL_WARNING, "column.identity", column->name, NULL,
                     "is not numbered by the target: SQLite numbers a primary key of one INTEGER "
                     "alone");
    }
    return RNL_OK;
}

int types_decide(struct mapper *m)
{
    int status = RNL_OK;

    for (uint32_t t = 0; status == RNL_OK && t < m->ntables; t++) {
        const struct rnl_table *table = mapper_table(m, t);

        status = decide_table(m, t);
        for (uint32_t i = 0; status == RNL_OK && i < table->ncolumns; i++)
            if (RNL_HAS(m->sink->host, type_add) && m->sink->host->type_add)
                status =
                    m->sink->host->type_add(m->steps, t, i, m->tables[t].columns[i].type, m->err);
    }
    return status;
}
