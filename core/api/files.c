/* Configuration files: read into JSON, written from it, checked before they count. */
#include "files.h"

#include "../config.h"
#include "../secret.h"
#include "api_part.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <libconfig.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MOST ((size_t)4 << 20)
#define CHECK_MS 20000

bool file_name_fits(const char *name)
{
    size_t length = strlen(name);

    for (const char *at = name; *at; at++)
        if (!isalnum((unsigned char)*at) && !strchr("-_.", *at))
            return false;
    return length > 0 && length <= 64 && isalnum((unsigned char)name[0]);
}

/* --- libconfig into JSON ---------------------------------------------------------------------- */

static json_t *value_json(const config_setting_t *setting)
{
    json_t *o;

    switch (config_setting_type(setting)) {
    case CONFIG_TYPE_INT:
        return json_integer(config_setting_get_int(setting));
    case CONFIG_TYPE_INT64:
        return json_integer(config_setting_get_int64(setting));
    case CONFIG_TYPE_FLOAT:
        return json_real(config_setting_get_float(setting));
    case CONFIG_TYPE_STRING:
        return json_string(config_setting_get_string(setting));
    case CONFIG_TYPE_BOOL:
        return json_boolean(config_setting_get_bool(setting));
    case CONFIG_TYPE_GROUP:
        o = json_object();
        for (unsigned i = 0; i < (unsigned)config_setting_length(setting); i++) {
            const config_setting_t *member = config_setting_get_elem(setting, i);

            json_object_set_new(o, config_setting_name(member), value_json(member));
        }
        return o;
    default:
        o = json_array();
        for (unsigned i = 0; i < (unsigned)config_setting_length(setting); i++)
            json_array_append_new(o, value_json(config_setting_get_elem(setting, i)));
        return o;
    }
}

int file_read(const char *path, json_t **config, struct rnl_error *err)
{
    config_t parsed;

    config_init(&parsed);
    if (config_read_file(&parsed, path) == CONFIG_TRUE) {
        *config = value_json(config_root_setting(&parsed));
        config_destroy(&parsed);
        return *config ? RNL_OK : rnl_fail(err, RNL_E_FATAL, "memory", "out of memory");
    }
    rnl_fail(err, RNL_E_CONFIG, "config.syntax", "%s:%d: %s", path, config_error_line(&parsed),
             config_error_text(&parsed) ? config_error_text(&parsed) : strerror(errno));
    config_destroy(&parsed);
    return err->status;
}

int file_bytes(const char *path, char **bytes, size_t *length, struct rnl_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat of;
    ssize_t got = -1;

    *bytes = NULL;
    if (fd >= 0 && fstat(fd, &of) == 0 && of.st_size >= 0 && (size_t)of.st_size <= FILE_MOST) {
        *bytes = malloc((size_t)of.st_size + 1);
        got = *bytes ? read(fd, *bytes, (size_t)of.st_size) : -1;
    }
    if (fd >= 0)
        close(fd);
    if (got >= 0) {
        (*bytes)[got] = '\0';
        *length = (size_t)got;
        return RNL_OK;
    }
    free(*bytes);
    *bytes = NULL;
    return rnl_fail(err, RNL_E_CONFIG, "config.no_file", "can't read %s: %s", path,
                    strerror(errno));
}

/* --- JSON into libconfig ---------------------------------------------------------------------- */

static int put(config_setting_t *in, const char *name, const json_t *value, struct rnl_error *err);

static int refuse(const char *name, const char *what, struct rnl_error *err)
{
    return rnl_fail(err, RNL_E_CONFIG, "config.value", "%s: %s", name ? name : "an item", what);
}

static int put_group(config_setting_t *group, const json_t *o, struct rnl_error *err)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)o, name, value)
    {
        if (put(group, name, value, err) != RNL_OK)
            return err->status;
    }
    return RNL_OK;
}

/* libconfig has lists ( ) of anything and arrays [ ] of one scalar type. */
static int type_of(const json_t *value)
{
    const json_t *first = json_array_get(value, 0);

    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return CONFIG_TYPE_GROUP;
    case JSON_ARRAY:
        return json_is_object(first) || json_is_array(first) ? CONFIG_TYPE_LIST : CONFIG_TYPE_ARRAY;
    case JSON_STRING:
        return CONFIG_TYPE_STRING;
    case JSON_INTEGER:
        return json_integer_value(value) == (int)json_integer_value(value) ? CONFIG_TYPE_INT
                                                                           : CONFIG_TYPE_INT64;
    case JSON_REAL:
        return CONFIG_TYPE_FLOAT;
    case JSON_TRUE:
    case JSON_FALSE:
        return CONFIG_TYPE_BOOL;
    default:
        return CONFIG_TYPE_NONE;
    }
}

