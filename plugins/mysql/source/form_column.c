/* The definition of a column in a statement, as information_schema would show the column. */
#include "form.h"
#include "parse.h"

#include <strings.h>

enum takes {
    TAKES_NOTHING,
    TAKES_WIDTH,
    TAKES_LENGTH,
    TAKES_DIGITS,
    TAKES_FRACTION,
    TAKES_LABELS,
    TAKES_BYTES
};

struct type_word {
    const char *word, *type;
    enum takes takes;
    bool text; /* has a character set */
};

static const struct type_word words[] = {
    {"tinyint", "tinyint", TAKES_WIDTH, false},
    {"int1", "tinyint", TAKES_WIDTH, false},
    {"smallint", "smallint", TAKES_WIDTH, false},
    {"int2", "smallint", TAKES_WIDTH, false},
    {"mediumint", "mediumint", TAKES_WIDTH, false},
    {"int3", "mediumint", TAKES_WIDTH, false},
    {"middleint", "mediumint", TAKES_WIDTH, false},
    {"int", "int", TAKES_WIDTH, false},
    {"integer", "int", TAKES_WIDTH, false},
    {"int4", "int", TAKES_WIDTH, false},
    {"bigint", "bigint", TAKES_WIDTH, false},
    {"int8", "bigint", TAKES_WIDTH, false},
    {"serial", "bigint", TAKES_NOTHING, false},
    {"bool", "tinyint", TAKES_NOTHING, false},
    {"boolean", "tinyint", TAKES_NOTHING, false},
    {"decimal", "decimal", TAKES_DIGITS, false},
    {"dec", "decimal", TAKES_DIGITS, false},
    {"numeric", "decimal", TAKES_DIGITS, false},
    {"fixed", "decimal", TAKES_DIGITS, false},
    {"float", "float", TAKES_DIGITS, false},
    {"float4", "float", TAKES_DIGITS, false},
    {"double", "double", TAKES_DIGITS, false},
    {"float8", "double", TAKES_DIGITS, false},
    {"real", "double", TAKES_DIGITS, false},
    {"bit", "bit", TAKES_LENGTH, false},
    {"char", "char", TAKES_LENGTH, true},
    {"character", "char", TAKES_LENGTH, true},
    {"nchar", "char", TAKES_LENGTH, true},
    {"varchar", "varchar", TAKES_LENGTH, true},
    {"varcharacter", "varchar", TAKES_LENGTH, true},
    {"nvarchar", "varchar", TAKES_LENGTH, true},
    {"binary", "binary", TAKES_LENGTH, false},
    {"varbinary", "varbinary", TAKES_LENGTH, false},
    {"tinytext", "tinytext", TAKES_NOTHING, true},
    {"text", "text", TAKES_BYTES, true},
    {"mediumtext", "mediumtext", TAKES_NOTHING, true},
    {"longtext", "longtext", TAKES_NOTHING, true},
    {"long", "mediumtext", TAKES_NOTHING, true},
    {"tinyblob", "tinyblob", TAKES_NOTHING, false},
    {"blob", "blob", TAKES_BYTES, false},
    {"mediumblob", "mediumblob", TAKES_NOTHING, false},
    {"longblob", "longblob", TAKES_NOTHING, false},
    {"enum", "enum", TAKES_LABELS, true},
    {"set", "set", TAKES_LABELS, true},
    {"date", "date", TAKES_NOTHING, false},
    {"time", "time", TAKES_FRACTION, false},
    {"datetime", "datetime", TAKES_FRACTION, false},
    {"timestamp", "timestamp", TAKES_FRACTION, false},
    {"year", "year", TAKES_WIDTH, false},
    {"json", "json", TAKES_NOTHING, false},
    {"geometry", "geometry", TAKES_NOTHING, false},
    {"point", "point", TAKES_NOTHING, false},
    {"linestring", "linestring", TAKES_NOTHING, false},
    {"polygon", "polygon", TAKES_NOTHING, false},
    {"multipoint", "multipoint", TAKES_NOTHING, false},
    {"multilinestring", "multilinestring", TAKES_NOTHING, false},
    {"multipolygon", "multipolygon", TAKES_NOTHING, false},
    {"geometrycollection", "geometrycollection", TAKES_NOTHING, false},
    {"geomcollection", "geomcollection", TAKES_NOTHING, false},
    {"uuid", "uuid", TAKES_NOTHING, false},
    {"inet4", "inet4", TAKES_NOTHING, false},
    {"inet6", "inet6", TAKES_NOTHING, false},
    {"vector", "vector", TAKES_LENGTH, false},
};

