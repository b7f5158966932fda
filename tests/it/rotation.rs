//! Server passwords change while tenants are served.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use pgtenant::cli::tenant::{RotateArgs, TenantCommand};
use secrecy::ExposeSecret;

use crate::support::admin_args;
use crate::support::proxy::{Proxy, eventually};
use crate::support::wire::Wire;

/// `pgtenant tenant rotate-password --all`.
fn rotate_all(proxy: &Proxy) -> String {
    let args = RotateArgs { slug: None, all: true, json: false, admin: admin_args(&proxy.db.admin_url) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(proxy.db.tenant(TenantCommand::RotatePassword(args), "")).unwrap()
}

/// Whether PostgreSQL takes the tenant's password of this number.
fn is_taken(proxy: &Proxy, version: i32) -> bool {
    let tenant = proxy.run(proxy.db.summary("alpha")).tenant;
    let password = proxy.db.config.secrets.master_key.tenant_password(tenant.id, version);
    let parameters = [("user", tenant.names.role.as_str()), ("database", proxy.db.name.as_str())];
    Wire::log_in(proxy.server_addr(), &parameters, password.expose_secret()).is_ok()
}

#[test]
fn rotated_password_replaces_the_one_before_and_the_command_tells_each_tenant() {
    let proxy = Proxy::start(&["alpha", "beta"], |_| {});
    assert!(is_taken(&proxy, 1));
    let told = rotate_all(&proxy);
    assert_eq!(told.lines().count(), 2);
    let line = format!("changed  tenant {}, server password number 2 (1 of 2)", proxy.user("alpha"));
    assert!(told.contains(&line), "{told}");
    assert!(is_taken(&proxy, 2) && !is_taken(&proxy, 1));
}

#[test]
fn nobody_notices_while_passwords_are_rotated() {
    let proxy = Proxy::start(&["alpha", "beta"], |config| {
        // A new connection each time.
        config.pool.max_lifetime = Some(Duration::from_millis(1));
    });
    let mut open = proxy.wire("alpha");
    open.run("begin");
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for tenant in ["alpha", "beta"] {
            let (proxy, stop) = (&proxy, &stop);
            scope.spawn(move || {
                let mut wire = proxy.wire(tenant);
                while !stop.load(Ordering::Relaxed) {
                    assert_eq!(wire.value("select current_user from pg_sleep(0.002)"), proxy.role(tenant));
                }
            });
        }
        for _ in 0..10 {
            rotate_all(&proxy);
        }
        stop.store(true, Ordering::Relaxed);
    });
    open.run("commit");
    assert_eq!(proxy.shared().counters.snapshot().servers_failed, 0);
}

#[test]
fn proxy_that_has_not_heard_of_it_tries_the_next_password_and_no_more() {
    let proxy = Proxy::start(&["alpha"], |_| {});
    let tenant = proxy.run(proxy.db.summary("alpha")).tenant;
    let key = &proxy.db.config.secrets.master_key;
    let set = |version: i32| {
        let password = key.tenant_password(tenant.id, version);
        proxy.admin().run(&format!(
            "alter role {} password '{}'",
            tenant.names.role,
            password.expose_secret()
        ));
    };
    // The registry says 1.
    set(2);
    assert_eq!(proxy.wire("alpha").value("select 1"), "1");
    set(3);
    let end = "select pg_terminate_backend(pid) from pg_stat_activity where usename = '{}'";
    proxy.admin().run(&end.replace("{}", &proxy.role("alpha")));
    eventually("it cannot log in", || {
        proxy.wire_with("alpha", &[]).is_err_and(|error| error.contains("08006"))
            || proxy.wire("alpha").query("select 1")[0].starts_with("Error ERROR 08006")
    });
}
