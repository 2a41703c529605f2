# Other releases of the servers: Chinook and the types into a newer PostgreSQL, out of a newer MariaDB.
# once
# shellcheck shell=bash
. "${0%/*}/lib.sh"

other_target() {
    case $(target_sql -d postgres -c "show server_version") in
    17*) echo postgres15 ;;
    *) echo postgres17 ;;
    esac
}

both() { # SOURCE TARGET
    E2E_SOURCE=$1 E2E_TARGET=$2
    new_databases
    zcat "$fixtures/chinook/chinook.sql.gz" | source_sql "$db"
    source_sql "$db" <"$fixtures/types/common.sql"
    source_sql "$db" <"$fixtures/types/${1%11}.sql"
    move_and_verify
}

test_mariadb_into_another_postgresql() {
    both mariadb "$(other_target)"
}

test_mysql9_into_another_postgresql() {
    both mysql9 "$(other_target)"
}

run_tests
