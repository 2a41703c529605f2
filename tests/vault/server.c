/*
 * vault-server DIR: a server that keeps Vault's contract, for tests. DIR/config.json says what is
 * in it, DIR/server.pem makes it speak TLS, DIR/clients.pem makes it want certificates. It writes
 * DIR/port, and DIR/requests line by line. A line "KIND COUNT [PART OF A PATH]" in DIR/fault spoils
 * as many answers; DIR/rotate gives all accounts other passwords.
 */
#include "vault.h"

#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <limits.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char dir[PATH_MAX / 2];
static FILE *requests;
static SSL_CTX *tls;
static int port;

static const char *at(const char *name)
{
    static char path[PATH_MAX];

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    return path;
}

/* --- faults ----------------------------------------------------------------------------------- */

/* The kind of fault that this path is to meet; "": none. */
static const char *fault_of(const char *path)
{
    static char kind[40];
    char part[200] = "";
    int count = 0;
    FILE *file = fopen(at("fault"), "r");

    if (!file)
        return "";
    if (fscanf(file, "%39s %d %199s", kind, &count, part) < 2)
        count = 0;
    fclose(file);
    if (count <= 0 || !strstr(path, part))
        return "";
    file = fopen(at("fault.new"), "w");
    if (file) {
        fprintf(file, "%s %d %s\n", kind, count - 1, part);
        fclose(file);
        rename("fault.new", "fault");
    }
    return kind;
}

static void reply(struct evhttp_request *request, int code, const char *type, const char *text)
{
    struct evbuffer *out = evbuffer_new();

    evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type", type);
    evbuffer_add(out, text, strlen(text));
    evhttp_send_reply(request, code, NULL, out);
    evbuffer_free(out);
}

static void redirect(struct evhttp_request *request, const char *kind, const char *path)
{
    char to[1200];

    /* to another host, or on the same one */
    if (strcmp(kind, "elsewhere") == 0)
        snprintf(to, sizeof(to), "https://127.0.0.2:1/v1/%s", path);
    else
        snprintf(to, sizeof(to), "%s://127.0.0.1:%d/v1/%s", tls ? "https" : "http", port, path);
    evhttp_add_header(evhttp_request_get_output_headers(request), "Location", to);
    reply(request, 307, "application/json", "");
}

static void huge(struct evhttp_request *request)
{
    size_t size = 2 << 20;
    char *text = malloc(size + 64);

    if (!text)
        abort();
    snprintf(text, 40, "{\"data\":{\"password\":\"");
    memset(text + strlen(text), 'x', size - strlen(text));
    snprintf(text + size, 10, "\"}}");
    reply(request, 200, "application/json", text);
    free(text);
}

/* Whether the request was spoilt. */
static bool spoil(struct evhttp_request *request, const char *kind, const char *path)
{
    static const char json[] = "application/json";

    if (strcmp(kind, "sealed") == 0)
        reply(request, 503, json, "{\"errors\":[\"Vault is sealed\"]}");
    else if (strcmp(kind, "uninitialized") == 0)
        reply(request, 501, json, "{\"errors\":[]}");
    else if (strcmp(kind, "busy") == 0)
        reply(request, 429, json, "{\"errors\":[\"request path \\\"x\\\": rate limit quota\"]}");
    else if (strcmp(kind, "stale") == 0)
        reply(request, 412, json, "{\"errors\":[\"required index state not present\"]}");
    else if (strcmp(kind, "broken") == 0)
        reply(request, 500, json, "{\"errors\":[\"internal error\"]}");
    else if (strcmp(kind, "denied") == 0)
        reply(request, 403, json, "{\"errors\":[\"permission denied\"]}");
    else if (strcmp(kind, "cut") == 0)
        reply(request, 200, json, "{\"data\":{\"data\":{\"password\":\"canary");
    else if (strcmp(kind, "page") == 0)
        reply(request, 200, "text/html", "<html>please log in</html>");
    else if (strcmp(kind, "huge") == 0)
        huge(request);
    else if (strcmp(kind, "elsewhere") == 0 || strcmp(kind, "hop") == 0)
        redirect(request, kind, path);
    else if (strcmp(kind, "slow") != 0) /* that one is never answered */
        return false;
    return true;
}

/* --- requests --------------------------------------------------------------------------------- */

static json_t *body_of(struct evhttp_request *request)
{
    struct evbuffer *in = evhttp_request_get_input_buffer(request);
    size_t len = evbuffer_get_length(in);

    return len ? json_loadb((char *)evbuffer_pullup(in, -1), len, 0, NULL) : NULL;
}

static const char *header(struct evhttp_request *request, const char *name)
{
    const char *text = evhttp_find_header(evhttp_request_get_input_headers(request), name);

    return text ? text : "";
}

