/* Learns how the tables really stand, and prepares how rows go into them. */
#include "sink.h"

#include <strings.h>

enum { CACHE_BYTES_MIN = 1 << 20 };

static int missing_column(const struct bound_table *bound, const char *name, struct rnl_error *err)
{
    rnl_fail(err, RNL_E_CONFIG, "sink.missing_column",
             "the table \"%s\" in the target has no column \"%s\"", bound->name, name);
    rnl_hint(err, "add the column, leave it out of the source, or use schema_policy "
                  "drop_and_recreate");
    return err->status;
}

/* Asked seldom: the pragma goes through all tables of the file. */
static bool is_strict(struct sink *sink, const char *table)
{
    struct rnl_error ignored = RNL_ERROR_INIT;
    sqlite3_stmt *stmt;
    bool strict;

    if (sq_prepare(sink->control, "SELECT strict FROM pragma_table_list(?1) WHERE schema = 'main'",
                   "look at a table", &stmt, &ignored) != RNL_OK)
        return false;
    sqlite3_bind_text(stmt, 1, table, -1, SQLITE_STATIC);
    strict =
        sq_step(stmt, "look at a table", &ignored) == RNL_OK && sqlite3_column_int(stmt, 0) != 0;
    sqlite3_finalize(stmt);
    return strict;
}

/* Affinities but this one make 0 of -0 (https://www.sqlite.org/datatype3.html). */
static bool keeps_zero(struct sink *sink, const char *table, const char *type)
{
    return *type == '\0' || strcasestr(type, "BLOB") ||
           (strcasecmp(type, "ANY") == 0 && is_strict(sink, table));
}

/* Which of the table's columns are there, and which of them the file computes itself. */
static int bind_columns(struct sink *sink, struct bound_table *bound, const struct map_table *map,
                        struct rnl_error *err)
{
    sqlite3_stmt *stmt;
    int status = sq_prepare(sink->control, "SELECT name, hidden, type FROM pragma_table_xinfo(?1)",
                            "look at a table", &stmt, err);
    uint32_t found = 0;
    bool any = false;

    if (status != RNL_OK)
        return status;
    sqlite3_bind_text(stmt, 1, map->name, -1, SQLITE_STATIC);
    while ((status = sq_step(stmt, "look at a table", err)) == RNL_OK) {
        any = true;
        for (uint32_t i = 0; i < bound->source->ncolumns; i++) {
            if (strcasecmp(map->columns[i].name, sq_text(stmt, 0)) != 0)
                continue;
            bound->columns[i].name = arena_strdup(&sink->arena, map->columns[i].name);
            if (!bound->columns[i].name) {
                sqlite3_finalize(stmt);
                return error_memory(err);
            }
            bound->columns[i].written = sqlite3_column_int(stmt, 1) == 0;
            bound->columns[i].keeps_zero = keeps_zero(sink, map->name, sq_text(stmt, 2));
            found++;
        }
    }
    sqlite3_finalize(stmt);
    if (status < 0)
        return status;
    if (!any) {
        rnl_fail(err, RNL_E_CONFIG, "sink.missing_table", "the table \"%s\" is not in the target",
                 map->name);
        rnl_hint(err, "let Runnel make it (structure.tables), or create it first");
        return err->status;
    }
    for (uint32_t i = 0; found < bound->source->ncolumns && i < bound->source->ncolumns; i++)
        if (!bound->columns[i].name)
            return missing_column(bound, map->columns[i].name, err);
    return RNL_OK;
}

/* An index whose columns tell all rows apart. */
static bool is_key(const struct rnl_table *table, const struct rnl_index *index)
{
    bool primary = index->flags & RNL_INDEX_PRIMARY;

    if (!(index->flags & (RNL_INDEX_PRIMARY | RNL_INDEX_UNIQUE)) || index->where ||
        index->nparts == 0)
        return false;
    for (uint32_t i = 0; i < index->nparts; i++) {
        const struct rnl_index_part *part = &index->parts[i];

        if (part->expression || part->prefix || part->column >= table->ncolumns ||
            (!primary && COLUMN(table, part->column)->flags & RNL_COLUMN_NULLABLE))
            return false;
    }
    return true;
}

static int bind_key(struct sink *sink, struct bound_table *bound, struct rnl_error *err)
{
    const struct rnl_table *table = bound->source;
    const struct rnl_index *key = NULL;

    for (uint32_t i = 0; i < table->nindexes; i++) {
        const struct rnl_index *index = INDEX(table, i);

        if (is_key(table, index) && (!key || index->flags & RNL_INDEX_PRIMARY))
            key = index;
    }
    if (!key)
        return RNL_OK;
    bound->key = arena_alloc(&sink->arena, sizeof(*bound->key) * key->nparts);
    if (!bound->key)
        return error_memory(err);
    for (uint32_t i = 0; i < key->nparts; i++)
        bound->key[bound->nkey++] = key->parts[i].column;
    return RNL_OK;
}

