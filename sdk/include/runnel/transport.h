/* A transport carries messages from readers to writers and back, and keeps them meanwhile. */
#ifndef RNL_TRANSPORT_H
#define RNL_TRANSPORT_H

#include <runnel/host.h>

/*
 * Subjects: "lane.N" carries bundles, "meta" what the reader says of the run,
 * "feedback" what the writer answers. Each is an ordered log without gaps.
 *
 * release, when set, hands the body over: a publish that returned RNL_OK has
 * taken it, and the transport calls release(owner) once, from any thread, when it
 * needs the body no more. When publish failed the body stays the caller's.
 */
/*
 * Capabilities. REPLAYS: what is not acknowledged is delivered again, so the host
 * acknowledges a bundle when the target has committed it. Without it the host
 * acknowledges once a bundle is applied, and after a failure reads again from the
 * source what the target lacks.
 *
 * APART: the two ends may be in different processes, on different machines. What is
 * published to a subject from one open to its close is a sitting; a subscription delivers
 * the sitting that began last, as far as nobody has acknowledged it, and nothing of an
 * earlier one after that: its sequence is counted anew. Whoever begins one ends that of another,
 * whose publish fails with RNL_E_CONFIG "transport.taken" from then on.
 */
enum {
    RNL_TRANSPORT_REPLAYS = 1 << 0,
    RNL_TRANSPORT_APART = 1 << 1,
    RNL_TRANSPORT_LEASES = 1 << 2, /* leases_open and all behind it are there */
};

/* A lease that nobody has renewed for so long is nobody's any more. */
enum { RNL_LEASE_MS = 10000 };

struct rnl_message {
    uint32_t size;
    uint32_t deliveries; /* 1 the first time */
    const char *subject;
    struct rnl_slice id; /* the same id is stored once */
    struct rnl_slice body;
    void (*release)(void *owner);
    void *owner;
    uint64_t sequence; /* in its subject, from 1 */
    void *token;       /* the transport's own, until settled */
};

/*
 * Threads: publish from any thread, to one subject from one thread at a time; a
 * subscription belongs to the thread that made it. interrupt: any.
 *
 * publish waits while the subject is full (its bytes are bounded by the operator):
 * that is how back-pressure reaches the source. A message larger than the bound
 * passes alone.
 */
struct rnl_transport_ops {
    uint32_t size;
    uint32_t reserved;

    /* pipeline names what is carried: both ends open the transport with the same. */
    int (*open)(const struct rnl_ctx *ctx, const char *pipeline, void **self,
                struct rnl_error *err);
    void (*close)(void *self);

    /* publish may return early, within a bounded window; flush says all is stored. */
    int (*publish)(void *self, const struct rnl_message *message, struct rnl_error *err);
    int (*flush)(void *self, int timeout_ms, struct rnl_error *err);

    /* fetch: OK, AGAIN after timeout_ms. body is lent until ack or again. */
    int (*subscribe)(void *self, const char *subject, const char *durable, void **subscription,
                     struct rnl_error *err);
    int (*fetch)(void *subscription, struct rnl_message *message, int timeout_ms,
                 struct rnl_error *err);
    int (*ack)(void *subscription, struct rnl_message *message, struct rnl_error *err);
    int (*again)(void *subscription, struct rnl_message *message, int delay_ms,
                 struct rnl_error *err);
    int (*working)(void *subscription, struct rnl_message *message, struct rnl_error *err);
    void (*unsubscribe)(void *subscription);

    void (*interrupt)(void *self); /* blocked calls return RNL_E_RETRY, at once and from now on */

    /*
     * May be missing: looks whether it could carry this pipeline, and makes and changes nothing,
     * so that one that is at work isn't in its way. text: what was found, in words.
     */
    int (*probe)(const struct rnl_ctx *ctx, const char *pipeline, char *text, size_t size,
                 struct rnl_error *err);

    /*
     * Leases of a pipeline: small texts under names, each of one process. They have nothing to do
     * with an open transport, and outlive it. One thread at a time. They decide who works; that
     * one who has lost a lease without noticing does no harm is the target's business (epochs).
     */
    int (*leases_open)(const struct rnl_ctx *ctx, const char *pipeline, void **leases,
                       struct rnl_error *err);
    void (*leases_close)(void *leases);
    /*
     * Puts the text in the place of the entry with this revision; 0: where there is none.
     * RNL_AGAIN: the entry is another by now, or is gone, and nothing was done. *revision is the
     * new one's.
     */
    int (*lease_put)(void *leases, const char *name, struct rnl_slice text, uint64_t *revision,
                     struct rnl_error *err);
    /* The entry is nobody's from here on, if it still is this one. RNL_AGAIN: it wasn't. */
    int (*lease_drop)(void *leases, const char *name, uint64_t revision, struct rnl_error *err);
    /* RNL_DONE: it is nobody's. text, when not empty, is lent until the next call. */
    int (*lease_look)(void *leases, const char *name, struct rnl_slice *text, uint64_t *revision,
                      struct rnl_error *err);
};

#endif
