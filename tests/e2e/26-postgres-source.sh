# PostgreSQL as a source: what is read, what may be read, and what is gone on with.
# shellcheck shell=bash
# once
. "${0%/*}/lib.sh"

# Sets db, SRC and DST: two databases of the PostgreSQL server.
two_databases() {
    server "$E2E_TARGET" PORT >/dev/null
    db=e2e_26_${E2E_TEST#test_}
    db=${db:0:50}
    local name
    for name in "${db}_src" "$db"; do
        target_sql -d postgres -c "set client_min_messages = warning" \
            -c "drop database if exists \"$name\"" -c "create database \"$name\" owner runnel"
    done
    SRC=$(server "$E2E_TARGET" URL)/${db}_src
    DST=$(server "$E2E_TARGET" URL)/$db
}

source_pg() { target_sql -d "${db}_src" "$@"; }

# Keys of each kind, rows in another order than their keys', and none at all.
shapes_sql="
create extension if not exists citext;
create type mood as enum ('b', 'a');
create domain label as varchar(40);
create table a_text (k text collate \"C\" primary key, v int);
insert into a_text select md5(g::text), g from generate_series(1, 8000) g;
create table b_many (a int, b varchar(10), c date, m mood, v text, primary key (a, b, c));
insert into b_many select g / 1000, 'k' || g % 1000, date '2020-01-01' + g % 3, 'a',
  repeat('v', g % 50) from generate_series(1, 20000) g;
create table c_skewed (id bigint primary key, v text);
insert into c_skewed select case when g < 5000 then g else 9e18::bigint + g end, md5(g::text)
  from generate_series(1, 10000) g;
create table d_none (a int, b text);
insert into d_none select g % 10, md5((g % 100)::text) from generate_series(1, 9000) g;
create table e_parts (id uuid, x int, primary key (id)) partition by hash (id);
create table e_0 partition of e_parts for values with (modulus 2, remainder 0);
create table e_1 partition of e_parts for values with (modulus 2, remainder 1);
insert into e_parts select md5(g::text)::uuid, g from generate_series(1, 8000) g;
alter table a_text owner to runnel; alter table b_many owner to runnel;
alter table c_skewed owner to runnel; alter table d_none owner to runnel;
alter table e_parts owner to runnel; alter table e_0 owner to runnel;
alter table e_1 owner to runnel; analyze"

test_conforms() {
    two_databases
    source_pg -c "$shapes_sql"
    expect_exit 0 runnel plugins verify "$(dirname "$(realpath "$E2E_RUNNEL")")/plugins/postgres.so" \
        "$SRC"
    said "resumes behind its marks" " 0 failed"
}

test_rights() {
    two_databases
    source_pg -c "create table open (id int primary key); insert into open values (1), (2);
        grant select on open to runnel;
        create table narrow (id int primary key, secret int); grant select (id) on narrow to runnel;
        create table guarded (id int primary key, who int); grant select on guarded to runnel;
        alter table guarded enable row level security;
        create table parts (id int) partition by range (id); grant select on parts to runnel;
        create table parts_1 partition of parts for values from (0) to (10);
        insert into parts select generate_series(0, 9)"
    expect_exit 4 runnel check "$SRC" "$DST"
    said "Row security would hide rows" "lacks SELECT" "columns secret"
    source_pg -c "create sequence alone"
    expect_exit 4 runnel check "$SRC" "sqlite://$E2E_SCRATCH/rights.db"
    said "public.alone: a sequence is not carried over"
    # rows that row security would hide are an error, never left out
    expect_exit 2,3,4 runnel migrate "$SRC" "$DST" --tables guarded --name guarded
    # a partition that may be read only through its table is
    expect_exit 0 runnel migrate "$SRC" "$DST" --tables open,parts
    same 10 "$(target_sql -d "$db" -c 'select count(*) from parts')" "rows of partitions"
}

gone() { ! kill -0 "$1" 2>/dev/null; }

some() { # TABLE: a row of it stands in the target
    [ "$(target_sql -d "$db" -c "select count(*) from (select 1 from $1 limit 1) x" 2>/dev/null)" = 1 ]
}

cut_off() { # TABLE: kills a load once rows of it stand in the target
    "$E2E_RUNNEL" migrate "$SRC" "$DST" --lanes 2 --chunk-size 1M --commit-size 64k \
        --retry-seconds 0 >"$E2E_SCRATCH/move.out" 2>&1 &
    local mover=$!
    wait_for 60 some "$1"
    kill -9 "$mover" 2>/dev/null || true
    wait "$mover" 2>/dev/null || true
}

test_goes_on() {
    two_databases
    source_pg -c "create table keyed (id bigint primary key, v text);
        insert into keyed select g, repeat(md5(g::text), 8) from generate_series(1, 100000) g;
        create table loose (a int, v text);
        insert into loose select g, repeat(md5(g::text), 8) from generate_series(1, 100000) g;
        alter table keyed owner to runnel; alter table loose owner to runnel; analyze"
    cut_off keyed
    expect_exit 0 runnel migrate "$SRC" "$DST"
    expect_exit 0 runnel verify "$SRC" "$DST"
    same "100000 100000" "$(target_sql -F ' ' -d "$db" -c \
        'select (select count(distinct id) from keyed), (select count(distinct a) from loose)')" rows
}

# Rows that moved since a load was cut off can't be told from those loaded: it says so.
test_rows_that_moved() {
    two_databases
    source_pg -c "create table loose (a int, v text);
        insert into loose select g, repeat(md5(g::text), 16) from generate_series(1, 150000) g;
        alter table loose owner to runnel; analyze"
    cut_off loose
    if [ "$(target_sql -d "$db" -c 'select count(*) from runnel.unit where not done' 2>/dev/null)" = 0 ] &&
        [ "$(target_sql -d "$db" -c 'select count(*) from loose')" = 150000 ]; then
        skip "the load was faster than its end"
    fi
    source_pg -c "update loose set v = 'moved' where a = 150000"
    expect_exit 2,3 runnel migrate "$SRC" "$DST"
    said "rows_moved" "--restart"
    expect_exit 0 runnel migrate "$SRC" "$DST" --restart --yes
    expect_exit 0 runnel verify "$SRC" "$DST"
}

# Columns of a table that isn't read yet change their names, while another's rows are waited for:
# what would be read of it are rows of before, by names of after.
test_names_that_are_exchanged() {
    two_databases
    source_pg -c "create table big (a int primary key, v text);
        insert into big select g, repeat(md5(g::text), 32) from generate_series(1, 60000) g;
        create table late (id int primary key, a int, b int);
        insert into late select g, 1, 2 from generate_series(1, 10) g;
        alter table big owner to runnel; alter table late owner to runnel; analyze"
    target_sql -d "$db" -c "create table big (a int primary key, v text); alter table big owner to runnel"
    mkfifo "$E2E_SCRATCH/hold"
    target_sql -d "$db" <"$E2E_SCRATCH/hold" >/dev/null &
    at_end_kill $!
    exec {holding}>"$E2E_SCRATCH/hold"
    echo "begin; lock table big in exclusive mode;" >&"$holding"
    "$E2E_RUNNEL" migrate "$SRC" "$DST" --lanes 1 --memory 32M --schema-policy create_missing_only --write-mode append >"$E2E_SCRATCH/out" 2>&1 &
    local running=$! code=0
    at_end_kill "$running"
    wait_for 60 is_waiting
    source_pg -c "alter table late rename a to c; alter table late rename b to a; alter table late rename c to b"
    printf 'rollback;\n\\q\n' >&"$holding"
    exec {holding}>&-
    wait "$running" || code=$?
    same 2 "$code" "exit code"
    grep -q postgres.table_changed "$E2E_SCRATCH/out" || fail "not told: $(tail -n 3 "$E2E_SCRATCH/out")"
    grep -q resume.schema_changed "$E2E_SCRATCH/out" || fail "not told: $(tail -n 3 "$E2E_SCRATCH/out")"
    same 0 "$(target_sql -d "$db" -c "select count(*) from late")" "rows of a table that was altered"
}
is_waiting() { [ "$(target_sql -d "$db" -c "select count(*) from pg_locks where relation = 'big'::regclass and not granted")" != 0 ]; }

run_tests
