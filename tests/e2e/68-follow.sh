# Changes behind a load as its operator sees them: modes, limits, choices, ends, and letters.
# shellcheck shell=bash
# once
. "${0%/*}/lib.sh"

export RUNNEL_RUN_DIR=$E2E_SCRATCH/run

rows() { target_sql -d "$db" -Atc "select string_agg(id || v, ',' order by id) from $1"; }

test_a_drain_ends_at_the_log_s_end_and_goes_on() {
    new_databases
    source_sql "$db" -e "create table t (id int primary key, v varchar(20)); insert into t values (1, 'a')"
    expect_exit 0 runnel migrate "$SRC" "$DST" --name f --follow --drain
    source_sql "$db" -e "insert into t values (2, 'b'); update t set v = 'A' where id = 1"
    expect_exit 0 runnel migrate "$SRC" "$DST" --name f --follow --drain
    same '1A,2b' "$(rows t)" rows
    # a limit counts changes, and ends behind a transaction
    source_sql "$db" -e "insert into t values (3, 'c'), (4, 'd'); insert into t values (5, 'e')"
    expect_exit 0 runnel migrate "$SRC" "$DST" --name f --follow --limit-events 1
    same '1A,2b,3c,4d' "$(rows t)" 'behind a limit'
    # changes alone: what stands there stays, and the log counts from now on
    source_sql "$db" -e "insert into t values (6, 'f')"
    expect_exit 2 runnel migrate "$SRC" "$DST" --name f --follow --changes-only --drain
    said resume.other_mode
    expect_exit 0 runnel migrate "$SRC" "$DST" --name only --follow --changes-only --drain
    source_sql "$db" -e "insert into t values (7, 'g')"
    expect_exit 0 runnel migrate "$SRC" "$DST" --name only --follow --changes-only --drain
    same '1A,2b,3c,4d,7g' "$(rows t)" 'changes alone'
    # a new start of it drops nothing
    expect_exit 0 runnel migrate "$SRC" "$DST" --name only --follow --changes-only --drain --restart --yes
    same '1A,2b,3c,4d,7g' "$(rows t)" 'a new start'
}

test_operations_are_left_out() {
    new_databases
    source_sql "$db" -e "create table kept (id int primary key, v varchar(20)); insert into kept values (1, 'a'), (2, 'b');
        create table t like kept; insert into t select * from kept"
    cat >"$E2E_SCRATCH/f.cfg" <<END
connections = {
  s = { plugin = "mysql"; host = "127.0.0.1"; port = $(server "$E2E_SOURCE" PORT); database = "$db";
        user = "runnel"; password = "runnel"; };
  t = { plugin = "postgres"; host = "127.0.0.1"; port = $(server "$E2E_TARGET" PORT); database = "$db";
        user = "runnel"; password = "runnel"; }; };
pipeline = { name = "f"; mode = "replicate";
  reader = { source = { connection = "s"; };
    tables = ( { name = "*"; }, { name = "kept"; operations = [ "insert", "update" ]; } ); };
  writer = { sink = { connection = "t"; }; }; };
END
    expect_exit 0 runnel run "$E2E_SCRATCH/f.cfg" --drain
    source_sql "$db" -e "delete from kept where id = 1; update kept set v = 'B' where id = 2; truncate table t;
        insert into kept values (3, 'c')"
    expect_exit 0 runnel run "$E2E_SCRATCH/f.cfg" --drain
    same '1a,2B,3c' "$(rows kept)" 'no delete'
    same '' "$(rows t)" 'all of it'
    # a row that comes again under the key of one that was not deleted
    source_sql "$db" -e "insert into kept values (1, 'again'); truncate table kept; insert into kept values (3, 'C')"
    expect_exit 0 runnel run "$E2E_SCRATCH/f.cfg" --drain
    same '1again,2B,3C' "$(rows kept)" 'over what was kept'
}

test_what_cant_be_followed_is_refused() {
    new_databases
    source_sql "$db" -e "create table t (id int primary key, v varchar(20))"
    expect_exit 2 runnel migrate "$SRC" "$DST" --name f --follow --where 't=id > 1'
    said follow.filtered 'row filter'
    expect_exit 2 runnel migrate "$SRC" "$DST" --name f --drain
    said config.drain
    expect_exit 2 runnel migrate "sqlite://$E2E_SCRATCH/none.db" "$DST" --name f --follow
}

test_a_deleted_pipeline_leaves_its_tables() {
    new_databases
    source_sql "$db" -e "create table t (id int primary key, v varchar(20)); insert into t values (1, 'a')"
    expect_exit 0 runnel migrate "$SRC" "$DST" --name f --follow --drain
    expect_exit 2 runnel pipelines delete "$SRC" "$DST" --name f
    said pipelines.unsure
    expect_exit 0 runnel pipelines delete "$SRC" "$DST" --name f --yes
    said 'is deleted'
    expect_exit 0 runnel pipelines delete "$SRC" "$DST" --name f --yes
    said 'knows of no pipeline'
    same '1a' "$(rows t)" 'its rows'
    same 0 "$(target_sql -d "$db" -Atc "select count(*) from runnel.pipeline where name = 'f'")" record
}

test_a_deleted_pipeline_of_postgres_keeps_no_log() {
    local slots="select count(*) from pg_replication_slots where slot_name like 'runnel%gone%'"

    new_databases
    target_sql -d "$db" -qc "set role runnel; create table t (id int primary key); insert into t values (1)"
    expect_exit 0 runnel migrate "$DST" "sqlite://$E2E_SCRATCH/copy.db" --name gone --follow --drain
    same 1 "$(target_sql -d "$db" -Atc "$slots")" slot
    expect_exit 0 runnel pipelines delete "$DST" "sqlite://$E2E_SCRATCH/copy.db" --name gone --yes
    same 0 "$(target_sql -d "$db" -Atc "$slots")" 'no slot'
    same 0 "$(target_sql -d "$db" -Atc "select count(*) from pg_publication")" 'no publication'
}

test_changes_that_dont_fit_are_set_aside() {
    new_databases
    source_sql "$db" -e "create table t (id int primary key, v varchar(20)); insert into t values (1, 'a'), (2, 'b')"
    expect_exit 0 runnel migrate "$SRC" "$DST" --name f --follow --drain --on-error set_aside
    target_sql -d "$db" -qc "alter table t add check (v <> 'bad')"
    source_sql "$db" -e "insert into t values (3, 'bad'), (4, 'd'); update t set v = 'bad' where id = 1;
        update t set v = 'B' where id = 2"
    expect_exit 4 runnel migrate "$SRC" "$DST" --name f --follow --drain --on-error set_aside
    same '1a,2B,4d' "$(rows t)" 'rows that fit'
    expect_exit 0 runnel dead-letters list "$SRC" "$DST" --name f
    said 'id=3' 'id=1'
    expect_exit 0 runnel dead-letters export "$SRC" "$DST" --name f
    said '"op"' update bad
    # an insert is done when it fits; an update is not done out of its order
    target_sql -d "$db" -qc "alter table t drop constraint t_v_check"
    expect_exit 4 runnel dead-letters replay "$SRC" "$DST" --name f --all
    same '1a,2B,3bad,4d' "$(rows t)" 'the insert'
    said 'may have been again since'
}

run_tests
