/* The tables of a pipeline block: which are moved, what of them, and under which names. */
#include "config_loader.h"

#include <stdlib.h>

#define OPERATIONS "insert|update|delete"
#define MASKS "null|fixed|hash"
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct word table_words[] = {
    {"name", WORD_TEXT, NULL, 0, 0},
    {"where", WORD_TEXT, NULL, 0, 0},
    {"exclude", WORD_BOOL, NULL, 0, 0},
    {"query", WORD_TEXT, NULL, 0, 0},
    {"key", WORD_TEXT, NULL, 0, 0},
    {"columns", WORD_TEXTS, NULL, 0, 0},
    {"exclude_columns", WORD_TEXTS, NULL, 0, 0},
    {"target", WORD_TEXT, NULL, 0, 0},
    {"rename", WORD_GROUP, NULL, 0, 0}, /* or groups: see words_for */
    {"mask", WORD_GROUPS, NULL, 0, 0},
    {"operations", WORD_TEXTS, OPERATIONS, 0, 0},
};
static const struct word rename_words[] = {
    {"column", WORD_TEXT, NULL, 0, 0},
    {"to", WORD_TEXT, NULL, 0, 0},
};
static const struct word mask_words[] = {
    {"column", WORD_TEXT, NULL, 0, 0},
    {"with", WORD_CHOICE, MASKS, 0, 0},
    {"value", WORD_TEXT, NULL, 0, 0},
    {"salt", WORD_TEXT, NULL, 0, 0},
};

void config_tables_clear(struct pipeline_config *pipeline)
{
    selection_forget(pipeline->tables, pipeline->ntables);
    arena_free(&pipeline->table_texts);
    pipeline->table_texts = (struct arena){0};
    free(pipeline->tables);
    pipeline->tables = NULL;
    pipeline->ntables = 0;
}

static void *must_take(struct pipeline_config *pipeline, size_t size)
{
    void *taken = arena_alloc(&pipeline->table_texts, size + 1);

    if (!taken)
        abort();
    return taken;
}

static const char *must_keep(struct pipeline_config *pipeline, const char *text)
{
    return text ? memcpy(must_take(pipeline, strlen(text)), text, strlen(text) + 1) : NULL;
}

struct table_rule *config_table_add(struct pipeline_config *pipeline, const char *name)
{
    struct table_rule *rule;

    pipeline->tables = must_grow(pipeline->tables, pipeline->ntables, sizeof(*pipeline->tables));
    rule = &pipeline->tables[pipeline->ntables++];
    *rule = (struct table_rule){.name = must_keep(pipeline, name)};
    return rule;
}

void config_table_where(struct pipeline_config *pipeline, const char *name, const char *where)
{
    struct table_rule *rule = config_table_add(pipeline, name);

    rule->where = must_keep(pipeline, where);
    rule->detail = true;
}

void config_table_target(struct pipeline_config *pipeline, const char *name, const char *target)
{
    struct table_rule *rule = config_table_add(pipeline, name);

    rule->target = must_keep(pipeline, target);
    rule->detail = true;
}

static int read_columns(struct pipeline_config *pipeline, const config_setting_t *group,
                        struct table_rule *rule, struct rnl_error *err)
{
    const config_setting_t *in = config_setting_get_member(group, "columns");
    const config_setting_t *out = config_setting_get_member(group, "exclude_columns");
    const config_setting_t *list = in ? in : out;
    const char **columns;
    int count = list ? config_setting_length(list) : 0;

    if (in && out)
        return block_fail(out, "config.bad_value", err,
                          "columns and exclude_columns contradict each other");
    if (list && count == 0)
        return block_fail(list, "config.bad_value", err, "a list of columns names one at least");
    columns = must_take(pipeline, (size_t)count * sizeof(*columns));
    for (int i = 0; i < count; i++)
        columns[i] = must_keep(pipeline, config_setting_get_string_elem(list, i));
    rule->columns = columns;
    rule->ncolumns = (uint32_t)count;
    rule->columns_exclude = out != NULL;
    return RNL_OK;
}

/* rename = { old = "new"; } or, for names that are no words, ( { column = "o l d"; to = "new"; } )
 */
