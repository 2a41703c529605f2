/* Rows of a COPY in binary form, turned into values where they lie. */
#include "cursor.h"

#include <poll.h>

static const struct pg_config no_policies;

static int bad_data(const struct cursor *c, const char *column, struct rnl_error *err)
{
    return rnl_fail(err, RNL_E_RETRY, "postgres.protocol",
                    "the server sent rows of %s.%s in a form that is not known%s%s%s",
                    c->table->schema, c->table->name, column ? ": column \"" : "",
                    column ? column : "", column ? "\"" : "");
}

/* The catalog's timestamps count from 1970 in 64 bits, the server's from 2000. */
static int beyond_range(const struct cursor *c, const char *column, struct rnl_error *err)
{
    rnl_fail(err, RNL_E_DATA, "postgres.timestamp_range",
             "a timestamp in %s.%s, column \"%s\", is later than the year 294246: it can't be read",
             c->table->schema, c->table->name, column);
    rnl_hint(err, "mend the value in the source, or leave its row out by a filter");
    return RNL_E_DATA;
}

static int bad_field(const struct cursor *c, uint32_t i, int32_t size, struct rnl_error *err)
{
    const char *name = c->columns[i].source->name;
    enum pg_kind kind = c->columns[i].kind;

    if (size == 8 && (kind == PG_TIMESTAMP || kind == PG_TIMESTAMPTZ))
        return beyond_range(c, name, err);
    return bad_data(c, name, err);
}

