//! A proxy in this process, on a runtime of its own, in front of a database with a few tenants.

use std::io::Write;
use std::net::SocketAddr;
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use pgtenant::cli::cluster::PrivateCluster;
use pgtenant::cli::serve::Server;
use pgtenant::cli::tenant::CreateArgs;
use pgtenant::client::Pinned;
use pgtenant::client::{ReloadError, ReloadReport, Shared};
use pgtenant::config::Config;
use pgtenant::config::tls::ListenTls;
use pgtenant::tenant::Level;
use secrecy::ExposeSecret;
use tokio::runtime::Runtime;

use crate::support::tls::{Authority, Trust};
use crate::support::wire::Wire;
use crate::support::{Db, cluster, secrets, try_connect};

/// Every tenant's password.
pub(crate) const PASSWORD: &str = "correct horse";

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running proxy and its database.
pub(crate) struct Proxy {
    pub(crate) db: Db,
    server: Option<Server>,
    runtime: Option<Runtime>,
    addr: SocketAddr,
    server_port: u16,
    superuser_password: String,
    /// What connections by hand trust, where all of them are to have TLS.
    trust: Option<Trust>,
}

impl Proxy {
    /// With these tenants, each with a table `notes` of its own, on the shared PostgreSQL.
    pub(crate) fn start(tenants: &[&str], change: impl FnOnce(&mut Config) + Send) -> Self {
        Self::on(cluster(), tenants, change)
    }

    /// The same at level shared, in a hardened database.
    pub(crate) fn start_shared(tenants: &[&str], change: impl FnOnce(&mut Config) + Send) -> Self {
        Self::before(cluster(), Db::on(cluster()), Kept::Shared { hardened: true }, tenants, change)
    }

    /// The same in one that is not hardened.
    pub(crate) fn start_shared_unhardened(tenants: &[&str], change: impl FnOnce(&mut Config) + Send) -> Self {
        Self::before(cluster(), Db::on(cluster()), Kept::Shared { hardened: false }, tenants, change)
    }

    /// As [`start`](Self::start), at level dedicated, with so many spare connections and the extension set_user.
    pub(crate) fn with_spares(
        spares: usize,
        tenants: &[&str],
        change: impl FnOnce(&mut Config) + Send,
    ) -> Self {
        Self::before(cluster(), Db::with_set_user(spares), Kept::Dedicated, tenants, change)
    }

    /// As [`start_shared`](Self::start_shared), on this server.
    pub(crate) fn shared_on(
        cluster: &PrivateCluster,
        tenants: &[&str],
        change: impl FnOnce(&mut Config) + Send,
    ) -> Self {
        Self::before(cluster, Db::on(cluster), Kept::Shared { hardened: true }, tenants, change)
    }

    /// As [`start`](Self::start), on this server.
    pub(crate) fn on(
        cluster: &PrivateCluster,
        tenants: &[&str],
        change: impl FnOnce(&mut Config) + Send,
    ) -> Self {
        Self::before(cluster, Db::on(cluster), Kept::usual(), tenants, change)
    }

    /// The only one on this server: the database and its tenants have the names they are given.
    pub(crate) fn alone_on(
        cluster: &PrivateCluster,
        database: &str,
        tenants: &[&str],
        change: impl FnOnce(&mut Config) + Send,
    ) -> Self {
        Self::before(cluster, Db::alone_on(cluster, database), Kept::usual(), tenants, change)
    }

    /// The same at level shared, in a hardened database.
    pub(crate) fn shared_alone_on(
        cluster: &PrivateCluster,
        database: &str,
        tenants: &[&str],
        change: impl FnOnce(&mut Config) + Send,
    ) -> Self {
        Self::before(
            cluster,
            Db::alone_on(cluster, database),
            Kept::Shared { hardened: true },
            tenants,
            change,
        )
    }

