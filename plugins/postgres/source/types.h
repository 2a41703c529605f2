/* The server's types as the catalog of tables needs them. */
#ifndef POSTGRES_TYPES_H
#define POSTGRES_TYPES_H

#include "source.h"

struct type_check {
    const char *name, *expression; /* of VALUE */
};

struct type_info {
    Oid oid;
    char kind;     /* typtype: b base, c composite, d domain, e enum, r range, m multirange */
    bool array;    /* a true array, with elements in braces and commas between */
    bool built_in; /* came with the server */
    bool not_null; /* of a domain */
    bool added;
    bool checked; /* checks are known */
    Oid element, base;
    const char *schema, *name, *extension, *comment;
    const char *native;      /* format_type() */
    const char *base_native; /* of a domain: its base's, with length or precision */
    int base_modifier;
    const char *definition;    /* as struct rnl_object has it */
    const char *const *labels; /* of an enum; fields of a composite */
    uint32_t nlabels;
    struct type_check *checks; /* of a domain */
    uint32_t nchecks;
    const Oid *needs; /* types that it is made of */
    uint32_t nneeds;
};

struct types {
    struct type_info *items; /* sorted by oid */
    size_t count;
};

struct describer;

const struct type_info *type_find(const struct types *types, Oid oid);
/* Learns the types that aren't known yet, and those that they are made of. */
int types_learn(struct describer *d, const Oid *oids, size_t count, struct rnl_error *err);
/* What a type with this modifier is, in the column's type, width, length, flags, …. */
void type_map(const struct types *types, Oid oid, int modifier, const char *native,
              struct rnl_column *column);

/* How a column is read from the server: what stands around its name, and the form it comes in. */
struct type_reading {
    const char *cast; /* "::pg_catalog.text", or "" */
    int kind;         /* enum pg_kind */
};
struct type_reading type_reading(const struct rnl_column *column);
/* The type to cast a literal to, as SQL. */
void type_name_add(struct buf *sql, const struct rnl_column *column);

#endif
