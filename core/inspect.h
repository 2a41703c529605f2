/* Both ends of a pipeline, opened to be looked at: for `verify` and `check`, which load nothing. */
#ifndef INSPECT_H
#define INSPECT_H

#include "record.h"
#include "session.h"

struct renewal;

/* A table that the target doesn't have, or not as it was loaded. */
struct unbound_table {
    char *name;
    struct rnl_error error; /* of the sink's bind */
};

struct inspection {
    const struct pipeline_config *config; /* borrowed, as all that is passed to inspect_open */
    struct secret_resolver *resolver;
    struct findings *findings;   /* may be NULL */
    const atomic_bool *stopping; /* may be NULL */
    bool of_run;                 /* look as the recorded run did: its policies, its tables */
    struct session source, sink;
    struct renewal *renewal;                          /* keeps their secrets good meanwhile */
    struct settings reader_settings, writer_settings; /* the roles', with the run's policies */
    struct record record;                             /* of the run, if the target has one */
    bool recorded;
    struct rnl_catalog *catalog;
    struct selection *selection; /* the run's rules, borrowed by the catalog */
    char **left_out;             /* tables of the source that the run doesn't know: "shop.new" */
    char **gone;                 /* tables of the run that the source has no more */
    size_t nleft_out, ngone;
    struct unbound_table *unbound;
    size_t nunbound;
    uint32_t source_lanes; /* of the snapshot; 0: none made */
};

/*
 * Opens the sink and asks what it remembers of the pipeline. With of_run the run's
 * policies then count, but for what the operator says now by flag: the sink is
 * opened again with these. Then the source. The caller sets what stands above, zeroes
 * the rest, and closes it, also after a failure.
 */
int inspect_open(struct inspection *inspection, struct rnl_error *err);
/* The sink alone, as inspect_open does, for what is about the target only. */
int inspect_open_sink(struct inspection *inspection, struct rnl_error *err);
void inspect_close(struct inspection *inspection);

/*
 * Describes the source into catalog: the tables that the pipeline wants, and with
 * of_run only those that the recorded run knows, if there is one.
 */
int inspect_describe(struct inspection *inspection, struct rnl_error *err);
/* One view of the data for so many lanes, or fewer. */
int inspect_snapshot(struct inspection *inspection, uint32_t lanes, struct rnl_error *err);
/*
 * Binds the sink to the tables of catalog. Those that it can't find as they were
 * loaded are taken out of catalog and told in unbound; none left is an error.
 */
int inspect_bind(struct inspection *inspection, struct rnl_error *err);
void inspect_job(const struct inspection *inspection, struct rnl_job *job);

#endif
