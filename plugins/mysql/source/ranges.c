/* Cuts a table into ranges of its key, by what the server estimates of them. */
#include "key.h"
#include "source.h"

#define HEAVY_ROW_BYTES (INT64_C(1) << 20)
#define RANGES_MAX 4096
/* Questions to the server per table: each takes a fraction of a millisecond. */
#define PROBES_MAX 200

/* Keys are kept as unsigned numbers in the same order: a signed one has its top bit flipped. */
struct cutter {
    struct source *source;
    const struct rnl_table *table;
    struct key key;
    bool is_signed;
    int64_t rows_wanted; /* in a range */
    uint64_t *cuts;      /* each range begins at one; the first is open */
    int64_t *rows;       /* estimates, of the range that begins at the cut */
    uint32_t count;
    uint32_t probes;
};

static uint64_t top_bit(const struct cutter *cutter)
{
    return cutter->is_signed ? UINT64_C(1) << 63 : 0;
}

static const struct rnl_column *key_column(const struct cutter *cutter)
{
    return &cutter->table->columns[cutter->key.columns[0]];
}

static void number_add(const struct cutter *cutter, struct text *sql, uint64_t number)
{
    number ^= top_bit(cutter);
    if (cutter->is_signed)
        text_printf(sql, "%lld", (long long)number);
    else
        text_printf(sql, "%llu", (unsigned long long)number);
}

static void table_add(const struct cutter *cutter, struct text *sql)
{
    text_add(sql, " FROM ");
    text_name(sql, cutter->table->schema);
    text_add(sql, ".");
    text_name(sql, cutter->table->name);
}

/* Lowest and highest key: two looks into the index. *found is false for an empty table. */
static int ends_read(struct cutter *cutter, uint64_t *low, uint64_t *high, bool *found,
                     struct rnl_error *err)
{
    struct conn *conn = cutter->source->control;
    struct text sql = {0};
    MYSQL_RES *result;
    MYSQL_ROW row;
    int status;

    text_add(&sql, "SELECT MIN(");
    text_name(&sql, key_column(cutter)->name);
    text_add(&sql, "), MAX(");
    text_name(&sql, key_column(cutter)->name);
    text_add(&sql, ")");
    table_add(cutter, &sql);
    status = sql.failed ? error_memory(err) : conn_query(conn, sql.ptr, &result, err);
    text_free(&sql);
    if (status)
        return status;
    row = mysql_fetch_row(result);
    *found = row && row[0] && row[1];
    if (*found) {
        *low = cutter->is_signed ? (uint64_t)strtoll(row[0], NULL, 10) : strtoull(row[0], NULL, 10);
        *high =
            cutter->is_signed ? (uint64_t)strtoll(row[1], NULL, 10) : strtoull(row[1], NULL, 10);
        *low ^= top_bit(cutter);
        *high ^= top_bit(cutter);
        while (mysql_fetch_row(result))
            ;
    }
    return conn_finish(conn, result, "reading the ends of a key", err);
}

/* The optimizer's estimate of the rows with from <= key < to. */
static int rows_estimate(struct cutter *cutter, uint64_t from, uint64_t to, int64_t *rows,
                         struct rnl_error *err)
{
    struct text sql = {0};
    MYSQL_RES *result;
    MYSQL_FIELD *fields;
    MYSQL_ROW row;
    unsigned at = 0, count;
    int status;

    *rows = 0;
    cutter->probes++;
    text_add(&sql,
             cutter->source->server.mariadb ? "EXPLAIN SELECT 1" : "EXPLAIN FORMAT=TRADITIONAL SELECT 1");
    table_add(cutter, &sql);
    /* not FORCE: MySQL wouldn't look into the index then, and say 1 */
    text_add(&sql, " USE INDEX (");
    text_name(&sql, cutter->key.index);
    text_add(&sql, ") WHERE ");
    text_name(&sql, key_column(cutter)->name);
    text_add(&sql, " >= ");
    number_add(cutter, &sql, from);
    text_add(&sql, " AND ");
    text_name(&sql, key_column(cutter)->name);
    text_add(&sql, " < ");
    number_add(cutter, &sql, to);
    status =
        sql.failed ? error_memory(err) : conn_query(cutter->source->control, sql.ptr, &result, err);
    text_free(&sql);
    if (status)
        return status;
    fields = mysql_fetch_fields(result);
    count = mysql_num_fields(result);
    while (at < count && strcmp(fields[at].name, "rows") != 0)
        at++;
    while ((row = mysql_fetch_row(result)))
        if (at < count && row[at])
            *rows = strtoll(row[at], NULL, 10);
    return conn_finish(cutter->source->control, result, "estimating rows", err);
}

/* from <= keys < to, halved while they seem too many. Ranges come in ascending order. */
static int range_cut(struct cutter *cutter, uint64_t from, uint64_t to, struct rnl_error *err)
{
    struct {
        uint64_t from, to;
    } stack[80], now;
    int depth = 0, status;
    int64_t rows;

    stack[depth].from = from;
    stack[depth++].to = to;
    while (depth > 0) {
        now = stack[--depth];
        rows = cutter->rows_wanted;
        if (cutter->probes < PROBES_MAX) {
            status = rows_estimate(cutter, now.from, now.to, &rows, err);
            if (status)
                return status;
        }
        if (rows > 2 * cutter->rows_wanted && now.to - now.from > 1 && depth < 78 &&
            cutter->probes < PROBES_MAX) {
            uint64_t middle = now.from + (now.to - now.from) / 2;

            stack[depth].from = middle;
            stack[depth++].to = now.to;
            stack[depth].from = now.from;
            stack[depth++].to = middle;
            continue;
        }
        /* a neighbour that is nearly empty is taken in */
        if (cutter->count && cutter->rows[cutter->count - 1] + rows <= cutter->rows_wanted) {
            cutter->rows[cutter->count - 1] += rows;
            continue;
        }
        if (cutter->count == RANGES_MAX) {
            cutter->rows[cutter->count - 1] += rows;
            continue;
        }
        cutter->cuts[cutter->count] = now.from;
        cutter->rows[cutter->count++] = rows;
    }
    return RNL_OK;
}

