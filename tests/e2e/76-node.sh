# A node: pipelines as child processes, started again when they are killed, gone with their node.
# shellcheck shell=bash
# once
. "${0%/*}/lib.sh"
. "${0%/*}/node.sh"

export RUNNEL_RUN_DIR=$E2E_SCRATCH/run
dir=$E2E_SCRATCH/node

node_begin() {
    mkdir -p "$dir/pipes"
    printf 'node = { name = "one"; state_dir = "state"; pipelines = "pipes"; };\n' >"$dir/runnel.cfg"
    "$E2E_RUNNEL" serve --config "$dir/runnel.cfg" >>"$dir/log" 2>&1 &
    node=$!
    at_end_kill "$node"
    wait_for 20 runnel pipelines list
}

node_end() {
    kill -TERM "$node"
    wait "$node" || fail "the node ended with exit code $?: $(tail -n 3 "$dir/log")"
}

announced() { [ "$(runnel nodes --json | jq -r '.[].node')" = one ]; }

rm -rf "$dir"
mkdir -p "$dir/pipes"

# A worker killed amid its load comes back by itself; the node killed takes its workers along, and
# the next one goes on with what is wanted; what was paused is paused.
test_killed() {
    new_databases
    many_rows 200000
    pipeline_file first replicate 'commit_bytes = 65536;'
    pipeline_file second convert
    node_begin
    runnel pipelines start first >/dev/null
    wait_for 30 loading first
    pid=$(field first .pid)
    kill -KILL "$pid"
    wait_for 30 is first .restarts 1
    wait_for 30 loading first
    [ "$(field first .pid)" != "$pid" ] || fail "the same process"
    pid=$(field first .pid)
    kill -KILL "$node"
    wait "$node" || true
    wait_for 10 gone "$pid"
    expect_exit 2 runnel pipelines list
    said node.not_running
    [ "$(runnel nodes --json)" = "[]" ] || fail "a node that was killed is still announced"
    node_begin
    wait_for 10 announced
    is first .wanted running || fail "it isn't wanted any more"
    is second .wanted stopped || fail "second was never started"
    wait_for 90 follows first
    source_sql "$db" -e "insert into many values (900001, 'after')"
    expect_exit 0 runnel verify "$dir/pipes/first.cfg" --config "$dir/runnel.cfg"
    runnel pipelines pause first >/dev/null
    is first .status.state paused || fail "it doesn't rest"
    node_end
    node_begin
    is first .state paused || fail "after the node's restart it is $(field first .state)"
    is first .pid null || fail "it has a worker"
    source_sql "$db" -e "insert into many values (900002, 'later')"
    runnel pipelines resume first >/dev/null
    wait_for 60 follows first
    expect_exit 0 runnel verify "$dir/pipes/first.cfg" --config "$dir/runnel.cfg"
    runnel pause first >/dev/null # said to the worker: the node sees to it that it goes on
    runnel pipelines start first >/dev/null
    is first .status.state running || fail "it still rests"
    mv "$dir/pipes/first.cfg" "$E2E_SCRATCH/first.cfg"
    wait_for 20 is first .configured false
    mv "$E2E_SCRATCH/first.cfg" "$dir/pipes/first.cfg"
    wait_for 20 is first .configured true
    runnel pipelines stop first >/dev/null
    is first .state stopped || fail "it is $(field first .state)"
    node_end
    expect_exit 0 runnel pipelines delete "$dir/pipes/first.cfg" --config "$dir/runnel.cfg" --yes
    rm "$dir"/pipes/*
}

# What can't be thrown away while it is wanted; and what a doctor finds.
test_reset_and_doctor() {
    new_databases
    many_rows 10
    pipeline_file again convert 'write_mode = "truncate_and_load";'
    node_begin
    runnel pipelines start again >/dev/null
    wait_for 30 is again .state finished
    expect_exit 2 runnel pipelines reset again --config "$dir/runnel.cfg" --yes
    said node.not_stopped
    runnel pipelines stop again >/dev/null
    expect_exit 2 runnel pipelines reset again --config "$dir/runnel.cfg"
    said pipelines.unsure "set aside"
    source_sql "$db" -e "delete from many where id > 3"
    expect_exit 0 runnel pipelines reset again --config "$dir/runnel.cfg" --yes
    runnel pipelines start again >/dev/null
    wait_for 30 is again .state finished
    same 3 "$(target_sql -d "$db" -c "select count(*) from many")" "rows, loaded anew"
    expect_exit 0 runnel doctor --config "$dir/runnel.cfg"
    said "source from" "sink to" "one runs"
    sed "s/database = \"$db\"/database = \"no_such_database\"/; s/again/bad/" "$dir/pipes/again.cfg" >"$dir/pipes/bad.cfg"
    chmod 600 "$dir/pipes/bad.cfg"
    expect_exit 1 runnel doctor --config "$dir/runnel.cfg"
    said mysql.unknown_database
    node_end
    rm "$dir"/pipes/*
}

# A file that is broken is told, and what runs goes on; what ends by itself isn't started again.
test_edits() {
    new_databases
    many_rows 10
    pipeline_file once convert
    node_begin
    runnel pipelines start once >/dev/null
    wait_for 30 is once .state finished
    is once .exit_code 0
    cp "$dir/pipes/once.cfg" "$E2E_SCRATCH/once.cfg"
    echo 'pipeline = {' >"$dir/pipes/once.cfg"
    wait_for 20 grep -q 'once.cfg is left as it was' "$dir/log"
    is once .state finished || fail "a broken file made it $(field once .state)"
    pipeline_file other convert
    wait_for 20 knows other
    mv "$E2E_SCRATCH/once.cfg" "$dir/pipes/once.cfg"
    expect_exit 2 runnel pipelines start onse
    said node.no_pipeline "did you mean once"
    node_end
    rm "$dir"/pipes/*
}

# Plugins stand where the configuration says, for its reader, the node's workers, and all others.
test_plugin_folder() {
    new_databases
    many_rows 10
    pipeline_file once convert
    mkdir -p "$dir/alone"
    cp "$E2E_RUNNEL" "$dir/alone/runnel"
    cp -r "$(dirname "$E2E_RUNNEL")/plugins" "$dir/folder"
    printf 'node = { state_dir = "state"; pipelines = "pipes"; };\nplugin_dir = [ "folder" ];\n' >"$dir/runnel.cfg"
    "$dir/alone/runnel" serve --config "$dir/runnel.cfg" >>"$dir/log" 2>&1 &
    node=$!
    at_end_kill "$node"
    wait_for 20 runnel pipelines list
    expect_exit 0 runnel pipelines start once
    wait_for 20 is once .state finished
    same 10 "$(target_sql -d "$db" -c "select count(*) from many")" "rows"
    node_end
    ! grep -q "others can't see this node" "$dir/log" || fail "the node itself found no registry"
    rm "$dir"/pipes/*
}

# What can't work fails at once, what crashes again and again is given up: both with their words.
test_failures() {
    new_databases
    pipeline_file refused convert
    sed -i "s/database = \"$db\"/database = \"no_such_database\"/" "$dir/pipes/refused.cfg"
    many_rows 300000
    pipeline_file dies replicate 'commit_bytes = 65536;'
    node_begin
    expect_exit 1 runnel pipelines start refused
    is refused .state failed || fail "it is $(field refused .state)"
    [ "$(field refused .restarts)" -eq 0 ] || fail "what can't work was tried again"
    runnel pipelines show refused | grep -q no_such_database
    target_sql -d "$db" -c "set role runnel" -c "create table many (id int primary key, v varchar(5))"
    pipeline_file unfit convert 'write_mode = "append";'
    wait_for 20 knows unfit
    runnel pipelines start unfit >/dev/null # a row that doesn't fit will not fit later
    wait_for 30 is unfit .state failed
    [ "$(field unfit .restarts)" -eq 0 ] || fail "a row that can't be stored was tried again"
    same data "$(field unfit .failure.class)" "the class of its error"
    target_sql -d "$db" -c "drop table many"
    runnel pipelines start dies >/dev/null
    for n in 1 2 3 4 5; do
        wait_for 40 is dies '.pid != null' true
        kill -KILL "$(field dies .pid)"
        [ "$n" -eq 5 ] || wait_for 40 is dies .restarts "$n"
    done
    wait_for 10 is dies .state failed
    is dies .crash_loop true
    is dies .signal 9
    grep -q 'pipeline dies is given up' "$dir/log"
    node_end
    rm "$dir"/pipes/*
}

run_tests
