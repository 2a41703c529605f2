# Reader and writer of different releases over NATS: taken over where their words are the same
# shellcheck shell=bash
# once
. "${0%/*}/lib.sh"
. "${0%/*}/nats.sh"

count_is() { [ "$(target_sql -d "$db" -c "select count(*) from t" 2>/dev/null || echo 0)" = "$1" ]; }
built() { # NAME: a program that the tests' build makes beside the program
    [ -x "${E2E_RUNNEL%/*}/tests/$1" ] || skip "tests/$1 is not built"
}
# One role by another release.
alone_as() { # PROGRAM ROLE
    local build=${E2E_RUNNEL%/*}
    E2E_RUNNEL=$build/tests/$1 alone "$2" --plugin-dir "$build/plugins"
}
ended() { grep -q '^runnel: .*other.version' "$E2E_SCRATCH"/{reader,writer}.err; }
# One that hears the other answer ends, in words that name both releases; the other one waits, or
# ends too.
refused() {
    local role
    wait_for 60 ended
    grep -h '^runnel: .*other.version' "$E2E_SCRATCH"/{reader,writer}.err >"$E2E_SCRATCH/why"
    grep -q "runnel 10.0.0.*speaks version 2" "$E2E_SCRATCH/why" || fail "it doesn't name the release: $(cat "$E2E_SCRATCH/why")"
    for role in reader writer; do
        grep -q '^runnel: .*other.version' "$E2E_SCRATCH/$role.err" || kill -KILL "${!role}"
        code_of "${!role}"
        [ "$code" -eq 2 ] || [ "$code" -eq 137 ] || fail "the $role's exit code: $code"
    done
}
stopped() { # ROLE
    kill -TERM "${!1}"
    code_of "${!1}"
    same 130 "$code" "the exit code of a $1 that was stopped ($(tail -n 2 "$E2E_SCRATCH/$1.err"))"
}

# One side after the other becomes a later release, and one goes back, while changes come.
test_the_same_words() {
    built runnel-later
    new_databases
    nats_start "$(jetstream)"
    rows 50 4096
    pipeline replicate
    alone writer
    alone reader
    wait_for 60 count_is 50
    rows 10 4096
    stopped writer
    rows 10 4096
    alone_as runnel-later writer
    wait_for 60 count_is 70
    rows 10 4096
    killed "$reader"
    alone_as runnel-later reader
    rows 10 4096
    wait_for 60 count_is 90
    stopped writer
    rows 10 4096
    alone writer # an older writer with a newer reader
    wait_for 60 count_is 100
    stopped reader
    stopped writer
    proven
}

# It is told, whichever is the newer one; once both are the same again, it goes on.
test_other_words() {
    built runnel-foreign
    new_databases
    nats_start "$(jetstream)"
    rows 50 4096
    pipeline replicate
    alone writer
    alone reader
    wait_for 60 count_is 50
    killed "$writer"
    rows 10 4096
    alone_as runnel-foreign writer
    refused
    alone writer
    alone reader
    wait_for 60 count_is 60
    killed "$reader"
    rows 10 4096
    alone_as runnel-foreign reader
    refused
    alone reader # what the other release has said before concerns nobody any more
    alone writer
    wait_for 60 count_is 70
    stopped reader
    stopped writer
    proven
}

run_tests
