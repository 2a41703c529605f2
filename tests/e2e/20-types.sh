# Every type at its extremes arrives exactly; what can't is found first, and goes by a policy.
# shellcheck shell=bash
. "${0%/*}/lib.sh"

target() { target_sql -d "$db" -c "set timezone = 'UTC'" -c "set bytea_output = 'hex'" -c "$1"; }

load() { # FILE...
    local file
    new_databases
    for file in "$@"; do source_sql "$db" <"$fixtures/types/$file.sql"; done
}

load_types() {
    load common "$E2E_SOURCE"
    expect_exit 0 runnel migrate "$SRC" "$DST"
}

test_all_types_verify() {
    load common "$E2E_SOURCE"
    move_and_verify
}

test_integers() {
    load_types
    same "boolean,smallint,smallint,smallint,smallint,integer,integer,integer,integer,bigint,bigint,numeric(20,0),smallint,boolean,bit(8),bit(64)" \
        "$(target "select string_agg(format_type(atttypid, atttypmod), ',' order by attnum) from pg_attribute where attrelid = 'integers'::regclass and attnum > 1 and not attisdropped")" \
        "types of integers"
    same "1|f|-128|-128|0|-32768|0|-8388608|0|-2147483648|0|-9223372036854775808|0|1901|f|00000000|$(printf '0%.0s' {1..64})" \
        "$(target "select * from integers where id = 1")" "the smallest"
    same "2|t|127|127|255|32767|65535|8388607|16777215|2147483647|4294967295|9223372036854775807|18446744073709551615|2155|t|11111111|$(printf '1%.0s' {1..64})" \
        "$(target "select * from integers where id = 2")" "the largest"
    same "3||||||||||||||||" "$(target "select * from integers where id = 3")" "nulls"
    same "0" "$(target "select y from integers where id = 4")" "the year 0000"
}

test_numbers() {
    load_types
    same "99999999999999999999999999999999999.999999999999999999999999999999|99999999.99|999999999999999999999999999999|1.7976931348623157e+308" \
        "$(target "select wide, money, whole, d from numbers where id = 1")" "the largest"
    same "t" "$(target "select f = '1234567.125'::float4 from numbers where id = 1")" "the float 1234567.125"
    same "t" "$(target "select f = '16777216'::float4 from numbers where id = 6")" "the float 16777216"
    same "t|t" "$(target "select d = '2.2250738585072014e-308'::float8, f = '1.17549435e-38'::float4 from numbers where id = 3")" \
        "the smallest"
    same "0.000000000000000000000000000001" "$(target "select wide from numbers where id = 3")" "the last digit"
}

test_texts() {
    load_types
    same "pad|emoji 😀 and 漢字|price: €|Привет|漢字😀|áé|CaseMatters|trailing  |" \
        "$(target "select c, v, latin, cyrillic, wide, old, bin_text, spaced, '' from texts where id = 3")" "text"
    same "100000|200000" "$(target "select length(l), octet_length(l) from texts where id = 3")" "a long text"
    same "t|64|1048576" "$(target "select v = repeat('😀', 64), length(v), length(l) from texts where id = 4")" \
        "four bytes each"
    same '\\N|\.|%s%n|  leading' "$(target "select wide, old, bin_text, spaced from texts where id = 4" | sed 's/^\\N/\\\\N/')" \
        "words that COPY's text form would take for its own"
    same "t|t|t" "$(target "select c = '', v = '', l = '' from texts where id = 1")" "empty"
    same "t" "$(target "select c is null and v is null and l is null from texts where id = 2")" "null"
}

test_bytes() {
    load_types
    same '\x00000000|\x00|\x00ff00|\x5c|\x0a0d09|1048576' \
        "$(target "select b, v, tb, bl, mb, octet_length(lb) from bytes where id = 3")" "bytes"
    same "$(source_sql "$db" -e "select sha2(lb, 256) from bytes where id = 4")" \
        "$(target "select encode(sha256(lb), 'hex') from bytes where id = 4")" "1.2 MB"
    same 't' "$(target "select v = '' and lb = '' and b = '\x00000000' from bytes where id = 1")" "empty"
}

test_times() {
    load_types
    same "1000-01-01|1000-01-01 00:00:00.000001|1970-01-01 00:00:01.000001+00|00:00:00.000001" \
        "$(target "select d, dt6, ts6, t_day6 from times where id = 1")" "the first"
    same "9999-12-31|9999-12-31 23:59:59.999999|2038-01-19 03:14:07.999999+00|23:59:59.999999" \
        "$(target "select d, dt6, ts6, t_day6 from times where id = 2")" "the last"
    same "-838:59:59|838:59:59" "$(target "select (select t from times where id = 1), (select t from times where id = 2)")" \
        "a time beyond a day"
    same "-00:00:00.000001" "$(target "select t6 from times where id = 4")" "a short time before zero"
    same "time without time zone,interval" "$(target "select string_agg(regexp_replace(format_type(atttypid, atttypmod), '\(\d\)', ''), ',' order by attnum) from pg_attribute where attrelid = 'times'::regclass and attname in ('t_day', 't')")" \
        "types of times"
}

