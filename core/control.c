/* The words between reader and writer, as JSON messages. */
#include "control.h"

#include "run.h"
#include "util/hex.h"
#include "util/json_parts.h"

#include <jansson.h>
#include <stdlib.h>

#define WAIT_MS 200

/*
 * Of the words: other ones are not understood. Within a version members are only added, and whoever
 * doesn't know one reads over it; type, version, program, from and to stay what they are in all.
 */
#ifndef CONTROL_VERSION /* a test builds programs that speak another */
#define CONTROL_VERSION 1
#endif

static const char *const names[] = {"",       "recall",    "run",    "ready", "ended",
                                    "values", "committed", "loaded", "alter", "hello",
                                    "here",   "stop",      "left",   "state"};

void control_clear(struct control *control)
{
    free(control->record);
    free(control->position);
    free(control->altered);
    memory_clear(&control->memory);
    *control = (struct control){0};
}

static json_t *units_to_json(const struct rnl_memory *memory)
{
    json_t *units = json_array();

    for (size_t i = 0; i < memory->nunits; i++) {
        const struct memory_unit *unit = &memory->units[i];
        char *hex = hex_encode(unit->position, unit->position_len);

        json_array_append_new(units, json_pack("{s:I,s:b,s:I,s:s}", "id", (json_int_t)unit->unit,
                                               "done", unit->done, "rows", (json_int_t)unit->rows,
                                               "position", hex ? hex : ""));
        free(hex);
    }
    return units;
}

static json_t *lanes_to_json(const struct rnl_memory *memory)
{
    json_t *lanes = json_array();

    for (size_t i = 0; i < memory->nlanes; i++)
        json_array_append_new(lanes,
                              json_pack("{s:I,s:I,s:I}", "lane", (json_int_t)memory->lanes[i].lane,
                                        "number", (json_int_t)memory->lanes[i].number, "epoch",
                                        (json_int_t)memory->lanes[i].epoch));
    return lanes;
}

/* A line of JSON, and behind it the record as it is: it is large, and JSON itself. */
static char *body_of(json_t *head, const char *record)
{
    struct json_text text = {0};

    json_text_value(&text, head);
    if (record) {
        json_text_add(&text, "\n", 1);
        json_text_add(&text, record, strlen(record));
    }
    return json_text_end(&text);
}

char *control_text(const struct control *control)
{
    json_t *o = json_pack("{s:s,s:i,s:b,s:I,s:I,s:I}", "type", names[control->type], "version",
                          CONTROL_VERSION, "resuming", control->resuming, "facts",
                          (json_int_t)control->facts, "lane", (json_int_t)control->lane, "joins",
                          (json_int_t)control->joins);

    json_object_set_new(o, "program", json_string(RUNNEL_VERSION));
    json_object_set_new(o, "settled", json_boolean(control->settled));
    json_object_set_new(o, "beside", json_boolean(control->beside));
    json_object_set_new(o, "from", json_integer((json_int_t)control->from));
    json_object_set_new(o, "to", json_integer((json_int_t)control->to));
    json_object_set_new(o, "left", json_integer(control->left));
    json_object_set_new(o, "lanes_filled", json_integer(control->lanes));
    json_object_set_new(o, "change_lanes", json_integer(control->change_lanes));
    if (control->position) {
        char *hex = hex_encode(control->position, control->position_len);

        json_object_set_new(o, "position", json_string(hex ? hex : ""));
        free(hex);
    }
    if (control->altered)
        json_object_set_new(o, "altered", json_string(control->altered));
    json_object_set_new(o, "units", units_to_json(&control->memory));
    json_object_set_new(o, "lanes", lanes_to_json(&control->memory));
    return body_of(o, control->record);
}

static int read_units(const json_t *units, struct rnl_memory *memory, struct rnl_error *err)
{
    for (size_t i = 0; i < json_array_size(units); i++) {
        const json_t *o = json_array_get(units, i);
        const char *hex = json_string_value(json_object_get(o, "position"));
        size_t len = hex ? strlen(hex) / 2 : 0;
        void *bytes = malloc(len + 1);
        int status;

        if (!bytes || (hex && !hex_decode(hex, bytes))) {
            free(bytes);
            return rnl_fail(err, RNL_E_FATAL, "control.invalid", "a unit's position can't be read");
        }
        status = memory_unit(memory, (uint32_t)json_integer_value(json_object_get(o, "id")),
                             json_is_true(json_object_get(o, "done")),
                             json_integer_value(json_object_get(o, "rows")),
                             (struct rnl_slice){bytes, len}, err);
        free(bytes);
        if (status != RNL_OK)
            return status;
    }
    return RNL_OK;
}

