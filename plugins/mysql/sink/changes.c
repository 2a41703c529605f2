/* Counts the values that a policy changed, and tells of them once they are committed. */
#include "data.h"

#include <stdlib.h>

enum change_kind { CHANGE_NOT_FINITE, CHANGE_OUT_OF_RANGE };

/* Values of one column that were changed in one way, in the transaction that is open. */
struct change {
    const struct bound_table *table;
    uint32_t column;
    enum change_kind kind;
    int64_t count;
    int64_t marked[CHANGES_MARKS]; /* of them, before what is open: see changes_mark() */
};

static enum change_kind kind_of(const struct rnl_value *value)
{
    switch (value->type) {
    case RNL_T_FLOAT:
    case RNL_T_DOUBLE:
    case RNL_T_DECIMAL:
        return CHANGE_NOT_FINITE;
    default:
        return CHANGE_OUT_OF_RANGE;
    }
}

int changes_add(struct my_writer *w, const struct bound_table *table, uint32_t column,
                const struct rnl_value *value, struct rnl_error *err)
{
    enum change_kind kind = kind_of(value);
    struct change *changes;

    if (w->comparing)
        return RNL_OK;
    for (uint32_t i = w->nchanges; i-- > 0;) { /* most likely the last ones */
        struct change *change = &w->changes[i];

        if (change->table == table && change->column == column && change->kind == kind) {
            change->count++;
            return RNL_OK;
        }
    }
    changes = realloc(w->changes, (w->nchanges + 1) * sizeof(*changes));
    if (!changes)
        return error_memory(err);
    w->changes = changes;
    changes[w->nchanges++] = (struct change){table, column, kind, 1, {0}};
    return RNL_OK;
}

void changes_mark(struct my_writer *w, enum changes_of what)
{
    for (uint32_t i = 0; i < w->nchanges; i++)
        w->changes[i].marked[what] = w->changes[i].count;
}

void changes_undo(struct my_writer *w, enum changes_of what)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < w->nchanges; i++) {
        if (w->changes[i].marked[what] == 0)
            continue;
        w->changes[kept] = w->changes[i];
        w->changes[kept].count = w->changes[kept].marked[what];
        kept++;
    }
    w->nchanges = kept;
}

static const char *policy_of(const struct sink_config *config, enum change_kind kind)
{
    static const char *const nonfinite[] = {
        [NONFINITE_ERROR] = "nonfinite=error",
        [NONFINITE_NULL] = "nonfinite=null",
        [NONFINITE_CLAMP] = "nonfinite=clamp",
    };
    static const char *const outofrange[] = {
        [OUTOFRANGE_ERROR] = "outofrange=error",
        [OUTOFRANGE_NULL] = "outofrange=null",
        [OUTOFRANGE_CLAMP] = "outofrange=clamp",
    };

    return kind == CHANGE_NOT_FINITE ? nonfinite[config->nonfinite]
                                     : outofrange[config->outofrange];
}

void changes_tell(struct my_writer *w)
{
    static const char *const codes[] = {"type.not_finite", "type.out_of_range"};
    static const char *const texts[] = {
        "NaN and infinities are no numbers in the target: changed as the policy says",
        "dates and times that the target doesn't hold were changed as the policy says",
    };

    for (uint32_t i = 0; i < w->nchanges; i++) {
        const struct change *change = &w->changes[i];
        const struct rnl_finding finding = {
            .size = sizeof(finding),
            .severity = RNL_WARNING,
            .code = codes[change->kind],
            .schema = change->table->source->schema,
            .table = change->table->source->name,
            .object = change->table->columns[change->column].source->name,
            .text = texts[change->kind],
            .policy = policy_of(w->sink->config, change->kind),
            .count = change->count,
        };

        w->sink->host->finding(w->sink->ctx, &finding);
    }
    w->nchanges = 0;
}
