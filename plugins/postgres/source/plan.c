/*
 * Cuts tables into units. By key, where rows lie in its order: such a unit can be gone on
 * with behind any row. By pages where there is no key, or where rows lie in another order,
 * so that a range of keys would touch most pages: such a unit is committed as a whole.
 */
#include "unit.h"

#include <inttypes.h>

#define PAGES_PER_BOUND 30 /* sampled */
#define PAGES_LEAST 500
#define IN_ORDER                                                                   \
    0.8 /* correlation of keys and places from which a range of keys is a range of \
           pages */
#define PAGE_UNIT_LEAST (8 << 20)

struct planner {
    struct pg_source *source;
    const struct rnl_table *table;
    const struct leaf *leaf;
    struct rnl_plan *plan;
    struct key key;
    struct rnl_unit unit;
    struct place place;
    int64_t chunk_bytes;
    struct rnl_error *err;
};

static int add_unit(struct planner *p)
{
    struct buf from = {0}, to = {0};
    int status;

    place_encode(&p->place, &from, &to);
    if (from.failed || to.failed) {
        status = error_memory(p->err);
    } else {
        p->unit.from = (struct rnl_slice){from.ptr, from.len};
        p->unit.to = (struct rnl_slice){to.ptr, to.len};
        status = p->source->server.host->unit_add(p->plan, &p->unit, p->err);
    }
    buf_free(&from);
    buf_free(&to);
    return status;
}

static int plan_whole(struct planner *p, enum unit_mode mode)
{
    p->place.mode = mode;
    p->place.from.count = p->place.to.count = 0;
    p->unit.bytes = p->leaf ? p->leaf->bytes : -1;
    p->unit.rows = p->leaf ? p->leaf->rows : -1;
    return add_unit(p);
}

/*
 * The sample's rows, ranked by key and by place: how far the two agree, and the keys that
 * cut it into equal parts.
 */
static void sample_sql(const struct planner *p, int64_t parts, struct buf *sql)
{
    const struct leaf *leaf = p->leaf;
    int64_t pages = parts * PAGES_PER_BOUND;
    double percent;

    pages = pages > PAGES_LEAST ? pages : PAGES_LEAST;
    percent = leaf->pages > pages ? 100.0 * (double)pages / (double)leaf->pages : 100.0;
    buf_puts(sql, "WITH s AS (SELECT ctid AS place");
    for (uint32_t i = 0; i < p->key.ncolumns; i++) {
        buf_puts(sql, ", ");
        buf_name(sql, COLUMN(p->table, p->key.columns[i])->name);
        buf_printf(sql, " AS k%u", i);
    }
    buf_puts(sql, " FROM ONLY ");
    buf_qualified(sql, leaf->schema, leaf->name);
    buf_puts(sql, " AS ");
    buf_name(sql, p->table->name);
    buf_printf(sql, " TABLESAMPLE SYSTEM (%.6f) REPEATABLE (1)", percent);
    if (p->table->where && *p->table->where)
        buf_printf(sql, " WHERE (%s\n)", p->table->where);
    buf_puts(sql, "), r AS (SELECT s.*, pg_catalog.row_number() OVER (ORDER BY ");
    for (uint32_t i = 0; i < p->key.ncolumns; i++)
        buf_printf(sql, "%sk%u", i ? ", " : "", i);
    buf_puts(sql, ") AS rank, pg_catalog.row_number() OVER (ORDER BY place) AS seat,"
                  " pg_catalog.count(*) OVER () AS n FROM s),"
                  " c AS (SELECT r.*, pg_catalog.corr(rank, seat) OVER () AS agree FROM r)"
                  " SELECT COALESCE(agree, 1)");
    for (uint32_t i = 0; i < p->key.ncolumns; i++)
        buf_printf(sql, ", k%u::pg_catalog.text", i);
    buf_printf(sql,
               " FROM c WHERE rank > 1 AND (rank - 1) * %" PRId64 " / n <> (rank - 2) * %" PRId64
               " / n ORDER BY rank",
               parts, parts);
}

static void bound_take(const struct planner *p, const PGresult *result, int row,
                       struct bound *bound)
{
    bound->count = p->key.ncolumns;
    for (uint32_t i = 0; i < bound->count; i++)
        bound->values[i] = (struct rnl_slice){PQgetvalue(result, row, (int)i + 1),
                                              (size_t)PQgetlength(result, row, (int)i + 1)};
}

static int add_ranges(struct planner *p, const PGresult *result)
{
    int64_t parts = PQntuples(result) + 1;
    int status = RNL_OK;

    p->place.mode = UNIT_KEYS;
    p->unit.bytes = p->leaf->bytes / parts;
    p->unit.rows = p->leaf->rows >= 0 ? p->leaf->rows / parts : -1;
    for (int i = 0; status == RNL_OK && i < parts; i++) {
        p->place.from.count = p->place.to.count = 0;
        if (i > 0)
            bound_take(p, result, i - 1, &p->place.from);
        if (i + 1 < parts)
            bound_take(p, result, i, &p->place.to);
        status = add_unit(p);
    }
    return status;
}

