/* runnel api: the process that answers HTTP for a node, which starts it. */
#include "../api/api.h"
#include "../api/route.h"

#include "../child.h"
#include "../util/log.h"
#include "cli.h"

#include <arpa/inet.h>
#include <stdlib.h>

enum { CONNECTIONS = 1024 };

/* "127.0.0.1:8020", "[::1]:8020": numeric, so that nobody's name server decides who may ask. */
static int parse_listen(const char *text, char *address, size_t size, uint16_t *port,
                        struct rnl_error *err)
{
    const char *colon = strrchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : 0;
    struct in6_addr any;
    char *end = NULL;
    long number = colon ? strtol(colon + 1, &end, 10) : -1;

    if (len > 2 && text[0] == '[' && text[len - 1] == ']') {
        text++;
        len -= 2;
    }
    if (len > 0 && len < size) {
        memcpy(address, text, len);
        address[len] = '\0';
    }
    if (len > 0 && len < size && end != colon + 1 && !*end && number >= 0 && number <= 65535 &&
        (inet_pton(AF_INET, address, &any) == 1 || inet_pton(AF_INET6, address, &any) == 1)) {
        *port = (uint16_t)number;
        return RNL_OK;
    }
    rnl_fail(err, RNL_E_CONFIG, "api.listen", "the API can't listen on \"%s\"", text);
    rnl_hint(err, "api = { listen = \"127.0.0.1:8020\"; }; an address in digits, and a port; off: "
                  "no API");
    return err->status;
}

static bool is_loopback(const char *address)
{
    return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
}

static int check_safe(const struct http_settings *http, bool allowed, struct rnl_error *err)
{
    if (!!http->certificate != !!http->private_key) {
        rnl_fail(err, RNL_E_CONFIG, "api.certificate",
                 "the API has a certificate or a key, and needs both");
        rnl_hint(err, "api = { certificate = \"FILE\"; key = \"FILE\"; }");
        return err->status;
    }
    if (http->certificate || is_loopback(http->address))
        return RNL_OK;
    if (allowed) {
        log_write(RNL_LOG_WARN, "api",
                  "keys and data cross the network in plain: api.allow_insecure says so");
        return RNL_OK;
    }
    rnl_fail(err, RNL_E_CONFIG, "api.insecure",
             "the API won't listen on %s, beyond this machine, without TLS", http->address);
    rnl_hint(err, "give it api.certificate and api.key, or put a proxy with TLS in front of "
                  "127.0.0.1; api.allow_insecure = \"yes\" where the network itself is safe");
    return err->status;
}

/* What is said to the API goes on to the commands that it runs. */
static char **arguments_of(const struct cli_args *args)
{
    char *const *folders = cli_list(args, "plugin-dir");
    size_t count = 0, n = 0;
    char **arguments;

    while (folders && folders[count])
        count++;
    arguments = calloc(2 * count + 1, sizeof(char *));
    if (!arguments)
        abort();
    for (size_t i = 0; i < count; i++) {
        arguments[n++] = strdup("--plugin-dir");
        arguments[n++] = strdup(folders[i]);
    }
    return arguments;
}

static int serve(const struct cli_args *args, struct rnl_error *err)
{
    char address[64], **arguments;
    struct api_settings settings = {
        .config = cli_text(args, "config", NULL),
        .state_dir = cli_text(args, "state-dir", NULL),
        .pipelines_dir = cli_text(args, "pipelines-dir", NULL),
        .connections_dir = cli_text(args, "connections-dir", NULL),
        .http = {.address = address,
                 .certificate = cli_text(args, "api-certificate", NULL),
                 .private_key = cli_text(args, "api-key", NULL),
                 .hosts = (const char *const *)(const void *)cli_list(args, "api-hosts"),
                 .connections = CONNECTIONS},
    };
    bool allowed = strcmp(cli_text(args, "api-allow-insecure", "no"), "yes") == 0;
    int status;

    if (child_tie(err) != RNL_OK ||
        parse_listen(cli_text(args, "api-listen", ""), address, sizeof(address),
                     &settings.http.port, err) != RNL_OK ||
        check_safe(&settings.http, allowed, err) != RNL_OK)
        return err->status;
    arguments = arguments_of(args);
    settings.arguments = arguments;
    status = api_run(&settings, err);
    for (char **at = arguments; *at; at++)
        free(*at);
    free(arguments);
    return status;
}

static int run(const struct cli_args *args)
{
    struct rnl_error err = RNL_ERROR_INIT;

    return serve(args, &err) == RNL_OK ? EXIT_DONE : cli_fail(&err);
}

static const struct cli_option options[] = {
    {"api-listen", 0, CLI_TEXT, CLI_ARGV, "ADDRESS:PORT", "where to listen"},
    {"api-certificate", 0, CLI_TEXT, CLI_ARGV, "FILE", "PEM"},
    {"api-key", 0, CLI_TEXT, CLI_ARGV, "FILE", "PEM"},
    {"api-hosts", 0, CLI_TEXT, CLI_ARGV | CLI_REPEAT, "NAME", "by which it may be asked"},
    {"api-allow-insecure", 0, CLI_TEXT, CLI_ARGV, "no|yes", "plain HTTP beyond this machine"},
    {"state-dir", 0, CLI_TEXT, CLI_ARGV, "FOLDER", "of the node"},
    {"pipelines-dir", 0, CLI_TEXT, CLI_ARGV, "FOLDER", "of the node"},
    {"connections-dir", 0, CLI_TEXT, CLI_ARGV, "FOLDER", "of the node"},
};

static int print_document(const struct cli_args *args)
{
    json_t *document = openapi_document();

    (void)args;
    if (!document)
        return EXIT_ENVIRONMENT;
    json_dumpf(document, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(document);
    return EXIT_DONE;
}

extern const struct cli_command api_command, openapi_command;

const struct cli_command openapi_command = {
    .name = "openapi",
    .summary = "Print the OpenAPI document of the API that a node answers",
    .help = "It is served too, as /api/v1/openapi.json, and made of the same table by which\n"
            "requests are answered.\n",
    .run = print_document,
};

const struct cli_command api_command = {
    .name = "api",
    .summary = "Answer HTTP for a node, which starts this",
    .options = options,
    .noptions = sizeof(options) / sizeof(options[0]),
    .run = run,
    .hidden = true,
};
