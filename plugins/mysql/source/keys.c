/* Describes indexes and foreign keys. */
#include "describe.h"
#include "parse.h"

#include <strings.h>

enum {
    I_TABLE,
    I_NAME,
    I_NON_UNIQUE,
    I_COLUMN,
    I_ORDER,
    I_PREFIX,
    I_TYPE,
    I_COMMENT,
    I_VISIBLE,
    I_EXPRESSION
};

static uint32_t index_flags(const char *name, const char *type, MYSQL_ROW row)
{
    uint32_t flags = 0;

    if (strcmp(name, "PRIMARY") == 0)
        flags |= RNL_INDEX_PRIMARY | RNL_INDEX_UNIQUE;
    if (strcmp(row[I_NON_UNIQUE], "0") == 0)
        flags |= RNL_INDEX_UNIQUE;
    if (strcasecmp(type, "FULLTEXT") == 0)
        flags |= RNL_INDEX_FULLTEXT;
    if (strcasecmp(type, "SPATIAL") == 0 || strcasecmp(type, "RTREE") == 0)
        flags |= RNL_INDEX_SPATIAL;
    if (strcasecmp(type, "HASH") == 0)
        flags |= RNL_INDEX_HASH;
    if (row[I_VISIBLE] && strcasecmp(row[I_VISIBLE], "NO") == 0)
        flags |= RNL_INDEX_INVISIBLE;
    return flags;
}

/* The index that the row belongs to: the last one, or a new one. */
static struct rnl_index *index_of(struct drafts *drafts, struct draft *draft, MYSQL_ROW row)
{
    struct rnl_index *list = draft->indexes;
    uint32_t count = draft->table.nindexes;

    if (count && strcmp(list[count - 1].name, row[I_NAME]) == 0)
        return &list[count - 1];
    list = items_grow(&drafts->pool, list, &draft->table.nindexes, &draft->indexes_size,
                      sizeof(*list));
    if (!list)
        return NULL;
    draft->indexes = list;
    list += count;
    list->name = pool_text(&drafts->pool, row[I_NAME]);
    list->comment = pool_text(&drafts->pool, row[I_COMMENT]);
    list->flags = index_flags(row[I_NAME], row[I_TYPE], row);
    /* at most 16 columns (MariaDB: 32) */
    list->parts = pool_alloc(&drafts->pool, 32 * sizeof(*list->parts));
    return list->name && list->parts ? list : NULL;
}

static void unsupported_report(struct drafts *drafts, MYSQL_ROW row)
{
    struct rnl_finding finding = {
        .size = sizeof(finding),
        .severity = RNL_WARNING,
        .code = "object.index",
        .schema = drafts->source->server.database,
        .table = row[I_TABLE],
        .object = row[I_NAME],
        .text = "An index of this kind is not carried over",
        .example = row[I_TYPE],
        .count = -1,
    };

    drafts->source->ctx->host->finding(drafts->source->ctx, &finding);
}

static int index_row(struct drafts *drafts, MYSQL_ROW row)
{
    struct draft *draft = drafts_find(drafts, row[I_TABLE]);
    struct rnl_index_part *parts;
    struct rnl_index *index;
    int column;

    if (!draft)
        return 0;
    column = column_find(draft, row[I_COLUMN]);
    if (strcasecmp(row[I_TYPE], "VECTOR") == 0 || (column < 0 && !row[I_EXPRESSION])) {
        unsupported_report(drafts, row);
        return 0;
    }
    index = index_of(drafts, draft, row);
    if (!index || index->nparts == 32)
        return -1;
    /* ours, from the pool: const for those who read the table */
    memcpy(&parts, &index->parts, sizeof(parts));
    parts += index->nparts++;
    parts->descending = row[I_ORDER] && strcmp(row[I_ORDER], "D") == 0;
    if (column < 0) {
        parts->expression = expression_plain(&drafts->pool, row[I_EXPRESSION]);
        return parts->expression ? 0 : -1;
    }
    parts->column = (uint32_t)column;
    /* of a spatial index it says the size of a box */
    if (row[I_PREFIX] && !(index->flags & RNL_INDEX_SPATIAL))
        parts->prefix = (uint32_t)strtoul(row[I_PREFIX], NULL, 10);
    if (index->flags & RNL_INDEX_PRIMARY)
        draft->columns[column].flags |= RNL_COLUMN_KEY;
    return 0;
}

static int indexes_describe(struct drafts *drafts, struct rnl_error *err)
{
    const struct source *source = drafts->source;
    struct text sql = {0};

    text_add(&sql, "SELECT TABLE_NAME, INDEX_NAME, NON_UNIQUE, COLUMN_NAME, COLLATION, SUB_PART, "
                   "INDEX_TYPE, INDEX_COMMENT, ");
    if (!source->server.mariadb)
        text_add(&sql, "IS_VISIBLE, ");
    else if (source->server.version >= 100600)
        text_add(&sql, "IF(IGNORED = 'YES', 'NO', 'YES'), ");
    else
        text_add(&sql, "'YES', ");
    text_add(&sql,
             !source->server.mariadb && source->server.version >= 80013 ? "EXPRESSION" : "NULL");
    text_add(&sql, " FROM information_schema.STATISTICS");
    where_database(drafts, &sql, "TABLE_SCHEMA");
    text_add(&sql, " ORDER BY TABLE_NAME, INDEX_NAME <> 'PRIMARY', INDEX_NAME, SEQ_IN_INDEX");
    return drafts_query(drafts, &sql, index_row, err);
}

