/* Reads the text of CREATE TABLE and CREATE INDEX for what no pragma tells. */
#include "source.h"

#include <ctype.h>
#include <strings.h>

/* One token: a word, a quoted name, a literal, a sign, or a whole (…). */
struct token {
    const char *at;
    size_t len;
};

static size_t quoted_length(const char *at)
{
    char end = *at == '[' ? ']' : *at;
    size_t i = 1;

    while (at[i]) {
        if (at[i] == end) {
            if (end != ']' && at[i + 1] == end) {
                i += 2;
                continue;
            }
            return i + 1;
        }
        i++;
    }
    return i;
}

/* Blanks and comments. */
static const char *skip_blank(const char *at)
{
    for (;;) {
        if (isspace((unsigned char)*at))
            at++;
        else if (at[0] == '-' && at[1] == '-')
            at += strcspn(at, "\n");
        else if (at[0] == '/' && at[1] == '*') {
            const char *end = strstr(at + 2, "*/");

            at = end ? end + 2 : at + strlen(at);
        } else
            return at;
    }
}

static bool is_quote(char byte)
{
    return byte == '\'' || byte == '"' || byte == '`' || byte == '[';
}

static bool is_word(char byte)
{
    return isalnum((unsigned char)byte) || byte == '_' || byte == '$' ||
           (unsigned char)byte >= 0x80;
}

static size_t group_length(const char *at)
{
    size_t i = 0;
    int depth = 0;

    while (at[i]) {
        const char *next = skip_blank(at + i);

        if (next != at + i) {
            i = (size_t)(next - at);
            continue;
        }
        if (is_quote(at[i])) {
            i += quoted_length(at + i);
            continue;
        }
        depth += at[i] == '(' ? 1 : at[i] == ')' ? -1 : 0;
        i++;
        if (depth == 0)
            return i;
    }
    return i;
}

/* The next token, and *at behind it; false at the end. */
static bool token_next(const char **at, const char *end, struct token *token)
{
    const char *from = skip_blank(*at);
    size_t len = 0;

    if (from >= end || !*from)
        return false;
    if (is_quote(*from))
        len = quoted_length(from);
    else if (*from == '(')
        len = group_length(from);
    else if (is_word(*from))
        while (is_word(from[len]))
            len++;
    else
        len = 1;
    if (from + len > end)
        len = (size_t)(end - from);
    *token = (struct token){from, len};
    *at = from + len;
    return true;
}

static bool token_is(const struct token *token, const char *word)
{
    return token->len == strlen(word) && strncasecmp(token->at, word, token->len) == 0;
}

/* A name without its quotes. */
static char *token_name(struct arena *arena, const struct token *token)
{
    char *name = arena_alloc(arena, token->len + 1);
    size_t to = 0;
    char end;

    if (!name)
        return NULL;
    if (!is_quote(*token->at)) {
        memcpy(name, token->at, token->len);
        return name;
    }
    end = *token->at == '[' ? ']' : *token->at;
    for (size_t i = 1; i + 1 < token->len; i++) {
        name[to++] = token->at[i];
        if (token->at[i] == end)
            i++;
    }
    return name;
}

/* What stands in the (…) of a token. */
static char *token_inside(struct arena *arena, const struct token *token)
{
    char *text = arena_alloc(arena, token->len + 1);

    if (text && token->len >= 2)
        memcpy(text, token->at + 1, token->len - 2);
    return text;
}

/* The (…) that holds the columns of a CREATE TABLE; false: there is none (AS SELECT). */
static bool body_find(const char *sql, struct token *body)
{
    const char *at = sql, *end = sql + strlen(sql);

    while (token_next(&at, end, body))
        if (*body->at == '(')
            return true;
    return false;
}

/* The next item between commas of a body; false at the end. */
static bool item_next(const char **at, const char *end, struct token *item)
{
    const char *from = skip_blank(*at), *next = from;
    struct token token;

    if (from >= end)
        return false;
    while (token_next(&next, end, &token))
        if (*token.at == ',') {
            *item = (struct token){from, (size_t)(token.at - from)};
            *at = next;
            return true;
        }
    *item = (struct token){from, (size_t)(end - from)};
    *at = end;
    return true;
}

static bool add_check(struct draft *draft, const char *name, const struct token *group)
{
    struct rnl_check *checks = arena_alloc(&draft->arena, (draft->nchecks + 1) * sizeof(*checks));

    if (!checks)
        return false;
    if (draft->nchecks)
        memcpy(checks, draft->checks, draft->nchecks * sizeof(*checks));
    checks[draft->nchecks] = (struct rnl_check){
        .name = name ? name : "",
        .expression = token_inside(&draft->arena, group),
        .enforced = 1,
    };
    draft->checks = checks;
    return checks[draft->nchecks++].expression != NULL;
}

