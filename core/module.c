/* Loads shared objects and keeps the plugins found; nothing is ever unloaded. */
#include "module.h"

#include "module_check.h"

#include <dirent.h>
#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define MOST_DIRS 16
#define MOST_PLUGINS 256

struct loaded {
    char *path; /* real */
    const struct rnl_module *module;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards everything below */
static char *dirs[MOST_DIRS];
static size_t ndirs;
static bool dirs_set;
static struct loaded loaded[MOST_PLUGINS];
static size_t nloaded;
static const struct plugin *plugins[MOST_PLUGINS];
static size_t nplugins;
static struct module_refusal *refusals;
static size_t nrefusals;

const char *kind_name(enum rnl_kind kind)
{
    switch (kind) {
    case RNL_SOURCE:
        return "source";
    case RNL_SINK:
        return "sink";
    case RNL_TRANSPORT:
        return "transport";
    case RNL_SECRETS:
        return "secrets";
    case RNL_REGISTRY:
        return "registry";
    }
    return "unknown";
}

static void add_dir(const char *dir, size_t len)
{
    if (len && ndirs < MOST_DIRS)
        dirs[ndirs++] = strndup(dir, len);
}

/* RUNNEL_PLUGIN_DIR may name several, by colons. */
static void add_environment(void)
{
    const char *at = getenv("RUNNEL_PLUGIN_DIR");

    while (at && *at) {
        size_t len = strcspn(at, ":");

        add_dir(at, len);
        at += len + (at[len] == ':');
    }
}

static void add_beside_program(void)
{
    char path[PATH_MAX], dir[PATH_MAX + 32];
    ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);
    char *slash;

    if (len <= 0)
        return;
    path[len] = '\0';
    slash = strrchr(path, '/');
    if (!slash)
        return;
    *slash = '\0';
    snprintf(dir, sizeof(dir), "%s/plugins", path);
    add_dir(dir, strlen(dir));
    snprintf(dir, sizeof(dir), "%s/../lib/runnel", path);
    add_dir(dir, strlen(dir));
}

/* With the lock held. */
static void set_dirs(const char *const *given, size_t count)
{
    while (ndirs)
        free(dirs[--ndirs]);
    for (size_t i = 0; i < count; i++)
        add_dir(given[i], strlen(given[i]));
    add_environment();
    add_beside_program();
    add_dir(RUNNEL_PLUGIN_DIR, strlen(RUNNEL_PLUGIN_DIR));
    dirs_set = true;
}

void module_set_dirs(const char *const *given, size_t count)
{
    pthread_mutex_lock(&lock);
    set_dirs(given, count);
    pthread_mutex_unlock(&lock);
}

/* min(size) of the plugin's table into a zeroed one of our own size. */
static void copy_ops(void *to, size_t to_size, const void *from)
{
    uint32_t size;

    memcpy(&size, from, sizeof(size));
    memcpy(to, from, size < to_size ? size : to_size);
}

static struct plugin *plugin_new(const struct rnl_plugin *declared, const struct rnl_module *module,
                                 const char *path)
{
    struct plugin *plugin = calloc(1, sizeof(*plugin));

    if (!plugin)
        return NULL;
    plugin->declared = declared;
    plugin->kind = (enum rnl_kind)declared->kind;
    plugin->name = declared->name;
    plugin->summary = declared->summary;
    plugin->schemes = declared->schemes;
    plugin->options = declared->options;
    plugin->module = module;
    plugin->path = strdup(path);
    switch (plugin->kind) {
    case RNL_SOURCE:
        copy_ops(&plugin->source, sizeof(plugin->source), declared->source);
        break;
    case RNL_SINK:
        copy_ops(&plugin->sink, sizeof(plugin->sink), declared->sink);
        break;
    case RNL_TRANSPORT:
        copy_ops(&plugin->transport, sizeof(plugin->transport), declared->transport);
        break;
    case RNL_SECRETS:
        copy_ops(&plugin->secrets, sizeof(plugin->secrets), declared->secrets);
        break;
    case RNL_REGISTRY:
        copy_ops(&plugin->registry, sizeof(plugin->registry), declared->registry);
        break;
    }
    return plugin;
}

