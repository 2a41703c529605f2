# Nodes in roles over NATS: a worker for each role, killed alone and with their nodes; drained.
# shellcheck shell=bash
# once
. "${0%/*}/lib.sh"
. "${0%/*}/nats.sh"
. "${0%/*}/node.sh"

dir=$E2E_SCRATCH/roles
declare -A node=()

on() { RUNNEL_RUN_DIR=$dir/$1/run "$E2E_RUNNEL" "${@:2}"; } # NODE ARGUMENTS
# Words of lib.sh and node.sh are for this node from here on.
at() { export RUNNEL_RUN_DIR=$dir/$1/run; } # NODE

node_begin() { # NAME ROLES
    mkdir -p "$dir/$1"
    printf 'node = { name = "%s"; state_dir = "state"; pipelines = "../pipes"; roles = [ %s ]; };\nregistry = { plugin = "local"; path = "%s"; };\n' \
        "$1" "$2" "$dir/at/registry" >"$dir/$1/runnel.cfg"
    RUNNEL_RUN_DIR=$dir/$1/run "$E2E_RUNNEL" serve --config "$dir/$1/runnel.cfg" >>"$dir/$1/log" 2>&1 &
    node[$1]=$!
    at_end_kill "$!"
    wait_for 20 on "$1" pipelines list
}
node_end() { # NAME
    kill -TERM "${node[$1]}"
    wait "${node[$1]}" || fail "node $1 ended with exit code $?: $(tail -n 3 "$dir/$1/log")"
}
node_kill() { # NAME
    kill -KILL "${node[$1]}"
    wait "${node[$1]}" || true
}
both_nodes() {
    node_begin near '"reader"'
    node_begin far '"writer"'
}
through_nats() { echo "plugin = \"nats\"; servers = [ \"$nats_url\" ];"; }
count_is() { [ "$(target_sql -d "$db" -c "select count(*) from t" 2>/dev/null || echo 0)" = "$1" ]; }
notes() { # NODE TEXT: what the registry knows of it
    runnel nodes --config "$dir/$1/runnel.cfg" | grep -q "^$1 on .*$2"
}
away() { grep -q "what other nodes want isn't heard" "$dir/$1/log"; }
knows_again() { grep -qs running "$dir"/at/registry/keys/=*shop; }
another() { # NAME ROLE PID: a process of that role lives that isn't this one
    local now
    now=$(worker_of "$1" "$2")
    [ -n "$now" ] && [ "$now" != "$3" ]
}
kill_worker() { # NODE ROLE: and it is there again
    local pid
    at "$1"
    wait_for 40 has_worker shop "$2"
    pid=$(worker_of shop "$2")
    kill -KILL "$pid"
    wait_for 40 another shop "$2" "$pid"
}
ready() { # DATABASES AND SERVER
    new_databases
    rm -rf "$dir"
    mkdir -p "$dir/pipes" "$dir/at"
    nats_start "$(jetstream)"
}

