/* A plugin declares its options; the host parses, checks and documents them. */
#ifndef RNL_OPTION_H
#define RNL_OPTION_H

#include <runnel/abi.h>

/* and the C type of the member at offset */
enum rnl_option_type {
    RNL_O_STRING = 1, /* const char *; NULL when not set */
    RNL_O_INT,        /* int64_t */
    RNL_O_BOOL,       /* bool */
    RNL_O_SIZE,       /* int64_t, bytes: "16M" */
    RNL_O_DURATION,   /* int64_t, milliseconds: "30s" */
    RNL_O_LIST,       /* const char *const *, ends with NULL */
    RNL_O_ENUM,       /* int32_t: index in words */
    RNL_O_SECRET,     /* const struct rnl_secret *; never shown; may be a secret:// reference */
    RNL_O_FILE,       /* const char *: a path, relative to the file that names it */
};

enum {
    RNL_O_REQUIRED = 1 << 0,
    RNL_O_CONNECTION = 1 << 1, /* belongs into a connection block (and its URL) */
};

struct rnl_option {
    const char *name;   /* "tls.mode" stands in a file as tls = { mode = … } */
    const char *preset; /* as written in a file; NULL for none */
    const char *help;   /* one line, shown by `runnel plugins help NAME` */
    const char *words;  /* of an ENUM: "auto|bool|int" */
    uint16_t type;
    uint16_t flags;
    uint32_t offset;  /* of the member in the plugin's config struct */
    int64_t min, max; /* of INT, SIZE, DURATION; both 0: no bounds */
};

/* count and stride travel with the table, so that rnl_option may grow */
struct rnl_options {
    const struct rnl_option *items;
    uint32_t count;
    uint32_t stride;
    uint32_t config_size;
    uint32_t reserved;
};

#define RNL_OPTIONS(table, config_type)                                                         \
    {                                                                                           \
        (table), sizeof(table) / sizeof((table)[0]), sizeof((table)[0]), sizeof(config_type), 0 \
    }

#endif
