/* The route table. What stands in no line of it can't be asked; a line without a scope is public.
 */
#include "resources.h"

#define API "/api/v1"

static const struct field page_query[] = {
    {"limit", FIELD_NUMBER, false, NULL, 1, 500, "how many at most (preset: 50)"},
    {"cursor", FIELD_TEXT, false, NULL, 0, 200, "next_cursor of the page before"},
    {.name = NULL},
};
static const struct field pipelines_query[] = {
    {"limit", FIELD_NUMBER, false, NULL, 1, 500, "how many at most (preset: 50)"},
    {"cursor", FIELD_TEXT, false, NULL, 0, 200, "next_cursor of the page before"},
    {"state", FIELD_TEXT, false, NULL, 0, 40, "those in this state"},
    {"mode", FIELD_TEXT, false, "convert|cdc|replicate", 0, 0, "those of this mode"},
    {"q", FIELD_TEXT, false, NULL, 0, 100, "those whose name holds this"},
    {.name = NULL},
};
static const struct field plugins_query[] = {
    {"kind", FIELD_TEXT, false, "source|sink|transport|secrets|registry", 0, 0, "of this kind"},
    {.name = NULL},
};
static const struct field history_query[] = {
    {"limit", FIELD_NUMBER, false, NULL, 1, 500, "how many at most (preset: 50)"},
    {"cursor", FIELD_NUMBER, false, NULL, 1, INT64_MAX, "next_cursor of the page before"},
    {.name = NULL},
};
static const struct field runs_query[] = {
    {"limit", FIELD_NUMBER, false, NULL, 1, 500, "how many at most (preset: 50)"},
    {"cursor", FIELD_NUMBER, false, NULL, 1, INT64_MAX, "next_cursor of the page before"},
    {"pipeline", FIELD_TEXT, false, NULL, 1, 64, "those of this pipeline"},
    {.name = NULL},
};
static const struct field events_query[] = {
    {"limit", FIELD_NUMBER, false, NULL, 1, 500, "how many at most (preset: 50)"},
    {"cursor", FIELD_NUMBER, false, NULL, 1, INT64_MAX, "next_cursor of the page before"},
    {"about", FIELD_TEXT, false, NULL, 1, 200, "about what has this name"},
    {.name = NULL},
};
static const struct field logs_query[] = {
    {"after", FIELD_NUMBER, false, NULL, 1, INT64_MAX, "those behind this number (next)"},
    {"limit", FIELD_NUMBER, false, NULL, 1, 500, "how many at most (preset: 100)"},
    {"level", FIELD_TEXT, false, "debug|info|warn|error", 0, 0, "this and above"},
    {"q", FIELD_TEXT, false, NULL, 1, 200, "those that hold this"},
    {"wait_s", FIELD_NUMBER, false, NULL, 0, 20, "when there is none, wait so long for one"},
    {.name = NULL},
};
static const struct field usage_query[] = {
    {"limit", FIELD_NUMBER, false, NULL, 1, 500, "how many at most (preset: 50)"},
    {"pipeline", FIELD_TEXT, false, NULL, 1, 64, "of this pipeline"},
    {"by", FIELD_TEXT, false, "day|month", 0, 0, "preset: day"},
    {.name = NULL},
};
static const struct field no_body[] = {{.name = NULL}};
static const struct field level_body[] = {
    {"level", FIELD_TEXT, true, "debug|info|warn|error", 0, 0, "this and above"},
    {"seconds", FIELD_NUMBER, false, NULL, 0, 86400, "then as configured again (preset: 600)"},
    {.name = NULL},
};
static const struct field confirm_body[] = {
    {"confirm", FIELD_TEXT, true, NULL, 1, 64, "the pipeline's name: what is done can't be undone"},
    {.name = NULL},
};
static const struct field tables_body[] = {
    {"tables", FIELD_TEXTS, true, NULL, 0, 0, "names of tables"},
    {.name = NULL},
};
static const struct field letters_query[] = {
    {"after", FIELD_NUMBER, false, NULL, 0, INT64_MAX, "those behind this number"},
    {"limit", FIELD_NUMBER, false, NULL, 1, 500, "how many at most (preset: 50)"},
    {.name = NULL},
};
static const struct field letters_body[] = {
    {"numbers", FIELD_NUMBERS, false, NULL, 0, 0, "these"},
    {"all", FIELD_FLAG, false, NULL, 0, 0, "or all that stand aside now"},
    {"confirm", FIELD_TEXT, true, NULL, 1, 64, "the pipeline's name"},
    {.name = NULL},
};
static const struct field verify_body[] = {
    {"tables", FIELD_TEXTS, false, NULL, 0, 0, "these alone"},
    {"repair", FIELD_FLAG, false, NULL, 0, 0, "mend what differs in the target"},
    {.name = NULL},
};
static const struct field clone_body[] = {
    {"name", FIELD_TEXT, true, NULL, 1, 64, "of the copy"},
    {.name = NULL},
};
static const struct field export_query[] = {
    {"format", FIELD_TEXT, false, "libconfig|json", 0, 0, "preset: libconfig"},
    {.name = NULL},
};
static const struct field key_body[] = {
    {"name", FIELD_TEXT, true, NULL, 1, 64, "whom it is for"},
    {"scopes", FIELD_TEXTS, true, "read|operate|write|admin|metrics|data", 0, 0, "what it may"},
    {"pipelines", FIELD_TEXTS, false, NULL, 0, 0, "limits it to these: names or patterns"},
    {"expires_in_s", FIELD_NUMBER, false, NULL, 1, (int64_t)10 * 366 * 86400, "then it ends"},
    {"rate_per_s", FIELD_NUMBER, false, NULL, 1, 100000, "requests a second at most"},
    {.name = NULL},
};
static const struct field rotate_body[] = {
    {"grace_s", FIELD_NUMBER, false, NULL, 0, 30 * 86400, "so long the old one works on"},
    {.name = NULL},
};

