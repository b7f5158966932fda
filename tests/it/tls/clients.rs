//! TLS with clients: who gets it, who does not, and that nothing slips past it.

use std::fs;
use std::io::{Read, Write};
use std::sync::OnceLock;
use std::time::Duration;

use pgtenant::config::tls::{ClientCertificate, ListenMode};
use rcgen::DnType;

use crate::support::proxy::{PASSWORD, Proxy, eventually, stdout};
use crate::support::tls::{Authority, HOST, Trust, write_pair};
use crate::support::wire::{self, V3_0, Wire, startup};

const TLS12: &[&rustls::SupportedProtocolVersion] = &[&rustls::version::TLS12];
const TLS13: &[&rustls::SupportedProtocolVersion] = &[&rustls::version::TLS13];

/// A proxy that takes TLS and plain text, for all tests that leave nothing behind.
fn shared() -> &'static (Proxy, Authority) {
    static SHARED: OnceLock<(Proxy, Authority)> = OnceLock::new();
    SHARED.get_or_init(|| {
        let authority = Authority::new("test authority");
        let listen = authority.listen(false);
        (Proxy::start(&["alpha", "beta"], |config| config.listen.tls = Some(listen)), authority)
    })
}

pub(super) fn hello(proxy: &Proxy, tenant: &str) -> Vec<u8> {
    let user = proxy.user(tenant);
    startup(V3_0, &[("user", user.as_str()), ("database", &proxy.db.name)])
}

/// The real psql with this connection string besides the usual.
pub(super) fn psql(proxy: &Proxy, words: &str, sql: &str) -> std::process::Output {
    let mut command = proxy.program("psql", "alpha");
    command.args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-d", words, "-c", sql]);
    command.env("HOME", "/nonexistent").output().expect("psql runs")
}

fn refused(output: &std::process::Output) -> String {
    assert!(!output.status.success(), "psql got through: {output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn psql_is_served_with_tls_verified_and_bound_and_without() {
    let (proxy, authority) = shared();
    let ca = authority.file().display().to_string();
    let here = format!("dbname={}", proxy.db.name);
    let full = format!("{here} host={HOST} hostaddr=127.0.0.1 sslmode=verify-full sslrootcert={ca}");
    for words in [
        format!("{here} sslmode=disable"),
        format!("{here} sslmode=prefer"),
        format!("{here} sslmode=require"),
        format!("{here} sslmode=require channel_binding=require"),
        format!("{here} sslmode=require channel_binding=disable"),
        format!("{here} sslmode=require ssl_min_protocol_version=TLSv1.2 ssl_max_protocol_version=TLSv1.2"),
        full.clone(),
        format!("{full} channel_binding=require"),
    ] {
        assert_eq!(stdout(&psql(proxy, &words, "select 6 * 7")), "42\n", "{words}");
    }
    let error = refused(&psql(proxy, &format!("{here} sslmode=verify-full sslrootcert={ca}"), "select 1"));
    assert!(error.contains("certificate"), "{error}");
    let error = refused(&psql(proxy, &format!("{here} sslmode=disable channel_binding=require"), "select 1"));
    assert!(error.contains("channel binding"), "{error}");
}

#[test]
fn client_without_tls_is_told_to_use_it_and_nothing_else() {
    let authority = Authority::new("test authority");
    let listen = authority.listen(true);
    let proxy = Proxy::start(&["alpha"], |config| config.listen.tls = Some(listen));
    for tenant in ["alpha", "nobody"] {
        let mut wire = Wire::dial(proxy.addr());
        wire.send(&hello(&proxy, tenant));
        let refusal =
            "Error FATAL 28000 connections without encryption are not taken; connect with sslmode=require";
        assert_eq!(wire.until_end(), [refusal, "end"]);
    }
    let error = refused(&psql(&proxy, &format!("dbname={} sslmode=disable", proxy.db.name), "select 1"));
    assert!(error.contains("sslmode=require"), "{error}");
    // libpq's own default.
    assert_eq!(stdout(&psql(&proxy, &format!("dbname={}", proxy.db.name), "select 1")), "1\n");
    // As PostgreSQL: libpq before version 17 sends cancel requests in the clear, whatever it was told.
    let mut wire = proxy.wire_tls(&authority.trust(), "alpha");
    let cancel = wire.canceller();
    wire.send(&wire::query("select pg_sleep(60)"));
    eventually("the statement runs", || proxy.server_connections() > 0);
    cancel();
    let lines = wire.until_ready();
    assert!(lines.iter().any(|line| line.starts_with("Error ERROR 57014")), "{lines:#?}");
}

#[test]
fn unix_socket_has_no_tls_and_needs_none() {
    let authority = Authority::new("test authority");
    let listen = authority.listen(true);
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path().to_owned();
    let proxy = Proxy::start(&["alpha"], move |config| {
        config.listen.tls = Some(listen);
        config.listen.unix_socket_dir = Some(at);
    });
    // The socket is named after the port of the configuration, which is 0 here.
    let socket = dir.path().join(format!(".s.PGSQL.{}", proxy.addr().port()));
    std::os::unix::fs::symlink(dir.path().join(".s.PGSQL.0"), &socket).unwrap();
    let words = format!("dbname={} host={} sslmode=prefer", proxy.db.name, dir.path().display());
    assert_eq!(stdout(&psql(&proxy, &words, "select 1")), "1\n");
    let mut stream = std::os::unix::net::UnixStream::connect(socket).unwrap();
    stream.write_all(&wire::ssl_request()).unwrap();
    let mut answer = [0];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"N");
}

