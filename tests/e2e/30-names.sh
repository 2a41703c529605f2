# Hostile names of tables, columns, indexes and databases arrive whole, or cut in a way that is told.
# shellcheck shell=bash
. "${0%/*}/lib.sh"

target() { target_sql -d "$db" -c "$1"; }

load_names() {
    new_databases
    source_sql "$db" <"$fixtures/names/hostile.sql"
}

test_hostile_names_verify() {
    load_names
    move_and_verify
    same 18 "$(target "select count(*) from pg_tables where schemaname = 'public'")" tables
    same "one|2" "$(target 'select "/* */", "\\" from "; drop table x; --"')" "a name that is SQL"
    same "one" "$(target 'select "a""b" from "quo""te" where """" = 1')" "a name of quotes"
    same "2" "$(target 'select "order" from "select"')" "reserved words"
    same 1 "$(target "select count(*) from pg_class where relname = E'new\nline'")" "a name with a newline"
    same 2 "$(target "select count(*) from pg_class where relname in ('MiXed', 'mixed') and relkind = 'r'")" \
        "names that differ in case"
}

test_long_names_are_cut_and_told() {
    load_names
    expect_exit 0 runnel migrate "$SRC" "$DST"
    same 0 "$(target "select count(*) from pg_class where octet_length(relname) > 63")" "names too long"
    same 2 "$(target "select count(*) from pg_tables where tablename like 'жжж%'")" "tables of long names"
    same 2 "$(target "select count(*) from pg_tables where tablename like 'aaaaaaaaaa%'")" "tables of long names"
    expect_exit 0 runnel check "$SRC" "$DST"
    said "жжжжжжжж" name
}

test_lower_case_policy() {
    new_databases
    source_sql "$db" -e "create table \`OrderLines\` (\`LineId\` int not null primary key, \`Order By\` int)"
    source_sql "$db" -e "insert into \`OrderLines\` values (1, 2)"
    DST="$DST?case=lower"
    move_and_verify
    same 2 "$(target 'select "order by" from orderlines where lineid = 1')" "lower case"
}

test_names_that_collide_in_lower_case() {
    load_names
    DST="$DST?case=lower"
    rc=0
    runnel migrate "$SRC" "$DST" >"$E2E_SCRATCH/lower" 2>&1 || rc=$?
    # Either both tables arrive under names of their own, or the move is refused in words.
    if [ "$rc" -eq 0 ]; then
        same 18 "$(target "select count(*) from pg_tables where schemaname = 'public'")" tables
        expect_exit 0 runnel verify "$SRC" "$DST"
    else
        same 2 "$rc" "exit code"
        grep -qi mixed "$E2E_SCRATCH/lower" || fail "the names that collide are not told"
    fi
}

test_hostile_database_name() {
    new_databases
    local odd="od\"d \$(x) %41 ${E2E_SOURCE}"
    source_sql -e "drop database if exists \`$odd\`; create database \`$odd\`; create table \`$odd\`.t (id int primary key); insert into \`$odd\`.t values (1)"
    SRC=$(server "$E2E_SOURCE" URL)/od%22d%20%24%28x%29%20%2541%20$E2E_SOURCE
    move_and_verify
    same 1 "$(target "select count(*) from t")" rows
    source_sql -e "drop database \`$odd\`"
}

run_tests
