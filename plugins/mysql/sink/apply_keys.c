/* How a table's keys stand in the target while its rows are changed. */
#include "apply.h"

#include <stdlib.h>
#include <strings.h>

/* One unique key of the target, as its columns are told one by one. */
struct key_read {
    char name[200];
    uint32_t columns, ours;
    bool parts;
};

static void key_end(const struct bound_table *table, const struct key_read *key,
                    struct target_keys *keys)
{
    if (key->columns == 0)
        return;
    if (key->columns == table->nkey && key->ours == table->nkey && !key->parts)
        keys->keyed = true;
    else
        keys->others = true;
}

static void key_column(const struct bound_table *table, struct key_read *key, const char *name,
                       bool part)
{
    key->columns++;
    key->parts = key->parts || part || !name;
    for (uint32_t i = 0; name && i < table->nkey; i++)
        key->ours += strcasecmp(table->columns[table->key[i]].name, name) == 0;
}

static int keys_read(struct my_writer *w, const struct bound_table *table, struct target_keys *keys,
                     struct rnl_error *err)
{
    struct key_read key = {0};
    struct text sql = {0};
    MYSQL_RES *result;
    MYSQL_ROW row;
    int status;

    text_add(&sql, "SELECT index_name, column_name, sub_part FROM information_schema.statistics"
                   " WHERE non_unique = 0 AND table_schema = ");
    text_quoted(&sql, table->database);
    text_add(&sql, " AND table_name = ");
    text_quoted(&sql, table->name);
    text_add(&sql, " ORDER BY index_name, seq_in_index");
    status = sql.failed ? error_memory(err) : conn_query(w->conn, sql.ptr, &result, err);
    text_free(&sql);
    if (status != RNL_OK)
        return status;
    while ((row = mysql_fetch_row(result)) != NULL) {
        if (!row[0])
            continue;
        if (strcmp(key.name, row[0]) != 0) {
            key_end(table, &key, keys);
            key = (struct key_read){0};
            snprintf(key.name, sizeof(key.name), "%s", row[0]);
        }
        key_column(table, &key, row[1], row[2] != NULL);
    }
    key_end(table, &key, keys);
    return conn_finish(w->conn, result, "look at the keys", err);
}

/* Its index; UINT32_MAX: it is none of the run's. */
static uint32_t table_find(const struct my_sink *sink, const char *database, const char *name)
{
    for (uint32_t i = 0; i < sink->ntables; i++)
        if (strcmp(sink->tables[i].database, database) == 0 &&
            strcmp(sink->tables[i].name, name) == 0)
            return i;
    return UINT32_MAX;
}

static void databases_add(struct text *sql, const struct my_sink *sink)
{
    const char *last = "";

    for (uint32_t i = 0; i < sink->ntables; i++) {
        if (strcmp(sink->tables[i].database, last) == 0)
            continue;
        text_add(sql, *last ? ", " : "");
        last = sink->tables[i].database;
        text_quoted(sql, last);
    }
}

/*
 * Foreign keys that act, of tables that are not the run's: of its own the sink does what they do.
 * MariaDB looks into all tables for this question: it is asked once, for the databases written.
 */
static int followers_read(struct my_writer *w, struct rnl_error *err)
{
    const struct my_sink *sink = w->sink;
    struct text sql = {0};
    MYSQL_RES *result;
    MYSQL_ROW row;
    int status;

    text_add(&sql, "SELECT constraint_schema, table_name, unique_constraint_schema,"
                   " referenced_table_name FROM information_schema.referential_constraints"
                   " WHERE (delete_rule NOT IN ('RESTRICT', 'NO ACTION') OR update_rule NOT IN"
                   " ('RESTRICT', 'NO ACTION')) AND constraint_schema IN (");
    databases_add(&sql, sink);
    text_add(&sql, ")");
    status = sql.failed ? error_memory(err) : conn_query(w->conn, sql.ptr, &result, err);
    text_free(&sql);
    if (status != RNL_OK)
        return status;
    while ((row = mysql_fetch_row(result)) != NULL) {
        uint32_t parent;

        if (!row[0] || !row[1] || !row[2] || !row[3] ||
            table_find(sink, row[0], row[1]) != UINT32_MAX)
            continue;
        parent = table_find(sink, row[2], row[3]);
        if (parent != UINT32_MAX)
            w->target_keys[parent].followed = true;
    }
    return conn_finish(w->conn, result, "look at the foreign keys", err);
}

/* Room for all tables, with what is asked for all at once. */
static int all_read(struct my_writer *w, struct rnl_error *err)
{
    int status;

    if (w->keys_of != w->sink->tables)
        target_keys_forget(w);
    if (w->target_keys)
        return RNL_OK;
    w->keys_of = w->sink->tables;
    w->target_keys = calloc(w->sink->ntables + (size_t)1, sizeof(*w->target_keys));
    status = w->target_keys ? followers_read(w, err) : error_memory(err);
    if (status != RNL_OK)
        target_keys_forget(w);
    return status;
}

int target_keys_of(struct my_writer *w, const struct bound_table *table,
                   const struct target_keys **out, struct rnl_error *err)
{
    const struct cascade_map *cascades = &w->sink->cascades;
    uint32_t index = (uint32_t)(table - w->sink->tables);
    struct target_keys *keys;
    int status = all_read(w, err);

    if (status != RNL_OK)
        return status;
    keys = &w->target_keys[index];
    *out = keys;
    if (keys->table == table)
        return RNL_OK;
    keys->keyed = keys->others = false;
    status = keys_read(w, table, keys, err);
    keys->gathered = (struct changeset_table){
        .ncolumns = table->source->ncolumns,
        .key = table->key,
        .nkey = table->nkey,
        .delete_cascades = keys->followed || cascade_has(cascades, index),
        .update_cascades =
            keys->followed || cascade_beyond(cascades, index, table->key, table->nkey),
    };
    if (status == RNL_OK)
        keys->table = table;
    return status;
}

void target_keys_forget(struct my_writer *w)
{
    free(w->target_keys);
    w->target_keys = NULL;
}

int foreign_keys_set(struct my_writer *w, bool on, struct rnl_error *err)
{
    int status;

    if (w->foreign_keys == on)
        return RNL_OK;
    status = conn_run(
        w->conn, on ? "SET SESSION foreign_key_checks = 1" : "SET SESSION foreign_key_checks = 0",
        err);
    if (status == RNL_OK)
        w->foreign_keys = on;
    return status;
}
