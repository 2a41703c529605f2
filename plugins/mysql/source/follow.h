/* What following changes needs of the server: asked for by follow and by check. */
#ifndef MYSQL_FOLLOW_H
#define MYSQL_FOLLOW_H

#include "source.h"

struct needs {
    struct source *source;
    bool asked; /* by check: nobody said yet that changes will be followed */
    bool refused;
    struct rnl_error refusal; /* the first thing that forbids it */
};

/* follow.c: one thing that is not as it should be; RNL_BLOCKER forbids it. */
void need_tell(struct needs *needs, uint32_t severity, const char *code, const char *text,
               const char *hint);

/* needs.c */
int needs_check(struct needs *needs, struct rnl_error *err);

#endif
