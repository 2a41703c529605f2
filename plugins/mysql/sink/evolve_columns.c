/* Clauses of ALTER TABLE for the columns of a table that was altered in the source. */
#include "evolve.h"

#include <strings.h>

/* A column in both forms as the target is to have it; NULL where it isn't. */
struct both {
    const struct evolution_pair *pair;
    const struct rnl_column *from, *to;
    struct map_column *was, *is;
    struct buf earlier, spelled; /* as CREATE TABLE has it, behind the name */
    bool stands;                 /* by the earlier name */
    bool fresh;                  /* by neither */
    bool crossing;               /* its new name is another's still */
    bool remake;                 /* computed by the server in another way: dropped and added */
};

static bool was_others(const struct evolve *e, const char *name, uint32_t but)
{
    const struct map_table *map = &e->was.tables[e->task.from];

    for (uint32_t i = 0; i < e->task.was->ncolumns; i++)
        if (i != but && strcasecmp(map->columns[i].name, name) == 0)
            return true;
    return false;
}

static bool is_virtual(const struct both *b, bool now)
{
    const struct rnl_column *column = now ? b->to : b->from;

    return (now ? b->is : b->was)->generated && column->flags & RNL_COLUMN_VIRTUAL;
}

static int spell(struct evolve *e, uint32_t number, struct both *b)
{
    const struct evolution_pair *pair = &e->task.diff.columns.pairs[number];

    b->pair = pair;
    if (!evolution_is_new(pair)) {
        b->from = COLUMN(e->task.was, pair->from);
        b->was = &e->was.tables[e->task.from].columns[pair->from];
        b->stands = idents_has(&e->columns, b->was->name);
        ddl_column(&e->was, e->task.from, pair->from, &b->earlier);
    }
    if (!evolution_is_gone(pair)) {
        uint32_t but = b->was ? pair->from : UINT32_MAX;

        b->to = COLUMN(e->task.is, pair->to);
        b->is = &e->is.tables[e->task.to].columns[pair->to];
        b->fresh = !b->stands &&
                   !(idents_has(&e->columns, b->is->name) && !was_others(e, b->is->name, but));
        b->crossing =
            b->was && strcasecmp(b->was->name, b->is->name) != 0 && was_others(e, b->is->name, but);
        ddl_column(&e->is, e->task.to, pair->to, &b->spelled);
    }
    if (!buf_text(&b->earlier) || !buf_text(&b->spelled))
        return error_memory(e->task.err);
    if (!b->was || !b->is || !b->stands)
        return RNL_OK;
    if (is_virtual(b, true) != is_virtual(b, false) || (b->is->generated && !b->was->generated)) {
        if (!b->is->generated)
            return evolve_refuse(&e->task, b->was->name,
                                 "the server can't make a plain column of a virtual one");
        b->remake = true;
    }
    return RNL_OK;
}

/* What a column is called while two swap names. */
static void name_between(uint32_t pair, char out[40])
{
    snprintf(out, 40, "runnel_moving_%u", pair);
}

/* all: NULL, none is known yet. false: out of memory. */
static bool note_crossing(struct evolve *e, const struct both *all)
{
    e->crossing =
        pool_alloc(&e->is.pool, sizeof(*e->crossing) * ((size_t)e->task.is->ncolumns + 1));
    for (uint32_t i = 0; e->crossing && i < e->task.diff.columns.count; i++)
        if (all && all[i].pair->to != UINT32_MAX)
            e->crossing[all[i].pair->to] = all[i].crossing;
    return e->crossing != NULL;
}

int evolve_finish_columns(struct evolve *e, bool *any)
{
    char between[40];

    *any = false;
    if (!note_crossing(e, NULL))
        return error_memory(e->task.err);
    for (uint32_t i = 0; i < e->task.diff.columns.count; i++) {
        const struct evolution_pair *pair = &e->task.diff.columns.pairs[i];

        name_between(i, between);
        if (evolution_is_gone(pair) || !idents_has(&e->columns, between))
            continue;
        *any = e->crossing[pair->to] = true;
        buf_puts(evolve_clause(&e->later), "CHANGE COLUMN ");
        sql_name(&e->later, between);
        buf_byte(&e->later, ' ');
        sql_name(&e->later, e->is.tables[e->task.to].columns[pair->to].name);
        ddl_column(&e->is, e->task.to, pair->to, &e->later);
    }
    return e->later.failed ? error_memory(e->task.err) : RNL_OK;
}

static bool renames_plainly(const struct evolve *e)
{
    return e->sink->server.version >= (e->sink->server.mariadb ? 100502u : 80000u);
}

static void add_rename(struct buf *clauses, const char *from, const char *to)
{
    buf_puts(evolve_clause(clauses), "RENAME COLUMN ");
    sql_name(clauses, from);
    buf_puts(clauses, " TO ");
    sql_name(clauses, to);
}

