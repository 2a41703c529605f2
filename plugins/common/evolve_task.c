/* What the sinks do alike with a table that was altered in the source. */
#include "evolve_task.h"

#include "element.h"
#include "tell.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

bool evolve_is_ours(const struct rnl_job *job)
{
    return job->structure & RNL_WITH_TABLES && job->schema_policy != RNL_VALIDATE_EXISTING;
}

struct evolve_task evolve_begin(const struct rnl_host *host, const struct rnl_job *job,
                                const struct rnl_catalog *was, uint32_t from,
                                const struct rnl_catalog *is, uint32_t to)
{
    struct evolve_task task = {
        .host = host,
        .job = *job,
        .before = was,
        .after = is,
        .from = from,
        .to = to,
        .was = from == UINT32_MAX ? NULL : host->table_at(was, from),
        .is = to == UINT32_MAX ? NULL : host->table_at(is, to),
    };

    task.job.pipeline = job->pipeline ? job->pipeline : "";
    if (job->schema_policy == RNL_DROP_AND_RECREATE)
        task.job.schema_policy = RNL_CREATE_MISSING_ONLY;
    if (job->write_mode != RNL_FAIL_IF_NOT_EMPTY)
        task.job.write_mode = RNL_APPEND;
    return task;
}

void evolve_end(struct evolve_task *task)
{
    evolution_free(&task->diff);
    idents_free(&task->topics);
}

/* ---- comparing ---------------------------------------------------------------------------- */

static bool take(struct idents *set, const char *name)
{
    return !name || idents_take(set, name);
}

/* Findings are about what is another: all else was told at the start. */
static bool gather_topics(struct evolve_task *task)
{
    const struct evolution *diff = &task->diff;
    const struct rnl_table *is = task->is;
    bool good = true;

    for (uint32_t i = 0; good && i < is->ncolumns; i++)
        if (evolution_is_new(&diff->columns.pairs[i]) || diff->columns.pairs[i].changes)
            good = take(&task->topics, COLUMN(is, i)->name);
    for (uint32_t i = 0; good && i < is->nindexes; i++)
        if (evolution_makes(&diff->indexes.pairs[i]))
            good = take(&task->topics, INDEX(is, i)->name);
    for (uint32_t i = 0; good && i < is->nforeign_keys; i++)
        if (evolution_makes(&diff->foreign_keys.pairs[i]))
            good = take(&task->topics, FOREIGN_KEY(is, i)->name);
    for (uint32_t i = 0; good && i < is->nchecks; i++)
        if (evolution_makes(&diff->checks.pairs[i]))
            good = take(&task->topics, CHECK(is, i)->name);
    return good;
}

void evolve_id(const char *what, const struct rnl_table *table, char out[EVOLVE_ID])
{
    snprintf(out, EVOLVE_ID, "%.50s %.300s.%.300s", what, table->schema, table->name);
}

void evolve_id_of_marks(const struct rnl_table *table, char out[EVOLVE_ID])
{
    snprintf(out, EVOLVE_ID, "altered %.300s.%.300s ", table->schema, table->name);
}

int evolve_compare(struct evolve_task *task)
{
    size_t len;

    if (!evolution_compare(&task->diff, task->was, task->is, task->renamed, task->nrenamed) ||
        !gather_topics(task))
        return tell_memory(task->err);
    evolve_id_of_marks(task->is, task->mark);
    len = strlen(task->mark);
    snprintf(task->mark + len, sizeof(task->mark) - len, "%016" PRIx64,
             evolution_digest(task->was, task->is, task->renamed, task->nrenamed));
    return RNL_OK;
}

/* ---- telling ------------------------------------------------------------------------------ */

static const struct rnl_table *source_of(const struct evolve_task *task)
{
    return task->is ? task->is : task->was;
}

static const char *target_of(const struct evolve_task *task)
{
    const struct evolve_names *names = &task->names;

    return task->is ? names->called(names->is, task->to) : names->called(names->was, task->from);
}

int evolve_refuse(const struct evolve_task *task, const char *object, const char *fmt, ...)
{
    char why[400];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(why, sizeof(why), fmt, ap);
    va_end(ap);
    rnl_fail(task->err, RNL_E_CONFIG, "sink.cant_evolve",
             "the source altered a table, and the target's %s can't follow%s%s: %s",
             target_of(task), object ? " in " : "", object ? object : "", why);
    rnl_hint(task->err, "alter the target's table by hand and go on, go on with ddl = \"ignore\", "
                        "or load this table anew");
    return RNL_E_CONFIG;
}

void evolve_tell(const struct evolve_task *task, const char *code, const char *object,
                 const char *text)
{
    const struct rnl_finding finding = {.severity = RNL_WARNING, .code = code, .object = object};

    tell_finding(task->host, task->ctx, source_of(task), &finding, "%s", text);
}

int evolve_step(struct evolve_task *task, int phase, const char *what, const char *object,
                struct buf *text)
{
    struct rnl_step step = {.phase = (uint32_t)phase, .table = UINT32_MAX};

    return tell_step(task->host, task->steps, source_of(task), &step, what, object, text,
                     task->err);
}

/* ---- other tables --------------------------------------------------------------------------- */

int evolve_check_others(const struct evolve_task *task)
{
    const struct evolve_names *names = &task->names;

    for (uint32_t t = 0; t < task->host->table_count(task->after); t++) {
        const struct rnl_table *table = task->host->table_at(task->after, t);
        uint32_t at = names->find(names->was, table->schema, table->name);

        if (t == task->to || at == UINT32_MAX || at == task->from ||
            strcmp(names->called(names->was, at), names->called(names->is, t)) == 0)
            continue;
        return evolve_refuse(task, NULL, "with it the table %s.%s would be named %s instead of %s",
                             table->schema, table->name, names->called(names->is, t),
                             names->called(names->was, at));
    }
    return RNL_OK;
}

bool evolve_name_is_left(const struct evolve_task *task)
{
    const struct evolve_names *names = &task->names;
    const char *wanted = names->called(names->is, task->to);

    for (uint32_t t = 0; t < task->host->table_count(task->before); t++)
        if (t != task->from && strcmp(names->called(names->was, t), wanted) == 0) {
            const struct rnl_table *table = task->host->table_at(task->before, t);
            uint32_t at = names->find(names->is, table->schema, table->name);

            return at == UINT32_MAX || at == task->to;
        }
    return false;
}