/* Constraints of a column or of the table: CHECKs, the generated expression, AUTOINCREMENT. */
static bool item_read(struct draft *draft, struct rnl_column *column, const char *at,
                      const char *end)
{
    struct token token, next;
    const char *name = NULL;

    while (token_next(&at, end, &token)) {
        if (token_is(&token, "CONSTRAINT") && token_next(&at, end, &next)) {
            name = token_name(&draft->arena, &next);
            continue;
        }
        if (token_is(&token, "CHECK") && token_next(&at, end, &next)) {
            if (!add_check(draft, name, &next))
                return false;
        } else if (column && token_is(&token, "AS") && token_next(&at, end, &next)) {
            column->generated = token_inside(&draft->arena, &next);
        } else if (column && token_is(&token, "COLLATE") && token_next(&at, end, &next)) {
            column->collation = token_name(&draft->arena, &next);
        } else if (token_is(&token, "AUTOINCREMENT")) {
            draft->autoincrement = true;
        } else
            continue;
        name = NULL;
    }
    return true;
}

static bool is_table_constraint(const struct token *token)
{
    static const char *const words[] = {"CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (token_is(token, words[i]))
            return true;
    return false;
}

bool create_table_read(struct draft *draft, const char *sql)
{
    struct token body, item, first;
    const char *at, *end;

    if (!sql || !body_find(sql, &body))
        return true;
    at = body.at + 1;
    end = body.at + body.len - 1;
    while (item_next(&at, end, &item)) {
        const char *inside = item.at;
        struct rnl_column *column = NULL;

        if (!token_next(&inside, item.at + item.len, &first))
            continue;
        if (is_table_constraint(&first))
            inside = item.at;
        else {
            const char *name = token_name(&draft->arena, &first);
            int index = name ? draft_column(draft, name) : -1;

            column = index >= 0 ? &draft->columns[index] : NULL;
        }
        if (!item_read(draft, column, inside, item.at + item.len))
            return false;
    }
    return true;
}

uint32_t create_foreign_key_flags(const char *sql, uint32_t index)
{
    struct token body, token;
    const char *at, *end;
    uint32_t flags = 0, seen = 0;
    bool ours = false, negated = false;

    if (!sql || !body_find(sql, &body))
        return 0;
    at = body.at + 1;
    end = body.at + body.len - 1;
    while (token_next(&at, end, &token)) {
        if (token_is(&token, "REFERENCES"))
            ours = seen++ == index;
        if (!ours)
            continue;
        if (*token.at == ',')
            break;
        if (token_is(&token, "DEFERRABLE") && !negated)
            flags |= RNL_FOREIGN_KEY_DEFERRABLE;
        if (token_is(&token, "DEFERRED") && flags & RNL_FOREIGN_KEY_DEFERRABLE)
            flags |= RNL_FOREIGN_KEY_DEFERRED;
        negated = token_is(&token, "NOT");
    }
    return flags;
}

char *create_index_part(struct arena *arena, const char *sql, uint32_t index)
{
    struct token body, item, token;
    const char *at, *end, *inside;
    char *text;
    size_t len;

    if (!sql || !body_find(sql, &body))
        return NULL;
    at = body.at + 1;
    end = body.at + body.len - 1;
    for (uint32_t i = 0;; i++) {
        if (!item_next(&at, end, &item))
            return NULL;
        if (i == index)
            break;
    }
    len = item.len;
    /* Behind the expression may stand COLLATE name, ASC or DESC: pragmas tell those. */
    inside = item.at;
    while (token_next(&inside, item.at + item.len, &token)) {
        if (token_is(&token, "COLLATE") || token_is(&token, "ASC") || token_is(&token, "DESC")) {
            len = (size_t)(token.at - item.at);
            break;
        }
    }
    while (len > 0 && isspace((unsigned char)item.at[len - 1]))
        len--;
    text = arena_alloc(arena, len + 1);
    if (text)
        memcpy(text, item.at, len);
    return text;
}

char *create_index_where(struct arena *arena, const char *sql)
{
    struct token body, token;
    const char *at, *end;

    if (!sql || !body_find(sql, &body))
        return NULL;
    at = body.at + body.len;
    end = sql + strlen(sql);
    if (!token_next(&at, end, &token) || !token_is(&token, "WHERE"))
        return NULL;
    return arena_strdup(arena, skip_blank(at));
}
