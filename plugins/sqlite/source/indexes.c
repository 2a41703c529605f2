/* Describes indexes and foreign keys, by pragmas. */
#include "source.h"

#include <strings.h>

struct index_line {
    const char *name, *sql;
    bool unique, partial;
    char origin; /* c: CREATE INDEX, u: UNIQUE, p: PRIMARY KEY */
};

/* Asked only of those with expressions or a condition: it goes through the whole schema. */
static int index_sql(struct draft *draft, const char *name, const char **sql, struct rnl_error *err)
{
    sqlite3_stmt *stmt;
    int status = sq_prepare(draft->source->control,
                            "SELECT sql FROM sqlite_schema WHERE type = 'index' AND name = ?1",
                            "read an index", &stmt, err);

    *sql = NULL;
    if (status != RNL_OK)
        return status;
    sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
    status = sq_step(stmt, "read an index", err);
    if (status == RNL_OK && sqlite3_column_type(stmt, 0) == SQLITE_TEXT)
        *sql = arena_strdup(&draft->arena, sq_text(stmt, 0));
    sqlite3_finalize(stmt);
    return status < 0 ? status : RNL_OK;
}

/* seqno, cid, name, desc, coll, key of pragma_index_xinfo */
static bool part_read(struct draft *draft, const struct index_line *line, sqlite3_stmt *stmt,
                      struct rnl_index_part *part, const char **options)
{
    int cid = sqlite3_column_int(stmt, 1);
    const char *collation = sq_text(stmt, 4), *usual = "BINARY"; /* when it says nothing */
    char text[200];

    *part = (struct rnl_index_part){.descending = (uint32_t)sqlite3_column_int(stmt, 3)};
    if (cid >= 0) {
        int column = draft_column(draft, sq_text(stmt, 2));

        if (column < 0)
            return false;
        part->column = (uint32_t)column;
        if (draft->columns[column].collation)
            usual = draft->columns[column].collation;
    } else {
        part->expression = cid == -2 ? create_index_part(&draft->arena, line->sql,
                                                         (uint32_t)sqlite3_column_int(stmt, 0))
                                     : NULL;
        if (!part->expression)
            return false;
    }
    if (strcasecmp(collation, usual) != 0) {
        snprintf(text, sizeof(text), "COLLATE %.150s", collation);
        *options = arena_strdup(&draft->arena, text);
    }
    return true;
}

static int parts_read(struct draft *draft, const struct index_line *line, struct rnl_index *index,
                      struct rnl_error *err)
{
    enum { PARTS_MAX = 64 };
    struct rnl_index_part *parts = arena_alloc(&draft->arena, PARTS_MAX * sizeof(*parts));
    const char **options = arena_alloc(&draft->arena, PARTS_MAX * sizeof(*options));
    sqlite3_stmt *stmt;
    int status = sq_prepare(draft->source->control,
                            "SELECT * FROM pragma_index_xinfo(?1) WHERE key ORDER BY seqno",
                            "read an index", &stmt, err);

    if (status != RNL_OK)
        return status;
    if (!parts || !options) {
        sqlite3_finalize(stmt);
        return error_memory(err);
    }
    sqlite3_bind_text(stmt, 1, line->name, -1, SQLITE_STATIC);
    index->parts = parts;
    index->part_options = options;
    while ((status = sq_step(stmt, "read an index", err)) == RNL_OK)
        if (index->nparts < PARTS_MAX &&
            part_read(draft, line, stmt, &parts[index->nparts], &options[index->nparts]))
            index->nparts++;
    sqlite3_finalize(stmt);
    return status < 0 ? status : RNL_OK;
}

/* Room for one more index; NULL: out of memory. */
static struct rnl_index *index_add(struct draft *draft)
{
    struct rnl_index *indexes =
        arena_alloc(&draft->arena, (draft->nindexes + 1) * sizeof(*indexes));

    if (!indexes)
        return NULL;
    if (draft->nindexes)
        memcpy(indexes, draft->indexes, draft->nindexes * sizeof(*indexes));
    draft->indexes = indexes;
    return &indexes[draft->nindexes++];
}

