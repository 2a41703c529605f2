# Bundles through NATS JetStream: moved and proven, with its server killed, full, small, or refusing
# shellcheck shell=bash
# once
. "${0%/*}/lib.sh"

nats_wait() { grep -q 'Server is ready' "$nats_dir/log"; }

# Starts a server of the test's own: $nats_url, $nats_pid. Words of its configuration stand in the
# argument; its store stays from one start to the next.
nats_start() { # CONFIGURATION
    command -v nats-server >/dev/null || skip "nats-server is not installed (scripts/setup --tests)"
    nats_dir=$E2E_SCRATCH/nats-$E2E_TEST
    mkdir -p "$nats_dir"
    nats_port=${nats_port:-$((RANDOM % 10000 + 20000))}
    nats_url=nats://127.0.0.1:$nats_port
    printf 'listen: "127.0.0.1:%s"\n%s\n' "$nats_port" "$1" >"$nats_dir/conf"
    : >"$nats_dir/log"
    nats-server -c "$nats_dir/conf" >"$nats_dir/log" 2>&1 &
    nats_pid=$!
    at_end_kill "$nats_pid"
    wait_for 20 nats_wait
}

jetstream() { echo "jetstream { store_dir: \"$E2E_SCRATCH/nats-$E2E_TEST/store\" }"; }

# A pipeline file through that server; more options of the transport in the second argument.
pipeline() { # MODE [TRANSPORT]
    cat >"$E2E_SCRATCH/nats.cfg" <<CFG
connections = {
  from = { plugin = "mysql"; host = "127.0.0.1"; port = $(server "$E2E_SOURCE" PORT); database = "$db"; user = "runnel"; password = "runnel"; };
  to = { plugin = "postgres"; host = "127.0.0.1"; port = $(server "$E2E_TARGET" PORT); database = "$db"; user = "runnel"; password = "runnel"; };
};
pipeline = {
  name = "nats.shop";
  mode = "$1";
  reader = { source = { plugin = "mysql"; connection = "from"; }; };
  transport = { plugin = "nats"; servers = [ "$nats_url" ]; ${2:-} };
  writer = { sink = { plugin = "postgres"; connection = "to"; }; };
};
CFG
    chmod 600 "$E2E_SCRATCH/nats.cfg"
}

rows() { # COUNT BYTES
    source_sql "$db" -e "create table if not exists t (id int auto_increment primary key, a longblob);
        insert into t (a) select repeat(unhex(sha2(seq, 256)), $2 / 32) from seq_1_to_$1"
}

move() { expect_exit 0 runnel run "$E2E_SCRATCH/nats.cfg"; }
proven() { expect_exit 0 runnel verify "$SRC" "$DST"; }
begin() { # [OPTIONS]
    "$E2E_RUNNEL" run "$E2E_SCRATCH/nats.cfg" "$@" >"$E2E_SCRATCH/run.out" 2>"$E2E_SCRATCH/run.err" &
    running=$!
    at_end_kill "$running"
}
ends() { wait "$running" || fail "the run ended with $?: $(tail -n 3 "$E2E_SCRATCH/run.err")"; }
arrived() { [ "$(target_sql -d "$db" -c "select count(*) from t" 2>/dev/null || echo 0)" -ge "$1" ]; }

test_contract() {
    nats_start "$(jetstream)"
    expect_exit 0 runnel plugins verify "$(dirname "$E2E_RUNNEL")/plugins/nats.so" --set servers="$nats_url"
}

in_second() { [ "$(target_sql -d "${db}_2" -c "select count(*) from t")" -ge "$1" ]; }
amid() { # COUNT: rows have come, and not all of them
    wait_for 60 arrived 1
    ! arrived "$1" || fail "the load was over before it was broken off"
}

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
