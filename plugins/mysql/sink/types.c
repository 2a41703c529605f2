/* Which type each column gets: of another dialect's by what it holds and the policies. */
#include "map.h"

#include <strings.h>

#define ASCII " CHARACTER SET ascii COLLATE ascii_bin"
#define LABEL_MAX 65535 /* labels of an enum */

/* One column that is being decided. */
struct chooser {
    struct mapper *m;
    uint32_t table, index;
    const struct rnl_column *source;
    struct map_column *to;
    bool keyed; /* stands in an index or foreign key */
    bool failed;
};

static void fixed(struct chooser *c, uint32_t bytes, enum expr_class yields, const char *fmt, ...)
    RNL_PRINTF(4, 5);

static void fixed(struct chooser *c, uint32_t bytes, enum expr_class yields, const char *fmt, ...)
{
    char text[128];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    c->to->shape = SHAPE_FIXED;
    c->to->bytes = bytes;
    c->to->yields = yields;
    c->to->type = pool_text(&c->m->pool, text);
    c->failed = c->failed || !c->to->type;
}

/* length 0: as long as can be, and open to change. */
static void chars(struct chooser *c, uint32_t length, const char *charset, uint32_t char_bytes)
{
    struct map_column *to = c->to;
    uint32_t known = c->source->facts_known & RNL_FACT_LENGTH ? c->source->max_length : 0;

    to->yields = c->source->type == RNL_T_TEXT ? EXPR_TEXT : EXPR_OTHER;
    to->charset = charset ? charset : collation_of(c->m, c->table, c->index, &to->bytewise);
    to->bytewise = to->bytewise || charset;
    to->char_bytes = char_bytes;
    to->open = length == 0;
    to->shape = SHAPE_CHARS;
    to->length = length;
    c->failed = c->failed || !to->charset;
    if (length > 0 && length <= ROW_BYTES / 4 - 2)
        return;
    to->shape = SHAPE_LONG_TEXT;
    if (c->keyed && to->open && known <= (uint32_t)c->m->sink->config->text_key) {
        to->shape = SHAPE_CHARS;
        to->length = (uint32_t)c->m->sink->config->text_key;
    }
}

static void text(struct chooser *c, uint32_t length)
{
    chars(c, length, NULL, 4);
}

static void ascii(struct chooser *c, uint32_t length)
{
    chars(c, length, ASCII, 1);
}

static bool labels_fit(const struct rnl_column *source)
{
    if (source->nlabels == 0 || source->nlabels > LABEL_MAX)
        return false;
    for (uint32_t i = 0; i < source->nlabels; i++) {
        size_t len = strlen(source->labels[i]);

        if (len > 255 || len == 0 || source->labels[i][len - 1] == ' ')
            return false; /* the server takes blanks off their end */
    }
    return true;
}

static void labels(struct chooser *c, const char *what)
{
    struct buf sql = {0};

    buf_printf(&sql, "%s(", what);
    for (uint32_t i = 0; i < c->source->nlabels; i++) {
        buf_puts(&sql, i ? ", " : "");
        sql_literal(&sql, c->source->labels[i]);
    }
    buf_puts(&sql, ")");
    c->to->type = mapper_take(c->m, &sql);
    c->to->charset = collation_of(c->m, c->table, c->index, &c->to->bytewise);
    c->to->shape = SHAPE_FIXED;
    c->to->bytes = strcmp(what, "set") == 0 ? 8 : 2;
    c->to->yields = EXPR_OTHER; /* sorted by number, not by label */
    c->failed = c->failed || !c->to->type || !c->to->charset;
}

static void integer(struct chooser *c)
{
    static const char *const names[] = {"bigint", "tinyint", "smallint", "mediumint", "int",
                                        "bigint", "bigint",  "bigint",   "bigint"};
    uint16_t width = c->source->width > 8 ? 8 : c->source->width;

    fixed(c, width ? width : 8, EXPR_INT, "%s%s", names[width],
          c->source->type == RNL_T_UINT ? " unsigned" : "");
}

