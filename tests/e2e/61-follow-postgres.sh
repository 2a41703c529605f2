# PostgreSQL's changes: what is followed, what is refused, and what becomes of slot and publication.
# shellcheck shell=bash
# once
. "${0%/*}/lib.sh"

# Sets db, SRC and DST: two databases of one server.
pair() { # SERVER
    bed=$1
    server "$bed" PORT >/dev/null
    db=e2e_61_${E2E_TEST#test_}_$bed
    db=${db:0:50}
    database_new "$bed" "${db}_src"
    database_new "$bed" "$db"
    SRC=$(database_url "$bed" "${db}_src")
    DST=$(database_url "$bed" "$db")
    slot=runnel_$db
}

src() { database_sql "$bed" "${db}_src" "$@"; }
dst() { database_sql "$bed" "$db" "$@"; }
# Tables belong to the program's user, who publishes them.
make() { database_load "$bed" "${db}_src" <<<"$1"; }

start() { # [OPTIONS]
    log=$E2E_SCRATCH/$E2E_TEST.log
    "$E2E_RUNNEL" migrate "$SRC" "$DST" --follow --name "$db" "$@" >"$log" 2>&1 &
    run=$!
    # shellcheck disable=SC2064
    trap "kill -KILL $run 2>/dev/null || true" EXIT
}

stop() {
    kill -INT "$run"
    wait "$run" || true
}

drop_slot() {
    wait_for 20 slot_free
    src -c "select pg_drop_replication_slot('$slot') where exists
        (select from pg_replication_slots where slot_name = '$slot')" >/dev/null
}
slot_free() { [ "$(src -c "select count(*) from pg_replication_slots where slot_name = '$slot' and active")" = 0 ]; }
slot_read() { [ "$(src -c "select count(*) from pg_replication_slots where slot_name = '$slot' and active")" = 1 ]; }
ended() { ! kill -0 "$run" 2>/dev/null; }

table_sum() { # src|dst TABLE
    "$1" -c "select count(*), md5(coalesce(string_agg(t::text, e'\n' order by t::text), '')) from $2 t"
}
equal() {
    local table
    for table in "$@"; do [ "$(table_sum src "$table")" = "$(table_sum dst "$table")" ] || return 1; done
}
agree() { # TABLE...
    local deadline=$((SECONDS + 20))
    until equal "$@" 2>/dev/null; do
        if ended || [ "$SECONDS" -ge "$deadline" ]; then
            grep -v '^  ' "$log" | tail -n 8 | sed 's/^/    | /' >&2
            fail "source and target differ: $* [$(table_sum src "$1")] [$(table_sum dst "$1")]"
        fi
        sleep 0.1
    done
}

kinds_sql="
create table toast (id int primary key, n int, big text, note text);
alter table toast alter big set storage external;
insert into toast select g, 0, repeat(md5(g::text), 300), 'x' from generate_series(1, 50) g;
create table whole (a int, b text);
alter table whole replica identity full;
insert into whole select g % 5, 'same' from generate_series(1, 50) g;
create table indexed (id int primary key, code int not null, v text, unique (id, code));
alter table indexed replica identity using index indexed_id_code_key;
insert into indexed select g, g, 'v' from generate_series(1, 50) g;
create table parts (id int primary key, v text) partition by range (id);
create table parts_1 partition of parts for values from (0) to (100);
create table parts_2 (v text, gone int, id int not null);
alter table parts_2 drop gone;
alter table parts attach partition parts_2 for values from (100) to (200);
insert into parts select g, 'p' from generate_series(1, 150) g;
create table emptied (id int primary key, v text);
insert into emptied select g, 'e' from generate_series(1, 100) g;
create table computed (id int primary key, twice int generated always as (id * 2) stored, v text);
insert into computed (id, v) select g, 'c' from generate_series(1, 20) g;
create table \"Odd name\" (\"the id\" int primary key, \"a\"\"b\" text);
insert into \"Odd name\" values (1, 'x')"
kinds=(toast whole indexed parts emptied computed '"Odd name"')

kinds_work="
update toast set n = n + 1 where id <= 25;
update toast set id = id + 1000 where id between 10 and 14;
update toast set id = id + 2000, n = 7 where id between 15 and 19;
update toast set big = 'short' where id = 20;
update toast set big = null where id = 21;
delete from toast where id = 22;
insert into toast values (60, 1, repeat('new', 5000), null);
update toast set note = null where id = 60;
delete from whole where ctid in (select ctid from whole where a = 1 limit 3);
update whole set b = 'other' where ctid in (select ctid from whole where a = 2 limit 4);
insert into whole values (9, null), (9, null), (null, null);
delete from whole where ctid in (select ctid from whole where a = 9 limit 1);
update indexed set v = 'w' where id < 10;
update indexed set code = code + 1000 where id between 10 and 20;
update indexed set id = id + 500 where id between 21 and 25;
delete from indexed where id between 30 and 40;
update parts set v = 'q' where id % 2 = 0;
update parts set id = id + 100 where id between 51 and 70;
delete from parts where id % 7 = 0;
begin; truncate emptied; insert into emptied values (1, 'after'); commit;
update computed set id = id + 100 where id < 5;
insert into computed (id, v) values (50, 'new');
delete from \"Odd name\"; insert into \"Odd name\" values (2, 'y');
begin; insert into emptied values (2, 'kept'); savepoint a; insert into emptied values (3, 'undone');
rollback to a; insert into emptied values (4, 'kept'); commit;
begin; insert into emptied values (5, 'undone'); rollback;"

kinds_on() { # SERVER
    pair "$1"
    make "$kinds_sql"
    start
    src <<<"$kinds_work" # as likely in the load as behind it
    wait_for 20 slot_read
    agree "${kinds[@]}"
    make "create table parts_3 partition of parts for values from (200) to (300)"
    src -c "insert into parts values (250, 'new partition')" -c "update parts set id = 251 where id = 3" \
        -c "delete from toast where id = 60" -c "update toast set n = n + 1" -c "update parts set v = v || 'r'" \
        -c "truncate whole" -c "insert into whole values (1, 'b')"
    # more than the server keeps in memory, half of it undone
    src -c "set logical_decoding_work_mem = '64kB'" -c "begin" \
        -c "insert into computed (id, v) select g, repeat('m', 100) from generate_series(1000, 5999) g" \
        -c "savepoint s" -c "update computed set v = 'undone'" -c "rollback to s" -c "commit"
    agree "${kinds[@]}"
    stop
    # what happens while nobody reads is told later; then the log's end is the run's
    src -c "update toast set n = n + 1, note = 'paused'" -c "delete from computed where id > 3000"
    expect_exit 0 runnel migrate "$SRC" "$DST" --follow --drain --name "$db"
    agree_now "${kinds[@]}"
    drop_slot
}
agree_now() { equal "$@" || fail "source and target differ after --drain"; }

test_kinds_of_tables_15() { kinds_on postgres; }
test_kinds_of_tables_17() { kinds_on postgres17; }

# The same value by COPY and by the stream: every type, compared in the target.
test_same_values() {
    pair postgres17
    make "create type mood as enum ('sad', 'ok'); create type pair as (x int, y text);
create domain positive as int check (value > 0);
create table loaded (id int primary key, b bool, i2 int2, i8 int8, f4 real, f8 float8, n numeric,
  m money, vc varchar(20), ch char(6), by bytea, d date, ti time, tz timetz, ts timestamp,
  tstz timestamptz, iv interval, u uuid, js json, jb jsonb, bi bit(5), vb varbit, o oid, md mood,
  cp pair, po positive, ai int[], at text[], ine inet, cid cidr, r int4range, pt point, xm xml,
  tv tsvector, qc \"char\");
insert into loaded values
(1, true, -5, 9223372036854775807, 1.1, 0.1, 123.4500, 12.34, 'é', 'ab', '\xdeadbeef', '2024-02-29',
 '12:34:56.789', '12:34:56+02', '2024-01-01 00:00:00.000001', '2024-06-01 12:00:00+05',
 '1 year 2 mons -3 days 04:05:06.7', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{\"a\": 1}',
 '{\"b\": [1, 2]}', '10101', '110', 4000000000, 'ok', row(1, 'a b'), 5, '{1,NULL,3}',
 '{\"a b\",NULL,\"c\\\"d\"}', '192.168.1.5/24', '10.0.0.0/8', '[1,5)', '(1,2)', '<a>x</a>', 'a b:3', 'x'),
(2, false, 0, -9223372036854775808, 'NaN', '-Infinity', 'NaN', -92233720368547758.08, '', '', '',
 'infinity', '24:00:00', '00:00:00-12', 'infinity', '-infinity', '-1 mon +2 days -00:00:00.5', null,
 'null', '\"x\"', '00000', '', 0, 'sad', null, 1, '{}', '{}', '::5', '::/0', 'empty', '(0,-0)', null,
 '', ''),
(3, null, null, null, 3.4028235e38, 4.9e-324, 1e-20, 0.05, null, null, null, '0044-03-15 BC',
 '00:00:00', null, '0044-03-15 12:00:00 BC', '294246-12-31 00:00:00+00', 'infinity', null, null, null,
 null, null, null, null, null, null, null, null, '::ffff:1.2.3.4', null, null, null, null, null, null),
(4, null, null, null, -0.0, -0.0, 'Infinity', -0.05, null, ' x', null, '5874897-12-31',
 '23:59:59.999999', null, '-infinity', 'infinity', '-infinity', null, null, null, null, null, null,
 null, null, null, '[0:1]={1,2}', null, '2001:db8::1/64', null, null, null, null, null, null);
create table told (like loaded including all)"
    start
    wait_for 20 slot_read
    src -c "insert into told select * from loaded"
    agree loaded told
    same "$(dst -c "select md5(string_agg(t::text, e'\n' order by id)) from loaded t")" \
        "$(dst -c "select md5(string_agg(t::text, e'\n' order by id)) from told t")" "values"
    stop
    drop_slot
}

test_what_is_refused() {
    pair postgres
    make "create table nameless (a int); create table nothing (id int primary key);
        alter table nothing replica identity nothing; create table fine (id int primary key)"
    expect_exit 2,4 runnel migrate "$SRC" "$DST" --follow --name "$db"
    said "public.nameless" "public.nothing" "REPLICA IDENTITY FULL" "source.replica_identity"
    # it would have broken the application: nothing was published
    same 0 "$(src -c "select count(*) from pg_publication")" "publications"
    make "drop table nameless, nothing; create unlogged table fleeting (id int primary key)"
    expect_exit 2,4 runnel migrate "$SRC" "$DST" --follow --name "$db"
    said "source.unlogged" "public.fleeting"
    make "drop table fleeting; create table part (id int primary key, code int not null unique);
        alter table part replica identity using index part_code_key"
    expect_exit 2,4 runnel migrate "$SRC" "$DST" --follow --name "$db"
    said "public.part" "lacks columns of the primary key"
    make "drop table part"
    src -c "alter role runnel noreplication"
    expect_exit 2,3,4 runnel migrate "$SRC" "$DST" --follow --name "$db"
    src -c "alter role runnel replication"
    said "REPLICATION"
    same "0|0" "$(src -c "select (select count(*) from pg_replication_slots where slot_name = '$slot'),
        (select count(*) from pg_publication)")" "what is left behind"
}

test_table_altered() {
    pair postgres
    make "create table a (id int primary key, v varchar(10)); insert into a values (1, 'x')"
    start --ddl stop
    wait_for 20 slot_read
    agree a
    wait_for 20 grep -qw following "$log"
    make "insert into a values (2, 'y'); alter table a alter v type varchar(20); insert into a values (3, 'z')"
    wait_for 20 ended
    grep -q "source.table_altered" "$log" || fail "$(tail -n 5 "$log")"
    wait "$run" && fail "it ended well"
    same 2 "$(dst -c "select count(*) from a")" "rows before the change"
    drop_slot
}

test_publication_dropped() {
    local name
    for name in postgres postgres17; do
        pair "$name"
        make "create table a (id int primary key); insert into a values (1)"
        start
        wait_for 20 slot_read
        src -c "insert into a values (2)"
        agree a
        src -c "drop publication \"$slot\"" -c "insert into a values (3)"
        wait_for 30 ended
        grep -q "source.publication_lost" "$log" || fail "$(tail -n 5 "$log")"
        # made again it can't bring back what it missed
        make "create publication \"$slot\" for table a"
        expect_exit 2,4 runnel migrate "$SRC" "$DST" --follow --drain --name "$db"
        said "source.publication_lost"
        drop_slot
    done
}

test_slot_lost() {
    pair postgres
    make "create table a (id int primary key); insert into a values (1)"
    start
    wait_for 20 slot_read
    agree a
    stop
    # somebody else reads it
    pg_recvlogical -h "$(server "$bed" SOCKET)" -p "$(server "$bed" PORT)" -U postgres \
        -d "${db}_src" --slot "$slot" --start -o proto_version=1 -o "publication_names=$slot" \
        -f /dev/null 2>/dev/null &
    local reader=$!
    wait_for 10 slot_read
    E2E_TRIES=1 timeout 15 "$E2E_RUNNEL" migrate "$SRC" "$DST" --follow --name "$db" >"$log" 2>&1 || true
    kill "$reader"
    grep -q "source.slot_busy" "$log" || fail "busy: $(tail -n 5 "$log")"
    # nobody reads it, but somebody made it anew: what lies between is gone
    drop_slot
    src -c "insert into a values (2)" \
        -c "select pg_create_logical_replication_slot('$slot', 'pgoutput')" >/dev/null
    expect_exit 2,4 runnel migrate "$SRC" "$DST" --follow --drain --name "$db"
    said "source.slot_lost" "--restart"
    drop_slot
    expect_exit 2,4 runnel migrate "$SRC" "$DST" --follow --drain --name "$db"
    said "source.slot_lost" "it isn't there"
    # the way out
    expect_exit 0 runnel migrate "$SRC" "$DST" --follow --drain --name "$db" --restart --yes
    equal a || fail "differs after --restart"
    drop_slot
}

# Its log is kept by size: what is behind is taken away.
test_slot_overrun() {
    [ -n "${TESTBED_POSTGRES_PORT:-}" ] || skip "no postgres server"
    "$testbed" start "$E2E_SCRATCH/own" --owner $$ postgres >/dev/null
    eval "$("$testbed" env "$E2E_SCRATCH/own")"
    pair postgres
    src -c "alter system set max_slot_wal_keep_size = '1MB'" -c "alter system set max_wal_size = '32MB'" \
        -c "alter system set min_wal_size = '32MB'" -c "select pg_reload_conf()" >/dev/null
    make "create table a (id int primary key, v text); insert into a values (1, 'x')"
    start
    wait_for 20 slot_read
    agree a
    stop
    wait_for 20 slot_free
    for _ in 1 2 3 4; do
        src -c "select pg_switch_wal()" -c "insert into a select max(id) + 1 from a" -c "checkpoint" >/dev/null
    done
    expect_exit 2,4 runnel migrate "$SRC" "$DST" --follow --drain --name "$db"
    said "source.slot_lost" "max_slot_wal_keep_size"
    "$testbed" stop "$E2E_SCRATCH/own" --remove
}

confirmed_behind() { # LSN
    [ "$(src -c "select confirmed_flush_lsn >= '$1' from pg_replication_slots where slot_name = '$slot'")" = t ]
}

# A server that works for others, and a target that stands still for longer than the server's patience.
test_idle_and_slow() {
    pair postgres
    make "create table a (id int primary key, v text); insert into a values (1, 'x')"
    src -c "alter role runnel in database \"${db}_src\" set wal_sender_timeout = '2s'"
    database_sql "$bed" postgres -c "drop table if exists noise_61" -c "create table noise_61 (v text)" 2>/dev/null
    start
    wait_for 20 slot_read
    agree a
    local pid end
    pid=$(src -c "select active_pid from pg_replication_slots where slot_name = '$slot'")
    database_sql "$bed" postgres -c "insert into noise_61 select repeat('n', 1000) from generate_series(1, 20000)" \
        -c "drop table noise_61"
    end=$(src -c "select pg_current_wal_lsn()")
    wait_for 15 confirmed_behind "$end"
    # the writer waits for a lock; the server hears of us all the same
    dst -c "begin; lock table a; select pg_sleep(5)" >/dev/null &
    sleep 0.2
    src -c "insert into a select g, repeat('w', 1000) from generate_series(2, 30000) g"
    wait "$!"
    agree a
    same "$pid" "$(src -c "select active_pid from pg_replication_slots where slot_name = '$slot'")" "the server's process"
    stop
    drop_slot
}

writes_now() {
    [ "$(src -c "select count(*) from pg_stat_activity where backend_xid is not null and datname = '${db}_src'")" = 1 ]
}

test_open_transaction() {
    pair postgres
    make "create table a (id int primary key); create table other (v int)"
    src -c "begin; insert into other values (1); select pg_sleep(5); insert into a values (1); commit" >/dev/null &
    local open=$!
    wait_for 5 writes_now
    start --exclude other
    wait_for 20 grep -q "the replication slot waits for" "$log"
    wait_for 20 slot_read
    wait "$open"
    agree a
    stop
    drop_slot
}

loads() { [ "$(src -c "select count(*) from pg_stat_activity where application_name = 'runnel' and query like 'COPY%'")" -gt 0 ]; }

# All that the run has on the source is cut in the load, the view's keeper too: a later view goes on,
# and changes still begin where the first one stood. A table without a key is loaded anew.
test_view_lost() {
    pair postgres
    make "create table a (id int primary key, v text);
        insert into a select g, repeat(md5(g::text), 20) from generate_series(1, 60000) g;
        create table none (v int, w text); alter table none replica identity full;
        insert into none select g % 100, repeat('n', 500) from generate_series(1, 20000) g"
    start --chunk-size 1M --lanes 2
    wait_for 20 loads
    src -c "update a set v = 'early' where id % 1000 = 0" -c "insert into none values (-1, 'early')" \
        -c "select pg_terminate_backend(pid) from pg_stat_activity
            where datname = current_database() and application_name = 'runnel'" >/dev/null
    src -c "update a set v = 'late' where id % 1000 = 1" -c "delete from none where v = 7" \
        -c "insert into none values (-2, 'late')"
    wait_for 30 slot_read
    agree a none
    grep -q "attempt 2" "$log" || fail "it wasn't cut: $(tail -n 3 "$log")"
    same 1 "$(src -c "select count(*) from pg_replication_slots where slot_name like '$slot%'")" "slots"
    stop
    drop_slot
}

# A publication that somebody made: it must tell whole rows, and all of them, for as long as it's read.
foreign() { # [OPTIONS]
    expect_exit "$1" runnel migrate "$SRC" "$DST" --follow --name "$db" --set publication=shop "${@:2}"
}
test_a_partial_publication() {
    pair postgres
    make "create table a (id int primary key, v text, w text); insert into a values (1, 'v', 'w');
        create publication shop for table a where (id > 0)"
    foreign 2 --drain
    said source.publication_filter public.a WHERE
    make "alter publication shop set table a (id, v)"
    foreign 2 --drain
    said source.publication_columns public.a "list of columns"
    same "0,0" "$(src -c "select count(*) from pg_replication_slots where slot_name = '$slot'"),$(dst -c "select count(*) from pg_class where relname = 'a'")" "made"
    make "alter publication shop set table a (id, v, w)"
    foreign 0 --drain
    make "insert into a values (2, 'v', 'w')"
    foreign 0 --drain
    # While it is read: never a column that is dropped in the target, nor an update without it.
    start --set publication=shop
    wait_for 20 slot_read
    make "alter publication shop set table a (id, v)"
    make "insert into a values (3, 'v', 'w'); update a set w = 'new'"
    wait_for 30 ended
    grep -q source.publication_columns "$log" || fail "$(tail -n 5 "$log")"
    same "1|w,2|w" "$(dst -c "select string_agg(id || '|' || w, ',' order by id) from a")" "the target's rows"
    drop_slot
}

# A role that may read and replicate, and a publication that the tables' owner made.
test_least_rights() {
    pair postgres
    make "create table a (id int primary key, v text); insert into a values (1, 'x')"
    src -c "set client_min_messages = warning; drop role if exists follower_61" 2>/dev/null || true
    src -c "create role follower_61 login replication password 'runnel'" 2>/dev/null || true
    src -c "grant select on a to follower_61"
    local url=${SRC/runnel:runnel/follower_61:runnel}
    expect_exit 2,3,4 runnel migrate "$url" "$DST" --follow --name "$db"
    said "publication"
    make "create publication shop for table a"
    cat >"$E2E_SCRATCH/least.cfg" <<EOF
pipeline = {
  name = "$db"; mode = "replicate";
  reader = { source = { plugin = "postgres"; publication = "shop"; host = "127.0.0.1";
    port = $(server "$bed" PORT); database = "${db}_src"; user = "follower_61"; password = "runnel"; }; };
  writer = { sink = { plugin = "postgres"; host = "127.0.0.1"; port = $(server "$bed" PORT);
    database = "$db"; user = "runnel"; password = "runnel"; }; };
};
EOF
    log=$E2E_SCRATCH/least.log
    "$E2E_RUNNEL" run "$E2E_SCRATCH/least.cfg" >"$log" 2>&1 &
    run=$!
    # shellcheck disable=SC2064
    trap "kill -KILL $run 2>/dev/null || true" EXIT
    wait_for 20 slot_read
    src -c "insert into a values (2, 'y')"
    agree a
    # a table taken out of it is missed at once
    src -c "alter publication shop drop table a"
    wait_for 30 ended
    grep -q "source.publication_tables" "$log" || fail "$(tail -n 5 "$log")"
    drop_slot
    src -c "drop owned by follower_61; drop role follower_61"
}

run_tests