static int read_renames(struct pipeline_config *pipeline, const config_setting_t *list,
                        struct table_rule *rule, struct rnl_error *err)
{
    int count = list ? config_setting_length(list) : 0;
    struct rule_rename *renames = must_take(pipeline, (size_t)count * sizeof(*renames));

    for (int i = 0; i < count; i++) {
        const config_setting_t *item = config_setting_get_elem(list, (unsigned)i);
        const char *from = config_setting_name(item), *to = config_setting_get_string(item);

        if (config_setting_is_group(item)) {
            if (block_check(item, "rename", rename_words, COUNT(rename_words), false, err) !=
                RNL_OK)
                return err->status;
            from = block_text(item, "column");
            to = block_text(item, "to");
        }
        if (!from || !to || !*to)
            return block_fail(item, "config.bad_value", err,
                              "a column's new name is wanted, in quotes");
        renames[i] = (struct rule_rename){must_keep(pipeline, from), must_keep(pipeline, to)};
    }
    rule->renames = renames;
    rule->nrenames = (uint32_t)count;
    return RNL_OK;
}

static int read_mask(struct pipeline_config *pipeline, const config_setting_t *group,
                     struct rule_mask *mask, struct rnl_error *err)
{
    if (block_check(group, "mask", mask_words, COUNT(mask_words), false, err) != RNL_OK)
        return err->status;
    *mask = (struct rule_mask){
        .column = must_keep(pipeline, block_text(group, "column")),
        .with = (enum mask_with)(MASK_NULL + block_choice(group, "with", MASKS, -1)),
        .value = must_keep(pipeline, block_text(group, "value")),
        .salt = must_keep(pipeline, block_text(group, "salt")),
    };
    if (!mask->column || (int)mask->with < MASK_NULL)
        return block_fail(group, "config.missing_word", err,
                          "a mask needs a column, and with what: null, fixed or hash");
    if ((mask->with == MASK_FIXED) != (mask->value != NULL))
        return block_fail(group, "config.bad_value", err,
                          mask->value ? "a value goes with = \"fixed\" alone"
                                      : "a mask with = \"fixed\" needs a value");
    if ((mask->with == MASK_HASH) == (mask->salt != NULL))
        return RNL_OK;
    block_fail(group, mask->salt ? "config.bad_value" : "config.missing_word", err,
               mask->salt ? "a salt goes with = \"hash\" alone"
                          : "a mask with = \"hash\" needs a salt");
    if (!mask->salt)
        rnl_hint(err, "a secret, like salt = \"secret://file/mask#salt\": without one anybody "
                      "could try values");
    return err->status;
}

static int read_masks(struct pipeline_config *pipeline, const config_setting_t *list,
                      struct table_rule *rule, struct rnl_error *err)
{
    int count = list ? config_setting_length(list) : 0;

    rule->masks = must_take(pipeline, (size_t)count * sizeof(*rule->masks));
    for (int i = 0; i < count; i++) {
        if (read_mask(pipeline, config_setting_get_elem(list, (unsigned)i), &rule->masks[i], err) !=
            RNL_OK)
            return err->status;
        rule->nmasks++;
    }
    return RNL_OK;
}

/* operations = [ "insert", … ]: the others are left out; TRUNCATE is a delete of all rows. */
static void read_operations(const config_setting_t *list, struct table_rule *rule)
{
    static const struct {
        const char *word;
        uint16_t bits;
    } operations[] = {{"insert", 1 << RNL_INSERT},
                      {"update", 1 << RNL_UPDATE},
                      {"delete", 1 << RNL_DELETE | 1 << RNL_TRUNCATE}};
    int count = list ? config_setting_length(list) : 0;

    if (!list)
        return;
    rule->operations = true;
    rule->left_out = 1 << RNL_INSERT | 1 << RNL_UPDATE | 1 << RNL_DELETE | 1 << RNL_TRUNCATE;
    for (int i = 0; i < count; i++)
        for (size_t o = 0; o < COUNT(operations); o++)
            if (strcmp(config_setting_get_string_elem(list, i), operations[o].word) == 0)
                rule->left_out &= (uint16_t)~operations[o].bits;
}