static uint32_t decimal_bytes(uint32_t precision)
{
    return precision / 9 * 4 + 8;
}

/* Never rounds: what no decimal holds stays a text of digits. */
static void decimal(struct chooser *c)
{
    const struct rnl_column *source = c->source;
    uint32_t most = c->m->sink->server.mariadb ? 38 : 30;
    uint32_t p = source->precision, s = source->scale;

    if (p == 0 && source->native && strcasecmp(source->native, "money") == 0) {
        p = 19;
        s = 2;
    } else if (p == 0 && source->facts_known & RNL_FACT_DIGITS) {
        bool any = source->max_digits || source->max_scale;

        p = 65;
        s = any ? source->max_scale : 30;
        if (s > most || source->max_digits + s > 65)
            p = 0;
        else
            map_find(c->m, c->table, RNL_NOTE, "type.decimal", source->name, NULL,
                     "has no declared digits; by its values it becomes decimal(65,%u)", s);
    }
    if (p < s)
        p = s;
    if (p > 0 && p <= 65 && s <= most) {
        fixed(c, decimal_bytes(p), EXPR_DECIMAL, "decimal(%u,%u)", p, s);
        return;
    }
    ascii(c, 0);
    map_find(c->m, c->table, RNL_NOTE, "type.decimal", source->name, NULL,
             "holds more digits than a decimal of the target can: becomes text, without loss");
}

static void bytes(struct chooser *c)
{
    const struct rnl_column *source = c->source;
    uint32_t known = source->facts_known & RNL_FACT_LENGTH ? source->max_length : 0;

    c->to->yields = EXPR_BYTES;
    if (source->flags & RNL_COLUMN_FIXED && source->length && source->length <= 255) {
        fixed(c, source->length, EXPR_BYTES, "binary(%u)", source->length);
        return;
    }
    c->to->open = source->length == 0;
    c->to->shape = SHAPE_LONG_BYTES;
    c->to->length = source->length;
    c->to->char_bytes = 1;
    if (source->length && source->length <= ROW_BYTES - 8) {
        c->to->shape = SHAPE_BYTES;
    } else if (c->keyed && c->to->open && known <= KEY_BYTES) {
        c->to->shape = SHAPE_BYTES;
        c->to->length = KEY_BYTES;
    }
}

static bool has_uuid(const struct my_sink *sink)
{
    return sink->server.mariadb && sink->server.version >= 100700;
}

static void uuid(struct chooser *c)
{
    const struct my_sink *sink = c->m->sink;

    if (sink->config->uuid == UUID_BINARY16)
        fixed(c, 16, EXPR_OTHER, "binary(16)");
    else if (sink->config->uuid == UUID_NATIVE && has_uuid(sink))
        fixed(c, 16, EXPR_UUID, "uuid");
    else {
        fixed(c, 36, EXPR_UUID, "char(36)");
        c->to->charset = ASCII;
    }
}

static void json(struct chooser *c)
{
    uint32_t loss = RNL_FACT_JSON_INVALID;
    int32_t policy = c->m->sink->config->json;

    if (!c->m->sink->server.mariadb)
        loss |= RNL_FACT_JSON_DUPLICATES | RNL_FACT_JSON_NUMBER | RNL_FACT_JSON_DIGITS |
                RNL_FACT_JSON_SURROGATE;
    if (policy == JSON_TEXT || (policy == JSON_AUTO && c->source->facts & loss)) {
        c->keyed = false;
        text(c, 0);
        c->to->yields = EXPR_JSON;
        map_find(c->m, c->table, RNL_NOTE, "type.json", c->source->name,
                 policy == JSON_TEXT ? "json=text" : "json=auto",
                 "becomes longtext: the server's JSON would change values, or take some not at "
                 "all");
        return;
    }
    fixed(c, 12, EXPR_JSON, "json");
    c->to->shape = SHAPE_JSON;
    if (c->source->facts & loss & RNL_FACT_JSON_DIGITS)
        map_find(c->m, c->table, RNL_WARNING, "type.json_digits", c->source->name, "json=json",
                 "holds numbers of more digits than MySQL's JSON keeps: their rows are refused; "
                 "json=text takes them");
}

