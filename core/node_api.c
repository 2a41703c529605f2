/* The node's API: a process of its own, so that whoever speaks to it is no danger to pipelines. */
#include "node_part.h"

#include "redact.h"
#include "util/clock.h"
#include "util/log.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/wait.h>

#define LISTEN_PRESET "127.0.0.1:8020"

/* Records of its log go into ours. */
static void on_line(void *arg, bool is_error, char *line)
{
    json_t *o = json_loads(line, 0, NULL);
    const char *text = json_string_value(json_object_get(o, "text"));
    const char *word = json_string_value(json_object_get(o, "level"));
    const char *level = word ? word : "warn";
    json_t *error = json_object_get(o, "error");
    struct node_api *api = arg;

    if (!is_error && error) {
        json_decref(api->failure);
        api->failure = json_incref(error);
    } else if (is_error) {
        if (!text)
            redact(line);
        log_write(!text                         ? RNL_LOG_WARN
                  : strcmp(level, "debug") == 0 ? RNL_LOG_DEBUG
                  : strcmp(level, "info") == 0  ? RNL_LOG_INFO
                  : strcmp(level, "error") == 0 ? RNL_LOG_ERROR
                                                : RNL_LOG_WARN,
                  "api", "%s", text ? text : line);
    }
    json_decref(o);
}

static void on_ended(void *arg, int status)
{
    struct node_api *api = arg;
    const char *why = json_string_value(json_object_get(api->failure, "text"));
    const char *class = json_string_value(json_object_get(api->failure, "class"));
    struct worker_end end = {.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
                             .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
                             .passes = !class || strcmp(class, "config") != 0};
    uint32_t bits = 0;

    api->child = NULL;
    if (getrandom(&bits, sizeof(bits), 0) != (ssize_t)sizeof(bits))
        bits = (uint32_t)clock_ms();
    supervised_ended(&api->now, &end, clock_ms(), bits);
    if (end.code != 0)
        log_write(RNL_LOG_ERROR, "node", "the API ended (%s %d), and is %s%s%s; pipelines go on",
                  end.signal ? "signal" : "exit code", end.signal ? end.signal : end.code,
                  api->now.state == SUPERVISED_WAITING ? "started again" : "given up",
                  why ? ": " : "", why ? why : "");
}

static size_t add(const char **argv, size_t n, const char *option, const char *value)
{
    if (!value || n + 3 >= API_ARGUMENTS_MOST)
        return n;
    argv[n++] = option;
    argv[n++] = value;
    return n;
}

static const char *listen_at(const struct node *node)
{
    const json_t *words = json_object_get(json_object_get(node->listed, "node"), "api");
    const char *configured = json_string_value(json_object_get(words, "listen"));

    if (node->settings->api_listen)
        return node->settings->api_listen;
    return configured ? configured : LISTEN_PRESET;
}

static int start(struct node *node, struct rnl_error *err)
{
    const json_t *words = json_object_get(json_object_get(node->listed, "node"), "api"), *host;
    const struct child_watch watch = {on_line, on_ended, &node->api};
    const char *argv[API_ARGUMENTS_MOST] = {"runnel", "api", "--json", "--log-format", "json"};
    char *arguments[API_ARGUMENTS_MOST];
    size_t n = 5, i;

    n = add(argv, n, "--api-listen", listen_at(node));
    n = add(argv, n, "--api-certificate", json_string_value(json_object_get(words, "certificate")));
    n = add(argv, n, "--api-key", json_string_value(json_object_get(words, "key")));
    n = add(argv, n, "--api-allow-insecure",
            json_string_value(json_object_get(words, "allow_insecure")));
    json_array_foreach(json_object_get(words, "hosts"), i, host)
    {
        n = add(argv, n, "--api-hosts", json_string_value(host));
    }
    n = add(argv, n, "--state-dir", node->state_dir);
    n = add(argv, n, "--pipelines-dir", node->pipelines_dir);
    n = add(
        argv, n, "--connections-dir",
        json_string_value(json_object_get(json_object_get(node->listed, "node"), "connections")));
    n = add(argv, n, "--config", node->settings->config);
    for (i = 0; node->settings->arguments[i] && n + 2 < API_ARGUMENTS_MOST; i++)
        argv[n++] = node->settings->arguments[i];
    argv[n] = NULL;
    memcpy(arguments, argv, sizeof(arguments));
    json_decref(node->api.failure);
    node->api.failure = NULL;
    return child_start(node->loop, arguments, &watch, &node->api.child, err);
}

static void begin(struct node *node)
{
    const struct worker_end none = {.code = -1, .passes = true};
    struct rnl_error err = RNL_ERROR_INIT;

    supervised_began(&node->api.now, clock_ms());
    if (start(node, &err) == RNL_OK)
        return;
    log_error("node", &err);
    supervised_ended(&node->api.now, &none, clock_ms(), 0);
}

static bool is_wanted(const struct node *node)
{
    return node->listed && node->desired && !node->ending && (node->roles & ROLE_API) &&
           strcmp(listen_at(node), "off") != 0;
}

void node_api_step(struct node *node)
{
    struct node_api *api = &node->api;
    enum wanted want = is_wanted(node) ? WANT_RUNNING : WANT_STOPPED;

    if (api->now.want != want)
        supervised_want(&api->now, want);
    switch (supervised_next(&api->now, clock_ms())) {
    case DO_START:
        begin(node);
        break;
    case DO_STOP:
        child_signal(api->child, SIGTERM);
        break;
    case DO_KILL:
        child_signal(api->child, SIGKILL);
        break;
    default:
        break;
    }
}

/* The words of its configuration are others, or its certificate may be. */
void node_api_reload(struct node *node)
{
    json_t *words = json_object_get(json_object_get(node->listed, "node"), "api");

    if (node->api.child && json_equal(words, node->api.words))
        child_signal(node->api.child, SIGHUP);
    else if (node->api.words || words)
        supervised_restart(&node->api.now);
    json_decref(node->api.words);
    node->api.words = words ? json_deep_copy(words) : NULL;
}

json_t *node_api_json(const struct node *node)
{
    json_t *o = json_pack("{s:s,s:i}", "state", supervised_word(node->api.now.state), "restarts",
                          (int)node->api.now.restarts);

    if (node->api.child)
        json_object_set_new(o, "pid", json_integer(child_pid(node->api.child)));
    if (node->api.failure)
        json_object_set(o, "failure", node->api.failure);
    return o;
}

void node_api_forget(struct node *node)
{
    json_decref(node->api.failure);
    json_decref(node->api.words);
}
