/*
 * The form of a table: what the source remembers of its columns with the catalog's table, and what
 * the stream's words about a table are held to.
 */
#include "form.h"

#include "element.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define COLUMNS_MOST 1664

static void text_add(struct buf *out, const char *text)
{
    buf_printf(out, " %zu:%s", strlen(text), text);
}

static void columns_add(struct buf *out, const struct form *form)
{
    for (uint32_t i = 0; i < form->ncolumns; i++) {
        buf_printf(out, " %" PRIu32 " %d", form->columns[i].number, form->columns[i].generated);
        text_add(out, form->columns[i].name);
        text_add(out, form->columns[i].native);
    }
}

void form_print(const struct form *form, struct buf *out)
{
    buf_printf(out, "1 %" PRIu32 " %" PRIu32 " %" PRIx64 " %" PRIx64 " %" PRIx64, form->oid,
               form->file, form->since.commit, form->since.change, form->digest);
    text_add(out, form->look);
    buf_printf(out, " %" PRIu32, form->ncolumns);
    columns_add(out, form);
    buf_printf(out, " %" PRIu32, form->nearlier);
    for (uint32_t i = 0; i < form->nearlier; i++) {
        buf_printf(out, " %" PRIu32, form->earlier[i].ncolumns);
        columns_add(out, &form->earlier[i]);
    }
}

static bool number_take(const char **at, int base, uint64_t most, uint64_t *number)
{
    const char *start = *at + strspn(*at, " ");
    char *end;

    if (!*start || strchr("+-", *start))
        return false;
    *number = strtoull(start, &end, base);
    *at = end;
    return end != start && *number <= most;
}

static const char *text_take(const char **at, struct arena *arena)
{
    uint64_t len;
    char *copy;

    if (!number_take(at, 10, 1 << 20, &len) || *(*at)++ != ':' || strnlen(*at, len) < len)
        return NULL;
    copy = arena_alloc(arena, len + 1);
    if (copy)
        memcpy(copy, *at, len);
    *at += len;
    return copy;
}

static bool column_take(const char **at, struct arena *arena, struct form_column *column)
{
    uint64_t number, generated;

    if (!number_take(at, 10, UINT32_MAX, &number) || !number_take(at, 10, 1, &generated))
        return false;
    column->number = (uint32_t)number;
    column->generated = generated == 1;
    column->name = text_take(at, arena);
    column->native = column->name ? text_take(at, arena) : NULL;
    return column->native;
}

static bool columns_take(const char **at, struct arena *arena, struct form *form)
{
    uint64_t count;

    if (!number_take(at, 10, COLUMNS_MOST, &count))
        return false;
    form->columns = arena_alloc(arena, count * sizeof(*form->columns));
    for (; form->columns && form->ncolumns < count; form->ncolumns++)
        if (!column_take(at, arena, &form->columns[form->ncolumns]))
            return false;
    return form->columns;
}

static bool earlier_take(const char **at, struct arena *arena, struct form *form)
{
    struct form *list;
    uint64_t count;

    if (!number_take(at, 10, FORMS_EARLIER, &count))
        return false;
    form->earlier = list = arena_alloc(arena, count * sizeof(*list));
    for (; list && form->nearlier < count; form->nearlier++)
        if (!columns_take(at, arena, &list[form->nearlier]))
            return false;
    return list;
}

bool form_parse(const char *text, struct arena *arena, struct form *form)
{
    uint64_t version, oid, file;
    const char *look;

    *form = (struct form){.oid = 0};
    if (!number_take(&text, 10, 1, &version) || version != 1 ||
        !number_take(&text, 10, UINT32_MAX, &oid) || !number_take(&text, 10, UINT32_MAX, &file) ||
        !number_take(&text, 16, UINT64_MAX, &form->since.commit) ||
        !number_take(&text, 16, UINT64_MAX, &form->since.change) ||
        !number_take(&text, 16, UINT64_MAX, &form->digest))
        return false;
    look = text_take(&text, arena);
    if (!look || strlen(look) >= sizeof(form->look))
        return false;
    snprintf(form->look, sizeof(form->look), "%s", look);
    form->oid = (uint32_t)oid;
    form->file = (uint32_t)file;
    return columns_take(&text, arena, form) && earlier_take(&text, arena, form) && !*text;
}

