/* Elements of arrays whose structs may have been smaller when their maker was compiled. */
#ifndef COMMON_ELEMENT_H
#define COMMON_ELEMENT_H

#include <runnel/schema.h>

/* The element at index of an array whose elements their maker may have known smaller. */
#define ELEMENT(type, items, index, item_size) \
    ((const type *)(const void *)((const char *)(items) + (size_t)(index) * (item_size)))
#define COLUMN(table, index) \
    ELEMENT(struct rnl_column, (table)->columns, index, (table)->column_size)
#define INDEX(table, index) ELEMENT(struct rnl_index, (table)->indexes, index, (table)->index_size)
#define FOREIGN_KEY(table, index) \
    ELEMENT(struct rnl_foreign_key, (table)->foreign_keys, index, (table)->foreign_key_size)
#define CHECK(table, index) ELEMENT(struct rnl_check, (table)->checks, index, (table)->check_size)
#define PARTITION(table, index) \
    ELEMENT(struct rnl_partition, (table)->partitions, index, (table)->partition_size)

#endif
