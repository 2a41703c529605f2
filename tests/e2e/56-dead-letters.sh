# Rows that don't fit are set aside, each of them and no other; and put in when they fit.
# shellcheck shell=bash
# once
. "${0%/*}/lib.sh"

rows=${E2E_ROWS:-100000} # a million by hand: E2E_ROWS=1000000 tests/e2e/run 56-dead
target() { target_sql -d "$db" -c "$1"; }
letters() { runnel dead-letters "$1" "$SRC" "$DST" "${@:2}"; }

# Ten rows at random have a text that the target's column has no room for.
load() {
    new_databases
    bad=$(shuf -i "1-$rows" -n 10 | sort -n | paste -sd, -)
    source_sql "$db" -e "create table items (id int primary key, name varchar(200), n int);
        insert into items select seq, concat('item ', seq), seq % 7 from seq_1_to_$rows;
        update items set name = repeat('too long ', 9) where id in ($bad);
        create table others (id int primary key, word varchar(20));
        insert into others values (1, 'one'), (2, 'two')"
    target "create table items (id int primary key, name varchar(40), n int); alter table items owner to runnel" >/dev/null
}

# The ids in the store, in order: what list says of keys.
set_aside() {
    letters list --limit 10000 --json | jq -r '.letters[].key' | sed 's/^id=//' | sort -n | paste -sd, -
}

test_exactly_those_are_set_aside_and_replayed() {
    load
    expect_exit 1 runnel migrate "$SRC" "$DST" # the preset: stop, and say what to do
    said 22001 '"name"' "on-error set_aside"
    expect_exit 4 runnel migrate "$SRC" "$DST" --on-error set_aside
    said "10 rows" DEGRADED "dead-letters list"
    same "$bad" "$(set_aside)" "the rows set aside"
    same "$((rows - 10)) 2" "$(target "select count(*) from items") $(target "select count(*) from others")" "rows"
    expect_exit 4 runnel migrate "$SRC" "$DST" --on-error set_aside # it had ended; it is still so
    said DEGRADED
    expect_exit 4 runnel verify "$SRC" "$DST"
    said "set aside by the run"
    expect_exit 0 letters show "$(letters list --json | jq '.letters[0].id')"
    said "too long too long"
    expect_exit 4 letters replay --all # nothing is wider yet
    same "$bad" "$(set_aside)" "the rows that stay"
    target "alter table items alter name type varchar(200)"
    expect_exit 0 letters replay --all
    said "10 rows are in"
    expect_exit 0 runnel verify "$SRC" "$DST"
    expect_exit 0 runnel migrate "$SRC" "$DST"
}

test_a_limit_and_rows_that_are_not_kept() {
    load
    expect_exit 1 runnel migrate "$SRC" "$DST" --on-error set_aside --error-limit 9
    said dead_letters.limit
    expect_exit 4 runnel migrate "$SRC" "$DST" --on-error set_aside --error-limit 10 --no-keep-rows --json
    same degraded "$(tail -n 1 "$out" | jq -r .state)" "the state"
    same 10 "$(tail -n 1 "$out" | jq -r '.findings[] | select(.code == "rows.set_aside") | .count')" "rows found"
    same "$bad" "$(set_aside)" "the rows set aside"
    same 0 "$(target "select count(*) from runnel.dead_letters where \"row\" is not null or reason like '%too long%'")" "values kept"
    expect_exit 4 letters replay --all
    said "not kept"
    expect_exit 2 letters discard --all
    said "--yes"
    expect_exit 0 letters discard --all --yes
    expect_exit 0 letters export
    same 0 "$(wc -c <"$out")" "what is left"
}

# Killed in the middle, a row is set aside once: letter and checkpoint are one commit.
test_killed_while_rows_are_set_aside() {
    local _
    load
    for _ in 1 2 3; do
        timeout -s KILL "0.$((RANDOM % 6 + 2))" "$E2E_RUNNEL" migrate "$SRC" "$DST" --on-error set_aside \
            --chunk-size 1M --commit-size 64k >"$E2E_SCRATCH/killed" 2>&1 || true
    done
    expect_exit 4 runnel migrate "$SRC" "$DST" --on-error set_aside
    same "$bad" "$(set_aside)" "the rows set aside"
    letters export --output "$E2E_SCRATCH/letters.jsonl"
    same 600 "$(stat -c %a "$E2E_SCRATCH/letters.jsonl")" "who may read the export"
    same "$bad" "$(jq -r .row.id <"$E2E_SCRATCH/letters.jsonl" | sort -n | paste -sd, -)" "rows of the export"
    target "alter table items alter name type text"
    expect_exit 0 letters replay --all
    target "alter table items alter name type varchar(200)"
    expect_exit 0 runnel verify "$SRC" "$DST"
}

test_limits_stop_in_order() {
    load
    target "alter table items alter name type varchar(200)"
    expect_exit 0 runnel migrate "$SRC" "$DST" --limit-events 12345 --json
    same "stopped true 12345" "$(tail -n 1 "$out" | jq -r '"\(.state) \(.limited) \(.rows)"')" "the limited run"
    same 12345 "$(target "select (select count(*) from items) + (select count(*) from others)")" "rows"
    expect_exit 0 runnel migrate "$SRC" "$DST"
    expect_exit 0 runnel verify "$SRC" "$DST"
}

run_tests
