//! From the first byte to the welcome. Nothing reaches PostgreSQL for a client that has not proved who
//! it is.

mod apart;
mod bearer;
mod certificate;
mod console;
mod entry;
mod inbox;
mod password;
mod refusals;
mod resolve;
mod token;
mod welcome;

use std::io;
use std::sync::Arc;
use std::time::Instant;

use secrecy::zeroize::Zeroizing;

use crate::auth::scram::Binding;
use crate::auth::{Attempt, Source};
use crate::client::console::{Proof as VisitorProof, Visitor};
use crate::client::credential::{Identity, TokenUser};
use crate::client::handshake::inbox::Inbox;
use crate::client::handshake::refusals::too_many_clients;
pub(super) use crate::client::handshake::refusals::{lost_server, no_server};
use crate::client::lobby::Stay;
use crate::client::roster::{Bearer, Place, Terms};
use crate::client::{Cluster, Shared, audit, crowded_out, farewell};
use crate::config::tls::ListenMode;
use crate::config::{Config, PublicSchema};
use crate::error::SqlState;
use crate::guard::{Denial, Scope};
use crate::net::stream::Stream;
use crate::net::tls::{HANDSHAKE_RECORD, VerifiedBy};
use crate::session::commons::Admission;
use crate::session::params::Settings;
use crate::session::{Refusal, Session};
use crate::telemetry::Speaker;
use crate::tenant::{Level, Status, Tenant};
use crate::wire::frame::{FrameHead, HEAD_BYTES};
use crate::wire::startup::{self, FirstPacket, MAX_STARTUP_BYTES, Startup};
use crate::wire::write;

/// Bytes of a cancel key since protocol 3.2; before, 4.
const LONG_KEY: usize = 32;
const SHORT_KEY: usize = 4;

/// A client that is who it says.
pub(super) struct Login {
    pub(super) identity: Identity,
    /// Where its tenant's data is.
    pub(super) cluster: Arc<Cluster>,
    pub(super) place: Place,
    pub(super) session: Session,
    /// Counts it among its tenant's clients.
    pub(super) admission: Admission,
    /// What was sent behind the last message of the handshake, without waiting for the answer.
    pub(super) early: Vec<u8>,
}

/// Where a handshake leads.
pub(super) enum Entered {
    /// To a tenant's database.
    Tenant(Box<Login>),
    /// To the console.
    Console(Box<Visitor>),
}

/// Who a client proved to be.
enum Proof {
    Tenant(Box<Proved>),
    Console(VisitorProof),
}

/// What is known when the password was right.
struct Proved {
    identity: Identity,
    cluster: Arc<Cluster>,
    scope: Scope,
    settings: Settings,
    /// A setting would have been refused.
    reported: bool,
    minor: u16,
    /// As the client calls its program.
    application_name: String,
}

impl Login {
    pub(super) fn tenant(&self) -> &Tenant {
        &self.identity.tenant
    }

    /// In whose name all is logged about it.
    pub(super) fn speaker(&self) -> Arc<dyn Speaker> {
        Arc::clone(&self.place.who) as Arc<dyn Speaker>
    }

    pub(super) const fn identity(&self) -> &Identity {
        &self.identity
    }
}

/// Why a handshake ends without a session.
enum Halt {
    /// The client is gone, or was only here to cancel.
    Over,
    /// It is told why.
    Refused(Refusal),
}

impl From<io::Error> for Halt {
    fn from(_: io::Error) -> Self {
        Self::Over
    }
}

impl From<Refusal> for Halt {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Plays the whole handshake. `None` when there is nobody to talk to any more.
pub(super) async fn run(
    shared: &Arc<Shared>,
    (stream, mode): (&mut Stream, ListenMode),
    source: Option<Source>,
    stay: Stay,
) -> Result<Option<Entered>, Refusal> {
    let mut hello = Hello {
        stream,
        mode,
        source,
        inbox: Inbox::default(),
        named: None,
        binding: None,
        verified_by: None,
    };
    match hello.log_in(shared, stay).await {
        Ok(entered) => Ok(Some(entered)),
        Err(Halt::Over) => Ok(None),
        Err(Halt::Refused(refusal)) => Err(refusal),
    }
}

struct Hello<'a> {
    stream: &'a mut Stream,
    /// Whether it may, must or cannot be encrypted.
    mode: ListenMode,
    source: Option<Source>,
    inbox: Inbox,
    /// The tenant it says it is of, in its words.
    named: Option<String>,
    /// What the password's proof may be bound to, with TLS.
    binding: Option<Binding>,
    /// What its certificate was verified by, with TLS.
    verified_by: Option<VerifiedBy>,
}

