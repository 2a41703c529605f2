/* Forms of tables: their words, their numbers, and what a table has become. */
#include "newform.h"

#include <runnel/host.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FORM(...)                                                                             \
    {                                                                                         \
        .columns = (struct form_column[]){__VA_ARGS__},                                       \
        .ncolumns = sizeof((struct form_column[]){__VA_ARGS__}) / sizeof(struct form_column), \
    }
#define C(name, number)                \
    {                                  \
        name, "integer", number, false \
    }
#define T(name, number)             \
    {                               \
        name, "text", number, false \
    }

static void words_and_back(void **state)
{
    struct arena arena = {0};
    struct form before = FORM(C("id", 1), T("a b", 2)), back, broken;
    struct form form = FORM(C("id", 1), {"d 3:x", "numeric(10,2)", 7, true}, T("", 9));
    struct buf text = {0};

    (void)state;
    form.since = (struct place){0x123456789abcULL, 77};
    form.oid = 4000000000U;
    form.file = 12;
    form.digest = UINT64_MAX;
    strcpy(form.look, "0123456789abcdef0123456789abcdef");
    form.earlier = &before;
    form.nearlier = 1;
    form_print(&form, &text);
    assert_true(form_parse(buf_text(&text), &arena, &back));
    assert_int_equal(back.since.commit, 0x123456789abcULL);
    assert_int_equal(back.since.change, 77);
    assert_int_equal(back.oid, 4000000000U);
    assert_true(back.digest == UINT64_MAX);
    assert_string_equal(back.look, form.look);
    assert_int_equal(back.ncolumns, 3);
    assert_string_equal(back.columns[1].name, "d 3:x");
    assert_string_equal(back.columns[1].native, "numeric(10,2)");
    assert_int_equal(back.columns[1].number, 7);
    assert_true(back.columns[1].generated);
    assert_int_equal(back.nearlier, 1);
    assert_string_equal(back.earlier[0].columns[1].name, "a b");
    for (size_t cut = 0; cut < text.len; cut++) { /* cut short anywhere it is no form */
        char *half = strndup(text.ptr, cut);

        assert_false(form_parse(half, &arena, &broken));
        free(half);
    }
    assert_false(form_parse("1 0 0 0 0 0 0: 99999999", &arena, &broken));
    assert_false(form_parse("1 0 0 0 0 0 99999999999:x 0 0", &arena, &broken));
    buf_free(&text);
    arena_free(&arena);
}

static void told_is_the_form(void **state)
{
    const struct form form = FORM(C("id", 1), {"sum", "integer", 2, true}, T("v", 4));
    const struct form told = FORM(C("id", 0), T("v", 0));
    const struct form whole = FORM(C("id", 0), C("sum", 0), T("v", 0));
    const struct form turned = FORM(T("v", 0), C("id", 0));
    const struct form more = FORM(C("id", 0), T("v", 0), T("w", 0));
    const struct form other = FORM(C("id", 0), C("v", 0));

    (void)state;
    assert_true(form_is(&form, &told, true));
    assert_true(form_is(&form, &whole, true));
    assert_false(form_is(&form, &turned, true));
    assert_true(form_is(&form, &turned, false));
    assert_false(form_is(&form, &more, true));
    assert_false(form_is(&form, &more, false));
    assert_false(form_is(&form, &other, true));
}

static void expect_numbers(struct form *told, const struct form *was, const struct form *now,
                           bool older, const uint32_t *numbers)
{
    const char *missing;

    assert_true(form_number(told, was, now, true, older, &missing));
    for (uint32_t i = 0; i < told->ncolumns; i++)
        assert_int_equal(told->columns[i].number, numbers[i]);
}

static void numbers_by_names(void **state)
{
    const struct form was = FORM(C("id", 1), T("v", 2), C("n", 3));
    const struct form now = FORM(C("id", 1), T("v", 2), C("m", 4));
    struct form told = FORM(C("id", 0), T("v", 0), C("n", 0), C("m", 0));

    (void)state;
    expect_numbers(&told, &was, &now, false, (const uint32_t[]){1, 2, 3, 4});
}

