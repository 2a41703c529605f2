# PostgreSQL to PostgreSQL: all of the catalogue as it is; upserts; tables that stand there already.
# once
# shellcheck shell=bash
. "${0%/*}/lib.sh"

# Two databases on the target's server: SRC and DST, both of the user that moves.
new_pair() {
    new_databases
    from=${db}_src
    target_sql -d postgres -c "drop database if exists \"$from\" with (force)" 2>/dev/null
    target_sql -d postgres -c "create database \"$from\" owner runnel"
    SRC=$(server "$E2E_TARGET" URL)/$from
}
at_source() { psql -X -q -A -t -v ON_ERROR_STOP=1 "$SRC" "$@"; }
at_target() { psql -X -q -A -t -v ON_ERROR_STOP=1 "$DST" "$@"; }

# What a domain says of NULL stands at its column too: the one difference there may be.
schema_of() { # URL
    pg_dump --schema-only --exclude-schema=runnel "$1" | grep -vE '^(\\(un)?restrict|--)' |
        sed 's/pos shop.positive NOT NULL/pos shop.positive/'
}
sequences_of() { # URL: what each gives next
    psql -X -q -A -t "$1" -c "select format('select %L, nextval(%L)', sequencename,
        format('%I.%I', schemaname, sequencename)) from pg_sequences
        where schemaname <> 'runnel' order by 1" -c '\gexec' >/dev/null
    psql -X -q -A -t "$1" <<'SQL'
select format('select %L, nextval(%L)', sequencename, format('%I.%I', schemaname, sequencename))
from pg_sequences where schemaname <> 'runnel' order by 1 \gexec
SQL
}

test_catalogue_as_it_is() {
    new_pair
    at_source -f "$fixtures/postgres/catalogue.sql" >/dev/null
    move_and_verify
    schema_of "$SRC" >"$E2E_SCRATCH/from.sql"
    schema_of "$DST" >"$E2E_SCRATCH/to.sql"
    diff "$E2E_SCRATCH/from.sql" "$E2E_SCRATCH/to.sql" >&2 || fail "the schemas differ"
    same "$(sequences_of "$SRC")" "$(sequences_of "$DST")" "what sequences give next"
    # values of types that go as text are found, and mended
    at_target -c "update shop.kinds set ta = '{x}', mac = null, mon = 1 where id = 10;
        delete from shop.parent where (a, b) = (2, 'x')"
    expect_exit 4 runnel verify "$SRC" "$DST"
    said id=10 mac mon ta
    expect_exit 0 runnel verify "$SRC" "$DST" --repair
    same 12 "$(at_target -c "select count(*) from shop.kinds k where k.id = 10
        and k.ta = '{{a,\"b \\\" \\\\ c\"},{NULL,\"\"}}'" | sed 's/^1$/12/')" "the mended row"
    # the same once more: types that stand there are the same, or the earlier run's own
    expect_exit 0 runnel migrate "$SRC" "$DST" --restart --yes --schema-policy drop_and_recreate
    schema_of "$DST" | diff "$E2E_SCRATCH/from.sql" - >&2 || fail "the schemas differ after a restart"
    expect_exit 0 runnel verify "$SRC" "$DST"
}

test_to_another_version() {
    server postgres17 PORT >/dev/null
    new_pair
    at_source -f "$fixtures/postgres/catalogue.sql" >/dev/null
    E2E_TARGET=postgres17 target_sql -d postgres -c "drop database if exists \"$db\""
    E2E_TARGET=postgres17 target_sql -d postgres -c "create database \"$db\" owner runnel"
    DST=$(server postgres17 URL)/$db
    move_and_verify
    same "$(at_source -c "select format_type(atttypid, atttypmod) from pg_attribute
        where attrelid = 'shop.kinds'::regclass and attnum > 0 order by attnum")" \
        "$(at_target -c "select format_type(atttypid, atttypmod) from pg_attribute
        where attrelid = 'shop.kinds'::regclass and attnum > 0 order by attnum")" "the types"
}

test_types_that_stand_there() {
    new_pair
    at_source -c "create type mood as enum ('a', 'b'); create table t (id int primary key, m mood);
        insert into t values (1, 'a')"
    at_target -c "create type mood as enum ('a', 'c')"
    expect_exit 1,2 runnel migrate "$SRC" "$DST"
    said object_differs mood
    same "" "$(at_target -c "select tablename from pg_tables where schemaname = 'public'")" "tables made"
    at_target -c "drop type mood; create type mood as enum ('a', 'b')"
    move_and_verify
}

test_other_schemas() {
    new_pair
    at_source -c "create schema a; create schema b; create type a.mood as enum ('x', 'y');
        create table a.t (id serial primary key, m a.mood default 'x', check (m <> 'y'::a.mood));
        insert into a.t default values; create table b.t (id int primary key references a.t);
        insert into b.t values (1)"
    DST="$DST?schema=all"
    move_and_verify
    DST=${DST%\?*}
    same "2|x" "$(at_target -c 'insert into "all".t default values returning id, m')" "the defaults"
    expect_exit 0 runnel migrate "$SRC" "$DST" --name moved --target 'a.*=x.*'
    expect_exit 0 runnel verify "$SRC" "$DST" --name moved --target 'a.*=x.*'
    same "x.t_id_seq 2" "$(at_target -c "select pg_get_serial_sequence('x.t', 'id')" \
        -c "insert into x.t default values returning id" | xargs)" "the sequence"
}

