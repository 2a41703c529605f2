/* A source that reads a folder of CSV files: NAME.csv is the table NAME, its first line the
 * columns. */
#include <runnel/plugin.h>

#include <dirent.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { COLUMNS_MAX = 1000, RECORD_MAX = 64 << 20 };

struct csv_config {
    const char *folder;
    const char *separator;
};

struct csv_source {
    const struct rnl_ctx *ctx;
    const struct csv_config *config;
    atomic_bool interrupted; /* set by any thread, read by the lanes */
};

/* A file at one record. The fields stand in bytes one after another, terminated. */
struct csv_file {
    FILE *from;
    char separator;
    char *bytes;
    size_t len, room;
    size_t starts[COLUMNS_MAX];
    bool quoted[COLUMNS_MAX];
    uint32_t count;
};

/* ---- reading records ---------------------------------------------------- */

static int file_fail(const struct csv_file *file, const char *why, struct rnl_error *err)
{
    return rnl_fail(err, RNL_E_DATA, "csv.record", "the record that ends at byte %lld: %s",
                    (long long)ftello(file->from), why);
}

static int file_open(struct csv_file *file, const struct csv_source *source, const char *table,
                     int64_t offset, struct rnl_error *err)
{
    char path[4096];

    *file = (struct csv_file){.separator = source->config->separator[0]};
    snprintf(path, sizeof(path), "%s/%s.csv", source->config->folder, table);
    file->from = fopen(path, "re");
    if (file->from && fseeko(file->from, offset, SEEK_SET) == 0)
        return RNL_OK;
    rnl_fail(err, RNL_E_CONFIG, "csv.open", "%s: %s", path, strerror(errno));
    if (file->from)
        fclose(file->from);
    return err->status;
}

static void file_close(struct csv_file *file)
{
    fclose(file->from);
    free(file->bytes);
}

static int put_byte(struct csv_file *file, int byte, struct rnl_error *err)
{
    if (file->len == file->room) {
        size_t room = file->room ? 2 * file->room : 4096;
        char *bytes = room <= RECORD_MAX ? realloc(file->bytes, room) : NULL;

        if (!bytes)
            return file_fail(file, "it is too large", err);
        file->bytes = bytes;
        file->room = room;
    }
    file->bytes[file->len++] = (char)byte;
    return RNL_OK;
}

/* One field; *last is the byte behind it: the separator, a line's end, or EOF. */
static int read_field(struct csv_file *file, int *last, struct rnl_error *err)
{
    int byte = getc_unlocked(file->from);
    bool inside = byte == '"';

    if (file->count == COLUMNS_MAX)
        return file_fail(file, "it has too many fields", err);
    file->quoted[file->count] = inside;
    file->starts[file->count++] = file->len;
    if (inside)
        byte = getc_unlocked(file->from);
    for (;; byte = getc_unlocked(file->from)) {
        if (inside && byte == '"') {
            byte = getc_unlocked(file->from);
            inside = byte == '"'; /* two of them are one */
        }
        if (byte == EOF && inside)
            return file_fail(file, "a quote is not closed", err);
        if (byte == EOF || (!inside && (byte == file->separator || byte == '\n')))
            break;
        if (put_byte(file, byte, err) != RNL_OK)
            return err->status;
    }
    if (byte == '\n' && !file->quoted[file->count - 1] &&
        file->len > file->starts[file->count - 1] && file->bytes[file->len - 1] == '\r')
        file->len--;
    *last = byte;
    return put_byte(file, '\0', err);
}

/* RNL_OK, RNL_DONE at the end of the file. */
static int read_record(struct csv_file *file, struct rnl_error *err)
{
    int last = getc_unlocked(file->from);

    if (last == EOF)
        return RNL_DONE;
    ungetc(last, file->from);
    file->len = 0;
    file->count = 0;
    do {
        if (read_field(file, &last, err) != RNL_OK)
            return err->status;
    } while (last == file->separator);
    return RNL_OK;
}

/* An empty field is NULL, an empty field in quotes an empty text. */
static struct rnl_value field_value(const struct csv_file *file, uint32_t index)
{
    size_t end = index + 1 < file->count ? file->starts[index + 1] : file->len;
    size_t len = end - 1 - file->starts[index];

    if (len == 0 && !file->quoted[index])
        return (struct rnl_value){.type = RNL_T_NULL};
    return (struct rnl_value){
        .type = RNL_T_TEXT, .len = (uint32_t)len, .ptr = file->bytes + file->starts[index]};
}

/* ---- the source --------------------------------------------------------- */

static int csv_open(const struct rnl_ctx *ctx, void **self, struct rnl_error *err)
{
    const struct csv_config *config = ctx->config;
    struct csv_source *source;
    DIR *folder;

    if (strlen(config->separator) != 1)
        return rnl_fail(err, RNL_E_CONFIG, "csv.separator", "separator: \"%s\" is not one byte",
                        config->separator);
    folder = opendir(config->folder);
    if (!folder) {
        rnl_fail(err, RNL_E_CONFIG, "csv.folder", "folder %s: %s", config->folder, strerror(errno));
        rnl_hint(err, "name a folder with files NAME.csv in it");
        return err->status;
    }
    closedir(folder);
    source = calloc(1, sizeof(*source));
    if (!source)
        return rnl_fail(err, RNL_E_FATAL, "csv.memory", "out of memory");
    source->ctx = ctx;
    source->config = config;
    *self = source;
    return RNL_OK;
}

