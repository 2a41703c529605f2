/* Consul's JSON and base64, read as anybody could have sent it: each type and length is checked. */
#include "consul.h"

#include <jansson.h>
#include <stdlib.h>

enum { SERVICES_MOST = 10000 };

/* --- base64 ----------------------------------------------------------------------------------- */

static int digit_of(char letter)
{
    if (letter >= 'A' && letter <= 'Z')
        return letter - 'A';
    if (letter >= 'a' && letter <= 'z')
        return letter - 'a' + 26;
    if (letter >= '0' && letter <= '9')
        return letter - '0' + 52;
    return letter == '+' ? 62 : letter == '/' ? 63 : -1;
}

char *words_base64(const char *text, size_t most, size_t *len)
{
    size_t digits = strlen(text), pads = 0, n = 0;
    uint32_t bits = 0;
    unsigned held = 0;
    char *out;

    while (pads < 2 && pads < digits && text[digits - 1 - pads] == '=')
        pads++;
    if (digits % 4 != 0 || digits / 4 * 3 - pads > most)
        return NULL;
    out = malloc(digits / 4 * 3 + 1);
    for (size_t i = 0; out && i < digits - pads; i++) {
        int digit = digit_of(text[i]);

        if (digit < 0) {
            free(out);
            return NULL;
        }
        bits = (bits << 6 | (uint32_t)digit) & 0xffffff;
        held += 6;
        if (held >= 8) {
            held -= 8;
            out[n++] = (char)(bits >> held & 0xff);
        }
    }
    if (out) {
        out[n] = '\0';
        *len = n;
    }
    return out;
}

/* --- entries ---------------------------------------------------------------------------------- */

static json_t *load(const char *body, size_t len)
{
    return json_loadb(body, len, JSON_REJECT_DUPLICATES, NULL);
}

static const char *text_of(const json_t *o, const char *name)
{
    const char *text = json_string_value(json_object_get(o, name));

    return text ? text : "";
}

static bool entry_read(const json_t *o, const char *strip, struct rnl_entry *entry, char **value)
{
    const char *key = json_string_value(json_object_get(o, "Key"));
    const json_t *given = json_object_get(o, "Value");
    json_int_t revision = json_integer_value(json_object_get(o, "ModifyIndex"));
    size_t len = 0;

    if (!key || strncmp(key, strip, strlen(strip)) != 0 || !key[strlen(strip)] || revision <= 0)
        return false;
    *value = json_is_null(given)     ? strdup("")
             : json_is_string(given) ? words_base64(json_string_value(given), RNL_ENTRY_BYTES, &len)
                                     : NULL;
    if (!*value)
        return false;
    *entry = (struct rnl_entry){.size = sizeof(*entry),
                                .key = key + strlen(strip),
                                .value = {*value, len},
                                .revision = (uint64_t)revision};
    return true;
}

/* What stands there and isn't ours, as no value of ours is that long, isn't told. */
bool words_entries(const char *body, size_t len, const char *strip,
                   void (*each)(void *arg, const struct rnl_entry *entry), void *arg)
{
    json_t *all = load(body, len), *o;
    bool ok = json_is_array(all);
    size_t i;

    json_array_foreach(all, i, o)
    {
        struct rnl_entry entry;
        char *value;

        if (!entry_read(o, strip, &entry, &value))
            continue;
        each(arg, &entry);
        free(value);
    }
    json_decref(all);
    return ok;
}

/* --- services --------------------------------------------------------------------------------- */

static int weight_of(const char *status)
{
    return strcmp(status, "passing") == 0   ? RNL_HEALTHY
           : strcmp(status, "warning") == 0 ? RNL_DEGRADED
                                            : RNL_FAILING;
}

/* The worst of its checks, and what that says. */
static const char *worst_of(const json_t *checks, uint32_t *health, const char **output)
{
    const char *word = "no check";
    const json_t *check;
    size_t i;

    *health = 0;
    *output = "";
    json_array_foreach(checks, i, check)
    {
        const char *status = text_of(check, "Status");
        uint32_t weight = (uint32_t)weight_of(status);

        if (weight <= *health)
            continue;
        *health = weight;
        word = status;
        *output = text_of(check, "Output");
    }
    return word;
}

