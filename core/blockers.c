/* What stands in the way of a run is told before it writes anything. */
#include "blockers.h"

#include "finding.h"

static bool is_masked(const struct pipeline_config *config, const char *column)
{
    for (size_t i = 0; column && i < config->ntables; i++)
        for (uint32_t m = 0; m < config->tables[i].nmasks; m++)
            if (strcasecmp(config->tables[i].masks[m].column, column) == 0)
                return true;
    return false;
}

/* "zero_date=error": some rows will be refused, the others fit. */
static bool is_of_rows(const struct rnl_finding *finding)
{
    const char *word = finding->policy ? strchr(finding->policy, '=') : NULL;

    return word && strcmp(word, "=error") == 0;
}

static bool is_decided(const struct rnl_finding *finding, const struct pipeline_config *config)
{
    return is_of_rows(finding) &&
           (config->on_error != ON_ERROR_STOP || is_masked(config, finding->object));
}

static void hint(const struct rnl_finding *finding, struct rnl_error *err)
{
    if (is_of_rows(finding))
        rnl_hint(err,
                 "choose another word than %s (--set, or in the target's URL), or set such rows "
                 "aside: --on-error set_aside; all that is in the way: runnel check",
                 finding->policy);
    else if (finding->policy)
        rnl_hint(err,
                 "mend it, or choose another word than %s (--set, or in the target's URL); all "
                 "that is in the way: runnel check",
                 finding->policy);
    else
        rnl_hint(err, "mend it%s; all that is in the way: runnel check",
                 finding->table ? ", or leave the table out (--exclude)" : "");
}

int blockers_refuse(struct findings *findings, const struct pipeline_config *config,
                    struct rnl_error *err)
{
    size_t blockers = findings_count(findings, RNL_BLOCKER), count = 0;
    const struct rnl_finding *first = NULL;

    for (size_t i = 0; i < blockers; i++) { /* the heaviest come first */
        const struct rnl_finding *finding = findings_at(findings, i);

        if (!finding || finding->severity != RNL_BLOCKER || is_decided(finding, config))
            continue;
        count++;
        if (!first)
            first = finding;
    }
    if (!first)
        return RNL_OK;
    rnl_fail(err, RNL_E_CONFIG, "run.blocked",
             "%zu thing%s in the way of this run, and nothing was written: %s%s%s%s%s%s%s [%s]",
             count, count == 1 ? " stands" : "s stand", first->schema ? first->schema : "",
             first->schema && first->table ? "." : "", first->table ? first->table : "",
             first->object ? "." : "", first->object ? first->object : "",
             first->schema || first->table || first->object ? ": " : "", first->text, first->code);
    hint(first, err);
    return err->status;
}

static void tell(struct findings *found, struct findings *told)
{
    size_t blockers = findings_count(found, RNL_BLOCKER);

    for (size_t i = 0; told && i < blockers; i++)
        if (findings_at(found, i))
            findings_add(told, findings_at(found, i));
}

int blockers_ask(struct session *session, int (*check)(void *arg, struct rnl_error *err), void *arg,
                 struct findings *told, const struct pipeline_config *config, struct rnl_error *err)
{
    struct findings *before = session->host.findings, *found = findings_new();
    int status;

    if (!found)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory");
    session->host.findings = found;
    status = check(arg, err);
    session->host.findings = before;
    if (status < 0 && status != RNL_E_RETRY && status != RNL_E_FATAL) {
        *err = (struct rnl_error)RNL_ERROR_INIT;
        status = RNL_OK;
    }
    if (status == RNL_OK) {
        tell(found, told);
        status = blockers_refuse(found, config, err);
    }
    findings_free(found);
    return status;
}
