/* What a statement of the log makes of the tables that are followed. */
#ifndef MYSQL_CHANGES_ALTER_H
#define MYSQL_CHANGES_ALTER_H

#include "changes.h"
#include "form.h"

struct altered {
    struct followed *followed; /* NULL: a table that isn't followed yet */
    struct form *form;         /* NULL: it is gone */
    uint32_t flags;            /* of struct rnl_alteration */
};

struct name;
struct altering {
    struct changes *changes;
    const struct statement *statement;
    const char *schema; /* the session's */
    bool offline;       /* the server isn't asked */

    struct name *names; /* that the statement tells, in their order */
    size_t nnames;
    bool renames; /* the statement says RENAME somewhere */
    struct conn *conn;
    struct source side;
    bool failed; /* out of memory */
    struct altered *list;
    size_t count;
};

/* database: it drops ours. Fills list; each form lives as long as the cursor. */
int alterations_find(struct altering *altering, bool database, struct rnl_error *err);
int alterations_tell(const struct altering *altering, struct rnl_slice position,
                     struct rnl_error *err);
/* Rows that come next are of the forms told. */
int alterations_keep(const struct altering *altering, struct rnl_error *err);
void altering_free(struct altering *altering);

#endif