static int index_read(struct draft *draft, const struct index_line *line, struct rnl_error *err)
{
    struct rnl_index *index = index_add(draft);

    if (!index)
        return error_memory(err);
    *index = (struct rnl_index){.name = line->name};
    if (line->origin == 'p')
        index->flags = RNL_INDEX_PRIMARY | RNL_INDEX_UNIQUE;
    else if (line->unique)
        index->flags = RNL_INDEX_UNIQUE | (line->origin == 'u' ? RNL_INDEX_CONSTRAINT : 0);
    if (line->partial)
        index->where = create_index_where(&draft->arena, line->sql);
    return parts_read(draft, line, index, err);
}

/* INTEGER PRIMARY KEY has no index: the table itself is in its order. */
static int primary_add(struct draft *draft, struct rnl_error *err)
{
    struct rnl_index_part *part;
    struct rnl_index *index;

    for (uint32_t i = 0; i < draft->nindexes; i++)
        if (draft->indexes[i].flags & RNL_INDEX_PRIMARY)
            return RNL_OK;
    for (uint32_t i = 0; i < draft->ncolumns; i++) {
        if (!(draft->columns[i].flags & RNL_COLUMN_KEY))
            continue;
        part = arena_alloc(&draft->arena, sizeof(*part));
        index = index_add(draft);
        if (!part || !index)
            return error_memory(err);
        part->column = i;
        *index = (struct rnl_index){
            .name = "PRIMARY",
            .flags = RNL_INDEX_PRIMARY | RNL_INDEX_UNIQUE,
            .parts = part,
            .nparts = 1,
        };
        return RNL_OK;
    }
    return RNL_OK;
}

int indexes_describe(struct draft *draft, struct rnl_error *err)
{
    sqlite3_stmt *stmt;
    int status =
        sq_prepare(draft->source->control,
                   "SELECT name, \"unique\", origin, partial, EXISTS (SELECT 1 FROM "
                   "pragma_index_xinfo(l.name) WHERE cid = -2) FROM pragma_index_list(?1) l ORDER "
                   "BY origin <> 'pk', name",
                   "read indexes", &stmt, err);

    if (status != RNL_OK)
        return status;
    sqlite3_bind_text(stmt, 1, draft->table.name, -1, SQLITE_STATIC);
    while ((status = sq_step(stmt, "read indexes", err)) == RNL_OK) {
        struct index_line line = {
            .name = arena_strdup(&draft->arena, sq_text(stmt, 0)),
            .unique = sqlite3_column_int(stmt, 1),
            .origin = *sq_text(stmt, 2),
            .partial = sqlite3_column_int(stmt, 3),
        };

        status = !line.name ? error_memory(err)
                 : line.partial || sqlite3_column_int(stmt, 4)
                     ? index_sql(draft, line.name, &line.sql, err)
                     : RNL_OK;
        if (status == RNL_OK)
            status = index_read(draft, &line, err);
        if (status != RNL_OK)
            break;
    }
    sqlite3_finalize(stmt);
    return status < 0 ? status : primary_add(draft, err);
}

static uint16_t action_of(const char *word)
{
    if (strcasecmp(word, "CASCADE") == 0)
        return RNL_ACTION_CASCADE;
    if (strcasecmp(word, "SET NULL") == 0)
        return RNL_ACTION_SET_NULL;
    if (strcasecmp(word, "SET DEFAULT") == 0)
        return RNL_ACTION_SET_DEFAULT;
    return strcasecmp(word, "RESTRICT") == 0 ? RNL_ACTION_RESTRICT : RNL_ACTION_NONE;
}

/* REFERENCES t without columns means t's primary key: its column number `part`. */
static const char *parent_key(struct draft *draft, const char *table, int part)
{
    sqlite3_stmt *stmt;
    struct rnl_error err = RNL_ERROR_INIT;
    const char *name = "";

    if (sq_prepare(draft->source->control, "SELECT name FROM pragma_table_info(?1) WHERE pk = ?2",
                   "read a primary key", &stmt, &err) != RNL_OK)
        return NULL;
    sqlite3_bind_text(stmt, 1, table, -1, SQLITE_STATIC);
    sqlite3_bind_int(stmt, 2, part + 1);
    if (sq_step(stmt, "read a primary key", &err) == RNL_OK)
        name = arena_strdup(&draft->arena, sq_text(stmt, 0));
    sqlite3_finalize(stmt);
    return name;
}

