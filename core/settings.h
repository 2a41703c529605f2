/* Settings as a person wrote them: names, texts, and where each comes from. */
#ifndef SETTINGS_H
#define SETTINGS_H

#include <runnel/error.h>
#include <stdbool.h>

/* Where a setting was written. Precedence: flag, environment, url, file, preset. */
enum origin_kind { ORIGIN_PRESET = 1, ORIGIN_FILE, ORIGIN_URL, ORIGIN_ENVIRONMENT, ORIGIN_FLAG };

struct origin {
    enum origin_kind kind;
    int line;         /* of file; 0: unknown */
    const char *file; /* or the variable's or flag's name; owned by the settings it stands in */
};

enum setting_type { SETTING_TEXT = 1, SETTING_INT, SETTING_FLOAT, SETTING_BOOL, SETTING_LIST };

struct setting {
    char *name; /* dotted: "tls.mode" */
    enum setting_type type;
    char *text;   /* as written; of a LIST: NULL */
    char **items; /* of a LIST: ends with NULL */
    struct origin origin;
};

struct settings {
    struct setting *items;
    size_t count;
};

/* Copies everything. A name that is there already is replaced if origin ranks as high or higher. */
void settings_set(struct settings *set, const char *name, enum setting_type type, const char *text,
                  const struct origin *origin);
void settings_set_list(struct settings *set, const char *name, char *const *items,
                       const struct origin *origin);
const struct setting *settings_find(const struct settings *set, const char *name);
/* Adds all of from to set, by the rule above. */
void settings_merge(struct settings *set, const struct settings *from);
/* Wipes the texts too: one of them may be a password. */
void settings_clear(struct settings *set);

/* "shop.cfg:12", "--lanes", "RUNNEL_LANES", "the URL"; into buf, which is returned. */
const char *origin_text(const struct origin *origin, char *buf, size_t size);

/* The word of a list (count words) nearest to word by edit distance; NULL when none is near. */
const char *nearest_word(const char *word, const char *const *words, size_t count);

#endif
