/* Both ends opened to be looked at: with the run's policies and tables, and what is amiss told. */
#include "inspect.h"

#include "catalog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct sink_config {
    const char *zero_date;
};

static const struct rnl_option sink_options[] = {
    {.name = "zero_date", .preset = "error", .help = "z", .type = RNL_O_STRING},
};
static const struct rnl_column id = {.name = "id", .type = RNL_T_INT, .width = 4};

static char *recorded;  /* what the target remembers, or NULL */
static char policy[32]; /* with which the sink was opened last */
static int sinks_open, sinks_opened;
static const char *lost_table; /* the target has it no more */

static struct rnl_table table_named(const char *name, const char *where)
{
    return (struct rnl_table){.size = sizeof(struct rnl_table),
                              .schema = "shop",
                              .name = name,
                              .columns = &id,
                              .ncolumns = 1,
                              .column_size = sizeof(id),
                              .where = where};
}

static int fake_self_open(const struct rnl_ctx *ctx, void **self, struct rnl_error *err)
{
    (void)err;
    *self = malloc(sizeof(ctx));
    memcpy(*self, &ctx, sizeof(ctx));
    return RNL_OK;
}

static int sink_open(const struct rnl_ctx *ctx, void **self, struct rnl_error *err)
{
    snprintf(policy, sizeof(policy), "%s", ((const struct sink_config *)ctx->config)->zero_date);
    sinks_open++;
    sinks_opened++;
    return fake_self_open(ctx, self, err);
}

static void sink_close(void *self)
{
    sinks_open--;
    free(self);
}

static int sink_recall(void *self, const char *pipeline, struct rnl_memory *memory,
                       struct rnl_error *err)
{
    const struct rnl_ctx *ctx = *(const struct rnl_ctx **)self;

    (void)pipeline;
    if (!recorded)
        return RNL_DONE;
    return ctx->host->memory_plan(memory, (struct rnl_slice){recorded, strlen(recorded)}, err);
}

static int sink_bind(void *self, const struct rnl_job *job, const struct rnl_catalog *catalog,
                     struct rnl_error *err)
{
    (void)self;
    (void)job;
    for (uint32_t i = 0; i < catalog_count(catalog); i++)
        if (lost_table && strcmp(catalog_at(catalog, i)->name, lost_table) == 0)
            return rnl_fail(err, RNL_E_CONFIG, "sink.missing_table", "%s is not there", lost_table);
    return RNL_OK;
}

/* The source has the tables old, kept and new. */
static int source_describe(void *self, struct rnl_catalog *catalog, struct rnl_error *err)
{
    static const char *const names[] = {"old", "kept", "new"};

    (void)self;
    for (int i = 0; i < 3; i++) {
        struct rnl_table table = table_named(names[i], NULL);

        if (catalog_wanted(catalog, table.schema, table.name) &&
            catalog_add(catalog, &table, err) != RNL_OK)
            return err->status;
    }
    return RNL_OK;
}

static int source_snapshot(void *self, uint32_t *lanes, struct rnl_slice *position,
                           struct rnl_error *err)
{
    (void)self;
    (void)position;
    (void)err;
    *lanes = *lanes < 2 ? *lanes : 2;
    return RNL_OK;
}

static struct plugin plugins[] = {
    {.kind = RNL_SOURCE,
     .name = "fake",
     .source = {.open = fake_self_open,
                .close = free,
                .describe = source_describe,
                .snapshot = source_snapshot}},
    {.kind = RNL_SINK,
     .name = "fake",
     .options = RNL_OPTIONS(sink_options, struct sink_config),
     .sink = {.open = sink_open, .close = sink_close, .recall = sink_recall, .bind = sink_bind}},
};

/* In the place of the loader's. */
int plugin_find(enum rnl_kind kind, const char *name, const struct plugin **plugin,
                struct rnl_error *err)
{
    (void)name;
    (void)err;
    *plugin = &plugins[kind == RNL_SINK];
    return RNL_OK;
}

const char *kind_name(enum rnl_kind kind)
{
    return kind == RNL_SINK ? "sink" : "source";
}

int plugin_by_scheme(enum rnl_kind kind, const char *scheme, const struct plugin **plugin,
                     struct rnl_error *err)
{
    return plugin_find(kind, scheme, plugin, err);
}

void module_set_dirs(const char *const *dirs, size_t count)
{
    (void)dirs;
    (void)count;
}

struct fixture {
    struct pipeline_config config;
    struct inspection inspection;
    struct rnl_error err;
};

