/* Tests of plugins/file, through its functions as the host calls them. */
#include "secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <runnel/plugin.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* As the plugin declares its options, in the order of its table. */
struct file_config {
    const char *path;
    const char *key_file;
    const struct rnl_secret *passphrase;
    bool create;
};

struct rnl_names {
    char text[1024]; /* joined by spaces */
};

static const struct rnl_secrets_ops *ops;
static char folder[] = "/tmp/test-secrets-XXXXXX";
static char store_path[64], key_path[64];

static int names_add(struct rnl_names *names, const char *name, struct rnl_error *err)
{
    size_t used = strlen(names->text);

    (void)err;
    snprintf(names->text + used, sizeof(names->text) - used, "%s ", name);
    return RNL_OK;
}

static const struct rnl_host host = {
    .size = sizeof(host),
    .secret_text = secret_text,
    .secret_set = secret_set,
    .name_add = names_add,
};

static struct rnl_ctx context(const struct file_config *config)
{
    return (struct rnl_ctx){&host, "secrets/file", config};
}

/* A store in the test's folder; fresh: whatever was there is gone. */
static void store_remove(void)
{
    static const char *const names[] = {"store",     "store.lock",    "store.new",
                                        "store.key", "store.key.new", "store.key.tmp"};
    char path[PATH_MAX];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
}

static struct rnl_error last; /* of try_open */

static int try_open(const struct rnl_ctx *ctx, void **self, const char **code)
{
    int status;

    last = (struct rnl_error)RNL_ERROR_INIT;
    *self = NULL;
    status = ops->open(ctx, self, &last);
    *code = status == RNL_OK ? "" : last.code;
    return status;
}

static void put(void *self, const char *path, const char *field, const char *text)
{
    struct rnl_secret *secret = secret_new();
    struct rnl_error err = RNL_ERROR_INIT;

    assert_int_equal(secret_set(secret, (struct rnl_slice){text, strlen(text)}, 0, &err), RNL_OK);
    if (ops->write(self, path, field, secret, &err) != RNL_OK)
        fail_msg("%s: %s", err.code, err.text);
    secret_free(secret);
}

/* The text of a secret, or the code of the error. */
static const char *get(void *self, const char *path, const char *field)
{
    static char text[256];
    struct rnl_secret *secret = secret_new();
    struct rnl_error err = RNL_ERROR_INIT;
    int status = ops->read(self, path, field, secret, &err);

    snprintf(text, sizeof(text), "%s", status == RNL_OK ? secret_text(secret) : err.code);
    secret_free(secret);
    return text;
}

static size_t file_read(const char *path, unsigned char *bytes, size_t size)
{
    FILE *file = fopen(path, "re");
    size_t length;

    assert_non_null(file);
    length = fread(bytes, 1, size, file);
    fclose(file);
    return length;
}

static void file_write(const char *path, const unsigned char *bytes, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), size);
    close(fd);
}

static void round_trip(void **state)
{
    struct file_config config = {.path = store_path, .create = true};
    struct rnl_ctx ctx = context(&config);
    struct rnl_error err = RNL_ERROR_INIT;
    struct rnl_names names = {0};
    const char *code;
    struct stat stat_;
    void *self;

    (void)state;
    assert_int_equal(try_open(&ctx, &self, &code), RNL_OK);
    put(self, "shop", "password", "geheim");
    put(self, "shop", "", "whole");
    put(self, "a/b c", "x", "1");
    put(self, "shop", "password", "changed");
    put(self, "zoo", "", "\xc3\xa4\xf0\x9f\x98\x80");
    assert_string_equal(get(self, "shop", "password"), "changed");
    assert_string_equal(get(self, "shop", ""), "whole");
    assert_string_equal(get(self, "shop", "user"), "secrets.not_found");
    ops->close(self);

    config.create = false;
    assert_int_equal(try_open(&ctx, &self, &code), RNL_OK);
    assert_string_equal(get(self, "a/b c", "x"), "1");
    assert_string_equal(get(self, "zoo", ""), "\xc3\xa4\xf0\x9f\x98\x80");
    assert_int_equal(ops->list(self, &names, &err), RNL_OK);
    assert_string_equal(names.text, "a/b c#x shop shop#password zoo ");
    assert_int_equal(ops->remove(self, "shop", "", &err), RNL_OK);
    assert_string_equal(get(self, "shop", ""), "secrets.not_found");
    assert_string_equal(get(self, "shop", "password"), "changed");
    assert_int_equal(ops->remove(self, "shop", "", &err), RNL_E_CONFIG);
    assert_string_equal(err.code, "secrets.not_found");
    ops->close(self);

    assert_int_equal(stat(store_path, &stat_), 0);
    assert_int_equal(stat_.st_mode & 07777, 0600);
    assert_int_equal(stat(key_path, &stat_), 0);
    assert_int_equal(stat_.st_mode & 07777, 0600);
    assert_int_equal(stat_.st_size, 32);
}

