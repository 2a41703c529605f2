/* What a run would meet at the target: rights, room on the disk, who else is there. */
#include "sink.h"

#include <libgen.h>
#include <stdarg.h>
#include <sys/statvfs.h>
#include <unistd.h>

RNL_PRINTF(4, 5)
static void tell(const struct sink *sink, enum rnl_severity severity, const char *code,
                 const char *fmt, ...)
{
    char text[1024];
    struct rnl_finding finding = {
        .size = sizeof(finding), .severity = severity, .code = code, .text = text, .count = -1};
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    sink->host->finding(sink->ctx, &finding);
}

/* About what the source's rows take: an estimate of the source's own. */
static int64_t bytes_of(const struct sink *sink, const struct rnl_catalog *catalog)
{
    int64_t sum = 0;

    for (uint32_t i = 0; i < sink->host->table_count(catalog); i++) {
        int64_t bytes = sink->host->table_at(catalog, i)->bytes;

        if (bytes > 0 && sum < INT64_MAX / 4 && bytes < INT64_MAX / 4)
            sum += bytes;
    }
    return sum;
}

int sink_check(void *self, const struct rnl_job *job, const struct rnl_catalog *catalog,
               struct rnl_error *err)
{
    struct sink *sink = self;
    const char *path = sink->config->link.path;
    char *copy = strdup(path);
    struct statvfs disk;
    const char *folder;

    (void)job;
    if (!copy)
        return error_memory(err);
    folder = dirname(copy);
    tell(sink, RNL_NOTE, "target.server", "the target is the file %.500s, written by SQLite %s",
         path, sqlite3_libversion());
    if (!sink->missing && access(path, W_OK) != 0)
        tell(sink, RNL_BLOCKER, "sqlite.read_only", "the file %.500s can't be written", path);
    if (access(folder, W_OK | X_OK) != 0)
        tell(sink, RNL_BLOCKER, "sqlite.read_only",
             "the folder %.500s can't be written: SQLite keeps its journal there", folder);
    else if (statvfs(folder, &disk) == 0 &&
             (double)disk.f_bavail * (double)disk.f_frsize < (double)bytes_of(sink, catalog))
        tell(sink, RNL_WARNING, "target.space",
             "the disk of %.500s has room for %lld MiB, the source's rows take about %lld MiB",
             folder, (long long)((double)disk.f_bavail * (double)disk.f_frsize / 1048576),
             (long long)(bytes_of(sink, catalog) >> 20));
    free(copy);
    return RNL_OK;
}
