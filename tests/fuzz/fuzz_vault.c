/* What Vault says, as anything that listens on its port could; and paths of references. */
#include "fuzz.h"
#include "vault.h"

#include <stdlib.h>

static void try_path(const char *path)
{
    const struct mount kv2 = {.kind = MOUNT_KV2};
    struct rnl_error err = RNL_ERROR_INIT;
    char url[URL_BYTES];

    if (path_check(path, &err) != RNL_OK)
        return;
    MUST(!strstr(path, "//") && !strstr(path, "/../"));
    if (path_build(&kv2, "", path, url, sizeof(url), &err) != RNL_OK)
        return;
    MUST(strstr(url, "/data/") != NULL);
    MUST(strspn(url, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~%/") ==
         strlen(url));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char words[WEB_WORDS], names[200];
    struct pages fields = {0};
    struct reply reply = {.code = 200};
    char *path = strndup((const char *)data, size);

    if (path)
        try_path(path);
    free(path);
    if (reply_read(&reply, (const char *)data, size) != 0)
        return 0;
    reply_words(&reply, words, sizeof(words));
    MUST(!strchr(words, '\n'));
    MUST(reply_ms(reply.root, "lease_duration") >= 0);
    if (fields_pack(reply.root, &fields)) {
        MUST(fields.length <= fields.mapped);
        fields_names(&fields, names, sizeof(names));
        fields_find(&fields, "");
        fields_find(&fields, "password");
    }
    pages_free(&fields);
    reply_free(&reply);
    return 0;
}
