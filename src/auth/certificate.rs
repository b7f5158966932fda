//! Which tenant a client's certificate names.
//!
//! Pure. The certificate was verified elsewhere; what it says is the word of the authority that signed it, but a word all
//! the same: it is compared, and never shown or logged.

use crate::auth::evidence::tenant_of_host;
use crate::tenant::TenantRef;

/// Most names of a certificate that are looked at; one with more is refused.
const MOST_NAMES: usize = 100;

/// Longest of them in bytes, as host names are at most.
const LONGEST_NAME: usize = 255;

/// The names in a certificate.
#[derive(Clone, Copy, Debug, Default)]
pub struct Names<'a> {
    /// The common names of the subject.
    pub common: &'a [String],
    /// The hosts among the subject's alternative names.
    pub hosts: &'a [String],
}

/// Why a certificate is one of no tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateError {
    /// It names none.
    NamesNone,
    /// It names more than one.
    NamesSeveral,
    /// A host name of the tenants' domain in it is not that of one tenant, but of all (`*.db.example.com`), or of none.
    OtherHost,
    /// There are more names in it, or longer ones, than are looked at.
    TooMuch,
}

impl CertificateError {
    /// As counters call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NamesNone => "certificate_names_none",
            Self::NamesSeveral => "certificate_names_several",
            Self::OtherHost => "certificate_other_host",
            Self::TooMuch => "certificate_too_much",
        }
    }

    /// For the client, without anything of the certificate.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::NamesNone => "the client certificate names no tenant",
            Self::NamesSeveral => "the client certificate names more than one tenant",
            Self::OtherHost => {
                "the client certificate has a host name of the tenants' domain that is no tenant's"
            }
            Self::TooMuch => "the client certificate has too many names, or too long ones",
        }
    }
}

/// What it names: a slug, an id, or both, which are to be of one tenant. A common name that can be neither names nobody, nor does
/// a host of another domain than `domain`.
///
/// # Errors
/// [`CertificateError`].
pub fn tenants(names: Names<'_>, domain: Option<&str>) -> Result<Vec<TenantRef>, CertificateError> {
    let Names { common, hosts } = names;
    let too_long = |name: &String| name.len() > LONGEST_NAME;
    if common.len() + hosts.len() > MOST_NAMES || common.iter().chain(hosts).any(too_long) {
        return Err(CertificateError::TooMuch);
    }
    let mut named: Vec<TenantRef> = Vec::new();
    for tenant in common.iter().filter_map(|name| TenantRef::parse(name)) {
        note(&mut named, tenant)?;
    }
    for host in domain.into_iter().flat_map(|domain| hosts.iter().map(move |host| (host, domain))) {
        match tenant_of_host(host.0, host.1) {
            Some(slug) => note(&mut named, TenantRef::Slug(slug))?,
            None if is_below(host.0, host.1) => return Err(CertificateError::OtherHost),
            None => {}
        }
    }
    if named.is_empty() { Err(CertificateError::NamesNone) } else { Ok(named) }
}

/// Only a slug and an id can be of the same tenant and not be equal.
fn note(named: &mut Vec<TenantRef>, tenant: TenantRef) -> Result<(), CertificateError> {
    if named.contains(&tenant) {
        return Ok(());
    }
    let is_id = |tenant: &TenantRef| matches!(tenant, TenantRef::Id(_));
    if named.iter().any(|other| is_id(other) == is_id(&tenant)) {
        return Err(CertificateError::NamesSeveral);
    }
    named.push(tenant);
    Ok(())
}

