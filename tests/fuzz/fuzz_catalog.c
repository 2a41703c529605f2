/* A catalog from JSON text: what is accepted is whole, and comes back the same. */
#include "catalog.h"
#include "fuzz.h"

static void table_is_whole(const struct rnl_table *table)
{
    MUST(table->schema && table->name);
    for (uint32_t i = 0; i < table->ncolumns; i++)
        MUST(table->columns[i].name && table->columns[i].type < RNL_T_COUNT);
    for (uint32_t i = 0; i < table->nindexes; i++)
        for (uint32_t p = 0; p < table->indexes[i].nparts; p++)
            MUST(table->indexes[i].parts[p].expression ||
                 table->indexes[i].parts[p].column < table->ncolumns);
    for (uint32_t i = 0; i < table->nforeign_keys; i++)
        for (uint32_t c = 0; c < table->foreign_keys[i].ncolumns; c++) {
            MUST(table->foreign_keys[i].columns[c] < table->ncolumns);
            MUST(table->foreign_keys[i].ref_columns[c]);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct rnl_catalog *catalog, *again;
    char *text, *text_again;

    if (catalog_from_json((const char *)data, size, &catalog, &err) != RNL_OK)
        return 0;
    for (uint32_t i = 0; i < catalog_count(catalog); i++)
        table_is_whole(catalog_at(catalog, i));
    text = catalog_to_json(catalog);
    MUST(text);
    MUST(catalog_from_json(text, strlen(text), &again, &err) == RNL_OK);
    text_again = catalog_to_json(again);
    MUST(text_again && strcmp(text, text_again) == 0);
    MUST(catalog_fingerprint(catalog) == catalog_fingerprint(again));
    catalog_free(catalog);
    catalog_free(again);
    free(text);
    free(text_again);
    return 0;
}
