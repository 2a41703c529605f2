/* The node's loop: signals, looks at its files, what commands ask, and one step for each worker. */
#include "node_part.h"

#include "logbook.h"
#include "loop.h"
#include "module.h"
#include "registry.h"
#include "remote.h"
#include "util/clock.h"
#include "util/log.h"
#include "wishes.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define STEP_MS 100
#define WATCH_MS 1000
#define END_MS 40000
#define LOGBOOK_BYTES ((size_t)8 << 20)

static char *copy(const char *text)
{
    return text ? strdup(text) : NULL;
}

/* --- its life --------------------------------------------------------------------------------- */

static bool any_alive(const struct node *node)
{
    for (const struct entry *entry = node->entries; entry; entry = entry->next)
        if (entry_alive(entry))
            return true;
    return node->lister != NULL || node->api.child != NULL;
}

/* By now all have been told; what is wanted stays on record: the next node goes on with it. */
static void end(struct node *node)
{
    bool late = clock_ms() >= node->end_ms;

    for (struct entry *entry = node->entries; late && entry; entry = entry->next)
        for (uint32_t i = 0; i < entry->nworkers; i++)
            if (entry->workers[i].child)
                child_signal(entry->workers[i].child, SIGKILL);
    if (node->lister)
        child_signal(node->lister, SIGKILL);
    if (late && node->api.child)
        child_signal(node->api.child, SIGKILL);
}

static void on_step(void *arg)
{
    struct node *node = arg;

    if (!node->ending)
        node_listen(node);
    for (struct entry *entry = node->entries; entry; entry = entry->next)
        entry_step(entry);
    node_api_step(node);
    node_drop_unlisted(node);
    if (node->ending)
        end(node);
    if (node->ending && !any_alive(node))
        loop_stop(node->loop);
}

static void tell_registry(struct node *node);

static void on_watch(void *arg)
{
    struct node *node = arg;

    if (!node->ending)
        node_list_watch(node);
    node_log_watch(node);
    tell_registry(node);
}

/* --- how much is logged ----------------------------------------------------------------------- */

static void tell_level(struct node *node)
{
    for (struct entry *entry = node->entries; entry; entry = entry->next)
        for (uint32_t i = 0; i < entry->nworkers; i++)
            if (entry->workers[i].child)
                worker_tell_level(&entry->workers[i]);
}

void node_log_level(struct node *node, enum rnl_level level, int64_t for_ms)
{
    if (!node->level_until_ms)
        node->level_before = log_level();
    node->level_until_ms = for_ms > 0 ? clock_ms() + for_ms : 0;
    log_set_level(for_ms > 0 ? level : node->level_before);
    tell_level(node);
    log_write(RNL_LOG_INFO, "node", "the log's level is %s", log_level_word(log_level()));
}

void node_log_watch(struct node *node)
{
    if (node->level_until_ms && clock_ms() >= node->level_until_ms)
        node_log_level(node, node->level_before, 0);
}

static void on_child(int signal, void *arg)
{
    struct node *node = arg;

    (void)signal;
    for (struct entry *entry = node->entries; entry; entry = entry->next)
        for (uint32_t i = 0; i < entry->nworkers; i++)
            if (entry->workers[i].child)
                child_reap(entry->workers[i].child);
    if (node->lister)
        child_reap(node->lister);
    if (node->api.child)
        child_reap(node->api.child);
    on_step(node);
}

static void on_end(int signal, void *arg)
{
    struct node *node = arg;

    (void)signal;
    if (node->ending)
        node->end_ms = 0; /* asked twice: at once */
    else {
        log_write(RNL_LOG_INFO, "node", "told to end: its workers commit what is on its way");
        node->ending = true;
        node->end_ms = clock_ms() + END_MS;
    }
    on_step(node);
}

static void on_reload(int signal, void *arg)
{
    struct node *node = arg;

    (void)signal;
    if (!node->ending)
        node_list_begin(node);
}

