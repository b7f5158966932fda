//! TLS with PostgreSQL itself: all connections of the proxy have it, and none goes to somebody else.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::OnceLock;
use std::thread;

use pgtenant::cli::cluster::{Options, PrivateCluster};
use pgtenant::cli::serve::Server;
use pgtenant::config::tls::{ServerMode, ServerTls};
use pgtenant::config::{Config, ServerAddress};
use pgtenant::server::connect::Endpoint;

use crate::support::proxy::{Proxy, eventually};
use crate::support::tls::{Authority, Issued};
use crate::support::wire::{copy_data, copy_done, query};
use crate::support::{cluster, connect};

/// A PostgreSQL that lets nobody but its superuser in without TLS, and the authority of its certificate, which is for
/// 127.0.0.1.
struct Ground {
    cluster: PrivateCluster,
    authority: Authority,
}

fn ground() -> &'static Ground {
    static GROUND: OnceLock<Ground> = OnceLock::new();
    GROUND.get_or_init(|| {
        let cluster = PrivateCluster::start(&Options::default()).expect("a private PostgreSQL");
        let authority = Authority::new("server's authority");
        let issued = authority.issue("127.0.0.1", |_| {});
        let ca = std::fs::read_to_string(authority.file()).unwrap();
        let hba = "local all all scram-sha-256\nhost all postgres 127.0.0.1/32 scram-sha-256\n\
                   hostssl all all 127.0.0.1/32 scram-sha-256 clientcert=verify-ca\n";
        // By the server itself: a key is taken only from a file that is the server's own.
        let files = [("server.crt", issued.pem()), ("server.key", issued.key_pem()), ("ca.crt", ca), ("pg_hba.conf", hba.to_owned())];
        let setup = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let admin = connect(&cluster.superuser_url("postgres")).await;
                for (name, text) in files {
                    let lines = text.trim_end().replace('\'', "''");
                    let sql = format!("COPY (SELECT regexp_split_to_table('{lines}', E'\\n')) TO PROGRAM 'umask 077; cat > {name}'");
                    admin.batch_execute(&sql).await.unwrap();
                }
                for setting in ["ssl_ca_file = 'ca.crt'", "ssl = on"] {
                    admin.batch_execute(&format!("ALTER SYSTEM SET {setting}")).await.unwrap();
                }
                admin.batch_execute("SELECT pg_reload_conf()").await.unwrap();
                while admin.query_one("SHOW ssl", &[]).await.unwrap().get::<_, String>(0) != "on" {
                    tokio::task::yield_now().await;
                }
            });
            cluster
        });
        Ground { cluster: setup.join().expect("TLS in PostgreSQL"), authority }
    })
}

impl Ground {
    fn tls(&self, mode: ServerMode) -> ServerTls {
        let ca = matches!(mode, ServerMode::VerifyCa | ServerMode::VerifyFull).then(|| self.authority.file());
        ServerTls { mode, ca, identity: Some(self.ours().files.clone()) }
    }

    /// What the proxy shows the server.
    fn ours(&self) -> &Issued {
        static OURS: OnceLock<Issued> = OnceLock::new();
        OURS.get_or_init(|| self.authority.issue("proxy.example", |_| {}))
    }

    fn proxy(&self, mode: ServerMode) -> Proxy {
        let tls = self.tls(mode);
        Proxy::on(&self.cluster, &["alpha"], |config| config.server.tls = tls)
    }
}

/// Why a proxy does not start in front of the same database with this change.
fn no_start(proxy: &Proxy, change: impl FnOnce(&mut Config)) -> String {
    let mut config = proxy.db.config.clone();
    change(&mut config);
    match proxy.run(Server::start(config)) {
        Ok(_) => panic!("it starts"),
        Err(error) => format!("{error:#}"),
    }
}

