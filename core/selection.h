/* Rules of a pipeline: which tables are wanted, what of them, and under which names. */
#ifndef SELECTION_H
#define SELECTION_H

#include <runnel/host.h>

struct secret_resolver;

struct rule_rename {
    const char *from, *to;
};

enum mask_with { MASK_NULL = 1, MASK_FIXED, MASK_HASH };

/* A column whose values don't leave the reader as they are. */
struct rule_mask {
    const char *column;
    enum mask_with with;
    const char *value;         /* of MASK_FIXED */
    const char *salt;          /* of MASK_HASH: a secret or a reference to one, as written */
    const char *print;         /* of the salt, in a record: mask_print() */
    struct rnl_secret *secret; /* the salt itself, after selection_resolve() */
};

struct table_rule {
    const char *name;  /* a pattern: "schema.table" or "table", with * and ?; of a query its name */
    const char *where; /* row filter, or NULL */
    bool exclude;
    bool detail;             /* says what of a table, and nothing of which */
    bool columns_exclude;    /* columns are those left out */
    const char *query, *key; /* rows come of this SELECT; the columns that tell them apart */
    const char *const *columns;
    uint32_t ncolumns;
    uint32_t nrenames, nmasks;
    const char *target; /* "schema.table", "schema.*", "table"; or NULL */
    const struct rule_rename *renames;
    struct rule_mask *masks;
    bool operations;   /* says which changes are wanted: */
    uint16_t left_out; /* not those, 1 << enum rnl_op each */
    const char *at;    /* where it is written, "shop.cfg:12"; NULL: a flag */
};

/* The last rule that says so decides, part by part. */
struct table_choice {
    bool wanted;
    const struct table_rule *where, *columns, *target, *operations; /* each may be NULL */
};
void selection_choose(const struct table_rule *rules, size_t count, const char *schema,
                      const char *name, bool is_query, struct table_choice *choice);
/* Whether a rule has a say in this table. */
bool rule_fits(const struct table_rule *rule, const char *schema, const char *name, bool is_query);
bool rule_is_pattern(const struct table_rule *rule);

/* Splits "schema.name" of a query or a target; schema "" when there is none. In buf. */
void selection_split(const char *full, char *buf, size_t size, const char **schema,
                     const char **name);

/* Resolves the salts of masks; selection_forget() wipes them. */
int selection_resolve(struct table_rule *rules, size_t count, struct secret_resolver *resolver,
                      struct rnl_error *err);
void selection_forget(const struct table_rule *rules, size_t count);

/* All rules as one text to compare, without secrets; malloc'd; NULL: out of memory. */
char *selection_text(const struct table_rule *rules, size_t count);
/* What they say of one table, as such a text. */
char *selection_details(const struct table_rule *rules, size_t count, const char *schema,
                        const char *name, bool is_query);
struct selection;
/* Back from that text, without salts. */
int selection_from_text(const char *text, struct selection **selection, struct rnl_error *err);
const struct table_rule *selection_rules(const struct selection *selection, size_t *count);
void selection_free(struct selection *selection);

#endif
