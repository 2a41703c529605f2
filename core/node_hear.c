/* What is wanted on all nodes that share a registry: said there, and heard from there. */
#include "node_part.h"

#include "util/log.h"
#include "wishes.h"

#include <stdlib.h>

static char *key_of(const char *kind, const char *name, char *buf, size_t size)
{
    snprintf(buf, size, "%s/%s", kind, name);
    return buf;
}

/* Until it is heard back it is kept: a registry that is away may be so for longer than we live. */
static void say(const struct node *node, const char *key, json_t *wish)
{
    struct rnl_error err = RNL_ERROR_INIT;
    char why[8];
    bool away;

    if (!node->wishes) {
        json_decref(wish);
        return;
    }
    if (kept_unsent_put(node->kept, key, wish, &err) != RNL_OK)
        log_error("node", &err);
    away = wishes_away(node->wishes, why, sizeof(why));
    wishes_say(node->wishes, key, wish, away ? WISH_IF_LATEST : WISH_ALWAYS);
}

/*
 * A pipeline within one process is each node's own: two that run it would be in each other's way.
 */
void entry_say(const struct entry *entry, enum wanted want, bool again)
{
    char key[120];

    if (entry->apart)
        say(entry->node, key_of("pipeline", entry->name, key, sizeof(key)),
            json_pack("{s:s,s:b,s:I}", "want", wanted_word(want), "again", again, "turn",
                      (json_int_t)entry->turn));
}

void node_say_drained(const struct node *node, bool drained)
{
    char key[300];

    say(node, key_of("node", node->name, key, sizeof(key)),
        json_pack("{s:b,s:I}", "drained", drained, "turn", (json_int_t)node->turn));
}

void entry_recall(struct entry *entry)
{
    char key[120];

    entry->turn = kept_turn(entry->node->kept, key_of("pipeline", entry->name, key, sizeof(key)));
}

void node_say_unsent(struct node *node)
{
    const char *key;
    json_t *wish;
    char own[300];

    node->turn = kept_turn(node->kept, key_of("node", node->name, own, sizeof(own)));

    json_object_foreach((json_t *)(uintptr_t)kept_unsent(node->kept), key, wish)
    {
        wishes_say(node->wishes, key, json_deep_copy(wish), WISH_IF_LATEST);
    }
}

/* Whether what is heard is older than what was said here; what has arrived needn't be kept. */
static bool is_overtaken(const struct node *node, const char *key, int64_t turn)
{
    const json_t *unsent = json_object_get(kept_unsent(node->kept), key);
    struct rnl_error err = RNL_ERROR_INIT;

    if (!unsent)
        return false;
    if (turn <= json_integer_value(json_object_get(unsent, "turn")))
        return true;
    if (kept_unsent_put(node->kept, key, NULL, &err) != RNL_OK)
        log_error("node", &err);
    return false;
}

/* A registry that has forgotten all is told again, by whoever is first. */
static void say_again(const struct entry *entry, const char *key)
{
    enum wanted want = desired_get(entry->node->desired, entry->name);

    wishes_say(entry->node->wishes, key,
               json_pack("{s:s,s:b,s:I}", "want", wanted_word(want), "told_again", 1, "turn",
                         (json_int_t)entry->turn),
               WISH_IF_MISSING);
}

static bool is_ours(const struct node *node, const json_t *wish)
{
    const char *by = json_string_value(json_object_get(wish, "by"));

    return by && strcmp(by, node->name) == 0;
}

static void keep_turn(const struct node *node, const char *key, int64_t turn)
{
    struct rnl_error err = RNL_ERROR_INIT;

    if (kept_turn_put(node->kept, key, turn, &err) != RNL_OK)
        log_error("node", &err);
}

/*
 * Whether there is something to do; notes which wish it was. One with a smaller turn is of a
 * registry that had forgotten all.
 */
static bool is_news(struct entry *entry, const char *key, const json_t *wish, enum wanted want)
{
    bool same = want == desired_get(entry->node->desired, entry->name);
    int64_t turn = json_integer_value(json_object_get(wish, "turn")), before = entry->turn;

    if (turn == before)
        return false;
    entry->turn = turn;
    keep_turn(entry->node, key, turn);
    if (before == 0 || turn < before || json_object_get(wish, "told_again"))
        return !same; /* not what happened: how it is to be */
    return !is_ours(entry->node, wish);
}

static void hear(struct entry *entry, const char *key, const json_t *wish)
{
    bool again = json_is_true(json_object_get(wish, "again")), first = entry->turn == 0;
    const char *by = json_string_value(json_object_get(wish, "by"));
    struct rnl_error err = RNL_ERROR_INIT;
    enum wanted want;

    if (!wanted_parse(json_string_value(json_object_get(wish, "want")), &want) ||
        !is_news(entry, key, wish, want))
        return;
    log_write(RNL_LOG_INFO, "node", "pipeline %s is wanted %s%s, by what node %.100s was told",
              entry->name, wanted_word(want), again && !first ? " and begun anew" : "",
              by ? by : "");
    if (desired_set(entry->node->desired, entry->name, want, &err) != RNL_OK)
        log_error("node", &err); /* the registry will say it again */
    entry_take_want(entry, want, again && !first);
}

static void hear_drained(struct node *node)
{
    char key[300];
    const json_t *wish =
        json_object_get(node->wanted, key_of("node", node->name, key, sizeof(key)));
    const json_t *drained = json_object_get(wish, "drained");
    int64_t turn = json_integer_value(json_object_get(wish, "turn"));
    struct rnl_error err = RNL_ERROR_INIT;

    if (!json_is_boolean(drained) || turn == node->turn || is_overtaken(node, key, turn))
        return;
    node->turn = turn;
    keep_turn(node, key, turn);
    if (json_is_true(drained) != node->drained &&
        node_drain(node, json_is_true(drained), &err) != RNL_OK)
        log_error("node", &err);
}

void node_hear(struct node *node)
{
    if (!node->wanted)
        return;
    hear_drained(node);
    for (struct entry *entry = node->entries; entry; entry = entry->next) {
        const json_t *wish;
        char key[120];

        if (!entry->apart || !entry->listed)
            continue;
        wish = json_object_get(node->wanted, key_of("pipeline", entry->name, key, sizeof(key)));
        if (wish && is_overtaken(node, key, json_integer_value(json_object_get(wish, "turn"))))
            continue;
        if (wish)
            hear(entry, key, wish);
        else if (entry->turn > 0)
            say_again(entry, key);
    }
}

void node_listen(struct node *node)
{
    json_t *all = wishes_take(node->wishes);

    if (!all)
        return;
    json_decref(node->wanted);
    node->wanted = all;
    node_hear(node);
}
