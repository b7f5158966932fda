//! Drivers log in over TLS with everything that proves who they are.

use std::path::PathBuf;
use std::process::Command;

use pgtenant::auth::Access;
use pgtenant::config::tls::{ListenTls, ServerMode, ServerTls};
use pgtenant::net::tls::ControlTls;
use rcgen::SanType;

use crate::drivers::stories::{java, node, python};
use crate::support::proxy::{PASSWORD, Proxy, stdout};
use crate::support::tls::{Authority, HOST, Issued};
use crate::tokens;

/// A way to log in.
struct Way {
    what: &'static str,
    user: String,
    database: String,
    password: String,
    host: String,
    options: String,
    /// Whether it may only read.
    reads: bool,
}

fn ways(proxy: &Proxy) -> Vec<Way> {
    let (alpha, app) = (proxy.user("alpha"), proxy.db.name.clone());
    let way = |what, user: &str, password: &str| Way {
        what,
        user: user.to_owned(),
        database: app.clone(),
        password: password.to_owned(),
        host: HOST.to_owned(),
        options: String::new(),
        reads: false,
    };
    let password = |what| way(what, &alpha, PASSWORD);
    vec![
        password("password"),
        Way { database: alpha.clone(), ..password("tenant by the database") },
        Way { user: format!("{alpha}.{alpha}"), ..password("tenant by the end of the user name") },
        Way { options: format!("-c pgtenant.tenant={alpha}"), ..password("tenant by the option") },
        Way { host: format!("{}.{HOST}", alpha.replace('_', "-")), ..password("tenant by the host name") },
        way("token", "token", &tokens::token(proxy, "alpha")),
        way("key", &format!("token.{alpha}"), &tokens::new_key(proxy, "alpha", Access::ReadWrite)),
        Way {
            database: alpha.clone(),
            reads: true,
            ..way("key that only reads", "token", &tokens::new_key(proxy, "alpha", Access::ReadOnly))
        },
    ]
}

/// A driver's program that logs in and says as which role.
type Driver = fn(&Proxy) -> Command;

fn psql(proxy: &Proxy) -> Command {
    let psql = proxy.program("psql", "alpha").get_program().to_owned();
    let mut command = Command::new("sh");
    let words = "host=$LOGIN_HOST hostaddr=127.0.0.1 port=$LOGIN_PORT dbname=$LOGIN_DATABASE user=$LOGIN_USER options='$LOGIN_OPTIONS' \
                 sslmode=verify-full sslrootcert=$LOGIN_CA sslcert='$LOGIN_CERTIFICATE' sslkey='$LOGIN_KEY'";
    let script = format!(
        "PGPASSWORD=$LOGIN_PASSWORD exec {} -XAtqc 'select current_user' -d \"{words}\"",
        psql.display()
    );
    command.args(["-c", &script]).env("HOME", "/nonexistent");
    command
}

const DRIVERS: [(&str, Driver); 4] = [
    ("psql", psql),
    ("psycopg", |proxy| python(proxy, "login.py")),
    ("node-postgres", |proxy| node(proxy, "login.mjs")),
    ("pgjdbc", |proxy| java(proxy, "Login.java")),
];

/// As which role each driver is logged in.
fn roles(
    proxy: &Proxy,
    authority: &Authority,
    way: &Way,
    shown: Option<&Issued>,
) -> Vec<(&'static str, String)> {
    let path = |path: Option<&PathBuf>| path.map_or_else(String::new, |path| path.display().to_string());
    let files = shown.map(|issued| &issued.files);
    let mut roles = Vec::new();
    for (name, driver) in DRIVERS {
        let mut command = driver(proxy);
        command
            .env("LOGIN_HOST", &way.host)
            .env("LOGIN_PORT", proxy.addr().port().to_string())
            .env("LOGIN_DATABASE", &way.database)
            .env("LOGIN_USER", &way.user)
            .env("LOGIN_PASSWORD", &way.password)
            .env("LOGIN_OPTIONS", &way.options)
            .env("LOGIN_CERTIFICATE", path(files.map(|files| &files.certificate)))
            .env("LOGIN_KEY", path(files.map(|files| &files.key)))
            .env("LOGIN_CA", authority.file());
        roles.push((name, stdout(&command.output().unwrap()).trim().to_owned()));
    }
    let tls = ControlTls::new(&ServerTls {
        mode: ServerMode::VerifyFull,
        ca: Some(authority.file()),
        identity: files.cloned(),
    });
    let mut login = tokio_postgres::Config::new();
    login.host(&way.host).hostaddr(proxy.addr().ip()).port(proxy.addr().port()).dbname(&way.database);
    login.user(&way.user).password(&way.password).options(&way.options);
    tls.apply_to(&mut login);
    let role = proxy.run(async move {
        let (client, connection) = login.connect(tls).await.expect("login");
        let asked = client.query_one("select current_user::text", &[]);
        tokio::select! {
            row = asked => row.unwrap().get::<_, String>(0),
            ended = connection => panic!("{ended:?}"),
        }
    });
    roles.push(("tokio-postgres", role));
    roles
}

#[test]
fn drivers_log_in_with_tls_by_password_token_and_key_and_name_their_tenant_in_each_way() {
    let authority = Authority::new("test authority");
    let plain = authority.listen(true);
    let certificate = authority.issue(HOST, |params| {
        params.subject_alt_names.push(SanType::DnsName(format!("*.{HOST}").try_into().unwrap()));
    });
    let listen = ListenTls { identity: certificate.files, ..plain };
    let proxy = Proxy::start(&["alpha", "beta"], |config| {
        tokens::with_tokens(config);
        config.auth.tokens_without_tls = pgtenant::config::auth::WithoutTls::Never;
        config.auth.api_keys = true;
        config.listen.tls = Some(listen);
        config.listen.tenant_domain = Some(HOST.to_owned());
    });
    for way in ways(&proxy) {
        let role = if way.reads { format!("reader_{}", proxy.user("alpha")) } else { proxy.role("alpha") };
        for (driver, found) in roles(&proxy, &authority, &way, None) {
            assert_eq!(found, role, "{driver} with {}", way.what);
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
