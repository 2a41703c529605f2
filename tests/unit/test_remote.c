/* The socket of a running pipeline: asked, refused, taken twice, left behind, and with odd peers.
 */
#include "loop.h"
#include "remote.h"
#include "remote_part.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct loop *loop;
static pthread_t thread;
static char folder[] = "/tmp/runnel-test-XXXXXX";

static void *loop_main(void *arg)
{
    loop_run(arg);
    return NULL;
}

static json_t *answer(void *arg, const char *word, const json_t *request, struct rnl_error *err)
{
    (void)arg;
    if (strcmp(word, "hello") == 0)
        return json_pack("{s:O}", "you said", json_object_get(request, "text"));
    rnl_fail(err, RNL_E_CONFIG, "test.word", "no such word: %s", word);
    rnl_hint(err, "say hello");
    return NULL;
}

static int setup(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    setenv("RUNNEL_RUN_DIR", folder, 1);
    loop = loop_new();
    assert_non_null(loop);
    return pthread_create(&thread, NULL, loop_main, loop);
}

static int teardown(void **state)
{
    (void)state;
    loop_stop(loop);
    pthread_join(thread, NULL);
    loop_free(loop);
    return rmdir(folder); /* sockets are taken away */
}

static struct remote *listen_as(const char *name)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct remote *remote = NULL;

    assert_int_equal(remote_open(loop, name, answer, NULL, &remote, &err), RNL_OK);
    return remote;
}

static void close_it(void *arg)
{
    struct remote **remote = arg;

    remote_close(*remote);
    *remote = NULL;
}

/* In the loop's thread, as the contract says; waits until it is done. */
static void stop_listening(struct remote *remote, const char *name)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct remote_path path;

    assert_int_equal(remote_path_make(name, &path, &err), RNL_OK);
    loop_post(loop, close_it, &remote);
    while (access(path.address.sun_path, F_OK) == 0)
        usleep(1000);
}

static void asks_and_is_answered(void **state)
{
    struct remote *remote = listen_as("shop");
    struct rnl_error err = RNL_ERROR_INIT;
    char *large = malloc(60001);
    json_t *reply = NULL;

    (void)state;
    memset(large, 'x', 60000);
    large[60000] = '\0';
    assert_int_equal(
        remote_ask("shop", "hello", json_pack("{s:s}", "text", large), 5000, &reply, &err), RNL_OK);
    assert_string_equal(json_string_value(json_object_get(reply, "you said")), large);
    json_decref(reply);
    free(large);
    stop_listening(remote, "shop");
}

static void refusals_come_in_their_words(void **state)
{
    struct remote *remote = listen_as("shop");
    struct rnl_error err = RNL_ERROR_INIT;
    json_t *reply = NULL;

    (void)state;
    assert_int_equal(remote_ask("shop", "what", NULL, 5000, &reply, &err), RNL_E_CONFIG);
    assert_string_equal(err.code, "test.word");
    assert_string_equal(err.text, "no such word: what");
    assert_string_equal(err.hint, "say hello");
    assert_int_equal(remote_ask("store", "hello", NULL, 5000, &reply, &err), RNL_E_CONFIG);
    assert_string_equal(err.code, "remote.not_running");
    stop_listening(remote, "shop");
}

static void only_one_listens(void **state)
{
    struct remote *remote = listen_as("shop"), *second = NULL;
    struct rnl_error err = RNL_ERROR_INIT;

    (void)state;
    assert_int_equal(remote_open(loop, "shop", answer, NULL, &second, &err), RNL_E_CONFIG);
    assert_string_equal(err.code, "remote.taken");
    stop_listening(remote, "shop");
}

/* As a process that was killed leaves it. */
static void a_dead_socket_is_taken_over(void **state)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct remote_path path;
    struct remote *remote;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    (void)state;
    assert_int_equal(remote_path_make("shop", &path, &err), RNL_OK);
    assert_int_equal(bind(fd, (struct sockaddr *)&path.address, sizeof(path.address)), 0);
    close(fd);
    remote = listen_as("shop");
    stop_listening(remote, "shop");
}

static json_t *last_words(void *arg, const char *word, const json_t *request, struct rnl_error *err)
{
    (void)arg;
    (void)request;
    (void)err;
    loop_stop(loop);
    return json_pack("{s:s}", "last", word);
}

/* What ended the loop is answered all the same. */
static void an_answer_outlives_the_loop(void **state)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct remote *remote = NULL;
    struct remote_path path;
    char buf[200];
    ssize_t got;
    int fd;

    (void)state;
    assert_int_equal(remote_path_make("shop", &path, &err), RNL_OK);
    assert_int_equal(remote_open(loop, "shop", last_words, NULL, &remote, &err), RNL_OK);
    fd = remote_connect(&path);
    assert_true(fd >= 0);
    assert_int_equal(send(fd, "{\"do\":\"end\"}\n", 13, 0), 13);
    pthread_join(thread, NULL);
    remote_close(remote);
    got = recv(fd, buf, sizeof(buf) - 1, 0);
    assert_true(got > 0);
    buf[got] = '\0';
    assert_string_equal(buf, "{\"last\":\"end\"}\n");
    close(fd);
    assert_int_equal(pthread_create(&thread, NULL, loop_main, loop), 0);
}

static void odd_peers_do_no_harm(void **state)
{
    static const char *const lines[] = {"\n", "{}\n", "[1\n", "{\"do\": 5}\n", "hello"};
    struct remote *remote = listen_as("shop");
    struct rnl_error err = RNL_ERROR_INIT;
    struct remote_path path;
    json_t *reply = NULL;
    char buf[200];

    (void)state;
    assert_int_equal(remote_path_make("shop", &path, &err), RNL_OK);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        int fd = remote_connect(&path);
        bool whole = strchr(lines[i], '\n') != NULL;

        assert_true(fd >= 0);
        assert_int_equal(send(fd, lines[i], strlen(lines[i]), 0), strlen(lines[i]));
        if (whole)
            assert_true(recv(fd, buf, sizeof(buf), 0) > 0);
        close(fd);
    }
    assert_int_equal(
        remote_ask("shop", "hello", json_pack("{s:s}", "text", "you"), 5000, &reply, &err), RNL_OK);
    json_decref(reply);
    stop_listening(remote, "shop");
}

static void a_folder_of_others_is_refused(void **state)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct remote *remote = NULL;

    (void)state;
    assert_int_equal(chmod(folder, 0770), 0);
    assert_int_equal(remote_open(loop, "shop", answer, NULL, &remote, &err), RNL_E_CONFIG);
    assert_string_equal(err.code, "remote.folder");
    assert_int_equal(chmod(folder, 0700), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asks_and_is_answered),
        cmocka_unit_test(refusals_come_in_their_words),
        cmocka_unit_test(only_one_listens),
        cmocka_unit_test(a_dead_socket_is_taken_over),
        cmocka_unit_test(an_answer_outlives_the_loop),
        cmocka_unit_test(odd_peers_do_no_harm),
        cmocka_unit_test(a_folder_of_others_is_refused),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
