/*
 * Configuration files as the API reads and writes them: libconfig on disk, JSON outside. What it
 * writes is what a person would have written: one file for each pipeline or connection, replaced
 * as a whole.
 */
#ifndef API_FILES_H
#define API_FILES_H

#include <jansson.h>
#include <runnel/error.h>
#include <stdbool.h>

struct api;

/* Letters, digits, '-', '_', '.': what can name a file too. */
bool file_name_fits(const char *name);

/* The whole of a file: {"pipeline": {…}, "connections": {…}}. RNL_E_CONFIG "config.syntax", …. */
int file_read(const char *path, json_t **config, struct rnl_error *err);
/* The bytes of it, to be freed. */
int file_bytes(const char *path, char **bytes, size_t *length, struct rnl_error *err);
/* As libconfig text, to be freed. RNL_E_CONFIG "config.value": JSON that a file can't hold. */
int file_text(const json_t *config, char **text, struct rnl_error *err);

/*
 * Has `runnel config` read it as it would stand there, alone or beside the main configuration, and
 * then puts it in place: flushed, renamed, 0600. What is refused is refused in that command's
 * words, and changes nothing.
 */
int file_write(const struct api *api, const char *path, const json_t *config, bool alone,
               struct rnl_error *err);
int file_remove(const char *path, struct rnl_error *err);
int file_move(const char *from, const char *to, struct rnl_error *err);

/* JSON Merge Patch (RFC 7396) of an object, in place. */
void merge_patch(json_t *target, const json_t *patch);

/*
 * Takes out of a connection's words (and of connections within) what may be secret: a password in
 * plain is {"set": true}; references stay, they are none. As it comes back from a client, put back
 * by secrets_keep(): what is {"set": true} there means "as it is".
 */
void secrets_hide(json_t *words);
void secrets_keep(json_t *words, const json_t *before);

/*
 * What comes from outside may refer to stores of secrets, and to nothing else of this machine,
 * but for what stood there before. RNL_E_CONFIG "api.reference".
 */
int config_check_outside(const json_t *words, const json_t *before, struct rnl_error *err);

#endif
