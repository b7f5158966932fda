//! TLS towards clients ([`Acceptor`]) and towards the server ([`Connector`]), by rustls with ring.
//!
//! Sessions are never resumed: a certificate, an authority or a list of revoked certificates that was replaced holds
//! from the next connection on. Nothing here decides who a client is: [`TlsInfo`] is evidence.

mod accept;
mod certificate;
mod connect;
mod control;
mod files;
mod lent;
mod machine;
mod own;
pub(in crate::net) mod session;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

pub use accept::{Accepted, Acceptor, HandshakeError, Prepared, VerifiedBy};
pub use certificate::PeerCertificate;
pub use connect::Connector;
pub use control::{ControlConnection, ControlTls};
pub use files::Trouble;
pub(in crate::net) use machine::Conn;

/// The name of PostgreSQL's protocol in ALPN (RFC 7301; registered with IANA).
const ALPN: &[u8] = b"postgresql";

/// Whether a client begins with a TLS handshake is told by its first byte: the type of a record that holds one. No
/// first packet of PostgreSQL's protocol is so long that it could begin with it.
pub const HANDSHAKE_RECORD: u8 = 0x16;

/// What a handshake told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsInfo {
    /// The host that a client asked for (RFC 6066).
    pub sni: Option<String>,
    /// Who a client is, by a certificate that was verified.
    pub peer: Option<Arc<PeerCertificate>>,
    /// What SCRAM binds a password's proof to: the hash of the server's certificate (`tls-server-end-point`, RFC 5929).
    /// `None` where none is defined, as for an Ed25519 signature.
    pub server_end_point: Option<Vec<u8>>,
    /// Whether both sides agreed by ALPN to speak PostgreSQL's protocol.
    pub alpn: bool,
    /// Protocol and cipher, once they are agreed upon.
    pub agreed: Option<(rustls::ProtocolVersion, rustls::CipherSuite)>,
}

impl TlsInfo {
    /// Protocol and cipher, for people.
    #[must_use]
    pub fn summary(&self) -> String {
        let name = |name: Option<&'static str>| name.unwrap_or("?");
        self.agreed.map_or_else(
            || "TLS".to_owned(),
            |(version, suite)| {
                let version = name(version.as_str()).replace('_', ".");
                format!("{version}/{}", name(suite.as_str()))
            },
        )
    }
}

/// The one provider of cryptography.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
