/* One view of the data for all lanes, and the place in the server's log that belongs to it. */
#include "follow.h"

#define LOCKS_MOST 32 /* tables of one transaction: thousands would exhaust the server's locks */

void source_leave(struct pg_source *source)
{
    for (uint32_t i = 0; i < source->nlanes; i++)
        conn_close(source->lanes[i].conn);
    free(source->lanes);
    source->lanes = NULL;
    source->nlanes = 0;
    conn_close(source->keeper);
    source->keeper = NULL;
}

/*
 * The log's end is asked for before the snapshot is made: what is committed after it may be
 * in both, what was before it is in the snapshot.
 */
static int position_read(struct pg_source *source, struct rnl_error *err)
{
    static const char sql[] =
        "SELECT (SELECT system_identifier FROM pg_catalog.pg_control_system()),"
        " (SELECT timeline_id FROM pg_catalog.pg_control_checkpoint()),"
        " CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()"
        " ELSE pg_catalog.pg_current_wal_lsn() END";
    struct position position = {.lsn = 0};
    PGresult *result;
    int status = conn_query(source->control, sql, 0, NULL, "read the log's position", &result, err);

    if (status != RNL_OK)
        return status;
    position.system = strtoull(PQgetvalue(result, 0, 0), NULL, 10);
    position.timeline = cell_oid(result, 0, 1);
    lsn_parse(cell(result, 0, 2), &position.lsn);
    PQclear(result);
    position_print(&position, source->position);
    return RNL_OK;
}

/*
 * In a run that follows changes the view is a slot's: all that was committed before the slot's
 * place is in it, all else stands behind that place. The slot that changes are read from has one
 * such view, when it is made; later ones come from a slot that lives no longer than its view.
 */
static int position_make(struct pg_source *source, struct rnl_error *err)
{
    struct follow *f = source->follow;
    struct position position;
    char name[NAME_BYTES + 1];
    uint32_t tail = (uint32_t)(source->number ^ source->number >> 32);
    int status = RNL_OK;

    if (!f->maker) {
        snprintf(name, sizeof(name), "%.40s_view_%08x", f->slot, tail);
        status = slot_make(source, f, name, true, err);
    }
    if (status != RNL_OK)
        return status;
    position = f->origin;
    position.lsn = f->snapshot_lsn;
    position_print(&position, source->position);
    return RNL_OK;
}

/* Takes over the slot's view, which the slot's own connection can't keep for long. */
static int keeper_import(struct pg_source *source, struct rnl_error *err)
{
    struct buf sql = {0};
    int status;

    buf_puts(&sql, "SET TRANSACTION SNAPSHOT ");
    buf_literal(&sql, source->follow->snapshot);
    status = buf_text(&sql) ? conn_exec(source->keeper, sql.ptr, "read the slot's snapshot", err)
                            : error_memory(err);
    buf_free(&sql);
    return status;
}

static int keeper_begin(struct pg_source *source, struct rnl_error *err)
{
    PGresult *result;
    int status = conn_open(&source->server, &source->keeper, err);

    if (status == RNL_OK)
        status = conn_exec(source->keeper, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
                           "begin to read", err);
    if (status == RNL_OK && source->follow)
        status = keeper_import(source, err);
    if (status == RNL_OK)
        status = conn_query(source->keeper, "SELECT pg_catalog.pg_export_snapshot()", 0, NULL,
                            "export a snapshot", &result, err);
    if (source->follow)
        slot_made(source->follow);
    if (status != RNL_OK)
        return status;
    snprintf(source->snapshot, sizeof(source->snapshot), "%s", PQgetvalue(result, 0, 0));
    PQclear(result);
    return RNL_OK;
}

/* Plans that the lanes' statements are to have: each is one ordered or one plain read. */
static const char lane_sql[] = "SET max_parallel_workers_per_gather = 0;"
                               "SET cursor_tuple_fraction = 1;";

/*
 * A target that stands still for a while is no reason for the server to hang up: who doesn't read
 * is there all the same, and with the connection the view would be lost.
 */
static const char patience_sql[] = "SET tcp_user_timeout = 0";

static int lane_connect(struct pg_source *source, struct lane *lane, struct rnl_error *err)
{
    int status = conn_open(&source->server, &lane->conn, err);

    if (status == RNL_OK)
        status = conn_exec(lane->conn, lane_sql, "set up the session", err);
    if (status == RNL_OK && source->server.version >= 120000)
        status = conn_exec(lane->conn, patience_sql, "set up the session", err);
    return status;
}

void lane_disconnect(struct lane *lane)
{
    conn_close(lane->conn);
    lane->conn = NULL;
    lane->inside = false;
}

int lane_enter(struct pg_source *source, struct lane *lane, struct rnl_error *err)
{
    struct buf sql = {0};
    int status = RNL_OK;

    if (lane->inside && lane->locks++ < LOCKS_MOST)
        return RNL_OK;
    if (!lane->conn && lane_connect(source, lane, err) != RNL_OK)
        return err->status;
    buf_puts(&sql, lane->inside ? "COMMIT; " : "");
    buf_puts(&sql, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT ");
    buf_literal(&sql, source->snapshot);
    lane->inside = lane->ordered = false;
    lane->locks = 0;
    status = buf_text(&sql) ? conn_exec(lane->conn, sql.ptr, "read the shared snapshot", err)
                            : error_memory(err);
    buf_free(&sql);
    if (status == RNL_OK) {
        lane->inside = true;
        return RNL_OK;
    }
    PQclear(PQexec(lane->conn->pg, "ROLLBACK"));
    if (strcmp(err->code, "postgres.22023") == 0 || strcmp(err->code, "postgres.55000") == 0 ||
        strcmp(err->code, "postgres.42704") == 0)
        err->status = RNL_E_RETRY; /* the keeper was cut off, and its snapshot has gone */
    return err->status;
}

int source_snapshot(void *self, uint32_t *lanes, struct rnl_slice *position, struct rnl_error *err)
{
    struct pg_source *source = self;
    int status;

    *lanes = *lanes ? *lanes : 1;
    source_leave(source);
    source->lanes = calloc(*lanes, sizeof(*source->lanes));
    if (!source->lanes)
        return error_memory(err);
    status = source->follow ? position_make(source, err) : position_read(source, err);
    if (status == RNL_OK)
        status = keeper_begin(source, err);
    for (uint32_t i = 0; status == RNL_OK && i < *lanes; i++) {
        source->nlanes = i + 1;
        status = lane_enter(source, &source->lanes[i], err);
    }
    if (status != RNL_OK)
        return status;
    *position = (struct rnl_slice){source->position, strlen(source->position)};
    return RNL_OK;
}
