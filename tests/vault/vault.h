/* A server that keeps Vault's contract: what its parts share. One thread. */
#ifndef TEST_VAULT_H
#define TEST_VAULT_H

#include <jansson.h>
#include <stdbool.h>

enum { MOST_TOKENS = 256, MOST_LEASES = 256, ID_BYTES = 64 };

struct token {
    char id[ID_BYTES];            /* "": not in use */
    double ttl_s, until_s, max_s; /* until 0: for ever; max: not beyond */
    bool renewable;
};

struct lease {
    char id[ID_BYTES + 128]; /* "": not in use */
    char token[ID_BYTES];
    char user[ID_BYTES];
    char drop[2000]; /* the command that takes the user away */
    double ttl_s, until_s, max_s;
};

/* What is answered. */
struct answer {
    int code;
    json_t *body; /* NULL: none */
};

double now_s(void);
void random_id(char *out, size_t size, const char *prefix);
/* Runs a command with the two arguments; 0: it did well. */
int command_run(const char *command, const char *one, const char *two);

/* --- store.c --- */
/* Reads DIR/config.json again: what stands in key-value stores is what stands there now. */
const json_t *config_now(void);
int store_open(const char *dir);
struct token *token_new(double ttl_s, double max_ttl_s, bool renewable);
struct token *token_find(const char *id);
void token_end(struct token *token);
struct lease *lease_new(const struct token *token, const char *path, const json_t *role);
struct lease *lease_find(const char *id);
void lease_end(struct lease *lease);
/* Ends what has run out, and gives accounts whose time has come another password. */
void store_tick(void);
const char *static_password(const char *role);
double static_rotated_s(const char *role);
void store_close(void);

/* --- routes.c --- */
/* path: behind "/v1/". */
struct answer route(const char *method, const char *path, const char *token, const char *name_space,
                    bool asked_by_client, const json_t *body);
struct answer refuse(int code, const char *words);

#endif
