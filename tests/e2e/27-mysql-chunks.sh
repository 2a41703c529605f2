# Keys of each kind: tables are cut into pieces of much the same size, and resumed in each of them.
# shellcheck shell=bash
. "${0%/*}/lib.sh"

target() { target_sql -d "$db" -c "$1"; }

# 0 to 19999, by joining digits: both servers have that.
digits="(select 0 d union all select 1 union all select 2 union all select 3 union all select 4
    union all select 5 union all select 6 union all select 7 union all select 8 union all select 9)"
numbers="(select a.d + b.d * 10 + c.d * 100 + e.d * 1000 + f.d * 10000 as n from $digits a, $digits b,
    $digits c, $digits e, (select 0 d union all select 1) f) as numbers"

fill() { # TABLE COLUMNS VALUES
    source_sql "$db" -e "create table $1 ($2, pad char(100) not null) default charset utf8mb4;
        insert into $1 select $3, repeat('x', 100) from $numbers order by n; analyze table $1" >/dev/null
}

fill_all() {
    new_databases
    fill skewed "id bigint primary key" "if(n < 100, n, 1000000000000 + n)"
    fill tenants "tenant int, no int, primary key (tenant, no)" "if(n < 12000, 1, n % 40), n"
    fill texts "code varchar(40) primary key" "concat('key-', left(sha2(n, 256), 32))"
    fill latin "code varchar(40) character set latin1 primary key" \
        "concat(elt(1 + n % 4, 'Ä', 'b', 'Z', 'ø'), left(sha2(n, 256), 32))"
    fill kinds "kind varchar(10), no int, primary key (kind, no)" "elt(1 + n % 3, 'aa', 'BB', 'cc'), n"
    fill raw "id binary(16) primary key" "unhex(left(sha2(n, 256), 32))"
    fill tenths "id decimal(12,2) primary key" "n * 1.37"
    fill days "day date, no int, primary key (day, no)" \
        "date_add('2020-01-01', interval n % 300 day), n"
    fill moments "at datetime(6) primary key" \
        "date_add('2020-01-01', interval n * 1237 microsecond)"
}

# The pieces of the run that has just ended, by their rows.
pieces() { target "select $1 from runnel.unit"; }

test_pieces_are_of_a_size() {
    local name count largest
    fill_all
    for name in skewed tenants texts latin kinds raw tenths days moments; do
        expect_exit 0 runnel migrate "$SRC" "$DST" --tables "$name" --chunk-size 256k --lanes 1 \
            --name "$name"
        count=$(pieces "count(*)")
        largest=$(pieces "max(rows)")
        [ "$count" -ge 5 ] || fail "$name came in $count pieces"
        [ "$largest" -le 8000 ] || fail "a piece of $name has $largest of 20000 rows"
        target "set client_min_messages = error; drop schema runnel cascade"
    done
    expect_exit 0 runnel verify "$SRC" "$DST"
}

test_each_kind_goes_on_where_it_stood() {
    local round rc
    fill_all
    # in one piece and in many: behind the last row committed, wherever that was
    for round in 1 2 3 4 5 6; do
        rc=0
        (timeout -s KILL "0.$((round + 2))" "$E2E_RUNNEL" migrate "$SRC" "$DST" --chunk-size 512k \
            --commit-size 64k --lanes 2 --limit-events 25000 || exit $?) >/dev/null 2>&1 || rc=$?
        [ "$rc" = 0 ] || [ "$rc" = 137 ] || fail "exit code $rc"
    done
    expect_exit 0 runnel migrate "$SRC" "$DST" --chunk-size 512k --commit-size 64k --lanes 2
    expect_exit 0 runnel verify "$SRC" "$DST"
}

# connection URL: what it says, as words of a file
connection() {
    [[ $1 =~ ://([^:]*):([^@]*)@([^:]*):([0-9]+)/([^?]*) ]]
    printf 'user = "%s"; password = "%s"; host = "%s"; port = %s; database = "%s";' "${BASH_REMATCH[@]:1}"
}

test_queries_are_read_like_tables() {
    new_databases
    source_sql "$db" -e "create table orders (id int primary key, who varchar(20) character set latin1,
            amount decimal(10,2), at datetime(3), raw blob, big bigint unsigned);
        insert into orders values (1, 'Jörg', 10.50, '2024-01-01 00:00:00.125', 0xff00, 18446744073709551615),
            (2, 'Jörg', 1, null, null, 0), (3, 'Ann', 2.25, '2024-02-01', '', 1)"
    cat >"$E2E_SCRATCH/query.cfg" <<CFG
connections = { s = { plugin = "mysql"; $(connection "$SRC") };
  t = { plugin = "postgres"; $(connection "$DST") }; };
pipeline = { name = "query"; reader = { source = { connection = "s"; };
  tables = ( { name = "sums"; key = "who";
               query = "select who, count(*) as n, sum(amount) as total, max(at) as last from orders group by who -- all"; },
             { name = "copy"; query = "select * from orders where id < 3"; } ); };
  writer = { sink = { connection = "t"; }; }; };
CFG
    chmod 600 "$E2E_SCRATCH/query.cfg"
    expect_exit 0 runnel check query --config "$E2E_SCRATCH/query.cfg"
    expect_exit 0 runnel run query --config "$E2E_SCRATCH/query.cfg"
    expect_exit 0 runnel verify query --config "$E2E_SCRATCH/query.cfg"
    same "Ann|1|2.25|2024-02-01 00:00:00 Jörg|2|11.50|2024-01-01 00:00:00.125" \
        "$(target "select * from sums order by who" | tr '\n' ' ' | sed 's/ $//')" "rows of a query"
    same 18446744073709551615 "$(target "select big from copy where id = 1")" "a large number"
    sed -i 's/select \* from orders/select nothing from orders/' "$E2E_SCRATCH/query.cfg"
    expect_exit 2,3 runnel plan query --config "$E2E_SCRATCH/query.cfg"
    said "query.invalid" "nothing"
}

test_many_tables_are_described_at_one_time() {
    local i
    new_databases
    for ((i = 0; i < 250; i++)); do
        echo "create table t$i (id int primary key, v varchar(9), index by_v (v), check (id < 9));
            insert into t$i values (1, 'a'), (2, null);"
    done | source_sql "$db"
    source_sql "$db" -e "alter table t7 add constraint up foreign key (id) references t8 (id)"
    move_and_verify
    same 250 "$(target "select count(*) from pg_constraint where contype = 'c' and connamespace = 'public'::regnamespace")" "checks"
    same 501 "$(target "select count(*) from pg_constraint where contype in ('p', 'f', 'c') and connamespace = 'public'::regnamespace")" "keys and checks"
    same 250 "$(target "select count(*) from pg_index where not indisunique and indrelid::regclass::text like 't%'")" "indexes"
}

run_tests
