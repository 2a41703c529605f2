/* What a statement that stands in the log as text is, and which tables it touches. */
#include "statement.h"

#include <string.h>
#include <strings.h>

enum token_kind { TOKEN_END, TOKEN_WORD, TOKEN_NAME, TOKEN_TEXT, TOKEN_SIGN };

struct lexer {
    const char *at, *end;
    const struct statement *statement;
    enum token_kind kind;
    char sign;
    char word[STATEMENT_NAME_MAX]; /* of WORD and NAME; cut where it is longer */
    statement_name_fn *fn;
    void *user;
};

static size_t left(const struct lexer *in)
{
    return (size_t)(in->end - in->at);
}

static bool starts(const struct lexer *in, const char *with)
{
    size_t len = strlen(with);

    return left(in) >= len && memcmp(in->at, with, len) == 0;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static void skip_behind(struct lexer *in, const char *mark)
{
    while (in->at < in->end && !starts(in, mark))
        in->at++;
    in->at = left(in) >= strlen(mark) ? in->at + strlen(mark) : in->end;
}

/* A comment that begins with an exclamation mark is code: only its frame is passed over. */
static void code_comment_enter(struct lexer *in)
{
    skip_behind(in, "!");
    while (in->at < in->end && *in->at >= '0' && *in->at <= '9')
        in->at++;
}

static bool is_line_comment(const struct lexer *in)
{
    return *in->at == '#' || (starts(in, "--") && (left(in) == 2 || is_space(in->at[2])));
}

static void blanks_skip(struct lexer *in)
{
    while (in->at < in->end) {
        if (is_space(*in->at))
            in->at++;
        else if (starts(in, "/*!") || starts(in, "/*M!"))
            code_comment_enter(in);
        else if (starts(in, "/*")) {
            in->at += 2;
            skip_behind(in, "*/");
        } else if (starts(in, "*/"))
            in->at += 2; /* of a comment that is code */
        else if (is_line_comment(in))
            skip_behind(in, "\n");
        else
            return;
    }
}

static void word_add(struct lexer *in, size_t *len, char c)
{
    if (*len + 1 < sizeof(in->word))
        in->word[(*len)++] = c;
    in->word[*len] = '\0';
}

static void quoted_read(struct lexer *in, char quote, bool escapes)
{
    size_t len = 0;

    in->word[0] = '\0';
    for (in->at++; in->at < in->end; in->at++) {
        if (*in->at == '\\' && escapes && left(in) > 1)
            in->at++;
        else if (*in->at == quote) {
            if (left(in) < 2 || in->at[1] != quote)
                break;
            in->at++;
        }
        word_add(in, &len, *in->at);
    }
    if (in->at < in->end)
        in->at++;
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '$' || (unsigned char)c >= 0x80;
}

static void next(struct lexer *in)
{
    bool escapes = !in->statement->no_escapes;
    size_t len = 0;

    blanks_skip(in);
    in->word[0] = '\0';
    if (in->at == in->end) {
        in->kind = TOKEN_END;
    } else if (*in->at == '`' || (*in->at == '"' && in->statement->ansi_quotes)) {
        in->kind = TOKEN_NAME;
        quoted_read(in, *in->at, false);
    } else if (*in->at == '\'' || *in->at == '"') {
        in->kind = TOKEN_TEXT;
        quoted_read(in, *in->at, escapes);
    } else if (is_word(*in->at)) {
        in->kind = TOKEN_WORD;
        for (; in->at < in->end && is_word(*in->at); in->at++)
            word_add(in, &len, *in->at);
    } else {
        in->kind = TOKEN_SIGN;
        in->sign = *in->at++;
    }
}

static bool is(const struct lexer *in, const char *word)
{
    return in->kind == TOKEN_WORD && strcasecmp(in->word, word) == 0;
}

static bool is_any(const struct lexer *in, const char *const *words)
{
    for (; *words; words++)
        if (is(in, *words))
            return true;
    return false;
}

static bool is_sign(const struct lexer *in, char sign)
{
    return in->kind == TOKEN_SIGN && in->sign == sign;
}

static bool take(struct lexer *in, const char *word)
{
    if (!is(in, word))
        return false;
    next(in);
    return true;
}

/* IF EXISTS, IF NOT EXISTS */
static bool if_take(struct lexer *in)
{
    if (!take(in, "IF"))
        return false;
    take(in, "NOT");
    take(in, "EXISTS");
    return true;
}

/* a, a.b, .b */
static void table_take(struct lexer *in)
{
    char first[STATEMENT_NAME_MAX] = "";

    if (in->kind == TOKEN_WORD || in->kind == TOKEN_NAME) {
        memcpy(first, in->word, sizeof(first));
        next(in);
    }
    if (!is_sign(in, '.')) {
        if (*first)
            in->fn(in->user, "", first);
        return;
    }
    next(in);
    if (in->kind == TOKEN_WORD || in->kind == TOKEN_NAME) {
        in->fn(in->user, first, in->word);
        next(in);
    }
}

static void tables_take(struct lexer *in)
{
    table_take(in);
    while (is_sign(in, ',')) {
        next(in);
        table_take(in);
    }
}

/* What an ALTER TABLE says of other tables: RENAME TO b, EXCHANGE PARTITION p WITH TABLE b. */
static void alter_rest_read(struct lexer *in)
{
    while (in->kind != TOKEN_END) {
        if (take(in, "RENAME")) {
            if (is(in, "COLUMN") || is(in, "INDEX") || is(in, "KEY"))
                continue;
            if (!take(in, "TO") && !take(in, "AS") && is_sign(in, '='))
                next(in);
            table_take(in);
        } else if (take(in, "WITH")) {
            if (take(in, "TABLE"))
                table_take(in);
        } else {
            next(in);
        }
    }
}

static enum statement_kind alter_read(struct lexer *in)
{
    static const char *const skipped[] = {"ONLINE", "OFFLINE", "IGNORE", NULL};

    while (is_any(in, skipped))
        next(in);
    if (!take(in, "TABLE") && !take(in, "TABLES"))
        return STATEMENT_OTHER;
    if_take(in);
    table_take(in);
    alter_rest_read(in);
    return STATEMENT_DDL;
}

/* [IF …] name [USING type] ON table */
static enum statement_kind index_read(struct lexer *in)
{
    while (in->kind != TOKEN_END && !is(in, "ON"))
        next(in);
    if (take(in, "ON"))
        table_take(in);
    return STATEMENT_DDL;
}

static enum statement_kind create_read(struct lexer *in)
{
    static const char *const skipped[] = {"UNIQUE", "FULLTEXT", "SPATIAL", "VECTOR",
                                          "ONLINE", "OFFLINE",  NULL};
    bool replace = false, temporary = false;

    for (;;) {
        if (take(in, "OR"))
            replace = take(in, "REPLACE");
        else if (take(in, "TEMPORARY"))
            temporary = true;
        else if (is_any(in, skipped))
            next(in);
        else
            break;
    }
    if (take(in, "INDEX"))
        return index_read(in);
    if (!take(in, "TABLE") || temporary)
        return STATEMENT_OTHER;
    if (if_take(in) && !replace)
        return STATEMENT_OTHER; /* a table that is followed stands already */
    table_take(in);
    return STATEMENT_DDL;
}

static enum statement_kind drop_read(struct lexer *in)
{
    if (is(in, "DATABASE") || is(in, "SCHEMA")) {
        next(in);
        if_take(in);
        in->fn(in->user, in->word, NULL);
        return STATEMENT_DROP_DATABASE;
    }
    if (take(in, "INDEX"))
        return index_read(in);
    if (!take(in, "TABLE") && !take(in, "TABLES"))
        return STATEMENT_OTHER; /* also DROP TEMPORARY TABLE */
    if_take(in);
    tables_take(in);
    return STATEMENT_DDL;
}

/* a TO b, c TO d */
static enum statement_kind rename_read(struct lexer *in)
{
    if (!take(in, "TABLE") && !take(in, "TABLES"))
        return STATEMENT_OTHER;
    if_take(in);
    table_take(in);
    while (in->kind != TOKEN_END) {
        bool more = is(in, "TO") || is_sign(in, ',');

        next(in);
        if (more)
            table_take(in);
    }
    return STATEMENT_DDL;
}

static enum statement_kind truncate_read(struct lexer *in)
{
    take(in, "TABLE");
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
    enum statement_kind kind = is(in, "START") || is(in, "BEGIN") ? STATEMENT_XA_START
                               : is(in, "END")                    ? STATEMENT_XA_END
                               : is(in, "COMMIT")                 ? STATEMENT_XA_COMMIT
                               : is(in, "ROLLBACK")               ? STATEMENT_XA_ROLLBACK
                                                                  : STATEMENT_OTHER;

    xa_id_take(in, statement);
    return kind;
}

static enum statement_kind rollback_read(struct lexer *in)
{
    take(in, "WORK");
    return is(in, "TO") ? STATEMENT_ROLLBACK_TO : STATEMENT_ROLLBACK;
}

/* Any other verb is taken for one that changes rows: what it names decides. */
static enum statement_kind others_read(struct lexer *in)
{
    static const char *const harmless[] = {
        "GRANT", "REVOKE", "FLUSH",   "ANALYZE",   "OPTIMIZE", "REPAIR", "CHECK",     "SET",
        "USE",   "KILL",   "RESET",   "PURGE",     "CHANGE",   "SHOW",   "SAVEPOINT", "LOCK",
        "STOP",  "UNLOCK", "INSTALL", "UNINSTALL", "RELEASE",  "CACHE",  NULL};

    if (in->kind == TOKEN_END || is_any(in, harmless))
        return STATEMENT_OTHER;
    for (; in->kind != TOKEN_END; next(in))
        if (in->kind == TOKEN_WORD || in->kind == TOKEN_NAME)
            in->fn(in->user, in->word, NULL);
    return STATEMENT_ROWS;
}

/* ANALYZE TABLE looks; MariaDB's ANALYZE UPDATE does it. */
static enum statement_kind analyze_read(struct lexer *in)
{
    static const char *const looks[] = {"TABLE", "TABLES", "LOCAL", "NO_WRITE_TO_BINLOG", NULL};

    return is_any(in, looks) ? STATEMENT_OTHER : others_read(in);
}

/* SET STATEMENT a = 1, b = 2 FOR the statement. */
static void settings_skip(struct lexer *in)
{
    struct lexer behind = *in;

    if (!take(&behind, "SET") || !take(&behind, "STATEMENT"))
        return;
    while (behind.kind != TOKEN_END && !is(&behind, "FOR"))
        next(&behind);
    if (take(&behind, "FOR"))
        *in = behind;
}

enum statement_kind statement_read(struct statement *statement, statement_name_fn *fn, void *user)
{
    struct lexer in = {
        .at = statement->text.ptr,
        .end = (const char *)statement->text.ptr + statement->text.len,
        .statement = statement,
        .fn = fn,
        .user = user,
    };

    statement->rest = (struct rnl_slice){0};
    next(&in);
    settings_skip(&in);
    if (is(&in, "BEGIN") || is(&in, "START"))
        return STATEMENT_BEGIN;
    if (is(&in, "COMMIT"))
        return STATEMENT_COMMIT;
    if (take(&in, "ROLLBACK"))
        return rollback_read(&in);
    if (is(&in, "XA")) {
        next(&in);
        return xa_read(&in, statement);
    }
    if (take(&in, "TRUNCATE"))
        return truncate_read(&in);
    if (take(&in, "ALTER"))
        return alter_read(&in);
    if (take(&in, "CREATE"))
        return create_read(&in);
    if (take(&in, "DROP"))
        return drop_read(&in);
    if (take(&in, "RENAME"))
        return rename_read(&in);
    if (take(&in, "ANALYZE"))
        return analyze_read(&in);
    return others_read(&in);
}