static int put_items(config_setting_t *list, const json_t *items, struct rnl_error *err)
{
    const json_t *item;
    size_t i;

    json_array_foreach(items, i, item)
    {
        if (config_setting_type(list) == CONFIG_TYPE_ARRAY &&
            type_of(item) != type_of(json_array_get(items, 0)))
            return refuse(config_setting_name(list), "items of several types", err);
        if (put(list, NULL, item, err) != RNL_OK)
            return err->status;
    }
    return RNL_OK;
}

/* libconfig writes any name, and reads these alone. */
static bool is_name(const char *name)
{
    const char *at = name;

    while (isalnum((unsigned char)*at) || (*at && strchr("-_*", *at)))
        at++;
    return *at == '\0' && (isalpha((unsigned char)name[0]) || name[0] == '*');
}

static int put(config_setting_t *in, const char *name, const json_t *value, struct rnl_error *err)
{
    int type = type_of(value);
    config_setting_t *setting = type == CONFIG_TYPE_NONE || (name && !is_name(name))
                                    ? NULL
                                    : config_setting_add(in, name, type);

    if (type == CONFIG_TYPE_NONE)
        return refuse(name, "null can't stand in a file", err);
    if (!setting)
        return refuse(name, "no name that can stand in a file", err);
    switch (type) {
    case CONFIG_TYPE_GROUP:
        return put_group(setting, value, err);
    case CONFIG_TYPE_LIST:
    case CONFIG_TYPE_ARRAY:
        return put_items(setting, value, err);
    case CONFIG_TYPE_STRING:
        config_setting_set_string(setting, json_string_value(value));
        break;
    case CONFIG_TYPE_INT:
        config_setting_set_int(setting, (int)json_integer_value(value));
        break;
    case CONFIG_TYPE_INT64:
        config_setting_set_int64(setting, json_integer_value(value));
        break;
    case CONFIG_TYPE_FLOAT:
        config_setting_set_float(setting, json_real_value(value));
        break;
    default:
        config_setting_set_bool(setting, json_is_true(value));
        break;
    }
    return RNL_OK;
}

int file_text(const json_t *config, char **text, struct rnl_error *err)
{
    config_t made;
    size_t length;
    FILE *out;
    int status;

    *text = NULL;
    config_init(&made);
    config_set_options(&made, CONFIG_OPTION_SEMICOLON_SEPARATORS);
    config_set_tab_width(&made, 2);
    status = put_group(config_root_setting(&made), config, err);
    out = status == RNL_OK ? open_memstream(text, &length) : NULL;
    if (out) {
        config_write(&made, out);
        fclose(out);
    }
    config_destroy(&made);
    if (status == RNL_OK && !*text)
        status = rnl_fail(err, RNL_E_FATAL, "memory", "out of memory");
    return status;
}

/* --- on disk ---------------------------------------------------------------------------------- */

static int disk_failed(const char *path, const char *doing, struct rnl_error *err)
{
    rnl_fail(err, RNL_E_CONFIG, errno == ENOSPC || errno == EDQUOT ? "store.full" : "config.write",
             "%s %s: %s", doing, path, strerror(errno));
    rnl_hint(err, "nothing was changed");
    return err->status;
}

static bool write_all(int fd, const char *text)
{
    size_t left = strlen(text);

    while (left > 0) {
        ssize_t done = write(fd, text, left);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        text += done;
        left -= (size_t)done;
    }
    return fsync(fd) == 0;
}

static int write_beside(const char *path, const char *text, struct rnl_error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    int status = fd >= 0 && write_all(fd, text) ? RNL_OK : disk_failed(path, "writing", err);

    if (fd >= 0)
        close(fd);
    return status;
}

static void sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : NULL;
    int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    free(folder);
}

/* A person knows the file by the name that it is to have. */
static void rename_in(char *text, const char *beside, const char *path)
{
    char *at = strstr(text, beside);
    size_t was = strlen(beside), is = strlen(path);

    if (!at)
        return;
    memcpy(at, path, is);
    memmove(at + is, at + was, strlen(at + was) + 1);
}

/* A pipeline is read beside the main configuration, whose connections it may use. */
static int check(const struct api *api, const char *beside, const char *path, bool alone,
                 struct rnl_error *err)
{
    const char *const words[] = {"config", alone ? "check" : "show", "--", beside, NULL};
    json_t *answer = NULL;
    int status = command_run(api, words, CHECK_MS, &answer, NULL, err);

    json_decref(answer);
    if (status != RNL_OK)
        rename_in(err->text, beside, path);
    return status;
}

int file_write(const struct api *api, const char *path, const json_t *config, bool alone,
               struct rnl_error *err)
{
    const char *slash = strrchr(path, '/');
    char *text = NULL, *beside = NULL;
    int status = file_text(config, &text, err);

    if (status != RNL_OK)
        return status;
    /* a name that begins with a dot is no file of the folder's, and one in its place a trial */
    if (asprintf(&beside, "%.*s.%s.new", (int)(slash - path) + 1, path, slash + 1) < 0) {
        free(text);
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory");
    }
    status = write_beside(beside, text, err);
    if (status == RNL_OK)
        status = check(api, beside, path, alone, err);
    if (status == RNL_OK && rename(beside, path) != 0)
        status = disk_failed(path, "replacing", err);
    if (status == RNL_OK)
        sync_folder(path);
    else
        unlink(beside);
    secret_wipe(text, strlen(text));
    free(text);
    free(beside);
    return status;
}

