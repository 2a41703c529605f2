/* A source and a sink that keep their rows in memory, for tests. */
#ifndef FAKE_DB_H
#define FAKE_DB_H

#include "bundle.h"
#include "catalog.h"
#include "plan.h"
#include "util/clock.h"

#include <runnel/sink.h>
#include <runnel/source.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <cmocka.h>

#define FAKE_TABLES 16

struct fake_table {
    struct rnl_value *values; /* texts are borrowed */
    uint32_t ncolumns, nrows, room;
};

/* One side. */
struct fake_db {
    const struct rnl_catalog *catalog;
    struct fake_table tables[FAKE_TABLES];
    uint32_t unit_rows;
    void *owned[64]; /* texts that came in bundles */
    size_t nowned;
    atomic_int cursors_open, writers_open, reads;
    atomic_int interrupts;
    int64_t rows_read;
    bool reads_keys, keys_in_vain; /* by its first column; but finds nothing */
    /* how it misbehaves */
    int fail_status; /* of the read of table fail_table */
    uint32_t fail_table;
    uint32_t heavy;        /* flags of its units */
    atomic_int heavy_open; /* cursors on heavy units */
    atomic_int heavy_most; /* at one time */
    int stop_at_read;      /* which read sets *stop */
    atomic_bool *stop;
};

struct fake_cursor {
    struct fake_db *db;
    const struct rnl_unit *unit;
    uint32_t at, end;
};

static void fake_init(struct fake_db *db, const struct rnl_catalog *catalog)
{
    *db = (struct fake_db){.catalog = catalog, .unit_rows = 100};
}

static void fake_clear(struct fake_db *db)
{
    for (uint32_t i = 0; i < FAKE_TABLES; i++)
        free(db->tables[i].values);
    while (db->nowned)
        free(db->owned[--db->nowned]);
}

/* The same, of one that nobody uses any more. */
static inline void fake_end(struct fake_db *db)
{
    assert_int_equal(atomic_load(&db->cursors_open), 0);
    assert_int_equal(atomic_load(&db->writers_open), 0);
    fake_clear(db);
}

/* A table of the catalog; keyed: by its first column. */
static inline void fake_describe(struct rnl_catalog *catalog, const char *name,
                                 const struct rnl_column *columns, uint32_t ncolumns, bool keyed)
{
    static const struct rnl_index_part first = {.column = 0};
    static const struct rnl_index primary = {.name = "PRIMARY",
                                             .flags = RNL_INDEX_PRIMARY | RNL_INDEX_UNIQUE,
                                             .parts = &first,
                                             .nparts = 1};
    const struct rnl_table table = {.size = sizeof(table),
                                    .schema = "shop",
                                    .name = name,
                                    .columns = columns,
                                    .ncolumns = ncolumns,
                                    .column_size = sizeof(struct rnl_column),
                                    .indexes = &primary,
                                    .nindexes = keyed ? 1 : 0,
                                    .index_size = sizeof(struct rnl_index)};
    struct rnl_error err = RNL_ERROR_INIT;

    assert_int_equal(catalog_add(catalog, &table, &err), RNL_OK);
}

static struct rnl_value *fake_row(struct fake_db *db, uint32_t table, uint32_t row)
{
    return db->tables[table].values + (size_t)row * db->tables[table].ncolumns;
}

static void fake_add(struct fake_db *db, uint32_t table, const struct rnl_value *values)
{
    struct fake_table *t = &db->tables[table];

    t->ncolumns = catalog_at(db->catalog, table)->ncolumns;
    if (t->nrows == t->room) {
        t->room = t->room ? t->room * 2 : 64;
        t->values = realloc(t->values, (size_t)t->room * t->ncolumns * sizeof(*values));
        if (!t->values)
            abort();
    }
    t->nrows++;
    memcpy(fake_row(db, table, t->nrows - 1), values, t->ncolumns * sizeof(*values));
}

static inline void fake_remove(struct fake_db *db, uint32_t table, uint32_t row)
{
    struct fake_table *t = &db->tables[table];

    t->nrows--;
    memcpy(fake_row(db, table, row), fake_row(db, table, t->nrows),
           t->ncolumns * sizeof(struct rnl_value));
}

static int fake_plan(void *self, const struct rnl_catalog *catalog, uint32_t table,
                     int64_t chunk_bytes, struct rnl_plan *plan, struct rnl_error *err)
{
    struct fake_db *db = self;

    (void)catalog;
    (void)chunk_bytes;
    for (uint32_t from = 0; from == 0 || from < db->tables[table].nrows; from += db->unit_rows) {
        struct rnl_unit unit = {.size = sizeof(unit),
                                .kind = RNL_UNIT_CHUNK,
                                .table = table,
                                .flags = db->heavy,
                                .from = {&from, sizeof(from)}};

        if (plan_add(plan, &unit, err) != RNL_OK)
            return err->status;
    }
    return RNL_OK;
}

