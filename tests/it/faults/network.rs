//! What is wrong with the network between proxy and server.

use std::time::Duration;

use pgtenant::config::ServerAddress;

use super::road::{Road, Way};
use super::work::{Progress, TENANTS, undisturbed_by};
use crate::parity::number;
use crate::support::cluster;
use crate::support::proxy::Proxy;

const MOMENT: Duration = Duration::from_millis(300);

fn on_a_road(start: impl FnOnce(u16) -> Proxy) -> (Road, Proxy) {
    let road = Road::to(cluster().port());
    let proxy = start(road.port);
    (road, proxy)
}

fn few(config: &mut pgtenant::config::Config, port: u16) {
    config.server.address = ServerAddress::Tcp("127.0.0.1".into(), port);
    config.server.connect_timeout = Duration::from_secs(1);
    config.pool.max_server_connections = 3;
}

fn cut(road: &Road, progress: &Progress<'_>) {
    for n in 0..12 {
        progress.somebody(4, MOMENT);
        road.cut(n % 2 == 0);
    }
}

/// Every fault of the network, one after the other, with clients at work all the time.
fn survives(road: &Road, proxy: &Proxy) {
    for round in 0..number("PGTENANT_FAULT_ROUNDS", 1) {
        undisturbed_by(proxy, "cut", |progress| cut(road, progress));
        undisturbed_by(proxy, "byte by byte", |progress| {
            road.set(Way::InBytes);
            progress.everybody();
            road.set(Way::Open);
        });
        undisturbed_by(proxy, "slow", |progress| {
            road.set(Way::Slow(Duration::from_millis(20)));
            progress.somebody(10, 3 * MOMENT);
            // Requests to cancel that are late, with connections that end before they come.
            road.cut(round % 2 == 0);
            progress.somebody(5, 3 * MOMENT);
            road.set(Way::Open);
        });
        undisturbed_by(proxy, "blocked for a while", |progress| {
            for _ in 0..2 {
                road.set(Way::Blocked);
                progress.somebody(usize::MAX, MOMENT);
                road.set(Way::Open);
                progress.somebody(10, MOMENT);
            }
            road.set(Way::Blocked);
            progress.somebody(usize::MAX, MOMENT);
            road.cut(true);
            road.set(Way::Open);
        });
        undisturbed_by(proxy, "refused", |progress| {
            road.set(Way::Refused);
            road.cut(false);
            progress.somebody(usize::MAX, MOMENT);
            road.set(Way::Open);
        });
    }
}

#[test]
fn network_that_breaks_stalls_crawls_or_refuses_loses_and_invents_nothing() {
    let (road, proxy) = on_a_road(|port| Proxy::start(&TENANTS, |config| few(config, port)));
    survives(&road, &proxy);
}

/// What differs there is what is sent ahead of a transaction.
#[test]
fn network_that_breaks_under_shared_connections_loses_and_invents_nothing() {
    let (road, proxy) = on_a_road(|port| Proxy::start_shared(&TENANTS, |config| few(config, port)));
    undisturbed_by(&proxy, "cut, shared", |progress| cut(&road, progress));
}
