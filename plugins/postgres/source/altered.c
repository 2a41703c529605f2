/*
 * Tables that are not what the catalog says. The log has no statements that alter tables: the
 * stream describes a table anew before its next row. It has names and types; the rest is looked up
 * on the server, which may be further than the stream. So each form in the catalog carries the
 * place in the log that it holds from (form.h):
 *
 * - What the stream describes at or behind that place, and is another form, is later than the
 *   catalog's: the host is told, and the catalog goes on by it. Of several alterations one after
 *   another (the pipeline was down) each is met at its own place.
 * - What it describes before that place is earlier: a transaction is read again from its
 *   beginning, in this run or after a crash. Its rows are fitted into the catalog's columns, those
 *   under another name by their numbers, and nothing is told.
 * - The same form again: something of the table was altered that the stream has no words for
 *   (NOT NULL, indexes, constraints), or nothing. What holds no more is told now, so that it
 *   refuses no row; what holds from now on is told when all rows from before have come (settle.c).
 */
#include "feed.h"

#include "marks.h"
#include "newform.h"

static bool text_same(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

static uint32_t column_named(const struct rnl_table *table, const char *name)
{
    for (uint32_t i = 0; i < table->ncolumns; i++)
        if (text_same(COLUMN(table, i)->name, name))
            return i;
    return NO_COLUMN;
}

/* Each of the stream's columns goes to the catalog's of its number, or of its name. */
static void columns_fit(struct relation *relation, const struct fed_table *table)
{
    for (uint32_t i = 0; i < relation->ncolumns; i++) {
        const struct form_column *told = &relation->told.columns[i];
        const struct form_column *known = form_numbered(&table->form, told->number);

        relation->columns[i] = column_named(table->described, known ? known->name : told->name);
        if (!known && told->number) { /* another column may have its name by now */
            known = form_named(&table->form, told->name);
            if (known && known->number)
                relation->columns[i] = NO_COLUMN;
        }
    }
}

static int bad_columns(const struct fed_table *table, const char *column, struct rnl_error *err)
{
    rnl_fail(err, RNL_E_CONFIG, "source.publication_columns",
             "the publication leaves the column \"%s\" of %s.%s out", column,
             table->described->schema, table->described->name);
    rnl_hint(err, "publish all columns of the table, or leave the column out of the pipeline");
    return RNL_E_CONFIG;
}

/* --- telling ------------------------------------------------------------------------------ */

static void words_add(struct buf *words, const char *what, const char *name, const char *more)
{
    buf_printf(words, "%s%s \"%s\"%s%s", words->len ? ", " : "", what, name, more ? " " : "",
               more ? more : "");
}

/* What a person may read of it: the log has no statement. */
static void alteration_words(const struct fed_table *table, const struct newform *form,
                             struct buf *words)
{
    const struct form *was = &table->form;

    if (!text_same(table->described->name, form->table.name) ||
        !text_same(table->described->schema, form->table.schema))
        words_add(words, "it is named", form->table.name, NULL);
    for (uint32_t i = 0; i < form->nrenamed; i++)
        words_add(words, "column", form->renamed[i].from, "has another name");
    for (uint32_t i = 0; i < form->table.ncolumns; i++) {
        const struct form_column *is = &form->known[i];
        const struct form_column *old =
            is->number ? form_numbered(was, is->number) : form_named(was, is->name);

        if (!old)
            words_add(words, "column", is->name, "is new");
        else if (!text_same(old->native, is->native))
            words_add(words, "column", is->name, "has another type");
    }
    for (uint32_t i = 0; i < was->ncolumns; i++) {
        const struct form_column *old = &was->columns[i];
        bool found = false;

        for (uint32_t k = 0; k < form->table.ncolumns; k++)
            found = found || (old->number ? form->known[k].number == old->number
                                          : text_same(form->known[k].name, old->name));
        if (!found)
            words_add(words, "column", old->name, "is gone");
    }
    if (!words->len)
        buf_puts(words, "its keys, indexes, defaults, constraints or comments are others");
}

static void place_text(const struct feed *feed, char text[POSITION_TEXT])
{
    struct position position = feed->source->follow->origin;

    position.lsn = feed->seen;
    position_print(&position, text);
}

static int tell(struct feed *feed, struct rnl_alteration *alteration, struct rnl_bundle *out,
                struct rnl_error *err)
{
    char text[POSITION_TEXT];
    int status;

    alteration->size = sizeof(*alteration);
    alteration->rename_size = sizeof(struct rnl_rename);
    if (!feed->inside) {
        place_text(feed, text);
        alteration->position = (struct rnl_slice){text, strlen(text)};
    }
    status = feed->host->bundle_alter(out, alteration, err);
    return status == RNL_OK ? RNL_ALTERED : status;
}

/* The form's own words, which the host keeps with it. */
static char *form_words(const struct fed_table *table, const struct look *look,
                        const struct newform *made, struct place since, uint64_t digest)
{
    struct form earlier[FORMS_EARLIER] = {table->form};
    struct form form = {
        .since = since,
        .oid = table->form.oid,
        .file = table->form.file,
        .digest = digest,
        .columns = made->known,
        .ncolumns = made->table.ncolumns,
        .earlier = earlier,
        .nearlier = 1,
    };
    struct buf text = {0};

    while (since.commit == table->form.since.commit && form.nearlier <= table->form.nearlier &&
           form.nearlier < FORMS_EARLIER) {
        earlier[form.nearlier] = table->form.earlier[form.nearlier - 1];
        form.nearlier++;
    }
    if (look->draft && made->agrees)
        form.file = look->draft->form.file;
    if (look->draft && !made->rough)
        memcpy(form.look, look->draft->form.look, sizeof(form.look));
    form_print(&form, &text);
    return buf_take(&text);
}

static int form_tell(struct feed *feed, uint32_t index, const struct look *look,
                     struct newform *form, struct place since, struct rnl_bundle *out,
                     struct rnl_error *err)
{
    struct fed_table *table = &feed->tables[index];
    uint64_t digest = form_digest(&form->table);
    struct rnl_alteration alteration = {
        .index = index,
        .table = &form->table,
        .renamed = form->renamed,
        .nrenamed = form->nrenamed,
        .flags =
            (form->load ? RNL_ALTERATION_LOAD : 0u) | (form->remade ? RNL_ALTERATION_REMADE : 0u),
    };
    struct buf words = {0};
    char *text;
    int status;

    if (digest == table->form.digest || digest == table->told)
        return RNL_OK;
    text = form_words(table, look, form, since, digest);
    alteration_words(table, form, &words);
    alteration.statement = buf_text(&words);
    form->table.form = text;
    status = text && alteration.statement ? tell(feed, &alteration, out, err) : error_memory(err);
    table->told = digest;
    free(text);
    buf_free(&words);
    return status;
}

/* --- the new form ------------------------------------------------------------------------- */

static const struct form no_columns;

/* Of a partition's columns: the table's own order. */
static void parts_fill(const struct feed *feed, uint32_t index, const struct look *look,
                       const struct relation *relation, struct newform_parts *parts)
{
    const struct fed_table *table = &feed->tables[index];
    const struct draft *now = look->draft;

    *parts = (struct newform_parts){
        .was = table->described,
        .was_form = &table->form,
        .now = now ? &now->table : NULL,
        .now_form = now ? &now->form : &no_columns,
        .missing = look->missing,
        /* whether partitions were written anew isn't kept */
        .rewritten = now && look->has_rows &&
                     (now->partitioned || (table->form.file && now->form.file != table->form.file)),
        .settled = !relation,
    };
    if (!relation) {
        parts->told = &now->form;
        return;
    }
    parts->told = relation->leaf && now && form_is(&now->form, &relation->told, false)
                      ? &now->form
                      : &relation->told;
    if (!relation->leaf) {
        parts->keys = relation->keys;
        parts->identity = relation->identity;
    }
}

int table_alter(struct feed *feed, uint32_t index, struct look *look,
                const struct relation *relation, struct rnl_bundle *out, struct rnl_error *err)
{
    struct newform_parts parts;
    struct newform form;
    struct rnl_column *made = NULL;
    struct place since = {.commit = look->lsn};
    int status = RNL_OK;

    parts_fill(feed, index, look, relation, &parts);
    if (relation) {
        since = (struct place){feed->commit_lsn, feed->change_lsn};
        if (parts.told == &relation->told)
            status = look_columns(look, relation->types, relation->modifiers, &relation->told,
                                  &made, err);
    }
    if (status != RNL_OK)
        return status;
    parts.made = made;
    if (!newform_make(&parts, &look->d.arena, &form))
        return error_memory(err);
    if (relation && !relation->leaf) {
        form.table.schema = relation->schema;
        form.table.name = relation->name;
    }
    return form_tell(feed, index, look, &form, since, out, err);
}

int table_replace(struct feed *feed, uint32_t index, const struct look *look,
                  struct rnl_bundle *out, struct rnl_error *err)
{
    struct rnl_alteration alteration = {
        .index = index,
        .table = look->draft ? &look->draft->table : NULL,
        .flags = look->draft ? RNL_ALTERATION_LOAD : 0,
        .statement = !look->draft          ? "it was dropped"
                     : index == UINT32_MAX ? "it was made"
                                           : "another table was made in its place",
    };

    return tell(feed, &alteration, out, err);
}

/* --- names -------------------------------------------------------------------------------- */

static bool has_name(const struct rnl_table *table, const char *schema, const char *name)
{
    return text_same(table->name, name) && text_same(table->schema, schema);
}

/* The table as it was, under the name that it has now: of more its next row will tell. */
static int name_tell(struct feed *feed, uint32_t index, const struct look *look,
                     struct rnl_bundle *out, struct rnl_error *err)
{
    const struct fed_table *table = &feed->tables[index];
    const struct place since = {feed->commit_lsn, feed->change_lsn};
    struct newform form = {.table = *table->described, .known = table->form.columns, .rough = true};

    if (table->form.ncolumns != table->described->ncolumns)
        return RNL_OK;
    form.table.schema = look->draft->table.schema;
    form.table.name = look->draft->table.name;
    return form_tell(feed, index, look, &form, since, out, err);
}

/*
 * A table got a name that the catalog has for another one. That has left it, then, and the stream
 * says so only before its next row: where it is now is told together, or there would be two of a
 * name.
 */
static int name_free(struct feed *feed, const char *schema, const char *name,
                     struct rnl_bundle *out, struct rnl_error *err)
{
    struct fed_table *table;
    struct pg_conn *conn;
    struct look *look;
    uint32_t index;
    int status;

    if (!feed_table_named(feed, schema, name, &index))
        return RNL_OK;
    table = &feed->tables[index];
    if (table->gone || table->moving || !table->form.oid)
        return RNL_OK;
    status = feed_side(feed, &conn, err);
    if (status == RNL_OK)
        status = look_take(feed->source, conn, table->form.oid, &look, err);
    if (status != RNL_OK)
        return status;
    if (!look->draft) {
        table->gone = true;
        status = table_replace(feed, index, look, out, err);
    } else if (!has_name(&look->draft->table, schema, name)) {
        table->moving = true;
        status = name_free(feed, look->draft->table.schema, look->draft->table.name, out, err);
        if (status >= 0)
            status = name_tell(feed, index, look, out, err);
        table->moving = false;
    }
    look_free(look);
    return status;
}

static int table_alter_and_name(struct feed *feed, struct look *look,
                                const struct relation *relation, struct rnl_bundle *out,
                                struct rnl_error *err)
{
    struct fed_table *table = &feed->tables[relation->table];
    int freed = RNL_OK, status;

    if (!relation->leaf && !has_name(table->described, relation->schema, relation->name)) {
        table->moving = true;
        freed = name_free(feed, relation->schema, relation->name, out, err);
        table->moving = false;
    }
    if (freed < 0)
        return freed;
    status = table_alter(feed, relation->table, look, relation, out, err);
    return status == RNL_OK ? freed : status;
}

bool source_same_table(void *self, const struct rnl_table *a, const struct rnl_table *b)
{
    struct arena arena = {0};
    struct form one, other;
    bool same = a->form && b->form && form_parse(a->form, &arena, &one) &&
                form_parse(b->form, &arena, &other) && one.oid && one.oid == other.oid;

    (void)self;
    arena_free(&arena);
    return same;
}

/* --- judging ------------------------------------------------------------------------------ */

/* Described for the first time: whether the table is what it was when the catalog got it. */
static int mark_differs(struct feed *feed, const struct fed_table *table, bool *differs,
                        struct rnl_error *err)
{
    struct pg_conn *conn;
    char mark[40];
    int status;

    *differs = false;
    if (!table->form.oid)
        return RNL_OK;
    status = feed_side(feed, &conn, err);
    if (status == RNL_OK)
        status = mark_of(feed->source, conn, table->form.oid, mark, err);
    *differs = status == RNL_OK && !text_same(mark, table->form.look);
    return status;
}

static int relation_look(struct feed *feed, struct relation *relation, bool older,
                         struct look **look, struct rnl_error *err)
{
    struct fed_table *table = &feed->tables[relation->table];
    const char *missing;
    struct pg_conn *conn;
    int status = feed_side(feed, &conn, err);

    if (status == RNL_OK)
        status = look_take(feed->source, conn,
                           relation->leaf && table->form.oid ? table->form.oid : relation->id, look,
                           err);
    if (status != RNL_OK)
        return status;
    if (form_number(&relation->told, &table->form,
                    (*look)->draft ? &(*look)->draft->form : &no_columns, !relation->leaf, older,
                    &missing))
        return RNL_OK;
    status = missing ? bad_columns(table, missing, err) : error_memory(err);
    look_free(*look);
    return status;
}

/*
 * A column that the table has kept all along, but the stream doesn't tell: numbers are never given
 * again. To take it for one that was dropped would drop it in the target. NULL: none.
 */
static const char *column_held_back(const struct fed_table *table, const struct relation *relation,
                                    const struct look *look)
{
    for (uint32_t i = 0; look->draft && !relation->leaf && i < table->form.ncolumns; i++) {
        const struct form_column *was = &table->form.columns[i], *now;

        if (was->generated || !was->number || form_numbered(&relation->told, was->number))
            continue;
        now = form_numbered(&look->draft->form, was->number);
        if (now && !now->generated)
            return now->name;
    }
    return NULL;
}

static int refuse_held_back(const struct feed *feed, const struct fed_table *table,
                            const char *column, struct rnl_error *err)
{
    rnl_fail(err, RNL_E_CONFIG, "source.publication_columns",
             "the publication \"%s\" tells changes of %s.%s without its column %s",
             feed->source->follow->publication, table->described->schema, table->described->name,
             column);
    rnl_hint(err, "take the list of columns out of the publication, and load again with --restart");
    return RNL_E_CONFIG;
}

static bool is_exact(const struct relation *relation, const struct fed_table *table)
{
    return form_is(&table->form, &relation->told, !relation->leaf) &&
           (relation->leaf || has_name(table->described, relation->schema, relation->name));
}

static int judge(struct feed *feed, struct relation *relation, bool older, struct rnl_bundle *out,
                 struct rnl_error *err)
{
    struct fed_table *table = &feed->tables[relation->table];
    bool exact = !relation->replaced && is_exact(relation, table), differs = true;
    const char *held_back;
    struct look *look;
    int status;

    relation->fit = exact ? FIT_EXACT : older ? FIT_OLDER : FIT_IGNORED;
    if (exact) {
        for (uint32_t i = 0; i < relation->ncolumns; i++) {
            const char *name = relation->told.columns[i].name;

            relation->told.columns[i].number = form_named(&table->form, name)->number;
            relation->columns[i] = column_named(table->described, name);
        }
        status = older || relation->again ? RNL_OK : mark_differs(feed, table, &differs, err);
        if (status != RNL_OK || older || !differs)
            return status;
    }
    status = relation_look(feed, relation, older, &look, err);
    if (status != RNL_OK)
        return status;
    columns_fit(relation, table);
    held_back = older || relation->replaced ? NULL : column_held_back(table, relation, look);
    if (held_back)
        status = refuse_held_back(feed, table, held_back, err);
    else if (older)
        status = RNL_OK;
    else if (relation->replaced)
        status = look->draft ? table_replace(feed, relation->table, look, out, err) : RNL_OK;
    else
        status = table_alter_and_name(feed, look, relation, out, err);
    look_free(look);
    return status;
}

int relation_judge(struct feed *feed, struct relation *relation, struct rnl_bundle *out,
                   struct rnl_error *err)
{
    const struct fed_table *table = &feed->tables[relation->table];
    struct place place = {feed->commit_lsn, feed->change_lsn};
    bool older;

    if (relation->fit == FIT_EXACT || relation->fit == FIT_IGNORED)
        return RNL_OK;
    older = place_before(place, table->form.since);
    if (relation->fit == FIT_OLDER && older)
        return RNL_OK;
    return judge(feed, relation, older, out, err);
}
