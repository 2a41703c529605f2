/* Cheap marks of what the server's catalogue says of tables: another one when it says another. */
#include "marks.h"
#include "describe.h"

/*
 * By the transactions that wrote the rows of the catalogue: statistics don't count, they are
 * written in place or elsewhere. Labels of types are read: a new one leaves the table's rows be.
 */
void mark_add(const struct pg_source *source, struct buf *sql)
{
    buf_puts(sql,
             "pg_catalog.md5(pg_catalog.concat_ws('|', c.relname, c.relnamespace, c.relreplident,"
             " c.relpersistence, c.reloptions,"
             " (SELECT pg_catalog.string_agg(a.attnum || ':' || a.xmin, ',' ORDER BY a.attnum)"
             "  FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0),"
             " (SELECT pg_catalog.string_agg(i.indexrelid || ':' || i.xmin || ':' || x.relname, ','"
             "   ORDER BY i.indexrelid) FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x"
             "  ON x.oid = i.indexrelid WHERE i.indrelid = c.oid AND i.indisvalid),"
             " (SELECT pg_catalog.string_agg(k.oid || ':' || k.xmin, ',' ORDER BY k.oid)"
             "  FROM pg_catalog.pg_constraint k WHERE k.conrelid = c.oid),"
             " (SELECT pg_catalog.string_agg(f.oid || ':' || f.xmin, ',' ORDER BY f.oid)"
             "  FROM pg_catalog.pg_attrdef f WHERE f.adrelid = c.oid),"
             " (SELECT pg_catalog.string_agg(s.objsubid || ':' || pg_catalog.md5(s.description),"
             "   ',' ORDER BY s.objsubid) FROM pg_catalog.pg_description s WHERE s.objoid = c.oid"
             "  AND s.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass),"
             " (SELECT pg_catalog.string_agg(l.oid || ':' || l.xmin, ',' ORDER BY l.oid)"
             "  FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_enum l ON"
             "  l.enumtypid = a.atttypid WHERE a.attrelid = c.oid AND a.attnum > 0)");
    buf_printf(sql, ", %s))",
               source->server.version >= 120000
                   ? "CASE c.relkind WHEN 'p' THEN (SELECT pg_catalog.string_agg("
                     "t.relid::pg_catalog.oid::text, ',' ORDER BY t.relid::pg_catalog.oid)"
                     " FROM pg_catalog.pg_partition_tree(c.oid) t) END"
                   : "CASE c.relkind WHEN 'p' THEN (SELECT pg_catalog.string_agg("
                     "h.inhrelid::text, ',' ORDER BY h.inhrelid) FROM pg_catalog.pg_inherits h"
                     " WHERE h.inhparent = c.oid) END");
}

static const char end_sql[] =
    "SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()"
    " ELSE pg_catalog.pg_current_wal_insert_lsn() END";

int marks_end(struct pg_conn *conn, uint64_t *lsn, struct rnl_error *err)
{
    PGresult *result;
    int status = conn_query(conn, end_sql, 0, NULL, "look for the log's end", &result, err);

    *lsn = 0;
    if (status == RNL_OK && cell(result, 0, 0))
        lsn_parse(cell(result, 0, 0), lsn);
    PQclear(result);
    return status;
}

int mark_of(const struct pg_source *source, struct pg_conn *conn, Oid oid, char mark[40],
            struct rnl_error *err)
{
    struct buf sql = {0};
    PGresult *result = NULL;
    char text[16];
    int status;

    mark[0] = '\0';
    snprintf(text, sizeof(text), "%u", oid);
    buf_puts(&sql, "SELECT ");
    mark_add(source, &sql);
    buf_puts(&sql, " FROM pg_catalog.pg_class c WHERE c.oid = $1");
    status = buf_text(&sql) ? conn_query(conn, sql.ptr, 1, (const char *const[]){text},
                                         "look for a table's mark", &result, err)
                            : error_memory(err);
    if (status == RNL_OK && PQntuples(result))
        snprintf(mark, 40, "%s", PQgetvalue(result, 0, 0));
    PQclear(result);
    buf_free(&sql);
    return status;
}

static int mark_row(struct describer *d, const PGresult *result, int row)
{
    struct draft *draft = draft_find(d, cell_oid(result, row, 0));

    if (!draft)
        return 0;
    draft->form.oid = draft->oid;
    draft->form.file = cell_oid(result, row, 1);
    snprintf(draft->form.look, sizeof(draft->form.look), "%s", PQgetvalue(result, row, 2));
    return 0;
}

int marks_describe(struct describer *d, const char *oids, struct rnl_error *err)
{
    struct buf sql = {0};
    int status;

    buf_puts(&sql, "SELECT c.oid, COALESCE(pg_catalog.pg_relation_filenode(c.oid), 0), ");
    mark_add(d->source, &sql);
    buf_puts(&sql, " FROM pg_catalog.unnest($1::pg_catalog.oid[]) w(oid)"
                   " JOIN pg_catalog.pg_class c ON c.oid = w.oid");
    status = buf_text(&sql) ? describe_query(d, sql.ptr, oids, "mark tables", mark_row, err)
                            : error_memory(err);
    buf_free(&sql);
    return status;
}
