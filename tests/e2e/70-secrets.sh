# Secrets: the store from the command line, and a canary that must turn up nowhere.
# once
# shellcheck shell=bash
. "${0%/*}/lib.sh"

canary=canary7f3a9c
store=$E2E_SCRATCH/store
refused=127.0.0.1:1 # nobody listens on port 1

# No file of this test's folder, but those named, holds the canary.
clean_but() { # FILE...
    local found
    found=$(grep -rlF "$canary" "$E2E_SCRATCH" || true)
    for file in "$@"; do
        found=$(grep -vxF "$file" <<<"$found" || true)
    done
    [ -z "$found" ] || fail "the canary stands in $found"
}

new_store() {
    rm -f "$store"*
    expect_exit 0 runnel secrets init --path "$store"
    expect_exit 0 runnel secrets set 'shop#password' --path "$store" < <(echo "$canary")
}

# A server that takes connections and never says a word: sets silent (its port) and its pid.
silent_server() {
    command -v perl >/dev/null || skip "perl is not installed"
    perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(Listen => 9, LocalAddr => "127.0.0.1")
        or die; $| = 1; print $s->sockport, "\n"; sleep 120' >"$E2E_SCRATCH/port" &
    silent_pid=$!
    wait_for 10 test -s "$E2E_SCRATCH/port"
    silent=$(cat "$E2E_SCRATCH/port")
}

test_store_round_trip() {
    new_store
    clean_but
    expect_exit 0 runnel secrets set other --path "$store" < <(printf 'two words')
    expect_exit 0 runnel secrets list --path "$store"
    same $'other\nshop#password' "$(cat "$out")" "the names"
    expect_exit 0 runnel secrets list --json --path "$store"
    same '{"ok":true,"secrets":["other","shop#password"]}' "$(cat "$out")" "the names as JSON"
    cp "$store.key" "$store.key.kept"
    expect_exit 0 runnel secrets rotate-key --path "$store"
    ! cmp -s "$store.key" "$store.key.kept" || fail "the key is the old one"
    expect_exit 0 runnel secrets remove other --path "$store"
    expect_exit 2 runnel secrets remove other --path "$store"
    said secrets.not_found
    expect_exit 2 runnel secrets list --path "$store" --key-file "$store.key.kept"
    said secrets.wrong_key
    expect_exit 0 runnel secrets list --path "$store"
    same 'shop#password' "$(cat "$out")" "the names"
    same 600 "$(stat -c %a "$store")" "the store's mode"
    same 600 "$(stat -c %a "$store.key")" "the key's mode"
    clean_but
}

test_store_that_is_damaged() {
    new_store
    cp "$store" "$store.whole"
    truncate -s -1 "$store"
    expect_exit 2 runnel secrets list --path "$store"
    said secrets.damaged "cut off"
    expect_exit 2 runnel secrets set x --path "$store" < <(echo y)
    same "$(($(stat -c %s "$store.whole") - 1))" "$(stat -c %s "$store")" "the damaged store's size"
}

test_passphrase() {
    rm -f "$store"*
    export RUNNEL_SECRETS_PASSPHRASE=horse-$canary
    expect_exit 0 runnel secrets init --path "$store"
    [ ! -e "$store.key" ] || fail "there is a key file beside a passphrase"
    expect_exit 0 runnel secrets set a --path "$store" < <(echo b)
    RUNNEL_SECRETS_PASSPHRASE=wrong expect_exit 2 runnel secrets list --path "$store"
    said secrets.wrong_key
    unset RUNNEL_SECRETS_PASSPHRASE
    expect_exit 2 runnel secrets list --path "$store"
    said secrets.no_passphrase RUNNEL_SECRETS_PASSPHRASE
    clean_but
}

test_nothing_prints_a_secret() {
    expect_exit 2 runnel secrets get 'shop#password' --path "$store"
    said unknown_command
    expect_exit 2 runnel secrets set 'shop#password' "$canary" --path "$store"
    said secrets.argument
    not_said "$canary"
}

# The canary by every way in; a failure at debug level is what says most.
test_canary_in_logs() {
    local way password format
    new_store
    (umask 077 && echo "$canary" >"$E2E_SCRATCH/password")
    cat >"$E2E_SCRATCH/secrets.cfg" <<-END
		secrets = { file = { path = "$store"; }; };
		connections = {
		  shop = { plugin = "postgres"; host = "127.0.0.1"; port = 1; user = "u"; database = "b";
		           password = "$canary"; };
		};
	END
    export CANARY=$canary
    for way in "$canary" file:$E2E_SCRATCH/password env:CANARY secret://env/CANARY \
        secret://file/shop%23password; do
        password=${way//\//%2F}
        for format in text json; do
            expect_exit 1,2,3 runnel migrate "mysql://u:$password@$refused/a" \
                "postgres://u:$password@$refused/b" --log-level debug --log-format "$format" \
                -c "$E2E_SCRATCH/secrets.cfg"
            not_said "$canary"
            expect_exit 1,2,3 runnel connections test "postgres://u:$password@$refused/b" \
                --log-level debug --log-format "$format" -c "$E2E_SCRATCH/secrets.cfg" --json
            not_said "$canary"
        done
    done
    expect_exit 0,1,2,3 runnel config show --origin -c "$E2E_SCRATCH/secrets.cfg"
    not_said "$canary"
    expect_exit 0,1,2,3 runnel config show --json -c "$E2E_SCRATCH/secrets.cfg"
    not_said "$canary"
    expect_exit 1,2,3 runnel connections test shop --log-level debug -c "$E2E_SCRATCH/secrets.cfg"
    not_said "$canary"
    clean_but "$E2E_SCRATCH/password" "$E2E_SCRATCH/secrets.cfg"
}

forgotten() { # PID: its arguments no longer show the canary
    ! tr '\0' ' ' <"/proc/$1/cmdline" | grep -qF "$canary"
}

test_canary_in_arguments_and_core() {
    local pid
    silent_server
    cd "$E2E_SCRATCH"
    ulimit -S -c unlimited 2>/dev/null || true
    "$E2E_RUNNEL" connections test "postgres://u:$canary@127.0.0.1:$silent/b" \
        --log-level debug >"$E2E_SCRATCH/silent.log" 2>&1 &
    pid=$!
    wait_for 10 forgotten "$pid"
    wait_for 10 grep -q "Max core file size *0 *0" "/proc/$pid/limits"
    kill -ABRT "$pid"
    wait "$pid" || true
    kill "$silent_pid"
    [ -z "$(find "$E2E_SCRATCH" -name 'core*' -print -quit)" ] || fail "there is a core dump"
    clean_but "$E2E_SCRATCH/password" "$E2E_SCRATCH/secrets.cfg"
}

run_tests
