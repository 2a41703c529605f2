/* Places in the server's log, as the target keeps them: JSON text. */
#ifndef POSTGRES_POSITION_H
#define POSTGRES_POSITION_H

#include "buf.h"

#include <runnel/value.h>

#define POSITION_TEXT 160
#define LSN_TEXT 24

/* All that was committed before lsn is behind one who stands here. */
struct position {
    uint64_t system; /* tells one server's data from another's */
    uint32_t timeline;
    uint64_t lsn;
};

/* "0/16B3748", as the server's own tools write it. */
const char *lsn_print(uint64_t lsn, char text[LSN_TEXT]);
bool lsn_parse(const char *text, uint64_t *lsn);

void position_print(const struct position *position, char text[POSITION_TEXT]);
/* false: these aren't bytes of ours. */
bool position_parse(struct rnl_slice bytes, struct position *position);

#endif
