/* Handlers of the routes, one file per resource. All run in threads of the crew. */
#ifndef API_RESOURCES_H
#define API_RESOURCES_H

#include "api_part.h"

typedef int api_handler(struct call *call, struct rnl_error *err);

/* system.c */
api_handler health_live, health_ready, system_info, system_status, system_openapi, system_metrics,
    system_reload, system_log_level;
/* nodes.c */
api_handler nodes_list, nodes_drain, nodes_undrain;
/* plugins.c */
api_handler plugins_list, plugins_show;
/* pipelines.c */
api_handler pipelines_list, pipelines_show, pipelines_status, pipelines_start, pipelines_stop,
    pipelines_pause, pipelines_resume, pipelines_restart;
/* pipeline_files.c */
api_handler pipelines_create, pipelines_replace, pipelines_patch, pipelines_delete, pipelines_clone,
    pipelines_export;
/* pipeline_jobs.c */
api_handler pipelines_plan, pipelines_check, pipelines_reset, pipelines_tables, pipelines_table_add,
    pipelines_table_reload, pipelines_dead_letters, pipelines_dead_letter, pipelines_replay,
    pipelines_discard, pipelines_verify, pipelines_cutover, jobs_list, jobs_show;
/* connections.c */
api_handler connections_list, connections_show, connections_create, connections_replace,
    connections_patch, connections_delete, connections_test;
/* runs.c */
api_handler runs_list, runs_list_of, events_list, usage_list;
/* logs.c */
api_handler logs_list, logs_list_of;
/* keys_resource.c */
api_handler keys_list, keys_self, keys_make, keys_turn, keys_end;

/* pipelines.c, for others: the node's entry of the call's pipeline; NULL and err. */
json_t *pipeline_entry(struct call *call, struct rnl_error *err);
/* Whether a worker of it lives, or is about to. */
bool pipeline_alive(const json_t *entry);
json_t *pipeline_actions(const json_t *entry);

#endif
