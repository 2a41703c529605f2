/* ON UPDATE CURRENT_TIMESTAMP: a trigger that does the same, or a finding. */
#include "map.h"

static const char *now_of(enum pg_kind kind)
{
    return kind == PG_TIMESTAMPTZ ? "CURRENT_TIMESTAMP" : "LOCALTIMESTAMP";
}

/* As in MySQL: only when the row changes, and the statement left the column alone. */
static void add_column(struct mapper *m, uint32_t t, uint32_t index, struct buf *sql)
{
    const struct map_column *map = &m->tables[t].columns[index];
    const struct rnl_column *column = COLUMN(mapper_table(m, t), index);

    buf_puts(sql, "  IF NEW.");
    buf_name(sql, map->name);
    buf_puts(sql, " IS NOT DISTINCT FROM OLD.");
    buf_name(sql, map->name);
    buf_puts(sql, " THEN NEW.");
    buf_name(sql, map->name);
    buf_printf(sql, " := %s(%u); END IF;\n", now_of(map->kind),
               column->scale > 6 ? 6u : column->scale);
}

static void trigger_name(const struct mapper *m, uint32_t t, char *name)
{
    char wanted[NAME_BYTES + 16];

    snprintf(wanted, sizeof(wanted), "%s_touch", m->tables[t].name);
    ident_fit(wanted, false, name);
}

void ddl_untouch(const struct mapper *m, uint32_t t, struct buf *sql)
{
    char name[NAME_BYTES + 1];

    trigger_name(m, t, name);
    buf_puts(sql, "DROP TRIGGER IF EXISTS ");
    buf_name(sql, name);
    buf_printf(sql, " ON %s;\nDROP FUNCTION IF EXISTS ", m->tables[t].qualified);
    buf_qualified(sql, m->tables[t].schema, name);
    buf_puts(sql, "();\n");
}

int ddl_touched(struct mapper *m, uint32_t t)
{
    const struct rnl_table *table = mapper_table(m, t);
    const struct map_table *map = &m->tables[t];
    char name[NAME_BYTES + 1];
    struct buf body = {0}, sql = {0};
    int status = RNL_OK;

    for (uint32_t i = 0; i < table->ncolumns; i++) {
        const struct rnl_column *column = COLUMN(table, i);
        enum pg_kind kind = map->columns[i].kind;

        if (!(column->flags & RNL_COLUMN_TOUCHED) ||
            (kind != PG_TIMESTAMP && kind != PG_TIMESTAMPTZ))
            continue;
        if (m->sink->config->on_update == ON_UPDATE_TRIGGER)
            add_column(m, t, i, &body);
        map_find(m, t, m->sink->config->on_update == ON_UPDATE_TRIGGER ? RNL_NOTE : RNL_WARNING,
                 "column.on_update", column->name,
                 m->sink->config->on_update == ON_UPDATE_TRIGGER ? "on_update=trigger"
                                                                 : "on_update=report",
                 m->sink->config->on_update == ON_UPDATE_TRIGGER
                     ? "ON UPDATE CURRENT_TIMESTAMP becomes a trigger"
                     : "ON UPDATE CURRENT_TIMESTAMP is not carried over");
    }
    if (body.len == 0)
        return RNL_OK;
    trigger_name(m, t, name);
    buf_puts(&sql, "CREATE OR REPLACE FUNCTION ");
    buf_qualified(&sql, map->schema, name);
    buf_puts(&sql, "() RETURNS trigger LANGUAGE plpgsql AS ");
    buf_puts(&body, "  END IF;\n  RETURN NEW;\nEND;\n");
    if (buf_text(&body)) {
        struct buf whole = {0};

        /* Runnel mends rows (verify --repair) with the source's own values */
        buf_printf(&whole,
                   "\nBEGIN\n  IF coalesce(current_setting('runnel.repair', true), '') <> 'on'"
                   " AND OLD *<> NEW THEN\n%s",
                   body.ptr);
        buf_literal(&sql, buf_text(&whole) ? whole.ptr : "");
        buf_free(&whole);
    }
    buf_puts(&sql, ";\nDROP TRIGGER IF EXISTS ");
    buf_name(&sql, name);
    buf_printf(&sql, " ON %s;\nCREATE TRIGGER ", map->qualified);
    buf_name(&sql, name);
    buf_printf(&sql, " BEFORE UPDATE ON %s FOR EACH ROW EXECUTE PROCEDURE ", map->qualified);
    buf_qualified(&sql, map->schema, name);
    buf_puts(&sql, "()");
    status = map_step(m, RNL_PHASE_CHECKS, "touched", t, NULL, &sql);
    buf_free(&body);
    buf_free(&sql);
    return status;
}