#[test]
fn both_versions_of_tls_carry_a_login_and_its_statements() {
    let (proxy, authority) = shared();
    for versions in [TLS12, TLS13] {
        let mut wire = proxy.wire_tls(&authority.trust().speaking(versions), "alpha");
        assert_eq!(wire.tls().protocol_version(), Some(versions[0].version));
        assert_eq!(wire.value("select current_user"), proxy.role("alpha"));
    }
}

#[test]
fn direct_tls_is_served_where_the_client_names_the_protocol() {
    let (proxy, authority) = shared();
    let mut wire = Wire::dial(proxy.addr());
    wire.encrypt(authority.trust().client()).unwrap();
    assert_eq!(wire.tls().alpn_protocol(), Some(&b"postgresql"[..]));
    wire.send(&hello(proxy, "alpha"));
    wire.authenticate(PASSWORD).unwrap();
    wire.welcome().unwrap();
    assert_eq!(wire.value("select 1"), "1");

    let mut wire = Wire::dial(proxy.addr());
    wire.encrypt(authority.trust().without_alpn().client()).unwrap();
    assert!(!wire.try_send(&hello(proxy, "alpha")) || wire.until_end() == ["end"]);

    // Behind an SSLRequest it need not.
    let mut wire = Wire::dial_tls(proxy.addr(), &authority.trust().without_alpn()).unwrap();
    wire.send(&hello(proxy, "alpha"));
    wire.authenticate(PASSWORD).unwrap();
}

#[test]
fn direct_tls_where_there_is_none_ends_without_a_word() {
    let proxy = Proxy::start(&["alpha"], |_| {});
    let mut wire = Wire::dial(proxy.addr());
    assert!(wire.encrypt(Authority::new("any").trust().client()).is_err());
    let mut wire = Wire::dial(proxy.addr());
    wire.send(&wire::ssl_request());
    assert_eq!(wire.recv_byte(), b'N');
    wire.send(&hello(&proxy, "alpha"));
    wire.authenticate(PASSWORD).unwrap();
}

