# The API as its clients see it: an operator's month by curl, who may do what, and hostile requests.
# shellcheck shell=bash
# once
. "${0%/*}/lib.sh"

export RUNNEL_RUN_DIR=$E2E_SCRATCH/run
dir=$E2E_SCRATCH/node

serve() { # [WORDS OF THE CONFIGURATION]
    mkdir -p "$dir/pipes"
    cat >"$dir/runnel.cfg" <<CFG
node = { name = "one"; state_dir = "state"; pipelines = "pipes"; connections = "conns"; };
${1:-}
CFG
    : >"$dir/log"
    RUNNEL_API_LISTEN=127.0.0.1:0 "$E2E_RUNNEL" serve --config "$dir/runnel.cfg" >>"$dir/log" 2>&1 &
    node=$!
    at_end_kill "$node"
    wait_for 20 listens
    port=$(sed -n 's/.*listening on .* port \([0-9]*\)$/\1/p' "$dir/log" | tail -n 1)
    host=http://127.0.0.1:$port
    key=$(cat "$dir/state/first.key")
}
listens() { grep -q 'listening on' "$dir/log"; }
serve_end() {
    kill -TERM "$node"
    wait "$node" || fail "the node ended with exit code $?: $(tail -n 3 "$dir/log")"
}

# ask STATUS METHOD PATH [BODY] [OPTIONS OF CURL]: $reply has the body.
ask() {
    local want=$1 method=$2 path=$3 body=${4:-} got
    shift $(($# < 4 ? $# : 4))
    set -- "$@" ${key:+-H "X-API-Key: $key"}
    [[ $* == *Content-Type* ]] || set -- "$@" -H 'Content-Type: application/json'
    [ -z "$body" ] || set -- "$@" --data-binary "$body"
    [ "$method" != HEAD ] || set -- "$@" --head
    got=$(curl -sS --path-as-is -m 60 -o "$E2E_SCRATCH/reply" -D "$E2E_SCRATCH/headers" -w '%{http_code}' \
        -X "$method" "$@" "$host$path")
    reply=$(tr -d '\0' <"$E2E_SCRATCH/reply")
    [ "$got" = "$want" ] || fail "$method $path: $got, not $want: ${reply:0:500}"
}
api() { ask "$1" "$2" "/api/v1$3" "${@:4}"; }
field() { jq -r "$1" <<<"$reply"; } # of $reply
header() { sed -n "s/^$1: \(.*\)\r$/\1/Ip" "$E2E_SCRATCH/headers"; }
has() { [ "$(field "$1")" = "$2" ] || fail "$1 is $(field "$1"), not $2: ${reply:0:500}"; } # FIELD VALUE
state_is() { api 200 GET "/pipelines/$1/status" && [ "$(field .state)" = "$2" ]; }

# Connections and a pipeline made, tested, planned, run, watched, changed, mended, verified, taken away.
test_an_operators_month() {
    local tag after
    rm -rf "$dir"
    sqlite3 "$E2E_SCRATCH/from.db" "create table t (id integer primary key, v text) strict;
        with recursive n (i) as (select 1 union all select i + 1 from n where i < 1000)
        insert into t select i, 'v' || i from n"
    serve
    [ "$(stat -c %a "$dir/state/first.key" "$dir/state/runnel.db" | sort -u)" = 600 ] || fail "others can read the state"
    ask 200 GET /readyz
    has .ready true
    api 201 POST /connections "{\"name\":\"from\",\"plugin\":\"sqlite\",\"path\":\"$E2E_SCRATCH/from.db\"}"
    [ "$(header Location)" = /api/v1/connections/from ] || fail "no Location"
    api 201 POST /connections "{\"name\":\"to\",\"plugin\":\"sqlite\",\"path\":\"$E2E_SCRATCH/wrong/to.db\"}"
    api 409 POST /connections '{"name":"to","plugin":"sqlite"}'
    # asked twice by one who doesn't know whether it was done
    api 201 POST /connections '{"name":"twice","plugin":"sqlite","path":"x"}' -H 'Idempotency-Key: once'
    api 201 POST /connections '{"name":"twice","plugin":"sqlite","path":"x"}' -H 'Idempotency-Key: once'
    [ "$(header Idempotency-Replayed)" = true ] || fail "it was done twice"
    api 422 POST /connections '{"name":"thrice","plugin":"sqlite","path":"x"}' -H 'Idempotency-Key: once'
    has .code request.idempotency
    api 409 POST /connections '{"name":"twice","plugin":"sqlite","path":"x"}' -H 'Idempotency-Key: another'
    api 204 DELETE /connections/twice
    api 422 POST /connections '{"name":"x","plugin":"sqlight"}'
    has .code plugin.unknown
    api 422 POST /connections '{"name":"x","plugin":"mysql","password":"file:/etc/shadow"}'
    has .code api.reference
    api 200 POST /connections/from/test
    has .ok true
    api 200 POST /connections/to/test
    has .ok false
    api 200 PATCH /connections/to "{\"path\":\"$E2E_SCRATCH/to.db\"}"
    api 200 GET /connections
    has .total 2

    api 422 POST /pipelines '{"name":"shop","mode":"convert","reader":{"source":{"connection":"nowhere"}},"writer":{"sink":{"connection":"to"}}}'
    has .code config.unknown_connection
    field .detail | grep -q 'pipes/shop.cfg:' || fail "it names another file: $(field .detail)"
    api 422 POST /pipelines '{"name":"shop","mode":"convert","reeder":{}}'
    api 201 POST /pipelines '{"name":"shop","mode":"convert","reader":{"source":{"connection":"from"}},"writer":{"sink":{"connection":"to"}}}'
    api 409 POST /pipelines '{"name":"shop","mode":"convert","reader":{"source":{"connection":"from"}},"writer":{"sink":{"connection":"to"}}}'
    [ "$(ls -A "$dir/pipes")" = shop.cfg ] || fail "more than the file is left: $(ls -A "$dir/pipes")"
    runnel config show "$dir/pipes/shop.cfg" --config "$dir/runnel.cfg" >/dev/null || fail "a person can't read it"
    api 200 POST /pipelines/shop/check
    has .blocked false
    api 200 POST /pipelines/shop/plan
    has '.tables[0].name' t
    api 202 POST /pipelines/shop/start
    wait_for 30 state_is shop finished
    has '.progress.rows' 1000
    api 409 POST /pipelines/shop/pause
    has .code api.transition
    field '.allowed_actions | join(" ")' | grep -qw restart || fail "it doesn't say what may be done"
    api 202 POST /pipelines/shop/verify '{"tables":["t"]}'
    job=$(field .job)
    wait_for 30 job_ended
    has .result.equal true

    wait_for 10 run_is_kept
    has '.items[0].rows' 1000
    api 200 GET '/events?about=shop&limit=1'
    has '.items[0].what' verify_pipeline
    field '.items[0].who' | grep -q '(first)' || fail "it doesn't say who"
    api 200 GET '/usage?by=month'
    has '.items[0].rows' 1000

    # what was said: its worker's, and what comes behind a number
    api 200 GET '/pipelines/shop/logs?limit=500'
    [ "$(field '[.items[] | select(.pipeline != "shop")] | length')" = 0 ] || fail "others' records: $reply"
    [ "$(field '.items | length')" -gt 0 ] || fail "its worker has said nothing"
    api 200 GET '/logs?limit=1'
    after=$(field .next)
    runnel pipelines restart shop >/dev/null 2>&1 || true
    api 200 GET "/logs?after=$after&wait_s=20&q=worker"
    has .dropped 0
    [ "$(field ".items[0].seq > $after")" = true ] || fail "older ones: $reply"
    api 200 PUT /system/log-level '{"level":"debug","seconds":30}'
    runnel pipelines restart shop >/dev/null 2>&1 || true
    wait_for 20 says_debug
    runnel logs level info --for 0 | grep -q 'is info' || fail "the level doesn't go back"
    runnel logs shop --level info --limit 3 | grep -q ' shop: ' || fail "runnel logs: $(runnel logs shop)"
    wait_for 30 state_is shop finished

    # a change by one who has read it; another's in between is refused
    api 200 GET /pipelines/shop
    tag=$(header ETag)
    api 200 PATCH /pipelines/shop '{"reader":{"lanes":2}}' -H "If-Match: $tag"
    has .config.reader.lanes 2
    api 412 PATCH /pipelines/shop '{"reader":{"lanes":3}}' -H "If-Match: $tag"
    api 200 PATCH /pipelines/shop '{"reader":{"lanes":null}}'
    has '.config.reader.lanes' null
    api 422 PUT /pipelines/shop '{"name":"other","mode":"convert"}'
    # and by hand: the API shows what stands there
    sed -i 's/"convert"/"replicate"/' "$dir/pipes/shop.cfg"
    api 200 GET /pipelines/shop
    has .config.mode replicate
    sed -i 's/"replicate"/"convert"/' "$dir/pipes/shop.cfg"

    # what has changed since is found, and mended
    sqlite3 "$E2E_SCRATCH/to.db" "update t set v = 'wrong' where id = 7"
    api 202 POST /pipelines/shop/verify '{"repair":true}'
    job=$(field .job)
    wait_for 30 job_ended
    has '.result.tables[0].mended' 1
    api 400 POST /pipelines/shop/reset
    has .code request.field
    api 422 POST /pipelines/shop/reset '{"confirm":"shopp"}'
    api 200 POST /pipelines/shop/reset '{"confirm":"shop"}'
    api 409 DELETE /connections/from
    has '.pipelines[0]' shop
    api 201 POST /pipelines/shop/clone '{"name":"copy"}'
    api 200 GET '/pipelines?limit=1'
    has '.items[0].pipeline' copy
    has .next_cursor copy
    api 200 GET '/pipelines?limit=1&cursor=copy'
    has '.items[0].pipeline' shop
    has .next_cursor null
    # one that the main configuration needs stays
    cat >>"$dir/runnel.cfg" <<'CFG'
pipeline = { name = "main"; mode = "convert"; reader = { source = { connection = "to"; }; }; writer = { sink = { connection = "to"; }; }; };
CFG
    api 204 DELETE /pipelines/shop
    api 409 DELETE /connections/to
    api 200 GET /connections/to
    sed -i '/^pipeline/d' "$dir/runnel.cfg"
    api 422 POST /pipelines '{"name":"url","mode":"convert","reader":{"source":{"connection":"mysql://u:***@h/d"}},"writer":{"sink":{"connection":"to"}}}'
    has .code api.hidden
    api 204 DELETE /pipelines/copy
    api 404 GET /pipelines/copy
    api 204 DELETE /connections/from
    api 204 DELETE /connections/to
    [ -z "$(find "$dir/pipes" "$dir/conns" -type f)" ] || fail "something is left: $(find "$dir/pipes" "$dir/conns" -type f)"
    serve_end
}
says_debug() { api 200 GET "/logs?after=$after&limit=500" && [ "$(field '[.items[] | select(.level == "debug")] | length')" -gt 0 ]; }
run_is_kept() { api 200 GET /pipelines/shop/runs && [ "$(field '.items[0].outcome')" = finished ]; }
job_ended() { api 200 GET "/jobs/$job" && [ "$(field .state)" != running ]; }

# kill -9 of the node while it writes what it is asked to: each file is whole, what was answered holds.
test_killed_amid_writes() {
    local round writer
    rm -rf "$dir"
    serve
    api 201 POST /connections "{\"name\":\"file\",\"plugin\":\"sqlite\",\"path\":\"$E2E_SCRATCH/x.db\"}"
    api 201 POST /pipelines '{"name":"kept","mode":"convert","reader":{"source":{"connection":"file"},"lanes":1},"writer":{"sink":{"connection":"file"}}}'
    for round in $(seq 12); do
        : >"$E2E_SCRATCH/answered"
        write_on "$round" &
        writer=$!
        at_end_kill "$writer"
        wait_for 20 has_written $((RANDOM % 4 + 1))
        kill -KILL "$node"
        wait "$node" 2>/dev/null || true
        wait "$writer" || true
        for file in "$dir"/pipes/*.cfg "$dir"/conns/*.cfg; do
            runnel config show "$file" --config "$dir/runnel.cfg" >/dev/null 2>&1 ||
                runnel config check "$file" >/dev/null || fail "round $round: $file is damaged: $(cat "$file")"
        done
        while read -r name; do
            [ -s "$dir/pipes/$name.cfg" ] || fail "round $round: $name was answered, and isn't there"
        done <"$E2E_SCRATCH/answered"
        [ "$(sqlite3 "$dir/state/runnel.db" 'pragma integrity_check')" = ok ] || fail "round $round: the database is damaged"
        serve
    done
    api 200 GET /pipelines/kept
    has .config.name kept
    serve_end
}
write_on() { # ROUND: until nobody answers
    local i got
    for ((i = 0; i < 1000; i++)); do
        got=$(curl -s -m 10 -o /dev/null -w '%{http_code}' -X POST -H "X-API-Key: $key" -H 'Content-Type: application/json' \
            -d "{\"name\":\"p$1-$i\",\"mode\":\"convert\",\"reader\":{\"source\":{\"connection\":\"file\"}},\"writer\":{\"sink\":{\"connection\":\"file\"}}}" \
            "$host/api/v1/pipelines") || return 0
        [ "$got" = 201 ] || return 0
        echo "p$1-$i" >>"$E2E_SCRATCH/answered"
        curl -s -m 10 -o /dev/null -X PATCH -H "X-API-Key: $key" -H 'Content-Type: application/json' \
            -d "{\"reader\":{\"lanes\":$((i % 4 + 1))}}" "$host/api/v1/pipelines/kept" || return 0
    done
}
has_written() { [ "$(wc -l <"$E2E_SCRATCH/answered")" -ge "$1" ]; }

# Every route, with every scope, without a key, with a wrong one, and with another pipeline's.
test_who_may() {
    local scope first method path id needs want keys=()
    shopt -s extglob
    rm -rf "$dir"
    serve
    first=$key
    api 200 GET /openapi.json
    jq -r '.paths | to_entries[] | .key as $path | .value | to_entries[] |
        [(.key | ascii_upcase), $path, .value.operationId, (.value.description // "" |
         capture("scope (?<s>[a-z]+)").s? // (if . == "" then "-" else . end))] | @tsv' \
        <<<"$reply" >"$E2E_SCRATCH/routes"
    [ "$(wc -l <"$E2E_SCRATCH/routes")" -gt 40 ] || fail "routes are missing"
    for scope in read operate write admin metrics data; do
        api 201 POST /keys "{\"name\":\"$scope\",\"scopes\":[\"$scope\"]}"
        keys+=("$scope $(field .key)")
    done
    api 201 POST /keys '{"name":"limited","scopes":["read","operate","write","admin"],"pipelines":["mine-*"]}'
    keys+=("limited $(field .key)")
    while read -r method path id needs; do
        path=${path//\{+([a-z])\}/nothing}
        for one in "none " "wrong rnl_00000000_0000000000000000000000000000000000000000000" "${keys[@]}"; do
            scope=${one%% *} key=${one#* }
            case $id,$scope in
            health,* | ready,* | openapi,*) want=200 ;;
            *,none | *,wrong) want=401 ;;
            show_own_key,*) want=200 ;;
            *,limited) want=$(allowed_to_limited "$id") ;;
            *) want=403 && [ "$needs" != "$scope" ] || want=allowed ;;
            esac
            knock "$method" "$path"
            case $want,$got in
            allowed,40[13]) fail "$scope can't $method $path: $reply" ;;
            allowed,5*) fail "$scope: $method $path: $got $reply" ;;
            allowed,*) ;;
            *) [ "$want" = "$got" ] || fail "$scope: $method $path: $got, not $want: $reply" ;;
            esac
        done
    done <"$E2E_SCRATCH/routes"
    # who guesses is told to wait, and who has a key isn't
    key=rnl_00000000_0000000000000000000000000000000000000000000
    wait_for 30 guesses_enough
    # nothing was done by those
    key=$first
    api 200 GET /keys
    has '.items | length' 8
    # revoked, rotated, expired
    api 200 GET /keys
    id=$(field '.items[] | select(.name == "read").id')
    key=${keys[0]#* }
    api 200 GET /keys/self
    has .name read
    key=$first
    api 200 POST "/keys/$id/rotate" '{"grace_s":0}'
    again=$(field .key)
    key=${keys[0]#* } && api 429 GET /keys/self
    key=$again && api 200 GET /keys/self
    key=$first && api 204 DELETE "/keys/$id"
    key=$again && api 429 GET /keys/self
    key=$first && api 404 DELETE "/keys/$id"
    # on the command line
    key=$(runnel keys create cli --scope read,operate --state-dir "$dir/state" 2>/dev/null)
    api 200 GET /keys/self
    has .name cli
    id=$(field .id)
    [ "$(runnel keys list --state-dir "$dir/state" --json | jq -r ".[] | select(.id == \"$id\").scopes | join(\" \")")" = "read operate" ] || fail "keys list"
    runnel keys revoke "$id" --state-dir "$dir/state" >/dev/null
    knock GET /api/v1/keys/self
    [ "$got" = 429 ] || fail "a key that was revoked: $got"
    key=$first
    api 201 POST /keys '{"name":"slow","scopes":["read"],"rate_per_s":3}'
    key=$(field .key)
    wait_for 10 too_fast
    key=$first
    ! grep -qF -e "$first" -e "$again" "$dir/log" || fail "a key stands in the log"
    serve_end
}
knock() { # METHOD PATH: $got and $reply
    got=$(curl -sS -m 60 -o "$E2E_SCRATCH/reply" -w '%{http_code}' -X "$1" ${key:+-H "X-API-Key: $key"} "$host$2")
    reply=$(head -c 300 "$E2E_SCRATCH/reply" | tr -d '\0')
}
allowed_to_limited() { # ID: what keys of one pipeline may ask at all
    case $1 in
    info | list_nodes | list_plugins | list_pipelines | list_jobs) echo 200 ;;
    show_plugin | show_job) echo allowed ;;
    *) echo 403 ;;
    esac
}
guesses_enough() { knock GET /api/v1/keys/self && [ "$got" = 429 ]; }
too_fast() { knock GET /api/v1/keys/self && [ "$got" = 429 ]; }

# What clients shouldn't send: refused in words, and the next one is served all the same.
test_hostile_requests() {
    local long
    rm -rf "$dir"
    serve
    raw 400 'GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n'
    raw 400 'GET /%%2e%%2e/x HTTP/1.1\r\nHost: localhost\r\n\r\n'
    raw 421 'GET /healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n'
    raw 421 'GET /healthz HTTP/1.1\r\n\r\n'
    raw 400 'POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'
    raw 400 'POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde'
    raw 400 'POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length : 4\r\n\r\nabcd'
    raw 400 'GET /healthz HTTP/1.1\nHost: localhost\n\n\r\n\r\n'
    raw 413 'POST /api/v1/pipelines HTTP/1.1\r\nHost: localhost\r\nContent-Length: 104857600\r\n\r\n'
    raw 413 'POST /api/v1/pipelines HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n7000000\r\n'
    raw 501 'TRACE / HTTP/1.1\r\nHost: localhost\r\n\r\n'
    raw 505 'GET / HTTP/3.0\r\nHost: localhost\r\n\r\n'
    raw 200 'GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n'
    long=$(head -c 20000 /dev/zero | tr '\0' a)
    raw 431 "GET /healthz HTTP/1.1\r\nHost: localhost\r\nA: $long\r\n\r\n"
    ask 404 GET /nothing
    ask 405 PUT /healthz
    [ "$(header Allow)" = "GET, HEAD" ] || fail "Allow: $(header Allow)"
    ask 200 HEAD /healthz
    api 415 POST /keys 'name=x' -H 'Content-Type: text/plain'
    api 400 POST /keys '{"name":"x","name":"y","scopes":["read"]}'
    api 400 POST /keys "$(printf '[%.0s' {1..5000})"
    api 400 POST /keys '[]'
    api 400 POST /keys '{"name":"x","scopes":["read"],"extra":1}'
    has .code request.unknown_field
    api 400 GET '/pipelines?limit=0'
    api 422 POST /connections '{"name":"../../x","plugin":"sqlite","path":"x"}'
    head -c 104857600 /dev/zero >"$E2E_SCRATCH/large"
    api 413 POST /pipelines "@$E2E_SCRATCH/large"
    rm "$E2E_SCRATCH/large"
    # one that trickles is let go, many that rest are borne
    trickle || fail "a request that trickles was borne"
    idle 1100 &
    at_end_kill $!
    wait_for 20 test -e "$E2E_SCRATCH/idle"
    for _ in $(seq 50); do ask 200 GET /healthz; done
    ! grep -q 'the API ended' "$dir/log" || fail "the API ended: $(tail -n 5 "$dir/log")"
    serve_end
}
raw() { # STATUS BYTES OF A REQUEST
    local got
    exec {fd}<>"/dev/tcp/127.0.0.1/$port"
    # shellcheck disable=SC2059
    printf "$2" >&"$fd"
    read -r -t 20 got <&"$fd" || true
    exec {fd}>&-
    [[ $got == "HTTP/1.1 $1 "* ]] || fail "${2:0:80}: $got, not $1"
}
# A byte now and then for ever: succeeds when the other end has had enough.
trickle() {
    local deadline=$((SECONDS + 40))
    exec {fd}<>"/dev/tcp/127.0.0.1/$port"
    printf 'GET /healthz HTTP/1.1\r\n' >&"$fd"
    while [ "$SECONDS" -lt "$deadline" ]; do
        { printf 'A' >&"$fd"; } 2>/dev/null || return 0
        read -r -t 0.5 -u "$fd" _ && return 0
        [ $? -gt 128 ] || return 0 # the end, and not the time
    done
    return 1
}
idle() { # COUNT: connections that say nothing
    local i fds=()
    ulimit -n 4096
    for ((i = 0; i < $1; i++)); do
        exec {fd}<>"/dev/tcp/127.0.0.1/$port" && fds+=("$fd")
    done
    touch "$E2E_SCRATCH/idle"
    sleep 30
}

# TLS, its certificate taken anew; beyond this machine not without it.
test_tls() {
    rm -rf "$dir"
    mkdir -p "$dir"
    certificate first
    serve 'api = { certificate = "cert.pem"; key = "key.pem"; hosts = [ "runnel.test" ]; };'
    host=https://runnel.test:$port
    ask 200 GET /healthz '' --cacert "$dir/cert.pem" --resolve "runnel.test:$port:127.0.0.1"
    certificate second
    kill -HUP "$node"
    wait_for 10 certified
    [ "$(curl -sk -m 5 -o /dev/null -w '%{http_code}' --tls-max 1.1 "https://127.0.0.1:$port/healthz")" = 000 ] || fail "TLS 1.1 is spoken"
    serve_end
    RUNNEL_API_LISTEN=0.0.0.0:0 "$E2E_RUNNEL" serve --config "$dir/plain.cfg" --state-dir "$dir/plain" >"$dir/plain.log" 2>&1 &
    node=$!
    at_end_kill "$node"
    wait_for 20 grep -q 'without TLS' "$dir/plain.log"
    serve_end
}
certificate() { # NAME
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=$1" \
        -addext 'subjectAltName=DNS:runnel.test' -keyout "$dir/key.pem" -out "$dir/cert.pem" 2>/dev/null
    printf 'node = { name = "plain"; };\n' >"$dir/plain.cfg"
}
certified() {
    curl -s -m 5 -o /dev/null --cacert "$dir/cert.pem" --resolve "runnel.test:$port:127.0.0.1" "https://runnel.test:$port/healthz"
}

run_tests
