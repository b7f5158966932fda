//! The certificates that clients are shown, and which of them by the host they ask for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::auth::scram::Binding;
use crate::config::tls::ListenTls;
use crate::net::tls::certificate;
use crate::net::tls::files::{Loaded, Named, Trouble};

/// One certificate of ours.
#[derive(Debug)]
pub(super) struct Own {
    certified: Arc<CertifiedKey>,
    pub(super) end_point: Option<Vec<u8>>,
    pub(super) binding: Option<Binding>,
}

impl Own {
    fn new(certified: CertifiedKey) -> Self {
        let leaf = certified.cert.first();
        let end_point = leaf.and_then(|der| certificate::end_point(der));
        let binding =
            leaf.zip(end_point.as_deref()).and_then(|(der, end_point)| Binding::new(der, end_point));
        Self { certified: Arc::new(certified), end_point, binding }
    }
}

/// All of them.
#[derive(Debug)]
pub(super) struct OwnCertificates {
    /// For whoever asks for nobody, or for a host that no other is for.
    usual: Own,
    extra: Vec<Own>,
    hosts: Hosts,
}

impl OwnCertificates {
    /// Reads all files, or none: one that cannot be used is reason enough to keep what was there. And what to warn of.
    pub(super) fn read(
        settings: &ListenTls,
        provider: &CryptoProvider,
    ) -> Result<(Self, Option<String>), Trouble> {
        let keys = ["listen.tls_certificate", "listen.tls_key"];
        let Loaded { certified, warning } = Loaded::read(&settings.identity, keys, provider)?;
        let mut warnings: Vec<String> = warning.into_iter().collect();
        let (usual, mut extra, mut hosts) = (Own::new(certified), Vec::new(), Hosts::default());
        for (nth, identity) in settings.extra.iter().enumerate() {
            let keys = ["listen.tls_extra_certificates", "listen.tls_extra_keys"];
            let Loaded { certified, warning } = Loaded::read(identity, keys, provider)?;
            warnings.extend(warning);
            let file = Named { key: keys[0], path: &identity.certificate };
            let names = certified.cert.first().and_then(|der| certificate::hosts(der)).unwrap_or_default();
            if !names.iter().any(|name| Hosts::is_name(name)) {
                let wrong = "there is no DNS name in it that a client could ask for it by";
                return Err(
                    file.trouble(wrong, "name it in `listen.tls_certificate`, or take it off with its key")
                );
            }
            for name in &names {
                if let Err(other) = hosts.add(name, nth) {
                    let other = settings.extra.get(other).unwrap_or(identity).certificate.display();
                    let wrong = format!("{name:?} is a name of the certificate in {other} too");
                    return Err(file.trouble(wrong, "have each host name in one certificate"));
                }
            }
            extra.push(Own::new(certified));
        }
        let warning = (!warnings.is_empty()).then(|| warnings.join("; "));
        Ok((Self { usual, extra, hosts }, warning))
    }

    /// The one for a client that asked for this host.
    pub(super) fn for_host(&self, host: Option<&str>) -> &Own {
        let found = host.and_then(|host| self.hosts.find(host));
        found.and_then(|nth| self.extra.get(nth)).unwrap_or(&self.usual)
    }
}

/// The choice for one client, and by which host.
#[derive(Debug)]
pub(super) struct Choice {
    own: Arc<OwnCertificates>,
    host: Mutex<Option<String>>,
}

impl Choice {
    pub(super) const fn of(own: Arc<OwnCertificates>) -> Self {
        Self { own, host: Mutex::new(None) }
    }

