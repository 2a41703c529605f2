/* What following the server's changes needs: names there, what tables look like, how far it came.
 */
#ifndef POSTGRES_FOLLOW_H
#define POSTGRES_FOLLOW_H

#include "notes.h"
#include "position.h"
#include "source.h"

#define NO_COLUMN UINT32_MAX

/* Made by source_follow(), and there until close. */
struct follow {
    char slot[NAME_BYTES + 1];
    char publication[NAME_BYTES + 1];
    char inserts[NAME_BYTES + 1]; /* publication of tables whose inserts alone are told */
    bool own_slot, own_publication;
    bool has_inserts;
    struct position origin; /* the server's identity; lsn: of no meaning */

    struct pg_conn *maker; /* its slot's snapshot can be imported until it does something else */
    char snapshot[64];
    uint64_t snapshot_lsn; /* all that the snapshot sees was committed before, all else behind */

    struct arena arena; /* of inserts_only */
    uint32_t ntables;   /* of the catalog that follow() was given */
    bool *inserts_only; /* by its indexes */
    unsigned money_digits;
    /* The host's, as the cursor of changes has it: another one once tables were altered. */
    pthread_mutex_t catalog_lock;
    const struct rnl_catalog *catalog; /* under it; NULL while no cursor is open */

    int wake;                       /* an eventfd: the stream's thread looks up */
    atomic_uint_fast64_t confirmed; /* committed in the target: the server may forget it */
    atomic_uint_fast64_t goal;      /* the last log_end(): to be told of at once when reached */
    int64_t watched_ms;             /* the control thread's: when slot and publication were seen */
    int64_t note_ms;                /* the control thread's: when tables are looked at next */
    pthread_mutex_t lock;
    struct notes notes;       /* under lock */
    struct rnl_error trouble; /* under lock: what the control thread found; status 0: nothing */
};

/* follow.c */
int source_follow(void *self, const char *pipeline, const struct rnl_catalog *catalog,
                  bool resuming, struct rnl_error *err);
int source_unfollow(void *self, const char *pipeline, struct rnl_error *err);
void follow_free(struct pg_source *source);
/* What the control thread found out: the stream must not go on. */
int follow_trouble(struct follow *f, struct rnl_error *err);

/* preflight.c: the server and the tables, before anything is made */
int follow_check_server(struct pg_source *source, struct follow *f, bool making,
                        struct rnl_error *err);
int follow_check_tables(struct pg_source *source, struct follow *f,
                        const struct rnl_catalog *catalog, struct rnl_error *err);

/* notes.c */
int notes_take(struct pg_source *source, struct follow *f, struct rnl_error *err);

/* publication.c */
int publication_make(struct pg_source *source, struct follow *f, const struct rnl_catalog *catalog,
                     struct rnl_error *err);
/* Adds those tables that join the pipeline now. */
int publication_extend(struct pg_source *source, const struct follow *f,
                       const struct rnl_catalog *catalog, struct rnl_error *err);
int publication_check(struct pg_source *source, const struct follow *f,
                      const struct rnl_catalog *catalog, struct rnl_error *err);
int publication_drop(struct pg_source *source, const struct follow *f, struct rnl_error *err);

/* slot.c */
int slot_check(struct pg_conn *conn, const struct follow *f, uint64_t *confirmed,
               struct rnl_error *err);
/* Drops one that nobody reads; none there is no error. */
int slot_drop(struct pg_source *source, const char *name, struct rnl_error *err);
/* Makes one on a connection of its own, f->maker, with a snapshot. */
int slot_make(struct pg_source *source, struct follow *f, const char *name, bool temporary,
              struct rnl_error *err);
void slot_made(struct follow *f); /* the snapshot is of no use any more */
int slot_lost(const struct follow *f, const char *why, struct rnl_error *err);
int slot_busy(const char *name, const char *pid, struct rnl_error *err);
int replication_query(struct pg_conn *conn, const char *command, const char *doing,
                      PGresult **result, struct rnl_error *err);

/* log.c */
int source_log_end(void *self, struct rnl_slice *position, struct rnl_error *err);
bool source_log_reached(void *self, struct rnl_slice position, struct rnl_slice goal);
int source_log_state(void *self, struct rnl_slice position, struct rnl_log_state *state,
                     struct rnl_error *err);
int source_confirm(void *self, struct rnl_slice position, struct rnl_error *err);

/* feed.c: the cursor of changes */
int feed_open(struct pg_source *source, const struct rnl_catalog *catalog,
              const struct rnl_unit *unit, void **cursor, struct rnl_error *err);

#endif
