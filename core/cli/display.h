/* Shows a run to whoever started it: bars on a terminal, lines elsewhere, or JSON. */
#ifndef DISPLAY_H
#define DISPLAY_H

#include "../finding.h"
#include "../progress.h"

#include <jansson.h>

enum display_style { DISPLAY_BARS = 1, DISPLAY_LINES, DISPLAY_JSON, DISPLAY_NONE };

struct display;

/* BARS and LINES go to stderr, JSON to stdout (one object a line). NULL: out of memory. */
struct display *display_new(enum display_style style, struct progress *progress);
void display_free(struct display *display);   /* takes the bars away */
void display_update(struct display *display); /* every 200 ms or so */

/* A line for the person who watches, above the bars: to stderr. */
void display_say(struct display *display, const char *line);

/* All of a view that programs may want; NULL when memory is out. */
json_t *progress_json(const struct progress_view *view);

/* The table at the end: rows, bytes, seconds, rate, warnings; then what was found. */
void summary_print(struct progress *progress, struct findings *findings, FILE *to);
/* The same for programs; how says how the run ended ("finished"); limited: by its limits. */
void summary_json(const char *pipeline, const char *how, bool limited, struct progress *progress,
                  struct findings *findings, const struct rnl_error *err, FILE *to);

/* "1.4 GB", "12.3k", "1:02:03"; into buf, which is returned. */
const char *bytes_text(int64_t bytes, char *buf, size_t size);
const char *count_text(double count, char *buf, size_t size);
const char *time_text(int64_t ms, char *buf, size_t size);

#endif
