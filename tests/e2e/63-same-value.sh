# A value comes to the target as the same bytes by a load, by an insert and by an update.
# shellcheck shell=bash
# once
. "${0%/*}/lib.sh"

load_types() { # DATABASE
    case $FROM in
    mariadb | mysql9)
        cat "$fixtures/types/common.sql" "$fixtures/types/$FROM.sql" | database_load "$FROM" "$1"
        # MySQL's TIME ends before MariaDB's.
        [ "$FROM$TO" != mariadbmysql9 ] || query "$FROM" "$1" "drop table long_times"
        ;;
    *)
        database_load "$FROM" "$1" <"$fixtures/matrix/types.postgres.sql"
        # Where SQLite can't compute it, its value would have to come, and PostgreSQL 15 tells none.
        [ "$TO" != sqlite ] || query "$FROM" "$1" "drop table generated_columns"
        ;;
    esac
}

# The columns that a statement may write, each as FORMAT (a word %s for its name) has it.
columns() { # TABLE FORMAT
    local name list="" word where="table_name = '$1'"
    case $FROM in
    postgres*) word=select\ column_name\ from\ information_schema.columns\ where\ table_schema=\'public\'\ and\ $where\ and\ is_generated=\'NEVER\' ;;
    *) word="select column_name from information_schema.columns where table_schema = database() and $where and coalesce(generation_expression, '') = '' " ;;
    esac
    while read -r name; do list+=",${2//%s/\"$name\"}"; done < <(at_from "$word order by ordinal_position")
    echo "${list#,}"
}

# Tables whose rows have a key "id": the others are inserted alone.
has_id() { [[ ,$(columns "$1" %s), == *,\"id\",* ]]; }

# The rows, kept beside the tables that are followed.
keep_rows() {
    local table
    case $FROM in
    postgres*)
        at_from "create schema kept authorization runnel" >/dev/null
        while read -r table; do
            at_from "create table kept.\"$table\" as table \"$table\"; alter table kept.\"$table\" owner to runnel" >/dev/null
        done < <(database_tables "$FROM" "$db_from")
        kept=kept
        ;;
    *)
        kept=$db_from
        db_from=${db_from}_f
        database_new "$FROM" "$db_from"
        load_types "$db_from"
        SRC=$(database_url "$FROM" "$db_from")
        ;;
    esac
}

insert_kept() { # TABLE
    local list mode="sql_mode = 'ANSI_QUOTES,NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES'"
    list=$(columns "$1" %s)
    change_source <<<"delete from \"$1\";"
    case $FROM in
    postgres*) change_source <<<"insert into \"$1\" ($list) overriding system value select $list from kept.\"$1\";" ;;
    *) change_source <<<"set $mode; insert into \"$1\" ($list) select $list from \"$kept\".\"$1\";" ;;
    esac
}

# Each row gets the values of the row with the next key (OFFSET 1), or its own again (0).
update_kept() { # TABLE OFFSET
    local list mode="sql_mode = 'ANSI_QUOTES,NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES'" next=x.id
    list=$(columns "$1" '%s=y.%s' | sed 's/^"id"=y."id",//; s/,"id"=y."id"//')
    [ "$2" = 0 ] || next="coalesce((select min(z.id) from \"$kept\".\"$1\" z where z.id > x.id), (select min(z.id) from \"$kept\".\"$1\" z))"
    case $FROM in
    postgres*) change_source <<<"update \"$1\" x set $list from kept.\"$1\" y where y.id = $next;" ;;
    *) change_source <<<"set $mode; update \"$1\" x join \"$kept\".\"$1\" y on y.id = $next set x.${list//,\"/,x.\"};" ;;
    esac
}

settle() {
    change_source <<<"insert into marker select count(*) + 1 from marker;"
    wait_same 60 "select count(*) from marker"
}

# All rows of all tables but the marker, in the client's words, sorted: a text to be compared.
dump() { # DATABASE
    local table
    while read -r table; do
        [ "$table" != marker ] || continue
        echo "-- $table"
        case $TO in
        sqlite) sqlite3 -batch "$(database_file "$1")" ".mode quote" "select * from \"$table\"" ;;
        postgres*) database_sql "$TO" "$1" -c "set timezone = 'UTC'" -c "copy (select * from \"$table\") to stdout" ;;
        *) database_sql "$TO" "$1" -e "set time_zone = '+00:00'; set sql_mode = 'ANSI_QUOTES'; select * from \"$table\"" ;;
        esac | LC_ALL=C sort
    done < <(database_tables "$TO" "$1")
}

compare() { # WHAT
    dump "$db_to" >"$E2E_SCRATCH/followed"
    cmp -s "$E2E_SCRATCH/loaded" "$E2E_SCRATCH/followed" && return
    diff "$E2E_SCRATCH/loaded" "$E2E_SCRATCH/followed" | cut -c 1-300 | head -20 >&2 || true
    fail "not the same values by load and $1"
}

same_values() { # FROM TO
    local table tables
    pair_new "$1" "$2"
    load_types "$db_from"
    expect_exit 0 runnel migrate "$SRC" "$DST"
    dump "$db_to" >"$E2E_SCRATCH/loaded"
    keep_rows
    database_new "$TO" "$db_to"
    mapfile -t tables < <(database_tables "$FROM" "$db_from")
    change_source <<<"create table marker (id int not null primary key);"
    follow_start --exclude 'kept.*'
    # What is followed is what was loaded, so that types chosen by the rows are the same.
    for table in "${tables[@]}"; do insert_kept "$table"; done
    settle
    compare "inserts"
    for table in "${tables[@]}"; do ! has_id "$table" || update_kept "$table" 1; done
    settle
    for table in "${tables[@]}"; do ! has_id "$table" || update_kept "$table" 0; done
    settle
    compare "updates"
    follow_drain --exclude 'kept.*'
    expect_exit 0 runnel verify "$SRC" "$DST" --exclude 'kept.*'
}

test_mariadb_to_postgres() { same_values mariadb postgres; }
test_mariadb_to_mariadb() { same_values mariadb mariadb; }
test_mariadb_to_mysql9() { same_values mariadb mysql9; }
test_mariadb_to_sqlite() { same_values mariadb sqlite; }
test_mysql9_to_postgres() { same_values mysql9 postgres; }
test_mysql9_to_mariadb() { same_values mysql9 mariadb; }
test_mysql9_to_sqlite() { same_values mysql9 sqlite; }
test_postgres_to_postgres17() { same_values postgres postgres17; }
test_postgres_to_mariadb() { same_values postgres mariadb; }
test_postgres17_to_mysql9() { same_values postgres17 mysql9; }
test_postgres_to_sqlite() { same_values postgres sqlite; }

run_tests
