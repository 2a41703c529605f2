/* A number for an alteration: all that evolution_compare() looks at is in it. */
#include "evolution.h"

#include "element.h"

/* FNV-1a */
static void digest_text(uint64_t *hash, const char *text)
{
    for (text = text ? text : ""; *text; text++)
        *hash = (*hash ^ (unsigned char)*text) * 1099511628211u;
    *hash = (*hash ^ 0xff) * 1099511628211u;
}

static void digest_number(uint64_t *hash, uint64_t number)
{
    for (int i = 0; i < 8; i++)
        *hash = (*hash ^ (number >> (8 * i) & 0xff)) * 1099511628211u;
}

static void digest_column(uint64_t *hash, const struct rnl_column *c)
{
    const char *const texts[] = {c->name,         c->native,    c->comment,     c->charset,
                                 c->collation,    c->generated, c->type_schema, c->type_name,
                                 c->default_text, c->storage};
    const uint64_t numbers[] = {c->flags,   c->default_kind,        c->type,   c->width,
                                c->length,  c->precision,           c->scale,  c->srid,
                                c->element, (uint64_t)c->increment, c->nlabels};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        digest_text(hash, texts[i]);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        digest_number(hash, numbers[i]);
    for (uint32_t i = 0; i < c->nlabels; i++)
        digest_text(hash, c->labels[i]);
}

static void digest_index(uint64_t *hash, const struct rnl_index *index)
{
    digest_text(hash, index->name);
    digest_text(hash, index->comment);
    digest_text(hash, index->where);
    digest_text(hash, index->method);
    digest_text(hash, index->options);
    digest_number(hash, (uint64_t)index->flags << 32 | index->nparts);
    for (uint32_t i = 0; i < index->nparts; i++) {
        const struct rnl_index_part *part = &index->parts[i];

        digest_text(hash, part->expression);
        digest_number(hash, (uint64_t)part->column << 32 | part->prefix);
        digest_number(hash, part->descending);
        digest_text(hash, index->part_options ? index->part_options[i] : NULL);
    }
    digest_number(hash, index->ninclude);
    for (uint32_t i = 0; i < index->ninclude; i++)
        digest_number(hash, index->include[i]);
}

static void digest_foreign_key(uint64_t *hash, const struct rnl_foreign_key *key)
{
    digest_text(hash, key->name);
    digest_text(hash, key->ref_schema);
    digest_text(hash, key->ref_table);
    digest_number(hash, (uint64_t)key->on_delete << 32 | (uint32_t)key->on_update);
    digest_number(hash, (uint64_t)key->flags << 32 | key->ncolumns);
    for (uint32_t i = 0; i < key->ncolumns; i++) {
        digest_number(hash, key->columns[i]);
        digest_text(hash, key->ref_columns[i]);
    }
}

static void digest_check(uint64_t *hash, const struct rnl_check *check)
{
    digest_text(hash, check->name);
    digest_text(hash, check->expression);
    digest_number(hash, (uint64_t)check->enforced << 32 | check->of_type);
}

static void digest_partition(uint64_t *hash, const struct rnl_partition *partition)
{
    digest_text(hash, partition->schema);
    digest_text(hash, partition->name);
    digest_text(hash, partition->parent);
    digest_text(hash, partition->bounds);
    digest_text(hash, partition->partition_by);
}

static void digest_table(uint64_t *hash, const struct rnl_table *table)
{
    const uint32_t counts[] = {table->ncolumns, table->nindexes, table->nforeign_keys,
                               table->nchecks, table->npartitions};

    digest_text(hash, table->schema);
    digest_text(hash, table->name);
    digest_text(hash, table->comment);
    digest_text(hash, table->partition_by);
    digest_text(hash, table->storage);
    digest_number(hash, table->flags & RNL_TABLE_PARTITIONED);
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        digest_number(hash, counts[i]);
    for (uint32_t i = 0; i < table->ncolumns; i++)
        digest_column(hash, COLUMN(table, i));
    for (uint32_t i = 0; i < table->nindexes; i++)
        digest_index(hash, INDEX(table, i));
    for (uint32_t i = 0; i < table->nforeign_keys; i++)
        digest_foreign_key(hash, FOREIGN_KEY(table, i));
    for (uint32_t i = 0; i < table->nchecks; i++)
        digest_check(hash, CHECK(table, i));
    for (uint32_t i = 0; i < table->npartitions; i++)
        digest_partition(hash, PARTITION(table, i));
}

uint64_t evolution_digest(const struct rnl_table *from, const struct rnl_table *to,
                          const struct rnl_rename *renamed, uint32_t nrenamed)
{
    uint64_t hash = 14695981039346656037u;

    digest_table(&hash, from);
    digest_table(&hash, to);
    for (uint32_t i = 0; i < nrenamed; i++) {
        digest_text(&hash, renamed[i].from);
        digest_text(&hash, renamed[i].to);
    }
    return hash;
}
