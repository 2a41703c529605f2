/* What a node says of itself and its pipelines, in Prometheus' text format 0.0.4. */
#ifndef METRICS_H
#define METRICS_H

#include <jansson.h>

/*
 * node: its status, with what the workers of its pipelines say (node_view_ask). of_api: numbers of
 * the process that answers, by metric name, or NULL. To be freed; NULL: out of memory.
 */
char *metrics_text(const json_t *node, const json_t *of_api);

#endif
