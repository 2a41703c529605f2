/* Tables of a running pipeline: what the process that runs it answers to runnel tables. */
#ifndef CLI_TABLES_H
#define CLI_TABLES_H

#include "../pipeline.h"

#include <jansson.h>

/* --reload, given to a run that is about to begin. */
int tables_ask_first(struct pipeline *pipeline, char *const *names, struct rnl_error *err);
/* "tables": takes the request. The caller then answers with the status. */
int tables_ask(struct pipeline *pipeline, const json_t *request, struct rnl_error *err);
/* How the last request has gone; NULL: there was none. */
json_t *tables_asked_json(struct pipeline *pipeline);
/* "tables-list": each table, and how far it is. */
json_t *tables_list_json(struct pipeline *pipeline);

#endif