bool form_of(const struct rnl_table *table, struct arena *arena, struct form *form)
{
    if (table->form && form_parse(table->form, arena, form))
        return true;
    *form = (struct form){.ncolumns = table->ncolumns};
    form->columns = arena_alloc(arena, table->ncolumns * sizeof(*form->columns));
    for (uint32_t i = 0; form->columns && i < table->ncolumns; i++) {
        const struct rnl_column *column = COLUMN(table, i);

        form->columns[i] = (struct form_column){
            .name = column->name,
            .native = column->native ? column->native : "",
            .number = column->number,
            .generated = column->flags & RNL_COLUMN_GENERATED,
        };
    }
    return form->columns;
}

/* FNV-1a: nobody gains by two forms that look the same. */
static void hash_bytes(uint64_t *hash, const void *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        *hash = (*hash ^ ((const unsigned char *)bytes)[i]) * 0x100000001b3ULL;
}

static void hash_text(uint64_t *hash, const char *text)
{
    hash_bytes(hash, text ? text : "", text ? strlen(text) + 1 : 1);
}

static void hash_number(uint64_t *hash, uint64_t number)
{
    hash_bytes(hash, &number, sizeof(number));
}

static void hash_column(uint64_t *hash, const struct rnl_column *column)
{
    hash_text(hash, column->name);
    hash_text(hash, column->native);
    hash_text(hash, column->comment);
    hash_text(hash, column->collation);
    hash_text(hash, column->default_text);
    hash_text(hash, column->generated);
    hash_text(hash, column->storage);
    hash_number(hash, column->default_kind);
    hash_number(hash, column->flags);
    hash_number(hash, column->number);
    hash_number(hash, (uint64_t)column->increment);
    for (uint32_t i = 0; i < column->nlabels; i++)
        hash_text(hash, column->labels[i]);
}

static void hash_index(uint64_t *hash, const struct rnl_index *index)
{
    hash_text(hash, index->name);
    hash_text(hash, index->comment);
    hash_text(hash, index->where);
    hash_text(hash, index->method);
    hash_text(hash, index->options);
    hash_number(hash, index->flags);
    for (uint32_t i = 0; i < index->nparts; i++) {
        hash_text(hash, index->parts[i].expression);
        hash_number(hash, index->parts[i].expression ? 0 : index->parts[i].column);
        hash_number(hash, index->parts[i].descending);
        hash_text(hash, index->part_options ? index->part_options[i] : NULL);
    }
    for (uint32_t i = 0; i < index->ninclude; i++)
        hash_number(hash, index->include[i]);
}

static void hash_key(uint64_t *hash, const struct rnl_foreign_key *key)
{
    hash_text(hash, key->name);
    hash_text(hash, key->ref_schema);
    hash_text(hash, key->ref_table);
    hash_number(hash, key->flags);
    hash_number(hash, (uint64_t)key->on_delete << 16 | key->on_update);
    for (uint32_t i = 0; i < key->ncolumns; i++) {
        hash_number(hash, key->columns[i]);
        hash_text(hash, key->ref_columns[i]);
    }
}

