/* Reads the rows of one unit, in the order of the table's key, and marks where to go on. */
#include "key.h"
#include "row.h"
#include "source.h"
#include "wire.h"

#include <time.h>

struct cursor {
    uint32_t kind; /* CURSOR_ROWS */
    uint32_t lane;
    struct source *source;
    struct conn *conn; /* of the lane */
    bool whole;        /* read in one go: only its end is marked, with the place in the log */
    const struct rnl_table *table;
    uint32_t table_index;
    struct wire wire;
    struct key key;
    uint32_t key_at[KEY_COLUMNS_MAX]; /* where the key's columns stand in values */
    uint32_t nselected;               /* columns that the host asked for */
    uint32_t nfields;                 /* and those of the key that it didn't */
    uint32_t *selected;               /* columns of the table, nfields */
    struct field *fields;
    struct rnl_value *values;
    struct scratch scratch;
    struct text place;
    uint32_t lossy; /* 1: behind the fields stands whether a text was converted with loss */
};

static int select_columns(struct cursor *cursor, const struct rnl_unit *unit)
{
    const struct rnl_table *table = cursor->table;
    uint32_t i, j;

    cursor->nselected = unit->columns ? unit->ncolumns : table->ncolumns;
    cursor->selected = calloc(cursor->nselected + KEY_COLUMNS_MAX, sizeof(uint32_t));
    if (!cursor->selected)
        return -1;
    for (i = 0; i < cursor->nselected; i++) {
        cursor->selected[i] = unit->columns ? unit->columns[i] : i;
        if (cursor->selected[i] >= table->ncolumns)
            return -1;
    }
    cursor->nfields = cursor->nselected;
    for (i = 0; i < cursor->key.ncolumns; i++) {
        for (j = 0; j < cursor->nfields; j++)
            if (cursor->selected[j] == cursor->key.columns[i])
                break;
        if (j == cursor->nfields)
            cursor->selected[cursor->nfields++] = cursor->key.columns[i];
        cursor->key_at[i] = j;
    }
    cursor->fields = calloc(cursor->nfields + 1, sizeof(*cursor->fields));
    cursor->values = calloc(cursor->nfields + 1, sizeof(*cursor->values));
    return cursor->fields && cursor->values ? 0 : -1;
}

static void converted_add(struct text *sql, const struct rnl_column *column)
{
    text_add(sql, "CONVERT(");
    text_name(sql, column->name);
    text_add(sql, " USING utf8mb4)");
}

static void column_add(struct text *sql, const struct rnl_column *column)
{
    if (column->type == RNL_T_NATIVE) {
        text_add(sql, "CAST(");
        text_name(sql, column->name);
        text_add(sql, " AS CHAR CHARACTER SET utf8mb4)");
    } else if (charset_kind(column) == CHARSET_SERVER) {
        converted_add(sql, column);
    } else {
        text_name(sql, column->name);
    }
}

/*
 * The server puts '?' for what it can't convert, and MySQL doesn't even warn: then
 * the text has other characters left when all '?' are taken out on either side.
 */
static void loss_add(struct cursor *cursor, struct text *sql)
{
    for (uint32_t i = 0; i < cursor->nselected; i++) {
        const struct rnl_column *column = &cursor->table->columns[cursor->selected[i]];

        if (charset_kind(column) != CHARSET_SERVER)
            continue;
        text_add(sql, cursor->lossy ? " OR (LOCATE('?', " : ", IFNULL((LOCATE('?', ");
        cursor->lossy = 1;
        converted_add(sql, column);
        text_add(sql, ") > 0 AND CHAR_LENGTH(REPLACE(");
        text_name(sql, column->name);
        text_add(sql, ", '?', '')) <> CHAR_LENGTH(REPLACE(");
        converted_add(sql, column);
        text_add(sql, ", '?', '')))");
    }
    if (cursor->lossy)
        text_add(sql, ", 0)");
}

static int bound_add(struct cursor *cursor, struct text *sql, struct rnl_slice place,
                     enum place_side side, const char **joint)
{
    if (!place.len)
        return 0;
    text_add(sql, *joint);
    *joint = " AND ";
    if (!cursor->key.index)
        return -1;
    return place_condition(sql, cursor->table, &cursor->key, place, side);
}

