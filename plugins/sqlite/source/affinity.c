/*
 * Decides the types of columns by their values: a declared type is a hope in SQLite
 * (https://www.sqlite.org/datatype3.html), what a column holds decides.
 */
#include "source.h"

#include "daytext.h"

#include <ctype.h>
#include <math.h>
#include <strings.h>

/* What a column's values were seen to be. */
struct seen {
    int64_t ints, reals, texts, blobs, nulls;
    int64_t lowest, highest; /* of the integers */
    bool wide;               /* an integer that a double can't hold */
    bool infinite;           /* a real that no decimal is */
    uint32_t length;         /* most characters of a text, bytes of a blob */
    uint32_t before, behind; /* digits of the point, of integers and reals as decimals */
    bool not_date, not_stamp, not_time, not_uuid; /* a text that isn't one */
    bool loose; /* dates that would be spelled otherwise when printed again */
    int digits; /* of seconds' fractions; -1: none seen yet, -2: several */
};

struct watch {
    struct draft *draft;
    struct seen *seen;
    struct buf scratch;
};

static uint32_t characters(const char *text, size_t len)
{
    uint32_t count = 0;

    for (size_t i = 0; i < len; i++)
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
    return count;
}

static int fraction_digits(const char *text, size_t len)
{
    const char *point = memchr(text, '.', len);

    return point ? (int)(text + len - point - 1) : 0;
}

/* Whether the text is of the type, and reads the same when printed with its own digits. */
static bool is_day(uint16_t type, const char *text, size_t len, struct seen *seen)
{
    struct rnl_value value = {.type = type};
    char again[CALENDAR_TEXT];
    int digits = type == RNL_T_DATE ? 0 : fraction_digits(text, len);
    size_t length;

    if (len > 40 || !day_parse(type, text, len, &value) || value.flags & RNL_V_ZERO_DATE)
        return false;
    length = day_print(DAY_ISO, &value, digits > 6 ? 6 : digits, again);
    if (length != len || memcmp(again, text, len) != 0)
        seen->loose = true;
    if (type != RNL_T_DATE)
        seen->digits = seen->digits == -1 || seen->digits == digits ? digits : -2;
    return true;
}

static bool is_uuid(const char *text, size_t len)
{
    if (len != 36)
        return false;
    for (size_t i = 0; i < len; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (dash ? text[i] != '-'
                 : !isdigit((unsigned char)text[i]) && (text[i] < 'a' || text[i] > 'f'))
            return false;
    }
    return true;
}

static void see_text(struct seen *seen, const char *text, size_t len)
{
    uint32_t count = characters(text, len);

    seen->texts++;
    if (count > seen->length)
        seen->length = count;
    /* Kinds are ruled out for good: most texts are none after the first row. */
    if (!seen->not_date && !is_day(RNL_T_DATE, text, len, seen))
        seen->not_date = true;
    if (!seen->not_stamp && (len < 12 || !is_day(RNL_T_TIMESTAMP, text, len, seen)))
        seen->not_stamp = true;
    if (!seen->not_time && !is_day(RNL_T_TIME, text, len, seen))
        seen->not_time = true;
    if (!seen->not_uuid && !is_uuid(text, len))
        seen->not_uuid = true;
}

static void see_digits(struct seen *seen, const char *text, size_t len)
{
    const char *point = memchr(text, '.', len);
    size_t sign = len && *text == '-', whole = point ? (size_t)(point - text) : len;
    uint32_t before = (uint32_t)(whole - sign), behind = point ? (uint32_t)(len - whole - 1) : 0;

    if (before > seen->before)
        seen->before = before;
    if (behind > seen->behind)
        seen->behind = behind;
}

static void see_int(struct seen *seen, int64_t value)
{
    char text[24];
    int len = snprintf(text, sizeof(text), "%lld", (long long)value);

    if (seen->ints++ == 0 || value < seen->lowest)
        seen->lowest = value;
    if (seen->ints == 1 || value > seen->highest)
        seen->highest = value;
    if (value > INT64_C(1) << 53 || value < -(INT64_C(1) << 53))
        seen->wide = true;
    see_digits(seen, text, (size_t)len);
}

