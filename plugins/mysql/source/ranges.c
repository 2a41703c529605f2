/* Cuts a table into ranges of its key, by what the server estimates of them. */
#include "axis.h"

#define HEAVY_ROW_BYTES (INT64_C(1) << 20)
#define RANGES_MAX 4096
/* Questions to the server per table: each takes a fraction of a millisecond. */
#define PROBES_MIN 200
#define PROBES_MAX 4000
#define LEVELS_MAX 3
#define STACK_MAX 200

/* Where a range begins: values of the first columns of the key. */
struct cut {
    uint32_t count; /* 0: the first range of the table */
    struct bound values[LEVELS_MAX];
    int64_t rows; /* an estimate, of the range up to the next cut */
};

struct cutter {
    struct source *source;
    const struct rnl_table *table;
    struct key key;
    int64_t rows_wanted; /* in a range */
    int64_t parts;
    uint32_t probes, probes_max;
    struct axis axes[LEVELS_MAX];
    struct bound fixed[LEVELS_MAX]; /* values of the columns before the one that is cut */
    struct cut *cuts;
    uint32_t count;
};

static void table_add(const struct cutter *cutter, struct text *sql)
{
    text_add(sql, " FROM ");
    text_name(sql, cutter->table->schema);
    text_add(sql, ".");
    text_name(sql, cutter->table->name);
}

static void compare_bound(const struct axis *axis, const char *operator, const struct bound * bound,
                          const char **joint, struct text *sql)
{
    struct rnl_value value;
    char buf[AXIS_TEXT];

    if (bound->open)
        return;
    axis_value(axis, bound, buf, &value);
    text_add(sql, *joint);
    *joint = " AND ";
    if (compare_add(sql, axis->column, operator, & value))
        sql->failed = true;
}

/* The columns before level have their fixed values. */
static void fixed_add(const struct cutter *cutter, uint32_t level, const char **joint,
                      struct text *sql)
{
    for (uint32_t i = 0; i < level; i++)
        compare_bound(&cutter->axes[i], "=", &cutter->fixed[i], joint, sql);
}

/* What two looks into the index told. */
struct ends {
    struct range range;
    struct bound low;
    bool found;  /* there are rows, and the range can be cut */
    bool single; /* all of one value, which is low */
};

/* Lowest and highest value; within: of that range alone, or NULL. */
static int ends_read(struct cutter *cutter, uint32_t level, const struct range *within,
                     struct ends *ends, struct rnl_error *err)
{
    const struct axis *axis = &cutter->axes[level];
    struct conn *conn = cutter->source->control;
    const char *joint = " WHERE ";
    unsigned long *lengths;
    struct text sql = {0};
    MYSQL_RES *result;
    MYSQL_ROW row;
    int status;

    *ends = (struct ends){0};
    text_add(&sql, "SELECT ");
    axis_select(axis, "MIN", &sql);
    text_add(&sql, ", ");
    axis_select(axis, "MAX", &sql);
    table_add(cutter, &sql);
    fixed_add(cutter, level, &joint, &sql);
    if (within) {
        compare_bound(axis, ">=", &within->from, &joint, &sql);
        compare_bound(axis, "<", &within->to, &joint, &sql);
    }
    status = sql.failed ? error_memory(err) : conn_query(conn, sql.ptr, &result, err);
    text_free(&sql);
    if (status)
        return status;
    row = mysql_fetch_row(result);
    lengths = row ? mysql_fetch_lengths(result) : NULL;
    if (row && lengths && row[0] && row[1]) {
        const struct rnl_slice low = {row[0], lengths[0]}, high = {row[1], lengths[1]};

        ends->found = axis_range(axis, low, high, &ends->range);
        ends->single = low.len == high.len && memcmp(low.ptr, high.ptr, low.len) == 0 &&
                       axis_bound(axis, low, &ends->low);
    }
    while (row && mysql_fetch_row(result))
        ;
    return conn_finish(conn, result, "reading the ends of a key", err);
}

/* The number in the column "rows" of the answer. */
static int64_t rows_of(MYSQL_RES *result)
{
    const MYSQL_FIELD *fields = mysql_fetch_fields(result);
    unsigned at = 0, count = mysql_num_fields(result);
    int64_t rows = 0;
    MYSQL_ROW row;

    while (at < count && strcmp(fields[at].name, "rows") != 0)
        at++;
    while ((row = mysql_fetch_row(result)))
        if (at < count && row[at])
            rows = strtoll(row[at], NULL, 10);
    return rows;
}

