//! Values that cannot be, each with its remedy.

use super::*;

#[test]
fn number_outside_its_bounds_or_of_another_type_is_refused() {
    for (section, name) in
        [("pool", "max_server_connections"), ("pool", "max_concurrent_opens"), ("listen", "max_clients")]
    {
        refused(section, &format!("{name} = 0"), "0 is too small", "give at least 1");
    }
    refused("listen", "max_clients = -5", "-5 is too small", "at least 1");
    refused("listen", "max_clients = 1000001", "too large", "at most 1000000");
    refused("listen", "max_clients = 99999999999999999999", "expected a number", "whole number");
    refused("listen", "max_clients = \"5\"", "found text in quotes", "without quotes");
    refused("listen", "max_clients = 5.5", "found the number 5.5", "whole number");
    refused("listen", "max_clients = true", "found true", "whole number");
    refused("server", "port = 0", "too small", "at least 1");
    refused("server", "port = 65536", "too large", "at most 65535");
    refused("registry", "max_connections = 0", "too small", "at least 1");
}

#[test]
fn duration_without_unit_or_sense_is_refused() {
    refused("pool", "wait_timeout = 30", "the number 30 has no unit", "\"30s\" or \"30min\"");
    refused("pool", "wait_timeout = \"30\"", "the number 30 has no unit", "\"30s\" or \"30min\"");
    refused("pool", "wait_timeout = \"soon\"", "\"soon\" is not a duration", "ms, s, min");
    refused("pool", "wait_timeout = \"-5s\"", "is not a duration", "ms, s, min");
    refused("pool", "wait_timeout = \"\"", "is not a duration", "ms, s, min");
    refused("pool", "wait_timeout = \"off\"", "cannot be zero or off", "above zero");
    refused("pool", "wait_timeout = \"0s\"", "cannot be zero or off", "above zero");
    refused("pool", "wait_timeout = \"2years\"", "too long", "at most 30days");
    refused("pool", "idle_timeout = \"1us\"", "too short", "at least 1ms");
    refused("pool", "idle_timeout = true", "found true", "quotes");
    refused("listen", "threads = 0", "too small", "at least 1");
    refused("listen", "threads = \"many\"", "expected a number or \"auto\"", "without quotes");
    refused("listen", "tcp_keepalive = \"10ms\"", "too short", "at least 1s");
    refused("listen", "tcp_keepalive = \"10h\"", "too long", "at most 9h");
    refused("listen", "tcp_user_timeout = \"10ms\"", "too short", "at least 1s");
    refused("listen", "tcp_user_timeout = \"2days\"", "too long", "at most 1day");
    refused(
        "listen",
        "tcp_user_timeout = \"100s\"",
        "less than twice `listen.tcp_keepalive`, which is 1m",
        "at least 2m",
    );
    refused("log", "stats_period = \"10ms\"", "too short", "at least 1s");
    refused("verify", "interval = \"1s\"", "too short", "at least 10s");
    refused("verify", "accept = [\"Public Table\"]", "is no finding", "id:object");
}

#[test]
fn monitor_that_would_be_in_the_way_or_of_no_use_is_refused() {
    refused("monitor", "addresses = [\"0.0.0.0:6432\"]", "clients connect to 127.0.0.1:6432", "another port");
    refused("monitor", "addresses = [\"[::1]:1\", \"[::1]:1\"]", "[::1]:1 is listed twice", "remove");
    refused("monitor", "metrics_access = \"token\"", "nobody could scrape", "`monitor.token_file`");
    refused("monitor", "metrics_access = \"all\"", "not known here", "\"loopback\" or \"open\"");
    refused("monitor", "tokens_from = \"all\"", "not known here", "\"anywhere\"");
    refused("monitor", "metrics_tenants = 1001", "too large", "at most 1000");
    let token = "00112233445566778899aabbccddeeff";
    let found = problem(&format!("[monitor]\ntoken_file = \"{token}\"\n"));
    assert!(found.contains("looks like a key") && !found.contains(token), "{found}");
}

#[test]
fn size_in_decimal_units_or_out_of_bounds_is_refused() {
    refused("guard", "cache_bytes = \"64MB\"", "\"64MB\" is not a size", "MiB");
    refused("guard", "cache_bytes = \"1.5GiB\"", "is not a size", "whole number");
    refused("guard", "cache_bytes = \"MiB\"", "is not a size", "whole number");
    refused("guard", "cache_bytes = 1000", "1000 bytes are too few", "at least 1MiB");
    refused("guard", "cache_bytes = -1", "too few", "at least 1MiB");
    refused("guard", "max_statement_bytes = \"1GiB\"", "too many", "at most 64MiB");
    refused("guard", "max_statement_bytes = \"99999999999GiB\"", "is not a size", "whole number");
}

