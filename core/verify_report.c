/* A verification's report: a table for people, an object for programs. */
#include "verify.h"

#include "util/columns.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

#define NAME_MOST 48

static const char *const kind_words[] = {
    [VERIFY_MISSING] = "missing",
    [VERIFY_EXTRA] = "extra",
    [VERIFY_DIFFERENT] = "different",
    [VERIFY_CHANGING] = "changing",
};

static const struct rnl_table *table_of(const struct verify_table *table,
                                        const struct rnl_catalog *catalog)
{
    return catalog_at(catalog, table->index);
}

static void full_name(const struct rnl_table *table, char *buf, size_t size)
{
    snprintf(buf, size, "%s%s%s", table->schema ? table->schema : "",
             table->schema && *table->schema ? "." : "", table->name);
}

/* "3 missing, 1 different"; "at least" where only a part was counted. */
static void result_text(const struct verify_table *table, char *buf, size_t size)
{
    const int64_t counts[] = {table->missing, table->extra, table->different, table->changing};
    static const char *const words[] = {"missing", "extra", "different", "not settled"};
    size_t len = 0;

    *buf = '\0';
    if (table->error.status < 0) {
        snprintf(buf, size, "not compared");
        return;
    }
    for (size_t i = 0; i < 4; i++)
        if (counts[i] && len < size)
            len += (size_t)snprintf(buf + len, size - len, "%s%s%" PRId64 " %s", len ? ", " : "",
                                    table->exact ? "" : "at least ", counts[i], words[i]);
    if (len == 0)
        len = (size_t)snprintf(buf, size, "equal");
    if (table->mended && len < size)
        snprintf(buf + len, size - len, " (%" PRId64 " mended)", table->mended);
}

static void print_row(const struct verify_row *row, const struct rnl_table *table, FILE *to)
{
    fprintf(to, "    %-9s  ", kind_words[row->kind]);
    columns_put(row->key ? row->key : "?", to);
    for (uint32_t i = 0; i < row->ncolumns; i++) {
        fputs(i ? ", " : ": ", to);
        columns_put(table->columns[row->columns[i]].name, to);
        if (!row->values)
            continue;
        fputs(" (", to);
        columns_put(row->values[2 * i + 1], to);
        fputs(", not ", to);
        columns_put(row->values[2 * i], to);
        fputc(')', to);
    }
    fputc('\n', to);
}

static void print_details(const struct verify_table *table, const struct rnl_catalog *catalog,
                          FILE *to)
{
    int64_t named = 0, differing = table->missing + table->extra + table->different;
    int64_t all = differing + table->changing;

    if (table->error.status < 0) {
        fprintf(to, "    %s [%s]\n", table->error.text, table->error.code);
        return;
    }
    for (uint32_t i = 0; i < table->nlisted; i++) {
        print_row(&table->listed[i], table_of(table, catalog), to);
        named++;
    }
    if (named && named < all)
        fprintf(to, "    and %s%" PRId64 " more\n", table->exact ? "" : "at least ", all - named);
    if (table->changing)
        fprintf(to, "    not settled: changed again each time it was looked at\n");
    if (!table->keyed && differing)
        fprintf(to, "    the table has no key: rows are told apart by all their values, and "
                    "--repair can't mend them\n");
}

