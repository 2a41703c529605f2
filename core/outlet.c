/* The way of changes out of the reader: one lane, or several with each row on that of its key. */
#include "outlet.h"

#include "spread.h"

#include <errno.h>
#include <stdlib.h>

struct way {
    struct reader_lane lane;
    struct rnl_bundle *bundle; /* what the next message is made of; only where there are several */
    uint32_t unit;             /* of changes, in the plan */
    bool open;                 /* its last message ends amid a transaction */
    bool has;                  /* what is given now: it was ahead when the run went on */
    char *durable;             /* of the thread that is told */
    char *ahead;               /* its place, while the others catch up with it; or NULL */
};

struct outlet {
    struct reader *reader;
    struct way *ways;
    uint32_t count;
    struct spread *spread; /* NULL: there is one lane */
    FILE *kept; /* while lanes catch up: bundles of a transaction whose end hasn't come; or NULL */
};

/* Of a bundle among those kept. */
struct kept_head {
    uint64_t len;
};

static int no_memory(struct rnl_error *err)
{
    return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for the lanes of changes");
}

static void kept_forget(struct outlet *outlet)
{
    if (outlet->kept)
        fclose(outlet->kept);
    outlet->kept = NULL;
}

/* The units of changes in the plan, in the order of their lanes. */
static const struct rnl_unit *unit_at(const struct reader *reader, uint32_t lane)
{
    for (uint32_t i = 0; i < plan_count(reader->record.plan); i++) {
        const struct rnl_unit *unit = plan_at(reader->record.plan, i);

        if (unit->kind == RNL_UNIT_CHANGES && !lane--)
            return unit;
    }
    return NULL;
}

struct outlet *outlet_new(struct reader *reader)
{
    struct outlet *outlet = calloc(1, sizeof(*outlet));
    const struct rnl_unit *unit;

    if (!outlet)
        return NULL;
    outlet->reader = reader;
    while (unit_at(reader, outlet->count))
        outlet->count++;
    outlet->ways = calloc(outlet->count + 1ul, sizeof(*outlet->ways));
    if (outlet->count > 1)
        outlet->spread = spread_new(reader->record.catalog, outlet->count);
    if (!outlet->ways || (outlet->count > 1 && !outlet->spread))
        goto free_outlet;
    for (uint32_t i = 0; (unit = unit_at(reader, i)); i++) {
        struct way *way = &outlet->ways[i];

        way->unit = unit->id;
        way->lane = (struct reader_lane){.reader = reader, .lane = reader->first_lane + i};
        way->lane.number = reader_number(reader, way->lane.lane);
        snprintf(way->lane.subject, sizeof(way->lane.subject), "lane.%u", way->lane.lane);
        if (outlet->count > 1 && !(way->bundle = bundle_new(UINT32_MAX, SIZE_MAX)))
            goto free_outlet;
    }
    return outlet;
free_outlet:
    outlet_free(outlet);
    return NULL;
}

void outlet_free(struct outlet *outlet)
{
    if (!outlet)
        return;
    for (uint32_t i = 0; outlet->ways && i < outlet->count; i++) {
        bundle_free(outlet->ways[i].bundle);
        free(outlet->ways[i].durable);
        free(outlet->ways[i].ahead);
    }
    free(outlet->ways);
    spread_free(outlet->spread);
    kept_forget(outlet);
    free(outlet);
}

uint32_t outlet_count(const struct outlet *outlet)
{
    return outlet->count;
}

int outlet_adapt(struct outlet *outlet, struct rnl_error *err)
{
    if (!outlet->spread)
        return RNL_OK;
    spread_free(outlet->spread);
    outlet->spread = spread_new(outlet->reader->record.catalog, outlet->count);
    return outlet->spread ? RNL_OK : no_memory(err);
}

static int publish(struct way *way, struct rnl_bundle *bundle, uint32_t flags,
                   struct rnl_error *err)
{
    struct bundle_head head = {.unit = way->unit, .flags = flags};

    return reader_publish(&way->lane, bundle, &head, err);
}

static int add_to(struct way *way, const struct rnl_row *row, struct rnl_error *err)
{
    return way->has ? RNL_OK : bundle_add(way->bundle, row, err);
}

/* A key that changed: the row goes from one lane, and comes on another. */
static int part_row(struct outlet *outlet, const struct rnl_row *row, uint32_t from, uint32_t to,
                    struct rnl_error *err)
{
    struct rnl_value *after = calloc(row->nvalues + 1ul, sizeof(*after));
    struct rnl_row gone = *row, come = *row;
    int status;

