/* What a client asks for: the path and query of a request, and its Host. All of it is hostile. */
#ifndef API_TARGET_H
#define API_TARGET_H

#include <stdbool.h>
#include <stddef.h>

enum { TARGET_SEGMENTS = 12, TARGET_FIELDS = 32, TARGET_BYTES = 4096 };

struct target_field {
    const char *name, *value;
};

/* Segments and fields are decoded texts within bytes: valid UTF-8 without control characters. */
struct target {
    char bytes[2 * TARGET_BYTES];
    const char *segments[TARGET_SEGMENTS];
    size_t nsegments;
    struct target_field fields[TARGET_FIELDS];
    size_t nfields;
};

/*
 * Takes "/api/v1/pipelines/shop?limit=5" apart. What has more than one reading is refused, not
 * mended: an empty segment, "." and "..", a "/" or "\" that was encoded, a control character, a
 * field that stands twice. NULL, or what is wrong with it.
 */
const char *target_parse(const char *uri, struct target *target);
const char *target_field(const struct target *target, const char *name); /* or NULL */

/*
 * Whether a Host header names us: a loopback name or address, the address we listen on, or one of
 * hosts (ends with NULL, may be NULL). Another's name that leads here is how a page in a browser
 * would reach us. port isn't compared: a proxy may have another.
 */
bool target_host_known(const char *host, const char *listening, const char *const *hosts);

#endif
