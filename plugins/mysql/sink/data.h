/* What the files share that write rows into MySQL and MariaDB, and read them back. */
#ifndef MYSQL_SINK_DATA_H
#define MYSQL_SINK_DATA_H

#include "buf.h"
#include "changeset.h"
#include "element.h"
#include "row.h"
#include "sink.h"

/* How a column stands in the target. */
enum my_kind {
    MY_OTHER = 0, /* a type that can't be written */
    MY_INT,       /* tinyint to bigint: width, is_unsigned */
    MY_YEAR,
    MY_DECIMAL, /* precision, scale */
    MY_FLOAT,
    MY_DOUBLE,
    MY_BIT,    /* length: bits */
    MY_CHAR,   /* char(length): blanks at the end are lost */
    MY_TEXT,   /* varchar(length), and text of length bytes */
    MY_ENUM,   /* its label */
    MY_SET,    /* its labels, joined by commas */
    MY_BINARY, /* binary(length): filled up with zeros */
    MY_BYTES,  /* varbinary(length), blob */
    MY_DATE,
    MY_TIME, /* scale: digits of a second's fraction */
    MY_DATETIME,
    MY_TIMESTAMP,
    MY_JSON, /* MySQL's own type: texts come back in another spelling */
    MY_UUID, /* MariaDB */
    MY_INET4,
    MY_INET6,
    MY_GEOMETRY,
    MY_VECTOR,
    MY_KINDS
};

/* A column as the target really has it; made by bind. */
struct bound_column {
    const struct rnl_column *source;
    const char *name;
    const char *spelled; /* its type in the target; NULL: there is no such column */
    enum my_kind kind;
    uint8_t width;    /* bytes of an INT */
    bool is_unsigned; /* INT, DECIMAL, FLOAT, DOUBLE */
    bool nullable;
    bool written;              /* false: the target computes it */
    bool in_bytes;             /* length counts bytes, of the text types; else characters */
    uint8_t scale;             /* of DECIMAL; of a second's fraction */
    uint8_t precision;         /* of DECIMAL */
    uint64_t length;           /* see enum my_kind */
    bool as_json;              /* a text of several values is written as JSON */
    bool mariadb;              /* whose DOUBLE has one zero, and whose TIME ends later */
    bool exact;                /* a text of the key, all of whose bytes count */
    bool bytewise;             /* a text that the target compares by all of its bytes */
    bool far_future;           /* a TIMESTAMP that goes on after 2038 (MariaDB 11.5) */
    uint8_t wire_type;         /* of a parameter: MYSQL_TYPE_* */
    uint8_t wire_flag;         /* 0x80: unsigned */
    struct rnl_column natural; /* the type in which row.h reads it */
};

struct bound_table {
    const struct rnl_table *source;
    const char *database, *name;
    const char *qualified;        /* `database`.`table` */
    struct bound_column *columns; /* in the catalog's order, source->ncolumns of them */
    uint32_t nwritten;
    uint32_t *key; /* columns that tell rows apart; NULL: none */
    uint32_t nkey;
    bool enums;  /* it has columns of type ENUM */
    bool by_key; /* upsert: another unique key stands in the way of ON DUPLICATE KEY UPDATE */
    bool upsert; /* rows replace those that have their key */
    bool ranges; /* the key is one integer: may be read in ranges of it */
    const char *insert_head; /* INSERT INTO … (…) VALUES */
    const char *insert_tail; /* ON DUPLICATE KEY UPDATE …, or "" */
};

/* What stands in a writer's transaction. */
enum writer_mode { WRITER_IDLE = 0, WRITER_WRITING, WRITER_READING };

struct change;
struct batch;
struct target_keys;

/* Statements that stay prepared. */
enum { PREPARED_MAX = 96 };
struct prepared {
    struct text sql;
    MYSQL_STMT *statement; /* NULL: none */
    uint64_t used;
};

