# What is special to MySQL and MariaDB as a target: keys, names, policies, structure, memory.
# shellcheck shell=bash
. "${0%/*}/lib.sh"

# PostgreSQL is the source here, and the server that other tests read from is the target.
turned() {
    new_databases
    local from=$DST
    DST=$SRC SRC=$from
}
source_do() { PGOPTIONS="-c role=runnel" target_sql -d "$db" "$@"; }
target_do() { source_sql "$db" -e "$1"; }

index_columns() { # TABLE INDEX
    target_do "select group_concat(concat(column_name, ifnull(concat('(', sub_part, ')'), '')) order by seq_in_index)
        from information_schema.statistics where table_schema = '$db' and table_name = '$1' and index_name = '$2'"
}

test_keys_of_texts() {
    turned
    source_do <<'SQL'
create table cased (t text primary key, n numeric, note text);
insert into cased values ('a', 1.5), ('A', 12345678901234567890.123), ('a ', -0.001), ('ä', null);
create table pairs (a text, b text, c integer, primary key (a, b, c));
insert into pairs values ('x', 'y', 1), ('x', 'Y', 1), (repeat('p', 300), repeat('q', 300), 2);
create table lengthy (t text primary key, u text unique, v text);
insert into lengthy values (repeat('l', 5000), null, repeat('v', 5000)), (repeat('l', 5000) || 'x', null, 'v'), ('s', 'u', 'v');
create index lengthy_v on lengthy (v);
create table blobs (b bytea primary key);
insert into blobs values ('\x00'), ('\x0000'), ('\x');
SQL
    expect_exit 0 runnel migrate "$SRC" "$DST"
    said long_key=hash
    expect_exit 0 runnel verify "$SRC" "$DST"
    same "$(printf 'a\nA\na \nä')" "$(target_do "select t from cased order by hex(t) in ('61') desc, hex(t) in ('41') desc, t")" "texts that differ a little"
    same "decimal(65,3)" "$(target_do "select column_type from information_schema.columns where table_schema = '$db' and table_name = 'cased' and column_name = 'n'")" "numeric without digits"
    same "a,b,c" "$(index_columns pairs PRIMARY)" "a key of two texts"
    target_do "insert into lengthy values (repeat('l', 5000), 'other', '')" 2>/dev/null && fail "a key of long values isn't unique"
    same "v(768)" "$(index_columns lengthy lengthy_v)" "an index of a long text"
}

test_long_keys_may_be_refused() {
    turned
    source_do -c "create table lengthy (t text primary key)" -c "insert into lengthy values (repeat('l', 5000))"
    expect_exit 1,2,3 runnel migrate "$SRC" "$DST" --set long_key=error
    said long_key lengthy
}

test_values_that_the_target_lacks() {
    turned
    source_do <<'SQL'
create table odd (id integer primary key, d double precision not null, n numeric, day date, at timestamptz);
insert into odd values (1, 'NaN', 'NaN', 'infinity', '-infinity'), (2, '-Infinity', 2.5, '0044-03-15 BC', '2024-02-29 12:00+02'), (3, 1.5, 1, '9999-12-31', '0001-01-01 00:00+00');
SQL
    expect_exit 1,2,3 runnel migrate "$SRC" "$DST"
    said nonfinite outofrange odd
    expect_exit 0 runnel migrate "$SRC" "$DST?nonfinite=null&outofrange=clamp" --restart --yes
    said "nonfinite=null" "outofrange=clamp" 'loses NOT NULL'
    expect_exit 0 runnel verify "$SRC" "$DST?nonfinite=null&outofrange=clamp"
    same "NULL 9999-12-31 0001-01-01 00:00:00.000000" "$(target_do "select ifnull(d, 'NULL'), day, at from odd where id = 1" | tr '\t' ' ')" "what became of them"
    same "2024-02-29 10:00:00.000000" "$(target_do "select at from odd where id = 2")" "a moment in UTC"
}

test_names_and_schemas() {
    turned
    source_do <<'SQL'
create schema sales;
create table sales.orders ("ID" integer primary key, id integer, "ends " text);
insert into sales.orders values (1, 2, 'x');
create table orders (id integer primary key);
create table "seventy characters and more in one name of a table, which is too lon" (x integer primary key);
SQL
    expect_exit 0 runnel migrate "$SRC" "$DST"
    said "sales_orders" name.column
    expect_exit 0 runnel verify "$SRC" "$DST"
    same "1" "$(target_do "select count(*) from sales_orders")" "a schema as a prefix"
    source_sql -e "drop database if exists sales"
    expect_exit 0 runnel migrate "$SRC" "$DST" --set schemas=database --set state_database="$db" --restart --yes --schema-policy drop_and_recreate
    same "1" "$(source_sql -e "select count(*) from sales.orders; drop database sales")" "a schema as a database"
}

