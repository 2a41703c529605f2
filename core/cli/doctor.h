/* What the parts of `runnel doctor` share. */
#ifndef DOCTOR_H
#define DOCTOR_H

#include <jansson.h>
#include <runnel/error.h>

struct doctor {
    json_t *checks;
    size_t wrong;
};

/* What was tried, and how it went: err NULL: well. */
void doctor_tell(struct doctor *doctor, const char *what, const char *detail,
                 const struct rnl_error *err);

/* doctor_machine.c: its clock, and room on the disks that a node writes to. */
void doctor_try_clock(struct doctor *doctor);
/* what: what is kept in the folder. */
void doctor_try_folder(struct doctor *doctor, const char *what, const char *folder);

#endif