/* Only rows of these keys: (`a` = 1 AND `b` = 2) OR … */
static int keys_add(const struct cursor *cursor, const struct rnl_unit *unit, struct text *sql,
                    const char **joint)
{
    if (!unit->nkeys || unit->size < sizeof(*unit))
        return 0;
    text_printf(sql, "%s(", *joint);
    *joint = " AND ";
    for (uint32_t row = 0; row < unit->nkeys; row++)
        for (uint32_t k = 0; k < unit->nkey; k++) {
            const struct rnl_column *column;

            if (unit->key[k] >= cursor->table->ncolumns)
                return -1;
            column = &cursor->table->columns[unit->key[k]];
            text_add(sql, k ? " AND " : row ? ") OR (" : "(");
            text_name(sql, column->name);
            text_add(sql, " = ");
            if (literal_add(sql, column, &unit->keys[(size_t)row * unit->nkey + k]))
                return -1;
        }
    text_add(sql, "))");
    return 0;
}

bool source_reads_keys(void *self, const struct rnl_catalog *catalog, uint32_t index,
                       const uint32_t *key, uint32_t nkey)
{
    const struct source *source = self;
    const struct rnl_table *table = source->ctx->host->table_at(catalog, index);

    for (uint32_t k = 0; k < nkey; k++) {
        const struct rnl_column *column = &table->columns[key[k]];
        bool number = column->type == RNL_T_INT || column->type == RNL_T_UINT;
        bool text = column->type == RNL_T_TEXT && column->charset && column->collation &&
                    column->nlabels == 0;

        if (!number && !text && column->type != RNL_T_UUID)
            return false;
    }
    return nkey > 0 && !table->query;
}

static int select_write(struct cursor *cursor, const struct rnl_unit *unit, struct text *sql)
{
    const struct rnl_table *table = cursor->table;
    const struct table_info *info = table_info_find(cursor->source, table->name);
    const char *joint = " WHERE ";

    text_add(sql, cursor->source->server.mariadb ? "SELECT SQL_NO_CACHE " : "SELECT ");
    for (uint32_t i = 0; i < cursor->nfields; i++) {
        text_add(sql, i ? ", " : "");
        column_add(sql, &table->columns[cursor->selected[i]]);
    }
    loss_add(cursor, sql);
    text_add(sql, " FROM ");
    if (table->query) {
        query_from(sql, table->query);
    } else {
        text_name(sql, table->schema);
        text_add(sql, ".");
        text_name(sql, table->name);
    }
    /* rows lie in the key's order: any other way would need to sort them */
    if (cursor->key.index && info && info->clustered && !table->where && !table->query) {
        text_add(sql, " FORCE INDEX (");
        text_name(sql, cursor->key.index);
        text_add(sql, ")");
    }
    if (table->where && *table->where && !table->query) {
        text_printf(sql, "%s(%s)", joint, table->where);
        joint = " AND ";
    }
    if (bound_add(cursor, sql, unit->position, PLACE_BEHIND, &joint) ||
        (!unit->position.len && bound_add(cursor, sql, unit->from, PLACE_FROM, &joint)) ||
        bound_add(cursor, sql, unit->to, PLACE_BEFORE, &joint) ||
        keys_add(cursor, unit, sql, &joint))
        return -1;
    for (uint32_t i = 0; i < cursor->key.ncolumns; i++) {
        text_add(sql, i ? ", " : " ORDER BY ");
        text_name(sql, table->columns[cursor->key.columns[i]].name);
    }
    return 0;
}

static int table_changed(const struct cursor *cursor, const char *column, struct rnl_error *err)
{
    rnl_fail(err, RNL_E_CONFIG, "mysql.table_changed",
             "column %s of table %s.%s is of another type than when it was described", column,
             cursor->table->schema, cursor->table->name);
    rnl_hint(err, "start again with --restart, and leave the structure alone while it runs");
    return err->status;
}

