/* What the parts of the API's process share. */
#ifndef API_PART_H
#define API_PART_H

#include "../keys.h"
#include "api.h"
#include "problem.h"
#include "route.h"

#include <stdatomic.h>

struct api {
    const struct api_settings *settings;
    struct loop *loop;
    struct http *http;
    struct crew *crew;
    struct store *store;
    struct view *view;
    struct jobs *jobs;
    atomic_bool ending; /* read by all threads */
    int64_t end_ms;     /* then clients that still take their reply are left */
    int64_t started_ms;
    atomic_ullong answered, refused; /* calls */
    atomic_llong level_until_ms;     /* of another level of the log; 0: none */
    int level_before;
};

/* One request on its way: its own thread's from http_serve until it is answered. */
struct call {
    struct api *api;
    struct http_request *request;
    const struct route *route;
    const char *params[ROUTE_PARAMS]; /* texts of the request's target */
    struct key key;
    json_t *body;   /* an object, or NULL: none came */
    json_t *answer; /* the handler's; NULL: no body */
    int status;     /* the handler's; 0: the route's */
};

/* Field of the query or the body, or preset. Those of another type were refused before. */
const char *call_query(const struct call *call, const char *name);
int64_t call_query_number(const struct call *call, const char *name, int64_t preset);
const char *call_text(const struct call *call, const char *name);
int64_t call_number(const struct call *call, const char *name, int64_t preset);
bool call_flag(const struct call *call, const char *name);
/* Answers items from the query's cursor on, as many as its limit: {items, next_cursor, total}.
 * items is taken over; each has by: what its cursor is. */
int call_page(struct call *call, json_t *items, const char *by, struct rnl_error *err);

/* This process's own part of it, for so long; 0: as it was. Any thread. */
void api_log_level(struct api *api, const char *level, int64_t seconds);

/* Runs in a thread of the crew: authenticates, checks, handles; its reply is filled. */
void call_run(struct call *call);
/* The loop's thread: finds the route, and hands it to the crew. */
void call_begin(void *api, struct http_request *request);

/* --- view.c: what the node says of its pipelines, asked at most each VIEW_MS ------------------ */

struct view *view_new(void);
void view_free(struct view *view);
/* A deep copy; any thread. RNL_E_CONFIG "remote.not_running": no node. */
json_t *view_node(struct view *view, struct rnl_error *err);
/* The next one is asked anew: something was changed. */
void view_forget(struct view *view);

/* --- command.c: the operator's commands, as children ------------------------------------------ */

/*
 * Runs `runnel WORDS… --json` and gives what it printed, and its exit code. words ends with NULL.
 * An exit code of 1 to 3 with an error is that error. RNL_E_RETRY "api.timeout", "api.busy"; also
 * when the API ends meanwhile: the command is ended too.
 */
int command_run(const struct api *api, const char *const *words, int timeout_ms, json_t **answer,
                int *exit_code, struct rnl_error *err);

/* --- jobs.c: what takes longer than a request may ----------------------------------------------
 */

struct jobs;
struct jobs *jobs_new(struct api *api);
/* Ends those that run. */
void jobs_free(struct jobs *jobs);
/*
 * Runs a command in a thread of its own; words are copied. Gives what jobs_show() would, or NULL
 * and RNL_E_RETRY "api.busy": too many run.
 */
json_t *jobs_begin(struct jobs *jobs, const char *action, const char *pipeline,
                   const char *const *words, struct rnl_error *err);
/* An array, the latest first; of one id, or NULL: all. */
json_t *jobs_json(struct jobs *jobs, const char *id);

/* --- crew.c: threads that may wait ------------------------------------------------------------ */

struct crew *crew_new(uint32_t threads, uint32_t most);
/* false: too many wait already. */
bool crew_do(struct crew *crew, void (*work)(void *arg), void *arg);
bool crew_idle(struct crew *crew);
void crew_free(struct crew *crew); /* once idle */

#endif
