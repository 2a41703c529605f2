/* The transport within one process: a queue for each subject, bounded by bytes. */
#include <runnel/plugin.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct config {
    int64_t queue_bytes;
};

/* A message on its way. Its body is the publisher's (release) or a copy behind the struct. */
struct entry {
    struct entry *next;
    struct rnl_slice body;
    void (*release)(void *owner);
    void *owner;
    uint64_t sequence;
    uint32_t deliveries;
    int64_t not_before_ms; /* of the monotonic clock; after again() */
    unsigned char copy[];
};

struct subject {
    struct subject *next;
    char *name;
    struct entry *first, *last; /* not delivered yet, in order */
    size_t bytes;               /* of all entries, delivered or not, until ack */
    uint64_t sequence;          /* of the newest entry */
    int subscriptions;
    pthread_cond_t came, left; /* an entry; room for one: who waits for another isn't woken */
};

/* What the two ends of one pipeline share; lives while one of them is open. */
struct broker {
    struct broker *next;
    char *pipeline;
    int ends;
    pthread_mutex_t lock; /* guards subjects and what hangs on them, and ends' interrupted */
    struct subject *subjects;
};

struct end {
    const struct rnl_ctx *ctx;
    struct broker *broker;
    size_t queue_bytes;
    bool interrupted;
};

struct subscription {
    struct end *end;
    struct subject *subject;
};

static pthread_mutex_t brokers_lock = PTHREAD_MUTEX_INITIALIZER; /* guards brokers and their ends */
static struct broker *brokers;

static int no_memory(struct rnl_error *err)
{
    return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory in the memory transport");
}

static int interrupted(struct rnl_error *err)
{
    return rnl_fail(err, RNL_E_RETRY, "transport.interrupted", "the transport was interrupted");
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct broker *broker_new(const char *pipeline)
{
    struct broker *broker = calloc(1, sizeof(*broker));

    if (!broker)
        return NULL;
    broker->pipeline = strdup(pipeline);
    if (!broker->pipeline) {
        free(broker);
        return NULL;
    }
    pthread_mutex_init(&broker->lock, NULL);
    return broker;
}

static void entry_free(struct entry *entry)
{
    if (entry->release)
        entry->release(entry->owner);
    free(entry);
}

static void broker_free(struct broker *broker)
{
    while (broker->subjects) {
        struct subject *subject = broker->subjects;

        broker->subjects = subject->next;
        while (subject->first) {
            struct entry *entry = subject->first;

            subject->first = entry->next;
            entry_free(entry);
        }
        pthread_cond_destroy(&subject->came);
        pthread_cond_destroy(&subject->left);
        free(subject->name);
        free(subject);
    }
    pthread_mutex_destroy(&broker->lock);
    free(broker->pipeline);
    free(broker);
}

static int memory_open(const struct rnl_ctx *ctx, const char *pipeline, void **self,
                       struct rnl_error *err)
{
    const struct config *config = ctx->config;
    struct end *end = calloc(1, sizeof(*end));
    struct broker *broker;

    if (!end)
        return no_memory(err);
    pthread_mutex_lock(&brokers_lock);
    for (broker = brokers; broker; broker = broker->next)
        if (strcmp(broker->pipeline, pipeline) == 0)
            break;
    if (!broker) {
        broker = broker_new(pipeline);
        if (broker) {
            broker->next = brokers;
            brokers = broker;
        }
    }
    if (broker)
        broker->ends++;
    pthread_mutex_unlock(&brokers_lock);
    if (!broker) {
        free(end);
        return no_memory(err);
    }
    *end = (struct end){ctx, broker, (size_t)config->queue_bytes, false};
    *self = end;
    return RNL_OK;
}

static void memory_close(void *self)
{
    struct end *end = self;
    bool last;

    if (!end)
        return;
    pthread_mutex_lock(&brokers_lock);
    last = --end->broker->ends == 0;
    if (last) {
        struct broker **at = &brokers;

        while (*at != end->broker)
            at = &(*at)->next;
        *at = end->broker->next;
    }
    pthread_mutex_unlock(&brokers_lock);
    if (last)
        broker_free(end->broker);
    free(end);
}

/* Finds or makes it; the lock is held. */
static struct subject *subject_get(struct broker *broker, const char *name)
{
    struct subject *subject;
    pthread_condattr_t attr;

    for (subject = broker->subjects; subject; subject = subject->next)
        if (strcmp(subject->name, name) == 0)
            return subject;
    subject = calloc(1, sizeof(*subject));
    if (!subject)
        return NULL;
    subject->name = strdup(name);
    if (!subject->name) {
        free(subject);
        return NULL;
    }
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&subject->came, &attr);
    pthread_cond_init(&subject->left, &attr);
    pthread_condattr_destroy(&attr);
    subject->next = broker->subjects;
    broker->subjects = subject;
    return subject;
}