struct definition {
    struct form *form;
    struct form_column *column;
    const char *type;
    enum takes takes;
    bool is_text, is_unsigned, zerofill, binary, compressed;
    bool serial, boolean;
    unsigned long numbers[2];
    unsigned nnumbers;
    struct text labels; /* 'a','b' */
    uint32_t label_longest, label_sum, nlabels;
    const char *charset, *collation;
    bool not_null, identity, touched, invisible, stored, is_virtual;
    bool primary, unique;
    struct text fallback; /* the default, as MariaDB shows it */
    const char *generated, *comment;
    unsigned long srid;
};

/* --- texts -------------------------------------------------------------------------------- */

/* What the text token means, in the form's memory. */
static const char *text_meant(struct form *form, const struct lexer *in, size_t *len)
{
    char *copy = pool_alloc(&form->pool, (size_t)(in->at - in->from) + 1);

    *len = 0;
    if (!copy) {
        form->failed = true;
        return NULL;
    }
    *len = lexer_text(in, copy);
    return copy;
}

/* 'it''s', as the server shows it */
static void quoted_add(struct text *out, const char *value, size_t len)
{
    text_add(out, "'");
    for (size_t i = 0; i < len; i++) {
        if (value[i] == '\0')
            text_add(out, "\\0");
        else if (value[i] == '\'' || value[i] == '\\')
            text_printf(out, "%c%c", value[i] == '\'' ? '\'' : '\\', value[i]);
        else
            text_bytes(out, &value[i], 1);
    }
    text_add(out, "'");
}

static uint32_t characters(const char *text, size_t len)
{
    uint32_t count = 0;

    for (size_t i = 0; i < len; i++)
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
    return count;
}

/* --- the type ----------------------------------------------------------------------------- */

static void labels_take(struct definition *d, struct lexer *in)
{
    while (in->kind != TOKEN_END && !lexer_is_sign(in, ')')) {
        if (in->kind == TOKEN_TEXT) {
            size_t len;
            const char *label = text_meant(d->form, in, &len);
            uint32_t count = label ? characters(label, len) : 0;

            if (!label)
                return;
            text_add(&d->labels, d->labels.len ? "," : "");
            quoted_add(&d->labels, label, len);
            d->label_longest = count > d->label_longest ? count : d->label_longest;
            d->label_sum += count;
            d->nlabels++;
        }
        lexer_next(in);
    }
    lexer_take_sign(in, ')');
}

/* (10), (10, 2) */
static void numbers_take(struct definition *d, struct lexer *in)
{
    while (in->kind != TOKEN_END && !lexer_is_sign(in, ')')) {
        if (in->kind == TOKEN_WORD && d->nnumbers < 2)
            d->numbers[d->nnumbers++] = strtoul(in->word, NULL, 10);
        lexer_next(in);
    }
    lexer_take_sign(in, ')');
}

static void word_found(struct definition *d, const char *word)
{
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcasecmp(words[i].word, word) == 0) {
            d->type = words[i].type;
            d->takes = words[i].takes;
            d->is_text = words[i].text;
        }
    d->serial = strcasecmp(word, "serial") == 0;
    d->boolean = strncasecmp(word, "bool", 4) == 0;
    if (strcasecmp(word, "nchar") == 0 || strcasecmp(word, "nvarchar") == 0)
        d->charset = "utf8mb3";
}