int file_remove(const char *path, struct rnl_error *err)
{
    if (unlink(path) != 0)
        return disk_failed(path, "removing", err);
    sync_folder(path);
    return RNL_OK;
}

int file_move(const char *from, const char *to, struct rnl_error *err)
{
    if (rename(from, to) != 0)
        return disk_failed(from, "renaming", err);
    sync_folder(to);
    return RNL_OK;
}

/* --- patches and secrets ---------------------------------------------------------------------- */

void merge_patch(json_t *target, const json_t *patch)
{
    const char *name;
    json_t *value, *inner;

    json_object_foreach((json_t *)(uintptr_t)patch, name, value)
    {
        if (json_is_null(value)) {
            json_object_del(target, name);
            continue;
        }
        if (!json_is_object(value)) {
            json_object_set_new(target, name, json_deep_copy(value));
            continue;
        }
        inner = json_object_get(target, name);
        if (!json_is_object(inner)) {
            inner = json_object();
            json_object_set_new(target, name, inner);
        }
        merge_patch(inner, value);
    }
}

/* Names of options that hold secrets, of whichever plugin: better one too many. */
static bool may_be_secret(const char *name)
{
    static const char *const words[] = {"password", "token",      "secret", "passphrase",
                                        "nkey",     "credential", "seed"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcasestr(name, words[i]))
            return true;
    return false;
}

static bool is_reference(const char *text)
{
    return strncmp(text, "secret://", 9) == 0 || strncmp(text, "file:", 5) == 0 ||
           strncmp(text, "env:", 4) == 0;
}

void secrets_hide(json_t *words)
{
    json_t *value;
    const char *name;
    size_t i;

    json_array_foreach(words, i, value)
    {
        secrets_hide(value);
    }
    json_object_foreach(words, name, value)
    {
        const char *text = json_string_value(value);

        if (text && may_be_secret(name) && *text && !is_reference(text))
            json_object_set_new(words, name, json_pack("{s:b}", "set", true));
        else
            secrets_hide(value);
    }
}

static bool is_set_mark(const json_t *value)
{
    return json_is_object(value) && json_object_size(value) == 1 &&
           json_is_true(json_object_get(value, "set"));
}

void secrets_keep(json_t *words, const json_t *before)
{
    json_t *value;
    const char *name;

    json_object_foreach(words, name, value)
    {
        json_t *old = json_object_get(before, name);

        if (is_set_mark(value) && json_is_string(old))
            json_object_set(words, name, old);
        else if (json_is_object(value))
            secrets_keep(value, old);
    }
}

/*
 * From outside, a reference may name the stores of secrets, and nothing else of this machine: a
 * file's text, or a variable, could be sent to a server of one's own by it.
 */
static bool leads_out(const char *text)
{
    return strncmp(text, "file:", 5) == 0 || strncmp(text, "env:", 4) == 0 ||
           strncmp(text, "secret://env/", 13) == 0;
}

/* A URL as it was shown: its password is stars. */
static bool is_hidden(const json_t *words)
{
    const char *name, *text = json_string_value(words);
    json_t *value;
    size_t i;

    if (text) {
        const char *stars = strstr(text, "://") ? strstr(text, ":*") : NULL;

        return stars && stars[1 + strspn(stars + 1, "*")] == '@';
    }
    json_array_foreach(words, i, value)
    {
        if (is_hidden(value))
            return true;
    }
    json_object_foreach((json_t *)(uintptr_t)words, name, value)
    {
        if (is_hidden(value))
            return true;
    }
    return false;
}

static bool names_files(const json_t *words, const json_t *before)
{
    const char *name, *text = json_string_value(words);
    json_t *value;
    size_t i;

    if (text)
        return leads_out(text) && !json_equal(words, before);
    json_array_foreach(words, i, value)
    {
        if (names_files(value, json_array_get(before, i)))
            return true;
    }
    json_object_foreach((json_t *)(uintptr_t)words, name, value)
    {
        if (names_files(value, json_object_get(before, name)))
            return true;
    }
    return false;
}

int config_check_outside(const json_t *words, const json_t *before, struct rnl_error *err)
{
    if (is_hidden(words)) {
        rnl_fail(err, RNL_E_CONFIG, "api.hidden", "a URL has stars where its password stood");
        rnl_hint(err, "give the password anew, or PATCH other words alone");
        return err->status;
    }
    if (!names_files(words, before))
        return RNL_OK;
    rnl_fail(err, RNL_E_CONFIG, "api.reference",
             "what the API writes may refer to stores of secrets, not to files or variables");
    rnl_hint(err,
             "secret://file/NAME, secret://vault/PATH#FIELD; runnel secrets set puts one there");
    return err->status;
}
