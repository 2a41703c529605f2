/* The words for a binary log that can't be read. */
#include "binlog_part.h"

int log_malformed(struct rnl_error *err, const char *what)
{
    rnl_fail(err, RNL_E_CONFIG, "source.log_malformed",
             "the binary log can't be read: %s has not the form that it should", what);
    rnl_hint(err, "nothing was passed over; compare the event with mysqlbinlog: when the log is "
                  "damaged there, load again with --restart");
    return err->status;
}

int log_no_memory(struct rnl_error *err)
{
    return rnl_fail(err, RNL_E_FATAL, "mysql.memory", "out of memory while reading the binary log");
}
