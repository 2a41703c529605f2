# What tests through NATS JetStream share: read behind lib.sh.
# shellcheck shell=bash

# Starts a server of the test's own: $nats_url. Words of its configuration stand in the
# argument; its store ($nats_dir/data) stays from one start to the next.
nats_bed=''
nats_start() { # CONFIGURATION
    if [ -z "$nats_bed" ]; then
        nats_bed=$(mktemp -d "$E2E_SCRATCH/n.XXXX")
        nats_dir=$nats_bed/nats
        # shellcheck disable=SC2154 # of lib.sh
        "$testbed" start "$nats_bed" --owner $BASHPID nats >"$nats_bed/said"
        ! grep -q '^skipped: ' "$nats_bed/said" || skip "$(cat "$nats_bed/said")"
        nats_url=$(eval "$("$testbed" env "$nats_bed")" && echo "$TESTBED_NATS_URL")
    fi
    if ! echo "$1" | cmp -s - "$nats_dir/more.conf" || ! nats_lives; then
        echo "$1" >"$nats_dir/more.conf"
        "$testbed" restart "$nats_bed" nats
    fi
    at_end_kill "$(cat "$nats_dir/pid")" # its folder goes before the testbed looks
}
nats_lives() { [ -s "$nats_dir/pid" ] && kill -0 "$(cat "$nats_dir/pid")" 2>/dev/null; }
nats_killed() { "$testbed" kill "$nats_bed" nats; }

jetstream() { echo 'jetstream { store_dir: "data" }'; }

# shellcheck disable=SC2154 # db: of new_databases
# A pipeline file through that server; more options of the transport in the second argument.
pipeline() { # MODE [TRANSPORT]
    cat >"$E2E_SCRATCH/nats.cfg" <<CFG
connections = {
  from = { plugin = "mysql"; host = "127.0.0.1"; port = $(server "$E2E_SOURCE" PORT); database = "$db"; user = "runnel"; password = "runnel"; };
  to = { plugin = "postgres"; host = "127.0.0.1"; port = $(server "$E2E_TARGET" PORT); database = "$db"; user = "runnel"; password = "runnel"; };
};
pipeline = {
  name = "nats.shop";
  mode = "$1";
  reader = { source = { plugin = "mysql"; connection = "from"; }; };
  transport = { plugin = "nats"; servers = [ "$nats_url" ]; ${2:-} };
  writer = { sink = { plugin = "postgres"; connection = "to"; }; };
};
CFG
    chmod 600 "$E2E_SCRATCH/nats.cfg"
}

rows() { # COUNT BYTES
    source_sql "$db" -e "create table if not exists t (id int auto_increment primary key, a longblob);
        insert into t (a) select repeat(unhex(sha2(seq, 256)), $2 / 32) from seq_1_to_$1"
}

move() { expect_exit 0 runnel run "$E2E_SCRATCH/nats.cfg"; }
proven() { expect_exit 0 runnel verify "$SRC" "$DST"; }
begin() { # [OPTIONS]
    "$E2E_RUNNEL" run "$E2E_SCRATCH/nats.cfg" "$@" >"$E2E_SCRATCH/run.out" 2>"$E2E_SCRATCH/run.err" &
    running=$!
    at_end_kill "$running"
}
# One role in a process of its own: its id in $reader or $writer.
# shellcheck disable=SC2034
reader='' writer=''
alone() { # ROLE [OPTIONS]
    local role=$1
    shift
    "$E2E_RUNNEL" run "$E2E_SCRATCH/nats.cfg" --role "$role" --log-level info "$@" >"$E2E_SCRATCH/$role.out" 2>"$E2E_SCRATCH/$role.err" &
    printf -v "$role" %s $!
    at_end_kill $!
}
# shellcheck disable=SC2034 # for the tests
code_of() { # PID: into $code
    code=0
    wait "$1" || code=$?
}
killed() { # PID
    kill -KILL "$1"
    wait "$1" || true
}
ends() { wait "$running" || fail "the run ended with $?: $(tail -n 3 "$E2E_SCRATCH/run.err")"; }
arrived() { [ "$(target_sql -d "$db" -c "select count(*) from t" 2>/dev/null || echo 0)" -ge "$1" ]; }
amid() { # COUNT: rows have come, and not all of them
    wait_for 60 arrived 1
    ! arrived "$1" || fail "the load was over before it was broken off"
}
