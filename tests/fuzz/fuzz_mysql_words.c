/*
 * Words of a MySQL server and of its log: positions, GTID sets and lists, statements. Whatever they
 * are, what is taken must mean the same when it is written and read again.
 */
#include "fuzz.h"
#include "position.h"
#include "statement.h"

#include <stdlib.h>

static void position_try(const char *text, size_t len)
{
    struct position position, again;
    struct text out = {0}, twice = {0};

    if (position_parse(&position, (struct rnl_slice){text, len}))
        return;
    MUST(position_reached(&position, &position) || (!position.gtids && !*position.file));
    position_write(&position, &out);
    MUST(!position_parse(&again, (struct rnl_slice){out.ptr, out.len}));
    position_write(&again, &twice);
    MUST(strcmp(out.ptr, twice.ptr) == 0);
    text_free(&out);
    text_free(&twice);
    position_free(&position);
    position_free(&again);
}

static void set_try(const char *text, size_t len)
{
    struct gtid_set set = {0}, again = {0};
    struct text out = {0}, encoded = {0};

    if (gtid_set_parse(&set, text, len))
        return;
    gtid_set_text(&set, &out);
    gtid_set_encode(&set, &encoded);
    MUST(!gtid_set_parse(&again, out.len ? out.ptr : "", out.len));
    MUST(gtid_set_contains(&set, &again) && gtid_set_contains(&again, &set));
    if (set.count && set.origins[0].count) {
        struct gtid gtid = {.number = set.origins[0].ranges[0].from};

        memcpy(gtid.uuid, set.origins[0].uuid, sizeof(gtid.uuid));
        memcpy(gtid.tag, set.origins[0].tag, sizeof(gtid.tag));
        MUST(gtid_set_has(&set, &gtid));
        MUST(!gtid_set_remove(&set, &gtid) && !gtid_set_has(&set, &gtid));
        MUST(!gtid_set_contains(&set, &again));
        MUST(!gtid_set_add(&set, &gtid) && gtid_set_contains(&set, &again));
    }
    text_free(&out);
    text_free(&encoded);
    gtid_set_free(&set);
    gtid_set_free(&again);
}

static void list_try(const char *text, size_t len)
{
    struct gtid_list list = {0}, again = {0};
    struct text out = {0};

    if (gtid_list_parse(&list, text, len))
        return;
    gtid_list_text(&list, &out);
    MUST(!gtid_list_parse(&again, out.len ? out.ptr : "", out.len));
    MUST(gtid_list_contains(&list, &again) && gtid_list_contains(&again, &list));
    text_free(&out);
    gtid_list_free(&list);
    gtid_list_free(&again);
}

static void name_look(void *user, const char *schema, const char *table)
{
    (void)user;
    MUST(strlen(schema) < STATEMENT_NAME_MAX && (!table || strlen(table) < STATEMENT_NAME_MAX));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct statement statement = {0};
    char *text;

    if (size < 1)
        return 0;
    text = malloc(size); /* of just this size: the sanitizer sees what is read behind it */
    if (!text)
        return 0;
    memcpy(text, data + 1, size - 1);
    switch (data[0] % 4) {
    case 0:
        position_try(text, size - 1);
        break;
    case 1:
        set_try(text, size - 1);
        break;
    case 2:
        list_try(text, size - 1);
        break;
    default:
        statement.text = (struct rnl_slice){text, size - 1};
        statement.ansi_quotes = data[0] & 16;
        statement.no_escapes = data[0] & 32;
        MUST(statement_read(&statement, name_look, NULL) >= STATEMENT_OTHER);
    }
    free(text);
    return 0;
}
