/* A small file, written anew at each change: whole or not at all, whatever happens amid it. */
#include "kept.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_NAME "node.json"
#define FRESH_NAME "node.json.new"

struct kept {
    char folder_path[PATH_MAX];
    int folder;
    json_t *all; /* {"drained": true, "failed": {"shop": {"reader": {…}}}} */
};

static int fail(const struct kept *kept, struct rnl_error *err, const char *what)
{
    rnl_fail(err, RNL_E_CONFIG, "node.state", "the state folder %s: %s: %s", kept->folder_path,
             what, strerror(errno));
    rnl_hint(err, "--state-dir, or node = { state_dir = …; } names another one");
    return err->status;
}

static int out_of_memory(struct rnl_error *err)
{
    return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory");
}

/* Of another shape than ours: written by hand, or by a later version. */
static bool is_sound(const json_t *all)
{
    const json_t *failed = json_object_get(all, "failed"), *roles;
    const json_t *drained = json_object_get(all, "drained");
    const json_t *unsent = json_object_get(all, "unsent"), *turns = json_object_get(all, "turns");
    const char *name;

    json_object_foreach((json_t *)(uintptr_t)failed, name, roles)
    {
        if (!json_is_object(roles))
            return false;
    }
    return json_is_object(all) && (!unsent || json_is_object(unsent)) &&
           (!turns || json_is_object(turns)) && (!failed || json_is_object(failed)) &&
           (!drained || json_is_boolean(drained));
}

/* A file that can't be read is not written over: a person may still tell what it said. */
static int read_file(struct kept *kept, struct rnl_error *err)
{
    int fd = openat(kept->folder, FILE_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    json_error_t why = {.text = ""};

    if (fd < 0 && errno == ENOENT) {
        kept->all = json_object();
        return kept->all ? RNL_OK : out_of_memory(err);
    }
    if (fd < 0)
        return fail(kept, err, FILE_NAME " can't be read");
    kept->all = json_loadfd(fd, JSON_REJECT_DUPLICATES, &why);
    close(fd);
    if (kept->all && is_sound(kept->all))
        return RNL_OK;
    rnl_fail(err, RNL_E_CONFIG, "node.state", "%s/" FILE_NAME " is damaged: %s", kept->folder_path,
             kept->all ? "it has another shape" : why.text);
    rnl_hint(err, "mend it, or remove it: then pipelines that failed are tried once more, and a "
                  "node that was drained isn't");
    return err->status;
}

int kept_open(const char *folder, struct kept **out, struct rnl_error *err)
{
    struct kept *kept = calloc(1, sizeof(*kept));

    if (!kept)
        return out_of_memory(err);
    snprintf(kept->folder_path, sizeof(kept->folder_path), "%s", folder);
    kept->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (kept->folder < 0)
        fail(kept, err, "can't be opened");
    else if (read_file(kept, err) == RNL_OK) {
        *out = kept;
        return RNL_OK;
    }
    kept_close(kept);
    return err->status;
}

void kept_close(struct kept *kept)
{
    if (!kept)
        return;
    json_decref(kept->all);
    if (kept->folder >= 0)
        close(kept->folder);
    free(kept);
}

static int write_file(const struct kept *kept, const json_t *all, struct rnl_error *err)
{
    int fd = openat(kept->folder, FRESH_NAME, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
                    0600);
    bool written;

    if (fd < 0)
        return fail(kept, err, FRESH_NAME " can't be written");
    written = json_dumpfd(all, fd, JSON_INDENT(2) | JSON_SORT_KEYS) == 0 && fsync(fd) == 0;
    if (close(fd) != 0 || !written)
        return fail(kept, err, FRESH_NAME " can't be written");
    if (renameat(kept->folder, FRESH_NAME, kept->folder, FILE_NAME) != 0 ||
        fsync(kept->folder) != 0)
        return fail(kept, err, FILE_NAME " can't be replaced");
    return RNL_OK;
}

/* Takes all, which may be NULL: there was no memory for it. */
static int replace(struct kept *kept, json_t *all, struct rnl_error *err)
{
    int status = all ? write_file(kept, all, err) : out_of_memory(err);

    if (status == RNL_OK) {
        json_t *before = kept->all;

        kept->all = all;
        all = before;
    }
    json_decref(all);
    return status;
}

bool kept_drained(const struct kept *kept)
{
    return json_is_true(json_object_get(kept->all, "drained"));
}

int kept_drain(struct kept *kept, bool drained, struct rnl_error *err)
{
    json_t *all = json_copy(kept->all);

    json_object_set_new(all, "drained", json_boolean(drained));
    return replace(kept, all, err);
}

const json_t *kept_failed(const struct kept *kept, const char *pipeline, const char *role)
{
    const json_t *failed = json_object_get(json_object_get(kept->all, "failed"), pipeline);
    const json_t *how = json_object_get(failed, role);

    return json_is_object(how) ? how : NULL;
}

int kept_fail(struct kept *kept, const char *pipeline, const char *role, const json_t *how,
              struct rnl_error *err)
{
    json_t *all = json_deep_copy(kept->all), *failed, *roles;

    if (!json_object_get(all, "failed"))
        json_object_set_new(all, "failed", json_object());
    failed = json_object_get(all, "failed");
    if (!json_object_get(failed, pipeline))
        json_object_set_new(failed, pipeline, json_object());
    roles = json_object_get(failed, pipeline);
    if (json_object_set_new(roles, role, json_deep_copy(how)) != 0) {
        json_decref(all);
        return out_of_memory(err);
    }
    return replace(kept, all, err);
}

int kept_forget(struct kept *kept, const char *pipeline, struct rnl_error *err)
{
    json_t *all;

    if (!json_object_get(json_object_get(kept->all, "failed"), pipeline))
        return RNL_OK;
    all = json_deep_copy(kept->all);
    json_object_del(json_object_get(all, "failed"), pipeline);
    return replace(kept, all, err);
}

const json_t *kept_unsent(const struct kept *kept)
{
    return json_object_get(kept->all, "unsent");
}

int kept_unsent_put(struct kept *kept, const char *key, const json_t *unsent, struct rnl_error *err)
{
    json_t *all, *keys;

    if (!unsent && !json_object_get(kept_unsent(kept), key))
        return RNL_OK;
    all = json_deep_copy(kept->all);
    if (!json_object_get(all, "unsent"))
        json_object_set_new(all, "unsent", json_object());
    keys = json_object_get(all, "unsent");
    if (!unsent)
        json_object_del(keys, key);
    else
        json_object_set_new(keys, key, json_deep_copy(unsent));
    return replace(kept, all, err);
}

int64_t kept_turn(const struct kept *kept, const char *key)
{
    return json_integer_value(json_object_get(json_object_get(kept->all, "turns"), key));
}

int kept_turn_put(struct kept *kept, const char *key, int64_t turn, struct rnl_error *err)
{
    json_t *all;

    if (kept_turn(kept, key) == turn)
        return RNL_OK;
    all = json_deep_copy(kept->all);
    if (!json_object_get(all, "turns"))
        json_object_set_new(all, "turns", json_object());
    json_object_set_new(json_object_get(all, "turns"), key, json_integer(turn));
    return replace(kept, all, err);
}
