/* The files in which the usual clients keep passwords: ~/.pgpass and ~/.my.cnf. */
#ifndef PASSWORD_FILE_H
#define PASSWORD_FILE_H

#include "settings.h"

/* What a line of .pgpass is compared with. */
struct password_wanted {
    const char *host, *port, *database, *user;
};

/*
 * Sets "password" from the first line that fits. No such file, or no such line: RNL_OK.
 * A file that others can read is passed over with a warning, as libpq does.
 */
int pgpass_read(const char *path, const struct password_wanted *wanted, struct settings *settings,
                struct rnl_error *err);

/*
 * Sets user, password, and where neither host nor socket is set, those and port, from
 * [client]. The password is left when its user is another one. A file that others can
 * write is passed over with a warning; one that they can read is warned about.
 */
int mycnf_read(const char *path, struct settings *settings, struct rnl_error *err);

#endif
