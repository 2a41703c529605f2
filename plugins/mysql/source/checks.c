/* Says before a run what it would meet: the server, its log, what the user may do. */
#include "follow.h"

static void note(struct source *source, uint32_t severity, const char *code, const char *table,
                 const char *text)
{
    struct rnl_finding finding = {
        .size = sizeof(finding),
        .severity = severity,
        .code = code,
        .schema = source->server.database,
        .table = table,
        .text = text,
        .count = -1,
    };

    source->ctx->host->finding(source->ctx, &finding);
}

static void version_note(struct source *source)
{
    char text[200];

    snprintf(text, sizeof(text), "The source is %s %.100s; its log of changes is %s.",
             source->server.mariadb ? "MariaDB" : "MySQL",
             mysql_get_server_info(source->control->mysql), source->binlog ? "on" : "off");
    note(source, RNL_NOTE, "mysql.server", NULL, text);
}

/*
 * Each table is asked for: that is what the run will do. A query has been asked already, for
 * its columns, and its name is none that the server knows.
 */
static int table_readable(struct source *source, const struct rnl_table *table,
                          struct rnl_error *err)
{
    struct rnl_error denied = RNL_ERROR_INIT;
    struct text sql = {0};
    char *value = NULL;
    int status;

    if (table->query)
        return RNL_OK;
    text_add(&sql, "SELECT 1 FROM ");
    text_name(&sql, table->schema);
    text_add(&sql, ".");
    text_name(&sql, table->name);
    if (table->where && *table->where)
        text_printf(&sql, " WHERE (%s)", table->where);
    text_add(&sql, " LIMIT 0");
    status =
        sql.failed ? error_memory(err) : conn_value(source->control, sql.ptr, 0, &value, &denied);
    text_free(&sql);
    free(value);
    if (!status || status == RNL_E_FATAL)
        return status;
    if (denied.status == RNL_E_RETRY) {
        *err = denied;
        return status;
    }
    note(source, RNL_BLOCKER, denied.code, table->name, denied.text);
    return RNL_OK;
}

/* Whether the user holds one of these, as SHOW GRANTS spells them. */
static int lock_check(struct source *source, struct rnl_error *err)
{
    static const char sql[] = "SHOW GRANTS";
    MYSQL_RES *result;
    MYSQL_ROW row;
    bool may = false;
    int status = conn_query(source->control, sql, &result, err);

    if (status)
        return status;
    while ((row = mysql_fetch_row(result)))
        may = may || strstr(row[0], "RELOAD") || strstr(row[0], "BACKUP_ADMIN") ||
              strstr(row[0], "ALL PRIVILEGES ON *.*");
    status = conn_finish(source->control, result, sql, err);
    if (!status && !may && !(source->server.mariadb && source->binlog))
        note(source, RNL_NOTE, "mysql.one_lane", NULL,
             source->server.mariadb
                 ? "Without the privilege RELOAD the data is read by one lane alone"
                 : "Without the privilege RELOAD, or BACKUP_ADMIN with SELECT on "
                   "performance_schema.log_status, the data is read by one lane alone");
    return status;
}

int source_check(void *self, const struct rnl_catalog *catalog, struct rnl_error *err)
{
    struct source *source = self;
    const struct rnl_host *host = source->ctx->host;
    uint32_t count = host->table_count(catalog);
    struct needs needs = {.source = source, .asked = true, .refusal = RNL_ERROR_INIT};
    int status;

    version_note(source);
    status = needs_check(&needs, err);
    if (!status)
        status = lock_check(source, err);
    for (uint32_t i = 0; i < count && !status; i++)
        status = table_readable(source, host->table_at(catalog, i), err);
    return status;
}
