/* Applies an option table to settings: the one place where options are parsed and checked. */
#include "options.h"

#include "secret.h"
#include "secret_file.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>

#define MOST_NAMES OPTIONS_MOST

void options_at(const struct rnl_options *table, uint32_t index, struct rnl_option *out)
{
    size_t stride = table->stride;

    memset(out, 0, sizeof(*out));
    memcpy(out, (const char *)table->items + index * stride,
           stride < sizeof(*out) ? stride : sizeof(*out));
}

struct unit {
    const char *word;
    int64_t factor;
};

/* Digits, then one of the units (NULL word ends; "" stands for none). 0 or -1. */
static int parse_amount(const char *text, const struct unit *units, int64_t *amount)
{
    char *end;
    long long number;

    errno = 0;
    if (!isdigit((unsigned char)*text))
        return -1;
    number = strtoll(text, &end, 10);
    if (errno)
        return -1;
    for (; units->word; units++)
        if (strcasecmp(end, units->word) == 0)
            return __builtin_mul_overflow(number, units->factor, amount) ? -1 : 0;
    return -1;
}

int parse_size(const char *text, int64_t *bytes)
{
    static const struct unit units[] = {
        {"", 1},         {"B", 1},         {"k", 1 << 10},     {"KiB", 1 << 10}, {"kB", 1 << 10},
        {"M", 1 << 20},  {"MiB", 1 << 20}, {"MB", 1 << 20},    {"G", 1 << 30},   {"GiB", 1 << 30},
        {"GB", 1 << 30}, {"T", 1LL << 40}, {"TiB", 1LL << 40}, {NULL, 0}};

    return parse_amount(text, units, bytes);
}

int parse_duration(const char *text, int64_t *ms)
{
    static const struct unit units[] = {{"", 1000},      {"ms", 1},      {"s", 1000},
                                        {"m", 60000},    {"min", 60000}, {"h", 3600000},
                                        {"d", 86400000}, {NULL, 0}};

    return parse_amount(text, units, ms);
}

/* Where a setting stands, for a message: "shop.cfg:12: connection shop-mysql: port". */
static void put_place(const char *what, const struct setting *setting, char *buf, size_t size)
{
    char origin[300];

    snprintf(buf, size, "%s: %s: %s", origin_text(&setting->origin, origin, sizeof(origin)), what,
             setting->name);
}

RNL_PRINTF(5, 6)
static int refuse(const char *code, const char *what, const struct setting *setting,
                  struct rnl_error *err, const char *fmt, ...)
{
    char place[400], why[320];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(why, sizeof(why), fmt, ap);
    va_end(ap);
    put_place(what, setting, place, sizeof(place));
    return rnl_fail(err, RNL_E_CONFIG, code, "%s: %s", place, why);
}

static int check_range(const struct rnl_option *option, int64_t value, const char *what,
                       const struct setting *setting, struct rnl_error *err)
{
    if ((option->min == 0 && option->max == 0) || (value >= option->min && value <= option->max))
        return RNL_OK;
    return refuse("config.out_of_range", what, setting, err,
                  "%s is not between %" PRId64 " and %" PRId64, setting->text, option->min,
                  option->max);
}

static int parse_int(const char *text, int64_t *value)
{
    char *end;

    errno = 0;
    *value = strtoll(text, &end, 10);
    return *text == '\0' || *end != '\0' || errno ? -1 : 0;
}

static int set_number(const struct rnl_option *option, void *config, const char *what,
                      const struct setting *setting, struct rnl_error *err)
{
    const char *text = setting->text;
    int64_t value;
    int bad;

    if (option->type == RNL_O_SIZE)
        bad = parse_size(text, &value);
    else if (option->type == RNL_O_DURATION)
        bad = parse_duration(text, &value);
    else
        bad = parse_int(text, &value);
    if (bad)
        return refuse("config.wrong_type", what, setting, err, "%s is not %s", text,
                      option->type == RNL_O_SIZE       ? "a size (65536, 64k, 16M, 1G)"
                      : option->type == RNL_O_DURATION ? "a duration (500ms, 30s, 5m, 2h)"
                                                       : "a whole number");
    if (check_range(option, value, what, setting, err) != RNL_OK)
        return err->status;
    memcpy((char *)config + option->offset, &value, sizeof(value));
    return RNL_OK;
}

