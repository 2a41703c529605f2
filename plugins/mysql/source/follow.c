/* Makes a run ready to follow changes: what is refused, who we are to the server. */
#include "follow.h"

#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

/* Who only asks is told what would forbid it, and no more. */
void need_tell(struct needs *needs, uint32_t severity, const char *code, const char *text,
               const char *hint)
{
    struct source *source = needs->source;
    char asked[400];
    struct rnl_finding finding = {
        .size = sizeof(finding),
        .severity = needs->asked ? RNL_NOTE : severity,
        .code = code,
        .schema = source->server.database,
        .text = needs->asked ? asked : text,
        .count = -1,
    };

    snprintf(asked, sizeof(asked), "To follow changes: %s (%s)", text, hint);
    if (needs->asked ? severity == RNL_BLOCKER && source->binlog : severity != RNL_BLOCKER)
        source->ctx->host->finding(source->ctx, &finding);
    if (severity != RNL_BLOCKER || needs->refused)
        return;
    needs->refused = true;
    rnl_fail(&needs->refusal, RNL_E_CONFIG, code, "%s", text);
    rnl_hint(&needs->refusal, "%s", hint);
}

static int needs_meet(struct source *source, struct rnl_error *err)
{
    struct needs needs = {.source = source, .refusal = RNL_ERROR_INIT};
    int status = needs_check(&needs, err);

    if (status || !needs.refused)
        return status;
    *err = needs.refusal;
    return err->status;
}

static bool names_rows(const struct rnl_table *table, const struct rnl_index *index)
{
    if (index->flags & RNL_INDEX_PRIMARY)
        return true;
    if (!(index->flags & RNL_INDEX_UNIQUE) || index->where || !index->nparts)
        return false;
    for (uint32_t i = 0; i < index->nparts; i++) {
        const struct rnl_index_part *part = &index->parts[i];

        if (part->expression || part->prefix || part->column >= table->ncolumns ||
            table->columns[part->column].flags & RNL_COLUMN_NULLABLE)
            return false;
    }
    return true;
}

bool table_has_key(const struct rnl_table *table)
{
    for (uint32_t i = 0; i < table->nindexes; i++)
        if (names_rows(table, &table->indexes[i]))
            return true;
    return false;
}

static int table_refuse(struct rnl_error *err, const struct rnl_table *table, const char *code,
                        const char *why, const char *hint)
{
    rnl_fail(err, RNL_E_CONFIG, code, "changes of table %s.%s can't be followed: %s", table->schema,
             table->name, why);
    rnl_hint(err, "%s", hint);
    return err->status;
}

static int table_check(struct source *source, const struct rnl_table *table, struct rnl_error *err)
{
    const struct table_info *info = table_info_find(source, table->name);

    if (table->query)
        return table_refuse(err, table, "mysql.query_followed", "it is a query",
                            "leave it out, or convert without following");
    if (!table_has_key(table) && info && !info->clustered)
        return table_refuse(err, table, "mysql.keyless_engine",
                            "it has no key, and its engine shows no view of one moment",
                            "give it a key, make it InnoDB, or leave it out");
    return RNL_OK;
}

static void keyless_free(struct source *source)
{
    for (size_t i = 0; i < source->nkeyless; i++)
        free(source->keyless[i]);
    free(source->keyless);
    source->keyless = NULL;
    source->nkeyless = 0;
}

static int keyless_keep(struct source *source, const struct rnl_catalog *catalog,
                        struct rnl_error *err)
{
    const struct rnl_host *host = source->ctx->host;
    uint32_t count = host->table_count(catalog);

    keyless_free(source);
    source->keyless = calloc(count + 1, sizeof(*source->keyless));
    if (!source->keyless)
        return error_memory(err);
    for (uint32_t i = 0; i < count; i++) {
        const struct rnl_table *table = host->table_at(catalog, i);
        int status = table_check(source, table, err);

        if (status)
            return status;
        if (table_has_key(table))
            continue;
        source->keyless[source->nkeyless] = strdup(table->name);
        if (!source->keyless[source->nkeyless++])
            return error_memory(err);
    }
    return RNL_OK;
}