static void bits(struct chooser *c)
{
    const struct rnl_column *source = c->source;
    bool varying = source->native && (strncasecmp(source->native, "bit varying", 11) == 0 ||
                                      strncasecmp(source->native, "varbit", 6) == 0);

    if (!varying && source->length > 0 && source->length <= 64)
        fixed(c, 8, EXPR_OTHER, "bit(%u)", source->length);
    else
        ascii(c, source->length);
}

static void vector(struct chooser *c)
{
    const struct my_server *server = &c->m->sink->server;

    if (server->version >= (server->mariadb ? 110701u : 90000u) && c->source->length) {
        fixed(c, 12, EXPR_OTHER, "vector(%u)", c->source->length);
        c->to->shape = SHAPE_JSON;
    } else {
        fixed(c, 12, EXPR_JSON, "json");
        c->to->shape = SHAPE_JSON;
    }
}

/* Types of PostgreSQL whose values are short. */
static const struct {
    const char *name;
    uint32_t length;
} short_types[] = {
    {"timetz", 21},     {"time with time zone", 21},
    {"pg_lsn", 17},     {"macaddr", 23},
    {"macaddr8", 23},   {"inet", 43},
    {"cidr", 43},       {"name", 63},
    {"xid", 20},        {"xid8", 20},
    {"tid", 24},        {"int4range", 255},
    {"int8range", 255}, {"daterange", 255},
    {"tsrange", 255},   {"tstzrange", 255},
    {"regclass", 255},  {"regtype", 255},
    {"pg_snapshot", 0},
};

/* "time(3) with time zone" is one of them too: digits in brackets don't count. */
static bool native_is(const char *native, const char *name)
{
    while (*native && *name) {
        if (*native == '(') {
            native += strcspn(native, ")");
            native += *native == ')';
        } else if (*native++ != *name++) {
            return false;
        }
    }
    if (*native == '(')
        native += strcspn(native, ")") + 1;
    return *native == *name;
}

static void native(struct chooser *c)
{
    const struct rnl_column *source = c->source;
    uint32_t nested = source->flags & (RNL_COLUMN_ARRAY | RNL_COLUMN_COMPOSITE | RNL_COLUMN_MAP);
    const char *name = source->native ? source->native : "";

    if (nested && c->m->sink->config->arrays == ARRAYS_JSON && !c->keyed) {
        fixed(c, 12, EXPR_JSON, "json");
        c->to->shape = SHAPE_JSON;
        return;
    }
    if (!c->keyed && strcmp(name, "point") == 0) {
        fixed(c, 25, EXPR_OTHER, "point");
        c->to->shape = SHAPE_GEOMETRY;
        return;
    }
    for (size_t i = 0; !nested && i < sizeof(short_types) / sizeof(short_types[0]); i++)
        if (native_is(name, short_types[i].name) && short_types[i].length) {
            text(c, short_types[i].length);
            return;
        }
    text(c, 0);
}

static void texts(struct chooser *c)
{
    const struct rnl_column *source = c->source;

    if (source->flags & RNL_COLUMN_ENUM && labels_fit(source))
        labels(c, "enum");
    else if (source->flags & RNL_COLUMN_SET && labels_fit(source) && source->nlabels <= 64)
        labels(c, "set");
    else if (source->flags & RNL_COLUMN_FIXED && source->length && source->length <= 255) {
        fixed(c, source->length * 4, EXPR_TEXT, "char(%u)", source->length);
        c->to->charset = collation_of(c->m, c->table, c->index, &c->to->bytewise);
        c->failed = c->failed || !c->to->charset;
    } else {
        text(c, source->length);
    }
}

static uint32_t fraction(const struct rnl_column *source)
{
    return source->scale > 6 ? 6 : source->scale;
}

