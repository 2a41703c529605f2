/* Heads and chunked bodies of requests: read strictly. */
#include "http_read.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *word;
    enum http_method method;
} methods[] = {
    {"GET", HTTP_METHOD_GET}, {"HEAD", HTTP_METHOD_HEAD},   {"POST", HTTP_METHOD_POST},
    {"PUT", HTTP_METHOD_PUT}, {"PATCH", HTTP_METHOD_PATCH}, {"DELETE", HTTP_METHOD_DELETE},
};
enum { NMETHODS = sizeof(methods) / sizeof(methods[0]) };

const char *http_method_word(enum http_method method)
{
    for (size_t i = 0; i < NMETHODS; i++)
        if (methods[i].method == method)
            return methods[i].word;
    return "";
}

static bool refuse(struct http_wrong *wrong, int status, const char *code, const char *text)
{
    *wrong = (struct http_wrong){status, code, text};
    return false;
}

static bool malformed(struct http_wrong *wrong, const char *text)
{
    return refuse(wrong, 400, "request.malformed", text);
}

static bool is_token(const char *text)
{
    const char *at = text;

    while (isalnum((unsigned char)*at) || (*at && strchr("!#$%&'*+-.^_`|~", *at)))
        at++;
    return at > text && *at == '\0';
}

/* --- lines ------------------------------------------------------------------------------------ */

/* Ends the line that begins at *at, and moves behind it; NULL: it doesn't end as lines do. */
static char *next_line(char **at, char *end)
{
    char *line = *at, *feed = memchr(line, '\n', (size_t)(end - line));

    if (!feed || feed == line || feed[-1] != '\r')
        return NULL;
    feed[-1] = '\0';
    *at = feed + 1;
    return line;
}

static bool parse_first(char *line, struct http_head *head, struct http_wrong *wrong)
{
    char *uri = strchr(line, ' '), *version = uri ? strchr(uri + 1, ' ') : NULL;

    if (!version)
        return malformed(wrong, "no request line");
    *uri++ = '\0';
    *version++ = '\0';
    for (const char *at = uri; *at; at++)
        if (*at <= ' ' || *at == 0x7f)
            return malformed(wrong, "a control character in the target");
    if (!is_token(line) || *uri == '\0')
        return malformed(wrong, "no request line");
    head->uri = uri;
    for (size_t i = 0; i < NMETHODS; i++)
        if (strcmp(methods[i].word, line) == 0)
            head->method = methods[i].method;
    if (strcmp(version, "HTTP/1.0") == 0)
        head->last = true;
    else if (strcmp(version, "HTTP/1.1") != 0)
        return refuse(wrong, 505, "request.version", "HTTP/1.1 is spoken here");
    return true;
}

static bool parse_header(char *line, struct http_head *head, struct http_wrong *wrong)
{
    char *colon = strchr(line, ':'), *value, *last;

    if (!colon)
        return malformed(wrong, "a header without a colon");
    *colon = '\0';
    if (!is_token(line))
        return malformed(wrong, "a header whose name isn't one");
    value = colon + 1 + strspn(colon + 1, " \t");
    for (last = value + strlen(value); last > value && (last[-1] == ' ' || last[-1] == '\t');)
        *--last = '\0';
    for (const char *at = value; *at; at++)
        if (((unsigned char)*at < 0x20 && *at != '\t') || *at == 0x7f)
            return malformed(wrong, "a control character in a header");
    if (head->nheaders == HEAD_HEADERS)
        return refuse(wrong, 431, "request.headers", "more than 64 headers");
    head->headers[head->nheaders++] = (struct http_header){line, value};
    return true;
}

/* --- what they mean --------------------------------------------------------------------------- */

const char *http_head_find(const struct http_head *head, const char *name)
{
    for (size_t i = 0; i < head->nheaders; i++)
        if (strcasecmp(head->headers[i].name, name) == 0)
            return head->headers[i].value;
    return NULL;
}

/* One that stands twice is read otherwise by others on the way. */
static bool check_twice(const struct http_head *head, struct http_wrong *wrong)
{
    static const char *const once[] = {
        "host",          "content-length", "transfer-encoding", "content-type",    "x-api-key",
        "authorization", "if-match",       "if-none-match",     "idempotency-key", "x-request-id",
        "expect",        "connection",     "upgrade",           "origin"};

    for (size_t i = 0; i < sizeof(once) / sizeof(once[0]); i++) {
        size_t count = 0;

        for (size_t j = 0; j < head->nheaders; j++)
            count += strcasecmp(head->headers[j].name, once[i]) == 0;
        if (count > 1)
            return malformed(wrong, "a header that must stand once stands twice");
    }
    return true;
}

