# A load that is cut off, by whatever, goes on where it stood: nothing lost, nothing twice.
# shellcheck shell=bash
. "${0%/*}/lib.sh"

target() { target_sql -d "$db" -c "$1"; }

load_big() {
    new_databases
    source_sql "$db" <"$fixtures/load.sql"
}

rows_arrived() { # at least one row stands, committed, in the target
    [ "$(target "select count(*) from (select 1 from orders limit 1) o" 2>/dev/null)" = 1 ]
}

# Commits so small that rows arrive long before the last is read, however fast the machine is.
begin() { # starts a move in the background: $mover
    "$E2E_RUNNEL" migrate "$SRC" "$DST" --lanes 2 --chunk-size 1M --commit-size 64k \
        --retry-seconds 0 >"$E2E_SCRATCH/move.out" 2>"$E2E_SCRATCH/move.err" &
    mover=$!
}

ended() { # CODES: waits for the move
    local rc=0
    wait_for 120 gone
    wait "$mover" || rc=$?
    [[ ,$1, == *,$rc,* ]] && return
    say "the move ended with exit code $rc, not $1"
    tail -n 20 "$E2E_SCRATCH/move.err" | sed 's/^/    | /' >&2
    exit 1
}

gone() { ! kill -0 "$mover" 2>/dev/null; }

test_kill9() {
    load_big
    "$e2e_top/tests/fault/kill9" "${E2E_KILL_ROUNDS:-4}" --source "$SRC" --target "$DST" \
        --runnel "$E2E_RUNNEL" --admin "$(server "$E2E_TARGET" SOCKET)" >&2
}

test_first_signal_drains_and_the_next_run_goes_on() {
    load_big
    begin
    wait_for 60 rows_arrived
    kill -INT "$mover"
    ended 130
    expect_exit 0 runnel migrate "$SRC" "$DST"
    expect_exit 0 runnel verify "$SRC" "$DST"
}

test_second_signal_stops_at_once() {
    load_big
    begin
    wait_for 60 rows_arrived
    kill -TERM "$mover"
    kill -TERM "$mover"
    ended 130,143
    expect_exit 0 runnel migrate "$SRC" "$DST"
    expect_exit 0 runnel verify "$SRC" "$DST"
}

test_two_moves_at_once() {
    load_big
    begin
    wait_for 60 rows_arrived
    kill -STOP "$mover" # it must not have ended before the other one asks
    expect_exit 2 runnel migrate "$SRC" "$DST"
    kill -CONT "$mover"
    said pipeline_busy
    ended 0
    expect_exit 0 runnel verify "$SRC" "$DST"
}

test_source_goes_away() {
    local own
    own=$(mktemp -d /tmp/runnel-e2e-own.XXXXXX)
    # shellcheck disable=SC2064
    trap "'$testbed' stop '$own' --remove" EXIT
    "$testbed" start "$own" --durable --owner $$ "$E2E_SOURCE" # or it forgets what it gave us
    eval "$("$testbed" env "$own" | sed -n "/^TESTBED_${E2E_SOURCE^^}_/p")"
    load_big
    begin
    wait_for 60 rows_arrived
    "$testbed" kill "$own" "$E2E_SOURCE"
    ended 1,3
    grep -qiE "mysql\.|lost connection|gone away|server" "$E2E_SCRATCH/move.err" ||
        fail "the loss of the source is not told"
    "$testbed" restart "$own" "$E2E_SOURCE"
    expect_exit 0 runnel migrate "$SRC" "$DST"
    expect_exit 0 runnel verify "$SRC" "$DST"
}

test_target_goes_away() {
    local own
    own=$(mktemp -d /tmp/runnel-e2e-own.XXXXXX)
    # shellcheck disable=SC2064
    trap "'$testbed' stop '$own' --remove" EXIT
    "$testbed" start "$own" --durable --owner $$ "$E2E_TARGET"
    eval "$("$testbed" env "$own" | sed -n "/^TESTBED_${E2E_TARGET^^}_/p")"
    load_big
    begin
    wait_for 60 rows_arrived
    "$testbed" kill "$own" "$E2E_TARGET"
    ended 0,1,3
    "$testbed" restart "$own" "$E2E_TARGET"
    expect_exit 0 runnel migrate "$SRC" "$DST"
    expect_exit 0 runnel verify "$SRC" "$DST"
}

test_restart_starts_over() {
    load_big
    expect_exit 0 runnel migrate "$SRC" "$DST"
    target "delete from tags" >/dev/null
    # Nobody can answer the question here, so it must not be done.
    expect_exit 2 runnel migrate "$SRC" "$DST" --restart
    expect_exit 0 runnel migrate "$SRC" "$DST" --restart --yes
    expect_exit 0 runnel verify "$SRC" "$DST"
}

# Tables that were to be dropped and weren't yet are dropped by whoever goes on.
test_restart_goes_on_dropping() {
    load_big
    expect_exit 0 runnel migrate "$SRC" "$DST"
    target "begin; lock tags in access share mode; select pg_sleep(600)" >/dev/null 2>&1 &
    wait_for 30 tags_is_locked
    "$E2E_RUNNEL" migrate "$SRC" "$DST" --restart --yes >"$E2E_SCRATCH/move.out" \
        2>"$E2E_SCRATCH/move.err" &
    mover=$!
    wait_for 30 drop_waits
    kill -KILL "$mover"
    wait_for 30 gone
    target "select pg_terminate_backend(pid) from pg_stat_activity where query like '%pg_sleep(600)%'
        and pid <> pg_backend_pid()" >/dev/null
    expect_exit 0 runnel migrate "$SRC" "$DST"
    expect_exit 0 runnel verify "$SRC" "$DST"
}

# What the earlier run didn't load is somebody's, though it has a name of the source.
test_restart_drops_no_others() {
    load_big
    target "create table tags (mine int); insert into tags values (1); alter table tags owner to runnel" >/dev/null
    expect_exit 0 runnel migrate "$SRC" "$DST" --exclude tags
    expect_exit 2 runnel migrate "$SRC" "$DST" --restart --yes
    said sink.not_empty
    same 1 "$(target "select mine from tags")" "the row in somebody's table"
}

tags_is_locked() {
    [ "$(target "select count(*) from pg_locks where relation = 'tags'::regclass
        and mode = 'AccessShareLock' and granted")" = 1 ]
}

drop_waits() {
    [ "$(target "select count(*) from pg_locks where relation = 'tags'::regclass
        and mode = 'AccessExclusiveLock' and not granted")" = 1 ]
}

run_tests
