/* What is done to the columns of a table that was altered in the source. */
#include "evolve.h"

/* A column in both forms as the target is to have it; NULL where it isn't. */
struct both {
    const struct evolution_pair *pair;
    uint32_t number;
    const struct rnl_column *from, *to;
    struct map_column *was, *is;
    struct buf spelled;          /* all of it, as ADD COLUMN has it */
    struct buf earlier, initial; /* " DEFAULT …" as it was and as it is to be */
    bool stands;                 /* in the target, under either name */
    bool remake;                 /* to be dropped and added: the target computes it otherwise */
    bool relabeled;              /* its values were given another enum: see evolve_labels.c */
};

static void alter(const struct evolve *e, const char *column, struct buf *sql)
{
    buf_printf(sql, "ALTER TABLE %s ALTER COLUMN ", e->standing);
    buf_name(sql, column);
}

static bool stands(const struct evolve *e, const char *name)
{
    return columns_find(&e->found, 0, name) >= 0;
}

/* Whether a column of the earlier form, other than this, is called so in the target. */
static bool was_others(const struct evolve *e, const char *name, uint32_t but)
{
    const struct map_table *map = &e->was.tables[e->task.from];

    for (uint32_t i = 0; i < e->task.was->ncolumns; i++)
        if (i != but && strcmp(map->columns[i].name, name) == 0)
            return true;
    return false;
}

/*
 * What numbers a column, and what it is by default, stay as they are: a sequence may be known by
 * the table's earlier name alone.
 */
static void keep_numbers(const struct evolve *e, struct both *b)
{
    b->is->identity = b->was->identity;
    if (b->pair->changes & (EVOLVED_TYPE | EVOLVED_GENERATED) && !table_is_native(e->task.is))
        return;
    buf_clear(&b->initial);
    buf_add(&b->initial, b->earlier.ptr, b->earlier.len);
}

static int spell(struct evolve *e, struct both *b)
{
    struct buf earlier = {0};

    if (b->was) {
        ddl_column(&e->was, e->task.from, b->pair->from, &earlier);
        ddl_column_default(&e->was, e->task.from, b->pair->from, &b->earlier);
    }
    if (b->is) {
        ddl_column(&e->is, e->task.to, b->pair->to, &b->spelled);
        /* what of it isn't carried over was told by the line above */
        e->is.quiet = true;
        ddl_column_default(&e->is, e->task.to, b->pair->to, &b->initial);
        e->is.quiet = false;
    }
    buf_free(&earlier);
    if (b->was && b->is && !(b->pair->changes & (EVOLVED_IDENTITY | EVOLVED_DEFAULT)))
        keep_numbers(e, b);
    return buf_text(&b->spelled) && buf_text(&b->earlier) && buf_text(&b->initial)
               ? RNL_OK
               : error_memory(e->task.err);
}

static void both_init(const struct evolve *e, uint32_t number, struct both *b)
{
    const struct evolution_pair *pair = &e->task.diff.columns.pairs[number];

    *b = (struct both){.pair = pair, .number = number};
    if (!evolution_is_new(pair)) {
        b->from = COLUMN(e->task.was, pair->from);
        b->was = &e->was.tables[e->task.from].columns[pair->from];
        b->stands = stands(e, b->was->name);
    }
    if (!evolution_is_gone(pair)) {
        b->to = COLUMN(e->task.is, pair->to);
        b->is = &e->is.tables[e->task.to].columns[pair->to];
        b->stands = b->stands || (stands(e, b->is->name) &&
                                  !was_others(e, b->is->name, b->was ? pair->from : UINT32_MAX));
    }
}

static void both_free(struct both *b)
{
    buf_free(&b->spelled);
    buf_free(&b->earlier);
    buf_free(&b->initial);
}

/* ---- gone, and computed otherwise ------------------------------------------------------- */

static bool same_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