#[test]
fn address_that_cannot_be_listened_on_is_refused() {
    refused("listen", "addresses = []", "no address", "at least one");
    refused("listen", "addresses = [\"127.0.0.1\"]", "not an address with a port", "\"127.0.0.1:6432\"");
    refused("listen", "addresses = [\"::1\"]", "not an address with a port", "\"[::1]:6432\"");
    refused("listen", "addresses = [\"*:6432\"]", "not an address with a port", "\"0.0.0.0:6432\"");
    refused("listen", "addresses = [\"localhost:6432\"]", "not an address with a port", "IP address");
    refused("listen", "addresses = \"127.0.0.1:6432\"", "expected a list", "between [ and ]");
    refused("listen", "addresses = [6432]", "expected text", "quotes");
    refused("listen", "addresses = [\"[::1]:1\", \"[::1]:1\"]", "[::1]:1 is listed twice", "remove");
    refused("listen", "addresses = [\"0.0.0.0:1\", \"127.0.0.1:1\"]", "overlap", "remove");
    parse("[listen]\naddresses = [\"127.0.0.1:0\", \"127.0.0.1:0\", \"0.0.0.0:1\", \"[::]:1\"]\n");
}

#[test]
fn unix_socket_directory_must_be_absolute_and_short_and_have_a_port() {
    refused("listen", "unix_socket_dir = \"run\"", "not an absolute path", "/run/pgtenant");
    // 107 bytes with `/.s.PGSQL.6432` fit, 108 do not.
    let dir = |length: usize| format!("unix_socket_dir = \"/{}\"", "d".repeat(length - 1));
    parse(&format!("[listen]\n{}\n", dir(93)));
    refused("listen", &dir(94), "would have 108 bytes, the system allows 107", "shorter path");
    let found = problem("[listen]\nunix_socket_dir = \"/run\"\naddresses = [\"127.0.0.1:0\"]\n");
    assert!(found.starts_with("etc/p.toml:2: listen.unix_socket_dir: "), "{found}");
    let host = |length: usize| format!("host = \"/{}\"", "d".repeat(length - 1));
    parse(&format!("[server]\n{}\n", host(93)));
    refused("server", &host(94), "108 bytes", "shorter path");
}

#[test]
fn host_that_is_a_url_a_list_or_has_a_port_is_refused_without_being_shown() {
    for (text, remedy) in [
        ("postgres://u:hunter2@h/db", "no password"),
        ("a,b", "server.failover_hosts"),
        ("[::1]", "without brackets"),
        ("h:5432", "server.port"),
        ("a b", "host name"),
        ("", "host name"),
    ] {
        refused("server", &format!("host = \"{text}\""), "", remedy);
        assert!(!problem(&format!("[server]\nhost = \"{text}\"\n")).contains("hunter2"));
    }
    for text in ["db.example.com", "::1", "10.0.0.1", "/tmp"] {
        parse(&format!("[server]\nhost = \"{text}\"\n"));
    }
}

#[test]
fn per_tenant_share_above_the_whole_is_refused() {
    let text = "[pool]\nmax_server_connections_per_tenant = 11\nmax_server_connections = 10\n";
    assert_eq!(
        problem(text),
        "etc/p.toml:2: pool.max_server_connections_per_tenant: 11 is more than pool.max_server_connections, which is 10\n    \
         give at most 10, or \"all\""
    );
    assert_eq!(parse("[pool]\nmax_server_connections = 10\n").limits.max_server_connections, 10);
    assert_eq!(
        problem("[pool]\nmin_shared_connections = 11\nmax_server_connections = 10\n"),
        "etc/p.toml:2: pool.min_shared_connections: 11 is more than pool.max_server_connections, which is 10\n    \
         give at most 10; 0 keeps none"
    );
    refused("pool", "max_server_connections_per_tenant = \"some\"", "found \"some\"", "or \"all\"");
}

#[test]
fn setting_the_proxy_decides_itself_is_refused_in_any_spelling() {
    for name in [
        "role",
        "session_authorization",
        "search_path",
        "client_encoding",
        "standard_conforming_strings",
        "replication",
        "options",
        "user",
        "database",
    ] {
        for spelling in [name.to_owned(), name.to_ascii_uppercase()] {
            let found = problem(&format!("[server.settings]\n{spelling} = \"x\"\n"));
            assert!(found.contains(&format!("server.settings: `{name}` cannot be set here: ")), "{found}");
            assert!(found.contains(&format!("remove `{name}`")), "{found}");
        }
    }
}

#[test]
fn setting_with_an_impossible_name_or_value_is_refused() {
    let settings = |entry: &str| problem(&format!("[server]\nsettings = {{ {entry} }}\n"));
    assert!(settings("\"a b\" = 1").contains("\"a b\" is not the name of a PostgreSQL setting"));
    assert!(settings("\"a;b\" = 1").contains("is not the name"));
    assert!(settings("\"\" = 1").contains("is not the name"));
    assert!(settings("\"1a\" = 1").contains("is not the name"));
    assert!(settings("\"a..b\" = 1").contains("is not the name"));
    assert!(settings("\"_pq_.x\" = 1").contains("option of the protocol"));
    assert!(settings("jit = 1, JIT = 0").contains("given twice"));
    assert!(settings("jit = []").contains("has a list as its value"));
    assert!(settings("app.x = 1").contains("has a table as its value"), "a dotted name needs quotes");
    assert!(settings("jit = \"\\u0000\"").contains("NUL byte"));
    refused("server", "settings = 5", "expected a table of settings", "statement_timeout");
}

