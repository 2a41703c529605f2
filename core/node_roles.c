/* What a node may do, and which workers a pipeline has there by that. */
#include "node_part.h"

#include <string.h>

static const struct {
    const char *word;
    unsigned role;
} words[] = {{"reader", ROLE_READER}, {"writer", ROLE_WRITER}, {"api", ROLE_API}};

enum { NWORDS = sizeof(words) / sizeof(words[0]) };

static int add_role(const char *word, size_t len, unsigned *roles, struct rnl_error *err)
{
    for (size_t i = 0; i < NWORDS; i++) {
        if (strlen(words[i].word) != len || strncmp(words[i].word, word, len) != 0)
            continue;
        *roles |= words[i].role;
        return RNL_OK;
    }
    return rnl_fail(err, RNL_E_CONFIG, "node.role",
                    "\"%.*s\" is no role that a node can have: reader, writer, api, or several "
                    "parted by commas",
                    len < 40 ? (int)len : 40, word);
}

int roles_parse(char *const *items, unsigned *roles, struct rnl_error *err)
{
    *roles = 0;
    for (size_t i = 0; items && items[i]; i++) {
        for (const char *at = items[i];; at++) {
            size_t len = strcspn(at, ",");

            if (add_role(at, len, roles, err) != RNL_OK)
                return err->status;
            at += len;
            if (!*at)
                break;
        }
    }
    if (!*roles)
        *roles = ROLES_ALL | ROLE_API;
    return RNL_OK;
}

const char *roles_word(unsigned roles)
{
    return roles == ROLE_READER ? "reader" : roles == ROLE_WRITER ? "writer" : "both";
}

json_t *roles_json(unsigned roles)
{
    json_t *all = json_array();

    for (size_t i = 0; i < NWORDS; i++)
        if (roles & words[i].role)
            json_array_append_new(all, json_string(words[i].word));
    return all;
}

void roles_words(unsigned roles, const char **out)
{
    for (size_t i = 0; i < NWORDS; i++)
        if (roles & words[i].role)
            *out++ = words[i].word;
    *out = NULL;
}

/* Within one process both roles are one worker; else each that this node has is one. */
static uint32_t roles_of_workers(const struct entry *entry, unsigned *roles)
{
    uint32_t count = 0;

    if (!entry->apart) {
        roles[0] = ROLES_ALL;
        return (entry->node->roles & ROLES_ALL) == ROLES_ALL;
    }
    for (size_t i = 0; i < NWORDS; i++)
        if (entry->node->roles & words[i].role & ROLES_ALL)
            roles[count++] = words[i].role;
    return count;
}

static bool is_dealt(const struct entry *entry, const unsigned *roles, uint32_t count)
{
    if (count != entry->nworkers)
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (entry->workers[i].roles != roles[i])
            return false;
    return true;
}

void entry_deal(struct entry *entry)
{
    unsigned roles[WORKERS_MOST] = {0};
    uint32_t count = roles_of_workers(entry, roles);

    if (entry_alive(entry) || is_dealt(entry, roles, count))
        return;
    for (uint32_t i = 0; i < entry->nworkers; i++)
        worker_forget(&entry->workers[i]);
    entry->nworkers = count;
    for (uint32_t i = 0; i < count; i++) {
        struct worker *worker = &entry->workers[i];
        const json_t *failed = kept_failed(entry->node->kept, entry->name, roles_word(roles[i]));

        *worker = (struct worker){.entry = entry, .roles = roles[i]};
        if (entry->want != WANT_STOPPED)
            supervised_want(&worker->now, entry->want);
        if (failed)
            worker_restore(worker, failed);
    }
}

int entry_check_roles(const struct entry *entry, struct rnl_error *err)
{
    if (entry->nworkers > 0)
        return RNL_OK;
    if (!(entry->node->roles & ROLES_ALL)) {
        rnl_fail(err, RNL_E_CONFIG, "node.role_missing",
                 "this node has the role api alone: it runs no pipelines");
        rnl_hint(err, "give it the roles reader and writer too, or have another node run it");
        return err->status;
    }
    rnl_fail(err, RNL_E_CONFIG, "node.role_missing",
             "pipeline %s goes through transport %s, within one process: a node that is a %s alone "
             "can't run it",
             entry->name, entry->transport ? entry->transport : "memory",
             roles_word(entry->node->roles & ROLES_ALL));
    rnl_hint(err, "give the node both roles, or the pipeline a transport between machines: "
                  "transport = { plugin = \"nats\"; … }");
    return err->status;
}
