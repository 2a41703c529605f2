/* Foreign keys and checks of the tables under way. */
#include "describe.h"

enum {
    K_TABLE,
    K_NAME,
    K_REF_SCHEMA,
    K_REF_TABLE,
    K_COLUMNS,     /* attribute numbers, with blanks between */
    K_REF_COLUMNS, /* names in hexadecimal, with blanks between */
    K_ON_DELETE,
    K_ON_UPDATE,
    K_MATCH,
    K_DEFERRABLE,
    K_DEFERRED,
    K_VALIDATED,
    K_ENFORCED,
    K_SOME_COLUMNS, /* ON DELETE SET NULL (…) */
};

static void keys_query(const struct pg_source *source, struct buf *sql)
{
    int version = source->server.version;

    buf_puts(sql, "SELECT k.conrelid, k.conname, n.nspname, c.relname,"
                  " pg_catalog.array_to_string(k.conkey, ' '),"
                  " (SELECT pg_catalog.string_agg(pg_catalog.encode(pg_catalog.convert_to("
                  "   a.attname::text, 'UTF8'), 'hex'), ' ' ORDER BY f.n)"
                  "  FROM pg_catalog.unnest(k.confkey) WITH ORDINALITY f(attnum, n)"
                  "  JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid"
                  "   AND a.attnum = f.attnum),"
                  " k.confdeltype, k.confupdtype, k.confmatchtype, k.condeferrable, k.condeferred,"
                  " k.convalidated, ");
    buf_puts(sql, version >= 180000 ? "k.conenforced, " : "true, ");
    buf_puts(sql, version >= 150000 ? "k.confdelsetcols IS NOT NULL" : "false");
    buf_puts(sql, " FROM pg_catalog.unnest($1::pg_catalog.oid[]) w(oid)"
                  " JOIN pg_catalog.pg_constraint k ON k.conrelid = w.oid AND k.contype = 'f'"
                  " JOIN pg_catalog.pg_class c ON c.oid = k.confrelid"
                  " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace");
    if (version >= 110000)
        buf_puts(sql, " WHERE k.conparentid = 0");
    buf_puts(sql, " ORDER BY k.conrelid, k.conname COLLATE \"C\"");
}

static enum rnl_action action_of(const char *letter)
{
    switch (*letter) {
    case 'r':
        return RNL_ACTION_RESTRICT;
    case 'c':
        return RNL_ACTION_CASCADE;
    case 'n':
        return RNL_ACTION_SET_NULL;
    case 'd':
        return RNL_ACTION_SET_DEFAULT;
    default:
        return RNL_ACTION_NONE;
    }
}

static uint32_t key_flags(const PGresult *result, int row)
{
    uint32_t flags = 0;

    if (cell_true(result, row, K_DEFERRABLE))
        flags |= RNL_FOREIGN_KEY_DEFERRABLE;
    if (cell_true(result, row, K_DEFERRED))
        flags |= RNL_FOREIGN_KEY_DEFERRED;
    if (PQgetvalue(result, row, K_MATCH)[0] == 'f')
        flags |= RNL_FOREIGN_KEY_MATCH_FULL;
    if (!cell_true(result, row, K_VALIDATED))
        flags |= RNL_FOREIGN_KEY_UNCHECKED;
    return flags;
}

