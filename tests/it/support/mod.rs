//! One PostgreSQL for all tests, a database of its own for each.

pub(crate) mod between;
pub(crate) mod binary;
pub(crate) mod fake;
pub(crate) mod proxy;
pub(crate) mod secrets;
pub(crate) mod tls;
pub(crate) mod wire;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use pgtenant::auth::MasterKey;
use pgtenant::cli::cluster::{Options, PrivateCluster};
use pgtenant::cli::connect::AdminArgs;
use pgtenant::cli::init::{self, InitArgs};
use pgtenant::cli::tenant::{self, CreateArgs, TenantCommand};
use pgtenant::config;
use pgtenant::config::{Config, ResetPolicy, ServerAddress};
use pgtenant::registry::store::{self, TenantSummary};
use pgtenant::tenant::{Ident, Level, Limits, Slug};
use secrecy::ExposeSecret;
use tokio_postgres::{Client, NoTls};

static CLUSTER: OnceLock<PrivateCluster> = OnceLock::new();
static NUMBER: AtomicU32 = AtomicU32::new(1);

/// Started by the first test that needs it; its watchdog removes it when the test process ends.
pub(crate) fn cluster() -> &'static PrivateCluster {
    CLUSTER.get_or_init(|| PrivateCluster::start(&options()).expect("a private PostgreSQL"))
}

/// It has a database for nearly each test, and none of them lives long enough for a vacuum; each would be visited for one.
pub(crate) fn options() -> Options {
    Options { settings: vec![("autovacuum".into(), "off".into())], ..Options::default() }
}

pub(crate) async fn connect(url: &str) -> Client {
    try_connect(url).await.expect("login")
}