static void csv_close(void *self)
{
    free(self);
}

/* One file as a table: all columns are text, and may be NULL. */
static int describe_file(struct csv_source *source, struct rnl_catalog *catalog, const char *name,
                         struct rnl_error *err)
{
    struct rnl_column *columns = NULL;
    struct csv_file file;
    int status = file_open(&file, source, name, 0, err);

    if (status != RNL_OK)
        return status;
    status = read_record(&file, err);
    if (status == RNL_DONE) /* an empty file is no table */
        status = RNL_OK;
    else if (status == RNL_OK && !(columns = calloc(file.count, sizeof(*columns))))
        status = rnl_fail(err, RNL_E_FATAL, "csv.memory", "out of memory");
    if (columns) {
        struct rnl_table table = {.size = sizeof(table),
                                  .schema = "csv",
                                  .name = name,
                                  .dialect = "csv",
                                  .columns = columns,
                                  .ncolumns = file.count,
                                  .column_size = sizeof(*columns),
                                  .rows = -1,
                                  .bytes = -1};

        for (uint32_t i = 0; i < file.count; i++)
            columns[i] = (struct rnl_column){.name = file.bytes + file.starts[i],
                                             .native = "text",
                                             .type = RNL_T_TEXT,
                                             .flags = RNL_COLUMN_NULLABLE};
        status = source->ctx->host->table_add(catalog, &table, err);
    }
    free(columns);
    file_close(&file);
    return status;
}

static int csv_describe(void *self, struct rnl_catalog *catalog, struct rnl_error *err)
{
    struct csv_source *source = self;
    DIR *folder = opendir(source->config->folder);
    int status = RNL_OK;

    if (!folder)
        return rnl_fail(err, RNL_E_CONFIG, "csv.folder", "folder %s: %s", source->config->folder,
                        strerror(errno));
    for (struct dirent *entry; status == RNL_OK && (entry = readdir(folder));) {
        size_t len = strlen(entry->d_name);

        if (len < 5 || strcmp(entry->d_name + len - 4, ".csv") != 0)
            continue;
        entry->d_name[len - 4] = '\0';
        if (source->ctx->host->table_wanted(catalog, "csv", entry->d_name))
            status = describe_file(source, catalog, entry->d_name, err);
    }
    closedir(folder);
    return status;
}

/* Files have no log: nothing can be followed after this. They must not change meanwhile. */
static int csv_snapshot(void *self, uint32_t *lanes, struct rnl_slice *position,
                        struct rnl_error *err)
{
    (void)self;
    (void)lanes;
    (void)err;
    *position = (struct rnl_slice){0};
    return RNL_OK;
}

static int add_unit(struct csv_source *source, struct rnl_plan *plan, uint32_t table, int64_t from,
                    int64_t to, struct rnl_error *err)
{
    struct rnl_unit unit = {.size = sizeof(unit),
                            .kind = RNL_UNIT_CHUNK,
                            .table = table,
                            .from = {&from, sizeof(from)},
                            .to = {&to, sizeof(to)},
                            .rows = -1,
                            .bytes = to - from};

    return source->ctx->host->unit_add(plan, &unit, err);
}

/* A quoted field may hold line ends, so units begin where records do: all are looked at. */
static int csv_plan(void *self, const struct rnl_catalog *catalog, uint32_t table,
                    int64_t chunk_bytes, struct rnl_plan *plan, struct rnl_error *err)
{
    struct csv_source *source = self;
    int64_t from = -1, at = 0;
    struct csv_file file;
    int status;

    status = file_open(&file, source, source->ctx->host->table_at(catalog, table)->name, 0, err);
    if (status != RNL_OK)
        return status;
    while (status == RNL_OK && !atomic_load(&source->interrupted)) {
        status = read_record(&file, err);
        at = ftello(file.from);
        if (from < 0)
            from = at; /* behind the names of columns */
        if (status < 0 || from == at || (status == RNL_OK && at - from < chunk_bytes))
            continue;
        if (add_unit(source, plan, table, from, at, err) != RNL_OK)
            status = err->status;
        from = at;
    }
    file_close(&file);
    if (status == RNL_OK)
        return rnl_fail(err, RNL_E_RETRY, "csv.interrupted", "interrupted");
    return status == RNL_DONE ? RNL_OK : status;
}

struct csv_cursor {
    struct csv_source *source;
    const struct rnl_unit *unit;
    uint32_t ncolumns; /* of the table */
    int64_t end;
    struct csv_file file;
    struct rnl_value values[COLUMNS_MAX];
};

