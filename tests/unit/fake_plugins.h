/* Plugins as tables alone, in the place of shared objects: what configuration is checked against.
 */
#ifndef FAKE_PLUGINS_H
#define FAKE_PLUGINS_H

#include "module.h"

#include <stdlib.h>

struct fake_config {
    const char *text[12];
    const char *const *list;
    int64_t number[4];
    int32_t word[2];
    const struct rnl_secret *secret;
};

#define AT(member) offsetof(struct fake_config, member)

static const struct rnl_option fake_mysql_options[] = {
    {"host", "localhost", "h", NULL, RNL_O_STRING, RNL_O_CONNECTION, AT(text[0]), 0, 0},
    {"port", "3306", "p", NULL, RNL_O_INT, RNL_O_CONNECTION, AT(number[0]), 1, 65535},
    {"database", NULL, "d", NULL, RNL_O_STRING, RNL_O_CONNECTION, AT(text[1]), 0, 0},
    {"user", NULL, "u", NULL, RNL_O_STRING, RNL_O_CONNECTION, AT(text[2]), 0, 0},
    {"password", NULL, "p", NULL, RNL_O_SECRET, RNL_O_CONNECTION, AT(secret), 0, 0},
    {"socket", NULL, "s", NULL, RNL_O_STRING, RNL_O_CONNECTION, AT(text[3]), 0, 0},
    {"tls.mode", NULL, "t", "disable|require|verify-ca|verify-full", RNL_O_ENUM, RNL_O_CONNECTION,
     AT(word[0]), 0, 0},
    {"tls.ca", NULL, "c", NULL, RNL_O_FILE, RNL_O_CONNECTION, AT(text[4]), 0, 0},
    {"tls.cert", NULL, "c", NULL, RNL_O_FILE, RNL_O_CONNECTION, AT(text[5]), 0, 0},
    {"tls.key", NULL, "k", NULL, RNL_O_FILE, RNL_O_CONNECTION, AT(text[6]), 0, 0},
    {"connect_timeout", "10s", "t", NULL, RNL_O_DURATION, RNL_O_CONNECTION, AT(number[1]), 0, 0},
    {"tinyint1", "auto", "t", "auto|bool|int", RNL_O_ENUM, 0, AT(word[1]), 0, 0},
    {"skip", NULL, "s", NULL, RNL_O_LIST, 0, AT(list), 0, 0},
};
static const struct rnl_option fake_postgres_options[] = {
    {"host", "localhost", "h", NULL, RNL_O_STRING, RNL_O_CONNECTION, AT(text[0]), 0, 0},
    {"port", "5432", "p", NULL, RNL_O_INT, RNL_O_CONNECTION, AT(number[0]), 1, 65535},
    {"database", NULL, "d", NULL, RNL_O_STRING, RNL_O_CONNECTION, AT(text[1]), 0, 0},
    {"user", NULL, "u", NULL, RNL_O_STRING, RNL_O_CONNECTION, AT(text[2]), 0, 0},
    {"password", NULL, "p", NULL, RNL_O_SECRET, RNL_O_CONNECTION, AT(secret), 0, 0},
    {"socket", NULL, "s", NULL, RNL_O_STRING, RNL_O_CONNECTION, AT(text[3]), 0, 0},
    {"tls.mode", NULL, "t", "disable|require|verify-ca|verify-full", RNL_O_ENUM, RNL_O_CONNECTION,
     AT(word[0]), 0, 0},
    {"tls.ca", NULL, "c", NULL, RNL_O_FILE, RNL_O_CONNECTION, AT(text[4]), 0, 0},
    {"application_name", NULL, "a", NULL, RNL_O_STRING, RNL_O_CONNECTION, AT(text[5]), 0, 0},
    {"connect_timeout", "10s", "t", NULL, RNL_O_DURATION, RNL_O_CONNECTION, AT(number[1]), 0, 0},
    {"schema", NULL, "s", NULL, RNL_O_STRING, RNL_O_CONNECTION, AT(text[6]), 0, 0},
    {"unlogged", "false", "u", NULL, RNL_O_STRING, 0, AT(text[7]), 0, 0},
};
static const struct rnl_option fake_memory_options[] = {
    {"queue_bytes", "16M", "q", NULL, RNL_O_SIZE, 0, AT(number[0]), 1024, 1 << 30},
};
static const struct rnl_option fake_file_options[] = {
    {"path", NULL, "p", NULL, RNL_O_FILE, 0, AT(text[0]), 0, 0},
};

static struct plugin fake_plugins[] = {
    {.kind = RNL_SOURCE,
     .name = "mysql",
     .options = RNL_OPTIONS(fake_mysql_options, struct fake_config)},
    {.kind = RNL_SINK,
     .name = "postgres",
     .options = RNL_OPTIONS(fake_postgres_options, struct fake_config)},
    {.kind = RNL_TRANSPORT,
     .name = "memory",
     .options = RNL_OPTIONS(fake_memory_options, struct fake_config)},
    {.kind = RNL_SECRETS,
     .name = "file",
     .options = RNL_OPTIONS(fake_file_options, struct fake_config)},
};
static const char *fake_dir; /* the last that was set */

int plugin_find(enum rnl_kind kind, const char *name, const struct plugin **plugin,
                struct rnl_error *err)
{
    for (size_t i = 0; i < sizeof(fake_plugins) / sizeof(fake_plugins[0]); i++)
        if (fake_plugins[i].kind == kind && strcmp(fake_plugins[i].name, name) == 0) {
            *plugin = &fake_plugins[i];
            return RNL_OK;
        }
    return rnl_fail(err, RNL_E_CONFIG, "plugin.unknown", "there is no %s named %s", kind_name(kind),
                    name);
}

int plugin_by_scheme(enum rnl_kind kind, const char *scheme, const struct plugin **plugin,
                     struct rnl_error *err)
{
    if (strcmp(scheme, "my") == 0)
        return plugin_find(kind, "mysql", plugin, err);
    return rnl_fail(err, RNL_E_CONFIG, "plugin.unknown", "no %s for %s", kind_name(kind), scheme);
}

const char *kind_name(enum rnl_kind kind)
{
    return kind == RNL_SOURCE ? "source" : kind == RNL_SINK ? "sink" : "other";
}

void module_set_dirs(const char *const *dirs, size_t count)
{
    static char last[256];

    snprintf(last, sizeof(last), "%s", count ? dirs[0] : "");
    fake_dir = last;
}

#endif
