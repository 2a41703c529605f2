/* /connections: the databases that are configured. */
#include "resources.h"

#include "../cli/node_view.h"
#include "files.h"

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COMMAND_MS 20000
#define TEST_MS 60000

static pthread_mutex_t changing = PTHREAD_MUTEX_INITIALIZER;

/* --- seen ------------------------------------------------------------------------------------- */

static json_t *all_of(struct call *call, struct rnl_error *err)
{
    static const char *const words[] = {"connections", "list", NULL};
    json_t *answer, *all;

    if (command_run(call->api, words, COMMAND_MS, &answer, NULL, err) != RNL_OK)
        return NULL;
    all = json_incref(json_object_get(answer, "connections"));
    json_decref(answer);
    return all;
}

static json_t *find(const json_t *all, const char *name)
{
    json_t *one;
    size_t i;

    json_array_foreach((json_t *)(uintptr_t)all, i, one)
    {
        if (strcmp(view_text(one, "name"), name) == 0)
            return one;
    }
    return NULL;
}

static int path_of(const struct call *call, const char *name, char *path, struct rnl_error *err)
{
    const char *folder = call->api->settings->connections_dir;
    int len = folder ? snprintf(path, PATH_MAX, "%s/%s.cfg", folder, name) : -1;

    if (folder && file_name_fits(name) && len > 0 && len < PATH_MAX)
        return RNL_OK;
    if (folder) {
        rnl_fail(err, RNL_E_CONFIG, "config.bad_name", "\"%s\" can't be a connection's name", name);
        rnl_hint(err, "letters, digits, - _ and ., a letter or digit first, 64 at most");
    } else {
        rnl_fail(err, RNL_E_CONFIG, "api.no_folder", "the node has no folder for connections");
        rnl_hint(err, "node = { connections = \"FOLDER\"; }");
    }
    return err->status;
}

/* Its words, where the API wrote them; NULL: it stands in another file. */
static json_t *words_of(const struct call *call, const char *name)
{
    struct rnl_error unheard = RNL_ERROR_INIT;
    json_t *config = NULL, *words = NULL;
    char path[PATH_MAX];

    if (path_of(call, name, path, &unheard) == RNL_OK && access(path, F_OK) == 0 &&
        file_read(path, &config, &unheard) == RNL_OK)
        words = json_incref(json_object_get(json_object_get(config, "connections"), name));
    json_decref(config);
    return words;
}

static json_t *shown(const struct call *call, json_t *one)
{
    json_t *o = json_copy(one), *words = words_of(call, view_text(one, "name"));

    json_object_set_new(o, "editable", json_boolean(words));
    if (words) {
        json_t *seen = json_deep_copy(words);

        secrets_hide(seen);
        json_object_set_new(o, "config", seen);
    }
    json_decref(words);
    return o;
}

int connections_list(struct call *call, struct rnl_error *err)
{
    json_t *all = all_of(call, err), *items, *one;
    size_t i;

    if (!all)
        return err->status;
    items = json_array();
    json_array_foreach(all, i, one)
    {
        json_array_append_new(items, shown(call, one));
    }
    json_decref(all);
    call->answer = json_pack("{s:o,s:n,s:I}", "items", items, "next_cursor", "total",
                             (json_int_t)json_array_size(items));
    return call->answer ? RNL_OK : rnl_fail(err, RNL_E_FATAL, "memory", "out of memory");
}

static int none(const char *name, struct rnl_error *err)
{
    return rnl_fail(err, RNL_E_CONFIG, "api.no_connection", "there is no connection \"%s\"", name);
}

int connections_show(struct call *call, struct rnl_error *err)
{
    json_t *all = all_of(call, err), *one = find(all, call->params[0]);

    if (one)
        call->answer = shown(call, one);
    else if (all)
        none(call->params[0], err);
    json_decref(all);
    return call->answer ? RNL_OK : err->status;
}

/* Whether it answers stands in the reply: that the test itself was made is the status. */
int connections_test(struct call *call, struct rnl_error *err)
{
    const char *const words[] = {"connections", "test", "--", call->params[0], NULL};
    struct rnl_error why = RNL_ERROR_INIT;
    json_t *all = all_of(call, err);
    bool known = find(all, call->params[0]) != NULL;

    json_decref(all);
    if (!all)
        return err->status;
    if (!known)
        return none(call->params[0], err);
    if (command_run(call->api, words, TEST_MS, &call->answer, NULL, &why) != RNL_OK)
        call->answer = json_pack("{s:b,s:{s:s,s:s,s:s}}", "ok", 0, "error", "code", why.code,
                                 "text", why.text, "hint", why.hint);
    return RNL_OK;
}

/* --- written ---------------------------------------------------------------------------------- */

static int write_words(struct call *call, const char *name, json_t *words, const json_t *before,
                       struct rnl_error *err)
{
    char path[PATH_MAX];
    json_t *config, *one;
    int status;

