/* What a node needs of its machine: a clock that is right, and folders with room. */
#include "cli.h"
#include "doctor.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#define ROOM_LEAST_MB 64
#define FILES_LEAST 64
#define FIRST_YEAR 2026 /* none of this was written before */

/*
 * Certificates and the lag that is shown go by it. Whether it is kept right only the kernel knows,
 * and a machine may well be right by other means: that alone is nothing wrong.
 */
void doctor_try_clock(struct doctor *doctor)
{
    struct rnl_error err = RNL_ERROR_INIT;
    time_t now = time(NULL);
    struct timex kept = {0};
    char detail[160], text[40];
    struct tm utc;
    int state = adjtimex(&kept);

    gmtime_r(&now, &utc);
    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &utc);
    if (utc.tm_year + 1900 < FIRST_YEAR) {
        rnl_fail(&err, RNL_E_CONFIG, "machine.clock", "it says %s: that is over", text);
        rnl_hint(&err, "set the machine's clock: certificates are refused by a wrong one");
        doctor_tell(doctor, "clock", NULL, &err);
        return;
    }
    snprintf(detail, sizeof(detail), "%s, %s", text,
             state >= 0 && state != TIME_ERROR && !(kept.status & STA_UNSYNC)
                 ? "kept by a time service"
                 : "not known to be kept by a time service: the lag that is shown goes by it");
    doctor_tell(doctor, "clock", detail, NULL);
}

void doctor_try_folder(struct doctor *doctor, const char *what, const char *folder)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct statvfs is;
    char detail[160];
    uint64_t room_mb;

    if (statvfs(folder, &is) != 0 || access(folder, W_OK | X_OK) != 0) {
        rnl_fail(&err, RNL_E_CONFIG, "machine.folder", "%s can't be used: %s", folder,
                 strerror(errno));
        doctor_tell(doctor, what, NULL, &err);
        return;
    }
    room_mb = ((uint64_t)is.f_bavail * is.f_frsize) >> 20;
    if (room_mb < ROOM_LEAST_MB || (is.f_files > 0 && is.f_favail < FILES_LEAST)) {
        rnl_fail(&err, RNL_E_CONFIG, "machine.room",
                 "%s has room for %" PRIu64 " MiB and %llu files", folder, room_mb,
                 (unsigned long long)is.f_favail);
        rnl_hint(&err, "make room on that disk, or name a folder on another one");
        doctor_tell(doctor, what, NULL, &err);
        return;
    }
    snprintf(detail, sizeof(detail), "%.80s has room for %" PRIu64 " MiB", folder, room_mb);
    doctor_tell(doctor, what, detail, NULL);
}
