//! How a client names its tenant, and that nothing else tells which there are.

use crate::support::proxy::{PASSWORD, Proxy, stdout};
use crate::support::tls::Authority;
use crate::support::wire::Wire;

fn proxy() -> Proxy {
    Proxy::start(&["alpha", "beta"], |_| {})
}

/// What comes of a login as this user, to this database, with these options.
fn log_in(proxy: &Proxy, user: &str, database: &str, options: &str) -> Result<Wire, String> {
    let parameters = [("user", user), ("database", database), ("options", options)];
    Wire::log_in(proxy.addr(), &parameters, PASSWORD)
}

fn wrong(user: &str) -> String {
    format!("Error FATAL 28P01 password authentication failed for user \"{user}\"")
}

fn refusal(result: Result<Wire, String>) -> String {
    result.err().expect("a refusal")
}

#[test]
fn tenant_is_named_by_the_database_the_user_name_and_an_option_alone_and_together() {
    let proxy = proxy();
    let (alpha, app) = (proxy.user("alpha"), proxy.db.name.clone());
    let id = proxy.run(proxy.db.summary("alpha")).tenant.id;
    let by_end = format!("{alpha}.{alpha}");
    let option = format!("-c pgtenant.tenant={alpha}");
    for (user, database, options) in [
        (alpha.as_str(), app.as_str(), ""),
        (&alpha, &alpha, ""),
        (&alpha, "", ""),
        (&by_end, &app, ""),
        (&by_end, &alpha, &option),
        (&alpha, &app, &option),
        (&alpha, &app, &format!("-c work_mem=1MB --pgtenant.tenant={id}")),
    ] {
        let mut wire = log_in(&proxy, user, database, options)
            .unwrap_or_else(|e| panic!("{user} {database} {options}: {e}"));
        assert_eq!(wire.value("select current_user"), proxy.role("alpha"));
        assert_eq!(wire.value("select current_database()"), app);
    }
}

#[test]
fn user_of_another_tenant_than_is_named_is_answered_as_one_of_a_tenant_that_there_is_not() {
    let proxy = proxy();
    let (alpha, beta, app) = (proxy.user("alpha"), proxy.user("beta"), proxy.db.name.clone());
    for other in [beta.as_str(), "nobody"] {
        let by_end = format!("{alpha}.{other}");
        assert_eq!(refusal(log_in(&proxy, &by_end, &app, "")), wrong(&by_end));
        let option = format!("-c pgtenant.tenant={other}");
        assert_eq!(refusal(log_in(&proxy, &alpha, &app, &option)), wrong(&alpha));
        let database = refusal(log_in(&proxy, &alpha, other, ""));
        assert_eq!(database, format!("Error FATAL 3D000 database \"{other}\" does not exist"));
    }
}

#[test]
fn names_that_contradict_each_other_are_refused_before_anything_is_proved() {
    let proxy = proxy();
    let alpha = proxy.user("alpha");
    for other in [proxy.user("beta").as_str(), "nobody"] {
        let told = refusal(log_in(&proxy, &alpha, other, &format!("-c pgtenant.tenant={alpha}")));
        let message = "the option pgtenant.tenant and the database name name different tenants";
        assert_eq!(told, format!("Error FATAL 28000 {message}"));
        // The password was right.
        let by_end = format!("{alpha}.{other}");
        let told = refusal(log_in(&proxy, &by_end, &alpha, ""));
        assert_eq!(told, "Error FATAL 28000 the end of the user name names another tenant than the user's");
    }
    let told = refusal(log_in(&proxy, &alpha, &proxy.db.name, "-c pgtenant.tenant=No-Slug"));
    assert!(told.contains("28000 the option pgtenant.tenant names no tenant"), "{told}");
}

#[test]
fn psql_names_its_tenant_by_the_host_it_asks_for_with_tls() {
    let authority = Authority::new("test authority");
    let listen = authority.listen(false);
    let proxy = Proxy::start(&["alpha", "beta"], |config| {
        config.listen.tls = Some(listen);
        config.listen.tenant_domain = Some("db.example.com".to_owned());
    });
    let psql = |host: &str, tenant: &str| {
        let host = format!("{}.db.example.com", host.replace('_', "-"));
        let words = format!("host={host} hostaddr=127.0.0.1 sslmode=require dbname={}", proxy.db.name);
        let mut command = proxy.program("psql", tenant);
        command.args(["-XAtqc", "select current_user", "-d", &words]).env("HOME", "/nonexistent");
        command.output().unwrap()
    };
    assert_eq!(stdout(&psql(&proxy.user("alpha"), "alpha")).trim(), proxy.role("alpha"));
    for other in [proxy.user("beta").as_str(), "nobody"] {
        let output = psql(other, "alpha");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            told.contains(&format!("password authentication failed for user \"{}\"", proxy.user("alpha"))),
            "{told}"
        );
    }
}
