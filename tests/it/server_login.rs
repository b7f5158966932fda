//! How the proxy proves to PostgreSQL who it is, where pg_hba.conf asks for no password.

use std::process::Command;

use pgtenant::cli::cluster::{Options, PrivateCluster};
use pgtenant::config::{Config, ServerAddress};

use crate::support::proxy::Proxy;

/// Tells the server to let in by these lines, and whom the process's account may be; then spoils all passwords.
fn let_in_by(private: &PrivateCluster, config: &Config, lines: &[&str]) {
    let psql = |sql: &str| {
        let url = private.superuser_url(&config.server.database);
        let output = Command::new(private.bin("psql")).args(["-XAtqc", sql, &url]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let account = Command::new("id").arg("-un").output().unwrap().stdout;
    let account = String::from_utf8(account).unwrap().trim().to_owned();
    let roles = psql("select rolname from pg_roles where rolcanlogin and rolname <> 'postgres'");
    let map: Vec<String> = roles.lines().map(|role| format!("proxy {account} {role}")).collect();
    let host = ["host all postgres 127.0.0.1/32 scram-sha-256"];
    for (file, lines) in [
        ("ident_file", map.join("\n")),
        ("hba_file", host.iter().chain(lines).copied().collect::<Vec<_>>().join("\n")),
    ] {
        let path = psql(&format!("show {file}"));
        psql(&format!("copy (select unnest(string_to_array('{lines}', E'\\n'))) to '{path}'"));
    }
    psql("select pg_reload_conf()");
    for role in roles.lines() {
        psql(&format!("alter role {role} password 'another'"));
    }
}

fn serves(lines: &[&str], unix: bool) {
    let private = PrivateCluster::start(&Options::default()).unwrap();
    let proxy = Proxy::on(&private, &["alpha"], |config| {
        if unix {
            let socket = private.socket_dir().join(format!(".s.PGSQL.{}", private.port()));
            config.server.address = ServerAddress::Unix(socket);
        }
        let_in_by(&private, config, lines);
    });
    assert_eq!(proxy.wire("alpha").value("select current_user"), proxy.role("alpha"));
}

#[test]
fn peer_with_a_map_of_the_proxy_s_account_to_each_role_lets_it_in() {
    serves(&["local all all peer map=proxy"], true);
}

#[test]
fn trust_lets_it_in() {
    serves(&["host all all 127.0.0.1/32 trust"], false);
}
