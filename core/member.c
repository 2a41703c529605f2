/* A writer that doesn't lead: does the lanes that it is dealt. */
#include "role.h"

void role_member(struct run *run)
{
    (void)run;
}
