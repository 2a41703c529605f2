/* Connections as URLs: mysql://user:password@host:3306/shop?ssl-mode=VERIFY_CA */
#include "config_loader.h"
#include "config_plugin.h"
#include "options.h"
#include "secret.h"
#include "util/log.h"

#include <ctype.h>
#include <stdlib.h>

enum { URL_BYTES_MAX = 8 * 1024 };

/* What users of the usual clients write, and what our plugins call it. */
struct alias {
    const char *plugin;
    const char *theirs;
    const char *ours;
    const char *values; /* "THEIRS=ours|…"; NULL: as it is */
    const char *refuse; /* why a value that is in no pair can't be had, or NULL */
};

#define NO_PREFER "Runnel does not fall back to a connection in the clear by itself"
#define MYSQL_TLS \
    "disabled=disable|required=require|verify_ca=verify-ca|verify_identity=verify-full"
#define GO_TLS "false=disable|skip-verify=require|true=verify-full"

static const struct alias aliases[] = {
    {"mysql", "ssl-mode", "tls.mode", MYSQL_TLS, NO_PREFER},
    {"mysql", "sslmode", "tls.mode", MYSQL_TLS, NO_PREFER},
    {"mysql", "tls", "tls.mode", GO_TLS, NO_PREFER},
    {"mysql", "ssl-ca", "tls.ca", NULL, NULL},
    {"mysql", "ssl-cert", "tls.cert", NULL, NULL},
    {"mysql", "ssl-key", "tls.key", NULL, NULL},
    {"mysql", "connect-timeout", "connect_timeout", NULL, NULL},
    {"mysql", "net-read-timeout", "read_timeout", NULL, NULL},
    {"mysql", "unix_socket", "socket", NULL, NULL},
    {"postgres", "sslmode", "tls.mode",
     "disable=disable|require=require|verify-ca=verify-ca|verify-full=verify-full", NO_PREFER},
    {"postgres", "sslrootcert", "tls.ca", NULL, NULL},
    {"postgres", "sslcert", "tls.cert", NULL, NULL},
    {"postgres", "sslkey", "tls.key", NULL, NULL},
    {"postgres", "dbname", "database", NULL, NULL},
    {"postgres", "currentSchema", "schema", NULL, NULL},
};

