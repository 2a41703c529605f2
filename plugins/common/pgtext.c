/* PostgreSQL's text forms of arrays, composites and hstore into JSON. */
#include "pgtext.h"

#include <strings.h>

#define MAX_DEPTH 16

struct reader {
    const char *at, *end;
    const char *why;
    uint32_t element;
    struct buf item; /* one element without its quotes */
};

static bool fail(struct reader *r, const char *why)
{
    if (!r->why)
        r->why = why;
    return false;
}

static char peek(const struct reader *r)
{
    return r->at < r->end ? *r->at : '\0';
}

/* A zero byte is no sign: strchr() would find it. */
static bool is_sign(char c, const char *signs)
{
    return c && strchr(signs, c);
}

static void skip_blanks(struct reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || (*r->at >= '\t' && *r->at <= '\r')))
        r->at++;
}

void json_quoted(struct buf *out, const char *text, size_t len)
{
    buf_byte(out, '"');
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c == '"' || c == '\\') {
            buf_byte(out, '\\');
            buf_byte(out, text[i]);
        } else if (c == '\n' || c == '\t' || c == '\r') {
            buf_byte(out, '\\');
            buf_byte(out, c == '\n' ? 'n' : c == '\t' ? 't' : 'r');
        } else if (c < 0x20) {
            buf_printf(out, "\\u%04x", c);
        } else {
            buf_byte(out, text[i]);
        }
    }
    buf_byte(out, '"');
}

static size_t digits(const char *text, size_t len)
{
    size_t count = 0;

    while (count < len && text[count] >= '0' && text[count] <= '9')
        count++;
    return count;
}

bool json_is_number(const char *text, size_t len)
{
    size_t at = len > 0 && text[0] == '-' ? 1 : 0, count = digits(text + at, len - at);

    if (count == 0 || (count > 1 && text[at] == '0'))
        return false;
    at += count;
    if (at < len && text[at] == '.') {
        count = digits(text + at + 1, len - at - 1);
        if (count == 0)
            return false;
        at += 1 + count;
    }
    if (at < len && (text[at] == 'e' || text[at] == 'E')) {
        at++;
        if (at < len && (text[at] == '+' || text[at] == '-'))
            at++;
        count = digits(text + at, len - at);
        if (count == 0)
            return false;
        at += count;
    }
    return at == len;
}

static void add_value(struct buf *out, uint32_t type, const char *text, size_t len)
{
    switch (type) {
    case RNL_T_INT:
    case RNL_T_UINT:
    case RNL_T_FLOAT:
    case RNL_T_DOUBLE:
    case RNL_T_DECIMAL:
        if (json_is_number(text, len)) {
            buf_add(out, text, len);
            return;
        }
        break;
    case RNL_T_BOOL:
        if (len == 1 && (*text == 't' || *text == 'f')) {
            buf_puts(out, *text == 't' ? "true" : "false");
            return;
        }
        break;
    default:
        break;
    }
    json_quoted(out, text, len);
}

/* A text in quotes, with a backslash before what stands for itself; doubled quotes too. */
static bool read_quoted(struct reader *r)
{
    buf_clear(&r->item);
    for (r->at++; r->at < r->end; r->at++) {
        if (*r->at == '"') {
            if (r->at + 1 == r->end || r->at[1] != '"') {
                r->at++;
                return true;
            }
            r->at++;
        } else if (*r->at == '\\') {
            if (++r->at == r->end)
                break;
        }
        buf_byte(&r->item, *r->at);
    }
    return fail(r, "a quote is not closed");
}

/* A text without quotes, up to one of the signs; an array's may hold escapes. */
static bool read_plain(struct reader *r, const char *signs)
{
    buf_clear(&r->item);
    while (r->at < r->end && !is_sign(*r->at, signs)) {
        if (*r->at == '\\' && ++r->at == r->end)
            return fail(r, "it ends with a backslash");
        buf_byte(&r->item, *r->at++);
    }
    return true;
}

static bool is_null_word(const struct reader *r)
{
    return r->item.len == 4 && strncasecmp(r->item.ptr, "null", 4) == 0;
}

static bool read_array(struct reader *r, struct buf *out, int depth);

static bool read_element(struct reader *r, struct buf *out, int depth)
{
    skip_blanks(r);
    if (peek(r) == '{')
        return read_array(r, out, depth + 1);
    if (peek(r) == '"') {
        if (!read_quoted(r))
            return false;
        add_value(out, r->element, r->item.ptr ? r->item.ptr : "", r->item.len);
        return true;
    }
    if (!read_plain(r, ",;{}\""))
        return false;
    while (r->item.len > 0 && r->item.ptr[r->item.len - 1] == ' ')
        r->item.len--;
    if (r->item.len == 0)
        return fail(r, "an element is missing");
    if (is_null_word(r))
        buf_puts(out, "null");
    else
        add_value(out, r->element, r->item.ptr, r->item.len);
    return true;
}

static bool read_array(struct reader *r, struct buf *out, int depth)
{
    if (depth > MAX_DEPTH)
        return fail(r, "it is nested too deep");
    if (peek(r) != '{')
        return fail(r, "it does not begin with a brace");
    r->at++;
    buf_byte(out, '[');
    skip_blanks(r);
    if (peek(r) == '}') {
        r->at++;
        buf_byte(out, ']');
        return true;
    }
    for (;;) {
        if (!read_element(r, out, depth))
            return false;
        skip_blanks(r);
        if (peek(r) == '}')
            break;
        /* boxes are set apart by semicolons */
        if (peek(r) != ',' && peek(r) != ';')
            return fail(r, "its elements are not set apart");
        r->at++;
        buf_byte(out, ',');
    }
    r->at++;
    buf_byte(out, ']');
    return true;
}

