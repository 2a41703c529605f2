/* Keys of the API: made, kept as hashes, checked. */
#include "keys.h"

#include "secret.h"
#include "store.h"
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

/* rnl_<id>_<secret>: 8 and 43 digits of base 62, which hold 47 and 256 bits. */
enum { ID_LENGTH = 8, SECRET_LENGTH = 43, TEXT_LENGTH = 4 + ID_LENGTH + 1 + SECRET_LENGTH };

#define USED_S 60 /* how exactly the time of the last use is kept */

static const char *const scope_names[NSCOPES] = {"read",  "operate", "write",
                                                 "admin", "metrics", "data"};

unsigned scope_parse(const char *word, size_t len)
{
    for (unsigned i = 0; i < NSCOPES; i++)
        if (strlen(scope_names[i]) == len && strncmp(scope_names[i], word, len) == 0)
            return 1u << i;
    return 0;
}

const char *scope_name(unsigned scope)
{
    for (unsigned i = 0; i < NSCOPES; i++)
        if (scope == 1u << i)
            return scope_names[i];
    return "";
}

void key_clear(struct key *key)
{
    json_decref(key->pipelines);
    key->pipelines = NULL;
}

bool key_may_pipeline(const struct key *key, const char *pipeline)
{
    const json_t *pattern;
    size_t i;

    if (!key->pipelines)
        return true;
    json_array_foreach(key->pipelines, i, pattern)
    {
        if (fnmatch(json_string_value(pattern), pipeline, 0) == 0)
            return true;
    }
    return false;
}

static json_t *scopes_json(unsigned scopes)
{
    json_t *all = json_array();

    for (unsigned i = 0; i < NSCOPES; i++)
        if (scopes & (1u << i))
            json_array_append_new(all, json_string(scope_names[i]));
    return all;
}

json_t *key_json(const struct key *key)
{
    return json_pack("{s:s,s:s,s:o,s:O?,s:i}", "id", key->id, "name", key->name, "scopes",
                     scopes_json(key->scopes), "pipelines", key->pipelines, "rate_per_s",
                     (int)key->rate_per_s);
}

/* --- texts ------------------------------------------------------------------------------------ */