pub(crate) async fn try_connect(url: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// By copies of the template's files: written to the log of changes block by block, as is the default, it costs three
/// times as much.
pub(crate) async fn create_database(admin: &Client, name: &str) {
    let version: u32 = value(admin, "SHOW server_version_num").await.parse().unwrap();
    // The choice came with PostgreSQL 15; before there was no other way.
    let strategy = if version < 150_000 { "" } else { "STRATEGY file_copy" };
    admin.batch_execute(&format!("CREATE DATABASE {name} {strategy}")).await.unwrap();
}

/// A new database with the configuration to serve it.
#[derive(Clone)]
pub(crate) struct Db {
    pub(crate) name: String,
    /// What every slug begins with.
    prefix: String,
    pub(crate) config: Config,
    pub(crate) admin_url: String,
    port: u16,
}

impl Db {
    /// Empty, on the shared server.
    pub(crate) async fn new() -> Self {
        Self::on(cluster()).await
    }

    /// Empty but for the extension set_user, for a proxy that wants so many spare connections.
    pub(crate) async fn with_set_user(spares: usize) -> Self {
        let mut db = Self::new().await;
        db.config.pool.spare_connections = spares;
        let made = db.admin().await.batch_execute("CREATE EXTENSION set_user").await;
        made.expect("the extension set_user, of the package postgresql-NN-set-user (scripts/setup.sh test)");
        db
    }

    /// Empty, on this server.
    pub(crate) async fn on(cluster: &PrivateCluster) -> Self {
        let name = format!("t{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let prefix = format!("{name}_");
        Self::named(cluster, name, prefix).await
    }

    /// Empty, on a server of its own, under this name and with slugs as they are given.
    pub(crate) async fn alone_on(cluster: &PrivateCluster, name: &str) -> Self {
        Self::named(cluster, name.to_owned(), String::new()).await
    }

    async fn named(cluster: &PrivateCluster, name: String, prefix: String) -> Self {
        create_database(&connect(&cluster.superuser_url("postgres")).await, &name).await;
        let config = config(&name, ServerAddress::Tcp("127.0.0.1".into(), cluster.port()));
        Self { config, admin_url: cluster.superuser_url(&name), port: cluster.port(), name, prefix }
    }

    /// After `pgtenant init`.
    pub(crate) async fn ready() -> Self {
        let db = Self::new().await;
        db.init().await.unwrap();
        db
    }

    /// The same, for commands that have these master keys.
    pub(crate) fn with_keys(&self, secrets: &config::Secrets) -> Self {
        let mut db = self.clone();
        db.config.secrets = secrets.clone();
        db
    }

    /// Slugs are part of role names, and roles belong to the whole server.
    pub(crate) fn slug(&self, name: &str) -> Slug {
        Slug::parse(&format!("{}{name}", self.prefix)).unwrap()
    }

    pub(crate) fn schema(&self, name: &str) -> String {
        format!("tenant_{}", self.slug(name))
    }

    /// As the administrator.
    pub(crate) async fn admin(&self) -> Client {
        connect(&self.admin_url).await
    }

    pub(crate) async fn admin_run(&self, sql: &str) {
        self.admin().await.batch_execute(sql).await.unwrap();
    }

    /// As the tenant's own role, with the password pgtenant derived for it.
    pub(crate) async fn as_tenant(&self, name: &str) -> Client {
        let tenant = self.summary(name).await.tenant;
        let password = self.config.secrets.master_key.tenant_password(tenant.id, tenant.password_version);
        let role = tenant.names.role.as_str();
        let client = connect(&self.url(role, password.expose_secret())).await;
        let path = format!("SET search_path = {}, global", tenant.names.schema);
        client.batch_execute(&path).await.unwrap();
        client
    }

    pub(crate) fn url(&self, role: &str, password: &str) -> String {
        format!("postgresql://{role}:{password}@127.0.0.1:{}/{}", self.port, self.name)
    }

    pub(crate) async fn init(&self) -> Result<String, String> {
        self.init_as(&self.admin_url).await
    }

    /// `pgtenant init --harden`.
    pub(crate) async fn harden(&self) -> Result<String, String> {
        let mut out = Vec::new();
        let args = InitArgs { admin: admin_args(&self.admin_url), harden: true, ..InitArgs::default() };
        let done = init::run(args, &self.config, &mut out).await;
        done.map(|()| String::from_utf8(out).unwrap()).map_err(|error| format!("{error:#}"))
    }

    pub(crate) async fn init_as(&self, admin_url: &str) -> Result<String, String> {
        let mut out = Vec::new();
        let done = init::run(
            InitArgs { admin: admin_args(admin_url), ..InitArgs::default() },
            &self.config,
            &mut out,
        )
        .await;
        done.map(|()| String::from_utf8(out).unwrap()).map_err(|error| format!("{error:#}"))
    }

    /// `pgtenant tenant create` with nothing but the slug.
    pub(crate) async fn create(&self, name: &str) -> Result<String, String> {
        self.create_with(name, |_| {}, "").await
    }

    pub(crate) async fn create_with(
        &self,
        name: &str,
        change: impl FnOnce(&mut CreateArgs),
        stdin: &str,
    ) -> Result<String, String> {
        let mut args = CreateArgs {
            slug: Some(self.slug(name).to_string()),
            from: None,
            jobs: 1,
            name: None,
            user: None,
            password_stdin: false,
            read_only: false,
            stripe_customer: None,
            level: None,
            cluster: None,
            json: false,
            admin: admin_args(&self.admin_url),
        };
        change(&mut args);
        self.tenant(TenantCommand::Create(args), stdin).await
    }

    pub(crate) async fn tenant(&self, command: TenantCommand, stdin: &str) -> Result<String, String> {
        let mut out = Vec::new();
        let done = tenant::run(command, &self.config, &mut stdin.as_bytes(), &mut out).await;
        done.map(|()| String::from_utf8(out).unwrap()).map_err(|error| format!("{error:#}"))
    }

    pub(crate) async fn summary(&self, name: &str) -> TenantSummary {
        let slug = self.slug(name);
        store::summaries(&self.admin().await, Some(&slug)).await.unwrap().pop().expect("the tenant")
    }
}

pub(crate) fn admin_args(url: &str) -> AdminArgs {
    AdminArgs { admin_url: Some(url.into()), ..AdminArgs::default() }
}

/// The error's SQLSTATE, for what must fail.
pub(crate) async fn sqlstate(client: &Client, sql: &str) -> String {
    let error = client.batch_execute(sql).await.expect_err(sql);
    error.code().expect("an error of the server").code().to_owned()
}

/// The first column of the first row as text.
pub(crate) async fn value(client: &Client, sql: &str) -> String {
    let messages = client.simple_query(sql).await.unwrap();
    messages
        .iter()
        .find_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or("").to_owned()),
            _ => None,
        })
        .expect("a row")
}

