/* The mysql sink: what it is called, and its options. */
#include "sink.h"

#define AT(member) offsetof(struct sink_config, member)
#define POLICY(name, preset, help, words, member)                  \
    {                                                              \
        name, preset, help, words, RNL_O_ENUM, 0, AT(member), 0, 0 \
    }

static const struct rnl_option options[] = {
    LINK_OPTIONS(struct sink_config, "The database to write into"),
    {"schema", NULL, "Database for all tables; else the connection's, see schemas", NULL,
     RNL_O_STRING, RNL_O_CONNECTION, AT(schema), 0, 0},
    {"state_database", NULL,
     "Database for the tables runnel_*, which hold how far a pipeline is; else the connection's",
     NULL, RNL_O_STRING, RNL_O_CONNECTION, AT(state_database), 0, 0},
    POLICY("schemas", "prefix",
           "PostgreSQL's schemas beside public: a prefix of the table's name, or a database each",
           "prefix|database", schemas),
    {"collation", NULL,
     "Collation of texts; else the source's own, or one that tells all texts apart "
     "(utf8mb4_0900_bin, utf8mb4_nopad_bin)",
     NULL, RNL_O_STRING, 0, AT(collation), 0, 0},
    {"text_key", "768", "Characters of a text without length that stands in an index", NULL,
     RNL_O_INT, 0, AT(text_key), 1, 768},
    POLICY("long_key", "hash",
           "Unique keys of longer values than an index takes: a unique hash of them, or an error",
           "hash|error", long_key),
    POLICY("nonfinite", "error", "What NaN and infinities become in numbers", "error|null|clamp",
           nonfinite),
    POLICY("outofrange", "error", "What dates outside the years 0 to 9999 and infinities become",
           "error|null|clamp", outofrange),
    POLICY("timestamptz", "datetime",
           "Moments with a zone: datetime in UTC, or timestamp, which ends in 2038",
           "datetime|timestamp", timestamptz),
    POLICY("uuid", "native", "uuid: the server's own type where it has one, else char(36)",
           "native|char|binary16", uuid),
    POLICY("interval", "text", "interval: ISO 8601 as text, or microseconds as bigint",
           "text|microseconds", interval),
    POLICY("json", "auto",
           "json: auto is json unless the server's type would change values, else longtext",
           "auto|json|text", json),
    POLICY("boolean", "tinyint", "boolean: tinyint(1) or bit(1)", "tinyint|bit", boolean),
    POLICY("arrays", "json", "Arrays, composites and maps: JSON, or the source's own text",
           "json|text", arrays),
    POLICY("orphans", "report",
           "A foreign key that rows break: reported and left out, or reported and kept",
           "report|keep", orphans),
    {"lock_timeout", "30s", "How long a change of structure may wait for a lock", NULL,
     RNL_O_DURATION, 0, AT(lock_timeout_ms), 1000, 86400000},
};

const struct rnl_plugin sink_plugin = {
    .size = sizeof(sink_plugin),
    .kind = RNL_SINK,
    .name = "mysql",
    .summary =
        "Writes MySQL 8.0 and later, and MariaDB 10.5 and later, and reads them back for proof",
    .schemes = "mysql,mariadb",
    .options = RNL_OPTIONS(options, struct sink_config),
    .sink = &sink_ops,
};