static void type_take(struct definition *d, struct lexer *in)
{
    char word[STATEMENT_NAME_MAX];
    bool national = lexer_take(in, "NATIONAL");

    memcpy(word, in->word, sizeof(word));
    if (in->kind != TOKEN_WORD)
        word[0] = '\0';
    word_found(d, word);
    if (national)
        d->charset = "utf8mb3";
    if (!d->type)
        return;
    lexer_next(in);
    if (strcasecmp(word, "double") == 0)
        lexer_take(in, "PRECISION");
    if (strcmp(d->type, "char") == 0 && lexer_take(in, "VARYING"))
        word_found(d, "varchar");
    if (strcasecmp(word, "long") == 0 && lexer_take(in, "VARBINARY"))
        word_found(d, "mediumblob");
    else if (strcasecmp(word, "long") == 0 &&
             (lexer_take(in, "VARCHAR") || lexer_take(in, "CHAR") || lexer_take(in, "CHARACTER")))
        lexer_take(in, "VARYING");
    if (!lexer_take_sign(in, '('))
        return;
    if (d->takes == TAKES_LABELS)
        labels_take(d, in);
    else
        numbers_take(d, in);
}

/* --- what stands behind it ---------------------------------------------------------------- */

bool form_charset_take(struct form *form, struct lexer *in, const char **charset,
                       const char **collation)
{
    bool set = lexer_is(in, "CHARACTER") || lexer_is(in, "CHAR");

    if (set || lexer_is(in, "CHARSET")) {
        lexer_next(in);
        if (set && !lexer_take(in, "SET"))
            return true;
        lexer_take_sign(in, '=');
        if (!lexer_is(in, "DEFAULT"))
            *charset = form_text(form, in->word, strlen(in->word));
        *collation = NULL;
        lexer_next(in);
        return true;
    }
    if (!lexer_take(in, "COLLATE"))
        return false;
    lexer_take_sign(in, '=');
    *collation = form_text(form, in->word, strlen(in->word));
    lexer_next(in);
    return true;
}

static bool now_take(struct text *out, struct lexer *in)
{
    static const char *const nows[] = {"CURRENT_TIMESTAMP", "NOW", "LOCALTIME", "LOCALTIMESTAMP",
                                       NULL};
    struct rnl_slice digits = {0};

    if (!lexer_is_any(in, nows))
        return false;
    lexer_next(in);
    if (lexer_is_sign(in, '('))
        digits = lexer_group(in);
    if (out)
        text_printf(out, "current_timestamp(%.*s)", (int)(digits.len < 2 ? digits.len : 0),
                    digits.len ? (const char *)digits.ptr : "");
    return true;
}

/* 'a' 'b', _utf8mb4'a', x'00', b'01' */
static bool literal_take(struct definition *d, struct lexer *in)
{
    struct form *form = d->form;
    bool word = in->kind == TOKEN_WORD && in->at < in->end && *in->at == '\'';
    struct text whole = {0};
    char mark = '\0';
    size_t len;

    if (word) {
        mark = (char)(in->word[0] | 0x20);
        if (in->word[0] == '_' || in->word[1] || mark == 'n')
            mark = '\0';
        lexer_next(in);
    }
    if (in->kind != TOKEN_TEXT)
        return false;
    if (mark == 'x' || mark == 'b') {
        text_printf(&d->fallback, "%c", mark);
        text_bytes(&d->fallback, in->from, (size_t)(in->at - in->from));
        lexer_next(in);
        return true;
    }
    while (in->kind == TOKEN_TEXT && !form->failed) {
        const char *value = text_meant(form, in, &len);

        if (value)
            text_bytes(&whole, value, len);
        lexer_next(in);
    }
    quoted_add(&d->fallback, whole.len ? whole.ptr : "", whole.len);
    d->fallback.failed = d->fallback.failed || whole.failed;
    text_free(&whole);
    return true;
}

