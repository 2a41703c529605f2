/* What ALTER TABLE, CREATE TABLE, CREATE INDEX and DROP INDEX make of a table's form. */
#include "form.h"

#include <strings.h>

/* ALTER TABLE drops first, whatever the order of words. */
enum pass { PASS_DROP, PASS_REST };

static bool if_take(struct lexer *in)
{
    if (!lexer_take(in, "IF"))
        return false;
    lexer_take(in, "NOT");
    lexer_take(in, "EXISTS");
    return true;
}

static void names_take(struct lexer *in, char schema[static STATEMENT_NAME_MAX],
                       char table[static STATEMENT_NAME_MAX])
{
    schema[0] = table[0] = '\0';
    if (lexer_is_name(in)) {
        memcpy(table, in->word, STATEMENT_NAME_MAX);
        lexer_next(in);
    }
    if (!lexer_take_sign(in, '.'))
        return;
    memcpy(schema, table, STATEMENT_NAME_MAX);
    memcpy(table, in->word, STATEMENT_NAME_MAX);
    lexer_next(in);
}

static void table_pass(struct lexer *in)
{
    char schema[STATEMENT_NAME_MAX], table[STATEMENT_NAME_MAX];

    names_take(in, schema, table);
    while (lexer_is(in, "WAIT") || lexer_is(in, "NOWAIT")) {
        bool wait = lexer_take(in, "WAIT");

        lexer_next(in);
        if (!wait)
            return;
    }
}

/* --- columns ------------------------------------------------------------------------------ */

static void place_take(struct form *form, struct form_column *column, struct lexer *in)
{
    if (lexer_take(in, "FIRST")) {
        form_column_move(form, column, NULL);
    } else if (lexer_take(in, "AFTER")) {
        form_column_move(form, column, in->word);
        lexer_next(in);
    }
}

/* Rows that are there get a value that the log doesn't tell. */
static bool fills_rows(const struct rnl_column *column)
{
    if (column->flags & RNL_COLUMN_IDENTITY || column->default_kind == RNL_DEFAULT_NOW)
        return true;
    return column->default_kind == RNL_DEFAULT_EXPRESSION &&
           strncmp(column->default_text, "x'", 2) != 0;
}

static void column_take(struct form *form, bool careful, struct lexer *in)
{
    struct form_column *column;

    if (!lexer_is_name(in)) {
        form->strange = true;
        return;
    }
    if (form_column_now(form, in->word)) {
        form->repeated = form->repeated || !careful;
        lexer_skip_item(in);
        return;
    }
    column = form_column_add(form, in->word);
    if (!column)
        return;
    lexer_next(in);
    form_define(form, column, in);
    if (form->failed || !form->before)
        return;
    for (uint32_t i = 0; i < form->before->ncolumns; i++)
        if (strcasecmp(form->before->columns[i].name, column->is.name) == 0)
            form->load = true; /* one of its name was dropped */
    form->load = form->load || fills_rows(&column->is);
    place_take(form, column, in);
}

/* What stands between the parentheses of CREATE TABLE, or of ADD. */
static void items_take(struct form *form, bool careful, struct lexer *in)
{
    do {
        if (lexer_is(in, "PERIOD")) {
            form->strange = true;
            return;
        }
        if (!form_constraint(form, in))
            column_take(form, careful, in);
        if (form->failed || form->strange || form->repeated)
            return;
        lexer_skip_item(in);
    } while (lexer_take_sign(in, ','));
    form->strange = form->strange || !lexer_take_sign(in, ')');
}

static void add_read(struct form *form, struct lexer *in)
{
    bool careful;

    if (lexer_is(in, "PARTITION"))
        return;
    if (lexer_is(in, "SYSTEM") || lexer_is(in, "PERIOD")) {
        form->strange = true;
        return;
    }
    if (form_constraint(form, in))
        return;
    lexer_take(in, "COLUMN");
    careful = if_take(in);
    if (lexer_take_sign(in, '('))
        items_take(form, careful, in);
    else
        column_take(form, careful, in);
}

/* It goes on under another name; the name before must not be missing. */
static void column_rename(struct form *form, struct form_column *column, const char *name)
{
    column->is.name = form_text(form, name, strlen(name));
}