#[test]
fn bytes_stuffed_before_the_handshake_never_become_part_of_the_session() {
    let (proxy, authority) = shared();
    // With the request.
    let mut wire = Wire::dial(proxy.addr());
    wire.send(&[wire::ssl_request(), hello(proxy, "alpha")].concat());
    let refusal = "Error FATAL 08P01 received unencrypted data after encryption request";
    assert_eq!(wire.until_end(), [refusal, "end"]);
    // After the answer, in front of the client's first TLS bytes.
    let mut wire = Wire::dial(proxy.addr());
    wire.send(&wire::ssl_request());
    assert_eq!(wire.recv_byte(), b'S');
    wire.send(&hello(proxy, "alpha"));
    assert!(wire.encrypt(authority.trust().client()).is_err());
    // The other way: nothing of ours stands between the answer and the handshake. rustls would take it for TLS.
    assert!(Wire::dial_tls(proxy.addr(), &authority.trust()).is_ok());
}

#[test]
fn encryption_asked_for_within_encryption_is_refused() {
    let (proxy, authority) = shared();
    for request in [wire::ssl_request(), wire::gssenc_request()] {
        let mut wire = Wire::dial_tls(proxy.addr(), &authority.trust()).unwrap();
        wire.send(&request);
        assert_eq!(wire.until_end(), ["Error FATAL 08P01 encryption was asked for twice", "end"]);
    }
    // GSS encryption first, as libpq asks: the answer is no, and TLS comes next.
    let mut wire = Wire::dial(proxy.addr());
    wire.send(&wire::gssenc_request());
    assert_eq!(wire.recv_byte(), b'N');
    wire.send(&wire::ssl_request());
    assert_eq!(wire.recv_byte(), b'S');
    wire.encrypt(authority.trust().client()).unwrap();
    wire.send(&hello(proxy, "alpha"));
    wire.authenticate(PASSWORD).unwrap();
}

#[test]
fn handshake_that_does_not_end_is_cut_off_in_time() {
    let authority = Authority::new("test authority");
    let listen = authority.listen(false);
    let proxy = Proxy::start(&["alpha"], |config| {
        config.listen.tls = Some(listen);
        config.listen.auth_timeout = Duration::from_millis(300);
    });
    for begun in [false, true] {
        let mut wire = Wire::dial(proxy.addr());
        wire.send(&wire::ssl_request());
        assert_eq!(wire.recv_byte(), b'S');
        if begun {
            // The head of a record of 16 KB that never comes.
            wire.send(&[0x16, 3, 1, 0x40, 0]);
        }
        // Nothing in the clear, not even why.
        assert_eq!(wire.until_end(), ["end"]);
    }
    eventually("they are gone", || proxy.shared().counters.snapshot().clients_current == 0);
}

#[test]
fn handshake_that_is_no_handshake_is_counted_and_answered_by_an_alert_at_most() {
    let (proxy, _) = shared();
    let before = proxy.shared().counters.snapshot().tls_failed;
    let mut wire = Wire::dial(proxy.addr());
    wire.send(&wire::ssl_request());
    assert_eq!(wire.recv_byte(), b'S');
    wire.send(&[b'Q'; 100]);
    let mut rest = Vec::new();
    let _ = wire.stream().read_to_end(&mut rest);
    assert!(rest.is_empty() || rest[0] == 0x15, "{rest:?}");
    eventually("it is counted", || proxy.shared().counters.snapshot().tls_failed > before);
}

#[test]
fn cancel_request_over_tls_stops_the_statement() {
    let (proxy, authority) = shared();
    let mut wire = proxy.wire_tls(&authority.trust(), "alpha");
    wire.run("begin");
    let backend = wire.backend();
    wire.send(&wire::query("select pg_sleep(60)"));
    let mut admin = proxy.admin();
    let running = format!(
        "select count(*) from pg_stat_activity where pid = {backend} and state = 'active' and query like '%pg_sleep%'"
    );
    eventually("it runs", || admin.value(&running) == "1");
    let mut cancel = Wire::dial_tls(proxy.addr(), &authority.trust()).unwrap();
    cancel.send(&wire::cancel_request(wire.pid, &wire.key));
    assert_eq!(cancel.until_end(), ["end"]);
    let lines = wire.until_ready();
    let ended = ["Error ERROR 57014 canceling statement due to user request", "ReadyForQuery E"];
    assert_eq!(lines[lines.len() - 2..], ended);
}

