/* Rows that wait for the end of their transaction: in memory while few, in a file behind that. */
#include "spool.h"
#include "text.h"

#include <errno.h>
#include <stdlib.h>

#define MEMORY_BYTES ((size_t)256 << 10)

/* A row as it is kept; its values come behind it. */
struct head {
    uint32_t bytes; /* of the values */
    uint32_t table;
    uint16_t op, nvalues;
    uint8_t has_before, has_after;
    uint8_t reserved[2];
};

struct spool {
    struct text memory; /* the first rows */
    FILE *file;         /* the others; has no name any more */
    struct text record; /* the row being written, or read from the file */
    size_t read;        /* of memory */
    bool reading;
};

struct spool *spool_new(void)
{
    return calloc(1, sizeof(struct spool));
}

void spool_free(struct spool *spool)
{
    if (!spool)
        return;
    text_free(&spool->memory);
    text_free(&spool->record);
    if (spool->file)
        fclose(spool->file);
    free(spool);
}

static bool in_place(const struct rnl_value *value)
{
    switch (value->type) {
    case RNL_T_NULL:
    case RNL_T_UNCHANGED:
    case RNL_T_BOOL:
    case RNL_T_INT:
    case RNL_T_UINT:
    case RNL_T_FLOAT:
    case RNL_T_DOUBLE:
    case RNL_T_DATE:
    case RNL_T_TIME:
    case RNL_T_TIMESTAMP:
    case RNL_T_TIMESTAMPTZ:
        return true;
    default:
        return false;
    }
}

static void values_write(struct text *out, const struct rnl_value *values, uint32_t count)
{
    for (uint32_t i = 0; values && i < count; i++) {
        text_bytes(out, &values[i], sizeof(values[i]));
        if (!in_place(&values[i]))
            text_bytes(out, values[i].ptr, values[i].len);
    }
}

static int file_failed(struct rnl_error *err, const char *what)
{
    rnl_fail(err, RNL_E_RETRY, "mysql.spool",
             "the rows of a prepared transaction can't be %s a temporary file: %s", what,
             strerror(errno));
    rnl_hint(err, "is there room left in the folder for temporary files?");
    return err->status;
}

static int file_add(struct spool *spool, struct rnl_error *err)
{
    if (!spool->file)
        spool->file = tmpfile();
    if (!spool->file ||
        fwrite(spool->record.ptr, 1, spool->record.len, spool->file) != spool->record.len)
        return file_failed(err, "written to");
    return RNL_OK;
}

int spool_add(struct spool *spool, const struct rnl_row *row, struct rnl_error *err)
{
    struct head head = {
        .table = row->table,
        .op = row->op,
        .nvalues = row->nvalues,
        .has_before = row->before != NULL,
        .has_after = row->after != NULL,
    };
    struct text *out = &spool->record;

    out->len = 0;
    text_bytes(out, &head, sizeof(head));
    values_write(out, row->before, row->nvalues);
    values_write(out, row->after, row->nvalues);
    if (!out->failed && out->len > UINT32_MAX)
        out->failed = true;
    if (!out->failed) {
        head.bytes = (uint32_t)(out->len - sizeof(head));
        memcpy(out->ptr, &head, sizeof(head));
    }
    if (!out->failed && (spool->file || spool->memory.len + out->len > MEMORY_BYTES))
        return file_add(spool, err);
    if (!out->failed)
        text_bytes(&spool->memory, out->ptr, out->len);
    if (out->failed || spool->memory.failed)
        return rnl_fail(err, RNL_E_FATAL, "mysql.memory", "out of memory");
    return RNL_OK;
}

/* What was written by us is read: it holds what it says. */
static const char *values_read(const char *at, struct rnl_value *values, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        memcpy(&values[i], at, sizeof(values[i]));
        at += sizeof(values[i]);
        if (in_place(&values[i]))
            continue;
        values[i].ptr = at;
        at += values[i].len;
    }
    return at;
}

static int file_read(struct spool *spool, struct head *head, const char **values,
                     struct rnl_error *err)
{
    struct text *record = &spool->record;

    if (!spool->file)
        return RNL_DONE;
    if (!spool->reading && (fflush(spool->file) || fseek(spool->file, 0, SEEK_SET)))
        return file_failed(err, "read from");
    spool->reading = true;
    if (fread(head, 1, sizeof(*head), spool->file) != sizeof(*head))
        return ferror(spool->file) ? file_failed(err, "read from") : RNL_DONE;
    record->len = 0;
    if (head->bytes > record->size) { /* room alone is wanted */
        char *room = realloc(record->ptr, head->bytes);

        if (!room)
            return rnl_fail(err, RNL_E_FATAL, "mysql.memory", "out of memory");
        record->ptr = room;
        record->size = head->bytes;
    }
    if (head->bytes && fread(record->ptr, 1, head->bytes, spool->file) != head->bytes)
        return file_failed(err, "read from");
    *values = record->ptr;
    return RNL_OK;
}

int spool_next(struct spool *spool, struct rnl_row *row, struct rnl_value *before,
               struct rnl_value *after, struct rnl_error *err)
{
    const char *values = NULL;
    struct head head;

    if (spool->read < spool->memory.len) {
        memcpy(&head, spool->memory.ptr + spool->read, sizeof(head));
        values = spool->memory.ptr + spool->read + sizeof(head);
        spool->read += sizeof(head) + head.bytes;
    } else {
        int status = file_read(spool, &head, &values, err);

        if (status)
            return status;
    }
    *row = (struct rnl_row){
        .size = sizeof(*row),
        .table = head.table,
        .op = head.op,
        .nvalues = head.nvalues,
        .before = head.has_before ? before : NULL,
        .after = head.has_after ? after : NULL,
    };
    if (head.has_before)
        values = values_read(values, before, head.nvalues);
    if (head.has_after)
        values_read(values, after, head.nvalues);
    return RNL_OK;
}
