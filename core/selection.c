/* Rules of a pipeline: which tables are wanted, what of them, and under which names. */
#include "selection.h"

#include "mask.h"
#include "secret.h"
#include "util/arena.h"

#include <fnmatch.h>
#include <jansson.h>
#include <stdlib.h>

bool rule_is_pattern(const struct table_rule *rule)
{
    return strpbrk(rule->name, "*?[") != NULL;
}

/* "table" fits in any schema, "schema.table" both; a name with a point in it fits as a whole. */
static bool pattern_fits(const char *pattern, const char *schema, const char *name)
{
    char full[600];

    if (fnmatch(pattern, name, 0) == 0)
        return true;
    snprintf(full, sizeof(full), "%s.%s", schema ? schema : "", name);
    return fnmatch(pattern, full, 0) == 0;
}

bool rule_fits(const struct table_rule *rule, const char *schema, const char *name, bool is_query)
{
    if (rule->query ? !is_query : is_query && rule->at)
        return false; /* a query has a rule of its own; flags fit both */
    return pattern_fits(rule->name, schema, name);
}

void selection_choose(const struct table_rule *rules, size_t count, const char *schema,
                      const char *name, bool is_query, struct table_choice *choice)
{
    const struct table_rule *last = NULL;
    bool any_include = false;

    *choice = (struct table_choice){0};
    for (size_t i = 0; i < count; i++) {
        const struct table_rule *rule = &rules[i];

        if (!rule->exclude && !rule->detail)
            any_include = true;
        if (!rule_fits(rule, schema, name, is_query))
            continue;
        if (!rule->detail)
            last = rule;
        if (rule->exclude)
            continue;
        choice->where = rule->where ? rule : choice->where;
        choice->columns = rule->ncolumns ? rule : choice->columns;
        choice->target = rule->target ? rule : choice->target;
        choice->operations = rule->operations ? rule : choice->operations;
    }
    /* as in a .gitignore; without including rules all tables are in */
    choice->wanted = last ? !last->exclude : !any_include;
}

void selection_split(const char *full, char *buf, size_t size, const char **schema,
                     const char **name)
{
    char *point;

    snprintf(buf, size, "%s", full);
    point = strchr(buf, '.');
    *schema = "";
    *name = buf;
    if (!point)
        return;
    *point = '\0';
    *schema = buf;
    *name = point + 1;
}

static int resolve_mask(struct rule_mask *mask, const char *at, struct secret_resolver *resolver,
                        struct rnl_error *err)
{
    struct rnl_error why = RNL_ERROR_INIT;

    if (mask->with != MASK_HASH || mask->secret || !mask->salt)
        return RNL_OK;
    mask->secret = secret_new();
    if (!mask->secret)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for a secret");
    if (secret_resolve(resolver, mask->salt, mask->secret, &why) != RNL_OK) {
        rnl_fail(err, why.status, why.code, "%s: the salt for column %s: %s", at ? at : "a mask",
                 mask->column, why.text);
        rnl_hint(err, "%s", why.hint);
        return err->status;
    }
    if (secret_length(mask->secret) >= MASK_SALT_LEAST)
        return RNL_OK;
    rnl_fail(err, RNL_E_CONFIG, "mask.salt", "%s: the salt for column %s has fewer than %d bytes",
             at ? at : "a mask", mask->column, MASK_SALT_LEAST);
    rnl_hint(err, "who guesses the salt can test values: take a long random one, for example of "
                  "openssl rand -hex 32");
    return err->status;
}

int selection_resolve(struct table_rule *rules, size_t count, struct secret_resolver *resolver,
                      struct rnl_error *err)
{
    for (size_t i = 0; i < count; i++)
        for (uint32_t m = 0; m < rules[i].nmasks; m++)
            if (resolve_mask(&rules[i].masks[m], rules[i].at, resolver, err) != RNL_OK)
                return err->status;
    return RNL_OK;
}