    /// The host that the client asked for, by which its certificate was chosen.
    pub(super) fn host(&self) -> Option<String> {
        self.host.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl ResolvesServerCert for Choice {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        *self.host.lock().unwrap_or_else(PoisonError::into_inner) = hello.server_name().map(str::to_owned);
        Some(Arc::clone(&self.own.for_host(hello.server_name()).certified))
    }
}

/// Which of several a host name is of. As clients compare names (RFC 6125): without case, and an asterisk stands for
/// the whole first label.
#[derive(Debug, Default)]
struct Hosts {
    exact: HashMap<String, usize>,
    /// By what is behind `*.`.
    wild: HashMap<String, usize>,
}

impl Hosts {
    /// Whether anybody could ask for it.
    fn is_name(name: &str) -> bool {
        let rest = name.strip_prefix("*.").unwrap_or(name);
        !rest.is_empty() && !rest.contains('*')
    }

    /// Names that nobody could ask for are left out.
    ///
    /// # Errors
    /// Another one has the same name.
    fn add(&mut self, name: &str, which: usize) -> Result<(), usize> {
        if !Self::is_name(name) {
            return Ok(());
        }
        let name = written(name);
        let (names, name) = match name.strip_prefix("*.") {
            Some(rest) => (&mut self.wild, rest.to_owned()),
            None => (&mut self.exact, name),
        };
        match names.insert(name, which) {
            Some(other) if other != which => Err(other),
            _ => Ok(()),
        }
    }

    fn find(&self, host: &str) -> Option<usize> {
        let host = written(host);
        let wild = || host.split_once('.').filter(|(label, _)| !label.is_empty());
        self.exact.get(&host).or_else(|| self.wild.get(wild()?.1)).copied()
    }
}

fn written(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hosts(names: &[(&str, usize)]) -> Result<Hosts, usize> {
        let mut hosts = Hosts::default();
        names.iter().try_for_each(|(name, which)| hosts.add(name, *which)).map(|()| hosts)
    }

    #[test]
    fn exact_name_comes_before_the_asterisk_which_stands_for_one_label() {
        let hosts = hosts(&[("*.db.example", 0), ("acme.db.example", 1), ("Other.Example.", 2)]).unwrap();
        for (host, which) in [
            ("acme.db.example", Some(1)),
            ("ACME.db.example.", Some(1)),
            ("beta.db.example", Some(0)),
            ("other.example", Some(2)),
            ("a.b.db.example", None),
            ("db.example", None),
            (".db.example", None),
            ("*.db.example", Some(0)),
            ("xother.example", None),
            ("", None),
        ] {
            assert_eq!(hosts.find(host), which, "{host}");
        }
    }

    #[test]
    fn name_of_two_certificates_is_found_whatever_its_case() {
        assert_eq!(hosts(&[("a.example", 0), ("b.example", 0), ("A.example.", 1)]).err(), Some(0));
        assert_eq!(hosts(&[("*.example", 3), ("*.EXAMPLE", 4)]).err(), Some(3));
        assert!(hosts(&[("a.example", 0), ("a.example", 0), ("*.example", 1)]).is_ok());
    }

    #[test]
    fn asterisks_elsewhere_are_no_names() {
        for name in ["*", "*.", "", "a.*.example", "a*.example", "*.*.example"] {
            assert!(!Hosts::is_name(name), "{name}");
            assert_eq!(hosts(&[(name, 0)]).unwrap().find(name), None, "{name}");
        }
    }

    proptest! {
        /// As it reads: the certificate with the very name, else the one with the name whose first label is an asterisk.
        #[test]
        fn found_is_what_the_names_say(
            names in prop::collection::vec("(\\*|[ab])\\.[ab](\\.[ab])?", 0..8), host in "[ab](\\.[ab]){0,2}"
        ) {
            let mut hosts = Hosts::default();
            let added: Vec<_> = names.iter().enumerate().filter(|(nth, name)| hosts.add(name, *nth).is_ok()).collect();
            prop_assume!(added.len() == names.len());
            let wild = host.split_once('.').map(|(_, rest)| format!("*.{rest}"));
            let position = |wanted: &str| names.iter().position(|name| name == wanted);
            let expected = position(&host).or_else(|| position(&wild?));
            prop_assert_eq!(hosts.find(&host), expected);
        }
    }
}
