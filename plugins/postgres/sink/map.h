/* How the source's tables are to stand in the target, and the statements that make them. */
#ifndef POSTGRES_MAP_H
#define POSTGRES_MAP_H

#include "idents.h"
#include "tell.h"

struct ordered {
    const struct rnl_table *table;
    uint32_t index;
};

/* A type that an extension brought, and where it lives in the target. */
struct ext_type {
    const char *schema, *name;
    struct ext_type *next;
};

struct map_object;

/* All that one call of sink_map() or sink_evolve() works with; control thread. */
struct mapper {
    struct pg_sink *sink;
    const struct rnl_job *job;
    const struct rnl_catalog *catalog;
    struct rnl_steps *steps;
    struct rnl_error *err;
    struct arena arena;
    struct map_table *tables;
    uint32_t ntables;
    struct ordered *order;   /* tables by name: see mapper_find() */
    struct idents relations; /* indexes and tables to be, as "schema"."name" */
    struct idents existing;  /* what stands in the target: see target.c */
    struct idents standing;  /* and of types, functions and the like: see objects.c */
    struct idents lacking;   /* built-in types that the target doesn't have */
    struct ext_type *ext_types;
    struct map_object *objects; /* of the catalog, those of PostgreSQL */
    uint32_t nobjects;
    const struct map_object **named; /* the same by name: see object_find() */
    uint32_t nnamed;                 /* of them, without extensions */
    bool keeps_schemas;
    bool resuming;
    uint32_t step_flags; /* of the steps that are added next */
    /* of sink_evolve() alone */
    bool quiet;                   /* tells nothing */
    bool evolves;                 /* it tells of the topic alone */
    uint32_t topic;               /* the table that is altered */
    const struct idents *topics;  /* its columns, indexes, … that it tells of; NULL: of all */
    const struct idents *leaving; /* "c name", "i name", "p ": what target_has() is not to see */
    bool keeps;                   /* steps go to kept */
    struct kept_steps kept;
};

const struct rnl_table *mapper_table(const struct mapper *m, uint32_t table);
/* By the source's names; UINT32_MAX: this run doesn't carry it. */
uint32_t mapper_find(const struct mapper *m, const char *schema, const char *name);

/* Tells a person: object may be NULL; policy too. */
void map_find(const struct mapper *m, uint32_t table, enum rnl_severity severity, const char *code,
              const char *object, const char *policy, const char *fmt, ...) RNL_PRINTF(7, 8);
/* Adds a step "what schema.table object"; text is emptied. object may be NULL. */
int map_step(struct mapper *m, enum rnl_phase phase, const char *what, uint32_t table,
             const char *object, struct buf *text);

/* types.c: fills kind and type of all columns of all tables, with findings. */
int types_decide(struct mapper *m);

/* target.c: what schema_policy and write_mode forbid, and what stands there already. */
int target_look(struct mapper *m);
/* Whether a table that stands there is in the way of one to be made. */
int target_check(struct mapper *m, uint32_t table);
/* validate.c: whether the tables that stay can take the source's columns: lists what not. */
int target_validate(struct mapper *m);
/* Whether the table that stands there is to go. */
bool target_drops(const struct mapper *m, uint32_t table);
/* A table's object that exists: kind 'i' (index, by name), 'c' (constraint), 'p' (any primary key).
 */
bool target_has(const struct mapper *m, uint32_t table, char kind, const char *name);

/* ddl.c: the step that makes a table, and those for what belongs to its columns. */
int ddl_table(struct mapper *m, uint32_t table);
/* The step that empties a table whose structure is left alone. */
int ddl_truncate(struct mapper *m, uint32_t table);
/* A column as CREATE TABLE and ADD COLUMN have it: "name type … NOT NULL". */
void ddl_column(struct mapper *m, uint32_t table, uint32_t column, struct buf *sql);
/* Whether it is to be NOT NULL, by the source and the policies; tells where it loses that. */
bool ddl_is_not_null(const struct mapper *m, uint32_t table, uint32_t column);
/* " DEFAULT …", or nothing */
void ddl_column_default(struct mapper *m, uint32_t table, uint32_t column, struct buf *sql);
/* "CREATE TYPE … AS ENUM (…)" of a column that has a type of its own. */
void ddl_enum_type(const struct mapper *m, uint32_t table, uint32_t column, struct buf *sql);
/* The statement that sets the number that an identity column gives next, with ";\n". */
void ddl_identity_value(struct mapper *m, uint32_t table, uint32_t column, struct buf *sql);
int ddl_values(struct mapper *m, uint32_t table);
int ddl_comments(struct mapper *m, uint32_t table);
/* Sets the number that a sequence gives next; higher: unless it stands beyond that. */
void ddl_setval(struct buf *sql, const char *sequence, int64_t next, bool higher);
/* ddl_default.c: adds " DEFAULT …" when the source's default translates; tells when not. */
void ddl_default(struct mapper *m, uint32_t table, uint32_t column, struct buf *sql);
/* ddl_index.c */
int ddl_indexes(struct mapper *m, uint32_t table);
int ddl_index(struct mapper *m, uint32_t table, const struct rnl_index *index);
/* The attempt-th name that index_choose_name() tries, of 3. */
void index_candidate(const struct mapper *m, uint32_t table, const struct rnl_index *index,
                     int attempt, char *out);
/* The name of an index in the target, taken; false: no memory. out has NAME_BYTES + 1. */
bool index_choose_name(struct mapper *m, uint32_t table, const struct rnl_index *index,
                       const char *wanted, char *out);
/* Adds ";\n" and the statement that makes the key an upsert needs, with the table. */
int ddl_early_key(struct mapper *m, uint32_t table, struct buf *sql);
/* ddl_constraint.c */
int ddl_foreign_keys(struct mapper *m, uint32_t table);
/* Whether a constraint of the target's table is what a foreign key of the source becomes. */
bool foreign_key_is_ours(const struct mapper *m, uint32_t table, const char *constraint);
/* Adds statements that drop those which stand there, at and to a table; false: no memory. */
bool ddl_drop_foreign_keys(const struct mapper *m, uint32_t table, struct buf *sql);
/* What the table's foreign keys are called; names has room for all of them. false: no memory. */
bool foreign_key_names(const struct mapper *m, uint32_t table, char (*names)[NAME_BYTES + 1]);
int ddl_checks(struct mapper *m, uint32_t table);
/* What its checks are called, and behind them those of columns that are enums. */
bool check_names(struct mapper *m, uint32_t table, char (*names)[NAME_BYTES + 1]);
/* ddl_touch.c: ON UPDATE CURRENT_TIMESTAMP */
int ddl_touched(struct mapper *m, uint32_t table);
/* The statements that take its trigger away. */
void ddl_untouch(const struct mapper *m, uint32_t table, struct buf *sql);
/* map.c: all that decides how tables stand, before any step */
int mapper_decide(struct mapper *m);
void mapper_free(struct mapper *m);

#endif