    json_object_del(words, "name");
    if (before)
        secrets_keep(words, before);
    if (path_of(call, name, path, err) != RNL_OK ||
        config_check_outside(words, before, err) != RNL_OK)
        return err->status;
    mkdir(call->api->settings->connections_dir, 0700);
    config = json_pack("{s:{s:O}}", "connections", name, words);
    status = file_write(call->api, path, config, true, err);
    json_decref(config);
    if (status != RNL_OK)
        return status;
    one = json_pack("{s:s,s:s}", "name", name, "plugin", view_text(words, "plugin"));
    call->answer = shown(call, one);
    json_decref(one);
    return RNL_OK;
}

static int create(struct call *call, const char *name, struct rnl_error *err)
{
    json_t *all = all_of(call, err);
    bool known = find(all, name) != NULL;

    json_decref(all);
    if (!all)
        return err->status;
    if (known)
        return rnl_fail(err, RNL_E_CONFIG, "api.exists", "there is a connection \"%s\" already",
                        name);
    return write_words(call, name, call->body, NULL, err);
}

int connections_create(struct call *call, struct rnl_error *err)
{
    char *name = call_text(call, "name") ? strdup(call_text(call, "name")) : NULL;
    int status;

    if (!name)
        return rnl_fail(err, RNL_E_CONFIG, "config.missing_word", "the connection needs a name");
    pthread_mutex_lock(&changing);
    status = create(call, name, err);
    pthread_mutex_unlock(&changing);
    if (status == RNL_OK &&
        asprintf(&call->request->reply.location, "/api/v1/connections/%s", name) < 0)
        call->request->reply.location = NULL;
    free(name);
    return status;
}

static int not_editable(const char *name, struct rnl_error *err)
{
    rnl_fail(err, RNL_E_CONFIG, "api.not_editable",
             "connection %s isn't one that the API made, or there is none", name);
    rnl_hint(err, "GET /api/v1/connections tells which are editable");
    return err->status;
}

static int change(struct call *call, bool whole, struct rnl_error *err)
{
    json_t *before, *words;
    int status;

    pthread_mutex_lock(&changing);
    before = words_of(call, call->params[0]);
    words = whole ? json_incref(call->body) : before ? json_deep_copy(before) : NULL;
    if (before && !whole)
        merge_patch(words, call->body);
    status = before ? write_words(call, call->params[0], words, before, err)
                    : not_editable(call->params[0], err);
    json_decref(words);
    json_decref(before);
    pthread_mutex_unlock(&changing);
    return status;
}

int connections_replace(struct call *call, struct rnl_error *err)
{
    return change(call, true, err);
}

int connections_patch(struct call *call, struct rnl_error *err)
{
    return change(call, false, err);
}

/* The pipelines that name it; of those that stand in files of their own. */
static json_t *users_of(struct call *call, const char *name, struct rnl_error *err)
{
    json_t *node = view_node(call->api->view, err), *users, *entry, *config;
    size_t i;

    if (!node)
        return NULL;
    users = json_array();
    json_array_foreach(json_object_get(node, "pipelines"), i, entry)
    {
        struct rnl_error unheard = RNL_ERROR_INIT;
        char *text;

        if (file_read(view_text(entry, "file"), &config, &unheard) != RNL_OK)
            continue;
        text = json_dumps(config, JSON_COMPACT);
        if (text) {
            char wanted[100];

            snprintf(wanted, sizeof(wanted), "\"connection\":\"%s\"", name);
            if (strstr(text, wanted))
                json_array_append(users, json_object_get(entry, "pipeline"));
        }
        free(text);
        json_decref(config);
    }
    json_decref(node);
    return users;
}

/* The main configuration may use it too: without it that must still be one. */
static int remove_file(struct call *call, const char *path, struct rnl_error *err)
{
    static const char *const words[] = {"config", "show", NULL};
    json_t *answer = NULL;
    char *aside;
    int status;

    if (asprintf(&aside, "%s.gone", path) < 0)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory");
    status = file_move(path, aside, err);
    if (status == RNL_OK &&
        command_run(call->api, words, COMMAND_MS, &answer, NULL, err) != RNL_OK) {
        struct rnl_error unheard = RNL_ERROR_INIT;

        snprintf(err->code, sizeof(err->code), "api.in_use");
        status = err->status;
        file_move(aside, path, &unheard);
    } else if (status == RNL_OK)
        status = file_remove(aside, err);
    json_decref(answer);
    free(aside);
    return status;
}

static int remove_one(struct call *call, struct rnl_error *err)
{
    json_t *words = words_of(call, call->params[0]), *users;
    char path[PATH_MAX];
    int status;

    if (!words)
        return not_editable(call->params[0], err);
    json_decref(words);
    users = users_of(call, call->params[0], err);
    if (!users)
        return err->status;
    if (json_array_size(users) > 0) {
        problem_reply_with(call->request, 409, "api.in_use", "pipelines use this connection",
                           "change or delete them first", json_pack("{s:O}", "pipelines", users));
        status = RNL_E_CONFIG;
    } else
        status = path_of(call, call->params[0], path, err) == RNL_OK ? remove_file(call, path, err)
                                                                     : err->status;
    json_decref(users);
    return status;
}

int connections_delete(struct call *call, struct rnl_error *err)
{
    int status;

    pthread_mutex_lock(&changing);
    status = remove_one(call, err);
    pthread_mutex_unlock(&changing);
    return status;
}
