/* Opens a unit for reading, and closes it: from which place on, and whether that still holds. */
#include "cursor.h"

#include "follow.h"

#include "types.h"

#define LARGE_ROW (4u << 20)

static int refuse_unit(const struct cursor *c, struct rnl_error *err)
{
    rnl_fail(err, RNL_E_CONFIG, "postgres.bad_position",
             "a place to go on from is none of table %s.%s", c->table->schema, c->table->name);
    rnl_hint(err, "the table's key or its partitions have changed: start again with --restart");
    return RNL_E_CONFIG;
}

static bool choose_columns(struct cursor *c, const struct rnl_unit *unit)
{
    c->ncolumns = unit->columns ? unit->ncolumns : c->table->ncolumns;
    c->columns = calloc(c->ncolumns + 1, sizeof(*c->columns));
    c->decoded = calloc(c->ncolumns + 1, sizeof(*c->decoded));
    c->made = calloc(c->ncolumns + 1, sizeof(*c->made));
    c->values = calloc(c->ncolumns + 1, sizeof(*c->values));
    if (!c->columns || !c->decoded || !c->made || !c->values)
        return false;
    for (uint32_t i = 0; i < c->ncolumns; i++) {
        uint32_t column = unit->columns ? unit->columns[i] : i;

        if (column >= c->table->ncolumns)
            return false;
        c->columns[i].source = COLUMN(c->table, column);
        c->columns[i].kind = (enum pg_kind)type_reading(c->columns[i].source).kind;
    }
    return true;
}

/* Places are marked by the key where all of its columns are read. */
static void choose_key(struct cursor *c, const struct rnl_unit *unit)
{
    if (c->place.mode != UNIT_KEYS && c->place.mode != UNIT_WHOLE)
        return;
    key_choose(c->table, &c->key);
    for (uint32_t k = 0; k < c->key.ncolumns; k++) {
        uint32_t at = 0;

        while (at < c->ncolumns && (unit->columns ? unit->columns[at] : at) != c->key.columns[k])
            at++;
        if (at == c->ncolumns) {
            if (c->place.mode == UNIT_WHOLE)
                c->key.ncolumns = 0;
            return;
        }
        c->key_at[k] = at;
    }
}

/*
 * A place to go on from holds the key as COPY gave it, in binary: the server makes
 * text of it, for literals. *result holds what bound points to.
 */
static int resume_bound(struct cursor *c, struct rnl_slice position, struct bound *bound,
                        PGresult **result, struct rnl_error *err)
{
    const char *values[KEY_COLUMNS];
    int lengths[KEY_COLUMNS], formats[KEY_COLUMNS];
    struct buf sql = {0};
    int status = RNL_OK;

    if (!bound_decode(position, bound) || bound->count != c->key.ncolumns)
        return refuse_unit(c, err);
    buf_puts(&sql, "SELECT ");
    for (uint32_t i = 0; i < bound->count; i++) {
        const struct rnl_column *column = COLUMN(c->table, c->key.columns[i]);
        const char *cast = type_reading(column).cast;

        values[i] = bound->values[i].ptr;
        lengths[i] = (int)bound->values[i].len;
        formats[i] = 1;
        buf_printf(&sql, "%s($%u", i ? ", " : "", i + 1);
        if (*cast) {
            buf_puts(&sql, cast);
        } else {
            buf_puts(&sql, "::");
            type_name_add(&sql, column);
        }
        buf_puts(&sql, ")::pg_catalog.text");
    }
    if (!buf_text(&sql))
        return error_memory(err);
    *result = PQexecParams(c->lane->conn->pg, sql.ptr, (int)bound->count, NULL, values, lengths,
                           formats, 0);
    if (PQresultStatus(*result) != PGRES_TUPLES_OK)
        status = error_result(c->lane->conn, *result, "find the place to go on from", err);
    buf_free(&sql);
    for (uint32_t i = 0; status == RNL_OK && i < bound->count; i++)
        bound->values[i] = (struct rnl_slice){PQgetvalue(*result, 0, (int)i),
                                              (size_t)PQgetlength(*result, 0, (int)i)};
    return status;
}

/* In order by the index, with no sort of many rows before the first comes. */
static const char ordered_sql[] = "SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off;"
                                  "SET LOCAL enable_bitmapscan = off";
static const char plain_sql[] = "SET LOCAL enable_seqscan = on; SET LOCAL enable_sort = on;"
                                "SET LOCAL enable_bitmapscan = on";

/* Some keys alone are looked for each by itself. */
static int choose_plans(struct cursor *c, const struct rnl_unit *unit, struct rnl_error *err)
{
    bool ordered = key_is_read(c) && !by_keys(unit);
    int status = RNL_OK;

    if (c->lane->ordered != ordered)
        status =
            conn_exec(c->lane->conn, ordered ? ordered_sql : plain_sql, "prepare to read", err);
    if (status == RNL_OK)
        c->lane->ordered = ordered;
    return status;
}

static int start_copy(struct cursor *c, const struct rnl_unit *unit, struct rnl_error *err)
{
    struct bound resumed, *from = &c->place.from;
    struct pg_conn *conn = c->lane->conn;
    struct buf sql = {0};
    PGresult *place = NULL, *result;
    bool behind = unit->position.len && key_is_read(c);
    char doing[256];
    int status = choose_plans(c, unit, err);

    if (status == RNL_OK && behind) {
        from = &resumed;
        status = resume_bound(c, unit->position, from, &place, err);
    }
    if (status == RNL_OK && !copy_sql(c, unit, from, behind, &sql))
        status = sql.failed ? error_memory(err) : refuse_unit(c, err);
    PQclear(place);
    if (status != RNL_OK) {
        buf_free(&sql);
        return status;
    }
    snprintf(doing, sizeof(doing), "read %.100s.%.100s", c->table->schema, c->table->name);
    result = PQexecParams(conn->pg, sql.ptr, 0, NULL, NULL, NULL, NULL, 0);
    if (PQresultStatus(result) != PGRES_COPY_OUT)
        status = error_result(conn, result, doing, err);
    PQclear(result);
    buf_free(&sql);
    return status;
}

