/* Tokens, leases and accounts of a server that keeps Vault's contract; they end by themselves. */
#include "vault.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST_STATIC = 8 };

struct account {
    char role[64];
    char password[ID_BYTES];
    double rotated_s;
};

static struct token tokens[MOST_TOKENS];
static struct lease leases[MOST_LEASES];
static struct account accounts[MOST_STATIC];
static char config_path[PATH_MAX], rotate_path[PATH_MAX];
static json_t *config;

double now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void random_id(char *out, size_t size, const char *prefix)
{
    unsigned char bytes[12];
    size_t n = (size_t)snprintf(out, size, "%s", prefix);

    if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
        abort();
    for (size_t i = 0; i < sizeof(bytes) && n + 2 < size; i++)
        n += (size_t)snprintf(out + n, size - n, "%02x", bytes[i]);
}

int command_run(const char *command, const char *one, const char *two)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        execl("/bin/bash", "bash", "-c", command, "vault", one, two, (char *)NULL);
        _exit(127);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0 ? 0 : -1;
}

const json_t *config_now(void)
{
    json_t *fresh = json_load_file(config_path, 0, NULL);

    if (fresh) {
        json_decref(config);
        config = fresh;
    }
    return config;
}

static double number(const json_t *object, const char *key, double preset)
{
    const json_t *value = json_object_get(object, key);

    return json_is_number(value) ? json_number_value(value) : preset;
}

/* --- tokens ----------------------------------------------------------------------------------- */

struct token *token_new(double ttl_s, double max_ttl_s, bool renewable)
{
    for (size_t i = 0; i < MOST_TOKENS; i++) {
        struct token *token = &tokens[i];

        if (*token->id)
            continue;
        *token = (struct token){.ttl_s = ttl_s,
                                .until_s = ttl_s > 0 ? now_s() + ttl_s : 0,
                                .max_s = max_ttl_s > 0 ? now_s() + max_ttl_s : 0,
                                .renewable = renewable};
        random_id(token->id, sizeof(token->id), "hvs.canary-");
        return token;
    }
    return NULL;
}

struct token *token_find(const char *id)
{
    for (size_t i = 0; i < MOST_TOKENS && id && *id; i++)
        if (strcmp(tokens[i].id, id) == 0)
            return &tokens[i];
    return NULL;
}

void token_end(struct token *token)
{
    for (size_t i = 0; i < MOST_LEASES; i++)
        if (*leases[i].id && strcmp(leases[i].token, token->id) == 0)
            lease_end(&leases[i]);
    token->id[0] = '\0';
}

/* --- leases ----------------------------------------------------------------------------------- */

struct lease *lease_new(const struct token *token, const char *path, const json_t *role)
{
    const char *create = json_string_value(json_object_get(role, "create"));
    const char *drop = json_string_value(json_object_get(role, "drop"));
    struct lease *lease = NULL;
    char password[ID_BYTES];

    for (size_t i = 0; i < MOST_LEASES && !lease; i++)
        lease = *leases[i].id ? NULL : &leases[i];
    if (!lease || !create || !drop)
        return NULL;
    random_id(password, sizeof(password), "canary-");
    random_id(lease->user, 24, "v-");
    if (command_run(create, lease->user, password) != 0)
        return NULL;
    snprintf(lease->drop, sizeof(lease->drop), "%s", drop);
    snprintf(lease->token, sizeof(lease->token), "%s", token->id);
    lease->ttl_s = number(role, "ttl", 3600);
    lease->max_s = now_s() + number(role, "max_ttl", 86400);
    lease->until_s = now_s() + lease->ttl_s;
    snprintf(lease->id, sizeof(lease->id), "%.100s/%s", path, password + 7);
    return lease;
}

struct lease *lease_find(const char *id)
{
    for (size_t i = 0; i < MOST_LEASES && id && *id; i++)
        if (strcmp(leases[i].id, id) == 0)
            return &leases[i];
    return NULL;
}

void lease_end(struct lease *lease)
{
    command_run(lease->drop, lease->user, "");
    printf("dropped %s\n", lease->user);
    lease->id[0] = '\0';
}

/* --- accounts --------------------------------------------------------------------------------- */

static const json_t *static_roles(void)
{
    return json_object_get(json_object_get(json_object_get(config, "mounts"), "database/"),
                           "static");
}

static struct account *account_of(const char *role)
{
    for (size_t i = 0; i < MOST_STATIC; i++) {
        struct account *account = &accounts[i];

        if (!*account->role)
            snprintf(account->role, sizeof(account->role), "%s", role);
        if (strcmp(account->role, role) == 0)
            return account;
    }
    abort();
}

static void rotate(const char *name, const json_t *role)
{
    struct account *account = account_of(name);
    const char *user = json_string_value(json_object_get(role, "username"));
    const char *command = json_string_value(json_object_get(role, "rotate"));

    random_id(account->password, sizeof(account->password), "canary-");
    account->rotated_s = now_s();
    if (!user || !command || command_run(command, user, account->password) != 0)
        printf("can't rotate %s\n", name);
    printf("rotated %s\n", name);
}

const char *static_password(const char *role)
{
    return account_of(role)->password;
}

double static_rotated_s(const char *role)
{
    return account_of(role)->rotated_s;
}

static void rotate_due(void)
{
    bool all = access(rotate_path, F_OK) == 0;
    const json_t *role;
    const char *name;
    void *at;

    if (!json_is_object(static_roles()))
        return;
    at = json_object_iter(
        json_object_get(json_object_get(json_object_get(config, "mounts"), "database/"), "static"));
    for (; at; at = json_object_iter_next(
                   json_object_get(json_object_get(json_object_get(config, "mounts"), "database/"),
                                   "static"),
                   at)) {
        name = json_object_iter_key(at);
        role = json_object_iter_value(at);
        if (all || account_of(name)->rotated_s == 0 ||
            now_s() - account_of(name)->rotated_s > number(role, "rotation_period", 1e9))
            rotate(name, role);
    }
    if (all)
        unlink(rotate_path);
}

/* --- time ------------------------------------------------------------------------------------- */

void store_tick(void)
{
    double now = now_s();

    for (size_t i = 0; i < MOST_LEASES; i++)
        if (*leases[i].id && now >= leases[i].until_s)
            lease_end(&leases[i]);
    for (size_t i = 0; i < MOST_TOKENS; i++)
        if (*tokens[i].id && tokens[i].until_s > 0 && now >= tokens[i].until_s)
            token_end(&tokens[i]);
    rotate_due();
}

/* Tokens that the configuration names are there from the start. */
static int make_tokens(void)
{
    json_t *named = json_object_get(config, "tokens"), *wish;
    const char *id;

    json_object_foreach(named, id, wish)
    {
        const json_t *renewable = json_object_get(wish, "renewable");
        struct token *token = token_new(number(wish, "ttl", 0), number(wish, "max_ttl", 0),
                                        !renewable || json_is_true(renewable));

        if (!token)
            return -1;
        snprintf(token->id, sizeof(token->id), "%s", id);
    }
    return 0;
}

int store_open(const char *dir)
{
    snprintf(config_path, sizeof(config_path), "%s/config.json", dir);
    snprintf(rotate_path, sizeof(rotate_path), "%s/rotate", dir);
    if (!config_now()) {
        fprintf(stderr, "can't read %s\n", config_path);
        return -1;
    }
    return make_tokens();
}

void store_close(void)
{
    for (size_t i = 0; i < MOST_LEASES; i++)
        if (*leases[i].id)
            lease_end(&leases[i]);
    json_decref(config);
}
