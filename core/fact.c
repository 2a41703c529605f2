/* Facts of single values: what a mapping to another database must know of them. */
#include "fact.h"

#include <math.h>
#include <string.h>

#define DAY_US INT64_C(86400000000)
#define FIRST_DAY INT64_C(-719162)                 /* 0001-01-01 */
#define LAST_DAY INT64_C(2932896)                  /* 9999-12-31 */
#define LAST_CLOCK_US (INT64_C(3020399) * 1000000) /* 838:59:59, where MySQL's times end */

enum {
    FACTS_DATE = RNL_FACT_ZERO_DATE | RNL_FACT_PARTIAL_DATE,
    FACTS_TEXT = RNL_FACT_NUL | RNL_FACT_NOT_UTF8,
    FACTS_JSON = RNL_FACT_JSON_NUL | RNL_FACT_JSON_DUPLICATES | RNL_FACT_JSON_NUMBER |
                 RNL_FACT_JSON_INVALID | RNL_FACT_JSON_SURROGATE | RNL_FACT_JSON_DIGITS,
};

/* In the order of the bits. */
static const struct {
    const char *name, *text;
} words[FACT_COUNT] = {
    {"not_bool", "holds integers other than 0 and 1"},
    {"above_int64", "holds unsigned integers of 2^63 and more"},
    {"zero_date", "holds zero dates (0000-00-00)"},
    {"partial_date", "holds dates that no calendar has (2020-02-00)"},
    {"time_beyond_day", "holds times below 00:00 or of 24 hours and more"},
    {"nul", "holds zero bytes in text"},
    {"not_utf8", "holds text that is no valid UTF-8"},
    {"json_nul", "holds \\u0000 in JSON"},
    {"json_duplicates", "holds JSON objects with the same key twice"},
    {"json_number", "holds JSON numbers that no numeric type holds"},
    {"empty_label", "holds the empty label, which its enum doesn't declare"},
    {"json_invalid", "holds text that is no JSON"},
    {"beyond_range", "holds dates outside of the years 1 to 9999, or times beyond 838:59:59"},
    {"json_surrogate", "holds half of a surrogate pair in JSON (\\ud800 alone)"},
    {"not_finite", "holds NaN or infinities"},
    {"digits", "has numbers of more digits than are declared"},
    {"length", "has texts of more characters than are declared"},
    {"json_digits", "holds JSON numbers of more digits than a double keeps"},
};

static int fact_index(uint32_t bit)
{
    if (bit == 0 || bit & (bit - 1) || bit >= 1u << FACT_COUNT)
        return -1;
    return __builtin_ctz(bit);
}

const char *fact_name(uint32_t bit)
{
    int index = fact_index(bit);

    return index < 0 ? NULL : words[index].name;
}

const char *fact_text(uint32_t bit)
{
    int index = fact_index(bit);

    return index < 0 ? NULL : words[index].text;
}

static bool has_empty_label(const struct rnl_column *column)
{
    for (uint32_t i = 0; i < column->nlabels; i++)
        if (column->labels[i] && *column->labels[i] == '\0')
            return true;
    return false;
}

static bool is_mysql(const struct rnl_table *table)
{
    return table->dialect && strcmp(table->dialect, "mysql") == 0;
}

/* MySQL's numbers and dates are finite; SQLite turns NaN into NULL, but keeps infinities. */
static uint32_t infinite_facts(const struct rnl_table *table)
{
    return is_mysql(table) ? 0 : RNL_FACT_NOT_FINITE;
}

/* MySQL's dates stand within the years; MariaDB's times go on for a fraction of a second. */
static uint32_t range_facts(const struct rnl_table *table, const struct rnl_column *column)
{
    if (column->type == RNL_T_TIME)
        return is_mysql(table) && column->scale ? RNL_FACT_BEYOND_RANGE : 0;
    return is_mysql(table) ? 0 : RNL_FACT_BEYOND_RANGE;
}

uint32_t column_facts(const struct rnl_table *table, uint32_t index)
{
    const struct rnl_column *column = &table->columns[index];

    switch (column->type) {
    case RNL_T_INT:
        return column->flags & RNL_COLUMN_BOOLISH ? RNL_FACT_NOT_BOOL : 0;
    case RNL_T_UINT:
        return column->width == 8 ? RNL_FACT_ABOVE_INT64 : 0;
    case RNL_T_FLOAT:
    case RNL_T_DOUBLE:
    case RNL_T_DECIMAL:
        return infinite_facts(table);
    case RNL_T_DATE:
    case RNL_T_TIMESTAMP:
    case RNL_T_TIMESTAMPTZ:
        return FACTS_DATE | range_facts(table, column) | infinite_facts(table);
    case RNL_T_TIME:
        return RNL_FACT_TIME_BEYOND_DAY | range_facts(table, column);
    case RNL_T_JSON:
        return FACTS_JSON;
    case RNL_T_TEXT:
        if (column->flags & RNL_COLUMN_ENUM && !has_empty_label(column))
            return RNL_FACT_EMPTY_LABEL;
        return column->flags & (RNL_COLUMN_ENUM | RNL_COLUMN_SET) ? 0 : FACTS_TEXT;
    case RNL_T_NATIVE:
        return FACTS_TEXT;
    default:
        return 0;
    }
}