static uint32_t u32_at(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/*
 * What most fields are, with no more steps than they need; the value is that of decode_field().
 * false: it is for decode_field() itself.
 */
static inline bool decode_plain(const struct bound_column *column, const uint8_t *at, int32_t size,
                                struct rnl_value *value)
{
    enum rnl_type type = column->source->type;

    if (column->kind == PG_INT4 && type == RNL_T_INT && size == 4)
        *value = (struct rnl_value){.type = RNL_T_INT, .i = (int32_t)u32_at(at)};
    else if (column->kind == PG_TEXT && type == RNL_T_TEXT && size >= 0)
        *value = (struct rnl_value){.type = RNL_T_TEXT, .len = (uint32_t)size, .ptr = at};
    else
        return false;
    return true;
}

static bool decode_value(struct cursor *c, uint32_t i, const uint8_t *at, int32_t size)
{
    struct decoded *decoded = &c->decoded[i];

    if (!decode_field(&no_policies, &c->columns[i], at, size, &c->scratch, decoded))
        return false;
    c->values[i] = decoded->value;
    if (decoded->made)
        c->made[c->nmade++] = i;
    return true;
}

static int decode_fields(struct cursor *c, const uint8_t *at, const uint8_t *end,
                         struct rnl_error *err)
{
    buf_clear(&c->scratch);
    c->nmade = 0;
    for (uint32_t i = 0; i < c->ncolumns; i++) {
        int32_t size;

        if (end - at < 4)
            return bad_data(c, NULL, err);
        size = (int32_t)u32_at(at);
        at += 4;
        if (size < -1 || (size > 0 && size > end - at) ||
            (!decode_plain(&c->columns[i], at, size, &c->values[i]) &&
             !decode_value(c, i, at, size)))
            return bad_field(c, i, size, err);
        for (uint32_t k = 0; k < c->key.ncolumns; k++)
            if (c->key_at[k] == i)
                c->key_now[k] = (struct rnl_slice){at, size > 0 ? (size_t)size : 0};
        at += size > 0 ? size : 0;
    }
    for (uint32_t k = 0; k < c->nmade; k++) /* scratch may have moved */
        c->values[c->made[k]] = decode_settle(&c->decoded[c->made[k]], &c->scratch);
    return RNL_OK;
}

/* One message of the COPY: a row, or the end. The first has the header before it. */
static int decode_message(struct cursor *c, const uint8_t *at, size_t len, bool *row,
                          struct rnl_error *err)
{
    const uint8_t *end = at + len;
    uint32_t count;

    *row = false;
    if (!c->header) {
        if (len < 19 || memcmp(at, "PGCOPY\n\377\r\n", 11) != 0)
            return bad_data(c, NULL, err);
        at += 19;
        c->header = true;
    }
    if (end - at < 2)
        return at == end ? RNL_OK : bad_data(c, NULL, err);
    count = (uint32_t)(at[0] << 8 | at[1]);
    if (count == UINT16_MAX)
        return RNL_OK;
    if (count != c->ncolumns)
        return bad_data(c, NULL, err);
    *row = true;
    return decode_fields(c, at + 2, end, err);
}

static int add_row(struct cursor *c, size_t len, struct rnl_bundle *out, bool *added,
                   struct rnl_error *err)
{
    struct rnl_row row = {.size = sizeof(row), .table = c->index, .op = RNL_INSERT};
    int status = decode_message(c, (const uint8_t *)c->message, len, added, err);

    if (status != RNL_OK || !*added)
        return status;
    row.nvalues = (uint16_t)c->ncolumns;
    row.after = c->values;
    return c->source->server.host->bundle_add(out, &row, err);
}

/* Behind the last row, whose message is still here. */
static int mark(struct cursor *c, struct rnl_bundle *out, struct rnl_error *err)
{
    struct bound bound = {.count = c->key.ncolumns};

    if (!key_is_read(c))
        return RNL_OK;
    memcpy(bound.values, c->key_now, sizeof(bound.values));
    buf_clear(&c->mark);
    bound_encode(&c->mark, &bound);
    if (c->mark.failed)
        return error_memory(err);
    return c->source->server.host->bundle_mark(out, (struct rnl_slice){c->mark.ptr, c->mark.len},
                                               err);
}

/*
 * A table without a key can't be told its changes twice: those count from here on. The bytes are
 * the lane's only place in such a unit.
 */
static int mark_exact(struct cursor *c, struct rnl_bundle *out, struct rnl_error *err)
{
    const char *position = c->source->position;

    return c->source->server.host->bundle_mark(out, (struct rnl_slice){position, strlen(position)},
                                               err);
}

/* The COPY is over, well or not. */
static int read_end(struct cursor *c, struct rnl_bundle *out, struct rnl_error *err)
{
    struct pg_conn *conn = c->lane->conn;
    PGresult *result;
    char doing[256];
    int status = RNL_OK;

    c->ended = true;
    snprintf(doing, sizeof(doing), "read %.100s.%.100s", c->table->schema, c->table->name);
    while ((result = PQgetResult(conn->pg)) != NULL) {
        if (PQresultStatus(result) != PGRES_COMMAND_OK && status == RNL_OK)
            status = error_result(conn, result, doing, err);
        PQclear(result);
        if (PQstatus(conn->pg) != CONNECTION_OK)
            break;
    }
    if (status == RNL_OK && c->exact)
        status = mark_exact(c, out, err);
    if (status == RNL_OK)
        return RNL_DONE;
    if (!atomic_load(&c->source->server.interrupted))
        PQclear(PQexec(conn->pg, "ROLLBACK"));
    c->lane->inside = false;
    return status;
}

/* Waits until the socket has more. */
static int read_wait(struct cursor *c, int timeout_ms, struct rnl_error *err)
{
    struct pollfd wait = {.fd = PQsocket(c->lane->conn->pg), .events = POLLIN};

    if (atomic_load(&c->source->server.interrupted))
        return error_interrupted(err);
    if (poll(&wait, 1, timeout_ms) == 0)
        return RNL_AGAIN;
    if (!PQconsumeInput(c->lane->conn->pg))
        return error_result(c->lane->conn, NULL, "read rows", err);
    return RNL_OK;
}

int chunk_read(void *self, struct rnl_bundle *out, int timeout_ms, struct rnl_error *err)
{
    struct cursor *c = self;
    const struct rnl_host *host = c->source->server.host;
    bool any = false;

    if (c->ended)
        return RNL_DONE;
    for (;;) {
        char *message = NULL;
        int len = PQgetCopyData(c->lane->conn->pg, &message, 1), status = RNL_OK;
        bool added = false;

        if (len > 0) {
            PQfreemem(c->message);
            c->message = message;
            c->largest = (size_t)len > c->largest ? (size_t)len : c->largest;
            status = add_row(c, (size_t)len, out, &added, err);
            if (status != RNL_OK)
                return status;
            any = any || added;
            if (added && host->bundle_full(out))
                return mark(c, out, err);
        } else if (len == 0) {
            status = read_wait(c, timeout_ms, err);
            if (status == RNL_AGAIN && any)
                return mark(c, out, err);
            if (status != RNL_OK)
                return status;
        } else {
            return read_end(c, out, err);
        }
    }
}
