/* Whether a table of the binary log is the one described, and how its columns become values. */
#include "binlog_part.h"

#include <strings.h>

static int altered(const struct log_table *table, struct rnl_error *err, const char *why,
                   const char *column)
{
    rnl_fail(err, RNL_E_CONFIG, "source.table_altered",
             "table %s.%s has other columns in the binary log than when it was described: %s%s%s",
             table->shown.schema, table->shown.name, why, column ? " " : "", column ? column : "");
    rnl_hint(err, "a table that is followed must keep its structure: load again with --restart");
    return err->status;
}

static bool is_text(const struct rnl_column *column)
{
    return column->type == RNL_T_TEXT || column->type == RNL_T_JSON;
}

static bool fits_int(const struct field_op *op, const struct rnl_column *column)
{
    if (op->layout == LAYOUT_YEAR)
        return column->type == RNL_T_INT && column->width == 2;
    return op->layout == LAYOUT_INT && op->size == column->width;
}

static bool fits_string(const struct field_op *op, const struct rnl_column *column, uint8_t type)
{
    uint32_t least = column->length;

    switch (type) {
    case LOG_STRING:
        return column->flags & RNL_COLUMN_FIXED && op->pad >= least;
    case LOG_VARCHAR:
    case LOG_VAR_STRING:
    case LOG_VARCHAR_COMPRESSED:
        return !(column->flags & RNL_COLUMN_FIXED) && (column->length || !op->pad) &&
               op->pad >= least;
    case LOG_BLOB:
    case LOG_BLOB_COMPRESSED:
        return !column->length;
    default:
        return false;
    }
}

static bool fits_text(const struct field_op *op, const struct rnl_column *column, uint8_t type)
{
    if (op->layout == LAYOUT_ENUM)
        return column->flags & RNL_COLUMN_ENUM;
    if (op->layout == LAYOUT_SET)
        return column->flags & RNL_COLUMN_SET && column->nlabels <= 64;
    return !(column->flags & (RNL_COLUMN_ENUM | RNL_COLUMN_SET)) && op->layout == LAYOUT_COUNTED &&
           fits_string(op, column, type);
}

static bool fits(const struct field_op *op, const struct rnl_column *column, uint8_t type)
{
    switch (column->type) {
    case RNL_T_INT:
    case RNL_T_UINT:
        return fits_int(op, column);
    case RNL_T_FLOAT:
        return op->layout == LAYOUT_FLOAT;
    case RNL_T_DOUBLE:
        return op->layout == LAYOUT_DOUBLE;
    case RNL_T_DECIMAL:
        return op->layout == LAYOUT_DECIMAL && op->precision == column->precision &&
               op->scale == column->scale;
    case RNL_T_DATE:
        return op->layout == LAYOUT_DATE;
    case RNL_T_TIME:
        return (op->layout == LAYOUT_TIME && op->scale == column->scale) ||
               op->layout == LAYOUT_OLD_TIME;
    case RNL_T_TIMESTAMP:
        return (op->layout == LAYOUT_DATETIME && op->scale == column->scale) ||
               op->layout == LAYOUT_OLD_DATETIME;
    case RNL_T_TIMESTAMPTZ:
        return (op->layout == LAYOUT_TIMESTAMP && op->scale == column->scale) ||
               op->layout == LAYOUT_OLD_TIMESTAMP;
    case RNL_T_BITS:
        return op->layout == LAYOUT_BIT && op->bits == column->length;
    case RNL_T_TEXT:
        return fits_text(op, column, type);
    case RNL_T_BYTES:
        return op->layout == LAYOUT_COUNTED && fits_string(op, column, type);
    case RNL_T_JSON:
        return op->layout == LAYOUT_COUNTED && type != LOG_GEOMETRY && type != LOG_VECTOR;
    case RNL_T_GEOMETRY:
        return type == LOG_GEOMETRY;
    case RNL_T_UUID:
        return type == LOG_STRING && op->pad == 16;
    case RNL_T_INET:
        return type == LOG_STRING && (op->pad == 16 || op->pad == 4);
    case RNL_T_VECTOR:
        return op->layout == LAYOUT_COUNTED;
    default:
        return false;
    }
}

/* A conversion is opened once for all columns. */
static iconv_t conversion(struct binlog *log, const struct charset *charset)
{
    iconv_t cd;

    for (size_t i = 0; i < CHARSETS_OPEN; i++) {
        if (log->open[i].charset == charset)
            return log->open[i].cd;
        if (log->open[i].charset)
            continue;
        cd = iconv_open("UTF-8", charset->iconv_name);
        if (cd == (iconv_t)-1) /* NOLINT(performance-no-int-to-ptr): POSIX says so */
            return cd;
        log->open[i].charset = charset;
        log->open[i].cd = cd;
        return cd;
    }
    return (iconv_t)-1; /* NOLINT(performance-no-int-to-ptr) */
}