/* Which rows there were when pages were counted. */
static int pages_begin(struct planner *p)
{
    PGresult *result;
    int status = conn_query(p->source->control,
                            "SELECT pg_catalog.txid_snapshot_xmin(pg_catalog.txid_current_snapshot"
                            "()) % 4294967296",
                            0, NULL, "look at transactions", &result, p->err);

    if (status != RNL_OK)
        return status;
    snprintf(p->place.oldest, sizeof(p->place.oldest), "%s", PQgetvalue(result, 0, 0));
    snprintf(p->place.file, sizeof(p->place.file), "%u", p->leaf->file);
    PQclear(result);
    return RNL_OK;
}

static int plan_pages(struct planner *p)
{
    int64_t bytes = p->chunk_bytes / 4 > PAGE_UNIT_LEAST ? p->chunk_bytes / 4 : PAGE_UNIT_LEAST;
    int64_t parts = p->leaf->bytes / (bytes < p->chunk_bytes ? bytes : p->chunk_bytes) + 1;
    int64_t step = p->leaf->pages / parts + 1, first = 0;
    int status = pages_begin(p);

    p->place.mode = UNIT_PAGES;
    p->unit.bytes = p->leaf->bytes / parts;
    p->unit.rows = p->leaf->rows >= 0 ? p->leaf->rows / parts : -1;
    for (; status == RNL_OK; first += step) {
        bool last = first + step >= p->leaf->pages;
        char from[24], to[24];

        snprintf(from, sizeof(from), "%" PRId64, first);
        snprintf(to, sizeof(to), "%" PRId64, first + step);
        p->place.from = (struct bound){.count = first > 0, .values = {{from, strlen(from)}}};
        p->place.to = (struct bound){.count = !last, .values = {{to, strlen(to)}}};
        status = add_unit(p);
        if (last)
            break;
    }
    return status;
}

static int plan_keys(struct planner *p)
{
    int64_t parts = p->leaf->bytes / p->chunk_bytes + 1;
    /* pages hold for one view alone, and a run that follows changes may need several */
    bool by_pages = p->source->server.version >= 140000 && !p->source->follow;
    struct buf sql = {0};
    PGresult *result;
    int status;

    sample_sql(p, parts, &sql);
    status = buf_text(&sql)
                 ? conn_query(p->source->control, sql.ptr, 0, NULL, "sample keys", &result, p->err)
                 : error_memory(p->err);
    buf_free(&sql);
    if (status != RNL_OK)
        return status;
    if (by_pages && PQntuples(result) && strtod(PQgetvalue(result, 0, 0), NULL) < IN_ORDER)
        status = plan_pages(p);
    else
        status = add_ranges(p, result);
    PQclear(result);
    return status;
}

static int plan_leaf(struct planner *p)
{
    const struct leaf *leaf = p->leaf;
    bool by_pages = p->source->server.version >= 140000 && leaf->heap;

    snprintf(p->place.schema, sizeof(p->place.schema), "%s", leaf->schema);
    snprintf(p->place.name, sizeof(p->place.name), "%s", leaf->name);
    p->unit.flags = leaf->rows > 0 && leaf->bytes / leaf->rows >= 1 << 20 ? RNL_UNIT_HEAVY : 0;
    if (leaf->bytes <= p->chunk_bytes + p->chunk_bytes / 2 || !leaf->heap)
        return plan_whole(p, UNIT_WHOLE);
    if (p->key.ncolumns)
        return plan_keys(p);
    return by_pages ? plan_pages(p) : plan_whole(p, UNIT_WHOLE);
}

int source_plan(void *self, const struct rnl_catalog *catalog, uint32_t index, int64_t chunk_bytes,
                struct rnl_plan *plan, struct rnl_error *err)
{
    struct pg_source *source = self;
    struct planner p = {
        .source = source,
        .table = source->server.host->table_at(catalog, index),
        .plan = plan,
        .unit = {.size = sizeof(p.unit), .kind = RNL_UNIT_CHUNK, .table = index},
        .place = {.planner = source->number},
        .chunk_bytes = chunk_bytes > 0 ? chunk_bytes : 1,
        .err = err,
    };
    const struct leaf *leaves;
    size_t count;
    int status = RNL_OK;

    if (p.table->query)
        return plan_whole(&p, UNIT_QUERY);
    leaves = leaves_of(source, p.table->schema, p.table->name, &count);
    if (source->follow && table_is_keyless(p.table)) {
        /* one view for all of it, and one place in the log that the view stands at */
        p.leaf = count == 1 ? leaves : NULL;
        if (!p.leaf || !p.leaf->is_root)
            return plan_whole(&p, UNIT_ROOT);
        snprintf(p.place.schema, sizeof(p.place.schema), "%s", leaves->schema);
        snprintf(p.place.name, sizeof(p.place.name), "%s", leaves->name);
        return plan_whole(&p, UNIT_WHOLE);
    }
    key_choose(p.table, &p.key);
    for (size_t i = 0; i < count; i++)
        if (!leaves[i].readable && !leaves[i].is_root)
            return plan_whole(&p, UNIT_ROOT);
    for (size_t i = 0; status == RNL_OK && i < count; i++) {
        p.leaf = &leaves[i];
        status = plan_leaf(&p);
    }
    return status;
}
