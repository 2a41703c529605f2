/* What the node says of itself and its pipelines: asked once for all who want to know. */
#include "api_part.h"

#include "../cli/node_view.h"
#include "../node.h"
#include "../remote.h"
#include "../util/clock.h"

#include <pthread.h>
#include <stdlib.h>

#define VIEW_MS 250
#define ASK_MS 5000

struct view {
    pthread_mutex_t lock; /* held while it is asked: others wait for the same answer */
    json_t *node;
    int64_t asked_ms;
};

struct view *view_new(void)
{
    struct view *view = calloc(1, sizeof(*view));

    if (view)
        pthread_mutex_init(&view->lock, NULL);
    return view;
}

void view_free(struct view *view)
{
    if (!view)
        return;
    pthread_mutex_destroy(&view->lock);
    json_decref(view->node);
    free(view);
}

static int ask(struct view *view, struct rnl_error *err)
{
    json_t *node, *pipeline;
    size_t i;

    if (remote_ask(NODE_SOCKET, "status", NULL, ASK_MS, &node, err) != RNL_OK)
        return err->status;
    json_array_foreach(json_object_get(node, "pipelines"), i, pipeline)
    {
        node_view_ask(pipeline);
    }
    json_decref(view->node);
    view->node = node;
    view->asked_ms = clock_ms();
    return RNL_OK;
}

json_t *view_node(struct view *view, struct rnl_error *err)
{
    json_t *node = NULL;

    pthread_mutex_lock(&view->lock);
    if ((view->node && clock_ms() - view->asked_ms < VIEW_MS) || ask(view, err) == RNL_OK)
        node = json_deep_copy(view->node);
    pthread_mutex_unlock(&view->lock);
    return node;
}

void view_forget(struct view *view)
{
    pthread_mutex_lock(&view->lock);
    view->asked_ms = INT64_MIN / 2;
    pthread_mutex_unlock(&view->lock);
}
