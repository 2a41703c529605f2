/* Forms that the kit gives a table one after another, while it is followed. */
#include "kit_forms.h"

#include <string.h>

#define KEY                                                                                      \
    {                                                                                            \
        .name = "id", .native = "bigint", .type = RNL_T_INT, .width = 8, .flags = RNL_COLUMN_KEY \
    }
#define TEXT(title, characters)                                                      \
    {                                                                                \
        .name = (title), .native = "varchar(" #characters ")", .charset = "utf8mb4", \
        .type = RNL_T_TEXT, .length = (characters), .flags = RNL_COLUMN_NULLABLE     \
    }
#define NUMBER(type_name, bytes, others)                                                           \
    {                                                                                              \
        .name = "n", .native = (type_name), .type = RNL_T_INT, .width = (bytes), .flags = (others) \
    }
#define EXTRA                                                            \
    {                                                                    \
        .name = "extra", .native = "int", .type = RNL_T_INT, .width = 4, \
        .default_kind = RNL_DEFAULT_LITERAL, .default_text = "7"         \
    }

#define MUST(others, what, text)                                                           \
    {                                                                                      \
        .name = "must", .native = "int", .type = RNL_T_INT, .width = 4, .flags = (others), \
        .default_kind = (what), .default_text = (text)                                     \
    }
#define KIND(words, count, spelled)                                                    \
    {                                                                                  \
        .name = "kind", .native = (spelled), .charset = "utf8mb4", .type = RNL_T_TEXT, \
        .length = 1, .flags = RNL_COLUMN_ENUM, .labels = (words), .nlabels = (count),  \
        .default_kind = RNL_DEFAULT_LITERAL, .default_text = "a"                       \
    }

static const char *const ab[] = {"a", "b"}, *const abc[] = {"a", "b", "c"};
static const struct rnl_check positive = {
    .name = "kit_positive", .expression = "`must` >= 0", .enforced = 1};
static const struct rnl_check not_empty = {
    .name = "kit_not_empty", .expression = "`term` <> _utf8mb4'none'", .enforced = 1};
static const struct rnl_index_part part_id = {.column = 0}, part_1 = {.column = 1},
                                   part_2 = {.column = 2},
                                   id_must[] = {{.column = 0}, {.column = 4}};
#define PRIMARY                                            \
    {                                                      \
        .name = "PRIMARY", .parts = &part_id, .nparts = 1, \
        .flags = RNL_INDEX_PRIMARY | RNL_INDEX_UNIQUE      \
    }
#define BY_WORD                                              \
    {                                                        \
        .name = "kit_by_word", .parts = &part_1, .nparts = 1 \
    }
#define BY_SWAPPED                                              \
    {                                                           \
        .name = "kit_by_swapped", .parts = &part_1, .nparts = 1 \
    }
#define BY_N                                                                         \
    {                                                                                \
        .name = "kit_by_n", .parts = &part_2, .nparts = 1, .flags = RNL_INDEX_UNIQUE \
    }
#define N_TEXT                                                                          \
    {                                                                                   \
        .name = "n", .native = "varchar(40)", .charset = "utf8mb4", .type = RNL_T_TEXT, \
        .length = 40                                                                    \
    }

