/* The recorder's thread, and the queue in front of it. */
#include "recorder.h"

#include "store.h"
#include "util/log.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WAITING_MOST = 4096, RUNS_MOST = 1024 };

#define OPEN_AGAIN_S 10
#define END_S 5

enum note_kind { NOTE_BEGAN = 1, NOTE_GOES, NOTE_ENDED, NOTE_EVENT };

struct note {
    struct note *next;
    enum note_kind kind;
    const void *key;
    char *texts[4];
    int exit_code;
    struct run_totals totals;
};

struct recorder {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t thread;
    struct note *first, **last;
    uint32_t waiting;
    bool ending;
    /* The thread's own: */
    char *state_dir;
    struct store *store; /* NULL: it couldn't be opened yet */
    time_t again;
    bool failing;
    uint64_t lost;
    struct {
        const void *key;
        int64_t id;
    } runs[RUNS_MOST];
};

static void note_free(struct note *note)
{
    for (size_t i = 0; i < 4; i++)
        free(note->texts[i]);
    free(note);
}

/* --- the thread ------------------------------------------------------------------------------- */

static int64_t *id_of(struct recorder *recorder, const void *key)
{
    for (size_t i = 0; i < RUNS_MOST; i++)
        if (recorder->runs[i].key == key)
            return &recorder->runs[i].id;
    return NULL;
}

static int write_began(struct recorder *recorder, const struct note *note, struct rnl_error *err)
{
    int64_t id;

    if (history_run_began(recorder->store, note->texts[0], note->texts[1], note->texts[2], &id,
                          err) != RNL_OK)
        return err->status;
    for (size_t i = 0; i < RUNS_MOST; i++)
        if (!recorder->runs[i].key || recorder->runs[i].key == note->key) {
            recorder->runs[i].key = note->key;
            recorder->runs[i].id = id;
            return RNL_OK;
        }
    return RNL_OK;
}

static int write_ended(struct recorder *recorder, const struct note *note, struct rnl_error *err)
{
    int64_t *id = id_of(recorder, note->key), was = id ? *id : 0;

    for (size_t i = 0; i < RUNS_MOST; i++)
        if (recorder->runs[i].key == note->key)
            recorder->runs[i].key = NULL;
    return id ? history_run_ended(recorder->store, was, note->texts[0], note->exit_code,
                                  note->texts[1], note->texts[2], err)
              : RNL_OK;
}

static int write_note(struct recorder *recorder, const struct note *note, struct rnl_error *err)
{
    const int64_t *id = note->key ? id_of(recorder, note->key) : NULL;

    switch (note->kind) {
    case NOTE_BEGAN:
        return write_began(recorder, note, err);
    case NOTE_GOES:
        return id ? history_run_goes(recorder->store, *id, &note->totals, err) : RNL_OK;
    case NOTE_ENDED:
        return write_ended(recorder, note, err);
    default:
        return history_event(recorder->store, note->texts[0], note->texts[1], note->texts[2],
                             note->texts[3], err);
    }
}

static int open_store(struct recorder *recorder, struct rnl_error *err)
{
    if (recorder->store)
        return RNL_OK;
    if (time(NULL) < recorder->again)
        return RNL_E_RETRY;
    recorder->again = time(NULL) + OPEN_AGAIN_S;
    if (store_open(recorder->state_dir, &recorder->store, err) != RNL_OK)
        return err->status;
    return history_runs_lost(recorder->store, err);
}

/* Told when it begins to fail, and when it works again: not each time. */
static void write_down(struct recorder *recorder, const struct note *note)
{
    struct rnl_error err = RNL_ERROR_INIT;

    if (open_store(recorder, &err) == RNL_OK &&
        (!note || write_note(recorder, note, &err) == RNL_OK)) {
        if (recorder->failing)
            log_write(RNL_LOG_INFO, "node", "history is kept again; %llu notes are missing from it",
                      (unsigned long long)recorder->lost);
        recorder->failing = false;
        recorder->lost = 0;
        return;
    }
    recorder->lost += note != NULL;
    if (!recorder->failing && err.status != RNL_OK) {
        log_error("node", &err);
        log_write(RNL_LOG_WARN, "node", "history isn't kept meanwhile; pipelines go on");
        recorder->failing = true;
    }
}

