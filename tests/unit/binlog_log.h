/* Captured binary logs, read for tests: their events, and what a decoder makes of them as text. */
#ifndef BINLOG_LOG_H
#define BINLOG_LOG_H

#include "../../core/catalog.h"
#include "binlog.h"

#include <runnel/host.h>
#include <stdlib.h>

#define FIXTURES SOURCE_DIR "/tests/fixtures/binlog/"

static inline char *file_read(const char *name, const char *suffix, size_t *len)
{
    char path[400];
    char *bytes;
    FILE *file;
    long size;

    *len = 0;
    snprintf(path, sizeof(path), FIXTURES "%s%s", name, suffix);
    file = fopen(path, "r");
    if (!file)
        return NULL;
    fseek(file, 0, SEEK_END);
    size = ftell(file);
    rewind(file);
    bytes = size < 0 ? NULL : malloc((size_t)size + 1);
    *len = bytes ? fread(bytes, 1, (size_t)size, file) : 0;
    if (bytes)
        bytes[*len] = '\0';
    fclose(file);
    return bytes;
}

static inline struct rnl_catalog *catalog_read(const char *name)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct rnl_catalog *catalog = NULL;
    size_t len;
    char *text = file_read(name, ".tables.json", &len);

    if (text && catalog_from_json(text, len, &catalog, &err))
        fprintf(stderr, "%s: %s\n", name, err.text);
    free(text);
    return catalog;
}

static inline void value_print(FILE *out, const struct rnl_value *value)
{
    static const char *const names[RNL_T_COUNT] = {
        "null", "unchanged", "bool",     "int",  "uint",   "float", "double",   "decimal",
        "text", "bytes",     "date",     "time", "moment", "utc",   "interval", "uuid",
        "json", "bits",      "geometry", "inet", "vector", "native"};
    const unsigned char *at = value->ptr;

    fprintf(out, " %s%s", names[value->type], value->flags & RNL_V_ZERO_DATE ? "(none)" : "");
    switch (value->type) {
    case RNL_T_NULL:
    case RNL_T_UNCHANGED:
        return;
    case RNL_T_UINT:
        fprintf(out, ":%llu", (unsigned long long)value->u);
        return;
    case RNL_T_FLOAT:
    case RNL_T_DOUBLE:
        fprintf(out, ":%.17g", value->d);
        return;
    case RNL_T_INT:
    case RNL_T_DATE:
    case RNL_T_TIME:
    case RNL_T_TIMESTAMP:
    case RNL_T_TIMESTAMPTZ:
        fprintf(out, ":%lld", (long long)value->i);
        return;
    default:
        fputc(':', out);
    }
    for (uint32_t i = 0, run; i < value->len; i += run) {
        bool hex = at[i] <= 0x20 || at[i] == '\\' || at[i] == 0x7f ||
                   (at[i] >= 0x80 && value->type != RNL_T_TEXT && value->type != RNL_T_JSON);

        for (run = 1; i + run < value->len && at[i + run] == at[i];)
            run++;
        if (run < 8)
            run = 1;
        if (hex)
            fprintf(out, "\\%02x", at[i]);
        else
            fputc(at[i], out);
        if (run > 1)
            fprintf(out, "\\*%u ", run);
    }
}

static inline void row_print(FILE *out, const char *what, const struct rnl_table *table,
                             const struct rnl_value *values)
{
    fprintf(out, "%s %s", what, table->name);
    for (uint32_t i = 0; i < table->ncolumns; i++)
        value_print(out, &values[i]);
    fputc('\n', out);
}

static inline void text_print(FILE *out, const char *what, struct rnl_slice text)
{
    fprintf(out, "%s", what);
    for (size_t i = 0; i < text.len; i++) {
        char c = ((const char *)text.ptr)[i];

        fputc(c == '\n' ? ' ' : c, out);
    }
    fputc('\n', out);
}

static inline int rows_print(FILE *out, struct binlog *log, struct binlog_event *event,
                             struct rnl_catalog *catalog, struct rnl_error *err)
{
    static struct rnl_value before[64], after[64];
    struct binlog_table *table = event->rows.table;
    int status;

