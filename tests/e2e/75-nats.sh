# Bundles through NATS JetStream: moved and proven, with its server killed, full, small, or refusing
# shellcheck shell=bash
# once
. "${0%/*}/lib.sh"

. "${0%/*}/nats.sh"

test_contract() {
    nats_start "$(jetstream)"
    expect_exit 0 runnel plugins verify "$(dirname "$E2E_RUNNEL")/plugins/nats.so" --set servers="$nats_url"
}

in_second() { [ "$(target_sql -d "${db}_2" -c "select count(*) from t")" -ge "$1" ]; }
test_server_and_runnel_killed_amid_the_load() {
    new_databases
    nats_start "$(jetstream)"
    rows 20000 8192
    pipeline convert
    begin --commit-size 1M
    amid 20000
    nats_killed
    nats_start "$(jetstream)"
    amid 20000
    kill -KILL "$running"
    wait "$running" || true
    move
    proven
}

test_server_and_runnel_killed_amid_the_changes() {
    new_databases
    nats_start "$(jetstream)"
    rows 50 4096
    pipeline replicate
    begin
    wait_for 60 arrived 50
    for round in 1 2 3; do
        rows 300 4096
        nats_killed
        rows 10 4096
        nats_start "$(jetstream)"
        rows 10 4096
        wait_for 60 arrived $((50 + round * 320))
    done
    rows 500 4096
    kill -KILL "$running"
    wait "$running" || true
    begin
    rows 5 4096
    wait_for 60 arrived 1515
    kill -TERM "$running"
    wait "$running" || true
    proven
}

test_small_messages_and_a_full_stream() {
    new_databases
    nats_start "max_payload: 65536
$(jetstream)"
    rows 40 1048576
    pipeline convert "max_bytes = \"4M\"; lane_bytes = \"64k\";"
    move
    proven
}

# A second reader of the same name takes the stream; the first is told, and writes no more to it.
test_one_publisher() {
    new_databases
    nats_start "$(jetstream)"
    rows 50 100
    pipeline replicate
    begin --retry-seconds 0
    wait_for 60 arrived 50
    target_sql -d postgres -c "set client_min_messages = warning" -c "drop database if exists \"${db}_2\" with (force)" -c "create database \"${db}_2\" owner runnel"
    sed -i "/plugin = \"postgres\"; host/s/database = \"$db\"/database = \"${db}_2\"/" "$E2E_SCRATCH/nats.cfg"
    "$E2E_RUNNEL" run "$E2E_SCRATCH/nats.cfg" >"$E2E_SCRATCH/second" 2>&1 &
    second=$!
    at_end_kill "$second"
    wait_for 60 in_second 50
    rows 50 100
    taken=0
    wait "$running" || taken=$?
    same 2 "$taken" "the first one's exit code"
    grep -q transport.taken "$E2E_SCRATCH/run.err" || fail "it doesn't say why: $(tail -n 3 "$E2E_SCRATCH/run.err")"
    wait_for 60 in_second 100
    kill -TERM "$second"
    wait "$second" || true
    expect_exit 0 runnel verify "$SRC" "${DST}_2"
}

test_what_is_refused() {
    new_databases
    rows 5 100
    nats_start "authorization { user: u, password: right }
$(jetstream)"
    pipeline convert 'user = "u"; password = "wrong";'
    expect_exit 2 runnel run "$E2E_SCRATCH/nats.cfg"
    said nats.access_denied
    not_said wrong
    pipeline convert 'user = "u"; password = "right"; tls = { mode = "require"; };'
    expect_exit 2 runnel run "$E2E_SCRATCH/nats.cfg"
    said nats.tls
    pipeline convert 'user = "u"; password = "right";'
    move
    proven
    nats_killed
    nats_start ""
    pipeline convert 'connect_timeout = "300ms";'
    expect_exit 2 runnel run "$E2E_SCRATCH/nats.cfg"
    said nats.no_jetstream
}

# --- keys as NATS writes them: base32 of a prefix, 32 bytes, and their CRC16 --------------------------

