//! The parts of `[listen]` and `[server]` that are about TLS. Files are named here and read elsewhere.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::config::ServerAddress;
use crate::config::keys::{self, Key, Row};
use crate::config::kind::Wrong;
use crate::config::problem::Place;
use crate::config::source::Source;

/// Whether clients are served without TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenMode {
    /// TLS is not offered.
    Off,
    /// Those that ask for TLS have it.
    Preferred,
    /// Over TCP only those that have TLS are served.
    Required,
}

/// Whether a client must show a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientCertificate {
    /// It may; one that cannot be verified ends the handshake.
    Optional,
    /// It must.
    Required,
}

/// A certificate and what proves that it is ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// PEM file with the certificate and, behind it, its chain.
    pub certificate: PathBuf,
    /// PEM file with the private key.
    pub key: PathBuf,
}

/// Whose certificates are taken from clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCa {
    /// PEM file with the authorities.
    pub file: PathBuf,
    /// PEM file with certificates that do not count any more.
    pub crl: Option<PathBuf>,
    /// Whether a client may come without a certificate.
    pub certificate: ClientCertificate,
}

/// TLS towards clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenTls {
    /// Whether clients are served without TLS over TCP.
    pub mode: ListenMode,
    /// The same at these addresses.
    pub by_address: Vec<(SocketAddr, ListenMode)>,
    /// What clients are shown.
    pub identity: Identity,
    /// What those are shown that ask for a host of one of these.
    pub extra: Vec<Identity>,
    /// Whose certificates are taken from clients; `None` asks them for none.
    pub client_ca: Option<ClientCa>,
}

impl ListenTls {
    /// Whether clients are served without TLS that come to this one of [`Listen::addresses`](crate::config::Listen::addresses).
    #[must_use]
    pub fn mode_at(&self, address: SocketAddr) -> ListenMode {
        let own = self.by_address.iter().find(|(at, _)| *at == address);
        own.map_or(self.mode, |(_, mode)| *mode)
    }
}

/// How much is asked of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerMode {
    /// Plain text.
    Off,
    /// TLS with whoever answers: keeps out those who only listen.
    Require,
    /// A certificate of a known authority.
    VerifyCa,
    /// The same, for the host that was dialled.
    VerifyFull,
}

impl ServerMode {
    /// The word in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }
}

/// TLS towards the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerTls {
    /// How much is asked of the server.
    pub mode: ServerMode,
    /// PEM file with the authorities of the server's certificate.
    pub ca: Option<PathBuf>,
    /// What the server is shown.
    pub identity: Option<Identity>,
}

impl ServerTls {
    /// Plain text.
    pub const OFF: Self = Self { mode: ServerMode::Off, ca: None, identity: None };
}

/// Reads what `[listen]` says; the inner `None` is no TLS.
pub(in crate::config) fn listen(
    source: &mut Source<'_>,
    dir: Option<&Path>,
    addresses: Option<&[SocketAddr]>,
) -> Option<Option<ListenTls>> {
    let mode = source.take(&keys::LISTEN_TLS);
    let by_address = by_address(source, addresses);
    let identity = identity(source, dir, &keys::LISTEN_TLS_CERTIFICATE, &keys::LISTEN_TLS_KEY);
    let extra = extra(source, dir);
    let ca = path(source, dir, &keys::LISTEN_TLS_CLIENT_CA);
    let certificate = source.take(&keys::LISTEN_TLS_CLIENT_CERTIFICATE);
    let crl = path(source, dir, &keys::LISTEN_TLS_CLIENT_CRL);
    let (mode, identity, extra, ca, certificate, crl) = (mode?, identity?, extra?, ca?, certificate?, crl?);
    let by_address = by_address?;
    let Some(identity) = identity else {
        let needs = [
            by_address
                .iter()
                .any(|(_, mode)| *mode != ListenMode::Off)
                .then_some(&keys::LISTEN_TLS_BY_ADDRESS.row),
            (mode == ListenMode::Required).then_some(&keys::LISTEN_TLS.row),
            ca.is_some().then_some(&keys::LISTEN_TLS_CLIENT_CA.row),
            (!extra.is_empty()).then_some(&keys::LISTEN_TLS_EXTRA_CERTIFICATES.row),
        ];
        for row in needs.into_iter().flatten() {
            source.refuse(row, no_certificate("there is no TLS without a certificate", row));
        }
        return Some(None);
    };
    let needs_ca = [
        (certificate == ClientCertificate::Required).then_some(&keys::LISTEN_TLS_CLIENT_CERTIFICATE.row),
        crl.is_some().then_some(&keys::LISTEN_TLS_CLIENT_CRL.row),
    ];
    for row in needs_ca.into_iter().flatten().filter(|_| ca.is_none()) {
        let wrong = "without `listen.tls_client_ca` clients are asked for no certificate";
        source.refuse(row, Wrong::new(wrong, "name the file with the authorities of clients' certificates"));
    }
    let client_ca = ca.map(|file| ClientCa { file, crl, certificate });
    let tls = ListenTls { mode, by_address, identity, extra, client_ca };
    let is_off = addresses?.iter().all(|address| tls.mode_at(*address) == ListenMode::Off);
    Some((!is_off).then_some(tls))
}

/// Each is one that is listened to.
fn by_address(
    source: &mut Source<'_>,
    addresses: Option<&[SocketAddr]>,
) -> Option<Vec<(SocketAddr, ListenMode)>> {
    let by_address = source.take(&keys::LISTEN_TLS_BY_ADDRESS)?;
    let unknown = by_address.iter().find(|(address, _)| !addresses.is_some_and(|all| all.contains(address)));
    if let Some((address, _)) = unknown.filter(|_| addresses.is_some()) {
        let remedy = "write each address as it stands in `listen.addresses`";
        let wrong = Wrong::new(format!("{address} is none of `listen.addresses`"), remedy);
        source.refuse(&keys::LISTEN_TLS_BY_ADDRESS.row, wrong);
    }
    Some(by_address)
}

