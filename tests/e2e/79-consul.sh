# Nodes that find each other by a real Consul: what is said on one is done on all, with Consul away
# and emptied nothing stops, and who may not or doesn't trust is told so.
# shellcheck shell=bash
# once
. "${0%/*}/lib.sh"
. "${0%/*}/node.sh"

dir=$E2E_SCRATCH/consul-nodes
own=$E2E_SCRATCH/consul
declare -A node=()

# A Consul of the test's own: $consul_url; files given stand beside its configuration.
consul_start() { # [CONFIGURATION]
    local port bin
    "$testbed" stop "$own" --remove
    mkdir -p "$own/consul/conf"
    [ $# -eq 0 ] || echo "$1" >"$own/consul/conf/more.json"
    # shellcheck disable=SC2064
    trap "kill -KILL \"\${ending[@]}\" 2>/dev/null || true; '$testbed' stop '$own' --remove" EXIT
    "$testbed" start "$own" --owner $$ consul
    eval "$("$testbed" env "$own" | sed -n '/^TESTBED_CONSUL_/p')"
    port=${TESTBED_CONSUL_PORT:-} bin=${TESTBED_CONSUL_SOCKET:-}
    [ -n "$port" ] || skip "$(cat "$own/skipped")"
    consul_url=http://127.0.0.1:$port
    consul_program=$bin
}
consul() { CONSUL_HTTP_ADDR=$consul_url "$consul_program" "$@"; }

on() { RUNNEL_RUN_DIR=$dir/$1/run "$E2E_RUNNEL" "${@:2}"; } # NODE ARGUMENTS
at() { export RUNNEL_RUN_DIR=$dir/$1/run; }                # NODE
registry() { echo "registry = { plugin = \"consul\"; url = \"$consul_url\"; ${1:-ttl = \"5s\";} };"; }
node_file() { # NAME ROLE [WORDS OF THE REGISTRY]
    mkdir -p "$dir/$1" "$dir/pipes"
    printf 'node = { name = "%s"; state_dir = "state"; pipelines = "../pipes"; roles = [ "%s" ]; };\n%s\n' \
        "$1" "$2" "$(registry "${3:-}")" >"$dir/$1/runnel.cfg"
    chmod 600 "$dir/$1/runnel.cfg"
}
node_begin() { # NAME
    RUNNEL_RUN_DIR=$dir/$1/run "$E2E_RUNNEL" serve --config "$dir/$1/runnel.cfg" >>"$dir/$1/log" 2>&1 &
    node[$1]=$!
    at_end_kill "$!"
    # at_end_kill sets a trap of its own
    # shellcheck disable=SC2064
    trap "kill -KILL \"\${ending[@]}\" 2>/dev/null || true; '$testbed' stop '$own' --remove" EXIT
    wait_for 20 on "$1" pipelines list
}
node_end() { # NAME
    kill -TERM "${node[$1]}"
    wait "${node[$1]}" || fail "node $1 ended with exit code $?: $(tail -n 3 "$dir/$1/log")"
}
known() { runnel nodes --config "$dir/one/runnel.cfg" | grep -q "$1"; }   # TEXT

test_rights_and_certificates() {
    local port token narrow ca=$own/tls/ca.pem
    rm -rf "$dir"
    port=$((RANDOM % 10000 + 10000))
    token=$(cat /proc/sys/kernel/random/uuid)
    # certificates are made by the testbed before the server starts
    consul_start "{ \"acl\": { \"enabled\": true, \"default_policy\": \"deny\",
        \"tokens\": { \"master\": \"$token\", \"agent\": \"$token\" } } }"
    wait_for 20 env "CONSUL_HTTP_TOKEN=$token" "CONSUL_HTTP_ADDR=$consul_url" "$consul_program" acl token list
    cat >"$E2E_SCRATCH/rules" <<'RULES'
service "runnel-node" { policy = "write" }
key_prefix "runnel/" { policy = "write" }
service_prefix "" { policy = "read" }
node_prefix "" { policy = "read" }
RULES
    export CONSUL_HTTP_TOKEN=$token
    consul acl policy create -name runnel -rules "@$E2E_SCRATCH/rules" >/dev/null
    narrow=$(consul acl token create -policy-name runnel -format json | jq -r .SecretID)
    export CONSUL_HTTP_TOKEN=
    node_file one reader 'token = "env:TOKEN";'
    TOKEN=$narrow expect_exit 0 runnel doctor --config "$dir/one/runnel.cfg"
    TOKEN=$(cat /proc/sys/kernel/random/uuid) expect_exit 1 runnel doctor --config "$dir/one/runnel.cfg"
    said registry.denied "ACL not found"
    not_said "$narrow"
    node_file anonymous reader 'ttl = "5s";'
    expect_exit 1 runnel doctor --config "$dir/anonymous/runnel.cfg"
    said registry.denied
    node_file plain reader "token = \"$narrow\";"
    expect_exit 2 runnel serve --config "$dir/plain/runnel.cfg"
    said node.secret
    not_said "$narrow"
    export TOKEN=$narrow
    node_begin one
    wait_for 20 known "^one on .*passing"
    node_end one
    ! grep -q "$narrow" "$dir/one/log" || fail "the token stands in the log"

    # TLS, with certificates of both sides
    cat >"$own/consul/conf/more.json" <<CONF
{ "ports": { "http": -1, "https": $port }, "ca_file": "$ca", "verify_incoming_https": true,
  "cert_file": "$own/tls/server.pem", "key_file": "$own/tls/server.key" }
CONF
    sed -i 's/"http": [0-9]*, "https": -1, //' "$own/consul/conf/testbed.json"
    "$testbed" restart "$own" consul
    consul_url=https://127.0.0.1:$port
    node_file tls reader "tls = { ca = \"$ca\"; cert = \"$own/tls/server.pem\"; key = \"$own/tls/server.key\"; };"
    expect_exit 0 runnel doctor --config "$dir/tls/runnel.cfg"
    node_file tls reader "tls = { ca = \"$ca\"; };"
    expect_exit 1 runnel doctor --config "$dir/tls/runnel.cfg"
    said consul.tls certificate
    node_file tls reader 'ttl = "5s";'
    expect_exit 1 runnel doctor --config "$dir/tls/runnel.cfg"
    said consul.tls
    consul_url=http://127.0.0.1:$port
    node_file tls reader 'ttl = "5s";'
    expect_exit 1 runnel doctor --config "$dir/tls/runnel.cfg"
    said consul.tls
}

run_tests