struct my_writer {
    struct my_sink *sink;
    struct conn *conn;
    enum writer_mode mode;
    struct batch *batch;  /* rows that are encoded, and statements that the server works on */
    struct buf scratch;   /* of one value that a policy changed */
    uint64_t view_number; /* of the rows that it reads: see read.c */
    struct prepared prepared[PREPARED_MAX]; /* see command_repeat() */
    uint64_t prepared_clock;
    bool loose;                      /* see loose.c */
    bool comparing;                  /* values are looked for, and not written */
    bool foreign_keys;               /* foreign_key_checks of the session */
    bool bulk;                       /* the server takes arrays of rows: see batch.c */
    bool replaying;                  /* as the last bundle of changes was */
    struct changeset set;            /* changes that are gathered */
    struct target_keys *target_keys; /* of the tables at keys_of: see apply_keys.c */
    const struct bound_table *keys_of;
    struct change *changes; /* of the open transaction: see changes.c */
    uint32_t nchanges;
    struct buf expect_text; /* what writer_expect lent last */
    struct made *expect_made;
    struct rnl_value *expect_values;
    uint32_t expect_room;
};

/* bind.c */
int sink_bind(void *self, const struct rnl_job *job, const struct rnl_catalog *catalog,
              struct rnl_error *err);
const struct bound_table *bound_find(const struct my_sink *sink, uint32_t table,
                                     struct rnl_error *err);
/* bind_keys.c: the tables by their names in the target */
struct binding {
    struct my_sink *sink;
    uint32_t count;
    struct bound_table **by_name;
};
int tables_name(struct binding *binding, const struct rnl_catalog *catalog, struct rnl_error *err);
struct bound_table *table_named(const struct binding *binding, const char *database,
                                const char *name);
/* The condition that picks their rows in information_schema. */
void names_condition(struct text *sql, const struct binding *binding);
int keys_bind(struct binding *binding, const struct rnl_job *job, struct rnl_error *err);

/* column.c: one column as information_schema tells it */
struct column_facts {
    const char *data_type, *column_type, *charset, *collation;
    bool nullable, generated;
    uint64_t characters, bytes;
    unsigned precision, scale, fraction;
    bool mariadb;
    unsigned version;
};
void bound_column_set(struct bound_column *column, const struct column_facts *facts);

/* policy.c: what the target should hold for a source's value: the policies, applied. */
enum policy_result { POLICY_SAME, POLICY_CHANGED, POLICY_REFUSED };
/* SAME: in stands as it is. CHANGED: out, which may lie in scratch. REFUSED: why says so. */
enum policy_result policy_apply(const struct sink_config *config, const struct bound_column *column,
                                const struct rnl_value *in, struct rnl_value *out,
                                struct buf *scratch, const char **why);

/*
 * encode.c: appends a value, which is not NULL, as a parameter of the binary protocol.
 * false: why says what is wrong with it. The policies are applied before.
 */
bool encode_value(struct buf *out, const struct bound_column *column, const struct rnl_value *value,
                  const char **why);
/* Whether the values are texts in another form than JSON, and are to become JSON. */
bool becomes_json(const struct bound_column *column);
/* Whether values of a source's column can be written into this one, and read back. */
bool encode_accepts(const struct bound_column *column);
/* Whether a value of at least so many bytes is written as these bytes and nothing else. */
enum plain { PLAIN_NO, PLAIN_YES, PLAIN_REFUSED };
enum plain encode_plain(const struct bound_column *column, const struct rnl_value *value,
                        size_t least, const char **why);

/*
 * decode.c: what was read as column->natural into a value of the source column's type.
 * What it has to make stands in scratch, which may move: see made_settle().
 */
struct made {
    struct rnl_value value;
    size_t offset; /* in scratch, when made */
    bool made;
};
bool decode_value(const struct bound_column *column, const struct rnl_value *natural,
                  struct buf *scratch, struct made *out);
static inline struct rnl_value made_settle(const struct made *made, const struct buf *scratch)
{
    struct rnl_value value = made->value;

    if (made->made)
        value.ptr = scratch->ptr + made->offset;
    return value;
}

/* spell.c: other forms of values, each with its way back; false: it has none */
bool spell_json(const struct bound_column *column, const struct rnl_value *value, struct buf *out,
                const char **why); /* of arrays, composites, maps and vectors */
