/* The node's loop: signals, looks at its files, what commands ask, and one step for each worker. */
#include "node_part.h"

#include "loop.h"
#include "registry.h"
#include "remote.h"
#include "util/clock.h"
#include "util/log.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define STEP_MS 100
#define WATCH_MS 1000
#define DRAIN_MS 40000

static char *copy(const char *text)
{
    return text ? strdup(text) : NULL;
}

struct entry *node_entry(struct node *node, const char *name)
{
    for (struct entry *entry = node->entries; entry; entry = entry->next)
        if (name && strcmp(entry->name, name) == 0)
            return entry;
    return NULL;
}

/* --- what the configuration holds ------------------------------------------------------------- */

static struct entry *entry_add(struct node *node, const char *name)
{
    struct entry *entry = calloc(1, sizeof(*entry)), **at = &node->entries;

    if (!entry || !(entry->name = strdup(name)))
        abort(); /* a node that can't remember its pipelines is better started anew */
    entry->node = node;
    while (*at && strcmp((*at)->name, name) < 0)
        at = &(*at)->next;
    entry->next = *at;
    *at = entry;
    if (desired_get(node->desired, name) != WANT_STOPPED)
        supervised_want(&entry->now, desired_get(node->desired, name));
    return entry;
}

static void entry_free(struct entry *entry)
{
    worker_forget(entry);
    free(entry->name);
    free(entry->mode);
    free(entry->file);
    free(entry);
}

static void entry_take(struct entry *entry, const json_t *o)
{
    free(entry->mode);
    free(entry->file);
    entry->mode = copy(json_string_value(json_object_get(o, "mode")));
    entry->file = copy(json_string_value(json_object_get(o, "file")));
    entry->print = json_integer_value(json_object_get(o, "print"));
    entry->listed = true;
}

/* What stands in the files no more goes; what runs, when it has ended. */
static void drop_unlisted(struct node *node)
{
    struct entry **at = &node->entries;

    while (*at) {
        struct entry *entry = *at;

        if (entry->listed || entry->child) {
            at = &entry->next;
            continue;
        }
        *at = entry->next;
        entry_free(entry);
    }
}

static void tell_unlisted(const struct node *node)
{
    for (const struct entry *entry = node->entries; entry; entry = entry->next)
        if (!entry->listed && entry->child)
            log_write(RNL_LOG_WARN, "node",
                      "pipeline %s isn't configured any more; its worker goes on until it is "
                      "stopped: runnel pipelines stop %s",
                      entry->name, entry->name);
}

/* A file that can't be read just now is no reason to forget what it held. */
static bool stands_in_refused(const struct node *node, const struct entry *entry)
{
    const json_t *o;
    size_t i;

    json_array_foreach(node->refused, i, o)
    {
        const char *file = json_string_value(json_object_get(o, "file"));

        if (file && entry->file && strcmp(file, entry->file) == 0)
            return true;
    }
    return false;
}

static void tell_refused(const struct node *node)
{
    const json_t *o;
    size_t i;

    json_array_foreach(node->refused, i, o)
    {
        const char *text = json_string_value(json_object_get(o, "text"));
        const char *file = json_string_value(json_object_get(o, "file"));

        log_write(RNL_LOG_ERROR, "node", "%s is left as it was: %s", file ? file : "a file",
                  text ? text : "it can't be read");
    }
}

void node_take_list(struct node *node, const json_t *listed)
{
    const json_t *all = json_object_get(listed, "pipelines"), *o;
    size_t i, count = 0;

    json_decref(node->refused);
    node->refused = json_incref(json_object_get(listed, "refused"));
    for (struct entry *entry = node->entries; entry; entry = entry->next)
        entry->listed = stands_in_refused(node, entry);
    json_array_foreach(all, i, o)
    {
        const char *name = json_string_value(json_object_get(o, "name"));
        struct entry *entry = node_entry(node, name);

        if (!name)
            continue;
        entry_take(entry ? entry : entry_add(node, name), o);
        count++;
    }
    drop_unlisted(node);
    tell_unlisted(node);
    tell_refused(node);
    log_write(RNL_LOG_INFO, "node", "%zu pipeline%s configured", count, count == 1 ? "" : "s");
}

/* --- its life --------------------------------------------------------------------------------- */

static bool any_alive(const struct node *node)
{
    for (const struct entry *entry = node->entries; entry; entry = entry->next)
        if (entry->child)
            return true;
    return node->lister != NULL;
}

/* What is wanted stays on record: the next node goes on with it. */
static void drain(struct node *node)
{
    for (struct entry *entry = node->entries; entry; entry = entry->next) {
        if (!entry->child)
            continue;
        supervised_want(&entry->now, WANT_STOPPED);
        if (clock_ms() >= node->drain_ms)
            child_signal(entry->child, SIGKILL);
    }
    if (node->lister)
        child_signal(node->lister, SIGKILL);
}

static void on_step(void *arg)
{
    struct node *node = arg;

    if (node->draining)
        drain(node);
    for (struct entry *entry = node->entries; entry; entry = entry->next)
        worker_step(entry);
    drop_unlisted(node);
    if (node->draining && !any_alive(node))
        loop_stop(node->loop);
}