static struct note *next_note(struct recorder *recorder)
{
    struct note *note;

    while (!recorder->first && !recorder->ending)
        pthread_cond_wait(&recorder->wake, &recorder->lock);
    note = recorder->first;
    if (note) {
        recorder->first = note->next;
        if (!recorder->first)
            recorder->last = &recorder->first;
        recorder->waiting--;
    }
    return note;
}

static void *run(void *arg)
{
    struct recorder *recorder = arg;
    struct note *note;
    time_t until = 0;

    write_down(recorder, NULL);
    pthread_mutex_lock(&recorder->lock);
    while ((note = next_note(recorder)) != NULL) {
        if (recorder->ending && !until)
            until = time(NULL) + END_S;
        pthread_mutex_unlock(&recorder->lock);
        if (!until || time(NULL) < until)
            write_down(recorder, note);
        note_free(note);
        pthread_mutex_lock(&recorder->lock);
    }
    pthread_mutex_unlock(&recorder->lock);
    store_close(recorder->store);
    return NULL;
}

/* --- the node's side -------------------------------------------------------------------------- */

struct recorder *recorder_begin(const char *state_dir)
{
    struct recorder *recorder = calloc(1, sizeof(*recorder));
    sigset_t all, before;
    bool begun;

    if (!recorder)
        return NULL;
    pthread_mutex_init(&recorder->lock, NULL);
    pthread_cond_init(&recorder->wake, NULL);
    recorder->last = &recorder->first;
    recorder->state_dir = strdup(state_dir);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    begun = recorder->state_dir && pthread_create(&recorder->thread, NULL, run, recorder) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (begun)
        return recorder;
    free(recorder->state_dir);
    free(recorder);
    return NULL;
}

void recorder_end(struct recorder *recorder)
{
    if (!recorder)
        return;
    pthread_mutex_lock(&recorder->lock);
    recorder->ending = true;
    pthread_cond_signal(&recorder->wake);
    pthread_mutex_unlock(&recorder->lock);
    pthread_join(recorder->thread, NULL);
    pthread_cond_destroy(&recorder->wake);
    pthread_mutex_destroy(&recorder->lock);
    free(recorder->state_dir);
    free(recorder);
}

static char *copy(const char *text)
{
    return text ? strdup(text) : NULL;
}

static void put(struct recorder *recorder, const struct note *as, const char *const *texts)
{
    struct note *note = recorder ? malloc(sizeof(*note)) : NULL;
    bool taken = false;

    if (!note)
        return;
    *note = *as;
    for (size_t i = 0; i < 4; i++)
        note->texts[i] = copy(texts[i]);
    pthread_mutex_lock(&recorder->lock);
    if (recorder->waiting < WAITING_MOST) {
        *recorder->last = note;
        recorder->last = &note->next;
        recorder->waiting++;
        taken = true;
        pthread_cond_signal(&recorder->wake);
    }
    pthread_mutex_unlock(&recorder->lock);
    if (!taken)
        note_free(note);
}

void recorder_run_began(struct recorder *recorder, const void *key, const char *pipeline,
                        const char *role, const char *mode)
{
    put(recorder, &(struct note){.kind = NOTE_BEGAN, .key = key},
        (const char *const[]){pipeline, role, mode, NULL});
}

void recorder_run_goes(struct recorder *recorder, const void *key, const struct run_totals *totals)
{
    put(recorder, &(struct note){.kind = NOTE_GOES, .key = key, .totals = *totals},
        (const char *const[]){NULL, NULL, NULL, NULL});
}

void recorder_run_ended(struct recorder *recorder, const void *key, const char *outcome,
                        int exit_code, const char *code, const char *text)
{
    put(recorder, &(struct note){.kind = NOTE_ENDED, .key = key, .exit_code = exit_code},
        (const char *const[]){outcome, code, text, NULL});
}

void recorder_event(struct recorder *recorder, const char *who, const char *what, const char *about,
                    const char *detail)
{
    put(recorder, &(struct note){.kind = NOTE_EVENT},
        (const char *const[]){who, what, about, detail});
}
