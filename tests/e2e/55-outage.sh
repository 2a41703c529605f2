# A load outlives its servers' restarts and a full disk. The long forms: tests/fault/outage
# shellcheck shell=bash
# once
. "${0%/*}/lib.sh"

outage() {
    "$e2e_top/tests/fault/outage" "$@" --build "$(dirname "$E2E_RUNNEL")" >"$E2E_SCRATCH/outage" 2>&1 || {
        tail -n 20 "$E2E_SCRATCH/outage" >&2
        exit 1
    }
    ! grep '^skipped: ' "$E2E_SCRATCH/outage" >"$E2E_SCRATCH/skipped" || skip "$(cat "$E2E_SCRATCH/skipped")"
    grep -q '^outage: passed' "$E2E_SCRATCH/outage"
}

test_source_restarts() { outage source --times 1; }

test_target_restarts() { outage target --times 1; }

test_target_disk_full() { outage disk; }

test_an_unreachable_server_is_told_at_once() {
    new_databases
    local began=$SECONDS
    expect_exit 1,2,3 runnel migrate "$SRC" "postgres://runnel:runnel@127.0.0.1:1/nowhere"
    [ $((SECONDS - began)) -lt 10 ] || fail "it waited for a server that never was there"
}

run_tests