bool spell_uuid(const void *bytes, size_t len, struct buf *out);
bool parse_uuid(const char *text, size_t len, uint8_t uuid[16]);
bool spell_clock(int64_t us, struct buf *out);
bool parse_clock(const char *text, size_t len, int64_t *us);
/* "P1DT2H" of days and less as microseconds, and back in one form. */
bool parse_interval(const char *text, size_t len, int64_t *us);
void spell_interval(int64_t us, struct buf *out);
bool parse_point(const char *text, size_t len, double point[2]);
void spell_point(const double point[2], struct buf *out);
bool parse_vector(const char *text, size_t len, struct buf *out);
/* Whether MySQL's JSON keeps each number of a text: those it can't hold exactly are changed. */
bool json_is_kept(const char *text, size_t len);

/*
 * batch.c: rows into a table, by the way that the server takes them the fastest. bulk: it
 * takes arrays of rows, as MariaDB does unless it logs statements.
 */
int batch_open(struct my_writer *w, bool bulk, struct rnl_error *err);
void batch_close(struct my_writer *w);
int batch_row(struct my_writer *w, const struct bound_table *table, const struct rnl_row *row,
              struct rnl_error *err);
/* All rows stand in the target: what the server says against them is told here at the latest. */
int batch_end(struct my_writer *w, struct rnl_error *err);
/* What the server says of rows that were sent. */
int batch_settle(struct my_writer *w, struct rnl_error *err);
/* One row by itself, now. */
int batch_single(struct my_writer *w, const struct rnl_row *row, struct rnl_error *err);
/* Forgets rows that weren't sent, and what is said of those that were. */
void batch_drop(struct my_writer *w);

/* loose.c: rows that hold the empty label, which the server keeps for what no label fits */
bool row_is_loose(const struct bound_table *table, const struct rnl_row *row);
int loose_row(struct my_writer *w, const struct rnl_row *row, struct rnl_error *err);
/* Around a statement; end gives status on, and what went wrong first. */
int loose_begin(struct my_writer *w, struct rnl_error *err);
int loose_end(struct my_writer *w, int status, struct rnl_error *err);

/* values.c: a row's values, policies applied, in words where that fails */
/* Names the row by its key, as far as that can be said in a line: "with id = 5". */
void row_describe(struct buf *text, const struct bound_table *table, const struct rnl_row *row);
int value_refuse(const struct bound_table *table, const struct rnl_row *row, uint32_t column,
                 const char *why, struct rnl_error *err);
/* A value that no packet can hold which the server takes. */
int packet_refuse(const struct my_writer *w, const struct bound_table *table,
                  const struct rnl_row *row, uint32_t column, struct rnl_error *err);
/* *out: the value itself, or *changed as the policies want it, which is counted. */
int value_take(struct my_writer *w, const struct bound_table *table, const struct rnl_row *row,
               uint32_t column, struct rnl_value *changed, const struct rnl_value **out,
               struct rnl_error *err);

/*
 * command.c: one statement with parameters of the binary protocol. One of several rows
 * counts them in rows, before their values are added, and holds no large values.
 */
struct command {
    const struct bound_table *table; /* that errors are about; NULL: none */
    struct text sql;
    struct buf values;
    struct buf types; /* two bytes each */
    struct buf nulls; /* one byte each; bulk: they stand with the values */
    struct buf longs; /* values that are sent by themselves */
    uint32_t count;
    uint32_t rows;     /* 0: of one row */
    bool bulk;         /* an array of rows for a statement of one: MariaDB alone */
    uint64_t inserted; /* MySQL, of an INSERT that may find its rows: those that it didn't find */
};
/* Adds the value of a column as the next parameter; the caller writes the question mark. */
int command_add(struct my_writer *w, struct command *command, const struct bound_table *table,
                const struct rnl_row *row, uint32_t column, struct rnl_error *err);
void command_bytes(struct command *command, const void *bytes, size_t len); /* NULL: NULL */
void command_text(struct command *command, const char *text);
void command_number(struct command *command, uint64_t number);
/* *rows: that the statement found, changed or not. */
int command_run(struct my_writer *w, struct command *command, const char *doing, uint64_t *rows,
                struct rnl_error *err);
