/* What the parts of the configuration reader share while files are read. */
#ifndef CONFIG_LOADER_H
#define CONFIG_LOADER_H

#include "config.h"
#include "config_block.h"
#include "module.h"

#include <sys/types.h>

/* A role whose connection is looked up when all files are read. */
struct pending {
    struct role_config *role;
    enum rnl_kind kind;
    char *connection; /* its name, or a URL */
    bool plugin_given;
    struct origin origin; /* file: owned */
};

struct loader {
    struct config *config;
    struct {
        dev_t device;
        ino_t inode;
    } * seen; /* files that were read */
    size_t nseen;
    struct pending *pending;
    size_t npending;
    int depth; /* of include lists */
};

/* All that stands in one file. */
int config_root_read(struct loader *loader, const config_setting_t *root, struct rnl_error *err);
/* include = [ "pipelines.d" ], relative to the file that says so */
int config_includes_read(struct loader *loader, const config_setting_t *include,
                         struct rnl_error *err);
/* node = { connections = "connections.d"; } */
int config_connections_read(struct loader *loader, const config_setting_t *root,
                            struct rnl_error *err);
/* pipeline = { … } into the configuration. */
int config_pipeline_read(struct loader *loader, const config_setting_t *group,
                         struct rnl_error *err);
/* One entry of tables = ( … ). */
int config_table_read(const config_setting_t *group, struct pipeline_config *pipeline,
                      struct rnl_error *err);
/* Finds what the roles named: all connections are known now. */
int config_pipeline_resolve(struct loader *loader, struct rnl_error *err);
void config_pipeline_free(struct pipeline_config *pipeline);

/* strdup, or the end: there is nothing to save while configuration is read. */
char *must_copy(const char *text);
/* realloc for one more item. */
void *must_grow(void *items, size_t count, size_t size);
/* Letters, digits, '-', '_', '.': what names connections and pipelines; at most 64. */
bool name_valid(const char *name);

#endif
