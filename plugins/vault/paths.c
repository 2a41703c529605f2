/* Paths of references, and the mounts of Vault that they lie below. */
#include "vault.h"

#include <stdlib.h>

static int bad_path(const char *path, const char *why, struct rnl_error *err)
{
    rnl_fail(err, RNL_E_CONFIG, "vault.path", "\"%.200s\" can't be a path in Vault: %s", path, why);
    rnl_hint(err, "secret://vault/MOUNT/PATH#FIELD, as in secret://vault/secret/shop#password");
    return err->status;
}

int path_check(const char *path, struct rnl_error *err)
{
    size_t len = strlen(path);

    if (len >= PATH_BYTES)
        return bad_path(path, "it is too long", err);
    if (!strchr(path, '/'))
        return bad_path(path, "it names a mount and nothing in it", err);
    for (const char *at = path; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            return bad_path(path, "it has a control character", err);
    for (const char *part = path;; part++) {
        size_t n = strcspn(part, "/");

        if (n == 0 || (n == 1 && *part == '.') || (n == 2 && strncmp(part, "..", 2) == 0))
            return bad_path(path, "a part of it is empty, \".\" or \"..\"", err);
        part += n;
        if (!*part)
            break;
    }
    return path[len - 1] == '.' ? bad_path(path, "Vault takes none that ends in a dot", err)
                                : RNL_OK;
}

static size_t mount_length(const struct mount *mount, const char *path)
{
    if (!mount || mount->kind != MOUNT_KV2)
        return 0;
    return mount->prefix ? strlen(mount->prefix) : strcspn(path, "/") + 1;
}

int path_build(const struct mount *mount, const char *prefix, const char *path, char *out,
               size_t size, struct rnl_error *err)
{
    size_t n = (size_t)snprintf(out, size, "%s", prefix), behind = mount_length(mount, path);

    for (const char *part = path;; part++) {
        size_t len = strcspn(part, "/");

        if (n + 8 >= size)
            return bad_path(path, "it is too long", err);
        if (behind && part == path + behind)
            n += (size_t)snprintf(out + n, size - n, "data/");
        if (!web_escape(out + n, size - n, part, len))
            return bad_path(path, "it is too long", err);
        n += strlen(out + n);
        part += len;
        if (!*part)
            return RNL_OK;
        if (n + 2 >= size)
            return bad_path(path, "it is too long", err);
        out[n++] = '/';
        out[n] = '\0';
    }
}

/* What a mount is, that Vault describes. */
static enum mount_kind kind_of(const json_t *data)
{
    const char *type = json_string_value(json_object_get(data, "type"));
    const char *version =
        json_string_value(json_object_get(json_object_get(data, "options"), "version"));

    return type && strcmp(type, "kv") == 0 && version && strcmp(version, "2") == 0 ? MOUNT_KV2
                                                                                   : MOUNT_PLAIN;
}

/* Vault won't tell: engines that hand out are known by their paths, the rest by configuration. */
static const struct mount *guess(const struct vault *vault, const char *path)
{
    static const struct mount plain = {.kind = MOUNT_PLAIN}, kv2 = {.kind = MOUNT_KV2},
                              unknown = {.kind = MOUNT_UNKNOWN};

    if (strstr(path, "/creds/") || strstr(path, "/static-creds/") || vault->config->kv == KV_1)
        return &plain;
    return vault->config->kv == KV_2 ? &kv2 : &unknown;
}

static const struct mount *known(const struct vault *vault, const char *path)
{
    for (size_t i = 0; i < vault->nmounts; i++)
        if (strncmp(path, vault->mounts[i].prefix, strlen(vault->mounts[i].prefix)) == 0)
            return &vault->mounts[i];
    return NULL;
}

static const struct mount *remember(struct vault *vault, const char *path, const json_t *data)
{
    const char *prefix = json_string_value(json_object_get(data, "path"));
    struct mount *mount = &vault->mounts[vault->nmounts];
    size_t len = prefix ? strlen(prefix) : 0;

    if (len < 2 || prefix[len - 1] != '/' || strncmp(path, prefix, len) != 0 ||
        vault->nmounts == KEPT_MOUNTS)
        return guess(vault, path);
    mount->prefix = strdup(prefix);
    if (!mount->prefix)
        return guess(vault, path);
    mount->kind = kind_of(data);
    vault->nmounts++;
    return mount;
}

int mount_find(struct vault *vault, const char *path, const struct mount **out,
               struct rnl_error *err)
{
    struct reply reply;
    char url[URL_BYTES];
    int status;

    *out = known(vault, path);
    if (*out)
        return RNL_OK;
    if (path_build(NULL, "sys/internal/ui/mounts/", path, url, sizeof(url), err) != RNL_OK)
        return err->status;
    status = vault_ask(vault, "GET", url, NULL, 0, &reply, err);
    if (status != RNL_OK && strcmp(err->code, "vault.denied") == 0) {
        /* so says Vault of what isn't there as well: the read itself will tell */
        *out = guess(vault, path);
        err->status = RNL_OK;
        return RNL_OK;
    }
    if (status != RNL_OK)
        return status;
    *out = reply.code == 200 ? remember(vault, path, json_object_get(reply.root, "data"))
                             : guess(vault, path);
    reply_free(&reply);
    return RNL_OK;
}
