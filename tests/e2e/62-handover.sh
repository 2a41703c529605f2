# From load to changes under writers: no gap, no row lost, none doubled, keyless tables included.
# E2E_HANDOVER_ROUNDS: so many for each direction (1); 30 is the long form.
# shellcheck shell=bash
# once
. "${0%/*}/lib.sh"

bank=${E2E_RUNNEL%/*}/tests/bank

bank_stop() {
    kill -TERM "$1"
    wait "$1"
}

handover() { # FROM TO
    local round sum workload watcher acks=$E2E_SCRATCH/acks
    for round in $(seq "${E2E_HANDOVER_ROUNDS:-1}"); do
        pair_new "$1" "$2"
        rm -f "$acks"
        sum=$("$bank" make "$SRC" --accounts 300 2>/dev/null)
        "$bank" run "$SRC" --accounts 300 --acks "$acks" --seed "$round" >&2 &
        workload=$!
        at_end_kill "$workload"
        wait_for 20 enough_transfers 200
        # Pieces and commits so small that much happens between the first row and the last.
        follow_begin --chunk-size 1M --commit-size 64k --bundle-rows 10
        wait_follow 60
        watch
        wait_for 20 enough_transfers $(($(at_from "select count(*) from transfers") + 500))
        bank_stop "$workload"
        wait_same 60 "select count(*), max(serial) from transfers"
        [ "$TO" = sqlite ] || bank_stop "$watcher" || fail "the sum was wrong (round $round)"
        follow_drain --yes
        [ "$TO" = sqlite ] || "$bank" check "$DST" --acks "$acks" >&2 || fail "the ledger (round $round)"
        expect_exit 0 runnel verify "$SRC" "$DST"
    done
}

# The bank's program has no SQLite: there, verify is the judge.
watch() {
    [ "$TO" != sqlite ] || return 0
    "$bank" watch "$DST" --sum "$sum" >&2 &
    watcher=$!
    at_end_kill "$watcher"
}

enough_transfers() { [ "$(at_from "select count(*) from transfers")" -ge "$1" ]; }

test_mariadb_to_postgres() { handover mariadb postgres; }
test_mysql9_to_postgres() { handover mysql9 postgres; }
test_postgres_to_mariadb() { handover postgres mariadb; }
test_postgres_to_postgres17() { handover postgres postgres17; }
test_mariadb_to_mysql9() { handover mariadb mysql9; }
test_mysql9_to_sqlite() { handover mysql9 sqlite; }

run_tests