static const char *method_of(struct evhttp_request *request)
{
    switch (evhttp_request_get_command(request)) {
    case EVHTTP_REQ_GET:
        return "GET";
    case EVHTTP_REQ_POST:
    case EVHTTP_REQ_PUT:
        return "POST";
    default:
        return "OTHER";
    }
}

static void on_request(struct evhttp_request *request, void *arg)
{
    const char *raw = evhttp_request_get_uri(request), *method = method_of(request), *kind;
    char *path = evhttp_uridecode(raw, 0, NULL), *text;
    bool below = path && strncmp(path, "/v1/", 4) == 0;
    struct answer answer;
    json_t *body;

    (void)arg;
    kind = below ? fault_of(path + 4) : "";
    if (*kind && spoil(request, kind, path + 4)) {
        fprintf(requests, "%s %s %s\n", method, path, kind);
        free(path);
        return;
    }
    body = body_of(request);
    answer = below ? route(method, path + 4, header(request, "X-Vault-Token"),
                           header(request, "X-Vault-Namespace"),
                           strcmp(header(request, "X-Vault-Request"), "true") == 0, body)
                   : refuse(404, "");
    fprintf(requests, "%s %s %d\n", method, path, answer.code);
    text = answer.body ? json_dumps(answer.body, JSON_COMPACT) : NULL;
    reply(request, answer.code, "application/json", text ? text : "");
    free(text);
    json_decref(answer.body);
    json_decref(body);
    free(path);
}

/* --- the server ------------------------------------------------------------------------------- */

static struct bufferevent *on_connection(struct event_base *base, void *arg)
{
    struct bufferevent *bev;

    (void)arg;
    bev = bufferevent_openssl_socket_new(base, -1, SSL_new(tls), BUFFEREVENT_SSL_ACCEPTING,
                                         BEV_OPT_CLOSE_ON_FREE);
    if (!bev)
        abort(); /* libevent would go on in the clear */
    bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
    return bev;
}

static int tls_open(void)
{
    if (access(at("server.pem"), R_OK) != 0)
        return 0;
    tls = SSL_CTX_new(TLS_server_method());
    if (!tls || SSL_CTX_use_certificate_chain_file(tls, at("server.pem")) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls, at("server.pem"), SSL_FILETYPE_PEM) != 1)
        return -1;
    if (access(at("clients.pem"), R_OK) != 0)
        return 0;
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return SSL_CTX_load_verify_locations(tls, at("clients.pem"), NULL) == 1 ? 0 : -1;
}

static void on_time(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
    store_tick();
}

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    event_base_loopbreak(arg);
}

static int tell_port(struct evhttp_bound_socket *bound)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof(address);
    FILE *file;

    if (getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&address, &len) != 0)
        return -1;
    port = ntohs(((struct sockaddr_in *)(void *)&address)->sin_port);
    file = fopen("port.new", "w");
    if (!file)
        return -1;
    fprintf(file, "%d\n", port);
    fclose(file);
    return rename("port.new", "port");
}

/* Where it listened before, so that it can be away and come back. */
static int port_wished(void)
{
    FILE *file = fopen("port", "r");
    int wished = 0;

    if (file && fscanf(file, "%d", &wished) != 1)
        wished = 0;
    if (file)
        fclose(file);
    return wished;
}

int main(int argc, char **argv)
{
    const struct timeval tick = {0, 50000};
    struct event_base *base;
    struct evhttp_bound_socket *bound;
    struct evhttp *http;
    struct event *timer, *term;

    if (argc != 2 || !realpath(argv[1], dir) || chdir(dir) != 0 || store_open(dir) != 0) {
        fprintf(stderr, "vault-server DIR\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0);
    requests = fopen("requests", "a");
    base = event_base_new();
    http = base ? evhttp_new(base) : NULL;
    if (!requests || !http || tls_open() != 0) {
        fprintf(stderr, "can't begin\n");
        return 1;
    }
    setvbuf(requests, NULL, _IOLBF, 0);
    if (tls)
        evhttp_set_bevcb(http, on_connection, NULL);
    evhttp_set_allowed_methods(http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_PUT);
    evhttp_set_gencb(http, on_request, NULL);
    bound = evhttp_bind_socket_with_handle(http, "127.0.0.1", (uint16_t)port_wished());
    timer = event_new(base, -1, EV_PERSIST, on_time, NULL);
    term = evsignal_new(base, SIGTERM, on_signal, base);
    store_tick();
    if (!bound || tell_port(bound) != 0 || event_add(timer, &tick) != 0 ||
        event_add(term, NULL) != 0) {
        fprintf(stderr, "can't listen\n");
        return 1;
    }
    event_base_dispatch(base);
    store_close();
    event_free(timer);
    event_free(term);
    evhttp_free(http);
    event_base_free(base);
    SSL_CTX_free(tls);
    fclose(requests);
    return 0;
}
