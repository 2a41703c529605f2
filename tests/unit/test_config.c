/* Configuration files: what is read of them, and that each mistake is told with its place. */
#include "config.h"
#include "config_run.h"
#include "fake_plugins.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static char folder[] = "/tmp/runnel-config-XXXXXX";

static char *path_of(const char *name)
{
    static char path[4][256];
    static int turn;

    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof(path[turn]), "%s/%s", folder, name);
    return path[turn];
}

static char *write_file(const char *name, const char *text)
{
    char *path = path_of(name);
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0600), 0);
    return path;
}

#define CONNECTIONS                                                            \
    "connections = {\n"                                                        \
    "  shop-mysql = { plugin = \"mysql\"; host = \"h\"; port = 3307;\n"        \
    "    password = \"secret://env/X\"; tls = { mode = \"verify-ca\"; }; };\n" \
    "  warehouse = { plugin = \"postgres\"; connect_timeout = \"5s\"; };\n"    \
    "};\n"
#define READER "reader = { source = { connection = \"shop-mysql\"; }; };\n"
#define WRITER "writer = { sink = { connection = \"warehouse\"; }; };\n"

static const char whole[] = CONNECTIONS
    "log = { level = \"warn\"; };\n"
    "secrets = { file = { path = \"s\"; }; };\n"
    "pipeline = {\n"
    "  name = \"shop\"; mode = \"replicate\";\n"
    "  reader = {\n"
    "    source = { plugin = \"mysql\"; connection = \"shop-mysql\"; tinyint1 = \"bool\";\n"
    "               skip = [ \"a\", \"b\" ]; };\n"
    "    tables = ( { name = \"shop.*\"; }, { name = \"shop.orders\"; where = \"id > 1\";\n"
    "               operations = [ \"insert\", \"update\" ]; },\n"
    "               { name = \"shop.log\"; exclude = true; } );\n"
    "    lanes = 3; bundle_rows = 10; chunk_bytes = \"1M\";\n"
    "  };\n"
    "  transport = { plugin = \"memory\"; queue_bytes = \"1M\"; };\n"
    "  writer = {\n"
    "    sink = { plugin = \"postgres\"; connection = \"warehouse\"; };\n"
    "    structure = { indexes = false; };\n"
    "    schema_policy = \"drop_and_recreate\"; write_mode = \"append\"; lanes = 2;\n"
    "    on_error = \"set_aside\"; error_limit = 5; keep_rows = false;\n"
    "  };\n"
    "  retry = { seconds = 9; first_ms = 3; max_ms = 4; }; memory = \"40M\"; max_row = \"2M\";\n"
    "  limits = { events = 7L; seconds = 0; };\n"
    "};\n";

