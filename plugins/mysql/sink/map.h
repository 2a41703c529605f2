/* How the source's tables are to stand in the target, and the statements that make them. */
#ifndef MYSQL_MAP_H
#define MYSQL_MAP_H

#include "element.h"
#include "expr.h"
#include "ident.h"
#include "sink.h"
#include "tell.h"

#define KEY_BYTES 3072  /* of all parts of an index */
#define ROW_BYTES 65535 /* of a row, without what stands beside it */
#define PART_COUNT 16   /* parts of an index */

/* What a column's type is made of, as far as keys and rows count it. */
enum shape {
    SHAPE_FIXED,      /* type says all */
    SHAPE_CHARS,      /* varchar(length) */
    SHAPE_BYTES,      /* varbinary(length) */
    SHAPE_LONG_TEXT,  /* longtext, or another that keys hold by a prefix alone */
    SHAPE_LONG_BYTES, /* longblob */
    SHAPE_JSON,       /* in no key at all */
    SHAPE_GEOMETRY,
};

/* How one column is meant to stand: decided from the catalog and the policies alone. */
struct map_column {
    const char *name;
    const char *type;    /* SQL, complete once types_decide() is through */
    const char *charset; /* " CHARACTER SET … COLLATE …" behind type; or "" */
    enum shape shape;
    uint32_t length;     /* of CHARS and BYTES */
    uint32_t bytes;      /* of FIXED: in an index */
    uint32_t char_bytes; /* of texts */
    bool open;           /* without a length in the source: ours may be changed */
    bool keyed;          /* stands in an index or foreign key of the source */
    bool verbatim;       /* the source's own type */
    bool bytewise;       /* a text whose collation tells bytes apart */
    enum expr_class yields;
    const char *generated; /* the translated expression, or NULL */
};

struct map_table {
    struct table_name name;
    struct map_column *columns;
    const char *charset; /* as of a column, for all that say nothing of it */
    bool same;           /* dialect as ours: expressions as they are */
    bool exists;         /* in the target, before the run */
    bool *hashed;        /* of each index: a unique one of values that are too long */
    bool *in_create;     /* of each index: stands in CREATE TABLE */
    const char **index_names;
};

/* All that one call of sink_map() or sink_evolve() works with; control thread. */
struct mapper {
    struct my_sink *sink;
    const struct rnl_job *job;
    const struct rnl_catalog *catalog;
    struct rnl_steps *steps;
    struct rnl_error *err;
    struct pool pool;
    struct map_table *tables;
    uint32_t ntables;
    bool resuming;
    uint32_t step_flags;       /* of the steps that are added next */
    struct idents existing;    /* what stands in the target: see target.c */
    struct idents constraints; /* foreign keys and checks: one namespace in a database */
    struct idents collations;  /* that the server knows */
    const char *collation;     /* of texts of other dialects */
    /* of sink_evolve() alone */
    bool quiet;                  /* tells nothing */
    bool evolves;                /* it tells of the topic alone */
    uint32_t topic;              /* the table that is altered */
    const struct idents *topics; /* its columns, indexes, … that it tells of; NULL: of all */
    const struct map_column *const *pinned; /* of the topic: columns that stay as these; or NULL */
    const char *pinned_charset;             /* of the topic; or NULL */
    bool keeps;                             /* steps go to kept */
    struct kept_steps kept;
};

const struct rnl_table *mapper_table(const struct mapper *m, uint32_t table);
/* A text in the pool; the buf is emptied. NULL: no memory. */
const char *mapper_take(struct mapper *m, struct buf *text);
/* Tells a person: object may be NULL; policy too. */
void map_find(const struct mapper *m, uint32_t table, enum rnl_severity severity, const char *code,
              const char *object, const char *policy, const char *fmt, ...) RNL_PRINTF(7, 8);
/* Adds a step "what schema.table object"; text is emptied. object may be NULL. */
int map_step(struct mapper *m, enum rnl_phase phase, const char *what, uint32_t table,
             const char *object, uint32_t weight, struct buf *text);
/* The table of the catalog; UINT32_MAX: not in this run. */
uint32_t map_find_table(const struct mapper *m, const char *schema, const char *name);
/* Appends the translation of an expression: see expr.h. */
bool map_expression(const struct mapper *m, uint32_t table, const char *text, bool exact,
                    struct buf *out, enum expr_class *yields, const char **why);
