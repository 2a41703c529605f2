# The program itself: its words, its exit codes, without any server.
# once
# shellcheck shell=bash
. "${0%/*}/lib.sh"

test_version() {
    expect_exit 0 runnel --version
    said "runnel 0."
}

test_help_names_the_commands() {
    expect_exit 0 runnel --help
    said migrate verify check plan run plugins config secrets
    expect_exit 0 runnel help migrate
    said SOURCE TARGET
}

test_no_command() {
    expect_exit 2 runnel
}

test_unknown_command_is_corrected() {
    expect_exit 2 runnel migarte a b
    said migrate
}

test_unknown_option_is_corrected() {
    expect_exit 2 runnel migrate --lnaes 3 mysql://h/a postgres://h/b
    said "--lanes"
}

test_missing_argument() {
    expect_exit 2 runnel migrate mysql://h/a
}

test_unknown_scheme() {
    expect_exit 2 runnel migrate oracle://h/a postgres://h/b
    said oracle
}

test_unknown_url_parameter_is_corrected() {
    expect_exit 2 runnel migrate 'mysql://u@127.0.0.1/a?ssl-moed=REQUIRED' postgres://h/b
    said "ssl-mode"
}

test_plugins_are_found() {
    expect_exit 0 runnel plugins
    said mysql postgres memory file env
}

run_tests
