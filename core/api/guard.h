/* Who brings wrong keys again and again: told to wait. A right key is heard all the same, since a
 * proxy has one address for all. */
#ifndef API_GUARD_H
#define API_GUARD_H

#include <stdbool.h>

enum { GUARD_MOST = 100 }; /* wrong keys of one address within a minute */

/* Any thread. client: an address as text. */
bool guard_is_out(const char *client);
void guard_note(const char *client); /* it has brought a wrong key */

#endif