static const struct plugin *find_loaded(enum rnl_kind kind, const char *name)
{
    for (size_t i = 0; i < nplugins; i++)
        if (plugins[i]->kind == kind && strcmp(plugins[i]->name, name) == 0)
            return plugins[i];
    return NULL;
}

static int check_all(const char *path, const struct rnl_module *module, struct rnl_error *err)
{
    for (const struct rnl_plugin *const *at = module->plugins; *at; at++) {
        const struct plugin *other;

        if (module_check_plugin(path, *at, err) != RNL_OK)
            return err->status;
        other = find_loaded((enum rnl_kind)(*at)->kind, (*at)->name);
        if (other) {
            rnl_fail(err, RNL_E_CONFIG, "plugin.duplicate",
                     "%s is not loaded: %s already holds a %s named %s", path, other->path,
                     kind_name(other->kind), other->name);
            rnl_hint(err, "take one of the two out of the plugin folders");
            return err->status;
        }
    }
    return RNL_OK;
}

static int open_module(const char *path, const struct rnl_module **module, struct rnl_error *err)
{
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    rnl_module_fn *entry = NULL;
    void *symbol;

    if (!handle) {
        rnl_fail(err, RNL_E_CONFIG, "plugin.not_loadable", "%s can't be loaded: %s", path,
                 dlerror()); /* NOLINT(concurrency-mt-unsafe): glibc keeps it per thread */
        rnl_hint(err, "a library that it needs may be missing: ldd %s", path);
        return err->status;
    }
    symbol = dlsym(handle, RNL_ENTRY);
    memcpy(&entry, &symbol, sizeof(symbol)); /* ISO C has no cast for it */
    if (!entry) {
        rnl_fail(err, RNL_E_CONFIG, "plugin.not_a_plugin",
                 "%s is not a plugin of runnel: it exports no %s()", path, RNL_ENTRY);
        rnl_hint(err, "take it out of the plugin folder");
        return err->status;
    }
    *module = entry();
    return module_check_handshake(path, *module, err);
}

static int load(const char *path, const struct rnl_module **module, struct rnl_error *err)
{
    char *real;

    if (module_check_file(path, &real, err) != RNL_OK)
        return err->status;
    for (size_t i = 0; i < nloaded; i++) {
        if (strcmp(loaded[i].path, real) == 0) {
            *module = loaded[i].module;
            free(real);
            return RNL_OK;
        }
    }
    if (open_module(real, module, err) != RNL_OK || check_all(real, *module, err) != RNL_OK) {
        free(real);
        return err->status;
    }
    for (const struct rnl_plugin *const *at = (*module)->plugins; *at; at++) {
        const struct plugin *plugin =
            nplugins < MOST_PLUGINS ? plugin_new(*at, *module, real) : NULL;

        if (plugin)
            plugins[nplugins++] = plugin;
    }
    if (nloaded < MOST_PLUGINS)
        loaded[nloaded++] = (struct loaded){real, *module};
    return RNL_OK;
}

int module_load(const char *path, const struct rnl_module **module, struct rnl_error *err)
{
    int status;

    pthread_mutex_lock(&lock);
    status = load(path, module, err);
    pthread_mutex_unlock(&lock);
    return status;
}

static void refuse(const char *path, const struct rnl_error *err)
{
    struct module_refusal *more = realloc(refusals, (nrefusals + 1) * sizeof(*more));

    if (!more)
        return;
    refusals = more;
    refusals[nrefusals++] = (struct module_refusal){strdup(path), *err};
}

static int is_shared_object(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);

    return len > 3 && entry->d_name[0] != '.' && strcmp(entry->d_name + len - 3, ".so") == 0;
}

