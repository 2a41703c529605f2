/* Numbers that the source gives next, taken anew from a later description of it. */
#include "catalog_part.h"

static void take_table(struct rnl_table *table, const struct rnl_table *fresh)
{
    struct rnl_column *columns = CATALOG_OWN(struct rnl_column, table->columns);

    table->next_identity = fresh->next_identity;
    for (uint32_t i = 0; i < table->ncolumns; i++) {
        uint32_t other = catalog_column(fresh, columns[i].name);

        if (other != CATALOG_NONE)
            columns[i].next_value = fresh->columns[other].next_value;
    }
}

static void take_object(struct rnl_object *object, const struct rnl_catalog *fresh)
{
    for (uint32_t i = 0; object->kind == RNL_OBJECT_SEQUENCE && i < fresh->nobjects; i++) {
        const struct rnl_object *other = fresh->objects[i];

        if (other->kind == object->kind && strcmp(other->schema, object->schema) == 0 &&
            strcmp(other->name, object->name) == 0)
            object->value = other->value;
    }
}

void catalog_take_values(struct rnl_catalog *catalog, const struct rnl_catalog *fresh)
{
    for (uint32_t i = 0; i < catalog->count; i++) {
        struct rnl_table *table = catalog->tables[i];

        for (uint32_t j = 0; j < fresh->count; j++) {
            uint32_t at = (i + j) % fresh->count; /* mostly in the same order */

            if (strcmp(fresh->tables[at]->name, table->name) != 0 ||
                strcmp(fresh->tables[at]->schema, table->schema) != 0)
                continue;
            take_table(table, fresh->tables[at]);
            break;
        }
    }
    for (uint32_t i = 0; i < catalog->nobjects; i++)
        take_object(catalog->objects[i], fresh);
}
