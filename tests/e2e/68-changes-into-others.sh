# Changes applied in MySQL, MariaDB and SQLite: what can't just be gathered, and rows without a key.
# shellcheck shell=bash
. "${0%/*}/lib.sh"

others() { # the other flavour, and a file
    [[ $E2E_SOURCE == maria* ]] && echo mysql9 || echo mariadb
    echo sqlite
}

begin() { # TARGET: sets target, db, SRC and DST
    target=$1
    server "$E2E_SOURCE" PORT >/dev/null
    [ "$target" = sqlite ] || server "$target" PORT >/dev/null
    db=e2e_68_${E2E_TEST#test_}_${E2E_SOURCE}
    database_new "$E2E_SOURCE" "$db"
    database_new "$target" "${db}_to"
    SRC=$(database_url "$E2E_SOURCE" "$db") DST=$(database_url "$target" "${db}_to")
}
at_source() { source_sql "$db" --init-command="set sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+00:00'" "$@"; }
# The load, and once more for the changes made meanwhile.
drain() { expect_exit 0 runnel migrate "$SRC" "$DST" --follow --drain --name e2e68; }
count_in() { query "$1" "$2" "select count(*) from \"$3\""; }

same_counts() { # WHAT
    local name
    for name in $(database_tables "$E2E_SOURCE" "$db"); do
        same "$(count_in "$E2E_SOURCE" "$db" "$name")" "$(count_in "$target" "${db}_to" "$name")" \
            "rows of $name in $target $1"
    done
}

# Each row is found by all of its values, whatever types these have.
rows_without_keys() {
    local name
    at_source <"$fixtures/types/common.sql"
    for name in $(database_tables "$E2E_SOURCE" "$db"); do
        at_source -e "create table bare_$name as select * from \`$name\`; drop table \`$name\`"
    done
    drain
    same_counts "that were loaded"
    for name in $(database_tables "$E2E_SOURCE" "$db"); do
        at_source -e "create temporary table twins as select * from $name;
            insert into $name select * from twins; delete from $name limit 1"
    done
    at_source -e "update bare_integers set id = id + 100"
    drain
    same_counts "that were doubled"
    for name in $(database_tables "$E2E_SOURCE" "$db"); do at_source -e "delete from $name"; done
    drain
    same_counts "that were deleted"
}
test_rows_without_keys_into_the_other() {
    begin "$(others | head -1)"
    rows_without_keys
}
test_rows_without_keys_into_a_file() {
    begin sqlite
    rows_without_keys
}

shapes_make() {
    at_source <<'SQL'
create table `odd ``name"` (id int primary key, `the "key"` varchar(20) unique, n int);
insert into `odd ``name"` values (1, 'one', 1), (2, 'two', 2), (3, 'three', 3), (4, 'four', 4);
create table parent (a int, b varchar(9), w int unique, primary key (a, b));
create table child (id int primary key, a int, b varchar(9), w int,
  foreign key (a, b) references parent (a, b) on update cascade on delete cascade,
  foreign key (w) references parent (w) on delete set null);
create table grandchild (id int primary key, child int,
  foreign key (child) references child (id) on delete cascade);
insert into parent select seq, concat('p', seq), seq * 10 from numbers;
insert into child select seq, (seq - 1) % 6 + 1, concat('p', (seq - 1) % 6 + 1), 10 * ((seq - 1) % 6 + 1) from numbers;
insert into grandchild select seq, seq from numbers;
create table tree (id int primary key, up int, foreign key (up) references tree (id) on delete cascade);
insert into tree select seq, nullif(seq div 2, 0) from numbers order by seq;
create table chain (id int primary key, up int, foreign key (up) references chain (id) on delete cascade);
insert into chain select seq, nullif(seq - 1, 0) from numbers order by seq;
create table counted (id int auto_increment primary key, n int, v varchar(20), twice int as (n * 2) stored, after_n int as (n + 1));
insert into counted (n, v) values (1, 'a'), (2, 'b');
create table gone (id int primary key, v int);
insert into gone select seq, seq from numbers;
drop table numbers;
SQL
}

shapes_change() {
    at_source <<'SQL'
begin;
update `odd ``name"` set `the "key"` = null where id = 1;
update `odd ``name"` set `the "key"` = 'one' where id = 2;
update `odd ``name"` set `the "key"` = 'two' where id = 1;
update `odd ``name"` set id = id + 10, n = n + 1 where id > 2;
update `odd ``name"` set id = 3 where id = 14;
insert into `odd ``name"` values (14, 'four again', 14);
commit;
delete from parent where a = 2;
update parent set a = 30, b = 'moved' where a = 3;
delete from parent where a = 1;
insert into parent values (1, 'p1', 10);
insert into child values (50, 1, 'p1', 10);
begin;
insert into counted (n, v) values (3, 'c'), (4, 'd');
update counted set v = 'changed', n = n + 1 where id > 1;
delete from counted where id = 3;
insert into counted (id, v) values (3, 'back');
commit;
truncate table gone;
insert into gone values (1, 100);
SQL
}

shapes() {
    at_source -e "create table numbers (seq int primary key);
        insert into numbers values (1), (2), (3), (4), (5), (6), (7), (8), (9), (10), (11), (12)"
    shapes_make
    drain
    expect_exit 0 runnel verify "$SRC" "$DST"
    shapes_change
    # MySQL itself refuses to go through such a table
    [[ $E2E_SOURCE == mysql* ]] || at_source -e "delete from tree where id = 2; delete from chain where id = 1"
    drain
    expect_exit 0 runnel verify "$SRC" "$DST"
    same "$(count_in "$E2E_SOURCE" "$db" grandchild)" "$(count_in "$target" "${db}_to" grandchild)" "grandchildren"
}
test_shapes_into_the_other() {
    begin "$(others | head -1)"
    shapes
}
test_shapes_into_a_file() {
    begin sqlite
    shapes
}

run_tests