static int set_bool(const struct rnl_option *option, void *config, const char *what,
                    const struct setting *setting, struct rnl_error *err)
{
    static const char *const yes[] = {"true", "yes", "on", "1"};
    static const char *const no[] = {"false", "no", "off", "0"};
    bool *member = (bool *)(void *)((char *)config + option->offset);

    for (size_t i = 0; i < 4; i++) {
        if (strcasecmp(setting->text, yes[i]) == 0 || strcasecmp(setting->text, no[i]) == 0) {
            *member = strcasecmp(setting->text, yes[i]) == 0;
            return RNL_OK;
        }
    }
    return refuse("config.wrong_type", what, setting, err, "%s is neither true nor false",
                  setting->text);
}

/* Splits "a|b|c"; gives the count. copy holds the words. */
static size_t split_words(char *copy, const char **words, size_t most)
{
    size_t count = 0;

    for (char *save = NULL, *word = strtok_r(copy, "|", &save); word && count < most;
         word = strtok_r(NULL, "|", &save))
        words[count++] = word;
    return count;
}

static int set_enum(const struct rnl_option *option, void *config, const char *what,
                    const struct setting *setting, struct rnl_error *err)
{
    const char *words[64], *near;
    char copy[400];
    size_t count;

    snprintf(copy, sizeof(copy), "%s", option->words ? option->words : "");
    count = split_words(copy, words, 64);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(words[i], setting->text) == 0) {
            int32_t index = (int32_t)i;

            memcpy((char *)config + option->offset, &index, sizeof(index));
            return RNL_OK;
        }
    }
    refuse("config.unknown_word", what, setting, err, "%s is not one of %s", setting->text,
           option->words);
    near = nearest_word(setting->text, words, count);
    if (near)
        rnl_hint(err, "did you mean %s?", near);
    return err->status;
}

static int no_memory(struct rnl_error *err)
{
    return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for an option");
}

static int set_list(const struct rnl_option *option, void *config, const struct setting *setting,
                    struct rnl_error *err)
{
    size_t count = 0;
    char **copy;

    while (setting->items && setting->items[count])
        count++;
    copy = calloc(count + 2, sizeof(*copy));
    if (!copy)
        return no_memory(err);
    memcpy((char *)config + option->offset, &copy, sizeof(char **));
    if (!setting->items && setting->text)
        copy[0] = strdup(setting->text); /* one word, in a flag or URL */
    for (size_t i = 0; i < count; i++) {
        copy[i] = strdup(setting->items[i]);
        if (!copy[i])
            return no_memory(err);
    }
    return RNL_OK;
}

/* A path in a file counts from that file's folder; elsewhere from where we stand. */
static char *resolve_path(const struct setting *setting)
{
    const char *slash = setting->origin.kind == ORIGIN_FILE && setting->origin.file
                            ? strrchr(setting->origin.file, '/')
                            : NULL;
    char *path;

    if (setting->text[0] == '/' || !slash)
        return strdup(setting->text);
    if (asprintf(&path, "%.*s/%s", (int)(slash - setting->origin.file), setting->origin.file,
                 setting->text) < 0)
        return NULL;
    return path;
}

/*
 * What may stand in a store beside secrets: who logs in, as credentials are lent in pairs, and
 * files. Other texts are told in messages: a secret would be read there.
 */
static bool may_refer(const struct rnl_option *option, const struct setting *setting)
{
    return setting->text && secret_is_reference(setting->text) &&
           (option->type == RNL_O_FILE ||
            (option->type == RNL_O_STRING && option->flags & RNL_O_CONNECTION &&
             strcmp(option->name, "user") == 0));
}

/* What a store has: a user's name, or what a library reads from a file. */
static int set_referred(const struct rnl_option *option, void *config,
                        const struct setting *setting, struct secret_resolver *resolver,
                        struct rnl_error *err)
{
    struct rnl_secret *secret = secret_new();
    char *text = NULL;
    int status;

    if (!secret)
        return no_memory(err);
    status = secret_resolve(resolver, setting->text, secret, err);
    if (status == RNL_OK && option->type == RNL_O_FILE)
        status = secret_file_lend(secret, &text, err);
    else if (status == RNL_OK) {
        text = strdup(secret_text(secret));
        status = text ? RNL_OK : no_memory(err);
    }
    secret_free(secret);
    memcpy((char *)config + option->offset, &text, sizeof(char *));
    return status;
}