static void nothing_readable_on_disk(void **state)
{
    struct file_config config = {.path = store_path, .create = true};
    struct rnl_ctx ctx = context(&config);
    unsigned char bytes[4096];
    const char *code;
    size_t length;
    void *self;

    (void)state;
    assert_int_equal(try_open(&ctx, &self, &code), RNL_OK);
    put(self, "canary-name", "", "canary-text");
    ops->close(self);
    length = file_read(store_path, bytes, sizeof(bytes));
    assert_null(memmem(bytes, length, "canary", 6));
}

static void names_are_bounded(void **state)
{
    struct file_config config = {.path = store_path, .create = true};
    struct rnl_ctx ctx = context(&config);
    char letters[257];
    const char *code;
    void *self;

    (void)state;
    memset(letters, 'n', 256);
    letters[256] = '\0';
    assert_int_equal(try_open(&ctx, &self, &code), RNL_OK);
    assert_string_equal(get(self, "", "x"), "secrets.bad_name");
    assert_string_equal(get(self, "a\nb", ""), "secrets.bad_name");
    assert_string_equal(get(self, "a#b", ""), "secrets.bad_name");
    assert_string_equal(get(self, letters, ""), "secrets.bad_name");
    put(self, letters + 1, letters + 1, "long");
    assert_string_equal(get(self, letters + 1, letters + 1), "long");
    ops->close(self);
}

static void many_secrets(void **state)
{
    struct file_config config = {.path = store_path, .create = true};
    struct rnl_ctx ctx = context(&config);
    char path[16], *big = malloc(SECRET_MAX_BYTES + 1);
    struct rnl_secret *secret = secret_new();
    struct rnl_error err = RNL_ERROR_INIT;
    int status = RNL_OK, written;
    const char *code;
    void *self;

    (void)state;
    memset(big, 'b', SECRET_MAX_BYTES);
    assert_int_equal(secret_set(secret, (struct rnl_slice){big, SECRET_MAX_BYTES}, 0, &err),
                     RNL_OK);
    assert_int_equal(try_open(&ctx, &self, &code), RNL_OK);
    for (written = 0; status == RNL_OK && written < 100; written++) {
        snprintf(path, sizeof(path), "p%03d", 100 - written);
        status = ops->write(self, path, "", secret, &err);
    }
    /* 4 MiB hold 63 of 64 KiB with their heads */
    assert_int_equal(written, 64);
    assert_string_equal(err.code, "secrets.full");
    assert_int_equal(ops->read(self, "p100", "", secret, &err), RNL_OK);
    assert_int_equal(secret_length(secret), SECRET_MAX_BYTES);
    ops->close(self);
    secret_free(secret);
    free(big);
}

