/* The file secret store: its head, and the records inside it. */
#include "entries.h"
#include "fuzz.h"
#include "sealed.h"

#include <openssl/evp.h>
#include <string.h>

static void try_file(uint8_t *bytes, size_t size)
{
    static const uint8_t key_bytes[32] = {1};
    const struct seal_key key = {KEY_FILE, key_bytes, sizeof(key_bytes)};
    struct rnl_error err = RNL_ERROR_INIT;
    struct pages secrets;
    struct seal seal = {0};
    enum key_kind kind;

    if (sealed_kind(bytes, size, &kind, &err) != RNL_OK || kind != KEY_FILE)
        return;
    if (sealed_open(bytes, size, &key, &seal, &secrets, &err) == RNL_OK)
        pages_free(&secrets);
}

/* With its digest made right, as whoever forges a head would. */
static void try_head(const uint8_t *data, size_t size)
{
    uint8_t *bytes = malloc(size ? size : 1), digest[EVP_MAX_MD_SIZE];

    MUST(bytes);
    memcpy(bytes, data, size);
    try_file(bytes, size);
    if (size >= SEALED_HEAD) {
        MUST(EVP_Digest(bytes, SEALED_HEAD - SEALED_CHECK, digest, NULL, EVP_sha256(), NULL));
        memcpy(bytes + SEALED_HEAD - SEALED_CHECK, digest, SEALED_CHECK);
        try_file(bytes, size);
    }
    free(bytes);
}

/* A name among those there: set, found, removed, not found. */
static void try_change(struct pages *pages)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct entry entry, found;
    struct pages secrets, file;
    static const uint8_t key_bytes[32] = {2};
    const struct seal_key key = {KEY_FILE, key_bytes, sizeof(key_bytes)};
    struct seal seal = {0};

    MUST(entry_named(&entry, "some path", "f", &err) == RNL_OK);
    entry.value = key_bytes;
    entry.value_length = sizeof(key_bytes);
    if (entries_put(pages, &entry, &err) != RNL_OK)
        return; /* full */
    MUST(entries_check(pages, &err) == RNL_OK);
    MUST(entries_find(pages, &entry, &found, &err) == RNL_OK);
    MUST(found.value_length == sizeof(key_bytes));
    MUST(sealed_make(pages, &key, &file, &err) == RNL_OK);
    MUST(sealed_open(file.bytes, file.length, &key, &seal, &secrets, &err) == RNL_OK);
    MUST(secrets.length == pages->length);
    MUST(memcmp(secrets.bytes, pages->bytes, pages->length) == 0);
    pages_free(&secrets);
    pages_free(&file);
    entry.value = NULL;
    MUST(entries_put(pages, &entry, &err) == RNL_OK);
    MUST(entries_find(pages, &entry, &found, &err) == RNL_DONE);
    MUST(entries_check(pages, &err) == RNL_OK);
}

/* In a block of their own size: a byte too far is seen. */
static void try_records(const uint8_t *data, size_t size)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct pages pages, tight;

    tight = (struct pages){malloc(size ? size : 1), size, size};
    MUST(tight.bytes);
    memcpy(tight.bytes, data, size);
    if (entries_check(&tight, &err) == RNL_OK) {
        MUST(pages_make(&pages, size));
        memcpy(pages.bytes, data, size);
        pages.length = size;
        try_change(&pages);
        pages_free(&pages);
    }
    free(tight.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_head(data, size);
    try_records(data, size);
    return 0;
}
