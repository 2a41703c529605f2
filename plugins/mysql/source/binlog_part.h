/* What the files of the binary log's decoder share. */
#ifndef MYSQL_BINLOG_PART_H
#define MYSQL_BINLOG_PART_H

#include "binlog.h"

#include <endian.h>
#include <iconv.h>
#include <stdlib.h>

#define BINLOG_HEAD 19
#define BINLOG_CHECKSUM 4
/* The largest event: a server's max_allowed_packet is at most 1 GiB, and some more go around it. */
#define BINLOG_EVENT_MAX ((size_t)(1u << 30) + (64u << 20))

/* The server's numbers of column types in a table map. */
enum {
    LOG_DECIMAL = 0,
    LOG_TINY = 1,
    LOG_SHORT = 2,
    LOG_LONG = 3,
    LOG_FLOAT = 4,
    LOG_DOUBLE = 5,
    LOG_TIMESTAMP = 7,
    LOG_LONGLONG = 8,
    LOG_INT24 = 9,
    LOG_DATE = 10,
    LOG_TIME = 11,
    LOG_DATETIME = 12,
    LOG_YEAR = 13,
    LOG_NEWDATE = 14,
    LOG_VARCHAR = 15,
    LOG_BIT = 16,
    LOG_TIMESTAMP2 = 17,
    LOG_DATETIME2 = 18,
    LOG_TIME2 = 19,
    LOG_BLOB_COMPRESSED = 140,
    LOG_VARCHAR_COMPRESSED = 141,
    LOG_VECTOR = 242,
    LOG_JSON = 245,
    LOG_NEWDECIMAL = 246,
    LOG_ENUM = 247,
    LOG_SET = 248,
    LOG_BLOB = 252,
    LOG_VAR_STRING = 253,
    LOG_STRING = 254,
    LOG_GEOMETRY = 255,
};

/* Bytes that are left to read. */
struct span {
    const uint8_t *at, *end;
};

static inline size_t span_left(const struct span *in)
{
    return (size_t)(in->end - in->at);
}

/* NULL: there aren't so many. */
static inline const uint8_t *span_take(struct span *in, size_t len)
{
    const uint8_t *at = in->at;

    if (len > span_left(in))
        return NULL;
    in->at += len;
    return at;
}

/* Numbers of up to 8 bytes, lowest or highest first. */
static inline uint64_t little_load(const uint8_t *at, size_t bytes)
{
    uint64_t value = 0;

    for (size_t i = 0; i < bytes; i++)
        value |= (uint64_t)at[i] << (8 * i);
    return value;
}

static inline uint64_t big_load(const uint8_t *at, size_t bytes)
{
    uint64_t value = 0;

    for (size_t i = 0; i < bytes; i++)
        value = value << 8 | at[i];
    return value;
}

static inline bool span_little(struct span *in, size_t bytes, uint64_t *value)
{
    const uint8_t *at = span_take(in, bytes);

    if (at)
        *value = little_load(at, bytes);
    return at;
}

/* The protocol's packed number. */
static inline bool span_packed(struct span *in, uint64_t *value)
{
    const uint8_t *at = span_take(in, 1);

    if (!at || *at == 251 || *at == 255)
        return false;
    if (*at < 251) {
        *value = *at;
        return true;
    }
    return span_little(in, *at == 252 ? 2 : *at == 253 ? 3 : 8, value);
}

/* Memory of one row's values: given back all at once. */
struct pile_block;
struct pile {
    struct pile_block *first, *now;
    size_t used; /* of now */
};
/* NULL: out of memory. */
void *pile_take(struct pile *pile, size_t len);
void pile_reset(struct pile *pile); /* keeps the first block */
void pile_free(struct pile *pile);

/* A text that grows in an pile, up to a limit; broken is set when memory or the limit is out. */
struct pile_text {
    struct pile *pile;
    char *ptr;
    size_t len, room, limit;
    bool no_memory, too_long;
};
void pile_text_add(struct pile_text *text, const void *bytes, size_t len);
static inline bool pile_text_broken(const struct pile_text *text)
{
    return text->no_memory || text->too_long;
}

/* What a value's decoding came to; the words are made by the one who knows the column. */
enum outcome {
    OUTCOME_OK = 0,
    OUTCOME_SHORT,     /* the event ends within it */
    OUTCOME_BAD,       /* no such value */
    OUTCOME_NO_MEMORY, /* */
    OUTCOME_CHARSET,   /* text that its character set doesn't have */
    OUTCOME_NO_BASE,   /* a part of a JSON value whose old value isn't in the log */
};

