/* Which pipelines there are: asked of a child whenever the files of the configuration change. */
#include "node_part.h"

#include "loop.h"
#include "util/log.h"

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* --- whether files have changed --------------------------------------------------------------- */

static uint64_t mix(uint64_t sum, const void *bytes, size_t len)
{
    const unsigned char *at = bytes;

    for (size_t i = 0; i < len; i++)
        sum = (sum ^ at[i]) * 0x100000001b3u;
    return sum;
}

/* Of a file: what tells it from another one, or from itself before it was written to. */
static uint64_t look_at(const char *path)
{
    struct stat is;
    uint64_t sum = mix(0xcbf29ce484222325u, path, strlen(path));

    if (stat(path, &is) != 0)
        return sum;
    sum = mix(sum, &is.st_ino, sizeof(is.st_ino));
    sum = mix(sum, &is.st_size, sizeof(is.st_size));
    return mix(sum, &is.st_mtim, sizeof(is.st_mtim));
}

/* The order in which a folder gives its entries doesn't matter: sums of them are added. */
static uint64_t look_into(const char *folder)
{
    DIR *dir = opendir(folder);
    uint64_t sum = look_at(folder);
    struct dirent *item;
    char path[4096];

    while (dir && (item = readdir(dir)) != NULL) {
        size_t len = strlen(item->d_name);

        if (item->d_name[0] == '.' || len < 5 || strcmp(item->d_name + len - 4, ".cfg") != 0)
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, item->d_name);
        sum += look_at(path);
    }
    if (dir)
        closedir(dir);
    return sum;
}

static uint64_t look(const struct node *node)
{
    const json_t *files = json_object_get(node->listed, "files"), *file;
    uint64_t sum = node->pipelines_dir ? look_into(node->pipelines_dir) : 0;
    size_t i;

    json_array_foreach(files, i, file)
    {
        struct stat is;
        const char *path = json_string_value(file);

        sum += path && stat(path, &is) == 0 && S_ISDIR(is.st_mode) ? look_into(path)
               : path                                              ? look_at(path)
                                                                   : 0;
    }
    return sum;
}

/* What is amid being written is not read: twice it has to look alike. */
void node_list_watch(struct node *node)
{
    uint64_t now = look(node);

    if (!node->lister && now != node->look_read && now == node->look_seen) {
        log_write(RNL_LOG_INFO, "node", "the configuration has changed: reading it");
        node_list_begin(node);
    }
    node->look_seen = now;
}

/* --- reading them ----------------------------------------------------------------------------- */

static void on_line(void *arg, bool is_error, char *line)
{
    struct node *node = arg;
    json_t *o = json_loads(line, 0, NULL);
    const char *text = json_string_value(json_object_get(o, "text"));

    if (is_error)
        log_write(RNL_LOG_WARN, "node", "%s", text ? text : line);
    else if (json_is_object(o)) {
        json_decref(node->listed);
        node->listed = json_incref(o);
    }
    json_decref(o);
}

/* The first time there is nothing yet that could go on. */
static void fail(struct node *node)
{
    const json_t *error = json_object_get(node->listed, "error");
    const char *text = json_string_value(json_object_get(error, "text"));
    const char *code = json_string_value(json_object_get(error, "code"));
    const char *hint = json_string_value(json_object_get(error, "hint"));
    struct rnl_error err = RNL_ERROR_INIT;

    if (node->ending)
        return;
    if (!text)
        text = "the process that reads the configuration has failed";
    if (node->desired) {
        log_write(RNL_LOG_ERROR, "node",
                  "the configuration can't be used, what runs goes on as it is: %s", text);
        return;
    }
    rnl_fail(&err, RNL_E_CONFIG, code ? code : "node.configuration", "%s", text);
    if (hint && *hint)
        rnl_hint(&err, "%s", hint);
    node_give_up(node, &err);
}

/* Which folder is looked at is known from the first reading on. */
static int first_reading(struct node *node, struct rnl_error *err)
{
    int status = node_set_up(node, err);

    node->look_wanted = look(node);
    return status;
}

static void on_ended(void *arg, int status)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct node *node = arg;
    bool read = WIFEXITED(status) && WEXITSTATUS(status) == 0 && node->listed &&
                !json_object_get(node->listed, "error");

    node->lister = NULL;
    if (!read)
        fail(node);
    else if (!node->desired && first_reading(node, &err) != RNL_OK)
        node_give_up(node, &err);
    else
        node_take_list(node, node->listed);
    node->look_read = node->look_wanted;
    node->look_seen = look(node);
    if (node->list_again)
        node_list_begin(node);
}

static int start_lister(struct node *node, struct rnl_error *err)
{
    const struct child_watch watch = {on_line, on_ended, node};
    const struct node_settings *settings = node->settings;
    const char *argv[ARGUMENTS_MOST + 12] = {"runnel", "pipelines", "configured", "--json"};
    char *arguments[ARGUMENTS_MOST + 12];
    size_t n = 4;

    if (settings->config) {
        argv[n++] = "--config";
        argv[n++] = settings->config;
    }
    if (settings->pipelines_dir) {
        argv[n++] = "--pipelines-dir";
        argv[n++] = settings->pipelines_dir;
    }
    for (size_t i = 0; i < ARGUMENTS_MOST && settings->arguments[i]; i++)
        argv[n++] = settings->arguments[i];
    argv[n] = NULL;
    memcpy(arguments, argv, sizeof(arguments));
    return child_start(node->loop, arguments, &watch, &node->lister, err);
}

void node_list_begin(struct node *node)
{
    struct rnl_error err = RNL_ERROR_INIT;

    node->list_again = node->lister != NULL;
    if (node->lister)
        return;
    node->look_wanted = look(node); /* what changes amid the reading is read again */
    if (start_lister(node, &err) != RNL_OK)
        log_error("node", &err);
}
