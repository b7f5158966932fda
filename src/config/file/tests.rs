use std::time::Duration;

use secrecy::ExposeSecret;

use super::*;
use crate::auth::MasterKey;
use crate::auth::jwt::Rules;
use crate::config::auth::{AdminTokens, Auth, ClientCertificates, WithoutTls};
use crate::config::console::{Console, Rights};
use crate::config::keys::{Fallback, ROWS, Row};
use crate::config::monitor::{MetricsAccess, Monitor, TokensFrom};
use crate::config::tls::{
    ClientCa, ClientCertificate, Identity, ListenMode, ListenTls, ServerMode, ServerTls,
};
use crate::config::{GuardMode, LogFormat, LogStatements, PublicSchema, ResetPolicy};
use crate::tenant::{Ident, Level};

const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

const OLD_KEY: &str = "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// A file of console users, as PgBouncer writes them.
fn console_users() -> String {
    let key = "A".repeat(43) + "=";
    let verifier = format!("SCRAM-SHA-256$4096:AAECAwQFBgcICQoLDA0ODw==${key}:{key}");
    format!("; users\n\"ops\" \"{verifier}\"\n\n\"exporter\"   \"{verifier}\"\n\"a\"\"b\" \"{verifier}\"\n")
}

fn variables(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    pairs.iter().map(|(name, value)| (name.into(), value.into())).collect()
}

fn read_with(text: &str, pairs: &[(&str, &str)], mode: u32, key: &str) -> Result<Config, Problems> {
    let open = |path: &Path| match path.to_str() {
        Some("etc/master.key") => Ok(SecretFile { text: key.to_owned().into(), mode }),
        Some("etc/console.users" | "/k/console") => Ok(SecretFile { text: console_users().into(), mode }),
        Some("etc/old.key") => Ok(SecretFile { text: OLD_KEY.to_owned().into(), mode }),
        Some("etc/closed.key") => Err(io::ErrorKind::PermissionDenied.into()),
        _ => Err(io::ErrorKind::NotFound.into()),
    };
    read(&Input { name: "etc/p.toml", text, environment: &variables(pairs), read_file: &open })
}

/// Reads a text with `server.database` and a master key in the environment.
fn parse_with(text: &str, pairs: &[(&str, &str)]) -> Result<Config, Problems> {
    let required = [("PGTENANT_SERVER_DATABASE", "app"), ("PGTENANT_MASTER_KEY", KEY)];
    read_with(text, &[&required, pairs].concat(), 0o600, KEY)
}

fn parse(text: &str) -> Config {
    parse_with(text, &[]).unwrap_or_else(|problems| panic!("{problems}"))
}

fn problems(text: &str, pairs: &[(&str, &str)]) -> Vec<String> {
    match parse_with(text, pairs) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    }
}

/// The one problem of a text.
fn problem(text: &str) -> String {
    let found = problems(text, &[]);
    assert_eq!(found.len(), 1, "{found:#?}");
    found.concat()
}

/// Asserts that a value is refused with both words, at line 2.
fn refused(section: &str, entry: &str, wrong: &str, remedy: &str) {
    let found = problem(&format!("[{section}]\n{entry}\n"));
    let name = entry.split([' ', '=']).next().unwrap_or_default();
    assert!(found.starts_with(&format!("etc/p.toml:2: {section}.{name}: ")), "{found}");
    let (said, advised) = found.split_once('\n').expect("a remedy");
    assert!(said.contains(wrong), "{found}");
    assert!(advised.contains(remedy), "{found}");
}

