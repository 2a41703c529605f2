/* A secret store on disk: opened, read, changed under its lock, put under another key. */
#ifndef FILE_STORE_H
#define FILE_STORE_H

#include "entries.h"
#include "sealed.h"

#include <stdatomic.h>

enum { KEY_BYTES = 32 }; /* of a key file */

struct store {
    char *path;      /* of the store; real, so that a link to it stays one */
    char *temporary; /* PATH.new, while it is written */
    char *lock_path; /* PATH.lock, held by the one that writes */
    char *key_path;  /* the key file; NULL: a passphrase was given */
    char *next_key;  /* KEY.new, while the key is being changed */
    char *key_temporary;
    struct pages passphrase; /* our own copy: rotating replaces it */
    struct seal seal;
    atomic_bool stopped;
};

/* path NULL: the default. key_path NULL: PATH.key, unless a passphrase is given. */
int store_new(const char *path, const char *key_path, const char *passphrase, struct store **store,
              struct rnl_error *err);
void store_free(struct store *store);

/* Decrypts what the file holds now; RNL_DONE: there is no file. */
int store_load(struct store *store, struct pages *secrets, struct rnl_error *err);
/* Makes an empty store, and its key file if that isn't there; RNL_DONE: there is a store. */
int store_create(struct store *store, struct rnl_error *err);
/* Sets, or with no value removes (RNL_DONE: there is none of that name). */
int store_put(struct store *store, const struct entry *entry, struct rnl_error *err);
/* Encrypts all under a new key: a new passphrase, or "" for a new key file. */
int store_rotate(struct store *store, const char *passphrase, struct rnl_error *err);

/* For both halves of the store: store.c reads, change.c writes. */

/* As store_load, once; *next: the key that opened it is the one in KEY.new. */
int store_load_with(struct store *store, struct pages *secrets, bool *next, struct rnl_error *err);
/* Reads a key file; RNL_DONE: there is none. */
int store_key(const char *path, struct pages *key, struct rnl_error *err);
/* Keeps a copy of passphrase in place of the one before. */
int store_passphrase(struct store *store, const char *passphrase, struct rnl_error *err);
int store_missing(const struct store *store, struct rnl_error *err);
int store_no_memory(struct rnl_error *err);

#endif