/* Behind CHANGE and MODIFY: a [b] definition */
static void change_read(struct form *form, bool rename, struct lexer *in)
{
    struct form_column *column;
    bool careful;

    lexer_take(in, "COLUMN");
    careful = if_take(in);
    column = form_column_before(form, in->word);
    if (!column) {
        form->repeated = form->repeated || !careful;
        lexer_skip_item(in);
        return;
    }
    lexer_next(in);
    if (rename && lexer_is_name(in)) {
        column_rename(form, column, in->word);
        lexer_next(in);
    }
    if (form->failed)
        return;
    form_define(form, column, in);
    if (!form->failed)
        place_take(form, column, in);
}

/* Behind ALTER: [COLUMN] a SET DEFAULT …, DROP DEFAULT; INDEX i [IN]VISIBLE */
static void alter_read(struct form *form, struct lexer *in)
{
    struct form_column *column;
    struct rnl_index *index;
    bool careful;

    if (lexer_take(in, "INDEX") || lexer_take(in, "KEY")) {
        if_take(in);
        index = form_index_find(form, in->word);
        lexer_next(in);
        if (index && (lexer_is(in, "INVISIBLE") || lexer_is(in, "IGNORED")))
            index->flags |= RNL_INDEX_INVISIBLE;
        else if (index)
            index->flags &= ~(uint32_t)RNL_INDEX_INVISIBLE;
        return;
    }
    if (lexer_is(in, "CHECK") || lexer_is(in, "CONSTRAINT")) {
        struct rnl_check *check;

        lexer_next(in);
        check = form_check_find(form, in->word);
        lexer_next(in);
        if (check)
            check->enforced = !lexer_is(in, "NOT");
        return;
    }
    lexer_take(in, "COLUMN");
    careful = if_take(in);
    column = form_column_before(form, in->word);
    form->repeated = form->repeated || (!column && !careful);
    if (!column)
        return;
    lexer_next(in);
    if (lexer_take(in, "DROP")) {
        column->is.default_kind = RNL_DEFAULT_NONE;
        column->is.default_text = NULL;
    } else if (lexer_take(in, "SET") && lexer_take(in, "DEFAULT")) {
        form_default(form, column, in);
        column->told = true;
    } else if (lexer_is(in, "INVISIBLE")) {
        column->is.flags |= RNL_COLUMN_INVISIBLE;
    } else if (lexer_is(in, "VISIBLE")) {
        column->is.flags &= ~(uint32_t)RNL_COLUMN_INVISIBLE;
    }
}

static void rename_read(struct form *form, struct lexer *in)
{
    if (lexer_take(in, "COLUMN")) {
        bool careful = if_take(in);
        struct form_column *column = form_column_before(form, in->word);

        form->repeated = form->repeated || (!column && !careful);
        lexer_next(in);
        lexer_take(in, "TO");
        if (column)
            column_rename(form, column, in->word);
    } else if (lexer_is(in, "INDEX") || lexer_is(in, "KEY")) {
        struct rnl_index *index;
        bool careful;

        lexer_next(in);
        careful = if_take(in);
        index = form_index_find(form, in->word);
        form->repeated = form->repeated || (!index && !careful);
        lexer_next(in);
        lexer_take(in, "TO");
        if (index)
            index->name = form_text(form, in->word, strlen(in->word));
        form->failed = form->failed || (index && !index->name);
    } else {
        if (!lexer_take(in, "TO") && !lexer_take(in, "AS"))
            lexer_take_sign(in, '=');
        names_take(in, form->to_schema, form->to);
    }
}

/* --- DROP --------------------------------------------------------------------------------- */

static void index_gone(struct form *form, const char *name, bool careful)
{
    struct rnl_index *index = form_index_find(form, name);

    if (index)
        form_index_drop(form, index);
    else
        form->repeated = form->repeated || !careful;
}

/* CONSTRAINT says of no kind. */
static void constraint_gone(struct form *form, const char *name, bool careful)
{
    struct rnl_foreign_key *key = form_key_find(form, name);
    struct rnl_check *check = form_check_find(form, name);

    if (key)
        form_key_drop(form, key);
    else if (check)
        form_check_drop(form, check);
    else if (form_index_find(form, name))
        index_gone(form, name, careful);
}

static void column_gone(struct form *form, struct lexer *in)
{
    struct form_column *column;
    bool careful;

    lexer_take(in, "COLUMN");
    careful = if_take(in);
    column = form_column_before(form, in->word);
    if (column)
        form_column_drop(form, column);
    else
        form->repeated = form->repeated || !careful;
    lexer_next(in);
}

