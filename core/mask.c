/*
 * Masks. A hash is HMAC-SHA-256 under the secret salt: equal values stay equal, in all
 * tables and runs with that salt, so that joins survive. Whole numbers are permuted by
 * four Feistel rounds of it instead, so that a key stays unique however narrow it is.
 */
#include "mask.h"

#include "mask_value.h"
#include "secret.h"
#include "util/hex.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <sys/random.h>

enum { DIGEST = 32, TEXT_LEAST = 16, BYTES_LEAST = 8, MASKS_MOST = 4096 };

struct mask_column {
    uint32_t column;
    struct rule_mask rule;  /* its texts and its secret are the rules' */
    struct rnl_value fixed; /* of MASK_FIXED; bytes are the mask's */
    void *fixed_bytes;
    uint16_t type, width;
    uint32_t size; /* of a hash's bytes in the result */
};

struct mask {
    unsigned holders;
    uint32_t count;
    struct mask_column *columns;
};

/* --- HMAC -------------------------------------------------------------------------------- */

static EVP_MAC_CTX *mac_new(const struct rnl_secret *salt)
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                           OSSL_PARAM_construct_end()};
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;

    EVP_MAC_free(mac);
    if (ctx && EVP_MAC_init(ctx, (const unsigned char *)secret_text(salt), secret_length(salt),
                            params) == 1)
        return ctx;
    EVP_MAC_CTX_free(ctx);
    return NULL;
}

/* Of a tag, which keeps kinds of values apart, and bytes. */
static bool mac_of(EVP_MAC_CTX *ctx, uint8_t tag, const void *bytes, size_t len,
                   unsigned char out[DIGEST])
{
    size_t size;

    return EVP_MAC_init(ctx, NULL, 0, NULL) == 1 && EVP_MAC_update(ctx, &tag, 1) == 1 &&
           (len == 0 || EVP_MAC_update(ctx, bytes, len) == 1) &&
           EVP_MAC_final(ctx, out, &size, DIGEST) == 1;
}

const char *mask_print(const struct rnl_secret *salt, char *buf)
{
    EVP_MAC_CTX *ctx = mac_new(salt);
    unsigned char digest[DIGEST] = {0};

    if (!ctx || !mac_of(ctx, 'p', NULL, 0, digest))
        abort(); /* a libcrypto without SHA-256: nothing may go on under a wrong print */
    EVP_MAC_CTX_free(ctx);
    for (int i = 0; i < (MASK_PRINT_SIZE - 1) / 2; i++)
        snprintf(buf + (size_t)2 * (size_t)i, 3, "%02x", digest[i]);
    return buf;
}

/* --- what stands in a table's mask ---------------------------------------------------------- */

struct mask *mask_new(void)
{
    struct mask *mask = calloc(1, sizeof(*mask));

    return mask_hold(mask);
}

struct mask *mask_hold(struct mask *mask)
{
    if (mask)
        mask->holders++;
    return mask;
}

void mask_release(struct mask *mask)
{
    if (!mask || --mask->holders)
        return;
    for (uint32_t i = 0; i < mask->count; i++)
        free(mask->columns[i].fixed_bytes);
    free(mask->columns);
    free(mask);
}

bool mask_is_empty(const struct mask *mask)
{
    return mask->count == 0;
}

static const struct mask_column *find(const struct mask *mask, uint32_t column)
{
    for (uint32_t i = 0; mask && i < mask->count; i++)
        if (mask->columns[i].column == column)
            return &mask->columns[i];
    return NULL;
}

const struct rule_mask *mask_of(const struct mask *mask, uint32_t column)
{
    const struct mask_column *found = find(mask, column);

    return found ? &found->rule : NULL;
}

bool mask_same(const struct mask *mask, const struct rnl_table *table, uint32_t column,
               const struct mask *other, const struct rnl_table *other_table, uint32_t other_column)
{
    const struct mask_column *left = find(mask, column), *right = find(other, other_column);
    char one[MASK_PRINT_SIZE], two[MASK_PRINT_SIZE];

    (void)table;
    (void)other_table;
    if (left && left->rule.with == MASK_NULL)
        return true; /* NULL refers to nothing */
    if (!left || !right)
        return left == right;
    return left->rule.with == MASK_HASH && right->rule.with == MASK_HASH &&
           left->type == right->type && left->size == right->size && left->width == right->width &&
           strcmp(mask_print(left->rule.secret, one), mask_print(right->rule.secret, two)) == 0;
}

static bool is_unique(const struct rnl_table *table, uint32_t column, uint32_t flags)
{
    for (uint32_t i = 0; i < table->nindexes; i++) {
        const struct rnl_index *index = &table->indexes[i];

        if ((index->flags & flags) != flags)
            continue;
        for (uint32_t p = 0; p < index->nparts; p++)
            if (!index->parts[p].expression && index->parts[p].column == column)
                return true;
    }
    return false;
}

