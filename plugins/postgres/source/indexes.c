/* Keys and indexes of the tables under way. */
#include "describe.h"

enum {
    I_TABLE,
    I_OID,
    I_NAME,
    I_METHOD,
    I_UNIQUE,
    I_PRIMARY,
    I_EXCLUDE,
    I_VALID,
    I_PART,      /* from 1 */
    I_IS_KEY,    /* false: INCLUDE */
    I_ATTRIBUTE, /* 0: an expression */
    I_DESCENDING,
    I_EXPRESSION,
    I_OPTIONS, /* of the part */
    I_WHERE,
    I_STORAGE,
    I_COMMENT,
    I_CONSTRAINT, /* its definition, when it is one */
    I_DEFERRABLE,
    I_DEFERRED,
    I_NULLS_EQUAL,
    I_PERIOD
};

static const char parts_sql[] =
    "SELECT i.indrelid, i.indexrelid, c.relname, m.amname, i.indisunique, i.indisprimary,"
    " i.indisexclusion, i.indisvalid, k.n, k.n <= i.%s, i.indkey[k.n - 1],"
    " COALESCE(i.indoption[k.n - 1] & 1, 0) <> 0,"
    " CASE WHEN i.indkey[k.n - 1] = 0 THEN pg_catalog.pg_get_indexdef(i.indexrelid, k.n, false)"
    "  END,"
    " NULLIF(pg_catalog.concat_ws(' ',"
    "  (SELECT 'COLLATE ' || CASE cn.nspname WHEN 'pg_catalog' THEN '' ELSE"
    "    pg_catalog.quote_ident(cn.nspname) || '.' END || '\"' ||"
    "    pg_catalog.replace(co.collname, '\"', '\"\"') || '\"' FROM pg_catalog.pg_collation co"
    "    JOIN pg_catalog.pg_namespace cn ON cn.oid = co.collnamespace"
    "    WHERE co.oid = i.indcollation[k.n - 1] AND co.oid <> COALESCE(a.attcollation, 100)),"
    "  (SELECT CASE os.nspname WHEN 'pg_catalog' THEN '' ELSE"
    "    pg_catalog.quote_ident(os.nspname) || '.' END || pg_catalog.quote_ident(o.opcname) || %s"
    "    FROM pg_catalog.pg_opclass o JOIN pg_catalog.pg_namespace os ON os.oid = o.opcnamespace"
    "    WHERE o.oid = i.indclass[k.n - 1] AND (NOT o.opcdefault OR %s)),"
    "  CASE i.indoption[k.n - 1] & 3 WHEN 1 THEN 'NULLS LAST' WHEN 2 THEN 'NULLS FIRST' END), ''),"
    " pg_catalog.pg_get_expr(i.indpred, i.indrelid),"
    " (SELECT 'WITH (' || pg_catalog.string_agg(pg_catalog.split_part(o, '=', 1) || '=' ||"
    "   pg_catalog.quote_literal(pg_catalog.substr(o, pg_catalog.strpos(o, '=') + 1)), ', ') || ')'"
    "   FROM pg_catalog.unnest(c.reloptions) o),"
    " pg_catalog.obj_description(i.indexrelid, 'pg_class'),"
    " pg_catalog.pg_get_constraintdef(n.oid), n.condeferrable, n.condeferred, %s, %s"
    " FROM pg_catalog.unnest($1::pg_catalog.oid[]) w(oid)"
    " JOIN pg_catalog.pg_index i ON i.indrelid = w.oid AND i.indislive"
    " JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid"
    " JOIN pg_catalog.pg_am m ON m.oid = c.relam"
    " LEFT JOIN pg_catalog.pg_constraint n ON n.conindid = i.indexrelid"
    "  AND n.conrelid = i.indrelid AND n.contype IN ('p', 'u', 'x')"
    " CROSS JOIN LATERAL pg_catalog.generate_series(1, i.indnatts) k(n)"
    " LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid"
    "  AND a.attnum = i.indkey[k.n - 1] AND a.attnum <> 0"
    " ORDER BY i.indrelid, NOT i.indisprimary, c.relname COLLATE \"C\", k.n";

static void parts_query(const struct pg_source *source, struct buf *sql)
{
    int version = source->server.version;

    buf_printf(sql, parts_sql, version >= 110000 ? "indnkeyatts" : "indnatts",
               version >= 130000
                   ? "COALESCE((SELECT '(' || pg_catalog.array_to_string(x.attoptions, ', ') || ')'"
                     " FROM pg_catalog.pg_attribute x WHERE x.attrelid = i.indexrelid"
                     " AND x.attnum = k.n), '')"
                   : "''",
               version >= 130000
                   ? "EXISTS (SELECT FROM pg_catalog.pg_attribute x WHERE"
                     " x.attrelid = i.indexrelid AND x.attnum = k.n AND x.attoptions IS NOT NULL)"
                   : "false",
               version >= 150000 ? "i.indnullsnotdistinct" : "false",
               version >= 180000 ? "COALESCE(n.conperiod, false)" : "false");
}

