//! Dialling PostgreSQL and logging in.

use std::collections::HashSet;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use postgres_protocol::authentication::sasl::{
    ChannelBinding, SCRAM_SHA_256, SCRAM_SHA_256_PLUS, ScramSha256,
};
use postgres_protocol::message::frontend;
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

use crate::config::tls::ServerTls;
use crate::config::{self, Config, ServerAddress};
use crate::error::SqlState;
use crate::net::stream::Stream;
use crate::net::tls::Connector;
use crate::net::vigil::Vigil;
use crate::schedule::{Owner, ServerId};
use crate::server::hosts::{self, Hosts};
use crate::server::passwords::{Passwords, Whose};
use crate::server::replicas::Replicas;
use crate::server::spare::{self, SpareLogin};
use crate::server::{BackendKey, MessageReader, ServerConn, ServerError, Voice};
use crate::session::ServerState;
use crate::telemetry::Counters;
use crate::tenant::{Access, ClusterName, Ident, Tenant};
use crate::wire::view;

/// Everything needed to open a connection for any tenant.
#[derive(Debug)]
pub struct Dialer {
    /// Which cluster its servers are of.
    cluster: ClusterName,
    hosts: Hosts,
    replicas: Arc<Replicas>,
    database: String,
    /// Time for opening one, and how it is found that a server is gone without a word.
    times: Mutex<(Duration, Vigil)>,
    settings: Vec<(String, String)>,
    global: Ident,
    passwords: Passwords,
    shared: Option<Ident>,
    counters: Arc<Counters>,
}

/// Whom a connection is opened for.
#[derive(Clone, Debug)]
pub enum Login {
    /// A tenant of level `dedicated`.
    Tenant(Arc<Tenant>),
    /// All tenants of level `shared`.
    Shared,
    /// Nobody yet.
    Spare(Arc<SpareLogin>),
}

impl Login {
    /// Whose the connection will be.
    #[must_use]
    pub fn owner(&self) -> Owner {
        match self {
            Self::Tenant(tenant) => Owner::Tenant(tenant.id),
            Self::Shared => Owner::Shared,
            Self::Spare(_) => Owner::Spare,
        }
    }

    /// A word for logs.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Tenant(tenant) => tenant.slug.as_str(),
            Self::Shared => "(shared)",
            Self::Spare(_) => "(spare)",
        }
    }
}

/// Why no connection could be opened.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The network, or a server that went away.
    #[error("cannot reach the server: {0}")]
    Io(#[from] io::Error),
    /// No answer in time.
    #[error("no answer from the server within {0:?}")]
    Timeout(Duration),
    /// The server said no.
    #[error("the server refused the login: {} (SQLSTATE {})", .0.message, .0.code)]
    Refused(ServerError),
    /// None of the derived passwords is right.
    #[error(
        "the server refused the login: {} (SQLSTATE {}), with every password of this proxy's master keys; {} \
         `pgtenant rotate-master-key` was run, give the proxy the key it was run with, in `secrets.master_key_file`, and \
         restart it", .error.message, .error.code,
        if *.replaced { "the registry says that the password is of another one: since" } else { "if" }
    )]
    Password {
        /// What the server said to the first of them.
        error: ServerError,
        /// Whether the registry says that the password is of a key that is not ours.
        replaced: bool,
    },
    /// The server asks for a method that would show it, or a listener, the password.
    #[error("the server asks for authentication method {0}; let pg_hba.conf ask for scram-sha-256")]
    Method(i32),
    /// There is no role for shared connections.
    #[error("no pool role; run `pgtenant init`")]
    NoPoolRole,
    /// The role of spare connections may not do what it is for.
    #[error("a spare connection cannot be made ready: {} (SQLSTATE {})", .0.message, .0.code)]
    Spare(ServerError),
    /// None of several servers is the primary.
    #[error("none of the servers takes writes: {0}")]
    NoPrimary(String),
    /// The tenant is on another cluster than these servers. Nobody asks for that.
    #[error("the tenant is on another cluster than the server")]
    OtherCluster,
    /// The tenant went out of service while its client waited.
    #[error("the tenant is not in service any more")]
    OutOfService,
    /// SCRAM failed on our side: the server does not know the password either.
    #[error("SCRAM with the server failed: {0}")]
    Scram(io::Error),
}