    fn before(
        cluster: &PrivateCluster,
        db: impl Future<Output = Db> + Send,
        kept: Kept,
        tenants: &[&str],
        change: impl FnOnce(&mut Config) + Send,
    ) -> Self {
        secrets::watch_log();
        let work = || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .expect("a runtime");
            let (db, server) = runtime.block_on(async {
                let mut db = prepare(db.await, kept, tenants).await;
                db.config.listen.addresses = vec!["127.0.0.1:0".parse().unwrap()];
                change(&mut db.config);
                if let (Some(tls), None) = (usual_tls(), &db.config.listen.tls) {
                    db.config.listen.tls = Some(tls.listen.clone());
                }
                let server = Server::start(db.config.clone()).await.expect("the proxy starts");
                (db, server)
            });
            let addr = server.listening()[0].parse().expect("a TCP address");
            Self {
                db,
                server: Some(server),
                runtime: Some(runtime),
                addr,
                server_port: cluster.port(),
                superuser_password: cluster.superuser_password().to_owned(),
                trust: usual_tls().map(|tls| tls.trust.clone()),
            }
        };
        // A test may itself run on a runtime, where blocking is not allowed.
        std::thread::scope(|scope| scope.spawn(work).join().expect("a proxy"))
    }

    /// One more proxy in front of the same database.
    pub(crate) fn another(&self, change: impl FnOnce(&mut Config)) -> Another<'_> {
        let mut config = self.db.config.clone();
        change(&mut config);
        let server = self.run(Server::start(config)).expect("the proxy starts");
        let addr = server.listening()[0].parse().expect("a TCP address");
        Another { first: self, server, addr }
    }

    pub(crate) const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// All of them, in the order of the configuration.
    pub(crate) fn addrs(&self) -> Vec<SocketAddr> {
        let server = self.server.as_ref().expect("it runs");
        server.listening().iter().filter_map(|name| name.parse().ok()).collect()
    }

    /// Where metrics, health and the dashboard are.
    pub(crate) fn monitoring(&self) -> SocketAddr {
        self.server.as_ref().expect("it runs").monitoring()[0]
    }

    pub(crate) fn superuser_password(&self) -> &str {
        &self.superuser_password
    }

    pub(crate) const fn server_port(&self) -> u16 {
        self.server_port
    }

    pub(crate) fn shared(&self) -> &Shared {
        self.server.as_ref().expect("running").shared()
    }

    /// The clients that keep their server connection.
    pub(crate) fn pinned(&self) -> Vec<Pinned> {
        self.shared().roster.pinned()
    }

    pub(crate) fn user(&self, tenant: &str) -> String {
        self.db.slug(tenant).to_string()
    }

    /// Connection string through the proxy.
    pub(crate) fn url(&self, tenant: &str) -> String {
        self.url_at(self.addr, tenant)
    }

    pub(crate) fn url_at(&self, addr: SocketAddr, tenant: &str) -> String {
        let password = PASSWORD.replace(' ', "%20");
        format!("postgresql://{}:{password}@{addr}/{}", self.user(tenant), self.db.name)
    }

    pub(crate) async fn connect(&self, tenant: &str) -> tokio_postgres::Client {
        try_connect(&self.url(tenant)).await.expect("login")
    }

    /// By hand, logged in through the proxy.
    pub(crate) fn wire(&self, tenant: &str) -> Wire {
        self.wire_with(tenant, &[]).expect("login")
    }

    /// With more in the startup packet.
    pub(crate) fn wire_with(&self, tenant: &str, more: &[(&str, &str)]) -> Result<Wire, String> {
        let user = self.user(tenant);
        let parameters = [&[("user", user.as_str()), ("database", &self.db.name)][..], more].concat();
        match &self.trust {
            None => Wire::log_in(self.addr, &parameters, PASSWORD),
            Some(trust) => Wire::log_in_tls(self.addr, trust, &parameters, PASSWORD),
        }
    }

    /// By hand, logged in through the proxy over TLS.
    pub(crate) fn wire_tls(&self, trust: &Trust, tenant: &str) -> Wire {
        let user = self.user(tenant);
        let parameters = [("user", user.as_str()), ("database", &self.db.name)];
        Wire::log_in_tls(self.addr, trust, &parameters, PASSWORD).expect("login")
    }

    /// By hand, directly to PostgreSQL as the same tenant's role: what the proxy must look like.
    pub(crate) fn direct(&self, tenant: &str) -> Wire {
        self.direct_with(tenant, &[]).expect("login")
    }

    pub(crate) fn direct_with(&self, tenant: &str, more: &[(&str, &str)]) -> Result<Wire, String> {
        let tenant = self.run(self.db.summary(tenant)).tenant;
        let key = &self.db.config.secrets.master_key;
        let password = key.tenant_password(tenant.id, tenant.password_version);
        let path = format!("{}, global", tenant.names.schema);
        let fixed = [
            ("user", tenant.names.role.as_str()),
            ("database", &self.db.name),
            ("client_encoding", "UTF8"),
            ("search_path", &path),
        ];
        Wire::log_in(self.server_addr(), &[&fixed[..], more].concat(), password.expose_secret())
    }

    /// Where PostgreSQL itself listens.
    pub(crate) fn server_addr(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.server_port))
    }

    /// As superuser, directly.
    pub(crate) fn admin(&self) -> Wire {
        let parameters = [("user", "postgres"), ("database", self.db.name.as_str())];
        Wire::log_in(self.server_addr(), &parameters, &self.superuser_password)
            .expect("the superuser logs in")
    }

    /// As SIGHUP does. Whether it was applied is the test's to look at.
    pub(crate) fn reload(&self) {
        let _ = self.run(self.server.as_ref().expect("running").reload());
    }

    /// As SIGHUP does when the file says something else.
    pub(crate) fn reconfigure(&self, change: impl FnOnce(&mut Config)) -> Result<ReloadReport, ReloadError> {
        let mut config = Config::clone(&self.shared().config());
        change(&mut config);
        self.run(self.server.as_ref().expect("running").reconfigure(config))
    }

    /// How often this time limit was over.
    pub(crate) fn time_outs(&self, limit: &str) -> u64 {
        self.shared().counters.snapshot().time_outs.get(limit).copied().unwrap_or(0)
    }

    pub(crate) fn role(&self, tenant: &str) -> String {
        format!("tenant_{}", self.user(tenant))
    }

    /// Server connections of all tenants, as PostgreSQL counts them.
    pub(crate) fn server_connections(&self) -> usize {
        let sql = format!(
            "select count(*) from pg_stat_activity where datname = '{0}' and usename like 'tenant_{0}_%'",
            self.db.name
        );
        self.admin().value(&sql).parse().unwrap()
    }

    /// As SIGTERM does.
    pub(crate) fn stop(&self) {
        self.run(self.server.as_ref().expect("running").stop());
    }

    /// A program of PostgreSQL's against the proxy, with its answers in plain form.
    pub(crate) fn program(&self, name: &str, tenant: &str) -> Command {
        let mut command = Command::new(cluster().bin(name));
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"PG")) {
            command.env_remove(name);
        }
        command
            .env("PGHOST", self.addr.ip().to_string())
            .env("PGPORT", self.addr.port().to_string())
            .env("PGUSER", self.user(tenant))
            .env("PGPASSWORD", PASSWORD)
            .env("PGDATABASE", &self.db.name)
            .env("LC_ALL", "C");
        command
    }

    /// The real psql, fed a script.
    pub(crate) fn psql(&self, tenant: &str, script: &str) -> Output {
        let mut command = self.program("psql", tenant);
        command.args(["-XAtq", "-v", "ON_ERROR_STOP=1"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("psql runs");
        child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        child.wait_with_output().expect("psql ends")
    }

    /// Runs a future on the proxy's runtime, from a test with or without one.
    pub(crate) fn run<T: Send>(&self, work: impl Future<Output = T> + Send) -> T {
        let runtime = self.runtime.as_ref().expect("running");
        std::thread::scope(|scope| scope.spawn(|| runtime.block_on(work)).join().expect("it ends"))
    }
}

/// A proxy beside another one.
pub(crate) struct Another<'a> {
    first: &'a Proxy,
    server: Server,
    addr: SocketAddr,
}