fn is_below(host: &str, domain: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    host.strip_suffix(&domain.to_ascii_lowercase()).is_some_and(|rest| rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tenant::Slug;

    const DOMAIN: Option<&str> = Some("db.example.com");
    const ID: &str = "0190a3c4-0000-7000-8000-00000000000a";
    const OTHER_ID: &str = "0190a3c4-0000-7000-8000-00000000000b";

    fn owned(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    /// What these common names and hosts name, as text.
    fn named(common: &[&str], hosts: &[&str], domain: Option<&str>) -> Result<Vec<String>, CertificateError> {
        let (common, hosts) = (owned(common), owned(hosts));
        let found = tenants(Names { common: &common, hosts: &hosts }, domain)?;
        Ok(found.iter().map(ToString::to_string).collect())
    }

    fn one(text: &str) -> Result<Vec<String>, CertificateError> {
        Ok(vec![text.to_owned()])
    }

    #[test]
    fn common_name_is_a_slug_or_an_id_and_a_host_is_a_slug_below_the_domain() {
        assert_eq!(named(&["acme"], &[], None), one("acme"));
        assert_eq!(named(&[ID], &[], None), one(ID));
        assert_eq!(named(&[], &["acme.db.example.com"], DOMAIN), one("acme"));
        assert_eq!(named(&[], &["Acme-Corp.DB.example.com."], DOMAIN), one("acme_corp"));
    }

    #[test]
    fn what_is_neither_names_nobody() {
        for name in ["", "Acme", "acme corp", "acme.db.example.com", "*", "acme\n", "ACME", "müller", "a-b"]
        {
            assert_eq!(named(&[name], &[], DOMAIN), Err(CertificateError::NamesNone), "{name:?}");
        }
        for host in ["acme.example.com", "acme", "example.com", "db.example.com", "xdb.example.com"] {
            assert_eq!(named(&[], &[host], DOMAIN), Err(CertificateError::NamesNone), "{host:?}");
        }
        assert_eq!(named(&[], &["acme.db.example.com"], None), Err(CertificateError::NamesNone));
        assert_eq!(named(&[], &[], DOMAIN), Err(CertificateError::NamesNone));
        // Beside one that does, they are no harm.
        assert_eq!(named(&["Ann Smith"], &["acme.db.example.com", "laptop.example"], DOMAIN), one("acme"));
    }

    #[test]
    fn several_names_are_of_one_tenant_or_refused() {
        assert_eq!(named(&["acme"], &["acme.db.example.com", "ACME.db.example.com"], DOMAIN), one("acme"));
        for (common, hosts) in [
            (&["acme", "beta"][..], &[][..]),
            (&["acme"], &["beta.db.example.com"]),
            (&[], &["acme.db.example.com", "beta.db.example.com"]),
            (&[ID, OTHER_ID], &[]),
            (&["acme", ID, "beta"], &[]),
        ] {
            assert_eq!(
                named(common, hosts, DOMAIN),
                Err(CertificateError::NamesSeveral),
                "{common:?} {hosts:?}"
            );
        }
        // Whether these are the same is seen when the tenant is there.
        let both = named(&[ID], &["acme.db.example.com"], DOMAIN).unwrap();
        assert_eq!(both, [ID, "acme"]);
    }

    #[test]
    fn host_of_all_tenants_is_one_of_none() {
        for host in ["*.db.example.com", "a.b.db.example.com", ".db.example.com", "no!.db.example.com"] {
            let found = named(&["acme"], &["acme.db.example.com", host], DOMAIN);
            assert_eq!(found, Err(CertificateError::OtherHost), "{host}");
        }
    }

    #[test]
    fn more_than_is_looked_at_is_refused_and_not_cut() {
        let hosts = vec!["acme.db.example.com"; MOST_NAMES - 1];
        assert_eq!(named(&["acme"], &hosts, DOMAIN), one("acme"));
        let more = [&hosts[..], &["beta.db.example.com"; 1]].concat();
        assert_eq!(named(&["acme"], &more, DOMAIN), Err(CertificateError::TooMuch));
        let long = format!("{}.example", "x".repeat(LONGEST_NAME));
        assert_eq!(named(&["acme"], &[&long], DOMAIN), Err(CertificateError::TooMuch));
    }

    proptest! {
        /// Whatever the names are: at most one slug and one id, and every name that is one is among them.
        #[test]
        fn no_name_is_left_out_and_no_two_differ(
            common in prop::collection::vec("[a-c]{1,2}|[A-C ]{1,2}|.{0,5}", 0..4),
            hosts in prop::collection::vec("[a-c]{1,2}(\\.db\\.example\\.com|\\.example|)", 0..4),
        ) {
            let Ok(found) = tenants(Names { common: &common, hosts: &hosts }, DOMAIN) else { return Ok(()) };
            prop_assert_eq!(found.len(), 1, "only slugs are drawn");
            for name in &common {
                if let Ok(slug) = Slug::parse(name) {
                    prop_assert_eq!(&found[0], &TenantRef::Slug(slug));
                }
            }
            for host in &hosts {
                if let Some(label) = host.strip_suffix(".db.example.com") {
                    prop_assert_eq!(found[0].to_string(), label);
                }
            }
        }
    }
}
