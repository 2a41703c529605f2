/* What a target remembers of a run, from JSON text: what is accepted comes back the same. */
#include "fuzz.h"
#include "record.h"

static void try_record(const char *text, size_t size)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct record record = {0}, again = {0};
    char *first, *second;

    if (record_from_json(text, size, &record, &err) == RNL_OK) {
        first = record_to_json(&record);
        MUST(first);
        MUST(record_from_json(first, strlen(first), &again, &err) == RNL_OK);
        second = record_to_json(&again);
        MUST(second && strcmp(first, second) == 0);
        record_clear(&again);
        free(first);
        free(second);
    }
    record_clear(&record);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_record((const char *)data, size);
    return 0;
}