static int decide_remake(struct evolve *e, struct both *b)
{
    if (!b->was || !b->is || same_text(b->was->generated, b->is->generated) || !b->stands)
        return RNL_OK;
    if (b->is->generated) {
        b->remake = true;
    } else if (e->sink->server.version >= 130000) {
        alter(e, b->was->name, &e->sql);
        buf_puts(&e->sql, " DROP EXPRESSION IF EXISTS;\n");
    } else {
        return evolve_refuse(&e->task, b->was->name,
                             "PostgreSQL before 13 can't make a plain column of one that it "
                             "computes");
    }
    return RNL_OK;
}

static void drop_column(struct evolve *e, const struct both *b)
{
    if (!b->was || !stands(e, b->was->name) || !(evolution_is_gone(b->pair) || b->remake))
        return;
    buf_printf(&e->sql, "ALTER TABLE %s DROP COLUMN ", e->standing);
    buf_name(&e->sql, b->was->name);
    buf_puts(&e->sql, ";\n");
    if (b->was->enum_type && !b->remake)
        buf_printf(&e->sql, "DROP TYPE IF EXISTS %s;\n", b->was->enum_type);
}

/* ---- names ------------------------------------------------------------------------------ */

static bool is_renamed(const struct evolve *e, const struct both *b)
{
    return b->was && b->is && !b->remake && stands(e, b->was->name) &&
           strcmp(b->was->name, b->is->name) != 0 &&
           (!stands(e, b->is->name) || was_others(e, b->is->name, b->pair->from));
}

static void rename_column(struct evolve *e, const char *from, const char *to)
{
    buf_printf(&e->sql, "ALTER TABLE %s RENAME COLUMN ", e->standing);
    buf_name(&e->sql, from);
    buf_puts(&e->sql, " TO ");
    buf_name(&e->sql, to);
    buf_puts(&e->sql, ";\n");
}

/* One that gets the name which another still has: both leave theirs first. */
static bool crosses(const struct evolve *e, const struct both *all, const struct both *b)
{
    for (uint32_t i = 0; i < e->task.diff.columns.count; i++)
        if (&all[i] != b && is_renamed(e, &all[i]) &&
            (strcmp(all[i].was->name, b->is->name) == 0 ||
             strcmp(all[i].is->name, b->was->name) == 0))
            return true;
    return false;
}

static void rename_columns(struct evolve *e, const struct both *all)
{
    char between[40];

    for (int pass = 0; pass < 2; pass++)
        for (uint32_t i = 0; i < e->task.diff.columns.count; i++) {
            const struct both *b = &all[i];
            bool crossing;

            if (!is_renamed(e, b))
                continue;
            crossing = crosses(e, all, b);
            snprintf(between, sizeof(between), "runnel_moving_%u", i);
            if (crossing && pass == 0)
                rename_column(e, b->was->name, between);
            else if (crossing)
                rename_column(e, between, b->is->name);
            else if (pass == 0)
                rename_column(e, b->was->name, b->is->name);
        }
}

/* ---- new -------------------------------------------------------------------------------- */

/* What MySQL gives the rows that stand when a column without a default can't be NULL. */
static const char *implicit_value(const struct evolve *e, const struct both *b)
{
    const struct pg_config *config = e->sink->config;

    if (b->to->flags & RNL_COLUMN_ENUM)
        return NULL; /* its first label: the caller's */
    switch (b->is->kind) {
    case PG_BOOL:
        return "false";
    case PG_INT2:
    case PG_INT4:
    case PG_INT8:
    case PG_NUMERIC:
    case PG_FLOAT4:
    case PG_FLOAT8:
        return "0";
    case PG_TEXT:
    case PG_BPCHAR:
    case PG_BYTEA:
        return b->to->type == RNL_T_GEOMETRY ? NULL : "''";
    case PG_TEXT_ARRAY:
        return "'{}'";
    case PG_TIME:
    case PG_INTERVAL:
        return "'00:00:00'";
    case PG_DATE:
    case PG_TIMESTAMP:
    case PG_TIMESTAMPTZ:
        return config->zero_date == ZERO_EPOCH            ? "'1970-01-01 00:00:00+00'"
               : config->zero_date == ZERO_MINUS_INFINITY ? "'-infinity'"
                                                          : NULL;
    case PG_JSON:
    case PG_JSONB:
        return "'null'";
    case PG_UUID:
        return "'00000000-0000-0000-0000-000000000000'";
    default:
        return NULL;
    }
}

