//! The side of the server in TLS with clients: certificates, and their replacement under open connections.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use rustls::pki_types::UnixTime;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoClientAuth, UnbufferedServerConnection, WebPkiClientVerifier};
use rustls::{CertificateError, ServerConfig};
use thiserror::Error;
use tokio::sync::watch;

use crate::auth::scram::Binding;
use crate::config::tls::{ClientCa, ClientCertificate, ListenTls};
use crate::net::stream::Stream;
use crate::net::tls::files::{Named, Trouble, Watched};
use crate::net::tls::own::{Choice, OwnCertificates};
use crate::net::tls::{ALPN, PeerCertificate, provider};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// Why there is no TLS session.
#[derive(Debug, Error)]
pub enum HandshakeError {
    /// The other side broke off, or what it sent is not acceptable.
    #[error("TLS handshake failed: {0}")]
    Io(#[from] io::Error),
    /// Direct TLS (`sslnegotiation=direct`) could be another protocol's.
    #[error("direct TLS without the protocol \"postgresql\" in ALPN")]
    NoAlpn,
}

/// Makes TLS sessions with clients.
#[derive(Debug)]
pub struct Acceptor {
    current: RwLock<Arc<Current>>,
    files: Mutex<Files>,
    /// Counts what was read anew.
    reads: watch::Sender<u64>,
}

/// What is known besides [`TlsInfo`](crate::net::tls::TlsInfo) when a session has begun.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// What SCRAM may bind to, if anything.
    pub binding: Option<Binding>,
    /// Tells whether a client's certificate was verified by what holds now, see [`Acceptor::trusts`].
    pub verified_by: VerifiedBy,
}

/// Which authorities and lists of revoked certificates a session began with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifiedBy(u64);

/// Where what sessions are made with comes from.
#[derive(Debug)]
struct Files {
    settings: ListenTls,
    watched: Watched,
}

/// What was read and is not in force yet.
#[derive(Debug)]
pub struct Prepared {
    files: Files,
    current: Current,
}

/// What new sessions are made with.
#[derive(Debug)]
struct Current {
    config: Arc<ServerConfig>,
    verifier: Arc<dyn ClientCertVerifier>,
    number: u64,
    own: Arc<OwnCertificates>,
    /// Whether clients are asked for certificates.
    asks: bool,
}

impl Prepared {
    /// Reads the files. Gives a warning where a certificate is out of date.
    ///
    /// # Errors
    /// [`Trouble`] with one of them.
    pub fn read(settings: &ListenTls) -> Result<(Self, Option<String>), Trouble> {
        let files = Files { settings: settings.clone(), watched: Watched::new(paths(settings)) };
        let (current, warning) = read(settings, 0)?;
        Ok((Self { files, current }, warning))
    }
}

impl From<Prepared> for Acceptor {
    fn from(Prepared { files, current }: Prepared) -> Self {
        let current = RwLock::new(Arc::new(current));
        Self { current, files: Mutex::new(files), reads: watch::Sender::new(0) }
    }
}

impl Acceptor {
    /// Reads the files. Gives a warning where a certificate is out of date, which keeps nobody from serving.
    ///
    /// # Errors
    /// [`Trouble`] with one of them.
    pub fn load(settings: &ListenTls) -> Result<(Self, Option<String>), Trouble> {
        let (prepared, warning) = Prepared::read(settings)?;
        Ok((prepared.into(), warning))
    }

    /// New sessions are made with this from now on. Connections that are open keep what they have.
    pub fn renew(&self, Prepared { files, mut current }: Prepared) {
        let mut held = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        *held = files;
        current.number = self.current().number + 1;
        self.put(current);
    }

    fn put(&self, current: Current) {
        let number = current.number;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(current);
        self.reads.send_replace(number);
    }

    /// Plays the handshake with a client that was answered `S`, or, where `direct` is given, one that began with TLS and
    /// those bytes of it.
    ///
    /// # Errors
    /// [`HandshakeError`]; the client was told, as far as TLS has words for it, and nothing more can be said.
    pub async fn accept(
        &self,
        stream: &mut Stream,
        direct: Option<&[u8]>,
    ) -> Result<Accepted, HandshakeError> {
        let current = self.current();
        let mut config = ServerConfig::clone(&current.config);
        let choice = Arc::new(Choice::of(Arc::clone(&current.own)));
        config.cert_resolver = Arc::<Choice>::clone(&choice);
        let conn = UnbufferedServerConnection::new(Arc::new(config)).map_err(io::Error::other)?;
        let info = stream.encrypt(conn, direct.unwrap_or_default()).await?;
        info.sni = choice.host();
        // The one that was shown: both are chosen by the same name.
        let own = current.own.for_host(info.sni.as_deref());
        info.server_end_point.clone_from(&own.end_point);
        if direct.is_some() && !info.alpn {
            return Err(HandshakeError::NoAlpn);
        }
        Ok(Accepted { binding: own.binding.clone(), verified_by: VerifiedBy(current.number) })
    }

    fn current(&self) -> Arc<Current> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Tells each time that the files were read anew, when what was read holds.
    #[must_use]
    pub fn reads(&self) -> watch::Receiver<u64> {
        self.reads.subscribe()
    }

