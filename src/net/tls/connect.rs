//! The side of the client in TLS with the server.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{
    Resumption, UnbufferedClientConnection, WebPkiServerVerifier, verify_server_cert_signed_by_trust_anchor,
};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use crate::config::tls::{ServerMode, ServerTls};
use crate::net::stream::Stream;
use crate::net::tls::files::{Loaded, Named, Trouble, Watched};
use crate::net::tls::{ALPN, provider};

/// How often the files are looked at, where connections are made.
const LOOK: Duration = Duration::from_secs(2);

/// SSLRequest (protocol documentation, "Message Formats").
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// Makes TLS sessions with the server. Copies share the files that were read.
#[derive(Clone, Debug)]
pub struct Connector(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: ServerTls,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    config: Result<Arc<ClientConfig>, Trouble>,
    watched: Watched,
    looked: Instant,
}

impl Connector {
    /// Reads the files; what is wrong with them is said whenever a connection is made. `None` where there is to be no TLS.
    #[must_use]
    pub fn new(settings: &ServerTls) -> Option<Self> {
        if settings.mode == ServerMode::Off {
            return None;
        }
        let watched = Watched::new(paths(settings));
        let config = read(settings).map(|(config, _)| config);
        let state = Mutex::new(State { config, watched, looked: Instant::now() });
        Some(Self(Arc::new(Inner { settings: settings.clone(), state })))
    }

    /// What is wrong with the files, or the warning where our own certificate is out of date.
    ///
    /// # Errors
    /// [`Trouble`] with one of them.
    pub fn check(settings: &ServerTls) -> Result<Option<String>, Trouble> {
        if settings.mode == ServerMode::Off {
            return Ok(None);
        }
        read(settings).map(|(_, warning)| warning)
    }

    /// Asks the server for TLS and plays the handshake.
    ///
    /// # Errors
    /// The network's, and a server that has no TLS or is not the one it should be.
    pub async fn connect(&self, stream: &mut Stream, host: &str) -> io::Result<()> {
        let conn = self.session(host)?;
        stream.write_all(&SSL_REQUEST).await?;
        // One byte and no more: what else comes before the handshake is never taken for part of the session.
        let mut answer = [0];
        match (stream.read(&mut answer).await?, answer) {
            (1, [b'S']) => {}
            (1, [b'N']) => {
                return Err(refused(
                    "the server has no TLS; set `ssl = on` there, or `server.tls` to \"off\"",
                ));
            }
            (0, _) => return Err(io::ErrorKind::UnexpectedEof.into()),
            _ => return Err(refused("the server does not answer the question for TLS")),
        }
        stream.encrypt(conn, &[]).await.map_err(|error| {
            if error.kind() == io::ErrorKind::InvalidData {
                refused(&format!("no TLS with {host}: {error}{}", self.remedy(&error)))
            } else {
                error
            }
        })?;
        Ok(())
    }

    /// A new session with this host, not begun yet.
    ///
    /// # Errors
    /// [`Trouble`] with the files, or a host name that no certificate can have.
    pub(super) fn session(&self, host: &str) -> io::Result<UnbufferedClientConnection> {
        let name = server_name(host)?;
        let config = self.config().map_err(io::Error::other)?;
        UnbufferedClientConnection::new(config, name).map_err(io::Error::other)
    }

    /// What new sessions are made with; files that were changed are read again, and kept out where they are broken.
    pub(super) fn config(&self) -> Result<Arc<ClientConfig>, Trouble> {
        let mut state = self.lock();
        if state.looked.elapsed() >= LOOK {
            state.looked = Instant::now();
            if state.watched.changed() || state.config.is_err() {
                match read(&self.0.settings) {
                    Ok((config, _)) => {
                        tracing::info!("certificates for the server were read again");
                        state.config = Ok(config);
                    }
                    Err(trouble) if state.config.is_ok() => {
                        tracing::error!(%trouble, "certificates for the server are not replaced: the new files cannot be used");
                    }
                    Err(trouble) => state.config = Err(trouble),
                }
            }
        }
        state.config.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remedy(&self, error: &io::Error) -> &'static str {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
        match inner {
            Some(Error::InvalidCertificate(_)) if self.0.settings.mode == ServerMode::VerifyFull => {
                "; check `server.tls_ca`, and that `server.host` is a name in the server's certificate"
            }
            Some(Error::InvalidCertificate(_)) => "; check `server.tls_ca`",
            Some(Error::AlertReceived(_)) => "; the server's log says why",
            _ => "",
        }
    }
}

fn refused(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

pub(super) fn server_name(host: &str) -> io::Result<ServerName<'static>> {
    ServerName::try_from(host.to_owned())
        .map_err(|_| refused("`server.host` is no name that a certificate can have"))
}

fn paths(settings: &ServerTls) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = settings.ca.iter().cloned().collect();
    if let Some(identity) = &settings.identity {
        paths.extend([identity.certificate.clone(), identity.key.clone()]);
    }
    paths
}

fn read(settings: &ServerTls) -> Result<(Arc<ClientConfig>, Option<String>), Trouble> {
    let provider = provider();
    let unusable = |error: &dyn fmt::Display| Trouble {
        key: "server.tls".to_owned(),
        wrong: error.to_string(),
        remedy: "correct the files it names".to_owned(),
    };
    let verifier: Arc<dyn ServerCertVerifier> = match (settings.mode, &settings.ca) {
        (ServerMode::VerifyFull, Some(ca)) => {
            let file = Named { key: "server.tls_ca", path: ca };
            WebPkiServerVerifier::builder_with_provider(file.roots()?, Arc::clone(&provider))
                .build()
                .map_err(|error| file.trouble(error, "replace it"))?
        }
        (mode, ca) => {
            let roots = match (mode, ca) {
                (ServerMode::VerifyCa, Some(ca)) => Some(Named { key: "server.tls_ca", path: ca }.roots()?),
                (ServerMode::Require, _) => None,
                // The configuration was read, so this cannot be; nothing would be verified.
                _ => return Err(unusable(&"there is no authority to verify the server's certificate by")),
            };
            Arc::new(AnyName { roots, provider: Arc::clone(&provider) })
        }
    };
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(&error))?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let (mut config, warning) = match &settings.identity {
        None => (builder.with_no_client_auth(), None),
        Some(identity) => {
            let Loaded { certified, warning } =
                Loaded::read(identity, ["server.tls_certificate", "server.tls_key"], &provider)?;
            (builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(certified))), warning)
        }
    };
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = Resumption::disabled();
    Ok((Arc::new(config), warning))
}

/// Takes a certificate for whatever name: of a known authority, or with no `roots` of anybody, as `sslmode` has it.
#[derive(Debug)]
struct AnyName {
    roots: Option<Arc<RootCertStore>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(roots) = &self.roots {
            let certificate = ParsedCertificate::try_from(end_entity)?;
            let algorithms = self.provider.signature_verification_algorithms.all;
            verify_server_cert_signed_by_trust_anchor(&certificate, roots, intermediates, now, algorithms)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
