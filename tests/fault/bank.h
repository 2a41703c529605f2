/* The bank: money that only moves, and a ledger that names each transfer. */
#ifndef BANK_H
#define BANK_H

#include "client.h"
#include <stdatomic.h>
#include <stdio.h>

enum { BANK_DEPOSIT = 1000, BANK_PENDING = 32 };

/* Shared by all threads; what isn't constant is atomic or has its own lock. */
struct bank {
    const char *url;
    long accounts;
    unsigned writers;
    unsigned note_bytes;  /* of an account's text, which few transactions touch */
    double rate;          /* transactions a second, all writers together; 0: as fast as it goes */
    FILE *acks;           /* what became of each transfer, a line each: "ok WRITER SERIAL" */
    atomic_bool stopping; /* set from a signal */
    atomic_llong ok, rolled; /* transfers */
    atomic_llong unknown, transactions, refused;
};

/* One thread and its connection. */
struct writer {
    struct bank *bank;
    struct client *client;
    unsigned number;
    unsigned random;                 /* state of rand_r() */
    long long serial;                /* of the last transfer tried: a number is never used twice */
    long long pot;                   /* key of its own pot, as last committed */
    long long new_pot;               /* by the transaction under way */
    long long pending[BANK_PENDING]; /* serials that live or die with it */
    size_t npending;
};

/* Makes the tables and the accounts anew. 0, or -1 with words on stderr. */
int bank_make(struct bank *bank);

/* One transaction of a kind drawn at random, told to bank->acks. CLIENT_LOST: connect anew. */
enum client_end work_once(struct writer *writer);
/* What a new connection must know. */
enum client_end work_resume(struct writer *writer);

/* Each transfer acknowledged is in the ledger once, none that was undone: 0, else 1, with their
 * names. */
int check_ledger(struct bank *bank, const char *acks);

/* The sum of all money, in one statement. */
extern const char bank_sum[];

#endif
