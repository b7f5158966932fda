//! The real program, its file, and SIGHUP.

use std::fs;

use crate::support::binary::Binary;

#[test]
fn hangup_applies_the_file_and_names_what_takes_a_restart() {
    let binary = Binary::start(&["alpha"]);
    let mut wire = binary.wire("alpha");
    binary
        .configure("[limits]\nstatement_timeout = \"50ms\"\n[log]\nformat = \"json\"\nfilter = \"debug\"\n");
    let from = binary.log().len();
    binary.signal("-HUP");
    let told = binary.wait_for_log(from, "the configuration was read again");
    assert!(
        told.contains(
            "in force: limits.statement_timeout, log.filter; takes a restart, the old value holds: log.format"
        ),
        "{told}"
    );
    assert!(wire.query("select pg_sleep(10)").join("\n").contains("57014"));
    binary.wire("alpha").run("select 1");
    binary.wait_for_log(from, "DEBUG");
    assert!(!binary.log()[from..].lines().any(|line| line.starts_with('{')), "the format is the old one");
}

#[test]
fn wrong_file_is_told_with_line_key_and_remedy_and_changes_nothing() {
    let binary = Binary::start(&["alpha"]);
    let mut wire = binary.wire("alpha");
    binary.configure("[limits]\nstatement_timeout = \"50ms\"\nmax_clients = 0\n[pool]\nmaximum = 1\n");
    let from = binary.log().len();
    binary.signal("-HUP");
    let told = binary.wait_for_log(from, "nothing is changed");
    let line = told.lines().find(|line| line.contains("nothing is changed")).unwrap();
    assert!(line.contains("ERROR"), "{line}");
    for part in [
        "pgtenant.toml:",
        "limits.max_clients: 0 is too small",
        "give at least 1",
        "pool.maximum: unknown key",
    ] {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert_eq!(wire.value("select 'slow' from pg_sleep(0.2)"), "slow");
    fs::remove_file(binary.dir().join("pgtenant.toml")).unwrap();
    binary.signal("-HUP");
    binary.wait_for_log(from, "the configuration file cannot be read");
    wire.run("select 1");
}
