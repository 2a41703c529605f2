# What every end-to-end test uses; read by a test file with: . "${0%/*}/lib.sh"
# shellcheck shell=bash
#
# A test file defines functions test_*, each one test, and ends with run_tests. It runs once for
# each source server (E2E_SOURCE), or once in all when it has a line "# once". In a test, a
# command that fails makes it fail; `skip WHY` leaves it out, out loud.
#
# From tests/e2e/run: E2E_RUNNEL (the program), E2E_SOURCE and E2E_TARGET (names of testbed
# servers), E2E_SCRATCH (a folder of this file's own), E2E_TESTBED, E2E_SKIPPED and TESTBED_*.
set -euo pipefail

e2e_here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
e2e_top=$(realpath "$e2e_here/../..")
# shellcheck disable=SC2034 # for the tests
testbed=$e2e_top/scripts/testbed
# shellcheck disable=SC2034
fixtures=$e2e_top/tests/fixtures
E2E_TEST=none
export HOME=$E2E_SCRATCH/home # nobody's own .pgpass or .my.cnf
export RUNNEL_API_LISTEN=off   # several nodes run side by side: one that is asked says where
mkdir -p "$HOME"

# --- saying how it went -------------------------------------------------------------------------

# To the file's own log: what waits for something says nothing, but why it can't come is told.
exec 9>&2
say() { echo "    $*" >&9; }

fail() {
    say "failed: $*"
    follower_said
    exit 1
}

# The last words of the run that follows in the background, if there is one.
follower_said() {
    [ -s "${follow_log:-}" ] || return 0
    tail -n 8 "$follow_log" | sed 's/^/    follower | /' >&2
}

skip() { # WHY
    echo "$*" >"$E2E_SCRATCH/why"
    exit 77
}

same() { # EXPECTED FOUND WHAT
    [ "$1" = "$2" ] || fail "$3: expected [$1], found [$2]"
}

# Runs all test_* of the file, in their order, each in a shell of its own.
run_tests() {
    local rc=0 failed=0 began where name tests=()
    where=${0##*/}
    where=${where%.sh}${E2E_LABEL:+ [$E2E_LABEL]}
    mapfile -t tests < <(grep -oE '^test_[a-z0-9_]+' "$0")
    for name in "${tests[@]}"; do
        [[ $name == *${E2E_ONLY:-}* ]] || continue
        began=$SECONDS
        E2E_TEST=$name
        # No `if`, no `||`: they would turn off set -e inside.
        set +e
        (
            set -eE
            trap 'say "${BASH_SOURCE[0]##*/}:$LINENO: $BASH_COMMAND: exit code $?"' ERR
            "$name"
        ) </dev/null
        rc=$?
        set -e
        case $rc in
        0) echo "ok $where ${name#test_} ($((SECONDS - began)) s)" ;;
        77) echo "skip $where ${name#test_}: $(cat "$E2E_SCRATCH/why")" ;;
        *) echo "not ok $where ${name#test_}" && failed=1 ;;
        esac
    done
    return "$failed"
}

# --- servers ------------------------------------------------------------------------------------

server() { # NAME WHAT: a word of the testbed's env, as in: server mariadb PORT
    local word=TESTBED_${1^^}_$2
    [ -n "${!word:-}" ] || skip "$(grep -hs "^skipped: $1: " "$E2E_TESTBED/skipped" ||
        echo "no $1 server")"
    echo "${!word}"
}

# The administrator's clients. Arguments go to the client; SQL by -e/-c or standard input.
source_sql() {
    mariadb --no-defaults -uroot -S "$(server "$E2E_SOURCE" SOCKET)" \
        --default-character-set=utf8mb4 -N -B "$@"
}
target_sql() {
    psql -X -q -A -t -v ON_ERROR_STOP=1 -h "$(server "$E2E_TARGET" SOCKET)" \
        -p "$(server "$E2E_TARGET" PORT)" -U postgres "$@"
}

