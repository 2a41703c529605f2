# What the log of a MySQL or MariaDB server can hold, and what it must not be passed over for.
# shellcheck shell=bash
. "${0%/*}/lib.sh"

do_at() { source_sql "$db" -e "$1"; }
follow_on() { expect_exit 0 runnel migrate "$SRC" "$DST" --follow --drain --name followed "$@"; }
stops() { expect_exit 1,2,3 runnel migrate "$SRC" "$DST" --follow --drain --name followed --retry-seconds 3 "$@"; }
verified() { expect_exit 0 runnel verify "$SRC" "$DST"; }
is_maria() { [ "$(engine_of "$E2E_SOURCE")" = mysql ] && [[ $E2E_SOURCE == maria* ]]; }

tables_make() {
    source_sql "$db" <<'SQL'
create table t (id int primary key, a varchar(60), n bigint unsigned, d decimal(12,3),
    at timestamp(6) null, raw binary(8), big longblob,
    twice bigint as (id * 2) virtual, thrice bigint as (id * 3) stored);
create table keyless (x int, y varchar(20));
create table unfollowed_twin (x int primary key);
insert into t (id, a, n, d) values (1, 'one', 18446744073709551615, 1.5), (2, 'two', 0, -0.001), (3, 'three', null, null);
insert into keyless values (1, 'same'), (1, 'same'), (2, null);
SQL
}

test_forms_of_events() {
    new_databases
    tables_make
    follow_on
    verified
    source_sql "$db" <<'SQL'
insert into t (id, a, raw, at) values (10, 'plain', 'ab', '2026-01-02 03:04:05.678901'), (11, 'Grüße', x'00ff00', null);
update t set id = id + 100 where id in (10, 11);
set session binlog_row_image = minimal;
insert into t (id, a) values (20, 'minimal');
update t set a = 'changed' where id = 20;
update t set id = 21 where id = 20;
delete from t where id = 3;
set session binlog_row_image = noblob;
update t set d = 2.5 where id = 2;
set session binlog_row_image = full;
begin;
insert into t (id, a) values (30, 'kept');
savepoint s;
insert into t (id, a) values (31, 'taken back');
rollback to s;
insert into keyless values (3, 'x');
commit;
delete from keyless where x = 1 limit 1;
create temporary table passing (a int);
insert into passing values (1);
drop temporary table passing;
create table nobodys (a int primary key);
insert into nobodys values (1);
alter table nobodys add b int;
drop table nobodys;
create or replace view seen as select 1 as one;
drop view seen;
SQL
    do_at "set session max_statement_time = 0" 2>/dev/null || true
    source_sql --max-allowed-packet=256M "$db" -e "insert into t (id, big) values (40, repeat(x'00ff41', 9000000))" 2>/dev/null ||
        source_sql "$db" -e "insert into t (id, big) values (40, repeat(x'00ff41', 4000000))"
    if ! is_maria; then
        source_sql "$db" <<'SQL'
set gtid_next = 'AUTOMATIC:runnel_e2e';
insert into t (id, a) values (50, 'tagged');
set session binlog_transaction_compression = on;
insert into t (id, a) select 1000 + id, repeat('packed', 5) from t where id < 50;
set gtid_next = AUTOMATIC;
SQL
    fi
    follow_on
    verified
    same "2" "$(target_sql -d "$db" -c "select count(*) from keyless where x <> 3")" "the keyless table's rows"
    do_at "truncate table keyless; insert into keyless values (9, 'behind')"
    follow_on
    verified
    same "9|behind" "$(target_sql -d "$db" -c "select * from keyless")" "after TRUNCATE"
}

test_keys_that_the_server_made() {
    [[ $E2E_SOURCE == mysql* ]] || skip "MySQL alone makes keys that nobody sees"
    new_databases
    do_at "set session sql_generate_invisible_primary_key = on; create table hidden (a int); insert into hidden values (1), (1), (2)"
    follow_on
    do_at "update hidden set a = 5 where a = 2; delete from hidden where a = 1 limit 1; insert into hidden values (7)"
    follow_on
    verified
    same "1 5 7" "$(target_sql -d "$db" -c "select string_agg(a::text, ' ' order by a) from hidden")" "the rows"
}

