/* Names what a database holds beside tables: it is not carried over, and a person should know. */
#include "source.h"

/* Each gives schema, table or NULL, name or NULL, detail or NULL. */
struct kind {
    const char *code;
    const char *text;
    const char *sql;
    bool of_table; /* told only when its table is wanted */
    uint32_t severity;
    int since; /* the server's version; 0: any */
};

#define USER_SCHEMA " n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
#define NO_EXTENSION(class, oid)                                               \
    " AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.objid = " oid \
    " AND e.classid = 'pg_catalog." class "'::pg_catalog.regclass AND e.deptype IN ('e', 'i'))"
#define RELATIONS(kinds)                                                                   \
    "SELECT n.nspname, c.relname, NULL, NULL FROM pg_catalog.pg_class c"                   \
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN (" kinds \
    ") AND c.relpersistence <> 't' AND NOT c.relispartition AND" USER_SCHEMA NO_EXTENSION( \
        "pg_class", "c.oid") " ORDER BY 1, 2"
#define OF_TABLE(from, name, detail, where)                                                     \
    "SELECT n.nspname, c.relname, " name ", " detail " FROM " from                              \
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE" USER_SCHEMA " AND " where \
    " ORDER BY 1, 2, 3"
#define OF_SCHEMA(table, alias, schema, name, detail)                               \
    "SELECT n.nspname, NULL, " name ", " detail " FROM pg_catalog." table " " alias \
    " JOIN pg_catalog.pg_namespace n ON n.oid = " schema " WHERE" USER_SCHEMA       \
    NO_EXTENSION(table, alias ".oid") " ORDER BY 1, 3, 4"

static const struct kind kinds[] = {
    {"object.view", "A view is not carried over", RELATIONS("'v'"), true, RNL_WARNING, 0},
    {"object.materialized_view", "A materialized view is not carried over", RELATIONS("'m'"), true,
     RNL_WARNING, 0},
    {"object.foreign_table", "A foreign table is not carried over", RELATIONS("'f'"), true,
     RNL_WARNING, 0},
    {"object.inheritance",
     "A table that inherits is carried over as one of its own: parent and child each with their "
     "own rows",
     OF_TABLE("pg_catalog.pg_inherits h JOIN pg_catalog.pg_class c ON c.oid = h.inhrelid",
              "h.inhparent::pg_catalog.regclass::text", "NULL",
              "c.relkind = 'r' AND NOT c.relispartition"),
     true, RNL_WARNING, 0},
    {"object.trigger", "A trigger is not carried over",
     OF_TABLE("pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid", "t.tgname",
              "NULL", "NOT t.tgisinternal AND NOT c.relispartition"),
     true, RNL_WARNING, 0},
    {"object.rule", "A rule is not carried over",
     OF_TABLE("pg_catalog.pg_rewrite t JOIN pg_catalog.pg_class c ON c.oid = t.ev_class",
              "t.rulename", "NULL", "c.relkind IN ('r', 'p')"),
     true, RNL_WARNING, 0},
    {"object.policy", "A policy of row security is not carried over",
     OF_TABLE("pg_catalog.pg_policy t JOIN pg_catalog.pg_class c ON c.oid = t.polrelid",
              "t.polname", "NULL", "true"),
     true, RNL_WARNING, 0},
    {"partition.index", "An index of a single partition is not carried over",
     OF_TABLE("pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid"
              " JOIN pg_catalog.pg_class c ON c.oid = i.indrelid",
              "x.relname", "NULL",
              "c.relispartition AND NOT EXISTS (SELECT FROM pg_catalog.pg_inherits h"
              " WHERE h.inhrelid = i.indexrelid)"),
     false, RNL_WARNING, 110000},
    {"object.statistics", "Extended statistics are not carried over",
     OF_TABLE("pg_catalog.pg_statistic_ext t JOIN pg_catalog.pg_class c ON c.oid = t.stxrelid",
              "t.stxname", "NULL", "true"),
     true, RNL_WARNING, 0},
    {"object.routine", "A function, procedure or aggregate is not carried over",
     OF_SCHEMA("pg_proc", "p", "p.pronamespace", "p.proname",
               "pg_catalog.pg_get_function_identity_arguments(p.oid)"),
     false, RNL_WARNING, 0},
    {"object.operator", "An operator is not carried over",
     OF_SCHEMA("pg_operator", "o", "o.oprnamespace", "o.oprname", "NULL"), false, RNL_WARNING, 0},
    {"object.collation",
     "A collation is not carried over: columns that use it need it in the target",
     OF_SCHEMA("pg_collation", "o", "o.collnamespace", "o.collname", "NULL"), false, RNL_WARNING,
     0},
    {"object.text_search", "A text search configuration is not carried over",
     OF_SCHEMA("pg_ts_config", "o", "o.cfgnamespace", "o.cfgname", "NULL"), false, RNL_WARNING, 0},
    {"object.publication", "A publication is not carried over",
     "SELECT NULL, NULL, pubname, NULL FROM pg_catalog.pg_publication"
     " WHERE pubname !~ '^runnel_' ORDER BY 3",
     false, RNL_WARNING, 0},
    {"object.event_trigger", "An event trigger is not carried over",
     "SELECT NULL, NULL, t.evtname, NULL FROM pg_catalog.pg_event_trigger t WHERE "
     "true" NO_EXTENSION("pg_event_trigger", "t.oid") " ORDER BY 3",
     false, RNL_WARNING, 0},
    {"object.large_objects", "Large objects are not carried over: columns hold their numbers only",
     "SELECT NULL, NULL, NULL, pg_catalog.count(*) || ' of them'"
     " FROM pg_catalog.pg_largeobject_metadata HAVING pg_catalog.count(*) > 0",
     false, RNL_WARNING, 0},
    {"object.privileges",
     "Owners and privileges are not carried over: the target's user owns what is made",
     "SELECT NULL, NULL, NULL, NULL WHERE EXISTS (SELECT FROM pg_catalog.pg_class c"
     " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relacl IS NOT NULL"
     " AND c.relkind IN ('r', 'p') AND" USER_SCHEMA NO_EXTENSION("pg_class", "c.oid") ")",
     false, RNL_NOTE, 0},
};