static void keys_are_told_apart(void **state)
{
    struct file_config config = {.path = store_path, .create = true};
    struct rnl_ctx ctx = context(&config);
    struct rnl_secret *passphrase = secret_new();
    struct rnl_error err = RNL_ERROR_INIT;
    unsigned char before[4096], after[4096], key[32];
    const char *code;
    size_t length;
    void *self;

    (void)state;
    assert_int_equal(try_open(&ctx, &self, &code), RNL_OK);
    put(self, "shop", "", "geheim");
    ops->close(self);
    config.create = false;
    length = file_read(store_path, before, sizeof(before));
    file_read(key_path, key, sizeof(key));

    key[0] ^= 1;
    file_write(key_path, key, 32);
    assert_int_equal(try_open(&ctx, &self, &code), RNL_E_CONFIG);
    assert_string_equal(code, "secrets.wrong_key");
    file_write(key_path, key, 31);
    assert_int_equal(try_open(&ctx, &self, &code), RNL_E_CONFIG);
    assert_string_equal(code, "secrets.bad_key");
    unlink(key_path);
    assert_int_equal(try_open(&ctx, &self, &code), RNL_E_CONFIG);
    assert_string_equal(code, "secrets.no_key");

    assert_int_equal(secret_set(passphrase, (struct rnl_slice){"x", 1}, 0, &err), RNL_OK);
    config.passphrase = passphrase;
    assert_int_equal(try_open(&ctx, &self, &code), RNL_E_CONFIG);
    assert_string_equal(code, "secrets.wrong_key");
    config.key_file = key_path;
    assert_int_equal(try_open(&ctx, &self, &code), RNL_E_CONFIG);
    assert_string_equal(code, "secrets.two_keys");
    config = (struct file_config){.path = store_path, .key_file = key_path};

    key[0] ^= 1;
    file_write(key_path, key, 32);
    chmod(key_path, 0640);
    assert_int_equal(try_open(&ctx, &self, &code), RNL_E_CONFIG);
    assert_string_equal(code, "secrets.open_to_others");
    chmod(key_path, 0600);
    chmod(store_path, 0622);
    assert_int_equal(try_open(&ctx, &self, &code), RNL_E_CONFIG);
    assert_string_equal(code, "secrets.open_to_others");
    chmod(store_path, 0600);
    assert_int_equal(try_open(&ctx, &self, &code), RNL_OK);
    assert_string_equal(get(self, "shop", ""), "geheim");
    ops->close(self);
    assert_int_equal(file_read(store_path, after, sizeof(after)), length);
    assert_memory_equal(before, after, length);
    secret_free(passphrase);
}

static void missing_store_is_told(void **state)
{
    struct file_config config = {.path = store_path};
    struct rnl_ctx ctx = context(&config);
    const char *code;
    void *self;

    (void)state;
    assert_int_equal(try_open(&ctx, &self, &code), RNL_E_CONFIG);
    assert_string_equal(code, "secrets.no_store");
    assert_int_equal(access(store_path, F_OK), -1);
}

static void passphrase_opens(void **state)
{
    struct file_config config = {.path = store_path, .create = true};
    struct rnl_secret *passphrase = secret_new(), *next = secret_new();
    struct rnl_ctx ctx = context(&config);
    struct rnl_error err = RNL_ERROR_INIT;
    const char *code;
    void *self;

    (void)state;
    secret_set(passphrase, (struct rnl_slice){"horse", 5}, 0, &err);
    secret_set(next, (struct rnl_slice){"staple", 6}, 0, &err);
    config.passphrase = passphrase;
    assert_int_equal(try_open(&ctx, &self, &code), RNL_OK);
    put(self, "shop", "", "geheim");
    assert_int_equal(access(key_path, F_OK), -1);
    /* the same store goes on with the new passphrase */
    assert_int_equal(ops->rotate(self, next, &err), RNL_OK);
    put(self, "shop", "user", "anna");
    ops->close(self);

    config.create = false;
    assert_int_equal(try_open(&ctx, &self, &code), RNL_E_CONFIG);
    assert_string_equal(code, "secrets.wrong_key");
    config.passphrase = NULL;
    assert_int_equal(try_open(&ctx, &self, &code), RNL_E_CONFIG);
    assert_string_equal(code, "secrets.no_passphrase");
    setenv("RUNNEL_SECRETS_PASSPHRASE", "staple", 1);
    assert_int_equal(try_open(&ctx, &self, &code), RNL_OK);
    unsetenv("RUNNEL_SECRETS_PASSPHRASE");
    assert_string_equal(get(self, "shop", ""), "geheim");
    assert_string_equal(get(self, "shop", "user"), "anna");
    ops->close(self);
    secret_free(passphrase);
    secret_free(next);
}

