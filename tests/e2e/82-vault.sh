# Secrets from Vault, by a server that keeps its contract: read with each kind of login, each fault
# told as what it is, credentials that end while a pipeline follows, and nothing of it to be found.
# shellcheck shell=bash
# once
. "${0%/*}/lib.sh"
. "${0%/*}/node.sh"
. "${0%/*}/nats.sh"

dir=$E2E_SCRATCH/vault
program=$(dirname "$(realpath "$E2E_RUNNEL")")/tests/vault-server
certificates=$TESTBED_DIR/tls

# --- the server ---------------------------------------------------------------------------------

# What makes and takes away users; $1 is the name, $2 the password.
sql_maria() { echo "exec mariadb --no-defaults -uroot -S '$(server mariadb SOCKET)' -e \"$1\""; }
sql_postgres() {
    echo "exec psql -X -q -v ON_ERROR_STOP=1 -h '$(server postgres SOCKET)' -p '$(server postgres PORT)'" \
        "-U postgres -d postgres -c \"$1\" >/dev/null"
}
roles() { # TTL MAX_TTL: of dynamic credentials
    jq -n --argjson ttl "$1" --argjson max "$2" \
        --arg mc "$(sql_maria "create user '\$1'@'%' identified by '\$2'; grant all privileges on *.* to '\$1'@'%'")" \
        --arg md "$(sql_maria "kill user '\$1'; drop user if exists '\$1'@'%'")" \
        --arg pc "$(sql_postgres "create role \\\"\$1\\\" login replication password '\$2' in role runnel; alter role \\\"\$1\\\" set role to runnel")" \
        --arg pd "$(sql_postgres "select pg_terminate_backend(pid) from pg_stat_activity where usename = '\$1'; drop role if exists \\\"\$1\\\"")" \
        '{maria: {create: $mc, drop: $md, ttl: $ttl, max_ttl: $max},
          pg: {create: $pc, drop: $pd, ttl: $ttl, max_ttl: $max}}'
}
accounts() {
    jq -n --arg mr "$(sql_maria "create or replace user '\$1'@'%' identified by '\$2'; grant all privileges on *.* to '\$1'@'%'")" \
        --arg pr "$(sql_postgres "alter role vault_static login replication password '\$2'")" \
        '{maria: {username: "vault_static", rotate: $mr}, pg: {username: "vault_static", rotate: $pr}}'
}
# The configuration of the server, changed by a word of jq.
vault_config() { # [FILTER]
    jq -n --rawfile cert "$dir/client.pem" --rawfile key "$dir/client.key" --rawfile ca "$certificates/ca.pem" \
        --argjson creds "$(roles "${ttl:-600}" "${max_ttl:-3600}")" --argjson static "$(accounts)" \
        '{namespace: "team/app", tokens: {"hvs.canary-given": {}},
          approle: {role: {secret_id: "canary-secret-id", ttl: 600}}, denied: ["secret/data/forbidden"],
          mounts: {"secret/": {version: 2, data: {shop: {password: "runnel", user: "runnel"}, gone: null,
                                 tls: {ca: $ca, cert: $cert, key: $key}}},
                   "team/old/": {version: 1, data: {"db/shop": {value: "runnel"}}},
                   "database/": {creds: $creds, static: $static}}} | '"${1:-.}" >"$dir/v/config.new"
    mv "$dir/v/config.new" "$dir/v/config.json"
}
vault_begin() { # [FILTER]
    if [ ! -d "$dir" ]; then
        [ -x "$program" ] || skip "$program was not built"
        mkdir -p "$dir/v"
        cat "$certificates/server.pem" "$certificates/server.key" >"$dir/v/server.pem"
        (
            umask 077
            cd "$dir"
            openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=runnel -keyout client.key -out client.csr
            openssl x509 -req -in client.csr -CA "$certificates/ca.pem" -CAkey "$certificates/ca.key" \
                -CAserial "$dir/serial" -CAcreateserial -days 30 -out client.pem
            echo canary-secret-id >secret_id
            echo hvs.canary-given >token
        ) >/dev/null 2>&1
    fi
    rm -f "$dir/v/fault" "$dir/v/rotate"
    [ -n "${same_port:-}" ] || rm -f "$dir/v/port"
    : >"$dir/v/requests"
    vault_config "${1:-.}"
    "$program" "$dir/v" >"$dir/v/said" 2>&1 &
    vault=$!
    at_end_kill "$vault"
    wait_for 20 test -s "$dir/v/port"
    wait_for 20 vault_answers
    url=https://127.0.0.1:$(cat "$dir/v/port")
}
vault_answers() { : 2>/dev/null </dev/tcp/127.0.0.1/"$(cat "$dir/v/port")"; }
vault_end() {
    kill -TERM "$vault" 2>/dev/null || true
    wait "$vault" || true
}
was_asked() { [ "$(asked "$1")" -gt 0 ]; }
was_asked_twice() { [ "$(asked "$1")" -gt 1 ]; }
asked() { grep -c "$1" "$dir/v/requests" || true; } # TEXT
by_role='role_id = "role"; secret_id_file = "secret_id";'

