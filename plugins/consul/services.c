/* Who is there: a service of the agent with a check that has to be told again and again. */
#include "consul.h"

#include <stdlib.h>

enum { NAMES_MOST = 64, ESCAPED_BYTES = 3 * NAME_BYTES + 4 };

static int send_registration(struct consul *consul, struct rnl_error *err)
{
    char *body = words_registration(consul), path[PATH_BYTES];
    struct answer answer;
    int status;

    if (!body)
        return rnl_fail(err, RNL_E_DATA, "registry.key", "what is announced can't be told");
    status = http_path(consul, path, sizeof(path), err,
                       "agent/service/register?replace-existing-checks=true");
    if (status == RNL_OK)
        status = http_ask(consul, "PUT", path, &(struct rnl_slice){body, strlen(body)},
                          consul->config->timeout_ms, false, &answer, err);
    free(body);
    if (status == RNL_OK && answer.code != 200)
        status = http_strange(&answer, "a registration", err);
    return status;
}

/* Parted by blanks; one that has a blank, or finds no room, is left out. */
static void take_tags(struct consul *consul, const struct rnl_service *service)
{
    size_t len = 0;

    consul->tags[0] = '\0';
    for (const char *const *tag = RNL_HAS(service, tags) ? service->tags : NULL; tag && *tag;
         tag++) {
        if (strchr(*tag, ' ') || len + strlen(*tag) + 2 > sizeof(consul->tags))
            continue;
        snprintf(consul->tags + len, sizeof(consul->tags) - len, "%s%s", len ? " " : "", *tag);
        len = strlen(consul->tags);
    }
}

int service_announce(struct consul *consul, const struct rnl_service *service,
                     struct rnl_error *err)
{
    if (strlen(service->name) + strlen(service->id) + 2 > sizeof(consul->id))
        return rnl_fail(err, RNL_E_DATA, "registry.key", "the name \"%.60s…\" is too long",
                        service->id);
    service_withdraw(consul, err);
    err->status = RNL_OK;
    snprintf(consul->id, sizeof(consul->id), "%s-%s", service->name, service->id);
    snprintf(consul->name, sizeof(consul->name), "%s", service->name);
    snprintf(consul->own_id, sizeof(consul->own_id), "%s", service->id);
    snprintf(consul->address, sizeof(consul->address), "%s",
             service->address ? service->address : "");
    snprintf(consul->check, sizeof(consul->check), "%s",
             RNL_HAS(service, check) && service->check ? service->check : "");
    take_tags(consul, service);
    consul->port = service->port;
    consul->health = RNL_HEALTHY;
    consul->note[0] = '\0';
    if (send_registration(consul, err) != RNL_OK)
        return err->status;
    consul->announced = true;
    return RNL_OK;
}

/* A note that is another goes with the registration: the output of a check is told late. */
int service_beat(struct consul *consul, int health, const char *note, struct rnl_error *err)
{
    char path[PATH_BYTES], id[ESCAPED_BYTES], *body;
    struct answer answer;
    int status;

    if (!consul->announced)
        return rnl_fail(err, RNL_E_RETRY, "registry.gone", "nothing of us stands in Consul");
    if (health != consul->health || strncmp(note, consul->note, sizeof(consul->note) - 1) != 0) {
        consul->health = health;
        snprintf(consul->note, sizeof(consul->note), "%s", note);
        if (send_registration(consul, err) != RNL_OK)
            return err->status;
    }
    body = words_beat(health, note);
    status = !body || !web_escape(id, sizeof(id), consul->id, strlen(consul->id))
                 ? rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for Consul")
                 : http_path(consul, path, sizeof(path), err, "agent/check/update/%s%%3Abeat", id);
    if (status == RNL_OK)
        status = http_ask(consul, "PUT", path, &(struct rnl_slice){body, strlen(body)},
                          consul->config->timeout_ms, false, &answer, err);
    free(body);
    if (status != RNL_OK || answer.code == 200)
        return status;
    consul->announced = false; /* another agent, or one that was emptied */
    return http_strange(&answer, "a beat", err);
}

int service_withdraw(struct consul *consul, struct rnl_error *err)
{
    char path[PATH_BYTES], id[ESCAPED_BYTES];
    struct answer answer;
    int status;

    if (!consul->announced)
        return RNL_OK;
    consul->announced = false;
    if (!web_escape(id, sizeof(id), consul->id, strlen(consul->id)))
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for Consul");
    status = http_path(consul, path, sizeof(path), err, "agent/service/deregister/%s", id);
    if (status == RNL_OK)
        status = http_ask(consul, "PUT", path, &(struct rnl_slice){"", 0},
                          consul->config->timeout_ms, false, &answer, err);
    return status;
}

/* --- looking others up ------------------------------------------------------------------------ */

struct looking {
    const struct consul *consul;
    struct rnl_services *out;
    struct rnl_error *err;
    char *names[NAMES_MOST];
    size_t count;
    int status;
};

static int take_service(void *arg, const struct rnl_service *service)
{
    struct looking *looking = arg;

    looking->status = looking->consul->ctx->host->service_add(looking->out, service, looking->err);
    return looking->status;
}

static int take_name(void *arg, const char *name)
{
    struct looking *looking = arg;

    if (looking->count < NAMES_MOST && (looking->names[looking->count] = strdup(name)) != NULL)
        looking->count++;
    return RNL_OK;
}

static int lookup_one(struct consul *consul, const char *name, struct looking *looking,
                      struct rnl_error *err)
{
    char path[PATH_BYTES], escaped[ESCAPED_BYTES];
    struct answer answer;
    int status;

    if (!web_escape(escaped, sizeof(escaped), name, strlen(name)))
        return rnl_fail(err, RNL_E_DATA, "registry.key", "a name is too long for Consul");
    status = http_path(consul, path, sizeof(path), err, "health/service/%s", escaped);
    if (status == RNL_OK)
        status =
            http_ask(consul, "GET", path, NULL, consul->config->timeout_ms, false, &answer, err);
    if (status != RNL_OK)
        return status;
    if (answer.code != 200 ||
        !words_services(answer.body, answer.len, consul->config->prefix, take_service, looking))
        return http_strange(&answer, "who is there", err);
    return looking->status;
}

int service_lookup(struct consul *consul, const char *name, struct rnl_services *out,
                   struct rnl_error *err)
{
    struct looking looking = {.consul = consul, .out = out, .err = err};
    char path[PATH_BYTES];
    struct answer answer;
    int status;

    if (name)
        return lookup_one(consul, name, &looking, err);
    status = http_path(consul, path, sizeof(path), err, "catalog/services");
    if (status == RNL_OK)
        status =
            http_ask(consul, "GET", path, NULL, consul->config->timeout_ms, false, &answer, err);
    if (status == RNL_OK &&
        (answer.code != 200 || !words_names(answer.body, answer.len, take_name, &looking)))
        status = http_strange(&answer, "which services there are", err);
    for (size_t i = 0; i < looking.count; i++) {
        if (status == RNL_OK)
            status = lookup_one(consul, looking.names[i], &looking, err);
        free(looking.names[i]);
    }
    return status;
}
