/* What a server that keeps Vault's contract answers, path by path. */
#include "vault.h"

#include <stdio.h>
#include <string.h>

struct answer refuse(int code, const char *words)
{
    json_t *errors = json_array();

    if (*words)
        json_array_append_new(errors, json_string(words));
    return (struct answer){code, json_pack("{s:o}", "errors", errors)};
}

/* The envelope of all that is found. */
static struct answer found(json_t *data, const char *lease, double ttl_s)
{
    return (struct answer){200, json_pack("{s:s, s:s, s:b, s:I, s:o?, s:n, s:n, s:n}", "request_id",
                                          "canary", "lease_id", lease, "renewable", *lease != '\0',
                                          "lease_duration", (json_int_t)ttl_s, "data", data,
                                          "wrap_info", "warnings", "auth")};
}

static struct answer with_auth(const struct token *token)
{
    return (struct answer){200, json_pack("{s:s, s:s, s:n, s:{s:s, s:s, s:[s], s:I, s:b}}",
                                          "request_id", "canary", "lease_id", "", "data", "auth",
                                          "client_token", token->id, "accessor", "a",
                                          "token_policies", "default", "lease_duration",
                                          (json_int_t)token->ttl_s, "renewable", token->renewable)};
}

static const char *text(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));

    return value ? value : "";
}

static double number(const json_t *object, const char *key, double preset)
{
    const json_t *value = json_object_get(object, key);

    return json_is_number(value) ? json_number_value(value) : preset;
}

/* "30s" or 30. */
static double increment_of(const json_t *body, double preset)
{
    const json_t *value = json_object_get(body, "increment");
    double seconds = json_number_value(value);

    if (json_is_string(value))
        sscanf(json_string_value(value), "%lf", &seconds);
    return seconds > 0 ? seconds : preset;
}

/* --- logging in, and tokens ------------------------------------------------------------------- */

static struct answer log_in(const json_t *config, const json_t *body)
{
    const json_t *role = json_object_get(json_object_get(config, "approle"), text(body, "role_id"));
    const json_t *renewable = json_object_get(role, "renewable");
    struct token *token;

    if (!role || strcmp(text(role, "secret_id"), text(body, "secret_id")) != 0)
        return refuse(400, "invalid role or secret ID");
    token = token_new(number(role, "ttl", 3600), number(role, "max_ttl", 0),
                      !renewable || json_is_true(renewable));
    return token ? with_auth(token) : refuse(500, "no room");
}

static struct answer token_routes(const char *method, const char *path, struct token *token,
                                  const json_t *body)
{
    double now = now_s(), ttl_s;

    if (strcmp(path, "lookup-self") == 0 && strcmp(method, "GET") == 0)
        return found(json_pack("{s:I, s:b, s:[s]}", "ttl",
                               (json_int_t)(token->until_s > 0 ? token->until_s - now + 0.5 : 0),
                               "renewable", token->renewable && token->until_s > 0, "policies",
                               "default"),
                     "", 0);
    if (strcmp(path, "renew-self") == 0 && strcmp(method, "POST") == 0) {
        if (!token->renewable)
            return refuse(400, "lease is not renewable");
        ttl_s = increment_of(body, token->ttl_s);
        if (token->max_s > 0 && now + ttl_s > token->max_s)
            ttl_s = token->max_s - now;
        token->ttl_s = ttl_s;
        token->until_s = now + ttl_s;
        return with_auth(token);
    }
    if (strcmp(path, "revoke-self") == 0 && strcmp(method, "POST") == 0) {
        token_end(token);
        return (struct answer){204, NULL};
    }
    return refuse(405, "unsupported operation");
}

static struct answer lease_routes(const char *path, const json_t *body)
{
    struct lease *lease = lease_find(text(body, "lease_id"));
    double now = now_s(), ttl_s;

    if (!lease)
        return refuse(400, "lease not found");
    if (strcmp(path, "revoke") == 0) {
        lease_end(lease);
        return (struct answer){204, NULL};
    }
    if (strcmp(path, "renew") != 0)
        return refuse(405, "unsupported operation");
    ttl_s = increment_of(body, lease->ttl_s);
    if (now + ttl_s > lease->max_s)
        ttl_s = lease->max_s - now;
    if (ttl_s < 1)
        return refuse(400, "lease is past its max TTL");
    lease->until_s = now + ttl_s;
    return found(NULL, lease->id, ttl_s);
}

/* --- stores and engines ----------------------------------------------------------------------- */

static struct answer kv2_read(const json_t *data, const char *path)
{
    json_t *value = json_object_get(data, path);
    const char *gone = json_is_null(value) ? "2026-01-01T00:00:00Z" : "";
    json_t *meta = json_pack("{s:s, s:s, s:b, s:i}", "created_time", "2025-01-01T00:00:00Z",
                             "deletion_time", gone, "destroyed", 0, "version", 1);
    struct answer answer;

    if (!value) {
        json_decref(meta);
        return refuse(404, "");
    }
    answer = found(json_pack("{s:O, s:o}", "data", value, "metadata", meta), "", 0);
    if (*gone)
        answer.code = 404;
    return answer;
}

static struct answer kv_read(const json_t *mount, const char *path)
{
    const json_t *data = json_object_get(mount, "data");
    json_t *value;
    struct answer answer;

