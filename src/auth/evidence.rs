//! [`Evidence`]: what a client says of its tenant before it has proved anything.
//!
//! Pure. A tenant may be named by the client's certificate, the host name in the TLS handshake (`alpha.db.example.com`), the
//! end of the user name (`app.alpha`), the name of the database, and the option `pgtenant.tenant`. What is named decides which user of which tenant is
//! to prove who it is; whoever has proved it must then be of the tenant that all of it names. None of the answers
//! tells whether there is such a tenant.

use std::fmt;

use crate::tenant::{Slug, Tenant, TenantRef};

/// The setting in the startup packet that names the tenant.
pub const OPTION: &str = "pgtenant.tenant";

/// What names a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Witness {
    /// A verified certificate, where those name tenants.
    Certificate,
    /// The host name that the client believes to talk to (TLS server name indication, RFC 6066).
    ServerName,
    /// [`OPTION`].
    Option,
    /// What is behind the last dot of the user name.
    UserName,
    /// The name of the database.
    Database,
}

impl fmt::Display for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Certificate => "the client certificate",
            Self::ServerName => "the host name (SNI)",
            Self::Option => "the option pgtenant.tenant",
            Self::UserName => "the end of the user name",
            Self::Database => "the database name",
        })
    }
}

/// What the first messages of a client have in them.
#[derive(Clone, Copy, Debug, Default)]
pub struct FirstWords<'a> {
    /// The user name.
    pub user: &'a str,
    /// The name of the database, if any.
    pub database: Option<&'a str>,
    /// The host name in the TLS handshake.
    pub server_name: Option<&'a str>,
    /// The value of [`OPTION`].
    pub option: Option<&'a str>,
    /// What its certificate names, see [`certificate`](crate::auth::certificate).
    pub certificate: &'a [TenantRef],
}

/// Why it cannot be right, whatever there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contradiction {
    /// The option names no tenant that there could be.
    NoName,
    /// Two of them name different tenants.
    Differ(Witness, Witness),
}

/// A user who may be meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate<'a> {
    /// Of this tenant; without one, of the only tenant that has a user of this name.
    pub tenant: Option<TenantRef>,
    /// Its name there.
    pub user: &'a str,
    /// Whether the rest of the name that the client gave stands for the tenant.
    pub by_end: bool,
}

/// All that names a tenant, and the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The user name as it is.
    user: String,
    /// Its part before the last dot, and what is behind that.
    parts: Option<(String, Slug)>,
    named: Vec<(Witness, TenantRef)>,
}

impl Evidence {
    /// Reads it. `served` is the database, by whose name nobody is named, and `domain` what a tenant's host names have
    /// behind its slug and a dot.
    ///
    /// # Errors
    /// [`Contradiction`].
    pub fn read(words: FirstWords<'_>, served: &str, domain: Option<&str>) -> Result<Self, Contradiction> {
        // First what somebody has vouched for.
        let by_certificate = words.certificate.iter().cloned();
        let mut named: Vec<_> = by_certificate.map(|tenant| (Witness::Certificate, tenant)).collect();
        let by_host = words.server_name.zip(domain).and_then(|(host, domain)| tenant_of_host(host, domain));
        named.extend(by_host.map(|slug| (Witness::ServerName, TenantRef::Slug(slug))));
        if let Some(option) = words.option {
            named.push((Witness::Option, TenantRef::parse(option).ok_or(Contradiction::NoName)?));
        }
        // Another name is that of no database, which who has logged in is told.
        let other = words.database.filter(|name| !name.is_empty() && *name != served);
        let by_database = other.and_then(|name| Slug::parse(name).ok());
        named.extend(by_database.map(|slug| (Witness::Database, TenantRef::Slug(slug))));
        let mut slugs = named.iter().filter(|(_, tenant)| matches!(tenant, TenantRef::Slug(_)));
        if let Some((first, tenant)) = slugs.next()
            && let Some((second, _)) = slugs.find(|(_, other)| other != tenant)
        {
            return Err(Contradiction::Differ(*first, *second));
        }
        let parts = words.user.rsplit_once('.').filter(|(user, _)| !user.is_empty());
        let parts = parts.and_then(|(user, end)| Some((user.to_owned(), Slug::parse(end).ok()?)));
        Ok(Self { user: words.user.to_owned(), parts, named })
    }

