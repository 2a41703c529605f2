/*
 * Statements of the log that alter, make, rename or drop tables: what the tables are behind them,
 * told to the host, and kept for the rows that follow if the host reads on.
 */
#include "changes_alter.h"

#include <strings.h>

#define NAMES_MOST 100000

static void name_add(void *user, const char *schema, const char *table)
{
    struct altering *altering = user;
    struct name *names;

    if (!table || altering->nnames >= NAMES_MOST)
        return;
    names = realloc(altering->names, (altering->nnames + 1) * sizeof(*names));
    if (!names) {
        altering->failed = true;
        return;
    }
    altering->names = names;
    names += altering->nnames++;
    names->schema = strdup(*schema ? schema : altering->schema);
    names->table = strdup(table);
    altering->failed = altering->failed || !names->schema || !names->table;
}

bool altering_wants(const struct changes *changes, const char *schema, const char *table)
{
    const struct source *source = changes->source;

    return is_our_schema(changes, schema) && !table_is_own(table) && changes->catalog &&
           source->ctx->host->table_wanted(changes->catalog, source->server.database, table);
}

/* The table that the log means, unless all of it so far is in the table's start. */
struct followed *altering_followed(const struct altering *altering, const struct name *name)
{
    struct followed *followed = followed_find(altering->changes, name->schema, name->table);

    return followed && !is_in_start(altering->changes, followed) ? followed : NULL;
}

/* It is told of, and its start says that this is nothing new. */
bool altering_started(const struct altering *altering, const struct name *name)
{
    const struct followed *followed = followed_find(altering->changes, name->schema, name->table);

    return followed && is_in_start(altering->changes, followed);
}

const struct rnl_table *altering_form_of(const struct followed *followed)
{
    return followed->form ? &followed->form->table : followed->table;
}

/* --- what stands on the server now -------------------------------------------------------- */

static int side_open(struct altering *altering, struct rnl_error *err)
{
    struct source *source = altering->changes->source;
    int status;

    if (altering->conn)
        return RNL_OK;
    status = conn_open(&source->server, &altering->conn, err);
    if (status)
        return status;
    altering->side = *source; /* the control thread keeps its connection to itself */
    altering->side.control = altering->conn;
    return RNL_OK;
}

/* Into pool; *table is NULL when there is none, or nothing is to be asked. */
static int now_describe(struct altering *altering, const char *name, struct pool *pool,
                        const struct rnl_table **table, struct rnl_error *err)
{
    struct drafts drafts = {.source = &altering->side};
    int status = altering->offline ? RNL_OK : side_open(altering, err);
    struct rnl_table *kept;

    *table = NULL;
    if (status || altering->offline)
        return status;
    status = table_describe(&drafts, name, table, err);
    if (!status && *table) {
        kept = pool_alloc(&drafts.pool, sizeof(*kept));
        if (kept)
            *kept = **table;
        else
            status = error_memory(err);
        *table = kept;
    }
    free(drafts.items);
    *pool = drafts.pool;
    if (status)
        pool_free(pool);
    return status;
}

/* --- forms -------------------------------------------------------------------------------- */

struct form *altering_form(struct altering *altering, const struct rnl_table *before)
{
    const struct source *source = altering->changes->source;
    struct form *form = calloc(1, sizeof(*form));

    if (!form)
        return NULL;
    form->mariadb = source->server.mariadb;
    form->version = source->server.version;
    form->database = source->server.database;
    form_begin(form, before);
    form->next = altering->changes->forms; /* lives as long as the cursor */
    altering->changes->forms = form;
    form->table.schema = source->server.database;
    return form;
}

struct altered *altering_add(struct altering *altering, struct followed *followed,
                             struct form *form, uint32_t flags)
{
    struct altered *list = realloc(altering->list, (altering->count + 1) * sizeof(*altering->list));

    if (!list) {
        altering->failed = true;
        return NULL;
    }
    altering->list = list;
    list += altering->count++;
    *list = (struct altered){.followed = followed, .form = form, .flags = flags};
    return list;
}

/* A form that is what a description says, under this name. */
int altering_describe(struct altering *altering, const char *shown, const char *name,
                      struct form **form, struct rnl_error *err)
{
    struct pool pool = {0};
    const struct rnl_table *now;
    int status = now_describe(altering, shown, &pool, &now, err);

    *form = NULL;
    if (status || !now) {
        pool_free(&pool);
        return status;
    }
    *form = altering_form(altering, now);
    if (!*form) {
        pool_free(&pool);
        return error_memory(err);
    }
    (*form)->shown = pool;
    (*form)->table.name = form_text(*form, name, strlen(name));
    if (!(*form)->failed)
        form_close(*form);
    for (uint32_t i = 0; i < (*form)->table.ncolumns; i++)
        (*form)->columns[i].was = FORM_NONE;
    return (*form)->failed ? error_memory(err) : RNL_OK;
}

