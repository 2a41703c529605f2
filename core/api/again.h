/* Idempotency-Key: a request that may have been done is asked again, and done once. */
#ifndef API_AGAIN_H
#define API_AGAIN_H

#include "api_part.h"

enum again { AGAIN_NO = 0, AGAIN_ANSWERED, AGAIN_FAILED };

/*
 * In front of the handler. AGAIN_NO: it is new, and on record as under way. AGAIN_ANSWERED: the
 * reply is filled: as it was the first time, or why it can't be done. AGAIN_FAILED: err.
 */
enum again again_begin(struct call *call, struct rnl_error *err);
/* Behind it: the reply is kept for a day; of what failed nothing is, so that it can be tried anew.
 */
void again_end(struct call *call, bool done);

#endif