static void drop_read(struct form *form, struct lexer *in)
{
    bool careful;

    if (lexer_is(in, "PARTITION")) {
        form->load = true; /* its rows are gone */
    } else if (lexer_is(in, "SYSTEM") || lexer_is(in, "PERIOD")) {
        form->strange = true;
    } else if (lexer_take(in, "PRIMARY")) {
        index_gone(form, "PRIMARY", false);
    } else if (lexer_is(in, "INDEX") || lexer_is(in, "KEY")) {
        lexer_next(in);
        careful = if_take(in);
        index_gone(form, in->word, careful);
    } else if (lexer_take(in, "FOREIGN")) {
        struct rnl_foreign_key *key;

        lexer_take(in, "KEY");
        careful = if_take(in);
        key = form_key_find(form, in->word);
        if (key)
            form_key_drop(form, key);
        else
            form->repeated = form->repeated || !careful;
    } else if (lexer_is(in, "CONSTRAINT") || lexer_is(in, "CHECK")) {
        lexer_next(in);
        careful = if_take(in);
        constraint_gone(form, in->word, careful);
    } else {
        column_gone(form, in);
    }
}

/* --- what concerns all of the table ------------------------------------------------------- */

/* ENGINE=InnoDB COMMENT 'x' DEFAULT CHARSET=utf8mb4 …: as many as stand without a comma. */
static void options_read(struct form *form, struct lexer *in)
{
    const char *charset = NULL, *collation = NULL;

    while (in->kind != TOKEN_END && !lexer_is_sign(in, ',') && !lexer_is_sign(in, ')') &&
           !lexer_is(in, "PARTITION") && !form->failed) {
        if (lexer_take(in, "COMMENT")) {
            lexer_take_sign(in, '=');
            if (in->kind == TOKEN_TEXT)
                form->table.comment = form_text(form, in->word, strlen(in->word));
            lexer_next(in);
        } else if (lexer_is_sign(in, '(')) {
            lexer_group(in);
        } else if (lexer_is(in, "WITH") || lexer_is(in, "WITHOUT")) {
            lexer_next(in);
            form->strange = form->strange || lexer_is(in, "SYSTEM");
        } else if (!form_charset_take(form, in, &charset, &collation)) {
            if (lexer_is(in, "SELECT") || lexer_is(in, "AS"))
                form->copied = true;
            lexer_next(in);
        }
    }
    if (!charset && collation)
        charset = form_text(form, collation, strcspn(collation, "_"));
    if (charset) {
        form->charset = charset;
        form->collation = collation;
    }
}

/* Behind CONVERT TO */
static void convert_read(struct form *form, struct lexer *in)
{
    const char *charset = NULL, *collation = NULL;

    while (form_charset_take(form, in, &charset, &collation) && !form->failed)
        ;
    if (!charset && collation)
        charset = form_text(form, collation, strcspn(collation, "_"));
    for (uint32_t i = 0; charset && i < form->table.ncolumns; i++) {
        struct rnl_column *column = &form->columns[i].is;

        if (column->type != RNL_T_TEXT || !column->charset)
            continue;
        column->charset = charset;
        column->collation = collation;
        form->columns[i].told = true;
    }
    if (charset) {
        form->charset = charset;
        form->collation = collation;
    }
}

/* Partitions that are emptied, exchanged or brought in: rows that no row of the log tells of. */
static bool is_of_rows(const struct lexer *in)
{
    static const char *const verbs[] = {"TRUNCATE", "EXCHANGE", "DISCARD", "IMPORT", NULL};

    return lexer_is_any(in, verbs);
}

static bool is_of_partitions(const struct lexer *in)
{
    static const char *const words[] = {"PARTITION", "PARTITIONING", "REORGANIZE", "COALESCE",
                                        NULL};

    return lexer_is_any(in, words);
}

static void spec_read(struct form *form, enum pass pass, struct lexer *in)
{
    if (lexer_is(in, "DROP")) {
        lexer_next(in);
        if (pass == PASS_DROP)
            drop_read(form, in);
    } else if (pass == PASS_DROP) {
        return;
    } else if (lexer_take(in, "ADD")) {
        add_read(form, in);
    } else if (lexer_take(in, "CHANGE")) {
        change_read(form, true, in);
    } else if (lexer_take(in, "MODIFY")) {
        change_read(form, false, in);
    } else if (lexer_take(in, "ALTER")) {
        alter_read(form, in);
    } else if (lexer_take(in, "RENAME")) {
        rename_read(form, in);
    } else if (lexer_take(in, "CONVERT")) {
        if (lexer_take(in, "TO"))
            convert_read(form, in);
        else
            form->load = true; /* a partition becomes a table, or the other way round */
    } else if (is_of_rows(in)) {
        form->load = true;
    } else {
        options_read(form, in);
    }
}