static uint32_t index_flags(const PGresult *result, int row)
{
    const char *method = PQgetvalue(result, row, I_METHOD);
    uint32_t flags = 0;

    if (cell_true(result, row, I_PRIMARY))
        flags |= RNL_INDEX_PRIMARY | RNL_INDEX_UNIQUE;
    if (cell_true(result, row, I_UNIQUE))
        flags |= RNL_INDEX_UNIQUE;
    if (cell_true(result, row, I_EXCLUDE))
        flags |= RNL_INDEX_EXCLUDE;
    if (cell_true(result, row, I_NULLS_EQUAL))
        flags |= RNL_INDEX_NULLS_EQUAL;
    if (cell(result, row, I_CONSTRAINT))
        flags |= RNL_INDEX_CONSTRAINT;
    if (cell_true(result, row, I_DEFERRABLE))
        flags |= RNL_INDEX_DEFERRABLE;
    if (cell_true(result, row, I_DEFERRED))
        flags |= RNL_INDEX_DEFERRED;
    if (strcmp(method, "hash") == 0)
        flags |= RNL_INDEX_HASH;
    return flags;
}

/* Lists of an index have room for all parts: how many is known from its first row on. */
struct lists {
    struct rnl_index_part *parts;
    const char **options;
    uint32_t *include;
};

static int index_begin(struct describer *d, struct draft *draft, const PGresult *result, int row,
                       struct lists *lists)
{
    struct rnl_index *index;
    const char *text = cell(result, row, I_CONSTRAINT);
    size_t room = 1;

    while (row + (int)room < PQntuples(result) &&
           cell_oid(result, row + (int)room, I_OID) == cell_oid(result, row, I_OID))
        room++;
    lists->parts = arena_alloc(&d->batch, room * sizeof(*lists->parts));
    lists->options = arena_alloc(&d->batch, room * sizeof(*lists->options));
    lists->include = arena_alloc(&d->batch, room * sizeof(*lists->include));
    index = items_grow(&d->batch, draft->indexes, &draft->table.nindexes, &draft->indexes_room,
                       sizeof(*index));
    if (!lists->parts || !lists->options || !lists->include || !index)
        return -1;
    draft->indexes = index;
    index += draft->table.nindexes - 1;
    *index = (struct rnl_index){
        .name = batch_text(d, cell(result, row, I_NAME)),
        .comment = batch_text(d, cell(result, row, I_COMMENT)),
        .where = batch_text(d, cell(result, row, I_WHERE)),
        .parts = lists->parts,
        .flags = index_flags(result, row),
        .method = batch_text(d, cell(result, row, I_METHOD)),
        .options = batch_text(d, cell(result, row, I_STORAGE)),
        .part_options = lists->options,
        .include = lists->include,
    };
    if (index->flags & RNL_INDEX_EXCLUDE)
        index->options = batch_text(d, text && strncmp(text, "EXCLUDE ", 8) == 0 ? text + 8 : text);
    return index->name && index->method ? 0 : -1;
}

static int part_take(struct describer *d, struct draft *draft, const PGresult *result, int row,
                     struct lists *lists)
{
    struct rnl_index *index = &draft->indexes[draft->table.nindexes - 1];
    int column = draft_column(draft, (int)cell_number(result, row, I_ATTRIBUTE));
    const char *expression = cell(result, row, I_EXPRESSION);
    struct rnl_index_part *part;

    if (!cell_true(result, row, I_IS_KEY)) {
        if (column >= 0)
            lists->include[index->ninclude++] = (uint32_t)column;
        return 0;
    }
    part = &lists->parts[index->nparts];
    if (column >= 0)
        part->column = (uint32_t)column;
    else
        part->expression = batch_text(d, expression ? expression : "?");
    part->descending = cell_true(result, row, I_DESCENDING);
    lists->options[index->nparts++] = batch_text(d, cell(result, row, I_OPTIONS));
    if (column >= 0 && index->flags & RNL_INDEX_PRIMARY)
        draft->columns[column].flags |= RNL_COLUMN_KEY;
    if (column >= 0 && draft->columns[column].type == RNL_T_GEOMETRY &&
        strcmp(index->method, "gist") == 0)
        index->flags |= RNL_INDEX_SPATIAL;
    return column >= 0 || part->expression ? 0 : -1;
}

/* One that was left over by a statement that failed, or one that the catalog has no words for. */
static bool is_left_out(struct describer *d, const struct draft *draft, const PGresult *result,
                        int row)
{
    bool period = cell_true(result, row, I_PERIOD);

    if (cell_true(result, row, I_VALID) && !period)
        return false;
    if (cell_number(result, row, I_PART) == 1)
        source_find(d->source, RNL_WARNING, period ? "index.period" : "index.invalid",
                    draft->table.schema, draft->table.name, PQgetvalue(result, row, I_NAME),
                    period ? "A key WITHOUT OVERLAPS is not carried over"
                           : "An index that is not valid at the source is not carried over");
    return true;
}

int indexes_describe(struct describer *d, const char *oids, struct rnl_error *err)
{
    struct buf sql = {0};
    PGresult *result = NULL;
    struct lists lists = {0};
    int status, failed = 0;

    parts_query(d->source, &sql);
    status = buf_text(&sql) ? conn_query(d->source->control, sql.ptr, 1, &oids, "describe indexes",
                                         &result, err)
                            : error_memory(err);
    buf_free(&sql);
    if (status != RNL_OK)
        return status;
    for (int i = 0; !failed && i < PQntuples(result); i++) {
        struct draft *draft = draft_find(d, cell_oid(result, i, I_TABLE));

        if (!draft || is_left_out(d, draft, result, i))
            continue;
        if (cell_number(result, i, I_PART) == 1)
            failed = index_begin(d, draft, result, i, &lists);
        if (!failed)
            failed = part_take(d, draft, result, i, &lists);
    }
    PQclear(result);
    return failed ? error_memory(err) : RNL_OK;
}
