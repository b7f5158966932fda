mod access;
mod given;
mod secrets;
mod values;

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
    assert_eq!(config.listen.tcp_user_timeout, Some(Duration::from_secs(120)));
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
            adaptive_concurrency: false,
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
threads = 3
max_unauthenticated = 7
max_failures_per_address = 8
max_failures_per_user = "all"
max_failures_per_tenant = 9
tcp_keepalive = "off"
tcp_user_timeout = "5min"
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
adaptive_concurrency = "on"
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
            adaptive_concurrency: true,
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
    assert_eq!((config.listen.threads, config.listen.max_unauthenticated), (Some(3), 7));
    assert_eq!(config.listen.tenant_domain.as_deref(), Some("db.example.com"));
    assert_eq!(
        config.listen.failures,
        FailureLimits { per_address: Some(8), per_user: None, per_tenant: Some(9) }
    );
    assert_eq!((config.listen.tcp_keepalive, config.listen.shutdown_timeout), (None, Duration::ZERO));
    assert_eq!(config.listen.tcp_user_timeout, Some(Duration::from_secs(300)));
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
