/* How a node's pipeline fares, for people: what the node knows, and what its workers say. */
#ifndef NODE_VIEW_H
#define NODE_VIEW_H

#include <jansson.h>

/* Adds to what the node told of a pipeline what its workers say, and sums it up. */
void node_view_ask(json_t *pipeline);
void node_view_row(const json_t *pipeline); /* of a list */
void node_view_print(const json_t *pipeline);

/* "" and 0 for what isn't there. */
const char *view_text(const json_t *o, const char *name);
int64_t view_number(const json_t *o, const char *name);

#endif
