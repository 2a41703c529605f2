/* What a table has become: its new form out of what the stream tells and the server says. */
#ifndef POSTGRES_NEWFORM_H
#define POSTGRES_NEWFORM_H

#include "form.h"

/*
 * All that is known when a table is met in another form. The stream tells a form that may lie
 * behind the table as it is now: a pipeline that has been down meets several one after another.
 */
struct newform_parts {
    const struct rnl_table *was; /* the catalog's */
    const struct form *was_form;
    const struct rnl_table *now; /* as it is described now; NULL: it is gone */
    const struct form *now_form; /* columns like now's; NULL with now */
    const char *const *missing;  /* of now's columns: what rows from before them have; or NULL */
    bool rewritten;          /* the rows of now aren't where those of was stood; and not empty */
    const struct form *told; /* with numbers */
    const struct rnl_column *made; /* of told's: what its type alone makes of it */
    const bool *keys;              /* of told's: the replica identity; NULL: unknown */
    char identity;                 /* 'd': keys are the primary key */
    bool settled; /* told is now's, and all rows from before it have come: it may be strict */
};

struct newform {
    struct rnl_table table;    /* in the arena; without a form's text */
    struct form_column *known; /* one for each of the table's columns */
    struct rnl_rename *renamed;
    uint32_t nrenamed;
    bool load;   /* columns were filled in ways that the log doesn't tell */
    bool remade; /* rows were written anew for another type */
    bool agrees; /* with the table as it is now, in names and types */
    bool rough;  /* there is more to it, which can be told only later */
};

/* false: memory is out. */
bool newform_make(const struct newform_parts *parts, struct arena *arena, struct newform *out);

#endif