/* The optimizer's estimate of the rows in a range: it dives into the index. */
static int rows_estimate(struct cutter *cutter, uint32_t level, const struct range *range,
                         int64_t *rows, struct rnl_error *err)
{
    struct conn *conn = cutter->source->control;
    const char *joint = " WHERE ";
    struct text sql = {0};
    MYSQL_RES *result;
    int status;

    cutter->probes++;
    text_add(&sql, cutter->source->server.mariadb ? "EXPLAIN SELECT 1"
                                                  : "EXPLAIN FORMAT=TRADITIONAL SELECT 1");
    table_add(cutter, &sql);
    /* not FORCE: MySQL wouldn't look into the index then, and say 1 */
    text_add(&sql, " USE INDEX (");
    text_name(&sql, cutter->key.index);
    text_add(&sql, ")");
    fixed_add(cutter, level, &joint, &sql);
    compare_bound(&cutter->axes[level], ">=", &range->from, &joint, &sql);
    compare_bound(&cutter->axes[level], "<", &range->to, &joint, &sql);
    status = sql.failed ? error_memory(err) : conn_query(conn, sql.ptr, &result, err);
    text_free(&sql);
    if (status)
        return status;
    *rows = rows_of(result);
    return conn_finish(conn, result, "estimating rows", err);
}

/* A range of rows that begins at from, with the fixed values before it. */
static void cut_add(struct cutter *cutter, uint32_t level, const struct bound *from, int64_t rows)
{
    struct cut *cut;

    /* a neighbour that is nearly empty is taken in */
    if (cutter->count && (cutter->cuts[cutter->count - 1].rows + rows <= cutter->rows_wanted ||
                          cutter->count == RANGES_MAX)) {
        cutter->cuts[cutter->count - 1].rows += rows;
        return;
    }
    cut = &cutter->cuts[cutter->count++];
    cut->rows = rows;
    cut->count = from->open ? level : level + 1;
    for (uint32_t i = 0; i < level; i++)
        cut->values[i] = cutter->fixed[i];
    if (!from->open)
        cut->values[level] = *from;
}

static int level_cut(struct cutter *cutter, uint32_t level, struct rnl_error *err);

/* One value of a column that many rows share: by the next column, if there is one. */
static int value_cut(struct cutter *cutter, uint32_t level, const struct bound *value, bool *done,
                     struct rnl_error *err)
{
    uint32_t before = cutter->count;
    int status;

    *done = false;
    if (level + 1 >= cutter->key.ncolumns || level + 1 >= LEVELS_MAX)
        return RNL_OK;
    cutter->fixed[level] = *value;
    cutter->fixed[level].open = false;
    status = level_cut(cutter, level + 1, err);
    *done = cutter->count > before;
    return status;
}

/* Texts whose stem has run out: they may have a longer one, or be all the same. */
static int stem_read(struct cutter *cutter, uint32_t level, struct range *range, bool *done,
                     struct rnl_error *err)
{
    struct ends ends;
    int status = ends_read(cutter, level, range, &ends, err);

    if (status || !ends.found)
        return status;
    if (ends.single)
        return value_cut(cutter, level, &ends.low, done, err);
    if (ends.range.stem_len > range->stem_len) {
        ends.range.from = range->from;
        ends.range.to = range->to;
        *range = ends.range;
    }
    return RNL_OK;
}

/* A range that holds too many rows. done: its rows are in cuts; else halves may be on the stack. */
static int range_split(struct cutter *cutter, uint32_t level, struct range *now,
                       struct range *stack, int *depth, bool *done, struct rnl_error *err)
{
    const struct axis *axis = &cutter->axes[level];
    int status = RNL_OK;

    *done = false;
    if (axis->kind != AXIS_NUMBER && now->hi - now->lo < 2)
        status = stem_read(cutter, level, now, done, err);
    if (status || *done)
        return status;
    if (*depth + 2 <= STACK_MAX && axis_halve(axis, now, &stack[*depth + 1], &stack[*depth])) {
        *depth += 2;
        *done = true;
    } else if (axis->kind == AXIS_NUMBER && axis->column->type != RNL_T_DECIMAL) {
        status = value_cut(cutter, level, &now->from, done, err);
    }
    return status;
}

