/* The control plane's process: its loop, its server, its threads, and its end. */
#include "api.h"

#include "../child.h"
#include "../loop.h"
#include "../store.h"
#include "../util/clock.h"
#include "../util/log.h"
#include "api_part.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

#define WATCH_MS 100
#define END_MS 10000

enum { THREADS = 8, WAITING_MOST = 256, FILES_BESIDE = 200 };

static void end(struct api *api)
{
    if (api->ending)
        return;
    api->ending = true;
    api->end_ms = clock_ms() + END_MS;
}

static void on_end(int signal, void *arg)
{
    (void)signal;
    end(arg);
}

static void on_reload(int signal, void *arg)
{
    struct api *api = arg;
    struct rnl_error err = RNL_ERROR_INIT;

    (void)signal;
    if (api->settings->http.certificate && http_reload(api->http, &err) != RNL_OK)
        log_error("api", &err);
}

void api_log_level(struct api *api, const char *word, int64_t seconds)
{
    enum rnl_level level;

    if (seconds == 0 || !log_level_parse(word, &level))
        level = (enum rnl_level)api->level_before;
    log_set_level(level);
    atomic_store(&api->level_until_ms, seconds ? clock_ms() + seconds * 1000 : 0);
}

/* What is under way is answered; then nothing is left. */
static void on_watch(void *arg)
{
    struct api *api = arg;
    bool gone = api->ending && http_drain(api->http);
    int64_t until_ms = atomic_load(&api->level_until_ms);

    if (until_ms && clock_ms() >= until_ms)
        api_log_level(api, NULL, 0);

    if (api->ending && crew_idle(api->crew) && (gone || clock_ms() >= api->end_ms))
        loop_stop(api->loop);
}

/* A descriptor for each connection, and some for what they ask. */
static void make_room(uint32_t connections)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= connections + FILES_BESIDE)
        return;
    limit.rlim_cur = connections + FILES_BESIDE;
    if (limit.rlim_max != RLIM_INFINITY && limit.rlim_cur > limit.rlim_max)
        limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static int set_up(struct api *api, struct http_settings *http, struct rnl_error *err)
{
    api->loop = loop_new();
    if (!api->loop || loop_on_signal(api->loop, SIGTERM, on_end, api) != 0 ||
        loop_on_signal(api->loop, SIGINT, on_end, api) != 0 ||
        loop_on_signal(api->loop, SIGHUP, on_reload, api) != 0 ||
        loop_every(api->loop, WATCH_MS, on_watch, api) != 0)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory");
    api->view = view_new();
    api->crew = crew_new(THREADS, WAITING_MOST);
    api->jobs = jobs_new(api);
    if (!api->view || !api->crew || !api->jobs)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory");
    if (store_open(api->settings->state_dir, &api->store, err) != RNL_OK ||
        keys_first(api->store, api->settings->state_dir, err) != RNL_OK)
        return err->status;
    return http_open(api->loop, http, &api->http, err);
}

static void clear(struct api *api)
{
    jobs_free(api->jobs);
    crew_free(api->crew);
    if (api->http)
        http_close(api->http);
    view_free(api->view);
    store_close(api->store);
    if (api->loop)
        loop_free(api->loop);
}

int api_run(const struct api_settings *settings, struct rnl_error *err)
{
    struct api api = {.settings = settings, .started_ms = clock_ms()};
    struct http_settings http = settings->http;

    signal(SIGPIPE, SIG_IGN);
    api.level_before = (int)log_level();
    make_room(http.connections);
    http.serve = call_begin;
    http.arg = &api;
    if (set_up(&api, &http, err) == RNL_OK) {
        log_write(RNL_LOG_INFO, "api", "listening on %s://%s port %u",
                  http.certificate ? "https" : "http", http.address, (unsigned)http_port(api.http));
        loop_run(api.loop);
    }
    clear(&api);
    return err->status;
}
