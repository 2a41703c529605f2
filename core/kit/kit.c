/* Runs the kit: the file, the handshake, the options, then each plugin by its kind. */
#include "kit.h"

#include "../module_check.h"
#include "../options.h"
#include "../util/clock.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { HANG_MS = 60000, SETTLE_MS = 2000 };

/* ---- telling ---------------------------------------------------------------- */

static void take_record(struct kit *kit, const struct kit_record *record)
{
    kit->passed += record->result == KIT_PASSED;
    kit->failed += record->result == KIT_FAILED;
    kit->skipped += record->result == KIT_SKIPPED;
    kit->told(kit->arg, record);
}

/* To the process that counts; a record is smaller than PIPE_BUF, so it comes whole. */
static void tell(struct kit *kit, enum kit_result result, const char *name, const char *detail)
{
    struct kit_record record = {.result = result};

    snprintf(record.name, sizeof(record.name), "%s%s%s", kit->title, *kit->title ? ": " : "", name);
    snprintf(record.detail, sizeof(record.detail), "%s", detail);
    if (kit->pipe < 0)
        take_record(kit, &record);
    else if (write(kit->pipe, &record, sizeof(record)) != sizeof(record))
        _exit(1); /* nobody listens any more */
}

void kit_doing(struct kit *kit, const char *name)
{
    if (kit->pipe >= 0)
        tell(kit, KIT_DOING, name, "");
}

void kit_skip(struct kit *kit, const char *name, const char *why)
{
    tell(kit, KIT_SKIPPED, name, why);
}

bool kit_expect(struct kit *kit, bool ok, const char *name, const char *fmt, ...)
{
    char detail[600] = "";
    va_list ap;

    if (!ok) {
        va_start(ap, fmt);
        vsnprintf(detail, sizeof(detail), fmt, ap);
        va_end(ap);
    }
    tell(kit, ok ? KIT_PASSED : KIT_FAILED, name, detail);
    return ok;
}

const char *kit_error_fault(const struct rnl_error *err, int status)
{
    if (status >= 0)
        return "no failure was told";
    if (status < RNL_E_FATAL)
        return "the status is none of enum rnl_status";
    if (err->status != status)
        return "the status returned is not the one in the error";
    if (!memchr(err->code, '\0', sizeof(err->code)) ||
        !memchr(err->text, '\0', sizeof(err->text)) || !memchr(err->hint, '\0', sizeof(err->hint)))
        return "a text of the error is not terminated";
    if (!*err->code)
        return "the error has no code";
    if (!*err->text)
        return "the error has no text";
    return NULL;
}

bool kit_ok(struct kit *kit, int status, const struct rnl_error *err, const char *name)
{
    if (status >= 0)
        return kit_expect(kit, status == RNL_OK, name, "it returned %d", status);
    return kit_expect(kit, false, name, "%s [%s]%s%s", err->text, err->code,
                      err->hint[0] ? "; " : "", err->hint);
}

/* ---- processes of their own --------------------------------------------------- */

static void put_down(struct kit *kit, const struct kit_record *doing, const char *why)
{
    struct kit_record record = *doing;

    record.result = KIT_FAILED;
    snprintf(record.detail, sizeof(record.detail), "%s", why);
    take_record(kit, &record);
}

/* One record into *record; false at the end, or when nothing came in time. */
static bool next_record(const struct kit *kit, int fd, struct kit_record *record, bool *hangs)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    int ready;

    do
        ready = poll(&wait, 1, kit->timeout_ms ? kit->timeout_ms : HANG_MS);
    while (ready < 0 && errno == EINTR);
    *hangs = ready == 0;
    return ready > 0 && read(fd, record, sizeof(*record)) == sizeof(*record);
}

/* Takes records until the process ends; what it was doing when it crashed has failed. */
static void listen_to(struct kit *kit, pid_t child, int fd)
{
    struct kit_record record, doing = {.name = "start"};
    bool hangs;
    int status;
    char why[80];

    while (next_record(kit, fd, &record, &hangs)) {
        record.name[sizeof(record.name) - 1] = '\0';
        record.detail[sizeof(record.detail) - 1] = '\0';
        if (record.result == KIT_DOING)
            doing = record;
        else
            take_record(kit, &record);
    }
    if (hangs)
        kill(child, SIGKILL);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    if (hangs)
        put_down(kit, &doing, "it hangs");
    else if (WIFSIGNALED(status)) {
        snprintf(why, sizeof(why), "it crashed: signal %d (SIG%s)", WTERMSIG(status),
                 sigabbrev_np(WTERMSIG(status)));
        put_down(kit, &doing, why);
    } else if (WEXITSTATUS(status) != 0)
        put_down(kit, &doing, "it ended the process");
}