test_upsert_by_key() {
    new_pair
    at_source -c "create table t (id bigint generated always as identity primary key, v text, n numeric[]);
        insert into t (v, n) select 'v' || i, array[i, null] from generate_series(1, 2000) i;
        create table k (a int, b text, primary key (b, a)); insert into k values (1, 'x'), (2, 'y')"
    expect_exit 0 runnel migrate "$SRC" "$DST" --write-mode upsert
    expect_exit 0 runnel verify "$SRC" "$DST"
    at_source -c "update t set v = 'new' where id % 7 = 0; insert into t (v) values ('more');
        insert into k values (3, 'z')"
    at_target -c "insert into k values (9, 'only here')"
    expect_exit 0 runnel migrate "$SRC" "$DST" --write-mode upsert
    same "$(at_source -c "select md5(string_agg(t::text, ',' order by id)) from t")" \
        "$(at_target -c "select md5(string_agg(t::text, ',' order by id)) from t")" "the rows"
    same 4 "$(at_target -c "select count(*) from k")" "rows of k"
    at_source -c "create table nokey (v int)"
    expect_exit 1,2 runnel migrate "$SRC" "$DST" --write-mode upsert
    said nokey "no key"
}

test_upsert_takes_no_two_keys_for_one() {
    new_pair
    at_source -c "create table w (k text primary key, n int)" -c "insert into w values ('a', 1), ('A', 2), ('b', 3)"
    at_target -c "create collation ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false)" \
        -c "create table w (k text collate ci primary key, n int)" -c "insert into w values ('b', 0), ('A', 0)"
    expect_exit 1 runnel migrate "$SRC" "$DST" --write-mode upsert
    expect_exit 4 runnel migrate "$SRC" "$DST" --write-mode upsert --on-error set_aside
    same "2 1" "$(at_target -c "select (select count(*) from w where n > 0) || ' ' || (select count(*) from runnel.dead_letters)")" \
        "rows and letters"
}

test_tables_that_stand_there() {
    new_pair
    at_source -c "create table t (id int primary key, v text, w int); insert into t values (1, 'a', 2)"
    expect_exit 1,2 runnel migrate "$SRC" "$DST" --schema-policy validate_existing
    said "not in the target"
    at_target -c "create table t (id int primary key, v int, more int not null)"
    expect_exit 1,2 runnel migrate "$SRC" "$DST" --schema-policy validate_existing
    said '"v"' "2 more"
    expect_exit 1,2,4 runnel check "$SRC" "$DST" --schema-policy validate_existing
    said "missing in the target" "no default"
    expect_exit 1,2 runnel migrate "$SRC" "$DST" --schema-policy fail_if_exists
    said fail_if_exists
    at_target -c "drop table t; create table t (id int primary key, v varchar(9), w bigint, more int default 7)"
    at_target -c "insert into t values (5, 'old', 5)"
    expect_exit 1,2 runnel migrate "$SRC" "$DST" --schema-policy validate_existing
    said "holds rows"
    expect_exit 0 runnel migrate "$SRC" "$DST" --schema-policy validate_existing --write-mode append
    same "1|a|2|7 5|old|5|7" "$(at_target -c "select * from t order by id" | xargs)" "rows after append"
    expect_exit 0 runnel migrate "$SRC" "$DST" --schema-policy validate_existing --write-mode truncate_and_load
    expect_exit 0 runnel verify "$SRC" "$DST"
}

test_orphans_are_listed() {
    new_pair
    at_source -c "create table p (id int primary key); create table c (id int primary key, p int);
        insert into p values (1); insert into c select i, i from generate_series(1, 9) i;
        alter table c add constraint to_p foreign key (p) references p not valid"
    expect_exit 0 runnel migrate "$SRC" "$DST"
    said "NOT VALID"
    same f "$(at_target -c "select convalidated from pg_constraint where conname = 'to_p'")" "the key"
}

test_keys_that_ignore_case() {
    new_databases
    source_sql "$db" -e "create table t (name varchar(20) collate utf8mb4_general_ci primary key);
        create table c (id int primary key, n varchar(20) collate utf8mb4_general_ci,
        foreign key (n) references t (name));
        insert into t values ('Abc'), ('d'); insert into c values (1, 'aBC')"
    expect_exit 0 runnel migrate "$SRC" "$DST" --set collation=ci
    not_said orphans
    expect_exit 0 runnel verify "$SRC" "$DST" --set collation=ci
    ! at_target -c "insert into t values ('ABC')" 2>/dev/null || fail "the key is not kept"
}

run_tests
