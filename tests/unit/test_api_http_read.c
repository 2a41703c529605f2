/* Heads and chunked bodies of requests: forms that others read otherwise are refused. */
#include "api/http_read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char text[8000];
static struct http_head head;
static struct http_wrong wrong;

static bool parse(const char *said)
{
    snprintf(text, sizeof(text), "%s", said);
    wrong = (struct http_wrong){0};
    return http_head_parse(text, strlen(said), &head, &wrong);
}

static void refused(const char *said, int status)
{
    if (parse(said))
        fail_msg("taken: %s", said);
    assert_int_equal(wrong.status, status);
    assert_non_null(wrong.code);
}

static void plain(void **state)
{
    (void)state;
    assert_true(parse("GET /a?b=c HTTP/1.1\r\nHost: x\r\nX-API-Key:\t k \r\n\r\n"));
    assert_int_equal(head.method, HTTP_METHOD_GET);
    assert_string_equal(head.uri, "/a?b=c");
    assert_string_equal(http_head_find(&head, "host"), "x");
    assert_string_equal(http_head_find(&head, "x-api-key"), "k");
    assert_false(head.last || head.chunked || head.expects);
    assert_int_equal(head.length, 0);
    assert_true(parse("POST / HTTP/1.1\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"));
    assert_int_equal(head.length, 5);
    assert_true(head.expects);
    assert_true(parse("PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"));
    assert_true(head.chunked && head.last);
    assert_true(parse("GET / HTTP/1.0\r\n\r\n"));
    assert_true(head.last);
}

static void lines(void **state)
{
    (void)state;
    refused("GET / HTTP/1.1\nHost: x\n\n", 400);
    refused("GET / HTTP/1.1\r\nHost: x\n\r\n", 400);
    refused("GET / HTTP/1.1\r\nA: b\rc\r\n\r\n", 400);
    refused("GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", 400); /* folded */
    refused("GET  / HTTP/1.1\r\n\r\n", 400);
    refused("GET /\r\n\r\n", 400);
    refused("\r\nGET / HTTP/1.1\r\n\r\n", 400);
    refused("G(T / HTTP/1.1\r\n\r\n", 400);
    refused("GET /\x01 HTTP/1.1\r\n\r\n", 400);
    refused("GET / HTTP/2.0\r\n\r\n", 505);
    refused("OPTIONS / HTTP/1.1\r\n\r\n", 501);
    memcpy(text, "GET / HTTP/1.1\r\nA: b\0c\r\n\r\n", 27);
    assert_false(http_head_parse(text, 26, &head, &wrong));
}

static void headers(void **state)
{
    char many[4000] = "GET / HTTP/1.1\r\n";

    (void)state;
    refused("GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400);
    refused("GET / HTTP/1.1\r\n: x\r\n\r\n", 400);
    refused("GET / HTTP/1.1\r\nA\r\n\r\n", 400);
    refused("GET / HTTP/1.1\r\nA: \x01\r\n\r\n", 400);
    refused("GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n", 400);
    refused("GET / HTTP/1.1\r\nX-API-Key: a\r\nX-Api-Key: b\r\n\r\n", 400);
    for (int i = 0; i < 65; i++)
        strcat(many, "A: b\r\n");
    strcat(many, "\r\n");
    refused(many, 431);
}

static void framing(void **state)
{
    (void)state;
    refused("POST / HTTP/1.1\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\n", 400);
    refused("POST / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n", 400);
    refused("POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400);
    refused("POST / HTTP/1.1\r\nContent-Length: +4\r\n\r\n", 400);
    refused("POST / HTTP/1.1\r\nContent-Length: 4, 4\r\n\r\n", 400);
    refused("POST / HTTP/1.1\r\nContent-Length: 0x4\r\n\r\n", 400);
    refused("POST / HTTP/1.1\r\nContent-Length: 1048577\r\n\r\n", 413);
    refused("POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", 400);
    refused("POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501);
    refused("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400);
    refused("POST / HTTP/1.1\r\nExpect: 200-ok\r\n\r\n", 417);
}

/* However it is cut into pieces, it is the same body. */
static enum http_more take(const char *said, size_t piece, char *body, size_t *rest)
{
    struct http_chunks chunks = {0};
    const char *at = said, *end = said + strlen(said);
    enum http_more more = HTTP_MORE;
    size_t count, length = 0;

    while (more == HTTP_MORE && at < end) {
        const char *stop = (size_t)(end - at) > piece ? at + piece : end;

        more = http_chunks_take(&chunks, &at, stop, body + length, &count, &wrong);
        length += count;
    }
    body[length] = '\0';
    *rest = (size_t)(end - at);
    return more;
}

static void chunked_bodies(void **state)
{
    static const char *const bad[] = {"x\r\n",
                                      "\r\n",
                                      "5;a=b\r\nhello\r\n0\r\n\r\n",
                                      "5\nhello",
                                      "5\r\nhelloX\r\n",
                                      "5\r\nhello\r\n0\r\nA: b\r\n\r\n",
                                      "000000005\r\n",
                                      "-5\r\n",
                                      "100001\r\n"};
    char body[200];
    size_t rest;

    (void)state;
    for (size_t piece = 1; piece < 30; piece++) {
        assert_int_equal(take("5\r\nhello\r\nA\r\n, world!!!\r\n0\r\n\r\nGET", piece, body, &rest),
                         HTTP_WHOLE);
        assert_string_equal(body, "hello, world!!!");
        assert_int_equal(rest, 3);
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
            assert_int_equal(take(bad[i], piece, body, &rest), HTTP_WRONG);
    }
    assert_int_equal(wrong.status, 413);
    assert_int_equal(take("5\r\nhel", 3, body, &rest), HTTP_MORE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain),   cmocka_unit_test(lines),          cmocka_unit_test(headers),
        cmocka_unit_test(framing), cmocka_unit_test(chunked_bodies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
