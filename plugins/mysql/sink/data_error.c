/* What the server says of rows that it didn't take, or changed: which class, which column. */
#include "data.h"

#include <strings.h>

/* What another try may mend, though error.c knows nothing of it. */
static const struct {
    unsigned number;
    const char *code;
} passing[] = {
    {3, "mysql.disk_full"},    {1020, "mysql.locked"},    {1114, "mysql.disk_full"},
    {1021, "mysql.disk_full"}, {1026, "mysql.disk_full"}, {1180, "mysql.disk_full"},
    {1206, "mysql.locked"},    {1614, "mysql.locked"},    {3572, "mysql.locked"},
    {1836, "mysql.read_only"}, {1290, "mysql.read_only"}, {1792, "mysql.read_only"},
    {3168, "mysql.gone"},      {1047, "mysql.gone"},
};

/* What the server says of values: another try would be no better. */
static bool is_about_data(unsigned number)
{
    static const unsigned numbers[] = {
        1048, 1062, 1118, 1138, 1216, 1217, 1263, 1264, 1265, 1292, 1299, 1364, 1366, 1367,
        1369, 1406, 1411, 1416, 1441, 1451, 1452, 1469, 1493, 1526, 1557, 1559, 1569, 1586,
        1591, 1644, 1690, 1761, 1762, 1748, 1863, 1864, 3037, 3140, 3141, 3156, 3516, 3548,
        3616, 3617, 3643, 3732, 3751, 3819, 3820, 4025, 4161, 6136, 6138, 6139,
    };

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        if (numbers[i] == number)
            return true;
    return false;
}

static bool is_name_end(const char *at, char quote)
{
    return *at == '\0' || *at == quote;
}

void column_named(const char *words, char *name, size_t size)
{
    const char *at = strstr(words, "olumn ");
    size_t len = 0;

    name[0] = '\0';
    if (!at)
        return;
    at += 6;
    while (*at == '\'' || *at == '`') {
        char quote = *at++;

        for (len = 0; !is_name_end(at, quote); at++)
            if (len + 1 < size)
                name[len++] = *at;
        name[len] = '\0';
        if (*at)
            at++;
        if (*at != '.')
            break;
        at++;
    }
}

/* The source's name of a column of the target. */
static const char *source_name(const struct bound_table *table, const char *name)
{
    for (uint32_t i = 0; i < table->source->ncolumns; i++)
        if (strcasecmp(table->columns[i].name, name) == 0)
            return table->columns[i].source->name;
    return name;
}

static int refused(struct my_writer *w, const struct bound_table *table, const char *doing,
                   unsigned number, const char *words, struct rnl_error *err)
{
    char code[sizeof(err->code)], column[200], quoted[240] = "";
    const char *name = table ? table->qualified : "";

    (void)w;
    column_named(words, column, sizeof(column));
    if (column[0])
        snprintf(quoted, sizeof(quoted),
                 "column \"%s\": ", table ? source_name(table, column) : column);
    snprintf(code, sizeof(code), "mysql.%u", number);
    for (uint32_t i = 0; number == 1048 && table && i < table->nkey; i++)
        if (table->columns[table->key[i]].exact &&
            strcasecmp(table->columns[table->key[i]].name, column) == 0)
            return rnl_fail(err, RNL_E_DATA, "sink.keys_equal",
                            "column \"%s\" of %s takes two keys for equal that the source tells "
                            "apart",
                            table->columns[table->key[i]].source->name, name);
    return rnl_fail(err, RNL_E_DATA, code, "%s%s%s: %s%.400s (%u)", doing, table ? " " : "", name,
                    quoted, words, number);
}

/* "Got error 28 "No space left on device" from storage engine", "Error writing file … 28" */
static bool is_disk_full(unsigned number, const char *words)
{
    return (number == 1030 || number == 3 || number == 1026 || number == 1180) &&
           (strstr(words, "28") || strstr(words, "No space"));
}

int data_error(struct my_writer *w, const struct bound_table *table, const char *doing,
               struct rnl_error *err)
{
    MYSQL *mysql = w->conn->mysql;
    unsigned number = mysql_errno(mysql);
    char what[300];

    if (is_about_data(number))
        return refused(w, table, doing, number, mysql_error(mysql), err);
    snprintf(what, sizeof(what), "%s%s%.240s", doing, table ? " " : "",
             table ? table->qualified : "");
    if (is_disk_full(number, mysql_error(mysql))) {
        rnl_fail(err, RNL_E_RETRY, "mysql.disk_full", "%s: %s (%u)", what, mysql_error(mysql),
                 number);
        rnl_hint(err, "free space at the server");
        return err->status;
    }
    for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++)
        if (passing[i].number == number)
            return rnl_fail(err, RNL_E_RETRY, passing[i].code, "%s: %s (%u)", what,
                            mysql_error(mysql), number);
    return error_set(w->conn, err, what);
}

/* A label that is none, as loose.c wants it. */
static bool is_enum(const struct bound_table *table, unsigned number, const char *words)
{
    char name[200];

    column_named(words, name, sizeof(name));
    for (uint32_t i = 0; number == 1265 && i < table->source->ncolumns; i++)
        if (strcasecmp(table->columns[i].name, name) == 0)
            return table->columns[i].kind == MY_ENUM;
    return false;
}

int data_warnings(struct my_writer *w, const struct bound_table *table, struct rnl_error *err)
{
    MYSQL_RES *result;
    MYSQL_ROW row;
    int status = conn_query(w->conn, "SHOW WARNINGS LIMIT 64", &result, err), lost = RNL_OK;

    if (status != RNL_OK)
        return status;
    while ((row = mysql_fetch_row(result)) != NULL) {
        unsigned number = row[1] ? (unsigned)strtoul(row[1], NULL, 10) : 0;

        if (lost == RNL_OK && is_about_data(number) &&
            !(w->loose && is_enum(table, number, row[2] ? row[2] : "")))
            lost = refused(w, table, "write to", number, row[2] ? row[2] : "", err);
    }
    if (lost != RNL_OK) {
        mysql_free_result(result);
        return lost;
    }
    return conn_finish(w->conn, result, "SHOW WARNINGS", err);
}
