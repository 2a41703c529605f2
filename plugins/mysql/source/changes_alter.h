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

struct name {
    char *schema, *table;
};

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

/* What the files of it share. */
/* The table that the log means, unless all of it so far is in the table's start. */
struct followed *altering_followed(const struct altering *altering, const struct name *name);
const struct rnl_table *altering_form_of(const struct followed *followed);
bool altering_wants(const struct changes *changes, const char *schema, const char *table);
/* It is told of, and its start says that this is nothing new. */
bool altering_started(const struct altering *altering, const struct name *name);
/* A form to be changed by the statement, the cursor's; NULL: out of memory. */
struct form *altering_form(struct altering *altering, const struct rnl_table *before);
/* *form: of a table as the server shows it now; NULL: it isn't there. */
int altering_describe(struct altering *altering, const char *shown, const char *name,
                      struct form **form, struct rnl_error *err);
struct altered *altering_add(struct altering *altering, struct followed *followed,
                             struct form *form, uint32_t flags);
/* As the server keeps names. */
void altering_spell(const struct altering *altering, char *name);
int altering_refuse(const struct altering *altering, const struct followed *followed,
                    struct rnl_error *err);
int altering_stranger(struct altering *altering, const struct name *to, struct rnl_error *err);
/* changes_rename.c: RENAME TABLE and its lists */
int altering_rename(struct altering *altering, struct rnl_error *err);

/* database: it drops ours. Fills list; each form lives as long as the cursor. */
int alterations_find(struct altering *altering, bool database, struct rnl_error *err);
int alterations_tell(const struct altering *altering, struct rnl_slice position,
                     struct rnl_error *err);
/* Rows that come next are of the forms told. */
int alterations_keep(const struct altering *altering, struct rnl_error *err);
void altering_free(struct altering *altering);

#endif
