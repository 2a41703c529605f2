/* Counts the values that a policy changed, and tells of them once they are committed. */
#include "convert.h"

#include <stdlib.h>

enum change_kind { CHANGE_ZERO_DATE, CHANGE_PARTIAL_DATE, CHANGE_NUL };

/* Values of one column that were changed in one way, in the transaction that is open. */
struct change {
    const struct bound_table *table;
    uint32_t column;
    enum change_kind kind;
    int64_t count;
    int64_t marked; /* of them, before the part that is open: see changes_mark() */
};

static enum change_kind kind_of(const struct rnl_value *value)
{
    if (value->type == RNL_T_TEXT || value->type == RNL_T_NATIVE)
        return CHANGE_NUL;
    return value->i == 0 ? CHANGE_ZERO_DATE : CHANGE_PARTIAL_DATE;
}

int changes_add(struct pg_writer *w, const struct bound_table *table, uint32_t column,
                const struct rnl_value *value, struct rnl_error *err)
{
    enum change_kind kind = kind_of(value);
    struct change *changes;

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
    changes[w->nchanges++] = (struct change){table, column, kind, 1, 0};
    return RNL_OK;
}

void changes_mark(struct pg_writer *w)
{
    for (uint32_t i = 0; i < w->nchanges; i++)
        w->changes[i].marked = w->changes[i].count;
}

void changes_undo(struct pg_writer *w)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < w->nchanges; i++) {
        if (w->changes[i].marked == 0)
            continue;
        w->changes[kept] = w->changes[i];
        w->changes[kept].count = w->changes[kept].marked;
        kept++;
    }
    w->nchanges = kept;
}

static const char *policy_of(const struct pg_config *config, enum change_kind kind)
{
    static const char *const zero[] = {"zero_date=minus_infinity", "zero_date=null",
                                       "zero_date=epoch", "zero_date=error"};
    static const char *const partial[] = {"partial_date=error", "partial_date=null",
                                          "partial_date=first_day", "partial_date=minus_infinity"};
    static const char *const nul[] = {"nul=error", "nul=strip", "nul=replace", "nul=bytea"};

    switch (kind) {
    case CHANGE_ZERO_DATE:
        return zero[config->zero_date];
    case CHANGE_PARTIAL_DATE:
        return partial[config->partial_date];
    default:
        return nul[config->nul];
    }
}

void changes_tell(struct pg_writer *w)
{
    static const char *const codes[] = {"type.zero_date", "type.partial_date", "type.nul"};
    static const char *const texts[] = {
        "0000-00-00 is no date in PostgreSQL: changed as the policy says",
        "dates like 2020-02-00 are none in PostgreSQL: changed as the policy says",
        "zero bytes in text are none in PostgreSQL: changed as the policy says",
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
