//! Where things are: addresses, hosts, paths.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use crate::config::kind::{Given, Wrong, count, shown};
use crate::config::tls::ListenMode;

/// At least one address, none twice.
pub(in crate::config) fn addresses(given: Given<'_>) -> Result<Vec<SocketAddr>, Wrong> {
    let addresses = addresses_or_none(given)?;
    if addresses.is_empty() {
        return Err(Wrong::new(
            "no address to listen on",
            "give at least one, for example \"127.0.0.1:6432\"",
        ));
    }
    Ok(addresses)
}

/// Addresses, none twice; there may be none.
pub(in crate::config) fn addresses_or_none(given: Given<'_>) -> Result<Vec<SocketAddr>, Wrong> {
    let addresses = given.list()?.iter().map(|text| address(text)).collect::<Result<Vec<_>, _>>()?;
    for (nth, later) in addresses.iter().enumerate() {
        if let Some(earlier) = addresses[..nth].iter().find(|earlier| collide(**earlier, *later)) {
            let wrong = if earlier == later {
                format!("{later} is listed twice")
            } else {
                format!("{earlier} and {later} overlap, only one of them can be opened")
            };
            return Err(Wrong::new(wrong, "remove one of the two"));
        }
    }
    Ok(addresses)
}

/// Addresses, each once, with what holds there.
pub(in crate::config) fn tls_by_address(given: Given<'_>) -> Result<Vec<(SocketAddr, ListenMode)>, Wrong> {
    let mut all: Vec<(SocketAddr, ListenMode)> = Vec::new();
    for text in given.list()?.iter() {
        let remedy = "write an address of `listen.addresses` and, behind a space, off, preferred or required";
        let (at, word) = text.split_once(' ').unwrap_or((text, ""));
        let mode = match word.trim() {
            "off" => ListenMode::Off,
            "preferred" => ListenMode::Preferred,
            "required" => ListenMode::Required,
            _ => return Err(Wrong::new(format!("{} does not say what holds there", shown(text)), remedy)),
        };
        let at = address(at)?;
        if all.iter().any(|(other, _)| *other == at) {
            return Err(Wrong::new(format!("{at} is listed twice"), "remove one of the two"));
        }
        all.push((at, mode));
    }
    Ok(all)
}

fn address(text: &str) -> Result<SocketAddr, Wrong> {
    text.parse().map_err(|_| {
        let remedy = match (text.parse::<IpAddr>(), text.rsplit_once(':')) {
            (Ok(IpAddr::V6(ip)), _) => format!("add a port, for example \"[{ip}]:6432\""),
            (Ok(ip), _) => format!("add a port, for example \"{ip}:6432\""),
            (_, Some(("*" | "", port))) => {
                format!("for all addresses write \"0.0.0.0:{port}\" and \"[::]:{port}\"")
            }
            _ => "write an IP address and a port, for example \"127.0.0.1:6432\", \
                  or \"0.0.0.0:6432\" for all addresses"
                .into(),
        };
        Wrong::new(format!("{} is not an address with a port", shown(text)), remedy)
    })
}

/// Whether two listeners cannot both be opened. Port 0 is a free port each time.
/// Whether only one of them can be opened.
pub(in crate::config) fn collide(a: SocketAddr, b: SocketAddr) -> bool {
    let wildcard = a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() == b.port() && a.port() != 0 && (a.ip() == b.ip() || wildcard && a.is_ipv4() == b.is_ipv4())
}

/// An absolute directory, or `None` for `"off"`.
pub(in crate::config) fn directory_or_off(given: Given<'_>) -> Result<Option<PathBuf>, Wrong> {
    let text = given.text()?;
    if text == "off" {
        return Ok(None);
    }
    if !text.starts_with('/') || text.contains('\0') {
        return Err(Wrong::new(
            format!("{} is not an absolute path", shown(text)),
            "write a directory beginning with /, for example \"/run/pgtenant\", or \"off\"",
        ));
    }
    Ok(Some(PathBuf::from(text)))
}

/// A file, or `None` for `off`.
pub(in crate::config) fn absolute_path_or_off(given: Given<'_>) -> Result<Option<PathBuf>, Wrong> {
    let text = given.text()?;
    if text == "off" {
        return Ok(None);
    }
    if !text.starts_with('/') || text.ends_with('/') || text.contains('\0') {
        return Err(Wrong::new(
            format!("{} is not the absolute path of a file", shown(text)),
            "write a path beginning with /, for example \"/run/pgtenant/takeover\", or \"off\"",
        ));
    }
    Ok(Some(PathBuf::from(text)))
}

