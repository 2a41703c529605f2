/* Names in a target: short enough, unique in their namespace, and the same in every run. */
#include "ident.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_CHARS 9 /* "_01234567" */

static char fold(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static uint64_t hash_text(const char *text, bool caseless)
{
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */

    for (; *text; text++)
        hash = (hash ^ (unsigned char)(caseless ? fold(*text) : *text)) * 0x100000001b3u;
    return hash;
}

static bool is_inside(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

/* Bytes of text that fit into max bytes or characters, never ending inside a character. */
static size_t cut_length(const struct ident_rule *rule, const char *text, size_t max)
{
    size_t len = strlen(text), at = 0;

    if (!rule->characters) {
        if (len <= max)
            return len;
        while (max > 0 && is_inside(text[max]))
            max--;
        return max;
    }
    while (at < len && max > 0) {
        at++;
        while (at < len && is_inside(text[at]))
            at++;
        max--;
    }
    return at;
}

/* What isn't UTF-8 may have characters of any length: out holds so much and no more. */
static size_t fit_room(const char *text, size_t len, size_t room)
{
    if (len <= room)
        return len;
    while (room > 0 && is_inside(text[room]))
        room--;
    return room;
}

static void fold_all(const struct ident_rule *rule, char *out)
{
    for (; rule->lower && *out; out++)
        *out = fold(*out);
}

void ident_cut_hashed(const struct ident_rule *rule, const char *text, const char *whole,
                      char out[IDENT_ROOM])
{
    size_t keep = cut_length(rule, text, rule->max - HASH_CHARS);

    keep = fit_room(text, keep, IDENT_ROOM - HASH_CHARS - 1);
    memmove(out, text, keep);
    out[keep] = '\0';
    fold_all(rule, out);
    snprintf(out + keep, HASH_CHARS + 1, "_%08x",
             (unsigned)(hash_text(whole, false) & 0xffffffffu));
}

void ident_cut(const struct ident_rule *rule, const char *name, char out[IDENT_ROOM])
{
    size_t len = strlen(name);

    if (cut_length(rule, name, rule->max) < len || len >= IDENT_ROOM) {
        ident_cut_hashed(rule, name, name, out);
        return;
    }
    memmove(out, name, len + 1);
    fold_all(rule, out);
}

void idents_free(struct idents *names)
{
    arena_free(&names->arena);
    free(names->slots);
    memset(names, 0, sizeof(*names));
}

static bool is_same(const char *a, const char *b, bool caseless)
{
    if (!caseless)
        return strcmp(a, b) == 0;
    while (*a && fold(*a) == fold(*b)) {
        a++;
        b++;
    }
    return fold(*a) == fold(*b);
}

static size_t find_slot(const char *const *slots, size_t room, const char *name, bool caseless)
{
    size_t at = (size_t)hash_text(name, caseless) & (room - 1);

    while (slots[at] && !is_same(slots[at], name, caseless))
        at = (at + 1) & (room - 1);
    return at;
}

bool idents_has(const struct idents *names, const char *name)
{
    return names->room && names->slots[find_slot(names->slots, names->room, name, names->caseless)];
}

static bool idents_grow(struct idents *names)
{
    size_t room = names->room ? names->room * 2 : 64;
    const char **slots = calloc(room, sizeof(*slots));

    if (!slots)
        return false;
    for (size_t i = 0; i < names->room; i++)
        if (names->slots[i])
            slots[find_slot(slots, room, names->slots[i], names->caseless)] = names->slots[i];
    free(names->slots);
    names->slots = slots;
    names->room = room;
    return true;
}

bool idents_take(struct idents *names, const char *name)
{
    size_t at;
    char *copy;

    if (names->count * 2 >= names->room && !idents_grow(names))
        return false;
    at = find_slot(names->slots, names->room, name, names->caseless);
    if (names->slots[at])
        return true;
    copy = arena_strdup(&names->arena, name);
    if (!copy)
        return false;
    names->slots[at] = copy;
    names->count++;
    return true;
}

bool idents_pick(struct idents *names, const struct ident_rule *rule, const char *name,
                 const char *prefix, const char *whole, char out[IDENT_ROOM])
{
    struct ident_rule kept = *rule;
    char longer[2 * IDENT_ROOM];

    kept.lower = false; /* name is cut already: what it was folded to stays */
    if (!idents_has(names, name)) {
        ident_cut(&kept, name, out);
        return idents_take(names, out);
    }
    snprintf(longer, sizeof(longer), "%s%s%s", prefix, *prefix ? "_" : "", name);
    ident_cut(&kept, longer, out);
    if (idents_has(names, out))
        ident_cut_hashed(&kept, longer, whole, out);
    return idents_take(names, out);
}
