/*
 * What is wanted of pipelines that nodes share, and of nodes: kept by the registry, so that what is
 * said on one node is seen by all. With the registry away what was said waits, and all goes on.
 */
#ifndef WISHES_H
#define WISHES_H

#include <jansson.h>
#include <stdbool.h>

struct rnl_error;
struct session;
struct settings;
struct wishes;

/* Keys begin so; behind it "pipeline/NAME" or "node/NAME". */
#define WISHES_PREFIX "wanted/"

/* by: the node's name. NULL: out of memory. Its thread is its own. */
struct wishes *wishes_begin(const char *plugin, const struct settings *settings, const char *by);
void wishes_end(struct wishes *wishes); /* what hasn't been said by now isn't; NULL is fine */

enum wish_mode {
    WISH_ALWAYS = 1,
    WISH_IF_MISSING, /* nothing is wanted of it */
    WISH_IF_LATEST,  /* nobody has said anything behind the "turn" that the wish has */
};

/*
 * what: "pipeline/shop"; wish: an object, taken over; "by" and "turn", which grows with each wish
 * for the same, are set. Doesn't block.
 */
void wishes_say(struct wishes *wishes, const char *what, json_t *wish, enum wish_mode mode);
/* Whether what others say isn't heard; text: why. */
bool wishes_away(struct wishes *wishes, char *text, size_t size);
/* All that is wanted, {"pipeline/shop": {…}}, if that was read anew since the last call; or NULL.
 */
json_t *wishes_take(struct wishes *wishes);

/*
 * Stores one by a registry's session; the caller's wish stays its own. RNL_DONE: by its
 * mode it isn't to be. Of who isn't a node: by is any word.
 */
int wishes_store(struct session *session, const char *by, const char *key, json_t *wish,
                 enum wish_mode mode, struct rnl_error *err);

#endif
