//! The one table of keys. Parsing, the check for unknown keys, the names of environment variables,
//! `config/pgtenant.toml` and docs/config.md all follow it (the last two by a test).

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::auth::{AdminTokens, ClientCertificates, WithoutTls};
use crate::config::kind::{self, Given, Wrong};
use crate::config::monitor::{MetricsAccess, TokensFrom};
use crate::config::tls::{ClientCertificate, ListenMode, ServerMode};
use crate::config::{GuardMode, LogFormat, LogStatements, PublicSchema, ResetPolicy};
use crate::tenant::{ClusterName, Ident, Level};

/// What every variable of ours begins with.
pub const VARIABLE_PREFIX: &str = "PGTENANT_";

/// The short name of the variable with the master key.
pub const MASTER_KEY_VARIABLE: &str = "PGTENANT_MASTER_KEY";

/// The same for the previous master key.
pub const PREVIOUS_MASTER_KEY_VARIABLE: &str = "PGTENANT_PREVIOUS_MASTER_KEY";

/// Variables other parts of the program read for themselves.
pub const OTHER_VARIABLES: &[&str] = &[
    "PGTENANT_CONFIG",
    "PGTENANT_ADMIN_URL",
    "PGTENANT_ADMIN_USER",
    "PGTENANT_ADMIN_PASSWORD",
    "PGTENANT_TO_ADMIN_URL",
    "PGTENANT_TO_ADMIN_USER",
    "PGTENANT_TO_ADMIN_PASSWORD",
    "PGTENANT_API_LISTEN",
    "PGTENANT_API_TOKEN_FILE",
    "PGTENANT_API_STRIPE_SECRET_FILE",
    "PGTENANT_BENCH_URL",
    "PGTENANT_BENCH_PASSWORD",
    "PGTENANT_PG_BIN",
];

/// What holds when a key is not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fallback {
    /// This value, as written in TOML.
    Value(&'static str),
    /// It must be set.
    Required,
    /// There is no value, and that is fine.
    None,
}

/// One key, as people read about it.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The table in the file.
    pub section: &'static str,
    /// The name in that table.
    pub name: &'static str,
    /// What a value looks like, in words.
    pub kind: &'static str,
    /// What holds without one.
    pub fallback: Fallback,
    /// One sentence on what it does; the comment in `config/pgtenant.toml`.
    pub doc: &'static str,
}

impl Row {
    /// `section.name`.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{}.{}", self.section, self.name)
    }

    /// The environment variable that overrides the file.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("{VARIABLE_PREFIX}{}_{}", self.section, self.name).to_ascii_uppercase()
    }

    /// Whether it may stand in the file. A secret may not: files are copied, shown and committed.
    #[must_use]
    pub fn in_file(&self) -> bool {
        ![&SECRETS_MASTER_KEY, &SECRETS_PREVIOUS_MASTER_KEY].iter().any(|key| key.row.path() == self.path())
    }
}

