/*
 * The ears of the roles. Each attempt has a number, and words name who says them to whom. In one
 * process both roles have the same number, and just read what the other says. Apart:
 *
 *   writer: HERE                        its target is open, and remembered
 *   reader: HELLO                       asks, at its start and whenever a writer says HERE
 *   writer: RECALL to that reader       the reader is bound to this writer
 *   reader: RUN to that writer          the writer is bound to this reader
 *
 * Whoever is bound and hears HELLO or HERE of another attempt begins anew itself.
 */
#include "ear.h"

#include "bundle.h"
#include "util/clock.h"
#include "util/log.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

enum {
    TICK_MS = 200,
    STATE_MS = 1000,
    STATE_RARE_MS = 30000, /* to one that isn't heard: what nobody reads takes room */
    SILENCE_MS = 10000,
    LINGER_MS = 3000,
    LEFT_MS = 5000,
    FLUSH_MS = 200,
};

struct heard {
    struct heard *next;
    struct control word;
};

struct ear {
    struct run *run;
    struct session *transport;
    enum run_role self;
    bool apart;
    void *subscription;         /* of the thread that listens */
    uint64_t own;               /* this attempt's number */
    atomic_uint_least64_t peer; /* the other's; 0: not known */
    pthread_mutex_t saying;     /* held while a word is given to the transport */

    pthread_t thread;
    atomic_bool closing;
    int64_t said_ms, heard_ms, stop_ms; /* the thread's own */
    bool told_stop;

    pthread_mutex_t lock; /* guards everything below */
    pthread_cond_t came;
    struct heard *first, **last;
    const struct control *offer;
    uint64_t hello;    /* a reader's attempt that asks */
    uint64_t answered; /* the last that was answered */
    enum control_left left;
    bool ready;              /* the thread listens, or has failed to */
    struct rnl_error failed; /* the thread has ended by it */
};

static const struct rnl_transport_ops *ops_of(const struct ear *ear)
{
    return &ear->transport->plugin->transport;
}

bool ear_apart(const struct ear *ear)
{
    return ear->apart;
}

uint64_t ear_owner(const struct ear *ear)
{
    uint64_t reader = ear->self == RUN_READER ? ear->own : atomic_load(&ear->peer);

    return bundle_pipeline(ear->run->config->name) ^ reader;
}

/* --- saying --------------------------------------------------------------------------------- */

static int say(struct ear *ear, const struct control *word, uint64_t to, struct rnl_error *err)
{
    struct rnl_message message = {.size = sizeof(message),
                                  .subject = ear->self == RUN_READER ? "meta" : "feedback",
                                  .release = free};
    struct control full = *word;
    char *text;
    int status;

    full.from = ear->own;
    full.to = to;
    text = control_text(&full);
    if (!text)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for a word to the other role");
    message.body = (struct rnl_slice){text, strlen(text)};
    message.owner = text;
    pthread_mutex_lock(&ear->saying);
    status = ops_of(ear)->publish(ear->transport->self, &message, err);
    pthread_mutex_unlock(&ear->saying);
    if (status != RNL_OK) /* else it is the transport's, and goes there without a copy */
        free(text);
    return status;
}

int control_send(struct ear *ear, const struct control *word, struct rnl_error *err)
{
    return say(ear, word, atomic_load(&ear->peer), err);
}

static int say_type(struct ear *ear, enum control_type type, struct rnl_error *err)
{
    return say(ear, &(struct control){.type = type}, atomic_load(&ear->peer), err);
}

static int say_state(struct ear *ear, struct rnl_error *err)
{
    struct control word = {.type = CONTROL_STATE};
    struct progress_brief brief;
    json_t *o;
    int status;

    progress_brief(ear->run->progress, &brief);
    o = json_pack("{s:s,s:I,s:I,s:I,s:I}", "phase", phase_text(brief.phase), "rows_read",
                  (json_int_t)brief.rows_read, "rows_written", (json_int_t)brief.rows_written,
                  "changes", (json_int_t)brief.changes, "lag_ms", (json_int_t)brief.lag_ms);
    word.record = o ? json_dumps(o, JSON_COMPACT) : NULL;
    json_decref(o);
    ear->said_ms = clock_ms();
    status = word.record ? say(ear, &word, atomic_load(&ear->peer), err) : RNL_OK;
    free(word.record);
    return status;
}

