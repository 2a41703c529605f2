/* What reader and writer tell each other beside rows: the words on "meta" and "feedback". */
#ifndef CONTROL_H
#define CONTROL_H

#include "plan.h"
#include "session.h"

struct run;
struct ear;

enum control_type {
    CONTROL_ANY = 0,    /* of control_poll: whatever comes */
    CONTROL_RECALL = 1, /* writer: this is what the target remembers */
    CONTROL_RUN,        /* reader: this is the run; resuming or new */
    CONTROL_READY,      /* writer: the tables stand, send rows */
    CONTROL_ENDED,      /* writer: all is in the target */
    CONTROL_VALUES,     /* reader: all is drained; record is the catalog with its numbers of now */
    CONTROL_COMMITTED,  /* writer: changes of the lane up to position are on the target's disk */
    CONTROL_LOADED,     /* writer: of rows none are left, and changes come beside them */
    CONTROL_ALTER,      /* reader: tables were altered; record is the run with what they are now */
    /* Where each role has a process of its own, see ear.c: */
    CONTROL_HELLO, /* reader: who is there? */
    CONTROL_HERE,  /* writer: I am, with a target that is open */
    CONTROL_STOP,  /* writer: end in order, for I must */
    CONTROL_LEFT,  /* both: this attempt is over; left says how */
    CONTROL_STATE, /* both: record is how far I am, as JSON */
};

/* How an attempt ended that ended in order. */
enum control_left {
    LEFT_NOT = 0,
    LEFT_STOPPED, /* before its time */
    LEFT_LIMITED, /* it has read what it may */
    LEFT_DONE,    /* all is in the target */
    LEFT_DONE_BEFORE,
};

struct control {
    enum control_type type;
    bool resuming;
    char *record;             /* of RECALL and RUN: record_to_json(); NULL: none */
    struct rnl_memory memory; /* of RECALL: units and lanes */
    uint32_t joins;           /* of RUN: tables with this number join; 0: none do */
    bool settled;             /* of RUN: the record is another than was recalled, and to be kept */
    bool beside;              /* of RUN: changes come on a lane of their own behind those of rows */
    uint32_t facts;           /* of RECALL: those that the sink chooses types by */
    void *position;           /* of COMMITTED */
    size_t position_len;
    uint32_t lane; /* of COMMITTED */
    char *altered; /* of ALTER: alterations_to_json() */
    enum control_left left;
    uint64_t from, to;            /* attempts, where the roles are apart */
    uint32_t lanes, change_lanes; /* of RUN: as many as the reader fills */
};

void control_clear(struct control *control);
/* As a message, malloc'd; NULL: out of memory. */
char *control_text(const struct control *control);
/* The caller clears control, also after a failure. */
int control_read(struct rnl_slice body, struct control *control, struct rnl_error *err);
/* Others than this type are an error. */
int control_check(const struct control *control, enum control_type type, struct rnl_error *err);

/* ear.c. Any thread. */
int control_send(struct ear *ear, const struct control *control, struct rnl_error *err);
/* One word of this type, if it is there within timeout_ms: RNL_OK, RNL_AGAIN. */
int control_poll(struct ear *ear, enum control_type type, int timeout_ms, struct control *control,
                 struct rnl_error *err);
/*
 * Waits for a word of this type; others are an error. RNL_DONE when the run was told
 * to stop meanwhile. The caller clears control.
 */
int control_await(struct run *run, struct ear *ear, enum control_type type, struct control *control,
                  struct rnl_error *err);

#endif