impl ConnectError {
    /// Whether another server may do better: this one is away, or not ready (PostgreSQL's class 57, operator intervention).
    fn is_of_one_host(&self) -> bool {
        match self {
            Self::Io(_) | Self::Timeout(_) => true,
            Self::Refused(error) => error.code.starts_with("57"),
            _ => false,
        }
    }
}

impl Dialer {
    /// For the configured server; without the role that `shared` connections log in as, which can do nothing but become
    /// one of the tenants of that level, it opens none.
    #[must_use]
    pub fn new(config: &Config, shared: Option<Ident>, counters: Arc<Counters>) -> Self {
        Self {
            cluster: config.cluster.clone(),
            hosts: Hosts::new(&config.server),
            replicas: Arc::new(Replicas::new(&config.server)),
            database: config.server.database.clone(),
            times: Mutex::new((config.server.connect_timeout, Vigil::of(&config.listen))),
            settings: config.server.settings.iter().map(|(n, v)| (n.clone(), v.clone())).collect(),
            global: config.schemas.global.clone(),
            passwords: Passwords::new(&config.secrets),
            shared,
            counters,
        }
    }

    /// Where the server is that took writes last.
    #[must_use]
    pub fn address(&self) -> &ServerAddress {
        self.hosts.address()
    }

    /// The role that shared connections log in as, if there are any.
    #[must_use]
    pub const fn shared_role(&self) -> Option<&Ident> {
        self.shared.as_ref()
    }

    /// The read replicas, for whoever looks after them.
    #[must_use]
    pub const fn replicas(&self) -> &Arc<Replicas> {
        &self.replicas
    }