    if (number(mount, "version", 1) < 2) {
        value = json_object_get(data, path);
        return value ? found(json_incref(value), "", 2764800) : refuse(404, "");
    }
    if (strncmp(path, "data/", 5) == 0)
        return kv2_read(data, path + 5);
    answer = refuse(404, "");
    json_object_set_new(answer.body, "warnings",
                        json_pack("[s]", "Invalid path for a versioned K/V secrets engine. See "
                                         "the API docs for the appropriate API endpoints to use."));
    return answer;
}

static struct answer database_read(const json_t *mount, const char *path, const char *whole,
                                   const struct token *token)
{
    const json_t *role;
    struct lease *lease;

    if (strncmp(path, "static-creds/", 13) == 0) {
        role = json_object_get(json_object_get(mount, "static"), path + 13);
        if (!role)
            return refuse(400, "unknown role");
        return found(json_pack("{s:s, s:s, s:I, s:I}", "username", text(role, "username"),
                               "password", static_password(path + 13), "rotation_period",
                               (json_int_t)number(role, "rotation_period", 0), "ttl",
                               (json_int_t)1),
                     "", 0);
    }
    if (strncmp(path, "creds/", 6) != 0)
        return refuse(404, "");
    role = json_object_get(json_object_get(mount, "creds"), path + 6);
    if (!role)
        return refuse(400, "unknown role");
    lease = lease_new(token, whole, role);
    if (!lease)
        return refuse(500, "the database refuses to make a user");
    /* the password is the lease's last part: nobody else has to keep it */
    {
        char password[ID_BYTES];

        snprintf(password, sizeof(password), "canary-%s", strrchr(lease->id, '/') + 1);
        return found(json_pack("{s:s, s:s}", "username", lease->user, "password", password),
                     lease->id, lease->ttl_s);
    }
}

static struct answer ui_mount(const json_t *config, const char *prefix, const json_t *mount)
{
    char version[8];

    if (json_is_true(json_object_get(config, "hide_mounts")))
        return refuse(403, "preflight capability check returned 403, please ensure client's "
                           "policies grant access to path");
    snprintf(version, sizeof(version), "%d", (int)number(mount, "version", 1));
    return found(json_pack("{s:s, s:s, s:{s:s}}", "path", prefix, "type",
                           json_object_get(mount, "creds") || json_object_get(mount, "static")
                               ? "database"
                               : "kv",
                           "options", "version", version),
                 "", 0);
}

static bool is_denied(const json_t *config, const char *path)
{
    const json_t *item;
    size_t i;

    json_array_foreach(json_object_get(config, "denied"), i,
                       item) if (strcmp(json_string_value(item), path) == 0) return true;
    return false;
}

static struct answer read_mounts(const json_t *config, const char *path, const struct token *token)
{
    static const char ui[] = "sys/internal/ui/mounts/";
    bool asks_kind = strncmp(path, ui, strlen(ui)) == 0;
    json_t *mounts = json_object_get(config, "mounts"), *mount;
    const char *prefix, *below = asks_kind ? path + strlen(ui) : path;

    if (is_denied(config, path))
        return refuse(403, "permission denied");
    json_object_foreach(mounts, prefix, mount)
    {
        if (strncmp(below, prefix, strlen(prefix)) != 0)
            continue;
        if (asks_kind)
            return ui_mount(config, prefix, mount);
        below += strlen(prefix);
        return json_object_get(mount, "creds") || json_object_get(mount, "static")
                   ? database_read(mount, below, path, token)
                   : kv_read(mount, below);
    }
    return refuse(asks_kind ? 403 : 404, asks_kind ? "permission denied" : "");
}

/* --- the whole -------------------------------------------------------------------------------- */

static bool same_space(const char *one, const char *other)
{
    size_t a = strlen(one), b = strlen(other);

    while (a > 0 && one[a - 1] == '/')
        a--;
    while (b > 0 && other[b - 1] == '/')
        b--;
    return a == b && strncmp(one, other, a) == 0;
}

struct answer route(const char *method, const char *path, const char *token_id,
                    const char *name_space, bool asked_by_client, const json_t *body)
{
    const json_t *config = config_now();
    struct token *token = token_find(token_id);

    if (!asked_by_client)
        return refuse(400, "missing 'X-Vault-Request' header");
    if (strcmp(path, "sys/health") == 0 || strcmp(path, "sys/seal-status") == 0)
        return (struct answer){200, json_pack("{s:b, s:b, s:b, s:s}", "initialized", 1, "sealed", 0,
                                              "standby", 0, "version", "1.15.0")};
    if (!same_space(text(config, "namespace"), name_space))
        return refuse(*name_space ? 404 : 403, *name_space ? "no handler for route: namespace not "
                                                             "found"
                                                           : "permission denied");
    if (strncmp(path, "auth/", 5) == 0 && strcmp(method, "POST") == 0 && strlen(path) > 11 &&
        strcmp(path + strlen(path) - 6, "/login") == 0)
        return strcmp(path, "auth/approle/login") == 0 ? log_in(config, body)
                                                       : refuse(404, "no handler for route");
    if (!token)
        return refuse(403, "permission denied");
    if (strncmp(path, "auth/token/", 11) == 0)
        return token_routes(method, path + 11, token, body);
    if (strncmp(path, "sys/leases/", 11) == 0)
        return lease_routes(path + 11, body);
    return strcmp(method, "GET") == 0 ? read_mounts(config, path, token)
                                      : refuse(405, "unsupported operation");
}
