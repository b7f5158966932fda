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

/// The same, with a text on standard input.
fn pgtenant_reading(dir: &Path, input: &[u8], args: &[&str]) -> Ran {
    let mut command = Command::cargo_bin("pgtenant").unwrap();
    let output =
        command.env_clear().current_dir(dir).args(args).write_stdin(input.to_vec()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// A directory with a configuration, without the files with secrets that it names, and the command that checks a file of SQL
/// with it.
fn without_key() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let text = "[server]\ndatabase = \"app\"\n[guard]\nextra_schemas = [\"prices\"]\n[secrets]\nmaster_key_file = \"gone.key\"\n\
                [console]\nadmin_users = [\"ops\"]\nstats_users = [\"looks\"]\npassword_file = \"gone.users\"\n";
    fs::write(dir.path().join("p.toml"), text).unwrap();
    dir
}

const CHECK_SQL: [&str; 6] = ["check", "sql", "--config", "p.toml", "--tenant", "acme"];

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

#[test]
fn each_statement_of_a_file_is_told_with_its_place_verdict_reason_and_effects() {
    let dir = without_key();
    let sql = "-- what the application does
SELECT * FROM customers, global.plans, prices.list, tenant_acme.orders;
INSERT INTO tenant_beta.orders
  VALUES (';'); DISCARD ALL;
COPY customers (name) FROM stdin;
it's; data
\\.
SELEC 1;
";
    fs::write(dir.path().join("a.sql"), sql).unwrap();
    let ran = pgtenant(dir.path(), &[], &[&CHECK_SQL[..], &["a.sql"]].concat());
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(1), ""));
    // What other levels say is up to their rules.
    let told: String = ran.stdout.split_inclusive('\n').filter(|line| !line.contains(" at level ")).collect();
    assert_eq!(
        told,
        "\
2:1       allow     SELECT * FROM customers, global.plans, prices.list, tenant_acme.orders
                    schemas: global; prices; tenant_acme
3:1       refuse    INSERT INTO tenant_beta.orders…
                    cross_schema (42501): schema \"tenant_beta\" is not in this tenant's scope
                    hint: Leave the schema out: the tenant's own schema is searched first.
                    schemas: tenant_beta, not allowed
                    effects: sequence, write
4:17      allow     DISCARD ALL
                    effects: discard_all, releases
                    in one message with others: allow; effects: opaque, write, releases
5:1       allow     COPY customers (name) FROM stdin
                    effects: sequence, write
8:1       refuse    SELEC 1
                    unparsable (42601): syntax error at or near \"SELEC\"
                    hint: Check the syntax; the grammar is that of PostgreSQL 18.
                    the parser stopped at 8:1

5 statements: 3 allowed, 0 rewritten, 2 refused (schema tenant_acme, level dedicated)
1 of them would be judged differently if all were sent in one message
"
    );
}

#[test]
fn check_of_statements_reads_standard_input_and_exits_with_0_when_all_is_allowed() {
    let dir = without_key();
    for more in [&[][..], &["-"], &["--level", "shared", "--hardened"]] {
        let ran = pgtenant_reading(
            dir.path(),
            "\u{feff}select 1;\nselect 2".as_bytes(),
            &[&CHECK_SQL[..], more].concat(),
        );
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{}", ran.stdout);
        assert!(ran.stdout.starts_with("1:1       allow     select 1\n"), "{}", ran.stdout);
        assert!(ran.stdout.contains("\n\n2 statements: 2 allowed"), "{}", ran.stdout);
    }
    assert_eq!(pgtenant_reading(dir.path(), b" -- nothing\n", &CHECK_SQL).code, Some(0));
}

#[test]
fn check_of_statements_can_be_had_as_json() {
    let dir = without_key();
    let args = [&CHECK_SQL[..], &["--json"]].concat();
    let ran = pgtenant_reading(dir.path(), "select 'ü';\n select 1 frm t x;".as_bytes(), &args);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(1), ""));
    let found: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(found[0]["statement"], "select 'ü'");
    assert_eq!(
        found[1],
        serde_json::json!({
            "line": 2, "column": 2, "statement": "select 1 frm t x", "error_line": 2, "error_column": 15,
            "verdict": "refuse", "rule": "unparsable", "sqlstate": "42601",
            "message": "syntax error at or near \"t\"",
            "hint": "Check the syntax; the grammar is that of PostgreSQL 18.",
            "rewritten": null, "effects": [], "schemas": [], "other_levels": [], "among_others": null,
        })
    );
    assert_eq!(pgtenant_reading(dir.path(), b"", &args).stdout, "[]\n");
}

