/* Log records: to stderr as text or JSON. A line is whole, escaped, and holds no secret. */
#ifndef LOG_H
#define LOG_H

#include <runnel/error.h>
#include <runnel/host.h>

struct log_settings {
    enum rnl_level level;
    bool json;
};
void log_setup(const struct log_settings *settings);
/* component: "shop/source", "reader", … Any thread. */
void log_write_list(enum rnl_level level, const char *component, const char *fmt, va_list ap)
    RNL_PRINTF(3, 0);
void log_write(enum rnl_level level, const char *component, const char *fmt, ...) RNL_PRINTF(3, 4);
/* An error as people see it: text, hint, code. */
void log_error(const char *component, const struct rnl_error *err);
/* Called around each line, so that a progress display can step aside; NULL: none. */
void log_set_hook(void (*before)(void *arg), void (*after)(void *arg), void *arg);

#endif