void source_find(struct pg_source *source, uint32_t severity, const char *code, const char *schema,
                 const char *table, const char *object, const char *text)
{
    struct rnl_finding finding = {
        .size = sizeof(finding),
        .severity = severity,
        .code = code,
        .schema = schema,
        .table = table,
        .object = object,
        .text = text,
        .count = -1,
    };

    if (!source->quiet)
        source->server.host->finding(source->server.ctx, &finding);
}

static void kind_row(struct pg_source *source, const struct rnl_catalog *catalog,
                     const struct kind *kind, const PGresult *result, int row)
{
    const struct rnl_host *host = source->server.host;
    struct rnl_finding finding = {
        .size = sizeof(finding),
        .severity = kind->severity,
        .code = kind->code,
        .schema = cell(result, row, 0),
        .table = cell(result, row, 1),
        .object = cell(result, row, 2),
        .text = kind->text,
        .example = cell(result, row, 3),
        .count = -1,
    };

    if (finding.example && !*finding.example)
        finding.example = NULL;
    if (kind->of_table && !host->table_wanted(catalog, finding.schema, finding.table))
        return;
    /* a view's name is the object's own */
    if (kind->of_table && !finding.object) {
        finding.object = finding.table;
        finding.table = NULL;
    }
    host->finding(source->server.ctx, &finding);
}

int source_report(struct pg_source *source, const struct rnl_catalog *catalog,
                  struct rnl_error *err)
{
    int status = RNL_OK;

    for (size_t i = 0; status == RNL_OK && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        PGresult *result;

        if (source->server.version < kinds[i].since)
            continue;
        status = conn_query(source->control, kinds[i].sql, 0, NULL,
                            "list what stands beside tables", &result, err);
        for (int row = 0; status == RNL_OK && row < PQntuples(result); row++)
            kind_row(source, catalog, &kinds[i], result, row);
        PQclear(result);
    }
    return status;
}
