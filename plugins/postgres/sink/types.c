/* Which type each column gets: by its own type, the policies, and the facts of its data. */
#include "native.h"

#include <strings.h>

static bool fact_absent(const struct rnl_column *column, uint32_t facts)
{
    return (column->facts_known & facts) == facts && !(column->facts & facts);
}

static void set_type(struct mapper *m, struct map_column *map, enum pg_kind kind, const char *type)
{
    map->kind = kind;
    map->type = arena_strdup(&m->arena, type);
}

static void decide_signed(struct mapper *m, uint32_t t, const struct rnl_column *c,
                          struct map_column *map)
{
    int policy = m->sink->config->tinyint1;

    if ((c->flags & RNL_COLUMN_BOOLISH) && !(c->flags & RNL_COLUMN_IDENTITY)) {
        bool is_bool = policy == TINYINT1_BOOL ||
                       (policy == TINYINT1_AUTO && fact_absent(c, RNL_FACT_NOT_BOOL));

        map->by_auto = policy == TINYINT1_AUTO;
        if (is_bool)
            map_find(m, t, policy == TINYINT1_AUTO ? RNL_NOTE : RNL_WARNING, "type.boolean",
                     c->name, policy == TINYINT1_AUTO ? "tinyint1=auto" : "tinyint1=bool",
                     policy == TINYINT1_AUTO
                         ? "%s becomes boolean: it holds nothing but 0 and 1"
                         : "%s becomes boolean: a value other than 0 and 1 stops the run",
                     c->native ? c->native : "tinyint(1)");
        if (is_bool) {
            set_type(m, map, PG_BOOL, "boolean");
            return;
        }
    }
    if (c->width == 1 || c->width == 2)
        set_type(m, map, PG_INT2, "smallint");
    else if (c->width == 3 || c->width == 4)
        set_type(m, map, PG_INT4, "integer");
    else
        set_type(m, map, PG_INT8, "bigint");
}

static bool is_in_foreign_key(const struct rnl_table *table, uint32_t column)
{
    for (uint32_t i = 0; i < table->nforeign_keys; i++) {
        const struct rnl_foreign_key *fk = FOREIGN_KEY(table, i);

        for (uint32_t k = 0; k < fk->ncolumns; k++)
            if (fk->columns[k] == column)
                return true;
    }
    return false;
}

static void decide_unsigned8(struct mapper *m, uint32_t t, uint32_t index,
                             const struct rnl_column *c, struct map_column *map)
{
    int policy = m->sink->config->ubigint;
    bool wanted = (c->flags & (RNL_COLUMN_KEY | RNL_COLUMN_IDENTITY)) ||
                  is_in_foreign_key(mapper_table(m, t), index);

    map->by_auto = policy == UBIGINT_AUTO;
    if (policy == UBIGINT_BIGINT ||
        (policy == UBIGINT_AUTO && wanted && fact_absent(c, RNL_FACT_ABOVE_INT64))) {
        set_type(m, map, PG_INT8, "bigint");
        map_find(m, t, policy == UBIGINT_AUTO ? RNL_NOTE : RNL_WARNING, "type.unsigned", c->name,
                 policy == UBIGINT_AUTO ? "ubigint=auto" : "ubigint=bigint",
                 policy == UBIGINT_AUTO
                     ? "bigint unsigned becomes bigint: no value is above 2^63-1 (one that comes "
                       "later is refused)"
                     : "bigint unsigned becomes bigint: a value above 2^63-1 stops the run");
        return;
    }
    set_type(m, map, PG_NUMERIC, "numeric(20,0)");
}

static void decide_unsigned(struct mapper *m, uint32_t t, uint32_t index,
                            const struct rnl_column *c, struct map_column *map)
{
    if (c->width == 1)
        set_type(m, map, PG_INT2, "smallint");
    else if (c->width == 2 || c->width == 3)
        set_type(m, map, PG_INT4, "integer");
    else if (c->width == 4)
        set_type(m, map, PG_INT8, "bigint");
    else
        decide_unsigned8(m, t, index, c, map);
}

static void decide_enum(struct mapper *m, uint32_t t, const struct rnl_column *c,
                        struct map_column *map)
{
    const struct map_table *table = &m->tables[t];
    char name[512], fitted[NAME_BYTES + 1];
    struct buf type = {0};