/* As command_run, and the statement is kept for the next of the same text. */
int command_repeat(struct my_writer *w, struct command *command, const char *doing, uint64_t *rows,
                   struct rnl_error *err);
void command_forget(struct my_writer *w);
void command_clear(struct command *command);
void command_free(struct command *command);

/* wire below the library: see batch.c */
void put_length(struct buf *out, uint64_t len);
static inline void put_le(struct buf *out, uint64_t value, size_t bytes)
{
    if (!buf_reserve(out, 8))
        return;
    memcpy(out->ptr + out->len, &value, 8);
    out->len += bytes;
}

/* data_error.c: what the server says of rows, with the column it names */
int data_error(struct my_writer *w, const struct bound_table *table, const char *doing,
               struct rnl_error *err);
/* Which column the words name (column 'x', column `database`.`table`.`x`); "": none. */
void column_named(const char *words, char *name, size_t size);
/* The server changed a value in silence, and said so by a warning. */
int data_warnings(struct my_writer *w, const struct bound_table *table, struct rnl_error *err);

/* writer.c, savepoint.c, commit.c, repair.c, letters.c */
int writer_open(void *self, uint32_t lane, void **writer, struct rnl_error *err);
void writer_close(void *writer);
int writer_apply(void *writer, struct rnl_bundle *in, struct rnl_error *err);
int writer_commit(void *writer, const struct rnl_checkpoint *checkpoint, struct rnl_error *err);
int writer_rollback(void *writer, struct rnl_error *err);
int writer_begin(struct my_writer *w, struct rnl_error *err);
int writer_savepoint(void *writer, struct rnl_error *err);
int writer_release(void *writer, struct rnl_error *err);
int writer_undo(void *writer, struct rnl_error *err);
int writer_letter(void *writer, const struct rnl_letter *letter, struct rnl_error *err);
int writer_letter_remove(void *writer, const char *pipeline, uint64_t id, struct rnl_error *err);
int sink_letters(void *self, const char *pipeline, uint64_t after, uint32_t limit, bool with_rows,
                 struct rnl_letters *letters, struct rnl_error *err);
int writer_remove(void *writer, const struct rnl_row *row, struct rnl_error *err);
int update_by_key(struct my_writer *w, const struct bound_table *table, const struct rnl_row *row,
                  bool *found, struct rnl_error *err);
int repair_update(struct my_writer *w, const struct bound_table *table, const struct rnl_row *row,
                  struct rnl_error *err);
/* upsert.c: a row into a table that has other unique keys beside its own */
int upsert_row(struct my_writer *w, const struct bound_table *table, const struct rnl_row *row,
               struct rnl_error *err);

/* changes.c: told by changes_tell(), after the commit; forgotten by a rollback */
int changes_add(struct my_writer *w, const struct bound_table *table, uint32_t column,
                const struct rnl_value *value, struct rnl_error *err);
void changes_tell(struct my_writer *w);
/* What was changed since the mark is taken back: of a part (savepoint.c), of a set in it (apply.c).
 */
enum changes_of { CHANGES_OF_PART, CHANGES_OF_SET, CHANGES_MARKS };
void changes_mark(struct my_writer *w, enum changes_of what);
void changes_undo(struct my_writer *w, enum changes_of what);

/* How many bytes of valid UTF-8 stand at text; 0: none. */
size_t utf8_length(const unsigned char *text);

/* expect.c, read.c */
void read_forget_view(struct my_sink *sink);
void sink_read_anew(void *self);
bool sink_reads_keys(void *self, uint32_t table, const uint32_t *key, uint32_t nkey);
int writer_expect(void *writer, const struct rnl_row *row, struct rnl_row *out,
                  struct rnl_error *err);
int sink_read_plan(void *self, const struct rnl_catalog *catalog, uint32_t table,
                   int64_t chunk_bytes, struct rnl_plan *plan, struct rnl_error *err);
int writer_read_open(void *writer, const struct rnl_unit *unit, void **cursor,
                     struct rnl_error *err);
int writer_read_next(void *cursor, struct rnl_bundle *out, int timeout_ms, struct rnl_error *err);
void writer_read_close(void *cursor);

#endif