static int refuse(const struct rnl_table *table, const struct rnl_column *column, const char *why,
                  const char *hint, struct rnl_error *err)
{
    rnl_fail(err, RNL_E_CONFIG, "mask.impossible", "column \"%s\" of %s.%s %s", column->name,
             table->schema, table->name, why);
    rnl_hint(err, "%s", hint);
    return err->status;
}

static int check_null(const struct rnl_table *table, uint32_t index, struct rnl_error *err)
{
    const struct rnl_column *column = &table->columns[index];

    if (!(column->flags & RNL_COLUMN_NULLABLE) || column->flags & RNL_COLUMN_KEY)
        return refuse(table, column, "can't be masked with null: it is NOT NULL",
                      "mask it with fixed or hash, or leave it out", err);
    if (is_unique(table, index, RNL_INDEX_UNIQUE | RNL_INDEX_NULLS_EQUAL))
        return refuse(table, column, "can't be masked with null: one NULL at most is unique there",
                      "mask it with hash, or leave it out", err);
    return RNL_OK;
}

static int check_fixed(const struct rnl_table *table, uint32_t index, struct mask_column *out,
                       struct rnl_error *err)
{
    const struct rnl_column *column = &table->columns[index];
    const char *why;

    if (column->flags & RNL_COLUMN_KEY || is_unique(table, index, RNL_INDEX_UNIQUE))
        return refuse(table, column, "can't be masked with fixed: its values must be unique",
                      "mask it with hash, or leave it out", err);
    why = mask_value_parse(column, out->rule.value, &out->fixed, &out->fixed_bytes);
    if (why)
        return refuse(table, column, why, "give a value of the column's type", err);
    return RNL_OK;
}

static int check_hash(const struct rnl_table *table, uint32_t index, struct mask_column *out,
                      struct rnl_error *err)
{
    const struct rnl_column *column = &table->columns[index];
    uint32_t length = column->length;

    if (!out->rule.secret)
        return rnl_fail(err, RNL_E_FATAL, "mask.not_armed",
                        "the salt for column \"%s\" of %s.%s "
                        "is not at hand",
                        column->name, table->schema, table->name);
    switch (column->type) {
    case RNL_T_INT:
    case RNL_T_UINT:
        return RNL_OK;
    case RNL_T_UUID:
        out->size = 16;
        return RNL_OK;
    case RNL_T_BYTES:
        out->size = length && length < DIGEST ? length : DIGEST;
        if (out->size >= BYTES_LEAST && !(column->flags & RNL_COLUMN_FIXED && length > DIGEST))
            return RNL_OK;
        return refuse(table, column,
                      "can't be masked with hash: it holds fewer than 8 bytes, or "
                      "more than 32 always",
                      "mask it with null or fixed", err);
    case RNL_T_TEXT:
        out->size = length && length < 2 * DIGEST ? length : 2 * DIGEST;
        if (column->flags & (RNL_COLUMN_ENUM | RNL_COLUMN_SET))
            return refuse(table, column, "can't be masked with hash: it holds labels alone",
                          "mask it with null or fixed", err);
        if (out->size < TEXT_LEAST)
            return refuse(table, column,
                          "can't be masked with hash: it holds fewer than 16 "
                          "characters",
                          "mask it with null or fixed", err);
        return RNL_OK;
    default:
        return refuse(table, column,
                      "can't be masked with hash: only whole numbers, texts, bytes "
                      "and UUIDs can",
                      "mask it with null or fixed", err);
    }
}

int mask_add(struct mask *mask, const struct rnl_table *table, uint32_t column,
             const struct rule_mask *rule, struct rnl_error *err)
{
    struct mask_column made = {
        .column = column,
        .rule = *rule,
        .type = table->columns[column].type,
        .width = table->columns[column].width,
    };
    struct mask_column *columns;
    int status;

    status = rule->with == MASK_NULL    ? check_null(table, column, err)
             : rule->with == MASK_FIXED ? check_fixed(table, column, &made, err)
                                        : check_hash(table, column, &made, err);
    if (status != RNL_OK) {
        free(made.fixed_bytes);
        return status;
    }
    for (uint32_t i = 0; i < mask->count; i++) /* a later rule counts */
        if (mask->columns[i].column == column) {
            free(mask->columns[i].fixed_bytes);
            mask->columns[i] = made;
            return RNL_OK;
        }
    columns = realloc(mask->columns, (mask->count + 1ul) * sizeof(*columns));
    if (!columns || mask->count == MASKS_MOST) {
        free(made.fixed_bytes);
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for a mask");
    }
    mask->columns = columns;
    columns[mask->count++] = made;
    return RNL_OK;
}

