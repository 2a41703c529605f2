/* Passwords that a connection does not carry: from the environment, clients' files, a prompt. */
#ifndef PASSWORD_H
#define PASSWORD_H

#include "module.h"
#include "settings.h"

/* Whether those that are found nowhere are asked for on the terminal: --ask-password. */
void password_ask(bool ask);

/*
 * Adds the password for one use of a connection, if the plugin has such an option.
 * RUNNEL_SOURCE_PASSWORD or RUNNEL_TARGET_PASSWORD comes before what is configured.
 * When nothing is: PGPASSWORD and ~/.pgpass (PGPASSFILE), or MYSQL_PWD and ~/.my.cnf,
 * which may give user, host, port and socket too; then the terminal, if asked to.
 * Finding none is no failure: a server may want none. Control thread.
 */
int password_complete(struct settings *settings, const struct plugin *plugin,
                      struct rnl_error *err);

#endif
