/* The program's own settings and configuration: where they come from, put in force. */
#include "../config.h"
#include "../config_block.h"
#include "../module.h"
#include "../util/log.h"
#include "cli.h"

#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

void cli_program_settings(const struct cli_args *args, struct settings *program)
{
    for (size_t i = 0; i < config_nwords; i++) {
        const struct config_word *word = &config_words[i];
        const struct setting *given =
            word->option ? settings_find(&args->options, word->option) : NULL;

        if (given && given->type == SETTING_LIST)
            settings_set_list(program, word->name, given->items, &given->origin);
        else if (given)
            settings_set(program, word->name, given->type, given->text, &given->origin);
    }
    if (cli_flag(args, "quiet") && !settings_find(program, "log.level"))
        settings_set(program, "log.level", SETTING_TEXT, "warn",
                     &settings_find(&args->options, "quiet")->origin);
}

/* The index of what is set, or of the preset, among the choices; -1: none of them. */
static int chosen(const struct settings *program, const struct config_word *word,
                  struct rnl_error *err)
{
    const struct setting *setting = settings_find(program, word->name);
    const char *text = setting ? setting->text : word->preset;
    int index = choice_index(word->choices, text);
    char from[256];

    if (index < 0)
        rnl_fail(err, RNL_E_CONFIG, "cli.bad_value", "%s: \"%s\" is none of %s",
                 origin_text(&setting->origin, from, sizeof(from)), text, word->choices);
    return index;
}

int cli_program_apply(const struct settings *program, struct rnl_error *err)
{
    struct log_settings log = {0};
    const struct setting *folders = settings_find(program, "plugin_dir");
    int level = chosen(program, &config_words[0], err);
    int format = chosen(program, &config_words[1], err);
    size_t count = 0;

    if (level < 0 || format < 0)
        return err->status;
    log.level = (enum rnl_level)(RNL_LOG_DEBUG + level);
    log.json = format == 1;
    log.journal = format == 2 || (!settings_find(program, "log.format") && log_is_journal());
    log_setup(&log);
    if (folders) {
        while (folders->items[count])
            count++;
        module_set_dirs((const char *const *)folders->items, count);
    }
    return RNL_OK;
}

/*
 * ./runnel.cfg is taken unasked, and may name plugins: in a folder that others write to,
 * it must not be theirs.
 */
static bool ours_here(const char *path)
{
    struct stat of;

    if (stat(path, &of) != 0)
        return false;
    if ((of.st_uid == geteuid() || of.st_uid == 0) && (of.st_mode & S_IWOTH) == 0)
        return true;
    log_write(RNL_LOG_WARN, "config",
              "./%s is not used: it %s; name it with --config if it is meant", path,
              of.st_mode & S_IWOTH ? "can be written by everybody" : "belongs to another user");
    return false;
}

/* The configuration that is meant when none is named; NULL: there is none. */
static const char *preset_path(char *buf, size_t size)
{
    const char *folder = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

    if (ours_here("runnel.cfg"))
        return "runnel.cfg";
    if (folder && *folder)
        snprintf(buf, size, "%s/runnel/runnel.cfg", folder);
    else
        snprintf(buf, size, "%s/.config/runnel/runnel.cfg", home ? home : "");
    if (access(buf, F_OK) == 0)
        return buf;
    return access("/etc/runnel/runnel.cfg", F_OK) == 0 ? "/etc/runnel/runnel.cfg" : NULL;
}

int cli_config(const struct cli_args *args, const char *file, struct config **config,
               struct rnl_error *err)
{
    char buf[PATH_MAX];
    const char *paths[2], *main_path = cli_text(args, "config", NULL);
    struct settings program = {0};
    size_t count = 0;
    int status;

    if (!main_path)
        main_path = preset_path(buf, sizeof(buf));
    if (main_path)
        paths[count++] = main_path;
    if (file)
        paths[count++] = file;
    cli_program_settings(args, &program);
    status = config_load_all(paths, count, &program, config, err);
    settings_clear(&program);
    if (status == RNL_OK)
        status = cli_program_apply(&(*config)->program, err);
    return status;
}