static void load_dir(const char *dir)
{
    struct dirent **entries;
    int count = scandir(dir, &entries, is_shared_object, alphasort);

    for (int i = 0; i < count; i++) {
        struct rnl_error err = RNL_ERROR_INIT;
        const struct rnl_module *module;
        char path[PATH_MAX + 300];

        snprintf(path, sizeof(path), "%s/%s", dir, entries[i]->d_name);
        if (load(path, &module, &err) != RNL_OK)
            refuse(path, &err);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

static void ensure_dirs(void)
{
    pthread_mutex_lock(&lock);
    if (!dirs_set)
        set_dirs(NULL, 0);
    pthread_mutex_unlock(&lock);
}

static void load_all(void)
{
    while (nrefusals)
        free(refusals[--nrefusals].path);
    for (size_t i = 0; i < ndirs; i++)
        load_dir(dirs[i]);
}

void module_load_all(const struct plugin *const **all, size_t *count,
                     const struct module_refusal **refused, size_t *nrefused)
{
    ensure_dirs();
    pthread_mutex_lock(&lock);
    load_all();
    *all = plugins;
    *count = nplugins;
    *refused = refusals;
    *nrefused = nrefusals;
    pthread_mutex_unlock(&lock);
}

/* NAME.so in the first folder that has it; most plugins are in a file of their name. */
static int load_named(const char *name, struct rnl_error *err)
{
    for (size_t i = 0; i < ndirs; i++) {
        const struct rnl_module *module;
        char path[PATH_MAX + 80];

        snprintf(path, sizeof(path), "%s/%s.so", dirs[i], name);
        if (access(path, F_OK) == 0)
            return load(path, &module, err);
    }
    return RNL_DONE;
}

static int not_found(enum rnl_kind kind, const char *name, struct rnl_error *err)
{
    char places[300] = "";

    for (size_t i = 0, at = 0; i < ndirs && at < sizeof(places) - 1; i++)
        at += (size_t)snprintf(places + at, sizeof(places) - at, "%s%s", i ? ", " : "", dirs[i]);
    rnl_fail(err, RNL_E_CONFIG, "plugin.unknown", "there is no %s named %s (looked in %s)",
             kind_name(kind), name, places);
    rnl_hint(err, "`runnel plugins` lists those that there are");
    for (size_t i = 0; i < nplugins; i++)
        if (strcmp(plugins[i]->name, name) == 0)
            rnl_hint(err, "%s is a %s%s", name, kind_name(plugins[i]->kind),
                     plugins[i]->kind == RNL_SOURCE || plugins[i]->kind == RNL_SINK
                         ? ": the source stands first, the target second"
                         : "");
    return err->status;
}

int plugin_find(enum rnl_kind kind, const char *name, const struct plugin **plugin,
                struct rnl_error *err)
{
    int status = RNL_DONE;

    ensure_dirs();
    pthread_mutex_lock(&lock);
    *plugin = find_loaded(kind, name);
    if (!*plugin && !strpbrk(name, "/.")) {
        status = load_named(name, err);
        *plugin = find_loaded(kind, name);
    }
    if (!*plugin && status >= 0) {
        load_all(); /* it may stand in a file of another name */
        *plugin = find_loaded(kind, name);
    }
    if (*plugin)
        status = RNL_OK;
    else if (status >= 0)
        status = not_found(kind, name, err);
    pthread_mutex_unlock(&lock);
    return status;
}

static bool has_scheme(const struct plugin *plugin, const char *scheme)
{
    size_t len = strlen(scheme);

    for (const char *at = plugin->schemes; at && *at;) {
        size_t word = strcspn(at, ",");

        if (word == len && strncmp(at, scheme, len) == 0)
            return true;
        at += word + (at[word] == ',');
    }
    return false;
}

int plugin_by_scheme(enum rnl_kind kind, const char *scheme, const struct plugin **plugin,
                     struct rnl_error *err)
{
    ensure_dirs();
    pthread_mutex_lock(&lock);
    *plugin = NULL;
    for (int pass = 0; pass < 2 && !*plugin; pass++) {
        if (pass)
            load_all();
        for (size_t i = 0; i < nplugins && !*plugin; i++)
            if (plugins[i]->kind == kind && has_scheme(plugins[i], scheme))
                *plugin = plugins[i];
    }
    pthread_mutex_unlock(&lock);
    if (*plugin)
        return RNL_OK;
    rnl_fail(err, RNL_E_CONFIG, "url.unknown_scheme", "no plugin can be a %s for %s:// URLs",
             kind_name(kind), scheme);
    rnl_hint(err, "`runnel plugins` lists those that there are");
    return err->status;
}
