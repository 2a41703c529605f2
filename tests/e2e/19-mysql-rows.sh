# How rows get into MySQL and MariaDB: large ones, odd ones, over others, and after a kill.
# shellcheck shell=bash
. "${0%/*}/lib.sh"

# PostgreSQL is the source here, and the server that other tests read from is the target.
turned() {
    new_databases
    local from=$DST
    DST=$SRC SRC=$from
}
source_do() { PGOPTIONS="-c role=runnel" target_sql -d "$db" "$@"; }
target_do() { source_sql "$db" -e "$1"; }

# A value of 5 MB, which goes in pieces ahead of its row, among others of its kind.
test_large_and_small_rows_in_turn() {
    turned
    source_do <<'SQL'
create table mixed (id integer primary key, t text, b bytea, n integer, j jsonb);
insert into mixed select g, case g % 7 when 3 then repeat('täx''\"', 900000) when 4 then '' end,
    case g % 7 when 3 then decode(repeat('00ff275c', 300000), 'hex') when 5 then '\x' else '\x00'::bytea end, g,
    case g % 7 when 3 then jsonb_build_object('k', repeat('j', 400000), 'n', 1.5) else '[1, null]' end
    from generate_series(1, 15) g;
create table keyless (a integer, b text);
insert into keyless select g, repeat('k', g) from generate_series(1, 700) g;
SQL
    move_and_verify
    same "$(source_do -c "select count(*), sum(length(t)), sum(length(b)) from mixed" | tr '|' ' ')" \
        "$(target_do "select count(*), sum(char_length(t)), sum(length(b)) from mixed" | tr '\t' ' ')" "the large rows"
}

# A server that isn't strict keeps the empty label for one that isn't declared.
test_labels_that_are_none() {
    new_databases
    source_sql "$db" <<'SQL'
set sql_mode = '';
create table labelled (id int primary key, e enum('a', 'b'), f enum('', 'c') not null);
insert ignore into labelled values (1, 'a', ''), (2, 'neither', 'c'), (3, null, ''), (4, 'b', 'none');
SQL
    source_sql -e "drop database if exists ${db}_copy; create database ${db}_copy"
    DST=$(server "$E2E_SOURCE" URL)/${db}_copy
    move_and_verify
    same "2 0" "$(source_sql "${db}_copy" -e "select id, e + 0 from labelled where e = ''" | tr '\t' ' ')" "the label that is none"
    source_sql "${db}_copy" -e "update labelled set e = 'a' where id in (2, 4); delete from labelled where id = 4"
    expect_exit 0 runnel verify --repair "$SRC" "$DST"
    said "2 mended"
    expect_exit 0 runnel verify "$SRC" "$DST"
    source_sql -e "drop database ${db}_copy"
}

# Another unique key mustn't decide which row is meant.
test_upsert_goes_by_the_source_key() {
    turned
    source_do -c "create table u (id integer primary key, code text not null)" \
        -c "insert into u select g, 'c' || g from generate_series(1, 1500) g"
    target_do "create table u (id int primary key, code varchar(20) not null unique, more int default 7) character set utf8mb4;
        insert into u values (5, 'old', 42), (2000, 'kept', 43)"
    expect_exit 0 runnel migrate "$SRC" "$DST" --write-mode upsert --name up
    same "1501 c5 42 kept 43" "$(target_do "select count(*), max(if(id = 5, code, '')), max(if(id = 5, more, 0)), max(if(id = 2000, code, '')), max(if(id = 2000, more, 0)) from u" | tr '\t' ' ')" "after an upsert"
    target_do "update u set code = 'c7x' where id = 7; update u set code = 'c7' where id = 2000"
    expect_exit 1,2,3 runnel migrate "$SRC" "$DST" --write-mode upsert --name clash
    said "c7" "u"
    same "c7" "$(target_do "select code from u where id = 2000")" "a row that another key finds"
}

