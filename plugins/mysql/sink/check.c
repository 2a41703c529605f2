/* What a run would meet at the target: rights, settings, room for connections and rows. */
#include "element.h"
#include "sink.h"

#include <stdarg.h>
#include <strings.h>

/* What the server says of itself; a variable that it doesn't have stays as it is here. */
struct settings {
    char read_only[8], super_read_only[8], innodb_read_only[8];
    char require_key[8], force_key[8];
    char flush[8], binlog[8], format[16];
    char connections[24], connected[24];
};

RNL_PRINTF(5, 6)
static void tell(const struct my_sink *sink, enum rnl_severity severity, const char *code,
                 const struct rnl_table *table, const char *fmt, ...)
{
    char text[512];
    struct rnl_finding finding = {
        .size = sizeof(finding), .severity = severity, .code = code, .text = text, .count = -1};
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (table) {
        finding.schema = table->schema;
        finding.table = table->name;
    }
    sink->host->finding(sink->ctx, &finding);
}

static void setting_take(struct settings *settings, const char *name, const char *value)
{
    const struct {
        const char *name;
        char *text;
        size_t size;
    } places[] = {
#define PLACE(name, member) {name, settings->member, sizeof(settings->member)}
        PLACE("read_only", read_only),
        PLACE("super_read_only", super_read_only),
        PLACE("innodb_read_only", innodb_read_only),
        PLACE("sql_require_primary_key", require_key),
        PLACE("innodb_force_primary_key", force_key),
        PLACE("innodb_flush_log_at_trx_commit", flush),
        PLACE("log_bin", binlog),
        PLACE("binlog_format", format),
        PLACE("max_connections", connections),
        PLACE("Threads_connected", connected),
#undef PLACE
    };

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        if (strcasecmp(places[i].name, name) == 0)
            snprintf(places[i].text, places[i].size, "%s", value);
}

static int settings_read(struct my_sink *sink, const char *sql, struct settings *settings,
                         struct rnl_error *err)
{
    MYSQL_RES *result;
    MYSQL_ROW row;
    int status = conn_query(sink->control, sql, &result, err);

    if (status != RNL_OK)
        return status;
    while ((row = mysql_fetch_row(result)) != NULL)
        if (row[0] && row[1])
            setting_take(settings, row[0], row[1]);
    return conn_finish(sink->control, result, "look at the target's settings", err);
}

static bool is_on(const char *value)
{
    return strcasecmp(value, "ON") == 0 || strcmp(value, "1") == 0;
}

static void judge_writing(const struct my_sink *sink, const struct settings *settings)
{
    if (is_on(settings->super_read_only) || is_on(settings->innodb_read_only))
        tell(sink, RNL_BLOCKER, "mysql.read_only", NULL,
             "the target takes no writes (%s is on): connect to the primary",
             is_on(settings->super_read_only) ? "super_read_only" : "innodb_read_only");
    else if (*settings->read_only && strcasecmp(settings->read_only, "OFF") != 0 &&
             strcmp(settings->read_only, "0") != 0)
        tell(sink, RNL_WARNING, "mysql.read_only", NULL,
             "the target is read_only: it takes writes of administrators alone; connect to the "
             "primary");
    if (*settings->flush && strcmp(settings->flush, "1") != 0)
        tell(sink, RNL_WARNING, "target.durability", NULL,
             "the target has innodb_flush_log_at_trx_commit = %s: what it says is committed may "
             "be gone after a crash",
             settings->flush);
    if (sink->server.mariadb && is_on(settings->binlog) &&
        strcasecmp(settings->format, "STATEMENT") == 0)
        tell(sink, RNL_NOTE, "target.binlog_format", NULL,
             "with binlog_format = STATEMENT the target takes no arrays of rows: loading is "
             "slower than with MIXED or ROW");
}

static void judge_room(const struct my_sink *sink, uint32_t lanes, const struct settings *settings)
{
    long room = strtol(settings->connections, NULL, 10) - strtol(settings->connected, NULL, 10);
    long wanted = (long)lanes + 2; /* one to look around, one that holds the pipeline's lock */

    if (*settings->connections && room < wanted)
        tell(sink, RNL_WARNING, "target.connections", NULL,
             "the target has room for %ld more connections, this run wants %ld: use fewer lanes",
             room, wanted);
}

static bool has_primary_key(const struct rnl_table *table)
{
    for (uint32_t i = 0; i < table->nindexes; i++)
        if (INDEX(table, i)->flags & RNL_INDEX_PRIMARY)
            return true;
    return false;
}

