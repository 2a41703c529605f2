/*
 * Keys of the API: who may ask, and what. Of a key's text only its SHA-256 is kept: it holds 256
 * random bits, so that nothing slower is needed. All functions may be called by any thread.
 */
#ifndef KEYS_H
#define KEYS_H

#include <jansson.h>
#include <runnel/error.h>
#include <stdbool.h>
#include <stdint.h>

struct store;

enum key_scope {
    SCOPE_READ = 1 << 0,    /* see */
    SCOPE_OPERATE = 1 << 1, /* start, stop, test, verify */
    SCOPE_WRITE = 1 << 2,   /* change what is configured, and what can't be undone */
    SCOPE_ADMIN = 1 << 3,   /* keys */
    SCOPE_METRICS = 1 << 4,
    SCOPE_DATA = 1 << 5, /* see rows */
};
enum { NSCOPES = 6, SCOPES_ALL = (1 << NSCOPES) - 1 };

struct key {
    char id[16];
    char name[65];
    unsigned scopes;
    json_t *pipelines;   /* patterns, an array; NULL: all */
    uint32_t rate_per_s; /* 0: not bounded */
};

/* What a new one is to be. */
struct key_wish {
    const char *name;
    unsigned scopes;
    const json_t *pipelines; /* or NULL */
    int64_t expires_in_s;    /* 0: never */
    uint32_t rate_per_s;
};

/*
 * Whose text this is. RNL_E_CONFIG "key.unknown" (also of one that was revoked), "key.expired",
 * "key.rate"; errors of the store.
 */
int keys_check(struct store *store, const char *text, struct key *key, struct rnl_error *err);
void key_clear(struct key *key);
bool key_may_pipeline(const struct key *key, const char *pipeline);
json_t *key_json(const struct key *key);

/* "read", …; 0: none of that word. */
unsigned scope_parse(const char *word, size_t len);
const char *scope_name(unsigned scope);

/* text: to be wiped and freed by the caller. */
int keys_create(struct store *store, const struct key_wish *wish, char **text, json_t **key,
                struct rnl_error *err);
/* An array, in order of id; NULL and err. */
json_t *keys_all(struct store *store, struct rnl_error *err);
/* RNL_E_CONFIG "key.none": there is none of that id, or it was revoked. */
int keys_revoke(struct store *store, const char *id, struct rnl_error *err);
/* Gives it another text; the old one works on for grace_s. */
int keys_rotate(struct store *store, const char *id, int64_t grace_s, char **text,
                struct rnl_error *err);
/* Where there is none at all: makes one with all scopes, in state_dir/first.key (0600). */
int keys_first(struct store *store, const char *state_dir, struct rnl_error *err);

#endif
