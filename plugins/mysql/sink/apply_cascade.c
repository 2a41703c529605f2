/* What the source's foreign keys did, done to the target's tables: see cascade.h. */
#include "apply.h"

/* The writer, and the row that it begins with. */
struct origin {
    struct my_writer *w;
    const struct rnl_row *row;
};

static const struct bound_table *table_of(const struct origin *origin, uint32_t table)
{
    return &origin->w->sink->tables[table];
}

static void say_table(void *arg, uint32_t table, struct buf *sql)
{
    buf_puts(sql, table_of(arg, table)->qualified);
}

static void say_column(void *arg, uint32_t table, uint32_t column, struct buf *sql)
{
    struct text name = {0};

    text_name(&name, table_of(arg, table)->columns[column].name);
    if (name.failed)
        sql->failed = true;
    else
        buf_puts(sql, name.ptr);
    text_free(&name);
}

static void say_mark(void *arg, uint32_t table, uint32_t column, uint32_t number, struct buf *sql)
{
    (void)arg;
    (void)table;
    (void)column;
    (void)number;
    buf_puts(sql, "?");
}

static int run(void *arg, struct buf *sql, const struct cascade_value *values, uint32_t count,
               uint64_t *rows, struct rnl_error *err)
{
    const struct origin *origin = arg;
    const struct bound_table *table = table_of(origin, origin->row->table);
    const struct rnl_row sought = row_sought(origin->row);
    struct command command = {.table = table};
    int status = RNL_OK;

    text_add(&command.sql, sql->ptr);
    origin->w->comparing = true;
    for (uint32_t i = 0; status == RNL_OK && i < count; i++)
        status = command_add(origin->w, &command, table, values[i].fresh ? origin->row : &sought,
                             values[i].column, err);
    origin->w->comparing = false;
    if (status == RNL_OK)
        status = command_repeat(origin->w, &command, "follow a foreign key of", rows, err);
    command_free(&command);
    return status;
}

int row_cascade(struct my_writer *w, const struct bound_table *table, const struct rnl_row *row,
                struct rnl_error *err)
{
    struct origin origin = {w, row};
    const struct cascade_sink sink = {.arg = &origin,
                                      .table = say_table,
                                      .column = say_column,
                                      .mark = say_mark,
                                      .run = run,
                                      .of_mysql = true};

    return cascade_run(&w->sink->cascades, &sink, row, table->key, table->nkey, err);
}
