/*
 * The binary log's decoder must live through any bytes: a log file without checksums, whose tables
 * are taken for what their own maps say they are.
 */
#include "binlog.h"
#include "fuzz.h"

#include <runnel/host.h>
#include <string.h>

#define COLUMNS_MAX 512

static const char *const labels[] = {"a", "b", "c"};

/* A column of about the type that the input wants: what doesn't fit is refused, and tried on. */
static void columns_make(struct rnl_column *columns, uint32_t count, uint32_t seed)
{
    static const char *const charsets[] = {"utf8mb4", "latin1", "utf16", "utf32",
                                           "gbk",     "sjis",   "ujis",  "big5"};

    for (uint32_t i = 0; i < count; i++) {
        uint32_t kind = seed + i;

        columns[i] = (struct rnl_column){
            .name = "c",
            .type = (uint16_t)(RNL_T_INT + kind % (RNL_T_VECTOR - RNL_T_INT + 1)),
            .width = (uint16_t[]){1, 2, 3, 4, 8}[kind / 7 % 5],
            .charset = charsets[kind / 3 % 8],
            .length = kind % 11,
            .scale = (uint16_t)(kind % 7),
            .precision = (uint16_t)(10 + kind % 50),
            .labels = labels,
            .nlabels = 3,
            .flags = kind % 5 ? 0 : RNL_COLUMN_FIXED,
        };
    }
}

static bool table_take(struct binlog_table *table, uint8_t seed)
{
    /* described is borrowed: one for each table of the input, never freed within it */
    static struct rnl_column columns[64][COLUMNS_MAX];
    static struct rnl_table described[64];
    struct rnl_error err = RNL_ERROR_INIT;

    if (table->ncolumns > COLUMNS_MAX)
        return false;
    for (uint32_t try = 0; try < 24; try++) {
        uint32_t at = (uint32_t)table->id % 64;

        columns_make(columns[at], table->ncolumns, seed + try);
        described[at] = (struct rnl_table){
            .schema = "s", .name = "t", .columns = columns[at], .ncolumns = table->ncolumns};
        if (binlog_table_fit(table, &described[at], &err) == RNL_OK)
            return true;
        MUST(err.code[0] && err.text[0]);
    }
    return false;
}

static void value_touch(const struct rnl_value *value)
{
    const unsigned char *at = value->ptr;
    unsigned sum = 0;

    MUST(value->type < RNL_T_COUNT);
    if (value->type < RNL_T_DECIMAL ||
        (value->type >= RNL_T_DATE && value->type <= RNL_T_TIMESTAMPTZ))
        return;
    for (uint32_t i = 0; i < value->len; i++)
        sum += at[i];
    MUST(sum || !value->len || !at[0]); /* so that the reading stays */
}

static void rows_read(struct binlog *log, struct binlog_event *event, uint8_t seed)
{
    static struct rnl_value before[COLUMNS_MAX], after[COLUMNS_MAX];
    struct rnl_error err = RNL_ERROR_INIT;

    if (!event->rows.table->fitted && !table_take(event->rows.table, seed))
        return;
    while (binlog_row(log, before, after, &err) == RNL_OK) {
        for (uint32_t i = 0; i < event->rows.table->ncolumns; i++) {
            if (event->rows.op != RNL_INSERT)
                value_touch(&before[i]);
            if (event->rows.op != RNL_DELETE)
                value_touch(&after[i]);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct binlog *log = binlog_new();
    struct rnl_error err = RNL_ERROR_INIT;
    struct binlog_event event;
    uint8_t seed;

    MUST(log);
    if (size < 1) {
        binlog_free(log);
        return 0;
    }
    seed = *data++;
    size--;
    while (size >= 19) {
        uint32_t len;
        uint8_t *bytes;

        memcpy(&len, data + 9, 4);
        if (len > size || len < 19)
            len = (uint32_t)size;
        bytes = malloc(len);
        MUST(bytes);
        memcpy(bytes, data, len);
        if (binlog_feed(log, bytes, len, &err) == RNL_OK)
            while (binlog_next(log, &event, &err) == RNL_OK)
                if (event.kind == BINLOG_ROWS)
                    rows_read(log, &event, seed);
        free(bytes);
        data += len;
        size -= len;
    }
    binlog_free(log);
    return 0;
}
