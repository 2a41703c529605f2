/* The stream's words about tables: which of the catalog's they are, and what columns they have. */
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
    arena_free(&relation->arena);
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
        found->again = true;
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

static bool table_numbered(const struct feed *feed, Oid oid, uint32_t *index)
{
    for (uint32_t i = 0; oid && i < feed->ntables; i++)
        if (feed->tables[i].form.oid == oid) {
            *index = i;
            return true;
        }
    return false;
}

bool feed_table_named(const struct feed *feed, const char *schema, const char *name,
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

int feed_side(struct feed *feed, struct pg_conn **conn, struct rnl_error *err)
{
    int status = feed->side ? RNL_OK : conn_open(&feed->source->server, &feed->side, err);

    *conn = feed->side;
    return status;
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
    int status = feed_side(feed, &conn, err);

    if (status != RNL_OK)
        return status;
    snprintf(text, sizeof(text), "%u", id);
    status =
        conn_query(conn, sql, 1, (const char *const[]){text}, "look at a partition", &result, err);
    for (int i = 0; status == RNL_OK && !*found && i < PQntuples(result); i++)
        *found = feed_table_named(feed, PQgetvalue(result, i, 0), PQgetvalue(result, i, 1), index);
    PQclear(result);
    return status;
}

/*
 * By its number: under another name it is the same table. One of its name and another number was
 * made in its place.
 */
static int table_find(struct feed *feed, const struct pgoutput_message *message,
                      struct relation *relation, struct rnl_error *err)
{
    const struct pg_source *source = feed->source;
    uint32_t *index = &relation->table;
    int status;

    if (table_numbered(feed, message->relation, index)) {
        relation->followed = true;
        return RNL_OK;
    }
    for (size_t i = 0; !relation->leaf && i < source->nleaves; i++) {
        const struct leaf *leaf = &source->leaves[i];

        if (leaf->oid == message->relation && !leaf->is_root)
            relation->leaf = table_numbered(feed, leaf->root_oid, index) ||
                             feed_table_named(feed, leaf->root_schema, leaf->root, index);
    }
    relation->followed = relation->leaf;
    if (relation->followed)
        return RNL_OK;
    if (feed_table_named(feed, message->schema, message->name, index)) {
        relation->followed = true;
        relation->replaced = feed->tables[*index].form.oid != 0;
        return RNL_OK;
    }
    status = ask_root(feed, message->relation, &relation->leaf, index, err);
    relation->followed = relation->leaf;
    return status;
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
        table->labels = table->labels || column->source->flags & RNL_COLUMN_ENUM;
    }
    return RNL_OK;
}

/* --- types -------------------------------------------------------------------------------- */

/* A type as the server spells it, kept as long as the cursor. */
struct native {
    Oid type;
    int32_t modifier;
    const char *text;
};

static const char *native_find(const struct feed *feed, Oid type, int32_t modifier)
{
    for (uint32_t i = 0; i < feed->nnatives; i++)
        if (feed->natives[i].type == type && feed->natives[i].modifier == modifier)
            return feed->natives[i].text;
    return NULL;
}

static int native_add(struct feed *feed, Oid type, int32_t modifier, const char *text,
                      struct rnl_error *err)
{
    struct native *list = realloc(feed->natives, (feed->nnatives + 1ul) * sizeof(*list));

    if (!list)
        return error_memory(err);
    feed->natives = list;
    list += feed->nnatives;
    *list = (struct native){type, modifier, arena_strdup(&feed->arena, text ? text : "")};
    if (!list->text)
        return error_memory(err);
    feed->nnatives++;
    return RNL_OK;
}

/* Asks for those that aren't known yet. */
static int natives_learn(struct feed *feed, const struct pgoutput_message *message,
                         struct rnl_error *err)
{
    static const char sql[] = "SELECT u.t, u.m, pg_catalog.format_type(u.t, u.m) FROM ROWS FROM ("
                              "pg_catalog.unnest($1::pg_catalog.oid[]), "
                              "pg_catalog.unnest($2::pg_catalog.int4[])) u(t, m)";
    struct buf types = {0}, modifiers = {0};
    struct pg_conn *conn;
    PGresult *result = NULL;
    int status = RNL_OK;

