/* Collations: which the server has, and which one tells texts apart as the source did. */
#include "map.h"

#include <strings.h>

/* Texts that differ in one byte stay different, so that unique keys stay unique. */
static const char *const preferred[] = {"utf8mb4_0900_bin", "utf8mb4_nopad_bin", "utf8mb4_bin"};

/* What one flavour calls it, and the nearest that the other has. */
static const struct {
    const char *name, *other;
} near[] = {
    {"utf8mb4_0900_bin", "utf8mb4_nopad_bin"},
    {"utf8mb4_nopad_bin", "utf8mb4_0900_bin"},
    {"utf8mb4_0900_ai_ci", "utf8mb4_uca1400_nopad_ai_ci"},
    {"utf8mb4_0900_ai_ci", "utf8mb4_unicode_520_nopad_ci"},
    {"utf8mb4_0900_as_ci", "utf8mb4_uca1400_nopad_as_ci"},
    {"utf8mb4_0900_as_cs", "utf8mb4_uca1400_nopad_as_cs"},
    {"utf8mb4_uca1400_ai_ci", "utf8mb4_0900_ai_ci"},
    {"utf8mb4_uca1400_as_ci", "utf8mb4_0900_as_ci"},
    {"utf8mb4_uca1400_as_cs", "utf8mb4_0900_as_cs"},
    {"utf8mb4_general_nopad_ci", "utf8mb4_general_ci"},
    {"utf8mb4_unicode_nopad_ci", "utf8mb4_unicode_ci"},
    {"utf8mb4_unicode_520_nopad_ci", "utf8mb4_unicode_520_ci"},
};

/* Up to the first underscore; "binary" is its own. */
static void charset_add(struct buf *out, const char *collation)
{
    buf_add(out, collation, strcspn(collation, "_"));
}

static bool known(const struct mapper *m, const char *collation)
{
    return idents_has(&m->collations, collation);
}

int collations_learn(struct mapper *m)
{
    /* MariaDB lists some without their character set, and knows them by the whole name */
    const char *wanted = m->sink->config->collation;
    MYSQL_RES *result;
    MYSQL_ROW row;
    int status = conn_query(m->sink->control,
                            m->sink->server.mariadb && m->sink->server.version >= 101000
                                ? "SELECT FULL_COLLATION_NAME FROM information_schema."
                                  "COLLATION_CHARACTER_SET_APPLICABILITY"
                                : "SELECT COLLATION_NAME FROM information_schema.COLLATIONS",
                            &result, m->err);
    bool good = true;

    if (status)
        return status;
    while ((row = mysql_fetch_row(result)))
        good = good && (!row[0] || idents_take(&m->collations, row[0]));
    status = conn_finish(m->sink->control, result, "look at collations", m->err);
    if (status || !good)
        return status ? status : error_memory(m->err);
    if (wanted && *wanted && strcmp(wanted, "keep") != 0) {
        m->collation = wanted;
        if (known(m, wanted))
            return RNL_OK;
        rnl_fail(m->err, RNL_E_CONFIG, "sink.collation", "the server has no collation \"%s\"",
                 wanted);
        rnl_hint(m->err, "SHOW COLLATION lists those it has");
        return m->err->status;
    }
    for (size_t i = 0; i < sizeof(preferred) / sizeof(preferred[0]) && !m->collation; i++)
        if (known(m, preferred[i]))
            m->collation = preferred[i];
    return m->collation ? RNL_OK
                        : rnl_fail(m->err, RNL_E_CONFIG, "sink.collation",
                                   "the server has no collation utf8mb4_bin");
}

static const char *spell(struct mapper *m, const char *collation, bool *bytewise)
{
    struct buf text = {0};

    /* utf8mb4_bin takes 'a' and 'a ' for one */
    *bytewise = strstr(collation, "0900_bin") || strstr(collation, "nopad_bin");
    buf_puts(&text, " CHARACTER SET ");
    charset_add(&text, collation);
    buf_printf(&text, " COLLATE %s", collation);
    return mapper_take(m, &text);
}

/* utf8_general_ci and utf8mb3_general_ci are one. */
static const char *other_utf8(struct mapper *m, const char *collation)
{
    struct buf text = {0};

    if (strncmp(collation, "utf8_", 5) == 0)
        buf_printf(&text, "utf8mb3_%s", collation + 5);
    else if (strncmp(collation, "utf8mb3_", 8) == 0)
        buf_printf(&text, "utf8_%s", collation + 8);
    else
        return collation;
    return mapper_take(m, &text);
}

static const char *collation_near(struct mapper *m, uint32_t t, const struct rnl_column *column)
{
    const char *name = other_utf8(m, column->collation);

    if (!name || known(m, name))
        return name;
    for (size_t i = 0; i < sizeof(near) / sizeof(near[0]); i++) {
        if (strcasecmp(near[i].name, name) != 0 || !known(m, near[i].other))
            continue;
        map_find(m, t, RNL_NOTE, "column.collation", column->name, "collation=keep",
                 "has the collation %s, which the target lacks: gets %s", name, near[i].other);
        return near[i].other;
    }
    map_find(m, t, RNL_WARNING, "column.collation", column->name, "collation",
             "has the collation %s, which the target lacks: gets %s", name, m->collation);
    return m->collation;
}

/* citext, and SQLite's NOCASE: what differs in case alone is equal. */
static const char *caseless(const struct mapper *m)
{
    static const char *const names[] = {"utf8mb4_0900_as_ci", "utf8mb4_uca1400_nopad_as_ci",
                                        "utf8mb4_general_nopad_ci", "utf8mb4_general_ci"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (known(m, names[i]))
            return names[i];
    return m->collation;
}

const char *collation_of(struct mapper *m, uint32_t t, uint32_t index, bool *bytewise)
{
    const struct rnl_column *column = COLUMN(mapper_table(m, t), index);
    const char *wanted = m->sink->config->collation, *name = m->collation;

    if (!wanted || !*wanted || strcmp(wanted, "keep") == 0) {
        if (m->tables[t].same && column->collation && *column->collation)
            name = known(m, column->collation) ? column->collation : collation_near(m, t, column);
        else if ((column->type_name && strcmp(column->type_name, "citext") == 0) ||
                 (column->native && strcasecmp(column->native, "citext") == 0) ||
                 (column->collation && strcasecmp(column->collation, "NOCASE") == 0))
            name = caseless(m);
    }
    if (!name)
        return NULL;
    return spell(m, name, bytewise);
}

const char *collation_of_table(struct mapper *m, uint32_t t)
{
    const char *storage = mapper_table(m, t)->storage;
    const char *at = storage ? strcasestr(storage, "COLLATE=") : NULL, *name;
    bool bytewise;

    if (!at)
        return NULL;
    at += strlen("COLLATE=");
    name = pool_copy(&m->pool, at, strcspn(at, " "));
    return name && known(m, name) ? spell(m, name, &bytewise) : NULL;
}
