/* Describes tables by a few queries for some hundreds of them at once, however many they are. */
#include "describe.h"

#include "marks.h"

#define BATCH_TABLES 500 /* bounds what is held in memory */

static int by_oid(const void *a, const void *b)
{
    Oid left = *(const Oid *)a, right = *(const Oid *)b;

    return left < right ? -1 : left > right;
}

static int draft_by_oid(const void *a, const void *b)
{
    return by_oid(&((const struct draft *)a)->oid, &((const struct draft *)b)->oid);
}

static int draft_by_name(const void *a, const void *b)
{
    const struct rnl_table *left = &((const struct draft *)a)->table;
    const struct rnl_table *right = &((const struct draft *)b)->table;
    int order = strcmp(left->schema, right->schema);

    return order ? order : strcmp(left->name, right->name);
}

bool wanted_has(const struct describer *d, Oid table)
{
    return d->nwanted && bsearch(&table, d->oids, d->nwanted, sizeof(Oid), by_oid);
}

const struct wanted *wanted_find(const struct describer *d, Oid table)
{
    for (size_t i = 0; wanted_has(d, table) && i < d->nwanted; i++)
        if (d->wanted[i].oid == table)
            return &d->wanted[i];
    return NULL;
}

struct draft *draft_find(struct describer *d, Oid table)
{
    struct draft key = {.oid = table};

    if (!d->ndrafts)
        return NULL;
    if (!d->last || d->last->oid != table)
        d->last = bsearch(&key, d->drafts, d->ndrafts, sizeof(key), draft_by_oid);
    return d->last;
}

int draft_column(const struct draft *draft, int attribute)
{
    for (uint32_t i = 0; i < draft->form.ncolumns; i++)
        if (draft->form.columns[i].number == (uint32_t)attribute)
            return (int)i;
    return -1;
}

void *items_grow(struct arena *arena, void *list, uint32_t *count, uint32_t *room, size_t item)
{
    if (*count == *room) {
        uint32_t larger = *room ? *room * 2 : 8;
        void *copy = arena_alloc(arena, larger * item);

        if (!copy)
            return NULL;
        if (*count)
            memcpy(copy, list, *count * item);
        *room = larger;
        list = copy;
    }
    ++*count;
    return list;
}

const char *batch_text(struct describer *d, const char *text)
{
    return arena_strdup(&d->batch, text);
}

char *oids_text(const Oid *oids, size_t count)
{
    struct buf text = {0};

    buf_byte(&text, '{');
    for (size_t i = 0; i < count; i++)
        buf_printf(&text, "%s%u", i ? "," : "", oids[i]);
    buf_byte(&text, '}');
    return buf_take(&text);
}

int describe_query(struct describer *d, const char *sql, const char *oids, const char *doing,
                   describe_row_fn *row_fn, struct rnl_error *err)
{
    PGresult *result;
    int failed = 0;
    int status = conn_query(d->source->control, sql, oids ? 1 : 0, &oids, doing, &result, err);

    if (status != RNL_OK)
        return status;
    for (int i = 0; !failed && i < PQntuples(result); i++)
        failed = row_fn(d, result, i);
    PQclear(result);
    return failed ? error_memory(err) : RNL_OK;
}

/* Ours in a database that is or was a target, and what extensions bring along, is no data. */
#define TABLES_WHERE                                                                      \
    "c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'"        \
    "  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"                     \
    "  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.objid = c.oid"          \
    "   AND e.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND e.deptype = 'e')"  \
    "  AND NOT (n.nspname = 'runnel' AND 2 = (SELECT count(*) FROM pg_catalog.pg_class o" \
    "   WHERE o.relnamespace = n.oid AND o.relname IN ('pipeline', 'lane')))"

const char tables_where_sql[] = TABLES_WHERE;
static const char tables_sql[] =
    "SELECT c.oid, n.nspname, c.relname FROM pg_catalog.pg_class c"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE " TABLES_WHERE
    " ORDER BY n.nspname COLLATE \"C\", c.relname COLLATE \"C\"";

static int wanted_row(struct describer *d, const PGresult *result, int row)
{
    const char *schema = cell(result, row, 1), *name = cell(result, row, 2);
    struct wanted *wanted;

    if (!d->source->server.host->table_wanted(d->catalog, schema, name))
        return 0;
    if ((d->nwanted & (d->nwanted - 1)) == 0) { /* room is a power of two */
        size_t room = d->nwanted ? d->nwanted * 2 : 1;

        wanted = realloc(d->wanted, room * sizeof(*wanted));
        if (!wanted)
            return -1;
        d->wanted = wanted;
    }
    wanted = &d->wanted[d->nwanted++];
    wanted->oid = cell_oid(result, row, 0);
    wanted->schema = arena_strdup(&d->arena, schema);
    wanted->name = arena_strdup(&d->arena, name);
    return wanted->schema && wanted->name ? 0 : -1;
}

