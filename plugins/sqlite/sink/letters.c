/* Rows that were set aside, as the file keeps them: the table runnel_dead_letters. */
#include "sink.h"

int sink_writer_letter(void *writer, const struct rnl_letter *letter, struct rnl_error *err)
{
    struct writer *w = writer;
    const char *const texts[] = {letter->schema, letter->table, letter->key,
                                 letter->column, letter->code,  letter->reason};
    sqlite3_stmt *stmt;
    int status = writer_begin(w, err);

    if (status == RNL_OK)
        status = sq_prepare(w->sink->write,
                            "INSERT INTO runnel_dead_letters (pipeline, lane, \"schema\","
                            " \"table\", key, \"column\", code, reason, at, \"row\")"
                            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                            "set a row aside", &stmt, err);
    if (status != RNL_OK)
        return status;
    sqlite3_bind_text(stmt, 1, letter->pipeline, -1, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 2, letter->lane);
    for (int i = 0; i < 6; i++)
        sqlite3_bind_text(stmt, 3 + i, texts[i] ? texts[i] : "", -1, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 9, letter->at_us);
    if (letter->row.len)
        sqlite3_bind_blob64(stmt, 10, letter->row.ptr, letter->row.len, SQLITE_STATIC);
    status = sq_step(stmt, "set a row aside", err);
    sqlite3_finalize(stmt);
    return status == RNL_DONE ? RNL_OK : status;
}

int sink_writer_letter_remove(void *writer, const char *pipeline, uint64_t id,
                              struct rnl_error *err)
{
    struct writer *w = writer;
    sqlite3_stmt *stmt;
    int status = writer_begin(w, err);

    if (status == RNL_OK)
        status = sq_prepare(w->sink->write,
                            "DELETE FROM runnel_dead_letters WHERE pipeline = ? AND id = ?",
                            "take a letter away", &stmt, err);
    if (status != RNL_OK)
        return status;
    sqlite3_bind_text(stmt, 1, pipeline, -1, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 2, (int64_t)id);
    status = sq_step(stmt, "take a letter away", err);
    sqlite3_finalize(stmt);
    if (status != RNL_DONE)
        return status;
    return sqlite3_changes(w->sink->write) == 1 ? RNL_OK : RNL_DONE;
}

static int add_letter(struct sink *sink, const char *pipeline, sqlite3_stmt *stmt,
                      struct rnl_letters *letters, struct rnl_error *err)
{
    struct rnl_letter letter = {
        .size = sizeof(letter),
        .id = (uint64_t)sqlite3_column_int64(stmt, 0),
        .lane = (uint32_t)sqlite3_column_int64(stmt, 1),
        .pipeline = pipeline,
        .schema = sq_text(stmt, 2),
        .table = sq_text(stmt, 3),
        .key = sq_text(stmt, 4),
        .column = sq_text(stmt, 5),
        .code = sq_text(stmt, 6),
        .reason = sq_text(stmt, 7),
        .at_us = sqlite3_column_int64(stmt, 8),
    };

    letter.row.ptr = sqlite3_column_blob(stmt, 9);
    letter.row.len = (size_t)sqlite3_column_bytes(stmt, 9);
    return sink->host->letter_add(letters, &letter, err);
}

int sink_letters(void *self, const char *pipeline, uint64_t after, uint32_t limit, bool with_rows,
                 struct rnl_letters *letters, struct rnl_error *err)
{
    struct sink *sink = self;
    sqlite3_stmt *stmt;
    bool found;
    int status = state_has(sink->control, "runnel_dead_letters", &found, err);

    if (status != RNL_OK || !found)
        return status;
    status = sq_prepare(sink->control,
                        "SELECT id, lane, \"schema\", \"table\", key, \"column\", code, reason,"
                        " at, CASE WHEN ?4 THEN \"row\" END FROM runnel_dead_letters"
                        " WHERE pipeline = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
                        "read the rows set aside", &stmt, err);
    if (status != RNL_OK)
        return status;
    sqlite3_bind_text(stmt, 1, pipeline, -1, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 2, after > INT64_MAX ? INT64_MAX : (int64_t)after);
    sqlite3_bind_int64(stmt, 3, limit);
    sqlite3_bind_int(stmt, 4, with_rows ? 1 : 0);
    while ((status = sq_step(stmt, "read the rows set aside", err)) == RNL_OK) {
        status = add_letter(sink, pipeline, stmt, letters, err);
        if (status != RNL_OK)
            break;
    }
    sqlite3_finalize(stmt);
    return status == RNL_DONE ? RNL_OK : status;
}
