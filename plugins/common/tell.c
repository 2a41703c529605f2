/* Fills in what findings and steps of any sink say alike. */
#include "tell.h"

#include <stdio.h>

int tell_memory(struct rnl_error *err)
{
    return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory");
}

void tell_finding_of(const struct rnl_host *host, const struct rnl_ctx *ctx,
                     const struct rnl_table *table, const struct rnl_finding *finding,
                     const char *fmt, va_list ap)
{
    struct rnl_finding whole = *finding;
    char text[1024];

    vsnprintf(text, sizeof(text), fmt, ap);
    whole.size = sizeof(whole);
    whole.schema = table->schema;
    whole.table = table->name;
    whole.text = text;
    whole.count = -1;
    host->finding(ctx, &whole);
}

void tell_finding(const struct rnl_host *host, const struct rnl_ctx *ctx,
                  const struct rnl_table *table, const struct rnl_finding *finding, const char *fmt,
                  ...)
{
    va_list ap;

    va_start(ap, fmt);
    tell_finding_of(host, ctx, table, finding, fmt, ap);
    va_end(ap);
}

void tell_sequences(const struct rnl_host *host, const struct rnl_ctx *ctx,
                    const struct rnl_catalog *catalog)
{
    uint32_t count = RNL_HAS(host, object_at) ? host->object_count(catalog) : 0;

    for (uint32_t i = 0; i < count; i++) {
        const struct rnl_object *object = host->object_at(catalog, i);
        const struct rnl_finding finding = {
            .size = sizeof(finding),
            .severity = RNL_WARNING,
            .code = "sequence.skipped",
            .schema = object->schema,
            .object = object->name,
            .text = "a sequence is not carried over",
            .count = -1,
        };

        if (object->kind == RNL_OBJECT_SEQUENCE && !object->owner_table)
            host->finding(ctx, &finding);
    }
}

int tell_step(const struct rnl_host *host, struct rnl_steps *steps, const struct rnl_table *table,
              struct rnl_step *step, const char *what, const char *object, struct buf *text,
              struct rnl_error *err)
{
    struct buf id = {0};
    int status;

    buf_printf(&id, "%s %s.%s%s%s", what, table->schema, table->name, object ? " " : "",
               object ? object : "");
    step->size = sizeof(*step);
    step->id = buf_text(&id);
    step->text = buf_text(text);
    status = step->id && step->text ? host->step_add(steps, step, err) : tell_memory(err);
    buf_free(&id);
    buf_clear(text);
    return status;
}

int kept_add(struct kept_steps *kept, enum rnl_phase phase, const char *what, const char *object,
             struct buf *text, struct rnl_error *err)
{
    struct kept_step *step = arena_alloc(&kept->arena, sizeof(*step));

    if (!step || !buf_text(text))
        return tell_memory(err);
    *step = (struct kept_step){
        .phase = phase,
        .what = arena_strdup(&kept->arena, what),
        .object = arena_strdup(&kept->arena, object),
        .text = arena_strdup(&kept->arena, text->ptr),
    };
    if (!step->what || !step->text || (object && !step->object))
        return tell_memory(err);
    if (!kept->first)
        kept->end = &kept->first;
    *kept->end = step;
    kept->end = &step->next;
    buf_clear(text);
    return RNL_OK;
}

void kept_free(struct kept_steps *kept)
{
    arena_free(&kept->arena);
    *kept = (struct kept_steps){0};
}
