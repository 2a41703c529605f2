/*
 * The form of a table: what the source remembers of its columns with the catalog's table, and what
 * the stream's words about a table are held to.
 */
#ifndef POSTGRES_FORM_H
#define POSTGRES_FORM_H

#include "arena.h"
#include "buf.h"

#include <runnel/schema.h>

/*
 * A place in the stream: transactions come in the order of their commits, changes in one in the
 * order they were made.
 */
struct place {
    uint64_t commit, change;
};

static inline bool place_before(struct place a, struct place b)
{
    return a.commit < b.commit || (a.commit == b.commit && a.change < b.change);
}

struct form_column {
    const char *name, *native;
    uint32_t number; /* the server's; 0: unknown */
    bool generated;  /* the stream may leave it out */
};

struct form {
    struct place since; /* from there on the table has it, as far as is known */
    uint32_t oid;       /* of the table; 0: unknown */
    uint32_t file;      /* of its rows: another one after a rewrite */
    uint64_t digest;    /* of all that was told of the table: see form_digest() */
    char look[40]; /* a cheap mark of the table's rows in the server's catalogue; "": unknown */
    struct form_column *columns;
    uint32_t ncolumns;
    /* Columns alone: what the table was in the transaction that it became this form in, the latest
     * first. That may be read once more. */
    const struct form *earlier;
    uint32_t nearlier;
};

#define FORMS_EARLIER 32 /* that are kept */

void form_print(const struct form *form, struct buf *out);
/* Texts stand in the arena. false: memory is out, or it is no form. */
bool form_parse(const char *text, struct arena *arena, struct form *form);
/* Of a table: as its text says it, else what its columns tell. false: memory is out. */
bool form_of(const struct rnl_table *table, struct arena *arena, struct form *form);
/* All that a sink sees of a table, but for numbers that change with its rows. */
uint64_t form_digest(const struct rnl_table *table);

const struct form_column *form_named(const struct form *form, const char *name);
const struct form_column *form_numbered(const struct form *form, uint32_t number);
/*
 * Whether the stream tells this form: each column of it under its name, with its type, but for
 * generated ones that it leaves out. ordered: as a table itself does, not a partition.
 */
bool form_is(const struct form *form, const struct form *told, bool ordered);

/*
 * Gives told's columns their numbers: the stream has names and types, in the order of numbers.
 * was: the form before, or when told is older the one behind; now: as the table is, later than
 * both. What was there before and is must be among told's. false: it isn't (missing: which
 * column); or memory is out (missing: NULL).
 */
bool form_number(struct form *told, const struct form *was, const struct form *now, bool ordered,
                 bool older, const char **missing);

#endif