static void everything_is_read(void **state)
{
    struct rnl_error err = RNL_ERROR_INIT;
    const struct pipeline_config *pipeline;
    struct config *config;
    char where[300];

    (void)state;
    if (config_load(write_file("whole.cfg", whole), &config, &err) != RNL_OK)
        fail_msg("%s", err.text);
    assert_int_equal(config->nconnections, 2);
    assert_string_equal(settings_find(&config->connections[0]->settings, "tls.mode")->text,
                        "verify-ca");
    assert_string_equal(settings_find(&config->connections[0]->settings, "port")->text, "3307");
    assert_true(
        strstr(origin_text(&settings_find(&config->connections[0]->settings, "port")->origin, where,
                           sizeof(where)),
               "whole.cfg:2"));
    assert_string_equal(settings_find(&config->program, "log.level")->text, "warn");
    assert_string_equal(config->secret_stores[0], "file");
    pipeline = config_pipeline(config, NULL);
    assert_ptr_equal(pipeline, config_pipeline(config, "shop"));
    assert_null(config_pipeline(config, "other"));
    assert_int_equal(pipeline->mode, MODE_REPLICATE);
    assert_int_equal(pipeline->reader.lanes, 3);
    assert_int_equal(pipeline->writer.lanes, 2);
    assert_int_equal(pipeline->bundle_rows, 10);
    assert_int_equal(pipeline->chunk_bytes, 1 << 20);
    assert_string_equal(pipeline->reader.connection->name, "shop-mysql");
    assert_string_equal(settings_find(&pipeline->reader.settings, "tinyint1")->text, "bool");
    assert_string_equal(settings_find(&pipeline->reader.settings, "skip")->items[1], "b");
    assert_int_equal(pipeline->ntables, 3);
    assert_string_equal(pipeline->tables[1].where, "id > 1");
    assert_true(pipeline->tables[1].operations);
    assert_int_equal(pipeline->tables[1].left_out, 1 << RNL_DELETE | 1 << RNL_TRUNCATE);
    assert_false(pipeline->tables[0].operations);
    assert_true(pipeline->tables[2].exclude);
    assert_int_equal(pipeline->schema_policy, RNL_DROP_AND_RECREATE);
    assert_int_equal(pipeline->write_mode, RNL_APPEND);
    assert_int_equal(pipeline->structure,
                     RNL_WITH_TABLES | RNL_WITH_FOREIGN_KEYS | RNL_WITH_CHECKS | RNL_WITH_COMMENTS);
    assert_int_equal(pipeline->limit_events, 7);
    assert_int_equal(pipeline->on_error, ON_ERROR_SET_ASIDE);
    assert_int_equal(pipeline->error_limit, 5);
    assert_false(pipeline->keep_rows);
    assert_int_equal(pipeline->retry.seconds, 9);
    assert_int_equal(pipeline->retry.first_ms, 3);
    assert_int_equal(pipeline->retry.max_ms, 4);
    assert_int_equal(pipeline->memory_bytes, 40 << 20);
    assert_int_equal(pipeline->row_bytes, 2 << 20);
    assert_string_equal(settings_find(&pipeline->transport_settings, "queue_bytes")->text, "1M");
    assert_int_equal(config_runnable(pipeline, &err), RNL_E_CONFIG);
    assert_string_equal(err.code, "config.policies_contradict");
    config_free(config);
}

static void presets_stand(void **state)
{
    struct rnl_error err = RNL_ERROR_INIT;
    const struct pipeline_config *pipeline;
    struct config *config;

    (void)state;
    if (config_load(write_file("small.cfg",
                               CONNECTIONS "pipelines = ( { name = \"a\"; " READER WRITER
                                           "}, { name = \"b\"; " READER WRITER
                                           "limits = { seconds = 5; }; } );\n"),
                    &config, &err) != RNL_OK)
        fail_msg("%s", err.text);
    assert_int_equal(config->npipelines, 2);
    pipeline = config->pipelines[0];
    assert_int_equal(pipeline->mode, MODE_CONVERT);
    assert_int_equal(pipeline->reader.lanes, config_lanes());
    assert_in_range(config_lanes(), 2, 4);
    assert_int_equal(pipeline->bundle_rows, 500);
    assert_string_equal(pipeline->transport, "memory");
    assert_string_equal(pipeline->reader.plugin, "mysql");
    assert_int_equal(pipeline->schema_policy, RNL_CREATE_MISSING_ONLY);
    assert_int_equal(config_runnable(pipeline, &err), RNL_OK);
    assert_int_equal(pipeline->on_error, ON_ERROR_STOP);
    assert_int_equal(pipeline->error_limit, 1000);
    assert_true(pipeline->keep_rows);
    assert_int_equal(pipeline->retry.seconds, 600);
    assert_int_equal(config_runnable(config->pipelines[1], &err), RNL_OK);
    assert_int_equal(config->pipelines[1]->limit_seconds, 5);
    config_free(config);
}

