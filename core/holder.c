/* Who holds a lease: a process, as it tells others, and whether it still lives if that can be seen.
 */
#include "holder.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of this boot of this machine, as containers share it too. */
static void read_boot(char *text, size_t room)
{
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");

    *text = '\0';
    if (!file)
        return;
    if (fgets(text, (int)room, file))
        text[strcspn(text, "\n")] = '\0';
    fclose(file);
}

/* Numbers of processes mean the same among those who share this. */
static json_int_t space_of_pids(void)
{
    struct stat st;

    return stat("/proc/self/ns/pid", &st) == 0 ? (json_int_t)st.st_ino : 0;
}

/* When it began, in the kernel's own count; -1: there is none that runs. */
static json_int_t begun_of(json_int_t pid)
{
    char path[64], line[1024];
    const char *at = NULL;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%" JSON_INTEGER_FORMAT "/stat", pid);
    file = fopen(path, "re");
    if (!file)
        return -1;
    if (fgets(line, sizeof(line), file))
        at = strrchr(line, ')'); /* a name may hold anything */
    fclose(file);
    if (!at || strlen(at) < 3 || at[2] == 'Z' || at[2] == 'X') /* its state */
        return -1;
    for (int field = 2; at && field < 22; field++)
        at = strchr(at + 1, ' ');
    return at ? (json_int_t)strtoll(at, NULL, 10) : -1;
}

json_t *holder_self(void)
{
    char host[128] = "", boot[64];

    gethostname(host, sizeof(host) - 1);
    read_boot(boot, sizeof(boot));
    return json_pack("{s:s, s:s, s:I, s:I, s:I}", "host", host, "boot", boot, "pids",
                     space_of_pids(), "pid", (json_int_t)getpid(), "begun",
                     begun_of((json_int_t)getpid()));
}

bool holder_gone(const json_t *holder)
{
    const char *its = json_string_value(json_object_get(holder, "boot"));
    json_int_t pid = json_integer_value(json_object_get(holder, "pid"));
    json_int_t pids = json_integer_value(json_object_get(holder, "pids"));
    char boot[64];

    read_boot(boot, sizeof(boot));
    if (!its || !*its || strcmp(its, boot) != 0 || !pids || pids != space_of_pids() || pid <= 0)
        return false;
    return begun_of(pid) != json_integer_value(json_object_get(holder, "begun"));
}

void holder_words(const json_t *holder, char *text, size_t room)
{
    const char *host = json_string_value(json_object_get(holder, "host"));

    snprintf(text, room, "%.100s, process %" JSON_INTEGER_FORMAT, host ? host : "another machine",
             json_integer_value(json_object_get(holder, "pid")));
}