/* -1.5e-3, TRUE, uuid(), 0x41 */
static void bare_take(struct definition *d, struct lexer *in)
{
    const char *from = in->from, *end = in->at;
    bool number = lexer_is_sign(in, '-') || lexer_is_sign(in, '+') || lexer_is_sign(in, '.') ||
                  (in->word[0] >= '0' && in->word[0] <= '9');

    if (lexer_take(in, "TRUE")) {
        text_add(&d->fallback, "1");
        return;
    }
    if (lexer_take(in, "FALSE")) {
        text_add(&d->fallback, "0");
        return;
    }
    while (number && in->kind != TOKEN_END) {
        bool exponent = in->kind == TOKEN_WORD && strncasecmp(in->word, "0x", 2) != 0 &&
                        strchr("eE", in->word[strlen(in->word) - 1]) != NULL;

        end = in->at;
        lexer_next(in);
        if (in->from != end || !(in->kind == TOKEN_WORD || lexer_is_sign(in, '.') ||
                                 (exponent && (lexer_is_sign(in, '-') || lexer_is_sign(in, '+')))))
            break;
    }
    if (!number) {
        lexer_next(in);
        if (lexer_is_sign(in, '(')) {
            lexer_group(in);
            end = in->from;
        }
    }
    while (end > from && (end[-1] == ' ' || end[-1] == '\n' || end[-1] == ','))
        end--;
    text_bytes(&d->fallback, from, (size_t)(end - from));
}

static void default_take(struct definition *d, struct lexer *in)
{
    d->fallback.len = 0;
    if (lexer_is_sign(in, '(')) {
        struct rnl_slice inner = lexer_group(in);

        text_add(&d->fallback, "(");
        text_bytes(&d->fallback, inner.ptr, inner.len);
        text_add(&d->fallback, ")");
    } else if (lexer_take(in, "NULL")) {
        text_add(&d->fallback, "NULL");
    } else if (!now_take(&d->fallback, in) && !literal_take(d, in) && in->kind != TOKEN_END) {
        bare_take(d, in);
    }
}

static void generated_take(struct definition *d, struct lexer *in)
{
    if (!lexer_is_sign(in, '('))
        return;
    struct rnl_slice inner = lexer_group(in);

    d->generated = form_text(d->form, inner.ptr, inner.len);
    d->is_virtual = !d->stored;
}

static bool storage_word_take(struct definition *d, struct lexer *in)
{
    if (lexer_take(in, "STORED") || lexer_take(in, "PERSISTENT")) {
        d->stored = true;
        d->is_virtual = false;
    } else if (lexer_take(in, "VIRTUAL")) {
        d->is_virtual = true;
    } else if (lexer_take(in, "INVISIBLE")) {
        d->invisible = true;
    } else if (lexer_take(in, "COMPRESSED")) {
        d->compressed = true;
    } else if (lexer_take(in, "SRID")) {
        d->srid = strtoul(in->word, NULL, 10);
        lexer_next(in);
    } else if (lexer_take(in, "REFERENCES")) {
        form_references(d->form, NULL, in);
    } else if (lexer_take(in, "COLUMN_FORMAT") || lexer_take(in, "STORAGE")) {
        lexer_next(in);
    } else if (lexer_take(in, "WITH") || lexer_take(in, "WITHOUT")) {
        d->form->strange = true; /* SYSTEM VERSIONING */
    } else {
        return false;
    }
    return true;
}

static bool number_word_take(struct definition *d, struct lexer *in)
{
    if (lexer_take(in, "UNSIGNED"))
        d->is_unsigned = true;
    else if (lexer_take(in, "ZEROFILL"))
        d->is_unsigned = d->zerofill = true;
    else if (lexer_take(in, "BINARY"))
        d->binary = true;
    else if (lexer_take(in, "ASCII"))
        d->charset = "latin1";
    else if (lexer_take(in, "UNICODE"))
        d->charset = "ucs2";
    else if (lexer_take(in, "BYTE"))
        d->charset = "binary";
    else
        return form_charset_take(d->form, in, &d->charset, &d->collation);
    return true;
}

static bool key_word_take(struct definition *d, struct lexer *in)
{
    if (lexer_take(in, "UNIQUE")) {
        lexer_take(in, "KEY");
        d->unique = true;
    } else if (lexer_take(in, "PRIMARY")) {
        lexer_take(in, "KEY");
        d->primary = true;
    } else if (lexer_take(in, "KEY")) {
        d->primary = true;
    } else {
        return false;
    }
    return true;
}

