/* Rows that wait for the end of their transaction: in memory while few, in a file behind that. */
#ifndef MYSQL_SPOOL_H
#define MYSQL_SPOOL_H

#include <runnel/host.h>

struct spool;

struct spool *spool_new(void); /* NULL: out of memory */
void spool_free(struct spool *spool);
int spool_add(struct spool *spool, const struct rnl_row *row, struct rnl_error *err);
/*
 * The rows in their order, from the first on: RNL_OK, RNL_DONE, or why not. before and after have
 * room for as many values as were added; what they lend stays until the next call.
 */
int spool_next(struct spool *spool, struct rnl_row *row, struct rnl_value *before,
               struct rnl_value *after, struct rnl_error *err);

#endif
