/* The file of a secret store, from bytes and to bytes: key derivation, AES-256-GCM. */
#include "sealed.h"

#include "entries.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>
#include <runnel/plugin.h>

static const uint8_t magic[8] = {'R', 'N', 'L', 'S', 'T', 'O', 'R', 'E'};

enum {
    AT_VERSION = 8,
    AT_KIND = 9,
    AT_LOG2_N = 10,
    AT_R = 11,
    AT_P = 12,
    AT_ZERO = 13,
    AT_SALT = 16,
    AT_NONCE = 32,
    AT_SIZE = 44,
    AT_CHECK = 48,
    AT_DIGEST = 56,

    VERSION = 1,
    NONCE_BYTES = 12,

    /* 16 MiB and a fifth of a second: beside a migration, memory is what is dear */
    SCRYPT_LOG2_N = 14,
    SCRYPT_R = 8,
    SCRYPT_P = 5,
    /* what a file may ask for: 128 * N * r bytes of memory */
    SCRYPT_LOG2_N_MAX = 20,
    SCRYPT_P_MAX = 32,
    SCRYPT_MEMORY_MAX = 256 * 1024 * 1024
};

/* Bounds of what EVP takes as int. */
_Static_assert(ENTRIES_MAX <= INT32_MAX, "lengths fit an int");

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void put32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++, value >>= 8)
        at[i] = (uint8_t)value;
}

/* The library failed at what always works: memory is out, or it is not whole. */
static int crypto_failed(struct rnl_error *err)
{
    return rnl_fail(err, RNL_E_FATAL, "secrets.crypto", "OpenSSL can't do what is asked of it");
}

static bool head_digest(const uint8_t *head, uint8_t digest[SEALED_CHECK])
{
    uint8_t whole[EVP_MAX_MD_SIZE];

    if (!EVP_Digest(head, AT_DIGEST, whole, NULL, EVP_sha256(), NULL))
        return false;
    memcpy(digest, whole, SEALED_CHECK);
    return true;
}

static bool scrypt_is_bearable(const uint8_t *head)
{
    unsigned int log2_n = head[AT_LOG2_N], r = head[AT_R], p = head[AT_P];

    return log2_n >= 1 && log2_n <= SCRYPT_LOG2_N_MAX && r >= 1 && p >= 1 && p <= SCRYPT_P_MAX &&
           (UINT64_C(128) << log2_n) * r <= SCRYPT_MEMORY_MAX;
}

static int damaged(const char *how, struct rnl_error *err)
{
    rnl_fail(err, RNL_E_CONFIG, "secrets.damaged", "the secret store is damaged: %s", how);
    rnl_hint(err, "put back a copy of the file, or move it away and make a new store");
    return err->status;
}

int sealed_kind(const uint8_t *file, size_t size, enum key_kind *kind, struct rnl_error *err)
{
    static const uint8_t zero[AT_SALT - AT_ZERO];
    uint8_t digest[SEALED_CHECK];

    if (size >= sizeof(magic) && memcmp(file, magic, sizeof(magic)) != 0)
        return rnl_fail(err, RNL_E_CONFIG, "secrets.not_a_store",
                        "the file is not a secret store of Runnel");
    if (size < SEALED_HEAD + SEALED_TAG)
        return damaged("it is cut off in its head", err);
    if (!head_digest(file, digest))
        return crypto_failed(err);
    if (memcmp(file + AT_DIGEST, digest, SEALED_CHECK) != 0)
        return damaged("its head was changed", err);
    if (file[AT_VERSION] != VERSION)
        return rnl_fail(err, RNL_E_CONFIG, "secrets.newer",
                        "the secret store has format %u, this program knows %d", file[AT_VERSION],
                        VERSION);
    if ((file[AT_KIND] != KEY_FILE && file[AT_KIND] != KEY_PASSPHRASE) ||
        memcmp(file + AT_ZERO, zero, sizeof(zero)) != 0 || get32(file + AT_SIZE) > ENTRIES_MAX ||
        (file[AT_KIND] == KEY_PASSPHRASE && !scrypt_is_bearable(file)))
        return damaged("its head asks for what no store has", err);
    if (size < SEALED_HEAD + SEALED_TAG + get32(file + AT_SIZE))
        return damaged("it is cut off", err);
    if (size > SEALED_HEAD + SEALED_TAG + get32(file + AT_SIZE))
        return damaged("something was added at its end", err);
    *kind = (enum key_kind)file[AT_KIND];
    return RNL_OK;
}

static bool derive_hkdf(const uint8_t *head, const struct seal_key *key, uint8_t *out, size_t size)
{
    static char digest[] = "SHA256", purpose[] = "runnel secret store 1";
    uint8_t salt[SEALED_SALT];
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        /* only read, whatever the type says */
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)key->bytes,
                                          key->length),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, salt, sizeof(salt)),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, purpose, sizeof(purpose) - 1),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF_CTX *ctx = NULL;
    EVP_KDF *kdf;
    bool done = false;

    memcpy(salt, head + AT_SALT, sizeof(salt));
    kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    if (kdf)
        ctx = EVP_KDF_CTX_new(kdf);
    if (ctx)
        done = EVP_KDF_derive(ctx, out, size, params) > 0;
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    return done;
}

/*
 * The key and the check for a head. scrypt's work is kept: a salt goes with one
 * passphrase. Key files are many (a new one beside the old) and cost nothing.
 */
static int seal_derive(const uint8_t *head, const struct seal_key *key, struct seal *seal,
                       struct rnl_error *err)
{
    uint8_t derived[SEALED_KEY + SEALED_CHECK];
    bool done;

