//! Clients' certificates that name a tenant, and log in its users.

mod ends;
mod login;
mod tenant;

use pgtenant::config::Config;
use pgtenant::config::auth::ClientCertificates;
use pgtenant::config::tls::ClientCertificate;
use rcgen::{CertificateParams, DistinguishedName, DnType, SanType};

use crate::support::proxy::{PASSWORD, Proxy};
use crate::support::tls::{Authority, Issued, Trust};
use crate::support::wire::{V3_0, Wire, startup};

/// What host names of tenants have behind the slug.
const DOMAIN: &str = "db.example.com";

/// A proxy that asks for certificates, the authority of its own, and that of its clients'.
struct World {
    proxy: Proxy,
    servers: Authority,
    clients: Authority,
}

impl World {
    fn new(mode: ClientCertificates) -> Self {
        Self::with(mode, |_| {})
    }

    fn with(mode: ClientCertificates, change: impl FnOnce(&mut Config) + Send) -> Self {
        let (servers, clients) = (Authority::new("servers' authority"), Authority::new("clients' authority"));
        let mut listen = servers.listen(false);
        // Whatever host a client asks for.
        listen.identity =
            servers.issue("any", |params| params.subject_alt_names.extend(server_names())).files;
        let mut ca = clients.client_ca(ClientCertificate::Optional);
        ca.crl = Some(clients.revoke(99));
        listen.client_ca = Some(ca);
        let proxy = Proxy::start(&["alpha", "beta"], |config| {
            config.listen.tls = Some(listen);
            config.listen.tenant_domain = Some(DOMAIN.to_owned());
            config.auth.client_certificates = mode;
            change(config);
        });
        Self { proxy, servers, clients }
    }

    /// A certificate with these common names and hosts.
    fn issue(&self, common: &[&str], hosts: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Issued {
        issue(&self.clients, common, hosts, change)
    }

    /// What a client shows that has the usual certificate of this tenant.
    fn showing(&self, tenant: &str) -> Trust {
        self.trust(&self.issue(&[&self.proxy.user(tenant)], &[], |_| {}))
    }

    fn trust(&self, issued: &Issued) -> Trust {
        self.servers.trust().asking_for("any.example").showing(issued)
    }

    /// Over TLS, up to the first answer to this startup packet.
    fn ask(&self, trust: &Trust, parameters: &[(&str, &str)]) -> (Wire, String) {
        let mut wire = Wire::dial_tls(self.proxy.addr(), trust).expect("TLS");
        wire.send(&startup(V3_0, parameters));
        let first = wire.recv().to_string();
        (wire, first)
    }

    /// A login as this user, with the right password where one is asked for.
    fn log_in(&self, trust: &Trust, user: &str, more: &[(&str, &str)]) -> Result<Wire, String> {
        let parameters = [&[("user", user), ("database", self.proxy.db.name.as_str())][..], more].concat();
        Wire::log_in_tls(self.proxy.addr(), trust, &parameters, PASSWORD)
    }

    /// The same, without a password: the first answer must be that the client is in.
    fn let_in(&self, trust: &Trust, user: &str) -> Result<Wire, String> {
        let (mut wire, first) = self.ask(trust, &[("user", user), ("database", &self.proxy.db.name)]);
        if first != "Authentication 0" {
            return Err(first);
        }
        wire.welcome()?;
        Ok(wire)
    }

    fn refused(&self, reason: &str) -> u64 {
        let counted = self.proxy.shared().counters.snapshot().credentials_refused;
        counted.get(reason).copied().unwrap_or(0)
    }

    /// psql with a certificate, without a password.
    fn psql(&self, issued: &Issued, user: &str, words: &str, sql: &str) -> std::process::Output {
        let (file, key) = (issued.files.certificate.display(), issued.files.key.display());
        let words = format!(
            "dbname={} user={user} sslmode=require sslcert={file} sslkey={key} {words}",
            self.proxy.db.name
        );
        let mut command = self.proxy.program("psql", "alpha");
        command.args(["-XAtqw", "-v", "ON_ERROR_STOP=1", "-d", &words, "-c", sql]);
        command.env("HOME", "/nonexistent").env_remove("PGPASSWORD").env_remove("PGUSER");
        command.output().expect("psql runs")
    }
}

fn server_names() -> Vec<SanType> {
    ["any.example".to_owned(), format!("*.{DOMAIN}")]
        .map(|name| SanType::DnsName(name.try_into().unwrap()))
        .into()
}

fn issue(
    authority: &Authority,
    common: &[&str],
    hosts: &[&str],
    change: impl FnOnce(&mut CertificateParams),
) -> Issued {
    authority.issue("client", |params| {
        params.distinguished_name = DistinguishedName::new();
        for (nth, name) in common.iter().enumerate() {
            // One of each kind is all that there is room for; the number is the same.
            let kind = if nth == 0 { DnType::CommonName } else { DnType::CustomDnType(vec![2, 5, 4, 3]) };
            params.distinguished_name.push(kind, *name);
        }
        let san = |host: &&str| SanType::DnsName((*host).try_into().unwrap());
        params.subject_alt_names = hosts.iter().map(san).collect();
        change(params);
    })
}

/// The line of a refused login; it must be refused.
fn refusal(result: Result<Wire, String>) -> String {
    result.err().expect("a refusal")
}

/// Host name of a tenant.
fn host(slug: &str) -> String {
    format!("{}.{DOMAIN}", slug.replace('_', "-"))
}

fn wrong_password(user: &str) -> String {
    format!("Error FATAL 28P01 password authentication failed for user \"{user}\"")
}
