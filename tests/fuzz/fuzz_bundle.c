/* Bundles from bytes that nobody trusts: read to the end, written again, read the same. */
#include "bundle.h"
#include "fuzz.h"
#include "util/crc32c.h"

enum { HEAD_BYTES = 72, AT_CRC = 8 };

static bool holds_bytes(const struct rnl_value *value)
{
    switch (value->type) {
    case RNL_T_DECIMAL:
    case RNL_T_TEXT:
    case RNL_T_BYTES:
    case RNL_T_INTERVAL:
    case RNL_T_UUID:
    case RNL_T_JSON:
    case RNL_T_BITS:
    case RNL_T_GEOMETRY:
    case RNL_T_INET:
    case RNL_T_VECTOR:
    case RNL_T_NATIVE:
        return true;
    default:
        return false;
    }
}

/* Touches every byte, so that one outside the bundle is seen. */
static uint32_t values_touch(const struct rnl_value *values, uint32_t count)
{
    uint32_t crc = 0;

    for (uint32_t i = 0; values && i < count; i++) {
        MUST(values[i].type < RNL_T_COUNT);
        if (holds_bytes(&values[i]))
            crc = crc32c(crc, values[i].ptr, values[i].len);
    }
    return crc;
}

static void values_same(const struct rnl_value *a, const struct rnl_value *b, uint32_t count)
{
    MUST(!a == !b);
    for (uint32_t i = 0; a && i < count; i++) {
        MUST(a[i].type == b[i].type && a[i].flags == b[i].flags);
        if (holds_bytes(&a[i]))
            MUST(a[i].len == b[i].len && (a[i].len == 0 || !memcmp(a[i].ptr, b[i].ptr, a[i].len)));
        else if (a[i].type != RNL_T_NULL && a[i].type != RNL_T_UNCHANGED)
            MUST(a[i].i == b[i].i);
    }
}

/* Reads both, row by row, until the first ends or can't be read. */
static void rows_compare(struct rnl_bundle *first, struct rnl_bundle *second)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct rnl_row a, b;

    bundle_rewind(first);
    while (bundle_next(first, &a, &err) == RNL_OK) {
        MUST(bundle_next(second, &b, &err) == RNL_OK);
        MUST(a.table == b.table && a.op == b.op && a.nvalues == b.nvalues);
        values_same(a.after, b.after, a.nvalues);
        values_same(a.before, b.before, a.nvalues);
    }
    MUST(bundle_next(second, &b, &err) == RNL_DONE);
}

static void read_and_rewrite(struct rnl_bundle *bundle)
{
    struct rnl_bundle *copy = bundle_new(UINT32_MAX, SIZE_MAX), *again = NULL;
    struct rnl_error err = RNL_ERROR_INIT;
    struct rnl_bundle_info info = {.size = sizeof(info)};
    struct bundle_head head = {.number = 1};
    uint32_t rows = 0;
    struct rnl_row row;
    void *bytes;
    size_t len;

    MUST(copy);
    bundle_info(bundle, &info);
    while (bundle_next(bundle, &row, &err) == RNL_OK) {
        (void)values_touch(row.after, row.nvalues);
        (void)values_touch(row.before, row.nvalues);
        MUST(bundle_add(copy, &row, &err) == RNL_OK);
        MUST(++rows <= info.rows);
    }
    MUST(bundle_seal(copy, &head, &bytes, &len, &err) == RNL_OK);
    MUST(bundle_open(bytes, len, &again, &err) == RNL_OK);
    rows_compare(bundle, again);
    bundle_free(again);
    bundle_free(copy);
    free(bytes);
}

static void try_bytes(const uint8_t *bytes, size_t size)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct rnl_bundle *bundle;

    if (bundle_open(bytes, size, &bundle, &err) != RNL_OK)
        return;
    read_and_rewrite(bundle);
    bundle_free(bundle);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *bytes = malloc(size ? size : 1); /* its own end, for the sanitizer */
    uint32_t crc;

    MUST(bytes);
    memcpy(bytes, data, size);
    try_bytes(bytes, size);
    if (size >= HEAD_BYTES) { /* a checksum is soon made: what stands behind it counts */
        crc = crc32c(0, bytes + AT_CRC + 4, size - AT_CRC - 4);
        memcpy(bytes + AT_CRC, &crc, 4);
        try_bytes(bytes, size);
    }
    free(bytes);
    return 0;
}
