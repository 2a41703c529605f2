/* Describes check constraints; those that make a MariaDB LONGTEXT a JSON become its type. */
#include "describe.h"
#include "parse.h"

enum { K_TABLE, K_NAME, K_CLAUSE, K_ENFORCED, K_COLUMN };

static bool json_make(struct draft *draft, const char *clause)
{
    for (uint32_t i = 0; i < draft->table.ncolumns; i++) {
        struct rnl_column *column = &draft->columns[i];

        if (column->type == RNL_T_TEXT && is_json_check(clause, column->name)) {
            column->type = RNL_T_JSON;
            return true;
        }
    }
    return false;
}

/* A check of a column carries its name: by an own name it can't collide with the table's. */
static const char *check_name(struct drafts *drafts, MYSQL_ROW row)
{
    struct text name = {0};
    const char *copy;

    if (strcmp(row[K_COLUMN], "1") != 0)
        return pool_text(&drafts->pool, row[K_NAME]);
    text_printf(&name, "%s_check", row[K_NAME]);
    copy = name.failed ? NULL : pool_text(&drafts->pool, name.ptr);
    text_free(&name);
    return copy;
}

static int check_row(struct drafts *drafts, MYSQL_ROW row)
{
    struct draft *draft = drafts_find(drafts, row[K_TABLE]);
    bool mariadb = drafts->source->server.mariadb;
    struct rnl_check *check;

    if (!draft || (mariadb && json_make(draft, row[K_CLAUSE])))
        return 0;
    check = items_grow(&drafts->pool, draft->checks, &draft->table.nchecks, &draft->checks_size,
                       sizeof(*check));
    if (!check)
        return -1;
    draft->checks = check;
    check += draft->table.nchecks - 1;
    check->name = check_name(drafts, row);
    check->expression = mariadb ? pool_text(&drafts->pool, row[K_CLAUSE])
                                : expression_plain(&drafts->pool, row[K_CLAUSE]);
    check->enforced = strcmp(row[K_ENFORCED], "YES") == 0;
    return check->name && check->expression ? 0 : -1;
}

int checks_describe(struct drafts *drafts, struct rnl_error *err)
{
    const struct source *source = drafts->source;
    struct text sql = {0};

    if (source->server.mariadb) {
        text_add(&sql, "SELECT TABLE_NAME, CONSTRAINT_NAME, CHECK_CLAUSE, 'YES', ");
        /* LEVEL: since 10.5.10 */
        text_add(&sql, source->server.version >= 100510 ? "LEVEL = 'Column'" : "0");
        text_add(&sql, " FROM information_schema.CHECK_CONSTRAINTS");
        where_database(drafts, &sql, "CONSTRAINT_SCHEMA");
        text_add(&sql, " ORDER BY TABLE_NAME, CONSTRAINT_NAME");
        return drafts_query(drafts, &sql, check_row, err);
    }
    if (source->server.version < 80016)
        return RNL_OK; /* parsed and forgotten by the server itself */
    text_add(&sql, "SELECT t.TABLE_NAME, t.CONSTRAINT_NAME, c.CHECK_CLAUSE, t.ENFORCED, 0 "
                   "FROM information_schema.TABLE_CONSTRAINTS t "
                   "JOIN information_schema.CHECK_CONSTRAINTS c USING (CONSTRAINT_SCHEMA, "
                   "CONSTRAINT_NAME)");
    where_database(drafts, &sql, "t.TABLE_SCHEMA");
    text_add(&sql, " AND t.CONSTRAINT_TYPE = 'CHECK' ORDER BY 1, 2");
    return drafts_query(drafts, &sql, check_row, err);
}
