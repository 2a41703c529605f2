/* Entries in Consul's key-value store, below the prefix; blocking queries wait for changes. */
#include "consul.h"

#include <stdlib.h>

enum { WAIT_MOST_MS = 600000 };

static int key_path(struct consul *consul, const char *key, char *path, size_t size,
                    const char *query, struct rnl_error *err)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/~";

    if (strlen(key) > RNL_KEY_BYTES || strspn(key, plain) != strlen(key))
        return rnl_fail(err, RNL_E_DATA, "registry.key", "\"%.80s\" can't be a key", key);
    return http_path(consul, path, size, err, "kv/%s/%s%s", consul->config->prefix, key, query);
}

struct one {
    struct consul *consul;
    const char *key;
    struct rnl_entry *out;
    bool found;
};

static void take_one(void *arg, const struct rnl_entry *entry)
{
    struct one *one = arg;
    char *value = malloc(entry->value.len + 1);

    if (!value || strcmp(entry->key, one->key) != 0) {
        free(value);
        return;
    }
    memcpy(value, entry->value.ptr, entry->value.len);
    free(one->consul->value);
    one->consul->value = value;
    snprintf(one->consul->key, sizeof(one->consul->key), "%s", entry->key);
    *one->out = (struct rnl_entry){.size = sizeof(*one->out),
                                   .key = one->consul->key,
                                   .value = {value, entry->value.len},
                                   .revision = entry->revision};
    one->found = true;
}

static void strip_of(const struct consul *consul, char *strip, size_t size)
{
    snprintf(strip, size, "%s/", consul->config->prefix);
}

int key_read(struct consul *consul, const char *key, struct rnl_entry *out, struct rnl_error *err)
{
    struct one one = {consul, key, out, false};
    char path[PATH_BYTES], strip[NAME_BYTES];
    struct answer answer;
    int status = key_path(consul, key, path, sizeof(path), "", err);

    out->value = (struct rnl_slice){"", 0};
    out->revision = 0;
    if (status == RNL_OK)
        status =
            http_ask(consul, "GET", path, NULL, consul->config->timeout_ms, false, &answer, err);
    if (status != RNL_OK)
        return status;
    if (answer.code == 404)
        return RNL_DONE;
    strip_of(consul, strip, sizeof(strip));
    if (answer.code != 200 || !words_entries(answer.body, answer.len, strip, take_one, &one) ||
        !one.found)
        return http_strange(&answer, "a key", err);
    return RNL_OK;
}

/* value NULL: away with it. */
static int change(struct consul *consul, const char *key, const struct rnl_slice *value,
                  uint64_t revision, struct rnl_error *err)
{
    char path[PATH_BYTES], query[40] = "";
    struct answer answer;
    int status;

    if (revision != RNL_ANY_REVISION)
        snprintf(query, sizeof(query), "?cas=%llu", (unsigned long long)revision);
    status = key_path(consul, key, path, sizeof(path), query, err);
    if (status == RNL_OK)
        status = http_ask(consul, value ? "PUT" : "DELETE", path, value, consul->config->timeout_ms,
                          false, &answer, err);
    if (status != RNL_OK)
        return status;
    if (answer.code == 200 && strncmp(answer.body, "true", 4) == 0)
        return RNL_OK;
    if (answer.code == 200 && strncmp(answer.body, "false", 5) == 0)
        return rnl_fail(err, RNL_E_RETRY, "registry.conflict",
                        "%s was changed by another meanwhile", key);
    if (answer.code == 413)
        return rnl_fail(err, RNL_E_DATA, "registry.key", "the value of %s is too long for Consul",
                        key);
    return http_strange(&answer, "a change of a key", err);
}

int key_store(struct consul *consul, const char *key, struct rnl_slice value, uint64_t revision,
              struct rnl_error *err)
{
    if (!*key || value.len > RNL_ENTRY_BYTES)
        return rnl_fail(err, RNL_E_DATA, "registry.key", "%s can't have a value of %zu bytes",
                        *key ? key : "no key", value.len);
    return change(consul, key, &value, revision, err);
}

int key_remove(struct consul *consul, const char *key, uint64_t revision, struct rnl_error *err)
{
    if (!*key)
        return rnl_fail(err, RNL_E_DATA, "registry.key", "a key can't be empty");
    if (revision == 0)
        return RNL_OK; /* one that isn't there */
    return change(consul, key, NULL, revision, err);
}

/* --- watching --------------------------------------------------------------------------------- */

/* A token without rights is told of an empty store: whether it has them, only writing shows. */
static int try_token(struct consul *consul, struct rnl_error *err)
{
    if (consul->tried)
        return RNL_OK;
    if (change(consul, "writable", &(struct rnl_slice){"", 0}, RNL_ANY_REVISION, err) != RNL_OK)
        return err->status;
    consul->tried = true;
    return RNL_OK;
}

int key_watch(struct consul *consul, const char *prefix, uint64_t *index, uint32_t wait_ms,
              void (*each)(void *arg, const struct rnl_entry *entry), void *arg,
              struct rnl_error *err)
{
    char path[PATH_BYTES], query[80], strip[NAME_BYTES];
    int64_t wait = *index == 0 ? 0 : wait_ms < WAIT_MOST_MS ? wait_ms : WAIT_MOST_MS;
    struct answer answer;
    int status;

    if (wait > 0)
        snprintf(query, sizeof(query), "?recurse&index=%llu&wait=%lldms",
                 (unsigned long long)*index, (long long)wait);
    else
        snprintf(query, sizeof(query), "?recurse");
    if (try_token(consul, err) != RNL_OK ||
        key_path(consul, prefix, path, sizeof(path), query, err) != RNL_OK)
        return err->status;
    /* Consul adds up to a sixteenth, so that not all who wait come at once. */
    status = http_ask(consul, "GET", path, NULL, wait + wait / 16 + consul->config->timeout_ms,
                      wait > 0, &answer, err);
    if (status != RNL_OK)
        return status;
    strip_of(consul, strip, sizeof(strip));
    if (answer.code != 404 &&
        (answer.code != 200 || !words_entries(answer.body, answer.len, strip, each, arg)))
        return http_strange(&answer, "which keys there are", err);
    if (answer.index < *index)
        *index = 0; /* a store begun anew: the next question doesn't wait */
    else
        *index = answer.index ? answer.index : 1;
    return RNL_OK;
}
