/* What a target keeps of a run, beside the units: enough to resume it, and to verify it later. */
#ifndef RECORD_H
#define RECORD_H

#include "catalog.h"
#include "config.h"
#include "names.h"
#include "plan.h"
#include "settings.h"

/* FOLLOWING: loaded, with all of its structure, and changes have been followed since. */
enum record_state { RECORD_LOADING = 1, RECORD_DONE, RECORD_FOLLOWING };

struct record {
    enum record_state state;
    enum pipeline_mode mode;
    struct rnl_catalog *catalog; /* with the facts by which types were chosen */
    struct rnl_plan *plan;
    uint64_t fingerprint;     /* of the catalog as the source described it */
    char *selection;          /* the tables asked for: selection_text() */
    char *position;           /* of the snapshot, as the source gave it; NULL: none */
    struct settings settings; /* of source and sink: their policies, no connection, no secret */
    uint32_t structure;       /* RNL_WITH_*: what it makes beside tables */
    uint32_t schema_policy, write_mode; /* by which its tables are made, by all who go on with it */
    int64_t started_s, ended_s;         /* Unix time; 0: not yet */
    uint32_t joins; /* how often tables joined while it followed: see struct catalog_join */
    bool grown;     /* tables that didn't join are complete, also while it is LOADING */
    /* Tables that stood in the target before, and so aren't the run's to drop: schema, name, … */
    struct rnl_names stood;
    struct rnl_names added; /* tables that were asked for while it ran, beside the selection's */
};

/* malloc'd; NULL when memory is out. */
char *record_to_json(const struct record *record);
/* The caller clears it, also after a failure. */
int record_from_json(const char *text, size_t len, struct record *record, struct rnl_error *err);
/* Fails when a run goes by other rules than the one that was recorded. */
int record_check_selection(const struct record *record, const struct table_rule *rules,
                           size_t count, struct rnl_error *err);
/*
 * The same for a run that follows, which may take in more tables: every table that it has must
 * still be wanted, and nothing else be said of it.
 */
int record_check_growth(const struct record *record, const struct table_rule *rules, size_t count,
                        struct rnl_error *err);
void record_clear(struct record *record);

#endif
