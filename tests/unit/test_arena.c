/* Memory taken piece by piece: aligned, zeroed, and texts that come again given again. */
#include "util/arena.h"

#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void pieces_stand_apart(void **state)
{
    struct arena arena = {0};
    char *texts[2000];
    uint64_t *numbers[2000];
    char text[32];

    (void)state;
    for (uint64_t i = 0; i < 2000; i++) {
        snprintf(text, sizeof(text), "text %u", (unsigned)i);
        texts[i] = arena_strdup(&arena, text);
        numbers[i] = arena_alloc(&arena, (i % 5) * sizeof(uint64_t) + sizeof(uint64_t));
        assert_int_equal((uintptr_t)numbers[i] % alignof(max_align_t), 0);
        assert_int_equal(numbers[i][i % 5], 0);
        for (uint64_t n = 0; n <= i % 5; n++)
            numbers[i][n] = i;
    }
    for (uint64_t i = 0; i < 2000; i++) {
        snprintf(text, sizeof(text), "text %u", (unsigned)i);
        assert_string_equal(texts[i], text);
        for (uint64_t n = 0; n <= i % 5; n++)
            assert_int_equal(numbers[i][n], i);
    }
    arena_free(&arena);
}

static void nothing_is_no_failure(void **state)
{
    struct arena arena = {0};

    (void)state;
    assert_non_null(arena_alloc(&arena, 0));
    assert_null(arena_strdup(&arena, NULL));
    assert_null(arena_text(&arena, NULL));
    arena_free(&arena);
}

static void texts_come_again(void **state)
{
    struct arena arena = {0};
    const char *first = arena_text(&arena, "utf8mb4_general_ci");
    char same[] = "utf8mb4_general_ci";
    char text[32];

    (void)state;
    assert_ptr_equal(arena_text(&arena, same), first);
    for (int i = 0; i < 1000; i++) {
        snprintf(text, sizeof(text), "name %d", i);
        assert_string_equal(arena_text(&arena, text), text);
    }
    assert_string_equal(first, "utf8mb4_general_ci");
    arena_free(&arena);
    assert_string_equal(arena_text(&arena, "after"), "after");
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_stand_apart),
        cmocka_unit_test(nothing_is_no_failure),
        cmocka_unit_test(texts_come_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