static void attribute_take(struct definition *d, struct lexer *in)
{
    size_t len;

    if (lexer_take(in, "NOT")) {
        d->not_null = lexer_take(in, "NULL") || d->not_null;
        lexer_take(in, "ENFORCED");
    } else if (lexer_take(in, "NULL")) {
        d->not_null = false;
    } else if (lexer_take(in, "DEFAULT")) {
        default_take(d, in);
    } else if (lexer_take(in, "AUTO_INCREMENT")) {
        d->identity = true;
    } else if (lexer_take(in, "ON")) {
        d->touched = lexer_take(in, "UPDATE") && now_take(NULL, in);
    } else if (lexer_take(in, "COMMENT")) {
        if (in->kind == TOKEN_TEXT)
            d->comment = text_meant(d->form, in, &len);
        lexer_next(in);
    } else if (lexer_take(in, "GENERATED")) {
        lexer_take(in, "ALWAYS");
        lexer_take(in, "AS");
        generated_take(d, in);
    } else if (lexer_take(in, "AS")) {
        generated_take(d, in);
    } else if (!number_word_take(d, in) && !key_word_take(d, in) && !storage_word_take(d, in)) {
        if (lexer_is_sign(in, '('))
            lexer_group(in);
        else
            lexer_next(in);
    }
}

static bool is_at_end(const struct lexer *in)
{
    return in->kind == TOKEN_END || lexer_is_sign(in, ',') || lexer_is_sign(in, ')') ||
           lexer_is(in, "FIRST") || lexer_is(in, "AFTER") || lexer_is(in, "PARTITION");
}

/* --- as a row of information_schema ------------------------------------------------------- */

/* How wide a number is shown, where a statement doesn't say; 0: not at all. */
static unsigned long width_shown(const struct definition *d)
{
    static const struct {
        const char *type;
        unsigned char plain, is_unsigned;
    } widths[] = {{"tinyint", 4, 3}, {"smallint", 6, 5}, {"mediumint", 9, 8},
                  {"int", 11, 10},   {"bigint", 20, 20}, {"year", 4, 4}};
    bool always = d->form->mariadb || d->form->version < 80019 || d->zerofill;

    if (d->boolean || (d->nnumbers && d->numbers[0] == 1 && strcmp(d->type, "tinyint") == 0))
        return 1;
    if (d->nnumbers && always && strcmp(d->type, "year") != 0)
        return d->numbers[0];
    for (size_t i = 0; always && i < sizeof(widths) / sizeof(widths[0]); i++)
        if (strcmp(widths[i].type, d->type) == 0)
            return d->is_unsigned ? widths[i].is_unsigned : widths[i].plain;
    return 0;
}

static const char *by_bytes(const char *type, unsigned long bytes)
{
    bool text = strcmp(type, "text") == 0;

    if (bytes > 16777215)
        return text ? "longtext" : "longblob";
    if (bytes > 65535)
        return text ? "mediumtext" : "mediumblob";
    return bytes > 255 ? type : text ? "tinytext" : "tinyblob";
}