#define GET HTTP_METHOD_GET
#define POST HTTP_METHOD_POST
#define PUT HTTP_METHOD_PUT
#define PATCH HTTP_METHOD_PATCH
#define DELETE HTTP_METHOD_DELETE

const struct route routes[] = {
    {GET, "/healthz", 0, ROUTE_PUBLIC | ROUTE_TEXT, 200, "health",
     "Whether the process answers; 503: it is about to end", health_live, NULL, NULL, NULL},
    {GET, "/readyz", 0, ROUTE_PUBLIC, 200, "ready", "Whether it can do its work; 503: not now",
     health_ready, NULL, NULL, "ready"},
    {GET, "/metrics", SCOPE_METRICS, ROUTE_TEXT | ROUTE_WHOLE, 200, "metrics",
     "The node's metrics, in Prometheus' text format", system_metrics, NULL, NULL, NULL},
    {GET, API "/openapi.json", 0, ROUTE_PUBLIC, 200, "openapi", "This document", system_openapi,
     NULL, NULL, NULL},
    {GET, API "/info", SCOPE_READ, 0, 200, "info", "Version and limits", system_info, NULL, NULL,
     NULL},
    {GET, API "/system/status", SCOPE_READ, ROUTE_WHOLE, 200, "system_status",
     "The node, and what a look at everything it needs has found", system_status, NULL, NULL, NULL},
    {POST, API "/system/reload", SCOPE_ADMIN, ROUTE_WHOLE, 202, "reload",
     "Have the node read its files again", system_reload, NULL, no_body, NULL},
    {PUT, API "/system/log-level", SCOPE_OPERATE, ROUTE_WHOLE, 200, "set_log_level",
     "Have the node and its workers log more, or less, for a while", system_log_level, NULL,
     level_body, NULL},
    {GET, API "/nodes", SCOPE_READ, 0, 200, "list_nodes", "The nodes that the registry knows",
     nodes_list, NULL, NULL, "node"},
    {POST, API "/nodes/{node}/drain", SCOPE_OPERATE, ROUTE_WHOLE, 202, "drain_node",
     "End a node's workers in order, and start none", nodes_drain, NULL, no_body, NULL},
    {POST, API "/nodes/{node}/undrain", SCOPE_OPERATE, ROUTE_WHOLE, 202, "undrain_node",
     "Let it work again", nodes_undrain, NULL, no_body, NULL},
    {GET, API "/plugins", SCOPE_READ, 0, 200, "list_plugins", "The plugins that can be loaded",
     plugins_list, plugins_query, NULL, "plugin"},
    {GET, API "/plugins/{plugin}", SCOPE_READ, 0, 200, "show_plugin",
     "A plugin and its options: types, presets, ranges", plugins_show, NULL, NULL, NULL},
    {GET, API "/connections", SCOPE_READ, ROUTE_WHOLE, 200, "list_connections",
     "The databases that are configured", connections_list, page_query, NULL, "connection"},
    {POST, API "/connections", SCOPE_WRITE, ROUTE_WHOLE | ROUTE_ANY_BODY, 201, "create_connection",
     "Make a connection: its name and its words, as in a file", connections_create, NULL, NULL,
     "connection"},
    {GET, API "/connections/{connection}", SCOPE_READ, ROUTE_WHOLE, 200, "show_connection",
     "A connection, without what is secret in it", connections_show, NULL, NULL, "connection"},
    {PUT, API "/connections/{connection}", SCOPE_WRITE, ROUTE_WHOLE | ROUTE_ANY_BODY, 200,
     "replace_connection", "Write a connection anew", connections_replace, NULL, NULL,
     "connection"},
    {PATCH, API "/connections/{connection}", SCOPE_WRITE, ROUTE_WHOLE | ROUTE_ANY_BODY, 200,
     "change_connection", "Change some of its words; null takes one away", connections_patch, NULL,
     NULL, "connection"},
    {DELETE, API "/connections/{connection}", SCOPE_WRITE, ROUTE_WHOLE, 204, "delete_connection",
     "Take a connection away that no pipeline uses", connections_delete, NULL, NULL, NULL},
    {POST, API "/connections/{connection}/test", SCOPE_OPERATE, ROUTE_WHOLE, 200, "test_connection",
     "Whether it answers, step by step", connections_test, NULL, no_body, NULL},
    {GET, API "/pipelines", SCOPE_READ, 0, 200, "list_pipelines",
     "The pipelines that the key may see, and how they fare", pipelines_list, pipelines_query, NULL,
     "pipeline"},
    {POST, API "/pipelines", SCOPE_WRITE, ROUTE_WHOLE | ROUTE_ANY_BODY, 201, "create_pipeline",
     "Make a pipeline: its words, as in a file", pipelines_create, NULL, NULL, "configured"},
    {GET, API "/pipelines/{pipeline}", SCOPE_READ, ROUTE_PIPELINE, 200, "show_pipeline",
     "What a pipeline's file says", pipelines_show, NULL, NULL, "configured"},
    {PUT, API "/pipelines/{pipeline}", SCOPE_WRITE, ROUTE_PIPELINE | ROUTE_ANY_BODY, 200,
     "replace_pipeline", "Write its file anew; what runs takes it over when it is restarted",
     pipelines_replace, NULL, NULL, "configured"},
    {PATCH, API "/pipelines/{pipeline}", SCOPE_WRITE, ROUTE_PIPELINE | ROUTE_ANY_BODY, 200,
     "change_pipeline", "Change some of its words; null takes one away", pipelines_patch, NULL,
     NULL, "configured"},
    {DELETE, API "/pipelines/{pipeline}", SCOPE_WRITE, ROUTE_PIPELINE, 204, "delete_pipeline",
     "Take a pipeline away that isn't running; what it has in its databases stays",
     pipelines_delete, NULL, NULL, NULL},
    {POST, API "/pipelines/{pipeline}/clone", SCOPE_WRITE, ROUTE_PIPELINE | ROUTE_WHOLE, 201,
     "clone_pipeline", "Copy its file under another name", pipelines_clone, NULL, clone_body,
     "configured"},
    {GET, API "/pipelines/{pipeline}/export", SCOPE_READ, ROUTE_PIPELINE, 200, "export_pipeline",
     "Its file", pipelines_export, export_query, NULL, NULL},
    {GET, API "/pipelines/{pipeline}/status", SCOPE_READ, ROUTE_PIPELINE, 200, "pipeline_status",
     "How it fares: state, phase, rows, lag, its workers", pipelines_status, NULL, NULL,
     "pipeline"},
    {POST, API "/pipelines/{pipeline}/start", SCOPE_OPERATE, ROUTE_PIPELINE, 202, "start_pipeline",
     "Have it run, now and after the node's restarts", pipelines_start, NULL, no_body, "pipeline"},
    {POST, API "/pipelines/{pipeline}/stop", SCOPE_OPERATE, ROUTE_PIPELINE, 202, "stop_pipeline",
     "End it in order, and leave it so", pipelines_stop, NULL, no_body, "pipeline"},
    {POST, API "/pipelines/{pipeline}/pause", SCOPE_OPERATE, ROUTE_PIPELINE, 202, "pause_pipeline",
     "Let it rest; its process stays", pipelines_pause, NULL, no_body, "pipeline"},
    {POST, API "/pipelines/{pipeline}/resume", SCOPE_OPERATE, ROUTE_PIPELINE, 202,
     "resume_pipeline", "Go on behind a pause", pipelines_resume, NULL, no_body, "pipeline"},
    {POST, API "/pipelines/{pipeline}/restart", SCOPE_OPERATE, ROUTE_PIPELINE, 202,
     "restart_pipeline", "End it in order, and begin with its file as it is now", pipelines_restart,
     NULL, no_body, "pipeline"},
    {POST, API "/pipelines/{pipeline}/plan", SCOPE_OPERATE, ROUTE_PIPELINE, 200, "plan_pipeline",
     "What a run would do: tables, types, statements; nothing is written", pipelines_plan, NULL,
     no_body, NULL},
    {POST, API "/pipelines/{pipeline}/check", SCOPE_OPERATE, ROUTE_PIPELINE, 200, "check_pipeline",
     "What would stand in its way, and what to do; nothing is written", pipelines_check, NULL,
     no_body, NULL},
    {POST, API "/pipelines/{pipeline}/reset", SCOPE_WRITE, ROUTE_PIPELINE, 200, "reset_pipeline",
     "Forget how far it has come; it must be stopped", pipelines_reset, NULL, confirm_body, NULL},
    {POST, API "/pipelines/{pipeline}/cutover", SCOPE_OPERATE, ROUTE_PIPELINE, 202,
     "cutover_pipeline", "Follow to the source's end, settle sequences, and be done",
     pipelines_cutover, NULL, confirm_body, "job"},
    {POST, API "/pipelines/{pipeline}/verify", SCOPE_OPERATE, ROUTE_PIPELINE, 202,
     "verify_pipeline", "Compare both ends, as a job", pipelines_verify, NULL, verify_body, "job"},
    {GET, API "/pipelines/{pipeline}/tables", SCOPE_READ, ROUTE_PIPELINE, 200, "list_tables",
     "Its tables, and how each fares", pipelines_tables, NULL, NULL, NULL},
    {POST, API "/pipelines/{pipeline}/tables/add", SCOPE_OPERATE, ROUTE_PIPELINE, 202, "add_tables",
     "Take tables in that were made meanwhile", pipelines_table_add, NULL, tables_body, NULL},
    {POST, API "/pipelines/{pipeline}/tables/reload", SCOPE_OPERATE, ROUTE_PIPELINE, 202,
     "reload_tables", "Load tables once more", pipelines_table_reload, NULL, tables_body, NULL},
    {GET, API "/pipelines/{pipeline}/dead-letters", SCOPE_READ, ROUTE_PIPELINE, 200,
     "list_dead_letters", "Rows that stand aside, and why", pipelines_dead_letters, letters_query,
     NULL, NULL},
    {GET, API "/pipelines/{pipeline}/dead-letters/{number}", SCOPE_DATA, ROUTE_PIPELINE, 200,
     "show_dead_letter", "One of them, with its values", pipelines_dead_letter, NULL, NULL, NULL},
    {POST, API "/pipelines/{pipeline}/dead-letters/replay", SCOPE_OPERATE, ROUTE_PIPELINE, 200,
     "replay_dead_letters", "Try them once more", pipelines_replay, NULL, letters_body, NULL},
    {POST, API "/pipelines/{pipeline}/dead-letters/discard", SCOPE_WRITE, ROUTE_PIPELINE, 200,
     "discard_dead_letters", "Forget them", pipelines_discard, NULL, letters_body, NULL},
    {GET, API "/jobs", SCOPE_READ, 0, 200, "list_jobs", "What takes long, and how it goes",
     jobs_list, page_query, NULL, "job"},
    {GET, API "/jobs/{job}", SCOPE_READ, 0, 200, "show_job", "One of them, with its result",
     jobs_show, NULL, NULL, "job"},
    {GET, API "/runs", SCOPE_READ, ROUTE_WHOLE, 200, "list_runs",
     "What was run, the latest first, and how it ended", runs_list, runs_query, NULL, "run"},
    {GET, API "/pipelines/{pipeline}/runs", SCOPE_READ, ROUTE_PIPELINE, 200, "list_pipeline_runs",
     "The same, of one pipeline", runs_list_of, history_query, NULL, NULL},
    {GET, API "/events", SCOPE_READ, ROUTE_WHOLE, 200, "list_events",
     "Who has asked for what, the latest first", events_list, events_query, NULL, "event"},
    {GET, API "/logs", SCOPE_READ, ROUTE_WHOLE, 200, "list_logs",
     "The latest log records, or those behind a number", logs_list, logs_query, NULL, NULL},
    {GET, API "/pipelines/{pipeline}/logs", SCOPE_READ, ROUTE_PIPELINE, 200, "list_pipeline_logs",
     "The same, of one pipeline's workers", logs_list_of, logs_query, NULL, NULL},
    {GET, API "/usage", SCOPE_READ, ROUTE_WHOLE, 200, "show_usage",
     "How much was moved, by day or month", usage_list, usage_query, NULL, "usage"},
    {GET, API "/keys", SCOPE_ADMIN, ROUTE_WHOLE, 200, "list_keys", "All keys, without their texts",
     keys_list, page_query, NULL, "key"},
    {POST, API "/keys", SCOPE_ADMIN, ROUTE_WHOLE, 201, "create_key",
     "Make a key: its text is told this once", keys_make, NULL, key_body, "key"},
    {GET, API "/keys/self", 0, ROUTE_ALL_KEYS, 200, "show_own_key", "The key of this request",
     keys_self, NULL, NULL, "key"},
    {POST, API "/keys/{key}/rotate", SCOPE_ADMIN, ROUTE_WHOLE, 200, "rotate_key",
     "Give it another text", keys_turn, NULL, rotate_body, "key"},
    {DELETE, API "/keys/{key}", SCOPE_ADMIN, ROUTE_WHOLE, 204, "revoke_key", "End it at once",
     keys_end, NULL, NULL, NULL},
};
const size_t nroutes = sizeof(routes) / sizeof(routes[0]);