#[test]
fn binding_is_offered_to_known_and_unknown_users_over_tls_only() {
    let (proxy, authority) = shared();
    for tenant in ["alpha", "nobody"] {
        let offered = |mut wire: Wire| {
            wire.send(&hello(proxy, tenant));
            let message = wire.recv();
            String::from_utf8_lossy(&message.body[4..]).replace('\0', " ").trim_end().to_owned()
        };
        assert_eq!(offered(Wire::dial(proxy.addr())), "SCRAM-SHA-256");
        let wire = Wire::dial_tls(proxy.addr(), &authority.trust()).unwrap();
        assert_eq!(offered(wire), "SCRAM-SHA-256-PLUS SCRAM-SHA-256");
    }
}

/// Logs in over TLS with this proof of the channel.
fn bound(proxy: &Proxy, trust: &Trust, tenant: &str, first: &str) -> String {
    let mut wire = Wire::dial_tls(proxy.addr(), trust).unwrap();
    wire.send(&hello(proxy, tenant));
    assert_eq!(wire.recv().to_string(), "Authentication 10");
    let (mechanism, first) = first.split_once(' ').unwrap();
    wire.send(&wire::sasl_initial(mechanism, first.as_bytes()));
    wire.recv().to_string()
}

#[test]
fn client_that_was_talked_out_of_binding_is_refused_whoever_it_is() {
    let (proxy, authority) = shared();
    for tenant in ["alpha", "nobody"] {
        let answer =
            bound(proxy, &authority.trust(), tenant, "SCRAM-SHA-256 y,,n=,r=abcdefghijklmnopqrstuvwx");
        assert_eq!(answer, "Error FATAL 28000 SCRAM channel binding negotiation error");
        let answer =
            bound(proxy, &authority.trust(), tenant, "SCRAM-SHA-256 n,,n=,r=abcdefghijklmnopqrstuvwx");
        assert_eq!(answer, "Authentication 11");
    }
}

#[test]
fn proof_bound_to_another_certificate_is_refused_whoever_it_is() {
    let (proxy, authority) = shared();
    for tenant in ["alpha", "nobody"] {
        let mut wire = Wire::dial_tls(proxy.addr(), &authority.trust()).unwrap();
        wire.send(&hello(proxy, tenant));
        let error = wire.authenticate_bound(PASSWORD, vec![7; 32]).unwrap_err();
        assert_eq!(error, "Error FATAL 28000 SCRAM channel binding check failed");
    }
}

#[test]
fn certificates_of_every_usual_kind_can_be_bound_to() {
    for (algorithm, bindable) in [
        (&rcgen::PKCS_ECDSA_P256_SHA256, true),
        (&rcgen::PKCS_ECDSA_P384_SHA384, true),
        (&rcgen::PKCS_ED25519, true),
    ] {
        // The hash is that of the signature, which is the authority's.
        let authority = Authority::new("test authority");
        let identity = authority.issue_for(algorithm, HOST, |_| {}).files;
        let mut listen = authority.listen(false);
        listen.identity = identity;
        let proxy = Proxy::start(&["alpha"], |config| config.listen.tls = Some(listen));
        let words = format!("dbname={} sslmode=require channel_binding=require", proxy.db.name);
        assert_eq!(psql(&proxy, &words, "select 1").status.success(), bindable, "{algorithm:?}");
    }
}

