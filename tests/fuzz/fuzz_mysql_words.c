/*
 * Words of a MySQL server and of its log: positions, GTID sets and lists, statements, and what
 * these make of tables. Whatever they are, what is taken must mean the same when it is written and
 * read again.
 */
#include "form.h"
#include "fuzz.h"
#include "position.h"
#include "statement.h"

#include <stdlib.h>

static void position_try(const char *text, size_t len)
{
    struct position position, again;
    struct text out = {0}, twice = {0};

    if (position_parse(&position, (struct rnl_slice){text, len}))
        return;
    MUST(position_reached(&position, &position) || (!position.gtids && !*position.file));
    position_write(&position, &out);
    MUST(!position_parse(&again, (struct rnl_slice){out.ptr, out.len}));
    position_write(&again, &twice);
    MUST(strcmp(out.ptr, twice.ptr) == 0);
    text_free(&out);
    text_free(&twice);
    position_free(&position);
    position_free(&again);
}

static void set_try(const char *text, size_t len)
{
    struct gtid_set set = {0}, again = {0};
    struct text out = {0}, encoded = {0};

    if (gtid_set_parse(&set, text, len))
        return;
    gtid_set_text(&set, &out);
    gtid_set_encode(&set, &encoded);
    MUST(!gtid_set_parse(&again, out.len ? out.ptr : "", out.len));
    MUST(gtid_set_contains(&set, &again) && gtid_set_contains(&again, &set));
    if (set.count && set.origins[0].count) {
        struct gtid gtid = {.number = set.origins[0].ranges[0].from};

        memcpy(gtid.uuid, set.origins[0].uuid, sizeof(gtid.uuid));
        memcpy(gtid.tag, set.origins[0].tag, sizeof(gtid.tag));
        MUST(gtid_set_has(&set, &gtid));
        MUST(!gtid_set_remove(&set, &gtid) && !gtid_set_has(&set, &gtid));
        MUST(!gtid_set_contains(&set, &again));
        MUST(!gtid_set_add(&set, &gtid) && gtid_set_contains(&set, &again));
    }
    text_free(&out);
    text_free(&encoded);
    gtid_set_free(&set);
    gtid_set_free(&again);
}

static void list_try(const char *text, size_t len)
{
    struct gtid_list list = {0}, again = {0};
    struct text out = {0};

    if (gtid_list_parse(&list, text, len))
        return;
    gtid_list_text(&list, &out);
    MUST(!gtid_list_parse(&again, out.len ? out.ptr : "", out.len));
    MUST(gtid_list_contains(&list, &again) && gtid_list_contains(&again, &list));
    text_free(&out);
    gtid_list_free(&list);
    gtid_list_free(&again);
}

static void name_look(void *user, const char *schema, const char *table)
{
    (void)user;
    MUST(strlen(schema) < STATEMENT_NAME_MAX && (!table || strlen(table) < STATEMENT_NAME_MAX));
}

static void form_apply_to(struct form *form, const struct rnl_table *before,
                          const struct statement *statement, bool mariadb)
{
    form->mariadb = mariadb;
    form->version = mariadb ? 101100 : 90000;
    form->database = "shop";
    form_begin(form, before);
    form->table.name = "t";
    form_apply(form, statement);
}

static bool form_whole(const struct form *form)
{
    return !form->failed && !form->strange && !form->repeated && !form->copied && !*form->like;
}

/* What comes out is a table, and the same as itself. */
static void form_look(struct form *form)
{
    const struct rnl_table *table = &form->table;

    if (!form_whole(form))
        return;
    MUST(table->ncolumns && form_is(table, table));
    for (uint32_t i = 0; i < table->ncolumns; i++)
        MUST(table->columns[i].name && table->columns[i].type);
    for (uint32_t i = 0; i < table->nindexes; i++)
        for (uint32_t p = 0; p < table->indexes[i].nparts; p++)
            MUST(table->indexes[i].parts[p].expression ||
                 table->indexes[i].parts[p].column < table->ncolumns);
    for (uint32_t i = 0; i < table->nforeign_keys; i++)
        for (uint32_t c = 0; c < table->foreign_keys[i].ncolumns; c++)
            MUST(table->foreign_keys[i].columns[c] < table->ncolumns &&
                 table->foreign_keys[i].ref_columns[c]);
}

static void form_try(const struct statement *statement, bool mariadb)
{
    static const char sql[] =
        "CREATE TABLE t (a int PRIMARY KEY, b varchar(10) UNIQUE, c text, d enum('x'), KEY k "
        "(c(5), b), CONSTRAINT f FOREIGN KEY (b) REFERENCES o (x), CONSTRAINT ck CHECK (a > 1))";
    const struct statement first = {.text = {sql, sizeof(sql) - 1}};
    struct form before = {0}, form = {0}, made = {0};

    form_apply_to(&before, NULL, &first, mariadb);
    MUST(form_whole(&before));
    form_apply_to(&form, &before.table, statement, mariadb);
    form_look(&form);
    if (form_whole(&form))
        form_refine(&form, &before.table);
    form_look(&form);
    form_apply_to(&made, NULL, statement, mariadb);
    form_look(&made);
    form_free(&made);
    form_free(&form);
    form_free(&before);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct statement statement = {0};
    char *text;

    if (size < 1)
        return 0;
    text = malloc(size); /* of just this size: the sanitizer sees what is read behind it */
    if (!text)
        return 0;
    memcpy(text, data + 1, size - 1);
    switch (data[0] % 4) {
    case 0:
        position_try(text, size - 1);
        break;
    case 1:
        set_try(text, size - 1);
        break;
    case 2:
        list_try(text, size - 1);
        break;
    default:
        statement.text = (struct rnl_slice){text, size - 1};
        statement.ansi_quotes = data[0] & 16;
        statement.no_escapes = data[0] & 32;
        MUST(statement_read(&statement, name_look, NULL) >= STATEMENT_OTHER);
        form_try(&statement, data[0] & 64);
    }
    free(text);
    return 0;
}
