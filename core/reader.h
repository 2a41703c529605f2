/* The reader role: source → bundles → transport. */
#ifndef READER_H
#define READER_H

struct run;

/*
 * Does the whole role in this thread and its lanes' threads, and returns when all
 * rows are published or the run must end. What goes wrong is told by run_fail().
 */
void reader_run(struct run *run);

#endif
