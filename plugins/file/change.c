/*
 * Changes of a secret store, under its lock: made, written, put under another key.
 *
 * A new key file goes to KEY.new first, then the store is written under it, then
 * KEY.new takes the place of KEY. Whatever is cut off in between, one of the two files
 * opens the store: readers try both, and the next writer completes the change.
 */
#include "disk.h"
#include "store.h"

#include <openssl/rand.h>
#include <runnel/plugin.h>
#include <unistd.h>

/* For those who write, with the lock held: completes a change of key that was cut off. */
static int load_and_settle(struct store *store, struct pages *secrets, struct rnl_error *err)
{
    bool next;
    int status = store_load_with(store, secrets, &next, err);

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
        status = store_key(key_path, &key, err);
        if (status == RNL_DONE)
            status =
                rnl_fail(err, RNL_E_CONFIG, "secrets.no_key", "there is no key file %s", key_path);
        if (status != RNL_OK)
            return status;
        seal_key = (struct seal_key){KEY_FILE, key.bytes, key.length};
    } else {
        seal_key =
            (struct seal_key){KEY_PASSPHRASE, store->passphrase.bytes, store->passphrase.length};
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
        return store_no_memory(err);
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
        return store_no_memory(err);
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
        status = store_passphrase(store, passphrase, err);
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
