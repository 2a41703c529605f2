/* The values of one column of a key as something that can be halved. */
#ifndef MYSQL_AXIS_H
#define MYSQL_AXIS_H

#include "key.h"
#include "source.h"

#define AXIS_TEXT 40

/* A place on the axis. */
struct bound {
    bool open; /* none: the end of the axis */
    unsigned char len;
    uint64_t number; /* in the order of the values: a signed one has its top bit flipped */
    unsigned char text[AXIS_TEXT];
};

/* from <= value < to. Of texts it is halved by the sign behind their stem, from lo up to hi. */
struct range {
    struct bound from, to;
    unsigned stem_len, lo, hi;
    unsigned char stem[AXIS_TEXT];
};

enum axis_kind { AXIS_NONE, AXIS_NUMBER, AXIS_TEXTS, AXIS_BYTES, AXIS_UUID };

struct axis {
    const struct rnl_column *column;
    enum axis_kind kind;
    unsigned nsigns; /* what texts are made of, in the order of the collation */
    unsigned char signs[256];
};

/* AXIS_NONE when the column can't be halved. */
int axis_open(struct source *source, const struct rnl_column *column, struct axis *axis,
              struct rnl_error *err);
/*
 * The range from the lowest to the highest value, as the server tells them; its ends are
 * open. false: it can't be cut.
 */
bool axis_range(const struct axis *axis, struct rnl_slice low, struct rnl_slice high,
                struct range *range);
/* low as a bound. false: it is too long. */
bool axis_bound(const struct axis *axis, struct rnl_slice low, struct bound *bound);
/* false: it can't be halved further. */
bool axis_halve(const struct axis *axis, const struct range *range, struct range *left,
                struct range *right);
/* The value of a bound; buf has room for a text of it. */
void axis_value(const struct axis *axis, const struct bound *bound, char buf[AXIS_TEXT],
                struct rnl_value *value);
/* What to select for axis_range(): "MIN(`a`)" in a form that it reads. */
void axis_select(const struct axis *axis, const char *function, struct text *sql);

#endif
