/* A row that differs while both sides move: what was seen of it, and what that proves. */
#ifndef SUSPECT_H
#define SUSPECT_H

#include <stdbool.h>
#include <stdint.h>

/* The rows of one key on one side, in one view: how many, and the sum of their digests. */
struct sight {
    uint64_t sum;
    uint32_t count;
};

enum suspect_verdict { SUSPECT_OPEN, SUSPECT_FINE, SUSPECT_DIFFERS };

struct suspect {
    uint64_t key;        /* half of the key's digest */
    struct sight source; /* in the source's last view */
    struct sight target; /* in the target's view of the last round; only with looked */
    struct sight shown;  /* in the target's view of this round */
    struct sight now;    /* in the reading under way */
    bool looked;         /* there was a round before */
    uint8_t same;        /* so often in a row: nothing moved, and it differed */
    uint8_t verdict;     /* enum suspect_verdict */
    bool hot;            /* its sights are kept */
};

/*
 * So many rounds in a row must show the same two values: a row that goes back and forth between
 * two values may by chance show the source's one and the target's other, at 1 in 4 at worst.
 */
#define SUSPECT_ROUNDS 8

bool sight_equal(struct sight a, struct sight b);

/*
 * One round: the source was read (suspect->source), the target had come to where the source stood
 * then and was read (target), and the source was read again (source).
 *  - What the target shows is what the source showed before or behind: fine.
 *  - The source's row did not change, and yet the target's is another: it differs, when that was
 *    so for SUSPECT_ROUNDS rounds and the target showed the same each time.
 *  - Else it is still open.
 * Without a key rows are counted: any number between the source's two is fine.
 */
void suspect_judge(struct suspect *suspect, bool keyed, struct sight target, struct sight source);

/* What one row showed lately, the oldest forgotten first. */
#define SIGHTS_KEPT 64

struct sights {
    struct sight kept[SIGHTS_KEPT];
    uint32_t count; /* ever */
};

void sights_add(struct sights *sights, struct sight sight);
bool sights_have(const struct sights *sights, struct sight sight);

#endif