static bool fills_rows(const struct evolve *e, const struct both *b)
{
    const char *dialect = e->task.is->dialect;

    return dialect && strcmp(dialect, "mysql") == 0 && !b->initial.len && !b->is->generated &&
           !b->is->identity && ddl_is_not_null(&e->is, e->task.to, b->pair->to);
}

static void add_column(struct evolve *e, struct both *b)
{
    const char *implicit = implicit_value(e, b);
    bool fills = fills_rows(e, b);

    if (b->is->enum_type) {
        buf_printf(&e->sql, "DROP TYPE IF EXISTS %s;\n", b->is->enum_type);
        ddl_enum_type(&e->is, e->task.to, b->pair->to, &e->sql);
        buf_puts(&e->sql, ";\n");
    } else {
        evolve_new_type(e, b->pair->to);
    }
    buf_printf(&e->sql, "ALTER TABLE %s ADD COLUMN %s", e->standing, b->spelled.ptr);
    if (fills && b->to->flags & RNL_COLUMN_ENUM && b->to->nlabels) {
        buf_puts(&e->sql, " DEFAULT ");
        buf_literal(&e->sql, b->to->labels[0]);
    } else if (fills && implicit) {
        buf_printf(&e->sql, " DEFAULT %s", implicit);
    } else {
        fills = false;
    }
    buf_puts(&e->sql, ";\n");
    if (fills) {
        alter(e, b->is->name, &e->sql);
        buf_puts(&e->sql, " DROP DEFAULT;\n");
    }
    if (b->is->identity)
        ddl_identity_value(&e->is, e->task.to, b->pair->to, &e->behind);
    if (e->has_rows && (evolution_default_varies(b->to) ||
                        (b->to->default_kind > RNL_DEFAULT_NULL && !b->initial.len &&
                         !b->is->identity && !b->is->generated)))
        evolve_tell(&e->task, "ddl.default_by_target", b->to->name,
                    "rows that stand got this new column's value by the target's own default, or "
                    "none, and may differ from the source: run verify --repair for the table");
}

/* ---- changed ---------------------------------------------------------------------------- */

static bool is_whole(enum pg_kind kind)
{
    return kind == PG_INT2 || kind == PG_INT4 || kind == PG_INT8;
}

/* The value as the new type takes it, as MySQL or the source itself would have converted it. */
static void add_using(const struct both *b, struct buf *sql)
{
    enum pg_kind from = b->was->kind, to = b->is->kind;
    const char *name = b->is->name, *type = b->is->type;
    const char *before = "", *after = "";

    if (from == PG_BOOL && to != PG_BOOL) {
        after = "::integer";
    } else if (to == PG_BOOL && (is_whole(from) || from == PG_NUMERIC)) {
        after = " <> 0";
    } else if (from == PG_BYTEA && to == PG_TEXT) {
        before = "convert_from(", after = ", 'UTF8')";
    } else if (from == PG_TEXT && to == PG_BYTEA) {
        before = "convert_to(", after = ", 'UTF8')";
    } else if (from == PG_TEXT_ARRAY && to == PG_TEXT) {
        before = "array_to_string(", after = ", ',')";
    } else if (from == PG_TEXT && to == PG_TEXT_ARRAY) {
        before = "array_remove(string_to_array(", after = ", ','), '')";
    } else if ((from == PG_TIMESTAMP && to == PG_TIMESTAMPTZ) ||
               (from == PG_TIMESTAMPTZ && to == PG_TIMESTAMP)) {
        after = " AT TIME ZONE 'UTC'";
    } else if (b->was->enum_type || b->is->enum_type) {
        after = "::text";
    }
    buf_printf(sql, "(%s", before);
    buf_name(sql, name);
    buf_printf(sql, "%s)::%s", after, type);
}

