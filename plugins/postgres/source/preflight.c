/* Whether the server can tell changes, and the tables' changes tell the row: before all else. */
#include "follow.h"

#define NAMES_SHOWN 5

static int refuse(struct rnl_error *err, const char *code, const char *text, const char *hint)
{
    rnl_fail(err, RNL_E_CONFIG, code, "%s", text);
    rnl_hint(err, "%s", hint);
    return RNL_E_CONFIG;
}

/* Of what the server has so many of, all are taken; most says how many there may be. */
static int refuse_more(struct rnl_error *err, int status, const char *code, const char *what,
                       const char *setting, const char *most, const char *instead)
{
    rnl_fail(err, status, code, "all %.20s %s that the server allows are taken (%s = %.20s)", most,
             what, setting, most);
    rnl_hint(err, "raise %s on the server, and restart it; %s", setting, instead);
    return status;
}

static int judge_server(const PGresult *result, bool making, struct rnl_error *err)
{
    char text[200];

    if (cell_true(result, 0, 1))
        return refuse(err, "source.standby",
                      "the server is a standby: what is needed to follow changes is made on the "
                      "primary",
                      "connect to the primary");
    if (strcmp(PQgetvalue(result, 0, 0), "logical") != 0) {
        snprintf(text, sizeof(text),
                 "wal_level is %.20s: the server's log doesn't hold what changes are told from",
                 PQgetvalue(result, 0, 0));
        return refuse(err, "source.wal_level", text,
                      "set wal_level = logical on the server, and restart it");
    }
    if (making && cell_number(result, 0, 2) <= 0)
        return refuse_more(err, RNL_E_CONFIG, "source.no_free_slot", "replication slots",
                           "max_replication_slots", PQgetvalue(result, 0, 7),
                           "or drop slots that nobody reads: pg_drop_replication_slot()");
    /* one that read for us before a crash, or a cut, ends soon: a run that goes on waits for it */
    if (cell_number(result, 0, 3) <= 0)
        return refuse_more(err, making ? RNL_E_CONFIG : RNL_E_RETRY, "source.no_free_sender",
                           "processes that read its log for others", "max_wal_senders",
                           PQgetvalue(result, 0, 8), "or end who reads it: pg_stat_replication");
    return RNL_OK;
}

int follow_check_server(struct pg_source *source, struct follow *f, bool making,
                        struct rnl_error *err)
{
    /* A slot of an earlier load of this pipeline gives its place to the new one. */
    static const char sql[] =
        "SELECT pg_catalog.current_setting('wal_level'), pg_catalog.pg_is_in_recovery(),"
        " pg_catalog.current_setting('max_replication_slots')::int -"
        "  (SELECT pg_catalog.count(*) FROM pg_catalog.pg_replication_slots"
        "   WHERE slot_name <> $1),"
        " pg_catalog.current_setting('max_wal_senders')::int -"
        "  (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_replication),"
        " (SELECT system_identifier FROM pg_catalog.pg_control_system()),"
        " (SELECT timeline_id FROM pg_catalog.pg_control_checkpoint()),"
        " pg_catalog.encode(pg_catalog.cash_send(1::pg_catalog.numeric::pg_catalog.money), 'hex'),"
        " pg_catalog.current_setting('max_replication_slots'),"
        " pg_catalog.current_setting('max_wal_senders')";
    PGresult *result;
    int status = conn_query(source->control, sql, 1, (const char *const[]){f->slot},
                            "look at the server", &result, err);

    if (status != RNL_OK)
        return status;
    status = judge_server(result, making, err);
    f->origin.system = strtoull(PQgetvalue(result, 0, 4), NULL, 10);
    f->origin.timeline = cell_oid(result, 0, 5);
    for (uint64_t unit = strtoull(PQgetvalue(result, 0, 6), NULL, 16); unit >= 10; unit /= 10)
        f->money_digits++;
    PQclear(result);
    return status;
}

/*
 * Of each table and partition: what names a row in its changes. The identity's columns must be
 * there, and hold those of the primary key, since rows are found by that in the target.
 */
static const char identity_sql[] =
    "SELECT n.nspname, c.relname, c.relpersistence <> 'p', CASE c.relreplident WHEN 'f' THEN true"
    " WHEN 'd' THEN EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND"
    "  i.indisprimary AND i.indimmediate AND i.indisvalid)"
    " WHEN 'i' THEN EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND"
    "  i.indisreplident AND i.indisvalid) ELSE false END,"
    " c.relreplident <> 'i' OR NOT EXISTS (SELECT FROM pg_catalog.pg_index p,"
    "  pg_catalog.unnest(p.indkey::pg_catalog.int2[]) k WHERE p.indrelid = c.oid AND p.indisprimary"
    "  AND NOT EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND"
    "  i.indisreplident AND k = ANY (i.indkey::pg_catalog.int2[]))), t.at"
    " FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.oid[]),"
    " pg_catalog.unnest($2::pg_catalog.int4[])) t(oid, at)"
    " JOIN pg_catalog.pg_class c ON c.oid = t.oid"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace ORDER BY 1, 2";

/* Names for a person: the first few, and how many more. */
struct names {
    char text[400];
    size_t len;
    unsigned count;
};

static void names_take(struct names *names, const char *schema, const char *name)
{
    if (names->count++ < NAMES_SHOWN && names->len < sizeof(names->text)) {
        int len = snprintf(names->text + names->len, sizeof(names->text) - names->len,
                           "%s%.60s.%.60s", names->len ? ", " : "", schema, name);

        names->len += (size_t)(len > 0 ? len : 0);
    }
}

