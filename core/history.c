/* Runs, events and usage in the state database. */
#include "history.h"

#include "store.h"

#include <string.h>
#include <time.h>

/* The oldest go now and then, not with each. */
#define TRIM_EACH 100

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int trim(struct store *store, const char *text, int64_t below, struct rnl_error *err)
{
    struct sql sql;

    sql_begin(&sql, store, text, err);
    sql_number(&sql, below);
    return sql_end(&sql, NULL);
}

/* --- runs ------------------------------------------------------------------------------------- */

int history_run_began(struct store *store, const char *pipeline, const char *role, const char *mode,
                      int64_t *id, struct rnl_error *err)
{
    struct sql sql;

    *id = 0;
    sql_begin(&sql, store,
              "insert into runs (pipeline, role, mode, began_s, seen_s, outcome)"
              " values (?1, ?2, ?3, ?4, ?4, 'running') returning id",
              err);
    sql_text(&sql, pipeline);
    sql_text(&sql, role);
    sql_text(&sql, mode);
    sql_number(&sql, time(NULL));
    if (sql_row(&sql))
        *id = sql_number_at(&sql, 0);
    if (sql_end(&sql, NULL) != RNL_OK || *id % TRIM_EACH != 0)
        return sql.status;
    return trim(store, "delete from runs where id <= ? and outcome <> 'running'",
                *id - HISTORY_RUNS, err);
}

/* What has come since, to the day that it is now. */
static int add_usage(struct store *store, int64_t id, const struct run_totals *totals,
                     int64_t now_s, struct rnl_error *err)
{
    struct sql sql;

    sql_begin(&sql, store,
              "insert into usage (day, pipeline, rows, changes, bytes, seconds)"
              " select date(?1, 'unixepoch'), pipeline, max(?3 - rows, 0), max(?4 - changes, 0),"
              "  max(?5 - bytes, 0), max(?1 - seen_s, 0) from runs where id = ?2"
              " on conflict (day, pipeline) do update set rows = rows + excluded.rows,"
              "  changes = changes + excluded.changes, bytes = bytes + excluded.bytes,"
              "  seconds = seconds + excluded.seconds",
              err);
    sql_number(&sql, now_s);
    sql_number(&sql, id);
    sql_number(&sql, totals->rows);
    sql_number(&sql, totals->changes);
    sql_number(&sql, totals->bytes);
    return sql_end(&sql, NULL);
}

static int set_totals(struct store *store, int64_t id, const struct run_totals *totals,
                      int64_t now_s, struct rnl_error *err)
{
    struct sql sql;

    sql_begin(&sql, store,
              "update runs set seen_s = ?1, rows = max(rows, ?3), changes = max(changes, ?4),"
              " bytes = max(bytes, ?5), set_aside = max(set_aside, ?6) where id = ?2",
              err);
    sql_number(&sql, now_s);
    sql_number(&sql, id);
    sql_number(&sql, totals->rows);
    sql_number(&sql, totals->changes);
    sql_number(&sql, totals->bytes);
    sql_number(&sql, totals->set_aside);
    return sql_end(&sql, NULL);
}

static int simply(struct store *store, const char *text, struct rnl_error *err)
{
    struct sql sql;

    sql_begin(&sql, store, text, err);
    return sql_end(&sql, NULL);
}

/* Both or none: what was counted isn't counted again. One thread writes totals, the recorder's. */
int history_run_goes(struct store *store, int64_t id, const struct run_totals *totals,
                     struct rnl_error *err)
{
    struct rnl_error unheard = RNL_ERROR_INIT;
    int64_t now_s = time(NULL);

    if (simply(store, "begin immediate", err) != RNL_OK)
        return err->status;
    if (add_usage(store, id, totals, now_s, err) == RNL_OK &&
        set_totals(store, id, totals, now_s, err) == RNL_OK &&
        simply(store, "commit", err) == RNL_OK)
        return RNL_OK;
    simply(store, "rollback", &unheard);
    return err->status;
}

int history_run_ended(struct store *store, int64_t id, const char *outcome, int exit_code,
                      const char *code, const char *text, struct rnl_error *err)
{
    struct sql sql;

    sql_begin(&sql, store,
              "update runs set ended_s = ?1, outcome = ?2, exit_code = ?3, error_code = ?4,"
              " error_text = ?5 where id = ?6",
              err);
    sql_number(&sql, time(NULL));
    sql_text(&sql, outcome);
    sql_number(&sql, exit_code);
    sql_text(&sql, code);
    sql_text(&sql, text);
    sql_number(&sql, id);
    return sql_end(&sql, NULL);
}