/* The range halved while it seems to hold too many rows. Cuts come in ascending order. */
static int range_cut(struct cutter *cutter, uint32_t level, const struct range *whole,
                     struct rnl_error *err)
{
    struct range *stack = calloc(STACK_MAX, sizeof(*stack)), now;
    int depth = 0, status = stack ? RNL_OK : error_memory(err);
    int64_t rows;
    bool done;

    if (stack)
        stack[depth++] = *whole;
    while (depth > 0 && !status) {
        now = stack[--depth];
        rows = cutter->rows_wanted;
        if (cutter->probes < cutter->probes_max)
            status = rows_estimate(cutter, level, &now, &rows, err);
        done = false;
        if (!status && rows > 2 * cutter->rows_wanted && cutter->probes < cutter->probes_max)
            status = range_split(cutter, level, &now, stack, &depth, &done, err);
        if (!status && !done)
            cut_add(cutter, level, &now.from, rows);
    }
    free(stack);
    return status;
}

/* Numbers are cut into even parts first: most keys are counted up. */
static int parts_cut(struct cutter *cutter, uint32_t level, const struct range *whole,
                     struct rnl_error *err)
{
    int64_t parts = level == 0 && cutter->axes[level].kind == AXIS_NUMBER ? cutter->parts : 1;
    uint64_t low = whole->from.number, step = (whole->to.number - low) / (uint64_t)parts;
    struct range part = *whole;
    int status = RNL_OK;

    if (step == 0 || parts < 2)
        return range_cut(cutter, level, whole, err);
    for (int64_t i = 0; i < parts && !status; i++) {
        part.from.number = low + (uint64_t)i * step;
        part.from.open = i == 0;
        part.to.open = i + 1 == parts;
        part.to.number = part.to.open ? whole->to.number : part.from.number + step;
        status = range_cut(cutter, level, &part, err);
    }
    return status;
}

