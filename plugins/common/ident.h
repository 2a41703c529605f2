/* Names in a target: short enough, unique in their namespace, and the same in every run. */
#ifndef COMMON_IDENT_H
#define COMMON_IDENT_H

#include "arena.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IDENT_ROOM 260 /* 64 characters of four bytes, and the end */

/* What names a server takes. MySQL: {64, true, …}, PostgreSQL: {63, false, …}. */
struct ident_rule {
    uint32_t max;    /* at most 64 characters, or 256 bytes */
    bool characters; /* max counts characters, else bytes */
    bool lower;      /* A-Z become a-z */
};

/* name as the server can have it: folded if asked, cut between characters with a hash of the whole
 * at its end where it is too long. */
void ident_cut(const struct ident_rule *rule, const char *name, char out[IDENT_ROOM]);

/* text cut likewise, with a hash of whole at its end in any case. */
void ident_cut_hashed(const struct ident_rule *rule, const char *text, const char *whole,
                      char out[IDENT_ROOM]);

/* Names that are taken in one namespace: start with zeros, and caseless as wished. */
struct idents {
    struct arena arena;
    const char **slots;
    size_t room, count;
    bool caseless; /* names that differ in the case of A-Z alone are one */
};
void idents_free(struct idents *names);
bool idents_has(const struct idents *names, const char *name);
/* false: out of memory */
bool idents_take(struct idents *names, const char *name);
/*
 * Takes name, or when that is taken prefix_name, or that with a hash of whole at its
 * end; out says which. whole tells the object from all others. name is cut already.
 * false: out of memory.
 */
bool idents_pick(struct idents *names, const struct ident_rule *rule, const char *name,
                 const char *prefix, const char *whole, char out[IDENT_ROOM]);

#endif
