/* Names what a database holds beside tables: it is not carried over, and a person should know. */
#include "source.h"

struct object_kind {
    const char *code;
    const char *text;
    const char *sql; /* name, table or NULL, detail or NULL; ends before the database's name */
    bool of_table;   /* told only when its table is wanted */
    bool mariadb_only;
};

static const struct object_kind kinds[] = {
    {"object.view", "A view is not carried over",
     "SELECT TABLE_NAME, TABLE_NAME, NULL FROM information_schema.TABLES "
     "WHERE TABLE_TYPE IN ('VIEW', 'SYSTEM VIEW') AND TABLE_SCHEMA = ",
     true, false},
    {"object.sequence", "A sequence is not carried over",
     "SELECT TABLE_NAME, TABLE_NAME, NULL FROM information_schema.TABLES "
     "WHERE TABLE_TYPE = 'SEQUENCE' AND TABLE_SCHEMA = ",
     true, true},
    {"object.history",
     "The rows of a system-versioned table are carried over as they are now, without history",
     "SELECT NULL, TABLE_NAME, NULL FROM information_schema.TABLES "
     "WHERE TABLE_TYPE = 'SYSTEM VERSIONED' AND TABLE_SCHEMA = ",
     true, true},
    {"object.trigger", "A trigger is not carried over",
     "SELECT TRIGGER_NAME, EVENT_OBJECT_TABLE, CONCAT(ACTION_TIMING, ' ', EVENT_MANIPULATION) "
     "FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = ",
     true, false},
    {"object.routine", "A procedure or function is not carried over",
     "SELECT ROUTINE_NAME, NULL, ROUTINE_TYPE FROM information_schema.ROUTINES "
     "WHERE ROUTINE_SCHEMA = ",
     false, false},
    {"object.event", "A scheduled event is not carried over",
     "SELECT EVENT_NAME, NULL, NULL FROM information_schema.EVENTS WHERE EVENT_SCHEMA = ", false,
     false},
};

static void object_report(struct source *source, const struct object_kind *kind,
                          const struct rnl_catalog *catalog, MYSQL_ROW row)
{
    const struct rnl_host *host = source->ctx->host;
    struct rnl_finding finding = {
        .size = sizeof(finding),
        .severity = RNL_WARNING,
        .code = kind->code,
        .schema = source->server.database,
        .table = row[1],
        .object = row[0],
        .text = kind->text,
        .example = row[2],
        .count = -1,
    };

    if (kind->of_table && !host->table_wanted(catalog, source->server.database, row[1]))
        return;
    /* of a view or sequence the table's name is its own */
    if (row[0] && row[1] && strcmp(row[0], row[1]) == 0)
        finding.table = NULL;
    host->finding(source->ctx, &finding);
}

static int kind_report(struct source *source, const struct object_kind *kind,
                       const struct rnl_catalog *catalog, struct rnl_error *err)
{
    struct text sql = {0};
    MYSQL_RES *result;
    MYSQL_ROW row;
    int status;

    text_add(&sql, kind->sql);
    text_quoted(&sql, source->server.database);
    text_add(&sql, " ORDER BY 1");
    status = sql.failed ? error_memory(err) : conn_query(source->control, sql.ptr, &result, err);
    text_free(&sql);
    if (status)
        return status;
    while ((row = mysql_fetch_row(result)))
        object_report(source, kind, catalog, row);
    return conn_finish(source->control, result, "reading the names of other objects", err);
}

int objects_report(struct source *source, const struct rnl_catalog *catalog, struct rnl_error *err)
{
    int status = RNL_OK;

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && !status; i++)
        if (source->server.mariadb || !kinds[i].mariadb_only)
            status = kind_report(source, &kinds[i], catalog, err);
    return status;
}
