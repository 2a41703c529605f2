/* The verdict on rows that differ while both sides move. */
#include "suspect.h"

bool sight_equal(struct sight a, struct sight b)
{
    return a.sum == b.sum && a.count == b.count;
}

static bool is_between(uint32_t count, uint32_t a, uint32_t b)
{
    return a < b ? a <= count && count <= b : b <= count && count <= a;
}

static bool is_fine(const struct suspect *suspect, bool keyed, struct sight target,
                    struct sight source)
{
    if (keyed)
        return sight_equal(target, suspect->source) || sight_equal(target, source);
    return is_between(target.count, suspect->source.count, source.count);
}

void suspect_judge(struct suspect *suspect, bool keyed, struct sight target, struct sight source)
{
    bool stood = sight_equal(suspect->source, source) &&
                 (!suspect->looked || sight_equal(suspect->target, target));

    if (is_fine(suspect, keyed, target, source))
        suspect->verdict = SUSPECT_FINE;
    else if (!stood)
        suspect->same = 0;
    else if (++suspect->same >= SUSPECT_ROUNDS)
        suspect->verdict = SUSPECT_DIFFERS;
    suspect->source = source;
    suspect->target = target;
    suspect->looked = true;
}

void sights_add(struct sights *sights, struct sight sight)
{
    sights->kept[sights->count++ % SIGHTS_KEPT] = sight;
}

bool sights_have(const struct sights *sights, struct sight sight)
{
    uint32_t count = sights->count < SIGHTS_KEPT ? sights->count : SIGHTS_KEPT;

    for (uint32_t i = 0; i < count; i++)
        if (sight_equal(sights->kept[i], sight))
            return true;
    return false;
}