void selection_forget(const struct table_rule *rules, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (uint32_t m = 0; m < rules[i].nmasks; m++) {
            secret_free(rules[i].masks[m].secret);
            rules[i].masks[m].secret = NULL;
        }
}

/* --- as text ------------------------------------------------------------------------- */

static void put_text(json_t *o, const char *name, const char *text)
{
    if (text)
        json_object_set_new(o, name, json_string(text));
}

static json_t *masks_json(const struct table_rule *rule)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < rule->nmasks; i++) {
        const struct rule_mask *mask = &rule->masks[i];
        json_t *o = json_pack("{s:s,s:i}", "column", mask->column, "with", (int)mask->with);
        char print[MASK_PRINT_SIZE];

        put_text(o, "value", mask->value);
        if (mask->with == MASK_HASH && mask->secret)
            put_text(o, "print", mask_print(mask->secret, print));
        else
            put_text(o, "print", mask->print);
        json_array_append_new(list, o);
    }
    return list;
}

/* What a rule says of the tables that it fits. */
static json_t *details_json(const struct table_rule *rule)
{
    json_t *o = json_object();
    json_t *list = json_array();

    put_text(o, "where", rule->where);
    put_text(o, "query", rule->query);
    put_text(o, "key", rule->key);
    put_text(o, "target", rule->target);
    if (rule->operations)
        json_object_set_new(o, "left_out", json_integer(rule->left_out));
    for (uint32_t i = 0; i < rule->ncolumns; i++)
        json_array_append_new(list, json_string(rule->columns[i]));
    if (rule->ncolumns)
        json_object_set(o, rule->columns_exclude ? "exclude_columns" : "columns", list);
    json_decref(list);
    if (rule->nrenames)
        json_object_set_new(o, "rename", json_array());
    for (uint32_t i = 0; i < rule->nrenames; i++)
        json_array_append_new(json_object_get(o, "rename"),
                              json_pack("[s,s]", rule->renames[i].from, rule->renames[i].to));
    if (rule->nmasks)
        json_object_set_new(o, "mask", masks_json(rule));
    return o;
}

static json_t *rule_json(const struct table_rule *rule)
{
    json_t *o = details_json(rule);

    json_object_set_new(o, "name", json_string(rule->name));
    json_object_set_new(o, "exclude", json_boolean(rule->exclude));
    if (rule->detail)
        json_object_set_new(o, "detail", json_true());
    if (rule->at)
        json_object_set_new(o, "file", json_true());
    return o;
}

char *selection_text(const struct table_rule *rules, size_t count)
{
    json_t *list = json_array();
    char *text;

    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, rule_json(&rules[i]));
    text = json_dumps(list, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(list);
    return text;
}

