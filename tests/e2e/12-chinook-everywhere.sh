# Chinook in its three forms, into every engine: verified, keys and foreign keys complete.
# shellcheck shell=bash
# once
. "${0%/*}/lib.sh"

chinook() { # FROM TO
    local from=$1 to=$2 a=ch_$1_$2_a b=ch_$1_$2_b form=""
    [ "$from" = sqlite ] || server "$from" PORT >/dev/null
    [ "$to" = sqlite ] || server "$to" PORT >/dev/null
    database_new "$from" "$a"
    database_new "$to" "$b"
    [ "$(engine_of "$from")" = mysql ] || form=-$(engine_of "$from")
    zcat "$fixtures/chinook/chinook$form.sql.gz" | database_load "$from" "$a"
    expect_exit 0 runnel migrate "$(database_url "$from" "$a")" "$(database_url "$to" "$b")"
    expect_exit 0 runnel verify "$(database_url "$from" "$a")" "$(database_url "$to" "$b")"
    same 11 "$(foreign_keys "$to" "$b")" "foreign keys"
    same 11 "$(database_tables "$to" "$b" | wc -l)" tables
}

foreign_keys() { # SERVER DATABASE
    case $(engine_of "$1") in
    mysql) query "$1" "$2" "select count(*) from information_schema.referential_constraints where constraint_schema = database() and table_name not like 'runnel\\_%'" ;;
    postgres) query "$1" "$2" "select count(*) from pg_constraint where contype = 'f' and convalidated and connamespace = 'public'::regnamespace" ;;
    sqlite) query "$1" "$2" "select count(*) from sqlite_schema s, pragma_foreign_key_list(s.name) f where s.type = 'table' and s.name not like 'runnel\\_%' escape '\\'" ;;
    esac
}

test_mysql_to_mysql() { chinook mariadb mysql9; }
test_mysql_to_sqlite() { chinook mariadb sqlite; }
test_postgres_to_mysql() { chinook postgres mariadb; }
test_postgres_to_postgres() { chinook postgres postgres17; }
test_postgres_to_sqlite() { chinook postgres sqlite; }
test_sqlite_to_mysql() { chinook sqlite mariadb; }
test_sqlite_to_postgres() { chinook sqlite postgres; }
test_sqlite_to_sqlite() { chinook sqlite sqlite; }

run_tests