/* A run that loaded old, kept and gone, with zero_date=null. */
static char *make_record(void)
{
    static const struct origin origin = {.kind = ORIGIN_FILE, .file = "x"};
    struct rnl_error err = RNL_ERROR_INIT;
    struct record record = {.state = RECORD_DONE};
    static const struct table_rule rules[] = {{.name = "kept", .where = "id > 5", .detail = true}};
    struct rnl_table tables[] = {table_named("old", NULL), table_named("kept", "id > 5"),
                                 table_named("gone", NULL)};
    char *text;

    record.catalog = catalog_new();
    record.plan = plan_new();
    record.selection = selection_text(rules, 1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(catalog_add(record.catalog, &tables[i], &err), RNL_OK);
    settings_set(&record.settings, "zero_date", SETTING_TEXT, "null", &origin);
    settings_set(&record.settings, "of_another_plugin", SETTING_TEXT, "x", &origin);
    text = record_to_json(&record);
    record_clear(&record);
    return text;
}

static int setup(void **state)
{
    static struct fixture f;
    static char name[] = "test", plugin[] = "fake";

    f = (struct fixture){.err = RNL_ERROR_INIT};
    f.config = (struct pipeline_config){.name = name,
                                        .reader = {.plugin = plugin, .lanes = 4},
                                        .writer = {.plugin = plugin, .lanes = 4}};
    f.inspection.config = &f.config;
    f.inspection.of_run = true;
    recorded = make_record();
    lost_table = NULL;
    sinks_opened = 0;
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    inspect_close(&f->inspection);
    settings_clear(&f->config.writer.settings);
    assert_int_equal(sinks_open, 0);
    free(recorded);
    recorded = NULL;
    return 0;
}

static void test_policies_of_the_run(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(inspect_open(&f->inspection, &f->err), RNL_OK);
    assert_true(f->inspection.recorded);
    assert_string_equal(policy, "null");
    assert_int_equal(sinks_opened, 2);
}

static void test_flags_win(void **state)
{
    static const struct origin flag = {.kind = ORIGIN_FLAG, .file = "--set"};
    struct fixture *f = *state;

    settings_set(&f->config.writer.settings, "zero_date", SETTING_TEXT, "epoch", &flag);
    assert_int_equal(inspect_open(&f->inspection, &f->err), RNL_OK);
    assert_string_equal(policy, "epoch");
}

static void test_without_a_record(void **state)
{
    struct fixture *f = *state;

    free(recorded);
    recorded = NULL;
    assert_int_equal(inspect_open(&f->inspection, &f->err), RNL_OK);
    assert_false(f->inspection.recorded);
    assert_string_equal(policy, "error");
    assert_int_equal(inspect_describe(&f->inspection, &f->err), RNL_OK);
    assert_int_equal(catalog_count(f->inspection.catalog), 3);
}

static void test_tables_of_the_run(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(inspect_open(&f->inspection, &f->err), RNL_OK);
    assert_int_equal(inspect_describe(&f->inspection, &f->err), RNL_OK);
    assert_int_equal(catalog_count(f->inspection.catalog), 2);
    assert_string_equal(catalog_at(f->inspection.catalog, 1)->name, "kept");
    assert_string_equal(catalog_at(f->inspection.catalog, 1)->where, "id > 5");
    assert_int_equal(f->inspection.nleft_out, 1);
    assert_string_equal(f->inspection.left_out[0], "shop.new");
    assert_int_equal(f->inspection.ngone, 1);
    assert_string_equal(f->inspection.gone[0], "shop.gone");
    assert_int_equal(inspect_snapshot(&f->inspection, 4, &f->err), RNL_OK);
    assert_int_equal(f->inspection.source_lanes, 2);
}

static void test_present_ways(void **state)
{
    struct fixture *f = *state;

    f->inspection.of_run = false; /* as `check` looks */
    assert_int_equal(inspect_open(&f->inspection, &f->err), RNL_OK);
    assert_string_equal(policy, "error");
    assert_int_equal(inspect_describe(&f->inspection, &f->err), RNL_OK);
    assert_int_equal(catalog_count(f->inspection.catalog), 3);
    assert_int_equal(f->inspection.ngone, 0);
}

static void test_a_table_lost(void **state)
{
    struct fixture *f = *state;

    lost_table = "old";
    assert_int_equal(inspect_open(&f->inspection, &f->err), RNL_OK);
    assert_int_equal(inspect_describe(&f->inspection, &f->err), RNL_OK);
    assert_int_equal(inspect_bind(&f->inspection, &f->err), RNL_OK);
    assert_int_equal(catalog_count(f->inspection.catalog), 1);
    assert_int_equal(f->inspection.nunbound, 1);
    assert_string_equal(f->inspection.unbound[0].name, "shop.old");
    assert_string_equal(f->inspection.unbound[0].error.code, "sink.missing_table");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_policies_of_the_run), TEST(test_flags_win),    TEST(test_without_a_record),
        TEST(test_tables_of_the_run),   TEST(test_present_ways), TEST(test_a_table_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