static int charset_fit(struct log_table *table, struct field_op *op, struct rnl_error *err)
{
    const struct rnl_column *column = op->described;
    const char *name = column->charset && *column->charset ? column->charset : "utf8mb4";
    const struct charset *charset = charset_find(name);

    if (charset && charset->way == CHARSET_ICONV) {
        op->cd = conversion(table->log, charset);
        if (op->cd == (iconv_t)-1) /* NOLINT(performance-no-int-to-ptr) */
            charset = NULL;
    }
    if (!charset) {
        rnl_fail(err, RNL_E_CONFIG, "source.charset_unknown",
                 "column %s of %s.%s can't be followed: text in the character set %s can't be "
                 "read here",
                 column->name, table->shown.schema, table->shown.name, name);
        rnl_hint(err, "convert the column to utf8mb4, or leave the table out%s",
                 charset_find(name) ? "; or install the conversions of the C library "
                                      "(libc-gconv-modules-extra)"
                                    : "");
        return err->status;
    }
    op->charset = charset;
    if (charset->way != CHARSET_BYTES)
        op->make = MAKE_TEXT;
    return RNL_OK;
}

/* How MariaDB kept fractions before MySQL's form: the map doesn't tell how many digits. */
static void old_finish(struct field_op *op, unsigned scale)
{
    static const uint8_t times[] = {3, 4, 4, 5, 5, 5, 6}, datetimes[] = {5, 6, 6, 7, 7, 7, 8},
                         fractions[] = {0, 1, 1, 2, 2, 3, 3};

    if (!scale || scale > 6)
        return;
    op->scale = (uint8_t)scale;
    if (op->layout == LAYOUT_OLD_TIME) {
        op->layout = LAYOUT_SCALED_TIME;
        op->size = times[scale];
    } else if (op->layout == LAYOUT_OLD_DATETIME) {
        op->layout = LAYOUT_SCALED_DATETIME;
        op->size = datetimes[scale];
    } else if (op->layout == LAYOUT_OLD_TIMESTAMP) {
        op->layout = LAYOUT_SCALED_TIMESTAMP;
        op->size = (uint8_t)(4 + fractions[scale]);
    }
}

static int op_finish(struct log_table *table, struct field_op *op, struct rnl_error *err)
{
    const struct rnl_column *column = op->described;

    op->type = column->type;
    op->is_signed = column->type == RNL_T_INT;
    old_finish(op, column->scale);
    if (op->layout != LAYOUT_COUNTED)
        return RNL_OK;
    if (op->json)
        op->make = MAKE_JSON;
    else if (is_text(column))
        return charset_fit(table, op, err);
    else if (column->type == RNL_T_BYTES && column->flags & RNL_COLUMN_FIXED)
        op->make = MAKE_PADDED;
    else if (column->type == RNL_T_UUID)
        op->make = MAKE_UUID;
    else if (column->type == RNL_T_INET)
        op->make = op->pad == 4 ? MAKE_INET4 : MAKE_INET6;
    return RNL_OK;
}

/* A field of the optional metadata; false: it isn't told. */
static bool optional_find(const struct log_table *table, uint8_t wanted, struct span *found)
{
    struct span in = table->optional;
    uint64_t len;

    while (span_left(&in)) {
        uint8_t field = *in.at++;
        const uint8_t *at;

        if (!span_packed(&in, &len) || !(at = span_take(&in, len)))
            return false;
        if (field == wanted) {
            *found = (struct span){at, at + len};
            return true;
        }
    }
    return false;
}

static bool is_numeric(uint8_t type)
{
    return type == LOG_TINY || type == LOG_SHORT || type == LOG_INT24 || type == LOG_LONG ||
           type == LOG_LONGLONG || type == LOG_NEWDECIMAL || type == LOG_FLOAT ||
           type == LOG_DOUBLE || type == LOG_YEAR;
}

/* One bit for each number, from the highest of each byte on: 1 is unsigned. */
static int signs_check(struct log_table *table, struct rnl_error *err)
{
    struct span signs;
    size_t at = 0;

    if (!optional_find(table, 1, &signs))
        return RNL_OK;
    for (uint32_t i = 0; i < table->shown.ncolumns; i++) {
        const struct rnl_column *column = table->ops[i].described;
        bool is_unsigned;

        if (!is_numeric(table->types[i]))
            continue;
        if (at / 8 >= span_left(&signs))
            return RNL_OK;
        is_unsigned = signs.at[at / 8] >> (7 - at % 8) & 1;
        at++;
        /* a YEAR is unsigned there, and an INT in the catalog */
        if (column && table->types[i] != LOG_YEAR &&
            (column->type == RNL_T_INT || column->type == RNL_T_UINT) &&
            is_unsigned != (column->type == RNL_T_UINT))
            return altered(table, err, "another sign of column", column->name);
    }
    return RNL_OK;
}

/*
 * MariaDB keeps a number for each unique index of long values, behind the other columns; no
 * description shows it.
 */
static bool is_hidden(const struct span *name)
{
    static const char hash[] = "DB_ROW_HASH_";

    return span_left(name) > strlen(hash) && !memcmp(name->at, hash, strlen(hash));
}

