/* Blocks of a libconfig file: which words may stand in them, and what they hold. */
#ifndef CONFIG_BLOCK_H
#define CONFIG_BLOCK_H

#include "settings.h"
#include <libconfig.h>

enum word_type {
    WORD_TEXT = 1,
    WORD_INT,
    WORD_SIZE, /* a number of bytes, or text: "64M" */
    WORD_BOOL,
    WORD_CHOICE, /* text, one of choices */
    WORD_TEXTS,  /* [ "a", "b" ]; each one of choices, if there are any */
    WORD_GROUP,  /* { … } */
    WORD_GROUPS, /* ( { … }, … ) */
};

struct word {
    const char *name;
    enum word_type type;
    const char *choices; /* "convert|cdc", or NULL */
    int64_t min, max;    /* of INT, SIZE; both 0: no bounds */
};

/* Fills err with "FILE:LINE: …" in front. */
RNL_PRINTF(4, 5)
int block_fail(const config_setting_t *setting, const char *code, struct rnl_error *err,
               const char *fmt, ...);
/* Adds the nearest of words to err, or the list of them. */
void block_hint(struct rnl_error *err, const char *word, const char *const *words, size_t count);
struct origin block_origin(const config_setting_t *setting);

/*
 * Checks all members of a group: type, range, choice; a word that is not listed is an
 * error (with open: left to the caller). what: "pipeline shop".
 */
int block_check(const config_setting_t *group, const char *what, const struct word *words,
                size_t nwords, bool open, struct rnl_error *err);

/* Of a group that was checked. */
const char *block_text(const config_setting_t *group, const char *name);
int64_t block_int(const config_setting_t *group, const char *name, int64_t preset);
bool block_bool(const config_setting_t *group, const char *name, bool preset);
/* Index in choices. */
int block_choice(const config_setting_t *group, const char *name, const char *choices, int preset);

/*
 * All members, except those in skip (ends with NULL; may be NULL), as settings with
 * dotted names behind prefix (""). Fails on what no option can be: a list of groups or lists.
 */
int block_flatten(const config_setting_t *group, const char *prefix, const char *const *skip,
                  struct settings *settings, struct rnl_error *err);

/* Index of text in "a|b|c"; -1. */
int choice_index(const char *choices, const char *text);

#endif
