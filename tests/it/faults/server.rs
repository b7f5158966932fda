//! PostgreSQL itself is killed, stopped, full, or hangs.

use std::process::Command;
use std::time::Duration;

use pgtenant::cli::cluster::{Options, PrivateCluster, Stop};

use super::work::{Progress, TENANTS, undisturbed_by};
use crate::parity::number;
use crate::support::cluster;
use crate::support::proxy::Proxy;
use crate::support::wire::Wire;

const MOMENT: Duration = Duration::from_millis(300);

/// Processes of tenants at work in this database.
fn backends(admin: &mut Wire, proxy: &Proxy) -> Vec<String> {
    let sql = format!(
        "select pid from pg_stat_activity where datname = '{}' and usename like 'tenant_%' or usename like '%_pool'",
        proxy.db.name
    );
    admin.query(&sql).iter().filter_map(|line| line.strip_prefix("DataRow ")).map(str::to_owned).collect()
}

fn ends_sessions(proxy: &Proxy, progress: &Progress<'_>) {
    let mut admin = proxy.admin();
    for _ in 0..15 {
        progress.somebody(3, MOMENT);
        for pid in backends(&mut admin, proxy) {
            admin.query(&format!("select pg_terminate_backend({pid})"));
        }
    }
}

#[test]
fn sessions_that_are_ended_all_the_time_lose_and_invent_nothing() {
    let proxy = Proxy::start(&TENANTS, |config| config.pool.max_server_connections = 3);
    undisturbed_by(&proxy, "sessions ended", |progress| ends_sessions(&proxy, progress));
    let shared = Proxy::start_shared(&TENANTS, |config| config.pool.max_server_connections = 3);
    undisturbed_by(&shared, "shared sessions ended", |progress| ends_sessions(&shared, progress));
}

/// What a tenant, or the operator, does to others by cancelling.
#[test]
fn statements_that_are_cancelled_all_the_time_lose_and_invent_nothing() {
    let proxy = Proxy::start(&TENANTS, |config| config.pool.max_server_connections = 3);
    undisturbed_by(&proxy, "cancelled", |progress| {
        let mut admin = proxy.admin();
        for _ in 0..60 {
            progress.somebody(1, MOMENT);
            for pid in backends(&mut admin, &proxy) {
                admin.query(&format!("select pg_cancel_backend({pid})"));
            }
        }
    });
}

/// A server of its own, as it takes others along.
#[test]
fn server_that_is_killed_stopped_or_without_room_loses_and_invents_nothing() {
    let options = Options { settings: vec![("max_connections".into(), "16".into())], ..Options::default() };
    let mut private = PrivateCluster::start(&options).unwrap();
    let proxy = Proxy::on(&private, &TENANTS, |config| {
        config.pool.max_server_connections = 4;
        config.server.connect_timeout = Duration::from_secs(2);
    });
    for _ in 0..number("PGTENANT_FAULT_ROUNDS", 1) {
        undisturbed_by(&proxy, "a process killed by SIGKILL", |progress| {
            let pid = backends(&mut proxy.admin(), &proxy).pop().expect("somebody works");
            // Its server ends all the others, and recovers.
            assert!(Command::new("kill").args(["-9", &pid]).status().unwrap().success());
            progress.somebody(usize::MAX, MOMENT);
        });
        for how in [Stop::Immediate, Stop::Fast] {
            undisturbed_by(&proxy, &format!("{how:?} stop"), |progress| {
                private.stop(how).unwrap();
                progress.somebody(usize::MAX, MOMENT);
                private.restart().unwrap();
            });
        }
        undisturbed_by(&proxy, "no room", |progress| no_room(&proxy, progress));
        undisturbed_by(&proxy, "processes that hang", |progress| {
            let pids = backends(&mut proxy.admin(), &proxy);
            let signal = |name: &str| {
                for pid in &pids {
                    let _ = Command::new("kill").args([name, pid]).status();
                }
            };
            signal("-STOP");
            progress.somebody(usize::MAX, MOMENT);
            signal("-CONT");
        });
    }
}

/// Others have all connections that the server has, and the proxy's are ended.
fn no_room(proxy: &Proxy, progress: &Progress<'_>) {
    let mut admin = proxy.admin();
    let parameters = [("user", "postgres"), ("database", proxy.db.name.as_str())];
    for pid in backends(&mut admin, proxy) {
        admin.query(&format!("select pg_terminate_backend({pid})"));
    }
    let mut others = Vec::new();
    while let Ok(other) = Wire::log_in(proxy.server_addr(), &parameters, proxy.superuser_password()) {
        others.push(other);
    }
    progress.somebody(usize::MAX, MOMENT);
}

/// Errors of a full disk, of memory, of files are PostgreSQL's to tell; the connection goes on.
#[test]
fn errors_of_a_server_that_is_short_of_something_are_told_as_they_are_and_leave_nothing() {
    let proxy = Proxy::on(cluster(), &["alpha"], |config| config.pool.max_server_connections = 1);
    let (mut one, mut two) = (proxy.wire("alpha"), proxy.wire("alpha"));
    one.run("create table kept (n int)");
    for code in ["53100", "53200", "53300", "58030", "XX000", "XX001"] {
        let raise = format!(
            "do $$ begin insert into kept values (1); raise exception 'short' using errcode = '{code}'; end $$"
        );
        let lines = one.query(&raise);
        assert_eq!(lines, [format!("Error ERROR {code} short"), "ReadyForQuery I".to_owned()]);
        one.run("begin");
        assert!(one.query(&raise)[0].contains(code));
        assert_eq!(one.query("commit"), ["CommandComplete ROLLBACK", "ReadyForQuery I"]);
        assert_eq!(two.value("select count(*) from kept"), "0", "{code}");
    }
    assert_eq!(proxy.server_connections(), 1);
}

/// The real thing: more temporary files than the server allows.
#[test]
fn statement_that_fills_the_disk_fails_alone() {
    let proxy = Proxy::on(cluster(), &["alpha"], |config| config.pool.max_server_connections = 1);
    let role = proxy.role("alpha");
    proxy.admin().run(&format!("alter role {role} set temp_file_limit = '1MB'"));
    let mut wire = proxy.wire("alpha");
    let lines =
        wire.query("select count(*) from (select g from generate_series(1, 2000000) g order by -g) s");
    assert!(lines[lines.len() - 2].starts_with("Error ERROR 53400"), "{lines:?}");
    assert_eq!(proxy.wire("alpha").value("select 1"), "1");
}
