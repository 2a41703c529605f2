/* The ledger at the end: what was acknowledged is there, once, and nothing that was undone. */
#include "bank.h"

#include <stdlib.h>
#include <string.h>

struct entry {
    long long writer, serial;
};

struct entries {
    struct entry *all;
    size_t count, size;
};

static void add(void *arg, long long writer, long long serial)
{
    struct entries *list = arg;
    if (list->count == list->size) {
        list->size = list->size ? 2 * list->size : 4096;
        list->all = realloc(list->all, list->size * sizeof *list->all);
        if (!list->all)
            abort();
    }
    list->all[list->count++] = (struct entry){writer, serial};
}

static int compare(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->writer != y->writer)
        return x->writer < y->writer ? -1 : 1;
    return (x->serial > y->serial) - (x->serial < y->serial);
}

static void sort(struct entries *list)
{
    if (list->count > 0)
        qsort(list->all, list->count, sizeof *list->all, compare);
}

static int read_acks(const char *path, struct entries *ok, struct entries *rolled)
{
    FILE *f = fopen(path, "r");
    char what[16];
    long long writer, serial;
    if (!f) {
        perror(path);
        return -1;
    }
    while (fscanf(f, "%15s %lld %lld", what, &writer, &serial) == 3) {
        if (strcmp(what, "ok") == 0)
            add(ok, writer, serial);
        else if (strcmp(what, "rolled") == 0)
            add(rolled, writer, serial);
    }
    fclose(f);
    sort(ok);
    sort(rolled);
    return 0;
}

static bool has(const struct entries *list, const struct entry *entry)
{
    return list->count > 0 && bsearch(entry, list->all, list->count, sizeof *entry, compare);
}

static void name(const char *what, const struct entry *e, long long *count)
{
    if (++*count <= 10)
        printf("%s: transfer %lld of writer %lld\n", what, e->serial, e->writer);
}

static int compare_all(const struct entries *found, const struct entries *ok,
                       const struct entries *rolled)
{
    long long lost = 0, doubled = 0, risen = 0;
    for (size_t i = 0; i < ok->count; i++)
        if (!has(found, &ok->all[i]))
            name("lost", &ok->all[i], &lost);
    for (size_t i = 0; i < found->count; i++) {
        if (i > 0 && compare(&found->all[i - 1], &found->all[i]) == 0)
            name("doubled", &found->all[i], &doubled);
        if (has(rolled, &found->all[i]))
            name("undone at the source", &found->all[i], &risen);
    }
    printf("ledger: %zu transfers, %zu acknowledged; lost %lld, doubled %lld, undone %lld\n",
           found->count, ok->count, lost, doubled, risen);
    return lost || doubled || risen;
}

int check_ledger(struct bank *b, const char *acks)
{
    struct entries ok = {0}, rolled = {0}, found = {0};
    int rc = 3;
    if (read_acks(acks, &ok, &rolled) != 0)
        return rc;
    struct client *c = client_open(b->url);
    if (!c || client_each(c, "SELECT writer, serial FROM transfers", add, &found) != CLIENT_OK) {
        fprintf(stderr, "bank: %s\n", client_why());
    } else {
        sort(&found);
        rc = compare_all(&found, &ok, &rolled);
    }
    client_close(c);
    free(ok.all);
    free(rolled.all);
    free(found.all);
    return rc;
}
