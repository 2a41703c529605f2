/* runnel connections list|test: the databases that are configured, and whether they answer. */
#include "../config.h"
#include "../config_plugin.h"
#include "../secret.h"
#include "../session.h"
#include "cli.h"

#include <netdb.h>
#include <stdlib.h>
#include <time.h>

static const char *text_of(const struct connection_config *connection, const char *name,
                           const char *preset)
{
    const struct setting *setting = settings_find(&connection->settings, name);

    return setting && setting->text ? setting->text : preset;
}

/* "host:port/database", as people name a place; or a file's path */
static void place_text(const struct connection_config *connection, char *buf, size_t size)
{
    const char *socket = text_of(connection, "socket", NULL);
    const char *port = text_of(connection, "port", NULL);
    const char *host = text_of(connection, "host", "localhost");
    const char *path = text_of(connection, "path", NULL);
    bool v6 = strchr(host, ':') != NULL;

    if (path) {
        snprintf(buf, size, "%s", path);
        return;
    }
    snprintf(buf, size, "%s%s%s%s%s/%s", v6 && !socket ? "[" : "", socket ? socket : host,
             v6 && !socket ? "]" : "", port && !socket ? ":" : "", port && !socket ? port : "",
             text_of(connection, "database", ""));
}

static int list_run(const struct cli_args *args)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct config *config;
    char place[512], from[256];

    if (cli_config(args, NULL, &config, &err) != RNL_OK)
        return cli_fail(&err);
    if (cli_json())
        printf("{\"ok\":true,\"connections\":[");
    else if (config->nconnections == 0)
        printf("No connection is configured.\n");
    for (size_t i = 0; i < config->nconnections; i++) {
        const struct connection_config *connection = config->connections[i];

        place_text(connection, place, sizeof(place));
        origin_text(&connection->origin, from, sizeof(from));
        if (cli_json()) {
            printf("%s", i ? "," : "");
            cli_print_strings(stdout, (const char *const[]){"name", connection->name, "plugin",
                                                            connection->plugin, "place", place,
                                                            "origin", from, NULL});
        } else {
            printf("%-20s %-10s ", connection->name, connection->plugin);
            cli_print_safe(stdout, place);
            printf("   (%s)\n", from);
        }
    }
    if (cli_json())
        printf("]}\n");
    config_free(config);
    return EXIT_DONE;
}

static void step(const char *name, const char *detail)
{
    if (cli_json())
        return;
    printf("  %-14s ", name);
    cli_print_safe(stdout, detail);
    putchar('\n');
    fflush(stdout);
}

