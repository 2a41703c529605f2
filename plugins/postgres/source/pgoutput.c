/* Reads the messages of PostgreSQL's logical replication, protocols 1 to 4. */
#include "pgoutput.h"

#include <stdlib.h>
#include <string.h>

#define EPOCH_2000_US INT64_C(946684800000000)
#define ROOM_FIRST 16u

struct input {
    const uint8_t *at, *end;
    bool good, memory;
};

static uint64_t take(struct input *in, unsigned bytes)
{
    uint64_t value = 0;

    if ((size_t)(in->end - in->at) < bytes) {
        in->good = false;
        in->at = in->end;
        return 0;
    }
    while (bytes--)
        value = value << 8 | *in->at++;
    return value;
}

static uint8_t take8(struct input *in)
{
    return (uint8_t)take(in, 1);
}

static uint32_t take32(struct input *in)
{
    return (uint32_t)take(in, 4);
}

static int64_t take_time(struct input *in)
{
    int64_t us = (int64_t)take(in, 8);

    return __builtin_add_overflow(us, EPOCH_2000_US, &us) ? 0 : us;
}

static const char *take_text(struct input *in)
{
    const uint8_t *text = in->at, *end = NULL;

    if (in->at < in->end)
        end = memchr(in->at, 0, (size_t)(in->end - in->at));
    if (!end) {
        in->good = false;
        in->at = in->end;
        return "";
    }
    in->at = end + 1;
    return (const char *)text;
}

static const uint8_t *take_bytes(struct input *in, uint32_t len)
{
    const uint8_t *bytes = in->at;

    if ((size_t)(in->end - in->at) < len) {
        in->good = false;
        in->at = in->end;
        return bytes;
    }
    in->at += len;
    return bytes;
}

/* A list that holds as many columns as there can be, taken once. */
static void *list_of(struct input *in, void *list, size_t size)
{
    if (!list)
        list = calloc(PGOUTPUT_COLUMNS, size);
    if (!list) {
        in->memory = true;
        in->good = false;
    }
    return list;
}

static uint16_t take_row(struct input *in, struct pgoutput_cell **row)
{
    uint16_t count = (uint16_t)take(in, 2);

    *row = list_of(in, *row, sizeof(**row));
    if (count > PGOUTPUT_COLUMNS)
        in->good = false;
    for (uint16_t i = 0; in->good && i < count; i++) {
        struct pgoutput_cell *cell = &(*row)[i];

        *cell = (struct pgoutput_cell){.kind = (char)take8(in)};
        if (cell->kind == 't' || cell->kind == 'b') {
            cell->len = take32(in);
            cell->bytes = take_bytes(in, cell->len);
        } else if (cell->kind != 'n' && cell->kind != 'u') {
            in->good = false;
        }
    }
    return in->good ? count : 0;
}

static void read_relation(struct pgoutput *p, struct input *in, struct pgoutput_message *out)
{
    out->relation = take32(in);
    out->schema = take_text(in);
    out->name = take_text(in);
    out->identity = (char)take8(in);
    out->ncolumns = (uint16_t)take(in, 2);
    p->columns = list_of(in, p->columns, sizeof(*p->columns));
    if (out->ncolumns > PGOUTPUT_COLUMNS)
        in->good = false;
    for (uint16_t i = 0; in->good && i < out->ncolumns; i++) {
        struct pgoutput_column *column = &p->columns[i];

        column->key = take8(in) & 1;
        column->name = take_text(in);
        column->type = take32(in);
        column->modifier = (int32_t)take32(in);
    }
    out->columns = p->columns;
}

static void read_new(struct pgoutput *p, struct input *in, struct pgoutput_message *out)
{
    out->nnew = take_row(in, &p->new_row);
    out->new_row = p->new_row;
}

static void read_old(struct pgoutput *p, struct input *in, struct pgoutput_message *out)
{
    out->nold = take_row(in, &p->old_row);
    out->old_row = p->old_row;
}

static void read_insert(struct pgoutput *p, struct input *in, struct pgoutput_message *out)
{
    out->relation = take32(in);
    if (take8(in) != 'N')
        in->good = false;
    read_new(p, in, out);
}

static void read_update(struct pgoutput *p, struct input *in, struct pgoutput_message *out)
{
    char kind;

    out->relation = take32(in);
    kind = (char)take8(in);
    if (kind == 'K' || kind == 'O') {
        out->old_kind = kind;
        read_old(p, in, out);
        kind = (char)take8(in);
    }
    if (kind != 'N')
        in->good = false;
    read_new(p, in, out);
}

static void read_delete(struct pgoutput *p, struct input *in, struct pgoutput_message *out)
{
    out->relation = take32(in);
    out->old_kind = (char)take8(in);
    if (out->old_kind != 'K' && out->old_kind != 'O')
        in->good = false;
    read_old(p, in, out);
}

