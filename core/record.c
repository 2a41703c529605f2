/* What a target keeps of a run, as JSON. */
#include "record.h"

#include "catalog.h"
#include "util/json_parts.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

#define RECORD_VERSION 1

/* By number; ended by NULL. */
static const char *const states[] = {"", "loading", "done", "following", NULL};
static const char *const modes[] = {"", "convert", "cdc", "replicate", NULL};

static int word_of(const char *text, const char *const *words, int preset)
{
    for (int i = 1; text && words[i]; i++)
        if (strcmp(text, words[i]) == 0)
            return i;
    return preset;
}

/* A part that is JSON already. */
static void add_part(struct json_text *to, const char *key, char *part)
{
    json_text_key(to, key);
    if (part)
        json_text_add(to, part, strlen(part));
    else
        to->failed = true;
    free(part);
}

/* The record, whose head is all but the two parts that are large. */
static char *with_parts(json_t *head, const struct record *record)
{
    struct json_text text = {0};

    json_text_value(&text, head);
    if (!text.failed)
        text.len--; /* its last brace */
    add_part(&text, "catalog", catalog_to_json(record->catalog));
    add_part(&text, "plan", plan_to_json(record->plan));
    json_text_add(&text, "}", 1);
    return json_text_end(&text);
}

static json_t *names_json(const struct rnl_names *added)
{
    json_t *list = json_array();

    for (size_t i = 0; i < added->count; i++)
        json_array_append_new(list, json_string(added->items[i]));
    return list;
}

static int names_part(const json_t *list, struct rnl_names *names, struct rnl_error *err)
{
    err->status = RNL_OK;
    for (size_t i = 0; err->status == RNL_OK && i < json_array_size(list); i++)
        if (json_is_string(json_array_get(list, i)))
            names_add(names, json_string_value(json_array_get(list, i)), err);
    return err->status;
}

char *record_to_json(const struct record *record)
{
    json_t *o = json_object();
    json_t *settings = json_object();
    char fingerprint[24];

    json_object_set_new(o, "version", json_integer(RECORD_VERSION));
    json_object_set_new(o, "state", json_string(states[record->state]));
    json_object_set_new(o, "mode", json_string(modes[record->mode]));
    snprintf(fingerprint, sizeof(fingerprint), "%016" PRIx64, record->fingerprint);
    json_object_set_new(o, "fingerprint", json_string(fingerprint));
    if (record->selection)
        json_object_set_new(o, "selection", json_string(record->selection));
    if (record->position)
        json_object_set_new(o, "position", json_string(record->position));
    json_object_set_new(o, "schema_policy", json_integer(record->schema_policy));
    json_object_set_new(o, "write_mode", json_integer(record->write_mode));
    json_object_set_new(o, "structure", json_integer(record->structure));
    json_object_set_new(o, "started", json_integer(record->started_s));
    json_object_set_new(o, "ended", json_integer(record->ended_s));
    for (size_t i = 0; i < record->settings.count; i++)
        if (record->settings.items[i].text)
            json_object_set_new(settings, record->settings.items[i].name,
                                json_string(record->settings.items[i].text));
    json_object_set_new(o, "settings", settings);
    if (record->joins)
        json_object_set_new(o, "joins", json_integer(record->joins));
    if (record->grown)
        json_object_set_new(o, "grown", json_true());
    if (record->added.count)
        json_object_set_new(o, "added", names_json(&record->added));
    if (record->stood.count)
        json_object_set_new(o, "stood", names_json(&record->stood));
    return with_parts(o, record);
}

static int catalog_part(const struct json_part *part, struct record *record, struct rnl_error *err)
{
    if (!part->text)
        return rnl_fail(err, RNL_E_FATAL, "record.invalid", "the record of a run has no catalog");
    return catalog_from_json(part->text, part->len, &record->catalog, err);
}

static int plan_part(const struct json_part *part, struct record *record, struct rnl_error *err)
{
    int status;

    if (!part->text)
        return rnl_fail(err, RNL_E_FATAL, "record.invalid", "the record of a run has no plan");
    status = plan_from_json(part->text, part->len, &record->plan, err);
    for (uint32_t i = 0; status == RNL_OK && i < plan_count(record->plan); i++)
        if (plan_at(record->plan, i)->kind == RNL_UNIT_CHUNK &&
            plan_at(record->plan, i)->table >= catalog_count(record->catalog))
            status = rnl_fail(err, RNL_E_FATAL, "record.invalid",
                              "the record of a run has a unit of no table");
    return status;
}

/* All but the two large parts, which are read piece by piece; NULL: it is no record. */
static json_t *load_head(const char *text, size_t len, struct json_part *catalog,
                         struct json_part *plan)
{
    struct json_walk walk = json_walk(text, len, '{');
    struct json_text head = {0};
    struct json_part part;
    json_t *o;

    json_text_add(&head, "{", 1);
    while (json_walk_next(&walk, &part)) {
        if (json_part_is(&part, "catalog")) {
            *catalog = part;
        } else if (json_part_is(&part, "plan")) {
            *plan = part;
        } else {
            json_text_add(&head, head.len > 1 ? ",\"" : "\"", head.len > 1 ? 2 : 1);
            json_text_add(&head, part.key, part.key_len);
            json_text_add(&head, "\":", 2);
            json_text_add(&head, part.text, part.len);
        }
    }
    json_text_add(&head, "}", 1);
    o = !head.failed && json_walk_end(&walk)
            ? json_loadb(head.ptr, head.len, JSON_REJECT_DUPLICATES, NULL)
            : NULL;
    free(json_text_end(&head));
    return o;
}

