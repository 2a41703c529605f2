/* Findings: what a person should know of a run beside its rows. */
#include "finding.h"

#include "util/arena.h"

#include <inttypes.h>
#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <xxhash.h>

struct findings {
    pthread_mutex_t lock; /* guards everything below */
    struct arena arena;
    struct rnl_finding *items;
    size_t count, room;
    bool sorted;
    uint32_t *slots;    /* by hash: index of an item and 1, or 0; NULL: to be made */
    size_t nslots;      /* a power of two */
    uint64_t *by_table; /* hashes of the tables of those of a weight, sorted; NULL: to be made */
    size_t nby_table;
    enum rnl_severity by_table_least;
};

struct findings *findings_new(void)
{
    struct findings *findings = calloc(1, sizeof(*findings));

    if (findings)
        pthread_mutex_init(&findings->lock, NULL);
    return findings;
}

void findings_free(struct findings *findings)
{
    if (!findings)
        return;
    arena_free(&findings->arena);
    pthread_mutex_destroy(&findings->lock);
    free(findings->items);
    free(findings->slots);
    free(findings->by_table);
    free(findings);
}

static int compare_texts(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "");
}

static bool is_same(const struct rnl_finding *a, const struct rnl_finding *b)
{
    return a->severity == b->severity && compare_texts(a->code, b->code) == 0 &&
           compare_texts(a->schema, b->schema) == 0 && compare_texts(a->table, b->table) == 0 &&
           compare_texts(a->object, b->object) == 0 && compare_texts(a->policy, b->policy) == 0;
}

static uint64_t hash_of(const struct rnl_finding *f)
{
    const char *const texts[] = {f->code, f->schema, f->table, f->object, f->policy};
    uint64_t hash = f->severity;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        hash = XXH3_64bits_withSeed(texts[i] ? texts[i] : "", texts[i] ? strlen(texts[i]) : 0,
                                    hash + 1);
    return hash;
}

/* The slot of the same finding, or the free one where it belongs. */
static uint32_t *slot_of(const struct findings *findings, const struct rnl_finding *finding)
{
    size_t at = hash_of(finding) & (findings->nslots - 1);

    while (findings->slots[at] && !is_same(&findings->items[findings->slots[at] - 1], finding))
        at = (at + 1) & (findings->nslots - 1);
    return &findings->slots[at];
}

/* Twice as many slots as items, made anew when items have grown or were sorted. */
static bool make_slots(struct findings *findings)
{
    if (findings->slots && findings->nslots >= 2 * (findings->count + 1))
        return true;
    free(findings->slots);
    for (findings->nslots = 64; findings->nslots < 4 * (findings->count + 1);)
        findings->nslots *= 2;
    findings->slots = calloc(findings->nslots, sizeof(*findings->slots));
    for (size_t i = 0; findings->slots && i < findings->count; i++)
        *slot_of(findings, &findings->items[i]) = (uint32_t)i + 1;
    return findings->slots != NULL;
}

static bool make_room(struct findings *findings)
{
    size_t room = findings->room ? findings->room * 2 : 32;
    struct rnl_finding *items;

    if (findings->count < findings->room)
        return true;
    items = realloc(findings->items, room * sizeof(*items));
    if (!items)
        return false;
    findings->items = items;
    findings->room = room;
    return true;
}

static void add(struct findings *findings, const struct rnl_finding *finding, bool anew)
{
    struct rnl_finding copy = {0};
    uint32_t *slot;

    memcpy(&copy, finding, finding->size < sizeof(copy) ? finding->size : sizeof(copy));
    copy.size = sizeof(copy);
    pthread_mutex_lock(&findings->lock);
    slot = make_slots(findings) ? slot_of(findings, &copy) : NULL;
    if (slot && *slot) {
        struct rnl_finding *same = &findings->items[*slot - 1];

        if (anew)
            same->count = copy.count;
        else if (copy.count > 0)
            same->count = (same->count > 0 ? same->count : 0) + copy.count;
    } else if (slot && make_room(findings)) {
        copy.code = arena_strdup(&findings->arena, copy.code ? copy.code : "");
        copy.schema = arena_strdup(&findings->arena, copy.schema);
        copy.table = arena_strdup(&findings->arena, copy.table);
        copy.object = arena_strdup(&findings->arena, copy.object);
        copy.text = arena_strdup(&findings->arena, copy.text ? copy.text : "");
        copy.policy = arena_strdup(&findings->arena, copy.policy);
        copy.example = arena_strdup(&findings->arena, copy.example);
        findings->items[findings->count++] = copy;
        *slot = (uint32_t)findings->count;
        findings->sorted = false;
        free(findings->by_table);
        findings->by_table = NULL;
    }
    pthread_mutex_unlock(&findings->lock);
}

