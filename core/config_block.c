/* Blocks of a libconfig file: which words may stand in them, and what they hold. */
#include "config_block.h"

#include "options.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

enum { FLATTEN_DEPTH = 6, NAME_BYTES = 160 };

struct origin block_origin(const config_setting_t *setting)
{
    const char *file = config_setting_source_file(setting);

    return (struct origin){
        .kind = ORIGIN_FILE,
        .line = (int)config_setting_source_line(setting),
        .file = file ? file : "configuration",
    };
}

int block_fail(const config_setting_t *setting, const char *code, struct rnl_error *err,
               const char *fmt, ...)
{
    struct origin origin = block_origin(setting);
    char where[256], text[400];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    return rnl_fail(err, RNL_E_CONFIG, code, "%s: %s", origin_text(&origin, where, sizeof(where)),
                    text);
}

void block_hint(struct rnl_error *err, const char *word, const char *const *words, size_t count)
{
    const char *near = nearest_word(word, words, count);
    char list[200] = "";
    size_t used = 0;

    if (near) {
        rnl_hint(err, "did you mean \"%s\"?", near);
        return;
    }
    for (size_t i = 0; i < count && used < sizeof(list); i++)
        used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "", words[i]);
    if (count)
        rnl_hint(err, "known here: %s%s", list, used >= sizeof(list) ? "…" : "");
}

int choice_index(const char *choices, const char *text)
{
    size_t length = strlen(text);
    int index = 0;

    while (true) {
        size_t size = strcspn(choices, "|");

        if (size == length && strncmp(choices, text, size) == 0)
            return index;
        if (choices[size] == '\0')
            return -1;
        choices += size + 1;
        index++;
    }
}

static int bad_choice(const config_setting_t *setting, const char *name, const char *choices,
                      const char *text, struct rnl_error *err)
{
    char *copy = strdup(choices), *save = NULL;
    const char *words[32];
    size_t count = 0;

    if (!copy)
        abort();
    block_fail(setting, "config.bad_value", err, "%s = \"%s\" is not possible", name, text);
    for (char *at = strtok_r(copy, "|", &save); at && count < 32; at = strtok_r(NULL, "|", &save))
        words[count++] = at;
    block_hint(err, text, words, count);
    free(copy);
    return err->status;
}

static const char *type_name(enum word_type type)
{
    switch (type) {
    case WORD_TEXT:
    case WORD_CHOICE:
        return "a text in quotes";
    case WORD_INT:
        return "a whole number";
    case WORD_SIZE:
        return "a size, like \"64M\"";
    case WORD_BOOL:
        return "true or false";
    case WORD_TEXTS:
        return "a list of texts, like [ \"a\", \"b\" ]";
    case WORD_GROUP:
        return "a block, like { … }";
    case WORD_GROUPS:
        return "a list of blocks, like ( { … }, { … } )";
    }
    return "something else";
}

static bool all_of_type(const config_setting_t *list, int type)
{
    for (int i = 0; i < config_setting_length(list); i++)
        if (config_setting_type(config_setting_get_elem(list, (unsigned)i)) != type)
            return false;
    return true;
}

static bool type_fits(const config_setting_t *setting, enum word_type type)
{
    int given = config_setting_type(setting);
    bool number = given == CONFIG_TYPE_INT || given == CONFIG_TYPE_INT64;
    bool list = given == CONFIG_TYPE_LIST || given == CONFIG_TYPE_ARRAY;

    switch (type) {
    case WORD_TEXT:
    case WORD_CHOICE:
        return given == CONFIG_TYPE_STRING;
    case WORD_INT:
        return number;
    case WORD_SIZE:
        return number || given == CONFIG_TYPE_STRING;
    case WORD_BOOL:
        return given == CONFIG_TYPE_BOOL;
    case WORD_TEXTS:
        return list && all_of_type(setting, CONFIG_TYPE_STRING);
    case WORD_GROUP:
        return given == CONFIG_TYPE_GROUP;
    case WORD_GROUPS:
        return list && all_of_type(setting, CONFIG_TYPE_GROUP);
    }
    return false;
}

