/* Publications: which tables' changes the server tells; made before the slot, and watched. */
#include "follow.h"

#include "form.h"

static const struct rnl_table *followed(const struct pg_source *source,
                                        const struct rnl_catalog *catalog, uint32_t index)
{
    return source->server.host->table_at(catalog, index);
}

/* Adds "schema"."name" of each table, or before 13 of each of its leaves. */
static uint32_t names_add(const struct pg_source *source, const struct follow *f,
                          const struct rnl_catalog *catalog, bool inserts_only, struct buf *sql)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < f->ntables; i++) {
        const struct rnl_table *table = followed(source, catalog, i);
        const struct leaf *leaves;
        size_t nleaves;

        if (f->inserts_only[i] != inserts_only)
            continue;
        leaves = leaves_of(source, table->schema, table->name, &nleaves);
        if (source->server.version >= 130000 || (nleaves == 1 && leaves->is_root)) {
            buf_puts(sql, count++ ? ", ONLY " : "ONLY ");
            buf_qualified(sql, table->schema, table->name);
            continue;
        }
        for (size_t k = 0; k < nleaves; k++) {
            buf_puts(sql, count++ ? ", ONLY " : "ONLY ");
            buf_qualified(sql, leaves[k].schema, leaves[k].name);
        }
    }
    return count;
}

static void words_add(const struct pg_source *source, bool inserts_only, struct buf *sql)
{
    int version = source->server.version;

    buf_printf(sql, " WITH (publish = 'insert%s%s'%s%s)", inserts_only ? "" : ", update, delete",
               version >= 110000 ? ", truncate" : "",
               version >= 130000 ? ", publish_via_partition_root = true" : "",
               version >= 180000 ? ", publish_generated_columns = stored" : "");
}

static int make_one(struct pg_source *source, const struct follow *f,
                    const struct rnl_catalog *catalog, bool inserts_only, struct rnl_error *err)
{
    struct buf sql = {0};
    int status;

    buf_puts(&sql, "CREATE PUBLICATION ");
    buf_name(&sql, inserts_only ? f->inserts : f->publication);
    if (f->ntables) {
        struct buf names = {0};

        if (names_add(source, f, catalog, inserts_only, &names)) {
            buf_puts(&sql, " FOR TABLE ");
            buf_add(&sql, names.ptr, names.len);
        }
        sql.failed = sql.failed || names.failed;
        buf_free(&names);
    }
    words_add(source, inserts_only, &sql);
    status = buf_text(&sql) ? conn_exec(source->control, sql.ptr, "make the publication", err)
                            : error_memory(err);
    buf_free(&sql);
    if (status != RNL_OK && strcmp(err->code, "postgres.privilege") == 0)
        rnl_hint(err, "GRANT CREATE on the database and own the tables; or have their owner make a "
                      "publication of them, and name it by the option publication");
    return status;
}

static int drop_one(struct pg_source *source, const char *name, struct rnl_error *err)
{
    struct buf sql = {0};
    int status;

    buf_puts(&sql, "DROP PUBLICATION IF EXISTS ");
    buf_name(&sql, name);
    status = buf_text(&sql) ? conn_exec(source->control, sql.ptr, "drop the publication", err)
                            : error_memory(err);
    buf_free(&sql);
    return status;
}

int publication_drop(struct pg_source *source, const struct follow *f, struct rnl_error *err)
{
    int status = drop_one(source, f->publication, err);

    return status == RNL_OK ? drop_one(source, f->inserts, err) : status;
}

int publication_make(struct pg_source *source, struct follow *f, const struct rnl_catalog *catalog,
                     struct rnl_error *err)
{
    int status = conn_exec(source->control, "BEGIN", "make the publication", err);

    if (status == RNL_OK)
        status = publication_drop(source, f, err);
    if (status == RNL_OK)
        status = make_one(source, f, catalog, false, err);
    if (status == RNL_OK && f->has_inserts)
        status = make_one(source, f, catalog, true, err);
    if (status == RNL_OK)
        return conn_exec(source->control, "COMMIT", "make the publication", err);
    PQclear(PQexec(source->control->pg, "ROLLBACK"));
    return status;
}

