/* What the parts of a node share. All of it belongs to the loop's thread. */
#ifndef NODE_PART_H
#define NODE_PART_H

#include "child.h"
#include "desired.h"
#include "node.h"

#include <jansson.h>

enum { LAST_WORDS = 8 };

/* A pipeline of the configuration, and its worker. */
struct entry {
    struct node *node;
    struct entry *next;
    char *name, *mode, *file;     /* file: its own one, or NULL: of the main configuration */
    int64_t print, print_running; /* of its text: now, and when the worker began */
    bool listed;                  /* stands in the configuration as it was read last */
    struct supervised now;
    struct child *child; /* NULL: no worker lives */
    struct worker_end end;
    bool ended;                   /* once: end tells how */
    json_t *progress;             /* what the worker told last, or NULL */
    json_t *error;                /* why it ended, in its own words, or NULL */
    char *last_words[LAST_WORDS]; /* of its log, the oldest first */
};

struct node {
    const struct node_settings *settings;
    struct loop *loop;
    struct remote *remote;
    struct desired *desired;
    struct announcer *announcer; /* tells the registry of us; NULL: not yet */
    struct entry *entries;
    char *name, *state_dir, *pipelines_dir;
    int64_t started_ms;
    json_t *refused; /* files that can't be read, and why */
    struct child *lister;
    json_t *listed; /* what it has said */
    bool list_again;
    /* At the files: as they are, as they were read, as they were when reading began. */
    uint64_t look_seen, look_read, look_wanted;
    bool draining;
    int64_t drain_ms; /* then workers that still live are killed */
    struct rnl_error error;
};

/* What stands in the files: read by a child, since their options are told by connectors. */
void node_list_begin(struct node *node);
/* Begins anew when files have changed; called now and then. */
void node_list_watch(struct node *node);

/* With what the first reading has told: its state folder, and the ear for commands. */
int node_set_up(struct node *node, struct rnl_error *err);
void node_give_up(struct node *node, const struct rnl_error *err);

struct entry *node_entry(struct node *node, const char *name);
/* Takes over what was read. */
void node_take_list(struct node *node, const json_t *listed);

/* Does what the entry is due for. */
void worker_step(struct entry *entry);
void worker_forget(struct entry *entry); /* what the last one said */

json_t *node_answer(void *arg, const char *word, const json_t *request, struct rnl_error *err);

#endif
