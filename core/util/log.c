/* Log records: whole lines on stderr, as text or JSON, with nothing in them that steers a terminal.
 */
#include "log.h"

#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define RECORD_BYTES 4096

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards everything below, and stderr */
static struct log_settings settings = {.level = RNL_LOG_INFO};
static void (*hook_before)(void *arg), (*hook_after)(void *arg);
static void *hook_arg;
static void (*sink)(void *arg, const char *time, enum rnl_level level, const char *component,
                    const char *text);
static void *sink_arg;

static const char *const words[] = {"debug", "info", "warn", "error"};

void log_setup(const struct log_settings *given)
{
    pthread_mutex_lock(&lock);
    settings = *given;
    pthread_mutex_unlock(&lock);
}

bool log_is_journal(void)
{
    const char *named = getenv("JOURNAL_STREAM");
    char text[60];
    struct stat is;

    if (!named || fstat(STDERR_FILENO, &is) != 0)
        return false;
    snprintf(text, sizeof(text), "%llu:%llu", (unsigned long long)is.st_dev,
             (unsigned long long)is.st_ino);
    return strcmp(text, named) == 0;
}

void log_set_hook(void (*before)(void *arg), void (*after)(void *arg), void *arg)
{
    pthread_mutex_lock(&lock);
    hook_before = before;
    hook_after = after;
    hook_arg = arg;
    pthread_mutex_unlock(&lock);
}

void log_set_sink(void (*given)(void *arg, const char *time, enum rnl_level level,
                                const char *component, const char *text),
                  void *arg)
{
    pthread_mutex_lock(&lock);
    sink = given;
    sink_arg = arg;
    pthread_mutex_unlock(&lock);
}

void log_set_level(enum rnl_level level)
{
    pthread_mutex_lock(&lock);
    settings.level = level;
    pthread_mutex_unlock(&lock);
}

enum rnl_level log_level(void)
{
    enum rnl_level level;

    pthread_mutex_lock(&lock);
    level = settings.level;
    pthread_mutex_unlock(&lock);
    return level;
}

const char *log_level_word(enum rnl_level level)
{
    return words[level];
}

bool log_level_parse(const char *word, enum rnl_level *level)
{
    for (int i = RNL_LOG_DEBUG; word && i <= RNL_LOG_ERROR; i++)
        if (strcmp(words[i], word) == 0) {
            *level = (enum rnl_level)i;
            return true;
        }
    return false;
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

/* Bytes of one character of UTF-8 at text; 0: none begins here. */
static size_t utf8_length(const unsigned char *at)
{
    size_t len = at[0] < 0x80                     ? 1
                 : at[0] >= 0xc2 && at[0] <= 0xdf ? 2
                 : (at[0] & 0xf0) == 0xe0         ? 3
                 : at[0] >= 0xf0 && at[0] <= 0xf4 ? 4
                                                  : 0;

    for (size_t i = 1; i < len; i++)
        if ((at[i] & 0xc0) != 0x80) /* also at the end of the text */
            return 0;
    if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
        (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f))
        return 0;
    return len;
}

/* Control characters (C0, DEL, and C1 in UTF-8) and bytes that are no UTF-8 are spelled out. */
static void put_safe(FILE *to, const char *text)
{
    for (const unsigned char *at = (const unsigned char *)text; *at;) {
        size_t len = utf8_length(at);

        if (len == 0 || *at < 0x20 || *at == 0x7f) {
            fprintf(to, "\\x%02x", *at++);
        } else if (*at == 0xc2 && at[1] < 0xa0) {
            fprintf(to, "\\u00%02x", at[1]);
            at += 2;
        } else {
            fwrite(at, 1, len, to);
            at += len;
        }
    }
}

/* The text as put_safe() leaves it, malloc'd. */
static char *safe_text(const char *text)
{
    char *copy = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&copy, &size);

    if (!to)
        return NULL;
    put_safe(to, text);
    fclose(to);
    return copy;
}

static void put_json(FILE *to, const char *time, enum rnl_level level, const char *component,
                     const char *text)
{
    char *safe_component = safe_text(component), *safe = safe_text(text);
    json_t *o = json_pack("{s:s,s:s,s:s,s:s}", "time", time, "level", words[level], "component",
                          safe_component ? safe_component : "", "text", safe ? safe : "");

    if (o)
        json_dumpf(o, to, JSON_COMPACT | JSON_ENSURE_ASCII);
    putc('\n', to);
    json_decref(o);
    free(safe_component);
    free(safe);
}

static void put_line(FILE *to, const char *time, enum rnl_level level, const char *component,
                     const char *text)
{
    if (settings.json) {
        put_json(to, time, level, component, text);
        return;
    }
    if (settings.journal) /* sd-daemon(3) */
        fprintf(to, "<%c>", "7643"[level]);
    else
        fprintf(to, "%s %-5s ", time, words[level]);
    put_safe(to, component);
    fputs(": ", to);
    put_safe(to, text);
    putc('\n', to);
}

static void tell_sink(const char *time, enum rnl_level level, const char *component,
                      const char *text)
{
    char *safe_component = safe_text(component), *safe = safe_text(text);

    if (safe_component && safe)
        sink(sink_arg, time, level, safe_component, safe);
    free(safe_component);
    free(safe);
}

static void write_record(enum rnl_level level, const char *component, const char *text)
{
    char *line = NULL, time[40];
    size_t size = 0;
    FILE *to = open_memstream(&line, &size);

    if (!to)
        return;
    now_text(time, sizeof(time));
    if (sink)
        tell_sink(time, level, component, text);
    put_line(to, time, level, component, text);
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
