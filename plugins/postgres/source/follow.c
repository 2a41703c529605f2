/* Makes what following needs on the server, finds it again in later runs, and takes it away. */
#include "follow.h"

#include "ident.h"

#include <sys/eventfd.h>
#include <unistd.h>

#define NAME_ROOM 48 /* of an identifier's 63: others are made of it */

/* Slots take lower-case letters, digits and "_" alone; what was changed gets a hash. */
static void name_make(const char *pipeline, char out[IDENT_ROOM])
{
    static const struct ident_rule rule = {NAME_ROOM, false, true};
    char plain[256];
    size_t len = 0;
    bool same = true;

    for (const char *at = pipeline; *at && len < sizeof(plain) - 1; at++) {
        bool fits = (*at >= 'a' && *at <= 'z') || (*at >= '0' && *at <= '9') || *at == '_';

        plain[len++] = fits ? *at : '_';
        same = same && fits;
    }
    plain[len] = '\0';
    if (same)
        ident_cut(&rule, plain, out);
    else
        ident_cut_hashed(&rule, plain, pipeline, out);
}

static void names_choose(struct pg_source *source, struct follow *f, const char *pipeline)
{
    const struct source_config *config = source->server.ctx->config;
    char whole[300], name[IDENT_ROOM];

    snprintf(whole, sizeof(whole), "runnel_%s", pipeline);
    name_make(whole, name);
    f->own_slot = !config->slot || !*config->slot;
    f->own_publication = !config->publication || !*config->publication;
    snprintf(f->slot, sizeof(f->slot), "%.63s", f->own_slot ? name : config->slot);
    snprintf(f->publication, sizeof(f->publication), "%.63s",
             f->own_publication ? name : config->publication);
    snprintf(f->inserts, sizeof(f->inserts), "%.*s_inserts", NAME_ROOM, name);
}

void follow_free(struct pg_source *source)
{
    struct follow *f = source->follow;

    if (!f)
        return;
    conn_close(f->maker);
    arena_free(&f->arena);
    arena_free(&f->notes.arena);
    if (f->wake >= 0)
        close(f->wake);
    pthread_mutex_destroy(&f->lock);
    pthread_mutex_destroy(&f->catalog_lock);
    free(f);
    source->follow = NULL;
}

static int follow_new(struct pg_source *source, const char *pipeline,
                      const struct rnl_catalog *catalog, struct rnl_error *err)
{
    struct follow *f = calloc(1, sizeof(*f));

    if (!f)
        return error_memory(err);
    source->follow = f;
    pthread_mutex_init(&f->lock, NULL);
    pthread_mutex_init(&f->catalog_lock, NULL);
    f->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    f->ntables = catalog ? source->server.host->table_count(catalog) : 0;
    f->inserts_only = arena_alloc(&f->arena, (f->ntables + 1) * sizeof(*f->inserts_only));
    if (f->wake < 0 || !f->inserts_only)
        return error_memory(err);
    names_choose(source, f, pipeline);
    return RNL_OK;
}

int follow_trouble(struct follow *f, struct rnl_error *err)
{
    int status;

    pthread_mutex_lock(&f->lock);
    status = f->trouble.status;
    if (status != RNL_OK)
        *err = f->trouble;
    pthread_mutex_unlock(&f->lock);
    return status;
}

/* The publication stands before the slot: the server looks for it at each place of its log. */
static int follow_begin(struct pg_source *source, struct follow *f,
                        const struct rnl_catalog *catalog, struct rnl_error *err)
{
    uint64_t confirmed;
    int status = f->own_slot ? slot_drop(source, f->slot, err) : RNL_OK;

    if (status == RNL_OK && f->own_publication)
        status = publication_make(source, f, catalog, err);
    if (status == RNL_OK)
        status = publication_check(source, f, catalog, err);
    if (status != RNL_OK)
        return status;
    if (!f->own_slot)
        return slot_check(source->control, f, &confirmed, err);
    status = slot_make(source, f, f->slot, false, err);
    if (status != RNL_OK && f->own_publication) {
        struct rnl_error ignored = RNL_ERROR_INIT;

        publication_drop(source, f, &ignored);
    }
    return status;
}

static int follow_again(struct pg_source *source, struct follow *f,
                        const struct rnl_catalog *catalog, struct rnl_error *err)
{
    uint64_t confirmed;
    int status = slot_check(source->control, f, &confirmed, err);

    if (status == RNL_OK && f->own_publication)
        status = publication_extend(source, f, catalog, err);
    return status == RNL_OK ? publication_check(source, f, catalog, err) : status;
}

int source_follow(void *self, const char *pipeline, const struct rnl_catalog *catalog,
                  bool resuming, struct rnl_error *err)
{
    struct pg_source *source = self;
    struct follow *f;
    int status;

    follow_free(source);
    status = follow_new(source, pipeline, catalog, err);
    f = source->follow;
    if (status == RNL_OK)
        status = follow_check_server(source, f, !resuming && f->own_slot, err);
    if (status == RNL_OK)
        status = follow_check_tables(source, f, catalog, err);
    if (status == RNL_OK)
        status = resuming ? follow_again(source, f, catalog, err)
                          : follow_begin(source, f, catalog, err);
    if (status == RNL_OK)
        status = notes_take(source, f, err);
    if (status != RNL_OK)
        follow_free(source);
    return status;
}

int source_unfollow(void *self, const char *pipeline, struct rnl_error *err)
{
    struct pg_source *source = self;
    int status;

    follow_free(source);
    status = follow_new(source, pipeline, NULL, err);
    if (status == RNL_OK && source->follow->own_slot)
        status = slot_drop(source, source->follow->slot, err);
    if (status == RNL_OK && source->follow->own_publication)
        status = publication_drop(source, source->follow, err);
    follow_free(source);
    return status;
}
