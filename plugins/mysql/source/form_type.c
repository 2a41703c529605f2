/* The type in a column's definition, from any of its spellings to that of information_schema. */
#include "form_column.h"

#include <strings.h>

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

static uint32_t characters(const char *text, size_t len)
{
    uint32_t count = 0;

    for (size_t i = 0; i < len; i++)
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
    return count;
}

static void labels_take(struct definition *d, struct lexer *in)
{
    while (in->kind != TOKEN_END && !lexer_is_sign(in, ')')) {
        if (in->kind == TOKEN_TEXT) {
            size_t len;
            const char *label = definition_text(d->form, in, &len);
            uint32_t count = label ? characters(label, len) : 0;

            if (!label)
                return;
            text_add(&d->labels, d->labels.len ? "," : "");
            definition_quote(&d->labels, label, len);
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

void definition_type_take(struct definition *d, struct lexer *in)
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
void definition_type_settle(struct definition *d)
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

void definition_native(const struct definition *d, struct text *out)
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
    else if (d->nnumbers &&
             (d->takes == TAKES_LENGTH || (d->takes == TAKES_FRACTION && d->numbers[0])))
        text_printf(out, "(%lu)", d->numbers[0]);
    text_add(out, d->is_unsigned ? " unsigned" : "");
    text_add(out, d->zerofill ? " zerofill" : "");
    text_add(out, d->compressed ? " /*M!100301 COMPRESSED*/" : "");
}
