/* A bad wire: passes bytes between clients and a server, and changes one bit on the way. */
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char usage[] =
    "proxy PORT [--text TEXT] [--before N] [--times N]\n"
    "  Listens on a free port of the loopback, which it prints, for a server on PORT there. Where\n"
    "  the server sends TEXT, a bit is flipped in the byte that stands N before it (0: its "
    "first),\n"
    "  so many times (0: each time). SIGUSR1: flips a bit amid what the server sends next.\n";

#define BUFFER 65536
#define LATE_MS 20 /* what may be the beginning of TEXT waits so long for the rest */

static struct {
    int port;
    const char *text;
    size_t len, before;
    atomic_long left; /* flips; below 0: without end */
    atomic_bool at_once;
} proxy;

/* One direction; of its own thread. */
struct wire {
    int from, to;
    bool of_server;
    unsigned char bytes[BUFFER];
    size_t count, searched; /* below searched TEXT doesn't begin, or was seen */
};

struct pair {
    struct wire up, down;
    atomic_int open;
};

static void on_signal(int number)
{
    (void)number;
    atomic_store(&proxy.at_once, true);
}

static bool flip_is_left(void)
{
    long left = atomic_load(&proxy.left);

    while (left > 0)
        if (atomic_compare_exchange_weak(&proxy.left, &left, left - 1))
            return true;
    return left < 0;
}

static void flip(struct wire *wire, size_t at)
{
    wire->bytes[at] ^= 1;
    fprintf(stderr, "proxy: flipped a bit of byte 0x%02x\n", wire->bytes[at] ^ 1u);
}

/* How many bytes may go on: all but what may be the beginning of TEXT, and what stands before. */
static size_t search(struct wire *wire)
{
    size_t keep = proxy.len + proxy.before;

    if (!wire->of_server || !proxy.len)
        return wire->count;
    for (; wire->searched + proxy.len <= wire->count; wire->searched++)
        if (memcmp(wire->bytes + wire->searched, proxy.text, proxy.len) == 0 &&
            wire->searched >= proxy.before && flip_is_left())
            flip(wire, wire->searched - proxy.before);
    return wire->count < keep ? 0 : wire->count - keep + 1;
}

static bool give(struct wire *wire, size_t count)
{
    for (size_t done = 0; done < count;) {
        ssize_t n = send(wire->to, wire->bytes + done, count - done, MSG_NOSIGNAL);

        if (n <= 0 && errno != EINTR)
            return false;
        done += n > 0 ? (size_t)n : 0;
    }
    memmove(wire->bytes, wire->bytes + count, wire->count - count);
    wire->count -= count;
    wire->searched -= wire->searched < count ? wire->searched : count;
    return true;
}

/* Nothing comes behind it: then it isn't the beginning of TEXT. */
static bool is_late(const struct wire *wire)
{
    struct pollfd poll_fd = {.fd = wire->from, .events = POLLIN};

    return wire->count > 0 && poll(&poll_fd, 1, LATE_MS) == 0;
}

static bool pass(struct wire *wire)
{
    ssize_t n;

    if (is_late(wire))
        return give(wire, wire->count);
    n = recv(wire->from, wire->bytes + wire->count, BUFFER - wire->count, 0);
    if (n <= 0)
        return n < 0 && errno == EINTR;
    if (wire->of_server && atomic_exchange(&proxy.at_once, false))
        flip(wire, wire->count + (size_t)n / 2);
    wire->count += (size_t)n;
    return give(wire, search(wire));
}

static void *wire_run(void *arg)
{
    struct wire *wire = arg;
    struct pair *pair;

    while (pass(wire))
        ;
    shutdown(wire->from, SHUT_RDWR);
    shutdown(wire->to, SHUT_RDWR);
    pair = wire->of_server ? (struct pair *)((char *)wire - offsetof(struct pair, down))
                           : (struct pair *)((char *)wire - offsetof(struct pair, up));
    if (atomic_fetch_sub(&pair->open, 1) == 1) {
        close(pair->up.from);
        close(pair->up.to);
        free(pair);
    }
    return NULL;
}

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void start(struct wire *wire)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, wire_run, wire))
        abort();
    pthread_detach(thread);
}

static void serve(int client)
{
    struct sockaddr_in address = loopback(proxy.port);
    struct pair *pair = calloc(1, sizeof(*pair));
    int server = socket(AF_INET, SOCK_STREAM, 0);

    if (!pair || server < 0 ||
        connect(server, (const struct sockaddr *)&address, sizeof(address))) {
        free(pair);
        close(client);
        if (server >= 0)
            close(server);
        return;
    }
    pair->up.from = pair->down.to = client;
    pair->up.to = pair->down.from = server;
    pair->down.of_server = true;
    atomic_store(&pair->open, 2);
    start(&pair->up);
    start(&pair->down);
}

static int serve_all(void)
{
    struct sockaddr_in address = loopback(0);
    socklen_t len = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM, 0);

    if (listener < 0 || bind(listener, (const struct sockaddr *)&address, len) ||
        listen(listener, 64) || getsockname(listener, (struct sockaddr *)&address, &len)) {
        perror("proxy");
        return 1;
    }
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        int client = accept(listener, NULL, NULL);

        if (client >= 0)
            serve(client);
    }
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"text", 1, NULL, 't'},
                                            {"before", 1, NULL, 'b'},
                                            {"times", 1, NULL, 'n'},
                                            {NULL, 0, NULL, 0}};
    struct sigaction act = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    long times = 1;

    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 't')
            proxy.text = optarg;
        else if (c == 'b')
            proxy.before = (size_t)atoi(optarg);
        else if (c == 'n')
            times = atol(optarg);
        else
            optind = argc;
    }
    if (argc - optind != 1 || atoi(argv[optind]) <= 0 || proxy.before > BUFFER / 2) {
        fputs(usage, stderr);
        return 2;
    }
    proxy.port = atoi(argv[optind]);
    proxy.len = proxy.text ? strlen(proxy.text) : 0;
    atomic_store(&proxy.left, times > 0 ? times : -1);
    sigaction(SIGUSR1, &act, NULL);
    return serve_all();
}
