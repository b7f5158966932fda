//! Certificates made for a test, and clients that trust them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pgtenant::config::tls::{ClientCa, ClientCertificate, Identity, ListenMode, ListenTls};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

/// The host that servers' certificates are for.
pub(crate) const HOST: &str = "db.example";

/// An authority, and a directory with what it made.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    dir: tempfile::TempDir,
}

impl Issued {
    pub(crate) fn key_der(&self) -> &[u8] {
        &self.key
    }

    pub(crate) fn pem(&self) -> String {
        fs::read_to_string(&self.files.certificate).unwrap()
    }

    pub(crate) fn key_pem(&self) -> String {
        fs::read_to_string(&self.files.key).unwrap()
    }
}

/// A certificate, its key, and the files they are in.
pub(crate) struct Issued {
    pub(crate) der: CertificateDer<'static>,
    key: Vec<u8>,
    pub(crate) files: Identity,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let dir = tempfile::tempdir().unwrap();
        // The test cluster's server runs as another user.
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(dir.path().join("ca.crt"), issuer.pem()).unwrap();
        Self { issuer, dir }
    }

    /// The file with its own certificate.
    pub(crate) fn file(&self) -> PathBuf {
        self.path("ca.crt")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A certificate for these hosts, in files named after the first.
    pub(crate) fn issue(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Issued {
        self.issue_for(&rcgen::PKCS_ECDSA_P256_SHA256, name, change)
    }

    pub(crate) fn issue_for(
        &self,
        algorithm: &'static rcgen::SignatureAlgorithm,
        name: &str,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Issued {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut params);
        let key = KeyPair::generate_for(algorithm).unwrap();
        let made = params.signed_by(&key, &self.issuer).unwrap();
        let files = Identity {
            certificate: self.path(&format!("{name}.crt")),
            key: self.path(&format!("{name}.key")),
        };
        write_pair(&files, &made.pem(), &key.serialize_pem());
        Issued { der: made.der().clone(), key: key.serialize_der(), files }
    }

    /// What a proxy is told to show `HOST`'s certificate by.
    pub(crate) fn listen(&self, required: bool) -> ListenTls {
        let mode = if required { ListenMode::Required } else { ListenMode::Preferred };
        let identity = self.issue(HOST, |_| {}).files;
        ListenTls { mode, by_address: vec![], identity, extra: vec![], client_ca: None }
    }

    /// Takes clients' certificates of this authority.
    pub(crate) fn client_ca(&self, certificate: ClientCertificate) -> ClientCa {
        ClientCa { file: self.file(), crl: None, certificate }
    }

    /// Clients that trust it.
    pub(crate) fn trust(&self) -> Trust {
        Trust {
            roots: vec![self.issuer.der().clone()],
            name: HOST.to_owned(),
            identity: None,
            alpn: true,
            versions: rustls::ALL_VERSIONS,
        }
    }

    /// Revokes a certificate with this serial number.
    pub(crate) fn revoke(&self, serial: u64) -> PathBuf {
        self.revoke_until(serial, 2100)
    }

    /// The same, by a list that is good until that year.
    pub(crate) fn revoke_until(&self, serial: u64, year: i32) -> PathBuf {
        let params = rcgen::CertificateRevocationListParams {
            this_update: rcgen::date_time_ymd(2020, 1, 1),
            next_update: rcgen::date_time_ymd(year, 1, 1),
            crl_number: 1_u64.into(),
            issuing_distribution_point: None,
            revoked_certs: vec![rcgen::RevokedCertParams {
                serial_number: serial.into(),
                revocation_time: rcgen::date_time_ymd(2020, 1, 1),
                reason_code: None,
                invalidity_date: None,
            }],
            key_identifier_method: rcgen::KeyIdMethod::Sha256,
        };
        let path = self.path("revoked.crl");
        fs::write(&path, params.signed_by(&self.issuer).unwrap().pem().unwrap()).unwrap();
        path
    }
}

/// Puts a certificate and its key in place, as a renewal does.
pub(crate) fn write_pair(files: &Identity, certificate: &str, key: &str) {
    write_secret(&files.key, key);
    fs::write(&files.certificate, certificate).unwrap();
}

pub(crate) fn write_secret(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// What a client trusts, and shows.
#[derive(Clone)]
pub(crate) struct Trust {
    roots: Vec<CertificateDer<'static>>,
    name: String,
    identity: Option<(CertificateDer<'static>, Vec<u8>)>,
    alpn: bool,
    versions: &'static [&'static rustls::SupportedProtocolVersion],
}

impl Trust {
    /// Shows this certificate.
    pub(crate) fn showing(mut self, issued: &Issued) -> Self {
        self.identity = Some((issued.der.clone(), issued.key.clone()));
        self
    }

    /// Asks for this host.
    pub(crate) fn asking_for(mut self, host: &str) -> Self {
        host.clone_into(&mut self.name);
        self
    }

    /// Does not say that it speaks PostgreSQL's protocol.
    pub(crate) const fn without_alpn(mut self) -> Self {
        self.alpn = false;
        self
    }

    pub(crate) const fn speaking(
        mut self,
        versions: &'static [&'static rustls::SupportedProtocolVersion],
    ) -> Self {
        self.versions = versions;
        self
    }

    pub(crate) fn client(&self) -> ClientConnection {
        let mut roots = RootCertStore::empty();
        for root in &self.roots {
            roots.add(root.clone()).unwrap();
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(self.versions)
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match &self.identity {
            None => config.with_no_client_auth(),
            Some((certificate, key)) => {
                let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.clone()));
                config.with_client_auth_cert(vec![certificate.clone()], key).unwrap()
            }
        };
        if self.alpn {
            config.alpn_protocols = vec![b"postgresql".to_vec()];
        }
        ClientConnection::new(Arc::new(config), ServerName::try_from(self.name.clone()).unwrap()).unwrap()
    }
}