static void read_truncate(struct pgoutput *p, struct input *in, struct pgoutput_message *out)
{
    uint32_t count = take32(in);

    out->flags = take8(in);
    if (count > (size_t)(in->end - in->at) / 4)
        in->good = false;
    if (in->good && count > p->relations_room) {
        uint32_t room = count > ROOM_FIRST ? count : ROOM_FIRST;
        uint32_t *list = realloc(p->relations, room * sizeof(*list));

        if (!list) {
            in->memory = true;
            in->good = false;
            return;
        }
        p->relations = list;
        p->relations_room = room;
    }
    for (uint32_t i = 0; in->good && i < count; i++)
        p->relations[i] = take32(in);
    out->nrelations = in->good ? count : 0;
    out->relations = p->relations;
}

static void read_begin(struct input *in, struct pgoutput_message *out)
{
    out->lsn = take(in, 8);
    out->time_us = take_time(in);
    out->xid = take32(in);
}

static void read_commit(struct input *in, struct pgoutput_message *out)
{
    out->flags = take8(in);
    out->lsn = take(in, 8);
    out->end_lsn = take(in, 8);
    out->time_us = take_time(in);
}

static void read_type(struct input *in, struct pgoutput_message *out)
{
    out->relation = take32(in);
    out->schema = take_text(in);
    out->name = take_text(in);
}

static void read_note(struct input *in, struct pgoutput_message *out)
{
    out->flags = take8(in);
    out->lsn = take(in, 8);
    out->name = take_text(in);
    out->content_len = take32(in);
    out->content = take_bytes(in, out->content_len);
}

/* An abort that may be told in parallel has a place and a time behind it. */
static void read_abort(struct input *in, struct pgoutput_message *out)
{
    out->xid = take32(in);
    out->subxid = take32(in);
    if (in->at == in->end)
        return;
    out->lsn = take(in, 8);
    out->time_us = take_time(in);
}

/* b P K r p: what a transaction of two phases says of itself. */
static void read_phase(struct input *in, struct pgoutput_message *out)
{
    if (out->kind != 'b')
        out->flags = take8(in);
    out->lsn = take(in, 8);
    out->end_lsn = take(in, 8);
    out->time_us = take_time(in);
    if (out->kind == 'r')
        out->time_us = take_time(in);
    out->xid = take32(in);
    out->name = take_text(in);
}

/* Kinds that stand around rows. */
static bool read_frame(struct pgoutput *p, struct input *in, struct pgoutput_message *out)
{
    switch (out->kind) {
    case 'B':
        read_begin(in, out);
        break;
    case 'C':
        read_commit(in, out);
        break;
    case 'O':
        out->lsn = take(in, 8);
        out->name = take_text(in);
        break;
    case 'S':
        out->xid = take32(in);
        out->flags = take8(in);
        p->streaming = true;
        break;
    case 'E':
        p->streaming = false;
        break;
    case 'c':
        out->xid = take32(in);
        read_commit(in, out);
        break;
    case 'A':
        read_abort(in, out);
        break;
    case 'b':
    case 'P':
    case 'K':
    case 'r':
    case 'p':
        read_phase(in, out);
        break;
    default:
        return false;
    }
    return true;
}

/* Kinds that carry rows, or words about them. */
static bool read_content(struct pgoutput *p, struct input *in, struct pgoutput_message *out)
{
    if (p->streaming && out->kind && strchr("RYIUDTM", out->kind))
        out->xid = take32(in);
    switch (out->kind) {
    case 'R':
        read_relation(p, in, out);
        break;
    case 'Y':
        read_type(in, out);
        break;
    case 'I':
        read_insert(p, in, out);
        break;
    case 'U':
        read_update(p, in, out);
        break;
    case 'D':
        read_delete(p, in, out);
        break;
    case 'T':
        read_truncate(p, in, out);
        break;
    case 'M':
        read_note(in, out);
        break;
    default:
        return false;
    }
    return true;
}

enum pgoutput_result pgoutput_read(struct pgoutput *p, const uint8_t *bytes, size_t len,
                                   struct pgoutput_message *out)
{
    struct input in = {bytes, bytes + len, true, false};

    memset(out, 0, sizeof(*out));
    if (len == 0)
        return PGOUTPUT_BAD;
    out->kind = (char)take8(&in);
    if (!read_frame(p, &in, out) && !read_content(p, &in, out))
        return PGOUTPUT_UNKNOWN;
    if (in.memory)
        return PGOUTPUT_MEMORY;
    return in.good && in.at == in.end ? PGOUTPUT_OK : PGOUTPUT_BAD;
}

void pgoutput_free(struct pgoutput *p)
{
    free(p->columns);
    free(p->old_row);
    free(p->new_row);
    free(p->relations);
    memset(p, 0, sizeof(*p));
}

const char *pgoutput_name(char kind)
{
    static const struct {
        char kind;
        const char *name;
    } names[] = {
        {'B', "begin"},
        {'C', "commit"},
        {'O', "origin"},
        {'R', "relation"},
        {'Y', "type"},
        {'I', "insert"},
        {'U', "update"},
        {'D', "delete"},
        {'T', "truncate"},
        {'M', "message"},
        {'S', "stream start"},
        {'E', "stream stop"},
        {'c', "stream commit"},
        {'A', "stream abort"},
        {'b', "begin prepare"},
        {'P', "prepare"},
        {'K', "commit prepared"},
        {'r', "rollback prepared"},
        {'p', "stream prepare"},
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (names[i].kind == kind)
            return names[i].name;
    return NULL;
}
