/* The server's types: which of them the tables use, and what they are made of. */
#include "describe.h"

static int by_oid(const void *a, const void *b)
{
    Oid left = ((const struct type_info *)a)->oid, right = ((const struct type_info *)b)->oid;

    return left < right ? -1 : left > right;
}

const struct type_info *type_find(const struct types *types, Oid oid)
{
    struct type_info key = {.oid = oid};

    return types->count ? bsearch(&key, types->items, types->count, sizeof(key), by_oid) : NULL;
}

/* Types, and by recursion all that they are made of; $1: an array of oids. */
static const char recursion_sql[] =
    "WITH RECURSIVE t(oid) AS (SELECT DISTINCT u.o FROM pg_catalog.unnest($1::pg_catalog.oid[]) "
    "u(o)"
    " UNION SELECT e.o FROM t JOIN pg_catalog.pg_type y ON y.oid = t.oid CROSS JOIN LATERAL"
    " (SELECT y.typelem UNION ALL SELECT y.typbasetype"
    "  UNION ALL SELECT a.atttypid FROM pg_catalog.pg_attribute a WHERE y.typtype = 'c'"
    "   AND a.attrelid = y.typrelid AND a.attnum > 0 AND NOT a.attisdropped"
    "  UNION ALL SELECT r.rngsubtype FROM pg_catalog.pg_range r WHERE r.rngtypid = y.oid";

static const char members_sql[] =
    "  ) e(o) WHERE e.o <> 0)"
    " SELECT y.oid, n.nspname, y.typname, y.typtype, y.typelem, y.typbasetype, y.typtypmod,"
    "  y.typnotnull, y.typcategory = 'A' AND y.typlen = -1 AND y.typelem <> 0 AND"
    "   y.typdelim = ',', y.oid < 16384 AND n.nspname = 'pg_catalog',"
    "  (SELECT x.extname FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension x"
    "   ON x.oid = d.refobjid WHERE d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass"
    "   AND d.objid = y.oid AND d.deptype = 'e'"
    "   AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass),"
    "  pg_catalog.format_type(y.oid, NULL),"
    "  CASE WHEN y.typbasetype <> 0 THEN pg_catalog.format_type(y.typbasetype, y.typtypmod) END,"
    "  pg_catalog.obj_description(y.oid, 'pg_type'),"
    "  CASE y.typtype WHEN 'e' THEN '(' || (SELECT pg_catalog.string_agg("
    "    pg_catalog.quote_literal(l.enumlabel), ', ' ORDER BY l.enumsortorder)"
    "    FROM pg_catalog.pg_enum l WHERE l.enumtypid = y.oid) || ')'"
    "   WHEN 'c' THEN (SELECT '(' WHERE EXISTS (SELECT FROM pg_catalog.pg_class tc"
    "     WHERE tc.oid = y.typrelid AND tc.relkind = 'c')) || (SELECT pg_catalog.string_agg("
    "     pg_catalog.quote_ident(a.attname) || ' '"
    "     || pg_catalog.format_type(a.atttypid, a.atttypmod) || COALESCE((SELECT ' COLLATE ' ||"
    "      pg_catalog.quote_ident(cn.nspname) || '.' || pg_catalog.quote_ident(co.collname)"
    "      FROM pg_catalog.pg_collation co JOIN pg_catalog.pg_namespace cn"
    "      ON cn.oid = co.collnamespace WHERE co.oid = a.attcollation AND co.oid <> 100), ''),"
    "     ', ' ORDER BY a.attnum) FROM pg_catalog.pg_attribute a WHERE a.attrelid = y.typrelid"
    "     AND a.attnum > 0 AND NOT a.attisdropped) || ')'"
    "   WHEN 'd' THEN pg_catalog.format_type(y.typbasetype, y.typtypmod) ||"
    "     COALESCE((SELECT ' COLLATE ' || pg_catalog.quote_ident(cn.nspname) || '.' ||"
    "      pg_catalog.quote_ident(co.collname) FROM pg_catalog.pg_collation co"
    "      JOIN pg_catalog.pg_namespace cn ON cn.oid = co.collnamespace"
    "      WHERE co.oid = y.typcollation AND co.oid <> 100), '') ||"
    "     COALESCE(' DEFAULT ' || pg_catalog.pg_get_expr(y.typdefaultbin, 0), '') ||"
    "     CASE WHEN y.typnotnull THEN ' NOT NULL' ELSE '' END ||"
    "     COALESCE((SELECT pg_catalog.string_agg(' CONSTRAINT ' ||"
    "       pg_catalog.quote_ident(k.conname) || ' ' || pg_catalog.pg_get_constraintdef(k.oid), ''"
    "       ORDER BY k.conname) FROM pg_catalog.pg_constraint k WHERE k.contypid = y.oid"
    "       AND k.contype = 'c'), '')"
    "   WHEN 'r' THEN 'AS RANGE (subtype = ' || (SELECT pg_catalog.format_type(r.rngsubtype, NULL)"
    "     || CASE WHEN NOT o.opcdefault THEN ', subtype_opclass = ' ||"
    "       pg_catalog.quote_ident(os.nspname) || '.' || pg_catalog.quote_ident(o.opcname)"
    "       ELSE '' END"
    "     || CASE WHEN r.rngcollation NOT IN (0, 100) THEN (SELECT ', collation = ' ||"
    "       pg_catalog.quote_ident(cn.nspname) || '.' || pg_catalog.quote_ident(co.collname)"
    "       FROM pg_catalog.pg_collation co JOIN pg_catalog.pg_namespace cn"
    "       ON cn.oid = co.collnamespace WHERE co.oid = r.rngcollation) ELSE '' END"
    "     || CASE WHEN r.rngsubdiff <> 0 THEN ', subtype_diff = ' || r.rngsubdiff::text ELSE '' END"
    "     FROM pg_catalog.pg_range r JOIN pg_catalog.pg_opclass o ON o.oid = r.rngsubopc"
    "     JOIN pg_catalog.pg_namespace os ON os.oid = o.opcnamespace WHERE r.rngtypid = y.oid)"
    "     || ')' END,"
    "  pg_catalog.array_to_string(CASE y.typtype WHEN 'e' THEN (SELECT pg_catalog.array_agg("
    "    pg_catalog.encode(pg_catalog.convert_to(l.enumlabel, 'UTF8'), 'hex')"
    "    ORDER BY l.enumsortorder) FROM pg_catalog.pg_enum l WHERE l.enumtypid = y.oid)"
    "   WHEN 'c' THEN (SELECT pg_catalog.array_agg(pg_catalog.encode(pg_catalog.convert_to("
    "    a.attname::text, 'UTF8'), 'hex') ORDER BY a.attnum) FROM pg_catalog.pg_attribute a"
    "    WHERE a.attrelid = y.typrelid AND a.attnum > 0 AND NOT a.attisdropped) END, ' '),"
    "  pg_catalog.array_to_string(ARRAY(SELECT y.typelem WHERE y.typelem <> 0"
    "   UNION SELECT y.typbasetype WHERE y.typbasetype <> 0"
    "   UNION SELECT a.atttypid FROM pg_catalog.pg_attribute a WHERE y.typtype = 'c'"
    "    AND a.attrelid = y.typrelid AND a.attnum > 0 AND NOT a.attisdropped"
    "   UNION SELECT r.rngsubtype FROM pg_catalog.pg_range r WHERE r.rngtypid = y.oid";

