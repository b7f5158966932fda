//! PEM files: certificates, keys, lists of revoked certificates, and what can be wrong with them.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys, RootCertStore};
use secrecy::zeroize::Zeroizing;

use crate::config::tls::Identity;
use crate::net::tls::certificate;

/// Far more than a chain or a list of authorities has.
const MOST_BYTES: u64 = 8 << 20;

/// Bits of a mode that let others read, or the group write; as PostgreSQL, which lets a group read.
const TOO_OPEN: u32 = 0o037;

/// What keeps a file from being used, and the remedy. Never holds anything of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The key of the configuration that names the file.
    pub key: String,
    /// What is wrong, with the file's name.
    pub wrong: String,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.key, self.wrong, self.remedy)
    }
}

impl std::error::Error for Trouble {}

/// A file, as one key of the configuration names it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named<'a> {
    pub(super) key: &'a str,
    pub(super) path: &'a Path,
}

impl Named<'_> {
    pub(super) fn trouble(&self, wrong: impl fmt::Display, remedy: impl Into<String>) -> Trouble {
        let wrong = format!("{}: {wrong}", self.path.display());
        Trouble { key: self.key.to_owned(), wrong, remedy: remedy.into() }
    }

    /// The whole file, wiped when it is dropped: it may hold a key.
    fn read(&self, secret: bool) -> Result<Zeroizing<Vec<u8>>, Trouble> {
        let shown = self.path.display();
        let unreadable = |error: io::Error| {
            let remedy = match error.kind() {
                io::ErrorKind::NotFound => "correct the path, or put the file there".to_owned(),
                io::ErrorKind::PermissionDenied => {
                    format!("let the user that runs pgtenant read {shown}")
                }
                _ => format!("make {shown} a plain PEM file"),
            };
            self.trouble(format_args!("cannot be read: {error}"), remedy)
        };
        // Before it is opened: opening a named pipe would wait for a writer.
        if !fs::metadata(self.path).map_err(unreadable)?.is_file() {
            return Err(unreadable(io::Error::new(io::ErrorKind::InvalidInput, "it is not a plain file")));
        }
        let file = File::open(self.path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        let mode = metadata.permissions().mode();
        if secret && mode & TOO_OPEN != 0 {
            let wrong = format!("others can read or change it (mode {:03o})", mode & 0o777);
            return Err(self.trouble(wrong, format!("run: chmod 600 {shown}")));
        }
        if metadata.len() > MOST_BYTES {
            return Err(self.trouble("it is too large for a PEM file", "correct the path"));
        }
        // Large enough from the start: growing would leave a copy behind that is not wiped.
        let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0) + 1));
        file.take(MOST_BYTES).read_to_end(&mut bytes).map_err(unreadable)?;
        Ok(bytes)
    }

    fn not_pem(&self, error: &pem::Error, what: &str) -> Trouble {
        // The error may repeat a line of the file.
        let wrong = match error {
            pem::Error::NoItemsFound => format!("there is no {what} in it"),
            pem::Error::MissingSectionEnd { .. } => "a section has no end".to_owned(),
            pem::Error::Base64Decode(_) => "it is not base64 between the lines of dashes".to_owned(),
            _ => "it is not PEM".to_owned(),
        };
        self.trouble(wrong, format!("write the {what} to it in PEM"))
    }

    fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, Trouble> {
        let bytes = self.read(false)?;
        let found: Vec<_> = CertificateDer::pem_slice_iter(&bytes)
            .collect::<Result<_, _>>()
            .map_err(|error| self.not_pem(&error, "certificate"))?;
        if found.is_empty() {
            return Err(self.not_pem(&pem::Error::NoItemsFound, "certificate"));
        }
        Ok(found)
    }

    fn private_key(&self) -> Result<PrivateKeyDer<'static>, Trouble> {
        let bytes = self.read(true)?;
        PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| {
            let locked = bytes.windows(9).any(|part| part == b"ENCRYPTED");
            if locked {
                let remedy = "store it without a passphrase: openssl pkey -in … -out …, with mode 600";
                self.trouble("the key is encrypted with a passphrase", remedy)
            } else {
                self.not_pem(&error, "private key")
            }
        })
    }

    /// Authorities.
    pub(super) fn roots(&self) -> Result<Arc<RootCertStore>, Trouble> {
        let mut roots = RootCertStore::empty();
        for certificate in self.certificates()? {
            roots.add(certificate).map_err(|error| {
                self.trouble(format_args!("an authority cannot be used: {error}"), "replace it")
            })?;
        }
        Ok(Arc::new(roots))
    }

    /// Lists of revoked certificates.
    pub(super) fn revoked(&self) -> Result<Vec<CertificateRevocationListDer<'static>>, Trouble> {
        let bytes = self.read(false)?;
        let found: Vec<_> = CertificateRevocationListDer::pem_slice_iter(&bytes)
            .collect::<Result<_, _>>()
            .map_err(|error| self.not_pem(&error, "list of revoked certificates"))?;
        if found.is_empty() {
            return Err(self.not_pem(&pem::Error::NoItemsFound, "list of revoked certificates"));
        }
        Ok(found)
    }
}