impl Another<'_> {
    pub(crate) const fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub(crate) fn wire(&self, tenant: &str) -> Wire {
        self.wire_with(tenant, &[])
    }

    pub(crate) fn wire_with(&self, tenant: &str, more: &[(&str, &str)]) -> Wire {
        let user = self.first.user(tenant);
        let parameters = [&[("user", user.as_str()), ("database", &self.first.db.name)][..], more].concat();
        Wire::log_in(self.addr, &parameters, PASSWORD).expect("login")
    }

    pub(crate) fn shared(&self) -> &Shared {
        self.server.shared()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.server.take());
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// TLS for tests that say nothing of it: none, or with the variable set, for all that they do by hand.
fn usual_tls() -> Option<&'static UsualTls> {
    static TLS: OnceLock<Option<UsualTls>> = OnceLock::new();
    let make = || {
        std::env::var_os("PGTENANT_TEST_TLS")?;
        let authority = Authority::new("usual authority");
        Some(UsualTls { listen: authority.listen(false), trust: authority.trust(), _files: authority })
    };
    TLS.get_or_init(make).as_ref()
}

struct UsualTls {
    listen: ListenTls,
    trust: Trust,
    _files: Authority,
}

/// What keeps the tenants apart.
#[derive(Clone, Copy)]
enum Kept {
    Dedicated,
    Shared { hardened: bool },
}

impl Kept {
    /// The level of tests that say nothing of it: that of the variable, to try all of them at another.
    fn usual() -> Self {
        match std::env::var("PGTENANT_TEST_LEVEL").as_deref() {
            Ok("shared") => Self::Shared { hardened: true },
            _ => Self::Dedicated,
        }
    }

    fn level(self) -> Level {
        if matches!(self, Self::Dedicated) { Level::Dedicated } else { Level::Shared }
    }
}

async fn prepare(db: Db, kept: Kept, tenants: &[&str]) -> Db {
    db.init().await.unwrap();
    if matches!(kept, Kept::Shared { hardened: true }) {
        db.harden().await.unwrap();
    }
    db.admin_run("CREATE TABLE base_template.notes (id serial PRIMARY KEY, body text)").await;
    for tenant in tenants {
        let password = format!("{PASSWORD}\n");
        let change = |args: &mut CreateArgs| {
            args.password_stdin = true;
            args.level = Some(kept.level());
        };
        db.create_with(tenant, change, &password).await.unwrap();
        let made = db.summary(tenant).await.tenant;
        for id in [made.id, made.id.other_access()] {
            let server_password = db.config.secrets.master_key.tenant_password(id, made.password_version);
            secrets::watch_for(server_password.expose_secret());
        }
    }
    db
}

/// Waits until something that happens elsewhere has happened.
pub(crate) fn eventually(what: &str, mut happened: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !happened() {
        assert!(begin.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::yield_now();
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// Standard output of a program that must have succeeded.
pub(crate) fn stdout(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}