test_rows_without_a_parent() {
    turned
    source_do <<'SQL'
create table parent (id integer primary key);
insert into parent values (1);
create table child (id integer primary key, p integer, q integer references parent on delete cascade);
insert into child values (1, 1, 1), (2, 7, null), (3, 8, 1);
alter table child add constraint orphaned foreign key (p) references parent not valid;
SQL
    expect_exit 0,4 runnel migrate "$SRC" "$DST"
    said fk.orphans orphans=report
    same "child_q_fkey CASCADE" "$(target_do "select constraint_name, delete_rule from information_schema.referential_constraints where constraint_schema = '$db'" | tr '\t' ' ')" "keys that hold"
    expect_exit 0 runnel verify "$SRC" "$DST"
    expect_exit 0,4 runnel migrate "$SRC" "$DST" --set orphans=keep --restart --yes --schema-policy drop_and_recreate
    said orphans=keep
    same "2" "$(target_do "select count(*) from information_schema.referential_constraints where constraint_schema = '$db'")" "keys that are kept"
}

test_tables_that_stand_already() {
    turned
    source_do -c "create table t (id integer primary key, v text)" -c "insert into t values (1, 'new'), (2, 'b')"
    target_do "create table t (id int primary key, v text, more int default 7) character set utf8mb4; insert into t (id, v) values (1, 'old'), (9, 'kept')"
    expect_exit 1,2,3 runnel migrate "$SRC" "$DST"
    said fail_if_not_empty
    expect_exit 1,2,3 runnel migrate "$SRC" "$DST" --schema-policy fail_if_exists
    said fail_if_exists
    expect_exit 0 runnel migrate "$SRC" "$DST" --write-mode upsert --name up
    same "$(printf '1\tnew\t7\n2\tb\t7\n9\tkept\t7')" "$(target_do "select id, v, more from t order by id")" "after an upsert"
    expect_exit 0 runnel migrate "$SRC" "$DST" --write-mode truncate_and_load --schema-policy validate_existing --name trunc
    same "$(printf '1\tnew\t7\n2\tb\t7')" "$(target_do "select id, v, more from t order by id")" "after truncate_and_load"
    expect_exit 0 runnel migrate "$SRC" "$DST" --schema-policy drop_and_recreate --name drop
    same "$(printf '1\tnew\n2\tb')" "$(target_do "select * from t order by id")" "after drop_and_recreate"
    expect_exit 1,2,3 runnel migrate "$SRC" "$DST" --schema-policy fail_if_exists --name again
}

lines() { # DATABASE TABLE: its definition, whatever the order of keys
    source_sql "$1" -r -e "show create table $2" | sed 's/,$//' | sort
}

# The same engine at both ends: what SHOW CREATE TABLE says is what it said.
test_a_copy_is_the_same() {
    new_databases
    source_sql "$db" <<'SQL'
create table parent (id bigint unsigned not null auto_increment primary key, name text, code varchar(10) not null collate utf8mb4_bin unique comment 'it''s; a "code"') comment 'par\\ent\nof two lines';
create table child (
  id int not null auto_increment, parent_id bigint unsigned, body text, pic blob, state enum('a','b,c','it''s') default 'a',
  flags set('x','y') default 'x,y', price decimal(10,2) not null default 1.50, twice decimal(12,2) as (price * 2) stored, low varchar(20) as (left(body, 20)) virtual,
  made datetime(3) not null default current_timestamp(3), seen timestamp null default null on update current_timestamp, bits bit(5) default b'101',
  quiet int invisible default 3, latin varchar(20) character set latin1 collate latin1_german1_ci, place point not null,
  primary key (id), key on_body (body(12)), key two (price desc, id), fulltext key words (body), spatial key spot (place),
  constraint fk_parent foreign key (parent_id) references parent (id) on delete set null on update cascade,
  constraint positive check (price > 0 and body <> 'a\\b')
) auto_increment = 77;
insert into parent (code) values ('a'), ('A');
insert into child (parent_id, body, latin, place) values (1, 'words in it', 'ä', point(1, 2)), (null, null, null, point(3, 4));
create table parted (id int not null, kind int not null, primary key (id, kind)) partition by range (kind) (partition low values less than (10), partition high values less than maxvalue);
insert into parted values (1, 1), (2, 20);
create table hashed (id int primary key, v text) row_format=compressed partition by key (id) partitions 3;
insert into hashed values (1, 'x');
SQL
    source_sql -e "drop database if exists ${db}_copy; create database ${db}_copy"
    DST=$(server "$E2E_SOURCE" URL)/${db}_copy
    move_and_verify
    for table in parent child parted hashed; do
        same "$(lines "$db" "$table")" "$(lines "${db}_copy" "$table")" "the table $table"
    done
    source_sql -e "drop database ${db}_copy"
}

run_tests
