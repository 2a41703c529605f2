/* Rows of the stream into rows of changes. */
#include "feed.h"
#include "fieldtext.h"

static int bad_stream(const char *what, struct rnl_error *err)
{
    return rnl_fail(err, RNL_E_FATAL, "postgres.protocol",
                    "the server sent %s in the stream of changes that doesn't fit", what);
}

static int bad_value(const struct fed_table *table, const struct relation *relation,
                     const struct bound_column *column, struct rnl_error *err)
{
    const char *native = column->source->native;

    if (relation->fit != FIT_EXACT) {
        rnl_fail(err, RNL_E_CONFIG, "source.table_altered",
                 "the table %s.%s was altered: a value of its column \"%s\", from %s, is no %s",
                 table->described->schema, table->described->name, column->source->name,
                 relation->fit == FIT_OLDER ? "before that" : "behind that",
                 native ? native : "value of its type");
        rnl_hint(err, "load the table again, or go on with ddl = \"evolve\"");
        return RNL_E_CONFIG;
    }
    if (column->kind == PG_TIMESTAMP || column->kind == PG_TIMESTAMPTZ) {
        rnl_fail(err, RNL_E_DATA, "postgres.timestamp_range",
                 "a timestamp in %s.%s, column \"%s\", is later than the year 294246: it can't be "
                 "read",
                 table->described->schema, table->described->name, column->source->name);
        rnl_hint(err, "mend the value in the source; load the table again with --restart");
        return RNL_E_DATA;
    }
    return rnl_fail(err, RNL_E_FATAL, "postgres.protocol",
                    "the server sent a value of %s.%s, column \"%s\", that is no %s",
                    table->described->schema, table->described->name, column->source->name,
                    native ? native : "value of its type");
}

static bool values_room(struct feed *feed, uint32_t count)
{
    if (count <= feed->values_room)
        return true;
    for (int side = ROW_AFTER; side <= ROW_BEFORE; side++) {
        struct rnl_value *values = realloc(feed->values[side], count * sizeof(*values));
        struct decoded *decoded;

        if (values)
            feed->values[side] = values;
        decoded = values ? realloc(feed->decoded[side], count * sizeof(*decoded)) : NULL;
        if (!decoded)
            return false;
        feed->decoded[side] = decoded;
    }
    feed->values_room = count;
    return true;
}

/* keys_only: of an old key, whose other columns are not there, though they read as NULL. */
static int side_read(struct feed *feed, const struct relation *relation, int side,
                     const struct pgoutput_cell *cells, uint16_t count, bool keys_only,
                     struct rnl_error *err)
{
    const struct fed_table *table = &feed->tables[relation->table];
    struct decoded *decoded = feed->decoded[side];

    if (count != relation->ncolumns)
        return bad_stream("a row", err);
    for (uint32_t i = 0; i < table->described->ncolumns; i++)
        decoded[i] = (struct decoded){.value = {.type = RNL_T_UNCHANGED}};
    for (uint32_t i = 0; i < count; i++) {
        uint32_t index = relation->columns[i];
        const struct pgoutput_cell *cell = &cells[i];

        if (index == NO_COLUMN || cell->kind == 'u' || (keys_only && !relation->keys[i]))
            continue;
        if (cell->kind == 'n') {
            decoded[index] = (struct decoded){.value = {.type = RNL_T_NULL}};
            continue;
        }
        if (cell->kind != 't')
            return bad_stream("a value in binary", err);
        if (!fieldtext_value(&table->columns[index], (const char *)cell->bytes, cell->len,
                             &feed->scratch, &feed->raw, &decoded[index]))
            return feed->scratch.failed || feed->raw.failed
                       ? error_memory(err)
                       : bad_value(table, relation, &table->columns[index], err);
    }
    return RNL_OK;
}

static const struct rnl_value *side_settle(struct feed *feed, uint32_t ncolumns, int side)
{
    for (uint32_t i = 0; i < ncolumns; i++)
        feed->values[side][i] = decode_settle(&feed->decoded[side][i], &feed->scratch);
    return feed->values[side];
}

/* NULL: rows of a table that nobody follows, or that are in the target already. */
static struct relation *wanted(struct feed *feed, uint32_t id, struct rnl_error *err, int *status)
{
    struct relation *relation = relation_find(feed, id);