/* binlog_charset.c */
enum charset_table {
    CHARSET_ARMSCII8,
    CHARSET_CP1250,
    CHARSET_CP1251,
    CHARSET_CP1256,
    CHARSET_CP1257,
    CHARSET_CP850,
    CHARSET_CP852,
    CHARSET_CP866,
    CHARSET_DEC8,
    CHARSET_GEOSTD8,
    CHARSET_GREEK,
    CHARSET_HEBREW,
    CHARSET_HP8,
    CHARSET_KEYBCS2,
    CHARSET_KOI8R,
    CHARSET_KOI8U,
    CHARSET_LATIN1_TABLE,
    CHARSET_LATIN2,
    CHARSET_LATIN5,
    CHARSET_LATIN7,
    CHARSET_MACCE,
    CHARSET_MACROMAN,
    CHARSET_SWE7,
    CHARSET_TIS620,
};
extern const uint16_t charset_tables[][128];

/* A character that the server takes for another than iconv does. */
struct charset_other {
    uint32_t bytes, code;
};
enum { CHARSET_BIG5_OTHERS = 267, CHARSET_SJIS_OTHERS = 7, CHARSET_UJIS_OTHERS = 9 };
/* Sorted by bytes. */
extern const struct charset_other charset_big5_others[CHARSET_BIG5_OTHERS],
    charset_sjis_others[CHARSET_SJIS_OTHERS], charset_ujis_others[CHARSET_UJIS_OTHERS];

enum charset_way {
    CHARSET_BYTES = 1, /* UTF-8 as it is */
    CHARSET_TABLE,     /* one byte for each character */
    CHARSET_WIDE,      /* code units of 2 or 4 bytes */
    CHARSET_ICONV,
};
struct charset {
    const char *name;
    uint8_t way;
    uint8_t unit;      /* WIDE: bytes of a code unit */
    uint8_t is_little; /* WIDE: lowest byte first */
    uint8_t table;     /* TABLE */
    const char *iconv_name;
    const struct charset_other *others; /* ICONV: or NULL */
    uint16_t nothers;
};
const struct charset *charset_find(const char *name); /* NULL: unknown */
/* Makes value UTF-8; cd is an open conversion for ICONV. */
int charset_decode(const struct charset *charset, iconv_t cd, struct rnl_value *value,
                   struct pile *pile);

/* How the bytes of a column are laid out. */
enum layout {
    LAYOUT_INT = 1, /* size bytes */
    LAYOUT_YEAR,
    LAYOUT_FLOAT,
    LAYOUT_DOUBLE,
    LAYOUT_DECIMAL,
    LAYOUT_DATE,
    LAYOUT_TIME,
    LAYOUT_DATETIME,
    LAYOUT_TIMESTAMP,
    LAYOUT_OLD_TIME, /* of tables made before fractions of seconds */
    LAYOUT_OLD_DATETIME,
    LAYOUT_OLD_TIMESTAMP,
    LAYOUT_SCALED_TIME, /* of such tables with fractions, of MariaDB */
    LAYOUT_SCALED_DATETIME,
    LAYOUT_SCALED_TIMESTAMP,
    LAYOUT_BIT,     /* size bytes */
    LAYOUT_ENUM,    /* size bytes */
    LAYOUT_SET,     /* size bytes */
    LAYOUT_COUNTED, /* size bytes of length, and so many bytes */
};

/* What is made of counted bytes. */
enum make {
    MAKE_BYTES = 0,
    MAKE_PADDED, /* to pad bytes */
    MAKE_TEXT,   /* by charset */
    MAKE_JSON,   /* of MySQL's binary form */
    MAKE_UUID,
    MAKE_INET4,
    MAKE_INET6,
};

struct field_op {
    uint8_t layout;
    uint8_t make;
    uint8_t size;
    uint8_t is_signed;
    uint8_t precision, scale;
    uint8_t compressed; /* MariaDB's COMPRESSED */
    uint8_t json;       /* binary JSON: may come as a difference */
    uint16_t type;      /* enum rnl_type */
    uint16_t bits;
    uint32_t pad;
    uint32_t column; /* of the described table; UINT32_MAX: read and dropped */
    const struct rnl_column *described;
    const struct charset *charset;
    iconv_t cd;
    struct span old; /* of JSON: the bytes in the row's image before */
    bool old_there;
};