static void settings_part(const json_t *o, struct record *record)
{
    static const struct origin origin = {.kind = ORIGIN_FILE, .file = "the target's record"};
    const char *name;
    json_t *value;

    json_object_foreach(json_object_get(o, "settings"), name, value)
    {
        if (json_string_value(value))
            settings_set(&record->settings, name, SETTING_TEXT, json_string_value(value), &origin);
    }
}

int record_from_json(const char *text, size_t len, struct record *record, struct rnl_error *err)
{
    struct json_part catalog = {0}, plan = {0};
    json_t *o = load_head(text, len, &catalog, &plan);
    const char *state = json_string_value(json_object_get(o, "state"));
    const char *mode = json_string_value(json_object_get(o, "mode"));
    const char *position = json_string_value(json_object_get(o, "position"));
    const char *selection = json_string_value(json_object_get(o, "selection"));
    const char *fingerprint = json_string_value(json_object_get(o, "fingerprint"));
    int status;

    *record = (struct record){0};
    if (json_integer_value(json_object_get(o, "version")) != RECORD_VERSION || !state ||
        !fingerprint) {
        status = rnl_fail(err, RNL_E_CONFIG, "record.version",
                          "the target's record of this run was made by another version of runnel");
        rnl_hint(err, "finish the run with that version, or start over with --restart");
        goto free_json;
    }
    record->state = (enum record_state)word_of(state, states, RECORD_LOADING);
    record->mode = (enum pipeline_mode)word_of(mode, modes, MODE_CONVERT);
    record->fingerprint = strtoull(fingerprint, NULL, 16);
    record->position = position ? strdup(position) : NULL;
    record->selection = selection ? strdup(selection) : NULL;
    record->schema_policy = (uint32_t)json_integer_value(json_object_get(o, "schema_policy"));
    record->write_mode = (uint32_t)json_integer_value(json_object_get(o, "write_mode"));
    record->structure = (uint32_t)json_integer_value(json_object_get(o, "structure"));
    record->started_s = json_integer_value(json_object_get(o, "started"));
    record->ended_s = json_integer_value(json_object_get(o, "ended"));
    record->joins = (uint32_t)json_integer_value(json_object_get(o, "joins"));
    record->grown = json_is_true(json_object_get(o, "grown"));
    settings_part(o, record);
    status = names_part(json_object_get(o, "added"), &record->added, err);
    if (status == RNL_OK)
        status = names_part(json_object_get(o, "stood"), &record->stood, err);
    if (status == RNL_OK)
        status = catalog_part(&catalog, record, err);
    if (status == RNL_OK)
        status = plan_part(&plan, record, err);
free_json:
    json_decref(o);
    return status;
}

int record_check_selection(const struct record *record, const struct table_rule *rules,
                           size_t count, struct rnl_error *err)
{
    char *text = selection_text(rules, count);

    if (!text)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for the choice of tables");
    if (record->selection && strcmp(text, record->selection) != 0) {
        rnl_fail(err, RNL_E_CONFIG, "resume.other_tables",
                 "this pipeline was begun with another choice of tables (--tables, --exclude, or "
                 "the file's)");
        rnl_hint(err, "choose as before; or --name NAME, for a pipeline of its own beside it; or "
                      "start over with --restart");
    } else
        err->status = RNL_OK;
    free(text);
    return err->status;
}

static int other_tables(const struct rnl_table *table, const char *what, struct rnl_error *err)
{
    rnl_fail(err, RNL_E_CONFIG, "resume.other_tables",
             "this pipeline was begun with another choice of tables (--tables, --exclude, or the "
             "file's): %s.%s %s",
             table->schema, table->name, what);
    rnl_hint(err, "more tables may be asked for, and those that it has as before; or --name NAME, "
                  "for a pipeline of its own beside it; or start over with --restart");
    return err->status;
}

static int check_table(const struct rnl_table *table, const struct table_rule *before,
                       size_t nbefore, const struct table_rule *now, size_t nnow,
                       struct rnl_error *err)
{
    bool is_query = table->query != NULL, same;
    struct table_choice choice;
    char *said, *says;

    selection_choose(now, nnow, table->schema, table->name, is_query, &choice);
    if (!choice.wanted)
        return other_tables(table, "isn't asked for any more", err);
    said = selection_details(before, nbefore, table->schema, table->name, is_query);
    says = selection_details(now, nnow, table->schema, table->name, is_query);
    same = said && says && strcmp(said, says) == 0;
    free(said);
    free(says);
    return same ? RNL_OK : other_tables(table, "was asked for otherwise", err);
}

int record_check_growth(const struct record *record, const struct table_rule *rules, size_t count,
                        struct rnl_error *err)
{
    const struct table_rule *before;
    struct selection *selection;
    size_t nbefore;

    err->status = RNL_OK;
    if (!record->selection)
        return RNL_OK;
    if (selection_from_text(record->selection, &selection, err) != RNL_OK)
        return err->status;
    before = selection_rules(selection, &nbefore);
    for (uint32_t i = 0; i < catalog_count(record->catalog) && err->status == RNL_OK; i++)
        check_table(catalog_at(record->catalog, i), before, nbefore, rules, count, err);
    selection_free(selection);
    return err->status;
}

void record_clear(struct record *record)
{
    catalog_free(record->catalog);
    plan_free(record->plan);
    free(record->position);
    free(record->selection);
    settings_clear(&record->settings);
    names_clear(&record->added);
    names_clear(&record->stood);
    *record = (struct record){0};
}