static void random_fill(void *bytes, size_t len)
{
    if (getrandom(bytes, len, GRND_NONBLOCK) != (ssize_t)len)
        memset(bytes, (int)(getpid() & 0xff), len);
}

/*
 * Two readers of one name would end each other's connections for ever: so each run of a pipeline
 * has a number of its own, from the upper half, where people give none. An operator's number is
 * the same in each run, and the uuid with it.
 */
static void identity_make(struct source *source, const char *pipeline)
{
    const struct mysql_config *config = source->ctx->config;
    unsigned char bytes[16];
    uint64_t hash = 0;

    random_fill(bytes, sizeof(bytes));
    definition_add(&hash, pipeline);
    if (config->server_id) {
        memset(bytes, 0, sizeof(bytes));
        source->server_id = (uint32_t)config->server_id;
        memcpy(bytes + 8, &source->server_id, 4);
    } else {
        uint32_t chance;

        memcpy(&chance, bytes, 4);
        source->server_id = (uint32_t)(hash ^ hash >> 32 ^ chance) | UINT32_C(0x80000000);
    }
    memcpy(bytes, &hash, 4);
    bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x40);
    bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80);
    snprintf(source->reader_uuid, sizeof(source->reader_uuid),
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", bytes[0],
             bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7], bytes[8],
             bytes[9], bytes[10], bytes[11], bytes[12], bytes[13], bytes[14], bytes[15]);
}

/* Their changes are logged with those of their history. */
static int versioned_check(struct source *source, const struct rnl_catalog *catalog,
                           struct rnl_error *err)
{
    const struct rnl_host *host = source->ctx->host;
    struct text sql = {0};
    MYSQL_RES *result;
    MYSQL_ROW row;
    int refused = RNL_OK, status;

    if (!source->server.mariadb)
        return RNL_OK;
    text_add(&sql, "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_TYPE = 'SYSTEM "
                   "VERSIONED' AND TABLE_SCHEMA = ");
    text_quoted(&sql, source->server.database);
    status = sql.failed ? error_memory(err) : conn_query(source->control, sql.ptr, &result, err);
    text_free(&sql);
    if (status)
        return status;
    while ((row = mysql_fetch_row(result)))
        for (uint32_t i = 0; row[0] && i < host->table_count(catalog) && !refused; i++)
            if (strcmp(host->table_at(catalog, i)->name, row[0]) == 0)
                refused = table_refuse(err, host->table_at(catalog, i), "mysql.versioned_followed",
                                       "a system-versioned table logs its history among its "
                                       "changes",
                                       "leave the table out");
    if (refused) {
        mysql_free_result(result);
        return refused;
    }
    return conn_finish(source->control, result, "reading the structure", err);
}

static int case_learn(struct source *source, struct rnl_error *err)
{
    char *value = NULL;
    int status =
        conn_value(source->control, "SELECT @@global.lower_case_table_names", 0, &value, err);

    source->names_fold = value && strcmp(value, "0") != 0;
    free(value);
    return status;
}

int source_follow(void *self, const char *pipeline, const struct rnl_catalog *catalog,
                  bool resuming, struct rnl_error *err)
{
    struct source *source = self;
    int status = needs_meet(source, err);

    if (!status)
        status = keyless_keep(source, catalog, err);
    if (!status)
        status = versioned_check(source, catalog, err);
    if (!status)
        status = case_learn(source, err);
    if (!status)
        status = source_identity(source, source->control, err);
    if (status)
        return status;
    identity_make(source, pipeline);
    source->resuming = resuming;
    source->following = true;
    return RNL_OK;
}

/* Nothing of ours stands on the server. */
int source_unfollow(void *self, const char *pipeline, struct rnl_error *err)
{
    (void)self;
    (void)pipeline;
    (void)err;
    return RNL_OK;
}

void follow_free(struct source *source)
{
    parked_free(source);
    keyless_free(source);
    free(source->log_end);
}
