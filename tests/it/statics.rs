//! Tenants that stand in a file, for a database without a registry.

use crate::support::binary::{Binary, psql};
use crate::support::proxy::{eventually, stdout};

const TWO: &str = "[tenants.acme]\nschema = \"DB_acme\"\nrole = \"DB_acme\"\nreader_role = \"DB_acme_reader\"\n\
    settings = { timezone = \"Europe/Berlin\" }\n\
    [tenants.acme.users]\nDB_acme = { VERIFIER }\nDB_report = { VERIFIER, access = \"read_only\" }\n\
    [tenants.globex]\nschema = \"DB_globex\"\nrole = \"DB_globex\"\nusers.DB_globex = { VERIFIER }\n";

#[test]
fn tenants_of_a_file_are_served_apart_without_a_registry() {
    let mut binary = Binary::of_file(TWO);
    let (mut acme, mut globex) = (binary.wire("acme"), binary.wire("globex"));
    acme.run("create table notes (body text); insert into notes values ('of acme')");
    globex.run("create table notes (body text); insert into notes values ('of globex')");
    assert_eq!(acme.value("select body from notes"), "of acme");
    assert_eq!(globex.value("select body from notes"), "of globex");
    assert_eq!(acme.value("show timezone"), "Europe/Berlin");
    let foreign = format!("select body from {}_acme.notes", binary.database);
    assert!(globex.query(&foreign).concat().contains("42501"));
    assert!(globex.query("select count(*) from pgtenant.tenants").concat().contains("ERROR"));
    let mut report = binary.wire("report");
    assert_eq!(report.value("select body from notes"), "of acme");
    assert!(report.query("insert into notes values ('x')").concat().contains("25006"));
    binary.terminate();
    assert!(binary.wait().success());
}

#[test]
fn serve_refuses_what_the_database_does_not_keep_apart() {
    let binary = Binary::of_file(TWO);
    let database = &binary.database;
    psql(database, &format!("grant usage on schema {database}_acme to {database}_globex"));
    let output = binary.command().arg("serve").output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && error.contains("not serving until this is mended"), "{error}");
    assert!(
        error.contains(&format!("REVOKE ALL ON SCHEMA \"{database}_acme\" FROM \"{database}_globex\"")),
        "{error}"
    );
}

#[test]
fn commands_for_a_registry_say_where_the_tenants_stand() {
    let binary = Binary::of_file(TWO);
    for command in [&["tenant", "list"][..], &["user", "list"], &["verify"], &["migrate", "status"]] {
        let output = binary.command().args(command).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains("tenants.toml") && error.contains("no registry"), "{error}");
    }
    let listed = stdout(&binary.command().args(["static", "list"]).output().unwrap());
    let report = format!("{0}_acme, {0}_report (read_only)", binary.database);
    assert!(listed.starts_with("TENANT") && listed.contains(&report), "{listed}");
    let known = binary.command().args(["check"]).output().unwrap();
    assert!(known.status.success(), "{}", String::from_utf8_lossy(&known.stderr));
}

#[test]
fn file_is_read_again_at_a_hangup_and_a_wrong_one_changes_nothing() {
    let binary = Binary::of_file(TWO);
    let (mut acme, mut globex) = (binary.wire("acme"), binary.wire("globex"));
    binary.rewrite_tenants("[tenants.acme]\nschema = \"public\"\n");
    eventually("it is refused", || binary.log().contains("cannot be one tenant's"));
    assert_eq!(acme.value("select 1"), "1");
    let without_globex = TWO.split("[tenants.globex]").next().unwrap();
    binary.rewrite_tenants(without_globex);
    let end = globex.until_end();
    assert!(end[0].contains("57P01"), "{end:?}");
    assert_eq!(acme.value("select 1"), "1");
    binary.rewrite_tenants(TWO);
    eventually("globex is back", || binary.try_wire("globex").is_ok());
}