/* --- its beginning ---------------------------------------------------------------------------- */

/* Flags, the environment, the configuration, and what suits the user: the first that says. */
char *node_state_folder(const char *flag, const char *configured)
{
    const char *said = flag ? flag : configured;
    const char *given = getenv("STATE_DIRECTORY"), *home = getenv("HOME");
    const char *state = getenv("XDG_STATE_HOME");
    char *path = NULL;

    if (!said && given && *given == '/')
        said = given;
    if (said)
        return strdup(said);
    if (geteuid() == 0)
        return strdup("/var/lib/runnel");
    if (state && *state == '/')
        return asprintf(&path, "%s/runnel", state) < 0 ? NULL : path;
    return asprintf(&path, "%s/.local/state/runnel", home ? home : "/tmp") < 0 ? NULL : path;
}

static char *node_name(const struct node *node, const json_t *configured)
{
    const char *said = node->settings->name;
    char host[256] = "localhost";

    if (!said)
        said = json_string_value(json_object_get(configured, "name"));
    if (!said && gethostname(host, sizeof(host) - 1) == 0)
        said = host;
    return strdup(said ? said : host);
}

/* As they were read: texts, references to secrets among them, and the files that say so. */
static void take_settings(struct settings *settings, json_t *all)
{
    const char *name;
    json_t *value;

    json_object_foreach(all, name, value)
    {
        const char *file = json_string_value(json_object_get(value, "file"));
        const struct origin origin = {.kind = ORIGIN_FILE, .file = file ? file : "registry"};

        settings_set(settings, name, SETTING_TEXT,
                     json_string_value(json_object_get(value, "text")), &origin);
    }
}

static void announce(struct node *node, const json_t *configured)
{
    static const char *tags[4]; /* the announcer reads them for as long as it lives */
    const char *plugin = json_string_value(json_object_get(configured, "registry"));
    struct settings settings = {0};
    json_t *all = json_object_get(node->listed, "stores"), *one;
    const char *name;

    roles_words(node->roles, tags);
    json_object_foreach(all, name, one)
    {
        take_settings(&settings, one);
        registry_store(name, &settings);
        settings_clear(&settings);
    }
    take_settings(&settings, json_object_get(node->listed, "registry"));
    node->announcer = announcer_begin(plugin ? plugin : "local", &settings, node->name, tags);
    node->wishes = wishes_begin(plugin ? plugin : "local", &settings, node->name);
    settings_clear(&settings);
}

/* How many pipelines run, and how many can't. */
static void tell_registry(struct node *node)
{
    int run = 0, failed = 0;
    char note[120];
    bool alive = any_alive(node);

    if (!node->announcer)
        return;
    for (const struct entry *entry = node->entries; entry; entry = entry->next) {
        const struct worker *worst;

        run += entry_alive(entry);
        failed += entry_state(entry, &worst) == SUPERVISED_FAILED;
    }
    snprintf(note, sizeof(note), "%s%s, %d running, %d failed%s",
             (node->roles & ROLES_ALL) == ROLES_ALL ? "reader and writer"
             : node->roles & ROLES_ALL              ? roles_word(node->roles & ROLES_ALL)
                                                    : "api",
             node->drained && !alive ? ", drained"
             : node->drained         ? ", draining"
                                     : "",
             run, failed, node->ending ? ", about to end" : "");
    announcer_note(node->announcer,
                   failed || node->ending || node->drained ? RNL_DEGRADED : RNL_HEALTHY, note);
}

/* Of the command line or the environment, else of the configuration. */
static int choose_roles(struct node *node, const json_t *configured, struct rnl_error *err)
{
    const json_t *said = json_object_get(configured, "roles"), *item;
    char *items[16] = {NULL};
    size_t i, n = 0;
    int status;

    if (node->settings->roles)
        return roles_parse(node->settings->roles, &node->roles, err);
    json_array_foreach(said, i, item)
    {
        if (n < 15 && json_is_string(item))
            items[n++] = strdup(json_string_value(item));
    }
    status = roles_parse(items, &node->roles, err);
    while (n > 0)
        free(items[--n]);
    return status;
}