static void see_real(struct watch *watch, struct seen *seen, double value)
{
    seen->reals++;
    buf_clear(&watch->scratch);
    if (!isfinite(value) || !decimal_print(&watch->scratch, value))
        seen->infinite = true;
    else
        see_digits(seen, watch->scratch.ptr, watch->scratch.len);
}

static void see_value(struct watch *watch, sqlite3_stmt *stmt, int at)
{
    struct draft *draft = watch->draft;
    struct seen *seen = &watch->seen[at];

    switch (sqlite3_column_type(stmt, at)) {
    case SQLITE_INTEGER:
        see_int(seen, sqlite3_column_int64(stmt, at));
        draft->bytes += 8;
        break;
    case SQLITE_FLOAT:
        see_real(watch, seen, sqlite3_column_double(stmt, at));
        draft->bytes += 8;
        break;
    case SQLITE_TEXT: {
        const char *text = sq_text(stmt, at);
        int len = sqlite3_column_bytes(stmt, at);

        see_text(seen, text, (size_t)len);
        draft->bytes += len;
        break;
    }
    case SQLITE_BLOB: {
        int len = sqlite3_column_bytes(stmt, at);

        seen->blobs++;
        if ((uint32_t)len > seen->length)
            seen->length = (uint32_t)len;
        draft->bytes += len;
        break;
    }
    default:
        seen->nulls++;
        draft->bytes += 1;
    }
}

static int read_all(struct watch *watch, struct rnl_error *err)
{
    struct draft *draft = watch->draft;
    struct buf sql = {0};
    sqlite3_stmt *stmt = NULL;
    int status;

    buf_puts(&sql, "SELECT ");
    for (uint32_t i = 0; i < draft->ncolumns; i++) {
        buf_puts(&sql, i ? ", " : "");
        buf_name(&sql, draft->columns[i].name);
    }
    buf_puts(&sql, " FROM ");
    buf_puts(&sql, draft->from);
    status = buf_text(&sql)
                 ? sq_prepare(draft->source->control, sql.ptr, "read the table", &stmt, err)
                 : error_memory(err);
    buf_free(&sql);
    if (status != RNL_OK)
        return status;
    while ((status = sq_step(stmt, draft->table.name, err)) == RNL_OK) {
        for (uint32_t i = 0; i < draft->ncolumns; i++)
            see_value(watch, stmt, (int)i);
        draft->rows++;
    }
    sqlite3_finalize(stmt);
    return status < 0 ? status : RNL_OK;
}

/* The first number in "VARCHAR(64)", and the second in "DECIMAL(10,2)". */
static void arguments(const char *native, uint32_t *first, uint32_t *second)
{
    const char *at = strchr(native, '(');
    char *end;
    unsigned long number;

    *first = *second = 0;
    if (!at)
        return;
    number = strtoul(at + 1, &end, 10);
    *first = number < UINT16_MAX * 1000ul ? (uint32_t)number : 0;
    if (*end == ',') {
        number = strtoul(end + 1, NULL, 10);
        *second = number < UINT16_MAX ? (uint32_t)number : 0;
    }
}

static bool has_word(const char *native, const char *word)
{
    return strcasestr(native, word) != NULL;
}

static void as_type(struct rnl_column *column, uint16_t type, uint16_t width)
{
    column->type = type;
    column->width = width;
}

/* As many bytes as the declared name promises, if all values fit. */
static void as_int(struct rnl_column *column, const struct seen *seen)
{
    const char *native = column->native;
    int64_t low = seen->ints ? seen->lowest : 0, high = seen->ints ? seen->highest : 0;
    bool small = has_word(native, "SMALLINT") || has_word(native, "INT2");

    if (has_word(native, "TINYINT") && low >= INT8_MIN && high <= INT8_MAX)
        as_type(column, RNL_T_INT, 1);
    else if ((small || has_word(native, "TINYINT")) && low >= INT16_MIN && high <= INT16_MAX)
        as_type(column, RNL_T_INT, 2);
    else if (has_word(native, "MEDIUMINT") && low >= INT32_MIN && high <= INT32_MAX)
        as_type(column, RNL_T_INT, 4);
    else
        as_type(column, RNL_T_INT, 8);
}

