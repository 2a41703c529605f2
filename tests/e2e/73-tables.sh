# Tables that join a pipeline which follows, and such that are loaded anew, while all are written to.
# shellcheck shell=bash
# once
. "${0%/*}/lib.sh"

export RUNNEL_RUN_DIR=$E2E_SCRATCH/run

make_tables() {
    change_source <<'SQL'
create table d (n int primary key);
insert into d values (0), (1), (2), (3), (4), (5), (6), (7), (8), (9);
create table a (id int primary key, v int);
create table p (id int primary key, u int, v int, constraint p_u unique (u));
create table c (id int primary key, p int, v int, constraint c_p foreign key (p) references p (id));
create table e (id int primary key, v int);
create table k (a int, b varchar(20));
create table h (id int primary key, v int);
create table unasked (id int primary key);
insert into p select -(x.n + 10 * y.n + 100 * z.n + 1000 * w.n) - 1, -(x.n + 10 * y.n + 100 * z.n + 1000 * w.n) - 1, 0 from d x, d y, d z, d w;
insert into e select -(x.n + 10 * y.n + 100 * z.n + 1000 * w.n + 10000 * v.n) - 1, 0 from d x, d y, d z, d w, d v;
insert into h select n, 0 from d;
insert into k select -x.n - 1, 'old' from d x, d y, d z;
SQL
    case $FROM in
    postgres*) change_source <<<"alter table k replica identity full;" ;;
    esac
}

# Changes of all tables, until they have been asked to end.
write_all() {
    local i=1
    while [ -e "$E2E_SCRATCH/writing" ]; do
        cat <<SQL
begin; insert into a (id, v) values ($i, 0); update a set v = v + 1 where id = $((i / 2)); delete from a where id = $((i - 7)) and v = 0; commit;
begin; insert into p values ($i, $i, 0); insert into c values ($i, $i, 0); update p set v = v + 1 where id = -($i % 5000) - 1; commit;
begin; update p set u = -$i - 100000 where id = $i; update p set u = $i where id = $((i - 1)); update c set p = $((i - 1)) where id = $i and p > 1; commit;
begin; insert into e (id, v) values ($i, 0); update e set v = v + 1 where id = -(($i * 7919) % 100000) - 1; delete from e where id = -(($i * 31) % 1000) - 1; commit;
begin; insert into h values ($((i + 9)), 0); update h set v = v + 1 where id = $((i % 10)); delete from h where id = $((i + 2)); commit;
begin; insert into k values ($i, 'new'); insert into k values ($i, 'new'); update k set b = 'set' where a = $((i - 2)); delete from k where a = $((i - 5)); commit;
SQL
        i=$((i + 1))
        sleep 0.01 # what is written meanwhile is caught up with after each crash
    done
}

writer_begin() {
    touch "$E2E_SCRATCH/writing"
    write_all | change_source &
    writer=$!
    at_end_kill "$writer"
}

writer_end() {
    rm "$E2E_SCRATCH/writing"
    wait "$writer" || fail "the writer has failed"
}

true_of() { case $(engine_of "$TO") in postgres) echo t ;; *) echo 1 ;; esac }

has_rows() { [ "$(at_to "select count(*) > 1000 from $1")" = "$2" ]; }

# Some of its 100 000 rows are there; or the load was faster than this looks.
amid_load() { # TABLE
    [ "$(at_to "select count(*) between 1 and 90000 from $1")" = "$(true_of)" ] ||
        runnel status t | grep -q "phase *following"
}

# Nobody else writes to the target's table, which is empty, until let_go.
hold() { # TABLE
    mkfifo "$E2E_SCRATCH/hold"
    database_sql "$TO" "$db_to" <"$E2E_SCRATCH/hold" >/dev/null &
    holder=$!
    at_end_kill "$holder"
    exec {holding}>"$E2E_SCRATCH/hold"
    case $(engine_of "$TO") in
    postgres) echo "begin; lock table $1 in exclusive mode; select pg_advisory_lock(73);" >&"$holding" ;;
    mysql) echo "begin; select * from $1 for update; select get_lock('hold $db_to', 0);" >&"$holding" ;;
    esac
    wait_for 60 is_held
}

is_held() {
    case $(engine_of "$TO") in
    postgres) [ "$(at_to "select count(*) from pg_locks where locktype = 'advisory' and objid = 73 and granted and database = (select oid from pg_database where datname = current_database())")" = 1 ] ;;
    mysql) [ "$(at_to "select is_used_lock('hold $db_to') is not null")" = 1 ] ;;
    esac
}

# (What was started since has the pipe open, too.)
let_go() {
    printf 'rollback;\n\\q\n' >&"$holding"
    exec {holding}>&-
    wait "$holder" || true
    rm "$E2E_SCRATCH/hold"
}

last_of_a() { at_to "select coalesce(max(id), 0) from a"; }
a_has_passed() { [ "$(last_of_a)" -gt "$1" ]; }
a_passes() {
    follow_runs || follow_failed "it ended beside a load"
    wait_for 60 a_has_passed $(($(last_of_a) + 50))
}
has_gone_back() { grep -q "the log is read once more" "$follow_log"; }
a_is_altered() { at_to "select count(x) from a" >/dev/null 2>&1; }