/* Its registry may stand there. */
static void use_folders(const json_t *configured)
{
    const json_t *folders = json_object_get(configured, "plugin_dir"), *item;
    const char *paths[64];
    size_t i, n = 0;

    json_array_foreach(folders, i, item)
    {
        if (n < 64 && json_is_string(item))
            paths[n++] = json_string_value(item);
    }
    if (n > 0)
        module_set_dirs(paths, n);
}

/* Once, when the configuration was read for the first time. */
int node_set_up(struct node *node, struct rnl_error *err)
{
    const json_t *configured = json_object_get(node->listed, "node");

    use_folders(configured);
    node->name = node_name(node, configured);
    node->state_dir = node_state_folder(
        node->settings->state_dir, json_string_value(json_object_get(configured, "state_dir")));
    node->pipelines_dir = copy(json_string_value(json_object_get(configured, "pipelines")));
    if (!node->name || !node->state_dir)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory");
    if (choose_roles(node, configured, err) != RNL_OK ||
        desired_open(node->state_dir, &node->desired, err) != RNL_OK ||
        kept_open(node->state_dir, &node->kept, err) != RNL_OK)
        return err->status;
    node->drained = kept_drained(node->kept);
    node->recorder = recorder_begin(node->state_dir);
    if (remote_open(node->loop, NODE_SOCKET, node_answer, node, &node->remote, err) == RNL_OK) {
        announce(node, configured);
        node_say_unsent(node);
        tell_registry(node);
        return RNL_OK;
    }
    if (strcmp(err->code, "remote.taken") == 0) {
        rnl_fail(err, RNL_E_CONFIG, "node.taken", "another node of this user runs here already");
        rnl_hint(err, "runnel pipelines list asks it; RUNNEL_RUN_DIR parts the two");
    }
    return err->status;
}

void node_give_up(struct node *node, const struct rnl_error *err)
{
    node->error = *err;
    loop_stop(node->loop);
}

static void clear(struct node *node)
{
    remote_close(node->remote);
    announcer_end(node->announcer);
    wishes_end(node->wishes);
    json_decref(node->wanted);
    node_forget_all(node);
    recorder_end(node->recorder);
    node_api_forget(node);
    kept_close(node->kept);
    desired_close(node->desired);
    json_decref(node->listed);
    json_decref(node->refused);
    free(node->name);
    free(node->state_dir);
    free(node->pipelines_dir);
    registry_forget_stores(); /* no thread that would need them is left */
    loop_free(node->loop);
}

int node_run(const struct node_settings *settings, struct rnl_error *err)
{
    struct node node = {.settings = settings,
                        .started_ms = clock_ms(),
                        .error = RNL_ERROR_INIT,
                        .loop = loop_new(),
                        .logbook = logbook_open(LOGBOOK_BYTES)};

    if (!node.loop || !node.logbook || loop_on_signal(node.loop, SIGCHLD, on_child, &node) != 0 ||
        loop_on_signal(node.loop, SIGTERM, on_end, &node) != 0 ||
        loop_on_signal(node.loop, SIGINT, on_end, &node) != 0 ||
        loop_on_signal(node.loop, SIGHUP, on_reload, &node) != 0 ||
        loop_every(node.loop, STEP_MS, on_step, &node) != 0 ||
        loop_every(node.loop, WATCH_MS, on_watch, &node) != 0) {
        loop_free(node.loop);
        logbook_close(node.logbook);
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory");
    }
    signal(SIGPIPE, SIG_IGN);
    node_list_begin(&node);
    loop_run(node.loop);
    *err = node.error;
    if (err->status == RNL_OK)
        log_write(RNL_LOG_INFO, "node", "node %s has ended", node.name ? node.name : "");
    clear(&node);
    logbook_close(node.logbook);
    return err->status;
}