static int fields_set(struct cursor *cursor, const MYSQL_FIELD *fields, unsigned count,
                      struct rnl_error *err)
{
    static const struct rnl_column flag = {.type = RNL_T_INT};

    if (count != cursor->nfields + cursor->lossy)
        return rnl_fail(err, RNL_E_RETRY, "mysql.protocol", "%u columns came, %u were asked for",
                        count, cursor->nfields + cursor->lossy);
    for (uint32_t i = 0; i < count; i++) {
        const struct rnl_column *column =
            i < cursor->nfields ? &cursor->table->columns[cursor->selected[i]] : &flag;

        if (field_set(&cursor->fields[i], column, (unsigned)fields[i].type, fields[i].flags))
            return table_changed(cursor, column->name ? column->name : "", err);
    }
    return RNL_OK;
}

static int cursor_start(struct cursor *cursor, const struct rnl_unit *unit, struct rnl_error *err)
{
    const MYSQL_FIELD *fields;
    struct text sql = {0};
    unsigned nfields;
    int status;

    if (select_write(cursor, unit, &sql)) {
        status = rnl_fail(err, RNL_E_CONFIG, "mysql.bad_position",
                          "a place to go on from is none of table %s.%s", cursor->table->schema,
                          cursor->table->name);
        rnl_hint(err, "the table's key has changed: start again with --restart");
    } else if (sql.failed) {
        status = error_memory(err);
    } else {
        status = wire_open(&cursor->wire, cursor->conn, sql.ptr, &fields, &nfields, err);
        if (!status)
            status = fields_set(cursor, fields, nfields, err);
    }
    text_free(&sql);
    return status;
}

static void rows_close(struct cursor *cursor);

int source_cursor_open(void *self, const struct rnl_catalog *catalog, uint32_t lane,
                       const struct rnl_unit *unit, void **out, struct rnl_error *err)
{
    struct source *source = self;
    struct cursor *cursor;
    int status;

    if (unit->kind == RNL_UNIT_CHANGES)
        return changes_open(source, catalog, unit, out, err);
    if (lane >= source->nlanes)
        return rnl_fail(err, RNL_E_FATAL, "mysql.no_lane", "there is no snapshot for lane %u",
                        lane);
    cursor = calloc(1, sizeof(*cursor));
    if (!cursor)
        return error_memory(err);
    cursor->kind = CURSOR_ROWS;
    cursor->lane = lane;
    cursor->source = source;
    cursor->conn = source->lanes[lane];
    cursor->table_index = unit->table;
    cursor->table = source->ctx->host->table_at(catalog, unit->table);
    cursor->whole = source->following && !table_has_key(cursor->table);
    if (!cursor->whole)
        key_choose(cursor->table, &cursor->key);
    status = select_columns(cursor, unit) ? error_memory(err) : cursor_start(cursor, unit, err);
    if (status) {
        rows_close(cursor);
        return status;
    }
    *out = cursor;
    return RNL_OK;
}

/* The place behind the last row, whose values still stand in the connection's buffer. */
static int place_mark(struct cursor *cursor, struct rnl_bundle *out, struct rnl_error *err)
{
    struct rnl_value values[KEY_COLUMNS_MAX];

    if (!cursor->key.index)
        return RNL_OK;
    for (uint32_t i = 0; i < cursor->key.ncolumns; i++)
        values[i] = cursor->values[cursor->key_at[i]];
    if (place_encode(&cursor->place, values, cursor->key.ncolumns))
        return cursor->place.failed ? error_memory(err) : RNL_OK;
    return cursor->source->ctx->host->bundle_mark(
        out, (struct rnl_slice){cursor->place.ptr, cursor->place.len}, err);
}

static int row_broken(const struct cursor *cursor, struct rnl_error *err)
{
    return rnl_fail(err, RNL_E_RETRY, "mysql.protocol",
                    "a row of %s.%s can't be understood: the server sent other bytes than the "
                    "columns' types allow",
                    cursor->table->schema, cursor->table->name);
}

