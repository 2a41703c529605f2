# Tables of MySQL and MariaDB that are altered while PostgreSQL follows them.
# shellcheck shell=bash
. "${0%/*}/lib.sh"

do_at() { source_sql "$db" -e "$1"; }
drain() { expect_exit 0 runnel migrate "$SRC" "$DST" --follow --drain --name altered "$@"; }
verified() { expect_exit 0 runnel verify "$SRC" "$DST"; }
# MySQL's columns in PostgreSQL stand where they were added.
columns_are() { # TABLE LIST
    same "$2" "$(target_sql -d "$db" -c "select string_agg(column_name, ' ' order by column_name)
        from information_schema.columns where table_name = '$1'")" "columns of $1"
}

tables_make() {
    source_sql "$db" <<'SQL'
create table t (id int primary key auto_increment, a varchar(60), n bigint unsigned, gone int);
create table other (id int primary key, t_id int);
create table dropped (id int primary key);
create table renamed (id int primary key, v varchar(9));
insert into t (a, n, gone) values ('one', 18446744073709551615, 1), ('two', 0, 2), ('three', null, null);
insert into other values (1, 1), (2, 2);
insert into dropped values (1);
insert into renamed values (1, 'x');
SQL
}

# Each form has rows of its own between the statements; the log is read long after all of them.
statements='
insert into t (a, n, gone) values ("before", 1, 1);
alter table t add column more int not null default 7 after a, add column d decimal(9,2) default 1.50;
insert into t (a, n, gone, more, d) values ("added", 2, 2, 22, 2.25);
alter table t drop column gone;
update t set n = 3 where a = "added";
alter table t change n renamed_n bigint unsigned, modify a varchar(200) not null default "";
insert into t (a, renamed_n, more) values ("renamed", 18446744073709551614, 4);
alter table t rename column renamed_n to m, add index by_m (m), add unique key u (a, id);
insert into t (a, m, more) values ("and again", 5, 5);
alter table t modify more bigint first;
insert into t (a, m, more) values ("moved", 6, 9000000000);
alter table t modify a varchar(201) not null default "" after more, modify m bigint unsigned after id;
insert into t (a, m, more) values ("moved again", 8, 9000000001);
alter table t comment "nothing else", engine = InnoDB;
alter table t add e enum("x", "y") default "y", add j json, add at timestamp(3) null;
insert into t (a, m, e, j, at) values ("types", 7, "x", json_object("k", 1), "2026-01-02 03:04:05.678");
alter table t drop index by_m, drop column d;
delete from t where a = "before";
create table made (id int primary key, v text, key (v(10)));
insert into made values (1, "made"), (2, null);
alter table made add w int;
update made set w = id;
create table alike like made;
insert into alike select * from made;
create table copied (primary key (id)) select id, a from t;
insert into copied values (1000, "copied");
drop table dropped;
rename table renamed to named;
insert into named values (2, "y");
alter table named rename to named_again, add z int;
insert into named_again values (3, "z", 3);
create index by_t on other (t_id);
alter table other add constraint of_t foreign key (t_id) references t (id);
truncate table alike;
insert into alike values (5, "after", 5);
'
test_all_kinds_long_after() {
    new_databases
    tables_make
    drain
    do_at "$statements"
    drain
    columns_are t "a at e id j m more"
    columns_are made "id v w"
    columns_are alike "id v w"
    columns_are copied "a id"
    columns_are named_again "id v z"
    columns_are dropped ""
    columns_are renamed ""
    verified
    drain
    verified
}

test_while_it_runs() {
    new_databases
    tables_make
    drain
    "$E2E_RUNNEL" migrate "$SRC" "$DST" --follow --name altered >"$E2E_SCRATCH/$E2E_TEST.log" 2>&1 &
    follower=$!
    # shellcheck disable=SC2064 # this one
    trap "kill -KILL $follower 2>/dev/null || true" EXIT
    wait_for 20 grep -qw following "$E2E_SCRATCH/$E2E_TEST.log"
    wait_for 20 one_reads # not the run before, which the server hasn't missed yet
    local reader
    reader=$(dumps)
    do_at "alter table other add w int; insert into other values (3, 3, 3); create table more (id int primary key); insert into more values (1); insert into t (a) values ('first')"
    wait_for 60 arrived first
    # a new reader would have the server search its file from the beginning, at each statement
    same "$reader" "$(dumps)" "who reads the log"
    do_at "$statements"
    do_at "insert into t (a, m) values ('last', 1)"
    wait_for 60 arrived last
    kill -KILL "$follower"
    wait "$follower" 2>/dev/null || true
    drain
    verified
}
dumps() { source_sql -e "select id from information_schema.processlist where command like 'Binlog Dump%' and db = '$db'"; }
one_reads() { [ "$(dumps | wc -l)" = 1 ]; }
arrived() { [ "$(target_sql -d "$db" -c "select count(*) from t where a = '${1:-last}'" 2>/dev/null)" = 1 ]; }

