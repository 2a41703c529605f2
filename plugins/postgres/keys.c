/* Conditions for rows of some keys. */
#include "convert.h"

#include <inttypes.h>

static bool add_literal(struct buf *sql, const struct rnl_value *value)
{
    const uint8_t *at = value->ptr;

    switch (value->type) {
    case RNL_T_INT:
        buf_printf(sql, "%" PRId64, value->i);
        return true;
    case RNL_T_UINT:
        buf_printf(sql, "%" PRIu64, value->u);
        return true;
    case RNL_T_TEXT:
        buf_literal_bytes(sql, value->ptr, value->len);
        return true;
    case RNL_T_UUID:
        buf_puts(sql, "'");
        for (uint32_t i = 0; i < value->len; i++)
            buf_printf(sql, "%02x", at[i]);
        buf_puts(sql, "'");
        return value->len == 16;
    default:
        return false;
    }
}

/* a IN (1, 2) finds its way by an index in any order; several columns: (a = 1 AND b = 2) OR … */
bool keys_sql(const struct rnl_unit *unit, const char *const *names, struct buf *sql)
{
    bool one = unit->nkey == 1;

    if (one)
        buf_name(sql, names[0]);
    buf_puts(sql, one ? " IN (" : "(");
    for (uint32_t row = 0; row < unit->nkeys; row++) {
        buf_puts(sql, row == 0 ? "" : one ? ", " : " OR ");
        for (uint32_t k = 0; k < unit->nkey; k++) {
            if (!one) {
                buf_puts(sql, k ? " AND " : "(");
                buf_name(sql, names[k]);
                buf_puts(sql, " = ");
            }
            if (!add_literal(sql, &unit->keys[(size_t)row * unit->nkey + k]))
                return false;
        }
        buf_puts(sql, one ? "" : ")");
    }
    buf_puts(sql, ")");
    return true;
}
