//! How it is found that the host at the other end is gone without a word: by probes while nothing is on its way ([`Vigil`]),
//! and by what it leaves unconfirmed (`Patience`).

use std::time::Duration;

use socket2::TcpKeepalive;

use crate::config::Listen;

/// Probes that are lost before a silent connection ends: with the time before the first, twice `listen.tcp_keepalive`.
const PROBES: u32 = 4;

/// With no more than this unread a peer that stopped reading still has room: smaller buffers are given to nobody's sockets.
const SURELY_FITS: u32 = 8 << 10;

/// What `listen.tcp_keepalive` and `listen.tcp_user_timeout` say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vigil {
    /// Silence after which a peer is probed.
    pub keepalive: Option<Duration>,
    /// How long it may leave unconfirmed what was sent to it.
    pub user_timeout: Option<Duration>,
}

impl Vigil {
    /// The configured one.
    #[must_use]
    pub const fn of(listen: &Listen) -> Self {
        Self { keepalive: listen.tcp_keepalive, user_timeout: listen.tcp_user_timeout }
    }

    /// Probes a quarter of the idle time apart. The system counts whole seconds and knows no 0 (tcp(7), `TCP_KEEPINTVL`).
    pub(in crate::net) fn probes(self) -> Option<TcpKeepalive> {
        let idle = self.keepalive?;
        let interval = (idle / PROBES).max(Duration::from_secs(1));
        Some(TcpKeepalive::new().with_time(idle).with_interval(interval).with_retries(PROBES))
    }
}

/// For how long a peer may leave unconfirmed what was written to it (tcp(7), `TCP_USER_TIMEOUT`).
///
/// The system also ends the connection of a host that is there, confirms every probe and has no room, because whoever was
/// written to does not read (`tcp_probe_timer`). A client may do that for as long as it likes, and a server that waits for
/// a lock. So the limit holds only while so little is unread that there must be room.
#[derive(Debug)]
pub(in crate::net) struct Patience {
    limit: Duration,
    /// Bytes that the peer has not shown to have read.
    unread: u32,
}

impl Patience {
    pub(in crate::net) const fn new(limit: Duration) -> Self {
        Self { limit, unread: 0 }
    }

    /// So much was written. `true` when the limit must go.
    pub(in crate::net) fn wrote(&mut self, bytes: usize) -> bool {
        let held = self.holds();
        self.unread = self.unread.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
        held && !self.holds()
    }

    /// All of it was read. `Some` when the limit holds again.
    pub(in crate::net) fn all_read(&mut self) -> Option<Duration> {
        let held = self.holds();
        self.unread = 0;
        (!held).then_some(self.limit)
    }

    const fn holds(&self) -> bool {
        self.unread <= SURELY_FITS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_holds_while_what_is_unread_surely_fits() {
        let mut patience = Patience::new(Duration::from_secs(5));
        assert_eq!(patience.all_read(), None, "it held");
        for _ in 0..8 {
            assert!(!patience.wrote(1024));
        }
        assert!(patience.wrote(1), "one more may not fit");
        assert!(!patience.wrote(usize::MAX), "it does not hold any more");
        assert_eq!(patience.all_read(), Some(Duration::from_secs(5)));
        assert_eq!(patience.all_read(), None);
        assert!(patience.wrote(usize::MAX));
    }

    #[test]
    fn silent_peer_is_given_up_after_twice_the_idle_time_whatever_it_is() {
        let probes = |secs| {
            let vigil = Vigil { keepalive: Some(Duration::from_secs(secs)), user_timeout: None };
            vigil.probes().unwrap()
        };
        let expected = |idle, interval| {
            let (idle, interval) = (Duration::from_secs(idle), Duration::from_secs(interval));
            TcpKeepalive::new().with_time(idle).with_interval(interval).with_retries(4)
        };
        assert_eq!(format!("{:?}", probes(60)), format!("{:?}", expected(60, 15)));
        // The system takes no interval of 0.
        assert_eq!(format!("{:?}", probes(2)), format!("{:?}", expected(2, 1)));
        assert!(Vigil::default().probes().is_none());
    }
}