static bool parse_length(const char *text, struct http_head *head, struct http_wrong *wrong)
{
    size_t length = 0;

    if (!*text || strlen(text) > 18 || strspn(text, "0123456789") != strlen(text))
        return malformed(wrong, "a Content-Length that is no number");
    for (; *text; text++)
        length = length * 10 + (size_t)(*text - '0');
    head->length = length;
    return length <= HTTP_BODY_MOST ||
           refuse(wrong, 413, "request.too_large", "the body is larger than 1 MiB");
}

static bool parse_framing(struct http_head *head, struct http_wrong *wrong)
{
    const char *length = http_head_find(head, "Content-Length");
    const char *encoding = http_head_find(head, "Transfer-Encoding");
    const char *expect = http_head_find(head, "Expect");
    const char *connection = http_head_find(head, "Connection");

    if (connection && strcasestr(connection, "close"))
        head->last = true;
    if (length && encoding)
        return malformed(wrong, "both a Content-Length and a Transfer-Encoding");
    if (encoding && head->last && !connection)
        return malformed(wrong, "a Transfer-Encoding in HTTP/1.0");
    if (encoding && strcasecmp(encoding, "chunked") != 0)
        return refuse(wrong, 501, "request.encoding",
                      "chunked is the only Transfer-Encoding known");
    head->chunked = encoding != NULL;
    if (expect && strcasecmp(expect, "100-continue") != 0)
        return refuse(wrong, 417, "request.expectation", "that expectation can't be met");
    head->expects = expect != NULL;
    return !length || parse_length(length, head, wrong);
}

bool http_head_parse(char *text, size_t len, struct http_head *head, struct http_wrong *wrong)
{
    char *at = text, *end = text + len, *line;

    *head = (struct http_head){0};
    if (memchr(text, '\0', len))
        return malformed(wrong, "a zero byte");
    line = next_line(&at, end);
    if (!line)
        return malformed(wrong, "a line that doesn't end in CR LF");
    if (!parse_first(line, head, wrong))
        return false;
    for (;;) {
        line = next_line(&at, end);
        if (!line || strchr(line, '\r'))
            return malformed(wrong, "a line that doesn't end in CR LF");
        if (!*line)
            break;
        if (!parse_header(line, head, wrong))
            return false;
    }
    if (!check_twice(head, wrong) || !parse_framing(head, wrong))
        return false;
    return head->method || refuse(wrong, 501, "request.method", "that method isn't known here");
}

/* --- chunks ----------------------------------------------------------------------------------- */

enum { SIZE = 0, SIZE_CR, DATA, DATA_CR, DATA_LF, END_CR, END_LF };

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* One character outside of data; extensions and trailers are refused: nobody here has use for
 * them. */
static enum http_more step(struct http_chunks *chunks, char c, struct http_wrong *wrong)
{
    switch (chunks->state) {
    case SIZE:
        if (c == '\r' && chunks->digits > 0) {
            chunks->state = SIZE_CR;
            return HTTP_MORE;
        }
        if (digit(c) < 0 || ++chunks->digits > 8)
            break;
        chunks->left = chunks->left * 16 + (size_t)digit(c);
        return HTTP_MORE;
    case SIZE_CR:
        if (c != '\n')
            break;
        chunks->digits = 0;
        chunks->total += chunks->left;
        chunks->state = chunks->left > 0 ? DATA : END_CR;
        if (chunks->total <= HTTP_BODY_MOST)
            return HTTP_MORE;
        refuse(wrong, 413, "request.too_large", "the body is larger than 1 MiB");
        return HTTP_WRONG;
    case DATA_CR:
    case END_CR:
        if (c != '\r')
            break;
        chunks->state++;
        return HTTP_MORE;
    case DATA_LF:
        if (c != '\n')
            break;
        chunks->state = SIZE;
        return HTTP_MORE;
    case END_LF:
        if (c == '\n')
            return HTTP_WHOLE;
        break;
    default:
        break;
    }
    malformed(wrong, "a chunked body that isn't one, or has extensions or trailers");
    return HTTP_WRONG;
}

enum http_more http_chunks_take(struct http_chunks *chunks, const char **in, const char *end,
                                char *out, size_t *count, struct http_wrong *wrong)
{
    *count = 0;
    while (*in < end) {
        enum http_more more;

        if (chunks->state == DATA) {
            size_t some = (size_t)(end - *in) < chunks->left ? (size_t)(end - *in) : chunks->left;

            memcpy(out + *count, *in, some);
            *count += some;
            *in += some;
            chunks->left -= some;
            if (chunks->left == 0)
                chunks->state = DATA_CR;
            continue;
        }
        more = step(chunks, *(*in)++, wrong);
        if (more != HTTP_MORE)
            return more;
    }
    return HTTP_MORE;
}
