/* /pipelines as configured: made, changed and taken away as the files that a person would write. */
#include "resources.h"

#include "../cli/node_view.h"
#include "../node.h"
#include "../redact.h"
#include "../remote.h"
#include "../util/clock.h"
#include "../util/crc32c.h"
#include "files.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define KNOWN_MS 10000
#define LOOK_MS 50

/* One change at a time: what If-Match has seen is what is replaced. */
static pthread_mutex_t changing = PTHREAD_MUTEX_INITIALIZER;

static int no_folder(struct rnl_error *err)
{
    rnl_fail(err, RNL_E_CONFIG, "api.no_folder", "the node has no folder for pipelines");
    rnl_hint(err, "node = { pipelines = \"FOLDER\"; connections = \"FOLDER\"; }");
    return err->status;
}

static int path_of(const struct call *call, const char *name, char *path, struct rnl_error *err)
{
    const char *folder = call->api->settings->pipelines_dir;
    int len;

    if (!folder)
        return no_folder(err);
    if (!file_name_fits(name)) {
        rnl_fail(err, RNL_E_CONFIG, "config.bad_name", "\"%s\" can't be a pipeline's name", name);
        rnl_hint(err, "letters, digits, - _ and ., a letter or digit first, 64 at most");
        return err->status;
    }
    len = snprintf(path, PATH_MAX, "%s/%s.cfg", folder, name);
    return len > 0 && len < PATH_MAX
               ? RNL_OK
               : rnl_fail(err, RNL_E_CONFIG, "api.no_folder", "the path of the folder is too long");
}

/* --- what is known of it ---------------------------------------------------------------------- */

static int read_own(struct call *call, json_t **entry, json_t **config, char **tag,
                    struct rnl_error *err)
{
    const char *path;
    size_t length = 0;
    char *bytes;

    *config = NULL;
    *entry = pipeline_entry(call, err);
    if (!*entry)
        return err->status;
    path = json_string_value(json_object_get(*entry, "file"));
    if (!path) {
        rnl_fail(err, RNL_E_CONFIG, "api.not_editable",
                 "pipeline %s stands in the main configuration, which the API leaves alone",
                 call->params[0]);
        rnl_hint(err, "move it into a file of its own in the folder node.pipelines");
    } else if (file_read(path, config, err) == RNL_OK &&
               file_bytes(path, &bytes, &length, err) == RNL_OK) {
        if (asprintf(tag, "\"%08x-%zu\"", crc32c(0, bytes, length), length) < 0)
            *tag = NULL;
        free(bytes);
        return RNL_OK;
    }
    json_decref(*entry);
    json_decref(*config);
    *config = NULL;
    return err->status;
}

/* A URL that stands for a connection may hold a password. */
static void hide_urls(json_t *words)
{
    const char *name;
    json_t *value;
    size_t i;

    json_array_foreach(words, i, value)
    {
        hide_urls(value);
    }
    json_object_foreach(words, name, value)
    {
        char *text = json_is_string(value) ? strdup(json_string_value(value)) : NULL;

        if (text && strstr(text, "://")) {
            redact(text);
            json_object_set_new(words, name, json_string(text));
        } else
            hide_urls(value);
        free(text);
    }
}

static json_t *shown(const char *name, const json_t *entry, json_t *config)
{
    json_t *words = json_object_get(config, "pipeline");
    json_t *o;

    secrets_hide(config);
    hide_urls(config);
    o = json_pack("{s:s,s:O?,s:O?}", "name", name, "config", words ? words : config, "connections",
                  json_object_get(config, "connections"));
    if (o && entry) {
        json_object_set(o, "file", json_object_get(entry, "file"));
        json_object_set(o, "state", json_object_get(entry, "state"));
        json_object_set(o, "edited", json_object_get(entry, "edited"));
        json_object_set(o, "allowed_actions", json_object_get(entry, "allowed_actions"));
    }
    return o;
}

int pipelines_show(struct call *call, struct rnl_error *err)
{
    json_t *entry, *config;

    if (read_own(call, &entry, &config, &call->request->reply.etag, err) != RNL_OK)
        return err->status;
    call->answer = shown(call->params[0], entry, config);
    json_decref(entry);
    json_decref(config);
    return call->answer ? RNL_OK : rnl_fail(err, RNL_E_FATAL, "memory", "out of memory");
}

