/* Tables of the target's own dialect: carried as they are, from their parts. */
#ifndef POSTGRES_NATIVE_H
#define POSTGRES_NATIVE_H

#include "map.h"

/* A type, sequence or extension of the catalog, as it is to stand in the target. */
struct map_object {
    const struct rnl_object *source;
    char schema[NAME_BYTES + 1], name[NAME_BYTES + 1];
    const char *qualified;
    const char *verb; /* behind CREATE: "TYPE", … */
    uint32_t owner;   /* of a sequence: the table that it numbers; UINT32_MAX: none */
    const struct map_object *next_owned; /* of the same table */
    bool exists;                         /* in the target, before the run */
    bool drops;                          /* it does, an earlier run made it, and it is to go */
};

/* Whether the target has one: 'n' a schema, 'x' an extension, 't' a type or sequence, 'p' a
 * function, 's' (schema "") a step that the pipeline's earlier run did. */
bool object_exists(const struct mapper *m, char kind, const char *schema, const char *name);
/* objects_look.c: fills m->objects and looks which of them stand in the target already. */
int objects_look(struct mapper *m);
/* objects.c: what objects_look() needs of it */
int objects_index(struct mapper *m);
int object_definition(const struct mapper *m, const struct rnl_object *source, struct buf *sql);
void object_step_id(const struct map_object *object, struct buf *id);
/* The steps that make schemas, types and sequences. */
int objects_steps(struct mapper *m);
/* Those that one table needs of what isn't there yet. */
int objects_steps_of(struct mapper *m, uint32_t table);
/* evolve_labels.c: statements for labels that an enum which stands lacks; nothing where it has all,
 * or others. */
int labels_complete(struct mapper *m, const struct map_object *object, struct buf *sql);
/* Those that set the numbers that sequences give next, for all that belong to no column. */
int objects_values(struct mapper *m);
/* The object of the catalog, by the source's names; NULL: there is none. */
const struct map_object *object_find(const struct mapper *m, const char *schema, const char *name);
/* Adds statements that tie sequences to the columns of a table that they belong to. */
void objects_own(const struct mapper *m, uint32_t table, struct buf *sql);
/* And those that set the numbers they give next. */
void objects_own_values(const struct mapper *m, uint32_t table, struct buf *sql);
/* Whether a sequence of the catalog numbers this column: the source's serial. */
const struct map_object *object_of_column(const struct mapper *m, uint32_t table, uint32_t column);

/* native.c: an expression of the source, with the target's names of types and sequences.
 * false: it calls a function that the target lacks; why says so, out is as before. */
bool native_expression(const struct mapper *m, const char *text, struct buf *out, const char **why);
/* Fills kind and type of a column. */
int native_type(struct mapper *m, uint32_t table, uint32_t index, struct map_column *map);
/* " COLLATE …" of a column and what makes its values, for CREATE TABLE. */
void native_column(struct mapper *m, uint32_t table, uint32_t index, struct buf *sql);
/* " DEFAULT …" of one that nothing computes or numbers */
void native_default(struct mapper *m, uint32_t table, const struct rnl_column *c, struct buf *sql);
/* What stands behind the columns: PARTITION BY, WITH; and statements behind CREATE TABLE. */
int native_tail(struct mapper *m, uint32_t table, struct buf *sql);
/* " UNLOGGED" or nothing */
const char *native_persistence(const struct rnl_table *table);
/* Whether the table keeps its partitions in the target. */
bool native_partitioned(const struct mapper *m, const struct rnl_table *table);

/* The statement that makes one of them. */
void native_partition(const struct mapper *m, uint32_t table, uint32_t index, struct buf *sql);
/* Names of its partitions, and room for them. */
int native_name_partitions(struct mapper *m, uint32_t table);
/* Finds which built-in types of the source the target lacks. */
int native_look_types(struct mapper *m);

/* native_index.c: the steps that make an index or a key */
int native_index(struct mapper *m, uint32_t table, const struct rnl_index *index);
/* The statement that makes it at once; false: why says what stands in the way. */
bool native_key(const struct mapper *m, uint32_t table, const struct rnl_index *index,
                const char *name, struct buf *sql, const char **why);

#endif
