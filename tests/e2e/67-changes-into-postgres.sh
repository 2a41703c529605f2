# Changes applied in PostgreSQL: shapes of tables and orders of rows that can't just be gathered.
# shellcheck shell=bash
# once
. "${0%/*}/lib.sh"

# Sets db, SRC and DST: two databases of the PostgreSQL server.
two_databases() {
    server "$E2E_TARGET" PORT >/dev/null
    db=e2e_67_${E2E_TEST#test_}
    local name
    for name in "${db}_src" "$db"; do
        target_sql -d postgres -c "set client_min_messages = warning" \
            -c "drop database if exists \"$name\"" -c "create database \"$name\" owner runnel"
    done
    SRC=$(server "$E2E_TARGET" URL)/${db}_src
    DST=$(server "$E2E_TARGET" URL)/$db
    target_sql -d "${db}_src" -c "create extension citext"
}

source_pg() { target_sql -d "${db}_src" -c "set role runnel" "$@"; }
source_file() { (echo "set role runnel;" && cat) | target_sql -d "${db}_src"; }

# Once to load, then again for the changes made meanwhile.
drain() { expect_exit "${1:-0}" runnel migrate "$SRC" "$DST" --follow --drain; }

shapes_sql() {
    cat <<'SQL'
create type mood as enum ('b', 'a');
create domain label as varchar(40);
create table "Ünique ""q""" (id int primary key, "the name" text unique, n int);
insert into "Ünique ""q""" values (1, 'one', 1), (2, 'two', 2), (3, 'three', 3);
create table parent (a int, b text, w int unique, primary key (a, b));
create table child (id int primary key, a int, b text, w int,
  foreign key (a, b) references parent on update cascade on delete cascade,
  foreign key (w) references parent (w) on update cascade on delete set null);
insert into parent select g, 'p' || g, g * 10 from generate_series(1, 9) g;
insert into child select g, g % 9 + 1, 'p' || (g % 9 + 1), 10 * (g % 9 + 1)
  from generate_series(1, 40) g;
create table tree (id int primary key, up int references tree on delete cascade);
insert into tree select g, nullif(g / 2, 0) from generate_series(1, 31) g;
create table numbered (id bigint generated always as identity primary key, v label,
  twice int generated always as (length(v) * 2) stored);
insert into numbered (v) values ('a'), ('bb'), ('ccc');
create table caseless (k citext, m mood, r int4range, v numeric(10,2), primary key (k, m, r));
insert into caseless values ('Key', 'a', '[1,3)', 1.5), ('other', 'b', 'empty', -0.1);
create table toasted (id int primary key, big text, note text);
alter table toasted alter big set storage external;
insert into toasted select g, repeat('big' || g, 4000), 'n' from generate_series(1, 5) g;
create table bare (a int, f double precision, c char(5), n numeric, j json, x xml, p point,
  t timestamptz, l text[], v varchar(9));
alter table bare replica identity full;
insert into bare select g % 3, '-0', 'ab', 1.50, '{"a": 1}', '<a/>', '(1,2)', '2024-02-29 01:00+00',
  '{a,NULL}', null from generate_series(1, 9) g;
insert into bare (a, n) values (9, 1.5), (9, 1.50), (null, null), (null, null);
create table parts (id int, k text, v text, primary key (id, k)) partition by list (k);
create table parts_a partition of parts for values in ('a');
create table "parts other" partition of parts default;
insert into parts select g, chr(97 + g % 3), 'v' from generate_series(1, 20) g;
create table t_one (id int primary key);
create table t_two (id int primary key, one int references t_one);
insert into t_one values (1), (2);
insert into t_two values (1, 1), (2, 2);
SQL
    # the longest name there is, and as many columns as a key and a row of integers may have
    echo "create table $(printf 'n%.0s' {1..63}) (id int primary key$(printf ', c%d int' {1..1000}));"
    echo "insert into $(printf 'n%.0s' {1..63}) (id, c1, c1000) values (1, 1, 1), (2, 2, 2), (3, 3, 3);"
}

changes_sql() {
    cat <<'SQL'
-- two rows that swap a value that is unique; then what the first set leaves
begin;
update "Ünique ""q""" set "the name" = 'x' where id = 1;
update "Ünique ""q""" set "the name" = 'one' where id = 2;
update "Ünique ""q""" set "the name" = 'two' where id = 1;
delete from "Ünique ""q""" where id = 3;
insert into "Ünique ""q""" values (4, 'three', 4);
update "Ünique ""q""" set id = 5 where id = 4;
delete from "Ünique ""q""" where id = 5;
insert into "Ünique ""q""" values (5, 'five', null);
commit;
-- a child that leaves its parent before that goes; keys that carry others with them
begin;
update child set a = 2, b = 'p2' where a = 1;
delete from parent where a = 1;
insert into parent values (1, 'p1', 11);
update parent set b = 'moved', w = 33 where a = 3;
update child set w = 11 where id = 7;
delete from parent where a = 4;
insert into parent values (20, 'new', 200);
insert into child values (100, 20, 'new', 200);
update parent set w = 201 where a = 20;
commit;
delete from tree where id = 2;
insert into tree values (2, 1), (4, 2);
insert into numbered (v) values ('dddd');
update numbered set v = 'changed' where id = 2;
delete from numbered where id = 1;
update caseless set v = 2.25 where k = 'KEY';
update caseless set k = 'KEY' where k = 'key';
insert into caseless values ('third', 'b', '[5,)', null);
delete from caseless where k = 'other';
update toasted set note = 'kept' where id = 1;
update toasted set id = 12 where id = 2;
update toasted set big = 'short' where id = 3;
update toasted set big = repeat('x', 100000), note = null where id = 4;
-- one of rows that are equal; 1.5 is not 1.50
delete from bare where ctid = (select min(ctid) from bare where a = 1);
update bare set v = 'one' where ctid = (select min(ctid) from bare where a = 2);
update bare set f = '0' where ctid = (select max(ctid) from bare where a = 2 and v is null);
delete from bare where a = 9 and n::text = '1.50';
delete from bare where ctid = (select min(ctid) from bare where a is null and n is null);
insert into bare (a, j) values (5, '{"a":  1}'), (5, '{"a":  1}');
update parts set v = 'w' where id % 2 = 0;
update parts set k = 'z' where id = 3;
delete from parts where id = 5;
insert into parts values (30, 'a', 'new'), (31, 'q', 'new');
begin;
insert into t_two values (3, 1);
truncate t_one, t_two;
insert into t_one values (7);
insert into t_two values (1, 7);
commit;
SQL
    local wide
    wide=$(printf 'n%.0s' {1..63})
    echo "update $wide set c500 = -1 where id = 1; update $wide set c1000 = null, c2 = 2 where id = 2;"
    echo "delete from $wide where id = 3; insert into $wide (id, c999) values (4, 999);"
}

test_shapes() {
    two_databases
    shapes_sql | source_file
    drain
    changes_sql | source_file
    drain
    expect_exit 0 runnel verify "$SRC" "$DST"
    # nothing but what stands there: numbers keep their digits, zeros their sign
    local dump="select array_agg(row(b.*)::text order by row(b.*)::text) from bare b"
    same "$(source_pg -c "$dump")" "$(target_sql -d "$db" -c "$dump")" "rows without a key"
}

# The same changes once more, as an update each, and far more of them than a set holds.
test_many() {
    two_databases
    source_pg -c "create table t (id int primary key, u int unique, v text);
        insert into t select g, g, 'v' from generate_series(1, 3000) g"
    drain
    source_pg -c "update t set v = 'w' || id; delete from t where id % 7 = 0;
        insert into t select g, -g, repeat('long ', g % 100) from generate_series(3001, 6000) g;
        update t set id = id + 10000 where id between 100 and 150;
        begin; update t set u = -1000000 - id; update t set u = id + 1; commit"
    drain
    expect_exit 0 runnel verify "$SRC" "$DST"
    said "equal"
}

test_row_missing() {
    two_databases
    source_pg -c "create table t (id int primary key, v text); insert into t values (1, 'a'), (2, 'b')"
    drain
    target_sql -d "$db" -c "delete from t where id = 2"
    source_pg -c "update t set v = 'c'"
    drain 1
    said "sink.row_missing" "id = 2"
    same a "$(target_sql -d "$db" -c 'select v from t where id = 1')" "what was applied with it"
    # a delete of a row that is gone is what was wanted
    target_sql -d "$db" -c "insert into t values (2, 'b')"
    source_pg -c "delete from t where id = 1; delete from t where id = 1"
    target_sql -d "$db" -c "delete from t where id = 1; insert into t values (1, 'a')"
    drain
    expect_exit 0 runnel verify "$SRC" "$DST"
    # a row that is all of its transaction travels with the commit: which must not be done then
    target_sql -d "$db" -c "delete from t where id = 2"
    source_pg -c "update t set v = 'd' where id = 2"
    drain 1
    said "sink.row_missing" "id = 2"
    target_sql -d "$db" -c "insert into t values (2, 'b'), (3, 'x')"
    source_pg -c "insert into t values (3, 'y')"
    drain 1
    said "postgres.23505" "id = 3"
    target_sql -d "$db" -c "delete from t where id = 3"
    drain
    # what a column of the target's own makes of the row isn't taken for a row that is missing
    target_sql -d "$db" -c "alter table t add g int generated always as (1 / (length(v) - 2)) stored"
    source_pg -c "update t set v = 'zz' where id = 2"
    drain 1
    said "postgres.22012" "id = 2"
    not_said "row_missing"
    target_sql -d "$db" -c "alter table t drop g"
    drain
    expect_exit 0 runnel verify "$SRC" "$DST"
}

run_tests
