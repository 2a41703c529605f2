/* What a person should know of a run beside its rows: collected, sorted, printed once. */
#ifndef FINDING_H
#define FINDING_H

#include <runnel/host.h>

struct findings;
struct findings *findings_new(void);
void findings_free(struct findings *findings);
/* Any thread. The same code, table, object and policy twice: kept once, counts added. */
void findings_add(struct findings *findings, const struct rnl_finding *finding);
/* The same, of something that was counted anew: the count takes the place of an earlier one. */
void findings_put(struct findings *findings, const struct rnl_finding *finding);
/* Whether a BLOCKER names the table, or none at all: then nothing can be read of it. */
bool findings_block(struct findings *findings, const char *schema, const char *table);
/*
 * Gives each finding of data ("data.zero_date") the policy that a sink's finding about the same
 * column names, where one is meant by its name, or only one is there.
 */
void findings_join_policies(struct findings *findings);
/* Of at least that weight, about one table. Many tables are asked for at once. */
size_t findings_of(struct findings *findings, enum rnl_severity at_least, const char *schema,
                   const char *table);
size_t findings_count(struct findings *findings, enum rnl_severity at_least);
/* Sorted by severity, code, table. The finding is borrowed until the next add. */
const struct rnl_finding *findings_at(struct findings *findings, size_t index);
void findings_print(struct findings *findings, FILE *to);
void findings_print_some(struct findings *findings, enum rnl_severity at_least, FILE *to);
char *findings_to_json(struct findings *findings); /* an array; malloc'd */
int findings_from_json(struct findings *findings, const char *text, size_t len);

#endif