struct log_table {
    struct binlog_table shown;
    struct log_table *next; /* of its bucket */
    struct binlog *log;
    uint64_t statement; /* that needs it */
    size_t body_len;
    uint8_t *body; /* the map as it came, behind its id and flags */
    const uint8_t *types;
    const uint8_t *meta;
    uint32_t *meta_at;    /* of each column, in meta */
    struct span optional; /* the optional metadata */
    struct field_op *ops; /* of each column of the log; NULL: not fitted */
    const struct rnl_table *described;
    uint32_t njson;
};

#define TABLE_BUCKETS 1024
#define TABLES_MAX 16384

#define CHARSETS_OPEN 8

/* What grows with what really comes. */
struct growing {
    uint8_t *ptr;
    size_t len, room;
};

struct rows_state {
    struct log_table *table;
    struct span in;
    const uint8_t *present, *present_after; /* bitmaps of columns */
    uint8_t op;
    bool packed; /* in is deflated yet */
    bool partial;
    bool begun; /* a row was read */
    bool open;
};

struct binlog {
    struct log_table *buckets[TABLE_BUCKETS];
    uint32_t ntables;
    uint64_t statement; /* counts them */
    struct span event;  /* fed, not given yet */
    bool checksums, checksums_known;
    struct rows_state rows;
    struct pile pile;        /* of a row */
    struct growing inflated; /* a MariaDB event */
    struct growing inner;    /* an event of a compressed transaction */
    void *zstd;              /* ZSTD_DStream; made when first needed */
    struct span payload;     /* compressed bytes that are left */
    uint64_t payload_bytes;  /* that should come of them yet */
    bool in_payload, payload_plain;
    struct {
        const struct charset *charset;
        iconv_t cd;
    } open[CHARSETS_OPEN];
};

/* binlog_fail.c: the words */
int log_malformed(struct rnl_error *err, const char *what);
int log_no_memory(struct rnl_error *err);

/* binlog_events.c: body is what stands behind the head, without checksum */
int event_rotate(struct span body, struct binlog_event *event, struct rnl_error *err);
int event_heartbeat(struct span body, struct binlog_event *event, struct rnl_error *err);
int event_gtid(struct span body, struct binlog_event *event, struct rnl_error *err);
int event_gtid_tagged(struct span body, struct binlog_event *event, struct rnl_error *err);
int event_mariadb_gtid(struct span body, struct binlog_event *event, struct rnl_error *err);
int event_query(struct binlog *log, struct span body, struct binlog_event *event,
                struct rnl_error *err);
int event_xid(struct span body, struct binlog_event *event, struct rnl_error *err);
int event_xa_prepare(struct span body, struct binlog_event *event, struct rnl_error *err);

/* binlog_unpack.c */
bool growing_reserve(struct growing *growing, size_t room);
void growing_shrink(struct growing *growing); /* lets go of much, and of what it holds */
/* Inflates MariaDB's compressed part of an event: *body becomes what it was. */
int log_inflate(struct growing *out, struct span *body, struct rnl_error *err);
int payload_open(struct binlog *log, struct span body, struct rnl_error *err);
/* OK: an event; DONE: there is none left. */
int payload_next(struct binlog *log, struct span *event, struct rnl_error *err);
/* MariaDB's COMPRESSED columns. */
int column_inflate(struct rnl_value *value, struct pile *pile);

/* binlog_table.c */
int table_map(struct binlog *log, struct span body, struct rnl_error *err);
struct log_table *table_find(struct binlog *log, uint64_t id);
void tables_forget(struct binlog *log);
/* The layout of a column by the map alone. -1: a type that isn't known. */
int layout_set(const struct log_table *table, uint32_t column, struct field_op *op, uint8_t *type);

/* binlog_row.c */
int rows_open(struct binlog *log, uint8_t type, struct span body, struct binlog_event *event,
              struct rnl_error *err);

/* binlog_value.c */
int value_read(struct field_op *op, struct span *in, struct rnl_value *value, struct pile *pile);
size_t decimal_size(unsigned precision, unsigned scale);
/* text has room for DECIMAL_TEXT; returns its length. */
#define DECIMAL_TEXT 96
size_t decimal_write(const uint8_t *bytes, unsigned precision, unsigned scale, char *text);

/* binlog_json.c: MySQL's binary form as the server's text */
int json_text(struct span in, struct pile_text *out);
/* binlog_json_diff.c: the value with differences applied, as text */
int json_apply(struct span old, struct span diffs, struct pile *pile, struct rnl_value *value);

#endif
