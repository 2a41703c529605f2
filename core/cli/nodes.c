/* runnel nodes: those that the registry knows. */
#include "../config.h"
#include "../names.h"
#include "../registry.h"
#include "../secret.h"
#include "cli.h"

#include <jansson.h>
#include <time.h>

static const char *health_word(uint32_t health)
{
    return health == RNL_HEALTHY    ? "healthy"
           : health == RNL_DEGRADED ? "degraded"
           : health == RNL_FAILING  ? "failing"
                                    : "unknown";
}

static int64_t age_ms(const struct rnl_service *service)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 - service->beat_us / 1000;
}

static void print_all(const struct rnl_services *found)
{
    if (found->count == 0)
        puts("the registry knows of no node");
    for (size_t i = 0; i < found->count; i++) {
        const struct rnl_service *service = &found->items[i];

        cli_print_safe(stdout, service->id);
        fputs(" on ", stdout);
        cli_print_safe(stdout, service->address);
        printf(": %s", health_word(service->health));
        if (*service->note)
            fputs(", ", stdout);
        cli_print_safe(stdout, service->note);
        if (service->beat_us)
            printf(" (%.1f s ago)", (double)age_ms(service) / 1000);
        putchar('\n');
    }
}

static void print_json(const struct rnl_services *found)
{
    json_t *all = json_array();

    for (size_t i = 0; i < found->count; i++) {
        const struct rnl_service *service = &found->items[i];

        json_t *o = json_pack("{s:s,s:s,s:s,s:s}", "node", service->id, "address", service->address,
                              "health", health_word(service->health), "note", service->note);

        json_object_set_new(o, "age_ms",
                            service->beat_us ? json_integer((json_int_t)age_ms(service))
                                             : json_null());
        json_array_append_new(all, o);
    }
    json_dumpf(all, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(all);
}

static int run(const struct cli_args *args)
{
    struct secret_resolver *resolver = NULL;
    struct rnl_error err = RNL_ERROR_INIT;
    struct rnl_services found = {0};
    struct session session = {0};
    struct config *config = NULL;
    int code = EXIT_DONE;

    if (cli_config(args, NULL, &config, &err) != RNL_OK)
        return cli_fail(&err);
    resolver = config_resolver(config);
    if (registry_open(&session, config->registry, &config->registry_settings, resolver, &err) !=
            RNL_OK ||
        session.plugin->registry.lookup(session.self, REGISTRY_NODE, &found, &err) != RNL_OK)
        code = cli_fail(&err);
    else if (cli_json())
        print_json(&found);
    else
        print_all(&found);
    services_clear(&found);
    session_close(&session);
    secret_resolver_free(resolver);
    config_free(config);
    return code;
}

extern const struct cli_command nodes_command;

const struct cli_command nodes_command = {
    .name = "nodes",
    .summary = "Show the nodes that the registry knows, and how they fare",
    .run = run,
};
