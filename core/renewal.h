/* Secrets that are lent for a time: a thread keeps them good while a pipeline runs. */
#ifndef RENEWAL_H
#define RENEWAL_H

#include <runnel/error.h>

struct secret_resolver;
struct renewal;

/*
 * ending(arg) is called from the thread when something that was read can't be kept good: who reads
 * it anew gets another. resolver NULL: nothing to do, *out is NULL.
 */
int renewal_start(struct secret_resolver *resolver, void (*ending)(void *arg), void *arg,
                  struct renewal **out, struct rnl_error *err);
/* Waits for the thread; NULL is nothing. */
void renewal_stop(struct renewal *renewal);

#endif
