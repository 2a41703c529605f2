/* A pipeline's two streams, one for each direction, as the ends in this process share them. */
#ifndef NATS_NATS_H
#define NATS_NATS_H

#include "frame.h"
#include "link.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    WINDOW = 64,            /* messages on their way to the server, not stored for sure */
    WINDOW_BYTES = 8 << 20, /* and their bytes: one message may be more */
    SLICE_MS = 50,          /* how long a wait may overlook an interruption */
    MESSAGE_OVERHEAD = 512, /* what headers and the store add to a message, at most */
    MESSAGE_MAX = 1 << 20,
    SUBJECT_BYTES = 400,
};

/* A part that is on its way to another process, for as long as it stays in the stream. */
struct sent {
    uint64_t seq;
    int64_t cost;
};

/* One subject; guarded by the session's lock. */
struct subject {
    struct subject *next;
    char *name;               /* as the host says it: "lane.0" */
    char full[SUBJECT_BYTES]; /* as the server knows it */
    uint64_t published;       /* the newest number */
    uint64_t acked;           /* all up to this number need never be delivered again */
    uint64_t acked_seq;       /* the stream's sequence of the last part of that */
    uint64_t trimmed_seq;     /* up to here the server was told to forget */
    uint64_t delivered;       /* the highest number that was given out */
    int64_t bytes;            /* published and not acknowledged */
    int64_t to_trim;          /* acknowledged bytes that the server still keeps */
    bool subscribed;
    bool here;          /* read in this process, by what it acknowledges the bytes are known */
    struct sent *sent;  /* else: what was published, and the server keeps, as far as is known */
    size_t nsent, room; /* of those; the first `gone` are kept no more */
    size_t gone;
    uint64_t bound; /* whose messages are delivered: the sitting of the publisher that began last */
};

/* A message that the server hasn't confirmed. */
struct pending {
    natsMsg *message;
    uint64_t seq; /* that it gets in the stream */
    int64_t bytes;
    int64_t sent_ms;
};

/*
 * One stream. Whoever publishes to it first says so in it, by a mark that all that it has published
 * stands behind: that begins its sitting, in which nobody else publishes.
 *
 * Threads: lock guards all below it, and whoever sends holds it, so that messages leave in the
 * order of their sequence. The pump alone hears confirmations, sends anew and trims.
 */
struct session {
    struct session *next;
    char *pipeline;
    bool back;                   /* from the writer to the reader */
    atomic_int ends;             /* that are open; changed by whoever holds the sessions' lock */
    const struct rnl_ctx *ctx;   /* of the end that opens it, which may close before the other: */
    const struct config *config; /* both only while it is opened */
    int64_t max_bytes, lane_bytes;
    natsConnection *conn;
    jsCtx *js;
    struct link_events *events;
    char stream[SUBJECT_BYTES];
    char root[SUBJECT_BYTES]; /* of all its subjects */
    uint64_t id;              /* at random: whose messages these are */
    size_t part_bytes;
    pthread_t pump;
    natsSubscription *confirmations;
    char *inbox;
    atomic_bool closing;

    pthread_mutex_t lock;
    pthread_cond_t moved; /* room, or the end of all waiting */
    struct subject *subjects;
    struct pending window[WINDOW];
    unsigned first, count;
    int64_t window_bytes;
    int64_t stored;      /* bytes published that were not trimmed */
    uint64_t confirmed;  /* the stream's sequence */
    uint64_t begun;      /* of the mark that begins our sitting; 0: it isn't ours */
    unsigned waiting;    /* for room */
    int64_t looked_ms;   /* when it was asked for what others have read */
    unsigned generation; /* of sending: what an earlier one hears is stale */
    unsigned connected;  /* events->again at the last sending anew */
    unsigned vain;       /* times in a row that sending anew moved nothing */
    bool resend;
    int64_t resend_ms; /* not before */
    int64_t trim_ms;
    struct rnl_error failed; /* status: it can't go on */
};

struct end {
    struct session *ahead, *back;
    atomic_bool interrupted;
};

int64_t nats_now_ms(void);

int session_get(const struct rnl_ctx *ctx, const char *pipeline, bool back,
                struct session **session, struct rnl_error *err);
void session_put(struct session *session);

void session_unsubscribe(struct session *session, natsSubscription *subscription);
/* The stream that a subject goes through. */
struct session *session_of(const struct end *end, const char *subject);
/* With the lock held: finds or makes it; NULL: out of memory, or a name that can't be one. */
struct subject *session_subject(struct session *session, const char *name);
/* With the lock held: it can't go on, for this reason. The first one counts. */
void session_fail(struct session *session, const struct rnl_error *err);
/* With the lock held: RNL_OK, or why nothing can be done. */
int session_state(const struct end *end, const struct session *session, struct rnl_error *err);
/* With the lock held: waits a little for something to move. */
void session_wait(struct session *session);

/* What the stream of a pipeline is called; false: a name that is too long. */
bool stream_name(char out[SUBJECT_BYTES], const struct config *config, const char *pipeline,
                 bool back);
/* This process may begin a sitting anew, though another has begun one since its last. */
void stream_forget(const struct config *config, const char *pipeline);
int stream_prepare(struct session *session, struct rnl_error *err);
/* With the lock held: empties it and begins our sitting. RNL_AGAIN: not now. */
int stream_take(struct session *session, struct rnl_error *err);
/* Whose sitting began last, and where; *who 0: nobody's. */
natsStatus stream_owner(struct session *session, uint64_t *who, uint64_t *seq);
/* The stream goes with the run, unless another's messages are in it: its bytes stay reserved else.
 */
void stream_remove(struct session *session);

/* probe.c: makes nothing; text: what was found. err is to be new. */
int probe(const struct rnl_ctx *ctx, const char *pipeline, char *text, size_t size,
          struct rnl_error *err);

/* publish.c */
int publish_body(struct end *end, const struct rnl_message *message, struct rnl_error *err);
int publish_flush(struct end *end, int timeout_ms, struct rnl_error *err);
/* Another has begun a sitting: ours is over. */
int publish_taken(const struct session *session, struct rnl_error *err);
void *publish_pump(void *arg);

/* room.c: how much of what was published another process hasn't read. */
/* With the lock held. */
bool room_note(struct subject *subject, uint64_t seq, int64_t cost);
/* Asks the server, when it is time to. */
void room_look(struct session *session);

/* pull.c */
int pull_subscribe(struct end *end, const char *name, void **out, struct rnl_error *err);
int pull_fetch(void *handle, struct rnl_message *message, int timeout_ms, struct rnl_error *err);
int pull_ack(void *handle, struct rnl_message *message, struct rnl_error *err);
int pull_again(void *handle, struct rnl_message *message, int delay_ms, struct rnl_error *err);
void pull_unsubscribe(void *handle);

#endif
