/* The server's log as a run asks for it: its end, how far away it is, what is kept of it. */
#include "follow.h"

#include <sys/eventfd.h>
#include <time.h>

#define WATCH_MS 10000

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/*
 * Not the place up to which the log is on disk: what was committed without waiting for the disk
 * stands behind that. Nor merely the end in memory: an idle server might not write that out for
 * long, and it would never be reached. A message of one's own, committed, stands behind all that
 * is committed, and brings the log to the disk.
 */
static const char end_sql[] = "SELECT pg_catalog.pg_logical_emit_message(true, 'runnel', 'end')";
/* For those who may not: reached once the server writes on. */
static const char insert_sql[] = "SELECT pg_catalog.pg_current_wal_insert_lsn()";
static const char standby_sql[] = "SELECT pg_catalog.pg_last_wal_replay_lsn()";
static const char identity_sql[] =
    "SELECT (SELECT system_identifier FROM pg_catalog.pg_control_system()),"
    " (SELECT timeline_id FROM pg_catalog.pg_control_checkpoint()),"
    " pg_catalog.pg_is_in_recovery()";

static int query_lsn(struct pg_source *source, const char *sql, uint64_t *lsn,
                     struct rnl_error *err)
{
    PGresult *result;
    int status = conn_query(source->control, sql, 0, NULL, "look for the log's end", &result, err);

    if (status != RNL_OK)
        return status;
    if (!lsn_parse(cell(result, 0, 0), lsn))
        status = rnl_fail(err, RNL_E_FATAL, "postgres.protocol", "the server's log has no end");
    PQclear(result);
    return status;
}

static void goal_raise(struct follow *f, uint64_t lsn)
{
    if (f && lsn > atomic_load(&f->goal))
        atomic_store(&f->goal, lsn);
}

int source_log_end(void *self, struct rnl_slice *position, struct rnl_error *err)
{
    struct pg_source *source = self;
    struct position end;
    PGresult *result;
    bool standby;
    int status =
        conn_query(source->control, identity_sql, 0, NULL, "look at the server", &result, err);

    if (status != RNL_OK)
        return status;
    end.system = strtoull(PQgetvalue(result, 0, 0), NULL, 10);
    end.timeline = cell_oid(result, 0, 1);
    standby = cell_true(result, 0, 2);
    PQclear(result);
    status = query_lsn(source, standby ? standby_sql : end_sql, &end.lsn, err);
    if (status == RNL_E_CONFIG && !standby)
        status = query_lsn(source, insert_sql, &end.lsn, err);
    if (status != RNL_OK)
        return status;
    goal_raise(source->follow, end.lsn);
    position_print(&end, source->end);
    *position = (struct rnl_slice){source->end, strlen(source->end)};
    return RNL_OK;
}

bool source_log_reached(void *self, struct rnl_slice position, struct rnl_slice goal)
{
    struct position here, there;

    (void)self;
    return position_parse(position, &here) && position_parse(goal, &there) &&
           here.system == there.system && here.lsn >= there.lsn;
}

int source_confirm(void *self, struct rnl_slice bytes, struct rnl_error *err)
{
    struct pg_source *source = self;
    struct follow *f = source->follow;
    struct position position;

    if (!f)
        return RNL_OK;
    if (!position_parse(bytes, &position) || position.system != f->origin.system)
        return rnl_fail(err, RNL_E_FATAL, "postgres.bad_position",
                        "a place in the log that was to be confirmed is none of this server");
    if (position.lsn > atomic_load(&f->confirmed)) {
        atomic_store(&f->confirmed, position.lsn);
        eventfd_write(f->wake, 1);
    }
    return RNL_OK;
}

/* Slot and publication are looked at from time to time: the stream itself wouldn't say. */
static int watch(struct pg_source *source, const PGresult *result, struct rnl_error *err)
{
    struct follow *f = source->follow;
    const char *wal = cell(result, 0, 2);
    int status = RNL_OK;

    if (PQntuples(result) == 0)
        return slot_lost(f, "it isn't there any more", err);
    if (wal && strcmp(wal, "lost") == 0)
        return slot_lost(f, "the server has removed what it stood for (wal_status is lost)", err);
    if (now_ms() - f->watched_ms < WATCH_MS)
        return RNL_OK;
    f->watched_ms = now_ms();
    if (wal && strcmp(wal, "unreserved") == 0)
        rnl_warn(source->server.ctx,
                 "the replication slot \"%s\" is about to be lost: it is further behind than "
                 "max_slot_wal_keep_size allows",
                 f->slot);
    pthread_mutex_lock(&f->catalog_lock);
    if (f->catalog)
        status = publication_check(source, f, f->catalog, err);
    pthread_mutex_unlock(&f->catalog_lock);
    return status;
}

/* The thread that reads the stream stops too. */
static void trouble_tell(struct follow *f, const struct rnl_error *err)
{
    pthread_mutex_lock(&f->lock);
    f->trouble = *err;
    pthread_mutex_unlock(&f->lock);
    eventfd_write(f->wake, 1);
}

int source_log_state(void *self, struct rnl_slice bytes, struct rnl_log_state *state,
                     struct rnl_error *err)
{
    struct pg_source *source = self;
    struct follow *f = source->follow;
    struct position position;
    struct buf sql = {0};
    PGresult *result = NULL;
    char lsn[LSN_TEXT] = "0/0";
    const char *params[2] = {lsn, f ? f->slot : ""};
    int status;

    if (position_parse(bytes, &position))
        lsn_print(position.lsn, lsn);
    buf_printf(&sql,
               "SELECT pg_catalog.pg_wal_lsn_diff(w.now, $1::pg_catalog.pg_lsn)::int8,"
               " pg_catalog.pg_wal_lsn_diff(w.now, s.restart_lsn)::int8, %s"
               " FROM (SELECT CASE WHEN pg_catalog.pg_is_in_recovery()"
               " THEN pg_catalog.pg_last_wal_replay_lsn() ELSE pg_catalog.pg_current_wal_lsn() END"
               " AS now) w JOIN pg_catalog.pg_replication_slots s ON s.slot_name = $2",
               source->server.version >= 130000 ? "s.wal_status" : "NULL");
    status = buf_text(&sql) ? conn_query(source->control, sql.ptr, 2, params,
                                         "look at the log and its slot", &result, err)
                            : error_memory(err);
    buf_free(&sql);
    if (status != RNL_OK)
        return status;
    state->behind_bytes = state->held_bytes = -1;
    snprintf(state->text, sizeof(state->text), "%s", lsn);
    if (PQntuples(result)) {
        state->behind_bytes = cell_number(result, 0, 0);
        state->behind_bytes = state->behind_bytes > 0 ? state->behind_bytes : 0;
        if (!PQgetisnull(result, 0, 1))
            state->held_bytes = cell_number(result, 0, 1);
    }
    if (f) {
        status = watch(source, result, err);
        if (status == RNL_E_CONFIG)
            trouble_tell(f, err);
        if (status == RNL_OK)
            status = notes_take(source, f, err);
    }
    PQclear(result);
    return status;
}