#[test]
fn nothing_but_the_required_keys_gives_the_defaults() {
    let config = parse("");
    assert_eq!(config.listen.addresses, ["127.0.0.1:6432".parse().unwrap()]);
    assert_eq!(config.listen.unix_socket_dir, None);
    assert_eq!(config.listen.max_clients, 10_000);
    assert_eq!(config.listen.auth_timeout, Duration::from_secs(15));
    assert_eq!(
        config.listen.failures,
        FailureLimits { per_address: Some(300), per_user: Some(30), per_tenant: Some(300) }
    );
    assert_eq!(config.listen.tcp_keepalive, Some(Duration::from_secs(60)));
    assert_eq!(config.listen.shutdown_timeout, Duration::from_secs(30));
    assert_eq!((config.listen.drain_delay, config.listen.takeover_socket), (Duration::ZERO, None));
    assert_eq!(config.server.address, ServerAddress::Tcp("127.0.0.1".into(), 5432));
    assert!(config.server.failover.is_empty() && config.server.read_replicas.is_empty());
    let replicas = (config.server.max_replica_lag, config.server.replica_check_period);
    assert_eq!(replicas, (Duration::from_secs(10), Duration::from_secs(1)));
    assert_eq!(config.server.database, "app");
    assert_eq!(config.server.connect_timeout, Duration::from_secs(5));
    assert!(config.server.settings.is_empty());
    assert_eq!(config.server.hardening_check_period, Duration::from_secs(5));
    assert_eq!(config.tenants.level, Level::Dedicated);
    assert_eq!(config.migrations, Migrations { directory: None, lock_timeout: Duration::from_millis(500) });
    assert_eq!((config.tenants.drop_grace, config.tenants.file), (Duration::from_secs(7 * 86_400), None));
    assert_eq!(config.verify, Verify { interval: None, accept: vec![] });
    assert_eq!(config.monitor, Monitor { metrics_tenants: 20, ..Monitor::default() });
    assert_eq!(
        config.pool,
        Pool {
            max_server_connections: 50,
            max_concurrent_opens: 8,
            spare_connections: 0,
            min_shared_connections: 0,
            idle_timeout: Some(Duration::from_secs(600)),
            max_lifetime: Some(Duration::from_secs(3600)),
            max_tenants_per_connection: 2000,
            max_connection_memory: 128 << 20,
            reuse_unnamed_statements: true,
            memory_check_period: Duration::from_secs(30),
            reset: ResetPolicy::OnNeed,
        }
    );
    assert_eq!(config.limits, Limits { max_server_connections: 50, max_pinned: 25, ..Limits::default() });
    assert_eq!(config.registry, Registry { user: "pgtenant_proxy".into(), max_connections: 4 });
    assert_eq!(
        config.guard,
        Guard {
            mode: GuardMode::Enforce,
            public_schema: PublicSchema::Refuse,
            extra_schemas: vec![],
            extra_settings: vec![],
            extra_functions: vec![],
            max_statement_bytes: 1 << 20,
            cache_bytes: 64 << 20
        }
    );
    assert_eq!(config.console, Console { database: Some("pgtenant".into()), users: vec![] });
    assert_eq!(config.schemas.global.as_str(), "global");
    assert_eq!(config.schemas.template.as_str(), "base_template");
    assert_eq!(
        config.log,
        Log {
            filter: "info".into(),
            format: LogFormat::Text,
            stats_period: Some(Duration::from_secs(60)),
            audit_file: None,
            slow_query: None,
            statements: LogStatements::Redacted,
            max_lines_per_second: Some(100),
        }
    );
}

const TLS: &str = r#"
[listen]
addresses = ["127.0.0.1:6432", "10.0.0.1:6432"]
tls = "required"
tls_by_address = ["127.0.0.1:6432 off"]
tls_certificate = "server.crt"
tls_key = "/keys/server.key"
tls_extra_certificates = ["acme.crt", "/certs/beta.crt"]
tls_extra_keys = ["acme.key", "/keys/beta.key"]
tls_client_ca = "clients.crt"
tls_client_certificate = "required"
tls_client_crl = "revoked.crl"
[server]
database = "app"
tls = "verify-full"
tls_ca = "ca.crt"
tls_certificate = "proxy.crt"
tls_key = "proxy.key"
"#;

#[test]
fn keys_of_tls_are_read_and_paths_start_at_the_file() {
    let config = read_with(TLS, &[("PGTENANT_MASTER_KEY", KEY)], 0o100_600, KEY)
        .unwrap_or_else(|problems| panic!("{problems}"));
    let path = |name: &str| PathBuf::from("etc").join(name);
    let client_ca = ClientCa {
        file: path("clients.crt"),
        crl: Some(path("revoked.crl")),
        certificate: ClientCertificate::Required,
    };
    let identity = Identity { certificate: path("server.crt"), key: "/keys/server.key".into() };
    let extra = vec![
        Identity { certificate: path("acme.crt"), key: path("acme.key") },
        Identity { certificate: "/certs/beta.crt".into(), key: "/keys/beta.key".into() },
    ];
    let by_address = vec![("127.0.0.1:6432".parse().unwrap(), ListenMode::Off)];
    let listen =
        ListenTls { mode: ListenMode::Required, by_address, identity, extra, client_ca: Some(client_ca) };
    assert_eq!(config.listen.tls, Some(listen));
    let identity = Some(Identity { certificate: path("proxy.crt"), key: path("proxy.key") });
    let server = ServerTls { mode: ServerMode::VerifyFull, ca: Some(path("ca.crt")), identity };
    assert_eq!(config.server.tls, server);
    let off = TLS.replace("\ntls = \"required\"", "\ntls = \"off\"");
    let config = read_with(&off, &[("PGTENANT_MASTER_KEY", KEY)], 0o100_600, KEY).unwrap();
    assert_eq!(config.listen.tls, None);
}

