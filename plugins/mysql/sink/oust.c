/*
 * Who has the pipeline by a lease of the transport ends the sessions of one that had it before: a
 * process that hangs keeps its locks, and rows that it didn't commit, for as long as it does.
 */
#include "sink.h"

#include <stdlib.h>

enum { LANES = 128 }; /* that are looked for; whoever has more is waited for by its locks */

/* The pipeline's own lock; of a lane's session: with the number of the lane behind it. */
static void name_add(const struct my_sink *sink, struct text *sql, const char *pipeline,
                     int64_t lane)
{
    if (lane >= 0)
        text_add(sql, "CONCAT(");
    lock_name_add(sink, sql, pipeline);
    if (lane >= 0)
        text_printf(sql, ", ':%lld')", (long long)lane);
}

static void end_session(struct my_sink *sink, const char *pipeline, int64_t lane)
{
    struct rnl_error unheard = RNL_ERROR_INIT; /* not allowed to: the claim tells who is there */
    struct text sql = {0};
    char *id = NULL;

    text_add(&sql, "SELECT IS_USED_LOCK(");
    name_add(sink, &sql, pipeline, lane);
    text_add(&sql, ")");
    if (!sql.failed && conn_value(sink->control, sql.ptr, 0, &id, &unheard) == RNL_OK && id) {
        sql.len = 0;
        text_printf(&sql, "KILL %llu", strtoull(id, NULL, 10));
        if (!sql.failed)
            conn_run(sink->control, sql.ptr, &unheard);
    }
    free(id);
    text_free(&sql);
}

int sink_oust(void *self, const char *pipeline, struct rnl_error *err)
{
    (void)err;
    for (int64_t lane = -1; lane < LANES; lane++)
        end_session(self, pipeline, lane);
    return RNL_OK;
}

int oust_mark(struct my_sink *sink, struct conn *conn, uint32_t lane, struct rnl_error *err)
{
    struct text sql = {0};
    char *value = NULL;
    int status = RNL_OK;

    pthread_mutex_lock(&sink->lock);
    if (sink->owned) {
        text_add(&sql, "SELECT GET_LOCK(");
        name_add(sink, &sql, sink->owned, lane);
        text_add(&sql, ", 0)"); /* one that is there yet is of a session that ends */
    }
    pthread_mutex_unlock(&sink->lock);
    if (sql.failed)
        status = error_memory(err);
    else if (sql.len)
        status = conn_value(conn, sql.ptr, 0, &value, err);
    free(value);
    text_free(&sql);
    return status;
}
