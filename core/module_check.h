/* Whether a shared object may be loaded, and whether what it says of itself can be right. */
#ifndef MODULE_CHECK_H
#define MODULE_CHECK_H

#include <runnel/plugin.h>

/*
 * A plugin is code in our address space: the file and each folder above it must
 * belong to root or to us, and nobody else may write there (a folder of root's with
 * the sticky bit, like /tmp, is all right: others can't replace what is ours in it).
 * *real is the path without links, malloc'd.
 */
int module_check_file(const char *path, char **real, struct rnl_error *err);

/* Magic, versions and sizes, in the order in which they can be trusted. */
int module_check_handshake(const char *path, const struct rnl_module *module,
                           struct rnl_error *err);

/* Name, kind, required functions, option table. */
int module_check_plugin(const char *path, const struct rnl_plugin *plugin, struct rnl_error *err);

#endif