#[test]
fn setting_that_no_tenant_may_ever_change_is_refused_in_any_spelling() {
    for name in [
        "role",
        "session_authorization",
        "search_path",
        "client_encoding",
        "standard_conforming_strings",
        "local_preload_libraries",
        "event_triggers",
        "replication",
        "pgtenant.tenant",
    ] {
        for spelling in [name.to_owned(), name.to_ascii_uppercase()] {
            let found = problem(&format!("[guard]\nextra_settings = [\"jit\", \"{spelling}\"]\n"));
            assert!(found.starts_with("etc/p.toml:2: guard.extra_settings: "), "{found}");
            assert!(found.contains(&format!("remove `{name}`")), "{found}");
        }
    }
    refused("guard", "extra_settings = [\"a b\"]", "is not the name of a PostgreSQL setting", "use letters");
    refused("guard", "extra_settings = [\"_pq_.x\"]", "option of the protocol", "remove");
    refused("guard", "extra_settings = [\"a.b\", \"A.B\"]", "listed twice", "remove");
}

#[test]
fn schema_that_is_reserved_or_not_a_name_is_refused() {
    for (name, wrong) in [
        ("tenant_acme", "belong to tenants"),
        ("pg_temp", "PostgreSQL keeps for itself"),
        ("pgtenant", "belongs to the registry"),
        ("information_schema", "belongs to PostgreSQL"),
        ("", "an identifier has 1 to 63 bytes"),
    ] {
        refused("schemas", &format!("global = \"{name}\""), wrong, "name");
        refused("schemas", &format!("template = \"{name}\""), wrong, "name");
        refused("guard", &format!("extra_schemas = [\"{name}\"]"), wrong, "name");
    }
    refused("guard", "extra_schemas = [\"a\", \"a\"]", "listed twice", "remove");
}

#[test]
fn global_and_template_must_differ() {
    let found = problem("[schemas]\nglobal = \"base_template\"\n");
    assert!(found.starts_with("etc/p.toml:2: schemas.global: "), "{found}");
    let found = problem("[schemas]\nglobal = \"a\"\ntemplate = \"a\"\n");
    assert!(found.starts_with("etc/p.toml:3: schemas.template: "), "{found}");
}

#[test]
fn registry_login_with_a_reserved_name_is_refused() {
    for name in ["tenant_acme", "pg_monitor", "public", "none", ""] {
        refused("registry", &format!("user = \"{name}\""), "", "name");
    }
}

#[test]
fn filter_and_words_are_checked() {
    refused("log", "filter = \"pgtenant=loud\"", "is not a log filter", "level");
    refused("log", "filter = \"\"", "would log nothing", "level");
    refused("log", "format = \"xml\"", "\"xml\" is not known here", "\"text\" or \"json\"");
    refused("pool", "reset = \"never\"", "\"never\" is not known here", "\"on_need\" or \"always\"");
}

#[test]
fn missing_database_and_master_key_say_what_to_do() {
    let found = read_with("", &[], 0o600, KEY).unwrap_err().to_string();
    assert_eq!(
        found,
        "etc/p.toml: server.database: must be set\n    \
         set `database` (database name) in section [server], or the environment variable PGTENANT_SERVER_DATABASE\n\
         etc/p.toml: secrets.master_key_file: there is no master key\n    \
         make a key with `openssl rand -hex 32`, keep it in a file with mode 600, and name that file in `secrets.master_key_file`; or set PGTENANT_MASTER_KEY"
    );
}

#[test]
fn server_that_is_named_twice_or_as_no_host_is_refused() {
    for (list, wrong) in [
        ("[\"127.0.0.1\"]", "named twice"),
        ("[\"db2\", \"db2:5432\"]", "named twice"),
        ("[\"db2:0\"]", "0"),
        ("[\"db2:x\"]", "x"),
        ("[\"postgresql://u:secret@db2\"]", "not a host"),
        ("[\"\"]", "empty"),
    ] {
        let found = problem(&format!("[server]\nfailover_hosts = {list}\n"));
        assert!(found.contains(wrong) && found.contains("server.failover_hosts"), "{list}: {found}");
        assert!(!found.contains("secret"), "{found}");
    }
}

/// Configurations of before the key was there.
#[test]
fn long_keepalive_lengthens_the_user_timeout_that_is_not_set() {
    let of = |entries: &str| parse(&format!("[listen]\n{entries}\n")).listen.tcp_user_timeout;
    let minutes = |n: u64| Some(Duration::from_secs(60 * n));
    assert_eq!(of("tcp_keepalive = \"5min\""), minutes(10));
    assert_eq!(of("tcp_keepalive = \"30s\""), minutes(2));
    assert_eq!(of("tcp_keepalive = \"off\""), minutes(2));
    assert_eq!(of("tcp_keepalive = \"5min\"\ntcp_user_timeout = \"off\""), None);
    assert_eq!(of("tcp_keepalive = \"5min\"\ntcp_user_timeout = \"15min\""), minutes(15));
}