#[test]
fn new_certificate_is_shown_to_new_clients_and_disturbs_nobody() {
    let authority = Authority::new("test authority");
    let listen = authority.listen(false);
    let identity = listen.identity.clone();
    let proxy = Proxy::start(&["alpha"], |config| config.listen.tls = Some(listen));
    let shown = |trust: &Trust| {
        let wire = proxy.wire_tls(trust, "alpha");
        wire.tls().peer_certificates().unwrap()[0].to_vec()
    };
    let trust = authority.trust();
    let old = shown(&trust);
    let mut live = proxy.wire_tls(&trust, "alpha");
    live.run("begin; create temp table t (x int)");

    // By a signal.
    let second = authority.issue(HOST, |_| {});
    proxy.reload();
    assert_eq!(shown(&trust), second.der.to_vec());
    assert_ne!(old, second.der.to_vec());

    // By itself, once both files are there.
    let third = authority.issue(HOST, |_| {});
    eventually("the change is noticed", || shown(&trust) == third.der.to_vec());

    // A broken file, a key of another certificate, no file: what was there stays.
    let pair = |certificate: &str, key: &str| write_pair(&identity, certificate, key);
    let (certificate, key) =
        (fs::read_to_string(&identity.certificate).unwrap(), fs::read_to_string(&identity.key).unwrap());
    let other = authority.issue("other.example", |_| {});
    pair("-----BEGIN CERTIFICATE-----\nAAAA\n", &key);
    proxy.reload();
    pair(&certificate, &fs::read_to_string(&other.files.key).unwrap());
    proxy.reload();
    fs::remove_file(&identity.key).unwrap();
    proxy.reload();
    assert_eq!(shown(&trust), third.der.to_vec());

    assert_eq!(live.value("select count(*) from t"), "0");
    live.run("commit");
}

#[test]
fn client_certificate_is_asked_for_verified_and_never_taken_unverified() {
    let authority = Authority::new("test authority");
    let clients = Authority::new("clients' authority");
    let named =
        |params: &mut rcgen::CertificateParams| params.distinguished_name.push(DnType::CommonName, "app");
    let (app, foreign) = (clients.issue("app.example", named), authority.issue("app.example", named));
    let expired = clients.issue("old.example", |params| params.not_after = rcgen::date_time_ymd(2020, 1, 1));
    for certificate in [ClientCertificate::Optional, ClientCertificate::Required] {
        let mut listen = authority.listen(false);
        listen.client_ca = Some(clients.client_ca(certificate));
        let proxy = Proxy::start(&["alpha"], |config| config.listen.tls = Some(listen));
        let gets_in = |trust: &Trust| {
            let Ok(mut wire) = Wire::dial_tls(proxy.addr(), trust) else { return false };
            wire.may_break = true;
            wire.try_send(&hello(&proxy, "alpha")) && wire.answers()
        };
        let trust = authority.trust();
        assert!(gets_in(&trust.clone().showing(&app)));
        assert!(!gets_in(&trust.clone().showing(&foreign)));
        assert!(!gets_in(&trust.clone().showing(&expired)));
        assert_eq!(gets_in(&trust), certificate == ClientCertificate::Optional);
        let words = format!(
            "dbname={} sslmode=require sslcert={} sslkey={}",
            proxy.db.name,
            app.files.certificate.display(),
            app.files.key.display()
        );
        assert_eq!(stdout(&psql(&proxy, &words, "select 1")), "1\n");
    }
}

#[test]
fn revoked_client_certificate_is_refused_as_soon_as_the_list_says_so() {
    let authority = Authority::new("test authority");
    let clients = Authority::new("clients' authority");
    let issue =
        |serial: u64| clients.issue("app.example", |params| params.serial_number = Some(serial.into()));
    let (good, bad) = (issue(7), issue(8));
    let mut listen = authority.listen(false);
    let mut ca = clients.client_ca(ClientCertificate::Required);
    ca.crl = Some(clients.revoke(99));
    listen.client_ca = Some(ca);
    let proxy = Proxy::start(&["alpha"], |config| config.listen.tls = Some(listen));
    let gets_in = |issued| {
        let trust = authority.trust().showing(issued);
        let Ok(mut wire) = Wire::dial_tls(proxy.addr(), &trust) else { return false };
        wire.may_break = true;
        wire.try_send(&hello(&proxy, "alpha")) && wire.answers()
    };
    assert!(gets_in(&good) && gets_in(&bad));
    clients.revoke(8);
    proxy.reload();
    assert!(gets_in(&good) && !gets_in(&bad));
}