#[test]
fn half_of_a_tls_configuration_is_refused() {
    refused("listen", "tls = \"required\"", "no TLS without a certificate", "`listen.tls_certificate`");
    refused("listen", "tls_certificate = \"a\"", "no key for this certificate", "`listen.tls_key`");
    refused("listen", "tls_key = \"a\"", "no certificate for this key", "`listen.tls_certificate`");
    refused("listen", "tls_client_ca = \"a\"", "no TLS without a certificate", "`listen.tls_certificate`");
    let pair = "\ntls_certificate = \"a\"\ntls_key = \"b\"";
    for key in ["tls_client_certificate = \"required\"", "tls_client_crl = \"c\""] {
        refused("listen", &format!("{key}{pair}"), "asked for no certificate", "authorities");
    }
    let alone = "tls_extra_certificates = [\"a\"]\ntls_extra_keys = [\"b\"]";
    refused("listen", alone, "no TLS without a certificate", "`listen.tls_certificate`");
    for (extra, counted, shorter) in [
        ("tls_extra_certificates = [\"a\"]", "1 certificates and 0 keys", "`listen.tls_extra_keys`"),
        (
            "tls_extra_keys = [\"a\"]",
            "0 certificates and 1 keys",
            "as many in `listen.tls_extra_certificates`",
        ),
    ] {
        refused("listen", &format!("{extra}{pair}"), counted, shorter);
    }
    let key = "tls_extra_keys = [\"-----BEGIN PRIVATE KEY-----\"]";
    refused("listen", key, "not like its path", "a file of its own");
    refused("server", "tls = \"verify-full\"", "no authority to verify", "`server.tls_ca`");
    refused("server", "tls_ca = \"a\"", "not used while `server.tls` is \"off\"", "verify-full");
    refused("server", "tls = \"prefer\"", "not known here", "\"verify-full\"");
    refused("server", "tls = \"require\"\nhost = \"/run\"", "a Unix socket has no TLS", "\"off\"");
    refused("listen", "tls_key = \"-----BEGIN PRIVATE KEY-----\"", "not like its path", "a file of its own");
}

/// Every key, none with its default.
const EVERY_KEY: &str = r#"
[listen]
addresses = ["0.0.0.0:1", "[::1]:2"]
unix_socket_dir = "/run/pgtenant"
max_clients = 7
auth_timeout = "1min"
tenant_domain = "db.example.com"
max_unauthenticated = 7
max_failures_per_address = 8
max_failures_per_user = "all"
max_failures_per_tenant = 9
tcp_keepalive = "off"
shutdown_timeout = 0
drain_delay = "5s"
takeover_socket = "/run/pgtenant/takeover"
tls = "required"
tls_by_address = []
tls_certificate = "server.crt"
tls_key = "/keys/server.key"
tls_extra_certificates = ["acme.crt"]
tls_extra_keys = ["acme.key"]
tls_client_ca = "clients.crt"
tls_client_certificate = "required"
tls_client_crl = "revoked.crl"
[server]
host = "/run/postgresql"
port = 5433
failover_hosts = ["db2", "db3:5434", "[::1]:5435", "fe80::1", "/run/other"]
read_replicas = ["db2:5432"]
max_replica_lag = "3s"
replica_check_period = "500ms"
database = "shop"
connect_timeout = "250ms"
settings = { Statement_Timeout = "30s", jit = false, work_mem = 4096, "app.x" = "y" }
hardening_check_period = "2s"
[pool]
max_server_connections = 9
max_server_connections_per_tenant = 3
max_concurrent_opens = 2
spare_connections = 3
min_shared_connections = 4
wait_timeout = "1h 30min"
idle_timeout = "0"
max_lifetime = 0
max_tenants_per_connection = 0
max_connection_memory = "64MiB"
reuse_unnamed_statements = "off"
memory_check_period = "5s"
pinned_idle_timeout = "5min"
reset = "always"
[limits]
max_clients = 20
max_waiting = 10
max_transactions_per_second = 40
statement_timeout = "30s"
transaction_timeout = "1min"
idle_in_transaction_timeout = "10s"
client_idle_timeout = "1h"
[registry]
user = "reader"
max_connections = 1
[auth]
token_keys = ["/k/keys.pem"]
token_keys_url = "https://issuer.example/jwks.json"
token_keys_ca = "/k/ca.pem"
token_secret_file = "/k/secret"
token_issuer = "https://issuer.example"
token_audience = "db"
token_tenant_claim = "/app/tenant"
token_scope_claim = "scp"
token_user_claim = "email"
token_leeway = 0
token_max_lifetime = "1h"
token_user = "jwt"
bearer_user = "sso"
tokens_without_tls = "loopback"
admin_tokens = "read_write"
api_keys = "on"
client_certificates = "login"
issue_key = "/k/issue.pem"
issue_max_lifetime = "2h"
[console]
database = "pgbouncer"
admin_users = ["ops"]
stats_users = ["exporter", "ops"]
password_file = "/k/console"
[guard]
extra_schemas = ["public", "Reports"]
extra_settings = ["TimescaleDB.enable_x", "trace_sort"]
max_statement_bytes = "2 MiB"
cache_bytes = 2_000_000
[secrets]
master_key_file = "master.key"
[tenants]
level = "shared"
drop_grace = "12h"
[migrations]
directory = "sql"
lock_timeout = "2s"
[verify]
interval = "5m"
accept = ["table_granted", "risky_extension:postgres_fdw"]
[monitor]
addresses = ["127.0.0.1:9632", "[::1]:9632"]
token_file = "monitor.tokens"
tokens_from = "anywhere"
metrics_access = "token"
metrics_tenants = 5
[schemas]
global = "common"
template = "blank"
[log]
filter = "warn,pgtenant=debug"
format = "json"
stats_period = "off"
audit_file = "/var/log/audit"
slow_query = "2s"
statements = "full"
max_lines_per_second = "all"
"#;