static int set_text(const struct rnl_option *option, void *config, const struct setting *setting,
                    struct rnl_error *err)
{
    char *text = option->type == RNL_O_FILE && *setting->text ? resolve_path(setting)
                                                              : strdup(setting->text);

    if (!text)
        return no_memory(err);
    memcpy((char *)config + option->offset, &text, sizeof(char *));
    return RNL_OK;
}

static int set_secret(const struct rnl_option *option, void *config, const char *what,
                      const struct setting *setting, struct secret_resolver *resolver,
                      struct rnl_error *err)
{
    struct rnl_secret *secret = secret_new();

    if (!secret)
        return no_memory(err);
    memcpy((char *)config + option->offset, &secret, sizeof(struct rnl_secret *));
    if (resolver)
        return secret_resolve(resolver, setting->text, secret, err);
    if (strncmp(setting->text, "secret://", 9) == 0)
        return refuse("config.secret", what, setting, err,
                      "a reference to a secret has no meaning here");
    return secret_set(secret, (struct rnl_slice){setting->text, strlen(setting->text)}, 0, err);
}

static int set_one(const struct rnl_option *option, void *config, const char *what,
                   const struct setting *setting, struct secret_resolver *resolver,
                   struct rnl_error *err)
{
    if (!setting->text && option->type != RNL_O_LIST)
        return refuse("config.wrong_type", what, setting, err, "one value is wanted, not a list");
    switch (option->type) {
    case RNL_O_INT:
    case RNL_O_SIZE:
    case RNL_O_DURATION:
        return set_number(option, config, what, setting, err);
    case RNL_O_BOOL:
        return set_bool(option, config, what, setting, err);
    case RNL_O_ENUM:
        return set_enum(option, config, what, setting, err);
    case RNL_O_LIST:
        return set_list(option, config, setting, err);
    case RNL_O_SECRET:
        return set_secret(option, config, what, setting, resolver, err);
    default:
        if (may_refer(option, setting))
            return set_referred(option, config, setting, resolver, err);
        return set_text(option, config, setting, err);
    }
}

static int check_names(const struct rnl_options *table, const char *what,
                       const struct settings *settings, struct rnl_error *err)
{
    const char *names[MOST_NAMES], *near;
    size_t count = 0;

    for (uint32_t i = 0; i < table->count && count < MOST_NAMES; i++) {
        struct rnl_option option;

        options_at(table, i, &option);
        names[count++] = option.name;
    }
    for (size_t s = 0; s < settings->count; s++) {
        size_t i = 0;

        while (i < count && strcmp(names[i], settings->items[s].name) != 0)
            i++;
        if (i < count)
            continue;
        refuse("config.unknown_word", what, &settings->items[s], err, "nobody knows this word");
        near = nearest_word(settings->items[s].name, names, count);
        if (near)
            rnl_hint(err, "did you mean %s?", near);
        return err->status;
    }
    return RNL_OK;
}

int options_build(const struct rnl_options *table, const char *what,
                  const struct settings *settings, struct secret_resolver *resolver, void **config,
                  struct rnl_error *err)
{
    static const struct origin preset_origin = {.kind = ORIGIN_PRESET};
    void *made;

    *config = NULL;
    if (check_names(table, what, settings, err) != RNL_OK)
        return err->status;
    made = calloc(1, table->config_size ? table->config_size : 1);
    if (!made)
        return no_memory(err);
    for (uint32_t i = 0; i < table->count; i++) {
        const struct setting *setting;
        struct rnl_option option;
        struct setting preset = {.type = SETTING_TEXT, .origin = preset_origin};

        options_at(table, i, &option);
        setting = settings_find(settings, option.name);
        if (!setting && option.preset) {
            memcpy(&preset.name, &option.name, sizeof(char *)); /* read only, both of them */
            memcpy(&preset.text, &option.preset, sizeof(char *));
            setting = &preset;
        }
        if (!setting && option.flags & RNL_O_REQUIRED)
            rnl_fail(err, RNL_E_CONFIG, "config.missing", "%s: %s is missing (%s)", what,
                     option.name, option.help ? option.help : "");
        else if (!setting || set_one(&option, made, what, setting, resolver, err) == RNL_OK)
            continue;
        options_free(table, made);
        return err->status;
    }
    *config = made;
    return RNL_OK;
}

