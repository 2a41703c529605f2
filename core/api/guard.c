/* Wrong keys counted by address, within the minute; of the addresses the latest are remembered. */
#include "guard.h"

#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

enum { CLIENTS_MOST = 256 };

#define MINUTE_S 60

static struct {
    pthread_mutex_t lock;
    struct {
        char client[64];
        int64_t until_s;
        uint32_t count;
    } clients[CLIENTS_MOST];
} guard = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int64_t now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

/* Its place, or the one that has been of no use for longest. */
static size_t place_of(const char *client, bool *known)
{
    size_t oldest = 0;

    for (size_t i = 0; i < CLIENTS_MOST; i++) {
        *known = strcmp(guard.clients[i].client, client) == 0;
        if (*known)
            return i;
        if (guard.clients[i].until_s < guard.clients[oldest].until_s)
            oldest = i;
    }
    return oldest;
}

bool guard_is_out(const char *client)
{
    bool known, out;
    size_t i;

    pthread_mutex_lock(&guard.lock);
    i = place_of(client, &known);
    out = known && guard.clients[i].count >= GUARD_MOST && now_s() < guard.clients[i].until_s;
    pthread_mutex_unlock(&guard.lock);
    return out;
}

void guard_note(const char *client)
{
    int64_t now = now_s();
    bool known;
    size_t i, len = strnlen(client, sizeof(guard.clients[0].client) - 1);

    pthread_mutex_lock(&guard.lock);
    i = place_of(client, &known);
    if (!known || now >= guard.clients[i].until_s) {
        memcpy(guard.clients[i].client, client, len);
        guard.clients[i].client[len] = '\0';
        guard.clients[i].count = 0;
        guard.clients[i].until_s = now + MINUTE_S;
    }
    guard.clients[i].count++;
    pthread_mutex_unlock(&guard.lock);
}
