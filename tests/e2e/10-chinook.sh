# Chinook, a small real database: moved, proved equal, and complete in structure.
# shellcheck shell=bash
. "${0%/*}/lib.sh"

load_chinook() {
    new_databases
    zcat "$fixtures/chinook/chinook.sql.gz" | source_sql "$db"
}

target() { target_sql -d "$db" -c "$1"; }

constraints() { # KIND: p, f, u
    target "select count(*) from pg_constraint where contype = '$1' and connamespace = 'public'::regnamespace"
}

test_moves_and_verifies() {
    load_chinook
    move_and_verify
    same 11 "$(target "select count(*) from pg_tables where schemaname = 'public'")" tables
    same 11 "$(constraints p)" "primary keys"
    same 11 "$(constraints f)" "foreign keys"
    same 0 "$(target "select count(*) from pg_constraint where not convalidated")" "constraints not validated"
    # One index for each foreign key, and those of the primary keys.
    same 22 "$(target "select count(*) from pg_indexes where schemaname = 'public'")" indexes
    same 11 "$(target "select count(distinct tablename) from pg_stats where schemaname = 'public'")" "tables with statistics"
    for table in Album Artist Customer Employee Invoice InvoiceLine MediaType Playlist \
        PlaylistTrack Track; do
        same "$(source_sql "$db" -e "select count(*) from \`$table\`")" \
            "$(target "select count(*) from \"$table\"")" "rows of $table"
    done
    same "Antônio Carlos Jobim" "$(target 'select "Name" from "Artist" where "ArtistId" = 6')" "a name"
}

test_identity_goes_on() {
    load_chinook
    expect_exit 0 runnel migrate --set analyze=false "$SRC" "$DST"
    same 0 "$(target "select sum(analyze_count) from pg_stat_user_tables")" "tables analyzed"
    same 276 "$(target "insert into \"Artist\" (\"Name\") values ('new') returning \"ArtistId\"")" \
        "the next ArtistId"
}

test_foreign_keys_hold() {
    load_chinook
    expect_exit 0 runnel migrate "$SRC" "$DST"
    expect_exit 1,3 target "insert into \"Album\" (\"Title\", \"ArtistId\") values ('x', 99999)"
    said "foreign key"
}

test_a_second_move_is_refused() {
    load_chinook
    move_and_verify
    target 'insert into "Genre" ("Name") values ('"'mine'"')' >/dev/null
    # The same move again has nothing to do, and harms nothing.
    expect_exit 0 runnel migrate "$SRC" "$DST"
    same 1 "$(target "select count(*) from \"Genre\" where \"Name\" = 'mine'")" "the row that was there"
}

test_one_changed_value_is_found_and_mended() {
    load_chinook
    move_and_verify
    target 'update "Track" set "Milliseconds" = "Milliseconds" + 1 where "TrackId" = 1234' >/dev/null
    expect_exit 4 runnel verify "$SRC" "$DST"
    said Track 1234 Milliseconds
    expect_exit 0 runnel verify "$SRC" "$DST" --repair
    expect_exit 0 runnel verify "$SRC" "$DST"
}

test_missing_and_extra_rows_are_found_and_mended() {
    load_chinook
    move_and_verify
    target 'delete from "PlaylistTrack" where "PlaylistId" = 1 and "TrackId" = 3402' >/dev/null
    target "insert into \"MediaType\" values (77, 'stone')" >/dev/null
    expect_exit 4 runnel verify "$SRC" "$DST"
    said PlaylistTrack 3402 MediaType 77
    expect_exit 0 runnel verify "$SRC" "$DST" --repair
    expect_exit 0 runnel verify "$SRC" "$DST"
    same 5 "$(target 'select count(*) from "MediaType"')" "rows of MediaType"
}

test_check_writes_nothing() {
    load_chinook
    expect_exit 0 runnel check "$SRC" "$DST"
    same 0 "$(target "select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace where nspname in ('public', 'runnel')")" \
        "relations after check"
}

test_plan_writes_nothing() {
    load_chinook
    expect_exit 0 runnel plan "$SRC" "$DST"
    said Track
    same 0 "$(target "select count(*) from pg_tables where schemaname in ('public', 'runnel')")" "tables after plan"
}

test_json_is_json() {
    load_chinook
    expect_exit 0 runnel migrate "$SRC" "$DST" --json
    jq -e . <"$out" >/dev/null
    expect_exit 0 runnel verify "$SRC" "$DST" --json
    jq -e . <"$out" >/dev/null
}

run_tests