static int check_number(const config_setting_t *setting, const struct word *word,
                        struct rnl_error *err)
{
    int64_t value;

    if (config_setting_type(setting) != CONFIG_TYPE_STRING)
        value = config_setting_get_int64(setting);
    else if (parse_size(config_setting_get_string(setting), &value) != 0)
        return block_fail(setting, "config.bad_value", err, "%s = \"%s\" is no size, like \"64M\"",
                          word->name, config_setting_get_string(setting));
    if ((word->min != 0 || word->max != 0) && (value < word->min || value > word->max))
        return block_fail(setting, "config.out_of_range", err,
                          "%s = %" PRId64 " is out of range: %" PRId64 " to %" PRId64, word->name,
                          value, word->min, word->max);
    return RNL_OK;
}

static int check_choices(const config_setting_t *setting, const struct word *word,
                         struct rnl_error *err)
{
    const char *text;

    if (word->type == WORD_CHOICE) {
        text = config_setting_get_string(setting);
        if (choice_index(word->choices, text) < 0)
            return bad_choice(setting, word->name, word->choices, text, err);
        return RNL_OK;
    }
    for (int i = 0; i < config_setting_length(setting); i++) {
        text = config_setting_get_string_elem(setting, i);
        if (choice_index(word->choices, text) < 0)
            return bad_choice(setting, word->name, word->choices, text, err);
    }
    return RNL_OK;
}

static int check_word(const config_setting_t *setting, const struct word *word,
                      struct rnl_error *err)
{
    if (!type_fits(setting, word->type))
        return block_fail(setting, "config.wrong_type", err, "%s must be %s", word->name,
                          type_name(word->type));
    if (word->type == WORD_INT || word->type == WORD_SIZE)
        return check_number(setting, word, err);
    if (word->choices)
        return check_choices(setting, word, err);
    return RNL_OK;
}

static int unknown_word(const config_setting_t *setting, const char *what, const struct word *words,
                        size_t nwords, struct rnl_error *err)
{
    const char *name = config_setting_name(setting);
    const char **names = calloc(nwords + 1, sizeof(char *));

    if (!names)
        abort();
    for (size_t i = 0; i < nwords; i++)
        names[i] = words[i].name;
    block_fail(setting, "config.unknown_word", err, "%s has no \"%s\"", what, name);
    block_hint(err, name, names, nwords);
    free(names);
    return err->status;
}

int block_check(const config_setting_t *group, const char *what, const struct word *words,
                size_t nwords, bool open, struct rnl_error *err)
{
    for (int i = 0; i < config_setting_length(group); i++) {
        const config_setting_t *setting = config_setting_get_elem(group, (unsigned)i);
        const struct word *word = NULL;

        for (size_t w = 0; w < nwords && !word; w++)
            if (strcmp(words[w].name, config_setting_name(setting)) == 0)
                word = &words[w];
        if (!word && open)
            continue;
        if (!word)
            return unknown_word(setting, what, words, nwords, err);
        if (check_word(setting, word, err) != RNL_OK)
            return err->status;
    }
    return RNL_OK;
}

const char *block_text(const config_setting_t *group, const char *name)
{
    const config_setting_t *setting = config_setting_get_member(group, name);

    return setting ? config_setting_get_string(setting) : NULL;
}

int64_t block_int(const config_setting_t *group, const char *name, int64_t preset)
{
    const config_setting_t *setting = config_setting_get_member(group, name);

    if (!setting)
        return preset;
    if (config_setting_type(setting) == CONFIG_TYPE_STRING)
        (void)parse_size(config_setting_get_string(setting), &preset); /* checked before */
    else
        preset = config_setting_get_int64(setting);
    return preset;
}

bool block_bool(const config_setting_t *group, const char *name, bool preset)
{
    const config_setting_t *setting = config_setting_get_member(group, name);

    return setting ? config_setting_get_bool(setting) == CONFIG_TRUE : preset;
}