    if (!after)
        return no_memory(err);
    for (uint32_t c = 0; c < row->nvalues; c++)
        after[c] = row->after[c].type == RNL_T_UNCHANGED ? row->before[c] : row->after[c];
    gone.op = RNL_DELETE;
    gone.after = NULL;
    come.op = RNL_INSERT;
    come.before = NULL;
    come.after = after;
    status = add_to(&outlet->ways[from], &gone, err);
    if (status == RNL_OK)
        status = add_to(&outlet->ways[to], &come, err);
    free(after);
    return status;
}

static int deal_rows(struct outlet *outlet, struct rnl_bundle *in, struct rnl_error *err)
{
    struct rnl_row row;
    int status;

    while ((status = bundle_next(in, &row, err)) == RNL_OK) {
        uint32_t from, to;

        if (spread_row(outlet->spread, &row, &from, &to, err) != RNL_OK)
            return err->status;
        status = from == to ? add_to(&outlet->ways[from], &row, err)
                            : part_row(outlet, &row, from, to, err);
        if (status != RNL_OK)
            return status;
    }
    return status == RNL_DONE ? RNL_OK : status;
}

static bool reached(const struct outlet *outlet, struct rnl_slice position, struct rnl_slice goal)
{
    const struct session *source = &outlet->reader->source;

    return source->plugin->source.log_reached(source->self, position, goal);
}

static struct rnl_slice slice_of(const char *text)
{
    return (struct rnl_slice){text, text ? strlen(text) : 0};
}

bool outlet_catches_up(const struct outlet *outlet)
{
    for (uint32_t i = 0; i < outlet->count; i++)
        if (outlet->ways[i].ahead)
            return true;
    return false;
}

/* Which lanes have the transaction that ends there. */
static void look_who_has(struct outlet *outlet, struct rnl_slice position)
{
    for (uint32_t i = 0; i < outlet->count; i++) {
        struct way *way = &outlet->ways[i];

        way->has = way->ahead && reached(outlet, slice_of(way->ahead), position);
        if (way->has)
            continue;
        free(way->ahead); /* all that comes from here on is behind it */
        way->ahead = NULL;
    }
}

/* A lane that is ahead of the others doesn't go back. */
static struct rnl_slice place_for(const struct way *way, struct rnl_slice position)
{
    return way->has ? slice_of(way->ahead) : position;
}

/* Each lane's part, with the place that all of them have reached, if they have. */
static int give_parts(struct outlet *outlet, const struct rnl_bundle_info *info, uint32_t flags,
                      bool all, struct rnl_error *err)
{
    for (uint32_t i = 0; i < outlet->count; i++) {
        struct way *way = &outlet->ways[i];
        uint32_t rows = bundle_rows(way->bundle);

        if (!rows && !all && !(way->open && info->position.len))
            continue;
        if (info->position.len &&
            bundle_commit(way->bundle, place_for(way, info->position), info->committed_us, err) < 0)
            return err->status;
        if (publish(way, way->bundle, flags, err) != RNL_OK)
            return err->status;
        way->open = !info->position.len;
    }
    return RNL_OK;
}

/* Its rows to their lanes. */
static int deal(struct outlet *outlet, struct rnl_bundle *in, const struct rnl_bundle_info *info,
                uint32_t flags, bool all, struct rnl_error *err)
{
    int status;

    for (uint32_t i = 0; i < outlet->count; i++)
        bundle_reset(outlet->ways[i].bundle);
    status = deal_rows(outlet, in, err);
    return status == RNL_OK ? give_parts(outlet, info, flags, all, err) : status;
}

/* --- bundles of a transaction of which nobody knows yet who has it ------------------------ */

static int kept_failed(struct rnl_error *err)
{
    rnl_fail(err, RNL_E_RETRY, "spread.kept",
             "a part of a transaction can't be kept in a temporary file: %s", strerror(errno));
    rnl_hint(err, "is there room left in the folder for temporary files?");
    return err->status;
}

static int keep(struct outlet *outlet, const void *bytes, size_t len, struct rnl_error *err)
{
    const struct kept_head head = {len};

    if (!outlet->kept && !(outlet->kept = tmpfile()))
        return kept_failed(err);
    return fwrite(&head, sizeof(head), 1, outlet->kept) == 1 &&
                   fwrite(bytes, 1, len, outlet->kept) == len
               ? RNL_OK
               : kept_failed(err);
}

