/* The functions that the host lends to plugins: each hands on to the module that owns the object.
 */
#include "host.h"

#include "bundle.h"
#include "catalog.h"
#include "finding.h"
#include "letter.h"
#include "names.h"
#include "plan.h"
#include "secret.h"
#include "util/log.h"

static const struct host_ctx *host_of(const struct rnl_ctx *ctx)
{
    return (const struct host_ctx *)(const void *)ctx; /* ctx is its first member */
}

RNL_PRINTF(3, 4)
static void host_log(const struct rnl_ctx *ctx, int level, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    log_write_list((enum rnl_level)level, ctx->name, fmt, ap);
    va_end(ap);
}

static bool host_stopping(const struct rnl_ctx *ctx)
{
    const struct host_ctx *host = host_of(ctx);

    return host->stopping && atomic_load(host->stopping);
}

static void host_count(const struct rnl_ctx *ctx, const char *metric, int64_t delta)
{
    log_write(RNL_LOG_DEBUG, ctx->name, "%s %+lld", metric, (long long)delta);
}

/* A sink tells of tables by the names that they have in the target; a person asked by the others.
 */
static void host_finding(const struct rnl_ctx *ctx, const struct rnl_finding *finding)
{
    const struct host_ctx *host = host_of(ctx);
    struct rnl_finding copy = {0};

    if (!host->findings)
        return;
    memcpy(&copy, finding, finding->size < sizeof(copy) ? finding->size : sizeof(copy));
    if (host->names && copy.table)
        catalog_source_names(host->names, &copy.schema, &copy.table, &copy.object);
    findings_add(host->findings, &copy);
}

const struct rnl_host host_functions = {
    .size = sizeof(host_functions),
    .log = host_log,
    .stopping = host_stopping,
    .count = host_count,
    .finding = host_finding,
    .bundle_add = bundle_add,
    .bundle_mark = bundle_mark,
    .bundle_full = bundle_full,
    .bundle_next = bundle_next,
    .bundle_info = bundle_info,
    .table_add = catalog_add,
    .table_count = catalog_count,
    .table_at = catalog_at,
    .table_wanted = catalog_wanted,
    .unit_add = plan_add,
    .step_add = steps_add,
    .memory_plan = memory_plan,
    .memory_unit = memory_unit,
    .memory_lane = memory_lane,
    .memory_step = memory_step,
    .secret_text = secret_text,
    .secret_set = secret_set,
    .name_add = names_add,
    .service_add = services_add,
    .object_add = catalog_object_add,
    .object_count = catalog_object_count,
    .object_at = catalog_object_at,
    .query_count = catalog_query_count,
    .query_at = catalog_query_at,
    .letter_add = letters_add,
    .type_add = steps_type_add,
    .bundle_commit = bundle_commit,
    .bundle_alter = bundle_alter,
};

void host_ctx_init(struct host_ctx *host, const char *name, const void *config,
                   struct findings *findings, const atomic_bool *stopping)
{
    *host = (struct host_ctx){
        .ctx = {.host = &host_functions, .config = config},
        .findings = findings,
        .stopping = stopping,
    };
    snprintf(host->name, sizeof(host->name), "%s", name);
    host->ctx.name = host->name;
}
