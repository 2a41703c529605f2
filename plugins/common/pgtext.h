/* PostgreSQL's text forms of arrays, composites and hstore into JSON. */
#ifndef COMMON_PGTEXT_H
#define COMMON_PGTEXT_H

#include "buf.h"
#include <runnel/schema.h>

/*
 * Appends the JSON of a NATIVE value whose column has one of the flags ARRAY, COMPOSITE
 * and MAP: '{1,NULL}' becomes [1,null], '(1,"a b")' {"x":1,"y":"a b"} (by labels; without
 * any ["1","a b"]), hstore an object of texts. Bounds ("[2:3]={…}") are dropped. Numbers
 * are spelled as they came; NaN and infinities become texts. false: the text is none of
 * that form (why says what is wrong), or nested deeper than 16; out is as before.
 */
bool pgtext_json(const struct rnl_column *column, const char *text, size_t len, struct buf *out,
                 const char **why);

/* The parts, for who knows what a text is. element: enum rnl_type. */
bool pgtext_array_json(const char *text, size_t len, uint32_t element, struct buf *out,
                       const char **why);
bool pgtext_composite_json(const char *text, size_t len, const char *const *labels,
                           uint32_t nlabels, struct buf *out, const char **why);
bool pgtext_hstore_json(const char *text, size_t len, struct buf *out, const char **why);

/* "text" as JSON has it, with quotes; bytes that are no UTF-8 stay as they are. */
void json_quoted(struct buf *out, const char *text, size_t len);
/* Whether a text is one JSON number, spelled as JSON asks. */
bool json_is_number(const char *text, size_t len);

#endif