/* --- hearing, where the roles are apart ------------------------------------------------------- */

static int begun_anew(const struct ear *ear, struct rnl_error *err)
{
    return rnl_fail(err, RNL_E_RETRY, "other.anew", "the %s has begun anew: so does the %s",
                    ear->self == RUN_READER ? "writer" : "reader",
                    ear->self == RUN_READER ? "reader" : "writer");
}

static void note_state(struct ear *ear, const struct control *word)
{
    struct run *run = ear->run;

    pthread_mutex_lock(&run->lock);
    snprintf(run->other, sizeof(run->other), "%s", word->record ? word->record : "");
    run->other_ms = clock_ms();
    pthread_mutex_unlock(&run->lock);
}

static void note_left(struct ear *ear, enum control_left left)
{
    struct run *run = ear->run;

    if (left == LEFT_LIMITED)
        atomic_store(&run->limited, true);
    if (left == LEFT_DONE)
        atomic_store(&run->other_done, true);
    if (left == LEFT_DONE_BEFORE)
        atomic_store(&run->done_before, true);
    if (left == LEFT_DONE_BEFORE || (left == LEFT_LIMITED && ear->self == RUN_READER))
        run_stop(run, false);
    pthread_mutex_lock(&ear->lock);
    ear->left = left;
    pthread_cond_broadcast(&ear->came);
    pthread_mutex_unlock(&ear->lock);
}

static void bind(struct ear *ear, uint64_t peer)
{
    atomic_store(&ear->peer, peer);
    ear->heard_ms = clock_ms();
    log_write(RNL_LOG_INFO, ear->self == RUN_READER ? "reader" : "writer", "the %s is there",
              ear->self == RUN_READER ? "writer" : "reader");
}

/* For control_poll(); what the word owns goes with it. */
static int keep(struct ear *ear, struct control *word, struct rnl_error *err)
{
    struct heard *heard = calloc(1, sizeof(*heard));

    if (!heard)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for a word of the other role");
    heard->word = *word;
    *word = (struct control){0};
    pthread_mutex_lock(&ear->lock);
    *ear->last = heard;
    ear->last = &heard->next;
    pthread_cond_broadcast(&ear->came);
    pthread_mutex_unlock(&ear->lock);
    return RNL_OK;
}

static int take_asking(struct ear *ear, const struct control *word, struct rnl_error *err)
{
    uint64_t peer = atomic_load(&ear->peer);

    if (peer)
        return peer == word->from ? RNL_OK : begun_anew(ear, err);
    if (word->type == CONTROL_HERE)
        return say_type(ear, CONTROL_HELLO, err);
    pthread_mutex_lock(&ear->lock);
    ear->hello = word->from;
    ear->answered = 0;
    pthread_mutex_unlock(&ear->lock);
    return RNL_OK;
}

/* What binds the two: RECALL a reader, RUN a writer. */
static bool binds(const struct ear *ear, const struct control *word)
{
    return word->type == (ear->self == RUN_READER ? CONTROL_RECALL : CONTROL_RUN);
}

static int judge(struct ear *ear, struct control *word, struct rnl_error *err)
{
    uint64_t peer = atomic_load(&ear->peer);

    if (word->type == (ear->self == RUN_READER ? CONTROL_HERE : CONTROL_HELLO))
        return take_asking(ear, word, err);
    if (word->to != ear->own)
        return RNL_OK; /* of an attempt that is over */
    if (!peer && binds(ear, word)) {
        bind(ear, word->from);
        return keep(ear, word, err);
    }
    if (!peer && word->type == CONTROL_LEFT && word->left == LEFT_DONE_BEFORE)
        note_left(ear, word->left);
    if (!peer || binds(ear, word))
        return RNL_OK;
    if (word->from != peer)
        return begun_anew(ear, err);
    ear->heard_ms = clock_ms();
    switch (word->type) {
    case CONTROL_STATE:
        note_state(ear, word);
        return RNL_OK;
    case CONTROL_STOP:
        run_stop(ear->run, false);
        return RNL_OK;
    case CONTROL_LEFT:
        note_left(ear, word->left);
        return RNL_OK;
    default:
        return keep(ear, word, err);
    }
}