/* --- places ---------------------------------------------------------------------------------- */

enum { NONCE = 8 };

static const struct rnl_secret *salt_of(const struct mask *mask)
{
    for (uint32_t i = 0; mask && i < mask->count; i++)
        if (mask->columns[i].rule.with == MASK_HASH)
            return mask->columns[i].rule.secret;
    return NULL;
}

bool mask_seals(const struct mask *mask)
{
    return salt_of(mask) != NULL;
}

/* XORs bytes with HMACs of the nonce and a counter. */
static bool run_stream(const struct rnl_secret *salt, const unsigned char nonce[NONCE],
                       unsigned char *bytes, size_t len)
{
    EVP_MAC_CTX *ctx = mac_new(salt);
    bool good = ctx != NULL;

    for (uint64_t block = 0; good && block * DIGEST < len; block++) {
        unsigned char input[NONCE + sizeof(block)], digest[DIGEST];

        memcpy(input, nonce, NONCE);
        memcpy(input + NONCE, &block, sizeof(block));
        good = mac_of(ctx, 's', input, sizeof(input), digest);
        for (size_t i = 0; i < DIGEST && block * DIGEST + i < len; i++)
            bytes[block * DIGEST + i] ^= digest[i];
    }
    EVP_MAC_CTX_free(ctx);
    return good;
}

static int not_sealed(struct rnl_error *err)
{
    return rnl_fail(err, RNL_E_FATAL, "mask.failed",
                    "a place in a masked table can't be kept or read");
}

int mask_seal(const struct mask *mask, struct rnl_slice place, struct rnl_slice *out,
              struct rnl_error *err)
{
    unsigned char *bytes = malloc(place.len + NONCE);

    if (!bytes)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for a position");
    if (place.len)
        memcpy(bytes + NONCE, place.ptr, place.len);
    if (getrandom(bytes, NONCE, 0) != NONCE ||
        !run_stream(salt_of(mask), bytes, bytes + NONCE, place.len)) {
        free(bytes);
        return not_sealed(err);
    }
    *out = (struct rnl_slice){bytes, place.len + NONCE};
    return RNL_OK;
}

int mask_open(const struct mask *mask, struct rnl_slice sealed, struct rnl_slice *out,
              struct rnl_error *err)
{
    unsigned char *bytes;

    if (sealed.len < NONCE)
        return not_sealed(err);
    bytes = malloc(sealed.len);
    if (!bytes)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for a position");
    memcpy(bytes, (const unsigned char *)sealed.ptr + NONCE, sealed.len - NONCE);
    if (!run_stream(salt_of(mask), sealed.ptr, bytes, sealed.len - NONCE)) {
        free(bytes);
        return not_sealed(err);
    }
    *out = (struct rnl_slice){bytes, sealed.len - NONCE};
    return RNL_OK;
}

int mask_place(const struct mask *mask, struct rnl_slice place, struct rnl_slice *out,
               struct rnl_error *err)
{
    void *copy;

    if (place.len && mask_seals(mask))
        return mask_seal(mask, place, out, err);
    copy = malloc(place.len + 1);
    if (!copy)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for a position");
    if (place.len)
        memcpy(copy, place.ptr, place.len);
    *out = (struct rnl_slice){copy, place.len};
    /* cppcheck-suppress memleak */ /* it is the caller's, in *out */
    return RNL_OK;
}

/* --- rows ------------------------------------------------------------------------------------ */

/* The HMACs in use, by salt: few. */
struct salted {
    const struct rnl_secret *salt;
    EVP_MAC_CTX *ctx;
};

struct masker {
    struct salted *salted;
    size_t nsalted;
    struct rnl_value *values;
    char (*texts)[2 * DIGEST]; /* of each value */
    uint32_t room;
};

struct masker *masker_new(void)
{
    return calloc(1, sizeof(struct masker));
}

void masker_free(struct masker *masker)
{
    if (!masker)
        return;
    for (size_t i = 0; i < masker->nsalted; i++)
        EVP_MAC_CTX_free(masker->salted[i].ctx);
    free(masker->salted);
    free(masker->values);
    free(masker->texts);
    free(masker);
}

static EVP_MAC_CTX *ctx_of(struct masker *masker, const struct rnl_secret *salt)
{
    struct salted *salted;

    for (size_t i = 0; i < masker->nsalted; i++)
        if (masker->salted[i].salt == salt)
            return masker->salted[i].ctx;
    salted = realloc(masker->salted, (masker->nsalted + 1) * sizeof(*salted));
    if (!salted)
        return NULL;
    masker->salted = salted;
    salted[masker->nsalted] = (struct salted){salt, mac_new(salt)};
    return salted[masker->nsalted].ctx ? salted[masker->nsalted++].ctx : NULL;
}

