# Tables of PostgreSQL that are altered while they are followed: the target takes each form at its
# place.
# shellcheck shell=bash
# once
. "${0%/*}/lib.sh"

# Sets db, SRC and DST: databases of two servers, or of one.
pair() { # TARGET
    to=$1
    server postgres PORT >/dev/null
    server "$to" PORT >/dev/null
    db=e2e_72_${E2E_TEST#test_}_$to
    db=${db:0:50}
    database_new postgres "${db}_src"
    database_new "$to" "$db"
    SRC=$(database_url postgres "${db}_src")
    DST=$(database_url "$to" "$db")
}

src() { database_sql postgres "${db}_src" "$@"; }
dst() { query "$to" "$db" "$1"; }
make() { database_load postgres "${db}_src" <<<"$1"; }

start() { # [OPTIONS]
    log=$E2E_SCRATCH/$E2E_TEST.$to.log
    "$E2E_RUNNEL" migrate "$SRC" "$DST" --follow --name "$db" "$@" >>"$log" 2>&1 &
    run=$!
    # shellcheck disable=SC2064
    trap "kill -KILL $run 2>/dev/null || true" EXIT
}
stop() {
    kill -INT "$run"
    wait "$run" || true
}
drain() { # [OPTIONS]
    expect_exit 0 runnel migrate "$SRC" "$DST" --follow --drain --name "$db" "$@"
}
verified() { expect_exit 0 runnel verify "$SRC" "$DST"; }
ended() { ! kill -0 "$run" 2>/dev/null; }
tells() { # WORDS: in the log of a run that goes on
    if grep -q "$1" "$log"; then return 0; fi
    ended || return 1
    tail -n 30 "$log" | cut -c 1-900 | sed 's/^/    | /' >&9
    fail "the run ended"
}

# The columns of a table, in their order.
columns() { # src|dst TABLE
    local schema=public sql
    [ "$1.$(engine_of "$to")" != dst.mysql ] || schema=$db
    sql="select column_name from information_schema.columns where table_name = '$2' and
        table_schema = '$schema' order by ordinal_position"
    if [ "$1" = src ]; then src -c "$sql"; else dst "$sql"; fi | tr -d '\r' | tr '\n' ' '
}
same_columns() { # TABLE
    same "$(columns src "$1" | tr ' ' '\n' | sort | xargs)" \
        "$(columns dst "$1" | tr ' ' '\n' | sort | xargs)" "columns of $1"
}

tables="create table t (id int primary key, v varchar(10), n int not null default 3, x int);
create table other (id int primary key, v text);
create table goes (id int primary key, v text);
insert into t (id, v) select i, i::text from generate_series(1, 50) i;
insert into other select i, i::text from generate_series(1, 50) i;
insert into goes values (1, 'x');"

# One form after another, with rows of each, and two forms in one transaction.
steps=(
    "alter table t add w varchar(20) not null default 'filled'"
    "alter table t rename v to vv"
    "begin; insert into t (id, n) values (900001, 7); alter table t drop n;
        update t set vv = 'amid' where id = 900001; insert into t (id, w) values (900002, 'new'); commit"
    "alter table t alter x type bigint; insert into t (id, x) values (900003, 5000000000)"
    "alter table t alter vv type text; insert into t (id, vv) values (900004, repeat('long', 20))"
    "alter table t add n varchar(10); update t set n = 'N' where id = 900004"
    "alter table t drop x; alter table t add x text; update t set x = 'again' where id = 900003"
    "alter table t rename vv to y; alter table t rename w to vv; alter table t rename y to w"
)

# Rows of whatever form the table has.
write_rows() {
    local i=0
    while [ ! -e "$E2E_SCRATCH/enough" ]; do
        i=$((i + 1))
        echo "insert into t (id) values ($((1000 + i))); update t set id = id where id = $((i % 50 + 1));
            delete from t where id = $((1000 + i / 2)); insert into other values ($((1000 + i)), 'o$i');"
        sleep 0.01
    done
}

drift_into() { # TARGET
    local step
    pair "$1"
    make "$tables"
    start
    wait_for 40 tells "following:"
    rm -f "$E2E_SCRATCH/enough"
    write_rows | src -v ON_ERROR_STOP=0 >/dev/null 2>&1 &
    writer=$!
    for step in "${steps[@]}"; do
        make "$step"
        sleep 0.3
    done
    make "create index t_n on t (n)"
    make "drop table goes"
    touch "$E2E_SCRATCH/enough"
    wait "$writer"
    wait_for 40 tells 'goes: it was dropped'
    stop
    # down, and altered further: each form is met at its own place
    make "insert into t (id) values (1)  on conflict do nothing; alter table t add a1 int default 1"
    make "insert into t (id) values (800001)"
    make "alter table t rename a1 to a2"
    make "insert into t (id, a2) values (800002, 2)"
    make "alter table t add a3 int"
    make "insert into t (id, a3) values (800003, 3)"
    make "alter table t drop a3"
    make "insert into t (id) values (800004)"
    make "alter table t rename a2 to a4; alter table t alter a4 type bigint"
    make "insert into t (id, a4) values (800005, 6000000000)"
    make "alter table other alter v set not null; create unique index other_v on other (v)"
    drain
    same_columns t
    same 0 "$(dst "select count(*) from information_schema.tables where table_name = 'goes'
        and table_schema in ('public', '$db')")" 'tables that were dropped'
    verified
}

test_drift_into_postgres() {
    drift_into postgres
    same 1 "$(dst "select count(*) from pg_indexes where indexname = 'other_v'")" 'unique indexes'
    same NO "$(dst "select is_nullable from information_schema.columns
        where table_name = 'other' and column_name = 'v'")" 'NOT NULL'
}
test_drift_into_mariadb() { drift_into mariadb; }

# The target stays as it is; what goes with it goes on.
test_ignored() {
    pair postgres
    make "$tables"
    start --ddl ignore
    wait_for 40 tells "following:"
    make "alter table t rename v to vv; alter table t add w int; insert into t (id, vv, w) values (60, 'r', 1)"
    make "alter table t drop x; update t set vv = 's' where id = 1; insert into t (id, w) values (61, 2)"
    stop
    drain --ddl ignore
    same 'r 3;s 3; 3' "$(dst "select coalesce(v, '') || ' ' || n from t where id in (1, 60, 61)
        order by id = 61, id = 1" | paste -sd ';')" 'rows'
    same 'id v n x' "$(columns dst t | xargs)" 'columns'
}

# Where nothing is loaded, no alteration may take away what somebody else has loaded.
test_changes_alone() {
    pair postgres
    make "create table t (id int primary key, n int); insert into t values (1, 1)"
    database_load postgres "$db" <<<"create table t (id int primary key, n int); insert into t values (1, 1)"
    drain --changes-only
    make "alter table t alter n type bigint; insert into t values (2, 6000000000)"
    drain --changes-only
    same '1 1;2 6000000000' "$(dst "select id || ' ' || n from t order by 1" | paste -sd ';')" rows
    verified
    make "alter table t add r int default (random() * 1000)::int; insert into t values (3, 3, 3)"
    expect_exit 2 runnel migrate "$SRC" "$DST" --follow --drain --name "$db" --changes-only
    said source.table_replaced "nothing is loaded by this run"
    same 2 "$(dst "select count(*) from t")" rows
}

made() { [ "$(dst "select count(*) from made" 2>/dev/null)" = 1 ]; }
replaced() { [ "$(dst "select sum(w) from goes" 2>/dev/null)" = 11 ]; }

# Another table of the name, and a new one: their rows stand in no log.
test_tables_made() {
    pair postgres
    make "$tables"
    start
    wait_for 40 tells "following:"
    make "create table made (id int primary key, v text); insert into made values (1, 'before')"
    wait_for 60 made
    make "insert into made values (2, 'after')"
    make "drop table goes; create table goes (id int primary key, w int); insert into goes values (5, 5), (6, 6)"
    wait_for 60 replaced
    make "insert into goes values (7, 7)"
    stop
    drain
    same_columns goes
    verified
}

# Tables that swap names, partitions that come and go, and numbers that the server gives.
test_tables_of_all_kinds() {
    pair postgres
    make "create table x1 (id int primary key, v int);
        create table x2 (id int primary key, w text);
        create table y1 (id int primary key, v int);
        create table y2 (id int primary key, w text);
        insert into y1 values (1, 1); insert into y2 values (2, 'two');
        create type mood as enum ('sad', 'ok'); create table labelled (id int primary key, m mood, t varchar(9));
        insert into labelled values (1, 'ok', 'x'); create table old (id int primary key, v int); insert into old values (1, 1); create schema if not exists away authorization runnel;
        create table goes_away (id int primary key, v int); insert into goes_away values (1, 1);
        create table part (id int primary key, v int) partition by range (id);
        create table part_1 partition of part for values from (0) to (100);
        create table part_2 partition of part for values from (100) to (200);
        create table numbered (id int primary key, n int not null);
        create table doubled (id int primary key, n int); insert into doubled values (1, 1), (2, 2);
        create table crossed (id int primary key, a text not null, b int, check (b > 0));
        create index crossed_a on crossed (a);
        insert into x1 values (1, 1); insert into x2 values (2, 'two');
        insert into part values (1, 1), (150, 150); insert into numbered values (5, 5);
        insert into crossed values (1, 'one', 1)"
    drain
    make "alter table old rename to new; insert into new values (2, 2); alter table goes_away set schema away; insert into away.goes_away values (2, 2)"
    make "begin; alter table x1 rename to x3; alter table x2 rename to x1; alter table x3 rename to x2; commit"
    make "insert into x1 values (10, 'ten'); insert into x2 values (20, 20)"
    make "begin; drop table y1; alter table y2 rename to y1; commit; insert into y1 values (10, 'ten')"
    make "alter type mood add value 'happy' before 'ok'; alter table labelled add w int; insert into labelled values (2, 'happy', 'y', 1);
        alter table labelled alter t type text using t || '!'; insert into labelled values (3, 'sad', 'z')" # loaded anew
    make "create table part_3 partition of part for values from (200) to (300); alter table part add w int;
        insert into part values (250, 250, 1); update part set id = id + 50 where id = 150"
    make "alter table part detach partition part_1; drop table part_1; alter table part drop v; insert into part values (251, 2)"
    make "alter table numbered alter n add generated by default as identity (start with 100), add w int;
        insert into numbered (id) values (6)"
    make "alter table doubled alter n type bigint using n * 2; insert into doubled values (3, 3)" # loaded anew, too
    make "begin; alter table crossed rename a to c; alter table crossed rename b to a; alter table crossed rename c to b;
        create unique index crossed_b on crossed (b); alter table crossed add z int; commit;
        insert into crossed values (2, 'two', 2, 0)"
    drain
    local name
    if grep -q "joins the pipeline" "$err"; then fail "a table under another name was taken for a new one"; fi
    for name in labelled new x1 x2 y1 part numbered crossed; do same_columns "$name"; done
    shape src >"$E2E_SCRATCH/shape.src"
    shape dst >"$E2E_SCRATCH/shape.dst"
    diff "$E2E_SCRATCH/shape.src" "$E2E_SCRATCH/shape.dst" >&2 || fail 'tables have another shape'
    verified
}
shape() { # src|dst
    local sql="select attrelid::regclass || ' ' || attname || ' ' || attidentity::text from pg_attribute
            where attrelid in ('x1'::regclass, 'x2'::regclass, 'part'::regclass, 'numbered'::regclass, 'crossed'::regclass)
            and attnum > 0 and not attisdropped
        union all select indexdef from pg_indexes where schemaname = 'public' and tablename in ('x1', 'x2', 'part', 'numbered', 'crossed')
        union all select inhrelid::regclass || ' of ' || inhparent::regclass from pg_inherits where inhparent = 'part'::regclass
        union all select conrelid::regclass || ' ' || pg_get_constraintdef(oid) from pg_constraint where contype = 'c' and conrelid <> 0
        order by 1"
    if [ "$1" = src ]; then src -c "$sql"; else dst "$sql"; fi
}

run_tests