static int fake_open(struct fake_db *db, const struct rnl_unit *unit, void **out,
                     struct rnl_error *err)
{
    struct fake_cursor *cursor = calloc(1, sizeof(*cursor));

    if (!cursor)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory");
    cursor->db = db;
    cursor->unit = unit;
    memcpy(&cursor->at, unit->from.ptr, sizeof(cursor->at));
    cursor->end = cursor->at + db->unit_rows;
    if (cursor->end > db->tables[unit->table].nrows)
        cursor->end = db->tables[unit->table].nrows;
    atomic_fetch_add(&db->cursors_open, 1);
    if (unit->flags & RNL_UNIT_HEAVY) {
        int now = atomic_fetch_add(&db->heavy_open, 1) + 1;

        /* Gives another lane the time to be wrong. */
        for (int64_t until_ms = clock_ms() + 20; now < 2 && clock_ms() < until_ms;)
            now = atomic_load(&db->heavy_open);
        if (now > atomic_load(&db->heavy_most))
            atomic_store(&db->heavy_most, now);
    }
    *out = cursor;
    return RNL_OK;
}

static int fake_cursor_open(void *self, const struct rnl_catalog *catalog, uint32_t lane,
                            const struct rnl_unit *unit, void **cursor, struct rnl_error *err)
{
    (void)catalog;
    (void)lane;
    return fake_open(self, unit, cursor, err);
}

static bool fake_is_asked(const struct fake_db *db, const struct rnl_unit *unit,
                          const struct rnl_value *row)
{
    if (unit->size < sizeof(*unit) || !unit->nkeys)
        return true;
    for (uint32_t i = 0; i < unit->nkeys && !db->keys_in_vain; i++)
        if (unit->keys[i].i == row[unit->key[0]].i)
            return true;
    return false;
}

static int fake_read(void *self, struct rnl_bundle *out, int timeout_ms, struct rnl_error *err)
{
    struct fake_cursor *cursor = self;
    struct fake_db *db = cursor->db;
    uint32_t table = cursor->unit->table;
    struct rnl_value few[64];

    (void)timeout_ms;
    if (atomic_fetch_add(&db->reads, 1) + 1 == db->stop_at_read)
        atomic_store(db->stop, true);
    if (db->fail_status && db->fail_table == table)
        return rnl_fail(err, db->fail_status, "fake.failed", "the read failed");
    while (cursor->at < cursor->end) {
        struct rnl_row row = {.size = sizeof(row),
                              .table = table,
                              .op = RNL_INSERT,
                              .nvalues = (uint16_t)db->tables[table].ncolumns,
                              .after = fake_row(db, table, cursor->at)};

        if (!fake_is_asked(db, cursor->unit, row.after)) {
            cursor->at++;
            continue;
        }
        if (cursor->unit->columns) {
            for (uint32_t i = 0; i < cursor->unit->ncolumns; i++)
                few[i] = row.after[cursor->unit->columns[i]];
            row.after = few;
            row.nvalues = (uint16_t)cursor->unit->ncolumns;
        }
        if (bundle_full(out))
            return RNL_OK;
        if (bundle_add(out, &row, err) != RNL_OK)
            return err->status;
        cursor->at++;
        __atomic_fetch_add(&db->rows_read, 1, __ATOMIC_RELAXED);
    }
    return RNL_DONE;
}

static void fake_close(void *self)
{
    struct fake_cursor *cursor = self;

    atomic_fetch_sub(&cursor->db->cursors_open, 1);
    if (cursor->unit->flags & RNL_UNIT_HEAVY)
        atomic_fetch_sub(&cursor->db->heavy_open, 1);
    free(cursor);
}

static void fake_interrupt(void *self)
{
    atomic_fetch_add(&((struct fake_db *)self)->interrupts, 1);
}

static bool fake_reads_keys(void *self, const struct rnl_catalog *catalog, uint32_t table,
                            const uint32_t *key, uint32_t nkey)
{
    (void)catalog;
    (void)table;
    return ((struct fake_db *)self)->reads_keys && nkey == 1 && key[0] == 0;
}

static inline bool fake_sink_reads_keys(void *self, uint32_t table, const uint32_t *key,
                                        uint32_t nkey)
{
    return fake_reads_keys(self, NULL, table, key, nkey);
}

/* --- as a sink ------------------------------------------------------------ */

struct fake_writer {
    struct fake_db *db;
    struct rnl_value few[64];
};

static inline int fake_writer_open(void *self, uint32_t lane, void **writer, struct rnl_error *err)
{
    struct fake_writer *made = calloc(1, sizeof(*made));

    (void)lane;
    if (!made)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory");
    made->db = self;
    atomic_fetch_add(&made->db->writers_open, 1);
    *writer = made;
    return RNL_OK;
}

