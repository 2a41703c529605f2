# Every direction between the engines: all types, and tables of all shapes, moved and proved equal.
# shellcheck shell=bash
# once
. "${0%/*}/lib.sh"

matrix=$fixtures/matrix

wide_table() { # 1000 columns: as many bytes as InnoDB takes
    local i columns="" values="" type=int
    [ "$1" != sqlite ] || type=smallint # an int of SQLite has 8 bytes
    for i in $(seq 2 1000); do
        columns+=", c$i $type"
        values+=", $i"
    done
    echo "create table wide_table (c1 int not null primary key$columns);"
    echo "insert into wide_table values (1$values); insert into wide_table (c1, c1000) values (2, -1);"
}

load_types() { # SERVER DATABASE
    case $1 in
    mariadb | mysql9) cat "$fixtures/types/common.sql" "$fixtures/types/$1.sql" | database_load "$1" "$2" ;;
    *) database_load "$1" "$2" <"$matrix/types.$(engine_of "$1").sql" ;;
    esac
}

load_shapes() { # SERVER DATABASE
    database_load "$1" "$2" <"$matrix/shapes.$(engine_of "$1").sql"
    wide_table "$1" | database_load "$1" "$2"
}

# What the program says of itself is not enough: the clients count, too.
same_counts() { # SERVER DATABASE SERVER DATABASE
    local table
    while read -r table; do
        same "$(query "$1" "$2" "select count(*) from \"${table//\"/\"\"}\"")" \
            "$(query "$3" "$4" "select count(*) from \"${table//\"/\"\"}\"")" "rows of $table"
    done < <(database_tables "$1" "$2")
    same "$(database_tables "$1" "$2" | LC_ALL=C sort)" "$(database_tables "$3" "$4" | LC_ALL=C sort)" tables
}

direction() { # FROM TO
    local what from=$1 to=$2 a b
    [ "$from" = sqlite ] || server "$from" PORT >/dev/null
    [ "$to" = sqlite ] || server "$to" PORT >/dev/null
    for what in shapes types; do
        a=mx_${from}_${to}_${what}_a b=mx_${from}_${to}_${what}_b
        database_new "$from" "$a"
        database_new "$to" "$b"
        load_$what "$from" "$a"
        # MySQL's TIME ends before MariaDB's: its policy has a test of its own.
        [ "$from$to$what" != mariadbmysql9types ] || query "$from" "$a" "drop table long_times"
        say "$from to $to: $what"
        expect_exit 0 runnel migrate "$(database_url "$from" "$a")" "$(database_url "$to" "$b")"
        expect_exit 0 runnel verify "$(database_url "$from" "$a")" "$(database_url "$to" "$b")"
        same_counts "$from" "$a" "$to" "$b"
    done
    a=mx_${from}_${to}_shapes_b
    same "3" "$(query "$to" "$a" "select n from (select max(id) as n from tree) x")" "the tree"
    same "1" "$(query "$to" "$a" "select count(*) from wide_table where c999 = 999 and c1000 = 1000")" "the last column"
    query "$to" "$a" "insert into tree (name) values ('next')"
    same 4 "$(query "$to" "$a" "select max(id) from tree")" "the number given next"
    # Foreign keys, in a circle and on the table itself, hold; a wrong row is refused.
    foreign_key_holds "$to" "$a" "insert into egg values (9, 77)"
    foreign_key_holds "$to" "$a" "insert into tree (parent, name) values (77, 'orphan')"
    foreign_key_holds "$to" "$a" "insert into checked (id, n) values (9, -1)"
    same "it's 5" "$(query "$to" "$a" "insert into checked (id) values (9); select word, n from checked where id = 9" | tr '|\t' '  ')" defaults
}

foreign_key_holds() { # SERVER DATABASE SQL
    local sql=$3
    [ "$1" != sqlite ] || sql="pragma foreign_keys = on; $sql"
    ! query "$1" "$2" "$sql" >/dev/null 2>&1 || fail "should be refused: $3"
}

test_mariadb_to_mariadb() { direction mariadb mariadb; }
test_mariadb_to_mysql9() { direction mariadb mysql9; }
test_mariadb_to_postgres() { direction mariadb postgres; }
test_mariadb_to_sqlite() { direction mariadb sqlite; }
test_mysql9_to_mariadb() { direction mysql9 mariadb; }
test_mysql9_to_mysql9() { direction mysql9 mysql9; }
test_mysql9_to_postgres() { direction mysql9 postgres; }
test_mysql9_to_sqlite() { direction mysql9 sqlite; }
test_postgres_to_mariadb() { direction postgres mariadb; }
test_postgres_to_mysql9() { direction postgres mysql9; }
test_postgres_to_postgres() { direction postgres postgres; }
test_postgres_to_sqlite() { direction postgres sqlite; }
test_sqlite_to_mariadb() { direction sqlite mariadb; }
test_sqlite_to_mysql9() { direction sqlite mysql9; }
test_sqlite_to_postgres() { direction sqlite postgres; }
test_sqlite_to_sqlite() { direction sqlite sqlite; }

run_tests
