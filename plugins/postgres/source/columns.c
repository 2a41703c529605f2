/* The columns of the tables under way. */
#include "defaults.h"
#include "describe.h"

enum {
    C_TABLE,
    C_NUMBER,
    C_NAME,
    C_TYPE,
    C_MODIFIER,
    C_NATIVE,
    C_NOT_NULL,
    C_DEFAULT,
    C_COMMENT,
    C_COLLATION,
    C_STORAGE,
    C_IDENTITY,
    C_GENERATED,
    C_COMPRESSION
};

static void columns_query(const struct pg_source *source, struct buf *sql)
{
    int version = source->server.version;

    buf_puts(sql, "SELECT a.attrelid, a.attnum, a.attname, a.atttypid, a.atttypmod,"
                  " pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull,"
                  " pg_catalog.pg_get_expr(e.adbin, e.adrelid),"
                  " pg_catalog.col_description(a.attrelid, a.attnum),"
                  " CASE WHEN a.attcollation <> y.typcollation THEN"
                  "  (SELECT CASE cn.nspname WHEN 'pg_catalog' THEN '' ELSE"
                  "   pg_catalog.quote_ident(cn.nspname) || '.' END || '\"' ||"
                  "   pg_catalog.replace(co.collname, '\"', '\"\"') || '\"'"
                  "   FROM pg_catalog.pg_collation co JOIN pg_catalog.pg_namespace cn"
                  "   ON cn.oid = co.collnamespace WHERE co.oid = a.attcollation) END,"
                  " CASE WHEN a.attstorage <> y.typstorage THEN CASE a.attstorage WHEN 'p' THEN"
                  "  'STORAGE PLAIN' WHEN 'e' THEN 'STORAGE EXTERNAL' WHEN 'm' THEN 'STORAGE MAIN'"
                  "  WHEN 'x' THEN 'STORAGE EXTENDED' END END, a.attidentity, ");
    buf_puts(sql, version >= 120000 ? "a.attgenerated, " : "'', ");
    buf_puts(sql, version >= 140000 ? "CASE a.attcompression WHEN 'l' THEN 'COMPRESSION lz4'"
                                      " WHEN 'p' THEN 'COMPRESSION pglz' END"
                                    : "NULL");
    buf_puts(sql, " FROM pg_catalog.unnest($1::pg_catalog.oid[]) w(oid)"
                  " JOIN pg_catalog.pg_attribute a ON a.attrelid = w.oid AND a.attnum > 0"
                  "  AND NOT a.attisdropped"
                  " JOIN pg_catalog.pg_type y ON y.oid = a.atttypid"
                  " LEFT JOIN pg_catalog.pg_attrdef e ON e.adrelid = a.attrelid"
                  "  AND e.adnum = a.attnum"
                  " ORDER BY a.attrelid, a.attnum");
}

static int default_take(struct describer *d, struct rnl_column *column, const char *expression)
{
    struct buf text = {0};
    int failed = 0;

    column->default_kind = (uint16_t)default_parse(expression, column->type, &text);
    column->default_text = batch_text(d, expression);
    if (column->default_kind == RNL_DEFAULT_LITERAL)
        column->default_text = batch_text(d, buf_text(&text));
    failed = !column->default_text;
    buf_free(&text);
    return failed;
}

/* Numbered by a sequence: by its identity, or as serial does it. */
static void identity_take(struct describer *d, struct draft *draft, struct rnl_column *column,
                          int attribute, char identity)
{
    const struct sequence *sequence = sequence_of(d, draft->oid, attribute);
    const char *text = column->default_text;
    bool serial = sequence && !sequence->identity && text && strncmp(text, "nextval(", 8) == 0;

    if (!identity && !serial)
        return;
    column->flags |= RNL_COLUMN_IDENTITY;
    if (identity == 'a')
        column->flags |= RNL_COLUMN_ALWAYS;
    if (!sequence)
        return;
    column->increment = sequence->increment;
    if (sequence->readable && sequence->next > 0) {
        column->next_value = (uint64_t)sequence->next;
        draft->table.next_identity = column->next_value;
    }
}

static const char *storage_text(struct describer *d, const char *storage, const char *compression)
{
    struct buf text = {0};
    const char *copy;

    if (!storage || !compression)
        return batch_text(d, storage ? storage : compression);
    buf_printf(&text, "%s %s", storage, compression);
    copy = batch_text(d, buf_text(&text));
    buf_free(&text);
    return copy;
}

/* What a domain asks of a value, spelled for the column. */
static int domain_checks(struct describer *d, struct draft *draft, Oid type,
                         const struct rnl_column *column)
{
    const struct type_info *domain = type_find(&d->types, type);

    for (; domain && domain->kind == 'd'; domain = type_find(&d->types, domain->base))
        for (uint32_t i = 0; i < domain->nchecks; i++) {
            struct rnl_check *checks;
            struct buf text = {0};

            checks = items_grow(&d->batch, draft->checks, &draft->table.nchecks,
                                &draft->checks_room, sizeof(*checks));
            if (!checks)
                return -1;
            draft->checks = checks;
            checks += draft->table.nchecks - 1;
            check_spell(&text, domain->checks[i].expression, column->name);
            checks->expression = batch_text(d, buf_text(&text));
            buf_clear(&text);
            buf_printf(&text, "%s_%s", column->name, domain->checks[i].name);
            checks->name = batch_text(d, buf_text(&text));
            buf_free(&text);
            checks->enforced = 1;
            checks->of_type = 1;
            if (!checks->expression || !checks->name)
                return -1;
        }
    return 0;
}

