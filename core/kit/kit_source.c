/* The kit's checks of a source: each row once, whatever the units; resumed behind each mark. */
#include "../bundle.h"
#include "../plan.h"
#include "../util/clock.h"
#include "kit.h"
#include "kit_rows.h"

#include <stdlib.h>

enum {
    TABLES_MOST = 5,
    ROWS_MOST = 200000, /* of a table: more are not compared */
    LARGE_CHUNK = 1 << 30,
    SMALL_CHUNK = 16 << 10,
    RESUMES_MOST = 12,
    READ_MS = 1000,
    SOON_MS = 1000,
};

struct trial {
    struct kit *kit;
    struct kit_use *use;
    const struct rnl_source_ops *ops;
    void *self;
    struct rnl_catalog *catalog;
    uint32_t lanes;
    struct canon canon;
};

static int read_unit(struct trial *trial, const struct rnl_unit *unit, struct reading *reading,
                     struct rnl_error *err)
{
    struct rnl_bundle *bundle = bundle_new(KIT_BUNDLE_ROWS, 1 << 20);
    void *cursor = NULL;
    int status;

    if (!bundle)
        return kit_no_memory(err);
    status = trial->ops->cursor_open(trial->self, trial->catalog, unit->id % trial->lanes, unit,
                                     &cursor, err);
    if (status != RNL_OK)
        goto free_bundle;
    do {
        status = trial->ops->cursor_read(cursor, bundle, READ_MS, err);
        if (status >= 0 &&
            reading_take(reading, &trial->canon, trial->catalog, unit, bundle, err) != RNL_OK)
            status = err->status;
        if (status >= 0 && reading->nrows > ROWS_MOST) {
            reading->too_many = true;
            status = RNL_DONE;
        }
    } while (status == RNL_OK || status == RNL_AGAIN);
    trial->ops->cursor_close(cursor);
free_bundle:
    bundle_free(bundle);
    return status == RNL_DONE ? RNL_OK : status;
}

/*
 * Reading failed. Data that can't be read as they are (RNL_E_DATA, in the connector's own
 * words) are no fault of the connector; all else is.
 */
static void not_read(struct trial *trial, const char *name, const struct rnl_error *err)
{
    if (err->status == RNL_E_DATA && strncmp(err->code, "kit.", 4) != 0 &&
        !kit_error_fault(err, err->status))
        kit_skip(trial->kit, name, err->text);
    else
        kit_ok(trial->kit, err->status, err, name);
}

/* Plans the table anew, with chunks of this size; the plan is the caller's. */
static struct rnl_plan *make_plan(struct trial *trial, uint32_t table, int64_t chunk_bytes,
                                  struct rnl_error *err)
{
    struct rnl_plan *plan = plan_new();

    if (!plan)
        kit_no_memory(err);
    else if (trial->ops->plan(trial->self, trial->catalog, table, chunk_bytes, plan, err) == RNL_OK)
        return plan;
    plan_free(plan);
    return NULL;
}

static int read_table(struct trial *trial, uint32_t table, int64_t chunk_bytes, uint32_t *units,
                      struct reading *reading, struct rnl_error *err)
{
    struct rnl_plan *plan = make_plan(trial, table, chunk_bytes, err);
    int status = RNL_OK;

    if (!plan)
        return err->status;
    *units = plan_count(plan);
    for (uint32_t i = 0; i < *units && status == RNL_OK && !reading->too_many; i++)
        status = read_unit(trial, plan_at(plan, i), reading, err);
    plan_free(plan);
    return status;
}

static bool has_key(const struct rnl_table *table)
{
    for (uint32_t i = 0; i < table->ncolumns; i++)
        if (table->columns[i].flags & RNL_COLUMN_KEY)
            return true;
    return false;
}

/* Sorted: with a key no two rows are equal, so an equal one was read twice. */
static size_t count_doubles(const struct reading *reading)
{
    size_t doubles = 0;

    for (size_t i = 1; i < reading->nrows; i++)
        doubles += digest_compare(&reading->rows[i - 1], &reading->rows[i]) == 0;
    return doubles;
}

