/* Forms that the kit gives a table one after another, while it is followed. */
#ifndef KIT_FORMS_H
#define KIT_FORMS_H

#include "../catalog.h"

/* A form, and of each column what stands in it whatever it is called: see fill(). */
struct form {
    const char *name;
    const char *stems;
    struct rnl_column columns[7];
    struct rnl_index indexes[3];
    uint32_t nindexes;
    const struct rnl_check *check;
};

enum { FORMS = 10 };
extern const struct form forms[FORMS];

uint32_t form_columns(const struct form *form);
/* Adds the table as it is in this form. */
int form_add(struct rnl_catalog *catalog, const struct form *form, struct rnl_error *err);
/* Adds a table that refers to the last form. */
int form_add_child(struct rnl_catalog *catalog, struct rnl_error *err);

#endif