    if (m->sink->config->enums != ENUM_NATIVE) {
        set_type(m, map, PG_TEXT, "text");
        map_find(m, t, RNL_NOTE, "type.enum", c->name,
                 m->sink->config->enums == ENUM_CHECK ? "enum=check" : "enum=text",
                 m->sink->config->enums == ENUM_CHECK
                     ? "enum becomes text with a CHECK of its labels; it sorts by its text"
                     : "enum becomes text, with no check of its labels");
        return;
    }
    snprintf(name, sizeof(name), "%s_%s", table->name, map->name);
    ident_fit(name, false, fitted);
    buf_qualified(&type, table->schema, fitted);
    set_type(m, map, PG_TEXT, buf_text(&type) ? type.ptr : "text");
    map->enum_type = map->type;
    map_find(m, t, RNL_NOTE, "type.enum", c->name, "enum=native", "enum becomes the type %s",
             map->type);
    buf_free(&type);
}

static void decide_text(struct mapper *m, uint32_t t, const struct rnl_column *c,
                        struct map_column *map)
{
    const struct pg_config *config = m->sink->config;
    char type[64];

    if (config->nul == NUL_BYTEA && (c->facts & RNL_FACT_NUL)) {
        set_type(m, map, PG_BYTEA, "bytea");
        map_find(m, t, RNL_WARNING, "type.nul", c->name, "nul=bytea",
                 "text with zero bytes becomes bytea");
    } else if (c->flags & RNL_COLUMN_ENUM) {
        decide_enum(m, t, c, map);
    } else if (c->flags & RNL_COLUMN_SET) {
        bool array = config->sets == SET_ARRAY;

        set_type(m, map, array ? PG_TEXT_ARRAY : PG_TEXT, array ? "text[]" : "text");
        map_find(m, t, RNL_NOTE, "type.set", c->name, array ? "set=array" : "set=text",
                 "set becomes %s", map->type);
    } else if (c->length > 0 && c->length <= 10485760 &&
               !(c->native && strcasestr(c->native, "text"))) {
        snprintf(type, sizeof(type), "varchar(%u)", c->length);
        set_type(m, map, PG_TEXT, type);
    } else {
        set_type(m, map, PG_TEXT, "text");
    }
    if (map->kind == PG_TEXT && (c->facts & RNL_FACT_NUL) && config->nul != NUL_BYTEA)
        map_find(m, t, config->nul == NUL_ERROR ? RNL_BLOCKER : RNL_WARNING, "type.nul", c->name,
                 config->nul == NUL_ERROR   ? "nul=error"
                 : config->nul == NUL_STRIP ? "nul=strip"
                                            : "nul=replace",
                 config->nul == NUL_ERROR   ? "text holds zero bytes, which PostgreSQL refuses"
                 : config->nul == NUL_STRIP ? "zero bytes are taken out of the text"
                                            : "zero bytes in the text become U+FFFD");
}

static bool is_in_unique_key(const struct rnl_table *table, uint32_t column)
{
    for (uint32_t i = 0; i < table->nindexes; i++) {
        const struct rnl_index *at = INDEX(table, i);

        for (uint32_t k = 0; k < at->nparts; k++)
            if ((at->flags & (RNL_INDEX_UNIQUE | RNL_INDEX_PRIMARY)) && !at->parts[k].expression &&
                at->parts[k].column == column)
                return true;
    }
    return false;
}

/* Keys alone: PostgreSQL before 18 knows no LIKE for columns with such a collation. */
static void decide_collation(struct mapper *m, uint32_t t, uint32_t index,
                             const struct rnl_column *c, struct map_column *map)
{
    const struct rnl_table *table = mapper_table(m, t);
    bool nocase = c->collation && strcasecmp(c->collation, "NOCASE") == 0;
    bool unique = is_in_unique_key(table, index);

    if (!c->collation || (!strcasestr(c->collation, "_ci") && !nocase) || map->kind != PG_TEXT ||
        map->enum_type || (!unique && !is_in_foreign_key(table, index)))
        return;
    if (m->sink->config->collation == COLLATION_CI && m->sink->server.version >= 120000) {
        map->collation =
            nocase || strcasestr(c->collation, "_as_ci") ? "runnel_ci" : "runnel_ai_ci";
        map_find(m, t, RNL_NOTE, "type.collation", c->name, "collation=ci",
                 "gets the collation %s: 'a' and 'A' are one, as by %s; LIKE on it needs "
                 "PostgreSQL 18",
                 map->collation, c->collation);
    } else if (unique) {
        map_find(m, t, RNL_NOTE, "type.collation", c->name, "collation=plain",
                 "%s compares without regard to case; in the target 'a' and 'A' differ, "
                 "also for the unique key on it",
                 c->collation);
    }
}