# Refused by us before it is sent, and refused by the server: both stand aside, one by one.
test_upsert_takes_no_two_keys_for_one() {
    local also
    turned
    source_do -c "create table w (k varchar(20) primary key, n int)" \
        -c "insert into w values ('a', 1), ('A', 2), ('b', 3)"
    for also in "" "unique"; do # the second way: rows are looked for by their key
        target_do "drop table if exists w; create table w (k varchar(20) collate utf8mb4_general_ci primary key, n int $also) character set utf8mb4;
            insert into w values ('b', 0)"
        expect_exit 1 runnel migrate "$SRC" "$DST" --write-mode upsert --name "w$also"
        expect_exit 4 runnel migrate "$SRC" "$DST" --write-mode upsert --on-error set_aside --name "w$also"
        same "2 1" "$(target_do "select (select count(*) from w where n > 0), (select count(*) from runnel_dead_letters where pipeline = 'w$also')" | tr '\t' ' ')" "rows and letters"
    done
}

# connection URL: what it says, as words of a file
connection() {
    [[ $1 =~ ://([^:]*):([^@]*)@([^:]*):([0-9]+)/([^?]*) ]]
    printf 'user = "%s"; password = "%s"; host = "%s"; port = %s; database = "%s";' "${BASH_REMATCH[@]:1}"
}

test_emptied_where_no_tables_are_made() {
    turned
    source_do -c "create table v (n int)" -c "insert into v values (1), (2)"
    target_do "create table v (n int); insert into v values (9)"
    cat >"$E2E_SCRATCH/v.cfg" <<EOF
connections = { s = { plugin = "postgres"; $(connection "$SRC") }; t = { plugin = "mysql"; $(connection "$DST") }; };
pipeline = { name = "v"; mode = "convert"; reader = { source = { connection = "s"; }; };
  writer = { sink = { connection = "t"; }; structure = { tables = false; }; write_mode = "truncate_and_load"; }; };
EOF
    chmod 600 "$E2E_SCRATCH/v.cfg"
    expect_exit 0 runnel run "$E2E_SCRATCH/v.cfg"
    same "1,2" "$(target_do "select group_concat(n order by n) from v")" rows
}

test_rows_that_do_not_fit() {
    turned
    source_do -c "create table w (id integer primary key, t text, d double precision, k integer)" \
        -c "insert into w select g, case when g = 700 then 'far too long' else 'x' end,
            case when g = 31 then 'NaN'::float8 else g end, case when g = 1500 then 1 else g end from generate_series(1, 3000) g"
    target_do "create table w (id int primary key, t varchar(9), d double, k int unique) character set utf8mb4"
    expect_exit 4 runnel migrate "$SRC" "$DST" --on-error set_aside --lanes 1
    same "2997" "$(target_do "select count(*) from w")" "rows that fit"
    expect_exit 0 runnel dead-letters list "$SRC" "$DST"
    said id=31 id=700 id=1500 "column \"t\"" "Duplicate entry"
    target_do "alter table w modify t varchar(20), drop key k"
    expect_exit 0 runnel dead-letters replay --all "$SRC" "$DST?nonfinite=null"
    expect_exit 0 runnel verify "$SRC" "$DST?nonfinite=null"
}

test_kill9() {
    local round mover
    new_databases
    source_sql "$db" <"$fixtures/load.sql"
    source_sql -e "drop database if exists ${db}_copy; create database ${db}_copy"
    DST=$(server "$E2E_SOURCE" URL)/${db}_copy
    for round in 1 2; do
        "$E2E_RUNNEL" migrate "$SRC" "$DST" --lanes 2 --chunk-size 4M --commit-size 1M \
            >"$E2E_SCRATCH/move.out" 2>"$E2E_SCRATCH/move.err" &
        mover=$!
        wait_for 60 committed "$round"
        kill -KILL "$mover" 2>/dev/null || true
        wait "$mover" 2>/dev/null || true
    done
    move_and_verify
    source_sql -e "drop database ${db}_copy"
}

committed() { # ROUND: so many rows, at least; or the move has ended
    ! kill -0 "$mover" 2>/dev/null ||
        [ "$(source_sql "${db}_copy" -e "select count(*) from (select 1 from orders limit $(($1 * 20000))) o")" -ge $(($1 * 20000)) ]
}

run_tests