/* What follows from a pipeline's memory, for each lane: never more than there is, never nothing. */
static void sizes_follow_from_memory(void **state)
{
    struct pipeline_config config = {.reader = {.lanes = 4}, .writer = {.lanes = 4}};
    struct run_sizes sizes;

    (void)state;
    config_presets(&config);
    config_sizes(&config, &sizes);
    assert_int_equal(sizes.queue_bytes, 2 << 20);
    assert_int_equal(sizes.bundle_bytes, 256 << 10);
    config.on_error = ON_ERROR_SET_ASIDE;
    config_sizes(&config, &sizes);
    assert_true(sizes.part_bytes + sizes.bundle_bytes < sizes.queue_bytes);
    assert_true(4 * sizes.queue_bytes < 32 << 20);
    config.memory_bytes = 32 << 20;
    config.writer.lanes = 64;
    config_sizes(&config, &sizes);
    assert_true(sizes.bundle_bytes > 1024);
    assert_true(64 * sizes.queue_bytes < 8 << 20);
    assert_true(sizes.part_bytes + sizes.bundle_bytes < sizes.queue_bytes);
}

/* A file that can't be right: which error, at which line, and a word that must be told. */
#define TABLES(rules)                                                     \
    CONNECTIONS "pipeline = { name = \"a\"; " WRITER                      \
                "reader = { source = { connection = \"shop-mysql\"; };\n" \
                " tables = ( " rules " ); }; };\n"