static void decide_bytes(struct mapper *m, uint32_t t, const struct rnl_column *c,
                         struct map_column *map)
{
    int policy = m->sink->config->binary16;

    if (policy != BINARY16_BYTEA && c->length == 16 && (c->flags & RNL_COLUMN_FIXED)) {
        set_type(m, map, PG_UUID, "uuid");
        map_find(m, t, RNL_NOTE, "type.uuid", c->name,
                 policy == BINARY16_UUID ? "binary16=uuid" : "binary16=uuid_swap",
                 "binary(16) becomes uuid");
        return;
    }
    set_type(m, map, PG_BYTEA, "bytea");
}

static void decide_time(struct mapper *m, uint32_t t, const struct rnl_column *c,
                        struct map_column *map)
{
    int policy = m->sink->config->time;
    char type[48];

    if (policy == TIME_AUTO)
        policy = fact_absent(c, RNL_FACT_TIME_BEYOND_DAY) ? TIME_TIME : TIME_INTERVAL;
    if (policy == TIME_TEXT) {
        set_type(m, map, PG_TEXT, "text");
        map_find(m, t, RNL_NOTE, "type.time", c->name, "time=text", "time becomes text");
    } else if (policy == TIME_INTERVAL) {
        snprintf(type, sizeof(type), "interval(%u)", c->scale > 6 ? 6u : c->scale);
        set_type(m, map, PG_INTERVAL, type);
        map_find(m, t, RNL_NOTE, "type.time", c->name,
                 m->sink->config->time == TIME_AUTO ? "time=auto" : "time=interval",
                 "time becomes interval: MySQL's time may be negative and beyond a day");
    } else {
        snprintf(type, sizeof(type), "time(%u)", c->scale > 6 ? 6u : c->scale);
        set_type(m, map, PG_TIME, type);
    }
}

static void decide_json(struct mapper *m, uint32_t t, const struct rnl_column *c,
                        struct map_column *map)
{
    const uint32_t awkward = RNL_FACT_JSON_NUL | RNL_FACT_JSON_DUPLICATES | RNL_FACT_JSON_NUMBER |
                             RNL_FACT_JSON_SURROGATE;
    int policy = m->sink->config->json;

    if (c->facts & RNL_FACT_JSON_INVALID) {
        set_type(m, map, PG_TEXT, "text");
        map_find(m, t, RNL_WARNING, "type.json", c->name, NULL,
                 "becomes text: some of its values are no JSON");
        return;
    }
    if (policy == JSON_AUTO)
        policy = fact_absent(c, awkward) ? JSON_JSONB : JSON_JSON;
    if (policy == JSON_JSONB) {
        set_type(m, map, PG_JSONB, "jsonb");
        return;
    }
    set_type(m, map, PG_JSON, "json");
    if (m->sink->config->json == JSON_AUTO && (c->facts & awkward))
        map_find(
            m, t, RNL_NOTE, "type.json", c->name, "json=auto",
            "becomes json, not jsonb: it holds \\u0000, half of a surrogate pair, a key twice in "
            "one object, or numbers that jsonb can't keep");
}

static void decide_geometry(struct mapper *m, uint32_t t, const struct rnl_column *c,
                            struct map_column *map)
{
    int policy = m->sink->config->geometry;
    struct buf type = {0};