static const struct {
    const char *scheme, *plugin;
} schemes[] = {
    {"mysql", "mysql"},         {"mariadb", "mysql"}, {"postgres", "postgres"},
    {"postgresql", "postgres"}, {"sqlite", "sqlite"}, {"sqlite3", "sqlite"},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct origin origin_url = {.kind = ORIGIN_URL};

/* The pieces of a URL: slices of a copy of it, decoded in place; NULL where there is none. */
struct pieces {
    char *scheme, *user, *password, *host, *port, *path, *query;
};

static int digit(char byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    byte = (char)tolower((unsigned char)byte);
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* %41 into A; false: not two digits, or a NUL byte. */
static bool decode(char *text)
{
    char *to = text;

    for (; *text; text++, to++) {
        if (*text != '%') {
            *to = *text;
            continue;
        }
        if (digit(text[1]) < 0 || digit(text[2]) < 0)
            return false;
        *to = (char)(digit(text[1]) * 16 + digit(text[2]));
        if (*to == '\0')
            return false;
        text += 2;
    }
    *to = '\0';
    return true;
}

/* Ends text at the first of bytes and gives what stands behind it; NULL: none there. */
static char *cut(char *text, const char *bytes)
{
    char *at = strpbrk(text, bytes);

    if (at)
        *at++ = '\0';
    return at;
}

static int bad_url(struct rnl_error *err, const char *why)
{
    rnl_fail(err, RNL_E_CONFIG, "config.bad_url", "this is no URL of a database: %s", why);
    rnl_hint(err, "like mysql://user@host:3306/database or postgres://user@host/database; other "
                  "characters than letters and digits as %%40 (for @), %%3A (for :), …");
    return err->status;
}

/* [::1]:5432, host:3306, host, or nothing */
static int split_host(char *text, struct pieces *pieces, struct rnl_error *err)
{
    if (*text == '[') {
        char *end = strchr(text, ']');

        if (!end || (end[1] != '\0' && end[1] != ':'))
            return bad_url(err, "an IPv6 address stands in [brackets]");
        *end = '\0';
        pieces->host = text + 1;
        pieces->port = end[1] == ':' ? end + 2 : NULL;
        return RNL_OK;
    }
    pieces->host = text;
    pieces->port = cut(text, ":");
    if (pieces->port && strchr(pieces->port, ':'))
        return bad_url(err, "an IPv6 address stands in [brackets]");
    if (strchr(pieces->host, ','))
        return bad_url(err, "one host, not a list");
    return RNL_OK;
}

static int split(char *text, struct pieces *pieces, struct rnl_error *err)
{
    char *colon = strstr(text, "://"), *at, *host;

    *pieces = (struct pieces){0};
    if (!colon)
        return bad_url(err, "\"://\" is missing");
    *colon = '\0';
    pieces->scheme = text;
    host = colon + 3;
    pieces->query = cut(host, "?");
    if (pieces->query && strchr(pieces->query, '#'))
        return bad_url(err, "\"#\" is written %23");
    pieces->path = cut(host, "/");
    /* A password with a bare @ in it: the last one is the border, as clients have it. */
    at = strrchr(host, '@');
    if (at) {
        *at = '\0';
        pieces->user = host;
        pieces->password = cut(host, ":");
        host = at + 1;
    }
    if (split_host(host, pieces, err) != RNL_OK)
        return err->status;
    if ((pieces->user && !decode(pieces->user)) ||
        (pieces->password && !decode(pieces->password)) || !decode(pieces->host) ||
        (pieces->path && !decode(pieces->path)))
        return bad_url(err, "after \"%\" stand two hexadecimal digits (and not 00)");
    return RNL_OK;
}

static int find_plugin(const char *scheme, char **name, struct plugin_tables *tables,
                       struct rnl_error *err)
{
    struct rnl_error why = RNL_ERROR_INIT;
    const struct plugin *plugin;
    const char *words[COUNT(schemes)];

    for (size_t i = 0; i < COUNT(schemes); i++) {
        words[i] = schemes[i].scheme;
        if (strcasecmp(scheme, words[i]) == 0) {
            *name = must_copy(schemes[i].plugin);
            return plugin_tables_find(tables, 0, *name, err);
        }
    }
    if (plugin_by_scheme(RNL_SOURCE, scheme, &plugin, &why) == RNL_OK ||
        plugin_by_scheme(RNL_SINK, scheme, &plugin, &why) == RNL_OK) {
        *name = must_copy(plugin->name);
        return plugin_tables_find(tables, 0, *name, err);
    }
    rnl_fail(err, RNL_E_CONFIG, "config.unknown_scheme", "no plugin knows URLs that begin %s://",
             scheme);
    block_hint(err, scheme, words, COUNT(words));
    return err->status;
}

/* "theirs=ours|…": ours into buf; false: theirs is not among them. Words of ours are taken too. */
static bool value_mapped(const char *pairs, const char *value, char *buf, size_t size)
{
    size_t length = strlen(value);

    while (*pairs) {
        size_t left = strcspn(pairs, "="), whole = strcspn(pairs, "|");
        size_t right = whole - left - 1;

        if ((left == length && strncasecmp(pairs, value, left) == 0) ||
            (right == length && strncasecmp(pairs + left + 1, value, right) == 0)) {
            snprintf(buf, size, "%.*s", (int)right, pairs + left + 1);
            return true;
        }
        pairs += whole + (pairs[whole] == '|');
    }
    return false;
}

static int unknown_parameter(const char *plugin, const char *name,
                             const struct plugin_tables *tables, struct rnl_error *err)
{
    const char *words[256];
    size_t count = 0;

    for (size_t t = 0; t < tables->count; t++)
        for (uint32_t i = 0; i < tables->items[t]->count && count < 128; i++) {
            struct rnl_option option;

            options_at(tables->items[t], i, &option);
            words[count++] = option.name;
        }
    for (size_t i = 0; i < COUNT(aliases); i++)
        if (strcmp(aliases[i].plugin, plugin) == 0)
            words[count++] = aliases[i].theirs;
    words[count++] = "password-file";
    rnl_fail(err, RNL_E_CONFIG, "config.unknown_word", "the URL: %s knows no parameter \"%s\"",
             plugin, name);
    block_hint(err, name, words, count);
    return err->status;
}

/* What a URL says as text, in the type that the plugin declares. */
static void set_typed(struct connection_config *connection, const struct rnl_option *option,
                      char *value)
{
    struct settings *settings = &connection->settings;
    char *items[64], *save = NULL;
    size_t count = 0;

    if (option->type != RNL_O_LIST) {
        enum setting_type type = option->type == RNL_O_INT    ? SETTING_INT
                                 : option->type == RNL_O_BOOL ? SETTING_BOOL
                                                              : SETTING_TEXT;

        settings_set(settings, option->name, type, value, &origin_url);
        return;
    }
    for (char *item = strtok_r(value, ",", &save); item && count < 63;
         item = strtok_r(NULL, ",", &save))
        items[count++] = item;
    items[count] = NULL;
    settings_set_list(settings, option->name, items, &origin_url);
}

static int set_parameter(struct connection_config *connection, const struct plugin_tables *tables,
                         const char *name, char *value, struct rnl_error *err)
{
    const struct alias *alias = NULL;
    struct rnl_option option;
    char mapped[64], *file;

    if (strcmp(name, "password-file") == 0 && plugin_tables_option(tables, "password", &option)) {
        file = must_grow(NULL, 0, strlen(value) + sizeof("file:"));
        snprintf(file, strlen(value) + sizeof("file:"), "file:%s", value);
        settings_set(&connection->settings, "password", SETTING_TEXT, file, &origin_url);
        free(file);
        return RNL_OK;
    }
    /* As libpq has it: a host that is a path is the folder of the server's socket. */
    if (strcmp(name, "host") == 0 && *value == '/')
        name = "socket";
    if (plugin_tables_option(tables, name, &option)) {
        set_typed(connection, &option, value);
        return RNL_OK;
    }
    for (size_t i = 0; i < COUNT(aliases) && !alias; i++)
        if (strcmp(aliases[i].plugin, connection->plugin) == 0 &&
            strcasecmp(aliases[i].theirs, name) == 0)
            alias = &aliases[i];
    if (!alias || !plugin_tables_option(tables, alias->ours, &option))
        return unknown_parameter(connection->plugin, name, tables, err);
    if (alias->values && !value_mapped(alias->values, value, mapped, sizeof(mapped))) {
        rnl_fail(err, RNL_E_CONFIG, "config.bad_value", "the URL: %s=%s is not possible: %s", name,
                 value, alias->refuse);
        rnl_hint(err, "possible: disable, require, verify-ca, verify-full");
        return err->status;
    }
    set_typed(connection, &option, alias->values ? mapped : value);
    return RNL_OK;
}

static int set_query(struct connection_config *connection, const struct plugin_tables *tables,
                     char *query, struct rnl_error *err)
{
    char *save = NULL;

    for (char *item = strtok_r(query, "&", &save); item; item = strtok_r(NULL, "&", &save)) {
        char *value = cut(item, "=");

        if (!value || !*item)
            return bad_url(err, "behind \"?\" stand name=value, joined by \"&\"");
        if (!decode(item) || !decode(value))
            return bad_url(err, "after \"%\" stand two hexadecimal digits (and not 00)");
        if (set_parameter(connection, tables, item, value, err) != RNL_OK)
            return err->status;
    }
    return RNL_OK;
}

static void set_text(struct connection_config *connection, const char *name, const char *text)
{
    if (text && *text)
        settings_set(&connection->settings, name, SETTING_TEXT, text, &origin_url);
}

/* sqlite:///var/lib/app.db, sqlite://app.db: what stands behind the slashes is a file's path. */
static int set_path(struct connection_config *connection, const struct pieces *pieces,
                    struct rnl_error *err)
{
    size_t size = strlen(pieces->host) + (pieces->path ? strlen(pieces->path) : 0) + 2;
    char *path;

    if (pieces->user || pieces->port)
        return bad_url(err, "a file has no user and no port: sqlite:///var/lib/app.db");
    path = must_grow(NULL, 0, size);
    snprintf(path, size, "%s%s%s", pieces->host, pieces->path ? "/" : "",
             pieces->path ? pieces->path : "");
    set_text(connection, "path", path);
    free(path);
    return RNL_OK;
}

static int set_pieces(struct connection_config *connection, const struct plugin_tables *tables,
                      const struct pieces *pieces, struct rnl_error *err)
{
    struct rnl_option option;
    char *end;
    long port;

    if (plugin_tables_option(tables, "path", &option) &&
        !plugin_tables_option(tables, "host", &option))
        return set_path(connection, pieces, err);

    if (pieces->port && *pieces->port) {
        port = strtol(pieces->port, &end, 10);
        if (*end || !isdigit((unsigned char)*pieces->port) || port < 1 || port > 65535)
            return bad_url(err, "a port is a number from 1 to 65535");
        settings_set(&connection->settings, "port", SETTING_INT, pieces->port, &origin_url);
    }
    set_text(connection, "user", pieces->user);
    set_text(connection, "password", pieces->password);
    /* postgres://%2Frun%2Fpostgresql/shop: a folder of sockets */
    if (pieces->host[0] == '/')
        set_text(connection, "socket", pieces->host);
    else
        set_text(connection, "host", pieces->host);
    set_text(connection, "database", pieces->path);
    return RNL_OK;
}

/* user:password@ in the caller's memory; a bare "/" or "?" in the password doesn't end it. */
static bool hide_user_password(char *from)
{
    char *at = NULL, *end = from + strcspn(from, "/?"), *colon = memchr(from, ':', strlen(from));

    for (char *byte = from; byte < end; byte++)
        if (*byte == '@')
            at = byte;
    if (!at && colon && colon < end && strspn(colon + 1, "0123456789") != (size_t)(end - colon - 1))
        at = strrchr(end, '@');
    if (!at || !colon || colon > at)
        return false;
    memset(colon + 1, '*', (size_t)(at - colon - 1));
    return at > colon + 1;
}

/* In the caller's memory, which others may see: the process list shows argv to everybody. */
static bool hide_password(char *url)
{
    char *from = strstr(url, "://"), *query;
    bool hidden;

    if (!from)
        return false;
    hidden = hide_user_password(from + 3);
    for (query = strchr(url, '?'); query; query = strchr(query + 1, '&')) {
        char *value = query + 1 + strlen("password=");

        if (strncmp(query + 1, "password=", strlen("password=")) != 0 ||
            strncmp(value, "secret:", 7) == 0 || strncmp(value, "file:", 5) == 0 ||
            strncmp(value, "env:", 4) == 0)
            continue;
        hidden = hidden || *value;
        memset(value, '*', strcspn(value, "&"));
    }
    return hidden;
}

/* Once for the process: a migration has two URLs. */
static void warn_password(void)
{
    static bool warned;

    if (!warned)
        log_write(RNL_LOG_WARN, "config",
                  "a password stood in a URL, where others could read it (it is overwritten "
                  "now): use RUNNEL_SOURCE_PASSWORD and RUNNEL_TARGET_PASSWORD, ~/.my.cnf, "
                  "~/.pgpass, ?password=secret://…, ?password-file=… or --ask-password");
    warned = true;
}

static int read_url(char *copy, struct connection_config *connection, struct rnl_error *err)
{
    struct plugin_tables tables;
    struct pieces pieces;

    if (split(copy, &pieces, err) != RNL_OK ||
        find_plugin(pieces.scheme, &connection->plugin, &tables, err) != RNL_OK ||
        set_pieces(connection, &tables, &pieces, err) != RNL_OK)
        return err->status;
    if (pieces.query && set_query(connection, &tables, pieces.query, err) != RNL_OK)
        return err->status;
    return plugin_tables_check(&tables, connection->plugin, &connection->settings, PLACE_ANY, err);
}

int config_connection_from_url(char *url, struct connection_config **connection,
                               struct rnl_error *err)
{
    size_t length = strlen(url);
    struct connection_config *made;
    char *copy;
    int status;

    *connection = NULL;
    if (length > URL_BYTES_MAX)
        return bad_url(err, "it is too long");
    copy = must_copy(url);
    if (hide_password(url))
        warn_password();
    made = must_grow(NULL, 0, sizeof(*made));
    made->name = must_copy("");
    made->origin = (struct origin){.kind = ORIGIN_URL};
    status = read_url(copy, made, err);
    secret_wipe(copy, length);
    free(copy);
    if (status == RNL_OK)
        *connection = made;
    else
        connection_config_free(made);
    return status;
}