int options_check_setting(const struct rnl_options *table, const char *what,
                          const struct setting *setting, struct rnl_error *err)
{
    void *scratch = calloc(1, table->config_size ? table->config_size : 1);
    int status = RNL_OK;

    if (!scratch)
        return no_memory(err);
    for (uint32_t i = 0; i < table->count; i++) {
        struct rnl_option option;

        options_at(table, i, &option);
        if (strcmp(option.name, setting->name) != 0)
            continue;
        if ((option.type != RNL_O_SECRET && !may_refer(&option, setting)) || !setting->text)
            status = set_one(&option, scratch, what, setting, NULL, err);
        break;
    }
    options_free(table, scratch);
    return status;
}

static void free_list(char **items)
{
    for (char **at = items; at && *at; at++)
        free(*at);
    free(items);
}

void options_free(const struct rnl_options *table, void *config)
{
    for (uint32_t i = 0; config && i < table->count; i++) {
        struct rnl_option option;
        void *member = NULL;

        options_at(table, i, &option);
        memcpy(&member, (char *)config + option.offset,
               option.type == RNL_O_STRING || option.type == RNL_O_FILE ||
                       option.type == RNL_O_LIST || option.type == RNL_O_SECRET
                   ? sizeof(member)
                   : 0);
        if (option.type == RNL_O_FILE && member)
            secret_file_end(member);
        if (option.type == RNL_O_STRING || option.type == RNL_O_FILE)
            free(member);
        else if (option.type == RNL_O_LIST)
            free_list(member);
        else if (option.type == RNL_O_SECRET)
            secret_free(member);
    }
    free(config);
}

static const char *type_text(const struct rnl_option *option)
{
    switch (option->type) {
    case RNL_O_INT:
        return "number";
    case RNL_O_BOOL:
        return "true|false";
    case RNL_O_SIZE:
        return "size";
    case RNL_O_DURATION:
        return "duration";
    case RNL_O_LIST:
        return "list";
    case RNL_O_ENUM:
        return option->words;
    case RNL_O_SECRET:
        return "secret";
    case RNL_O_FILE:
        return "file";
    default:
        return "text";
    }
}

/* In a table of markdown a bar would end the cell. */
static void put_cell(FILE *to, const char *text)
{
    for (; *text; text++)
        fputs(*text == '|' ? "\\|" : (char[2]){*text, '\0'}, to);
}

/* "1 to 65535", in the unit in which it is counted; "" without bounds. */
static void range_text(const struct rnl_option *option, char *buf, size_t size)
{
    const char *unit = option->type == RNL_O_SIZE       ? " bytes"
                       : option->type == RNL_O_DURATION ? " ms"
                                                        : "";

    buf[0] = '\0';
    if (option->min || option->max)
        snprintf(buf, size, "%" PRId64 " to %" PRId64 "%s", option->min, option->max, unit);
}

void options_print(const struct rnl_options *table, FILE *to, bool markdown)
{
    if (markdown)
        fputs("| option | type | preset | where | meaning |\n|---|---|---|---|---|\n", to);
    for (uint32_t i = 0; i < table->count; i++) {
        struct rnl_option option;
        const char *preset;
        char range[80];

        options_at(table, i, &option);
        range_text(&option, range, sizeof(range));
        preset = option.preset ? option.preset : option.flags & RNL_O_REQUIRED ? "(required)" : "";
        if (!markdown) {
            fprintf(to, "  %s = %s%s%s%s%s\n      %s\n", option.name, type_text(&option),
                    *range ? ", " : "", range,
                    option.preset ? ", preset "
                    : *preset     ? " "
                                  : "",
                    preset, option.help ? option.help : "");
            continue;
        }
        fprintf(to, "| `%s` | ", option.name);
        put_cell(to, type_text(&option));
        fprintf(to, "%s%s | %s | %s | ", *range ? ", " : "", range, preset,
                option.flags & RNL_O_CONNECTION ? "connection" : "role");
        put_cell(to, option.help ? option.help : "");
        fputs(" |\n", to);
    }
}
