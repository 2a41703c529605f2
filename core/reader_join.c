/*
 * Tables that join a run which goes on, since more are asked for than it has, or are loaded anew:
 * they are taken into its record, and their rows into its plan. The rest of it stays as it is.
 */
#include "reader_part.h"

#include "alteration.h"
#include "check.h"
#include "util/log.h"

#include <stdlib.h>

struct joining {
    struct reader *reader;
    struct rnl_catalog *described;
    const struct asked *asked; /* NULL: nobody asks */
    bool *again;               /* of the record's tables: loaded anew */
    bool *add;                 /* of those described: taken in */
    uint32_t count;            /* of both */
    bool unasked;              /* some of them, which nobody asked for by name */
    bool altered;              /* some were altered while they were loaded */
    bool waits;                /* they are loaded beside the stream */
};

static int no_memory(struct rnl_error *err)
{
    return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for tables that join");
}

/* --- what is wanted ----------------------------------------------------------------------- */

static bool includes_some(const struct table_rule *rules, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!rules[i].exclude && !rules[i].detail)
            return true;
    return false;
}

int reader_rules(struct reader *reader, struct rnl_error *err)
{
    static const struct table_rule all = {.name = "*"};
    const struct pipeline_config *config = reader->run->config;
    const struct asked *asked = asked_waiting(&reader->run->asked);
    const struct rnl_names *added = &reader->record.added;
    size_t more = added->count + (asked && !asked->again ? asked->names.count : 0);
    struct table_rule *rules = calloc(config->ntables + more + 2, sizeof(*rules));
    size_t n = 0;

    if (!rules)
        return no_memory(err);
    reader->rules = rules;
    /* without a rule that includes, all tables are wanted: more of them don't change that */
    if (more && !includes_some(config->tables, config->ntables))
        rules[n++] = all;
    for (size_t i = 0; i < config->ntables; i++)
        rules[n++] = config->tables[i];
    for (size_t i = 0; i < added->count; i++)
        rules[n++].name = added->items[i];
    for (size_t i = added->count; i < more; i++)
        rules[n++].name = asked->names.items[i - added->count];
    reader->nrules = n;
    return RNL_OK;
}

/* Whether a table is among those that are asked for. */
static bool is_asked(const struct asked *asked, const struct rnl_table *table)
{
    for (size_t i = 0; asked && i < asked->names.count; i++) {
        const struct table_rule rule = {.name = asked->names.items[i]};

        if (rule_fits(&rule, table->schema, table->name, table->query != NULL))
            return true;
    }
    return false;
}

/* It is one of the record's that got another name: the log says where, and it stays. */
static bool is_renamed(const struct joining *j, const struct rnl_table *table)
{
    const struct rnl_source_ops *source = &j->reader->source.plugin->source;
    const struct rnl_catalog *catalog = j->reader->record.catalog;

    for (uint32_t t = 0; source->same_table && t < catalog_count(catalog); t++) {
        const struct rnl_table *earlier = catalog_at(catalog, t);

        if (catalog_index(j->described, earlier->schema, earlier->name) == UINT32_MAX &&
            source->same_table(j->reader->source.self, earlier, table))
            return true;
    }
    return false;
}

/*
 * A table that joined, altered while its rows were read: no log tells what those are now, and
 * nothing but its own rows is lost by reading them again.
 */
bool reader_reads_anew(struct reader *reader, uint32_t table, struct rnl_catalog *described)
{
    const struct rnl_catalog *catalog = reader->record.catalog;
    const struct rnl_table *was = catalog_at(catalog, table);
    uint32_t at = catalog_index(described, was->schema, was->name);

    return reader->run->config->ddl != DDL_STOP && reader->record.state == RECORD_LOADING &&
           catalog_joined(catalog, table)->number && catalog_joined(catalog, table)->open &&
           reader_is_left(reader, table) && at != UINT32_MAX &&
           !catalog_same_form(catalog, table, described, at);
}

static void choose(struct joining *j)
{
    struct reader *reader = j->reader;
    struct rnl_catalog *catalog = reader->record.catalog;
    bool grows = atomic_load(&reader->run->grows) && reader->record.state == RECORD_FOLLOWING;
    bool reloads = j->asked && (j->asked->again || j->asked->by_source);
    bool adds = j->asked && (!j->asked->again || j->asked->by_source);

    for (uint32_t t = 0; t < catalog_count(catalog); t++) {
        const struct rnl_table *table = catalog_at(catalog, t);

        j->again[t] = reloads && is_asked(j->asked, table) &&
                      catalog_index(j->described, table->schema, table->name) != UINT32_MAX;
        if (reader_reads_anew(reader, t, j->described))
            j->again[t] = j->altered = true;
        j->count += j->again[t];
    }
    for (uint32_t t = 0; t < catalog_count(j->described); t++) {
        const struct rnl_table *table = catalog_at(j->described, t);

        j->add[t] = catalog_index(catalog, table->schema, table->name) == UINT32_MAX &&
                    ((grows && !is_renamed(j, table)) || (adds && is_asked(j->asked, table)));
        j->count += j->add[t];
        j->unasked |= j->add[t] && !(adds && is_asked(j->asked, table));
    }
}

