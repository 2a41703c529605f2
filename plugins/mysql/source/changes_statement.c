/* Statements that stand in the log as text: ends of transactions, what alters tables, and what
 * can't be followed. */
#include "changes.h"

#define SHOWN 200 /* bytes of a statement in a message */

/* What a statement names. */
struct named {
    struct changes *changes;
    const char *schema; /* the session's */
    struct followed *followed;
    bool ours; /* the schema */
};

static void name_take(void *user, const char *schema, const char *table)
{
    struct named *named = user;
    const char *in = *schema ? schema : named->schema;

    if (is_our_schema(named->changes, in))
        named->ours = true;
    if (table && !named->followed)
        named->followed = followed_find(named->changes, in, table);
}

static int shown(const struct changes *changes)
{
    size_t len = changes->event.query.text.len;

    return (int)(len > SHOWN ? SHOWN : len);
}

static int rows_refuse(const struct changes *changes, struct rnl_error *err)
{
    rnl_fail(err, RNL_E_CONFIG, "source.statement_format",
             "the log has a statement in the place of its rows: %.*s", shown(changes),
             (const char *)changes->event.query.text.ptr);
    rnl_hint(err, "a session changed binlog_format: set it to ROW everywhere, and load again "
                  "with --restart");
    return err->status;
}

static int rollback_refuse(struct rnl_error *err)
{
    rnl_fail(err, RNL_E_CONFIG, "source.rollback_in_log",
             "the log takes back a part of a transaction, as it does where tables of engines "
             "with and without transactions are changed together");
    rnl_hint(err, "load again with --restart; make all tables InnoDB");
    return err->status;
}

static int xa_start(struct changes *changes, struct rnl_slice id, struct rnl_error *err)
{
    struct transaction *tx = &changes->tx;

    if (id.len >= sizeof(tx->xa_id))
        return rnl_fail(err, RNL_E_CONFIG, "source.log_xa",
                        "the id of an XA transaction is of "
                        "%zu bytes",
                        id.len);
    memcpy(tx->xa_id, id.ptr, id.len);
    tx->xa_id[id.len] = '\0';
    tx->open = true;
    tx->xa = true;
    return STEP_ON;
}

/* Of a statement that is no part of how transactions are told. */
static int effect_take(struct changes *changes, enum statement_kind kind, const struct named *named,
                       struct rnl_error *err)
{
    if (changes->tx.skipped)
        return STEP_ON;
    switch (kind) {
    case STATEMENT_TRUNCATE:
        return named->followed ? truncate_add(changes, named->followed, err) : STEP_ON;
    case STATEMENT_ROWS:
        return named->ours || is_our_schema(changes, named->schema) ? rows_refuse(changes, err)
                                                                    : STEP_ON;
    default:
        return STEP_ON;
    }
}

int statement_take(struct changes *changes, struct rnl_error *err)
{
    const struct binlog_query *query = &changes->event.query;
    struct statement statement = {
        .text = query->text,
        .ansi_quotes = query->sql_mode & BINLOG_SQL_MODE_ANSI_QUOTES,
        .no_escapes = query->sql_mode & BINLOG_SQL_MODE_NO_BACKSLASH_ESCAPES,
    };
    char schema[STATEMENT_NAME_MAX];
    struct named named = {.changes = changes, .schema = schema};
    struct transaction *tx = &changes->tx;
    enum statement_kind kind;
    int status;

    snprintf(schema, sizeof(schema), "%.*s",
             (int)(query->schema.len < 300 ? query->schema.len : 300),
             query->schema.len ? (const char *)query->schema.ptr : "");
    kind = statement_read(&statement, name_take, &named);
    switch (kind) {
    case STATEMENT_BEGIN:
        tx->open = true;
        return STEP_ON;
    case STATEMENT_COMMIT:
        return transaction_commit(changes, err);
    case STATEMENT_ROLLBACK:
        return tx->rows ? rollback_refuse(err) : transaction_end(changes, err);
    case STATEMENT_ROLLBACK_TO:
        return tx->rows || tx->spool ? rollback_refuse(err) : STEP_ON;
    case STATEMENT_XA_START:
        return xa_start(changes, statement.rest, err);
    case STATEMENT_XA_END:
        return STEP_ON;
    case STATEMENT_XA_COMMIT:
    case STATEMENT_XA_ROLLBACK:
        return xa_end(changes, statement.rest, kind == STATEMENT_XA_COMMIT, err);
    case STATEMENT_DDL:
    case STATEMENT_DROP_DATABASE:
        if (tx->skipped || !named.ours)
            return tx->open ? STEP_ON : transaction_end(changes, err);
        return altered_take(changes, &statement, schema, kind == STATEMENT_DROP_DATABASE, err);
    default:
        status = effect_take(changes, kind, &named, err);
        return status || tx->open ? status : transaction_end(changes, err);
    }
}
