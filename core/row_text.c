/* Values and rows as a person reads them: for keys in reports and examples in findings. */
#include "row_text.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define DAY_US INT64_C(86400000000)

/* Text under way in a buffer; what doesn't fit is marked at the end. */
struct out {
    char *buf;
    size_t size, len;
    bool full;
};

static void out_end(struct out *out)
{
    static const char more[] = "\xe2\x80\xa6"; /* … */
    size_t len = out->len;

    if (out->full && out->size > sizeof(more)) {
        if (len > out->size - sizeof(more))
            len = out->size - sizeof(more);
        while (len && ((unsigned char)out->buf[len] & 0xc0) == 0x80)
            len--; /* not inside a character */
        memcpy(out->buf + len, more, sizeof(more) - 1);
        len += sizeof(more) - 1;
    }
    out->buf[len] = '\0';
}

static void out_bytes(struct out *out, const char *bytes, size_t len)
{
    size_t room = out->size - 1 - out->len;

    if (out->full)
        return;
    if (len > room) {
        len = room;
        out->full = true;
    }
    memcpy(out->buf + out->len, bytes, len);
    out->len += len;
}

static void out_word(struct out *out, const char *word)
{
    out_bytes(out, word, strlen(word));
}

static void out_text(struct out *out, const uint8_t *text, size_t len)
{
    char escaped[8];

    for (size_t i = 0; i < len && !out->full; i++) {
        if (text[i] >= 0x20 && text[i] != 0x7f) {
            out_bytes(out, (const char *)&text[i], 1);
            continue;
        }
        snprintf(escaped, sizeof(escaped), "\\x%02x", (unsigned)text[i]);
        out_word(out, escaped);
    }
}

static void out_hex(struct out *out, const uint8_t *bytes, size_t len)
{
    char pair[3];

    out_word(out, "0x");
    for (size_t i = 0; i < len && !out->full; i++) {
        snprintf(pair, sizeof(pair), "%02x", (unsigned)bytes[i]);
        out_word(out, pair);
    }
}

/* Days since 1970-01-01 as a date of the Gregorian calendar, for years far on both sides. */
static void out_date(struct out *out, int64_t days)
{
    int64_t z = days + 719468; /* since 0000-03-01 */
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t day_of_era = z - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153;
    int64_t year = year_of_era + era * 400 + (month >= 10);
    char text[64];

    snprintf(text, sizeof(text), "%04" PRId64 "-%02" PRId64 "-%02" PRId64, year,
             month < 10 ? month + 3 : month - 9, day_of_year - (153 * month + 2) / 5 + 1);
    out_word(out, text);
}

/* Microseconds as hours:minutes:seconds, with a fraction if there is one. */
static void out_time(struct out *out, uint64_t us)
{
    char text[64];
    uint64_t seconds = us / 1000000;

    snprintf(text, sizeof(text), "%02" PRIu64 ":%02" PRIu64 ":%02" PRIu64, seconds / 3600,
             seconds / 60 % 60, seconds % 60);
    out_word(out, text);
    if (us % 1000000) {
        snprintf(text, sizeof(text), ".%06" PRIu64, us % 1000000);
        out_word(out, text);
    }
}

static void out_temporal(struct out *out, const struct rnl_value *value)
{
    char text[32];
    int64_t days, rest;

    if (value->flags & RNL_V_ZERO_DATE) {
        snprintf(text, sizeof(text), "%04u-%02u-%02u", (unsigned)(value->i / 10000 % 10000),
                 (unsigned)(value->i / 100 % 100), (unsigned)(value->i % 100));
        out_word(out, text);
        return;
    }
    if (value->i == INT64_MIN || value->i == INT64_MAX) {
        out_word(out, value->i < 0 ? "-infinity" : "infinity");
        return;
    }
    if (value->type == RNL_T_DATE) {
        if (value->i > -4000000000 && value->i < 4000000000)
            out_date(out, value->i);
        else
            out_word(out, "a date out of range");
        return;
    }
    days = value->i / DAY_US;
    rest = value->i % DAY_US;
    if (rest < 0) {
        rest += DAY_US;
        days--;
    }
    out_date(out, days);
    out_word(out, " ");
    out_time(out, (uint64_t)rest);
    if (value->type == RNL_T_TIMESTAMPTZ)
        out_word(out, "Z");
}