/* "[2:3][-1:0]=": where the indexes begin. */
static bool skip_bounds(struct reader *r)
{
    if (peek(r) != '[')
        return true;
    while (r->at < r->end && is_sign(*r->at, "[]:+-0123456789"))
        r->at++;
    if (peek(r) != '=')
        return fail(r, "its bounds are not known");
    r->at++;
    return true;
}

/* Ends a reading: all of the text was used, and memory was there. */
static bool settle(struct reader *r, bool good, struct buf *out, size_t start, const char **why)
{
    if (good && r->at != r->end)
        good = fail(r, "something stands behind its end");
    if (good && (r->item.failed || out->failed))
        good = fail(r, "out of memory");
    if (!good)
        out->len = start;
    *why = r->why ? r->why : "";
    buf_free(&r->item);
    return good;
}

bool pgtext_array_json(const char *text, size_t len, uint32_t element, struct buf *out,
                       const char **why)
{
    struct reader r = {.at = text, .end = text + len, .element = element};
    size_t start = out->len;

    return settle(&r, skip_bounds(&r) && read_array(&r, out, 1), out, start, why);
}

/* One field up to a comma or the end; nothing at all is NULL. */
static bool read_field(struct reader *r, struct buf *out)
{
    struct buf field = {0};
    bool good = true, some = false;

    while (good && r->at < r->end && *r->at != ',' && *r->at != ')') {
        some = true;
        good = *r->at == '"' ? read_quoted(r) : read_plain(r, ",()\"");
        if (good && r->item.len == 0 && peek(r) == '(')
            good = fail(r, "a parenthesis stands in a field");
        buf_add(&field, r->item.ptr, r->item.len);
    }
    if (good && some)
        json_quoted(out, field.len ? field.ptr : "", field.len);
    else if (good)
        buf_puts(out, "null");
    if (field.failed)
        good = fail(r, "out of memory");
    buf_free(&field);
    return good;
}

static bool read_composite(struct reader *r, const char *const *labels, uint32_t nlabels,
                           struct buf *out)
{
    uint32_t count = 0;

    if (peek(r) != '(')
        return fail(r, "it does not begin with a parenthesis");
    r->at++;
    buf_byte(out, nlabels ? '{' : '[');
    for (;;) {
        if (nlabels && count == nlabels)
            return fail(r, "it has more fields than its type");
        if (count > 0)
            buf_byte(out, ',');
        if (nlabels) {
            json_quoted(out, labels[count], strlen(labels[count]));
            buf_byte(out, ':');
        }
        count++;
        if (!read_field(r, out))
            return false;
        if (peek(r) == ')' && r->at < r->end)
            break;
        if (peek(r) != ',')
            return fail(r, "its fields are not set apart");
        r->at++;
    }
    r->at++;
    if (nlabels && count != nlabels)
        return fail(r, "it has fewer fields than its type");
    buf_byte(out, nlabels ? '}' : ']');
    return true;
}

bool pgtext_composite_json(const char *text, size_t len, const char *const *labels,
                           uint32_t nlabels, struct buf *out, const char **why)
{
    struct reader r = {.at = text, .end = text + len};
    size_t start = out->len;

    return settle(&r, read_composite(&r, labels, nlabels, out), out, start, why);
}

static bool read_word(struct reader *r)
{
    skip_blanks(r);
    if (peek(r) == '"')
        return read_quoted(r);
    if (!read_plain(r, ",= \t\""))
        return false;
    return r->item.len > 0 || fail(r, "a word is missing");
}

static bool read_pair(struct reader *r, struct buf *out)
{
    bool quoted;

    if (!read_word(r))
        return false;
    json_quoted(out, r->item.len ? r->item.ptr : "", r->item.len);
    skip_blanks(r);
    if (r->end - r->at < 2 || memcmp(r->at, "=>", 2) != 0)
        return fail(r, "a key has no value");
    r->at += 2;
    buf_byte(out, ':');
    skip_blanks(r);
    quoted = peek(r) == '"';
    if (!read_word(r))
        return false;
    if (!quoted && is_null_word(r))
        buf_puts(out, "null");
    else
        json_quoted(out, r->item.len ? r->item.ptr : "", r->item.len);
    skip_blanks(r);
    return true;
}

static bool read_hstore(struct reader *r, struct buf *out)
{
    buf_byte(out, '{');
    skip_blanks(r);
    while (r->at < r->end) {
        if (!read_pair(r, out))
            return false;
        if (r->at == r->end)
            break;
        if (*r->at++ != ',')
            return fail(r, "its pairs are not set apart");
        buf_byte(out, ',');
        skip_blanks(r);
        if (r->at == r->end)
            return fail(r, "a pair is missing");
    }
    buf_byte(out, '}');
    return true;
}

bool pgtext_hstore_json(const char *text, size_t len, struct buf *out, const char **why)
{
    struct reader r = {.at = text, .end = text + len};
    size_t start = out->len;

    return settle(&r, read_hstore(&r, out), out, start, why);
}

bool pgtext_json(const struct rnl_column *column, const char *text, size_t len, struct buf *out,
                 const char **why)
{
    if (column->flags & RNL_COLUMN_ARRAY)
        return pgtext_array_json(text, len, column->element, out, why);
    if (column->flags & RNL_COLUMN_COMPOSITE)
        return pgtext_composite_json(text, len, column->labels, column->nlabels, out, why);
    if (column->flags & RNL_COLUMN_MAP)
        return pgtext_hstore_json(text, len, out, why);
    *why = "its type is no array, composite or map";
    return false;
}
