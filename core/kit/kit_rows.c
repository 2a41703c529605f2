/* Rows as the kit compares them. */
#include "kit_rows.h"

#include "../plan.h"

#include <stdlib.h>

enum { READ_MS = 1000 };

void reading_clear(struct reading *reading)
{
    for (size_t i = 0; i < reading->nmarks; i++)
        free(reading->marks[i].position);
    free(reading->marks);
    free(reading->rows);
    *reading = (struct reading){0};
}

int kit_no_memory(struct rnl_error *err)
{
    return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for the rows to compare");
}

static int keep_row(struct reading *reading, const struct digest *digest, struct rnl_error *err)
{
    if (reading->nrows == reading->room) {
        size_t room = reading->room ? 2 * reading->room : 1024;
        struct digest *rows = realloc(reading->rows, room * sizeof(*rows));

        if (!rows)
            return kit_no_memory(err);
        reading->rows = rows;
        reading->room = room;
    }
    reading->rows[reading->nrows++] = *digest;
    return RNL_OK;
}

static int keep_mark(struct reading *reading, struct rnl_slice position, struct rnl_error *err)
{
    struct mark *marks = realloc(reading->marks, (reading->nmarks + 1) * sizeof(*marks));
    struct mark *last;

    if (!marks)
        return kit_no_memory(err);
    reading->marks = marks;
    last = &marks[reading->nmarks];
    *last = (struct mark){reading->nrows, malloc(position.len), position.len};
    if (!last->position)
        return kit_no_memory(err);
    memcpy(last->position, position.ptr, position.len);
    reading->nmarks++;
    return RNL_OK;
}

/* Of the columns that count; canon wants the values where the table has them. */
static int digest_of(struct canon *canon, const struct rnl_catalog *catalog,
                     const struct rnl_unit *unit, const struct rnl_row *row,
                     const struct reading *reading, struct digest *digest, struct rnl_error *err)
{
    const struct rnl_table *table = catalog_at(catalog, unit->table);
    uint32_t count = unit->columns ? unit->ncolumns : table->ncolumns;
    struct rnl_value *values;
    bool done;

    if (row->op != RNL_INSERT || !row->after || row->nvalues != count || row->table != unit->table)
        return rnl_fail(err, RNL_E_DATA, "kit.row",
                        "a row has %u values of table %u, and op %u: it should be %u, %u and %u",
                        row->nvalues, row->table, row->op, count, unit->table,
                        (unsigned)RNL_INSERT);
    values = calloc(table->ncolumns, sizeof(*values));
    if (!values)
        return kit_no_memory(err);
    for (uint32_t i = 0; i < count; i++)
        values[unit->columns ? unit->columns[i] : i] = row->after[i];
    done = canon_row(canon, table, values, reading->compare, reading->ncompare, digest);
    free(values);
    return done ? RNL_OK : kit_no_memory(err);
}

int reading_add(struct reading *reading, struct canon *canon, const struct rnl_catalog *catalog,
                const struct rnl_unit *unit, const struct rnl_row *row, struct rnl_error *err)
{
    struct digest digest;

    if (digest_of(canon, catalog, unit, row, reading, &digest, err) != RNL_OK)
        return err->status;
    return keep_row(reading, &digest, err);
}

int reading_take(struct reading *reading, struct canon *canon, const struct rnl_catalog *catalog,
                 const struct rnl_unit *unit, struct rnl_bundle *filled, struct rnl_error *err)
{
    const struct bundle_head head = {.number = 1, .unit = unit->id, .table = unit->table};
    struct rnl_bundle *bundle = NULL;
    struct rnl_bundle_info info;
    struct rnl_row row = {.size = sizeof(row)};
    void *bytes = NULL;
    size_t len;
    int status;

    reading->overfull = reading->overfull || bundle_rows(filled) > KIT_BUNDLE_ROWS;
    if (bundle_seal(filled, &head, &bytes, &len, err) != RNL_OK ||
        bundle_open(bytes, len, &bundle, err) != RNL_OK) {
        free(bytes);
        return err->status;
    }
    while ((status = bundle_next(bundle, &row, err)) == RNL_OK)
        if (reading_add(reading, canon, catalog, unit, &row, err) != RNL_OK) {
            status = err->status;
            break;
        }
    bundle_info(bundle, &info);
    if (status == RNL_DONE && reading->keep_marks && info.position.len)
        status = keep_mark(reading, info.position, err);
    bundle_free(bundle);
    free(bytes);
    return status < 0 ? status : RNL_OK;
}

