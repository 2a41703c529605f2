/* runnel secrets: makes, fills and lists a secret store; there is no way to print a secret. */
#include "cli.h"

#include "../config.h"
#include "../module.h"
#include "../names.h"
#include "../secret.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

/* What a command works with: a store, opened. */
struct session {
    struct config *config;
    struct secret_resolver *resolver;
    const struct plugin *plugin;
    const char *store; /* its name; borrowed from the arguments */
    void *self;
};

static void session_close(struct session *session)
{
    secret_resolver_free(session->resolver);
    config_free(session->config);
}

static void flag_setting(struct settings *set, const struct cli_args *args, const char *option,
                         const char *name)
{
    const struct origin origin = {.kind = ORIGIN_FLAG, .file = option};
    const char *text = cli_text(args, option, NULL);

    if (text)
        settings_set(set, name, SETTING_TEXT, text, &origin);
}

static int passphrase_ask(const char *question, bool twice, struct rnl_secret *passphrase,
                          struct rnl_error *err)
{
    struct rnl_secret *again = NULL;
    int status;

    status = secret_prompt(question, passphrase, err);
    if (status != RNL_OK || !twice)
        return status;
    again = secret_new();
    if (!again)
        return rnl_fail(err, RNL_E_FATAL, "secret.no_memory", "no memory for a secret");
    status = secret_prompt("the same again", again, err);
    if (status == RNL_OK && strcmp(secret_text(passphrase), secret_text(again)) != 0)
        status = rnl_fail(err, RNL_E_CONFIG, "secrets.not_the_same", "the two are not the same");
    secret_free(again);
    return status;
}

/* The settings that this command's flags add to those of the configuration. */
static int session_settings(const struct cli_args *args, bool create, struct settings *set,
                            struct rnl_error *err)
{
    const struct origin origin = {.kind = ORIGIN_FLAG, .file = "ask-passphrase"};
    struct rnl_secret *passphrase;
    int status;

    flag_setting(set, args, "path", "path");
    flag_setting(set, args, "key-file", "key_file");
    if (create)
        settings_set(set, "create", SETTING_BOOL, "true", &origin);
    if (!cli_flag(args, "ask-passphrase"))
        return RNL_OK;
    passphrase = secret_new();
    if (!passphrase)
        return rnl_fail(err, RNL_E_FATAL, "secret.no_memory", "no memory for a secret");
    status = passphrase_ask("Passphrase of the secret store", create, passphrase, err);
    if (status == RNL_OK)
        settings_set(set, "passphrase", SETTING_TEXT, secret_text(passphrase), &origin);
    secret_free(passphrase);
    return status;
}

static int session_open(struct session *session, const struct cli_args *args, bool create,
                        struct rnl_error *err)
{
    struct settings set = {0};
    int status;

    *session = (struct session){.store = cli_text(args, "store", "file")};
    status = cli_config(args, NULL, &session->config, err);
    if (status != RNL_OK)
        return status;
    session->resolver = config_resolver(session->config);
    if (!session->resolver) {
        status = rnl_fail(err, RNL_E_FATAL, "secret.no_memory", "no memory for the secret stores");
        goto close_session;
    }
    status = session_settings(args, create, &set, err);
    if (status == RNL_OK) {
        secret_resolver_store(session->resolver, session->store, &set);
        status = secret_resolver_open(session->resolver, session->store, &session->plugin,
                                      &session->self, err);
    }
    settings_clear(&set);
    if (status == RNL_OK)
        return RNL_OK;
close_session:
    session_close(session);
    return status;
}

/* Cuts "shop#password" in two: *path is the caller's, *field points into it. */
static int name_split(const char *name, char **path, const char **field, struct rnl_error *err)
{
    char *hash;

    *path = strdup(name);
    if (!*path)
        return rnl_fail(err, RNL_E_FATAL, "secret.no_memory", "no memory for a name");
    hash = strchr(*path, '#');
    *field = hash ? hash + 1 : "";
    if (hash)
        *hash = '\0';
    return RNL_OK;
}

static int not_supported(const struct session *session, const char *what, struct rnl_error *err)
{
    return rnl_fail(err, RNL_E_CONFIG, "secrets.read_only", "the secret store %s can't %s",
                    session->store, what);
}

/* All of standard input, less a line end. */
static int value_from_stdin(struct rnl_secret *secret, struct rnl_error *err)
{
    const size_t size = SECRET_MAX_BYTES + 2;
    char *bytes = secret_pages(size);
    size_t length = 0;
    ssize_t got = 1;
    int status;

    if (!bytes)
        return rnl_fail(err, RNL_E_FATAL, "secret.no_memory", "no memory for a secret");
    while (length < size && got > 0) {
        got = read(STDIN_FILENO, bytes + length, size - length);
        if (got < 0 && errno == EINTR)
            got = 1;
        else if (got > 0)
            length += (size_t)got;
    }
    if (length > 0 && bytes[length - 1] == '\n')
        length--;
    if (length > 0 && bytes[length - 1] == '\r')
        length--;
    if (got < 0)
        status = rnl_fail(err, RNL_E_CONFIG, "secrets.input", "can't read standard input: %s",
                          strerror(errno));
    else
        status = secret_set(secret, (struct rnl_slice){bytes, length}, 0, err);
    secret_pages_free(bytes, size);
    return status;
}

