/* The options of a connection, the same for source and sink. */
#ifndef POSTGRES_LINK_OPTIONS_H
#define POSTGRES_LINK_OPTIONS_H

#include "server.h"

#define LINK_AT(config, member) offsetof(struct config, link.member)
#define LINK_OPTION(config, name, preset, help, type, member, min, max)                           \
    {                                                                                             \
        (name), (preset), (help), NULL, (type), RNL_O_CONNECTION, LINK_AT(config, member), (min), \
            (max)                                                                                 \
    }

/* The first items of an option table whose config struct has a struct pg_link named link. */
#define LINK_OPTIONS(config, database_help)                                                        \
    LINK_OPTION(config, "host", "localhost", "host name or address", RNL_O_STRING, host, 0, 0),    \
        LINK_OPTION(config, "port", "5432", "TCP port", RNL_O_INT, port, 1, 65535),                \
        LINK_OPTION(config, "socket", NULL, "folder of the server's socket, instead of host",      \
                    RNL_O_STRING, socket, 0, 0),                                                   \
        {"database",                                                                               \
         NULL,                                                                                     \
         (database_help),                                                                          \
         NULL,                                                                                     \
         RNL_O_STRING,                                                                             \
         RNL_O_CONNECTION | RNL_O_REQUIRED,                                                        \
         LINK_AT(config, database),                                                                \
         0,                                                                                        \
         0},                                                                                       \
        LINK_OPTION(config, "user", NULL, "role to log in as", RNL_O_STRING, user, 0, 0),          \
        LINK_OPTION(config, "password", NULL, "password, or a reference to it", RNL_O_SECRET,      \
                    password, 0, 0),                                                               \
        {"tls.mode",                                                                               \
         "auto",                                                                                   \
         "auto: verify-full, but disable on a loopback address or a socket",                       \
         "auto|disable|require|verify-ca|verify-full",                                             \
         RNL_O_ENUM,                                                                               \
         RNL_O_CONNECTION,                                                                         \
         LINK_AT(config, tls_mode),                                                                \
         0,                                                                                        \
         0},                                                                                       \
        LINK_OPTION(config, "tls.ca", NULL,                                                        \
                    "certificates of the authorities to trust; else the system's", RNL_O_FILE,     \
                    tls_ca, 0, 0),                                                                 \
        LINK_OPTION(config, "tls.cert", NULL, "client certificate", RNL_O_FILE, tls_cert, 0, 0),   \
        LINK_OPTION(config, "tls.key", NULL, "key of the client certificate", RNL_O_FILE, tls_key, \
                    0, 0),                                                                         \
        LINK_OPTION(config, "connect_timeout", "10s", "how long connecting may take",              \
                    RNL_O_DURATION, connect_timeout_ms, 1000, 3600000),                            \
        LINK_OPTION(config, "application_name", "runnel",                                          \
                    "how pg_stat_activity shows the connections", RNL_O_STRING, application_name,  \
                    0, 0)

#endif
