/* JSON digests: the same text spelled otherwise by another library has the same digest. */
#include "fuzz.h"
#include "json_canon.h"

#include <jansson.h>
#include <string.h>

/* Whether spelling it again keeps its meaning: reals are rounded. */
static bool keeps_meaning(const json_t *value)
{
    const char *key;
    json_t *child, *object;
    size_t i;

    if (json_is_real(value))
        return false;
    if (json_is_array(value))
        json_array_foreach(value, i, child) if (!keeps_meaning(child)) return false;
    if (json_is_object(value)) {
        memcpy(&object, &value, sizeof(object)); /* the iterator's type isn't const */
        json_object_foreach(object, key, child) if (!keeps_meaning(child)) return false;
    }
    return true;
}

static void respell(struct json_canon *canon, const void *data, size_t size,
                    const struct digest *digest)
{
    static const size_t flags[] = {JSON_COMPACT | JSON_SORT_KEYS,
                                   JSON_INDENT(3) | JSON_ENSURE_ASCII, JSON_ESCAPE_SLASH};
    json_error_t why;
    json_t *value = json_loadb(data, size, JSON_DECODE_ANY, &why);
    struct digest other;
    uint32_t facts;
    char *text;

    for (size_t i = 0; value && keeps_meaning(value) && i < sizeof(flags) / sizeof(*flags); i++) {
        text = json_dumps(value, flags[i] | JSON_ENCODE_ANY);
        MUST(text);
        MUST(json_canon(canon, text, strlen(text), &other, &facts));
        MUST(other.lo == digest->lo && other.hi == digest->hi);
        free(text);
    }
    json_decref(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct digest digest, again;
    struct json_canon canon;
    uint32_t facts;

    json_canon_init(&canon, 7);
    if (json_canon(&canon, data, size, &digest, &facts)) {
        MUST(json_canon(&canon, data, size, &again, &facts));
        MUST(digest.lo == again.lo && digest.hi == again.hi);
        respell(&canon, data, size, &digest);
    }
    json_canon_clear(&canon);
    return 0;
}