fn assert_every_key_of_auth(auth: &Auth) {
    let hour = Duration::from_secs(3600);
    assert_eq!(
        *auth,
        Auth {
            token_keys: vec!["/k/keys.pem".into()],
            token_keys_url: Some("https://issuer.example/jwks.json".into()),
            token_keys_ca: Some("/k/ca.pem".into()),
            token_secret_file: Some("/k/secret".into()),
            token_user: "jwt".into(),
            bearer_user: "sso".into(),
            tokens_without_tls: WithoutTls::Loopback,
            admin_tokens: AdminTokens::ReadWrite,
            api_keys: true,
            client_certificates: ClientCertificates::Login,
            issue_key: Some("/k/issue.pem".into()),
            issue_max_lifetime: 2 * hour,
            rules: Rules {
                issuer: "https://issuer.example".into(),
                audience: "db".into(),
                tenant_claim: "/app/tenant".into(),
                scope_claim: "scp".into(),
                user_claim: "email".into(),
                leeway: 0,
                max_lifetime: Some(3600),
                own_max_lifetime: 7200,
            },
        }
    );
}

/// Those beside the first.
fn assert_servers_are_read(server: &Server) {
    let shown: Vec<_> = server.failover.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["db2:5433", "db3:5434", "[::1]:5435", "[fe80::1]:5433", "/run/other/.s.PGSQL.5433"]);
    assert_eq!(server.read_replicas, [ServerAddress::Tcp("db2".into(), 5432)]);
    let replicas = (server.max_replica_lag, server.replica_check_period);
    assert_eq!(replicas, (Duration::from_secs(3), Duration::from_millis(500)));
}

fn assert_pool_and_limits_are_read(config: &Config) {
    assert_eq!(
        config.pool,
        Pool {
            max_server_connections: 9,
            max_concurrent_opens: 2,
            spare_connections: 3,
            min_shared_connections: 4,
            idle_timeout: None,
            max_lifetime: None,
            max_tenants_per_connection: 0,
            max_connection_memory: 64 << 20,
            reuse_unnamed_statements: false,
            memory_check_period: Duration::from_secs(5),
            reset: ResetPolicy::Always,
        }
    );
    assert_eq!(
        config.limits,
        Limits {
            max_clients: 20,
            max_server_connections: 3,
            min_server_connections: 0,
            max_waiting: 10,
            max_pinned: 25,
            weight: 100,
            max_transactions_per_second: 40,
            wait_timeout: Duration::from_secs(5400),
            statement_timeout: Some(Duration::from_secs(30)),
            transaction_timeout: Some(Duration::from_secs(60)),
            idle_in_transaction_timeout: Some(Duration::from_secs(10)),
            client_idle_timeout: Some(Duration::from_secs(3600)),
            pinned_idle_timeout: Some(Duration::from_secs(300)),
        }
    );
}