/* Who calls in other words may be long gone. Told ours, he ends if he lives; so do we by his. */
static int meet_foreign(struct ear *ear, const struct control *word, struct rnl_error *err)
{
    bool reader = ear->self == RUN_READER;
    const struct control answer = {.type = reader ? CONTROL_HELLO : CONTROL_HERE};

    if (strcmp(err->code, "other.version") != 0 || word->to == ear->own)
        return err->status;
    if (word->type == (reader ? CONTROL_HERE : CONTROL_HELLO)) {
        log_write(RNL_LOG_WARN, reader ? "reader" : "writer", "%s [%s]", err->text, err->code);
        if (say(ear, &answer, word->from, err) != RNL_OK)
            return err->status;
    }
    *err = (struct rnl_error)RNL_ERROR_INIT;
    return RNL_OK;
}

/* A word that ends the attempt isn't acknowledged: the next attempt hears it. */
static int hear(struct ear *ear, struct rnl_error *err)
{
    struct rnl_message message;
    struct control word = {0};
    int status = ops_of(ear)->fetch(ear->subscription, &message, TICK_MS, err);

    if (status != RNL_OK)
        return status == RNL_AGAIN ? RNL_OK : status;
    status = control_read(message.body, &word, err);
    if (status == RNL_OK)
        status = judge(ear, &word, err);
    else
        status = meet_foreign(ear, &word, err);
    control_clear(&word);
    return status == RNL_OK ? ops_of(ear)->ack(ear->subscription, &message, err) : status;
}

/* A reader that asks is told what the target remembers. */
static int answer(struct ear *ear, struct rnl_error *err)
{
    const struct control *word = NULL;
    uint64_t to;
    int status;

    pthread_mutex_lock(&ear->lock);
    to = ear->hello;
    if (!atomic_load(&ear->peer) && to && ear->answered != to)
        word = ear->offer;
    pthread_mutex_unlock(&ear->lock);
    if (!word)
        return RNL_OK;
    status = say(ear, word, to, err);
    pthread_mutex_lock(&ear->lock);
    ear->answered = to;
    pthread_cond_broadcast(&ear->came);
    pthread_mutex_unlock(&ear->lock);
    return status;
}

/*
 * A writer that must end asks the reader to stop, so that all that is on its way is committed. One
 * that hears nothing of the other breaks off.
 */
static int look_at_stop(struct ear *ear, struct rnl_error *err)
{
    struct run *run = ear->run;
    int64_t now_ms = clock_ms();

    if (run_goes_on(run) || !atomic_load(&ear->peer) || atomic_load(&run->hard))
        return RNL_OK;
    if (!ear->stop_ms)
        ear->stop_ms = now_ms;
    if (now_ms - ear->stop_ms >= SILENCE_MS && now_ms - ear->heard_ms >= SILENCE_MS) {
        log_write(RNL_LOG_WARN, ear->self == RUN_READER ? "reader" : "writer",
                  "the other role says nothing: what it didn't commit or send is left to the next "
                  "run");
        run_stop(run, true);
    }
    if (ear->self == RUN_READER || ear->told_stop)
        return RNL_OK;
    ear->told_stop = true;
    return say_type(ear, CONTROL_STOP, err);
}

static int tick(struct ear *ear, struct rnl_error *err)
{
    int64_t now_ms = clock_ms();
    bool heard = now_ms - ear->heard_ms < SILENCE_MS;
    int status = answer(ear, err);

    if (status == RNL_OK && atomic_load(&ear->peer) &&
        now_ms - ear->said_ms >= (heard ? STATE_MS : STATE_RARE_MS))
        status = say_state(ear, err);
    return status == RNL_OK ? look_at_stop(ear, err) : status;
}

static void tell_ready(struct ear *ear, const struct rnl_error *err)
{
    pthread_mutex_lock(&ear->lock);
    ear->ready = true;
    ear->failed = *err;
    pthread_cond_broadcast(&ear->came);
    pthread_mutex_unlock(&ear->lock);
}

static int subscribe(struct ear *ear, struct rnl_error *err)
{
    bool reader = ear->self == RUN_READER;

    return ops_of(ear)->subscribe(ear->transport->self, reader ? "feedback" : "meta",
                                  reader ? "reader" : "writer", &ear->subscription, err);
}