static void as_decimal(struct rnl_column *column, const struct seen *seen, uint32_t precision,
                       uint32_t scale)
{
    as_type(column, RNL_T_DECIMAL, 0);
    if (precision && precision <= 1000 && scale <= precision && seen->before <= precision - scale &&
        seen->behind <= scale) {
        column->precision = (uint16_t)precision;
        column->scale = (uint16_t)scale;
    }
}

static void as_text(struct rnl_column *column, const struct seen *seen)
{
    uint32_t length, unused;

    as_type(column, RNL_T_TEXT, 0);
    arguments(column->native, &length, &unused);
    if (length && seen->length <= length)
        column->length = length;
}

/* Numbers alone: integers, reals, or both. */
static void as_number(struct rnl_column *column, const struct seen *seen)
{
    uint32_t precision, scale;
    bool exact = has_word(column->native, "DEC") || has_word(column->native, "NUMERIC") ||
                 has_word(column->native, "MONEY");
    bool real = has_word(column->native, "REAL") || has_word(column->native, "FLOA") ||
                has_word(column->native, "DOUB");

    arguments(column->native, &precision, &scale);
    if (exact && precision && !seen->infinite)
        as_decimal(column, seen, precision, scale);
    else if (!seen->reals && !real)
        as_int(column, seen);
    else if (!seen->wide || seen->infinite)
        as_type(column, RNL_T_DOUBLE, 0);
    else
        as_decimal(column, seen, 0, 0);
}

/* Texts alone, in a column declared as a day. false: none of these types holds them all. */
static bool as_day(const struct draft *draft, struct rnl_column *column, const struct seen *seen)
{
    int32_t policy = draft->source->config->dates;
    bool stamp = has_word(column->native, "DATETIME") || has_word(column->native, "TIMESTAMP");
    bool is = stamp ? !seen->not_stamp
              : has_word(column->native, "DATE")
                  ? !seen->not_date
                  : has_word(column->native, "TIME") && !seen->not_time;

    if (policy == DATES_TEXT || !is || seen->digits > 6)
        return false;
    if (policy == DATES_AUTO && (seen->loose || seen->digits == -2))
        return false;
    as_type(column,
            stamp                              ? RNL_T_TIMESTAMP
            : has_word(column->native, "DATE") ? RNL_T_DATE
                                               : RNL_T_TIME,
            0);
    column->scale = seen->digits >= 0 ? (uint16_t)seen->digits : 6;
    return true;
}

static bool declared_day(const struct rnl_column *column)
{
    return has_word(column->native, "DATE") || has_word(column->native, "TIME");
}

/* A column without a single value: what it is called must do. */
static void by_name(const struct draft *draft, struct rnl_column *column)
{
    struct seen none = {.digits = -1};
    const char *native = column->native;

    if (declared_day(column) && as_day(draft, column, &none))
        return;
    if (has_word(native, "BOOL") && draft->source->config->booleans == BOOLEANS_AUTO)
        as_type(column, RNL_T_BOOL, 0);
    else if (strcasecmp(native, "UUID") == 0)
        as_type(column, RNL_T_UUID, 0);
    else if (has_word(native, "BLOB") || has_word(native, "BINARY"))
        as_type(column, RNL_T_BYTES, 0);
    else if (has_word(native, "CHAR") || has_word(native, "CLOB") || has_word(native, "TEXT") ||
             has_word(native, "JSON") || !*native || strcasecmp(native, "ANY") == 0 ||
             declared_day(column))
        as_text(column, &none);
    else if (has_word(native, "INT") || has_word(native, "BOOL"))
        as_int(column, &none);
    else
        as_number(column, &none);
}