const struct form forms[] = {
    {"runnel_kit_evolve",
     "iwn",
     {KEY, TEXT("word", 200), NUMBER("int", 4, RNL_COLUMN_NULLABLE)},
     {PRIMARY, BY_WORD},
     2,
     NULL},
    {"runnel_kit_evolve", /* two are added */
     "iwnxo",
     {KEY, TEXT("word", 200), NUMBER("int", 4, RNL_COLUMN_NULLABLE), EXTRA, TEXT("other", 300)},
     {PRIMARY, BY_WORD},
     2,
     NULL},
    {"runnel_kit_evolve", /* word is called term, and n and term get more room */
     "iwnxo",
     {KEY, TEXT("term", 300), NUMBER("bigint", 8, RNL_COLUMN_NULLABLE), EXTRA, TEXT("other", 300)},
     {PRIMARY, BY_WORD},
     2,
     NULL},
    {"runnel_kit_evolve", /* term and other swap their names, extra goes, another index */
     "iwno",
     {KEY, TEXT("other", 300), NUMBER("bigint", 8, RNL_COLUMN_NULLABLE), TEXT("term", 300)},
     {PRIMARY, BY_N},
     2,
     NULL},
    {"runnel_kit_evolve", /* they swap once more, with an index on one of them, and a check */
     "iwno",
     {KEY, TEXT("term", 300), NUMBER("bigint", 8, RNL_COLUMN_NULLABLE), TEXT("other", 300)},
     {PRIMARY, BY_N, BY_SWAPPED},
     3,
     &not_empty},
    {"runnel_kit_evolve", /* and back, the check for the other column */
     "iwno",
     {KEY, TEXT("other", 300), NUMBER("bigint", 8, RNL_COLUMN_NULLABLE), TEXT("term", 300)},
     {PRIMARY, BY_N, BY_SWAPPED},
     3,
     &not_empty},
    {"runnel_kit_evolved", /* another name, and n is there in each row */
     "iwno",
     {KEY, TEXT("other", 300), NUMBER("bigint", 8, 0), TEXT("term", 300)},
     {PRIMARY, BY_N},
     2,
     NULL},
    {"runnel_kit_evolved", /* n becomes a text; a column that can't be NULL; labels */
     "iwNomk",
     {KEY, TEXT("other", 300), N_TEXT, TEXT("term", 300), MUST(0, RNL_DEFAULT_NONE, NULL),
      KIND(ab, 2, "enum('a','b')")},
     {PRIMARY, BY_N},
     2,
     NULL},
    {"runnel_kit_evolved", /* a label more, another key, a check */
     "iwNomk",
     {KEY, TEXT("other", 300), N_TEXT, TEXT("term", 300),
      MUST(RNL_COLUMN_KEY, RNL_DEFAULT_NONE, NULL), KIND(abc, 3, "enum('a','b','c')")},
     {{.name = "PRIMARY",
       .parts = id_must,
       .nparts = 2,
       .flags = RNL_INDEX_PRIMARY | RNL_INDEX_UNIQUE},
      BY_N},
     2,
     &positive},
    {"runnel_kit_evolved", /* the key as before, no check, and a default */
     "iwNomk",
     {KEY, TEXT("other", 300), N_TEXT, TEXT("term", 300),
      MUST(RNL_COLUMN_NULLABLE, RNL_DEFAULT_LITERAL, "5"), KIND(abc, 3, "enum('a','b','c')")},
     {PRIMARY, BY_N},
     2,
     NULL},
};
_Static_assert(sizeof(forms) / sizeof(forms[0]) == FORMS, "as the header says");

uint32_t form_columns(const struct form *form)
{
    return (uint32_t)strlen(form->stems);
}

int form_add(struct rnl_catalog *catalog, const struct form *form, struct rnl_error *err)
{
    const struct rnl_table table = {.size = sizeof(table),
                                    .schema = "runnel_kit",
                                    .name = form->name,
                                    .dialect = "mysql",
                                    .columns = form->columns,
                                    .ncolumns = form_columns(form),
                                    .column_size = sizeof(form->columns[0]),
                                    .indexes = form->indexes,
                                    .nindexes = form->nindexes,
                                    .index_size = sizeof(form->indexes[0]),
                                    .checks = form->check,
                                    .nchecks = form->check ? 1 : 0,
                                    .check_size = sizeof(*form->check),
                                    .rows = -1,
                                    .bytes = -1};

    return catalog_add(catalog, &table, err);
}

int form_add_child(struct rnl_catalog *catalog, struct rnl_error *err)
{
    static const struct rnl_column columns[] = {
        KEY, {.name = "up", .native = "bigint", .type = RNL_T_INT, .width = 8}};
    static const uint32_t own[] = {1};
    static const char *const parent[] = {"id"};
    static const struct rnl_foreign_key key = {.name = "kit_up",
                                               .ref_schema = "runnel_kit",
                                               .ref_table = "runnel_kit_evolved",
                                               .columns = own,
                                               .ref_columns = parent,
                                               .ncolumns = 1};
    static const struct rnl_index indexes[] = {PRIMARY,
                                               {.name = "kit_up", .parts = &part_1, .nparts = 1}};
    const struct rnl_table table = {.size = sizeof(table),
                                    .schema = "runnel_kit",
                                    .name = "runnel_kit_evolve_child",
                                    .dialect = "mysql",
                                    .columns = columns,
                                    .ncolumns = 2,
                                    .column_size = sizeof(columns[0]),
                                    .indexes = indexes,
                                    .nindexes = 2,
                                    .index_size = sizeof(indexes[0]),
                                    .foreign_keys = &key,
                                    .nforeign_keys = 1,
                                    .foreign_key_size = sizeof(key),
                                    .rows = -1,
                                    .bytes = -1};

    return catalog_add(catalog, &table, err);
}
