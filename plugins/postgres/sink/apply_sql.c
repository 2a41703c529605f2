/* The statements that apply changes: each for many rows of one table, which come as arrays. */
#include "apply.h"

#include <stdlib.h>

#define TEXT_ARRAY_OID 1009

bool goes_as_text(const struct bound_column *column)
{
    return column->kind == PG_NATIVE || column->kind == PG_TEXT_ARRAY ||
           column->kind == PG_FLOAT4_ARRAY || column->array == 0;
}

void add_table(struct buf *sql, const struct bound_table *table)
{
    buf_printf(sql, "%s%s", table->pages ? "ONLY " : "", table->qualified);
}

void add_equals(struct buf *sql, const struct bound_column *column)
{
    if (!*column->operators) {
        buf_puts(sql, " = ");
        return;
    }
    buf_puts(sql, " OPERATOR(");
    buf_name(sql, column->operators);
    buf_puts(sql, ".=) ");
}

/* ---- the text ----------------------------------------------------------------------- */

/* The n-th parameter's value, of a row of x. */
static void add_value(struct buf *sql, const struct apply_statement *st, uint32_t n)
{
    const struct apply_param *param = &st->params[n];

    if (param->text)
        buf_printf(sql, "CAST(x.c%u AS %s)", n + 1, st->table->columns[param->column].base);
    else
        buf_printf(sql, "x.c%u", n + 1);
}

static void add_rows(struct buf *sql, const struct apply_statement *st)
{
    buf_puts(sql, "unnest(");
    for (uint32_t i = 0; i < st->nparams; i++)
        buf_printf(sql, "%s$%u", i ? ", " : "", i + 1);
    buf_puts(sql, ") AS x(");
    for (uint32_t i = 0; i < st->nparams; i++)
        buf_printf(sql, "%sc%u", i ? ", " : "", i + 1);
    buf_byte(sql, ')');
}

/* That a row of the table (by its alias) has the key of one of x. */
static void add_match(struct buf *sql, const struct apply_statement *st, const char *alias)
{
    const char *joint = " WHERE ";

    for (uint32_t i = 0; i < st->nparams; i++) {
        const struct bound_column *column = &st->table->columns[st->params[i].column];

        if (!st->params[i].key)
            continue;
        buf_printf(sql, "%s%s.", joint, alias);
        joint = " AND ";
        buf_name(sql, column->name);
        add_equals(sql, column);
        add_value(sql, st, i);
        if (!column->exact)
            continue;
        /* keys that are one here and two at the source: the server is to refuse the second */
        buf_printf(sql, " AND %s.", alias);
        buf_name(sql, column->name);
        buf_puts(sql, "::pg_catalog.text COLLATE \"C\" = ");
        add_value(sql, st, i);
        buf_puts(sql, "::pg_catalog.text COLLATE \"C\"");
    }
}

static void add_update(struct buf *sql, const struct apply_statement *st)
{
    bool any = false;

    buf_puts(sql, st->sure ? "WITH written AS (UPDATE " : "UPDATE ");
    add_table(sql, st->table);
    buf_puts(sql, " AS t SET ");
    for (uint32_t i = 0; i < st->nparams; i++) {
        if (st->params[i].key)
            continue;
        buf_puts(sql, any ? ", " : "");
        buf_name(sql, st->table->columns[st->params[i].column].name);
        buf_puts(sql, " = ");
        add_value(sql, st, i);
        any = true;
    }
    if (!any) { /* the row is only to be there */
        const char *name = st->table->columns[st->table->key[0]].name;

        buf_name(sql, name);
        buf_puts(sql, " = t.");
        buf_name(sql, name);
    }
    buf_puts(sql, " FROM ");
    add_rows(sql, st);
    add_match(sql, st, "t");
    if (st->sure) /* no number where one is missing: the server's error repeats our own word */
        buf_puts(sql, " RETURNING 1) SELECT (CASE WHEN pg_catalog.count(*) ="
                      " pg_catalog.cardinality($1) THEN '0' ELSE '" APPLY_NO_ROW
                      "' || pg_catalog.count(*)::pg_catalog.text END)::pg_catalog.int4 "
                      "FROM written");
}

