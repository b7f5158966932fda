//! The built command: what it prints where, and how it exits. What needs a server is in the
//! integration tests.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use assert_cmd::Command;
use tempfile::TempDir;

const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// Runs `pgtenant` in a directory, without the variables of whoever runs the tests.
fn pgtenant(dir: &Path, variables: &[(&str, &str)], args: &[&str]) -> Ran {
    let output = Command::cargo_bin("pgtenant")
        .unwrap()
        .env_clear()
        .envs(variables.iter().copied())
        .current_dir(dir)
        .args(args)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// A directory with a configuration and a master key that are good.
fn good() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(
        dir.path().join("p.toml"),
        "[server]\ndatabase = \"app\"\n[secrets]\nmaster_key_file = \"master.key\"\n",
    )
    .unwrap();
    write_key(dir.path(), 0o600);
    dir
}

fn write_key(dir: &Path, mode: u32) {
    let key = dir.join("master.key");
    fs::write(&key, format!("{KEY}\n")).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn wrong_command_line_exits_with_2_and_help_with_0() {
    let dir = tempfile::tempdir().unwrap();
    for args in [&[][..], &["huh"], &["check"], &["check", "--config"]] {
        let ran = pgtenant(dir.path(), &[], args);
        assert_eq!(ran.code, Some(2), "{args:?}");
        assert!(ran.stdout.is_empty() && ran.stderr.contains("--help"), "{args:?}: {}", ran.stderr);
    }
    for args in [&["--help"][..], &["--version"], &["check", "--help"]] {
        assert_eq!(pgtenant(dir.path(), &[], args).code, Some(0), "{args:?}");
    }
}

#[test]
fn good_configuration_is_said_to_be_good() {
    let dir = good();
    let ran = pgtenant(dir.path(), &[], &["check", "--config", "p.toml", "--offline"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    assert!(ran.stdout.starts_with("p.toml is good\n"), "{}", ran.stdout);
    assert!(ran.stdout.contains("127.0.0.1:6432"), "{}", ran.stdout);
}

#[test]
fn configuration_can_be_named_by_the_environment() {
    let dir = good();
    let ran = pgtenant(dir.path(), &[("PGTENANT_CONFIG", "p.toml")], &["check", "--offline"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
}

#[test]
fn all_problems_are_listed_on_standard_error() {
    let dir = good();
    write_key(dir.path(), 0o644);
    let text = fs::read_to_string(dir.path().join("p.toml")).unwrap();
    fs::write(dir.path().join("p.toml"), text + "[pool]\nmax_sever_connections = 5\nwait_timeout = 3\n")
        .unwrap();
    let variables = [("PGTENANT_LOG_FORMAT", "xml")];
    let ran = pgtenant(dir.path(), &variables, &["check", "--config", "p.toml", "--offline"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
    assert_eq!(
        ran.stderr,
        "pgtenant: 4 problems with the configuration

p.toml:4: secrets.master_key_file: others can read or write master.key (mode 644)
    run: chmod 600 master.key
p.toml:6: pool.max_sever_connections: unknown key
    did you mean `pool.max_server_connections`?
p.toml:7: pool.wait_timeout: the number 3 has no unit
    write it with a unit, for example \"3s\" or \"3min\"
environment variable PGTENANT_LOG_FORMAT: log.format: \"xml\" is not known here
    write \"text\" or \"json\"
"
    );
}

#[test]
fn problems_can_be_had_as_json() {
    let dir = good();
    let args = ["check", "--config", "p.toml", "--offline", "--json"];
    assert_eq!(pgtenant(dir.path(), &[], &args).stdout, "{\"ok\":true,\"problems\":[]}\n");
    let ran = pgtenant(dir.path(), &[("PGTENANT_LISTEN_MAX_CLIENTS", "0")], &args);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(2), ""));
    let found: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        found,
        serde_json::json!({ "ok": false, "problems": [{
            "place": { "kind": "variable", "name": "PGTENANT_LISTEN_MAX_CLIENTS" },
            "key": "listen.max_clients",
            "wrong": "0 is too small",
            "remedy": "give at least 1",
        }]})
    );
}

#[test]
fn file_that_is_missing_or_not_text_is_a_problem_with_the_configuration() {
    let dir = good();
    let ran = pgtenant(dir.path(), &[], &["check", "--config", "gone.toml"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("gone.toml: the configuration file cannot be read: "), "{}", ran.stderr);
    fs::write(dir.path().join("p.toml"), [0xff]).unwrap();
    let ran = pgtenant(dir.path(), &[], &["check", "--config", "p.toml"]);
    assert!(ran.stderr.contains("p.toml: the configuration file cannot be read: it is not UTF-8"));
}

#[test]
fn key_that_is_a_directory_or_endless_is_refused() {
    let dir = good();
    for key in ["/", "/dev/zero"] {
        let variables = [("PGTENANT_SECRETS_MASTER_KEY_FILE", key)];
        let ran = pgtenant(dir.path(), &variables, &["check", "--config", "p.toml", "--offline"]);
        assert_eq!(ran.code, Some(2));
        assert!(ran.stderr.contains("it is not a plain file"), "{}", ran.stderr);
    }
}

#[test]
fn server_that_is_not_there_and_directory_that_is_missing_are_reported_together() {
    let dir = good();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let variables = [
        ("PGTENANT_SERVER_PORT", free.as_str()),
        ("PGTENANT_LISTEN_ADDRESSES", "127.0.0.1:1"),
        ("PGTENANT_LISTEN_UNIX_SOCKET_DIR", "/nonexistent"),
    ];
    let ran = pgtenant(dir.path(), &variables, &["check", "--config", "p.toml"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("this machine: listen.unix_socket_dir: /nonexistent"), "{}", ran.stderr);
    assert!(ran.stderr.contains(": server.port: cannot be reached: "), "{}", ran.stderr);
}