static int one_bool(struct cursor *c, const char *sql, const char *doing, bool *is,
                    struct rnl_error *err)
{
    PGresult *result;
    int status = conn_query(c->lane->conn, sql, 0, NULL, doing, &result, err);

    if (status != RNL_OK)
        return status;
    *is = PQntuples(result) > 0 && cell_true(result, 0, 0);
    PQclear(result);
    return RNL_OK;
}

/* Pages that another process counted: do rows still lie where they lay? */
static int check_pages(struct cursor *c, struct rnl_error *err)
{
    struct leaf *leaf = (struct leaf *)(uintptr_t)c->leaf;
    struct buf sql = {0};
    char file[16];
    bool moved = true;
    int status = RNL_OK;

    if (c->place.mode != UNIT_PAGES || c->place.planner == c->source->number ||
        atomic_load(&leaf->same))
        return RNL_OK;
    snprintf(file, sizeof(file), "%u", leaf->file);
    if (strcmp(file, c->place.file) == 0) {
        buf_puts(&sql, "SELECT EXISTS (SELECT FROM ONLY ");
        buf_qualified(&sql, leaf->schema, leaf->name);
        buf_puts(&sql, " WHERE pg_catalog.age(xmin) <= pg_catalog.age(");
        buf_literal(&sql, c->place.oldest);
        buf_puts(&sql, "::pg_catalog.xid))");
        status = buf_text(&sql) ? one_bool(c, sql.ptr, "look for rows that moved", &moved, err)
                                : error_memory(err);
        buf_free(&sql);
    }
    if (status == RNL_OK && moved) {
        rnl_fail(err, RNL_E_CONFIG, "postgres.rows_moved",
                 "rows of the table %s.%s were changed since the interrupted run began: which of "
                 "them are loaded can't be told, since they are not read in the order of a key",
                 c->table->schema, c->table->name);
        rnl_hint(err, "start again with --restart");
        return RNL_E_CONFIG;
    }
    if (status == RNL_OK)
        atomic_store(&leaf->same, true);
    return status;
}

void chunk_close(void *self)
{
    struct cursor *c = self;
    struct pg_conn *conn = c->lane->conn;
    char ignored[256], *message;

    /* not read to its end: the server is told to stop, its rest is thrown away */
    if (c->copying && !c->ended && !atomic_load(&c->source->server.interrupted)) {
        if (conn->cancel)
            PQcancel(conn->cancel, ignored, sizeof(ignored));
        while (PQgetCopyData(conn->pg, &message, 0) > 0)
            PQfreemem(message);
        for (PGresult *result; (result = PQgetResult(conn->pg)) != NULL;) {
            PQclear(result);
            if (PQstatus(conn->pg) != CONNECTION_OK)
                break;
        }
        PQclear(PQexec(conn->pg, "ROLLBACK"));
        c->lane->inside = false;
    }
    /* what libpq took for a large row it keeps, for as long as there is the connection */
    if (c->largest > LARGE_ROW)
        lane_disconnect(c->lane);
    PQfreemem(c->message);
    free(c->columns);
    free(c->decoded);
    free(c->made);
    free(c->values);
    buf_free(&c->scratch);
    buf_free(&c->mark);
    free(c);
}

static int cursor_start(struct cursor *c, const struct rnl_unit *unit, struct rnl_error *err)
{
    int status;

    if (!place_decode(unit, &c->place))
        return refuse_unit(c, err);
    if (c->place.mode != UNIT_QUERY && c->place.mode != UNIT_ROOT) {
        c->leaf = leaf_find(c->source, c->table, c->place.schema, c->place.name);
        if (!c->leaf)
            return refuse_unit(c, err);
    }
    if (!choose_columns(c, unit))
        return error_memory(err);
    c->exact = c->source->follow && table_is_keyless(c->table);
    if (!c->exact)
        choose_key(c, unit);
    status = lane_enter(c->source, c->lane, err);
    if (status == RNL_OK)
        status = cursor_check_same(c, err);
    if (status == RNL_OK)
        status = check_pages(c, err);
    if (status == RNL_OK)
        status = start_copy(c, unit, err);
    if (status != RNL_OK && c->lane->inside && !atomic_load(&c->source->server.interrupted)) {
        PQclear(PQexec(c->lane->conn->pg, "ROLLBACK"));
        c->lane->inside = false;
    }
    c->copying = status == RNL_OK;
    return status;
}

int source_cursor_open(void *self, const struct rnl_catalog *catalog, uint32_t lane,
                       const struct rnl_unit *unit, void **out, struct rnl_error *err)
{
    struct pg_source *source = self;
    struct cursor *c;
    int status;

    if (unit->kind == RNL_UNIT_CHANGES)
        return feed_open(source, catalog, unit, out, err);
    if (lane >= source->nlanes)
        return rnl_fail(err, RNL_E_FATAL, "postgres.no_lane", "there is no snapshot for lane %u",
                        lane);
    c = calloc(1, sizeof(*c));
    if (!c)
        return error_memory(err);
    c->reading = (struct reading){chunk_read, chunk_close};
    c->source = source;
    c->lane = &source->lanes[lane];
    c->index = unit->table;
    c->table = source->server.host->table_at(catalog, unit->table);
    status = cursor_start(c, unit, err);
    if (status != RNL_OK) {
        chunk_close(c);
        return status;
    }
    *out = c;
    return RNL_OK;
}