/// A domain name, without a dot at either end.
pub(in crate::config) fn domain_or_off(given: Given<'_>) -> Result<Option<String>, Wrong> {
    let text = given.text()?;
    if text == "off" {
        return Ok(None);
    }
    let is_label = |label: &str| {
        (1..=63).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    if text.len() > 253 || !text.split('.').all(is_label) {
        let remedy = "write it like `db.example.com`, without `*.`, or \"off\"";
        return Err(Wrong::new("this is not a domain name", remedy));
    }
    Ok(Some(text.to_ascii_lowercase()))
}

/// A file, or `None` for `"off"`. Not repeated in errors: it may be what should be in the file.
pub(in crate::config) fn file_or_off(given: Given<'_>) -> Result<Option<PathBuf>, Wrong> {
    let text = given.text()?;
    if text == "off" {
        Ok(None)
    } else {
        pem_file(text, "write the path of a PEM file, or \"off\"").map(Some)
    }
}

/// Files. Not repeated in errors: an entry may be a key itself.
pub(in crate::config) fn pem_files(given: Given<'_>) -> Result<Vec<PathBuf>, Wrong> {
    given.list()?.iter().map(|text| pem_file(text, "write the paths of PEM files")).collect()
}

fn pem_file(text: &str, remedy: &str) -> Result<PathBuf, Wrong> {
    if text.contains("-----BEGIN") {
        let remedy = "put it into a file of its own and the path of that file here";
        return Err(Wrong::new("this looks like what belongs into the file, not like its path", remedy));
    }
    if text.trim().is_empty() || text.contains('\0') {
        return Err(Wrong::new("this is not a path", remedy));
    }
    Ok(PathBuf::from(text))
}

/// Several hosts, each with a port of its own if it has another: `"db2"`, `"db3:5433"`, `"[::1]:5433"`, `"/run/pg"`.
pub(in crate::config) fn hosts(given: Given<'_>) -> Result<Vec<(String, Option<u16>)>, Wrong> {
    given.list()?.iter().map(|text| host_and_port(text)).collect()
}

fn host_and_port(text: &str) -> Result<(String, Option<u16>), Wrong> {
    let (name, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((name, rest)) => (name, rest.strip_prefix(':')),
        // More colons are an IPv6 address without a port.
        None => match text.rsplit_once(':') {
            Some((name, port)) if !name.contains(':') && !name.starts_with('/') => (name, Some(port)),
            _ => (text, None),
        },
    };
    let port = port.map(|port| self::port(Given::Variable(port))).transpose()?;
    Ok((host(Given::Variable(name))?, port))
}

/// One host, as libpq's `host` has it. Not repeated in errors: a URL put here may hold a password.
pub(in crate::config) fn host(given: Given<'_>) -> Result<String, Wrong> {
    let text = given.text()?;
    let bad = |wrong: &str, remedy: &str| Err(Wrong::new(wrong, remedy));
    if text.starts_with('/') && !text.contains('\0') || text.parse::<IpAddr>().is_ok() {
        return Ok(text.to_owned());
    }
    if text.is_empty() {
        return bad(
            "the host is empty",
            "write a host name, an IP address or the directory of a Unix socket",
        );
    }
    if text.contains("://") {
        return bad(
            "a URL is not a host",
            "write the host alone; the port goes to server.port, the database to server.database, and there is no password",
        );
    }
    if text.contains(',') {
        return bad("several hosts are given", "give one; others of the cluster go to server.failover_hosts");
    }
    if text.starts_with('[') {
        return bad(
            "brackets do not belong to a host",
            "write the IPv6 address without brackets, the port in server.port",
        );
    }
    if text.contains(':') {
        return bad("a colon does not belong to a host", "write the host alone and the port in server.port");
    }
    let letters = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    if !text.chars().all(letters) {
        return bad(
            "a host name has only letters, digits, dots and hyphens",
            "write a host name, an IP address, or the directory of a Unix socket beginning with /",
        );
    }
    Ok(text.to_owned())
}

/// A TCP port.
pub(in crate::config) fn port(given: Given<'_>) -> Result<u16, Wrong> {
    let number = count::<1, 65_535>(given)?;
    u16::try_from(number).map_err(|_| Wrong::new(format!("{number} is too large"), "give at most 65535"))
}

/// The same for the previous master key, or `None` for `off`.
pub(in crate::config) fn key_file_or_off(given: Given<'_>) -> Result<Option<PathBuf>, Wrong> {
    if given.text()? == "off" { Ok(None) } else { key_file(given).map(Some) }
}

/// The path of the file with the master key. Not repeated in errors: it may be the key itself.
pub(in crate::config) fn key_file(given: Given<'_>) -> Result<PathBuf, Wrong> {
    let text = given.text()?;
    if text.trim().is_empty() || text.contains('\0') {
        return Err(Wrong::new("this is not a path", "write the path of the file with the master key"));
    }
    if text.len() >= 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Wrong::new(
            "this looks like a key, not like the path of a file",
            "put the key into a file with mode 600 and its path here; if this was the key, make a new one",
        ));
    }
    Ok(Path::new(text).to_owned())
}
