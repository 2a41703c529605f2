/* The pipelines that a node knows: as configured, as wanted, and as their workers fare. */
#include "node_part.h"

#include "util/log.h"

#include <stdlib.h>

static char *copy(const char *text)
{
    return text ? strdup(text) : NULL;
}

struct entry *node_entry(struct node *node, const char *name)
{
    for (struct entry *entry = node->entries; entry; entry = entry->next)
        if (name && strcmp(entry->name, name) == 0)
            return entry;
    return NULL;
}

bool entry_alive(const struct entry *entry)
{
    for (uint32_t i = 0; i < entry->nworkers; i++)
        if (entry->workers[i].child)
            return true;
    return false;
}

/* --- how it fares ----------------------------------------------------------------------------- */

/* The worst first. */
static const enum supervised_state by_weight[] = {
    SUPERVISED_FAILED,  SUPERVISED_WAITING, SUPERVISED_STOPPING, SUPERVISED_PAUSED,
    SUPERVISED_STOPPED, SUPERVISED_RUNNING, SUPERVISED_DEGRADED, SUPERVISED_FINISHED,
};

static const struct worker *worker_in(const struct entry *entry, enum supervised_state state)
{
    for (uint32_t i = 0; i < entry->nworkers; i++)
        if (entry->workers[i].now.state == state)
            return &entry->workers[i];
    return NULL;
}

static bool all_alive(const struct entry *entry)
{
    for (uint32_t i = 0; i < entry->nworkers; i++)
        if (!entry->workers[i].child)
            return false;
    return true;
}

enum supervised_state entry_state(const struct entry *entry, const struct worker **worst)
{
    enum supervised_state state = SUPERVISED_STOPPED;

    *worst = NULL;
    for (size_t i = 0; i < sizeof(by_weight) / sizeof(by_weight[0]) && !*worst; i++) {
        state = by_weight[i];
        *worst = worker_in(entry, state);
    }
    if (!*worst) /* nothing of it can run here */
        return entry->want == WANT_STOPPED ? SUPERVISED_STOPPED : SUPERVISED_FAILED;
    if ((state == SUPERVISED_STOPPED && entry_alive(entry)) ||
        (state == SUPERVISED_RUNNING && !all_alive(entry)))
        return SUPERVISED_STOPPING; /* one has ended, the other is about to */
    return state;
}

/* --- what is wanted of it --------------------------------------------------------------------- */

static void forget_failure(const struct entry *entry)
{
    struct rnl_error err = RNL_ERROR_INIT;

    if (kept_forget(entry->node->kept, entry->name, &err) != RNL_OK)
        log_error("node", &err);
}

void entry_take_want(struct entry *entry, enum wanted want, bool again)
{
    entry->want = want;
    forget_failure(entry);
    entry_deal(entry);
    for (uint32_t i = 0; i < entry->nworkers; i++) {
        if (again)
            supervised_restart(&entry->workers[i].now);
        else
            supervised_want(&entry->workers[i].now, want);
    }
    entry_step(entry);
}

/* What is wanted stays on record, but here nothing begins. */
static int check_node(const struct entry *entry, struct rnl_error *err)
{
    if (entry->node->ending)
        return rnl_fail(err, RNL_E_RETRY, "node.draining", "the node is about to end");
    if (!entry->node->drained)
        return RNL_OK;
    rnl_fail(err, RNL_E_CONFIG, "node.drained", "node %s is drained: it starts nothing",
             entry->node->name);
    rnl_hint(err, "runnel nodes undrain lets it work again");
    return err->status;
}

int entry_want(struct entry *entry, enum wanted want, bool again, struct rnl_error *err)
{
    if (want != WANT_STOPPED && !entry->listed)
        return rnl_fail(err, RNL_E_CONFIG, "node.no_pipeline",
                        "pipeline %s isn't configured any more", entry->name);
    if (want != WANT_STOPPED && check_node(entry, err) != RNL_OK)
        return err->status;
    if (want != WANT_STOPPED)
        entry_deal(entry);
    if ((want != WANT_STOPPED && entry_check_roles(entry, err) != RNL_OK) ||
        desired_set(entry->node->desired, entry->name, want, err) != RNL_OK)
        return err->status;
    entry_say(entry, want, again);
    entry_take_want(entry, want, again);
    return RNL_OK;
}