/* low <= keys <= high, in even parts first. */
static int parts_cut(struct cutter *cutter, uint64_t low, uint64_t high, int64_t parts,
                     struct rnl_error *err)
{
    uint64_t step;
    int status = RNL_OK;

    step = (high - low) / (uint64_t)parts;
    if (step == 0)
        step = 1;
    for (int64_t i = 0; i < parts && !status; i++) {
        uint64_t from = low + (uint64_t)i * step;

        if (from > high || from < low)
            break;
        status =
            range_cut(cutter, from, i + 1 == parts || high - from < step ? high : from + step, err);
    }
    return status;
}

static int64_t rows_sum(const struct cutter *cutter)
{
    int64_t sum = 0;

    for (uint32_t i = 0; i < cutter->count; i++)
        sum += cutter->rows[i];
    return sum;
}

static int ranges_cut(struct cutter *cutter, int64_t parts, struct rnl_error *err)
{
    uint64_t low, high;
    bool found;
    int status = ends_read(cutter, &low, &high, &found, err);

    if (status || !found || low == high)
        return status;
    if (parts > RANGES_MAX / 2)
        parts = RANGES_MAX / 2;
    status = parts_cut(cutter, low, high, parts, err);
    if (status || rows_sum(cutter) >= cutter->table->rows / 4)
        return status;
    /* estimates that make no sense together: even parts it is */
    cutter->count = 0;
    cutter->probes = PROBES_MAX;
    return parts_cut(cutter, low, high, parts, err);
}

static int unit_make(const struct cutter *cutter, const struct rnl_unit *like, uint32_t i,
                     struct rnl_plan *plan, struct rnl_error *err)
{
    struct rnl_unit unit = *like;
    struct rnl_value value = {.type = cutter->is_signed ? RNL_T_INT : RNL_T_UINT};
    struct text from = {0}, to = {0};
    int64_t sum = rows_sum(cutter);
    int status;

    if (i > 0) {
        value.u = cutter->cuts[i] ^ top_bit(cutter);
        place_integer(&from, &value);
        unit.from = (struct rnl_slice){from.ptr, from.len};
    }
    if (i + 1 < cutter->count) {
        value.u = cutter->cuts[i + 1] ^ top_bit(cutter);
        place_integer(&to, &value);
        unit.to = (struct rnl_slice){to.ptr, to.len};
    }
    /* estimates of ranges are off together: of the table they are shares */
    unit.rows = (int64_t)((double)cutter->rows[i] * (double)like->rows / (double)(sum ? sum : 1));
    unit.bytes = like->rows > 0
                     ? (int64_t)((double)like->bytes / (double)like->rows * (double)unit.rows)
                     : -1;
    status = from.failed || to.failed ? error_memory(err)
                                      : cutter->source->ctx->host->unit_add(plan, &unit, err);
    text_free(&from);
    text_free(&to);
    return status;
}

/* A table that is worth it and has an integer for a key is cut. */
static int table_cut(struct cutter *cutter, const struct rnl_unit *whole, int64_t chunk_bytes,
                     struct rnl_plan *plan, struct rnl_error *err)
{
    int64_t parts = (whole->bytes + chunk_bytes - 1) / chunk_bytes;
    int status;

    cutter->rows_wanted = whole->rows / parts > 0 ? whole->rows / parts : 1;
    cutter->cuts = calloc(RANGES_MAX, sizeof(*cutter->cuts));
    cutter->rows = calloc(RANGES_MAX, sizeof(*cutter->rows));
    status = cutter->cuts && cutter->rows ? ranges_cut(cutter, parts, err) : error_memory(err);
    if (!status && cutter->count < 2)
        status = cutter->source->ctx->host->unit_add(plan, whole, err);
    else
        for (uint32_t i = 0; i < cutter->count && !status; i++)
            status = unit_make(cutter, whole, i, plan, err);
    free(cutter->cuts);
    free(cutter->rows);
    return status;
}

int source_plan(void *self, const struct rnl_catalog *catalog, uint32_t index, int64_t chunk_bytes,
                struct rnl_plan *plan, struct rnl_error *err)
{
    struct source *source = self;
    const struct rnl_table *table = source->ctx->host->table_at(catalog, index);
    struct cutter cutter = {.source = source, .table = table};
    struct rnl_unit whole = {
        .size = sizeof(whole),
        .kind = RNL_UNIT_CHUNK,
        .table = index,
        .rows = table->rows,
        .bytes = table->bytes,
    };

    key_choose(table, &cutter.key);
    if (table->rows > 0 && table->bytes / table->rows >= HEAVY_ROW_BYTES)
        whole.flags |= RNL_UNIT_HEAVY;
    if (!key_is_integer(table, &cutter.key) || chunk_bytes <= 0 || table->rows < 2 ||
        table->bytes <= chunk_bytes + chunk_bytes / 2)
        return source->ctx->host->unit_add(plan, &whole, err);
    cutter.is_signed = key_column(&cutter)->type == RNL_T_INT;
    return table_cut(&cutter, &whole, chunk_bytes, plan, err);
}