secrets() { # LOGIN
    echo "secrets = { vault = { url = \"$url\"; namespace = \"team/app\"; tls = { ca = \"$certificates/ca.pem\"; }; $1 }; };"
}
connection() { # NAME PLUGIN URL WORDS
    [[ $3 =~ @([^:]*):([0-9]+)/([^?]*) ]]
    printf '%s = { plugin = "%s"; host = "%s"; port = %s; database = "%s"; %s };\n' "$1" "$2" "${BASH_REMATCH[@]:1}" "$4"
}
of_role() { echo "user = \"secret://vault/database/$1#username\"; password = \"secret://vault/database/$1#password\";"; }
config_file() { # LOGIN WORDS-OF-SOURCE WORDS-OF-TARGET [MODE]
    (
        umask 077
        cat >"$dir/vault.cfg" <<-CFG
			$(secrets "$1")
			connections = {
			  $(connection from "$(engine_of "$FROM")" "$SRC" "$2")
			  $(connection to "$(engine_of "$TO")" "$DST" "$3")
			};
			pipeline = { name = "vault"; mode = "${4:-convert}"; reader = { source = { connection = "from"; }; lanes = 2; };
			  writer = { sink = { connection = "to"; }; lanes = 2; }; };
		CFG
    )
}
few_rows() {
    change_source <<<'create table t (id int primary key, v varchar(40)); create table u (id int primary key);
        insert into t values (1, '"'a'), (2, 'b'); insert into u values (7);"
}
# No file holds a secret, but those it was given in.
clean() {
    local found
    found=$(grep -rlF canary "$E2E_SCRATCH" | grep -vE '/(config\.json|secret_id|token)$' || true)
    [ -z "$found" ] || fail "a canary stands in $found"
}

# --- read ---------------------------------------------------------------------------------------

test_each_login_reads_both_versions() {
    local login
    pair_new mariadb postgres
    few_rows
    vault_begin
    for login in "$by_role" 'token_file = "token";' "token = \"file:$dir/token\";" \
        'role_id = "role"; secret_id = "env:SECRET_ID"; kv = "1";'; do
        config_file "$login" 'user = "secret://vault/secret/shop#user"; password = "secret://vault/secret/shop#password";' \
            'user = "runnel"; password = "secret://vault/team/old/db/shop";'
        SECRET_ID=canary-secret-id expect_exit 0 runnel run "$dir/vault.cfg" --restart --yes --log-level debug
        said "2 tables"
    done
    wait_for 20 was_asked_twice 'auth/token/revoke-self 204'
    same 2 "$(asked 'auth/token/revoke-self 204')" "only what was logged in for is revoked"
    (umask 077 && mkdir -p "$dir/handed" && cp "$dir/token" "$dir/handed/vault-token")
    sed -i 's/role_id = [^}]*};/};/' "$dir/vault.cfg"
    expect_exit 2 runnel connections test from -c "$dir/vault.cfg"
    said vault.no_login token_file
    CREDENTIALS_DIRECTORY=$dir/handed expect_exit 0 runnel connections test from -c "$dir/vault.cfg"
    # Vault doesn't tell what a mount is: its warning on a read does
    vault_config '.hide_mounts = true'
    CREDENTIALS_DIRECTORY=$dir/handed expect_exit 0 runnel connections test from -c "$dir/vault.cfg"
    rm "$dir/handed/vault-token"
    clean
    vault_end
}

test_certificates_from_vault() {
    local tls='tls = { ca = "secret://vault/secret/tls#ca"; cert = "secret://vault/secret/tls#cert"; key = "secret://vault/secret/tls#key"; mode = "verify-full"; };'
    pair_new mariadb postgres
    few_rows
    source_sql -e "create or replace user vault_tls@'%' identified by 'runnel' require x509; grant all privileges on *.* to vault_tls@'%'"
    vault_begin
    config_file "$by_role" "user = \"vault_tls\"; password = \"secret://vault/secret/shop#password\"; $tls" \
        "user = \"runnel\"; password = \"runnel\"; $tls"
    expect_exit 0 runnel run "$dir/vault.cfg"
    said "2 tables"
    sed -i 's/; key = "[^"]*"; mode/; mode/; s/cert = "[^"]*"; *//' "$dir/vault.cfg" # both: none is shown
    sed -i 's/cert = "[^"]*"; key = "[^"]*"; mode/mode/' "$dir/vault.cfg"
    expect_exit 2 runnel connections test from -c "$dir/vault.cfg"
    said mysql.access_denied
    source_sql -e "drop user vault_tls@'%'"
    vault_end
}

# --- what goes wrong ----------------------------------------------------------------------------

refuses() { # CODE WORDS...: the connection is refused with these
    local code=$1
    shift
    expect_exit 1,2,3 runnel connections test from -c "$dir/vault.cfg" --log-level debug
    said "$code" "$@"
    not_said canary
}
one_password() { # REFERENCE [LOGIN]
    config_file "retry = \"300ms\"; ${2:-$by_role}" "user = \"runnel\"; password = \"$1\";" 'user = "runnel"; password = "runnel";'
}

test_each_fault_is_told() {
    local fault
    pair_new mariadb postgres
    vault_begin
    one_password secret://vault/secret/shop#password
    while read -r fault code words; do
        echo "$fault 9999 secret/data" >"$dir/v/fault"
        refuses "$code" "$words"
    done <<-END
		sealed vault.sealed unseal
		uninitialized vault.uninitialized init
		busy vault.away 429
		stale vault.away 412
		broken vault.away 500
		denied vault.denied policy
		cut vault.strange cut
		page vault.strange text/html
		huge vault.away 1048576
		elsewhere vault.redirect 127.0.0.2
	END
    sed -i 's/retry = "300ms"/retry = "300ms"; timeout = "200ms"/' "$dir/vault.cfg"
    echo "slow 9999 secret/data" >"$dir/v/fault"
    refuses vault.away
    one_password secret://vault/secret/shop#password "retry = \"20s\"; $by_role"
    sed -i 's/retry = "300ms";//' "$dir/vault.cfg"
    for fault in sealed busy stale broken cut hop; do
        echo "$fault 2 secret/data" >"$dir/v/fault"
        expect_exit 0 runnel connections test from -c "$dir/vault.cfg"
    done
    echo "denied 1 secret/data" >"$dir/v/fault" # a token may have ended: once more, with another
    expect_exit 0 runnel connections test from -c "$dir/vault.cfg"
    rm "$dir/v/fault"
    clean
    vault_end
}

test_what_is_not_there() {
    pair_new mariadb postgres
    vault_begin
    one_password secret://vault/secret/nothing#password && refuses vault.not_found "kv get"
    one_password secret://vault/secret/data/shop#password && refuses vault.not_found 'without "data/"'
    one_password secret://vault/secret/gone#password && refuses vault.deleted undelete
    one_password secret://vault/secret/shop#pass && refuses vault.no_field "password, user"
    one_password secret://vault/secret/shop && refuses vault.no_field "password, user"
    one_password secret://vault/secret/forbidden#a && refuses vault.denied
    one_password secret://vault/database/creds/nobody#password && refuses vault.refused "unknown role"
    one_password secret://vault/secret/../sys/seal && refuses vault.path
    one_password secret://vault/secret/shop#password 'role_id = "role"; secret_id = "canary-wrong";'
    refuses vault.login "invalid role"
    one_password secret://vault/secret/shop#password 'token = "hvs.canary-unknown";' && refuses vault.denied
    chmod 644 "$dir/token"
    one_password secret://vault/secret/shop#password 'token_file = "token";' && refuses vault.file chmod
    chmod 600 "$dir/token"
    one_password secret://vault/secret/shop#password "$by_role"
    sed -i 's/namespace = "team.app"/namespace = "team"/' "$dir/vault.cfg" && refuses vault. namespace
    one_password secret://vault/secret/shop#password "$by_role"
    sed -i 's/tls = { ca = [^}]*};/tls = { ca = "client.pem"; };/' "$dir/vault.cfg" && refuses vault.tls certificate
    sed -i 's/https:/http:/; s/127\.0\.0\.1/192.0.2.1/; s/tls = { [^}]*};//' "$dir/vault.cfg" && refuses vault.url https://
    vault_end
    one_password secret://vault/secret/shop#password && refuses vault.away connect
    config_file 'retry = "0s"; token = "x";' 'user = "runnel"; password = "secret://vault/secret/shop#password";' 'user = "runnel"; password = "runnel";'
    expect_exit 1,2,3 runnel run "$dir/vault.cfg" # away at the start of a run
    said vault.away
}

# --- while a pipeline follows -------------------------------------------------------------------

vault_follow() { # [OPTIONS]
    follow_log=$E2E_SCRATCH/$E2E_TEST.follow
    "$E2E_RUNNEL" run "$dir/vault.cfg" --log-level debug "$@" >"$follow_log.out" 2>"$follow_log" &
    follower=$!
    at_end_kill "$follower"
    wait_follow 60
}
times() { grep -c "$1" "$follow_log" || true; } # TEXT
# Changes until the program has done something so often; none may get lost.
change_until() { # COUNT TEXT
    local deadline=$((SECONDS + 90))
    until [ "$(times "$2")" -ge "$1" ]; do
        follow_runs || follow_failed "it ended"
        [ "$SECONDS" -lt "$deadline" ] || follow_failed "waited in vain for $1 times [$2]"
        changes=$((changes + 1))
        change_source <<<"insert into t values ($((100 + changes)), 'x'); update t set v = 'y$changes' where id = 1;"
        sleep 0.1
    done
    wait_same 60 "select count(*), max(id), max(v) from t where id <= $((100 + changes))"
    same "$((changes + 2))" "$(at_to 'select count(*) from t')" "rows"
}
changes=0

dynamic() { # FROM TO ROLE-OF-SOURCE ROLE-OF-TARGET
    local process
    pair_new "$1" "$2"
    few_rows
    ttl=9 max_ttl=10 vault_begin '.approle.role.ttl = 12 | .approle.role.max_ttl = 13'
    config_file "$by_role" "$(of_role "creds/$3")" "$(of_role "creds/$4")" replicate
    vault_follow
    changes=0
    change_until 2 "with new credentials"
    [ "$(asked 'leases/renew 200')" -gt 0 ] || fail "no lease was renewed"
    wait_for 60 was_asked 'token/renew-self 200'
    wait_for 60 was_asked_twice 'auth/approle/login 200'
    change_until 3 "with new credentials" # the token took its leases along
    # exchanged in time, unless the machine was held up
    [ "$(times 'trying again')" -lt "$(times 'with new credentials')" ] || follow_failed "it was cut off each time"
    for process in cmdline environ; do
        ! tr '\0' '\n' <"/proc/$follower/$process" | grep -qF canary || fail "a canary stands in its $process"
    done
    follow_stop
    expect_exit 0 runnel verify "$dir/vault.cfg"
    clean
    vault_end
}
test_dynamic_from_maria() { dynamic mariadb postgres maria pg; }
test_dynamic_from_postgres() { dynamic postgres mariadb pg maria; }

# Each role of its own process has logins and leases of its own; the other waits for it.
test_roles_apart() {
    local reader
    pair_new mariadb postgres
    few_rows
    nats_start "$(jetstream)"
    ttl=9 max_ttl=10 vault_begin
    config_file "$by_role" "$(of_role creds/maria)" "$(of_role creds/pg)" replicate
    sed -i "s|^  writer = |  transport = { plugin = \"nats\"; servers = [ \"$nats_url\" ]; };\n&|" "$dir/vault.cfg"
    "$E2E_RUNNEL" run "$dir/vault.cfg" --role reader --log-level debug >"$dir/reader.log" 2>&1 &
    reader=$!
    at_end_kill "$reader"
    vault_follow --role writer
    changes=0
    change_until 1 "with new credentials"
    wait_for 60 grep -q "with new credentials" "$dir/reader.log"
    change_until 1 following
    kill -INT "$reader"
    follow_stop
    wait_for 60 eval "! kill -0 $reader 2>/dev/null"
    clean
    vault_end
}

test_rotated_passwords() {
    pair_new mariadb postgres
    few_rows
    target_sql -d postgres -c "set client_min_messages = error; drop role if exists vault_static; create role vault_static in role runnel; alter role vault_static set role to runnel"
    vault_begin
    config_file "$by_role" "$(of_role static-creds/maria)" "$(of_role static-creds/pg)" replicate
    vault_follow
    changes=0
    change_until 1 following
    touch "$dir/v/rotate"
    wait_for 20 test ! -e "$dir/v/rotate"
    change_until 1 following # connections that stand are left alone
    source_sql -e "kill user vault_static"
    target_sql -d postgres -c "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'vault_static'" >/dev/null
    change_until 1 "trying again"
    change_until 2 "following"
    follow_stop
    vault_end
    clean
}

# The same, without a look at the target: nobody has to come through meanwhile.
change_while_away() { # TEXT
    local deadline=$((SECONDS + 60))
    until [ "$(times "$1")" -ge 1 ]; do
        follow_runs || follow_failed "it ended"
        [ "$SECONDS" -lt "$deadline" ] || follow_failed "waited in vain for [$1]"
        changes=$((changes + 1))
        change_source <<<"insert into t values ($((100 + changes)), 'x'); update t set v = 'y$changes' where id = 1;"
        sleep 0.1
    done
}
test_away_and_back() {
    pair_new mariadb postgres
    few_rows
    ttl=6 max_ttl=3600 vault_begin
    config_file "$by_role retry = \"2s\"; timeout = \"300ms\";" "$(of_role creds/maria)" 'user = "runnel"; password = "secret://vault/secret/shop#password";' replicate
    vault_follow
    changes=0
    kill -STOP "$vault" # hangs, most likely for less than the lease has left
    change_until 1 "vault.away"
    kill -CONT "$vault"
    echo "sealed 9999" >"$dir/v/fault"
    change_while_away vault.sealed
    rm "$dir/v/fault"
    change_until 1 following
    vault_end # takes its users with it, and comes back knowing of no token and no lease
    same_port=yes vault_begin
    change_until 2 "following"
    follow_stop
    vault_end
    clean
}
# Where a node runs it: the worker logs in for itself, and gives all back when it is stopped.
test_worker_of_a_node() {
    local node worker process
    pair_new mariadb postgres
    few_rows
    vault_begin
    config_file "$by_role" "$(of_role creds/maria)" "$(of_role creds/pg)" replicate
    mkdir -p "$dir/pipes"
    sed '/^secrets/d' "$dir/vault.cfg" >"$dir/pipes/vault.cfg"
    printf 'node = { name = "vaulted"; state_dir = "state"; pipelines = "pipes"; roles = [ "reader", "writer" ]; };\n%s\n' \
        "$(secrets "$by_role")" >"$dir/node.cfg"
    chmod 600 "$dir/node.cfg" "$dir/pipes/vault.cfg"
    export RUNNEL_RUN_DIR=$dir/run
    "$E2E_RUNNEL" serve --config "$dir/node.cfg" --log-level debug >"$dir/node.log" 2>&1 &
    node=$!
    at_end_kill "$node"
    wait_for 20 runnel pipelines list
    expect_exit 0 runnel pipelines start vault
    wait_for 60 follows vault
    worker=$(field vault .pid)
    for process in cmdline environ; do
        ! tr '\0' '\n' <"/proc/$worker/$process" | grep -qF canary || fail "a canary stands in the worker's $process"
    done
    expect_exit 0 runnel pipelines stop vault
    wait_for 30 was_asked 'auth/token/revoke-self 204'
    wait_for 10 grep -q "^dropped v-" "$dir/v/said"
    kill -TERM "$node"
    wait "$node" || fail "the node ended with exit code $?"
    same 2 "$(grep -c "^dropped v-" "$dir/v/said")" "users that were given back"
    vault_end
    clean
}

run_tests
