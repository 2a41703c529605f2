/* Where a cursor of changes begins: is the position one of this server, and still to be had? */
#ifndef MYSQL_CHANGES_START_H
#define MYSQL_CHANGES_START_H

#include "changes.h"

/* Opens the dump behind unit->position; the lane's thread. */
int changes_start(struct changes *changes, const struct rnl_unit *unit, struct rnl_error *err);

#endif