/* What the word becomes by what stands behind it. */
static void type_settle(struct definition *d)
{
    if (d->is_text && d->charset && strcasecmp(d->charset, "binary") == 0 &&
        d->takes != TAKES_LABELS) {
        const char *types[][2] = {{"char", "binary"},           {"varchar", "varbinary"},
                                  {"tinytext", "tinyblob"},     {"text", "blob"},
                                  {"mediumtext", "mediumblob"}, {"longtext", "longblob"}};

        for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
            if (strcmp(d->type, types[i][0]) == 0) {
                d->type = types[i][1];
                break;
            }
        d->is_text = false;
    }
    if (d->takes == TAKES_BYTES && d->nnumbers)
        d->type = by_bytes(d->type, d->numbers[0] * (d->is_text ? 4 : 1));
    if (strcmp(d->type, "float") == 0 && d->nnumbers == 1) {
        if (d->numbers[0] > 24)
            d->type = "double";
        d->nnumbers = 0;
    }
    if (d->takes == TAKES_LENGTH && !d->nnumbers) {
        d->numbers[0] = strcmp(d->type, "vector") == 0 ? 2048 : 1;
        d->nnumbers = 1;
    }
    if (strcmp(d->type, "decimal") == 0) {
        d->numbers[0] = d->nnumbers ? d->numbers[0] : 10;
        d->numbers[1] = d->nnumbers > 1 ? d->numbers[1] : 0;
        d->nnumbers = 2;
    }
    if (strcmp(d->type, "geometrycollection") == 0 && !d->form->mariadb)
        d->type = "geomcollection";
    if (d->serial)
        d->is_unsigned = d->not_null = d->identity = d->unique = true;
    if (d->is_text) {
        if (!d->charset && d->collation)
            d->charset = form_text(d->form, d->collation, strcspn(d->collation, "_"));
        if (!d->charset) {
            d->charset = d->form->charset;
            d->collation = d->form->collation;
        }
    } else {
        d->charset = d->collation = NULL;
    }
}

static void native_write(const struct definition *d, struct text *out)
{
    unsigned long width = d->takes == TAKES_WIDTH || d->boolean || d->serial ? width_shown(d) : 0;
    bool json = d->form->mariadb && strcmp(d->type, "json") == 0;

    text_add(out, json ? "longtext" : d->type);
    if (d->takes == TAKES_LABELS)
        text_printf(out, "(%s)", d->labels.len ? d->labels.ptr : "");
    else if (width)
        text_printf(out, "(%lu)", width);
    else if (d->nnumbers == 2)
        text_printf(out, "(%lu,%lu)", d->numbers[0], d->numbers[1]);
    else if (d->nnumbers && d->takes == TAKES_LENGTH)
        text_printf(out, "(%lu)", d->numbers[0]);
    else if (d->nnumbers && d->takes == TAKES_FRACTION && d->numbers[0])
        text_printf(out, "(%lu)", d->numbers[0]);
    text_add(out, d->is_unsigned ? " unsigned" : "");
    text_add(out, d->zerofill ? " zerofill" : "");
    text_add(out, d->compressed ? " /*M!100301 COMPRESSED*/" : "");
}

/* The column is what the row says; what it was besides stays. */
static void row_give(struct definition *d, char *row[C_FIELDS])
{
    struct form_column *column = d->column;
    struct rnl_column is = {0};
    bool failed = d->labels.failed || d->fallback.failed;

    if (failed || column_fill(&d->form->pool, true, row, &is)) {
        d->form->failed = d->form->failed || failed || d->takes != TAKES_LABELS;
        d->form->strange = true;
        return;
    }
    is.name = column->is.name;
    is.flags |= column->is.flags & RNL_COLUMN_KEY;
    is.next_value = column->is.next_value;
    if (d->form->mariadb && strcmp(d->type, "json") == 0) {
        is.charset = "utf8mb4";
        is.collation = "utf8mb4_bin";
    }
    column->is = is;
    column->told = true;
    column->unknown = false;
}

static char *lent(struct definition *d, const char *text)
{
    char *copy = pool_text(&d->form->pool, text);

    d->form->failed = d->form->failed || (text && !copy);
    return copy;
}

