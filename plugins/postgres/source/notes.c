/* What tables there are and their marks, noted from time to time: the log doesn't tell it. */
#include "notes.h"

#include "follow.h"
#include "marks.h"

#include <time.h>

#define CALM_FACTOR 50 /* of the server's time: looking may take a fiftieth of one connection's */

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

const struct note *notes_find(const struct notes *notes, Oid oid)
{
    uint32_t low = 0, high = notes->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (notes->list[middle].oid < oid)
            low = middle + 1;
        else
            high = middle;
    }
    return low < notes->count && notes->list[low].oid == oid ? &notes->list[low] : NULL;
}

/* As the preflight has it, of the table or of each of its partitions. */
static void notes_query(const struct pg_source *source, struct buf *sql)
{
    buf_puts(sql, "SELECT c.oid, n.nspname, c.relname, ");
    mark_add(source, sql);
    buf_puts(sql, ", c.relpersistence = 'p' AND CASE c.relreplident WHEN 'f' THEN true WHEN 'd'"
                  " THEN EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND"
                  "  i.indisprimary AND i.indimmediate AND i.indisvalid)"
                  " WHEN 'i' THEN EXISTS (SELECT FROM pg_catalog.pg_index i WHERE"
                  "  i.indrelid = c.oid AND i.indisreplident AND i.indisvalid) ELSE false END"
                  " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n"
                  " ON n.oid = c.relnamespace WHERE ");
    buf_puts(sql, tables_where_sql);
    buf_puts(sql, " ORDER BY c.oid");
}

static bool notes_fill(struct notes *notes, const PGresult *result)
{
    int rows = PQntuples(result);

    notes->list = arena_alloc(&notes->arena, (size_t)rows * sizeof(*notes->list));
    for (int i = 0; notes->list && i < rows; i++) {
        struct note *note = &notes->list[notes->count++];

        note->oid = cell_oid(result, i, 0);
        note->schema = arena_text(&notes->arena, PQgetvalue(result, i, 1));
        note->name = arena_strdup(&notes->arena, PQgetvalue(result, i, 2));
        snprintf(note->look, sizeof(note->look), "%s", PQgetvalue(result, i, 3));
        note->can_be_followed = cell_true(result, i, 4);
        if (!note->schema || !note->name)
            return false;
    }
    return notes->list;
}

/* What was noted before in the same words has been so since then. */
static void notes_date(struct notes *notes, const struct notes *old)
{
    for (uint32_t i = 0; i < notes->count; i++) {
        struct note *note = &notes->list[i];
        const struct note *before = notes_find(old, note->oid);

        note->lsn = before && strcmp(before->look, note->look) == 0 ? before->lsn : notes->lsn;
    }
}

int notes_take(struct pg_source *source, struct follow *f, struct rnl_error *err)
{
    struct notes fresh = {.count = 0}, old;
    struct buf sql = {0};
    PGresult *result = NULL;
    int64_t began_ms = now_ms();
    int status;

    if (began_ms < f->note_ms)
        return RNL_OK;
    notes_query(source, &sql);
    status = buf_text(&sql)
                 ? conn_query(source->control, sql.ptr, 0, NULL, "look at the tables", &result, err)
                 : error_memory(err);
    buf_free(&sql);
    if (status == RNL_OK)
        status = marks_end(source->control, &fresh.lsn, err);
    if (status == RNL_OK && !notes_fill(&fresh, result))
        status = error_memory(err);
    PQclear(result);
    if (status != RNL_OK) {
        arena_free(&fresh.arena);
        return status;
    }
    pthread_mutex_lock(&f->lock);
    old = f->notes;
    fresh.turn = old.turn + 1;
    notes_date(&fresh, &old);
    f->notes = fresh;
    pthread_mutex_unlock(&f->lock);
    arena_free(&old.arena);
    f->note_ms = now_ms() + (now_ms() - began_ms) * CALM_FACTOR;
    return RNL_OK;
}