    /// Opens a connection: to a read replica for those who only read, where one may be read from; to the primary otherwise.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub async fn open(&self, login: &Login, id: ServerId) -> Result<ServerConn, ConnectError> {
        if let Login::Tenant(tenant) = login
            && tenant.cluster != self.cluster
        {
            return Err(ConnectError::OtherCluster);
        }
        let opening = async {
            match self.open_replica(login, id).await {
                Some(conn) => Ok(conn),
                None => self.open_primary(login, id).await,
            }
        };
        let (limit, _) = self.times();
        tokio::time::timeout(limit, opening).await.unwrap_or(Err(ConnectError::Timeout(limit)))
    }

    async fn open_replica(&self, login: &Login, id: ServerId) -> Option<ServerConn> {
        match login {
            Login::Tenant(tenant) if tenant.access == Access::ReadOnly => {}
            _ => return None,
        }
        for replica in self.replicas.usable() {
            // One that does not answer leaves time for the primary.
            let limit = self.times().0 / 2;
            let opened = tokio::time::timeout(limit, self.open_at(&replica.endpoint, login, id)).await;
            match opened.unwrap_or(Err(ConnectError::Timeout(limit))) {
                Ok(mut conn) => {
                    conn.replica = Some(Arc::clone(replica));
                    return Some(conn);
                }
                Err(error) => {
                    tracing::warn!(replica = %replica.address, %error, "a read replica is passed over");
                    // Until the watch looks again.
                    replica.set_usable(false);
                }
            }
        }
        None
    }

    /// Whichever of several servers says that it takes writes. What all of them would refuse is not tried at all of them.
    async fn open_primary(&self, login: &Login, id: ServerId) -> Result<ServerConn, ConnectError> {
        if let Some(endpoint) = self.hosts.only() {
            return self.open_at(endpoint, login, id).await;
        }
        let mut tried = Vec::new();
        for (number, address, endpoint) in self.hosts.in_turn() {
            let share = self.times().0 / self.hosts.len();
            let why = match tokio::time::timeout(share, self.open_at(endpoint, login, id)).await {
                Ok(Ok(conn)) if hosts::takes_writes(&conn) => {
                    if self.hosts.prefer(number) {
                        tracing::warn!(server = %address, "this server takes writes now");
                    }
                    return Ok(conn);
                }
                Ok(Ok(_)) => "it is a standby, or older than PostgreSQL 14".to_owned(),
                Ok(Err(error)) if error.is_of_one_host() => error.to_string(),
                Ok(Err(error)) => return Err(error),
                Err(_) => format!("no answer within {share:?}"),
            };
            tried.push(format!("{address}: {why}"));
        }
        Err(ConnectError::NoPrimary(tried.join("; ")))
    }

    async fn open_at(
        &self,
        endpoint: &Endpoint,
        login: &Login,
        id: ServerId,
    ) -> Result<ServerConn, ConnectError> {
        let whose = match login {
            Login::Tenant(tenant) => Whose::Tenant(tenant),
            Login::Shared => Whose::Own(self.shared.as_ref().ok_or(ConnectError::NoPoolRole)?),
            Login::Spare(spare) => Whose::Own(&spare.role),
        };
        // The password may have been changed, and the news not be here yet.
        let mut refused = None;
        for rung in self.passwords.rungs(whose) {
            let password = self.passwords.derive(whose, rung);
            match self.log_in((endpoint, id), login, whose.role(), &password).await {
                Err(ConnectError::Refused(error)) if error.code == SqlState::INVALID_PASSWORD.0 => {
                    self.counters.server_password_refused();
                    refused.get_or_insert(error);
                }
                Ok(conn) => {
                    self.passwords.note(whose, rung);
                    return Ok(conn);
                }
                failed => return failed,
            }
        }
        let replaced = self.passwords.is_of_another_key(whose);
        Err(refused.map_or_else(broken, |error| ConnectError::Password { error, replaced }))
    }

    /// Connections opened from now on have so much time to be opened, and are probed after so much silence.
    pub fn set_times(&self, timeout: Duration, vigil: Vigil) {
        *self.times.lock().unwrap_or_else(PoisonError::into_inner) = (timeout, vigil);
    }

    fn times(&self) -> (Duration, Vigil) {
        *self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn log_in(
        &self,
        (endpoint, id): (&Endpoint, ServerId),
        login: &Login,
        role: &Ident,
        password: &SecretString,
    ) -> Result<ServerConn, ConnectError> {
        // A role and its schema have the same name: "$user" is the schema of whom the connection works for.
        let (mut read_only, mut names) = (None, None);
        let (schema, speaker) = match login {
            Login::Tenant(tenant) => {
                names = Some(tenant.names.clone());
                (tenant.names.schema.to_string(), Some(tenant.id))
            }
            Login::Shared | Login::Spare(_) => ("\"$user\"".to_owned(), None),
        };
        let begun = Instant::now();
        let mut stream = endpoint.dial().await?;
        stream.watch(self.times().1)?;
        if let Login::Tenant(tenant) = login
            && tenant.access == Access::ReadOnly
        {
            read_only = Some(("default_transaction_read_only", "on"));
        }
        stream.write_all(&self.startup(role, &schema, read_only)?).await?;
        let mut reader = MessageReader::default();
        authenticate(&mut stream, &mut reader, password).await?;
        let (key, parameters) = until_ready(&mut stream, &mut reader).await?;
        let now = Instant::now();
        let mut conn = ServerConn {
            stream,
            endpoint: endpoint.clone(),
            id,
            owner: login.owner(),
            voice: Arc::new(Voice::new(key.pid, speaker)),
            key,
            state: ServerState { parameters, ..ServerState::default() },
            begun,
            opened: now,
            returned: now,
            taken: now,
            waited: Duration::ZERO,
            closing: Arc::default(),
            weighed: Instant::now(),
            search_path: None,
            names,
            served: HashSet::new(),
            replica: None,
        };
        if let Login::Spare(login) = login {
            spare::warm(&mut conn, login).await?;
        }
        Ok(conn)
    }

    /// What is set here is what RESET and DISCARD go back to, and outranks a role's own settings
    /// (`PGC_S_CLIENT` over `PGC_S_USER`), so a tenant cannot move its own `search_path` by ALTER ROLE.
    fn startup(&self, role: &Ident, schema: &str, read_only: Option<(&str, &str)>) -> io::Result<BytesMut> {
        let search_path = format!("{schema}, {}", self.global);
        let fixed = [
            ("user", role.as_str()),
            ("database", &self.database),
            ("client_encoding", "UTF8"),
            ("standard_conforming_strings", "on"),
            ("search_path", &search_path),
        ];
        let extra = self.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let mut out = BytesMut::new();
        frontend::startup_message(extra.chain(fixed).chain(read_only), &mut out)?;
        Ok(out)
    }
}

/// Where the server is, and how it is spoken to. Copies are cheap.
#[derive(Clone, Debug)]
pub struct Endpoint(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    address: ServerAddress,
    tls: Option<Connector>,
}

impl Endpoint {
    /// As `[server]` says.
    #[must_use]
    pub fn new(server: &config::Server) -> Self {
        Self::at(server.address.clone(), &server.tls)
    }