static struct entry *entry_new(const struct rnl_message *message)
{
    struct entry *entry = malloc(sizeof(*entry) + (message->release ? 0 : message->body.len));

    if (!entry)
        return NULL;
    *entry =
        (struct entry){.body = message->body, .release = message->release, .owner = message->owner};
    if (!message->release) {
        if (message->body.len)
            memcpy(entry->copy, message->body.ptr, message->body.len);
        entry->body.ptr = entry->copy;
    }
    return entry;
}

static int memory_publish(void *self, const struct rnl_message *message, struct rnl_error *err)
{
    struct end *end = self;
    struct broker *broker = end->broker;
    struct entry *entry = entry_new(message);
    struct subject *subject;
    int status = RNL_OK;

    if (!entry)
        return no_memory(err);
    pthread_mutex_lock(&broker->lock);
    subject = subject_get(broker, message->subject);
    while (subject && !end->interrupted && subject->bytes > 0 &&
           subject->bytes + entry->body.len > end->queue_bytes)
        pthread_cond_wait(&subject->left, &broker->lock);
    if (!subject)
        status = no_memory(err);
    else if (end->interrupted)
        status = interrupted(err);
    else {
        entry->sequence = ++subject->sequence;
        if (subject->last)
            subject->last->next = entry;
        else
            subject->first = entry;
        subject->last = entry;
        subject->bytes += entry->body.len;
    }
    pthread_mutex_unlock(&broker->lock);
    if (status == RNL_OK)
        pthread_cond_broadcast(&subject->came); /* who is woken finds the lock free */
    else
        free(entry); /* not entry_free: the body is still the caller's */
    return status;
}

static int memory_flush(void *self, int timeout_ms, struct rnl_error *err)
{
    (void)self;
    (void)timeout_ms; /* what was published is stored: there is nothing to wait for */
    (void)err;
    return RNL_OK;
}

static int memory_subscribe(void *self, const char *name, const char *durable, void **out,
                            struct rnl_error *err)
{
    struct end *end = self;
    struct subscription *subscription = calloc(1, sizeof(*subscription));
    int status = RNL_OK;

    (void)durable; /* one process: a subscriber lives as long as its messages */
    if (!subscription)
        return no_memory(err);
    pthread_mutex_lock(&end->broker->lock);
    subscription->end = end;
    subscription->subject = subject_get(end->broker, name);
    if (!subscription->subject)
        status = no_memory(err);
    else if (subscription->subject->subscriptions > 0)
        status =
            rnl_fail(err, RNL_E_CONFIG, "transport.subscribed",
                     "%s of pipeline %s is already read by another", name, end->broker->pipeline);
    else
        subscription->subject->subscriptions++;
    pthread_mutex_unlock(&end->broker->lock);
    if (status != RNL_OK)
        free(subscription);
    else
        *out = subscription;
    return status;
}

static void memory_unsubscribe(void *handle)
{
    struct subscription *subscription = handle;

    if (!subscription)
        return;
    pthread_mutex_lock(&subscription->end->broker->lock);
    subscription->subject->subscriptions--;
    pthread_mutex_unlock(&subscription->end->broker->lock);
    free(subscription);
}

/* Until when to wait for the first entry, at most until deadline_ms; 0: it may go now. */
static int64_t wait_until(const struct subject *subject, int64_t deadline_ms)
{
    if (!subject->first)
        return deadline_ms;
    if (subject->first->not_before_ms <= now_ms())
        return 0;
    return subject->first->not_before_ms < deadline_ms ? subject->first->not_before_ms
                                                       : deadline_ms;
}

/* The next entry, taken out of the queue; the lock is held. */
static int take(struct subscription *subscription, int timeout_ms, struct entry **entry,
                struct rnl_error *err)
{
    struct end *end = subscription->end;
    struct subject *subject = subscription->subject;
    int64_t deadline_ms = now_ms() + timeout_ms;

