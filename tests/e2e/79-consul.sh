# Nodes that find each other by a real Consul: what is said on one is done on all, with Consul away
# and emptied nothing stops, and who may not or doesn't trust is told so.
# shellcheck shell=bash
# once
. "${0%/*}/lib.sh"
. "${0%/*}/nats.sh"
. "${0%/*}/node.sh"

dir=$E2E_SCRATCH/consul-nodes
own=''
declare -A node=()

# A Consul of the test's own: $consul_url; more of its configuration stands in the argument.
consul_start() { # [CONFIGURATION]
    own=$(mktemp -d "$E2E_SCRATCH/c.XXXX")
    mkdir -p "$own/consul/conf"
    [ $# -eq 0 ] || echo "$1" >"$own/consul/conf/more.json"
    "$testbed" start "$own" --owner "$BASHPID" consul >"$own/said"
    ! grep -q '^skipped: ' "$own/said" || skip "$(cat "$own/said")"
    at_end_kill "$(cat "$own/consul/pid")"
    eval "$("$testbed" env "$own" | grep '^TESTBED_CONSUL_')"
    consul_url=$TESTBED_CONSUL_URL
    consul_program=$TESTBED_CONSUL_SOCKET
}
consul_restart() {
    "$testbed" restart "$own" consul
    at_end_kill "$(cat "$own/consul/pid")"
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
    wait_for 20 on "$1" pipelines list
}
node_end() { # NAME
    kill -TERM "${node[$1]}"
    wait "${node[$1]}" || fail "node $1 ended with exit code $?: $(tail -n 3 "$dir/$1/log")"
}
known() { runnel nodes --config "$dir/one/runnel.cfg" | grep -q "$1"; }   # TEXT
unknown() { runnel nodes --config "$dir/one/runnel.cfg" >"$E2E_SCRATCH/nodes" && ! grep -q "$1" "$E2E_SCRATCH/nodes"; }
wants() { [ "$(on "$1" pipelines show shop --json | jq -r .wanted)" = "$2" ]; } # NODE WORD
away() { on "$1" pipelines list --json | jq -e ".registry.away == $2"; }         # NODE BOOL
pids() { on "$1" pipelines show shop --json | jq -c '[.workers[].pid]'; }        # NODE
count_is() { [ "$(target_sql -d "$db" -c "select count(*) from t" 2>/dev/null || echo 0)" = "$1" ]; }
stored() { consul kv get runnel/wanted/pipeline/shop | jq -e ".want == \"$1\"" >/dev/null; }
times() { grep -c "$2" "$dir/$1/log" || true; } # NODE TEXT

test_nodes_by_consul() {
    local begun before told
    new_databases
    rm -rf "$dir"
    consul_start
    nats_start "$(jetstream)"
    node_file one reader
    node_file two writer
    pipeline_file shop replicate '' "plugin = \"nats\"; servers = [ \"$nats_url\" ];"
    rows 100 100
    expect_exit 0 runnel plugins verify "$(dirname "$E2E_RUNNEL")/plugins/consul.so" --set "url=$consul_url"
    node_begin one
    node_begin two
    wait_for 20 known "^one on .*passing: reader"
    wait_for 20 known "^two on .*passing: writer"

    # said on one node, done on both
    on one pipelines start shop >/dev/null
    wait_for 10 wants two running
    wait_for 60 count_is 100
    wait_for 20 known "^two on .*1 running"
    stored running || fail "Consul holds $(consul kv get -recurse runnel/)"
    begun=$(date +%s%N)
    on two pipelines stop shop >/dev/null
    wait_for 10 wants one stopped
    say "seen by the other node $((($(date +%s%N) - begun) / 1000000)) ms after the command began"
    on one pipelines start shop >/dev/null
    rows 10 100
    wait_for 60 count_is 110

    # Consul is killed: nothing stops, and it is said, once
    before=$(pids one)$(pids two)
    told=$(times one "others can't see this node") # a busy machine may have kept it waiting before
    "$testbed" kill "$own" consul
    wait_for 30 away one true
    wait_for 30 away two true
    rows 10 100
    wait_for 60 count_is 120
    same "$before" "$(pids one)$(pids two)" "processes with Consul away"
    expect_exit 1,2 runnel nodes --config "$dir/one/runnel.cfg"
    said registry.away
    expect_exit 1 runnel doctor --config "$dir/one/runnel.cfg"
    said registry.away
    same $((told + 1)) "$(times one "others can't see this node")" "times that it was told"
    # what is said meanwhile is done here, and there when Consul is back
    on one pipelines stop shop >/dev/null
    wants one stopped || fail "it is wanted $(field shop .wanted)"
    wants two running || fail "the other node heard of it without Consul"
    consul_restart
    wait_for 40 wants two stopped
    wait_for 20 away one false
    wait_for 20 known "^one on "
    wait_for 20 known "^two on "
    on two pipelines start shop >/dev/null
    wait_for 20 wants one running
    rows 10 100
    wait_for 60 count_is 130

    # its store is emptied: nothing stops, and it is filled again
    before=$(pids one)$(pids two)
    consul kv delete -recurse runnel/ >/dev/null
    wait_for 20 stored running
    same "$before" "$(pids one)$(pids two)" "processes with the store emptied"
    wants one running || fail "a key that vanished has stopped it on one"
    wants two running || fail "a key that vanished has stopped it on two"
    proven

    # a node that is killed is critical, one that ends is gone
    kill -KILL "${node[two]}"
    wait "${node[two]}" || true
    wait_for 30 known "^two on .*critical: TTL expired"
    node_end one
    wait_for 10 unknown "^one on "
}

test_rights_and_certificates() {
    local port token narrow ca
    rm -rf "$dir"
    port=$((RANDOM % 10000 + 10000))
    token=$(cat /proc/sys/kernel/random/uuid)
    consul_start "{ \"acl\": { \"enabled\": true, \"default_policy\": \"deny\",
        \"tokens\": { \"master\": \"$token\", \"agent\": \"$token\" } } }"
    ca=$own/tls/ca.pem
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
    consul_restart
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
