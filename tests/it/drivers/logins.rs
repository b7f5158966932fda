//! Drivers log in over TLS with everything that proves who they are.

use std::process::Command;

use pgtenant::auth::Access;
use pgtenant::config::auth::ClientCertificates;
use pgtenant::config::tls::ClientCertificate;

use crate::drivers::stories::{java, node, python};
use crate::support::proxy::{PASSWORD, Proxy, stdout};
use crate::support::tls::{Authority, HOST};
use crate::tokens;

/// A way to log in: user, database, password, and whether it may only read.
struct Way {
    user: String,
    database: String,
    password: String,
    reads: bool,
}

fn ways(proxy: &Proxy) -> Vec<Way> {
    let (alpha, app) = (proxy.user("alpha"), proxy.db.name.clone());
    let way = |user: &str, database: &str, password: String, reads| Way {
        user: user.to_owned(),
        database: database.to_owned(),
        password,
        reads,
    };
    vec![
        way(&alpha, &app, PASSWORD.to_owned(), false),
        way(&alpha, &alpha, PASSWORD.to_owned(), false),
        way(&format!("{alpha}.{alpha}"), &app, PASSWORD.to_owned(), false),
        way("token", &app, tokens::token(proxy, "alpha"), false),
        way(&format!("token.{alpha}"), &app, tokens::new_key(proxy, "alpha", Access::ReadWrite), false),
        way("token", &alpha, tokens::new_key(proxy, "alpha", Access::ReadOnly), true),
    ]
}

/// A driver's program that logs in and says as which role.
type Driver = fn(&Proxy) -> Command;

fn psql(proxy: &Proxy) -> Command {
    let mut command = proxy.program("psql", "alpha");
    let words = "host=$LOGIN_HOST hostaddr=127.0.0.1 port=$LOGIN_PORT dbname=$LOGIN_DATABASE user=$LOGIN_USER sslmode=verify-full sslrootcert=$LOGIN_CA";
    let psql = command.get_program().to_owned();
    command = Command::new("sh");
    let script = format!(
        "PGPASSWORD=$LOGIN_PASSWORD exec {} -XAtqc 'select current_user' -d \"{words}\"",
        psql.display()
    );
    command.args(["-c", &script]).env("HOME", "/nonexistent");
    command
}

#[test]
fn drivers_log_in_with_tls_by_password_token_and_key_and_name_their_tenant_in_each_way() {
    let authority = Authority::new("test authority");
    let listen = authority.listen(true);
    let proxy = Proxy::start(&["alpha", "beta"], |config| {
        tokens::with_tokens(config);
        config.auth.tokens_without_tls = pgtenant::config::auth::WithoutTls::Never;
        config.auth.api_keys = true;
        config.listen.tls = Some(listen);
    });
    let drivers: [(&str, Driver); 4] = [
        ("psql", psql),
        ("psycopg", |proxy| python(proxy, "login.py")),
        ("node-postgres", |proxy| node(proxy, "login.mjs")),
        ("pgjdbc", |proxy| java(proxy, "Login.java")),
    ];
    for way in ways(&proxy) {
        let role = if way.reads { format!("reader_{}", proxy.user("alpha")) } else { proxy.role("alpha") };
        for (name, driver) in drivers {
            let mut command = driver(&proxy);
            command
                .env("LOGIN_HOST", HOST)
                .env("LOGIN_PORT", proxy.addr().port().to_string())
                .env("LOGIN_DATABASE", &way.database)
                .env("LOGIN_USER", &way.user)
                .env("LOGIN_PASSWORD", &way.password)
                .env("LOGIN_CA", authority.file());
            let output = command.output().unwrap();
            assert_eq!(stdout(&output).trim(), role, "{name} as {} of {}", way.user, way.database);
        }
    }
}

#[test]
fn drivers_log_in_with_a_certificate_and_no_password() {
    let (authority, clients) = (Authority::new("test authority"), Authority::new("clients' authority"));
    let mut listen = authority.listen(true);
    listen.client_ca = Some(clients.client_ca(ClientCertificate::Required));
    let proxy = Proxy::start(&["alpha", "beta"], |config| {
        config.auth.client_certificates = ClientCertificates::Login;
        config.listen.tls = Some(listen);
    });
    let files = clients.issue(&proxy.user("alpha"), |_| {}).files;
    let drivers: [(&str, Driver); 3] = [
        ("psql", psql),
        ("psycopg", |proxy| python(proxy, "login.py")),
        ("node-postgres", |proxy| node(proxy, "login.mjs")),
    ];
    for (name, driver) in drivers {
        for tenant in ["alpha", "beta"] {
            let mut command = driver(&proxy);
            command
                .env("LOGIN_HOST", HOST)
                .env("LOGIN_PORT", proxy.addr().port().to_string())
                .env("LOGIN_DATABASE", &proxy.db.name)
                .env("LOGIN_USER", proxy.user(tenant))
                .env("LOGIN_PASSWORD", "")
                .env("LOGIN_CA", authority.file());
            for (file, variables) in
                [(&files.certificate, ["PGSSLCERT", "LOGIN_CERT"]), (&files.key, ["PGSSLKEY", "LOGIN_KEY"])]
            {
                command.envs(variables.map(|variable| (variable, file)));
            }
            let output = command.output().unwrap();
            if tenant == "alpha" {
                assert_eq!(stdout(&output).trim(), proxy.role("alpha"), "{name}");
            } else {
                let told = String::from_utf8_lossy(&output.stderr).into_owned();
                assert!(told.contains("certificate authentication failed for user"), "{name}: {told}");
            }
        }
    }
}