    for (;;) {
        int64_t until_ms = wait_until(subject, deadline_ms);
        struct timespec until = {.tv_sec = until_ms / 1000,
                                 .tv_nsec = (long)(until_ms % 1000) * 1000000};

        if (end->interrupted)
            return interrupted(err);
        if (until_ms == 0)
            break;
        if (now_ms() >= deadline_ms)
            return RNL_AGAIN;
        pthread_cond_timedwait(&subject->came, &end->broker->lock, &until);
    }
    *entry = subject->first;
    subject->first = (*entry)->next;
    if (!subject->first)
        subject->last = NULL;
    (*entry)->next = NULL;
    return RNL_OK;
}

static int memory_fetch(void *handle, struct rnl_message *message, int timeout_ms,
                        struct rnl_error *err)
{
    struct subscription *subscription = handle;
    struct entry *entry = NULL;
    int status;

    pthread_mutex_lock(&subscription->end->broker->lock);
    status = take(subscription, timeout_ms, &entry, err);
    pthread_mutex_unlock(&subscription->end->broker->lock);
    if (status != RNL_OK)
        return status;
    *message = (struct rnl_message){
        .size = sizeof(*message),
        .deliveries = ++entry->deliveries,
        .subject = subscription->subject->name,
        .body = entry->body,
        .sequence = entry->sequence,
        .token = entry,
    };
    return RNL_OK;
}

static int memory_ack(void *handle, struct rnl_message *message, struct rnl_error *err)
{
    struct subscription *subscription = handle;
    struct entry *entry = message->token;

    (void)err;
    pthread_mutex_lock(&subscription->end->broker->lock);
    subscription->subject->bytes -= entry->body.len;
    pthread_cond_broadcast(&subscription->subject->left);
    pthread_mutex_unlock(&subscription->end->broker->lock);
    entry_free(entry);
    message->token = NULL;
    return RNL_OK;
}

/* Back to the front: order is kept. */
static int memory_again(void *handle, struct rnl_message *message, int delay_ms,
                        struct rnl_error *err)
{
    struct subscription *subscription = handle;
    struct subject *subject = subscription->subject;
    struct entry *entry = message->token;

    (void)err;
    pthread_mutex_lock(&subscription->end->broker->lock);
    entry->not_before_ms = delay_ms > 0 ? now_ms() + delay_ms : 0;
    entry->next = subject->first;
    subject->first = entry;
    if (!subject->last)
        subject->last = entry;
    pthread_cond_broadcast(&subject->came);
    pthread_mutex_unlock(&subscription->end->broker->lock);
    message->token = NULL;
    return RNL_OK;
}

static int memory_working(void *handle, struct rnl_message *message, struct rnl_error *err)
{
    (void)handle;
    (void)message; /* no delivery times out here */
    (void)err;
    return RNL_OK;
}

static void memory_interrupt(void *self)
{
    struct end *end = self;

    pthread_mutex_lock(&end->broker->lock);
    end->interrupted = true;
    for (struct subject *subject = end->broker->subjects; subject; subject = subject->next) {
        pthread_cond_broadcast(&subject->came);
        pthread_cond_broadcast(&subject->left);
    }
    pthread_mutex_unlock(&end->broker->lock);
}

static const struct rnl_transport_ops ops = {
    .size = sizeof(ops),
    .open = memory_open,
    .close = memory_close,
    .publish = memory_publish,
    .flush = memory_flush,
    .subscribe = memory_subscribe,
    .fetch = memory_fetch,
    .ack = memory_ack,
    .again = memory_again,
    .working = memory_working,
    .unsubscribe = memory_unsubscribe,
    .interrupt = memory_interrupt,
};

static const struct rnl_option options[] = {
    {.name = "queue_bytes",
     .preset = "2M",
     .help = "Bytes that may wait in one lane; a reader that is ahead by more waits.",
     .type = RNL_O_SIZE,
     .offset = offsetof(struct config, queue_bytes),
     .min = 4096,
     .max = (int64_t)1 << 32},
};

static const struct rnl_plugin memory = {
    .size = sizeof(memory),
    .kind = RNL_TRANSPORT,
    .name = "memory",
    .summary = "Carries bundles within one process; nothing else is needed",
    .options = RNL_OPTIONS(options, struct config),
    .transport = &ops,
};

RNL_MODULE("memory", "0.1.0", "Apache-2.0", &memory);