#[test]
fn every_key_of_the_file_is_read() {
    let config = read_with(EVERY_KEY, &[], 0o100_600, KEY).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(config.listen.addresses, ["0.0.0.0:1".parse().unwrap(), "[::1]:2".parse().unwrap()]);
    assert_eq!(config.listen.unix_socket_dir, Some("/run/pgtenant".into()));
    assert_eq!(config.listen.max_clients, 7);
    assert_eq!(config.listen.auth_timeout, Duration::from_secs(60));
    assert_eq!(config.listen.max_unauthenticated, 7);
    assert_eq!(config.listen.tenant_domain.as_deref(), Some("db.example.com"));
    assert_eq!(
        config.listen.failures,
        FailureLimits { per_address: Some(8), per_user: None, per_tenant: Some(9) }
    );
    assert_eq!((config.listen.tcp_keepalive, config.listen.shutdown_timeout), (None, Duration::ZERO));
    assert_eq!(config.listen.drain_delay, Duration::from_secs(5));
    assert_eq!(config.listen.takeover_socket, Some("/run/pgtenant/takeover".into()));
    assert_eq!(config.server.address, ServerAddress::Unix("/run/postgresql/.s.PGSQL.5433".into()));
    assert_servers_are_read(&config.server);
    assert_eq!(config.server.database, "shop");
    assert_eq!(config.server.connect_timeout, Duration::from_millis(250));
    let settings: Vec<(&str, &str)> =
        config.server.settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(
        settings,
        [("app.x", "y"), ("jit", "off"), ("statement_timeout", "30s"), ("work_mem", "4096")]
    );
    assert_pool_and_limits_are_read(&config);
    assert_eq!(config.registry, Registry { user: "reader".into(), max_connections: 1 });
    assert_every_key_of_auth(&config.auth);
    let users: Vec<_> = config.console.users.iter().map(|user| (user.name.as_str(), user.rights)).collect();
    assert_eq!(users, [("ops", Rights::Admin), ("exporter", Rights::Stats)]);
    assert_eq!(config.console.database.as_deref(), Some("pgbouncer"));
    assert_eq!(config.guard.extra_schemas, ["public", "Reports"].map(|name| Ident::parse(name).unwrap()));
    assert_eq!(config.guard.extra_settings, ["timescaledb.enable_x", "trace_sort"]);
    assert_eq!((config.guard.max_statement_bytes, config.guard.cache_bytes), (2 << 20, 2_000_000));
    let expected = MasterKey::parse(KEY).unwrap().role_password("x");
    let derived = config.secrets.master_key.role_password("x");
    assert_eq!(derived.expose_secret(), expected.expose_secret());
    assert_eq!(config.server.hardening_check_period, Duration::from_secs(2));
    assert_eq!(config.tenants.level, Level::Shared);
    let seconds = Duration::from_secs(2);
    let directory = Some(PathBuf::from("etc/sql"));
    assert_eq!(config.migrations, Migrations { directory, lock_timeout: seconds });
    assert_eq!(config.tenants.drop_grace, Duration::from_secs(43_200));
    assert_eq!(config.verify.interval, Some(Duration::from_secs(300)));
    assert_eq!(config.verify.accept, ["table_granted", "risky_extension:postgres_fdw"]);
    assert_eq!(
        config.monitor,
        Monitor {
            addresses: vec!["127.0.0.1:9632".parse().unwrap(), "[::1]:9632".parse().unwrap()],
            token_file: Some("etc/monitor.tokens".into()),
            tokens_from: TokensFrom::Anywhere,
            metrics_access: MetricsAccess::Token,
            metrics_tenants: 5,
        }
    );
    assert_eq!((config.schemas.global.as_str(), config.schemas.template.as_str()), ("common", "blank"));
    assert_eq!(config.log.filter, "warn,pgtenant=debug");
    assert_eq!((config.log.format, config.log.stats_period), (LogFormat::Json, None));
    assert_eq!(
        (config.log.slow_query, config.log.statements),
        (Some(Duration::from_secs(2)), LogStatements::Full)
    );
    assert_eq!(
        (config.log.audit_file, config.log.max_lines_per_second),
        (Some("/var/log/audit".into()), None)
    );
}

#[test]
fn every_default_of_the_table_can_be_read() {
    parse("");
    for row in ROWS.iter().filter(|row| row.in_file()) {
        if let Fallback::Value(text) = row.fallback {
            parse(&format!("[{}]\n{} = {text}\n", row.section, row.name));
        }
    }
}