static bool fits_one(const struct rnl_names *names, size_t i, const struct rnl_catalog *catalog,
                     const bool *chosen)
{
    const struct table_rule rule = {.name = names->items[i]};

    for (uint32_t t = 0; t < catalog_count(catalog); t++) {
        const struct rnl_table *table = catalog_at(catalog, t);

        if ((!chosen || chosen[t]) &&
            rule_fits(&rule, table->schema, table->name, table->query != NULL))
            return true;
    }
    return false;
}

/* Every name that was given must mean something. */
static int check_asked(const struct joining *j, struct rnl_error *err)
{
    const struct rnl_catalog *catalog = j->reader->record.catalog;

    if (j->asked && j->asked->again && j->reader->run->config->mode == MODE_CDC)
        return rnl_fail(err, RNL_E_CONFIG, "tables.no_load",
                        "no table can be loaded anew: this pipeline applies changes alone, and "
                        "loads no rows");
    for (size_t i = 0; j->asked && i < j->asked->names.count; i++) {
        const struct rnl_names *names = &j->asked->names;

        if (fits_one(names, i, catalog, j->again) || fits_one(names, i, j->described, j->add))
            continue;
        if (j->asked->again || j->asked->by_source) {
            rnl_fail(err, RNL_E_CONFIG, "tables.unknown",
                     fits_one(names, i, catalog, NULL)
                         ? "%s is in the pipeline, and the source has no such table any more"
                         : "no table of the pipeline is called %s",
                     names->items[i]);
            rnl_hint(err, "runnel tables list names those that it has; runnel tables add takes in "
                          "others");
        } else {
            bool has = fits_one(names, i, catalog, NULL);

            rnl_fail(err, RNL_E_CONFIG, has ? "tables.present" : "tables.unknown",
                     has ? "%s is in the pipeline already" : "the source has no table %s",
                     names->items[i]);
            rnl_hint(err, has ? "to load it anew: runnel tables reload"
                              : "look at the name, and at the rights of the user that reads");
        }
        return err->status;
    }
    return RNL_OK;
}

/* --- into the record ---------------------------------------------------------------------- */

/* For plan_move(): what is loaded anew has new units. */
static uint32_t kept(const void *arg, uint32_t table)
{
    const struct joining *j = arg;

    return j->again[table] ? UINT32_MAX : table;
}

static int mark(const struct joining *j, uint32_t earlier, struct rnl_error *err)
{
    struct record *record = &j->reader->record;
    char *since = j->waits ? reader_place(j->reader) : NULL;

    if (j->waits && !since)
        return no_memory(err);
    err->status = RNL_OK;
    for (uint32_t t = 0; t < catalog_count(record->catalog); t++) {
        bool again = t < earlier && j->again[t];
        const struct catalog_join join = {.number = j->reader->joins,
                                          .open = true,
                                          .again = again,
                                          .waits = j->waits,
                                          .since = since};
        const struct rnl_table *table = catalog_at(record->catalog, t);

        if (t < earlier && !again)
            continue;
        log_write(RNL_LOG_INFO, "reader", "%s.%s %s", table->schema, table->name,
                  again ? "is loaded anew" : "joins the pipeline");
        if (catalog_join(record->catalog, t, &join, err) != RNL_OK)
            break;
    }
    free(since);
    if (err->status != RNL_OK)
        return err->status;
    catalog_join_flags(record->catalog, j->reader->joins);
    return RNL_OK;
}

static int add_names(struct record *record, const struct asked *asked, struct rnl_error *err)
{
    err->status = RNL_OK;
    for (size_t i = 0; asked && !asked->again && !asked->by_source && i < asked->names.count; i++)
        if (names_add(&record->added, asked->names.items[i], err) != RNL_OK)
            break;
    return err->status;
}

int reader_join_first(struct reader *reader, struct rnl_error *err)
{
    return add_names(&reader->record, asked_waiting(&reader->run->asked), err);
}

static int note_names(const struct joining *j, struct rnl_error *err)
{
    struct record *record = &j->reader->record;
    const struct pipeline_config *config = j->reader->run->config;
    char *selection = selection_text(config->tables, config->ntables);

    if (!selection)
        return no_memory(err);
    free(record->selection);
    record->selection = selection;
    return add_names(record, j->asked, err);
}