static int value_ask(const char *name, struct rnl_secret *secret, struct rnl_error *err)
{
    char question[128];
    int status;

    if (isatty(STDIN_FILENO)) {
        snprintf(question, sizeof(question), "Secret for %.90s", name);
        status = passphrase_ask(question, true, secret, err);
    } else {
        status = value_from_stdin(secret, err);
    }
    if (status == RNL_OK && secret_length(secret) == 0)
        status = rnl_fail(err, RNL_E_CONFIG, "secrets.empty", "the secret is empty");
    return status;
}

/* One line for people, or the usual JSON. */
static void say(const char *done, const char *name)
{
    if (cli_json()) {
        puts("{\"ok\":true}");
        return;
    }
    printf("%s ", done);
    cli_print_safe(stdout, name);
    putchar('\n');
}

static int run_init(const struct cli_args *args)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct session session;

    if (session_open(&session, args, true, &err) != RNL_OK)
        return cli_fail(&err);
    say("The store is ready:", session.store);
    session_close(&session);
    return EXIT_DONE;
}

/* Asks for the value before anything is opened for writing; wipes it on every way out. */
static int set_value(struct session *session, const char *name, struct rnl_error *err)
{
    struct rnl_secret *secret = secret_new();
    char *path = NULL;
    const char *field;
    int status;

    if (!secret)
        return rnl_fail(err, RNL_E_FATAL, "secret.no_memory", "no memory for a secret");
    if (!session->plugin->secrets.write) {
        status = not_supported(session, "be written", err);
        goto free_secret;
    }
    status = name_split(name, &path, &field, err);
    if (status == RNL_OK)
        status = value_ask(name, secret, err);
    if (status == RNL_OK)
        status = session->plugin->secrets.write(session->self, path, field, secret, err);
    free(path);
free_secret:
    secret_free(secret);
    return status;
}

/* Somebody wrote the secret behind its name: it is hidden, not repeated in an error. */
static int refuse_argument(const struct cli_args *args, struct rnl_error *err)
{
    for (int i = 1; i < args->nwords; i++)
        secret_wipe(args->words[i], strlen(args->words[i]));
    rnl_fail(err, RNL_E_CONFIG, "secrets.argument",
             "a secret is not given as an argument, where others can see it");
    rnl_hint(err, "leave it out and be asked for it, or give it on standard input; "
                  "this one may stand in your shell's history");
    return err->status;
}

static int run_set(const struct cli_args *args)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct session session;
    int status;

    if (args->nwords > 1) {
        refuse_argument(args, &err);
        return cli_fail(&err);
    }
    status = session_open(&session, args, cli_flag(args, "create"), &err);
    if (status != RNL_OK)
        return cli_fail(&err);
    status = set_value(&session, args->words[0], &err);
    session_close(&session);
    if (status != RNL_OK)
        return cli_fail(&err);
    say("Set", args->words[0]);
    return EXIT_DONE;
}

static int remove_value(struct session *session, const char *name, struct rnl_error *err)
{
    const char *field;
    char *path;
    int status;

    if (!session->plugin->secrets.remove)
        return not_supported(session, "be written", err);
    status = name_split(name, &path, &field, err);
    if (status == RNL_OK)
        status = session->plugin->secrets.remove(session->self, path, field, err);
    free(path);
    return status;
}

static int run_remove(const struct cli_args *args)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct session session;
    int status;

    if (session_open(&session, args, false, &err) != RNL_OK)
        return cli_fail(&err);
    status = remove_value(&session, args->words[0], &err);
    session_close(&session);
    if (status != RNL_OK)
        return cli_fail(&err);
    say("Removed", args->words[0]);
    return EXIT_DONE;
}

static void list_print(const struct rnl_names *names)
{
    json_t *list;

    if (!cli_json()) {
        for (size_t i = 0; i < names->count; i++) {
            cli_print_safe(stdout, names->items[i]);
            putchar('\n');
        }
        return;
    }
    list = json_array();
    for (size_t i = 0; i < names->count; i++)
        json_array_append_new(list, json_string(names->items[i]));
    list = json_pack("{s:b, s:o}", "ok", 1, "secrets", list);
    json_dumpf(list, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(list);
}

static int run_list(const struct cli_args *args)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct rnl_names names = {0};
    struct session session;
    int status;

    if (session_open(&session, args, false, &err) != RNL_OK)
        return cli_fail(&err);
    if (session.plugin->secrets.list)
        status = session.plugin->secrets.list(session.self, &names, &err);
    else
        status = not_supported(&session, "be listed", &err);
    if (status == RNL_OK)
        list_print(&names);
    names_clear(&names);
    session_close(&session);
    return status == RNL_OK ? EXIT_DONE : cli_fail(&err);
}

