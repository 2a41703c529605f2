# What is special to SQLite files: kinds of values, one writer, loads cut off, rows that don't fit.
# shellcheck shell=bash
# once
. "${0%/*}/lib.sh"

new_files() {
    command -v sqlite3 >/dev/null || skip "no sqlite3"
    folder=$E2E_SCRATCH/$E2E_TEST
    mkdir -p "$folder"
    from=$folder/from.db to=$folder/to.db
    SRC=sqlite://$from DST=sqlite://$to
}
from() { sqlite3 "$from" "$@"; }
to() { sqlite3 "$to" "$@"; }

# All rows of a file, each value as a literal that tells its kind.
rows_of() { # FILE
    local name
    sqlite3 "$1" "select name from sqlite_schema where type = 'table' and name not like 'sqlite_%'
        and name not like 'runnel_%' order by name" | while read -r name; do
        echo "-- $name"
        sqlite3 "$1" ".mode quote" "select * from \"$name\" order by 1"
    done
}

many_rows() { # COUNT
    from "create table items (id integer primary key autoincrement, word text not null, n int);
        create table pairs (a text, b int, v blob, primary key (b, a)) without rowid;
        insert into items (word, n) with recursive c(i) as (select 1 union all select i + 1 from c
            where i < $1) select 'word ' || i, i % 7 from c;
        insert into pairs with recursive c(i) as (select 1 union all select i + 1 from c
            where i < $1 / 10) select 'a' || i, i % 9, randomblob(20) from c;
        create index items_n on items (n)"
}

test_each_value_keeps_its_kind() {
    new_files
    from <"$fixtures/matrix/types.sqlite.sql"
    from "create table odd (k, i int, t text, r real);
        insert into odd values (1, 5, 'a', 9e999), (1.0, 'five', x'6162', -9e999), ('1', 5.5, 'it''s', 1e-300),
            (x'31', null, '', 0.1), (null, 9223372036854775807, 'a' || char(0) || 'b', 1)"
    expect_exit 0 runnel check "$SRC" "$DST"
    expect_exit 0 runnel plan "$SRC" "$DST"
    [ ! -e "$to" ] || fail "check or plan made the file"
    move_and_verify
    same "$(rows_of "$from")" "$(rows_of "$to")" "rows"
    same ok "$(to 'pragma integrity_check')" "the file"
    same "$(from 'pragma journal_mode')" "$(to 'pragma journal_mode')" "the journal"
    # what a run remembers is no data
    expect_exit 0 runnel migrate "$DST" "sqlite://$folder/third.db"
    same "$(rows_of "$to")" "$(rows_of "$folder/third.db")" "rows of the third file"
}

test_killed_and_resumed() {
    new_files
    many_rows 300000
    for part in 1 2 3; do
        "$E2E_RUNNEL" migrate "$SRC" "$DST" --commit-size 256k >/dev/null 2>&1 &
        run=$!
        wait_for 60 grown $((part * 40000))
        kill -9 "$run"
        wait "$run" || true
        same "$(to 'select coalesce(sum(rows), 0) from runnel_unit')" \
            "$(to 'select (select count(*) from items) + (select count(*) from pairs)')" "rows and checkpoint"
    done
    expect_exit 0 runnel migrate "$SRC" "$DST"
    expect_exit 0 runnel verify "$SRC" "$DST"
    same 300001 "$(to "insert into items (word) values ('next') returning id")" "the next id"
}
grown() { [ "$(to 'select coalesce(sum(rows), 0) from runnel_unit')" -gt "$1" ]; }

test_one_run_at_a_time() {
    new_files
    many_rows 10
    to "create table runnel_lock (x)" # so that there is a file to be locked
    expect_exit 2 flock "$to" "$E2E_RUNNEL" migrate "$SRC" "$DST"
    said sink.pipeline_busy
    expect_exit 0 runnel migrate "$SRC" "$DST"
}

test_rows_that_dont_fit() {
    new_files
    many_rows 1000
    to "create table items (id integer primary key, word text not null check (word <> 'never'), n integer) strict;
        create table pairs (a text, b int check (b is not null), v blob, primary key (b, a))"
    from "update items set n = 'seven' where id in (3, 700); update items set word = 'never' where id = 9"
    expect_exit 1 runnel migrate "$SRC" "$DST"
    said '"n"'
    expect_exit 4 runnel migrate "$SRC" "$DST" --on-error set_aside
    said "3 rows" DEGRADED
    expect_exit 0 runnel connections test "$DST"
    said "sqlite $to"
    same 997 "$(to 'select count(*) from items')" "rows"
    same "id=3 id=9 id=700" "$(to 'select group_concat(key, " ") from (select key from runnel_dead_letters order by id)')" "keys"
    to "alter table items rename to narrow; create table items (id integer primary key, word text not null, n any) strict;
        insert into items select * from narrow; drop table narrow"
    expect_exit 0 runnel dead-letters replay "$SRC" "$DST" --all
    expect_exit 0 runnel verify "$SRC" "$DST"
}

test_a_new_start_forgets_what_was_set_aside() {
    new_files
    from "create table items (id integer primary key, word text); insert into items values (1, 'a'), (2, 'never')"
    to "create table items (id integer primary key, word text check (word <> 'never'))"
    expect_exit 4 runnel migrate "$SRC" "$DST" --on-error set_aside
    # the table was there before, and so is kept: its rows go only by other words
    expect_exit 2 runnel migrate "$SRC" "$DST" --restart --yes
    said run.rows_aside "1 row" discard-aside
    expect_exit 2 runnel migrate "$SRC" "$DST" --restart --yes --discard-aside
    said sink.not_empty items
    same 1 "$(to 'select count(*) from items')" "rows in somebody's table"
    expect_exit 0 runnel migrate "$SRC" "$DST" --restart --yes --discard-aside --schema-policy drop_and_recreate
    expect_exit 0 runnel dead-letters list "$SRC" "$DST"
    said "no rows stand aside"
    expect_exit 0 runnel verify "$SRC" "$DST"
}