crc16() { # HEX: the checksum, low byte first
    local crc=0 i bit
    for ((i = 0; i < ${#1}; i += 2)); do
        crc=$((crc ^ (16#${1:i:2} << 8)))
        for ((bit = 0; bit < 8; bit++)); do
            crc=$(((crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1) & 0xffff))
        done
    done
    printf '%02x%02x' $((crc & 255)) $((crc >> 8))
}
base32_of() { # HEX
    local hex i escaped=""
    hex=$1$(crc16 "$1")
    for ((i = 0; i < ${#hex}; i += 2)); do escaped+="\\x${hex:i:2}"; done
    printf '%b' "$escaped" | base32 -w0 | tr -d =
}
hex_tail() { tail -c 32 | od -An -v -tx1 | tr -d ' \n'; }

# A key of that kind: its seed in $keys/NAME.seed, for openssl in NAME.pem; prints the public one.
new_key() { # NAME PREFIX
    keys=$E2E_SCRATCH/keys
    mkdir -p "$keys"
    openssl genpkey -algorithm ed25519 -out "$keys/$1.pem"
    base32_of "$(printf '%02x%02x' $((18 << 3 | $2 >> 5)) $((($2 & 31) << 3)))$(openssl pkey -in "$keys/$1.pem" -outform DER | hex_tail)" >"$keys/$1.seed"
    base32_of "$(printf %02x "$2")$(openssl pkey -in "$keys/$1.pem" -pubout -outform DER | hex_tail)"
}
url64() { base64 -w0 | tr '+/' '-_' | tr -d =; }
jwt() { # ISSUER ISSUER_KEY SUBJECT CLAIMS
    local body
    body=$(printf '{"typ":"JWT","alg":"ed25519-nkey"}' | url64).$(printf '{"jti":"x","iat":%s,"iss":"%s","name":"%s","sub":"%s","nats":%s}' "$(date +%s)" "$1" "$2" "$3" "$4" | url64)
    printf %s "$body" >"$keys/jwt"
    openssl pkeyutl -sign -rawin -inkey "$keys/$2.pem" -in "$keys/jwt" -out "$keys/signature"
    echo "$body.$(url64 <"$keys/signature")"
}

again() { expect_exit 0 runnel run "$E2E_SCRATCH/nats.cfg" --restart --yes; }
refused() { # CODE
    expect_exit 2 runnel run "$E2E_SCRATCH/nats.cfg"
    said "$1"
}
other_server() { # CONFIGURATION
    nats_killed
    rm -rf "$nats_dir/data"
    nats_start "$1"
}
certificate() { # NAME SUBJECT: signed by $keys/ca.pem
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$2" \
        -keyout "$keys/$1.key" -out "$keys/$1.csr" 2>/dev/null
    openssl x509 -req -in "$keys/$1.csr" -CA "$keys/ca.pem" -CAkey "$keys/ca.key" -CAcreateserial \
        -days 2 -extfile <(echo "subjectAltName=IP:127.0.0.1") -out "$keys/$1.pem" 2>/dev/null
}

test_credentials() {
    new_databases
    rows 5 100
    keys=$E2E_SCRATCH/keys
    mkdir -p "$keys"
    for ca in ca other; do
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=$ca" \
            -keyout "$keys/$ca.key" -out "$keys/$ca.pem" 2>/dev/null
    done
    certificate server server
    certificate client client
    tls="cert_file: \"$keys/server.pem\", key_file: \"$keys/server.key\", ca_file: \"$keys/ca.pem\""

    nats_start "tls { $tls }
$(jetstream)"
    pipeline convert "tls = { mode = \"require\"; ca = \"$keys/ca.pem\"; };"
    move
    proven
    pipeline convert "tls = { mode = \"require\"; ca = \"$keys/other.pem\"; };"
    refused nats.tls

    other_server "tls { $tls, verify: true }
$(jetstream)"
    pipeline convert "tls = { mode = \"require\"; ca = \"$keys/ca.pem\"; cert = \"$keys/client.pem\"; key = \"$keys/client.key\"; };"
    again
    pipeline convert "tls = { mode = \"require\"; ca = \"$keys/ca.pem\"; };"
    refused nats.tls

    other_server "authorization { token: \"t0ken\" }
$(jetstream)"
    pipeline convert 'token = "t0ken";'
    again
    pipeline convert 'token = "other";'
    refused nats.access_denied
    not_said other

    user=$(new_key user 160)
    other_server "authorization { users: [ { nkey: $user } ] }
$(jetstream)"
    pipeline convert "nkey = \"$user\"; nkey_seed = \"$keys/user.seed\";"
    again
    stranger=$(new_key stranger 160)
    pipeline convert "nkey = \"$stranger\"; nkey_seed = \"$keys/stranger.seed\";"
    refused nats.access_denied

    operator=$(new_key operator 112)
    account=$(new_key account 0)
    system=$(new_key system 0)
    limits='"subs":-1,"data":-1,"payload":-1,"imports":-1,"exports":-1,"wildcards":true,"conn":-1,"leaf":-1'
    storage='"mem_storage":-1,"disk_storage":-1,"streams":-1,"consumer":-1'
    other_server "operator: $(jwt "$operator" operator "$operator" '{"type":"operator","version":2}')
resolver: MEMORY
system_account: $system
resolver_preload: {
  $account: $(jwt "$operator" operator "$account" "{\"limits\":{$limits,$storage},\"type\":\"account\",\"version\":2}")
  $system: $(jwt "$operator" operator "$system" "{\"limits\":{$limits},\"type\":\"account\",\"version\":2}")
}
$(jetstream)"
    {
        printf -- '-----BEGIN NATS USER JWT-----\n%s\n------END NATS USER JWT------\n\n' "$(jwt "$account" account "$user" '{"pub":{},"sub":{},"subs":-1,"data":-1,"payload":-1,"type":"user","version":2}')"
        printf -- '-----BEGIN USER NKEY SEED-----\n%s\n------END USER NKEY SEED------\n' "$(cat "$keys/user.seed")"
    } >"$keys/user.creds"
    pipeline convert "credentials = \"$keys/user.creds\";"
    again
    proven
    pipeline convert ""
    refused nats.access_denied
}

run_tests