/* One of those kept; RNL_DONE: there is none left. */
static int give_one_kept(struct outlet *outlet, uint32_t flags, struct rnl_error *err)
{
    struct kept_head head;
    struct rnl_bundle_info info;
    struct rnl_bundle *in;
    void *bytes;
    int status;

    if (fread(&head, sizeof(head), 1, outlet->kept) != 1)
        return ferror(outlet->kept) ? kept_failed(err) : RNL_DONE;
    bytes = malloc(head.len + 1);
    if (!bytes)
        return no_memory(err);
    status = fread(bytes, 1, head.len, outlet->kept) == head.len ? RNL_OK : kept_failed(err);
    if (status == RNL_OK)
        status = bundle_open(bytes, head.len, &in, err);
    if (status == RNL_OK) {
        bundle_info(in, &info);
        status = deal(outlet, in, &info, flags, false, err);
        bundle_free(in);
    }
    free(bytes);
    return status;
}

static int give_kept(struct outlet *outlet, uint32_t flags, struct rnl_error *err)
{
    int status = RNL_OK;

    if (!outlet->kept)
        return RNL_OK;
    if (fflush(outlet->kept) || fseek(outlet->kept, 0, SEEK_SET))
        status = kept_failed(err);
    while (status == RNL_OK)
        status = give_one_kept(outlet, flags, err);
    kept_forget(outlet);
    return status == RNL_DONE ? RNL_OK : status;
}

static int give_sealed(struct outlet *outlet, const void *bytes, size_t len, uint32_t flags,
                       bool all, struct rnl_error *err)
{
    struct rnl_bundle_info info;
    struct rnl_bundle *in;
    int status = bundle_open(bytes, len, &in, err);

    if (status != RNL_OK)
        return status;
    bundle_info(in, &info);
    if (!info.position.len && outlet_catches_up(outlet)) {
        status = keep(outlet, bytes, len, err);
    } else {
        if (info.position.len)
            look_who_has(outlet, info.position);
        status = give_kept(outlet, flags, err);
        if (status == RNL_OK)
            status = deal(outlet, in, &info, flags, all, err);
    }
    bundle_free(in);
    return status;
}

int outlet_give(struct outlet *outlet, struct rnl_bundle *bundle, uint32_t flags, bool all,
                struct rnl_error *err)
{
    struct bundle_head head = {.flags = flags};
    void *bytes;
    size_t len;
    int status;

    if (!outlet->spread)
        return publish(&outlet->ways[0], bundle, flags, err);
    if (bundle_seal(bundle, &head, &bytes, &len, err) != RNL_OK)
        return err->status;
    status = give_sealed(outlet, bytes, len, flags, all, err);
    free(bytes);
    return status;
}

int outlet_end(struct outlet *outlet, struct rnl_bundle *bundle, uint32_t flags,
               struct rnl_error *err)
{
    kept_forget(outlet);
    for (uint32_t i = 0; i < outlet->count; i++) {
        bundle_reset(bundle);
        outlet->ways[i].open = false;
        if (publish(&outlet->ways[i], bundle, RNL_BUNDLE_LANE_END | flags, err) != RNL_OK)
            return err->status;
    }
    return RNL_OK;
}

int outlet_told(struct outlet *outlet, uint32_t lane, struct rnl_slice position,
                struct rnl_error *err)
{
    char *copy;

    lane -= outlet->reader->first_lane; /* others are beyond all, by that */
    if (lane >= outlet->count || !position.len)
        return RNL_OK;
    copy = strndup(position.ptr, position.len);
    if (!copy)
        return no_memory(err);
    free(outlet->ways[lane].durable);
    outlet->ways[lane].durable = copy;
    return RNL_OK;
}

struct rnl_slice outlet_durable(struct outlet *outlet)
{
    struct rnl_slice least = slice_of(outlet->ways[0].durable);

    for (uint32_t i = 1; i < outlet->count; i++) {
        struct rnl_slice place = slice_of(outlet->ways[i].durable);

        if (!place.len || !least.len)
            return (struct rnl_slice){NULL, 0};
        if (reached(outlet, least, place))
            least = place;
    }
    return least;
}

static struct rnl_slice place_of(const struct outlet *outlet, uint32_t lane)
{
    const struct rnl_unit *unit = unit_at(outlet->reader, lane);

    return unit->position.len ? unit->position : slice_of(outlet->reader->record.position);
}

int outlet_places(struct outlet *outlet, struct rnl_slice *least, struct rnl_error *err)
{
    *least = place_of(outlet, 0);
    for (uint32_t i = 1; i < outlet->count; i++) {
        struct rnl_slice place = place_of(outlet, i);

        if (reached(outlet, *least, place))
            *least = place;
    }
    for (uint32_t i = 0; i < outlet->count; i++) {
        struct rnl_slice place = place_of(outlet, i);

        if (!reached(outlet, *least, place) &&
            !(outlet->ways[i].ahead = strndup(place.ptr, place.len)))
            return no_memory(err);
    }
    return RNL_OK;
}
