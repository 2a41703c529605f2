# What is moved, under which names, and with which columns masked: resumed and verified alike.
# shellcheck shell=bash
. "${0%/*}/lib.sh"

target() { target_sql -d "$db" -c "$1"; }

load_shop() {
    local i customers="" orders=""
    new_databases
    source_sql "$db" -e "
        create table customers (id int not null auto_increment primary key,
            email varchar(80) not null unique, phone varchar(20), name varchar(40) not null,
            tax decimal(8,2), check (char_length(email) > 3), check (tax >= 0));
        create table orders (id bigint not null primary key, customer int not null,
            total decimal(10,2) not null, note text,
            doubled decimal(11,2) as (total * 2) stored, made date not null default '2020-01-01',
            key by_customer (customer), key by_note (note(10)),
            foreign key (customer) references customers (id), check (total > 0));
        create table log_a (id int primary key)"
    for ((i = 1; i <= 300; i++)); do
        customers+="${customers:+,}($i, 'user$i@example.org', '$i', 'name $i', $i)"
        orders+="${orders:+,}($i, 1 + $i % 300, $i / 3, 'note $i')"
    done
    source_sql "$db" -e "insert into customers values $customers;
        insert into orders (id, customer, total, note) values $orders"
}

# connection URL: what it says, as words of a file
connection() {
    [[ $1 =~ ://([^:]*):([^@]*)@([^:]*):([0-9]+)/([^?]*) ]]
    printf 'user = "%s"; password = "%s"; host = "%s"; port = %s; database = "%s";' "${BASH_REMATCH[@]:1}"
}

# pipeline RULES: a file with these rules of tables
pipeline() {
    cat >"$E2E_SCRATCH/shop.cfg" <<EOF
connections = { s = { plugin = "mysql"; $(connection "$SRC") }; t = { plugin = "postgres"; $(connection "$DST") }; };
pipeline = { name = "shop"; mode = "convert";
  reader = { source = { connection = "s"; }; tables = ( $1 ); };
  writer = { sink = { connection = "t"; }; };
};
EOF
    chmod 600 "$E2E_SCRATCH/shop.cfg"
    file=$E2E_SCRATCH/shop.cfg
}

rules="{ name = \"*\"; target = \"warehouse.*\"; },
    { name = \"log_*\"; exclude = true; },
    { name = \"orders\"; where = \"id > 100\"; exclude_columns = [ \"note\" ];
      target = \"sales.Orders2\"; rename = { total = \"sum\"; customer = \"Buyer\"; }; },
    { name = \"customers\"; mask = (
        { column = \"email\"; with = \"hash\"; salt = \"env:MASK_SALT\"; },
        { column = \"phone\"; with = \"null\"; },
        { column = \"name\"; with = \"fixed\"; value = \"x\"; } ); }"

test_rules_of_a_file() {
    load_shop
    export MASK_SALT=0123456789abcdef0123456789abcdef
    pipeline "$rules"
    expect_exit 0 runnel check "$file"
    said mask.check selection.index by_note
    expect_exit 0 runnel plan "$file"
    said '"sales"."Orders2"' '"warehouse"."customers"' '("sum" >' '"Buyer"'
    expect_exit 0 runnel run "$file"
    expect_exit 0 runnel verify "$file"
    said customers 300 orders 200
    same "200|101" "$(target 'select count(*), min(id) from sales."Orders2"')" "rows of the filter"
    same "Buyer,doubled,id,made,sum" "$(target "select string_agg(column_name, ',' order by column_name)
        from information_schema.columns where table_schema = 'sales'")" "columns"
    same "300|0|1|x" "$(target 'select count(distinct email), count(phone), count(distinct name), min(name)
        from warehouse.customers')" "masked columns"
    same 0 "$(target "select count(*) from warehouse.customers where email like '%@%'")" "mails in the clear"
    same "warehouse.customers" "$(target "select confrelid::regclass from pg_constraint where contype = 'f'
        and connamespace::regnamespace::text <> 'runnel'")" \
        "the foreign key"
    target "update warehouse.customers set name = 'y' where id < 4" >/dev/null
    target 'delete from sales."Orders2" where id = 101' >/dev/null
    expect_exit 4 runnel verify "$file" --values
    said "id=1" "y, not x" "1 missing"
    not_said "name 1"
    expect_exit 0 runnel verify "$file" --repair
    same "x" "$(target 'select distinct name from warehouse.customers')" "mended"
}

test_another_salt_is_refused() {
    load_shop
    pipeline "$rules"
    MASK_SALT=0123456789abcdef0123456789abcdef expect_exit 0 runnel run "$file"
    export MASK_SALT=another-salt-that-is-long-enough
    expect_exit 2 runnel run "$file"
    said resume.other_tables
    expect_exit 2 runnel verify "$file"
    said verify.other_salt
    expect_exit 2 env MASK_SALT=short "$E2E_RUNNEL" run "$file"
    said mask.salt
    ! grep -q another-salt "$out" "$err" || fail "the salt was told"
}

test_what_cannot_be_names_file_and_line() {
    load_shop
    pipeline '{ name = "orders"; columns = [ "id", "totel" ]; }'
    expect_exit 2 runnel plan "$file"
    said "shop.cfg:3" totel
    pipeline '{ name = "orders"; exclude_columns = [ "id" ]; }'
    expect_exit 2 runnel plan "$file"
    said "shop.cfg:3" "primary key"
    pipeline '{ name = "orders"; target = "one"; }, { name = "customers"; target = "one"; }'
    expect_exit 2 runnel plan "$file"
    said selection.same_name
    pipeline '{ name = "*"; target = "one"; }'
    expect_exit 2 runnel config check "$file"
    said "shop.cfg:3" one
    pipeline '{ name = "customers"; mask = ( { column = "id"; with = "null"; } ); }'
    expect_exit 2 runnel plan "$file"
    said "shop.cfg:3" "NOT NULL"
    pipeline '{ name = "customers"; mask = ( { column = "email"; with = "hash"; } ); }'
    expect_exit 2 runnel config check "$file"
    said salt
}

test_flags() {
    load_shop
    expect_exit 0 runnel migrate "$SRC" "$DST" --tables orders,customers --where 'orders=id <= 10' \
        --target 'orders=sales.orders2'
    same 10 "$(target 'select count(*) from sales.orders2')" "rows of the filter"
    expect_exit 0 runnel verify "$SRC" "$DST"
    said orders 10
}

# A schema goes into another with all that hangs on it; a query becomes a table; positions of a
# masked key are not kept in the clear.
test_postgres_to_postgres() {
    [ "$E2E_SOURCE" = mariadb ] || return 0 # no MySQL takes part
    new_databases
    target_sql -d postgres -c "drop database if exists \"${db}_src\"" -c "create database \"${db}_src\" owner runnel" 2>/dev/null
    target_sql -d "${db}_src" <<'EOF'
create schema crm; create type crm.mood as enum ('sad', 'ok');
create table crm.people (id serial unique, email text primary key, m crm.mood default 'ok',
    total int not null check (total > 0), dbl int generated always as (total * 2) stored);
create table crm.orders (id bigint generated always as identity primary key,
    person int references crm.people (id) on delete cascade, made date);
create table crm.parts (k int, made date) partition by range (made);
create table crm.parts_1 partition of crm.parts for values from ('2020-01-01') to ('2021-01-01');
create table crm.parts_d partition of crm.parts default;
create index on crm.people (abs(total)) where total > 5;
insert into crm.people (email, total) select 'somebody' || i, i from generate_series(1, 500) i;
insert into crm.orders (person, made) select i, '2020-01-01'::date + i from generate_series(1, 500) i;
insert into crm.parts select i, '2020-06-01'::date + i from generate_series(1, 500) i;
grant usage on schema crm to runnel; grant select on all tables in schema crm to runnel;
grant select on all sequences in schema crm to runnel;
EOF
    SRC=${DST/"/$db"/"/${db}_src"}
    export MASK_SALT=0123456789abcdef0123456789abcdef
    pipeline '{ name = "crm.*"; target = "warehouse.*"; },
        { name = "people"; rename = { total = "sum"; id = "nr"; };
          mask = ( { column = "email"; with = "hash"; salt = "env:MASK_SALT"; } ); },
        { name = "parts"; rename = { made = "built"; }; },
        { query = "select person, count(*) n from crm.orders group by person"; name = "report";
          key = "person"; target = "warehouse.per_person"; }'
    sed -i 's/plugin = "mysql"/plugin = "postgres"/' "$file"
    expect_exit 0 runnel run "$file"
    expect_exit 0 runnel verify "$file"
    said crm.people report 500
    same 501 "$(target "select nextval('warehouse.people_id_seq')")" "the sequence"
    same "warehouse.people" "$(target "select confrelid::regclass from pg_constraint where conname = 'orders_person_fkey'")" \
        "the foreign key"
    same 2 "$(target "select count(*) from pg_inherits where inhparent = 'warehouse.parts'::regclass")" partitions
    same 500 "$(target 'select count(*) from warehouse.per_person')" "rows of the query"
    same 0 "$(target "select count(*) from warehouse.people where email like 'some%'")" "keys in the clear"
}

run_tests
