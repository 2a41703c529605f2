/* Reads data for what a mapping depends on: facts of columns (enum rnl_fact), counted. */
#ifndef CHECK_H
#define CHECK_H

#include "catalog.h"
#include <runnel/sink.h>
#include <runnel/source.h>
#include <stdatomic.h>

struct findings;

enum check_scope {
    /*
     * Only the facts by which a sink chooses types, ABOVE_INT64 of keys alone. A column
     * is read no further once it is settled; tables without such columns are not read
     * at all.
     */
    CHECK_DECISIONS = 1,
    /* Every fact that a column's type can have; all rows, with counts and examples. */
    CHECK_ALL,
};

struct check_progress {
    uint32_t table, ntables; /* of those that have something to read */
    uint32_t units_done, nunits;
    int64_t rows; /* read until now */
};

/*
 * source: open, described into the catalog, and its snapshot made for `lanes`; no
 * other cursor is in use meanwhile. findings (may be NULL) gets one "data.<fact>"
 * per column and fact found. progress is called from lanes' threads, one at a time.
 */
struct check_options {
    const struct rnl_source_ops *ops;
    void *source;
    uint32_t lanes;
    int64_t chunk_bytes; /* 0: a preset */
    enum check_scope scope;
    uint32_t
        facts; /* that the sink chooses by, see sink_facts(): nothing else for CHECK_DECISIONS */
    struct findings *findings;
    const atomic_bool *stopping; /* may be NULL */
    void (*progress)(void *arg, const struct check_progress *progress);
    void *arg;
};

/*
 * Sets facts and facts_known in the catalog (catalog_know). Control thread; returns
 * when all is read. RNL_E_RETRY "scan.stopped" when *stopping became true.
 */
int check_facts(const struct check_options *options, struct rnl_catalog *catalog,
                struct rnl_error *err);

/* The facts that a sink chooses types by: see facts in sink.h. */
uint32_t sink_facts(const struct rnl_sink_ops *ops, void *sink);

/* check_facts() for CHECK_DECISIONS, without findings. */
int check_decide(const struct rnl_source_ops *ops, void *source, struct rnl_catalog *catalog,
                 uint32_t lanes, uint32_t facts, const atomic_bool *stopping,
                 struct rnl_error *err);

#endif
