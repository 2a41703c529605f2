/*
 * What a node remembers of itself through restarts, in its state folder: which workers have failed
 * and why, and whether it is drained.
 */
#ifndef KEPT_H
#define KEPT_H

#include <jansson.h>
#include <runnel/error.h>
#include <stdbool.h>
#include <stdint.h>

struct kept;

/*
 * The folder is this process's already, see desired_open(). RNL_E_CONFIG "node.state": what stands
 * there can't be read.
 */
int kept_open(const char *folder, struct kept **kept, struct rnl_error *err);
void kept_close(struct kept *kept); /* NULL is fine */

/* What changes is on disk when it returns RNL_OK; otherwise nothing has changed. */
bool kept_drained(const struct kept *kept);
int kept_drain(struct kept *kept, bool drained, struct rnl_error *err);
/* How this worker of the pipeline failed, borrowed until the next change; NULL: it hasn't. */
const json_t *kept_failed(const struct kept *kept, const char *pipeline, const char *role);
int kept_fail(struct kept *kept, const char *pipeline, const char *role, const json_t *how,
              struct rnl_error *err);
/* None of its workers has failed. */
int kept_forget(struct kept *kept, const char *pipeline, struct rnl_error *err);

/*
 * What was said and may not have reached the registry, by its key; unsent NULL forgets it. All of
 * them: an object, or NULL.
 */
const json_t *kept_unsent(const struct kept *kept);
int kept_unsent_put(struct kept *kept, const char *key, const json_t *unsent,
                    struct rnl_error *err);
/* The turn of what was heard last of a key; 0: nothing was. */
int64_t kept_turn(const struct kept *kept, const char *key);
int kept_turn_put(struct kept *kept, const char *key, int64_t turn, struct rnl_error *err);

#endif
