# Verification of a target that follows its source, while both are written to.
# shellcheck shell=bash
# once
. "${0%/*}/lib.sh"

export RUNNEL_RUN_DIR=$E2E_SCRATCH/run

tables() { # ENGINE
    local number='int auto_increment primary key' full=''
    if [ "$1" = postgres ]; then
        number='serial primary key' full='alter table heap replica identity full;'
    fi
    cat <<END
create table items (id $number, v varchar(40), n int);
create table counters (id int primary key, n int);
insert into counters values (1, 0), (2, 0);
create table switches (id int primary key, s int);
create table queue (id $number, v varchar(40));
create table heap (a int, b varchar(10));
$full
create table cold (id int primary key, v varchar(40));
create table codes (a varchar(20), b int, n int, primary key (a, b));
END
    for i in {1..300}; do
        echo "insert into items (v, n) values ('s$i', $i); insert into cold values ($i, 'c$i');"
        echo "insert into heap values ($((i % 7)), 'x$((i % 5))'); insert into codes values ('c-$((i / 3))', $i, 0);"
    done
    echo 'insert into switches select id, 0 from items where id <= 10;'
}

# New rows, changed rows, rows that go, a counter, switches, rows of a moment; equal rows.
statements() { # WRITER ENGINE
    local i=0 r some
    while [ ! -e "$E2E_SCRATCH/enough" ]; do
        i=$((i + 1)) r=$RANDOM
        some="delete from heap where a = $((r % 7)) limit 2;"
        [ "$2" = mysql ] || some="delete from heap where ctid in
            (select ctid from heap where a = $((r % 7)) limit 2 for update skip locked);"
        echo "insert into items (v, n) values ('w$1-$i', $r);
            update items set v = 'u$1-$i', n = n + 1 where id = $((r % 200 + 1));
            update counters set n = n + 1 where id = $((r % 2 + 1));
            update codes set n = n + 1 where a = 'c-$((r % 100))';
            update switches set s = 1 - s where id = $((r % 10 + 1));
            insert into queue (v) values ('$1-$i'); delete from queue where v = '$1-$i';"
        [ $((i % 3)) -gt 0 ] || echo "delete from items where id > 300 and n % 10 = $((r % 10));"
        # each change of a table without a key costs the target a look at all of it
        [ $((i % 4)) -gt 0 ] || echo "insert into heap values ($((r % 7)), 'x$((r % 5))'), (9, 'y'); $some"
        [ $((i % 2)) -gt 0 ] || sleep 0.05
    done
}

write_all() {
    local n
    rm -f "$E2E_SCRATCH/enough"
    writers=()
    for n in 1 2 3; do
        # a deadlock among the writers is none of ours
        statements "$n" "$(engine_of "$FROM")" | case $(engine_of "$FROM") in
        mysql) database_sql "$FROM" "$db_from" --force ;;
        postgres) database_sql "$FROM" "$db_from" -v ON_ERROR_STOP=0 ;;
        esac >/dev/null 2>&1 &
        writers+=($!)
        at_end_kill $!
    done
}

is_written() { [ "$(at_from 'select count(*) from heap')" -gt 330 ]; }

verify_live() { # FROM TO [OPTIONS]
    local i
    pair_new "$1" "$2"
    tables "$(engine_of "$1")" | change_source
    follow_start --name live "${@:3}"
    write_all
    wait_for 60 is_written
    for i in 1 2 3; do
        expect_exit 0 runnel verify "$SRC" "$DST" --name live
        said equal
    done
    # rows that nobody writes to, and one among those that all write to
    query "$TO" "$db_to" "update cold set v = 'damaged' where id = 77; delete from cold where id = 78;
        insert into cold values (5000, 'more'); update items set n = n + 1 where id = 250;
        insert into heap values (8, 'never'); insert into codes values ('none', 7, 0)"
    expect_exit 4 runnel verify "$SRC" "$DST" --name live --values
    said '1 missing, 1 extra, 1 different' 'missing    id=78' 'extra      id=5000' \
        'different  id=77: v (damaged, not c77)' 'extra      a=none, b=7' 'different  id=250: n' 'extra      a=8, b=never'
    not_said 'not settled'
    expect_exit 2 runnel verify "$SRC" "$DST" --name live --repair
    said verify.follower_runs
    touch "$E2E_SCRATCH/enough"
    wait "${writers[@]}"
}

test_mariadb_to_postgres() { verify_live mariadb postgres; }

# the fence is that of all lanes
test_mysql_to_postgres_by_lanes() { verify_live mysql9 postgres --change-lanes 3; }

test_postgres_to_mariadb() {
    verify_live postgres mariadb
    # one that rests is told to rest; mending needs that
    expect_exit 0 runnel pause live
    change_source <<<"update cold set v = 'newer' where id = 3"
    expect_exit 4 runnel verify "$SRC" "$DST" --name live --tables cold
    said "doesn't run now" 'different  id=3: v'
    expect_exit 0 runnel resume live
    wait_same 30 'select v from cold where id = 3'
    follow_stop
    expect_exit 0 runnel verify "$SRC" "$DST" --name live --tables 'cold,items' --repair
    said mended
    follow_start --name live
    change_source <<<"delete from heap where a = 9"
    wait_same 30 'select count(*) from heap where a = 9'
    expect_exit 0 runnel verify "$SRC" "$DST" --name live --tables 'cold,items'
    follow_stop
}

run_tests