static int read_lanes(const json_t *lanes, struct rnl_memory *memory, struct rnl_error *err)
{
    for (size_t i = 0; i < json_array_size(lanes); i++) {
        const json_t *o = json_array_get(lanes, i);

        if (memory_lane(memory, (uint32_t)json_integer_value(json_object_get(o, "lane")),
                        (uint64_t)json_integer_value(json_object_get(o, "number")),
                        (uint64_t)json_integer_value(json_object_get(o, "epoch")), err) != RNL_OK)
            return err->status;
    }
    return RNL_OK;
}

static int read_position(const json_t *o, struct control *control, struct rnl_error *err)
{
    const char *hex = json_string_value(o);

    if (!hex)
        return RNL_OK;
    control->position_len = strlen(hex) / 2;
    control->position = malloc(control->position_len + 1);
    if (!control->position || !hex_decode(hex, control->position))
        return rnl_fail(err, RNL_E_FATAL, "control.invalid", "a position can't be read");
    return RNL_OK;
}

static int read_altered(const json_t *o, struct control *control, struct rnl_error *err)
{
    if (!json_is_string(o))
        return RNL_OK;
    control->altered = strdup(json_string_value(o));
    return control->altered ? RNL_OK
                            : rnl_fail(err, RNL_E_FATAL, "memory",
                                       "out of memory for what was altered in tables");
}

static enum control_type type_of(const char *name)
{
    for (size_t i = 1; name && i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(name, names[i]) == 0)
            return (enum control_type)i;
    return CONTROL_ANY;
}

static int check_version(const json_t *o, struct rnl_error *err)
{
    json_int_t version = json_integer_value(json_object_get(o, "version"));
    const char *program = json_string_value(json_object_get(o, "program"));

    if (version == CONTROL_VERSION)
        return RNL_OK;
    rnl_fail(err, RNL_E_CONFIG, "other.version",
             "the other role is runnel %.40s and speaks version %lld of the words between them; "
             "this one is runnel %s and speaks version %d",
             program ? program : "(unknown)", (long long)version, RUNNEL_VERSION, CONTROL_VERSION);
    rnl_hint(err,
             "run versions of Runnel on both sides that speak the same: upgrade the older one");
    return err->status;
}

static void read_numbers(const json_t *o, struct control *control)
{
    json_int_t left = json_integer_value(json_object_get(o, "left"));

    control->resuming = json_is_true(json_object_get(o, "resuming"));
    control->settled = json_is_true(json_object_get(o, "settled"));
    control->beside = json_is_true(json_object_get(o, "beside"));
    control->lane = (uint32_t)json_integer_value(json_object_get(o, "lane"));
    control->joins = (uint32_t)json_integer_value(json_object_get(o, "joins"));
    control->facts = (uint32_t)json_integer_value(json_object_get(o, "facts"));
    control->from = (uint64_t)json_integer_value(json_object_get(o, "from"));
    control->to = (uint64_t)json_integer_value(json_object_get(o, "to"));
    control->lanes = (uint32_t)json_integer_value(json_object_get(o, "lanes_filled"));
    control->change_lanes = (uint32_t)json_integer_value(json_object_get(o, "change_lanes"));
    control->left =
        left > LEFT_NOT && left <= LEFT_DONE_BEFORE ? (enum control_left)left : LEFT_NOT;
}

int control_read(struct rnl_slice body, struct control *control, struct rnl_error *err)
{
    const char *line_end = body.len ? memchr(body.ptr, '\n', body.len) : NULL;
    size_t head_len = line_end ? (size_t)(line_end - (const char *)body.ptr) : body.len;
    json_t *o = json_loadb(body.ptr, head_len, JSON_REJECT_DUPLICATES, NULL);
    int status = check_version(o, err);

    control->type = type_of(json_string_value(json_object_get(o, "type")));
    read_numbers(o, control);
    if (status == RNL_OK && line_end) {
        control->record = strndup(line_end + 1, body.len - head_len - 1);
        if (!control->record)
            status = rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for the record of a run");
    }
    if (status == RNL_OK)
        status = read_altered(json_object_get(o, "altered"), control, err);
    if (status == RNL_OK)
        status = read_position(json_object_get(o, "position"), control, err);
    if (status == RNL_OK)
        status = read_units(json_object_get(o, "units"), &control->memory, err);
    if (status == RNL_OK)
        status = read_lanes(json_object_get(o, "lanes"), &control->memory, err);
    json_decref(o);
    return status;
}

int control_check(const struct control *control, enum control_type type, struct rnl_error *err)
{
    if (control->type && (type == CONTROL_ANY || control->type == type))
        return RNL_OK;
    return rnl_fail(err, RNL_E_FATAL, "control.unexpected",
                    "the other role said %s where %s was due",
                    control->type ? names[control->type] : "nothing known", names[type]);
}

int control_await(struct run *run, struct ear *ear, enum control_type type, struct control *control,
                  struct rnl_error *err)
{
    int status;

    *control = (struct control){0};
    do {
        if (!run_goes_on(run))
            return RNL_DONE;
        status = control_poll(ear, type, WAIT_MS, control, err);
    } while (status == RNL_AGAIN);
    return status;
}