char *selection_details(const struct table_rule *rules, size_t count, const char *schema,
                        const char *name, bool is_query)
{
    json_t *list = json_array();
    char *text;

    for (size_t i = 0; i < count; i++) {
        json_t *o = rule_fits(&rules[i], schema, name, is_query) && !rules[i].exclude
                        ? details_json(&rules[i])
                        : NULL;

        if (json_object_size(o))
            json_array_append(list, o);
        json_decref(o);
    }
    text = json_dumps(list, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(list);
    return text;
}

struct selection {
    json_t *json; /* texts of the rules are its own */
    struct arena arena;
    struct table_rule *rules;
    size_t count;
};

static const char *get_text(const json_t *o, const char *name)
{
    return json_string_value(json_object_get(o, name));
}

static bool columns_from_json(struct arena *arena, const json_t *o, struct table_rule *rule)
{
    const json_t *list = json_object_get(o, "columns");
    const char **columns;

    if (!list) {
        list = json_object_get(o, "exclude_columns");
        rule->columns_exclude = list != NULL;
    }
    rule->ncolumns = (uint32_t)json_array_size(list);
    columns = arena_alloc(arena, rule->ncolumns * sizeof(*columns) + 1);
    rule->columns = columns;
    for (uint32_t i = 0; columns && i < rule->ncolumns; i++)
        if (!(columns[i] = json_string_value(json_array_get(list, i))))
            return false;
    return columns != NULL;
}

static bool renames_from_json(struct arena *arena, const json_t *o, struct table_rule *rule)
{
    const json_t *list = json_object_get(o, "rename");
    struct rule_rename *renames;

    rule->nrenames = (uint32_t)json_array_size(list);
    renames = arena_alloc(arena, rule->nrenames * sizeof(*renames) + 1);
    rule->renames = renames;
    for (uint32_t i = 0; renames && i < rule->nrenames; i++) {
        const json_t *pair = json_array_get(list, i);

        renames[i].from = json_string_value(json_array_get(pair, 0));
        renames[i].to = json_string_value(json_array_get(pair, 1));
        if (!renames[i].from || !renames[i].to)
            return false;
    }
    return renames != NULL;
}

static bool masks_from_json(struct arena *arena, const json_t *o, struct table_rule *rule)
{
    const json_t *list = json_object_get(o, "mask");

    rule->nmasks = (uint32_t)json_array_size(list);
    rule->masks = arena_alloc(arena, rule->nmasks * sizeof(*rule->masks) + 1);
    for (uint32_t i = 0; rule->masks && i < rule->nmasks; i++) {
        const json_t *mask = json_array_get(list, i);
        json_int_t with = json_integer_value(json_object_get(mask, "with"));

        rule->masks[i] = (struct rule_mask){
            .column = get_text(mask, "column"),
            .with = (enum mask_with)with,
            .value = get_text(mask, "value"),
            .print = get_text(mask, "print"),
        };
        if (!rule->masks[i].column || with < MASK_NULL || with > MASK_HASH)
            return false;
    }
    return rule->masks != NULL;
}

static bool rule_from_json(struct arena *arena, const json_t *o, struct table_rule *rule)
{
    *rule = (struct table_rule){
        .name = get_text(o, "name"),
        .where = get_text(o, "where"),
        .query = get_text(o, "query"),
        .key = get_text(o, "key"),
        .target = get_text(o, "target"),
        .exclude = json_is_true(json_object_get(o, "exclude")),
        .detail = json_is_true(json_object_get(o, "detail")),
        .operations = json_object_get(o, "left_out") != NULL,
        .left_out = (uint16_t)json_integer_value(json_object_get(o, "left_out")),
        .at = json_is_true(json_object_get(o, "file")) ? "the target's record" : NULL,
    };
    return rule->name && columns_from_json(arena, o, rule) && renames_from_json(arena, o, rule) &&
           masks_from_json(arena, o, rule);
}

int selection_from_text(const char *text, struct selection **out, struct rnl_error *err)
{
    struct selection *selection = calloc(1, sizeof(*selection));

    if (!selection)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for the choice of tables");
    selection->json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    selection->count = json_array_size(selection->json);
    selection->rules =
        arena_alloc(&selection->arena, selection->count * sizeof(*selection->rules) + 1);
    err->status = RNL_OK;
    if (!json_is_array(selection->json) || !selection->rules)
        rnl_fail(err, RNL_E_FATAL, "record.invalid", "a choice of tables can't be read");
    for (size_t i = 0; err->status == RNL_OK && i < selection->count; i++)
        if (!rule_from_json(&selection->arena, json_array_get(selection->json, i),
                            &selection->rules[i]))
            rnl_fail(err, RNL_E_FATAL, "record.invalid", "a choice of tables can't be read");
    if (err->status != RNL_OK) {
        selection_free(selection);
        return err->status;
    }
    *out = selection;
    return RNL_OK;
}

const struct table_rule *selection_rules(const struct selection *selection, size_t *count)
{
    *count = selection->count;
    return selection->rules;
}

void selection_free(struct selection *selection)
{
    if (!selection)
        return;
    json_decref(selection->json);
    arena_free(&selection->arena);
    free(selection);
}
