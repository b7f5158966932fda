//! Several certificates of the proxy's, chosen by the host that a client asks for.

use std::fs;

use pgtenant::config::tls::{Identity, ListenTls};
use rcgen::SanType;
use sha2::{Digest, Sha256};

use crate::support::proxy::{PASSWORD, Proxy, eventually, stdout};
use crate::support::tls::{Authority, HOST, Issued, write_pair};
use crate::support::wire::Wire;
use crate::tls::clients::{check, hello, psql};

const ACME: &str = "acme.example";
const ANY: &str = "*.many.example";

/// A certificate for this host, in files named `name`.
fn issue(authority: &Authority, name: &str, host: &str) -> Issued {
    let host = SanType::DnsName(host.try_into().unwrap());
    authority.issue(name, |params| params.subject_alt_names = vec![host])
}

fn listen(authority: &Authority) -> (ListenTls, [Issued; 3]) {
    // It makes files, too.
    let mut listen = authority.listen(true);
    let issued =
        [(HOST, HOST), ("acme", ACME), ("many", ANY)].map(|(name, host)| issue(authority, name, host));
    let [usual, extra @ ..] = &issued;
    listen.identity = usual.files.clone();
    listen.extra = extra.iter().map(|issued| issued.files.clone()).collect();
    (listen, issued)
}

/// The hash of what a client is shown that asks for this host.
fn shown(proxy: &Proxy, authority: &Authority, host: &str) -> Result<Vec<u8>, String> {
    let wire = Wire::dial_tls(proxy.addr(), &authority.trust().asking_for(host))?;
    Ok(hash(&wire.tls().peer_certificates().unwrap()[0]))
}

fn hash(der: &[u8]) -> Vec<u8> {
    Sha256::digest(der).to_vec()
}

#[test]
fn client_is_shown_the_certificate_of_the_host_it_asks_for_and_binds_to_that() {
    let authority = Authority::new("test authority");
    let (listen, [usual, acme, many]) = listen(&authority);
    let proxy = Proxy::start(&["alpha"], |config| config.listen.tls = Some(listen));
    let ca = authority.file().display().to_string();
    for (host, issued) in [(HOST, &usual), (ACME, &acme), ("Acme.Example", &acme), ("x.many.example", &many)]
    {
        assert_eq!(shown(&proxy, &authority, host), Ok(hash(&issued.der)), "{host}");
        let words = format!(
            "dbname={} host={host} hostaddr=127.0.0.1 sslmode=verify-full sslrootcert={ca} channel_binding=require",
            proxy.db.name
        );
        assert_eq!(stdout(&psql(&proxy, &words, "select 42")), "42\n", "{host}");
        // By hand: the binding is that of this certificate and of no other.
        for other in [&usual, &acme, &many] {
            let mut wire = Wire::dial_tls(proxy.addr(), &authority.trust().asking_for(host)).unwrap();
            wire.send(&hello(&proxy, "alpha"));
            let bound = wire.authenticate_bound(PASSWORD, hash(&other.der));
            assert_eq!(bound.is_ok(), other.der == issued.der, "{host}: {bound:?}");
        }
    }
    // Any other host, and none at all, is shown the usual one, which a client that verifies does not take.
    for host in ["other.example", "x.y.many.example", "many.example"] {
        assert!(shown(&proxy, &authority, host).is_err_and(|error| error.contains("certificate")), "{host}");
        let words = format!("dbname={} host={host} hostaddr=127.0.0.1 sslmode=require", proxy.db.name);
        assert_eq!(stdout(&psql(&proxy, &words, "select 42")), "42\n", "{host}");
    }
    let words = format!("dbname={} sslmode=require channel_binding=require", proxy.db.name);
    assert_eq!(stdout(&psql(&proxy, &words, "select 42")), "42\n");
}

#[test]
fn all_certificates_are_replaced_together_or_none() {
    let authority = Authority::new("test authority");
    let (listen, old) = listen(&authority);
    let proxy = Proxy::start(&["alpha"], |config| config.listen.tls = Some(listen));
    let hosts = [HOST, ACME, "x.many.example"];
    let all = || hosts.map(|host| shown(&proxy, &authority, host).unwrap());
    let ders = |issued: &[Issued; 3]| issued.each_ref().map(|one| hash(&one.der));
    assert_eq!(all(), ders(&old));
    // The names are the same, so are the files.
    let new = [(HOST, HOST), ("acme", ACME), ("many", ANY)].map(|(name, host)| issue(&authority, name, host));
    let files: &Identity = &new[1].files;
    let (certificate, key) = (new[1].pem(), new[1].key_pem());
    fs::write(&files.certificate, "nonsense").unwrap();
    proxy.reload();
    assert_eq!(all(), ders(&old));
    write_pair(files, &certificate, &key);
    eventually("that file is looked at, too", || all() == ders(&new));
}

#[test]
fn check_names_the_file_the_key_and_the_remedy_of_each_certificate() {
    let authority = Authority::new("test authority");
    let (_, [_, acme, _]) = listen(&authority);
    issue(&authority, "twice", ACME);
    authority.issue("nameless", |params| params.subject_alt_names.clear());
    let first = format!("tls_certificate = \"{HOST}.crt\"\ntls_key = \"{HOST}.key\"\n");
    let extra = |certificates: &str, keys: &str| {
        let list = |names: &str, end: &str| {
            names.split_whitespace().map(|name| format!("\"{name}.{end}\"")).collect::<Vec<_>>().join(", ")
        };
        let (certificates, keys) = (list(certificates, "crt"), list(keys, "key"));
        check(
            &authority,
            &format!("{first}tls_extra_certificates = [{certificates}]\ntls_extra_keys = [{keys}]\n"),
        )
    };
    let (good, said) = extra("acme many", "acme many");
    assert!(good && said.contains("TLS preferred"), "{said}");
    for (certificates, keys, key, wrong, remedy) in [
        ("acme many", "many acme", "tls_extra_keys", "acme.crt", "name the key"),
        ("acme none", "acme many", "tls_extra_certificates", "none.crt", "correct the path"),
        (
            "acme twice",
            "acme twice",
            "tls_extra_certificates",
            "\"acme.example\" is a name of",
            "in one certificate",
        ),
        ("nameless", "nameless", "tls_extra_certificates", "no DNS name", "`listen.tls_certificate`"),
        (
            "acme many",
            "acme",
            "tls_extra_certificates",
            "2 certificates and 1 keys",
            "`listen.tls_extra_keys`",
        ),
    ] {
        let (good, said) = extra(certificates, keys);
        assert!(!good && said.contains(&format!("listen.{key}")), "{said}");
        assert!(said.contains(wrong) && said.contains(remedy), "{said}");
        assert!(!said.contains(acme.key_pem().lines().nth(1).unwrap()), "{said}");
    }
}