/* How the server spells the table: where names fold, a statement may have it otherwise. */
void altering_spell(const struct altering *altering, char *name)
{
    for (; altering->changes->source->names_fold && *name; name++)
        if (*name >= 'A' && *name <= 'Z')
            *name = (char)(*name | 0x20);
}

/* MySQL gives tables without a key one that no statement shows. */
static void hidden_key_add(struct form *form, const struct rnl_table *now)
{
    static const char name[] = "my_row_id";
    struct form_column *column;
    struct rnl_index *index;

    if (form->mariadb || form_index_find(form, "PRIMARY") || !now->ncolumns ||
        strcmp(now->columns[0].name, name) != 0 || form_column_now(form, name))
        return;
    column = form_column_add(form, name);
    if (!column)
        return;
    column->is = now->columns[0];
    form_column_move(form, column, NULL);
    index = form_index_new(form, "PRIMARY", RNL_INDEX_PRIMARY | RNL_INDEX_UNIQUE, true);
    if (index)
        form_part_add(form, index, form_column_now(form, name)->id, 0, false, NULL);
}

/* --- CREATE TABLE ------------------------------------------------------------------------- */

static int charset_ask(struct altering *altering, struct form *form, struct rnl_error *err)
{
    char *charset = NULL, *collation = NULL;
    int status = altering->offline ? RNL_OK : side_open(altering, err);

    if (status || altering->offline)
        return status;
    status = conn_value(altering->conn, "SELECT @@character_set_database", 0, &charset, err);
    if (!status)
        status = conn_value(altering->conn, "SELECT @@collation_database", 0, &collation, err);
    if (!status && charset && collation) {
        form->charset = form_text(form, charset, strlen(charset));
        form->collation = form_text(form, collation, strlen(collation));
    }
    free(charset);
    free(collation);
    return status;
}

/* LIKE: as the log has the other table, or as it stands now. */
static int like_make(struct altering *altering, const char *like_schema, const char *like,
                     const char *name, struct form **made, struct rnl_error *err)
{
    struct name other = {(char *)(uintptr_t)(*like_schema ? like_schema : altering->schema),
                         (char *)(uintptr_t)like};
    struct followed *followed = followed_find(altering->changes, other.schema, other.table);

    if (!followed) {
        int status = altering_describe(altering, name, name, made, err);

        if (status || *made || !is_our_schema(altering->changes, other.schema))
            return status;
        return altering_describe(altering, like, name, made, err);
    }
    *made = altering_form(altering, altering_form_of(followed));
    if (!*made)
        return error_memory(err);
    (*made)->table.nforeign_keys = 0;
    (*made)->table.name = form_text(*made, name, strlen(name));
    if (!(*made)->failed)
        form_close(*made);
    return (*made)->failed ? error_memory(err) : RNL_OK;
}

static int create_make(struct altering *altering, const char *name, struct form **made,
                       struct rnl_error *err)
{
    const struct rnl_table *now;
    struct pool pool = {0};
    struct form *form = altering_form(altering, NULL);
    int status;

    *made = NULL;
    if (!form)
        return error_memory(err);
    form->table.name = form_text(form, name, strlen(name));
    status = charset_ask(altering, form, err);
    if (status)
        return status;
    form_apply(form, altering->statement);
    if (form->failed)
        return error_memory(err);
    if (*form->like)
        return like_make(altering, form->like_schema, form->like, name, made, err);
    if (form->copied || form->repeated || form->strange)
        return altering_describe(altering, name, name, made, err);
    status = now_describe(altering, name, &pool, &now, err);
    if (status)
        return status;
    form->shown = pool;
    if (now) {
        hidden_key_add(form, now);
        form_close(form);
        form_refine(form, now);
    }
    *made = form;
    return form->failed ? error_memory(err) : RNL_OK;
}

static int create_take(struct altering *altering, bool replace, struct rnl_error *err)
{
    const struct name *name = &altering->names[0];
    struct followed *followed = altering_followed(altering, name);
    struct form *form;
    int status;

    if (altering_started(altering, name) || (followed && !replace))
        return RNL_OK; /* it stands: this was met before */
    if (!followed && !altering_wants(altering->changes, name->schema, name->table))
        return RNL_OK;
    altering_spell(altering, name->table);
    status = create_make(altering, followed ? altering_form_of(followed)->name : name->table, &form,
                         err);
    if (!status && form)
        altering_add(altering, followed, form, followed ? RNL_ALTERATION_LOAD : 0);
    return status;
}

/* --- ALTER TABLE, CREATE INDEX, DROP INDEX ------------------------------------------------ */

int altering_refuse(const struct altering *altering, const struct followed *followed,
                    struct rnl_error *err)
{
    return altered_refuse(altering->changes, altering_form_of(followed)->name, err);
}

/* A table that nobody followed takes a name that is wanted. */
int altering_stranger(struct altering *altering, const struct name *to, struct rnl_error *err)
{
    struct form *form;
    int status;

    if (followed_find(altering->changes, to->schema, to->table) ||
        !altering_wants(altering->changes, to->schema, to->table))
        return RNL_OK;
    altering_spell(altering, to->table);
    status = altering_describe(altering, to->table, to->table, &form, err);
    if (!status && form)
        altering_add(altering, NULL, form, RNL_ALTERATION_LOAD);
    return status;
}

