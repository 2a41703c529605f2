/* Settings as a person wrote them: names, texts, and where each comes from. */
#include "settings.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>

/* Out of memory while reading a few lines of configuration: there is nothing to save. */
static void *need(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

static char *copy(const char *text)
{
    return text ? need(strdup(text)) : NULL;
}

static void text_free(char *text)
{
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
}

/* origin.file is const for its readers; we are its owner. */
static void origin_free(struct origin *origin)
{
    free((void *)(uintptr_t)origin->file);
    *origin = (struct origin){0};
}

/* All but the name. */
static void setting_empty(struct setting *setting)
{
    text_free(setting->text);
    if (setting->items)
        for (char **item = setting->items; *item; item++)
            text_free(*item);
    free(setting->items);
    origin_free(&setting->origin);
    setting->text = NULL;
    setting->items = NULL;
}

static struct setting *find(const struct settings *set, const char *name)
{
    for (size_t i = 0; i < set->count; i++)
        if (strcmp(set->items[i].name, name) == 0)
            return &set->items[i];
    return NULL;
}

/* The place for name, emptied and with its origin; NULL when what is there ranks higher. */
static struct setting *place(struct settings *set, const char *name, enum setting_type type,
                             const struct origin *origin)
{
    struct setting *setting = find(set, name);

    if (setting && setting->origin.kind > origin->kind)
        return NULL;
    if (setting) {
        setting_empty(setting);
    } else {
        set->items = need(realloc(set->items, (set->count + 1) * sizeof(*set->items)));
        setting = &set->items[set->count++];
        *setting = (struct setting){.name = copy(name)};
    }
    setting->type = type;
    setting->origin = *origin;
    setting->origin.file = copy(origin->file);
    return setting;
}

void settings_set(struct settings *set, const char *name, enum setting_type type, const char *text,
                  const struct origin *origin)
{
    struct setting *setting = place(set, name, type, origin);

    if (setting)
        setting->text = copy(text);
}

void settings_set_list(struct settings *set, const char *name, char *const *items,
                       const struct origin *origin)
{
    struct setting *setting = place(set, name, SETTING_LIST, origin);
    size_t count = 0;

    if (!setting)
        return;
    while (items[count])
        count++;
    setting->items = need(calloc(count + 1, sizeof(char *)));
    for (size_t i = 0; i < count; i++)
        setting->items[i] = copy(items[i]);
}

const struct setting *settings_find(const struct settings *set, const char *name)
{
    return find(set, name);
}

void settings_merge(struct settings *set, const struct settings *from)
{
    for (size_t i = 0; i < from->count; i++) {
        const struct setting *item = &from->items[i];

        if (item->type == SETTING_LIST)
            settings_set_list(set, item->name, item->items, &item->origin);
        else
            settings_set(set, item->name, item->type, item->text, &item->origin);
    }
}

void settings_clear(struct settings *set)
{
    for (size_t i = 0; i < set->count; i++) {
        setting_empty(&set->items[i]);
        free(set->items[i].name);
    }
    free(set->items);
    *set = (struct settings){0};
}

const char *origin_text(const struct origin *origin, char *buf, size_t size)
{
    const char *file = origin->file ? origin->file : "";

    switch (origin->kind) {
    case ORIGIN_FILE:
        if (origin->line > 0)
            snprintf(buf, size, "%s:%d", file, origin->line);
        else
            snprintf(buf, size, "%s", file);
        return buf;
    case ORIGIN_URL:
        snprintf(buf, size, "the URL");
        return buf;
    case ORIGIN_ENVIRONMENT:
    case ORIGIN_FLAG:
        snprintf(buf, size, "%s", file);
        return buf;
    case ORIGIN_PRESET:
        break;
    }
    snprintf(buf, size, "preset");
    return buf;
}

enum { WORD_MAX = 64 };

/* Small and capital letters are one, and so are '-' and '_': people mix them up. */
static int letter(char byte)
{
    return byte == '-' ? '_' : tolower((unsigned char)byte);
}

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

/* Letters to insert, drop, change or swap to make b of a. */
static int distance(const char *a, const char *b)
{
    int rows[3][WORD_MAX + 1];
    int *before = rows[0], *last = rows[1], *now = rows[2], *spare;
    int la = (int)strnlen(a, WORD_MAX), lb = (int)strnlen(b, WORD_MAX);

    for (int j = 0; j <= lb; j++)
        last[j] = before[j] = j;
    for (int i = 1; i <= la; i++) {
        now[0] = i;
        for (int j = 1; j <= lb; j++) {
            int change = letter(a[i - 1]) != letter(b[j - 1]);

            now[j] = smaller(smaller(last[j], now[j - 1]) + 1, last[j - 1] + change);
            if (i > 1 && j > 1 && letter(a[i - 1]) == letter(b[j - 2]) &&
                letter(a[i - 2]) == letter(b[j - 1]))
                now[j] = smaller(now[j], before[j - 2] + 1);
        }
        spare = before;
        before = last;
        last = now;
        now = spare;
    }
    return last[lb];
}

const char *nearest_word(const char *word, const char *const *words, size_t count)
{
    size_t length = strlen(word);
    int limit = length < 3 ? 1 : (int)(length + 2) / 3;
    const char *best = NULL;
    int least = limit + 1;

    if (length == 0 || length > WORD_MAX)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        int far = distance(word, words[i]);

        /* A beginning of a word means that word, unless another one is nearly it. */
        if (far > 1 && length >= 3 && strncasecmp(words[i], word, length) == 0)
            far = smaller(far, 2);
        if (far < least) {
            least = far;
            best = words[i];
        }
    }
    return best;
}