# Sets db, SRC and DST: a source database and a target database that nobody else uses.
new_databases() {
    server "$E2E_SOURCE" PORT >/dev/null
    server "$E2E_TARGET" PORT >/dev/null
    db=e2e_$(basename "$0" .sh | tr -c 'a-z0-9\n' _)_${E2E_TEST#test_}
    db=${db:0:48}_${E2E_SOURCE}
    source_sql -e "drop database if exists \`$db\`; create database \`$db\`"
    target_sql -d postgres -c "drop database if exists \"$db\" with (force)" 2>/dev/null ||
        target_sql -d postgres -c "drop database if exists \"$db\""
    target_sql -d postgres -c "create database \"$db\" owner runnel"
    SRC=$(server "$E2E_SOURCE" URL)/$db
    DST=$(server "$E2E_TARGET" URL)/$db
}

# Databases of any engine; NAME is a testbed server's, or sqlite: a file in the scratch folder.

engine_of() { # NAME
    case $1 in
    maria* | mysql*) echo mysql ;;
    postgres*) echo postgres ;;
    *) echo "$1" ;;
    esac
}

database_file() { echo "$E2E_SCRATCH/$1.db"; } # DATABASE

# SQL by the administrator's client, from arguments (-e SQL or -c SQL: as the client has it) or
# standard input; rows come without heads.
database_sql() { # NAME DATABASE [CLIENT ARGUMENTS]
    local name=$1 database=$2
    shift 2
    case $(engine_of "$name") in
    mysql) mariadb --no-defaults -uroot -S "$(server "$name" SOCKET)" --default-character-set=utf8mb4 -N -B "$database" "$@" ;;
    postgres) psql -X -q -A -t -v ON_ERROR_STOP=1 -h "$(server "$name" SOCKET)" -p "$(server "$name" PORT)" \
        -U postgres -d "$database" "$@" ;;
    sqlite) sqlite3 -batch -bail "$(database_file "$database")" "$@" ;;
    esac
}

# A fixture: what it makes is the program's user's.
database_load() { # NAME DATABASE: SQL on standard input
    case $(engine_of "$1") in
    postgres) cat <(echo "set client_min_messages = warning; set role runnel;") - | database_sql "$1" "$2" >/dev/null ;;
    *) database_sql "$1" "$2" ;;
    esac
}

# One statement on any engine; a name may stand in "".
query() { # NAME DATABASE SQL
    case $(engine_of "$1") in
    mysql) database_sql "$1" "$2" -e "set sql_mode = 'ANSI_QUOTES'; $3" ;;
    postgres) database_sql "$1" "$2" -c "set timezone = 'UTC'" -c "$3" ;;
    sqlite) database_sql "$1" "$2" "$3" ;;
    esac
}

database_new() { # NAME DATABASE: empty, and the program's user may do all in it
    case $(engine_of "$1") in
    mysql) database_sql "$1" "" -e "drop database if exists \`$2\`; create database \`$2\`" ;;
    postgres) database_sql "$1" postgres -c "set client_min_messages = warning" -c "drop database if exists \"$2\" with (force)" -c "create database \"$2\" owner runnel" ;;
    sqlite) rm -f "$(database_file "$2")"* ;;
    esac
}

database_url() { # NAME DATABASE
    case $1 in
    sqlite) echo "sqlite://$(database_file "$2")" ;;
    *) echo "$(server "$1" URL)/$2" ;;
    esac
}

# Tables of all that a database has, as "schema.name" without the schema that all are in.
database_tables() { # NAME DATABASE
    case $(engine_of "$1") in
    mysql) query "$1" "$2" "select table_name from information_schema.tables where table_schema = database() and table_type = 'BASE TABLE' and table_name not like 'runnel\\_%' order by 1" ;;
    postgres) query "$1" "$2" "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition order by 1" ;;
    sqlite) query "$1" "$2" "select name from sqlite_schema where type = 'table' and name not like 'runnel\\_%' escape '\\' and name not like 'sqlite\\_%' escape '\\' order by 1" ;;
    esac
}

# --- the program --------------------------------------------------------------------------------

runnel() { "$E2E_RUNNEL" "$@"; }

# expect_exit CODE COMMAND...: leaves what it printed in $out and $err (files).
expect_exit() {
    local want=$1 rc=0
    shift
    out=$E2E_SCRATCH/$E2E_TEST.out err=$E2E_SCRATCH/$E2E_TEST.err
    "$@" >"$out" 2>"$err" || rc=$?
    [[ ,$want, == *,$rc,* ]] && return
    say "exit code $rc, not $want: $*"
    tail -n 25 "$out" "$err" | sed 's/^/    | /' >&2
    follower_said
    exit 1
}

# said TEXT...: what the last expect_exit printed has each of these words (any case).
said() {
    local word
    for word in "$@"; do
        grep -qiF -e "$word" "$out" "$err" && continue
        say "expected to read [$word] in:"
        tail -n 25 "$out" "$err" | sed 's/^/    | /' >&2
        exit 1
    done
}

