# A move whose password comes from the secret store: it ends up in neither log nor target.
# shellcheck shell=bash
. "${0%/*}/lib.sh"

test_password_from_the_store() {
    local canary=canary7f3a9c user store=$E2E_SCRATCH/store
    new_databases
    user=${db//[^a-z0-9]/}
    user=c${user: -20}
    source_sql -e "create table \`$db\`.t (id int primary key, a text); insert into \`$db\`.t values (1, 'x')"
    source_sql -e "drop user if exists $user@'%', $user@localhost"
    source_sql -e "create user $user@'%' identified by '$canary'; create user $user@localhost identified by '$canary'"
    for host in "'%'" localhost; do
        source_sql -e "grant all on *.* to $user@$host"
    done
    expect_exit 0 runnel secrets init --path "$store"
    expect_exit 0 runnel secrets set 'shop#password' --path "$store" < <(echo "$canary")
    echo "secrets = { file = { path = \"$store\"; }; };" >"$E2E_SCRATCH/secrets.cfg"
    SRC="mysql://$user@${SRC#*@}"
    SRC="$SRC$([[ $SRC == *\?* ]] && echo '&' || echo '?')password=secret://file/shop%23password"
    expect_exit 0 runnel migrate "$SRC" "$DST" -c "$E2E_SCRATCH/secrets.cfg" --log-level debug
    not_said "$canary"
    same 1 "$(target_sql -d "$db" -c "select count(*) from t")" "rows moved"
    pg_dump -h "$(server "$E2E_TARGET" SOCKET)" -p "$(server "$E2E_TARGET" PORT)" -U postgres "$db" \
        >"$E2E_SCRATCH/dump" || skip "this pg_dump can't read the target"
    ! grep -qF "$canary" "$E2E_SCRATCH/dump" || fail "the target holds the password"
    expect_exit 2 runnel migrate "${SRC/shop%23/none%23}" "$DST" -c "$E2E_SCRATCH/secrets.cfg"
    said secrets.not_found "runnel secrets list"
    source_sql -e "drop user $user@'%', $user@localhost"
}

run_tests
