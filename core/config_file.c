/* Configuration files: found, parsed, and those that they include. */
#include "config_loader.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { FILE_BYTES_MAX = 4 << 20, INCLUDE_DEPTH_MAX = 8 };

static int read_path(struct loader *loader, const char *path, struct rnl_error *err);

int config_includes_read(struct loader *loader, const config_setting_t *include,
                         struct rnl_error *err)
{
    struct origin origin = block_origin(include);
    const char *slash = strrchr(origin.file, '/');
    struct rnl_error why = RNL_ERROR_INIT;
    char path[PATH_MAX];

    if (loader->depth >= INCLUDE_DEPTH_MAX)
        return block_fail(include, "config.too_deep", err, "files include each other too deeply");
    for (int i = 0; i < config_setting_length(include); i++) {
        const char *name = config_setting_get_string_elem(include, i);
        int length = name[0] == '/' || !slash ? 0 : (int)(slash - origin.file) + 1;
        int status, used = snprintf(path, sizeof(path), "%.*s%s", length, origin.file, name);

        if (used < 0 || (size_t)used >= sizeof(path))
            return block_fail(include, "config.no_file", err, "a path is too long");
        loader->depth++;
        status = read_path(loader, path, &why);
        loader->depth--;
        if (status == RNL_OK)
            continue;
        *err = why;
        if (strcmp(why.code, "config.no_file") == 0)
            block_fail(include, why.code, err, "%s", why.text);
        return status;
    }
    return RNL_OK;
}

/* The folder in which the API writes connections: one that it hasn't made yet holds none. */
int config_connections_read(struct loader *loader, const config_setting_t *root,
                            struct rnl_error *err)
{
    const config_setting_t *node = config_setting_get_member(root, "node");
    const config_setting_t *folder = node ? config_setting_get_member(node, "connections") : NULL;
    struct stat of;
    char path[PATH_MAX];
    const char *name = folder ? config_setting_get_string(folder) : NULL, *slash;
    struct origin origin;
    int used;

    if (!name)
        return RNL_OK;
    origin = block_origin(folder);
    slash = strrchr(origin.file, '/');
    used =
        snprintf(path, sizeof(path), "%.*s%s",
                 name[0] == '/' || !slash ? 0 : (int)(slash - origin.file) + 1, origin.file, name);
    if (used < 0 || (size_t)used >= sizeof(path))
        return block_fail(folder, "config.no_file", err, "a path is too long");
    if (stat(path, &of) != 0 && errno == ENOENT)
        return RNL_OK;
    loader->depth++;
    used = read_path(loader, path, err);
    loader->depth--;
    return used;
}

static int count_lines(const char *path)
{
    FILE *file = fopen(path, "re");
    int lines = 1, byte, last = '\n';

    if (!file)
        return -1;
    while ((byte = getc(file)) != EOF) {
        if (last == '\n' && lines++ == 0)
            break;
        last = byte;
    }
    fclose(file);
    return lines - 1;
}

static int parse_failed(const config_t *parsed, const char *path, struct rnl_error *err)
{
    const char *file = config_error_file(parsed) ? config_error_file(parsed) : path;
    int line = config_error_line(parsed);

    if (config_error_type(parsed) == CONFIG_ERR_FILE_IO)
        return rnl_fail(err, RNL_E_CONFIG, "config.no_file", "can't read %s: %s", path,
                        strerror(errno));
    rnl_fail(err, RNL_E_CONFIG, "config.syntax", "%s:%d: %s", file, line,
             config_error_text(parsed) ? config_error_text(parsed) : "syntax error");
    if (line >= count_lines(file))
        rnl_hint(err, "the file ends in the middle of something: is it complete?");
    else
        rnl_hint(err, "look at this line, and for a missing \";\", quote or bracket before it");
    return err->status;
}

/* Whether the file is new; notes it. */
static bool file_new(struct loader *loader, const struct stat *of)
{
    for (size_t i = 0; i < loader->nseen; i++)
        if (loader->seen[i].device == of->st_dev && loader->seen[i].inode == of->st_ino)
            return false;
    loader->seen = must_grow(loader->seen, loader->nseen, sizeof(*loader->seen));
    loader->seen[loader->nseen].device = of->st_dev;
    loader->seen[loader->nseen].inode = of->st_ino;
    loader->nseen++;
    return true;
}

