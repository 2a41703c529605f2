/* runnel doctor: everything that a node depends on is tried, and what is wrong told with its cure.
 */
#include "doctor.h"
#include "../module.h"
#include "../names.h"
#include "../node.h"
#include "../registry.h"
#include "../remote.h"
#include "../secret.h"
#include "../session.h"
#include "../util/clock.h"
#include "../wishes.h"
#include "configured.h"

#include <stdlib.h>
#include <unistd.h>

#define ANSWER_MS 5000
#define STATE_FOLDER "the node's state"

void doctor_tell(struct doctor *doctor, const char *what, const char *detail,
                 const struct rnl_error *err)
{
    json_t *o = json_pack("{s:s,s:b,s:s}", "check", what, "ok", err == NULL, "text",
                          err ? err->text : detail);

    if (err) {
        doctor->wrong++;
        json_object_set_new(o, "code", json_string(err->code));
        json_object_set_new(o, "hint", json_string(err->hint));
    }
    json_array_append_new(doctor->checks, o);
    if (cli_json())
        return;
    printf("%-6s ", err ? "WRONG" : "ok");
    cli_print_safe(stdout, what);
    fputs(": ", stdout);
    cli_print_safe(stdout, err ? err->text : detail);
    if (err)
        printf(" [%s]", err->code);
    if (err && err->hint[0]) {
        fputs("\n       ", stdout);
        cli_print_safe(stdout, err->hint);
    }
    putchar('\n');
    fflush(stdout);
}

static bool was_told(const struct doctor *doctor, const char *what)
{
    const json_t *o;
    size_t i;

    json_array_foreach(doctor->checks, i, o)
    {
        if (strcmp(json_string_value(json_object_get(o, "check")), what) == 0)
            return true;
    }
    return false;
}

/* --- the servers ------------------------------------------------------------------------------ */

/* Once for each role that a connection has, however many pipelines share it. */
static void try_role(struct doctor *doctor, const struct role_config *role, enum rnl_kind kind,
                     struct secret_resolver *resolver, const char *file)
{
    const char *name = role->connection ? role->connection->name : role->plugin;
    struct rnl_error err = RNL_ERROR_INIT;
    int64_t begun_ms = clock_ms();
    struct session session;
    char what[400], detail[80];

    snprintf(what, sizeof(what), "%s %s%s%s%s", kind_name(kind), name, file ? " (" : "",
             file ? file : "", file ? ")" : "");
    if (was_told(doctor, what))
        return;
    if (session_open(&session, kind, "doctor", role, resolver, NULL, NULL, &err) != RNL_OK) {
        doctor_tell(doctor, what, NULL, &err);
        return;
    }
    session_close(&session);
    snprintf(detail, sizeof(detail), "connected and authenticated in %lld ms",
             (long long)(clock_ms() - begun_ms));
    doctor_tell(doctor, what, detail, NULL);
}

static bool listens(const char *name)
{
    struct rnl_error unheard = RNL_ERROR_INIT;
    json_t *o;

    if (remote_ask(name, "status", NULL, ANSWER_MS, &o, &unheard) != RNL_OK)
        return false;
    json_decref(o);
    return true;
}

/* One that is at work has its transport in use: a second end would be in its way. */
static bool is_at_work(const char *pipeline)
{
    char reader[120], writer[120];

    snprintf(reader, sizeof(reader), "%s.reader", pipeline);
    snprintf(writer, sizeof(writer), "%s.writer", pipeline);
    return listens(pipeline) || listens(reader) || listens(writer);
}

/* How it is where nothing but opening it would tell. */
static int open_transport(const struct pipeline_config *pipeline, struct secret_resolver *resolver,
                          char *detail, size_t size, struct rnl_error *err)
{
    struct session session;

    if (is_at_work(pipeline->name)) {
        snprintf(detail, size, "in use");
        return RNL_OK;
    }
    if (session_open_transport(&session, pipeline, "doctor", false, resolver, NULL, err) != RNL_OK)
        return err->status;
    session_close(&session);
    snprintf(detail, size, "opened");
    return RNL_OK;
}

static void try_transport(struct doctor *doctor, const struct pipeline_config *pipeline,
                          struct secret_resolver *resolver)
{
    struct rnl_error err = RNL_ERROR_INIT;
    char what[200], detail[400] = "";
    int status;

