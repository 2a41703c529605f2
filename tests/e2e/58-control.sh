# Commands that ask and steer a run in the foreground: status, pause, resume, stop.
# shellcheck shell=bash
# once
. "${0%/*}/lib.sh"

export RUNNEL_RUN_DIR=$E2E_SCRATCH/run

state() { "$E2E_RUNNEL" status held --json 2>/dev/null | jq -r .state; }
is() { [ "$(state)" = "$1" ]; }
ended() { ! kill -0 "$run" 2>/dev/null; }

# A load that takes a while: many small commits.
held_run() {
    new_databases
    source_sql "$db" -e "create table many (id int primary key, v varchar(100));
        insert into many select seq, repeat('x', 90) from seq_1_to_300000"
    runnel migrate "$SRC" "$DST" --name held --lanes 1 --bundle-rows 10 --commit-size 64k \
        --no-indexes >"$E2E_SCRATCH/out" 2>"$E2E_SCRATCH/err" &
    run=$!
    wait_for 20 is running
}

test_pauses_and_goes_on() {
    held_run
    runnel pause held >"$E2E_SCRATCH/paused" || fail "pause: exit code $?"
    grep -q 'pipeline held: paused' "$E2E_SCRATCH/paused" || fail "$(cat "$E2E_SCRATCH/paused")"
    kill -0 "$run" || fail "the process has gone: $(tail -n 2 "$E2E_SCRATCH/err")"
    runnel status | grep -q 'pipeline held: paused'
    runnel resume held >/dev/null || fail "resume: exit code $?"
    wait "$run" || fail "exit code $?: $(tail -n 2 "$E2E_SCRATCH/err")"
    expect_exit 0 runnel verify "$SRC" "$DST" --name held
    runnel status | grep -q 'no pipeline of this user runs'
}

test_stops_in_order() {
    held_run
    runnel pause held >/dev/null
    runnel stop held || fail "stop: exit code $?"
    wait_for 20 ended
    expect_exit 0 runnel migrate "$SRC" "$DST" --name held --no-indexes
    expect_exit 0 runnel verify "$SRC" "$DST" --name held
}

test_nobody_there() {
    expect_exit 2 runnel pause nobody
    said remote.not_running nobody
    mkdir -p "$RUNNEL_RUN_DIR" && chmod 0755 "$RUNNEL_RUN_DIR"
    new_databases
    source_sql "$db" -e "create table one (id int primary key); insert into one values (1)"
    expect_exit 0 runnel migrate "$SRC" "$DST" # reached by nobody, and as good
    said "commands can't reach this run" 0700
    rm -rf "$RUNNEL_RUN_DIR"
}

run_tests
