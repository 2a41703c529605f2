/* The kit's checks of a registry: who is announced is found, and entries are set by comparison. */
#include "../names.h"
#include "../util/clock.h"
#include "kit.h"

#include <unistd.h>

enum { WATCH_MS = 20000, SHORT_MS = 300, SOON_MS = 3000 };

/* Two users of one registry, as two nodes are. */
struct pair {
    struct kit *kit;
    const struct rnl_registry_ops *ops;
    void *one, *two;
    char name[40], key[60];
};

/* --- services --------------------------------------------------------------------------------- */

static bool is_found(const struct pair *pair, uint32_t *health, struct rnl_error *err)
{
    struct rnl_services found = {0};
    bool there = false;

    if (pair->ops->lookup(pair->two, pair->name, &found, err) == RNL_OK)
        for (size_t i = 0; i < found.count; i++)
            if (strcmp(found.items[i].id, pair->name) == 0) {
                there = true;
                *health = found.items[i].health;
            }
    services_clear(&found);
    return there;
}

static void check_services(struct pair *pair)
{
    static const char name[] = "who is announced is found";
    const struct rnl_service service = {
        .size = sizeof(service), .name = pair->name, .id = pair->name, .address = "localhost"};
    struct rnl_error err = RNL_ERROR_INIT;
    uint32_t health = 0;

    kit_doing(pair->kit, name);
    if (!kit_ok(pair->kit, pair->ops->announce(pair->one, &service, &err), &err, "announces"))
        return;
    kit_ok(pair->kit, pair->ops->beat(pair->one, RNL_HEALTHY, "well", &err), &err, "beats");
    kit_expect(pair->kit, is_found(pair, &health, &err), name, "another doesn't see it: %s",
               err.text);
    kit_expect(pair->kit, health == RNL_HEALTHY, "says how it fares", "its health is %u", health);
    pair->ops->beat(pair->one, RNL_DEGRADED, "not so well", &err);
    is_found(pair, &health, &err);
    kit_expect(pair->kit, health == RNL_DEGRADED, "says when that changes", "its health is %u",
               health);
    kit_ok(pair->kit, pair->ops->withdraw(pair->one, &err), &err, "withdraws");
    kit_expect(pair->kit, !is_found(pair, &health, &err), "who is withdrawn is gone",
               "another still sees it");
}

/* --- entries ---------------------------------------------------------------------------------- */

static struct rnl_slice slice(const char *text)
{
    return (struct rnl_slice){text, strlen(text)};
}

static bool reads(const struct pair *pair, void *self, const char *text, uint64_t *revision)
{
    struct rnl_entry entry = {.size = sizeof(entry)};
    struct rnl_error err = RNL_ERROR_INIT;

    if (pair->ops->read(self, pair->key, &entry, &err) != RNL_OK)
        return false;
    *revision = entry.revision;
    return strcmp(entry.key, pair->key) == 0 && entry.value.len == strlen(text) &&
           memcmp(entry.value.ptr, text, strlen(text)) == 0;
}

static void expect_conflict(const struct pair *pair, void *self, uint64_t revision,
                            const char *name)
{
    struct rnl_error err = RNL_ERROR_INIT;
    int status = pair->ops->store(self, pair->key, slice("late"), revision, &err);

    kit_expect(pair->kit, status == RNL_E_RETRY && strcmp(err.code, "registry.conflict") == 0, name,
               "it returned %d %s", status, status < 0 ? err.code : "");
}

static void check_compare(struct pair *pair)
{
    struct rnl_entry entry = {.size = sizeof(entry)};
    struct rnl_error err = RNL_ERROR_INIT;
    uint64_t first = 0, second = 0;

    kit_doing(pair->kit, "compares and sets");
    kit_expect(pair->kit, pair->ops->read(pair->one, pair->key, &entry, &err) == RNL_DONE,
               "says that a key is not there", "%s", err.text);
    kit_ok(pair->kit, pair->ops->store(pair->one, pair->key, slice("a\n\xc3\xa9"), 0, &err), &err,
           "makes a key that isn't there");
    kit_expect(pair->kit, reads(pair, pair->two, "a\n\xc3\xa9", &first), "another reads it",
               "it reads something else");
    kit_expect(pair->kit, first != 0 && first != RNL_ANY_REVISION, "gives it a revision", "%llu",
               (unsigned long long)first);
    expect_conflict(pair, pair->two, 0, "refuses to make a key that is there");
    kit_ok(pair->kit, pair->ops->store(pair->two, pair->key, slice("b"), first, &err), &err,
           "sets at the revision that is");
    expect_conflict(pair, pair->one, first, "refuses at one that was");
    kit_expect(pair->kit, reads(pair, pair->one, "b", &second) && second != first,
               "a refusal changes nothing", "another value, or the same revision");
    kit_ok(pair->kit, pair->ops->put(pair->one, pair->key, slice(""), &err), &err, "puts anyway");
    kit_expect(pair->kit, reads(pair, pair->two, "", &second), "keeps an empty value",
               "it is not empty");
    kit_expect(pair->kit,
               pair->ops->store(pair->one, "no such\nkey", slice("x"), 0, &err) == RNL_E_DATA,
               "refuses what is no key", "it takes it");
}