/* The name of the host has an address: told apart from a server that doesn't answer. */
static int resolve(const struct connection_config *connection, struct rnl_error *err)
{
    const char *host = text_of(connection, "host", NULL);
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char text[NI_MAXHOST] = "";
    int failed;

    if (text_of(connection, "socket", NULL) || !host)
        return RNL_OK;
    failed = getaddrinfo(host, NULL, &hints, &found);
    if (failed) {
        rnl_fail(err, RNL_E_RETRY, "connection.unresolved", "the host %s has no address: %s", host,
                 gai_strerror(failed));
        rnl_hint(err, "is the name spelled right, and does this machine reach a name server?");
        return err->status;
    }
    (void)getnameinfo(found->ai_addr, found->ai_addrlen, text, sizeof(text), NULL, 0,
                      NI_NUMERICHOST);
    freeaddrinfo(found);
    step("resolved", text);
    return RNL_OK;
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int open_as(const struct connection_config *connection, enum rnl_kind kind,
                   struct secret_resolver *resolver, struct rnl_error *err)
{
    const struct role_config role = {.plugin = connection->plugin, .connection = connection};
    int64_t begin = now_ms();
    struct session session;
    char detail[100];

    if (session_open(&session, kind, "test", &role, resolver, NULL, NULL, err) != RNL_OK)
        return err->status;
    session_close(&session);
    snprintf(detail, sizeof(detail), "connected and authenticated in %lld ms",
             (long long)(now_ms() - begin));
    step(kind_name(kind), detail);
    return RNL_OK;
}

/* In each role that its plugin has, or in the one that is asked for. */
static int test(const struct connection_config *connection, const char *as,
                struct secret_resolver *resolver, struct rnl_error *err)
{
    static const enum rnl_kind kinds[] = {RNL_SOURCE, RNL_SINK};
    struct rnl_error none = RNL_ERROR_INIT;
    const struct plugin *plugin;
    bool tested = false;

    if (resolve(connection, err) != RNL_OK)
        return err->status;
    for (size_t i = 0; i < 2; i++) {
        if (as && strcmp(as, kind_name(kinds[i])) != 0)
            continue;
        if (plugin_find(kinds[i], connection->plugin, &plugin, as ? err : &none) != RNL_OK) {
            if (as)
                return err->status;
            continue;
        }
        if (open_as(connection, kinds[i], resolver, err) != RNL_OK)
            return err->status;
        tested = true;
    }
    if (tested)
        return RNL_OK;
    if (as)
        return rnl_fail(err, RNL_E_CONFIG, "cli.bad_value",
                        "--as: \"%s\" is neither source nor "
                        "sink",
                        as);
    *err = none;
    return err->status;
}

/* The connection of this name, or that a URL describes (*made: to be freed). */
static int find(const struct config *config, char *word, const struct connection_config **found,
                struct connection_config **made, struct rnl_error *err)
{
    const char **names;

    *made = NULL;
    if (strstr(word, "://")) {
        if (config_connection_from_url(word, made, err) != RNL_OK)
            return err->status;
        *found = *made;
        return RNL_OK;
    }
    *found = config_connection(config, word);
    if (*found)
        return RNL_OK;
    names = calloc(config->nconnections + 1, sizeof(char *));
    if (!names)
        abort();
    for (size_t i = 0; i < config->nconnections; i++)
        names[i] = config->connections[i]->name;
    rnl_fail(err, RNL_E_CONFIG, "config.unknown_connection", "there is no connection \"%s\"", word);
    if (nearest_word(word, names, config->nconnections))
        rnl_hint(err, "did you mean %s?", nearest_word(word, names, config->nconnections));
    else
        rnl_hint(err, "runnel connections list shows those that are configured");
    free(names);
    return err->status;
}

static int test_run(const struct cli_args *args)
{
    const struct connection_config *connection;
    struct connection_config *made = NULL;
    struct rnl_error err = RNL_ERROR_INIT;
    struct secret_resolver *resolver = NULL;
    struct config *config = NULL;
    int code = EXIT_DONE;
    char place[512];

    if (cli_config(args, NULL, &config, &err) != RNL_OK ||
        find(config, args->words[0], &connection, &made, &err) != RNL_OK) {
        code = cli_fail(&err);
        goto out;
    }
    place_text(connection, place, sizeof(place));
    if (!cli_json()) {
        printf("%s ", connection->plugin);
        cli_print_safe(stdout, place);
        putchar('\n');
    }
    resolver = config_resolver(config);
    if (test(connection, cli_text(args, "as", NULL), resolver, &err) != RNL_OK)
        code = cli_fail(&err);
    else if (cli_json())
        printf("{\"ok\":true}\n");
out:
    secret_resolver_free(resolver);
    connection_config_free(made);
    config_free(config);
    return code;
}

static const struct cli_option test_options[] = {
    {"as", 0, CLI_TEXT, CLI_ARGV, "ROLE", "source or sink (preset: each that its plugin has)"},
};

extern const struct cli_command connections_list_command, connections_test_command;

const struct cli_command connections_list_command = {
    .name = "connections list",
    .summary = "List the databases that are configured",
    .run = list_run,
};

const struct cli_command connections_test_command = {
    .name = "connections test",
    .args = "NAME|URL",
    .summary = "Connect to a database, and say how far that goes",
    .options = test_options,
    .noptions = sizeof(test_options) / sizeof(test_options[0]),
    .min_words = 1,
    .max_words = 1,
    .run = test_run,
};