static bool is_same(const struct bound *a, const struct bound *b)
{
    return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

/*
 * Whether the server sorts the cuts from first on as we do; if not, they would be ranges
 * that overlap. Bytes and numbers sort alike everywhere.
 */
static int order_check(struct cutter *cutter, uint32_t level, uint32_t first, bool *good,
                       struct rnl_error *err)
{
    const struct axis *axis = &cutter->axes[level];
    struct rnl_value value;
    char buf[AXIS_TEXT], *answer = NULL;
    int status = RNL_OK;

    *good = true;
    for (uint32_t i = first; *good && !status && i + 1 < cutter->count; i++) {
        struct text sql = {0};
        uint32_t pairs = 0;

        text_add(&sql, "SELECT ");
        for (; i + 1 < cutter->count && pairs < 100; i++) {
            const struct cut *cut = &cutter->cuts[i];

            if (cut->count <= level || is_same(&cut[0].values[level], &cut[1].values[level]))
                continue; /* the open one in front; one value that is cut by the next column */
            text_add(&sql, pairs++ ? " AND " : "");
            for (int side = 0; side < 2; side++) {
                axis_value(axis, &cut[side].values[level], buf, &value);
                text_add(&sql, side ? " < " : "");
                text_add(&sql, axis->kind == AXIS_UUID ? "CAST(" : "");
                if (literal_add(&sql, axis->column, &value))
                    sql.failed = true;
                text_add(&sql, axis->kind == AXIS_UUID ? " AS UUID)" : "");
            }
        }
        i--;
        if (pairs)
            status = sql.failed ? error_memory(err)
                                : conn_value(cutter->source->control, sql.ptr, 0, &answer, err);
        *good = !status && (!pairs || (answer && strcmp(answer, "1") == 0));
        free(answer);
        answer = NULL;
        text_free(&sql);
    }
    return status;
}

/* All rows whose first columns have the fixed values, by the column at level. */
static int level_cut(struct cutter *cutter, uint32_t level, struct rnl_error *err)
{
    struct axis *axis = &cutter->axes[level];
    uint32_t first = cutter->count;
    struct ends ends = {0};
    bool good = true;
    int status =
        axis_open(cutter->source, &cutter->table->columns[cutter->key.columns[level]], axis, err);

    if (!status && axis->kind != AXIS_NONE)
        status = ends_read(cutter, level, NULL, &ends, err);
    if (status || !ends.found)
        return status;
    if (ends.single && axis->kind != AXIS_NUMBER) {
        status = value_cut(cutter, level, &ends.low, &good, err);
        good = true;
    } else {
        status = parts_cut(cutter, level, &ends.range, err);
    }
    if (!status && (axis->kind == AXIS_TEXTS || axis->kind == AXIS_UUID))
        status = order_check(cutter, level, first, &good, err);
    if (!good)
        cutter->count = first;
    return status;
}

static int64_t rows_sum(const struct cutter *cutter)
{
    int64_t sum = 0;

    for (uint32_t i = 0; i < cutter->count; i++)
        sum += cutter->cuts[i].rows;
    return sum;
}

static int ranges_cut(struct cutter *cutter, struct rnl_error *err)
{
    int status = level_cut(cutter, 0, err);

    if (status || cutter->axes[0].kind != AXIS_NUMBER || cutter->key.ncolumns > 1 ||
        rows_sum(cutter) >= cutter->table->rows / 4)
        return status;
    /* estimates that make no sense together: even parts it is */
    cutter->count = 0;
    cutter->probes = cutter->probes_max;
    return level_cut(cutter, 0, err);
}

static int place_of(const struct cutter *cutter, const struct cut *cut, struct text *out)
{
    struct rnl_value values[LEVELS_MAX];
    char bufs[LEVELS_MAX][AXIS_TEXT];

    for (uint32_t i = 0; i < cut->count; i++)
        axis_value(&cutter->axes[i], &cut->values[i], bufs[i], &values[i]);
    return cut->count ? place_encode(out, values, cut->count) : 0;
}

static int unit_make(const struct cutter *cutter, const struct rnl_unit *like, uint32_t i,
                     struct rnl_plan *plan, struct rnl_error *err)
{
    struct rnl_unit unit = *like;
    struct text from = {0}, to = {0};
    int64_t sum = rows_sum(cutter);
    int failed, status;

    failed = i > 0 && place_of(cutter, &cutter->cuts[i], &from);
    failed = failed || (i + 1 < cutter->count && place_of(cutter, &cutter->cuts[i + 1], &to));
    unit.from = (struct rnl_slice){from.ptr, from.len};
    unit.to = (struct rnl_slice){to.ptr, to.len};
    /* estimates of ranges are off together: of the table they are shares */
    unit.rows =
        (int64_t)((double)cutter->cuts[i].rows * (double)like->rows / (double)(sum ? sum : 1));
    unit.bytes = like->rows > 0
                     ? (int64_t)((double)like->bytes / (double)like->rows * (double)unit.rows)
                     : -1;
    status = failed ? error_memory(err) : cutter->source->ctx->host->unit_add(plan, &unit, err);
    text_free(&from);
    text_free(&to);
    return status;
}

/* A table that is worth it is cut. */
static int table_cut(struct cutter *cutter, const struct rnl_unit *whole, int64_t chunk_bytes,
                     struct rnl_plan *plan, struct rnl_error *err)
{
    int64_t parts = (whole->bytes + chunk_bytes - 1) / chunk_bytes;
    int status;

    cutter->rows_wanted = whole->rows / parts > 0 ? whole->rows / parts : 1;
    cutter->parts = parts > RANGES_MAX / 2 ? RANGES_MAX / 2 : parts;
    cutter->probes_max = (uint32_t)(PROBES_MIN + 4 * cutter->parts);
    if (cutter->probes_max > PROBES_MAX)
        cutter->probes_max = PROBES_MAX;
    cutter->cuts = calloc(RANGES_MAX, sizeof(*cutter->cuts));
    status = cutter->cuts ? ranges_cut(cutter, err) : error_memory(err);
    if (!status && cutter->count < 2)
        status = cutter->source->ctx->host->unit_add(plan, whole, err);
    else
        for (uint32_t i = 0; i < cutter->count && !status; i++)
            status = unit_make(cutter, whole, i, plan, err);
    free(cutter->cuts);
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
    if (!cutter.key.index || table->query || (source->following && !table_has_key(table)) ||
        chunk_bytes <= 0 || table->rows < 2 || table->bytes <= chunk_bytes + chunk_bytes / 2)
        return source->ctx->host->unit_add(plan, &whole, err);
    return table_cut(&cutter, &whole, chunk_bytes, plan, err);
}