void verify_report_print(const struct verify_report *report, const struct rnl_catalog *catalog,
                         FILE *to)
{
    char name[600], result[160];
    uint32_t unequal = 0, unsettled = 0;
    int width = 5;

    for (uint32_t i = 0; i < report->ntables; i++) {
        full_name(table_of(&report->tables[i], catalog), name, sizeof(name));
        if (columns_of(name) > width)
            width = columns_of(name);
    }
    width = width > NAME_MOST ? NAME_MOST : width;
    fprintf(to, "  %-*s %14s %14s  %s\n", width, "table", "source rows", "target rows", "result");
    for (uint32_t i = 0; i < report->ntables; i++) {
        const struct verify_table *table = &report->tables[i];

        full_name(table_of(table, catalog), name, sizeof(name));
        result_text(table, result, sizeof(result));
        fputs("  ", to);
        columns_put(name, to);
        fprintf(to, "%*s %14" PRId64 " %14" PRId64 "  %s\n",
                columns_of(name) < width ? width - columns_of(name) : 0, "",
                table->rows[SCAN_SOURCE], table->rows[SCAN_TARGET], result);
        print_details(table, catalog, to);
        unsettled += verify_table_is_unsettled(table);
        unequal += !verify_table_is_equal(table) && !verify_table_is_unsettled(table);
    }
    fprintf(to, "%" PRIu32 " table%s, %" PRId64 " row%s in %.1f s: ", report->ntables,
            report->ntables == 1 ? "" : "s", report->rows, report->rows == 1 ? "" : "s",
            (double)report->ms / 1000);
    if (unequal)
        fprintf(to, "%" PRIu32 " table%s not equal%s", unequal, unequal == 1 ? " is" : "s are",
                unsettled ? ", " : "\n");
    if (unsettled)
        fprintf(to, "%" PRIu32 " table%s could not be settled\n", unsettled,
                unsettled == 1 ? "" : "s");
    if (!unequal && !unsettled)
        fprintf(to, "equal\n");
}

static json_t *row_json(const struct verify_row *row, const struct rnl_table *table)
{
    json_t *columns = json_array();
    json_t *o = json_object();

    json_object_set_new(o, "kind", json_string(kind_words[row->kind]));
    json_object_set_new(o, "key", row->key ? json_string(row->key) : json_null());
    for (uint32_t i = 0; i < row->ncolumns; i++) {
        json_t *column = json_object();

        json_object_set_new(column, "name", json_string(table->columns[row->columns[i]].name));
        if (row->values) {
            json_object_set_new(column, "source", json_string(row->values[2 * i]));
            json_object_set_new(column, "target", json_string(row->values[2 * i + 1]));
        }
        json_array_append_new(columns, column);
    }
    json_object_set_new(o, "columns", columns);
    return o;
}

static json_t *table_json(const struct verify_table *table, const struct rnl_catalog *catalog)
{
    const struct rnl_table *described = table_of(table, catalog);
    json_t *rows = json_array();
    json_t *o = json_pack(
        "{s:s,s:s,s:b,s:b,s:I,s:I,s:I,s:I,s:I,s:b,s:I,s:I}", "schema",
        described->schema ? described->schema : "", "table", described->name, "equal",
        verify_table_is_equal(table), "keyed", table->keyed, "rows_source",
        (json_int_t)table->rows[SCAN_SOURCE], "rows_target", (json_int_t)table->rows[SCAN_TARGET],
        "missing", (json_int_t)table->missing, "extra", (json_int_t)table->extra, "different",
        (json_int_t)table->different, "exact", table->exact, "mended", (json_int_t)table->mended,
        "elapsed_ms", (json_int_t)table->read_ms);

    json_object_set_new(o, "changing", json_integer(table->changing));
    for (uint32_t i = 0; i < table->nlisted; i++)
        json_array_append_new(rows, row_json(&table->listed[i], described));
    json_object_set_new(o, "rows", rows);
    if (table->error.status < 0)
        json_object_set_new(
            o, "error",
            json_pack("{s:s,s:s}", "code", table->error.code, "text", table->error.text));
    return o;
}

char *verify_report_json(const struct verify_report *report, const struct rnl_catalog *catalog)
{
    json_t *tables = json_array();
    json_t *o = json_object();
    char *text;

    for (uint32_t i = 0; i < report->ntables; i++)
        json_array_append_new(tables, table_json(&report->tables[i], catalog));
    json_object_set_new(o, "equal", json_boolean(verify_is_equal(report)));
    json_object_set_new(o, "rows", json_integer(report->rows));
    json_object_set_new(o, "elapsed_ms", json_integer(report->ms));
    json_object_set_new(o, "tables", tables);
    text = json_dumps(o, JSON_INDENT(2));
    json_decref(o);
    return text;
}