/* Renamed twice while nobody looked: the name between is in neither. */
static void numbers_of_names_between(void **state)
{
    const struct form was = FORM(C("id", 1), T("a", 2), T("b", 3));
    const struct form now = FORM(C("id", 1), T("c", 2), T("a", 3));
    struct form between = FORM(C("id", 0), T("x", 0), T("y", 0));
    struct form swapped = FORM(C("id", 0), T("b", 0), T("a", 0));

    (void)state;
    expect_numbers(&between, &was, &now, false, (const uint32_t[]){1, 2, 3});
    expect_numbers(&swapped, &was, &now, false, (const uint32_t[]){1, 2, 3});
}

/* Made and dropped while nobody looked: in neither, and no other column. */
static void numbers_of_nothing(void **state)
{
    const struct form was = FORM(C("id", 1), T("v", 2));
    const struct form now = FORM(C("id", 1), T("v", 2), T("z", 5));
    struct form told = FORM(C("id", 0), T("v", 0), C("gone", 0));

    (void)state;
    expect_numbers(&told, &was, &now, false, (const uint32_t[]){1, 2, 0});
}

static void numbers_miss_a_column(void **state)
{
    const struct form was = FORM(C("id", 1), T("v", 2)), now = was;
    struct form told = FORM(C("id", 0));
    const char *missing;

    (void)state;
    assert_false(form_number(&told, &was, &now, true, false, &missing));
    assert_string_equal(missing, "v");
}

/* A form from before the catalog's: what was added since isn't there. */
static void numbers_of_older_forms(void **state)
{
    const struct form first = FORM(C("id", 1), T("v", 2), T("n", 3));
    struct form was = FORM(C("id", 1), T("vv", 2), T("w", 4));
    const struct form now = was;
    struct form told = FORM(C("id", 0), T("v", 0), T("n", 0));
    struct form typed = FORM(C("id", 0), T("v", 0), C("n", 0));

    (void)state;
    expect_numbers(&typed, &was, &now, true, (const uint32_t[]){1, 2, 0});
    was.earlier = &first;
    was.nearlier = 1;
    expect_numbers(&told, &was, &now, true, (const uint32_t[]){1, 2, 3});
}

/* --- new forms ---------------------------------------------------------------------------- */

#define COLUMNS 6

struct world {
    struct arena arena;
    struct rnl_column was_columns[COLUMNS], now_columns[COLUMNS], made[COLUMNS];
    struct rnl_index was_indexes[2], now_indexes[2];
    struct rnl_index_part parts[2];
    struct rnl_table was, now;
    const char *missing[COLUMNS];
    struct newform_parts in;
    struct newform out;
};

static void table_fill(struct rnl_table *table, struct rnl_column *columns, const struct form *form)
{
    *table = (struct rnl_table){
        .size = sizeof(*table),
        .schema = "s",
        .name = "t",
        .columns = columns,
        .ncolumns = form->ncolumns,
        .column_size = sizeof(*columns),
        .index_size = sizeof(struct rnl_index),
        .foreign_key_size = sizeof(struct rnl_foreign_key),
        .check_size = sizeof(struct rnl_check),
    };
    for (uint32_t i = 0; i < form->ncolumns; i++)
        columns[i] = (struct rnl_column){.name = form->columns[i].name,
                                         .native = form->columns[i].native,
                                         .number = form->columns[i].number,
                                         .flags = RNL_COLUMN_NULLABLE};
}

static void world_fill(struct world *w, const struct form *was, const struct form *now,
                       const struct form *told)
{
    table_fill(&w->was, w->was_columns, was);
    if (now)
        table_fill(&w->now, w->now_columns, now);
    for (uint32_t i = 0; i < told->ncolumns; i++)
        w->made[i] = (struct rnl_column){
            .name = "made", .native = told->columns[i].native, .flags = RNL_COLUMN_NULLABLE};
    w->in = (struct newform_parts){
        .was = &w->was,
        .was_form = was,
        .now = now ? &w->now : NULL,
        .now_form = now,
        .missing = w->missing,
        .told = told,
        .made = w->made,
    };
}