void findings_add(struct findings *findings, const struct rnl_finding *finding)
{
    add(findings, finding, false);
}

void findings_put(struct findings *findings, const struct rnl_finding *finding)
{
    add(findings, finding, true);
}

bool findings_block(struct findings *findings, const char *schema, const char *table)
{
    bool blocked = false;

    pthread_mutex_lock(&findings->lock);
    for (size_t i = 0; !blocked && i < findings->count; i++) {
        const struct rnl_finding *f = &findings->items[i];

        blocked =
            f->severity == RNL_BLOCKER &&
            (!f->table || (strcmp(f->table, table) == 0 && compare_texts(f->schema, schema) == 0));
    }
    pthread_mutex_unlock(&findings->lock);
    return blocked;
}

static uint64_t table_hash(const char *schema, const char *table)
{
    uint64_t hash = XXH3_64bits(schema ? schema : "", schema ? strlen(schema) : 0);

    return XXH3_64bits_withSeed(table ? table : "", table ? strlen(table) : 0, hash);
}

static int by_hash(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return left < right ? -1 : left > right;
}

/* Lock held. */
static void make_by_table(struct findings *findings, enum rnl_severity at_least)
{
    free(findings->by_table);
    findings->by_table = malloc((findings->count + 1) * sizeof(*findings->by_table));
    findings->nby_table = 0;
    findings->by_table_least = at_least;
    for (size_t i = 0; findings->by_table && i < findings->count; i++)
        if (findings->items[i].severity >= at_least)
            findings->by_table[findings->nby_table++] =
                table_hash(findings->items[i].schema, findings->items[i].table);
    if (findings->nby_table)
        qsort(findings->by_table, findings->nby_table, sizeof(uint64_t), by_hash);
}

size_t findings_of(struct findings *findings, enum rnl_severity at_least, const char *schema,
                   const char *table)
{
    uint64_t wanted = table_hash(schema, table);
    size_t low = 0, high, count = 0;

    pthread_mutex_lock(&findings->lock);
    if (!findings->by_table || findings->by_table_least != at_least)
        make_by_table(findings, at_least);
    high = findings->by_table ? findings->nby_table : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (findings->by_table[middle] < wanted)
            low = middle + 1;
        else
            high = middle;
    }
    while (low + count < findings->nby_table && findings->by_table[low + count] == wanted)
        count++;
    pthread_mutex_unlock(&findings->lock);
    return count;
}

size_t findings_count(struct findings *findings, enum rnl_severity at_least)
{
    size_t count = 0;

    pthread_mutex_lock(&findings->lock);
    for (size_t i = 0; i < findings->count; i++)
        if (findings->items[i].severity >= at_least)
            count++;
    pthread_mutex_unlock(&findings->lock);
    return count;
}

static int by_weight(const void *a, const void *b)
{
    const struct rnl_finding *left = a, *right = b;
    int order;

    if (left->severity != right->severity)
        return left->severity > right->severity ? -1 : 1;
    order = compare_texts(left->code, right->code);
    if (!order)
        order = compare_texts(left->schema, right->schema);
    if (!order)
        order = compare_texts(left->table, right->table);
    return order ? order : compare_texts(left->object, right->object);
}

static int by_column(const void *a, const void *b)
{
    const struct rnl_finding *left = *(struct rnl_finding *const *)a;
    const struct rnl_finding *right = *(struct rnl_finding *const *)b;
    int order = compare_texts(left->schema, right->schema);

    if (!order)
        order = compare_texts(left->table, right->table);
    return order ? order : compare_texts(left->object, right->object);
}

static const char *fact_of(const struct rnl_finding *finding)
{
    return strncmp(finding->code, "data.", 5) == 0 ? finding->code + 5 : NULL;
}

/* The policy for this fact, among the findings about one column; NULL: none, or nobody knows. */
static const char *policy_among(struct rnl_finding *const *list, size_t count, const char *fact)
{
    const char *only = NULL;
    size_t others = 0;

    for (size_t i = 0; i < count; i++) {
        const char *policy = list[i]->policy;

        if (fact_of(list[i]) || !policy)
            continue;
        if (strncmp(policy, fact, strlen(fact)) == 0 && policy[strlen(fact)] == '=')
            return policy;
        others += only && strcmp(only, policy) != 0;
        only = policy;
    }
    return others ? NULL : only;
}

void findings_join_policies(struct findings *findings)
{
    struct rnl_finding **list;
    size_t end;

    pthread_mutex_lock(&findings->lock);
    list = malloc((findings->count + 1) * sizeof(struct rnl_finding *));
    for (size_t i = 0; list && i < findings->count; i++)
        list[i] = &findings->items[i];
    if (list && findings->count)
        qsort(list, findings->count, sizeof(struct rnl_finding *), by_column);
    for (size_t i = 0; list && i < findings->count; i = end) {
        for (end = i + 1; end < findings->count && by_column(&list[i], &list[end]) == 0;)
            end++;
        for (size_t j = i; j < end; j++)
            if (fact_of(list[j]) && !list[j]->policy)
                list[j]->policy = policy_among(list + i, end - i, fact_of(list[j]));
    }
    free(findings->slots); /* a policy is part of what tells findings apart */
    findings->slots = NULL;
    pthread_mutex_unlock(&findings->lock);
    free(list);
}