#[test]
fn what_is_no_sql_is_told_with_its_line_and_remedy() {
    let dir = without_key();
    for (text, expected) in [
        ("select 1;\n\\d t\n", "standard input:2:1: \\d is a command of psql and no SQL: remove it"),
        ("\\copy t from 'x'\n", "standard input:1:1: \\copy is a command of psql and no SQL: write the COPY"),
        ("copy t from stdin;\n1\n", "standard input:1:1: the data of this COPY … FROM STDIN has no end"),
        ("copy t from stdin; select 1;\n1\n\\.\n", "standard input:1:20: data is expected behind COPY"),
    ] {
        let ran = pgtenant_reading(dir.path(), text.as_bytes(), &CHECK_SQL);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{text}");
        assert!(ran.stderr.starts_with(&format!("pgtenant: {expected}")), "{}", ran.stderr);
    }
    let ran = pgtenant_reading(dir.path(), b"select 1;\n\xff", &CHECK_SQL);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("standard input: line 2 is not UTF-8"), "{}", ran.stderr);
}

#[test]
fn check_of_statements_says_what_is_wrong_with_its_arguments() {
    let dir = without_key();
    let sql = &CHECK_SQL[..2];
    for (args, expected) in [
        (&["--config", "p.toml", "--tenant", "Acme"][..], "a slug holds only lower-case letters"),
        (&["--config", "p.toml"], "--tenant <SLUG>"),
        (&["--tenant", "acme"], "--config or PGTENANT_CONFIG"),
        (&["--config", "gone.toml", "--tenant", "acme"], "cannot be read"),
        (&["--config", "p.toml", "--tenant", "acme", "gone.sql"], "gone.sql: it cannot be read"),
        (
            &["--config", "p.toml", "--tenant", "acme", "--level", "none"],
            "[possible values: dedicated, shared]",
        ),
    ] {
        let ran = pgtenant_reading(dir.path(), b"", &[sql, args].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{args:?}");
        assert!(ran.stderr.contains(expected), "{args:?}: {}", ran.stderr);
    }
    let before = ["check", "--config", "p.toml", "--json", "sql", "--tenant", "acme"];
    assert_eq!(pgtenant_reading(dir.path(), b"", &before).stdout, "[]\n");
}

/// What people check: schema first, then much data, in one form or the other.
#[test]
fn dump_of_many_megabytes_is_checked_in_bounded_time_and_memory() {
    let dir = without_key();
    let mut dump = String::from("\\restrict x\nSET statement_timeout = 0;\n");
    for table in 0..20 {
        dump.push_str(&format!("COPY tenant_acme.t{table} (a, b) FROM stdin;\n"));
        dump.push_str(&"42\tit's \\\\ a row; with \\N and $$ in it\n".repeat(25_000));
        dump.push_str("\\.\n\n");
    }
    dump.push_str(&"INSERT INTO tenant_acme.t VALUES (1, 'x');\n".repeat(10_000));
    dump.push_str("\\unrestrict x\n");
    assert!(dump.len() > 15 << 20);
    let ran = pgtenant_reading(dir.path(), dump.as_bytes(), &CHECK_SQL);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    assert!(ran.stdout.contains("\n10021 statements: 10021 allowed"));
    assert!(ran.stdout.ends_with("would be refused (statement_too_long): the limit is 1048576 bytes\n"));
}

#[test]
fn guard_that_only_reports_is_warned_of() {
    let dir = good();
    let variables = [("PGTENANT_GUARD_MODE", "report")];
    let args = ["check", "--config", "p.toml", "--offline"];
    let ran = pgtenant(dir.path(), &variables, &args);
    assert_eq!(ran.code, Some(0));
    assert!(ran.stdout.starts_with("p.toml is good\n"), "{}", ran.stdout);
    assert!(ran.stderr.starts_with("pgtenant: WARNING: guard.mode is \"report\""), "{}", ran.stderr);
    let ran = pgtenant(dir.path(), &variables, &[&args[..], &["--json"]].concat());
    let found: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((ran.stderr.as_str(), &found["ok"]), ("", &serde_json::json!(true)));
    assert!(found["warnings"][0].as_str().unwrap().starts_with("guard.mode is"), "{found}");
}

#[test]
fn check_reads_the_files_with_keys_and_says_what_is_wrong_with_one() {
    let dir = tempfile::tempdir().unwrap();
    let names = "token_issuer = \"i\"\ntoken_audience = \"a\"\n";
    let text = format!("[server]\ndatabase = \"app\"\n[auth]\ntoken_keys = [\"keys.pem\"]\n{names}");
    fs::write(dir.path().join("p.toml"), text).unwrap();
    let args = ["check", "--config", "p.toml", "--offline"];
    let key = [("PGTENANT_MASTER_KEY", KEY)];
    let ran = pgtenant(dir.path(), &key, &args);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("auth.token_keys: keys.pem: cannot be read"), "{}", ran.stderr);
    let keys = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/keys/rsa.pub.pem");
    fs::copy(keys, dir.path().join("keys.pem")).unwrap();
    assert_eq!(pgtenant(dir.path(), &key, &args).code, Some(0));
}
