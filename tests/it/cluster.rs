//! The private server itself.

use std::process::Command;

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