    if (key->kind == KEY_PASSPHRASE && memcmp(seal->head, head, AT_NONCE) == 0)
        return RNL_OK;
    if (key->kind == KEY_FILE)
        done = derive_hkdf(head, key, derived, sizeof(derived));
    else
        done = EVP_PBE_scrypt((const char *)key->bytes, key->length, head + AT_SALT, SEALED_SALT,
                              UINT64_C(1) << head[AT_LOG2_N], head[AT_R], head[AT_P],
                              2 * (uint64_t)SCRYPT_MEMORY_MAX, derived, sizeof(derived)) > 0;
    if (done) {
        memcpy(seal->head, head, sizeof(seal->head));
        memcpy(seal->key, derived, SEALED_KEY);
        memcpy(seal->check, derived + SEALED_KEY, SEALED_CHECK);
    }
    explicit_bzero(derived, sizeof(derived));
    return done ? RNL_OK : crypto_failed(err);
}

/* With decrypt, in is the file's and the tag is compared; else the tag is made. */
static bool gcm(bool encrypt, const uint8_t *head, const struct seal *seal, const uint8_t *in,
                size_t size, uint8_t *out, uint8_t *tag)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int direction = encrypt ? 1 : 0, got = 0;
    bool done;

    done = ctx &&
           EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, seal->key, head + AT_NONCE, direction) >
               0 &&
           EVP_CipherUpdate(ctx, NULL, &got, head, SEALED_HEAD) > 0 &&
           EVP_CipherUpdate(ctx, out, &got, in, (int)size) > 0;
    if (done && !encrypt)
        done = EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, SEALED_TAG, tag) > 0;
    done = done && EVP_CipherFinal_ex(ctx, out + got, &got) > 0;
    if (done && encrypt)
        done = EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, SEALED_TAG, tag) > 0;
    EVP_CIPHER_CTX_free(ctx);
    return done;
}

static int wrong_key(enum key_kind kind, struct rnl_error *err)
{
    rnl_fail(err, RNL_E_CONFIG, "secrets.wrong_key", "the secret store is under another %s",
             kind == KEY_FILE ? "key" : "passphrase");
    rnl_hint(err, kind == KEY_FILE ? "name the key file it was made with: key_file"
                                   : "give the passphrase it was made with");
    return err->status;
}

int sealed_open(const uint8_t *file, size_t size, const struct seal_key *key, struct seal *seal,
                struct pages *secrets, struct rnl_error *err)
{
    uint8_t tag[SEALED_TAG];
    enum key_kind kind = KEY_FILE; /* until the head says it */
    size_t length;
    int status;

    *secrets = (struct pages){0};
    status = sealed_kind(file, size, &kind, err);
    if (status != RNL_OK)
        return status;
    if (kind != key->kind)
        return wrong_key(kind, err);
    status = seal_derive(file, key, seal, err);
    if (status != RNL_OK)
        return status;
    if (CRYPTO_memcmp(seal->check, file + AT_CHECK, SEALED_CHECK) != 0) {
        explicit_bzero(seal, sizeof(*seal));
        return wrong_key(kind, err);
    }
    length = get32(file + AT_SIZE);
    if (!pages_make(secrets, length))
        return rnl_fail(err, RNL_E_FATAL, "secrets.no_memory", "no memory for the secrets");
    memcpy(tag, file + SEALED_HEAD + length, SEALED_TAG);
    if (!gcm(false, file, seal, file + SEALED_HEAD, length, secrets->bytes, tag)) {
        status = damaged("its content was changed", err);
        goto free_secrets;
    }
    secrets->length = length;
    status = entries_check(secrets, err);
    if (status == RNL_OK)
        return RNL_OK;
free_secrets:
    pages_free(secrets);
    return status;
}

/* All of the head but the check and the digest, which need the derived key. */
static bool head_begin(uint8_t *head, enum key_kind kind, size_t length)
{
    memset(head, 0, SEALED_HEAD);
    memcpy(head, magic, sizeof(magic));
    head[AT_VERSION] = VERSION;
    head[AT_KIND] = (uint8_t)kind;
    if (kind == KEY_PASSPHRASE) {
        head[AT_LOG2_N] = SCRYPT_LOG2_N;
        head[AT_R] = SCRYPT_R;
        head[AT_P] = SCRYPT_P;
    }
    put32(head + AT_SIZE, (uint32_t)length);
    return RAND_bytes(head + AT_SALT, SEALED_SALT) > 0 &&
           RAND_bytes(head + AT_NONCE, NONCE_BYTES) > 0;
}

int sealed_make(const struct pages *secrets, const struct seal_key *key, struct pages *file,
                struct rnl_error *err)
{
    struct seal seal = {0};
    size_t length = secrets->length;
    int status;

    if (!pages_make(file, SEALED_HEAD + length + SEALED_TAG))
        return rnl_fail(err, RNL_E_FATAL, "secrets.no_memory", "no memory for the secrets");
    if (!head_begin(file->bytes, key->kind, length)) {
        status = crypto_failed(err);
        goto free_file;
    }
    status = seal_derive(file->bytes, key, &seal, err);
    if (status != RNL_OK)
        goto free_file;
    memcpy(file->bytes + AT_CHECK, seal.check, SEALED_CHECK);
    if (!head_digest(file->bytes, file->bytes + AT_DIGEST) ||
        !gcm(true, file->bytes, &seal, secrets->bytes, length, file->bytes + SEALED_HEAD,
             file->bytes + SEALED_HEAD + length)) {
        status = crypto_failed(err);
        goto free_file;
    }
    file->length = SEALED_HEAD + length + SEALED_TAG;
    explicit_bzero(&seal, sizeof(seal));
    return RNL_OK;
free_file:
    explicit_bzero(&seal, sizeof(seal));
    pages_free(file);
    return status;
}