# While the load of a table stands still, changes of another one come; so after a crash amid that,
# and after one when the log is read again. From where another table is altered changes wait.
stream_goes_on_beside() { # [OPTIONS]
    # somebody's table, which is empty: it is taken, and never dropped
    case $(engine_of "$TO") in
    postgres) at_to "set role runnel; create table public.h (id int primary key, v int)" >/dev/null ;;
    mysql) at_to "create table h (id int primary key, v int)" ;;
    esac
    hold h
    expect_exit 0 runnel tables add t h
    a_passes
    same 0 "$(at_to "select count(*) from h")" "rows of a table that is held"
    runnel status t --json | jq -e '.phase == "loading beside changes" and .changes > 0 and .lag_ms >= 0' >/dev/null ||
        fail "its state doesn't tell of changes beside a load: $(runnel status t)"
    kill_it
    follow_begin "$@"
    a_passes
    same 0 "$(at_to "select count(*) from h")" "rows of a table that is held"
    change_source <<<"alter table a add x int default 5;"
    let_go
    wait_for 60 has_gone_back
    kill_it
    follow_begin "$@"
    wait_for 60 is_following
    wait_for 60 a_is_altered
}

is_following() { runnel status t | grep -q 'phase *following'; }

kill_it() {
    kill -9 "$follower"
    wait "$follower" 2>/dev/null || true
}

# Foreign and unique keys of the target's table.
structure_of() { # TABLE
    case $(engine_of "$TO") in
    postgres) at_to "select (select count(*) from pg_constraint where contype = 'f' and conrelid = '$1'::regclass and convalidated), (select count(*) from pg_index where indrelid = '$1'::regclass and indisunique)" ;;
    mysql) at_to "select sum(constraint_type = 'FOREIGN KEY'), sum(constraint_type <> 'FOREIGN KEY') from information_schema.table_constraints where table_schema = database() and table_name = '$1'" ;;
    esac
}

tables_join_and_are_loaded_anew() { # FROM TO
    local some="--name t --tables a --tables p --bundle-rows 10 --commit-size 64k"

    pair_new "$1" "$2"
    make_tables
    # shellcheck disable=SC2086
    follow_start $some
    writer_begin
    # two more, and a crash while they are loaded: the command is the same as before
    expect_exit 0 runnel tables add t e k
    wait_for 60 has_rows e "$(true_of)"
    kill_it
    # shellcheck disable=SC2086
    follow_start $some
    follow_runs || follow_failed "it ended"
    expect_exit 2 runnel tables add t nobody
    said tables.unknown
    expect_exit 2 runnel tables add t p
    said tables.present
    follow_runs || follow_failed "it ended for a table that isn't there"
    # shellcheck disable=SC2086
    stream_goes_on_beside $some
    follow_stop
    # a selection that grows; one that shrinks is refused
    # shellcheck disable=SC2086
    follow_start $some --tables c
    same '1|1' "$(structure_of c)" "the foreign key of a table that joined"
    follow_stop
    # shellcheck disable=SC2086
    expect_exit 2 runnel migrate "$SRC" "$DST" --follow --drain $some
    said resume.other_tables
    # one anew, to which another points; and a crash meanwhile
    # shellcheck disable=SC2086
    follow_start $some --tables c
    expect_exit 0 runnel tables reload t p --yes
    kill_it
    # shellcheck disable=SC2086
    follow_start $some --tables c
    expect_exit 0 runnel tables reload t e --yes
    wait_for 60 amid_load e
    kill_it
    # what was read of it is of another form by now: it is read once more
    change_source <<<"alter table e add z int default 7;"
    # shellcheck disable=SC2086
    follow_start $some --tables c
    expect_exit 0 runnel tables reload t k e --yes
    follow_stop
    # shellcheck disable=SC2086
    follow_start $some --tables c
    expect_exit 0 runnel tables list t
    said loaded k
    writer_end
    # shellcheck disable=SC2086
    follow_drain $some --tables c
    expect_exit 0 runnel verify "$SRC" "$DST" --name t
    same '1|1' "$(structure_of c)" "the foreign key to a table that was loaded anew"
    same '0|2' "$(structure_of p)" "its unique key"
    # at a start, of a pipeline that rests
    # shellcheck disable=SC2086
    expect_exit 0 runnel migrate "$SRC" "$DST" --follow --drain $some --tables c --reload a
    expect_exit 0 runnel verify "$SRC" "$DST" --name t
    if [ "$(engine_of "$TO")" = postgres ]; then # one that stood there before it joined is nobody's to drop
        # shellcheck disable=SC2086
        expect_exit 2 runnel migrate "$SRC" "$DST" --follow --drain $some --tables c --tables h --restart --yes
        said sink.not_empty h
    fi
    expect_exit 0 runnel pipelines delete "$SRC" "$DST" --name t --yes
}

# MySQL's sets of GTIDs, and views that know no file.
test_from_mysql9_to_postgres() {
    pair_new mysql9 postgres
    make_tables
    follow_start --name t --tables a --tables k
    writer_begin
    stream_goes_on_beside --name t --tables a --tables k
    expect_exit 0 runnel tables reload t k --yes
    writer_end
    follow_drain --name t --tables a --tables k
    expect_exit 0 runnel verify "$SRC" "$DST" --name t
    expect_exit 0 runnel pipelines delete "$SRC" "$DST" --name t --yes
}

test_from_mariadb_to_postgres() { tables_join_and_are_loaded_anew mariadb postgres; }
test_from_postgres_to_mariadb() { tables_join_and_are_loaded_anew postgres mariadb; }

run_tests
