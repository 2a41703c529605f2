/* The values of one column of a key as something that can be halved. */
#include "axis.h"
#include "daytext.h"

#include <inttypes.h>

#define TOP_BIT (UINT64_C(1) << 63)
#define STEM_MAX 32

/* How MariaDB sorts a UUID: its node first, the time's lowest part last. */
static const unsigned char uuid_order[16] = {10, 11, 12, 13, 14, 15, 8, 9, 6, 7, 4, 5, 0, 1, 2, 3};

static enum axis_kind kind_of(const struct rnl_column *column)
{
    switch (column->type) {
    case RNL_T_INT:
    case RNL_T_UINT:
    case RNL_T_DECIMAL:
    case RNL_T_DATE:
    case RNL_T_TIMESTAMP:
    case RNL_T_TIMESTAMPTZ:
        return AXIS_NUMBER;
    case RNL_T_TEXT:
        return AXIS_TEXTS;
    case RNL_T_BYTES:
        return AXIS_BYTES;
    case RNL_T_UUID:
        return AXIS_UUID;
    default:
        return AXIS_NONE;
    }
}

/* The signs that texts are mostly made of, in the order of the column's collation. */
static int signs_read(struct source *source, struct axis *axis, struct rnl_error *err)
{
    static const char candidates[] =
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_.:/@#+";
    struct rnl_value value = {.type = RNL_T_TEXT, .len = 1};
    struct text sql = {0};
    MYSQL_RES *result;
    MYSQL_ROW row;
    int status = 0;

    text_add(&sql, "SELECT ORD(CONVERT(MIN(c) USING utf8mb4)) FROM (");
    for (const char *c = candidates; *c && !status; c++) {
        text_add(&sql, c == candidates ? "SELECT " : " UNION ALL SELECT ");
        value.ptr = c;
        status = literal_add(&sql, axis->column, &value);
        text_add(&sql, c == candidates ? " AS c" : "");
    }
    text_add(&sql, ") AS signs GROUP BY c ORDER BY c");
    if (status)
        axis->kind = AXIS_NONE;
    status = status       ? RNL_DONE
             : sql.failed ? error_memory(err)
                          : conn_query(source->control, sql.ptr, &result, err);
    text_free(&sql);
    if (status)
        return status == RNL_DONE ? RNL_OK : status;
    while ((row = mysql_fetch_row(result)))
        if (row[0] && axis->nsigns < sizeof(axis->signs))
            axis->signs[axis->nsigns++] = (unsigned char)strtoul(row[0], NULL, 10);
    return conn_finish(source->control, result, "reading the order of signs", err);
}

int axis_open(struct source *source, const struct rnl_column *column, struct axis *axis,
              struct rnl_error *err)
{
    *axis = (struct axis){.column = column, .kind = kind_of(column)};
    if (axis->kind == AXIS_TEXTS)
        return signs_read(source, axis, err);
    for (unsigned i = 0; axis->kind > AXIS_TEXTS && i < 256; i++)
        axis->signs[axis->nsigns++] = (unsigned char)i;
    return RNL_OK;
}

void axis_select(const struct axis *axis, const char *function, struct text *sql)
{
    text_add(sql, axis->kind == AXIS_TEXTS ? "CONVERT(" : "");
    text_printf(sql, "%s(", function);
    text_name(sql, axis->column->name);
    text_add(sql, axis->kind == AXIS_TEXTS ? ") USING utf8mb4)" : ")");
}

static bool is_signed(const struct axis *axis)
{
    return axis->column->type != RNL_T_UINT;
}

