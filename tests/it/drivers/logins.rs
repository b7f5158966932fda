//! Drivers log in over TLS with everything that proves who they are.

use std::path::PathBuf;
use std::process::Command;

use pgtenant::auth::Access;
use pgtenant::config::auth::ClientCertificates;
use pgtenant::config::tls::{ClientCertificate, ListenTls, ServerMode, ServerTls};
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

fn by_password(proxy: &Proxy, what: &'static str) -> Way {
    Way {
        what,
        user: proxy.user("alpha"),
        database: proxy.db.name.clone(),
        password: PASSWORD.to_owned(),
        host: HOST.to_owned(),
        options: String::new(),
        reads: false,
    }
}

fn ways(proxy: &Proxy) -> Vec<Way> {
    let alpha = proxy.user("alpha");
    let password = |what| by_password(proxy, what);
    let way = |what, user: &str, password: &str| Way {
        user: user.to_owned(),
        password: password.to_owned(),
        ..by_password(proxy, what)
    };
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

/// As which role each driver is logged in, or what it is told.
fn logins(
    proxy: &Proxy,
    authority: &Authority,
    way: &Way,
    shown: Option<&Issued>,
) -> Vec<(&'static str, String)> {
    let path = |path: Option<&PathBuf>| path.map_or_else(String::new, |path| path.display().to_string());
    let files = shown.map(|issued| &issued.files);
    if let Some(issued) = shown {
        // pgjdbc reads a key only in this form.
        std::fs::write(format!("{}.pk8", issued.files.key.display()), issued.key_der()).unwrap();
    }
    let hosts = authority.path("hosts");
    std::fs::write(&hosts, format!("127.0.0.1 {}\n", way.host)).unwrap();
    let mut told = Vec::new();
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
            .env("LOGIN_CA", authority.file())
            .env("JAVA_TOOL_OPTIONS", format!("-Djdk.net.hosts.file={}", hosts.display()));
        let output = command.output().unwrap();
        let said = if output.status.success() { output.stdout } else { output.stderr };
        told.push((name, String::from_utf8_lossy(&said).trim().to_owned()));
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
    let by_tokio = proxy.run(async move {
        let (client, connection) = match login.connect(tls).await {
            Ok(both) => both,
            Err(error) => return format!("{error:?}"),
        };
        let asked = client.query_one("select current_user::text", &[]);
        tokio::select! {
            row = asked => row.unwrap().get::<_, String>(0),
            ended = connection => panic!("{ended:?}"),
        }
    });
    told.push(("tokio-postgres", by_tokio));
    told
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
        for (driver, told) in logins(&proxy, &authority, &way, None) {
            assert_eq!(told, role, "{driver} with {}", way.what);
        }
    }
    // The host name is said by each: that of another tenant's is refused.
    let host = format!("{}.{HOST}", proxy.user("beta").replace('_', "-"));
    let of_beta = Way { host, ..by_password(&proxy, "another tenant's host name") };
    for (driver, told) in logins(&proxy, &authority, &of_beta, None) {
        assert!(told.contains("password authentication failed"), "{driver}: {told}");
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

#[test]
fn drivers_log_in_with_a_certificate_and_no_password() {
    let (authority, clients) = (Authority::new("test authority"), Authority::new("clients' authority"));
    let mut listen = authority.listen(true);
    listen.client_ca = Some(clients.client_ca(ClientCertificate::Required));
    let proxy = Proxy::start(&["alpha", "beta"], |config| {
        config.auth.client_certificates = ClientCertificates::Login;
        config.listen.tls = Some(listen);
    });
    let shown = clients.issue(&proxy.user("alpha"), |_| {});
    let way = |tenant| Way {
        password: String::new(),
        user: proxy.user(tenant),
        ..by_password(&proxy, "certificate")
    };
    for (driver, told) in logins(&proxy, &authority, &way("alpha"), Some(&shown)) {
        assert_eq!(told, proxy.role("alpha"), "{driver}");
    }
    for (driver, told) in logins(&proxy, &authority, &way("beta"), Some(&shown)) {
        assert!(told.contains("certificate authentication failed for user"), "{driver}: {told}");
    }
}
