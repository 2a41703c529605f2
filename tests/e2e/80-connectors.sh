# The conformance kit on our own connectors, with servers: what anybody's connector must do.
# shellcheck shell=bash
. "${0%/*}/lib.sh"

connector() { echo "$(dirname "$(realpath "$E2E_RUNNEL")")/plugins/$1.so"; }

test_source_conforms() {
    new_databases
    zcat "$fixtures/chinook/chinook.sql.gz" | source_sql "$db"
    source_sql "$db" <"$fixtures/types/common.sql"
    expect_exit 0 runnel plugins verify "$(connector mysql)" "$SRC"
    said "resumes behind its marks" " 0 failed"
}

test_sink_conforms() {
    new_databases
    expect_exit 0 runnel plugins verify "$(connector postgres)" "$DST"
    said "refuses an epoch that has passed" " 0 failed"
    expect_exit 0 runnel plugins verify "$(connector postgres)" "$DST" # once more, over what it left
    said " 0 failed"
}

test_other_sinks_conform() {
    new_databases
    source_sql -e "drop database if exists \`${db}_kit\`; create database \`${db}_kit\`"
    expect_exit 0 runnel plugins verify "$(connector mysql)" "$(server "$E2E_SOURCE" URL)/${db}_kit"
    said "a replay ends as the changes do" "rows swap unique values" " 0 failed"
    printf "" >"$E2E_SCRATCH/kit.db"
    expect_exit 0 runnel plugins verify "$(connector sqlite)" "sqlite://$E2E_SCRATCH/kit.db"
    said "a replay ends as the changes do" "rows swap unique values" " 0 failed"
}

run_tests