int pipelines_export(struct call *call, struct rnl_error *err)
{
    const char *format = call_query(call, "format");
    json_t *entry, *config;
    char *text = NULL;

    if (read_own(call, &entry, &config, &call->request->reply.etag, err) != RNL_OK)
        return err->status;
    secrets_hide(config);
    hide_urls(config);
    if (format && strcmp(format, "json") == 0)
        call->answer = json_incref(config);
    else if (file_text(config, &text, err) == RNL_OK)
        call->answer = json_pack("{s:s,s:s}", "format", "libconfig", "text", text);
    free(text);
    json_decref(entry);
    json_decref(config);
    return call->answer ? RNL_OK : err->status;
}

/* --- making and changing ---------------------------------------------------------------------- */

static bool is_known(struct call *call, const char *name)
{
    struct rnl_error unheard = RNL_ERROR_INIT;
    json_t *node, *entry;
    bool known = false;
    size_t i;

    view_forget(call->api->view);
    node = view_node(call->api->view, &unheard);
    json_array_foreach(json_object_get(node, "pipelines"), i, entry)
    {
        known = known || (strcmp(view_text(entry, "pipeline"), name) == 0 &&
                          json_is_true(json_object_get(entry, "configured")));
    }
    json_decref(node);
    return known;
}

/* The node reads its files again: what was written counts when it has. */
static int wait_known(struct call *call, const char *name, bool known, struct rnl_error *err)
{
    int64_t until_ms = clock_ms() + KNOWN_MS;
    json_t *answer = NULL;

    if (remote_ask(NODE_SOCKET, "reload", NULL, KNOWN_MS, &answer, err) != RNL_OK)
        return err->status;
    json_decref(answer);
    while (is_known(call, name) != known) {
        if (clock_ms() >= until_ms)
            return rnl_fail(err, RNL_E_RETRY, "api.timeout",
                            "the file is written, and the node hasn't read it yet");
        nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000L}, NULL);
    }
    return RNL_OK;
}

static int make(struct call *call, const char *name, const json_t *words, struct rnl_error *err)
{
    char path[PATH_MAX];
    json_t *config;
    int status;

    /* what no node would read isn't written */
    view_forget(call->api->view);
    config = view_node(call->api->view, err);
    json_decref(config);
    if (!config || path_of(call, name, path, err) != RNL_OK)
        return err->status;
    if (access(path, F_OK) == 0 || is_known(call, name))
        return rnl_fail(err, RNL_E_CONFIG, "api.exists", "there is a pipeline \"%s\" already",
                        name);
    config = json_pack("{s:O}", "pipeline", words);
    status = file_write(call->api, path, config, false, err);
    if (status == RNL_OK)
        status = wait_known(call, name, true, err);
    if (status == RNL_OK)
        call->answer = shown(name, NULL, config);
    json_decref(config);
    if (asprintf(&call->request->reply.location, "/api/v1/pipelines/%s", name) < 0)
        call->request->reply.location = NULL;
    return status;
}

int pipelines_create(struct call *call, struct rnl_error *err)
{
    const char *name = call_text(call, "name");
    int status;

    if (!name)
        return rnl_fail(err, RNL_E_CONFIG, "config.missing_word", "the pipeline needs a name");
    if (config_check_outside(call->body, NULL, err) != RNL_OK)
        return err->status;
    pthread_mutex_lock(&changing);
    status = make(call, name, call->body, err);
    pthread_mutex_unlock(&changing);
    return status;
}

static int check_tag(const struct call *call, const char *tag, struct rnl_error *err)
{
    const char *wanted = call->request->if_match;

    if (!wanted || strcmp(wanted, "*") == 0 || (tag && strstr(wanted, tag)))
        return RNL_OK;
    rnl_fail(err, RNL_E_CONFIG, "api.changed", "it was changed since: its tag is %s", tag);
    rnl_hint(err, "read it again, and try again with its ETag");
    return err->status;
}