/* A name under which the rowid can be had: none that a column has. */
static void bind_rowid(struct sink *sink, struct bound_table *bound)
{
    static const char *const names[] = {"rowid", "_rowid_", "oid"};

    for (size_t n = 0; n < sizeof(names) / sizeof(names[0]) && !bound->rowid; n++) {
        struct buf sql = {0};
        sqlite3_stmt *stmt = NULL;
        bool shadowed = false;

        for (uint32_t i = 0; i < bound->source->ncolumns; i++)
            shadowed = shadowed || strcasecmp(bound->columns[i].name, names[n]) == 0;
        buf_printf(&sql, "SELECT %s FROM ", names[n]);
        buf_name(&sql, bound->name);
        if (!shadowed && buf_text(&sql) &&
            sqlite3_prepare_v2(sink->control, sql.ptr, -1, &stmt, NULL) == SQLITE_OK)
            bound->rowid = names[n];
        sqlite3_finalize(stmt);
        buf_free(&sql);
    }
}

static bool in_key(const struct bound_table *bound, uint32_t column)
{
    for (uint32_t i = 0; i < bound->nkey; i++)
        if (bound->key[i] == column)
            return true;
    return false;
}

/* A text whose case and trailing blanks count in the source, whatever the target thinks of them. */
static bool is_exact(const struct rnl_column *column)
{
    const char *collation = column->collation ? column->collation : "";

    return column->type == RNL_T_TEXT &&
           !(column->flags & (RNL_COLUMN_FIXED | RNL_COLUMN_ENUM | RNL_COLUMN_SET)) &&
           !strstr(collation, "_ci") && strcasecmp(collation, "NOCASE") != 0 &&
           strcasecmp(collation, "RTRIM") != 0 &&
           !(column->native && strcasecmp(column->native, "citext") == 0) &&
           !(column->type_name && strcmp(column->type_name, "citext") == 0);
}

/* Two keys of the source that are one for the target: no row changes, which is an error then. */
static void add_guard(struct bound_table *bound, struct buf *sql)
{
    for (uint32_t i = 0; i < bound->nkey; i++) {
        const struct bound_column *column = &bound->columns[bound->key[i]];

        if (!is_exact(column->source))
            continue;
        buf_puts(sql, bound->guarded ? " AND " : " WHERE ");
        buf_name(sql, bound->name);
        buf_puts(sql, ".");
        buf_name(sql, column->name);
        buf_puts(sql, " = excluded.");
        buf_name(sql, column->name);
        buf_puts(sql, " COLLATE BINARY");
        bound->guarded = true;
    }
}

/* Rows that are there already get the values of those that come. */
static void add_upsert(struct bound_table *bound, struct buf *sql)
{
    bool any = false;

    buf_puts(sql, " ON CONFLICT (");
    for (uint32_t i = 0; i < bound->nkey; i++) {
        buf_puts(sql, i ? ", " : "");
        buf_name(sql, bound->columns[bound->key[i]].name);
    }
    buf_puts(sql, ") DO ");
    for (uint32_t i = 0; i < bound->source->ncolumns; i++) {
        if (!bound->columns[i].written || in_key(bound, i))
            continue;
        buf_puts(sql, any ? ", " : "UPDATE SET ");
        buf_name(sql, bound->columns[i].name);
        buf_puts(sql, " = excluded.");
        buf_name(sql, bound->columns[i].name);
        any = true;
    }
    if (!any) { /* nothing but a key */
        buf_puts(sql, "UPDATE SET ");
        buf_name(sql, bound->columns[bound->key[0]].name);
        buf_puts(sql, " = ");
        buf_name(sql, bound->columns[bound->key[0]].name);
    }
    add_guard(bound, sql);
}

static int make_insert(struct sink *sink, struct bound_table *bound, bool upsert,
                       struct rnl_error *err)
{
    struct buf sql = {0}, marks = {0};