#[test]
fn keys_are_in_the_table_once() {
    let mut paths: Vec<String> = ROWS.iter().map(Row::path).collect();
    paths.sort();
    let count = paths.len();
    paths.dedup();
    assert_eq!(paths.len(), count);
}

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
    refused("listen", "tcp_keepalive = \"10ms\"", "too short", "at least 1s");
    refused("listen", "tcp_keepalive = \"10h\"", "too long", "at most 9h");
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
fn master_key_in_the_file_is_refused_and_not_shown() {
    let found = problem(&format!("[secrets]\nmaster_key = \"{KEY}\"\n"));
    assert!(
        found.starts_with("etc/p.toml:2: secrets.master_key: the master key must not stand in this file\n")
    );
    assert!(found.contains("secrets.master_key_file"), "{found}");
    assert!(found.contains("PGTENANT_MASTER_KEY"), "{found}");
    assert!(!found.contains(&KEY[..8]), "{found}");
}

fn key_problem(entry: &str, mode: u32, key: &str) -> String {
    let text = format!("[server]\ndatabase = \"app\"\n[secrets]\nmaster_key_file = \"{entry}\"\n");
    let found = read_with(&text, &[], mode, key).unwrap_err().to_string();
    assert!(found.starts_with("etc/p.toml:4: secrets.master_key_file: "), "{found}");
    assert!(!found.contains(&KEY[..8]), "{found}");
    found
}

#[test]
fn key_file_others_may_read_or_write_is_refused() {
    for mode in [0o640, 0o620, 0o604, 0o602, 0o100_666] {
        let found = key_problem("master.key", mode, KEY);
        assert!(found.contains("others can read or write etc/master.key (mode 6"), "{found}");
        assert!(found.contains("run: chmod 600 etc/master.key"), "{found}");
    }
}

#[test]
fn key_file_that_is_missing_closed_or_no_key_is_refused_and_not_shown() {
    assert!(key_problem("gone.key", 0o600, KEY).contains("openssl rand -hex 32 > etc/gone.key"));
    assert!(key_problem("closed.key", 0o600, KEY).contains("change its owner"));
    assert!(key_problem("master.key", 0o600, "xyz").contains("hexadecimal"));
    assert!(key_problem("master.key", 0o600, &KEY[..32]).contains("at least 32 bytes"));
    assert!(key_problem(KEY, 0o600, KEY).contains("looks like a key"));
}

#[test]
fn master_key_in_the_environment_goes_before_the_file() {
    let text = "[server]\ndatabase = \"app\"\n[secrets]\nmaster_key_file = \"gone.key\"\n";
    for name in ["PGTENANT_MASTER_KEY", "PGTENANT_SECRETS_MASTER_KEY"] {
        assert!(read_with(text, &[(name, KEY)], 0o600, KEY).is_ok());
        let found = read_with(text, &[(name, "12")], 0o600, KEY).unwrap_err().to_string();
        assert!(found.starts_with(&format!("environment variable {name}: secrets.master_key: ")), "{found}");
    }
    let both = [("PGTENANT_MASTER_KEY", KEY), ("PGTENANT_SECRETS_MASTER_KEY", KEY)];
    let found = read_with(text, &both, 0o600, KEY).unwrap_err().to_string();
    assert!(found.contains("unset PGTENANT_MASTER_KEY or PGTENANT_SECRETS_MASTER_KEY"), "{found}");
}

#[test]
fn previous_master_key_comes_from_a_file_or_the_environment_as_the_master_key_does() {
    let previous = |config: Config| config.secrets.previous_master_key.map(|key| key.mark().to_string());
    let old = MasterKey::parse(OLD_KEY).unwrap().mark().to_string();
    assert_eq!(previous(parse("")), None);
    assert_eq!(previous(parse("[secrets]\nprevious_master_key_file = \"off\"\n")), None);
    let file = "[secrets]\nprevious_master_key_file = \"old.key\"\n";
    assert_eq!(previous(parse(file)), Some(old.clone()));
    for name in ["PGTENANT_PREVIOUS_MASTER_KEY", "PGTENANT_SECRETS_PREVIOUS_MASTER_KEY"] {
        let config = parse_with("[secrets]\nprevious_master_key_file = \"gone.key\"\n", &[(name, OLD_KEY)]);
        assert_eq!(previous(config.unwrap()), Some(old.clone()));
        let found = parse_with("", &[(name, "12")]).unwrap_err().to_string();
        let begins = format!("environment variable {name}: secrets.previous_master_key: ");
        assert!(found.starts_with(&begins), "{found}");
    }
    let both = [("PGTENANT_PREVIOUS_MASTER_KEY", KEY), ("PGTENANT_SECRETS_PREVIOUS_MASTER_KEY", KEY)];
    assert!(parse_with("", &both).unwrap_err().to_string().contains("is set too"));
}

