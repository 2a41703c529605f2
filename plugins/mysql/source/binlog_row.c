/* Rows of a rows event, one after another, as values of the table that they belong to. */
#include "binlog_part.h"

#include <runnel/host.h>

#define TABLE_NONE 0xffffff /* an event without rows that only ends its statement */
#define FLAG_STATEMENT_END 1

/* v1 and v2 in the order write, update, delete; MariaDB's compressed ones likewise. */
static uint8_t rows_op(uint8_t type)
{
    static const uint8_t ops[] = {RNL_INSERT, RNL_UPDATE, RNL_DELETE};

    if (type == 39)
        return RNL_UPDATE;
    return ops[type <= 25 ? type - 23 : type <= 32 ? type - 30 : (type - 166) % 3];
}

static bool has_extra(uint8_t type)
{
    return (type >= 30 && type <= 39) || type >= 169;
}

/* Column count and bitmaps. */
static bool bitmaps_take(struct rows_state *rows, struct span *body, uint64_t *ncolumns)
{
    size_t bytes;

    if (!span_packed(body, ncolumns) || *ncolumns > UINT16_MAX)
        return false;
    bytes = (*ncolumns + 7) / 8;
    rows->present = span_take(body, bytes);
    rows->present_after = rows->op == RNL_UPDATE ? span_take(body, bytes) : rows->present;
    return rows->present && rows->present_after;
}

int rows_open(struct binlog *log, uint8_t type, struct span body, struct binlog_event *event,
              struct rnl_error *err)
{
    const uint8_t *head = span_take(&body, 8);
    struct rows_state *rows = &log->rows;
    uint64_t id, extra, ncolumns;
    bool last;

    if (!head)
        return log_malformed(err, "a rows event");
    id = little_load(head, 6);
    last = little_load(head + 6, 2) & FLAG_STATEMENT_END;
    if (has_extra(type) &&
        (!span_little(&body, 2, &extra) || extra < 2 || !span_take(&body, extra - 2)))
        return log_malformed(err, "a rows event");
    *rows = (struct rows_state){.op = rows_op(type), .partial = type == 39, .packed = type >= 166};
    if (!bitmaps_take(rows, &body, &ncolumns))
        return log_malformed(err, "a rows event");
    if (last)
        log->statement++;
    if (id == TABLE_NONE)
        return RNL_AGAIN;
    rows->table = table_find(log, id);
    if (!rows->table || rows->table->shown.ncolumns != ncolumns)
        return log_malformed(err, "a rows event of a table that wasn't named before");
    rows->in = body;
    rows->open = true;
    event->kind = BINLOG_ROWS;
    event->rows = (struct binlog_rows){rows->op, last, &rows->table->shown};
    return RNL_OK;
}

static bool bit(const uint8_t *bits, uint32_t at)
{
    return bits[at / 8] >> (at % 8) & 1;
}

static uint32_t bits_count(const uint8_t *bits, uint32_t count)
{
    uint32_t set = 0;

    for (uint32_t i = 0; i < count / 8; i++)
        set += (uint32_t)__builtin_popcount(bits[i]);
    if (count % 8)
        set += (uint32_t)__builtin_popcount(bits[count / 8] & ((1u << count % 8) - 1));
    return set;
}

static int outcome_fail(const struct log_table *table, const struct field_op *op, int outcome,
                        struct rnl_error *err)
{
    const char *column = op->described ? op->described->name : "(hidden)";

    switch (outcome) {
    case OUTCOME_NO_MEMORY:
        return log_no_memory(err);
    case OUTCOME_CHARSET:
        rnl_fail(err, RNL_E_DATA, "mysql.charset",
                 "a text in column %s of %s.%s holds bytes that its character set does not have",
                 column, table->shown.schema, table->shown.name);
        rnl_hint(err, "mend the value in the source, or make the column VARBINARY");
        return err->status;
    case OUTCOME_NO_BASE:
        rnl_fail(err, RNL_E_CONFIG, "source.json_partial",
                 "the binary log tells only what changed within column %s of %s.%s, and not the "
                 "value before",
                 column, table->shown.schema, table->shown.name);
        rnl_hint(err, "set binlog_row_image = FULL, or binlog_row_value_options = '', on the "
                      "server, and load again with --restart");
        return err->status;
    default:
        rnl_fail(err, RNL_E_CONFIG, "source.log_malformed",
                 "a row of %s.%s in the binary log can't be read: its column %s is %s",
                 table->shown.schema, table->shown.name, column,
                 outcome == OUTCOME_SHORT ? "cut off" : "no value of its type");
        rnl_hint(err, "nothing was passed over; when the table was altered, load again with "
                      "--restart");
        return err->status;
    }
}

