/*
 * A running pipeline's ear: a Unix socket in a folder that only its user can enter, one line of
 * JSON for a request and one for the answer.
 */
#include "remote.h"

#include "loop.h"
#include "remote_part.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINE_MOST 65536 /* of a request: its words are few */

struct remote {
    struct evconnlistener *listener;
    struct remote_path path;
    remote_answer *answer;
    void *arg;
    struct remote_peer *peers;
};

struct remote_peer {
    struct remote *remote;
    struct bufferevent *channel;
    struct remote_peer *next, **link;
    bool answered;
};

static void peer_close(struct remote_peer *peer)
{
    *peer->link = peer->next;
    if (peer->next)
        peer->next->link = peer->link;
    bufferevent_free(peer->channel);
    free(peer);
}

static json_t *refusal(const struct rnl_error *err)
{
    return json_pack("{s:{s:i,s:s,s:s,s:s}}", "error", "status", err->status, "code", err->code,
                     "text", err->text, "hint", err->hint);
}

static json_t *reply_to(struct remote *remote, const char *line)
{
    struct rnl_error err = RNL_ERROR_INIT;
    json_t *request = json_loads(line, JSON_REJECT_DUPLICATES, NULL), *reply = NULL;
    const char *word = json_string_value(json_object_get(request, "do"));

    if (word)
        reply = remote->answer(remote->arg, word, request, &err);
    else
        rnl_fail(&err, RNL_E_CONFIG, "remote.request", "a request could not be read");
    json_decref(request);
    return reply ? reply : refusal(&err);
}

/* A request is one line; then the peer has nothing more to say. */
static void on_line(struct bufferevent *channel, void *arg)
{
    struct remote_peer *peer = arg;
    char *line = evbuffer_readln(bufferevent_get_input(channel), NULL, EVBUFFER_EOL_LF), *text;
    json_t *reply;

    if (!line && evbuffer_get_length(bufferevent_get_input(channel)) > LINE_MOST)
        peer_close(peer);
    if (!line)
        return;
    bufferevent_disable(channel, EV_READ);
    reply = reply_to(peer->remote, line);
    text = json_dumps(reply, JSON_COMPACT);
    json_decref(reply);
    free(line);
    peer->answered = true;
    if (!text || evbuffer_add_printf(bufferevent_get_output(channel), "%s\n", text) < 0)
        peer_close(peer);
    free(text);
}

static void on_sent(struct bufferevent *channel, void *arg)
{
    struct remote_peer *peer = arg;

    (void)channel;
    if (peer->answered)
        peer_close(peer);
}

static void on_gone(struct bufferevent *channel, short what, void *arg)
{
    (void)channel;
    (void)what;
    peer_close(arg);
}

static void on_peer(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
                    int len, void *arg)
{
    static const struct timeval patience = {10, 0};
    struct remote *remote = arg;
    struct remote_peer *peer = calloc(1, sizeof(*peer));
    struct bufferevent *channel =
        peer ? bufferevent_socket_new(evconnlistener_get_base(listener), fd, BEV_OPT_CLOSE_ON_FREE)
             : NULL;

    (void)address;
    (void)len;
    if (!channel) {
        close(fd);
        free(peer);
        return;
    }
    *peer = (struct remote_peer){.remote = remote, .channel = channel, .next = remote->peers};
    peer->link = &remote->peers;
    if (peer->next)
        peer->next->link = &peer->next;
    remote->peers = peer;
    bufferevent_setcb(channel, on_line, on_sent, on_gone, peer);
    bufferevent_set_timeouts(channel, &patience, &patience);
    bufferevent_enable(channel, EV_READ | EV_WRITE);
}

/* A socket that nobody answers on is left from a process that was killed. */
static int take_path(const struct remote_path *path, const char *pipeline, struct rnl_error *err)
{
    int fd = remote_connect(path);

    if (fd < 0) {
        unlink(path->address.sun_path);
        return RNL_OK;
    }
    close(fd);
    rnl_fail(err, RNL_E_CONFIG, "remote.taken", "pipeline %s is run by another process already",
             pipeline);
    rnl_hint(err, "look at it: runnel status %s; or stop it: runnel stop %s", pipeline, pipeline);
    return err->status;
}

int remote_open(struct loop *loop, const char *pipeline, remote_answer *answer, void *arg,
                struct remote **out, struct rnl_error *err)
{
    struct remote *remote = calloc(1, sizeof(*remote));

    if (!remote)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory");
    remote->answer = answer;
    remote->arg = arg;
    if (remote_path_make(pipeline, &remote->path, err) != RNL_OK ||
        take_path(&remote->path, pipeline, err) != RNL_OK)
        goto free_remote;
    remote->listener = evconnlistener_new_bind(
        loop_base(loop), on_peer, remote, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 8,
        (const struct sockaddr *)&remote->path.address, (int)sizeof(remote->path.address));
    if (!remote->listener) {
        rnl_fail(err, RNL_E_CONFIG, "remote.socket", "the socket %s can't be made: %s",
                 remote->path.address.sun_path, strerror(errno));
        goto free_remote;
    }
    *out = remote;
    return RNL_OK;
free_remote:
    free(remote);
    return err->status;
}

void remote_close(struct remote *remote)
{
    if (!remote)
        return;
    while (remote->peers) { /* an answer that ended the run still goes its way */
        struct bufferevent *channel = remote->peers->channel;

        evbuffer_unfreeze(bufferevent_get_output(channel), 1); /* from the channel's own writing */
        evbuffer_write(bufferevent_get_output(channel), bufferevent_getfd(channel));
        peer_close(remote->peers);
    }
    evconnlistener_free(remote->listener);
    unlink(remote->path.address.sun_path);
    free(remote);
}
