//! The admin console, and what it reads.

mod admins;
mod commands;
mod drivers;
mod overview;
mod set;
mod shows;
mod stop;
mod suspend;

use std::collections::BTreeMap;

use pgtenant::auth::Verifier;
use pgtenant::config::Config;
use pgtenant::config::console::{ConsoleUser, Rights};
use postgres_protocol::password::scram_sha_256;

use crate::support::proxy::Proxy;
use crate::support::secrets::watch_for;
use crate::support::wire::Wire;

/// The password of the console's users.
const CONSOLE_PASSWORD: &str = "console staple";

/// Adds `ops`, who may change, and `exporter`, who may look.
fn with_users(config: &mut Config) {
    watch_for(CONSOLE_PASSWORD);
    let user = |name: &str, rights| ConsoleUser {
        name: name.to_owned(),
        verifier: Verifier::parse(&scram_sha_256(CONSOLE_PASSWORD.as_bytes())).unwrap(),
        rights,
    };
    config.console.users = vec![user("ops", Rights::Admin), user("exporter", Rights::Stats)];
}

fn start(tenants: &[&str], change: impl FnOnce(&mut Config) + Send) -> Proxy {
    Proxy::start(tenants, |config| {
        with_users(config);
        change(config);
    })
}

fn try_console(proxy: &Proxy, user: &str, password: &str) -> Result<Wire, String> {
    Wire::log_in(proxy.addr(), &[("user", user), ("database", "pgtenant")], password)
}

fn console(proxy: &Proxy, user: &str) -> Wire {
    try_console(proxy, user, CONSOLE_PASSWORD).expect("login")
}

/// The rows of a table, by the names of their columns.
fn rows(wire: &mut Wire, sql: &str) -> Vec<BTreeMap<String, String>> {
    wire.send(&crate::support::wire::query(sql));
    let (mut names, mut rows) = (Vec::new(), Vec::new());
    loop {
        let message = wire.recv();
        match message.tag {
            b'T' => names = columns(&message.body),
            b'D' => {
                let values = pgtenant::wire::view::text_row(&message.body).expect("a row of text");
                let values = values.into_iter().map(|value| value.unwrap_or("NULL").to_owned());
                rows.push(names.iter().cloned().zip(values).collect());
            }
            b'C' => {}
            b'Z' => return rows,
            _ => panic!("{sql}: {message}"),
        }
    }
}

/// The names in a RowDescription.
fn columns(body: &[u8]) -> Vec<String> {
    let (count, mut rest) = body.split_first_chunk().unwrap();
    let mut names = Vec::new();
    for _ in 0..u16::from_be_bytes(*count) {
        let (name, after) = pgtenant::wire::view::cstr(rest).unwrap();
        names.push(String::from_utf8(name.to_vec()).unwrap());
        rest = &after[18..];
    }
    assert!(rest.is_empty());
    names
}

/// The row in which a column has this value.
fn row(wire: &mut Wire, sql: &str, column: &str, value: &str) -> BTreeMap<String, String> {
    let all = rows(wire, sql);
    let found = all.iter().find(|row| row[column] == value);
    found.unwrap_or_else(|| panic!("{sql} has no {column} {value}: {all:#?}")).clone()
}
