/* The statements that do changes: their texts, and the parameters in them. */
#include "apply.h"

static bool in_key(const struct bound_table *table, uint32_t column)
{
    for (uint32_t i = 0; i < table->nkey; i++)
        if (table->key[i] == column)
            return true;
    return false;
}

bool column_is_sent(const struct bound_table *table, const struct rnl_row *row, uint32_t column)
{
    return table->columns[column].written && row->after[column].type != RNL_T_UNCHANGED;
}

bool row_is_whole(const struct bound_table *table, const struct rnl_row *row)
{
    for (uint32_t i = 0; i < table->source->ncolumns; i++)
        if (table->columns[i].written && row->after[i].type == RNL_T_UNCHANGED)
            return false;
    return true;
}

bool row_moves(const struct bound_table *table, const struct rnl_row *row)
{
    for (uint32_t i = 0; row->before && i < table->nkey; i++)
        if (row->after[table->key[i]].type != RNL_T_UNCHANGED &&
            !cascade_same(&row->before[table->key[i]], &row->after[table->key[i]]))
            return true;
    return false;
}

struct rnl_row row_sought(const struct rnl_row *row)
{
    struct rnl_row sought = *row;

    if (row->before)
        sought.after = row->before;
    return sought;
}

bool column_is_set(const struct bound_table *table, const struct rnl_row *row, uint32_t column)
{
    if (!column_is_sent(table, row, column))
        return false;
    return !in_key(table, column) ||
           (row->before && !cascade_same(&row->before[column], &row->after[column]));
}

/* --- which row -------------------------------------------------------------------- */

static void bytes_sql(struct text *sql, const char *name, const char *form, const char *value)
{
    text_add(sql, form);
    text_name(sql, name);
    text_add(sql, value);
}

/* One column of a row that is looked for by all of its columns: exactly, whatever collations say.
 */
static void equal_sql(struct text *sql, const struct bound_column *column)
{
    switch (column->kind) {
    case MY_CHAR:
        bytes_sql(sql, column->name, "CAST(TRIM(TRAILING ' ' FROM CONVERT(",
                  " USING utf8mb4)) AS BINARY) <=> CAST(TRIM(TRAILING ' ' FROM ?) AS BINARY)");
        break;
    case MY_TEXT:
    case MY_ENUM:
    case MY_SET:
        bytes_sql(sql, column->name, "CAST(CONVERT(",
                  " USING utf8mb4) AS BINARY) <=> CAST(? AS BINARY)");
        break;
    case MY_JSON: /* the type compares 1 and 1.0 as equal */
        bytes_sql(sql, column->name, "CAST(CONVERT(",
                  " USING utf8mb4) AS BINARY) <=> "
                  "CAST(CONVERT(CAST(? AS JSON) USING utf8mb4) AS BINARY)");
        break;
    case MY_GEOMETRY:
    case MY_VECTOR:
        bytes_sql(sql, column->name, "CAST(", " AS BINARY) <=> CAST(? AS BINARY)");
        break;
    default:
        bytes_sql(sql, column->name, "", " <=> ?");
        break;
    }
}

static void key_sql(struct text *sql, const struct bound_column *column)
{
    text_name(sql, column->name);
    text_add(sql, " = ?");
    if (column->exact)
        bytes_sql(sql, column->name, " AND CAST(CONVERT(",
                  " USING utf8mb4) AS BINARY) = CAST(? AS BINARY)");
}

void sought_sql(struct text *sql, const struct bound_table *table, const struct rnl_row *sought)
{
    const char *joint = " WHERE ";

    for (uint32_t i = 0; i < table->nkey; i++, joint = " AND ") {
        text_add(sql, joint);
        key_sql(sql, &table->columns[table->key[i]]);
    }
    for (uint32_t i = 0; !table->nkey && i < table->source->ncolumns; i++) {
        if (!column_is_sent(table, sought, i))
            continue;
        text_add(sql, joint);
        equal_sql(sql, &table->columns[i]);
        joint = " AND ";
    }
    if (!table->nkey)
        text_add(sql, " LIMIT 1");
}

static int sought_missing(const struct bound_table *table, struct rnl_error *err)
{
    rnl_fail(err, RNL_E_DATA, "sink.row_unknown",
             "a change of %s.%s doesn't tell which row it is about", table->source->schema,
             table->source->name);
    rnl_hint(err, "the source should log whole rows: binlog_row_image = FULL in MySQL and MariaDB, "
                  "REPLICA IDENTITY in PostgreSQL");
    return err->status;
}

int sought_values(struct my_writer *w, struct command *command, const struct rnl_row *sought,
                  struct rnl_error *err)
{
    const struct bound_table *table = command->table;
    bool any = false;
    int status = RNL_OK;

    w->comparing = true;
    for (uint32_t i = 0; status == RNL_OK && i < table->nkey; i++) {
        uint32_t column = table->key[i];

        any = sought->after[column].type != RNL_T_UNCHANGED;
        status =
            any ? command_add(w, command, table, sought, column, err) : sought_missing(table, err);
        if (status == RNL_OK && table->columns[column].exact)
            status = command_add(w, command, table, sought, column, err);
    }
    for (uint32_t i = 0; status == RNL_OK && !table->nkey && i < table->source->ncolumns; i++) {
        if (!column_is_sent(table, sought, i))
            continue;
        any = true;
        status = command_add(w, command, table, sought, i, err);
    }
    w->comparing = false;
    return status == RNL_OK && !any ? sought_missing(table, err) : status;
}

/* --- statements --------------------------------------------------------------------- */

