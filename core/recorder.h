/*
 * A node's recorder: writes down what happens, in a thread of its own, so that the node never
 * waits for a disk. What can't be written is counted and told once; pipelines don't notice.
 */
#ifndef RECORDER_H
#define RECORDER_H

#include "history.h"

struct recorder;

/* NULL: out of memory. The database is opened by the thread. */
struct recorder *recorder_begin(const char *state_dir);
/* Writes what is left, for some seconds at most. NULL is fine. */
void recorder_end(struct recorder *recorder);

/* The node's thread. key: of the worker, for as long as its run goes. Texts are copied. */
void recorder_run_began(struct recorder *recorder, const void *key, const char *pipeline,
                        const char *role, const char *mode);
void recorder_run_goes(struct recorder *recorder, const void *key, const struct run_totals *totals);
void recorder_run_ended(struct recorder *recorder, const void *key, const char *outcome,
                        int exit_code, const char *code, const char *text);
void recorder_event(struct recorder *recorder, const char *who, const char *what, const char *about,
                    const char *detail);

#endif