bool words_services(const char *body, size_t len, const char *prefix,
                    int (*each)(void *arg, const struct rnl_service *service), void *arg)
{
    json_t *all = load(body, len), *o;
    bool ok = json_is_array(all);
    size_t i;

    json_array_foreach(all, i, o)
    {
        const json_t *of = json_object_get(o, "Service"), *meta = json_object_get(of, "Meta");
        json_int_t port = json_integer_value(json_object_get(of, "Port"));
        struct rnl_service service = {.size = sizeof(service),
                                      .name = text_of(of, "Service"),
                                      .id = text_of(meta, "id"),
                                      .address = text_of(of, "Address")};
        char note[2 * NOTE_BYTES];
        const char *output,
            *word = worst_of(json_object_get(o, "Checks"), &service.health, &output);

        if (i >= SERVICES_MOST || !*service.id || strcmp(text_of(meta, "prefix"), prefix) != 0)
            continue;
        if (!*service.address)
            service.address = text_of(json_object_get(o, "Node"), "Address");
        service.port = port > 0 && port < 65536 ? (uint32_t)port : 0;
        snprintf(note, sizeof(note), "%.20s: %.*s", word, NOTE_BYTES,
                 service.health == RNL_FAILING ? output : text_of(meta, "note"));
        note[strcspn(note, "\n")] = '\0';
        service.note = note;
        if (each(arg, &service) != RNL_OK)
            break;
    }
    json_decref(all);
    return ok;
}

bool words_names(const char *body, size_t len, int (*each)(void *arg, const char *name), void *arg)
{
    json_t *all = load(body, len), *tags;
    bool ok = json_is_object(all);
    const char *name;

    json_object_foreach(all, name, tags)
    {
        const json_t *tag;
        bool ours = false;
        size_t i;

        json_array_foreach(tags, i, tag)
        {
            const char *word = json_string_value(tag);

            ours = ours || (word && strcmp(word, "runnel") == 0);
        }
        if (ours && each(arg, name) != RNL_OK)
            break;
    }
    json_decref(all);
    return ok;
}

/* --- what we say ------------------------------------------------------------------------------ */

static const char *status_of(int health)
{
    return health == RNL_HEALTHY ? "passing" : health == RNL_DEGRADED ? "warning" : "critical";
}

static json_t *tags_of(const struct consul *consul)
{
    json_t *tags = json_pack("[s]", "runnel");
    const char *at = consul->tags;

    while (*at) {
        size_t len = strcspn(at, " ");

        json_array_append_new(tags, json_stringn(at, len));
        at += len;
        at += *at == ' ';
    }
    return tags;
}

static json_t *checks_of(const struct consul *consul)
{
    const struct consul_config *config = consul->config;
    char ttl[40], away[40], id[NAME_BYTES + 8];
    json_t *checks;

    snprintf(ttl, sizeof(ttl), "%lldms", (long long)config->ttl_ms);
    snprintf(away, sizeof(away), "%lldms", (long long)config->deregister_ms);
    snprintf(id, sizeof(id), "%s:beat", consul->id);
    checks =
        json_pack("[{s:s,s:s,s:s,s:s,s:s}]", "CheckID", id, "Name", "its node beats", "TTL", ttl,
                  "Status", status_of(consul->health), "DeregisterCriticalServiceAfter", away);
    if (*consul->check) {
        snprintf(id, sizeof(id), "%s:http", consul->id);
        json_array_append_new(checks,
                              json_pack("{s:s,s:s,s:s,s:s,s:s,s:s}", "CheckID", id, "Name",
                                        "its node answers", "HTTP", consul->check, "Interval",
                                        "10s", "Timeout", "5s", "Status", "passing"));
    }
    return checks;
}

char *words_registration(const struct consul *consul)
{
    json_t *o =
        json_pack("{s:s,s:s,s:o,s:s,s:i,s:{s:s,s:s,s:s},s:o}", "ID", consul->id, "Name",
                  consul->name, "Tags", tags_of(consul), "Address", consul->address, "Port",
                  (int)consul->port, "Meta", "id", consul->own_id, "prefix", consul->config->prefix,
                  "note", consul->note, "Checks", checks_of(consul));
    char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;

    json_decref(o);
    return text;
}

char *words_beat(int health, const char *note)
{
    json_t *o = json_pack("{s:s,s:s}", "Status", status_of(health), "Output", note);
    char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;

    json_decref(o);
    return text;
}
