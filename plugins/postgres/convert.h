/* Values of the catalog's types into PostgreSQL's binary forms, and back. */
#ifndef POSTGRES_CONVERT_H
#define POSTGRES_CONVERT_H

#include "calendar.h"
#include "postgres.h"

#define EPOCH_DAYS 10957 /* from 1970-01-01 to 2000-01-01, PostgreSQL's zero */
#define EPOCH_US 946684800000000LL

/* policy.c: what the target should hold for a source's value: the policies, applied. */
enum policy_result { POLICY_SAME, POLICY_CHANGED, POLICY_REFUSED };
/*
 * SAME: in stands as it is. CHANGED: out, which may point into scratch. REFUSED: why
 * says so. Quick for values that no policy touches.
 */
enum policy_result policy_apply(const struct pg_config *config, enum pg_kind kind,
                                const struct rnl_value *in, struct rnl_value *out,
                                struct buf *scratch, const char **why);
int64_t days_from_civil(int64_t year, unsigned month, unsigned day);

/*
 * encode.c: appends the field's length and bytes (NULL: length -1). false: why says what
 * is wrong with the value. The policies are applied before.
 */
bool encode_field(struct buf *out, const struct pg_config *config,
                  const struct bound_column *column, const struct rnl_value *value,
                  const char **why);
/* Whether values of a source's type can be written into a kind of column, and read back. */
bool encode_accepts(enum rnl_type type, enum pg_kind kind);

/*
 * text.c: the value's text, as its type's input function takes it; appends. The policies
 * are applied before. text_field() writes it as COPY's text form has it; scratch is its own.
 * text_add_piece() appends a part of a text, or of a bytea behind its "\\\\x", in that form.
 */
bool text_of_value(struct buf *out, const struct pg_config *config,
                   const struct bound_column *column, const struct rnl_value *value,
                   const char **why);
bool text_field(struct buf *out, const struct pg_config *config, const struct bound_column *column,
                const struct rnl_value *value, struct buf *scratch, const char **why);
/* encode.c: a decimal in the unit that money counts; false: it can't be. */
bool money_raw(const struct bound_column *column, const struct rnl_value *value, int64_t *raw,
               const char **why);
void text_add_piece(struct buf *out, enum pg_kind kind, const char *bytes, size_t len);

/*
 * decode.c: a field as COPY gave it into a value of the source column's type. What it
 * has to make stands in scratch, which may move: values that point there have offsets
 * until decode_settle().
 */
struct decoded {
    struct rnl_value value;
    size_t offset; /* in scratch, when made */
    bool made;
};
bool decode_field(const struct pg_config *config, const struct bound_column *column,
                  const uint8_t *bytes, int32_t len, struct buf *scratch, struct decoded *out);
static inline struct rnl_value decode_settle(const struct decoded *decoded,
                                             const struct buf *scratch)
{
    struct rnl_value value = decoded->value;

    if (decoded->made)
        value.ptr = scratch->ptr + decoded->offset;
    return value;
}

/* keys.c: a unit of some keys alone, and the condition for it; names: of the key's columns. */
static inline bool by_keys(const struct rnl_unit *unit)
{
    return unit->size >= sizeof(*unit) && unit->nkeys && unit->nkey;
}
bool keys_sql(const struct rnl_unit *unit, const char *const *names, struct buf *sql);

#endif