/// A certificate with its key, and what should be said about it.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) certified: CertifiedKey,
    pub(super) warning: Option<String>,
}

impl Loaded {
    /// Reads both files, which these keys of the configuration name.
    pub(super) fn read(
        identity: &Identity,
        [certificate_key, key_key]: [&str; 2],
        provider: &CryptoProvider,
    ) -> Result<Self, Trouble> {
        let file = Named { key: certificate_key, path: &identity.certificate };
        let key_file = Named { key: key_key, path: &identity.key };
        // Both are looked at before one is found wanting.
        let (chain, key) = (file.certificates(), key_file.private_key());
        let (chain, key) = (chain?, key?);
        let key = provider.key_provider.load_private_key(key).map_err(|error| {
            key_file.trouble(
                format_args!("the key cannot be used: {error}"),
                "use an RSA key of 2048 bits or more, or an ECDSA or Ed25519 key",
            )
        })?;
        let certified = CertifiedKey::new(chain, key);
        match certified.keys_match() {
            Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => {}
            Err(Error::InconsistentKeys(_)) => {
                let wrong = format!("the key is not that of the certificate in {}", file.path.display());
                let remedy = "name the key that the certificate was made for; the server's own certificate comes first in its file";
                return Err(key_file.trouble(wrong, remedy));
            }
            Err(error) => {
                return Err(
                    file.trouble(format_args!("the certificate cannot be used: {error}"), "replace it")
                );
            }
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let validity = certified.cert.first().and_then(|der| certificate::validity(der));
        let warning = validity
            .and_then(|validity| validity.trouble(now))
            .map(|trouble| file.trouble(format_args!("the certificate {trouble}"), "replace it").to_string());
        Ok(Self { certified, warning })
    }
}

/// What tells that a file was changed or replaced.
type Stamp = Option<(SystemTime, u64, u64, u64)>;

/// The files that something was made from.
#[derive(Debug)]
pub(super) struct Watched {
    paths: Vec<PathBuf>,
    seen: Vec<Stamp>,
}

impl Watched {
    /// As they are now, before they are read.
    pub(super) fn new(paths: Vec<PathBuf>) -> Self {
        let seen = stamps(&paths);
        Self { paths, seen }
    }

    /// Whether any was changed since this was last asked.
    pub(super) fn changed(&mut self) -> bool {
        let now = stamps(&self.paths);
        let changed = now != self.seen;
        self.seen = now;
        changed
    }
}

fn stamps(paths: &[PathBuf]) -> Vec<Stamp> {
    // A directory of links that is switched as a whole, as Kubernetes does it, changes what the paths lead to.
    let stamp = |path: &PathBuf| {
        let metadata = fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len(), metadata.dev(), metadata.ino()))
    };
    paths.iter().map(stamp).collect()
}