static bool is_retyped(const struct both *b)
{
    return b->pair->changes & EVOLVED_TYPE && !b->relabeled &&
           (strcmp(b->was->type, b->is->type) != 0 ||
            !same_text(b->was->collation, b->is->collation) ||
            (!b->is->enum_type && !same_text(b->from->collation, b->to->collation) &&
             b->is->kind == PG_NATIVE));
}

static bool had_default(const struct both *b)
{
    return b->earlier.len > 0;
}

/* What must be gone before a type can change: a default isn't converted by USING. */
static void release(struct evolve *e, const struct both *b)
{
    bool retyped = is_retyped(b), identity = b->was->identity && !b->is->identity;
    bool numbered = b->is->identity && !b->was->identity;

    if (identity) {
        alter(e, b->is->name, &e->sql);
        buf_puts(&e->sql, " DROP IDENTITY IF EXISTS;\n");
    }
    if (had_default(b) && (retyped || b->relabeled || numbered)) {
        alter(e, b->is->name, &e->sql);
        buf_puts(&e->sql, " DROP DEFAULT;\n");
    }
}

/* All types in one statement: the rows are written once. */
static void retype_columns(struct evolve *e, const struct both *all)
{
    bool any = false;

    for (uint32_t i = 0; i < e->task.diff.columns.count; i++) {
        const struct both *b = &all[i];

        if (!b->was || !b->is || b->remake || !b->stands || !is_retyped(b))
            continue;
        if (any)
            buf_puts(&e->sql, ",\n  ");
        else
            buf_printf(&e->sql, "ALTER TABLE %s ", e->standing);
        any = true;
        buf_puts(&e->sql, "ALTER COLUMN ");
        buf_name(&e->sql, b->is->name);
        buf_printf(&e->sql, " TYPE %s", b->is->type);
        if (b->is->collation) {
            buf_puts(&e->sql, " COLLATE ");
            buf_qualified(&e->sql, e->is.tables[e->task.to].schema, b->is->collation);
        }
        buf_puts(&e->sql, " USING ");
        add_using(b, &e->sql);
        if (e->has_rows && !evolution_widens(b->from, b->to))
            evolve_tell(&e->task, "ddl.converted_by_target", b->to->name,
                        "rows that stand were given the new type by the target's own conversion, "
                        "and may differ from the source: run verify --repair for the table");
    }
    if (any)
        buf_puts(&e->sql, ";\n");
    /* the column may become an enum again: its name is the column's */
    for (uint32_t i = 0; i < e->task.diff.columns.count; i++)
        if (all[i].was && all[i].is && all[i].stands && !all[i].remake && all[i].was->enum_type &&
            !all[i].is->enum_type)
            buf_printf(&e->sql, "DROP TYPE IF EXISTS %s;\n", all[i].was->enum_type);
}

