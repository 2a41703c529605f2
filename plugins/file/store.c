/* A secret store on disk: found, and read with the key that opens it. */
#include "store.h"

#include "disk.h"

#include <runnel/plugin.h>
#include <stdlib.h>
#include <unistd.h>

enum { STORE_FILE_MAX = SEALED_HEAD + ENTRIES_MAX + SEALED_TAG };

/* How often a reader starts over because a key was changed between its two reads. */
enum { LOAD_TRIES = 3 };

int store_no_memory(struct rnl_error *err)
{
    return rnl_fail(err, RNL_E_FATAL, "secrets.no_memory", "no memory for the secret store");
}

/* $XDG_CONFIG_HOME/runnel/secrets; else /etc/runnel/secrets for root, ~/.config/… for others. */
static char *default_path(void)
{
    const char *folder = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    char *path = NULL;
    int length;

    if (folder && *folder == '/')
        length = asprintf(&path, "%s/runnel/secrets", folder);
    else if (geteuid() == 0)
        length = asprintf(&path, "/etc/runnel/secrets");
    else
        length = asprintf(&path, "%s/.config/runnel/secrets", home ? home : "");
    return length < 0 ? NULL : path;
}

static char *with_suffix(const char *path, const char *suffix)
{
    char *whole;

    return asprintf(&whole, "%s%s", path, suffix) < 0 ? NULL : whole;
}

/* The real path of what is there, or a copy. */
static char *path_settle(const char *path)
{
    char *real = realpath(path, NULL);

    return real ? real : strdup(path);
}

int store_passphrase(struct store *store, const char *passphrase, struct rnl_error *err)
{
    size_t length = strlen(passphrase);
    struct pages copy;

    if (!pages_make(&copy, length))
        return store_no_memory(err);
    memcpy(copy.bytes, passphrase, length);
    copy.length = length;
    pages_free(&store->passphrase);
    store->passphrase = copy;
    return RNL_OK;
}

static bool paths_make(struct store *store, const char *path, const char *key_path, bool has_key)
{
    char *given = path ? strdup(path) : default_path(), *key = NULL;

    if (!given)
        return false;
    store->path = path_settle(given);
    free(given);
    if (!store->path)
        return false;
    store->temporary = with_suffix(store->path, ".new");
    store->lock_path = with_suffix(store->path, ".lock");
    if (has_key) {
        key = key_path ? strdup(key_path) : with_suffix(store->path, ".key");
        store->key_path = key ? path_settle(key) : NULL;
        free(key);
        if (!store->key_path)
            return false;
        store->next_key = with_suffix(store->key_path, ".new");
        store->key_temporary = with_suffix(store->key_path, ".tmp");
        if (!store->next_key || !store->key_temporary)
            return false;
    }
    return store->temporary && store->lock_path;
}

int store_new(const char *path, const char *key_path, const char *passphrase, struct store **out,
              struct rnl_error *err)
{
    struct store *store = calloc(1, sizeof(*store));
    int status = RNL_OK;

    if (!store)
        return store_no_memory(err);
    atomic_init(&store->stopped, false);
    if (!paths_make(store, path, key_path, !passphrase))
        status = store_no_memory(err);
    if (status == RNL_OK && passphrase)
        status = store_passphrase(store, passphrase, err);
    if (status != RNL_OK) {
        store_free(store);
        return status;
    }
    *out = store;
    return RNL_OK;
}

void store_free(struct store *store)
{
    if (!store)
        return;
    pages_free(&store->passphrase);
    explicit_bzero(&store->seal, sizeof(store->seal));
    free(store->path);
    free(store->temporary);
    free(store->lock_path);
    free(store->key_path);
    free(store->next_key);
    free(store->key_temporary);
    free(store);
}

int store_missing(const struct store *store, struct rnl_error *err)
{
    rnl_fail(err, RNL_E_CONFIG, "secrets.no_store", "there is no secret store at %s", store->path);
    rnl_hint(err, "make one with: runnel secrets init");
    return err->status;
}