/* Values that were measured, against the largest that a packet holds. */
static void judge_table(const struct my_sink *sink, const struct rnl_table *table, bool key)
{
    if (key && !has_primary_key(table))
        tell(sink, RNL_BLOCKER, "target.primary_key", table,
             "has no primary key, and the target makes no table without one "
             "(sql_require_primary_key, innodb_force_primary_key)");
    for (uint32_t i = 0; i < table->ncolumns; i++) {
        const struct rnl_column *column = COLUMN(table, i);

        if (column->facts_known & RNL_FACT_LENGTH && column->max_length > sink->max_packet)
            tell(sink, RNL_BLOCKER, "target.packet", table,
                 "column %s holds a value of %u bytes or more, and the target's "
                 "max_allowed_packet is %zu",
                 column->name, column->max_length, sink->max_packet);
    }
    if (table->rows > 0 && table->bytes / table->rows > (int64_t)sink->max_packet)
        tell(sink, RNL_WARNING, "target.packet", table,
             "has rows of about %lld bytes on average, and the target's max_allowed_packet is %zu",
             (long long)(table->bytes / table->rows), sink->max_packet);
}

/*
 * What is granted to the user himself, on everything or on the database: rights that come
 * by a role or on single tables aren't seen here, so this only warns.
 */
static const char rights_sql[] =
    "SELECT privilege_type FROM information_schema.user_privileges WHERE grantee = @runnel_me"
    " UNION SELECT privilege_type FROM information_schema.schema_privileges"
    " WHERE grantee = @runnel_me AND DATABASE() LIKE table_schema";

static int rights_check(struct my_sink *sink, struct rnl_error *err)
{
    static const char *const wanted[] = {"SELECT", "INSERT", "UPDATE", "DELETE",
                                         "CREATE", "DROP",   "ALTER",  "INDEX"};
    bool has[sizeof(wanted) / sizeof(wanted[0])] = {false}, any = false;
    struct text lacking = {0};
    MYSQL_RES *result;
    MYSQL_ROW row;
    int status = conn_run(sink->control,
                          "SET @runnel_me = CONCAT('''', REPLACE(CURRENT_USER(), '@', '''@'''),"
                          " '''')",
                          err);

    if (status == RNL_OK)
        status = conn_query(sink->control, rights_sql, &result, err);
    if (status != RNL_OK)
        return status;
    while ((row = mysql_fetch_row(result)) != NULL)
        for (size_t i = 0; row[0] && i < sizeof(has); i++) {
            has[i] = has[i] || strcasecmp(row[0], wanted[i]) == 0;
            any = any || has[i];
        }
    status = conn_finish(sink->control, result, "look at the user's rights", err);
    for (size_t i = 0; i < sizeof(has); i++)
        if (!has[i])
            text_printf(&lacking, "%s%s", lacking.len ? ", " : "", wanted[i]);
    if (status == RNL_OK && any && lacking.len && !lacking.failed)
        tell(sink, RNL_WARNING, "mysql.missing_privilege", NULL,
             "the user has no right to %s on the database, unless by a role or on single tables: "
             "GRANT it",
             lacking.ptr);
    text_free(&lacking);
    return status;
}

int sink_check(void *self, const struct rnl_job *job, const struct rnl_catalog *catalog,
               struct rnl_error *err)
{
    struct my_sink *sink = self;
    struct settings settings = {0};
    uint32_t count = sink->host->table_count(catalog);
    int status = settings_read(
        sink,
        "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('read_only', 'super_read_only',"
        " 'innodb_read_only', 'sql_require_primary_key', 'innodb_force_primary_key',"
        " 'innodb_flush_log_at_trx_commit', 'log_bin', 'binlog_format', 'max_connections')",
        &settings, err);

    if (status == RNL_OK)
        status = settings_read(sink, "SHOW GLOBAL STATUS LIKE 'Threads_connected'", &settings, err);
    if (status != RNL_OK)
        return status;
    tell(sink, RNL_NOTE, "target.server", NULL,
         "the target is %s %.100s, database %s, max_allowed_packet %zu",
         sink->server.mariadb ? "MariaDB" : "MySQL", mysql_get_server_info(sink->control->mysql),
         sink->server.database, sink->max_packet);
    judge_writing(sink, &settings);
    judge_room(sink, job->lanes ? job->lanes : 1, &settings);
    for (uint32_t i = 0; i < count; i++)
        judge_table(sink, sink->host->table_at(catalog, i),
                    is_on(settings.require_key) || is_on(settings.force_key));
    return rights_check(sink, err);
}