static int check_target(const config_setting_t *group, const struct table_rule *rule,
                        struct rnl_error *err)
{
    char buf[300];
    const char *schema, *name;

    if (!rule->target)
        return RNL_OK;
    if (strlen(rule->target) >= sizeof(buf))
        return block_fail(group, "config.bad_value", err, "a target's name is too long");
    selection_split(rule->target, buf, sizeof(buf), &schema, &name);
    if (!*name || (strchr(name, '*') && strchr(strchr(name, '*') + 1, '*')) ||
        (strchr(schema, '*') && strchr(strchr(schema, '*') + 1, '*')))
        return block_fail(config_setting_get_member(group, "target"), "config.bad_value", err,
                          "\"%s\" is no target: \"schema.table\", \"schema.*\" or \"table\" is "
                          "wanted",
                          rule->target);
    if (rule_is_pattern(rule) && !strchr(name, '*'))
        return block_fail(config_setting_get_member(group, "target"), "config.bad_value", err,
                          "the tables that fit %s would all be called \"%s\": write * where their "
                          "names go, as in \"%s.*\"",
                          rule->name, name, *schema ? schema : "warehouse");
    return RNL_OK;
}

/* Words that have no meaning together. */
static int check_rule(const config_setting_t *group, const struct table_rule *rule,
                      struct rnl_error *err)
{
    bool details = rule->where || rule->ncolumns || rule->nrenames || rule->nmasks ||
                   rule->target || rule->operations;

    if (rule->exclude && (details || rule->query))
        return block_fail(group, "config.bad_value", err,
                          "a table that is left out has nothing to be said of");
    if (rule->key && !rule->query)
        return block_fail(group, "config.bad_value", err,
                          "key goes with a query: a table has its own");
    if (rule->query && (rule->where || rule->ncolumns))
        return block_fail(group, "config.bad_value", err,
                          "a query says itself which rows and columns: where, columns and "
                          "exclude_columns are for tables");
    if (rule->query && rule_is_pattern(rule))
        return block_fail(group, "config.bad_value", err, "the name of a query is no pattern");
    return check_target(group, rule, err);
}

static const struct word *words_for(const config_setting_t *group,
                                    struct word words[COUNT(table_words)])
{
    const config_setting_t *rename = config_setting_get_member(group, "rename");

    memcpy(words, table_words, sizeof(table_words));
    for (size_t i = 0; rename && i < COUNT(table_words); i++)
        if (strcmp(words[i].name, "rename") == 0 && config_setting_is_list(rename))
            words[i].type = WORD_GROUPS;
    return words;
}

int config_table_read(const config_setting_t *group, struct pipeline_config *pipeline,
                      struct rnl_error *err)
{
    const config_setting_t *operations = config_setting_get_member(group, "operations");
    struct word words[COUNT(table_words)];
    struct origin origin = block_origin(group);
    struct table_rule *rule;
    const char *name;
    char at[300];

    if (block_check(group, "tables", words_for(group, words), COUNT(words), false, err) != RNL_OK)
        return err->status;
    name = block_text(group, "name");
    if (!name || !*name)
        return block_fail(group, "config.missing_word", err, "an entry of tables needs a name");
    if (operations && pipeline->mode == MODE_CONVERT)
        return block_fail(operations, "config.misplaced_word", err,
                          "operations choose among changes: mode \"convert\" copies rows alone");
    rule = config_table_add(pipeline, name);
    rule->at = must_keep(pipeline, origin_text(&origin, at, sizeof(at)));
    rule->exclude = block_bool(group, "exclude", false);
    rule->where = must_keep(pipeline, block_text(group, "where"));
    rule->query = must_keep(pipeline, block_text(group, "query"));
    rule->key = must_keep(pipeline, block_text(group, "key"));
    rule->target = must_keep(pipeline, block_text(group, "target"));
    if (read_columns(pipeline, group, rule, err) != RNL_OK ||
        read_renames(pipeline, config_setting_get_member(group, "rename"), rule, err) != RNL_OK ||
        read_masks(pipeline, config_setting_get_member(group, "mask"), rule, err) != RNL_OK)
        return err->status;
    read_operations(operations, rule);
    return check_rule(group, rule, err);
}