/* Digits of base 62, each as likely as any other. */
static bool digits(char *out, size_t count)
{
    static const char all[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    uint8_t bytes[64];
    size_t n = 0;

    while (n < count) {
        if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
            return false;
        for (size_t i = 0; i < sizeof(bytes) && n < count; i++)
            if (bytes[i] < 248) /* 4 × 62 */
                out[n++] = all[bytes[i] % 62];
    }
    out[count] = '\0';
    secret_wipe(bytes, sizeof(bytes));
    return true;
}

static bool text_make(const char *id, char *text)
{
    memcpy(text, "rnl_", 4);
    memcpy(text + 4, id, ID_LENGTH);
    text[4 + ID_LENGTH] = '_';
    return digits(text + 5 + ID_LENGTH, SECRET_LENGTH);
}

/* The id within; false: it has another form. */
static bool text_id(const char *text, char *id)
{
    if (strlen(text) != TEXT_LENGTH || strncmp(text, "rnl_", 4) != 0 || text[4 + ID_LENGTH] != '_')
        return false;
    memcpy(id, text + 4, ID_LENGTH);
    id[ID_LENGTH] = '\0';
    return true;
}

static void hash_of(const char *text, uint8_t *hash)
{
    SHA256((const uint8_t *)text, strlen(text), hash);
}

/* --- statements ------------------------------------------------------------------------------- */

static int prepare(struct store *store, sqlite3 *db, const char *sql, sqlite3_stmt **statement,
                   struct rnl_error *err)
{
    return sqlite3_prepare_v2(db, sql, -1, statement, NULL) == SQLITE_OK
               ? RNL_OK
               : store_fail(store, "the keys", err);
}

static void bind_text(sqlite3_stmt *statement, int at, const char *text)
{
    if (text)
        sqlite3_bind_text(statement, at, text, -1, SQLITE_TRANSIENT);
}

static void bind_hash(sqlite3_stmt *statement, int at, const uint8_t *hash)
{
    sqlite3_bind_blob(statement, at, hash, SHA256_DIGEST_LENGTH, SQLITE_TRANSIENT);
}

/* One that gives no rows; *changed: how many it has changed. */
static int finish(struct store *store, sqlite3 *db, sqlite3_stmt *statement, int *changed,
                  struct rnl_error *err)
{
    int status = RNL_OK;

    if (sqlite3_step(statement) != SQLITE_DONE)
        status = store_fail(store, "writing the keys", err);
    else if (changed)
        *changed = sqlite3_changes(db);
    sqlite3_finalize(statement);
    return status;
}

/* --- checking --------------------------------------------------------------------------------- */

/* How often each was used within this second, of this process. */
static struct {
    pthread_mutex_t lock;
    struct {
        char id[16];
        int64_t second;
        uint32_t count;
    } uses[256];
} rates = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool is_too_fast(const struct key *key, int64_t now_s)
{
    uint32_t slot = 0;
    bool fast;

    if (key->rate_per_s == 0)
        return false;
    for (const char *at = key->id; *at; at++)
        slot = slot * 31 + (uint8_t)*at;
    slot %= 256;
    pthread_mutex_lock(&rates.lock);
    if (rates.uses[slot].second != now_s || strcmp(rates.uses[slot].id, key->id) != 0) {
        rates.uses[slot].second = now_s;
        rates.uses[slot].count = 0;
        memcpy(rates.uses[slot].id, key->id, sizeof(key->id));
    }
    fast = ++rates.uses[slot].count > key->rate_per_s;
    pthread_mutex_unlock(&rates.lock);
    return fast;
}

struct kept_key {
    struct key key;
    uint8_t hash[SHA256_DIGEST_LENGTH], old_hash[SHA256_DIGEST_LENGTH];
    int64_t old_until_s, expires_s, used_s;
    bool revoked, found;
};

static void take_hash(sqlite3_stmt *row, int column, uint8_t *hash)
{
    if (sqlite3_column_bytes(row, column) == SHA256_DIGEST_LENGTH)
        memcpy(hash, sqlite3_column_blob(row, column), SHA256_DIGEST_LENGTH);
}

static void take_row(sqlite3_stmt *row, struct kept_key *kept)
{
    const char *pipelines = (const char *)sqlite3_column_text(row, 5);

    kept->found = true;
    snprintf(kept->key.name, sizeof(kept->key.name), "%s",
             (const char *)sqlite3_column_text(row, 0));
    take_hash(row, 1, kept->hash);
    take_hash(row, 2, kept->old_hash);
    kept->old_until_s = sqlite3_column_int64(row, 3);
    kept->key.scopes = (unsigned)sqlite3_column_int(row, 4) & SCOPES_ALL;
    kept->key.pipelines = pipelines ? json_loads(pipelines, 0, NULL) : NULL;
    if (pipelines && !kept->key.pipelines)
        kept->key.pipelines = json_array(); /* what can't be read allows nothing */
    kept->key.rate_per_s = (uint32_t)sqlite3_column_int(row, 6);
    kept->expires_s = sqlite3_column_int64(row, 7);
    kept->used_s = sqlite3_column_int64(row, 8);
    kept->revoked = sqlite3_column_type(row, 9) != SQLITE_NULL;
}

static int look_up(struct store *store, struct kept_key *kept, struct rnl_error *err)
{
    sqlite3 *db = store_enter(store);
    sqlite3_stmt *ask;
    int status = prepare(store, db,
                         "select name, hash, old_hash, old_until_s, scopes, pipelines, rate_per_s,"
                         " expires_s, used_s, revoked_s from keys where id = ?",
                         &ask, err);

    if (status == RNL_OK) {
        int step;

        bind_text(ask, 1, kept->key.id);
        step = sqlite3_step(ask);
        if (step == SQLITE_ROW)
            take_row(ask, kept);
        else if (step != SQLITE_DONE)
            status = store_fail(store, "reading the keys", err);
        sqlite3_finalize(ask);
    }
    store_leave(store);
    return status;
}

/* That it couldn't be written down is no reason to refuse. */
static void note_use(struct store *store, const struct kept_key *kept, int64_t now_s)
{
    struct rnl_error unheard = RNL_ERROR_INIT;
    sqlite3_stmt *set;
    sqlite3 *db;

    if (now_s - kept->used_s < USED_S)
        return;
    db = store_enter(store);
    if (prepare(store, db, "update keys set used_s = ? where id = ?", &set, &unheard) == RNL_OK) {
        sqlite3_bind_int64(set, 1, now_s);
        bind_text(set, 2, kept->key.id);
        finish(store, db, set, NULL, &unheard);
    }
    store_leave(store);
}

static int judge(struct kept_key *kept, const char *text, int64_t now_s, struct rnl_error *err)
{
    uint8_t hash[SHA256_DIGEST_LENGTH];
    bool same, old;

    hash_of(text, hash);
    same = CRYPTO_memcmp(hash, kept->hash, sizeof(hash)) == 0;
    old = CRYPTO_memcmp(hash, kept->old_hash, sizeof(hash)) == 0 && now_s < kept->old_until_s;
    if (!kept->found || kept->revoked || (!same && !old))
        return rnl_fail(err, RNL_E_CONFIG, "key.unknown", "the key isn't known, or was revoked");
    if (kept->expires_s && now_s >= kept->expires_s)
        return rnl_fail(err, RNL_E_CONFIG, "key.expired", "the key has expired");
    if (is_too_fast(&kept->key, now_s))
        return rnl_fail(err, RNL_E_CONFIG, "key.rate",
                        "the key is used more than %u times a second", kept->key.rate_per_s);
    return RNL_OK;
}

int keys_check(struct store *store, const char *text, struct key *key, struct rnl_error *err)
{
    struct kept_key kept = {0};
    int64_t now_s = time(NULL);
    int status;

    *key = (struct key){0};
    if (!text_id(text, kept.key.id)) /* looked for all the same: it takes as long */
        memset(kept.key.id, '-', ID_LENGTH);
    status = look_up(store, &kept, err);
    if (status == RNL_OK)
        status = judge(&kept, text, now_s, err);
    if (status == RNL_OK) {
        note_use(store, &kept, now_s);
        *key = kept.key;
    } else
        key_clear(&kept.key);
    return status;
}

/* --- making and ending ------------------------------------------------------------------------ */

static int insert(struct store *store, const char *id, const char *text,
                  const struct key_wish *wish, int64_t now_s, struct rnl_error *err)
{
    char *pipelines = wish->pipelines ? json_dumps(wish->pipelines, JSON_COMPACT) : NULL;
    uint8_t hash[SHA256_DIGEST_LENGTH];
    sqlite3 *db = store_enter(store);
    sqlite3_stmt *set;
    int status = prepare(store, db,
                         "insert into keys (id, name, hash, scopes, pipelines, rate_per_s,"
                         " created_s, expires_s) values (?, ?, ?, ?, ?, ?, ?, ?)",
                         &set, err);

    if (status == RNL_OK) {
        hash_of(text, hash);
        bind_text(set, 1, id);
        bind_text(set, 2, wish->name);
        bind_hash(set, 3, hash);
        sqlite3_bind_int(set, 4, (int)wish->scopes);
        bind_text(set, 5, pipelines);
        sqlite3_bind_int64(set, 6, wish->rate_per_s);
        sqlite3_bind_int64(set, 7, now_s);
        if (wish->expires_in_s)
            sqlite3_bind_int64(set, 8, now_s + wish->expires_in_s);
        status = finish(store, db, set, NULL, err);
    }
    store_leave(store);
    free(pipelines);
    return status;
}

static char *text_new(char *id, bool fresh_id)
{
    char *text = calloc(1, TEXT_LENGTH + 1);

    if (text && (!fresh_id || digits(id, ID_LENGTH)) && text_make(id, text))
        return text;
    free(text);
    return NULL;
}

static void text_free(char **text)
{
    if (*text)
        secret_wipe(*text, strlen(*text));
    free(*text);
    *text = NULL;
}

static json_t *text_or_null(sqlite3_stmt *row, int column)
{
    const char *text = (const char *)sqlite3_column_text(row, column);

    return text ? json_string(text) : json_null();
}

static json_t *row_json(sqlite3_stmt *row)
{
    const char *pipelines = (const char *)sqlite3_column_text(row, 3);

    return json_pack(
        "{s:s,s:s,s:o,s:o,s:I,s:o,s:o,s:o,s:o}", "id", sqlite3_column_text(row, 0), "name",
        sqlite3_column_text(row, 1), "scopes", scopes_json((unsigned)sqlite3_column_int(row, 2)),
        "pipelines", pipelines ? json_loads(pipelines, 0, NULL) : json_null(), "rate_per_s",
        (json_int_t)sqlite3_column_int64(row, 4), "created", text_or_null(row, 5), "expires",
        text_or_null(row, 6), "last_used", text_or_null(row, 7), "revoked", text_or_null(row, 8));
}

/* Times as RFC 3339 has them. */
#define TIME_OF(column) "strftime('%Y-%m-%dT%H:%M:%SZ', " column ", 'unixepoch')"
#define ROWS                                                                              \
    "select id, name, scopes, pipelines, rate_per_s, " TIME_OF("created_s") ", " TIME_OF( \
        "expires_s") ", " TIME_OF("used_s") ", " TIME_OF("revoked_s") " from keys"

/* Of one id, or NULL: all. */
static json_t *rows_json(struct store *store, const char *id, struct rnl_error *err)
{
    sqlite3 *db = store_enter(store);
    json_t *all = json_array();
    sqlite3_stmt *ask = NULL;
    int step = SQLITE_DONE,
        status = prepare(store, db, id ? ROWS " where id = ?" : ROWS " order by id", &ask, err);

    if (status == RNL_OK)
        bind_text(ask, 1, id);
    while (status == RNL_OK && (step = sqlite3_step(ask)) == SQLITE_ROW)
        json_array_append_new(all, row_json(ask));
    if (status == RNL_OK && step != SQLITE_DONE)
        status = store_fail(store, "reading the keys", err);
    sqlite3_finalize(ask); /* NULL where it couldn't be prepared */
    store_leave(store);
    if (status == RNL_OK)
        return all;
    json_decref(all);
    return NULL;
}

json_t *keys_all(struct store *store, struct rnl_error *err)
{
    return rows_json(store, NULL, err);
}

int keys_create(struct store *store, const struct key_wish *wish, char **text, json_t **key,
                struct rnl_error *err)
{
    char id[ID_LENGTH + 1];
    json_t *rows = NULL;

    *key = NULL;
    *text = text_new(id, true);
    if (!*text)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory or random bits");
    if (insert(store, id, *text, wish, time(NULL), err) == RNL_OK)
        rows = rows_json(store, id, err);
    if (!rows) {
        text_free(text);
        return err->status;
    }
    *key = json_incref(json_array_get(rows, 0));
    json_decref(rows);
    return RNL_OK;
}

static int none(const char *id, struct rnl_error *err)
{
    rnl_fail(err, RNL_E_CONFIG, "key.none", "there is no key %.40s, or it was revoked", id);
    rnl_hint(err, "runnel keys list shows them");
    return err->status;
}

int keys_revoke(struct store *store, const char *id, struct rnl_error *err)
{
    sqlite3 *db = store_enter(store);
    sqlite3_stmt *set;
    int changed = 0, status = prepare(store, db,
                                      "update keys set revoked_s = ?, old_hash = null "
                                      "where id = ? and revoked_s is null",
                                      &set, err);

    if (status == RNL_OK) {
        sqlite3_bind_int64(set, 1, time(NULL));
        bind_text(set, 2, id);
        status = finish(store, db, set, &changed, err);
    }
    store_leave(store);
    return status == RNL_OK && changed == 0 ? none(id, err) : status;
}

int keys_rotate(struct store *store, const char *id, int64_t grace_s, char **text,
                struct rnl_error *err)
{
    uint8_t hash[SHA256_DIGEST_LENGTH];
    char same[ID_LENGTH + 1] = "";
    sqlite3_stmt *set;
    sqlite3 *db;
    int changed = 0, status;

    *text = NULL;
    if (strlen(id) != ID_LENGTH)
        return none(id, err);
    memcpy(same, id, ID_LENGTH);
    *text = text_new(same, false);
    if (!*text)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory or random bits");
    hash_of(*text, hash);
    db = store_enter(store);
    status = prepare(store, db,
                     "update keys set old_hash = hash, old_until_s = ?, hash = ? "
                     "where id = ? and revoked_s is null",
                     &set, err);
    if (status == RNL_OK) {
        sqlite3_bind_int64(set, 1, time(NULL) + grace_s);
        bind_hash(set, 2, hash);
        bind_text(set, 3, id);
        status = finish(store, db, set, &changed, err);
    }
    store_leave(store);
    if (status == RNL_OK && changed == 0)
        status = none(id, err);
    if (status != RNL_OK)
        text_free(text);
    return status;
}

/* --- the first -------------------------------------------------------------------------------- */

static int write_first(const char *path, const char *text, struct rnl_error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool written = fd >= 0 && dprintf(fd, "%s\n", text) > 0 && fsync(fd) == 0;

    if (fd >= 0)
        close(fd);
    return written ? RNL_OK
                   : rnl_fail(err, RNL_E_CONFIG, "key.first", "%s can't be written: %s", path,
                              strerror(errno));
}

/* Nobody knows it: the next start makes another. */
static void forget(struct store *store, const char *id)
{
    struct rnl_error unheard = RNL_ERROR_INIT;
    sqlite3 *db = store_enter(store);
    sqlite3_stmt *set;

    if (prepare(store, db, "delete from keys where id = ?", &set, &unheard) == RNL_OK) {
        bind_text(set, 1, id);
        finish(store, db, set, NULL, &unheard);
    }
    store_leave(store);
}

int keys_first(struct store *store, const char *state_dir, struct rnl_error *err)
{
    const struct key_wish wish = {.name = "first", .scopes = SCOPES_ALL};
    json_t *all = keys_all(store, err), *key;
    bool none_yet = all && json_array_size(all) == 0;
    char path[4096], *text;
    int status;

    json_decref(all);
    if (!all)
        return err->status;
    if (!none_yet)
        return RNL_OK;
    if (keys_create(store, &wish, &text, &key, err) != RNL_OK)
        return err->status;
    snprintf(path, sizeof(path), "%s/first.key", state_dir);
    status = write_first(path, text, err);
    if (status == RNL_OK)
        log_write(RNL_LOG_INFO, "api", "the first key, which may do everything, stands in %s",
                  path);
    else
        forget(store, json_string_value(json_object_get(key, "id")));
    json_decref(key);
    text_free(&text);
    return status;
}