#[test]
fn previous_master_key_that_is_the_master_key_missing_open_to_others_or_in_the_file_is_refused() {
    let line = |entry: &str| format!("[secrets]\nprevious_master_key_file = \"{entry}\"\n");
    let found = problem(&line("master.key"));
    assert!(
        found.starts_with("etc/p.toml:2: secrets.previous_master_key_file: this is the master key too\n")
    );
    assert!(found.contains("unset this"), "{found}");
    let variable = [("PGTENANT_PREVIOUS_MASTER_KEY", KEY)];
    let found = parse_with("", &variable).unwrap_err().to_string();
    assert!(found.starts_with("environment variable PGTENANT_PREVIOUS_MASTER_KEY: "), "{found}");
    assert!(problem(&line("gone.key")).contains("correct the path; where no key is being replaced"));
    assert!(problem(&line(OLD_KEY)).contains("looks like a key"));
    let required = [("PGTENANT_SERVER_DATABASE", "app"), ("PGTENANT_MASTER_KEY", KEY)];
    let found = read_with(&line("old.key"), &required, 0o640, KEY).unwrap_err().to_string();
    assert!(found.contains("run: chmod 600 etc/old.key"), "{found}");
    let found = problem(&format!("[secrets]\nprevious_master_key = \"{OLD_KEY}\"\n"));
    assert!(
        found.contains("`secrets.previous_master_key_file`, or set PGTENANT_PREVIOUS_MASTER_KEY"),
        "{found}"
    );
    assert!(!found.contains(&OLD_KEY[..8]), "{found}");
}

#[test]
fn key_file_named_by_a_variable_is_not_relative_to_the_configuration_file() {
    let set = |path| [("PGTENANT_SECRETS_MASTER_KEY_FILE", path), ("PGTENANT_SERVER_DATABASE", "app")];
    assert!(read_with("", &set("etc/master.key"), 0o600, KEY).is_ok());
    assert!(read_with("", &set("master.key"), 0o600, KEY).is_err());
}

#[test]
fn configuration_never_shows_its_key() {
    let shown = format!("{:?}", parse(""));
    assert!(!shown.contains(&KEY[..8]), "{shown}");
}

#[test]
fn tokens_are_off_unless_a_key_says_otherwise_and_then_need_issuer_and_audience() {
    assert_eq!(parse("").auth, Auth::default());
    assert!(!parse("[auth]\ntoken_issuer = \"i\"\ntoken_audience = \"a\"\n").auth.is_on());
    let found = problems("[auth]\ntoken_keys = [\"keys.pem\"]\n", &[]);
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[0].contains("auth.token_issuer: must be set where tokens are taken"), "{found:#?}");
    assert!(found[1].contains("auth.token_audience: must be set where tokens are taken"), "{found:#?}");
    let names = "token_issuer = \"i\"\ntoken_audience = \"a\"\n";
    let auth = parse(&format!("[auth]\ntoken_keys = [\"keys.pem\", \"/k/jwks.json\"]\n{names}")).auth;
    assert_eq!(auth.token_keys, [Path::new("etc/keys.pem"), Path::new("/k/jwks.json")]);
    let text = format!("[auth]\ntoken_secret_file = \"hs.key\"\nissue_key = \"issue.pem\"\n{names}");
    let auth = parse_with(&text, &[("PGTENANT_AUTH_ISSUE_KEY", "issue.pem")]).unwrap().auth;
    assert_eq!(auth.token_secret_file, Some("etc/hs.key".into()));
    assert_eq!(auth.issue_key, Some("issue.pem".into()), "a variable's path is not relative to the file");
    assert!(parse("[auth]\napi_keys = \"on\"\n").auth.is_on());
}