static void *ear_main(void *arg)
{
    struct ear *ear = arg;
    struct rnl_error err = RNL_ERROR_INIT;
    int status = subscribe(ear, &err);

    tell_ready(ear, &err);
    if (status != RNL_OK)
        return NULL;
    if (ear->self == RUN_READER)
        status = say_type(ear, CONTROL_HELLO, &err);
    while (status == RNL_OK && !atomic_load(&ear->closing)) {
        status = hear(ear, &err);
        if (status == RNL_OK)
            status = tick(ear, &err);
    }
    if (status < 0 && !atomic_load(&ear->closing) && !atomic_load(&ear->run->hard))
        run_fail(ear->run, &err);
    if (status < 0)
        tell_ready(ear, &err);
    ops_of(ear)->unsubscribe(ear->subscription);
    return NULL;
}

/* --- the two kinds ---------------------------------------------------------------------------- */

static uint64_t random_number(void)
{
    uint64_t number = 0;

    if (getrandom(&number, sizeof(number), 0) != sizeof(number))
        number = (uint64_t)clock_ms() * UINT64_C(0x9E3779B97F4A7C15);
    return number >> 1 | 1; /* JSON's integers have a sign */
}

static void free_ear(struct ear *ear)
{
    while (ear->first) {
        struct heard *heard = ear->first;

        ear->first = heard->next;
        control_clear(&heard->word);
        free(heard);
    }
    pthread_cond_destroy(&ear->came);
    pthread_mutex_destroy(&ear->lock);
    pthread_mutex_destroy(&ear->saying);
    free(ear);
}

static int start_thread(struct ear *ear, struct rnl_error *err)
{
    if (pthread_create(&ear->thread, NULL, ear_main, ear) != 0)
        return rnl_fail(err, RNL_E_FATAL, "thread", "a thread that listens can't be started");
    pthread_mutex_lock(&ear->lock);
    while (!ear->ready)
        pthread_cond_wait(&ear->came, &ear->lock);
    *err = ear->failed;
    pthread_mutex_unlock(&ear->lock);
    if (err->status != RNL_OK)
        pthread_join(ear->thread, NULL);
    return err->status;
}

int ear_open(struct run *run, struct session *transport, enum run_role self, struct ear **out,
             struct rnl_error *err)
{
    struct ear *ear = calloc(1, sizeof(*ear));
    pthread_condattr_t attr;
    int status;

    if (!ear)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for words between the roles");
    ear->run = run;
    ear->transport = transport;
    ear->self = self;
    ear->apart = run->role != RUN_BOTH;
    ear->own = ear->apart ? random_number() : run->attempt;
    atomic_store(&ear->peer, ear->apart ? 0 : ear->own);
    ear->last = &ear->first;
    ear->failed = (struct rnl_error)RNL_ERROR_INIT;
    pthread_mutex_init(&ear->saying, NULL);
    pthread_mutex_init(&ear->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&ear->came, &attr);
    pthread_condattr_destroy(&attr);
    status = ear->apart ? start_thread(ear, err) : subscribe(ear, err);
    if (status != RNL_OK) {
        free_ear(ear);
        return status;
    }
    *out = ear;
    return RNL_OK;
}

void ear_close(struct ear *ear)
{
    if (!ear)
        return;
    if (ear->apart) {
        atomic_store(&ear->closing, true);
        ops_of(ear)->interrupt(ear->transport->self);
        pthread_join(ear->thread, NULL);
    } else {
        ops_of(ear)->unsubscribe(ear->subscription);
    }
    free_ear(ear);
}

static int wait_for_word(struct ear *ear, int64_t until_ms)
{
    const struct timespec until = {.tv_sec = until_ms / 1000,
                                   .tv_nsec = (long)(until_ms % 1000) * 1000000};

    return pthread_cond_timedwait(&ear->came, &ear->lock, &until);
}