test_reader_node_and_writer_node() {
    ready
    rows 2000 4096
    pipeline_file shop replicate 'commit_bytes = 1048576;' "$(through_nats)"
    both_nodes
    at near
    expect_exit 0 runnel pipelines start shop
    same reader "$(field shop '[.workers[].role] | join(" ")')" "workers of a reader node"
    at far
    wait_for 15 is shop .wanted running # said on the other node
    same writer "$(field shop '[.workers[].role] | join(" ")')" "workers of a writer node"
    wait_for 60 count_is 2000
    for round in 1 2; do
        rows 200 4096
        kill_worker near reader
        rows 20 4096
        kill_worker far writer
        rows 20 4096
        node_kill near
        rows 20 4096
        node_begin near '"reader"'
        rows 20 4096
        node_kill far
        rows 20 4096
        node_begin far '"writer"'
        wait_for 90 count_is $((2000 + round * 300))
    done
    at near
    wait_for 30 is shop .state running
    at far
    wait_for 30 is shop .state running
    wait_for 30 notes near "reader, 1 running"
    wait_for 30 notes far "writer, 1 running"
    # one role is gone in order: the other's state doesn't say that all is well
    at near
    runnel stop shop.reader >/dev/null
    at far
    wait_for 60 is shop .state waiting
    rows 10 4096
    at near
    runnel pipelines start shop >/dev/null
    wait_for 60 count_is 2610
    # what is said on one node holds for both, and for one that wasn't there
    at far
    runnel pipelines pause shop >/dev/null
    at near
    wait_for 15 is shop .wanted paused
    wait_for 30 is shop '.workers[0].status.state' paused
    node_end near
    at far
    runnel pipelines resume shop >/dev/null
    node_begin near '"reader"'
    at near
    wait_for 30 is shop .wanted running
    before=$(worker_of shop reader)
    at far
    runnel pipelines restart shop >/dev/null
    at near
    wait_for 30 another shop reader "$before"
    rows 10 4096
    wait_for 60 count_is 2620
    # what was said while the registry was away is said when it is back, behind a restart of the node
    at far
    node_end far
    mv "$dir/at" "$dir/gone"
    node_begin far '"writer"'
    wait_for 40 away far
    runnel pipelines pause shop >/dev/null
    node_end far
    node_begin far '"writer"'
    is shop .wanted paused || fail "far has forgotten what it was told"
    at near
    is shop .wanted running || fail "near heard by what is away"
    mv "$dir/gone" "$dir/at"
    wait_for 20 is shop .wanted paused
    runnel pipelines resume shop >/dev/null
    at far
    wait_for 30 is shop .wanted running
    # the registry has forgotten all: it is told again, and nothing stops
    rm "$dir"/at/registry/keys/*
    at far
    wait_for 45 knows_again
    is shop .wanted running || fail "it isn't wanted any more"
    expect_exit 0 runnel nodes drain near --config "$dir/far/runnel.cfg"
    at near
    is shop '.workers | map(select(.pid)) | length' 0 || fail "a worker lives on a drained node"
    at far
    expect_exit 0 runnel nodes undrain near --config "$dir/far/runnel.cfg"
    expect_exit 2 runnel nodes drain nobody --config "$dir/far/runnel.cfg"
    said node.unknown
    rows 10 4096
    wait_for 60 count_is 2630
    proven
    node_end near
    node_end far
}

# All of a pipeline on one node: two processes, one state; what failed is still so behind a restart.
test_both_roles_of_one_node() {
    ready
    rows 200 4096
    pipeline_file shop replicate '' "$(through_nats)"
    node_begin one '"reader", "writer"'
    at one
    runnel pipelines start shop >/dev/null
    wait_for 60 follows shop
    same "reader writer" "$(field shop '[.workers[].role] | join(" ")')" "workers"
    expect_exit 2 runnel status shop
    said "runnel status shop.reader, or shop.writer"
    runnel pipelines pause shop >/dev/null
    same "paused paused" "$(field shop '[.workers[].status.state] | join(" ")')" "workers that rest"
    rows 10 4096
    runnel pipelines resume shop >/dev/null
    wait_for 60 count_is 210
    kill_worker one writer
    kill_worker one reader
    rows 10 4096
    wait_for 60 count_is 220
    # an edit waits for a restart, which ends both before either begins
    sed -i "s/lanes = 1;/lanes = 3;/g" "$dir/pipes/shop.cfg"
    wait_for 20 is shop .edited true
    grep -q "pipeline shop was edited" "$dir/one/log"
    pids=$(field shop '[.workers[].pid] | join(" ")')
    runnel pipelines restart shop >/dev/null
    is shop .edited false || fail "the edit wasn't taken over"
    for pid in $pids; do gone "$pid" || fail "process $pid lives on behind a restart"; done
    rows 10 4096
    wait_for 60 count_is 230
    # drained: nothing lives, nothing begins, behind a restart too
    expect_exit 0 runnel nodes drain --this
    is shop .state stopped || fail "it is $(field shop .state) on a drained node"
    is shop .wanted running || fail "it isn't wanted any more"
    node_end one
    rows 10 4096
    node_begin one '"reader", "writer"'
    is shop '.workers | map(select(.pid)) | length' 0 || fail "a drained node started a worker"
    expect_exit 2 runnel pipelines start shop
    said node.drained
    wait_for 30 notes one drained
    expect_exit 0 runnel nodes undrain --this
    wait_for 60 count_is 240
    proven
    # what can't work
    runnel pipelines stop shop >/dev/null
    target_sql -d "$db" -c "drop table t"
    sed -i "s/\(to = .*\)password = \"runnel\"/\1password = \"wrong\"/" "$dir/pipes/shop.cfg"
    wait_for 20 grep -q 'the configuration has changed' "$dir/one/log"
    expect_exit 1 runnel pipelines start shop
    is shop .state failed || fail "it is $(field shop .state)"
    why=$(field shop .failure.text)
    [ -n "$why" ] || fail "it doesn't say why"
    node_kill one
    node_begin one '"reader", "writer"'
    is shop .state failed || fail "behind a restart it is $(field shop .state)"
    same "$why" "$(field shop .failure.text)" "the reason behind a restart"
    runnel pipelines show shop | grep -q "why "
    node_end one
}

# What a node depends on is tried without being in the way of what is at work.
test_doctor() {
    ready
    rows 5 100
    pipeline_file shop replicate '' "$(through_nats)"
    node_begin one '"reader", "writer"'
    at one
    expect_exit 0 runnel doctor --config "$dir/one/runnel.cfg"
    said "transport nats of pipeline shop: connected to" "JetStream: 0 of any number streams" \
        "clock: " "the node's state: " "registry local" "source from" "sink to"
    runnel pipelines start shop >/dev/null
    wait_for 60 follows shop
    expect_exit 0 runnel doctor --config "$dir/one/runnel.cfg"
    said "JetStream: 3 of any number streams"
    rows 5 100
    wait_for 60 count_is 10
    is shop .restarts 0 || fail "the doctor was in the way of what is at work"
    # a store of secrets that can't be opened, and a server that has too little room
    echo 'secrets = { file = { path = "/nowhere/at/all"; }; };' >>"$dir/one/runnel.cfg"
    nats_killed
    rm -rf "$nats_dir/data"
    nats_start "accounts { A { users: [ { user: u, password: p } ], jetstream: { max_file: 64M, max_streams: 9 } } }
$(jetstream)"
    sed -i "s/nats:\/\//nats:\/\/u:p@/" "$dir/pipes/shop.cfg"
    expect_exit 1 runnel doctor --config "$dir/one/runnel.cfg"
    said "of 61 MiB that the account may store 0 MiB are taken" nats.no_room "secrets file: "
    nats_killed
    nats_start ""
    expect_exit 1 runnel doctor --config "$dir/one/runnel.cfg"
    said nats.no_jetstream
    # workers whose transport is away end by themselves, before they would be killed at 40 s
    began=$SECONDS
    node_end one
    [ $((SECONDS - began)) -lt 38 ] || fail "it took $((SECONDS - began)) s to end"
}

# A pipeline within one process is none for a node with one role; what no role is, is refused.
test_what_is_refused() {
    ready
    rows 5 100
    pipeline_file shop convert
    node_begin near '"reader"'
    at near
    expect_exit 2 runnel pipelines start shop
    said node.role_missing
    is shop .wanted stopped || fail "what was refused is wanted"
    node_end near
    printf 'node = { state_dir = "state"; roles = [ "reeder" ]; };\n' >"$dir/near/runnel.cfg"
    expect_exit 2 runnel serve --config "$dir/near/runnel.cfg"
    said node.role
}

run_tests