static const struct {
    const char *text, *code;
    int line; /* 0: not told */
    const char *says;
} bads[] = {
    {"conections = { };\n", "config.unknown_word", 1, "connections"},
    {"\nlog = { level = \"loud\"; };\n", "config.bad_value", 2, "loud"},
    {"log = { level = \"wran\"; };\n", "config.bad_value", 1, "warn"},
    {"log = { levle = \"info\"; };\n", "config.unknown_word", 1, "level"},
    {"log = \"info\";\n", "config.wrong_type", 1, "block"},
    {"connections = 5;\n", "config.wrong_type", 1, "block"},
    {"connections = {\n x = 5;\n};\n", "config.wrong_type", 2, "block"},
    {"connections = {\n x = { host = \"h\"; };\n};\n", "config.missing_word", 2, "plugin"},
    {"connections = {\n x = {\n plugin = \"mysqll\"; };\n};\n", "plugin.unknown", 3, "mysqll"},
    {"connections = {\n x = { plugin = \"mysql\";\n hots = \"h\"; };\n};\n", "config.unknown_word",
     3, "host"},
    {"connections = {\n x = { plugin = \"mysql\";\n port = 70000; };\n};\n", "config.out_of_range",
     3, "65535"},
    {"connections = {\n x = { plugin = \"mysql\";\n port = \"a\"; };\n};\n", "config.wrong_type", 3,
     "port"},
    {"connections = {\n x = { plugin = \"mysql\";\n tls = { mode = \"verify-fll\"; }; };\n};\n",
     "config.unknown_word", 3, "verify-full"},
    {"connections = {\n x = { plugin = \"mysql\";\n tls = { mod = \"x\"; }; };\n};\n",
     "config.unknown_word", 3, "tls.mode"},
    {"connections = {\n x = { plugin = \"mysql\";\n host = [ 1, 2 ]; };\n};\n", "config.wrong_type",
     3, "host"},
    {"connections = {\n x = { plugin = \"mysql\";\n tinyint1 = \"bool\"; };\n};\n",
     "config.misplaced_word", 3, "source or sink"},
    {"connections = { x = { plugin = \"mysql\"; };\n x = { plugin = \"mysql\"; }; };\n",
     "config.syntax", 2, "duplicate"},
    {"connections = {\n x = { plugin = \"mysql\"\n", "config.syntax", 0, "complete"},
    {"connections = {\n x = { plugin = \"mysql\"; host \"h\" };\n};\n\n\n", "config.syntax", 2,
     "syntax"},
    {"@include \"nowhere.cfg\"\n", "config.syntax", 1, "include"},
    {"\ninclude = [ \"nowhere.cfg\" ];\n", "config.no_file", 2, "nowhere.cfg"},
    {"include = \"x.cfg\";\n", "config.wrong_type", 1, "list"},
    {"secrets = {\n valt = { path = \"x\"; };\n};\n", "plugin.unknown", 2, "valt"},
    {"secrets = {\n file = { paht = \"x\"; };\n};\n", "config.unknown_word", 2, "path"},
    {CONNECTIONS "pipeline = { mode = \"convert\"; };\n", "config.missing_word", 6, "name"},
    {CONNECTIONS "pipeline = { name = \"a b\"; };\n", "config.bad_name", 6, "letters"},
    {CONNECTIONS "pipeline = { name = \"a\"; mode = \"cdcc\"; };\n", "config.bad_value", 6, "cdc"},
    {CONNECTIONS "pipeline = { name = \"a\"; " WRITER "};\n", "config.missing_word", 6, "reader"},
    {CONNECTIONS "pipeline = { name = \"a\"; " READER "};\n", "config.missing_word", 6, "writer"},
    {CONNECTIONS "pipeline = { name = \"a\"; reader = { }; " WRITER "};\n", "config.missing_word",
     6, "source"},
    {CONNECTIONS "pipeline = { name = \"a\"; reader = { source = { }; }; " WRITER "};\n",
     "config.missing_word", 6, "connection"},
    {CONNECTIONS "pipeline = { name = \"a\"; reader = { source = { connection = \"shop-mysq\"; "
                 "}; }; " WRITER "};\n",
     "config.unknown_connection", 6, "shop-mysql"},
    {"pipeline = { name = \"a\"; " READER WRITER "};\n", "config.unknown_connection", 1,
     "connections ="},
    {CONNECTIONS "pipeline = { name = \"a\"; reader = { source = { connection = \"warehouse\"; "
                 "}; }; " WRITER "};\n",
     "plugin.unknown", 6, "no source named postgres"},
    {CONNECTIONS "pipeline = { name = \"a\"; reader = { source = { plugin = \"postgres\"; "
                 "connection = \"shop-mysql\"; }; }; " WRITER "};\n",
     "config.plugin_differs", 6, "shop-mysql"},
    {CONNECTIONS "pipeline = { name = \"a\"; reader = { source = { connection = \"shop-mysql\";\n"
                 "tinyint = \"bool\"; }; }; " WRITER "};\n",
     "config.unknown_word", 7, "tinyint1"},
    {CONNECTIONS "pipeline = { name = \"a\"; reader = { source = { connection = \"shop-mysql\";\n"
                 "host = \"h\"; }; }; " WRITER "};\n",
     "config.misplaced_word", 7, "connection"},
    {CONNECTIONS "pipeline = { name = \"a\"; " WRITER
                 "reader = { source = { connection = \"shop-mysql\"; };\n lanes = 0; }; };\n",
     "config.out_of_range", 8, "1 to 64"},
    {CONNECTIONS "pipeline = { name = \"a\"; " WRITER
                 "reader = { source = { connection = \"shop-mysql\"; };\n lanes = 65; }; };\n",
     "config.out_of_range", 8, "1 to 64"},
    {CONNECTIONS "pipeline = { name = \"a\"; " WRITER
                 "reader = { source = { connection = \"shop-mysql\"; };\n bundle_rows = 5; }; };\n",
     "config.out_of_range", 8, "10 to 1000"},
    {CONNECTIONS "pipeline = { name = \"a\"; " WRITER
                 "reader = { source = { connection = \"shop-mysql\"; };\n lanes = \"4\"; }; };\n",
     "config.wrong_type", 8, "number"},
    {CONNECTIONS "pipeline = { name = \"a\"; " WRITER
                 "reader = { source = { connection = \"shop-mysql\"; };\n"
                 " chunk_bytes = \"big\"; }; };\n",
     "config.bad_value", 8, "64M"},
    {CONNECTIONS "pipeline = { name = \"a\"; " WRITER
                 "reader = { source = { connection = \"shop-mysql\"; };\n"
                 " tables = ( { where = \"x\"; } ); }; };\n",
     "config.missing_word", 8, "name"},
    {CONNECTIONS "pipeline = { name = \"a\"; " WRITER
                 "reader = { source = { connection = \"shop-mysql\"; };\n"
                 " tables = [ \"a\" ]; }; };\n",
     "config.wrong_type", 8, "blocks"},
    {CONNECTIONS "pipeline = { name = \"a\"; " WRITER
                 "reader = { source = { connection = \"shop-mysql\"; };\n"
                 " tables = ( { name = \"t\"; operations = [ \"insert\" ]; } ); }; };\n",
     "config.misplaced_word", 8, "operations"},
    {CONNECTIONS "pipeline = { name = \"a\"; mode = \"cdc\"; " WRITER
                 "reader = { source = { connection = \"shop-mysql\"; };\n"
                 " tables = ( { name = \"t\"; operations = [ \"insrt\" ]; } ); }; };\n",
     "config.bad_value", 8, "insert"},
    {CONNECTIONS "pipeline = { name = \"a\"; " READER
                 "writer = { sink = { connection = \"warehouse\"; };\n"
                 " schema_policy = \"drop\"; }; };\n",
     "config.bad_value", 8, "drop_and_recreate"},
    {CONNECTIONS "pipeline = { name = \"a\"; " READER
                 "writer = { sink = { connection = \"warehouse\"; };\n"
                 " structure = { index = true; }; }; };\n",
     "config.unknown_word", 8, "indexes"},
    {CONNECTIONS "pipeline = { name = \"a\"; " READER WRITER "limits = { events = -1; }; };\n",
     "config.out_of_range", 8, "events"},
    {CONNECTIONS "pipeline = { name = \"a\"; " READER WRITER "memory = \"8M\"; };\n",
     "config.out_of_range", 8, "memory"},
    {CONNECTIONS "pipeline = { name = \"a\"; " READER WRITER
                 "retry = { first_ms = 20; max_ms = 10; }; };\n",
     "config.bad_value", 8, "first_ms"},
    {CONNECTIONS "pipeline = { name = \"a\"; " READER "writer = { sink = { connection = "
                 "\"warehouse\"; };\n on_error = \"skip\"; }; };\n",
     "config.bad_value", 8, "did you mean"},
    {CONNECTIONS "pipeline = { name = \"a\"; " READER WRITER "transport = { plugin = \"nats\"; "
                 "}; };\n",
     "plugin.unknown", 8, "nats"},
    {CONNECTIONS "pipeline = { name = \"a\"; " READER WRITER "transport = { plugin = \"memory\"; "
                 "queue_byte = 5000; }; };\n",
     "config.unknown_word", 8, "queue_bytes"},
    {CONNECTIONS "pipeline = { name = \"a\"; " READER WRITER "transport = { plugin = \"memory\"; "
                 "queue_bytes = 5; }; };\n",
     "config.out_of_range", 8, "queue_bytes"},
    {TABLES("{ name = \"t\"; column = [ \"a\" ]; }"), "config.unknown_word", 8, "columns"},
    {TABLES("{ name = \"t\"; columns = [ ]; }"), "config.bad_value", 8, "one at least"},
    {TABLES("{ name = \"t\"; columns = [ \"a\" ]; exclude_columns = [ \"b\" ]; }"),
     "config.bad_value", 8, "contradict"},
    {TABLES("{ name = \"t\"; exclude = true; target = \"x\"; }"), "config.bad_value", 8,
     "left out"},
    {TABLES("{ name = \"t*\"; target = \"x\"; }"), "config.bad_value", 8, "warehouse.*"},
    {TABLES("{ name = \"t\"; target = \"x.\"; }"), "config.bad_value", 8, "no target"},
    {TABLES("{ name = \"t\"; key = \"a\"; }"), "config.bad_value", 8, "query"},
    {TABLES("{ name = \"t*\"; query = \"SELECT 1\"; }"), "config.bad_value", 8, "no pattern"},
    {TABLES("{ name = \"t\"; query = \"SELECT 1\"; where = \"a\"; }"), "config.bad_value", 8,
     "itself"},
    {TABLES("{ name = \"t\"; rename = { a = 5; }; }"), "config.bad_value", 8, "new name"},
    {TABLES("{ name = \"t\"; mask = ( { column = \"a\"; with = \"hide\"; } ); }"),
     "config.bad_value", 8, "hash"},
    {TABLES("{ name = \"t\"; mask = ( { column = \"a\"; with = \"hash\"; } ); }"),
     "config.missing_word", 8, "salt"},
    {TABLES("{ name = \"t\"; mask = ( { column = \"a\"; with = \"fixed\"; } ); }"),
     "config.bad_value", 8, "value"},
    {TABLES("{ name = \"t\"; mask = ( { column = \"a\"; with = \"null\"; salt = \"x\"; } ); }"),
     "config.bad_value", 8, "salt"},
};