    for (uint16_t i = 0; i < message->ncolumns; i++) {
        const struct pgoutput_column *column = &message->columns[i];

        if (native_find(feed, column->type, column->modifier))
            continue;
        buf_printf(&types, "%s%u", types.len ? "," : "{", column->type);
        buf_printf(&modifiers, "%s%d", modifiers.len ? "," : "{", column->modifier);
    }
    if (!types.len)
        return types.failed ? error_memory(err) : RNL_OK;
    buf_puts(&types, "}");
    buf_puts(&modifiers, "}");
    if (!buf_text(&types) || !buf_text(&modifiers))
        status = error_memory(err);
    if (status == RNL_OK)
        status = feed_side(feed, &conn, err);
    if (status == RNL_OK)
        status = conn_query(conn, sql, 2, (const char *const[]){types.ptr, modifiers.ptr},
                            "look at types", &result, err);
    for (int i = 0; status == RNL_OK && i < PQntuples(result); i++)
        if (!native_find(feed, cell_oid(result, i, 0), (int32_t)cell_number(result, i, 1)))
            status = native_add(feed, cell_oid(result, i, 0), (int32_t)cell_number(result, i, 1),
                                cell(result, i, 2), err);
    PQclear(result);
    buf_free(&types);
    buf_free(&modifiers);
    return status;
}

static int columns_take(struct feed *feed, struct relation *relation,
                        const struct pgoutput_message *message, struct rnl_error *err)
{
    uint32_t count = message->ncolumns;
    int status = natives_learn(feed, message, err);

    if (status != RNL_OK)
        return status;
    relation->columns = calloc(count + 1u, sizeof(*relation->columns));
    relation->keys = calloc(count + 1u, sizeof(*relation->keys));
    relation->types = arena_alloc(&relation->arena, count * sizeof(*relation->types) + 1);
    relation->modifiers = arena_alloc(&relation->arena, count * sizeof(*relation->modifiers) + 1);
    relation->told.columns =
        arena_alloc(&relation->arena, count * sizeof(*relation->told.columns) + 1);
    relation->schema = arena_strdup(&relation->arena, message->schema);
    relation->name = arena_strdup(&relation->arena, message->name);
    if (!relation->columns || !relation->keys || !relation->types || !relation->modifiers ||
        !relation->told.columns || !relation->schema || !relation->name)
        return error_memory(err);
    for (uint32_t i = 0; i < count; i++) {
        const struct pgoutput_column *column = &message->columns[i];
        const char *native = native_find(feed, column->type, column->modifier);

        relation->columns[i] = NO_COLUMN;
        relation->keys[i] = column->key;
        relation->types[i] = column->type;
        relation->modifiers[i] = column->modifier;
        relation->told.columns[i] = (struct form_column){
            .name = arena_strdup(&relation->arena, column->name), .native = native ? native : ""};
        if (!relation->told.columns[i].name)
            return error_memory(err);
    }
    relation->ncolumns = relation->told.ncolumns = count;
    relation->identity = message->identity;
    return RNL_OK;
}

/* How the columns go with the catalog's is found out when a row of it comes, and counts. */
int relation_read(struct feed *feed, const struct pgoutput_message *message, struct rnl_error *err)
{
    struct relation *relation = relation_make(feed, message->relation);
    int status;

    if (!relation)
        return error_memory(err);
    status = table_find(feed, message, relation, err);
    if (status == RNL_OK && relation->followed)
        status = columns_take(feed, relation, message, err);
    if (status == RNL_OK && relation->followed)
        status = table_bind(feed, &feed->tables[relation->table], err);
    relation->followed = relation->followed && status == RNL_OK;
    return status;
}