    /// Whether a certificate that a session began with would still begin one. That a list of revoked certificates is out of
    /// date, or not there, says nothing of a certificate that was good; and when it ends its holder's session knows.
    #[must_use]
    pub fn trusts(&self, peer: &PeerCertificate, before: Option<VerifiedBy>) -> bool {
        let current = self.current();
        if before == Some(VerifiedBy(current.number)) {
            return true;
        }
        // Who asks nobody for one cannot verify any.
        let Some((leaf, between)) = peer.chain.split_first().filter(|_| current.asks) else { return false };
        match current.verifier.verify_client_cert(leaf, between, UnixTime::now()) {
            Ok(_) => true,
            Err(rustls::Error::InvalidCertificate(error)) => matches!(
                error,
                CertificateError::Expired
                    | CertificateError::ExpiredContext { .. }
                    | CertificateError::ExpiredRevocationList
                    | CertificateError::ExpiredRevocationListContext { .. }
                    | CertificateError::UnknownRevocationStatus
            ),
            Err(_) => false,
        }
    }

    /// Reads the files again; on trouble what was there stays. Connections that are open keep what they have.
    ///
    /// # Errors
    /// [`Trouble`] with one of the files.
    pub fn reload(&self) -> Result<Option<String>, Trouble> {
        // Held to the end, so that of two readers at once the later one's files stay.
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.watched.changed();
        let (current, warning) = read(&files.settings, self.current().number + 1)?;
        self.put(current);
        Ok(warning)
    }

    /// Reads the files again whenever they were changed, for ever.
    pub async fn follow_files(self: Arc<Self>) {
        loop {
            tokio::time::sleep(LOOK).await;
            if !self.look().await {
                continue;
            }
            // A certificate and its key are two files: let both arrive.
            tokio::time::sleep(LOOK / 4).await;
            while self.look().await {
                tokio::time::sleep(LOOK / 4).await;
            }
            self.reload_and_tell().await;
        }
    }

    /// Reads the files again and logs what came of it.
    pub async fn reload_and_tell(self: &Arc<Self>) {
        let this = Arc::clone(self);
        match tokio::task::spawn_blocking(move || this.reload()).await {
            Ok(Ok(warning)) => {
                tracing::info!("certificates for clients were read again; new connections use them");
                if let Some(warning) = warning {
                    tracing::warn!("{warning}");
                }
            }
            Ok(Err(trouble)) => {
                tracing::error!(%trouble, "certificates for clients are not replaced: the new files cannot be used");
            }
            Err(error) => tracing::error!(%error, "certificates for clients could not be read again"),
        }
    }

    async fn look(self: &Arc<Self>) -> bool {
        let this = Arc::clone(self);
        let looked = tokio::task::spawn_blocking(move || {
            this.files.lock().unwrap_or_else(PoisonError::into_inner).watched.changed()
        });
        looked.await.unwrap_or(false)
    }
}

fn paths(settings: &ListenTls) -> Vec<PathBuf> {
    let ListenTls { identity, extra, client_ca, .. } = settings;
    let pairs = std::iter::once(identity).chain(extra);
    let mut paths: Vec<_> = pairs.flat_map(|pair| [pair.certificate.clone(), pair.key.clone()]).collect();
    if let Some(ca) = client_ca {
        paths.push(ca.file.clone());
        paths.extend(ca.crl.clone());
    }
    paths
}

fn read(settings: &ListenTls, number: u64) -> Result<(Current, Option<String>), Trouble> {
    let provider = provider();
    let own = OwnCertificates::read(settings, &provider);
    let verifier = match &settings.client_ca {
        None => Ok(Arc::new(NoClientAuth) as Arc<dyn ClientCertVerifier>),
        Some(ca) => verifier(ca),
    };
    let ((own, warning), verifier) = (own?, verifier?);
    let own = Arc::new(own);
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(settings, &error))?
        .with_client_cert_verifier(Arc::clone(&verifier))
        .with_cert_resolver(Arc::new(Choice::of(Arc::clone(&own))));
    config.alpn_protocols = vec![ALPN.to_vec()];
    // Each session has a choice of its own, see `Acceptor::accept`.
    // No client of PostgreSQL's resumes sessions, and one that was let in is not let in again without a look.
    config.send_tls13_tickets = 0;
    let asks = settings.client_ca.is_some();
    Ok((Current { config: Arc::new(config), verifier, number, own, asks }, warning))
}

fn unusable(settings: &ListenTls, error: &dyn std::fmt::Display) -> Trouble {
    let file = Named { key: "listen.tls_certificate", path: &settings.identity.certificate };
    file.trouble(error, "replace it")
}

fn verifier(ca: &ClientCa) -> Result<Arc<dyn ClientCertVerifier>, Trouble> {
    let file = Named { key: "listen.tls_client_ca", path: &ca.file };
    let mut builder = WebPkiClientVerifier::builder_with_provider(file.roots()?, provider());
    if let Some(crl) = &ca.crl {
        let crl = Named { key: "listen.tls_client_crl", path: crl };
        // As PostgreSQL's `ssl_crl_file`: every authority of the chain needs a list, and one that is not out of date.
        builder = builder.with_crls(crl.revoked()?).enforce_revocation_expiration();
    }
    if ca.certificate == ClientCertificate::Optional {
        builder = builder.allow_unauthenticated();
    }
    builder.build().map(|verifier| verifier as _).map_err(|error| {
        file.trouble(
            format_args!("clients cannot be verified by it: {error}"),
            "replace it, or the list of revoked certificates",
        )
    })
}