static int isolated(struct kit *kit, void (*work)(struct kit *kit, const struct plugin *plugin),
                    const struct plugin *plugin, struct rnl_error *err)
{
    int ends[2];
    pid_t child;

    fflush(NULL);
    if (pipe(ends) != 0)
        return rnl_fail(err, RNL_E_FATAL, "kit.process", "no pipe: %s", strerror(errno));
    child = fork();
    if (child < 0) {
        close(ends[0]);
        close(ends[1]);
        return rnl_fail(err, RNL_E_FATAL, "kit.process", "no process: %s", strerror(errno));
    }
    if (child == 0) {
        close(ends[0]);
        kit->pipe = ends[1];
        work(kit, plugin);
        _exit(0);
    }
    close(ends[1]);
    listen_to(kit, child, ends[0]);
    close(ends[0]);
    return RNL_OK;
}

/* ---- the file ------------------------------------------------------------------ */

static void check_exports(struct kit *kit)
{
    char *names = kit_exports(kit->path);

    kit_expect(kit, names && strcmp(names, RNL_ENTRY "\n") == 0, "exports " RNL_ENTRY " alone",
               "it exports: %s", names ? names : "(no ELF file of 64 bits)");
    free(names);
}

static void check_file(struct kit *kit, const struct plugin *none)
{
    struct rnl_error err = RNL_ERROR_INIT;
    const struct rnl_module *module;
    char *real = NULL;

    (void)none;
    if (!kit_ok(kit, module_check_file(kit->path, &real, &err), &err,
                "file and folders are trusted"))
        return;
    free(real);
    check_exports(kit);
    kit_doing(kit, "loads, shakes hands, declares what it must");
    if (kit_ok(kit, module_load(kit->path, &module, &err), &err,
               "loads, shakes hands, declares what it must"))
        kit_expect(kit, module->plugins[0] != NULL, "holds a plugin", "its list is empty");
}

/* ---- each plugin ---------------------------------------------------------------- */

/* The settings that this plugin's table has; a module may hold several plugins. */
static void settings_for(const struct kit *kit, const struct plugin *plugin, struct settings *out)
{
    for (uint32_t i = 0; i < plugin->options.count; i++) {
        const struct setting *setting;
        struct rnl_option option;

        options_at(&plugin->options, i, &option);
        setting = settings_find(kit->settings, option.name);
        if (setting && setting->type == SETTING_LIST)
            settings_set_list(out, setting->name, setting->items, &setting->origin);
        else if (setting)
            settings_set(out, setting->name, setting->type, setting->text, &setting->origin);
    }
}

static bool use_make(struct kit_use *use, struct kit *kit, const struct plugin *plugin)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct settings settings = {0};
    int status;

    *use = (struct kit_use){.kit = kit, .plugin = plugin};
    settings_for(kit, plugin, &settings);
    status =
        options_build(&plugin->options, kit->title, &settings, kit->resolver, &use->config, &err);
    settings_clear(&settings);
    host_ctx_init(&use->host, kit->title, use->config, NULL, NULL);
    return status == RNL_OK || kit_ok(kit, status, &err, "takes the options given");
}

/* Opens with nothing but presets: what that can't do it must say, and not crash over. */
static void check_bare(struct kit *kit, const struct plugin *plugin)
{
    static const char name[] = "without its options it says what is missing";
    const struct settings none = {0};
    struct rnl_error err = RNL_ERROR_INIT;
    struct host_ctx host;
    void *config, *self = NULL;
    const char *fault;
    int status;

    kit_doing(kit, name);
    if (options_build(&plugin->options, kit->title, &none, NULL, &config, &err) != RNL_OK) {
        kit_expect(kit, strcmp(err.code, "config.missing") == 0, name, "%s", err.text);
        return;
    }
    host_ctx_init(&host, kit->title, config, NULL, NULL);
    if (plugin->kind == RNL_TRANSPORT)
        status = plugin->transport.open(&host.ctx, "runnel-kit", &self, &err);
    else
        status = plugin->source.open(&host.ctx, &self, &err); /* all but transports begin alike */
    fault = status == RNL_OK ? NULL : kit_error_fault(&err, status);
    kit_expect(kit, !fault, name, "%s", fault ? fault : "");
    if (status == RNL_OK)
        plugin->source.close(self); /* second in every table */
    options_free(&plugin->options, config);
}

static size_t entries_of(const char *path)
{
    DIR *dir = opendir(path);
    size_t count = 0;

    while (dir && readdir(dir))
        count++;
    if (dir)
        closedir(dir);
    return count;
}

static int open_use(struct kit_use *use, void **self, struct rnl_error *err)
{
    if (use->plugin->kind == RNL_TRANSPORT)
        return use->plugin->transport.open(&use->host.ctx, "runnel-kit", self, err);
    return use->plugin->source.open(&use->host.ctx, self, err);
}

/* Threads that have been joined stay in the list for a moment: so many in the end. */
static size_t threads_left(size_t expected)
{
    const struct timespec step = {0, 10 * 1000000};
    int64_t deadline_ms = clock_ms() + SETTLE_MS;
    size_t threads;

    while ((threads = entries_of("/proc/self/task")) > expected && clock_ms() < deadline_ms)
        nanosleep(&step, NULL);
    return threads;
}