/* Of the catalog that has them; before, it had tables up to this one. */
static bool is_joining(const struct joining *j, uint32_t earlier, uint32_t table)
{
    return table >= earlier || j->again[table];
}

/*
 * Whether a foreign key goes from a table that joins to one that stays, or back: the one's changes
 * without the other's would break it, and what a key carries along would be done out of its time.
 */
static bool is_linked(const struct joining *j, struct rnl_catalog *catalog, uint32_t earlier)
{
    for (uint32_t t = 0; t < catalog_count(catalog); t++) {
        const struct rnl_table *table = catalog_at(catalog, t);

        for (uint32_t k = 0; k < table->nforeign_keys; k++) {
            const struct rnl_foreign_key *key = &table->foreign_keys[k];
            uint32_t other = catalog_index(catalog, key->ref_schema, key->ref_table);

            if (other != UINT32_MAX && is_joining(j, earlier, t) != is_joining(j, earlier, other))
                return true;
        }
    }
    return false;
}

/*
 * Those alone that somebody asked for: where the source made or altered tables, what comes behind
 * that in its log may need them. And while other tables catch up, all changes are such that may
 * have been applied before, which is said of a lane as a whole.
 */
static bool may_wait(const struct joining *j, struct rnl_catalog *catalog, uint32_t earlier)
{
    return j->asked && !j->asked->by_source && !j->unasked && !j->altered &&
           j->reader->record.state == RECORD_FOLLOWING && reader_can_wait(j->reader) &&
           !is_linked(j, catalog, earlier);
}

static int take_in(struct joining *j, struct rnl_error *err)
{
    struct reader *reader = j->reader;
    struct record *record = &reader->record;
    uint32_t earlier = catalog_count(record->catalog);
    struct rnl_catalog *is;

    if (catalog_extend(record->catalog, j->described, j->again, j->add, &is, err) != RNL_OK)
        return err->status;
    catalog_free(record->catalog);
    record->catalog = is;
    plan_move(record->plan, kept, j);
    record->grown = record->grown || record->state == RECORD_FOLLOWING;
    j->waits = may_wait(j, is, earlier);
    record->state = RECORD_LOADING;
    record->fingerprint = catalog_fingerprint(is);
    reader->joins = ++record->joins;
    return mark(j, earlier, err) == RNL_OK ? note_names(j, err) : err->status;
}

/* With more tables one may go to another lane, which lacks changes of it, or has them. */
static int check_lanes(const struct reader *reader, struct rnl_error *err)
{
    if (!reader_lanes_apart(reader))
        return RNL_OK;
    rnl_fail(err, RNL_E_CONFIG, "tables.lanes_apart",
             "tables can't join now: the run was cut off, and its lanes for changes stand at "
             "different places");
    rnl_hint(err, "go on as before, without new tables, until it has caught up; then add them: "
                  "runnel tables add");
    return err->status;
}

/* Tables that nobody asks for by name can wait for the next start. */
static void put_off(struct rnl_error *err)
{
    log_write(RNL_LOG_WARN, "reader", "more tables fit than the pipeline has: %s", err->text);
    *err = (struct rnl_error)RNL_ERROR_INIT;
}

int reader_join(struct reader *reader, struct rnl_catalog *described, struct rnl_error *err)
{
    struct joining j = {
        .reader = reader,
        .described = described,
        .asked = asked_waiting(&reader->run->asked),
        .again = calloc(catalog_count(reader->record.catalog) + 1ul, sizeof(bool)),
        .add = calloc(catalog_count(described) + 1ul, sizeof(bool)),
    };

    err->status = RNL_OK;
    atomic_store(&reader->run->joining, j.asked != NULL);
    if (reader->record.state == RECORD_FOLLOWING)
        catalog_join_close(reader->record.catalog);
    catalog_join_flags(reader->record.catalog, 0);
    if (!j.again || !j.add)
        no_memory(err);
    if (err->status == RNL_OK) {
        choose(&j);
        check_asked(&j, err);
    }
    if (err->status == RNL_OK && j.count)
        check_lanes(reader, err);
    if (err->status == RNL_OK && j.count)
        take_in(&j, err);
    else if (err->status == RNL_E_CONFIG && !j.asked && !j.altered && reader_lanes_apart(reader))
        put_off(err);
    free(j.again);
    free(j.add);
    return err->status;
}

/* --- into the plan ------------------------------------------------------------------------ */

static bool joins_now(const struct reader *reader, uint32_t table)
{
    return catalog_joined(reader->record.catalog, table)->number == reader->joins;
}

