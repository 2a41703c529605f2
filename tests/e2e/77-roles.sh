# Reader and writer in two processes over NATS: killed, stopped, and begun anew, alone and both
# shellcheck shell=bash
# once
. "${0%/*}/lib.sh"
. "${0%/*}/nats.sh"

count_is() { [ "$(target_sql -d "$db" -c "select count(*) from t" 2>/dev/null || echo 0)" = "$1" ]; }
says() { grep -q "$2" "$E2E_SCRATCH/$1.err"; }

test_a_load() {
    new_databases
    nats_start "$(jetstream)"
    rows 300 8192
    pipeline convert
    alone writer
    alone reader
    code_of "$reader"
    same 0 "$code" "the reader's exit code ($(tail -n 2 "$E2E_SCRATCH/reader.err"))"
    code_of "$writer"
    same 0 "$code" "the writer's exit code ($(tail -n 2 "$E2E_SCRATCH/writer.err"))"
    proven
    # once more: the writer says that all was done before, whoever comes first
    alone reader
    alone writer
    code_of "$writer"
    same 0 "$code" "the writer's exit code when all was done"
    code_of "$reader"
    same 0 "$code" "the reader's exit code when all was done"
    # and one process does both: what the two have said last isn't said to it
    expect_exit 0 runnel run "$E2E_SCRATCH/nats.cfg" --restart --yes
    proven
}

test_a_load_whose_roles_are_killed() {
    new_databases
    nats_start "$(jetstream)"
    rows 20000 8192
    pipeline convert
    alone reader --commit-size 1M
    alone writer --commit-size 1M
    amid 20000
    killed "$writer"
    alone writer --commit-size 1M
    wait_for 60 says writer "the reader is there"
    amid 20000
    killed "$reader"
    alone reader --commit-size 1M
    wait_for 60 says reader "the writer is there"
    amid 20000
    killed "$reader"
    killed "$writer"
    alone writer --commit-size 1M
    alone reader --commit-size 1M
    code_of "$reader"
    same 0 "$code" "the reader's exit code ($(tail -n 2 "$E2E_SCRATCH/reader.err"))"
    code_of "$writer"
    same 0 "$code" "the writer's exit code ($(tail -n 2 "$E2E_SCRATCH/writer.err"))"
    proven
}

test_changes() {
    new_databases
    nats_start "$(jetstream)"
    rows 50 4096
    pipeline replicate
    alone writer
    alone reader
    wait_for 60 arrived 50
    for round in 1 2 3; do
        rows 100 4096
        killed "$writer"
        rows 10 4096
        alone writer
        rows 10 4096
        killed "$reader"
        rows 10 4096
        alone reader
        wait_for 60 count_is $((50 + round * 130))
    done
    nats_killed
    nats_start "$(jetstream)"
    rows 10 4096
    wait_for 60 count_is 450
    # the store is lost: what the target lacks is read again
    rows 100 4096
    nats_killed
    rm -rf "$nats_dir/data"
    nats_start "$(jetstream)"
    rows 10 4096
    wait_for 60 count_is 560
    # a writer that must end lets the reader finish what is on its way; the reader waits for another
    rows 200 4096
    kill -TERM "$writer"
    code_of "$writer"
    same 130 "$code" "the exit code of a writer that was stopped ($(tail -n 2 "$E2E_SCRATCH/writer.err"))"
    rows 10 4096
    alone writer
    wait_for 60 count_is 770
    expect_exit 0 runnel status nats.shop.reader
    said "role"
    kill -TERM "$reader"
    code_of "$reader"
    same 130 "$code" "the exit code of a reader that was stopped ($(tail -n 2 "$E2E_SCRATCH/reader.err"))"
    rows 10 4096
    alone reader
    wait_for 60 count_is 780
    kill -TERM "$reader"
    code_of "$reader"
    kill -TERM "$writer"
    code_of "$writer"
    same 130 "$code" "the exit code of a writer that has no reader"
    proven
}

test_what_is_refused() {
    new_databases
    nats_start "$(jetstream)"
    rows 5 100
    pipeline convert
    sed -i 's/transport = .*/transport = { plugin = "memory"; };/' "$E2E_SCRATCH/nats.cfg"
    expect_exit 2 runnel run "$E2E_SCRATCH/nats.cfg" --role reader
    said transport.one_process
    expect_exit 2 runnel run "$E2E_SCRATCH/nats.cfg" --role both-of-them
    said usage.role
    pipeline replicate
    alone writer --change-lanes 2
    alone reader
    code_of "$writer"
    same 2 "$code" "the exit code of a writer with other lanes"
    says writer other.settings || fail "it doesn't say why: $(tail -n 3 "$E2E_SCRATCH/writer.err")"
    alone writer
    wait_for 60 arrived 5
}

run_tests