static int write_own(struct call *call, const json_t *entry, json_t *config, json_t *words,
                     struct rnl_error *err)
{
    const char *path = view_text(entry, "file"), *name = view_text(words, "name");
    const json_t *before = json_object_get(config, "pipeline");
    json_t *fresh;
    int status;

    if (!before)
        return rnl_fail(err, RNL_E_CONFIG, "api.not_editable",
                        "%s holds several pipelines: the API leaves it alone", path);
    if (strcmp(name, call->params[0]) != 0) {
        rnl_fail(err, RNL_E_CONFIG, "api.name", "a pipeline's name can't be changed");
        rnl_hint(err, "its progress in the target goes by it: clone it");
        return err->status;
    }
    secrets_keep(words, before);
    if (config_check_outside(words, before, err) != RNL_OK)
        return err->status;
    fresh = json_copy(config);
    json_object_set(fresh, "pipeline", words);
    status = file_write(call->api, path, fresh, false, err);
    if (status == RNL_OK)
        status = wait_known(call, name, true, err);
    if (status == RNL_OK)
        call->answer = shown(name, NULL, fresh);
    json_decref(fresh);
    return status;
}

static int change(struct call *call, bool whole, struct rnl_error *err)
{
    json_t *entry, *config, *words;
    char *tag = NULL;
    int status;

    pthread_mutex_lock(&changing);
    status = read_own(call, &entry, &config, &tag, err);
    if (status == RNL_OK) {
        status = check_tag(call, tag, err);
        words = whole ? json_deep_copy(call->body)
                      : json_deep_copy(json_object_get(config, "pipeline"));
        if (!whole && words)
            merge_patch(words, call->body);
        if (status == RNL_OK)
            status = write_own(call, entry, config, words, err);
        json_decref(words);
        json_decref(entry);
        json_decref(config);
    }
    free(tag);
    pthread_mutex_unlock(&changing);
    return status;
}

int pipelines_replace(struct call *call, struct rnl_error *err)
{
    if (!json_object_get(call->body, "name"))
        json_object_set_new(call->body, "name", json_string(call->params[0]));
    return change(call, true, err);
}

int pipelines_patch(struct call *call, struct rnl_error *err)
{
    return change(call, false, err);
}

static int remove_own(struct call *call, struct rnl_error *err)
{
    json_t *entry, *config;
    char *tag = NULL;
    int status = read_own(call, &entry, &config, &tag, err);

    if (status != RNL_OK)
        return status;
    status = check_tag(call, tag, err);
    if (status == RNL_OK && pipeline_alive(entry)) {
        status = rnl_fail(err, RNL_E_CONFIG, "api.running", "pipeline %s runs", call->params[0]);
        rnl_hint(err, "stop it first");
    }
    if (status == RNL_OK && !json_object_get(config, "pipeline"))
        status = rnl_fail(err, RNL_E_CONFIG, "api.not_editable",
                          "%s holds several pipelines: the API leaves it alone",
                          view_text(entry, "file"));
    if (status == RNL_OK)
        status = file_remove(view_text(entry, "file"), err);
    if (status == RNL_OK)
        status = wait_known(call, call->params[0], false, err);
    json_decref(entry);
    json_decref(config);
    free(tag);
    return status;
}

int pipelines_delete(struct call *call, struct rnl_error *err)
{
    int status;

    pthread_mutex_lock(&changing);
    status = remove_own(call, err);
    pthread_mutex_unlock(&changing);
    return status;
}

int pipelines_clone(struct call *call, struct rnl_error *err)
{
    const char *name = call_text(call, "name");
    json_t *entry, *config, *words;
    int status;

    pthread_mutex_lock(&changing);
    status = read_own(call, &entry, &config, &call->request->reply.etag, err);
    if (status == RNL_OK) {
        words = json_deep_copy(json_object_get(config, "pipeline"));
        json_object_set_new(words, "name", json_string(name));
        status = words ? make(call, name, words, err) : no_folder(err);
        json_decref(words);
        json_decref(entry);
        json_decref(config);
    }
    pthread_mutex_unlock(&changing);
    return status;
}