#[test]
fn every_connection_to_the_server_is_encrypted_at_every_mode() {
    let ground = ground();
    for mode in [ServerMode::Require, ServerMode::VerifyCa, ServerMode::VerifyFull] {
        let proxy = ground.proxy(mode);
        let mut wire = proxy.wire("alpha");
        assert_eq!(wire.value("select ssl from pg_stat_ssl where pid = pg_backend_pid()"), "t", "{mode:?}");
        // The connection that hears for everybody has it too.
        wire.run("listen news; notify news");
        let mut admin = proxy.admin();
        let sql = |ssl| {
            format!(
                "select count(*) from pg_stat_activity join pg_stat_ssl using (pid) \
                 where datname = '{}' and usename <> 'postgres' and ssl is {ssl}",
                proxy.db.name
            )
        };
        assert_eq!(admin.value(&sql("false")), "0", "{mode:?}");
        assert!(admin.value(&sql("true")).parse::<u32>().unwrap() >= 3, "{mode:?}");
    }
}

#[test]
fn server_connection_over_tls_is_used_again_and_a_dead_one_is_not() {
    let proxy = ground().proxy(ServerMode::VerifyFull);
    let mut wire = proxy.wire("alpha");
    let first = wire.backend();
    for _ in 0..5 {
        assert_eq!(wire.backend(), first);
    }
    assert_eq!(proxy.server_connections(), 1);
    proxy.admin().run(&format!("select pg_terminate_backend({first}, 5000)"));
    assert_ne!(wire.backend(), first);
}

#[test]
fn cancel_reaches_the_server_over_tls() {
    let proxy = ground().proxy(ServerMode::VerifyFull);
    let mut wire = proxy.wire("alpha");
    let cancel = wire.canceller();
    wire.run("begin");
    let backend = wire.backend();
    wire.send(&query("select pg_sleep(60)"));
    let mut admin = proxy.admin();
    let running = format!(
        "select count(*) from pg_stat_activity where pid = {backend} and query like '%pg_sleep%' and state = 'active'"
    );
    eventually("it runs", || admin.value(&running) == "1");
    cancel();
    let lines = wire.until_ready();
    assert!(lines.iter().any(|line| line.starts_with("Error ERROR 57014")), "{lines:#?}");
    assert_eq!(proxy.shared().counters.snapshot().cancels_forwarded, 1);
}

#[test]
fn megabytes_go_through_tls_on_both_sides_at_both_levels() {
    let ground = ground();
    let clients = Authority::new("test authority");
    for start in [Proxy::on, Proxy::shared_on] {
        let (listen, server) = (clients.listen(true), ground.tls(ServerMode::VerifyFull));
        let change: Box<dyn FnOnce(&mut Config) + Send> = Box::new(move |config: &mut Config| {
            config.listen.tls = Some(listen);
            config.server.tls = server;
        });
        let proxy = start(&ground.cluster, &["alpha"], change);
        let mut wire = proxy.wire_tls(&clients.trust(), "alpha");
        wire.run("create table sheet (n int, t text)");
        wire.send(&query("copy sheet from stdin"));
        wire.recv();
        let rows: Vec<u8> =
            (0..40_000).flat_map(|n| copy_data(&format!("{n}\t{}\n", "x".repeat(90)))).collect();
        wire.send(&[rows, copy_done()].concat());
        assert_eq!(wire.until_ready()[0], "CommandComplete COPY 40000");
        // While the server still sends, it is sent megabytes that it does not read yet.
        let long = query(&format!("select length('{}')", "y".repeat(900_000)));
        wire.send(&[query("copy sheet to stdout"), long.repeat(3)].concat());
        let lines = wire.until_ready();
        assert_eq!(lines.iter().filter(|line| line.starts_with("CopyData")).count(), 40_000);
        for _ in 0..3 {
            assert!(wire.until_ready().contains(&"DataRow 900000".into()));
        }
    }
}

