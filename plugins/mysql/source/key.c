/* The key by which a table is read in order, and places in that order: in bytes, and in SQL. */
#include "key.h"
#include "calendar.h"

#include <ctype.h>

#define PLACE_VERSION 1

enum charset_kind charset_kind(const struct rnl_column *column)
{
    static const char *const as_is[] = {"utf8mb4", "utf8mb3", "utf8", "ascii", "binary"};

    if (!column->charset || (column->type != RNL_T_TEXT && column->type != RNL_T_JSON))
        return CHARSET_AS_IS;
    for (size_t i = 0; i < sizeof(as_is) / sizeof(as_is[0]); i++)
        if (strcmp(column->charset, as_is[i]) == 0)
            return CHARSET_AS_IS;
    return strcmp(column->charset, "latin1") == 0 ? CHARSET_LATIN1 : CHARSET_SERVER;
}

/*
 * An enum sorts by number and compares by label, floats don't compare with what was
 * written for them: a place couldn't be found again.
 */
static bool sorts_as_it_compares(const struct rnl_column *column)
{
    if (column->flags & (RNL_COLUMN_NULLABLE | RNL_COLUMN_ENUM | RNL_COLUMN_SET))
        return false;
    switch (column->type) {
    case RNL_T_INT:
    case RNL_T_UINT:
    case RNL_T_DECIMAL:
    case RNL_T_TEXT:
    case RNL_T_BYTES:
    case RNL_T_DATE:
    case RNL_T_TIME:
    case RNL_T_TIMESTAMP:
    case RNL_T_TIMESTAMPTZ:
    case RNL_T_UUID:
    case RNL_T_INET:
    case RNL_T_BITS:
        return true;
    default:
        return false;
    }
}

static bool key_take(const struct rnl_table *table, const struct rnl_index *index, struct key *key)
{
    if (!(index->flags & RNL_INDEX_UNIQUE) || index->flags & RNL_INDEX_INVISIBLE ||
        !index->nparts || index->nparts > KEY_COLUMNS_MAX || index->where)
        return false;
    for (uint32_t i = 0; i < index->nparts; i++) {
        const struct rnl_index_part *part = &index->parts[i];

        if (part->expression || part->prefix || part->column >= table->ncolumns ||
            !sorts_as_it_compares(&table->columns[part->column]))
            return false;
        key->columns[i] = part->column;
    }
    key->ncolumns = index->nparts;
    key->index = index->name;
    return true;
}

void key_choose(const struct rnl_table *table, struct key *key)
{
    *key = (struct key){0};
    for (uint32_t i = 0; i < table->nindexes; i++)
        if (table->indexes[i].flags & RNL_INDEX_PRIMARY) {
            key_take(table, &table->indexes[i], key);
            return; /* any other would be read by jumping to each row */
        }
    for (uint32_t i = 0; i < table->nindexes && !key->index; i++)
        key_take(table, &table->indexes[i], key);
}

static void bytes_add(struct text *out, uint64_t value, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--) {
        unsigned char byte = (unsigned char)(value >> (8 * i));

        text_bytes(out, &byte, 1);
    }
}

static void value_encode(struct text *out, const struct rnl_value *value)
{
    bytes_add(out, value->type, 1);
    bytes_add(out, value->flags, 1);
    switch (value->type) {
    case RNL_T_INT:
    case RNL_T_UINT:
    case RNL_T_DATE:
    case RNL_T_TIME:
    case RNL_T_TIMESTAMP:
    case RNL_T_TIMESTAMPTZ:
        bytes_add(out, value->u, 8);
        break;
    default:
        bytes_add(out, value->len, 4);
        text_bytes(out, value->ptr, value->len);
    }
}

int place_encode(struct text *out, const struct rnl_value *values, uint32_t count)
{
    out->len = 0;
    bytes_add(out, PLACE_VERSION, 1);
    bytes_add(out, count, 1);
    for (uint32_t i = 0; i < count; i++) {
        if (values[i].type == RNL_T_NULL)
            return -1;
        value_encode(out, &values[i]);
    }
    return out->failed ? -1 : 0;
}

static int bytes_take(struct rnl_slice *in, int bytes, uint64_t *value)
{
    const unsigned char *at = in->ptr;

    if (in->len < (size_t)bytes)
        return -1;
    *value = 0;
    for (int i = 0; i < bytes; i++)
        *value = *value << 8 | at[i];
    in->ptr = at + bytes;
    in->len -= (size_t)bytes;
    return 0;
}

static int value_decode(struct rnl_slice *in, struct rnl_value *value)
{
    uint64_t type, flags, number;

    *value = (struct rnl_value){0};
    if (bytes_take(in, 1, &type) || bytes_take(in, 1, &flags))
        return -1;
    value->type = (uint16_t)type;
    value->flags = (uint16_t)flags;
    switch (type) {
    case RNL_T_INT:
    case RNL_T_UINT:
    case RNL_T_DATE:
    case RNL_T_TIME:
    case RNL_T_TIMESTAMP:
    case RNL_T_TIMESTAMPTZ:
        return bytes_take(in, 8, &value->u);
    case RNL_T_DECIMAL:
    case RNL_T_TEXT:
    case RNL_T_BYTES:
    case RNL_T_UUID:
    case RNL_T_INET:
    case RNL_T_BITS:
        if (bytes_take(in, 4, &number) || number > in->len)
            return -1;
        value->len = (uint32_t)number;
        value->ptr = in->ptr;
        in->ptr = (const char *)in->ptr + number;
        in->len -= number;
        return 0;
    default:
        return -1;
    }
}