/* Opens what must be refused, and tries to write to it: the file stays as it is. */
static void refused(const struct rnl_ctx *ctx, const unsigned char *bytes, size_t length,
                    const char *expected, const char *words)
{
    unsigned char after[4096];
    const char *code;
    void *self;

    file_write(store_path, bytes, length);
    assert_int_equal(try_open(ctx, &self, &code), RNL_E_CONFIG);
    assert_string_equal(code, expected);
    if (!strstr(last.text, words))
        fail_msg("\"%s\" doesn't say \"%s\"", last.text, words);
    assert_int_equal(file_read(store_path, after, sizeof(after)), length);
    assert_memory_equal(after, bytes, length);
}

static void every_flip_and_cut_is_refused(void **state)
{
    struct file_config config = {.path = store_path, .create = true};
    struct rnl_ctx ctx = context(&config);
    unsigned char bytes[4096];
    const char *code;
    size_t length;
    void *self;

    (void)state;
    assert_int_equal(try_open(&ctx, &self, &code), RNL_OK);
    put(self, "shop", "password", "geheim");
    put(self, "shop", "user", "anna");
    ops->close(self);
    length = file_read(store_path, bytes, sizeof(bytes));
    assert_true(length > 100 && length < 300);
    for (size_t i = 0; i < length; i++)
        for (unsigned int bit = 0; bit < 8; bit++) {
            bytes[i] ^= (unsigned char)(1u << bit);
            if (i < 8)
                refused(&ctx, bytes, length, "secrets.not_a_store", store_path);
            else
                refused(&ctx, bytes, length, "secrets.damaged", "changed");
            bytes[i] ^= (unsigned char)(1u << bit);
        }
    for (size_t cut = 0; cut < length; cut++)
        refused(&ctx, bytes, cut, "secrets.damaged", "cut off");
    bytes[length] = 0;
    refused(&ctx, bytes, length + 1, "secrets.damaged", "added");
    file_write(store_path, bytes, length);
    assert_int_equal(try_open(&ctx, &self, &code), RNL_OK);
    ops->close(self);
}

static void damaged_store_is_not_written(void **state)
{
    struct file_config config = {.path = store_path, .create = true};
    struct rnl_ctx ctx = context(&config);
    struct rnl_secret *secret = secret_new();
    struct rnl_error err = RNL_ERROR_INIT;
    unsigned char bytes[4096], after[4096];
    const char *code;
    size_t length;
    void *self;

    (void)state;
    assert_int_equal(try_open(&ctx, &self, &code), RNL_OK);
    put(self, "shop", "", "geheim");
    length = file_read(store_path, bytes, sizeof(bytes));
    bytes[length - 1] ^= 1;
    file_write(store_path, bytes, length);
    assert_int_equal(ops->write(self, "shop", "", secret, &err), RNL_E_CONFIG);
    assert_string_equal(err.code, "secrets.damaged");
    assert_non_null(strstr(err.text, store_path));
    assert_int_equal(ops->remove(self, "shop", "", &err), RNL_E_CONFIG);
    assert_int_equal(ops->rotate(self, NULL, &err), RNL_E_CONFIG);
    assert_int_equal(file_read(store_path, after, sizeof(after)), length);
    assert_memory_equal(after, bytes, length);
    ops->close(self);
    secret_free(secret);
}