test_copies_that_take_the_name() {
    new_databases
    tables_make
    drain --exclude "_t_*"
    source_sql "$db" <<'SQL'
create table _t_gho like t;
alter table _t_gho add column more int, modify a varchar(100);
insert into t (a) values ('while it is copied');
insert into _t_gho select id, a, n, gone, null from t;
rename table t to _t_del, _t_gho to t;
insert into t (a, more) values ('behind', 1);
drop table _t_del;
SQL
    drain --exclude "_t_*"
    columns_are t "a gone id more n"
    same "behind 1" "$(target_sql -d "$db" -c "select a || ' ' || more from t where more is not null")" "the row behind"
    expect_exit 0 runnel verify "$SRC" "$DST" --exclude "_t_*"
}

test_an_enum_that_comes_and_goes() {
    new_databases
    tables_make
    do_at "create table e (id int primary key, c enum('a', 'b') not null default 'a', d enum('x'))"
    drain --set enum=native
    do_at "alter table e modify c varchar(20), drop column d; insert into e values (1, 'free')"
    drain --set enum=native
    same 0 "$(target_sql -d "$db" -c "select count(*) from pg_type where typtype = 'e'")" "types left behind"
    do_at "update e set c = 'b'; alter table e modify c enum('b', 'c') not null default 'c', add d enum('y'); insert into e (id, d) values (2, 'y')"
    drain --set enum=native
    do_at "alter table e modify c varchar(9); alter table e modify c enum('c', 'b'); insert into e (id) values (3)"
    drain --set enum=native
    same "1 b,2 c,3 " "$(target_sql -d "$db" -c "select string_agg(concat_ws(' ', id, coalesce(c::text, '')), ',' order by id) from e")" "its rows"
    verified
}

test_ignored() {
    new_databases
    tables_make
    drain
    do_at "alter table t add column more int first, drop column gone, change n m bigint unsigned; insert into t (more, a, m) values (1, 'ignored', 5)"
    drain --ddl ignore
    do_at "update t set m = 6 where a = 'ignored'; insert into t (more, a, m) values (2, 'again', 7)"
    drain --ddl ignore
    same "id a n gone" "$(target_sql -d "$db" -c "select string_agg(column_name, ' ' order by ordinal_position) from information_schema.columns where table_name = 't'")" "the target stays"
    same "again 7,ignored 6" "$(target_sql -d "$db" -c "select string_agg(a || ' ' || n, ',' order by a) from t where n in (5, 6, 7)")" "rows by names"
    do_at "alter table t add column even_more int; insert into t (a, m, even_more) values ('followed', 8, 8)"
    drain
    columns_are t "a even_more id m more"
    same "followed 8" "$(target_sql -d "$db" -c "select a || ' ' || even_more from t where even_more is not null")" "rows then"
}

# Such tables are loaded anew on the way.
test_rows_that_no_log_tells() {
    new_databases
    source_sql "$db" <<'SQL'
create table t (id int primary key, a varchar(60));
create table u (id int primary key, b int);
insert into t values (1, 'x'), (2, 'y');
insert into u values (7, 7);
SQL
    do_at "create table gone (id int primary key, v int); create table part (id int primary key) partition by range (id) (partition p0 values less than (10), partition p1 values less than (100)); insert into part values (1), (50)"
    drain
    "$E2E_RUNNEL" migrate "$SRC" "$DST" --follow --name altered >"$E2E_SCRATCH/$E2E_TEST.log" 2>&1 &
    follower=$!
    # shellcheck disable=SC2064 # this one
    trap "kill -KILL $follower 2>/dev/null || true" EXIT
    do_at "alter table t add w timestamp not null default current_timestamp; insert into t (id, a) values (3, 'z')"
    do_at "alter table u add i int not null default 4; update u set b = 9"
    do_at "create table x1 (id int primary key); insert into x1 values (1); create table x2 like x1; insert into x2 values (2); rename table x1 to x3, x2 to x1, x3 to x2; insert into x1 values (10); insert into x2 values (20)"
    do_at "alter table part drop partition p0; insert into part values (60); drop table gone; create table gone (id int primary key, w date); insert into gone values (1, '2020-02-02')"
    do_at "alter table u drop column b, add b int default 8; insert into u (id) values (99)"
    do_at "insert into t (id, a) values (77, 'last')"
    wait_for 60 arrived
    kill -KILL "$follower"
    wait "$follower" 2>/dev/null || true
    drain
    verified
}

