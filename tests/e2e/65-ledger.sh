# A bank is followed while everything is killed; the short form of tests/fault/ledger.
# shellcheck shell=bash
# once
. "${0%/*}/lib.sh"

ledger() { # FROM TO
    server "$1" PORT >/dev/null
    server "$2" PORT >/dev/null
    "$e2e_top/tests/fault/ledger" "${E2E_LEDGER_ROUNDS:-1}" --from "$1" --to "$2" --build "${E2E_RUNNEL%/*}" >&2
}

# Releases whose logs differ: no places within a transaction; the first protocol, and slots of old.
ledger_of_another() { # FROM TO
    server "$2" PORT >/dev/null
    "$e2e_top/tests/fault/ledger" "${E2E_LEDGER_ROUNDS:-1}" --from "$1" --to "$2" --build "${E2E_RUNNEL%/*}" >"$E2E_SCRATCH/told" || fail "$(cat "$E2E_SCRATCH/told")"
    cat "$E2E_SCRATCH/told" >&2
    ! grep -q "^skipped: $1" "$E2E_SCRATCH/told" || skip "$(grep "^skipped: $1" "$E2E_SCRATCH/told")"
}

test_mariadb_to_postgres() { ledger mariadb postgres; }
test_postgres_to_mysql9() { ledger postgres mysql9; }
test_mysql9_to_postgres() { ledger mysql9 postgres; }
test_postgres_to_postgres17() { ledger postgres postgres17; }
test_mariadb11_to_postgres() { ledger_of_another mariadb11 postgres; }
test_postgres13_to_postgres() { ledger_of_another postgres13 postgres; }

# Reader and writer apart, and each of them killed as well as what is between them.
test_through_nats() {
    "$e2e_top/tests/fault/ledger" "${E2E_LEDGER_ROUNDS:-1}" --through nats --faults 5 --build "${E2E_RUNNEL%/*}" >"$E2E_SCRATCH/told" || fail "$(cat "$E2E_SCRATCH/told")"
    cat "$E2E_SCRATCH/told" >&2
    ! grep -q "^skipped: nats" "$E2E_SCRATCH/told" || skip "$(grep "^skipped: nats" "$E2E_SCRATCH/told")"
}

run_tests
