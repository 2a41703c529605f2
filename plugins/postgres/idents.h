/* Names in the target: short enough, unique, and the same in every run. */
#ifndef POSTGRES_IDENTS_H
#define POSTGRES_IDENTS_H

#include "element.h"
#include "ident.h"
#include "postgres.h"

/*
 * name as the target can have it: folded if lower, cut to 63 bytes between characters
 * with a hash of the whole at its end. out has room for NAME_BYTES + 1.
 */
void ident_fit(const char *name, bool lower, char *out);

/* text cut as above, with a hash of whole at its end in any case. */
void ident_fit_hashed(const char *text, const char *whole, char *out);

/* An element of an array's text: "{" before the first, a comma before all others. */
void buf_array_text(struct buf *out, const char *text);

/*
 * Takes name, or when that is taken prefix_name, or that with a hash of whole at its
 * end; out says which. whole tells the object from all others.
 */
bool idents_choose(struct idents *names, const char *name, const char *prefix, const char *whole,
                   char *out);

/* Whether the table's expressions and type names are PostgreSQL's own. */
bool table_is_native(const struct rnl_table *table);
/*
 * Whether schemas keep their names: PostgreSQL's do, and several of another source. One
 * alone becomes "public". The option schema comes before all.
 */
bool idents_keep_schemas(const struct pg_sink *sink, const struct rnl_catalog *catalog);
void ident_schema(const struct pg_sink *sink, bool keep, const char *schema, char *out);

/*
 * Names of all tables and columns of the catalog; everything but names is left zero.
 * tables has table_count() elements, from arena. RNL_E_FATAL: out of memory.
 */
int idents_of_catalog(const struct pg_sink *sink, const struct rnl_catalog *catalog,
                      struct arena *arena, struct map_table **tables, struct rnl_error *err);

#endif
