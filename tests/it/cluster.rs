//! The private server itself.

use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use pgtenant::cli::cluster::{Options, PrivateCluster, Stop};

fn psql(cluster: &PrivateCluster, url: &str) -> Result<String, String> {
    let output =
        Command::new(cluster.bin("psql")).args(["-XAtw", "-c", "select 1", url]).output().expect("psql runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

#[test]
fn private_server_needs_a_password_survives_a_crash_and_leaves_nothing() {
    let mut cluster = PrivateCluster::start(&Options::default()).unwrap();
    let url = cluster.superuser_url("postgres");
    assert_eq!(psql(&cluster, &url), Ok("1".into()));

    let socket = format!("host={} port={} user=postgres", cluster.socket_dir().display(), cluster.port());
    assert!(psql(&cluster, &socket).unwrap_err().contains("no password supplied"));
    let with_password = format!("{socket} password={}", cluster.superuser_password());
    assert_eq!(psql(&cluster, &with_password), Ok("1".into()));

    cluster.stop(Stop::Immediate).unwrap();
    assert!(psql(&cluster, &url).is_err());
    cluster.restart().unwrap();
    assert_eq!(psql(&cluster, &url), Ok("1".into()));
    assert!(cluster.log().contains("ready to accept connections"));

    let dir = cluster.socket_dir().to_owned();
    drop(cluster);
    assert!(!dir.exists());
}

/// Not a test by itself: the process that the next test kills.
#[test]
#[ignore = "run by killed_process_leaves_no_server_behind"]
fn process_with_a_server() {
    let cluster = PrivateCluster::start(&Options::default()).unwrap();
    println!("\nport {}", cluster.port());
    let _ = std::io::stdin().read(&mut [0]);
}

#[test]
fn killed_process_leaves_no_server_behind() {
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", "cluster::process_with_a_server"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let port = lines.map_while(Result::ok).find_map(|line| line.strip_prefix("port ")?.parse::<u16>().ok());
    let mut connection = TcpStream::connect(("127.0.0.1", port.expect("a port"))).unwrap();
    process.kill().unwrap();
    process.wait().unwrap();
    // The server closes it at its end; nobody else would for a minute.
    connection.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let end = connection.read_to_end(&mut Vec::new()).map_err(|error| error.kind());
    assert!(matches!(end, Ok(_) | Err(ErrorKind::ConnectionReset)), "{end:?}");
}