    if (!table->user) {
        uint32_t index = catalog_index(catalog, table->schema, table->name);
        const struct rnl_table *described;

        if (index == UINT32_MAX)
            return RNL_OK;
        described = catalog_at(catalog, index);
        if (described->ncolumns > 64)
            return RNL_E_FATAL;
        status = binlog_table_fit(table, described, err);
        if (status)
            return status;
        memcpy(&table->user, &described, sizeof(described));
    }
    while ((status = binlog_row(log, before, after, err)) == RNL_OK) {
        if (event->rows.op == RNL_INSERT)
            row_print(out, "insert", table->user, after);
        else
            row_print(out, event->rows.op == RNL_DELETE ? "delete" : "update", table->user, before);
        if (event->rows.op == RNL_UPDATE)
            row_print(out, "     to", table->user, after);
    }
    return status;
}

static inline int event_print(FILE *out, struct binlog *log, struct binlog_event *event,
                              struct rnl_catalog *catalog, struct rnl_error *err)
{
    switch (event->kind) {
    case BINLOG_ROWS:
        return rows_print(out, log, event, catalog, err);
    case BINLOG_GTID:
        fprintf(out, "gtid %02x%02x:%llu tag=%.*s length=%llu%s\n", event->gtid.uuid[0],
                event->gtid.uuid[15], (unsigned long long)event->gtid.number,
                (int)event->gtid.tag.len, (const char *)event->gtid.tag.ptr,
                (unsigned long long)event->gtid.length,
                event->gtid.committed_us > INT64_C(1600000000000000) ? "" : " time?");
        break;
    case BINLOG_MARIADB_GTID:
        fprintf(out, "gtid %u-%u-%llu flags=%x\n", event->mariadb_gtid.domain, event->server_id,
                (unsigned long long)event->mariadb_gtid.sequence, event->mariadb_gtid.flags);
        break;
    case BINLOG_QUERY:
        fprintf(out, "query mode=%llx", (unsigned long long)event->query.sql_mode);
        text_print(out, " in ", event->query.schema);
        text_print(out, "      ", event->query.text);
        break;
    case BINLOG_XID:
        fprintf(out, "commit%s\n", event->in_payload ? " of a payload" : "");
        break;
    case BINLOG_XA_PREPARE:
        fprintf(out, "xa %s%s\n", event->xa.id, event->xa.one_phase ? " one phase" : "");
        break;
    case BINLOG_ROTATE:
    case BINLOG_HEARTBEAT:
        fprintf(out, "place %llu", (unsigned long long)event->place.position);
        text_print(out, " of ", event->place.file);
        break;
    default:
        fprintf(out, "event %d\n", event->kind);
    }
    return RNL_OK;
}

static inline int packet_print(FILE *out, struct binlog *log, const void *bytes, size_t len,
                               struct rnl_catalog *catalog, struct rnl_error *err)
{
    struct binlog_event event;
    int status = binlog_feed(log, bytes, len, err);

    while (!status) {
        status = binlog_next(log, &event, err);
        if (status)
            break;
        status = event_print(out, log, &event, catalog, err);
        if (status == RNL_DONE)
            status = RNL_OK;
    }
    return status == RNL_DONE ? RNL_OK : status;
}

/* The length of the event at *at of a log file; 0: there is none. */
static inline size_t event_at(const char *log, size_t len, size_t at)
{
    uint32_t size;

    if (at + 19 > len)
        return 0;
    memcpy(&size, log + at + 9, 4);
    return size >= 19 && size <= len - at ? size : 0;
}

static inline int log_print(FILE *out, struct binlog *log, const char *bytes, size_t len,
                            struct rnl_catalog *catalog, struct rnl_error *err)
{
    int status = RNL_OK;

    for (size_t at = 4, size; !status && (size = event_at(bytes, len, at)); at += size) {
        /* memory of just that size, so that a reading beyond it is seen */
        char *event = malloc(size);

        if (!event)
            return RNL_E_FATAL;
        memcpy(event, bytes + at, size);
        status = packet_print(out, log, event, size, catalog, err);
        free(event);
    }
    return status;
}

#endif