int store_key(const char *path, struct pages *key, struct rnl_error *err)
{
    int status = disk_read(path, KEY_BYTES, true, key, err);

    if (status == RNL_OK && key->length != KEY_BYTES) {
        status = rnl_fail(err, RNL_E_CONFIG, "secrets.bad_key",
                          "key file %s has %zu bytes, a key has %d", path, key->length, KEY_BYTES);
        pages_free(key);
    }
    return status;
}

static struct seal_key seal_key_of(enum key_kind kind, const struct pages *key)
{
    return (struct seal_key){kind, key->bytes, key->length};
}

/* Opens file with the key in path. RNL_DONE: no such key file. */
static int open_with(struct store *store, const char *path, const struct pages *file,
                     struct pages *secrets, struct rnl_error *err)
{
    struct seal_key seal_key;
    struct pages key;
    int status;

    status = store_key(path, &key, err);
    if (status != RNL_OK)
        return status;
    seal_key = seal_key_of(KEY_FILE, &key);
    status = sealed_open(file->bytes, file->length, &seal_key, &store->seal, secrets, err);
    pages_free(&key);
    return status;
}

static int load_once(struct store *store, struct pages *secrets, bool *next, struct rnl_error *err)
{
    struct seal_key passphrase = seal_key_of(KEY_PASSPHRASE, &store->passphrase);
    struct rnl_error other = RNL_ERROR_INIT;
    enum key_kind kind;
    struct pages file;
    int status;

    *next = false;
    status = disk_read(store->path, STORE_FILE_MAX, false, &file, err);
    if (status != RNL_OK)
        return status;
    status = sealed_kind(file.bytes, file.length, &kind, err);
    if (status != RNL_OK)
        goto free_file;
    if (!store->key_path) {
        status = sealed_open(file.bytes, file.length, &passphrase, &store->seal, secrets, err);
        goto free_file;
    }
    if (kind == KEY_PASSPHRASE) {
        status = rnl_fail(err, RNL_E_CONFIG, "secrets.no_passphrase",
                          "the secret store %s is under a passphrase", store->path);
        rnl_hint(err, "set RUNNEL_SECRETS_PASSPHRASE, or the option passphrase of the store");
        goto free_file;
    }
    status = open_with(store, store->key_path, &file, secrets, err);
    if (status == RNL_DONE) {
        status = rnl_fail(err, RNL_E_CONFIG, "secrets.no_key", "there is no key file %s",
                          store->key_path);
        rnl_hint(err, "name it: key_file = \"…\" of the store, or --key-file");
    }
    if (status != RNL_OK &&
        (strcmp(err->code, "secrets.wrong_key") == 0 || strcmp(err->code, "secrets.no_key") == 0)) {
        *next = open_with(store, store->next_key, &file, secrets, &other) == RNL_OK;
        if (*next)
            status = RNL_OK;
    }
free_file:
    pages_free(&file);
    return status;
}

/* What is wrong with a file is told by those who know only its bytes: says which it is. */
static int load_failed(const struct store *store, struct rnl_error *err)
{
    char text[sizeof(err->text)];

    if (!strstr(err->text, store->path)) {
        snprintf(text, sizeof(text), "%s", err->text);
        snprintf(err->text, sizeof(err->text), "%.300s: %.400s", store->path, text);
    }
    return err->status;
}

int store_load(struct store *store, struct pages *secrets, struct rnl_error *err)
{
    int status = RNL_OK;
    bool next;

    for (int tries = 0; tries < LOAD_TRIES; tries++) {
        status = load_once(store, secrets, &next, err);
        if (status == RNL_OK || status == RNL_DONE)
            return status;
        if (strcmp(err->code, "secrets.wrong_key") != 0)
            break;
    }
    return load_failed(store, err);
}

int store_load_with(struct store *store, struct pages *secrets, bool *next, struct rnl_error *err)
{
    int status = load_once(store, secrets, next, err);

    return status < 0 ? load_failed(store, err) : status;
}