/* The data that types depend on: of the tables that join alone, the others' types stand. */
static int decide(struct reader *reader, struct rnl_error *err)
{
    struct rnl_catalog *catalog = reader->record.catalog, *some = catalog_new();
    uint32_t at = 0;

    if (!some)
        return no_memory(err);
    err->status = RNL_OK;
    for (uint32_t t = 0; t < catalog_count(catalog) && err->status == RNL_OK; t++)
        if (joins_now(reader, t))
            catalog_copy(some, catalog, t, err);
    progress_phase(reader->run->progress, PHASE_SCANNING);
    if (err->status == RNL_OK)
        check_decide(&reader->source.plugin->source, reader->source.self, some, reader->lanes,
                     reader->recall.facts, &reader->run->stopping, err);
    for (uint32_t t = 0; t < catalog_count(catalog) && err->status == RNL_OK; t++)
        if (joins_now(reader, t))
            catalog_take_facts(catalog, t, some, at++);
    catalog_free(some);
    return err->status;
}

static int add_units(struct reader *reader, const struct rnl_plan *plan, struct rnl_error *err)
{
    uint32_t id = reader_next_id(reader);

    err->status = RNL_OK;
    for (uint32_t i = 0; i < plan_count(plan) && err->status == RNL_OK; i++) {
        struct rnl_unit unit = *plan_at(plan, i);

        unit.id = id++;
        plan_add(reader->record.plan, &unit, err);
    }
    return err->status;
}

static int plan_units(struct reader *reader, struct rnl_error *err)
{
    const struct rnl_source_ops *source = &reader->source.plugin->source;
    struct rnl_plan *plan = plan_new();

    if (!plan)
        return no_memory(err);
    err->status = RNL_OK;
    for (uint32_t t = 0; t < catalog_count(reader->record.catalog) && err->status == RNL_OK; t++)
        if (joins_now(reader, t))
            source->plan(reader->source.self, reader->record.catalog, t,
                         reader->run->config->chunk_bytes, plan, err);
    if (err->status == RNL_OK)
        add_units(reader, plan, err);
    plan_free(plan);
    if (err->status == RNL_OK)
        plan_order(reader->record.plan);
    return err->status;
}

int reader_join_units(struct reader *reader, const char *low, struct rnl_error *err)
{
    struct rnl_catalog *catalog = reader->record.catalog;

    if (!low)
        return rnl_fail(err, RNL_E_FATAL, "source.no_position",
                        "the source doesn't say where in its log the view of tables that join "
                        "stands");
    for (uint32_t t = 0; t < catalog_count(catalog); t++) {
        struct catalog_join join = *catalog_joined(catalog, t);

        join.start = low;
        if (joins_now(reader, t) && catalog_join(catalog, t, &join, err) != RNL_OK)
            return err->status;
    }
    if (decide(reader, err) != RNL_OK)
        return err->status;
    return reader->run->config->mode == MODE_CDC ? RNL_OK : plan_units(reader, err);
}

/* --- asked for by the source -------------------------------------------------------------- */

/* Where nothing is loaded, rows that stood in the target are its own matter. */
static bool must_load(const struct reader *reader, const struct rnl_alteration *alteration)
{
    uint32_t flags = RNL_ALTERATION_LOAD;

    if (reader->run->config->mode != MODE_CDC)
        flags |= RNL_ALTERATION_REMADE;
    return alteration->flags & flags && alteration->table;
}

bool reader_must_load(const struct reader *reader, const struct alterations *altered)
{
    for (uint32_t i = 0; i < alterations_count(altered); i++)
        if (must_load(reader, alterations_at(altered, i)))
            return true;
    return false;
}

int reader_ask_load(struct reader *reader, const struct alterations *altered, struct rnl_error *err)
{
    struct rnl_error busy = RNL_ERROR_INIT; /* then the attempt ends for others already */
    struct rnl_names names = {0};

    err->status = RNL_OK;
    for (uint32_t i = 0; i < alterations_count(altered) && err->status == RNL_OK; i++) {
        const struct rnl_alteration *alteration = alterations_at(altered, i);
        char name[600];

        if (!must_load(reader, alteration))
            continue;
        snprintf(name, sizeof(name), "%s.%s", alteration->table->schema, alteration->table->name);
        log_write(RNL_LOG_INFO, "reader", "%s has rows that the log didn't tell of: %s", name,
                  alteration->statement);
        names_add(&names, name, err);
    }
    if (err->status == RNL_OK) {
        asked_put(&reader->run->asked, &names, false, true, NULL, &busy);
        run_stop(reader->run, false);
    }
    names_clear(&names);
    return err->status;
}