    snprintf(what, sizeof(what), "transport %s of pipeline %s",
             pipeline->transport ? pipeline->transport : "memory", pipeline->name);
    status = session_probe_transport(pipeline, resolver, detail, sizeof(detail), &err);
    if (status == RNL_AGAIN)
        status = open_transport(pipeline, resolver, detail, sizeof(detail), &err);
    doctor_tell(doctor, what, detail, status == RNL_OK ? NULL : &err);
}

static void overlook(void *arg, const struct rnl_entry *entry)
{
    (void)arg;
    (void)entry;
}

/* Who is there, and whether entries can be kept: a token may have one right and lack the other. */
static int ask_registry(const struct session *session, struct rnl_services *found,
                        struct rnl_error *err)
{
    const struct rnl_registry_ops *ops = &session->plugin->registry;
    uint64_t index = 0;
    int status = ops->lookup(session->self, REGISTRY_NODE, found, err);

    if (status == RNL_OK && ops->watch)
        status = ops->watch(session->self, WISHES_PREFIX, &index, 0, overlook, NULL, err);
    return status;
}

/* The node's own way to it may be cut where this command's isn't. */
static void look_at_registry(struct doctor *doctor, const json_t *node)
{
    const json_t *registry = json_object_get(node, "registry");
    const char *text = json_string_value(json_object_get(registry, "text"));
    struct rnl_error err = RNL_ERROR_INIT;

    if (!json_is_true(json_object_get(registry, "away")))
        return;
    rnl_fail(&err, RNL_E_RETRY, "registry.away", "it isn't heard, all else goes on: %s",
             text ? text : "");
    doctor_tell(doctor, "the node's registry", NULL, &err);
}

static void try_registry(struct doctor *doctor, const struct config *config,
                         struct secret_resolver *resolver)
{
    struct rnl_services found = {0};
    struct rnl_error err = RNL_ERROR_INIT;
    struct session session;
    char what[80], detail[60];

    snprintf(what, sizeof(what), "registry %s", config->registry ? config->registry : "local");
    if (registry_open(&session, config->registry, &config->registry_settings, resolver, &err) !=
        RNL_OK) {
        doctor_tell(doctor, what, NULL, &err);
        return;
    }
    if (ask_registry(&session, &found, &err) == RNL_OK) {
        snprintf(detail, sizeof(detail), "knows of %zu nodes", found.count);
        doctor_tell(doctor, what, detail, NULL);
    } else
        doctor_tell(doctor, what, NULL, &err);
    services_clear(&found);
    session_close(&session);
}

/* Each store that the configuration names: a reference to it comes to nothing else. */
static void try_secrets(struct doctor *doctor, const struct config *config,
                        struct secret_resolver *resolver)
{
    for (size_t i = 0; i < config->nsecret_stores; i++) {
        struct rnl_error err = RNL_ERROR_INIT;
        const struct plugin *plugin;
        char what[120];
        void *self;
        int status = secret_resolver_open(resolver, config->secret_stores[i], &plugin, &self, &err);

        snprintf(what, sizeof(what), "secrets %s", config->secret_stores[i]);
        doctor_tell(doctor, what, "opened", status == RNL_OK ? NULL : &err);
    }
}

/* Of a node that doesn't run: where it would keep what it has to remember. */
static void try_state_folder(struct doctor *doctor, const struct config *config)
{
    char *folder = configured_path(config, "node.state_dir");

    if (folder && !was_told(doctor, STATE_FOLDER) && access(folder, F_OK) == 0)
        doctor_try_folder(doctor, STATE_FOLDER, folder);
    free(folder);
}

static void on_file(void *arg, const struct config *config, size_t first, const char *file,
                    const struct rnl_error *err)
{
    struct doctor *doctor = arg;
    struct secret_resolver *resolver;
    char detail[60];

    if (!config) {
        doctor_tell(doctor, file, NULL, err);
        return;
    }
    snprintf(detail, sizeof(detail), "%zu pipelines", config->npipelines - first);
    doctor_tell(doctor, file ? file : "configuration", detail, NULL);
    resolver = config_resolver(config);
    if (resolver && !file)
        try_registry(doctor, config, resolver);
    if (resolver && !file)
        try_secrets(doctor, config, resolver);
    if (!file)
        try_state_folder(doctor, config);
    for (size_t i = first; resolver && i < config->npipelines; i++) {
        const struct pipeline_config *pipeline = config->pipelines[i];

        try_role(doctor, &pipeline->reader, RNL_SOURCE, resolver, file);
        try_role(doctor, &pipeline->writer, RNL_SINK, resolver, file);
        try_transport(doctor, pipeline, resolver);
    }
    secret_resolver_free(resolver);
}

