//! Whether this machine lets us listen where the configuration says.

use std::fs::{self, OpenOptions};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::Path;

use crate::config::Listen;
use crate::config::problem::{Place, Problem, Problems};

pub(super) fn check(listen: &Listen, problems: &mut Problems) {
    for address in &listen.addresses {
        if let Err(error) = TcpListener::bind(address) {
            let wrong = format!("cannot listen on {address}: {error}");
            problems.push(found("listen.addresses", wrong, address_remedy(*address, &error)));
        }
    }
    let port = listen.addresses.first().map_or(0, SocketAddr::port);
    if let Some((wrong, remedy)) = listen.unix_socket_dir.as_deref().and_then(|dir| check_dir(dir, port)) {
        problems.push(found("listen.unix_socket_dir", wrong, remedy));
    }
}

fn found(key: &str, wrong: String, remedy: String) -> Problem {
    Problem { place: Place::Machine, key: Some(key.to_owned()), wrong, remedy }
}

fn address_remedy(address: SocketAddr, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "stop what listens there (`ss -ltnp 'sport = :{}'` shows it), or choose another port; \
             if it is pgtenant itself, check with --offline",
            address.port()
        ),
        io::ErrorKind::AddrNotAvailable => format!(
            "this machine has no address {}; `ip address` lists those it has, 0.0.0.0 means all",
            address.ip()
        ),
        io::ErrorKind::PermissionDenied => {
            "choose a port above 1023, or let pgtenant open lower ones (CAP_NET_BIND_SERVICE)".to_owned()
        }
        _ => "choose another address".to_owned(),
    }
}

/// What is wrong with the directory of the Unix socket, and the remedy.
fn check_dir(dir: &Path, port: u16) -> Option<(String, String)> {
    let shown = dir.display();
    match fs::metadata(dir) {
        Err(error) => {
            return Some((format!("{shown} cannot be used: {error}"), format!("make it: mkdir -p {shown}")));
        }
        Ok(metadata) if !metadata.is_dir() => {
            return Some((format!("{shown} is not a directory"), "name a directory".to_owned()));
        }
        Ok(_) => {}
    }
    let socket = dir.join(format!(".s.PGSQL.{port}"));
    if UnixStream::connect(&socket).is_ok() {
        return Some((
            format!("another program listens on {}", socket.display()),
            "stop it, or use another directory or port; if it is pgtenant itself, check with --offline"
                .to_owned(),
        ));
    }
    // Whether one may write is known only by writing: file systems refuse for more reasons than modes.
    let probe = dir.join(format!(".pgtenant-check-{}", std::process::id()));
    let written =
        OpenOptions::new().write(true).create_new(true).open(&probe).and_then(|_| fs::remove_file(&probe));
    let error = written.err()?;
    Some((
        format!("cannot write to {shown}: {error}"),
        format!("let the user that runs pgtenant write to {shown}, or use another directory"),
    ))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::path::PathBuf;
    use std::time::Duration;

    use super::*;

    fn listen(addresses: Vec<SocketAddr>, unix_socket_dir: Option<PathBuf>) -> String {
        let listen = Listen {
            addresses,
            unix_socket_dir,
            max_clients: 1,
            auth_timeout: Duration::from_secs(1),
            tenant_domain: None,
            threads: None,
            max_unauthenticated: 100,
            failures: crate::auth::FailureLimits::default(),
            tcp_keepalive: None,
            tcp_user_timeout: None,
            shutdown_timeout: Duration::ZERO,
            drain_delay: Duration::ZERO,
            takeover_socket: None,
            tls: None,
        };
        let mut problems = Problems::default();
        check(&listen, &mut problems);
        problems.to_string()
    }

    #[test]
    fn free_port_and_writable_directory_are_good_and_left_as_they_were() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(listen(vec!["127.0.0.1:0".parse().unwrap()], Some(dir.path().to_owned())), "");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn port_in_use_is_found() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let found = listen(vec![address], None);
        assert!(found.starts_with("this machine: listen.addresses: cannot listen on 127.0.0.1:"), "{found}");
        assert!(found.contains("stop what listens there"), "{found}");
    }

    #[test]
    fn address_of_another_machine_is_found() {
        // TEST-NET-1 (RFC 5737): no machine has it.
        let found = listen(vec!["192.0.2.1:0".parse().unwrap()], None);
        assert!(found.contains("this machine has no address 192.0.2.1"), "{found}");
    }

    #[test]
    fn directory_that_is_missing_a_file_or_in_use_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("missing");
        assert!(listen(vec![], Some(missing)).contains("mkdir -p"));
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(listen(vec![], Some(file)).contains("is not a directory"));
        let _other = UnixListener::bind(dir.path().join(".s.PGSQL.0")).unwrap();
        assert!(listen(vec![], Some(dir.path().to_owned())).contains("another program listens on"));
    }
}