static inline void fake_writer_close(void *writer)
{
    atomic_fetch_sub(&((struct fake_writer *)writer)->db->writers_open, 1);
    free(writer);
}

/* As the sink's policy has it, a -13 becomes a -12, a -12 a -11; a -666 can't be written at all. */
static inline int fake_expect(void *self, const struct rnl_row *row, struct rnl_row *out,
                              struct rnl_error *err)
{
    struct fake_writer *writer = self;

    memcpy(writer->few, row->after, row->nvalues * sizeof(struct rnl_value));
    for (uint32_t i = 0; i < row->nvalues; i++) {
        if (writer->few[i].type == RNL_T_INT && writer->few[i].i == -666)
            return rnl_fail(err, RNL_E_DATA, "fake.evil", "a -666 can't be written");
        if (writer->few[i].type == RNL_T_INT &&
            (writer->few[i].i == -13 || writer->few[i].i == -12))
            writer->few[i].i++; /* done twice it is seen */
    }
    *out = *row;
    out->after = writer->few;
    return RNL_OK;
}

static inline int fake_read_open(void *self, const struct rnl_unit *unit, void **cursor,
                                 struct rnl_error *err)
{
    return fake_open(((struct fake_writer *)self)->db, unit, cursor, err);
}

/* The key is the first column. */
static inline uint32_t fake_find(struct fake_db *db, const struct rnl_row *row)
{
    uint32_t i = 0;

    while (i < db->tables[row->table].nrows && fake_row(db, row->table, i)->i != row->after[0].i)
        i++;
    return i;
}

static inline int fake_writer_remove(void *self, const struct rnl_row *row, struct rnl_error *err)
{
    struct fake_db *db = ((struct fake_writer *)self)->db;
    uint32_t at = fake_find(db, row);

    if (at == db->tables[row->table].nrows)
        return rnl_fail(err, RNL_E_DATA, "fake.no_row", "there is no such row");
    fake_remove(db, row->table, at);
    return RNL_OK;
}

static inline void fake_own(struct fake_db *db, struct rnl_value *values, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        void *copy;

        if (values[i].type != RNL_T_TEXT)
            continue;
        copy = malloc(values[i].len + 1);
        if (!copy || db->nowned == sizeof(db->owned) / sizeof(db->owned[0]))
            abort();
        memcpy(copy, values[i].ptr, values[i].len);
        values[i].ptr = db->owned[db->nowned++] = copy;
    }
}

static inline int fake_apply(void *self, struct rnl_bundle *in, struct rnl_error *err)
{
    struct fake_db *db = ((struct fake_writer *)self)->db;
    struct rnl_row row, expected = {0};
    int status;

    while ((status = bundle_next(in, &row, err)) == RNL_OK) {
        uint32_t at = fake_find(db, &row);

        if (fake_expect(self, &row, &expected, err) != RNL_OK)
            return err->status;
        fake_own(db, ((struct fake_writer *)self)->few, row.nvalues);
        if (row.op == RNL_INSERT)
            fake_add(db, row.table, expected.after);
        else if (row.op == RNL_UPDATE && at < db->tables[row.table].nrows)
            memcpy(fake_row(db, row.table, at), expected.after,
                   row.nvalues * sizeof(struct rnl_value));
        else
            return rnl_fail(err, RNL_E_DATA, "fake.no_row", "there is no such row");
    }
    return status == RNL_DONE ? RNL_OK : status;
}

static inline int fake_commit(void *self, const struct rnl_checkpoint *checkpoint,
                              struct rnl_error *err)
{
    (void)self;
    (void)checkpoint;
    (void)err;
    return RNL_OK;
}

static const struct rnl_source_ops fake_source_ops = {
    .size = sizeof(fake_source_ops),
    .plan = fake_plan,
    .cursor_open = fake_cursor_open,
    .cursor_read = fake_read,
    .cursor_close = fake_close,
    .interrupt = fake_interrupt,
    .reads_keys = fake_reads_keys,
};

static const struct rnl_sink_ops fake_sink_ops __attribute__((unused)) = {
    .size = sizeof(fake_sink_ops),
    .writer_open = fake_writer_open,
    .writer_close = fake_writer_close,
    .writer_apply = fake_apply,
    .writer_commit = fake_commit,
    .read_plan = fake_plan,
    .writer_expect = fake_expect,
    .writer_read_open = fake_read_open,
    .writer_read_next = fake_read,
    .writer_read_close = fake_close,
    .writer_remove = fake_writer_remove,
    .interrupt = fake_interrupt,
    .reads_keys = fake_sink_reads_keys,
};

#endif