/* ALTER TABLE t EXCHANGE PARTITION p WITH TABLE other: the other's rows are others. */
static void exchange_take(struct altering *altering)
{
    for (size_t i = 1; i < altering->nnames; i++) {
        struct followed *other = altering_followed(altering, &altering->names[i]);
        struct form *form = other ? altering_form(altering, altering_form_of(other)) : NULL;

        if (!other)
            continue;
        if (form)
            form_close(form);
        altering->failed = altering->failed || !form || form->failed;
        if (!altering->failed)
            altering_add(altering, other, form, RNL_ALTERATION_LOAD);
    }
}

static int form_show(struct altering *altering, struct form *form, struct rnl_error *err)
{
    const struct rnl_table *now;
    struct pool pool = {0};
    int status = now_describe(altering, form->table.name, &pool, &now, err);

    if (status)
        return status;
    form->shown = pool;
    if (now)
        form_refine(form, now);
    return RNL_OK;
}

static int alter_take(struct altering *altering, struct rnl_error *err)
{
    struct followed *followed = altering_followed(altering, &altering->names[0]);
    struct form *form = followed ? altering_form(altering, altering_form_of(followed)) : NULL;
    int status;

    if (altering_started(altering, &altering->names[0]))
        return RNL_OK;
    if (!followed) {
        if (altering->renames && altering->nnames > 1)
            return altering_stranger(altering, &altering->names[altering->nnames - 1], err);
        exchange_take(altering);
        return RNL_OK;
    }
    if (!form)
        return error_memory(err);
    form_apply(form, altering->statement);
    if (form->failed)
        return error_memory(err);
    if (form->repeated)
        return RNL_OK;
    if (form->strange)
        return altering_refuse(altering, followed, err);
    if (!*form->to && altering->nnames > 1)
        exchange_take(altering);
    if (*form->to) {
        const char *schema = *form->to_schema ? form->to_schema : altering->schema;

        const struct name to = {(char *)(uintptr_t)schema, form->to};

        if (!altering_wants(altering->changes, schema, form->to) ||
            altering_started(altering, &to)) {
            altering_add(altering, followed, NULL, 0);
            return RNL_OK;
        }
        altering_spell(altering, form->to);
        form->table.name = form->to;
    }
    status = form_show(altering, form, err);
    if (!status && (form->load || !form_is(altering_form_of(followed), &form->table)))
        altering_add(altering, followed, form, form->load ? RNL_ALTERATION_LOAD : 0);
    return status;
}

/* --- DROP, RENAME ------------------------------------------------------------------------- */

static void drop_take(struct altering *altering)
{
    for (size_t i = 0; i < altering->nnames; i++) {
        struct followed *followed = altering_followed(altering, &altering->names[i]);

        if (followed)
            altering_add(altering, followed, NULL, 0);
    }
}

static void drop_all(struct altering *altering)
{
    struct changes *changes = altering->changes;

    for (uint32_t i = 0; i < changes->ntables; i++)
        if (*changes->tables[i].name && !is_in_start(changes, &changes->tables[i]))
            altering_add(altering, &changes->tables[i], NULL, 0);
}

/* --- the whole of it ---------------------------------------------------------------------- */

static int verb_take(struct altering *altering, bool database, struct rnl_error *err)
{
    bool replace = false;
    struct lexer in;

    if (database) {
        drop_all(altering);
        return RNL_OK;
    }
    statement_begin(altering->statement, &in);
    if (!altering->nnames)
        return RNL_OK;
    if (lexer_take(&in, "RENAME"))
        return altering_rename(altering, err);
    if (lexer_take(&in, "DROP") && !lexer_is(&in, "INDEX")) {
        drop_take(altering);
        return RNL_OK;
    }
    if (lexer_take(&in, "CREATE")) {
        if (lexer_take(&in, "OR"))
            replace = lexer_take(&in, "REPLACE");
        if (lexer_is(&in, "TABLE"))
            return create_take(altering, replace, err);
    }
    return alter_take(altering, err);
}

int alterations_find(struct altering *altering, bool database, struct rnl_error *err)
{
    struct statement again = *altering->statement;
    struct lexer in;
    int status;

    statement_read(&again, name_add, altering);
    for (statement_begin(altering->statement, &in); in.kind != TOKEN_END; lexer_next(&in))
        altering->renames = altering->renames || lexer_is(&in, "RENAME");
    if (altering->failed)
        return error_memory(err);
    status = verb_take(altering, database, err);
    return !status && altering->failed ? error_memory(err) : status;
}

void altering_free(struct altering *altering)
{
    if (altering->conn)
        conn_close(altering->conn);
    for (size_t i = 0; i < altering->nnames; i++) {
        free(altering->names[i].schema);
        free(altering->names[i].table);
    }
    free(altering->names);
    free(altering->list);
    *altering = (struct altering){0};
}
