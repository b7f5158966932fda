//! What a service manager passes to the program, and what it is told.

use std::net::TcpListener;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

use crate::support::binary::Binary;

/// The next message that is no sign of life.
fn told(socket: &UnixDatagram) -> String {
    loop {
        let mut buffer = [0; 4096];
        let n = socket.recv(&mut buffer).expect("a message in time");
        let text = String::from_utf8(buffer[..n].to_vec()).unwrap();
        if text != "WATCHDOG=1" {
            return text;
        }
    }
}

#[test]
fn service_manager_is_told_of_start_reload_and_end_and_gets_signs_of_life() {
    let dir = tempfile::Builder::new().prefix("pgt").tempdir_in("/tmp").unwrap();
    let path = dir.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let path = path.display().to_string();
    let variables = [("NOTIFY_SOCKET", path.as_str()), ("WATCHDOG_USEC", "200000")];
    let mut binary = Binary::start_with(&[], &variables);
    assert_eq!(told(&socket), "READY=1\nSTATUS=serving");
    let mut buffer = [0; 64];
    let n = socket.recv(&mut buffer).unwrap();
    assert_eq!(&buffer[..n], b"WATCHDOG=1");
    binary.signal("-HUP");
    let reloading = told(&socket);
    let micros = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").expect(&reloading);
    assert!(micros.parse::<u64>().unwrap() > 0);
    assert_eq!(told(&socket), "READY=1\nSTATUS=serving");
    let path = binary.dir().join("pgtenant.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{text}\n[nonsense]\n")).unwrap();
    binary.signal("-HUP");
    assert!(told(&socket).starts_with("RELOADING=1\n"));
    assert!(told(&socket).contains("cannot be used"));
    std::fs::write(&path, text).unwrap();
    binary.signal("-HUP");
    assert!(told(&socket).starts_with("RELOADING=1\n"));
    assert_eq!(told(&socket), "READY=1\nSTATUS=serving");
    binary.terminate();
    assert!(told(&socket).starts_with("STOPPING=1\n"));
    assert!(binary.wait().success());
}

#[test]
fn master_key_may_be_a_credential_which_root_owns_and_a_list_lets_the_service_read() {
    let base = Binary::start(&["alpha"]);
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("master.key");
    std::fs::copy(base.dir().join("master.key"), &key).unwrap();
    // As `stat` shows it.
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o440)).unwrap();
    let start = || {
        let mut serve = Command::new(assert_cmd::cargo::cargo_bin!("pgtenant"));
        serve.arg("serve").current_dir(base.dir());
        serve
            .env("PGTENANT_CONFIG", base.dir().join("pgtenant.toml"))
            .env("PGTENANT_SECRETS_MASTER_KEY_FILE", &key);
        serve
    };
    let output = start().output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && error.contains("others can read or write"), "{error}");
    let mut serve = start();
    serve.env("CREDENTIALS_DIRECTORY", dir.path());
    base.start_by(serve).wire("alpha").run("select 1");
}

#[test]
fn sockets_that_are_passed_are_used_in_place_of_opening_them() {
    let base = Binary::start(&["alpha"]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    socket2::SockRef::from(&listener).set_cloexec(false).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let start = |addresses: &str| {
        // Its redirections know descriptors above 9.
        let mut shell = Command::new("bash");
        let program = assert_cmd::cargo::cargo_bin!("pgtenant").display().to_string();
        let passed = match listener.as_raw_fd() {
            3 => String::new(),
            other => format!("exec 3<&{other} {other}<&-; "),
        };
        let script = format!("{passed}export LISTEN_PID=$$ LISTEN_FDS=1; exec \"$0\" serve");
        shell.args(["-c", &script, &program]).current_dir(base.dir());
        shell
            .env("PGTENANT_CONFIG", base.dir().join("pgtenant.toml"))
            .env("PGTENANT_LISTEN_ADDRESSES", addresses);
        shell
    };
    let passed = base.start_by(start(&address));
    assert_eq!(passed.addr().to_string(), address);
    passed.wire("alpha").run("select 1");
    drop(passed);
    // The service manager keeps it: who connects now waits for the next process.
    let waiting = std::net::TcpStream::connect(&address).unwrap();
    let again = base.start_by(start(&address));
    again.wire("alpha").run("select 1");
    drop((waiting, again));
    // Also where what is configured cannot be opened beside it.
    let taken = format!("0.0.0.0:{}", listener.local_addr().unwrap().port());
    for addresses in ["127.0.0.2:0", &taken] {
        let output = start(addresses).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && error.contains("which is none of `listen.addresses`"), "{error}");
    }
}
