/* Which transactions a reader has: GTID sets of MySQL, with tags, and GTID lists of MariaDB. */
#ifndef MYSQL_GTID_H
#define MYSQL_GTID_H

#include "text.h"

#define GTID_TAG_MAX 32
#define GTID_ONE_MAX 100 /* the text of one GTID */

/* Numbers from <= n < end. */
struct gtid_range {
    uint64_t from, end;
};

/* What one server (and tag) has numbered: ranges sorted, apart from each other. */
struct gtid_origin {
    unsigned char uuid[16];
    char tag[GTID_TAG_MAX + 1];
    struct gtid_range *ranges;
    size_t count, size;
};

/* Origins are sorted by uuid and tag. */
struct gtid_set {
    struct gtid_origin *origins;
    size_t count, size;
};

/* One transaction. */
struct gtid {
    unsigned char uuid[16];
    char tag[GTID_TAG_MAX + 1];
    uint64_t number;
};

/* 0, or -1: out of memory, or (parse) no such set; what was there before is lost. */
int gtid_set_parse(struct gtid_set *set, const char *text, size_t len);
int gtid_set_add(struct gtid_set *set, const struct gtid *gtid);
int gtid_set_remove(struct gtid_set *set, const struct gtid *gtid);
bool gtid_set_has(const struct gtid_set *set, const struct gtid *gtid);
/* Whether all of part is in set. */
bool gtid_set_contains(const struct gtid_set *set, const struct gtid_set *part);
void gtid_set_text(const struct gtid_set *set, struct text *out);
/* As COM_BINLOG_DUMP_GTID takes it; with tags in the form that servers before 8.3 don't know. */
void gtid_set_encode(const struct gtid_set *set, struct text *out);
void gtid_set_free(struct gtid_set *set);

/* "uuid:tag:7". -1: that is none. */
int gtid_parse(struct gtid *gtid, const char *text);
void gtid_text(const struct gtid *gtid, char out[static GTID_ONE_MAX]);

/* The last transaction of one of MariaDB's domains. */
struct gtid_place {
    uint32_t domain, server;
    uint64_t sequence;
};

/* Sorted by domain, one place for each. */
struct gtid_list {
    struct gtid_place *places;
    size_t count, size;
};

int gtid_list_parse(struct gtid_list *list, const char *text, size_t len);
int gtid_list_set(struct gtid_list *list, const struct gtid_place *place);
/* NULL: nothing of the domain. */
const struct gtid_place *gtid_list_at(const struct gtid_list *list, uint32_t domain);
/* Whether one who has list has place, and all that comes before it in its domain. */
bool gtid_list_has(const struct gtid_list *list, const struct gtid_place *place);
bool gtid_list_contains(const struct gtid_list *list, const struct gtid_list *part);
void gtid_list_text(const struct gtid_list *list, struct text *out);
void gtid_list_free(struct gtid_list *list);

int gtid_place_parse(struct gtid_place *place, const char *text);
void gtid_place_text(const struct gtid_place *place, char out[static GTID_ONE_MAX]);

#endif
