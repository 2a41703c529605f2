/* How the source's tables are to stand in the file, and the statements that make them. */
#ifndef SQLITE_MAP_H
#define SQLITE_MAP_H

#include "expr.h"
#include "sink.h"
#include "tell.h"

/* All that one call of sink_map() works with; control thread. */
struct mapper {
    struct sink *sink;
    const struct rnl_job *job;
    const struct rnl_catalog *catalog;
    struct rnl_steps *steps;
    struct rnl_error *err;
    struct arena arena;
    struct map_table *tables;
    uint32_t ntables;
    struct idents relations; /* tables and indexes to be: one namespace for the whole file */
    struct idents existing;  /* "t name": a table, "i name": an index, "v name": a view */
    bool resuming;
    /* of sink_evolve() alone */
    bool quiet;                  /* tells nothing */
    bool evolves;                /* it tells of the topic alone */
    uint32_t topic;              /* the table that is altered */
    const struct idents *topics; /* its columns, indexes, … that it tells of; NULL: of all */
};

const struct rnl_table *mapper_table(const struct mapper *m, uint32_t table);

/* Tells a person: object may be NULL; policy too. */
void map_find(const struct mapper *m, uint32_t table, enum rnl_severity severity, const char *code,
              const char *object, const char *policy, const char *fmt, ...) RNL_PRINTF(7, 8);
/* Adds a step "what schema.table object"; text is emptied. object may be NULL. */
int map_step(const struct mapper *m, enum rnl_phase phase, const char *what, uint32_t table,
             const char *object, struct buf *text);

/* types.c: fills type and form of all columns. */
int types_decide(struct mapper *m);

/* target.c: what schema_policy and write_mode forbid, and what stands there already. */
int target_look(struct mapper *m);
bool target_drops(const struct mapper *m, uint32_t table);
/* That the table which stands there holds no rows, else RNL_E_CONFIG. */
int target_check_rows(struct mapper *m, uint32_t table);
bool target_has(const struct mapper *m, char kind, const char *name);

/* map.c: all that decides how tables stand, before any step */
int mapper_decide(struct mapper *m);
void mapper_free(struct mapper *m);

/* ddl.c: a column as CREATE TABLE has it */
void ddl_column(struct mapper *m, uint32_t table, uint32_t column, struct buf *sql);
/* All of CREATE TABLE, under this name. */
int ddl_create(struct mapper *m, uint32_t table, const char *name, struct buf *sql);
bool ddl_is_not_null(struct mapper *m, uint32_t table, uint32_t column);
/* the step that makes a table. */
int ddl_table(struct mapper *m, uint32_t table);
int ddl_empty(struct mapper *m, uint32_t table); /* of one that the run leaves as it is */
int ddl_values(struct mapper *m, uint32_t table);
/* ddl_default.c: adds " DEFAULT …" when the source's default translates; tells when not. */
void ddl_default(struct mapper *m, uint32_t table, uint32_t column, struct buf *sql);
/* ddl_index.c: statements go to text in an upsert (keys are needed before rows), else to steps. */
int ddl_indexes(struct mapper *m, uint32_t table, bool keys_only, struct buf *text);
/* The attempt-th name, of 3, that an index may have got; false: no memory. */
bool index_candidate(const struct mapper *m, uint32_t table, const struct rnl_index *index,
                     int attempt, char out[IDENT_ROOM]);
/* CREATE INDEX under this name; nothing, with a finding, where it can't be. */
int ddl_index(struct mapper *m, uint32_t table, const struct rnl_index *index, const char *name,
              struct buf *sql);
/* Takes a name for it. */
bool index_choose_name(struct mapper *m, uint32_t table, const struct rnl_index *index,
                       char out[IDENT_ROOM]);
/* ddl_constraint.c: what CREATE TABLE says behind the columns, and what is looked at afterwards */
void ddl_primary(struct mapper *m, uint32_t table, struct buf *sql);
void ddl_foreign_keys(struct mapper *m, uint32_t table, struct buf *sql);
int ddl_checks(struct mapper *m, uint32_t table, struct buf *sql);
int ddl_validate(struct mapper *m, uint32_t table);
/* The index that is the primary key and can stand as one; NULL: none. */
const struct rnl_index *ddl_primary_of(const struct mapper *m, uint32_t table);

/*
 * expressions.c: an expression of the source as the file can have it. exact: see expr.h.
 * false: why says what stands in the way.
 */
bool map_expression(const struct mapper *m, uint32_t table, const char *text, bool names,
                    bool exact, struct buf *out, enum expr_class *yields, const char **why);

#endif
