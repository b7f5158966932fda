//! Several servers: failover without a restart, and read replicas for those who only read.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use pgtenant::cli::cluster::{Options, PRIMARY_SETTINGS, PrivateCluster, Stop};
use pgtenant::config::{Config, ServerAddress};

use crate::readers::{add_reader, reads};
use crate::support::connect;
use crate::support::proxy::{Proxy, eventually};
use crate::support::wire::Wire;

fn primary() -> PrivateCluster {
    let settings = PRIMARY_SETTINGS.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    PrivateCluster::start(&Options { settings, ..Options::default() }).unwrap()
}

fn at(cluster: &PrivateCluster) -> ServerAddress {
    ServerAddress::Tcp("127.0.0.1".into(), cluster.port())
}

/// From here on what is committed is on the standby, too.
#[tokio::main(flavor = "current_thread")]
async fn keep_in_step(primary: &PrivateCluster) {
    let admin = connect(&primary.superuser_url("postgres")).await;
    for sql in [
        "alter system set synchronous_commit = 'remote_apply'",
        "alter system set synchronous_standby_names = '*'",
        "select pg_reload_conf()",
    ] {
        admin.batch_execute(sql).await.unwrap();
    }
}

fn start(primary: &PrivateCluster, change: impl FnOnce(&mut Config) + Send) -> Proxy {
    Proxy::alone_on(primary, "app", &["alpha"], |config| {
        config.pool.max_server_connections = 4;
        config.server.replica_check_period = Duration::from_millis(50);
        change(config);
    })
}

/// A statement, by a client that logs in again where its server went away.
fn until_it_works(proxy: &Proxy, what: &str, sql: &str) -> Wire {
    let mut found = None;
    eventually(what, || {
        let Ok(mut wire) = proxy.wire_with("alpha", &[]) else { return false };
        let works = !wire.query(sql).iter().any(|line| line.starts_with("Error"));
        found = works.then_some(wire);
        works
    });
    found.unwrap()
}

#[test]
fn standby_that_is_promoted_takes_over_without_a_restart() {
    let mut primary = primary();
    let standby = primary.standby().unwrap();
    // It is asked first, and knows nobody before it has what `init` made.
    keep_in_step(&primary);
    // A server that never answers stands in front: it is passed over each time.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = ServerAddress::Tcp("127.0.0.1".into(), silent.local_addr().unwrap().port());
    let (first, second) = (at(&primary), at(&standby));
    let proxy = start(&primary, |config| {
        config.server.address = second;
        config.server.failover = vec![silent, first];
        config.server.connect_timeout = Duration::from_secs(6);
    });
    let mut wire = proxy.wire("alpha");
    wire.run("insert into notes (body) values ('before')");
    wire.run("begin");
    let begin = Instant::now();
    primary.stop(Stop::Immediate).unwrap();
    standby.promote().unwrap();
    // What was open is lost, as on a direct connection; the session is not.
    assert!(wire.query("select 1").iter().any(|line| line.starts_with("Error")));
    let mut wire =
        until_it_works(&proxy, "the other takes writes", "insert into notes (body) values ('after')");
    eprintln!("served again {:?} after the primary was stopped", begin.elapsed());
    assert_eq!(wire.value("select string_agg(body, ',') from notes"), "before,after");
    assert_eq!(wire.value("select inet_server_port()"), standby.port().to_string());
    // The directory follows as well: what changes now is known.
    assert_eq!(wire.value("select pg_is_in_recovery()"), "f");
}

#[test]
fn only_standbys_left_is_an_error_that_names_them() {
    let mut primary = primary();
    let standby = primary.standby().unwrap();
    let other = at(&standby);
    let proxy = start(&primary, |config| config.server.failover = vec![other]);
    proxy.wire("alpha").run("select 1");
    primary.stop(Stop::Immediate).unwrap();
    eventually("nobody is served", || {
        let Ok(mut wire) = proxy.wire_with("alpha", &[]) else { return true };
        wire.query("select 1").iter().any(|line| line.starts_with("Error"))
    });
    primary.restart().unwrap();
    until_it_works(&proxy, "it is back", "insert into notes (body) values ('back')");
}

#[test]
fn those_who_only_read_are_served_by_a_replica_while_it_is_not_too_far_behind() {
    let primary = primary();
    let standby = primary.standby().unwrap();
    let replica = at(&standby);
    let proxy = start(&primary, |config| {
        config.server.read_replicas = vec![replica];
        config.server.max_replica_lag = Duration::from_millis(500);
    });
    add_reader(&proxy, "alpha");
    eventually("the replica has been looked at", || {
        proxy.shared().clusters.main().pool.replicas().all()[0].is_usable()
    });
    let mut writer = proxy.wire("alpha");
    writer.run("insert into notes (body) values ('seen')");
    assert_eq!(writer.value("select pg_is_in_recovery()"), "f");
    let mut reader = reads(&proxy);
    assert_eq!(reader.value("select pg_is_in_recovery()"), "t");
    eventually("it is replayed", || reader.value("select count(*) from notes") == "1");
    // Replay stands still: after the limit readers see the primary, within one session and without an error.
    let superuser = |sql: &'static str| {
        let url = standby.superuser_url("postgres");
        proxy.run(async move { connect(&url).await.batch_execute(sql).await.unwrap() });
    };
    superuser("select pg_wal_replay_pause()");
    writer.run("insert into notes (body) values ('late')");
    eventually("readers are on the primary", || reader.value("select pg_is_in_recovery()") == "f");
    assert_eq!(reader.value("select count(*) from notes"), "2");
    superuser("select pg_wal_replay_resume()");
    eventually("readers are on the replica", || reader.value("select pg_is_in_recovery()") == "t");
    assert_eq!(reader.value("select count(*) from notes"), "2");
}

#[test]
fn replica_that_goes_away_or_is_promoted_is_not_read_from() {
    let primary = primary();
    let mut standby = primary.standby().unwrap();
    let replica = at(&standby);
    let proxy = start(&primary, |config| config.server.read_replicas = vec![replica]);
    add_reader(&proxy, "alpha");
    let usable = || proxy.shared().clusters.main().pool.replicas().all()[0].is_usable();
    eventually("the replica has been looked at", usable);
    assert_eq!(reads(&proxy).value("select pg_is_in_recovery()"), "t");
    standby.stop(Stop::Immediate).unwrap();
    eventually("it is gone", || !usable());
    assert_eq!(reads(&proxy).value("select pg_is_in_recovery()"), "f");
    standby.restart().unwrap();
    eventually("it is back", usable);
    assert_eq!(reads(&proxy).value("select pg_is_in_recovery()"), "t");
    standby.promote().unwrap();
    eventually("it is another primary", || !usable());
    assert_eq!(reads(&proxy).value("select inet_server_port()"), primary.port().to_string());
}
