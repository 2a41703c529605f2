/* Tests of core/secret.c. */
#include "secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <pty.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* The address and thread sanitizers make mlock do nothing. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#elif defined(__has_feature)
#define SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define SANITIZED false
#endif

static struct rnl_slice slice(const char *text)
{
    return (struct rnl_slice){text, strlen(text)};
}

static void text_is_kept(void **state)
{
    struct rnl_secret *secret = secret_new();
    struct rnl_error err = RNL_ERROR_INIT;

    (void)state;
    assert_string_equal(secret_text(NULL), "");
    assert_string_equal(secret_text(secret), "");
    assert_int_equal(secret_set(secret, slice("first"), 30, &err), RNL_OK);
    assert_string_equal(secret_text(secret), "first");
    assert_int_equal(secret_length(secret), 5);
    assert_int_equal(secret_lease_s(secret), 30);
    /* from its own text */
    assert_int_equal(secret_set(secret, (struct rnl_slice){secret_text(secret) + 1, 3}, 0, &err),
                     RNL_OK);
    assert_string_equal(secret_text(secret), "irs");
    assert_int_equal(secret_set(secret, (struct rnl_slice){NULL, 0}, 0, &err), RNL_OK);
    assert_string_equal(secret_text(secret), "");
    assert_int_equal(secret_length(secret), 0);
    secret_free(secret);
    secret_free(NULL);
}

static void size_is_bounded(void **state)
{
    struct rnl_secret *secret = secret_new();
    struct rnl_error err = RNL_ERROR_INIT;
    char *big = malloc(SECRET_MAX_BYTES + 1);

    (void)state;
    memset(big, 'x', SECRET_MAX_BYTES + 1);
    assert_int_equal(secret_set(secret, (struct rnl_slice){big, SECRET_MAX_BYTES}, 0, &err),
                     RNL_OK);
    assert_int_equal(strlen(secret_text(secret)), SECRET_MAX_BYTES);
    assert_int_equal(secret_set(secret, (struct rnl_slice){big, SECRET_MAX_BYTES + 1}, 0, &err),
                     RNL_E_CONFIG);
    assert_string_equal(err.code, "secret.too_long");
    assert_int_equal(secret_set(secret, (struct rnl_slice){"a\0b", 3}, 0, &err), RNL_E_CONFIG);
    assert_string_equal(err.code, "secret.nul");
    /* what was refused changed nothing */
    assert_int_equal(secret_length(secret), SECRET_MAX_BYTES);
    free(big);
    secret_free(secret);
}

/* The VmFlags of the mapping that holds address, as /proc/self/smaps tells them. */
static void mapping_flags(const void *address, char *flags, size_t size)
{
    FILE *smaps = fopen("/proc/self/smaps", "re");
    uintptr_t from, to, wanted = (uintptr_t)address;
    bool inside = false;
    char line[512], *end;

    flags[0] = '\0';
    assert_non_null(smaps);
    while (fgets(line, sizeof(line), smaps)) {
        from = strtoul(line, &end, 16); /* "7f00-7f10 r--p …", then its lines */
        if (*end == '-') {
            to = strtoul(end + 1, NULL, 16);
            inside = wanted >= from && wanted < to;
        } else if (inside && strncmp(line, "VmFlags:", 8) == 0) {
            snprintf(flags, size, "%s", line + 8);
        }
    }
    fclose(smaps);
}

static void pages_are_locked_and_not_dumped(void **state)
{
    struct rnl_secret *secret = secret_new();
    struct rnl_error err = RNL_ERROR_INIT;
    struct rlimit limit;
    char flags[512];

    (void)state;
    assert_int_equal(secret_set(secret, slice("hidden"), 0, &err), RNL_OK);
    mapping_flags(secret_text(secret), flags, sizeof(flags));
    assert_non_null(strstr(flags, " dd"));
    getrlimit(RLIMIT_MEMLOCK, &limit);
    if (!SANITIZED && (limit.rlim_cur >= 65536 || geteuid() == 0))
        assert_non_null(strstr(flags, " lo"));
    secret_free(secret);
}

static void process_is_protected(void **state)
{
    struct rlimit limit;
    int status;
    pid_t pid;

    (void)state;
    pid = fork();
    if (pid == 0) {
        secret_protect_process();
        getrlimit(RLIMIT_CORE, &limit);
        _exit(prctl(PR_GET_DUMPABLE) == 0 && limit.rlim_cur == 0 && limit.rlim_max == 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/*
 * Types keys at a prompt on a terminal of its own. The child's answer ("ok TEXT" or
 * "code CODE") comes back through a pipe; what the terminal showed stands in screen.
 */
static void prompt_with(const char *keys, char *answer, size_t answer_size, char *screen,
                        size_t screen_size)
{
    size_t shown = 0;
    int pipes[2], terminal, status;
    ssize_t got;
    pid_t pid;

    assert_int_equal(pipe(pipes), 0);
    pid = forkpty(&terminal, NULL, NULL, NULL);
    assert_true(pid >= 0);
    if (pid == 0) {
        struct rnl_secret *secret = secret_new();
        struct rnl_error err = RNL_ERROR_INIT;

        if (secret_prompt("Password", secret, &err) == RNL_OK)
            dprintf(pipes[1], "ok %s", secret_text(secret));
        else
            dprintf(pipes[1], "code %s", err.code);
        secret_free(secret);
        _exit(0);
    }
    close(pipes[1]);
    memset(screen, 0, screen_size);
    while (!strstr(screen, "Password: ")) { /* asked: echo is off by now */
        got = read(terminal, screen + shown, screen_size - 1 - shown);
        assert_true(got > 0);
        shown += (size_t)got;
    }
    assert_int_equal(write(terminal, keys, strlen(keys)), strlen(keys));
    got = read(pipes[0], answer, answer_size - 1);
    assert_true(got > 0);
    answer[got] = '\0';
    while ((got = read(terminal, screen + shown, screen_size - 1 - shown)) > 0)
        shown += (size_t)got;
    waitpid(pid, &status, 0);
    close(pipes[0]);
    close(terminal);
}

static void prompt_reads_without_echo(void **state)
{
    static const struct {
        const char *keys, *answer;
    } cases[] = {
        {"geheim\n", "ok geheim"},
        {"gex\x7fheim\r", "ok geheim"},
        {"wrong\x15geheim\n", "ok geheim"},
        {"ge\xc3\xa4\x7fheim\n", "ok geheim"},
        {"\x7f\x7fgeheim\x04", "ok geheim"},
        {"geheim\x03", "code secret.prompt_aborted"},
        {"\x04", "code secret.prompt_aborted"},
    };
    char answer[256], screen[1024];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        prompt_with(cases[i].keys, answer, sizeof(answer), screen, sizeof(screen));
        assert_string_equal(answer, cases[i].answer);
        assert_null(strstr(screen, "heim"));
    }
}

static void prompt_needs_a_terminal(void **state)
{
    int status;
    pid_t pid;

    (void)state;
    pid = fork();
    if (pid == 0) {
        struct rnl_secret *secret = secret_new();
        struct rnl_error err = RNL_ERROR_INIT;

        setsid(); /* no controlling terminal from here on */
        status = secret_prompt("Password", secret, &err);
        secret_free(secret);
        _exit(status == RNL_E_CONFIG && strcmp(err.code, "secret.no_terminal") == 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_kept),
        cmocka_unit_test(size_is_bounded),
        cmocka_unit_test(pages_are_locked_and_not_dumped),
        cmocka_unit_test(process_is_protected),
        cmocka_unit_test(prompt_reads_without_echo),
        cmocka_unit_test(prompt_needs_a_terminal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
