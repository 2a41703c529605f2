/* A part of a writer's transaction that can be taken back: how rows that don't fit are found. */
#include "postgres.h"

int writer_savepoint(void *writer, struct rnl_error *err)
{
    struct pg_writer *w = writer;
    int status = writer_begin(w, err);

    w->parts = true;
    if (status == RNL_OK)
        status = copy_end(w, err); /* its errors belong to what came before */
    if (status == RNL_OK)
        status = conn_exec(w->conn, "SAVEPOINT runnel_part", "set a savepoint", err);
    if (status == RNL_OK)
        changes_mark(w);
    apply_ended(w);
    return status;
}

int writer_release(void *writer, struct rnl_error *err)
{
    struct pg_writer *w = writer;
    int status = copy_end(w, err);

    /* deferrable keys of tables that stood there before would speak at the commit only */
    if (status == RNL_OK)
        status = conn_exec(w->conn, "SET CONSTRAINTS ALL IMMEDIATE", "check the rows", err);
    if (status == RNL_OK)
        status = conn_exec(w->conn, "RELEASE SAVEPOINT runnel_part", "release a savepoint", err);
    apply_ended(w);
    return status;
}

int writer_undo(void *writer, struct rnl_error *err)
{
    struct pg_writer *w = writer;

    copy_drop(w);
    changes_undo(w);
    apply_undone(w);
    return conn_exec(w->conn, "ROLLBACK TO SAVEPOINT runnel_part; RELEASE SAVEPOINT runnel_part",
                     "go back to a savepoint", err);
}
