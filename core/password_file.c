/* The files in which the usual clients keep passwords: ~/.pgpass and ~/.my.cnf. */
#include "password_file.h"

#include "secret.h"
#include "util/log.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { LINE_BYTES = 4096 };

/* NULL: not there, or not to be used (*err says so when it is a failure). */
static FILE *file_open(const char *path, mode_t forbidden, const char *why, mode_t *mode,
                       struct rnl_error *err)
{
    FILE *file = fopen(path, "re");
    struct stat of;

    if (!file) {
        if (errno != ENOENT && errno != ENOTDIR)
            log_write(RNL_LOG_WARN, "config", "%s is not used: %s", path, strerror(errno));
        return NULL;
    }
    if (fstat(fileno(file), &of) != 0) {
        rnl_fail(err, RNL_E_CONFIG, "config.no_file", "can't read %s: %s", path, strerror(errno));
        goto out_close;
    }
    *mode = of.st_mode;
    if (S_ISREG(of.st_mode) && (of.st_mode & forbidden) == 0)
        return file;
    log_write(RNL_LOG_WARN, "config", "%s is not used: %s", path,
              S_ISREG(of.st_mode) ? why : "it is no file");
out_close:
    fclose(file);
    return NULL;
}

/* The next line without its end; a line that is too long is passed over. */
static bool line_next(FILE *file, char *line, size_t size, int *number)
{
    while (fgets(line, (int)size, file)) {
        size_t length = strlen(line);
        int byte;

        (*number)++;
        if (length && line[length - 1] != '\n' && !feof(file)) {
            while ((byte = getc(file)) != EOF && byte != '\n')
                ;
            continue;
        }
        while (length && (line[length - 1] == '\n' || line[length - 1] == '\r'))
            line[--length] = '\0';
        return true;
    }
    return false;
}

/* One field of a line, up to a bare colon, without its backslashes; NULL: no more. */
static char *field_next(char **line)
{
    char *field = *line, *from = field, *to = field;

    if (!field)
        return NULL;
    for (; *from && *from != ':'; from++) {
        if (*from == '\\' && from[1])
            from++;
        *to++ = *from;
    }
    *line = *from ? from + 1 : NULL;
    *to = '\0';
    return field;
}

static bool field_fits(char **line, const char *wanted)
{
    bool any = *line && (*line)[0] == '*' && (*line)[1] == ':';
    const char *field = field_next(line);

    return field && (any || strcmp(field, wanted) == 0);
}

int pgpass_read(const char *path, const struct password_wanted *wanted, struct settings *settings,
                struct rnl_error *err)
{
    struct origin origin = {.kind = ORIGIN_FILE, .file = path};
    char line[LINE_BYTES];
    bool found = false;
    mode_t mode;
    FILE *file;

    err->status = RNL_OK;
    file = file_open(path, S_IRWXG | S_IRWXO, "others can read it: chmod 600 it", &mode, err);
    if (!file)
        return err->status;
    while (!found && line_next(file, line, sizeof(line), &origin.line)) {
        char *rest = line;
        const char *password;

        if (*line == '#' || *line == '\0')
            continue;
        if (!field_fits(&rest, wanted->host) || !field_fits(&rest, wanted->port) ||
            !field_fits(&rest, wanted->database) || !field_fits(&rest, wanted->user))
            continue;
        password = field_next(&rest);
        found = password && *password;
        if (found)
            settings_set(settings, "password", SETTING_TEXT, password, &origin);
    }
    secret_wipe(line, sizeof(line));
    fclose(file);
    return RNL_OK;
}

static char *trim(char *text)
{
    size_t length;

    while (isspace((unsigned char)*text))
        text++;
    length = strlen(text);
    while (length && isspace((unsigned char)text[length - 1]))
        text[--length] = '\0';
    return text;
}

/* 'text', "text" or text, with the escapes that the clients know. */
static char *value_plain(char *text)
{
    static const char letters[] = "bntrs\\'\"", meanings[] = "\b\n\t\r \\'\"";
    size_t length = strlen(text);
    char *to;

    if (length >= 2 && (*text == '"' || *text == '\'') && text[length - 1] == *text) {
        text[length - 1] = '\0';
        text++;
    }
    to = text;
    for (const char *from = text; *from; from++) {
        const char *known = *from == '\\' && from[1] ? strchr(letters, from[1]) : NULL;

        *to++ = known ? meanings[known - letters] : *from;
        from += known != NULL;
    }
    *to = '\0';
    return text;
}

/* name = value of [client]; false: another line. */
static bool client_line(char *line, bool *client, char **name, char **value)
{
    char *text = trim(line), *equal;

    if (*text == '[') {
        *client = strcmp(text, "[client]") == 0;
        return false;
    }
    if (!*client || *text == '#' || *text == ';' || *text == '!' || *text == '\0')
        return false;
    equal = strchr(text, '=');
    if (!equal)
        return false;
    *equal = '\0';
    *name = trim(text);
    *value = value_plain(trim(equal + 1));
    return **value != '\0';
}

/* Those of found that the connection lacks, and that belong together with what it has. */
static void client_apply(const struct settings *found, struct settings *settings)
{
    static const char *const place[] = {"host", "port", "socket"};
    const struct setting *ours = settings_find(settings, "user");
    const struct setting *theirs = settings_find(found, "user");
    const struct setting *password = settings_find(found, "password");
    bool placed = settings_find(settings, "host") || settings_find(settings, "socket");

    if (!ours && theirs)
        settings_set(settings, "user", theirs->type, theirs->text, &theirs->origin);
    if (password && !settings_find(settings, "password") &&
        (!ours || !theirs || strcmp(ours->text, theirs->text) == 0))
        settings_set(settings, "password", password->type, password->text, &password->origin);
    for (size_t i = 0; !placed && i < sizeof(place) / sizeof(place[0]); i++) {
        const struct setting *item = settings_find(found, place[i]);

        if (item && !settings_find(settings, place[i]))
            settings_set(settings, item->name, item->type, item->text, &item->origin);
    }
}

int mycnf_read(const char *path, struct settings *settings, struct rnl_error *err)
{
    static const char *const wanted[] = {"user", "password", "host", "port", "socket"};
    struct origin origin = {.kind = ORIGIN_FILE, .file = path};
    struct settings found = {0};
    char line[LINE_BYTES], *name, *value;
    bool client = false;
    mode_t mode = 0;
    FILE *file;

    err->status = RNL_OK;
    file = file_open(path, S_IWGRP | S_IWOTH, "others can write it", &mode, err);
    if (!file)
        return err->status;
    while (line_next(file, line, sizeof(line), &origin.line)) {
        if (!client_line(line, &client, &name, &value))
            continue;
        for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
            if (strcmp(name, wanted[i]) == 0)
                settings_set(&found, name, strcmp(name, "port") ? SETTING_TEXT : SETTING_INT, value,
                             &origin);
    }
    if (settings_find(&found, "password") && mode & (S_IRGRP | S_IROTH))
        log_write(RNL_LOG_WARN, "config", "others can read the password in %s: chmod 600 it", path);
    client_apply(&found, settings);
    settings_clear(&found);
    secret_wipe(line, sizeof(line));
    fclose(file);
    return RNL_OK;
}