enum { F_TABLE, F_NAME, F_COLUMN, F_REF_SCHEMA, F_REF_TABLE, F_REF_COLUMN };

static int foreign_key_row(struct drafts *drafts, MYSQL_ROW row)
{
    struct draft *draft = drafts_find(drafts, row[F_TABLE]);
    struct pool *pool = &drafts->pool;
    struct rnl_foreign_key *key;
    const char **ref_columns;
    uint32_t *columns, count;
    int column;

    if (!draft)
        return 0;
    column = column_find(draft, row[F_COLUMN]);
    count = draft->table.nforeign_keys;
    key = draft->foreign_keys;
    if (column < 0)
        return -1;
    if (!count || strcmp(key[count - 1].name, row[F_NAME]) != 0) {
        key = items_grow(pool, key, &draft->table.nforeign_keys, &draft->foreign_keys_size,
                         sizeof(*key));
        if (!key)
            return -1;
        draft->foreign_keys = key;
        key += count;
        key->name = pool_text(pool, row[F_NAME]);
        key->ref_schema = pool_text(pool, row[F_REF_SCHEMA]);
        key->ref_table = pool_text(pool, row[F_REF_TABLE]);
        key->columns = pool_alloc(pool, 64 * sizeof(*columns));
        key->ref_columns = pool_alloc(pool, 64 * sizeof(*ref_columns));
        if (!key->name || !key->ref_schema || !key->ref_table || !key->columns || !key->ref_columns)
            return -1;
    } else {
        key += count - 1;
    }
    if (key->ncolumns == 64)
        return -1;
    memcpy(&columns, &key->columns, sizeof(columns));
    memcpy(&ref_columns, &key->ref_columns, sizeof(ref_columns));
    columns[key->ncolumns] = (uint32_t)column;
    ref_columns[key->ncolumns] = pool_text(pool, row[F_REF_COLUMN]);
    return ref_columns[key->ncolumns++] ? 0 : -1;
}

static uint16_t action_of(const char *rule)
{
    static const struct {
        const char *rule;
        uint16_t action;
    } actions[] = {
        {"RESTRICT", RNL_ACTION_RESTRICT},
        {"CASCADE", RNL_ACTION_CASCADE},
        {"SET NULL", RNL_ACTION_SET_NULL},
        {"SET DEFAULT", RNL_ACTION_SET_DEFAULT},
    };

    for (size_t i = 0; rule && i < sizeof(actions) / sizeof(actions[0]); i++)
        if (strcasecmp(actions[i].rule, rule) == 0)
            return actions[i].action;
    return RNL_ACTION_NONE;
}

enum { R_TABLE, R_NAME, R_UPDATE, R_DELETE };

static int rule_row(struct drafts *drafts, MYSQL_ROW row)
{
    struct draft *draft = drafts_find(drafts, row[R_TABLE]);

    for (uint32_t i = 0; draft && i < draft->table.nforeign_keys; i++) {
        struct rnl_foreign_key *key = &draft->foreign_keys[i];

        if (strcmp(key->name, row[R_NAME]) != 0)
            continue;
        key->on_update = action_of(row[R_UPDATE]);
        key->on_delete = action_of(row[R_DELETE]);
    }
    return 0;
}

static bool any_foreign_key(const struct drafts *drafts)
{
    for (size_t i = 0; i < drafts->count; i++)
        if (drafts->items[i].table.nforeign_keys)
            return true;
    return false;
}

int keys_describe(struct drafts *drafts, struct rnl_error *err)
{
    struct text sql = {0};
    int status = indexes_describe(drafts, err);

    if (status)
        return status;
    text_add(&sql, "SELECT TABLE_NAME, CONSTRAINT_NAME, COLUMN_NAME, REFERENCED_TABLE_SCHEMA, "
                   "REFERENCED_TABLE_NAME, REFERENCED_COLUMN_NAME "
                   "FROM information_schema.KEY_COLUMN_USAGE");
    where_database(drafts, &sql, "TABLE_SCHEMA");
    text_add(&sql, " AND REFERENCED_TABLE_NAME IS NOT NULL "
                   "ORDER BY TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION");
    status = drafts_query(drafts, &sql, foreign_key_row, err);
    /* MariaDB opens every table to answer the next: not for nothing */
    if (status || !any_foreign_key(drafts))
        return status;
    text_add(&sql, "SELECT TABLE_NAME, CONSTRAINT_NAME, UPDATE_RULE, DELETE_RULE "
                   "FROM information_schema.REFERENTIAL_CONSTRAINTS");
    where_database(drafts, &sql, "CONSTRAINT_SCHEMA");
    return drafts_query(drafts, &sql, rule_row, err);
}
