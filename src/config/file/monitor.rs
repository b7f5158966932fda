//! Reads `[monitor]`.

use crate::config::Listen;
use crate::config::file::{Input, auth};
use crate::config::keys;
use crate::config::kind::{Wrong, collide};
use crate::config::monitor::{MetricsAccess, Monitor};
use crate::config::source::Source;

pub(super) fn monitor(
    source: &mut Source<'_>,
    input: &Input<'_>,
    listen: Option<&Listen>,
) -> Option<Monitor> {
    let addresses = source.take(&keys::MONITOR_ADDRESSES);
    let token_file = source.take(&keys::MONITOR_TOKEN_FILE);
    let tokens_from = source.take(&keys::MONITOR_TOKENS_FROM);
    let metrics_access = source.take(&keys::MONITOR_METRICS_ACCESS);
    let metrics_tenants = source.take(&keys::MONITOR_METRICS_TENANTS);
    let place = source.place(&keys::MONITOR_TOKEN_FILE.row);
    let monitor = Monitor {
        addresses: addresses?,
        token_file: token_file?.map(|path| auth::beside(&place, input, path)),
        tokens_from: tokens_from?,
        metrics_access: metrics_access?,
        metrics_tenants: metrics_tenants?,
    };
    if let Some(taken) = listen.and_then(|listen| {
        listen.addresses.iter().find(|taken| monitor.addresses.iter().any(|own| collide(*own, **taken)))
    }) {
        let wrong = Wrong::new(
            format!("clients connect to {taken}, which is one of `listen.addresses`"),
            "give it another port, for example 9632",
        );
        source.refuse(&keys::MONITOR_ADDRESSES.row, wrong);
    }
    if monitor.metrics_access == MetricsAccess::Token && monitor.token_file.is_none() {
        let wrong = Wrong::new(
            "nobody could scrape metrics: there are no tokens that do not expire",
            "name a file with tokens in `monitor.token_file`; `openssl rand -hex 32` makes one",
        );
        source.refuse(&keys::MONITOR_METRICS_ACCESS.row, wrong);
    }
    Some(monitor)
}