/* A first round may start what a library keeps for good; later rounds may not add to it. */
static void check_rounds(struct kit_use *use)
{
    struct kit *kit = use->kit;
    struct rnl_error err = RNL_ERROR_INIT;
    size_t files = 0, threads = 0, left;

    kit_doing(kit, "opens");
    for (int round = 0; round < 4; round++) {
        void *self = NULL;
        int status = open_use(use, &self, &err);

        if (status != RNL_OK) {
            kit_ok(kit, status, &err, "opens");
            return;
        }
        use->plugin->source.close(self);
        if (round == 0) {
            files = entries_of("/proc/self/fd");
            threads = entries_of("/proc/self/task");
        }
    }
    kit_expect(kit, true, "opens", " ");
    kit_expect(kit, entries_of("/proc/self/fd") <= files, "closes what it opened",
               "files are left open: %zu after one round, %zu after four", files,
               entries_of("/proc/self/fd"));
    left = threads_left(threads);
    kit_expect(kit, left <= threads, "ends what it started",
               "threads are left: %zu after one round, %zu after four", threads, left);
}

static void check_live(struct kit *kit, const struct plugin *plugin)
{
    struct kit_use use;

    kit_doing(kit, "takes the options given");
    if (!use_make(&use, kit, plugin))
        return;
    check_rounds(&use);
    if (plugin->kind == RNL_TRANSPORT)
        kit_transport(&use);
    else if (plugin->kind == RNL_SECRETS)
        kit_secrets(&use);
    else if (plugin->kind == RNL_SOURCE)
        kit_source(&use);
    else if (plugin->kind == RNL_SINK) {
        kit_sink(&use);
        kit_changes(&use);
        kit_evolve(&use);
    } else
        kit_registry(&use);
    options_free(&plugin->options, use.config);
}

/* A transport that needs no options works within itself: nothing of anybody's is touched. */
static bool may_go_live(const struct kit *kit, const struct plugin *plugin)
{
    if (kit->settings->count)
        return true;
    for (uint32_t i = 0; i < plugin->options.count; i++) {
        struct rnl_option option;

        options_at(&plugin->options, i, &option);
        if (option.flags & RNL_O_CONNECTION || option.flags & RNL_O_REQUIRED)
            return false;
    }
    return plugin->kind == RNL_TRANSPORT;
}

static int check_plugin(struct kit *kit, const struct plugin *plugin, struct rnl_error *err)
{
    snprintf(kit->title, sizeof(kit->title), "%s %s", kind_name(plugin->kind), plugin->name);
    if (isolated(kit, check_bare, plugin, err) != RNL_OK)
        return err->status;
    if (may_go_live(kit, plugin))
        return isolated(kit, check_live, plugin, err);
    kit_skip(kit, "behaviour", "it needs options: a connection, or --set NAME=VALUE");
    return RNL_OK;
}

/* A word that none of the module's plugins has is a mistake, not one for another plugin. */
static int check_words(const struct kit *kit, const struct rnl_module *module,
                       struct rnl_error *err)
{
    for (size_t s = 0; s < kit->settings->count; s++) {
        const char *word = kit->settings->items[s].name;
        bool known = false;

        for (const struct rnl_plugin *const *at = module->plugins; *at; at++)
            for (uint32_t i = 0; i < (*at)->options.count; i++) {
                struct rnl_option option;

                options_at(&(*at)->options, i, &option);
                known = known || strcmp(option.name, word) == 0;
            }
        if (!known)
            return rnl_fail(err, RNL_E_CONFIG, "config.unknown_word", "%s has no option \"%s\"",
                            kit->path, word);
    }
    return RNL_OK;
}

int kit_run(struct kit *kit, struct rnl_error *err)
{
    const struct rnl_module *module;

    kit->pipe = -1;
    kit->title[0] = '\0';
    if (isolated(kit, check_file, NULL, err) != RNL_OK)
        return err->status;
    if (kit->failed) /* what isn't sound is not let into this process */
        return RNL_OK;
    if (module_load(kit->path, &module, err) != RNL_OK || check_words(kit, module, err) != RNL_OK)
        return err->status;
    for (const struct rnl_plugin *const *at = module->plugins; *at; at++) {
        const struct plugin *plugin;

        if (plugin_find((enum rnl_kind)(*at)->kind, (*at)->name, &plugin, err) != RNL_OK ||
            check_plugin(kit, plugin, err) != RNL_OK)
            return err->status;
    }
    return RNL_OK;
}

/* ---- calls from another thread ------------------------------------------------------ */

static void *after_main(void *arg)
{
    struct kit_after *after = arg;
    struct timespec delay = {after->delay_ms / 1000, (long)(after->delay_ms % 1000) * 1000000};

    nanosleep(&delay, NULL); /* the other thread is to be inside its call by then */
    after->called_ms = clock_ms();
    after->call(after->self);
    return NULL;
}

bool kit_after(struct kit_after *after, int delay_ms, void (*call)(void *self), void *self)
{
    *after = (struct kit_after){.delay_ms = delay_ms, .call = call, .self = self};
    return pthread_create(&after->thread, NULL, after_main, after) == 0;
}

void kit_after_join(struct kit_after *after)
{
    pthread_join(after->thread, NULL);
}
