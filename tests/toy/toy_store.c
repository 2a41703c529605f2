/* The toy database itself, and what of changes must be so in it. */
#include "toy_store.h"

#include <stdlib.h>

static pthread_mutex_t stores_lock = PTHREAD_MUTEX_INITIALIZER;
static struct store *stores;

struct store *store_named(const char *name)
{
    struct store *store;

    pthread_mutex_lock(&stores_lock);
    for (store = stores; store; store = store->next)
        if (strcmp(store->name, name) == 0)
            break;
    if (!store) {
        store = calloc(1, sizeof(*store));
        store->name = strdup(name);
        pthread_mutex_init(&store->lock, NULL);
        for (int i = 0; i < MOST_TABLES; i++) {
            store->rows[i] = calloc(1, MOST_ROWS);
            store->columns[i] = 2;
        }
        store->next = stores;
        stores = store;
    }
    pthread_mutex_unlock(&stores_lock);
    return store;
}

bool toy_confirm(const char *name, int64_t number)
{
    struct store *store = store_named(name);
    bool right;

    pthread_mutex_lock(&store->lock);
    right = number <= store->durable;
    if (right)
        store->confirmed = number;
    pthread_mutex_unlock(&store->lock);
    return right;
}

int64_t toy_confirmed(const char *name)
{
    struct store *store = store_named(name);
    int64_t confirmed;

    pthread_mutex_lock(&store->lock);
    confirmed = store->confirmed;
    pthread_mutex_unlock(&store->lock);
    return confirmed;
}

int64_t toy_changes(const char *name)
{
    struct store *store = store_named(name);
    int64_t changes;

    pthread_mutex_lock(&store->lock);
    changes = store->changes;
    pthread_mutex_unlock(&store->lock);
    return changes;
}

/* Changes come when tables have their keys; those that aren't replayed, when all stands. */
int store_check_time(struct writer *writer, uint32_t flags, struct rnl_error *err)
{
    struct store *store = writer->sink->store;
    bool early;

    pthread_mutex_lock(&store->lock);
    early = store->keys == 0 || (!(flags & RNL_BUNDLE_REPLAY) && store->others == 0);
    pthread_mutex_unlock(&store->lock);
    return early ? rnl_fail(err, RNL_E_FATAL, "toy.order", "changes come too early") : RNL_OK;
}

/* Behind the load nothing is done again: what stands there may be of later on. */
static bool is_following(const struct store *store)
{
    return store->plan &&
           memmem(store->plan, store->plan_len, "\"state\":\"following\"", 19) != NULL;
}

/* Of changes: the place that is committed is that behind the last of them, and ends a transaction.
 */
int store_check_changes(const struct writer *writer, const struct rnl_checkpoint *checkpoint,
                        struct rnl_error *err)
{
    const struct toy_sink_config *config = writer->sink->ctx->config;
    const struct store *store = writer->sink->store;
    int64_t place = checkpoint->nunits ? toy_number(checkpoint->units[0].position) : 0;
    bool known = checkpoint->nunits && store->unit == checkpoint->units[0].unit;
    bool counted = config->lanes <= 1 && !writer->sink->keyless && known;

    if (!store->columns[0]) /* of a table that was dropped no changes come: they can't be counted */
        return RNL_OK;
    if (!writer->changes)
        return RNL_OK;
    if (place < store->changes + (int64_t)writer->changes && store->changes && counted)
        return rnl_fail(err, RNL_E_FATAL, "toy.halved",
                        "%zu changes behind %lld are committed as if they were up to %lld",
                        writer->changes, (long long)store->changes, (long long)place);
    if (counted && !config->partial && place != store->changes + (int64_t)writer->changes &&
        store->changes)
        return rnl_fail(err, RNL_E_FATAL, "toy.halved",
                        "%zu changes behind %lld are committed as if they were up to %lld",
                        writer->changes, (long long)store->changes, (long long)place);
    for (size_t i = 0; i < writer->nrows; i++)
        if (store->rows[writer->rows[i].table][writer->rows[i].id] &&
            (!writer->rows[i].replay || is_following(store)))
            return rnl_fail(err, RNL_E_FATAL, "toy.again", "a change is done again");
    return RNL_OK;
}

void store_note_changes(struct writer *writer, const struct rnl_checkpoint *checkpoint)
{
    const struct toy_sink_config *config = writer->sink->ctx->config;
    struct store *store = writer->sink->store;

    if (config->lanes > 1 && checkpoint->durable && checkpoint->nunits &&
        toy_is_place(checkpoint->units[0].position)) {
        store->lane_durable[checkpoint->lane] = toy_number(checkpoint->units[0].position);
        store->durable = INT64_MAX;
        for (int64_t i = 0; i < config->lanes; i++)
            if (store->lane_durable[i] < store->durable)
                store->durable = store->lane_durable[i];
        return;
    }
    if (checkpoint->nunits && toy_is_place(checkpoint->units[0].position)) {
        store->unit = checkpoint->units[0].unit; /* another one may begin at an earlier place */
        store->changes = toy_number(checkpoint->units[0].position);
    }
    if (checkpoint->durable)
        store->durable = store->changes;
}
