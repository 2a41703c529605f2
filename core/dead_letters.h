/* Letters that stand in a target: how many, and of which tables. */
#ifndef DEAD_LETTERS_H
#define DEAD_LETTERS_H

#include "config.h"
#include "finding.h"
#include "letter.h"
#include "module.h"

/* Whether the sink can set rows aside; fills err if it can't. */
int dead_letters_able(const struct plugin *sink, struct rnl_error *err);

/*
 * Counts the pipeline's letters; a sink that has no letters has none. findings (may be
 * NULL) are told of each table that has some.
 */
int dead_letters_count(const struct plugin *sink, void *self, const struct pipeline_config *config,
                       struct findings *findings, uint64_t *count, struct rnl_error *err);

#endif
