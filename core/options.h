/* Applies an option table to settings: the one place where options are parsed and checked. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "settings.h"
#include <runnel/option.h>

struct secret;
struct secret_resolver;

/*
 * Makes the plugin's config struct (options_free() frees it) from settings.
 * Unknown name, wrong type, value out of range, missing required: RNL_E_CONFIG
 * "config.*" with file:line and the nearest valid word. Secret options are
 * resolved through resolver (references, files, environment).
 * what names the block in messages: "connection shop-mysql".
 */
int options_build(const struct rnl_options *table, const char *what,
                  const struct settings *settings, struct secret_resolver *resolver, void **config,
                  struct rnl_error *err);
void options_free(const struct rnl_options *table, void *config);

/*
 * Whether what one setting says fits the table: its type, range and words, as
 * options_build() would find. Secrets are not looked up. The name must be known.
 */
int options_check_setting(const struct rnl_options *table, const char *what,
                          const struct setting *setting, struct rnl_error *err);

/* The option at index, read with the table's own stride into out (zeroed beyond it). */
void options_at(const struct rnl_options *table, uint32_t index, struct rnl_option *out);

enum { OPTIONS_MOST = 256 }; /* in one table */

/*
 * Whether the table can be used: plain names, known types, members that are inside the
 * config struct and not on top of each other, presets that parse and are in range.
 * If not: which option, and why.
 */
bool options_check(const struct rnl_options *table, char *name, size_t name_size, char *why,
                   size_t why_size);

/* The whole table, as help text (markdown: as a table of a reference page). */
void options_print(const struct rnl_options *table, FILE *to, bool markdown);

/* Also used for the program's own settings. */
int parse_size(const char *text, int64_t *bytes);  /* "16M", "1GiB", "65536"; 0 or -1 */
int parse_duration(const char *text, int64_t *ms); /* "500ms", "30s", "5m", "2h", "10" = s */

#endif