static bool make_room(struct masker *masker, uint32_t count)
{
    struct rnl_value *values;
    char(*texts)[2 * DIGEST];

    if (count <= masker->room)
        return true;
    values = realloc(masker->values, count * sizeof(*values));
    if (!values)
        return false;
    masker->values = values;
    texts = realloc(masker->texts, count * sizeof(*texts));
    if (!texts)
        return false;
    masker->texts = texts;
    masker->room = count;
    return true;
}

/* A permutation of the numbers below 2^bits: in a round one half is changed by the other. */
static bool permute(EVP_MAC_CTX *ctx, uint8_t tag, unsigned bits, uint64_t *number)
{
    unsigned low_bits = bits / 2, high_bits = bits - low_bits;
    uint64_t low = *number & ((UINT64_C(1) << low_bits) - 1), high = *number >> low_bits;

    for (uint8_t round = 0; round < 4; round++) {
        uint64_t input[2] = {round & 1 ? high : low, round};
        unsigned char digest[DIGEST];
        uint64_t word;

        if (!mac_of(ctx, tag, input, sizeof(input), digest))
            return false;
        memcpy(&word, digest, sizeof(word));
        if (round & 1)
            low ^= word & ((UINT64_C(1) << low_bits) - 1);
        else
            high ^= word & ((UINT64_C(1) << high_bits) - 1);
    }
    *number = high << low_bits | low;
    return true;
}

/* Into the positive half, whatever the sign: what is unique and of one sign stays unique. */
static bool hash_integer(EVP_MAC_CTX *ctx, const struct mask_column *mask, struct rnl_value *value)
{
    unsigned bits = 8 * (mask->width ? mask->width : 8u) - 1;
    bool negative = value->type == RNL_T_INT && value->i < 0;
    uint64_t number = negative ? ~value->u : value->u;

    if (value->type == RNL_T_UINT) {
        if (bits < 63)
            bits++; /* all of its range */
        else if (number >> 63)
            negative = true; /* no permutation of 64 bits is kept below 2^63 */
    }
    number &= bits < 63 ? (UINT64_C(1) << bits) - 1 : (uint64_t)INT64_MAX;
    if (!permute(ctx, negative ? 'n' : 'i', bits, &number))
        return false;
    value->u = number;
    return true;
}

static bool hash_bytes(EVP_MAC_CTX *ctx, const struct mask_column *mask, char *text,
                       struct rnl_value *value)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char digest[DIGEST];

    if (!mac_of(ctx, 'b', value->ptr, value->len, digest))
        return false;
    if (value->type == RNL_T_TEXT) {
        for (uint32_t i = 0; i < mask->size; i++)
            text[i] = digits[i & 1 ? digest[i / 2] & 15 : digest[i / 2] >> 4];
    } else {
        memcpy(text, digest, mask->size);
    }
    value->ptr = text;
    value->len = mask->size;
    return true;
}

static bool mask_value(struct masker *masker, const struct mask_column *mask, char *text,
                       struct rnl_value *value)
{
    EVP_MAC_CTX *ctx;

    if (value->type == RNL_T_UNCHANGED)
        return true;
    if (mask->rule.with == MASK_NULL) {
        *value = (struct rnl_value){.type = RNL_T_NULL};
        return true;
    }
    if (mask->rule.with == MASK_FIXED) {
        *value = mask->fixed;
        return true;
    }
    if (value->type == RNL_T_NULL)
        return true;
    ctx = ctx_of(masker, mask->rule.secret);
    if (!ctx || value->type != mask->type)
        return false; /* a value of another type than the column's would pass in the clear */
    if (value->type == RNL_T_INT || value->type == RNL_T_UINT)
        return hash_integer(ctx, mask, value);
    return hash_bytes(ctx, mask, text, value);
}

int masker_apply(struct masker *masker, const struct mask *mask, const uint32_t *columns,
                 const struct rnl_value *values, uint32_t count, const struct rnl_value **out,
                 struct rnl_error *err)
{
    if (!make_room(masker, count))
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for a row's mask");
    memcpy(masker->values, values, count * sizeof(*values));
    for (uint32_t i = 0; i < count; i++) {
        const struct mask_column *found = find(mask, columns ? columns[i] : i);

        if (found && !mask_value(masker, found, masker->texts[i], &masker->values[i]))
            return rnl_fail(err, RNL_E_FATAL, "mask.failed",
                            "a value of column %u couldn't be masked, and doesn't go on", i + 1);
    }
    *out = masker->values;
    return RNL_OK;
}
