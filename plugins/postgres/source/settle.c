/*
 * What the log doesn't tell at all: indexes, keys, defaults, comments, tables that were made or
 * dropped. The control thread notes marks of all tables from time to time (notes.c). Where one
 * differs, the table is looked at; and when all that stood in the log before the look has come, the
 * table is what the look shows, exactly, and the host is told.
 */
#include "feed.h"

static const struct note *note_named(const struct notes *notes, const struct rnl_table *table)
{
    for (uint32_t i = 0; i < notes->count; i++)
        if (strcmp(notes->list[i].name, table->name) == 0 &&
            strcmp(notes->list[i].schema, table->schema) == 0)
            return &notes->list[i];
    return NULL;
}

/* Of a table: nothing, or the number of one to look at. */
static Oid suspect(const struct fed_table *table, const struct notes *notes)
{
    const struct note *note;

    if (!table->form.oid || table->gone || table->pending || table->described->query)
        return 0;
    note = notes_find(notes, table->form.oid);
    if (!note) {
        note = note_named(notes, table->described);
        return note ? note->oid : table->form.oid;
    }
    return strcmp(note->look, table->form.look) != 0 && strcmp(note->look, table->look) != 0
               ? note->oid
               : 0;
}

static bool is_known(const struct feed *feed, Oid oid)
{
    for (uint32_t i = 0; i < feed->ntables; i++)
        if (feed->tables[i].form.oid == oid)
            return true;
    for (uint32_t i = 0; i < feed->nmet; i++)
        if (feed->met[i] == oid)
            return true;
    return false;
}

/* A table that is wanted, and that nobody has told the host of. */
static Oid stranger(const struct feed *feed, const struct notes *notes)
{
    for (uint32_t i = 0; i < notes->count; i++) {
        const struct note *note = &notes->list[i];
        bool named = false;

        if (!note->can_be_followed || is_known(feed, note->oid) ||
            !feed->host->table_wanted(feed->catalog, note->schema, note->name))
            continue;
        for (uint32_t t = 0; t < feed->ntables && !named; t++)
            named = strcmp(feed->tables[t].described->name, note->name) == 0 &&
                    strcmp(feed->tables[t].described->schema, note->schema) == 0;
        if (!named)
            return note->oid;
    }
    return 0;
}

static int look_at(struct feed *feed, Oid oid, struct look **look, struct rnl_error *err)
{
    struct pg_conn *conn;
    int status = feed_side(feed, &conn, err);

    return status == RNL_OK ? look_take(feed->source, conn, oid, look, err) : status;
}

/* It was so when it was noted already, unless its mark is another one by now. */
static void pending_date(struct follow *f, Oid oid, struct look *look)
{
    const struct note *note;

    pthread_mutex_lock(&f->lock);
    note = notes_find(&f->notes, oid);
    if (note && look->draft ? strcmp(note->look, look->draft->form.look) == 0
                            : !note && !look->draft)
        look->lsn = note ? note->lsn : f->notes.lsn;
    pthread_mutex_unlock(&f->lock);
}

/* Looks at each table that may be another one than the catalog's. */
static int suspects_look(struct feed *feed, struct rnl_error *err)
{
    struct follow *f = feed->source->follow;

    for (uint32_t i = 0; i < feed->ntables; i++) {
        struct fed_table *table = &feed->tables[i];
        int status;
        Oid oid;

        pthread_mutex_lock(&f->lock);
        oid = suspect(table, &f->notes);
        pthread_mutex_unlock(&f->lock);
        if (!oid)
            continue;
        status = look_at(feed, oid, &table->pending, err);
        if (status != RNL_OK)
            return status;
        pending_date(f, oid, table->pending);
        feed->stale = true;
    }
    return RNL_OK;
}

static int strangers_tell(struct feed *feed, struct rnl_bundle *out, struct rnl_error *err)
{
    struct follow *f = feed->source->follow;
    bool altered = false;

    for (;;) {
        struct look *look;
        int status;
        Oid oid, *met;

        pthread_mutex_lock(&f->lock);
        oid = stranger(feed, &f->notes);
        pthread_mutex_unlock(&f->lock);
        if (!oid)
            return altered ? RNL_ALTERED : RNL_OK;
        met = realloc(feed->met, (feed->nmet + 1ul) * sizeof(*met));
        if (!met)
            return error_memory(err);
        feed->met = met;
        met[feed->nmet++] = oid;
        status = look_at(feed, oid, &look, err);
        if (status != RNL_OK)
            return status;
        if (look->draft)
            status = table_replace(feed, UINT32_MAX, look, out, err);
        look_free(look);
        if (status < 0)
            return status;
        altered = altered || status == RNL_ALTERED;
    }
}

static int pending_tell(struct feed *feed, uint32_t index, struct rnl_bundle *out,
                        struct rnl_error *err)
{
    struct fed_table *table = &feed->tables[index];
    struct look *look = table->pending;
    int status;

    table->pending = NULL;
    if (look->draft && look->draft->oid == table->form.oid) {
        memcpy(table->look, look->draft->form.look, sizeof(table->look));
        status = table_alter(feed, index, look, NULL, out, err);
    } else {
        table->gone = true;
        status = table_replace(feed, index, look, out, err);
    }
    look_free(look);
    return status;
}

int feed_settle(struct feed *feed, struct rnl_bundle *out, struct rnl_error *err)
{
    struct follow *f = feed->source->follow;
    bool altered = false, waiting = false;
    uint64_t turn;
    int status = RNL_OK;

    pthread_mutex_lock(&f->lock);
    turn = f->notes.turn;
    pthread_mutex_unlock(&f->lock);
    if (turn != feed->noted) {
        feed->noted = turn;
        status = suspects_look(feed, err);
        if (status == RNL_OK)
            status = strangers_tell(feed, out, err);
        if (status < 0)
            return status;
        altered = status == RNL_ALTERED;
    }
    for (uint32_t i = 0; feed->stale && i < feed->ntables; i++) {
        struct look *pending = feed->tables[i].pending;

        if (!pending)
            continue;
        if (feed->seen < pending->lsn) {
            waiting = true;
            continue;
        }
        status = pending_tell(feed, i, out, err);
        if (status < 0)
            return status;
        altered = altered || status == RNL_ALTERED;
    }
    feed->stale = waiting;
    return altered ? RNL_ALTERED : RNL_OK;
}
