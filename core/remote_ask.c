/* The asking end of a running pipeline's socket, and where such sockets stand. */
#include "remote.h"

#include "remote_part.h"
#include "util/clock.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUFFIX ".sock"
#define ANSWER_MOST ((size_t)16 << 20)

int remote_folder(char *path, size_t size, struct rnl_error *err)
{
    const char *said = getenv("RUNNEL_RUN_DIR"), *runtime = getenv("XDG_RUNTIME_DIR");
    int len;

    if (said && *said)
        len = snprintf(path, size, "%s", said);
    else if (runtime && *runtime == '/')
        len = snprintf(path, size, "%s/runnel", runtime);
    else
        len = snprintf(path, size, "/tmp/runnel-%u", (unsigned)getuid());
    if (len > 0 && (size_t)len < size)
        return RNL_OK;
    rnl_fail(err, RNL_E_CONFIG, "remote.path", "the path of the folder for sockets is too long");
    rnl_hint(err, "RUNNEL_RUN_DIR may name a shorter one");
    return err->status;
}

static int make_folder(const char *folder, struct rnl_error *err)
{
    struct stat is;

    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return rnl_fail(err, RNL_E_CONFIG, "remote.folder", "the folder %s can't be made: %s",
                        folder, strerror(errno));
    if (lstat(folder, &is) != 0 || !S_ISDIR(is.st_mode) || is.st_uid != geteuid() ||
        (is.st_mode & (S_IRWXG | S_IRWXO))) {
        rnl_fail(err, RNL_E_CONFIG, "remote.folder",
                 "the folder %s is not this user's alone (mode 0700)", folder);
        rnl_hint(err, "RUNNEL_RUN_DIR may name another one");
        return err->status;
    }
    return RNL_OK;
}

static int path_of(const char *folder, const char *pipeline, struct remote_path *path,
                   struct rnl_error *err)
{
    size_t room = sizeof(path->address.sun_path);
    int len;

    *path = (struct remote_path){.address.sun_family = AF_UNIX};
    len = snprintf(path->address.sun_path, room, "%s/%s" SUFFIX, folder, pipeline);
    if (len > 0 && (size_t)len < room)
        return RNL_OK;
    rnl_fail(err, RNL_E_CONFIG, "remote.path", "%s/%s" SUFFIX " is too long for a socket", folder,
             pipeline);
    rnl_hint(err, "RUNNEL_RUN_DIR may name a shorter folder");
    return err->status;
}

int remote_path_make(const char *pipeline, struct remote_path *path, struct rnl_error *err)
{
    char folder[108];

    if (remote_folder(folder, sizeof(folder), err) != RNL_OK || make_folder(folder, err) != RNL_OK)
        return err->status;
    return path_of(folder, pipeline, path, err);
}

static int connect_as(const struct remote_path *path, int flags)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);

    if (fd >= 0 &&
        connect(fd, (const struct sockaddr *)&path->address, sizeof(path->address)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

int remote_connect(const struct remote_path *path)
{
    return connect_as(path, 0);
}

static int lost(const char *pipeline, struct rnl_error *err)
{
    return rnl_fail(err, RNL_E_RETRY, "remote.lost",
                    "the process that runs pipeline %s has ended, or doesn't answer", pipeline);
}

static bool send_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(fd, text, len, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return false;
        text += sent;
        len -= (size_t)sent;
    }
    return true;
}

/* One line, up to the time; NULL: it didn't come. */
static char *read_line(int fd, int64_t until_ms)
{
    size_t len = 0, room = 4096;
    char *line = malloc(room);

    while (line) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        int64_t left_ms = until_ms - clock_ms();
        ssize_t got;

        if (left_ms <= 0 || poll(&ready, 1, (int)left_ms) <= 0)
            break;
        if (len + 1 == room) {
            char *more = room < ANSWER_MOST ? realloc(line, room *= 2) : NULL;

            if (!more)
                break;
            line = more;
        }
        got = recv(fd, line + len, room - len - 1, 0);
        if (got <= 0)
            break;
        len += (size_t)got;
        if (line[len - 1] == '\n') {
            line[len] = '\0';
            return line;
        }
    }
    free(line);
    return NULL;
}

