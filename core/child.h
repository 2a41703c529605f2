/*
 * A process of this program's own that ends with its parent: what it prints comes line by line,
 * and how it ended.
 */
#ifndef CHILD_H
#define CHILD_H

#include <runnel/error.h>
#include <stdbool.h>
#include <sys/types.h>

struct child;
struct loop;

/* The descriptor by which a child sees its parent go. */
enum { CHILD_LEASH = 3 };

/* Called by the loop's thread. line is the callee's to change, without its end. */
struct child_watch {
    void (*line)(void *arg, bool is_error, char *line);
    /* After its last line; the child is freed behind this. status: of waitpid(). */
    void (*ended)(void *arg, int status);
    void *arg;
};

/* Runs this very program with these arguments (argv[0] is for show; ends with NULL). */
int child_start(struct loop *loop, char *const *argv, const struct child_watch *watch,
                struct child **child, struct rnl_error *err);
void child_signal(const struct child *child, int signal);
pid_t child_pid(const struct child *child);
/* After SIGCHLD: if it has ended, its last lines and its end are told, and it is freed. */
void child_reap(struct child *child);

/*
 * The child's side: has this process end at once when its parent has gone, however that went.
 * RNL_E_CONFIG "worker.alone": it wasn't started by child_start().
 */
int child_tie(struct rnl_error *err);

#endif
