/* The secrets of a store, decrypted: records in the order of their names. */
#ifndef FILE_ENTRIES_H
#define FILE_ENTRIES_H

#include "pages.h"
#include <runnel/error.h>

enum {
    ENTRY_NAME_MAX = 255,         /* of a path, and of a field */
    ENTRY_VALUE_MAX = 64 * 1024,  /* as the host bounds a secret */
    ENTRIES_MAX = 4 * 1024 * 1024 /* bytes of all records together */
};

/* One record; it points into the bytes it was read from. */
struct entry {
    const char *path, *field; /* not terminated; field may be empty */
    const uint8_t *value;
    size_t path_length, field_length, value_length;
};

/* A name as people give it; RNL_E_CONFIG when it can't be one. */
int entry_named(struct entry *entry, const char *path, const char *field, struct rnl_error *err);

/*
 * Reads the record at *offset and moves it on: RNL_OK, RNL_DONE, or RNL_E_CONFIG
 * when the bytes are not records (bounds, order, names).
 */
int entries_next(const struct pages *entries, size_t *offset, struct entry *entry,
                 struct rnl_error *err);
/* Reads all: RNL_OK when every byte is as it should be. */
int entries_check(const struct pages *entries, struct rnl_error *err);
/* RNL_OK or RNL_DONE: there is none of that name. */
int entries_find(const struct pages *entries, const struct entry *name, struct entry *found,
                 struct rnl_error *err);
/* Puts entry where it belongs, in place of one of that name; with no value: removes that. */
int entries_put(struct pages *entries, const struct entry *entry, struct rnl_error *err);

#endif
