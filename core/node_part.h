/* What the parts of a node share. All of it belongs to the loop's thread. */
#ifndef NODE_PART_H
#define NODE_PART_H

#include "child.h"
#include "desired.h"
#include "kept.h"
#include "node.h"
#include "recorder.h"

#include <jansson.h>
#include <runnel/host.h>

enum { LAST_WORDS = 8, WORKERS_MOST = 2, ARGUMENTS_MOST = 32, API_ARGUMENTS_MOST = 160 };

/* What a node may do; a worker does one of the first two, or both. */
enum node_role { ROLE_READER = 1 << 0, ROLE_WRITER = 1 << 1, ROLE_API = 1 << 2 };
#define ROLES_ALL ((unsigned)(ROLE_READER | ROLE_WRITER))

/* One process of a pipeline. */
struct worker {
    struct entry *entry;
    unsigned roles;
    int64_t print_running; /* of the pipeline's text when it began */
    struct supervised now;
    struct child *child; /* NULL: no process lives */
    struct worker_end end;
    bool ended;                   /* once: end tells how */
    bool raised;                  /* it began with another level of the log than is configured */
    int64_t noted_ms;             /* when its totals were written down last */
    json_t *progress;             /* what it told last, or NULL */
    json_t *error;                /* why it ended, in its own words, or NULL */
    char *last_words[LAST_WORDS]; /* of its log, the oldest first */
};

/* A pipeline of the configuration, and its workers on this node. */
struct entry {
    struct node *node;
    struct entry *next;
    char *name, *mode, *file; /* file: its own one, or NULL: of the main configuration */
    char *transport;
    bool apart;    /* its transport carries from one process to another */
    int64_t print; /* of its text as it was read last */
    bool listed;   /* stands in the configuration as it was read last */
    enum wanted want;
    int64_t turn; /* of the wish in the registry that was heard last; 0: none was */
    struct worker workers[WORKERS_MOST];
    uint32_t nworkers; /* 0: with its roles this node can't run any of it */
};

/* The process that answers HTTP. */
struct node_api {
    struct supervised now;
    struct child *child; /* NULL: no process lives */
    json_t *failure;     /* in its own words, or NULL */
    json_t *words;       /* of the configuration by which it began, or NULL */
};

struct node {
    const struct node_settings *settings;
    struct loop *loop;
    struct remote *remote;
    struct desired *desired;
    struct kept *kept;
    struct recorder *recorder; /* NULL: not yet */
    struct logbook *logbook;
    int64_t level_until_ms; /* of another level of the log than is configured; 0: none */
    enum rnl_level level_before;
    struct announcer *announcer; /* tells the registry of us; NULL: not yet */
    struct wishes *wishes;       /* what all nodes want; NULL: the registry keeps nothing */
    json_t *wanted;              /* as heard last, or NULL */
    int64_t turn;                /* of the wish about this node that was heard last */
    struct entry *entries;
    struct node_api api;
    char *name, *state_dir, *pipelines_dir;
    unsigned roles;
    int64_t started_ms;
    json_t *refused; /* files that can't be read, and why */
    struct child *lister;
    json_t *listed; /* what it has said */
    bool list_again;
    /* At the files: as they are, as they were read, as they were when reading began. */
    uint64_t look_seen, look_read, look_wanted;
    bool drained; /* for maintenance: no worker is to live, until the operator says otherwise */
    bool ending;
    int64_t end_ms; /* then workers that still live are killed */
    struct rnl_error error;
};

/* What stands in the files: read by a child, since their options are told by connectors. */
void node_list_begin(struct node *node);
/* Begins anew when files have changed; called now and then. */
void node_list_watch(struct node *node);

/* With what the first reading has told: its state folder, and the ear for commands. */
int node_set_up(struct node *node, struct rnl_error *err);
void node_give_up(struct node *node, const struct rnl_error *err);

/* node_api.c */
void node_api_step(struct node *node);   /* does what it is due for */
void node_api_reload(struct node *node); /* the configuration was read again */
json_t *node_api_json(const struct node *node);
void node_api_forget(struct node *node);

/* node_roles.c. items end with NULL, each some roles parted by commas; NULL: the preset, all. */
int roles_parse(char *const *items, unsigned *roles, struct rnl_error *err);
const char *roles_word(unsigned roles); /* of a worker: "reader", "writer", "both" */
json_t *roles_json(unsigned roles);
void roles_words(unsigned roles, const char **out); /* ends with NULL: room for all */
/* Which workers the pipeline has here; one that lives keeps what it has. */
void entry_deal(struct entry *entry);
/* RNL_E_CONFIG "node.role_missing": why there are none. */
int entry_check_roles(const struct entry *entry, struct rnl_error *err);

/* node_entry.c */
struct entry *node_entry(struct node *node, const char *name);
/* Takes over what was read. */
void node_take_list(struct node *node, const json_t *listed);
void node_drop_unlisted(struct node *node);
void node_forget_all(struct node *node);
bool entry_alive(const struct entry *entry);
/* What the pipeline is here: never better than the worst of its workers, which is given too. */
enum supervised_state entry_state(const struct entry *entry, const struct worker **worst);
/* The operator wants it so; first on disk: what was answered holds through whatever comes. */
int entry_want(struct entry *entry, enum wanted want, bool again, struct rnl_error *err);
/* The same, when it is on record already. */
void entry_take_want(struct entry *entry, enum wanted want, bool again);
/* One of its workers has. */
void entry_ended(const struct worker *worker);
/* Does what its workers are due for. */
void entry_step(struct entry *entry);

/* node_hear.c: says to all nodes what is wanted, and does what is heard. */
void entry_say(const struct entry *entry, enum wanted want, bool again);
void node_say_drained(const struct node *node, bool drained);
void node_say_unsent(struct node *node); /* once, at its beginning */
void entry_recall(struct entry *entry);
void node_listen(struct node *node);
void node_hear(struct node *node); /* once more, when there are other pipelines */

/* For maintenance: persists. */
int node_drain(struct node *node, bool drained, struct rnl_error *err);

/* The log of this node and its workers, for so long; 0: as configured, from now on. */
void node_log_level(struct node *node, enum rnl_level level, int64_t for_ms);
void node_log_watch(struct node *node); /* goes back when it is time */
/* So that it says as much as the others. */
void worker_tell_level(const struct worker *worker);

/* Does what the worker is due for; may_start: it may begin now. */
void worker_step(struct worker *worker, bool may_start);
void worker_forget(struct worker *worker); /* what the last one said */
json_t *worker_json(const struct worker *worker);
/* It failed before this node began. */
void worker_restore(struct worker *worker, const json_t *failed);

json_t *node_answer(void *arg, const char *word, const json_t *request, struct rnl_error *err);

#endif