/* RNL_AGAIN: none has come. */
static int take_word(struct ear *ear, int timeout_ms, struct control *word, struct rnl_error *err)
{
    int64_t until_ms = clock_ms() + timeout_ms;
    struct heard *heard;

    pthread_mutex_lock(&ear->lock);
    while (!ear->first && ear->failed.status == RNL_OK && wait_for_word(ear, until_ms) != ETIMEDOUT)
        ;
    heard = ear->first;
    if (heard && !(ear->first = heard->next))
        ear->last = &ear->first;
    if (!heard)
        *err = ear->failed;
    pthread_mutex_unlock(&ear->lock);
    if (!heard)
        return err->status == RNL_OK ? RNL_AGAIN : err->status;
    *word = heard->word;
    free(heard);
    return RNL_OK;
}

static int fetch_word(struct ear *ear, int timeout_ms, struct control *word, struct rnl_error *err)
{
    struct rnl_message message;
    int status = ops_of(ear)->fetch(ear->subscription, &message, timeout_ms, err);

    if (status != RNL_OK)
        return status;
    status = control_read(message.body, word, err);
    ops_of(ear)->ack(ear->subscription, &message, err);
    if (status == RNL_OK && word->to != ear->own) { /* another process's, which we supersede */
        control_clear(word);
        status = RNL_AGAIN;
    }
    return status;
}

int control_poll(struct ear *ear, enum control_type type, int timeout_ms, struct control *word,
                 struct rnl_error *err)
{
    int status;

    *word = (struct control){0};
    status =
        ear->apart ? take_word(ear, timeout_ms, word, err) : fetch_word(ear, timeout_ms, word, err);
    return status == RNL_OK ? control_check(word, type, err) : status;
}

int ear_offer(struct ear *ear, const struct control *word, struct rnl_error *err)
{
    if (!ear->apart)
        return control_send(ear, word, err);
    pthread_mutex_lock(&ear->lock);
    ear->offer = word;
    pthread_mutex_unlock(&ear->lock);
    return say_type(ear, CONTROL_HERE, err);
}

static void flush(struct ear *ear)
{
    int64_t until_ms = clock_ms() + LEFT_MS;
    struct rnl_error err = RNL_ERROR_INIT;
    int status;

    do
        status = ops_of(ear)->flush(ear->transport->self, FLUSH_MS, &err);
    while (status == RNL_E_RETRY && !atomic_load(&ear->run->hard) && clock_ms() < until_ms);
}

void ear_linger(struct ear *ear)
{
    static const struct control done = {.type = CONTROL_LEFT, .left = LEFT_DONE_BEFORE};
    struct rnl_error unheard = RNL_ERROR_INIT; /* who doesn't hear it asks the next time */
    int64_t until_ms = clock_ms() + LINGER_MS;

    if (!ear->apart || ear_offer(ear, &done, &unheard) != RNL_OK)
        return;
    pthread_mutex_lock(&ear->lock);
    while (!ear->answered && ear->failed.status == RNL_OK && !atomic_load(&ear->run->hard) &&
           wait_for_word(ear, until_ms) != ETIMEDOUT)
        ;
    pthread_mutex_unlock(&ear->lock);
    flush(ear);
}

/* Until the other has said how it ended, or can't. */
static void await_left(struct ear *ear, int64_t until_ms)
{
    pthread_mutex_lock(&ear->lock);
    while (!ear->left && ear->failed.status == RNL_OK && run_goes_on(ear->run) &&
           clock_ms() < until_ms)
        wait_for_word(ear, clock_ms() + TICK_MS);
    pthread_mutex_unlock(&ear->lock);
}

void ear_part(struct ear *ear, bool complete)
{
    struct run *run = ear->run;
    struct control word = {.type = CONTROL_LEFT, .left = complete ? LEFT_DONE : LEFT_STOPPED};
    struct rnl_error unheard = RNL_ERROR_INIT; /* then the other waits for our next attempt */

    if (!ear->apart || atomic_load(&run->hard) || !atomic_load(&ear->peer))
        return;
    if (ear->self == RUN_READER && !atomic_load(&run->limited)) {
        flush(ear);
        await_left(ear, INT64_MAX);
    } else if (ear->self == RUN_WRITER && !complete) {
        await_left(ear, clock_ms() + LEFT_MS);
    }
    if (atomic_load(&run->limited))
        word.left = LEFT_LIMITED;
    if (!atomic_load(&run->other_done))
        say(ear, &word, atomic_load(&ear->peer), &unheard);
    flush(ear);
}