static int read_file(struct loader *loader, const char *path, const struct stat *of,
                     struct rnl_error *err)
{
    const char *slash = strrchr(path, '/');
    char folder[PATH_MAX] = ".";
    config_t parsed;
    int status;

    if (!S_ISREG(of->st_mode))
        return rnl_fail(err, RNL_E_CONFIG, "config.no_file", "%s is neither a file nor a folder",
                        path);
    if (of->st_size > FILE_BYTES_MAX)
        return rnl_fail(err, RNL_E_CONFIG, "config.too_large", "%s is larger than %d MiB", path,
                        FILE_BYTES_MAX >> 20);
    if (!file_new(loader, of))
        return RNL_OK;
    if (slash)
        snprintf(folder, sizeof(folder), "%.*s", slash == path ? 1 : (int)(slash - path), path);
    config_init(&parsed);
    config_set_include_dir(&parsed, folder);
    if (config_read_file(&parsed, path) == CONFIG_TRUE)
        status = config_root_read(loader, config_root_setting(&parsed), err);
    else
        status = parse_failed(&parsed, path, err);
    config_destroy(&parsed);
    return status;
}

static int is_config(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);

    return entry->d_name[0] != '.' && length > 4 && strcmp(entry->d_name + length - 4, ".cfg") == 0;
}

/* The same order everywhere, whatever the locale. */
static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int read_folder(struct loader *loader, const char *path, struct rnl_error *err)
{
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, is_config, by_bytes), status = RNL_OK;
    size_t length = strlen(path);
    char file[PATH_MAX];

    if (count < 0)
        return rnl_fail(err, RNL_E_CONFIG, "config.no_file", "can't read the folder %s: %s", path,
                        strerror(errno));
    if (count == 0 && loader->depth == 0)
        status = rnl_fail(err, RNL_E_CONFIG, "config.empty_folder",
                          "the folder %s has no *.cfg in it", path);
    for (int i = 0; i < count; i++) {
        int used = snprintf(file, sizeof(file), "%s%s%s", path,
                            length && path[length - 1] == '/' ? "" : "/", entries[i]->d_name);

        if (status == RNL_OK && (used < 0 || (size_t)used >= sizeof(file)))
            status = rnl_fail(err, RNL_E_CONFIG, "config.no_file", "a path is too long");
        if (status == RNL_OK)
            status = read_path(loader, file, err);
        free(entries[i]);
    }
    free(entries);
    return status;
}

static int read_path(struct loader *loader, const char *path, struct rnl_error *err)
{
    struct stat of;

    if (stat(path, &of) != 0)
        return rnl_fail(err, RNL_E_CONFIG, "config.no_file", "can't read %s: %s", path,
                        strerror(errno));
    loader->config->files =
        must_grow(loader->config->files, loader->config->nfiles, sizeof(char *));
    loader->config->files[loader->config->nfiles++] = must_copy(path);
    if (S_ISDIR(of.st_mode))
        return read_folder(loader, path, err);
    return read_file(loader, path, &of, err);
}

static void loader_clear(struct loader *loader)
{
    for (size_t i = 0; i < loader->npending; i++) {
        free(loader->pending[i].connection);
        free((void *)(uintptr_t)loader->pending[i].origin.file);
    }
    free(loader->pending);
    free(loader->seen);
}

int config_load_all(const char *const *paths, size_t npaths, const struct settings *program,
                    struct config **config, struct rnl_error *err)
{
    struct loader loader = {.config = must_grow(NULL, 0, sizeof(struct config))};
    int status = RNL_OK;

    *config = NULL;
    if (program)
        settings_merge(&loader.config->program, program);
    for (size_t i = 0; i < npaths && status == RNL_OK; i++)
        status = read_path(&loader, paths[i], err);
    if (status == RNL_OK)
        status = config_pipeline_resolve(&loader, err);
    loader_clear(&loader);
    if (status == RNL_OK)
        *config = loader.config;
    else
        config_free(loader.config);
    return status;
}

int config_load(const char *path, struct config **config, struct rnl_error *err)
{
    return config_load_all(&path, 1, NULL, config, err);
}
