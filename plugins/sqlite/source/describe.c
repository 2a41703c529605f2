/* Describes the tables of a file, and reports what stands beside them. */
#include "source.h"

#include <ctype.h>
#include <strings.h>

const struct table_info *info_find(const struct source *source, const char *table)
{
    for (uint32_t low = 0, high = source->ninfos; low < high;) {
        uint32_t middle = low + (high - low) / 2;
        int order = strcmp(source->infos[middle].name, table);

        if (order == 0)
            return &source->infos[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static int info_order(const void *a, const void *b)
{
    return strcmp(((const struct table_info *)a)->name, ((const struct table_info *)b)->name);
}

int draft_column(const struct draft *draft, const char *name)
{
    for (uint32_t i = 0; i < draft->ncolumns; i++)
        if (strcasecmp(draft->columns[i].name, name) == 0)
            return (int)i;
    return -1;
}

/* 'it''s' → it's; NULL: not one literal. */
static const char *unquoted(struct draft *draft, const char *text)
{
    size_t len = strlen(text), to = 0;
    char *plain = arena_alloc(&draft->arena, len + 1);

    if (!plain || len < 2)
        return NULL;
    for (size_t i = 1; i < len - 1; i++) {
        if (text[i] == *text && text[++i] != *text)
            return NULL;
        plain[to++] = text[i];
    }
    return text[len - 1] == *text ? plain : NULL;
}

static bool is_number(const char *text)
{
    char *end;

    if (*text == '\0' || strpbrk(text, "xXnN"))
        return false;
    strtod(text, &end);
    return *end == '\0';
}

/* The text of a DEFAULT, as the pragma gives it. */
static void default_read(struct draft *draft, struct rnl_column *column, const char *text)
{
    const char *plain = *text == '\'' || *text == '"' ? unquoted(draft, text) : NULL;

    column->default_text = text;
    column->default_kind = RNL_DEFAULT_EXPRESSION;
    if (strcasecmp(text, "NULL") == 0) {
        column->default_kind = RNL_DEFAULT_NULL;
        column->default_text = NULL;
    } else if (plain || is_number(text)) {
        column->default_kind = RNL_DEFAULT_LITERAL;
        column->default_text = plain ? plain : text;
    } else if (strcasecmp(text, "TRUE") == 0 || strcasecmp(text, "FALSE") == 0) {
        column->default_kind = RNL_DEFAULT_LITERAL;
        column->default_text = tolower((unsigned char)*text) == 't' ? "1" : "0";
    } else if (strcasecmp(text, "CURRENT_TIMESTAMP") == 0) {
        column->default_kind = RNL_DEFAULT_NOW;
    }
}

enum { C_NAME, C_TYPE, C_NOTNULL, C_DEFAULT, C_PK, C_HIDDEN };

static bool column_row(struct draft *draft, sqlite3_stmt *stmt, struct rnl_column *column)
{
    int hidden = sqlite3_column_int(stmt, C_HIDDEN);

    *column = (struct rnl_column){
        .name = arena_strdup(&draft->arena, sq_text(stmt, C_NAME)),
        .native = arena_strdup(&draft->arena, sq_text(stmt, C_TYPE)),
    };
    if (!column->name || !column->native)
        return false;
    if (!sqlite3_column_int(stmt, C_NOTNULL))
        column->flags |= RNL_COLUMN_NULLABLE;
    if (sqlite3_column_int(stmt, C_PK))
        column->flags |= RNL_COLUMN_KEY;
    if (hidden == 2 || hidden == 3)
        column->flags |= RNL_COLUMN_GENERATED | (hidden == 2 ? RNL_COLUMN_VIRTUAL : 0u);
    if (sqlite3_column_type(stmt, C_DEFAULT) != SQLITE_NULL) {
        const char *text = arena_strdup(&draft->arena, sq_text(stmt, C_DEFAULT));

        if (!text)
            return false;
        default_read(draft, column, text);
    }
    return true;
}

static int columns_read(struct draft *draft, struct rnl_error *err)
{
    enum { COLUMNS_MAX = 32767 };
    sqlite3_stmt *stmt;
    uint32_t room = 0;
    int status = sq_prepare(draft->source->control,
                            "SELECT name, type, \"notnull\", dflt_value, pk, hidden FROM "
                            "pragma_table_xinfo(?1) WHERE hidden <> 1 ORDER BY cid",
                            "read columns", &stmt, err);

    if (status != RNL_OK)
        return status;
    sqlite3_bind_text(stmt, 1, draft->table.name, -1, SQLITE_STATIC);
    while ((status = sq_step(stmt, "read columns", err)) == RNL_OK) {
        if (draft->ncolumns == room && room < COLUMNS_MAX) {
            struct rnl_column *columns;

            room = room ? room * 2 : 16;
            columns = arena_alloc(&draft->arena, room * sizeof(*columns));
            if (!columns)
                break;
            if (draft->ncolumns)
                memcpy(columns, draft->columns, draft->ncolumns * sizeof(*columns));
            draft->columns = columns;
        }
        if (!column_row(draft, stmt, &draft->columns[draft->ncolumns++]))
            break;
    }
    sqlite3_finalize(stmt);
    return status == RNL_OK ? error_memory(err) : status < 0 ? status : RNL_OK;
}

static bool is_integer_key(const struct draft *draft, const struct rnl_column *column)
{
    uint32_t keys = 0;

    for (uint32_t i = 0; i < draft->ncolumns; i++)
        keys += draft->columns[i].flags & RNL_COLUMN_KEY ? 1u : 0u;
    return column->flags & RNL_COLUMN_KEY && keys == 1 && !draft->without_rowid &&
           strcasecmp(column->native, "INTEGER") == 0;
}

/* The rowid under the name of a column: numbered by SQLite when it isn't given. */
static int identity_read(struct draft *draft, struct rnl_error *err)
{
    struct buf sql = {0};
    int64_t highest, sequence = 0;
    int status = RNL_OK;

    for (uint32_t i = 0; i < draft->ncolumns; i++) {
        struct rnl_column *column = &draft->columns[i];

        if (!is_integer_key(draft, column))
            continue;
        buf_puts(&sql, "SELECT max(");
        buf_name(&sql, column->name);
        buf_puts(&sql, ") FROM ");
        buf_name(&sql, draft->table.name);
        status = buf_text(&sql) ? sq_number(draft->source->control, sql.ptr, &highest, err)
                                : error_memory(err);
        if (status == RNL_OK && draft->autoincrement) {
            buf_clear(&sql);
            buf_puts(&sql, "SELECT seq FROM sqlite_sequence WHERE name = ");
            buf_literal(&sql, draft->table.name);
            status = buf_text(&sql) ? sq_number(draft->source->control, sql.ptr, &sequence, err)
                                    : error_memory(err);
            column->storage = "AUTOINCREMENT";
        }
        if (sequence > highest)
            highest = sequence;
        column->flags |= RNL_COLUMN_IDENTITY;
        column->flags &= ~(uint32_t)RNL_COLUMN_NULLABLE;
        if (highest < INT64_MAX)
            column->next_value = highest > 0 ? (uint64_t)highest + 1 : 1;
        draft->table.next_identity = column->next_value;
    }
    buf_free(&sql);
    return status;
}

/* A name for the rowid that no column has taken. */
static const char *rowid_name(const struct draft *draft)
{
    static const char *const names[] = {"rowid", "_rowid_", "oid"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (draft_column(draft, names[i]) < 0)
            return names[i];
    return NULL;
}

static int info_add(struct draft *draft, struct rnl_error *err)
{
    struct source *source = draft->source;
    struct table_info *infos;
    struct table_info info = {
        .name = arena_strdup(&source->arena, draft->table.name),
        .rowid = draft->without_rowid ? NULL : rowid_name(draft),
        .rows = draft->rows,
        .bytes = draft->bytes,
    };
    const char **key = arena_alloc(&source->arena, KEY_COLUMNS_MAX * sizeof(*key));

    if ((source->ninfos & (source->ninfos - 1)) == 0) {
        infos =
            realloc(source->infos, (source->ninfos ? source->ninfos * 2ul : 1ul) * sizeof(*infos));
        if (!infos)
            return error_memory(err);
        source->infos = infos;
    }
    if (!key || !info.name)
        return error_memory(err);
    for (uint32_t i = 0; draft->without_rowid && i < draft->nindexes; i++) {
        const struct rnl_index *index = &draft->indexes[i];

        if (!(index->flags & RNL_INDEX_PRIMARY) || index->nparts > KEY_COLUMNS_MAX)
            continue;
        for (uint32_t p = 0; p < index->nparts; p++) {
            /* Where the key's order isn't that of the column's values, it can't be cut by them. */
            if (index->parts[p].descending || index->part_options[p])
                info.nkey = KEY_COLUMNS_MAX + 1;
            if (info.nkey < KEY_COLUMNS_MAX)
                key[info.nkey++] =
                    arena_strdup(&source->arena, draft->columns[index->parts[p].column].name);
        }
        if (info.nkey > KEY_COLUMNS_MAX)
            info.nkey = 0;
    }
    info.key = key;
    source->infos[source->ninfos++] = info;
    return RNL_OK;
}

static int draft_add(struct draft *draft, struct rnl_catalog *catalog, struct rnl_error *err)
{
    struct rnl_table *table = &draft->table;

    table->size = sizeof(*table);
    table->schema = table->schema ? table->schema : "main";
    table->dialect = "sqlite";
    table->columns = draft->columns;
    table->ncolumns = draft->ncolumns;
    table->column_size = sizeof(struct rnl_column);
    table->indexes = draft->indexes;
    table->nindexes = draft->nindexes;
    table->index_size = sizeof(struct rnl_index);
    table->foreign_keys = draft->foreign_keys;
    table->nforeign_keys = draft->nforeign_keys;
    table->foreign_key_size = sizeof(struct rnl_foreign_key);
    table->checks = draft->checks;
    table->nchecks = draft->nchecks;
    table->check_size = sizeof(struct rnl_check);
    table->rows = draft->rows;
    table->bytes = draft->bytes;
    return draft->source->base.ctx->host->table_add(catalog, table, err);
}

static int table_describe(struct source *source, struct rnl_catalog *catalog, const char *name,
                          const char *sql, bool without_rowid, bool strict, struct rnl_error *err)
{
    struct draft draft = {.source = source, .without_rowid = without_rowid, .strict = strict};
    struct buf from = {0};
    int status;

    buf_name(&from, name);
    draft.table.name = name;
    draft.from = buf_text(&from);
    draft.table.storage = without_rowid ? strict ? "WITHOUT ROWID, STRICT" : "WITHOUT ROWID"
                          : strict      ? "STRICT"
                                        : NULL;
    status = draft.from ? columns_read(&draft, err) : error_memory(err);
    if (status == RNL_OK && !create_table_read(&draft, sql))
        status = error_memory(err);
    if (status == RNL_OK)
        status = identity_read(&draft, err);
    if (status == RNL_OK)
        status = affinity_decide(&draft, err);
    if (status == RNL_OK)
        status = indexes_describe(&draft, err);
    if (status == RNL_OK)
        status = foreign_keys_describe(&draft, err);
    for (uint32_t i = 0; status == RNL_OK && i < draft.nforeign_keys; i++)
        draft.foreign_keys[i].flags = create_foreign_key_flags(sql, i);
    if (status == RNL_OK)
        status = info_add(&draft, err);
    if (status == RNL_OK)
        status = draft_add(&draft, catalog, err);
    buf_free(&from);
    arena_free(&draft.arena);
    return status;
}

static int tables_describe(struct source *source, struct rnl_catalog *catalog,
                           struct rnl_error *err)
{
    sqlite3_stmt *stmt;
    int status = sq_prepare(source->control,
                            "SELECT l.name, s.sql, l.wr, l.strict FROM pragma_table_list l JOIN "
                            "sqlite_schema s ON s.type = 'table' AND s.name = l.name WHERE "
                            "l.schema = 'main' AND l.type = 'table' AND l.name NOT LIKE "
                            "'sqlite\\_%' ESCAPE '\\' AND l.name NOT LIKE 'runnel\\_%' ESCAPE "
                            "'\\' ORDER BY l.name",
                            "list tables", &stmt, err);

    if (status != RNL_OK)
        return status;
    while ((status = sq_step(stmt, "list tables", err)) == RNL_OK) {
        char *name = strdup(sq_text(stmt, 0)), *sql = strdup(sq_text(stmt, 1));

        if (!name || !sql)
            status = error_memory(err);
        else if (source->base.ctx->host->table_wanted(catalog, "main", name))
            status = table_describe(source, catalog, name, sql, sqlite3_column_int(stmt, 2),
                                    sqlite3_column_int(stmt, 3), err);
        free(name);
        free(sql);
        if (status != RNL_OK)
            break;
    }
    sqlite3_finalize(stmt);
    return status < 0 ? status : RNL_OK;
}

/* --- queries in the place of tables -------------------------------------------------------- */

/* "a, b" are columns of the result that tell its rows apart. */
static bool query_key(struct draft *draft, const char *list)
{
    struct rnl_index *index = arena_alloc(&draft->arena, sizeof(*index));
    struct rnl_index_part *parts = arena_alloc(&draft->arena, draft->ncolumns * sizeof(*parts) + 1);
    uint32_t count = 0;

    if (!index || !parts)
        return false;
    while (list && *list) {
        size_t len = strcspn(list, ",");
        char name[256];
        int column;

        snprintf(name, sizeof(name), "%.*s", (int)len, list + strspn(list, " "));
        column = draft_column(draft, name);
        if (column < 0 || count == draft->ncolumns)
            return false;
        draft->columns[column].flags |= RNL_COLUMN_KEY;
        draft->columns[column].flags &= ~(uint32_t)RNL_COLUMN_NULLABLE;
        parts[count++].column = (uint32_t)column;
        list += len + (list[len] == ',');
    }
    *index = (struct rnl_index){.name = "PRIMARY",
                                .flags = RNL_INDEX_PRIMARY | RNL_INDEX_UNIQUE,
                                .parts = parts,
                                .nparts = count};
    draft->indexes = index;
    draft->nindexes = count ? 1 : 0;
    return true;
}

static int query_columns(struct draft *draft, struct rnl_error *err)
{
    sqlite3_stmt *stmt;
    int status =
        sq_prepare(draft->source->control, draft->table.query, "prepare the query", &stmt, err);

    if (status != RNL_OK)
        return status;
    if (!stmt || !sqlite3_stmt_readonly(stmt) || sqlite3_column_count(stmt) == 0) {
        sqlite3_finalize(stmt);
        return rnl_fail(err, RNL_E_CONFIG, "source.bad_query", "query %s gives no rows: %s",
                        draft->table.name, "one SELECT is wanted");
    }
    draft->ncolumns = (uint32_t)sqlite3_column_count(stmt);
    draft->columns = arena_alloc(&draft->arena, draft->ncolumns * sizeof(*draft->columns));
    for (uint32_t i = 0; draft->columns && i < draft->ncolumns; i++) {
        const char *type = sqlite3_column_decltype(stmt, (int)i);

        draft->columns[i].name = arena_strdup(&draft->arena, sqlite3_column_name(stmt, (int)i));
        draft->columns[i].native = arena_strdup(&draft->arena, type ? type : "");
        draft->columns[i].flags = RNL_COLUMN_NULLABLE;
    }
    sqlite3_finalize(stmt);
    return draft->columns ? RNL_OK : error_memory(err);
}

static int query_describe(struct source *source, struct rnl_catalog *catalog,
                          const struct rnl_query *query, struct rnl_error *err)
{
    struct draft draft = {.source = source};
    struct buf from = {0};
    int status;

    draft.table.name = query->name;
    draft.table.schema = *query->schema ? query->schema : "main";
    draft.table.query = query->sql;
    buf_printf(&from, "(%s)", query->sql);
    draft.from = buf_text(&from);
    status = draft.from ? query_columns(&draft, err) : error_memory(err);
    if (status == RNL_OK)
        status = affinity_decide(&draft, err);
    if (status == RNL_OK && !query_key(&draft, query->key)) {
        status = rnl_fail(err, RNL_E_CONFIG, "source.bad_query",
                          "query %s: its key %s isn't among the columns of its result", query->name,
                          query->key);
    }
    if (status == RNL_OK)
        status = draft_add(&draft, catalog, err);
    buf_free(&from);
    arena_free(&draft.arena);
    return status;
}

/* --- what isn't carried ------------------------------------------------------------------- */

static int others_report(struct source *source, const struct rnl_catalog *catalog,
                         struct rnl_error *err)
{
    const struct rnl_host *host = source->base.ctx->host;
    sqlite3_stmt *stmt;
    int status = sq_prepare(source->control,
                            "SELECT 'view', name, name FROM sqlite_schema WHERE type = 'view' "
                            "UNION ALL SELECT 'trigger', name, tbl_name FROM sqlite_schema WHERE "
                            "type = 'trigger' UNION ALL SELECT 'virtual table', name, name FROM "
                            "pragma_table_list WHERE schema = 'main' AND type = 'virtual' ORDER BY "
                            "1, 2",
                            "list views and triggers", &stmt, err);

    if (status != RNL_OK)
        return status;
    while ((status = sq_step(stmt, "list views and triggers", err)) == RNL_OK) {
        const char *what = sq_text(stmt, 0);
        char text[120];
        struct rnl_finding finding = {
            .size = sizeof(finding),
            .severity = RNL_WARNING,
            .code = *what == 't'                ? "object.trigger"
                    : strcmp(what, "view") == 0 ? "object.view"
                                                : "object.virtual_table",
            .schema = "main",
            .table = *what == 't' ? sq_text(stmt, 2) : NULL,
            .object = sq_text(stmt, 1),
            .text = text,
            .count = -1,
        };

        snprintf(text, sizeof(text), "%.20ss aren't carried over", what);
        if (host->table_wanted(catalog, "main", sq_text(stmt, 2)))
            host->finding(source->base.ctx, &finding);
    }
    sqlite3_finalize(stmt);
    return status < 0 ? status : RNL_OK;
}

int source_describe(void *self, struct rnl_catalog *catalog, struct rnl_error *err)
{
    struct source *source = self;
    const struct rnl_host *host = source->base.ctx->host;
    int status;

    source->ninfos = 0;
    status = tables_describe(source, catalog, err);
    for (uint32_t i = 0; status == RNL_OK && i < host->query_count(catalog); i++)
        status = query_describe(source, catalog, host->query_at(catalog, i), err);
    if (status == RNL_OK && source->ninfos)
        qsort(source->infos, source->ninfos, sizeof(*source->infos), info_order);
    return status == RNL_OK ? others_report(source, catalog, err) : status;
}