    /// Whom to look for, in this order: the first that there is has to prove it.
    #[must_use]
    pub fn candidates(&self) -> Vec<Candidate<'_>> {
        let tenant = self.named.first().map(|(_, tenant)| tenant.clone());
        let mut all = vec![Candidate { tenant: tenant.clone(), user: &self.user, by_end: false }];
        all.extend(self.parts.as_ref().map(|(user, slug)| {
            // Whether both name the same is seen when there is who has proved it.
            let tenant = tenant.unwrap_or_else(|| TenantRef::Slug(slug.clone()));
            Candidate { tenant: Some(tenant), user, by_end: true }
        }));
        if matches!(self.named[..], [(Witness::Database, _)]) {
            // It may be of no tenant, and then there is no such database.
            all.push(Candidate { tenant: None, user: &self.user, by_end: false });
        }
        all
    }

    /// The user name that the client gave.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The tenant that is named: where nothing else does it, by the end of the user name.
    #[must_use]
    pub fn tenant(&self) -> Option<TenantRef> {
        let by_end = || self.parts.as_ref().map(|(_, slug)| TenantRef::Slug(slug.clone()));
        self.named.first().map(|(_, tenant)| tenant.clone()).or_else(by_end)
    }

    /// The first that names another tenant than the one of who has proved who it is.
    #[must_use]
    pub fn denies(&self, tenant: &Tenant, by_end: bool) -> Option<Witness> {
        let is_other = |named: &TenantRef| match named {
            TenantRef::Id(id) => *id != tenant.registered(),
            TenantRef::Slug(slug) => *slug != tenant.slug,
        };
        let end = self.parts.iter().filter(|_| by_end).any(|(_, slug)| *slug != tenant.slug);
        let named = self.named.iter().find(|(_, named)| is_other(named)).map(|(witness, _)| *witness);
        named.or_else(|| end.then_some(Witness::UserName))
    }

    /// What names a tenant here, for people: `the host name (SNI), the database name`.
    #[must_use]
    pub fn told(&self) -> String {
        let named = self.named.iter().map(|(witness, _)| *witness);
        let all = named.chain(self.parts.iter().map(|_| Witness::UserName));
        all.map(|witness| witness.to_string()).collect::<Vec<_>>().join(", ")
    }
}

