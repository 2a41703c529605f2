/* What a source told of tables that were altered while they were followed. */
#ifndef ALTERATION_H
#define ALTERATION_H

#include <runnel/host.h>

struct alterations;

/* Adds a deep copy to *list, which is made when it is NULL. The caller frees the list. */
int alterations_add(struct alterations **list, const struct rnl_alteration *alteration,
                    struct rnl_error *err);
uint32_t alterations_count(const struct alterations *list); /* of NULL: 0 */
/* In the order told; borrowed until alterations_free(). */
const struct rnl_alteration *alterations_at(const struct alterations *list, uint32_t i);
void alterations_free(struct alterations *list);

#endif
