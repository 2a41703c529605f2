/* Progress of a run on a terminal (bars that are drawn over), as plain lines, or as JSON. */
#include "display.h"

#include "../util/clock.h"
#include "../util/columns.h"
#include "../util/log.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

#define MOST_TABLES 8
#define LINE_MS 5000
#define JSON_MS 1000

struct display {
    enum display_style style;
    struct progress *progress;
    int drawn;       /* lines of bars that stand on the terminal */
    int64_t told_ms; /* when the last line was written */
    enum progress_phase told;
};

const char *bytes_text(int64_t bytes, char *buf, size_t size)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    double amount = (double)bytes;
    size_t unit = 0;

    for (; amount >= 999.5 && unit < 5; unit++)
        amount /= 1000;
    snprintf(buf, size, unit && amount < 99.5 ? "%.1f %s" : "%.0f %s", amount, units[unit]);
    return buf;
}

const char *count_text(double count, char *buf, size_t size)
{
    if (count < 9999.5)
        snprintf(buf, size, "%.0f", count);
    else if (count < 999950)
        snprintf(buf, size, "%.1fk", count / 1000);
    else
        snprintf(buf, size, "%.2fM", count / 1000000);
    return buf;
}

const char *time_text(int64_t ms, char *buf, size_t size)
{
    int64_t s = (ms + 500) / 1000;

    if (s >= 3600)
        snprintf(buf, size, "%" PRId64 ":%02" PRId64 ":%02" PRId64, s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(buf, size, "%" PRId64 ":%02" PRId64, s / 60, s % 60);
    return buf;
}

static void erase(void *arg)
{
    struct display *display = arg;

    if (display->drawn)
        fprintf(stderr, "\r\033[%dA\033[J", display->drawn);
    display->drawn = 0;
}

static void leave(void *arg)
{
    (void)arg; /* the next update draws again */
}

struct display *display_new(enum display_style style, struct progress *progress)
{
    struct display *display = calloc(1, sizeof(*display));

    if (!display)
        return NULL;
    display->style = style;
    display->progress = progress;
    if (style == DISPLAY_BARS)
        log_set_hook(erase, leave, display);
    return display;
}

void display_free(struct display *display)
{
    if (!display)
        return;
    if (display->style == DISPLAY_BARS) {
        log_set_hook(NULL, NULL, NULL);
        erase(display);
    }
    free(display);
}

static void put_bar(char *to, size_t size, int64_t done, int64_t of, int width)
{
    int filled = of > 0 ? (int)((double)done / (double)of * width + 0.5) : 0;
    size_t at = 0;

    if (filled > width)
        filled = width;
    for (int i = 0; i < width && at + 1 < size; i++)
        to[at++] = i < filled ? '#' : '.';
    to[at] = '\0';
}

static int percent(int64_t done, int64_t of)
{
    if (of <= 0)
        return 0;
    return done >= of ? 100 : (int)((double)done / (double)of * 100);
}

static void put_line(struct display *display, const char *line)
{
    char cut[700];

    fprintf(stderr, "%s\n", columns_text(line, columns_wide(STDERR_FILENO) - 1, cut, sizeof(cut)));
    display->drawn++;
}

void display_say(struct display *display, const char *line)
{
    erase(display);
    fprintf(stderr, "%s\n", line);
}

static void draw_table(struct display *display, const struct progress_table *t)
{
    char bar[32], rows[24], line[320], name[160];

    put_bar(bar, sizeof(bar), t->rows_written, t->rows_expected, 20);
    snprintf(line, sizeof(line), "  %s [%s] %3d%%  %s rows",
             columns_padded(t->name, 28, name, sizeof(name)), bar,
             percent(t->rows_written, t->rows_expected),
             count_text((double)t->rows_written, rows, sizeof(rows)));
    put_line(display, line);
}

static void draw_tables(struct display *display)
{
    int drawn = 0;

    for (uint32_t i = 0; i < progress_count(display->progress) && drawn < MOST_TABLES; i++) {
        struct progress_table t;

        progress_at(display->progress, i, &t);
        if (t.rows_expected < t.rows_written)
            t.rows_expected = t.rows_written;
        if (t.started_ms && !t.ended_ms) {
            draw_table(display, &t);
            drawn++;
        }
    }
}

static void total_line(const struct progress_view *view, char *line, size_t size)
{
    char rows[24], rate[24], bytes[24], passed[24], left[24];

    snprintf(line, size, "%s: %u/%u tables, %s rows, %s/s, %s/s, %s%s%s", phase_text(view->phase),
             view->tables_done, view->tables,
             count_text((double)view->total.rows_written, rows, sizeof(rows)),
             count_text(view->rows_per_s, rate, sizeof(rate)),
             bytes_text((int64_t)view->bytes_per_s, bytes, sizeof(bytes)),
             time_text(view->now_ms - view->started_ms, passed, sizeof(passed)),
             view->left_ms >= 0 ? ", left " : "",
             view->left_ms >= 0 ? time_text(view->left_ms, left, sizeof(left)) : "");
}

/* Of changes: how many, how fast, and how far behind. */
static void changes_line(const struct progress_view *view, char *line, size_t size)
{
    char changes[24], rate[24], passed[24], lag[40] = "", behind[40] = "", bytes[24];

    if (view->lag_ms >= 0)
        snprintf(lag, sizeof(lag), ", lag %.1f s", (double)view->lag_ms / 1000);
    if (view->behind_bytes >= 0)
        snprintf(behind, sizeof(behind), ", %s behind",
                 bytes_text(view->behind_bytes, bytes, sizeof(bytes)));
    snprintf(line, size, "%s: %s changes, %s/s%s%s, %s", phase_text(view->phase),
             count_text((double)view->changes, changes, sizeof(changes)),
             count_text(view->changes_per_s, rate, sizeof(rate)), lag, behind,
             time_text(view->now_ms - view->started_ms, passed, sizeof(passed)));
}

static bool shows_changes(const struct progress_view *view)
{
    return phase_follows(view->phase);
}

static void steps_line(const struct progress_view *view, char *line, size_t size)
{
    char passed[24];

    time_text(view->now_ms - view->started_ms, passed, sizeof(passed));
    if (view->steps)
        snprintf(line, size, "%s: %u/%u%s%s, %s", phase_text(view->phase), view->steps_done,
                 view->steps, view->step[0] ? " " : "", view->step, passed);
    else
        snprintf(line, size, "%s, %s", phase_text(view->phase), passed);
}

/* Nothing is done: why, and until when. */
static void waiting_line(const struct progress_view *view, char *line, size_t size)
{
    snprintf(line, size, "waiting: %s; trying again in %lld s (attempt %u)", view->reason,
             (long long)(view->waiting_ms + 999) / 1000, view->attempts + 1);
}

static void draw_bars(struct display *display, const struct progress_view *view)
{
    char line[320], head[200], bar[32];

    erase(display);
    if (view->waiting_ms)
        waiting_line(view, line, sizeof(line));
    else if (shows_changes(view))
        changes_line(view, line, sizeof(line));
    else if (view->phase == PHASE_LOADING) {
        draw_tables(display);
        total_line(view, head, sizeof(head));
        put_bar(bar, sizeof(bar), view->total.rows_written, view->total.rows_expected, 20);
        snprintf(line, sizeof(line), "[%s] %3d%%  %s", bar,
                 percent(view->total.rows_written, view->total.rows_expected), head);
    } else
        steps_line(view, line, sizeof(line));
    put_line(display, line);
}

static void tell_line(struct display *display, const struct progress_view *view)
{
    char line[320];

    if (view->phase == display->told && view->now_ms - display->told_ms < LINE_MS)
        return;
    if (view->waiting_ms)
        waiting_line(view, line, sizeof(line));
    else if (shows_changes(view))
        changes_line(view, line, sizeof(line));
    else if (view->phase == PHASE_LOADING)
        total_line(view, line, sizeof(line));
    else
        steps_line(view, line, sizeof(line));
    fprintf(stderr, "%s\n", line);
    display->told = view->phase;
    display->told_ms = view->now_ms;
}

json_t *progress_json(const struct progress_view *view)
{
    json_t *o = json_pack(
        "{s:s,s:I,s:I,s:I,s:f,s:f,s:i,s:i,s:i,s:i,s:I,s:I}", "phase", phase_text(view->phase),
        "rows_written", (json_int_t)view->total.rows_written, "rows_expected",
        (json_int_t)view->total.rows_expected, "bytes_written",
        (json_int_t)view->total.bytes_written, "rows_per_s", view->rows_per_s, "bytes_per_s",
        view->bytes_per_s, "tables", (int)view->tables, "tables_done", (int)view->tables_done,
        "steps", (int)view->steps, "steps_done", (int)view->steps_done, "elapsed_ms",
        (json_int_t)(view->now_ms - view->started_ms), "left_ms", (json_int_t)view->left_ms);

    if (shows_changes(view)) {
        json_object_set_new(o, "changes", json_integer(view->changes));
        json_object_set_new(o, "changes_per_s", json_real(view->changes_per_s));
        json_object_set_new(o, "lag_ms", json_integer(view->lag_ms));
        json_object_set_new(o, "behind_bytes", json_integer(view->behind_bytes));
        json_object_set_new(o, "held_bytes", json_integer(view->held_bytes));
        json_object_set_new(o, "position", json_string(view->position));
    }
    json_object_set_new(o, "rows_before", json_integer(view->total.rows_before));
    json_object_set_new(o, "rows_set_aside", json_integer(view->total.rows_aside));
    json_object_set_new(o, "retries", json_integer(view->attempts));
    if (view->waiting_ms) {
        json_object_set_new(o, "waiting_ms", json_integer(view->waiting_ms));
        json_object_set_new(o, "reason", json_string(view->reason));
    }
    return o;
}

static void tell_json(struct display *display, const struct progress_view *view)
{
    json_t *o;

    if (view->phase == display->told && view->now_ms - display->told_ms < JSON_MS)
        return;
    o = progress_json(view);
    json_object_set_new(o, "event", json_string("progress"));
    json_dumpf(o, stdout, JSON_COMPACT);
    fputc('\n', stdout);
    fflush(stdout);
    json_decref(o);
    display->told = view->phase;
    display->told_ms = view->now_ms;
}

void display_update(struct display *display)
{
    struct progress_view view;

    progress_look(display->progress, &view);
    switch (display->style) {
    case DISPLAY_BARS:
        draw_bars(display, &view);
        break;
    case DISPLAY_LINES:
        tell_line(display, &view);
        break;
    case DISPLAY_JSON:
        tell_json(display, &view);
        break;
    case DISPLAY_NONE:
        break;
    }
}