int history_runs_lost(struct store *store, struct rnl_error *err)
{
    return simply(
        store, "update runs set outcome = 'lost', ended_s = seen_s where outcome = 'running'", err);
}

/* --- events ----------------------------------------------------------------------------------- */

int history_event(struct store *store, const char *who, const char *what, const char *about,
                  const char *detail, struct rnl_error *err)
{
    int64_t id = 0;
    struct sql sql;

    sql_begin(&sql, store,
              "insert into events (at_ms, who, what, about, detail) values (?, ?, ?, ?, ?)"
              " returning id",
              err);
    sql_number(&sql, now_ms());
    sql_text(&sql, who);
    sql_text(&sql, what);
    sql_text(&sql, about);
    sql_text(&sql, detail);
    if (sql_row(&sql))
        id = sql_number_at(&sql, 0);
    if (sql_end(&sql, NULL) != RNL_OK || id % TRIM_EACH != 0)
        return sql.status;
    return trim(store, "delete from events where id <= ?", id - HISTORY_EVENTS, err);
}

/* --- told ------------------------------------------------------------------------------------- */

/* Columns of texts and numbers into members of these names; null stays null. */
static json_t *row_json(const struct sql *sql, const char *const *names, const char *types)
{
    json_t *o = json_object();

    for (int i = 0; names[i]; i++)
        json_object_set_new(o, names[i],
                            sql_null_at(sql, i) ? json_null()
                            : types[i] == 't'   ? json_string(sql_text_at(sql, i))
                                                : json_integer(sql_number_at(sql, i)));
    return o;
}

/* Its values are: about, before, limit. */
static json_t *rows_json(struct store *store, const char *text, const char *about, int64_t before,
                         int limit, const char *const *names, const char *types,
                         struct rnl_error *err)
{
    json_t *all = json_array();
    struct sql sql;

    sql_begin(&sql, store, text, err);
    sql_text(&sql, about);
    sql_number(&sql, before > 0 ? before : INT64_MAX);
    sql_number(&sql, limit);
    while (sql_row(&sql))
        json_array_append_new(all, row_json(&sql, names, types));
    if (sql_end(&sql, NULL) == RNL_OK)
        return all;
    json_decref(all);
    return NULL;
}

#define TIME_OF(column) "strftime('%Y-%m-%dT%H:%M:%SZ', " column ", 'unixepoch')"

json_t *history_runs(struct store *store, const char *pipeline, int64_t before, int limit,
                     struct rnl_error *err)
{
    static const char *const names[] = {"run",        "pipeline",   "role",    "mode",
                                        "began",      "ended",      "outcome", "exit_code",
                                        "rows",       "changes",    "bytes",   "rows_set_aside",
                                        "error_code", "error_text", NULL};

    return rows_json(store,
                     "select id, pipeline, role, mode, " TIME_OF("began_s") ", " TIME_OF(
                         "ended_s") ", outcome, exit_code, rows, changes, bytes, set_aside,"
                                    " error_code, error_text from runs"
                                    " where (?1 is null or pipeline = ?1) and id < ?2"
                                    " order by id desc limit ?3",
                     pipeline, before, limit, names, "nttttttnnnnntt", err);
}

json_t *history_events(struct store *store, const char *about, int64_t before, int limit,
                       struct rnl_error *err)
{
    static const char *const names[] = {"event", "at", "who", "what", "about", "detail", NULL};

    return rows_json(store,
                     "select id, strftime('%Y-%m-%dT%H:%M:%S', at_ms / 1000, 'unixepoch') ||"
                     " printf('.%03dZ', at_ms % 1000), who, what, about, detail from events"
                     " where (?1 is null or about = ?1) and id < ?2 order by id desc limit ?3",
                     about, before, limit, names, "nttttt", err);
}

json_t *history_usage(struct store *store, const char *pipeline, bool by_month, int limit,
                      struct rnl_error *err)
{
    static const char *const names[] = {"period", "pipeline", "rows", "changes",
                                        "bytes",  "seconds",  NULL};

    return rows_json(store,
                     by_month ? "select substr(day, 1, 7) as period, pipeline, sum(rows),"
                                " sum(changes), sum(bytes), sum(seconds) from usage"
                                " where (?1 is null or pipeline = ?1) and ?2 > 0"
                                " group by 1, 2 order by 1 desc, 2 limit ?3"
                              : "select day, pipeline, rows, changes, bytes, seconds from usage"
                                " where (?1 is null or pipeline = ?1) and ?2 > 0"
                                " order by day desc, pipeline limit ?3",
                     pipeline, 0, limit, names, "ttnnnn", err);
}
