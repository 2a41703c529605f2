# Bundles through NATS JetStream: moved and proven, with its server killed, full, small, or refusing
# shellcheck shell=bash
# once
. "${0%/*}/lib.sh"

. "${0%/*}/nats.sh"

test_contract() {
    nats_start "$(jetstream)"
    expect_exit 0 runnel plugins verify "$(dirname "$E2E_RUNNEL")/plugins/nats.so" --set servers="$nats_url"
}

in_second() { [ "$(target_sql -d "${db}_2" -c "select count(*) from t")" -ge "$1" ]; }
test_server_and_runnel_killed_amid_the_load() {
    new_databases
    nats_start "$(jetstream)"
    rows 20000 8192
    pipeline convert
    begin --commit-size 1M
    amid 20000
    kill -KILL "$nats_pid"
    nats_start "$(jetstream)"
    amid 20000
    kill -KILL "$running"
    wait "$running" || true
    move
    proven
}

test_server_and_runnel_killed_amid_the_changes() {
    new_databases
    nats_start "$(jetstream)"
    rows 50 4096
    pipeline replicate
    begin
    wait_for 60 arrived 50
    for round in 1 2 3; do
        rows 300 4096
        kill -KILL "$nats_pid"
        rows 10 4096
        nats_start "$(jetstream)"
        rows 10 4096
        wait_for 60 arrived $((50 + round * 320))
    done
    rows 500 4096
    kill -KILL "$running"
    wait "$running" || true
    begin
    rows 5 4096
    wait_for 60 arrived 1515
    kill -TERM "$running"
    wait "$running" || true
    proven
}

test_small_messages_and_a_full_stream() {
    new_databases
    nats_start "max_payload: 65536
$(jetstream)"
    rows 40 1048576
    pipeline convert "max_bytes = \"4M\"; lane_bytes = \"64k\";"
    move
    proven
}

# A second reader of the same name takes the stream; the first is told, and writes no more to it.
test_one_publisher() {
    new_databases
    nats_start "$(jetstream)"
    rows 50 100
    pipeline replicate
    begin --retry-seconds 0
    wait_for 60 arrived 50
    target_sql -d postgres -c "set client_min_messages = warning" -c "drop database if exists \"${db}_2\" with (force)" -c "create database \"${db}_2\" owner runnel"
    sed -i "/plugin = \"postgres\"; host/s/database = \"$db\"/database = \"${db}_2\"/" "$E2E_SCRATCH/nats.cfg"
    "$E2E_RUNNEL" run "$E2E_SCRATCH/nats.cfg" >"$E2E_SCRATCH/second" 2>&1 &
    second=$!
    at_end_kill "$second"
    wait_for 60 in_second 50
    rows 50 100
    taken=0
    wait "$running" || taken=$?
    same 2 "$taken" "the first one's exit code"
    grep -q transport.taken "$E2E_SCRATCH/run.err" || fail "it doesn't say why: $(tail -n 3 "$E2E_SCRATCH/run.err")"
    wait_for 60 in_second 100
    kill -TERM "$second"
    wait "$second" || true
    expect_exit 0 runnel verify "$SRC" "${DST}_2"
}

test_what_is_refused() {
    new_databases
    rows 5 100
    nats_start "authorization { user: u, password: right }
$(jetstream)"
    pipeline convert 'user = "u"; password = "wrong";'
    expect_exit 2 runnel run "$E2E_SCRATCH/nats.cfg"
    said nats.access_denied
    not_said wrong
    pipeline convert 'user = "u"; password = "right"; tls = { mode = "require"; };'
    expect_exit 2 runnel run "$E2E_SCRATCH/nats.cfg"
    said nats.tls
    pipeline convert 'user = "u"; password = "right";'
    move
    proven
    kill -KILL "$nats_pid"
    nats_start ""
    pipeline convert 'connect_timeout = "300ms";'
    expect_exit 2 runnel run "$E2E_SCRATCH/nats.cfg"
    said nats.no_jetstream
}

run_tests