not_said() {
    ! grep -qF -e "$1" "$out" "$err" || fail "must not say [$1]"
}

# A move and its proof, as a person would do it.
move_and_verify() {
    expect_exit 0 runnel migrate "$SRC" "$DST"
    expect_exit 0 runnel verify "$SRC" "$DST"
}

wait_for() { # SECONDS COMMAND...: until it succeeds
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$deadline" ] || fail "waited in vain for: $*"
        sleep 0.05
    done
}

# --- following ----------------------------------------------------------------------------------

ending=() # processes

# Sets FROM, TO (servers), db_from, db_to, SRC and DST: two empty databases.
pair_new() { # FROM TO
    FROM=$1 TO=$2
    [ "$TO" = sqlite ] || server "$TO" PORT >/dev/null
    server "$FROM" PORT >/dev/null
    db_from=f_$(basename "$0" .sh | tr -c 'a-z0-9\n' _)_${E2E_TEST#test_}
    db_from=${db_from:0:48} db_to=${db_from}_to
    database_new "$FROM" "$db_from"
    database_new "$TO" "$db_to"
    SRC=$(database_url "$FROM" "$db_from")
    DST=$(database_url "$TO" "$db_to")
}

at_from() { query "$FROM" "$db_from" "$1" | tr '\t' '|'; }
at_to() { query "$TO" "$db_to" "$1" | tr '\t' '|'; }

# SQL of all engines from standard input, statement by statement; names in "".
change_source() {
    case $(engine_of "$FROM") in
    mysql) cat <(echo "set sql_mode = 'ANSI_QUOTES', lock_wait_timeout = 30;") - | database_sql "$FROM" "$db_from" ;;
    postgres) cat <(echo "set client_min_messages = warning; set lock_timeout = '30s'; set role runnel;") - | database_sql "$FROM" "$db_from" >/dev/null ;;
    esac
}

# Starts a run that follows, in the background: $follower; what it says is in $follow_log.
follow_begin() { # [OPTIONS]
    follow_log=$E2E_SCRATCH/$E2E_TEST.follow
    : >"$follow_log" # what an earlier run has said there isn't this one's
    "$E2E_RUNNEL" migrate "$SRC" "$DST" --follow "$@" >"$follow_log.out" 2>"$follow_log" &
    follower=$!
    at_end_kill "$follower"
}

# What a test has started in the background ends with it, however it ends.
at_end_kill() { # PID
    ending+=("$1")
    trap 'kill -KILL "${ending[@]}" 2>/dev/null || true' EXIT
}

follow_runs() { kill -0 "$follower" 2>/dev/null; }
follow_gone() { ! follow_runs; }

follow_failed() { # WHY
    say "$1"
    tail -n 20 "$follow_log" | sed 's/^/    | /' >&2
    exit 1
}

# Until all is loaded, what changed meanwhile is in the target and so is its structure.
wait_follow() { # SECONDS
    local deadline=$((SECONDS + $1))
    until grep -qsw following "$follow_log"; do
        follow_runs || follow_failed "it ended before it followed"
        [ "$SECONDS" -lt "$deadline" ] || follow_failed "it doesn't follow after $1 s"
        sleep 0.05
    done
}

follow_start() { # [OPTIONS]
    follow_begin "$@"
    wait_follow 60
}

# Ends it in order.
follow_stop() {
    local rc=0
    kill -INT "$follower" 2>/dev/null || true
    wait_for 60 follow_gone
    wait "$follower" || rc=$?
    [ "$rc" -eq 130 ] || [ "$rc" -eq 0 ] || follow_failed "it ended with exit code $rc"
}

# Ends it, and takes over what the source has by now.
follow_drain() { # [OPTIONS]
    follow_stop
    expect_exit 0 runnel migrate "$SRC" "$DST" --follow --drain "$@"
}

# Until a question has the same answer at both ends; fails at once when the run has ended.
wait_same() { # SECONDS SQL
    local deadline=$((SECONDS + $1)) a b
    while true; do
        a=$(at_from "$2")
        b=$(at_to "$2" 2>&1 || true)
        [ "$a" != "$b" ] || break
        follow_runs || follow_failed "it ended; expected [${a:0:300}], found [${b:0:300}]: $2"
        [ "$SECONDS" -lt "$deadline" ] ||
            follow_failed "after $1 s: expected [${a:0:300}], found [${b:0:300}]: $2"
        sleep 0.05
    done
}