test_choices() {
    load_types
    same "it's, \"large\"|{a,b,\"it's \\\"c\\\"\"}|{one,two,three,four}" "$(target "select e, s, s64 from choices where id = 3")" \
        "enum and set"
    same "größe|{b}|{}" "$(target "select e, s, s64 from choices where id = 4")" "labels that are not ASCII"
    same "{one,four}" "$(target "select s64 from choices where id = 5")" "the order of a set"
    expect_exit 1,3 target "insert into choices values (99, 'unheard of', null, null)"
    said check
}

test_documents() {
    load_types
    same "t" "$(target "select j = '{\"b\": [1, 2.50, {\"c\": null}], \"a\": \"é😀\n\\\"\", \"\": true}'::jsonb from documents where id = 7" 2>/dev/null ||
        target "select j::jsonb->>'a' is not null from documents where id = 7")" "a document"
    same "18446744073709551615" "$(target "select j->>'n' from documents where id = 10")" "a number above 2^63"
}

test_shapes() {
    load_types
    same '\x0101000000000000000000f03f0000000000000040' "$(target "select g::bytea from shapes where id = 1")" "a point as WKB"
}

test_generated() {
    load_types
    same "29.97|no. 1" "$(target "select total, label from generated_columns where id = 1")" "generated values"
}

test_defaults() {
    load_types
    same "42|it's||t|1.50|t|t" \
        "$(target "insert into defaults (id) values (default) returning n, s, e, nothing is null, d, made > now() - interval '1 day', seen > now() - interval '1 day'")" \
        "defaults"
    same "0101" "$(target "insert into defaults (id) values (default) returning flags")" "a default of bits"
    same "6" "$(target "insert into defaults (id) values (default) returning id")" "the next id"
    same 'whole numbers; it'"'"'s "quoted" \ here' \
        "$(target "select obj_description('integers'::regclass)")" "a comment"
}

test_keyless() {
    load_types
    same "5|2|2" "$(target "select count(*), count(*) filter (where a = 1), count(*) filter (where a is null) from keyless")" twins
}

test_own_types() {
    load_types
    case $E2E_SOURCE in
    mariadb*)
        same "123e4567-e89b-12d3-a456-426655440000|0.0.0.0|::" "$(target "select u, i4, i6 from own_types where id = 1")" own
        same "2001:db8::ff00:42:8329" "$(target "select i6 from own_types where id = 3")" inet6
        same "-838:59:59.999999" "$(target "select t6 from long_times where id = 1")" "the longest time"
        ;;
    *)
        same "7" "$(target "select hidden from own_types where id = 1")" "an invisible column"
        same "2" "$(target "select count(*) from no_key_written where v = 'a'")" "a generated invisible key"
        ;;
    esac
}

test_check_announces_awkward_values() {
    load awkward
    runnel check "$SRC" "$DST" >"$E2E_SCRATCH/check" 2>&1 || true
    out=$E2E_SCRATCH/check err=$out
    said zero_dates zero_date partial_dates partial_date nul_texts nul
}

test_awkward_values_stop_the_move_by_default() {
    load awkward
    expect_exit 1,2,4 runnel migrate "$SRC" "$DST"
    said partial_dates
}

# What `check` calls a BLOCKER is met before anything is made, not at its step.
test_what_blocks_is_refused_before_anything_is_made() {
    new_databases
    source_sql "$db" -e "create table plain (id int primary key); create table places (id int primary key, p point not null)"
    expect_exit 2 runnel migrate "$SRC" "$DST" --set geometry=postgis --on-error set_aside
    said run.blocked BLOCKER places type.geometry geometry=postgis "nothing was written"
    same "" "$(target "select nspname from pg_namespace where nspname = 'runnel'")" "what is kept of a run"
    same 0 "$(target "select count(*) from pg_class where relname in ('plain', 'places')")" "tables made"
    expect_exit 0 runnel migrate "$SRC" "$DST"
}

test_awkward_values_by_policy() {
    load awkward
    expect_exit 0,4 runnel migrate "$SRC" "$DST?zero_date=minus_infinity&partial_date=first_day&nul=strip"
    same "-infinity|-infinity|-infinity" "$(target "select d, dt, ts from zero_dates where id = 1")" "zero dates"
    same "2020-02-01|2020-01-01" "$(target "select (select d from partial_dates where id = 1), (select d from partial_dates where id = 2)")" \
        "partial dates"
    same "ab|" "$(target "select v, t from nul_texts where id = 1")" "NUL in text"
    expect_exit 0 runnel verify "$SRC" "$DST"
}

test_awkward_values_by_other_policies() {
    load awkward
    source_sql "$db" -e "alter table zero_dates modify dt datetime null, modify ts timestamp(6) null"
    expect_exit 0,4 runnel migrate "$SRC" "$DST?zero_date=null&partial_date=null&nul=bytea"
    same "||" "$(target "select d, dt, ts from zero_dates where id = 1")" "zero dates"
    same '\x610062' "$(target "select v from nul_texts where id = 1")" "NUL in text"
    expect_exit 0 runnel verify "$SRC" "$DST"
}

run_tests