static bool index_has(const struct rnl_index *index, uint32_t column)
{
    for (uint32_t j = 0; j < index->nparts; j++)
        if (!index->parts[j].expression && index->parts[j].column == column)
            return true;
    return false;
}

/* Whether rows are found or bound by this column: then its type matters to others. */
static bool is_key_like(const struct rnl_table *table, uint32_t column, uint32_t index_flags)
{
    if (table->columns[column].flags & (RNL_COLUMN_KEY | RNL_COLUMN_IDENTITY))
        return true;
    for (uint32_t i = 0; i < table->nforeign_keys; i++)
        for (uint32_t j = 0; j < table->foreign_keys[i].ncolumns; j++)
            if (table->foreign_keys[i].columns[j] == column)
                return true;
    for (uint32_t i = 0; i < table->nindexes; i++)
        if ((index_flags == UINT32_MAX || table->indexes[i].flags & index_flags) &&
            index_has(&table->indexes[i], column))
            return true;
    return false;
}

static uint32_t column_measures(const struct rnl_table *table, uint32_t index)
{
    const struct rnl_column *column = &table->columns[index];

    switch (column->type) {
    case RNL_T_DECIMAL:
        return column->precision == 0 ? RNL_FACT_DIGITS : 0;
    case RNL_T_TEXT:
    case RNL_T_BYTES:
    case RNL_T_NATIVE:
        if (column->length || column->flags & (RNL_COLUMN_ENUM | RNL_COLUMN_SET))
            return 0;
        return is_key_like(table, index, UINT32_MAX) ? RNL_FACT_LENGTH : 0;
    default:
        return 0;
    }
}

uint32_t column_decisions(const struct rnl_table *table, uint32_t column)
{
    uint32_t facts = column_facts(table, column);

    if (facts & RNL_FACT_ABOVE_INT64 &&
        !is_key_like(table, column, RNL_INDEX_PRIMARY | RNL_INDEX_UNIQUE))
        facts = 0;
    return facts | column_measures(table, column);
}

/* The bytes of a character that starts with lead, and the least second byte and the most. */
static size_t sequence_len(uint8_t lead, uint8_t *least, uint8_t *most)
{
    *least = 0x80;
    *most = 0xbf;
    if (lead < 0x80)
        return 1;
    if (lead >= 0xc2 && lead <= 0xdf)
        return 2;
    if (lead >= 0xe0 && lead <= 0xef) {
        *least = lead == 0xe0 ? 0xa0 : 0x80; /* no longer than needed */
        *most = lead == 0xed ? 0x9f : 0xbf;  /* no surrogates */
        return 3;
    }
    if (lead >= 0xf0 && lead <= 0xf4) {
        *least = lead == 0xf0 ? 0x90 : 0x80;
        *most = lead == 0xf4 ? 0x8f : 0xbf; /* up to U+10FFFF */
        return 4;
    }
    return 0;
}

bool utf8_is_valid(const void *text, size_t len)
{
    const uint8_t *p = text, *end = p + len;

    while (p < end) {
        uint8_t least, most;
        size_t size;
        uint64_t eight;

        while (end - p >= 8) {
            memcpy(&eight, p, sizeof(eight));
            if (eight & UINT64_C(0x8080808080808080))
                break;
            p += 8;
        }
        if (p == end)
            break;
        size = sequence_len(*p, &least, &most);
        if (size == 0 || size > (size_t)(end - p))
            return false;
        if (size > 1 && (p[1] < least || p[1] > most))
            return false;
        for (size_t i = 2; i < size; i++)
            if ((p[i] & 0xc0) != 0x80)
                return false;
        p += size;
    }
    return true;
}

static uint32_t date_facts(const struct rnl_value *value)
{
    int64_t scale = value->type == RNL_T_DATE ? 1 : DAY_US;

    if (value->flags & RNL_V_ZERO_DATE)
        return value->i == 0 ? RNL_FACT_ZERO_DATE : RNL_FACT_PARTIAL_DATE;
    if (value->i == INT64_MIN || value->i == INT64_MAX)
        return RNL_FACT_NOT_FINITE;
    if (value->i < FIRST_DAY * scale || value->i >= (LAST_DAY + 1) * scale)
        return RNL_FACT_BEYOND_RANGE;
    return 0;
}

