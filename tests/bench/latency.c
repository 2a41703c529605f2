/* From commit at the source to visible in the target: `latency SOURCE-URL TARGET-URL RATE SECONDS`,
 * or `latency make URL` for the table that it writes to. */
#include "client.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double *committed; /* when transaction i was, by the writer's clock */
static atomic_long last;  /* the newest that is */
static atomic_bool failed;
static double rate;
static long count;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void rest(double seconds)
{
    struct timespec t = {.tv_sec = (time_t)seconds};
    t.tv_nsec = (long)((seconds - (double)t.tv_sec) * 1e9);
    if (seconds > 0)
        nanosleep(&t, NULL);
}

/* One transaction each 1/rate of a second. */
static void *write_all(void *arg)
{
    struct client *c = arg;
    char sql[96];
    double began = now();
    for (long i = 1; i <= count; i++) {
        rest(began + (double)i / rate - now());
        snprintf(sql, sizeof sql, "INSERT INTO beat VALUES (%ld, %ld)", i, i);
        if (client_run(c, sql, NULL) != CLIENT_OK) {
            fprintf(stderr, "latency: %s\n", client_why());
            atomic_store(&failed, true);
            return NULL;
        }
        committed[i] = now();
        atomic_store(&last, i);
    }
    return NULL;
}

static int by_size(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Asks again and again which is the newest there. False: a minute without any. */
static bool watch_all(struct client *c, double *waited)
{
    long seen = 0;
    char text[32];
    for (double since = now(); seen < count && !atomic_load(&failed);) {
        if (client_ask(c, "SELECT COALESCE(MAX(id), 0) FROM beat", text, sizeof text) != CLIENT_OK)
            return false;
        double at = now();
        long newest = strtol(text, NULL, 10);
        if (newest > seen)
            since = at;
        while (atomic_load(&last) < newest && !atomic_load(&failed))
            rest(1e-5); /* seen before the writer knew of its own commit */
        for (; seen < newest; seen++)
            waited[seen] = at > committed[seen + 1] ? at - committed[seen + 1] : 0;
        if (at - since > 60)
            return false;
        rest(3e-4);
    }
    return !atomic_load(&failed);
}

static int make(const char *url)
{
    struct client *c = client_open(url);
    if (c && client_run(c, "DROP TABLE IF EXISTS beat", NULL) == CLIENT_OK &&
        client_run(c, "CREATE TABLE beat (id bigint PRIMARY KEY, n bigint)", NULL) == CLIENT_OK)
        return 0;
    fprintf(stderr, "latency: %s\n", client_why());
    return 1;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "make") == 0)
        return make(argv[2]);
    if (argc != 5) {
        fputs("latency SOURCE-URL TARGET-URL RATE SECONDS | latency make URL\n", stderr);
        return 2;
    }
    rate = strtod(argv[3], NULL);
    count = (long)(rate * strtod(argv[4], NULL));
    struct client *from = client_open(argv[1]), *to = client_open(argv[2]);
    if (!from || !to || count < 100) {
        fprintf(stderr, "latency: %s\n", client_why());
        return 1;
    }
    committed = calloc((size_t)count + 1, sizeof *committed);
    double *waited = calloc((size_t)count, sizeof *waited);
    pthread_t writer;
    if (!committed || !waited || pthread_create(&writer, NULL, write_all, from) != 0)
        return 1;
    bool well = watch_all(to, waited);
    atomic_store(&failed, atomic_load(&failed) || !well);
    pthread_join(writer, NULL);
    if (!well) {
        fprintf(stderr, "latency: not all arrived\n");
        return 1;
    }
    qsort(waited, (size_t)count, sizeof *waited, by_size);
    printf("%.2f %.2f %.2f\n", waited[count / 2] * 1e3, waited[count * 99 / 100] * 1e3,
           waited[count - 1] * 1e3);
    return 0;
}
