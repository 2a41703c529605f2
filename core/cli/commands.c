/* All commands, in the order of help, and the options that each of them takes. */
#include "cli.h"

const struct cli_option cli_common[] = {
    {"config", 'c', CLI_TEXT, 0, "FILE",
     "configuration: a file, or a folder of *.cfg (preset: ./runnel.cfg, "
     "~/.config/runnel/runnel.cfg, /etc/runnel/runnel.cfg, the first that is there)"},
    {"plugin-dir", 0, CLI_TEXT, CLI_REPEAT, "DIR", "look for plugins here first"},
    {"log-level", 0, CLI_TEXT, 0, "LEVEL", "debug, info, warn or error (preset: info)"},
    {"log-format", 0, CLI_TEXT, 0, "FORMAT",
     "text, json or journal (preset: text, and journal where systemd takes it)"},
    {"json", 0, CLI_FLAG, 0, NULL, "print results and errors as JSON"},
    {"quiet", 'q', CLI_FLAG, 0, NULL, "no progress, and warnings and errors alone in the log"},
    {"yes", 'y', CLI_FLAG, 0, NULL, "answer yes to what would be asked"},
    {"ask-password", 0, CLI_FLAG, 0, NULL, "ask on the terminal for passwords that are not given"},
    {"version", 0, CLI_FLAG, CLI_ARGV, NULL, "print the version"},
};
const size_t cli_ncommon = sizeof(cli_common) / sizeof(cli_common[0]);

extern const struct cli_command migrate_command, run_command, plan_command;
extern const struct cli_command check_command, verify_command;
extern const struct cli_command status_command, pause_command, resume_command, stop_command;
extern const struct cli_command tables_list_command, tables_add_command;
extern const struct cli_command tables_reload_command;
extern const struct cli_command cutover_command;
extern const struct cli_command serve_command, worker_command, pipelines_configured_command;
extern const struct cli_command api_command, openapi_command, metrics_command;
extern const struct cli_command logs_command, logs_level_command;
extern const struct cli_command runs_command, events_command, usage_command;
extern const struct cli_command keys_create_command, keys_list_command;
extern const struct cli_command keys_revoke_command, keys_rotate_command;
extern const struct cli_command pipelines_list_command, pipelines_show_command;
extern const struct cli_command pipelines_start_command, pipelines_stop_command;
extern const struct cli_command pipelines_pause_command, pipelines_resume_command;
extern const struct cli_command pipelines_restart_command, pipelines_reset_command;
extern const struct cli_command doctor_command, nodes_command;
extern const struct cli_command nodes_drain_command, nodes_undrain_command;
extern const struct cli_command pipelines_delete_command;
extern const struct cli_command dead_letters_list_command, dead_letters_show_command;
extern const struct cli_command dead_letters_replay_command, dead_letters_discard_command;
extern const struct cli_command dead_letters_export_command;
extern const struct cli_command config_show_command, config_check_command;
extern const struct cli_command connections_list_command, connections_test_command;
extern const struct cli_command secrets_init_command, secrets_set_command, secrets_list_command;
extern const struct cli_command secrets_remove_command, secrets_rotate_command;
extern const struct cli_command plugins_command, plugins_help_command, plugins_verify_command;
extern const struct cli_command help_command, version_command;

const struct cli_command *const cli_commands[] = {
    &migrate_command,
    &run_command,
    &plan_command,
    &check_command,
    &verify_command,
    &status_command,
    &pause_command,
    &resume_command,
    &stop_command,
    &tables_list_command,
    &tables_add_command,
    &tables_reload_command,
    &cutover_command,
    &serve_command,
    &nodes_command,
    &nodes_drain_command,
    &nodes_undrain_command,
    &doctor_command,
    &logs_command,
    &logs_level_command,
    &runs_command,
    &events_command,
    &usage_command,
    &metrics_command,
    &openapi_command,
    &keys_create_command,
    &keys_list_command,
    &keys_revoke_command,
    &keys_rotate_command,
    &worker_command,
    &api_command,
    &pipelines_configured_command,
    &pipelines_list_command,
    &pipelines_show_command,
    &pipelines_start_command,
    &pipelines_stop_command,
    &pipelines_pause_command,
    &pipelines_resume_command,
    &pipelines_restart_command,
    &pipelines_reset_command,
    &pipelines_delete_command,
    &dead_letters_list_command,
    &dead_letters_show_command,
    &dead_letters_replay_command,
    &dead_letters_discard_command,
    &dead_letters_export_command,
    &connections_list_command,
    &connections_test_command,
    &config_show_command,
    &config_check_command,
    &secrets_init_command,
    &secrets_set_command,
    &secrets_list_command,
    &secrets_remove_command,
    &secrets_rotate_command,
    &plugins_command,
    &plugins_help_command,
    &plugins_verify_command,
    &help_command,
    &version_command,
    NULL,
};
