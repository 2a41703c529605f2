/* Whether an option table can be used at all: what its author may have got wrong. */
#include "options.h"

static size_t member_size(uint16_t type)
{
    switch (type) {
    case RNL_O_BOOL:
        return sizeof(bool);
    case RNL_O_ENUM:
        return sizeof(int32_t);
    default:
        return sizeof(void *);
    }
}

/* "host", "tls.mode": what can stand in a file, in a URL and after --set */
static bool name_is_plain(const char *name)
{
    size_t len = name ? strlen(name) : 0;

    return len > 0 && len < 48 && name[0] != '.' && name[len - 1] != '.' && !strstr(name, "..") &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_.") == len;
}

static const char *shape_fault(const struct rnl_options *table, const struct rnl_option *option)
{
    size_t size = member_size(option->type);

    if (!name_is_plain(option->name))
        return "its name is not of a-z, 0-9, _ and single dots";
    if (option->type < RNL_O_STRING || option->type > RNL_O_FILE)
        return "its type is unknown";
    if (option->offset % size != 0 || option->offset + size > table->config_size)
        return "its member is not inside the config struct";
    if (!option->help || !*option->help)
        return "it has no help text";
    if (option->type == RNL_O_ENUM && (!option->words || !*option->words))
        return "it is an enum without words";
    if (option->min > option->max)
        return "its smallest value is above its largest";
    if (option->preset && option->flags & RNL_O_REQUIRED)
        return "it is required, and has a preset";
    if (option->preset && option->type == RNL_O_SECRET)
        return "it is a secret, and has a preset";
    return NULL;
}

static const char *clash_fault(const struct rnl_options *table, uint32_t index,
                               const struct rnl_option *option)
{
    size_t size = member_size(option->type);

    for (uint32_t i = 0; i < index; i++) {
        struct rnl_option other;

        options_at(table, i, &other);
        if (strcmp(other.name, option->name) == 0)
            return "two options have this name";
        if (option->offset < other.offset + member_size(other.type) &&
            other.offset < option->offset + size)
            return "its member is another option's, too";
    }
    return NULL;
}

/* Builds the preset alone, as a run would. */
static bool preset_fault(const struct rnl_options *table, const struct rnl_option *option,
                         char *why, size_t why_size)
{
    const struct rnl_options alone = {option, 1, sizeof(*option), table->config_size, 0};
    const struct settings none = {0};
    struct rnl_error err = RNL_ERROR_INIT;
    void *config;

    if (!option->preset)
        return false;
    if (options_build(&alone, "preset", &none, NULL, &config, &err) == RNL_OK) {
        options_free(&alone, config);
        return false;
    }
    snprintf(why, why_size, "%s", err.text);
    return true;
}

bool options_check(const struct rnl_options *table, char *name, size_t name_size, char *why,
                   size_t why_size)
{
    for (uint32_t i = 0; i < table->count; i++) {
        struct rnl_option option;
        const char *fault;

        options_at(table, i, &option);
        fault = shape_fault(table, &option);
        if (!fault)
            fault = clash_fault(table, i, &option);
        snprintf(name, name_size, "%s", option.name ? option.name : "(without a name)");
        if (fault)
            snprintf(why, why_size, "%s", fault);
        if (fault || preset_fault(table, &option, why, why_size))
            return false;
    }
    return true;
}