static bool all_of(const struct rnl_value *value, const char *allowed)
{
    const char *at = value->ptr;

    for (uint32_t i = 0; i < value->len; i++)
        if (!at[i] || !strchr(allowed, at[i]))
            return false;
    return value->len > 0;
}

/* A literal in the column's own character set and collation, so that its index can be used. */
static int text_literal(struct text *sql, const struct rnl_column *column,
                        const struct rnl_value *value)
{
    const char *at;

    if (!column->charset || !column->collation)
        return -1;
    for (at = column->charset; isalnum((unsigned char)*at) || *at == '_'; at++)
        ;
    if (*at)
        return -1;
    for (at = column->collation; isalnum((unsigned char)*at) || *at == '_'; at++)
        ;
    if (*at)
        return -1;
    if (charset_kind(column) == CHARSET_AS_IS) {
        text_printf(sql, "_%s ", column->charset);
        text_hex(sql, value->ptr, value->len);
    } else {
        text_add(sql, "CONVERT(_utf8mb4 ");
        text_hex(sql, value->ptr, value->len);
        text_printf(sql, " USING %s)", column->charset);
    }
    text_printf(sql, " COLLATE %s", column->collation);
    return 0;
}

static int uuid_literal(struct text *sql, const struct rnl_value *value)
{
    const unsigned char *at = value->ptr;

    if (value->len != 16)
        return -1;
    text_add(sql, "'");
    for (int i = 0; i < 16; i++)
        text_printf(sql, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", at[i]);
    text_add(sql, "'");
    return 0;
}

static int quoted_literal(struct text *sql, const struct rnl_value *value, const char *prefix,
                          const char *allowed)
{
    if (!all_of(value, allowed))
        return -1;
    text_printf(sql, "%s'%.*s'", prefix, (int)value->len, (const char *)value->ptr);
    return 0;
}

int literal_add(struct text *sql, const struct rnl_column *column, const struct rnl_value *value)
{
    char buf[CALENDAR_TEXT];

    if (value->type != column->type)
        return -1;
    switch (value->type) {
    case RNL_T_INT:
        text_printf(sql, "%lld", (long long)value->i);
        return 0;
    case RNL_T_UINT:
        text_printf(sql, "%llu", (unsigned long long)value->u);
        return 0;
    case RNL_T_DECIMAL:
        if (!all_of(value, "0123456789.-"))
            return -1;
        text_printf(sql, "CAST('%.*s' AS DECIMAL(%u,%u))", (int)value->len,
                    (const char *)value->ptr, (unsigned)column->precision, (unsigned)column->scale);
        return 0;
    case RNL_T_DATE:
    case RNL_T_TIME:
    case RNL_T_TIMESTAMP:
    case RNL_T_TIMESTAMPTZ:
        if (!calendar_text(value, buf))
            return -1;
        text_printf(sql, "'%s'", buf);
        return 0;
    case RNL_T_TEXT:
        return text_literal(sql, column, value);
    case RNL_T_BYTES:
        text_hex(sql, value->ptr, value->len);
        return 0;
    case RNL_T_BITS:
        return quoted_literal(sql, value, "b", "01");
    case RNL_T_INET:
        return quoted_literal(sql, value, "", "0123456789abcdefABCDEF:.");
    case RNL_T_UUID:
        return uuid_literal(sql, value);
    default:
        return -1;
    }
}

int compare_add(struct text *sql, const struct rnl_column *column, const char *operator,
                const struct rnl_value * value)
{
    text_name(sql, column->name);
    text_printf(sql, " %s ", operator);
    return literal_add(sql, column, value);
}

int place_describe(struct text *out, const struct rnl_table *table, const struct key *key,
                   const struct rnl_value *values)
{
    for (uint32_t i = 0; i < key->ncolumns; i++) {
        text_add(out, i ? " AND " : "");
        if (compare_add(out, &table->columns[key->columns[i]], "=", &values[i]))
            return -1;
    }
    return out->failed ? -1 : 0;
}

int place_condition(struct text *sql, const struct rnl_table *table, const struct key *key,
                    struct rnl_slice place, enum place_side side)
{
    static const char *const last[] = {">", ">=", "<"};
    const char *step = side == PLACE_BEFORE ? "<" : ">";
    struct rnl_value value, first;
    uint64_t version, count;
    uint32_t i;

    if (bytes_take(&place, 1, &version) || version != PLACE_VERSION ||
        bytes_take(&place, 1, &count) || !count || count > key->ncolumns ||
        (side == PLACE_BEHIND && count < key->ncolumns))
        return -1;
    /* (a > 1 OR a = 1 AND (b > 2 OR …)); a >= 1 once more for the range of the index */
    text_add(sql, "(");
    for (i = 0; i < count; i++) {
        const struct rnl_column *column = &table->columns[key->columns[i]];

        if (value_decode(&place, &value))
            return -1;
        if (i == 0)
            first = value;
        if (compare_add(sql, column, i + 1 < count ? step : last[side], &value))
            return -1;
        if (i + 1 == count)
            break;
        text_add(sql, " OR ");
        if (compare_add(sql, column, "=", &value))
            return -1;
        text_add(sql, " AND (");
    }
    for (i = 0; i < count; i++)
        text_add(sql, ")");
    if (place.len)
        return -1;
    if (count == 1)
        return 0;
    text_add(sql, " AND ");
    return compare_add(sql, &table->columns[key->columns[0]],
                       side == PLACE_BEFORE ? "<=" : ">=", &first);
}