static uint32_t hidden_count(const struct rnl_table *described)
{
    const char *at = (const char *)described->indexes;
    uint32_t count = 0;

    for (uint32_t i = 0; i < described->nindexes; i++, at += described->index_size) {
        const struct rnl_index *index = (const struct rnl_index *)(const void *)at;

        count += (index->flags & RNL_INDEX_UNIQUE) && (index->flags & RNL_INDEX_HASH);
    }
    return count;
}

static int column_extra(const struct log_table *table, const struct span *name,
                        struct rnl_error *err)
{
    char text[193];

    snprintf(text, sizeof(text), "%.*s", (int)span_left(name), (const char *)name->at);
    return altered(table, err, "there it has a column", text);
}

/* Columns of both stand in the same order; those that are hidden are passed over. */
static int columns_by_name(struct log_table *table, const struct rnl_table *described,
                           struct span names, struct rnl_error *err)
{
    uint32_t column = 0;

    for (uint32_t i = 0; i < table->shown.ncolumns; i++) {
        struct span name;
        uint64_t len;
        const uint8_t *at;

        if (!span_packed(&names, &len) || !(at = span_take(&names, len)))
            return log_malformed(err, "a table map");
        name = (struct span){at, at + len};
        if (column < described->ncolumns && strlen(described->columns[column].name) == len &&
            !strncasecmp(described->columns[column].name, (const char *)at, len))
            table->ops[i].column = column++;
        else if (!is_hidden(&name))
            return column_extra(table, &name, err);
    }
    if (column < described->ncolumns)
        return altered(table, err, "there it has no column", described->columns[column].name);
    return RNL_OK;
}

static int columns_by_place(struct log_table *table, const struct rnl_table *described,
                            struct rnl_error *err)
{
    uint32_t count = table->shown.ncolumns, wanted = described->ncolumns;
    char why[80];

    if (count > wanted && count - wanted == hidden_count(described))
        for (; count > wanted && table->types[count - 1] == LOG_LONGLONG; count--)
            ;
    if (count != wanted) {
        snprintf(why, sizeof(why), "%u columns in place of %u", table->shown.ncolumns, wanted);
        return altered(table, err, why, NULL);
    }
    for (uint32_t i = 0; i < count; i++)
        table->ops[i].column = i;
    return RNL_OK;
}

static int type_unknown(const struct log_table *table, uint32_t column, uint8_t type,
                        struct rnl_error *err)
{
    rnl_fail(err, RNL_E_CONFIG, "source.log_type_unknown",
             "column %u of %s.%s is of a type (%u) of the binary log that can't be read here",
             column + 1, table->shown.schema, table->shown.name, type);
    rnl_hint(err, "leave the table out, or alter the column's type");
    return err->status;
}

static int ops_set(struct log_table *table, const struct rnl_table *described,
                   struct rnl_error *err)
{
    struct span names;
    int status;

    status = optional_find(table, 4, &names) ? columns_by_name(table, described, names, err)
                                             : columns_by_place(table, described, err);
    for (uint32_t i = 0; !status && i < table->shown.ncolumns; i++) {
        struct field_op *op = &table->ops[i];
        uint8_t type;

        if (layout_set(table, i, op, &type))
            return type_unknown(table, i, type, err);
        if (op->column == UINT32_MAX)
            continue;
        op->described = &described->columns[op->column];
        if (op->described->type == RNL_T_NATIVE)
            return type_unknown(table, i, type, err);
        if (!fits(op, op->described, type))
            return altered(table, err, "another type of column", op->described->name);
        status = op_finish(table, op, err);
    }
    return status ? status : signs_check(table, err);
}

int binlog_table_fit(struct binlog_table *shown, const struct rnl_table *described,
                     struct rnl_error *err)
{
    struct log_table *table = (struct log_table *)shown;
    int status;

    free(table->ops);
    table->ops = calloc((size_t)shown->ncolumns + 1, sizeof(*table->ops));
    if (!table->ops)
        return log_no_memory(err);
    for (uint32_t i = 0; i < shown->ncolumns; i++)
        table->ops[i].column = UINT32_MAX;
    table->described = described;
    status = ops_set(table, described, err);
    if (status) {
        free(table->ops);
        table->ops = NULL;
    }
    shown->fitted = !status;
    return status;
}

static int place_set(struct log_table *table, struct field_op *op, const struct rnl_table *into,
                     uint32_t place, struct rnl_error *err)
{
    op->column = place;
    if (place == UINT32_MAX)
        return RNL_OK;
    if (into->columns[place].type == op->described->type)
        return RNL_OK;
    return altered(table, err, "another type of column", op->described->name);
}

int binlog_table_fit_into(struct binlog_table *shown, const struct rnl_table *described,
                          const struct rnl_table *into, const uint32_t *places,
                          struct rnl_error *err)
{
    struct log_table *table = (struct log_table *)shown;
    int status = binlog_table_fit(shown, described, err);

    for (uint32_t i = 0; i < shown->ncolumns && !status; i++)
        if (table->ops[i].column != UINT32_MAX)
            status = place_set(table, &table->ops[i], into, places[table->ops[i].column], err);
    table->described = into;
    shown->fitted = !status;
    return status;
}

void binlog_forget(struct binlog *log)
{
    tables_forget(log);
}
