/*
 * Statements of the log that alter, make, rename or drop tables: what the tables are behind them,
 * told to the host, and kept for the rows that follow if the host reads on.
 */
#include "changes_alter.h"

#include <strings.h>

#define STATEMENT_SHOWN 4000 /* bytes of it that are told */
#define NAMES_MOST 100000

struct name {
    char *schema, *table;
};

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

static bool is_wanted(const struct changes *changes, const char *schema, const char *table)
{
    const struct source *source = changes->source;

    return is_our_schema(changes, schema) && !table_is_own(table) && changes->catalog &&
           source->ctx->host->table_wanted(changes->catalog, source->server.database, table);
}

/* The table that the log means, unless all of it so far is in the table's start. */
static struct followed *followed_now(const struct altering *altering, const struct name *name)
{
    struct followed *followed = followed_find(altering->changes, name->schema, name->table);

    return followed && !is_in_start(altering->changes, followed) ? followed : NULL;
}

/* It is told of, and its start says that this is nothing new. */
static bool is_started(const struct altering *altering, const struct name *name)
{
    const struct followed *followed = followed_find(altering->changes, name->schema, name->table);

    return followed && is_in_start(altering->changes, followed);
}

static const struct rnl_table *form_of(const struct followed *followed)
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

static struct form *form_new(struct altering *altering, const struct rnl_table *before)
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

static struct altered *altered_add(struct altering *altering, struct followed *followed,
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
static int form_describe(struct altering *altering, const char *shown, const char *name,
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
    *form = form_new(altering, now);
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
static void name_spell(const struct altering *altering, char *name)
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
        int status = form_describe(altering, name, name, made, err);

        if (status || *made || !is_our_schema(altering->changes, other.schema))
            return status;
        return form_describe(altering, like, name, made, err);
    }
    *made = form_new(altering, form_of(followed));
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
    struct form *form = form_new(altering, NULL);
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
        return form_describe(altering, name, name, made, err);
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
    struct followed *followed = followed_now(altering, name);
    struct form *form;
    int status;

    if (is_started(altering, name) || (followed && !replace))
        return RNL_OK; /* it stands: this was met before */
    if (!followed && !is_wanted(altering->changes, name->schema, name->table))
        return RNL_OK;
    name_spell(altering, name->table);
    status = create_make(altering, followed ? form_of(followed)->name : name->table, &form, err);
    if (!status && form)
        altered_add(altering, followed, form, followed ? RNL_ALTERATION_LOAD : 0);
    return status;
}

/* --- ALTER TABLE, CREATE INDEX, DROP INDEX ------------------------------------------------ */

static int refuse(const struct altering *altering, const struct followed *followed,
                  struct rnl_error *err)
{
    return altered_refuse(altering->changes, form_of(followed)->name, err);
}

/* A table that nobody followed takes a name that is wanted. */
static int stranger_take(struct altering *altering, const struct name *to, struct rnl_error *err)
{
    struct form *form;
    int status;

    if (followed_find(altering->changes, to->schema, to->table) ||
        !is_wanted(altering->changes, to->schema, to->table))
        return RNL_OK;
    name_spell(altering, to->table);
    status = form_describe(altering, to->table, to->table, &form, err);
    if (!status && form)
        altered_add(altering, NULL, form, RNL_ALTERATION_LOAD);
    return status;
}

