/* Log records: to stderr as text or JSON. A line is whole, escaped, and holds no secret. */
#ifndef LOG_H
#define LOG_H

#include <runnel/error.h>
#include <runnel/host.h>
#include <stdbool.h>

struct log_settings {
    enum rnl_level level;
    bool json;
    bool journal; /* lines as systemd's journal takes them: a priority, and no time of ours */
};
/* Whether stderr leads into the journal: $JOURNAL_STREAM names it (systemd.exec(5)). */
bool log_is_journal(void);
void log_setup(const struct log_settings *settings);
/* component: "shop/source", "reader", … Any thread. */
void log_write_list(enum rnl_level level, const char *component, const char *fmt, va_list ap)
    RNL_PRINTF(3, 0);
void log_write(enum rnl_level level, const char *component, const char *fmt, ...) RNL_PRINTF(3, 4);
/* An error as people see it: text, hint, code. */
void log_error(const char *component, const struct rnl_error *err);
/* Called around each line, so that a progress display can step aside; NULL: none. */
void log_set_hook(void (*before)(void *arg), void (*after)(void *arg), void *arg);

/*
 * Called with each record that is written, its text safe to show; NULL: none. It must not log. Any
 * thread may be the caller, one at a time.
 */
void log_set_sink(void (*sink)(void *arg, const char *time, enum rnl_level level,
                               const char *component, const char *text),
                  void *arg);
/* From now on; the rest of the settings stays. */
void log_set_level(enum rnl_level level);
enum rnl_level log_level(void);
const char *log_level_word(enum rnl_level level); /* "debug" */
/* false: it is no level's. */
bool log_level_parse(const char *word, enum rnl_level *level);

#endif
