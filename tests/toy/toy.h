/* The toy plugin: a source that counts, and a sink that keeps what it is given in memory. */
#ifndef TOY_H
#define TOY_H

#include <runnel/plugin.h>

/*
 * The source has `tables` tables "t0", "t1", … of `rows` rows (id, text), each cut into
 * units of `chunk` rows; with keyless, a table is one unit without marks.
 */
struct toy_source_config {
    int64_t tables, rows, chunk;
    bool keyless;
    int64_t fail_after; /* rows read by one cursor; 0: never */
    int64_t slow_us;    /* per bundle */
};

/*
 * The sink's memory outlives runs, as a database does: `store` names one. Each row
 * committed is counted by its table and id.
 */
struct toy_sink_config {
    const char *store;
    int64_t fail_commit; /* the number of the commit that fails, in this opening; 0: none */
    int64_t fail_step;   /* likewise */
    int64_t slow_us;     /* per step */
};

extern const struct rnl_plugin toy_source, toy_sink;

#endif