static uint32_t time_facts(const struct rnl_value *value)
{
    uint32_t facts = value->i < 0 || value->i >= DAY_US ? RNL_FACT_TIME_BEYOND_DAY : 0;

    if (value->i < -LAST_CLOCK_US || value->i > LAST_CLOCK_US)
        facts |= RNL_FACT_BEYOND_RANGE;
    return facts;
}

static uint32_t text_facts(const struct rnl_value *value, uint32_t wanted)
{
    uint32_t facts = 0;

    if (wanted & RNL_FACT_EMPTY_LABEL && value->len == 0)
        facts |= RNL_FACT_EMPTY_LABEL;
    if (value->len == 0)
        return facts;
    if (wanted & RNL_FACT_NUL && memchr(value->ptr, 0, value->len))
        facts |= RNL_FACT_NUL;
    if (wanted & RNL_FACT_NOT_UTF8 && !utf8_is_valid(value->ptr, value->len))
        facts |= RNL_FACT_NOT_UTF8;
    return facts;
}

static uint32_t decimal_facts(const struct rnl_value *value)
{
    const char *text = value->ptr; /* NaN, Infinity, -Infinity: letters stand in no number */

    return value->len >= 3 && (text[value->len - 1] == 'N' || text[value->len - 1] == 'y')
               ? RNL_FACT_NOT_FINITE
               : 0;
}

static uint32_t json_facts(const struct rnl_value *value, struct json_canon *json)
{
    struct digest digest;
    uint32_t facts;

    if (!json_canon(json, value->ptr, value->len, &digest, &facts))
        facts |= RNL_FACT_JSON_INVALID;
    return facts;
}

uint32_t value_facts(const struct rnl_column *column, const struct rnl_value *value,
                     uint32_t wanted, struct json_canon *json)
{
    uint32_t facts = 0;

    switch (value->type) {
    case RNL_T_INT:
        facts = value->i != 0 && value->i != 1 ? RNL_FACT_NOT_BOOL : 0;
        break;
    case RNL_T_UINT:
        facts = value->u > INT64_MAX ? RNL_FACT_ABOVE_INT64 : 0;
        break;
    case RNL_T_FLOAT:
    case RNL_T_DOUBLE:
        facts = isfinite(value->d) ? 0 : RNL_FACT_NOT_FINITE;
        break;
    case RNL_T_DECIMAL:
        facts = decimal_facts(value);
        break;
    case RNL_T_DATE:
    case RNL_T_TIMESTAMP:
    case RNL_T_TIMESTAMPTZ:
        facts = date_facts(value);
        break;
    case RNL_T_TIME:
        facts = time_facts(value);
        break;
    case RNL_T_TEXT:
    case RNL_T_NATIVE:
        facts = column->type == RNL_T_JSON ? 0 : text_facts(value, wanted);
        break;
    case RNL_T_JSON:
        facts = json_facts(value, json);
        break;
    default:
        break;
    }
    return facts & wanted;
}

static uint16_t narrow(size_t count)
{
    return count > UINT16_MAX ? UINT16_MAX : (uint16_t)count;
}

/* Digits before the point without zeros in front, and all that are behind it. */
static void measure_digits(struct measure *measure, const struct rnl_value *value)
{
    const char *p = value->ptr, *end = p + value->len, *point;
    size_t before, behind = 0;

    if (decimal_facts(value))
        return;
    while (p < end && (*p == '-' || *p == '+' || *p == '0'))
        p++;
    point = memchr(p, '.', (size_t)(end - p));
    before = (size_t)((point ? point : end) - p);
    if (point)
        behind = (size_t)(end - point - 1);
    if (before > measure->digits)
        measure->digits = narrow(before);
    if (behind > measure->scale)
        measure->scale = narrow(behind);
}

static uint32_t character_count(const struct rnl_value *value)
{
    const uint8_t *p = value->ptr;
    uint32_t count = 0;

    for (uint32_t i = 0; i < value->len; i++)
        count += (p[i] & 0xc0) != 0x80;
    return count;
}

void measure_value(struct measure *measure, const struct rnl_value *value, uint32_t wanted)
{
    uint32_t length;

    if (value->type == RNL_T_NULL || value->type == RNL_T_UNCHANGED || value->len == 0)
        return;
    if (wanted & RNL_FACT_DIGITS && value->type == RNL_T_DECIMAL)
        measure_digits(measure, value);
    if (!(wanted & RNL_FACT_LENGTH) || value->len <= measure->length)
        return; /* no more bytes: no more characters */
    length = value->type == RNL_T_TEXT ? character_count(value) : value->len;
    if (length > measure->length)
        measure->length = length;
}

void measure_add(struct measure *sum, const struct measure *part)
{
    if (part->length > sum->length)
        sum->length = part->length;
    if (part->digits > sum->digits)
        sum->digits = part->digits;
    if (part->scale > sum->scale)
        sum->scale = part->scale;
}
