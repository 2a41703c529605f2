# Configuration from the outside: where values come from, mistakes with their place, no secret shown.
# once
# shellcheck shell=bash
. "${0%/*}/lib.sh"

cd "$E2E_SCRATCH" || exit 1
unset RUNNEL_LOG_LEVEL RUNNEL_CONFIG

write_config() {
    rm -f runnel.cfg
    (umask 077 && cat >"$1") <<'CFG'
log = { level = "debug"; };
connections = {
  shop = { plugin = "mysql"; host = "h"; database = "shop"; password = "geheim"; };
  copy = { plugin = "postgres"; host = "h"; database = "shop"; };
};
pipeline = {
  name = "shop";
  reader = { source = { connection = "shop"; }; };
  writer = { sink = { connection = "copy"; }; };
};
CFG
}

test_origins() {
    write_config a.cfg
    expect_exit 0 runnel config show --origin
    said 'log.level = "info"    # preset'
    expect_exit 0 runnel config show --origin -c a.cfg
    said 'log.level = "debug"    # a.cfg:1' '"h"    # a.cfg:3' 'password = ***'
    said 'ddl = "evolve"    # preset' 'truncate = "apply"    # preset' 'writer.change_lanes = 1    # preset'
    said 'writer.on_error = "stop"    # preset' 'retry.seconds = 600    # preset' 'structure.checks = true    # preset'
    not_said geheim
    RUNNEL_LOG_LEVEL=warn expect_exit 0 runnel config show --origin -c a.cfg
    said '"warn"    # RUNNEL_LOG_LEVEL'
    RUNNEL_LOG_LEVEL=warn expect_exit 0 runnel config show --origin -c a.cfg --log-level error
    said '"error"    # --log-level'
    RUNNEL_CONFIG=a.cfg expect_exit 0 runnel config show --json
    said '"value": "***"'
    not_said geheim
}

test_preset_file() {
    write_config runnel.cfg
    expect_exit 0 runnel config show --origin
    said 'runnel.cfg:1'
    chmod 0666 runnel.cfg
    expect_exit 0 runnel config show --origin
    said 'everybody' '# preset'
    rm -f runnel.cfg
}

test_mistakes_have_a_place() {
    write_config a.cfg
    expect_exit 0 runnel config check a.cfg
    sed 's/database = "shop"; };/databse = "shop"; };/' a.cfg >b.cfg
    expect_exit 2 runnel config check b.cfg
    said 'b.cfg:4' 'database'
    head -c 250 a.cfg >b.cfg
    expect_exit 2 runnel run b.cfg
    said 'b.cfg:' 'complete'
    sed 's/connection = "copy"/connection = "cpoy"/' a.cfg >b.cfg
    expect_exit 2 runnel config check b.cfg
    said 'b.cfg:9' '"copy"'
    sed 's/name = "shop";/&mode = "following";/' a.cfg >b.cfg
    expect_exit 2 runnel run b.cfg
    said replicate
    expect_exit 2 runnel -c nowhere.cfg config show
    said nowhere.cfg
}

run_tests