static void specs_read(struct form *form, enum pass pass, struct lexer *in)
{
    do {
        form->cut = form->cut || is_of_partitions(in);
        spec_read(form, pass, in);
        if (form->failed || form->strange || form->repeated)
            return;
        while (in->kind != TOKEN_END && !lexer_is_sign(in, ',')) {
            form->cut = form->cut || is_of_partitions(in);
            if (lexer_is_sign(in, '('))
                lexer_group(in);
            else
                lexer_next(in);
        }
    } while (lexer_take_sign(in, ','));
}

static void alter_table(struct form *form, struct lexer *in)
{
    static const char *const skipped[] = {"ONLINE", "OFFLINE", "IGNORE", NULL};
    struct lexer again;

    while (lexer_is_any(in, skipped))
        lexer_next(in);
    if (!lexer_take(in, "TABLE"))
        lexer_take(in, "TABLES");
    if_take(in);
    table_pass(in);
    again = *in;
    specs_read(form, PASS_DROP, in);
    if (!form->failed && !form->strange && !form->repeated)
        specs_read(form, PASS_REST, &again);
}

/* LIKE x, (LIKE x), (…) options, SELECT … */
static void create_table(struct form *form, struct lexer *in)
{
    bool open;

    if_take(in);
    table_pass(in);
    open = lexer_take_sign(in, '(');
    if (lexer_take(in, "LIKE")) {
        names_take(in, form->like_schema, form->like);
        return;
    }
    if (open && !lexer_is(in, "SELECT") && !lexer_is(in, "WITH"))
        items_take(form, false, in);
    else
        form->copied = true;
    while (!form->failed && !form->strange && in->kind != TOKEN_END) {
        options_read(form, in);
        form->cut = form->cut || is_of_partitions(in);
        lexer_next(in);
    }
}

/* The charset of a table stands behind its columns, and counts for them. */
static void charset_ahead(struct form *form, const struct lexer *from)
{
    struct lexer in = *from;

    while (in.kind != TOKEN_END && !lexer_is_sign(&in, '('))
        lexer_next(&in);
    if (in.kind == TOKEN_END)
        return;
    lexer_group(&in);
    options_read(form, &in);
    form->strange = form->copied = false;
}

static void create_index(struct form *form, uint32_t flags, struct lexer *in)
{
    bool careful = if_take(in);
    char name[STATEMENT_NAME_MAX];
    struct rnl_index *index;

    memcpy(name, in->word, sizeof(name));
    while (in->kind != TOKEN_END && !lexer_is(in, "ON"))
        lexer_next(in);
    lexer_take(in, "ON");
    table_pass(in);
    index = form_index_new(form, name, flags, careful);
    if (!index)
        return;
    form_parts(form, index, in);
    if (!form->failed && !form->strange && !form->repeated)
        form_index_settle(form, index);
}

static void create_read(struct form *form, struct lexer *in)
{
    uint32_t flags = 0;
    bool replace = false;

    for (;;) {
        if (lexer_take(in, "OR"))
            replace = lexer_take(in, "REPLACE");
        else if (lexer_take(in, "UNIQUE"))
            flags = RNL_INDEX_UNIQUE;
        else if (lexer_take(in, "FULLTEXT"))
            flags = RNL_INDEX_FULLTEXT;
        else if (lexer_take(in, "SPATIAL"))
            flags = RNL_INDEX_SPATIAL;
        else if (lexer_is(in, "VECTOR") || lexer_is(in, "ONLINE") || lexer_is(in, "OFFLINE"))
            lexer_next(in);
        else
            break;
    }
    if (lexer_take(in, "TABLE")) {
        charset_ahead(form, in);
        create_table(form, in);
        return;
    }
    if (!lexer_take(in, "INDEX")) {
        form->strange = true;
        return;
    }
    if (replace && form_index_find(form, in->word))
        form_index_drop(form, form_index_find(form, in->word));
    create_index(form, flags, in);
}

void form_apply(struct form *form, const struct statement *statement)
{
    struct lexer in;

    statement_begin(statement, &in);
    if (lexer_take(&in, "ALTER")) {
        alter_table(form, &in);
    } else if (lexer_take(&in, "CREATE")) {
        create_read(form, &in);
    } else if (lexer_take(&in, "DROP") && lexer_take(&in, "INDEX")) {
        bool careful = if_take(&in);

        index_gone(form, in.word, careful);
    } else {
        form->strange = true;
    }
    if (!form->failed && !form->strange && !form->repeated && !*form->like && !form->copied)
        form_close(form);
}