static int publication_gone(const struct follow *f, const char *name, struct rnl_error *err)
{
    rnl_fail(err, RNL_E_CONFIG, "source.publication_lost", "there is no publication \"%s\"%s", name,
             f->own_publication ? ", which this pipeline had made: changes are not told any more"
                                : "");
    rnl_hint(err, f->own_publication ? "making it again brings no changes back that it missed: "
                                       "load again with --restart"
                                     : "make it, or name another one by the option publication");
    return RNL_E_CONFIG;
}

/* Whether a publication is there, and tells of all that is done to rows. */
static int check_words(struct pg_source *source, const struct follow *f, const char *name,
                       bool inserts_only, struct rnl_error *err)
{
    bool truncates = source->server.version >= 110000;
    PGresult *result;
    int status = conn_query(source->control,
                            truncates ? "SELECT pubinsert, pubupdate AND pubdelete, pubtruncate"
                                        " FROM pg_catalog.pg_publication WHERE pubname = $1"
                                      : "SELECT pubinsert, pubupdate AND pubdelete, true"
                                        " FROM pg_catalog.pg_publication WHERE pubname = $1",
                            1, &name, "look at the publication", &result, err);

    if (status != RNL_OK)
        return status;
    if (PQntuples(result) == 0) {
        status = publication_gone(f, name, err);
    } else if (!cell_true(result, 0, 0) || (!inserts_only && !cell_true(result, 0, 1)) ||
               !cell_true(result, 0, 2)) {
        rnl_fail(err, RNL_E_CONFIG, "source.publication_operations",
                 "the publication \"%s\" doesn't tell of all changes: inserts, updates, deletes "
                 "and truncates must be published",
                 name);
        rnl_hint(err, "ALTER PUBLICATION … SET (publish = 'insert, update, delete, truncate')");
        status = RNL_E_CONFIG;
    }
    PQclear(result);
    return status;
}

/*
 * Roots and leaves of what is published, and whether rows or columns are left out. Leaves may
 * stand for their table.
 */
static void tables_sql(const struct pg_source *source, struct buf *sql)
{
    static const char lists[] =
        "t.rowfilter IS NOT NULL, EXISTS (SELECT FROM pg_catalog.pg_attribute a"
        " JOIN pg_catalog.pg_class c ON c.oid = a.attrelid"
        " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = t.schemaname AND c.relname = t.tablename AND a.attnum > 0"
        " AND NOT a.attisdropped AND a.attgenerated = '' AND NOT a.attname = ANY (t.attnames))";

    buf_printf(sql,
               "SELECT t.schemaname, t.tablename, %s FROM pg_catalog.pg_publication_tables t"
               " WHERE t.pubname = ANY ($1::pg_catalog.text[]) ORDER BY 1, 2",
               source->server.version >= 150000 ? lists : "false, false");
}

static int find_name(const PGresult *result, const char *schema, const char *name)
{
    for (int i = 0; i < PQntuples(result); i++)
        if (strcmp(PQgetvalue(result, i, 0), schema) == 0 &&
            strcmp(PQgetvalue(result, i, 1), name) == 0)
            return i;
    return -1;
}

/* What a publication leaves out of a table that it holds. */
struct left_out {
    bool rows, columns;
};

static void left_out_add(struct left_out *left_out, const PGresult *result, int row)
{
    left_out->rows = left_out->rows || (row >= 0 && cell_true(result, row, 2));
    left_out->columns = left_out->columns || (row >= 0 && cell_true(result, row, 3));
}

/* A column that isn't told would look like one that was dropped. */
static int refuse_partly(const struct follow *f, const struct rnl_table *table,
                         const struct left_out *left_out, struct rnl_error *err)
{
    if (left_out->rows) {
        rnl_fail(err, RNL_E_CONFIG, "source.publication_filter",
                 "the publication \"%s\" leaves rows of %s.%s out by a filter of its own",
                 f->publication, table->schema, table->name);
        rnl_hint(err, "take WHERE out of the publication, or use another one");
    } else {
        rnl_fail(err, RNL_E_CONFIG, "source.publication_columns",
                 "the publication \"%s\" leaves columns of %s.%s out by a list of its own",
                 f->publication, table->schema, table->name);
        rnl_hint(err, "take the list of columns out of the publication, or use another one");
    }
    return RNL_E_CONFIG;
}