static int rotate(struct session *session, const struct cli_args *args, struct rnl_error *err)
{
    struct rnl_secret *key = NULL;
    int status = RNL_OK;

    if (!session->plugin->secrets.rotate)
        return not_supported(session, "change its key", err);
    if (cli_flag(args, "new-passphrase")) {
        key = secret_new();
        if (!key)
            return rnl_fail(err, RNL_E_FATAL, "secret.no_memory", "no memory for a secret");
        status = passphrase_ask("New passphrase of the secret store", true, key, err);
    }
    if (status == RNL_OK)
        status = session->plugin->secrets.rotate(session->self, key, err);
    secret_free(key);
    return status;
}

static int run_rotate(const struct cli_args *args)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct session session;
    int status;

    if (session_open(&session, args, false, &err) != RNL_OK)
        return cli_fail(&err);
    status = rotate(&session, args, &err);
    if (status == RNL_OK)
        say("Under a new key:", session.store);
    session_close(&session);
    return status == RNL_OK ? EXIT_DONE : cli_fail(&err);
}

#define WHICH_STORE                                                                                \
    {"store", 0, CLI_TEXT, CLI_ARGV, "NAME", "the store: a secrets plugin (preset: file)"},        \
        {"path",   0,      CLI_TEXT,                                                               \
         CLI_ARGV, "FILE", "of the file store (preset: the configuration's, or the usual place)"}, \
        {"key-file", 0,                                                                            \
         CLI_TEXT,   CLI_ARGV,                                                                     \
         "FILE",     "the key of the file store (preset: the configuration's, or FILE.key)"},      \
    {                                                                                              \
        "ask-passphrase", 0, CLI_FLAG, CLI_ARGV, NULL,                                             \
            "ask for the passphrase of the file store, which has no key file then"                 \
    }

static const struct cli_option store_options[] = {WHICH_STORE};
static const struct cli_option set_options[] = {
    WHICH_STORE,
    {"create", 0, CLI_FLAG, CLI_ARGV, NULL, "make the store when it isn't there, as init does"},
};
static const struct cli_option rotate_options[] = {
    WHICH_STORE,
    {"new-passphrase", 0, CLI_FLAG, CLI_ARGV, NULL,
     "ask for the new passphrase, of a store that is under one"},
};

const struct cli_command secrets_init_command = {
    .name = "secrets init",
    .summary = "Make a secret store, and its key",
    .help =
        "Makes an empty store, encrypted under a new key file beside it, or under a passphrase\n"
        "(--ask-passphrase, or RUNNEL_SECRETS_PASSPHRASE). One that is there stays as it is.\n"
        "\n"
        "Where neither --path nor the configuration (secrets = { file = { path = ...; }; };)\n"
        "says otherwise, the store is $XDG_CONFIG_HOME/runnel/secrets, for root\n"
        "/etc/runnel/secrets, for others ~/.config/runnel/secrets.\n",
    .options = store_options,
    .noptions = sizeof(store_options) / sizeof(*store_options),
    .run = run_init,
};

const struct cli_command secrets_set_command = {
    .name = "secrets set",
    .args = "PATH[#FIELD]",
    .summary = "Put a secret into a store",
    .help = "Asks for the secret on the terminal, or reads standard input (less one line end).\n"
            "There is no option for it: arguments can be seen by others. A configuration names\n"
            "it secret://STORE/PATH#FIELD.\n"
            "\n"
            "  runnel secrets set shop#password\n"
            "  pwgen 24 1 | runnel secrets set shop#password\n"
            "\n"
            "There is no command that prints a secret.\n",
    .options = set_options,
    .noptions = sizeof(set_options) / sizeof(*set_options),
    .min_words = 1,
    .max_words = -1, /* more than one is told in other words */
    .run = run_set,
};

const struct cli_command secrets_list_command = {
    .name = "secrets list",
    .summary = "List the names of the secrets in a store",
    .help = "Names alone. There is no command that prints a secret.\n",
    .options = store_options,
    .noptions = sizeof(store_options) / sizeof(*store_options),
    .run = run_list,
};

const struct cli_command secrets_remove_command = {
    .name = "secrets remove",
    .args = "PATH[#FIELD]",
    .summary = "Take a secret out of a store",
    .options = store_options,
    .noptions = sizeof(store_options) / sizeof(*store_options),
    .min_words = 1,
    .max_words = 1,
    .run = run_remove,
};

const struct cli_command secrets_rotate_command = {
    .name = "secrets rotate-key",
    .summary = "Encrypt a store under a new key",
    .help = "A store under a key file gets a new one; the old key's bytes are overwritten once\n"
            "the store is under the new one. A store under a passphrase gets the one that is\n"
            "asked for (--new-passphrase). Cut off at any moment, the store opens, and the next\n"
            "change completes it.\n",
    .options = rotate_options,
    .noptions = sizeof(rotate_options) / sizeof(*rotate_options),
    .run = run_rotate,
};
