/* Expressions of any dialect, and PostgreSQL's texts: translated or refused with a reason. */
#include "daytext.h"
#include "expr.h"
#include "fuzz.h"
#include "pgtext.h"

static const struct rnl_column columns[] = {
    {.name = "a", .type = RNL_T_INT},
    {.name = "b", .type = RNL_T_TEXT, .flags = RNL_COLUMN_NULLABLE},
    {.name = "c", .type = RNL_T_DATE},
};

static const struct expr_column targets[] = {
    {.name = "a", .class = EXPR_INT},
    {.name = "b", .class = EXPR_TEXT, .bytewise = true},
    {.name = "c", .class = EXPR_DAY},
};

static const struct rnl_table table = {
    .columns = columns, .ncolumns = 3, .column_size = sizeof(columns[0])};

static bool column_of(void *arg, uint32_t index, struct expr_column *out)
{
    (void)arg;
    *out = targets[index];
    return true;
}

/* Each direction: the first byte says which, and whether it must be exact. */
static void translate(uint8_t what, const char *text)
{
    const struct expr_scope scope = {
        .from = (enum expr_dialect)(what % 3),
        .to = (enum expr_dialect)(what / 3 % 3),
        .table = what & 32 ? &table : NULL,
        .column = column_of,
        .exact = (what & 64) != 0,
    };
    enum expr_class class;
    struct buf out = {0};
    const char *why;

    if (expr_translate(&scope, text, &out, &class, &why))
        MUST(out.len > 0);
    else
        MUST(*why && out.len == 0);
    buf_free(&out);
}

static void read_texts(const char *text, size_t len)
{
    static const char *const labels[] = {"x", "y"};
    struct buf out = {0};
    const char *why;
    struct rnl_value value;
    char buf[CALENDAR_TEXT];

    MUST(pgtext_array_json(text, len, RNL_T_DECIMAL, &out, &why) || out.len == 0);
    buf_clear(&out);
    MUST(pgtext_composite_json(text, len, labels, 2, &out, &why) || out.len == 0);
    buf_clear(&out);
    MUST(pgtext_hstore_json(text, len, &out, &why) || out.len == 0);
    buf_free(&out);
    for (uint16_t type = RNL_T_DATE; type <= RNL_T_TIMESTAMPTZ; type++)
        if (day_parse(type, text, len, &value))
            for (int style = DAY_MYSQL; style <= DAY_ISO; style++)
                MUST(day_print((enum day_style)style, &value, -1, buf) < CALENDAR_TEXT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text;

    if (size == 0)
        return 0;
    text = malloc(size);
    MUST(text);
    memcpy(text, data + 1, size - 1);
    read_texts(text, size - 1);
    text[size - 1] = '\0';
    translate(data[0], text);
    free(text);
    return 0;
}
