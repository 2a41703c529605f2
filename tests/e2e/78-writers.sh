# Several processes of each role: one has its lease, the others stand by, and take over
# shellcheck shell=bash
# once
. "${0%/*}/lib.sh"
. "${0%/*}/nats.sh"

count_is() { [ "$(target_sql -d "$db" -c "select count(*) from t" 2>/dev/null || echo 0)" = "$1" ]; }
says() { grep -q "$2" "$E2E_SCRATCH/$1.err"; }

# One more process of a role, under a name of its own: its id in $named.
another() { # NAME ROLE [OPTIONS]
    local name=$1 role=$2
    shift 2
    "$E2E_RUNNEL" run "$E2E_SCRATCH/nats.cfg" --role "$role" --log-level info "$@" \
        >"$E2E_SCRATCH/$name.out" 2>"$E2E_SCRATCH/$name.err" &
    named=$!
    at_end_kill "$named"
}

test_spares() {
    local first second spare
    new_databases
    nats_start "$(jetstream)"
    rows 50 4096
    pipeline replicate
    another writer.1 writer
    first=$named
    wait_for 30 says writer.1 "the writer's lease is ours"
    another writer.2 writer
    second=$named
    another reader.1 reader
    reader=$named
    wait_for 30 says reader.1 "the reader's lease is ours"
    another reader.2 reader
    spare=$named
    wait_for 60 arrived 50
    wait_for 30 says reader.2 "has the reader's lease"
    wait_for 30 says writer.2 "has the writer's lease"
    # the reader dies: the other one is at work within 15 s
    kill -KILL "$reader"
    rows 10 4096
    wait_for 15 count_is 60
    # a reader that hangs loses its lease, and stands by when it wakes up
    kill -STOP "$spare"
    another reader.3 reader
    rows 10 4096
    wait_for 30 count_is 70
    kill -CONT "$spare"
    wait_for 30 says reader.2 "standing by"
    rows 10 4096
    wait_for 30 count_is 80
    # the writer hangs amid its work: the other takes the target over, and the first is refused
    kill -STOP "$first"
    rows 10 4096
    wait_for 30 count_is 90
    kill -CONT "$first"
    wait_for 30 says writer.1 "standing by"
    kill -KILL "$second"
    rows 10 4096
    wait_for 15 count_is 100
    proven
}

run_tests
