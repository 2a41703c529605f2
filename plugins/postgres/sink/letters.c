/* Rows that were set aside, as the target keeps them: the table runnel.dead_letters. */
#include "postgres.h"

#include <inttypes.h>
#include <stdlib.h>

/* How many bytes of valid UTF-8 stand at text; 0: none (an error's text may be cut anywhere). */
static size_t utf8_length(const unsigned char *text)
{
    size_t len = text[0] < 0x80                      ? 1
                 : text[0] >= 0xC2 && text[0] < 0xE0 ? 2
                 : text[0] >= 0xE0 && text[0] < 0xF0 ? 3
                 : text[0] >= 0xF0 && text[0] < 0xF5 ? 4
                                                     : 0;

    for (size_t i = 1; i < len; i++)
        if ((text[i] & 0xC0) != 0x80)
            return 0;
    if ((text[0] == 0xE0 && text[1] < 0xA0) || (text[0] == 0xED && text[1] > 0x9F) ||
        (text[0] == 0xF0 && text[1] < 0x90) || (text[0] == 0xF4 && text[1] > 0x8F))
        return 0;
    return len;
}

/* text as the server takes it: what is no UTF-8 becomes '?'. Terminated, NULL: no memory. */
static const char *clean(struct buf *out, const char *text)
{
    const unsigned char *at = (const unsigned char *)(text ? text : "");

    buf_clear(out);
    while (*at) {
        size_t len = utf8_length(at);

        if (len)
            buf_add(out, at, len);
        else
            buf_byte(out, '?');
        at += len ? len : 1;
    }
    return buf_text(out);
}

enum { L_PIPELINE, L_LANE, L_SCHEMA, L_TABLE, L_KEY, L_COLUMN, L_CODE, L_REASON, L_AT, L_ROW };

int writer_letter(void *writer, const struct rnl_letter *letter, struct rnl_error *err)
{
    struct pg_writer *w = writer;
    const char *const texts[] = {letter->schema, letter->table, letter->key,
                                 letter->column, letter->code,  letter->reason};
    const char *values[L_ROW + 1];
    int lengths[L_ROW + 1] = {0}, formats[L_ROW + 1] = {0};
    struct buf cleaned[6] = {0};
    char lane[16], at[32];
    PGresult *result;
    int status = writer_begin(w, err);

    if (status == RNL_OK)
        status = copy_end(w, err);
    if (status != RNL_OK)
        return status;
    snprintf(lane, sizeof(lane), "%" PRIu32, letter->lane);
    snprintf(at, sizeof(at), "%" PRId64, letter->at_us);
    values[L_PIPELINE] = letter->pipeline;
    values[L_LANE] = lane;
    for (int i = 0; i < 6; i++) {
        values[L_SCHEMA + i] = clean(&cleaned[i], texts[i]);
        if (!values[L_SCHEMA + i])
            status = error_memory(err);
    }
    values[L_AT] = at;
    values[L_ROW] = letter->row.len ? letter->row.ptr : NULL;
    lengths[L_ROW] = (int)letter->row.len;
    formats[L_ROW] = 1;
    if (status == RNL_OK) {
        result = PQexecParams(
            w->conn->pg,
            "INSERT INTO runnel.dead_letters (pipeline, lane, \"schema\", \"table\", key,"
            " \"column\", code, reason, at, \"row\") VALUES ($1, $2::bigint, $3, $4, $5, $6, $7,"
            " $8, timestamptz 'epoch' + $9::bigint * interval '1 microsecond', $10::bytea)",
            L_ROW + 1, NULL, values, lengths, formats, 0);
        if (PQresultStatus(result) != PGRES_COMMAND_OK)
            status = error_result(w->conn, result, "set a row aside", err);
        PQclear(result);
    }
    for (int i = 0; i < 6; i++)
        buf_free(&cleaned[i]);
    return status;
}

int writer_letter_remove(void *writer, const char *pipeline, uint64_t id, struct rnl_error *err)
{
    struct pg_writer *w = writer;
    char number[24];
    const char *params[] = {pipeline, number};
    PGresult *result;
    int status = writer_begin(w, err);

    if (status == RNL_OK)
        status = copy_end(w, err);
    if (status != RNL_OK)
        return status;
    snprintf(number, sizeof(number), "%" PRIu64, id);
    status = conn_query(w->conn,
                        "DELETE FROM runnel.dead_letters WHERE pipeline = $1"
                        " AND id = $2::numeric::bigint",
                        2, params, "take a letter away", &result, err);
    if (status == RNL_OK && strcmp(PQcmdTuples(result), "1") != 0)
        status = RNL_DONE;
    PQclear(result);
    return status;
}

static int add_letter(struct pg_sink *sink, const char *pipeline, const PGresult *result, int row,
                      struct rnl_letters *letters, struct rnl_error *err)
{
    struct rnl_letter letter = {
        .size = sizeof(letter),
        .lane = (uint32_t)strtoul(PQgetvalue(result, row, 1), NULL, 10),
        .id = strtoull(PQgetvalue(result, row, 0), NULL, 10),
        .pipeline = pipeline,
        .schema = PQgetvalue(result, row, 2),
        .table = PQgetvalue(result, row, 3),
        .key = PQgetvalue(result, row, 4),
        .column = PQgetvalue(result, row, 5),
        .code = PQgetvalue(result, row, 6),
        .reason = PQgetvalue(result, row, 7),
        .at_us = strtoll(PQgetvalue(result, row, 8), NULL, 10),
    };
    unsigned char *bytes = NULL;
    int status;

    if (!PQgetisnull(result, row, 9)) {
        bytes = PQunescapeBytea((const unsigned char *)PQgetvalue(result, row, 9), &letter.row.len);
        if (!bytes)
            return error_memory(err);
        letter.row.ptr = bytes;
    }
    status = sink->host->letter_add(letters, &letter, err);
    PQfreemem(bytes);
    return status;
}

int sink_letters(void *self, const char *pipeline, uint64_t after, uint32_t limit, bool with_rows,
                 struct rnl_letters *letters, struct rnl_error *err)
{
    struct pg_sink *sink = self;
    char id[24], count[16];
    const char *params[] = {pipeline, id, count, with_rows ? "t" : "f"};
    PGresult *result;
    bool found;
    int status = conn_query(sink->control,
                            "SELECT pg_catalog.to_regclass('runnel.dead_letters') IS NOT NULL", 0,
                            NULL, "look for rows set aside", &result, err);

    if (status != RNL_OK)
        return status;
    found = PQgetvalue(result, 0, 0)[0] == 't';
    PQclear(result);
    if (!found)
        return RNL_OK;
    snprintf(id, sizeof(id), "%" PRIu64, after);
    snprintf(count, sizeof(count), "%" PRIu32, limit);
    status = conn_query(sink->control,
                        "SELECT id, lane, \"schema\", \"table\", key, \"column\", code, reason,"
                        " (extract(epoch FROM at)::numeric * 1000000)::bigint,"
                        " CASE WHEN $4::boolean THEN \"row\" END"
                        " FROM runnel.dead_letters WHERE pipeline = $1 AND id > $2::numeric"
                        " ORDER BY id LIMIT $3::bigint",
                        4, params, "read the rows set aside", &result, err);
    for (int i = 0; status == RNL_OK && i < PQntuples(result); i++)
        status = add_letter(sink, pipeline, result, i, letters, err);
    PQclear(result);
    return status;
}