/* How long work takes on this machine and disk. */
static long work_ns(void (*work)(void *self), void *self)
{
    struct timespec from, to;

    clock_gettime(CLOCK_MONOTONIC, &from);
    work(self);
    clock_gettime(CLOCK_MONOTONIC, &to);
    return (to.tv_sec - from.tv_sec) * 1000000000 + to.tv_nsec - from.tv_nsec;
}

/* Runs work in a process of its own and kills it at a random moment, within twice its time. */
static void kill_while(void (*work)(void *self), const struct rnl_ctx *ctx, long takes_ns,
                       unsigned int *seed)
{
    long after_ns = (long)((double)rand_r(seed) / RAND_MAX * 2 * (double)takes_ns);
    struct timespec moment = {after_ns / 1000000000, after_ns % 1000000000};
    int pipes[2], status;
    const char *code;
    char byte;
    pid_t pid;

    assert_int_equal(pipe(pipes), 0);
    pid = fork();
    if (pid == 0) {
        void *self;

        if (try_open(ctx, &self, &code) != RNL_OK)
            _exit(1);
        if (write(pipes[1], "r", 1) == 1) /* at work */
            for (;;)
                work(self);
        _exit(1);
    }
    close(pipes[1]);
    assert_int_equal(read(pipes[0], &byte, 1), 1);
    close(pipes[0]);
    nanosleep(&moment, NULL);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
}

static void change_value(void *self)
{
    static bool odd;

    odd = !odd;
    put(self, "shop", "", odd ? "odd" : "even");
}

static void killed_while_saving(void **state)
{
    struct file_config config = {.path = store_path, .create = true};
    struct rnl_ctx ctx = context(&config);
    unsigned int seed = 1;
    const char *code, *text;
    long takes_ns;
    void *self;

    (void)state;
    assert_int_equal(try_open(&ctx, &self, &code), RNL_OK);
    put(self, "other", "", "stays");
    put(self, "shop", "", "even");
    takes_ns = work_ns(change_value, self);
    ops->close(self);
    for (int round = 0; round < 100; round++) {
        kill_while(change_value, &ctx, takes_ns, &seed);
        assert_int_equal(try_open(&ctx, &self, &code), RNL_OK);
        text = get(self, "shop", "");
        assert_true(strcmp(text, "odd") == 0 || strcmp(text, "even") == 0);
        assert_string_equal(get(self, "other", ""), "stays");
        ops->close(self);
    }
}

static void rotate_key(void *self)
{
    struct rnl_error err = RNL_ERROR_INIT;

    if (ops->rotate(self, NULL, &err) != RNL_OK)
        _exit(1);
}

static void killed_while_rotating(void **state)
{
    struct file_config config = {.path = store_path, .create = true};
    struct rnl_ctx ctx = context(&config);
    unsigned char before[32], after[32];
    char next_key[80];
    unsigned int seed = 2;
    const char *code;
    long takes_ns;
    void *self;

    (void)state;
    assert_int_equal(try_open(&ctx, &self, &code), RNL_OK);
    put(self, "shop", "", "geheim");
    takes_ns = work_ns(rotate_key, self);
    ops->close(self);
    config.create = false;
    file_read(key_path, before, sizeof(before));
    snprintf(next_key, sizeof(next_key), "%s.new", key_path);
    for (int round = 0; round < 100; round++) {
        kill_while(rotate_key, &ctx, takes_ns, &seed);
        assert_int_equal(try_open(&ctx, &self, &code), RNL_OK);
        assert_string_equal(get(self, "shop", ""), "geheim");
        /* the next writer completes what was cut off: the key file alone opens it then */
        put(self, "shop", "", "geheim");
        ops->close(self);
        unlink(next_key);
        assert_int_equal(try_open(&ctx, &self, &code), RNL_OK);
        ops->close(self);
    }
    file_read(key_path, after, sizeof(after));
    assert_memory_not_equal(before, after, sizeof(before));
}

