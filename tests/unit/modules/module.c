/* A small transport that does nothing, right but for the one fault that FAULT_… names. */
#ifdef FAULT_NEWER_MINOR
#define RNL_ABI_MINOR 1u
#endif
#include <runnel/plugin.h>

#include <stdlib.h>

struct config {
    int64_t number;
    const char *text;
};

static int fake_open(const struct rnl_ctx *ctx, const char *pipeline, void **self,
                     struct rnl_error *err)
{
    (void)ctx;
    (void)pipeline;
    (void)err;
    *self = NULL;
    return RNL_OK;
}

static void nothing(void *self)
{
    (void)self;
}

static int take(void *self, const struct rnl_message *message, struct rnl_error *err)
{
    (void)self;
    (void)message;
    (void)err;
    return RNL_OK;
}

static int flush(void *self, int timeout_ms, struct rnl_error *err)
{
    (void)self;
    (void)timeout_ms;
    (void)err;
    return RNL_OK;
}

static int subscribe(void *self, const char *subject, const char *durable, void **subscription,
                     struct rnl_error *err)
{
    (void)self;
    (void)subject;
    (void)durable;
    (void)err;
    *subscription = NULL;
    return RNL_OK;
}

static int fetch(void *subscription, struct rnl_message *message, int timeout_ms,
                 struct rnl_error *err)
{
    (void)subscription;
    (void)message;
    (void)timeout_ms;
    (void)err;
    return RNL_AGAIN;
}

static int ack(void *subscription, struct rnl_message *message, struct rnl_error *err)
{
    (void)subscription;
    (void)message;
    (void)err;
    return RNL_OK;
}

#ifndef FAULT_MISSING_FUNCTION
static int again(void *subscription, struct rnl_message *message, int delay_ms,
                 struct rnl_error *err)
{
    (void)delay_ms;
    return ack(subscription, message, err);
}
#endif

/* As an older plugin would have it: nothing behind interrupt, nor anything optional. */
static const struct rnl_transport_ops ops = {
#ifdef FAULT_SHORT_TABLE
    .size = offsetof(struct rnl_transport_ops, interrupt),
#else
    .size = sizeof(ops),
#endif
    .open = fake_open,
    .close = nothing,
    .publish = take,
    .flush = flush,
    .subscribe = subscribe,
    .fetch = fetch,
    .ack = ack,
#ifndef FAULT_MISSING_FUNCTION
    .again = again,
#endif
    .unsubscribe = nothing,
    .interrupt = nothing,
};

static const struct rnl_option options[] = {
    {.name = "number",
#ifdef FAULT_PRESET
     .preset = "many",
#else
     .preset = "7",
#endif
     .help = "A number.",
     .type = RNL_O_INT,
#ifdef FAULT_OFFSET
     .offset = sizeof(struct config),
#else
     .offset = offsetof(struct config, number),
#endif
     .max = 10},
    {.name = "text",
     .help = "A text.",
     .type = RNL_O_STRING,
     .offset = offsetof(struct config, text)},
};

static const struct rnl_plugin plugin = {
    .size = sizeof(plugin),
#ifdef FAULT_KIND
    .kind = 99,
#else
    .kind = RNL_TRANSPORT,
#endif
#ifdef FAULT_NAME
    .name = "../fake",
#else
    .name = "fake",
#endif
    .summary = "Does nothing.",
    .schemes = "fake,unreal",
    .options = RNL_OPTIONS(options, struct config),
    .transport = &ops,
};

#if defined(FAULT_NO_ENTRY)
RNL_EXPORT const struct rnl_plugin *other_entry(void);
const struct rnl_plugin *other_entry(void)
{
    return &plugin;
}
#elif defined(FAULT_MAGIC) || defined(FAULT_MAJOR) || defined(FAULT_VALUE_SIZE)
RNL_EXPORT const struct rnl_module *rnl_module(void);
const struct rnl_module *rnl_module(void)
{
    static const struct rnl_plugin *const list[] = {&plugin, NULL};
    static struct rnl_module module = {
        .magic = RNL_MAGIC,
        .abi_major = RNL_ABI_MAJOR,
        .abi_minor = RNL_ABI_MINOR,
        .size = sizeof(module),
        .value_size = sizeof(struct rnl_value),
        .name = "fake",
        .version = "1",
        .license = "none",
        .plugins = list,
    };
#if defined(FAULT_MAGIC)
    module.magic++;
#elif defined(FAULT_MAJOR)
    module.abi_major = 2;
    module.plugins = (const void *)(uintptr_t)8; /* must not be looked at */
#else
    module.value_size = 24;
#endif
    return &module;
}
#else
RNL_MODULE("fake", "1.2.3", "Apache-2.0", &plugin);
#endif
