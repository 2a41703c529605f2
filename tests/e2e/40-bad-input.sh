# What goes wrong is said in words that help, with the right exit code, and nothing is lost.
# shellcheck shell=bash
. "${0%/*}/lib.sh"

target() { target_sql -d "$db" -c "$1"; }

one_table() {
    new_databases
    source_sql "$db" -e "create table t (id int not null primary key, v varchar(10)); insert into t values (1, 'a'), (2, 'b')"
}

# The same URL with another part: with SRC user:password, with DST host ...
url() { # SCHEME USER:PASSWORD HOST:PORT DATABASE
    echo "$1://$2@$3/$4"
}

source_at() { echo "127.0.0.1:$(server "$E2E_SOURCE" PORT)"; }
target_at() { echo "127.0.0.1:$(server "$E2E_TARGET" PORT)"; }

test_wrong_password_of_the_source() {
    one_table
    expect_exit 2,3 runnel migrate "$(url mysql runnel:secret-word "$(source_at)" "$db")" "$DST"
    said "access denied" "mysql.access_denied" runnel
    not_said secret-word
}

test_wrong_password_of_the_target() {
    one_table
    expect_exit 2,3 runnel migrate "$SRC" "$(url postgres runnel:secret-word "$(target_at)" "$db")"
    said "password authentication failed" "postgres.auth"
    not_said secret-word
}

test_unknown_host() {
    one_table
    expect_exit 1,2,3 timeout 60 "$E2E_RUNNEL" migrate "$(url mysql u:p no-such-host.invalid "$db")" "$DST"
    said no-such-host.invalid
    expect_exit 1,2,3 timeout 60 "$E2E_RUNNEL" migrate "$SRC" "$(url postgres u:p no-such-host.invalid "$db")"
    said no-such-host.invalid
}

test_nobody_listens() {
    one_table
    expect_exit 1,2,3 timeout 60 "$E2E_RUNNEL" migrate "$(url mysql u:p 127.0.0.1:1 "$db")" "$DST"
    said 127.0.0.1 refused
    expect_exit 1,2,3 timeout 60 "$E2E_RUNNEL" migrate "$SRC" "$(url postgres u:p 127.0.0.1:1 "$db")"
    said 127.0.0.1 refused
}

test_missing_database_of_the_source() {
    one_table
    expect_exit 2 runnel migrate "$(url mysql runnel:runnel "$(source_at)" no_such_database)" "$DST"
    said no_such_database
}

test_missing_database_of_the_target() {
    one_table
    expect_exit 2 runnel migrate "$SRC" "$(url postgres runnel:runnel "$(target_at)" no_such_database)"
    said no_such_database
}

test_empty_source() {
    new_databases
    expect_exit 2 runnel migrate "$SRC" "$DST"
    said table
}

test_missing_privilege_on_the_source() {
    one_table
    source_sql -e "drop user if exists weak@'%'; create user weak@'%' identified by 'weak'"
    expect_exit 2 runnel migrate "$(url mysql weak:weak "$(source_at)" "$db")" "$DST"
    said "$db"
    # One table may be seen but not read.
    source_sql -e "grant insert on \`$db\`.t to weak@'%'"
    expect_exit 2 runnel migrate "$(url mysql weak:weak "$(source_at)" "$db")" "$DST"
    said privilege SELECT
    source_sql -e "drop user weak@'%'"
}

test_missing_privilege_on_the_target() {
    one_table
    local role=weak_$E2E_SOURCE
    target_sql -d "$db" -c "drop role if exists $role" -c "create role $role login password 'weak'" \
        -c "revoke create on schema public from public"
    expect_exit 2 runnel migrate "$SRC" "$(url postgres "$role:weak" "$(target_at)" "$db")"
    said privilege
}

test_unreadable_certificate() {
    one_table
    expect_exit 2,3 runnel migrate "$SRC?tls.mode=verify-full&tls.ca=/nonexistent/ca.pem" "$DST"
    said /nonexistent/ca.pem
    expect_exit 2,3 runnel migrate "$SRC" "$DST?sslmode=verify-full&sslrootcert=/nonexistent/ca.pem"
    said /nonexistent/ca.pem
    echo "not a certificate" >"$E2E_SCRATCH/bad.pem"
    expect_exit 1,2,3 runnel migrate "$SRC?tls.mode=verify-full&tls.ca=$E2E_SCRATCH/bad.pem" "$DST"
    said tls
    expect_exit 1,2,3 runnel migrate "$SRC" "$DST?sslmode=verify-full&sslrootcert=$E2E_SCRATCH/bad.pem"
    said tls
}

test_certificate_of_another_authority() {
    one_table
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=other \
        -keyout "$E2E_SCRATCH/other.key" -out "$E2E_SCRATCH/other.pem" 2>/dev/null
    expect_exit 1,2,3 runnel migrate "$SRC?tls.mode=verify-full&tls.ca=$E2E_SCRATCH/other.pem" "$DST"
    said tls certificate
    expect_exit 1,2,3 runnel migrate "$SRC" "$DST?sslmode=verify-full&sslrootcert=$E2E_SCRATCH/other.pem"
    said tls certificate
}

test_tls_that_is_right() {
    one_table
    SRC="$SRC?ssl-mode=VERIFY_IDENTITY&ssl-ca=$TESTBED_CA"
    DST="$DST?sslmode=verify-full&sslrootcert=$TESTBED_CA"
    move_and_verify
}

