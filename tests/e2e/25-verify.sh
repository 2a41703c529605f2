# What differs is found and named, down to one bit in a million rows; a repair mends it alone.
# shellcheck shell=bash
. "${0%/*}/lib.sh"

target() { target_sql -d "$db" -c "set search_path = public" "$@"; }

# A table with 2^20 rows: doubled twenty times, so that every kind of source can do it.
make_million() {
    local n=1
    source_sql "$db" -e "create table million (id int primary key, k int not null,
        c varchar(40) not null, v double, at datetime not null);
        insert into million values (1, 7, hex(1), 1 / 3, '2020-01-01')"
    while [ "$n" -lt 1048576 ]; do
        source_sql "$db" -e "insert into million select id + $n, (id + $n) * 7, hex((id + $n) * 48271),
            (id + $n) / 3, at + interval $n second from million"
        n=$((n * 2))
    done
}

make_shop() {
    source_sql "$db" -e "
        create table parent (id int primary key, name varchar(20) not null, doc json);
        create table child (id int primary key, parent int not null, n int,
            foreign key (parent) references parent (id) on delete cascade);
        create table keyless (a int, b varchar(20));
        insert into parent values (1, 'one', '{\"a\": [1, 2.50], \"b\": null}'), (2, 'two', null),
            (3, 'three', '[]');
        insert into child values (10, 1, 1), (11, 1, 2), (20, 2, 3), (30, 3, null);
        insert into keyless values (1, 'x'), (1, 'x'), (1, null), (null, null)"
}

test_one_bit_in_a_million() {
    new_databases
    make_million
    move_and_verify
    said "1048576" "equal"
    target -c "update million set c = overlay(c placing chr(ascii(c) # 1) from 1 for 1) where id = 777777"
    expect_exit 4 runnel verify "$SRC" "$DST"
    said "1 different" "id=777777: c"
    expect_exit 4 runnel verify "$SRC" "$DST" --values --json
    said '"key": "id=777777"' '"name": "c"' '"different": 1' '"equal": false'
    expect_exit 0 runnel verify "$SRC" "$DST" --repair
    said "(1 mended)"
    expect_exit 0 runnel verify "$SRC" "$DST"
}

test_each_kind_of_difference() {
    new_databases
    make_shop
    move_and_verify
    target -c "delete from child where id = 20" -c "insert into child values (40, 3, 4)" \
        -c "update parent set name = 'Two' where id = 2" \
        -c "update parent set doc = '{\"b\": null, \"a\": [1, 2.5000001]}' where id = 1" \
        -c "delete from keyless where b is null and a is not null"
    expect_exit 4 runnel verify "$SRC" "$DST"
    said "missing    id=20" "extra      id=40" "different  id=1: doc" "different  id=2: name" \
        "missing    a=1, b=NULL" "has no key"
}

test_a_repair_takes_no_child_along() {
    new_databases
    make_shop
    move_and_verify
    target -c "delete from parent where id = 3" -c "update parent set name = 'ONE' where id = 1" \
        -c "insert into parent values (9, 'nine', null)" -c "update child set n = 99 where id = 11"
    expect_exit 0 runnel verify "$SRC" "$DST" --repair
    said "mended"
    expect_exit 0 runnel verify "$SRC" "$DST"
    same "4|3" "$(target -c "select (select count(*) from child), (select count(*) from parent)")" "rows"
}

test_a_table_without_a_key_is_not_mended() {
    new_databases
    make_shop
    move_and_verify
    target -c "insert into keyless values (1, 'x')"
    expect_exit 4 runnel verify "$SRC" "$DST" --repair
    said "1 extra" "has no key"
    same "5" "$(target -c "select count(*) from keyless")" "rows"
}

test_policies_of_the_run_count() {
    new_databases
    source_sql "$db" -e "set sql_mode = ''; create table t (id int primary key, d date);
        insert into t values (1, '0000-00-00'), (2, '2020-02-29')"
    expect_exit 0 runnel migrate "$SRC" "$DST" --set zero_date=null
    expect_exit 0 runnel verify "$SRC" "$DST"
    expect_exit 4 runnel verify "$SRC" "$DST" --set zero_date=epoch
    said "id=1: d"
}

test_some_tables_alone() {
    new_databases
    make_shop
    expect_exit 0 runnel migrate "$SRC" "$DST" --tables parent
    expect_exit 0 runnel verify "$SRC" "$DST"
    said "child is in the source, and was no part of the run" "1 table,"
    source_sql "$db" -e "drop table child; alter table parent rename to parents"
    expect_exit 4,2 runnel verify "$SRC" "$DST"
}

test_a_table_that_the_target_lost() {
    new_databases
    make_shop
    move_and_verify
    target -c "drop table child" -c "alter table parent drop column doc"
    expect_exit 4 runnel verify "$SRC" "$DST"
    said "child was not compared" "parent was not compared" "doc" "keyless"
}

test_a_check_writes_nothing() {
    new_databases
    make_shop
    expect_exit 0 runnel check "$SRC" "$DST"
    same "0" "$(target -c "select count(*) from pg_class where relnamespace = 'public'::regnamespace")" "relations"
    same "0" "$(target -c "select count(*) from pg_namespace where nspname = 'runnel'")" "schemas"
}

test_a_check_finds_what_is_in_the_way() {
    new_databases
    source_sql "$db" -e "create table t (id int primary key, x text); insert into t values (1, 'a\0b')"
    expect_exit 4 runnel check "$SRC" "$DST"
    said "zero bytes in text" "id=1"
    expect_exit 0 runnel check "$SRC" "$DST" --set nul=strip
}

run_tests