/* An offset that plan or a mark gave to the host, in this run or in an earlier one. */
static bool read_offset(struct rnl_slice slice, int64_t *offset)
{
    if (slice.len != sizeof(*offset))
        return false;
    memcpy(offset, slice.ptr, sizeof(*offset));
    return *offset >= 0;
}

static int csv_cursor_open(void *self, const struct rnl_catalog *catalog, uint32_t lane,
                           const struct rnl_unit *unit, void **out, struct rnl_error *err)
{
    struct csv_source *source = self;
    const struct rnl_table *table = source->ctx->host->table_at(catalog, unit->table);
    struct csv_cursor *cursor;
    int64_t from, to;

    (void)lane;
    if (!table || !read_offset(unit->position.len ? unit->position : unit->from, &from) ||
        !read_offset(unit->to, &to))
        return rnl_fail(err, RNL_E_FATAL, "csv.unit", "a unit that this source did not make");
    cursor = calloc(1, sizeof(*cursor));
    if (!cursor)
        return rnl_fail(err, RNL_E_FATAL, "csv.memory", "out of memory");
    cursor->source = source;
    cursor->unit = unit;
    cursor->ncolumns = table->ncolumns;
    cursor->end = to;
    if (file_open(&cursor->file, source, table->name, from, err) != RNL_OK) {
        free(cursor);
        return err->status;
    }
    *out = cursor;
    return RNL_OK;
}

static void csv_cursor_close(void *handle)
{
    struct csv_cursor *cursor = handle;

    if (!cursor)
        return;
    file_close(&cursor->file);
    free(cursor);
}

/* The record at hand as a row: all columns, or those that the unit asks for. */
static int add_row(struct csv_cursor *cursor, struct rnl_bundle *out, struct rnl_error *err)
{
    const struct rnl_unit *unit = cursor->unit;
    struct rnl_row row = {.size = sizeof(row), .table = unit->table, .op = RNL_INSERT};
    uint32_t count = unit->columns ? unit->ncolumns : cursor->ncolumns;

    if (cursor->file.count != cursor->ncolumns)
        return file_fail(&cursor->file, "it has not as many fields as there are columns", err);
    for (uint32_t i = 0; i < count; i++)
        cursor->values[i] = field_value(&cursor->file, unit->columns ? unit->columns[i] : i);
    row.nvalues = (uint16_t)count;
    row.after = cursor->values;
    return cursor->source->ctx->host->bundle_add(out, &row, err);
}

/* A file never keeps us waiting, so timeout_ms is met without a look at the clock. */
static int csv_cursor_read(void *handle, struct rnl_bundle *out, int timeout_ms,
                           struct rnl_error *err)
{
    struct csv_cursor *cursor = handle;
    const struct rnl_host *host = cursor->source->ctx->host;
    int64_t at = ftello(cursor->file.from);
    bool any = false;
    int status;

    (void)timeout_ms;
    while (at < cursor->end && !host->bundle_full(out)) {
        if (atomic_load(&cursor->source->interrupted))
            return rnl_fail(err, RNL_E_RETRY, "csv.interrupted", "interrupted");
        status = read_record(&cursor->file, err);
        if (status == RNL_DONE)
            return file_fail(&cursor->file, "the file has become shorter", err);
        if (status != RNL_OK || add_row(cursor, out, err) != RNL_OK)
            return err->status;
        at = ftello(cursor->file.from);
        any = true;
    }
    /* The unit can be resumed behind any row: one mark behind the last is enough. */
    if (any && host->bundle_mark(out, (struct rnl_slice){&at, sizeof(at)}, err) != RNL_OK)
        return err->status;
    return at < cursor->end ? RNL_OK : RNL_DONE;
}

static void csv_interrupt(void *self)
{
    struct csv_source *source = self;

    atomic_store(&source->interrupted, true);
}

/* ---- what the host is told ----------------------------------------------- */

static const struct rnl_source_ops ops = {
    .size = sizeof(ops),
    .open = csv_open,
    .close = csv_close,
    .describe = csv_describe,
    .snapshot = csv_snapshot,
    .plan = csv_plan,
    .cursor_open = csv_cursor_open,
    .cursor_read = csv_cursor_read,
    .cursor_close = csv_cursor_close,
    .interrupt = csv_interrupt,
};

static const struct rnl_option options[] = {
    {
        .name = "folder",
        .help = "Holds the files: NAME.csv is the table NAME.",
        .type = RNL_O_FILE,
        .flags = RNL_O_REQUIRED | RNL_O_CONNECTION,
        .offset = offsetof(struct csv_config, folder),
    },
    {
        .name = "separator",
        .preset = ",",
        .help = "Stands between fields: one byte.",
        .type = RNL_O_STRING,
        .flags = RNL_O_CONNECTION,
        .offset = offsetof(struct csv_config, separator),
    },
};

static const struct rnl_plugin csv = {
    .size = sizeof(csv),
    .kind = RNL_SOURCE,
    .name = "csv",
    .summary = "Reads a folder of CSV files: each is a table of texts",
    .options = RNL_OPTIONS(options, struct csv_config),
    .source = &ops,
};

RNL_MODULE("csv", "1.0.0", "Apache-2.0", &csv);