/// `alpha.db.example.com` is alpha's where the domain is `db.example.com`. Host names know no case.
pub(super) fn tenant_of_host(host: &str, domain: &str) -> Option<Slug> {
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let label = host.strip_suffix(&domain.to_ascii_lowercase())?.strip_suffix('.')?;
    // Underscores are not for host names; hyphens are not for slugs.
    Slug::parse(&label.replace('-', "_")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVED: &str = "app";
    const DOMAIN: Option<&str> = Some("db.example.com");

    fn read(words: FirstWords<'_>) -> Result<Evidence, Contradiction> {
        Evidence::read(words, SERVED, DOMAIN)
    }

    fn slug(text: &str) -> Option<TenantRef> {
        Some(TenantRef::Slug(Slug::parse(text).unwrap()))
    }

    fn tenant(text: &str) -> Tenant {
        Tenant::sample(text)
    }

    /// As `tenant/user`.
    fn candidates(words: FirstWords<'_>) -> Vec<String> {
        let evidence = read(words).unwrap();
        let all = evidence.candidates().into_iter();
        all.map(|one| {
            format!("{}/{}", one.tenant.map_or_else(|| "-".to_owned(), |t| t.to_string()), one.user)
        })
        .collect()
    }

    #[test]
    fn user_without_anything_else_is_looked_for_by_its_name() {
        let words = FirstWords { user: "acme", database: Some(SERVED), ..FirstWords::default() };
        assert_eq!(candidates(words), ["-/acme"]);
        assert_eq!(candidates(FirstWords { user: "acme", ..FirstWords::default() }), ["-/acme"]);
    }

    #[test]
    fn each_witness_names_the_tenant_that_the_user_is_looked_for_in() {
        let user = FirstWords { user: "app", ..FirstWords::default() };
        let host = FirstWords { server_name: Some("Acme.DB.example.com."), ..user };
        assert_eq!(candidates(host), ["acme/app"]);
        assert_eq!(candidates(FirstWords { option: Some("acme"), ..user }), ["acme/app"]);
        let id = "0190a3c4-0000-7000-8000-00000000000a";
        assert_eq!(candidates(FirstWords { option: Some(id), ..user }), [format!("{id}/app")]);
        assert_eq!(candidates(FirstWords { user: "app.acme", ..user }), ["-/app.acme", "acme/app"]);
        assert_eq!(candidates(FirstWords { database: Some("acme"), ..user }), ["acme/app", "-/app"]);
    }

    #[test]
    fn name_with_a_dot_may_be_a_whole_one_in_a_tenant_that_is_named_otherwise() {
        let words = FirstWords { user: "john.doe", option: Some("acme"), ..FirstWords::default() };
        assert_eq!(candidates(words), ["acme/john.doe", "acme/john"]);
        let evidence = read(words).unwrap();
        assert_eq!(evidence.denies(&tenant("acme"), false), None);
        assert_eq!(evidence.denies(&tenant("acme"), true), Some(Witness::UserName));
    }

    #[test]
    fn host_names_outside_of_the_domain_and_names_that_are_no_slug_name_nobody() {
        for host in ["example.com", "db.example.com", "a.b.db.example.com", "acmedb.example.com", "192.0.2.1"]
        {
            let words = FirstWords { user: "app", server_name: Some(host), ..FirstWords::default() };
            assert_eq!(candidates(words), ["-/app"], "{host}");
        }
        let words = FirstWords { user: "app", database: Some("No Slug"), ..FirstWords::default() };
        assert_eq!(candidates(words), ["-/app"]);
        assert_eq!(candidates(FirstWords { user: ".acme", ..FirstWords::default() }), ["-/.acme"]);
    }

    #[test]
    fn hyphens_of_a_host_name_are_underscores_of_a_slug() {
        assert_eq!(
            tenant_of_host("acme-corp.db.example.com", "db.example.com"),
            Slug::parse("acme_corp").ok()
        );
    }

    #[test]
    fn two_that_name_different_tenants_are_a_contradiction() {
        let words = FirstWords { user: "app", option: Some("acme"), ..FirstWords::default() };
        let differ = read(FirstWords { database: Some("beta"), ..words });
        assert_eq!(differ, Err(Contradiction::Differ(Witness::Option, Witness::Database)));
        let differ = read(FirstWords { server_name: Some("beta.db.example.com"), ..words });
        assert_eq!(differ, Err(Contradiction::Differ(Witness::ServerName, Witness::Option)));
        assert!(read(FirstWords { database: Some("acme"), ..words }).is_ok());
        for option in ["", "No Slug", "acme corp"] {
            assert_eq!(read(FirstWords { option: Some(option), ..words }), Err(Contradiction::NoName));
        }
    }

    #[test]
    fn whoever_has_proved_who_it_is_must_be_of_the_tenant_that_all_of_it_names() {
        let words = FirstWords {
            user: "app",
            option: Some("acme"),
            server_name: Some("acme.db.example.com"),
            database: Some("acme"),
            ..FirstWords::default()
        };
        let evidence = read(words).unwrap();
        assert_eq!(evidence.candidates()[0].tenant, slug("acme"));
        assert_eq!(evidence.denies(&tenant("acme"), false), None);
        assert_eq!(evidence.denies(&tenant("beta"), false), Some(Witness::ServerName));
        let id = uuid::Uuid::from_u128(8).to_string();
        let evidence = read(FirstWords { user: "app", option: Some(&id), ..FirstWords::default() }).unwrap();
        assert_eq!(evidence.denies(&tenant("acme"), false), Some(Witness::Option));
        assert_eq!(evidence.told(), "the option pgtenant.tenant");
    }

    #[test]
    fn certificate_names_the_tenant_before_all_else_and_must_agree_with_it() {
        let acme: Vec<TenantRef> = slug("acme").into_iter().collect();
        let words = FirstWords { user: "app", certificate: &acme, ..FirstWords::default() };
        assert_eq!(candidates(words), ["acme/app"]);
        assert_eq!(candidates(FirstWords { user: "app.beta", ..words }), ["acme/app.beta", "acme/app"]);
        // With a certificate the name of the database alone opens no way to other tenants' users.
        assert_eq!(candidates(FirstWords { database: Some("acme"), ..words }), ["acme/app"]);
        let differ = read(FirstWords { database: Some("beta"), ..words });
        assert_eq!(differ, Err(Contradiction::Differ(Witness::Certificate, Witness::Database)));
        let differ = read(FirstWords { server_name: Some("beta.db.example.com"), ..words });
        assert_eq!(differ, Err(Contradiction::Differ(Witness::Certificate, Witness::ServerName)));
        let evidence = read(words).unwrap();
        assert_eq!(evidence.denies(&tenant("acme"), false), None);
        assert_eq!(evidence.denies(&tenant("beta"), false), Some(Witness::Certificate));
        // An id and a slug in it: the slug is looked at too.
        let both = [TenantRef::Id(tenant("x").registered()), TenantRef::Slug(Slug::parse("acme").unwrap())];
        let evidence = read(FirstWords { certificate: &both, ..words }).unwrap();
        assert_eq!(evidence.denies(&tenant("acme"), false), None);
        assert_eq!(evidence.denies(&tenant("beta"), false), Some(Witness::Certificate));
    }
}
