/* Rows of one lane as bytes: what crosses a transport. The format is in sdk/BUNDLE.md. */
#ifndef BUNDLE_H
#define BUNDLE_H

#include <runnel/host.h>

#define BUNDLE_VERSION 1u

struct bundle_head {
    uint64_t pipeline; /* bundle_pipeline() of its name: a foreign bundle is refused */
    uint64_t number;
    uint32_t lane;
    uint32_t flags; /* RNL_BUNDLE_* */
    uint32_t unit;
    uint32_t table;
    uint32_t schema; /* version of the catalog that the rows follow */
};

uint64_t bundle_pipeline(const char *name);

/* For writing: grows as rows come; full at max_rows or max_bytes. NULL: out of memory. */
struct rnl_bundle *bundle_new(uint32_t max_rows, size_t max_bytes);
/* How many rows it takes from now on, at least one. */
void bundle_set_rows(struct rnl_bundle *bundle, uint32_t max_rows);
/*
 * A row of more bytes is refused: RNL_E_CONFIG "row.too_large", with its table and key as catalog
 * (borrowed) knows them. Preset: what the format can hold.
 */
void bundle_limit_row(struct rnl_bundle *bundle, size_t row_bytes,
                      const struct rnl_catalog *catalog);
/* Whether a position stands behind the last row. */
bool bundle_marked(const struct rnl_bundle *bundle);
struct rnl_slice bundle_position(const struct rnl_bundle *bundle); /* of the mark; while writing */
/* Takes the rows behind the mark off; false: there is no mark, and nothing is done. */
bool bundle_cut_to_mark(struct rnl_bundle *bundle);
void bundle_reset(struct rnl_bundle *bundle); /* forgets rows and mark; NULL is fine */
/*
 * Rows added from now on pass through the mask, which must outlive them; NULL: as they are.
 * columns: those of the unit, or NULL.
 */
struct mask;
void bundle_mask(struct rnl_bundle *bundle, const struct mask *mask, const uint32_t *columns);
/*
 * The same for rows of changes, of any table: each passes through the mask of its own, and those
 * of operations that aren't wanted (catalog_leaves_out) are left out.
 */
void bundle_mask_changes(struct rnl_bundle *bundle, const struct rnl_catalog *catalog);
/* Beside that: of tables that wait (struct catalog_join) none are taken. */
void bundle_settled_only(struct rnl_bundle *bundle);
int bundle_add(struct rnl_bundle *bundle, const struct rnl_row *row, struct rnl_error *err);
int bundle_mark(struct rnl_bundle *bundle, struct rnl_slice position, struct rnl_error *err);
/* See struct rnl_host. RNL_DONE: full, or near enough that the next transaction may not fit. */
int bundle_commit(struct rnl_bundle *bundle, struct rnl_slice position, int64_t committed_us,
                  struct rnl_error *err);
/* See struct rnl_host; what was told is kept until bundle_reset(). */
int bundle_alter(struct rnl_bundle *bundle, const struct rnl_alteration *alteration,
                 struct rnl_error *err);
/* Takes over what was told of altered tables: the caller frees it. NULL: nothing was. */
struct alterations;
struct alterations *bundle_altered(struct rnl_bundle *bundle);
/* open: the next rows belong to a transaction that began in an earlier bundle; its end is DONE. */
void bundle_set_open(struct rnl_bundle *bundle, bool open);
bool bundle_full(const struct rnl_bundle *bundle);
uint32_t bundle_rows(const struct rnl_bundle *bundle);
/*
 * Completes the bytes (head, position, CRC32C) and gives them away: *bytes is the
 * caller's, to be freed by free(). The bundle is empty after it.
 */
int bundle_seal(struct rnl_bundle *bundle, const struct bundle_head *head, void **bytes,
                size_t *len, struct rnl_error *err);

/*
 * For reading: checks all of the bytes that bundle_next won't (magic, version, sizes,
 * CRC32C). bytes are borrowed until bundle_free, and not changed.
 */
int bundle_open(const void *bytes, size_t len, struct rnl_bundle **bundle, struct rnl_error *err);
int bundle_next(struct rnl_bundle *bundle, struct rnl_row *row, struct rnl_error *err);
void bundle_rewind(struct rnl_bundle *bundle);
/* Of a bundle that was opened: its changes are done as in a replay, whatever its flags say. */
void bundle_tolerate(struct rnl_bundle *bundle);
/* Of a bundle that was opened: whose it is. */
uint64_t bundle_owner(const struct rnl_bundle *bundle);
void bundle_info(const struct rnl_bundle *bundle, struct rnl_bundle_info *info);
void bundle_free(struct rnl_bundle *bundle);

#endif
