# A bank is followed while everything is killed; the short form of tests/fault/ledger.
# shellcheck shell=bash
# once
. "${0%/*}/lib.sh"

ledger() { # FROM TO
    server "$1" PORT >/dev/null
    server "$2" PORT >/dev/null
    "$e2e_top/tests/fault/ledger" "${E2E_LEDGER_ROUNDS:-1}" --from "$1" --to "$2" --build "${E2E_RUNNEL%/*}" >&2
}

test_mariadb_to_postgres() { ledger mariadb postgres; }
test_postgres_to_mysql9() { ledger postgres mysql9; }
test_mysql9_to_postgres() { ledger mysql9 postgres; }
test_postgres_to_postgres17() { ledger postgres postgres17; }

run_tests
