//! Where values come from: variables before the file, and what is unknown in either.

use super::*;

#[test]
fn variable_overrides_the_file() {
    let text = "[listen]\nmax_clients = 5\n[pool]\nreset = \"always\"\n";
    let config = parse_with(
        text,
        &[
            ("PGTENANT_LISTEN_MAX_CLIENTS", "6"),
            ("PGTENANT_LISTEN_ADDRESSES", "127.0.0.1:1, [::1]:2"),
            ("PGTENANT_SERVER_SETTINGS", "{ statement_timeout = \"3s\" }"),
            ("PGTENANT_GUARD_EXTRA_SCHEMAS", "[\"a,b\"]"),
            ("PGTENANT_GUARD_CACHE_BYTES", "3MiB"),
            ("PGTENANT_POOL_IDLE_TIMEOUT", "0"),
            ("PGTENANT_POOL_MAX_SERVER_CONNECTIONS_PER_TENANT", "4"),
        ],
    )
    .unwrap();
    assert_eq!(config.listen.max_clients, 6);
    assert_eq!(config.listen.addresses.len(), 2);
    assert_eq!(config.server.settings["statement_timeout"], "3s");
    assert_eq!(config.guard.extra_schemas[0].as_str(), "a,b");
    assert_eq!(config.guard.cache_bytes, 3 << 20);
    assert_eq!(config.pool.idle_timeout, None);
    assert_eq!(config.limits.max_server_connections, 4);
    assert_eq!(config.pool.reset, ResetPolicy::Always);
}

#[test]
fn bad_value_in_the_file_does_not_matter_when_a_variable_overrides_it() {
    let found = problems("[listen]\nmax_clients = \"many\"\n", &[("PGTENANT_LISTEN_MAX_CLIENTS", "6")]);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn bad_variable_is_named_with_its_key() {
    let found = problems("", &[("PGTENANT_LISTEN_MAX_CLIENTS", "many")]);
    assert_eq!(
        found,
        [
            "environment variable PGTENANT_LISTEN_MAX_CLIENTS: listen.max_clients: expected a number, found \"many\"\n    \
          write a whole number, without quotes and without a unit"
        ]
    );
}

#[test]
fn unknown_variable_is_refused_with_the_nearest_name() {
    let found = problems("", &[("PGTENANT_LISTEN_MAX_CLIENT", "6"), ("PGTENANT_HUH", "hunter2")]);
    assert_eq!(
        found,
        [
            "environment variable PGTENANT_HUH: unknown variable\n    unset it; docs/config.md has all variables",
            "environment variable PGTENANT_LISTEN_MAX_CLIENT: unknown variable\n    did you mean PGTENANT_LISTEN_MAX_CLIENTS?",
        ]
    );
}

#[test]
fn variables_of_others_are_left_alone() {
    let others = [
        ("PGTENANT_CONFIG", "x"),
        ("PGTENANT_ADMIN_URL", "x"),
        ("PGTENANT_ADMIN_USER", "x"),
        ("PGTENANT_ADMIN_PASSWORD", "x"),
        ("PGTENANT_TO_ADMIN_URL", "x"),
        ("PGTENANT_TO_ADMIN_USER", "x"),
        ("PGTENANT_TO_ADMIN_PASSWORD", "x"),
        ("PGTENANT_BENCH_URL", "x"),
        ("PGTENANT_BENCH_PASSWORD", "x"),
        ("PGTENANT_PG_BIN", "x"),
        ("PGTENANT_SERVICE_HOST", "10.0.0.1"),
        ("PGTENANT_SERVICE_PORT", "6432"),
        ("PGTENANT_PORT", "tcp://10.0.0.1:6432"),
        ("PGTENANT_PORT_6432_TCP_ADDR", "10.0.0.1"),
        ("PGPASSWORD", "x"),
        ("pgtenant_listen_max_clients", "x"),
    ];
    assert!(problems("", &others).is_empty());
}

#[test]
fn variable_that_is_not_utf8_is_refused() {
    use std::os::unix::ffi::OsStringExt;
    let mut environment = variables(&[("PGTENANT_MASTER_KEY", KEY), ("PGTENANT_SERVER_DATABASE", "app")]);
    environment.push(("PGTENANT_LOG_FILTER".into(), OsString::from_vec(vec![0xff])));
    let open = |_: &Path| Err(io::ErrorKind::NotFound.into());
    let input = Input { name: "p.toml", text: "", environment: &environment, read_file: &open };
    let found = read(&input).unwrap_err().to_string();
    assert!(found.starts_with("environment variable PGTENANT_LOG_FILTER: the value is not UTF-8"), "{found}");
}

#[test]
fn unknown_key_is_refused_with_the_nearest_name() {
    refused(
        "pool",
        "max_sever_connections = 5",
        "unknown key",
        "did you mean `pool.max_server_connections`?",
    );
    refused("server", "max_clients = 5", "unknown key", "did you mean `listen.max_clients`?");
    refused("server", "zzz = 5", "unknown key", "docs/config.md has all keys");
}

#[test]
fn unknown_section_is_refused_with_the_nearest_name() {
    assert_eq!(
        problem("[pol]\nreset = \"always\"\n"),
        "etc/p.toml:1: pol: unknown section\n    did you mean [pool]?"
    );
    assert!(problem("[pgbouncer]\n").contains("remove it; docs/config.md has all sections"));
    assert!(problem("max_clients = 5\n").contains("did you mean `listen.max_clients`? Put it below"));
    assert!(problem("pool = 5\n").contains("not a section with keys"));
    assert!(problem("[[pool]]\nreset = \"always\"\n").contains("not a section with keys"));
}

#[test]
fn text_that_is_not_toml_is_refused_with_its_line_and_nothing_about_what_is_missing() {
    let open = |_: &Path| Err(io::ErrorKind::NotFound.into());
    let text = "[listen]\nmax_clients = \n\n[pool\nreset = always\n";
    let found =
        read(&Input { name: "p.toml", text, environment: &[], read_file: &open }).unwrap_err().to_string();
    assert!(found.contains("p.toml:2: not TOML: "), "{found}");
    assert!(found.contains("p.toml:4: not TOML: "), "{found}");
    assert!(!found.contains("must be set"), "{found}");
    assert!(!found.contains("there is no master key"), "{found}");
}

#[test]
fn key_given_twice_is_refused() {
    assert!(
        problem("[pool]\nreset = \"always\"\nreset = \"on_need\"\n").starts_with("etc/p.toml:3: not TOML: ")
    );
}

#[test]
fn several_problems_come_together_in_the_order_of_the_file() {
    let text = "[listen]\nmax_clients = 0\naddresses = []\n[pool]\nwait_timeout = \"0\"\nhuh = 1\n[lo]\n";
    let found = read_with(text, &[("PGTENANT_LOG_FORMAT", "xml")], 0o600, KEY).unwrap_err().to_string();
    let heads: Vec<&str> = found.lines().filter(|line| !line.starts_with(' ')).collect();
    assert_eq!(
        heads,
        [
            "etc/p.toml:2: listen.max_clients: 0 is too small",
            "etc/p.toml:3: listen.addresses: no address to listen on",
            "etc/p.toml:5: pool.wait_timeout: this time limit cannot be zero or off",
            "etc/p.toml:6: pool.huh: unknown key",
            "etc/p.toml:7: lo: unknown section",
            "etc/p.toml: server.database: must be set",
            "etc/p.toml: secrets.master_key_file: there is no master key",
            "environment variable PGTENANT_LOG_FORMAT: log.format: \"xml\" is not known here",
        ]
    );
}
