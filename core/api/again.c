/* Replies that are kept for requests with an Idempotency-Key. */
#include "again.h"

#include "../store.h"
#include "../util/log.h"

#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define KEPT_S (24 * 3600)
#define UNDER_WAY_S 600 /* by then its process was killed */

enum { WORD_MOST = 64 };

static bool is_meant(const struct call *call)
{
    return call->request->idempotency && call->route->method == HTTP_METHOD_POST;
}

static void hash_hex(const char *bytes, size_t length, char *out)
{
    uint8_t hash[SHA256_DIGEST_LENGTH];

    SHA256((const uint8_t *)bytes, length, hash);
    for (size_t i = 0; i < sizeof(hash); i++)
        snprintf(out + 2 * i, 3, "%02x", hash[i]);
}

/* Of all that makes the request what it is. */
static void print_of(const struct call *call, char *print)
{
    const struct http_request *request = call->request;

    hash_hex(request->uri, strlen(request->uri), print);
    hash_hex(request->body, request->length, print + 2 * SHA256_DIGEST_LENGTH);
}

static void forget_old(struct store *store)
{
    struct rnl_error unheard = RNL_ERROR_INIT;
    struct sql sql;

    sql_begin(&sql, store, "delete from replies where at_s < ?1 or (status is null and at_s < ?2)",
              &unheard);
    sql_number(&sql, time(NULL) - KEPT_S);
    sql_number(&sql, time(NULL) - UNDER_WAY_S);
    sql_end(&sql, NULL);
}

static int claim(struct call *call, const char *print, int64_t *claimed, struct rnl_error *err)
{
    struct sql sql;

    sql_begin(&sql, call->api->store,
              "insert into replies (key_id, word, print, at_s) values (?, ?, ?, ?)"
              " on conflict do nothing",
              err);
    sql_text(&sql, call->key.id);
    sql_text(&sql, call->request->idempotency);
    sql_text(&sql, print);
    sql_number(&sql, time(NULL));
    return sql_end(&sql, claimed);
}

static char *copy(const char *text)
{
    return *text ? strdup(text) : NULL;
}

static void refuse(struct call *call, int status, const char *code, const char *text)
{
    problem_reply(call->request, status, code, text, "");
}

static int replay(struct call *call, const char *print, struct rnl_error *err)
{
    struct http_reply *reply = &call->request->reply;
    struct sql sql;

    sql_begin(&sql, call->api->store,
              "select print, status, type, body, location from replies where key_id = ? and"
              " word = ?",
              err);
    sql_text(&sql, call->key.id);
    sql_text(&sql, call->request->idempotency);
    if (!sql_row(&sql))
        refuse(call, 409, "request.under_way", "it is under way, or has just failed");
    else if (strcmp(sql_text_at(&sql, 0), print) != 0)
        refuse(call, 422, "request.idempotency", "this Idempotency-Key was another request's");
    else if (sql_null_at(&sql, 1))
        refuse(call, 409, "request.under_way", "the same request is under way");
    else {
        reply->status = (int)sql_number_at(&sql, 1);
        reply->type = "application/json";
        reply->body = copy(sql_text_at(&sql, 3));
        reply->length = reply->body ? strlen(reply->body) : 0;
        reply->location = copy(sql_text_at(&sql, 4));
        reply->replayed = true;
    }
    return sql_end(&sql, NULL);
}

enum again again_begin(struct call *call, struct rnl_error *err)
{
    char print[4 * SHA256_DIGEST_LENGTH + 1];
    int64_t claimed = 0;

    if (!is_meant(call))
        return AGAIN_NO;
    if (strlen(call->request->idempotency) > WORD_MOST || !*call->request->idempotency) {
        refuse(call, 400, "request.idempotency", "an Idempotency-Key has 1 to 64 characters");
        return AGAIN_ANSWERED;
    }
    print_of(call, print);
    forget_old(call->api->store);
    if (claim(call, print, &claimed, err) != RNL_OK)
        return AGAIN_FAILED;
    if (claimed > 0)
        return AGAIN_NO;
    return replay(call, print, err) == RNL_OK ? AGAIN_ANSWERED : AGAIN_FAILED;
}

static void keep(struct call *call, struct rnl_error *err)
{
    const struct http_reply *reply = &call->request->reply;
    struct sql sql;

    sql_begin(&sql, call->api->store,
              "update replies set status = ?, body = ?, location = ? where key_id = ? and word = ?",
              err);
    sql_number(&sql, reply->status);
    sql_text(&sql, reply->body);
    sql_text(&sql, reply->location);
    sql_text(&sql, call->key.id);
    sql_text(&sql, call->request->idempotency);
    sql_end(&sql, NULL);
}

static void forget(struct call *call, struct rnl_error *err)
{
    struct sql sql;

    sql_begin(&sql, call->api->store, "delete from replies where key_id = ? and word = ?", err);
    sql_text(&sql, call->key.id);
    sql_text(&sql, call->request->idempotency);
    sql_end(&sql, NULL);
}

/* A reply with a secret in it is never written down: asked again, it is refused. */
void again_end(struct call *call, bool done)
{
    struct rnl_error err = RNL_ERROR_INIT;

    if (!is_meant(call))
        return;
    if (done && !call->request->reply.secret)
        keep(call, &err);
    else if (!done)
        forget(call, &err);
    if (err.status != RNL_OK)
        log_error("api", &err);
}