int block_choice(const config_setting_t *group, const char *name, const char *choices, int preset)
{
    const char *text = block_text(group, name);

    return text ? choice_index(choices, text) : preset;
}

/* A scalar as a person would write it; false: it is none. */
static bool scalar_text(const config_setting_t *setting, char *buf, size_t size, const char **text,
                        enum setting_type *type)
{
    *text = buf;
    switch (config_setting_type(setting)) {
    case CONFIG_TYPE_STRING:
        *type = SETTING_TEXT;
        *text = config_setting_get_string(setting);
        return true;
    case CONFIG_TYPE_INT:
    case CONFIG_TYPE_INT64:
        *type = SETTING_INT;
        snprintf(buf, size, "%lld", config_setting_get_int64(setting));
        return true;
    case CONFIG_TYPE_FLOAT:
        *type = SETTING_FLOAT;
        snprintf(buf, size, "%.17g", config_setting_get_float(setting));
        return true;
    case CONFIG_TYPE_BOOL:
        *type = SETTING_BOOL;
        *text = config_setting_get_bool(setting) ? "true" : "false";
        return true;
    default:
        return false;
    }
}

static int flatten_list(const config_setting_t *list, const char *name, struct settings *settings,
                        struct rnl_error *err)
{
    int count = config_setting_length(list), status = RNL_OK;
    char **items = calloc((size_t)count + 1, sizeof(char *));
    struct origin origin = block_origin(list);
    enum setting_type type;
    const char *text;
    char buf[48];

    if (!items)
        abort();
    for (int i = 0; i < count && status == RNL_OK; i++) {
        if (!scalar_text(config_setting_get_elem(list, (unsigned)i), buf, sizeof(buf), &text,
                         &type))
            status = block_fail(list, "config.wrong_type", err,
                                "%s: a list here holds texts or numbers alone", name);
        else if (!(items[i] = strdup(text)))
            abort();
    }
    if (status == RNL_OK)
        settings_set_list(settings, name, items, &origin);
    for (int i = 0; i < count; i++)
        free(items[i]);
    free(items);
    return status;
}

static int flatten(const config_setting_t *group, const char *prefix, const char *const *skip,
                   int depth, struct settings *settings, struct rnl_error *err);

static int flatten_one(const config_setting_t *setting, const char *name, int depth,
                       struct settings *settings, struct rnl_error *err)
{
    struct origin origin = block_origin(setting);
    enum setting_type type;
    const char *text;
    char buf[48];

    if (config_setting_is_group(setting) == CONFIG_TRUE)
        return flatten(setting, name, NULL, depth + 1, settings, err);
    if (!scalar_text(setting, buf, sizeof(buf), &text, &type))
        return flatten_list(setting, name, settings, err);
    settings_set(settings, name, type, text, &origin);
    return RNL_OK;
}

static int flatten(const config_setting_t *group, const char *prefix, const char *const *skip,
                   int depth, struct settings *settings, struct rnl_error *err)
{
    char name[NAME_BYTES];

    if (depth > FLATTEN_DEPTH)
        return block_fail(group, "config.too_deep", err, "blocks are nested too deeply");
    for (int i = 0; i < config_setting_length(group); i++) {
        const config_setting_t *setting = config_setting_get_elem(group, (unsigned)i);
        const char *const *skipped = skip;
        int used;

        while (skipped && *skipped && strcmp(*skipped, config_setting_name(setting)) != 0)
            skipped++;
        if (skipped && *skipped)
            continue;
        used = snprintf(name, sizeof(name), "%s%s%s", prefix, *prefix ? "." : "",
                        config_setting_name(setting));
        if (used < 0 || (size_t)used >= sizeof(name))
            return block_fail(setting, "config.unknown_word", err, "a name is too long");
        if (flatten_one(setting, name, depth, settings, err) != RNL_OK)
            return err->status;
    }
    return RNL_OK;
}

int block_flatten(const config_setting_t *group, const char *prefix, const char *const *skip,
                  struct settings *settings, struct rnl_error *err)
{
    return flatten(group, prefix, skip, 0, settings, err);
}
