/* The definition of a column in a statement, as information_schema would show the column. */
#include "form_column.h"
#include "parse.h"

#include <strings.h>

/* What the text token means, in the form's memory. */
const char *definition_text(struct form *form, const struct lexer *in, size_t *len)
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
void definition_quote(struct text *out, const char *value, size_t len)
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
        const char *value = definition_text(form, in, &len);

        if (value)
            text_bytes(&whole, value, len);
        lexer_next(in);
    }
    definition_quote(&d->fallback, whole.len ? whole.ptr : "", whole.len);
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
            d->comment = definition_text(d->form, in, &len);
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

    definition_native(d, &native);
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

    definition_type_take(&d, in);
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
        definition_type_settle(&d);
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