test_transactions_prepared_before() {
    new_databases
    tables_make
    # No view shows it, and changes would begin behind it.
    do_at "xa start 'too early', 'b'; insert into t (id, a) values (59, 'xa'); xa end 'too early', 'b'; xa prepare 'too early', 'b'"
    stops
    said mysql.xa_prepared "waits for the XA transaction 'too early', 'b'" "XA RECOVER"
    do_at "xa rollback 'too early', 'b'"
    follow_on
    # A session that ends leaves what it prepared.
    do_at "xa start 'kept'; insert into t (id, a) values (60, 'xa kept'); update t set a = 'xa' where id = 2; xa end 'kept'; xa prepare 'kept'"
    do_at "xa start 'dropped', 'b'; insert into t (id, a) values (61, 'xa dropped'); xa end 'dropped', 'b'; xa prepare 'dropped', 'b'"
    do_at "insert into t (id, a) values (62, 'between')"
    follow_on
    same "62" "$(target_sql -d "$db" -c "select string_agg(id::text, ' ') from t where id >= 60")" "while prepared"
    do_at "insert into t (id, a) values (63, 'between'); xa rollback 'dropped', 'b'"
    follow_on
    do_at "xa commit 'kept'; xa start 'at once'; insert into t (id, a) values (64, 'xa'); xa end 'at once'; xa commit 'at once' one phase"
    follow_on
    verified
    same "60 62 63 64" "$(target_sql -d "$db" -c "select string_agg(id::text, ' ' order by id) from t where id >= 60")" "after their ends"
}

# Runs behind the scenes until a statement ends it; what came before must be in the target.
ends_by() { # SQL LAST [OPTIONS]; LAST: the largest id that may arrive
    local rc=0
    "$E2E_RUNNEL" migrate "$SRC" "$DST" --follow --name followed "${@:3}" >"$E2E_SCRATCH/$E2E_TEST.ends" 2>&1 &
    follower=$!
    # shellcheck disable=SC2064 # this one
    trap "kill -KILL $follower 2>/dev/null || true" EXIT
    do_at "insert into t (id, a) values (60, 'first')"
    wait_for 30 arrived 60
    do_at "$1"
    wait_for 30 gone "$follower"
    wait "$follower" || rc=$?
    same 2 "$rc" "its exit code"
    out=$E2E_SCRATCH/$E2E_TEST.ends err=$out
    same "$2" "$(target_sql -d "$db" -c "select max(id) from t")" "what came before it, and no more"
}
arrived() { [ "$(target_sql -d "$db" -c "select count(*) from t where id = $1")" = 1 ]; }
gone() { ! kill -0 "$1" 2>/dev/null; }

test_a_statement_in_place_of_rows_stops() {
    new_databases
    tables_make
    follow_on
    ends_by "insert into t (id, a) values (70, 'before'); set session binlog_format = statement; update t set a = 'as text' where id = 1;
        set session binlog_format = row; insert into t (id, a) values (71, 'behind')" 70
    said source.statement_format "update t set a" restart
    stops
    said source.statement_format
}

test_an_altered_table_stops() {
    new_databases
    tables_make
    follow_on --exclude unfollowed_twin
    do_at "alter table unfollowed_twin add z int; insert into t (id, a) values (79, 'others are altered')"
    follow_on --exclude unfollowed_twin
    same 79 "$(target_sql -d "$db" -c "select max(id) from t")" "behind a table that nobody follows"
    ends_by "insert into t (id, a) values (80, 'before'); alter table t add column more int; insert into t (id, more) values (81, 1)" 80 --exclude unfollowed_twin --ddl stop
    said source.table_altered "alter table t add column more int" evolve
    stops --exclude unfollowed_twin --ddl stop
    said altered restart
    follow_on --exclude unfollowed_twin
    same 81 "$(target_sql -d "$db" -c "select max(id) from t where more = 1")" "once the target may follow"
}

test_two_readers_of_one_number() {
    new_databases
    tables_make
    local first rc=0
    "$E2E_RUNNEL" migrate "$SRC" "$DST" --follow --name twice --set server_id=4711 >"$E2E_SCRATCH/first" 2>&1 &
    first=$!
    # shellcheck disable=SC2064 # this one
    trap "kill -KILL $first 2>/dev/null || true" EXIT
    wait_for 30 reads_its_log 1
    target_sql -d postgres -c "drop database if exists \"${db}_2\"" -c "create database \"${db}_2\" owner runnel" 2>/dev/null
    "$E2E_RUNNEL" migrate "$SRC" "${DST}_2" --follow --name twice --set server_id=4711 >"$E2E_SCRATCH/second" 2>&1 &
    # shellcheck disable=SC2064
    trap "kill -KILL $first $! 2>/dev/null || true" EXIT
    wait_for 30 gone "$first"
    wait "$first" || rc=$?
    grep -q mysql.reader_duplicate "$E2E_SCRATCH/first" || fail "the first said: $(tail -n 5 "$E2E_SCRATCH/first")"
    same 2 "$rc" "its exit code"
    kill -KILL $!
    wait $! 2>/dev/null || true
    target_sql -d postgres -c "drop database \"${db}_2\" with (force)" || true
}
reads_its_log() { # COUNT: of dump threads of this user
    [ "$(source_sql -e "select count(*) from information_schema.processlist where db = '$db' and command like 'Binlog Dump%'")" -ge "$1" ]
}

