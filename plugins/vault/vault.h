/*
 * One use of a Vault: what the parts of the plugin share. The host calls one function at a time,
 * but for interrupt.
 */
#ifndef VAULT_VAULT_H
#define VAULT_VAULT_H

#include "pages.h"
#include "web.h"

#include <jansson.h>

enum {
    ANSWER_BYTES = 1 << 20, /* a longer answer is refused */
    PATH_BYTES = 600,       /* of a reference, at most */
    URL_BYTES = 4 * PATH_BYTES,
    TOKEN_BYTES = 8 << 10,
    KEPT_ENTRIES = 32,
    KEPT_MOUNTS = 32,
};

enum kv_choice { KV_AUTO, KV_1, KV_2 };

struct vault_config {
    const char *url, *name_space;
    const struct rnl_secret *token, *role_id, *secret_id;
    const char *token_file, *secret_id_file, *auth_mount;
    int32_t kv;
    const char *tls_ca, *tls_cert, *tls_key;
    int64_t timeout_ms, retry_ms;
};

/* How what lies below a mount is read. */
enum mount_kind {
    MOUNT_PLAIN = 1, /* as the path says */
    MOUNT_KV2,
    MOUNT_UNKNOWN, /* Vault doesn't tell us */
};

struct mount {
    char *prefix; /* with its "/" */
    enum mount_kind kind;
};

/* What was read, kept for as long as it is good; its texts in pages of their own. */
struct entry {
    char *path; /* NULL: not in use */
    struct pages fields;
    char *lease; /* NULL: it has none, and is kept for a moment only */
    int64_t ttl_ms, until_ms, renew_ms;
    bool renewable;
    bool stale; /* can't be kept good: the next read asks anew */
    bool told;  /* that it is stale */
};

struct vault {
    const struct rnl_ctx *ctx;
    const struct vault_config *config;
    struct web *web;
    struct pages token; /* its text, terminated; length 0: none yet */
    bool own_token;     /* we logged in for it: nobody else has it */
    bool token_renewable;
    int64_t token_ttl_ms, token_until_ms, token_renew_ms; /* until 0: it has no end */
    struct mount mounts[KEPT_MOUNTS];
    size_t nmounts;
    struct entry entries[KEPT_ENTRIES];
};

/* What Vault said; reply_free() wipes it. */
struct reply {
    long code;
    json_t *root; /* NULL: nothing */
};

int64_t now_ms(void);
/* When a lease of so long should be renewed: at about two thirds of it. */
int64_t renewal_ms(int64_t now, int64_t ttl_ms);

/* --- ask.c --- */
enum ask_flags {
    ASK_LOGS_IN = 1 << 0, /* a 403 is answered by logging in anew, once */
    ASK_ONCE = 1 << 1,    /* no second try */
    ASK_AT_END = 1 << 2,  /* short, and not to be interrupted */
};
/*
 * path: behind "/v1/", escaped. body is sent as JSON, and stays the caller's; NULL: none. RNL_OK:
 * an answer with code 2xx, 400 or 404; all others are errors.
 */
int vault_ask(struct vault *vault, const char *method, const char *path, json_t *body, int flags,
              struct reply *reply, struct rnl_error *err);
/* An answer 400, or one that makes no sense, as an error with Vault's own words. */
int vault_refused(const struct vault *vault, int status, const char *code, const char *path,
                  const struct reply *reply, struct rnl_error *err);

/* --- reply.c: what Vault says, as anybody could have sent it --- */
int reply_read(struct reply *reply, const char *body, size_t len); /* 0, or -1: no JSON object */
void reply_free(struct reply *reply);
/* Overwrites the texts below, before they are given back. */
void json_wipe(json_t *value);
/* Vault's own words ("errors"), on one line; "" when there are none. */
void reply_words(const struct reply *reply, char *words, size_t size);
/* A number of seconds at key, as milliseconds; 0: none that makes sense. */
int64_t reply_ms(const json_t *object, const char *key);
/* The texts of an object, in pages of their own: names and values, one after another. */
bool fields_pack(json_t *object, struct pages *out);
/* The value of the field; name "": the only one, or "value". NULL: none. */
const char *fields_find(const struct pages *fields, const char *name);
/* "a, b, c" for a message. */
void fields_names(const struct pages *fields, char *out, size_t size);

/* --- token.c --- */
/* There is a token that may be good. flags: of ask.c. */
int token_ensure(struct vault *vault, int flags, struct rnl_error *err);
/* After a 403: RNL_OK: there is another one now; RNL_DONE: there is none to be had. */
int token_anew(struct vault *vault, int flags, struct rnl_error *err);
/* Renews it when it is time to. */
int token_tend(struct vault *vault, struct rnl_error *err);
void token_revoke(struct vault *vault);

/* --- paths.c --- */
int path_check(const char *path, struct rnl_error *err);
/* Escaped, with prefix and, of KV 2, with "data/" behind its mount. */
int path_build(const struct mount *mount, const char *prefix, const char *path, char *out,
               size_t size, struct rnl_error *err);
/* What the path lies below; *out borrowed. */
int mount_find(struct vault *vault, const char *path, const struct mount **out,
               struct rnl_error *err);

/* --- entries.c --- */
/* What is kept of the path and still good; NULL: nothing. */
struct entry *entry_find(struct vault *vault, const char *path);
/* Keeps what was read; lease and its times are those of the reply. NULL: no memory. */
struct entry *entry_keep(struct vault *vault, const char *path, const json_t *root, json_t *data);
/* Renews leases whose time has come. RNL_AGAIN: something read before must be read anew. */
int entries_tend(struct vault *vault, struct rnl_error *err);
/* All that was read must be read anew. told: and the host knows. */
void entries_forget(struct vault *vault, bool told);
void entries_free(struct vault *vault, bool revoke);

#endif
