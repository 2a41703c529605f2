/* Statements about one row, whose parameters are single values. */
#include "apply.h"

#include <stdlib.h>

#define TEXT_OID 25

void scalars_free(struct scalars *s)
{
    buf_free(&s->sql);
    buf_free(&s->fields);
    free(s->offsets);
    free(s->types);
    free(s->formats);
    *s = (struct scalars){0};
}

static bool make_room(struct scalars *s)
{
    uint32_t room = s->room ? 2 * s->room : 32;

    if (s->count < s->room)
        return true;
    s->offsets = realloc(s->offsets, room * sizeof(*s->offsets));
    s->types = realloc(s->types, room * sizeof(*s->types));
    s->formats = realloc(s->formats, room * sizeof(*s->formats));
    s->room = s->offsets && s->types && s->formats ? room : 0;
    return s->room > 0;
}

/* The length, and the text, terminated. */
static bool add_text(struct pg_writer *w, struct buf *fields, const struct bound_column *column,
                     const struct rnl_value *value, const char **why)
{
    if (value->type == RNL_T_NULL) {
        buf_be32(fields, UINT32_MAX);
        return true;
    }
    if (value->type >= RNL_T_COUNT || !encode_accepts(value->type, column->kind)) {
        *why = "is of a type that the target's column doesn't take";
        return false;
    }
    buf_clear(&w->field);
    if (!text_of_value(&w->field, w->sink->config, column, value, why) || !buf_text(&w->field))
        return false;
    buf_be32(fields, (uint32_t)w->field.len);
    buf_add(fields, w->field.ptr, w->field.len);
    buf_byte(fields, '\0');
    *why = "holds a zero byte, which PostgreSQL's text can't";
    return !memchr(w->field.ptr, '\0', w->field.len);
}

int scalars_add(struct pg_writer *w, struct scalars *s, const struct bound_table *table,
                const struct rnl_row *row, uint32_t column, const struct rnl_value *value,
                const char *as, struct rnl_error *err)
{
    const struct bound_column *bound = &table->columns[column];
    bool text = goes_as_text(bound);
    const char *why = "can't be written";
    struct rnl_value changed;

    if (!make_room(s))
        return error_memory(err);
    value = apply_value(w, table, row, column, value, &changed, false, err);
    if (!value)
        return err->status;
    s->offsets[s->count] = s->fields.len;
    s->formats[s->count] = !text;
    s->types[s->count] = text ? TEXT_OID : bound->type;
    if (text ? !add_text(w, &s->fields, bound, value, &why)
             : !encode_field(&s->fields, w->sink->config, bound, value, &why))
        return refuse_value(table, row, column, why, err);
    s->count++;
    if (as || text)
        buf_printf(&s->sql, "CAST($%u AS %s)", s->count, as ? as : bound->base);
    else
        buf_printf(&s->sql, "$%u", s->count);
    return RNL_OK;
}

int scalars_run(struct pg_writer *w, struct scalars *s, const char *doing, uint64_t *rows,
                struct rnl_error *err)
{
    const char **values = calloc(s->count + (size_t)1, sizeof(*values));
    int *lengths = calloc(s->count + (size_t)1, sizeof(*lengths));
    PGresult *result = NULL;
    int status = RNL_OK;

    if (!values || !lengths || s->fields.failed || !buf_text(&s->sql)) {
        status = error_memory(err);
        goto free_all;
    }
    for (uint32_t i = 0; i < s->count; i++) {
        uint32_t len;

        memcpy(&len, s->fields.ptr + s->offsets[i], 4);
        lengths[i] = (int)__builtin_bswap32(len);
        values[i] = lengths[i] < 0 ? NULL : s->fields.ptr + s->offsets[i] + 4;
    }
    result = PQexecParams(w->conn->pg, s->sql.ptr, (int)s->count, s->types, values, lengths,
                          s->formats, 0);
    if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
        status = error_result(w->conn, result, doing, err);
    else
        *rows = strtoull(PQcmdTuples(result), NULL, 10);
    PQclear(result);

free_all:
    free(values);
    free(lengths);
    return status;
}