/* What the other process refused, in its words. */
static int take_answer(const char *pipeline, char *line, json_t **answer, struct rnl_error *err)
{
    json_t *o = line ? json_loads(line, JSON_REJECT_DUPLICATES, NULL) : NULL;
    const json_t *error = json_object_get(o, "error");
    const char *code = json_string_value(json_object_get(error, "code"));
    const char *text = json_string_value(json_object_get(error, "text"));
    const char *hint = json_string_value(json_object_get(error, "hint"));

    free(line);
    if (!o)
        return lost(pipeline, err);
    if (!error) {
        *answer = o;
        return RNL_OK;
    }
    rnl_fail(err, (int)json_integer_value(json_object_get(error, "status")),
             code ? code : "remote.request", "%s", text ? text : "it was refused");
    if (hint && *hint)
        rnl_hint(err, "%s", hint);
    json_decref(o);
    return err->status < 0 ? err->status : (err->status = RNL_E_FATAL);
}

static int exchange(int fd, const char *pipeline, const char *text, int timeout_ms, json_t **answer,
                    struct rnl_error *err)
{
    if (!send_all(fd, text, strlen(text)) || !send_all(fd, "\n", 1))
        return lost(pipeline, err);
    return take_answer(pipeline, read_line(fd, clock_ms() + timeout_ms), answer, err);
}

int remote_ask(const char *pipeline, const char *word, json_t *request, int timeout_ms,
               json_t **answer, struct rnl_error *err)
{
    json_t *o = request ? request : json_object();
    struct remote_path path;
    char folder[108], *text = NULL;
    int fd, status = remote_folder(folder, sizeof(folder), err);

    if (status == RNL_OK)
        status = path_of(folder, pipeline, &path, err);
    if (status != RNL_OK)
        goto free_request;
    json_object_set_new(o, "do", json_string(word));
    text = json_dumps(o, JSON_COMPACT);
    fd = remote_connect(&path);
    if (fd < 0) {
        status = rnl_fail(err, RNL_E_CONFIG, "remote.not_running",
                          "no process of this user runs a pipeline %s on this machine", pipeline);
        rnl_hint(err, "runnel status lists those that run");
        goto free_request;
    }
    status = text ? exchange(fd, pipeline, text, timeout_ms, answer, err)
                  : rnl_fail(err, RNL_E_FATAL, "memory", "out of memory");
    close(fd);
free_request:
    free(text);
    json_decref(o);
    return status;
}

bool remote_tell(const char *pipeline, const char *word)
{
    struct rnl_error unheard = RNL_ERROR_INIT;
    struct remote_path path;
    char folder[108], line[80];
    int fd, len = snprintf(line, sizeof(line), "{\"do\":\"%s\"}\n", word);
    bool told;

    if (remote_folder(folder, sizeof(folder), &unheard) != RNL_OK ||
        path_of(folder, pipeline, &path, &unheard) != RNL_OK)
        return false;
    fd = connect_as(&path, SOCK_NONBLOCK);
    if (fd < 0)
        return false;
    told = send(fd, line, (size_t)len, MSG_NOSIGNAL) == len;
    close(fd);
    return told;
}

/* Those of nodes are told apart by how they begin. */
json_t *remote_names(void)
{
    struct rnl_error unheard = RNL_ERROR_INIT;
    json_t *names = json_array();
    char folder[108];
    struct dirent *entry;
    DIR *dir = remote_folder(folder, sizeof(folder), &unheard) == RNL_OK ? opendir(folder) : NULL;

    while (dir && (entry = readdir(dir)) != NULL) {
        size_t len = strlen(entry->d_name);

        if (entry->d_name[0] != '~' && len > strlen(SUFFIX) &&
            strcmp(entry->d_name + len - strlen(SUFFIX), SUFFIX) == 0)
            json_array_append_new(names, json_stringn(entry->d_name, len - strlen(SUFFIX)));
    }
    if (dir)
        closedir(dir);
    return names;
}