static char digit_value(char digit)
{
    return (char)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

/* A name in hexadecimal; *text goes behind it. */
static const char *name_take(struct describer *d, const char **text)
{
    size_t len = strcspn(*text, " ");
    char *name = arena_alloc(&d->batch, len / 2 + 1);

    for (size_t i = 0; name && i + 1 < len; i += 2)
        name[i / 2] = (char)(digit_value((*text)[i]) << 4 | digit_value((*text)[i + 1]));
    *text += len + ((*text)[len] == ' ');
    return name;
}

/* -1: out of memory; 1: a column that isn't known. */
static int key_columns(struct describer *d, const struct draft *draft, const PGresult *result,
                       int row, struct rnl_foreign_key *key)
{
    const char *numbers = PQgetvalue(result, row, K_COLUMNS);
    const char *names = PQgetvalue(result, row, K_REF_COLUMNS);
    uint32_t room = 1, *columns;
    const char **refs;

    for (const char *at = numbers; *at; at++)
        room += *at == ' ';
    columns = arena_alloc(&d->batch, room * sizeof(*columns));
    refs = arena_alloc(&d->batch, room * sizeof(*refs));
    if (!columns || !refs)
        return -1;
    for (uint32_t i = 0; i < room; i++) {
        char *end;
        int column = draft_column(draft, (int)strtol(numbers, &end, 10));

        if (column < 0 || !*names)
            return 1;
        columns[i] = (uint32_t)column;
        refs[i] = name_take(d, &names);
        if (!refs[i])
            return -1;
        numbers = end;
    }
    key->columns = columns;
    key->ref_columns = refs;
    key->ncolumns = room;
    return 0;
}

static int key_row(struct describer *d, const PGresult *result, int row)
{
    struct draft *draft = draft_find(d, cell_oid(result, row, K_TABLE));
    struct rnl_foreign_key key = {0}, *keys;
    int failed;

    if (!draft)
        return 0;
    if (!cell_true(result, row, K_ENFORCED) || cell_true(result, row, K_SOME_COLUMNS))
        source_find(d->source, RNL_WARNING, "foreign_key.part", draft->table.schema,
                    draft->table.name, PQgetvalue(result, row, K_NAME),
                    cell_true(result, row, K_ENFORCED)
                        ? "A foreign key that sets some of its columns when the row it points to "
                          "is deleted is carried over as one that sets all of them"
                        : "A foreign key that is NOT ENFORCED is carried over as one that is");
    failed = key_columns(d, draft, result, row, &key);
    if (failed)
        return failed < 0 ? failed : 0;
    key.name = batch_text(d, cell(result, row, K_NAME));
    key.ref_schema = batch_text(d, cell(result, row, K_REF_SCHEMA));
    key.ref_table = batch_text(d, cell(result, row, K_REF_TABLE));
    key.on_delete = (uint16_t)action_of(PQgetvalue(result, row, K_ON_DELETE));
    key.on_update = (uint16_t)action_of(PQgetvalue(result, row, K_ON_UPDATE));
    key.flags = key_flags(result, row);
    keys = items_grow(&d->batch, draft->foreign_keys, &draft->table.nforeign_keys,
                      &draft->foreign_keys_room, sizeof(*keys));
    if (!keys || !key.name || !key.ref_schema || !key.ref_table)
        return -1;
    draft->foreign_keys = keys;
    keys[draft->table.nforeign_keys - 1] = key;
    return 0;
}

static int check_row(struct describer *d, const PGresult *result, int row)
{
    struct draft *draft = draft_find(d, cell_oid(result, row, 0));
    struct rnl_check *checks;

    if (!draft)
        return 0;
    checks = items_grow(&d->batch, draft->checks, &draft->table.nchecks, &draft->checks_room,
                        sizeof(*checks));
    if (!checks)
        return -1;
    draft->checks = checks;
    checks += draft->table.nchecks - 1;
    checks->name = batch_text(d, cell(result, row, 1));
    checks->expression = batch_text(d, cell(result, row, 2));
    checks->enforced = cell_true(result, row, 3);
    return checks->name && checks->expression ? 0 : -1;
}

int constraints_describe(struct describer *d, const char *oids, struct rnl_error *err)
{
    struct buf sql = {0};
    int status;

    keys_query(d->source, &sql);
    status = buf_text(&sql)
                 ? describe_query(d, sql.ptr, oids, "describe foreign keys", key_row, err)
                 : error_memory(err);
    buf_clear(&sql);
    buf_printf(&sql,
               "SELECT k.conrelid, k.conname, pg_catalog.pg_get_expr(k.conbin, k.conrelid), %s"
               " FROM pg_catalog.unnest($1::pg_catalog.oid[]) w(oid)"
               " JOIN pg_catalog.pg_constraint k ON k.conrelid = w.oid AND k.contype = 'c'"
               " ORDER BY k.conrelid, k.conname COLLATE \"C\"",
               d->source->server.version >= 180000 ? "k.conenforced" : "true");
    if (status == RNL_OK)
        status = buf_text(&sql)
                     ? describe_query(d, sql.ptr, oids, "describe checks", check_row, err)
                     : error_memory(err);
    buf_free(&sql);
    return status;
}