static void add_change(struct buf *clauses, const char *from, const char *to, const char *spelled)
{
    buf_puts(evolve_clause(clauses), "CHANGE COLUMN ");
    sql_name(clauses, from);
    buf_byte(clauses, ' ');
    sql_name(clauses, to);
    buf_puts(clauses, spelled);
}

static void change_column(struct evolve *e, uint32_t number, const struct both *b)
{
    bool same = strcmp(b->earlier.ptr, b->spelled.ptr) == 0;
    const char *from = b->stands ? b->was->name : b->is->name, *to = b->is->name;
    char between[40];

    if (same && strcmp(from, to) == 0)
        return;
    name_between(number, between);
    if (b->crossing)
        to = between;
    if (same && renames_plainly(e))
        add_rename(&e->clauses, from, to);
    else
        add_change(&e->clauses, from, to, b->spelled.ptr);
    if (b->crossing && renames_plainly(e))
        add_rename(&e->later, between, b->is->name);
    else if (b->crossing)
        add_change(&e->later, between, b->is->name, b->spelled.ptr);
    if (e->has_rows && b->pair->changes & EVOLVED_TYPE && !same &&
        !evolution_widens(b->from, b->to) && !e->is.tables[e->task.to].same)
        evolve_tell(&e->task, "ddl.converted_by_target", b->to->name,
                    "rows that stand were given the new type by the target's own conversion, and "
                    "may differ from the source: run verify --repair for the table");
}

/* What the column of the later form is called when the first statement is through; NULL: nothing.
 */
static const char *name_then(const struct both *all, uint32_t at, char between[40])
{
    const struct both *b = &all[at];

    name_between(at, between);
    return b->crossing ? between : b->fresh || b->stands ? b->is->name : NULL;
}

/*
 * Where the source has it, if one that stands comes behind it: at the end it comes anyway, and the
 * server may do that without writing the rows anew.
 */
static void add_place(struct evolve *e, const struct both *all, uint32_t at)
{
    uint32_t behind = at + 1;
    char between[40];
    const char *before;

    while (behind < e->task.is->ncolumns && !all[behind].stands)
        behind++;
    if (behind == e->task.is->ncolumns)
        return;
    before = at ? name_then(all, at - 1, between) : NULL;
    if (at == 0) {
        buf_puts(&e->clauses, " FIRST");
    } else if (before) {
        buf_puts(&e->clauses, " AFTER ");
        sql_name(&e->clauses, before);
    }
}

static void add_column(struct evolve *e, const struct both *all, uint32_t at)
{
    const struct both *b = &all[at];

    bool lost = b->to->default_kind > RNL_DEFAULT_NULL && !strstr(b->spelled.ptr, " DEFAULT ") &&
                !b->is->generated;

    buf_puts(evolve_clause(&e->clauses), "ADD COLUMN ");
    sql_name(&e->clauses, b->is->name);
    buf_puts(&e->clauses, b->spelled.ptr);
    add_place(e, all, at);
    if (e->has_rows && (lost || evolution_default_varies(b->to)))
        evolve_tell(&e->task, "ddl.default_by_target", b->to->name,
                    "rows that stand got this new column's value by the target's own default, or "
                    "none, and may differ from the source: run verify --repair for the table");
}

static int alter_columns(struct evolve *e, struct both *all)
{
    uint32_t count = e->task.diff.columns.count;
    int status = RNL_OK;

    for (uint32_t i = 0; !status && i < count; i++)
        status = spell(e, i, &all[i]);
    if (!status && !note_crossing(e, all))
        status = error_memory(e->task.err);
    for (uint32_t i = 0; !status && i < count; i++)
        if (all[i].stands && (!all[i].is || all[i].remake)) {
            buf_puts(evolve_clause(&e->clauses), "DROP COLUMN ");
            sql_name(&e->clauses, all[i].was->name);
        }
    for (uint32_t i = 0; !status && i < count; i++) {
        if (!all[i].is)
            continue;
        if (all[i].fresh || all[i].remake)
            add_column(e, all, i);
        else if (all[i].was)
            change_column(e, i, &all[i]);
    }
    return !status && (e->clauses.failed || e->later.failed) ? error_memory(e->task.err) : status;
}

int evolve_columns(struct evolve *e)
{
    struct both *all = pool_alloc(&e->is.pool, sizeof(*all) * (e->task.diff.columns.count + 1));
    int status = all ? alter_columns(e, all) : error_memory(e->task.err);

    for (uint32_t i = 0; all && i < e->task.diff.columns.count; i++) {
        buf_free(&all[i].earlier);
        buf_free(&all[i].spelled);
    }
    return status;
}
