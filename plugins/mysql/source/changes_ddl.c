/* Statements that alter tables as the cursor of changes meets them, or met them in an earlier run.
 */
#include "changes_alter.h"

#define SHOWN 200 /* bytes of a statement in a message */

int altered_refuse(const struct changes *changes, const char *table, struct rnl_error *err)
{
    const struct rnl_slice *text = &changes->event.query.text;
    bool met = changes->event.kind == BINLOG_QUERY;

    rnl_fail(err, RNL_E_CONFIG, "source.table_altered",
             "table %s%s%s was altered, and changes can't be followed over it: %.*s",
             changes->source->server.database, table ? "." : "", table ? table : "",
             met ? (int)(text->len > SHOWN ? SHOWN : text->len) : 0,
             met ? (const char *)text->ptr : "");
    rnl_hint(err, "load again with --restart when the structure is settled, or leave the table "
                  "out");
    return err->status;
}

static bool is_utf8(const char *text, size_t len)
{
    const unsigned char *at = (const unsigned char *)text, *end = at + len;

    while (at < end) {
        unsigned more = *at < 0x80             ? 0
                        : (*at & 0xe0) == 0xc0 ? 1
                        : (*at & 0xf0) == 0xe0 ? 2
                        : (*at & 0xf8) == 0xf0 ? 3
                                               : 4;

        if (!*at++ || more == 4 || more > (size_t)(end - at))
            return false;
        for (; more; more--)
            if ((*at++ & 0xc0) != 0x80)
                return false;
    }
    return true;
}

/* So that the forms are known to who goes on from a later position. */
static int ddl_keep(const struct altering *altering, struct rnl_error *err)
{
    const struct statement *statement = altering->statement;
    struct changes *changes = altering->changes;
    struct position_ddl ddl;
    char mode[3] = "", *schema = strdup(altering->schema);
    char *text = strndup(statement->text.ptr, statement->text.len);
    size_t at = 0;
    bool kept;

    if (statement->ansi_quotes)
        mode[at++] = 'a';
    if (statement->no_escapes)
        mode[at++] = 'e';
    ddl = (struct position_ddl){schema, mode, text};
    kept = schema && text && is_utf8(statement->text.ptr, statement->text.len) &&
           !position_ddl_add(&changes->at, &ddl);
    free(schema);
    free(text);
    return kept ? RNL_OK : altered_refuse(changes, NULL, err);
}

/* Told to the host, and kept for the case that it reads on. */
static int altered_tell(struct altering *altering, struct rnl_error *err)
{
    struct changes *changes = altering->changes;
    struct rnl_slice position = {0};
    bool kept = false, open = changes->tx.open;
    int status = open ? STEP_ON : transaction_end(changes, err);

    if (status < 0)
        return status;
    status = open ? RNL_OK : altered_position(changes, &position, err);
    if (!status)
        status = alterations_tell(altering, position, err);
    for (size_t i = 0; i < altering->count; i++)
        kept = kept || altering->list[i].followed;
    if (!status && kept)
        status = ddl_keep(altering, err);
    if (!status && kept)
        status = alterations_keep(altering, err);
    return status ? status : STEP_ALTERED;
}

int altered_take(struct changes *changes, const struct statement *statement, const char *schema,
                 bool database, struct rnl_error *err)
{
    struct altering altering = {.changes = changes, .statement = statement, .schema = schema};
    int status = alterations_find(&altering, database, err);

    if (!status && altering.count)
        status = altered_tell(&altering, err);
    else if (!status && !changes->tx.open)
        status = transaction_end(changes, err);
    altering_free(&altering);
    return status;
}

/* --- what an earlier run was told, and ignored -------------------------------------------- */

static void name_none(void *user, const char *schema, const char *table)
{
    (void)user;
    (void)schema;
    (void)table;
}

static int statement_recall(struct changes *changes, const struct position_ddl *ddl,
                            struct rnl_error *err)
{
    struct statement statement = {
        .text = {ddl->text, strlen(ddl->text)},
        .ansi_quotes = strchr(ddl->mode, 'a') != NULL,
        .no_escapes = strchr(ddl->mode, 'e') != NULL,
    };
    struct altering altering = {
        .changes = changes, .statement = &statement, .schema = ddl->schema, .offline = true};
    struct statement again = statement;
    bool database = false;
    int status;

    database = statement_read(&again, name_none, NULL) == STATEMENT_DROP_DATABASE;
    status = alterations_find(&altering, database, err);
    if (!status)
        status = alterations_keep(&altering, err);
    altering_free(&altering);
    return status;
}

int altered_recall(struct changes *changes, struct rnl_error *err)
{
    int status = RNL_OK;

    for (size_t i = 0; i < changes->at.nddl && !status; i++)
        status = statement_recall(changes, &changes->at.ddl[i], err);
    for (uint32_t i = 0; i < changes->ntables; i++) {
        const struct followed *followed = &changes->tables[i];

        changes->untold = changes->untold || !*followed->name ||
                          (followed->form && !form_is(followed->table, &followed->form->table));
    }
    return status;
}

static int tell_again(struct changes *changes, struct followed *followed, struct rnl_slice position,
                      struct rnl_error *err)
{
    const struct position_ddl *last = &changes->at.ddl[changes->at.nddl - 1];
    struct rnl_alteration alteration = {
        .size = sizeof(alteration),
        .index = followed->index,
        .table = *followed->name ? &followed->form->table : NULL,
        .rename_size = sizeof(struct rnl_rename),
        .statement = last->text,
        .position = position,
    };
    uint32_t ncolumns = alteration.table ? alteration.table->ncolumns : 0;
    struct rnl_rename *renamed = calloc(ncolumns + 1ul, sizeof(*renamed));
    int status;

    if (!renamed)
        return error_memory(err);
    for (uint32_t i = 0; i < ncolumns; i++) {
        const char *is = alteration.table->columns[i].name, *was;

        if (followed->map[i] == FORM_NONE)
            continue;
        was = followed->table->columns[followed->map[i]].name;
        if (strcmp(was, is) != 0)
            renamed[alteration.nrenamed++] = (struct rnl_rename){was, is};
    }
    alteration.renamed = renamed;
    status = changes->source->ctx->host->bundle_alter(changes->out, &alteration, err);
    free(renamed);
    return status;
}

int altered_tell_again(struct changes *changes, struct rnl_error *err)
{
    struct rnl_slice position;
    int status = altered_position(changes, &position, err);

    changes->untold = false;
    for (uint32_t i = 0; i < changes->ntables && !status; i++) {
        struct followed *followed = &changes->tables[i];

        if (!*followed->name ||
            (followed->form && !form_is(followed->table, &followed->form->table)))
            status = tell_again(changes, followed, position, err);
    }
    return status;
}
