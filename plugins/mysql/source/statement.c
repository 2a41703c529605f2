/* What a statement that stands in the log as text is, and which tables it touches. */
#include "statement.h"

#include <string.h>
#include <strings.h>

/* A lexer, and who is told names; functions that take the lexer alone know where it stands. */
struct reading {
    struct lexer in;
    statement_name_fn *fn;
    void *user;
};

static void told(struct lexer *in, const char *schema, const char *table)
{
    struct reading *reading = (struct reading *)in;

    reading->fn(reading->user, schema, table);
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* IF EXISTS, IF NOT EXISTS */
static bool if_take(struct lexer *in)
{
    if (!lexer_take(in, "IF"))
        return false;
    lexer_take(in, "NOT");
    lexer_take(in, "EXISTS");
    return true;
}

/* a, a.b, .b */
static void table_take(struct lexer *in)
{
    char first[STATEMENT_NAME_MAX] = "";

    if (in->kind == TOKEN_WORD || in->kind == TOKEN_NAME) {
        memcpy(first, in->word, sizeof(first));
        lexer_next(in);
    }
    if (!lexer_is_sign(in, '.')) {
        if (*first)
            told(in, "", first);
        return;
    }
    lexer_next(in);
    if (in->kind == TOKEN_WORD || in->kind == TOKEN_NAME) {
        told(in, first, in->word);
        lexer_next(in);
    }
}

static void tables_take(struct lexer *in)
{
    table_take(in);
    while (lexer_is_sign(in, ',')) {
        lexer_next(in);
        table_take(in);
    }
}

/* What an ALTER TABLE says of other tables: RENAME TO b, EXCHANGE PARTITION p WITH TABLE b. */
static void alter_rest_read(struct lexer *in)
{
    while (in->kind != TOKEN_END) {
        if (lexer_take(in, "RENAME")) {
            if (lexer_is(in, "COLUMN") || lexer_is(in, "INDEX") || lexer_is(in, "KEY"))
                continue;
            if (!lexer_take(in, "TO") && !lexer_take(in, "AS") && lexer_is_sign(in, '='))
                lexer_next(in);
            table_take(in);
        } else if (lexer_take(in, "WITH")) {
            if (lexer_take(in, "TABLE"))
                table_take(in);
        } else {
            lexer_next(in);
        }
    }
}

static enum statement_kind alter_read(struct lexer *in)
{
    static const char *const skipped[] = {"ONLINE", "OFFLINE", "IGNORE", NULL};

    while (lexer_is_any(in, skipped))
        lexer_next(in);
    if (!lexer_take(in, "TABLE") && !lexer_take(in, "TABLES"))
        return STATEMENT_OTHER;
    if_take(in);
    table_take(in);
    alter_rest_read(in);
    return STATEMENT_DDL;
}

/* [IF …] name [USING type] ON table */
static enum statement_kind index_read(struct lexer *in)
{
    while (in->kind != TOKEN_END && !lexer_is(in, "ON"))
        lexer_next(in);
    if (lexer_take(in, "ON"))
        table_take(in);
    return STATEMENT_DDL;
}

static enum statement_kind create_read(struct lexer *in)
{
    static const char *const skipped[] = {"UNIQUE", "FULLTEXT", "SPATIAL", "VECTOR",
                                          "ONLINE", "OFFLINE",  NULL};
    bool temporary = false;

    for (;;) {
        if (lexer_take(in, "OR"))
            lexer_take(in, "REPLACE");
        else if (lexer_take(in, "TEMPORARY"))
            temporary = true;
        else if (lexer_is_any(in, skipped))
            lexer_next(in);
        else
            break;
    }
    if (lexer_take(in, "INDEX"))
        return index_read(in);
    if (!lexer_take(in, "TABLE") || temporary)
        return STATEMENT_OTHER;
    if_take(in);
    table_take(in);
    return STATEMENT_DDL;
}

static enum statement_kind drop_read(struct lexer *in)
{
    if (lexer_is(in, "DATABASE") || lexer_is(in, "SCHEMA")) {
        lexer_next(in);
        if_take(in);
        told(in, in->word, NULL);
        return STATEMENT_DROP_DATABASE;
    }
    if (lexer_take(in, "INDEX"))
        return index_read(in);
    if (!lexer_take(in, "TABLE") && !lexer_take(in, "TABLES"))
        return STATEMENT_OTHER; /* also DROP TEMPORARY TABLE */
    if_take(in);
    tables_take(in);
    return STATEMENT_DDL;
}

/* a TO b, c TO d */
static enum statement_kind rename_read(struct lexer *in)
{
    if (!lexer_take(in, "TABLE") && !lexer_take(in, "TABLES"))
        return STATEMENT_OTHER;
    if_take(in);
    table_take(in);
    while (in->kind != TOKEN_END) {
        bool more = lexer_is(in, "TO") || lexer_is_sign(in, ',');

        lexer_next(in);
        if (more)
            table_take(in);
    }
    return STATEMENT_DDL;
}

static enum statement_kind truncate_read(struct lexer *in)
{
    lexer_take(in, "TABLE");
    table_take(in);
    return STATEMENT_TRUNCATE;
}

/* The id as the log writes it, without what may stand behind. */
static void xa_id_take(struct lexer *in, struct statement *statement)
{
    static const char one_phase[] = "ONE PHASE";
    const char *from = in->at, *end = in->end;

    while (from < end && is_space(*from))
        from++;
    while (end > from && is_space(end[-1]))
        end--;
    if ((size_t)(end - from) > sizeof(one_phase) &&
        strncasecmp(end - sizeof(one_phase) + 1, one_phase, sizeof(one_phase) - 1) == 0)
        end -= sizeof(one_phase) - 1;
    while (end > from && is_space(end[-1]))
        end--;
    statement->rest = (struct rnl_slice){from, (size_t)(end - from)};
}

static enum statement_kind xa_read(struct lexer *in, struct statement *statement)
{
    enum statement_kind kind = lexer_is(in, "START") || lexer_is(in, "BEGIN") ? STATEMENT_XA_START
                               : lexer_is(in, "END")                          ? STATEMENT_XA_END
                               : lexer_is(in, "COMMIT")                       ? STATEMENT_XA_COMMIT
                               : lexer_is(in, "ROLLBACK") ? STATEMENT_XA_ROLLBACK
                                                          : STATEMENT_OTHER;

    xa_id_take(in, statement);
    return kind;
}

static enum statement_kind rollback_read(struct lexer *in)
{
    lexer_take(in, "WORK");
    return lexer_is(in, "TO") ? STATEMENT_ROLLBACK_TO : STATEMENT_ROLLBACK;
}

/* Any other verb is taken for one that changes rows: what it names decides. */
static enum statement_kind others_read(struct lexer *in)
{
    static const char *const harmless[] = {
        "GRANT", "REVOKE", "FLUSH",   "ANALYZE",   "OPTIMIZE", "REPAIR", "CHECK",     "SET",
        "USE",   "KILL",   "RESET",   "PURGE",     "CHANGE",   "SHOW",   "SAVEPOINT", "LOCK",
        "STOP",  "UNLOCK", "INSTALL", "UNINSTALL", "RELEASE",  "CACHE",  NULL};

    if (in->kind == TOKEN_END || lexer_is_any(in, harmless))
        return STATEMENT_OTHER;
    for (; in->kind != TOKEN_END; lexer_next(in))
        if (in->kind == TOKEN_WORD || in->kind == TOKEN_NAME)
            told(in, in->word, NULL);
    return STATEMENT_ROWS;
}

/* ANALYZE TABLE looks; MariaDB's ANALYZE UPDATE does it. */
static enum statement_kind analyze_read(struct lexer *in)
{
    static const char *const looks[] = {"TABLE", "TABLES", "LOCAL", "NO_WRITE_TO_BINLOG", NULL};

    return lexer_is_any(in, looks) ? STATEMENT_OTHER : others_read(in);
}

/* SET STATEMENT a = 1, b = 2 FOR the statement. */
static void settings_skip(struct lexer *in)
{
    struct lexer behind = *in;

    if (!lexer_take(&behind, "SET") || !lexer_take(&behind, "STATEMENT"))
        return;
    while (behind.kind != TOKEN_END && !lexer_is(&behind, "FOR"))
        lexer_next(&behind);
    if (lexer_take(&behind, "FOR"))
        *in = behind;
}

void statement_begin(const struct statement *statement, struct lexer *in)
{
    *in = (struct lexer){
        .at = statement->text.ptr,
        .end = (const char *)statement->text.ptr + statement->text.len,
        .ansi_quotes = statement->ansi_quotes,
        .no_escapes = statement->no_escapes,
    };
    lexer_next(in);
    settings_skip(in);
}

enum statement_kind statement_read(struct statement *statement, statement_name_fn *fn, void *user)
{
    struct reading reading = {.fn = fn, .user = user};
    struct lexer *in = &reading.in;

    statement->rest = (struct rnl_slice){0};
    statement_begin(statement, in);
    if (lexer_is(in, "BEGIN") || lexer_is(in, "START"))
        return STATEMENT_BEGIN;
    if (lexer_is(in, "COMMIT"))
        return STATEMENT_COMMIT;
    if (lexer_take(in, "ROLLBACK"))
        return rollback_read(in);
    if (lexer_is(in, "XA")) {
        lexer_next(in);
        return xa_read(in, statement);
    }
    if (lexer_take(in, "TRUNCATE"))
        return truncate_read(in);
    if (lexer_take(in, "ALTER"))
        return alter_read(in);
    if (lexer_take(in, "CREATE"))
        return create_read(in);
    if (lexer_take(in, "DROP"))
        return drop_read(in);
    if (lexer_take(in, "RENAME"))
        return rename_read(in);
    if (lexer_take(in, "ANALYZE"))
        return analyze_read(in);
    return others_read(in);
}