/*
 * Whether the catalog's table is there no more: another one may have its name. The stream can't
 * tell that, the notes do.
 */
static int table_is_gone(struct pg_source *source, const struct rnl_table *table, bool *gone,
                         struct rnl_error *err)
{
    struct arena arena = {0};
    struct form form;
    PGresult *result;
    int status = conn_query(source->control,
                            "SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n"
                            " ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2",
                            2, (const char *const[]){table->schema, table->name},
                            "look for a table", &result, err);

    *gone = false;
    if (status != RNL_OK)
        return status;
    if (form_of(table, &arena, &form))
        *gone = PQntuples(result) == 0 || (form.oid && cell_oid(result, 0, 0) != form.oid);
    arena_free(&arena);
    PQclear(result);
    return RNL_OK;
}

static int check_table(struct pg_source *source, const struct rnl_table *table,
                       const PGresult *result, const struct follow *f, struct rnl_error *err)
{
    int row = find_name(result, table->schema, table->name);
    struct left_out left_out = {.rows = false};
    bool found = row >= 0;

    left_out_add(&left_out, result, row);
    if (!found) {
        size_t count;
        const struct leaf *leaves = leaves_of(source, table->schema, table->name, &count);

        found = count > 0;
        for (size_t i = 0; i < count; i++) {
            row = find_name(result, leaves[i].schema, leaves[i].name);
            found = found && row >= 0;
            left_out_add(&left_out, result, row);
        }
    }
    if (!found) {
        bool gone;

        if (table_is_gone(source, table, &gone, err) != RNL_OK || gone)
            return err->status;
        rnl_fail(err, RNL_E_CONFIG, "source.publication_tables",
                 "the publication \"%s\" doesn't hold the table %s.%s: its changes are not told",
                 f->publication, table->schema, table->name);
        rnl_hint(err, f->own_publication ? "load again with --restart"
                                         : "ALTER PUBLICATION … ADD TABLE, or exclude the table");
        return RNL_E_CONFIG;
    }
    if (left_out.rows || left_out.columns)
        return refuse_partly(f, table, &left_out, err);
    return RNL_OK;
}

/* --- tables that join ---------------------------------------------------------------------- */

static int is_published(struct pg_source *source, const char *publication,
                        const struct rnl_table *table, bool *published, struct rnl_error *err)
{
    const char *params[] = {publication, table->schema, table->name};
    PGresult *result;
    int status = conn_query(source->control,
                            "SELECT 1 FROM pg_catalog.pg_publication p"
                            " JOIN pg_catalog.pg_publication_rel r ON r.prpubid = p.oid"
                            " JOIN pg_catalog.pg_class c ON c.oid = r.prrelid"
                            " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
                            " WHERE p.pubname = $1 AND n.nspname = $2 AND c.relname = $3"
                            " UNION ALL SELECT 1 FROM pg_catalog.pg_publication p"
                            " WHERE p.pubname = $1 AND p.puballtables",
                            3, params, "look at the publication's tables", &result, err);

    if (status != RNL_OK)
        return status;
    *published = PQntuples(result) > 0;
    PQclear(result);
    return RNL_OK;
}

/* A publication must be older than the place that the log is read from. */
static int inserts_missing(struct pg_source *source, const struct follow *f,
                           const struct rnl_table *table, struct rnl_error *err)
{
    PGresult *result;
    const char *params[] = {f->inserts};
    int status =
        conn_query(source->control, "SELECT 1 FROM pg_catalog.pg_publication WHERE pubname = $1", 1,
                   params, "look at the publication", &result, err);

    if (status == RNL_OK && PQntuples(result) == 0) {
        rnl_fail(err, RNL_E_CONFIG, "source.joins_inserts_only",
                 "the table %s.%s can't join this pipeline: it has nothing that names a row in its "
                 "changes, and the pipeline was begun without such tables",
                 table->schema, table->name);
        rnl_hint(err, "give it a primary key, or ALTER TABLE … REPLICA IDENTITY FULL; or load it "
                      "by a pipeline of its own");
        status = RNL_E_CONFIG;
    }
    PQclear(result);
    return status;
}