/* Which row it was, for a person to find it. */
static void key_write(const struct cursor *cursor, char *buf, size_t size)
{
    struct text sql = {0};
    struct rnl_value values[KEY_COLUMNS_MAX];

    snprintf(buf, size, "(the table has no key)");
    for (uint32_t i = 0; i < cursor->key.ncolumns; i++)
        values[i] = cursor->values[cursor->key_at[i]];
    if (cursor->key.index && !place_describe(&sql, cursor->table, &cursor->key, values))
        snprintf(buf, size, "%s", sql.ptr);
    text_free(&sql);
}

static int text_lost(const struct cursor *cursor, struct rnl_error *err)
{
    char key[200];

    key_write(cursor, key, sizeof(key));
    rnl_fail(err, RNL_E_DATA, "mysql.charset",
             "a text in table %s.%s, row %s, holds bytes that its character set does not have",
             cursor->table->schema, cursor->table->name, key);
    rnl_hint(err, "mend the value in the source, or make the column VARBINARY");
    return err->status;
}

/* Of a table without a key: changes count from the place where this lane's view stands. */
static int end_mark(struct cursor *cursor, struct rnl_bundle *out, struct rnl_error *err)
{
    struct source *source = cursor->source;
    const char *position = source->lane_positions ? source->lane_positions[cursor->lane] : NULL;

    if (!cursor->whole)
        return RNL_OK;
    if (!position)
        return rnl_fail(err, RNL_E_FATAL, "mysql.no_view", "the view of table %s has no place",
                        cursor->table->name);
    return source->ctx->host->bundle_mark(out, (struct rnl_slice){position, strlen(position)}, err);
}

static int unit_finish(struct cursor *cursor, struct rnl_bundle *out, struct rnl_error *err)
{
    int status = cursor->table->query
                     ? RNL_OK
                     : definition_check(cursor->source, cursor->conn, cursor->table, err);

    if (!status)
        status = end_mark(cursor, out, err);
    return status ? status : RNL_DONE;
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int rows_read(struct cursor *cursor, struct rnl_bundle *out, int timeout_ms,
                     struct rnl_error *err)
{
    const struct rnl_host *host = cursor->source->ctx->host;
    struct rnl_row row = {
        .size = sizeof(row),
        .table = cursor->table_index,
        .op = RNL_INSERT,
        .nvalues = (uint16_t)cursor->nselected,
        .after = cursor->values,
    };
    int64_t until = now_ms() + timeout_ms;
    const unsigned char *packet;
    uint32_t rows = 0;
    size_t len;
    int status;

    while (!host->bundle_full(out)) {
        if (rows && rows % 32 == 0 && now_ms() > until)
            break;
        status = wire_row(&cursor->wire, &packet, &len, err);
        if (status == RNL_DONE)
            return unit_finish(cursor, out, err);
        if (status)
            return status;
        if (row_decode(cursor->fields, cursor->nfields + cursor->lossy, packet, len, cursor->values,
                       &cursor->scratch))
            return row_broken(cursor, err);
        if (cursor->lossy && cursor->values[cursor->nfields].i)
            return text_lost(cursor, err);
        status = host->bundle_add(out, &row, err);
        if (status)
            return status;
        rows++;
    }
    return rows ? place_mark(cursor, out, err) : RNL_OK;
}

static enum cursor_kind kind_of(const void *cursor)
{
    uint32_t kind;

    memcpy(&kind, cursor, sizeof(kind));
    return (enum cursor_kind)kind;
}

int source_cursor_read(void *self, struct rnl_bundle *out, int timeout_ms, struct rnl_error *err)
{
    return kind_of(self) == CURSOR_CHANGES ? changes_read(self, out, timeout_ms, err)
                                           : rows_read(self, out, timeout_ms, err);
}

static void rows_close(struct cursor *cursor)
{
    wire_close(&cursor->wire);
    scratch_reset(&cursor->scratch);
    text_free(&cursor->place);
    free(cursor->selected);
    free(cursor->fields);
    free(cursor->values);
    free(cursor);
}

void source_cursor_close(void *self)
{
    if (kind_of(self) == CURSOR_CHANGES)
        changes_close(self);
    else
        rows_close(self);
}
