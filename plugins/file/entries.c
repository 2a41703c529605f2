/*
 * The secrets of a store, decrypted: records in the order of their names. A record is
 * u16 length of the path, u16 of the field, u32 of the value, then the three, without
 * terminators; numbers are little endian.
 */
#include "entries.h"

#include <runnel/plugin.h>

enum { RECORD_HEAD = 8 };

static size_t get(const uint8_t *at, size_t bytes)
{
    size_t value = 0;

    while (bytes-- > 0)
        value = value << 8 | at[bytes];
    return value;
}

static void put(uint8_t **at, size_t bytes, size_t value)
{
    for (; bytes > 0; bytes--, value >>= 8)
        *(*at)++ = (uint8_t)value;
}

static int name_compare(const struct entry *a, const struct entry *b)
{
    size_t shorter = a->path_length < b->path_length ? a->path_length : b->path_length;
    int order = memcmp(a->path, b->path, shorter);

    if (order != 0)
        return order;
    if (a->path_length != b->path_length)
        return a->path_length < b->path_length ? -1 : 1;
    shorter = a->field_length < b->field_length ? a->field_length : b->field_length;
    order = memcmp(a->field, b->field, shorter);
    if (order != 0)
        return order;
    return (a->field_length > b->field_length) - (a->field_length < b->field_length);
}

/* No control characters, and no # that would end a path. */
static bool name_is_plain(const char *name, size_t length, bool is_path)
{
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f || (is_path && name[i] == '#'))
            return false;
    return length <= ENTRY_NAME_MAX && (length > 0 || !is_path);
}

int entry_named(struct entry *entry, const char *path, const char *field, struct rnl_error *err)
{
    *entry = (struct entry){
        .path = path,
        .field = field,
        .path_length = strlen(path),
        .field_length = strlen(field),
    };
    if (name_is_plain(path, entry->path_length, true) &&
        name_is_plain(field, entry->field_length, false))
        return RNL_OK;
    rnl_fail(err, RNL_E_CONFIG, "secrets.bad_name", "a secret can't be named \"%.80s%s%.80s\"",
             path, *field ? "#" : "", field);
    rnl_hint(err, "a path and a field have at most %d letters each, and no control characters",
             ENTRY_NAME_MAX);
    return err->status;
}

static int entries_damaged(size_t offset, struct rnl_error *err)
{
    return rnl_fail(err, RNL_E_CONFIG, "secrets.damaged",
                    "the secrets can't be read: no record at byte %zu", offset);
}

int entries_next(const struct pages *entries, size_t *offset, struct entry *entry,
                 struct rnl_error *err)
{
    size_t left = entries->length - *offset, need;
    const uint8_t *at;

    if (left == 0)
        return RNL_DONE;
    if (left < RECORD_HEAD)
        return entries_damaged(*offset, err);
    at = entries->bytes + *offset;
    entry->path_length = get(at, 2);
    entry->field_length = get(at + 2, 2);
    entry->value_length = get(at + 4, 4);
    if (entry->value_length > ENTRY_VALUE_MAX)
        return entries_damaged(*offset, err);
    need = RECORD_HEAD + entry->path_length + entry->field_length + entry->value_length;
    if (left < need)
        return entries_damaged(*offset, err);
    entry->path = (const char *)at + RECORD_HEAD;
    entry->field = entry->path + entry->path_length;
    entry->value = at + RECORD_HEAD + entry->path_length + entry->field_length;
    if (!name_is_plain(entry->path, entry->path_length, true) ||
        !name_is_plain(entry->field, entry->field_length, false))
        return entries_damaged(*offset, err);
    *offset += need;
    return RNL_OK;
}

int entries_check(const struct pages *entries, struct rnl_error *err)
{
    struct entry entry, before = {0};
    size_t offset = 0, start = 0;
    int status;

    while ((status = entries_next(entries, &offset, &entry, err)) == RNL_OK) {
        if (start > 0 && name_compare(&before, &entry) >= 0)
            return entries_damaged(start, err);
        before = entry;
        start = offset;
    }
    return status == RNL_DONE ? RNL_OK : status;
}

int entries_find(const struct pages *entries, const struct entry *name, struct entry *found,
                 struct rnl_error *err)
{
    size_t offset = 0;
    int status;

    while ((status = entries_next(entries, &offset, found, err)) == RNL_OK)
        if (name_compare(found, name) == 0)
            return RNL_OK;
    return status;
}

/* Where entry belongs: [*from, *to) is what it replaces, empty when its name is new. */
static int entries_place(const struct pages *entries, const struct entry *entry, size_t *from,
                         size_t *to, struct rnl_error *err)
{
    struct entry other;
    size_t offset = 0;
    int order, status;

    *from = *to = 0;
    while ((status = entries_next(entries, &offset, &other, err)) == RNL_OK) {
        order = name_compare(&other, entry);
        if (order > 0)
            return RNL_OK;
        *to = offset;
        if (order == 0)
            return RNL_OK;
        *from = offset;
    }
    return status == RNL_DONE ? RNL_OK : status;
}

static void record_write(uint8_t *at, const struct entry *entry)
{
    put(&at, 2, entry->path_length);
    put(&at, 2, entry->field_length);
    put(&at, 4, entry->value_length);
    memcpy(at, entry->path, entry->path_length);
    at += entry->path_length;
    memcpy(at, entry->field, entry->field_length);
    at += entry->field_length;
    memcpy(at, entry->value, entry->value_length);
}

int entries_put(struct pages *entries, const struct entry *entry, struct rnl_error *err)
{
    size_t from, to, size = 0, length;
    struct pages changed;
    int status;

    status = entries_place(entries, entry, &from, &to, err);
    if (status != RNL_OK)
        return status;
    if (entry->value)
        size = RECORD_HEAD + entry->path_length + entry->field_length + entry->value_length;
    length = entries->length - (to - from) + size;
    if (length > ENTRIES_MAX)
        return rnl_fail(err, RNL_E_CONFIG, "secrets.full",
                        "the secret store is full: it holds at most %d bytes", ENTRIES_MAX);
    if (!pages_make(&changed, length))
        return rnl_fail(err, RNL_E_FATAL, "secrets.no_memory", "no memory for the secrets");
    memcpy(changed.bytes, entries->bytes, from);
    if (entry->value)
        record_write(changed.bytes + from, entry);
    memcpy(changed.bytes + from + size, entries->bytes + to, entries->length - to);
    changed.length = length;
    pages_free(entries);
    *entries = changed;
    return RNL_OK;
}
