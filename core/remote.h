/* A running pipeline's ear: a socket by which commands of the same user ask and steer it. */
#ifndef REMOTE_H
#define REMOTE_H

#include <jansson.h>
#include <runnel/error.h>
#include <stdbool.h>

struct loop;
struct remote;

/*
 * Answers one request: a word ("status", "pause", …) and its object. Gives the answer, to be
 * freed by the caller, or NULL and err. Called by the loop's thread.
 */
typedef json_t *remote_answer(void *arg, const char *word, const json_t *request,
                              struct rnl_error *err);

/*
 * Listens for the pipeline of this name until remote_close. RNL_E_CONFIG "remote.taken": another
 * process of this user runs it already.
 */
int remote_open(struct loop *loop, const char *pipeline, remote_answer *answer, void *arg,
                struct remote **remote, struct rnl_error *err);
void remote_close(struct remote *remote);

/*
 * The other end: asks the process that runs the pipeline, and waits timeout_ms. request may be
 * NULL. RNL_E_CONFIG "remote.not_running": nobody listens for it.
 */
int remote_ask(const char *pipeline, const char *word, json_t *request, int timeout_ms,
               json_t **answer, struct rnl_error *err);
/* Says a word without waiting for its answer; false: nobody listens yet. Doesn't block. */
bool remote_tell(const char *pipeline, const char *word);
/* Names of pipelines that somebody seems to listen for, as a JSON array; NULL: out of memory. */
json_t *remote_names(void);

#endif