enum { F_ID, F_SEQ, F_TABLE, F_FROM, F_TO, F_UPDATE, F_DELETE };

/* A new key when its first column comes; columns of one key stand together. */
static bool foreign_key_row(struct draft *draft, sqlite3_stmt *stmt, uint32_t *columns,
                            const char **ref_columns, uint32_t *used)
{
    struct rnl_foreign_key *key;
    int column = draft_column(draft, sq_text(stmt, F_FROM));
    int seq = sqlite3_column_int(stmt, F_SEQ);
    char name[200];

    if (column < 0)
        return false;
    if (seq == 0) {
        key = &draft->foreign_keys[draft->nforeign_keys++];
        snprintf(name, sizeof(name), "%.80s_%.80s_fk", draft->table.name,
                 draft->columns[column].name);
        *key = (struct rnl_foreign_key){
            .name = arena_strdup(&draft->arena, name),
            .ref_schema = "main",
            .ref_table = arena_strdup(&draft->arena, sq_text(stmt, F_TABLE)),
            .columns = columns + *used,
            .ref_columns = ref_columns + *used,
            .on_update = action_of(sq_text(stmt, F_UPDATE)),
            .on_delete = action_of(sq_text(stmt, F_DELETE)),
        };
    }
    key = &draft->foreign_keys[draft->nforeign_keys - 1];
    columns[*used] = (uint32_t)column;
    ref_columns[*used] = sqlite3_column_type(stmt, F_TO) == SQLITE_NULL
                             ? parent_key(draft, key->ref_table, seq)
                             : arena_strdup(&draft->arena, sq_text(stmt, F_TO));
    key->ncolumns++;
    return ref_columns[(*used)++] != NULL;
}

static int foreign_key_count(struct draft *draft, int64_t *columns, struct rnl_error *err)
{
    sqlite3_stmt *stmt;
    int status =
        sq_prepare(draft->source->control, "SELECT count(*) FROM pragma_foreign_key_list(?1)",
                   "count foreign keys", &stmt, err);

    *columns = 0;
    if (status != RNL_OK)
        return status;
    sqlite3_bind_text(stmt, 1, draft->table.name, -1, SQLITE_STATIC);
    status = sq_step(stmt, "count foreign keys", err);
    if (status == RNL_OK)
        *columns = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return status < 0 ? status : RNL_OK;
}

int foreign_keys_describe(struct draft *draft, struct rnl_error *err)
{
    sqlite3_stmt *stmt;
    const char **ref_columns;
    uint32_t *columns, used = 0;
    int64_t count;
    int status = foreign_key_count(draft, &count, err);

    if (status != RNL_OK || count == 0)
        return status;
    columns = arena_alloc(&draft->arena, (size_t)count * sizeof(*columns));
    ref_columns = arena_alloc(&draft->arena, (size_t)count * sizeof(*ref_columns));
    draft->foreign_keys = arena_alloc(&draft->arena, (size_t)count * sizeof(*draft->foreign_keys));
    if (!columns || !ref_columns || !draft->foreign_keys)
        return error_memory(err);
    status = sq_prepare(draft->source->control,
                        "SELECT id, seq, \"table\", \"from\", \"to\", on_update, on_delete FROM "
                        "pragma_foreign_key_list(?1) ORDER BY id DESC, seq",
                        "read foreign keys", &stmt, err);
    if (status != RNL_OK)
        return status;
    sqlite3_bind_text(stmt, 1, draft->table.name, -1, SQLITE_STATIC);
    while (used < count && (status = sq_step(stmt, "read foreign keys", err)) == RNL_OK)
        foreign_key_row(draft, stmt, columns, ref_columns, &used);
    sqlite3_finalize(stmt);
    return status < 0 ? status : RNL_OK;
}