static void check_units(struct trial *trial, uint32_t table)
{
    const struct rnl_table *about = catalog_at(trial->catalog, table);
    struct reading whole = {0}, parts = {0};
    struct rnl_error err = RNL_ERROR_INIT;
    uint32_t units = 0, few = 0;
    char name[100];

    snprintf(name, sizeof(name), "each row of %.60s once, whatever the units", about->name);
    kit_doing(trial->kit, name);
    if (read_table(trial, table, LARGE_CHUNK, &few, &whole, &err) != RNL_OK ||
        read_table(trial, table, SMALL_CHUNK, &units, &parts, &err) != RNL_OK) {
        not_read(trial, name, &err);
    } else if (whole.too_many || parts.too_many) {
        kit_skip(trial->kit, name, "too many rows: name a smaller database");
    } else {
        bool same = same_rows(&whole, &parts);
        size_t doubles = has_key(about) ? count_doubles(&parts) : 0;

        kit_expect(trial->kit, same && !doubles, name,
                   "%zu rows in %u units, %zu rows in %u units%s; %zu twice", whole.nrows, few,
                   parts.nrows, units, same ? "" : ", not the same ones", doubles);
        kit_expect(trial->kit, !whole.overfull && !parts.overfull, "stops when a bundle is full",
                   "a bundle for %d rows holds more", KIT_BUNDLE_ROWS);
    }
    reading_clear(&whole);
    reading_clear(&parts);
}

/* The rest behind one mark, row by row as it was. */
static bool rest_is_same(struct trial *trial, const struct rnl_unit *unit,
                         const struct reading *whole, const struct mark *mark,
                         struct rnl_error *err)
{
    struct rnl_unit resumed = *unit;
    struct reading rest = {0};
    bool same;

    resumed.position = (struct rnl_slice){mark->position, mark->len};
    same = read_unit(trial, &resumed, &rest, err) == RNL_OK &&
           rest.nrows == whole->nrows - mark->rows &&
           (!rest.nrows ||
            memcmp(rest.rows, whole->rows + mark->rows, rest.nrows * sizeof(struct digest)) == 0);
    if (!same && err->status == RNL_OK)
        rnl_fail(err, RNL_E_DATA, "kit.resume",
                 "behind row %zu of %zu came %zu rows, or others, or in another order", mark->rows,
                 whole->nrows, rest.nrows);
    reading_clear(&rest);
    return same;
}

static void check_marks(struct trial *trial, const struct rnl_unit *unit, const char *table)
{
    struct reading whole = {.keep_marks = true};
    struct rnl_error err = RNL_ERROR_INIT;
    size_t step;
    char name[100];

    snprintf(name, sizeof(name), "a unit of %.60s resumes behind its marks", table);
    kit_doing(trial->kit, name);
    if (read_unit(trial, unit, &whole, &err) != RNL_OK)
        not_read(trial, name, &err);
    else if (whole.too_many)
        kit_skip(trial->kit, name, "too many rows: name a smaller database");
    else if (!whole.nmarks)
        kit_skip(trial->kit, name, "it marks nothing: cut off, it is read again from its start");
    else {
        bool same = true;

        step = whole.nmarks / RESUMES_MOST + 1;
        for (size_t i = 0; i < whole.nmarks && same; i += step)
            same = rest_is_same(trial, unit, &whole, &whole.marks[i], &err);
        kit_expect(trial->kit, same, name, "%s", err.text);
    }
    reading_clear(&whole);
}

/* The last column and the first, in this order: what a repair or a scan of facts asks for. */
static void check_columns(struct trial *trial, const struct rnl_unit *unit,
                          const struct rnl_table *table)
{
    const uint32_t two[] = {table->ncolumns - 1, 0};
    uint32_t count = table->ncolumns > 1 ? 2 : 1;
    struct reading asked = {.compare = two, .ncompare = count}, whole = asked;
    struct rnl_unit few = *unit;
    struct rnl_error err = RNL_ERROR_INIT;
    char name[100];

    snprintf(name, sizeof(name), "reads single columns of %.60s", table->name);
    kit_doing(trial->kit, name);
    few.columns = two;
    few.ncolumns = count;
    if (read_unit(trial, unit, &whole, &err) != RNL_OK ||
        read_unit(trial, &few, &asked, &err) != RNL_OK)
        not_read(trial, name, &err);
    else if (!whole.too_many)
        kit_expect(trial->kit, same_rows(&whole, &asked), name,
                   "%zu rows with all columns, %zu with two, or other values", whole.nrows,
                   asked.nrows);
    reading_clear(&asked);
    reading_clear(&whole);
}

