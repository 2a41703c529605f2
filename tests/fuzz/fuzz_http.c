/* Requests from any bytes: a head and a chunked body, whole or refused; never read beyond. */
#include "api/http_read.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

/* What is left of a head makes one again, and means the same. */
static void head_is_sound(const struct http_head *head)
{
    static struct target target;

    MUST(head->uri && head->method);
    MUST(!(head->chunked && head->length > 0));
    MUST(head->length <= HTTP_BODY_MOST);
    for (size_t i = 0; i < head->nheaders; i++) {
        MUST(*head->headers[i].name && !strpbrk(head->headers[i].name, " \t\r\n:"));
        MUST(!strpbrk(head->headers[i].value, "\r\n"));
    }
    if (target_parse(head->uri, &target))
        return;
    for (size_t i = 0; i < target.nsegments; i++)
        MUST(*target.segments[i] && !strpbrk(target.segments[i], "/\\") &&
             strcmp(target.segments[i], "..") != 0);
}

/* In pieces it is the same as at once. */
static void body(const uint8_t *data, size_t size)
{
    struct http_chunks whole = {0}, pieces = {0};
    char *at_once = malloc(size + 1), *in_pieces = malloc(size + 1);
    const char *start = (const char *)data, *at = start, *also = start;
    enum http_more first, second = HTTP_MORE;
    struct http_wrong wrong;
    size_t count, length = 0;

    MUST(at_once && in_pieces);
    first = http_chunks_take(&whole, &at, start + size, at_once, &count, &wrong);
    while (second == HTTP_MORE && also < start + size) {
        size_t some;

        second = http_chunks_take(&pieces, &also, also + 1, in_pieces + length, &some, &wrong);
        length += some;
    }
    MUST(first == second && at == also && length == count);
    MUST(memcmp(at_once, in_pieces, length) == 0 && length <= HTTP_BODY_MOST + size);
    free(at_once);
    free(in_pieces);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    struct http_wrong wrong = {0};
    struct http_head head;

    MUST(text != NULL);
    memcpy(text, data, size);
    if (http_head_parse(text, size, &head, &wrong))
        head_is_sound(&head);
    else
        MUST(wrong.status >= 400 && wrong.code && wrong.text);
    free(text);
    body(data, size);
    return 0;
}
