/* /keys: who may ask. A key's text is told once, when it is made. */
#include "resources.h"

#include "../secret.h"

#include <stdlib.h>
#include <string.h>

int keys_list(struct call *call, struct rnl_error *err)
{
    json_t *all = keys_all(call->api->store, err);

    return all ? call_page(call, all, "id", err) : err->status;
}

int keys_self(struct call *call, struct rnl_error *err)
{
    call->answer = key_json(&call->key);
    return call->answer ? RNL_OK : rnl_fail(err, RNL_E_FATAL, "memory", "out of memory");
}

/* The text goes out with the reply, and nowhere else. */
static void tell(struct call *call, json_t *key, char *text)
{
    json_object_set_new(key, "key", json_string(text));
    call->answer = key;
    call->request->reply.secret = true;
    secret_wipe(text, strlen(text));
    free(text);
}

static unsigned scopes_of(const struct call *call)
{
    const json_t *word;
    unsigned scopes = 0;
    size_t i;

    json_array_foreach(json_object_get(call->body, "scopes"), i, word)
    {
        scopes |= scope_parse(json_string_value(word), json_string_length(word));
    }
    return scopes;
}

int keys_make(struct call *call, struct rnl_error *err)
{
    struct key_wish wish = {.name = call_text(call, "name"),
                            .scopes = scopes_of(call),
                            .pipelines = json_object_get(call->body, "pipelines"),
                            .expires_in_s = call_number(call, "expires_in_s", 0),
                            .rate_per_s = (uint32_t)call_number(call, "rate_per_s", 0)};
    json_t *key;
    char *text;

    if (keys_create(call->api->store, &wish, &text, &key, err) != RNL_OK)
        return err->status;
    if (asprintf(&call->request->reply.location, "/api/v1/keys/%s",
                 json_string_value(json_object_get(key, "id"))) < 0)
        call->request->reply.location = NULL;
    tell(call, key, text);
    return RNL_OK;
}

int keys_turn(struct call *call, struct rnl_error *err)
{
    int64_t grace_s = call_number(call, "grace_s", 0);
    char *text;

    if (keys_rotate(call->api->store, call->params[0], grace_s, &text, err) != RNL_OK)
        return err->status;
    tell(call, json_pack("{s:s}", "id", call->params[0]), text);
    return RNL_OK;
}

int keys_end(struct call *call, struct rnl_error *err)
{
    return keys_revoke(call->api->store, call->params[0], err);
}