/// Reads what `[server]` says.
pub(in crate::config) fn server(
    source: &mut Source<'_>,
    dir: Option<&Path>,
    address: Option<&ServerAddress>,
) -> Option<ServerTls> {
    let mode = source.take(&keys::SERVER_TLS);
    let ca = path(source, dir, &keys::SERVER_TLS_CA);
    let identity = identity(source, dir, &keys::SERVER_TLS_CERTIFICATE, &keys::SERVER_TLS_KEY);
    let (mode, ca, identity) = (mode?, ca?, identity?);
    if mode != ServerMode::Off && matches!(address, Some(ServerAddress::Unix(_))) {
        let remedy = "set it to \"off\": nobody else can listen on a Unix socket; or give server.host a name";
        source.refuse(&keys::SERVER_TLS.row, Wrong::new("a Unix socket has no TLS", remedy));
    }
    if matches!(mode, ServerMode::VerifyCa | ServerMode::VerifyFull) && ca.is_none() {
        let remedy = "name the PEM file with the authority of the server's certificate in `server.tls_ca`";
        source.refuse(
            &keys::SERVER_TLS.row,
            Wrong::new("there is no authority to verify the server's certificate by", remedy),
        );
    }
    let unused = [
        (ca.is_some() && matches!(mode, ServerMode::Off | ServerMode::Require))
            .then_some(&keys::SERVER_TLS_CA.row),
        (identity.is_some() && mode == ServerMode::Off).then_some(&keys::SERVER_TLS_CERTIFICATE.row),
    ];
    // A file that is named and not used would be taken for safety that is not there.
    for row in unused.into_iter().flatten() {
        let wrong = format!("it is not used while `server.tls` is \"{}\"", mode.as_str());
        source.refuse(row, Wrong::new(wrong, "set `server.tls` to \"verify-full\", or take this off"));
    }
    Some(ServerTls { mode, ca, identity })
}

/// A certificate and its key; one is nothing without the other.
fn identity(
    source: &mut Source<'_>,
    dir: Option<&Path>,
    certificate: &Key<Option<PathBuf>>,
    key: &Key<Option<PathBuf>>,
) -> Option<Option<Identity>> {
    let (file, secret) = (path(source, dir, certificate), path(source, dir, key));
    match (file?, secret?) {
        (Some(certificate), Some(key)) => Some(Some(Identity { certificate, key })),
        (None, None) => Some(None),
        (Some(_), None) => {
            let remedy = format!("name the PEM file with its private key in `{}`", key.row.path());
            source.refuse(&certificate.row, Wrong::new("there is no key for this certificate", remedy));
            None
        }
        (None, Some(_)) => {
            source.refuse(&key.row, no_certificate("there is no certificate for this key", &certificate.row));
            None
        }
    }
}

/// Certificates for other hosts, each with the key that stands at its place in the other list.
fn extra(source: &mut Source<'_>, dir: Option<&Path>) -> Option<Vec<Identity>> {
    let certificates = paths(source, dir, &keys::LISTEN_TLS_EXTRA_CERTIFICATES);
    let secrets = paths(source, dir, &keys::LISTEN_TLS_EXTRA_KEYS);
    let (certificates, secrets) = (certificates?, secrets?);
    if certificates.len() != secrets.len() {
        let rows = [&keys::LISTEN_TLS_EXTRA_KEYS.row, &keys::LISTEN_TLS_EXTRA_CERTIFICATES.row];
        let [shorter, longer] = if secrets.len() < certificates.len() { rows } else { [rows[1], rows[0]] };
        let wrong = format!(
            "{} certificates and {} keys are named: each certificate needs its key",
            certificates.len(),
            secrets.len()
        );
        let remedy =
            format!("name as many in `{}` as in `{}`, in the same order", shorter.path(), longer.path());
        source.refuse(longer, Wrong::new(wrong, remedy));
        return None;
    }
    let pairs = certificates.into_iter().zip(secrets);
    Some(pairs.map(|(certificate, key)| Identity { certificate, key }).collect())
}

fn no_certificate(wrong: &str, row: &Row) -> Wrong {
    let key = match row.section {
        "server" => &keys::SERVER_TLS_CERTIFICATE.row,
        _ => &keys::LISTEN_TLS_CERTIFICATE.row,
    };
    Wrong::new(wrong, format!("name the PEM file with the certificate in `{}`", key.path()))
}

/// A path that is relative to the file it stands in. A variable was set by somebody who sees the working directory.
fn path(source: &mut Source<'_>, dir: Option<&Path>, key: &Key<Option<PathBuf>>) -> Option<Option<PathBuf>> {
    let path = source.take(key)?;
    Some(path.map(|path| beside(source, dir, &key.row, path)))
}

/// The same of several.
fn paths(source: &mut Source<'_>, dir: Option<&Path>, key: &Key<Vec<PathBuf>>) -> Option<Vec<PathBuf>> {
    let paths = source.take(key)?;
    Some(paths.into_iter().map(|path| beside(source, dir, &key.row, path)).collect())
}

fn beside(source: &Source<'_>, dir: Option<&Path>, row: &Row, path: PathBuf) -> PathBuf {
    match (source.place(row), dir) {
        (Place::File { .. }, Some(dir)) => dir.join(path),
        _ => path,
    }
}