uint64_t form_digest(const struct rnl_table *table)
{
    uint64_t hash = 0xcbf29ce484222325ULL;

    hash_text(&hash, table->schema);
    hash_text(&hash, table->name);
    hash_text(&hash, table->comment);
    hash_text(&hash, table->partition_by);
    hash_text(&hash, table->storage);
    for (uint32_t i = 0; i < table->ncolumns; i++)
        hash_column(&hash, COLUMN(table, i));
    for (uint32_t i = 0; i < table->nindexes; i++)
        hash_index(&hash, INDEX(table, i));
    for (uint32_t i = 0; i < table->nforeign_keys; i++)
        hash_key(&hash, FOREIGN_KEY(table, i));
    for (uint32_t i = 0; i < table->nchecks; i++) {
        hash_text(&hash, CHECK(table, i)->name);
        hash_text(&hash, CHECK(table, i)->expression);
        hash_number(&hash, CHECK(table, i)->enforced);
    }
    for (uint32_t i = 0; i < table->npartitions; i++) {
        hash_text(&hash, PARTITION(table, i)->schema);
        hash_text(&hash, PARTITION(table, i)->name);
        hash_text(&hash, PARTITION(table, i)->bounds);
    }
    return hash;
}

const struct form_column *form_named(const struct form *form, const char *name)
{
    for (uint32_t i = 0; i < form->ncolumns; i++)
        if (strcmp(form->columns[i].name, name) == 0)
            return &form->columns[i];
    return NULL;
}

const struct form_column *form_numbered(const struct form *form, uint32_t number)
{
    for (uint32_t i = 0; number && i < form->ncolumns; i++)
        if (form->columns[i].number == number)
            return &form->columns[i];
    return NULL;
}

static bool is_same(const struct form_column *a, const struct form_column *b)
{
    return strcmp(a->name, b->name) == 0 && strcmp(a->native, b->native) == 0;
}

bool form_is(const struct form *form, const struct form *told, bool ordered)
{
    uint32_t met = 0, at = 0;

    for (uint32_t i = 0; i < form->ncolumns; i++) {
        const struct form_column *column = &form->columns[i], *found;

        if (ordered)
            found = at < told->ncolumns && strcmp(told->columns[at].name, column->name) == 0
                        ? &told->columns[at++]
                        : NULL;
        else
            found = form_named(told, column->name);
        if (!found && column->generated)
            continue;
        if (!found || !is_same(found, column))
            return false;
        met++;
    }
    return met == told->ncolumns;
}

/* --- numbers ------------------------------------------------------------------------------ */

/* A number that a column of told's may have. */
struct candidate {
    uint32_t number;
    const struct form_column *was, *now; /* not both NULL */
    bool must;                           /* be among told's */
};

static int by_number(const void *a, const void *b)
{
    uint32_t left = ((const struct candidate *)a)->number;
    uint32_t right = ((const struct candidate *)b)->number;

    return left < right ? -1 : left > right;
}

/* Numbers are never given again: what was there and is, was there between. */
static bool must_be_told(const struct candidate *candidate)
{
    return candidate->was && candidate->now && !candidate->was->generated &&
           !candidate->now->generated;
}

static uint32_t gather(const struct form *was, const struct form *now, bool older,
                       struct candidate *list)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < now->ncolumns; i++)
        list[count++] = (struct candidate){.number = now->columns[i].number,
                                           .was = form_numbered(was, now->columns[i].number),
                                           .now = &now->columns[i]};
    for (uint32_t i = 0; i < was->ncolumns; i++)
        if (was->columns[i].number && !form_numbered(now, was->columns[i].number))
            list[count++] =
                (struct candidate){.number = was->columns[i].number, .was = &was->columns[i]};
    for (uint32_t i = 0; i < count; i++)
        list[i].must = !older && must_be_told(&list[i]);
    qsort(list, count, sizeof(*list), by_number);
    return count;
}

enum { NEVER = -1000000, MISSED = -10000, UNKNOWN = -4 };

