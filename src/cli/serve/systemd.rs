//! systemd, or whoever speaks as it does: the sockets it passes (sd_listen_fds(3)), and what it is told (sd_notify(3)).

use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use anyhow::Context;
use listenfd::ListenFd;

use crate::net::listener::Listener;

/// Where it is told what the process does; nowhere if it did not ask.
#[derive(Debug, Default)]
pub(super) struct Systemd {
    socket: Option<(UnixDatagram, SocketAddr)>,
    /// How often it wants a sign of life.
    watchdog: Option<Duration>,
}

impl Systemd {
    /// As the environment says: `NOTIFY_SOCKET`, and `WATCHDOG_USEC` where `WATCHDOG_PID` is this process.
    pub(super) fn from_env() -> Self {
        let address = std::env::var_os("NOTIFY_SOCKET");
        let socket = address.and_then(|address| match reach(&address) {
            Ok(socket) => Some(socket),
            Err(error) => {
                tracing::warn!(%error, "the socket in NOTIFY_SOCKET cannot be used; nobody is told that this process is ready");
                None
            }
        });
        let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
        let is_ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let watchdog = number("WATCHDOG_USEC").filter(|micros| is_ours && *micros > 0);
        Self { socket, watchdog: watchdog.map(Duration::from_micros) }
    }

    /// The process serves, at the start and after a reload.
    pub(super) fn ready(&self) {
        self.tell("READY=1\nSTATUS=serving");
    }

    /// The same after a reload that changed nothing, as there is no other way to say so.
    pub(super) fn ready_as_before(&self) {
        self.tell(
            "READY=1\nSTATUS=serving; the configuration was read again and cannot be used, see the log",
        );
    }

    /// The same of a process that has taken over from another one, which was the main one.
    pub(super) fn ready_instead(&self) {
        self.tell(&format!("MAINPID={}\nREADY=1\nSTATUS=serving", std::process::id()));
    }

    /// A reload begins.
    pub(super) fn reloading(&self) {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let micros = i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1000;
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={micros}"));
    }

    /// The process ends.
    pub(super) fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=transactions may finish");
    }

    /// Gives signs of life, twice as often as they are asked for, for ever: as long as the runtime runs tasks.
    pub(super) async fn live(&self) {
        let Some(period) = self.watchdog else { return std::future::pending().await };
        loop {
            self.tell("WATCHDOG=1");
            tokio::time::sleep(period / 2).await;
        }
    }

    fn tell(&self, state: &str) {
        if let Some((socket, address)) = &self.socket
            && let Err(error) = socket.send_to_addr(state.as_bytes(), address)
        {
            tracing::warn!(%error, "the service manager cannot be told");
        }
    }
}

fn reach(address: &OsStr) -> io::Result<(UnixDatagram, SocketAddr)> {
    let socket = UnixDatagram::unbound()?;
    // Who does not read what it is told must not hold us up.
    socket.set_nonblocking(true)?;
    let address = match address.as_encoded_bytes().strip_prefix(b"@") {
        Some(name) => abstract_address(name)?,
        None => SocketAddr::from_pathname(address)?,
    };
    Ok((socket, address))
}

#[cfg(target_os = "linux")]
fn abstract_address(name: &[u8]) -> io::Result<SocketAddr> {
    <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name)
}

#[cfg(not(target_os = "linux"))]
fn abstract_address(_: &[u8]) -> io::Result<SocketAddr> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The sockets that were passed at the start, each listened on already. The files of Unix ones are not ours to remove.
///
/// # Errors
/// When one is something else.
pub(super) fn sockets() -> anyhow::Result<Vec<Listener>> {
    let mut passed = ListenFd::from_env();
    let mut listeners = Vec::new();
    for nth in 0..passed.len() {
        let socket = match passed.take_tcp_listener(nth) {
            Ok(found) => found.map(OwnedFd::from),
            Err(_) => passed.take_unix_listener(nth).context(NO_SOCKET)?.map(OwnedFd::from),
        };
        if let Some(socket) = socket {
            listeners.push(Listener::inherited(socket, false).context(NO_SOCKET)?);
        }
    }
    Ok(listeners)
}

const NO_SOCKET: &str = "the service manager passes something that is no socket to accept clients from; its socket unit may \
    only have ListenStream lines";
