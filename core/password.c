/* Passwords that a connection does not carry: from the environment, clients' files, a prompt. */
#include "password.h"

#include "options.h"
#include "password_file.h"
#include "secret.h"
#include "util/log.h"

#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

enum { KEY_BYTES = 512 };

static bool asking;

/* What was typed: a command may open the same connection several times. */
static struct typed {
    struct typed *next;
    char key[KEY_BYTES];
    struct rnl_secret *secret;
} * all_typed;

void password_ask(bool ask)
{
    asking = ask;
}

static bool has_option(const struct plugin *plugin, const char *name)
{
    struct rnl_option option;

    for (uint32_t i = 0; i < plugin->options.count; i++) {
        options_at(&plugin->options, i, &option);
        if (option.name && strcmp(option.name, name) == 0)
            return true;
    }
    return false;
}

static const char *text_of(const struct settings *settings, const char *name, const char *preset)
{
    const struct setting *setting = settings_find(settings, name);

    return setting && setting->text && *setting->text ? setting->text : preset;
}

static bool from_variable(struct settings *settings, const char *variable)
{
    struct origin origin = {.kind = ORIGIN_ENVIRONMENT, .file = variable};
    const char *text = getenv(variable);

    if (!text || !*text)
        return false;
    settings_set(settings, "password", SETTING_TEXT, text, &origin);
    return true;
}

/* ~/NAME, or what the variable says; false: neither. */
static bool client_file(const char *variable, const char *name, char *path, size_t size)
{
    const char *given = variable ? getenv(variable) : NULL, *home = getenv("HOME");
    int used;

    if (given && *given)
        used = snprintf(path, size, "%s", given);
    else if (home && *home)
        used = snprintf(path, size, "%s/%s", home, name);
    else
        return false;
    return used > 0 && (size_t)used < size;
}

static const char *system_user(void)
{
    const struct passwd *entry = getpwuid(geteuid());

    return entry ? entry->pw_name : "";
}

static int from_pgpass(struct settings *settings, struct rnl_error *err)
{
    const char *user = text_of(settings, "user", NULL);
    const char *socket = text_of(settings, "socket", NULL);
    struct password_wanted wanted = {
        .host = socket && strcmp(socket, "/var/run/postgresql") != 0
                    ? socket
                    : text_of(settings, "host", "localhost"),
        .port = text_of(settings, "port", "5432"),
    };
    char path[1024];

    if (!client_file("PGPASSFILE", ".pgpass", path, sizeof(path)))
        return RNL_OK;
    if (!user)
        user = getenv("PGUSER") ? getenv("PGUSER") : system_user();
    wanted.user = user;
    wanted.database = text_of(settings, "database", user);
    return pgpass_read(path, &wanted, settings, err);
}

static int from_mysql_file(struct settings *settings, struct rnl_error *err)
{
    char path[1024];

    if (!client_file(NULL, ".my.cnf", path, sizeof(path)))
        return RNL_OK;
    return mycnf_read(path, settings, err);
}

static int from_client(struct settings *settings, const char *plugin, struct rnl_error *err)
{
    if (strcmp(plugin, "postgres") == 0)
        return from_variable(settings, "PGPASSWORD") ? RNL_OK : from_pgpass(settings, err);
    if (strcmp(plugin, "mysql") == 0) {
        /* The file even so: it may know the user. */
        (void)from_variable(settings, "MYSQL_PWD");
        return from_mysql_file(settings, err);
    }
    return RNL_OK;
}

static struct typed *typed_find(const char *key)
{
    for (struct typed *typed = all_typed; typed; typed = typed->next)
        if (strcmp(typed->key, key) == 0)
            return typed;
    return NULL;
}

static int from_terminal(struct settings *settings, const struct plugin *plugin,
                         struct rnl_error *err)
{
    const struct origin origin = {.kind = ORIGIN_FLAG, .file = "--ask-password"};
    struct typed *typed;
    char question[KEY_BYTES];

    snprintf(question, sizeof(question), "Password of %s at %s (%s)",
             text_of(settings, "user", system_user()),
             text_of(settings, "host", text_of(settings, "socket", "localhost")), plugin->name);
    typed = typed_find(question);
    if (!typed) {
        typed = calloc(1, sizeof(*typed));
        if (!typed || !(typed->secret = secret_new()))
            abort();
        if (secret_prompt(question, typed->secret, err) != RNL_OK) {
            secret_free(typed->secret);
            free(typed);
            return err->status;
        }
        memcpy(typed->key, question, sizeof(question));
        typed->next = all_typed;
        all_typed = typed;
    }
    settings_set(settings, "password", SETTING_TEXT, secret_text(typed->secret), &origin);
    return RNL_OK;
}

int password_complete(struct settings *settings, const struct plugin *plugin, struct rnl_error *err)
{
    if (!has_option(plugin, "password"))
        return RNL_OK;
    if (from_variable(settings, plugin->kind == RNL_SOURCE ? "RUNNEL_SOURCE_PASSWORD"
                                                           : "RUNNEL_TARGET_PASSWORD"))
        return RNL_OK;
    if (settings_find(settings, "password"))
        return RNL_OK;
    if (from_client(settings, plugin->name, err) != RNL_OK)
        return err->status;
    if (settings_find(settings, "password") || !asking)
        return RNL_OK;
    return from_terminal(settings, plugin, err);
}