static void restore(struct evolve *e, const struct both *b)
{
    bool was_null = !ddl_is_not_null(&e->was, e->task.from, b->pair->from);
    bool is_null = !ddl_is_not_null(&e->is, e->task.to, b->pair->to);
    bool fresh = is_retyped(b) || b->relabeled || (b->was->identity && !b->is->identity);

    if (was_null != is_null) {
        alter(e, b->is->name, &e->sql);
        buf_puts(&e->sql, is_null ? " DROP NOT NULL;\n" : " SET NOT NULL;\n");
    }
    if (b->is->identity && !b->was->identity) {
        alter(e, b->is->name, &e->sql);
        buf_printf(&e->sql, " ADD GENERATED %s AS IDENTITY;\n",
                   b->to->flags & RNL_COLUMN_ALWAYS ? "ALWAYS" : "BY DEFAULT");
        ddl_identity_value(&e->is, e->task.to, b->pair->to, &e->behind);
    } else if (b->is->identity && (b->from->flags ^ b->to->flags) & RNL_COLUMN_ALWAYS &&
               table_is_native(e->task.is)) {
        alter(e, b->is->name, &e->sql);
        buf_printf(&e->sql, " SET GENERATED %s;\n",
                   b->to->flags & RNL_COLUMN_ALWAYS ? "ALWAYS" : "BY DEFAULT");
    }
    if (b->is->identity || b->is->generated)
        return;
    if (b->initial.len && (fresh || strcmp(b->initial.ptr, b->earlier.ptr) != 0)) {
        alter(e, b->is->name, &e->sql);
        buf_printf(&e->sql, " SET%s;\n", b->initial.ptr);
    } else if (!b->initial.len && had_default(b) && !fresh && !b->was->identity) {
        alter(e, b->is->name, &e->sql);
        buf_puts(&e->sql, " DROP DEFAULT;\n");
    }
}

static void comment_column(struct evolve *e, const struct both *b)
{
    bool said = b->to->comment && *b->to->comment;

    if (!(e->task.job.structure & RNL_WITH_COMMENTS) ||
        !(b->was && !b->remake ? b->pair->changes & EVOLVED_COMMENT : said))
        return;
    buf_printf(&e->sql, "COMMENT ON COLUMN %s.", e->standing);
    buf_name(&e->sql, b->is->name);
    buf_puts(&e->sql, " IS ");
    buf_literal(&e->sql, said ? b->to->comment : "");
    buf_puts(&e->sql, ";\n");
}

/* ---- all of them ------------------------------------------------------------------------ */

/* Sequences that number columns which are new to them. */
static void own_sequences(struct evolve *e)
{
    struct buf sql = {0};

    objects_own(&e->is, e->task.to, &sql);
    if (sql.len)
        buf_printf(&e->behind, "%s;\n", buf_text(&sql) ? sql.ptr + 2 : "");
    buf_free(&sql);
}

static int alter_columns(struct evolve *e, struct both *all)
{
    uint32_t count = e->task.diff.columns.count;
    bool added = false;
    int status = RNL_OK;

    for (uint32_t i = 0; status == RNL_OK && i < count; i++) {
        both_init(e, i, &all[i]);
        status = spell(e, &all[i]);
        if (status == RNL_OK)
            status = decide_remake(e, &all[i]);
    }
    for (uint32_t i = 0; status == RNL_OK && i < count; i++)
        drop_column(e, &all[i]);
    if (status == RNL_OK)
        rename_columns(e, all);
    for (uint32_t i = 0; status == RNL_OK && i < count; i++)
        if (all[i].was && all[i].is && !all[i].remake && all[i].stands) {
            status = evolve_labels(e, i, &all[i].relabeled);
            release(e, &all[i]);
        }
    if (status == RNL_OK)
        retype_columns(e, all);
    for (uint32_t i = 0; status == RNL_OK && i < count; i++)
        if (all[i].is && (!all[i].stands || all[i].remake)) {
            add_column(e, &all[i]);
            added = true;
        } else if (all[i].is && all[i].was) {
            restore(e, &all[i]);
        }
    for (uint32_t i = 0; status == RNL_OK && i < count; i++)
        if (all[i].is)
            comment_column(e, &all[i]);
    if (added)
        own_sequences(e);
    return status == RNL_OK && e->sql.failed ? error_memory(e->task.err) : status;
}

int evolve_columns(struct evolve *e)
{
    struct both *all = arena_alloc(&e->is.arena, sizeof(*all) * (e->task.diff.columns.count + 1));
    int status;

    if (!all)
        return error_memory(e->task.err);
    memset(all, 0, sizeof(*all) * (e->task.diff.columns.count + 1));
    status = alter_columns(e, all);
    for (uint32_t i = 0; i < e->task.diff.columns.count; i++)
        both_free(&all[i]);
    return status;
}