    *status = RNL_OK;
    if (!relation) {
        *status = bad_stream("a row of a table that it never described", err);
        return NULL;
    }
    if (!relation->followed || feed->commit_lsn < feed->tables[relation->table].start)
        return NULL;
    return relation;
}

static int row_give(struct feed *feed, const struct rnl_row *row, struct rnl_bundle *out,
                    struct rnl_error *err)
{
    feed->rows++;
    feed->given++;
    return feed->host->bundle_add(out, row, err);
}

static bool has_label(const struct rnl_column *column, const struct pgoutput_cell *cell)
{
    for (uint32_t i = 0; i < column->nlabels; i++)
        if (strncmp(column->labels[i], (const char *)cell->bytes, cell->len) == 0 &&
            column->labels[i][cell->len] == '\0')
            return true;
    return false;
}

/* A label was added to a type: the stream doesn't say so, the first row that has it does. */
static int labels_judge(struct feed *feed, struct relation *relation,
                        const struct pgoutput_message *message, struct rnl_bundle *out,
                        struct rnl_error *err)
{
    const struct fed_table *table = &feed->tables[relation->table];

    if (!table->labels || relation->labelled || message->nnew != relation->ncolumns)
        return RNL_OK;
    for (uint32_t i = 0; i < relation->ncolumns; i++) {
        const struct pgoutput_cell *cell = &message->new_row[i];
        const struct rnl_column *column;

        if (relation->columns[i] == NO_COLUMN || cell->kind != 't')
            continue;
        column = COLUMN(table->described, relation->columns[i]);
        if (!(column->flags & RNL_COLUMN_ENUM) || has_label(column, cell))
            continue;
        relation->labelled = relation->again = true;
        relation->fit = FIT_UNKNOWN;
        return relation_judge(feed, relation, out, err);
    }
    return RNL_OK;
}

static int row_judge(struct feed *feed, struct relation *relation,
                     const struct pgoutput_message *message, struct rnl_bundle *out,
                     struct rnl_error *err)
{
    int status = relation_judge(feed, relation, out, err);

    if (status == RNL_OK && message->kind != 'D')
        status = labels_judge(feed, relation, message, out, err);
    return status;
}

int fed_row(struct feed *feed, const struct pgoutput_message *message, struct rnl_bundle *out,
            struct rnl_error *err)
{
    struct rnl_row row = {.size = sizeof(row)};
    int status;
    struct relation *relation = wanted(feed, message->relation, err, &status);
    uint32_t ncolumns;

    if (!relation)
        return status;
    status = row_judge(feed, relation, message, out, err);
    if (status != RNL_OK)
        return status;
    ncolumns = feed->tables[relation->table].described->ncolumns;
    if (!values_room(feed, ncolumns))
        return error_memory(err);
    buf_clear(&feed->scratch);
    row.table = relation->table;
    row.op = message->kind == 'I' ? RNL_INSERT : message->kind == 'U' ? RNL_UPDATE : RNL_DELETE;
    row.nvalues = (uint16_t)ncolumns;
    if (row.op != RNL_DELETE)
        status = side_read(feed, relation, ROW_AFTER, message->new_row, message->nnew, false, err);
    if (status == RNL_OK && message->old_kind)
        status = side_read(feed, relation, ROW_BEFORE, message->old_row, message->nold,
                           message->old_kind == 'K', err);
    if (status != RNL_OK)
        return status;
    if (row.op != RNL_DELETE)
        row.after = side_settle(feed, ncolumns, ROW_AFTER);
    if (message->old_kind)
        row.before = side_settle(feed, ncolumns, ROW_BEFORE);
    return row_give(feed, &row, out, err);
}

int fed_truncate(struct feed *feed, const struct pgoutput_message *message, struct rnl_bundle *out,
                 struct rnl_error *err)
{
    int status = RNL_OK;

    for (uint32_t i = 0; status == RNL_OK && i < message->nrelations; i++) {
        const struct relation *relation = wanted(feed, message->relations[i], err, &status);
        struct rnl_row row = {.size = sizeof(row), .op = RNL_TRUNCATE};

        if (!relation)
            continue;
        row.table = relation->table;
        row.nvalues = (uint16_t)feed->tables[row.table].described->ncolumns;
        if (message->flags & 2)
            rnl_debug(feed->source->server.ctx, "TRUNCATE … RESTART IDENTITY of %s.%s",
                      feed->tables[row.table].described->schema,
                      feed->tables[row.table].described->name);
        status = row_give(feed, &row, out, err);
    }
    return status;
}