/* What a JSON value is after its update, when only the difference is told. */
static int partial_read(struct field_op *op, struct span *in, struct rnl_value *value,
                        struct pile *pile)
{
    struct span diffs;
    uint64_t len;

    if (!span_little(in, 4, &len) || len > span_left(in))
        return OUTCOME_SHORT;
    diffs = (struct span){in->at, in->at + len};
    in->at += len;
    if (!op->described)
        return OUTCOME_OK;
    if (!op->old_there)
        return OUTCOME_NO_BASE;
    *value = (struct rnl_value){.type = RNL_T_JSON};
    return json_apply(op->old, diffs, pile, value);
}

/* Bits of the JSON columns whose difference stands in the image; NULL: none. */
static bool partial_take(struct rows_state *rows, const uint8_t **partial)
{
    uint64_t options;

    *partial = NULL;
    if (!span_packed(&rows->in, &options) || options > 1)
        return false;
    if (options & 1)
        *partial = span_take(&rows->in, (rows->table->njson + 7) / 8);
    return !(options & 1) || *partial;
}

static int image_read(struct binlog *log, const uint8_t *present, const uint8_t *partial,
                      struct rnl_value *values, struct rnl_error *err)
{
    struct log_table *table = log->rows.table;
    uint32_t count = table->shown.ncolumns, told = 0, json = 0;
    struct span *in = &log->rows.in;
    const uint8_t *nulls = span_take(in, (bits_count(present, count) + 7) / 8);
    int outcome = OUTCOME_OK;

    if (!nulls)
        return log_malformed(err, "a row");
    for (uint32_t i = 0; i < table->described->ncolumns; i++)
        values[i] = (struct rnl_value){.type = RNL_T_UNCHANGED};
    for (uint32_t i = 0; i < count; i++) {
        struct field_op *op = &table->ops[i];
        bool differs = op->json && partial && bit(partial, json);
        struct rnl_value dropped, *value;

        json += op->json;
        if (!bit(present, i))
            continue;
        value = op->column == UINT32_MAX ? &dropped : &values[op->column];
        if (bit(nulls, told++))
            *value = (struct rnl_value){.type = RNL_T_NULL};
        else if (differs)
            outcome = partial_read(op, in, value, &log->pile);
        else
            outcome = value_read(op, in, value, &log->pile);
        if (outcome)
            return outcome_fail(table, op, outcome, err);
    }
    return RNL_OK;
}

static void json_forget(struct log_table *table)
{
    for (uint32_t i = 0; table->njson && i < table->shown.ncolumns; i++)
        table->ops[i].old_there = false;
}

/* A row that was inserted with nothing but defaults, of a minimal image, has no bytes at all. */
static bool is_bare(const struct rows_state *rows)
{
    return rows->op == RNL_INSERT && !rows->begun &&
           !bits_count(rows->present, rows->table->shown.ncolumns);
}

int binlog_row(struct binlog *log, struct rnl_value *before, struct rnl_value *after,
               struct rnl_error *err)
{
    struct rows_state *rows = &log->rows;
    const uint8_t *partial = NULL;
    size_t left;
    int status;

    if (!rows->open)
        return RNL_DONE;
    if (!rows->table->ops)
        return rnl_fail(err, RNL_E_FATAL, "mysql.unfitted",
                        "rows of %s.%s were asked for too early", rows->table->shown.schema,
                        rows->table->shown.name);
    if (rows->packed) {
        status = log_inflate(&log->inflated, &rows->in, err);
        if (status)
            return status;
        rows->packed = false;
    }
    if (!span_left(&rows->in) && !is_bare(rows)) {
        rows->open = false;
        return RNL_DONE;
    }
    rows->begun = true;
    left = span_left(&rows->in);
    pile_reset(&log->pile);
    json_forget(rows->table);
    status = image_read(log, rows->present, NULL, rows->op == RNL_INSERT ? after : before, err);
    if (!status && left && span_left(&rows->in) == left)
        return log_malformed(err, "a row without bytes");
    if (status || rows->op != RNL_UPDATE)
        return status;
    if (rows->partial && !partial_take(rows, &partial))
        return log_malformed(err, "a row with parts of JSON values");
    return image_read(log, rows->present_after, partial, after, err);
}
