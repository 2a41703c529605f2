/* A workload for databases that are followed: `bank make`, `bank run`, `bank watch`. */
#include "bank.h"

#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char usage[] =
    "bank make URL [--accounts N] [--writers N] [--note BYTES]   tables and accounts, anew\n"
    "bank run URL [--writers N] [--rate N] [--seconds N] [--acks FILE] [--seed N]\n"
    "                              transactions until a signal or so many seconds; --accounts and\n"
    "                              --writers as they were made; what became of each transfer: "
    "acks\n"
    "bank watch URL --sum N        looks at the money until a signal; exit 1: the sum was not N\n"
    "bank check URL --acks FILE    the ledger has each transfer acknowledged, once; exit 1: it "
    "hasn't\n";

const char bank_sum[] = "SELECT (SELECT COALESCE(SUM(balance), 0) FROM accounts) + "
                        "(SELECT COALESCE(SUM(balance), 0) FROM pots)";

static struct bank bank = {.accounts = 1000, .writers = 8, .note_bytes = 4000};

static void on_signal(int number)
{
    (void)number;
    atomic_store(&bank.stopping, true);
}

static void rest(double seconds)
{
    struct timespec t = {.tv_sec = (time_t)seconds};
    t.tv_nsec = (long)((seconds - (double)t.tv_sec) * 1e9);
    nanosleep(&t, NULL);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* --- make --------------------------------------------------------------------------------------*/

static const char *const make_mysql[] = {
    "CREATE TABLE accounts (id bigint NOT NULL PRIMARY KEY, owner varchar(40) NOT NULL, "
    "balance bigint NOT NULL, version int NOT NULL, note longtext)",
    "CREATE TABLE transfers (id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY, writer int NOT NULL, "
    "serial bigint NOT NULL, giver bigint NOT NULL, taker bigint NOT NULL, amount bigint NOT NULL, "
    "made datetime(6) NOT NULL, UNIQUE KEY writer_serial (writer, serial))",
    "CREATE TABLE audit (writer int, serial bigint, what varchar(20), KEY audit_serial (serial))",
    "CREATE TABLE pots (id bigint NOT NULL PRIMARY KEY, writer int NOT NULL, balance bigint)",
    "CREATE TABLE seats (id bigint NOT NULL PRIMARY KEY, seat bigint NOT NULL UNIQUE)",
    NULL,
};
static const char *const make_postgres[] = {
    "CREATE TABLE accounts (id bigint PRIMARY KEY, owner varchar(40) NOT NULL, "
    "balance bigint NOT NULL, version int NOT NULL, note text)",
    "ALTER TABLE accounts ALTER note SET STORAGE EXTERNAL",
    "CREATE TABLE transfers (id bigserial PRIMARY KEY, writer int NOT NULL, "
    "serial bigint NOT NULL, giver bigint NOT NULL, taker bigint NOT NULL, amount bigint NOT NULL, "
    "made timestamp NOT NULL, UNIQUE (writer, serial))",
    "CREATE TABLE audit (writer int, serial bigint, what varchar(20))",
    "CREATE INDEX audit_serial ON audit (serial)",
    "ALTER TABLE audit REPLICA IDENTITY FULL", /* or its updates were refused once it is followed */
    "CREATE TABLE pots (id bigint PRIMARY KEY, writer int NOT NULL, balance bigint)",
    "CREATE TABLE seats (id bigint PRIMARY KEY, seat bigint NOT NULL UNIQUE)",
    NULL,
};

static int must(struct client *c, const char *sql)
{
    if (client_run(c, sql, NULL) == CLIENT_OK)
        return 0;
    fprintf(stderr, "bank: %s: %.200s\n", client_why(), sql);
    return -1;
}

static int make_rows(struct bank *b, struct client *c)
{
    char sql[512];
    if (must(c, "BEGIN") != 0)
        return -1;
    for (long id = 1; id <= b->accounts; id++) {
        snprintf(sql, sizeof sql,
                 "INSERT INTO accounts VALUES (%ld, 'owner %ld', %d, 0, repeat('%04lx', %u))", id,
                 id, BANK_DEPOSIT, (unsigned long)id % 65536,
                 (unsigned)(id * 7919) % (b->note_bytes / 4 + 1));
        if (must(c, sql) != 0)
            return -1;
    }
    for (unsigned w = 0; w < b->writers; w++) {
        snprintf(sql, sizeof sql, "INSERT INTO pots VALUES (%u, %u, %d)", w + 1, w, BANK_DEPOSIT);
        if (must(c, sql) != 0)
            return -1;
        snprintf(sql, sizeof sql, "INSERT INTO seats VALUES (%u, %u), (%u, %u)", 2 * w + 1,
                 2 * w + 1, 2 * w + 2, 2 * w + 2);
        if (must(c, sql) != 0)
            return -1;
    }
    return must(c, "COMMIT");
}

int bank_make(struct bank *b)
{
    struct client *c = client_open(b->url);
    if (!c) {
        fprintf(stderr, "bank: can't connect: %s\n", client_why());
        return -1;
    }
    int rc = must(c, "DROP TABLE IF EXISTS accounts, transfers, audit, pots, seats");
    const char *const *sql = client_is_mysql(b->url) ? make_mysql : make_postgres;
    for (; rc == 0 && *sql; sql++)
        rc = must(c, *sql);
    if (rc == 0)
        rc = make_rows(b, c);
    client_close(c);
    if (rc == 0)
        printf("%lld\n", (long long)BANK_DEPOSIT * (b->accounts + b->writers));
    return rc;
}

/* --- run ---------------------------------------------------------------------------------------*/

/* Until it is connected or all stop. */
static bool connect_writer(struct writer *w)
{
    while (!atomic_load(&w->bank->stopping)) {
        w->client = client_open(w->bank->url);
        if (w->client && work_resume(w) == CLIENT_OK)
            return true;
        client_close(w->client);
        w->client = NULL;
        rest(0.05);
    }
    return false;
}

static void *write_thread(void *arg)
{
    struct writer *w = arg;
    double gap = w->bank->rate > 0 ? w->bank->writers / w->bank->rate : 0;
    double due = now() + gap * w->number / w->bank->writers;
    while (!atomic_load(&w->bank->stopping)) {
        if (!w->client && !connect_writer(w))
            break;
        if (work_once(w) == CLIENT_LOST) {
            client_close(w->client);
            w->client = NULL;
            continue;
        }
        double wait = due - now();
        if (gap > 0 && wait > 0)
            rest(wait);
        due = wait < -1 ? now() + gap : due + gap; /* what a pause missed isn't made up for */
    }
    client_close(w->client);
    return NULL;
}

static int run_all(struct bank *b, const char *acks, double seconds, unsigned seed)
{
    struct writer *writers = calloc(b->writers, sizeof *writers);
    pthread_t *threads = calloc(b->writers, sizeof *threads);
    unsigned n = 0;
    if (acks)
        b->acks = fopen(acks, "a");
    if (!writers || !threads || (acks && !b->acks)) {
        perror("bank");
        return 3;
    }
    for (; n < b->writers; n++) {
        writers[n] = (struct writer){.bank = b, .number = n, .random = seed * 1000 + n};
        if (pthread_create(&threads[n], NULL, write_thread, &writers[n]) != 0)
            atomic_store(&b->stopping, true);
    }
    for (double end = now() + seconds; seconds > 0 && !atomic_load(&b->stopping) && now() < end;)
        rest(0.02);
    if (seconds > 0)
        atomic_store(&b->stopping, true);
    for (unsigned i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    free(threads);
    free(writers);
    printf("acknowledged %lld, rolled back %lld, unknown %lld; transactions %lld, refused %lld\n",
           atomic_load(&b->ok), atomic_load(&b->rolled), atomic_load(&b->unknown),
           atomic_load(&b->transactions), atomic_load(&b->refused));
    return b->acks && fclose(b->acks) != 0 ? 3 : 0;
}

/* --- watch -------------------------------------------------------------------------------------*/

/* A server that is away, or tables that aren't there, are no look. */
static int watch(struct bank *b, const char *sum)
{
    struct client *c = NULL;
    char found[64];
    long long looks = 0;
    while (!atomic_load(&b->stopping)) {
        if (!c)
            c = client_open(b->url);
        enum client_end end = c ? client_ask(c, bank_sum, found, sizeof found) : CLIENT_LOST;
        if (end == CLIENT_OK && strcmp(found, sum) != 0) {
            printf("wrong: the sum is %s, not %s, at look %lld\n", found, sum, looks);
            client_close(c);
            return 1;
        }
        if (end == CLIENT_OK)
            looks++;
        if (end == CLIENT_LOST) {
            client_close(c);
            c = NULL;
        }
        rest(0.02);
    }
    client_close(c);
    printf("looks %lld\n", looks);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"accounts", 1, NULL, 'a'}, {"writers", 1, NULL, 'w'}, {"note", 1, NULL, 'n'},
        {"rate", 1, NULL, 'r'},     {"seconds", 1, NULL, 's'}, {"acks", 1, NULL, 'f'},
        {"seed", 1, NULL, 'e'},     {"sum", 1, NULL, 'u'},     {NULL, 0, NULL, 0}};
    double seconds = 0;
    unsigned seed = (unsigned)time(NULL);
    const char *sum = "0", *acks = NULL;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (c) {
        case 'a':
            bank.accounts = atol(optarg);
            break;
        case 'w':
            bank.writers = (unsigned)atoi(optarg);
            break;
        case 'n':
            bank.note_bytes = (unsigned)atoi(optarg);
            break;
        case 'r':
            bank.rate = atof(optarg);
            break;
        case 's':
            seconds = atof(optarg);
            break;
        case 'e':
            seed = (unsigned)atoi(optarg);
            break;
        case 'u':
            sum = optarg;
            break;
        case 'f':
            acks = optarg;
            break;
        default:
            fputs(usage, stderr);
            return 2;
        }
    }
    if (argc - optind != 2 || bank.accounts < 2 || bank.writers < 1) {
        fputs(usage, stderr);
        return 2;
    }
    bank.url = argv[optind + 1];
    struct sigaction act = {.sa_handler = on_signal};
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
    int rc = 2;
    if (strcmp(argv[optind], "make") == 0)
        rc = bank_make(&bank) == 0 ? 0 : 1;
    else if (strcmp(argv[optind], "run") == 0)
        rc = run_all(&bank, acks, seconds, seed);
    else if (strcmp(argv[optind], "check") == 0 && acks)
        rc = check_ledger(&bank, acks);
    else if (strcmp(argv[optind], "watch") == 0)
        rc = watch(&bank, sum);
    return rc;
}
