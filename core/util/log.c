/* Log records: whole lines on stderr, as text or JSON, with nothing in them that steers a terminal.
 */
#include "log.h"

#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define RECORD_BYTES 4096

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards everything below, and stderr */
static struct log_settings settings = {.level = RNL_LOG_INFO};
static void (*hook_before)(void *arg), (*hook_after)(void *arg);
static void *hook_arg;

static const char *const words[] = {"debug", "info", "warn", "error"};

void log_setup(const struct log_settings *given)
{
    pthread_mutex_lock(&lock);
    settings = *given;
    pthread_mutex_unlock(&lock);
}

void log_set_hook(void (*before)(void *arg), void (*after)(void *arg), void *arg)
{
    pthread_mutex_lock(&lock);
    hook_before = before;
    hook_after = after;
    hook_arg = arg;
    pthread_mutex_unlock(&lock);
}

static void now_text(char *buf, size_t size)
{
    struct timespec now;
    struct tm utc;
    size_t len;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    len = strftime(buf, size, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(buf + len, size - len, ".%03ldZ", now.tv_nsec / 1000000);
}

/* Control characters (C0, DEL, and C1 in UTF-8) are spelled out. */
static void put_safe(FILE *to, const char *text)
{
    for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
        if (*at < 0x20 || *at == 0x7f)
            fprintf(to, "\\x%02x", *at);
        else if (*at == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0)
            fprintf(to, "\\u00%02x", *++at);
        else
            putc(*at, to);
    }
}

static void put_json(FILE *to, const char *time, enum rnl_level level, const char *component,
                     const char *text)
{
    json_t *o = json_pack("{s:s,s:s,s:s,s:s*}", "time", time, "level", words[level], "component",
                          component, "text", text);

    if (!o) /* no UTF-8: the bytes are not worth losing the record */
        o = json_pack("{s:s,s:s,s:s}", "time", time, "level", words[level], "text",
                      "(a record that is no UTF-8)");
    json_dumpf(o, to, JSON_COMPACT | JSON_ENSURE_ASCII);
    putc('\n', to);
    json_decref(o);
}

static void put_line(FILE *to, enum rnl_level level, const char *component, const char *text)
{
    char time[40];

    now_text(time, sizeof(time));
    if (settings.json) {
        put_json(to, time, level, component, text);
        return;
    }
    fprintf(to, "%s %-5s ", time, words[level]);
    put_safe(to, component);
    fputs(": ", to);
    put_safe(to, text);
    putc('\n', to);
}

static void write_record(enum rnl_level level, const char *component, const char *text)
{
    char *line = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&line, &size);

    if (!to)
        return;
    put_line(to, level, component, text);
    fclose(to);
    if (hook_before)
        hook_before(hook_arg);
    fwrite(line, 1, size, stderr); /* in one piece: other processes may write there too */
    fflush(stderr);
    if (hook_after)
        hook_after(hook_arg);
    free(line);
}

void log_write_list(enum rnl_level level, const char *component, const char *fmt, va_list ap)
{
    char text[RECORD_BYTES];

    if (level < RNL_LOG_DEBUG || level > RNL_LOG_ERROR)
        level = RNL_LOG_ERROR;
    pthread_mutex_lock(&lock);
    if (level >= settings.level) {
        vsnprintf(text, sizeof(text), fmt, ap);
        write_record(level, component, text);
    }
    pthread_mutex_unlock(&lock);
}

void log_write(enum rnl_level level, const char *component, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    log_write_list(level, component, fmt, ap);
    va_end(ap);
}

void log_error(const char *component, const struct rnl_error *err)
{
    log_write(RNL_LOG_ERROR, component, "%s [%s]%s%s", err->text, err->code,
              err->hint[0] ? "; " : "", err->hint);
}
