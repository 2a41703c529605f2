/* Connections and pipelines, read from libconfig files, URLs, environment and flags. */
#ifndef CONFIG_H
#define CONFIG_H

#include "catalog.h"
#include "settings.h"
#include "util/arena.h"
#include <runnel/sink.h>

struct connection_config {
    char *name;               /* "" for one made of a URL */
    char *plugin;             /* "mysql" */
    struct settings settings; /* of the options marked RNL_O_CONNECTION */
    struct origin origin;
};

enum pipeline_mode { MODE_CONVERT = 1, MODE_CDC, MODE_REPLICATE };

/* What becomes of a row that the target can't take. */
enum on_error { ON_ERROR_STOP = 0, ON_ERROR_SET_ASIDE };

/* What becomes of a table in the target when it is altered in the source while it is followed. */
enum ddl_policy { DDL_EVOLVE = 0, DDL_IGNORE, DDL_STOP };

/* And when it is emptied there. */
enum truncate_policy { TRUNCATE_APPLY = 0, TRUNCATE_IGNORE, TRUNCATE_STOP };

/* How a run that failed by what may pass is gone on with. Zeroed: it isn't. */
struct retry_config {
    int64_t seconds;          /* so long without progress */
    int64_t first_ms, max_ms; /* the first wait, at most, and the longest */
};

struct role_config {
    char *plugin; /* of the source or sink */
    const struct connection_config *connection;
    struct settings settings; /* of the role's other options */
    uint32_t lanes;
};

struct pipeline_config {
    char *name;
    enum pipeline_mode mode;
    struct role_config reader, writer;
    struct table_rule *tables;
    size_t ntables;
    struct arena table_texts; /* what the rules point to */
    uint32_t bundle_rows;
    int64_t chunk_bytes;
    int64_t commit_bytes; /* a lane commits when so much is applied, or after some seconds */
    char *transport;      /* plugin */
    struct settings transport_settings;
    enum rnl_schema_policy schema_policy;
    enum rnl_write_mode write_mode;
    uint32_t structure;                  /* RNL_WITH_* */
    int64_t limit_events, limit_seconds; /* 0: none */
    uint32_t change_lanes;               /* for changes, in mode cdc and replicate */
    enum ddl_policy ddl;
    enum truncate_policy truncate;
    bool cutover;          /* with drain: and then the pipeline is done, and the source let go */
    int64_t quiet_seconds; /* with drain: not before no change has come for so long */
    bool drain; /* changes are followed to the log's end as it is when they begin, and no further */
    enum on_error on_error;
    int64_t error_limit; /* rows that may stand aside; 0: any number */
    bool keep_rows;      /* with what is set aside */
    struct retry_config retry;
    int64_t memory_bytes;    /* of the process, for rows up to a MiB; 0: the preset */
    int64_t row_bytes;       /* the largest row that is taken; 0: the preset */
    struct settings written; /* its own words as they stand in the file */
    struct origin origin;
};

/* The program's own settings. */
struct config_word {
    const char *name;   /* "log.level", as in a file: log = { level = … } */
    const char *option; /* "log-level", of the command line and, as RUNNEL_…, the environment; NULL:
                           of files alone */
    const char *choices; /* "debug|info|warn|error", or NULL */
    const char *preset;  /* or NULL; of a list always NULL */
    const char *help;
    bool list;
};
extern const struct config_word config_words[];
extern const size_t config_nwords;

struct config {
    struct connection_config **connections;
    size_t nconnections;
    struct pipeline_config **pipelines;
    size_t npipelines;
    struct settings program;  /* log.level, plugin_dir, … as found, with origins */
    struct settings *secrets; /* of each store, see secret_resolver_store() */
    char **secret_stores;
    size_t nsecret_stores;
    char *registry; /* plugin, or NULL: the preset */
    struct settings registry_settings;
    char **files; /* and folders that were read, in order */
    size_t nfiles;
};

/*
 * A file, or a folder whose *.cfg are read in order of name; @include and
 * include = [ "pipelines.d" ] inside. What can't be right is refused with file:line.
 */
int config_load(const char *path, struct config **config, struct rnl_error *err);
/*
 * Several at once: names defined in one may be used in the others. program (may be
 * NULL): settings from flags and environment, which rank before what files say.
 */
int config_load_all(const char *const *paths, size_t npaths, const struct settings *program,
                    struct config **config, struct rnl_error *err);
void config_free(struct config *config);
const struct pipeline_config *config_pipeline(const struct config *config, const char *name);
const struct connection_config *config_connection(const struct config *config, const char *name);
/* The rules of which tables are wanted, and what of them: all are taken away at once. */
struct table_rule *config_table_add(struct pipeline_config *pipeline, const char *name);
void config_table_where(struct pipeline_config *pipeline, const char *name, const char *where);
void config_table_target(struct pipeline_config *pipeline, const char *name, const char *target);
void config_tables_clear(struct pipeline_config *pipeline);
/* Lanes of a role that says nothing of them: one for each processor, but 2 to 4. */
uint32_t config_lanes(void);
/* What a command is given that means this pipeline: its file, or the two URLs. */
const char *config_pipeline_words(const struct pipeline_config *pipeline);
/* Whether this version can run it: RNL_E_CONFIG "config.policies_contradict", …. */
int config_runnable(const struct pipeline_config *pipeline, struct rnl_error *err);

struct secret_resolver;
/* A resolver that knows the stores of the configuration; config may be NULL. */
struct secret_resolver *config_resolver(const struct config *config);

/*
 * mysql://user:password@host:port/database?tls=verify-full&ca=… into a connection. A
 * password in url is overwritten there (url is argv's own memory) and warned about.
 * Names of parameters are the plugin's own ("tls.mode"), or those that users of its
 * usual clients know ("sslmode", "ssl-ca").
 */
int config_connection_from_url(char *url, struct connection_config **connection,
                               struct rnl_error *err);
void connection_config_free(struct connection_config *connection);

#endif