struct seen {
    const char *key;
    bool there;
    size_t others;
};

static void see(void *arg, const struct rnl_entry *entry)
{
    struct seen *seen = arg;

    if (strcmp(entry->key, seen->key) == 0)
        seen->there = true;
    else
        seen->others++;
}

static int watch(const struct pair *pair, uint64_t *index, uint32_t wait_ms, struct seen *seen,
                 struct rnl_error *err)
{
    *seen = (struct seen){.key = pair->key};
    return pair->ops->watch(pair->one, pair->key, index, wait_ms, see, seen, err);
}

static void change_key(void *self)
{
    const struct pair *pair = self;
    struct rnl_error unheard = RNL_ERROR_INIT;

    pair->ops->put(pair->two, pair->key, slice("changed"), &unheard);
}

static void interrupt(void *self)
{
    const struct pair *pair = self;

    pair->ops->interrupt(pair->one);
}

static void check_wait(struct pair *pair, uint64_t *index, struct seen *seen)
{
    struct kit_after after;
    struct rnl_error err = RNL_ERROR_INIT;
    int64_t begun_ms = clock_ms(), ended_ms;
    int status;

    kit_doing(pair->kit, "watches");
    status = watch(pair, index, SHORT_MS, seen, &err);
    kit_expect(pair->kit, status == RNL_OK && clock_ms() - begun_ms < WATCH_MS / 2,
               "a watch without news ends", "%d, after %lld ms", status,
               (long long)(clock_ms() - begun_ms));
    if (kit_after(&after, SHORT_MS, change_key, pair)) {
        status = watch(pair, index, WATCH_MS, seen, &err);
        ended_ms = clock_ms();
        kit_after_join(&after);
        kit_expect(pair->kit, status == RNL_OK && seen->there, "a change wakes a watch", "%d %s",
                   status, status < 0 ? err.text : "");
        kit_expect(pair->kit, ended_ms - after.called_ms < SOON_MS, "it wakes it soon",
                   "after %lld ms", (long long)(ended_ms - after.called_ms));
    }
    if (kit_after(&after, SHORT_MS, interrupt, pair)) {
        status = watch(pair, index, WATCH_MS, seen, &err);
        ended_ms = clock_ms();
        kit_after_join(&after);
        kit_expect(pair->kit, status == RNL_AGAIN && ended_ms - after.called_ms < SOON_MS,
                   "a watch can be interrupted", "%d, after %lld ms", status,
                   (long long)(ended_ms - after.called_ms));
    }
    interrupt(pair);
    status = watch(pair, index, WATCH_MS, seen, &err);
    kit_expect(pair->kit, status == RNL_AGAIN, "and so can the next one", "%d", status);
}

static void check_watch(struct pair *pair)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct seen seen;
    uint64_t index = 0;

    kit_doing(pair->kit, "lists");
    if (!kit_ok(pair->kit, watch(pair, &index, 0, &seen, &err), &err, "lists"))
        return;
    kit_expect(pair->kit, seen.there && seen.others == 0 && index != 0, "lists by prefix",
               "there: %d, others: %zu, index %llu", seen.there, seen.others,
               (unsigned long long)index);
    check_wait(pair, &index, &seen);
    kit_ok(pair->kit, pair->ops->remove(pair->two, pair->key, RNL_ANY_REVISION, &err), &err,
           "removes");
    watch(pair, &index, WATCH_MS, &seen, &err);
    kit_expect(pair->kit, !seen.there, "a removal wakes a watch", "it is still listed");
    kit_ok(pair->kit, pair->ops->remove(pair->two, pair->key, RNL_ANY_REVISION, &err), &err,
           "removes what isn't there");
}

void kit_registry(struct kit_use *use)
{
    struct pair pair = {.kit = use->kit, .ops = &use->plugin->registry};
    struct rnl_error err = RNL_ERROR_INIT;

    snprintf(pair.name, sizeof(pair.name), "runnel-kit-%d", (int)getpid());
    snprintf(pair.key, sizeof(pair.key), "kit/%s/a.key~1", pair.name);
    if (pair.ops->open(&use->host.ctx, &pair.one, &err) != RNL_OK)
        return; /* told already */
    if (pair.ops->open(&use->host.ctx, &pair.two, &err) == RNL_OK) {
        check_services(&pair);
        if (pair.ops->watch && pair.ops->read && pair.ops->store && pair.ops->remove) {
            check_compare(&pair);
            check_watch(&pair);
        } else
            kit_skip(use->kit, "compares and sets", "it keeps no entries");
        pair.ops->close(pair.two);
    }
    pair.ops->close(pair.one);
}