# Without TLS, and the server hasn't seen the password yet: it goes encrypted for a key, which nobody
# between may hand out. 0.0.0.0 is this machine, but no address that is known to be.
test_login_by_a_pinned_key() {
    [ "$E2E_SOURCE" = mysql9 ] || skip "caching_sha2_password is MySQL's"
    local key=$E2E_SCRATCH/pinned.pem other=$E2E_SCRATCH/other.pem plain
    one_table
    plain="mysql://e2e_sha2:sha2@0.0.0.0:$(server "$E2E_SOURCE" PORT)/$db?tls.mode=off"
    source_sql --raw -e "select variable_value from performance_schema.global_status where variable_name = 'Caching_sha2_password_rsa_public_key'" >"$key"
    openssl genrsa 2048 2>/dev/null | openssl rsa -pubout -out "$other" 2>/dev/null
    source_sql -e "drop user if exists e2e_sha2@'%'; create user e2e_sha2@'%' identified with caching_sha2_password by 'sha2'; grant all on *.* to e2e_sha2@'%'"
    expect_exit 2,3 runnel migrate "$plain" "$DST"
    said mysql.login_method server_public_key
    expect_exit 2,3 runnel migrate "$plain" "$DST" --set server_public_key="$other"
    said mysql.access_denied "whether server_public_key is this server's"
    expect_exit 2,3 runnel migrate "$plain" "$DST" --set server_public_key=/nonexistent/key.pem
    said mysql.tls /nonexistent/key.pem
    expect_exit 2,3 env MARIADB_PLUGIN_DIR=/nonexistent "$E2E_RUNNEL" migrate "$plain" "$DST" --set server_public_key="$key"
    said "caching_sha2_password could not be loaded" mysql.login_method
    expect_exit 0 runnel migrate "$plain" "$DST" --follow --drain --set server_public_key="$key"
    expect_exit 0 runnel verify "$plain" "$DST" --set server_public_key="$key"
    source_sql -e "drop user e2e_sha2@'%'"
}

test_truncated_configuration() {
    local whole=$E2E_SCRATCH/whole.cfg size=0 step
    one_table
    cat >"$whole" <<CFG
connections = {
  from = { plugin = "mysql"; host = "127.0.0.1"; port = $(server "$E2E_SOURCE" PORT); database = "$db"; user = "runnel"; password = "runnel"; };
  to = { plugin = "postgres"; host = "127.0.0.1"; port = $(server "$E2E_TARGET" PORT); database = "$db"; user = "runnel"; password = "runnel"; };
};
pipeline = {
  name = "cut";
  mode = "convert";
  reader = { source = { plugin = "mysql"; connection = "from"; }; };
  transport = { plugin = "memory"; };
  writer = { sink = { plugin = "postgres"; connection = "to"; }; };
};
CFG
    chmod 600 "$whole"
    size=$(wc -c <"$whole")
    for step in 30 55 75 90 97; do
        head -c $((size * step / 100)) "$whole" >"$E2E_SCRATCH/cut.cfg"
        expect_exit 2 runnel run "$E2E_SCRATCH/cut.cfg"
        said "cut.cfg"
    done
    expect_exit 0 runnel run "$whole"
    same 2 "$(target 'select count(*) from t')" "rows by a file"
}

test_unknown_word_in_the_configuration() {
    cat >"$E2E_SCRATCH/word.cfg" <<CFG
connections = {
  from = { plugin = "mysql"; hots = "127.0.0.1"; };
};
CFG
    expect_exit 2 runnel config check "$E2E_SCRATCH/word.cfg"
    said word.cfg:2 hots host
}

test_target_with_rows() {
    one_table
    target "create table t (id int primary key, v varchar(10)); insert into t values (7, 'mine')" >/dev/null
    target "alter table t owner to runnel"
    expect_exit 2 runnel migrate "$SRC" "$DST"
    said t row
    same "7|mine" "$(target "select * from t")" "the rows that were there"
}

test_target_disk_full() {
    local space=$E2E_SCRATCH/small
    [ "$(id -u)" -eq 0 ] || skip "needs root, to mount a small tmpfs"
    mkdir -p "$space"
    mount -t tmpfs -o size=24m tmpfs "$space" 2>/dev/null || skip "this machine lets nobody mount a tmpfs"
    # shellcheck disable=SC2064
    trap "target_sql -d postgres -c 'drop database if exists \"full_$E2E_SOURCE\"' -c 'drop tablespace if exists small_$E2E_SOURCE'; umount -l '$space'" EXIT
    chmod a+rx "$E2E_SCRATCH" "$E2E_SCRATCH/.."
    chown "$(stat -c %U "$E2E_TESTBED/$E2E_TARGET/data")" "$space"
    new_databases
    target_sql -d postgres -c "create tablespace small_$E2E_SOURCE location '$space'"
    target_sql -d postgres -c "create database full_$E2E_SOURCE owner runnel tablespace small_$E2E_SOURCE"
    DST=$(server "$E2E_TARGET" URL)/full_$E2E_SOURCE
    source_sql "$db" <"$fixtures/load.sql"
    # at once: tried again, even a new connection may fail for want of room, and say so in its own words
    expect_exit 3 timeout 120 "$E2E_RUNNEL" migrate --retry-seconds 0 "$SRC" "$DST"
    said postgres.disk_full "make room"
    mount -o remount,size=400m "$space"
    expect_exit 0 runnel migrate "$SRC" "$DST"
    expect_exit 0 runnel verify "$SRC" "$DST"
}

run_tests