static int wanted_describe(struct describer *d, struct rnl_error *err)
{
    int status = describe_query(d, tables_sql, NULL, "list tables", wanted_row, err);

    if (status != RNL_OK)
        return status;
    d->oids = calloc(d->nwanted + 1, sizeof(*d->oids));
    if (!d->oids)
        return error_memory(err);
    for (size_t i = 0; i < d->nwanted; i++)
        d->oids[i] = d->wanted[i].oid;
    qsort(d->oids, d->nwanted, sizeof(*d->oids), by_oid);
    return RNL_OK;
}

/* What a CREATE TABLE says beside its columns: UNLOGGED, options. */
static const char details_sql[] =
    "SELECT c.oid, c.relkind = 'p',"
    " pg_catalog.obj_description(c.oid, 'pg_class'),"
    " CASE WHEN c.relkind = 'p' THEN pg_catalog.pg_get_partkeydef(c.oid) END,"
    " NULLIF(pg_catalog.concat_ws(' ', CASE WHEN c.relpersistence = 'u' THEN 'UNLOGGED' END,"
    "  'WITH (' || (SELECT pg_catalog.string_agg(pg_catalog.split_part(o, '=', 1) || '=' ||"
    "    pg_catalog.quote_literal(pg_catalog.substr(o, pg_catalog.strpos(o, '=') + 1)), ', ')"
    "   FROM pg_catalog.unnest(c.reloptions) o) || ')'), '')"
    " FROM pg_catalog.unnest($1::pg_catalog.oid[]) w(oid)"
    " JOIN pg_catalog.pg_class c ON c.oid = w.oid";

static int details_row(struct describer *d, const PGresult *result, int row)
{
    struct draft *draft = draft_find(d, cell_oid(result, row, 0));

    if (!draft)
        return 0;
    draft->partitioned = cell_true(result, row, 1);
    draft->table.comment = batch_text(d, cell(result, row, 2));
    draft->table.partition_by = batch_text(d, cell(result, row, 3));
    draft->table.storage = batch_text(d, cell(result, row, 4));
    if (draft->partitioned)
        draft->table.flags |= RNL_TABLE_PARTITIONED;
    return 0;
}

/* Rows and bytes of a table are those of its leaves. */
static void draft_measure(const struct describer *d, struct draft *draft)
{
    size_t count;
    const struct leaf *leaves =
        leaves_of(d->source, draft->table.schema, draft->table.name, &count);

    draft->table.rows = draft->table.bytes = 0;
    for (size_t i = 0; i < count; i++) {
        draft->table.bytes += leaves[i].bytes;
        if (leaves[i].rows < 0)
            draft->table.rows = -1;
        else if (draft->table.rows >= 0)
            draft->table.rows += leaves[i].rows;
    }
}

static void draft_close(const struct describer *d, struct draft *draft)
{
    struct rnl_table *table = &draft->table;

    draft_measure(d, draft);
    table->columns = draft->columns;
    table->indexes = draft->indexes;
    table->foreign_keys = draft->foreign_keys;
    table->checks = draft->checks;
    table->partitions = draft->partitions;
    draft->form.digest = form_digest(table);
}

static int draft_add(struct describer *d, struct draft *draft, struct rnl_error *err)
{
    struct buf text = {0};

    form_print(&draft->form, &text);
    draft->table.form = batch_text(d, buf_text(&text));
    buf_free(&text);
    if (!draft->table.form)
        return error_memory(err);
    return d->source->server.host->table_add(d->catalog, &draft->table, err);
}

static int batch_begin(struct describer *d, size_t first, size_t count)
{
    d->ndrafts = count;
    d->last = NULL;
    d->drafts = arena_alloc(&d->batch, count * sizeof(*d->drafts));
    if (!d->drafts)
        return -1;
    for (size_t i = 0; i < count; i++) {
        struct draft *draft = &d->drafts[i];

        draft->oid = d->wanted[first + i].oid;
        draft->table = (struct rnl_table){
            .size = sizeof(draft->table),
            .schema = d->wanted[first + i].schema,
            .name = d->wanted[first + i].name,
            .dialect = "postgres",
            .column_size = sizeof(struct rnl_column),
            .index_size = sizeof(struct rnl_index),
            .foreign_key_size = sizeof(struct rnl_foreign_key),
            .check_size = sizeof(struct rnl_check),
            .partition_size = sizeof(struct rnl_partition),
        };
    }
    qsort(d->drafts, count, sizeof(*d->drafts), draft_by_oid);
    return 0;
}

