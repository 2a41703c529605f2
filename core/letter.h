/* Letters: rows that were set aside, as a target gives them back. */
#ifndef LETTER_H
#define LETTER_H

#include <runnel/host.h>

/* struct rnl_letters is this module's own. */
struct rnl_letters *letters_new(void); /* NULL: out of memory */
void letters_free(struct rnl_letters *letters);
int letters_add(struct rnl_letters *letters, const struct rnl_letter *letter,
                struct rnl_error *err); /* copies */
uint32_t letters_count(const struct rnl_letters *letters);
const struct rnl_letter *letters_at(const struct rnl_letters *letters, uint32_t index);

#endif
