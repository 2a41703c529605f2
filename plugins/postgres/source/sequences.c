/* Sequences: those that number columns, those that defaults use, and those that stand alone. */
#include "describe.h"

#define VALUES_AT_ONCE 200

static int by_oid(const void *a, const void *b)
{
    Oid left = ((const struct sequence *)a)->oid, right = ((const struct sequence *)b)->oid;

    return left < right ? -1 : left > right;
}

/* By what they belong to: those of nothing come first. */
static int by_owner(const void *a, const void *b)
{
    const struct sequence *left = a, *right = b;

    if (left->table != right->table)
        return left->table < right->table ? -1 : 1;
    return left->attribute < right->attribute ? -1 : left->attribute > right->attribute;
}

const struct sequence *sequence_of(const struct describer *d, Oid table, int attribute)
{
    struct sequence key = {.table = table, .attribute = attribute};

    return d->nsequences ? bsearch(&key, d->sequences, d->nsequences, sizeof(key), by_owner) : NULL;
}

static const char sequences_sql[] =
    "SELECT c.oid, n.nspname, c.relname, COALESCE(d.refobjid, 0), COALESCE(d.refobjsubid, 0),"
    " COALESCE(d.deptype = 'i', false),"
    " pg_catalog.has_sequence_privilege(c.oid, 'SELECT') AND"
    "  pg_catalog.has_schema_privilege(n.oid, 'USAGE'), s.seqincrement, s.seqstart,"
    " 'AS ' || pg_catalog.format_type(s.seqtypid, NULL) || ' INCREMENT BY ' || s.seqincrement ||"
    "  ' MINVALUE ' || s.seqmin || ' MAXVALUE ' || s.seqmax || ' START WITH ' || s.seqstart ||"
    "  ' CACHE ' || s.seqcache || CASE WHEN s.seqcycle THEN ' CYCLE' ELSE ' NO CYCLE' END,"
    " pg_catalog.obj_description(c.oid, 'pg_class'), o.attname"
    " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " JOIN pg_catalog.pg_sequence s ON s.seqrelid = c.oid"
    " LEFT JOIN pg_catalog.pg_depend d ON d.objid = c.oid"
    "  AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass"
    "  AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass"
    "  AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0"
    " LEFT JOIN pg_catalog.pg_attribute o ON o.attrelid = d.refobjid AND o.attnum = d.refobjsubid"
    " WHERE c.relkind = 'S' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_'"
    "  AND n.nspname <> 'information_schema'"
    "  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.objid = c.oid"
    "   AND e.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND e.deptype = 'e')"
    " ORDER BY c.oid";

/* Of all sequences those that may be needed: what belongs to a table that isn't wanted is not. */
static int sequence_row(struct describer *d, const PGresult *result, int row)
{
    struct sequence sequence = {
        .oid = cell_oid(result, row, 0),
        .table = cell_oid(result, row, 3),
        .attribute = (int)cell_number(result, row, 4),
        .identity = cell_true(result, row, 5),
        .readable = cell_true(result, row, 6),
        .increment = cell_number(result, row, 7),
        .start = cell_number(result, row, 8),
    };
    struct sequence *items;

    if (d->nsequences && d->sequences[d->nsequences - 1].oid == sequence.oid)
        return 0;
    if (sequence.table)
        sequence.needed = wanted_has(d, sequence.table);
    else
        sequence.needed = d->source->server.host->table_wanted(d->catalog, cell(result, row, 1),
                                                               cell(result, row, 2));
    if ((d->nsequences & (d->nsequences - 1)) == 0) {
        size_t room = d->nsequences ? d->nsequences * 2 : 1;

        items = realloc(d->sequences, room * sizeof(*items));
        if (!items)
            return -1;
        d->sequences = items;
    }
    sequence.schema = arena_strdup(&d->arena, cell(result, row, 1));
    sequence.name = arena_strdup(&d->arena, cell(result, row, 2));
    sequence.definition = arena_strdup(&d->arena, cell(result, row, 9));
    sequence.comment = arena_strdup(&d->arena, cell(result, row, 10));
    sequence.column = arena_strdup(&d->arena, cell(result, row, 11));
    sequence.next = sequence.start;
    d->sequences[d->nsequences++] = sequence;
    return sequence.schema && sequence.name && sequence.definition ? 0 : -1;
}

static struct sequence *sequence_find(struct describer *d, Oid oid)
{
    struct sequence key = {.oid = oid};

    return d->nsequences ? bsearch(&key, d->sequences, d->nsequences, sizeof(key), by_oid) : NULL;
}

/* Those that defaults of wanted tables name. */
static const char used_sql[] = "SELECT DISTINCT d.refobjid, e.adrelid FROM pg_catalog.pg_depend d"
                               " JOIN pg_catalog.pg_attrdef e ON e.oid = d.objid"
                               " JOIN pg_catalog.pg_sequence s ON s.seqrelid = d.refobjid"
                               " WHERE d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass"
                               " AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass";

