# Changes on several lanes, the run killed again and again: at the end no row lost, none doubled.
# shellcheck shell=bash
# once
. "${0%/*}/lib.sh"

bank=${E2E_RUNNEL%/*}/tests/bank

enough_transfers() { [ "$(at_from "select count(*) from transfers")" -ge "$1" ]; }

# Keys that change, rows of many keys in one transaction, a table that hangs on another.
make_tables() {
    change_source <<'SQL'
create table items (id int primary key, v int not null, note varchar(40));
create table named (name varchar(20) primary key, v int);
create table heads (id int primary key, v int);
create table tails (id int primary key, head int references heads (id), v int);
SQL
    { for i in $(seq 200); do echo "insert into items values ($i, 0, 'first');"; done; } | change_source
}

write_items() { # ROUND
    local n=$1
    change_source <<SQL
begin; update items set v = v + 1 where id <= 150; update items set id = id + 1000 where id = $n; commit;
begin; insert into items values ($((3000 + n)), $n, 'new'); delete from items where id = $((50 + n)); commit;
update items set id = id + 5000 where id = $((3000 + n)) and v = $n;
begin; insert into heads values ($n, 1); insert into tails values ($n, $n, 1); update heads set v = 2; commit;
begin; insert into named values ('n$n', $n); update named set name = 'm$n' where name = 'n$n'; commit;
SQL
}

lanes() { # FROM TO
    local round workload acks=$E2E_SCRATCH/acks
    pair_new "$1" "$2"
    rm -f "$acks"
    "$bank" make "$SRC" --accounts 300 >/dev/null 2>&1
    make_tables
    "$bank" run "$SRC" --accounts 300 --acks "$acks" --seed 7 >&2 &
    workload=$!
    at_end_kill "$workload"
    for round in 1 2 3; do
        follow_start --change-lanes 3 --commit-size 64k --bundle-rows 10
        wait_for 20 enough_transfers $(($(at_from "select count(*) from transfers") + 300))
        write_items "$round"
        [ "$round" -eq 3 ] || { kill -KILL "$follower" && wait_for 10 follow_gone; } 2>/dev/null
        write_items $((round + 20))
    done
    kill -TERM "$workload"
    wait "$workload"
    wait_same 60 "select count(*), max(serial) from transfers"
    follow_drain --change-lanes 3
    "$bank" check "$DST" --acks "$acks" >&2 || fail "the ledger"
    expect_exit 0 runnel verify "$SRC" "$DST"
    expect_exit 2 runnel migrate "$SRC" "$DST" --follow --drain
    said resume.change_lanes "change_lanes = 3"
}

test_mariadb_to_postgres() { lanes mariadb postgres; }
test_postgres_to_mariadb() { lanes postgres mariadb; }

run_tests
