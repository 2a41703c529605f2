/* Indexes, foreign keys and checks in a statement about a table. */
#include "form.h"

#include <strings.h>

static const char *name_take(struct form *form, struct lexer *in)
{
    const char *name = NULL;

    if (lexer_is_name(in)) {
        name = form_text(form, in->word, strlen(in->word));
        lexer_next(in);
    }
    return name;
}

/* --- indexes ------------------------------------------------------------------------------ */

struct rnl_index *form_index_new(struct form *form, const char *name, uint32_t flags, bool careful)
{
    struct rnl_index *index;

    if (name && form_index_find(form, name)) {
        form->repeated = form->repeated || !careful;
        return NULL;
    }
    index = form_index_add(form);
    if (!index)
        return NULL;
    index->flags = flags;
    if (name)
        index->name = form_text(form, name, strlen(name));
    if (!index->name)
        index->name = "";
    return index;
}

static const struct rnl_column *column_of(const struct form *form, uint32_t id)
{
    for (uint32_t i = 0; i < form->table.ncolumns; i++)
        if (form->columns[i].id == id)
            return &form->columns[i].is;
    return NULL;
}

static bool parts_same(const struct rnl_index *a, const struct rnl_index *b)
{
    if (a->nparts != b->nparts || (a->flags ^ b->flags) & RNL_INDEX_UNIQUE)
        return false;
    for (uint32_t i = 0; i < a->nparts; i++)
        if (a->parts[i].expression || b->parts[i].expression ||
            a->parts[i].column != b->parts[i].column || a->parts[i].prefix != b->parts[i].prefix)
            return false;
    return true;
}

/* Servers name an index by its first column: a, a_2, a_3. */
static void index_name(struct form *form, struct rnl_index *index)
{
    const struct rnl_column *column = index->nparts && !index->parts[0].expression
                                          ? column_of(form, index->parts[0].column)
                                          : NULL;
    const char *base = column ? column->name : "functional_index";
    char name[STATEMENT_NAME_MAX];

    index->name = "";
    snprintf(name, sizeof(name), "%s", base);
    for (unsigned i = 2; form_index_find(form, name) || strcasecmp(name, "PRIMARY") == 0; i++)
        snprintf(name, sizeof(name), "%.400s_%u", base, i);
    index->name = form_text(form, name, strlen(name));
}

/* MariaDB keeps hashes for unique values that no index could hold. */
static bool is_long(const struct form *form, const struct rnl_index *index)
{
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < index->nparts; i++) {
        const struct rnl_column *column =
            index->parts[i].expression ? NULL : column_of(form, index->parts[i].column);

        if (!column || index->parts[i].prefix ||
            (column->type != RNL_T_TEXT && column->type != RNL_T_BYTES &&
             column->type != RNL_T_JSON))
            continue;
        if (!column->length)
            return true;
        if (!(column->flags & (RNL_COLUMN_ENUM | RNL_COLUMN_SET)))
            bytes += (uint64_t)column->length * (column->type == RNL_T_TEXT ? 4 : 1);
    }
    return bytes > 3072;
}

void form_index_settle(struct form *form, struct rnl_index *index)
{
    if (!*index->name) {
        for (uint32_t i = 0; i < form->table.nindexes; i++)
            if (&form->indexes[i] != index && parts_same(&form->indexes[i], index)) {
                form_index_drop(form, index); /* done before, or of no use */
                return;
            }
        index_name(form, index);
        if (form->failed)
            return;
    }
    if (form->mariadb &&
        (index->flags & (RNL_INDEX_UNIQUE | RNL_INDEX_PRIMARY)) == RNL_INDEX_UNIQUE &&
        is_long(form, index))
        index->flags |= RNL_INDEX_HASH;
}

static void part_take(struct form *form, struct rnl_index *index, struct lexer *in)
{
    const char *expression = NULL;
    struct form_column *column = NULL;
    uint32_t prefix = 0;

    if (lexer_is_sign(in, '(')) {
        struct rnl_slice inner = lexer_group(in);

        expression = form_text(form, inner.ptr, inner.len);
    } else if (lexer_is_name(in)) {
        column = form_column_now(form, in->word);
        form->repeated = form->repeated || !column;
        lexer_next(in);
        if (lexer_is_sign(in, '('))
            prefix = (uint32_t)strtoul(lexer_group(in).ptr, NULL, 10);
    } else {
        form->strange = true;
        return;
    }
    if (!form->failed && (column || expression))
        form_part_add(form, index, column ? column->id : 0, prefix, lexer_is(in, "DESC"),
                      expression);
    while (in->kind != TOKEN_END && !lexer_is_sign(in, ',') && !lexer_is_sign(in, ')'))
        lexer_next(in);
}