static int used_row(struct describer *d, const PGresult *result, int row)
{
    struct sequence *sequence = sequence_find(d, cell_oid(result, row, 0));

    if (sequence && wanted_has(d, cell_oid(result, row, 1)))
        sequence->needed = true;
    return 0;
}

static void value_take(struct sequence *sequence, int64_t last, bool called)
{
    sequence->known = true;
    sequence->next = last;
    if (called && __builtin_add_overflow(last, sequence->increment, &sequence->next))
        sequence->next = last;
}

static int last_row(struct describer *d, const PGresult *result, int row)
{
    struct sequence *sequence = sequence_find(d, cell_oid(result, row, 0));

    if (sequence && cell(result, row, 1))
        value_take(sequence, cell_number(result, row, 1), true);
    return 0;
}

static int value_row(struct describer *d, const PGresult *result, int row)
{
    struct sequence *sequence = sequence_find(d, cell_oid(result, row, 0));

    if (sequence)
        value_take(sequence, cell_number(result, row, 1), cell_true(result, row, 2));
    return 0;
}

/* Those of sequences that have given a number: quick, and a lock for each. */
static int lasts_read(struct describer *d, struct rnl_error *err)
{
    Oid list[VALUES_AT_ONCE];
    size_t count = 0;
    int status = RNL_OK;

    for (size_t i = 0; status == RNL_OK && i < d->nsequences; i++) {
        if (d->sequences[i].needed && d->sequences[i].readable)
            list[count++] = d->sequences[i].oid;
        if (count == VALUES_AT_ONCE || (count && i + 1 == d->nsequences)) {
            char *oids = oids_text(list, count);

            status = oids ? describe_query(d,
                                           "SELECT w.oid, pg_catalog.pg_sequence_last_value(w.oid)"
                                           " FROM pg_catalog.unnest($1::pg_catalog.oid[]) w(oid)",
                                           oids, "read sequences", last_row, err)
                          : error_memory(err);
            free(oids);
            count = 0;
        }
    }
    return status;
}

/* Those of others, which may have been set: a sequence is a table of one row. */
static int values_read(struct describer *d, struct rnl_error *err)
{
    struct buf sql = {0};
    int status = lasts_read(d, err), count = 0;

    for (size_t i = 0; status == RNL_OK && i < d->nsequences; i++) {
        const struct sequence *sequence = &d->sequences[i];

        if (sequence->needed && sequence->readable && !sequence->known) {
            buf_printf(&sql, "%sSELECT %u, last_value, is_called FROM ", count ? " UNION ALL " : "",
                       sequence->oid);
            buf_qualified(&sql, sequence->schema, sequence->name);
            count++;
        }
        if (count == VALUES_AT_ONCE || (count && i + 1 == d->nsequences)) {
            status = buf_text(&sql)
                         ? describe_query(d, sql.ptr, NULL, "read sequences", value_row, err)
                         : error_memory(err);
            buf_clear(&sql);
            count = 0;
        }
    }
    buf_free(&sql);
    return status;
}

int sequences_describe(struct describer *d, struct rnl_error *err)
{
    int status = describe_query(d, sequences_sql, NULL, "list sequences", sequence_row, err);

    if (status == RNL_OK)
        status = describe_query(d, used_sql, NULL, "list sequences", used_row, err);
    if (status == RNL_OK)
        status = values_read(d, err);
    if (d->nsequences)
        qsort(d->sequences, d->nsequences, sizeof(*d->sequences), by_owner);
    return status;
}

static int sequence_add(struct describer *d, const struct sequence *sequence, struct rnl_error *err)
{
    const struct wanted *table = sequence->table ? wanted_find(d, sequence->table) : NULL;
    struct rnl_object object = {
        .size = sizeof(object),
        .kind = RNL_OBJECT_SEQUENCE,
        .schema = sequence->schema,
        .name = sequence->name,
        .comment = sequence->comment,
        .dialect = "postgres",
        .definition = sequence->definition,
        .value = sequence->next,
    };

    if (!sequence->readable)
        source_find(
            d->source, RNL_WARNING, "object.sequence", sequence->schema, NULL, sequence->name,
            "The number that the sequence gives next can't be read (SELECT is not granted): "
            "it starts anew");
    if (table) {
        object.owner_schema = table->schema;
        object.owner_table = table->name;
        object.owner_column = sequence->column;
    }
    return d->source->server.host->object_add(d->catalog, &object, err);
}

int sequences_add(struct describer *d, struct rnl_error *err)
{
    int status = RNL_OK;

    for (size_t i = 0; status == RNL_OK && i < d->nsequences; i++)
        if (d->sequences[i].needed && !d->sequences[i].identity)
            status = sequence_add(d, &d->sequences[i], err);
    return status;
}