    if (policy != GEOMETRY_BYTEA && m->sink->postgis_schema) {
        buf_qualified(&type, m->sink->postgis_schema, "geometry");
        set_type(m, map, PG_GEOMETRY, buf_text(&type) ? type.ptr : "geometry");
        buf_free(&type);
        return;
    }
    set_type(m, map, PG_BYTEA, "bytea");
    map_find(m, t, policy == GEOMETRY_POSTGIS ? RNL_BLOCKER : RNL_NOTE, "type.geometry", c->name,
             policy == GEOMETRY_POSTGIS ? "geometry=postgis"
             : policy == GEOMETRY_AUTO  ? "geometry=auto"
                                        : "geometry=bytea",
             policy == GEOMETRY_POSTGIS
                 ? "the extension postgis is not installed in the target database"
                 : "becomes bytea that holds WKB (EWKB where there is an SRID)");
}

static void decide_vector(struct mapper *m, uint32_t t, const struct rnl_column *c,
                          struct map_column *map)
{
    struct buf type = {0};

    if (m->sink->vector_schema) {
        buf_qualified(&type, m->sink->vector_schema, "vector");
        set_type(m, map, PG_VECTOR, buf_text(&type) ? type.ptr : "vector");
        buf_free(&type);
        return;
    }
    set_type(m, map, PG_FLOAT4_ARRAY, "real[]");
    map_find(m, t, RNL_NOTE, "type.vector", c->name, NULL,
             "becomes real[]: the extension vector is not installed in the target database");
}

static void decide_date_policy(struct mapper *m, uint32_t t, const struct rnl_column *c)
{
    static const char *const zero[] = {"zero_date=minus_infinity", "zero_date=null",
                                       "zero_date=epoch", "zero_date=error"};
    static const char *const partial[] = {"partial_date=error", "partial_date=null",
                                          "partial_date=first_day", "partial_date=minus_infinity"};
    const struct pg_config *config = m->sink->config;

    if (c->facts & RNL_FACT_ZERO_DATE)
        map_find(m, t, config->zero_date == ZERO_ERROR ? RNL_BLOCKER : RNL_WARNING,
                 "type.zero_date", c->name, zero[config->zero_date],
                 "0000-00-00 is no date in PostgreSQL: the policy says what becomes of it");
    if (c->facts & RNL_FACT_PARTIAL_DATE)
        map_find(m, t, config->partial_date == PARTIAL_ERROR ? RNL_BLOCKER : RNL_WARNING,
                 "type.partial_date", c->name, partial[config->partial_date],
                 "dates like 2020-02-00 are none in PostgreSQL: the policy says what becomes of "
                 "them");
}

static void decide_temporal(struct mapper *m, uint32_t t, const struct rnl_column *c,
                            struct map_column *map)
{
    char type[48];

    decide_date_policy(m, t, c);
    if (c->type == RNL_T_DATE) {
        set_type(m, map, PG_DATE, "date");
        return;
    }
    snprintf(type, sizeof(type), c->type == RNL_T_TIMESTAMP ? "timestamp(%u)" : "timestamptz(%u)",
             c->scale > 6 ? 6u : c->scale);
    set_type(m, map, c->type == RNL_T_TIMESTAMP ? PG_TIMESTAMP : PG_TIMESTAMPTZ, type);
}

static void decide_decimal(struct mapper *m, const struct rnl_column *c, struct map_column *map)
{
    char type[48];

    if (c->precision)
        snprintf(type, sizeof(type), "numeric(%u,%u)", c->precision, c->scale);
    else
        snprintf(type, sizeof(type), "numeric");
    set_type(m, map, PG_NUMERIC, type);
}

static void decide_bits(struct mapper *m, const struct rnl_column *c, struct map_column *map)
{
    char type[32];

    if (c->length == 1) {
        set_type(m, map, PG_BOOL, "boolean");
    } else if (c->length > 0) {
        snprintf(type, sizeof(type), "bit(%u)", c->length);
        set_type(m, map, PG_BIT, type);
    } else {
        set_type(m, map, PG_VARBIT, "varbit");
    }
}