static const char *names_more(const struct names *names, char more[32])
{
    more[0] = '\0';
    if (names->count > NAMES_SHOWN)
        snprintf(more, 32, " and %u more", names->count - NAMES_SHOWN);
    return more;
}

static int refuse_tables(const struct names *names, const char *code, const char *what,
                         const char *hint, struct rnl_error *err)
{
    char more[32];

    rnl_fail(err, RNL_E_CONFIG, code, "%s: %s%s", what, names->text, names_more(names, more));
    rnl_hint(err, "%s", hint);
    return RNL_E_CONFIG;
}

static int judge_tables(struct pg_source *source, struct follow *f, const PGresult *result,
                        struct rnl_error *err)
{
    const struct source_config *config = source->server.ctx->config;
    struct names unlogged = {.len = 0}, nameless = {.len = 0}, partly = {.len = 0};

    for (int i = 0; i < PQntuples(result); i++) {
        const char *schema = PQgetvalue(result, i, 0), *name = PQgetvalue(result, i, 1);
        uint32_t table = cell_oid(result, i, 5);

        if (cell_true(result, i, 2)) {
            names_take(&unlogged, schema, name);
        } else if (!cell_true(result, i, 3)) {
            names_take(&nameless, schema, name);
            if (config->keyless == KEYLESS_INSERT_ONLY && table < f->ntables)
                f->has_inserts = f->inserts_only[table] = true;
        } else if (!cell_true(result, i, 4)) {
            names_take(&partly, schema, name);
        }
    }
    if (unlogged.count)
        return refuse_tables(&unlogged, "source.unlogged",
                             "the server's log tells nothing of unlogged tables",
                             "ALTER TABLE … SET LOGGED, or exclude them", err);
    if (partly.count)
        return refuse_tables(
            &partly, "source.replica_identity",
            "the replica identity is an index that lacks columns of the primary key",
            "ALTER TABLE … REPLICA IDENTITY DEFAULT (or FULL) for each, or exclude them", err);
    if (nameless.count && config->keyless == KEYLESS_REFUSE)
        return refuse_tables(&nameless, "source.replica_identity",
                             "updates and deletes of these tables don't tell which row they mean, "
                             "and would fail in the application if they were published",
                             "ALTER TABLE … REPLICA IDENTITY FULL for each; or keyless = "
                             "\"insert_only\" follows inserts alone; or exclude them",
                             err);
    if (nameless.count) {
        char more[32];

        rnl_warn(source->server.ctx, "only inserts are followed of: %s%s", nameless.text,
                 names_more(&nameless, more));
    }
    return RNL_OK;
}

/* What can't be followed whatever the server says. */
static int judge_catalog(struct pg_source *source, const struct rnl_catalog *catalog,
                         struct rnl_error *err)
{
    const struct rnl_host *host = source->server.host;
    struct names queries = {.len = 0}, filters = {.len = 0};

    for (uint32_t i = 0; i < host->table_count(catalog); i++) {
        const struct rnl_table *table = host->table_at(catalog, i);

        if (table->query)
            names_take(&queries, table->schema ? table->schema : "", table->name);
        else if (table->where && *table->where)
            names_take(&filters, table->schema, table->name);
    }
    if (queries.count)
        return refuse_tables(
            &queries, "source.query", "a query's result has no changes that could be followed",
            "follow the tables that it reads, or use mode = \"convert\" for it", err);
    if (filters.count)
        return refuse_tables(&filters, "source.filter",
                             "a filter of rows (where) can't be held to changes",
                             "take where out, "
                             "or use mode = \"convert\" for these tables",
                             err);
    return RNL_OK;
}

/* Leaves of all tables, and beside each the index of its table. */
static int gather(struct pg_source *source, const struct follow *f,
                  const struct rnl_catalog *catalog, struct buf *oids, struct buf *at,
                  struct rnl_error *err)
{
    buf_puts(oids, "{");
    buf_puts(at, "{");
    for (uint32_t i = 0; i < f->ntables; i++) {
        const struct rnl_table *table = source->server.host->table_at(catalog, i);
        size_t count;
        const struct leaf *leaves = leaves_of(source, table->schema, table->name, &count);

        for (size_t k = 0; k < count; k++) {
            buf_printf(oids, "%s%u", oids->len > 1 ? "," : "", leaves[k].oid);
            buf_printf(at, "%s%u", at->len > 1 ? "," : "", i);
        }
    }
    buf_puts(oids, "}");
    buf_puts(at, "}");
    return buf_text(oids) && buf_text(at) ? RNL_OK : error_memory(err);
}

int follow_check_tables(struct pg_source *source, struct follow *f,
                        const struct rnl_catalog *catalog, struct rnl_error *err)
{
    struct buf oids = {0}, at = {0};
    PGresult *result = NULL;
    int status = judge_catalog(source, catalog, err);

    if (status == RNL_OK)
        status = gather(source, f, catalog, &oids, &at, err);
    if (status == RNL_OK)
        status =
            conn_query(source->control, identity_sql, 2, (const char *const[]){oids.ptr, at.ptr},
                       "look at replica identities", &result, err);
    if (status == RNL_OK)
        status = judge_tables(source, f, result, err);
    PQclear(result);
    buf_free(&oids);
    buf_free(&at);
    return status;
}
