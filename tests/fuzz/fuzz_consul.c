/* What Consul says of keys and services, as anything that listens on its port could. */
#include "consul.h"
#include "fuzz.h"

static void take_entry(void *arg, const struct rnl_entry *entry)
{
    size_t *sum = arg;

    MUST(entry->revision != 0 && entry->value.len <= RNL_ENTRY_BYTES);
    MUST(((const char *)entry->value.ptr)[entry->value.len] == '\0');
    *sum += strlen(entry->key) + entry->value.len;
}

static int take_service(void *arg, const struct rnl_service *service)
{
    size_t *sum = arg;

    MUST(*service->id && service->port < 65536 && !strchr(service->note, '\n'));
    *sum += strlen(service->name) + strlen(service->address);
    return RNL_OK;
}

static int take_name(void *arg, const char *name)
{
    size_t *sum = arg;

    *sum += strlen(name);
    return RNL_OK;
}

/* A letter says which answer it is: k, s, n, or b for base64 alone. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *body;
    size_t sum = 0, len;

    if (size < 1)
        return 0;
    body = strndup((const char *)data + 1, size - 1);
    if (*data == 'k')
        words_entries(body, strlen(body), "runnel/", take_entry, &sum);
    else if (*data == 's')
        words_services(body, strlen(body), "runnel", take_service, &sum);
    else if (*data == 'n')
        words_names(body, strlen(body), take_name, &sum);
    else
        free(words_base64(body, 1000, &len));
    free(body);
    return 0;
}