impl Hello<'_> {
    async fn log_in(&mut self, shared: &Arc<Shared>, stay: Stay) -> Result<Entered, Halt> {
        let limit = shared.config().listen.auth_timeout;
        let proving = tokio::time::timeout(limit, async {
            tokio::select! {
                proved = self.prove(shared) => proved,
                () = stay.leave.cancelled() => Err(crowded_out().into()),
            }
        });
        let proof = proving.await.unwrap_or_else(|_| {
            let message = "canceling authentication due to timeout";
            Err(Refusal::fatal(SqlState::INVALID_AUTHORIZATION, message).into())
        })?;
        // It waits for a server connection like everybody who is logged in.
        drop(stay);
        match proof {
            Proof::Tenant(proved) => {
                self.enter(shared, *proved).await.map(|login| Entered::Tenant(Box::new(login)))
            }
            Proof::Console(proof) => {
                self.welcome_to_console(shared, proof).await.map(|it| Entered::Console(Box::new(it)))
            }
        }
    }

    async fn enter(&mut self, shared: &Arc<Shared>, proved: Proved) -> Result<Login, Halt> {
        let Proved { identity, cluster, scope, settings, reported, minor, application_name } = proved;
        let key_len = if minor >= 2 { LONG_KEY } else { SHORT_KEY };
        let terms = Terms { level: scope.level, hardened: scope.hardened };
        let certificate = identity.certificate.clone();
        let user = identity.registered_user().map(Arc::from);
        let (tenant, names) = (identity.tenant.id, identity.tenant.names.clone());
        let who = self.who(&identity, application_name);
        let bearer = Bearer { tenant, names, user, api_key: identity.key, certificate, who };
        let place = shared
            .roster
            .enter(bearer, terms, key_len, &shared.shutdown)
            .map_err(|_| Refusal::fatal(SqlState::INTERNAL_ERROR, "no random numbers for a cancel key"))?;
        // From here on the client is disconnected when its tenant goes out of service, is moved, or what keeps it
        // apart changes. That may have happened just before.
        still_on(terms, (shared, &cluster), &identity)?;
        self.still_trusted(shared, &identity)?;
        // Waiting for a server connection has its own limit.
        let commons = cluster.pool.commons(&identity.tenant);
        let admission = commons.admit().ok_or_else(|| too_many_clients(&commons.limits()))?;
        let welcome = self.welcome((shared, &cluster), &identity, settings, &place).await?;
        let mut out = welcome.messages.clone();
        write::backend_key_data(&mut out, place.pid, &place.key);
        write::ready_for_query(&mut out, b'I');
        self.stream.write_all(&out).await?;
        let mut session = Session::new(scope, Arc::clone(&welcome.settings), commons);
        session.told_at_login(Arc::clone(&welcome.reported));
        if reported {
            session.distrust_settings();
        }
        if identity.admin.is_some() {
            session.write_down();
        }
        Ok(Login { identity, cluster, place, session, admission, early: self.inbox.to_vec() })
    }

    /// Who the client is, and that it may be here.
    async fn prove(&mut self, shared: &Arc<Shared>) -> Result<Proof, Halt> {
        let startup = self.startup(shared).await?;
        self.negotiate(&startup).await?;
        let user = startup.get("user").filter(|user| !user.is_empty()).ok_or_else(|| {
            Refusal::fatal(
                SqlState::INVALID_AUTHORIZATION,
                "no PostgreSQL user name specified in startup packet",
            )
        })?;
        if console::is_asked_for(shared, &startup) {
            return self.prove_for_console(shared, &startup, user).await.map(Proof::Console);
        }
        self.prove_for_tenant(shared, &startup, user).await.map(|proved| Proof::Tenant(Box::new(proved)))
    }

    async fn prove_for_tenant(
        &mut self,
        shared: &Arc<Shared>,
        startup: &Startup,
        user: &str,
    ) -> Result<Proved, Halt> {
        let shown = self.shown(shared)?;
        let evidence = self.evidence(shared, startup, shown.as_ref())?;
        self.named = evidence.tenant().map(|named| named.to_string());
        let token_user = TokenUser::of(user, &shared.config().auth);
        let is_proof = shown.as_ref().is_some_and(|shown| shown.logs_in);
        let attempt = if token_user.is_some() || is_proof { Attempt::Token } else { Attempt::Password(user) };
        self.refuse_guesses(shared, attempt)?;
        // Whatever it names is known from here on, or there is none.
        shared.directory.catch_up().await;
        let (mut identity, by_end) = match token_user {
            Some(login) => (self.by_token(shared, &evidence, login).await?, false),
            None if is_proof => self.by_certificate(shared, user, &evidence).await?,
            None => self.by_password(shared, user, &evidence).await?,
        };
        if let Some(shown) = shown {
            identity.end_with(shown.peer);
        }
        // By OAUTHBEARER it is a token, too, and the name may be any.
        let attempt = if identity.by_token { Attempt::Token } else { attempt };
        shared.failures().succeeded(Instant::now(), self.source, attempt);
        let admin = identity.admin.clone();
        let let_in = match resolve::agree(&evidence, &identity.tenant, by_end) {
            Ok(()) => entry::let_in(shared, startup, identity).await,
            Err(refusal) => Err(refusal),
        };
        if let (Err(refusal), Some(admin)) = (&let_in, &admin) {
            audit::refused(admin, self.stream.peer(), refusal);
        }
        Ok(let_in?)
    }

    /// First packets until one is a StartupMessage. Encryption is asked for at most once each.
    async fn startup(&mut self, shared: &Arc<Shared>) -> Result<Startup, Halt> {
        let (mut ssl_asked, mut gss_asked) = (false, false);
        if self.begins_with_tls().await? {
            let first = self.inbox.take_all();
            self.encrypt(shared, Some(&first)).await?;
            (ssl_asked, gss_asked) = (true, true);
        }
        loop {
            let packet = self.first_packet().await?;
            let packet = startup::read(&packet).map_err(|e| self.no_startup(&e))?;
            match packet {
                FirstPacket::Startup(startup) => {
                    self.refuse_plain_text(shared)?;
                    return Ok(startup);
                }
                FirstPacket::Cancel(request) => {
                    if shared.visits.cancel(&request) {
                        shared.counters.cancel_forwarded();
                    } else {
                        shared.cancel(&request).await;
                    }
                    return Err(Halt::Over);
                }
                FirstPacket::Ssl if !ssl_asked => ssl_asked = true,
                FirstPacket::GssEnc if !gss_asked => gss_asked = true,
                FirstPacket::Ssl | FirstPacket::GssEnc => {
                    return Err(Refusal::protocol("encryption was asked for twice").into());
                }
            }
            // Whatever was sent behind the question was sent without waiting for the answer: it could be
            // an attacker's, put in front of an encrypted session (CVE-2021-23214).
            if !self.inbox.is_empty() {
                return Err(Refusal::protocol("received unencrypted data after encryption request").into());
            }
            if packet == FirstPacket::Ssl && self.may_encrypt(shared) {
                self.stream.write_all(b"S").await?;
                self.encrypt(shared, None).await?;
                gss_asked = true;
            } else {
                self.stream.write_all(b"N").await?;
            }
        }
    }

    /// Whether the client begins with a TLS handshake in place of a packet.
    async fn begins_with_tls(&mut self) -> Result<bool, Halt> {
        while self.inbox.is_empty() {
            self.fill().await?;
        }
        Ok(self.inbox.first() == Some(&HANDSHAKE_RECORD))
    }

    /// Whether there is TLS for this client.
    fn may_encrypt(&self, shared: &Shared) -> bool {
        shared.tls.load().is_some() && self.mode != ListenMode::Off
    }

    /// Plays the TLS handshake. A client with which it fails cannot be told anything more.
    async fn encrypt(&mut self, shared: &Shared, direct: Option<&[u8]>) -> Result<(), Halt> {
        let peer = self.stream.peer();
        let Some(tls) = shared.tls.load_full().filter(|_| self.may_encrypt(shared)) else {
            tracing::info!(%peer, "a client that begins with TLS is dropped: there is none here");
            return Err(Halt::Over);
        };
        match tls.accept(self.stream, direct).await {
            Ok(accepted) => {
                self.binding = accepted.binding;
                self.verified_by = Some(accepted.verified_by);
                shared.counters.tls_begun();
                Ok(())
            }
            Err(error) => {
                shared.counters.tls_failed();
                // Quoted: names in a client's certificate may be part of it.
                tracing::info!(%peer, error = ?error.to_string(), "client dropped");
                Err(Halt::Over)
            }
        }
    }

    /// Says nothing of users and tenants to a client that is not to be served as it comes.
    fn refuse_plain_text(&self, shared: &Shared) -> Result<(), Refusal> {
        if self.mode != ListenMode::Required || self.stream.tls().is_some() {
            return Ok(());
        }
        shared.counters.auth_failed();
        let message = "connections without encryption are not taken; connect with sslmode=require";
        Err(Refusal::fatal(SqlState::INVALID_AUTHORIZATION, message)
            .with_hint("Better still, let the client check the certificate: sslmode=verify-full."))
    }

    async fn first_packet(&mut self) -> Result<Zeroizing<Vec<u8>>, Halt> {
        loop {
            let len = startup::packet_len(&self.inbox).map_err(|e| self.no_startup(&e))?;
            if let Some(len) = len.filter(|len| self.inbox.len() >= *len) {
                return Ok(self.inbox.take(len));
            }
            self.fill().await?;
        }
    }

    /// A length that cannot be is not answered, as by the server: who sends it does not speak the protocol, or
    /// was closed before it had begun (node-postgres then sends a Terminate in place of the startup packet).
    fn no_startup(&self, error: &startup::StartupError) -> Halt {
        match error {
            startup::StartupError::Length => {
                tracing::debug!(peer = %self.stream.peer(), %error, "client dropped");
                Halt::Over
            }
            startup::StartupError::Version(..) => {
                Refusal::fatal(SqlState::FEATURE_NOT_SUPPORTED, error.to_string()).into()
            }
            startup::StartupError::Layout => Refusal::protocol(error.to_string()).into(),
        }
    }

    async fn negotiate(&mut self, startup: &Startup) -> Result<(), Halt> {
        let unknown = startup.extensions();
        if startup.minor > startup::NEWEST_MINOR || !unknown.is_empty() {
            let mut out = Vec::new();
            write::negotiate_protocol_version(&mut out, startup.spoken_minor(), &unknown);
            self.stream.write_all(&out).await?;
        }
        Ok(())
    }

    /// The body of the next message, which must be of type `p` and short.
    async fn password_message(&mut self) -> Result<Zeroizing<Vec<u8>>, Halt> {
        loop {
            let head = FrameHead::parse(&self.inbox).map_err(|e| Refusal::protocol(e.to_string()))?;
            if let Some(head) = head {
                if head.tag != b'p' {
                    let message = format!("expected password response, got message type {}", head.tag);
                    return Err(Refusal::protocol(message).into());
                }
                if head.total > MAX_STARTUP_BYTES {
                    return Err(Refusal::protocol("password response is too long").into());
                }
                if self.inbox.len() >= head.total {
                    drop(self.inbox.take(HEAD_BYTES));
                    return Ok(self.inbox.take(head.total - HEAD_BYTES));
                }
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> io::Result<()> {
        let n = self.stream.read(self.inbox.space()).await?;
        self.inbox.received(n);
        if n == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }
}

fn wrong_password(user: &str) -> Refusal {
    Refusal::fatal(SqlState::INVALID_PASSWORD, format!("password authentication failed for user \"{user}\""))
}

/// What may only be said to somebody who proved who they are.
fn admit(shared: &Shared, startup: &Startup, tenant: &Tenant) -> Result<(), Refusal> {
    if tenant.status != Status::Active {
        return Err(Refusal::fatal(
            SqlState::INVALID_AUTHORIZATION,
            format!("tenant \"{}\" is {}", tenant.slug, tenant.status.as_str()),
        )
        .with_hint("Ask the operator to bring it into service."));
    }
    if shared.disabled.contains(&tenant.registered()) {
        return Err(farewell::disabled(&tenant.slug));
    }
    if startup.get("replication").is_some_and(|value| !matches!(value, "false" | "off" | "no" | "0")) {
        return Err(Refusal::fatal(
            SqlState::FEATURE_NOT_SUPPORTED,
            "replication connections are not available through the proxy",
        )
        .with_hint("Connect to the server directly."));
    }
    let served = &shared.config().server.database;
    match startup.get("database") {
        Some(database) if !database.is_empty() && database != served && database != tenant.slug.as_str() => {
            Err(Refusal::fatal(
                SqlState::INVALID_CATALOG_NAME,
                format!("database \"{database}\" does not exist"),
            )
            .with_hint(format!(
                "The proxy serves the database \"{served}\"; the tenant's short name stands for it too."
            )))
        }
        _ => Ok(()),
    }
}

/// Refuses a client when its tenant is not any more what it was when the client proved who it is.
fn still_on(
    terms: Terms,
    (shared, cluster): (&Shared, &Cluster),
    identity: &Identity,
) -> Result<(), Refusal> {
    let found = shared.directory.tenant(identity.tenant.id);
    let tenant = found.ok_or_else(|| wrong_password(&identity.user_name))?;
    let has_user = |user: &str| shared.still_has(user, &identity.tenant);
    if identity.key.is_some_and(|key| shared.directory.key(key).is_none())
        || !identity.registered_user().is_none_or(has_user)
    {
        return Err(wrong_password(&identity.user_name));
    }
    if tenant.level != terms.level {
        return Err(farewell::moved());
    }
    if tenant.cluster != cluster.name {
        return Err(farewell::relocated());
    }
    if tenant.names != identity.tenant.names {
        return Err(farewell::renamed());
    }
    let hardened =
        terms.level != Level::Shared || cluster.hardening.borrow().serves() == Some(terms.hardened);
    if !hardened || cluster.spares.borrow().is_exposed() {
        return Err(farewell::not_kept_apart(&tenant.slug));
    }
    Ok(())
}

fn scope(config: &Config, tenant: &Tenant, hardened: bool) -> Scope {
    let shared_schemas =
        std::iter::once(&config.schemas.global).chain(&config.guard.extra_schemas).cloned().collect();
    Scope {
        tenant: tenant.id,
        schema: tenant.names.schema.clone(),
        role: tenant.names.role.clone(),
        channels: tenant.channels.clone(),
        public_is_own: config.guard.public_schema == PublicSchema::Tenant,
        shared_schemas,
        extra_functions: config.guard.extra_functions.iter().cloned().collect(),
        extra_settings: config.guard.extra_settings.iter().map(|name| name.as_str().into()).collect(),
        level: tenant.level,
        hardened,
        access: tenant.access,
    }
}

/// The settings of the tenant, then those of the startup packet, `options` first as the server takes them, each one judged, and the
/// refusals that are only reported.
fn settings(
    shared: &Shared,
    startup: &Startup,
    scope: &Scope,
    mut settings: Settings,
) -> Result<(Settings, Vec<Denial>), Refusal> {
    let options = startup::options_settings(startup.get("options").unwrap_or_default()).map_err(no_option)?;
    let mut reports = Vec::new();
    let options = options.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    for (name, value) in options.chain(startup.settings()) {
        let is_encoding = name.eq_ignore_ascii_case("client_encoding") && is_utf8_compatible(value);
        if is_encoding || resolve::is_option(name) || resolve::is_access(name) {
            continue;
        }
        let value = shared.guard.setting_as_sent(name, value, scope);
        let judged = shared.guard.judge_setting(name, &value, scope).map_err(|denial| {
            shared.counters.denied(denial.rule.id);
            Refusal::from(denial).into_fatal()
        })?;
        reports.extend(judged);
        settings.set(name, &value);
    }
    Ok((settings, reports))
}

fn no_option(word: String) -> Refusal {
    Refusal::fatal(SqlState::FEATURE_NOT_SUPPORTED, format!("startup option \"{word}\" is not supported"))
        .with_hint("Options of the form `-c name=value` are.")
}

/// Names of UTF-8 as `pg_char_to_encoding` takes them, and SQL_ASCII, with which a client says that it
/// takes bytes as they come.
fn is_utf8_compatible(encoding: &str) -> bool {
    let name: String = encoding.chars().filter(char::is_ascii_alphanumeric).collect();
    ["utf8", "unicode", "sqlascii"].iter().any(|known| name.eq_ignore_ascii_case(known))
}