void form_parts(struct form *form, struct rnl_index *index, struct lexer *in)
{
    if (lexer_take(in, "USING") || lexer_take(in, "TYPE"))
        lexer_next(in);
    if (!lexer_take_sign(in, '(')) {
        form->strange = true;
        return;
    }
    do
        part_take(form, index, in);
    while (!form->failed && !form->strange && lexer_take_sign(in, ','));
    lexer_take_sign(in, ')');
    for (; in->kind != TOKEN_END && !lexer_is_sign(in, ',') && !lexer_is_sign(in, ')');
         lexer_next(in))
        if (lexer_is(in, "INVISIBLE") || lexer_is(in, "IGNORED"))
            index->flags |= RNL_INDEX_INVISIBLE;
}

/* Behind INDEX, KEY, …: [IF NOT EXISTS] [name] (…) */
static void index_take(struct form *form, const char *constraint, uint32_t flags, bool primary,
                       struct lexer *in)
{
    bool careful = lexer_take(in, "IF") && (lexer_take(in, "NOT"), lexer_take(in, "EXISTS"));
    const char *name = primary ? "PRIMARY" : constraint;
    struct rnl_index *index;

    if (lexer_is_name(in) && !lexer_is(in, "USING")) {
        const char *own = name_take(form, in);

        name = primary || !own ? name : own;
    }
    index = form_index_new(form, name, flags, careful);
    if (!index) {
        lexer_skip_item(in);
        return;
    }
    form_parts(form, index, in);
    if (form->failed || form->strange || form->repeated)
        return;
    form_index_settle(form, index);
}

/* --- foreign keys ------------------------------------------------------------------------- */

static uint16_t action_take(struct lexer *in)
{
    if (lexer_take(in, "CASCADE"))
        return RNL_ACTION_CASCADE;
    if (lexer_take(in, "RESTRICT"))
        return RNL_ACTION_RESTRICT;
    if (lexer_take(in, "NO")) {
        lexer_take(in, "ACTION");
        return RNL_ACTION_NONE;
    }
    if (lexer_take(in, "SET")) {
        if (lexer_take(in, "NULL"))
            return RNL_ACTION_SET_NULL;
        lexer_take(in, "DEFAULT");
        return RNL_ACTION_SET_DEFAULT;
    }
    return RNL_ACTION_NONE;
}

static void actions_take(struct rnl_foreign_key *key, struct lexer *in)
{
    for (;;) {
        if (lexer_take(in, "MATCH")) {
            lexer_next(in);
        } else if (lexer_is(in, "ON")) {
            lexer_next(in);
            bool update = lexer_is(in, "UPDATE");
            uint16_t action;

            lexer_next(in);
            action = action_take(in);
            if (key && update)
                key->on_update = action;
            else if (key)
                key->on_delete = action;
        } else {
            return;
        }
    }
}

static void ref_columns_take(struct form *form, struct rnl_foreign_key *key, struct lexer *in)
{
    const char **names = pool_alloc(&form->pool, (key->ncolumns + 1) * sizeof(*names));
    uint32_t count = 0;

    form->failed = form->failed || !names;
    if (form->failed || !lexer_take_sign(in, '(')) {
        form->strange = true;
        return;
    }
    for (; count < key->ncolumns && lexer_is_name(in); lexer_take_sign(in, ','))
        names[count++] = name_take(form, in);
    form->strange = form->strange || count != key->ncolumns || !lexer_take_sign(in, ')');
    key->ref_columns = names;
}

void form_references(struct form *form, struct rnl_foreign_key *key, struct lexer *in)
{
    const char *table = name_take(form, in), *schema = form->database;

    if (lexer_take_sign(in, '.')) {
        schema = table;
        table = name_take(form, in);
    }
    if (key && table && schema) {
        key->ref_schema = schema;
        key->ref_table = table;
        ref_columns_take(form, key, in);
    } else {
        form->strange = form->strange || key;
        if (lexer_is_sign(in, '('))
            lexer_group(in);
    }
    if (!form->failed && !form->strange)
        actions_take(key, in);
}

static bool ends_same(const struct rnl_foreign_key *a, const struct rnl_foreign_key *b)
{
    return a->ncolumns == b->ncolumns && strcasecmp(a->ref_table, b->ref_table) == 0 &&
           memcmp(a->columns, b->columns, a->ncolumns * sizeof(*a->columns)) == 0;
}

/* table_ibfk_1: the number behind the highest that is there */
static void key_name(struct form *form, struct rnl_foreign_key *key)
{
    char name[STATEMENT_NAME_MAX];

    for (unsigned i = 1; i <= form->table.nforeign_keys; i++) {
        snprintf(name, sizeof(name), "%.400s_ibfk_%u", form->table.name ? form->table.name : "", i);
        if (!form_key_find(form, name))
            break;
    }
    key->name = form_text(form, name, strlen(name));
}