/* Whatever is off about a value, the ranges at the ends are open. */
static uint64_t number_of(const struct axis *axis, const char *text, size_t len)
{
    struct rnl_value value = {0};

    switch (axis->column->type) {
    case RNL_T_UINT:
        return strtoull(text, NULL, 10);
    case RNL_T_DATE:
    case RNL_T_TIMESTAMP:
    case RNL_T_TIMESTAMPTZ:
        if (!day_parse(axis->column->type, text, len, &value) || (value.flags & RNL_V_ZERO_DATE))
            value.i = date_days(0, 1, 1) * (axis->column->type == RNL_T_DATE ? 1 : DAY_US);
        return value.u ^ TOP_BIT;
    default:
        return (uint64_t)strtoll(text, NULL, 10) ^ TOP_BIT;
    }
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Of a UUID the bytes in the order of its sorting. */
static size_t key_bytes(const struct axis *axis, const char *text, size_t len, unsigned char *out)
{
    unsigned char plain[16] = {0};
    size_t count = 0;

    if (axis->kind != AXIS_UUID) {
        len = len > AXIS_TEXT ? AXIS_TEXT : len;
        memcpy(out, text, len);
        return len;
    }
    for (size_t i = 0; i + 1 < len && count < 16; i++)
        if (hex_digit(text[i]) >= 0 && hex_digit(text[i + 1]) >= 0) {
            plain[count++] = (unsigned char)(hex_digit(text[i]) << 4 | hex_digit(text[i + 1]));
            i++;
        }
    for (size_t i = 0; i < 16; i++)
        out[i] = plain[uuid_order[i]];
    return count;
}

static bool is_inside(unsigned char c)
{
    return (c & 0xC0) == 0x80;
}

bool axis_bound(const struct axis *axis, struct rnl_slice low, struct bound *bound)
{
    *bound = (struct bound){0};
    if (axis->kind == AXIS_NUMBER)
        bound->number = number_of(axis, low.ptr, low.len);
    else if (low.len <= AXIS_TEXT)
        bound->len = (unsigned char)key_bytes(axis, low.ptr, low.len, bound->text);
    else
        return false;
    return true;
}

bool axis_range(const struct axis *axis, struct rnl_slice low, struct rnl_slice high,
                struct range *range)
{
    unsigned char first[AXIS_TEXT], last[AXIS_TEXT];
    size_t a, b, len = 0;

    *range = (struct range){.from.open = true, .to.open = true};
    if (axis->kind == AXIS_NUMBER) {
        range->from.number = number_of(axis, low.ptr, low.len);
        range->to.number = number_of(axis, high.ptr, high.len);
        if (range->to.number != UINT64_MAX)
            range->to.number++;
        return range->from.number < range->to.number;
    }
    a = key_bytes(axis, low.ptr, low.len, first);
    b = key_bytes(axis, high.ptr, high.len, last);
    while (len < STEM_MAX && len < a && len < b && first[len] == last[len])
        len++;
    /* whole characters */
    while (axis->kind == AXIS_TEXTS && len > 0 && len < a && is_inside(first[len]))
        len--;
    memcpy(range->stem, first, len);
    range->stem_len = (unsigned)len;
    range->hi = axis->nsigns;
    return axis->nsigns > 1;
}

bool axis_halve(const struct axis *axis, const struct range *range, struct range *left,
                struct range *right)
{
    struct bound middle = {0};
    struct range whole = *range;

    if (axis->kind == AXIS_NUMBER) {
        if (range->to.number - range->from.number < 2)
            return false;
        middle.number = range->from.number + (range->to.number - range->from.number) / 2;
    } else {
        if (whole.hi - whole.lo < 2) { /* one sign: what stands behind it */
            if (whole.stem_len >= STEM_MAX || (axis->kind == AXIS_UUID && whole.stem_len >= 15))
                return false;
            whole.stem[whole.stem_len++] = axis->signs[whole.lo];
            whole.lo = 0;
            whole.hi = axis->nsigns;
        }
        memcpy(middle.text, whole.stem, whole.stem_len);
        middle.text[whole.stem_len] = axis->signs[(whole.lo + whole.hi) / 2];
        middle.len = (unsigned char)(whole.stem_len + 1);
    }
    *left = *right = whole;
    left->to = right->from = middle;
    left->hi = right->lo = (whole.lo + whole.hi) / 2;
    return true;
}

void axis_value(const struct axis *axis, const struct bound *bound, char buf[AXIS_TEXT],
                struct rnl_value *value)
{
    *value = (struct rnl_value){.type = axis->column->type, .ptr = buf};
    switch (axis->kind) {
    case AXIS_NUMBER:
        value->u = bound->number ^ (is_signed(axis) ? TOP_BIT : 0);
        if (axis->column->type == RNL_T_DECIMAL) {
            value->len = (uint32_t)snprintf(buf, AXIS_TEXT, "%" PRId64, value->i);
            value->ptr = buf;
        }
        break;
    case AXIS_UUID:
        memset(buf, 0, 16);
        for (size_t i = 0; i < bound->len; i++)
            buf[uuid_order[i]] = (char)bound->text[i];
        value->len = 16;
        break;
    default:
        memcpy(buf, bound->text, bound->len);
        value->len = bound->len;
    }
}
