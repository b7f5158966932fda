//! Drivers log in over TLS with everything that proves who they are.

use std::process::Command;

use pgtenant::auth::Access;

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
fn libpq_18_finds_the_issuer_and_logs_in_by_oauthbearer() {
    let authority = Authority::new("test authority");
    let listen = authority.listen(true);
    let proxy = Proxy::start(&["alpha"], |config| {
        tokens::with_tokens(config);
        config.auth.tokens_without_tls = pgtenant::config::auth::WithoutTls::Never;
        config.listen.tls = Some(listen);
    });
    let run = |user: &str, token: &str| {
        let mut command = python(&proxy, "bearer.py");
        command
            .env("LOGIN_HOST", HOST)
            .env("LOGIN_PORT", proxy.addr().port().to_string())
            .env("LOGIN_DATABASE", &proxy.db.name)
            .env("LOGIN_USER", user)
            .env("LOGIN_PASSWORD", token)
            .env("LOGIN_ISSUER", tokens::ISSUER)
            .env("LOGIN_CA", authority.file());
        command.output().unwrap()
    };
    let configuration = format!("18 {}/.well-known/openid-configuration", tokens::ISSUER);
    for user in ["oauth".to_owned(), format!("oauth.{}", proxy.user("alpha"))] {
        let told = stdout(&run(&user, &tokens::token(&proxy, "alpha")));
        assert_eq!(told.lines().collect::<Vec<_>>(), [proxy.role("alpha").as_str(), &configuration]);
    }
    let refused = |user: &str, token: &str| String::from_utf8_lossy(&run(user, token).stderr).into_owned();
    let said = refused("oauth", "eyJ.eyJ.x");
    assert!(said.contains("OAuth bearer authentication failed for user \"oauth\""), "{said}");
    let said = refused("oauth.beta", &tokens::token(&proxy, "alpha"));
    assert!(said.contains("this credential is not one of tenant \"beta\""), "{said}");
    // Beside SCRAM libpq takes that, as it would be said by PostgreSQL too.
    assert!(refused(&proxy.user("alpha"), "eyJ").contains("server requested SCRAM-SHA-256"));
}
