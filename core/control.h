/* What reader and writer tell each other beside rows: the words on "meta" and "feedback". */
#ifndef CONTROL_H
#define CONTROL_H

#include "plan.h"
#include "session.h"

struct run;

enum control_type {
    CONTROL_ANY = 0,    /* of control_poll: whatever comes */
    CONTROL_RECALL = 1, /* writer: this is what the target remembers */
    CONTROL_RUN,        /* reader: this is the run; resuming or new */
    CONTROL_READY,      /* writer: the tables stand, send rows */
    CONTROL_ENDED,      /* writer: all is in the target */
    CONTROL_VALUES,     /* reader: all is drained; record is the catalog with its numbers of now */
    CONTROL_COMMITTED,  /* writer: changes of the lane up to position are on the target's disk */
    CONTROL_ALTER,      /* reader: tables were altered; record is the run with what they are now */
};

struct control {
    enum control_type type;
    bool resuming;
    char *record;             /* of RECALL and RUN: record_to_json(); NULL: none */
    struct rnl_memory memory; /* of RECALL: units and lanes */
    uint32_t joins;           /* of RUN: tables with this number join; 0: none do */
    uint32_t facts;           /* of RECALL: those that the sink chooses types by */
    void *position;           /* of COMMITTED */
    size_t position_len;
    uint32_t lane; /* of COMMITTED */
    char *altered; /* of ALTER: alterations_to_json() */
};

void control_clear(struct control *control);
int control_send(struct session *transport, const char *subject, const struct control *control,
                 struct rnl_error *err);
/*
 * Waits for a word of this type; others are an error. RNL_DONE when the run was told
 * to stop meanwhile. The caller clears control.
 */
/* One word of this type, if it is there within timeout_ms: RNL_OK, RNL_AGAIN. */
int control_poll(struct session *transport, void *subscription, enum control_type type,
                 int timeout_ms, struct control *control, struct rnl_error *err);
int control_await(struct run *run, struct session *transport, void *subscription,
                  enum control_type type, struct control *control, struct rnl_error *err);

#endif
