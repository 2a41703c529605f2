/* One use of a Consul agent: what the parts of the plugin share. One thread's, but for interrupt.
 */
#ifndef CONSUL_CONSUL_H
#define CONSUL_CONSUL_H

#include "web.h"

enum {
    ANSWER_BYTES = 16 << 20, /* a longer answer is refused */
    PATH_BYTES = 1200,
    NAME_BYTES = 200,
    NOTE_BYTES = 400,
};

struct consul_config {
    const char *url, *prefix, *datacenter, *name_space;
    const struct rnl_secret *token;
    const char *tls_ca, *tls_cert, *tls_key;
    int64_t timeout_ms, ttl_ms, deregister_ms;
};

struct answer {
    long code;
    const char *body; /* terminated; until the next question */
    size_t len;
    uint64_t index; /* X-Consul-Index, or 0 */
    bool leaderless;
};

struct consul {
    const struct rnl_ctx *ctx;
    const struct consul_config *config;
    struct web *web;
    uint64_t index;  /* of the answer that comes */
    bool leaderless; /* so it says */
    bool tried;      /* the token may write: it was seen */
    /* what is announced */
    bool announced;
    char id[NAME_BYTES], name[NAME_BYTES], own_id[NAME_BYTES], address[256];
    char note[NOTE_BYTES];
    char tags[256]; /* parted by blanks */
    char check[400];
    uint32_t port;
    int health;
    char *value; /* of the entry read last */
    char key[RNL_KEY_BYTES + 1];
};

/* --- http.c --- */
int http_open(struct consul *consul, struct rnl_error *err);
/*
 * RNL_OK: an answer came that is none of those every question may get (denied, no leader, …).
 * path: behind "/v1/", escaped. body NULL: none. RNL_AGAIN: was to be interruptible, and was.
 */
int http_ask(struct consul *consul, const char *method, const char *path,
             const struct rnl_slice *body, int64_t timeout_ms, bool interruptible,
             struct answer *out, struct rnl_error *err);
/* Adds to path what each question says: where, and of which namespace. */
int http_path(struct consul *consul, char *path, size_t size, struct rnl_error *err,
              const char *fmt, ...) RNL_PRINTF(5, 6);
/* An answer that makes no sense. */
int http_strange(const struct answer *answer, const char *what, struct rnl_error *err);

/* --- words.c: what Consul says, as anybody could have sent it --- */
/* Terminated, malloc'd; NULL: no base64, or longer than most. */
char *words_base64(const char *text, size_t most, size_t *len);
/* Entries below strip (a prefix with its "/"); false: not what Consul would say. */
bool words_entries(const char *body, size_t len, const char *strip,
                   void (*each)(void *arg, const struct rnl_entry *entry), void *arg);
/* Services of health/service/NAME that have our prefix. */
bool words_services(const char *body, size_t len, const char *prefix,
                    int (*each)(void *arg, const struct rnl_service *service), void *arg);
/* Names of catalog/services with the tag "runnel". */
bool words_names(const char *body, size_t len, int (*each)(void *arg, const char *name), void *arg);
/* What is sent to register it; malloc'd. */
char *words_registration(const struct consul *consul);
char *words_beat(int health, const char *note);

/* --- services.c, keys.c: as those of struct rnl_registry_ops --- */
int service_announce(struct consul *consul, const struct rnl_service *service,
                     struct rnl_error *err);
int service_beat(struct consul *consul, int health, const char *note, struct rnl_error *err);
int service_withdraw(struct consul *consul, struct rnl_error *err);
int service_lookup(struct consul *consul, const char *name, struct rnl_services *out,
                   struct rnl_error *err);

int key_read(struct consul *consul, const char *key, struct rnl_entry *out, struct rnl_error *err);
int key_store(struct consul *consul, const char *key, struct rnl_slice value, uint64_t revision,
              struct rnl_error *err);
int key_remove(struct consul *consul, const char *key, uint64_t revision, struct rnl_error *err);
int key_watch(struct consul *consul, const char *prefix, uint64_t *index, uint32_t wait_ms,
              void (*each)(void *arg, const struct rnl_entry *entry), void *arg,
              struct rnl_error *err);

#endif