# --- a server of its own: restarted, purged, without GTIDs, seen by a user who may little ---------

own_server() {
    local dir=$E2E_SCRATCH/own
    chmod 0711 "$E2E_SCRATCH"
    "$testbed" start "$dir" --durable --owner "$BASHPID" "$E2E_SOURCE" >&2
    eval "$("$testbed" env "$dir")"
    own=$dir
}
kill_dumps() {
    local id
    for id in $(source_sql -e "select id from information_schema.processlist where command like 'Binlog Dump%'"); do
        source_sql -e "kill $id" || true
    done
}
log_hide() { # a file that is listed, and isn't there: $hidden
    do_at "flush binary logs; insert into t (id, a) values (86, 'hidden'); flush binary logs; insert into t (id, a) values (87, 'behind')"
    hidden=$(source_sql -e "show binary logs" | tail -n 2 | head -n 1 | cut -f 1)
    mv "$own/$E2E_SOURCE/data/$hidden" "$own/"
    hidden=$own/$hidden
}
log_purge() { # a transaction that nobody has read goes
    do_at "insert into t (id, a) values ($1, 'purged'); flush binary logs; insert into t (id, a) values ($1 + 1, 'x'); flush binary logs"
    wait_for 20 log_is_purged # not while somebody reads it
}
log_is_purged() {
    source_sql -e "purge binary logs to '$(source_sql -e "show binary logs" | tail -n 1 | cut -f 1)'"
    [ "$(source_sql -e "show binary logs" | wc -l)" = 1 ]
}

test_a_server_that_comes_and_goes() {
    own_server
    new_databases
    tables_make
    if is_maria; then # where it doesn't log what cascades, rows that were cut short couldn't be put back
        do_at "create table of_t (id int primary key, t_id int, foreign key (t_id) references t (id) on delete cascade); set global binlog_row_image = minimal"
        stops
        said mysql.row_image "of_t_ibfk_1 cascades" "binlog_row_image = FULL"
        do_at "set global binlog_row_image = full; drop table of_t"
    fi
    source_sql -e "create user little@'%' identified by 'little'; grant select on \`$db\`.* to little@'%'"
    SRC=mysql://little:little@127.0.0.1:$(server "$E2E_SOURCE" PORT)/$db
    stops
    said mysql.missing_privilege "GRANT REPLICATION SLAVE"
    source_sql -e "grant replication slave on *.* to little@'%'"
    if ! is_maria; then
        stops
        said "GRANT LOCK TABLES" keyless
        source_sql -e "grant lock tables on \`$db\`.* to little@'%'"
    fi
    follow_on
    "$E2E_RUNNEL" migrate "$SRC" "$DST" --follow --name followed >"$E2E_SCRATCH/$E2E_TEST.run" 2>&1 &
    follower=$!
    do_at "insert into t (id, a) values (90, 'first')"
    wait_for 30 arrived 90
    source_sql "$db" -e "set lock_wait_timeout = 5; truncate table unfollowed_twin" # nobody holds it
    "$testbed" kill "$own" "$E2E_SOURCE"
    "$testbed" restart "$own" "$E2E_SOURCE"
    do_at "insert into t (id, a) values (91, 'behind the crash')"
    wait_for 60 arrived 91
    kill_dumps
    do_at "insert into t (id, a) values (92, 'behind the kill'); flush binary logs; insert into t (id, a) values (93, 'in another file')"
    wait_for 60 arrived 93
    kill -INT "$follower"
    wait "$follower" || true
    verified
    log_hide
    stops
    said mysql.log_missing restart
    mv "$hidden" "$own/$E2E_SOURCE/data/"
    follow_on
    log_purge 94
    stops
    said mysql.log_purged restart
    source_sql -e "$(is_maria && echo "reset master" || echo "reset binary logs and gtids")"
    stops
    said mysql.reader_ahead
    "$testbed" stop "$own" --remove
}

test_positions_by_file() {
    [[ $E2E_SOURCE == mysql* ]] || skip "MariaDB always has GTIDs"
    own_server
    new_databases
    tables_make
    source_sql -e "set global gtid_mode = on_permissive; set global gtid_mode = off_permissive; set global gtid_mode = off"
    follow_on
    said mysql.gtid_mode
    do_at "insert into t (id, a) values (60, 'by file'); flush binary logs; insert into keyless values (4, 'x')"
    do_at "xa start 'x'; insert into t (id, a) values (61, 'xa'); xa end 'x'; xa prepare 'x'"
    do_at "set session binlog_transaction_compression = on; insert into t (id, a) values (62, 'packed')"
    follow_on
    do_at "xa commit 'x'; insert into t (id, a) values (63, 'last')"
    follow_on
    verified
    "$testbed" stop "$own" --remove
}

run_tests