/* A foreign key needs an index; servers make it where none begins with its columns. */
static void key_index(struct form *form, const struct rnl_foreign_key *key, const char *name)
{
    struct rnl_index *made;

    for (uint32_t i = 0; i < form->table.nindexes; i++) {
        const struct rnl_index *index = &form->indexes[i];
        uint32_t same = 0;

        while (same < key->ncolumns && same < index->nparts && !index->parts[same].expression &&
               !index->parts[same].prefix && index->parts[same].column == key->columns[same])
            same++;
        if (same == key->ncolumns)
            return;
    }
    made = form_index_new(form, name, 0, true);
    for (uint32_t i = 0; made && i < key->ncolumns && !form->failed; i++)
        form_part_add(form, made, key->columns[i], 0, false, NULL);
}

static void key_columns_take(struct form *form, struct rnl_foreign_key *key, struct lexer *in)
{
    enum { COLUMNS_MOST = 64 };
    uint32_t *columns = pool_alloc(&form->pool, COLUMNS_MOST * sizeof(*columns));

    form->failed = form->failed || !columns;
    if (form->failed || !lexer_take_sign(in, '(')) {
        form->strange = true;
        return;
    }
    for (; lexer_is_name(in) && key->ncolumns < COLUMNS_MOST; lexer_take_sign(in, ',')) {
        struct form_column *column = form_column_now(form, in->word);

        form->repeated = form->repeated || !column;
        columns[key->ncolumns++] = column ? column->id : 0;
        lexer_next(in);
    }
    key->columns = columns;
    form->strange = form->strange || !key->ncolumns || !lexer_take_sign(in, ')');
}

/* Behind FOREIGN KEY */
static void foreign_key_take(struct form *form, const char *name, struct lexer *in)
{
    bool careful = lexer_take(in, "IF") && (lexer_take(in, "NOT"), lexer_take(in, "EXISTS"));
    const char *index = name_take(form, in);
    struct rnl_foreign_key *key;

    if (!name)
        name = index;
    if (name && form_key_find(form, name)) {
        form->repeated = form->repeated || !careful;
        lexer_skip_item(in);
        return;
    }
    key = form_key_add(form);
    if (!key)
        return;
    key->ref_table = "";
    key_columns_take(form, key, in);
    if (form->failed || form->strange || !lexer_take(in, "REFERENCES")) {
        form->strange = true;
        return;
    }
    form_references(form, key, in);
    if (form->failed || form->strange || form->repeated)
        return;
    key->name = name ? name : "";
    for (uint32_t i = 0; !name && i + 1 < form->table.nforeign_keys; i++)
        if (ends_same(&form->keys[i], key)) {
            form_key_drop(form, key); /* told before */
            return;
        }
    if (!name)
        key_name(form, key);
    if (!form->failed)
        key_index(form, key, key->name);
}

/* --- checks ------------------------------------------------------------------------------- */

/* Those without a name are left to the source. */
static void check_take(struct form *form, const char *name, struct lexer *in)
{
    struct rnl_check *check;
    struct rnl_slice inner;

    if (!lexer_is_sign(in, '('))
        return;
    inner = lexer_group(in);
    if (!name)
        return;
    if (form_check_find(form, name)) {
        form->repeated = true;
        return;
    }
    check = form_check_add(form);
    if (!check)
        return;
    check->name = name;
    check->expression = form_text(form, inner.ptr, inner.len);
    check->enforced = !lexer_is(in, "NOT");
    lexer_take(in, "NOT");
    lexer_take(in, "ENFORCED");
}

bool form_constraint(struct form *form, struct lexer *in)
{
    const char *name = NULL;
    uint32_t flags = 0;

    if (lexer_take(in, "CONSTRAINT")) {
        static const char *const kinds[] = {"PRIMARY", "UNIQUE", "FOREIGN", "CHECK", NULL};

        if (lexer_take(in, "IF")) {
            lexer_take(in, "NOT");
            lexer_take(in, "EXISTS");
        }
        if (!lexer_is_any(in, kinds))
            name = name_take(form, in);
        if (!lexer_is_any(in, kinds))
            form->strange = true;
    }
    if (lexer_take(in, "PRIMARY")) {
        lexer_take(in, "KEY");
        index_take(form, NULL, RNL_INDEX_PRIMARY | RNL_INDEX_UNIQUE, true, in);
        return true;
    }
    if (lexer_take(in, "FOREIGN")) {
        lexer_take(in, "KEY");
        foreign_key_take(form, name, in);
        return true;
    }
    if (lexer_take(in, "CHECK")) {
        check_take(form, name, in);
        return true;
    }
    if (lexer_take(in, "VECTOR")) {
        lexer_skip_item(in); /* not carried over */
        return true;
    }
    if (lexer_take(in, "UNIQUE"))
        flags = RNL_INDEX_UNIQUE;
    else if (lexer_take(in, "FULLTEXT"))
        flags = RNL_INDEX_FULLTEXT;
    else if (lexer_take(in, "SPATIAL"))
        flags = RNL_INDEX_SPATIAL;
    if (lexer_take(in, "INDEX") || lexer_take(in, "KEY") || flags) {
        index_take(form, name, flags, false, in);
        return true;
    }
    return false;
}
