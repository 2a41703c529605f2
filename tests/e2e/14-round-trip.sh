# There and back again: what the mapping calls exact comes back as the first database's bytes.
# shellcheck shell=bash
# once
. "${0%/*}/lib.sh"

# Rows of a table, sorted, each value as the engine itself spells it.
dump() { # SERVER DATABASE TABLE COLUMNS
    case $(engine_of "$1") in
    mysql) database_sql "$1" "$2" -e "set time_zone = '+00:00'; select $4 from $3" ;;
    postgres) database_sql "$1" "$2" -c "set timezone = 'UTC'" -c "set extra_float_digits = 3" -c "select $4 from $3" ;;
    esac
}

there_and_back() { # HOME AWAY FIXTURE...
    local home=$1 away=$2 first=rt_${1}_${2}_1 second=rt_${1}_${2}_2 third=rt_${1}_${2}_3
    server "$home" PORT >/dev/null
    [ "$away" = sqlite ] || server "$away" PORT >/dev/null
    shift 2
    database_new "$home" "$first"
    database_new "$away" "$second"
    database_new "$home" "$third"
    cat "$@" | database_load "$home" "$first"
    expect_exit 0 runnel migrate "$(database_url "$home" "$first")" "$(database_url "$away" "$second")"
    expect_exit 0 runnel migrate "$(database_url "$away" "$second")" "$(database_url "$home" "$third")"
}

same_rows() { # HOME AWAY TABLE COLUMNS
    diff <(dump "$1" "rt_${1}_${2}_1" "$3" "$4" | sort) <(dump "$1" "rt_${1}_${2}_3" "$3" "$4" | sort) >"$E2E_SCRATCH/diff" ||
        { head -n 6 "$E2E_SCRATCH/diff" | cut -c 1-300 >&2 && false; } || fail "$3 ($4) came back as something else"
}

mysql_home() { # HOME AWAY
    there_and_back "$1" "$2" "$fixtures/types/common.sql" "$fixtures/types/$1.sql"
    same_rows "$1" "$2" integers "id, yes + 0, not_bool + 0, t, tu, s, su, m, mu, i, iu, b, bu, y + 0, bin(bit1), bin(bit8), bin(bit64)"
    same_rows "$1" "$2" numbers "id, wide, money, whole, cast(f as double), d"
    same_rows "$1" "$2" texts "id, hex(c), hex(v), hex(tt), hex(t), hex(m), sha2(l, 256), hex(convert(latin using utf8mb4)), hex(convert(cyrillic using utf8mb4)), hex(convert(wide using utf8mb4)), hex(bin_text), hex(spaced)"
    same_rows "$1" "$2" bytes "id, hex(b), hex(v), hex(tb), sha2(bl, 256), sha2(mb, 256), sha2(lb, 256)"
    same_rows "$1" "$2" times "id, d, dt, dt6, ts, ts6, t_day, t_day6"
    same_rows "$1" "$2" choices "id, e"
    same_rows "$1" "$2" keyless "a, b"
    same_rows "$1" "$2" two_keys "a, b, v"
}

postgres_home() { # AWAY
    there_and_back postgres "$1" "$fixtures/matrix/types.postgres.sql" "$fixtures/matrix/shapes.postgres.sql"
    same_rows postgres "$1" integers "id, s, i, b, o, yes, p"
    same_rows postgres "$1" numbers "id, wide, money_like, whole, f, d"
    same_rows postgres "$1" texts "id, rtrim(c::text), v, md5(t), n, k"
    same_rows postgres "$1" bytes "id, b"
    same_rows postgres "$1" times "id, d, t, t3, ts, ts3"
    # MySQL keeps numbers in JSON as doubles: 2.50 comes back as 2.5.
    [ "$1" = mysql9 ] || same_rows postgres "$1" documents "id, b::jsonb"
    same_rows postgres "$1" composite "region, day, n, v"
    same_rows postgres "$1" parted "id, made, v"
}

test_mariadb_by_postgres() { mysql_home mariadb postgres; }
test_mysql9_by_postgres() { mysql_home mysql9 postgres; }
test_postgres_by_mariadb() { postgres_home mariadb; }
test_postgres_by_mysql9() { postgres_home mysql9; }

run_tests
