/* The SQLite connector: what it exports. */
#include "sink/sink.h"

RNL_MODULE("sqlite", "0.1.0", "Apache-2.0", &sqlite_source, &sqlite_sink);