static int likeness(const struct candidate *candidate, const struct form_column *told)
{
    const struct form_column *was = candidate->was, *now = candidate->now;
    bool named =
        (was && strcmp(was->name, told->name) == 0) || (now && strcmp(now->name, told->name) == 0);
    bool typed = (was && strcmp(was->native, told->native) == 0) ||
                 (now && strcmp(now->native, told->native) == 0);

    if (named)
        return 20 + 2 * typed;
    /* a name between two others; one that was dropped since had better be taken for another */
    return now && (typed || candidate->must) ? typed : NEVER;
}

/* The best way to pair the first i of told with the first j candidates, kept for each i and j. */
struct pairing {
    struct form *told;
    const struct candidate *list;
    uint32_t count;
    int *best;
};

static int *best_at(const struct pairing *p, uint32_t i, uint32_t j)
{
    return &p->best[(size_t)i * (p->count + 1) + j];
}

static void pair_all(const struct pairing *p)
{
    for (uint32_t i = 0; i <= p->told->ncolumns; i++)
        for (uint32_t j = 0; j <= p->count; j++) {
            int best = i || j ? NEVER * 100 : 0, other;

            if (j) {
                other = *best_at(p, i, j - 1) + (p->list[j - 1].must ? MISSED : 0);
                best = other > best ? other : best;
            }
            if (i) {
                other = *best_at(p, i - 1, j) + UNKNOWN;
                best = other > best ? other : best;
            }
            if (i && j) {
                other =
                    *best_at(p, i - 1, j - 1) + likeness(&p->list[j - 1], &p->told->columns[i - 1]);
                best = other > best ? other : best;
            }
            *best_at(p, i, j) = best;
        }
}

/* Back along the best way. */
static const char *pair_take(const struct pairing *p)
{
    const char *missing = NULL;
    uint32_t i = p->told->ncolumns, j = p->count;

    while (i || j) {
        int best = *best_at(p, i, j);

        if (i && j &&
            best ==
                *best_at(p, i - 1, j - 1) + likeness(&p->list[j - 1], &p->told->columns[i - 1])) {
            p->told->columns[--i].number = p->list[--j].number;
        } else if (j && best == *best_at(p, i, j - 1) + (p->list[j - 1].must ? MISSED : 0)) {
            if (p->list[--j].must)
                missing = p->list[j].now->name;
        } else {
            p->told->columns[--i].number = 0;
        }
    }
    return missing;
}

/* A partition has numbers of its own: names alone count. */
static bool number_by_name(struct form *told, const struct form *was, const struct form *now)
{
    for (uint32_t i = 0; i < told->ncolumns; i++) {
        const struct form_column *found = form_named(now, told->columns[i].name);

        if (!found)
            found = form_named(was, told->columns[i].name);
        told->columns[i].number = found ? found->number : 0;
    }
    return true;
}

/* A form that the table had in the transaction that is read again is known, numbers and all. */
static bool number_by_earlier(struct form *told, const struct form *was)
{
    for (uint32_t i = 0; i < was->nearlier; i++) {
        const struct form *earlier = &was->earlier[i];

        if (!form_is(earlier, told, true))
            continue;
        for (uint32_t c = 0; c < told->ncolumns; c++)
            told->columns[c].number = form_named(earlier, told->columns[c].name)->number;
        return true;
    }
    return false;
}

bool form_number(struct form *told, const struct form *was, const struct form *now, bool ordered,
                 bool older, const char **missing)
{
    struct pairing p = {.told = told};
    struct candidate *list;

    *missing = NULL;
    if (!ordered)
        return number_by_name(told, was, now);
    if (older && number_by_earlier(told, was))
        return true;
    list = calloc(was->ncolumns + now->ncolumns + 1ul, sizeof(*list));
    if (!list)
        return false;
    p.list = list;
    p.count = gather(was, now, older, list);
    p.best = calloc((told->ncolumns + 1ul) * (p.count + 1ul), sizeof(*p.best));
    if (p.best) {
        pair_all(&p);
        *missing = pair_take(&p);
    }
    free(list);
    if (!p.best)
        return false;
    free(p.best);
    return !*missing;
}