void sql_name(struct buf *sql, const char *name);
void sql_literal(struct buf *sql, const char *text);

/* collation.c: which the server has, and which texts of other dialects get */
int collations_learn(struct mapper *m);
/* " CHARACTER SET … COLLATE …" for a text column; texts of a foreign dialect: the mapper's. */
const char *collation_of(struct mapper *m, uint32_t table, uint32_t column, bool *bytewise);
/* The same of a table, by what its storage says; NULL: nothing that the server knows. */
const char *collation_of_table(struct mapper *m, uint32_t table);

/* types.c: fills all columns of a table, with findings. */
int types_decide(struct mapper *m, uint32_t table);
/* native.c: true: the source's own type serves, and column is filled. */
bool native_type(struct mapper *m, uint32_t table, uint32_t index, struct map_column *column);
/* lengths.c: lengths of texts in keys, and that the row isn't too long. */
int lengths_fit(struct mapper *m, uint32_t table);

/* target.c: what schema_policy and write_mode forbid, and what stands there already. */
int target_look(struct mapper *m);
/* Whether a table that stands there is in the way of one to be made. */
int target_check(struct mapper *m, uint32_t table);
/* Whether the table that stands there is to go. */
bool target_drops(const struct mapper *m, uint32_t table);
/* A table's object that exists: kind 'i' (index), 'f' (foreign key), 'r' (the table itself). */
bool target_has(const struct mapper *m, uint32_t table, char kind, const char *name);

/* map.c: all that decides how tables stand, before any step */
int mapper_decide(struct mapper *m);
void mapper_free(struct mapper *m);

/* ddl.c: a column as CREATE TABLE and ALTER TABLE have it, without its name */
void ddl_column(struct mapper *m, uint32_t table, uint32_t column, struct buf *sql);
/* " COMMENT=…" of the table, or nothing */
void ddl_table_comment(struct mapper *m, uint32_t table, struct buf *sql);
/* the step that makes a table; and that which sets its next number */
int ddl_table(struct mapper *m, uint32_t table);
int ddl_values(struct mapper *m, uint32_t table);
/* ddl_default.c: adds " DEFAULT …" when the source's default translates; tells when not. */
void ddl_default(struct mapper *m, uint32_t table, uint32_t column, struct buf *sql);
/* ddl_index.c */
int ddl_index_names(struct mapper *m, uint32_t table);
/* Adds ",\n  KEY …" of those that stand in CREATE TABLE; all: every one that can. */
void ddl_inline_indexes(struct mapper *m, uint32_t table, bool all, struct buf *sql);
int ddl_indexes(struct mapper *m, uint32_t table);
/* "UNIQUE KEY `name` (…)"; NULL, or why it can't be. */
const char *ddl_index(struct mapper *m, uint32_t table, uint32_t index, struct buf *sql);
/* Whether it takes a statement of its own. */
bool ddl_index_alone(const struct rnl_index *index);
/* What it is called in the target. */
const char *ddl_index_name(const struct mapper *m, uint32_t table, uint32_t index);
/* Whether a column is the first of an index that is made, as AUTO_INCREMENT needs. */
bool ddl_leads_index(const struct mapper *m, uint32_t table, uint32_t column);
/* ddl_constraint.c */
int ddl_foreign_keys(struct mapper *m, uint32_t table);
int ddl_foreign_key(struct mapper *m, uint32_t table, const struct rnl_foreign_key *fk);
void ddl_inline_checks(struct mapper *m, uint32_t table, struct buf *sql);
/* "CONSTRAINT `name` CHECK (…)", or nothing. */
void ddl_check(struct mapper *m, uint32_t table, const struct rnl_check *check, struct buf *sql);
/* The attempt-th name, of 3, that a constraint may have got. */
bool constraint_candidate(const struct mapper *m, uint32_t table, const char *wanted, int attempt,
                          char out[IDENT_ROOM]);
/* What it is called in the source, or would be. */
const char *foreign_key_wanted(const struct rnl_foreign_key *fk);
const char *check_wanted(const struct rnl_check *check);
/* ddl_standing.c: looks at the keys of tables that stood before, when the rows have come */
int ddl_standing_keys(struct mapper *m);
/* ddl_partition.c */
void ddl_partitions(struct mapper *m, uint32_t table, struct buf *sql);
/* "PARTITION name VALUES …" */
void ddl_partition(const struct rnl_table *table, const struct rnl_partition *partition,
                   struct buf *sql);

#endif