# What the other flavour can take: names that cross, columns at their places, partitions, numbers,
# checks, comments.
test_into_the_other_flavour() {
    local to=mysql9 dst
    [[ $E2E_SOURCE != mysql* ]] || to=mariadb
    new_databases
    server "$to" PORT >/dev/null
    dst=${db}_to
    database_new "$to" "$dst"
    DST=$(database_url "$to" "$dst")
    source_sql "$db" <<'SQL'
create table t (id int primary key, a varchar(20) not null, b int, c int, key by_c (c));
create table x1 (id int primary key, v int);
create table x2 (id int primary key, w varchar(9));
create table part (id int primary key, v int) partition by range (id) (partition p0 values less than (10), partition p1 values less than (100));
create table numbered (id int not null primary key, v int);
insert into t values (1, 'one', 1, 10), (2, 'two', 2, 20);
insert into x1 values (1, 1);
insert into x2 values (2, 'two');
insert into part values (1, 1), (50, 50);
insert into numbered values (5, 5);
SQL
    drain
    do_at 'insert into t values (3, "three", 3, 30)'
    do_at 'alter table t rename column a to b, rename column b to a, add key by_b (b), add unique key by_a (a)'
    do_at 'insert into t (id, a, b, c) values (4, 4, "four", 40)'
    do_at 'alter table t add column f int first, add column m int not null default 5 after b, add column m2 int after m, add column z int'
    do_at 'insert into t values (1, 5, "five", 5, 6, 7, 50, 8)'
    do_at 'alter table t change b text_b varchar(40) not null, add column m3 int after text_b, modify c bigint'
    do_at 'insert into t values (2, 6, "six", 9, 6, 6, 77, 60, 8)'
    do_at 'rename table x1 to x3, x2 to x1, x3 to x2; insert into x1 values (10, "ten"); insert into x2 values (20, 20)'
    do_at 'alter table part add partition (partition p2 values less than (1000)); insert into part values (500, 500)'
    do_at 'alter table part reorganize partition p2 into (partition p2 values less than (600), partition p3 values less than (2000)); insert into part values (1500, 1)'
    do_at 'create table checked (id int primary key, v int, w int check (w < 1000))'
    do_at 'alter table checked add check (v > 0), add z int; insert into checked values (1, 1, 1, 1)'
    do_at 'alter table checked add x int check (x <> 7); insert into checked values (2, 1, 1, 1, 1)'
    do_at 'alter table checked add constraint named check (z > 0); insert into checked values (3, 1, 1, 1, 1)'
    do_at 'alter table part comment = "in \"its\" parts"; alter table t modify id int not null comment "it'"'"'s a key"'
    do_at 'alter table numbered modify id int not null auto_increment; insert into numbered (v) values (6)'
    do_at 'alter table numbered modify id bigint not null; insert into numbered values (9000000000, 7)'
    drain
    same_shape t
    same_shape x1
    same_shape x2
    same_shape part
    same_shape numbered
    same_shape checked
    same 4 "$(query "$to" "$dst" 'show create table checked' | grep -o CHECK | wc -l)" 'checks, with a name and without'
    verified
}
shape() { # NAME DATABASE TABLE: columns in their order, keys and partitions
    query "$1" "$2" "select concat_ws(' ', column_name, data_type, is_nullable, extra, column_comment) from information_schema.columns
        where table_schema = database() and table_name = '$3' order by ordinal_position"
    query "$1" "$2" "select concat_ws(' ', index_name, non_unique, column_name) from information_schema.statistics
        where table_schema = database() and table_name = '$3' order by index_name, seq_in_index"
    query "$1" "$2" "select concat_ws(' ', partition_name, partition_description) from information_schema.partitions
        where table_schema = database() and table_name = '$3' order by partition_ordinal_position"
    query "$1" "$2" "select table_comment from information_schema.tables where table_schema = database() and table_name = '$3'"
}
same_shape() { same "$(shape "$E2E_SOURCE" "$db" "$1")" "$(shape "$to" "$dst" "$1")" "the shape of $1"; }

run_tests
