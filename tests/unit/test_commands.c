/* The table of all commands: each can be found, explained, and given options that are its own. */
#include "cli/cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* Each command can be explained, completed and found again by its name. */
static void the_table_is_sound(void **state)
{
    char *text = NULL;
    size_t size;

    (void)state;
    for (const struct cli_command *const *at = cli_commands; *at; at++) {
        const struct cli_command *command = *at;
        FILE *to = open_memstream(&text, &size);
        char name[64], *words[3] = {name, NULL, NULL};
        int used;

        cli_help(to, command);
        fclose(to);
        assert_non_null(strstr(text, command->name));
        free(text);
        snprintf(name, sizeof(name), "%s", command->name);
        words[1] = strchr(name, ' ');
        if (words[1])
            *words[1]++ = '\0';
        assert_ptr_equal(cli_find(words, words[1] ? 2 : 1, &used), command);
        for (size_t i = 0; i < command->noptions; i++) {
            assert_non_null(command->options[i].help);
            assert_true((command->options[i].type == CLI_FLAG) == !command->options[i].value);
            for (size_t c = 0; c < cli_ncommon; c++)
                if (strcmp(command->options[i].name, cli_common[c].name) == 0)
                    fail_msg("%s: --%s is everybody's", command->name, cli_common[c].name);
        }
    }
}

/* One place where people learn which words there are: no two commands share a name. */
static void names_are_unique(void **state)
{
    (void)state;
    for (const struct cli_command *const *a = cli_commands; *a; a++)
        for (const struct cli_command *const *b = a + 1; *b; b++)
            assert_string_not_equal((*a)->name, (*b)->name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_sound),
        cmocka_unit_test(names_are_unique),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
