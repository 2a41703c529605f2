/* Tables of a running pipeline: what the process that runs it answers to runnel tables. */
#include "tables.h"

static int ask(struct pipeline *pipeline, const struct rnl_names *names, bool again,
               struct rnl_error *err)
{
    return pipeline_tables(pipeline, names, again, NULL, err);
}

int tables_ask_first(struct pipeline *pipeline, char *const *names, struct rnl_error *err)
{
    struct rnl_names list = {0};

    err->status = RNL_OK;
    for (size_t i = 0; names && names[i] && err->status == RNL_OK; i++)
        names_add(&list, names[i], err);
    if (err->status == RNL_OK && list.count)
        ask(pipeline, &list, true, err);
    names_clear(&list);
    return err->status;
}

int tables_ask(struct pipeline *pipeline, const json_t *request, struct rnl_error *err)
{
    const json_t *names = json_object_get(request, "names"), *name;
    struct rnl_names list = {0};
    size_t i;

    err->status = RNL_OK;
    json_array_foreach(names, i, name)
    {
        if (err->status == RNL_OK && json_is_string(name))
            names_add(&list, json_string_value(name), err);
    }
    if (err->status == RNL_OK && !list.count)
        rnl_fail(err, RNL_E_CONFIG, "remote.request", "no tables are named");
    if (err->status == RNL_OK)
        ask(pipeline, &list, json_is_true(json_object_get(request, "again")), err);
    names_clear(&list);
    return err->status;
}

json_t *tables_asked_json(struct pipeline *pipeline)
{
    static const char *const states[] = {"", "waiting", "taken", "refused"};
    struct rnl_error why;
    uint64_t number;
    enum asked_state state = pipeline_asked(pipeline, &number, &why);
    json_t *o;

    if (state == ASKED_NOTHING)
        return NULL;
    o = json_pack("{s:I,s:s}", "number", (json_int_t)number, "state", states[state]);
    if (state == ASKED_REFUSED)
        json_object_set_new(o, "error",
                            json_pack("{s:i,s:s,s:s,s:s}", "status", why.status, "code", why.code,
                                      "text", why.text, "hint", why.hint));
    return o;
}

json_t *tables_list_json(struct pipeline *pipeline)
{
    struct progress *progress = pipeline_progress(pipeline);
    json_t *list = json_array();

    for (uint32_t i = 0; i < progress_count(progress); i++) {
        struct progress_table table;

        progress_at(progress, i, &table);
        json_array_append_new(list,
                              json_pack("{s:s,s:s,s:I,s:I,s:s}", "schema", table.schema, "table",
                                        table.name, "rows_loaded", (json_int_t)table.rows_written,
                                        "rows_set_aside", (json_int_t)table.rows_aside, "state",
                                        table.units_done == table.units ? "loaded" : "loading"));
    }
    return json_pack("{s:o}", "tables", list);
}
