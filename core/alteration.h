/* What a source told of tables that were altered while they were followed. */
#ifndef ALTERATION_H
#define ALTERATION_H

#include "catalog.h"

struct alterations;

/* Adds a deep copy to *list, which is made when it is NULL. The caller frees the list. */
int alterations_add(struct alterations **list, const struct rnl_alteration *alteration,
                    struct rnl_error *err);
uint32_t alterations_count(const struct alterations *list); /* of NULL: 0 */
/* In the order told; borrowed until alterations_free(). */
const struct rnl_alteration *alterations_at(const struct alterations *list, uint32_t i);
void alterations_free(struct alterations *list);
/*
 * As JSON text (malloc'd; NULL: out of memory), without the tables' new forms, each with where its
 * table was and is: what the writer is told beside the new catalog. And back: *moves is malloc'd,
 * one for each.
 */
char *alterations_to_json(const struct alterations *list, const struct table_move *moves);
int alterations_from_json(const char *text, struct alterations **list, struct table_move **moves,
                          struct rnl_error *err);
/* "shop.orders: ALTER TABLE …", into buf, for people. */
const char *alteration_text(const struct rnl_alteration *alteration,
                            const struct rnl_catalog *catalog, char *buf, size_t size);

#endif