static void out_number(struct out *out, const struct rnl_value *value)
{
    char text[64];

    if (value->type == RNL_T_UINT)
        snprintf(text, sizeof(text), "%" PRIu64, value->u);
    else if (value->type == RNL_T_FLOAT)
        snprintf(text, sizeof(text), "%.9g", value->d);
    else if (value->type == RNL_T_DOUBLE)
        snprintf(text, sizeof(text), "%.17g", value->d);
    else
        snprintf(text, sizeof(text), "%" PRId64, value->i);
    out_word(out, text);
}

static void out_uuid(struct out *out, const uint8_t *uuid)
{
    for (int i = 0; i < 16; i++) {
        char pair[4];

        snprintf(pair, sizeof(pair), "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
                 (unsigned)uuid[i]);
        out_word(out, pair);
    }
}

static void out_value(struct out *out, const struct rnl_value *value)
{
    switch (value->type) {
    case RNL_T_NULL:
        out_word(out, "NULL");
        break;
    case RNL_T_UNCHANGED:
        out_word(out, "(unchanged)");
        break;
    case RNL_T_BOOL:
    case RNL_T_INT:
    case RNL_T_UINT:
    case RNL_T_FLOAT:
    case RNL_T_DOUBLE:
        out_number(out, value);
        break;
    case RNL_T_DATE:
    case RNL_T_TIMESTAMP:
    case RNL_T_TIMESTAMPTZ:
        out_temporal(out, value);
        break;
    case RNL_T_TIME:
        if (value->i < 0)
            out_word(out, "-");
        out_time(out, value->i < 0 ? 0 - (uint64_t)value->i : (uint64_t)value->i);
        break;
    case RNL_T_UUID:
        if (value->len == 16)
            out_uuid(out, value->ptr);
        else
            out_hex(out, value->ptr, value->len);
        break;
    case RNL_T_BYTES:
    case RNL_T_GEOMETRY:
    case RNL_T_VECTOR:
        out_hex(out, value->ptr, value->len);
        break;
    default:
        out_text(out, value->ptr, value->len);
    }
}

const char *value_text(const struct rnl_value *value, char *buf, size_t size)
{
    struct out out = {.buf = buf, .size = size};

    out_value(&out, value);
    out_end(&out);
    return buf;
}

const char *key_text(const struct rnl_table *table, const struct rnl_value *values,
                     const uint32_t *columns, uint32_t ncolumns, char *buf, size_t size)
{
    struct out out = {.buf = buf, .size = size};

    for (uint32_t i = 0; i < ncolumns; i++) {
        if (i)
            out_word(&out, ", ");
        out_text(&out, (const uint8_t *)table->columns[columns[i]].name,
                 strlen(table->columns[columns[i]].name));
        out_word(&out, "=");
        out_value(&out, &values[columns[i]]);
    }
    out_end(&out);
    return buf;
}

/* Whether an index names each row: whole columns, no NULLs, all rows. */
static bool index_names_rows(const struct rnl_table *table, const struct rnl_index *index)
{
    if (!(index->flags & (RNL_INDEX_UNIQUE | RNL_INDEX_PRIMARY)) || index->nparts == 0 ||
        (index->where && *index->where))
        return false;
    for (uint32_t i = 0; i < index->nparts; i++) {
        const struct rnl_index_part *part = &index->parts[i];

        if (part->expression || part->column >= table->ncolumns)
            return false;
        if (index->flags & RNL_INDEX_PRIMARY)
            continue;
        if (table->columns[part->column].flags & RNL_COLUMN_NULLABLE)
            return false;
    }
    return true;
}

bool table_is_keyed(const struct rnl_table *table)
{
    for (uint32_t i = 0; i < table->nindexes; i++)
        if (index_names_rows(table, &table->indexes[i]))
            return true;
    return false;
}

uint32_t table_key(const struct rnl_table *table, uint32_t *columns)
{
    const struct rnl_index *found = NULL;

    for (uint32_t i = 0; i < table->nindexes; i++) {
        const struct rnl_index *index = &table->indexes[i];

        if (!index_names_rows(table, index))
            continue;
        if (index->flags & RNL_INDEX_PRIMARY) {
            found = index;
            break;
        }
        if (!found)
            found = index;
    }
    for (uint32_t i = 0; found && i < found->nparts; i++)
        columns[i] = found->parts[i].column;
    return found ? found->nparts : 0;
}
