/* runnel keys create|list|revoke|rotate: who may ask the API of the node on this machine. */
#include "../keys.h"

#include "../secret.h"
#include "../store.h"
#include "cli.h"
#include "state.h"

#include <stdlib.h>
#include <string.h>

static void print_json(json_t *o)
{
    json_dumpf(o, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(o);
}

/* --- create and rotate ------------------------------------------------------------------------ */

/* "read,operate", of which several may stand. */
static int parse_scopes(char *const *items, unsigned *scopes, struct rnl_error *err)
{
    *scopes = 0;
    for (; items && *items; items++)
        for (const char *at = *items;; at++) {
            size_t len = strcspn(at, ",");
            unsigned scope = scope_parse(at, len);

            if (!scope) {
                rnl_fail(err, RNL_E_CONFIG, "key.scope", "\"%.*s\" is no scope",
                         len < 40 ? (int)len : 40, at);
                rnl_hint(err, "read, operate, write, admin, metrics, data; several parted by "
                              "commas");
                return err->status;
            }
            *scopes |= scope;
            at += len;
            if (!*at)
                break;
        }
    if (*scopes)
        return RNL_OK;
    rnl_fail(err, RNL_E_CONFIG, "key.scope", "the key would be good for nothing");
    rnl_hint(err, "--scope read, or --scope read,operate");
    return err->status;
}

static json_t *patterns(char *const *items)
{
    json_t *all = items ? json_array() : NULL;

    for (; items && *items; items++)
        json_array_append_new(all, json_string(*items));
    return all;
}

/* To standard output, and nowhere else: it isn't kept. */
static int tell(json_t *key, char *text)
{
    if (cli_json()) {
        json_object_set_new(key, "key", json_string(text));
        print_json(key);
    } else {
        printf("%s\n", text);
        fprintf(stderr, "This is the only time that the key is shown.\n");
        json_decref(key);
    }
    secret_wipe(text, strlen(text));
    free(text);
    return EXIT_DONE;
}

static int check_range(const struct cli_args *args, const char *option, int64_t most,
                       struct rnl_error *err)
{
    int64_t value = cli_int(args, option, 0);

    return value >= 0 && value <= most
               ? RNL_OK
               : rnl_fail(err, RNL_E_CONFIG, "cli.bad_value", "--%s must be from 0 to %lld", option,
                          (long long)most);
}

static int create(const struct cli_args *args, struct key_wish *wish)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct store *store;
    json_t *key = NULL;
    char *text = NULL;
    int status;

    if (check_range(args, "expires-in-days", 3660, &err) != RNL_OK ||
        check_range(args, "rate", 100000, &err) != RNL_OK ||
        parse_scopes(cli_list(args, "scope"), &wish->scopes, &err) != RNL_OK ||
        cli_store(args, &store, &err) != RNL_OK)
        return cli_fail(&err);
    status = keys_create(store, wish, &text, &key, &err);
    store_close(store);
    return status == RNL_OK ? tell(key, text) : cli_fail(&err);
}

static int run_create(const struct cli_args *args)
{
    json_t *pipelines = patterns(cli_list(args, "pipeline"));
    struct key_wish wish = {.name = args->words[0],
                            .pipelines = pipelines,
                            .expires_in_s = cli_int(args, "expires-in-days", 0) * 86400,
                            .rate_per_s = (uint32_t)cli_int(args, "rate", 0)};
    struct rnl_error err = RNL_ERROR_INIT;
    int code;

    if (strlen(wish.name) == 0 || strlen(wish.name) > 64) {
        rnl_fail(&err, RNL_E_CONFIG, "cli.bad_value", "a key's name has 1 to 64 bytes");
        code = cli_fail(&err);
    } else
        code = create(args, &wish);
    json_decref(pipelines);
    return code;
}

static int run_rotate(const struct cli_args *args)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct store *store;
    char *text = NULL;
    int status;

    if (check_range(args, "grace-seconds", (int64_t)30 * 86400, &err) != RNL_OK ||
        cli_store(args, &store, &err) != RNL_OK)
        return cli_fail(&err);
    status = keys_rotate(store, args->words[0], cli_int(args, "grace-seconds", 0), &text, &err);
    store_close(store);
    return status == RNL_OK ? tell(json_pack("{s:s}", "id", args->words[0]), text) : cli_fail(&err);
}

/* --- list and revoke -------------------------------------------------------------------------- */