const struct rnl_finding *findings_at(struct findings *findings, size_t index)
{
    const struct rnl_finding *finding = NULL;

    pthread_mutex_lock(&findings->lock);
    if (!findings->sorted && findings->count) {
        qsort(findings->items, findings->count, sizeof(*findings->items), by_weight);
        free(findings->slots);
        findings->slots = NULL;
    }
    findings->sorted = true;
    if (index < findings->count)
        finding = &findings->items[index];
    pthread_mutex_unlock(&findings->lock);
    return finding;
}

/* Names come from a database: no control characters of theirs may reach a terminal. */
static void print_text(FILE *to, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (c < 0x20 || c == 0x7f)
            fprintf(to, "\\x%02x", c);
        else
            fputc(c, to);
    }
}

static void print_finding(FILE *to, const struct rnl_finding *f)
{
    static const char *const words[] = {"", "note", "warning", "BLOCKER"};

    fprintf(to, "  %-8s ", words[f->severity <= RNL_BLOCKER ? f->severity : 0]);
    if (f->schema && *f->schema && (f->table || f->object)) {
        print_text(to, f->schema);
        fputc('.', to);
    }
    if (f->table)
        print_text(to, f->table);
    if (f->object) {
        if (f->table)
            fputc('.', to);
        print_text(to, f->object);
    }
    fputs(f->table || f->object ? ": " : "", to);
    print_text(to, f->text);
    if (f->count > 0)
        fprintf(to, " (%" PRId64 " row%s)", f->count, f->count == 1 ? "" : "s");
    if (f->example) { /* one of many rows, or what kind of thing the one object is */
        fputs(f->count > 0 ? ", for example " : " (", to);
        print_text(to, f->example);
        fputs(f->count > 0 ? "" : ")", to);
    }
    if (f->policy) {
        fputs("; policy ", to);
        print_text(to, f->policy);
    }
    fprintf(to, " [%s]\n", f->code);
}

void findings_print(struct findings *findings, FILE *to)
{
    findings_print_some(findings, RNL_NOTE, to);
}

void findings_print_some(struct findings *findings, enum rnl_severity at_least, FILE *to)
{
    const struct rnl_finding *finding;

    for (size_t i = 0; (finding = findings_at(findings, i)); i++)
        if (finding->severity >= at_least)
            print_finding(to, finding);
}

static void put_text(json_t *object, const char *key, const char *text)
{
    json_t *string = text ? json_string(text) : NULL;

    if (text) /* a name that is no UTF-8 has no JSON form: better a mark than nothing */
        json_object_set_new(object, key, string ? string : json_string("?"));
}

char *findings_to_json(struct findings *findings)
{
    json_t *list = json_array();
    const struct rnl_finding *f;
    char *text;

    for (size_t i = 0; (f = findings_at(findings, i)); i++) {
        json_t *o = json_object();

        json_object_set_new(o, "severity", json_integer(f->severity));
        put_text(o, "code", f->code);
        put_text(o, "schema", f->schema);
        put_text(o, "table", f->table);
        put_text(o, "object", f->object);
        put_text(o, "text", f->text);
        put_text(o, "policy", f->policy);
        put_text(o, "example", f->example);
        if (f->count >= 0)
            json_object_set_new(o, "count", json_integer(f->count));
        json_array_append_new(list, o);
    }
    text = json_dumps(list, JSON_COMPACT);
    json_decref(list);
    return text;
}

int findings_from_json(struct findings *findings, const char *text, size_t len)
{
    json_t *list = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);

    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *o = json_array_get(list, i);
        json_t *count = json_object_get(o, "count");
        struct rnl_finding finding = {
            .size = sizeof(finding),
            .severity = (uint32_t)json_integer_value(json_object_get(o, "severity")),
            .code = json_string_value(json_object_get(o, "code")),
            .schema = json_string_value(json_object_get(o, "schema")),
            .table = json_string_value(json_object_get(o, "table")),
            .object = json_string_value(json_object_get(o, "object")),
            .text = json_string_value(json_object_get(o, "text")),
            .policy = json_string_value(json_object_get(o, "policy")),
            .example = json_string_value(json_object_get(o, "example")),
            .count = count ? json_integer_value(count) : -1,
        };

        findings_add(findings, &finding);
    }
    json_decref(list);
    return list ? 0 : -1;
}