static void tell_registry(struct node *node);

static void on_watch(void *arg)
{
    struct node *node = arg;

    if (!node->draining)
        node_list_watch(node);
    tell_registry(node);
}

static void on_child(int signal, void *arg)
{
    struct node *node = arg;

    (void)signal;
    for (struct entry *entry = node->entries; entry; entry = entry->next)
        if (entry->child)
            child_reap(entry->child);
    if (node->lister)
        child_reap(node->lister);
    on_step(node);
}

static void on_end(int signal, void *arg)
{
    struct node *node = arg;

    (void)signal;
    if (node->draining)
        node->drain_ms = 0; /* asked twice: at once */
    else {
        log_write(RNL_LOG_INFO, "node", "told to end: its workers commit what is on its way");
        node->draining = true;
        node->drain_ms = clock_ms() + DRAIN_MS;
    }
    on_step(node);
}

static void on_reload(int signal, void *arg)
{
    struct node *node = arg;

    (void)signal;
    if (!node->draining)
        node_list_begin(node);
}

/* --- its beginning ---------------------------------------------------------------------------- */

/* Flags, the environment, the configuration, and what suits the user: the first that says. */
static char *state_folder(const struct node *node, const json_t *configured)
{
    const char *said = node->settings->state_dir;
    const char *given = getenv("STATE_DIRECTORY"), *home = getenv("HOME");
    const char *state = getenv("XDG_STATE_HOME");
    char *path = NULL;

    if (!said)
        said = json_string_value(json_object_get(configured, "state_dir"));
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

/* Its settings as they were read: texts, references to secrets among them. */
static void announce(struct node *node, const json_t *configured)
{
    const struct origin origin = {.kind = ORIGIN_FILE, .file = "registry"};
    const char *plugin = json_string_value(json_object_get(configured, "registry"));
    struct settings settings = {0};
    json_t *all = json_object_get(node->listed, "registry"), *value;
    const char *name;

    json_object_foreach(all, name, value)
    {
        settings_set(&settings, name, SETTING_TEXT, json_string_value(value), &origin);
    }
    node->announcer = announcer_begin(plugin ? plugin : "local", &settings, node->name);
    settings_clear(&settings);
}

/* How many pipelines run, and how many can't. */
static void tell_registry(struct node *node)
{
    int run = 0, failed = 0;
    char note[120];

    for (const struct entry *entry = node->entries; entry; entry = entry->next) {
        run += entry->child != NULL;
        failed += entry->now.state == SUPERVISED_FAILED;
    }
    snprintf(note, sizeof(note), "%d running, %d failed%s", run, failed,
             node->draining ? ", about to end" : "");
    if (node->announcer)
        announcer_note(node->announcer, failed || node->draining ? RNL_DEGRADED : RNL_HEALTHY,
                       note);
}

/* Once, when the configuration was read for the first time. */
int node_set_up(struct node *node, struct rnl_error *err)
{
    const json_t *configured = json_object_get(node->listed, "node");

    node->name = node_name(node, configured);
    node->state_dir = state_folder(node, configured);
    node->pipelines_dir = copy(json_string_value(json_object_get(configured, "pipelines")));
    if (!node->name || !node->state_dir)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory");
    if (desired_open(node->state_dir, &node->desired, err) != RNL_OK)
        return err->status;
    if (remote_open(node->loop, NODE_SOCKET, node_answer, node, &node->remote, err) == RNL_OK) {
        announce(node, configured);
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
    while (node->entries) {
        struct entry *entry = node->entries;

        node->entries = entry->next;
        entry_free(entry);
    }
    desired_close(node->desired);
    json_decref(node->listed);
    json_decref(node->refused);
    free(node->name);
    free(node->state_dir);
    free(node->pipelines_dir);
    loop_free(node->loop);
}

int node_run(const struct node_settings *settings, struct rnl_error *err)
{
    struct node node = {.settings = settings,
                        .started_ms = clock_ms(),
                        .error = RNL_ERROR_INIT,
                        .loop = loop_new()};

    if (!node.loop || loop_on_signal(node.loop, SIGCHLD, on_child, &node) != 0 ||
        loop_on_signal(node.loop, SIGTERM, on_end, &node) != 0 ||
        loop_on_signal(node.loop, SIGINT, on_end, &node) != 0 ||
        loop_on_signal(node.loop, SIGHUP, on_reload, &node) != 0 ||
        loop_every(node.loop, STEP_MS, on_step, &node) != 0 ||
        loop_every(node.loop, WATCH_MS, on_watch, &node) != 0) {
        loop_free(node.loop);
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory");
    }
    signal(SIGPIPE, SIG_IGN);
    node_list_begin(&node);
    loop_run(node.loop);
    *err = node.error;
    if (err->status == RNL_OK)
        log_write(RNL_LOG_INFO, "node", "node %s has ended", node.name ? node.name : "");
    clear(&node);
    return err->status;
}