static void join(const json_t *texts, const char *none, char *buf, size_t size)
{
    const json_t *text;
    size_t i, len = 0;

    snprintf(buf, size, "%s", none);
    json_array_foreach(texts, i, text)
    {
        if (len < size)
            len += (size_t)snprintf(buf + len, size - len, "%s%s", i ? "," : "",
                                    json_string_value(text));
    }
}

static const char *text_or(const json_t *o, const char *name, const char *none)
{
    const char *text = json_string_value(json_object_get(o, name));

    return text ? text : none;
}

static void print_row(const json_t *key)
{
    char scopes[100], pipelines[200], state[60];

    join(json_object_get(key, "scopes"), "", scopes, sizeof(scopes));
    join(json_object_get(key, "pipelines"), "all", pipelines, sizeof(pipelines));
    snprintf(state, sizeof(state), "%s%s",
             text_or(key, "revoked", NULL)   ? "revoked "
             : text_or(key, "expires", NULL) ? "until "
                                             : "",
             text_or(key, "revoked", text_or(key, "expires", "")));
    printf("%-10s ", text_or(key, "id", ""));
    cli_print_safe(stdout, text_or(key, "name", ""));
    printf("  %s  pipelines %s  used %s  %s\n", scopes, pipelines,
           text_or(key, "last_used", "never"), state);
}

static int run_list(const struct cli_args *args)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct store *store;
    json_t *all, *key;
    size_t i;

    if (cli_store(args, &store, &err) != RNL_OK)
        return cli_fail(&err);
    all = keys_all(store, &err);
    store_close(store);
    if (!all)
        return cli_fail(&err);
    if (cli_json()) {
        print_json(all);
        return EXIT_DONE;
    }
    json_array_foreach(all, i, key)
    {
        print_row(key);
    }
    json_decref(all);
    return EXIT_DONE;
}

static int run_revoke(const struct cli_args *args)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct store *store;
    int status;

    if (cli_store(args, &store, &err) != RNL_OK)
        return cli_fail(&err);
    status = keys_revoke(store, args->words[0], &err);
    store_close(store);
    if (status != RNL_OK)
        return cli_fail(&err);
    if (cli_json())
        print_json(json_pack("{s:s,s:b}", "id", args->words[0], "revoked", true));
    else
        printf("key %s is revoked\n", args->words[0]);
    return EXIT_DONE;
}

static const struct cli_option create_options[] = {
    STATE_OPTION,
    {"scope", 0, CLI_TEXT, CLI_REPEAT, "SCOPES",
     "what it may: read, operate, write, admin, metrics, data; several by commas"},
    {"pipeline", 0, CLI_TEXT, CLI_REPEAT | CLI_ARGV, "PATTERN",
     "limits it to pipelines of this name or pattern"},
    {"expires-in-days", 0, CLI_INT, 0, "N", "then it ends (preset: 0, never)"},
    {"rate", 0, CLI_INT, 0, "N", "requests a second at most (preset: 0, any number)"},
};
static const struct cli_option rotate_options[] = {
    STATE_OPTION,
    {"grace-seconds", 0, CLI_INT, 0, "N", "so long the old text works on (preset: 0)"},
};
static const struct cli_option state_options[] = {STATE_OPTION};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

extern const struct cli_command keys_create_command, keys_list_command;
extern const struct cli_command keys_revoke_command, keys_rotate_command;

const struct cli_command keys_create_command = {
    .name = "keys create",
    .args = "NAME",
    .summary = "Make a key for the API; it is printed once",
    .help = "Keys are kept as hashes in the node's state folder; the node need not run.\n\n"
            "  runnel keys create dashboard --scope read,operate\n"
            "  runnel keys create team-a --scope read --pipeline 'a-*' --expires-in-days 90\n",
    .options = create_options,
    .noptions = COUNT(create_options),
    .min_words = 1,
    .max_words = 1,
    .run = run_create,
};

const struct cli_command keys_list_command = {
    .name = "keys list",
    .summary = "Show the keys of the API, without their texts",
    .options = state_options,
    .noptions = COUNT(state_options),
    .run = run_list,
};

const struct cli_command keys_revoke_command = {
    .name = "keys revoke",
    .args = "ID",
    .summary = "End a key at once",
    .options = state_options,
    .noptions = COUNT(state_options),
    .min_words = 1,
    .max_words = 1,
    .run = run_revoke,
};

const struct cli_command keys_rotate_command = {
    .name = "keys rotate",
    .args = "ID",
    .summary = "Give a key another text, which is printed once",
    .options = rotate_options,
    .noptions = COUNT(rotate_options),
    .min_words = 1,
    .max_words = 1,
    .run = run_rotate,
};
