/* A part of a writer's transaction that can be taken back: how rows that don't fit are found. */
#include "data.h"

int writer_savepoint(void *writer, struct rnl_error *err)
{
    struct my_writer *w = writer;
    int status = writer_begin(w, err);

    if (status == RNL_OK)
        status = batch_end(w, err); /* its errors belong to what came before */
    if (status == RNL_OK)
        status = conn_run(w->conn, "SAVEPOINT runnel_part", err);
    if (status == RNL_OK)
        changes_mark(w, CHANGES_OF_PART);
    return status;
}

int writer_release(void *writer, struct rnl_error *err)
{
    struct my_writer *w = writer;
    int status = batch_end(w, err);

    return status == RNL_OK ? conn_run(w->conn, "RELEASE SAVEPOINT runnel_part", err) : status;
}

int writer_undo(void *writer, struct rnl_error *err)
{
    struct my_writer *w = writer;
    int status;

    batch_drop(w);
    changes_undo(w, CHANGES_OF_PART);
    status = conn_run(w->conn, "ROLLBACK TO SAVEPOINT runnel_part", err);
    return status == RNL_OK ? conn_run(w->conn, "RELEASE SAVEPOINT runnel_part", err) : status;
}
