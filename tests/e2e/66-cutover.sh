# The end of a pipeline that followed its source: last changes, numbers, proof, and the source let go.
# shellcheck shell=bash
# once
. "${0%/*}/lib.sh"

export RUNNEL_RUN_DIR=$E2E_SCRATCH/run

phase() { "$E2E_RUNNEL" status moved --json 2>/dev/null | jq -r .phase; }
follows() { [ "$(phase)" = following ]; }
ended() { ! kill -0 "$run" 2>/dev/null; }

follow() { # SOURCE TARGET [OPTIONS]
    runnel migrate "$@" --name moved --follow >"$E2E_SCRATCH/out" 2>"$E2E_SCRATCH/err" &
    run=$!
    wait_for 30 follows
}

test_mysql_to_postgres() {
    new_databases
    source_sql "$db" -e "create table t (id int auto_increment primary key, v varchar(20));
        insert into t (v) values ('a'), ('b'), ('c')"
    follow "$SRC" "$DST"
    source_sql "$db" -e "insert into t (v) values ('d'); update t set v = 'B' where id = 2; delete from t where id = 1"
    expect_exit 0 runnel cutover "$SRC" "$DST" --name moved --quiet-seconds 0
    said 'is cut over' equal
    wait_for 20 ended
    same '2B,3c,4d' "$(target_sql -d "$db" -Atc "select string_agg(id || v, ',' order by id) from t")" rows
    # the next number is the source's
    same 5 "$(target_sql -d "$db" -qAtc "insert into t (v) values ('next') returning id")" identity
    expect_exit 0 runnel migrate "$SRC" "$DST" --name moved --follow
    said 'was cut over'
    expect_exit 2 runnel cutover "$SRC" "$DST" --name moved
    said cutover.done
}

test_a_difference_leaves_it_as_it_was() {
    new_databases
    source_sql "$db" -e "create table t (id int primary key, v varchar(20)); insert into t values (1, 'a'), (2, 'b')"
    follow "$SRC" "$DST"
    target_sql -d "$db" -qc "update t set v = 'other' where id = 2"
    expect_exit 4 runnel cutover "$SRC" "$DST" --name moved --quiet-seconds 0
    said 'not done'
    follow "$SRC" "$DST"
    source_sql "$db" -e "update t set v = 'mended' where id = 2"
    expect_exit 0 runnel cutover "$SRC" "$DST" --name moved --quiet-seconds 0
    same mended "$(target_sql -d "$db" -Atc "select v from t where id = 2")" row
}

# Two URLs say nothing of what the pipeline was begun with: the target remembers it.
test_as_it_was_begun() {
    new_databases
    source_sql "$db" -e "create table t (id int primary key, v varchar(20)); insert into t values (1, 'a'), (2, 'b');
        create table other (id int primary key); insert into other values (1)"
    follow "$SRC" "$DST" --tables t --target t=moved_t --no-indexes --change-lanes 2
    source_sql "$db" -e "update t set v = 'B' where id = 2; insert into other values (2)"
    expect_exit 0 runnel cutover "$SRC" "$DST" --name moved --quiet-seconds 0 --ddl stop
    said 'is cut over'
    same '1a,2B' "$(target_sql -d "$db" -Atc "select string_agg(id || v, ',' order by id) from moved_t")" rows
    same 1 "$(target_sql -d "$db" -Atc "select count(*) from information_schema.tables where table_schema = 'public'")" tables
}

# Cut off behind its last word, a cutover has left the slot: it would hold back the log for ever.
test_what_is_left_at_the_source_is_let_go() {
    new_databases
    database_new "$E2E_TARGET" "${db}_from"
    SRC=$(database_url "$E2E_TARGET" "${db}_from")
    database_load "$E2E_TARGET" "${db}_from" <<<"create table t (id int primary key, v text); insert into t values (1, 'a')"
    follow "$SRC" "$DST"
    expect_exit 0 runnel cutover "$SRC" "$DST" --name moved --quiet-seconds 0
    same 0 "$(slots)" 'slots behind a cutover'
    database_sql "$E2E_TARGET" "${db}_from" -c "select pg_create_logical_replication_slot('runnel_moved', 'pgoutput')" >/dev/null
    expect_exit 2 runnel cutover "$SRC" "$DST" --name moved
    said cutover.done
    same 0 "$(slots)" 'slots in the end'
}
slots() {
    database_sql "$E2E_TARGET" "${db}_from" -Atc "select count(*) from pg_replication_slots where slot_name = 'runnel_moved'"
}

test_nothing_to_cut_over() {
    new_databases
    source_sql "$db" -e "create table t (id int primary key)"
    expect_exit 2 runnel cutover "$SRC" "$DST" --name moved
    said cutover.nothing
    expect_exit 0 runnel migrate "$SRC" "$DST" --name moved
    expect_exit 2 runnel cutover "$SRC" "$DST" --name moved
    said cutover.nothing
}

run_tests
