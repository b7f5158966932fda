//! `pgtenant health`: whether the proxy of this configuration answers, for health checks of containers.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;

use crate::cli::load::ConfigArgs;
use crate::cli::out;
use crate::config::Config;
use crate::config::tls::ListenMode;
use crate::wire::view;

/// The user it calls itself; no tenant's, as `pgtenant` is reserved.
const USER: &str = "pgtenant_health";

/// Longest error that is read.
const MOST_BYTES: u64 = 8 << 10;

/// Ask the proxy of this configuration whether it lets clients log in: exit code 0 if it does, 1 if not. It needs no master
/// key and no password
#[derive(Args, Debug)]
pub(in crate::cli) struct HealthArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// How long to wait for each answer
    #[arg(long, value_name = "SECONDS", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=60))]
    timeout: u64,
}

pub(in crate::cli) fn run(args: &HealthArgs) -> anyhow::Result<ExitCode> {
    let config = args.config.load_any_key()?;
    let at = reachable(&config)?;
    ask(&config, at, Duration::from_secs(args.timeout))
        .with_context(|| format!("the proxy at {at} does not let clients log in"))?;
    out::line(format_args!("the proxy at {at} lets clients log in"));
    Ok(ExitCode::SUCCESS)
}

/// The first address that it listens on, as it is reached from here.
fn reachable(config: &Config) -> anyhow::Result<SocketAddr> {
    let Some(first) = config.listen.addresses.first().filter(|first| first.port() != 0) else {
        bail!(
            "the first of `listen.addresses` has port 0, so nobody knows where the proxy listens; give it a port"
        );
    };
    let ip = match first.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    Ok((ip, first.port()).into())
}

fn ask(config: &Config, at: SocketAddr, timeout: Duration) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect_timeout(&at, timeout)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    let mode =
        config.listen.tls.as_ref().and_then(|tls| Some(tls.mode_at(*config.listen.addresses.first()?)));
    if mode == Some(ListenMode::Required) {
        // Nothing else is taken in the clear, or goes without a line in the log. It cancels nothing.
        stream.write_all(&packet(80_877_102, &[0; 8]))?;
        let mut end = [0];
        return match stream.read(&mut end) {
            Ok(0) => Ok(()),
            Ok(_) => bail!("it answers what has no answer"),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(()),
            Err(error) => Err(error.into()),
        };
    }
    let words =
        format!("user\0{USER}\0database\0{}\0application_name\0pgtenant health\0\0", config.server.database);
    stream.write_all(&packet(196_608, words.as_bytes()))?;
    let mut head = [0; 5];
    stream.read_exact(&mut head)?;
    if head[0] == b'R' {
        return Ok(());
    }
    let mut body = Vec::new();
    stream.take(MOST_BYTES).read_to_end(&mut body)?;
    let field = |name| view::error_field(&body, name).map(String::from_utf8_lossy).unwrap_or_default();
    bail!("{} (SQLSTATE {})", field(b'M'), field(b'C'))
}

/// A first packet of protocol 3: length, code, body.
fn packet(code: i32, body: &[u8]) -> Vec<u8> {
    let length = i32::try_from(body.len() + 8).unwrap_or(i32::MAX);
    [&length.to_be_bytes()[..], &code.to_be_bytes(), body].concat()
}