/*
 * Under a lock that waits for those who write to the table: of a transaction that was begun before
 * the table is published, servers may tell nothing, nor of what follows it.
 */
static int add_one(struct pg_source *source, const struct follow *f, const struct rnl_table *table,
                   bool inserts_only, struct rnl_error *err)
{
    struct buf sql = {0};
    size_t count;
    const struct leaf *leaves = leaves_of(source, table->schema, table->name, &count);
    bool whole = source->server.version >= 130000 || (count == 1 && leaves->is_root);
    int status;

    buf_puts(&sql, "BEGIN; SET LOCAL lock_timeout = '10s'; LOCK TABLE ");
    buf_qualified(&sql, table->schema, table->name);
    buf_puts(&sql, " IN SHARE ROW EXCLUSIVE MODE; ALTER PUBLICATION ");
    buf_name(&sql, inserts_only ? f->inserts : f->publication);
    buf_puts(&sql, " ADD TABLE ");
    if (whole) {
        buf_puts(&sql, "ONLY ");
        buf_qualified(&sql, table->schema, table->name);
    }
    for (size_t k = 0; !whole && k < count; k++) {
        buf_puts(&sql, k ? ", ONLY " : "ONLY ");
        buf_qualified(&sql, leaves[k].schema, leaves[k].name);
    }
    buf_puts(&sql, "; COMMIT");
    status = buf_text(&sql)
                 ? conn_exec(source->control, sql.ptr, "add a table to the publication", err)
                 : error_memory(err);
    buf_free(&sql);
    if (status != RNL_OK)
        PQclear(PQexec(source->control->pg, "ROLLBACK"));
    if (status != RNL_OK && strcmp(err->code, "postgres.privilege") == 0)
        rnl_hint(err, "own the table; or have its owner add it to the publication \"%s\"",
                 inserts_only ? f->inserts : f->publication);
    return status;
}

int publication_extend(struct pg_source *source, const struct follow *f,
                       const struct rnl_catalog *catalog, struct rnl_error *err)
{
    int status = RNL_OK;

    for (uint32_t i = 0; status == RNL_OK && i < f->ntables; i++) {
        const struct rnl_table *table = followed(source, catalog, i);
        bool inserts_only = f->inserts_only[i], published = false;

        if (!(table->flags & RNL_TABLE_JOINS_NOW))
            continue;
        if (inserts_only)
            status = inserts_missing(source, f, table, err);
        if (status == RNL_OK)
            status = is_published(source, inserts_only ? f->inserts : f->publication, table,
                                  &published, err);
        if (status == RNL_OK && !published)
            status = add_one(source, f, table, inserts_only, err);
    }
    return status;
}

int publication_check(struct pg_source *source, const struct follow *f,
                      const struct rnl_catalog *catalog, struct rnl_error *err)
{
    struct buf sql = {0}, names = {0};
    PGresult *result = NULL;
    int status = check_words(source, f, f->publication, false, err);

    if (status == RNL_OK && f->has_inserts)
        status = check_words(source, f, f->inserts, true, err);
    if (status != RNL_OK)
        return status;
    buf_puts(&names, "{");
    buf_name(&names, f->publication);
    if (f->has_inserts) {
        buf_puts(&names, ",");
        buf_name(&names, f->inserts);
    }
    buf_puts(&names, "}");
    tables_sql(source, &sql);
    if (!buf_text(&sql) || !buf_text(&names))
        status = error_memory(err);
    if (status == RNL_OK)
        status = conn_query(source->control, sql.ptr, 1, (const char *const[]){names.ptr},
                            "look at the publication's tables", &result, err);
    err->status = status;
    for (uint32_t i = 0; status == RNL_OK && i < source->server.host->table_count(catalog); i++)
        status = check_table(source, followed(source, catalog, i), result, f, err);
    PQclear(result);
    buf_free(&sql);
    buf_free(&names);
    return status;
}
