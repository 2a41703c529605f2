/* The bank's transactions: transfers and all else that rows and transactions may do. */
#include "bank.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DO(call)                            \
    do {                                    \
        enum client_end end_of_it = (call); \
        if (end_of_it != CLIENT_OK)         \
            return end_of_it;               \
    } while (0)

static unsigned draw(struct writer *w, unsigned below)
{
    return (unsigned)rand_r(&w->random) % below;
}

/* A change of no row is a refusal, too: what the bank counts on isn't there just now. */
__attribute__((format(printf, 2, 3))) static enum client_end change(struct writer *w,
                                                                    const char *format, ...)
{
    char sql[1024];
    long long rows = 0;
    va_list args;
    va_start(args, format);
    vsnprintf(sql, sizeof sql, format, args);
    va_end(args);
    DO(client_run(w->client, sql, &rows));
    return rows > 0 ? CLIENT_OK : CLIENT_REFUSED;
}

static enum client_end run(struct writer *w, const char *sql)
{
    return client_run(w->client, sql, NULL);
}

/* --- what became of transfers ------------------------------------------------------------------*/

static void tell(struct writer *w, const char *what, long long serial, atomic_llong *count)
{
    if (w->bank->acks)
        fprintf(w->bank->acks, "%s %u %lld\n", what, w->number, serial);
    atomic_fetch_add(count, 1);
}

static void tell_pending(struct writer *w, const char *what, atomic_llong *count)
{
    for (size_t i = 0; i < w->npending; i++)
        tell(w, what, w->pending[i], count);
    w->npending = 0;
}

/* --- parts of transactions ---------------------------------------------------------------------*/

static enum client_end move_money(struct writer *w, long account, long amount)
{
    if (draw(w, 50) > 0)
        return change(w,
                      "UPDATE accounts SET balance = balance + (%ld), version = version + 1 "
                      "WHERE id = %ld",
                      amount, account);
    return change(w,
                  "UPDATE accounts SET balance = balance + (%ld), version = version + 1, "
                  "note = repeat('%08x', %u) WHERE id = %ld",
                  amount, draw(w, RAND_MAX), 1 + draw(w, w->bank->note_bytes / 4 + 1), account);
}

static enum client_end write_ledger(struct writer *w, long from, long to, long amount)
{
    long long serial = ++w->serial;
    if (w->npending == BANK_PENDING)
        abort();
    w->pending[w->npending++] = serial;
    DO(change(w,
              "INSERT INTO transfers (writer, serial, giver, taker, amount, made) "
              "VALUES (%u, %lld, %ld, %ld, %ld, CURRENT_TIMESTAMP(6))",
              w->number, serial, from, to, amount));
    DO(change(w, "INSERT INTO audit (writer, serial, what) VALUES (%u, %lld, 'transfer')",
              w->number, serial));
    if (draw(w, 10) == 0) /* the very same row once more */
        DO(change(w, "INSERT INTO audit (writer, serial, what) VALUES (%u, %lld, 'transfer')",
                  w->number, serial));
    return CLIENT_OK;
}

/* In the order of keys, so that two writers seldom wait for each other in a circle. */
static enum client_end transfer(struct writer *w)
{
    unsigned accounts = (unsigned)w->bank->accounts;
    long from = 1 + (long)draw(w, accounts);
    long to = 1 + (from + (long)draw(w, accounts - 1)) % w->bank->accounts;
    long amount = 1 + (long)draw(w, 100);
    long first = from < to ? from : to, second = from < to ? to : from;
    DO(move_money(w, first, first == from ? -amount : amount));
    DO(move_money(w, second, second == from ? -amount : amount));
    return write_ledger(w, from, to, amount);
}

static enum client_end transfer_some(struct writer *w)
{
    for (unsigned n = 2 + draw(w, 9); n > 0; n--)
        DO(transfer(w));
    return CLIENT_OK;
}

/* A part of it never was. */
static enum client_end transfer_with_savepoint(struct writer *w)
{
    DO(transfer(w));
    DO(run(w, "SAVEPOINT half"));
    DO(transfer(w));
    long long undone = w->pending[w->npending - 1];
    DO(run(w, "ROLLBACK TO SAVEPOINT half"));
    w->npending--;
    tell(w, "rolled", undone, &w->bank->rolled);
    return transfer(w);
}

/* The account is closed and opened anew under its number: a delete and an insert of one key. */
static enum client_end reopen(struct writer *w)
{
    char sql[128], balance[32];
    long account = 1 + (long)draw(w, (unsigned)w->bank->accounts);
    snprintf(sql, sizeof sql, "SELECT balance FROM accounts WHERE id = %ld FOR UPDATE", account);
    DO(client_ask(w->client, sql, balance, sizeof balance));
    if (!balance[0])
        return CLIENT_REFUSED;
    DO(change(w, "DELETE FROM accounts WHERE id = %ld", account));
    return change(w,
                  "INSERT INTO accounts (id, owner, balance, version, note) "
                  "VALUES (%ld, 'owner %x', %s, 0, repeat('new ', %u))",
                  account, draw(w, RAND_MAX), balance, 1 + draw(w, w->bank->note_bytes / 4 + 1));
}

