/* runnel metrics: what the API gives as /metrics, of the node on this machine. */
#include "../metrics.h"

#include "../node.h"
#include "../remote.h"
#include "cli.h"
#include "node_view.h"

#include <stdlib.h>

#define ANSWER_MS 10000

static int run(const struct cli_args *args)
{
    struct rnl_error err = RNL_ERROR_INIT;
    json_t *node, *pipeline;
    char *text;
    size_t i;

    (void)args;
    if (remote_ask(NODE_SOCKET, "status", NULL, ANSWER_MS, &node, &err) != RNL_OK)
        return cli_fail(&err);
    json_array_foreach(json_object_get(node, "pipelines"), i, pipeline)
    {
        node_view_ask(pipeline);
    }
    text = metrics_text(node, NULL);
    json_decref(node);
    if (!text)
        return EXIT_ENVIRONMENT;
    fputs(text, stdout);
    free(text);
    return EXIT_DONE;
}

extern const struct cli_command metrics_command;

const struct cli_command metrics_command = {
    .name = "metrics",
    .summary = "Print the metrics of the node on this machine, as Prometheus reads them",
    .help = "The API gives the same as /metrics, to a key with the scope metrics.\n",
    .run = run,
};