static void add_insert(struct buf *sql, const struct apply_statement *st)
{
    bool always = false, any = false;

    buf_printf(sql, "INSERT INTO %s (", st->table->qualified);
    for (uint32_t i = 0; i < st->table->source->ncolumns; i++) {
        if (!st->sets[i])
            continue;
        buf_puts(sql, any ? ", " : "");
        buf_name(sql, st->table->columns[i].name);
        any = true;
        always = always || st->table->columns[i].always;
    }
    if (!any)
        sql->len -= 2; /* all columns have what the server gives them */
    buf_printf(sql, "%s%s SELECT", any ? ")" : "", always ? " OVERRIDING SYSTEM VALUE" : "");
    any = false;
    for (uint32_t i = 0; i < st->nparams; i++) {
        if (st->params[i].key || !st->sets[st->params[i].column])
            continue;
        buf_puts(sql, any ? ", " : " ");
        add_value(sql, st, i);
        any = true;
    }
    buf_puts(sql, " FROM ");
    add_rows(sql, st);
    if (st->kind != APPLY_ABSENT)
        return;
    buf_puts(sql, " WHERE NOT EXISTS (SELECT FROM ");
    add_table(sql, st->table);
    buf_puts(sql, " AS t");
    add_match(sql, st, "t");
    buf_byte(sql, ')');
}

bool statement_text(struct buf *sql, const struct apply_statement *st)
{
    buf_clear(sql);
    switch (st->kind) {
    case APPLY_DELETE:
        buf_puts(sql, "DELETE FROM ");
        add_table(sql, st->table);
        buf_puts(sql, " AS t USING ");
        add_rows(sql, st);
        add_match(sql, st, "t");
        break;
    case APPLY_UPDATE:
    case APPLY_MOVE:
        add_update(sql, st);
        break;
    default:
        add_insert(sql, st);
        break;
    }
    return buf_text(sql) != NULL;
}

/* ---- the cache ------------------------------------------------------------------------ */

static bool is_key(const struct bound_table *table, uint32_t column)
{
    for (uint32_t i = 0; i < table->nkey; i++)
        if (table->key[i] == column)
            return true;
    return false;
}

/* Which columns the rows of a run set. */
static bool find_sets(struct apply *a, const struct apply_run *run)
{
    const struct bound_table *table = run->table;
    const struct rnl_row *row = run->rows[0];
    uint32_t count = table->source->ncolumns;

    if (count > a->sets_room) {
        bool *sets = realloc(a->sets, count * sizeof(*sets));

        if (!sets)
            return false;
        a->sets = sets;
        a->sets_room = count;
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct bound_column *column = &table->columns[i];
        bool set =
            run->kind != APPLY_DELETE && column->written && row->after[i].type != RNL_T_UNCHANGED;

        if (run->kind == APPLY_UPDATE || run->kind == APPLY_MOVE)
            set = set && !column->always && (run->kind == APPLY_MOVE || !is_key(table, i));
        a->sets[i] = set;
    }
    return true;
}

static void add_param(struct apply_statement *st, uint32_t column, bool key)
{
    const struct bound_column *bound = &st->table->columns[column];
    bool text = goes_as_text(bound);

    st->params[st->nparams++] =
        (struct apply_param){column, key, text, text ? TEXT_ARRAY_OID : bound->array};
}

static bool fill(struct apply_statement *st, const struct apply *a, const struct apply_run *run)
{
    const struct bound_table *table = run->table;
    uint32_t count = table->source->ncolumns;

    *st = (struct apply_statement){.table = table, .kind = run->kind, .sure = run->sure};
    st->sets = malloc((count + (size_t)1) * sizeof(*st->sets));
    st->params = malloc((count + (size_t)table->nkey + 1) * sizeof(*st->params));
    if (!st->sets || !st->params) {
        free(st->sets);
        free(st->params);
        return false;
    }
    memcpy(st->sets, a->sets, count * sizeof(*st->sets));
    for (uint32_t i = 0; i < count; i++)
        if (st->sets[i])
            add_param(st, i, false);
    for (uint32_t i = 0; run->kind != APPLY_INSERT && i < table->nkey; i++)
        add_param(st, table->key[i], true);
    if (st->nparams == 0) /* something has to tell how many rows there are */
        add_param(st, 0, true);
    return true;
}

struct apply_statement *statement_find(struct apply *a, const struct apply_run *run)
{
    struct apply_statement *oldest = &a->statements[0], *st = NULL;
    struct apply_statement made;

    if (!find_sets(a, run))
        return NULL;
    for (uint32_t i = 0; i < a->nstatements; i++) {
        st = &a->statements[i];
        if (st->used < oldest->used)
            oldest = st;
        if (st->table == run->table && st->kind == run->kind && st->sure == run->sure &&
            memcmp(st->sets, a->sets, run->table->source->ncolumns * sizeof(bool)) == 0) {
            st->used = ++a->clock;
            return st;
        }
    }
    if (!fill(&made, a, run))
        return NULL;
    if (a->nstatements < APPLY_STATEMENTS) {
        st = &a->statements[a->nstatements++];
    } else {
        st = oldest;
        free(st->sets);
        free(st->params);
    }
    *st = made;
    st->used = ++a->clock;
    return st;
}

void statements_free(struct apply *a)
{
    for (uint32_t i = 0; i < a->nstatements; i++) {
        free(a->statements[i].sets);
        free(a->statements[i].params);
    }
    a->nstatements = 0;
}