#[test]
fn server_with_another_name_or_of_another_authority_is_not_spoken_to() {
    let ground = ground();
    let proxy = ground.proxy(ServerMode::VerifyFull);
    let other_name = |config: &mut Config| {
        config.server.address = ServerAddress::Tcp("localhost".into(), ground.cluster.port());
    };
    let error = no_start(&proxy, other_name);
    assert!(error.contains("localhost") || error.contains("name"), "{error}");
    // The name does not matter to verify-ca; the authority does.
    let mut config = proxy.db.config.clone();
    other_name(&mut config);
    config.server.tls.mode = ServerMode::VerifyCa;
    assert!(proxy.run(Server::start(config)).is_ok());
    let stranger = Authority::new("a stranger's authority");
    for mode in [ServerMode::VerifyCa, ServerMode::VerifyFull] {
        let error = no_start(&proxy, |config| {
            config.server.tls.mode = mode;
            config.server.tls.ca = Some(stranger.file());
        });
        assert!(error.contains("UnknownIssuer") || error.contains("BadSignature"), "{error}");
    }
    // The pool's own dialler, past the registry.
    let mut server = proxy.db.config.server.clone();
    server.tls.ca = Some(stranger.file());
    let error = proxy.run(Endpoint::new(&server).dial()).unwrap_err().to_string();
    assert!(error.contains("`server.tls_ca`"), "{error}");
    // Without our certificate the server refuses.
    let error = no_start(&proxy, |config| config.server.tls.identity = None);
    assert!(error.contains("certificate"), "{error}");
}

#[test]
fn server_without_tls_is_not_spoken_to_in_the_clear() {
    let proxy = Proxy::start(&["alpha"], |_| {});
    for mode in [ServerMode::Require, ServerMode::VerifyFull] {
        let tls = ServerTls { mode, ca: Some(ground().authority.file()), identity: None };
        let error = no_start(&proxy, |config| config.server.tls = tls.clone());
        assert!(error.contains("does not support TLS"), "{error}");
        let mut server = proxy.db.config.server.clone();
        server.tls = tls;
        let error = proxy.run(Endpoint::new(&server).dial()).unwrap_err().to_string();
        assert!(error.contains("the server has no TLS"), "{error}");
    }
    assert!(cluster().port() > 0);
}

#[test]
fn what_somebody_between_says_before_the_handshake_is_never_taken_for_the_servers() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut server = crate::support::unused_config().server;
    server.address = ServerAddress::Tcp("127.0.0.1".into(), listener.local_addr().unwrap().port());
    server.tls = ServerTls { mode: ServerMode::Require, ca: None, identity: None };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // In one piece with the answer: AuthenticationOk (CVE-2021-23222). Or in its place.
    for said in [&b"SR\0\0\0\x08\0\0\0\0"[..], b"R\0\0\0\x08\0\0\0\0", b"E", b""] {
        let listener = listener.try_clone().unwrap();
        let between = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.read_exact(&mut [0; 8]).unwrap();
            stream.write_all(said).unwrap();
            let mut rest = Vec::new();
            if said.is_empty() {
                drop(stream)
            } else {
                let _ = stream.read_to_end(&mut rest);
            }
        });
        assert!(runtime.block_on(Endpoint::new(&server).dial()).is_err(), "{said:?}");
        between.join().unwrap();
    }
}

#[test]
fn new_authority_and_certificate_of_ours_are_used_from_the_next_connection_on() {
    let ground = ground();
    let dir = tempfile::tempdir().unwrap();
    let ca = dir.path().join("ca.crt");
    std::fs::copy(ground.authority.file(), &ca).unwrap();
    let mut server = crate::support::unused_config().server;
    server.address = ServerAddress::Tcp("127.0.0.1".into(), ground.cluster.port());
    server.tls = ServerTls { ca: Some(ca.clone()), ..ground.tls(ServerMode::VerifyFull) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let endpoint = Endpoint::new(&server);
    let works = || runtime.block_on(endpoint.dial()).is_ok();
    assert!(works());
    std::fs::write(&ca, "nothing of use").unwrap();
    assert!(works(), "a broken file changes nothing");
    std::fs::copy(Authority::new("a stranger's authority").file(), &ca).unwrap();
    eventually("the new authority holds", || !works());
    std::fs::copy(ground.authority.file(), &ca).unwrap();
    eventually("the old authority holds again", works);
}