static const char end_sql[] = "  ), ' ')"
                              " FROM t JOIN pg_catalog.pg_type y ON y.oid = t.oid"
                              " JOIN pg_catalog.pg_namespace n ON n.oid = y.typnamespace";

enum {
    T_OID,
    T_SCHEMA,
    T_NAME,
    T_KIND,
    T_ELEMENT,
    T_BASE,
    T_BASE_MODIFIER,
    T_NOT_NULL,
    T_ARRAY,
    T_BUILT_IN,
    T_EXTENSION,
    T_NATIVE,
    T_BASE_NATIVE,
    T_COMMENT,
    T_DEFINITION,
    T_LABELS,
    T_NEEDS
};

static uint32_t words_count(const char *text)
{
    uint32_t count = *text != '\0';

    for (; *text; text++)
        count += *text == ' ';
    return count;
}

static char digit_value(char digit)
{
    return (char)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

/* Labels come in hexadecimal, with blanks between: they may hold anything. */
static int labels_take(struct arena *arena, const char *text, struct type_info *type)
{
    uint32_t count = text ? words_count(text) : 0;
    const char **labels = arena_alloc(arena, count * sizeof(*labels) + 1);

    if (!labels)
        return -1;
    for (uint32_t i = 0; i < count; i++) {
        size_t len = strcspn(text, " ");
        char *label = arena_alloc(arena, len / 2 + 1);

        if (!label)
            return -1;
        for (size_t b = 0; b + 1 < len; b += 2)
            label[b / 2] = (char)(digit_value(text[b]) << 4 | digit_value(text[b + 1]));
        labels[i] = label;
        text += len + (text[len] == ' ');
    }
    type->labels = labels;
    type->nlabels = count;
    return 0;
}

static int needs_take(struct arena *arena, const char *text, struct type_info *type)
{
    uint32_t count = text ? words_count(text) : 0;
    Oid *needs = arena_alloc(arena, count * sizeof(*needs) + 1);
    char *end;

    if (!needs)
        return -1;
    for (uint32_t i = 0; i < count; i++, text = end)
        needs[i] = (Oid)strtoul(text, &end, 10);
    type->needs = needs;
    type->nneeds = count;
    return 0;
}

static int type_row(struct describer *d, const PGresult *result, int row)
{
    struct type_info type = {
        .oid = cell_oid(result, row, T_OID),
        .kind = PQgetvalue(result, row, T_KIND)[0],
        .array = cell_true(result, row, T_ARRAY),
        .built_in = cell_true(result, row, T_BUILT_IN),
        .not_null = cell_true(result, row, T_NOT_NULL),
        .element = cell_oid(result, row, T_ELEMENT),
        .base = cell_oid(result, row, T_BASE),
        .base_modifier = (int)cell_number(result, row, T_BASE_MODIFIER),
        .schema = arena_strdup(&d->arena, cell(result, row, T_SCHEMA)),
        .name = arena_strdup(&d->arena, cell(result, row, T_NAME)),
        .extension = arena_strdup(&d->arena, cell(result, row, T_EXTENSION)),
        .comment = arena_strdup(&d->arena, cell(result, row, T_COMMENT)),
        .native = arena_strdup(&d->arena, cell(result, row, T_NATIVE)),
        .base_native = arena_strdup(&d->arena, cell(result, row, T_BASE_NATIVE)),
        .definition = arena_strdup(&d->arena, cell(result, row, T_DEFINITION)),
    };
    struct type_info *items;

    if (type_find(&d->types, type.oid))
        return 0;
    if (labels_take(&d->arena, cell(result, row, T_LABELS), &type) ||
        needs_take(&d->arena, cell(result, row, T_NEEDS), &type))
        return -1;
    items = realloc(d->types.items, (d->types.count + 1) * sizeof(*items));
    if (!items)
        return -1;
    items[d->types.count++] = type;
    d->types.items = items;
    qsort(items, d->types.count, sizeof(*items), by_oid); /* one in a few: they are few */
    return 0;
}

/* Checks of domains, each spelled for VALUE. */
static const char checks_sql[] =
    "SELECT k.contypid, k.conname, pg_catalog.pg_get_expr(k.conbin, 0)"
    " FROM pg_catalog.pg_constraint k WHERE k.contypid = ANY ($1::pg_catalog.oid[])"
    " AND k.contype = 'c' ORDER BY k.contypid, k.conname";

static int check_row(struct describer *d, const PGresult *result, int row)
{
    struct type_info key = {.oid = cell_oid(result, row, 0)};
    struct type_info *type = bsearch(&key, d->types.items, d->types.count, sizeof(key), by_oid);
    struct type_check *checks;

    if (!type)
        return 0;
    checks = arena_alloc(&d->arena, (type->nchecks + 1) * sizeof(*checks));
    if (!checks)
        return -1;
    if (type->nchecks)
        memcpy(checks, type->checks, type->nchecks * sizeof(*checks));
    checks[type->nchecks].name = arena_strdup(&d->arena, cell(result, row, 1));
    checks[type->nchecks].expression = arena_strdup(&d->arena, cell(result, row, 2));
    type->checks = checks;
    type->nchecks++;
    return 0;
}

static int learn(struct describer *d, const char *oids, struct rnl_error *err)
{
    bool multirange = d->source->server.version >= 140000;
    struct buf sql = {0};
    int status;

    buf_puts(&sql, recursion_sql);
    buf_puts(&sql, multirange ? " UNION ALL SELECT r.rngtypid FROM pg_catalog.pg_range r"
                                " WHERE r.rngmultitypid = y.oid"
                              : "");
    buf_puts(&sql, members_sql);
    buf_puts(&sql, multirange ? " UNION SELECT r.rngtypid FROM pg_catalog.pg_range r"
                                " WHERE r.rngmultitypid = y.oid"
                              : "");
    buf_puts(&sql, end_sql);
    status = buf_text(&sql) ? describe_query(d, sql.ptr, oids, "describe types", type_row, err)
                            : error_memory(err);
    buf_free(&sql);
    return status;
}

/* Those of domains that have come in now. */
static int checks_learn(struct describer *d, struct rnl_error *err)
{
    Oid *list = arena_alloc(&d->batch, d->types.count * sizeof(*list));
    size_t count = 0;
    char *oids;
    int status;

    for (size_t i = 0; list && i < d->types.count; i++)
        if (d->types.items[i].kind == 'd' && !d->types.items[i].checked)
            list[count++] = d->types.items[i].oid;
    if (list && !count)
        return RNL_OK;
    oids = list ? oids_text(list, count) : NULL;
    status = oids ? describe_query(d, checks_sql, oids, "describe domains", check_row, err)
                  : error_memory(err);
    free(oids);
    for (size_t i = 0; i < d->types.count; i++)
        d->types.items[i].checked = true;
    return status;
}

int types_learn(struct describer *d, const Oid *oids, size_t count, struct rnl_error *err)
{
    Oid *list = arena_alloc(&d->batch, count * sizeof(*list) + 1);
    size_t unknown = 0;
    char *text;
    int status;

    for (size_t i = 0; list && i < count; i++)
        if (!type_find(&d->types, oids[i]))
            list[unknown++] = oids[i];
    if (list && !unknown)
        return RNL_OK;
    text = list ? oids_text(list, unknown) : NULL;
    status = text ? learn(d, text, err) : error_memory(err);
    free(text);
    return status == RNL_OK ? checks_learn(d, err) : status;
}