static int column_fill(struct describer *d, struct draft *draft, const PGresult *result, int row,
                       struct rnl_column *column)
{
    const char *expression = cell(result, row, C_DEFAULT);
    char generated = PQgetvalue(result, row, C_GENERATED)[0];
    Oid type = cell_oid(result, row, C_TYPE);

    column->name = batch_text(d, cell(result, row, C_NAME));
    column->flags = cell_true(result, row, C_NOT_NULL) ? 0 : RNL_COLUMN_NULLABLE;
    type_map(&d->types, type, (int)cell_number(result, row, C_MODIFIER),
             batch_text(d, cell(result, row, C_NATIVE)), column);
    column->comment = batch_text(d, cell(result, row, C_COMMENT));
    column->collation = batch_text(d, cell(result, row, C_COLLATION));
    column->storage =
        storage_text(d, cell(result, row, C_STORAGE), cell(result, row, C_COMPRESSION));
    if (!column->name || !column->native)
        return -1;
    if (generated) {
        column->flags |= RNL_COLUMN_GENERATED | (generated == 'v' ? RNL_COLUMN_VIRTUAL : 0);
        column->generated = batch_text(d, expression);
    } else if (expression && default_take(d, column, expression)) {
        return -1;
    }
    identity_take(d, draft, column, (int)cell_number(result, row, C_NUMBER),
                  PQgetvalue(result, row, C_IDENTITY)[0]);
    return column->flags & RNL_COLUMN_DOMAIN ? domain_checks(d, draft, type, column) : 0;
}

/* As the server names the column in a result: a domain by what it is made of. */
static int see(struct describer *d, Oid table, uint32_t number, const PGresult *result, int row)
{
    struct seen seen = {.table = table,
                        .number = number,
                        .type = cell_oid(result, row, C_TYPE),
                        .modifier = (int)cell_number(result, row, C_MODIFIER)};
    const struct type_info *domain = type_find(&d->types, seen.type);

    for (; domain && domain->kind == 'd'; domain = type_find(&d->types, domain->base)) {
        seen.type = domain->base;
        seen.modifier = domain->base_modifier;
    }
    return seen_add(d->source, &seen);
}

static int column_row(struct describer *d, const PGresult *result, int row)
{
    struct draft *draft = draft_find(d, cell_oid(result, row, C_TABLE));
    struct form_column *known;
    struct rnl_column *columns;

    if (!draft)
        return 0;
    columns = items_grow(&d->batch, draft->columns, &draft->table.ncolumns, &draft->columns_room,
                         sizeof(*columns));
    known = items_grow(&d->batch, draft->form.columns, &draft->form.ncolumns, &draft->form_room,
                       sizeof(*known));
    if (!columns || !known)
        return -1;
    draft->columns = columns;
    draft->form.columns = known;
    columns += draft->table.ncolumns - 1;
    columns->number = (uint32_t)cell_number(result, row, C_NUMBER);
    if (see(d, draft->oid, columns->number, result, row) != 0)
        return -1;
    known[draft->form.ncolumns - 1] = (struct form_column){
        .name = batch_text(d, cell(result, row, C_NAME)),
        .native = batch_text(d, cell(result, row, C_NATIVE)),
        .number = columns->number,
        .generated = *PQgetvalue(result, row, C_GENERATED),
    };
    return column_fill(d, draft, result, row, columns);
}

/* Those of tables that are described now are learned anew, others stay. */
static void seen_keep(struct describer *d)
{
    struct pg_source *source = d->source;
    size_t kept = 0;

    for (size_t i = 0; i < source->nseen; i++)
        if (!draft_find(d, source->seen[i].table))
            source->seen[kept++] = source->seen[i];
    source->nseen = kept;
}

/* Columns are mapped once their types are known: the result is gone over twice. */
int columns_describe(struct describer *d, const char *oids, struct rnl_error *err)
{
    struct buf sql = {0};
    PGresult *result = NULL;
    Oid *types;
    int status, failed = 0;

    columns_query(d->source, &sql);
    status = buf_text(&sql) ? conn_query(d->source->control, sql.ptr, 1, &oids, "describe columns",
                                         &result, err)
                            : error_memory(err);
    buf_free(&sql);
    if (status != RNL_OK)
        return status;
    types = arena_alloc(&d->batch, (size_t)PQntuples(result) * sizeof(*types) + 1);
    for (int i = 0; types && i < PQntuples(result); i++)
        types[i] = cell_oid(result, i, C_TYPE);
    status = types ? types_learn(d, types, (size_t)PQntuples(result), err) : error_memory(err);
    seen_keep(d);
    for (int i = 0; status == RNL_OK && !failed && i < PQntuples(result); i++)
        failed = column_row(d, result, i);
    seen_sort(d->source);
    PQclear(result);
    return failed ? error_memory(err) : status;
}
