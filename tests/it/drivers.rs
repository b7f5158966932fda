//! Real clients, unmodified, each as a tenant, with far fewer server connections than clients.
//!
//! The programs are in `tests/drivers`; what they need, `scripts/setup.sh test` installs.

mod logins;
mod notifications;
mod pgbench;
mod psql;
mod rust;
pub(crate) mod stories;

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Output, Stdio};

use crate::support::cluster;
use crate::support::proxy::{Proxy, eventually, stdout};

/// Tenants alpha and beta, each with one row in `notes` that nobody else may see.
fn proxy(server_connections: usize) -> Proxy {
    proxy_with(server_connections, server_connections)
}

fn proxy_with(server_connections: usize, of_each_tenant: usize) -> Proxy {
    let proxy = Proxy::start(&["alpha", "beta"], |config| {
        config.pool.max_server_connections = server_connections;
        config.limits.max_server_connections = of_each_tenant;
    });
    for tenant in ["alpha", "beta"] {
        proxy.wire(tenant).run(&format!("insert into notes (body) values ('{}')", marker(tenant)));
    }
    proxy
}

/// What it did so far was ordinary work, which pins nobody; the figure is for docs/compatibility.md.
#[track_caller]
#[expect(clippy::print_stdout, reason = "a figure that is asked for")]
fn assert_nobody_was_pinned(proxy: &Proxy, client: &str) {
    let counted = proxy.shared().counters.snapshot();
    println!("{client}: ordinary work {} transactions, pins: {:?}", counted.transactions, counted.pins);
    assert_eq!(counted.pins.values().sum::<u64>(), 0, "{:?}", counted.pins);
}

fn marker(tenant: &str) -> String {
    format!("marker of {tenant}")
}

/// The one marker that this tenant has, and no other.
#[track_caller]
fn assert_only_own_marker(tenant: &str, text: &str) {
    assert!(text.contains(&marker(tenant)), "{tenant}: its row is missing in {text}");
    let strange = text.replace(&marker(tenant), "");
    assert!(!strange.contains("marker of"), "{tenant}: rows of another tenant in {text}");
}
