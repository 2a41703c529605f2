/* Letters read again: their rows as values, and into the target after all. */
#ifndef REPLAY_H
#define REPLAY_H

#include "inspect.h"
#include "letter.h"

struct rnl_bundle;

/*
 * The row of a letter, by the run's catalog: the caller frees the bundle, and row is borrowed
 * from it. RNL_E_CONFIG "dead_letters.no_row" when its values weren't kept, or its table isn't
 * known.
 */
int letter_decode(const struct rnl_catalog *catalog, const struct rnl_letter *letter,
                  struct rnl_bundle **bundle, struct rnl_row *row, const struct rnl_table **table,
                  struct rnl_error *err);

/* What is done with letters: each in a transaction of its own. */
struct replay {
    const struct plugin *sink;
    void *self; /* of the sink: claimed, and bound to catalog */
    const char *pipeline;
    const struct rnl_catalog *catalog;
    void *writer;
    uint64_t done, left;   /* rows that are in now; letters that stay */
    struct rnl_error last; /* why the last one stays */
};

int replay_open(struct replay *replay, struct rnl_error *err);
void replay_close(struct replay *replay);
/* One letter, with its bytes: RNL_OK whether the row goes in or stays (counted); else an error. */
int replay_letter(struct replay *replay, const struct rnl_letter *letter, struct rnl_error *err);
/* Takes a letter away without its row. RNL_DONE: there is none such. */
int replay_discard(struct replay *replay, uint64_t id, struct rnl_error *err);

#endif
