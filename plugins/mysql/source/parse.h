/* Texts of information_schema taken apart: labels, defaults. No connection is needed here. */
#ifndef MYSQL_PARSE_H
#define MYSQL_PARSE_H

#include "pool.h"
#include <runnel/host.h>

/* "enum('a','it''s')": the labels, in the pool. -1: not of that form, or out of memory. */
int labels_parse(struct pool *pool, const char *column_type, const char *const **labels,
                 uint32_t *count);

struct default_input {
    bool mariadb;
    const char *text;  /* COLUMN_DEFAULT; NULL for SQL's NULL */
    const char *extra; /* EXTRA */
    uint16_t type;     /* enum rnl_type of the column */
    uint32_t length;   /* of BINARY(n): n; else 0 */
};

/*
 * Sets default_kind and default_text, in the pool. What is a value in either
 * flavour's spelling becomes that value; the default of a BYTES column is the
 * expression x'…'. -1: out of memory.
 */
int default_parse(struct pool *pool, const struct default_input *input, uint16_t *kind,
                  const char **text);

/*
 * information_schema of MySQL shows expressions with their quotes escaped
 * (_utf8mb4\'x\'): as they were written, in the pool.
 */
const char *expression_plain(struct pool *pool, const char *text);

/* Whether clause is json_valid(`column`), which makes a MariaDB LONGTEXT a JSON. */
bool is_json_check(const char *clause, const char *column);

#endif
