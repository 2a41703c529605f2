/*
 * How much of what was published waits: where another process reads it, the server is asked what it
 * still keeps, for the reader deletes what it has acknowledged.
 */
#include "nats.h"

#include <stdlib.h>
#include <string.h>

enum { LOOK_MS = 1000, LOOK_WAITING_MS = 10 };

bool room_note(struct subject *subject, uint64_t seq, int64_t cost)
{
    if (subject->here)
        return true;
    if (subject->nsent == subject->room && subject->gone > subject->room / 2) {
        subject->nsent -= subject->gone;
        memmove(subject->sent, subject->sent + subject->gone,
                subject->nsent * sizeof(*subject->sent));
        subject->gone = 0;
    }
    if (subject->nsent == subject->room) {
        size_t room = subject->room ? subject->room * 2 : 64;
        struct sent *sent = realloc(subject->sent, room * sizeof(*sent));

        if (!sent)
            return false;
        subject->sent = sent;
        subject->room = room;
    }
    subject->sent[subject->nsent++] = (struct sent){.seq = seq, .cost = cost};
    return true;
}

static uint64_t kept_of(const jsStreamInfo *info, const struct subject *subject)
{
    const jsStreamStateSubjects *all = info->State.Subjects;

    for (int i = 0; all && i < all->Count; i++)
        if (strcmp(all->List[i].Subject, subject->full) == 0)
            return all->List[i].Msgs;
    return 0;
}

/* With the lock held: of those that the server has stored so many are left, the newest ones. */
static void forget_read(struct session *session, struct subject *subject, const jsStreamInfo *info)
{
    uint64_t kept = kept_of(info, subject);
    size_t stored = subject->gone;

    while (stored < subject->nsent && subject->sent[stored].seq <= info->State.LastSeq)
        stored++;
    for (; stored - subject->gone > kept; subject->gone++) {
        subject->bytes -= subject->sent[subject->gone].cost;
        session->stored -= subject->sent[subject->gone].cost;
    }
}

static bool is_due(struct session *session)
{
    int64_t now_ms = nats_now_ms();
    bool any = false;

    pthread_mutex_lock(&session->lock);
    for (const struct subject *subject = session->subjects; subject; subject = subject->next)
        any = any || (!subject->here && subject->nsent > subject->gone);
    any = any && now_ms - session->looked_ms >= (session->waiting ? LOOK_WAITING_MS : LOOK_MS);
    if (any)
        session->looked_ms = now_ms;
    pthread_mutex_unlock(&session->lock);
    return any;
}

void room_look(struct session *session)
{
    char all[SUBJECT_BYTES + 4];
    jsStreamInfo *info = NULL;
    jsOptions options;

    if (natsConnection_Status(session->conn) != NATS_CONN_STATUS_CONNECTED || !is_due(session))
        return;
    snprintf(all, sizeof(all), "%s.>", session->root);
    jsOptions_Init(&options);
    options.Stream.Info.SubjectsFilter = all;
    if (js_GetStreamInfo(&info, session->js, session->stream, &options, NULL) != NATS_OK)
        return; /* asked again; what is lost is noticed where it is missed */
    pthread_mutex_lock(&session->lock);
    for (struct subject *subject = session->subjects; subject; subject = subject->next)
        if (!subject->here && info->State.LastSeq >= session->begun)
            forget_read(session, subject, info);
    pthread_cond_broadcast(&session->moved);
    pthread_mutex_unlock(&session->lock);
    jsStreamInfo_Destroy(info);
}