static void tell_mixed(const struct draft *draft, const struct rnl_column *column,
                       const struct seen *seen)
{
    char text[240];
    struct rnl_finding finding = {
        .size = sizeof(finding),
        .severity = RNL_NOTE,
        .code = "type.mixed",
        .schema = "main",
        .table = draft->table.name,
        .object = column->name,
        .text = text,
        .count = seen->ints + seen->reals + seen->texts + seen->blobs,
    };

    snprintf(text, sizeof(text),
             "holds values of several kinds (%lld integers, %lld reals, %lld texts, %lld blobs): "
             "carried as SQL literals, so that each keeps its kind",
             (long long)seen->ints, (long long)seen->reals, (long long)seen->texts,
             (long long)seen->blobs);
    draft->source->base.ctx->host->finding(draft->source->base.ctx, &finding);
}

static void tell_dates(const struct draft *draft, const struct rnl_column *column)
{
    struct rnl_finding finding = {
        .size = sizeof(finding),
        .severity = RNL_NOTE,
        .code = "type.dates_as_text",
        .schema = "main",
        .table = draft->table.name,
        .object = column->name,
        .text = "is declared as a date or time, but its texts aren't dates, or not all spelled "
                "alike: carried as text",
        .policy = "dates=auto",
        .count = -1,
    };

    if (draft->source->config->dates != DATES_TEXT)
        draft->source->base.ctx->host->finding(draft->source->base.ctx, &finding);
}

static void decide(const struct draft *draft, struct rnl_column *column, const struct seen *seen)
{
    int kinds = (seen->ints + seen->reals > 0) + (seen->texts > 0) + (seen->blobs > 0);

    if (kinds == 0)
        by_name(draft, column);
    else if (kinds > 1) {
        as_type(column, RNL_T_NATIVE, 0);
        tell_mixed(draft, column, seen);
    } else if (seen->blobs)
        as_type(column, RNL_T_BYTES, 0);
    else if (seen->texts) {
        if (declared_day(column) && as_day(draft, column, seen))
            return;
        if (declared_day(column))
            tell_dates(draft, column);
        if (strcasecmp(column->native, "UUID") == 0 && !seen->not_uuid)
            as_type(column, RNL_T_UUID, 0);
        else
            as_text(column, seen);
    } else if (has_word(column->native, "BOOL") && !seen->reals && seen->lowest >= 0 &&
               seen->highest <= 1 && draft->source->config->booleans == BOOLEANS_AUTO)
        as_type(column, RNL_T_BOOL, 0);
    else
        as_number(column, seen);
}

/* A key that holds NULL (SQLite allows it) is no key elsewhere. */
static void unkey(struct draft *draft, const struct seen *seen)
{
    bool nulls = false;

    for (uint32_t i = 0; i < draft->ncolumns; i++)
        if (draft->columns[i].flags & RNL_COLUMN_KEY && seen[i].nulls)
            nulls = true;
    for (uint32_t i = 0; i < draft->ncolumns; i++) {
        struct rnl_column *column = &draft->columns[i];

        if (!(column->flags & RNL_COLUMN_KEY))
            continue;
        if (nulls)
            column->flags &= ~(uint32_t)RNL_COLUMN_KEY;
        else
            column->flags &= ~(uint32_t)RNL_COLUMN_NULLABLE;
    }
}

int affinity_decide(struct draft *draft, struct rnl_error *err)
{
    struct watch watch = {.draft = draft};
    int status;

    watch.seen = calloc(draft->ncolumns + 1, sizeof(*watch.seen));
    if (!watch.seen)
        return error_memory(err);
    for (uint32_t i = 0; i < draft->ncolumns; i++)
        watch.seen[i].digits = -1;
    status = read_all(&watch, err);
    for (uint32_t i = 0; status == RNL_OK && i < draft->ncolumns; i++)
        decide(draft, &draft->columns[i], &watch.seen[i]);
    if (status == RNL_OK)
        unkey(draft, watch.seen);
    free(watch.seen);
    buf_free(&watch.scratch);
    return status;
}
