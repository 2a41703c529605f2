# Metrics of a node: true, well formed, and those that rules and the dashboard name.
# shellcheck shell=bash
# once
. "${0%/*}/lib.sh"
. "${0%/*}/node.sh"

export RUNNEL_RUN_DIR=$E2E_SCRATCH/run
dir=$E2E_SCRATCH/node

metric() { runnel metrics | sed -n "s/^$1 //p"; } # NAME{LABELS}
is_metric() { [ "$(metric "$1")" = "$2" ]; }
lags() { [ -n "$(metric 'runnel_lag_seconds{pipeline="live"}')" ]; }

test_of_a_pipeline_that_follows() {
    new_databases
    many_rows 5000
    mkdir -p "$dir/pipes"
    printf 'node = { name = "a\\"b"; state_dir = "state"; pipelines = "pipes"; };\n' >"$dir/runnel.cfg"
    pipeline_file live
    pipeline_file rests convert
    "$E2E_RUNNEL" serve --config "$dir/runnel.cfg" >>"$dir/log" 2>&1 &
    node=$!
    at_end_kill "$node"
    wait_for 20 runnel pipelines list
    runnel pipelines start live >/dev/null
    wait_for 60 follows live
    source_sql "$db" -e "insert into many values (900001, 'a'), (900002, 'b')"
    wait_for 20 is_metric 'runnel_changes_total{pipeline="live"}' 2
    wait_for 20 lags
    is_metric 'runnel_rows_written_total{pipeline="live"}' 5000 || fail "rows: $(metric 'runnel_rows_written_total{pipeline="live"}')"
    is_metric 'runnel_pipeline_state{pipeline="live",state="running"}' 1 || fail "it runs"
    is_metric 'runnel_pipeline_state{pipeline="rests",state="stopped"}' 1 || fail "it doesn't"
    [ "$(metric 'runnel_resident_memory_bytes{process="both",pipeline="live"}')" -gt 1000000 ] || fail "memory"
    runnel metrics | grep -qF 'node="a\"b"' || fail "a quote isn't escaped"
    runnel metrics >"$E2E_SCRATCH/metrics"
    # what the dashboard and the rules name is told; some of it only while tables are loaded
    names | while read -r name; do
        grep -qF "\"$name\"" "$e2e_top/core/metrics.c" || fail "nobody tells $name"
    done
    runnel pipelines stop live >/dev/null
    kill -TERM "$node"
    wait "$node" || fail "the node ended with exit code $?"
    jq -e '.panels | length > 10' "$e2e_top/etc/grafana-dashboard.json" >/dev/null || fail "the dashboard is no JSON"
    promtool=$("$e2e_top/scripts/testbed-fetch" promtool 2>&1) || skip "$promtool"
    "$promtool/usr/bin/promtool" check metrics <"$E2E_SCRATCH/metrics" || fail "promtool finds fault"
    "$promtool/usr/bin/promtool" check rules "$e2e_top/etc/prometheus-rules.yml" || fail "promtool finds fault"
}
names() { grep -ohE 'runnel_[a-z_]+' "$e2e_top/etc/prometheus-rules.yml" "$e2e_top/etc/grafana-dashboard.json" | sort -u; }

run_tests