/* All that can be said of a table. */
static void tables_have_details(void **state)
{
    static const char text[] =
        TABLES("{ name = \"t\"; where = \"a > 1\"; columns = [ \"a\", \"b c\" ];\n"
               " target = \"s.*\"; rename = ( { column = \"b c\"; to = \"d\"; } );\n"
               " mask = ( { column = \"a\"; with = \"hash\"; salt = \"env:SALT\"; } ); },\n"
               " { query = \"SELECT 1\"; name = \"q\"; key = \"x\"; rename = { x = \"y\"; }; }");
    struct rnl_error err = RNL_ERROR_INIT;
    const struct table_rule *rule;
    struct config *config;

    (void)state;
    assert_int_equal(config_load(write_file("tables.cfg", text), &config, &err), RNL_OK);
    assert_int_equal(config_pipeline(config, "a")->ntables, 2);
    rule = config_pipeline(config, "a")->tables;
    assert_string_equal(rule->where, "a > 1");
    assert_int_equal(rule->ncolumns, 2);
    assert_string_equal(rule->columns[1], "b c");
    assert_false(rule->columns_exclude);
    assert_string_equal(rule->target, "s.*");
    assert_string_equal(rule->renames[0].from, "b c");
    assert_string_equal(rule->renames[0].to, "d");
    assert_int_equal(rule->masks[0].with, MASK_HASH);
    assert_string_equal(rule->masks[0].salt, "env:SALT");
    assert_non_null(strstr(rule->at, "tables.cfg:8"));
    assert_string_equal(rule[1].query, "SELECT 1");
    assert_string_equal(rule[1].key, "x");
    assert_string_equal(rule[1].renames[0].to, "y");
    config_free(config);
}