/*
 * One that was told to end by others stays so for as long as this node lives, and so does the other
 * role. On disk nothing changes: a machine that goes down may well tell all processes at once.
 */
void entry_ended(const struct worker *ended)
{
    struct entry *entry = ended->entry;

    if (ended->now.want != WANT_STOPPED || entry->want == WANT_STOPPED)
        return;
    entry->want = WANT_STOPPED;
    for (uint32_t i = 0; i < entry->nworkers; i++)
        if (&entry->workers[i] != ended)
            supervised_want(&entry->workers[i].now, WANT_STOPPED);
}

/* --- its steps -------------------------------------------------------------------------------- */

static bool is_over(enum supervised_state state)
{
    return state == SUPERVISED_FINISHED || state == SUPERVISED_DEGRADED ||
           state == SUPERVISED_FAILED;
}

/* Whether one is about to begin for which the others are to be there. */
static bool any_due(const struct entry *entry)
{
    for (uint32_t i = 0; i < entry->nworkers; i++)
        if (!entry->workers[i].child && !is_over(entry->workers[i].now.state))
            return true;
    return false;
}

/* One that died amid the end waits for the other, which has ended well: it has to say so again. */
static void wake_finished(struct entry *entry)
{
    for (uint32_t i = 0; i < entry->nworkers; i++) {
        struct supervised *now = &entry->workers[i].now;

        if (now->state == SUPERVISED_FINISHED || now->state == SUPERVISED_DEGRADED)
            supervised_want(now, WANT_RUNNING);
    }
}

/* None begins while another is still to end: the two would take each other for what they were. */
static bool may_start(const struct entry *entry)
{
    const struct node *node = entry->node;

    return !node->ending && !node->drained && entry->listed &&
           !worker_in(entry, SUPERVISED_STOPPING);
}

void entry_step(struct entry *entry)
{
    const struct node *node = entry->node;
    bool starts = may_start(entry);

    if (starts && entry->want == WANT_RUNNING && any_due(entry)) {
        entry_deal(entry);
        wake_finished(entry);
    }
    for (uint32_t i = 0; i < entry->nworkers; i++) {
        supervised_hold(&entry->workers[i].now, node->ending || node->drained);
        worker_step(&entry->workers[i], starts);
    }
}

int node_drain(struct node *node, bool drained, struct rnl_error *err)
{
    if (kept_drain(node->kept, drained, err) != RNL_OK)
        return err->status;
    if (node->drained != drained)
        log_write(RNL_LOG_INFO, "node",
                  drained ? "drained: workers end, and none is started" : "not drained any more");
    node->drained = drained;
    for (struct entry *entry = node->entries; entry; entry = entry->next)
        entry_step(entry);
    return RNL_OK;
}

/* --- what the configuration holds ------------------------------------------------------------- */

static struct entry *entry_add(struct node *node, const char *name)
{
    struct entry *entry = calloc(1, sizeof(*entry)), **at = &node->entries;

    if (!entry || !(entry->name = strdup(name)))
        abort(); /* a node that can't remember its pipelines is better started anew */
    entry->node = node;
    while (*at && strcmp((*at)->name, name) < 0)
        at = &(*at)->next;
    entry->next = *at;
    *at = entry;
    entry->want = desired_get(node->desired, name);
    entry_recall(entry);
    return entry;
}

static void entry_free(struct entry *entry)
{
    for (uint32_t i = 0; i < entry->nworkers; i++)
        worker_forget(&entry->workers[i]);
    free(entry->name);
    free(entry->mode);
    free(entry->file);
    free(entry->transport);
    free(entry);
}

