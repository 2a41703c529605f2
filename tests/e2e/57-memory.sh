# The memory that a load takes, whatever the size of tables and rows.
# shellcheck shell=bash
# once
. "${0%/*}/lib.sh"

# peak MIB COMMAND...: runs it to its end with exit code 0, never above MIB.
peak() {
    local most=$1 now=0 last pid
    shift
    "$@" >"$E2E_SCRATCH/out" 2>"$E2E_SCRATCH/err" &
    pid=$!
    while last=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$pid/status" 2>/dev/null) && [ -n "$last" ]; do
        now=$last
        sleep 0.02
    done
    wait "$pid" || fail "exit code $?: $(tail -n 2 "$E2E_SCRATCH/err")"
    say "$((now / 1024)) MiB"
    [[ $now -gt 1000 && $now -le $((most * 1024)) ]] || fail "$((now / 1024)) MiB, not $most: $*"
}

test_stays_below_its_ceiling() {
    new_databases
    source_sql "$db" -e "create table narrow (id int primary key, v varbinary(1100));
        insert into narrow select seq, repeat('x', 1000) from seq_1_to_60000;
        create table wide (id int primary key, v longblob);
        insert into wide select seq, repeat('y', 1000000) from seq_1_to_40"
    peak 64 "$E2E_RUNNEL" migrate "$SRC" "$DST" --lanes 4 --chunk-size 1M --tables narrow --name a
    peak 64 "$E2E_RUNNEL" migrate "$SRC" "$DST" --lanes 4 --chunk-size 1M --tables wide --name b --on-error set_aside
}

test_large_rows_pass_one_at_a_time() {
    new_databases
    source_sql "$db" -e "set global max_allowed_packet = 268435456"
    source_sql --max-allowed-packet=256M "$db" -e "create table blobs (id int primary key, v longblob);
        insert into blobs select seq, repeat('z', 8000000) from seq_1_to_4;
        update blobs set v = concat(v, v, v, v, v, v, v, v) where id <= 3"
    expect_exit 2 runnel migrate "$SRC" "$DST" --max-row 32M
    said row.too_large blobs id=
    peak 320 "$E2E_RUNNEL" migrate "$SRC" "$DST" --lanes 4
    expect_exit 0 runnel verify "$SRC" "$DST"
}

# Of each table both sides keep its structure: names at their length, and the file's schema once a lane.
test_a_file_of_many_tables() {
    local columns
    command -v sqlite3 >/dev/null || skip "no sqlite3"
    columns=$(printf 'c%d int, ' $(seq 20))
    { echo "begin;" && printf "create table t%d ($columns id int primary key);\n" $(seq 2000) && echo "commit;"; } |
        sqlite3 "$E2E_SCRATCH/many.db"
    peak 64 "$E2E_RUNNEL" migrate --lanes 2 "sqlite://$E2E_SCRATCH/many.db" "sqlite://$E2E_SCRATCH/copy.db"
}

# The short form of tests/fault/large: rows in one transaction, transactions, and tables.
test_changes_that_are_many() {
    server mysql9 PORT >/dev/null
    "$e2e_top/tests/fault/large" --rows 200000 --tables 200 --memory 64 --servers "$E2E_TESTBED" \
        --from mysql9 --to postgres --build "${E2E_RUNNEL%/*}" >&2
}

run_tests