static void decide_column(struct mapper *m, uint32_t t, uint32_t index, const struct rnl_column *c,
                          struct map_column *map)
{
    switch ((enum rnl_type)c->type) {
    case RNL_T_BOOL:
        set_type(m, map, PG_BOOL, "boolean");
        break;
    case RNL_T_INT:
        decide_signed(m, t, c, map);
        break;
    case RNL_T_UINT:
        decide_unsigned(m, t, index, c, map);
        break;
    case RNL_T_FLOAT:
        set_type(m, map, PG_FLOAT4, "real");
        break;
    case RNL_T_DOUBLE:
        set_type(m, map, PG_FLOAT8, "double precision");
        break;
    case RNL_T_DECIMAL:
        decide_decimal(m, c, map);
        break;
    case RNL_T_TEXT:
        decide_text(m, t, c, map);
        decide_collation(m, t, index, c, map);
        break;
    case RNL_T_BYTES:
        decide_bytes(m, t, c, map);
        break;
    case RNL_T_DATE:
    case RNL_T_TIMESTAMP:
    case RNL_T_TIMESTAMPTZ:
        decide_temporal(m, t, c, map);
        break;
    case RNL_T_TIME:
        decide_time(m, t, c, map);
        break;
    case RNL_T_INTERVAL:
        set_type(m, map, PG_INTERVAL, "interval");
        break;
    case RNL_T_UUID:
        set_type(m, map, PG_UUID, "uuid");
        break;
    case RNL_T_JSON:
        decide_json(m, t, c, map);
        break;
    case RNL_T_BITS:
        decide_bits(m, c, map);
        break;
    case RNL_T_GEOMETRY:
        decide_geometry(m, t, c, map);
        break;
    case RNL_T_INET:
        set_type(m, map, PG_INET, "inet");
        break;
    case RNL_T_VECTOR:
        decide_vector(m, t, c, map);
        break;
    default:
        set_type(m, map, PG_TEXT, "text");
        map_find(m, t, RNL_WARNING, "type.native", c->name, NULL,
                 "%s has no counterpart: its text is kept",
                 c->native && *c->native ? c->native : "the type");
        break;
    }
}

/* booleans and whole numbers, from narrow to wide; -1: not one of them */
static int width_rank(enum pg_kind kind)
{
    static const enum pg_kind order[] = {PG_BOOL, PG_INT2, PG_INT4, PG_INT8, PG_NUMERIC};

    for (int i = 0; i < 5; i++)
        if (order[i] == kind)
            return i;
    return -1;
}

static bool widen_pair(struct mapper *m, struct map_column *child, struct map_column *parent)
{
    int c = width_rank(child->kind), p = width_rank(parent->kind);
    struct map_column *wide = c > p ? child : parent, *narrow = c > p ? parent : child;

    if (c < 0 || p < 0 || c == p || !narrow->by_auto)
        return false;
    /* whole numbers of different width may refer to each other */
    if (c != 0 && p != 0 && !(c == 4 && p != 4))
        return false;
    set_type(m, narrow, wide->kind, wide->type);
    return true;
}

/* A foreign key needs comparable types at both ends: `auto` gives way. */
static bool unify_foreign_key(struct mapper *m, uint32_t t, const struct rnl_foreign_key *fk)
{
    uint32_t r = mapper_find(m, fk->ref_schema, fk->ref_table);
    const struct rnl_table *ref;
    bool changed = false;

    if (r != UINT32_MAX) {
        ref = mapper_table(m, r);
        for (uint32_t k = 0; k < fk->ncolumns; k++)
            for (uint32_t c = 0; c < ref->ncolumns; c++)
                if (strcasecmp(COLUMN(ref, c)->name, fk->ref_columns[k]) == 0)
                    changed |= widen_pair(m, &m->tables[t].columns[fk->columns[k]],
                                          &m->tables[r].columns[c]);
    }
    return changed;
}

int types_decide(struct mapper *m)
{
    bool changed = true;

    for (uint32_t t = 0; t < m->ntables; t++) {
        const struct rnl_table *table = mapper_table(m, t);

        for (uint32_t i = 0; i < table->ncolumns; i++) {
            if (table_is_native(table) && COLUMN(table, i)->native)
                native_type(m, t, i, &m->tables[t].columns[i]);
            else
                decide_column(m, t, i, COLUMN(table, i), &m->tables[t].columns[i]);
            if (!m->tables[t].columns[i].type)
                return error_memory(m->err);
        }
    }
    for (int round = 0; changed && round < 16; round++) {
        changed = false;
        for (uint32_t t = 0; t < m->ntables; t++) {
            const struct rnl_table *table = mapper_table(m, t);

            for (uint32_t i = 0; i < table->nforeign_keys; i++)
                changed |= unify_foreign_key(m, t, FOREIGN_KEY(table, i));
        }
    }
    return RNL_OK;
}