    /// At any address.
    #[must_use]
    pub fn at(address: ServerAddress, tls: &ServerTls) -> Self {
        Self(Arc::new(Inner { address, tls: Connector::new(tls) }))
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> &ServerAddress {
        &self.0.address
    }

    /// Opens a bare connection: encrypted where it is to be, and nobody logged in.
    ///
    /// # Errors
    /// The system's, and a server that is not the one it should be.
    pub async fn dial(&self) -> io::Result<Stream> {
        match &self.0.address {
            ServerAddress::Tcp(host, port) => {
                let mut stream = Stream::connect_tcp(host, *port).await?;
                if let Some(tls) = &self.0.tls {
                    tls.connect(&mut stream, host).await?;
                }
                Ok(stream)
            }
            ServerAddress::Unix(path) => Stream::connect_unix(path).await,
        }
    }
}

pub(super) async fn authenticate(
    stream: &mut Stream,
    reader: &mut MessageReader,
    password: &SecretString,
) -> Result<(), ConnectError> {
    let mut scram: Option<ScramSha256> = None;
    let mut proved = true;
    loop {
        let (tag, body) = reader.next(stream).await?;
        let (code, data) = match (tag, body.split_first_chunk::<4>()) {
            (b'R', Some((code, data))) => (i32::from_be_bytes(*code), data),
            (b'E', _) => return Err(ConnectError::Refused(ServerError::read(&body))),
            (b'N' | b'v', _) => continue,
            _ => return Err(broken()),
        };
        let mut out = BytesMut::new();
        match (code, scram.as_mut()) {
            // A server that breaks off SCRAM half way has not proved that it knows the password.
            (0, _) if proved => return Ok(()),
            (10, None) => {
                let (mechanism, binding) = mechanism(stream, data).ok_or(ConnectError::Method(code))?;
                let exchange = ScramSha256::new(password.expose_secret().as_bytes(), binding);
                frontend::sasl_initial_response(mechanism, exchange.message(), &mut out)?;
                (scram, proved) = (Some(exchange), false);
            }
            (11, Some(exchange)) => {
                exchange.update(data).map_err(ConnectError::Scram)?;
                frontend::sasl_response(exchange.message(), &mut out)?;
            }
            (12, Some(exchange)) => {
                exchange.finish(data).map_err(ConnectError::Scram)?;
                proved = true;
            }
            _ => return Err(ConnectError::Method(code)),
        }
        stream.write_all(&out).await?;
    }
}

/// The best mechanism of those a server offers: the one that binds the password's proof to its certificate, where it has
/// TLS and we can. A server that could and does not offer it learns that we noticed.
fn mechanism(stream: &Stream, offered: &[u8]) -> Option<(&'static str, ChannelBinding)> {
    let offers = |wanted: &str| offered.split(|byte| *byte == 0).any(|name| name == wanted.as_bytes());
    let end_point = stream.tls().and_then(|tls| tls.server_end_point.clone());
    match end_point {
        Some(hash) if offers(SCRAM_SHA_256_PLUS) => {
            Some((SCRAM_SHA_256_PLUS, ChannelBinding::tls_server_end_point(hash)))
        }
        Some(_) => offers(SCRAM_SHA_256).then(|| (SCRAM_SHA_256, ChannelBinding::unrequested())),
        None => offers(SCRAM_SHA_256).then(|| (SCRAM_SHA_256, ChannelBinding::unsupported())),
    }
}

pub(super) async fn until_ready(
    stream: &mut Stream,
    reader: &mut MessageReader,
) -> Result<(BackendKey, Vec<(String, String)>), ConnectError> {
    let mut key = None;
    let mut parameters = Vec::new();
    loop {
        let (tag, body) = reader.next(stream).await?;
        match (tag, body.as_slice()) {
            (b'S', body) => {
                let (name, value) = view::parameter_status(body).ok_or_else(broken)?;
                parameters.push((name.to_owned(), value.to_owned()));
            }
            (b'K', [a, b, c, d, secret @ ..]) if secret.len() >= 4 => {
                key = Some(BackendKey { pid: i32::from_be_bytes([*a, *b, *c, *d]), key: secret.into() });
            }
            (b'E', body) => return Err(ConnectError::Refused(ServerError::read(body))),
            (b'N', _) => {}
            (b'Z', b"I") => {
                reader.finish()?;
                return Ok((key.ok_or_else(broken)?, parameters));
            }
            _ => return Err(broken()),
        }
    }
}

fn broken() -> ConnectError {
    ConnectError::Io(io::Error::new(
        io::ErrorKind::InvalidData,
        "the server does not speak the PostgreSQL protocol",
    ))
}
