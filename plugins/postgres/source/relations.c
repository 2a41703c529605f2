/* The stream's words about tables, held to what the run knows of them. */
#include "feed.h"

#include "types.h"

static size_t relation_place(const struct feed *feed, uint32_t id)
{
    size_t low = 0, high = feed->nrelations;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (feed->relations[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct relation *relation_find(struct feed *feed, uint32_t id)
{
    size_t at;

    if (feed->last && feed->last->id == id)
        return feed->last;
    at = relation_place(feed, id);
    feed->last =
        at < feed->nrelations && feed->relations[at].id == id ? &feed->relations[at] : NULL;
    return feed->last;
}

static void relation_clear(struct relation *relation)
{
    free(relation->columns);
    free(relation->keys);
    *relation = (struct relation){.id = relation->id};
}

void relations_free(struct feed *feed)
{
    for (uint32_t i = 0; i < feed->nrelations; i++)
        relation_clear(&feed->relations[i]);
    free(feed->relations);
    feed->relations = NULL;
    feed->last = NULL;
    feed->nrelations = feed->relations_room = 0;
}

/* A new one, or the one that the stream describes again. NULL: out of memory. */
static struct relation *relation_make(struct feed *feed, uint32_t id)
{
    struct relation *found = relation_find(feed, id);
    size_t at;

    if (found) {
        relation_clear(found);
        return found;
    }
    if (feed->nrelations == feed->relations_room) {
        uint32_t room = feed->relations_room ? feed->relations_room * 2 : 64;
        struct relation *list = realloc(feed->relations, room * sizeof(*list));

        if (!list)
            return NULL;
        feed->relations = list;
        feed->relations_room = room;
    }
    at = relation_place(feed, id);
    memmove(&feed->relations[at + 1], &feed->relations[at],
            (feed->nrelations - at) * sizeof(*feed->relations));
    feed->relations[at] = (struct relation){.id = id};
    feed->nrelations++;
    return &feed->relations[at];
}

static bool table_named(const struct feed *feed, const char *schema, const char *name,
                        uint32_t *index)
{
    for (uint32_t i = 0; i < feed->ntables; i++) {
        const struct rnl_table *table = feed->tables[i].described;

        if (strcmp(table->name, name) == 0 && strcmp(table->schema, schema) == 0) {
            *index = i;
            return true;
        }
    }
    return false;
}

/*
 * A partition that nobody knows was made since the run began, or is another pipeline's: the
 * server is asked, on a connection for that alone (the stream's can't, and it is rare).
 */
static int ask_root(struct feed *feed, uint32_t id, bool *found, uint32_t *index,
                    struct rnl_error *err)
{
    static const char sql[] =
        "WITH RECURSIVE up(oid) AS (SELECT $1::pg_catalog.oid UNION ALL SELECT i.inhparent"
        " FROM up JOIN pg_catalog.pg_inherits i ON i.inhrelid = up.oid"
        " JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid AND c.relispartition)"
        " SELECT n.nspname, c.relname FROM up JOIN pg_catalog.pg_class c ON c.oid = up.oid"
        " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace";
    struct pg_conn *conn;
    PGresult *result = NULL;
    char text[16];
    int status = conn_open(&feed->source->server, &conn, err);

    if (status != RNL_OK)
        return status;
    snprintf(text, sizeof(text), "%u", id);
    status =
        conn_query(conn, sql, 1, (const char *const[]){text}, "look at a partition", &result, err);
    for (int i = 0; status == RNL_OK && !*found && i < PQntuples(result); i++)
        *found = table_named(feed, PQgetvalue(result, i, 0), PQgetvalue(result, i, 1), index);
    PQclear(result);
    conn_close(conn);
    return status;
}

static int table_find(struct feed *feed, const struct pgoutput_message *message, bool *found,
                      uint32_t *index, struct rnl_error *err)
{
    const struct pg_source *source = feed->source;

    *found = table_named(feed, message->schema, message->name, index);
    for (size_t i = 0; !*found && i < source->nleaves; i++) {
        const struct leaf *leaf = &source->leaves[i];

        if (strcmp(leaf->name, message->name) == 0 && strcmp(leaf->schema, message->schema) == 0)
            *found = table_named(feed, leaf->root_schema, leaf->root, index);
    }
    return *found ? RNL_OK : ask_root(feed, message->relation, found, index, err);
}

static int table_altered(const struct rnl_table *table, const char *column, const char *how,
                         struct rnl_error *err)
{
    rnl_fail(err, RNL_E_CONFIG, "source.table_altered",
             "the table %s.%s was altered: its column \"%s\" %s; its changes can't be followed "
             "across that",
             table->schema, table->name, column, how);
    rnl_hint(err, "alter the table in the target likewise and load it again (--restart), or "
                  "exclude it");
    return RNL_E_CONFIG;
}

static const struct shape_column *shape_find(const struct shape *shape, const char *name)
{
    for (uint32_t i = 0; i < shape->ncolumns; i++)
        if (strcmp(shape->columns[i].name, name) == 0)
            return &shape->columns[i];
    return NULL;
}

static const struct pgoutput_column *told_find(const struct pgoutput_message *message,
                                               const char *name)
{
    for (uint16_t i = 0; i < message->ncolumns; i++)
        if (strcmp(message->columns[i].name, name) == 0)
            return &message->columns[i];
    return NULL;
}

/* Each column of the stream is known, with its type; and all that are known are there. */
static int compare(const struct rnl_table *table, const struct shape *shape,
                   const struct pgoutput_message *message, struct relation *relation,
                   struct rnl_error *err)
{
    for (uint16_t i = 0; i < message->ncolumns; i++) {
        const struct pgoutput_column *told = &message->columns[i];
        const struct shape_column *known = shape_find(shape, told->name);

        if (!known)
            return table_altered(table, told->name, "is new, or had another name", err);
        if (known->type != told->type || known->modifier != told->modifier)
            return table_altered(table, told->name, "has, or had, another type", err);
        relation->columns[i] = known->index;
        relation->keys[i] = told->key;
    }
    for (uint32_t i = 0; i < shape->ncolumns; i++)
        if (!shape->columns[i].may_be_absent && !told_find(message, shape->columns[i].name))
            return table_altered(
                table, shape->columns[i].name,
                "is not in the stream: it is new, or the publication leaves it out", err);
    return RNL_OK;
}

/* How each column's text is read. */
static int table_bind(struct feed *feed, struct fed_table *table, struct rnl_error *err)
{
    if (table->columns)
        return RNL_OK;
    table->columns = calloc(table->described->ncolumns + 1, sizeof(*table->columns));
    if (!table->columns)
        return error_memory(err);
    for (uint32_t i = 0; i < table->described->ncolumns; i++) {
        struct bound_column *column = &table->columns[i];

        column->source = COLUMN(table->described, i);
        column->kind = (enum pg_kind)type_reading(column->source).kind;
        column->digits = feed->source->follow->money_digits;
    }
    return RNL_OK;
}

int relation_read(struct feed *feed, const struct pgoutput_message *message, struct rnl_error *err)
{
    struct relation *relation = relation_make(feed, message->relation);
    struct fed_table *table;
    bool found;
    int status;

    if (!relation)
        return error_memory(err);
    relation->columns = calloc(message->ncolumns + 1u, sizeof(*relation->columns));
    relation->keys = calloc(message->ncolumns + 1u, sizeof(*relation->keys));
    if (!relation->columns || !relation->keys)
        return error_memory(err);
    relation->ncolumns = message->ncolumns;
    status = table_find(feed, message, &found, &relation->table, err);
    if (status != RNL_OK || !found)
        return status;
    table = &feed->tables[relation->table];
    status = compare(table->described, &feed->source->follow->shapes[relation->table], message,
                     relation, err);
    if (status == RNL_OK)
        status = table_bind(feed, table, err);
    relation->followed = status == RNL_OK;
    return status;
}
