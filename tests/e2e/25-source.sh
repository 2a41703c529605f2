# What the mysql source promises: one moment for all lanes, places that are found again, no silent loss.
# shellcheck shell=bash
. "${0%/*}/lib.sh"

# Two tables that every transaction of the writers changes alike: one moment shows them alike.
write_pairs() { # COUNT
    local i
    for ((i = 0; i < $1; i++)); do
        echo "begin; insert into pairs_a (v) values ($i); insert into pairs_b (id, v) values (last_insert_id(), $i); commit;"
    done | source_sql -f "$db" 2>/dev/null || true
}

test_lanes_see_one_moment() {
    local writers=()
    new_databases
    source_sql "$db" -e "create table pairs_a (id bigint auto_increment primary key, v int);
        create table pairs_b (id bigint primary key, v int)"
    write_pairs 4000 & writers+=($!)
    write_pairs 4000 & writers+=($!)
    for _ in $(seq 200); do
        [ "$(source_sql "$db" -e "select count(*) > 100 from pairs_b")" = 1 ] && break
        sleep 0.05
    done
    expect_exit 0 runnel migrate "$SRC" "$DST"
    kill "${writers[@]}" 2>/dev/null || true
    wait "${writers[@]}" 2>/dev/null || true
    same "0" "$(target_sql -d "$db" -c "select count(*) from pairs_a full join pairs_b using (id) where pairs_a.v is distinct from pairs_b.v")" \
        "pairs torn apart"
}

test_keys_of_every_kind() {
    new_databases
    source_sql "$db" -e "
        create table k_text (a varchar(20) character set utf8mb4, b int, primary key (a, b));
        insert into k_text values ('a', 1), ('A', 2), ('ä', 9), ('z''q', 1), ('😀', 1), ('', 0);
        create table k_latin (a varchar(20) character set latin1 collate latin1_german1_ci primary key);
        insert into k_latin values ('a'), ('€uro'), ('ß'), ('ü'), ('');
        create table k_cyrillic (a varchar(20) character set cp1251 primary key);
        insert into k_cyrillic values ('a'), ('Привет'), ('мир');
        create table k_time (a datetime(6), b time(3), c date, primary key (a, b, c));
        insert into k_time values ('2020-01-01 10:00:00.5', '-10:00:00.25', '2000-01-01'),
            ('2020-01-01 10:00:00.5', '838:59:59', '1999-01-01'), ('2021-01-01', 0, '2000-01-02');
        create table k_bytes (a binary(4), b varbinary(8), primary key (a, b));
        insert into k_bytes values ('a', 'x'), ('a', ''), (0xff, 0xff00), (0x00, 0x00);
        create table k_large (a bigint unsigned primary key);
        insert into k_large values (0), (18446744073709551615), (9223372036854775808);
        create table k_bits (a bit(10) primary key); insert into k_bits values (0), (1023), (512);
        create table k_enum (a enum('z', 'a', 'm') primary key); insert into k_enum values ('z'), ('a');
        create table k_none (a int, b text); insert into k_none values (1, 'x'), (1, 'x'), (2, null)"
    expect_exit 0 runnel migrate "$SRC" "$DST"
    expect_exit 0 runnel verify "$SRC" "$DST"
}

# A table may be gone when its columns are asked for: that is no lack of rights.
test_tables_that_come_and_go() {
    local drops
    new_databases
    source_sql "$db" -e "create table stays (id int primary key, v int); insert into stays values (1, 1)"
    for _ in $(seq 200); do
        echo "drop table if exists goes; do sleep(0.01); create table goes (id int primary key, v int, key (v)); do sleep(0.01);"
    done | source_sql "$db" 2>/dev/null &
    drops=$!
    while kill -0 "$drops" 2>/dev/null; do
        expect_exit 0 runnel plan "$SRC" "$DST"
        grep -q stays "$out" || fail "the plan lacks the table that stays"
    done
}

test_a_text_that_is_none_stops_the_run() {
    new_databases
    source_sql "$db" -e "create table words (id int primary key, w varchar(9) character set cp1251);
        insert into words values (1, '?'), (2, _cp1251 x'98')"
    expect_exit 1,4 runnel migrate "$SRC" "$DST"
    grep -q "mysql.charset" "$out" "$err" || fail "the text that can't be converted is not told"
    # a row that can't be read can't be set aside: said, with the row
    expect_exit 1 runnel migrate "$SRC" "$DST" --on-error set_aside
    said mysql.charset words "\`id\` = 2" "can't be set aside"
}

test_objects_left_behind_are_named() {
    new_databases
    source_sql "$db" -e "create table t (id int primary key);
        create view v as select id from t;
        create trigger tr before insert on t for each row set new.id = new.id + 1;
        create procedure pr() select 1;
        create event ev on schedule every 1 year do select 1"
    expect_exit 0 runnel migrate "$SRC" "$DST"
    said object.view object.trigger object.routine object.event
}

test_a_wrong_fingerprint_is_refused() {
    new_databases
    expect_exit 2 runnel migrate "$SRC?tls.fingerprint=0000000000000000000000000000000000000000" "$DST"
    said mysql.tls
}

run_tests