/* ---- into a sink, and from it --------------------------------------------------------------- */

int kit_apply(const struct rnl_sink_ops *ops, void *writer, struct rnl_bundle *filled,
              const struct bundle_head *head, struct rnl_error *err)
{
    struct rnl_bundle *bundle = NULL;
    void *bytes = NULL;
    size_t len;
    int status = filled ? bundle_seal(filled, head, &bytes, &len, err) : kit_no_memory(err);

    if (status == RNL_OK)
        status = bundle_open(bytes, len, &bundle, err);
    if (status == RNL_OK)
        status = ops->writer_apply(writer, bundle, err);
    bundle_free(bundle);
    bundle_free(filled);
    free(bytes);
    return status;
}

static int read_unit(const struct readback *from, const struct rnl_unit *unit,
                     struct reading *reading, struct rnl_error *err)
{
    struct rnl_bundle *bundle = bundle_new(from->bundle_rows, 1 << 20);
    void *cursor = NULL;
    int status;

    if (!bundle)
        return kit_no_memory(err);
    status = from->ops->writer_read_open(from->writer, unit, &cursor, err);
    if (status != RNL_OK)
        goto free_bundle;
    do {
        status = from->ops->writer_read_next(cursor, bundle, READ_MS, err);
        if (status >= 0 &&
            reading_take(reading, from->canon, from->catalog, unit, bundle, err) != RNL_OK)
            status = err->status;
    } while (status == RNL_OK || status == RNL_AGAIN);
    from->ops->writer_read_close(cursor);
free_bundle:
    bundle_free(bundle);
    return status == RNL_DONE ? RNL_OK : status;
}

int readback_table(const struct readback *from, uint32_t table, struct reading *reading,
                   struct rnl_error *err)
{
    struct rnl_plan *plan = plan_new();
    int status =
        plan ? from->ops->read_plan(from->self, from->catalog, table, from->chunk_bytes, plan, err)
             : kit_no_memory(err);

    for (uint32_t i = 0; status == RNL_OK && i < plan_count(plan); i++)
        status = read_unit(from, plan_at(plan, i), reading, err);
    plan_free(plan);
    return status;
}

int readback_expect(const struct readback *from, uint32_t table, const struct rnl_row *row,
                    struct reading *reading, struct rnl_error *err)
{
    const struct rnl_unit unit = {.size = sizeof(unit), .table = table};
    struct rnl_row out = {.size = sizeof(out)};

    if (from->ops->writer_expect(from->writer, row, &out, err) != RNL_OK)
        return err->status;
    out.op = RNL_INSERT;
    out.table = table;
    return reading_add(reading, from->canon, from->catalog, &unit, &out, err);
}

/* ---- comparing ------------------------------------------------------------------------------ */

int digest_compare(const void *a, const void *b)
{
    const struct digest *one = a, *two = b;

    if (one->hi != two->hi)
        return one->hi < two->hi ? -1 : 1;
    return one->lo < two->lo ? -1 : one->lo > two->lo;
}

bool same_rows(struct reading *one, struct reading *two)
{
    if (one->nrows != two->nrows)
        return false;
    if (!one->nrows)
        return true;
    qsort(one->rows, one->nrows, sizeof(struct digest), digest_compare);
    qsort(two->rows, two->nrows, sizeof(struct digest), digest_compare);
    return memcmp(one->rows, two->rows, one->nrows * sizeof(struct digest)) == 0;
}