static void row_make(struct definition *d)
{
    struct text native = {0}, numbers[3] = {{0}, {0}, {0}}, extra = {0};
    char *row[C_FIELDS] = {NULL};
    uint32_t length = d->takes != TAKES_LABELS ? (uint32_t)d->numbers[0]
                      : strcmp(d->type, "enum") == 0
                          ? d->label_longest
                          : d->label_sum + (d->nlabels ? d->nlabels - 1 : 0);

    native_write(d, &native);
    text_printf(&numbers[0], "%lu",
                d->takes == TAKES_LENGTH || d->takes == TAKES_DIGITS ? d->numbers[0] : 0ul);
    text_printf(&numbers[1], "%u", length);
    text_printf(&numbers[2], "%lu", d->srid);
    text_printf(&extra, "%s%s%s%s", d->identity ? "auto_increment " : "",
                d->touched ? "on update current_timestamp " : "", d->invisible ? "INVISIBLE " : "",
                !d->generated   ? ""
                : d->is_virtual ? "VIRTUAL GENERATED"
                                : "STORED GENERATED");
    row[C_NAME] = lent(d, d->column->is.name);
    row[C_NATIVE] = lent(d, native.ptr);
    row[C_NULLABLE] = lent(d, d->not_null || d->primary ? "NO" : "YES");
    row[C_CHARSET] = lent(d, d->charset);
    row[C_COLLATION] = lent(d, d->collation);
    row[C_DEFAULT] = d->fallback.len ? lent(d, d->fallback.ptr) : NULL;
    row[C_EXTRA] = lent(d, extra.len ? extra.ptr : "");
    row[C_GENERATED] = lent(d, d->generated);
    row[C_TYPE] = lent(d, d->type);
    row[C_PRECISION] = lent(d, numbers[0].ptr);
    row[C_LENGTH] = lent(d, numbers[1].ptr);
    row[C_SCALE] = NULL;
    row[C_COMMENT] = lent(d, d->comment);
    row[C_SRID] = lent(d, numbers[2].ptr);
    text_free(&native);
    native = (struct text){0};
    text_printf(&native, "%lu", d->takes == TAKES_FRACTION ? d->numbers[0] : d->numbers[1]);
    row[C_SCALE] = row[C_FRACTION] = lent(d, native.ptr);
    if (!d->form->failed)
        row_give(d, row);
    text_free(&native);
    text_free(&extra);
    for (int i = 0; i < 3; i++)
        text_free(&numbers[i]);
}

static void inline_keys_add(struct definition *d)
{
    struct form *form = d->form;
    uint32_t id = d->column->id;
    const char *name = d->column->is.name;

    if (d->primary && !form_index_find(form, "PRIMARY")) {
        struct rnl_index *index =
            form_index_new(form, "PRIMARY", RNL_INDEX_PRIMARY | RNL_INDEX_UNIQUE, false);

        if (index)
            form_part_add(form, index, id, 0, false, NULL);
    }
    if (d->unique) {
        struct rnl_index *index = form_index_new(form, NULL, RNL_INDEX_UNIQUE, false);

        if (!index)
            return;
        form_part_add(form, index, id, 0, false, NULL);
        index->name = name;
        form_index_settle(form, index);
    }
}

void form_define(struct form *form, struct form_column *column, struct lexer *in)
{
    struct definition d = {.form = form, .column = column};

    type_take(&d, in);
    if (!d.type) {
        column->told = column->unknown = true;
        column->is.type = RNL_T_NATIVE;
        column->is.flags |= RNL_COLUMN_NULLABLE;
        column->is.native = form_text(form, in->word, strlen(in->word));
    }
    while (!is_at_end(in) && !form->failed)
        attribute_take(&d, in);
    if (d.binary && d.charset && !d.collation) {
        struct text text = {0};

        text_printf(&text, "%s_bin", d.charset);
        d.collation = lent(&d, text.ptr);
        text_free(&text);
    }
    if (d.type && !form->failed) {
        type_settle(&d);
        row_make(&d);
    }
    if (!form->failed)
        inline_keys_add(&d);
    text_free(&d.labels);
    text_free(&d.fallback);
}

void form_default(struct form *form, struct form_column *column, struct lexer *in)
{
    struct definition d = {.form = form, .column = column};
    struct default_input input = {.mariadb = true, .extra = "", .type = column->is.type};

    default_take(&d, in);
    input.text = d.fallback.len ? d.fallback.ptr : NULL;
    input.length = column->is.flags & RNL_COLUMN_FIXED ? column->is.length : 0;
    if (d.fallback.failed ||
        default_parse(&form->pool, &input, &column->is.default_kind, &column->is.default_text))
        form->failed = true;
    text_free(&d.fallback);
}