/* Money into the writer's own pot, whose key changes with it. */
static enum client_end fill_pot(struct writer *w)
{
    long account = 1 + (long)draw(w, (unsigned)w->bank->accounts);
    long amount = 1 + (long)draw(w, 20);
    w->new_pot = w->pot + w->bank->writers;
    DO(change(w, "UPDATE pots SET id = %lld, balance = balance + %ld WHERE id = %lld", w->new_pot,
              amount, w->pot));
    DO(move_money(w, account, -amount));
    return write_ledger(w, account, -(long)w->number, amount);
}

/* Two rows change places in a unique column. */
static enum client_end swap_seats(struct writer *w)
{
    char sql[96], seat[2][32];
    long long first = 2LL * w->number + 1;
    for (int i = 0; i < 2; i++) {
        snprintf(sql, sizeof sql, "SELECT seat FROM seats WHERE id = %lld", first + i);
        DO(client_ask(w->client, sql, seat[i], sizeof seat[i]));
        if (!seat[i][0])
            return CLIENT_REFUSED;
    }
    DO(change(w, "UPDATE seats SET seat = %lld WHERE id = %lld", -first, first));
    DO(change(w, "UPDATE seats SET seat = %s WHERE id = %lld", seat[0], first + 1));
    return change(w, "UPDATE seats SET seat = %s WHERE id = %lld", seat[1], first);
}

/* Rows without a key change and go; that one finds none is all right. */
static enum client_end tidy_audit(struct writer *w)
{
    char sql[160];
    long long serial = w->serial - 1 - draw(w, 20);
    if (draw(w, 3) > 0)
        snprintf(sql, sizeof sql,
                 "UPDATE audit SET what = 'seen' WHERE writer = %u AND serial = %lld", w->number,
                 serial);
    else
        snprintf(sql, sizeof sql, "DELETE FROM audit WHERE writer = %u AND serial = %lld",
                 w->number, serial);
    return run(w, sql);
}

/* --- a transaction -----------------------------------------------------------------------------*/

typedef enum client_end (*work_fn)(struct writer *w);

static work_fn draw_kind(struct writer *w, bool *commit)
{
    unsigned n = draw(w, 100);
    *commit = true;
    if (n < 50)
        return transfer;
    if (n < 60)
        return transfer_some;
    if (n < 67) {
        *commit = false;
        return transfer_some;
    }
    if (n < 74)
        return transfer_with_savepoint;
    if (n < 80)
        return reopen;
    if (n < 87)
        return fill_pot;
    return n < 92 ? swap_seats : tidy_audit;
}

static enum client_end give_up(struct writer *w)
{
    enum client_end end = run(w, "ROLLBACK");
    w->new_pot = w->pot;
    tell_pending(w, "rolled", &w->bank->rolled);
    return end;
}

/* A connection that breaks before COMMIT is sent takes the transaction with it; after it, who
 * knows. */
enum client_end work_once(struct writer *w)
{
    bool commit;
    work_fn kind = draw_kind(w, &commit);
    w->npending = 0;
    w->new_pot = w->pot;
    enum client_end end = run(w, "BEGIN");
    if (end == CLIENT_OK)
        end = kind(w);
    if (end == CLIENT_OK && commit) {
        end = run(w, "COMMIT");
        if (end == CLIENT_OK) {
            w->pot = w->new_pot;
            tell_pending(w, "ok", &w->bank->ok);
            atomic_fetch_add(&w->bank->transactions, 1);
            return CLIENT_OK;
        }
        if (end == CLIENT_LOST) {
            tell_pending(w, "unknown", &w->bank->unknown);
            return CLIENT_LOST;
        }
    }
    if (end == CLIENT_REFUSED)
        atomic_fetch_add(&w->bank->refused, 1);
    if (end != CLIENT_LOST)
        return give_up(w);
    tell_pending(w, "rolled", &w->bank->rolled);
    return CLIENT_LOST;
}

enum client_end work_resume(struct writer *w)
{
    char sql[96], answer[32];
    snprintf(sql, sizeof sql, "SELECT id FROM pots WHERE writer = %u", w->number);
    DO(client_ask(w->client, sql, answer, sizeof answer));
    w->pot = atoll(answer);
    if (w->serial == 0)
        w->serial = (long long)time(NULL) * 1000000;
    return CLIENT_OK;
}
