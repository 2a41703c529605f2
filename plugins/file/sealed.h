/*
 * The file of a secret store: a head, the secrets under AES-256-GCM, the tag.
 *
 *   0  8  "RNLSTORE"
 *   8  1  version, 1
 *   9  1  from what the key is derived: 1 a key file (HKDF-SHA256), 2 a passphrase (scrypt)
 *  10  1  scrypt: log2 of N          11  1  scrypt: r        12  1  scrypt: p
 *  13  3  zero
 *  16 16  salt of the derivation, new at each save
 *  32 12  nonce, new at each save
 *  44  4  bytes of secrets, little endian
 *  48  8  the derivation's bytes behind the key: tells a wrong key from a damaged file
 *  56  8  SHA-256 of the 56 bytes before, cut: tells a damaged head from a wrong key
 *  64  …  the secrets, encrypted; the head is the additional data
 *   … 16  the tag
 */
#ifndef FILE_SEALED_H
#define FILE_SEALED_H

#include "pages.h"
#include <runnel/error.h>

enum { SEALED_HEAD = 64, SEALED_TAG = 16, SEALED_SALT = 16, SEALED_CHECK = 8, SEALED_KEY = 32 };

enum key_kind { KEY_FILE = 1, KEY_PASSPHRASE = 2 };

/* What a person keeps: the bytes of a key file, or a passphrase. */
struct seal_key {
    enum key_kind kind;
    const uint8_t *bytes;
    size_t length;
};

/* What is derived from it for one file; kept, so that scrypt's work is done once. */
struct seal {
    uint8_t head[SEALED_HEAD - SEALED_CHECK]; /* of the file it was made for */
    uint8_t key[SEALED_KEY];
    uint8_t check[SEALED_CHECK];
};

/* Checks the head of a file and its size; says which kind of key opens it. */
int sealed_kind(const uint8_t *file, size_t size, enum key_kind *kind, struct rnl_error *err);
/*
 * Decrypts a file whose head was checked. "secrets.wrong_key" and "secrets.damaged"
 * tell what is the matter; seal remembers the derivation.
 */
int sealed_open(const uint8_t *file, size_t size, const struct seal_key *key, struct seal *seal,
                struct pages *secrets, struct rnl_error *err);
/* The bytes of a file that holds secrets; file is made here. */
int sealed_make(const struct pages *secrets, const struct seal_key *key, struct pages *file,
                struct rnl_error *err);

#endif