static void cut_off_rotation_is_completed(void **state)
{
    struct file_config config = {.path = store_path, .create = true};
    struct rnl_ctx ctx = context(&config);
    unsigned char old[32], new[32], key[32];
    struct rnl_error err = RNL_ERROR_INIT;
    char next_key[80];
    const char *code;
    void *self;

    (void)state;
    snprintf(next_key, sizeof(next_key), "%s.new", key_path);
    assert_int_equal(try_open(&ctx, &self, &code), RNL_OK);
    put(self, "shop", "", "geheim");
    file_read(key_path, old, sizeof(old));
    assert_int_equal(ops->rotate(self, NULL, &err), RNL_OK);
    file_read(key_path, new, sizeof(new));
    assert_memory_not_equal(old, new, sizeof(old));
    /* as it stands between the store's rename and the key's */
    file_write(key_path, old, sizeof(old));
    file_write(next_key, new, sizeof(new));
    assert_string_equal(get(self, "shop", ""), "geheim");
    put(self, "shop", "user", "anna");
    file_read(key_path, key, sizeof(key));
    assert_memory_equal(key, new, sizeof(key));
    assert_int_equal(access(next_key, F_OK), -1);
    ops->close(self);
}

static void two_writers_wait(void **state)
{
    enum { WRITERS = 4, EACH = 10 };
    struct file_config config = {.path = store_path, .create = true};
    struct rnl_ctx ctx = context(&config);
    char path[32];
    const char *code;
    void *self;
    int status;

    (void)state;
    assert_int_equal(try_open(&ctx, &self, &code), RNL_OK);
    for (int writer = 0; writer < WRITERS; writer++)
        if (fork() == 0) {
            for (int i = 0; i < EACH; i++) {
                snprintf(path, sizeof(path), "w%d-%d", writer, i);
                put(self, path, "", path);
            }
            _exit(0);
        }
    for (int writer = 0; writer < WRITERS; writer++) {
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    for (int writer = 0; writer < WRITERS; writer++)
        for (int i = 0; i < EACH; i++) {
            snprintf(path, sizeof(path), "w%d-%d", writer, i);
            assert_string_equal(get(self, path, ""), path);
        }
    ops->close(self);
}

static int fresh(void **state)
{
    (void)state;
    store_remove();
    return 0;
}

static int setup(void **state)
{
    char exe[PATH_MAX], path[PATH_MAX + 32];
    ssize_t length = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
    rnl_module_fn *module;
    void *handle;

    (void)state;
    if (length < 0 || !mkdtemp(folder))
        return -1;
    exe[length] = '\0';
    snprintf(path, sizeof(path), "%s/../plugins/file.so", dirname(exe));
    handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        fprintf(stderr, "%s\n", dlerror());
        return -1;
    }
    *(void **)&module = dlsym(handle, RNL_ENTRY);
    if (!module)
        return -1;
    ops = module()->plugins[0]->secrets;
    snprintf(store_path, sizeof(store_path), "%s/store", folder);
    snprintf(key_path, sizeof(key_path), "%s/store.key", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    store_remove();
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(round_trip, fresh),
        cmocka_unit_test_setup(nothing_readable_on_disk, fresh),
        cmocka_unit_test_setup(names_are_bounded, fresh),
        cmocka_unit_test_setup(many_secrets, fresh),
        cmocka_unit_test_setup(keys_are_told_apart, fresh),
        cmocka_unit_test_setup(missing_store_is_told, fresh),
        cmocka_unit_test_setup(passphrase_opens, fresh),
        cmocka_unit_test_setup(every_flip_and_cut_is_refused, fresh),
        cmocka_unit_test_setup(damaged_store_is_not_written, fresh),
        cmocka_unit_test_setup(killed_while_saving, fresh),
        cmocka_unit_test_setup(killed_while_rotating, fresh),
        cmocka_unit_test_setup(cut_off_rotation_is_completed, fresh),
        cmocka_unit_test_setup(two_writers_wait, fresh),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