static void make(struct world *w)
{
    assert_true(newform_make(&w->in, &w->arena, &w->out));
}

static void world_free(struct world *w)
{
    arena_free(&w->arena);
    free(w);
}

static struct world *world_new(void)
{
    return calloc(1, sizeof(struct world));
}

static void added_and_renamed(void **state)
{
    const struct form was = FORM(C("id", 1), T("v", 2));
    const struct form now = FORM(C("id", 1), T("vv", 2), C("n", 3));
    struct world *w = world_new();

    (void)state;
    world_fill(w, &was, &now, &now);
    w->now_columns[2].flags = 0;
    w->now_columns[2].default_kind = RNL_DEFAULT_LITERAL;
    w->now_columns[2].default_text = "5";
    w->missing[2] = "5";
    make(w);
    assert_int_equal(w->out.table.ncolumns, 3);
    assert_int_equal(w->out.nrenamed, 1);
    assert_string_equal(w->out.renamed[0].from, "v");
    assert_string_equal(w->out.renamed[0].to, "vv");
    /* rows from before may lack a value for as long as they come */
    assert_true(w->out.table.columns[2].flags & RNL_COLUMN_NULLABLE);
    assert_string_equal(w->out.table.columns[2].default_text, "5");
    assert_true(w->out.rough);
    w->in.settled = true;
    make(w);
    assert_false(w->out.table.columns[2].flags & RNL_COLUMN_NULLABLE);
    assert_false(w->out.rough);
    world_free(w);
}

/* Rows from before have what the column was added with, not what its default is now. */
static void added_with_another_default(void **state)
{
    const struct form was = FORM(C("id", 1)), now = FORM(C("id", 1), C("n", 2));
    struct world *w = world_new();

    (void)state;
    world_fill(w, &was, &now, &now);
    w->in.settled = true;
    w->now_columns[1].default_kind = RNL_DEFAULT_LITERAL;
    w->now_columns[1].default_text = "7";
    make(w); /* a default that came later fills nothing */
    assert_int_equal(w->out.table.columns[1].default_kind, RNL_DEFAULT_NONE);
    assert_true(w->out.rough);
    w->missing[1] = "5";
    make(w);
    assert_int_equal(w->out.table.columns[1].default_kind, RNL_DEFAULT_LITERAL);
    assert_string_equal(w->out.table.columns[1].default_text, "5");
    assert_true(w->out.rough);
    assert_false(w->out.load);
    w->missing[1] = NULL;
    w->in.rewritten = true;
    w->now_columns[1].default_kind = RNL_DEFAULT_EXPRESSION;
    w->now_columns[1].default_text = "random()";
    make(w);
    assert_true(w->out.load);
    world_free(w);
}

/* Behind the stream: names and types are the stream's. */
static void told_between(void **state)
{
    const struct form was = FORM(C("id", 1), T("v", 2));
    const struct form now = FORM(C("id", 1), C("x", 3));
    const struct form told = FORM(C("id", 1), C("v", 2), C("x", 3), T("gone", 0));
    const struct form doubtful = FORM(C("id", 1), T("v", 2), C("w", 3));
    struct world *w = world_new();

    (void)state;
    world_fill(w, &was, &now, &told);
    make(w);
    assert_int_equal(w->out.table.ncolumns, 4);
    assert_string_equal(w->out.table.columns[1].name, "v");
    assert_string_equal(w->out.table.columns[1].native, "integer");
    assert_string_equal(w->out.table.columns[2].name, "x");
    assert_false(w->out.load);
    w->in.rewritten = true; /* for the type: what USING has made of the rows is told nowhere */
    make(w);
    assert_true(w->out.remade);
    w->in.rewritten = false;
    assert_string_equal(w->out.table.columns[3].name, "gone");
    assert_string_equal(w->out.known[3].native, "text");
    assert_int_equal(w->out.nrenamed, 0);
    assert_true(w->out.rough);
    w->in.told = &doubtful; /* renamed since, or dropped and another made? */
    make(w);
    assert_true(w->out.load);
    world_free(w);
}