/* ALTER TABLE t EXCHANGE PARTITION p WITH TABLE other: the other's rows are others. */
static void exchange_take(struct altering *altering)
{
    for (size_t i = 1; i < altering->nnames; i++) {
        struct followed *other = followed_now(altering, &altering->names[i]);
        struct form *form = other ? form_new(altering, form_of(other)) : NULL;

        if (!other)
            continue;
        if (form)
            form_close(form);
        altering->failed = altering->failed || !form || form->failed;
        if (!altering->failed)
            altered_add(altering, other, form, RNL_ALTERATION_LOAD);
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
    struct followed *followed = followed_now(altering, &altering->names[0]);
    struct form *form = followed ? form_new(altering, form_of(followed)) : NULL;
    int status;

    if (is_started(altering, &altering->names[0]))
        return RNL_OK;
    if (!followed) {
        if (altering->renames && altering->nnames > 1)
            return stranger_take(altering, &altering->names[altering->nnames - 1], err);
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
        return refuse(altering, followed, err);
    if (!*form->to && altering->nnames > 1)
        exchange_take(altering);
    if (*form->to) {
        const char *schema = *form->to_schema ? form->to_schema : altering->schema;

        const struct name to = {(char *)(uintptr_t)schema, form->to};

        if (!is_wanted(altering->changes, schema, form->to) || is_started(altering, &to)) {
            altered_add(altering, followed, NULL, 0);
            return RNL_OK;
        }
        name_spell(altering, form->to);
        form->table.name = form->to;
    }
    status = form_show(altering, form, err);
    if (!status && (form->load || !form_is(form_of(followed), &form->table)))
        altered_add(altering, followed, form, form->load ? RNL_ALTERATION_LOAD : 0);
    return status;
}

/* --- DROP, RENAME ------------------------------------------------------------------------- */

static void drop_take(struct altering *altering)
{
    for (size_t i = 0; i < altering->nnames; i++) {
        struct followed *followed = followed_now(altering, &altering->names[i]);

        if (followed)
            altered_add(altering, followed, NULL, 0);
    }
}

static void drop_all(struct altering *altering)
{
    struct changes *changes = altering->changes;

    for (uint32_t i = 0; i < changes->ntables; i++)
        if (*changes->tables[i].name && !is_in_start(changes, &changes->tables[i]))
            altered_add(altering, &changes->tables[i], NULL, 0);
}

/* A table under way in RENAME TABLE a TO b, c TO a. */
struct mover {
    struct followed *followed; /* NULL: nobody follows it */
    const struct name *from, *at;
};

static bool names_same(const struct altering *altering, const struct name *a, const struct name *b)
{
    bool fold = altering->changes->source->names_fold;

    return fold ? strcasecmp(a->schema, b->schema) == 0 && strcasecmp(a->table, b->table) == 0
                : strcmp(a->schema, b->schema) == 0 && strcmp(a->table, b->table) == 0;
}

static size_t movers_run(struct altering *altering, struct mover *movers)
{
    size_t count = 0;

    for (size_t i = 0; i + 1 < altering->nnames; i += 2) {
        const struct name *from = &altering->names[i], *to = &altering->names[i + 1];
        size_t at = 0;

        while (at < count && !names_same(altering, movers[at].at, from))
            at++;
        if (at == count)
            movers[count++] = (struct mover){followed_now(altering, from), from, from};
        movers[at].at = to;
    }
    return count;
}

static struct mover *mover_from(const struct altering *altering, struct mover *movers, size_t count,
                                const struct name *name)
{
    for (size_t i = 0; i < count; i++)
        if (names_same(altering, movers[i].from, name))
            return &movers[i];
    return NULL;
}

static struct mover *mover_at(const struct altering *altering, struct mover *movers, size_t count,
                              const struct name *name)
{
    for (size_t i = 0; i < count; i++)
        if (names_same(altering, movers[i].at, name))
            return &movers[i];
    return NULL;
}

/* Done before: a name that is taken stays with a table that is followed and doesn't move. */
static bool was_done(const struct altering *altering, struct mover *movers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (followed_now(altering, movers[i].at) &&
            !mover_from(altering, movers, count, movers[i].at))
            return true;
    return false;
}

/* Tables that only change names among themselves: who meets that again can't tell. */
static bool is_circle(const struct altering *altering, struct mover *movers, size_t count,
                      const struct mover *mover)
{
    const struct mover *at = mover;

    for (size_t i = 0; i <= count; i++) {
        const struct mover *next = mover_from(altering, movers, count, at->at);

        if (!next || !next->followed)
            return false;
        if (next == mover)
            return true;
        at = next;
    }
    return false;
}

static bool starts_with(const char *text, const char *with)
{
    return strncasecmp(text, with, strlen(with)) == 0;
}

/*
 * Tools that alter a table by filling a copy and changing the names: gh-ost (_t_gho),
 * pt-online-schema-change (_t_new, __t_new), Vitess (_vt_…). The copy holds the table's rows.
 */
static bool is_copy_of(const char *copy, const char *table)
{
    size_t len = strlen(table);

    if (starts_with(copy, "_vt_"))
        return true;
    if (*copy++ != '_')
        return false;
    while (strncasecmp(copy, table, len) != 0 && *copy == '_')
        copy++;
    return strncasecmp(copy, table, len) == 0 &&
           (strcasecmp(copy + len, "_gho") == 0 || strcasecmp(copy + len, "_new") == 0);
}

/* The table's name stays, and another table's columns and rows stand under it. */
static int replaced_take(struct altering *altering, struct followed *followed,
                         const struct mover *by, struct rnl_error *err)
{
    const char *name = form_of(followed)->name;
    uint32_t flags = is_copy_of(by->from->table, name) && !by->followed ? 0 : RNL_ALTERATION_LOAD;
    struct form *form = NULL;
    int status = RNL_OK;

    if (by->followed) {
        form = form_new(altering, form_of(by->followed));
        if (!form)
            return error_memory(err);
        form->table.name = name;
        form_close(form);
    } else {
        status = form_describe(altering, name, name, &form, err);
    }
    if (status)
        return status;
    if (!form)
        return refuse(altering, followed, err);
    if (!flags && form_is(form_of(followed), &form->table))
        return RNL_OK;
    /* columns of the copy are the table's, by their names */
    for (uint32_t i = 0; i < form->table.ncolumns; i++)
        form->columns[i].was = FORM_NONE;
    altered_add(altering, followed, form, flags);
    return form->failed ? error_memory(err) : RNL_OK;
}

static int moved_take(struct altering *altering, struct followed *followed, const struct name *to,
                      struct rnl_error *err)
{
    struct form *form = form_new(altering, form_of(followed));

    if (!form)
        return error_memory(err);
    name_spell(altering, to->table);
    form->table.name = form_text(form, to->table, strlen(to->table));
    if (!form->failed)
        form_close(form);
    altered_add(altering, followed, form, 0);
    return form->failed ? error_memory(err) : RNL_OK;
}

static int mover_take(struct altering *altering, struct mover *movers, size_t count,
                      const struct mover *mover, struct rnl_error *err)
{
    const struct mover *by = mover_at(altering, movers, count, mover->from);
    struct followed *followed = mover->followed;

    if (by == mover)
        return RNL_OK; /* there and back again */
    if (!followed) {
        struct mover *owner = mover_from(altering, movers, count, mover->at);

        if (is_started(altering, mover->from) ||
            (owner && owner->followed &&
             !is_wanted(altering->changes, owner->at->schema, owner->at->table)))
            return RNL_OK; /* told with the table whose name it takes */
        if (!owner || !owner->followed)
            return stranger_take(altering, mover->at, err);
        name_spell(altering, mover->at->table);
        struct form *form;
        int status = form_describe(altering, mover->at->table, mover->at->table, &form, err);

        if (!status && form)
            altered_add(altering, NULL, form, RNL_ALTERATION_LOAD);
        return status;
    }
    if (is_circle(altering, movers, count, mover))
        return replaced_take(altering, followed, by, err);
    /* one of that name was loaded since, and has these rows */
    if (is_wanted(altering->changes, mover->at->schema, mover->at->table) &&
        !is_started(altering, mover->at))
        return moved_take(altering, followed, mover->at, err);
    if (by && !by->followed)
        return replaced_take(altering, followed, by, err);
    altered_add(altering, followed, NULL, 0);
    return RNL_OK;
}

static int rename_take(struct altering *altering, struct rnl_error *err)
{
    struct mover *movers = calloc(altering->nnames / 2 + 1, sizeof(*movers));
    int status = RNL_OK;
    size_t count;

    if (!movers)
        return error_memory(err);
    count = movers_run(altering, movers);
    if (!was_done(altering, movers, count))
        for (size_t i = 0; i < count && !status; i++)
            status = mover_take(altering, movers, count, &movers[i], err);
    free(movers);
    return status;
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
        return rename_take(altering, err);
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

/* --- telling ------------------------------------------------------------------------------ */

static int renames_make(const struct altered *altered, struct rnl_rename **renames, uint32_t *count)
{
    const struct form *form = altered->form;
    uint32_t ncolumns = form ? form->table.ncolumns : 0;

    *count = 0;
    *renames = calloc(ncolumns + 1ul, sizeof(**renames));
    if (!*renames)
        return -1;
    for (uint32_t i = 0; i < ncolumns && form->before; i++) {
        uint32_t was = form->columns[i].was;

        if (was == FORM_NONE ||
            strcmp(form->before->columns[was].name, form->columns[i].is.name) == 0)
            continue;
        (*renames)[(*count)++] =
            (struct rnl_rename){form->before->columns[was].name, form->columns[i].is.name};
    }
    return 0;
}

static int alteration_tell(const struct altering *altering, const struct altered *altered,
                           const char *statement, struct rnl_slice position, struct rnl_error *err)
{
    struct changes *changes = altering->changes;
    struct rnl_alteration alteration = {
        .size = sizeof(alteration),
        .index = altered->followed ? altered->followed->index : UINT32_MAX,
        .table = altered->form ? &altered->form->table : NULL,
        .rename_size = sizeof(struct rnl_rename),
        .statement = statement,
        .flags = altered->flags,
        .position = position,
    };
    struct rnl_rename *renames = NULL;
    int status;

    if (renames_make(altered, &renames, &alteration.nrenamed))
        return error_memory(err);
    alteration.renamed = renames;
    status = changes->source->ctx->host->bundle_alter(changes->out, &alteration, err);
    free(renames);
    return status;
}

int alterations_tell(const struct altering *altering, struct rnl_slice position,
                     struct rnl_error *err)
{
    const struct rnl_slice *text = &altering->statement->text;
    size_t len = text->len < STATEMENT_SHOWN ? text->len : STATEMENT_SHOWN;
    char *statement = strndup(text->ptr ? text->ptr : "", len);
    int status = statement ? RNL_OK : error_memory(err);

    for (size_t i = 0; i < altering->count && !status; i++)
        status = alteration_tell(altering, &altering->list[i], statement, position, err);
    free(statement);
    return status;
}

/* --- if the host reads on ----------------------------------------------------------------- */

static uint32_t catalog_place(const struct followed *followed, const struct rnl_column *column,
                              const uint32_t *map, uint32_t before)
{
    for (uint32_t i = 0; i < followed->table->ncolumns; i++) {
        if (strcasecmp(followed->table->columns[i].name, column->name) != 0)
            continue;
        for (uint32_t m = 0; m < before; m++)
            if (map[m] == i)
                return FORM_NONE; /* it went on under another name */
        return i;
    }
    return FORM_NONE;
}

/* Where in the catalog each column of the form goes. */
static int map_make(struct followed *followed, const struct form *form)
{
    uint32_t count = form->table.ncolumns;
    uint32_t *map = malloc((count + 1ul) * sizeof(*map));

    if (!map)
        return -1;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t was = form->columns[i].was;

        map[i] = was == FORM_NONE ? FORM_NONE : followed->map ? followed->map[was] : was;
    }
    for (uint32_t i = 0; i < count; i++)
        if (form->columns[i].was == FORM_NONE)
            map[i] = catalog_place(followed, &form->columns[i].is, map, count);
    free(followed->map);
    followed->map = map;
    return 0;
}

int alterations_keep(const struct altering *altering, struct rnl_error *err)
{
    for (size_t i = 0; i < altering->count; i++) {
        const struct altered *altered = &altering->list[i];
        struct followed *followed = altered->followed;

        if (!followed)
            continue; /* nobody will hear of its rows */
        followed->name = altered->form ? altered->form->table.name : "";
        if (!altered->form)
            continue;
        if (map_make(followed, altered->form))
            return error_memory(err);
        followed->form = altered->form;
    }
    tables_order(altering->changes);
    binlog_forget(altering->changes->log);
    return RNL_OK;
}
