/*
 * A secret store on disk: opened, read, changed under its lock, put under another key.
 *
 * A new key file goes to KEY.new first, then the store is written under it, then
 * KEY.new takes the place of KEY. Whatever is cut off in between, one of the two files
 * opens the store: readers try both, and the next writer completes the change.
 */
#include "store.h"

#include "disk.h"

#include <errno.h>
#include <openssl/rand.h>
#include <runnel/plugin.h>
#include <stdlib.h>
#include <unistd.h>

enum { KEY_BYTES = 32, STORE_FILE_MAX = SEALED_HEAD + ENTRIES_MAX + SEALED_TAG };

/* How often a reader starts over because a key was changed between its two reads. */
enum { LOAD_TRIES = 3 };

static int no_memory(struct rnl_error *err)
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

static int passphrase_keep(struct store *store, const char *passphrase, struct rnl_error *err)
{
    size_t length = strlen(passphrase);
    struct pages copy;

    if (!pages_make(&copy, length))
        return no_memory(err);
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
        return no_memory(err);
    atomic_init(&store->stopped, false);
    if (!paths_make(store, path, key_path, !passphrase))
        status = no_memory(err);
    if (status == RNL_OK && passphrase)
        status = passphrase_keep(store, passphrase, err);
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

/* Reads a key file; RNL_DONE: there is none. */
static int key_read(const char *path, struct pages *key, struct rnl_error *err)
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

    status = key_read(path, &key, err);
    if (status != RNL_OK)
        return status;
    seal_key = seal_key_of(KEY_FILE, &key);
    status = sealed_open(file->bytes, file->length, &seal_key, &store->seal, secrets, err);
    pages_free(&key);
    return status;
}

/* *next: the key that opened it is the one in KEY.new. */
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

/* For those who write, with the lock held: completes a change of key that was cut off. */
static int load_and_settle(struct store *store, struct pages *secrets, struct rnl_error *err)
{
    bool next;
    int status = load_once(store, secrets, &next, err);

    if (status < 0)
        return load_failed(store, err);
    if (status != RNL_OK || !next)
        return status;
    status = disk_replace(store->next_key, store->key_path, err);
    if (status != RNL_OK)
        pages_free(secrets);
    return status;
}

/* Writes secrets under the key that is in key_path, or under the passphrase. */
static int store_save(struct store *store, const char *key_path, const struct pages *secrets,
                      struct rnl_error *err)
{
    struct pages file, key = {0};
    struct seal_key seal_key;
    int status;

    if (key_path) {
        status = key_read(key_path, &key, err);
        if (status == RNL_DONE)
            status =
                rnl_fail(err, RNL_E_CONFIG, "secrets.no_key", "there is no key file %s", key_path);
        if (status != RNL_OK)
            return status;
        seal_key = seal_key_of(KEY_FILE, &key);
    } else {
        seal_key = seal_key_of(KEY_PASSPHRASE, &store->passphrase);
    }
    status = sealed_make(secrets, &seal_key, &file, err);
    if (status != RNL_OK)
        goto free_key;
    status = disk_write(store->path, store->temporary, file.bytes, file.length, err);
    pages_free(&file);
free_key:
    pages_free(&key);
    return status;
}

static int key_make(const char *path, const char *temporary, struct rnl_error *err)
{
    struct pages key;
    int status;

    if (!pages_make(&key, KEY_BYTES))
        return no_memory(err);
    if (RAND_bytes(key.bytes, KEY_BYTES) > 0)
        status = disk_write(path, temporary, key.bytes, KEY_BYTES, err);
    else
        status = rnl_fail(err, RNL_E_FATAL, "secrets.crypto", "OpenSSL has no random numbers");
    pages_free(&key);
    return status;
}

static int create_locked(struct store *store, struct rnl_error *err)
{
    struct pages empty;
    int status = RNL_OK;

    if (access(store->path, F_OK) == 0)
        return RNL_DONE;
    /* a key that is there is kept: other stores may be under it */
    if (store->key_path && access(store->key_path, F_OK) != 0) {
        status = disk_make_folders(store->key_path, err);
        if (status == RNL_OK)
            status = key_make(store->key_path, store->key_temporary, err);
    }
    if (status != RNL_OK)
        return status;
    if (!pages_make(&empty, 0))
        return no_memory(err);
    status = store_save(store, store->key_path, &empty, err);
    pages_free(&empty);
    return status;
}

int store_create(struct store *store, struct rnl_error *err)
{
    int lock, status;

    status = disk_make_folders(store->path, err);
    if (status == RNL_OK)
        status = disk_lock(store->lock_path, &store->stopped, &lock, err);
    if (status != RNL_OK)
        return status;
    status = create_locked(store, err);
    close(lock);
    return status;
}

static int put_locked(struct store *store, const struct entry *entry, struct rnl_error *err)
{
    struct pages secrets;
    struct entry found;
    int status;

    status = load_and_settle(store, &secrets, err);
    if (status == RNL_DONE)
        return store_missing(store, err);
    if (status != RNL_OK)
        return status;
    if (!entry->value)
        status = entries_find(&secrets, entry, &found, err);
    if (status == RNL_OK)
        status = entries_put(&secrets, entry, err);
    if (status == RNL_OK)
        status = store_save(store, store->key_path, &secrets, err);
    pages_free(&secrets);
    return status;
}

int store_put(struct store *store, const struct entry *entry, struct rnl_error *err)
{
    int lock, status;

    status = disk_lock(store->lock_path, &store->stopped, &lock, err);
    if (status != RNL_OK)
        return status;
    status = put_locked(store, entry, err);
    close(lock);
    return status;
}

static int rotate_key_file(struct store *store, const struct pages *secrets, struct rnl_error *err)
{
    int status = key_make(store->next_key, store->key_temporary, err);

    if (status == RNL_OK)
        status = store_save(store, store->next_key, secrets, err);
    if (status == RNL_OK)
        status = disk_replace(store->next_key, store->key_path, err);
    return status;
}

static int rotate_locked(struct store *store, const char *passphrase, struct rnl_error *err)
{
    struct pages secrets;
    int status;

    status = load_and_settle(store, &secrets, err);
    if (status == RNL_DONE)
        return store_missing(store, err);
    if (status != RNL_OK)
        return status;
    if (store->key_path) {
        status = rotate_key_file(store, &secrets, err);
    } else {
        status = passphrase_keep(store, passphrase, err);
        if (status == RNL_OK)
            status = store_save(store, NULL, &secrets, err);
    }
    pages_free(&secrets);
    return status;
}

int store_rotate(struct store *store, const char *passphrase, struct rnl_error *err)
{
    int lock, status;

    if (store->key_path && *passphrase)
        return rnl_fail(err, RNL_E_CONFIG, "secrets.has_key_file",
                        "the secret store is under a key file, which gets a new key by itself");
    if (!store->key_path && !*passphrase)
        return rnl_fail(err, RNL_E_CONFIG, "secrets.no_passphrase",
                        "the secret store is under a passphrase: the new one is missing");
    status = disk_lock(store->lock_path, &store->stopped, &lock, err);
    if (status != RNL_OK)
        return status;
    status = rotate_locked(store, passphrase, err);
    close(lock);
    return status;
}