/// What `pgtenant check --offline` says of these keys, and whether it found the configuration good.
pub(super) fn check(authority: &Authority, listen: &str) -> (bool, String) {
    let file = authority.path("pgtenant.toml");
    fs::write(&file, format!("[server]\ndatabase = \"app\"\n[listen]\n{listen}")).unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_pgtenant"));
    command.args(["check", "--offline", "--config"]).arg(&file).env("PGTENANT_MASTER_KEY", "5a".repeat(32));
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    (output.status.success(), said)
}

#[test]
fn check_names_the_file_the_key_and_the_remedy() {
    use std::os::unix::fs::PermissionsExt;
    let authority = Authority::new("test authority");
    let (one, other) = (authority.issue(HOST, |_| {}), authority.issue("other.example", |_| {}));
    let keys =
        |certificate: &str, key: &str| format!("tls_certificate = \"{certificate}\"\ntls_key = \"{key}\"\n");
    let pair = keys("db.example.crt", "db.example.key");
    let (good, said) = check(&authority, &pair);
    assert!(good && said.contains("TLS preferred"), "{said}");
    for (listen, key, wrong, remedy) in [
        (
            keys("db.example.crt", "other.example.key"),
            "tls_key",
            "not that of the certificate",
            "name the key",
        ),
        (keys("none.crt", "db.example.key"), "tls_certificate", "cannot be read", "correct the path"),
        (keys("db.example.crt", "db.example.crt"), "tls_key", "others can read", "chmod 600"),
        (keys("db.example.key", "db.example.key"), "tls_certificate", "there is no certificate in it", "PEM"),
        (format!("{pair}tls_client_ca = \"none\"\n"), "tls_client_ca", "cannot be read", "correct the path"),
    ] {
        let (good, said) = check(&authority, &listen);
        assert!(!good && said.contains(&format!("listen.{key}")), "{said}");
        assert!(said.contains(wrong) && said.contains(remedy), "{said}");
        assert!(!said.contains(one.key_pem().lines().nth(1).unwrap()), "{said}");
    }
    fs::set_permissions(&other.files.key, fs::Permissions::from_mode(0o644)).unwrap();
    let (good, said) = check(&authority, &keys("other.example.crt", "other.example.key"));
    assert!(!good && said.contains("mode 644"), "{said}");
    // Out of date is no reason not to serve.
    authority.issue(HOST, |params| params.not_after = rcgen::date_time_ymd(2020, 1, 1));
    let (good, said) = check(&authority, &pair);
    assert!(good && said.contains("WARNING") && said.contains("has expired"), "{said}");
}

#[test]
fn each_address_has_its_own_rule() {
    let authority = Authority::new("test authority");
    let mut listen = authority.listen(false);
    let address = |text: &str| text.parse().unwrap();
    listen.by_address =
        vec![(address("127.0.0.2:0"), ListenMode::Required), (address("127.0.0.3:0"), ListenMode::Off)];
    let proxy = Proxy::start(&["alpha"], |config| {
        config.listen.addresses = ["127.0.0.1:0", "127.0.0.2:0", "127.0.0.3:0"].map(address).to_vec();
        config.listen.tls = Some(listen);
    });
    let words = "connections without encryption are not taken";
    for (addr, (offers, plain)) in proxy.addrs().into_iter().zip([(b'S', true), (b'S', false), (b'N', true)])
    {
        let mut wire = Wire::dial(addr);
        wire.send(&wire::ssl_request());
        assert_eq!(wire.recv_byte(), offers, "{addr}");
        let mut wire = Wire::dial(addr);
        wire.send(&hello(&proxy, "alpha"));
        let told = wire.recv().to_string();
        assert_eq!(plain, told.starts_with("Authentication 10"), "{addr}: {told}");
        assert_eq!(!plain, told.contains(words), "{addr}: {told}");
    }
    // One that begins with TLS where there is none is dropped.
    let mut wire = Wire::dial(proxy.addrs()[2]);
    wire.send(&[0x16, 3, 1, 0, 4, 1, 2, 3, 4]);
    assert_eq!(wire.until_end(), ["end"]);
}