/* What runs goes on as it began: a file may be amid several edits. */
static void tell_edited(const struct entry *entry, int64_t print)
{
    if (entry->print != print && entry_alive(entry))
        log_write(RNL_LOG_INFO, "node",
                  "pipeline %s was edited; its workers take that over when they begin anew: runnel "
                  "pipelines restart %s",
                  entry->name, entry->name);
}

static void entry_take(struct entry *entry, const json_t *o)
{
    tell_edited(entry, json_integer_value(json_object_get(o, "print")));
    free(entry->mode);
    free(entry->file);
    free(entry->transport);
    entry->mode = copy(json_string_value(json_object_get(o, "mode")));
    entry->file = copy(json_string_value(json_object_get(o, "file")));
    entry->transport = copy(json_string_value(json_object_get(o, "transport")));
    entry->apart = json_is_true(json_object_get(o, "apart"));
    entry->print = json_integer_value(json_object_get(o, "print"));
    entry->listed = true;
    if (entry->nworkers == 0)
        entry_deal(entry);
}

/* Wanted running, but by its roles this node can't. */
static void tell_unfit(const struct node *node)
{
    for (const struct entry *entry = node->entries; entry; entry = entry->next) {
        struct rnl_error err = RNL_ERROR_INIT;

        if (entry->listed && entry->want != WANT_STOPPED &&
            entry_check_roles(entry, &err) != RNL_OK)
            log_error("node", &err);
    }
}

/* What stands in the files no more goes; what runs, when it has ended. */
void node_drop_unlisted(struct node *node)
{
    struct entry **at = &node->entries;

    while (*at) {
        struct entry *entry = *at;

        if (entry->listed || entry_alive(entry)) {
            at = &entry->next;
            continue;
        }
        *at = entry->next;
        forget_failure(entry);
        entry_free(entry);
    }
}

static void tell_unlisted(const struct node *node)
{
    for (const struct entry *entry = node->entries; entry; entry = entry->next)
        if (!entry->listed && entry_alive(entry))
            log_write(RNL_LOG_WARN, "node",
                      "pipeline %s isn't configured any more; its worker goes on until it is "
                      "stopped: runnel pipelines stop %s",
                      entry->name, entry->name);
}

/* A file that can't be read just now is no reason to forget what it held. */
static bool stands_in_refused(const struct node *node, const struct entry *entry)
{
    const json_t *o;
    size_t i;

    json_array_foreach(node->refused, i, o)
    {
        const char *file = json_string_value(json_object_get(o, "file"));

        if (file && entry->file && strcmp(file, entry->file) == 0)
            return true;
    }
    return false;
}

static void tell_refused(const struct node *node)
{
    const json_t *o;
    size_t i;

    json_array_foreach(node->refused, i, o)
    {
        const char *text = json_string_value(json_object_get(o, "text"));
        const char *file = json_string_value(json_object_get(o, "file"));

        log_write(RNL_LOG_ERROR, "node", "%s is left as it was: %s", file ? file : "a file",
                  text ? text : "it can't be read");
    }
}

void node_take_list(struct node *node, const json_t *listed)
{
    const json_t *all = json_object_get(listed, "pipelines"), *o;
    size_t i, count = 0;

    json_decref(node->refused);
    node->refused = json_incref(json_object_get(listed, "refused"));
    for (struct entry *entry = node->entries; entry; entry = entry->next)
        entry->listed = stands_in_refused(node, entry);
    json_array_foreach(all, i, o)
    {
        const char *name = json_string_value(json_object_get(o, "name"));
        struct entry *entry = node_entry(node, name);

        if (!name)
            continue;
        entry_take(entry ? entry : entry_add(node, name), o);
        count++;
    }
    node_api_reload(node);
    node_drop_unlisted(node);
    tell_unlisted(node);
    tell_refused(node);
    tell_unfit(node);
    log_write(RNL_LOG_INFO, "node", "%zu pipeline%s configured", count, count == 1 ? "" : "s");
    node_hear(node);
}

void node_forget_all(struct node *node)
{
    while (node->entries) {
        struct entry *entry = node->entries;

        node->entries = entry->next;
        entry_free(entry);
    }
}