static void mistakes_are_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bads); i++) {
        struct rnl_error err = RNL_ERROR_INIT;
        struct config *config;
        char where[40];

        if (config_load(write_file("bad.cfg", bads[i].text), &config, &err) != RNL_E_CONFIG)
            fail_msg("accepted: %s", bads[i].text);
        assert_null(config);
        snprintf(where, sizeof(where), "bad.cfg:%d: ", bads[i].line);
        if (strcmp(err.code, bads[i].code) != 0 || (bads[i].line && !strstr(err.text, where)) ||
            (!strstr(err.text, bads[i].says) && !strstr(err.hint, bads[i].says)))
            fail_msg("%zu: %s\ngave %s: %s / %s", i, bads[i].text, err.code, err.text, err.hint);
    }
}

static void folders_and_includes(void **state)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct config *config;

    (void)state;
    assert_int_equal(mkdir(path_of("d"), 0700), 0);
    assert_int_equal(config_load(path_of("d"), &config, &err), RNL_E_CONFIG);
    assert_string_equal(err.code, "config.empty_folder");
    write_file("d/20.cfg", "pipeline = { name = \"a\"; " READER WRITER "};\n");
    write_file("d/10.cfg", CONNECTIONS "include = [ \"../more\", \"10.cfg\" ];\n"
                                       "plugin_dir = [ \"p\", \"/abs\" ];\n");
    write_file("d/ignored.txt", "nonsense");
    assert_int_equal(mkdir(path_of("more"), 0700), 0);
    write_file("more/b.cfg", "pipeline = { name = \"b\"; " READER WRITER "};\n");
    if (config_load(path_of("d"), &config, &err) != RNL_OK)
        fail_msg("%s", err.text);
    assert_int_equal(config->npipelines, 2);
    assert_string_equal(config->pipelines[0]->name, "b");
    assert_string_equal(fake_dir, path_of("d/p"));
    config_free(config);
    write_file("more/c.cfg", "\npipeline = { name = \"a\"; " READER WRITER "};\n");
    assert_int_equal(config_load(path_of("d"), &config, &err), RNL_E_CONFIG);
    assert_string_equal(err.code, "config.duplicate");
    assert_non_null(strstr(err.text, "20.cfg:1"));
    assert_non_null(strstr(err.text, "c.cfg:2"));
    write_file("d/20.cfg", "connections = { warehouse = { plugin = \"mysql\"; }; };\n");
    assert_int_equal(config_load(path_of("d"), &config, &err), RNL_E_CONFIG);
    assert_string_equal(err.code, "config.duplicate");
}

