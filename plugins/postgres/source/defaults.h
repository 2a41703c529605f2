/* What the server says of a column's default, in the catalog's words. */
#ifndef POSTGRES_DEFAULTS_H
#define POSTGRES_DEFAULTS_H

#include "buf.h"

#include <runnel/schema.h>

/*
 * Which default an expression is, as pg_get_expr() gives it. A LITERAL's text is left in
 * scratch; all others have the expression itself.
 */
enum rnl_default default_parse(const char *expression, enum rnl_type type, struct buf *scratch);

/* An expression of a domain's VALUE, spelled for a column. */
void check_spell(struct buf *out, const char *expression, const char *column);

#endif
