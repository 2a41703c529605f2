# What a node writes down: runs, who asked for what, how much was moved; and that pipelines don't
# depend on it, whatever becomes of it.
# shellcheck shell=bash
# once
. "${0%/*}/lib.sh"

export RUNNEL_RUN_DIR=$E2E_SCRATCH/run
dir=$E2E_SCRATCH/node
state=(--state-dir "$dir/state")

node_begin() {
    "$E2E_RUNNEL" serve --config "$dir/runnel.cfg" >>"$dir/log" 2>&1 &
    node=$!
    at_end_kill "$node"
    wait_for 20 runnel pipelines list
}
node_end() {
    kill -TERM "$node"
    wait "$node" || fail "the node ended with exit code $?: $(tail -n 3 "$dir/log")"
}
# A pipeline of files; its target is taken away before each run, so that there is something to do.
files_new() {
    rm -rf "$dir"
    mkdir -p "$dir/pipes"
    sqlite3 "$dir/from.db" "create table t (id integer primary key, v text) strict;
        with recursive n (i) as (select 1 union all select i + 1 from n where i < 2000)
        insert into t select i, 'v' || i from n"
    printf 'node = { name = "one"; state_dir = "state"; pipelines = "pipes"; };\n' >"$dir/runnel.cfg"
    cat >"$dir/pipes/copy.cfg" <<CFG
connections = { from = { plugin = "sqlite"; path = "$dir/from.db"; }; to = { plugin = "sqlite"; path = "$dir/to.db"; }; };
pipeline = { name = "copy"; mode = "convert"; reader = { source = { connection = "from"; }; }; writer = { sink = { connection = "to"; }; }; };
CFG
    chmod 600 "$dir/pipes/copy.cfg"
}
copy_again() {
    rm -f "$dir"/to.db*
    runnel pipelines restart copy >/dev/null
    wait_for 30 finished
}
finished() { [ "$(runnel pipelines show copy --json | jq -r .state)" = finished ]; }
runs() { runnel runs copy "${state[@]}" --json 2>/dev/null | jq -r "$1"; }
are_runs() { [ "$(runs 'map(.outcome) | join(" ")')" = "$1" ]; } # THE LATEST FIRST
kept_again() { grep -q "history is kept again" "$dir/log"; }

test_runs_events_usage() {
    files_new
    node_begin
    copy_again
    wait_for 10 are_runs finished
    [ "$(runs '.[0] | "\(.rows) \(.exit_code) \(.role)"')" = "2000 0 both" ] || fail "the run: $(runs .)"
    mv "$dir/from.db" "$dir/away.db"
    runnel pipelines restart copy >/dev/null 2>&1 || true
    wait_for 30 are_runs "failed finished"
    [ "$(runs '.[0].error_code')" != null ] || fail "it doesn't say why"
    mv "$dir/away.db" "$dir/from.db"
    copy_again
    wait_for 10 are_runs "finished failed finished"
    [ "$(runnel usage copy "${state[@]}" --json | jq -r '.[0].rows')" = 4000 ] || fail "usage: $(runnel usage "${state[@]}")"
    [ "$(runnel usage --by-month "${state[@]}" --json | jq -r '.[0].period')" = "$(date -u +%Y-%m)" ] || fail "usage by month"
    [ "$(runnel events copy "${state[@]}" --json | jq -r 'map(.who + " " + .what) | unique | join(", ")')" = "local restart_pipeline" ] ||
        fail "events: $(runnel events "${state[@]}")"
    [ "$(runnel runs --limit 1 "${state[@]}" | wc -l)" = 1 ] || fail "a limit"
    node_end
}

# kill -9 in the midst of writing, again and again: the database is whole, and says which runs were lost.
test_the_node_is_killed() {
    local i
    files_new
    for i in $(seq 10); do
        node_begin
        (for _ in $(seq 20); do runnel pipelines restart copy --wait 0 >/dev/null 2>&1 || true; done) &
        sleep_some=$((RANDOM % 300 + 100))
        wait_for 10 after_ms "$sleep_some"
        kill -KILL "$node"
        wait "$node" 2>/dev/null || true
        wait
        [ "$(sqlite3 "$dir/state/runnel.db" "pragma integrity_check")" = ok ] || fail "round $i: the database is damaged"
    done
    node_begin
    copy_again
    wait_for 10 ended_all
    node_end
}
after_ms() { # MS: so long after it was asked first
    : "${asked_ms:=$(date +%s%3N)}"
    [ $(($(date +%s%3N) - asked_ms)) -ge "$1" ] && unset asked_ms
}
ended_all() { [ "$(runs 'map(select(.outcome == "running")) | length')" = 0 ]; }

# Garbage, or no room: the node says so once, pipelines run, and what can be kept later is kept.
test_no_database() {
    files_new
    mkdir -p "$dir/state"
    for _ in {1..500}; do printf 'this is no database, '; done >"$dir/state/runnel.db"
    node_begin
    copy_again
    [ "$(grep -c "history isn't kept" "$dir/log")" = 1 ] || fail "it isn't told once: $(cat "$dir/log")"
    expect_exit 2 runnel runs "${state[@]}"
    said store.corrupt
    expect_exit 2 runnel keys list "${state[@]}"
    rm "$dir/state/runnel.db"
    wait_for 60 copy_until_kept
    node_end
}
copy_until_kept() { copy_again && kept_again; }

run_tests