static void odd_files(void **state)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct config *config;
    char *path;
    int fd;

    (void)state;
    assert_int_equal(config_load(path_of("none.cfg"), &config, &err), RNL_E_CONFIG);
    assert_string_equal(err.code, "config.no_file");
    assert_int_equal(config_load("/dev/null", &config, &err), RNL_E_CONFIG);
    assert_string_equal(err.code, "config.no_file");
    path = write_file("large.cfg", "");
    fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(ftruncate(fd, 64 << 20), 0);
    close(fd);
    assert_int_equal(config_load(path, &config, &err), RNL_E_CONFIG);
    assert_string_equal(err.code, "config.too_large");
    assert_int_equal(config_load(write_file("empty.cfg", ""), &config, &err), RNL_OK);
    config_free(config);
}

static void flags_rank_before_files(void **state)
{
    const struct origin flag = {.kind = ORIGIN_FLAG, .file = "--log-level"};
    struct rnl_error err = RNL_ERROR_INIT;
    struct settings program = {0};
    const char *paths[2];
    struct config *config;

    (void)state;
    settings_set(&program, "log.level", SETTING_TEXT, "debug", &flag);
    paths[0] = write_file("one.cfg", CONNECTIONS "log = { level = \"warn\"; };\n");
    paths[1] = write_file("two.cfg", "pipeline = { name = \"a\"; " READER WRITER "};\n");
    assert_int_equal(config_load_all(paths, 2, &program, &config, &err), RNL_OK);
    assert_string_equal(settings_find(&config->program, "log.level")->text, "debug");
    assert_int_equal(config->npipelines, 1);
    config_free(config);
    settings_clear(&program);
}

static void examples_load(void **state)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct config *config;

    (void)state;
    if (config_load(SOURCE_DIR "/etc/runnel.cfg", &config, &err) != RNL_OK)
        fail_msg("%s / %s", err.text, err.hint);
    assert_int_equal(config->nconnections, 2);
    assert_non_null(config_pipeline(config, "shop"));
    assert_int_equal(config_runnable(config->pipelines[0], &err), RNL_OK);
    config_free(config);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    char command[200];

    (void)state;
    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    return system(command);
}

/* libconfig 1.5 leaks the text that it was reading when a syntax error came. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libconfig.so\n";
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_follow_from_memory),
        cmocka_unit_test(everything_is_read),
        cmocka_unit_test(presets_stand),
        cmocka_unit_test(mistakes_are_told),
        cmocka_unit_test(tables_have_details),
        cmocka_unit_test(folders_and_includes),
        cmocka_unit_test(odd_files),
        cmocka_unit_test(flags_rank_before_files),
        cmocka_unit_test(examples_load),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