static void moments(struct chooser *c)
{
    uint32_t digits = fraction(c->source);

    if (c->source->type == RNL_T_DATE)
        fixed(c, 3, EXPR_DAY, "date");
    else if (c->source->type == RNL_T_TIME)
        fixed(c, 6, EXPR_TIME, "time(%u)", digits);
    else if (c->source->type == RNL_T_TIMESTAMPTZ &&
             c->m->sink->config->timestamptz == TIMESTAMPTZ_TIMESTAMP)
        fixed(c, 7, EXPR_OTHER, "timestamp(%u)", digits);
    else
        fixed(c, 8, c->source->type == RNL_T_TIMESTAMPTZ ? EXPR_OTHER : EXPR_DAY, "datetime(%u)",
              digits);
}

/* By the neutral type alone. */
static void choose(struct chooser *c)
{
    const struct sink_config *config = c->m->sink->config;

    switch (c->source->type) {
    case RNL_T_BOOL:
        fixed(c, 1, EXPR_BOOL, config->boolean == BOOLEAN_BIT ? "bit(1)" : "tinyint(1)");
        break;
    case RNL_T_INT:
    case RNL_T_UINT:
        integer(c);
        break;
    case RNL_T_FLOAT:
        fixed(c, 4, EXPR_DOUBLE, "float");
        break;
    case RNL_T_DOUBLE:
        fixed(c, 8, EXPR_DOUBLE, "double");
        break;
    case RNL_T_DECIMAL:
        decimal(c);
        break;
    case RNL_T_TEXT:
        texts(c);
        break;
    case RNL_T_BYTES:
        bytes(c);
        break;
    case RNL_T_DATE:
    case RNL_T_TIME:
    case RNL_T_TIMESTAMP:
    case RNL_T_TIMESTAMPTZ:
        moments(c);
        break;
    case RNL_T_INTERVAL:
        if (config->interval == INTERVAL_MICROSECONDS)
            fixed(c, 8, EXPR_OTHER, "bigint");
        else
            ascii(c, 64);
        break;
    case RNL_T_UUID:
        uuid(c);
        break;
    case RNL_T_JSON:
        json(c);
        break;
    case RNL_T_BITS:
        bits(c);
        break;
    case RNL_T_GEOMETRY:
        fixed(c, 12, EXPR_OTHER, "geometry");
        c->to->shape = SHAPE_GEOMETRY;
        break;
    case RNL_T_INET:
        ascii(c, 43);
        break;
    case RNL_T_VECTOR:
        vector(c);
        break;
    default:
        native(c);
    }
}

static bool is_keyed(const struct rnl_table *table, uint32_t column)
{
    if (COLUMN(table, column)->flags & RNL_COLUMN_KEY)
        return true;
    for (uint32_t i = 0; i < table->nindexes; i++) {
        const struct rnl_index *index = INDEX(table, i);

        if (index->flags & (RNL_INDEX_FULLTEXT | RNL_INDEX_SPATIAL | RNL_INDEX_EXCLUDE) ||
            (index->method && strcasecmp(index->method, "btree") != 0 &&
             strcasecmp(index->method, "hash") != 0))
            continue;
        for (uint32_t p = 0; p < index->nparts; p++)
            if (!index->parts[p].expression && index->parts[p].column == column &&
                !index->parts[p].prefix)
                return true;
    }
    for (uint32_t i = 0; i < table->nforeign_keys; i++)
        for (uint32_t k = 0; k < FOREIGN_KEY(table, i)->ncolumns; k++)
            if (FOREIGN_KEY(table, i)->columns[k] == column)
                return true;
    return false;
}