/// For a server that is not there.
pub(crate) fn unused_config() -> Config {
    config("app", ServerAddress::Tcp("127.0.0.1".into(), 1))
}

fn listen() -> config::Listen {
    config::Listen {
        addresses: vec!["127.0.0.1:6432".parse().unwrap()],
        unix_socket_dir: None,
        max_clients: 100,
        auth_timeout: Duration::from_secs(10),
        tenant_domain: None,
        threads: None,
        max_unauthenticated: 100,
        failures: pgtenant::auth::FailureLimits::default(),
        tcp_keepalive: None,
        tcp_user_timeout: None,
        shutdown_timeout: Duration::from_secs(1),
        drain_delay: Duration::ZERO,
        takeover_socket: None,
        tls: None,
    }
}

fn notify() -> config::Notify {
    config::Notify { max_channels: 10_000, max_channels_per_client: 1000, max_queued_bytes: 4 << 20 }
}

fn config(database: &str, address: ServerAddress) -> Config {
    let second = Duration::from_secs(1);
    Config {
        listen: listen(),
        server: config::Server {
            address,
            failover: vec![],
            read_replicas: vec![],
            max_replica_lag: 10 * second,
            replica_check_period: second / 10,
            database: database.to_owned(),
            connect_timeout: 10 * second,
            settings: std::collections::BTreeMap::new(),
            hardening_check_period: second,
            tls: config::tls::ServerTls::OFF,
        },
        cluster: pgtenant::tenant::ClusterName::MAIN,
        clusters: std::collections::BTreeMap::new(),
        pool: config::Pool {
            max_server_connections: 10,
            max_concurrent_opens: 2,
            spare_connections: 0,
            min_shared_connections: 0,
            idle_timeout: None,
            max_lifetime: None,
            max_tenants_per_connection: 200,
            max_connection_memory: 0,
            adaptive_concurrency: false,
            reuse_unnamed_statements: true,
            memory_check_period: 30 * second,
            reset: ResetPolicy::OnNeed,
        },
        own_limits: config::own_limits::OwnLimits::default(),
        limits: Limits {
            max_server_connections: 5,
            wait_timeout: 5 * second,
            max_pinned: 25,
            ..Limits::default()
        },
        registry: config::Registry { user: format!("{database}_proxy"), max_connections: 2 },
        auth: config::auth::Auth::default(),
        console: config::console::Console::default(),
        guard: config::Guard {
            mode: config::GuardMode::Enforce,
            public_schema: config::PublicSchema::Refuse,
            extra_schemas: vec![],
            extra_settings: vec![],
            extra_functions: vec![],
            max_statement_bytes: 1 << 20,
            cache_bytes: 1 << 20,
        },
        notify: notify(),
        secrets: config::Secrets {
            master_key: MasterKey::parse(&"5a".repeat(32)).unwrap(),
            previous_master_key: None,
        },
        tenants: config::Tenants {
            level: Level::Dedicated,
            cluster: pgtenant::tenant::ClusterName::MAIN,
            drop_grace: 7 * 86_400 * second,
            file: None,
        },
        migrations: config::Migrations { directory: None, lock_timeout: second / 2 },
        verify: config::Verify { interval: None, accept: vec![] },
        monitor: config::monitor::Monitor::default(),
        schemas: config::Schemas {
            global: Ident::parse("global").unwrap(),
            template: Ident::parse("base_template").unwrap(),
        },
        log: config::Log {
            filter: "info".into(),
            format: config::LogFormat::Text,
            stats_period: None,
            audit_file: None,
            slow_query: None,
            statements: config::LogStatements::Redacted,
            max_lines_per_second: None,
        },
    }
}
