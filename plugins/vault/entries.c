/* What was read and is still good: credentials with a lease, which is renewed in time. */
#include "vault.h"

#include <stdlib.h>

enum { MOMENT_MS = 2000 };

static void entry_clear(struct entry *entry)
{
    pages_free(&entry->fields);
    free(entry->path);
    free(entry->lease);
    *entry = (struct entry){0};
}

static void revoke(struct vault *vault, const struct entry *entry, int flags)
{
    struct rnl_error unheard = RNL_ERROR_INIT;
    json_t *body = entry->lease ? json_pack("{s:s}", "lease_id", entry->lease) : NULL;
    struct reply reply;

    if (body &&
        vault_ask(vault, "POST", "sys/leases/revoke", body, flags, &reply, &unheard) == RNL_OK)
        reply_free(&reply);
    json_decref(body);
}

struct entry *entry_find(struct vault *vault, const char *path)
{
    for (size_t i = 0; i < KEPT_ENTRIES; i++) {
        struct entry *entry = &vault->entries[i];

        if (entry->path && strcmp(entry->path, path) == 0)
            return entry->stale || now_ms() >= entry->until_ms ? NULL : entry;
    }
    return NULL;
}

/* The one of this path, which nobody uses any more, or one that is free; NULL: none is. */
static struct entry *place(struct vault *vault, const char *path)
{
    struct entry *found = NULL;

    for (size_t i = 0; i < KEPT_ENTRIES; i++) {
        struct entry *entry = &vault->entries[i];

        if (entry->path && strcmp(entry->path, path) == 0) {
            revoke(vault, entry, ASK_ONCE);
            entry_clear(entry);
            return entry;
        }
        if (entry->path && !entry->lease && now_ms() >= entry->until_ms)
            entry_clear(entry);
        if (!entry->path && !found)
            found = entry;
    }
    return found;
}

static void lasts(struct entry *entry, int64_t ttl_ms)
{
    int64_t now = now_ms();

    entry->until_ms = now + ttl_ms;
    entry->renew_ms = renewal_ms(now, ttl_ms);
}

struct entry *entry_keep(struct vault *vault, const char *path, const json_t *root, json_t *data)
{
    const char *lease = json_string_value(json_object_get(root, "lease_id"));
    struct entry *entry = place(vault, path);
    bool leased = lease && *lease;

    if (!entry)
        return NULL;
    entry->path = strdup(path);
    entry->lease = leased ? strdup(lease) : NULL;
    if (!entry->path || (leased && !entry->lease) || !fields_pack(data, &entry->fields)) {
        entry_clear(entry);
        return NULL;
    }
    entry->ttl_ms = leased ? reply_ms(root, "lease_duration") : MOMENT_MS;
    entry->renewable = leased && json_is_true(json_object_get(root, "renewable"));
    lasts(entry, entry->ttl_ms);
    return entry;
}

static void stale(struct vault *vault, struct entry *entry, const char *why)
{
    entry->stale = true;
    rnl_info(vault->ctx, "what Vault gave at %s is good for %lld s more: %s", entry->path,
             (long long)(entry->until_ms > now_ms() ? entry->until_ms - now_ms() : 0) / 1000, why);
}

/* Its lease, at the time for it. */
static int renew(struct vault *vault, struct entry *entry, struct rnl_error *err)
{
    json_t *body = json_pack("{s:s, s:I}", "lease_id", entry->lease, "increment",
                             (json_int_t)(entry->ttl_ms / 1000));
    int64_t now = now_ms(), ttl_ms;
    struct reply reply;
    int status = vault_ask(vault, "POST", "sys/leases/renew", body, ASK_ONCE, &reply, err);

    json_decref(body);
    if (status == RNL_E_RETRY) {
        if (now >= entry->until_ms)
            stale(vault, entry, err->text);
        entry->renew_ms = now + 500 + (entry->until_ms - now) / 10;
        return status;
    }
    ttl_ms = status == RNL_OK && reply.code == 200 ? reply_ms(reply.root, "lease_duration") : 0;
    if (ttl_ms)
        lasts(entry, ttl_ms);
    if (!ttl_ms)
        stale(vault, entry, "its lease is gone");
    else if (ttl_ms < entry->ttl_ms / 3 * 2)
        stale(vault, entry, "it can't be prolonged for as long as it was");
    reply_free(&reply);
    return RNL_OK;
}

static int tend(struct vault *vault, struct entry *entry, struct rnl_error *err)
{
    if (!entry->lease) {
        if (now_ms() >= entry->until_ms)
            entry_clear(entry);
        return RNL_OK;
    }
    if (entry->stale || now_ms() < entry->renew_ms)
        return RNL_OK;
    if (entry->renewable)
        return renew(vault, entry, err);
    stale(vault, entry, "it can't be renewed");
    return RNL_OK;
}

int entries_tend(struct vault *vault, struct rnl_error *err)
{
    int status = RNL_OK;

    for (size_t i = 0; i < KEPT_ENTRIES; i++)
        if (vault->entries[i].path && tend(vault, &vault->entries[i], err) < 0)
            status = err->status;
    for (size_t i = 0; i < KEPT_ENTRIES; i++) {
        struct entry *entry = &vault->entries[i];

        if (entry->stale && !entry->told) {
            entry->told = true;
            status = RNL_AGAIN;
        }
    }
    return status;
}

void entries_forget(struct vault *vault, bool told)
{
    for (size_t i = 0; i < KEPT_ENTRIES; i++) {
        struct entry *entry = &vault->entries[i];

        if (entry->path && !entry->lease)
            entry_clear(entry);
        else if (entry->path) {
            entry->stale = true;
            entry->told = entry->told || told;
        }
    }
}

void entries_free(struct vault *vault, bool at_end)
{
    for (size_t i = 0; i < KEPT_ENTRIES; i++) {
        if (at_end && vault->entries[i].path)
            revoke(vault, &vault->entries[i], ASK_AT_END);
        entry_clear(&vault->entries[i]);
    }
}