/* Where the forms begin to hold: what is told by the log before may be of other forms. */
static int batch_place(struct describer *d, struct rnl_error *err)
{
    uint64_t lsn;
    int status = marks_end(d->source->control, &lsn, err);

    for (size_t i = 0; status == RNL_OK && i < d->ndrafts; i++) {
        d->drafts[i].form.since = (struct place){.commit = lsn};
        draft_close(d, &d->drafts[i]);
    }
    return status;
}

/* What is read stands in the batch's arena. */
static int batch_read(struct describer *d, size_t first, size_t count, struct rnl_error *err)
{
    char *oids = NULL;
    Oid *list;
    int status;

    list = batch_begin(d, first, count) ? NULL : arena_alloc(&d->batch, count * sizeof(*list));
    for (size_t i = 0; list && i < count; i++)
        list[i] = d->drafts[i].oid;
    oids = list ? oids_text(list, count) : NULL;
    if (!oids)
        return error_memory(err);
    status = marks_describe(d, oids, err);
    if (status == RNL_OK)
        status = describe_query(d, details_sql, oids, "describe tables", details_row, err);
    if (status == RNL_OK)
        status = columns_describe(d, oids, err);
    if (status == RNL_OK)
        status = indexes_describe(d, oids, err);
    if (status == RNL_OK)
        status = constraints_describe(d, oids, err);
    if (status == RNL_OK)
        status = partitions_describe(d, oids, err);
    if (status == RNL_OK)
        status = batch_place(d, err);
    free(oids);
    return status;
}

static int batch_describe(struct describer *d, size_t first, size_t count, struct rnl_error *err)
{
    int status = batch_read(d, first, count, err);

    if (status == RNL_OK)
        qsort(d->drafts, count, sizeof(*d->drafts), draft_by_name);
    for (size_t i = 0; status == RNL_OK && i < count; i++)
        status = draft_add(d, &d->drafts[i], err);
    arena_free(&d->batch);
    d->ndrafts = 0;
    return status;
}

static int all_describe(struct describer *d, struct rnl_error *err)
{
    int status = wanted_describe(d, err);

    if (status == RNL_OK)
        status = leaves_describe(d, err);
    if (status == RNL_OK)
        status = sequences_describe(d, err);
    for (size_t at = 0; status == RNL_OK && at < d->nwanted; at += BATCH_TABLES) {
        size_t left = d->nwanted - at;

        status = batch_describe(d, at, left < BATCH_TABLES ? left : BATCH_TABLES, err);
    }
    if (status == RNL_OK)
        status = queries_describe(d, err);
    if (status == RNL_OK)
        status = objects_add(d, err);
    return status == RNL_OK ? sequences_add(d, err) : status;
}

void describer_free(struct describer *d)
{
    arena_free(&d->batch);
    arena_free(&d->arena);
    free(d->wanted);
    free(d->oids);
    free(d->types.items);
    free(d->sequences);
}

int source_describe(void *self, struct rnl_catalog *catalog, struct rnl_error *err)
{
    struct describer d = {.source = self, .catalog = catalog};
    int status = all_describe(&d, err);

    if (status == RNL_OK)
        status = source_report(self, catalog, err);
    describer_free(&d);
    return status;
}

int table_describe(struct describer *d, Oid oid, const char *schema, const char *name,
                   struct rnl_error *err)
{
    int status;

    d->wanted = calloc(1, sizeof(*d->wanted));
    d->oids = calloc(1, sizeof(*d->oids));
    if (!d->wanted || !d->oids)
        return error_memory(err);
    d->nwanted = 1;
    d->oids[0] = oid;
    *d->wanted =
        (struct wanted){oid, arena_strdup(&d->arena, schema), arena_strdup(&d->arena, name)};
    if (!d->wanted->schema || !d->wanted->name)
        return error_memory(err);
    status = leaves_describe(d, err);
    if (status == RNL_OK)
        status = sequences_describe(d, err);
    return status == RNL_OK ? batch_read(d, 0, 1, err) : status;
}
