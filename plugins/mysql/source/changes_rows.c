/* Rows of the log that concern tables which are followed: into the bundle, or aside until their
 * transaction ends. */
#include "changes.h"
#include "form.h"

#include <strings.h>

static char nobody; /* user of a table of the log that nobody follows */

bool is_our_schema(const struct changes *changes, const char *schema)
{
    const char *ours = changes->source->server.database;

    return changes->source->names_fold ? strcasecmp(schema, ours) == 0 : strcmp(schema, ours) == 0;
}

struct followed *followed_find(struct changes *changes, const char *schema, const char *name)
{
    uint32_t low = 0, high = changes->ntables;

    if (!is_our_schema(changes, schema))
        return NULL;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        int order = strcmp(changes->by_name[middle]->name, name);

        if (order == 0)
            return *name ? changes->by_name[middle] : NULL;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (uint32_t i = 0; changes->source->names_fold && i < changes->ntables; i++)
        if (*name && strcasecmp(changes->tables[i].name, name) == 0)
            return &changes->tables[i];
    return NULL;
}

bool is_in_start(const struct changes *changes, const struct followed *followed)
{
    const struct position *start = followed->start;
    const struct transaction *tx = &changes->tx;
    int order;

    if (!start)
        return false;
    if (!start->gtids) {
        order = log_file_order(tx->at_file, start->file);
        return order < 0 || (order == 0 && tx->at_pos < start->pos);
    }
    return start->mariadb ? gtid_list_has(&start->list, &tx->place)
                          : gtid_set_has(&start->set, &tx->gtid);
}

static int row_give(struct changes *changes, const struct rnl_row *row, struct rnl_error *err)
{
    int status = changes->source->ctx->host->bundle_add(changes->out, row, err);

    if (status)
        return status;
    changes->tx.rows++;
    changes->out_rows++;
    return RNL_OK;
}

/* Rows of a prepared transaction are given when it is committed. */
static int row_put_aside(struct changes *changes, const struct rnl_row *row, struct rnl_error *err)
{
    struct transaction *tx = &changes->tx;

    if (!tx->spool)
        tx->spool = spool_new();
    if (!tx->spool)
        return error_memory(err);
    return spool_add(tx->spool, row, err);
}

int rows_begin(struct changes *changes, struct rnl_error *err)
{
    struct binlog_table *table = changes->event.rows.table;
    struct followed *followed;
    int status;

    changes->rows = false;
    if (!table->user) {
        followed = followed_find(changes, table->schema, table->name);
        table->user = followed ? (void *)followed : (void *)&nobody;
    }
    if (table->user == &nobody || (changes->tx.skipped && !changes->tx.reopened))
        return RNL_OK;
    followed = table->user;
    if (!changes->tx.xa && is_in_start(changes, followed))
        return RNL_OK; /* whatever its form was then */
    if (!table->fitted) {
        status = followed->form ? binlog_table_fit_into(table, &followed->form->table,
                                                        followed->table, followed->map, err)
                                : binlog_table_fit(table, followed->table, err);
        if (status)
            return status;
    }
    changes->rows = true;
    return RNL_OK;
}

int rows_pump(struct changes *changes, struct rnl_error *err)
{
    const struct rnl_host *host = changes->source->ctx->host;
    const struct followed *followed = changes->event.rows.table->user;
    uint16_t op = changes->event.rows.op;
    struct rnl_row row = {
        .size = sizeof(row),
        .table = followed->index,
        .op = op,
        .nvalues = (uint16_t)followed->table->ncolumns,
        .before = op == RNL_INSERT ? NULL : changes->before,
        .after = op == RNL_DELETE ? NULL : changes->after,
    };

    while (!host->bundle_full(changes->out)) {
        int status = binlog_row(changes->log, changes->before, changes->after, err);

        if (status == RNL_DONE) {
            changes->rows = false;
            return STEP_ON;
        }
        if (!status)
            status =
                changes->tx.xa ? row_put_aside(changes, &row, err) : row_give(changes, &row, err);
        if (status)
            return status;
    }
    return STEP_GIVE;
}

static struct followed *followed_at(struct changes *changes, uint32_t index)
{
    for (uint32_t i = 0; i < changes->ntables; i++)
        if (changes->tables[i].index == index)
            return &changes->tables[i];
    return NULL;
}

int spool_pump(struct changes *changes, struct rnl_error *err)
{
    const struct rnl_host *host = changes->source->ctx->host;
    struct rnl_row row;

    while (!host->bundle_full(changes->out)) {
        int status = spool_next(changes->emit, &row, changes->before, changes->after, err);

        if (status == RNL_DONE) {
            spool_free(changes->emit);
            changes->emit = NULL;
            return transaction_end(changes, err);
        }
        if (status)
            return status;
        if (is_in_start(changes, followed_at(changes, row.table)))
            continue;
        status = row_give(changes, &row, err);
        if (status)
            return status;
    }
    return STEP_GIVE;
}

int truncate_add(struct changes *changes, struct followed *followed, struct rnl_error *err)
{
    struct rnl_row row = {.size = sizeof(row), .table = followed->index, .op = RNL_TRUNCATE};

    if (is_in_start(changes, followed))
        return RNL_OK;
    return row_give(changes, &row, err);
}
