/* How a pipeline runs: presets, words of its file, and the sizes that follow from its memory. */
#ifndef CONFIG_RUN_H
#define CONFIG_RUN_H

#include "config.h"
#include <libconfig.h>

/* A lane's share of memory holds its queue, what both ends build of it, and their connections. */
enum {
    MEMORY_PRESET = 64 << 20,
    MEMORY_LEAST = 32 << 20,
    MEMORY_BASE = 24 << 20, /* the program, its libraries and plugins, before any row */
    ROW_PRESET = 128 << 20,
    QUEUE_MOST = 2 << 20, /* more of it is no faster */
    QUEUE_KEPT = 4 << 20, /* with rows that may be set aside: parts cost the target something */
    BUNDLE_MOST = 256 << 10,
};

/* The operations (1 << enum rnl_op each) that the pipeline leaves out of changes of any table. */
uint16_t config_left_out(const struct pipeline_config *config);

/* What config->memory_bytes comes to, for each lane. */
struct run_sizes {
    size_t queue_bytes;  /* waiting between reader and writer */
    size_t bundle_bytes; /* of a bundle; a larger row goes alone */
    size_t part_bytes;   /* of rows that the writer can go over again */
    size_t row_bytes;    /* the largest row that is taken */
};

#define DDL_POLICIES "evolve|ignore|stop"
#define TRUNCATE_POLICIES "apply|ignore|stop"

/* What stands in the place of words that the operator leaves out. */
void config_presets(struct pipeline_config *config);
/* The words on errors of a writer block that was checked, and those on the pipeline's run. */
void config_errors_read(const config_setting_t *writer, struct pipeline_config *pipeline);
int config_run_read(const config_setting_t *group, struct pipeline_config *pipeline,
                    struct rnl_error *err);
void config_sizes(const struct pipeline_config *config, struct run_sizes *sizes);

#endif