/// One key, with the way to read it.
pub(in crate::config) struct Key<T> {
    pub(in crate::config) row: Row,
    pub(in crate::config) read: fn(Given<'_>) -> Result<T, Wrong>,
}

macro_rules! keys {
    ($($id:ident: $type:ty = $section:ident.$name:ident, $kind:literal, $read:expr, $fallback:expr, $doc:literal;)+) => {
        $(
            pub(in crate::config) const $id: Key<$type> = Key {
                row: Row {
                    section: stringify!($section),
                    name: stringify!($name),
                    kind: $kind,
                    fallback: $fallback,
                    doc: $doc,
                },
                read: $read,
            };
        )+
        /// Every key, in the order of `config/pgtenant.toml`.
        pub const ROWS: &[Row] = &[$($id.row),+];
    };
}

use Fallback::{None as NoValue, Required, Value};

keys! {
    LISTEN_ADDRESSES: Vec<SocketAddr> = listen.addresses,
        "list of address:port", kind::addresses, Value(r#"["127.0.0.1:6432"]"#),
        "Addresses and ports where clients connect over TCP.";
    LISTEN_UNIX_SOCKET_DIR: Option<PathBuf> = listen.unix_socket_dir,
        "absolute path, or \"off\"", kind::directory_or_off, Value("\"off\""),
        "Directory for a Unix socket named `.s.PGSQL.<port>`, with the port of the first address.";
    LISTEN_MAX_CLIENTS: usize = listen.max_clients,
        "number from 1 to 1000000", kind::count::<1, 1_000_000>, Value("10000"),
        "Client connections at once; one more is answered `53300`.";
    LISTEN_AUTH_TIMEOUT: Duration = listen.auth_timeout,
        "duration", kind::duration, Value("\"15s\""),
        "Time a client has from connecting to the end of authentication.";
    LISTEN_THREADS: Option<usize> = listen.threads,
        "number from 1 to 1024, or \"auto\"", kind::count_or_auto::<1, 1024>, Value("\"auto\""),
        "Threads that serve clients; auto is one for each processor core that the process may use.";
    LISTEN_MAX_UNAUTHENTICATED: usize = listen.max_unauthenticated,
        "number from 1 to 1000000", kind::count::<1, 1_000_000>, Value("1000"),
        "Clients at once that have not logged in yet; when there is one more, the one that came first from the address with most of them is disconnected.";
    LISTEN_MAX_FAILURES_PER_ADDRESS: Option<usize> = listen.max_failures_per_address,
        "number from 1 to 1000000, or \"all\"", kind::count_or_all::<1, 1_000_000>, Value("300"),
        "Logins from one address that may fail in a minute, before more are refused unseen; all sets no limit.";
    LISTEN_MAX_FAILURES_PER_USER: Option<usize> = listen.max_failures_per_user,
        "number from 1 to 1000000, or \"all\"", kind::count_or_all::<1, 1_000_000>, Value("30"),
        "Logins with one user name that may fail in a minute, before more are refused unseen from wherever that user did not log in lately; all sets no limit.";
    LISTEN_MAX_FAILURES_PER_TENANT: Option<usize> = listen.max_failures_per_tenant,
        "number from 1 to 1000000, or \"all\"", kind::count_or_all::<1, 1_000_000>, Value("300"),
        "Logins that name one tenant and may fail in a minute, whatever the user, before more are refused unseen from wherever that user did not log in lately; all sets no limit.";
    LISTEN_TENANT_DOMAIN: Option<String> = listen.tenant_domain,
        "domain name, or \"off\"", kind::domain_or_off, Value("\"off\""),
        "Domain of host names that name a tenant by TLS: with `db.example.com` a client of `acme.db.example.com` is of the tenant acme.";
    LISTEN_TCP_KEEPALIVE: Option<Duration> = listen.tcp_keepalive,
        "duration from 1s to 9h, or \"off\"", kind::keepalive_or_off, Value("\"60s\""),
        "Silence after which TCP probes whether the other host is still there, a client's or the server's; off leaves the system's setting.";
    LISTEN_TCP_USER_TIMEOUT: Option<Duration> = listen.tcp_user_timeout,
        "duration from 1s to 1day, or \"off\"", kind::user_timeout_or_off, Value("\"2min\""),
        "How long the other host may leave unconfirmed what was sent before the connection ends, at least twice listen.tcp_keepalive; off leaves it to the system.";
    LISTEN_SHUTDOWN_TIMEOUT: Duration = listen.shutdown_timeout,
        "duration, or 0", kind::duration_or_zero, Value("\"30s\""),
        "How long SIGTERM waits for transactions to end before it cuts them off.";
    LISTEN_DRAIN_DELAY: Duration = listen.drain_delay,
        "duration, or 0", kind::duration_or_zero, Value("0"),
        "How long the proxy goes on as before after SIGTERM, while it says that it is not ready, so that load balancers send new clients elsewhere.";
    LISTEN_TAKEOVER_SOCKET: Option<PathBuf> = listen.takeover_socket,
        "absolute path, or \"off\"", kind::absolute_path_or_off, Value("\"off\""),
        "Unix socket at which a new process, started with `pgtenant serve --takeover`, asks this one for its sockets.";
    LISTEN_TLS: ListenMode = listen.tls,
        "\"off\", \"preferred\" or \"required\"", kind::listen_tls, Value("\"preferred\""),
        "Whether clients may use TLS over TCP, or must; there is none without a certificate.";
    LISTEN_TLS_BY_ADDRESS: Vec<(SocketAddr, ListenMode)> = listen.tls_by_address,
        "list of address:port with \"off\", \"preferred\" or \"required\"", kind::tls_by_address, Value("[]"),
        "The same for one of listen.addresses, as in \"127.0.0.1:6432 off\".";
    LISTEN_TLS_CERTIFICATE: Option<PathBuf> = listen.tls_certificate,
        "path, or \"off\"", kind::file_or_off, Value("\"off\""),
        "PEM file with the certificate that clients are shown, and its chain behind it; it may be replaced at any time.";
    LISTEN_TLS_KEY: Option<PathBuf> = listen.tls_key,
        "path, or \"off\"", kind::file_or_off, Value("\"off\""),
        "PEM file with the private key of that certificate, closed to others.";
    LISTEN_TLS_EXTRA_CERTIFICATES: Vec<PathBuf> = listen.tls_extra_certificates,
        "list of paths", kind::pem_files, Value("[]"),
        "PEM files with more certificates, each with its chain behind it, for clients that ask for a host of one of them by its DNS names.";
    LISTEN_TLS_EXTRA_KEYS: Vec<PathBuf> = listen.tls_extra_keys,
        "list of paths", kind::pem_files, Value("[]"),
        "PEM files with the private keys of those certificates, in the same order, closed to others.";
    LISTEN_TLS_CLIENT_CA: Option<PathBuf> = listen.tls_client_ca,
        "path, or \"off\"", kind::file_or_off, Value("\"off\""),
        "PEM file with the authorities of clients' certificates; off asks clients for none.";
    LISTEN_TLS_CLIENT_CERTIFICATE: ClientCertificate = listen.tls_client_certificate,
        "\"optional\" or \"required\"", kind::client_certificate, Value("\"optional\""),
        "Whether a client with TLS may come without a certificate; one that cannot be verified is always refused.";
    LISTEN_TLS_CLIENT_CRL: Option<PathBuf> = listen.tls_client_crl,
        "path, or \"off\"", kind::file_or_off, Value("\"off\""),
        "PEM file with lists of revoked clients' certificates.";

    SERVER_HOST: String = server.host,
        "host name, IP address, or directory of a Unix socket", kind::host, Value("\"127.0.0.1\""),
        "Where PostgreSQL is; a value beginning with / is the directory of its Unix socket.";
    SERVER_PORT: u16 = server.port,
        "number from 1 to 65535", kind::port, Value("5432"),
        "PostgreSQL's port, also part of the name of its Unix socket.";
    SERVER_FAILOVER_HOSTS: Vec<(String, Option<u16>)> = server.failover_hosts,
        "list of hosts, each with its port where that is another", kind::hosts, Value("[]"),
        "Other servers of the same cluster: whichever takes writes is the primary.";
    SERVER_READ_REPLICAS: Vec<(String, Option<u16>)> = server.read_replicas,
        "list of hosts, each with its port where that is another", kind::hosts, Value("[]"),
        "Standbys of the server, for sessions that only read.";
    SERVER_MAX_REPLICA_LAG: Duration = server.max_replica_lag,
        "duration", kind::duration, Value("\"10s\""),
        "How far a read replica may be behind; sessions that only read go to the primary otherwise.";
    SERVER_REPLICA_CHECK_PERIOD: Duration = server.replica_check_period,
        "duration", kind::duration, Value("\"1s\""),
        "How often read replicas are looked at.";
    SERVER_DATABASE: String = server.database,
        "database name", kind::database, Required,
        "The one database that is served; clients ask for it by this name too.";
    SERVER_CONNECT_TIMEOUT: Duration = server.connect_timeout,
        "duration", kind::duration, Value("\"5s\""),
        "Time for dialling and logging in to PostgreSQL.";
    SERVER_SETTINGS: BTreeMap<String, String> = server.settings,
        "table of PostgreSQL settings", kind::settings, Value("{}"),
        "PostgreSQL settings that every server connection starts with, for example a statement_timeout.";
    SERVER_HARDENING_CHECK_PERIOD: Duration = server.hardening_check_period,
        "duration from 1s to 1min", kind::check_period, Value("\"5s\""),
        "How often the proxy looks whether the hardening is in force, while a tenant is of level shared.";
    SERVER_TLS: ServerMode = server.tls,
        "\"off\", \"require\", \"verify-ca\" or \"verify-full\"", kind::server_tls, Value("\"off\""),
        "Whether connections to PostgreSQL use TLS, and how its certificate is verified.";
    SERVER_TLS_CA: Option<PathBuf> = server.tls_ca,
        "path, or \"off\"", kind::file_or_off, Value("\"off\""),
        "PEM file with the authorities of PostgreSQL's certificate.";
    SERVER_TLS_CERTIFICATE: Option<PathBuf> = server.tls_certificate,
        "path, or \"off\"", kind::file_or_off, Value("\"off\""),
        "PEM file with the certificate that PostgreSQL is shown, and its chain behind it.";
    SERVER_TLS_KEY: Option<PathBuf> = server.tls_key,
        "path, or \"off\"", kind::file_or_off, Value("\"off\""),
        "PEM file with the private key of that certificate, closed to others.";

    POOL_MAX_SERVER_CONNECTIONS: usize = pool.max_server_connections,
        "number from 1 to 262143", kind::count::<1, 262_143>, Value("50"),
        "Server connections at once, over all tenants.";
    POOL_MAX_SERVER_CONNECTIONS_PER_TENANT: Option<usize> = pool.max_server_connections_per_tenant,
        "number from 1 to 262143, or \"all\"", kind::count_or_all::<1, 262_143>, Value("\"all\""),
        "Server connections at once of one tenant; all lets a single tenant use every one.";
    POOL_MAX_CONCURRENT_OPENS: usize = pool.max_concurrent_opens,
        "number from 1 to 1000", kind::count::<1, 1000>, Value("8"),
        "Server connections being opened at once, so that a storm of clients does not become one for PostgreSQL.";
    POOL_SPARE_CONNECTIONS: usize = pool.spare_connections,
        "number from 0 to 1000", kind::count::<0, 1000>, Value("0"),
        "Server connections kept open for whichever tenant of level dedicated needs its next one, where the extension set_user is installed.";
    POOL_MIN_SHARED_CONNECTIONS: usize = pool.min_shared_connections,
        "number from 0 to 262143", kind::count::<0, 262_143>, Value("0"),
        "Shared server connections that stay open, once there was one, however long nobody uses them.";
    POOL_WAIT_TIMEOUT: Duration = pool.wait_timeout,
        "duration", kind::duration, Value("\"30s\""),
        "How long a client waits for a server connection before it is answered `53300`.";
    POOL_IDLE_TIMEOUT: Option<Duration> = pool.idle_timeout,
        "duration, or \"off\"", kind::duration_or_off, Value("\"10min\""),
        "A server connection unused for this long is closed.";
    POOL_MAX_LIFETIME: Option<Duration> = pool.max_lifetime,
        "duration, or \"off\"", kind::duration_or_off, Value("\"1h\""),
        "A server connection older than this is closed when it is returned.";
    POOL_MAX_TENANTS_PER_CONNECTION: usize = pool.max_tenants_per_connection,
        "number from 0 to 1000000", kind::count::<0, 1_000_000>, Value("2000"),
        "A shared server connection that has served more tenants than this, or up to a quarter more or less, is closed when it is returned; 0 sets no limit.";
    POOL_MAX_CONNECTION_MEMORY: usize = pool.max_connection_memory,
        "size from 0B to 64GiB", kind::size::<0, 68_719_476_736>, Value("\"128MiB\""),
        "A shared server connection whose process has allocated more memory than this is closed when it is returned; 0 sets no limit. PostgreSQL keeps what it has learnt of each tenant's tables, and tells how much it uses since version 14.";
    POOL_ADAPTIVE_CONCURRENCY: bool = pool.adaptive_concurrency,
        "\"on\" or \"off\"", kind::on_or_off, Value("\"off\""),
        "Whether clients wait for each other, although a server connection is free for them, where that makes their transactions no slower: a server whose processors are all busy gets more done with fewer transactions at once.";
    POOL_REUSE_UNNAMED_STATEMENTS: bool = pool.reuse_unnamed_statements,
        "\"on\" or \"off\"", kind::on_or_off, Value("\"on\""),
        "Whether an unnamed prepared statement that comes again is kept on server connections, so that PostgreSQL need not parse and plan it again.";
    POOL_MEMORY_CHECK_PERIOD: Duration = pool.memory_check_period,
        "duration", kind::duration, Value("\"30s\""),
        "How often a shared server connection is asked how much memory it uses, off its clients' path.";
    POOL_PINNED_IDLE_TIMEOUT: Option<Duration> = pool.pinned_idle_timeout,
        "duration, or \"off\"", kind::duration_or_off, Value("\"off\""),
        "A client that keeps a server connection only by session state is disconnected with `57P05` after this much silence.";
    POOL_MAX_PINNED_PER_TENANT: Option<usize> = pool.max_pinned_per_tenant,
        "number from 1 to 262143, or \"all\"", kind::count_or_all::<1, 262_143>, Value("25"),
        "Clients of one tenant that may keep a server connection by session state at once; what would be one more is refused with `53400`.";
    POOL_RESET: ResetPolicy = pool.reset,
        "\"on_need\" or \"always\"", kind::reset_policy, Value("\"on_need\""),
        "Whether a server connection is reset when a client may have left session state behind, or after every transaction.";

    LIMITS_MAX_CLIENTS: Option<usize> = limits.max_clients,
        "number from 1 to 1000000, or \"all\"", kind::count_or_all::<1, 1_000_000>, Value("\"all\""),
        "Client connections of one tenant at once; one more is answered `53300`.";
    LIMITS_MAX_WAITING: Option<usize> = limits.max_waiting,
        "number from 1 to 1000000, or \"all\"", kind::count_or_all::<1, 1_000_000>, Value("\"all\""),
        "Clients of one tenant that may wait for a server connection at once; one more is answered `53300`.";
    LIMITS_MAX_TRANSACTIONS_PER_SECOND: Option<usize> = limits.max_transactions_per_second,
        "number from 1 to 1000000, or \"all\"", kind::count_or_all::<1, 1_000_000>, Value("\"all\""),
        "How often in a second clients of one tenant are given a server connection, once for each transaction; beyond that they wait.";
    LIMITS_STATEMENT_TIMEOUT: Option<Duration> = limits.statement_timeout,
        "duration, or \"off\"", kind::duration_or_off, Value("\"off\""),
        "How long a statement, or a batch up to its Sync, may run before it is cancelled with `57014`, whatever the client sets.";
    LIMITS_TRANSACTION_TIMEOUT: Option<Duration> = limits.transaction_timeout,
        "duration, or \"off\"", kind::duration_or_off, Value("\"off\""),
        "How long a transaction may take before its client is disconnected with `25P04`.";
    LIMITS_IDLE_IN_TRANSACTION_TIMEOUT: Option<Duration> = limits.idle_in_transaction_timeout,
        "duration, or \"off\"", kind::duration_or_off, Value("\"off\""),
        "How long a client may be silent in a transaction block before it is disconnected with `25P03`.";
    LIMITS_CLIENT_IDLE_TIMEOUT: Option<Duration> = limits.client_idle_timeout,
        "duration, or \"off\"", kind::duration_or_off, Value("\"off\""),
        "How long a client may be silent outside a transaction before it is disconnected with `57P05`.";

    REGISTRY_USER: String = registry.user,
        "role name", kind::role, Value("\"pgtenant_proxy\""),
        "Role that reads the registry; its password is derived from the master key.";
    REGISTRY_MAX_CONNECTIONS: u32 = registry.max_connections,
        "number from 1 to 1000", kind::small_count::<1, 1000>, Value("4"),
        "Connections to PostgreSQL for reading the registry, on top of the pool's.";

    AUTH_TOKEN_KEYS: Vec<PathBuf> = auth.token_keys,
        "list of paths", kind::files, Value("[]"),
        "Files with the public keys of whoever issues tokens, in PEM or as a JWK set; a relative path starts at this file's directory.";
    AUTH_TOKEN_KEYS_URL: Option<String> = auth.token_keys_url,
        "https address, or \"off\"", kind::https_url_or_off, Value("\"off\""),
        "Where the JWK set of whoever issues tokens is fetched, beside the keys in files.";
    AUTH_TOKEN_KEYS_CA: Option<PathBuf> = auth.token_keys_ca,
        "path, or \"off\"", kind::file_or_off, Value("\"off\""),
        "File with the certificates that vouch for auth.token_keys_url, in PEM, in place of the public authorities.";
    AUTH_TOKEN_SECRET_FILE: Option<PathBuf> = auth.token_secret_file,
        "path, or \"off\"", kind::secret_file_or_off, Value("\"off\""),
        "File with a secret that issuer and proxy share, for tokens signed with HS256, readable by its owner only.";
    AUTH_TOKEN_ISSUER: String = auth.token_issuer,
        "text", kind::claim_value, Value("\"\""),
        "What the claim iss of a token must say; required where tokens are taken.";
    AUTH_TOKEN_AUDIENCE: String = auth.token_audience,
        "text", kind::claim_value, Value("\"\""),
        "What the claim aud of a token must say or contain; required where tokens are taken.";
    AUTH_TOKEN_TENANT_CLAIM: String = auth.token_tenant_claim,
        "name of a claim, or JSON pointer", kind::claim, Value("\"tenant_id\""),
        "Claim with the tenant, a slug or a uuid; one inside another is written as a JSON pointer.";
    AUTH_TOKEN_SCOPE_CLAIM: String = auth.token_scope_claim,
        "name of a claim, or JSON pointer", kind::claim, Value("\"scope\""),
        "Claim with what the token is for: read_only, read_write or admin; a token without it can only read.";
    AUTH_TOKEN_USER_CLAIM: String = auth.token_user_claim,
        "name of a claim, or JSON pointer", kind::claim, Value("\"sub\""),
        "Claim with the person or program a token was made for, as it stands in the log.";
    AUTH_TOKEN_LEEWAY: Duration = auth.token_leeway,
        "duration from 1s to 5min, or 0", kind::leeway, Value("\"30s\""),
        "How far the clocks of issuer and proxy may be apart.";
    AUTH_TOKEN_MAX_LIFETIME: Option<Duration> = auth.token_max_lifetime,
        "duration from 1min, or \"off\"", kind::lifetime_or_off, Value("\"off\""),
        "A token that is valid for longer than this is refused.";
    AUTH_TOKEN_USER: String = auth.token_user,
        "user name", kind::token_user, Value("\"token\""),
        "User that logs in with a token or an API key as its password; with a dot and a slug behind it, for that tenant only.";
    AUTH_BEARER_USER: String = auth.bearer_user,
        "user name", kind::token_user, Value("\"oauth\""),
        "User that logs in with a token by OAUTHBEARER, as libpq 18 does; with a dot and a slug behind it, for that tenant only.";
    AUTH_TOKENS_WITHOUT_TLS: WithoutTls = auth.tokens_without_tls,
        "\"never\" or \"loopback\"", kind::without_tls, Value("\"never\""),
        "Whether a token is taken over a connection that is not encrypted: never but on a Unix socket, or from this machine too.";
    AUTH_ADMIN_TOKENS: AdminTokens = auth.admin_tokens,
        "\"off\", \"read_only\" or \"read_write\"", kind::admin_tokens, Value("\"off\""),
        "What a token with the scope admin may do as any tenant: nothing, read, or also write where it is asked for; all of it is audited.";
    AUTH_API_KEYS: bool = auth.api_keys,
        "\"on\" or \"off\"", kind::on_or_off, Value("\"off\""),
        "Whether the API keys of pgtenant key create are taken.";
    AUTH_CLIENT_CERTIFICATES: ClientCertificates = auth.client_certificates,
        "\"off\", \"tenant\" or \"login\"", kind::client_certificates, Value("\"off\""),
        "What a client's certificate is good for besides the connection: nothing, naming the tenant, or logging in its users without a password.";
    AUTH_ISSUE_KEY: Option<PathBuf> = auth.issue_key,
        "path, or \"off\"", kind::secret_file_or_off, Value("\"off\""),
        "File with the Ed25519 private key that pgtenant token issue signs with, readable by its owner only; its tokens are taken.";
    AUTH_ISSUE_MAX_LIFETIME: Duration = auth.issue_max_lifetime,
        "duration from 1min", kind::lifetime, Value("\"24h\""),
        "Longest life of a token of pgtenant token issue.";

    CONSOLE_DATABASE: Option<String> = console.database,
        "database name, or \"off\"", kind::database_or_off, Value("\"pgtenant\""),
        "The database name that opens the admin console; off for no console.";
    CONSOLE_ADMIN_USERS: Vec<String> = console.admin_users,
        "list of user names", kind::console_users, Value("[]"),
        "Users that may look and change in the console, with a password of console.password_file.";
    CONSOLE_STATS_USERS: Vec<String> = console.stats_users,
        "list of user names", kind::console_users, Value("[]"),
        "Users that may only look in the console, such as a program that collects metrics.";
    CONSOLE_PASSWORD_FILE: Option<PathBuf> = console.password_file,
        "path, or \"off\"", kind::secret_file_or_off, Value("\"off\""),
        "File with a line for each of them, its name and its SCRAM-SHA-256 verifier in double quotes, readable by its owner only.";

    GUARD_MODE: GuardMode = guard.mode,
        "\"enforce\" or \"report\"", kind::guard_mode, Value("\"enforce\""),
        "Whether a statement that breaks a rule is refused, or only logged where PostgreSQL's privileges keep tenants apart anyway.";
    GUARD_PUBLIC_SCHEMA: PublicSchema = guard.public_schema,
        "\"refuse\" or \"tenant\"", kind::public_schema, Value("\"refuse\""),
        "What statements that name the schema public mean: nothing a tenant may use, or the tenant's own schema.";
    GUARD_EXTRA_SCHEMAS: Vec<Ident> = guard.extra_schemas,
        "list of schema names", kind::schemas, Value("[]"),
        "Schemas that tenants may name besides their own, the global one and the system's.";
    GUARD_EXTRA_SETTINGS: Vec<String> = guard.extra_settings,
        "list of setting names", kind::extra_settings, Value("[]"),
        "PostgreSQL settings that tenants may change besides those known to concern nobody else.";
    GUARD_EXTRA_FUNCTIONS: Vec<Ident> = guard.extra_functions,
        "list of function names", kind::functions, Value("[]"),
        "Functions of the operator that tenants of level shared may call without a schema where the database is not hardened.";
    GUARD_MAX_STATEMENT_BYTES: usize = guard.max_statement_bytes,
        "size from 1KiB to 64MiB", kind::size::<1024, 67_108_864>, Value("\"1MiB\""),
        "Longest statement text that is judged; a longer one is refused with `54000`.";
    GUARD_CACHE_BYTES: usize = guard.cache_bytes,
        "size from 1MiB to 64GiB", kind::size::<1_048_576, 68_719_476_736>, Value("\"64MiB\""),
        "Memory for remembered verdicts.";

    NOTIFY_MAX_CHANNELS: usize = notify.max_channels,
        "number from 1 to 1000000", kind::count::<1, 1_000_000>, Value("10000"),
        "Channels that all clients together may LISTEN to; one more is answered `53400`.";
    NOTIFY_MAX_CHANNELS_PER_CLIENT: usize = notify.max_channels_per_client,
        "number from 1 to 1000000", kind::count::<1, 1_000_000>, Value("1000"),
        "Channels that one client may LISTEN to; one more is answered `53400`.";
    NOTIFY_MAX_QUEUED_BYTES: usize = notify.max_queued_bytes,
        "size from 64KiB to 1GiB", kind::size::<65_536, 1_073_741_824>, Value("\"4MiB\""),
        "Notifications kept for a client that does not read them; with more it is disconnected with `53400`.";

    SECRETS_MASTER_KEY_FILE: PathBuf = secrets.master_key_file,
        "path", kind::key_file, NoValue,
        "File with the master key in hexadecimal, readable by its owner only; a relative path starts at this file's directory.";
    SECRETS_MASTER_KEY: String = secrets.master_key,
        "at least 64 hexadecimal digits", kind::secret, NoValue,
        "The master key itself; only from the environment, never in the file.";
    SECRETS_PREVIOUS_MASTER_KEY_FILE: Option<PathBuf> = secrets.previous_master_key_file,
        "path, or \"off\"", kind::key_file_or_off, Value("\"off\""),
        "File with the master key that is being replaced, until `pgtenant rotate-master-key` has given all roles their new passwords.";
    SECRETS_PREVIOUS_MASTER_KEY: String = secrets.previous_master_key,
        "at least 64 hexadecimal digits", kind::secret, NoValue,
        "The master key that is being replaced itself; only from the environment, never in the file.";

    TENANTS_LEVEL: Level = tenants.level,
        "\"dedicated\" or \"shared\"", kind::level, Value("\"dedicated\""),
        "Level of new tenants: whether their server connections are their own, or those of all shared tenants.";
    TENANTS_DROP_GRACE: Duration = tenants.drop_grace,
        "duration, or \"off\"", kind::duration_or_zero, Value("\"7d\""),
        "How long a tenant that was dropped can be kept after all, before `pgtenant tenant purge` deletes it.";
    TENANTS_CLUSTER: ClusterName = tenants.cluster,
        "name of a cluster", kind::cluster, Value("\"main\""),
        "Cluster of new tenants: main, which [server] describes, or one of [clusters.NAME].";
    TENANTS_FILE: Option<PathBuf> = tenants.file,
        "path, or \"off\"", kind::secret_file_or_off, Value("\"off\""),
        "File with all tenants and their users, for a database without a registry, readable by its owner only; a relative path starts at this file's directory.";

    MIGRATIONS_DIRECTORY: Option<PathBuf> = migrations.directory,
        "path, or \"off\"", kind::secret_file_or_off, Value("\"off\""),
        "Directory with the files of `pgtenant migrate`, as 0042_add_orders.sql; a relative path starts at this file's directory.";
    MIGRATIONS_LOCK_TIMEOUT: Duration = migrations.lock_timeout,
        "duration", kind::duration, Value("\"500ms\""),
        "How long a migration waits for a lock, with others waiting behind it, before it lets go and tries again later.";

    VERIFY_INTERVAL: Option<Duration> = verify.interval,
        "duration from 10s, or \"off\"", kind::interval_or_off, Value("\"off\""),
        "How often `serve` audits the catalogs as `pgtenant verify --no-canary` does.";
    VERIFY_ACCEPT: Vec<String> = verify.accept,
        "list of finding ids, alone or as id:object", kind::findings, Value("[]"),
        "Findings of `pgtenant verify` that the operator knows of and lives with; none that is critical can be accepted.";

    MONITOR_ADDRESSES: Vec<SocketAddr> = monitor.addresses,
        "list of address:port, may be empty", kind::addresses_or_none, Value("[]"),
        "Addresses and ports where serve has metrics, its health and the dashboard, over HTTP.";
    MONITOR_TOKEN_FILE: Option<PathBuf> = monitor.token_file,
        "path, or \"off\"", kind::secret_file_or_off, Value("\"off\""),
        "File with the tokens of those who may see the dashboard and all metrics, one a line, readable by its owner only.";
    MONITOR_TOKENS_FROM: TokensFrom = monitor.tokens_from,
        "\"loopback\" or \"anywhere\"", kind::tokens_from, Value("\"loopback\""),
        "Whether a token is taken only from this machine, or also from others, where something else encrypts the way.";
    MONITOR_METRICS_ACCESS: MetricsAccess = monitor.metrics_access,
        "\"loopback\", \"open\" or \"token\"", kind::metrics_access, Value("\"loopback\""),
        "Who gets metrics without a token: programs on this machine, everybody, or nobody.";
    MONITOR_METRICS_TENANTS: usize = monitor.metrics_tenants,
        "number from 0 to 1000", kind::count::<0, 1000>, Value("20"),
        "Tenants that have metrics of their own, those with the most traffic; all others are one together.";

    SCHEMAS_GLOBAL: Ident = schemas.global,
        "schema name", kind::schema, Value("\"global\""),
        "Schema that every tenant can read, second in the search_path.";
    SCHEMAS_TEMPLATE: Ident = schemas.template,
        "schema name", kind::schema, Value("\"base_template\""),
        "Schema that a new tenant's schema is cloned from.";

    LOG_FILTER: String = log.filter,
        "filter of the tracing crate", kind::filter, Value("\"info\""),
        "What is logged: a level, or levels by module such as `info,pgtenant::pool=debug`.";
    LOG_FORMAT: LogFormat = log.format,
        "\"text\" or \"json\"", kind::log_format, Value("\"text\""),
        "How log lines look on standard error.";
    LOG_STATS_PERIOD: Option<Duration> = log.stats_period,
        "duration from 1s, or \"off\"", kind::period_or_off, Value("\"60s\""),
        "How often a line with the proxy's counters is logged.";
    LOG_AUDIT_FILE: Option<PathBuf> = log.audit_file,
        "absolute path, or \"off\"", kind::absolute_path_or_off, Value("\"off\""),
        "File for lines about who logs in, who is refused what, and what admins do, in place of standard error.";
    LOG_SLOW_QUERY: Option<Duration> = log.slow_query,
        "duration, or \"off\"", kind::duration_or_off, Value("\"off\""),
        "A statement that takes this long, with the wait for its server connection, is logged.";
    LOG_STATEMENTS: LogStatements = log.statements,
        "\"redacted\" or \"full\"", kind::log_statements, Value("\"redacted\""),
        "How statements look in the line on a slow one: without their literals and comments, or as they were sent.";
    LOG_MAX_LINES_PER_SECOND: Option<usize> = log.max_lines_per_second,
        "number from 1 to 1000000, or \"all\"", kind::count_or_all::<1, 1_000_000>, Value("100"),
        "Lines of one kind in a second on logins, refused logins, connections that end, and slow statements; all sets no limit.";
}