#[test]
fn key_in_place_of_its_file_and_other_nonsense_about_tokens_is_refused() {
    let pem = "issue_key = \"-----BEGIN PRIVATE KEY-----\"";
    refused("auth", pem, "looks like a key", "path of the file");
    refused("auth", &format!("token_secret_file = \"{}\"", "ab".repeat(32)), "looks like a key", "path");
    refused("auth", "token_keys = \"keys.pem\"", "expected a list", "between [ and ]");
    for url in ["http://i/jwks", "https://", "https://u:p@i/jwks", "https:///jwks", "https://i/a b"] {
        refused("auth", &format!("token_keys_url = \"{url}\""), "not an https address", "jwks_uri");
    }
    refused("auth", "token_user = \"token.x\"", "holds a dot", "without dots");
    refused("auth", "token_tenant_claim = \"\"", "names no claim", "JSON pointer");
    refused("auth", "token_leeway = \"1h\"", "too long", "at most 5m");
    refused(
        "listen",
        "tls_by_address = [\"127.0.0.1:6432\"]",
        "does not say what holds there",
        "off, preferred or required",
    );
    refused(
        "listen",
        "tls_by_address = [\"10.0.0.1:1 off\"]",
        "is none of `listen.addresses`",
        "as it stands",
    );
    refused(
        "listen",
        "tls_by_address = [\"127.0.0.1:6432 required\"]",
        "there is no TLS without a certificate",
        "tls_certificate",
    );
    refused("auth", "issue_max_lifetime = \"off\"", "cannot be zero or off", "above zero");
    refused("auth", "issue_max_lifetime = \"1s\"", "too short", "at least 1m");
    refused("auth", "tokens_without_tls = \"always\"", "not known here", "\"never\" or \"loopback\"");
    refused("auth", "api_keys = true", "expected text", "\"on\" or \"off\"");
}

#[test]
fn certificates_that_clients_are_not_asked_for_are_good_for_nothing() {
    let tls = "[listen]\ntls_certificate = \"a\"\ntls_key = \"b\"\n";
    let asked = format!("{tls}tls_client_ca = \"c\"\n");
    for (word, meant) in [("tenant", ClientCertificates::Tenant), ("login", ClientCertificates::Login)] {
        let auth = format!("[auth]\nclient_certificates = \"{word}\"\n");
        assert_eq!(parse(&format!("{asked}{auth}")).auth.client_certificates, meant);
        let off = format!("[listen]\ntls = \"off\"\n{}", &asked["[listen]\n".len()..]);
        for listen in ["", tls, &off] {
            let found = problems(&format!("{listen}{auth}"), &[]);
            assert_eq!(found.len(), 1, "{found:#?}");
            assert!(
                found[0].contains("auth.client_certificates: clients are asked for no certificate"),
                "{found:#?}"
            );
            assert!(found[0].contains("`listen.tls_client_ca`"), "{found:#?}");
        }
    }
    refused("auth", "client_certificates = \"on\"", "not known here", "\"off\" or \"tenant\" or \"login\"");
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

#[test]
fn users_of_the_console_need_a_line_each_in_a_closed_file_of_verifiers() {
    let with =
        |file: &str| format!("[console]\nadmin_users = [\"ops\", \"a\\\"b\"]\npassword_file = \"{file}\"\n");
    assert_eq!(
        parse(&with("console.users")).console.user("a\"b").map(|user| user.rights),
        Some(Rights::Admin)
    );
    let found = problem("[console]\nstats_users = [\"exporter\"]\n");
    assert!(found.contains("console.password_file: must be set where the console has users"), "{found}");
    let found =
        problem("[console]\nadmin_users = [\"ops\", \"nobody\"]\npassword_file = \"console.users\"\n");
    assert!(found.contains("the file has no line for nobody"), "{found}");
    let found = problem(&with("master.key"));
    assert!(found.contains("etc/master.key:1: not two words") && !found.contains(KEY), "{found}");
    let found = problem(&with("none"));
    assert!(found.contains("etc/none cannot be read") && found.contains("SCRAM-SHA-256$"), "{found}");
    let open = read_with(
        &format!("[server]\ndatabase = \"app\"\n{}", with("console.users")),
        &[("PGTENANT_MASTER_KEY", KEY)],
        0o644,
        KEY,
    );
    assert!(open.unwrap_err().to_string().contains("chmod 600 etc/console.users"));
    refused("console", "admin_users = [\"a\", \"a\"]", "listed twice", "remove one");
}

#[test]
fn console_and_database_cannot_have_one_name() {
    for text in [
        "[server]\ndatabase = \"pgtenant\"\n",
        "[console]\ndatabase = \"app\"\n[server]\ndatabase = \"app\"\n",
    ] {
        let found = read_with(text, &[("PGTENANT_MASTER_KEY", KEY)], 0o600, KEY).unwrap_err().to_string();
        assert!(found.contains("console.database: the console has the name of the database"), "{found}");
    }
    let off = "[server]\ndatabase = \"pgtenant\"\n[console]\ndatabase = \"off\"\n";
    let config = read_with(off, &[("PGTENANT_MASTER_KEY", KEY)], 0o600, KEY).unwrap();
    assert_eq!(config.console.database, None);
}