    /* OR ABORT: or a table's own ON CONFLICT IGNORE or REPLACE would lose rows unheard */
    buf_puts(&sql, "INSERT OR ABORT INTO ");
    buf_name(&sql, bound->name);
    for (uint32_t i = 0; i < bound->source->ncolumns; i++) {
        if (!bound->columns[i].written)
            continue;
        buf_puts(&sql, marks.len ? ", " : " (");
        buf_name(&sql, bound->columns[i].name);
        buf_puts(&marks, marks.len ? ", ?" : "?");
    }
    if (marks.len)
        buf_printf(&sql, ") VALUES (%s)", buf_text(&marks) ? marks.ptr : "");
    else
        buf_puts(&sql, " DEFAULT VALUES");
    if (upsert)
        add_upsert(bound, &sql);
    bound->insert = buf_text(&sql) ? arena_strdup(&sink->arena, sql.ptr) : NULL;
    buf_free(&sql);
    buf_free(&marks);
    return bound->insert ? RNL_OK : error_memory(err);
}

static int bind_table(struct sink *sink, const char *pipeline, const struct map_table *map,
                      struct bound_table *bound, bool upsert, struct rnl_error *err)
{
    const struct rnl_table *table = bound->source;
    int status;

    bound->name = arena_strdup(&sink->arena, map->name);
    bound->columns =
        arena_alloc(&sink->arena, sizeof(*bound->columns) * (table->ncolumns + (size_t)1));
    if (!bound->name || !bound->columns)
        return error_memory(err);
    for (uint32_t i = 0; i < table->ncolumns; i++) {
        bound->columns[i].source = COLUMN(table, i);
        bound->columns[i].form = column_form(sink->config, table, COLUMN(table, i));
    }
    for (uint32_t i = 0; i < table->ncolumns; i++)
        bound->columns[i].exact = is_exact(COLUMN(table, i));
    status = bind_columns(sink, bound, map, err);
    if (status == RNL_OK)
        status = bind_key(sink, bound, err);
    if (status != RNL_OK)
        return status;
    if (upsert && bound->nkey == 0) {
        rnl_fail(err, RNL_E_CONFIG, "sink.no_key",
                 "the table %s.%s has no key, and write_mode = \"upsert\" finds rows by it",
                 table->schema, table->name);
        rnl_hint(err, "leave the table out, or use truncate_and_load");
        return err->status;
    }
    bind_rowid(sink, bound);
    status = state_made(sink->control, pipeline, table, &bound->checked, err);
    bound->checked = !bound->checked;
    if (status != RNL_OK)
        return status;
    return make_insert(sink, bound, upsert, err);
}

/* What the connection keeps of thousands of tables is taken off its pages. */
static int fit_cache(struct sink *sink, struct rnl_error *err)
{
    int64_t bytes;
    char sql[64];

    if (!sink->write) /* nothing is written: rows are verified */
        return RNL_OK;
    bytes = sink->config->cache - base_schema_bytes(sink->write);
    snprintf(sql, sizeof(sql), "PRAGMA cache_size = -%lld",
             (long long)(bytes > CACHE_BYTES_MIN ? bytes : CACHE_BYTES_MIN) >> 10);
    return sq_run(sink->write, sql, "choose how many pages to keep", err);
}

int sink_bind(void *self, const struct rnl_job *job, const struct rnl_catalog *catalog,
              struct rnl_error *err)
{
    struct sink *sink = self;
    uint32_t count = sink->host->table_count(catalog);
    bool upsert = job && job->write_mode == RNL_UPSERT;
    struct arena scratch = {0};
    struct map_table *names;
    int status;

    statements_forget(sink);
    arena_free(&sink->arena);
    sink->ntables = 0;
    sink->tables = arena_alloc(&sink->arena, sizeof(*sink->tables) * (count + (size_t)1));
    if (!sink->tables)
        return error_memory(err);
    status = names_of_catalog(sink, catalog, &scratch, &names, err);
    if (status == RNL_OK && !cascade_map_make(&sink->cascades, sink->host, catalog))
        status = error_memory(err);
    for (uint32_t i = 0; status == RNL_OK && i < count; i++) {
        sink->tables[i].source = sink->host->table_at(catalog, i);
        status =
            bind_table(sink, job ? job->pipeline : NULL, &names[i], &sink->tables[i], upsert, err);
    }
    arena_free(&scratch);
    base_rest(sink->control); /* from here on rows are written */
    if (status == RNL_OK)
        status = fit_cache(sink, err);
    if (status == RNL_OK)
        sink->ntables = count;
    return status;
}

const struct bound_table *bound_find(const struct sink *sink, uint32_t table, struct rnl_error *err)
{
    if (table < sink->ntables)
        return &sink->tables[table];
    rnl_fail(err, RNL_E_FATAL, "sink.table", "rows for table %u, but only %u are known", table,
             sink->ntables);
    return NULL;
}
