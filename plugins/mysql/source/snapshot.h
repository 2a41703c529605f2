/* How views of the data are taken, and where in the log they stand: snapshot.c and handover.c. */
#ifndef MYSQL_SNAPSHOT_H
#define MYSQL_SNAPSHOT_H

#include "source.h"

/* Where in the log a view stands. exact: the view holds what is before it, and nothing else. */
struct moment {
    char *file, *pos, *gtid;
    bool exact;
};

void moment_clear(struct moment *moment);

int lanes_begin(struct source *source, struct rnl_error *err);
int lanes_end(struct source *source, struct rnl_error *err);

/* MariaDB: where the view of the connection's transaction stands, and the GTIDs before it. */
int maria_moment(struct conn *conn, struct moment *moment, struct rnl_error *err);
int maria_gtid(struct source *source, struct moment *moment, struct rnl_error *err);
/* MySQL: all that is before the moment is seen by views taken later. Needs a privilege. */
int log_status_read(struct conn *conn, struct moment *moment, struct rnl_error *err);
/* All views while nothing is committed. *done is false when that isn't to be, and *why says why. */
int views_locked(struct source *source, struct moment *moment, bool *done, const char **why,
                 struct rnl_error *err);
bool is_denied(const struct rnl_error *err);
void gtid_spaces_drop(char *text);

/* handover.c: the views of a run that goes on with changes */
int handover_make(struct source *source, uint32_t *lanes, struct rnl_slice *position,
                  struct rnl_error *err);

#endif