test_what_breaks_keys_and_checks_is_told() {
    new_files
    from "create table parent (id integer primary key);
        create table child (id integer primary key, parent int references parent (id), n int check (n > 0));
        insert into parent values (1), (2);
        insert into child values (1, 1, 1), (2, 9, 1), (3, 8, 1);
        pragma ignore_check_constraints = on; insert into child values (4, 2, -1)"
    expect_exit 0 runnel migrate "$SRC" "$DST"
    said fk.orphans check.violated
    expect_exit 0 runnel verify "$SRC" "$DST"
}

test_checks_hold_where_they_stood_before() {
    new_files
    from "create table kept (id integer primary key, n int);
        create table made (id integer primary key, n int check (n > 0));
        insert into kept values (1, 1), (2, -1); pragma ignore_check_constraints = on;
        insert into made values (1, 1), (2, -1)"
    to "create table kept (id integer primary key, n int check (n > 0))"
    expect_exit 4 runnel migrate "$SRC" "$DST" --on-error set_aside
    said check.violated "1 row"
    same "1 2" "$(to 'select (select count(*) from kept), (select count(*) from made)' | tr '|' ' ')" rows
}

# A key that is collated otherwise than its column has another order than the column's values:
# cut by them, the cutting of so many that are alike would never end.
test_a_key_of_another_collation_is_not_cut() {
    new_files
    from "create table t (a text collate nocase not null, v text, primary key (a collate binary)) without rowid;
        with recursive c (i, a) as (select 0, '' union all
            select i + 1, a || 'x' from c where i < 12 union all select i + 1, a || 'X' from c where i < 12)
        insert into t select a, hex(randomblob(100)) from c where i = 12"
    same 4096 "$(from "select count(*) from t")" "keys that are alike"
    expect_exit 0 timeout 60 "$E2E_RUNNEL" migrate "$SRC" "$DST" --chunk-size 64k
    expect_exit 0 runnel verify "$SRC" "$DST"
}

# A table's own ON CONFLICT clauses would take rows away unheard; letters of a run that is done
# again are of rows that come again.
test_conflict_clauses_lose_no_row() {
    new_files
    from "create table items (id integer primary key, word text); insert into items values (1, 'a'), (2, 'a'), (3, 'b')"
    for what in ignore replace; do
        rm -f "$to"
        to "create table items (id integer primary key, word text unique on conflict $what)"
        expect_exit 1 runnel migrate "$SRC" "$DST" --schema-policy validate_existing
        said "items.word"
        for again in "" "--restart --yes --discard-aside"; do
            # shellcheck disable=SC2086
            expect_exit 4 runnel migrate "$SRC" "$DST" --schema-policy validate_existing \
                --write-mode truncate_and_load --on-error set_aside $again
            same "2 1" "$(to "select (select count(*) from items), (select count(*) from runnel_dead_letters)" | tr '|' ' ')" \
                "rows and letters $again"
        done
        expect_exit 2 runnel migrate "$SRC" "$DST" --schema-policy validate_existing \
            --write-mode truncate_and_load --on-error set_aside
        said run.rows_aside
    done
}

test_upsert_and_repair() {
    new_files
    many_rows 1000
    cp "$from" "$to"
    from "update items set word = 'other' where id % 100 = 0; delete from items where id = 5;
        insert into items (word) values ('new'); update pairs set v = x'00' where a = 'a7'"
    expect_exit 0 runnel migrate "$SRC" "$DST" --write-mode upsert
    same "11 1" "$(to "select (select count(*) from items where word in ('other', 'new')), (select count(*) from pairs where v = x'00')" | tr '|' ' ')" "rows"
    expect_exit 4 runnel verify "$SRC" "$DST" # the row that was deleted is an upsert's no business
    expect_exit 0 runnel verify "$SRC" "$DST" --repair
    expect_exit 0 runnel verify "$SRC" "$DST"
    same "$(rows_of "$from")" "$(rows_of "$to")" "rows"
}

test_upsert_takes_no_two_keys_for_one() {
    new_files
    from "create table items (word text primary key not null, n int); insert into items values ('a', 1), ('A', 2), ('b', 3)"
    to "create table items (word text primary key not null collate nocase, n int); insert into items values ('b', 0)"
    expect_exit 1 runnel migrate "$SRC" "$DST" --write-mode upsert
    expect_exit 4 runnel migrate "$SRC" "$DST" --write-mode upsert --on-error set_aside
    same 2 "$(to 'select count(*) from items where n > 0')" rows
    same sink.keys_equal "$(to 'select code from runnel_dead_letters')" letters
}

test_files_that_are_none() {
    new_files
    many_rows 10
    echo "this is no database, and longer than a header of one would have to be, surely" >"$to"
    expect_exit 1,2,3 runnel migrate "$SRC" "$DST"
    said "not a database" "$to"
    expect_exit 1,2,3 runnel migrate "$SRC" "sqlite://$folder/none/to.db"
    said "$folder/none"
    expect_exit 1,2,3 runnel migrate "sqlite://$folder/none.db" "sqlite://$folder/new.db"
    said "none.db"
}

run_tests