static void marks_sql(struct text *sql, uint32_t width, uint32_t count)
{
    for (uint32_t row = 0; row < count; row++) {
        text_add(sql, row ? ", (" : "(");
        for (uint32_t i = 0; i < width; i++)
            text_add(sql, i ? ", ?" : "?");
        text_add(sql, ")");
    }
}

/* Two keys of the source may be one for the target: NULL makes an error of it. */
static void taken_sql(struct text *sql, const struct bound_column *column)
{
    bool guarded = column->exact && !column->nullable;

    text_name(sql, column->name);
    text_add(sql, " = ");
    if (guarded) {
        bytes_sql(sql, column->name, "IF(CAST(", " AS BINARY) = CAST(VALUES(");
        bytes_sql(sql, column->name, "", ") AS BINARY), ");
    }
    bytes_sql(sql, column->name, "VALUES(", guarded ? "), NULL)" : ")");
}

static void upsert_sql(struct text *sql, const struct bound_table *table, const struct rnl_row *row)
{
    const char *joint = " ON DUPLICATE KEY UPDATE ";
    uint32_t any = 0;

    for (uint32_t i = 0; i < table->source->ncolumns; i++) {
        if (!column_is_sent(table, row, i) || (in_key(table, i) && !table->columns[i].exact))
            continue;
        text_add(sql, joint);
        taken_sql(sql, &table->columns[i]);
        joint = ", ";
        any++;
    }
    if (any || !table->nkey)
        return;
    text_add(sql, joint); /* nothing but a key */
    taken_sql(sql, &table->columns[table->key[0]]);
}

static void insert_sql(struct text *sql, const struct bound_table *table, enum change_kind kind,
                       const struct rnl_row *row, uint32_t count)
{
    uint32_t width = 0;

    text_add(sql, kind == CHANGE_REPLACE ? "REPLACE INTO " : "INSERT INTO ");
    text_add(sql, table->qualified);
    text_add(sql, " (");
    for (uint32_t i = 0; i < table->source->ncolumns; i++) {
        if (!column_is_sent(table, row, i))
            continue;
        text_add(sql, width++ ? ", " : "");
        text_name(sql, table->columns[i].name);
    }
    text_add(sql, ") VALUES ");
    marks_sql(sql, width, count);
    if (kind == CHANGE_UPSERT)
        upsert_sql(sql, table, row);
}

/* " SET": the row is only to be there. */
static void nothing_sql(struct text *sql, const struct bound_table *table)
{
    const char *name = table->columns[table->nkey ? table->key[0] : 0].name;

    bytes_sql(sql, name, " SET ", " = ");
    text_name(sql, name);
}

static void update_sql(struct text *sql, const struct bound_table *table, const struct rnl_row *row)
{
    const struct rnl_row sought = row_sought(row);
    uint32_t any = 0;

    text_add(sql, "UPDATE ");
    text_add(sql, table->qualified);
    for (uint32_t i = 0; i < table->source->ncolumns; i++) {
        if (!column_is_set(table, row, i))
            continue;
        text_add(sql, any++ ? ", " : " SET ");
        text_name(sql, table->columns[i].name);
        text_add(sql, " = ?");
    }
    if (!any)
        nothing_sql(sql, table);
    sought_sql(sql, table, &sought);
}

/* "`id` IN (?, ?)" for most; "(`a` = ? AND `b` = ?) OR (…)", which goes by the index in all
 * versions. */
static void many_sql(struct text *sql, const struct bound_table *table, uint32_t count)
{
    bool plain = table->nkey == 1 && !table->columns[table->key[0]].exact;

    text_add(sql, " WHERE ");
    if (plain) {
        text_name(sql, table->columns[table->key[0]].name);
        text_add(sql, " IN ");
        marks_sql(sql, count, 1);
    }
    for (uint32_t row = 0; !plain && row < count; row++) {
        text_add(sql, row ? " OR (" : "(");
        for (uint32_t i = 0; i < table->nkey; i++) {
            text_add(sql, i ? " AND " : "");
            key_sql(sql, &table->columns[table->key[i]]);
        }
        text_add(sql, ")");
    }
}

void change_sql(struct text *sql, const struct bound_table *table, enum change_kind kind,
                const struct rnl_row *row, uint32_t count)
{
    const struct rnl_row sought = row_sought(row);

    switch (kind) {
    case CHANGE_UPDATE:
        update_sql(sql, table, row);
        break;
    case CHANGE_DELETE:
        text_add(sql, "DELETE FROM ");
        text_add(sql, table->qualified);
        if (count > 1)
            many_sql(sql, table, count);
        else
            sought_sql(sql, table, &sought);
        break;
    case CHANGE_FIND:
        text_printf(sql, "UPDATE %s", table->qualified);
        nothing_sql(sql, table);
        many_sql(sql, table, count);
        break;
    default:
        insert_sql(sql, table, kind, row, count);
        break;
    }
}

int change_values(struct my_writer *w, struct command *command, enum change_kind kind,
                  const struct rnl_row *row, struct rnl_error *err)
{
    const struct bound_table *table = command->table;
    const struct rnl_row sought = row_sought(row);
    int status = RNL_OK;

    for (uint32_t i = 0; status == RNL_OK && kind != CHANGE_DELETE && i < table->source->ncolumns;
         i++)
        if (kind == CHANGE_UPDATE ? column_is_set(table, row, i) : column_is_sent(table, row, i))
            status = command_add(w, command, table, row, i, err);
    if (status == RNL_OK && (kind == CHANGE_UPDATE || kind == CHANGE_DELETE))
        status = sought_values(w, command, &sought, err);
    return status;
}