/* What the target can't hold, and which policy says what becomes of it. */
static void tell_losses(struct chooser *c)
{
    static const char *const words[] = {"error", "null", "clamp"};
    static const char *const done[] = {"would be refused", "become NULL",
                                       "become the nearest value that there is"};
    const struct sink_config *config = c->m->sink->config;
    const struct rnl_column *source = c->source;
    bool date = source->type == RNL_T_DATE || source->type == RNL_T_TIMESTAMP ||
                source->type == RNL_T_TIMESTAMPTZ;
    /* MariaDB's TIME ends a fraction of a second later than MySQL's */
    bool clock = source->type == RNL_T_TIME && !c->m->sink->server.mariadb;
    uint32_t lost = date || clock ? (uint32_t)(RNL_FACT_NOT_FINITE | RNL_FACT_BEYOND_RANGE)
                                  : (uint32_t)RNL_FACT_NOT_FINITE;
    int32_t policy = date || clock ? config->outofrange : config->nonfinite;
    char text[64];

    if (c->to->shape != SHAPE_FIXED || (c->to->verbatim && !clock) || !(source->facts & lost))
        return;
    snprintf(text, sizeof(text), "%s=%s", date || clock ? "outofrange" : "nonfinite",
             words[policy % 3]);
    map_find(c->m, c->table, policy == 0 ? RNL_BLOCKER : RNL_WARNING,
             date || clock ? "type.out_of_range" : "type.not_finite", source->name, text,
             "holds %s that %s can't hold: they %s",
             date    ? "dates"
             : clock ? "times beyond 838:59:59"
                     : "numbers that are none or infinite,",
             c->to->type, done[policy % 3]);
}

static void tell_domain(struct chooser *c)
{
    if (c->source->flags & RNL_COLUMN_DOMAIN && c->source->type_name)
        map_find(c->m, c->table, RNL_NOTE, "type.domain", c->source->name, NULL,
                 "the domain %s becomes its base type, with its checks on the table",
                 c->source->type_name);
}

/* What the first text has is the table's own; columns that have the same needn't say it. */
static bool charset_choose(struct mapper *m, uint32_t t)
{
    struct map_table *map = &m->tables[t];
    struct buf sql = {0};

    if (m->pinned_charset && t == m->topic)
        map->charset = m->pinned_charset;
    else if (map->same && !m->sink->config->collation)
        map->charset = collation_of_table(m, t);
    for (uint32_t i = 0; i < mapper_table(m, t)->ncolumns && !map->charset; i++)
        if (*map->columns[i].charset && strcmp(map->columns[i].charset, ASCII) != 0)
            map->charset = map->columns[i].charset;
    if (!map->charset) {
        buf_printf(&sql, " CHARACTER SET %.*s COLLATE %s", (int)strcspn(m->collation, "_"),
                   m->collation, m->collation);
        map->charset = mapper_take(m, &sql);
    }
    for (uint32_t i = 0; map->charset && i < mapper_table(m, t)->ncolumns; i++)
        if (strcmp(map->columns[i].charset, map->charset) == 0)
            map->columns[i].charset = "";
    return map->charset != NULL;
}

int types_decide(struct mapper *m, uint32_t t)
{
    const struct rnl_table *table = mapper_table(m, t);

    for (uint32_t i = 0; i < table->ncolumns; i++) {
        struct map_column *to = &m->tables[t].columns[i];
        struct chooser c = {
            .m = m,
            .table = t,
            .index = i,
            .source = COLUMN(table, i),
            .to = to,
            .keyed = is_keyed(table, i),
        };

        if (m->pinned && t == m->topic && m->pinned[i]) {
            *to = *m->pinned[i];
            to->name = m->tables[t].name.columns[i];
            to->open = false;
            to->generated = NULL;
            continue;
        }
        to->keyed = c.keyed;
        to->name = m->tables[t].name.columns[i];
        to->charset = "";
        to->yields = EXPR_OTHER;
        if (!m->tables[t].same || !native_type(m, t, i, to))
            choose(&c);
        if (c.failed)
            return error_memory(m->err);
        tell_losses(&c);
        tell_domain(&c);
    }
    if (!charset_choose(m, t))
        return error_memory(m->err);
    return lengths_fit(m, t);
}
