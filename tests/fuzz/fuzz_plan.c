/* A plan from JSON text: what is accepted comes back the same. */
#include "fuzz.h"
#include "plan.h"

static void try_plan(const char *text, size_t size)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct rnl_plan *plan, *again;
    char *first, *second;

    if (plan_from_json(text, size, &plan, &err) != RNL_OK)
        return;
    first = plan_to_json(plan);
    MUST(first);
    MUST(plan_from_json(first, strlen(first), &again, &err) == RNL_OK);
    second = plan_to_json(again);
    MUST(second && strcmp(first, second) == 0);
    plan_order(again);
    MUST(plan_count(again) == plan_count(plan));
    plan_free(plan);
    plan_free(again);
    free(first);
    free(second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_plan((const char *)data, size);
    return 0;
}