static void check_table(struct trial *trial, uint32_t table)
{
    const struct rnl_table *about = catalog_at(trial->catalog, table);
    struct rnl_error err = RNL_ERROR_INIT;
    struct rnl_plan *plan;

    check_units(trial, table);
    plan = make_plan(trial, table, LARGE_CHUNK, &err);
    if (plan && plan_count(plan)) {
        check_marks(trial, plan_at(plan, 0), about->name);
        check_columns(trial, plan_at(plan, 0), about);
    }
    plan_free(plan);
}

/* A table that the operator doesn't want must not be told. */
static void check_wanted(struct trial *trial)
{
    const struct rnl_table *first = catalog_at(trial->catalog, 0);
    struct rnl_catalog *catalog = catalog_new();
    struct rnl_error err = RNL_ERROR_INIT;
    struct table_rule rule = {.name = "runnel-kit-no-such-table"};

    (void)first;
    if (!catalog)
        return;
    kit_doing(trial->kit, "describes wanted tables alone");
    catalog_select(catalog, &rule, 1);
    if (trial->ops->describe(trial->self, catalog, &err) != RNL_OK)
        kit_ok(trial->kit, err.status, &err, "describes wanted tables alone");
    else
        kit_expect(trial->kit, catalog_count(catalog) == 0, "describes wanted tables alone",
                   "%u tables that nobody wants", catalog_count(catalog));
    catalog_free(catalog);
}

/* The last check: what was interrupted stays so. */
static void check_interrupt(struct trial *trial)
{
    static const char name[] = "interrupt ends a read";
    struct rnl_error err = RNL_ERROR_INIT;
    struct rnl_plan *plan = make_plan(trial, 0, LARGE_CHUNK, &err);
    struct rnl_bundle *bundle = bundle_new(KIT_BUNDLE_ROWS, 1 << 20);
    void *cursor = NULL;
    int64_t begin_ms;
    int status;

    kit_doing(trial->kit, name);
    if (!plan || !plan_count(plan) || !bundle ||
        trial->ops->cursor_open(trial->self, trial->catalog, 0, plan_at(plan, 0), &cursor, &err) !=
            RNL_OK) {
        kit_skip(trial->kit, name, "there is no row to read");
        goto free_plan;
    }
    begin_ms = clock_ms();
    trial->ops->interrupt(trial->self);
    status = trial->ops->cursor_read(cursor, bundle, 30000, &err);
    kit_expect(trial->kit,
               clock_ms() - begin_ms < SOON_MS &&
                   (status >= 0 || (status == RNL_E_RETRY && !kit_error_fault(&err, status))),
               name, "status %d after %lld ms", status, (long long)(clock_ms() - begin_ms));
    trial->ops->cursor_close(cursor);
free_plan:
    bundle_free(bundle);
    plan_free(plan);
}

static void check_all(struct trial *trial)
{
    struct rnl_slice position = {0};
    struct rnl_error err = RNL_ERROR_INIT;
    uint32_t count;
    int status;

    kit_doing(trial->kit, "describes");
    status = trial->ops->describe(trial->self, trial->catalog, &err);
    if (!kit_ok(trial->kit, status, &err, "describes"))
        return;
    check_wanted(trial);
    kit_doing(trial->kit, "makes a view for several lanes");
    trial->lanes = 2;
    status = trial->ops->snapshot(trial->self, &trial->lanes, &position, &err);
    if (!kit_ok(trial->kit, status, &err, "makes a view for several lanes"))
        return;
    if (!kit_expect(trial->kit, trial->lanes == 1 || trial->lanes == 2, "may lower the lanes",
                    "2 lanes have become %u", trial->lanes))
        return;
    count = catalog_count(trial->catalog);
    if (!count)
        kit_skip(trial->kit, "reading", "it describes no table");
    for (uint32_t i = 0; i < count && i < TABLES_MOST; i++)
        check_table(trial, i);
    if (count)
        check_interrupt(trial);
}

void kit_source(struct kit_use *use)
{
    struct trial trial = {.kit = use->kit, .use = use, .ops = &use->plugin->source};
    struct rnl_error err = RNL_ERROR_INIT;

    trial.catalog = catalog_new();
    canon_init(&trial.canon, 1);
    if (trial.catalog && trial.ops->open(&use->host.ctx, &trial.self, &err) == RNL_OK) {
        check_all(&trial);
        trial.ops->close(trial.self);
    }
    canon_clear(&trial.canon);
    catalog_free(trial.catalog);
}