/* Dropped and made anew: another column, of whose values nothing may be kept. */
static void name_taken(void **state)
{
    const struct form was = FORM(C("id", 1), T("v", 2)), now = FORM(C("id", 1), T("v", 3));
    struct world *w = world_new();

    (void)state;
    world_fill(w, &was, &now, &now);
    w->in.settled = true;
    make(w);
    assert_int_equal(w->out.table.ncolumns, 1);
    assert_true(w->out.rough);
    world_free(w);
}

/* What refuses rows waits; what refuses no more goes; the stream's key is at hand. */
static void keys_and_indexes(void **state)
{
    const struct form was = FORM(C("id", 1), T("v", 2)), now = was;
    const bool keys[] = {true, false};
    struct world *w = world_new();

    (void)state;
    world_fill(w, &was, &now, &now);
    w->parts[1].column = 1;
    w->now_indexes[0] = (struct rnl_index){.name = "t_pkey",
                                           .parts = w->parts,
                                           .nparts = 1,
                                           .flags = RNL_INDEX_PRIMARY | RNL_INDEX_UNIQUE};
    w->now_indexes[1] = (struct rnl_index){
        .name = "t_v", .parts = w->parts + 1, .nparts = 1, .flags = RNL_INDEX_UNIQUE};
    w->now.indexes = w->now_indexes;
    w->now.nindexes = 2;
    w->in.keys = keys;
    w->in.identity = 'd';
    make(w);
    assert_int_equal(w->out.table.nindexes, 1);
    assert_string_equal(w->out.table.indexes[0].name, "t_pkey");
    assert_true(w->out.table.columns[0].flags & RNL_COLUMN_KEY);
    assert_false(w->out.table.columns[0].flags & RNL_COLUMN_NULLABLE);
    w->in.settled = true;
    make(w);
    assert_int_equal(w->out.table.nindexes, 2);
    /* the table is gone by now, and had no key when it was described: the stream tells one */
    w->in.now = NULL;
    w->in.settled = false;
    make(w);
    assert_int_equal(w->out.table.nindexes, 1);
    assert_true(w->out.table.indexes[0].flags & RNL_INDEX_PRIMARY);
    /* NOT NULL is let go of at once, and comes when all from before has */
    w->in.now = &w->now;
    w->in.keys = NULL;
    w->now.nindexes = 0;
    w->was_columns[1].flags = 0;
    make(w);
    assert_true(w->out.table.columns[1].flags & RNL_COLUMN_NULLABLE);
    w->was_columns[1].flags = RNL_COLUMN_NULLABLE;
    w->now_columns[1].flags = 0;
    w->now_columns[1].default_kind = RNL_DEFAULT_LITERAL;
    w->now_columns[1].default_text = "later";
    make(w);
    assert_int_equal(w->out.table.columns[1].default_kind, RNL_DEFAULT_NONE);
    assert_true(w->out.table.columns[1].flags & RNL_COLUMN_NULLABLE);
    world_free(w);
}

static void digests(void **state)
{
    const struct form was = FORM(C("id", 1), T("v", 2)), now = was;
    struct world *w = world_new();

    (void)state;
    world_fill(w, &was, &now, &now);
    w->in.settled = true;
    make(w);
    assert_true(form_digest(&w->now) == form_digest(&w->out.table));
    w->now.rows = 99;
    w->now_columns[0].next_value = 4;
    assert_true(form_digest(&w->now) == form_digest(&w->out.table));
    w->now_columns[1].flags = 0;
    assert_false(form_digest(&w->now) == form_digest(&w->out.table));
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_and_back),
        cmocka_unit_test(told_is_the_form),
        cmocka_unit_test(numbers_by_names),
        cmocka_unit_test(numbers_of_names_between),
        cmocka_unit_test(numbers_of_nothing),
        cmocka_unit_test(numbers_miss_a_column),
        cmocka_unit_test(numbers_of_older_forms),
        cmocka_unit_test(added_and_renamed),
        cmocka_unit_test(added_with_another_default),
        cmocka_unit_test(told_between),
        cmocka_unit_test(name_taken),
        cmocka_unit_test(keys_and_indexes),
        cmocka_unit_test(digests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