/* --- the node --------------------------------------------------------------------------------- */

static void look_at_pipelines(struct doctor *doctor, const json_t *node)
{
    const json_t *o;
    size_t i;

    json_array_foreach(json_object_get(node, "pipelines"), i, o)
    {
        const char *name = json_string_value(json_object_get(o, "pipeline"));
        const char *state = json_string_value(json_object_get(o, "state"));
        const char *why = json_string_value(json_object_get(json_object_get(o, "failure"), "text"));
        struct rnl_error err = RNL_ERROR_INIT;
        char what[200];

        if (!name || !state || (strcmp(state, "failed") != 0 && strcmp(state, "waiting") != 0))
            continue;
        snprintf(what, sizeof(what), "pipeline %s", name);
        rnl_fail(&err, RNL_E_CONFIG, "node.pipeline_failed", "it is %s%s%s", state, why ? ": " : "",
                 why ? why : "");
        rnl_hint(&err,
                 "runnel pipelines show %s has its last words; then: runnel pipelines start "
                 "%s",
                 name, name);
        doctor_tell(doctor, what, NULL, &err);
    }
}

/* Where none runs, none is wanted maybe: that alone is nothing wrong. */
static void look_at_node(struct doctor *doctor)
{
    struct rnl_error err = RNL_ERROR_INIT;
    const char *name, *folder;
    char detail[300];
    json_t *node;

    if (remote_ask(NODE_SOCKET, "status", NULL, ANSWER_MS, &node, &err) != RNL_OK) {
        if (strcmp(err.code, "remote.not_running") == 0)
            doctor_tell(doctor, "node", "none of this user runs on this machine", NULL);
        else
            doctor_tell(doctor, "node", NULL, &err);
        return;
    }
    name = json_string_value(json_object_get(node, "node"));
    snprintf(detail, sizeof(detail), "%s runs, process %d%s", name ? name : "",
             (int)json_integer_value(json_object_get(node, "pid")),
             json_is_true(json_object_get(node, "drained")) ? ", drained" : "");
    doctor_tell(doctor, "node", detail, NULL);
    folder = json_string_value(json_object_get(node, "state_dir"));
    if (folder)
        doctor_try_folder(doctor, STATE_FOLDER, folder);
    look_at_registry(doctor, node);
    look_at_pipelines(doctor, node);
    json_decref(node);
}

static int run(const struct cli_args *args)
{
    struct doctor doctor = {.checks = json_array()};
    struct rnl_error err = RNL_ERROR_INIT;

    doctor_try_clock(&doctor);
    doctor_try_folder(&doctor, "transactions larger than memory", P_tmpdir);
    look_at_node(&doctor);
    if (configured_read(args, on_file, &doctor, &err) != RNL_OK)
        doctor_tell(&doctor, "configuration", NULL, &err);
    if (cli_json()) {
        json_t *o = json_pack("{s:b,s:o}", "ok", doctor.wrong == 0, "checks", doctor.checks);

        json_dumpf(o, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(o);
    } else {
        if (doctor.wrong)
            printf("%zu of %zu are wrong\n", doctor.wrong, json_array_size(doctor.checks));
        else
            printf("all is well: %zu looked at\n", json_array_size(doctor.checks));
        json_decref(doctor.checks);
    }
    return doctor.wrong ? EXIT_FAILED : EXIT_DONE;
}

static const struct cli_option options[] = {
    {"pipelines-dir", 0, CLI_TEXT, 0, "FOLDER",
     "each *.cfg in it holds pipelines, beside those of --config (node.pipelines)"},
};

extern const struct cli_command doctor_command;

const struct cli_command doctor_command = {
    .name = "doctor",
    .summary = "Try all that a node depends on, and say what is wrong and what to do",
    .help =
        "Reads the configuration as a node does, connects to the source and the target of each\n"
        "pipeline as the pipeline would, asks its transport, the registry and the stores of\n"
        "secrets, looks at the machine's clock and at the room in the folders that are written\n"
        "to, and asks the node, if one runs, which pipelines have failed.\n\n"
        "Exit codes: 0 all is well, 1 something is wrong, 2 usage.",
    .options = options,
    .noptions = sizeof(options) / sizeof(options[0]),
    .run = run,
};
